/* tail.c - see tail.h. First sums, then functions of sums, each as a power series in what is left beside the
 * first term. */
#include "compiler/opt/tail.h"
#include "runtime/math/scalar.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_POWERS = 64, MOST_J = 12, MOST_EXPONENT = 700, ENOUGH = 5 };

static const int64_t MOST_E = 1000LL * TAIL_UNIT;

static const double open_two = 0x1p-90; /* of a number that two doubles hold */
static const double open_places = 0x1p-51; /* of one that rows of f64 have made */

/* ---- sums ------------------------------------------------------------------------------------------------------- */

static Tail *empty(const TailSpace *space)
{
    Tail *t = arena_new_of(space->arena, Tail);
    t->whole = true;
    t->space = space;
    return t;
}

Tail *tail_copy(const TailSpace *space, const Tail *a)
{
    Tail *t = arena_copy(space->arena, a, sizeof *a);
    t->space = space;
    t->room = a->n;
    t->t = arena_copy(space->arena, a->t, (size_t)a->n * sizeof *a->t);
    return t;
}

static void know(Tail *t, int64_t e) /* up to e only */
{
    if (!t->whole && t->known <= e) return;
    t->whole = false;
    t->known = e;
    while (t->n && t->t[t->n - 1].e >= e) t->n--;
}

static bool is_beyond(const Tail *t, int64_t e) { return !t->whole && e >= t->known; }

static bool is_before(const TailTerm *a, const TailTerm *b) { return a->e < b->e || (a->e == b->e && a->j < b->j); }

static void make_room(Tail *t)
{
    enum { FIRST_ROOM = 6 };
    if (t->n < t->room) return;
    int room = t->room ? 2 * t->room : FIRST_ROOM;
    TailTerm *more = arena_array(t->space->arena, TailTerm, room);
    if (t->n) memcpy(more, t->t, (size_t)t->n * sizeof *more);
    t->t = more;
    t->room = room;
}

/* All terms before `at` are before x, and none behind. */
static void put_at(Tail *t, const TailTerm *x, int at)
{
    if (at < t->n && t->t[at].e == x->e && t->t[at].j == x->j) {
        t->t[at].a = two_add(t->t[at].a, x->a);
        t->t[at].m += x->m;
        t->t[at].u += x->u;
        return;
    }
    if (t->n == t->space->terms) know(t, t->t[t->n - 1].e);
    if (is_beyond(t, x->e)) return;
    make_room(t);
    for (int i = t->n++; i > at; i--) t->t[i] = t->t[i - 1];
    t->t[at] = *x;
}

static void put(Tail *t, TailTerm x)
{
    int at = t->n;
    if (is_beyond(t, x.e)) return;
    while (at && !is_before(&t->t[at - 1], &x)) at--;
    put_at(t, &x, at);
}

/* The same of many, each behind the one before it: *at is where that stands, 0 at first. */
static void put_behind(Tail *t, TailTerm x, int *at)
{
    while (*at < t->n && is_before(&t->t[*at], &x)) ++*at;
    put_at(t, &x, *at);
}

/* What cancelled is 0. */
static Tail *settled(Tail *t)
{
    for (int i = 0; i < t->n; i++) {
        if (!(fabs(t->t[i].a.h) > t->t[i].u)) {
            t->t[i].a = (Two){0, 0};
            t->t[i].u = 0;
        }
        if (!isfinite(t->t[i].m) || abs(t->t[i].j) > MOST_J) return NULL;
    }
    return t;
}

static TailTerm term(int64_t e, int j, Two a) { return (TailTerm){e, j, a, fabs(a.h), open_two * fabs(a.h)}; }
/* The same, known to that share of it. */
static TailTerm within(TailTerm t, double share)
{
    t.u += fabs(t.a.h) * share;
    return t;
}

static bool is_noise(const TailTerm *t) { return t->a.h == 0; }

const TailTerm *tail_first(const Tail *a)
{
    for (int i = 0; i < a->n; i++)
        if (!is_noise(&a->t[i])) return &a->t[i];
    return NULL;
}

Tail *tail_number(const TailSpace *space, Two c)
{
    Tail *t = empty(space);
    if (c.h != 0) put(t, term(0, 0, c));
    return isfinite(c.h) ? t : NULL;
}

Tail *tail_f64(const TailSpace *space, double c)
{
    Tail *t = tail_number(space, (Two){c, 0});
    for (int i = 0; t && i < t->n; i++) t->t[i].u = open_places * fabs(c);
    return t;
}

Tail *tail_t(const TailSpace *space, Q c, Two add)
{
    Tail *t = tail_number(space, add);
    if (t) put(t, term(0, 1, two_of(c)));
    return t;
}

Tail *tail_scale(const TailSpace *space, const Tail *a, double c)
{
    if (!a) return NULL;
    Tail *t = tail_copy(space, a);
    for (int i = 0; i < t->n; i++) {
        t->t[i].a = (Two){c * t->t[i].a.h, c * t->t[i].a.l};
        t->t[i].m *= fabs(c);
        t->t[i].u *= fabs(c);
    }
    return t;
}

Tail *tail_add(const TailSpace *space, const Tail *a, const Tail *b)
{
    if (!a || !b) return NULL;
    Tail *t = tail_copy(space, a);
    if (!b->whole) know(t, b->known);
    for (int i = 0, at = 0; i < b->n && !is_beyond(t, b->t[i].e); i++) put_behind(t, b->t[i], &at);
    return settled(t);
}

/* What is cut off a is of no use from there on. */
static void know_product(Tail *t, const Tail *a, const Tail *b)
{
    const TailTerm *first = tail_first(b);
    if (!a->whole && (first || !b->whole)) know(t, a->known + (first ? first->e : b->known));
}

static TailTerm times_term(const TailTerm *a, const TailTerm *b)
{
    double u = fabs(a->a.h) * b->u + fabs(b->a.h) * a->u + a->u * b->u;
    return (TailTerm){a->e + b->e, a->j + b->j, two_mul(a->a, b->a), a->m * b->m, u};
}

/* Up to *limit; NULL: as far as is known. */
static Tail *product(const TailSpace *space, const Tail *a, const Tail *b, const int64_t *limit)
{
    if (!a || !b) return NULL;
    Tail *t = empty(space);
    know_product(t, a, b);
    know_product(t, b, a);
    if (limit) know(t, *limit);
    for (int i = 0; i < a->n; i++)
        for (int k = 0, at = 0; k < b->n && !is_beyond(t, a->t[i].e + b->t[k].e); k++)
            put_behind(t, times_term(&a->t[i], &b->t[k]), &at);
    return t->n && labs(t->t[0].e) > MOST_E ? NULL : settled(t);
}

Tail *tail_mul(const TailSpace *space, const Tail *a, const Tail *b) { return product(space, a, b, NULL); }

/* Of x = c E^e T^j (1 + rest): the rest, which vanishes as E does, and beside it what was lost of x. NULL: it does not vanish. */
static Tail *beside(const TailSpace *space, const Tail *x, const TailTerm *first, Tail *noise)
{
    Tail *r = empty(space);
    if (!x->whole) know(r, x->known - first->e);
    for (int i = 0; i < x->n; i++) {
        double a = fabs(first->a.h);
        TailTerm t = {x->t[i].e - first->e, x->t[i].j - first->j, two_div(x->t[i].a, first->a), x->t[i].m / a, x->t[i].u / a + fabs(x->t[i].a.h) * first->u / (a * a)};
        bool is_first = &x->t[i] == first;
        if (!is_first && t.e <= 0 && !is_noise(&t)) return NULL;
        if (is_first || t.e <= 0)
            put(noise, (TailTerm){t.e, t.j, {0, 0}, t.m, 0});
        else
            put(r, t);
    }
    return r;
}

/* Adds the sum of c[k] x^k over k > 0, of what vanishes; next gives c[k + 1] from c[k]. */
static bool add_powers(const TailSpace *space, Tail *to, const Tail *x, Two c, Two (*next)(Two c, int k, Two of), Two of)
{
    const Tail *power = x;
    if (!x->whole) know(to, x->known);
    for (int k = 1; power && power->n && !is_beyond(to, power->t[0].e); k++) {
        if (k == MOST_POWERS) return know(to, power->t[0].e), true;
        for (int i = 0, at = 0; i < power->n && !is_beyond(to, power->t[i].e); i++) {
            TailTerm t = power->t[i];
            put_behind(to, (TailTerm){t.e, t.j, two_mul(c, t.a), fabs(c.h) * t.m, fabs(c.h) * t.u}, &at);
        }
        c = next(c, k, of);
        if (c.h == 0) return true;
        int64_t limit = to->n == space->terms ? to->t[to->n - 1].e + 1 : to->known;
        power = product(space, power, x, to->n == space->terms || !to->whole ? &limit : NULL);
        if (!power && k >= ENOUGH) return know(to, (k + 1) * x->t[0].e), true; /* too large */
        if (power && !power->whole && to->n < space->terms) know(to, power->known);
    }
    return power != NULL;
}

static void add_noise(Tail *to, const Tail *noise, double by)
{
    for (int i = 0; i < noise->n; i++) put(to, (TailTerm){noise->t[i].e, noise->t[i].j, {0, 0}, by * noise->t[i].m, 0});
}

/* ---- functions -------------------------------------------------------------------------------------------------- */

static Two next_of_exp(Two c, int k, Two of) { return (void)of, two_div(c, (Two){k + 1, 0}); }
static Two next_of_log(Two c, int k, Two of) { return (void)of, two_div(two_mul(c, (Two){-k, 0}), (Two){k + 1, 0}); }

static Two next_of_pow(Two c, int k, Two of)
{
    return two_div(two_mul(c, two_add(of, (Two){-k, 0})), (Two){k + 1, 0});
}

static Tail *whole_power(const TailSpace *space, const Tail *a, int64_t k)
{
    Tail *t = tail_number(space, (Two){1, 0});
    for (int i = 0; i < k; i++) t = tail_mul(space, t, a);
    return t;
}

/* c^k; c > 0, or k is whole. */
static Two number_to(Two c, Q k)
{
    Two r = two_exp(two_mul(two_of(k), two_log(c.h < 0 ? two_neg(c) : c)));
    if (q_whole(k) && k.n < 0 && k.n >= -8) {
        r = (Two){1, 0};
        for (int i = 0; i < -k.n; i++) r = two_div(r, c.h < 0 ? two_neg(c) : c);
    }
    return c.h < 0 && k.n % 2 ? two_neg(r) : r;
}

/* e k, if it is on the grid */
static bool times(int64_t e, Q k, int64_t *out)
{
    __int128 n = (__int128)e * k.n;
    if (n % k.d || n / k.d > MOST_E || n / k.d < -MOST_E) return false;
    *out = (int64_t)(n / k.d);
    return true;
}

Tail *tail_pow(const TailSpace *space, const Tail *a, Q k)
{
    if (!a) return NULL;
    if (q_whole(k) && k.n >= 0 && k.n <= 8) return whole_power(space, a, k.n);
    const TailTerm *first = tail_first(a);
    if (!first || labs(k.n) > 1000000) return NULL;
    bool even = first->j % 2 == 0 && first->j * k.n % k.d == 0; /* sqrt(T^2) is -T, T being below 0 */
    if (!q_whole(k) && (first->a.h < 0 || !even)) return NULL;
    Tail *noise = empty(space), *rest = beside(space, a, first, noise), *t = tail_number(space, (Two){1, 0});
    if (!rest || !add_powers(space, t, rest, two_of(k), next_of_pow, two_of(k))) return NULL;
    for (int i = 0; i < noise->n; i++) noise->t[i].m *= noise->t[i].e || noise->t[i].j || noise->t[i].m > 4 ? fabs(q_f64(k)) : 0;
    add_noise(t, noise, 1);
    Tail *by = empty(space);
    int64_t e;
    if (!times(first->e, k, &e)) return NULL;
    int j = (int)(first->j * k.n / k.d);
    Two c = number_to(first->a, k);
    put(by, within(term(e, j, !q_whole(k) && j % 2 ? two_neg(c) : c), fabs(q_f64(k)) * first->u / fabs(first->a.h)));
    return tail_mul(space, settled(t), by);
}

Tail *tail_div(const TailSpace *space, const Tail *a, const Tail *b) { return tail_mul(space, a, tail_pow(space, b, (Q){-1, 1})); }

/* a = number + c T + what vanishes; false: not that. *gone: exp(a) is 0 beyond all powers. */
static bool split(const Tail *a, TailTerm *number, Q *c, Tail *rest, Tail *noise, bool *gone)
{
    *number = term(0, 0, (Two){0, 0});
    *c = Q_ZERO;
    *gone = false;
    const TailTerm *first = tail_first(a);
    if (first && (first->e < 0 || (!first->e && first->j > 1))) return *gone = true;
    if (!a->whole) know(rest, a->known);
    if (!a->whole && a->known <= 0) return false;
    for (int i = 0; i < a->n; i++) {
        const TailTerm *t = &a->t[i];
        if (t->e > 0) {
            put(rest, *t);
            continue;
        }
        if (is_noise(t) || t->m > 4 * fabs(t->a.h)) put(noise, (TailTerm){t->e, t->j, {0, 0}, t->m, 0});
        if (is_noise(t)) continue;
        if (t->j == 0) *number = *t;
        else if (t->j != 1 || !q_from_f64(t->a.h, c) || fabs(two_add(two_of(*c), two_neg(t->a)).h) > 0x1p-90 * fabs(t->a.h)) return false;
    }
    return fabs(number->a.h) < MOST_EXPONENT;
}

/* Where it goes: -1 to -inf, 1 to inf, 0 to a number. */
static int goes_to(const Tail *a)
{
    const TailTerm *first = tail_first(a);
    int sign = 0;
    double from = 0;
    if (!first || first->e > 0) return 0;
    bool grows = first->e < 0;
    for (int i = 0; i < a->n; i++) grows |= !is_noise(&a->t[i]) && a->t[i].e == 0 && a->t[i].j > 0;
    return grows && tail_sign(a, &sign, &from) ? sign : 0;
}

/* exp(a) - less, less being 0 or 1 */
static Tail *exp_less(const TailSpace *space, const Tail *a, bool less)
{
    TailTerm number;
    Q c;
    bool gone;
    if (!a) return NULL;
    Tail *rest = empty(space), *noise = empty(space);
    if (!split(a, &number, &c, rest, noise, &gone)) return NULL;
    if (gone) return goes_to(a) < 0 ? tail_number(space, (Two){less ? -1 : 0, 0}) : NULL;
    bool small = less && is_noise(&number) && q_is(c, 0);
    Tail *t = tail_number(space, (Two){!small, 0}), *by = empty(space);
    int64_t e;
    if (!times(TAIL_UNIT, c, &e)) return NULL;
    if (!add_powers(space, t, rest, (Two){1, 0}, next_of_exp, (Two){0, 0})) return NULL;
    add_noise(t, noise, 1);
    put(by, within(term(e, 0, two_exp(number.a)), number.u));
    t = tail_mul(space, settled(t), by);
    return less && !small ? tail_add(space, t, tail_number(space, (Two){-1, 0})) : t;
}

Tail *tail_exp(const TailSpace *space, const Tail *a) { return exp_less(space, a, false); }
Tail *tail_expm1(const TailSpace *space, const Tail *a) { return exp_less(space, a, true); }

Tail *tail_log(const TailSpace *space, const Tail *a)
{
    const TailTerm *first = a ? tail_first(a) : NULL;
    if (!first || first->j || first->a.h <= 0) return NULL;
    Tail *noise = empty(space), *rest = beside(space, a, first, noise), *t = tail_number(space, two_log(first->a));
    if (!rest || !t) return NULL;
    for (int i = 0; i < t->n; i++) t->t[i].u = first->u / first->a.h + open_two * fmax(1, t->t[i].m);
    if (first->e) put(t, term(0, 1, two_div(two_whole(first->e), two_whole(TAIL_UNIT))));
    if (!add_powers(space, t, rest, (Two){1, 0}, next_of_log, (Two){0, 0})) return NULL;
    add_noise(t, noise, 1);
    return settled(t);
}

/* Does a go to 0? */
static bool vanishes(const Tail *a)
{
    bool does = a->whole || a->known > 0;
    for (int i = 0; i < a->n; i++) does = does && a->t[i].e > 0;
    return does;
}

Tail *tail_log1p(const TailSpace *space, const Tail *a)
{
    if (!a) return NULL;
    if (!vanishes(a)) return tail_log(space, tail_add(space, a, tail_number(space, (Two){1, 0})));
    Tail *t = empty(space);
    return add_powers(space, t, a, (Two){1, 0}, next_of_log, (Two){0, 0}) ? settled(t) : NULL;
}

static Tail *one_plus(const TailSpace *space, const Tail *a) { return a ? tail_add(space, tail_number(space, (Two){1, 0}), a) : NULL; }

Tail *tail_sigmoid(const TailSpace *space, const Tail *a)
{
    if (!a) return NULL;
    if (goes_to(a) >= 0) return tail_pow(space, one_plus(space, tail_exp(space, tail_scale(space, a, -1))), (Q){-1, 1});
    Tail *e = tail_exp(space, a);
    return tail_div(space, e, one_plus(space, e));
}

Tail *tail_softplus(const TailSpace *space, const Tail *a)
{
    if (!a) return NULL;
    if (goes_to(a) <= 0) return tail_log1p(space, tail_exp(space, a));
    return tail_add(space, a, tail_log1p(space, tail_exp(space, tail_scale(space, a, -1))));
}

Tail *tail_tanh(const TailSpace *space, const Tail *a)
{
    if (!a) return NULL;
    int sign = goes_to(a) <= 0 ? 1 : -1;
    Tail *twice = tail_scale(space, a, 2 * sign), *up = tail_expm1(space, twice);
    return tail_scale(space, tail_div(space, up, one_plus(space, tail_exp(space, twice))), sign);
}

/* ---- signs ------------------------------------------------------------------------------------------------------ */

static double size_at(const TailTerm *t, double T) { return math_log_f64(fabs(t->a.h)) + (double)t->e / TAIL_UNIT * T + t->j * math_log_f64(-T); }

/* Is the term more than twice all the others at T? */
static bool dominates(const Tail *a, const TailTerm *first, double T)
{
    double others = 0;
    for (int i = 0; i < a->n; i++)
        if (&a->t[i] != first && !is_noise(&a->t[i])) others += math_exp_f64(size_at(&a->t[i], T) - size_at(first, T));
    return others < 0.5;
}

/* Where c T + a number changes its sign, or just below; false: it is something else. */
static bool line_root(const Tail *a, double *root)
{
    double c[2] = {0};
    bool line = a->whole;
    for (int i = 0; i < a->n && line; i++) {
        line = a->t[i].e == 0 && (a->t[i].j == 0 || a->t[i].j == 1);
        if (line) c[a->t[i].j] = a->t[i].a.h;
    }
    *root = fmin(0, -c[0] / c[1]) * (1 + 0x1p-50);
    return line && c[1] != 0;
}

bool tail_sign(const Tail *a, int *sign, double *from)
{
    double root;
    const TailTerm *first = tail_first(a);
    *sign = 0;
    if (!first) return a->whole;
    for (int i = 0; i < a->n; i++)
        if (!is_noise(&a->t[i]) && a->t[i].e == first->e && a->t[i].j > first->j) first = &a->t[i];
    *sign = (first->a.h > 0) == (first->j % 2 == 0) ? 1 : -1;
    if (line_root(a, &root)) return *from = fmin(*from, root), true;
    for (double T = -0.5; T > -100; T *= 1.25)
        if (dominates(a, first, T) && dominates(a, first, 2 * T) && dominates(a, first, 8 * T)) return *from = fmin(*from, T), true;
    return false;
}

bool tail_runs_off(const Tail *a, double *from)
{
    enum { ENOUGH = 1500 };                                 /* exp(-ENOUGH / 2) is 0 in f64 */
    int sign;
    const TailTerm *first = tail_first(a);
    if (!first || !(first->e < 0 || (first->e == 0 && first->j > 1)) || !tail_sign(a, &sign, from)) return false;
    double T = -0.5;
    while (T > -100 && size_at(first, T) < math_log_f64(ENOUGH)) T *= 1.0625;
    *from = fmin(*from, T);
    return T > -100;
}
