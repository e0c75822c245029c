/* form.c - see form.h. The algebra in order: numbers and terms, sums and products, ratios of polynomials, exp and log, reflection. */
#include "compiler/opt/form.h"

#include <string.h>

const int    form_prime[FORM_PRIMES] = {2, 3, 5, 7, 11, 13};
const double form_log_prime[FORM_PRIMES] = {0.69314718055994530942, 1.0986122886681098, 1.6094379124341003, 1.9459101490553132, 2.3978952727983707, 2.5649493574615367};

/* ---- terms ---------------------------------------------------------------------------------------------------------- */

static Form *empty(FormSpace *s) { return arena_new_of(s->arena, Form); }

static Term unit(void)
{
    Term t = {.c = Q_ONE, .e = Q_ZERO};
    for (int i = 0; i < FORM_SUMS; i++) t.k[i] = Q_ZERO;
    return t;
}

bool form_same_rest(const Term *a, const Term *b)
{
    return !memcmp(a->leaf, b->leaf, sizeof a->leaf) && !memcmp(a->prime, b->prime, sizeof a->prime) && !memcmp(a->log, b->log, sizeof a->log);
}

static bool same_power(const Term *a, const Term *b)
{
    if (q_cmp(a->e, b->e)) return false;
    for (int i = 0; i < FORM_SUMS; i++)
        if (q_cmp(a->k[i], b->k[i])) return false;
    return true;
}

static bool push(Form *f, const Term *t)                     /* equal terms collect; zeros go */
{
    if (q_is(t->c, 0)) return true;
    for (int i = 0; i < f->n; i++) {
        if (!form_same_rest(&f->t[i], t) || !same_power(&f->t[i], t)) continue;
        if (!q_add(f->t[i].c, t->c, &f->t[i].c)) return false;
        if (q_is(f->t[i].c, 0)) f->t[i] = f->t[--f->n];
        return true;
    }
    if (f->n == FORM_TERMS) return false;
    f->t[f->n++] = *t;
    return true;
}

static bool add_powers(int8_t *to, const int8_t *by, int n)
{
    for (int i = 0; i < n; i++) {
        int sum = to[i] + by[i];
        if (sum > 8 || sum < -8) return false;
        to[i] = (int8_t)sum;
    }
    return true;
}

static bool times(Term *t, const Term *by)
{
    bool ok = q_mul(t->c, by->c, &t->c) && q_add(t->e, by->e, &t->e);
    for (int i = 0; i < FORM_SUMS && ok; i++) ok = q_add(t->k[i], by->k[i], &t->k[i]);
    return ok && add_powers(t->leaf, by->leaf, FORM_LEAVES) && add_powers(t->prime, by->prime, FORM_PRIMES) && add_powers(t->log, by->log, FORM_SUMS);
}

/* Whole positive powers of an S are multiplied out. */
static bool push_expanded(const FormSpace *s, Form *f, const Term *t)
{
    for (int i = 0; i < s->n_sums; i++) {
        if (!q_whole(t->k[i]) || q_sign(t->k[i]) <= 0) continue;
        if (t->k[i].n > 4) return false;
        Term less = *t;
        less.k[i].n--;
        bool ok = push_expanded(s, f, &less);
        for (int j = 0; j < s->sum[i].n && ok; j++) {
            Term part = less;
            ok = q_mul(part.c, s->sum[i].c[j], &part.c) && q_add(part.e, s->sum[i].m[j], &part.e) && push_expanded(s, f, &part);
        }
        return ok;
    }
    return push(f, t);
}

/* ---- sums and products ---------------------------------------------------------------------------------------------- */

Form *form_number(FormSpace *s, Q c)
{
    Form *f = empty(s);
    Term  t = unit();
    t.c = c;
    push(f, &t);
    return f;
}

Form *form_leaf(FormSpace *s, int leaf)
{
    Form *f = form_number(s, Q_ONE);
    f->t[0].leaf[leaf] = 1;
    return f;
}

Form *form_add(FormSpace *s, const Form *a, const Form *b)
{
    if (!a || !b) return NULL;
    Form *f = arena_copy(s->arena, a, sizeof *a);
    for (int i = 0; i < b->n; i++)
        if (!push(f, &b->t[i])) return NULL;
    return f;
}

Form *form_mul(FormSpace *s, const Form *a, const Form *b)
{
    if (!a || !b) return NULL;
    Form *f = empty(s);
    for (int i = 0; i < a->n; i++)
        for (int j = 0; j < b->n; j++) {
            Term t = a->t[i];
            if (!times(&t, &b->t[j]) || !push_expanded(s, f, &t)) return NULL;
        }
    return f;
}

Form *form_scale(FormSpace *s, const Form *a, Q c) { return form_mul(s, a, form_number(s, c)); }

/* ---- ratios --------------------------------------------------------------------------------------------------------- */

typedef struct Dense { int n; Q base, step, c[FORM_DENSE]; } Dense;    /* sum c[i] E^(base + i*step) */

static bool fraction_gcd(Q a, Q b, Q *out)                   /* the largest g of which both are whole multiples; a, b >= 0 */
{
    for (int i = 0; i < 64 && q_sign(b) > 0; i++) {
        Q   times_b, rest;
        if (!q_div(a, b, &times_b)) return false;
        Q   whole = {times_b.n / times_b.d, 1}, taken;
        if (!q_mul(whole, b, &taken) || !q_add(a, q_neg(taken), &rest)) return false;
        a = b;
        b = rest;
    }
    *out = a;
    return q_sign(b) == 0;
}

static bool grid_of(const Ratio *r, const Sum *s, Q *step)
{
    *step = Q_ZERO;
    for (int i = 1; i < r->n; i++) {
        Q d;
        if (!q_add(r->e[i], q_neg(r->e[0]), &d) || !fraction_gcd(d, *step, step)) return false;
    }
    for (int i = 0; s && i < s->n; i++)
        if (!fraction_gcd(s->m[i], *step, step)) return false;
    return q_sign(*step) > 0;
}

static int64_t place_of(Q e, Q base, Q step)                 /* -1: not on the grid, or too far */
{
    Q d, i;
    if (!q_add(e, q_neg(base), &d) || !q_div(d, step, &i) || !q_whole(i) || i.n < 0 || i.n >= FORM_DENSE) return -1;
    return i.n;
}

static bool to_dense(const Ratio *r, Q step, Dense *d)
{
    *d = (Dense){.base = r->e[0], .step = step};
    for (int i = 0; i < FORM_DENSE; i++) d->c[i] = Q_ZERO;
    for (int i = 0; i < r->n; i++) {
        int64_t at = place_of(r->e[i], d->base, step);
        if (at < 0) return false;
        d->c[at] = r->c[i];
        if (at + 1 > d->n) d->n = (int)at + 1;
    }
    return true;
}

static bool from_dense(const Dense *d, Ratio *r)
{
    r->n = 0;
    for (int i = 0; i < d->n; i++) {
        if (q_is(d->c[i], 0)) continue;
        Q at;
        if (r->n == FORM_TERMS || !q_mul((Q){i, 1}, d->step, &at) || !q_add(at, d->base, &r->e[r->n])) return false;
        r->c[r->n++] = d->c[i];
    }
    return true;
}

/* d / (1 + sum c_i E^m_i), lowest power first; false when it does not go. */
static bool divide(Dense *d, const Sum *s)
{
    Dense q = *d;
    for (int i = 0; i < d->n; i++)
        for (int j = 0; j < s->n; j++) {
            Q at, part;
            if (q_is(q.c[i], 0)) continue;
            if (!q_div(s->m[j], d->step, &at) || !q_whole(at) || !q_mul(q.c[i], s->c[j], &part)) return false;
            if (i + at.n >= d->n || !q_add(q.c[i + at.n], q_neg(part), &q.c[i + at.n])) return false;
        }
    while (q.n && q_is(q.c[q.n - 1], 0)) q.n--;
    *d = q;
    return q.n > 0;
}

static void sort_terms(Ratio *r)
{
    for (int i = 1; i < r->n; i++)
        for (int j = i; j > 0 && q_cmp(r->e[j - 1], r->e[j]) > 0; j--) {
            Q c = r->c[j], e = r->e[j];
            r->c[j] = r->c[j - 1];
            r->e[j] = r->e[j - 1];
            r->c[j - 1] = c;
            r->e[j - 1] = e;
        }
}

static bool common_power(const FormSpace *s, const Form *f, const Term *like, int sum, Q *least)
{
    bool first = true;
    for (int i = 0; i < f->n; i++) {
        Q gap;
        if (!form_same_rest(&f->t[i], like)) continue;
        if (first) *least = f->t[i].k[sum];
        first = false;
        if (!q_add(f->t[i].k[sum], q_neg(*least), &gap) || !q_whole(gap)) return false;
        if (q_sign(gap) < 0) *least = f->t[i].k[sum];
    }
    (void)s;
    return true;
}

bool form_ratio(const FormSpace *s, const Form *f, const Term *like, Ratio *r)
{
    Form *p = arena_new_of(s->arena, Form);
    for (int i = 0; i < FORM_SUMS; i++)
        if (!common_power(s, f, like, i, &r->k[i])) return false;
    for (int i = 0; i < f->n; i++) {
        if (!form_same_rest(&f->t[i], like)) continue;
        Term t = f->t[i];
        for (int j = 0; j < FORM_SUMS; j++)
            if (!q_add(t.k[j], q_neg(r->k[j]), &t.k[j])) return false;
        if (!push_expanded(s, p, &t)) return false;
    }
    r->n = p->n;
    for (int i = 0; i < p->n; i++) {
        r->c[i] = p->t[i].c;
        r->e[i] = p->t[i].e;
    }
    sort_terms(r);
    for (int i = 0; i < s->n_sums; i++)
        while (r->n > 1 && q_cmp(r->k[i], (Q){-1, 1}) <= 0) {
            Dense d;
            Q     step;
            if (!grid_of(r, &s->sum[i], &step) || !to_dense(r, step, &d) || !divide(&d, &s->sum[i])) break;
            if (!from_dense(&d, r) || !q_add(r->k[i], Q_ONE, &r->k[i])) return false;
        }
    return true;
}

int ratio_take_roots(Ratio *r, Q *step)
{
    int taken = 0;
    for (;;) {
        Q     sum = Q_ZERO;
        Dense d;
        Sum   minus = {.n = 1, .c = {{-1, 1}}};
        for (int i = 0; i < r->n; i++)
            if (!q_add(sum, r->c[i], &sum)) return taken;
        if (r->n < 2 || !q_is(sum, 0) || !grid_of(r, NULL, step) || !to_dense(r, *step, &d)) return taken;
        minus.m[0] = *step;                                 /* 1 - E^step; the sign is mended below */
        if (!divide(&d, &minus) || !from_dense(&d, r)) return taken;
        for (int i = 0; i < r->n; i++) r->c[i] = q_neg(r->c[i]);
        taken++;
        if (taken > 1) continue;
        Q next;                                             /* further roots only on the same step */
        if (r->n >= 2 && (!grid_of(r, NULL, &next) || q_cmp(next, *step))) return taken;
    }
}

/* ---- powers, exp, log ----------------------------------------------------------------------------------------------- */

static bool pure(const Form *f)                              /* only E and S */
{
    Term one = unit();
    for (int i = 0; i < f->n; i++)
        if (!form_same_rest(&f->t[i], &one)) return false;
    return f->n > 0;
}

static int find_sum(FormSpace *s, const Sum *sum)            /* its index; -1: no room */
{
    for (int i = 0; i < s->n_sums; i++) {
        const Sum *have = &s->sum[i];
        bool same = have->n == sum->n;
        for (int j = 0; j < sum->n && same; j++) same = !q_cmp(have->c[j], sum->c[j]) && !q_cmp(have->m[j], sum->m[j]);
        if (same) return i;
    }
    if (s->n_sums == FORM_SUMS) return -1;
    s->sum[s->n_sums] = *sum;
    return s->n_sums++;
}

/* A pure form as one term c E^e prod S^k, its polynomial becoming a new S if all its coefficients are positive. */
static bool as_term(FormSpace *s, const Form *f, Term *out)
{
    if (f->n == 1) {
        *out = f->t[0];
        return true;
    }
    Ratio r;
    Sum   sum = {0};
    *out = unit();
    if (!pure(f) || !form_ratio(s, f, out, &r) || r.n == 0 || r.n > FORM_SUM_TERMS) return false;
    memcpy(out->k, r.k, sizeof out->k);
    out->c = r.c[0];
    out->e = r.e[0];
    if (r.n == 1) return true;
    for (int i = 1; i < r.n; i++, sum.n++)
        if (!q_div(r.c[i], r.c[0], &sum.c[sum.n]) || q_sign(sum.c[sum.n]) <= 0 || !q_add(r.e[i], q_neg(r.e[0]), &sum.m[sum.n])) return false;
    int at = find_sum(s, &sum);
    return at >= 0 && q_add(out->k[at], Q_ONE, &out->k[at]);
}

static bool invert(Term *t)
{
    if (!q_div(Q_ONE, t->c, &t->c)) return false;
    t->e = q_neg(t->e);
    for (int i = 0; i < FORM_SUMS; i++) {
        if (t->log[i]) return false;
        t->k[i] = q_neg(t->k[i]);
    }
    for (int i = 0; i < FORM_LEAVES; i++) t->leaf[i] = (int8_t)-t->leaf[i];
    for (int i = 0; i < FORM_PRIMES; i++)
        if (t->prime[i]) return false;
    return true;
}

static Form *of_term(FormSpace *s, const Term *t)
{
    Form *f = empty(s);
    return push_expanded(s, f, t) ? f : NULL;
}

Form *form_div(FormSpace *s, const Form *a, const Form *b)
{
    Term t;
    if (!a || !b || !as_term(s, b, &t) || !invert(&t)) return NULL;
    Form one = {.n = 1, .t = {t}};
    return form_mul(s, a, &one);
}

Form *form_pow(FormSpace *s, const Form *a, Q k)
{
    if (!a) return NULL;
    if (q_whole(k) && k.n >= 0 && k.n <= 4) {
        Form *f = form_number(s, Q_ONE);
        for (int64_t i = 0; i < k.n && f; i++) f = form_mul(s, f, a);
        return f;
    }
    Term t, one = unit();
    if (!as_term(s, a, &t) || !form_same_rest(&t, &one) || q_sign(t.c) <= 0) return NULL;
    bool ok = q_pow(t.c, k, &t.c) && q_mul(t.e, k, &t.e);
    for (int i = 0; i < FORM_SUMS && ok; i++) ok = q_mul(t.k[i], k, &t.k[i]);
    return ok ? of_term(s, &t) : NULL;
}

/* What a term of an exponent contributes: a leaf, a log S or a log prime, each with a whole or fractional factor. */
static bool exponent_term(const Term *t, Q linear[FORM_LEAVES], Term *out)
{
    Term bare = *t, one = unit();
    Q    power;
    bare.c = Q_ONE;
    for (int i = 0; i < FORM_LEAVES; i++) {
        Term x = one;
        x.leaf[i] = 1;
        if (form_same_rest(&bare, &x) && same_power(&bare, &x)) return q_add(linear[i], t->c, &linear[i]);
    }
    for (int i = 0; i < FORM_SUMS; i++) {
        Term x = one;
        x.log[i] = 1;
        if (form_same_rest(&bare, &x) && same_power(&bare, &x)) return q_add(out->k[i], t->c, &out->k[i]);
    }
    for (int i = 0; i < FORM_PRIMES; i++) {
        Term x = one;
        x.prime[i] = 1;
        if (form_same_rest(&bare, &x) && same_power(&bare, &x))
            return q_pow((Q){form_prime[i], 1}, t->c, &power) && q_mul(out->c, power, &out->c);
    }
    return false;
}

/* linear = e * direction; the first linear form that comes along is the direction (its first coefficient made 1). */
static bool along_direction(FormSpace *s, const Q linear[FORM_LEAVES], Q *e)
{
    int first = 0;
    while (first < FORM_LEAVES && q_is(linear[first], 0)) first++;
    *e = Q_ZERO;
    if (first == FORM_LEAVES) return true;
    if (!s->has_direction) {
        for (int i = 0; i < FORM_LEAVES; i++)
            if (!q_div(linear[i], linear[first], &s->direction[i])) return false;
        s->has_direction = true;
    }
    if (q_is(s->direction[first], 0) || !q_div(linear[first], s->direction[first], e)) return false;
    for (int i = 0; i < FORM_LEAVES; i++) {
        Q want;
        if (!q_mul(s->direction[i], *e, &want) || q_cmp(want, linear[i])) return false;
    }
    return true;
}

Form *form_exp(FormSpace *s, const Form *a)
{
    if (!a) return NULL;
    Q    linear[FORM_LEAVES];
    Term t = unit();
    for (int i = 0; i < FORM_LEAVES; i++) linear[i] = Q_ZERO;
    for (int i = 0; i < a->n; i++)
        if (!exponent_term(&a->t[i], linear, &t)) return NULL;
    return along_direction(s, linear, &t.e) ? of_term(s, &t) : NULL;
}

bool form_factor(Q c, int8_t power[FORM_PRIMES])
{
    int64_t n = c.n, d = c.d;
    if (n <= 0) return false;
    memset(power, 0, FORM_PRIMES);
    for (int i = 0; i < FORM_PRIMES; i++) {
        for (; n % form_prime[i] == 0; n /= form_prime[i])
            if (++power[i] > 20) return false;
        for (; d % form_prime[i] == 0; d /= form_prime[i])
            if (--power[i] < -20) return false;
    }
    return n == 1 && d == 1;
}

static bool push_log_number(Form *f, Q c, Q factor)          /* factor * log c */
{
    int8_t power[FORM_PRIMES];
    if (!form_factor(c, power)) return false;
    for (int i = 0; i < FORM_PRIMES; i++) {
        Term t = unit();
        t.prime[i] = 1;
        if (!q_mul(factor, (Q){power[i], 1}, &t.c) || !push(f, &t)) return false;
    }
    return true;
}

static bool push_direction(const FormSpace *s, Form *f, Q e)  /* e * T, written in the leaves */
{
    for (int i = 0; i < FORM_LEAVES && !q_is(e, 0); i++) {
        Term t = unit();
        t.leaf[i] = 1;
        if (!q_mul(e, s->direction[i], &t.c) || !push(f, &t)) return false;
    }
    return true;
}

Form *form_log(FormSpace *s, const Form *a)
{
    Term t, one = unit();
    if (!a || a->n == 0 || !as_term(s, a, &t) || !form_same_rest(&t, &one)) return NULL;
    Form *f = empty(s);
    if (!push_log_number(f, t.c, Q_ONE) || !push_direction(s, f, t.e)) return NULL;
    for (int i = 0; i < s->n_sums; i++) {
        Term l = unit();
        l.log[i] = 1;
        l.c = t.k[i];
        if (!push(f, &l)) return NULL;
    }
    return f;
}

/* ---- reflection ----------------------------------------------------------------------------------------------------- */

static bool reflect_sum(const Sum *s, Sum *out, Q *top, Q *lead)    /* S(E) = lead E^top out(1/E) */
{
    *top = s->m[s->n - 1];
    *lead = s->c[s->n - 1];
    out->n = s->n;
    for (int i = 0; i < s->n; i++) {                        /* powers top - m, largest m first, and top itself for the 1 */
        int from = s->n - 2 - i;
        Q   c = from >= 0 ? s->c[from] : Q_ONE, m = from >= 0 ? s->m[from] : Q_ZERO;
        if (!q_div(c, *lead, &out->c[i]) || !q_add(*top, q_neg(m), &out->m[i])) return false;
    }
    return true;
}

/* L(S) = log lead + top*T + L(S'), as a form of the reflected space. */
static Form *reflect_log(FormSpace *r, int sum, Q top, Q lead)
{
    Form *f = empty(r);
    Term  t = unit();
    t.log[sum] = 1;
    bool ok = push(f, &t) && push_log_number(f, lead, Q_ONE) && push_direction(r, f, top);
    return ok ? f : NULL;
}

Form *form_reflect(const FormSpace *s, const Form *f, FormSpace *r)
{
    Q top[FORM_SUMS], lead[FORM_SUMS];
    *r = *s;
    for (int i = 0; i < s->n_sums; i++)
        if (!reflect_sum(&s->sum[i], &r->sum[i], &top[i], &lead[i])) return NULL;
    Form *all = empty(r);
    for (int i = 0; i < f->n && all; i++) {
        Term t = f->t[i];
        memset(t.log, 0, sizeof t.log);
        t.e = q_neg(t.e);
        for (int j = 0; j < s->n_sums; j++) {
            Q scale, shift;
            if (!q_pow(lead[j], t.k[j], &scale) || !q_mul(t.c, scale, &t.c) || !q_mul(top[j], t.k[j], &shift) || !q_add(t.e, q_neg(shift), &t.e)) return NULL;
        }
        Form *part = of_term(r, &t);
        for (int j = 0; j < s->n_sums; j++)
            for (int l = 0; l < f->t[i].log[j]; l++) part = form_mul(r, part, reflect_log(r, j, top[j], lead[j]));
        all = form_add(r, all, part);
    }
    return all;
}
