/* function.h - the plain checker of whole functions: walks a Code as runtime/code.c does, its nests by loop_check(), on threads that run one
 * after the other from wait to wait, in any order. */
#pragma once
#include "compiler/loop/check/check.h"
#include "runtime/code.h"

typedef struct CheckFunction {
    const Code            *code;                            /* `nest` is not called */
    const LoopNest *const *nest;                            /* by number */
    const GanProgram      *program;
    int                    threads;
    uint64_t               seed;                            /* of the order of threads and turns; 0: as they are counted */
} CheckFunction;

/* Runs a function on a state, as code_run(). Frame and scratch hold nothing, and are poisoned. Ends with false, and in `why` what is wrong where, at
 * the first
 *   - mistake of a nest: see check.h;
 *   - byte that two threads touch without a wait in between, and one of them writes;
 *   - wait that threads reach at different places;
 *   - flag of a loop or cond, report or byte of the state that is made of what nobody wrote. */
bool loop_check_function(const CheckFunction *f, int function, GanState *state, void *const *out, char why[512]);
