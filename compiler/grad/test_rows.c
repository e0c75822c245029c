/* test_rows.c - every row of ops.def against differences, duals and dot products; and wrong rules, which must be caught.
 *
 * `rows` below has the cases that are written out; element-wise rows are crossed with lists of shapes. A row of ops.def with a rule
 * and no case fails the walk. */
#include "compiler/grad/gradcheck.h"

#include <criterion/criterion.h>

#define MAKE(name) static void name(const CheckRow *row, IrBuilder *b, const int *axis, IrVal **x, IrVal **y)
#define UNUSED (void)row, (void)b, (void)axis, (void)x, (void)y
#define DIMS(...) ir_ints(sizeof((int64_t[]){__VA_ARGS__}) / 8, (int64_t[]){__VA_ARGS__})
#define INTS(...) ((int[]){__VA_ARGS__})

/* ---- element-wise ----------------------------------------------------------------------------------------------- */

MAKE(element_wise)
{
    IrAttrs at = ir_attrs();
    int n = ir_op_info[row->op].operands;
    at.n = row->n;
    UNUSED;
    y[0] = &ir_node(b, row->op, x, n, &at)->result[0];
}

/* One value as both operands. */
MAKE(both_operands)
{
    UNUSED;
    IrAttrs at = ir_attrs();
    y[0] = &ir_node(b, row->op, (IrVal *[]){x[0], x[0]}, 2, &at)->result[0];
}

MAKE(fma_of_one)
{
    UNUSED;
    y[0] = ir_fma(b, x[0], x[0], x[0]);
}

MAKE(whole_power)                                           /* of a base of any sign */
{
    UNUSED;
    y[0] = ir_pow(b, x[0], ir_const(b, IR_F64, (double)row->n));
}

MAKE(select_by_sign)
{
    UNUSED;
    y[0] = ir_select(b, ir_compare(b, IR_GT, x[2], ir_const(b, IR_F64, 0)), x[0], x[1]);
}

MAKE(select_and_go_on)                                      /* masks that meet and go through other rows */
{
    UNUSED;
    IrVal *c = ir_compare(b, IR_GT, x[0], ir_const(b, IR_F64, 0)), *d = ir_compare(b, IR_LT, x[1], ir_const(b, IR_F64, 0.5));
    IrVal *p = ir_select(b, c, ir_exp(b, ir_mul(b, x[0], x[0])), ir_sin(b, x[1]));
    IrVal *q = ir_select(b, d, ir_mul(b, p, x[1]), ir_select(b, c, p, ir_mul(b, x[0], x[1])));
    y[0] = ir_mul(b, ir_tanh(b, q), ir_max(b, p, x[1]));
}

MAKE(select_and_move)
{
    UNUSED;
    IrVal *s = ir_transpose(b, ir_reshape(b, ir_mul(b, x[0], x[0]), DIMS(2, 3)), DIMS(1, 0));
    IrVal *c = ir_compare(b, IR_GT, s, ir_const(b, IR_F64, 1));
    y[0] = ir_exp(b, ir_reverse(b, ir_select(b, c, s, ir_sin(b, s)), DIMS(0)));
}

MAKE(convert_to_itself)                                     /* a rounding has no differences; test_edges.c has the values */
{
    UNUSED;
    IrAttrs at = ir_attrs();
    at.elem = IR_F64;
    y[0] = ir_mul(b, &ir_node(b, IR_convert, x, 1, &at)->result[0], x[0]);
}

MAKE(cubed)
{
    UNUSED;
    y[0] = ir_mul(b, x[0], ir_mul(b, x[0], x[0]));
}

/* ---- reductions ------------------------------------------------------------------------------------------------- */

MAKE(sum_dims)  { UNUSED; y[0] = ir_sum(b, ir_mul(b, x[0], ir_mul(b, x[0], x[0])), row->n ? DIMS(0, 2) : DIMS(1)); }
MAKE(sum_axes)  { UNUSED; y[0] = ir_sum_over(b, ir_mul(b, x[0], ir_exp(b, x[0])), row->n ? ir_axes_add(ir_one_axis(axis[0]), axis[1]) : ir_one_axis(axis[1])); }
MAKE(sum_empty) { UNUSED; y[0] = ir_sum_over(b, ir_mul(b, x[0], x[0]), ir_one_axis(axis[2])); }
MAKE(max_dim)   { UNUSED; y[0] = ir_reduce_max(b, ir_mul(b, x[0], ir_exp(b, x[0])), (int)row->n); }
MAKE(max_axis)  { UNUSED; y[0] = ir_reduce_max_over(b, ir_mul(b, x[0], ir_exp(b, x[0])), axis[row->n]); }
MAKE(norm_some) { UNUSED; y[0] = ir_norm(b, x[0], row->n == 0 ? DIMS(0) : row->n == 1 ? DIMS(0, 1) : DIMS(0, 2)); }
MAKE(cumsum_of) { UNUSED; y[0] = ir_cumsum(b, ir_mul(b, x[0], x[0]), 1, row->n & 1, row->n & 2); }

/* ---- contractions ----------------------------------------------------------------------------------------------- */

MAKE(dot_plain)  { UNUSED; y[0] = ir_dot(b, x[0], x[1], ir_no_pairs(), ir_pairs(1, INTS(1), INTS(0)), ir_no_axes()); }
MAKE(dot_outer)  { UNUSED; y[0] = ir_dot(b, x[0], x[1], ir_no_pairs(), ir_no_pairs(), row->n ? ir_one_axis(axis[1]) : ir_no_axes()); }
MAKE(dot_batch)  { UNUSED; y[0] = ir_dot(b, x[0], x[1], ir_pairs(1, INTS(2), INTS(1)), ir_pairs(2, INTS(0, 3), INTS(2, 0)), ir_no_axes()); }
MAKE(dot_gram)   { UNUSED; y[0] = ir_dot(b, x[0], x[0], ir_no_pairs(), ir_no_pairs(), ir_one_axis(axis[1])); }
MAKE(dot_over)   { UNUSED; y[0] = ir_dot(b, x[0], x[1], ir_no_pairs(), ir_pairs(1, INTS(1), INTS(0)), ir_one_axis(axis[row->n])); }
MAKE(dot_last)   { UNUSED; y[0] = ir_dot(b, x[0], x[1], ir_no_pairs(), ir_pairs(1, INTS(0), INTS(0)), ir_no_axes()); }
MAKE(dot_pairs)
{
    UNUSED;
    IrAxes over[2] = {ir_one_axis(axis[0]), ir_one_axis(axis[1])};
    y[0] = ir_dot_pairs(b, x, 2, ir_no_pairs(), ir_pairs(1, INTS(0), INTS(1)), over);
}

static const IrWindow windows[][2] = {
    {{0, 0, 1, 1, 1, 1, 1}},                                /* plain, "same" */
    {{0, 0, 3, 1, 1, 1, 2}},                                /* stride 3, ragged */
    {{0, 0, 2, 1, 2, 2, 1}},                                /* dilated kernel */
    {{0, 0, 1, 3, 1, 1, 0}},                                /* dilated operand: transposed */
    {{0, 0, 2, 3, 2, 0, 3}},                                /* all three */
    {{0, 0, 1, 1, 1, -1, -1}},                              /* negative padding */
    {{0, 1, 2, 1, 1, 1, 0}, {2, 0, 1, 2, 1, 0, 1}},         /* two, dims in different places */
};

MAKE(conv_line)  { UNUSED; y[0] = ir_conv(b, x[0], x[1], ir_no_pairs(), windows[row->n], 1, ir_pairs(1, INTS(1), INTS(1)), ir_no_axes()); }
MAKE(conv_over)  { UNUSED; y[0] = ir_conv(b, x[0], x[1], ir_no_pairs(), windows[row->n], 1, ir_pairs(1, INTS(1), INTS(1)), ir_one_axis(axis[1])); }
MAKE(conv_plane) { UNUSED; y[0] = ir_conv(b, x[0], x[1], ir_no_pairs(), windows[6], 2, ir_pairs(1, INTS(1), INTS(3)), ir_no_axes()); }
MAKE(conv_group)
{
    UNUSED;
    IrWindow w = windows[row->n][0];
    w.a = 2;
    y[0] = ir_conv(b, x[0], x[1], ir_pairs(1, INTS(0), INTS(3)), &w, 1, ir_pairs(1, INTS(1), INTS(2)), ir_no_axes());
}

/* ---- layout ----------------------------------------------------------------------------------------------------- */

static IrVal *cube(IrBuilder *b, IrVal *v) { return ir_mul(b, v, ir_mul(b, v, v)); }

MAKE(reshaped)   { UNUSED; y[0] = ir_reshape(b, cube(b, x[0]), DIMS(3, 1, 2)); }
MAKE(reshaped_1) { UNUSED; y[0] = cube(b, ir_reshape(b, x[0], ir_ints(0, NULL))); }
MAKE(transposed) { UNUSED; y[0] = ir_transpose(b, cube(b, x[0]), DIMS(2, 0, 1)); }
MAKE(broadcasts) { UNUSED; y[0] = cube(b, ir_broadcast(b, x[0], DIMS(2, 3, 2, 1), DIMS(1, 3))); }
MAKE(broadcast0) { UNUSED; y[0] = cube(b, ir_fill(b, x[0], DIMS(2, 2))); }
MAKE(sliced)     { UNUSED; y[0] = ir_slice(b, cube(b, x[0]), DIMS(1, 0), DIMS(6, 2), DIMS(row->n, 1)); }
MAKE(sliced_off) { UNUSED; y[0] = ir_slice(b, cube(b, x[0]), DIMS(2), DIMS(2), DIMS(1)); }
MAKE(padded)     { UNUSED; y[0] = cube(b, ir_pad(b, x[0], DIMS(1, 0), DIMS(0, 2), DIMS(2, 0), (double)row->n)); }
MAKE(joined)     { UNUSED; y[0] = cube(b, ir_concat(b, (IrVal *[]){x[0], x[1], x[0]}, 3, 1)); }
MAKE(reversed)   { UNUSED; y[0] = ir_mul(b, x[0], ir_reverse(b, cube(b, x[0]), DIMS(0, 2))); }
MAKE(spread_out) { UNUSED; y[0] = cube(b, ir_spread(b, x[0], ir_one_axis(axis[row->n]))); }
MAKE(to_feature) { UNUSED; y[0] = ir_cumsum(b, cube(b, ir_as_feature(b, x[0], axis[1])), 0, false, false); }
MAKE(to_sample)  { UNUSED; y[0] = ir_mul(b, cube(b, ir_as_sample(b, x[0], axis[1])), ir_as_sample(b, ir_reverse(b, x[0], DIMS(0)), axis[1])); }
MAKE(pairwise)                                              /* the same rows along another axis */
{
    UNUSED;
    IrVal *other = ir_as_sample(b, ir_slice(b, ir_as_feature(b, x[0], axis[1]), DIMS(0, 0), DIMS(2, 2), DIMS(1, 1)), axis[0]);
    y[0] = ir_exp(b, ir_neg(b, ir_mul(b, ir_sub(b, x[0], other), ir_sub(b, x[0], other))));
}

/* 0 2 1 0 ... of the given dims, from 0 to `below`. */
static IrVal *indices(IrBuilder *b, IrInts dims, int below)
{
    IrVal *i = ir_const(b, IR_I32, 0);
    for (int d = 0; d < dims.n; d++) i = ir_add(b, i, ir_mul(b, ir_index_dim(b, dims, d), ir_const(b, IR_I32, d + 2)));
    return ir_rem(b, i, ir_const(b, IR_I32, below));
}

static IrVal *by_sample(IrBuilder *b, const int *axis) { return ir_rem(b, ir_mul(b, ir_index_axis(b, axis[1]), ir_const(b, IR_I32, 2)), ir_const(b, IR_I32, 3)); }

MAKE(gathered)   { UNUSED; y[0] = cube(b, ir_gather(b, x[0], indices(b, DIMS(2, 2), (int)row->n), 0)); }
MAKE(gathered_1) { UNUSED; y[0] = cube(b, ir_gather(b, x[0], indices(b, DIMS(2, 4), 3), 1)); }
MAKE(gathered_b) { UNUSED; y[0] = cube(b, ir_gather(b, x[0], by_sample(b, axis), 0)); }
MAKE(scattered)  { UNUSED; y[0] = cube(b, ir_scatter_add(b, indices(b, DIMS(2, 2), 4), x[0], row->n, 0, ir_no_axes())); }
MAKE(scattered_1){ UNUSED; y[0] = cube(b, ir_scatter_add(b, indices(b, DIMS(2, 4), 3), x[0], 3, 1, ir_no_axes())); }
MAKE(scattered_b){ UNUSED; y[0] = cube(b, ir_scatter_add(b, by_sample(b, axis), x[0], 3, 0, ir_one_axis(axis[1]))); }
MAKE(sorted)     { UNUSED; y[0] = cube(b, ir_gather(b, x[0], ir_argsort(b, x[0]), 1)); }

/* ---- whole matrices --------------------------------------------------------------------------------------------- */

/* x plus a diagonal: step, 2 step, ... (even), or step everywhere. */
static IrVal *plus_diagonal(IrBuilder *b, IrVal *x, double step, bool even)
{
    IrInts dims = ir_dims_of(&x->type);
    IrVal *i = ir_index_dim(b, dims, dims.n - 2), *j = ir_index_dim(b, dims, dims.n - 1);
    IrVal *d = ir_mul(b, ir_const(b, IR_F64, step), even ? ir_convert(b, ir_add(b, i, ir_const(b, IR_I32, 1)), IR_F64) : ir_const(b, IR_F64, 1));
    return ir_add(b, x, ir_select(b, ir_compare(b, IR_EQ, i, j), d, ir_const(b, IR_F64, 0)));
}

MAKE(factored)   { UNUSED; y[0] = ir_cholesky(b, plus_diagonal(b, x[0], 4, false)); }
MAKE(triangular) { UNUSED; y[0] = ir_trisolve(b, plus_diagonal(b, x[0], 2, false), x[1], row->n); }
MAKE(solved)     { UNUSED; y[0] = ir_solve(b, plus_diagonal(b, x[0], 3, false), x[1]); }
MAKE(eigen)
{
    UNUSED;
    IrNode *e = ir_eigh(b, plus_diagonal(b, x[0], 2, true));
    if (row->n != 2) *y++ = &e->result[0];
    if (row->n != 1) *y++ = &e->result[1];
}

/* ---- control ---------------------------------------------------------------------------------------------------- */

/* A body being written: parameters for the operands, stacked ones without their leading dim. */
typedef struct Body { IrBlock *block; IrBuilder b; IrVal *p[8]; } Body;

static Body body_for(IrBuilder *b, IrVal *const *args, int n, int first_stacked, int n_stacked)
{
    Body body = {.block = ir_block(b->m)};
    body.b = (IrBuilder){.m = b->m, .block = body.block};
    for (int i = 0; i < n; i++) {
        IrType t = args[i]->type;
        if (i >= first_stacked && i < first_stacked + n_stacked) {
            for (int d = 1; d < t.rank; d++) t.dim[d - 1] = t.dim[d];
            t.rank--;
        }
        body.p[i] = ir_block_param(b->m, body.block, t);
    }
    return body;
}

/* x: h0 [2], xs [n,2], w [2,2]. A recurrent net; the last state and all states. */
MAKE(recurrent)
{
    UNUSED;
    Body k = body_for(b, x, 3, 1, 1);
    IrVal *h = ir_tanh(&k.b, ir_add(&k.b, ir_dot(&k.b, k.p[0], k.p[2], ir_no_pairs(), ir_pairs(1, INTS(0), INTS(0)), ir_no_axes()), k.p[1]));
    ir_block_yield(b->m, k.block, (IrVal *[]){h, ir_mul(&k.b, h, k.p[1])}, 2);
    IrNode *scan = ir_scan_node(b, row->n, 1, 1, -1, x, 3, k.block);
    y[0] = &scan->result[0];
    y[1] = &scan->result[1];
}

/* x: p [], q [], xs [4], c []. p and q feed each other only through later iterations; a counter; one carried value that no one moves. */
MAKE(crossed)
{
    UNUSED;
    IrVal *args[5] = {x[0], x[1], ir_const(b, IR_I32, 0), x[2], x[3]};
    Body k = body_for(b, args, 5, 3, 1);
    IrVal *odd = ir_convert(&k.b, ir_rem(&k.b, k.p[2], ir_const(&k.b, IR_I32, 2)), IR_F64);
    IrVal *p = ir_mul(&k.b, ir_sin(&k.b, k.p[1]), k.p[3]), *q = ir_add(&k.b, k.p[1], ir_mul(&k.b, odd, ir_mul(&k.b, k.p[4], k.p[3])));
    ir_block_yield(b->m, k.block, (IrVal *[]){p, q, ir_add(&k.b, k.p[2], ir_const(&k.b, IR_I32, 1)), ir_mul(&k.b, p, k.p[0])}, 4);
    IrNode *scan = ir_scan_node(b, 4, 3, 1, -1, args, 5, k.block);
    y[0] = &scan->result[0];
    y[1] = &scan->result[3];
}

/* x: h [b]. Stops a sample once h passes a bound. */
MAKE(stops_early)
{
    UNUSED;
    IrVal *done = ir_compare(b, IR_GT, x[0], ir_const(b, IR_F64, 100));
    IrVal *args[3] = {x[0], done, x[1]};
    Body k = body_for(b, args, 3, 0, 0);
    IrVal *h = ir_mul(&k.b, k.p[0], ir_add(&k.b, ir_const(&k.b, IR_F64, 1), ir_mul(&k.b, k.p[2], k.p[0])));
    ir_block_yield(b->m, k.block, (IrVal *[]){h, ir_compare(&k.b, IR_GT, h, ir_const(&k.b, IR_F64, 1.7)), ir_mul(&k.b, h, h)}, 3);
    IrNode *scan = ir_scan_node(b, 4, 2, 0, 1, args, 3, k.block);
    y[0] = &scan->result[0];
    y[1] = &scan->result[2];
}

/* x: h [], w []. A scan in a scan, with a draw in both; and a cond with a draw inside. */
MAKE(nested)
{
    UNUSED;
    Body outer = body_for(b, x, 2, 0, 0);
    IrVal *in_args[2] = {outer.p[0], outer.p[1]};
    Body in = body_for(&outer.b, in_args, 2, 0, 0);
    IrVal *u = ir_uniform(&in.b, ir_stream(b->m, "inner"), ir_scalar(IR_F64));
    ir_block_yield(b->m, in.block, (IrVal *[]){ir_sin(&in.b, ir_mul(&in.b, in.p[0], ir_add(&in.b, u, in.p[1])))}, 1);
    IrVal *h = &ir_scan_node(&outer.b, 2, 1, 0, -1, in_args, 2, in.block)->result[0];

    IrVal *e = ir_normal(&outer.b, ir_stream(b->m, "outer"), ir_scalar(IR_F64));
    IrVal *c_args[3] = {ir_compare(&outer.b, IR_GT, e, ir_const(&outer.b, IR_F64, 0)), h, e};
    Body yes = body_for(&outer.b, c_args + 1, 2, 0, 0), no = body_for(&outer.b, c_args + 1, 2, 0, 0);
    IrVal *d = ir_uniform(&yes.b, ir_stream(b->m, "yes"), ir_scalar(IR_F64)), *f = ir_uniform(&no.b, ir_stream(b->m, "no"), ir_scalar(IR_F64));
    ir_block_yield(b->m, yes.block, (IrVal *[]){ir_mul(&yes.b, d, ir_mul(&yes.b, yes.p[0], yes.p[0]))}, 1);
    ir_block_yield(b->m, no.block, (IrVal *[]){ir_add(&no.b, f, ir_mul(&no.b, no.p[0], no.p[1]))}, 1);
    IrVal *next = &ir_cond_node(&outer.b, c_args, 3, yes.block, no.block)->result[0];
    ir_block_yield(b->m, outer.block, (IrVal *[]){next, ir_mul(&outer.b, next, outer.p[1])}, 2);
    IrNode *scan = ir_scan_node(b, 3, 1, 0, -1, x, 2, outer.block);
    y[0] = &scan->result[0];
    y[1] = &scan->result[1];
}

/* x: h [], w []. k steps of gradient descent on a small loss, the gradient taken inside the body. */
MAKE(unrolled)
{
    UNUSED;
    Body k = body_for(b, x, 2, 0, 0);
    IrVal *loss = ir_mul(&k.b, ir_softplus(&k.b, ir_mul(&k.b, k.p[0], k.p[1])), ir_cos(&k.b, k.p[0])), *g;
    grad_reverse(&k.b, &loss, NULL, 1, &k.p[0], 1, &g, NULL);
    ir_block_yield(b->m, k.block, (IrVal *[]){ir_sub(&k.b, k.p[0], ir_mul(&k.b, ir_const(&k.b, IR_F64, 0.3), g))}, 1);
    y[0] = &ir_scan_node(b, 3, 1, 0, -1, x, 2, k.block)->result[0];
}

/* x: p [], q [2]. Sides that use different operands. */
MAKE(either)
{
    UNUSED;
    IrVal *yes_no = ir_compare(b, row->n ? IR_GE : IR_LT, ir_const(b, IR_I32, 2), ir_const(b, IR_I32, 1));
    IrVal *args[3] = {yes_no, x[0], x[1]};
    Body yes = body_for(b, x, 2, 0, 0), no = body_for(b, x, 2, 0, 0);
    ir_block_yield(b->m, yes.block, (IrVal *[]){ir_exp(&yes.b, yes.p[0]), yes.p[1]}, 2);
    ir_block_yield(b->m, no.block, (IrVal *[]){ir_const(&no.b, IR_F64, 3), ir_mul(&no.b, no.p[1], ir_sin(&no.b, no.p[1]))}, 2);
    IrNode *cond = ir_cond_node(b, args, 3, yes.block, no.block);
    y[0] = ir_mul(b, &cond->result[0], &cond->result[0]);
    y[1] = &cond->result[1];
}

/* ---- the cases -------------------------------------------------------------------------------------------------- */

static const char *const shapes[] = {"[3]", "[]", "[1]", "[0]", "b[2]", "ab[]", "e[2]", "[1,2,1]", "[2,1,2,1]", "[1,2,1,1,2]"};
static const char *const shapes2[][2] = {{"[3]", "[3]"}, {"[]", "[]"}, {"[]", "[2]"}, {"[2]", "[]"}, {"a[2]", "b[2]"}, {"a[]", "b[2]"}, {"ab[]", "b[]"},
    {"[0]", "[0]"}, {"[]", "[0]"}, {"e[]", "[2]"}, {"[1,2,1]", "[1,2,1]"}, {"b[2,1,1,2]", "[]"}, {"[1,1,2,1,2]", "a[1,1,2,1,2]"}};
static const char *const shapes3[][3] = {{"[3]", "[3]", "[3]"}, {"[]", "[]", "[]"}, {"a[2]", "[]", "b[2]"}, {"[]", "b[2]", "[2]"}, {"[0]", "[]", "[0]"}, {"ab[1,2]", "a[]", "[1,2]"}};

typedef struct { IrOp op; double lo, hi; int64_t n; } MapRow;
static const MapRow maps[] = {
    {IR_neg, -2, 2, 0}, {IR_abs, -2, 2, 0}, {IR_sqrt, 0.4, 3, 0}, {IR_exp, -2, 2, 0}, {IR_expm1, -2, 2, 0}, {IR_log, 0.4, 3, 0}, {IR_log1p, -0.5, 3, 0},
    {IR_sin, -3, 3, 0}, {IR_cos, -3, 3, 0}, {IR_tanh, -2, 2, 0}, {IR_sigmoid, -3, 3, 0}, {IR_dsigmoid, -3, 3, 0}, {IR_softplus, -3, 3, 0}, {IR_erf, -2, 2, 0},
    {IR_erfc, -2, 2, 0}, {IR_polygamma, 0.7, 3, -1}, {IR_polygamma, 0.7, 3, 0}, {IR_polygamma, 1, 3, 1},
};
static const MapRow maps2[] = {{IR_add, -2, 2, 0}, {IR_sub, -2, 2, 0}, {IR_mul, -2, 2, 0}, {IR_div, 0.5, 2.5, 0}, {IR_rem, 0.61, 3.13, 0}, {IR_pow, 0.4, 2.2, 0}, {IR_max, -2, 2, 0}, {IR_min, -2, 2, 0}};

static const CheckRow rows[] = {
    {IR_add, "x + x", 2, -2, 2, both_operands, {"[3]"}, 0}, {IR_sub, "x - x", 2, -2, 2, both_operands, {"b[2]"}, 0}, {IR_mul, "x x", 2, -2, 2, both_operands, {"b[2]"}, 0},
    {IR_mul, "x (x x)", 3, -2, 2, cubed, {"ab[2]"}, 0}, {IR_div, "x / x", 2, 0.5, 2, both_operands, {"[3]"}, 0}, {IR_pow, "x ^ x", 3, 0.5, 2, both_operands, {"[3]"}, 0}, {IR_fma, "x x + x", 2, -2, 2, fma_of_one, {"[2]"}, 0},
    {IR_max, "max(x, x)", 2, -2, 2, both_operands, {"[2]"}, 0}, {IR_min, "min(x, x)", 2, -2, 2, both_operands, {"[2]"}, 0},
    {IR_pow, "x ^ 3", 3, -2, 2, whole_power, {"[4]"}, 3}, {IR_pow, "x ^ 2", 3, -2, 2, whole_power, {"[4]"}, 2}, {IR_pow, "x ^ 0", 2, -2, 2, whole_power, {"[2]"}, 0},
    {IR_select, "dims", 2, -2, 2, select_by_sign, {"[3]", "[3]", "[3]"}, 0}, {IR_select, "axes", 2, -2, 2, select_by_sign, {"a[2]", "[]", "b[2]"}, 0},
    {IR_select, "rank 0", 2, -2, 2, select_by_sign, {"[]", "b[2]", "[]"}, 0}, {IR_select, "masks", 2, -1.4, 1.4, select_and_go_on, {"b[2]", "[2]"}, 0},
    {IR_select, "masks and axes", 2, -1.4, 1.4, select_and_go_on, {"ab[]", "b[2]"}, 0}, {IR_select, "masks and moves", 2, -1.4, 1.4, select_and_move, {"b[6]"}, 0},
    {IR_convert, "to itself", 2, -2, 2, convert_to_itself, {"[2]"}, 0},

    {IR_sum, "one dim", 2, -2, 2, sum_dims, {"[2,3]"}, 0}, {IR_sum, "two dims", 2, -2, 2, sum_dims, {"b[2,1,2]"}, 1}, {IR_sum, "no rows", 2, -2, 2, sum_dims, {"[2,0]"}, 0},
    {IR_sum, "axis", 2, -2, 2, sum_axes, {"b[2]"}, 0}, {IR_sum, "axes", 2, -2, 2, sum_axes, {"ab[]"}, 1}, {IR_sum, "no samples", 2, -2, 2, sum_empty, {"e[2]"}, 0},
    {IR_reduce_max, "dim 0", 2, -2, 2, max_dim, {"[3]"}, 0}, {IR_reduce_max, "dim 1", 2, -2, 2, max_dim, {"b[2,3,2]"}, 1}, {IR_reduce_max, "one", 2, -2, 2, max_dim, {"[1,2]"}, 0},
    {IR_reduce_max, "of nothing", 2, -2, 2, max_dim, {"[2,0]"}, 1}, {IR_reduce_max, "axis", 2, -2, 2, max_axis, {"ab[2]"}, 1},
    {IR_norm, "all", 2, -2, 2, norm_some, {"[3]"}, 0}, {IR_norm, "two dims", 2, -2, 2, norm_some, {"b[2,2]"}, 1}, {IR_norm, "not all", 2, -2, 2, norm_some, {"a[2,2,2]"}, 2},
    {IR_norm, "one", 2, -2, 2, norm_some, {"[1]"}, 0}, {IR_norm, "of nothing", 2, -2, 2, norm_some, {"[0]"}, 0},
    {IR_cumsum, "plain", 2, -2, 2, cumsum_of, {"[2,3]"}, 0}, {IR_cumsum, "reverse", 2, -2, 2, cumsum_of, {"[2,3,1]"}, 1}, {IR_cumsum, "exclusive", 2, -2, 2, cumsum_of, {"b[1,3]"}, 2},
    {IR_cumsum, "both", 2, -2, 2, cumsum_of, {"[2,3]"}, 3}, {IR_cumsum, "nothing", 2, -2, 2, cumsum_of, {"[2,0]"}, 0},

    {IR_dot, "matrices", 2, -2, 2, dot_plain, {"[2,3]", "[3,2]"}, 0}, {IR_dot, "one axis each", 2, -2, 2, dot_plain, {"a[2,2]", "b[2,1]"}, 0}, {IR_dot, "weights", 2, -2, 2, dot_plain, {"b[1,3]", "[3,2]"}, 0},
    {IR_dot, "nothing contracted", 2, -2, 2, dot_plain, {"[2,0]", "[0,2]"}, 0}, {IR_dot, "no rows", 2, -2, 2, dot_plain, {"[0,2]", "[2,2]"}, 0},
    {IR_dot, "outer", 2, -2, 2, dot_outer, {"[2]", "b[3]"}, 0}, {IR_dot, "numbers", 2, -2, 2, dot_outer, {"[]", "b[]"}, 0}, {IR_dot, "sum of outers", 2, -2, 2, dot_outer, {"ab[2]", "b[2]"}, 1}, {IR_dot, "half summed", 2, -2, 2, dot_outer, {"[2]", "b[2]"}, 1},
    {IR_dot, "batch", 2, -2, 2, dot_batch, {"[2,1,2,3]", "[3,2,2,2]"}, 0}, {IR_dot, "Gram", 2, -2, 2, dot_gram, {"b[2]"}, 0},
    {IR_dot, "over an axis", 2, -2, 2, dot_over, {"b[2,2]", "b[2,1]"}, 1}, {IR_dot, "over, other axes", 2, -2, 2, dot_over, {"ab[1,2]", "b[2,1]"}, 0}, {IR_dot, "over no samples", 2, -2, 2, dot_over, {"e[1,2]", "[2,1]"}, 2},
    {IR_dot, "vectors", 2, -2, 2, dot_last, {"b[3]", "[3]"}, 0}, {IR_dot, "two pairs", 2, -2, 2, dot_pairs, {"a[2]", "a[2,2]", "b[2]", "b[2,2]"}, 0},

    {IR_conv, "same", 2, -2, 2, conv_line, {"[4,2]", "[3,2,2]"}, 0}, {IR_conv, "stride", 2, -2, 2, conv_line, {"b[7,1]", "[2,1,2]"}, 1}, {IR_conv, "dilated kernel", 2, -2, 2, conv_line, {"[6,2]", "a[2,2]"}, 2},
    {IR_conv, "transposed", 2, -2, 2, conv_line, {"[3,1,2]", "[3,1,1]"}, 3}, {IR_conv, "all dilations", 2, -2, 2, conv_line, {"[4,1]", "b[3,1]"}, 4}, {IR_conv, "cropped", 2, -2, 2, conv_line, {"[6,1]", "[2,1,2]"}, 5},
    {IR_conv, "over", 2, -2, 2, conv_over, {"b[4,2]", "ab[2,2]"}, 1}, {IR_conv, "plane", 2, -2, 2, conv_plane, {"[4,2,3]", "[2,2,1,2]"}, 0}, {IR_conv, "groups", 2, -2, 2, conv_group, {"[2,2,4]", "[3,1,2,2]"}, 1},
    {IR_conv, "kernel too long", 2, -2, 2, conv_line, {"[2,1]", "[6,1]"}, 0}, {IR_conv, "of nothing", 2, -2, 2, conv_line, {"[0,1]", "[2,1]"}, 0}, {IR_conv, "no channels", 2, -2, 2, conv_line, {"[3,0]", "[2,0,1]"}, 0},

    {IR_reshape, "dims", 2, -2, 2, reshaped, {"b[2,3]"}, 0}, {IR_reshape, "to one number", 2, -2, 2, reshaped_1, {"b[1,1]"}, 0}, {IR_transpose, "three dims", 2, -2, 2, transposed, {"a[2,1,3]"}, 0}, {IR_transpose, "nothing", 2, -2, 2, transposed, {"[2,0,3]"}, 0},
    {IR_broadcast, "dims", 2, -2, 2, broadcasts, {"b[3,1]"}, 0}, {IR_broadcast, "a number", 2, -2, 2, broadcast0, {"a[]"}, 0}, {IR_slice, "step 2", 2, -2, 2, sliced, {"[7,2]"}, 2}, {IR_slice, "step 3", 2, -2, 2, sliced, {"b[6,2]"}, 3}, {IR_slice, "to nothing", 2, -2, 2, sliced_off, {"[3]"}, 0},
    {IR_pad, "zeros", 2, -2, 2, padded, {"b[3,1]"}, 0}, {IR_pad, "threes", 2, -2, 2, padded, {"[2,2]"}, 3}, {IR_pad, "nothing", 2, -2, 2, padded, {"[0,2]"}, 1}, {IR_concat, "two of three", 2, -2, 2, joined, {"[2,1]", "[2,2]"}, 0}, {IR_concat, "axes", 2, -2, 2, joined, {"a[1,2]", "b[1,1]"}, 0}, {IR_concat, "nothing", 2, -2, 2, joined, {"[2,0]", "[2,2]"}, 0},
    {IR_reverse, "two dims", 2, -2, 2, reversed, {"[2,1,3]"}, 0}, {IR_spread, "axis", 2, -2, 2, spread_out, {"a[2]"}, 1}, {IR_spread, "no samples", 2, -2, 2, spread_out, {"a[2]"}, 2},
    {IR_as_feature, "cumulative", 2, -2, 2, to_feature, {"ab[2]"}, 0}, {IR_as_sample, "and its mirror", 2, -2, 2, to_sample, {"[3,2]"}, 0}, {IR_as_sample, "all pairs", 2, -1, 1, pairwise, {"b[2]"}, 0},
    {IR_gather, "rows", 2, -2, 2, gathered, {"b[3,2]"}, 3}, {IR_gather, "shared dim", 2, -2, 2, gathered_1, {"[2,3]"}, 0}, {IR_gather, "one table, an index a sample", 2, -2, 2, gathered_b, {"[3,2]"}, 0}, {IR_gather, "sorting", 2, -2, 2, sorted, {"[2,3]"}, 0},
    {IR_scatter_add, "rows", 2, -2, 2, scattered, {"a[2,2,2]"}, 4}, {IR_scatter_add, "some dropped", 2, -2, 2, scattered, {"[2,2]"}, 2}, {IR_scatter_add, "shared dim", 2, -2, 2, scattered_1, {"[2,4]"}, 0}, {IR_scatter_add, "over samples", 2, -2, 2, scattered_b, {"b[2]"}, 0}, {IR_scatter_add, "one row for all samples", 2, -2, 2, scattered_b, {"[2]"}, 0},

    {IR_cholesky, "2", 2, -1, 1, factored, {"[2,2]"}, 0}, {IR_cholesky, "3", 2, -1, 1, factored, {"[3,3]"}, 0}, {IR_cholesky, "batches", 2, -1, 1, factored, {"b[2,2,2]"}, 0}, {IR_cholesky, "1", 2, -1, 1, factored, {"[1,1]"}, 0}, {IR_cholesky, "0", 2, -1, 1, factored, {"[0,0]"}, 0},
    {IR_trisolve, "lower", 2, -1, 1, triangular, {"[3,3]", "[3,2]"}, 0}, {IR_trisolve, "transposed", 2, -1, 1, triangular, {"[3,3]", "[3,1]"}, 1}, {IR_trisolve, "many right sides", 2, -1, 1, triangular, {"[2,2]", "b[2,1]"}, 0}, {IR_trisolve, "batches", 2, -1, 1, triangular, {"b[1,2,2]", "a[1,2,2]"}, 1},
    {IR_solve, "3", 2, -1, 1, solved, {"[3,3]", "[3,2]"}, 0}, {IR_solve, "many right sides", 2, -1, 1, solved, {"[2,2]", "b[2,1]"}, 0}, {IR_solve, "many matrices", 2, -1, 1, solved, {"b[2,2]", "[2,1]"}, 0},
    {IR_eigh, "values", 2, -1, 1, eigen, {"[3,3]"}, 1}, {IR_eigh, "vectors", 2, -1, 1, eigen, {"[2,2]"}, 2}, {IR_eigh, "both", 2, -1, 1, eigen, {"b[2,2]"}, 0}, {IR_eigh, "both, 3", 1, -1, 1, eigen, {"[3,3]"}, 0},

    {IR_scan, "recurrent", 2, -1, 1, recurrent, {"[2]", "[3,2]", "[2,2]"}, 3}, {IR_scan, "samples", 2, -1, 1, recurrent, {"b[2]", "b[2,2]", "[2,2]"}, 2}, {IR_scan, "once", 2, -1, 1, recurrent, {"[2]", "[1,2]", "[2,2]"}, 1}, {IR_scan, "never", 2, -1, 1, recurrent, {"[2]", "[0,2]", "[2,2]"}, 0},
    {IR_scan, "crossed", 2, -1, 1, crossed, {"[]", "[]", "[4]", "[]"}, 0}, {IR_scan, "until", 2, 0.1, 1, stops_early, {"b[]", "[]"}, 0}, {IR_scan, "nested, with draws", 2, -1, 1, nested, {"[]", "[]"}, 0}, {IR_scan, "gradient inside", 2, -1, 1, unrolled, {"[]", "[]"}, 0},
    {IR_cond, "yes", 2, -1, 1, either, {"[]", "[2]"}, 1}, {IR_cond, "no", 2, -1, 1, either, {"[]", "b[2]"}, 0},
};

#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))

/* All cases, one after the other: false when there is no i-th. */
static bool case_at(int i, CheckRow *row)
{
    if (i < COUNT(rows)) { *row = rows[i]; return true; }
    i -= COUNT(rows);
    if (i < COUNT(maps) * COUNT(shapes)) {
        const MapRow *m = &maps[i / COUNT(shapes)];
        const char *shape = shapes[i % COUNT(shapes)];
        *row = (CheckRow){m->op, shape, i % COUNT(shapes) ? 2 : 3, m->lo, m->hi, element_wise, {shape}, m->n};
        return true;
    }
    i -= COUNT(maps) * COUNT(shapes);
    if (i < COUNT(maps2) * COUNT(shapes2)) {
        const MapRow *m = &maps2[i / COUNT(shapes2)];
        const char *const *shape = shapes2[i % COUNT(shapes2)];
        *row = (CheckRow){m->op, shape[0], 2, m->lo, m->hi, element_wise, {shape[0], shape[1]}, 0};
        return true;
    }
    i -= COUNT(maps2) * COUNT(shapes2);
    if (i >= COUNT(shapes3)) return false;
    const char *const *shape = shapes3[i];
    *row = (CheckRow){IR_fma, shape[0], 2, -2, 2, element_wise, {shape[0], shape[1], shape[2]}, 0};
    return true;
}

Test(grad, every_row_against_differences_duals_and_dot_products)
{
    bool seen[IR_OP_COUNT] = {0};
    CheckRow row;
    for (int i = 0; case_at(i, &row); i++) {
        Arena *a = arena_new();
        const char *wrong = check_row(a, grad_rules, &row);
        cr_expect(!wrong, "%s", wrong);
        seen[row.op] = true;
        arena_free(a);
    }
    for (int op = 0; op < IR_OP_COUNT; op++)
        cr_expect(seen[op] || grad_rules[op].kind == GRAD_NONE || grad_rules[op].kind == GRAD_REFUSE, "%s has a rule and no case", ir_op_info[op].name);
}

/* ---- wrong rules ------------------------------------------------------------------------------------------------ */

/* The first case of a row that notices, or NULL. */
static const char *noticed(Arena *a, const GradRule *rules, IrOp op)
{
    CheckRow row;
    for (int i = 0; case_at(i, &row); i++) {
        const char *wrong = row.op == op ? check_row(a, rules, &row) : NULL;
        if (wrong) return wrong;
    }
    return NULL;
}

static void expect_noticed(IrOp op, GradFormula vjp, GradFormula jvp, const char *what)
{
    Arena *a = arena_new();
    GradRule rules[IR_OP_COUNT];
    for (int i = 0; i < IR_OP_COUNT; i++) rules[i] = grad_rules[i];
    if (vjp) rules[op].vjp = vjp;
    if (jvp) rules[op].jvp = jvp;
    cr_expect(noticed(a, rules, op), "%s: no case notices a rule that %s", ir_op_info[op].name, what);
    arena_free(a);
}

#define WRONG(name, expression)                                                             \
    static IrVal *name(IrBuilder *b, const IrNode *n, int i, int r, IrVal *const *gs)       \
    {                                                                                       \
        IrVal *x = n->n_args ? n->arg[0] : NULL, *z = n->n_args > 1 ? n->arg[1] : NULL, *y = &n->result[0], *g = gs[0];      \
        (void)b, (void)i, (void)r, (void)x, (void)z, (void)y, (void)g;                      \
        return expression;                                                                  \
    }
#define RULE(f) grad_rules[n->op].f(b, n, i, r, gs)

static IrVal *negated(IrBuilder *b, IrVal *v) { return v ? ir_neg(b, v) : NULL; }

/* The same row on operands that no derivative goes through: right at first order, wrong at second. */
static IrVal *detached(IrBuilder *b, const IrNode *n, int i, int r, IrVal *const *gs)
{
    IrVal *args[8];
    if (n->n_args > 8) return RULE(vjp);
    for (int k = 0; k < n->n_args; k++) args[k] = ir_stop(b, n->arg[k]);
    return grad_rules[n->op].vjp(b, ir_like(b, n, args), i, r, gs);
}

static IrNode *with_attrs(IrBuilder *b, const IrNode *n, const IrAttrs *at) { return ir_node(b, n->op, n->arg, n->n_args, at); }

static IrVal *shifted(IrBuilder *b, IrVal *index) { return ir_add(b, index, ir_const(b, IR_I32, 1)); }

static IrVal *cumsum_kept(IrBuilder *b, const IrNode *n, IrVal *g, bool reverse, bool exclusive) { return ir_cumsum(b, g, n->attr->dim, reverse, exclusive); }

static IrVal *other_order(IrBuilder *b, const IrNode *n, int i, int r, IrVal *const *gs)
{
    IrAttrs at = *n->attr;
    at.n++;
    return grad_rules[n->op].vjp(b, with_attrs(b, n, &at), i, r, gs);
}

static IrVal *other_transpose(IrBuilder *b, const IrNode *n, int i, int r, IrVal *const *gs)
{
    IrAttrs at = *n->attr;
    at.transpose = !at.transpose;
    return grad_rules[n->op].vjp(b, with_attrs(b, n, &at), i, r, gs);
}

static IrVal *first_part(IrBuilder *b, const IrNode *n, int i, int r, IrVal *const *gs)
{
    IrVal *v = RULE(vjp);
    IrAttrs at = *v->def->attr;
    int64_t *lo = &at.lo.v[n->attr->dim], *hi = &at.hi.v[n->attr->dim];
    *hi -= *lo;
    *lo = 0;
    ir_set_attrs(b->m, v->def, &at);
    return v;
}

static IrVal *kernel_not_turned(IrBuilder *b, const IrNode *n, int i, int r, IrVal *const *gs)
{
    IrVal *v = RULE(vjp);
    IrNode *conv = v->def->op == IR_transpose ? v->def->arg[0]->def : v->def;
    if (i == 0 && conv->arg[1]->def->op == IR_reverse) conv->arg[1] = conv->arg[1]->def->arg[0];
    return v;
}

static IrVal *one_too_far(IrBuilder *b, const IrNode *n, int i, int r, IrVal *const *gs)
{
    IrVal *v = RULE(vjp);
    IrAttrs at = *v->def->attr;
    if (v->def->op == IR_pad && at.lo.v[0] > 0) at.lo.v[0]--, at.hi.v[0]++;
    if (v->def->op == IR_slice && at.lo.v[0] > 0) at.lo.v[0]--, at.hi.v[0]--;
    ir_set_attrs(b->m, v->def, &at);
    return v;
}

WRONG(sign_vjp, negated(b, RULE(vjp)))
WRONG(sign_jvp, negated(b, RULE(jvp)))
WRONG(last_forgotten, i == n->n_args - 1 ? NULL : RULE(vjp))
WRONG(keeps_g, g)
WRONG(exp_by_a, ir_mul(b, g, x))
WRONG(expm1_by_y, ir_mul(b, g, y))
WRONG(sqrt_twice, ir_div(b, g, y))
WRONG(log_y, ir_div(b, g, y))
WRONG(softplus_bell, ir_mul(b, g, ir_dsigmoid(b, x)))
WRONG(mul_same, ir_mul(b, g, i == 0 ? x : z))
WRONG(div_by_square, i == 0 ? ir_div(b, g, z) : ir_neg(b, ir_div(b, ir_mul(b, g, x), z)))
WRONG(div_stopped, i == 0 ? ir_div(b, g, z) : ir_neg(b, ir_mul(b, ir_div(b, g, z), ir_stop(b, y))))
WRONG(pow_no_log, i == 0 ? RULE(vjp) : ir_mul(b, g, y))
WRONG(pow_same_power, i == 0 ? ir_mul(b, g, ir_mul(b, z, y)) : RULE(vjp))
WRONG(swapped, grad_rules[n->op].vjp(b, n, 1 - i, r, gs))
WRONG(no_mask, i == 0 ? NULL : g)
WRONG(fma_c, i == 2 ? ir_mul(b, g, x) : RULE(vjp))
WRONG(norm_unscaled, ir_mul(b, x, ir_sum_all(b, g)))
WRONG(cumsum_same_way, cumsum_kept(b, n, g, n->attr->reverse, n->attr->exclusive))
WRONG(cumsum_inclusive, cumsum_kept(b, n, g, !n->attr->reverse, false))
WRONG(spread_mean, ir_mul(b, RULE(vjp), ir_const(b, IR_F64, 0.5)))
WRONG(gather_shifted, i ? NULL : ir_scatter_add(b, shifted(b, z), g, x->type.dim[n->attr->n_batch], n->attr->n_batch, ir_axes_minus(g->type.axes, x->type.axes)))
WRONG(scatter_shifted, i == 0 ? NULL : ir_gather(b, g, shifted(b, x), n->attr->n_batch))
WRONG(solve_not_flipped, i == 1 ? ir_solve(b, x, g) : RULE(vjp))
WRONG(half_tangent, ir_mul(b, RULE(jvp), ir_const(b, IR_F64, 0.5)))
WRONG(pads_value, ir_pad(b, g, n->attr->lo, n->attr->hi, n->attr->interior, n->attr->value))
WRONG(max_of_tangent, n->attr->axis >= 0 ? ir_reduce_max_over(b, g, n->attr->axis) : ir_reduce_max(b, g, n->attr->dim))
WRONG(norm_of_tangent, ir_norm(b, g, n->attr->dims))
WRONG(convert_cut, ir_stop(b, RULE(vjp)))

typedef struct { IrOp op; GradFormula vjp, jvp; const char *what; } WrongRule;
static const WrongRule wrong_rules[] = {
    {IR_abs, keeps_g, NULL, "has no sign"}, {IR_exp, exp_by_a, NULL, "takes the operand for the result"}, {IR_expm1, expm1_by_y, NULL, "forgets the 1"},
    {IR_sqrt, sqrt_twice, NULL, "loses the half"}, {IR_log, log_y, NULL, "divides by the result"}, {IR_softplus, softplus_bell, NULL, "is one derivative too far"},
    {IR_polygamma, other_order, NULL, "is one order too far"}, {IR_mul, mul_same, NULL, "takes the same operand"}, {IR_div, div_by_square, NULL, "forgets a division"},
    {IR_div, div_stopped, NULL, "stops the quotient"}, {IR_pow, pow_no_log, NULL, "has no logarithm"}, {IR_pow, pow_same_power, NULL, "keeps the power"},
    {IR_max, swapped, NULL, "swaps its operands"}, {IR_min, swapped, NULL, "swaps its operands"}, {IR_div, swapped, NULL, "swaps its operands"}, {IR_sub, swapped, NULL, "swaps its operands"},
    {IR_select, no_mask, NULL, "does not mask"}, {IR_fma, fma_c, NULL, "multiplies the addend"}, {IR_norm, norm_unscaled, NULL, "does not divide"},
    {IR_cumsum, cumsum_same_way, NULL, "runs the same way"}, {IR_cumsum, cumsum_inclusive, NULL, "is always inclusive"}, {IR_spread, spread_mean, NULL, "takes a mean for the sum"},
    {IR_concat, first_part, NULL, "gives all the first part"}, {IR_conv, kernel_not_turned, NULL, "does not turn the kernel"}, {IR_slice, one_too_far, NULL, "is off by one"}, {IR_pad, one_too_far, NULL, "is off by one"},
    {IR_gather, gather_shifted, NULL, "is off by one"}, {IR_scatter_add, scatter_shifted, NULL, "is off by one"}, {IR_reverse, keeps_g, NULL, "does not reverse"},
    {IR_trisolve, other_transpose, NULL, "has the wrong transpose"}, {IR_solve, solve_not_flipped, NULL, "does not transpose"}, {IR_convert, convert_cut, NULL, "stops"},
    {IR_pad, NULL, pads_value, "pads tangents with the value"}, {IR_reduce_max, NULL, max_of_tangent, "takes the greatest tangent"}, {IR_norm, NULL, norm_of_tangent, "takes the tangent's norm"},
    {IR_cholesky, NULL, half_tangent, "halves the tangent"}, {IR_eigh, NULL, half_tangent, "halves the tangent"}, {IR_dot, NULL, half_tangent, "halves the tangent"},
};

static const IrOp curved[] = {IR_sqrt, IR_exp, IR_expm1, IR_log, IR_log1p, IR_sin, IR_cos, IR_tanh, IR_sigmoid, IR_dsigmoid, IR_softplus, IR_erf, IR_erfc, IR_polygamma, IR_mul, IR_div,
    IR_pow, IR_fma, IR_norm, IR_dot, IR_conv, IR_cholesky, IR_trisolve, IR_solve, IR_eigh};

Test(grad, wrong_rules_are_noticed)
{
    for (int i = 0; i < COUNT(wrong_rules); i++) expect_noticed(wrong_rules[i].op, wrong_rules[i].vjp, wrong_rules[i].jvp, wrong_rules[i].what);
    for (int op = 0; op < IR_OP_COUNT; op++) {
        if (grad_rules[op].kind != GRAD_FORMULA) continue;
        expect_noticed(op, sign_vjp, NULL, "has the wrong sign");
        expect_noticed(op, NULL, sign_jvp, "has the wrong sign of the tangent");
        if (ir_op_info[op].operands != 1 && op != IR_gather) expect_noticed(op, last_forgotten, NULL, "forgets its last operand");
    }
    for (int i = 0; i < COUNT(curved); i++) expect_noticed(curved[i], detached, NULL, "is detached from its operands");
}
