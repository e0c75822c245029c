/* eval_extern.c - extern: a function of a shared object, called once for each sample (runtime/extern.h). */
#include "compiler/interp/eval.h"
#include "runtime/extern.h"

#include <string.h>

/* Numbers from..from+n-1 of a value as cells of 8 bytes, doubles or int64_t, and back. */
static void cells_in(IrElem e, const void *x, int64_t from, int64_t n, void *cells)
{
    double  *d = cells;
    int64_t *k = cells;
    for (int64_t i = 0; i < n; i++) {
        if (e == IR_F32) d[i] = (double)((const float *)x)[from + i];
        else if (e == IR_F64) d[i] = ((const double *)x)[from + i];
        else if (e == IR_I32) k[i] = ((const int32_t *)x)[from + i];
        else k[i] = ((const int64_t *)x)[from + i];
    }
}

static void cells_out(IrElem e, const void *cells, int64_t n, void *y, int64_t to)
{
    const double  *d = cells;
    const int64_t *k = cells;
    for (int64_t i = 0; i < n; i++) {
        if (e == IR_F32) ((float *)y)[to + i] = (float)d[i];
        else if (e == IR_F64) ((double *)y)[to + i] = d[i];
        else if (e == IR_I32) ((int32_t *)y)[to + i] = (int32_t)(uint32_t)(uint64_t)k[i];
        else ((int64_t *)y)[to + i] = k[i];
    }
}

static int64_t find(const InterpMemory *m, const char *symbol)
{
    for (int i = 0; i < m->n_externs; i++)
        if (!strcmp(m->external[i].name, symbol) && m->external[i].function) return i;
    return -1;
}

/* Each operand with all axes of the result, the seed first. NULL: run ends. */
static const void **operands(InterpRun *r, const IrNode *n)
{
    const void **arg = eval_scratch(r, n->n_args * (int64_t)sizeof *arg);
    for (int i = 0; arg && i < n->n_args; i++) {
        IrType t = *eval_arg_type(n, i);
        t.axes = n->result[0].type.axes;
        if (!(arg[i] = eval_aligned(r, n, i, &t))) return NULL;
    }
    return arg;
}

bool eval_extern(InterpRun *r, const IrNode *n)
{
    const InterpMemory *m = eval_memory(r);
    const IrType       *t = &n->result[0].type;
    int64_t             which = find(m, n->attr->symbol), numbers = 0, n_out = ir_dims_size(t), samples = ir_axes_size(eval_module(r), t->axes);
    if (which < 0) return eval_fail(r, GAN_WRONG, n, "no shared object has been opened for it");
    for (int i = 1; i < n->n_args; i++) numbers += ir_dims_size(eval_arg_type(n, i));
    const void **arg = operands(r, n);
    int64_t     *in = arg ? eval_scratch(r, 8 * numbers) : NULL, *out = in ? eval_scratch(r, 8 * n_out) : NULL;
    void        *y = out ? eval_result(r, n, 0) : NULL;
    if (!y) return false;
    for (int64_t s = 0; s < samples; s++) {
        int64_t at = 0, seed = ((const int64_t *)arg[0])[s];
        for (int i = 1; i < n->n_args; i++) {
            int64_t size = ir_dims_size(eval_arg_type(n, i));
            cells_in(eval_arg_type(n, i)->elem, arg[i], s * size, size, in + at);
            at += size;
        }
        extern_call((int64_t)(uintptr_t)m->external, which, seed, in, out);
        cells_out(t->elem, out, n_out, y, s * n_out);
    }
    return true;
}
