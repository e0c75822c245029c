/* tree_local.c - rules of stabilise that look at a few rows instead of a form. See tree.h.
 *
 * R1 is in tree_log.c, R3 in tree_moments.c. R2 the root of a sum of squares has derivative 0 where it is 0, and its square is a polynomial;
 * exp(x) / exp(y) is exp(x - y), where no form holds both; where no form helps,
 * log(1 + x) is log1p(x), and exp(x) - 1 expm1(x). */
#include "compiler/opt/tree.h"

static IrNode *made_by(IrVal *v, IrOp op) { return v->def && v->def->op == op ? v->def : NULL; }

/* ---- R2 --------------------------------------------------------------------------------------------------------- */

enum { MOST_SQUARES = 32 };

static bool is_ours(const Walk *w, const IrVal *v) { return v->def && v->def->block == w->b->block; }

static bool is_at_least_0(const IrVal *v)
{
    double c;
    return ir_is_const(v, &c) && c >= 0;
}

/* Every element with itself: no free dims. */
static bool is_own_product(const Walk *w, const IrNode *n)
{
    bool own = n->n_args == 2 && tree_same_value(w, n->arg[0], n->arg[1]) &&
               n->attr.contract.n + n->attr.batch.n == n->arg[0]->type.rank;
    for (int i = 0; i < n->attr.contract.n && own; i++) own = n->attr.contract.a[i] == n->attr.contract.b[i];
    for (int i = 0; i < n->attr.batch.n && own; i++) own = n->attr.batch.a[i] == n->attr.batch.b[i];
    return own;
}

static bool is_even(const IrVal *v)
{
    double k;
    return ir_is_const(v, &k) && (k == 2 || k == 4 || k == 6 || k == 8);
}

/* Is v made of squares: nowhere negative, and where it is 0 of derivative 0? */
static bool is_squares(Walk *w, const IrVal *v, int *nodes)
{
    const NodeInfo *i = tree_info(w, v);
    if (i && i->local) v = i->local;
    if (!is_ours(w, v) || ++*nodes > MOST_SQUARES) return false;
    const IrNode *n = v->def;
    IrVal *const *arg = n->arg;
    switch (n->op) {
    case IR_const:
        return n->attr.value == 0;
    case IR_mul:
        return tree_same_value(w, arg[0], arg[1]) || (is_at_least_0(arg[0]) && is_squares(w, arg[1], nodes)) ||
               (is_at_least_0(arg[1]) && is_squares(w, arg[0], nodes));
    case IR_div:
        return is_at_least_0(arg[1]) && is_squares(w, arg[0], nodes);
    case IR_pow:
        return is_even(arg[1]);
    case IR_add:
    case IR_min:
        return is_squares(w, arg[0], nodes) && is_squares(w, arg[1], nodes);
    case IR_max:
        return (is_at_least_0(arg[1]) || is_squares(w, arg[1], nodes)) &&
               (is_at_least_0(arg[0]) || is_squares(w, arg[0], nodes));
    case IR_abs:
    case IR_norm:
        return true;
    case IR_select:
        return is_squares(w, arg[1], nodes) && is_squares(w, arg[2], nodes);
    case IR_dot:
        return is_own_product(w, n);
    case IR_sum:
    case IR_convert:
    case IR_reshape:
    case IR_transpose:
    case IR_broadcast:
    case IR_spread:
    case IR_slice:
    case IR_reverse:
        return ir_is_real(arg[0]->type.elem) && is_squares(w, arg[0], nodes);
    default:
        return false;
    }
}

/* Of v = a square root of x * x, |x|, or of such a sum over dims, a norm: x, and the dims; else NULL. */
static IrVal *under_root(const Walk *w, const IrVal *v, IrInts *dims)
{
    const IrNode *n = v->def;
    dims->n = 0;
    if (n->op == IR_dot && is_own_product(w, n) && !n->attr.batch.n && !(n->attr.pair_over && n->attr.pair_over[0].n)) {
        for (int i = 0; i < n->arg[0]->type.rank; i++) dims->v[dims->n++] = i;
        return n->arg[0];
    }
    if (n->op == IR_sum && !n->attr.over.n) {
        *dims = n->attr.dims;
        v = n->arg[0];
    }
    bool square = is_ours(w, v) && v->def->op == IR_mul && tree_same_value(w, v->def->arg[0], v->def->arg[1]);
    return square ? v->def->arg[0] : NULL;
}

/* The root or power v of s where s is not 0, else 0. */
static IrVal *zero_apart(IrBuilder *b, const IrVal *v, IrVal *s)
{
    const IrNode *n = v->def;
    IrVal *zero = ir_compare(b, IR_EQ, s, ir_const_like(b, s, 0));
    IrVal *args[2] = {ir_select(b, zero, ir_const_like(b, s, 1), s), n->n_args > 1 ? n->arg[1] : NULL};
    return ir_select(b, zero, ir_const_like(b, s, 0), ir_like(b, n, args)->result);
}

/* sqrt(s), or s to a power that is not whole, has no derivative where s is 0: it is a cone there, or flat, and 0 is a
 * subgradient. Known rows say so, sqrt(sum(x*x)) being norm(x) and sqrt(x*x) abs(x); else the 0 is kept apart. */
static IrVal *root_of_squares(Walk *w, IrVal *v)
{
    double k = 0.5;
    int nodes = 0;
    IrNode *n = v->def;
    IrInts dims;
    if (n->op != IR_sqrt && (n->op != IR_pow || !ir_is_const(n->arg[1], &k))) return NULL;
    if (!(k > 0) || k == (double)(int64_t)k) return NULL;
    IrBuilder b = tree_before(w, v);
    if (!is_squares(w, n->arg[0], &nodes)) {
        IrVal *squares = tree_as_squares(w, n->arg[0], v);
        return squares ? zero_apart(&b, v, squares) : NULL;
    }
    IrVal *x = k == 0.5 ? under_root(w, n->arg[0], &dims) : NULL;
    if (x) return dims.n ? ir_norm(&b, tree_best(w, x), dims) : ir_abs(&b, tree_best(w, x));
    return zero_apart(&b, v, tree_best(w, n->arg[0]));
}

/* |x|^2, norm(x)^2 and sqrt(s)^2 are polynomials, at 0 too, where the root has no second derivative. */
static IrVal *square_of_root(Walk *w, IrVal *v)
{
    int nodes = 0;
    IrNode *n = v->def;
    if (n->op != IR_mul || !is_ours(w, n->arg[0]) || !tree_same_value(w, n->arg[0], n->arg[1])) return NULL;
    IrNode *root = n->arg[0]->def;
    IrBuilder b = tree_before(w, v);
    if (root->op == IR_sqrt) return is_squares(w, root->arg[0], &nodes) ? tree_best(w, root->arg[0]) : NULL;
    if (root->op != IR_abs && root->op != IR_norm) return NULL;
    IrVal *x = tree_best(w, root->arg[0]), *square = ir_mul(&b, x, x);
    return root->op == IR_abs ? square : ir_sum(&b, square, root->attr.dims);
}

/* Squares of what the form holds are the form's. */
static bool has_functions(Walk *w, const IrVal *v)
{
    const NodeInfo *i = tree_info(w, v);
    return i && i->functions > 0;
}

enum { MOST_LEAVES = 8 };
typedef struct Leaves { int n; IrVal *v[MOST_LEAVES]; } Leaves;

/* What the sum or product v is made of; false: of too much. */
static bool add_leaves(Walk *w, IrVal *v, Leaves *to)
{
    Reading how = tree_reading(w, v);
    if (how == READ_NUMBER) return true;
    if (how == READ_SAME || how == READ_ALGEBRA) {
        for (int i = 0; i < v->def->n_args; i++)
            if (!add_leaves(w, v->def->arg[i], to)) return false;
        return true;
    }
    if (to->n == MOST_LEAVES) return false;
    to->v[to->n++] = v;
    return true;
}

/* Nothing is in both: then no form over one of them holds the other. */
static bool are_apart(Walk *w, IrVal *p, IrVal *q)
{
    const NodeInfo *i = tree_info(w, p), *k = tree_info(w, q);
    Leaves a = {0}, b = {0};
    if ((i && i->size > TREE_NODES) || (k && k->size > TREE_NODES)) return false;
    bool apart = add_leaves(w, p, &a) && add_leaves(w, q, &b);
    for (int m = 0; m < a.n; m++)
        for (int n = 0; n < b.n; n++) apart = apart && !tree_same_value(w, a.v[m], b.v[n]);
    return apart;
}

/* p is q and a number. */
static bool is_beside(const Walk *w, const IrVal *p, const IrVal *q)
{
    const IrNode *n = p->def;
    bool sum = n && (n->op == IR_add || n->op == IR_sub);
    return sum && ((ir_is_const(n->arg[1], NULL) && tree_same_value(w, n->arg[0], q)) ||
                   (n->op == IR_add && ir_is_const(n->arg[0], NULL) && tree_same_value(w, n->arg[1], q)));
}

/* exp(x) / exp(y) and exp(x) * exp(y), of two directions: one of them may overflow, or both vanish, where the result does not. */
static IrVal *one_exp(Walk *w, IrVal *v)
{
    IrNode *n = v->def;
    if (n->op != IR_div && n->op != IR_mul) return NULL;
    IrNode *x = made_by(n->arg[0], IR_exp), *y = made_by(n->arg[1], IR_exp);
    if (!x || !y || x->block != w->b->block || y->block != w->b->block) return NULL;
    IrVal *p = x->arg[0], *q = y->arg[0];
    bool beside = n->op == IR_div && (is_beside(w, p, q) || is_beside(w, q, p));
    if (!beside && !are_apart(w, p, q)) return NULL;
    IrBuilder b = tree_before(w, v);
    p = tree_best(w, p), q = tree_best(w, q);
    return ir_exp(&b, n->op == IR_div ? ir_sub(&b, p, q) : ir_add(&b, p, q));
}

IrVal *tree_local_rule(Walk *w, IrVal *v)
{
    if (v->def->n_results != 1 || !ir_is_real(v->type.elem)) return NULL;
    IrVal *r = tree_log_rule(w, v, false);
    if (!r) r = square_of_root(w, v);
    if (!r) r = one_exp(w, v);
    if (!r) r = tree_moments_rule(w, v);
    return r || v->def->n_args == 0 || has_functions(w, v->def->arg[0]) ? r : root_of_squares(w, v);
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

static IrVal *log_of_one_plus(Walk *w, IrVal *v)
{
    IrNode *s = v->def->op == IR_log ? made_by(v->def->arg[0], IR_add) : NULL;
    if (!s || !(is_one(s->arg[0]) || is_one(s->arg[1]))) return NULL;
    IrBuilder b = tree_before(w, v);
    return ir_log1p(&b, tree_best(w, s->arg[is_one(s->arg[0])]));
}

static IrVal *exp_less_one(Walk *w, IrVal *v)
{
    IrNode *e = v->def->op == IR_sub && is_one(v->def->arg[1]) ? made_by(v->def->arg[0], IR_exp) : NULL;
    if (!e) return NULL;
    IrBuilder b = tree_before(w, v);
    return ir_expm1(&b, tree_best(w, e->arg[0]));
}

IrVal *tree_small_rule(Walk *w, IrVal *v)
{
    IrVal *r = softplus_of(w, v);
    if (!r) r = tree_log_rule(w, v, true);
    if (!r) r = root_of_squares(w, v);
    if (!r) r = log_of_one_plus(w, v);
    return r ? r : exp_less_one(w, v);
}
