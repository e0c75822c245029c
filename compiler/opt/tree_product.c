/* tree_product.c - R5: products of exponentials are one exponential. See tree.h.
 *
 * Of exp(x) q / exp(y) each exponential may overflow, or vanish, where the result does not. One direction is the form's; where x and y are two,
 * the product is exp(x - y) q. It is looked for through products, quotients, signs, numbers, powers and roots: exp(x) is positive, so the root of
 * exp(x) q is exp(x / 2) sqrt(q). 1 + exp(x) is exp(softplus(x)) there, and so, beside an exponent with x in it, is sigmoid(x) exp(-softplus(-x)).
 * So are exp(x) - exp(y) and a sum of exponentials of two directions, the largest of them times a rest. What exponents have in common is taken out of their sum, not cancelled in rounded numbers: softplus(x)
 * - x is softplus(-x). exp makes as many last places of an exponent's as it is large, so all of this is in f64. Where something else grows or vanishes
 * with an exponent, the product stays. Start at tree_product_rule(). */
#include "compiler/opt/tree_log.h"

#include "runtime/math/scalar.h"

#include <math.h>

enum { MOST_FACTORS = 8, MOST_TERMS = 16, MOST_ROWS = 128, MOST_EXPONENT = 80 /* of a number that f32 holds */ };

typedef struct Terms { /* sum of c v, and a number */
    int n;
    IrVal *v[MOST_TERMS];
    double c[MOST_TERMS], add;
} Terms;

enum { MOST_ADDENDS = 4 };

typedef struct Addends { /* sum of c exp(x), x NULL: of c */
    int n;
    double c[MOST_ADDENDS];
    IrVal *x[MOST_ADDENDS];
} Addends;

typedef struct Exponent { /* by x, or by softplus(soft (x - log_c)) */
    IrVal *x;
    double by, soft, log_c; /* soft: 1 or -1; 0: x itself */
    const Addends *of;      /* the sum that it is the largest part of, in whose exponents its directions are; NULL: in x */
} Exponent;

typedef struct Product { /* c up / down exp(sum of exps) */
    double c;
    int n_up, n_down, n_exps;
    IrVal *up[MOST_FACTORS], *down[MOST_FACTORS];
    Exponent exps[MOST_FACTORS];
    bool has_power; /* of a number: b^x, which no form holds */
} Product;

typedef struct ProductReader {
    Walk *w;
    IrBuilder b;
    IrElem elem;
    const IrType *type; /* of all of it */
    int rows;
} ProductReader;

static const IrNode *ours(const ProductReader *r, const IrVal *v)
{
    return v->def && v->def->block == r->w->b->block && v->def->n_results == 1 && ir_is_real(v->type.elem) ? v->def : NULL;
}

static IrVal *behind(const ProductReader *r, IrVal *v)
{
    const NodeInfo *i = tree_info(r->w, v);
    return i && i->local ? i->local : v;
}

/* Or converts: what is between two products in f64 is one of them. */
static bool only_repeats(const IrNode *n)
{
    bool converts = n->op == IR_convert && ir_is_real(n->arg[0]->type.elem);
    return converts || n->op == IR_spread || (n->op == IR_broadcast && n->arg[0]->type.rank == 0);
}

/* ---- sums ------------------------------------------------------------------------------------------------------- */

static bool add_term(const ProductReader *r, IrVal *v, double c, Terms *s)
{
    for (int i = 0; i < s->n; i++)
        if (tree_same_value(r->w, s->v[i], v)) return s->c[i] += c, true;
    if (s->n == MOST_TERMS) return false;
    s->v[s->n] = v;
    s->c[s->n++] = c;
    return true;
}

/* *s += c v; false: too much. */
static bool add_sum(ProductReader *r, IrVal *v, double c, Terms *s)
{
    double k;
    const IrNode *n = ours(r, v = behind(r, v));
    if (++r->rows > MOST_ROWS) return false;
    if (ir_is_const(v, &k)) return s->add += c * k, true;
    if (n && only_repeats(n)) return add_sum(r, n->arg[0], c, s);
    if (n && n->op == IR_neg) return add_sum(r, n->arg[0], -c, s);
    if (n && (n->op == IR_add || n->op == IR_sub)) return add_sum(r, n->arg[0], c, s) && add_sum(r, n->arg[1], n->op == IR_add ? c : -c, s);
    if (n && n->op == IR_div && ir_is_const(n->arg[1], &k)) return add_sum(r, n->arg[0], c / k, s);
    for (int i = 0; n && n->op == IR_mul && i < 2; i++)
        if (ir_is_const(n->arg[i], &k)) return add_sum(r, n->arg[1 - i], c * k, s);
    return add_term(r, v, c, s);
}

static void drop_zeros(Terms *s)
{
    int n = 0;
    for (int i = 0; i < s->n; i++) {
        if (s->c[i] == 0) continue;
        s->v[n] = s->v[i];
        s->c[n++] = s->c[i];
    }
    s->n = n;
}

/* ---- products --------------------------------------------------------------------------------------------------- */

static bool add_factor(Product *p, IrVal *v, bool down)
{
    int *n = down ? &p->n_down : &p->n_up;
    if (*n == MOST_FACTORS) return false;
    (down ? p->down : p->up)[(*n)++] = v;
    return true;
}

static bool add_exponential(Product *p, Exponent e)
{
    if (p->n_exps == MOST_FACTORS) return false;
    p->exps[p->n_exps++] = e;
    return true;
}

static IrVal *full(ProductReader *r, IrVal *v)
{
    v = ir_spread(&r->b, tree_convert(&r->b, v, r->elem), ir_axes_minus(r->type->axes, v->type.axes));
    return v->type.rank < r->type->rank ? ir_fill(&r->b, v, ir_dims_of(r->type)) : v;
}

static IrVal *leaf(ProductReader *r, IrVal *v) { return full(r, tree_best(r->w, v)); }

/* Of an exponent, where one last place is many of the whole. */
static IrVal *wide_leaf(ProductReader *r, IrVal *v)
{
    tree_widen(r->w, v);
    return leaf(r, v);
}

static IrVal *product_of(ProductReader *r, IrVal *const *v, int n)
{
    IrVal *all = NULL;
    for (int i = 0; i < n; i++) all = all ? ir_mul(&r->b, all, leaf(r, v[i])) : leaf(r, v[i]);
    return all;
}

/* What stands beside the exponentials; NULL: 1. */
static IrVal *others(ProductReader *r, const Product *p)
{
    IrVal *up = product_of(r, p->up, p->n_up), *down = product_of(r, p->down, p->n_down);
    if (p->c != 1) {
        IrVal *c = ir_const(&r->b, r->elem, p->c);
        up = up ? ir_mul(&r->b, up, full(r, c)) : down ? full(r, c) : c;
    }
    return down ? ir_div(&r->b, up ? up : full(r, ir_const(&r->b, r->elem, 1)), down) : up;
}

static bool add_product(ProductReader *r, IrVal *v, bool down, Product *p);

/* The root or power v of a product. */
static bool add_power(ProductReader *r, IrVal *v, double k, bool down, Product *p)
{
    const IrNode *n = v->def;
    Product of = {.c = 1};
    if (!add_product(r, n->arg[0], false, &of)) return false;
    if (of.n_exps == 0) return add_factor(p, v, down);
    for (int i = 0; i < of.n_exps; i++) {
        of.exps[i].by *= down ? -k : k;
        if (!add_exponential(p, of.exps[i])) return false;
    }
    p->has_power |= of.has_power;
    IrVal *q = others(r, &of);
    if (!q) return true;
    IrVal *args[2] = {full(r, q), n->n_args > 1 ? full(r, ir_const(&r->b, r->elem, k)) : NULL};
    return add_factor(p, ir_like(&r->b, n, args)->result, down);
}

/* c + exp(x), c a positive number */
static bool add_one_plus(const ProductReader *r, const IrNode *n, bool down, Product *p, bool *is)
{
    double c;
    for (int i = 0; i < 2; i++) {
        const IrNode *e = ours(r, behind(r, n->arg[1 - i]));
        if (!ir_is_const(n->arg[i], &c) || !(c > 0) || !isfinite(c) || !e || e->op != IR_exp) continue;
        *is = true;
        p->c = down ? p->c / c : p->c * c;
        return add_exponential(p, (Exponent){.x = e->arg[0], .by = down ? -1 : 1, .soft = 1, .log_c = c == 1 ? 0 : math_log_f64(c)});
    }
    return true;
}

/* ---- sums of exponentials as factors ------------------------------------------------------------------------------ */

/* *a += c v; false: something else is in it. */
static bool add_addend(ProductReader *r, IrVal *v, double c, Addends *a)
{
    double k = 1;
    const IrNode *n = ours(r, v = behind(r, v));
    bool number = ir_is_const(v, &k);
    if (++r->rows > MOST_ROWS) return false;
    if (n && only_repeats(n)) return add_addend(r, n->arg[0], c, a);
    if (n && n->op == IR_neg) return add_addend(r, n->arg[0], -c, a);
    if (n && (n->op == IR_add || n->op == IR_sub)) return add_addend(r, n->arg[0], c, a) && add_addend(r, n->arg[1], n->op == IR_add ? c : -c, a);
    if (n && n->op == IR_expm1) {
        if (a->n + 2 > MOST_ADDENDS) return false;
        a->c[a->n] = c, a->x[a->n++] = n->arg[0];
        a->c[a->n] = -c, a->x[a->n++] = NULL;
        return true;
    }
    for (int i = 0; n && n->op == IR_mul && i < 2; i++)
        if (ir_is_const(n->arg[i], &k)) return add_addend(r, n->arg[1 - i], c * k, a);
    if (a->n == MOST_ADDENDS || !(number || (n && n->op == IR_exp)) || !isfinite(c * k) || c * k == 0) return false;
    a->c[a->n] = c * k;
    a->x[a->n++] = number ? NULL : n->arg[0];
    return true;
}

/* exp(x) - exp(y), y NULL: - 1, as exp of the larger one times a rest. */
static bool add_difference(ProductReader *r, const Addends *a, IrVal *x, IrVal *y, bool down, Product *p)
{
    IrBuilder *b = &r->b;
    x = wide_leaf(r, x);
    y = y ? wide_leaf(r, y) : full(r, ir_const(b, r->elem, 0));
    IrVal *above = ir_compare(b, IR_GT, x, y), *most = ir_select(b, above, x, y), *zero = ir_const_like(b, x, 0);
    IrVal *d = ir_select(b, ir_compare(b, IR_EQ, most, ir_const_like(b, x, -HUGE_VAL)), zero, ir_sub(b, x, y));
    IrVal *rest = ir_select(b, above, ir_neg(b, ir_expm1(b, ir_neg(b, d))), ir_expm1(b, d));
    return add_exponential(p, (Exponent){.x = most, .by = down ? -1 : 1, .of = a}) && add_factor(p, rest, down);
}

/* A sum of exponentials as the largest of them times a rest. */
static bool add_largest(ProductReader *r, const Addends *a, bool down, Product *p)
{
    IrBuilder *b = &r->b;
    IrVal *x[MOST_ADDENDS], *most = NULL, *rest = NULL;
    for (int i = 0; i < a->n; i++) x[i] = a->x[i] ? wide_leaf(r, a->x[i]) : full(r, ir_const(b, r->elem, 0));
    for (int i = 0; i < a->n; i++) most = most ? ir_max(b, most, x[i]) : x[i];
    IrVal *infinite = ir_compare(b, IR_EQ, ir_abs(b, most), ir_const_like(b, most, HUGE_VAL));
    most = ir_stop(b, ir_select(b, infinite, ir_const_like(b, most, 0), most));
    for (int i = 0; i < a->n; i++) {
        IrVal *e = ir_exp(b, ir_sub(b, x[i], most)), *t = a->c[i] == 1 ? e : ir_mul(b, e, ir_const_like(b, e, a->c[i]));
        rest = rest ? ir_add(b, rest, t) : t;
    }
    return add_exponential(p, (Exponent){.x = most, .by = down ? -1 : 1, .of = a}) && add_factor(p, rest, down);
}

static bool is_one_direction(ProductReader *r, IrVal *p, IrVal *q, bool deep);

/* Are some two exponents, one of each, of two directions? */
static bool have_two_directions(ProductReader *r, const Addends *a, const Addends *c, bool deep)
{
    bool two = false;
    for (int i = 0; i < a->n; i++)
        for (int k = 0; k < c->n && !two; k++) two = a->x[i] && c->x[k] && a->x[i] != c->x[k] && !is_one_direction(r, a->x[i], c->x[k], deep);
    return two;
}

/* v, a sum or a difference, as a factor. */
static bool add_sum_of_exponentials(ProductReader *r, IrVal *v, bool down, Product *p)
{
    bool is = false;
    Addends a = {0};
    if (v->def->op == IR_add && (!add_one_plus(r, v->def, down, p, &is) || is)) return is;
    if (!add_addend(r, v, 1, &a) || a.n < 2) return add_factor(p, v, down);
    int first = a.x[0] ? 0 : 1;
    bool opposite = a.n == 2 && a.x[first] && a.c[0] == -a.c[1];
    if (!opposite && !have_two_directions(r, &a, &a, false)) return add_factor(p, v, down);
    const Addends *kept = arena_copy(r->w->scratch, &a, sizeof a);
    if (!opposite) return add_largest(r, kept, down, p);
    p->c = down ? p->c / a.c[first] : p->c * a.c[first];
    return add_difference(r, kept, a.x[first], a.x[1 - first], down, p);
}

/* *p *= v, or, with `down`, *p /= v; false: too much. */
static bool add_product(ProductReader *r, IrVal *v, bool down, Product *p)
{
    double k;
    const IrNode *n = ours(r, v = behind(r, v));
    if (++r->rows > MOST_ROWS) return false;
    if (ir_is_const(v, &k)) return p->c = down ? p->c / k : p->c * k, isfinite(p->c) && p->c != 0;
    if (!n) return add_factor(p, v, down);
    switch (n->op) {
    case IR_exp:
        return add_exponential(p, (Exponent){.x = n->arg[0], .by = down ? -1 : 1});
    case IR_add:
    case IR_sub:
    case IR_expm1:
        return add_sum_of_exponentials(r, v, down, p);
    case IR_neg:
        p->c = -p->c;
        return add_product(r, n->arg[0], down, p);
    case IR_mul:
        return add_product(r, n->arg[0], down, p) && add_product(r, n->arg[1], down, p);
    case IR_div:
        return add_product(r, n->arg[0], down, p) && add_product(r, n->arg[1], !down, p);
    case IR_sqrt:
        return add_power(r, v, 0.5, down, p);
    case IR_pow:
        if (ir_is_const(n->arg[1], &k)) return add_power(r, v, k, down, p);
        if (!ir_is_const(n->arg[0], &k) || !(k > 0) || k == 1 || !isfinite(k)) return add_factor(p, v, down);
        p->has_power = true;
        return add_exponential(p, (Exponent){.x = n->arg[1], .by = (down ? -1 : 1) * math_log_f64(k)});
    default:
        return only_repeats(n) ? add_product(r, n->arg[0], down, p) : add_factor(p, v, down);
    }
}

/* ---- whose product it is ---------------------------------------------------------------------------------------- */

static int functions_in(const ProductReader *r, const IrVal *v)
{
    const NodeInfo *i = tree_info(r->w, v);
    return i ? i->functions : 0;
}

/* Of the numbers in an exponent those that the form holds as factors are of no account: log 9. */
static double added(const Terms *a)
{
    Q fraction;
    return form_from_log(a->add, &fraction) ? 0 : a->add;
}

/* Is a, with the number that is added, a multiple of b? */
static bool is_multiple(const ProductReader *r, const Terms *a, const Terms *b)
{
    bool all = a->n == b->n;
    double ratio = 0;
    for (int i = 0; i < a->n && all; i++) {
        int k = 0;
        while (k < b->n && !tree_same_value(r->w, a->v[i], b->v[k])) k++;
        all = k < b->n && (i == 0 || fabs(a->c[i] / b->c[k] - ratio) <= 1e-12 * fabs(ratio));
        if (all && i == 0) ratio = a->c[i] / b->c[k];
    }
    return all && fabs(added(a) - ratio * added(b)) <= 1e-12 * fabs(added(a));
}

/* Of a number alone: exp(2) is a number like others. */
static bool is_small(const Terms *a) { return a->n == 0 && fabs(a->add) < MOST_EXPONENT; }

/* What is looked into: sums and products, and, if deep, functions. */
static bool is_open(const ProductReader *r, IrVal *v, bool deep)
{
    Reading how = tree_reading(r->w, v);
    return how == READ_SAME || how == READ_ALGEBRA || (deep && (how == READ_FUNCTION || how == READ_SELECT));
}

/* Is v in `of`, or in what that is made of? */
static bool is_in(ProductReader *r, const IrVal *v, IrVal *of, bool deep)
{
    if (++r->rows > MOST_ROWS || tree_same_value(r->w, v, of)) return true;
    bool in = false;
    for (int i = 0; is_open(r, of, deep) && i < of->def->n_args && !in; i++) in = is_in(r, v, of->def->arg[i], deep);
    return in;
}

/* Is anything in both? A form over one of them may hold the other. */
static bool share_leaf(ProductReader *r, IrVal *p, IrVal *q, bool deep)
{
    if (tree_reading(r->w, p) == READ_NUMBER) return false;
    if (!is_open(r, p, deep)) return is_in(r, p, q, deep);
    bool shared = ++r->rows > MOST_ROWS;
    for (int i = 0; i < p->def->n_args && !shared; i++) shared = share_leaf(r, p->def->arg[i], q, deep);
    return shared;
}

/* Would one form hold exp(p) and exp(q)? deep: or a sigmoid or softplus of one of them, which cancel in more than products? */
static bool is_one_direction(ProductReader *r, IrVal *p, IrVal *q, bool deep)
{
    Terms a = {0}, b = {0};
    if (functions_in(r, p) || functions_in(r, q)) return share_leaf(r, p, q, deep);
    if (!add_sum(r, p, 1, &a) || !add_sum(r, q, 1, &b)) return true;
    drop_zeros(&a);
    drop_zeros(&b);
    return is_small(&a) || is_small(&b) || is_multiple(r, &a, &b);
}

/* A product of sigmoids is between 0 and 1. */
static bool is_closed(const Product *p)
{
    bool all = true;
    for (int i = 0; i < p->n_exps && all; i++) all = p->exps[i].soft != 0 && p->exps[i].by < 0;
    return all;
}

static bool are_two_directions(ProductReader *r, const Exponent *a, const Exponent *b)
{
    const Addends one = {.n = 1, .x = {a->x}}, other = {.n = 1, .x = {b->x}};
    return have_two_directions(r, a->of ? a->of : &one, b->of ? b->of : &other, a->soft != 0 || b->soft != 0);
}

static bool has_two_directions(ProductReader *r, const Product *p)
{
    bool two = p->has_power && p->n_exps > 1;
    for (int i = 0; i < p->n_exps; i++)
        for (int k = 0; k < i && !two; k++) two = are_two_directions(r, &p->exps[i], &p->exps[k]);
    return two;
}

/* What split() leaves of a softplus neither grows nor vanishes. */
static bool is_rest_of_softplus(const IrNode *n)
{
    const IrNode *rest = n->op == IR_select && ir_is_const(n->arg[1], NULL) ? n->arg[2]->def : NULL;
    if (rest && rest->op == IR_convert) rest = rest->arg[0]->def;
    return rest && rest->op == IR_softplus;
}

/* Nor what add_difference() does, */
static bool is_rest_of_difference(const IrNode *n)
{
    const IrNode *above = n->op == IR_select ? n->arg[1]->def : NULL, *below = above ? n->arg[2]->def : NULL;
    return below && above->op == IR_neg && above->arg[0]->def && above->arg[0]->def->op == IR_expm1 && below->op == IR_expm1;
}

/* and what add_largest() does: c exp(x - m), added up. */
static bool is_rest_of_sum(const IrVal *v)
{
    const IrNode *n = v->def;
    if (n && n->op == IR_add) return is_rest_of_sum(n->arg[0]) && is_rest_of_sum(n->arg[1]);
    if (n && n->op == IR_mul && ir_is_const(n->arg[1], NULL)) return is_rest_of_sum(n->arg[0]);
    const IrNode *less = n && n->op == IR_exp ? n->arg[0]->def : NULL;
    return less && less->op == IR_sub && less->arg[1]->def && less->arg[1]->def->op == IR_stop;
}

/* Does v grow or vanish as an exponential does? */
static bool is_steep(ProductReader *r, IrVal *v)
{
    Reading how = tree_reading(r->w, v = behind(r, v));
    if (how <= READ_NUMBER || !functions_in(r, v)) return false;
    if (is_rest_of_softplus(v->def) || is_rest_of_difference(v->def) || is_rest_of_sum(v)) return false;
    if (++r->rows > MOST_ROWS) return true;
    switch (v->def->op) {
    case IR_exp:
    case IR_expm1:
    case IR_sigmoid:
    case IR_dsigmoid:
    case IR_softplus:
        return true;
    default:
        break;
    }
    bool steep = false;
    for (int i = 0; i < v->def->n_args && !steep; i++) steep = is_steep(r, v->def->arg[i]);
    return steep;
}

static bool is_beside_its_exponent(ProductReader *r, const Product *p, IrVal *v)
{
    bool shared = false, steep = is_steep(r, v);
    for (int i = 0; i < p->n_exps && steep && !shared; i++) shared = share_leaf(r, p->exps[i].x, v, true);
    return shared;
}

/* v, a sigmoid or softplus, as an exponential and what is left of it. */
static bool split(ProductReader *r, IrVal *v, bool down, Product *p)
{
    LogReader log = {.w = r->w, .b = r->b, .elem = r->elem, .logarithm = true};
    Scaled s;
    if (v->def->op == IR_sigmoid) return add_exponential(p, (Exponent){.x = v->def->arg[0], .by = down ? 1 : -1, .soft = -1});
    if (!scaled_of(&log, v, &s) || !s.log || s.down) return false;
    return add_exponential(p, (Exponent){.x = s.log, .by = down ? -1 : 1}) && (!s.up || add_factor(p, s.up, down));
}

/* Takes the factors of *p that go with an exponent apart; false: one of them is something else than those. */
static bool split_steep(ProductReader *r, Product *p)
{
    Product of = *p;
    p->n_up = p->n_down = 0;
    bool all = true;
    for (int i = 0; i < of.n_up + of.n_down && all; i++) {
        bool down = i >= of.n_up;
        IrVal *v = down ? of.down[i - of.n_up] : of.up[i];
        const IrNode *n = ours(r, behind(r, v));
        if (!is_beside_its_exponent(r, &of, v)) all = add_factor(p, v, down);
        else all = n && (n->op == IR_softplus || n->op == IR_sigmoid) && split(r, n->result, down, p);
    }
    return all;
}

/* Does a sigmoid or softplus go with part of an exponent? No form holds the other part. */
static bool has_steep_beside(ProductReader *r, const Product *p)
{
    bool has = false;
    for (int i = 0; i < p->n_up && !has; i++) {
        const IrNode *n = ours(r, behind(r, p->up[i]));
        if (!n || (n->op != IR_softplus && n->op != IR_sigmoid) || !is_beside_its_exponent(r, p, p->up[i])) continue;
        const Exponent steep = {.x = n->arg[0], .soft = 1};
        for (int k = 0; k < p->n_exps && !has; k++) has = are_two_directions(r, &steep, &p->exps[k]);
    }
    return has;
}

static bool is_ours(ProductReader *r, Product *p)
{
    return !is_closed(p) && (has_two_directions(r, p) || has_steep_beside(r, p)) && split_steep(r, p);
}

/* ---- the exponent ----------------------------------------------------------------------------------------------- */

static IrVal *plus(ProductReader *r, IrVal *all, IrVal *v, double c)
{
    v = wide_leaf(r, v);
    if (fabs(c) != 1) v = ir_mul(&r->b, v, full(r, ir_const(&r->b, r->elem, fabs(c))));
    if (!all) return c < 0 ? ir_neg(&r->b, v) : v;
    return c < 0 ? ir_sub(&r->b, all, v) : ir_add(&r->b, all, v);
}

/* Did something cancel, or will all of it be computed in f64? Else terms are added as they were written. */
static bool is_expanded(ProductReader *r, const Product *p, Terms *all)
{
    int n = 0;
    for (int i = 0; i < p->n_exps; i++) {
        Terms one = {0};
        const Exponent *e = &p->exps[i];
        if (e->soft != 0) continue;
        if (!add_sum(r, e->x, e->by, &one) || !add_sum(r, e->x, e->by, all)) return false;
        n += one.n;
    }
    bool shared = all->n < n;
    drop_zeros(all);
    return shared || r->elem != r->type->elem;
}

/* by softplus(y) - by y is by softplus(-y), if all terms of y cancel in part of *sum. */
static bool turn(ProductReader *r, Exponent *e, Terms *sum)
{
    Terms y = {0}, rest = *sum;
    if (e->soft == 0 || !add_sum(r, e->x, e->soft, &y) || !add_sum(r, e->x, e->soft * e->by, &rest)) return false;
    drop_zeros(&y);
    if (y.n == 0 || rest.n > sum->n) return false;
    for (int i = 0; i < sum->n; i++)
        if (fabs(rest.c[i]) > fabs(sum->c[i]) || rest.c[i] * sum->c[i] < 0) return false;
    rest.add -= e->soft * e->by * e->log_c;
    drop_zeros(&rest);
    *sum = rest;
    e->soft = -e->soft;
    return true;
}

static IrVal *softplus_of(ProductReader *r, const Exponent *e)
{
    IrVal *x = wide_leaf(r, e->x);
    if (e->log_c != 0) x = ir_sub(&r->b, x, full(r, ir_const(&r->b, r->elem, e->log_c)));
    return ir_softplus(&r->b, e->soft < 0 ? ir_neg(&r->b, x) : x);
}

static IrVal *exponent(ProductReader *r, Product *p)
{
    Terms all = {0};
    IrVal *x = NULL;
    bool expanded = is_expanded(r, p, &all);
    for (int i = 0; i < p->n_exps; i++) expanded |= turn(r, &p->exps[i], &all);
    for (int i = 0; expanded && i < all.n; i++) x = plus(r, x, all.v[i], all.c[i]);
    if (expanded && all.add != 0) x = plus(r, x, ir_const(&r->b, r->elem, all.add), 1);
    for (int i = 0; i < p->n_exps; i++) {
        const Exponent *e = &p->exps[i];
        if (e->soft != 0) x = plus(r, x, softplus_of(r, e), e->by);
        else if (!expanded) x = plus(r, x, e->x, e->by);
    }
    return x ? x : full(r, ir_const(&r->b, r->elem, 0));
}

IrVal *tree_product_rule(Walk *w, IrVal *v)
{
    const IrNode *n = v->def;
    if (n->op != IR_mul && n->op != IR_div) return NULL;
    ProductReader r = {.w = w, .b = tree_before(w, v), .elem = IR_F64, .type = &v->type};
    Product p = {.c = 1};
    if (!add_product(&r, v, false, &p) || !is_ours(&r, &p)) return NULL;
    IrVal *q = others(&r, &p), *e = ir_exp(&r.b, exponent(&r, &p));
    return tree_convert(&r.b, q ? ir_mul(&r.b, e, full(&r, q)) : e, v->type.elem);
}
