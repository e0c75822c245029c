/* words.h - functions.h over C numbers: the words it is written in, and then all of its functions, each in line as fn_NAME.
 *
 * C11 but for __typeof__. lanes.c makes the runtime's own functions of it; the kernels that compiler/ctext writes contain it. */
#pragma once
#include <math.h>
#include <stdint.h>
#include <string.h>

typedef float    F32;
typedef double   F64;
typedef uint32_t I32;
typedef uint64_t I64;
typedef int      Mask;

#if defined(__GNUC__) && !defined(INLINE)                /* so that loops over them become vectors; -DINLINE='static inline' compiles faster */
#define INLINE static inline __attribute__((always_inline))
#elif !defined(INLINE)
#define INLINE static inline
#endif
#ifndef __GNUC__
#define __builtin_expect(mask, usual) (mask)
#endif

INLINE F32 float_of_32(I32 i) { F32 x; memcpy(&x, &i, sizeof x); return x; }
INLINE F64 float_of_64(I64 i) { F64 x; memcpy(&x, &i, sizeof x); return x; }
INLINE I32 bits_of_32(F32 x) { I32 i; memcpy(&i, &x, sizeof i); return i; }
INLINE I64 bits_of_64(F64 x) { I64 i; memcpy(&i, &x, sizeof i); return i; }

/* The upper 64 bits of the product, by halves: no carry is lost, as (2^32 - 1)^2 + 2(2^32 - 1) is below 2^64. */
INLINE I64 upper_of_product(I64 a, I64 b)
{
    I64 al = (I32)a, ah = a >> 32, bl = (I32)b, bh = b >> 32;
    I64 mid = ah * bl + (al * bl >> 32), mid2 = al * bh + (I32)mid;
    return ah * bh + (mid >> 32) + (mid2 >> 32);
}

INLINE I64 two_over_pi_word(I64 i);

#define BY_REAL(x, f32, f64) _Generic((x), F32: f32, F64: f64)

#define FN_(name)             fn_##name
#define FN(name)              FN_(name)            /* name may be a macro */
#define M_FN(type, name, ...) INLINE type FN(name)(__VA_ARGS__)
#define M_CALL(name, ...)     FN(name)(__VA_ARGS__)
#define M_DO(name, ...)       FN(name)(__VA_ARGS__)
#define M_K(x, c)             ((__typeof__(x))(c))
#define M_KI(i, c)            ((__typeof__(i))(c))
#define M_ADD(a, b)           ((a) + (b))
#define M_SUB(a, b)           ((a) - (b))
#define M_MUL(a, b)           ((a) * (b))
#define M_DIV(a, b)           ((a) / (b))
#define M_FMA(a, b, c)        BY_REAL(b, fmaf, fma)(a, b, c)      /* b is short, a need not be */
#define M_NEG(a)              (-(a))
#define M_ABS(a)              BY_REAL(a, fabsf, fabs)(a)
#define M_SQRT(a)             BY_REAL(a, sqrtf, sqrt)(a)
#define M_FLOOR(a)            BY_REAL(a, floorf, floor)(a)
#define M_LT(a, b)            ((a) < (b))
#define M_LE(a, b)            ((a) <= (b))
#define M_GT(a, b)            ((a) > (b))
#define M_GE(a, b)            ((a) >= (b))
#define M_EQ(a, b)            ((a) == (b))
#define M_NE(a, b)            ((a) != (b))
#define M_ILESS(a, b)         ((a) < (b))
#define M_IEVEN(a)            (((a) & 1) == 0)
#define M_AND(a, b)           ((a) & (b))
#define M_OR(a, b)            ((a) | (b))
#define M_XOR(a, b)           ((a) ^ (b))
#define M_NOT(mask)           (!(mask))
#define M_SELECT(mask, a, b)  ((mask) ? (a) : (b))
#define M_BITS(x)             BY_REAL(x, bits_of_32, bits_of_64)(x)
#define M_FLOAT(i)            _Generic((i), I32: float_of_32, I64: float_of_64)(i)
#define M_IADD(a, b)          ((a) + (b))
#define M_ISUB(a, b)          ((a) - (b))
#define M_IMUL(a, b)          ((a) * (b))
#define M_SHL(i, n)           ((i) << (n))
#define M_SHR(i, n)           ((i) >> (n))
#define M_SHLV(i, n)          ((i) << (n))
#define M_SHRV(i, n)          ((i) >> (n))
#define M_MULHI(a, b)         upper_of_product(a, b)
#define M_F64(x)              ((F64)(x))
#define M_F32(x)              ((F32)(x))
#define M_WIDE(i)             ((I64)(i))
#define M_LOW(i)              ((I32)(i))
#define M_INT_F32(i)          ((F32)(int32_t)(i))
#define M_INT_F64(i)          ((F64)(int32_t)(i))
#define M_LONG_F64(i)         ((F64)(int64_t)(i))
#define M_ULONG_F64(i)        ((F64)(i))
#define M_TABLE(i)            two_over_pi_word(i)
#define M_RARE(mask)          if (__builtin_expect(mask, 0)) {
#define M_RARE_END2(mask, a, b, ra, rb) a = ra; b = rb; }

#include "runtime/math/functions.h"

INLINE I64 two_over_pi_word(I64 i)
{
    static const I64 words[TWO_OVER_PI_WORDS] = {TWO_OVER_PI};
    return words[i];
}

/* ---- a block of random numbers ---- */

enum { KEY_WORDS = 20 };                                /* two a round */

static inline void key_schedule(uint64_t key, I64 out[KEY_WORDS])
{
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < KEY_WORDS / 2; round++, k0 += 0x9e3779b9u, k1 += 0xbb67ae85u) {
        out[2 * round] = k0;
        out[2 * round + 1] = k1;
    }
}

static inline void philox_words(uint64_t key, uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3, I32 out[4])
{
    I64 keys[KEY_WORDS], c[4] = {c0, c1, c2, c3};
    key_schedule(key, keys);
    fn_philox(keys, c);
    for (int i = 0; i < 4; i++) out[i] = (I32)c[i];
}

INLINE void uniforms_f32(const I32 w[4], F32 v[4]) { for (int j = 0; j < 4; j++) v[j] = fn_uniform_f32(w[j]); }
INLINE void uniforms_f64(const I32 w[4], F64 v[4]) { for (int j = 0; j < 4; j++) v[j] = fn_uniform_f64(w[j]); }

INLINE void normals_f32(const I32 w[4], F32 v[4])
{
    fn_normal_pair_f32(w[0], w[1], v);
    fn_normal_pair_f32(w[2], w[3], v + 2);
}

INLINE void normals_f64(const I32 w[4], F64 v[4])
{
    fn_normal_pair_f64(w[0], w[1], v);
    fn_normal_pair_f64(w[2], w[3], v + 2);
}

/* ---- integers ---- */

/* C rounds toward zero: one off where the remainder and the divisor differ in sign. To integers: INT_MIN is a power of two and so exact
 * in both reals; the first number too large is its negative. */
#define WRAP(bits, x) ((int##bits##_t)(uint##bits##_t)(x))
#define DEFINE_INT(bits)                                                          \
    INLINE int##bits##_t div_i##bits(int##bits##_t a, int##bits##_t b)            \
    {                                                                             \
        if (b == 0) return 0;                                                     \
        if (b == -1) return WRAP(bits, 0 - (uint##bits##_t)a);                    \
        int##bits##_t rest = a % b;                                               \
        return a / b - (rest != 0 && (rest < 0) != (b < 0));                      \
    }                                                                             \
    INLINE int##bits##_t rem_i##bits(int##bits##_t a, int##bits##_t b)            \
    {                                                                             \
        if (b == 0 || b == -1) return 0;                                          \
        int##bits##_t rest = a % b;                                               \
        return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;              \
    }                                                                             \
    INLINE int##bits##_t to_i##bits##_f32(F32 x)                                  \
    {                                                                             \
        if (!(x >= (F32)INT##bits##_MIN)) return x != x ? 0 : INT##bits##_MIN;    \
        return x >= -(F32)INT##bits##_MIN ? INT##bits##_MAX : (int##bits##_t)x;   \
    }                                                                             \
    INLINE int##bits##_t to_i##bits##_f64(F64 x)                                  \
    {                                                                             \
        if (!(x >= (F64)INT##bits##_MIN)) return x != x ? 0 : INT##bits##_MIN;    \
        return x >= -(F64)INT##bits##_MIN ? INT##bits##_MAX : (int##bits##_t)x;   \
    }
DEFINE_INT(32)
DEFINE_INT(64)
#undef DEFINE_INT
