/* rules.c - grads.def made functions.
 *
 * First the few derivatives that do not fit a line, in the order of the table; then the words of the formulas; then the table. A row of
 * ops.def without a rule does not compile. Matrix rules are in matrix.c. */
#include "compiler/grad/rules.h"
#include "compiler/grad/matrix.h"

#include "base/bug.h"

#define M_2_SQRTPI 1.1283791670955126                       /* 2 / sqrt(pi) */

/* ---- element-wise ----------------------------------------------------------------------------------------------- */

static IrVal *equals(IrBuilder *B, IrVal *a, double x) { return ir_compare(B, IR_EQ, a, ir_const_like(B, a, x)); }

/* x, with 0 for what is below the smallest normal number, if x is a list of f32 in an update's gradient. A layer's units that are far out would send such
 * slopes on into products, and there each takes up to 150 clocks of some processors (docs/machine.md). A number by itself keeps them, and so does
 * a gradient that the program asks for: it may take the logarithm of it. */
static IrVal *unless_subnormal(IrBuilder *B, IrVal *x)
{
    if (x->type.elem != IR_F32 || !x->type.rank || B->why != IR_WHY_ADJOINT) return x;
    return ir_select(B, ir_compare(B, IR_LT, ir_abs(B, x), ir_const_like(B, x, 0x1p-126)), ir_const_like(B, x, 0), x);
}

/* b * a^(b-1), where b = 0 is a known zero even if a is 0 too. Of a known b nothing is asked of it, so that b - 1 is known, too. */
static IrVal *pow_by_base(IrBuilder *B, IrVal *g, IrVal *a, IrVal *b)
{
    double known;
    if (ir_is_const(b, &known) && known == 0) return ir_const_like(B, g, 0);
    if (ir_is_const(b, &known)) return ir_mul(B, g, ir_mul(B, b, ir_pow(B, a, ir_sub(B, b, ir_const_like(B, b, 1)))));
    IrVal *flat = equals(B, b, 0);
    IrVal *exponent = ir_sub(B, ir_select(B, flat, ir_const_like(B, b, 1), b), ir_const_like(B, b, 1));
    return ir_select(B, flat, ir_const_like(B, g, 0), ir_mul(B, g, ir_mul(B, b, ir_pow(B, a, exponent))));
}

/* a^b log a, 0 at a = 0; both guards, as the inner log would be -inf. */
static IrVal *pow_by_exponent(IrBuilder *B, IrVal *g, IrVal *a, IrVal *b)
{
    IrVal *zero = equals(B, a, 0);
    IrVal *safe = ir_select(B, zero, ir_const_like(B, a, 1), a);
    return ir_select(B, zero, ir_const_like(B, g, 0), ir_mul(B, g, ir_mul(B, ir_pow(B, safe, b), ir_log(B, safe))));
}

/* ---- reductions ------------------------------------------------------------------------------------------------- */

static IrInts reduced_dims(const IrNode *n)
{
    if (n->op != IR_reduce_max) return n->attr->dims;
    return n->attr->dim < 0 ? (IrInts){0} : ir_ints(1, &(int64_t){n->attr->dim});
}

static bool holds(const IrInts *s, int64_t x)
{
    for (int i = 0; i < s->n; i++)
        if (s->v[i] == x) return true;
    return false;
}

/* A value of the shape of a reduction's result, stretched over the reduced dims. */
static IrVal *up(IrBuilder *B, const IrNode *n, IrVal *v)
{
    IrInts reduced = reduced_dims(n), dims = ir_dims_of(&n->arg[0]->type), kept = {0};
    if (!reduced.n) return v;
    for (int d = 0; d < dims.n; d++)
        if (!holds(&reduced, d)) kept.v[kept.n++] = d;
    return kept.n ? ir_broadcast(B, v, dims, kept) : ir_fill(B, v, dims);
}

static IrVal *sum_like(IrBuilder *B, const IrNode *n, IrVal *v)
{
    if (n->op == IR_reduce_max && n->attr->axis >= 0) return ir_sum_over(B, v, ir_one_axis(n->attr->axis));
    IrInts reduced = reduced_dims(n);
    return reduced.n ? ir_sum(B, v, reduced) : v;
}

static IrVal *sum_back(IrBuilder *B, const IrNode *n, IrVal *g)
{
    if (n->attr->dims.n) g = up(B, n, g);
    return n->attr->over.n ? ir_spread(B, g, n->attr->over) : g;
}

/* True at the first greatest element. */
static IrVal *at_argmax(IrBuilder *B, const IrNode *n)
{
    IrVal *a = n->arg[0];
    if (n->attr->axis >= 0) return ir_compare(B, IR_EQ, ir_index_axis(B, n->attr->axis), ir_argmax_over(B, a, n->attr->axis));
    IrVal *where = up(B, n, ir_argmax(B, a, n->attr->dim));
    return ir_compare(B, IR_EQ, ir_index_dim(B, ir_dims_of(&a->type), n->attr->dim), where);
}

static bool reduces_nothing(const IrBuilder *B, const IrNode *n)
{
    return n->attr->axis >= 0 ? ir_extent(B->m, n->attr->axis) == 0 : n->arg[0]->type.dim[n->attr->dim] == 0;
}

static IrVal *max_back(IrBuilder *B, const IrNode *n, IrVal *g)
{
    return reduces_nothing(B, n) ? NULL : ir_select(B, at_argmax(B, n), up(B, n, g), ir_const_like(B, g, 0));
}

static IrVal *max_tangent(IrBuilder *B, const IrNode *n, IrVal *t)
{
    return reduces_nothing(B, n) ? NULL : sum_like(B, n, ir_select(B, at_argmax(B, n), t, ir_const_like(B, t, 0)));
}

/* a / |a|, and a where |a| = 0. */
static IrVal *norm_ratio(IrBuilder *B, const IrNode *n)
{
    IrVal *y = &n->result[0];
    return ir_div(B, n->arg[0], up(B, n, ir_select(B, equals(B, y, 0), ir_const_like(B, y, 1), y)));
}

static IrVal *norm_is_zero(IrBuilder *B, const IrNode *n) { return up(B, n, equals(B, &n->result[0], 0)); }

static IrVal *norm_tangent(IrBuilder *B, const IrNode *n, IrVal *t)
{
    IrVal *unit = ir_select(B, norm_is_zero(B, n), ir_const_like(B, t, 0), norm_ratio(B, n));
    return sum_like(B, n, ir_mul(B, t, unit));
}

/* ---- contractions ----------------------------------------------------------------------------------------------- */

/* The dims of one side of a dot or conv that are neither batch nor window, ascending. `meets` is the other side's dim for each contracted one. */
typedef struct { int n_free, free[IR_MAX_RANK], n_contract, meets[IR_MAX_RANK]; } Side;

static int place(const uint8_t *list, int n, int d)
{
    for (int i = 0; i < n; i++)
        if (list[i] == d) return i;
    return -1;
}

static bool is_window(const IrAttrs *at, bool second, int d)
{
    for (int w = 0; w < at->n_windows; w++)
        if ((second ? at->windows[w].b : at->windows[w].a) == d) return true;
    return false;
}

static Side side_of(const IrAttrs *at, const IrVal *v, bool second)
{
    Side s = {0};
    const uint8_t *batch = second ? at->batch.b : at->batch.a;
    const uint8_t *mine = second ? at->contract.b : at->contract.a, *other = second ? at->contract.a : at->contract.b;
    for (int d = 0; d < v->type.rank; d++) {
        if (place(batch, at->batch.n, d) >= 0 || is_window(at, second, d)) continue;
        int k = place(mine, at->contract.n, d);
        if (k < 0) s.free[s.n_free++] = d;
        else s.meets[s.n_contract++] = other[k];
    }
    return s;
}

static int before_free(const IrAttrs *at) { return at->batch.n + at->n_windows; }

static IrPairs pairs_from(const int *a, int first_b, int n, bool swap)
{
    IrPairs p = {.n = (uint8_t)n};
    for (int k = 0; k < n; k++) {
        (swap ? p.b : p.a)[k] = (uint8_t)a[k];
        (swap ? p.a : p.b)[k] = (uint8_t)(first_b + k);
    }
    return p;
}

/* Batch pairs of (operand, g) or (g, operand): g has the batch dims first. */
static IrPairs batch_with_g(const IrAttrs *at, bool second)
{
    int dims[IR_MAX_RANK];
    for (int k = 0; k < at->batch.n; k++) dims[k] = second ? at->batch.b[k] : at->batch.a[k];
    return pairs_from(dims, 0, at->batch.n, second);
}

static IrAxes beyond(const IrVal *x, const IrVal *y, const IrVal *of)
{
    return ir_axes_minus(ir_axes_union(x->type.axes, y->type.axes), of->type.axes);
}

/* v's dims are: batch, windows, then the two groups, all named by the dims of the operand they belong to. */
static IrVal *put_back(IrBuilder *B, const IrAttrs *at, bool second, IrVal *v, const int *group1, int n1, const int *group2, int n2)
{
    IrInts perm = {.n = v->type.rank};
    int p = 0;
    for (int i = 0; i < at->batch.n; i++) perm.v[second ? at->batch.b[i] : at->batch.a[i]] = p++;
    for (int i = 0; i < at->n_windows; i++) perm.v[second ? at->windows[i].b : at->windows[i].a] = p++;
    for (int i = 0; i < n1; i++) perm.v[group1[i]] = p++;
    for (int i = 0; i < n2; i++) perm.v[group2[i]] = p++;
    for (int d = 0; d < perm.n; d++)
        if (perm.v[d] != d) return ir_transpose(B, v, perm);
    return v;
}

/* First of a pair: g with b, b's free dims contracted. Second: a with g, a's free dims contracted. */
static IrVal *dot_back(IrBuilder *B, const IrNode *n, int i, IrVal *g)
{
    IrVal *a = n->arg[i & ~1], *b = n->arg[i | 1];
    Side sa = side_of(n->attr, a, false), sb = side_of(n->attr, b, true);
    int free_a = before_free(n->attr), free_b = free_a + sa.n_free;
    if (i & 1) {
        IrVal *v = ir_dot(B, a, g, batch_with_g(n->attr, false), pairs_from(sa.free, free_a, sa.n_free, false), beyond(a, g, b));
        return put_back(B, n->attr, true, v, sa.meets, sa.n_contract, sb.free, sb.n_free);
    }
    IrVal *v = ir_dot(B, g, b, batch_with_g(n->attr, true), pairs_from(sb.free, free_b, sb.n_free, true), beyond(g, b, a));
    return put_back(B, n->attr, false, v, sa.free, sa.n_free, sb.meets, sb.n_contract);
}

static IrAxes over_of_pair(const IrNode *dot, int pair) { return dot->attr->pair_over ? dot->attr->pair_over[pair] : ir_no_axes(); }

/* The pair of operand i alone, with t in its place. */
static IrVal *dot_tangent(IrBuilder *B, const IrNode *n, int i, IrVal *t)
{
    IrVal *a = i & 1 ? n->arg[i - 1] : t, *b = i & 1 ? t : n->arg[i + 1];
    return ir_dot(B, a, b, n->attr->batch, n->attr->contract, over_of_pair(n, i / 2));
}

/* Terms of y have o*stride + k*dil_b - lo = i*dil_a. For a, the kernel runs backwards and o and i change places. */
static IrVal *conv_back_operand(IrBuilder *B, const IrNode *n, IrVal *g)
{
    const IrAttrs *at = n->attr;
    IrVal *a = n->arg[0], *b = n->arg[1];
    Side sa = side_of(at, a, false), sb = side_of(at, b, true);
    IrWindow windows[4];
    IrInts flipped = {0};
    for (int w = 0; w < at->n_windows; w++) {
        IrWindow f = at->windows[w];
        int64_t na = a->type.dim[f.a], nb = b->type.dim[f.b], no = g->type.dim[at->batch.n + w];
        windows[w] = (IrWindow){.a = (uint8_t)(at->batch.n + w), .b = f.b, .stride = f.dil_a, .dil_a = f.stride, .dil_b = f.dil_b,
                                .lo = (nb - 1) * f.dil_b - f.lo, .hi = (na - 1) * f.dil_a + f.lo - (no - 1) * f.stride};
        flipped.v[flipped.n++] = f.b;
    }
    IrPairs contract = pairs_from(sb.free, before_free(at) + sa.n_free, sb.n_free, true);
    IrVal *v = ir_conv(B, g, ir_reverse(B, b, flipped), batch_with_g(at, true), windows, at->n_windows, contract, beyond(g, b, a));
    return put_back(B, at, false, v, sa.free, sa.n_free, sb.meets, sb.n_contract);
}

/* For the kernel, o and k change places. */
static IrVal *conv_back_kernel(IrBuilder *B, const IrNode *n, IrVal *g)
{
    const IrAttrs *at = n->attr;
    IrVal *a = n->arg[0], *b = n->arg[1];
    Side sa = side_of(at, a, false), sb = side_of(at, b, true);
    IrWindow windows[4];
    for (int w = 0; w < at->n_windows; w++) {
        IrWindow f = at->windows[w];
        int64_t na = a->type.dim[f.a], nb = b->type.dim[f.b], no = g->type.dim[at->batch.n + w];
        windows[w] = (IrWindow){.a = f.a, .b = (uint8_t)(at->batch.n + w), .stride = f.dil_b, .dil_a = f.dil_a, .dil_b = f.stride,
                                .lo = f.lo, .hi = (nb - 1) * f.dil_b - f.lo - (na - 1) * f.dil_a + (no - 1) * f.stride};
    }
    IrPairs contract = pairs_from(sa.free, before_free(at), sa.n_free, false);
    IrVal *v = ir_conv(B, a, g, batch_with_g(at, false), windows, at->n_windows, contract, beyond(a, g, b));
    return put_back(B, at, true, v, sa.meets, sa.n_contract, sb.free, sb.n_free);
}

/* ---- layout ----------------------------------------------------------------------------------------------------- */

static IrInts inverse_permutation(IrInts p)
{
    IrInts q = {.n = p.n};
    for (int i = 0; i < p.n; i++) q.v[p.v[i]] = i;
    return q;
}

static IrVal *broadcast_back(IrBuilder *B, const IrNode *n, IrVal *g)
{
    IrInts gone = {0};
    for (int d = 0; d < g->type.rank; d++)
        if (!holds(&n->attr->kept, d)) gone.v[gone.n++] = d;
    return gone.n ? ir_sum(B, g, gone) : g;
}

static IrVal *slice_back(IrBuilder *B, const IrNode *n, IrVal *g)
{
    IrInts lo = n->attr->lo, hi = {.n = lo.n}, interior = {.n = lo.n};
    for (int d = 0; d < lo.n; d++) {
        int64_t step = n->attr->step.v[d], m = g->type.dim[d];
        interior.v[d] = step - 1;
        hi.v[d] = n->arg[0]->type.dim[d] - lo.v[d] - (m ? (m - 1) * step + 1 : 0);
    }
    return ir_pad(B, g, lo, hi, interior, 0);
}

static IrVal *pad_back(IrBuilder *B, const IrNode *n, IrVal *g)
{
    IrInts lo = n->attr->lo, hi = lo, step = lo;
    for (int d = 0; d < lo.n; d++) {
        int64_t m = n->arg[0]->type.dim[d];
        step.v[d] = n->attr->interior.v[d] + 1;
        hi.v[d] = lo.v[d] + (m ? (m - 1) * step.v[d] + 1 : 0);
    }
    return ir_slice(B, g, lo, hi, step);
}

/* Where part i begins. */
static int64_t offset_of(const IrNode *concat, int i)
{
    int64_t at = 0;
    for (int k = 0; k < i; k++) at += concat->arg[k]->type.dim[concat->attr->dim];
    return at;
}

static IrVal *concat_back(IrBuilder *B, const IrNode *n, int i, IrVal *g)
{
    IrInts lo = {.n = g->type.rank}, hi = ir_dims_of(&g->type), step = hi;
    for (int d = 0; d < step.n; d++) step.v[d] = 1;
    lo.v[n->attr->dim] = offset_of(n, i);
    hi.v[n->attr->dim] = lo.v[n->attr->dim] + n->arg[i]->type.dim[n->attr->dim];
    return ir_slice(B, g, lo, hi, step);
}

static IrVal *concat_tangent(IrBuilder *B, const IrNode *n, int i, IrVal *t)
{
    int d = n->attr->dim;
    IrInts lo = {.n = t->type.rank}, hi = lo, interior = lo;
    lo.v[d] = offset_of(n, i);
    hi.v[d] = n->result[0].type.dim[d] - lo.v[d] - t->type.dim[d];
    return ir_pad(B, t, lo, hi, interior, 0);
}

static IrVal *gather_back(IrBuilder *B, const IrNode *n, IrVal *g)
{
    const IrVal *a = n->arg[0];
    int batch = n->attr->n_batch;
    return ir_scatter_add(B, n->arg[1], g, a->type.dim[batch], batch, ir_axes_minus(g->type.axes, a->type.axes));
}

/* What was dropped has no part in the result; gather alone would give NaN there. */
static IrVal *scatter_back(IrBuilder *B, const IrNode *n, IrVal *g)
{
    IrVal *index = n->arg[0], *u = n->arg[1];
    IrVal *low = ir_compare(B, IR_GE, index, ir_const(B, IR_I32, 0));
    IrVal *inside = ir_and(B, low, ir_compare(B, IR_LT, index, ir_const(B, IR_I32, (double)n->attr->n)));
    IrInts kept = {.n = index->type.rank};
    for (int d = 0; d < kept.n; d++) kept.v[d] = d;
    if (u->type.rank > index->type.rank) inside = ir_broadcast(B, inside, ir_dims_of(&u->type), kept);
    return ir_select(B, inside, ir_gather(B, g, index, n->attr->n_batch), ir_const_like(B, g, 0));
}

/* ---- the words of the formulas ---------------------------------------------------------------------------------- */

#define none            NULL
#define num(x)          ir_const_like(B, g, x)
#define keep(c, v)      ir_select(B, c, v, ir_const_like(B, v, 0))
#define drop(c, v)      ir_select(B, c, ir_const_like(B, v, 0), v)
#define neg(x)          ir_neg(B, x)
#define exp(x)          ir_exp(B, x)
#define sin(x)          ir_sin(B, x)
#define cos(x)          ir_cos(B, x)
#define tanh(x)         ir_tanh(B, x)
#define sigmoid(x)      ir_sigmoid(B, x)
#define dsigmoid(x)     ir_dsigmoid(B, x)
#define polygamma(x, m) ir_polygamma(B, x, m)
#define floor(x)        ir_floor(B, x)
#define convert(x, e)   ir_convert(B, x, e)
#define add(x, z)       ir_add(B, x, z)
#define mul(x, z)       ir_mul(B, x, z)
#define div(x, z)       ir_div(B, x, z)
#define lt(x, z)        ir_compare(B, IR_LT, x, z)
#define le(x, z)        ir_compare(B, IR_LE, x, z)
#define gt(x, z)        ir_compare(B, IR_GT, x, z)
#define ge(x, z)        ir_compare(B, IR_GE, x, z)
#define select(c, x, z) ir_select(B, c, x, z)

/* ---- the table -------------------------------------------------------------------------------------------------- */

#define FORMULA(name, expression)                                                                   \
    static IrVal *name(IrBuilder *B, const IrNode *n, int i, int r, IrVal *const *gs)               \
    {                                                                                               \
        IrVal *y = &n->result[0], *a = n->arg[0], *b = n->n_args > 1 ? n->arg[1] : NULL;            \
        IrVal *c = n->n_args > 2 ? n->arg[2] : NULL, *g = gs[0], *t = gs[0];                        \
        (void)B, (void)i, (void)r, (void)y, (void)a, (void)b, (void)c, (void)g, (void)t;            \
        return expression;                                                                          \
    }

static IrVal *linear(IrBuilder *B, const IrNode *n, int i, int r, IrVal *const *gs)
{
    IrVal *args[3];
    if (n->n_args > 3) BUG("grad: %s is not linear with %d operands", ir_op_info[n->op].name, n->n_args);
    for (int k = 0; k < n->n_args; k++) args[k] = k == i ? gs[0] : n->arg[k];
    return &ir_like(B, n, args)->result[r];
}

#define TANGENT(name, expression)          FORMULA(jvp_##name, expression)
#define GRAD1(name, ga, tangent)           FORMULA(vjp_##name, ga)
#define GRAD2(name, ga, gb, tangent)       FORMULA(vjp_##name, i == 0 ? (ga) : (gb))
#define GRAD3(name, ga, gb, gc, tangent)   FORMULA(vjp_##name, i == 0 ? (ga) : i == 1 ? (gb) : (gc))
#define GRAD_MANY(name, gi, tangent)       FORMULA(vjp_##name, gi)
#include "compiler/grad/grads.def"

#define TANGENT_L(name)                    linear
#define TANGENT_C(name)                    vjp_##name
#define TANGENT_F(name)                    jvp_##name
#define ROW(name, kind, tangent)           [IR_##name] = {kind, vjp_##name, TANGENT_##tangent(name)},
#define NONE(name)                         [IR_##name] = {GRAD_NONE, NULL, NULL},
#define CONTROL(name)                      [IR_##name] = {GRAD_CONTROL, NULL, NULL},
#define REFUSE(name)                       [IR_##name] = {GRAD_REFUSE, NULL, NULL},
#define GRAD1(name, ga, tangent)           ROW(name, GRAD_FORMULA, tangent)
#define GRAD2(name, ga, gb, tangent)       ROW(name, GRAD_FORMULA, tangent)
#define GRAD3(name, ga, gb, gc, tangent)   ROW(name, GRAD_FORMULA, tangent)
#define GRAD_MANY(name, gi, tangent)       ROW(name, GRAD_FORMULA, tangent)
const GradRule grad_rules[IR_OP_COUNT] = {
#include "compiler/grad/grads.def"
};
#undef ROW

/* Closed: every row of ops.def has a rule, and NONE stands for just the rows that say NOGRAD or have no operands. */
#define NONE(name)                         enum { has_rule_##name = 1, no_rule_##name = 1 };
#define CONTROL(name)                      enum { has_rule_##name = 1, no_rule_##name = 0 };
#define REFUSE(name)                       NONE(name)
#define GRAD1(name, ga, tangent)           CONTROL(name)
#define GRAD2(name, ga, gb, tangent)       CONTROL(name)
#define GRAD3(name, ga, gb, gc, tangent)   CONTROL(name)
#define GRAD_MANY(name, gi, tangent)       CONTROL(name)
#include "compiler/grad/grads.def"

bool grad_copies(IrOp op, bool on)
{
    enum { BACK = 1, ON = 2 };
#define COPIES(name, ways)                 [IR_##name] = (ways),
    static const uint8_t copies[IR_OP_COUNT] = {
#include "compiler/grad/grads.def"
    };
    return copies[op] & (on ? ON : BACK);
}

enum { COMMUTES = IR_COMMUTES, LINEAR = IR_LINEAR, NOGRAD = IR_NOGRAD, LEAF = IR_LEAF, BOOLOUT = IR_BOOLOUT, EFFECT = IR_EFFECT, LOSSY = IR_LOSSY, POLES = IR_POLES, MANY = IR_MANY };
#define OP(name, operands, class, flags, ...)                                                                       \
    _Static_assert(has_rule_##name && no_rule_##name == (((flags) & NOGRAD) != 0 || (operands) == 0), #name);
#include "compiler/ir/ops.def"
#undef OP
