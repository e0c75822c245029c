/* eval_map.c - element-wise rows: operands are spread to the result's shape, then one loop over all elements (row.c). */
#include "compiler/interp/eval.h"
#include "compiler/interp/row.h"
#include "runtime/math/scalar.h"

/* ---- leaves ----------------------------------------------------------------------------------------------------- */

bool eval_const(InterpRun *r, const IrNode *n)
{
    void *y = eval_result(r, n, 0);
    if (!y) return false;
    switch (n->result[0].type.elem) {
    case IR_BOOL: *(uint8_t *)y = n->attr->n != 0; break;
    case IR_I32: *(int32_t *)y = (int32_t)n->attr->n; break;
    case IR_I64: *(int64_t *)y = n->attr->n; break;
    case IR_F32: *(float *)y = (float)n->attr->value; break;
    case IR_F64: *(double *)y = n->attr->value; break;
    }
    return true;
}

bool eval_index(InterpRun *r, const IrNode *n)
{
    const IrType *t = &n->result[0].type;
    int64_t       extent[EVAL_MAX_RANK], at[EVAL_MAX_RANK] = {0};
    int           rank = eval_extents(eval_module(r), t, extent);
    int           place = n->attr->axis >= 0 ? eval_place_of_axis(t, n->attr->axis) : t->axes.n + n->attr->dim;
    int32_t      *y = eval_result(r, n, 0);
    if (!y) return false;
    int64_t size = eval_size(eval_module(r), t);
    for (int64_t i = 0; i < size; i++, eval_next(rank, extent, at)) y[i] = (int32_t)at[place];
    return true;
}

/* ---- rows ------------------------------------------------------------------------------------------------------- */

enum { AT_A_TIME = 1 << 16 };

static bool each(InterpRun *r, const IrNode *n)
{
    const IrType *t = &n->result[0].type;
    const void   *arg[3];
    for (int i = 0; i < n->n_args; i++)
        if (!(arg[i] = eval_aligned(r, n, i, t))) return false;
    void *y = eval_result(r, n, 0);
    if (!y) return false;
    Row row = {n->op, eval_arg_type(n, n->op == IR_select)->elem, t->elem, n->attr->compare, n->attr->n};
    int64_t size = eval_size(eval_module(r), t);
    for (int64_t at = 0; at < size; at += AT_A_TIME) {
        const void *from[3];
        for (int i = 0; i < n->n_args; i++) from[i] = (const char *)arg[i] + at * (int64_t)ir_elem_bytes(eval_arg_type(n, i)->elem);
        row_apply(&row, from, (char *)y + at * (int64_t)ir_elem_bytes(t->elem), (size_t)(size - at < AT_A_TIME ? size - at : AT_A_TIME));
        if (!eval_may_go_on(r)) return false;
    }
    return true;
}

#define EACH(name) bool eval_##name(InterpRun *r, const IrNode *n) { return each(r, n); }
MATH_UNARY(EACH)
MATH_BINARY(EACH)
EACH(neg)
EACH(abs)
EACH(polygamma)
EACH(convert)
EACH(add)
EACH(sub)
EACH(mul)
EACH(div)
EACH(fma)
EACH(compare)
EACH(select)

bool eval_stop(InterpRun *r, const IrNode *n)
{
    eval_alias(r, &n->result[0], n->arg[0]);
    return true;
}
