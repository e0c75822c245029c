/* tree_local.c - rules of stabilise that look at a few rows instead of a form. See tree.h.
 *
 * R1 is in tree_log.c, R3 in tree_moments.c, R4 in tree_share.c, R5 in tree_product.c. R2 the root of a sum of squares has derivative 0 where it is 0,
 * and the product of two such roots is a polynomial; where no form helps,
 * log(1 + x) is log1p(x), and exp(x) - 1 expm1(x). */
#include "compiler/opt/equal.h"
#include "compiler/opt/tree.h"

#include <math.h>

static IrNode *made_by(IrVal *v, IrOp op) { return v->def && v->def->op == op ? v->def : NULL; }

/* ---- R2 --------------------------------------------------------------------------------------------------------- */

enum { MOST_SQUARES = 32, MOST_DEPTH = 6 };

/* Where squares are looked for: in the block that is walked over, or in the body of a loop. */
typedef struct Place {
    Walk *w;
    const IrBlock *block;
    unsigned carried; /* of a body: parameters that are squares when a round begins */
    int nodes;
} Place;

static Place in_block(Walk *w) { return (Place){.w = w, .block = w->b->block}; }

static bool is_ours(const Walk *w, const IrVal *v) { return v->def && v->def->block == w->b->block; }

static bool is_at_least_0(const IrVal *v)
{
    double c;
    return ir_is_const(v, &c) && c >= 0;
}

static bool same_rows(const IrVal *a, const IrVal *b, int depth)
{
    if (a == b) return true;
    const IrNode *n = a->def, *m = b->def;
    bool same = n && m && depth && n->n_results == 1 && n->attr->stream < 0 && !(ir_op_info[n->op].flags & IR_EFFECT) && equal_heads(n, m);
    for (int i = 0; same && i < n->n_args; i++) same = same_rows(n->arg[i], m->arg[i], depth - 1);
    return same;
}

static bool same_in(const Place *in, const IrVal *a, const IrVal *b)
{
    return in->block == in->w->b->block ? tree_same_value(in->w, a, b) : same_rows(a, b, MOST_DEPTH);
}

/* Every element with itself: no free dims. */
static bool is_own_product(const Place *in, const IrNode *n)
{
    bool own = n->n_args == 2 && same_in(in, n->arg[0], n->arg[1]) && n->attr->contract.n + n->attr->batch.n == n->arg[0]->type.rank;
    for (int i = 0; i < n->attr->contract.n && own; i++) own = n->attr->contract.a[i] == n->attr->contract.b[i];
    for (int i = 0; i < n->attr->batch.n && own; i++) own = n->attr->batch.a[i] == n->attr->batch.b[i];
    return own;
}

static IrInts all_dims(const IrVal *v)
{
    IrInts dims = {.n = v->type.rank};
    for (int i = 0; i < dims.n; i++) dims.v[i] = i;
    return dims;
}

static bool is_even(const IrVal *v)
{
    double k;
    return ir_is_const(v, &k) && (k == 2 || k == 4 || k == 6 || k == 8);
}

/* Is v known to be nowhere negative: a mask, a list of numbers, a share? Whether it is 0 says nothing. */
static bool is_weight(Place *in, const IrVal *v)
{
    const IrNode *n = v->def;
    if (is_at_least_0(v) || tree_is_positive(v)) return true;
    if (!n || n->block != in->block || ++in->nodes > MOST_SQUARES) return false;
    bool all = true;
    switch (n->op) {
    case IR_abs:
    case IR_norm:
        return true;
    case IR_convert:
        return n->arg[0]->type.elem == IR_BOOL || is_weight(in, n->arg[0]);
    case IR_max:
        return is_weight(in, n->arg[0]) || is_weight(in, n->arg[1]);
    case IR_mul:
        if (same_in(in, n->arg[0], n->arg[1])) return true;
        break;
    case IR_add:
    case IR_div:
    case IR_min:
    case IR_concat:
    case IR_sum:
    case IR_reshape:
    case IR_transpose:
    case IR_broadcast:
    case IR_spread:
    case IR_slice:
    case IR_reverse:
    case IR_as_sample:
    case IR_as_feature:
    case IR_stop:
        break;
    case IR_select:
        return is_weight(in, n->arg[1]) && is_weight(in, n->arg[2]);
    default:
        return false;
    }
    for (int i = 0; i < n->n_args && all; i++) all = is_weight(in, n->arg[i]);
    return all;
}

static bool is_squares(Place *in, const IrVal *v);

/* Of a loop: what it carries, if that begins as squares and is so after a round, or what a round gives. */
static bool is_loop_of_squares(Place *in, const IrVal *v)
{
    const IrNode *n = v->def;
    int carried = (int)n->attr->carried;
    Place body = {.w = in->w, .block = n->body[0], .nodes = in->nodes};
    for (int i = 0; i < carried && i < 32; i++)
        if (is_squares(in, n->arg[i])) body.carried |= 1u << i;
    for (bool changed = true; changed;) { /* one that a round makes something else of is none from the second on */
        changed = false;
        for (int i = 0; i < carried && i < 32; i++) {
            if (!(body.carried >> i & 1) || is_squares(&body, n->body[0]->yield[i])) continue;
            body.carried &= ~(1u << i);
            changed = true;
        }
    }
    if (v->index < carried) return v->index < 32 && (body.carried >> v->index & 1);
    return is_squares(&body, n->body[0]->yield[v->index]);
}

static bool is_squares_row(Place *in, const IrVal *v)
{
    const IrNode *n = v->def;
    IrVal *const *arg = n->arg;
    bool all = true;
    switch (n->op) {
    case IR_const:
        return n->attr->value == 0;
    case IR_mul:
        return same_in(in, arg[0], arg[1]) || (is_weight(in, arg[0]) && is_squares(in, arg[1])) ||
               (is_weight(in, arg[1]) && is_squares(in, arg[0]));
    case IR_div:
        return is_weight(in, arg[1]) && is_squares(in, arg[0]);
    case IR_pow:
        return is_even(arg[1]);
    case IR_add:
    case IR_min:
        return is_squares(in, arg[0]) && is_squares(in, arg[1]);
    case IR_max:
        return (is_at_least_0(arg[1]) || is_squares(in, arg[1])) && (is_at_least_0(arg[0]) || is_squares(in, arg[0]));
    case IR_abs:
    case IR_norm:
        return true;
    case IR_select:
        return is_squares(in, arg[1]) && is_squares(in, arg[2]);
    case IR_dot:
        if (n->n_args != 2) return false;
        return is_own_product(in, n) || (is_weight(in, arg[0]) && is_squares(in, arg[1])) ||
               (is_weight(in, arg[1]) && is_squares(in, arg[0]));
    case IR_concat:
        for (int i = 0; i < n->n_args && all; i++) all = is_squares(in, arg[i]);
        return all;
    case IR_scan:
        return is_loop_of_squares(in, v);
    case IR_sum:
    case IR_reduce_max:
    case IR_cumsum:
    case IR_convert:
    case IR_reshape:
    case IR_transpose:
    case IR_broadcast:
    case IR_spread:
    case IR_slice:
    case IR_reverse:
    case IR_gather:
    case IR_as_sample:
    case IR_as_feature:
        return ir_is_real(arg[0]->type.elem) && is_squares(in, arg[0]);
    default:
        return false;
    }
}

/* Is v made of squares: nowhere negative, and where it is 0 of derivative 0? */
static bool is_squares(Place *in, const IrVal *v)
{
    bool walked = in->block == in->w->b->block;
    const NodeInfo *i = walked ? tree_info(in->w, v) : NULL;
    if (i && i->local) v = i->local;
    for (int k = 0; !walked && !v->def && k < in->block->n_params && k < 32; k++)
        if (in->block->param[k] == v) return in->carried >> k & 1;
    return v->def && v->def->block == in->block && ++in->nodes <= MOST_SQUARES && is_squares_row(in, v);
}

/* Of v = a square root of x * x, |x|, or of such a sum over dims, a norm: x, and the dims; else NULL. */
static IrVal *under_root(Walk *w, const IrVal *v, IrInts *dims)
{
    const IrNode *n = v->def;
    dims->n = 0;
    Place in = in_block(w);
    if (n->op == IR_dot && is_own_product(&in, n) && !n->attr->batch.n && !(n->attr->pair_over && n->attr->pair_over[0].n)) {
        for (int i = 0; i < n->arg[0]->type.rank; i++) dims->v[dims->n++] = i;
        return n->arg[0];
    }
    if (n->op == IR_sum && !n->attr->over.n) {
        *dims = n->attr->dims;
        v = n->arg[0];
    }
    bool square = is_ours(w, v) && v->def->op == IR_mul && tree_same_value(w, v->def->arg[0], v->def->arg[1]);
    return square ? v->def->arg[0] : NULL;
}

/* The root or power v of s where `squares` is not 0, else 0. */
static IrVal *zero_apart(IrBuilder *b, const IrVal *v, IrVal *s, IrVal *squares)
{
    const IrNode *n = v->def;
    IrVal *zero = ir_compare(b, IR_EQ, squares, ir_const_like(b, squares, 0));
    IrVal *args[2] = {ir_select(b, zero, ir_const_like(b, s, 1), s), n->n_args > 1 ? n->arg[1] : NULL};
    return ir_select(b, zero, ir_const_like(b, s, 0), ir_like(b, n, args)->result);
}

/* The squares of v without their weights, whose signs are not known: 0 only where all the squares are. NULL: v is not that. */
static IrVal *unweighted(Place *in, IrBuilder *b, IrVal *v)
{
    Place own = in_block(in->w);
    if (is_squares(&own, v)) return tree_best(in->w, v);
    const NodeInfo *i = tree_info(in->w, v);
    if (i && i->local) v = i->local;
    const IrNode *n = v->def;
    if (!n || n->block != in->block || ++in->nodes > MOST_SQUARES || !ir_is_real(v->type.elem)) return NULL;
    IrVal *a = NULL, *c = NULL;
    switch (n->op) {
    case IR_mul:
        a = unweighted(in, b, n->arg[0]);
        return a ? a : unweighted(in, b, n->arg[1]);
    case IR_div:
        return unweighted(in, b, n->arg[0]);
    case IR_add:
        a = unweighted(in, b, n->arg[0]), c = a ? unweighted(in, b, n->arg[1]) : NULL;
        return c ? ir_add(b, a, c) : NULL;
    case IR_dot:
        if (n->n_args != 2 || n->attr->batch.n || (n->attr->pair_over && n->attr->pair_over[0].n)) return NULL;
        for (int i = 0; i < 2 && !a; i++)
            if (n->attr->contract.n == n->arg[i]->type.rank) a = unweighted(in, b, n->arg[i]);
        return a && a->type.rank ? ir_sum(b, a, all_dims(a)) : a;
    case IR_sum:
    case IR_convert:
    case IR_reshape:
    case IR_slice:
    case IR_as_sample:
    case IR_as_feature:
        a = unweighted(in, b, n->arg[0]);
        if (a && a->type.rank == 0 && n->arg[0]->type.rank) a = ir_fill(b, a, ir_dims_of(&n->arg[0]->type));
        if (a) a = ir_spread(b, a, ir_axes_minus(n->arg[0]->type.axes, a->type.axes));
        return a ? ir_like(b, n, &a)->result : NULL;
    default:
        return NULL;
    }
}

static bool is_half(const IrVal *k)
{
    double c;
    return ir_is_const(k, &c) && c == 0.5;
}

static bool is_root(const IrNode *n)
{
    double k = 0.5;
    if (n->op != IR_sqrt && (n->op != IR_pow || !ir_is_const(n->arg[1], &k))) return false;
    return k > 0 && k != (double)(int64_t)k;
}

/* sqrt(s), or s to a power that is not whole, has no derivative where s is 0: it is a cone there, or flat, and 0 is a
 * subgradient. Known rows say so, sqrt(sum(x*x)) being norm(x) and sqrt(x*x) abs(x); else the 0 is kept apart. */
IrVal *tree_root_rule(Walk *w, IrVal *v)
{
    IrNode *n = v->def;
    IrInts dims;
    if (!is_root(n)) return NULL;
    IrBuilder b = tree_before(w, v);
    Place in = in_block(w), of = in;
    if (!is_squares(&in, n->arg[0])) {
        IrVal *s = tree_as_squares(w, n->arg[0], v), *squares = s ? s : unweighted(&of, &b, n->arg[0]);
        return squares ? zero_apart(&b, v, s ? s : tree_best(w, n->arg[0]), squares) : NULL;
    }
    IrVal *x = n->op == IR_sqrt || is_half(n->arg[1]) ? under_root(w, n->arg[0], &dims) : NULL;
    if (x) return dims.n ? ir_norm(&b, tree_best(w, x), dims) : ir_abs(&b, tree_best(w, x));
    IrVal *s = tree_best(w, n->arg[0]);
    return zero_apart(&b, v, s, s);
}

/* ---- squares of roots ------------------------------------------------------------------------------------------- */

enum { MOST_FACTORS = 8 };

/* c times all of v */
typedef struct Product {
    double c;
    int n;
    IrVal *v[MOST_FACTORS];
} Product;

static IrVal *behind(Walk *w, IrVal *v)
{
    const NodeInfo *i = tree_info(w, v);
    return i && i->local ? i->local : v;
}

/* v without what it is multiplied by, which goes into *c. */
static IrVal *unscaled(Walk *w, IrVal *v, double *c)
{
    double k;
    for (int rows = 0;; rows++) {
        const IrNode *n = is_ours(w, v) && rows < MOST_SQUARES ? v->def : NULL;
        if (n && n->op == IR_neg)
            *c = -*c, v = n->arg[0];
        else if (n && n->op == IR_div && ir_is_const(n->arg[1], &k))
            *c /= k, v = n->arg[0];
        else if (n && n->op == IR_mul && (ir_is_const(n->arg[0], &k) || ir_is_const(n->arg[1], &k)))
            *c *= k, v = n->arg[ir_is_const(n->arg[0], &k)];
        else
            return v;
    }
}

/* False: too many. */
static bool add_factors(Walk *w, IrVal *v, Product *p)
{
    v = unscaled(w, v, &p->c);
    const IrNode *n = is_ours(w, v) && behind(w, v) == v ? v->def : NULL;
    if (n && n->op == IR_mul) return add_factors(w, n->arg[0], p) && add_factors(w, n->arg[1], p);
    if (p->n == MOST_FACTORS) return false;
    p->v[p->n++] = v;
    return true;
}

/* k times the root of the sum of the squares of x over dims, or, x being NULL, of s. */
typedef struct Root {
    double k;
    IrVal *x, *s;
    IrInts dims;
} Root;

static bool root_of(Walk *w, IrVal *v, Root *r)
{
    const IrNode *n = is_ours(w, v) ? v->def : NULL;
    Place in = in_block(w);
    *r = (Root){.k = 1};
    if (n && (n->op == IR_abs || n->op == IR_norm)) {
        r->x = n->arg[0];
        r->dims = n->attr->dims;
        if (n->op == IR_abs) r->dims.n = 0;
    } else if (n && is_root(n) && (n->op == IR_sqrt || is_half(n->arg[1])) && is_squares(&in, n->arg[0])) {
        r->s = unscaled(w, n->arg[0], &r->k);
        if (!(r->k >= 0) || !is_ours(w, r->s)) return false;
        r->k = sqrt(r->k);
        r->x = under_root(w, r->s, &r->dims);
    } else {
        return false;
    }
    if (r->x) r->x = unscaled(w, r->x, &r->k);
    r->k = fabs(r->k);
    return true;
}

static bool same_dims(const IrInts *a, const IrInts *b)
{
    bool same = a->n == b->n;
    for (int i = 0; i < a->n && same; i++) same = a->v[i] == b->v[i];
    return same;
}

/* Is p q, or -q? */
static bool same_size(const Walk *w, const IrVal *p, const IrVal *q)
{
    const IrNode *n = p->def, *m = q->def;
    if (tree_same_value(w, p, q)) return true;
    bool differences = n && m && n->op == IR_sub && m->op == IR_sub;
    return differences && tree_same_value(w, n->arg[0], m->arg[1]) && tree_same_value(w, n->arg[1], m->arg[0]);
}

static bool is_same_root(const Walk *w, const Root *a, const Root *b)
{
    if (a->x && b->x) return same_dims(&a->dims, &b->dims) && same_size(w, a->x, b->x);
    return !a->x && !b->x && tree_same_value(w, a->s, b->s);
}

static IrVal *square(Walk *w, IrBuilder *b, const Root *r)
{
    if (!r->x) return tree_best(w, r->s);
    IrVal *x = tree_best(w, r->x), *all = ir_mul(b, x, x);
    return r->dims.n ? ir_sum(b, all, r->dims) : all;
}

static bool find_pair(Walk *w, const Product *p, int *i, int *k, Root *a, Root *b)
{
    for (*i = 0; *i < p->n; ++*i)
        for (*k = *i + 1; root_of(w, p->v[*i], a) && *k < p->n; ++*k)
            if (root_of(w, p->v[*k], b) && is_same_root(w, a, b)) return true;
    return false;
}

/* |x|^2, |x| |2x|, norm(x)^2 and sqrt(s)^2, also with factors between, are polynomials, at 0 too, where the root has no second derivative. */
static IrVal *square_of_root(Walk *w, IrVal *v)
{
    Product p = {.c = 1};
    Root a, other;
    int i, k;
    if (v->def->op != IR_mul || !add_factors(w, v, &p) || !find_pair(w, &p, &i, &k, &a, &other)) return NULL;
    IrBuilder b = tree_before(w, v);
    IrVal *all = square(w, &b, &a);
    double c = p.c * a.k * other.k;
    if (c != 1) all = ir_mul(&b, all, ir_const_like(&b, all, c));
    for (int j = 0; j < p.n; j++)
        if (j != i && j != k) all = ir_mul(&b, all, tree_best(w, p.v[j]));
    return all;
}

/* Squares of what the form holds are the form's. */
static bool has_functions(Walk *w, const IrVal *v)
{
    const NodeInfo *i = tree_info(w, v);
    return i && i->functions > 0;
}

IrVal *tree_local_rule(Walk *w, IrVal *v)
{
    if (v->def->n_results != 1 || !ir_is_real(v->type.elem)) return NULL;
    IrVal *r = tree_share_rule(w, v, false);
    if (!r) r = tree_log_rule(w, v, false);
    if (!r) r = square_of_root(w, v);
    if (!r) r = tree_product_rule(w, v);
    if (!r) r = tree_moments_rule(w, v);
    return r || v->def->n_args == 0 || has_functions(w, v->def->arg[0]) ? r : tree_root_rule(w, v);
}

static bool is_one(const IrVal *v)
{
    double c;
    return ir_is_const(v, &c) && c == 1;
}

/* log(1 + exp(x)) and log1p(exp(x)), whatever x is */
static IrVal *softplus_of(Walk *w, IrVal *v)
{
    IrNode *n = v->def, *s = n->op == IR_log ? made_by(n->arg[0], IR_add) : NULL, *e = NULL;
    if (n->op == IR_log1p) e = made_by(n->arg[0], IR_exp);
    for (int i = 0; s && i < 2; i++)
        if (is_one(s->arg[i]) && made_by(s->arg[1 - i], IR_exp)) e = s->arg[1 - i]->def;
    if (!e || e->block != w->b->block) return NULL;
    IrBuilder b = tree_before(w, v);
    return ir_softplus(&b, tree_best(w, e->arg[0]));
}

/* A product of what is above 0, of which one factor at most may be above 1, softplus: it does not overflow where its operands do not. */
static bool is_tame(Walk *w, const IrVal *v, int *large)
{
    const IrNode *n = v->def;
    double c;
    if (ir_is_const(v, &c)) return c > 0 && c <= 1;
    if (!n || n->block != w->b->block) return false;
    if (n->op == IR_mul) return is_tame(w, n->arg[0], large) && is_tame(w, n->arg[1], large);
    if (n->op == IR_softplus) return ++*large == 1;
    return n->op == IR_sigmoid || n->op == IR_dsigmoid || (tree_row(w, v) == READ_SAME && is_tame(w, n->arg[0], large));
}

/* log(1 + x); tame: of an x that is. */
static IrVal *log_of_one_plus(Walk *w, IrVal *v, bool tame)
{
    IrNode *s = v->def->op == IR_log ? made_by(v->def->arg[0], IR_add) : NULL;
    if (!s || !(is_one(s->arg[0]) || is_one(s->arg[1]))) return NULL;
    int large = 0;
    if (tame && !is_tame(w, s->arg[is_one(s->arg[0])], &large)) return NULL;
    IrBuilder b = tree_before(w, v);
    return ir_log1p(&b, tree_best(w, s->arg[is_one(s->arg[0])]));
}

/* exp(x) - 1 and 1 - exp(x); what is no exponential as it is written may have become one: 1 - sqrt(sigmoid(x)). */
static IrVal *exp_less_one(Walk *w, IrVal *v)
{
    IrNode *n = v->def;
    bool less = n->op == IR_sub && is_one(n->arg[1]), opposite = n->op == IR_sub && is_one(n->arg[0]);
    IrNode *e = less || opposite ? made_by(tree_best(w, n->arg[opposite]), IR_exp) : NULL;
    if (!e) return NULL;
    IrBuilder b = tree_before(w, v);
    IrVal *made = ir_expm1(&b, tree_best(w, e->arg[0]));
    return opposite ? ir_neg(&b, made) : made;
}

IrVal *tree_small_rule(Walk *w, IrVal *v)
{
    IrVal *r = softplus_of(w, v);
    if (!r) r = log_of_one_plus(w, v, true);
    if (!r) r = tree_log_rule(w, v, true);
    if (!r) r = tree_share_rule(w, v, true);
    if (!r) r = tree_root_rule(w, v);
    if (!r) r = log_of_one_plus(w, v, false);
    return r ? r : exp_less_one(w, v);
}
