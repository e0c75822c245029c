/* trainer.h - walks a program's schedule tree over an engine and a state: trains, reports, draws pictures, saves, resumes.
 *
 * The same walk serves the interpreter, compiled code and native binaries. Everything that decides what happens next lies in
 * the state (counters, parameters, latest reports) and in the position in the tree, both of which a checkpoint holds, so a
 * run cut anywhere goes on to the same bits. */
#pragma once
#include "runtime/program.h"

typedef struct TrainerReport {                              /* the latest value of a report */
    const char *name;
    double      value;                                      /* NaN until it was reported */
    int64_t     step;                                       /* rounds done in its block when it was; -1: never */
} TrainerReport;

typedef struct TrainerExpect {
    const GanSchedule *node;
    bool               judged, held;
} TrainerExpect;

typedef enum { TRAINER_DONE, TRAINER_INTERRUPTED, TRAINER_TERMINATED, TRAINER_FAILED } TrainerEnd;

typedef struct TrainerResult {                              /* owned by the caller: trainer_result_free */
    TrainerEnd     end;
    TrainerReport *report;  int n_reports;
    TrainerExpect *expect;  int n_expects;
    int64_t        rounds;                                  /* rounds of alternate blocks done by this call */
    double         seconds;                                 /* in them */
    int            failed_fn;                               /* the update whose loss became non-finite (the state is the one before it); -1: none */
    int64_t        failed_step;
    char           checkpoint[4096];                        /* the last one written, "" if none */
} TrainerResult;

typedef struct TrainerHooks {                               /* any may be NULL; `user` is handed back */
    void *user;
    void (*say)(void *user, const char *line);              /* one finished line for a person: reports, warnings, where files went */
    void (*progress)(void *user, const char *line);         /* a line that the next one replaces */
    void (*round)(void *user, int64_t rounds);              /* after each round: `gan diff` compares states here; rounds counts over all blocks */
} TrainerHooks;

typedef struct TrainerOptions {
    int64_t      steps;                                     /* rounds of every alternate block; -1: the program's */
    const char  *out;                                       /* the run's folder; NULL: no files (no log unless named, no pictures, no checkpoints) */
    const char  *log;                                       /* a path, "-" for stdout; NULL: OUT/log.jsonl */
    const char  *checkpoint;                                /* start from this file's state (not its position), or NULL */
    bool         resume;                                    /* go on from the newest good checkpoint in OUT, if there is one */
    double       save_seconds;                              /* a checkpoint about this often; 0: only at the end and where the program says */
    bool         watch_signals;                             /* Ctrl-C and SIGTERM: finish the round, save, return */
    TrainerHooks hooks;
} TrainerOptions;

/* Runs the schedule. `state` is made by state_new. Statuses: GAN_OK also when interrupted (see result->end); otherwise err says
 * what went wrong and whether the program, its data, or the world is to blame. On a failure the last good state is saved first. */
GanStatus trainer_run(const GanProgram *p, GanEngine *engine, GanState *state, const TrainerOptions *o, TrainerResult *result, GanError *err);
void      trainer_result_free(TrainerResult *r);
