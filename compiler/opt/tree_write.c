/* tree_write.c - from a form to a tree: rules M1 to M5. See tree.h.
 *
 * M1 k L(S) - k m T is k softplus(-U), with S = 1 + c E^m and U = mT + log c. M2 where L and T remain, or two L: one
 * form for T < 0, and for T >= 0 the form over 1/E. M3 softplus(U) - log 2 near U = 0. M4 coefficients that sum to 0
 * give factors E^m - 1: tanh or expm1, and so does 1 - E^e S^k of a root. M5 E^a / S^k: products of sigmoid and dsigmoid, in the log domain for fractions.
 * Start at tree_write(). */
#include "compiler/opt/tree.h"
#include "runtime/math/scalar.h"

#include <math.h>
#include <string.h>

enum { MOST_WIDE = 16, MOST_WIDE_DEPTH = 8 };

typedef struct Wide { /* what was converted so far, and to what: once, so that slopes meet before they are rounded */
    int n;
    IrVal *v[MOST_WIDE], *to[MOST_WIDE];
} Wide;

typedef struct Writer {
    IrBuilder *b;
    Reader *r;
    IrElem elem;
    const FormSpace *space;
    IrVal **leaf; /* written so far */
    Wide *wide;
    int sign;     /* E = exp(sign * T) */
    IrVal *t;     /* sign * T, once it was needed */
    bool failed;
    bool cancels; /* terms that may have different signs are added up */
} Writer;

/* ---- small words: NULL stands for 1 in products and for 0 in sums ----------------------------------------------- */

static IrVal *number(Writer *w, double c) { return ir_const(w->b, w->elem, c); }

static IrVal *product(Writer *w, IrVal *a, IrVal *c) { return !a ? c : !c ? a : ir_mul(w->b, a, c); }

static IrVal *scaled(Writer *w, double c, IrVal *a)
{
    double had;
    if (!a) return number(w, c);
    if (ir_is_const(a, &had)) return number(w, c * had);
    return c == 1 ? a : c == -1 ? ir_neg(w->b, a) : ir_mul(w->b, a, number(w, c));
}

static IrVal *negated(const IrVal *v) { return v->def && v->def->op == IR_neg ? v->def->arg[0] : NULL; }

static IrVal *sum(Writer *w, IrVal *a, IrVal *c)
{
    if (!a || !c) return a ? a : c;
    if (negated(c)) return ir_sub(w->b, a, negated(c));
    return negated(a) ? ir_sub(w->b, c, negated(a)) : ir_add(w->b, a, c);
}

static int sign_of(const IrVal *v) /* 0: not known */
{
    double c;
    if (ir_is_const(v, &c)) return (c > 0) - (c < 0);
    if (negated(v)) return -sign_of(negated(v));
    if (tree_is_positive(v)) return 1;
    if (v->def && v->def->op == IR_add) return sign_of(v->def->arg[0]) == sign_of(v->def->arg[1]) ? sign_of(v->def->arg[0]) : 0;
    return v->def && v->def->op == IR_mul ? sign_of(v->def->arg[0]) * sign_of(v->def->arg[1]) : 0;
}

/* a + c of the form's terms, of which one may be nearly all of the other. */
static IrVal *sum_of_terms(Writer *w, IrVal *a, IrVal *c)
{
    if (a && c) w->cancels |= sign_of(a) * sign_of(c) <= 0;
    return sum(w, a, c);
}

static IrVal *power(Writer *w, IrVal *a, int n)
{
    IrVal *r = NULL;
    for (int i = 0; i < n; i++) r = product(w, r, a);
    return r;
}

/* ---- T and U ---------------------------------------------------------------------------------------------------- */

static IrVal *converted(Writer *w, IrVal *v)
{
    Wide *all = w->wide;
    for (int i = 0; i < all->n; i++)
        if (all->v[i] == v) return all->to[i];
    IrVal *to = tree_convert(w->b, v, w->elem);
    if (all->n < MOST_WIDE) {
        all->v[all->n] = v;
        all->to[all->n++] = to;
    }
    return to;
}

static int base_of(const Reader *r, const IrVal *v) /* of T; -1: none */
{
    const Linear *t = r->space.direction < 0 ? NULL : &r->leaf[r->space.direction];
    for (int i = 0; t && i < t->n; i++)
        if (tree_same_value(r->w, t->base[i], v)) return i;
    return -1;
}

/* A root, power or logarithm of what has no function in it, as it is written. */
static bool is_of_algebra(const Reader *r, const IrVal *v)
{
    const NodeInfo *i = tree_info(r->w, v);
    IrOp op = v->def ? v->def->op : IR_const;
    return i && i->functions == 1 && !i->local && (op == IR_sqrt || op == IR_pow || op == IR_log || op == IR_log1p);
}

/* 1 + t^2, or its root, beside exp(t) */
static bool is_of_t(const Reader *r, IrVal *v, int depth)
{
    Reading how = tree_reading(r->w, v);
    if (how == READ_NUMBER || base_of(r, v) >= 0) return true;
    bool all = depth < MOST_WIDE_DEPTH && (how == READ_ALGEBRA || how == READ_SAME || is_of_algebra(r, v));
    for (int i = 0; all && i < v->def->n_args; i++) all = is_of_t(r, v->def->arg[i], depth + 1);
    return all;
}

/* What is_of_t(), in f64: it was rounded before, and its slope would not meet those of the functions. */
static IrVal *of_t(Writer *w, IrVal *v)
{
    int base = base_of(w->r, v);
    if (base >= 0) return converted(w, tree_best(w->r->w, w->r->leaf[w->space->direction].base[base]));
    Reading how = tree_reading(w->r->w, v);
    double c;
    if (how == READ_NUMBER) return ir_is_const(v, &c) ? number(w, c) : converted(w, v);
    IrVal *args[3];
    for (int i = 0; i < v->def->n_args; i++) args[i] = of_t(w, v->def->arg[i]);
    return how == READ_SAME ? args[0] : ir_like(w->b, v->def, args)->result;
}

static IrVal *base_value(Writer *w, IrVal *v)
{
    bool wide = w->elem == IR_F64 && v->type.elem == IR_F32 && is_of_t(w->r, v, 0);
    return wide ? of_t(w, v) : converted(w, w->r->as_written ? v : tree_best(w->r->w, v));
}

static IrVal *leaf_value(Writer *w, int i)
{
    const Linear *l = &w->r->leaf[i];
    if (w->leaf[i]) return w->leaf[i];
    IrVal *v = NULL;
    for (int k = 0; k < l->n && w->elem == IR_F64; k++) tree_widen(w->r->w, l->base[k]);
    for (int k = 0; k < l->n; k++)
        v = sum(w, v, scaled(w, q_f64(l->c[k]), base_value(w, l->base[k])));
    if (!q_is(l->add, 0)) v = sum(w, v, number(w, q_f64(l->add)));
    return w->leaf[i] = v;
}

static IrVal *t_value(Writer *w)
{
    if (!w->t) w->t = scaled(w, w->sign, leaf_value(w, w->space->direction));
    return w->t;
}

static double log_number(Writer *w, Q c)
{
    int8_t powers[FORM_PRIMES];
    double log = 0;
    if (!form_factor(c, powers)) w->failed = true;
    for (int i = 0; i < FORM_PRIMES && !w->failed; i++) log += powers[i] * form_log_prime[i];
    return log;
}

/* c * T, its sign taken into account without a second product */
static IrVal *along_t(Writer *w, double c) { return scaled(w, c * w->sign, leaf_value(w, w->space->direction)); }

static IrVal *u_value(Writer *w, int s, int sign) /* sign * (m T + log c) of S = 1 + c E^m */
{
    const Sum *at = &w->space->sum[s];
    IrVal *u = along_t(w, sign * q_f64(at->m[0]));
    return q_is(at->c[0], 1) ? u : sum(w, u, number(w, sign * log_number(w, at->c[0])));
}

static IrVal *sum_less_one(Writer *w, int s) /* S - 1 */
{
    const Sum *at = &w->space->sum[s];
    IrVal *r = NULL;
    for (int i = 0; i < at->n; i++)
        r = sum(w, r, scaled(w, q_f64(at->c[i]), ir_exp(w->b, along_t(w, q_f64(at->m[i])))));
    return r;
}

static IrVal *log_value(Writer *w, int s) /* L(S) */
{
    return w->space->sum[s].n == 1 ? ir_softplus(w->b, u_value(w, s, 1)) : ir_log1p(w->b, sum_less_one(w, s));
}

/* ---- M5: one term ----------------------------------------------------------------------------------------------- */

static void take_number(Writer *w, Q c, Q k, double *coefficient) /* *coefficient *= c^k */
{
    Q r;
    if (q_pow(c, k, &r))
        *coefficient *= q_f64(r);
    else
        w->failed = true;
}

/* S = 1 + c E^m to a whole negative power -n: as many E^m as fit beneath it become sigmoid(U). */
static IrVal *write_sigmoids(Writer *w, int s, int n, Q *rest, double *coefficient)
{
    const Sum *at = &w->space->sum[s];
    Q fit, taken;
    if (!q_div(*rest, at->m[0], &fit)) return w->failed = true, NULL;
    int64_t q = fit.n < 0 ? 0 : fit.n / fit.d;
    if (q > n) q = n;
    if (!q_mul((Q){q, 1}, at->m[0], &taken) || !q_add(*rest, q_neg(taken), rest)) w->failed = true;
    take_number(w, at->c[0], (Q){-q, 1}, coefficient);
    int up = (int)q, down = n - up, both = up < down ? up : down;
    IrVal *r = both ? power(w, ir_dsigmoid(w->b, u_value(w, s, 1)), both) : NULL;
    if (up > both) r = product(w, r, power(w, ir_sigmoid(w->b, u_value(w, s, 1)), up - both));
    if (down > both) r = product(w, r, power(w, ir_sigmoid(w->b, u_value(w, s, -1)), down - both));
    return r;
}

/* S to a power k of no use for sigmoids: what to add to the exponent. L(S) = U + L(1/E-side) is taken where it meets
 * the rest of E. */
static IrVal *write_fraction(Writer *w, int s, Q k, Q *rest, double *coefficient)
{
    const Sum *at = &w->space->sum[s];
    Q gain, met;
    if (at->n > 1) return scaled(w, q_f64(k), log_value(w, s));
    if (!q_mul(k, at->m[0], &gain) || !q_add(*rest, gain, &met)) return w->failed = true, NULL;
    bool flip = q_sign(k) < 0 ? q_sign(met) >= 0 : q_sign(met) <= 0;
    if (!flip) return scaled(w, q_f64(k), ir_softplus(w->b, u_value(w, s, 1)));
    *rest = met;
    take_number(w, at->c[0], k, coefficient);
    return scaled(w, q_f64(k), ir_softplus(w->b, u_value(w, s, -1)));
}

/* S^k as a product; what is better added to an exponent goes there. */
static IrVal *write_power(Writer *w, int s, Q k, Q *rest, double *coefficient, IrVal **exponent)
{
    IrVal *r = NULL;
    Q part = k;
    int64_t n = q_sign(k) < 0 ? -(k.n / k.d) : 0;
    if (n > 8) n = 0;
    if (!q_add(k, (Q){n, 1}, &part)) w->failed = true;
    if (n && w->space->sum[s].n == 1)
        r = write_sigmoids(w, s, (int)n, rest, coefficient);
    else if (n)
        r = power(w, ir_div(w->b, number(w, 1), ir_add(w->b, number(w, 1), sum_less_one(w, s))), (int)n);
    if (!q_is(part, 0)) *exponent = sum(w, *exponent, write_fraction(w, s, part, rest, coefficient));
    return r;
}

static IrVal *write_term(Writer *w, Q c, Q e, const Q k[FORM_SUMS]) /* c E^e prod S^k */
{
    IrVal *r = NULL, *exponent = NULL;
    double coefficient = q_f64(c);
    Q rest = e;
    for (int s = 0; s < w->space->n_sums; s++)
        if (!q_is(k[s], 0)) r = product(w, r, write_power(w, s, k[s], &rest, &coefficient, &exponent));
    if (!q_is(rest, 0)) exponent = sum(w, exponent, along_t(w, q_f64(rest)));
    if (exponent) r = product(w, r, ir_exp(w->b, exponent));
    return scaled(w, coefficient, r);
}

/* ---- M4: a coefficient ------------------------------------------------------------------------------------------ */

static int paired_sum(const Writer *w, const Ratio *r, Q step) /* S = 1 + E^step under the fraction; n_sums: none */
{
    int s = 0;
    for (; s < w->space->n_sums; s++) {
        const Sum *at = &w->space->sum[s];
        if (at->n == 1 && q_is(at->c[0], 1) && !q_cmp(at->m[0], step) && q_whole(r->k[s]) && r->k[s].n <= -1) break;
    }
    return s;
}

static bool shift_powers(Ratio *r, Q by)
{
    for (int i = 0; i < r->n; i++)
        if (!q_add(r->e[i], by, &r->e[i])) return false;
    return true;
}

/* One factor E^step - 1, if the rest has what it can take: a sum under the fraction gives tanh, E^-step in all terms
 * gives -expm1(-step T). */
static IrVal *write_root(Writer *w, Ratio *r, Q step)
{
    int s = paired_sum(w, r, step);
    if (s < w->space->n_sums) {
        r->k[s].n++;
        return ir_tanh(w->b, along_t(w, q_f64(step) * 0.5));
    }
    if (q_cmp(r->e[r->n - 1], q_neg(step)) > 0) return NULL;
    if (!shift_powers(r, step)) w->failed = true;
    return ir_neg(w->b, ir_expm1(w->b, along_t(w, -q_f64(step))));
}

static IrVal *write_terms(Writer *w, const Ratio *r)
{
    IrVal *all = NULL;
    for (int i = 0; i < r->n; i++) all = sum_of_terms(w, all, write_term(w, r->c[i], r->e[i], r->k));
    return all;
}

static IrVal *times_number(Writer *w, IrVal *factor, IrVal *v)
{
    double c;
    return factor && ir_is_const(v, &c) ? scaled(w, c, factor) : product(w, factor, v);
}

static bool may_overflow(const Writer *w, const Ratio *r) /* expm1 to infinity, where the rest goes to 0 */
{
    bool may = q_sign(r->e[0]) < 0;
    for (int s = 0; s < w->space->n_sums; s++) may |= q_sign(r->k[s]) < 0;
    return may;
}

/* (E^step - 1)^n times the terms; where that may be inf * 0, it is written for T < 0, and for T >= 0 as (-expm1(-step
 * T))^n E^(n step) times them. */
static IrVal *write_roots(Writer *w, Ratio *r, Q step, int n)
{
    IrBuilder *b = w->b;
    IrVal *below = times_number(w, power(w, ir_expm1(b, along_t(w, q_f64(step))), n), write_terms(w, r));
    Q up;
    if (!may_overflow(w, r)) return below;
    if (!q_mul(step, (Q){n, 1}, &up) || !shift_powers(r, up)) w->failed = true;
    IrVal *above = times_number(w, power(w, ir_neg(b, ir_expm1(b, along_t(w, -q_f64(step)))), n), write_terms(w, r));
    return ir_select(b, ir_compare(b, IR_LT, t_value(w), number(w, 0)), below, above);
}

static IrVal *write_whole_ratio(Writer *w, const Ratio *given)
{
    Ratio r = *given;
    Q step = Q_ONE;
    IrVal *factor = NULL, *one = NULL;
    int n = ratio_take_roots(&r, &step);
    while (n > 0 && (one = write_root(w, &r, step))) {
        factor = product(w, factor, one);
        n--;
    }
    return times_number(w, factor, n ? write_roots(w, &r, step, n) : write_terms(w, &r));
}

/* ---- a number apart --------------------------------------------------------------------------------------------- */

/* 1 + sigmoid(-T)^2 is not to become (2 + 2E + E^2) / (1 + E)^2, whose derivative cancels. */

static int terms_of(const Ratio *r) /* how many will be written */
{
    Ratio rest = *r;
    Q step;
    ratio_take_roots(&rest, &step);
    return rest.n;
}

static bool same_signs(const Ratio *r, Q c)
{
    for (int i = 0; i < r->n; i++)
        if (q_sign(r->c[i]) != q_sign(c)) return false;
    return true;
}

/* What r tends to where E goes to infinity; 0 where that is not a number either. */
static bool limit_above(const Writer *w, const Ratio *r, Q *c)
{
    Q degree = r->e[r->n - 1], part;
    *c = r->c[r->n - 1];
    for (int i = 0; i < w->space->n_sums; i++) {
        const Sum *s = &w->space->sum[i];
        if (!q_mul(r->k[i], s->m[s->n - 1], &part) || !q_add(degree, part, &degree) ||
            !q_pow(s->c[s->n - 1], r->k[i], &part) || !q_mul(*c, part, c))
            return false;
    }
    if (!q_is(degree, 0)) *c = Q_ZERO;
    return true;
}

/* If it is written in fewer terms as c and a rest, *r becomes the rest. */
static bool take_constant(Writer *w, Ratio *r, Q c)
{
    Ratio *rest = arena_new_of(w->space->arena, Ratio);
    if (q_is(c, 0) || !form_ratio_less(w->space, r, c, rest) || rest->n == 0) return false;
    int whole = terms_of(r), split = terms_of(rest) + 1;
    if (split > whole || (split == whole && !same_signs(rest, c))) return false;
    *r = *rest;
    return true;
}

static IrVal *write_ratio(Writer *w, const Ratio *given)
{
    Ratio r = *given;
    Q above, below = q_is(r.e[0], 0) ? r.c[0] : Q_ZERO;
    bool fraction = q_sign(r.e[0]) >= 0;
    for (int i = 0; i < w->space->n_sums; i++) fraction = fraction && q_sign(r.k[i]) <= 0 && q_whole(r.k[i]);
    if (!fraction || r.n < 2 || !limit_above(w, &r, &above)) return write_whole_ratio(w, &r);
    Q c = take_constant(w, &r, above) ? above : take_constant(w, &r, below) ? below : Q_ZERO;
    IrVal *v = write_whole_ratio(w, &r);
    return q_is(c, 0) ? v : sum_of_terms(w, number(w, q_f64(c)), v);
}

/* ---- groups: a product of leaves and logs with its coefficient -------------------------------------------------- */

/* flip: its L(S) has become softplus(-U); less: minus log 2. with: the next group whose coefficient is `factor` times
 * this one's. */
typedef struct Group {
    Term like;
    Ratio ratio;
    bool gone, flip, less;
    int with;
    Q factor;
} Group;
typedef struct Groups {
    int n;
    Group g[FORM_TERMS];
} Groups;

static bool same_ratio(const Ratio *a, const Ratio *b, Q factor) /* a == factor * b */
{
    if (a->n != b->n) return false;
    for (int i = 0; i < FORM_SUMS; i++)
        if (q_cmp(a->k[i], b->k[i])) return false;
    for (int i = 0; i < a->n; i++) {
        Q c;
        if (q_cmp(a->e[i], b->e[i]) || !q_mul(b->c[i], factor, &c) || q_cmp(a->c[i], c)) return false;
    }
    return true;
}

static Group *find_group(Groups *gs, const Term *like)
{
    for (int i = 0; i < gs->n; i++)
        if (!gs->g[i].gone && form_same_rest(&gs->g[i].like, like)) return &gs->g[i];
    return NULL;
}

static bool is_grouped(const Groups *gs, const Term *like)
{
    for (int i = 0; i < gs->n; i++)
        if (form_same_rest(&gs->g[i].like, like)) return true;
    return false;
}

static bool make_groups(const FormSpace *s, const Form *f, Groups *gs)
{
    gs->n = 0;
    for (int i = 0; i < f->n; i++) {
        if (is_grouped(gs, &f->t[i])) continue;
        Group *g = &gs->g[gs->n++];
        *g = (Group){.like = f->t[i], .with = -1};
        if (!form_ratio(s, f, &f->t[i], &g->ratio)) return false;
        g->gone = g->ratio.n == 0;
    }
    return true;
}

static int only_log(const Term *t) /* the S of a group with exactly one L(S); -1: none */
{
    int at = -1;
    for (int i = 0; i < FORM_SUMS; i++) {
        if (t->log[i] == 1 && at < 0)
            at = i;
        else if (t->log[i])
            return -1;
    }
    return at;
}

/* The group g.like with L(s) replaced by `leaf` or `prime` (-1: not that), if its coefficient is -want times g's. */
static Group *partner_of(Groups *gs, const Group *g, int s, int leaf, int prime, Q want)
{
    Term like = g->like;
    like.log[s] = 0;
    if (leaf >= 0) like.leaf[leaf]++;
    if (prime >= 0) like.prime[prime]++;
    Group *p = find_group(gs, &like);
    return p && same_ratio(&p->ratio, &g->ratio, q_neg(want)) ? p : NULL;
}

/* M1: are the terms -R m T and -R log c there, exactly? Then they go into g. */
static void try_flip(const FormSpace *space, int sign, Groups *gs, Group *g)
{
    int s = only_log(&g->like), n = 0;
    int8_t powers[FORM_PRIMES];
    Group *partner[1 + FORM_PRIMES];
    if (s < 0 || space->sum[s].n != 1 || !form_factor(space->sum[s].c[0], powers)) return;
    Q m = space->sum[s].m[0];
    if (!(partner[n++] = partner_of(gs, g, s, space->direction, -1, sign < 0 ? q_neg(m) : m))) return;
    for (int i = 0; i < FORM_PRIMES; i++)
        if (powers[i] && !(partner[n++] = partner_of(gs, g, s, -1, i, (Q){powers[i], 1}))) return;
    for (int i = 0; i < n; i++) partner[i]->gone = true;
    g->flip = true;
}

/* M3: is -R log 2 there, and S = 1 + E^m? */
static void try_less(const FormSpace *space, Groups *gs, Group *g)
{
    int s = only_log(&g->like);
    if (s < 0 || space->sum[s].n != 1 || !q_is(space->sum[s].c[0], 1)) return;
    Group *p = partner_of(gs, g, s, -1, 0, Q_ONE);
    if (!p) return;
    p->gone = true;
    g->less = true;
}

/* R x + c R y is R (x + c y), with one R. */
static void try_join(Groups *gs, int at)
{
    for (int i = at + 1, last = at; i < gs->n; i++) {
        Group *g = &gs->g[at], *h = &gs->g[i];
        Q factor;
        if (h->gone || h->ratio.n != g->ratio.n || !q_div(h->ratio.c[0], g->ratio.c[0], &factor) ||
            !same_ratio(&h->ratio, &g->ratio, factor))
            continue;
        h->gone = true;
        h->factor = factor;
        gs->g[last].with = i;
        last = i;
    }
}

static bool read_groups(const FormSpace *s, int sign, bool flips, const Form *f, Groups *gs)
{
    if (!make_groups(s, f, gs)) return false;
    for (int i = 0; i < gs->n && flips; i++)
        if (!gs->g[i].gone) try_flip(s, sign, gs, &gs->g[i]);
    for (int i = 0; i < gs->n; i++)
        if (!gs->g[i].gone) try_less(s, gs, &gs->g[i]);
    return true;
}

/* ---- M3 and the logarithms -------------------------------------------------------------------------------------- */

static IrVal *softplus_less_log2(Writer *w, IrVal *u)
{
    IrBuilder *b = w->b;
    IrVal *near = ir_log1p(b, ir_mul(b, ir_expm1(b, u), number(w, 0.5)));
    IrVal *far = ir_sub(b, ir_softplus(b, u), number(w, form_log_prime[0]));
    return ir_select(b, ir_compare(b, IR_LT, u, number(w, 1)), near, far);
}

static IrVal *write_log(Writer *w, const Group *g, int s)
{
    if (g->less) return softplus_less_log2(w, u_value(w, s, g->flip ? -1 : 1));
    return g->flip ? ir_softplus(w->b, u_value(w, s, -1)) : log_value(w, s);
}

/* The product of leaves and logarithms of a group times a number; NULL for 1. Divisions one after the other: x / (y*y)
 * overflows early. */
static IrVal *write_product(Writer *w, const Group *g, double coefficient)
{
    IrVal *r = NULL;
    bool divides = false;
    for (int i = 0; i < FORM_PRIMES; i++) coefficient *= math_pow_f64(form_log_prime[i], g->like.prime[i]);
    for (int s = 0; s < w->space->n_sums; s++)
        if (g->like.log[s]) r = product(w, r, power(w, write_log(w, g, s), g->like.log[s]));
    for (int i = 0; i < w->space->n_leaves; i++) {
        if (g->like.leaf[i] > 0) r = product(w, r, power(w, leaf_value(w, i), g->like.leaf[i]));
        divides |= g->like.leaf[i] < 0;
    }
    if (r || divides || coefficient != 1) r = scaled(w, coefficient, r);
    for (int i = 0; i < w->space->n_leaves; i++)
        for (int k = g->like.leaf[i]; k < 0; k++) r = ir_div(w->b, r, leaf_value(w, i));
    return r;
}

/* The number of a coefficient of one term, which goes to the product: c E is infinite before E is. */
static double take_coefficient(Ratio *r)
{
    double c = q_f64(r->c[0]);
    if (r->n > 1 || fabs(c) == 1) return 1;
    r->c[0] = Q_ONE;
    return c;
}

static IrVal *write_group(Writer *w, const Groups *gs, const Group *g)
{
    Ratio r = g->ratio;
    double c = take_coefficient(&r);
    IrVal *all = write_product(w, g, c);
    for (const Group *h = g; h->with >= 0;) {
        h = &gs->g[h->with];
        IrVal *more = write_product(w, h, c * q_f64(h->factor));
        all = sum_of_terms(w, all ? all : number(w, 1), more ? more : number(w, 1));
    }
    IrVal *ratio = write_ratio(w, &r);
    return all && ir_is_const(ratio, &c) ? scaled(w, c, all) : product(w, ratio, all);
}

static bool is_of_e(const Term *t) /* no leaves, no logarithms */
{
    static const Term none;
    return !memcmp(t->leaf, none.leaf, sizeof none.leaf) && !memcmp(t->prime, none.prime, sizeof none.prime) &&
           !memcmp(t->log, none.log, sizeof none.log);
}

static bool is_number(const Ratio *r)
{
    bool is = r->n == 1 && q_is(r->e[0], 0);
    for (int i = 0; i < FORM_SUMS; i++) is = is && q_is(r->k[i], 0);
    return is;
}

/* c - c E^e prod S^k, with a root of an S, is -c expm1 of the other's logarithm. NULL: not that. */
static IrVal *write_difference(Writer *w, const Groups *gs)
{
    const Ratio *c = NULL, *x = NULL;
    int n = 0;
    for (int i = 0; i < gs->n; i++) {
        const Group *g = &gs->g[i];
        if (g->gone) continue;
        n += is_of_e(&g->like) ? 1 : 3;
        if (is_number(&g->ratio)) c = &g->ratio;
        else if (g->ratio.n == 1) x = &g->ratio;
    }
    if (n != 2 || !c || !x || q_cmp(x->c[0], q_neg(c->c[0]))) return NULL;
    IrVal *exponent = NULL;
    double coefficient = 1;
    Q rest = x->e[0];
    for (int s = 0; s < w->space->n_sums; s++)
        if (!q_is(x->k[s], 0)) exponent = sum(w, exponent, write_fraction(w, s, x->k[s], &rest, &coefficient));
    if (!q_is(rest, 0)) exponent = sum(w, exponent, along_t(w, q_f64(rest)));
    return coefficient == 1 && exponent ? scaled(w, -q_f64(c->c[0]), ir_expm1(w->b, exponent)) : NULL;
}

static IrVal *write_groups(Writer *w, Groups *gs)
{
    IrVal *r = write_difference(w, gs);
    if (r) return r;
    for (int i = 0; i < gs->n; i++)
        if (!gs->g[i].gone) try_join(gs, i);
    for (int i = 0; i < gs->n; i++)
        if (!gs->g[i].gone) r = sum_of_terms(w, r, write_group(w, gs, &gs->g[i]));
    return r ? r : number(w, 0);
}

/* ---- M2 and the whole ------------------------------------------------------------------------------------------- */

/* A sum of three or more terms: its highest power overflows before its value does. */
static bool has_long_sum(const FormSpace *s, const Group *g)
{
    bool has = false;
    for (int i = 0; i < s->n_sums; i++) has |= s->sum[i].n > 1 && (g->like.log[i] || !q_is(g->ratio.k[i], 0));
    return has;
}

/* Does T itself remain, alone or beside other leaves? */
static bool has_t(const FormSpace *s, const Groups *gs)
{
    bool has = false;
    for (int i = 0; i < gs->n && s->direction >= 0; i++) has |= !gs->g[i].gone && gs->g[i].like.leaf[s->direction];
    return has;
}

/* Logs and T, or two logs, remain beside each other; or the form is good where E is below 1 only. */
static bool wants_two_sides(const FormSpace *s, const Groups *gs)
{
    int logs = 0;
    for (int i = 0; i < gs->n && s->direction >= 0; i++) {
        const Group *g = &gs->g[i];
        if (g->gone) continue;
        if (has_long_sum(s, g)) return true;
        bool log = false;
        for (int k = 0; k < s->n_sums; k++) log |= g->like.log[k] != 0;
        logs += log;
    }
    return logs > 0 && (has_t(s, gs) || logs > 1);
}

/* M1 beside T y would bring back the logarithm that cancels with it: softplus(T) - T y is softplus(-T) + T (1 - y) where
 * T > 0. */
static IrVal *write_sides(Writer *w, Groups *gs, const Form *f)
{
    bool flips = !has_t(w->space, gs);
    FormSpace other;
    Groups *mirrored = arena_new_of(w->space->arena, Groups);
    Form *g = form_reflect(w->space, f, &other);
    if (!g) return NULL;
    form_sort(&other, g);
    if (!read_groups(w->space, w->sign, flips, f, gs) || !read_groups(&other, -w->sign, flips, g, mirrored)) return NULL;
    Writer right = *w;
    right.space = &other;
    right.sign = -w->sign;
    right.t = NULL;
    IrVal *t = t_value(w), *below = write_groups(w, gs), *above = write_groups(&right, mirrored);
    w->failed |= right.failed;
    w->cancels |= right.cancels;
    return ir_select(w->b, ir_compare(w->b, IR_LT, t, number(w, 0)), below, above);
}

static bool is_leaf_of_t(const Reader *r, int leaf)
{
    bool of = true;
    for (int k = 0; k < r->leaf[leaf].n; k++) of = of && is_of_t(r, r->leaf[leaf].base[k], 0);
    return of;
}

bool tree_is_of_direction(const Reader *r, const Form *f)
{
    const FormSpace *s = &r->space;
    bool of = s->direction >= 0;
    for (int i = 0; i < f->n; i++)
        for (int k = 0; k < s->n_leaves; k++) of = of && (k == s->direction || !f->t[i].leaf[k] || is_leaf_of_t(r, k));
    return of;
}

/* Is T in it? */
static bool depends_on_t(const Reader *r, IrVal *v)
{
    if (base_of(r, v) >= 0) return true;
    NodeInfo *i = tree_info(r->w, v);
    if (!i || i->size > TREE_NODES || ir_op_info[v->def->op].klass != IR_CLASS_MAP) return false;
    if (i->asked == r->tree) return i->has_t;
    bool does = false;
    for (int k = 0; k < v->def->n_args && !does; k++) does = depends_on_t(r, v->def->arg[k]);
    i->asked = r->tree;
    return i->has_t = does;
}

bool tree_has_function_of_direction(const Reader *r, const Form *f)
{
    bool has = false;
    for (int i = 0; i < f->n; i++)
        for (int j = 0; j < r->space.n_leaves; j++)
            for (int k = 0; f->t[i].leaf[j] && r->opaque[j] && k < r->leaf[j].n && !has; k++) has = depends_on_t(r, r->leaf[j].base[k]);
    return has;
}

/* ---- what has cancelled ----------------------------------------------------------------------------------------- */

static bool has_leaf(const FormSpace *s, const Form *f, int leaf)
{
    static const Term none;
    bool has = false;
    for (int i = 0; i < f->n && !has; i++) {
        const Term *t = &f->t[i];
        bool of_e = !q_is(t->e, 0) || memcmp(t->log, none.log, sizeof none.log);
        for (int k = 0; k < s->n_sums; k++) of_e = of_e || !q_is(t->k[k], 0);
        has = t->leaf[leaf] || (leaf == s->direction && of_e);
    }
    return has;
}

/* x - x is 0 of numbers, and nan where x, which has no functions in it, is infinite: where it was a term or factor in every case, not in a function that
 * may be finite there, tanh(x) + tanh(-x). */
static IrVal *with_gone(Writer *w, IrVal *v, const Form *f)
{
    const Reader *r = w->r;
    for (int i = 0; i < r->space.n_leaves && v && !r->n_conditions; i++) {
        bool gone = r->leaf[i].n && !r->opaque[i] && !r->inside[i] && !has_leaf(&r->space, f, i);
        for (int k = 0; k < r->leaf[i].n; k++) gone = gone && !ir_is_const(r->leaf[i].base[k], NULL);
        if (gone) v = sum(w, v, ir_mul(w->b, ir_stop(w->b, leaf_value(w, i)), number(w, 0)));
    }
    return v;
}

IrVal *tree_write(Reader *r, IrBuilder *b, IrElem elem, Form *f, bool *cancels)
{
    IrVal *leaf[FORM_LEAVES] = {0};
    Wide wide = {.n = 0};
    Writer w = {.b = b, .r = r, .elem = elem, .space = &r->space, .leaf = leaf, .wide = &wide, .sign = 1};
    Groups *gs = arena_new_of(r->space.arena, Groups);
    form_sort(&r->space, f);
    if (!read_groups(&r->space, 1, true, f, gs)) return NULL;
    IrVal *v = wants_two_sides(&r->space, gs) ? write_sides(&w, gs, f) : write_groups(&w, gs);
    *cancels = w.cancels;
    return w.failed ? NULL : with_gone(&w, v, f);
}
