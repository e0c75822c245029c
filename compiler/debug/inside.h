/* inside.h - what the files of the debugger share: the run at hand, its thread, and the histories.
 *
 * walk.c lets the run go and stand; time.c goes to and fro; change.c makes other programs and forks; look.c computes expressions and breakpoints. */
#pragma once
#include "compiler/debug/debug.h"
#include "compiler/debug/probe.h"
#include "compiler/debug/timeline.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct Build {                                      /* a program, read and compiled; histories share it */
    int     users;
    Options o;                                              /* as the command line's, with settings of its own */
    Source  source;
    Session s;                                              /* .game.state is the run's, with room for probes and judged expectations behind it */
} Build;

typedef struct Edit {                                       /* what a person has written into the state, to be written again each time the run comes by */
    int64_t  tick;
    int      slot;                                          /* -1: the seed */
    uint64_t seed;
    void    *bytes;
} Edit;

typedef struct Called { int *fn; int64_t *tick, n, room; bool cut; } Called;       /* functions of the statements that were carried out, and when; cut: older ones are not known */

typedef struct History {
    char     *name, *changes;
    int       parent;                                       /* -1: none */
    int64_t   forked_tick, forked_step;
    Build    *build;
    Timeline *past;
    Edit     *edit;  int n_edits;
    Called    called;
    int64_t   tick, step;                                   /* where it stands */
    bool      moved;                                        /* since it was forked */
    bool      rootless;                                     /* its parent's past is not its own: it was loaded, or the parent's has been changed */
} History;

typedef enum { GO_ON_TO_TICK, GO_ON_TO_STEP, GO_ON_TO_ROUND, GO_ON_TO_UPDATE, GO_ON_TO_BLOCK, GO_ON_FOR_EVER } GoalKind;

typedef struct Goal {                                       /* when the run is to stand */
    GoalKind    kind;
    int64_t     at;                                         /* tick, step, number of updates, kid of the root */
    const char *player;
    bool        quiet;                                      /* nobody listens, nothing breaks */
} Goal;

typedef struct Armed {                                      /* a breakpoint, or something watched */
    DebugBreakpoint is;
    char           *text;
    Probe          *probe;                                  /* of `build`; NULL: not compiled yet */
    Build          *build;
    int64_t         batch;                                  /* what an E without a size draws in it */
    int             block;                                  /* it has names of this block (LowerResult.place), and is asked for after its rounds alone; 0: it has none */
    DebugSee       *see;
    void           *self;
} Armed;

struct Debugger {
    const Options *o;
    size_t         budget;
    Arena         *arena;                                   /* of names and texts that were typed */
    History      **history;  int n_histories, at;
    Armed         *armed;    int n_armed, last_number;
    DebugBreakpoint *shown;                                 /* of debug_breakpoints */
    void         (*done)(void *self, const DebugDone *what);
    void          *self;
    TrainerFiles  *files;                                   /* what the run writes; NULL: nothing */
    const char    *folder;
    void         (*say)(void *self, const char *line);
    void          *sayer;
    int64_t        furthest;                                /* the tick that the files have come to, */
    bool           closed;                                  /* where the run was over or failed, which is */
    DebugPlace     closing;
    DebugPlace     failure;                                 /* DEBUG_FAILED: the run cannot go further than there; else none is known */
    /* The walk's thread: it runs while `running`, and stands in before() or has ended otherwise. */
    pthread_t       thread;
    pthread_mutex_t mutex;
    pthread_cond_t  turn;
    bool            alive, running, ended, leave;
    TrainerResult   from, result;
    GanStatus       status;
    Goal            goal;
    DebugPlace      place;
    int64_t         started;                                /* the tick where it was let go */
    int64_t         updates;                                /* of goal.player since */
    int64_t         last_update;                            /* the tick of the last of them; -1: none */
    int64_t         asked;                                  /* the step at which conditions were asked last, */
    int64_t         asked_in;                               /* and the kid of the root where that was */
    int             bad_fn;                                 /* the call that a breakpoint on numbers that are not finite stands behind; -1: none */
    int             hit;                                    /* a breakpoint that is to stop it; 0: none */
    GanError        unknown;                                /* why its condition is not known, where it is not */
    Moment          here;                                   /* the last place where a run can be gone on from */
    double          opened, copying;                        /* when this began; seconds that snapshots have taken */
    double          kept, copy;                             /* when the last was taken; seconds that it took */
};

History *run_history(const Debugger *d);                        /* at hand */
const GanProgram *run_program(const Debugger *d);

/* ---- walk.c */
TrainerOptions walk_options(Debugger *d);
void walk_leave(Debugger *d);                               /* the thread ends; the state is no longer that of a tick */
GanStatus walk_start(Debugger *d, const Moment *from, const Goal *goal, GanError *err);     /* from a state that is in place; returns when the run stands */
void walk_go(Debugger *d, const Goal *goal);                /* on from where it stands */
size_t walk_state_bytes(const GanProgram *p);               /* of a state with all that stands behind it */
GanStatus walk_new_state(Build *b, GanError *err);
void walk_keep_judged(Debugger *d, const TrainerResult *r); /* in the state that is in place */
void walk_apply_edits(Debugger *d);                         /* those of this tick */

/* ---- time.c */
GanStatus time_restore(Debugger *d, int64_t tick, GanError *err);       /* the run stands at this tick, quietly */
Moment    time_beginning(const Debugger *d);                /* of the history at hand */

/* ---- why.c */
void why_called(Debugger *d, int fn);                       /* at this tick */
void why_forget(History *h, int64_t tick);                  /* from there on */

/* ---- look.c */
void look_ask(Debugger *d, int64_t began);                  /* conditions and what is watched, after a round that began at this tick */
void look_arm(Debugger *d);                                 /* compiles those that are not, for the program at hand */
void look_disarm(Debugger *d, const Build *b);              /* frees what was compiled for a program; NULL: for all */
void look_check_finite(Debugger *d, int fn, void *const *out);
int  look_line(const Debugger *d, const GanSchedule *n);    /* a breakpoint on its line, or 0 */
