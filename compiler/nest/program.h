/* program.h - all kernels of a module as nests, equal ones once: what every way to make code starts from. */
#pragma once
#include "compiler/kernel/plan.h"
#include "compiler/loop/loop.h"
#include "runtime/program.h"

typedef struct NestKernel {
    int            code;                                    /* which of the distinct nests; -1: the plan merged the kernel into another */
    const int64_t *words;                                   /* what it is called with here */
    int            n_words;
    int            call;                                    /* its row of Code.call, once steps_of() has made the code; -1: it has none */
} NestKernel;

typedef struct NestFunction { KPlan *plan; NestKernel *kernel; } NestFunction;      /* kernel: by KKernel.id */

typedef struct NestProgram {
    NestFunction *fn;                                       /* by function of the module */
    int           n_fns, n_codes;
} NestProgram;

typedef struct NestUser {                                   /* functions in turn, their kernels in turn; NULL: of no interest */
    void *self;
    void (*open)(void *self, const KPlan *p);
    void (*fresh)(void *self, int code, const LoopNest *n, const char *text, Arena *scratch);  /* a nest that was not met before; gone when this returns, with `scratch` */
    void (*kernel)(void *self, int kernel, const NestKernel *k, const char *text);             /* every kernel */
    void (*close)(void *self, const KPlan *p);
} NestUser;

/* Plans every function of m with the decisions of `plan` and builds the nests of its kernels, all in `a`. rows: of a register tile on the target (vectors of 16 f32
 * that can be accumulated). False with a message in `why` for what cannot be compiled. */
bool nest_program(NestProgram *out, Arena *a, const IrModule *m, const GanProgram *p, PlanOptions plan, int rows, const NestUser *user, char why[512]);
