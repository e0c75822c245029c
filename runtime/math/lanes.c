/* lanes.c - functions.h over C numbers (words.h): one at a time, and in loops that the C compiler turns into vectors.
 *
 * Compiled twice (meson.build): as math_lanes_any for every CPU, and as math_lanes_fma with AVX2 and fma. Start at the
 * table at the end. */
#include "runtime/math/lanes.h"
#include "runtime/math/words.h"

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

enum { CHUNK = 32 };

static void philox(uint64_t key, const uint32_t counter[4], uint32_t out[4])
{
    philox_words(key, counter[0], counter[1], counter[2], counter[3], out);
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
