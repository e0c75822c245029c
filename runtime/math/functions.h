/* functions.h - the bodies of the elementary functions and of the random numbers, written once.
 *
 * They are included twice: by lanes.c, where a value is a C number, and by compiler/llvm/math_emit.c, where a value is an
 * LLVM vector and each word below builds an instruction. Both compute the same bits, as every word is a correctly rounded
 * IEEE operation or integer arithmetic. There are no branches but M_RARE; the rest is selects.
 *
 * Words the includer defines:
 *   F32 F64 I32 I64 Mask         lanes; integers are unsigned and wrap, signed where a word says so
 *   M_FN(type, name, params)     opens a function;  M_CALL(name, args) calls it;  M_DO(name, args) if it gives nothing
 *   M_K(x, c)                    the real constant c as x's type;  M_KI(i, c) the integer one
 *   M_ADD M_SUB M_MUL M_DIV M_FMA M_NEG M_ABS M_SQRT M_FLOOR
 *   M_LT M_LE M_GT M_GE M_EQ     false on NaN;  M_NE true on NaN;  M_ILESS (unsigned), M_IEVEN for integers
 *   M_AND M_OR M_XOR             masks and integers;  M_NOT masks
 *   M_SELECT(mask, a, b)
 *   M_BITS(x) M_FLOAT(i)         the same bits as an integer or a number
 *   M_IADD M_ISUB M_IMUL M_SHL(i, n) M_SHR(i, n), n constant;  M_SHLV M_SHRV, n per lane
 *   M_MULHI(a, b)                upper 64 bits of an I64 product
 *   M_F64(x) M_F32(x)            between the widths;  M_WIDE(i) I32 to I64, zeros above;  M_LOW(i) the low I32
 *   M_INT_F32(i) M_INT_F64(i)    I32 (signed) to a number, rounded
 *   M_LONG_F64(i) M_ULONG_F64(i) I64 to a number, rounded: for rare paths
 *   M_TABLE(i)                   lane-wise look-up in the bits of 2/pi
 *   M_RARE(mask) ... M_RARE_END2(mask, a, b, ra, rb)
 *                                what stands between runs only if a lane needs it; then a = ra, b = rb in those lanes
 *
 * NaN: a function gives back a NaN operand as it came (quieted, perhaps; without its sign where the result has none) or makes the NaN of
 * M_K(x, NAN). A sign that a compiler might flip on the way (-|x|) is set at the end, or the engines would differ in the sign of a NaN.
 *
 * Sources: argument reduction by W. J. Cody and W. Waite, "Software Manual for the Elementary Functions" (1980), and by
 * M. Payne and R. Hanek, "Radian reduction for trigonometric functions" (1983); erfc by M. M. Shepherd and
 * J. G. Laframboise, "Chebyshev approximation of (1+2x)exp(x^2)erfc x" (1981). Polynomials: gen_coefficients.py. */

#include <math.h>
#include "runtime/math/coefficients.h"

/* ---- exp, log and what is made of them, once for f32 and once for f64 ---- */

#define REAL          F32
#define INT           I32
#define R(name)       name##_f32
#define POLY_EXP      POLY_EXP_F32
#define MANTISSA      23
#define BIAS          127
#define ONE_BITS      0x3f800000u
#define SIGN_BIT      0x80000000u
#define ROOT_BITS     0x3f3504f3u           /* sqrt(1/2) */
#define FRACTION      0x007fffffu
#define MAGIC         0x1.8p23              /* adding it rounds to a whole number, which the low bits then hold */
#define LN2           0x1.62e43p-1
#define LN2_LOW       -0x1.05c61p-29
#define EXP_LOW       -104.0                /* exp is 0 from here down */
#define EXP_HIGH      89.0                  /* and inf from here up */
#define ONE_LOW       -20.0                 /* expm1 is -1 from here down */
#define TINY          0x1p-25               /* x is as good as any odd function of slope 1 */
#define SMALLEST      0x1p-126
#define TO_NORMAL     0x1p24
#define TO_NORMAL_LOG 24.0

/* log(1 + f), f in [sqrt(1/2) - 1, sqrt 2 - 1] */
M_FN(F32, log_of_f32, F32 f)
{
    F32 square = M_MUL(f, f);
    F32 v = M_FMA(POLY_LOG_F32(f), f, M_K(f, -0.5));
    return M_FMA(square, v, f);
}

/* k*log 2 + log(1 + f). k: the whole number that bits hold above BIAS */
M_FN(F32, log_sum_f32, I32 k, F32 f)
{
    F32 n = M_INT_F32(M_ISUB(k, M_KI(k, BIAS)));
    return M_FMA(n, M_K(f, LN2), M_CALL(log_of_f32, f));
}

#include "runtime/math/elementary.h"

#undef REAL
#undef INT
#undef R
#undef POLY_EXP
#undef MANTISSA
#undef BIAS
#undef ONE_BITS
#undef SIGN_BIT
#undef ROOT_BITS
#undef FRACTION
#undef MAGIC
#undef MAGIC_BITS
#undef LN2
#undef LN2_LOW
#undef EXP_LOW
#undef EXP_HIGH
#undef ONE_LOW
#undef TINY
#undef SMALLEST
#undef TO_NORMAL
#undef TO_NORMAL_LOG

#define REAL          F64
#define INT           I64
#define R(name)       name##_f64
#define POLY_EXP      POLY_EXP_F64
#define MANTISSA      52
#define BIAS          1023
#define ONE_BITS      0x3ff0000000000000u
#define SIGN_BIT      0x8000000000000000u
#define ROOT_BITS     0x3fe6a09e667f3bcdu
#define FRACTION      0x000fffffffffffffu
#define MAGIC         0x1.8p52
#define MAGIC_BITS    0x4338000000000000u
#define LN2           0x1.62e42fefa39efp-1
#define LN2_LOW       0x1.abc9e3b39803fp-56
#define EXP_LOW       -746.0
#define EXP_HIGH      710.0
#define ONE_LOW       -40.0
#define TINY          0x1p-54
#define SMALLEST      0x1p-1022
#define TO_NORMAL     0x1p54
#define TO_NORMAL_LOG 54.0

/* log(1 + f) = 2 atanh s = f - s*(f - r), s = f/(2 + f), r = (2 atanh s)/s - 2; to be added to `more` */
M_FN(F64, log_of_f64, F64 f, F64 more)
{
    F64 s = M_DIV(f, M_ADD(f, M_K(f, 2)));
    F64 z = M_MUL(s, s);
    F64 r = M_MUL(POLY_LOG_F64(z), z);
    return M_SUB(f, M_SUB(M_MUL(s, M_SUB(f, r)), more));
}

M_FN(F64, log_sum_f64, I64 k, F64 f)
{
    F64 n = M_SUB(M_FLOAT(M_IADD(k, M_KI(k, MAGIC_BITS - BIAS))), M_K(f, MAGIC));
    return M_FMA(n, M_K(f, LN2), M_CALL(log_of_f64, f, M_MUL(n, M_K(f, LN2_LOW))));
}

#include "runtime/math/elementary.h"

/* ---- sin and cos ---- */

#define PIO2      0x1.921fb54442d18p+0
#define PIO2_MID  0x1.1a62633145c07p-54
#define PIO2_LOW  -0x1.f1976b7ed8fbcp-110
#define FAR       0x1p27                    /* n*PIO2 is no longer good to the last bit */

/* x = q*pi/2 + r for |x| < FAR, by Cody and Waite: x - n*PIO2 is exact. q counts modulo 2^51. */
M_FN(void, quarter_near, F64 x, F64 *r, I64 *q)
{
    F64 t = M_FMA(x, M_K(x, 0x1.45f306dc9c883p-1), M_K(x, MAGIC));
    F64 n = M_SUB(t, M_K(x, MAGIC));
    F64 a = M_FMA(n, M_K(x, -PIO2), x);
    F64 b = M_FMA(n, M_K(x, -PIO2_MID), a);
    *r = M_FMA(n, M_K(x, -PIO2_LOW), b);
    *q = M_BITS(t);
}

/* The 64 bits of 2/pi from bit `at` of the table on. */
M_FN(I64, two_over_pi, I64 at)
{
    I64 word = M_SHR(at, 6), shift = M_AND(at, M_KI(at, 63));
    I64 high = M_SHLV(M_TABLE(word), shift);
    I64 low = M_SHRV(M_SHR(M_TABLE(M_IADD(word, M_KI(at, 1))), 1), M_XOR(shift, M_KI(at, 63)));
    return M_OR(high, low);
}

/* The same for FAR <= |x| < inf, by Payne and Hanek: of the product of x = m*2^e with the bits of 2/pi, only those from
 * weight 2 down to 2^-126 are made. The two highest are q; the rest, rounded to the nearest quarter, is r. */
M_FN(void, quarter_far, F64 x, F64 *r, I64 *q)
{
    I64 bits = M_BITS(M_ABS(x));
    I64 m = M_OR(M_AND(bits, M_KI(bits, FRACTION)), M_KI(bits, FRACTION + 1));
    I64 exponent = M_SHR(bits, MANTISSA);                           /* e + 1075 */
    /* bit k of 2/pi, k from 1, is bit 63 + k of the table; the first wanted is e - 1. Clamped for lanes not asked for. */
    I64 at = M_ISUB(exponent, M_KI(bits, 1075 - 62));
    at = M_SELECT(M_LT(M_ABS(x), M_K(x, FAR)), M_KI(bits, 0), at);
    at = M_SELECT(M_LT(M_ABS(x), M_K(x, INFINITY)), at, M_KI(bits, 0));
    I64 b2 = M_CALL(two_over_pi, at);
    I64 b1 = M_CALL(two_over_pi, M_IADD(at, M_KI(at, 64)));
    I64 b0 = M_CALL(two_over_pi, M_IADD(at, M_KI(at, 128)));
    I64 carried = M_MULHI(m, b0);
    I64 low = M_IADD(M_IMUL(m, b1), carried);
    I64 carry = M_SELECT(M_ILESS(low, carried), M_KI(low, 1), M_KI(low, 0));
    I64 high = M_IADD(M_IADD(M_IMUL(m, b2), M_MULHI(m, b1)), carry);
    I64 turn = M_SHR(M_IADD(high, M_KI(high, 1ull << 61)), 62);
    high = M_ISUB(high, M_SHL(turn, 62));                           /* signed, in [-2^61, 2^61) */
    /* a + b = (high, low) * 2^-62, a exact, b small; times pi/2 in twofold precision */
    I64 head = M_AND(high, M_KI(high, ~0x7ffull));
    F64 a = M_MUL(M_LONG_F64(head), M_K(x, 0x1p-62));
    F64 b = M_FMA(M_ULONG_F64(low), M_K(x, 0x1p-126), M_MUL(M_LONG_F64(M_ISUB(high, head)), M_K(x, 0x1p-62)));
    F64 p = M_MUL(a, M_K(x, PIO2));
    F64 e = M_FMA(a, M_K(x, PIO2), M_NEG(p));
    F64 y = M_ADD(p, M_ADD(e, M_FMA(a, M_K(x, PIO2_MID), M_MUL(b, M_K(x, PIO2)))));
    Mask negative = M_LT(x, M_K(x, 0));
    *r = M_SELECT(negative, M_NEG(y), y);
    *q = M_SELECT(negative, M_ISUB(M_KI(turn, 0), turn), turn);
}

M_FN(void, quarter, F64 x, F64 *r, I64 *q)
{
    M_DO(quarter_near, x, r, q);
    Mask far = M_GE(M_ABS(x), M_K(x, FAR));
    M_RARE(far)
    F64 r_far;
    I64 q_far;
    M_DO(quarter_far, x, &r_far, &q_far);
    M_RARE_END2(far, *r, *q, r_far, q_far)
}

M_FN(F64, sin_octant_f64, F64 r)
{
    F64 z = M_MUL(r, r);
    return M_FMA(M_MUL(POLY_SIN_F64(z), z), r, r);
}

M_FN(F64, cos_octant_f64, F64 r)
{
    F64 z = M_MUL(r, r), half = M_MUL(z, M_K(z, 0.5));
    F64 w = M_SUB(M_K(z, 1), half), lost = M_SUB(M_SUB(M_K(z, 1), w), half);
    return M_ADD(w, M_FMA(M_MUL(z, z), POLY_COS_F64(z), lost));
}

/* sin(r + q*pi/2) of sin r and cos r */
M_FN(F64, turn_f64, I64 q, F64 s, F64 c)
{
    F64 v = M_SELECT(M_IEVEN(q), s, c);
    return M_FLOAT(M_XOR(M_BITS(v), M_SHL(M_AND(q, M_KI(q, 2)), 62)));
}

M_FN(F64, sin_f64, F64 x)
{
    F64 r;
    I64 q;
    M_DO(quarter, x, &r, &q);
    F64 y = M_CALL(turn_f64, q, M_CALL(sin_octant_f64, r), M_CALL(cos_octant_f64, r));
    y = M_SELECT(M_LT(M_ABS(x), M_K(x, INFINITY)), y, M_K(x, NAN));
    return M_SELECT(M_GE(M_ABS(x), M_K(x, TINY)), y, x);            /* keeps -0, and NaN */
}

M_FN(F64, cos_f64, F64 x)
{
    F64 r;
    I64 q;
    M_DO(quarter, x, &r, &q);
    q = M_IADD(q, M_KI(q, 1));
    F64 y = M_CALL(turn_f64, q, M_CALL(sin_octant_f64, r), M_CALL(cos_octant_f64, r));
    return M_SELECT(M_LT(M_ABS(x), M_K(x, INFINITY)), y, M_K(x, NAN));
}

/* f32: the same in f64 with shorter polynomials, rounded once */
M_FN(F64, sin_turned_short, F64 r, I64 q)
{
    F64 z = M_MUL(r, r);
    F64 s = M_FMA(M_MUL(POLY_SIN_SHORT(z), z), r, r);
    F64 c = M_FMA(M_MUL(z, z), POLY_COS_SHORT(z), M_FMA(z, M_K(z, -0.5), M_K(z, 1)));
    return M_CALL(turn_f64, q, s, c);
}

M_FN(F32, sin_f32, F32 x)
{
    F64 r;
    I64 q;
    M_DO(quarter, M_F64(x), &r, &q);
    F32 y = M_F32(M_CALL(sin_turned_short, r, q));
    y = M_SELECT(M_LT(M_ABS(x), M_K(x, INFINITY)), y, M_K(x, NAN));
    return M_SELECT(M_GE(M_ABS(x), M_K(x, 0x1p-25)), y, x);
}

M_FN(F32, cos_f32, F32 x)
{
    F64 r;
    I64 q;
    M_DO(quarter, M_F64(x), &r, &q);
    F32 y = M_F32(M_CALL(sin_turned_short, r, M_IADD(q, M_KI(q, 1))));
    return M_SELECT(M_LT(M_ABS(x), M_K(x, INFINITY)), y, M_K(x, NAN));
}

/* ---- erf and erfc: a polynomial times x near 0, exp(-x^2)*w(x)/(1 + 2x) beyond ---- */

#define ERFC_FROM 0.45                      /* erfc by its own formula from here up */

/* erfc(a), a in [0.44, 28]. What the divisions and w's last addition round away is kept and added at the end. */
M_FN(F64, erfc_far_f64, F64 a)
{
    F64 q = M_DIV(M_SUB(a, M_K(a, 4)), M_ADD(a, M_K(a, 4)));
    F64 c = M_K(a, ERFC_HEAD), rest = POLY_ERFC_F64(q), w = M_FMA(rest, q, c);
    F64 w_low = M_ADD(M_FMA(rest, q, M_SUB(c, w)), M_K(a, ERFC_HEAD_LOW));
    F64 d = M_FMA(a, M_K(a, 2), M_K(a, 1));
    F64 d_low = M_FMA(a, M_K(a, 2), M_SUB(M_K(a, 1), d));
    F64 y = M_DIV(w, d);
    F64 lost = M_FMA(M_NEG(y), d_low, M_FMA(M_NEG(y), d, w));
    F64 y_low = M_DIV(M_ADD(lost, w_low), d);
    /* exp(-(s + s_low)) = 2^n*(1 + p) */
    F64 s = M_MUL(a, a), s_low = M_FMA(a, a, M_NEG(s)), head, n;
    I64 bits;
    M_DO(reduce_f64, M_NEG(s), 2 * BIAS, &head, &n, &bits);
    F64 low = M_FMA(n, M_K(a, -LN2_LOW), M_NEG(s_low));
    F64 r = M_ADD(head, low), p = M_ADD(head, M_FMA(M_MUL(r, r), POLY_EXP_F64(r), low));
    return M_CALL(scale_f64, M_ADD(y, M_FMA(y, p, y_low)), bits);
}

M_FN(F64, erf_f64, F64 x)
{
    F64 a = M_ABS(x), z = M_MUL(x, x);
    F64 near = M_FMA(POLY_ERF_F64(z), x, x);
    F64 b = M_SELECT(M_LT(a, M_K(a, 6)), M_SELECT(M_LT(a, M_K(a, 1)), M_K(a, 1), a), M_K(a, 6));
    F64 one = M_SUB(M_K(a, 1), M_CALL(erfc_far_f64, b));
    F64 far = M_SELECT(M_LT(x, M_K(x, 0)), M_NEG(one), one);
    F64 y = M_SELECT(M_LT(a, M_K(a, 1)), near, far);
    return M_SELECT(M_NE(x, x), x, y);
}

M_FN(F64, erfc_f64, F64 x)
{
    F64 a = M_ABS(x), z = M_MUL(x, x);
    F64 near = M_SUB(M_K(x, 1), M_FMA(POLY_ERF_F64(z), x, x));
    F64 low = M_K(a, ERFC_FROM), high = M_K(a, 28);
    F64 b = M_SELECT(M_LT(a, high), M_SELECT(M_LT(a, low), low, a), high);
    F64 far = M_CALL(erfc_far_f64, b);
    F64 y = M_SELECT(M_LT(x, M_K(x, 0)), M_SUB(M_K(x, 2), far), far);
    y = M_SELECT(M_LT(a, low), near, y);
    return M_SELECT(M_NE(x, x), x, y);
}

/* exp(-s) for f32 results, s in [0, 120], in f64 */
M_FN(F64, exp_short, F64 s)
{
    F64 head, n;
    I64 bits;
    M_DO(reduce_f64, M_NEG(s), BIAS, &head, &n, &bits);
    F64 e = M_FMA(M_FMA(POLY_EXP_SHORT(head), head, M_K(s, 1)), head, M_K(s, 1));
    return M_MUL(e, M_FLOAT(M_SHL(bits, MANTISSA)));
}

M_FN(F64, erfc_far_short, F64 a)
{
    F64 q = M_DIV(M_SUB(a, M_K(a, 2)), M_ADD(a, M_K(a, 2)));
    F64 e = M_CALL(exp_short, M_MUL(a, a));
    return M_DIV(M_MUL(POLY_ERFC_SHORT(q), e), M_FMA(a, M_K(a, 2), M_K(a, 1)));
}

M_FN(F32, erf_f32, F32 x32)
{
    F64 x = M_F64(x32), a = M_ABS(x), z = M_MUL(x, x);
    F64 near = M_FMA(POLY_ERF_SHORT(z), x, x);
    F64 b = M_SELECT(M_LT(a, M_K(a, 6)), M_SELECT(M_LT(a, M_K(a, 1)), M_K(a, 1), a), M_K(a, 6));
    F64 one = M_SUB(M_K(a, 1), M_CALL(erfc_far_short, b));
    F64 far = M_SELECT(M_LT(x, M_K(x, 0)), M_NEG(one), one);
    F32 y = M_F32(M_SELECT(M_LT(a, M_K(a, 1)), near, far));
    return M_SELECT(M_NE(x32, x32), x32, y);
}

M_FN(F32, erfc_f32, F32 x32)
{
    F64 x = M_F64(x32), a = M_ABS(x), z = M_MUL(x, x);
    F64 near = M_SUB(M_K(x, 1), M_FMA(POLY_ERF_SHORT(z), x, x));
    F64 low = M_K(a, ERFC_FROM), high = M_K(a, 10.5);
    F64 b = M_SELECT(M_LT(a, high), M_SELECT(M_LT(a, low), low, a), high);
    F64 far = M_CALL(erfc_far_short, b);
    F64 y = M_SELECT(M_LT(x, M_K(x, 0)), M_SUB(M_K(x, 2), far), far);
    y = M_SELECT(M_LT(a, low), near, y);
    return M_SELECT(M_NE(x32, x32), x32, M_F32(y));
}

/* ---- pow ---- */

/* log a = h + l to about 100 bits, for a in (0, inf): k*log 2 + 2 atanh s, s = (m - 1)/(m + 1), all in pairs. */
M_FN(void, log_pair, F64 a, F64 *h, F64 *l)
{
    Mask small = M_LT(a, M_K(a, SMALLEST));
    F64 scaled = M_SELECT(small, M_MUL(a, M_K(a, TO_NORMAL)), a);
    I64 bits = M_BITS(scaled), i = M_IADD(bits, M_KI(bits, ONE_BITS - ROOT_BITS));
    F64 m = M_FLOAT(M_IADD(M_AND(i, M_KI(i, FRACTION)), M_KI(i, ROOT_BITS)));
    F64 k = M_SUB(M_FLOAT(M_IADD(M_SHR(i, MANTISSA), M_KI(i, MAGIC_BITS - BIAS))), M_K(a, MAGIC));
    k = M_SUB(k, M_SELECT(small, M_K(a, TO_NORMAL_LOG), M_K(a, 0)));

    F64 f = M_SUB(m, M_K(a, 1)), d = M_ADD(m, M_K(a, 1)), d_low = M_SUB(m, M_SUB(d, M_K(a, 1)));
    F64 s = M_DIV(f, d), minus_s = M_NEG(s);
    F64 s_low = M_DIV(M_FMA(minus_s, d_low, M_FMA(minus_s, d, f)), d);
    F64 z = M_MUL(s, s), z_low = M_FMA(s, s, M_NEG(z));
    z_low = M_FMA(M_ADD(s, s), s_low, z_low);
    /* c = 2/3 + z*t */
    F64 u = M_MUL(z, POLY_LOG_PAIR(z)), third = M_K(a, 0x1.5555555555555p-1);
    F64 c = M_ADD(third, u), c_low = M_ADD(M_SUB(u, M_SUB(c, third)), M_K(a, 0x1.5555555555555p-55));
    /* v = z*c, w = s*v */
    F64 v = M_MUL(z, c), v_low = M_FMA(z, c_low, M_FMA(z_low, c, M_FMA(z, c, M_NEG(v))));
    F64 w = M_MUL(s, v), w_low = M_FMA(s, v_low, M_FMA(s_low, v, M_FMA(s, v, M_NEG(w))));
    F64 two_s = M_ADD(s, s), g = M_ADD(two_s, w);
    F64 g_low = M_ADD(M_SUB(w, M_SUB(g, two_s)), M_ADD(M_ADD(s_low, s_low), w_low));
    /* + k*log 2, whose head has 42 bits, so that the product is exact */
    F64 head = M_MUL(k, M_K(a, 0x1.62e42fefa38p-1)), sum = M_ADD(head, g);
    F64 rest = M_ADD(M_SUB(g, M_SUB(sum, head)), M_FMA(k, M_K(a, 0x1.ef35793c7673p-45), g_low));
    *h = M_ADD(sum, rest);
    *l = M_SUB(rest, M_SUB(*h, sum));
}

/* exp(x + x_low) for |x| <= 800 */
M_FN(F64, exp_pair, F64 x, F64 x_low)
{
    F64 head, n;
    I64 bits;
    M_DO(reduce_f64, x, 2 * BIAS, &head, &n, &bits);
    F64 low = M_FMA(n, M_K(x, -LN2_LOW), x_low), r = M_ADD(head, low);
    F64 e = M_ADD(M_K(x, 1), M_ADD(head, M_FMA(M_MUL(r, r), POLY_EXP_F64(r), low)));
    return M_CALL(scale_f64, e, bits);
}

M_FN(F64, pow_f64, F64 a, F64 b)
{
    F64 h, l;
    M_DO(log_pair, M_ABS(a), &h, &l);
    F64 x = M_MUL(b, h), low = M_FMA(b, l, M_FMA(b, h, M_NEG(x)));
    low = M_SELECT(M_LT(M_ABS(x), M_K(x, 800)), low, M_K(x, 0));
    x = M_SELECT(M_LT(x, M_K(x, -800)), M_K(x, -800), x);
    x = M_SELECT(M_GT(x, M_K(x, 800)), M_K(x, 800), x);
    return M_CALL(pow_rules_f64, a, b, M_CALL(exp_pair, x, low));
}

M_FN(F32, pow_f32, F32 a, F32 b)
{
    F64 x = M_MUL(M_F64(b), M_CALL(log_f64, M_F64(M_ABS(a))));
    return M_CALL(pow_rules_f32, a, b, M_F32(M_CALL(exp_f64, x)));
}

/* ---- random numbers ---- */

/* Philox4x32-10: c holds a block's counter in the low halves of I64 lanes (what the upper halves hold does not matter), and
 * then its words, likewise. key: the two key words of each round, in turn. */
#define M_MUL32(i, c) M_IMUL(M_AND(i, M_KI(i, 0xffffffffu)), M_KI(i, c))

enum { PHILOX_ROUNDS = 10 };
#define PHILOX_OF_0 0xd2511f53u
#define PHILOX_OF_2 0xcd9e8d57u

M_FN(void, philox_round, const I64 *key, I64 *c)
{
    I64 p = M_MUL32(c[0], PHILOX_OF_0), q = M_MUL32(c[2], PHILOX_OF_2);
    c[0] = M_XOR(M_XOR(M_SHR(q, 32), c[1]), key[0]);
    c[1] = q;
    c[2] = M_XOR(M_XOR(M_SHR(p, 32), c[3]), key[1]);
    c[3] = p;
}

M_FN(void, philox, const I64 *key, I64 *c)
{
    for (int round = 0; round < PHILOX_ROUNDS; round++) M_DO(philox_round, key + 2 * round, c);
}

M_FN(F32, uniform_f32, I32 w)
{
    F32 n = M_INT_F32(M_SHR(w, 9));
    return M_FMA(n, M_K(n, 0x1p-23), M_K(n, 0x1p-24));
}

M_FN(F64, uniform_f64, I32 w)
{
    F64 n = M_INT_F64(M_XOR(w, M_KI(w, 0x80000000u)));
    return M_FMA(n, M_K(n, 0x1p-32), M_K(n, 0.5 + 0x1p-33));
}

M_FN(I32, randint, I32 w, I64 n) { return M_LOW(M_SHR(M_IMUL(M_WIDE(w), n), 32)); }

/* The angle 2 pi w 2^-32 is a whole number of quarters and, signed, at most an eighth of a turn. */
M_FN(I32, quarters, I32 w) { return M_SHR(M_IADD(w, M_KI(w, 1u << 29)), 30); }

/* Box and Muller (1958). The radius: y = (signed w + 1/2)*2^-32 is u for u < 1/2 and u - 1 beyond, and so holds all of u
 * where the logarithm is steep and all of 1 - u where it is small. log u = k*log 2 + log(1 + f) as in log, except
 * that f = y where u >= sqrt(1/2). */
M_FN(void, normal_pair_f32, I32 even, I32 odd, F32 *out)
{
    F32 n = M_INT_F32(even), zero = M_K(n, 0), one = M_K(n, 1);
    F32 y = M_FMA(n, M_K(n, 0x1p-32), M_K(n, 0x1p-33));
    F32 u = M_SELECT(M_LT(y, zero), M_ADD(y, one), y);
    I32 i = M_IADD(M_BITS(u), M_KI(even, 0x3f800000u - 0x3f3504f3u));
    F32 m = M_FLOAT(M_IADD(M_AND(i, M_KI(i, 0x007fffffu)), M_KI(i, 0x3f3504f3u)));
    F32 f = M_SELECT(M_GE(u, M_FLOAT(M_KI(i, 0x3f3504f3u))), y, M_SUB(m, one));
    F32 r = M_SQRT(M_MUL(M_CALL(log_sum_f32, M_SHR(i, 23), f), M_K(n, -2)));

    /* the two highest bits of q: the quarter */
    I32 q = M_IADD(odd, M_KI(odd, 1u << 29)), sign = M_KI(odd, 0x80000000u), high = M_KI(odd, 0xc0000000u), second = M_KI(odd, 1u << 30);
    F32 t = M_MUL(M_INT_F32(M_ISUB(odd, M_AND(q, high))), M_K(n, 0x1.921fb6p-30));
    F32 z = M_MUL(t, t);
    F32 s = M_FMA(M_MUL(POLY_SIN_F32(z), z), t, t);
    F32 c = M_FMA(M_FMA(POLY_COS_F32(z), z, M_K(z, -0.5)), z, one);
    Mask straight = M_IEVEN(M_SHR(q, 30));
    I32 flip_cos = M_AND(M_IADD(q, second), sign), flip_sin = M_AND(q, sign);
    out[0] = M_MUL(r, M_FLOAT(M_XOR(M_BITS(M_SELECT(straight, c, s)), flip_cos)));
    out[1] = M_MUL(r, M_FLOAT(M_XOR(M_BITS(M_SELECT(straight, s, c)), flip_sin)));
}

/* In f64 u and the angle before its rounding are exact. */
M_FN(void, normal_pair_f64, I32 even, I32 odd, F64 *out)
{
    F64 u = M_CALL(uniform_f64, even);
    F64 r = M_SQRT(M_MUL(M_CALL(log_f64, u), M_K(u, -2)));
    I32 q = M_CALL(quarters, odd);
    F64 t = M_MUL(M_INT_F64(M_ISUB(odd, M_SHL(q, 30))), M_K(u, 0x1.921fb54442d18p-30));
    F64 s = M_CALL(sin_octant_f64, t), c = M_CALL(cos_octant_f64, t);
    I64 turns = M_WIDE(q);
    out[0] = M_MUL(r, M_CALL(turn_f64, M_IADD(turns, M_KI(turns, 1)), s, c));
    out[1] = M_MUL(r, M_CALL(turn_f64, turns, s, c));
}
