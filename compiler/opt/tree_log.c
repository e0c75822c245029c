/* tree_log.c - R1: what is made of sums of exponentials, under a logarithm or under a fraction's line. See tree.h.
 *
 * A tree is read as exp(log) * up / down, `log` being what would overflow or vanish as an exponential. Products add
 * logarithms; a sum takes the largest one out, as a number that is not differentiated (the result does not depend on
 * it): sum exp(x) u = exp(m) sum exp(x - m) u. What only moves elements moves all three. A masked term is exp(-inf). So
 * log(mean(exp x)) is m + log(mean(exp(x - m))), a share exp(x) / sum(exp x) is exp(x - m) / sum(exp(x - m)), and
 * log(softmax(x)[0]) is x[0] - m - log(sum(exp(x - m))), or, where that is near 0, what tree_share.c says. A larger or smaller value is that of the logarithms, as far as signs are
 * known; 1 - sigmoid(x), and 1 +- tanh(x), carry their logarithm with them. The sum of nothing but exp(-inf) is 0, its logarithm -inf with
 * derivative 0. For a number per sample (M6) all of it is in f64. Start at tree_log_rule(). */
#include "compiler/opt/tree_log.h"

#include "runtime/math/scalar.h"

#include <math.h>

/* ---- words: NULL as in Scaled ----------------------------------------------------------------------------------- */

static IrVal *or_number(LogReader *r, IrVal *v, double c) { return v ? v : ir_const(&r->b, r->elem, c); }

static IrVal *times(LogReader *r, IrVal *a, IrVal *c) { return !a ? c : !c ? a : ir_mul(&r->b, a, c); }

static IrVal *plus(LogReader *r, IrVal *a, IrVal *c) { return !a ? c : !c ? a : ir_add(&r->b, a, c); }

static IrVal *minus(LogReader *r, IrVal *a, IrVal *c)
{
    return !c ? a : a ? ir_sub(&r->b, a, c) : ir_neg(&r->b, c);
}

static IrVal *over(LogReader *r, IrVal *a, IrVal *c) { return c ? ir_div(&r->b, or_number(r, a, 1), c) : a; }

static IrVal *factor(LogReader *r, const Scaled *s) { return over(r, s->up, s->down); }

IrVal *log_infinity(LogReader *r, double sign) { return ir_const(&r->b, r->elem, sign * HUGE_VAL); }

static IrVal *log_of(LogReader *r, IrVal *v)
{
    double c;
    if (!v || !ir_is_const(v, &c)) return v ? ir_log(&r->b, v) : NULL;
    return c == 1 ? NULL : c > 0 ? ir_const(&r->b, r->elem, math_log_f64(c)) : log_infinity(r, -1);
}

/* All of s as one logarithm, s being positive. */
IrVal *scaled_log(LogReader *r, const Scaled *s)
{
    return or_number(r, minus(r, plus(r, s->log, log_of(r, s->up)), log_of(r, s->down)), 0);
}

/* With the dims and axes of t. */
IrVal *log_full(LogReader *r, IrVal *v, const IrType *t)
{
    v = ir_spread(&r->b, v, ir_axes_minus(t->axes, v->type.axes));
    return v->type.rank < t->rank ? ir_fill(&r->b, v, ir_dims_of(t)) : v;
}

/* ---- sums ------------------------------------------------------------------------------------------------------- */

const IrVal *log_unconverted(const IrVal *v)
{
    while (v->def && (v->def->op == IR_convert || v->def->op == IR_spread)) v = v->def->arg[0];
    return v;
}

/* The reduce_max that is repeated beside what it is the largest of; NULL: by is something else. */
static const IrNode *repeated_maximum(const IrVal *by)
{
    while (by->def && (by->def->op == IR_broadcast || by->def->op == IR_spread || by->def->op == IR_select ||
                       by->def->op == IR_convert || by->def->op == IR_stop))
        by = by->def->arg[by->def->op == IR_select];
    return by->def && by->def->op == IR_reduce_max ? by->def : NULL;
}

/* Is x, which is summed over dims or axes, already a difference to its own largest over these? */
static bool is_shifted(const LogReader *r, const IrVal *x, IrInts dims, IrAxes axes)
{
    x = log_unconverted(x);
    const IrNode *most = x->def && x->def->op == IR_sub ? repeated_maximum(x->def->arg[1]) : NULL;
    if (!most || dims.n + axes.n == 0) return false;
    int reduced = 0;
    const IrVal *of = most->result;
    for (bool same = true; same && of->def && of->def->op == IR_reduce_max; of = of->def->arg[0], reduced++) {
        int axis = of->def->attr->axis, dim = of->def->attr->dim;
        same = axis >= 0 ? axes.n == 1 && axes.id[0] == axis : dims.n == x->type.rank || (dims.n == 1 && dims.v[0] == dim);
        if (!same) return false;
    }
    return reduced == dims.n + axes.n && tree_same_value(r->w, log_unconverted(of), log_unconverted(x->def->arg[0]));
}

/* The largest x over what is summed. */
static IrVal *largest(LogReader *r, IrVal *x, IrInts dims, IrAxes axes)
{
    for (int i = 0; i < axes.n; i++) x = ir_reduce_max_over(&r->b, x, axes.id[i]);
    for (int i = dims.n - 1; i >= 0; i--) x = ir_reduce_max(&r->b, x, (int)dims.v[i]);
    return ir_stop(&r->b, x);
}

/* m where it is finite, else 0: what to subtract. */
static IrVal *if_finite(LogReader *r, IrVal *m)
{
    IrVal *is = ir_compare(&r->b, IR_LT, ir_abs(&r->b, m), log_infinity(r, 1));
    return ir_select(&r->b, is, m, ir_const(&r->b, r->elem, 0));
}

/* m as it stands beside each x */
IrVal *log_beside(LogReader *r, IrVal *m, const IrVal *x, IrInts dims)
{
    IrInts kept = {0};
    if (m->type.rank == 0) return m;
    for (int i = 0, at = 0; i < x->type.rank; i++) {
        if (at < dims.n && dims.v[at] == i)
            at++;
        else
            kept.v[kept.n++] = i;
    }
    return dims.n ? ir_broadcast(&r->b, m, ir_dims_of(&x->type), kept) : m;
}

static IrVal *total(LogReader *r, IrVal *v, IrInts dims, IrAxes axes)
{
    return axes.n ? ir_sum_over(&r->b, v, axes) : dims.n ? ir_sum(&r->b, v, dims) : v;
}

/* x, if there is such a term at all. */
static IrVal *if_there(LogReader *r, IrVal *x, const IrVal *times)
{
    double c;
    return times && ir_is_const(times, &c) && c == 0 ? log_infinity(r, -1) : x;
}

/* What a term counts in the search for the largest: nothing if it is times 0. */
static IrVal *if_counted(LogReader *r, IrVal *x, IrVal *times)
{
    double c;
    if (!times || ir_is_const(times, &c)) return if_there(r, x, times);
    return ir_select(&r->b, ir_compare(&r->b, IR_EQ, times, ir_const(&r->b, r->elem, 0)), log_infinity(r, -1), x);
}

/* Where no numbers of f32 or f64 leave room for exp */
static IrVal *most_exponent(LogReader *r) { return ir_const(&r->b, r->elem, r->elem == IR_F64 ? 700 : 80); }

/* The largest that counts; where none does, since each is times 0 there, the largest that is there: what they are times has slopes. */
static IrVal *taken_out(LogReader *r, IrVal *counted, IrVal *there)
{
    IrBuilder *b = &r->b;
    IrVal *none = log_infinity(r, -1), *fits = ir_compare(b, IR_LT, ir_abs(b, there), most_exponent(r));
    return ir_select(b, ir_compare(b, IR_NE, counted, none), counted, ir_select(b, fits, there, none));
}

/* exp(x - m) times; where that is 0 x may be far above m, which is no inf * 0. */
static IrVal *term(LogReader *r, IrVal *x, IrVal *m, IrVal *by)
{
    double c;
    IrVal *less = ir_sub(&r->b, x, m);
    if (by && !ir_is_const(by, &c)) less = ir_min(&r->b, less, most_exponent(r));
    return times(r, ir_exp(&r->b, less), by);
}

/* The sum of the terms t, which are of type `of`. */
void scaled_sum(LogReader *r, const Scaled *t, const IrType *of, IrInts dims, IrAxes axes, Scaled *s)
{
    IrVal *x = log_full(r, t->log, of), *u = factor(r, t), *m = NULL;
    bool positive = t->positive;
    r->summed = true;
    if (!is_shifted(r, t->log, dims, axes)) {
        IrVal *counted = if_counted(r, x, u), *there = if_there(r, x, u), *most = largest(r, log_full(r, counted, of), dims, axes);
        if (counted != there) most = taken_out(r, most, largest(r, log_full(r, there, of), dims, axes));
        m = if_finite(r, most);
        r->shifted = true;
        IrVal *e = total(r, log_full(r, term(r, x, log_beside(r, m, x, dims), u), of), dims, axes);
        IrVal *some = ir_compare(&r->b, IR_NE, most, log_infinity(r, -1));
        *s = (Scaled){.log = m, .up = ir_select(&r->b, some, e, ir_const(&r->b, r->elem, 0)), .positive = positive};
        return;
    }
    *s = (Scaled){.up = total(r, log_full(r, times(r, ir_exp(&r->b, x), u), of), dims, axes), .positive = positive};
}

/* v in a sum */
bool scaled_inside(LogReader *r, IrVal *v, Scaled *s)
{
    r->inside++;
    bool ok = scaled_of(r, v, s);
    r->inside--;
    return ok;
}

static bool scale_sum(LogReader *r, const IrNode *n, Scaled *s)
{
    Scaled t;
    if (!scaled_inside(r, n->arg[0], &t) || !t.log) return false;
    scaled_sum(r, &t, &n->arg[0]->type, n->attr->dims, n->attr->over, s);
    return true;
}

enum { FEW_PRODUCTS = 4096, MOST_BY_OPERAND = 4 };

/* v repeated along a new dim before `dim` */
static IrVal *with_dim(LogReader *r, IrVal *v, const IrType *of, const IrType *wide, int dim)
{
    IrInts kept = {.n = of->rank};
    if (!v || v->type.rank == 0) return v;
    for (int i = 0; i < of->rank; i++) kept.v[i] = i + (i >= dim);
    return ir_broadcast(&r->b, v, ir_dims_of(wide), kept);
}

/* Does element i of a running sum count term j? */
static IrVal *counts(LogReader *r, const IrNode *n, const IrType *wide)
{
    IrBuilder *b = &r->b;
    int dim = (int)n->attr->dim;
    IrInts one = ir_ints(1, (int64_t[]){wide->dim[dim]});
    IrVal *place = ir_cumsum(b, ir_fill(b, ir_const(b, r->elem, 1), one), 0, false, false);
    IrVal *i = ir_broadcast(b, place, ir_dims_of(wide), ir_ints(1, (int64_t[]){dim}));
    IrVal *j = ir_broadcast(b, place, ir_dims_of(wide), ir_ints(1, (int64_t[]){dim + 1}));
    return ir_compare(b, n->attr->exclusive ? IR_LT : IR_LE, n->attr->reverse ? i : j, n->attr->reverse ? j : i);
}

/* Each element of a running sum takes its own largest out: all pairs of elements, while they are few. */
static bool scale_running_sum(LogReader *r, const IrNode *n, Scaled *s)
{
    Scaled t;
    const IrType *of = &n->arg[0]->type;
    IrType wide = *of;
    int dim = (int)n->attr->dim;
    if (of->rank == IR_MAX_RANK || ir_dims_size(of) * of->dim[dim] > FEW_PRODUCTS) return false;
    if (!scaled_inside(r, n->arg[0], &t) || !t.log) return false;
    wide.elem = r->elem;
    wide.rank++;
    for (int i = of->rank; i > dim; i--) wide.dim[i] = of->dim[i - 1];
    IrVal *log = with_dim(r, log_full(r, t.log, of), of, &wide, dim);
    t.log = ir_select(&r->b, counts(r, n, &wide), log, log_infinity(r, -1));
    t.up = with_dim(r, t.up ? log_full(r, t.up, of) : NULL, of, &wide, dim);
    t.down = with_dim(r, t.down ? log_full(r, t.down, of) : NULL, of, &wide, dim);
    scaled_sum(r, &t, &wide, ir_ints(1, (int64_t[]){dim + 1}), ir_no_axes(), s);
    return true;
}

/* Is the product, or the quotient, known to be of this sign? */
static bool has_sign(const Scaled *a, const Scaled *c, bool positive)
{
    return positive ? (a->positive && c->positive) || (a->negative && c->negative)
                    : (a->positive && c->negative) || (a->negative && c->positive);
}

static Scaled product_of(LogReader *r, const Scaled *a, const Scaled *c)
{
    return (Scaled){.log = plus(r, a->log, c->log),
                    .up = times(r, a->up, c->up),
                    .down = times(r, a->down, c->down),
                    .positive = has_sign(a, c, true),
                    .negative = has_sign(a, c, false)};
}

/* Where the dims of a dot's operands stand among all of its products: shared ones, those of the one and of the other that
 * stay, those that are summed. */
typedef struct Products {
    IrType type;
    IrInts place[2], summed;
} Products;

static void place_dim(Products *p, const IrNode *n, int side, int dim, int at)
{
    p->place[side].v[dim] = at;
    p->type.dim[at] = n->arg[side]->type.dim[dim];
}

/* The dims of one side that stay. */
static int place_free(Products *p, const IrNode *n, int side, int at)
{
    bool met[IR_MAX_RANK] = {false};
    const IrAttrs *a = n->attr;
    for (int i = 0; i < a->batch.n; i++) met[side ? a->batch.b[i] : a->batch.a[i]] = true;
    for (int i = 0; i < a->contract.n; i++) met[side ? a->contract.b[i] : a->contract.a[i]] = true;
    for (int i = 0; i < n->arg[side]->type.rank; i++)
        if (!met[i]) place_dim(p, n, side, i, at++);
    return at;
}

/* False: of another kind, or so many that they are not to be written out. */
static bool products_of(const IrNode *n, Products *p)
{
    const IrAttrs *a = n->attr;
    if (n->n_args != 2 || (a->pair_over && a->pair_over[0].n)) return false;
    int rank[2] = {n->arg[0]->type.rank, n->arg[1]->type.rank}, at = a->batch.n;
    int all = rank[0] + rank[1] - a->batch.n - a->contract.n;
    if (all > IR_MAX_RANK || !a->contract.n) return false;
    *p = (Products){.type = {.elem = n->result->type.elem,
                             .rank = (uint8_t)all,
                             .axes = ir_axes_union(n->arg[0]->type.axes, n->arg[1]->type.axes)},
                    .place = {{.n = (uint8_t)rank[0]}, {.n = (uint8_t)rank[1]}}};
    for (int i = 0; i < a->batch.n; i++) {
        place_dim(p, n, 0, a->batch.a[i], i);
        place_dim(p, n, 1, a->batch.b[i], i);
    }
    at = place_free(p, n, 1, place_free(p, n, 0, at));
    for (int i = 0; i < a->contract.n; i++, at++) {
        place_dim(p, n, 0, a->contract.a[i], at);
        place_dim(p, n, 1, a->contract.b[i], at);
        p->summed.v[p->summed.n++] = at;
    }
    int64_t size = ir_dims_size(&p->type), operands = ir_dims_size(&n->arg[0]->type) + ir_dims_size(&n->arg[1]->type);
    return size <= FEW_PRODUCTS || size / MOST_BY_OPERAND <= operands;
}

/* A part of one side as it stands among the products. */
static IrVal *among(LogReader *r, const Products *p, int side, const IrType *of, IrVal *v)
{
    IrInts perm = {.n = of->rank}, kept = {.n = of->rank};
    bool ordered = of->rank == p->type.rank;
    if (!v || of->rank == 0) return v;
    v = log_full(r, v, of);
    for (int at = 0, i = 0; at < p->type.rank; at++)
        for (int d = 0; d < of->rank; d++)
            if (p->place[side].v[d] == at) {
                ordered = ordered && i == d;
                kept.v[i] = at;
                perm.v[i++] = d;
            }
    if (ordered) return v;
    return ir_broadcast(&r->b, ir_transpose(&r->b, v, perm), ir_dims_of(&p->type), kept);
}

static Scaled all_among(LogReader *r, const Products *p, int side, const IrType *of, const Scaled *s)
{
    return (Scaled){.log = among(r, p, side, of, s->log),
                    .up = among(r, p, side, of, s->up),
                    .down = among(r, p, side, of, s->down),
                    .positive = s->positive};
}

static bool scale_dot(LogReader *r, const IrNode *n, Scaled *s)
{
    Scaled a, c;
    Products p;
    if (!products_of(n, &p) || !scaled_inside(r, n->arg[0], &a) || !scaled_inside(r, n->arg[1], &c) || (!a.log && !c.log))
        return false;
    a = all_among(r, &p, 0, &n->arg[0]->type, &a);
    c = all_among(r, &p, 1, &n->arg[1]->type, &c);
    Scaled t = product_of(r, &a, &c);
    scaled_sum(r, &t, &p.type, p.summed, ir_no_axes(), s);
    return true;
}

/* A number that f32 holds is itself in f64. */
IrVal *log_leaf(LogReader *r, IrVal *v)
{
    double c;
    if (ir_is_const(v, &c) && (double)(float)c == c) return ir_const(&r->b, r->elem, c);
    return tree_convert(&r->b, tree_best(r->w, v), r->elem);
}

/* 1 / (1 + exp(-x)), and 1 - that is 1 / (1 + exp(x)) */
static Scaled sigmoid_of(LogReader *r, IrVal *x)
{
    IrVal *at = log_leaf(r, x);
    return (Scaled){.log = ir_neg(&r->b, ir_softplus(&r->b, ir_neg(&r->b, at))),
                    .positive = true,
                    .less = ir_neg(&r->b, ir_softplus(&r->b, at))};
}

/* 1 + tanh(x) is 2 / (1 + exp(-2x)). */
static Scaled tanh_of(LogReader *r, IrVal *v)
{
    IrVal *two = ir_const(&r->b, r->elem, 2), *at = ir_mul(&r->b, log_leaf(r, v->def->arg[0]), two);
    IrVal *log2 = ir_const(&r->b, r->elem, math_log_f64(2));
    return (Scaled){.up = log_leaf(r, v),
                    .less = ir_sub(&r->b, log2, ir_softplus(&r->b, at)),
                    .more = ir_sub(&r->b, log2, ir_softplus(&r->b, ir_neg(&r->b, at)))};
}

/* Where exp(x) has no place beside 1, softplus(x) is exp(x). */
static Scaled softplus_of(LogReader *r, IrVal *v)
{
    IrVal *at = log_leaf(r, v->def->arg[0]), *itself = log_leaf(r, v);
    IrVal *below = ir_compare(&r->b, IR_LT, at, ir_const(&r->b, r->elem, r->elem == IR_F64 ? -37 : -17));
    return (Scaled){.log = ir_select(&r->b, below, at, ir_const(&r->b, r->elem, 0)),
                    .up = ir_select(&r->b, below, ir_const(&r->b, r->elem, 1), itself),
                    .positive = true};
}

static void add_scaled(LogReader *r, const Scaled *a, const Scaled *c, int sign, Scaled *s)
{
    IrVal *x = or_number(r, a->log, 0), *y = or_number(r, c->log, 0), *u = factor(r, a), *v = factor(r, c);
    IrVal *of_x = if_counted(r, x, u), *of_y = if_counted(r, y, v), *there_x = if_there(r, x, u), *there_y = if_there(r, y, v), *most = ir_max(&r->b, of_x, of_y);
    if (of_x != there_x || of_y != there_y) most = taken_out(r, most, ir_max(&r->b, there_x, there_y));
    most = ir_stop(&r->b, most);
    IrVal *m = if_finite(r, most);
    IrVal *left = term(r, x, m, u), *right = term(r, y, m, v);
    IrVal *some = ir_compare(&r->b, IR_NE, most, log_infinity(r, -1));
    IrVal *both = sign > 0 ? ir_add(&r->b, left, right) : ir_sub(&r->b, left, right);
    r->summed = r->shifted = true;
    *s = (Scaled){.log = m,
                  .up = ir_select(&r->b, some, both, ir_const(&r->b, r->elem, 0)),
                  .positive = sign > 0 && a->positive && c->positive};
}

/* 1 + exp(x) */
static void add_one(LogReader *r, IrVal *x, Scaled *s)
{
    r->summed = r->shifted = true;
    *s = (Scaled){.log = ir_softplus(&r->b, x), .positive = true};
}

bool log_is_one(const IrVal *v)
{
    double c;
    return !v || (ir_is_const(v, &c) && c == 1);
}

/* exp(x) - exp(y) is exp(max(x, y)) times 1 - exp(-|x - y|), or minus that. */
static void subtract_bare(LogReader *r, const Scaled *a, const Scaled *c, Scaled *s)
{
    IrBuilder *b = &r->b;
    IrVal *x = or_number(r, a->log, 0), *y = or_number(r, c->log, 0);
    IrVal *above = ir_compare(b, IR_GE, x, y), *d = ir_sub(b, x, y);
    IrVal *up = ir_select(b, above, ir_neg(b, ir_expm1(b, ir_neg(b, d))), ir_expm1(b, d));
    r->summed = r->shifted = true;
    r->difference = up;
    r->apart = d;
    *s = (Scaled){.log = ir_select(b, above, x, y), .up = up};
}

void scaled_add(LogReader *r, const Scaled *a, const Scaled *c, int sign, Scaled *s)
{
    bool bare = log_is_one(a->up) && log_is_one(c->up) && !a->down && !c->down;
    if (sign < 0 && bare)
        subtract_bare(r, a, c, s);
    else if (bare && (!a->log || !c->log))
        add_one(r, a->log ? a->log : c->log, s);
    else
        add_scaled(r, a, c, sign, s);
}

static bool is_number_one(const Scaled *s) { return !s->log && !s->down && log_is_one(s->up); }

/* The logarithm of 1 + c or 1 - c where that is known; else NULL. */
static IrVal *log_of_one_and(const IrNode *n, const Scaled *a, const Scaled *c)
{
    if (n->op == IR_sub) return is_number_one(a) ? c->less : NULL;
    return is_number_one(a) ? c->more : is_number_one(c) ? a->more : NULL;
}

/* a + c or a - c; outside of a sum one exponential alone counts only if it is a sum: the form holds log(1 + exp(x)). */
static bool scale_add(LogReader *r, const IrNode *n, Scaled *s)
{
    Scaled a, c;
    bool summed = r->summed;
    if (n->op == IR_sub && scaled_without(r, n, s)) return true;
    r->summed = false;
    bool ok = scaled_of(r, n->arg[0], &a) && scaled_of(r, n->arg[1], &c);
    IrVal *known = ok ? log_of_one_and(n, &a, &c) : NULL;
    if (known) return r->summed |= summed, *s = (Scaled){.log = known, .positive = true}, true;
    bool one = r->summed || r->inside > 0 || r->single;
    bool sums = ok && (one ? a.log || c.log : r->adds && a.log && c.log);
    r->summed |= summed;
    if (!sums) return false;
    scaled_add(r, &a, &c, n->op == IR_add ? 1 : -1, s);
    return true;
}

/* ---- loops ------------------------------------------------------------------------------------------------------ */

/* One value that goes round. */
static bool is_accumulated(const IrNode *n)
{
    return n->op == IR_scan && n->attr->carried == 1 && n->n_results == 1 && n->attr->until < 0 &&
           ir_is_real(n->result->type.elem);
}

/* The body's yield as exp(log) * up, of a value that came as exp(m) * u. False: it has no exponential. */
static bool scale_body(LogReader *r, const IrNode *n, IrBlock *body, IrVal *out[2])
{
    IrBuilder inside = {.m = r->b.m, .block = body, .span = n->span, .why = IR_WHY_FORWARD};
    Walk w = {.b = &inside, .scratch = r->w->scratch, .skip_derivatives = r->w->skip_derivatives, .last = r->w->last};
    LogReader in = {.w = &w, .b = inside, .elem = r->elem, .logarithm = r->logarithm, .adds = true, .single = true, .nodes = r->nodes};
    IrType t = n->result->type;
    t.elem = r->elem;
    IrVal **args = arena_array(r->w->scratch, IrVal *, n->n_args), *m = ir_block_param(inside.m, body, t);
    IrVal *u = ir_block_param(inside.m, body, t), *yield;
    for (int i = 1; i < n->n_args; i++) args[i] = ir_block_param(inside.m, body, n->body[0]->param[i]->type);
    args[0] = ir_convert(&inside, ir_mul(&inside, ir_exp(&inside, m), u), n->result->type.elem);
    ir_inline_block(&inside, n->body[0], args, &yield);
    Scaled s;
    bool ok = scaled_of(&in, yield, &s) && s.log;
    r->nodes = in.nodes;
    if (!ok) return false;
    IrVal *by = factor(&in, &s);
    out[0] = log_full(&in, if_counted(&in, s.log, by), &t);
    out[1] = log_full(&in, or_number(&in, by, 1), &t);
    return true;
}

/* A loop that adds exponentials up carries the logarithm of the largest so far, and the rest. */
static bool scale_scan(LogReader *r, const IrNode *n, Scaled *s)
{
    Scaled init;
    IrVal *out[2];
    if (!is_accumulated(n) || !scaled_of(r, n->arg[0], &init)) return false;
    IrBlock *body = ir_block(r->b.m);
    if (!scale_body(r, n, body, out)) return false;
    ir_block_yield(r->b.m, body, out, 2);
    IrType t = n->result->type;
    IrVal **args = arena_array(r->w->scratch, IrVal *, n->n_args + 1), *u = factor(r, &init);
    args[0] = log_full(r, if_counted(r, or_number(r, init.log, 0), u), &t);
    args[1] = log_full(r, or_number(r, u, 1), &t);
    for (int i = 1; i < n->n_args; i++) args[i + 1] = tree_best(r->w, n->arg[i]);
    IrNode *loop = ir_scan_node(&r->b, n->attr->n, 2, n->attr->stacked, -1, args, n->n_args + 1, body);
    r->summed = r->shifted = true;
    IrVal *none = ir_compare(&r->b, IR_EQ, &loop->result[0], log_infinity(r, -1)), *zero = ir_const(&r->b, r->elem, 0);
    *s = (Scaled){.log = ir_select(&r->b, none, zero, &loop->result[0]), .up = ir_select(&r->b, none, zero, &loop->result[1])};
    return true;
}

/* ---- other rows ------------------------------------------------------------------------------------------------- */

static bool scale_quotient(LogReader *r, const IrNode *n, Scaled *s)
{
    Scaled a, c;
    if (!scaled_of(r, n->arg[0], &a) || !scaled_of(r, n->arg[1], &c) || (!a.log && !c.log && !r->summed)) return false;
    *s = (Scaled){.log = minus(r, a.log, c.log),
                  .up = times(r, a.up, c.down),
                  .down = times(r, a.down, c.up),
                  .positive = has_sign(&a, &c, true),
                  .negative = has_sign(&a, &c, false)};
    if (s->positive) scaled_share(r, n, s);
    return true;
}

static bool scale_product(LogReader *r, const IrNode *n, Scaled *s)
{
    Scaled a, c;
    if (!scaled_of(r, n->arg[0], &a) || !scaled_of(r, n->arg[1], &c) || (!a.log && !c.log && !r->summed)) return false;
    *s = product_of(r, &a, &c);
    if (s->positive) scaled_share(r, n, s);
    return true;
}

static bool is_zero(const IrVal *v)
{
    double c;
    while (v->def && (v->def->op == IR_broadcast || v->def->op == IR_spread || v->def->op == IR_convert))
        v = v->def->arg[0];
    return ir_is_const(v, &c) && c == 0;
}

static IrVal *pick(LogReader *r, IrVal *cond, IrVal *yes, IrVal *no, double none)
{
    return yes || no ? ir_select(&r->b, cond, or_number(r, yes, none), or_number(r, no, none)) : NULL;
}

static bool scale_select(LogReader *r, const IrNode *n, Scaled *s)
{
    IrVal *cond = n->arg[0];
    Scaled a, c;
    if (!scaled_of(r, n->arg[1], &a) || !scaled_of(r, n->arg[2], &c) || (!a.log && !c.log)) return false;
    if (is_zero(n->arg[1])) a = (Scaled){.log = log_infinity(r, -1), .positive = true};
    if (is_zero(n->arg[2])) c = (Scaled){.log = log_infinity(r, -1), .positive = true};
    *s = (Scaled){.log = pick(r, cond, a.log, c.log, 0),
                  .up = pick(r, cond, a.up, c.up, 1),
                  .down = pick(r, cond, a.down, c.down, 1),
                  .positive = a.positive && c.positive,
                  .less = a.less && c.less ? ir_select(&r->b, cond, a.less, c.less) : NULL};
    return true;
}

/* by: the second operand, which says where to. */
IrVal *log_moved(LogReader *r, const IrNode *n, IrVal *v, IrVal *by)
{
    if (!v || (v->type.rank == 0 && n->result->type.rank == 0)) return v;
    return ir_like(&r->b, n, (IrVal *[]){log_full(r, v, &n->arg[0]->type), by})->result;
}

/* The order of exponentials is that of their logarithms, which do not overflow. */
static IrVal *place_of(LogReader *r, const IrNode *n, const Scaled *a)
{
    if (n->n_args < 2) return NULL;
    const IrNode *sorts = n->arg[1]->def;
    bool sorted = sorts && sorts->op == IR_argsort && a->log && a->positive && tree_same_value(r->w, sorts->arg[0], n->arg[0]);
    if (!sorted) return n->arg[1];
    return ir_like(&r->b, sorts, (IrVal *[]){log_full(r, scaled_log(r, a), &n->arg[0]->type)})->result;
}

static bool scale_layout(LogReader *r, const IrNode *n, Scaled *s)
{
    Scaled a;
    if (!scaled_of(r, n->arg[0], &a) || (!a.log && !a.less && !r->summed)) return false;
    IrVal *by = place_of(r, n, &a);
    *s = (Scaled){log_moved(r, n, a.log, by), log_moved(r, n, a.up, by),   log_moved(r, n, a.down, by), a.positive,
                  a.negative,             log_moved(r, n, a.less, by), log_moved(r, n, a.more, by)};
    return true;
}

/* The parts beside each other, if any has one. */
static IrVal *beside_each_other(LogReader *r, const IrNode *n, IrVal *const *part, double none)
{
    IrVal **all = arena_array(r->w->scratch, IrVal *, n->n_args);
    bool any = false;
    for (int i = 0; i < n->n_args; i++) {
        any |= part[i] != NULL;
        all[i] = log_full(r, or_number(r, part[i], none), &n->arg[i]->type);
    }
    return any ? ir_concat(&r->b, all, n->n_args, n->attr->dim) : NULL;
}

static bool scale_concat(LogReader *r, const IrNode *n, Scaled *s)
{
    if (n->n_args > MOST_NODES) return false;
    IrVal **log = arena_array(r->w->scratch, IrVal *, n->n_args), **up = arena_array(r->w->scratch, IrVal *, n->n_args),
          **down = arena_array(r->w->scratch, IrVal *, n->n_args), **less = arena_array(r->w->scratch, IrVal *, n->n_args);
    bool any = false, positive = true, all_less = true;
    for (int i = 0; i < n->n_args; i++) {
        Scaled part;
        if (!scaled_of(r, n->arg[i], &part)) return false;
        log[i] = part.log;
        up[i] = part.up;
        down[i] = part.down;
        less[i] = part.less;
        any |= part.log != NULL;
        positive &= part.positive;
        all_less &= part.less != NULL;
    }
    if (!any) return false;
    *s = (Scaled){.log = beside_each_other(r, n, log, 0),
                  .up = beside_each_other(r, n, up, 1),
                  .down = beside_each_other(r, n, down, 1),
                  .positive = positive,
                  .less = all_less ? beside_each_other(r, n, less, 0) : NULL};
    return true;
}

static Scaled negated(LogReader *r, const Scaled *s)
{
    double c;
    IrVal *up = s->up;
    if (!up || ir_is_const(up, &c))
        up = up && c == -1 ? NULL : ir_const(&r->b, r->elem, up ? -c : -1);
    else
        up = up->def && up->def->op == IR_neg ? up->def->arg[0] : ir_neg(&r->b, up);
    return (Scaled){.log = s->log, .up = up, .down = s->down, .positive = s->negative, .negative = s->positive};
}

/* ---- the larger and the smaller --------------------------------------------------------------------------------- */

static bool is_nothing(const Scaled *s) { return !s->log && s->up && is_zero(s->up); }

static bool is_known(const Scaled *s) { return s->positive || is_nothing(s); }

/* The logarithm of s where s is above 0, else that of 0. */
static IrVal *log_above_0(LogReader *r, const Scaled *s)
{
    if (is_nothing(s)) return log_infinity(r, -1);
    if (s->positive) return scaled_log(r, s);
    IrVal *u = factor(r, s), *below = ir_compare(&r->b, IR_LE, u, ir_const(&r->b, r->elem, 0));
    IrVal *log = ir_log(&r->b, ir_select(&r->b, below, ir_const(&r->b, r->elem, 1), u));
    return ir_select(&r->b, below, log_infinity(r, -1), plus(r, s->log, log));
}

/* The larger of the two, one of which is positive, is the larger of their logarithms; so is the smaller where both are. */
static bool scale_extreme(LogReader *r, const IrNode *n, Scaled *s)
{
    Scaled a, c;
    if (!scaled_inside(r, n->arg[0], &a) || !scaled_inside(r, n->arg[1], &c) || (!a.log && !c.log)) return false;
    bool minus = a.negative && c.negative, most = (n->op == IR_max) != minus;
    if (minus) a = negated(r, &a), c = negated(r, &c);
    const Scaled *other = is_known(&a) ? &c : &a;
    if (!is_known(&a) && !is_known(&c)) return false;
    IrVal *x = log_above_0(r, &a), *y = log_above_0(r, &c);
    bool known = is_known(other);
    *s = (Scaled){.log = most ? ir_max(&r->b, x, y) : ir_min(&r->b, x, y), .positive = most || known};
    if (a.less && c.less) s->less = most ? ir_min(&r->b, a.less, c.less) : ir_max(&r->b, a.less, c.less);
    if (minus) *s = negated(r, s);
    if (!most && !known) {
        IrVal *u = factor(r, other), *below = ir_compare(&r->b, IR_LE, u, ir_const(&r->b, r->elem, 0));
        s->log = ir_select(&r->b, below, or_number(r, other->log, 0), s->log);
        s->up = ir_select(&r->b, below, u, ir_const(&r->b, r->elem, 1));
    }
    r->summed = r->shifted = true;
    return true;
}

static IrVal *reduced_of(LogReader *r, const IrNode *n, IrVal *v, bool smallest)
{
    if (!v) return NULL;
    v = log_full(r, v, &n->arg[0]->type);
    if (smallest) v = ir_neg(&r->b, v);
    v = ir_like(&r->b, n, &v)->result;
    return smallest ? ir_neg(&r->b, v) : v;
}

/* The largest over dims or samples; of -x it is minus the smallest x. */
static bool scale_largest(LogReader *r, const IrNode *n, Scaled *s)
{
    Scaled a;
    if (!scaled_of(r, n->arg[0], &a) || !a.log || !(a.positive || a.negative)) return false;
    bool smallest = a.negative;
    if (smallest) a = negated(r, &a);
    *s = (Scaled){.log = reduced_of(r, n, scaled_log(r, &a), smallest), .positive = true};
    if (smallest)
        *s = negated(r, s);
    else
        s->less = reduced_of(r, n, a.less, true);
    r->summed = r->shifted = true;
    return true;
}

static bool scale_norm(LogReader *r, const IrNode *n, Scaled *s)
{
    Scaled a;
    if (!scaled_inside(r, n->arg[0], &a) || !a.log) return false;
    Scaled square = product_of(r, &a, &a);
    square.positive = a.positive;
    scaled_sum(r, &square, &n->arg[0]->type, n->attr->dims, ir_no_axes(), s);
    s->log = s->log ? ir_mul(&r->b, s->log, ir_const(&r->b, r->elem, 0.5)) : NULL;
    s->up = s->up ? ir_sqrt(&r->b, s->up) : NULL;
    s->positive = true;
    return true;
}

static bool scale_abs(LogReader *r, const IrNode *n, Scaled *s)
{
    Scaled a;
    if (!scaled_of(r, n->arg[0], &a) || !a.log) return false;
    *s = (Scaled){.log = a.log, .up = a.up ? ir_abs(&r->b, a.up) : NULL, .down = a.down ? ir_abs(&r->b, a.down) : NULL, .positive = true};
    r->summed = true;
    return true;
}

static IrVal *stopped(LogReader *r, IrVal *v) { return v ? ir_stop(&r->b, v) : NULL; }

/* What is not differentiated. A stop with a slot stands for what the slot will be. */
static bool scale_stop(LogReader *r, const IrNode *n, Scaled *s)
{
    Scaled a;
    if (n->attr->slot >= 0 || !scaled_of(r, n->arg[0], &a) || (!a.log && !a.less && !r->summed)) return false;
    *s = (Scaled){stopped(r, a.log), stopped(r, a.up),   stopped(r, a.down), a.positive,
                  a.negative,        stopped(r, a.less), stopped(r, a.more)};
    r->summed = true;
    return true;
}

/* ---- powers ----------------------------------------------------------------------------------------------------- */

enum { MOST_POWER = 4 }; /* larger ones overflow what an exponential was taken out of */

/* Is it an exponential: b^x, b a positive number or made of exponentials? */
static bool is_exponential(const IrNode *n)
{
    double c;
    return n->op == IR_pow && !ir_is_const(n->arg[1], NULL) && (ir_is_const(n->arg[0], &c) ? c > 0 && c != 1 : tree_is_positive(n->arg[0]));
}

/* a^x is exp(x log(a)). */
static bool scale_exponential(LogReader *r, const IrNode *n, Scaled *s)
{
    Scaled a;
    if (!scaled_of(r, n->arg[0], &a) || !a.positive) return false;
    *s = (Scaled){.log = ir_mul(&r->b, log_leaf(r, n->arg[1]), scaled_log(r, &a)), .positive = true};
    r->summed = true;
    return true;
}

static bool is_even(double k) { return fmod(k, 2) == 0; }

static bool scale_power(LogReader *r, const IrNode *n, Scaled *s)
{
    double k = 0.5;
    Scaled a;
    if (is_exponential(n)) return scale_exponential(r, n, s);
    if ((n->op == IR_pow && !ir_is_const(n->arg[1], &k)) || !scaled_of(r, n->arg[0], &a) || !a.log) return false;
    IrVal *by = ir_const(&r->b, r->elem, k);
    if (a.positive && fabs(k) > MOST_POWER)
        return *s = (Scaled){.log = ir_mul(&r->b, scaled_log(r, &a), by), .positive = true}, true;
    IrVal *q = factor(r, &a);
    *s = (Scaled){.log = ir_mul(&r->b, a.log, by), .positive = a.positive || n->op == IR_sqrt || is_even(k)};
    if (q) s->up = n->op == IR_sqrt ? ir_sqrt(&r->b, q) : ir_pow(&r->b, q, by);
    return true;
}

static bool scale_minus(LogReader *r, const IrNode *n, Scaled *s)
{
    if (!scaled_of(r, n->arg[0], s) || (!s->log && !r->summed)) return false;
    *s = negated(r, s);
    return true;
}

/* What f32 does not hold as such. */
static bool scale_number(LogReader *r, const IrNode *n, Scaled *s)
{
    double c = n->attr->value;
    if (!isfinite(c) || c <= 0 || (c > 1e-30 && c < 1e30)) return false;
    *s = (Scaled){.log = ir_const(&r->b, r->elem, math_log_f64(c)), .positive = true};
    return true;
}

static bool scale_row(LogReader *r, const IrNode *n, Scaled *s)
{
    Scaled a, c;
    switch (n->op) {
    case IR_exp:
        if (scaled_share_of_exp(r, n, s)) return true;
        *s = (Scaled){.log = log_leaf(r, n->arg[0]), .positive = true};
        return true;
    case IR_mul:
        return scale_product(r, n, s);
    case IR_div:
        return scale_quotient(r, n, s);
    case IR_convert:
        return ir_is_real(n->arg[0]->type.elem) && scaled_of(r, n->arg[0], s);
    case IR_select:
        return scale_select(r, n, s);
    case IR_sum:
        return scale_sum(r, n, s);
    case IR_cumsum:
        return scale_running_sum(r, n, s);
    case IR_dot:
        return scale_dot(r, n, s);
    case IR_add:
    case IR_sub:
        return scale_add(r, n, s);
    case IR_neg:
        return scale_minus(r, n, s);
    case IR_sigmoid:
        *s = sigmoid_of(r, n->arg[0]);
        return true;
    case IR_tanh:
        *s = tanh_of(r, n->result);
        return true;
    case IR_softplus:
        *s = softplus_of(r, n->result);
        return true;
    case IR_const:
        return scale_number(r, n, s);
    case IR_scan:
        return scale_scan(r, n, s);
    case IR_expm1:
        a = (Scaled){.log = log_leaf(r, n->arg[0]), .positive = true};
        c = (Scaled){.positive = true};
        subtract_bare(r, &a, &c, s);
        s->more = a.log;
        return true;
    case IR_sqrt:
    case IR_pow:
        return scale_power(r, n, s);
    case IR_slice:
    case IR_reshape:
    case IR_broadcast:
    case IR_transpose:
    case IR_reverse:
    case IR_as_sample:
    case IR_as_feature:
    case IR_gather:
        return scale_layout(r, n, s);
    case IR_max:
    case IR_min:
        return scale_extreme(r, n, s);
    case IR_reduce_max:
        return scale_largest(r, n, s);
    case IR_norm:
        return scale_norm(r, n, s);
    case IR_abs:
        return scale_abs(r, n, s);
    case IR_stop:
        return scale_stop(r, n, s);
    case IR_spread:
        return scaled_of(r, n->arg[0], s);
    case IR_concat:
        return scale_concat(r, n, s);
    default:
        return false;
    }
}

/* Of derivatives the pass takes those that are numbers per sample: a gradient that an optimiser divides by its root is no sum of exponentials,
 * whatever it is made of. */
static bool is_read(const Walk *w, const IrNode *n)
{
    return !w->skip_derivatives || !ir_is_adjoint(n) || (n->n_results == 1 && tree_is_head(w, n->result));
}

/* A fraction as it was written: its terms are seen in the sum under its line. */
static IrVal *as_written(const LogReader *r, IrVal *v)
{
    const NodeInfo *i = r->logarithm ? tree_info(r->w, v) : NULL;
    return i && i->was && i->was->op == IR_div ? i->was->result : v;
}

bool scaled_of(LogReader *r, IrVal *v, Scaled *s)
{
    if (++r->nodes > MOST_NODES) return false;
    IrNode *n = (v = as_written(r, v))->def;
    bool ours = n && n->block == r->w->b->block && n->n_results == 1 && ir_is_real(v->type.elem) && is_read(r->w, n);
    if (!ours || !scale_row(r, n, s)) *s = (Scaled){.up = log_leaf(r, v), .positive = tree_is_positive(v)};
    return r->nodes <= MOST_NODES;
}

/* ---- the rule --------------------------------------------------------------------------------------------------- */

/* log(1 - exp(-d)): near 0 of a large d, where 1 less it is 1 (Maechler 2012). */
static IrVal *log_of_difference(LogReader *r)
{
    IrBuilder *b = &r->b;
    IrVal *far = ir_log1p(b, ir_neg(b, ir_exp(b, ir_neg(b, r->apart))));
    IrVal *is_far = ir_compare(b, IR_GT, r->apart, ir_const_like(b, r->apart, form_log_prime[0]));
    return ir_select(b, is_far, far, ir_log(b, r->difference));
}

static IrVal *logarithm(LogReader *r, Scaled *s)
{
    if (!s->positive) *s = (Scaled){.log = s->log, .up = factor(r, s)};
    IrVal *up = !s->up ? NULL : s->up == r->difference ? log_of_difference(r) : ir_log(&r->b, s->up), *down = s->down ? ir_log(&r->b, s->down) : NULL;
    return minus(r, plus(r, s->log, up), down);
}

typedef struct Search {
    const Walk *w;
    const IrBlock *block;
    bool adds;      /* count as sums, too */
    bool logarithm; /* is taken of it: expm1 and sigmoid count as exponentials, too; under a line they stand for 1 - beta^t */
    int nodes;
} Search;

static bool is_exponential_in(const Search *s, const IrNode *n)
{
    if (n->op == IR_pow) return is_exponential(n) && (s->logarithm || n->result->type.rank || n->result->type.axes.n);
    return n->op == IR_exp || (s->logarithm && (n->op == IR_expm1 || n->op == IR_sigmoid || n->op == IR_tanh || n->op == IR_softplus));
}

/* What no form holds anything under. */
static bool hides(const Search *s, const IrNode *n)
{
    switch (n->op) {
    case IR_sum:
    case IR_cumsum:
    case IR_dot:
    case IR_max:
    case IR_min:
    case IR_reduce_max:
    case IR_norm:
    case IR_abs:
    case IR_stop:
    case IR_pow:
        return n->op != IR_pow || is_exponential(n);
    default:
        return s->adds && (n->op == IR_add || n->op == IR_sub);
    }
}

/* Is there an exponential under a sum, or under what else hides it from a form? Before anything is made. */
static bool has_summed(Search *s, const IrVal *v, bool summed)
{
    const IrNode *n = v->def;
    if (!n || n->block != s->block || ++s->nodes > MOST_NODES || n->op == IR_const || !is_read(s->w, n)) return false;
    summed |= hides(s, n);
    if (is_exponential_in(s, n)) return summed;
    if (n->op == IR_scan) return is_accumulated(n) && has_summed(&(Search){s->w, n->body[0], true, true, 0}, n->body[0]->yield[0], true);
    bool has = false;
    for (int i = n->op == IR_select; i < n->n_args && !has; i++) has = has_summed(s, n->arg[i], summed);
    return has;
}

bool log_has_summed(const Walk *w, const IrVal *v, bool adds, bool logarithm)
{
    return has_summed(&(Search){.w = w, .block = w->b->block, .adds = adds, .logarithm = logarithm}, v, false);
}

/* A fraction is ours where what stands under its line is. */
static IrVal *shifted_share(LogReader *r, const IrNode *n)
{
    Scaled a, c, s;
    if (!scaled_of(r, n->arg[1], &c) || !c.log || !r->shifted || !scaled_of(r, n->arg[0], &a)) return NULL;
    s = (Scaled){.log = minus(r, a.log, c.log), .up = times(r, a.up, c.down), .down = times(r, a.down, c.up)};
    return over(r, times(r, s.log ? ir_exp(&r->b, s.log) : NULL, s.up), s.down);
}

/* log(1 + x), also where x is small; NULL: nothing better is known. */
static IrVal *log_one_plus(LogReader *r, const IrVal *x)
{
    Scaled s;
    const IrNode *n = x->def;
    if (n->op == IR_neg) return scaled_of(r, n->arg[0], &s) ? s.less : NULL;
    if (!scaled_of(r, n->result, &s) || s.more) return s.more;
    return s.log && s.positive ? ir_softplus(&r->b, scaled_log(r, &s)) : NULL;
}

static IrVal *logarithm_of(LogReader *r, const IrNode *n, bool wide)
{
    Scaled s;
    if (n->op == IR_log1p) return log_one_plus(r, n->arg[0]);
    return scaled_of(r, n->arg[0], &s) && (r->summed || r->single) && (s.log || wide) ? logarithm(r, &s) : NULL;
}

/* Is all of v as small as a softplus is far below zero? Beside a number it is that number. */
static bool is_like_softplus(Search *s, const IrVal *v)
{
    const IrNode *n = v->def;
    if (!n || n->block != s->block || ++s->nodes > MOST_NODES || !is_read(s->w, n)) return false;
    switch (n->op) {
    case IR_softplus:
        return true;
    case IR_mul:
    case IR_div:
        return is_like_softplus(s, n->arg[0]) || is_like_softplus(s, n->arg[1]);
    case IR_add:
    case IR_max:
        return is_like_softplus(s, n->arg[0]) && is_like_softplus(s, n->arg[1]);
    case IR_select:
        return is_like_softplus(s, n->arg[1]) || is_like_softplus(s, n->arg[2]);
    case IR_sum:
    case IR_dot:
    case IR_norm:
    case IR_reduce_max:
    case IR_convert:
    case IR_spread:
    case IR_slice:
    case IR_reshape:
    case IR_broadcast:
    case IR_transpose:
    case IR_reverse:
    case IR_gather:
        return is_like_softplus(s, n->arg[0]);
    default:
        return false;
    }
}

/* The root of a softplus, or another power that has no slope at 0: it is exp(x / 2) where softplus(x) is 0 already. */
static IrVal *root_of_softplus(Walk *w, IrVal *v)
{
    IrNode *n = v->def;
    double k = 0.5;
    if (n->op != IR_sqrt && (n->op != IR_pow || !ir_is_const(n->arg[1], &k) || (k >= 1 && k == floor(k)))) return NULL;
    bool wide = tree_is_head(w, v);
    LogReader r = {.w = w, .b = tree_before(w, v), .elem = wide ? IR_F64 : v->type.elem, .adds = true, .single = true};
    Search search = {.w = w, .block = w->b->block};
    Scaled s;
    if (!is_like_softplus(&search, n->arg[0]) || !scale_power(&r, n, &s) || !s.log || !s.positive) return NULL;
    IrVal *made = times(&r, ir_exp(&r.b, s.log), factor(&r, &s));
    return log_full(&r, tree_convert(&r.b, made, v->type.elem), &v->type);
}

IrVal *tree_vanishing_product(Walk *w, IrVal *v)
{
    const IrNode *n = v->def;
    if (n->op != IR_mul || v->type.rank == 0) return NULL; /* the slope of one number keeps more digits in a form */
    const IrNode *x = n->arg[0]->def, *y = n->arg[1]->def;
    if (!x || !y || x->block != n->block || y->block != n->block) return NULL;
    if (!(x->op == IR_exp && y->op == IR_softplus) && !(x->op == IR_softplus && y->op == IR_exp)) return NULL;
    LogReader r = {.w = w, .b = tree_before(w, v), .elem = v->type.elem};
    Scaled s;
    if (!scale_product(&r, n, &s)) return NULL;
    return log_full(&r, times(&r, ir_exp(&r.b, s.log), s.up), &v->type);
}

IrVal *tree_log_rule(Walk *w, IrVal *v, bool adds)
{
    IrNode *n = v->def;
    if (adds && (n->op == IR_sqrt || n->op == IR_pow)) return root_of_softplus(w, v);
    if (n->op != IR_log && n->op != IR_log1p && n->op != IR_div) return NULL;
    bool wide = tree_is_head(w, v), logarithmic = n->op != IR_div;
    LogReader r = {.w = w, .b = tree_before(w, v), .elem = wide ? IR_F64 : v->type.elem, .logarithm = logarithmic, .adds = true, .single = adds};
    Search search = {.w = w, .block = w->b->block, .adds = adds, .logarithm = logarithmic};
    if (!has_summed(&search, n->arg[!logarithmic], r.single && logarithmic)) return NULL;
    IrVal *made = logarithmic ? logarithm_of(&r, n, wide) : shifted_share(&r, n);
    return made ? log_full(&r, tree_convert(&r.b, made, v->type.elem), &v->type) : NULL;
}
