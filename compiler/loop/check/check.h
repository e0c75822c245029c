/* check.h - the plain checker: runs a nest as it reads, every register an array over its dims. For tests.
 *
 * Its bits are those of the walks that make code. The rows are the interpreter's (compiler/interp/row.h). */
#pragma once
#include "compiler/loop/check/touch.h"
#include "compiler/loop/loop.h"

typedef struct LoopRun {                                    /* a call of a nest */
    char *const   *bases;                                   /* 64-byte aligned; 0 is the frame */
    const int64_t *bytes;                                   /* of each base; below 0: not known, not looked at. NULL: of none */
    int            n_bases;
    const int64_t *words;
    int64_t        u[LOOP_ARGS];
    uint64_t       seed;                                    /* the order of turns of each `par`; 0: as they are counted */
    Touches       *touches;                                 /* what went before; NULL: nothing did, and all memory holds something */
} LoopRun;

/* Runs n; the memory of `local` buffers starts poisoned. Ends with false, and in `why` what is wrong where, at the first
 *   - address outside its base or local, or not aligned as ld or st says;
 *   - byte that two turns of a `par` touch, or whatever else may run at the same time (touch.h), and one of them writes;
 *   - cell of a local that was never written, or whose value is another turn's of a `par`;
 *   - index, bound, condition or argument of a routine that is made of bytes that nobody wrote;
 *   - store of which two elements meet;
 *   - loop said to turn at least once (`do`) that does not, divisor that is not positive, extent below 0 (`inside`), `trailing` of 0. */
bool loop_check(const LoopNest *n, const LoopRun *run, char why[256]);
