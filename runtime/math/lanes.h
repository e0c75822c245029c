/* lanes.h - what lanes.c makes, compiled once for any x86-64 and once for CPUs with AVX2 and fma.
 *
 * scalar.c and random.c pick the table that suits the CPU; the bits are the same, as fma is exact either way. */
#pragma once
#include "runtime/math/random.h"
#include "runtime/math/scalar.h"

typedef struct {
#define ROW(name)                                   \
    float  (*name##_f32)(float x);                  \
    double (*name##_f64)(double x);                 \
    void   (*name##_f32_n)(const float *x, float *y, size_t n);   \
    void   (*name##_f64_n)(const double *x, double *y, size_t n);
    MATH_UNARY(ROW)
#undef ROW
#define ROW(name)                                   \
    float  (*name##_f32)(float a, float b);         \
    double (*name##_f64)(double a, double b);       \
    void   (*name##_f32_n)(const float *a, const float *b, float *y, size_t n);   \
    void   (*name##_f64_n)(const double *a, const double *b, double *y, size_t n);
    MATH_BINARY(ROW)
#undef ROW
    void (*philox)(uint64_t key, const uint32_t counter[4], uint32_t out[4]);
    void (*uniform_f32)(RandomAt at, size_t count, float *out);
    void (*uniform_f64)(RandomAt at, size_t count, double *out);
    void (*normal_f32)(RandomAt at, size_t count, float *out);
    void (*normal_f64)(RandomAt at, size_t count, double *out);
    void (*randint)(RandomAt at, size_t count, uint32_t n, int32_t *out);
    /* elements 4*block .. 4*block + 3 */
    void (*uniform_f32_block)(RandomAt at, uint64_t block, float out[4]);
    void (*uniform_f64_block)(RandomAt at, uint64_t block, double out[4]);
    void (*normal_f32_block)(RandomAt at, uint64_t block, float out[4]);
    void (*normal_f64_block)(RandomAt at, uint64_t block, double out[4]);
} MathLanes;

extern const MathLanes math_lanes_any, math_lanes_fma;

static inline const MathLanes *math_lanes(void)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return &math_lanes_fma;
#endif
    return &math_lanes_any;
}
