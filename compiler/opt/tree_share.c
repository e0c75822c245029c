/* tree_share.c - R4: shares of a sum near 1, and what they leave. See tree.h.
 *
 * With p = a / s, s being a sum that a is seen in, log(p) is 0 in rounded numbers near 1, and 1 - p as well, though a cross entropy
 * -log(p) is what it is about. Both are functions of the odds q = log(s - a) - log(a), the sum without a being added up without it:
 * log(p) = -softplus(q), log(1 - p) = -softplus(-q), with all their derivatives. Of a sum over dims only one term has more than
 * 0.6 of it, so one sum of the others serves all of them; elsewhere nothing cancels. log(s) - log(a) is found in sums without functions,
 * where log(a) is written x[k] and s is sum(exp(x - m)): what is a term of s is seen by equal rows of equal operands. Start at
 * tree_share_rule() and scaled_share(). */
#include "compiler/opt/tree_log.h"

#include "runtime/math/scalar.h"

#include <math.h>

enum { MOST_ITEMS = 64, MOST_PARTS = 16, MOST_ROWS = 48, MOST_STEPS = 6 };

/* ---- words ------------------------------------------------------------------------------------------------------ */

static IrNode *ours(const LogReader *r, const IrVal *v)
{
    return v->def && v->def->block == r->w->b->block && v->def->n_results == 1 ? v->def : NULL;
}

/* v as the program wrote it, without rows that only repeat or convert. */
static IrVal *plain(const LogReader *r, IrVal *v)
{
    for (;;) {
        const NodeInfo *i = tree_info(r->w, v);
        if (i && i->was)
            v = i->was->result;
        else if (tree_reading(r->w, v) == READ_SAME)
            v = v->def->arg[0];
        else
            return v;
    }
}

static bool is_elementwise(const IrNode *n)
{
    switch (n->op) {
    case IR_neg:
    case IR_add:
    case IR_sub:
    case IR_mul:
    case IR_div:
    case IR_exp:
    case IR_log:
    case IR_tanh:
    case IR_sigmoid:
    case IR_softplus:
    case IR_abs:
    case IR_sqrt:
    case IR_pow:
    case IR_max:
    case IR_min:
        return true;
    default:
        return false;
    }
}

/* Do both move elements in the same way, whatever axes these have? */
static bool is_same_move(const IrNode *n, const IrNode *m)
{
    bool equal = ir_dims_equal(&n->result->type, &m->result->type) && ir_dims_equal(&n->arg[0]->type, &m->arg[0]->type);
    if (n->op == IR_concat) return equal && n->attr->dim == m->attr->dim;
    for (int i = 0; n->op == IR_slice && i < n->attr->lo.n; i++)
        equal = equal && n->attr->lo.v[i] == m->attr->lo.v[i] && n->attr->step.v[i] == m->attr->step.v[i];
    return equal && (n->op == IR_reshape || n->op == IR_slice);
}

/* outside: repeats are looked through in other blocks, too, where a value to differentiate by may lie behind one. */
static bool same_but_repeats(const LogReader *r, IrVal *a, IrVal *c, bool outside, int steps)
{
    double x, y;
    a = plain(r, a), c = plain(r, c);
    while (outside && a->def && a->def->op == IR_spread) a = a->def->arg[0];
    while (outside && c->def && c->def->op == IR_spread) c = c->def->arg[0];
    if (ir_is_const(a, &x) && ir_is_const(c, &y)) return x == y;
    tree_info(r->w, a); /* what is new is compared by what is known of its rows */
    tree_info(r->w, c);
    if (tree_same_value(r->w, a, c)) return true;
    const IrNode *n = ours(r, a), *m = ours(r, c);
    bool all = steps && n && m && n->op == m->op && n->n_args == m->n_args && a->type.rank == c->type.rank;
    all = all && (is_elementwise(n) || (outside && is_same_move(n, m)));
    for (int i = 0; all && i < n->n_args; i++) all = same_but_repeats(r, n->arg[i], m->arg[i], outside, steps - 1);
    return all;
}

/* The same value, though one may be repeated or converted where the other is not. */
static bool same(const LogReader *r, IrVal *a, IrVal *c) { return same_but_repeats(r, a, c, false, 3); }

/* a - c, also where it is written -(c - a) */
static bool as_difference(const IrVal *v, IrVal *of[2])
{
    bool turned = v->def && v->def->op == IR_neg;
    const IrNode *n = turned ? v->def->arg[0]->def : v->def;
    if (!n || n->op != IR_sub) return false;
    of[turned] = n->arg[0];
    of[!turned] = n->arg[1];
    return true;
}

/* Are a and c one value? A form may have written one of them again. */
static bool is_same_part(const LogReader *r, IrVal *a, IrVal *c)
{
    IrVal *x[2], *y[2];
    if (same(r, a, c)) return true;
    bool exps = a->def && c->def && a->def->op == IR_exp && c->def->op == IR_exp;
    return exps && as_difference(a->def->arg[0], x) && as_difference(c->def->arg[0], y) && same(r, x[0], y[0]) && same(r, x[1], y[1]);
}

static IrVal *scaled_by(LogReader *r, double c, IrVal *v)
{
    return c == 1 ? v : c == -1 ? ir_neg(&r->b, v) : ir_mul(&r->b, v, ir_const(&r->b, r->elem, c));
}

/* ---- what is selected ------------------------------------------------------------------------------------------- */

/* Elements of a value: what the rows from `from` down to `to` select of it, or item `at` of a list; neither: all of it. */
typedef struct Chosen {
    IrVal *from, *to;
    int at; /* -1: not of a list */
} Chosen;

static bool is_selection(const IrNode *n)
{
    return n->op == IR_slice || n->op == IR_gather || n->op == IR_transpose || n->op == IR_reverse || n->op == IR_reshape;
}

static bool same_rows(const LogReader *r, const Chosen *a, const Chosen *c)
{
    IrVal *x = a->from, *y = c->from;
    bool equal = a->at == c->at && !x == !y;
    for (int i = 0; equal && x && (x != a->to || y != c->to); i++) {
        if (x == a->to || y == c->to || i == MOST_STEPS) return false;
        const IrNode *n = x->def, *m = y->def;
        equal = n->op == m->op && ir_dims_equal(&n->result->type, &m->result->type) && n->n_args == m->n_args;
        if (equal && n->op == IR_slice)
            for (int d = 0; d < n->attr->lo.n; d++) equal = equal && n->attr->lo.v[d] == m->attr->lo.v[d] && n->attr->step.v[d] == m->attr->step.v[d];
        if (equal && n->op == IR_gather) equal = n->attr->n_batch == m->attr->n_batch && same(r, n->arg[1], m->arg[1]);
        if (n->op == IR_transpose || n->op == IR_reverse) equal = false;
        x = plain(r, n->arg[0]), y = plain(r, m->arg[0]);
    }
    return equal;
}

/* One choice for all operands. */
static bool choose(const LogReader *r, Chosen *all, const Chosen *one)
{
    if (!all->from && all->at < 0) return *all = *one, true;
    return same_rows(r, all, one);
}

/* Item i of a list of numbers; NULL: it is no list of one by one. */
static IrVal *item_of(const LogReader *r, const IrNode *list, int i)
{
    IrVal *item = plain(r, list->arg[i]);
    if (list->op != IR_concat || list->result->type.rank != 1 || list->arg[i]->type.dim[0] != 1 || list->n_args > MOST_ITEMS) return NULL;
    return ours(r, item) && item->def->op == IR_reshape ? plain(r, item->def->arg[0]) : item;
}

static bool is_item(const LogReader *r, IrVal *v, const IrNode *list, Chosen *c)
{
    IrVal *item;
    if (v->type.rank) return false;
    for (int i = 0; i < list->n_args && (item = item_of(r, list, i)); i++)
        if (same(r, v, item)) return choose(r, c, &(Chosen){.at = i});
    return false;
}

/* Is the number v, computed before, exp(x) of a number x of the list? */
static bool is_exp_of_item(const LogReader *r, const IrVal *v, const IrNode *list, Chosen *c)
{
    IrVal *item;
    double e, x;
    if (!ir_is_const(v, &e) || !list->n_args) return false;
    for (int i = 0; i < list->n_args && (item = item_of(r, list, i)); i++)
        if (ir_is_const(item, &x) && math_exp_f64(x) == e) return choose(r, c, &(Chosen){.at = i});
    return false;
}

/* Is v made of elements of w, all rows choosing the same? */
static bool is_chosen(const LogReader *r, IrVal *v, IrVal *w, Chosen *c, int steps)
{
    v = plain(r, v), w = plain(r, w);
    IrNode *n = ours(r, v), *m = ours(r, w);
    if (w->type.rank == 0) return v->type.rank == 0 && same(r, v, w);
    if (steps == 0) return false;
    if (m && m->op == IR_concat && is_item(r, v, m, c)) return true;
    const IrNode *list = m && m->op == IR_exp ? ours(r, plain(r, m->arg[0])) : NULL;
    if (list && is_exp_of_item(r, v, list, c)) return true;
    IrVal *to = v;
    for (int i = 0; i < MOST_STEPS && ours(r, to) && is_selection(to->def); i++) {
        to = plain(r, to->def->arg[0]);
        if (same(r, to, w)) return choose(r, c, &(Chosen){v, to, -1});
    }
    bool all = n && m && n->op == m->op && is_elementwise(n);
    for (int i = 0; all && i < n->n_args; i++) all = is_chosen(r, n->arg[i], m->arg[i], c, steps - 1);
    return all;
}

static IrVal *moved_down(LogReader *r, IrVal *from, const IrVal *to, IrVal *v)
{
    from = plain(r, from);
    if (from == to) return v;
    const IrNode *n = from->def;
    return log_moved(r, n, moved_down(r, n->arg[0], to, v), n->n_args > 1 ? n->arg[1] : NULL);
}

/* Those elements of v. */
static IrVal *apply(LogReader *r, const Chosen *c, IrVal *v)
{
    if (c->from) return moved_down(r, c->from, c->to, v);
    if (c->at < 0) return v;
    IrInts lo = ir_ints(1, (int64_t[]){c->at}), hi = ir_ints(1, (int64_t[]){c->at + 1}), one = ir_ints(1, (int64_t[]){1});
    return ir_reshape(&r->b, ir_slice(&r->b, v, lo, hi, one), (IrInts){0});
}

/* ---- places beside a sum ---------------------------------------------------------------------------------------- */

static bool is_summed(const IrNode *sum, int dim)
{
    for (int i = 0; i < sum->attr->dims.n; i++)
        if (sum->attr->dims.v[i] == dim) return true;
    return false;
}

/* Is `repeats` there only to stand beside what was summed? A number needs none. */
static bool repeats_along(const IrNode *sum, const IrNode *repeats)
{
    int rank = sum->arg[0]->type.rank;
    if (!repeats) return sum->attr->dims.n == rank;
    for (int i = 0, at = 0; i < rank; i++) {
        if (is_summed(sum, i)) continue;
        if (at >= repeats->attr->kept.n || repeats->attr->kept.v[at++] != i) return false;
    }
    return ir_dims_equal(&repeats->result->type, &sum->arg[0]->type);
}

/* Is what is chosen of the terms of each sum beside that sum? */
static bool is_beside_its_sum(const LogReader *r, const IrNode *sum, const IrNode *repeats, const Chosen *c)
{
    const IrType *t = &sum->arg[0]->type;
    if (sum->attr->dims.n == t->rank) return true;
    if (!c->from) return c->at < 0 && repeats && repeats_along(sum, repeats);
    const IrNode *n = plain(r, c->from)->def;
    if (repeats) return false;
    if (n->op == IR_gather)
        return plain(r, n->arg[0]) == c->to && n->attr->n_batch == t->rank - 1 && sum->attr->dims.n == 1 && is_summed(sum, t->rank - 1);
    if (n->op != IR_reshape || !ir_dims_equal(&n->result->type, &sum->result->type)) return false;
    const IrVal *part = plain(r, n->arg[0]);
    if (!ours(r, part) || part->def->op != IR_slice || plain(r, part->def->arg[0]) != c->to) return false;
    for (int i = 0; i < t->rank; i++)
        if (part->type.dim[i] != (is_summed(sum, i) ? 1 : t->dim[i])) return false;
    return true;
}

/* ---- the terms of a sum ----------------------------------------------------------------------------------------- */

typedef struct Item {
    IrVal *v;
    const IrNode *sum; /* v is what this sums over its dims; NULL: one term */
} Item;

typedef struct Items {
    int n, sums;
    Item item[MOST_ITEMS];
} Items;

static bool add_items(const LogReader *r, IrVal *v, Items *to)
{
    v = plain(r, v);
    IrNode *n = ours(r, v);
    if (n && n->op == IR_add) return add_items(r, n->arg[0], to) && add_items(r, n->arg[1], to);
    if (to->n == MOST_ITEMS) return false;
    bool sum = n && n->op == IR_sum && n->attr->dims.n && !n->attr->over.n;
    to->item[to->n++] = (Item){v, sum ? n : NULL};
    to->sums += sum;
    return true;
}

/* *s += what is positive; *any: is there something in *s? */
static bool add_positive(LogReader *r, IrVal *v, Scaled *s, bool *any)
{
    Scaled one, both;
    if (!scaled_inside(r, v, &one) || !one.positive) return false;
    if (!*any) return *s = one, *any = true;
    scaled_add(r, s, &one, 1, &both);
    both.positive = true;
    return *s = both, true;
}

/* All items but one. */
static bool add_others(LogReader *r, const Items *all, int but, Scaled *s, bool *any)
{
    for (int i = 0; i < all->n; i++)
        if (i != but && !add_positive(r, all->item[i].v, s, any)) return false;
    return true;
}

/* log(p) and log(1 - p) */
typedef struct Share {
    IrVal *log, *less;
} Share;

static Share share_of_odds(LogReader *r, IrVal *q)
{
    IrBuilder *b = &r->b;
    return (Share){ir_neg(b, ir_softplus(b, q)), ir_neg(b, ir_softplus(b, ir_neg(b, q)))};
}

/* Of one term. */
static bool share_of_item(LogReader *r, const Items *all, int at, Share *out)
{
    Scaled part, others = {0};
    bool any = false;
    if (!scaled_of(r, all->item[at].v, &part) || !part.positive || !add_others(r, all, at, &others, &any) || !any) return false;
    *out = share_of_odds(r, ir_sub(&r->b, scaled_log(r, &others), scaled_log(r, &part)));
    return true;
}

static bool plus_rest(LogReader *r, const Scaled *rest, bool any, Scaled *s)
{
    Scaled both;
    if (!any) return true;
    scaled_add(r, s, rest, 1, &both);
    both.positive = true;
    return *s = both, true;
}

enum { NEAR_ONE_IN_TENTHS = 6 }; /* more than a half, so that rounding finds no two */

/* Of all terms of a sum over dims. bare: their logarithms, up to a number that is in all of them; NULL: as they stand. */
static bool share_of_each(LogReader *r, const Items *all, int at, IrVal *bare, Share *out)
{
    IrBuilder *b = &r->b;
    const IrNode *sum = all->item[at].sum;
    const IrType *t = &sum->arg[0]->type;
    Scaled part, rest = {0}, total, left;
    bool any = false;
    if (!scaled_inside(r, sum->arg[0], &part)) return false;
    if (bare) part = (Scaled){.log = bare, .positive = true};
    if (!part.log || !part.positive || !add_others(r, all, at, &rest, &any)) return false;
    scaled_sum(r, &part, t, sum->attr->dims, ir_no_axes(), &total);
    if (!plus_rest(r, &rest, any, &total)) return false;
    IrVal *given = log_full(r, scaled_log(r, &part), t), *of_all = log_beside(r, scaled_log(r, &total), sum->arg[0], sum->attr->dims);
    IrVal *log = log_full(r, ir_sub(b, given, of_all), t), *nothing = log_infinity(r, -1);
    IrVal *most = ir_compare(b, IR_GT, log, ir_const(b, r->elem, math_log_f64(NEAR_ONE_IN_TENTHS / 10.0)));
    Scaled others = {.log = ir_select(b, most, nothing, log_full(r, part.log, t)), .up = part.up, .down = part.down, .positive = true};
    scaled_sum(r, &others, t, sum->attr->dims, ir_no_axes(), &left);
    if (!plus_rest(r, &rest, any, &left)) return false;
    IrVal *odds = ir_sub(b, log_full(r, log_beside(r, scaled_log(r, &left), sum->arg[0], sum->attr->dims), t), given);
    Share near = share_of_odds(r, ir_select(b, most, odds, ir_const(b, r->elem, 0)));
    IrVal *p = ir_exp(b, ir_select(b, most, nothing, log));
    *out = (Share){ir_select(b, most, near.log, log), ir_select(b, most, near.less, ir_log1p(b, ir_neg(b, p)))};
    return true;
}

static bool share_in(LogReader *r, const Items *all, int at, const Chosen *c, IrVal *bare, Share *out)
{
    if (!all->item[at].sum) return share_of_item(r, all, at, out);
    if (!share_of_each(r, all, at, bare, out)) return false;
    *out = (Share){apply(r, c, out->log), apply(r, c, out->less)};
    return true;
}

/* ---- fractions -------------------------------------------------------------------------------------------------- */

typedef struct Quotient {
    IrVal *part, *all;
} Quotient;

/* part / all; so is part * (1 / all), as a form writes it. */
static bool as_quotient(const LogReader *r, const IrNode *n, Quotient *q)
{
    if (n->op == IR_div) return *q = (Quotient){n->arg[0], n->arg[1]}, true;
    for (int i = 0; i < 2 && n->op == IR_mul; i++) {
        const IrNode *by = n->arg[i]->def;
        if (by && by->op == IR_div && log_is_one(plain(r, by->arg[0]))) return *q = (Quotient){n->arg[1 - i], by->arg[1]}, true;
    }
    return false;
}

static bool is_part(const LogReader *r, const Item *item, IrVal *part, const IrNode *repeats, Chosen *c)
{
    *c = (Chosen){.at = -1};
    if (!item->sum) return !repeats && is_same_part(r, plain(r, part), item->v);
    IrVal *terms = item->sum->arg[0];
    bool whole = ir_dims_equal(&terms->type, &part->type) && is_same_part(r, plain(r, terms), plain(r, part));
    return (whole || is_chosen(r, part, terms, c, MOST_STEPS)) && is_beside_its_sum(r, item->sum, repeats, c);
}

bool scaled_share(LogReader *r, const IrNode *n, Scaled *s)
{
    Quotient q;
    Share share;
    Chosen c;
    Items *all = arena_new_of(r->w->scratch, Items);
    if (!r->logarithm || !as_quotient(r, n, &q)) return false;
    IrVal *sum = plain(r, q.all);
    const IrNode *repeats = ours(r, sum) && sum->def->op == IR_broadcast ? sum->def : NULL;
    const IrNode *less = ours(r, plain(r, q.part)); /* (s - a) / s */
    bool rest = less && less->op == IR_sub && same(r, less->arg[0], sum);
    if (!add_items(r, repeats ? repeats->arg[0] : sum, all) || (all->n < 2 && !all->sums)) return false;
    for (int i = 0; i < all->n; i++) {
        if (!is_part(r, &all->item[i], rest ? less->arg[1] : q.part, repeats, &c)) continue;
        if (!share_in(r, all, i, &c, NULL, &share)) return false;
        if (rest) share = (Share){share.less, share.log};
        *s = (Scaled){.log = log_full(r, share.log, &n->result->type), .less = log_full(r, share.less, &n->result->type), .positive = true};
        r->summed = true;
        return true;
    }
    return false;
}

bool scaled_without(LogReader *r, const IrNode *n, Scaled *s)
{
    Share share;
    Chosen c;
    bool any = false;
    Items *all = arena_new_of(r->w->scratch, Items);
    IrVal *sum = plain(r, n->arg[0]);
    const IrNode *repeats = ours(r, sum) && sum->def->op == IR_broadcast ? sum->def : NULL;
    if (!r->logarithm || !add_items(r, repeats ? repeats->arg[0] : sum, all) || (all->n < 2 && !all->sums)) return false;
    for (int i = 0; i < all->n; i++) {
        if (!is_part(r, &all->item[i], n->arg[1], repeats, &c)) continue;
        *s = (Scaled){0};
        if (!all->item[i].sum) return add_others(r, all, i, s, &any) && any;
        if (!scaled_of(r, n->arg[0], s) || !s->positive || !share_in(r, all, i, &c, NULL, &share)) return false;
        IrVal *log = ir_add(&r->b, scaled_log(r, s), share.less);
        *s = (Scaled){.log = log_full(r, log, &n->result->type), .positive = true};
        return r->summed = true;
    }
    return false;
}

/* ---- sums of logarithms ----------------------------------------------------------------------------------------- */

/* c times v, or times what is chosen of v; or c log(v). */
typedef struct Part {
    IrVal *v, *from, *to;
    bool log;
    double c;
} Part;

typedef struct Parts {
    int n, rows;
    Part part[MOST_PARTS];
    double add;
    bool numbers;   /* these cancel only: more may follow */
    bool open;      /* what this rule has found already is looked into */
    IrVal *largest; /* a guard was passed that holds where this is -inf */
} Parts;

static bool is_same_addend(const LogReader *r, const Part *a, const Part *c)
{
    return a->log == c->log && same(r, a->v, c->v) && !a->from == !c->from && (!a->from || same(r, a->from, c->from));
}

static bool add_part(const LogReader *r, const Part *one, Parts *to)
{
    for (int i = 0; i < to->n; i++) {
        Part *p = &to->part[i];
        if (!is_same_addend(r, p, one)) continue;
        p->c += one->c;
        return true;
    }
    if (to->n == MOST_PARTS) return false;
    to->part[to->n++] = *one;
    return true;
}

/* where(m == -inf, m, v) of m, a largest: v, which is -inf there itself, as must be seen. */
static IrVal *guarded(const LogReader *r, const IrNode *n, IrVal **largest)
{
    double c;
    const IrNode *is = ours(r, n->arg[0]);
    if (!is || is->op != IR_compare || (is->attr->compare != IR_EQ && is->attr->compare != IR_NE)) return NULL;
    bool equal = is->attr->compare == IR_EQ;
    IrVal *m = plain(r, is->arg[0]), *arm = n->arg[equal ? 1 : 2];
    if (!ir_is_const(plain(r, is->arg[1]), &c) || c != -HUGE_VAL) return NULL;
    bool same_arm = same(r, plain(r, arm), m) || (ir_is_const(plain(r, arm), &c) && c == -HUGE_VAL);
    return same_arm ? *largest = m, n->arg[equal ? 2 : 1] : NULL;
}

/* Elements of their own? The sum of two such is one value. */
static bool is_spread_out(const IrVal *v) { return v->type.rank > 0 && !(v->def && (v->def->op == IR_broadcast || v->def->op == IR_log)); }

static bool add_parts(const LogReader *r, IrVal *v, const Part *of, Parts *to);

static bool add_operands(const LogReader *r, const IrNode *n, const Part *of, Parts *to)
{
    Part second = *of;
    if (n->op == IR_sub) second.c = -of->c;
    return add_parts(r, n->arg[0], of, to) && add_parts(r, n->arg[1], &second, to);
}

/* log(v), as far as what it is made of is known to be positive. */
static bool add_log(const LogReader *r, IrVal *v, const Part *of, Parts *to)
{
    double c;
    v = plain(r, v);
    const IrNode *n = ours(r, v);
    Part one = {.v = v, .log = true, .c = of->c}, second = *of;
    if (++to->rows > MOST_ROWS) return false;
    if (ir_is_const(v, &c) && c > 0) return to->add += of->c * math_log_f64(c), isfinite(to->add);
    if (n && n->op == IR_exp) return add_parts(r, n->arg[0], of, to);
    bool two = n && (n->op == IR_mul || n->op == IR_div) && tree_is_positive(n->arg[0]) && tree_is_positive(n->arg[1]);
    if (!two) return add_part(r, &one, to);
    if (n->op == IR_div) second.c = -of->c;
    return add_log(r, n->arg[0], of, to) && add_log(r, n->arg[1], &second, to);
}

static bool add_selected(const LogReader *r, IrVal *v, const Part *of, Parts *to)
{
    Part one = *of;
    one.from = one.to = v;
    for (int i = 0; i < MOST_STEPS && ours(r, one.to) && is_selection(one.to->def); i++) one.to = plain(r, one.to->def->arg[0]);
    if (one.to->type.rank == 0) return add_part(r, &(Part){.v = v, .c = of->c}, to);
    return add_parts(r, one.to, &one, to);
}

/* v as a sum of parts; of: the coefficient, and what selects of it. */
static bool add_parts(const LogReader *r, IrVal *v, const Part *of, Parts *to)
{
    double c;
    v = plain(r, v);
    IrNode *n = ours(r, v);
    if (++to->rows > MOST_ROWS) return false;
    if (ir_is_const(v, &c)) return to->add += of->c * c, isfinite(to->add);
    Part one = *of;
    one.v = v;
    if (v->type.rank == 0) one.from = one.to = NULL;
    if (!n || (tree_info(r->w, v)->share && !to->open)) return add_part(r, &one, to);
    if (tree_info(r->w, v)->share) to->open = false;
    if (n->op == IR_log && !one.from) return add_log(r, n->arg[0], &one, to);
    bool linear = n->op == IR_add || n->op == IR_sub;
    if (linear && !(is_spread_out(plain(r, n->arg[0])) && is_spread_out(plain(r, n->arg[1])))) return add_operands(r, n, &one, to);
    for (int i = 0; i < 2 && (n->op == IR_mul || (n->op == IR_div && i)); i++)
        if (ir_is_const(plain(r, n->arg[i]), &c) && c != 0 && isfinite(c))
            return one.c = n->op == IR_div ? of->c / c : of->c * c, add_parts(r, n->arg[1 - i], &one, to);
    if (n->op == IR_neg) return one.c = -of->c, add_parts(r, n->arg[0], &one, to);
    IrVal *behind = n->op == IR_select && !to->largest && !one.from ? guarded(r, n, &to->largest) : NULL;
    if (behind) return add_parts(r, behind, &one, to);
    if (is_selection(n) && !one.from) return add_selected(r, v, of, to);
    return add_part(r, &one, to);
}

/* What p is the logarithm of, also where it is repeated; else NULL. */
static IrVal *log_behind(const LogReader *r, const Part *p, const IrNode **repeats)
{
    IrVal *v = p->v;
    *repeats = ours(r, v) && v->def->op == IR_broadcast ? v->def : NULL;
    if (*repeats) v = plain(r, v->def->arg[0]);
    if (p->log) return v;
    return !p->from && *repeats && ours(r, v) && v->def->op == IR_log ? v->def->arg[0] : NULL;
}

static bool is_element(const LogReader *r, const Part *p, IrVal *v, Chosen *c)
{
    *c = (Chosen){.at = -1};
    if (p->log) return false;
    if (!same(r, p->v, v)) return (!p->from || p->v == p->to) && is_chosen(r, p->from ? p->from : p->v, v, c, MOST_STEPS);
    if (p->from) *c = (Chosen){p->from, p->to, -1};
    return true;
}

/* A number in the list v? */
static bool is_number_in(const LogReader *r, double x, IrVal *v, Chosen *c)
{
    IrNode *n = ours(r, v);
    IrBuilder b = r->b;
    *c = (Chosen){.at = -1};
    return n && n->op == IR_concat && is_item(r, ir_const(&b, v->type.elem, x), n, c);
}

/* exp(x): x; else NULL. */
static IrVal *exponent(const LogReader *r, IrVal *v)
{
    const IrNode *n = ours(r, plain(r, v));
    return n && n->op == IR_exp ? n->arg[0] : NULL;
}

/* *sum += c (exponent), but for `chosen`, which goes with the part `with`. */
static bool add_exponent(const LogReader *r, const Parts *exponents, int chosen, int own, double c, const IrNode *sum, Parts *to)
{
    for (int i = 0; i < exponents->n; i++) {
        Part p = exponents->part[i];
        if (i == chosen || i == own) continue;
        bool broadcast = ours(r, p.v) && p.v->def->op == IR_broadcast;
        if (p.from || (p.v->type.rank && !(broadcast && repeats_along(sum, p.v->def)))) return false;
        if (broadcast) p.v = plain(r, p.v->def->arg[0]);
        p.c *= c;
        if (!add_part(r, &p, to)) return false;
    }
    to->add += c * exponents->add;
    return isfinite(to->add);
}

static void drop(Parts *p, int at) { p->part[at].c = 0; }

/* The largest of the same values? Its slope is of no account. */
static bool is_largest_of(const LogReader *r, IrVal *m, IrVal *v)
{
    const IrNode *n = ours(r, m = plain(r, m));
    for (int i = 0; n && (n->op == IR_stop || n->op == IR_reduce_max) && i < MOST_STEPS; i++) {
        m = plain(r, n->arg[0]);
        if (same_but_repeats(r, m, v, true, 6)) return true;
        n = ours(r, m);
    }
    return false;
}

/* Does part j of all, or, for j of all->n, its number, cancel with what is chosen of part i of the exponents? */
static bool cancels(const LogReader *r, const Parts *all, int log, int j, const Parts *exponents, int i, Chosen *chosen)
{
    const Part *b = &exponents->part[i];
    double c = -all->part[log].c * b->c;
    if (j == all->n) return (all->add != 0 || exponents->add != 0) && is_number_in(r, (-all->add / all->part[log].c - exponents->add) / b->c, b->v, chosen);
    return j != log && all->part[j].c == c && is_element(r, &all->part[j], b->v, chosen);
}

/* Of log(sum(exp(x - x[k]))): the exponent's part that is chosen of its part i; -1: none. */
static int own_choice(const LogReader *r, const Parts *exponents, int i, Chosen *chosen)
{
    const Part *b = &exponents->part[i];
    for (int j = 0; j < exponents->n; j++)
        if (j != i && exponents->part[j].c == -b->c && is_element(r, &exponents->part[j], b->v, chosen) && (chosen->from || chosen->at >= 0)) return j;
    return -1;
}

/* Finds in `all` what is chosen of the exponent of sum's terms, one of which cancels with c log(sum). *rest: all of it but c log(share). */
static bool match_sum(const LogReader *r, const Parts *all, int log, const Item *item, const IrNode *repeats, Chosen *chosen,
                      Part *own_part, Parts *rest)
{
    double c = all->part[log].c;
    IrVal *x = exponent(r, item->sum->arg[0]);
    Parts as[2] = {{0}, {0}};
    if (!x) return false;
    as[0] = (Parts){.n = 1, .part = {{.v = plain(r, x), .c = 1}}};
    int n = add_parts(r, x, &(Part){.c = 1}, &as[1]) ? 2 : 1;
    for (int k = 0; k < n; k++)
        for (int i = 0; i < as[k].n; i++)
            for (int j = 0; j <= all->n + 1; j++) {
                const Part *b = &as[k].part[i];
                if (b->from || b->log || !is_spread_out(b->v)) continue;
                int own = j > all->n ? own_choice(r, &as[k], i, chosen) : -1;
                if (j > all->n ? own < 0 : !cancels(r, all, log, j, &as[k], i, chosen)) continue;
                if (all->largest && !is_largest_of(r, all->largest, b->v)) continue;
                if (!is_beside_its_sum(r, item->sum, repeats, chosen)) continue;
                *rest = *all;
                drop(rest, log);
                if (j < all->n) drop(rest, j);
                rest->numbers = j == all->n;
                if (j == all->n) rest->add = -c * as[k].add;
                if (own >= 0) *own_part = *b;
                if (add_exponent(r, &as[k], i, own, c, item->sum, rest)) return true;
                *own_part = (Part){0};
            }
    return false;
}

/* The same of one term: all of its exponent cancels. */
static bool match_term(const LogReader *r, const Parts *all, int log, const Item *item, Parts *rest)
{
    double c = all->part[log].c;
    IrVal *x = exponent(r, item->v);
    Parts as = {0};
    if (!x || all->largest || x->type.rank || !add_parts(r, x, &(Part){.c = 1}, &as) || !as.n) return false;
    *rest = *all;
    drop(rest, log);
    for (int i = 0; i < as.n; i++) {
        Part p = as.part[i];
        p.c *= c;
        int n = rest->n;
        if (!add_part(r, &p, rest) || rest->n > n) return false;
        for (int j = 0; j < n; j++)
            if (is_same_addend(r, &rest->part[j], &p) && rest->part[j].c != 0) return false;
    }
    rest->add += c * as.add;
    return isfinite(rest->add);
}

/* c log(1 / share) + rest */
static IrVal *with_rest(LogReader *r, IrVal *v, const Parts *rest)
{
    for (int i = 0; i < rest->n; i++) {
        const Part *p = &rest->part[i];
        if (p->c == 0) continue;
        Scaled s;
        if (p->log && !scaled_of(r, p->v, &s)) return NULL;
        IrVal *x = p->log ? scaled_log(r, &s) : log_leaf(r, p->v);
        if (p->from) x = moved_down(r, p->from, p->to, log_full(r, x, &p->to->type));
        v = ir_add(&r->b, v, scaled_by(r, p->c, x));
    }
    return rest->add == 0 ? v : ir_add(&r->b, v, ir_const(&r->b, r->elem, rest->add));
}

/* Do two of the items have exponents made of other values? No form holds both. */
static bool is_mixed(const LogReader *r, const Items *all)
{
    IrVal *first = NULL;
    Parts a = {0};
    for (int i = 0; i < all->n; i++) {
        Parts b = {0};
        IrVal *x = exponent(r, all->item[i].v);
        if (!x || !add_parts(r, x, &(Part){.c = 1}, &b)) continue;
        bool within = first != NULL;
        for (int j = 0; j < b.n && within; j++) {
            bool has = b.part[j].c == 0;
            for (int k = 0; k < a.n; k++) has |= is_same_addend(r, &a.part[k], &b.part[j]);
            within = has;
        }
        if (first && !within) return true;
        if (!first) first = x, a = b;
    }
    return false;
}

/* The share whose logarithm cancels with part `at` of all, and the rest. */
static bool find_share(LogReader *r, const Parts *all, int at, Share *share, Parts *rest)
{
    const IrNode *repeats;
    Items *items = arena_new_of(r->w->scratch, Items);
    Chosen c = {.at = -1};
    Part own = {0};
    IrVal *s = log_behind(r, &all->part[at], &repeats);
    if (!s || !add_items(r, s, items) || !(items->sums || is_mixed(r, items))) return false;
    for (int i = 0; i < items->n; i++) {
        const Item *item = &items->item[i];
        bool matches = item->sum ? match_sum(r, all, at, item, repeats, &c, &own, rest) : !repeats && match_term(r, all, at, item, rest);
        if (!matches) continue;
        bool bare = own.v && items->n == 1; /* no slope by x[k] goes through all terms */
        return share_in(r, items, i, &c, bare ? scaled_by(r, own.c, log_leaf(r, own.v)) : NULL, share);
    }
    return false;
}

/* log(sum(exp(x))) - x[k] and what is more or less than that. */
static IrVal *sum_of_logs(LogReader *r, IrVal *v, bool *done)
{
    Parts *all = arena_new_of(r->w->scratch, Parts), *rest = arena_new_of(r->w->scratch, Parts);
    Share share;
    if (!add_parts(r, v, &(Part){.c = 1}, all)) return NULL;
    for (int i = 0; i < all->n; i++)
        if (all->part[i].c != 0 && find_share(r, all, i, &share, rest))
            return *done = !rest->numbers, with_rest(r, scaled_by(r, -all->part[i].c, share.log), rest);
    return NULL;
}

bool scaled_share_of_exp(LogReader *r, const IrNode *n, Scaled *s)
{
    Parts *all = arena_new_of(r->w->scratch, Parts), *rest = arena_new_of(r->w->scratch, Parts);
    Share share;
    all->open = true;
    if (!r->logarithm || r->in_share || !add_parts(r, n->arg[0], &(Part){.c = 1}, all)) return false;
    for (int i = 0; i < all->n; i++) {
        r->in_share = true;
        bool found = all->part[i].c == -1 && find_share(r, all, i, &share, rest);
        r->in_share = false;
        if (!found) continue;
        for (int j = 0; j < rest->n; j++)
            if (rest->part[j].c != 0) return false;
        if (rest->add != 0) return false;
        *s = (Scaled){.log = log_full(r, share.log, &n->result->type), .less = log_full(r, share.less, &n->result->type), .positive = true};
        return r->summed = true;
    }
    return false;
}

/* 1 - p */
static IrVal *one_less_share(LogReader *r, const IrNode *n)
{
    Scaled s;
    if (!log_is_one(plain(r, n->arg[0])) || !scaled_of(r, n->arg[1], &s) || !s.less) return NULL;
    return ir_exp(&r->b, s.less);
}

/* What is read in its place takes no more than any tree, though x may be made of such values in turn, and is in it twice. */
static bool is_small(Walk *w, const IrVal *made)
{
    const NodeInfo *i = tree_info(w, made);
    return !i || i->size <= TREE_NODES;
}

IrVal *tree_share_rule(Walk *w, IrVal *v, bool adds)
{
    const IrNode *n = v->def;
    if (n->op != IR_add && n->op != IR_sub && n->op != IR_log) return NULL;
    bool wide = tree_is_head(w, v);
    LogReader r = {.w = w, .b = tree_before(w, v), .elem = wide ? IR_F64 : v->type.elem, .adds = true, .single = true, .logarithm = true};
    bool done = true;
    r.in_share = true;
    IrVal *made = adds ? NULL : sum_of_logs(&r, v, &done);
    r.in_share = false;
    if (!made && n->op == IR_sub && log_is_one(plain(&r, n->arg[0])) && log_has_summed(w, n->arg[1], adds, false)) made = one_less_share(&r, n);
    if (!made || !is_small(w, made)) return NULL;
    tree_info(w, v)->share = done;
    return log_full(&r, tree_convert(&r.b, made, v->type.elem), &v->type);
}
