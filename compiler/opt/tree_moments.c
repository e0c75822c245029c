/* tree_moments.c - R3: a mean of squares less the square of a mean is a mean of squares. See tree.h.
 *
 * c sum(x x) - d (sum x)^2 loses every digit where x varies less than it is large, and may even come out below 0, where its
 * root is no number. With d n = c, n being how many are summed, it is c sum((x - m)^2), m the mean: nowhere below 0, with
 * derivative 0 where all are equal, so that R2 holds for its root. Sums are over dims and samples, in any order, in steps
 * or as a dot; part of them may stand around the square: E norm2(x) - norm2(E x). The two may be any two of up to
 * MOST_TERMS that are added. Start at tree_moments_rule(). */
#include "compiler/opt/tree.h"

#include <math.h>

enum { MOST_TERMS = 6, MOST_STEPS = 8, MOST_FACTORS = 8 };

/* c * (sums of `of` over what is in `steps`, from the inside outwards) */
typedef struct Sums {
    double c;
    IrVal *of;
    int n;
    const IrNode *step[MOST_STEPS]; /* from the outside inwards */
} Sums;

typedef struct Extent { /* what is summed over: dims of the innermost value, axes */
    bool dim[IR_MAX_RANK];
    IrAxes axes;
} Extent;

typedef struct Added {
    IrVal *v;
    int sign;
} Added;

typedef struct Factors {
    double c;
    int n;
    IrVal *v[MOST_FACTORS];
    int power[MOST_FACTORS];
} Factors;

static IrVal *behind(Walk *w, IrVal *v)
{
    const NodeInfo *i = tree_info(w, v);
    return i && i->local ? i->local : v;
}

static bool is_ours(const Walk *w, const IrVal *v) { return v->def && v->def->block == w->b->block; }

/* ---- products --------------------------------------------------------------------------------------------------- */

static bool add_factor(const Walk *w, Factors *f, IrVal *v, int power)
{
    int i = 0;
    while (i < f->n && !tree_same_value(w, f->v[i], v)) i++;
    if (i == MOST_FACTORS) return false;
    if (i == f->n) f->power[f->n++] = 0;
    f->v[i] = v;
    f->power[i] += power;
    return true;
}

/* v^power as numbers and other values to powers; no more than one row a factor. */
static bool add_product(Walk *w, Factors *f, IrVal *v, int power, int depth)
{
    double c;
    v = behind(w, v);
    const IrNode *n = is_ours(w, v) && depth < MOST_FACTORS ? v->def : NULL;
    if (ir_is_const(v, &c)) return f->c *= pow(c, power), true;
    if (n && n->op == IR_neg) return f->c *= power % 2 ? -1 : 1, add_product(w, f, n->arg[0], power, depth + 1);
    if (n && n->op == IR_mul)
        return add_product(w, f, n->arg[0], power, depth + 1) && add_product(w, f, n->arg[1], power, depth + 1);
    if (n && n->op == IR_div && ir_is_const(n->arg[1], &c))
        return f->c /= pow(c, power), add_product(w, f, n->arg[0], power, depth + 1);
    if (n && n->op == IR_pow && ir_is_const(n->arg[1], &c) && (c == 2 || c == 3 || c == 4))
        return add_product(w, f, n->arg[0], power * (int)c, depth + 1);
    return add_factor(w, f, v, power);
}

static bool product_of(Walk *w, IrVal *v, int power, Factors *f)
{
    *f = (Factors){.c = 1};
    return add_product(w, f, v, power, 0);
}

/* Is v = *c x^2? */
static bool is_square_of(Walk *w, IrVal *v, IrVal *x, double *c)
{
    Factors a, b;
    if (!product_of(w, v, 1, &a) || !product_of(w, x, 2, &b) || a.n != b.n || b.c == 0) return false;
    for (int i = 0; i < a.n; i++) {
        int k = 0;
        while (k < b.n && !tree_same_value(w, a.v[i], b.v[k])) k++;
        if (k == b.n || a.power[i] != b.power[k]) return false;
    }
    *c = a.c / b.c;
    return true;
}

/* ---- sums ------------------------------------------------------------------------------------------------------- */

/* v as numbers times sums of something, which is a square or not. */
static bool sums_of(Walk *w, IrVal *v, Sums *s)
{
    double c;
    for (s->of = behind(w, v); is_ours(w, s->of); s->of = behind(w, s->of)) {
        const IrNode *n = s->of->def;
        IrVal *const *arg = n->arg;
        if (n->op == IR_neg)
            s->c = -s->c, s->of = arg[0];
        else if (n->op == IR_div && ir_is_const(arg[1], &c))
            s->c /= c, s->of = arg[0];
        else if (n->op == IR_mul && (ir_is_const(arg[0], &c) || ir_is_const(arg[1], &c)))
            s->c *= c, s->of = arg[ir_is_const(arg[0], &c)];
        else if (n->op == IR_sum && s->n < MOST_STEPS)
            s->step[s->n++] = n, s->of = arg[0];
        else
            return true;
    }
    return s->n < MOST_STEPS;
}

/* dot(x, x) over all dims: x, else NULL. */
static IrVal *own_dot(const Walk *w, const IrVal *v)
{
    const IrNode *n = v->def;
    if (!is_ours(w, v) || n->op != IR_dot || n->n_args != 2 || !tree_same_value(w, n->arg[0], n->arg[1])) return NULL;
    bool whole = !n->attr.batch.n && n->attr.contract.n == n->arg[0]->type.rank &&
                 !(n->attr.pair_over && n->attr.pair_over[0].n);
    for (int i = 0; i < n->attr.contract.n; i++) whole &= n->attr.contract.a[i] == n->attr.contract.b[i];
    return whole ? n->arg[0] : NULL;
}

/* What x, or a square of it, is summed over: first all dims where it is a dot, then the steps. */
static Extent extent_of(const Sums *s, const IrVal *x, bool dot)
{
    Extent e = {.axes = ir_no_axes()};
    for (int i = 0; i < x->type.rank; i++) e.dim[i] = dot;
    for (int k = s->n - 1; k >= 0; k--) {
        const IrAttrs *at = &s->step[k]->attr;
        bool was[IR_MAX_RANK];
        e.axes = ir_axes_union(e.axes, at->over);
        for (int i = 0; i < x->type.rank; i++) was[i] = e.dim[i];
        for (int i = 0, place = 0; i < x->type.rank; i++) {
            if (was[i]) continue;
            for (int d = 0; d < at->dims.n; d++) e.dim[i] |= at->dims.v[d] == place;
            place++;
        }
    }
    return e;
}

static bool same_extent(const Extent *a, const Extent *b, int rank)
{
    bool same = ir_axes_equal(a->axes, b->axes);
    for (int i = 0; i < rank; i++) same &= a->dim[i] == b->dim[i];
    return same;
}

static double size_of(const Walk *w, const Extent *e, const IrVal *x)
{
    double n = (double)ir_axes_size(w->b->m, e->axes);
    for (int i = 0; i < x->type.rank; i++)
        if (e->dim[i]) n *= (double)x->type.dim[i];
    return n;
}

static IrInts dims_in(const Extent *e, int rank, bool in)
{
    IrInts dims = {0};
    for (int i = 0; i < rank; i++)
        if (e->dim[i] == in) dims.v[dims.n++] = i;
    return dims;
}

/* ---- the square of a mean --------------------------------------------------------------------------------------- */

/* c * (sums of (root)^2), root = c' * (sums of x): a norm, a dot, a product. */
typedef struct Square {
    Sums around, root;
    bool dot;
    IrVal *mean; /* root, as a value */
} Square;

static bool square_of_mean(Walk *w, IrVal *v, Square *q)
{
    *q = (Square){.around.c = 1, .root.c = 1};
    if (!sums_of(w, v, &q->around) || !is_ours(w, q->around.of)) return false;
    const IrNode *n = q->around.of->def;
    double k;
    q->dot = (q->mean = own_dot(w, q->around.of)) != NULL;
    if (n->op == IR_mul && tree_same_value(w, n->arg[0], n->arg[1])) q->mean = n->arg[0];
    if (n->op == IR_pow && ir_is_const(n->arg[1], &k) && k == 2) q->mean = n->arg[0];
    return q->mean && sums_of(w, q->mean, &q->root) && q->root.n > 0;
}

/* All that x is summed over in q. */
static Extent whole_extent(const Square *q)
{
    const IrVal *x = q->root.of;
    Extent inner = extent_of(&q->root, x, false), outer = extent_of(&q->around, q->mean, q->dot);
    outer.axes = ir_axes_union(inner.axes, outer.axes);
    for (int i = x->type.rank - 1, place = q->mean->type.rank; i >= 0; i--) outer.dim[i] = inner.dim[i] || outer.dim[--place];
    return outer;
}

/* ---- the rule --------------------------------------------------------------------------------------------------- */

/* c * sum((x - m)^2), the mean m over `inner`, the sum over `whole` */
static IrVal *central(Walk *w, IrVal *at, const Square *q, const Extent *inner, const Extent *whole, double c)
{
    IrBuilder b = tree_before(w, at);
    IrVal *x = tree_best(w, q->root.of), *m = tree_best(w, q->mean);
    double times = 1 / (q->root.c * size_of(w, inner, x));
    int rank = x->type.rank;
    if (fabs(times - 1) > 1e-9) m = ir_mul(&b, m, ir_const_like(&b, m, times));
    if (m->type.rank < rank && m->type.rank) m = ir_broadcast(&b, m, ir_dims_of(&x->type), dims_in(inner, rank, false));
    IrVal *less = ir_sub(&b, x, m), *sum = ir_mul(&b, less, less);
    if (whole->axes.n) sum = ir_sum_over(&b, sum, whole->axes);
    IrInts dims = dims_in(whole, rank, true);
    if (dims.n) sum = ir_sum(&b, sum, dims);
    return c == 1 ? sum : ir_mul(&b, sum, ir_const_like(&b, sum, c));
}

/* squares + square, whose numbers have different signs; NULL: not that. */
static IrVal *variance(Walk *w, IrVal *at, const Added *squares, const Added *square)
{
    Sums s = {.c = squares->sign};
    Square q;
    double c;
    if (!square_of_mean(w, square->v, &q) || !sums_of(w, squares->v, &s)) return NULL;
    IrVal *x = q.root.of, *y = own_dot(w, s.of);
    if (y ? !(c = 1, tree_same_value(w, x, y)) : !is_square_of(w, s.of, x, &c)) return NULL;
    if (!y) y = s.of;
    if (!ir_type_equal(&x->type, &y->type)) return NULL;
    Extent inner = extent_of(&q.root, x, false), whole = whole_extent(&q), over = extent_of(&s, y, y != s.of);
    double by = -square->sign * q.around.c * q.root.c * q.root.c * size_of(w, &inner, x);
    c *= s.c;
    if (!same_extent(&whole, &over, x->type.rank) || !(c > 0) || !(fabs(by - c) <= 1e-9 * c)) return NULL;
    IrVal *made = central(w, at, &q, &inner, &whole, c);
    return ir_type_equal(&made->type, &squares->v->type) ? made : NULL;
}

/* What is added, no more than `depth` rows down: how many; more than MOST_TERMS are not all there. */
static int added(Walk *w, IrVal *v, int sign, int depth, Added *a, int n)
{
    v = behind(w, v);
    const IrNode *d = is_ours(w, v) && depth ? v->def : NULL;
    if (n > MOST_TERMS) return n;
    if (d && d->op == IR_neg) return added(w, d->arg[0], -sign, depth - 1, a, n);
    if (d && (d->op == IR_add || d->op == IR_sub)) {
        n = added(w, d->arg[0], sign, depth - 1, a, n);
        return added(w, d->arg[1], d->op == IR_add ? sign : -sign, depth - 1, a, n);
    }
    if (n < MOST_TERMS) a[n] = (Added){v, sign};
    return n + 1;
}

/* The other terms beside `made`. */
static IrVal *with_rest(Walk *w, IrVal *at, IrVal *made, const Added *a, int n, int without, int and)
{
    IrBuilder b = tree_before(w, at);
    for (int i = 0; i < n; i++) {
        if (i == without || i == and) continue;
        IrVal *v = tree_best(w, a[i].v);
        made = a[i].sign > 0 ? ir_add(&b, made, v) : ir_sub(&b, made, v);
    }
    return made;
}

IrVal *tree_moments_rule(Walk *w, IrVal *v)
{
    Added a[MOST_TERMS];
    if (v->def->op != IR_sub && v->def->op != IR_add) return NULL;
    int n = added(w, v, 1, MOST_TERMS, a, 0);
    if (n > MOST_TERMS) n = added(w, v, 1, 2, a, 0);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < n; k++) {
            IrVal *made = i == k ? NULL : variance(w, v, &a[i], &a[k]);
            if (made) return with_rest(w, v, made, a, n, i, k);
        }
    return NULL;
}
