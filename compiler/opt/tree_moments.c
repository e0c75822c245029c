/* tree_moments.c - R3: a mean of squares less the square of a mean is a mean of squares. See tree.h.
 *
 * c sum(x x) - d (sum x)^2 loses every digit where x varies less than it is large, and may even come out below 0, where its
 * root is no number. With d n = c, n being how many are summed, it is c sum((x - m)^2), m the mean: nowhere below 0, with
 * derivative 0 where all are equal, so that R2 holds for its root. Sums are over dims and samples, in any order, in steps
 * or as a dot; part of them may stand around the square: E norm2(x) - norm2(E x). The two may be any two of up to
 * MOST_TERMS that are added. The two may be over an axis each, that goes over the same rows: E[x ~ d : all] of both. The square may be taken along by the body of a loop, and of a list of numbers known now its sum may be one
 * number added to the other, in f64: then the mean is computed anew, beside x. With weights w that sum up to 1 it is sum(w (x - m)^2),
 * m = sum(w x). A mean of products less the product of the means, a covariance, is the mean of (x - mean(x)) (y - mean(y)). Start at tree_moments_rule(). */
#include "compiler/opt/equal.h"
#include "compiler/opt/tree.h"

#include <math.h>

enum { MOST_TERMS = 6, MOST_STEPS = 8, MOST_FACTORS = 8, MOST_ROWS = 200 };

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

/* ---- around a loop ---------------------------------------------------------------------------------------------- */

/* What the body of a loop takes along, as it stands outside; any other value as it is. */
static IrVal *outside(IrVal *v)
{
    const IrNode *loop = v->param_of ? v->param_of->owner : NULL;
    bool along = loop && loop->op == IR_scan && v->index >= loop->attr->carried + loop->attr->stacked;
    return along ? outside(loop->arg[v->index]) : v;
}

/* A row that gives the same wherever it is computed. */
static bool is_plain(const IrNode *n)
{
    return n && !n->n_bodies && n->op != IR_read && !(ir_op_info[n->op].flags & IR_EFFECT) && n->attr->stream < 0 && n->attr->slot < 0;
}

static bool same_anywhere(const Walk *w, IrVal *a, IrVal *b, int depth)
{
    a = outside(a), b = outside(b);
    if (tree_same_value(w, a, b)) return true;
    if (!depth || !is_plain(a->def) || !is_plain(b->def) || !equal_heads(a->def, b->def)) return false;
    for (int i = 0; i < a->def->n_args; i++)
        if (!same_anywhere(w, a->def->arg[i], b->def->arg[i], depth - 1)) return false;
    return true;
}

/* The same rows, each over an axis of its own. */
typedef struct Axes { int a, b, rows; } Axes; /* rows: how many may still be looked at */

static bool is_data(const Walk *w, const IrNode *n) { return n->op == IR_read && w->b->m->slots.v[n->attr->slot].kind == IR_SLOT_DATA; }

/* Is a the same of each sample of the one axis as b is of each of the other? */
static bool same_over(const Walk *w, Axes *x, IrVal *a, IrVal *b)
{
    const IrNode *n = a->def, *m = b->def;
    bool of_a = ir_axes_has(a->type.axes, x->a), of_b = ir_axes_has(b->type.axes, x->b);
    if (tree_same_value(w, a, b)) return !of_a && !of_b;
    if (!n || !m || n->op != m->op || x->rows-- <= 0) return false;
    if (is_data(w, n) && is_data(w, m)) return n->attr->slot == m->attr->slot;
    if (n->op == IR_as_sample && n->attr->axis == x->a && m->attr->axis == x->b) return same_over(w, x, n->arg[0], m->arg[0]);
    if (!is_plain(n) || !is_plain(m) || !equal_rows(n, m) || !ir_dims_equal(&a->type, &b->type)) return false;
    for (int i = 0; i < n->n_args; i++)
        if (!same_over(w, x, n->arg[i], m->arg[i])) return false;
    return true;
}

/* The axis that only a is over, and the one that only b is. */
static bool axes_apart(const Walk *w, const IrType *a, const IrType *b, Axes *x)
{
    IrAxes of_a = ir_axes_minus(a->axes, b->axes), of_b = ir_axes_minus(b->axes, a->axes);
    if (of_a.n != 1 || of_b.n != 1 || ir_axes_size(w->b->m, of_a) != ir_axes_size(w->b->m, of_b)) return false;
    *x = (Axes){of_a.id[0], of_b.id[0], MOST_ROWS};
    return true;
}

static IrAxes with_a_for_b(IrAxes axes, const Axes *x)
{
    return ir_axes_has(axes, x->b) ? ir_axes_union(ir_axes_minus(axes, ir_one_axis(x->b)), ir_one_axis(x->a)) : axes;
}

/* A number of a list as it is before it is rounded. */
static IrVal *unrounded(IrVal *v)
{
    for (v = outside(v); v->def; v = outside(v->def->arg[0])) {
        bool row = v->def->op == IR_reshape && v->type.rank == 1 && !v->def->arg[0]->type.rank;
        bool rounds = v->def->op == IR_convert && ir_is_real(v->def->arg[0]->type.elem);
        if (!row && !rounds) break;
    }
    return v;
}

/* Is `sum` that of all elements of the list x, each added to those before? */
static bool adds_elements(IrVal *sum, const IrVal *x)
{
    const IrNode *list = x->def;
    if (!list || list->op != IR_concat || x->type.rank != 1 || x->type.dim[0] != list->n_args) return false;
    for (int i = list->n_args; i-- > 1; sum = outside(sum->def->arg[0]))
        if (!sum->def || sum->def->op != IR_add || unrounded(sum->def->arg[1]) != unrounded(list->arg[i])) return false;
    return unrounded(sum) == unrounded(list->arg[0]);
}

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

/* v, or what the program wrote for it. */
static IrVal *as_written(Walk *w, IrVal *v)
{
    const NodeInfo *i = tree_info(w, v);
    return i && i->was ? i->was->result : v;
}

/* v^power as numbers and other values to powers; no more than one row a factor. */
static bool add_product(Walk *w, Factors *f, IrVal *given, int power, int depth)
{
    double c;
    IrVal *written = as_written(w, given), *v = behind(w, written);
    const IrNode *n = is_ours(w, v) && depth < MOST_FACTORS ? v->def : NULL;
    if (ir_is_const(v, &c)) return f->c *= pow(c, power), true;
    if (n && n->op == IR_neg) return f->c *= power % 2 ? -1 : 1, add_product(w, f, n->arg[0], power, depth + 1);
    if (n && n->op == IR_mul)
        return add_product(w, f, n->arg[0], power, depth + 1) && add_product(w, f, n->arg[1], power, depth + 1);
    if (n && n->op == IR_div && ir_is_const(n->arg[1], &c))
        return f->c /= pow(c, power), add_product(w, f, n->arg[0], power, depth + 1);
    if (n && n->op == IR_pow && ir_is_const(n->arg[1], &c) && (c == 2 || c == 3 || c == 4))
        return add_product(w, f, n->arg[0], power * (int)c, depth + 1);
    return add_factor(w, f, written, power);
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

/* Of a value that may stand outside, and as it is before it is rounded to another type. */
static IrVal *where_it_stands(Walk *w, IrVal *v)
{
    for (v = outside(behind(w, v)); v->def && v->def->op == IR_convert && ir_is_real(v->def->arg[0]->type.elem); v = outside(behind(w, v->def->arg[0]))) {}
    return v;
}

/* v as numbers times sums of something, which is a square or not; anywhere: it may stand outside. */
static bool sums_of(Walk *w, IrVal *v, Sums *s, bool anywhere)
{
    double c;
    for (;; v = s->of) {
        s->of = anywhere ? where_it_stands(w, v) : behind(w, v);
        if (anywhere ? !s->of->def : !is_ours(w, s->of)) break;
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
    bool whole = !n->attr->batch.n && n->attr->contract.n == n->arg[0]->type.rank &&
                 !(n->attr->pair_over && n->attr->pair_over[0].n);
    for (int i = 0; i < n->attr->contract.n; i++) whole &= n->attr->contract.a[i] == n->attr->contract.b[i];
    return whole ? n->arg[0] : NULL;
}

/* x of v = x^2; NULL: it is no square. */
static IrVal *root_of(const Walk *w, IrVal *v)
{
    const IrNode *n = is_ours(w, v) ? v->def : NULL;
    double k;
    if (n && n->op == IR_mul && tree_same_value(w, n->arg[0], n->arg[1])) return n->arg[0];
    return n && n->op == IR_pow && ir_is_const(n->arg[1], &k) && k == 2 ? n->arg[0] : NULL;
}

/* What x, or a square of it, is summed over: first all dims where it is a dot, then the steps. */
static Extent extent_of(const Sums *s, const IrVal *x, bool dot)
{
    Extent e = {.axes = ir_no_axes()};
    for (int i = 0; i < x->type.rank; i++) e.dim[i] = dot;
    for (int k = s->n - 1; k >= 0; k--) {
        const IrAttrs *at = s->step[k]->attr;
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
    bool anywhere; /* it may stand outside; if so with no sum in root, what is summed is all of a list */
    bool moved;    /* its axis is another one of the same rows: */
    Axes axes;
    IrVal *mean; /* root, as a value */
} Square;

static bool square_of_mean(Walk *w, IrVal *v, Square *q, bool anywhere)
{
    *q = (Square){.around.c = 1, .root.c = 1, .anywhere = anywhere};
    if (!sums_of(w, v, &q->around, anywhere) || (anywhere ? !q->around.of->def : !is_ours(w, q->around.of))) return false;
    const IrNode *n = q->around.of->def;
    double k;
    q->dot = (q->mean = own_dot(w, q->around.of)) != NULL;
    if (n->op == IR_mul && tree_same_value(w, n->arg[0], n->arg[1])) q->mean = n->arg[0];
    if (n->op == IR_pow && ir_is_const(n->arg[1], &k) && k == 2) q->mean = n->arg[0];
    return q->mean && sums_of(w, q->mean, &q->root, anywhere) && (anywhere || q->root.n > 0);
}

static Extent moved(const Square *q, Extent e)
{
    if (q->moved) e.axes = with_a_for_b(e.axes, &q->axes);
    return e;
}

/* What x is summed over in the mean. */
static Extent inner_extent(const Square *q) { return moved(q, extent_of(&q->root, q->root.of, q->anywhere && !q->root.n)); }

/* All that x is summed over in q. */
static Extent whole_extent(const Square *q)
{
    const IrVal *x = q->root.of;
    Extent inner = inner_extent(q), outer = moved(q, extent_of(&q->around, q->mean, q->dot));
    outer.axes = ir_axes_union(inner.axes, outer.axes);
    for (int i = x->type.rank - 1, place = q->mean->type.rank; i >= 0; i--) outer.dim[i] = inner.dim[i] || outer.dim[--place];
    return outer;
}

/* ---- the rule --------------------------------------------------------------------------------------------------- */

static IrVal *summed(IrBuilder *b, IrVal *x, const Extent *over)
{
    IrInts dims = dims_in(over, x->type.rank, true);
    if (over->axes.n) x = ir_sum_over(b, x, over->axes);
    return dims.n ? ir_sum(b, x, dims) : x;
}

static IrVal *mean_of(const Walk *w, IrBuilder *b, IrVal *x, const Extent *over)
{
    IrVal *sum = summed(b, x, over);
    return ir_div(b, sum, ir_const_like(b, sum, size_of(w, over, x)));
}

/* c * sum((x - m)^2), the mean m over `inner`, the sum over `whole` */
static IrVal *central(Walk *w, IrVal *at, const Square *q, const Extent *inner, const Extent *whole, double c)
{
    IrBuilder b = tree_before(w, at);
    IrVal *x = tree_best(w, q->root.of), *m = q->anywhere ? mean_of(w, &b, x, inner) : tree_best(w, q->mean);
    double times = q->anywhere ? 1 : 1 / (q->root.c * size_of(w, inner, x));
    int rank = x->type.rank;
    if (fabs(times - 1) > 1e-9) m = ir_mul(&b, m, ir_const_like(&b, m, times));
    if (m->type.rank < rank && m->type.rank) m = ir_broadcast(&b, m, ir_dims_of(&x->type), dims_in(inner, rank, false));
    IrVal *less = ir_sub(&b, x, m), *sum = summed(&b, ir_mul(&b, less, less), whole);
    return c == 1 ? sum : ir_mul(&b, sum, ir_const_like(&b, sum, c));
}

/* The whole number that v is, before it is a real; NULL: it is none. */
static IrVal *whole_of(IrVal *v)
{
    IrVal *of = v;
    for (; of->def && of->def->op == IR_convert && of->def->arg[0]->type.elem != IR_BOOL; of = of->def->arg[0])
        if (!ir_is_real(of->type.elem) && ir_is_real(of->def->arg[0]->type.elem)) break; /* cut from a real */
    return of != v && !ir_is_real(of->type.elem) ? of : NULL;
}

/* x of c x^2, of whole numbers before they are reals. NULL: it is no square. */
static IrVal *squared(const Walk *w, IrVal *v)
{
    IrVal *dot = own_dot(w, v), *whole = dot ? NULL : whole_of(v), *root = dot ? dot : root_of(w, whole ? whole : v), *of = whole && root ? whole_of(root) : NULL;
    return of ? of : root;
}

/* Are x and z the same, or each over its own axis of the same rows? */
static bool same_numbers(Walk *w, Square *q, IrVal *x, IrVal *z)
{
    q->moved = axes_apart(w, &x->type, &z->type, &q->axes);
    if (q->moved) return q->root.n && same_over(w, &q->axes, x, z);
    return q->root.n ? same_anywhere(w, z, x, MOST_STEPS) : adds_elements(z, x);
}

/* Is s = *c (what q is the sum of)^2? Then that is q's, as it is in the block at hand, and `y` its square or, of a dot, itself. */
static bool squares_of(Walk *w, IrVal *at, const Sums *s, Square *q, IrVal **y, double *c)
{
    IrVal *dot = own_dot(w, s->of), *x = squared(w, s->of), *z = whole_of(q->root.of);
    bool whole = x && !ir_is_real(x->type.elem);
    *c = 1;
    *y = dot ? dot : s->of;
    if (!q->anywhere && !whole) return dot ? tree_same_value(w, q->root.of, dot) : is_square_of(w, s->of, q->root.of, c);
    if (!x || (whole && !z)) return false;
    if (!q->anywhere) return tree_same_value(w, x, z);
    if (!same_numbers(w, q, x, whole ? z : q->root.of)) return false;
    IrBuilder b = tree_before(w, at);
    q->root.of = whole ? ir_convert(&b, x, s->of->type.elem) : x;
    return true;
}

/* The sum of (x - m)^2 of a list of known numbers, with all of their digits; NAN: it is none. */
static double of_numbers(const IrVal *x)
{
    const IrNode *list = x->def;
    double c = 0, first = 0, sum = 0, squares = 0;
    if (!list || list->op != IR_concat || x->type.rank != 1 || x->type.dim[0] != list->n_args) return NAN;
    for (int i = 0; i < list->n_args; i++) {
        const IrNode *row = list->arg[i]->def;
        if (!row || row->op != IR_reshape || !ir_is_const(row->arg[0], &c)) return NAN;
        if (!i) first = c;
        sum += c - first;
    }
    for (int i = 0; i < list->n_args; i++) {
        ir_is_const(list->arg[i]->def->arg[0], &c);
        double less = c - first - sum / list->n_args;
        squares += less * less;
    }
    return squares;
}

/* squares + square, whose numbers have different signs; NULL: not that. */
static IrVal *variance(Walk *w, IrVal *at, const Added *squares, const Added *square, bool anywhere)
{
    Sums s = {.c = squares->sign};
    Square q;
    IrVal *y;
    double c;
    if (!square_of_mean(w, square->v, &q, anywhere) || !sums_of(w, squares->v, &s, false) || !squares_of(w, at, &s, &q, &y, &c)) return NULL;
    const IrVal *x = q.root.of;
    if (!ir_type_equal(&x->type, &y->type)) return NULL;
    Extent inner = inner_extent(&q), whole = whole_extent(&q), over = extent_of(&s, y, y != s.of);
    double by = -square->sign * q.around.c * q.root.c * q.root.c * size_of(w, &inner, x);
    c *= s.c;
    if (!same_extent(&whole, &over, x->type.rank) || !(c > 0) || !(fabs(by - c) <= 1e-9 * c)) return NULL;
    double known = of_numbers(x);
    IrBuilder b = tree_before(w, at);
    IrVal *made = isnan(known) ? central(w, at, &q, &inner, &whole, c) : ir_const(&b, x->type.elem, c * known);
    return ir_type_equal(&made->type, &squares->v->type) ? made : NULL;
}

/* ---- weights ---------------------------------------------------------------------------------------------------- */

/* c * (sum over `over` of the factors) / by */
typedef struct Weighted {
    double c;
    IrVal *by; /* NULL: 1 */
    Factors f;
    Extent over;
    IrType type; /* of what is summed */
} Weighted;

/* A dot of all dims of both. */
static bool is_whole_dot(const Walk *w, const IrVal *v)
{
    const IrNode *n = v->def;
    if (!is_ours(w, v) || n->op != IR_dot || n->n_args != 2 || n->attr->batch.n || (n->attr->pair_over && n->attr->pair_over[0].n)) return false;
    bool whole = n->attr->contract.n == n->arg[0]->type.rank && n->attr->contract.n == n->arg[1]->type.rank;
    for (int i = 0; i < n->attr->contract.n; i++) whole &= n->attr->contract.a[i] == n->attr->contract.b[i];
    return whole;
}

static bool weighted_sum_of(Walk *w, IrVal *v, Weighted *m)
{
    Sums s = {.c = 1}, inner = {.c = 1};
    *m = (Weighted){.f.c = 1};
    if (!sums_of(w, v, &s, false)) return false;
    if (s.n == 0 && is_ours(w, s.of) && s.of->def->op == IR_div) {
        m->by = s.of->def->arg[1];
        if (!sums_of(w, s.of->def->arg[0], &inner, false)) return false;
        inner.c *= s.c;
        s = inner;
    }
    bool dot = is_whole_dot(w, s.of);
    IrVal *like = dot ? s.of->def->arg[0] : s.of;
    if (s.n == 0 && !dot) return false;
    m->type = like->type;
    if (dot) m->type.axes = ir_axes_union(m->type.axes, s.of->def->arg[1]->type.axes);
    m->over = extent_of(&s, like, dot);
    bool ok = dot ? add_product(w, &m->f, s.of->def->arg[0], 1, 0) && add_product(w, &m->f, s.of->def->arg[1], 1, 0)
                  : product_of(w, s.of, 1, &m->f);
    m->c = s.c * m->f.c;
    m->f.c = 1;
    return ok;
}

static int power_in(const Walk *w, const Factors *f, const IrVal *v)
{
    for (int i = 0; i < f->n; i++)
        if (tree_same_value(w, f->v[i], v)) return f->power[i];
    return 0;
}

/* From u = w x^2 and v = w x: w, and x. False: they are not these. */
static bool split(const Walk *w, const Factors *u, const Factors *v, Factors *weight, Factors *x)
{
    *weight = *x = (Factors){.c = 1};
    bool ok = u->n == v->n;
    for (int i = 0; i < u->n && ok; i++) {
        int k = power_in(w, v, u->v[i]), more = u->power[i] - k, less = k - more;
        ok = k > 0 && more >= 0 && less >= 0 && (!more || add_factor(w, x, u->v[i], more)) &&
             (!less || add_factor(w, weight, u->v[i], less));
    }
    return ok && weight->n && x->n;
}

/* The sum of the numbers that v is made of; false: there are others. */
static bool sum_of_numbers(const IrVal *v, double *sum, int depth)
{
    double c, part = 0;
    const IrNode *n = v->def;
    *sum = 0;
    if (ir_is_const(v, &c)) return *sum = c, true;
    if (!n || !depth) return false;
    if (n->op == IR_reshape || n->op == IR_convert || n->op == IR_transpose) return sum_of_numbers(n->arg[0], sum, depth - 1);
    for (int i = 0; i < n->n_args && n->op == IR_concat; i++, *sum += part)
        if (!sum_of_numbers(n->arg[i], &part, depth - 1)) return false;
    return n->op == IR_concat;
}

/* Is v c * (the sum of `of` over `over`), as it stands or repeated? */
static bool is_sum_of(Walk *w, IrVal *v, IrVal *of, const Extent *over, double *c)
{
    Sums s = {.c = 1};
    while (is_ours(w, v) && (v->def->op == IR_broadcast || v->def->op == IR_spread)) v = v->def->arg[0];
    if (!sums_of(w, v, &s, false) || s.n == 0 || !tree_same_value(w, s.of, of)) return false;
    Extent e = extent_of(&s, of, false);
    *c = s.c;
    return same_extent(&e, over, of->type.rank);
}

/* Do the weights times c, over `by`, sum up to 1? Numbers that are rounded to f32 need not, to the last digit. */
static bool sum_to_one(Walk *w, const Factors *weight, const Weighted *m)
{
    double sum = 0;
    bool one = weight->n == 1 && weight->power[0] == 1;
    IrVal *u = one ? weight->v[0] : NULL;
    if (!u) return false;
    if (m->by) return is_sum_of(w, m->by, u, &m->over, &sum) && fabs(sum / m->c - 1) < 1e-9;
    if (u->type.rank == m->type.rank && !m->over.axes.n && sum_of_numbers(u, &sum, 3)) {
        for (int i = 0; i < u->type.rank; i++)
            if (!m->over.dim[i]) return false;
        return fabs(sum * m->c - 1) < 1e-6;
    }
    const IrNode *n = is_ours(w, u) && u->def->op == IR_div ? u->def : NULL;
    return n && is_sum_of(w, n->arg[1], n->arg[0], &m->over, &sum) && fabs(m->c / sum - 1) < 1e-9;
}

static IrVal *write_factors(Walk *w, IrBuilder *b, const Factors *f)
{
    IrVal *all = NULL;
    for (int i = 0; i < f->n; i++)
        for (int k = 0; k < f->power[i]; k++) all = all ? ir_mul(b, all, tree_best(w, f->v[i])) : tree_best(w, f->v[i]);
    return all;
}

/* The largest x, which is not differentiated: what all are equal to is subtracted without a rest. */
static IrVal *less_largest(IrBuilder *b, IrVal *x, const Extent *over)
{
    IrVal *most = x;
    for (int i = 0; i < over->axes.n; i++) most = ir_reduce_max_over(b, most, over->axes.id[i]);
    for (int i = x->type.rank - 1; i >= 0; i--)
        if (over->dim[i]) most = ir_reduce_max(b, most, i);
    most = ir_stop(b, most);
    bool beside = most->type.rank && most->type.rank < x->type.rank;
    return ir_sub(b, x, beside ? ir_broadcast(b, most, ir_dims_of(&x->type), dims_in(over, x->type.rank, false)) : most);
}

static IrVal *weighted(IrBuilder *b, const Weighted *m, IrVal *weight, IrVal *x, IrVal *by)
{
    IrVal *sum = ir_mul(b, weight, x);
    if (m->over.axes.n) sum = ir_sum_over(b, sum, m->over.axes);
    IrInts dims = dims_in(&m->over, m->type.rank, true);
    if (dims.n) sum = ir_sum(b, sum, dims);
    if (m->c != 1) sum = ir_mul(b, sum, ir_const_like(b, sum, m->c));
    return by ? ir_div(b, sum, by) : sum;
}

/* sum(w x^2) - sum(w x)^2 is sum(w (x - m)^2), with m = sum(w x), where the weights sum up to 1. */
static IrVal *weighted_variance(Walk *w, IrVal *at, const Added *squares, const Added *square)
{
    Weighted u, v;
    Factors weight, x;
    double c = 1;
    Sums around = {.c = 1};
    if (!sums_of(w, square->v, &around, false) || around.n || !root_of(w, around.of)) return NULL;
    if (!weighted_sum_of(w, squares->v, &u) || !weighted_sum_of(w, root_of(w, around.of), &v) || v.c == 0) return NULL;
    bool same = (!u.by && !v.by) || (u.by && v.by && tree_same_value(w, u.by, v.by));
    if (!same || !ir_dims_equal(&u.type, &v.type) || !same_extent(&u.over, &v.over, u.type.rank)) return NULL;
    if (!split(w, &u.f, &v.f, &weight, &x) || !sum_to_one(w, &weight, &v)) return NULL;
    c = squares->sign * u.c / v.c; /* as many times a mean of squares, */
    double by = -square->sign * around.c; /* less as many times the square of a mean */
    if (!(c > 0) || !(fabs(by - c) <= 1e-9 * c)) return NULL;
    IrBuilder b = tree_before(w, at);
    IrVal *of = write_factors(w, &b, &x), *by_weight = write_factors(w, &b, &weight), *over = v.by ? tree_best(w, v.by) : NULL;
    if (of->type.rank != u.type.rank || by_weight->type.rank != u.type.rank) return NULL;
    of = less_largest(&b, of, &u.over);
    IrVal *m = weighted(&b, &v, by_weight, of, over);
    if (m->type.rank && m->type.rank < of->type.rank) m = ir_broadcast(&b, m, ir_dims_of(&of->type), dims_in(&u.over, of->type.rank, false));
    IrVal *less = ir_sub(&b, of, m), *made = weighted(&b, &v, by_weight, ir_mul(&b, less, less), over);
    if (c != 1) made = ir_mul(&b, made, ir_const_like(&b, made, c));
    return ir_type_equal(&made->type, &squares->v->type) ? made : NULL;
}

/* ---- two of them ------------------------------------------------------------------------------------------------ */

/* x less its mean over `over`. */
static IrVal *less_mean(Walk *w, IrBuilder *b, const Weighted *m)
{
    IrVal *x = less_largest(b, write_factors(w, b, &m->f), &m->over);
    IrVal *mean = m->over.axes.n ? ir_sum_over(b, x, m->over.axes) : x;
    IrInts dims = dims_in(&m->over, m->type.rank, true);
    if (dims.n) mean = ir_sum(b, mean, dims);
    mean = ir_mul(b, mean, ir_const_like(b, mean, 1 / size_of(w, &m->over, x)));
    if (mean->type.rank && mean->type.rank < x->type.rank) mean = ir_broadcast(b, mean, ir_dims_of(&x->type), dims_in(&m->over, x->type.rank, false));
    return ir_sub(b, x, mean);
}

/* Are they the factors of a and of b, together? */
static bool are_all_of(const Walk *w, const Factors *all, const Factors *a, const Factors *b)
{
    Factors both = *a;
    bool ok = true;
    for (int i = 0; i < b->n && ok; i++) ok = add_factor(w, &both, b->v[i], b->power[i]);
    ok = ok && both.n == all->n;
    for (int i = 0; i < both.n && ok; i++) ok = power_in(w, all, both.v[i]) == both.power[i];
    return ok;
}

static bool has_dims(const Extent *e)
{
    bool has = false;
    for (int i = 0; i < IR_MAX_RANK; i++) has = has || e->dim[i];
    return has;
}

/* Is v the same as x, which may be over another axis of the same rows, repeated as `repeat` does it; NULL: as it is? */
static bool is_repeated(const Walk *w, const Axes *a, IrVal *v, const IrNode *repeat, IrVal *x)
{
    if (repeat && (!is_ours(w, v) || v->def->op != IR_broadcast || !equal_rows(v->def, repeat) || !ir_dims_equal(&v->type, &repeat->result->type))) return false;
    IrVal *of = repeat ? v->def->arg[0] : v;
    Axes over = *a;
    return a->rows ? same_over(w, &over, of, x) : tree_same_value(w, of, x);
}

/* Is m of factors of u, over its samples, or over another axis of the same rows, and elements or, repeated or one number each, over samples alone? Then
 * it is put over those of u. */
static bool is_put_over(const Walk *w, const Weighted *u, Weighted *m, const IrNode *repeat)
{
    Axes x = {0};
    bool beside = repeat || !m->type.rank, as_it_is = !repeat && ir_dims_equal(&u->type, &m->type);
    if (!as_it_is && (!beside || has_dims(&m->over) || has_dims(&u->over))) return false;
    if (!ir_axes_equal(u->type.axes, m->type.axes) && !axes_apart(w, &u->type, &m->type, &x)) return false;
    for (int i = 0, k; i < m->f.n && (repeat || x.rows); i++) {
        for (k = 0; k < u->f.n && !is_repeated(w, &x, u->f.v[k], repeat, m->f.v[i]); k++) {}
        if (k == u->f.n) return false;
        m->f.v[i] = u->f.v[k];
    }
    if (x.rows) m->over.axes = with_a_for_b(m->over.axes, &x);
    m->type.axes = u->type.axes;
    if (repeat) m->type = u->type;
    return m->type.elem == u->type.elem;
}

/* Of a mean that is repeated: the row that does it. */
static const IrNode *repeat_of(Walk *w, IrVal *v)
{
    v = behind(w, v);
    return is_ours(w, v) && v->def->op == IR_broadcast ? v->def : NULL;
}

/* sum(x y) - sum(x) sum(y) / n is sum((x - mean(x)) (y - mean(y))). */
static IrVal *covariance(Walk *w, IrVal *at, const Added *products, const Added *product)
{
    Weighted u, x, y;
    Sums around = {.c = 1};
    if (!sums_of(w, product->v, &around, false) || around.n || !is_ours(w, around.of) || around.of->def->op != IR_mul) return NULL;
    IrVal *const *arg = around.of->def->arg;
    const IrNode *repeat[2] = {repeat_of(w, arg[0]), repeat_of(w, arg[1])};
    IrVal *mean[2] = {repeat[0] ? repeat[0]->arg[0] : arg[0], repeat[1] ? repeat[1]->arg[0] : arg[1]};
    if (!weighted_sum_of(w, products->v, &u) || !weighted_sum_of(w, mean[0], &x) || !weighted_sum_of(w, mean[1], &y)) return NULL;
    bool same = !u.by && !x.by && !y.by && is_put_over(w, &u, &x, repeat[0]) && is_put_over(w, &u, &y, repeat[1]);
    if (!same || !same_extent(&u.over, &x.over, u.type.rank) || !same_extent(&u.over, &y.over, u.type.rank) || !are_all_of(w, &u.f, &x.f, &y.f)) return NULL;
    IrBuilder b = tree_before(w, at);
    IrVal *one = write_factors(w, &b, &x.f);
    double c = products->sign * u.c, by = -product->sign * around.c * x.c * y.c * size_of(w, &u.over, one);
    if (!ir_type_equal(&one->type, &x.type) || c == 0 || !(fabs(by - c) <= 1e-9 * fabs(c))) return NULL;
    IrVal *made = weighted(&b, &(Weighted){.c = c, .over = u.over, .type = u.type}, less_mean(w, &b, &x), less_mean(w, &b, &y), NULL);
    return ir_type_equal(&made->type, &products->v->type) ? made : NULL;
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
            IrVal *made = i == k ? NULL : variance(w, v, &a[i], &a[k], false);
            if (!made && i != k) made = variance(w, v, &a[i], &a[k], true);
            if (!made && i != k) made = weighted_variance(w, v, &a[i], &a[k]);
            if (!made && i != k) made = covariance(w, v, &a[i], &a[k]);
            if (made) return with_rest(w, v, made, a, n, i, k);
        }
    return NULL;
}
