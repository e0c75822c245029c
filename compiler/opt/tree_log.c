/* tree_log.c - R1: what is made of sums of exponentials, under a logarithm or under a fraction's line. See tree.h.
 *
 * A tree is read as exp(log) * up / down, `log` being what would overflow or vanish as an exponential. Products add
 * logarithms; a sum takes the largest one out, as a number that is not differentiated (the result does not depend on
 * it): sum exp(x) u = exp(m) sum exp(x - m) u. What only moves elements moves all three. A masked term is exp(-inf). So
 * log(mean(exp x)) is m + log(mean(exp(x - m))), a share exp(x) / sum(exp x) is exp(x - m) / sum(exp(x - m)), and
 * log(softmax(x)[0]) is x[0] - m - log(sum(exp(x - m))). The sum of nothing but exp(-inf) is 0, its logarithm -inf with
 * derivative 0. For a number per sample (M6) all of it is in f64. Start at tree_log_rule(). */
#include "compiler/opt/tree.h"

#include <math.h>

enum { MOST_NODES = 64 };

typedef struct Scaled { /* NULL: exp(0), 1, 1 */
    IrVal *log, *up, *down;
    bool positive; /* down > 0 */
} Scaled;

typedef struct LogReader {
    Walk *w;
    IrBuilder b;
    IrElem elem;
    bool adds;    /* a + b is read as a sum, too */
    bool summed;  /* a sum of exponentials was met, */
    bool shifted; /* and the largest was taken out of one */
    int nodes;
} LogReader;

static bool scale(LogReader *r, IrVal *v, Scaled *s);

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

/* With the dims and axes of t. */
static IrVal *full(LogReader *r, IrVal *v, const IrType *t)
{
    v = ir_spread(&r->b, v, ir_axes_minus(t->axes, v->type.axes));
    return v->type.rank < t->rank ? ir_fill(&r->b, v, ir_dims_of(t)) : v;
}

static bool is_positive_scaled(const Scaled *s) { return !s->up || tree_is_positive(s->up); }

/* ---- sums ------------------------------------------------------------------------------------------------------- */

/* x is already a difference to something that is not differentiated. */
static bool is_shifted(const IrVal *x)
{
    while (x->def && x->def->op == IR_convert) x = x->def->arg[0];
    if (!x->def || x->def->op != IR_sub) return false;
    const IrVal *by = x->def->arg[1];
    while (by->def && (by->def->op == IR_broadcast || by->def->op == IR_spread || by->def->op == IR_select ||
                       by->def->op == IR_convert))
        by = by->def->arg[by->def->op == IR_select];
    return by->def && (by->def->op == IR_stop || by->def->op == IR_reduce_max);
}

static IrVal *infinity(LogReader *r, double sign) { return ir_const(&r->b, r->elem, sign * HUGE_VAL); }

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
    IrVal *is = ir_compare(&r->b, IR_LT, ir_abs(&r->b, m), infinity(r, 1));
    return ir_select(&r->b, is, m, ir_const(&r->b, r->elem, 0));
}

/* m as it stands beside each x */
static IrVal *beside(LogReader *r, IrVal *m, const IrVal *x, IrInts dims)
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

/* The sum of the terms t, which are of type `of`. */
static void sum_terms(LogReader *r, const Scaled *t, const IrType *of, IrInts dims, IrAxes axes, Scaled *s)
{
    IrVal *x = full(r, t->log, of), *u = factor(r, t), *m = NULL;
    bool positive = is_positive_scaled(t);
    r->summed = true;
    if (!is_shifted(t->log)) {
        IrVal *most = largest(r, x, dims, axes);
        m = if_finite(r, most);
        x = ir_sub(&r->b, x, beside(r, m, x, dims));
        r->shifted = true;
        IrVal *e = total(r, times(r, ir_exp(&r->b, x), u), dims, axes);
        IrVal *some = ir_compare(&r->b, IR_NE, most, infinity(r, -1));
        *s = (Scaled){.log = m, .up = ir_select(&r->b, some, e, ir_const(&r->b, r->elem, 0)), .positive = positive};
        return;
    }
    *s = (Scaled){.up = total(r, times(r, ir_exp(&r->b, x), u), dims, axes), .positive = positive};
}

static bool scale_sum(LogReader *r, const IrNode *n, Scaled *s)
{
    Scaled t;
    if (!scale(r, n->arg[0], &t) || !t.log) return false;
    sum_terms(r, &t, &n->arg[0]->type, n->attr.dims, n->attr.over, s);
    return true;
}

static bool is_whole_product(const IrNode *n) /* of all elements with all elements, in order */
{
    if (n->n_args != 2 || n->attr.batch.n || n->attr.contract.n != n->arg[0]->type.rank || !n->attr.contract.n ||
        (n->attr.pair_over && n->attr.pair_over[0].n) || n->arg[1]->type.rank != n->arg[0]->type.rank)
        return false;
    bool whole = true;
    for (int i = 0; i < n->attr.contract.n; i++) whole &= n->attr.contract.a[i] == i && n->attr.contract.b[i] == i;
    return whole;
}

static Scaled product_of(LogReader *r, const Scaled *a, const Scaled *c)
{
    return (Scaled){.log = plus(r, a->log, c->log),
                    .up = times(r, a->up, c->up),
                    .down = times(r, a->down, c->down),
                    .positive = a->positive && c->positive};
}

static bool scale_dot(LogReader *r, const IrNode *n, Scaled *s)
{
    Scaled a, c;
    if (!is_whole_product(n) || !scale(r, n->arg[0], &a) || !scale(r, n->arg[1], &c) || (!a.log && !c.log))
        return false;
    Scaled t = product_of(r, &a, &c);
    IrType of = n->arg[0]->type;
    of.axes = ir_axes_union(of.axes, n->arg[1]->type.axes);
    IrInts dims = {.n = of.rank};
    for (int i = 0; i < of.rank; i++) dims.v[i] = i;
    sum_terms(r, &t, &of, dims, ir_no_axes(), s);
    return true;
}

/* a + c; where only one is an exponential, only if that is a sum of them: the form holds log(1 + exp(x)). */
static bool scale_add(LogReader *r, const IrNode *n, Scaled *s)
{
    Scaled a, c;
    bool summed = r->summed;
    r->summed = false;
    bool ok = scale(r, n->arg[0], &a) && scale(r, n->arg[1], &c);
    bool sums = ok && (r->summed ? a.log || c.log : r->adds && a.log && c.log);
    r->summed |= summed;
    if (!sums) return false;
    IrVal *x = or_number(r, a.log, 0), *y = or_number(r, c.log, 0);
    IrVal *most = ir_stop(&r->b, ir_max(&r->b, x, y)), *m = if_finite(r, most);
    IrVal *left = times(r, ir_exp(&r->b, ir_sub(&r->b, x, m)), factor(r, &a));
    IrVal *right = times(r, ir_exp(&r->b, ir_sub(&r->b, y, m)), factor(r, &c));
    IrVal *some = ir_compare(&r->b, IR_NE, most, infinity(r, -1));
    IrVal *both = ir_add(&r->b, left, right);
    r->summed = r->shifted = true;
    *s = (Scaled){.log = m,
                  .up = ir_select(&r->b, some, both, ir_const(&r->b, r->elem, 0)),
                  .positive = is_positive_scaled(&a) && is_positive_scaled(&c)};
    return true;
}

/* ---- other rows ------------------------------------------------------------------------------------------------- */

static bool scale_quotient(LogReader *r, const IrNode *n, Scaled *s)
{
    Scaled a, c;
    if (!scale(r, n->arg[0], &a) || !scale(r, n->arg[1], &c) || (!a.log && !c.log && !r->summed)) return false;
    *s = (Scaled){.log = minus(r, a.log, c.log),
                  .up = times(r, a.up, c.down),
                  .down = times(r, a.down, c.up),
                  .positive = a.positive && (c.positive || is_positive_scaled(&c))};
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
    if (!scale(r, n->arg[1], &a) || !scale(r, n->arg[2], &c) || (!a.log && !c.log)) return false;
    if (is_zero(n->arg[1])) a = (Scaled){.log = infinity(r, -1), .positive = true};
    if (is_zero(n->arg[2])) c = (Scaled){.log = infinity(r, -1), .positive = true};
    *s = (Scaled){.log = pick(r, cond, a.log, c.log, 0),
                  .up = pick(r, cond, a.up, c.up, 1),
                  .down = pick(r, cond, a.down, c.down, 1),
                  .positive = a.positive && c.positive};
    return true;
}

static IrVal *moved(LogReader *r, const IrNode *n, IrVal *v)
{
    if (!v || (v->type.rank == 0 && n->result->type.rank == 0)) return v;
    v = full(r, v, &n->arg[0]->type);
    return ir_like(&r->b, n, &v)->result;
}

static bool scale_layout(LogReader *r, const IrNode *n, Scaled *s)
{
    Scaled a;
    if (!scale(r, n->arg[0], &a) || (!a.log && !r->summed)) return false;
    *s = (Scaled){moved(r, n, a.log), moved(r, n, a.up), moved(r, n, a.down), a.positive};
    return true;
}

enum { MOST_PARTS = 16 };

/* The parts beside each other, if any has one. */
static IrVal *beside_each_other(LogReader *r, const IrNode *n, IrVal *const *part, double none)
{
    IrVal *all[MOST_PARTS];
    bool any = false;
    for (int i = 0; i < n->n_args; i++) {
        any |= part[i] != NULL;
        all[i] = full(r, or_number(r, part[i], none), &n->arg[i]->type);
    }
    return any ? ir_concat(&r->b, all, n->n_args, n->attr.dim) : NULL;
}

static bool scale_concat(LogReader *r, const IrNode *n, Scaled *s)
{
    IrVal *log[MOST_PARTS], *up[MOST_PARTS], *down[MOST_PARTS];
    bool any = false, positive = true;
    if (n->n_args > MOST_PARTS) return false;
    for (int i = 0; i < n->n_args; i++) {
        Scaled part;
        if (!scale(r, n->arg[i], &part)) return false;
        log[i] = part.log;
        up[i] = part.up;
        down[i] = part.down;
        any |= part.log != NULL;
        positive &= part.positive;
    }
    if (!any) return false;
    *s = (Scaled){.log = beside_each_other(r, n, log, 0),
                  .up = beside_each_other(r, n, up, 1),
                  .down = beside_each_other(r, n, down, 1),
                  .positive = positive};
    return true;
}

static bool scale_power(LogReader *r, const IrNode *n, Scaled *s)
{
    double k = 0.5;
    Scaled a;
    if ((n->op == IR_pow && !ir_is_const(n->arg[1], &k)) || !scale(r, n->arg[0], &a) || !a.log) return false;
    IrVal *q = factor(r, &a), *by = ir_const(&r->b, r->elem, k);
    *s = (Scaled){.log = ir_mul(&r->b, a.log, by), .positive = true};
    if (q) s->up = n->op == IR_sqrt ? ir_sqrt(&r->b, q) : ir_pow(&r->b, q, by);
    return true;
}

static IrVal *leaf(LogReader *r, IrVal *v) { return tree_convert(&r->b, tree_best(r->w, v), r->elem); }

static bool scale_row(LogReader *r, const IrNode *n, Scaled *s)
{
    Scaled a, c;
    switch (n->op) {
    case IR_exp:
        *s = (Scaled){.log = leaf(r, n->arg[0]), .positive = true};
        return true;
    case IR_mul:
        if (!scale(r, n->arg[0], &a) || !scale(r, n->arg[1], &c) || (!a.log && !c.log && !r->summed)) return false;
        *s = product_of(r, &a, &c);
        return true;
    case IR_div:
        return scale_quotient(r, n, s);
    case IR_convert:
        return ir_is_real(n->arg[0]->type.elem) && scale(r, n->arg[0], s);
    case IR_select:
        return scale_select(r, n, s);
    case IR_sum:
        return scale_sum(r, n, s);
    case IR_dot:
        return scale_dot(r, n, s);
    case IR_add:
        return scale_add(r, n, s);
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
        return scale_layout(r, n, s);
    case IR_spread:
        return scale(r, n->arg[0], s);
    case IR_concat:
        return scale_concat(r, n, s);
    default:
        return false;
    }
}

/* False: too large a tree. */
static bool scale(LogReader *r, IrVal *v, Scaled *s)
{
    if (++r->nodes > MOST_NODES) return false;
    IrNode *n = v->def;
    bool ours = n && n->block == r->w->b->block && n->n_results == 1 && ir_is_real(v->type.elem);
    if (!ours || !scale_row(r, n, s)) *s = (Scaled){.up = leaf(r, v), .positive = true};
    return r->nodes <= MOST_NODES;
}

/* ---- the rule --------------------------------------------------------------------------------------------------- */

static IrVal *logarithm(LogReader *r, Scaled *s)
{
    if (!s->positive) *s = (Scaled){.log = s->log, .up = factor(r, s)};
    IrVal *up = s->up ? ir_log(&r->b, s->up) : NULL, *down = s->down ? ir_log(&r->b, s->down) : NULL;
    return minus(r, plus(r, s->log, up), down);
}

/* Is there an exponential under a sum? Before anything is made. */
static bool has_summed(const LogReader *r, const IrVal *v, bool summed, int *nodes)
{
    const IrNode *n = v->def;
    if (!n || n->block != r->w->b->block || ++*nodes > MOST_NODES || n->op == IR_const) return false;
    if (n->op == IR_exp) return summed;
    summed |= n->op == IR_sum || n->op == IR_dot || (r->adds && n->op == IR_add);
    bool has = false;
    for (int i = n->op == IR_select; i < n->n_args && !has; i++) has = has_summed(r, n->arg[i], summed, nodes);
    return has;
}

/* A fraction is ours where what stands under its line is. */
static IrVal *shifted_share(LogReader *r, const IrNode *n)
{
    Scaled a, c, s;
    if (!scale(r, n->arg[1], &c) || !c.log || !r->shifted || !scale(r, n->arg[0], &a)) return NULL;
    s = (Scaled){minus(r, a.log, c.log), times(r, a.up, c.down), times(r, a.down, c.up), true};
    return over(r, times(r, s.log ? ir_exp(&r->b, s.log) : NULL, s.up), s.down);
}

IrVal *tree_log_rule(Walk *w, IrVal *v, bool adds)
{
    IrNode *n = v->def;
    if (n->op != IR_log && n->op != IR_div) return NULL;
    bool wide = tree_is_head(w, v);
    LogReader r = {.w = w, .b = tree_before(w, v), .elem = wide ? IR_F64 : v->type.elem, .adds = adds};
    Scaled s;
    int nodes = 0;
    IrVal *made = NULL;
    if (!has_summed(&r, n->arg[n->op == IR_div], false, &nodes)) return NULL;
    r.adds = true; /* no form holds what has a sum */
    if (n->op == IR_div)
        made = shifted_share(&r, n);
    else if (scale(&r, n->arg[0], &s) && r.summed && (s.log || wide))
        made = logarithm(&r, &s);
    return made ? full(&r, tree_convert(&r.b, made, v->type.elem), &v->type) : NULL;
}
