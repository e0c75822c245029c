/* trainer.h - walks a program's schedule tree over an engine and a state: trains, reports, draws pictures, saves, resumes.
 *
 * The same walk serves the interpreter, compiled code and native binaries. Everything that decides what happens next lies in
 * the state (counters, parameters, latest reports) and in the position in the tree, both of which a checkpoint holds, so a
 * run cut anywhere goes on to the same bits. */
#pragma once
#include "runtime/program.h"
#include "runtime/progress.h"

typedef struct TrainerReport {
    const char *name;
    const char *kind;                                       /* of estimate; NULL: nothing is said of it */
    const int64_t *samples;                                 /* GanOutput.samples; NULL before it was made */
    bool        made;                                       /* was it reported yet? */
    double      value;                                      /* the latest; NaN before */
} TrainerReport;

typedef struct TrainerExpect {
    const GanSchedule *node;
    bool               judged, held;
    const char        *unmade;                              /* a report that it asks, and that had not been made when it was judged; NULL: none */
    double            *side;  int n_sides;                  /* the outputs of its function behind the verdict, as numbers; NaN before it is judged */
} TrainerExpect;

enum { TRAINER_DEEPEST = 64 };
typedef struct TrainerPath { int n; int64_t at[2 * TRAINER_DEEPEST]; } TrainerPath;    /* a place in the schedule, from its root; n 0: its start */

typedef enum { TRAINER_DONE, TRAINER_INTERRUPTED, TRAINER_FAILED } TrainerEnd;

typedef struct TrainerResult {                              /* free with trainer_result_free */
    TrainerEnd     end;
    uint64_t       seed;                                    /* that it was begun with */
    TrainerReport *report;  int n_reports;
    TrainerExpect *expect;  int n_expects;
    double        *sides;                                   /* where those of all expectations are */
    int64_t        rounds;                                  /* of alternate blocks, those of the run resumed included */
    int64_t        rounds_here;                             /* done by this call ... */
    bool           was_over;                                /* the run resumed was finished: there was nothing to do */
    double         seconds;                                 /* ... in so many seconds */
    int            interrupt;                               /* when end is TRAINER_INTERRUPTED: 130, 143 or 129, by a signal; 141 when nobody reads the log any more; 0 by a hook */
    TrainerPath    path;                                    /* where a run goes on that has ended well, or was ended by a hook */
    int            failed_fn;                               /* the update whose loss became non-finite (the state is the one before it); -1: none */
    char           checkpoint[4096];                        /* the last one written; "" if none */
    bool           page;                                    /* its page is there, as of when it was last to be written */
} TrainerResult;

/* What a run has called, for who looks at why a call failed. It lives as long as the hook that is given it. */
typedef struct TrainerPast {
    void      *self;
    int64_t    n;                                           /* calls since the oldest state that is kept; the last is the one that failed */
    const int *fn;                                          /* the function of each */
    bool     (*back)(void *self, int64_t call);             /* the state becomes what it was before that call; false: there is no memory for it */
    bool       from_start;                                  /* the oldest state is the run's first one */
} TrainerPast;

typedef struct TrainerHooks {                               /* any may be NULL; `user` is handed back */
    void *user;
    void (*say)(void *user, const char *line);              /* a warning or a note for a person */
    bool (*next)(void *user);                               /* before each round; false ends the run there, without a save */
    bool (*round)(void *user);                              /* after each round; false ends the run as if interrupted, without a save */
    void (*failed)(void *user, int fn, GanState *state, const TrainerPast *past);   /* the call of fn left numbers that are not finite: the state before it */
    /* Where a run can be gone on from that has this state: before each round, and each statement outside of rounds. */
    void (*place)(void *user, const TrainerPath *here, int64_t rounds);
    bool (*again)(void *user);                              /* the run has come by the statement or place at hand before: what belongs into its files is there */
    bool (*before)(void *user, const GanSchedule *n);       /* each statement that holds no others; false ends the run there, as if interrupted, between places */
    bool (*after)(void *user, const GanSchedule *n, void *const *out);      /* it is done, with these outputs (NULL: it has none); false as before() */
} TrainerHooks;

/* What a run has written, where it does not walk straight on: log, checkpoints, pictures, page, each as far as the run has come (TrainerHooks.again). A walk that fails
 * takes what its round has logged back: the run goes on from that round's start. One that is ended by a hook leaves all as it is. */
typedef struct TrainerFiles TrainerFiles;

typedef struct TrainerOptions {
    int64_t      steps;                                     /* rounds of every alternate block; -1: the program's */
    const char  *out;                                       /* the run's folder; NULL: no files (no log unless named, no pictures, no checkpoints) */
    const char  *log;                                       /* a path, "-" for stdout; NULL: OUT/log.jsonl */
    TrainerFiles *files;                                    /* of trainer_files_new, with this `out`; NULL: the run makes its own of `out` and `log` */
    const char  *checkpoint;                                /* start from this file's state (not its position), or NULL */
    const uint64_t *seed;                                   /* a run that goes on must have been begun with this one (GAN_WRONG: it was not); NULL: with any */
    const TrainerResult *from;                              /* go on in the state as it is where this run has ended, or trainer_load has said; NULL: a new run */
    bool         resume;                                    /* go on from the newest good checkpoint in OUT that a run with these steps comes by too (GAN_WRONG: there
                                                               are only others, or none that is good); none there: from the start */
    double       save_seconds;                              /* a checkpoint about this often; 0: only at the end and where the program says */
    bool         watch_signals;                             /* that interrupt_begin, before, has taken: finish the round, save, return */
    int          progress_fd;                               /* where progress is drawn; -1: nowhere */
    bool         progress_terminal, progress_colour;
    TrainerHooks hooks;
} TrainerOptions;

/* Runs the schedule on a state made by state_new. GAN_OK when it was done or interrupted (result->end says which); otherwise
 * err says what went wrong and whether the program, its data or the world is to blame, and the last good state was saved. */
GanStatus trainer_run(const GanProgram *p, GanEngine *engine, GanState *state, const TrainerOptions *o, TrainerResult *result, GanError *err);
void      trainer_result_free(TrainerResult *r);

int64_t   trainer_rounds(const GanProgram *p, int64_t steps);       /* of the whole program, as far as is known before it runs: for progress */

/* Of a run that lives in memory. What it is before it has begun: no rounds, no reports, expectations not judged. Free it in any case. */
GanStatus trainer_result_new(const GanProgram *p, TrainerResult *r, GanError *err);

/* Writes a state and the place where its run goes on, as a run's own checkpoints are; `steps` as in the options. */
GanStatus trainer_save(const GanProgram *p, const GanState *state, int64_t steps, const TrainerResult *r, const char *path, GanError *err);

/* Reads both back: *r, of trainer_result_new, is that of the run that wrote the file. GAN_WRONG, with nothing changed: no checkpoint, of another
 * version of the program, of a run with other steps that one with these does not come by. */
GanStatus trainer_load(const GanProgram *p, GanState *state, int64_t steps, const char *path, TrainerResult *r, GanError *err);

/* The files of a new run, with the options' out and log; or with their resume of the one that is in that folder, if *found: its state and *r, of trainer_result_new, are read then. */
GanStatus trainer_files_new(const GanProgram *p, GanState *state, const TrainerOptions *o, TrainerResult *r, bool *found, TrainerFiles **files, GanError *err);
GanStatus trainer_files_free(TrainerFiles *f, GanError *err);       /* NULL is fine */

/* A run that goes no further: what a run leaves that is interrupted at the start of the round that its files have come to, which state and *r are of. */
GanStatus trainer_files_cut(const GanProgram *p, GanState *state, const TrainerOptions *o, TrainerResult *r, GanError *err);
