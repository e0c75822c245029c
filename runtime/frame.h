/* frame.h - what compiled code finds when it is called: bases of memory, the first of them its thread's numbers.
 *
 * A kernel is `fn(bases, words, u0, u1, u2, u3)`: the words are its own (where its buffers lie, how far its loops go), the others say which
 * part of the work this call does. */
#pragma once
#include <stdint.h>

typedef void (*KernelFn)(char *const *bases, const int64_t *words, int64_t u0, int64_t u1, int64_t u2, int64_t u3);

enum { FRAME_PANEL = 16, FRAME_TILE = 64 };                 /* samples that a kernel of a panel, of a tile does in a call */

enum {                                                      /* bases, each 64-byte aligned */
    BASE_NUMBERS,                                           /* of a thread: as below */
    BASE_FRAME,                                             /* what outlives a step; of one run, for all threads */
    BASE_SCRATCH,                                           /* of a thread */
    BASE_STATE,                                             /* the state's arena */
    BASE_DATA                                               /* one each for the data from here on */
};

enum {                                                      /* where a thread's numbers are, of 8 bytes each */
    FRAME_TICK = 0,                                         /* how often the function ran before */
    FRAME_ITERATION = 8,                                    /* of the enclosing scans, row-major */
    FRAME_EXTERNS = 16,                                     /* the address of the program's table of GanExtern */
    FRAME_THREADS = 24,                                     /* how many run the function: nothing that a number depends on */
    FRAME_COUNTER = 32,                                     /* of the scan at each depth */
    FRAME_MAX_DEPTH = 8,
    FRAME_KEYS = FRAME_COUNTER + 8 * FRAME_MAX_DEPTH        /* of the streams */
};
