/* cases.h - nests for tests of the walks: one for every row of loop.def, one for every element-wise row on every element type, and
 * random ones; and the memory that they run on. A walk has the bits of loop_check(). */
#pragma once
#include "compiler/loop/check/check.h"

/* Base 0 is a frame, CASE_IN + t and CASE_OUT + t hold elements of type t. What a case reads of IN and the frame is the same each time. */
enum { CASE_IN = 1, CASE_OUT = 6, CASE_BASES = 11, CASE_ELEMENTS = 4096, CASE_FRAME_BYTES = 256 };

typedef struct LoopMemory {
    char   *base[CASE_BASES];
    int64_t bytes[CASE_BASES];
} LoopMemory;

/* Numbers of all kinds: 0, -0, infinities, NaN, subnormal, near 1, any bits. OUT is 0. */
LoopMemory loop_memory(Arena *a, uint64_t seed);
/* NULL, or where the results differ. A NaN is a NaN. */
const char *loop_memory_differs(Arena *a, const LoopMemory *x, const LoopMemory *y);

typedef struct LoopCase {
    const char *name;
    LoopNest   *nest;
    int64_t    *words;
    int64_t     u[LOOP_ARGS];
} LoopCase;

LoopCase *loop_cases(Arena *a, int *n);
LoopCase  loop_case_random(Arena *a, uint64_t seed);
bool      loop_case_check(const LoopCase *c, const LoopMemory *m, char why[256]);
