/* form_series.c - a form as a power series in E, for where its leading powers cancel: log(1 + E) - E / (1 + E) is E^2 / 2 - ..
 * as E goes to 0, of which nothing is left when the terms are added up. See form.h.
 *
 * Coefficients are exact, so those that cancel are seen to; a series ends before the first that 64 bits do not hold.
 * Start at form_series(). */
#include "compiler/opt/form.h"
#include "runtime/math/scalar.h"

#include <math.h>
#include <string.h>

enum { PLACES = 32 };

typedef struct Power { /* sum c[i] x^i, known below n; x = E^step */
    int n;
    Q   c[PLACES];
} Power;

static Power nothing(void)
{
    Power p = {.n = PLACES};
    for (int i = 0; i < PLACES; i++) p.c[i] = Q_ZERO;
    return p;
}

static void add(Power *to, const Power *x, Q by)
{
    Q c;
    if (x->n < to->n) to->n = x->n;
    for (int i = 0; i < to->n; i++)
        if (!q_mul(x->c[i], by, &c) || !q_add(to->c[i], c, &to->c[i])) to->n = i;
}

static Power times(const Power *a, const Power *b)
{
    Power p = nothing();
    Q c;
    p.n = a->n < b->n ? a->n : b->n;
    for (int i = 0; i < p.n; i++)
        for (int j = 0; j <= i && i < p.n; j++)
            if (!q_mul(a->c[j], b->c[i - j], &c) || !q_add(p.c[i], c, &p.c[i])) p.n = i;
    return p;
}

static int lowest(const Power *p) /* p->n: it is 0 as far as it is known */
{
    int i = 0;
    while (i < p->n && q_is(p->c[i], 0)) i++;
    return i;
}

/* Adds c x^(e / step). False: off the grid. What lies beyond the places is not looked at. */
static bool put(Power *p, Q c, Q e, Q step)
{
    Q at;
    if (!q_div(e, step, &at) || !q_whole(at) || at.n < 0) return false;
    return at.n >= PLACES || q_add(p->c[at.n], c, &p->c[at.n]);
}

/* c[j] of S^k = sum c[j] (S - 1)^j, from the one before; of log S, c[j] j. */
static bool next_coefficient(Q k, bool logarithm, int j, Q *c)
{
    Q up;
    if (logarithm) return q_mul(*c, (Q){-1, 1}, c);
    return q_add(k, (Q){1 - j, 1}, &up) && q_mul(*c, up, c) && q_div(*c, (Q){j, 1}, c);
}

/* S^k, or log S. */
static bool function_of_sum(const Sum *s, Q k, bool logarithm, Q step, Power *out)
{
    Power x = nothing(), power = nothing();
    Q c = logarithm ? (Q){-1, 1} : Q_ONE, by;
    for (int i = 0; i < s->n; i++)
        if (!put(&x, s->c[i], s->m[i], step)) return false;
    power.c[0] = Q_ONE;
    *out = logarithm ? nothing() : power;
    for (int j = 1; j < out->n; j++) { /* (S - 1)^j begins with x^j at the earliest */
        bool held = next_coefficient(k, logarithm, j, &c) && q_div(c, logarithm ? (Q){j, 1} : Q_ONE, &by);
        power = times(&power, &x);
        if (held)
            add(out, &power, by);
        else
            out->n = j;
    }
    return true;
}

/* A term over E^least, but for its leaves and primes. */
static bool power_of_term(const FormSpace *s, const Term *t, Q least, Q step, Power *out)
{
    Q e;
    Power part;
    *out = nothing();
    if (!q_add(t->e, q_neg(least), &e) || !put(out, t->c, e, step)) return false;
    for (int i = 0; i < s->n_sums; i++) {
        if (!q_is(t->k[i], 0) && !function_of_sum(&s->sum[i], t->k[i], false, step, &part)) return false;
        if (!q_is(t->k[i], 0)) *out = times(out, &part);
        if (t->log[i] && !function_of_sum(&s->sum[i], Q_ZERO, true, step, &part)) return false;
        for (int l = 0; l < t->log[i]; l++) *out = times(out, &part);
    }
    return true;
}

static bool grid_of(const FormSpace *s, const Form *f, Q *least, Q *step)
{
    Q e;
    *least = f->t[0].e;
    for (int i = 1; i < f->n; i++)
        if (q_cmp(f->t[i].e, *least) < 0) *least = f->t[i].e;
    *step = Q_ZERO;
    for (int i = 0; i < f->n; i++)
        if (!q_add(f->t[i].e, q_neg(*least), &e) || !q_gcd(e, *step, step)) return false;
    for (int i = 0; i < s->n_sums; i++)
        for (int k = 0; k < s->sum[i].n; k++)
            if (!q_gcd(s->sum[i].m[k], *step, step)) return false;
    return q_sign(*step) > 0;
}

/* The terms that are the same product of leaves and logarithms: what is written as one group cancels exactly. */
static bool power_of_group(const FormSpace *s, const Form *f, int first, Q least, Q step, Power *out)
{
    Power one;
    *out = nothing();
    for (int i = first; i < f->n; i++) {
        if (!form_same_rest(&f->t[first], &f->t[i])) continue;
        if (!power_of_term(s, &f->t[i], least, step, &one)) return false;
        add(out, &one, Q_ONE);
    }
    return true;
}

static bool is_first_of_group(const Form *f, int at)
{
    bool first = true;
    for (int i = 0; i < at; i++) first = first && !form_same_rest(&f->t[i], &f->t[at]);
    return first;
}

/* Where its sums have become series; -1: no room. */
static int find_rest(Series *out, const Term *t)
{
    Term rest = *t;
    memset(rest.log, 0, sizeof rest.log);
    for (int i = 0; i < FORM_SUMS; i++) rest.k[i] = Q_ZERO;
    for (int i = 0; i < out->n_rests; i++)
        if (form_same_rest(&out->rest[i], &rest)) return i;
    if (out->n_rests == SERIES_RESTS) return -1;
    out->rest[out->n_rests] = rest;
    return out->n_rests++;
}

/* How fast the coefficients grow: |a[i]| <= (the largest a[0]) * growth^i. */
static double growth_of(const Series *s)
{
    double first = 0, growth = 0;
    for (int r = 0; r < s->n_rests; r++) first = fmax(first, fabs(s->a[r][0]));
    for (int r = 0; r < s->n_rests; r++)
        for (int i = 1; i < s->n; i++) growth = fmax(growth, math_pow_f64(fabs(s->a[r][i]) / first, 1.0 / i));
    return growth;
}

bool form_series(const FormSpace *s, const Form *f, Series *out)
{
    Q least;
    Power whole[SERIES_RESTS], group;
    int at_group = PLACES, at_whole = PLACES, known = PLACES;
    *out = (Series){.n_rests = 0};
    if (f->n < 2 || !grid_of(s, f, &least, &out->step)) return false;
    for (int i = 0; i < f->n; i++) {
        if (!is_first_of_group(f, i)) continue;
        int had = out->n_rests, r = find_rest(out, &f->t[i]);
        if (r < 0 || !power_of_group(s, f, i, least, out->step, &group)) return false;
        if (r == had) whole[r] = nothing();
        if (lowest(&group) < at_group) at_group = lowest(&group);
        add(&whole[r], &group, Q_ONE);
    }
    for (int r = 0; r < out->n_rests; r++) {
        if (lowest(&whole[r]) < at_whole) at_whole = lowest(&whole[r]);
        if (whole[r].n < known) known = whole[r].n;
    }
    out->n = known - at_whole < SERIES_TERMS ? known - at_whole : SERIES_TERMS;
    Q by;
    if (at_whole <= at_group || out->n < SERIES_LEAST || !q_mul(out->step, (Q){at_whole, 1}, &by) || !q_add(least, by, &out->least)) return false;
    for (int r = 0; r < out->n_rests; r++)
        for (int i = 0; i < out->n; i++) out->a[r][i] = q_f64(whole[r].c[at_whole + i]);
    out->growth = growth_of(out);
    return true;
}
