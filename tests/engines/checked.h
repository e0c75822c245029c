/* checked.h - an engine that runs a module's nests by the plain checker (compiler/loop/check/function.h): slow, and it says what is wrong. */
#pragma once
#include "compiler/kernel/plan.h"
#include "runtime/code.h"

typedef struct CheckedOptions {
    int         threads;
    PlanOptions plan;
    int         rows;                                       /* of a register tile */
    uint64_t    seed;                                       /* the order of threads and turns; another in each run */
    void      (*spoil)(Code *c);                            /* plants a fault in the tables, which are the engine's own; or NULL */
} CheckedOptions;

GanStatus checked_engine_new(const IrModule *m, const GanProgram *p, const CheckedOptions *options, GanEngine *out, GanError *err);
