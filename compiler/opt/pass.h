/* pass.h - the passes, in one list (passes.def).
 *
 * They turn a verified function into an equal one that costs less. What changes the rounding of a result stands above the
 * engines, so interpreter and compiled code see the same function. A NaN is never dropped but through a select or a known zero: the constant 0
 * that a sum has beside it. After each pass the function is verified, in builds with assertions and when asked; a failure is a defect and
 * names the pass. */
#pragma once
#include "compiler/ir/ir.h"

typedef struct PassOptions {
    bool portable;                                          /* no BLAS: the same bits on every CPU */
    bool verify;                                            /* after each pass, in every build */
    void (*after)(void *context, const char *pass, const IrModule *m, const IrFn *f);      /* NULL, or called after each pass: for dumps */
    void *context;
} PassOptions;

void opt_run_module(IrModule *m, const PassOptions *o);                 /* o may be NULL: none of it */

/* The name of pass i, or NULL from the end on: for options that name a pass. A name may come twice. */
const char *opt_pass_name(int i);

/* Each pass by itself. */
void opt_stop(IrModule *m, IrFn *f);
void opt_draws(IrModule *m, IrFn *f);
void opt_single(IrModule *m, IrFn *f);
void opt_simplify(IrModule *m, IrFn *f);
void opt_cse(IrModule *m, IrFn *f);
void opt_dce(IrModule *m, IrFn *f);
void opt_scans(IrModule *m, IrFn *f);
void opt_fuse(IrModule *m, IrFn *f);
void opt_join(IrModule *m, IrFn *f);
void opt_mark(IrModule *m, IrFn *f);
