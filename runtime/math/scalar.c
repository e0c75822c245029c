/* scalar.c - the public elementary functions: each goes to the table that suits the CPU; and the integer ones. */
#include "runtime/math/scalar.h"
#include "runtime/math/lanes.h"

#define DEFINE(name)                                                                                          \
    float math_##name##_f32(float x) { return math_lanes()->name##_f32(x); }                                  \
    double math_##name##_f64(double x) { return math_lanes()->name##_f64(x); }                                \
    void math_##name##_f32_n(const float *x, float *y, size_t n) { math_lanes()->name##_f32_n(x, y, n); }     \
    void math_##name##_f64_n(const double *x, double *y, size_t n) { math_lanes()->name##_f64_n(x, y, n); }
MATH_UNARY(DEFINE)
#undef DEFINE

#define DEFINE(name)                                                                                              \
    float math_##name##_f32(float a, float b) { return math_lanes()->name##_f32(a, b); }                          \
    double math_##name##_f64(double a, double b) { return math_lanes()->name##_f64(a, b); }                       \
    void math_##name##_f32_n(const float *a, const float *b, float *y, size_t n)                                  \
    {                                                                                                             \
        math_lanes()->name##_f32_n(a, b, y, n);                                                                   \
    }                                                                                                             \
    void math_##name##_f64_n(const double *a, const double *b, double *y, size_t n)                               \
    {                                                                                                             \
        math_lanes()->name##_f64_n(a, b, y, n);                                                                   \
    }
MATH_BINARY(DEFINE)
#undef DEFINE

/* C rounds toward zero: one off where the remainder and the divisor differ in sign. */
#define DEFINE(bits)                                                              \
    int##bits##_t math_div_i##bits(int##bits##_t a, int##bits##_t b)              \
    {                                                                             \
        if (b == 0) return 0;                                                     \
        if (b == -1) return (int##bits##_t)(0 - (uint##bits##_t)a);               \
        int##bits##_t rest = a % b;                                               \
        return a / b - (rest != 0 && (rest < 0) != (b < 0));                      \
    }                                                                             \
    int##bits##_t math_rem_i##bits(int##bits##_t a, int##bits##_t b)              \
    {                                                                             \
        if (b == 0 || b == -1) return 0;                                          \
        int##bits##_t rest = a % b;                                               \
        return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;              \
    }
DEFINE(32)
DEFINE(64)
#undef DEFINE

/* INT_MIN is a power of two and so exact in both reals; the first number too large is its negative. */
#define DEFINE(bits, real, suffix)                                                \
    int##bits##_t math_to_i##bits##_##suffix(real x)                              \
    {                                                                             \
        if (!(x >= (real)INT##bits##_MIN)) return x != x ? 0 : INT##bits##_MIN;   \
        return x >= -(real)INT##bits##_MIN ? INT##bits##_MAX : (int##bits##_t)x;  \
    }
DEFINE(32, float, f32)
DEFINE(32, double, f64)
DEFINE(64, float, f32)
DEFINE(64, double, f64)
#undef DEFINE
