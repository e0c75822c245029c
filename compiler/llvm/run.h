/* run.h - walks a plan with its compiled kernels: steps in order, shards and elements over the threads. */
#pragma once
#include "compiler/kernel/plan.h"
#include "runtime/parallel.h"
#include "runtime/program.h"

typedef struct CompiledKernel {                             /* kernels that differ in their tables alone share their code */
    KernelFn       fn;
    const int64_t *table;
} CompiledKernel;

typedef struct Compiled {                                   /* a function ready to run */
    KPlan          *plan;
    CompiledKernel *kernel;                                 /* by KKernel.id */
    int             tick_slot;
} Compiled;

/* bases[thread]: frame, scratch of the thread, room for the state's arena and for each DATA slot. Frame and scratch have the plan's
 * bytes and are 64-byte aligned. Reports go to out (entries may be NULL). */
void run_function(const Compiled *f, const GanProgram *p, Team *team, char **const *bases, GanState *state,
                  void *const *out);
