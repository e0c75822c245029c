/* polygamma.c - log|gamma| and its derivatives, in f64.
 *
 * Each is brought to a large argument by its recurrence and summed by Stirling's series there (Abramowitz and Stegun,
 * 6.1.40, 6.3.18, 6.4.11), or, for log|gamma| near its zeros 1 and 2, by Taylor's at 2 (6.1.33). From n = 1 on it is a
 * sum of like signs, n! zeta(n + 1, x); left of 0 that sum is folded at the nearest integer, so that it stays one. */
#include "runtime/math/scalar.h"
#include <math.h>

enum { MOST = 1000 };                                           /* the largest n; beyond, NaN */

static const double pi = 0x1.921fb54442d18p+1;

/* B(2k), k from 1 */
static const double bernoulli[] = {
    1.0 / 6,       -1.0 / 30,         1.0 / 42,          -1.0 / 30,           5.0 / 66,           -691.0 / 2730,
    7.0 / 6,       -3617.0 / 510,     43867.0 / 798,     -174611.0 / 330,     854513.0 / 138,     -236364091.0 / 2730,
};
enum { TERMS = sizeof bernoulli / sizeof *bernoulli };

/* 1 - euler, then (zeta(k) - 1)/k with alternating signs, k from 2: log gamma(2 + z) = z*sum */
static const double taylor[] = {
    0x1.b0ee6072093cep-2, 0x1.4a34cc4a60fa6p-2, -0x1.13e001a557607p-4, 0x1.51322ac7d8483p-6,
    -0x1.e404fc218f5f2p-8, 0x1.7add6eadb6c30p-9, -0x1.38ac5c2bf8e08p-10, 0x1.0b36af86396e9p-11,
    -0x1.d3fd4c76d2fc8p-13, 0x1.a127b0f17d65ap-14, -0x1.78de5bd7c81efp-15, 0x1.580dcee66eb02p-16,
    -0x1.3cbc963ce2243p-17, 0x1.2597a39f34aacp-18, -0x1.11b2eb7679541p-19, 0x1.0064cdeb22f0fp-20,
    -0x1.e2600d93cfd2fp-22, 0x1.c76bbb3f07a4dp-23, -0x1.af5a6cbbf8a97p-24, 0x1.99b93c2070b0fp-25,
    -0x1.862c734df3eacp-26, 0x1.7469daccfadcdp-27, -0x1.6434a8447aeadp-28, 0x1.555a877ffd2c3p-29,
    -0x1.47b1679258d0ep-30, 0x1.3b15d2b2fc10cp-31, -0x1.2f69a9fabe3e0p-32, 0x1.24932a337434cp-33,
    -0x1.1a7c26ec2523cp-34, 0x1.11116e693ed98p-35,
};

static double log_gamma_near_2(double z)
{
    double y = 0;
    for (int k = sizeof taylor / sizeof *taylor; k-- > 0;) y = y * z + taylor[k];
    return y * z;
}

/* x > 0 */
static double log_gamma_positive(double x)
{
    if (x < 0.5) return log_gamma_near_2(x) - math_log1p_f64(x) - math_log_f64(x);
    if (x < 1.5) return log_gamma_near_2(x - 1) - math_log1p_f64(x - 1);
    if (x < 16) {
        double product = 1;
        for (; x >= 2.5; x -= 1) product *= x - 1;
        return log_gamma_near_2(x - 2) + math_log_f64(product);
    }
    double y = 0, square = 1 / (x * x);
    for (int k = 8; k >= 1; k--) y = y * square + bernoulli[k - 1] / (2 * k * (2 * k - 1));
    return (x - 0.5) * (math_log_f64(x) - 1) - 0.5 + (0x1.d67f1c864beb5p-1 + y / x);
}

/* sin(pi x), cos(pi x) up to a common sign; the distance to the nearest integer is exact */
static double sin_pi(double x) { return math_sin_f64(pi * (x - math_floor_f64(x + 0.5))); }
static double cos_pi(double x) { return math_cos_f64(pi * (x - math_floor_f64(x + 0.5))); }

static double log_gamma(double x)
{
    if (x > 0) return log_gamma_positive(x);
    return math_log_f64(pi / fabs(sin_pi(x))) - log_gamma_positive(1 - x);
}

static double digamma(double x)
{
    if (x < 0) return digamma(1 - x) - pi * cos_pi(x) / sin_pi(x);
    double sum = 0;
    for (; x < 16; x += 1) sum += 1 / x;
    double y = 0, square = 1 / (x * x);
    for (int k = 8; k >= 1; k--) y = y * square + bernoulli[k - 1] / (2 * k);
    return math_log_f64(x) - 0.5 / x - y * square - sum;
}

static double whole_power(double x, int n)
{
    double y = 1;
    for (; n; n >>= 1, x *= x)
        if (n & 1) y *= x;
    return y;
}

/* (n-1)!/x^n, kept in range on the way */
static double first_term(int n, double x)
{
    double y = 1 / x;
    int scaled = 0;
    for (int j = 1; j < n; j++) {
        y *= j / x;
        if (y > 0x1p500) y *= 0x1p-500, scaled++;
        if (y < 0x1p-500 && y > 0) y *= 0x1p500, scaled--;
    }
    for (; scaled > 0 && y < INFINITY; scaled--) y *= 0x1p500;
    for (; scaled < 0 && y > 0; scaled++) y *= 0x1p-500;
    return y;
}

/* n! zeta(n + 1, x) = n! (1/x^(n+1) + 1/(x+1)^(n+1) + ...), x > 0, n >= 1; the sum is relative to (n-1)!/x^n */
static double zeta_sum(int n, double x)
{
    double sum = 0, from = x;
    for (; from < n + 20; from += 1) sum += whole_power(x / from, n + 1);
    /* term: (n+1)...(n+2k-1) / ((2k)! from^(2k-1)) */
    double term = 0.5 * (n + 1) / from, tail = 0.5;
    for (int k = 1; k <= TERMS; k++) {
        tail += bernoulli[k - 1] * term;
        term *= (n + 2 * k) / (from * (2 * k + 1)) * (n + 2 * k + 1) / (from * (2 * k + 2));
    }
    return first_term(n, x) * (sum * n / x + whole_power(x / from, n) * (1 + tail * n / from));
}

static double higher(int n, double x)
{
    double sign = n & 1 ? 1 : -1;
    if (x > 0) return sign * zeta_sum(n, x);
    double f = -x - math_floor_f64(-x);                         /* terms left of 0 are at -f, -f - 1, ... */
    return zeta_sum(n, f) - zeta_sum(n, 1 - x) + sign * zeta_sum(n, 1 - f);
}

double math_polygamma_f64(int32_t n, double x)
{
    if (x != x) return x;
    if (n < -1 || n > MOST) return NAN;
    if (x <= 0 && math_floor_f64(x) == x && x > -INFINITY) return n & 1 ? INFINITY : NAN;
    if (x == -INFINITY) return n == -1 ? INFINITY : NAN;
    if (x == INFINITY) return n <= 0 ? INFINITY : n & 1 ? 0 : -0.0;
    return n == -1 ? log_gamma(x) : n == 0 ? digamma(x) : higher(n, x);
}

float math_polygamma_f32(int32_t n, float x) { return (float)math_polygamma_f64(n, x); }
