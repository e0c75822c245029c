/* simplify_sum.c - rules of sums and contractions. */
#include "compiler/opt/simplify.h"

static IrVal *made_by(IrVal *v, IrOp op) { return v->def && v->def->op == op ? v->def->arg[0] : NULL; }

static bool contains(const IrInts *list, int64_t x)
{
    for (int i = 0; i < list->n; i++)
        if (list->v[i] == x) return true;
    return false;
}

/* ---- sums ------------------------------------------------------------------------------------------------------- */

/* The same x added up `times` times; of no x at all, 0. */
static IrVal *repeated(IrBuilder *b, IrVal *x, int64_t times, const IrType *t)
{
    if (times == 0) return simplify_stretch(b, ir_const_like(b, x, 0), t);
    if (times != 1) x = ir_mul(b, x, ir_const_like(b, x, (double)times));
    return x;
}

/* Sum over axes of a value spread along some of them: those give a factor. */
static IrVal *sum_of_spread(IrBuilder *b, const IrNode *n)
{
    IrVal *x = made_by(n->arg[0], IR_spread);
    if (!x) return NULL;
    IrAxes along = n->arg[0]->def->attr->over, other = ir_axes_minus(along, n->attr->over), both = ir_axes_minus(along, other);
    if (!both.n) return ir_spread(b, ir_sum_over(b, x, n->attr->over), along);
    IrVal *rest = ir_sum_over(b, x, ir_axes_minus(n->attr->over, both));
    return simplify_stretch(b, repeated(b, rest, ir_axes_size(b->m, both), &rest->type), &n->result->type);
}

typedef struct {
    IrInts  inner;                                          /* dims of the broadcast's operand that are summed */
    IrInts  kept;                                           /* where its other dims sit in the result */
    int64_t times;                                          /* extents of summed dims that the broadcast made */
    bool    any;
} Unbroadcast;

static Unbroadcast split_dims(const IrNode *sum, const IrNode *broadcast)
{
    Unbroadcast u = {.times = 1};
    int out = 0, in = 0;
    for (int i = 0; i < broadcast->attr->dims.n; i++) {
        bool summed = contains(&sum->attr->dims, i), was = contains(&broadcast->attr->kept, i);
        if (summed && was) u.inner.v[u.inner.n++] = in;
        if (summed && !was) u.times *= broadcast->attr->dims.v[i], u.any = true;
        if (!summed && was) u.kept.v[u.kept.n++] = out;
        in += was;
        out += !summed;
    }
    return u;
}

static IrVal *sum_of_broadcast(IrBuilder *b, const IrNode *n)
{
    IrVal *x = made_by(n->arg[0], IR_broadcast);
    if (!x) return NULL;
    Unbroadcast u = split_dims(n, n->arg[0]->def);
    if (!u.any) return NULL;
    IrVal *y = ir_sum(b, x, u.inner);
    y = repeated(b, y, u.times, &y->type);
    return ir_dims_equal(&y->type, &n->result->type) ? y : ir_broadcast(b, y, ir_dims_of(&n->result->type), u.kept);
}

/* Over dims of extent 1 there is nothing to add. */
static IrVal *sum_of_one(IrBuilder *b, const IrNode *n)
{
    if (!n->attr->dims.n) return NULL;
    for (int i = 0; i < n->attr->dims.n; i++)
        if (n->arg[0]->type.dim[n->attr->dims.v[i]] != 1) return NULL;
    return ir_reshape(b, n->arg[0], ir_dims_of(&n->result->type));
}

IrVal *simplify_sum(IrBuilder *b, const IrNode *n)
{
    if (n->attr->over.n) return n->attr->dims.n ? NULL : sum_of_spread(b, n);
    IrVal *v = sum_of_one(b, n);
    if (!v) v = sum_of_broadcast(b, n);
    IrVal *x = v ? NULL : made_by(n->arg[0], IR_spread);    /* fewer samples to sum for */
    return x ? ir_spread(b, ir_sum(b, x, n->attr->dims), n->arg[0]->def->attr->over) : v;
}

/* ---- contractions ----------------------------------------------------------------------------------------------- */

static bool is_taken(const uint8_t *batch, int n_batch, const uint8_t *contract, int n_contract, int dim)
{
    for (int i = 0; i < n_batch; i++)
        if (batch[i] == dim) return true;
    for (int i = 0; i < n_contract; i++)
        if (contract[i] == dim) return true;
    return false;
}

/* The side's dims renamed through its transpose: free ones must stay in order, or the result would be another. */
static bool rename_dims(IrAttrs *at, bool first, const IrInts *perm)
{
    uint8_t *batch = first ? at->batch.a : at->batch.b, *contract = first ? at->contract.a : at->contract.b;
    int64_t last = -1;
    for (int i = 0; i < perm->n; i++) {
        if (is_taken(batch, at->batch.n, contract, at->contract.n, i)) continue;
        if (perm->v[i] < last) return false;
        last = perm->v[i];
    }
    for (int i = 0; i < at->batch.n; i++) batch[i] = (uint8_t)perm->v[batch[i]];
    for (int i = 0; i < at->contract.n; i++) contract[i] = (uint8_t)perm->v[contract[i]];
    return true;
}

/* dot(transpose(a), b) is a dot of a with its dims renamed. */
static IrVal *dot_of_transpose(IrBuilder *b, const IrNode *n)
{
    for (int i = 0; i < 2 && n->n_args == 2; i++) {
        IrVal *x = made_by(n->arg[i], IR_transpose);
        IrAttrs at = *n->attr;
        if (!x || !rename_dims(&at, i == 0, &n->arg[i]->def->attr->dims)) continue;
        IrVal *args[2] = {n->arg[0], n->arg[1]};
        args[i] = x;
        return &ir_node(b, IR_dot, args, 2, &at)->result[0];
    }
    return NULL;
}

/* A contraction aligns samples by itself; samples that all see the same product share it. */
static IrVal *dot_of_spread(IrBuilder *b, const IrNode *n)
{
    for (int i = 0; i < 2 && n->n_args == 2; i++) {
        IrVal *x = made_by(n->arg[i], IR_spread), *args[2] = {n->arg[0], n->arg[1]};
        if (!x) continue;
        args[i] = x;
        bool same = simplify_gives(b, n, args, &n->result->type);
        if (same || !n->attr->pair_over) return simplify_stretch(b, simplify_like(b, n, args), &n->result->type);
    }
    return NULL;
}

static int64_t extent_of(const IrType *t, const uint8_t *dims, int n)
{
    int64_t size = 1;
    for (int i = 0; i < n; i++) size *= t->dim[dims[i]];
    return size;
}

/* The side's free dims alone, in order. */
static IrVal *free_part(IrBuilder *b, IrVal *v, const uint8_t *contract, int n)
{
    IrInts dims = {0};
    for (int i = 0; i < v->type.rank; i++)
        if (!is_taken(NULL, 0, contract, n, i)) dims.v[dims.n++] = v->type.dim[i];
    return dims.n == v->type.rank ? v : ir_reshape(b, v, dims);
}

/* One term for each result, and one side a number per sample: a product of elements. */
static IrVal *dot_of_one(IrBuilder *b, const IrNode *n)
{
    const IrPairs *c = &n->attr->contract;
    bool number = n->arg[0]->type.rank == c->n || (n->n_args == 2 && n->arg[1]->type.rank == c->n);
    if (n->n_args != 2 || n->attr->pair_over || n->attr->batch.n || !number || extent_of(&n->arg[0]->type, c->a, c->n) != 1) return NULL;
    return ir_mul(b, free_part(b, n->arg[0], c->a, c->n), free_part(b, n->arg[1], c->b, c->n));
}

IrVal *simplify_dot(IrBuilder *b, const IrNode *n)
{
    IrVal *v = dot_of_transpose(b, n);
    if (!v) v = dot_of_spread(b, n);
    return v ? v : dot_of_one(b, n);
}
