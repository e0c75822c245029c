/* simplify_layout.c - rules of rows that move elements: no bit changes. */
#include "compiler/opt/simplify.h"

#include <string.h>

static IrVal *made_by(IrVal *v, IrOp op) { return v->def && v->def->op == op ? v->def->arg[0] : NULL; }

/* A number is repeated by at most one broadcast and one spread. */
static bool is_plain_repeat(const IrNode *n, const IrVal *number)
{
    IrVal *from = n->arg[0];
    if (n->op == IR_broadcast) return from == number;
    return n->op == IR_spread && (from == number || made_by(from, IR_broadcast) == number);
}

IrVal *simplify_any_layout(IrBuilder *b, const IrNode *n)
{
    if (ir_op_info[n->op].operands != 1 || n->op == IR_pad) return NULL;
    IrVal *number = simplify_splat(n->arg[0]);
    if (!number || is_plain_repeat(n, number)) return NULL;
    return simplify_stretch(b, number, &n->result->type);
}

/* A row that leaves its operand as it is. */
static IrVal *unchanged(const IrNode *n) { return ir_type_equal(&n->arg[0]->type, &n->result->type) ? n->arg[0] : NULL; }

IrVal *simplify_reshape(IrBuilder *b, const IrNode *n)
{
    if (unchanged(n)) return n->arg[0];
    IrVal *x = made_by(n->arg[0], IR_reshape);
    return x ? ir_reshape(b, x, n->attr->dims) : NULL;
}

IrVal *simplify_transpose(IrBuilder *b, const IrNode *n)
{
    bool same = true;
    for (int i = 0; i < n->attr->dims.n; i++) same &= n->attr->dims.v[i] == i;
    if (same) return n->arg[0];
    IrVal *x = made_by(n->arg[0], IR_transpose);
    if (!x) return NULL;
    IrInts perm = n->attr->dims;
    for (int i = 0; i < perm.n; i++) perm.v[i] = n->arg[0]->def->attr->dims.v[perm.v[i]];
    return ir_transpose(b, x, perm);
}

IrVal *simplify_broadcast(IrBuilder *b, const IrNode *n)
{
    if (unchanged(n)) return n->arg[0];
    IrVal *x = made_by(n->arg[0], IR_broadcast);
    if (!x) return NULL;
    IrInts kept = n->arg[0]->def->attr->kept;
    for (int i = 0; i < kept.n; i++) kept.v[i] = n->attr->kept.v[kept.v[i]];
    return ir_broadcast(b, x, n->attr->dims, kept);
}

IrVal *simplify_slice(IrBuilder *b, const IrNode *n)
{
    (void)b;
    return unchanged(n);                                    /* of the same extents: all of it, in order */
}

IrVal *simplify_pad(IrBuilder *b, const IrNode *n)
{
    double c;
    if (unchanged(n)) return n->arg[0];
    bool number = simplify_number(n->arg[0], &c) && c == n->attr->value;
    return number ? simplify_stretch(b, simplify_splat(n->arg[0]), &n->result->type) : NULL;
}

IrVal *simplify_concat(IrBuilder *b, const IrNode *n)
{
    if (n->n_args == 1) return n->arg[0];
    IrVal *number = simplify_splat(n->arg[0]);
    for (int i = 1; i < n->n_args; i++)
        if (simplify_splat(n->arg[i]) != number) return NULL;
    return number ? simplify_stretch(b, number, &n->result->type) : NULL;
}

IrVal *simplify_spread(IrBuilder *b, const IrNode *n)
{
    IrVal *x = made_by(n->arg[0], IR_spread);
    return x ? ir_spread(b, x, ir_axes_union(n->attr->over, n->arg[0]->def->attr->over)) : NULL;
}

static IrVal *undone_by(const IrNode *n, IrOp op)
{
    IrVal *x = made_by(n->arg[0], op);
    return x && n->arg[0]->def->attr->axis == n->attr->axis ? x : NULL;
}

IrVal *simplify_as_feature(IrBuilder *b, const IrNode *n)
{
    IrVal *x = undone_by(n, IR_as_sample);
    return x ? x : simplify_any_layout(b, n);
}

IrVal *simplify_as_sample(IrBuilder *b, const IrNode *n)
{
    (void)b;
    return undone_by(n, IR_as_feature);
}
