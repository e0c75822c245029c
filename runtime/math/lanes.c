/* lanes.c - functions.h over C numbers: one at a time, and in loops that the C compiler turns into vectors.
 *
 * Compiled twice (meson.build): as math_lanes_any for every CPU, and as math_lanes_fma with AVX2 and fma. Start at the
 * table at the end. */
#include "runtime/math/lanes.h"
#include <string.h>

/* ---- the words of functions.h ---- */

typedef float    F32;
typedef double   F64;
typedef uint32_t I32;
typedef uint64_t I64;
typedef int      Mask;

#define INLINE static inline __attribute__((always_inline))

INLINE F32 float_of_32(I32 i) { F32 x; memcpy(&x, &i, sizeof x); return x; }
INLINE F64 float_of_64(I64 i) { F64 x; memcpy(&x, &i, sizeof x); return x; }
INLINE I32 bits_of_32(F32 x) { I32 i; memcpy(&i, &x, sizeof i); return i; }
INLINE I64 bits_of_64(F64 x) { I64 i; memcpy(&i, &x, sizeof i); return i; }

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
#define M_FMA(a, b, c)        BY_REAL(b, __builtin_fmaf, __builtin_fma)(a, b, c)      /* b is short, a need not be */
#define M_NEG(a)              (-(a))
#define M_ABS(a)              BY_REAL(a, __builtin_fabsf, __builtin_fabs)(a)
#define M_SQRT(a)             BY_REAL(a, __builtin_sqrtf, __builtin_sqrt)(a)
#define M_FLOOR(a)            BY_REAL(a, __builtin_floorf, __builtin_floor)(a)
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
#define M_MULHI(a, b)         ((I64)(((unsigned __int128)(a) * (b)) >> 64))
#define M_F64(x)              ((F64)(x))
#define M_F32(x)              ((F32)(x))
#define M_WIDE(i)             ((I64)(i))
#define M_LOW(i)              ((I32)(i))
#define M_INT_F32(i)          ((F32)(int32_t)(i))
#define M_INT_F64(i)          ((F64)(int32_t)(i))
#define M_LONG_F64(i)         ((F64)(int64_t)(i))
#define M_ULONG_F64(i)        ((F64)(i))
#define M_TABLE(i)            two_over_pi_words[i]
#define M_RARE(mask)          if (__builtin_expect(mask, 0)) {
#define M_RARE_END2(mask, a, b, ra, rb) a = ra; b = rb; }

static const I64 two_over_pi_words[];

#include "runtime/math/functions.h"

static const I64 two_over_pi_words[TWO_OVER_PI_WORDS] = {TWO_OVER_PI};

/* ---- one number, and arrays ---- */

#define DEFINE(name, type, suffix)                                                         \
    static type name##_##suffix(type x) { return fn_##name##_##suffix(x); }                \
    static void name##_##suffix##_n(const type *x, type *y, size_t n)                      \
    {                                                                                      \
        _Pragma("GCC ivdep") for (size_t i = 0; i < n; i++) y[i] = fn_##name##_##suffix(x[i]); \
    }
#define DEFINE_BOTH(name) DEFINE(name, F32, f32) DEFINE(name, F64, f64)
MATH_UNARY(DEFINE_BOTH)
#undef DEFINE

#define DEFINE(name, type, suffix)                                                                  \
    static type name##_##suffix(type a, type b) { return fn_##name##_##suffix(a, b); }              \
    static void name##_##suffix##_n(const type *a, const type *b, type *y, size_t n)                \
    {                                                                                               \
        _Pragma("GCC ivdep") for (size_t i = 0; i < n; i++) y[i] = fn_##name##_##suffix(a[i], b[i]); \
    }
MATH_BINARY(DEFINE_BOTH)
#undef DEFINE
#undef DEFINE_BOTH

/* ---- random numbers ---- */

enum { KEY_WORDS = 20, CHUNK = 32 };

static void key_schedule(uint64_t key, I64 out[KEY_WORDS])
{
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < KEY_WORDS / 2; round++, k0 += 0x9e3779b9u, k1 += 0xbb67ae85u) {
        out[2 * round] = k0;
        out[2 * round + 1] = k1;
    }
}

static void philox(uint64_t key, const uint32_t counter[4], uint32_t out[4])
{
    I64 keys[KEY_WORDS], c[4] = {counter[0], counter[1], counter[2], counter[3]};
    key_schedule(key, keys);
    fn_philox(keys, c);
    for (int i = 0; i < 4; i++) out[i] = (uint32_t)c[i];
}

/* Draws are made a chunk of blocks at a time, word by word in rows, so that the loops over a chunk are plain vectors. */
typedef struct {
    size_t   next, end;                                 /* elements; next is the first of a block */
    I64      keys[KEY_WORDS];
    RandomAt at;
    uint32_t word[4][CHUNK];
} Draw;

static Draw draw_new(RandomAt at, size_t count)
{
    Draw d = {.end = count, .at = at};
    key_schedule(at.key, d.keys);
    return d;
}

/* The words of the next chunk's blocks. The last chunk is filled up with further counters, which nobody reads. */
static void draw_chunk(Draw *d)
{
    I64 first = d->next / 4;
    for (int i = 0; i < CHUNK; i++) {
        I64 block = first + (I64)i, c[4] = {(uint32_t)block, block >> 32, d->at.tick, d->at.iteration};
        fn_philox(d->keys, c);
        for (int j = 0; j < 4; j++) d->word[j][i] = (uint32_t)c[j];
    }
}

#define DEFINE_SCATTER(name, type)                                                                        \
    static void name(Draw *d, const type value[4][CHUNK], type *out)                                      \
    {                                                                                                     \
        for (int i = 0; i < CHUNK && d->next < d->end; i++, d->next += 4) {                               \
            size_t left = d->end - d->next, n = left < 4 ? left : 4;                                      \
            for (size_t j = 0; j < n; j++) out[d->next + j] = value[j][i];                                \
        }                                                                                                 \
    }
DEFINE_SCATTER(scatter_f32, F32)
DEFINE_SCATTER(scatter_f64, F64)
DEFINE_SCATTER(scatter_i32, int32_t)

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

#define DEFINE_DRAW(kind, type, suffix)                                                                         \
    static void kind##_##suffix(RandomAt at, size_t count, type *out)                                       \
    {                                                                                                           \
        Draw d = draw_new(at, count);                                                                           \
        while (d.next < d.end) {                                                                                \
            type value[4][CHUNK];                                                                               \
            draw_chunk(&d);                                                                                     \
            for (int i = 0; i < CHUNK; i++) {                                                                   \
                I32 w[4] = {d.word[0][i], d.word[1][i], d.word[2][i], d.word[3][i]};                            \
                type v[4];                                                                                      \
                kind##s_##suffix(w, v);                                                                         \
                for (int j = 0; j < 4; j++) value[j][i] = v[j];                                                 \
            }                                                                                                   \
            scatter_##suffix(&d, (const type(*)[CHUNK])value, out);                                   \
        }                                                                                                       \
    }                                                                                                           \
    static void kind##_##suffix##_block(RandomAt at, uint64_t block, type out[4])                               \
    {                                                                                                           \
        I32 w[4];                                                                                               \
        philox(at.key, (const uint32_t[4]){(uint32_t)block, (uint32_t)(block >> 32), at.tick, at.iteration}, w); \
        kind##s_##suffix(w, out);                                                                               \
    }
DEFINE_DRAW(uniform, F32, f32)
DEFINE_DRAW(uniform, F64, f64)
DEFINE_DRAW(normal, F32, f32)
DEFINE_DRAW(normal, F64, f64)

static void randint(RandomAt at, size_t count, uint32_t n, int32_t *out)
{
    Draw d = draw_new(at, count);
    while (d.next < d.end) {
        int32_t value[4][CHUNK];
        draw_chunk(&d);
        for (int j = 0; j < 4; j++)
            for (int i = 0; i < CHUNK; i++) value[j][i] = (int32_t)fn_randint(d.word[j][i], n);
        scatter_i32(&d, (const int32_t(*)[CHUNK])value, out);
    }
}

const MathLanes MATH_LANES = {
#define ROW(name)                                                                                               \
    .name##_f32 = name##_f32, .name##_f64 = name##_f64, .name##_f32_n = name##_f32_n, .name##_f64_n = name##_f64_n,
    MATH_UNARY(ROW)
    MATH_BINARY(ROW)
#undef ROW
    .philox = philox, .uniform_f32 = uniform_f32, .uniform_f64 = uniform_f64, .normal_f32 = normal_f32,
    .normal_f64 = normal_f64, .randint = randint, .uniform_f32_block = uniform_f32_block,
    .uniform_f64_block = uniform_f64_block, .normal_f32_block = normal_f32_block, .normal_f64_block = normal_f64_block,
};
