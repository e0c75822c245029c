/* pace.h - are all of a team worth their while, or is one alone as fast?
 *
 * Threads that wait for one another lose where the machine has other work: each is away at times, and the others wait. They lose, too, where there is too little to
 * do. So what is done is measured, in blocks of 40 ms: seconds of processors that worked, spinning not counted, by the second of the clock. Alone that is 1 at
 * most; who do more together are not disturbed. Who do less are compared with one alone, block against block, and the better way goes on, for longer and
 * longer, until the other one is tried again. What comes out of the work does not depend on it. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef struct Pace {                                       /* of zeros at first. Times in ns */
    bool    alone;                                          /* how the next run goes */
    bool    trying;                                         /* this block is there to be compared */
    int64_t began, worked;                                  /* the block's first moment, and the work by then */
    int64_t left;                                           /* when the last run was over; 0: there was none */
    int64_t until, rest;                                    /* when the other way is tried again; how long that was put off */
    double  rate[2];                                        /* together, alone: when last seen */
} Pace;

/* Before a run: is a block over, or broken by a pause? Then pace_mark() wants to know how much was done by now. */
bool pace_is_due(const Pace *p, int64_t now);
void pace_mark(Pace *p, int64_t now, int64_t worked);
/* The block is not to be judged: what was measured is another's. */
void pace_break(Pace *p);
