/* timeline.h - snapshots of one run: whole states, each with the place where the run goes on from it.
 *
 * There is room for a budget of bytes in memory, and for four times as many in a file that has no name. When both are full the snapshot goes
 * whose loss costs least: gaps grow with the distance from the newest (its power 3/4), so that what was just now is at hand and what was long ago is
 * near. A disk that is full ends the use of the file, not the run. */
#pragma once
#include "runtime/trainer.h"

typedef struct Moment {                                     /* of a run, where it can be gone on from */
    int64_t     tick, rounds;
    TrainerPath path;
    uint64_t    seed;
} Moment;

typedef struct Timeline Timeline;

enum { TIMELINE_IN_FILE = 4 };                              /* times the budget */

/* Snapshots of `bytes` each. NULL: no memory. A budget holds two of them in any case. */
Timeline *timeline_new(size_t bytes, size_t budget);
void      timeline_free(Timeline *t);                       /* NULL is fine */

/* Keeps a state, unless there is one of this tick. False: there is no memory for it; what there was is left. */
bool timeline_keep(Timeline *t, const Moment *at, const void *state);

/* The newest that `fits`, or the first there is: its place, and its state into `state` (NULL: not wanted). False: there is none, or its file cannot be read. */
typedef bool TimelineFits(const Moment *m, int64_t wanted);
bool timeline_find(Timeline *t, TimelineFits *fits, int64_t wanted, Moment *out, void *state);
bool timeline_until_tick(const Moment *m, int64_t tick);    /* fits: not after it */
bool timeline_before_round(const Moment *m, int64_t round); /* fits: fewer rounds are done */

void timeline_cut(Timeline *t, int64_t tick);               /* forgets what is later */

typedef struct TimelineUse { int snapshots; size_t in_memory, in_file, budget; int64_t widest; bool disk_full; } TimelineUse;    /* widest gap, in ticks */
TimelineUse timeline_use(const Timeline *t);
