/* debug.h - a run that a person stops, looks into, takes back and changes: the core of `gan repl` and of a run that is served as a page.
 *
 * The run walks its schedule by compiled code (or the interpreter) in a thread of its own, which stands still whenever one of these functions
 * has returned: its state can be looked at then. Time is counted in *ticks*: statements of the schedule that have been carried out since the
 * run began (updates, reports, pictures, conditions; a block is none). Every tick of a run can be come back to, to the bit: from the nearest
 * snapshot before it by doing again what came between. Looking changes nothing: expressions are lowered in a session of their own, are
 * evaluated by the interpreter, and their draws are of streams of their own.
 *
 * Signals are the caller's (interrupt_begin): what goes on stops when interrupt_asked, and a call within which interrupt_gives_up ends with GAN_WRONG, the run
 * where it was.
 *
 * Nothing is printed here but diagnostics of programs (through session_open). Messages are GanErrors. */
#pragma once
#include "compiler/debug/spectrum.h"
#include "compiler/session/session.h"
#include "compiler/origin/origin.h"

typedef struct Debugger Debugger;

typedef enum {
    DEBUG_STOPPED,                                          /* where it was asked to */
    DEBUG_BREAK,                                            /* a breakpoint: DebugPlace.breakpoint */
    DEBUG_INTERRUPTED,                                      /* Ctrl-C: behind a statement, or before one that was given up */
    DEBUG_OVER,                                             /* the schedule has come to its end */
    DEBUG_FAILED                                            /* a statement could not be done (not finite, out of range, the disk): DebugPlace.error; the state is that before it */
} DebugWhy;

typedef struct DebugPlace {                                 /* where the run stands */
    DebugWhy           why;
    int64_t            tick;
    int64_t            step;                                /* rounds of alternate blocks done */
    const GanSchedule *next;                                /* the statement to do next; NULL: it is over */
    int                breakpoint;                          /* DEBUG_BREAK: its number; OVER: the number of one that the end has met, or 0 */
    int                failed_fn;                           /* DEBUG_FAILED: the function, or -1 */
    GanError           error;                               /* DEBUG_FAILED; of a breakpoint whose condition cannot be known, why */
} DebugPlace;

/* One statement that was carried out, with the numbers it gave: handed to the listener as it happens (not while the past is done again). */
typedef struct DebugDone {
    int64_t            tick, step;
    const GanSchedule *node;
    const GanFunction *function;                            /* NULL: it has none (save) */
    void *const       *out;                                 /* its outputs, of function->output's types; valid during the call */
} DebugDone;

typedef enum { DEBUG_ROUNDS, DEBUG_UPDATE, DEBUG_NEXT, DEBUG_FINISH, DEBUG_ON } DebugHow;

/* ---- a run ------------------------------------------------------------------------------------------------------ */

/* Reads and compiles `file` (NULL: the library alone: nothing to run; its weights and place from --checkpoint, if given), and stands before its first statement, parameters made. NULL after printing why not:
 * *status is the exit status. The options must outlive it. `budget` bytes of snapshots in memory (0: 256 MiB). */
Debugger  *debug_open(const Options *o, const char *file, size_t budget, int *status);
void       debug_close(Debugger *d);

const Session *debug_session(const Debugger *d);            /* the program as it runs: tables, schedule, sources */
GanState      *debug_state(Debugger *d);                    /* the state now, to be looked at between calls */
void           debug_place(const Debugger *d, DebugPlace *out);
void           debug_listen(Debugger *d, void (*done)(void *self, const DebugDone *what), void *self);

/* Goes on: n rounds; until an update of `player` has been done (n times); n statements; to the end of the block at hand (all its rounds); or until something
 * stops it. Breakpoints stop it before. */
void debug_go(Debugger *d, DebugHow how, int64_t n, const char *player, DebugPlace *out);

/* ---- time ------------------------------------------------------------------------------------------------------- */

/* To any tick, to the bit; of the past, or of the future as the run would come to it. GAN_WRONG, with nothing changed: before the beginning, beyond the end. */
GanStatus debug_goto_tick(Debugger *d, int64_t tick, DebugPlace *out, GanError *err);
GanStatus debug_goto_step(Debugger *d, int64_t step, DebugPlace *out, GanError *err);      /* where `step` rounds are done: before the first statement that follows */
GanStatus debug_back(Debugger *d, int64_t n, DebugPlace *out, GanError *err);              /* n statements */
GanStatus debug_back_player(Debugger *d, const char *player, DebugPlace *out, GanError *err);      /* before its last update */

typedef struct DebugCost { int snapshots; size_t bytes, budget, spilled; int64_t widest; bool disk_full; } DebugCost;       /* of the history at hand; widest gap between snapshots, or from one to here, in ticks */
void debug_cost(const Debugger *d, DebugCost *out);

/* ---- histories -------------------------------------------------------------------------------------------------- */

/* Each history is a run: its own settings, seed, text, breakpoints, past. The first is 0. */
/* A program that is changed begins a history by itself, so that nothing is lost, unless the one at hand was just forked for it. */
int         debug_fork(Debugger *d, const char *name, GanError *err);      /* a copy of the one at hand, from here on; it is at hand then. Its number, or -1. The name may be empty */
int         debug_histories(const Debugger *d);
int         debug_history(const Debugger *d);               /* at hand */
GanStatus   debug_switch(Debugger *d, int history, DebugPlace *out, GanError *err);
typedef struct DebugHistory { const char *name; int parent; int64_t forked_step, tick, step; const char *changes; } DebugHistory;
void        debug_history_of(const Debugger *d, int history, DebugHistory *out);

/* Where two histories part: the first step at which some parameter or state differs (-1: none up to where both stand), found by halving; and how far apart the
 * players, and the states that differ, are at `step`, the last that both stand at or behind. distance: |a - b| over the parameters that both have, of a norm |a|. */
typedef struct DebugDistance { const char *player; double distance, norm; } DebugDistance;
typedef struct DebugParting { int64_t part, step; DebugDistance *player; int n; } DebugParting;     /* .player is to be freed */
GanStatus debug_compare(Debugger *d, int a, int b, DebugParting *out, GanError *err);

/* ---- changes ------------------------------------------------------------------------------------------------------
 * The program is lowered anew, and goes on from the start of the round under way; parameters and states whose path and shape are the same are kept, with what was
 * written into them since.
 * GAN_WRONG with an empty message: diagnostics were printed; nothing has changed then. */

typedef struct DebugKept { int kept, fresh, gone; char fresh_names[400], gone_names[400]; } DebugKept;     /* parameters and states; the names that have room, ", .." behind them for others */

GanStatus debug_set(Debugger *d, const char *name, const char *value, DebugKept *kept, GanError *err);     /* as --set */
GanStatus debug_reload(Debugger *d, DebugKept *kept, GanError *err);          /* re-reads the file */
GanStatus debug_declare(Debugger *d, const char *text, DebugKept *kept, GanError *err);    /* a declaration (let, def, net ...) behind the program's own */
GanStatus debug_engine(Debugger *d, bool interp, GanError *err);              /* :jit on|off: the same run by the other engine */

/* Written into the state here and now, of this history: what it has been beyond is forgotten, and going back and forth comes by the new value. */
GanStatus debug_assign(Debugger *d, const char *path, const char *expression, GanError *err);      /* a parameter or state := the value */
GanStatus debug_seed(Debugger *d, uint64_t seed, GanError *err);

GanStatus debug_save(Debugger *d, const char *path, GanError *err);           /* a checkpoint, of the start of the round under way */
int64_t   debug_round_began(const Debugger *d);                               /* its tick: what debug_save saves, and what a changed program goes on from */
/* For a run that is not changed and has just been opened: from here on it leaves in `folder` what `gan run` leaves there (--log as there), as it goes; with --resume it is the run that is
 * there, and begins where its newest checkpoint is. The files are of the furthest that it has come: going back takes nothing away, and what is done again as it was is not written again. `say` gets notes for a person. */
GanStatus debug_record(Debugger *d, const char *folder, void (*say)(void *self, const char *line), void *self, GanError *err);

/* The end of that: unless the run was over or had failed, it is cut at the start of the round that it has come to, as if interrupted. *out is where that is. What is left to do then is debug_close. */
GanStatus debug_record_end(Debugger *d, DebugPlace *out, GanError *err);

/* A new history, from its state; a checkpoint of this very program gives the step, too (*placed), and ticks count from there. */
GanStatus debug_load(Debugger *d, const char *path, bool *placed, GanError *err);

/* ---- looking ---------------------------------------------------------------------------------------------------- */

typedef struct DebugValue { int n; const char **name; GanTensor **value; } DebugValue;      /* one, or one a field; free with debug_value_free */

enum { DEBUG_DRAWS = 500 };                                 /* of a distribution that is looked at */

/* The value of an expression in the present state, in which sample(DISTRIBUTION, N) is a word; n > 0: n draws of the distribution that it is, and with n = 0 DEBUG_DRAWS if it is one. Asked twice in a state, it is the same, draws too.
 * GAN_WRONG with an empty message: its diagnostics were printed. */
GanStatus debug_eval(Debugger *d, const char *expression, int64_t n, DebugValue *out, GanError *err);
void      debug_value_free(DebugValue *v);

/* What a function of the program's schedule would give now (a picture's, say); the state stays as it is. */
GanStatus debug_statement(Debugger *d, int fn, DebugValue *out, GanError *err);

/* ---- breakpoints ------------------------------------------------------------------------------------------------ */

typedef enum { DEBUG_AT_STEP, DEBUG_AT_LINE, DEBUG_AT_CONDITION, DEBUG_AT_NONFINITE } DebugWhen;
typedef struct DebugBreakpoint { int number; DebugWhen when; int64_t at; const char *condition; bool watched; } DebugBreakpoint;     /* condition: or what is watched */

/* A condition (an expression that is one bool) is compiled and asked after each round; NONFINITE stops behind a statement that gave a number that is not finite
 * (losses and parameters that become so end the run in any case: DEBUG_FAILED). Its number; -1: see err (an empty message: diagnostics were printed). */
int  debug_break(Debugger *d, DebugWhen when, int64_t at, const char *condition, GanError *err);
bool debug_unbreak(Debugger *d, int number);
int  debug_breakpoints(Debugger *d, const DebugBreakpoint **out);    /* good until the next call */

typedef void DebugSee(void *self, int number, int64_t step, double value, const char *why);     /* why: it has no value, by what it requires; else NULL */

/* An expression (one number) that is computed after each round and handed to `see`, while the run moves. Its number (of the same row as breakpoints); -1: see err. */
int  debug_watch(Debugger *d, const char *expression, DebugSee *see, void *self, GanError *err);

/* ---- how the game moves ----------------------------------------------------------------------------------------- */

/* Near the present state (spectrum.h), with the draws that the next updates will make. GAN_WRONG: there is no such field, or diagnostics were printed (an empty message). */
GanStatus debug_spectrum(Debugger *d, Spectrum *out, GanError *err);

/* The gradient of an update's loss: of its line among the program's (LowerResult.line), with the draws and the mode that the update will have, as debug_spectrum. By each parameter that it moves (of
 * its player's loss, where each has one), and of a single loss by those that it reads, too: |gradient|, and with `checked` the loss's differences along it, which are |gradient| again; else along is nan. whole: what other statements of
 * the round compute is no part of the loss; without it there are no differences, and by what the update does not move no gradient is known. */
typedef struct DebugSlope { const char *path; double norm, along; bool known, whole; } DebugSlope;
GanStatus debug_slopes(Debugger *d, int line, bool checked, Arena *a, DebugSlope **out, int *n, GanError *err);

/* ---- numbers that are not finite ---------------------------------------------------------------------------------- */

/* In words, where what stopped the run here was born (DEBUG_FAILED, or a breakpoint on numbers that are not finite), or where a parameter or state of this
 * name got what is not finite in it. The run stands as it did. GAN_WRONG: nothing here is not finite. */
GanStatus debug_why(Debugger *d, const char *path, Arena *a, OriginNote note[ORIGIN_NOTES], int *n, GanError *err);
