/* form.c - see form.h. The algebra in order: numbers and terms, sums and products, ratios of polynomials, the other side
 * (1/E), powers, exp and log, one order for all, reflection. */
#include "compiler/opt/form.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const int form_prime[FORM_PRIMES] = {2, 3, 5, 7, 11, 13};
const double form_log_prime[FORM_PRIMES] = {0.69314718055994530942, 1.0986122886681098, 1.6094379124341003,
                                            1.9459101490553132,     2.3978952727983707, 2.5649493574615367};

/* ---- terms ------------------------------------------------------------------------------------------------------ */

static Form *empty(const FormSpace *s) { return arena_new_of(s->arena, Form); }

static Term unit(void)
{
    Term t = {.c = Q_ONE, .e = Q_ZERO};
    for (int i = 0; i < FORM_SUMS; i++) t.k[i] = Q_ZERO;
    return t;
}

/* Up to a whole power of each S: the root of one is no polynomial. */
static bool same_fractions(const Term *a, const Term *b)
{
    Q gap;
    bool same = true;
    for (int i = 0; i < FORM_SUMS; i++) same = same && q_add(a->k[i], q_neg(b->k[i]), &gap) && q_whole(gap);
    return same;
}

bool form_same_rest(const Term *a, const Term *b)
{
    return same_fractions(a, b) && !memcmp(a->leaf, b->leaf, sizeof a->leaf) && !memcmp(a->prime, b->prime, sizeof a->prime) &&
           !memcmp(a->log, b->log, sizeof a->log);
}

static bool same_power(const Term *a, const Term *b)
{
    if (q_cmp(a->e, b->e)) return false;
    for (int i = 0; i < FORM_SUMS; i++)
        if (q_cmp(a->k[i], b->k[i])) return false;
    return true;
}

static void make_room(Arena *arena, Form *f)
{
    if (f->n < f->room) return;
    Term *grown = arena_array(arena, Term, f->room ? f->room *= 2 : (f->room = 4));
    if (f->n) memcpy(grown, f->t, sizeof *grown * (size_t)f->n);
    f->t = grown;
}

static bool push(const FormSpace *s, Form *f, const Term *t) /* equal terms collect; zeros go */
{
    if (q_is(t->c, 0)) return true;
    for (int i = 0; i < f->n; i++) {
        if (!form_same_rest(&f->t[i], t) || !same_power(&f->t[i], t)) continue;
        if (!q_add(f->t[i].c, t->c, &f->t[i].c)) return false;
        if (q_is(f->t[i].c, 0)) f->t[i] = f->t[--f->n];
        return true;
    }
    if (f->n == FORM_TERMS) return false;
    make_room(s->arena, f);
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
    return ok && add_powers(t->leaf, by->leaf, FORM_LEAVES) && add_powers(t->prime, by->prime, FORM_PRIMES) &&
           add_powers(t->log, by->log, FORM_SUMS);
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
            ok = q_mul(part.c, s->sum[i].c[j], &part.c) && q_add(part.e, s->sum[i].m[j], &part.e) &&
                 push_expanded(s, f, &part);
        }
        return ok;
    }
    return push(s, f, t);
}

/* ---- sums and products ------------------------------------------------------------------------------------------ */

Form *form_number(FormSpace *s, Q c)
{
    Form *f = empty(s);
    Term t = unit();
    t.c = c;
    push(s, f, &t);
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
    Form *f = empty(s);
    for (int i = 0; i < a->n; i++) push(s, f, &a->t[i]);
    for (int i = 0; i < b->n; i++)
        if (!push(s, f, &b->t[i])) return NULL;
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

int form_spread(const Form *f)
{
    int n = 0;
    for (int i = 0; i < f->n; i++) {
        bool first = true;
        for (int j = 0; j < i && first; j++) first = !form_same_rest(&f->t[i], &f->t[j]);
        n += first;
    }
    return n;
}

static bool is_inert(const Term *t)
{
    bool inert = q_is(t->e, 0);
    for (int i = 0; i < FORM_SUMS; i++) inert = inert && q_is(t->k[i], 0) && !t->log[i];
    return inert;
}

bool form_is_inert(const Form *f)
{
    for (int i = 0; i < f->n; i++)
        if (!is_inert(&f->t[i])) return false;
    return true;
}

/* ---- ratios ----------------------------------------------------------------------------------------------------- */

typedef struct Dense {
    int n;
    Q base, step, c[FORM_DENSE];
} Dense; /* sum c[i] E^(base + i*step) */

static bool grid_of(const Ratio *r, const Sum *s, Q *step)
{
    *step = Q_ZERO;
    for (int i = 1; i < r->n; i++) {
        Q d;
        if (!q_add(r->e[i], q_neg(r->e[0]), &d) || !q_gcd(d, *step, step)) return false;
    }
    for (int i = 0; s && i < s->n; i++)
        if (!q_gcd(s->m[i], *step, step)) return false;
    return q_sign(*step) > 0;
}

static int64_t place_of(Q e, Q base, Q step) /* -1: not on the grid, or too far */
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

/* P / S^n for as many n as it goes, at most `most`; how many. */
static int64_t divide_out(Ratio *r, const Sum *by, int64_t most)
{
    int64_t n = 0;
    for (Dense d; r->n > 1 && n < most; n++) {
        Ratio less = *r;
        Q step;
        if (!grid_of(r, by, &step) || !to_dense(r, step, &d) || !divide(&d, by) || !from_dense(&d, &less)) break;
        *r = less;
    }
    return n;
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

static bool common_power(const Form *f, const Term *like, int sum, Q *least)
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
    return true;
}

bool form_ratio(const FormSpace *s, const Form *f, const Term *like, Ratio *r)
{
    Form *p = empty(s);
    for (int i = 0; i < FORM_SUMS; i++)
        if (!common_power(f, like, i, &r->k[i])) return false;
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
        if (q_sign(r->k[i]) < 0 &&
            !q_add(r->k[i], (Q){divide_out(r, &s->sum[i], -(r->k[i].n / r->k[i].d)), 1}, &r->k[i]))
            return false;
    return true;
}

bool form_ratio_less(const FormSpace *s, const Ratio *a, Q c, Ratio *out)
{
    Form *f = empty(s);
    Term t = unit();
    t.c = q_neg(c);
    bool ok = push(s, f, &t);
    memcpy(t.k, a->k, sizeof t.k);
    for (int i = 0; i < a->n && ok; i++) {
        t.c = a->c[i];
        t.e = a->e[i];
        ok = push(s, f, &t);
    }
    t = unit();
    return ok && form_ratio(s, f, &t, out);
}

/* r / (E^step - 1), step the grid of its powers; false when it does not go. */
static bool take_root(Ratio *r, Q step)
{
    Ratio less = *r;
    Dense d;
    Sum minus = {.n = 1, .c = {{-1, 1}}, .m = {step}};
    if (!to_dense(r, step, &d) || !divide(&d, &minus) || !from_dense(&d, &less)) return false;
    *r = less; /* divided by 1 - E^step; so the sign */
    for (int i = 0; i < r->n; i++) r->c[i] = q_neg(r->c[i]);
    return true;
}

static bool sum_is_zero(const Ratio *r)
{
    Q sum = Q_ZERO;
    for (int i = 0; i < r->n; i++)
        if (!q_add(sum, r->c[i], &sum)) return false;
    return q_is(sum, 0);
}

int ratio_take_roots(Ratio *r, Q *step)
{
    Ratio given = *r;
    int taken = 0;
    for (Q grid; r->n > 1 && sum_is_zero(r) && grid_of(r, NULL, &grid); taken++) {
        if (taken == 0) *step = grid;
        if (q_cmp(grid, *step) || !take_root(r, grid)) break; /* further roots only on the same step */
    }
    if (r->n < given.n) return taken;
    *r = given; /* more exponentials than it is worth */
    return 0;
}

/* ---- the other side: E' = 1/E ----------------------------------------------------------------------------------- */

static bool reflect_sum(const Sum *s, Sum *out, Q *top, Q *lead) /* S(E) = lead E^top out(1/E) */
{
    *top = s->m[s->n - 1];
    *lead = s->c[s->n - 1];
    out->n = s->n;
    for (int i = 0; i < s->n; i++) { /* powers top - m, largest m first, and top itself for the 1 */
        int from = s->n - 2 - i;
        Q c = from >= 0 ? s->c[from] : Q_ONE, m = from >= 0 ? s->m[from] : Q_ZERO;
        if (!q_div(c, *lead, &out->c[i]) || !q_add(*top, q_neg(m), &out->m[i])) return false;
    }
    return true;
}

static bool reflect_space(const FormSpace *s, FormSpace *other)
{
    Q top, lead;
    *other = *s;
    for (int i = 0; i < s->n_sums; i++)
        if (!reflect_sum(&s->sum[i], &other->sum[i], &top, &lead)) return false;
    return true;
}

/* A term without its L(S). */
static bool reflect_term(const FormSpace *s, Term *t)
{
    bool ok = true;
    memset(t->log, 0, sizeof t->log);
    t->e = q_neg(t->e);
    for (int j = 0; j < s->n_sums && ok; j++) {
        Sum out;
        Q top, lead, scale, shift;
        ok = reflect_sum(&s->sum[j], &out, &top, &lead) && q_pow(lead, t->k[j], &scale) && q_mul(t->c, scale, &t->c) &&
             q_mul(top, t->k[j], &shift) && q_add(t->e, q_neg(shift), &t->e);
    }
    return ok;
}

/* ---- powers, exp, log ------------------------------------------------------------------------------------------- */

static int find_sum(FormSpace *s, const Sum *sum) /* its index; -1: no room */
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

/* The 1 + c E^m whose power P may be, by its first two terms. */
static bool binomial_root(const Ratio *r, Sum *root)
{
    Q c, top, whole;
    root->n = 1;
    return r->n > 2 && q_add(r->e[1], q_neg(r->e[0]), &root->m[0]) && q_add(r->e[r->n - 1], q_neg(r->e[0]), &top) &&
           q_div(top, root->m[0], &whole) && q_div(r->c[1], r->c[0], &c) && q_div(c, whole, &root->c[0]) &&
           q_sign(root->c[0]) > 0;
}

static bool sum_of_ratio(const Ratio *r, Sum *sum) /* P / its first term; false unless it is positive */
{
    *sum = (Sum){0};
    if (r->n > FORM_SUM_TERMS) return false;
    for (int i = 1; i < r->n; i++, sum->n++)
        if (!q_div(r->c[i], r->c[0], &sum->c[sum->n]) || q_sign(sum->c[sum->n]) <= 0 ||
            !q_add(r->e[i], q_neg(r->e[0]), &sum->m[sum->n]))
            return false;
    return true;
}

/* Sums that are known already, then a power of a binomial, then whatever is left is a sum of its own. */
static bool split_off_sums(FormSpace *s, Ratio *r, Q k[FORM_SUMS])
{
    Sum root;
    for (int i = 0; i < s->n_sums; i++)
        if (!q_add(k[i], (Q){divide_out(r, &s->sum[i], FORM_TERMS), 1}, &k[i])) return false;
    if (r->n == 1) return true;
    Ratio whole = *r;
    int64_t n = binomial_root(r, &root) ? divide_out(r, &root, FORM_TERMS) : 0;
    if (r->n > 1 || n == 0) {
        *r = whole;
        n = 1;
        if (!sum_of_ratio(r, &root)) return false;
    }
    int at = find_sum(s, &root);
    return at >= 0 && q_add(k[at], (Q){n, 1}, &k[at]);
}

/* A form as one term, its polynomial in E becoming powers of S if that is positive; what else its terms have must be
 * the same. */
static bool as_term(FormSpace *s, const Form *f, Term *out)
{
    if (f->n == 1) {
        *out = f->t[0];
        return true;
    }
    Ratio r;
    if (f->n == 0 || form_spread(f) > 1 || !form_ratio(s, f, &f->t[0], &r) || r.n == 0) return false;
    *out = f->t[0];
    memcpy(out->k, r.k, sizeof out->k);
    out->c = r.c[0];
    out->e = r.e[0];
    return split_off_sums(s, &r, out->k);
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
    return form_mul(s, a, &(Form){.n = 1, .t = &t});
}

Form *form_pow(FormSpace *s, const Form *a, Q k)
{
    if (!a) return NULL;
    if (q_whole(k) && k.n >= 0 && k.n <= 4) {
        Form *f = form_number(s, Q_ONE);
        for (int64_t i = 0; i < k.n && f; i++) f = form_mul(s, f, a);
        return f;
    }
    if (q_whole(k) && k.n < 0 && k.n >= -4) return form_div(s, form_number(s, Q_ONE), form_pow(s, a, q_neg(k)));
    Term t, one = unit();
    if (!as_term(s, a, &t) || !form_same_rest(&t, &one) || q_sign(t.c) <= 0) return NULL;
    bool ok = q_pow(t.c, k, &t.c) && q_mul(t.e, k, &t.e);
    for (int i = 0; i < FORM_SUMS && ok; i++) ok = q_mul(t.k[i], k, &t.k[i]);
    return ok ? of_term(s, &t) : NULL;
}

static bool raise_leaf(Term *t, int leaf, Q by) /* *= x^by */
{
    if (!q_whole(by) || by.n > 8 || by.n < -8) return false;
    int sum = t->leaf[leaf] + (int)by.n;
    t->leaf[leaf] = (int8_t)sum;
    return sum <= 8 && sum >= -8;
}

/* exp(c * leaf): a power of E, or of the leaf that this is the logarithm of. */
static bool exponent_leaf(FormSpace *s, int leaf, Q c, Term *out)
{
    for (int i = 0; i < s->n_leaves; i++)
        if (s->log_of[i] == leaf) return raise_leaf(out, i, c);
    if (s->direction < 0) s->direction = leaf;
    return s->direction == leaf && q_add(out->e, c, &out->e);
}

/* What a term of an exponent contributes: c * leaf, c * log S, c * log prime, or a number where T is one. */
static bool exponent_term(FormSpace *s, const Term *t, Term *out)
{
    Term bare = *t, one = unit();
    Q power;
    bare.c = Q_ONE;
    if (form_same_rest(&bare, &one) && same_power(&bare, &one))
        return !q_is(s->number, 0) && q_div(t->c, s->number, &power) && q_add(out->e, power, &out->e);
    for (int i = 0; i < FORM_LEAVES; i++) {
        Term x = one;
        x.leaf[i] = 1;
        if (form_same_rest(&bare, &x) && same_power(&bare, &x)) return exponent_leaf(s, i, t->c, out);
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

Form *form_exp(FormSpace *s, const Form *a)
{
    if (!a) return NULL;
    Term t = unit();
    for (int i = 0; i < a->n; i++)
        if (!exponent_term(s, &a->t[i], &t)) return NULL;
    return of_term(s, &t);
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

static bool push_log_number(const FormSpace *s, Form *f, Q c, Q factor) /* factor * log c */
{
    int8_t power[FORM_PRIMES];
    if (!form_factor(c, power)) return false;
    for (int i = 0; i < FORM_PRIMES; i++) {
        Term t = unit();
        t.prime[i] = 1;
        if (!q_mul(factor, (Q){power[i], 1}, &t.c) || !push(s, f, &t)) return false;
    }
    return true;
}

/* The logarithms of all fractions up to 32/32, in order. */
enum { MOST_OVER = 32 };
typedef struct LogOf { double log; Q c; } LogOf;
static LogOf log_of[MOST_OVER * MOST_OVER];
static int n_log_of;

static int by_log(const void *a, const void *b)
{
    double x = ((const LogOf *)a)->log, y = ((const LogOf *)b)->log;
    return (x > y) - (x < y);
}

static void list_logs(void)
{
    for (int64_t n = 1; n <= MOST_OVER; n++)
        for (int64_t d = 1; d <= MOST_OVER; d++) {
            int8_t power[FORM_PRIMES];
            LogOf *at = &log_of[n_log_of];
            if (n == d || !q_make(n, d, &at->c) || at->c.n != n || !form_factor(at->c, power)) continue;
            for (int i = 0; i < FORM_PRIMES; i++) at->log += power[i] * form_log_prime[i];
            n_log_of++;
        }
    qsort(log_of, (size_t)n_log_of, sizeof *log_of, by_log);
}

bool form_from_log(double x, Q *c)
{
    if (!isfinite(x)) return false;
    if (!n_log_of) list_logs();
    int lo = 0, hi = n_log_of;
    double least = x - 4e-16 * fabs(x);
    while (lo < hi) {
        int mid = (lo + hi) / 2;
        if (log_of[mid].log < least) lo = mid + 1;
        else hi = mid;
    }
    if (lo == n_log_of || !(fabs(log_of[lo].log - x) <= 4e-16 * fabs(x))) return false;
    return *c = log_of[lo].c, true;
}

Form *form_log_number(FormSpace *s, Q c)
{
    Form *f = empty(s);
    return push_log_number(s, f, c, Q_ONE) ? f : NULL;
}

static bool push_leaf(const FormSpace *s, Form *f, int leaf, Q c)
{
    Term t = unit();
    t.c = c;
    if (!q_is(c, 0)) t.leaf[leaf] = 1;
    return push(s, f, &t);
}

static bool push_direction(const FormSpace *s, Form *f, Q e) { return q_is(e, 0) || push_leaf(s, f, s->direction, e); }

static bool push_leaf_logs(const FormSpace *s, Form *f, const Term *t)
{
    for (int i = 0; i < FORM_LEAVES; i++)
        if (t->leaf[i] && (s->log_of[i] < 0 || !push_leaf(s, f, s->log_of[i], (Q){t->leaf[i], 1}))) return false;
    return true;
}

static bool has_logs(const Term *t)
{
    Term bare = *t, one = unit();
    memset(bare.leaf, 0, sizeof bare.leaf);
    return !form_same_rest(&bare, &one);
}

/* Of L(S) to the powers k where E is small: the number before the smallest power of E that any S has; *several: more
 * than one has it. */
static bool leading_number(const FormSpace *s, const Q k[FORM_SUMS], Q *number, bool *several)
{
    Q least = Q_ZERO, part;
    *number = Q_ZERO;
    *several = false;
    for (int i = 0; i < s->n_sums; i++) {
        if (q_is(k[i], 0)) continue;
        int order = q_is(least, 0) ? -1 : q_cmp(s->sum[i].m[0], least);
        if (order > 0) continue;
        *several = order == 0;
        if (order < 0) *number = Q_ZERO;
        least = s->sum[i].m[0];
        if (!q_mul(k[i], s->sum[i].c[0], &part) || !q_add(*number, part, number)) return false;
    }
    return true;
}

/* Would log t be a difference of logarithms that agree where E is small? It is better left as log1p of something small
 * then. */
static bool logs_cancel(const FormSpace *s, const Term *t)
{
    Q number;
    bool several;
    if (!q_is(t->c, 1) || !q_is(t->e, 0)) return false;
    return !leading_number(s, t->k, &number, &several) || (several && q_is(number, 0));
}

static bool logs_cancel_anywhere(const FormSpace *s, const Term *t)
{
    FormSpace other;
    Term there = *t;
    return logs_cancel(s, t) || !reflect_space(s, &other) || !reflect_term(s, &there) || logs_cancel(&other, &there);
}

Form *form_log(FormSpace *s, const Form *a)
{
    Term t;
    if (!a || !as_term(s, a, &t) || has_logs(&t) || logs_cancel_anywhere(s, &t)) return NULL;
    Form *f = empty(s);
    if (!push_log_number(s, f, t.c, Q_ONE) || !push_direction(s, f, t.e) || !push_leaf_logs(s, f, &t)) return NULL;
    for (int i = 0; i < s->n_sums; i++) {
        Term l = unit();
        l.log[i] = 1;
        l.c = t.k[i];
        if (!push(s, f, &l)) return NULL;
    }
    return f;
}

/* ---- one order -------------------------------------------------------------------------------------------------- */

static int compare_sums(const Sum *a, const Sum *b)
{
    int d = a->n - b->n;
    for (int i = 0; i < a->n && !d; i++) d = q_cmp(a->m[i], b->m[i]);
    for (int i = 0; i < a->n && !d; i++) d = q_cmp(a->c[i], b->c[i]);
    return d;
}

static void swap_sums(FormSpace *s, Form *f, int i, int j)
{
    Sum sum = s->sum[i];
    s->sum[i] = s->sum[j];
    s->sum[j] = sum;
    for (int t = 0; t < f->n; t++) {
        Q k = f->t[t].k[i];
        int8_t log = f->t[t].log[i];
        f->t[t].k[i] = f->t[t].k[j];
        f->t[t].log[i] = f->t[t].log[j];
        f->t[t].k[j] = k;
        f->t[t].log[j] = log;
    }
}

static int compare_terms(const void *x, const void *y)
{
    const Term *a = x, *b = y;
    int d = memcmp(b->leaf, a->leaf, sizeof a->leaf);
    if (!d) d = memcmp(b->log, a->log, sizeof a->log);
    if (!d) d = memcmp(b->prime, a->prime, sizeof a->prime);
    if (!d) d = q_cmp(a->e, b->e);
    for (int i = 0; i < FORM_SUMS && !d; i++) d = q_cmp(a->k[i], b->k[i]);
    return d;
}

void form_sort(FormSpace *s, Form *f)
{
    for (int i = 1; i < s->n_sums; i++)
        for (int j = i; j > 0 && compare_sums(&s->sum[j - 1], &s->sum[j]) > 0; j--) swap_sums(s, f, j - 1, j);
    if (f->n) qsort(f->t, (size_t)f->n, sizeof *f->t, compare_terms);
}

/* ---- reflection ------------------------------------------------------------------------------------------------- */

/* L(S) = log lead + top*T + L(S'), as a form of the reflected space. */
static Form *reflect_log(FormSpace *r, int sum, Q top, Q lead)
{
    Form *f = empty(r);
    Term t = unit();
    t.log[sum] = 1;
    bool ok = push(r, f, &t) && push_log_number(r, f, lead, Q_ONE) && push_direction(r, f, top);
    return ok ? f : NULL;
}

Form *form_reflect(const FormSpace *s, const Form *f, FormSpace *r)
{
    if (!reflect_space(s, r)) return NULL;
    Form *all = empty(r);
    for (int i = 0; i < f->n && all; i++) {
        Term t = f->t[i];
        if (!reflect_term(s, &t)) return NULL;
        Form *part = of_term(r, &t);
        for (int j = 0; j < s->n_sums; j++)
            for (int l = 0; l < f->t[i].log[j]; l++) {
                const Sum *sum = &s->sum[j];
                part = form_mul(r, part, reflect_log(r, j, sum->m[sum->n - 1], sum->c[sum->n - 1]));
            }
        all = form_add(r, all, part);
    }
    return all;
}
