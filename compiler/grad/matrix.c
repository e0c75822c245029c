/* matrix.c - derivatives of cholesky, trisolve, solve and eigh, in rows of the same table. */
#include "compiler/grad/matrix.h"

/* ---- small parts ------------------------------------------------------------------------------------------------ */

IrVal *flip(IrBuilder *B, IrVal *x)
{
    int r = x->type.rank;
    IrInts perm = {.n = (uint8_t)r};
    for (int d = 0; d < r - 2; d++) perm.v[d] = d;
    perm.v[r - 2] = r - 1;
    perm.v[r - 1] = r - 2;
    return ir_transpose(B, x, perm);
}

/* x z or x zᵀ, summed over the sample axes `over`. */
static IrVal *product(IrBuilder *B, IrVal *x, IrVal *z, bool z_flipped, IrAxes over)
{
    int r = x->type.rank, lead[IR_MAX_RANK];
    for (int d = 0; d < r - 2; d++) lead[d] = d;
    return ir_dot(B, x, z, ir_pairs(r - 2, lead, lead), ir_pairs(1, &(int){r - 1}, &(int){z_flipped ? r - 1 : r - 2}), over);
}

static IrVal *matmul(IrBuilder *B, IrVal *x, IrVal *z) { return product(B, x, z, false, ir_no_axes()); }
static IrVal *half(IrBuilder *B, IrVal *x) { return ir_mul(B, ir_const_like(B, x, 0.5), x); }
static IrVal *symmetric(IrBuilder *B, IrVal *x) { return half(B, ir_add(B, x, flip(B, x))); }

/* Row index against column index, for each element of x. */
static IrVal *row_to_column(IrBuilder *B, IrCompare how, const IrVal *x)
{
    IrInts dims = ir_dims_of(&x->type);
    return ir_compare(B, how, ir_index_dim(B, dims, dims.n - 2), ir_index_dim(B, dims, dims.n - 1));
}

static IrVal *where_else_0(IrBuilder *B, IrVal *c, IrVal *x) { return ir_select(B, c, x, ir_const_like(B, x, 0)); }
static IrVal *tril(IrBuilder *B, IrVal *x) { return where_else_0(B, row_to_column(B, IR_GE, x), x); }

/* The lower triangle with its diagonal halved. */
static IrVal *tril_half(IrBuilder *B, IrVal *x)
{
    IrVal *diagonal = where_else_0(B, row_to_column(B, IR_EQ, x), half(B, x));
    return ir_select(B, row_to_column(B, IR_GT, x), x, diagonal);
}

/* A vector for each matrix, stretched over its columns (element i in row i) or over its rows (element j in column j). */
static IrVal *stretch(IrBuilder *B, IrVal *v, bool over_columns)
{
    IrInts dims = ir_dims_of(&v->type), kept = {.n = dims.n};
    int r = dims.n;
    dims.v[r] = dims.v[r - 1];
    dims.n++;
    for (int d = 0; d < r; d++) kept.v[d] = d;
    if (!over_columns) kept.v[r - 1] = r;
    return ir_broadcast(B, v, dims, kept);
}

static IrAxes beyond(const IrVal *x, const IrVal *z, const IrVal *of)
{
    return ir_axes_minus(ir_axes_union(x->type.axes, z->type.axes), of->type.axes);
}

/* ---- cholesky --------------------------------------------------------------------------------------------------- */

/* x L⁻¹ */
static IrVal *over_l(IrBuilder *B, IrVal *x, IrVal *l) { return flip(B, ir_trisolve(B, l, flip(B, x), true)); }

IrVal *cholesky_back(IrBuilder *B, const IrNode *n, IrVal *g)
{
    IrVal *l = &n->result[0];
    IrVal *p = tril_half(B, matmul(B, flip(B, l), g));
    return symmetric(B, over_l(B, ir_trisolve(B, l, p, true), l));
}

IrVal *cholesky_tangent(IrBuilder *B, const IrNode *n, IrVal *t)
{
    IrVal *l = &n->result[0];
    IrVal *left = ir_trisolve(B, l, symmetric(B, t), false);
    IrVal *both = flip(B, ir_trisolve(B, l, flip(B, left), false));
    return matmul(B, l, tril_half(B, both));
}

/* ---- triangular and general systems ----------------------------------------------------------------------------- */

IrVal *trisolve_back(IrBuilder *B, const IrNode *n, IrVal *g)
{
    IrVal *l = n->arg[0], *y = &n->result[0];
    IrVal *x = ir_trisolve(B, l, g, !n->attr->transpose);
    IrVal *outer = n->attr->transpose ? product(B, y, x, true, beyond(y, x, l)) : product(B, x, y, true, beyond(x, y, l));
    return ir_neg(B, tril(B, outer));
}

IrVal *trisolve_tangent(IrBuilder *B, const IrNode *n, int i, IrVal *t)
{
    bool transpose = n->attr->transpose;
    if (i == 1) return ir_trisolve(B, n->arg[0], t, transpose);
    IrVal *lower = tril(B, t);
    IrVal *moved = matmul(B, transpose ? flip(B, lower) : lower, &n->result[0]);
    return ir_trisolve(B, n->arg[0], ir_neg(B, moved), transpose);
}

IrVal *solve_back(IrBuilder *B, const IrNode *n, IrVal *g)
{
    IrVal *a = n->arg[0], *y = &n->result[0];
    IrVal *x = ir_solve(B, flip(B, a), g);
    return ir_neg(B, product(B, x, y, true, beyond(x, y, a)));
}

IrVal *solve_tangent(IrBuilder *B, const IrNode *n, int i, IrVal *t)
{
    return ir_solve(B, n->arg[0], i == 1 ? t : ir_neg(B, matmul(B, t, &n->result[0])));
}

/* ---- eigh ------------------------------------------------------------------------------------------------------- */

/* 1 / (lambda_j - lambda_i), 0 where they are equal. */
static IrVal *inverse_gaps(IrBuilder *B, IrVal *lambda)
{
    IrVal *gap = ir_sub(B, stretch(B, lambda, false), stretch(B, lambda, true));
    IrVal *equal = ir_compare(B, IR_EQ, gap, ir_const_like(B, gap, 0));
    IrVal *one = ir_const_like(B, gap, 1);
    return ir_select(B, equal, ir_const_like(B, gap, 0), ir_div(B, one, ir_select(B, equal, one, gap)));
}

/* Q (diag(g_lambda) + F ∘ (Qᵀ g_Q)) Qᵀ, made symmetric, as eigh reads ½(a + aᵀ). */
IrVal *eigh_back(IrBuilder *B, const IrNode *n, IrVal *const *gs)
{
    IrVal *lambda = &n->result[0], *q = &n->result[1], *inner = NULL;
    if (gs[1]) inner = ir_mul(B, inverse_gaps(B, lambda), matmul(B, flip(B, q), gs[1]));
    if (gs[0]) {
        IrVal *diagonal = where_else_0(B, row_to_column(B, IR_EQ, q), stretch(B, gs[0], true));
        inner = inner ? ir_add(B, diagonal, inner) : diagonal;
    }
    return symmetric(B, product(B, matmul(B, q, inner), q, true, ir_no_axes()));
}

IrVal *eigh_tangent(IrBuilder *B, const IrNode *n, int r, IrVal *t)
{
    IrVal *lambda = &n->result[0], *q = &n->result[1];
    IrVal *m = matmul(B, matmul(B, flip(B, q), symmetric(B, t)), q);
    if (r == 1) return matmul(B, q, ir_mul(B, inverse_gaps(B, lambda), m));
    IrInts last = ir_ints(1, &(int64_t){q->type.rank - 1});
    return ir_sum(B, where_else_0(B, row_to_column(B, IR_EQ, q), m), last);
}
