/* wide.c - see wide.h. */
#include "compiler/lower/value/wide.h"
#include "runtime/math/scalar.h"

#include <math.h>

enum { DIGITS = 53, FAR = 2000 };
static const int64_t most = INT64_C(1) << 61;               /* of an exponent */

static const double ln2_hi = 0x1.62e42feep-1, ln2_lo = 0x1.a39ef35793c76p-33;       /* hi: 32 bits; times a whole number below 2^20 it is exact */

static Wide scaled(double m, int64_t e)
{
    int k = 0;
    if (m == 0 || !isfinite(m)) return (Wide){m, 0};
    m = frexp(m, &k);
    e += k;
    return e > most ? (Wide){copysign(HUGE_VAL, m), 0} : e < -most ? (Wide){copysign(0, m), 0} : (Wide){m, e};
}

Wide wide_of(double x) { return scaled(x, 0); }

double wide_f64(Wide a)
{
    int e = a.e > FAR ? FAR : a.e < -FAR ? -FAR : (int)a.e;
    return ldexp(a.m, e);
}

bool wide_holds(Wide a) { return isfinite(a.m) && a.m != 0; }

/* ---- arithmetic --------------------------------------------------------------------------------------------------- */

static Wide product(Wide a, Wide b) { return scaled(a.m * b.m, a.e + b.e); }
static Wide quotient(Wide a, Wide b) { return scaled(a.m / b.m, a.e - b.e); }
static Wide negative(Wide a) { return (Wide){-a.m, a.e}; }

static Wide sum(Wide a, Wide b)
{
    if (!wide_holds(a) || !wide_holds(b)) return !isfinite(a.m) || !isfinite(b.m) ? wide_of((isfinite(a.m) ? 0 : a.m) + (isfinite(b.m) ? 0 : b.m)) : a.m != 0 ? a : b.m != 0 ? b : (Wide){a.m + b.m, 0};
    if (a.e < b.e) return sum(b, a);
    int64_t down = b.e - a.e;
    return scaled(a.m + (down < -2 * DIGITS ? 0 : ldexp(b.m, (int)down)), a.e);
}

int wide_compare(Wide a, Wide b)
{
    if (isinf(a.m) || isinf(b.m)) return (isinf(a.m) ? a.m > 0 ? 1 : -1 : 0) - (isinf(b.m) ? b.m > 0 ? 1 : -1 : 0);
    double d = sum(a, negative(b)).m;
    return (d > 0) - (d < 0);
}

Wide wide_scale(Wide a, double times) { return product(a, wide_of(times)); }

/* ---- functions ---------------------------------------------------------------------------------------------------- */

static Wide exponential(double x)
{
    if (isnan(x) || fabs(x) > 0x1p60) return wide_of(x > 0 ? HUGE_VAL : x < 0 ? 0 : x);
    double k = floor(x / (ln2_hi + ln2_lo) + 0.5);
    return scaled(math_exp_f64(fma(-k, ln2_lo, fma(-k, ln2_hi, x))), (int64_t)k);
}

double wide_log(Wide a)
{
    double x = wide_f64((Wide){fabs(a.m), a.e});
    return !wide_holds(a) || isnormal(x) ? math_log_f64(x) : fma((double)a.e, ln2_hi, fma((double)a.e, ln2_lo, math_log_f64(fabs(a.m))));
}

static Wide root(Wide a)
{
    bool odd = a.e & 1;
    return wide_holds(a) ? scaled(sqrt(odd ? 2 * a.m : a.m), (a.e - odd) / 2) : wide_of(sqrt(a.m));
}

static Wide whole_power(Wide a, int n)
{
    Wide r = wide_of(1);
    for (int k = n < 0 ? -n : n; k; k >>= 1, a = product(a, a))
        if (k & 1) r = product(r, a);
    return n < 0 ? quotient(wide_of(1), r) : r;
}

static Wide power(Wide a, Wide b)
{
    enum { MOST_WHOLE = 64 };
    double y = wide_f64(b), plain = math_pow_f64(wide_f64(a), y);
    if (!wide_holds(a) || !isfinite(y)) return wide_of(plain);
    if (y == floor(y) && fabs(y) <= MOST_WHOLE) return whole_power(a, (int)y);
    if (y == 0.5) return root(a);
    if (a.m < 0 && y != floor(y)) return wide_of(NAN);
    Wide r = exponential(y * wide_log(a));
    return a.m < 0 && fmod(y, 2) != 0 ? negative(r) : r;
}

/* Of one number, whose function double holds but where it is near exp. */
static Wide of_exponent(IrOp op, Wide a)
{
    enum { BEYOND = 40 };                                   /* where 1 + exp(-x) is 1 */
    double x = wide_f64(a);
    switch (op) {
    case IR_exp: return exponential(x);
    case IR_expm1: return x > BEYOND ? exponential(x) : x == 0 ? a : wide_of(math_expm1_f64(x));
    case IR_sigmoid: return x < -BEYOND ? exponential(x) : wide_of(math_sigmoid_f64(x));
    case IR_softplus: return x < -BEYOND ? exponential(x) : x > BEYOND ? a : wide_of(math_softplus_f64(x));
    case IR_log: return a.m < 0 ? wide_of(NAN) : wide_of(wide_log(a));
    case IR_log1p: return fabs(x) < 0x1p-60 ? a : isinf(x) && a.m > 0 ? wide_of(wide_log(a)) : wide_of(math_log1p_f64(x));
    case IR_tanh: return fabs(x) < 0x1p-60 ? a : wide_of(math_tanh_f64(x));
    case IR_sin: return fabs(x) < 0x1p-60 ? a : wide_of(math_sin_f64(x));
    case IR_erf: return fabs(x) < 0x1p-60 ? wide_scale(a, 0x1.20dd750429b6dp0) : wide_of(math_erf_f64(x));      /* 2 / sqrt(pi) */
    default: return wide_of(op == IR_erfc ? math_erfc_f64(x) : op == IR_cos ? math_cos_f64(x) : NAN);
    }
}

Wide wide_map(IrOp op, Wide a)
{
    switch (op) {
    case IR_neg: return negative(a);
    case IR_abs: return (Wide){fabs(a.m), a.e};
    case IR_sqrt: return root(a);
    case IR_floor: return a.e > DIGITS ? a : wide_of(floor(wide_f64(a)) - (a.m < 0 && wide_f64(a) == 0 && a.m != 0));
    default: return of_exponent(op, a);
    }
}

Wide wide_binary(IrOp op, Wide a, Wide b)
{
    switch (op) {
    case IR_add: return sum(a, b);
    case IR_sub: return sum(a, negative(b));
    case IR_mul: return product(a, b);
    case IR_div: return quotient(a, b);
    case IR_pow: return power(a, b);
    default: return wide_of(NAN);
    }
}
