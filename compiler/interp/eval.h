/* eval.h - inside the interpreter: what an evaluating routine (eval_<row>, one a row of ops.def) works with.
 *
 * A routine reads its operands, asks for memory for its results, and fills it; false means that the run ends (out of memory,
 * extern, stopped by the watcher) and the error has been made. Values are dense: row-major over axes in order of declaration,
 * then dims; the two together are the value's *extents*. */
#pragma once
#include "compiler/interp/interp.h"

enum { EVAL_MAX_RANK = IR_MAX_AXES + IR_MAX_RANK };

typedef bool EvalFn(InterpRun *r, const IrNode *n);
#define OP(name, ...) EvalFn eval_##name;
#include "compiler/ir/ops.def"
#undef OP

/* ---- values ----------------------------------------------------------------------------------------------------- */

const IrModule *eval_module(const InterpRun *r);
const void     *eval_arg(const InterpRun *r, const IrNode *n, int i);
const IrType   *eval_arg_type(const IrNode *n, int i);
const void     *eval_value(const InterpRun *r, const IrVal *v);                 /* BUG when it is not alive */

void *eval_result(InterpRun *r, const IrNode *n, int i);                        /* fresh memory for result i; NULL: run ends */
void  eval_alias(InterpRun *r, const IrVal *to, const IrVal *from);             /* both are one buffer from now on */
void  eval_borrow(InterpRun *r, const IrVal *to, const void *data);             /* memory that outlives the run */
bool  eval_own(InterpRun *r, const IrVal *to, void **data);                     /* fresh memory for any value */

void *eval_scratch(InterpRun *r, int64_t bytes);                                /* zeroed, freed when the node is done; NULL: run ends */
const void *eval_scratch_top(const InterpRun *r);
void        eval_scratch_drop(InterpRun *r, const void *top);                   /* frees what was asked for since eval_scratch_top */

/* ---- the run ---------------------------------------------------------------------------------------------------- */

uint64_t    eval_seed(const InterpRun *r);
const InterpMemory *eval_memory(const InterpRun *r);
uint32_t    eval_tick(const InterpRun *r);
uint32_t    eval_iteration(const InterpRun *r);
void        eval_set_iteration(InterpRun *r, uint32_t iteration);
const void *eval_slot(const InterpRun *r, int slot);
bool        eval_fail(InterpRun *r, GanStatus status, const IrNode *n, const char *what);       /* false */

bool        eval_may_go_on(InterpRun *r);                   /* false: somebody who waits gives it up; what takes long asks now and then */

/* Runs a body whose parameters have been given values; then its yields are alive until eval_leave. */
bool eval_body(InterpRun *r, const IrBlock *body);
void eval_leave(InterpRun *r, const IrBlock *body);

/* ---- shapes ----------------------------------------------------------------------------------------------------- */

int     eval_extents(const IrModule *m, const IrType *t, int64_t extent[EVAL_MAX_RANK]);       /* how many */
int64_t eval_size(const IrModule *m, const IrType *t);                                          /* elements */
void    eval_strides(int rank, const int64_t *extent, int64_t *stride);                        /* row-major, in elements */
int     eval_place_of_axis(const IrType *t, int axis);                                          /* among the extents; -1: lacks it */

/* dst[at] = src[at] over a box; strides in elements of `elem` bytes, 0 and below are fine. */
void eval_copy_box(size_t elem, int rank, const int64_t *extent, void *dst, const int64_t *dst_stride, const void *src, const int64_t *src_stride);

/* Operand i spread over `shape`'s axes, and over its dims if the operand is rank 0: dense, of the operand's own element type.
 * The operand's memory itself when it has that shape. NULL: run ends. */
const void *eval_aligned(InterpRun *r, const IrNode *n, int i, const IrType *shape);

/* Steps a row-major index through a box; false when it is back at zero. */
bool eval_next(int rank, const int64_t *extent, int64_t *index);
static inline int64_t eval_offset(int rank, const int64_t *index, const int64_t *stride)
{
    int64_t at = 0;
    for (int i = 0; i < rank; i++) at += index[i] * stride[i];
    return at;
}
