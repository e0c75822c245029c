/* The numbers are IEEE's, each operation rounded once, in the order written. A compiler that is told otherwise is refused here, or
 * found out by gan_text_is_exact(). */
#if !defined(__GNUC__) || defined(__clang__)
#pragma STDC FP_CONTRACT OFF                            /* gcc knows -ffp-contract=off, and -std=c11 */
#endif
#if defined(__FAST_MATH__) || defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) || defined(__NO_SIGNED_ZEROS__) || \
    (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__)
#error "these kernels are exact: compile them without -ffast-math and its parts"
#endif
#include <float.h>
#if FLT_EVAL_METHOD != 0
#error "these kernels are exact: compile them for a machine that computes in float and double (-msse2 -mfpmath=sse)"
#endif
#include <stdbool.h>

#include "runtime/math/words.h"

/* One instruction over a dim of registers. l: the 16 lanes. */
#define EACH(dim, n) for (int64_t dim = 0; dim < n; dim++)

/* ---- element-wise rows that C has no sign for ---- */

#define DEFINE_WRAPPING(bits)                                                                                       \
    INLINE int##bits##_t add_i##bits(int##bits##_t a, int##bits##_t b) { return WRAP(bits, (uint##bits##_t)a + (uint##bits##_t)b); } \
    INLINE int##bits##_t sub_i##bits(int##bits##_t a, int##bits##_t b) { return WRAP(bits, (uint##bits##_t)a - (uint##bits##_t)b); } \
    INLINE int##bits##_t mul_i##bits(int##bits##_t a, int##bits##_t b) { return WRAP(bits, (uint##bits##_t)a * (uint##bits##_t)b); } \
    INLINE int##bits##_t neg_i##bits(int##bits##_t a) { return WRAP(bits, 0 - (uint##bits##_t)a); }                 \
    INLINE int##bits##_t abs_i##bits(int##bits##_t a) { return a < 0 ? neg_i##bits(a) : a; }                        \
    INLINE int##bits##_t max_i##bits(int##bits##_t a, int##bits##_t b) { return a >= b ? a : b; }                   \
    INLINE int##bits##_t min_i##bits(int##bits##_t a, int##bits##_t b) { return a <= b ? a : b; }
DEFINE_WRAPPING(32)
DEFINE_WRAPPING(64)
#undef DEFINE_WRAPPING

INLINE float  neg_f32(float a) { return -a; }
INLINE double neg_f64(double a) { return -a; }
INLINE float  abs_f32(float a) { return fabsf(a); }
INLINE double abs_f64(double a) { return fabs(a); }
INLINE float  fma_f32(float a, float b, float c) { return fmaf(a, b, c); }
INLINE double fma_f64(double a, double b, double c) { return fma(a, b, c); }

INLINE int32_t low_i32(int64_t a) { return WRAP(32, a); }
INLINE bool    inside(int64_t x, int64_t n) { return 0 <= x && x < n; }
INLINE int64_t frame(char *const *bases, int64_t byte) { return *(const int64_t *)(bases[0] + byte); }

INLINE int64_t trailing(int64_t x)
{
    int64_t n = 0;
    for (uint64_t bits = (uint64_t)x; !(bits & 1); bits >>= 1) n++;
    return n;
}

/* The sum of 16 lanes: halves meet, then quarters .. */
#define DEFINE_LANES16(name, type, add)                                     \
    static inline type lanes16_##name(const type lane[16])                  \
    {                                                                       \
        type v[16];                                                         \
        memcpy(v, lane, sizeof v);                                          \
        for (int half = 8; half; half /= 2)                                 \
            for (int i = 0; i < half; i++) v[i] = add(v[i], v[i + half]);   \
        return v[0];                                                        \
    }
DEFINE_LANES16(f32, float, M_ADD)
DEFINE_LANES16(f64, double, M_ADD)
DEFINE_LANES16(i32, int32_t, add_i32)
DEFINE_LANES16(i64, int64_t, add_i64)
#undef DEFINE_LANES16

/* ---- draws: the four numbers of the block that an element is in ---- */

static inline void draw_words(int64_t key, int64_t element, int64_t tick, int64_t iteration, uint32_t w[4])
{
    uint64_t block = (uint64_t)element >> 2;
    philox_words((uint64_t)key, (uint32_t)block, (uint32_t)(block >> 32), (uint32_t)tick, (uint32_t)iteration, w);
}

#define DEFINE_DRAW(kind, name, type)                                                                                            \
    static inline void draw_##kind##_##name(int64_t key, int64_t element, int64_t tick, int64_t iteration, type out[4])          \
    {                                                                                                                            \
        uint32_t w[4];                                                                                                           \
        draw_words(key, element, tick, iteration, w);                                                                            \
        kind##s_##name(w, out);                                                                                                  \
    }
DEFINE_DRAW(uniform, f32, float)
DEFINE_DRAW(uniform, f64, double)
DEFINE_DRAW(normal, f32, float)
DEFINE_DRAW(normal, f64, double)
#undef DEFINE_DRAW

static inline void draw_randint(int64_t key, int64_t element, int64_t tick, int64_t iteration, uint32_t n, int32_t out[4])
{
    uint32_t w[4];
    draw_words(key, element, tick, iteration, w);
    for (int i = 0; i < 4; i++) out[i] = (int32_t)fn_randint(w[i], n);
}

/* ---- the file's own test ---- */

/* a*b + c, to be rounded twice: in one expression, and in two statements. Compilers differ in what they would fuse. */
static float  at_once_f32(float a, float b, float c) { return a * b + c; }
static double at_once_f64(double a, double b, double c) { return a * b + c; }
static float  apart_f32(float a, float b, float c) { float p = a * b; return p + c; }
static double apart_f64(double a, double b, double c) { double p = a * b; return p + c; }

/* 1 if the compiler kept to the arithmetic that the kernels are written in, and the thread it runs on, too. */
int gan_text_is_exact(void);
int gan_text_is_exact(void)
{
    volatile float  a32 = 0x1.001p0f, tiny32 = 0x1p-126f, one32 = 1.0f, big32 = 0x1p24f, nan32 = NAN;
    volatile double a64 = 0x1.0000001p0, tiny64 = 0x1p-1022;
    float  a = a32, tiny = tiny32, one = one32, big = big32, none = nan32;
    double b = a64, small = tiny64;
    float  less = -0x1.002p0f;                          /* a*a and b*b, rounded */
    double less64 = -0x1.0000002p0;
    bool contracts = at_once_f32(a, a, less) != 0 || at_once_f64(b, b, less64) != 0 || apart_f32(a, a, less) != 0 || apart_f64(b, b, less64) != 0;
    bool fuses = fmaf(a, a, less) == 0x1p-24f && fma(b, b, less64) == 0x1p-56;
    bool keeps_tiny = tiny * 0.5f > 0 && small * 0.5 > 0 && tiny * 0.5f * 2.0f == tiny;
    bool in_order = (big + one) - big == 0 && (big + one * 3.0f) - big == 4.0f;
    bool to_nearest = one + 0x1p-24f == one && -one - 0x1p-24f == -one && one + 0x1.8p-24f > one;
    bool knows_nan = none != none && !(none == none);
    return !contracts && fuses && keeps_tiny && in_order && to_nearest && knows_nan;
}
