/* scalar.c - the public elementary functions: each goes to the table that suits the CPU; and the integer ones. */
#include "runtime/math/scalar.h"
#include "runtime/math/lanes.h"
#include "runtime/math/words.h"

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

#define DEFINE(bits)                                                                                \
    int##bits##_t math_div_i##bits(int##bits##_t a, int##bits##_t b) { return div_i##bits(a, b); }  \
    int##bits##_t math_rem_i##bits(int##bits##_t a, int##bits##_t b) { return rem_i##bits(a, b); }  \
    int##bits##_t math_to_i##bits##_f32(float x) { return to_i##bits##_f32(x); }                    \
    int##bits##_t math_to_i##bits##_f64(double x) { return to_i##bits##_f64(x); }
DEFINE(32)
DEFINE(64)
#undef DEFINE
