/* big.c - see big.h. Schoolbook products; quotients and logarithms by Newton's steps from double's. */
#include "compiler/lower/value/big.h"

#include "runtime/math/scalar.h"

#include <math.h>
#include <string.h>

enum { BITS = 32, HALVINGS = 16, MOST_E = 62 };

Big big_none(void) { return (Big){.none = true}; }

/* sign * 0.m * 2^e of limbs whose first bits may be 0. */
static Big normal(int n, int sign, const uint32_t *m, int limbs, int64_t e)
{
    Big r = {.sign = sign};
    int skip = 0;
    while (skip < limbs && !m[skip]) skip++;
    if (skip == limbs) return (Big){0};
    int left = __builtin_clz(m[skip]);
    for (int i = 0; i < n; i++) {
        uint64_t high = skip + i < limbs ? m[skip + i] : 0, low = skip + i + 1 < limbs ? m[skip + i + 1] : 0;
        r.m[i] = (uint32_t)((high << left) | (low << left >> BITS));
    }
    r.e = e - (int64_t)skip * BITS - left;
    return r.e > INT64_C(1) << MOST_E || r.e < -(INT64_C(1) << MOST_E) ? big_none() : r;
}

Big big_of(double x)
{
    int e;
    double f = frexp(fabs(x), &e);
    uint64_t m = (uint64_t)ldexp(f, 64);
    return isfinite(x) ? normal(2, x < 0 ? -1 : 1, (uint32_t[]){(uint32_t)(m >> BITS), (uint32_t)m}, 2, e) : big_none();
}

double big_f64(const Big *a)
{
    enum { FURTHEST = 4000 };
    uint64_t m = (uint64_t)a->m[0] << BITS | a->m[1];
    int e = a->e > FURTHEST ? FURTHEST : a->e < -FURTHEST ? -FURTHEST : (int)a->e;
    return a->none ? NAN : a->sign * ldexp((double)m, e - 64);
}

Big big_neg(Big a)
{
    a.sign = -a.sign;
    return a;
}

static int larger(const Big *a, const Big *b)               /* in size: 1, 0, -1; neither is 0 */
{
    if (a->e != b->e) return a->e > b->e ? 1 : -1;
    for (int i = 0; i < BIG_LIMBS; i++)
        if (a->m[i] != b->m[i]) return a->m[i] > b->m[i] ? 1 : -1;
    return 0;
}

/* The limb at i of b shifted right by so many bits. */
static uint32_t shifted(const Big *b, int64_t by, int i)
{
    int64_t at = i - by / BITS;
    int right = (int)(by % BITS);
    uint64_t high = at > 0 && at <= BIG_LIMBS ? b->m[at - 1] : 0, low = at >= 0 && at < BIG_LIMBS ? b->m[at] : 0;
    return (uint32_t)((high << BITS | low) >> right);
}

Big big_add(int n, const Big *a, const Big *b)
{
    uint32_t r[BIG_LIMBS + 2] = {0};                        /* one limb before the first, and one behind the last */
    if (a->none || b->none) return big_none();
    if (!a->sign || !b->sign) return a->sign ? *a : *b;
    if (larger(a, b) < 0) return big_add(n, b, a);
    int64_t by = a->e - b->e, carry = 0;
    for (int i = n; i >= 0; i--) {
        int64_t x = i < n ? a->m[i] : 0, y = shifted(b, by, i), s = x + (a->sign == b->sign ? y : -y) + carry;
        r[i + 1] = (uint32_t)s;
        carry = s >> BITS;
    }
    r[0] = (uint32_t)carry;
    return normal(n, a->sign, r, n + 2, a->e + BITS);
}

Big big_mul(int n, const Big *a, const Big *b)
{
    uint32_t r[2 * BIG_LIMBS] = {0};
    if (a->none || b->none) return big_none();
    for (int i = n - 1; i >= 0 && a->sign && b->sign; i--) {
        uint64_t carry = 0;
        for (int k = n - 1; k >= 0; k--) {
            carry += (uint64_t)a->m[i] * b->m[k] + r[i + k + 1];
            r[i + k + 1] = (uint32_t)carry;
            carry >>= BITS;
        }
        r[i] = (uint32_t)carry;
    }
    return normal(n, a->sign * b->sign, r, 2 * n, a->e + b->e);
}

static Big by_small(int n, const Big *a, uint32_t k)         /* a / k */
{
    uint32_t r[BIG_LIMBS + 1];
    uint64_t rest = 0;
    for (int i = 0; i <= n; i++) {
        rest = rest << BITS | (i < n ? a->m[i] : 0);
        r[i] = (uint32_t)(rest / k);
        rest %= k;
    }
    return a->none || !a->sign ? *a : normal(n, a->sign, r, n + 1, a->e);
}

static Big less(int n, const Big *a, const Big *b)
{
    Big c = big_neg(*b);
    return big_add(n, a, &c);
}

Big big_div(int n, const Big *a, const Big *b)
{
    if (a->none || b->none || !b->sign) return big_none();
    Big part = *b, two = big_of(2);
    part.e = 0;
    Big r = big_of(1 / big_f64(&part));
    for (int bits = 50; bits < n * BITS; bits *= 2) {       /* r (2 - b r) */
        Big x = big_mul(n, &part, &r);
        x = less(n, &two, &x);
        r = big_mul(n, &r, &x);
    }
    r.e -= b->e;
    return big_mul(n, a, &r);
}

/* 2 (x + x^3 / 3 + x^5 / 5 ..) of x = 1 / 3 */
static Big log_of_2(int n)
{
    Big one = big_of(1), power = by_small(n, &one, 3), sum = {0};
    for (uint32_t k = 1; power.e > -n * BITS; k += 2) {
        Big t = by_small(n, &power, k);
        sum = big_add(n, &sum, &t);
        power = by_small(n, &power, 9);
    }
    sum.e++;
    return sum;
}

/* exp(x), |x| < 1 */
static Big exp_of_small(int n, Big x)
{
    Big sum = big_of(1), t = sum;
    if (!x.sign) return sum;
    x.e -= HALVINGS;
    for (uint32_t k = 1; t.sign && t.e > -n * BITS; k++) {
        t = big_mul(n, &t, &x);
        t = by_small(n, &t, k);
        sum = big_add(n, &sum, &t);
    }
    for (int i = 0; i < HALVINGS; i++) sum = big_mul(n, &sum, &sum);
    return sum;
}

Big big_exp(int n, const Big *a)
{
    enum { MOST = 50 };
    if (a->none) return *a;
    if (a->sign && a->e > MOST) return a->sign < 0 ? (Big){0} : big_none();
    double k = nearbyint(big_f64(a) / 0.6931471805599453);
    Big two = log_of_2(n), by = big_of(k), whole = big_mul(n, &two, &by), r = less(n, a, &whole);
    r = exp_of_small(n, r);
    r.e += (int64_t)k;
    return r;
}

Big big_log(int n, const Big *a)
{
    if (a->none || a->sign <= 0) return big_none();
    Big part = *a;
    part.e = 0;
    Big y = big_of(math_log_f64(big_f64(&part)));
    for (int bits = 50; bits < n * BITS; bits *= 3) {       /* y + 2 (x - exp(y)) / (x + exp(y)) (Halley) */
        Big e = exp_of_small(n, y), over = less(n, &part, &e), under = big_add(n, &part, &e), step = big_div(n, &over, &under);
        step.e++;
        y = big_add(n, &y, &step);
    }
    Big two = log_of_2(n), by = big_of((double)a->e), whole = big_mul(n, &two, &by);
    return big_add(n, &y, &whole);
}
