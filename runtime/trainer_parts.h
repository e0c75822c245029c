/* trainer_parts.h - what the files of the trainer share: the walk (trainer.c), positions in a schedule (position.c), and what is kept of
 * a run and how one goes on from it (keep.c). Others include trainer.h. */
#pragma once
#include "runtime/trainer.h"

#include "runtime/checkpoint.h"
#include "runtime/data/sum.h"
#include "runtime/log.h"
#include "runtime/picture.h"

typedef enum { GO_ON, LEAVE_BLOCK, INTERRUPTED, FAILED, REACHED } Flow;

typedef struct {                                            /* a round's start, to replay from */
    char       *bytes;                                      /* NULL: none yet */
    TrainerPath path;
    int64_t     rounds;
    double      when;
    bool        is_start;                                   /* of the run, which has called nothing but INIT */
} Snapshot;

struct TrainerFiles {                                       /* what a run writes, as far as it has come */
    Log                *log;
    CheckpointFolder   *folder;
    DataSums            data;
    bool                line_open, save_asked;
    const char        **named;                              /* what the asked save's file is to be called too */
    int                 n_named;
    Flow                lost;                               /* GO_ON, or how a log that can no longer be written ends the run */
    bool               *told_nan;                           /* of each report; it was said */
    int64_t             lines;                              /* of the log, where the round, or the statement outside of rounds, began that is under way */
    double              start, seconds_before, last_save;
    double              last_page, page_seconds;            /* when the run's page was written, and how long that took */
    const GanSchedule **picture;                            /* every picture of the program, and where its axes are */
    PictureAxes        *axes;  int n_pictures;
};

typedef struct Trainer {
    const GanProgram     *program;
    GanEngine            *engine;
    GanState             *state;
    const TrainerOptions *o;
    TrainerResult        *result;
    GanError             *err;
    TrainerFiles         *files;
    Progress             *progress;
    TrainerPath           here, resume;
    int                   resumed;                          /* how much of `resume` has been used */
    int64_t               round, rounds, rounds_here;       /* in the innermost block; over all of them; by this call */
    int                   step_slot;
    void               ***out;                              /* one buffer an output of each function, made when first needed */
    bool                  begun;                            /* a snapshot was made, or the run goes on from another */
    int                   blocks;                           /* how many alternate blocks the walk is inside of */
    bool                  left;                             /* the last one was left before its rounds were over */
    int                   bad_files;                        /* checkpoints that do not verify */
    int                   passed_over;                      /* those that a run with these steps would not have made */
    int                   of_others;                        /* of another program */
    int64_t               past_steps;                       /* of the newest of them: TrainerOptions.steps of the run that made it, */
    int64_t               past_rounds;                      /* and how far it had come */
    double                start;
    Snapshot              snapshot;
    int64_t               calls, replay_to;                 /* calls since the snapshot; the one to stop before, -1 when not replaying */
    int                  *called;                           /* functions of those calls, when the run is replayed; else NULL */
    int64_t               failed_round;
    TrainerPath           failed_at;                        /* outside of blocks: the statement that failed; of no length: inside of one */
} Trainer;

void        trainer_say(const Trainer *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static inline bool trainer_is_replaying(const Trainer *t) { return t->replay_to >= 0; }

/* ---- position.c: a path as text, and how far runs with other numbers of steps come -------------------------------- */

void        trainer_path_text(const TrainerPath *p, char *text, size_t n);
bool        trainer_path_read(const char *text, TrainerPath *p);                        /* false: it is none */
int64_t     trainer_rounds_of(const GanSchedule *block, int64_t steps);
bool        trainer_comes_by(const GanSchedule *n, const TrainerPath *p, int64_t then, int64_t now);
bool        trainer_is_worth_keeping(const Trainer *t, const GanSchedule *block);
bool        trainer_is_over(const Trainer *t, const TrainerPath *p);
TrainerPath trainer_end(const Trainer *t);

/* ---- keep.c: checkpoints of a run ---------------------------------------------------------------------------------- */

GanStatus   trainer_save_at(Trainer *t, const TrainerPath *path, GanError *err);        /* GAN_OK too where the run has no folder */
GanStatus   trainer_load_newest(Trainer *t, int64_t *lines, bool *found);               /* state, position, judged expectations */
GanStatus   trainer_load_named(Trainer *t);                                             /* the state of TrainerOptions.checkpoint */
GanStatus   trainer_check_place(Trainer *t, const SafeFile *f, const char *path);       /* before something is changed */
GanStatus   trainer_take_place(Trainer *t, const SafeFile *f, const char *path);        /* where the run was that wrote f, and its seed */
