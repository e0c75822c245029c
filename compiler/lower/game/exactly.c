/* exactly.c - see exactly.h. Each value once, twice over: with all limbs of big.h, and with half of them. */
#include "compiler/lower/game/exactly.h"

#include "compiler/lower/value/big.h"
#include "compiler/opt/form.h"

#include <math.h>

typedef struct Exactly {
    const IrVal *at;
    double       x;
    int          n;                                         /* limbs */
    int          rows;
    Arena       *scratch;
    Big        **seen;                                      /* by value id */
} Exactly;

static Big value(Exactly *k, const IrVal *v);

static Big one(void) { return big_of(1); }

static Big share(int n, const Big *a)                       /* 1 / (1 + exp(-a)) */
{
    Big minus = big_neg(*a), e = big_exp(n, &minus), u = one(), all = big_add(n, &u, &e);
    if (!e.none) return big_div(n, &u, &all);
    e = big_exp(n, a);                                      /* too small for any exponent */
    return e;
}

static Big soft(int n, const Big *a)                        /* log(1 + exp(a)) */
{
    Big u = one(), e = big_exp(n, a), all = big_add(n, &u, &e);
    return e.none ? *a : big_log(n, &all);
}

static Big tanh_of(int n, const Big *a)
{
    Big two = big_of(2), u = big_of(-1), x = big_mul(n, &two, a), s = share(n, &x), t = big_mul(n, &two, &s);
    return big_add(n, &t, &u);
}

static int compared(int n, const Big *a, const Big *b)
{
    Big m = big_neg(*b), d = big_add(n, a, &m);
    return d.sign;
}

static Big to_power(int n, const Big *a, const Big *b)
{
    double k = big_f64(b);
    Big whole = big_of(k);
    if (k == floor(k) && !compared(n, &whole, b) && fabs(k) <= 16) {
        Big r = one(), u = one();
        for (int i = 0; i < fabs(k); i++) r = big_mul(n, &r, a);
        return k < 0 ? big_div(n, &u, &r) : r;
    }
    if (!a->none && !a->sign && k > 0) return *a;
    Big l = big_log(n, a), x = big_mul(n, &l, b);
    return big_exp(n, &x);
}

static Big function(int n, IrOp op, const Big *a)
{
    Big u = one(), minus = big_of(-1), half = big_of(0.5), r;
    switch (op) {
    case IR_neg: return big_neg(*a);
    case IR_abs: return a->sign < 0 ? big_neg(*a) : *a;
    case IR_exp: return big_exp(n, a);
    case IR_expm1: return r = big_exp(n, a), big_add(n, &r, &minus);
    case IR_log: return big_log(n, a);
    case IR_log1p: return r = big_add(n, &u, a), big_log(n, &r);
    case IR_sqrt: return to_power(n, a, &half);
    case IR_sigmoid: return share(n, a);
    case IR_softplus: return soft(n, a);
    case IR_tanh: return tanh_of(n, a);
    case IR_dsigmoid: {
        Big m = big_neg(*a), s = share(n, a), t = share(n, &m);
        return big_mul(n, &s, &t);
    }
    default: return big_none();
    }
}

static Big selected(Exactly *k, const IrNode *n)
{
    const IrNode *c = n->arg[0]->def;
    if (!c || c->op != IR_compare || !ir_is_real(c->arg[0]->type.elem)) return big_none();
    Big a = value(k, c->arg[0]), b = value(k, c->arg[1]);
    return a.none || b.none ? big_none() : value(k, n->arg[ir_compare_holds(c->attr->compare, compared(k->n, &a, &b)) ? 1 : 2]);
}

static Big fraction(int n, Q q)
{
    Big a = big_of((double)q.n), b = big_of((double)q.d);
    return big_div(n, &a, &b);
}

/* The fraction that x is but for the rounding of a step, as 2 / 3 - 1 has it. */
static bool is_nearly(double x, Q *q)
{
    enum { MOST = 1000 };
    bool found = false;
    for (int64_t d = 1; d <= MOST && fabs(x) < MOST && !found; d++) {
        double k = nearbyint(x * (double)d);
        found = k != 0 && fabs(x - k / (double)d) <= 0x1p-51 * fabs(x) && q_make((int64_t)k, d, q);
    }
    return found;
}

/* A number that is written 2 / 3 or log(2) is that, as it is to the forms of stabilise. */
static Big number(int n, double x)
{
    Q q;
    if (q_from_f64(x, &q) || is_nearly(x, &q)) return fraction(n, q);
    if (!form_from_log(x, &q)) return big_of(x);
    Big f = fraction(n, q);
    return big_log(n, &f);
}

static Big row(Exactly *k, const IrNode *n)
{
    if (n->op == IR_const) return number(k->n, n->attr->value);
    if (n->op == IR_select) return selected(k, n);
    bool same = n->op == IR_broadcast || n->op == IR_reshape || n->op == IR_spread || (n->op == IR_convert && ir_is_real(n->arg[0]->type.elem));
    if (n->n_args < 1 || n->n_args > 3 || (!same && ir_op_info[n->op].klass != IR_CLASS_MAP)) return big_none();
    Big a = value(k, n->arg[0]);
    if (same || a.none) return a;
    if (n->n_args == 1) return function(k->n, n->op, &a);
    Big b = value(k, n->arg[1]), m;
    if (b.none) return b;
    switch (n->op) {
    case IR_add: return big_add(k->n, &a, &b);
    case IR_sub: return m = big_neg(b), big_add(k->n, &a, &m);
    case IR_mul: return big_mul(k->n, &a, &b);
    case IR_div: return big_div(k->n, &a, &b);
    case IR_fma: {
        Big c = value(k, n->arg[2]);
        return m = big_mul(k->n, &a, &b), big_add(k->n, &m, &c);
    }
    case IR_pow: return to_power(k->n, &a, &b);
    case IR_max: return compared(k->n, &a, &b) >= 0 ? a : b;
    case IR_min: return compared(k->n, &a, &b) <= 0 ? a : b;
    default: return big_none();
    }
}

static Big value(Exactly *k, const IrVal *v)
{
    enum { MOST_ROWS = 2000 };                              /* so deep it may go */
    if (v == k->at) return big_of(k->x);
    if (k->seen[v->id]) return *k->seen[v->id];
    if (!v->def || v->def->n_results != 1 || ++k->rows > MOST_ROWS || !ir_is_real(v->type.elem)) return big_none();
    Big r = row(k, v->def);
    k->seen[v->id] = arena_copy(k->scratch, &r, sizeof r);
    return r;
}

static double with_limbs(Lower *L, const IrVal *y, const IrVal *at, double x, int n)
{
    Exactly k = {.at = at, .x = x, .n = n, .scratch = arena_new()};
    k.seen = arena_array(k.scratch, Big *, L->m->next_id + 1);
    Big    r = value(&k, y);
    double f = big_f64(&r);
    arena_free(k.scratch);
    return f;
}

double exactly_at(Lower *L, const IrVal *y, const IrVal *at, double x)
{
    double all = with_limbs(L, y, at, x, BIG_LIMBS), half = with_limbs(L, y, at, x, BIG_LIMBS / 2);
    return fabs(all - half) <= 1e-14 * fabs(all) ? all : NAN;
}
