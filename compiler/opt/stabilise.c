/* stabilise.c - see stabilise.h. Three parts: reading a tree into a form, writing a form as a tree, and the walk over a block.
 *
 * The rules, by the names used below: M1 k L(S) - k m T is k softplus(-U), with S = 1 + c E^m and U = mT + log c. M2 where L and T
 * remain, or two L: one form for T < 0, and for T > 0 the form over 1/E. M3 softplus(U) - log 2 near U = 0. M4 coefficients that
 * sum to 0 give factors E^m - 1: tanh or expm1. M5 E^a / S^k: products of sigmoid and dsigmoid, in the log domain for fractions.
 * M6 a number per sample is computed in f64. R1 log of a sum of exponentials is shifted by its largest. R2 sqrt of a sum of
 * squares is a norm. Start at rewrite(). */
#include "compiler/opt/stabilise.h"

#include "compiler/opt/form.h"

#include <stdlib.h>
#include <string.h>

enum { TREE_NODES = 256, DEEPEST = 400 };

/* ---- which rows the form reads ----------------------------------------------------------------------------------------- */

typedef enum { READ_NOT, READ_ALGEBRA, READ_FUNCTION } Reading;     /* FUNCTION: an exponential or logarithm, worth rewriting */

static Reading reading_of(const IrVal *v)
{
    if (!v->def || !ir_is_real(v->type.elem)) return READ_NOT;
    switch (v->def->op) {
    case IR_const: case IR_neg: case IR_add: case IR_sub: case IR_mul: case IR_div: case IR_fma: return READ_ALGEBRA;
    case IR_exp: case IR_expm1: case IR_log: case IR_log1p: case IR_tanh: case IR_sigmoid: case IR_dsigmoid: case IR_softplus:
    case IR_sqrt: case IR_pow: return READ_FUNCTION;
    default: return READ_NOT;
    }
}

typedef struct Walk Walk;
static IrVal *rewrite(Walk *w, IrVal *v, int depth);

/* ---- from a tree to a form --------------------------------------------------------------------------------------------- */

typedef struct Reader {
    FormSpace *space;
    IrVal     *leaf[FORM_LEAVES];
    int        nodes;
} Reader;

static Form *read_leaf(Reader *r, IrVal *v)
{
    for (int i = 0; i < r->space->n_leaves; i++)
        if (r->leaf[i] == v) return form_leaf(r->space, i);
    if (r->space->n_leaves == FORM_LEAVES) return NULL;
    r->leaf[r->space->n_leaves] = v;
    return form_leaf(r->space, r->space->n_leaves++);
}

static Form *read(Reader *r, IrVal *v, int depth);

static Form *one_plus(FormSpace *s, const Form *a) { return form_add(s, a, form_number(s, Q_ONE)); }

static Form *read_sigmoid(FormSpace *s, const Form *a)
{
    Form *e = form_exp(s, a);
    return form_div(s, e, one_plus(s, e));
}

static Form *read_tanh(FormSpace *s, const Form *a)
{
    Form *e = form_exp(s, form_scale(s, a, (Q){2, 1}));
    return form_div(s, form_add(s, e, form_number(s, (Q){-1, 1})), one_plus(s, e));
}

static Form *read_dsigmoid(FormSpace *s, const Form *a)
{
    Form *e = form_exp(s, a), *d = one_plus(s, e);
    return form_div(s, form_div(s, e, d), d);
}

static Form *read_pow(FormSpace *s, const Form *a, const IrVal *power)
{
    Q k;
    return power->def && power->def->op == IR_const && q_from_f64(power->def->attr.value, &k) ? form_pow(s, a, k) : NULL;
}

static Form *read_function(FormSpace *s, const IrNode *n, const Form *a)
{
    switch (n->op) {
    case IR_exp:      return form_exp(s, a);
    case IR_expm1:    return form_add(s, form_exp(s, a), form_number(s, (Q){-1, 1}));
    case IR_log:      return form_log(s, a);
    case IR_log1p:    return form_log(s, one_plus(s, a));
    case IR_softplus: return form_log(s, one_plus(s, form_exp(s, a)));
    case IR_sigmoid:  return read_sigmoid(s, a);
    case IR_dsigmoid: return read_dsigmoid(s, a);
    case IR_tanh:     return read_tanh(s, a);
    case IR_sqrt:     return form_pow(s, a, (Q){1, 2});
    case IR_pow:      return read_pow(s, a, n->arg[1]);
    default:          return NULL;
    }
}

static Form *read_algebra(Reader *r, const IrNode *n, int depth)
{
    FormSpace *s = r->space;
    Form      *arg[3] = {0};
    Q          c;
    if (n->op == IR_const) return q_from_f64(n->attr.value, &c) ? form_number(s, c) : NULL;
    for (int i = 0; i < n->n_args; i++)
        if (!(arg[i] = read(r, n->arg[i], depth + 1))) return NULL;
    switch (n->op) {
    case IR_neg: return form_scale(s, arg[0], (Q){-1, 1});
    case IR_add: return form_add(s, arg[0], arg[1]);
    case IR_sub: return form_add(s, arg[0], form_scale(s, arg[1], (Q){-1, 1}));
    case IR_mul: return form_mul(s, arg[0], arg[1]);
    case IR_div: return form_div(s, arg[0], arg[1]);
    default:     return form_add(s, form_mul(s, arg[0], arg[1]), arg[2]);
    }
}

/* A function that the form does not hold is a leaf, and what it did to the space is undone. */
static Form *read(Reader *r, IrVal *v, int depth)
{
    Reading how = reading_of(v);
    if (how == READ_NOT) return ir_is_real(v->type.elem) ? read_leaf(r, v) : NULL;
    if (++r->nodes > TREE_NODES || depth > DEEPEST) return NULL;
    if (how == READ_ALGEBRA) {
        Form *f = read_algebra(r, v->def, depth);
        return f || v->def->op != IR_div ? f : read_leaf(r, v);
    }
    Reader    before = *r;
    FormSpace space = *r->space;
    Form     *a = read(r, v->def->arg[0], depth + 1), *f = a ? read_function(r->space, v->def, a) : NULL;
    if (f || r->nodes > TREE_NODES) return f;
    *r = (Reader){.space = before.space, .nodes = r->nodes};
    memcpy(r->leaf, before.leaf, sizeof r->leaf);
    *r->space = space;
    return read_leaf(r, v);
}

/* ---- from a form to a tree ------------------------------------------------------------------------------------------- */

typedef struct Writer {
    IrBuilder       *b;
    IrElem           elem;
    const FormSpace *space;
    IrVal          **leaf;
    int              sign;                                  /* E = exp(sign * T) */
    IrVal           *t;                                     /* sign * T, once it was needed */
    bool             failed;
} Writer;

/* NULL stands for 1 in products and for 0 in sums. */
static IrVal *number(Writer *w, double c) { return ir_const(w->b, w->elem, c); }

static IrVal *product(Writer *w, IrVal *a, IrVal *c) { return !a ? c : !c ? a : ir_mul(w->b, a, c); }

static IrVal *scaled(Writer *w, double c, IrVal *a)
{
    if (!a) return number(w, c);
    return c == 1 ? a : c == -1 ? ir_neg(w->b, a) : ir_mul(w->b, a, number(w, c));
}

static IrVal *sum(Writer *w, IrVal *a, IrVal *c) { return !a ? c : !c ? a : ir_add(w->b, a, c); }

static IrVal *power(Writer *w, IrVal *a, int n)
{
    IrVal *r = NULL;
    for (int i = 0; i < n; i++) r = product(w, r, a);
    return r;
}

static IrVal *t_value(Writer *w)
{
    if (w->t) return w->t;
    for (int i = 0; i < w->space->n_leaves; i++)
        if (!q_is(w->space->direction[i], 0)) w->t = sum(w, w->t, scaled(w, w->sign * q_f64(w->space->direction[i]), w->leaf[i]));
    return w->t;
}

static double log_number(Writer *w, Q c)
{
    int8_t powers[FORM_PRIMES];
    double sum = 0;
    if (!form_factor(c, powers)) w->failed = true;
    for (int i = 0; i < FORM_PRIMES && !w->failed; i++) sum += powers[i] * form_log_prime[i];
    return sum;
}

static IrVal *u_value(Writer *w, int s, int sign)            /* sign * (m T + log c) of S = 1 + c E^m */
{
    const Sum *at = &w->space->sum[s];
    IrVal     *u = scaled(w, sign * q_f64(at->m[0]), t_value(w));
    return q_is(at->c[0], 1) ? u : ir_add(w->b, u, number(w, sign * log_number(w, at->c[0])));
}

static IrVal *sum_less_one(Writer *w, int s)                 /* S - 1 */
{
    IrVal *r = NULL;
    for (int i = 0; i < w->space->sum[s].n; i++)
        r = sum(w, r, scaled(w, q_f64(w->space->sum[s].c[i]), ir_exp(w->b, scaled(w, q_f64(w->space->sum[s].m[i]), t_value(w)))));
    return r;
}

static IrVal *log_value(Writer *w, int s)                    /* L(S) */
{
    return w->space->sum[s].n == 1 ? ir_softplus(w->b, u_value(w, s, 1)) : ir_log1p(w->b, sum_less_one(w, s));
}

static void take_number(Writer *w, Q c, Q k, double *coefficient)    /* *coefficient *= c^k */
{
    Q r;
    if (q_pow(c, k, &r)) *coefficient *= q_f64(r);
    else w->failed = true;
}

/* M5 for one S = 1 + c E^m to a whole negative power: as many E^m as fit beneath it become sigmoid(U). */
static IrVal *write_sigmoids(Writer *w, int s, int n, Q *rest, double *coefficient)
{
    const Sum *at = &w->space->sum[s];
    Q          fit, taken;
    if (!q_div(*rest, at->m[0], &fit)) return w->failed = true, NULL;
    int64_t q = fit.n < 0 ? 0 : fit.n / fit.d;
    if (q > n) q = n;
    if (!q_mul((Q){q, 1}, at->m[0], &taken) || !q_add(*rest, q_neg(taken), rest)) w->failed = true;
    take_number(w, at->c[0], (Q){-q, 1}, coefficient);
    int    up = (int)q, down = n - up, both = up < down ? up : down;
    IrVal *r = both ? power(w, ir_dsigmoid(w->b, u_value(w, s, 1)), both) : NULL;
    if (up > both) r = product(w, r, power(w, ir_sigmoid(w->b, u_value(w, s, 1)), up - both));
    if (down > both) r = product(w, r, power(w, ir_sigmoid(w->b, u_value(w, s, -1)), down - both));
    return r;
}

/* M5 for a fractional power: what to add to the exponent. */
static IrVal *write_fraction(Writer *w, int s, Q k, Q *rest, double *coefficient)
{
    const Sum *at = &w->space->sum[s];
    Q          whole;
    if (at->n > 1) return scaled(w, q_f64(k), log_value(w, s));
    if (q_sign(k) < 0 && q_mul(q_neg(k), at->m[0], &whole) && q_cmp(*rest, whole) >= 0) {
        if (!q_add(*rest, q_neg(whole), rest)) w->failed = true;
        take_number(w, at->c[0], k, coefficient);
        return scaled(w, q_f64(k), ir_softplus(w->b, u_value(w, s, -1)));
    }
    return scaled(w, q_f64(k), ir_softplus(w->b, u_value(w, s, 1)));
}

static IrVal *write_term(Writer *w, Q c, Q e, const Q k[FORM_SUMS])      /* c E^e prod S^k */
{
    IrVal *r = NULL, *exponent = NULL;
    double coefficient = q_f64(c);
    Q      rest = e;
    for (int s = 0; s < w->space->n_sums; s++) {
        if (q_is(k[s], 0)) continue;
        bool whole = q_whole(k[s]) && k[s].n < 0 && k[s].n >= -8;
        if (whole && w->space->sum[s].n == 1) r = product(w, r, write_sigmoids(w, s, (int)-k[s].n, &rest, &coefficient));
        else if (whole) r = product(w, r, power(w, ir_div(w->b, number(w, 1), ir_add(w->b, number(w, 1), sum_less_one(w, s))), (int)-k[s].n));
        else exponent = sum(w, exponent, write_fraction(w, s, k[s], &rest, &coefficient));
    }
    if (!q_is(rest, 0)) exponent = sum(w, exponent, scaled(w, q_f64(rest), t_value(w)));
    if (exponent) r = product(w, r, ir_exp(w->b, exponent));
    return scaled(w, coefficient, r);
}

/* M4, then the terms of what remains. */
static IrVal *write_ratio(Writer *w, const Ratio *given)
{
    Ratio  r = *given;
    Q      step = Q_ONE;
    int    roots = ratio_take_roots(&r, &step);
    IrVal *factor = NULL, *rest = NULL;
    for (int i = 0; i < roots; i++) {
        int s = 0;
        while (s < w->space->n_sums && !(w->space->sum[s].n == 1 && q_is(w->space->sum[s].c[0], 1) && !q_cmp(w->space->sum[s].m[0], step) &&
                                         q_whole(r.k[s]) && r.k[s].n <= -1)) s++;
        bool   paired = s < w->space->n_sums;
        IrVal *arg = scaled(w, q_f64(step) * (paired ? 0.5 : 1), t_value(w));
        factor = product(w, factor, paired ? ir_tanh(w->b, arg) : ir_expm1(w->b, arg));
        if (paired) r.k[s].n++;
    }
    for (int i = 0; i < r.n; i++) rest = sum(w, rest, write_term(w, r.c[i], r.e[i], r.k));
    return product(w, factor, rest);
}

/* One product of leaves and logs with its coefficient. `flip`: its L(S) has become softplus(-U); `less`: minus log 2. */
typedef struct Group { Term like; Ratio ratio; bool gone, flip, less; } Group;
typedef struct Groups { int n; Group g[FORM_TERMS]; } Groups;

static bool same_ratio(const Ratio *a, const Ratio *b, Q factor)     /* a == factor * b */
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

static bool make_groups(const FormSpace *s, const Form *f, Groups *gs)
{
    gs->n = 0;
    for (int i = 0; i < f->n; i++) {
        if (find_group(gs, &f->t[i])) continue;
        Group *g = &gs->g[gs->n++];
        *g = (Group){.like = f->t[i]};
        if (!form_ratio(s, f, &f->t[i], &g->ratio)) return false;
    }
    return true;
}

static int only_log(const Term *t)                           /* the S of a group with exactly one L(S); -1: none */
{
    int at = -1;
    for (int i = 0; i < FORM_SUMS; i++) {
        if (t->log[i] == 1 && at < 0) at = i;
        else if (t->log[i]) return -1;
    }
    return at;
}

/* M1: are the terms -R m T (and -R log c) there, exactly? Then they go into g. */
static void try_flip(const FormSpace *space, int sign, Groups *gs, Group *g)
{
    int s = only_log(&g->like);
    if (s < 0 || space->sum[s].n != 1 || !space->has_direction) return;
    Group *partner[FORM_LEAVES + FORM_PRIMES];
    int    n = 0;
    int8_t powers[FORM_PRIMES];
    if (!form_factor(space->sum[s].c[0], powers)) return;
    for (int i = 0; i < FORM_LEAVES + FORM_PRIMES; i++) {
        bool is_leaf = i < FORM_LEAVES;
        Q    want = is_leaf ? space->direction[i] : (Q){powers[i - FORM_LEAVES], 1};
        if (is_leaf && (i >= space->n_leaves || !q_mul(want, (Q){sign * space->sum[s].m[0].n, space->sum[s].m[0].d}, &want))) continue;
        if (q_is(want, 0)) continue;
        Term like = g->like;
        like.log[s] = 0;
        if (is_leaf) like.leaf[i]++;
        else like.prime[i - FORM_LEAVES]++;
        Group *p = find_group(gs, &like);
        if (!p || !same_ratio(&p->ratio, &g->ratio, q_neg(want))) return;
        partner[n++] = p;
    }
    for (int i = 0; i < n; i++) partner[i]->gone = true;
    g->flip = n > 0;
}

/* M3: is -R log 2 there, and S = 1 + E^m? */
static void try_less(const FormSpace *space, Groups *gs, Group *g)
{
    int s = only_log(&g->like);
    if (s < 0 || space->sum[s].n != 1 || !q_is(space->sum[s].c[0], 1)) return;
    Term like = g->like;
    like.log[s] = 0;
    like.prime[0]++;
    Group *p = find_group(gs, &like);
    if (!p || !same_ratio(&p->ratio, &g->ratio, (Q){-1, 1})) return;
    p->gone = true;
    g->less = true;
}

static IrVal *softplus_less_log2(Writer *w, IrVal *u)
{
    IrBuilder *b = w->b;
    IrVal     *near = ir_log1p(b, ir_mul(b, ir_expm1(b, u), number(w, 0.5)));
    IrVal     *far = ir_sub(b, ir_softplus(b, u), number(w, form_log_prime[0]));
    return ir_select(b, ir_compare(b, IR_LT, u, number(w, 1)), near, far);
}

static IrVal *write_group(Writer *w, const Group *g)
{
    IrVal *r = write_ratio(w, &g->ratio), *below = NULL;
    double coefficient = 1;
    for (int i = 0; i < FORM_PRIMES; i++)
        for (int k = 0; k < g->like.prime[i]; k++) coefficient *= form_log_prime[i];
    if (coefficient != 1) r = scaled(w, coefficient, r);
    for (int s = 0; s < w->space->n_sums; s++) {
        if (!g->like.log[s]) continue;
        IrVal *l = g->less ? softplus_less_log2(w, u_value(w, s, g->flip ? -1 : 1)) : g->flip ? ir_softplus(w->b, u_value(w, s, -1)) : log_value(w, s);
        r = product(w, r, power(w, l, g->like.log[s]));
    }
    for (int i = 0; i < w->space->n_leaves; i++) {
        if (g->like.leaf[i] > 0) r = product(w, r, power(w, w->leaf[i], g->like.leaf[i]));
        if (g->like.leaf[i] < 0) below = product(w, below, power(w, w->leaf[i], -g->like.leaf[i]));
    }
    return below ? ir_div(w->b, r, below) : r;
}

static bool read_groups(const FormSpace *s, int sign, const Form *f, Groups *gs)
{
    if (!make_groups(s, f, gs)) return false;
    for (int i = 0; i < gs->n; i++)
        if (!gs->g[i].gone) try_flip(s, sign, gs, &gs->g[i]);
    for (int i = 0; i < gs->n; i++)
        if (!gs->g[i].gone) try_less(s, gs, &gs->g[i]);
    return true;
}

static IrVal *write_groups(Writer *w, const Groups *gs)
{
    IrVal *r = NULL;
    for (int i = 0; i < gs->n; i++)
        if (!gs->g[i].gone) r = sum(w, r, write_group(w, &gs->g[i]));
    return r ? r : number(w, 0);
}

/* M2 is wanted where logs and T, or two logs, remain beside each other. */
static bool wants_two_sides(const FormSpace *s, const Groups *gs)
{
    int logs = 0, ts = 0;
    for (int i = 0; i < gs->n; i++) {
        const Group *g = &gs->g[i];
        if (g->gone) continue;
        bool log = false, t = false;
        for (int k = 0; k < s->n_sums; k++) log |= g->like.log[k] != 0;
        for (int k = 0; k < s->n_leaves; k++) t |= g->like.leaf[k] != 0 && !q_is(s->direction[k], 0);
        logs += log;
        ts += t;
    }
    return s->has_direction && logs > 0 && (ts > 0 || logs > 1);
}

static IrVal *write_form(Writer *w, const Form *f)
{
    Groups *gs = arena_new_of(w->space->arena, Groups), *mirrored = arena_new_of(w->space->arena, Groups);
    if (!read_groups(w->space, 1, f, gs)) return NULL;
    if (!wants_two_sides(w->space, gs)) return write_groups(w, gs);
    FormSpace other;
    Form     *g = form_reflect(w->space, f, &other);
    if (!g || !read_groups(&other, -1, g, mirrored)) return NULL;
    Writer right = *w;
    right.space = &other;
    right.sign = -1;
    right.t = NULL;
    IrVal *t = t_value(w), *below = write_groups(w, gs), *above = write_groups(&right, mirrored);
    w->failed |= right.failed;
    return ir_select(w->b, ir_compare(w->b, IR_LT, t, number(w, 0)), below, above);
}

/* ---- the walk -------------------------------------------------------------------------------------------------------- */

struct Walk {
    IrBuilder *b;
    Arena     *scratch;
    IrVal    **map;                                         /* by id of the old value; NULL: not yet */
    uint32_t   n_map;
    bool       skip_derivatives;
};

static bool looked_at(const Walk *w, const IrVal *v)         /* does it stand in the block, and is it ours to change? */
{
    if (!v->def || v->def->block != w->b->block || v->id >= w->n_map) return false;
    return !w->skip_derivatives || v->def->why == IR_WHY_FORWARD;
}

static int count_functions(const Walk *w, const IrVal *v, int depth, int *nodes)
{
    Reading how = reading_of(v);
    if (how == READ_NOT || depth > DEEPEST || ++*nodes > TREE_NODES || !looked_at(w, v)) return 0;
    int n = how == READ_FUNCTION;
    for (int i = 0; i < v->def->n_args; i++) n += count_functions(w, v->def->arg[i], depth + 1, nodes);
    return n;
}

/* One function of a leaf, or a linear form of leaves: nothing to gain. */
static bool plain(const Walk *w, const IrVal *v)
{
    int nodes = 0, functions = count_functions(w, v, 0, &nodes);
    return functions == 0 || nodes > TREE_NODES || (functions == 1 && reading_of(v) == READ_FUNCTION && v->def->op != IR_log && v->def->op != IR_sqrt);
}

static bool is_head(const Walk *w, const IrVal *v)           /* M6 */
{
    return w->b->m->real == IR_F32 && v->type.elem == IR_F32 && v->type.rank == 0 && v->type.axes.n > 0;
}

static IrVal *rebuilt(Walk *w, IrVal *v, int depth)
{
    IrNode *n = v->def;
    bool    changed = false;
    IrVal **args = arena_array(w->scratch, IrVal *, n->n_args + 1);
    if (n->n_bodies || n->n_results != 1) return v;
    for (int i = 0; i < n->n_args; i++) {
        args[i] = rewrite(w, n->arg[i], depth + 1);
        changed |= args[i] != n->arg[i];
    }
    if (!changed) return v;
    w->b->span = n->span;
    w->b->why = n->why;
    return &ir_like(w->b, n, args)->result[0];
}

/* The tree below v through the form; NULL: it stays as written. Nodes of a failed try are left for dce. */
static IrVal *through_form(Walk *w, IrVal *v, int depth)
{
    FormSpace space = {.arena = w->scratch};
    Reader    r = {.space = &space};
    for (int i = 0; i < FORM_LEAVES; i++) space.direction[i] = Q_ZERO;
    Form *f = read(&r, v, 0);
    if (!f || (space.n_leaves == 1 && r.leaf[0] == v)) return NULL;
    bool   head = is_head(w, v);
    IrVal *leaf[FORM_LEAVES];
    Writer out = {.b = w->b, .elem = head ? IR_F64 : v->type.elem, .space = &space, .leaf = leaf, .sign = 1};
    for (int i = 0; i < space.n_leaves; i++) {
        IrVal *kept = rewrite(w, r.leaf[i], depth + 1);
        w->b->why = IR_WHY_STABILISED;
        leaf[i] = ir_convert(w->b, kept, out.elem);
    }
    w->b->span = v->def->span;
    w->b->why = IR_WHY_STABILISED;
    IrVal *made = write_form(&out, f);
    if (!made || out.failed) return NULL;
    made = ir_convert(w->b, made, v->type.elem);
    IrAxes lost = ir_axes_minus(v->type.axes, made->type.axes);     /* a leaf that cancelled */
    if (lost.n) made = ir_spread(w->b, made, lost);
    if (made->type.rank != v->type.rank) made = ir_fill(w->b, made, ir_dims_of(&v->type));
    return made;
}

/* M6 alone, for a single function: its head in f64. */
static IrVal *head_in_f64(Walk *w, IrVal *v, int depth)
{
    IrNode *n = v->def;
    IrVal  *args[3];
    if (n->n_args > 2) return NULL;
    for (int i = 0; i < n->n_args; i++) args[i] = ir_convert(w->b, rewrite(w, n->arg[i], depth + 1), IR_F64);
    w->b->span = n->span;
    w->b->why = IR_WHY_STABILISED;
    return ir_convert(w->b, &ir_like(w->b, n, args)->result[0], v->type.elem);
}

/* R1: log(sum exp v) is m + log(sum exp(v - m)), m the largest v, or 0 where that is not finite; also below a division by a number. */
static IrVal *shifted_log(Walk *w, IrVal *v, int depth)
{
    if (v->def->op != IR_log || !v->def->arg[0]->def) return NULL;
    IrNode *mean = v->def->arg[0]->def, *total = mean->op == IR_div && mean->arg[1]->def && mean->arg[1]->def->op == IR_const ? mean->arg[0]->def : mean;
    if (!total || total->op != IR_sum || !total->arg[0]->def || total->arg[0]->def->op != IR_exp) return NULL;
    if (total->attr.dims.n + total->attr.over.n != 1) return NULL;
    IrBuilder *b = w->b;
    bool       over = total->attr.over.n == 1;
    IrVal     *x = rewrite(w, total->arg[0]->def->arg[0], depth + 1);
    b->span = v->def->span;
    b->why = IR_WHY_STABILISED;
    IrVal *most = over ? ir_reduce_max_over(b, x, total->attr.over.id[0]) : ir_reduce_max(b, x, (int)total->attr.dims.v[0]);
    IrVal *huge = ir_const_like(b, most, 3.0e38);
    IrVal *finite = ir_compare(b, IR_LT, ir_abs(b, most), huge);
    IrVal *m = ir_stop(b, ir_select(b, finite, most, ir_const_like(b, most, 0)));
    IrVal *up = m;
    if (!over && x->type.rank > 1) {
        IrInts kept = {0};
        for (int i = 0; i < x->type.rank; i++)
            if (i != total->attr.dims.v[0]) kept.v[kept.n++] = i;
        up = ir_broadcast(b, m, ir_dims_of(&x->type), kept);
    }
    IrVal *e = ir_exp(b, ir_sub(b, x, up));
    IrVal *s = over ? ir_sum_over(b, e, total->attr.over) : ir_sum(b, e, total->attr.dims);
    if (mean != total) s = ir_div(b, s, mean->arg[1]);
    return ir_add(b, m, ir_log(b, s));
}

/* R2: sqrt(sum(x*x)) is norm(x). */
static IrVal *as_norm(Walk *w, IrVal *v, int depth)
{
    if (v->def->op != IR_sqrt || !v->def->arg[0]->def) return NULL;
    IrNode *total = v->def->arg[0]->def;
    if (total->op != IR_sum || total->attr.over.n || !total->arg[0]->def) return NULL;
    IrNode *square = total->arg[0]->def;
    if (square->op != IR_mul || square->arg[0] != square->arg[1]) return NULL;
    IrVal *x = rewrite(w, square->arg[0], depth + 1);
    w->b->span = v->def->span;
    w->b->why = IR_WHY_STABILISED;
    return ir_norm(w->b, x, total->attr.dims);
}

static IrVal *rewrite(Walk *w, IrVal *v, int depth)
{
    if (!looked_at(w, v) || depth > DEEPEST) return v;
    if (w->map[v->id]) return w->map[v->id];
    IrVal *r = NULL;
    if (reading_of(v) == READ_FUNCTION) {
        r = shifted_log(w, v, depth);
        if (!r) r = as_norm(w, v, depth);
    }
    if (!r && reading_of(v) != READ_NOT && !plain(w, v)) r = through_form(w, v, depth);
    if (!r && reading_of(v) == READ_FUNCTION && is_head(w, v)) r = head_in_f64(w, v, depth);
    if (!r) r = rebuilt(w, v, depth);
    return w->map[v->id] = r;
}

/* Values that other rows than those of the form use, in order, so that recursion stays within trees. */
static void rewrite_below(Walk *w, IrVal *const *roots, int n_roots)
{
    char *needed = calloc(w->n_map + 1, 1);
    if (!needed) return;
    for (int i = 0; i < n_roots; i++)
        if (looked_at(w, roots[i])) needed[roots[i]->id] = 1;
    for (IrNode *n = w->b->block->last; n; n = n->prev) {
        bool wanted = false;
        for (int i = 0; i < n->n_results; i++) wanted |= n->result[i].id < w->n_map && needed[n->result[i].id];
        for (int i = 0; i < n->n_args && wanted; i++)
            if (n->arg[i]->id < w->n_map) needed[n->arg[i]->id] = 1;
    }
    IrNode *last = w->b->block->last;
    for (IrNode *n = w->b->block->first, *next; n; n = next) {
        next = n == last ? NULL : n->next;
        bool wanted = n->n_results == 1 && needed[n->result[0].id < w->n_map ? n->result[0].id : w->n_map];
        if (wanted && reading_of(&n->result[0]) == READ_NOT) rewrite(w, &n->result[0], 0);
    }
    free(needed);
}

static Walk walk_in(IrBuilder *b, bool skip_derivatives)
{
    Walk w = {.b = b, .scratch = arena_new(), .n_map = b->m->next_id, .skip_derivatives = skip_derivatives};
    w.map = arena_array(w.scratch, IrVal *, w.n_map + 1);
    return w;
}

IrVal *opt_stabilise_value(IrBuilder *b, IrVal *v)
{
    IrBuilder saved = *b;
    Walk      w = walk_in(b, false);
    rewrite_below(&w, &v, 1);
    IrVal *r = rewrite(&w, v, 0);
    arena_free(w.scratch);
    b->span = saved.span;
    b->why = saved.why;
    return r;
}

void opt_stabilise(IrModule *m, IrFn *f)
{
    IrBuilder b = {.m = m, .block = &f->body};
    Walk      w = walk_in(&b, true);
    int       n = f->commits.n + f->reports.n;
    IrVal   **roots = arena_array(w.scratch, IrVal *, n + 1);
    for (int i = 0; i < f->commits.n; i++) roots[i] = f->commits.v[i].val;
    for (int i = 0; i < f->reports.n; i++) roots[f->commits.n + i] = f->reports.v[i].val;
    rewrite_below(&w, roots, n);
    for (int i = 0; i < f->commits.n; i++) f->commits.v[i].val = rewrite(&w, f->commits.v[i].val, 0);
    for (int i = 0; i < f->reports.n; i++) f->reports.v[i].val = rewrite(&w, f->reports.v[i].val, 0);
    arena_free(w.scratch);
}
