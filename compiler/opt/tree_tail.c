/* tree_tail.c - where T goes to -inf or inf: what is lost of a tree there, and power series in its place. See tree.h.
 *
 * A tree of one direction is read on each side as a sum of a E^e T^j (tail.h), as it was written for what it is, and as it is made for what
 * that loses: terms that cancel, and rows that overflow where the whole does not. Where it loses digits, the series is used from where that is as exact
 * as f64, and the rows behind see T no further than there. Start at tree_with_tails(). */
#include "compiler/opt/tail.h"
#include "compiler/opt/tree.h"
#include "runtime/math/scalar.h"

#include <math.h>

enum { MOST_ROWS = 2000, PLACES = 16, MOST_J = 13, SERIES_BITS = 52, NEAREST = -1, FURTHEST = 100, MOST_FACTORS = 32 };
enum { MOST_LOST_OF_F32 = 4, MOST_LOST_OF_F64 = 1 << 16 }; /* times a last place */
enum { LATE = -12 }; /* of a series that begins further out: its parts may have lost all before */
enum { FAR_IN_F64 = 3 }; /* powers of exp(2 * 88) and more are beyond f64 */

static const double BOTH_SIGNS = 1 + 1e-9, FURTHER = 1.0625;

typedef struct Side {
    Walk  *w;
    const TailSpace *space;
    int    sign;                                            /* E = exp(sign * T) */
    const Linear *t;                                        /* T; NULL: not yet known */
    bool   clashes;                                         /* something else is in it */
    double from;                                            /* it is that sum where sign * T is below */
    int64_t lowest;                                         /* the lowest power of E of a row */
    bool logs_of_0;                                         /* the logarithm is taken of what vanishes, and was not written as an exponential */
    bool gone;                                              /* something in it is below all powers, and 0 */
    int64_t smallest;                                       /* the highest of a divisor, or of what has a negative power taken */
    int    rows;
} Side;

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static Tail *read(Side *s, IrVal *v);

/* A constant, or a row of constants. */
static bool is_number(Walk *w, const IrVal *v, double *c)
{
    const NodeInfo *i = tree_info(w, v);
    const IrVal *known = i && i->local ? i->local : v;
    while (known->def && tree_row(w, known) == READ_SAME) known = known->def->arg[0];
    return ir_is_real(v->type.elem) && ir_is_const(known, c);
}

static Tail *of_number(const TailSpace *space, double c)
{
    Q q;
    if (q_from_f64(c, &q)) return tail_number(space, two_of(q));
    return form_from_log(c, &q) ? tail_number(space, two_log(two_of(q))) : tail_f64(space, c);
}

static void meet(Side *s, const Linear *t)
{
    if (!s->t) s->t = t;
    else if (t) s->clashes = s->clashes || !tree_same_direction(s->w, t, s->t);
}

/* A row that is read through, where it stands in a sum without functions. */
static bool is_read_through(Walk *w, const IrVal *v)
{
    if (!tree_info(w, v)) return false;
    IrOp op = v->def->op;
    return op == IR_abs || op == IR_max || op == IR_min || tree_row(w, v) == READ_SELECT;
}

static bool is_power(Walk *w, Arena *arena, IrVal *v, Linear *l);

/* A factor of such a product: a sum of T, also as |..| or the larger of it and a number. */
static bool is_factor(Walk *w, Arena *arena, IrVal *v, Linear *l)
{
    Q factor;
    double x;
    if (is_power(w, arena, v, l)) return true;
    if (!tree_linear(w, arena, v, l, &factor)) return false;
    const IrNode *n = l->n == 1 && is_read_through(w, l->base[0]) ? l->base[0]->def : NULL;
    if (!n || n->op == IR_select) return true;
    return is_factor(w, arena, n->arg[n->n_args > 1 && is_number(w, n->arg[0], &x)], l);
}

/* Products and quotients of sums of T, T times T times T: of what direction? */
static bool is_power(Walk *w, Arena *arena, IrVal *v, Linear *l)
{
    Linear left, right;
    const IrNode *n = v->def;
    if (!tree_info(w, v) || tree_info(w, v)->size > MOST_FACTORS || (n->op != IR_mul && n->op != IR_div)) return false;
    bool ok = is_factor(w, arena, n->arg[0], &left) && is_factor(w, arena, n->arg[1], &right);
    *l = left;
    return ok && left.n && right.n && tree_same_direction(w, &left, &right);
}

/* Is such a row in products and quotients? */
static bool holds_read_through(Walk *w, const IrVal *v)
{
    const NodeInfo *i = tree_info(w, v);
    bool holds = i && is_read_through(w, v);
    bool inside = i && i->size <= TREE_NODES && (tree_row(w, v) == READ_ALGEBRA || tree_row(w, v) == READ_SAME);
    for (int k = 0; inside && k < v->def->n_args && !holds; k++) holds = holds_read_through(w, v->def->arg[k]);
    return holds;
}

/* A sum without functions. */
static bool is_linear(Walk *w, Arena *arena, IrVal *v, Linear *l, Q *factor)
{
    Linear other;
    bool is = tree_linear(w, arena, v, l, factor);
    for (int i = 0; is && i < l->n; i++) is = !holds_read_through(w, l->base[i]) && !is_power(w, arena, l->base[i], &other);
    return is;
}

/* c T + a number */
static Tail *read_linear(Side *s, IrVal *v)
{
    Linear l;
    Q factor;
    if (!is_linear(s->w, s->space->arena, v, &l, &factor)) return NULL;
    if (l.n) meet(s, arena_copy(s->w->scratch, &l, sizeof l));
    if (l.n == 0) return tail_number(s->space, two_of(l.add));
    return tail_t(s->space, s->sign < 0 ? q_neg(factor) : factor, two_of(l.add));
}

/* T - T, and 0 * T: nan where T is infinite. */
static bool is_all_zeros(Side *s, IrVal *v)
{
    Linear l;
    Q factor;
    bool linear = tree_linear(s->w, s->space->arena, v, &l, &factor), zeros = !linear && l.n > 0;
    for (int i = 0; i < l.n; i++) zeros = zeros && q_is(l.c[i], 0);
    return zeros;
}

/* The sign of a - b. */
static bool compares(Side *s, IrVal *a, IrVal *b, int *sign)
{
    const Tail *of_a = read(s, a), *d = of_a ? tail_add(s->space, of_a, tail_scale(s->space, read(s, b), -1)) : NULL;
    return d && tail_sign(d, sign, &s->from);
}

/* Does a condition hold, one of comparisons and of conditions chosen by conditions? False: not known. */
static bool decides(Side *s, const IrVal *v, bool *holds)
{
    const IrNode *c = v->def;
    double known;
    int sign;
    if (ir_is_const(v, &known)) return *holds = known != 0, true;
    if (!c || c->block != s->w->b->block || ++s->rows > MOST_ROWS) return false;
    if (c->op == IR_select) return decides(s, c->arg[0], holds) && decides(s, c->arg[*holds ? 1 : 2], holds);
    if (c->op != IR_compare || !ir_is_real(c->arg[0]->type.elem) || !compares(s, c->arg[0], c->arg[1], &sign)) return false;
    return *holds = ir_compare_holds(c->attr->compare, sign), true;
}

static Tail *read_select(Side *s, const IrNode *n)
{
    bool holds;
    return decides(s, n->arg[0], &holds) ? read(s, n->arg[holds ? 1 : 2]) : NULL;
}

static Tail *read_abs(Side *s, IrVal *v)
{
    int sign;
    Tail *a = read(s, v);
    return a && tail_sign(a, &sign, &s->from) ? tail_scale(s->space, a, sign < 0 ? -1 : 1) : NULL;
}

static Tail *read_larger(Side *s, IrVal *const *arg, int which)
{
    int sign;
    return compares(s, arg[0], arg[1], &sign) ? read(s, arg[sign * which < 0]) : NULL;
}

/* Where it is 0 in f32, all is lost. */
static Tail *divisor_of(Side *s, Tail *t)
{
    const TailTerm *first = t ? tail_first(t) : NULL;
    if (first && first->e > s->smallest) s->smallest = first->e;
    return t;
}

static Tail *logarithm_of(Side *s, const IrVal *v, Tail *t)
{
    const TailTerm *first = t ? tail_first(t) : NULL;
    s->logs_of_0 |= first && first->e > 0 && !(v->def && v->def->op == IR_exp);
    return t;
}

/* What stands in an exponential. */
static Tail *of_exponent(Side *s, Tail *a)
{
    if (a) s->gone |= tail_runs_off(a, &s->from);
    return a;
}

/* x^y as exp(y log(x)). */
static Tail *read_any_power(Side *s, IrVal *const *arg)
{
    Tail *x = read(s, arg[0]), *log = tail_log(s->space, logarithm_of(s, arg[0], x));
    return log ? tail_exp(s->space, of_exponent(s, tail_mul(s->space, log, read(s, arg[1])))) : NULL;
}

static Tail *read_pow(Side *s, IrVal *const *arg)
{
    double k;
    Q q;
    if (!is_number(s->w, arg[1], &k)) return read_any_power(s, arg);
    if (!q_from_f64(k, &q)) return NULL;
    Tail *t = read(s, arg[0]);
    return tail_pow(s->space, k < 0 ? divisor_of(s, t) : t, q);
}

static bool is_one(const IrVal *v)
{
    double c;
    return ir_is_const(v, &c) && c == 1;
}

/* x of 1 + x, and of x - 1; NULL: not that. */
static IrVal *beside_one(const IrVal *v, IrOp op)
{
    const IrNode *n = v->def;
    if (!n || n->op != op) return NULL;
    return is_one(n->arg[1]) ? n->arg[0] : op == IR_add && is_one(n->arg[0]) ? n->arg[1] : NULL;
}

/* x of log(1 + x), and of log(1 - x), with its sign; NULL: not that. */
static IrVal *of_log1p(const IrNode *n, double *sign)
{
    if (n->op != IR_log) return NULL;
    const IrNode *less = n->arg[0]->def;
    bool minus = less && less->op == IR_sub && is_one(less->arg[0]);
    *sign = minus ? -1 : 1;
    return minus ? less->arg[1] : beside_one(n->arg[0], IR_add);
}

/* x of exp(x) - 1. */
static IrVal *of_expm1(const IrNode *n)
{
    const IrVal *e = beside_one(n->result, IR_sub);
    return e && e->def && e->def->op == IR_exp ? e->def->arg[0] : NULL;
}

static Tail *read_exponent(Side *s, IrVal *v) { return of_exponent(s, read(s, v)); }

static Tail *read_function(Side *s, const IrNode *n)
{
    const TailSpace *space = s->space;
    double sign;
    IrVal *x = of_log1p(n, &sign);
    if (x) return tail_log1p(space, tail_scale(space, read(s, x), sign));
    if (n->op == IR_pow) return read_pow(s, n->arg);
    bool in_exp = n->op != IR_log && n->op != IR_log1p && n->op != IR_sqrt;
    Tail *a = in_exp ? read_exponent(s, n->arg[0]) : read(s, n->arg[0]);
    switch (n->op) {
    case IR_exp: return tail_exp(space, a);
    case IR_expm1: return tail_expm1(space, a);
    case IR_log: return tail_log(space, logarithm_of(s, n->arg[0], a));
    case IR_log1p: return tail_log1p(space, a);
    case IR_softplus: return tail_softplus(space, a);
    case IR_sigmoid: return tail_sigmoid(space, a);
    case IR_dsigmoid: return tail_mul(space, tail_sigmoid(space, a), tail_sigmoid(space, tail_scale(space, a, -1)));
    case IR_tanh: return tail_tanh(space, a);
    default: return tail_pow(space, a, (Q){1, 2});
    }
}

static Tail *read_algebra(Side *s, IrVal *const *arg, IrOp op)
{
    const TailSpace *space = s->space;
    Tail *a = read(s, arg[0]), *b = a && op != IR_neg ? read(s, arg[1]) : NULL;
    switch (op) {
    case IR_neg: return tail_scale(space, a, -1);
    case IR_add: return tail_add(space, a, b);
    case IR_sub: return tail_add(space, a, tail_scale(space, b, -1));
    case IR_mul: return tail_mul(space, a, b);
    case IR_div: return tail_div(space, a, divisor_of(s, b));
    default: return b ? tail_add(space, tail_mul(space, a, b), read(s, arg[2])) : NULL;
    }
}

static Tail *read_row(Side *s, IrVal *v)
{
    const IrNode *n = v->def;
    Reading how = tree_row(s->w, v);
    if (how == READ_SELECT) return read_select(s, n);
    if (how == READ_SAME) return read(s, n->arg[0]);
    if (how == READ_FUNCTION) return read_function(s, n);
    if (ir_is_real(v->type.elem) && n->op == IR_abs) return read_abs(s, n->arg[0]);
    if (ir_is_real(v->type.elem) && (n->op == IR_max || n->op == IR_min)) return read_larger(s, n->arg, n->op == IR_max ? 1 : -1);
    if (of_expm1(n)) return tail_expm1(s->space, read_exponent(s, of_expm1(n)));
    bool plain = !tree_info(s->w, v)->functions && !tree_info(s->w, v)->held;
    if (plain && is_all_zeros(s, v)) return NULL;
    Tail *t = plain ? read_linear(s, v) : NULL;
    return t || how != READ_ALGEBRA ? t : read_algebra(s, n->arg, n->op);
}

/* Has it fewer terms than there may be? */
static bool is_short(const Side *s) { return s->space->terms < TAIL_TERMS; }

/* Kept with the row, so that all readings of a block take time in proportion. */
static Tail *read_new(Side *s, IrVal *v, TailReading *kept)
{
    Side own = {.w = s->w, .space = s->space, .sign = s->sign, .rows = s->rows + 1};
    kept->known = true;
    Tail *t = own.rows <= MOST_ROWS ? read_row(&own, v) : NULL;
    s->rows = own.rows;
    if (!t || own.clashes) return NULL;
    const TailTerm *first = tail_first(t);
    t = kept->t = tail_copy(&(TailSpace){s->w->scratch, t->n}, t);
    t->space = NULL;
    t->direction = own.t;
    t->from = own.from;
    t->lowest = first && first->e < own.lowest ? first->e : own.lowest;
    t->smallest = own.smallest;
    t->logs_of_0 = own.logs_of_0;
    t->gone = own.gone;
    return t;
}

static Tail *read(Side *s, IrVal *v)
{
    double c;
    if (is_number(s->w, v, &c)) return of_number(s->space, c);
    NodeInfo *i = ir_is_real(v->type.elem) ? tree_info(s->w, v) : NULL;
    if (!i) return read_linear(s, v);
    TailReading *kept = &i->tail[s->sign < 0][is_short(s)];
    Tail *t = kept->known ? kept->t : read_new(s, v, kept);
    if (!t) return NULL;
    meet(s, t->direction);
    s->from = fmin(s->from, t->from);
    s->lowest = t->lowest < s->lowest ? t->lowest : s->lowest;
    s->logs_of_0 |= t->logs_of_0;
    s->gone |= t->gone;
    s->smallest = t->smallest > s->smallest ? t->smallest : s->smallest;
    return t;
}

/* Is it below all powers? */
static bool is_gone(const Tail *t) { return t->gone && t->whole && t->n == 0; }

/* sign * T where it goes to -inf, so many terms of it; NULL: it has no T, or is no such sum. */
static const Tail *read_terms(Walk *w, Arena *arena, int sign, IrVal *v, int terms)
{
    Side s = {.w = w, .space = &(TailSpace){arena, terms}, .sign = sign};
    const Tail *t = read(&s, v);
    return t && s.t && (tail_first(t) || is_gone(t)) ? t : NULL;
}

static const Tail *read_side(Walk *w, Arena *arena, int sign, IrVal *v) { return read_terms(w, arena, sign, v, TAIL_TERMS); }

/* ---- what is lost ----------------------------------------------------------------------------------------------- */

/* Is t of what a derivative of that order leaves? */
static bool counts(const TailTerm *t, int order) { return !(t->e == 0 && t->j >= 0 && t->j < order); }

static bool loses_of(const Tail *t, int order, double most)
{
    double size = 0, lost = 0;
    int64_t first = 0;
    for (int i = 0; i < t->n && (lost == 0 || t->t[i].e == first); i++) {
        if (!counts(&t->t[i], order)) continue;
        first = t->t[i].e;
        size = fmax(size, fabs(t->t[i].a.h));
        lost += t->t[i].m;
    }
    return lost > most * size;
}

/* Terms of both signs that are infinite together are nan. */
static bool is_of_both_signs(const Tail *t)
{
    bool up = false, down = false;
    for (int i = 0; i < t->n && t->t[i].e < 0; i++) {
        const TailTerm *x = &t->t[i];
        bool both = x->m > BOTH_SIGNS * fabs(x->a.h), is_up = (x->a.h > 0) == (x->j % 2 == 0); /* T is below 0 */
        up |= both || is_up;
        down |= both || !is_up;
    }
    return up && down;
}

/* Do rows overflow where it does not, or in a way that leaves no sign, or vanish under a fraction's line? */
static bool overflows(const Tail *t, const TailTerm *first, IrElem elem)
{
    int64_t e = first ? first->e : 0, far = elem == IR_F64 ? FAR_IN_F64 * TAIL_UNIT : 0;
    if (t->logs_of_0 || t->lowest < (e < 0 ? e : 0)) return true;
    if (e < -far && is_of_both_signs(t)) return true;
    return t->smallest > far && -e < t->smallest;
}

/* Are digits lost of rows that are read as t, or of their derivatives? */
static bool loses(const Tail *t, IrElem elem)
{
    double most = elem == IR_F64 ? MOST_LOST_OF_F64 : MOST_LOST_OF_F32;
    if (!t) return true;
    return overflows(t, tail_first(t), elem) || loses_of(t, 0, most) || loses_of(t, 1, most) || loses_of(t, 2, most);
}

/* Do its terms say what is lost of it, and of derivatives? */
static bool says_lost(const Tail *t)
{
    bool says = t->whole || t->known > 0;
    for (int order = 0; order < 3 && !t->whole; order++) {
        bool any = false;
        for (int i = 0; i < t->n; i++) any = any || counts(&t->t[i], order);
        says = says && any;
    }
    return says;
}

/* As far as it takes to say what is lost: a few terms, or all. Most of what is read loses nothing, and no series is made of it. */
static const Tail *read_start(Walk *w, Arena *arena, int sign, IrVal *v)
{
    const Tail *t = read_terms(w, arena, sign, v, TAIL_FEW);
    return t && says_lost(t) ? t : read_side(w, arena, sign, v);
}

/* ---- series ----------------------------------------------------------------------------------------------------- */

/* E^least * sum over j of T^j sum a[j][i] E^(i step), good for T < below. */
typedef struct Power {
    int    n, lowest_j, n_j;
    int64_t least, step;
    double a[2 * MOST_J][PLACES], below;
} Power;

static double power_of(int64_t e) { return (double)e / TAIL_UNIT; }

static int64_t divisor(int64_t a, int64_t b)
{
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static bool find_grid(const Tail *t, Power *p)
{
    int highest_j = p->lowest_j = tail_first(t)->j;
    p->least = tail_first(t)->e;
    p->step = 0;
    for (int i = 0; i < t->n; i++) {
        const TailTerm *x = &t->t[i];
        if (x->a.h == 0) continue;
        p->step = divisor(x->e - p->least, p->step);
        if (x->j < p->lowest_j) p->lowest_j = x->j;
        if (x->j > highest_j) highest_j = x->j;
    }
    p->n_j = highest_j - p->lowest_j + 1;
    if (p->step == 0) p->step = t->whole ? TAIL_UNIT : t->known - p->least;
    return p->n_j <= 2 * MOST_J;
}

/* How many places are known; *all: there are no more. */
static int places(const Tail *t, const Power *p, bool *all)
{
    int64_t end = t->whole ? t->t[t->n - 1].e + 1 : t->known, n = (end - p->least + p->step - 1) / p->step;
    *all = t->whole && n <= PLACES;
    return n > PLACES ? PLACES : (int)n;
}

/* The terms of E^(i step) at T = -far, all with one sign. */
static double size_of(const Power *p, int i, double far)
{
    double size = 0;
    for (int j = 0; j < p->n_j; j++) size += fabs(p->a[j][i]) * math_pow_f64(far, p->lowest_j + j);
    return size;
}

/* What is cut off, as the terms of the upper half tell: about most * (growth * x)^n / (1 - growth * x) of x = E^step. */
typedef struct Rest {
    double growth, most;
} Rest;

static Rest rest_of(const Power *p, double far)
{
    int half = p->n / 2;
    double from = fmax(size_of(p, half, far), half ? size_of(p, half - 1, far) : 0);
    Rest r = {1, 0};
    for (int i = half + 1; i < p->n && from > 0; i++) r.growth = fmax(r.growth, math_pow_f64(size_of(p, i, far) / from, 1.0 / (i - half)));
    for (int i = 0; i < p->n; i++) r.most = fmax(r.most, size_of(p, i, far) * math_pow_f64(r.growth, -i));
    return r;
}

/* Is that 2^-52 at most of the largest term at T = -far? */
static bool is_enough(const Power *p, double far)
{
    Rest r = rest_of(p, far);
    double x = math_exp_f64(-far * power_of(p->step)), largest = 0;
    for (int i = 0; i < p->n; i++) largest = fmax(largest, size_of(p, i, far) * math_pow_f64(x, i));
    return r.growth * x < 0.5 && r.most * math_pow_f64(r.growth * x, p->n) / (1 - r.growth * x) <= ldexp(largest, -SERIES_BITS);
}

/* From where it is so. Near 0, where powers of E cancel, the rows are better in any case. */
static double end_of(const Power *p, bool all)
{
    double far = -NEAREST;
    while (!all && far < FURTHEST && !is_enough(p, far)) far *= FURTHER;
    return -far;
}

static bool find_power(const Tail *t, Power *p)
{
    bool all;
    *p = (Power){.n = 1, .n_j = 1, .step = TAIL_UNIT};
    if (t && is_gone(t)) return (p->below = t->from) > -FURTHEST;
    if (!t || !find_grid(t, p) || (p->n = places(t, p, &all)) < 1) return false;
    for (int i = 0; i < t->n; i++) {
        int64_t at = (t->t[i].e - p->least) / p->step;
        if (t->t[i].a.h != 0 && at < p->n) p->a[t->t[i].j - p->lowest_j][at] = t->t[i].a.h;
    }
    p->below = fmin(t->from, end_of(p, all));
    return p->below > -FURTHEST;
}

static IrVal *number(IrBuilder *b, double c) { return ir_const(b, IR_F64, c); }

static IrVal *scaled(IrBuilder *b, IrVal *v, double c) { return c == 1 ? v : c == -1 ? ir_neg(b, v) : ir_mul(b, v, number(b, c)); }

static IrVal *polynomial(IrBuilder *b, const double *a, int n, IrVal *x)
{
    while (n > 1 && a[n - 1] == 0) n--;
    IrVal *r = number(b, a[n - 1]);
    for (int i = n - 2; i >= 0; i--) {
        r = ir_mul(b, r, x);
        if (a[i] != 0) r = ir_add(b, r, number(b, a[i]));
    }
    return r;
}

/* For t < below; finite elsewhere, too, as slopes are taken of all sides. */
static IrVal *write_power(IrBuilder *b, const Power *p, IrVal *t)
{
    t = ir_min(b, t, number(b, p->below));
    IrVal *x = ir_exp(b, scaled(b, t, power_of(p->step))), *all = NULL;
    for (int j = p->n_j - 1; j >= 0; j--) {
        IrVal *c = polynomial(b, p->a[j], p->n, x);
        all = all ? ir_add(b, ir_mul(b, all, t), c) : c;
    }
    for (int j = 0; j < p->lowest_j; j++) all = ir_mul(b, all, t);
    for (int j = p->lowest_j; j < 0; j++) all = ir_div(b, all, t);
    return p->least == 0 ? all : ir_mul(b, ir_exp(b, scaled(b, t, power_of(p->least))), all);
}

/* ---- the rows between ------------------------------------------------------------------------------------------- */

typedef struct Copy {
    Walk     *w;
    Arena    *arena;
    const Linear *direction;
    IrBuilder b;
    IrVal    *t; /* T, between the series */
    IrVal    *to[2]; /* T and -T */
    bool      open[2]; /* the whole has no series there, or a late one: the largest parts that have one are given theirs */
    double    held[2]; /* where the series begins beyond which the rows do not see T, or -T */
    int       number;
} Copy;

static IrVal *copy_linear(Copy *c, IrVal *v)
{
    Linear l;
    Q factor;
    if (!is_linear(c->w, c->arena, v, &l, &factor) || (l.n && !tree_same_direction(c->w, &l, c->direction))) return NULL;
    IrVal *made = l.n ? scaled(&c->b, c->t, q_f64(factor)) : number(&c->b, q_f64(l.add));
    bool signs = q_is(l.add, 0) && ir_may_be_minus_zero(made) && !ir_may_be_minus_zero(v); /* 0 - x is 0 where -x is -0 */
    return l.n && (signs || !q_is(l.add, 0)) ? ir_add(&c->b, made, number(&c->b, q_f64(l.add))) : made;
}

static IrVal *copy(Copy *c, IrVal *v);

static IrVal *copy_like(Copy *c, const IrNode *n)
{
    IrVal *args[3];
    for (int i = 0; i < n->n_args; i++)
        if (!(args[i] = copy(c, n->arg[i]))) return NULL;
    return ir_like(&c->b, n, args)->result;
}

/* By the condition itself, not a copy of it: rounded otherwise, it would choose another arm here than what else asks for it. */
static IrVal *copy_select(Copy *c, const IrNode *n)
{
    IrVal *yes = copy(c, n->arg[1]), *no = yes ? copy(c, n->arg[2]) : NULL;
    return no ? ir_select(&c->b, n->arg[0], yes, no) : NULL;
}

static IrVal *copy_row(Copy *c, IrVal *v)
{
    const IrNode *n = v->def;
    Reading how = tree_row(c->w, v);
    if (how == READ_SAME) return copy(c, n->arg[0]);
    if (n->op != IR_stop && ir_op_info[n->op].flags & IR_NOGRAD && ir_is_real(v->type.elem)) return tree_convert(&c->b, v, IR_F64); /* as with conditions */
    double sign;
    IrVal *x = of_log1p(n, &sign);
    if (x && (x = copy(c, x))) return ir_log1p(&c->b, scaled(&c->b, x, sign));
    x = of_expm1(n) ? copy(c, of_expm1(n)) : NULL;
    if (x) return ir_expm1(&c->b, x);
    if (how == READ_SELECT) return copy_select(c, n);
    bool through = how == READ_FUNCTION || n->op == IR_abs || n->op == IR_max || n->op == IR_min || n->op == IR_stop;
    x = through || tree_info(c->w, v)->functions || tree_info(c->w, v)->held ? NULL : copy_linear(c, v);
    return x || (!through && how != READ_ALGEBRA) ? x : copy_like(c, n);
}

/* Where the rows are held: beyond where a series begins, so that no slope is taken at a corner. */
static double held_at(const Power *p) { return p->below * 1.0625; }

/* One side's series where T, or -T, is below p->below. */
static IrVal *beyond(IrBuilder *b, const Power *p, IrVal *t, IrVal *r)
{
    return ir_select(b, ir_compare(b, IR_LT, t, number(b, p->below)), write_power(b, p, t), r);
}

static void hold_at(Copy *c, int side, const Power *p)
{
    c->t = side ? ir_min(&c->b, c->t, number(&c->b, -held_at(p))) : ir_max(&c->b, c->t, number(&c->b, held_at(p)));
    c->held[side] = p->below;
    c->open[side] = p->below < LATE;
}

/* Is v exact on the sides where the whole has no series? */
static bool keeps(Copy *c, IrVal *v)
{
    bool does = true;
    for (int k = 0; k < 2 && does; k++) does = !c->open[k] || !loses(read_start(c->w, c->arena, k ? -1 : 1, v), IR_F64);
    return does;
}

/* What v became by a form or a rule, where v as it is written loses digits and that does not; else NULL. */
static IrVal *copy_best(Copy *c, IrVal *v)
{
    IrVal *best = keeps(c, v) ? v : tree_best(c->w, v);
    while (best != v && tree_row(c->w, best) == READ_SAME) best = best->def->arg[0];
    return best != v && keeps(c, best) ? copy(c, best) : NULL;
}

/* With a series of its own on the sides where the whole has none. */
static IrVal *copy_parts(Copy *c, IrVal *v, const NodeInfo *i)
{
    Copy outside = *c;
    Power *p[2] = {0};
    IrVal *best = i->functions ? copy_best(c, v) : NULL;
    if (best) return best;
    for (int k = 0; k < 2; k++) {
        const Tail *t = c->open[k] && i->functions > 1 ? read_start(c->w, c->arena, k ? -1 : 1, v) : NULL;
        if (!t) continue;
        c->open[k] = loses(t, IR_F64) && c->held[k] > -FURTHEST;
        p[k] = arena_new_of(c->arena, Power);
        bool nearer = loses(t, IR_F64) && find_power(read_side(c->w, c->arena, k ? -1 : 1, v), p[k]) && p[k]->below > c->held[k];
        if (nearer) hold_at(c, k, p[k]);
        else p[k] = NULL;
    }
    if (p[0] || p[1]) c->number = ++c->w->trees; /* what it shares with others is not held there */
    IrVal *r = copy_row(c, v);
    for (int k = 0; k < 2 && r; k++)
        if (p[k]) r = beyond(&c->b, p[k], c->to[k], r);
    *c = outside;
    return r;
}

/* What a rule makes of a function or a share that is written here: log(1 + exp(x)) does not overflow. NULL: nothing. */
static IrVal *by_rule(Copy *c, IrVal *v)
{
    bool ours = v->def->why != IR_WHY_STABILISED && (tree_row(c->w, v) == READ_FUNCTION || v->def->op == IR_div);
    IrVal *rule = ours && (c->open[0] || c->open[1]) ? tree_small_rule(c->w, v) : NULL;
    return rule ? copy(c, rule) : NULL;
}

/* v in f64; NULL: something else than T is in it. */
static IrVal *copy(Copy *c, IrVal *v)
{
    double x;
    if (is_number(c->w, v, &x)) return number(&c->b, x);
    NodeInfo *i = tree_info(c->w, v);
    if (!i) return copy_linear(c, v);
    if (i->copy_in == c->number) return i->copy;
    IrVal *root = tree_root_rule(c->w, v), *made = root ? copy(c, root) : by_rule(c, v);
    if (!made && !root) made = copy_parts(c, v, i);
    i->copy_in = c->number;
    return i->copy = made;
}

static IrVal *direction(IrBuilder *b, Walk *w, const Linear *t)
{
    IrVal *all = NULL;
    for (int k = 0; k < t->n; k++) {
        IrVal *x = scaled(b, tree_convert(b, tree_best(w, t->base[k]), IR_F64), q_f64(t->c[k]));
        all = all ? ir_add(b, all, x) : x;
    }
    return all;
}

/* ---- the whole -------------------------------------------------------------------------------------------------- */

/* Below p[0]->below and above -p[1]->below the series; NULL: it has none. */
static IrVal *write(Copy *c, const IrVal *v, IrVal *rows, Power *const *p)
{
    IrBuilder *b = &c->b;
    *b = tree_before(c->w, v);
    c->t = c->to[0] = direction(b, c->w, c->direction);
    c->to[1] = ir_neg(b, c->t);
    for (int k = 0; k < 2; k++) {
        c->held[k] = -FURTHEST;
        if (p[k]) hold_at(c, k, p[k]);
    }
    c->number = ++c->w->trees;
    IrVal *r = copy(c, rows);
    for (int k = 1; k >= 0 && r; k--)
        if (p[k]) r = beyond(b, p[k], c->to[k], r);
    return r;
}

/* The type that v is computed in, made or as it is written. */
static IrElem elem_of(const Walk *w, const IrVal *v, const IrVal *made)
{
    if (!made) return tree_is_head(w, v) ? IR_F64 : v->type.elem;
    return made->def && made->def->op == IR_convert ? made->def->arg[0]->type.elem : made->type.elem;
}

static const Linear *direction_of(const Tail *rows, const Tail *t) { return t ? t->direction : rows ? rows->direction : NULL; }

/* The first sum without functions in it; not v itself. */
static const Linear *first_direction(Walk *w, Arena *arena, IrVal *v)
{
    double x;
    Linear l;
    Q factor;
    const NodeInfo *i = tree_info(w, v);
    if (is_number(w, v, &x)) return NULL;
    bool linear = (!i || (!i->functions && !i->held)) && is_linear(w, arena, v, &l, &factor);
    bool itself = linear && i && l.n == 1 && l.base[0] == v && tree_row(w, v) == READ_ALGEBRA;
    if (linear && l.n && !itself) return arena_copy(w->scratch, &l, sizeof l);
    const Linear *found = NULL;
    for (int k = 0; i && (!linear || itself) && k < v->def->n_args && !found; k++)
        if (ir_is_real(v->def->arg[k]->type.elem)) found = first_direction(w, arena, v->def->arg[k]);
    return found;
}

static IrVal *with_tails(Walk *w, Arena *scratch, IrVal *v, IrVal *made, bool any)
{
    IrVal *rows = made ? made : v;
    Copy c = {.w = w, .arena = scratch};
    const Tail *of_rows[2], *t[2];
    bool ends = false, known = true;
    for (int i = 0; i < 2; i++) {
        of_rows[i] = read_start(w, scratch, i ? -1 : 1, rows);
        t[i] = made ? read_start(w, scratch, i ? -1 : 1, v) : of_rows[i];
        if (!c.direction) c.direction = direction_of(of_rows[i], t[i]);
        c.open[i] = !of_rows[i] && !t[i];
        if (c.open[i]) continue;
        known = known && of_rows[i];
        any |= loses(of_rows[i], elem_of(w, v, made));
        ends |= loses(of_rows[i], IR_F64);
    }
    if (made && any && !c.direction) c.direction = first_direction(w, scratch, rows);
    if (!any || !c.direction) return made;
    Power *p[2] = {0};
    for (int i = 0; i < 2 && ends; i++) {
        p[i] = arena_new_of(scratch, Power);
        if (!find_power(read_side(w, scratch, i ? -1 : 1, t[i] ? v : rows), p[i])) p[i] = NULL;
    }
    if (made && ends && !p[0] && !p[1]) return made;
    IrVal *r = write(&c, v, known ? rows : v, p);
    return r ? r : made;
}

IrVal *tree_with_tails(Walk *w, IrVal *v, IrVal *made, bool wide)
{
    Arena *scratch = arena_new();
    IrVal *r = with_tails(w, scratch, v, made, wide);
    arena_free(scratch);
    return r;
}

IrVal *tree_in_f64(Walk *w, IrVal *v)
{
    Arena *scratch = arena_new();
    Copy c = {.w = w, .arena = scratch, .open = {true, true}};
    c.direction = first_direction(w, scratch, v);
    IrVal *r = c.direction ? write(&c, v, v, (Power *[2]){0}) : NULL;
    arena_free(scratch);
    return r;
}
