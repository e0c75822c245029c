/* scalar.h - the elementary functions of Gan, one number or one array at a time.
 *
 * The bits are those of the compiled code (compiler/llvm/math_emit.h): both are made from functions.h, where each
 * function is written once over correctly rounded IEEE operations. Never libm's. They do not depend on the CPU: where
 * it lacks fma, fma is emulated exactly, and slowly.
 *
 * f32 and f64 functions are within 2 ulp everywhere (test_math.c says how far each); subnormal results are kept. NaN in
 * gives NaN out. Array forms may work in place (y == x), but not on parts that overlap otherwise. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* X(name): float math_NAME_f32(float), double math_NAME_f64(double), and over arrays
 * void math_NAME_f32_n(const float *x, float *y, size_t n), void math_NAME_f64_n(const double *x, double *y, size_t n).
 *
 * log 0 is -inf and below 0 NaN; sin and cos take any argument, NaN at +-inf.
 * sigmoid x = 1/(1 + exp -x); dsigmoid x = e/(1+e)^2 with e = exp -|x|; softplus x = max(x,0) + log1p(exp -|x|). */
#define MATH_UNARY(X) MATH_SHORT(X) X(sin) X(cos) X(erf) X(erfc) X(floor) X(sqrt)
#define MATH_SHORT(X) X(exp) X(expm1) X(log) X(log1p) X(tanh) X(sigmoid) X(dsigmoid) X(softplus)    /* in f32 tens of instructions, without f64 */

/* X(name): the same with two operands: math_NAME_f32(a, b), math_NAME_f32_n(a, b, y, n), and f64.
 *
 * pow: 0^0 = 1 and x^0 = 1 for all x but NaN, 1^y likewise; negative x only for whole y, else NaN.
 * max: a if a >= b or a is NaN, else b; min alike, so that NaN on either side wins, and ties go to a.
 * rem: a - b*floor(a/b), with each operation rounded. */
#define MATH_BINARY(X) X(pow) X(max) X(min) X(rem)

#define MATH_DECLARE(name)                                              \
    float  math_##name##_f32(float x);                                  \
    double math_##name##_f64(double x);                                 \
    void   math_##name##_f32_n(const float *x, float *y, size_t n);     \
    void   math_##name##_f64_n(const double *x, double *y, size_t n);
MATH_UNARY(MATH_DECLARE)
#undef MATH_DECLARE

#define MATH_DECLARE(name)                                                              \
    float  math_##name##_f32(float a, float b);                                         \
    double math_##name##_f64(double a, double b);                                       \
    void   math_##name##_f32_n(const float *a, const float *b, float *y, size_t n);     \
    void   math_##name##_f64_n(const double *a, const double *b, double *y, size_t n);
MATH_BINARY(MATH_DECLARE)
#undef MATH_DECLARE

/* polygamma{n}: n = -1 is log|gamma|, 0 digamma, 1 trigamma, ...; NaN outside -1..1000. Relative error 1e-13 away from
 * zeros. At the poles 0, -1, -2, ...: +inf for n = -1 and odd n, NaN for even n. f32 is the f64 value rounded once. */
float  math_polygamma_f32(int32_t n, float x);
double math_polygamma_f64(int32_t n, double x);

/* Integers: the quotient is rounded down, the remainder has the divisor's sign. A zero divisor gives 0; the lowest
 * value over -1 wraps (quotient: itself, remainder 0). */
int32_t math_div_i32(int32_t a, int32_t b);
int64_t math_div_i64(int64_t a, int64_t b);
int32_t math_rem_i32(int32_t a, int32_t b);
int64_t math_rem_i64(int64_t a, int64_t b);

/* Toward zero, saturating; NaN gives 0. */
int32_t math_to_i32_f32(float x);
int32_t math_to_i32_f64(double x);
int64_t math_to_i64_f32(float x);
int64_t math_to_i64_f64(double x);
