/* rational.c - see rational.h. */
#include "compiler/opt/rational.h"
#include "runtime/math/scalar.h"

#include <math.h>

static __int128 gcd(__int128 a, __int128 b)
{
    if (a < 0) a = -a;
    if (b < 0) b = -b;
    while (b) {
        __int128 r = a % b;
        a = b;
        b = r;
    }
    return a;
}

static bool reduce(__int128 n, __int128 d, Q *out)
{
    if (d == 0) return false;
    if (d < 0) {
        n = -n;
        d = -d;
    }
    __int128 g = n ? gcd(n, d) : d;
    n /= g;
    d /= g;
    if (n > INT64_MAX || n < -INT64_MAX || d > INT64_MAX) return false;
    *out = (Q){(int64_t)n, (int64_t)d};
    return true;
}

bool q_make(int64_t n, int64_t d, Q *out) { return reduce(n, d, out); }

bool q_add(Q a, Q b, Q *out)
{
    int64_t g = (int64_t)gcd(a.d, b.d);
    __int128 left = (__int128)a.n * (b.d / g), right = (__int128)b.n * (a.d / g);
    return reduce(left + right, (__int128)a.d * (b.d / g), out);
}

bool q_mul(Q a, Q b, Q *out) { return reduce((__int128)a.n * b.n, (__int128)a.d * b.d, out); }
bool q_div(Q a, Q b, Q *out) { return reduce((__int128)a.n * b.d, (__int128)a.d * b.n, out); }
Q q_neg(Q a) { return (Q){-a.n, a.d}; }

int q_cmp(Q a, Q b)
{
    __int128 left = (__int128)a.n * b.d, right = (__int128)b.n * a.d;
    return left > right ? 1 : -(left < right);
}

bool q_gcd(Q a, Q b, Q *out)
{
    for (int i = 0; i < 64 && q_sign(b) > 0; i++) {
        Q times_b, rest, taken;
        if (!q_div(a, b, &times_b) || !q_mul((Q){times_b.n / times_b.d, 1}, b, &taken) ||
            !q_add(a, q_neg(taken), &rest))
            return false;
        a = b;
        b = rest;
    }
    *out = a;
    return q_sign(b) == 0;
}

double q_f64(Q a) { return (double)a.n / (double)a.d; }

bool q_from_f64(double x, Q *out)
{
    if (!(fabs(x) < 1e12)) return false;
    /* Continued fractions: convergents p/q until one rounds to x. */
    double rest = fabs(x);
    int64_t p0 = 0, q0 = 1, p1 = 1, q1 = 0;
    for (int i = 0; i < 40; i++) {
        double whole = floor(rest);
        if (whole > 1e12) return false;
        int64_t w = (int64_t)whole, p2, q2;
        if (__builtin_mul_overflow(w, p1, &p2) || __builtin_add_overflow(p2, p0, &p2)) return false;
        if (__builtin_mul_overflow(w, q1, &q2) || __builtin_add_overflow(q2, q0, &q2)) return false;
        if (q2 > 1000000) return false;
        if ((double)p2 / (double)q2 == fabs(x)) return q_make(x < 0 ? -p2 : p2, q2, out);
        if (rest == whole) return false;
        rest = 1 / (rest - whole);
        p0 = p1;
        q0 = q1;
        p1 = p2;
        q1 = q2;
    }
    return false;
}

static bool root_of(int64_t a, int64_t k, int64_t *out) /* the whole k-th root of a >= 0 */
{
    int64_t r = (int64_t)llround(math_pow_f64((double)a, 1.0 / (double)k));
    __int128 power = 1;
    for (int64_t i = 0; i < k && power <= INT64_MAX; i++) power *= r;
    *out = r;
    return power == a;
}

bool q_pow(Q a, Q k, Q *out)
{
    if (q_is(a, 1) || q_is(k, 0)) {
        *out = Q_ONE;
        return true;
    }
    if (k.d > 16 || k.n > 64 || k.n < -64) return false;
    Q base = a;
    if (k.d != 1 && (a.n < 0 || !root_of(a.n, k.d, &base.n) || !root_of(a.d, k.d, &base.d))) return false;
    Q r = Q_ONE;
    for (int64_t i = 0; i < (k.n < 0 ? -k.n : k.n); i++)
        if (!q_mul(r, base, &r)) return false;
    return k.n < 0 ? q_div(Q_ONE, r, out) : (*out = r, true);
}
