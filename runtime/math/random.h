/* random.h - counter-based random numbers: a number is a pure function of where it is drawn.
 *
 * Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011). The key is
 * random_key(seed, stream name); the counter of a block is (element / 4's low word, its high word, tick, iteration), and
 * element e has word e % 4 of its block; the elements of a value are counted row-major over its axes, then its dims. Nothing is stored, and no number depends on threads, tiles or the order of drawing.
 * The compiled code draws the same bits in its loops (compiler/llvm/math_emit.h); the formulas stand in functions.h. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* XXH3-64 of the stream's name (its bytes, without the NUL), seeded. */
uint64_t random_key(uint64_t seed, const char *stream);

/* The block at one counter. key's low half is the first key word. */
void philox_block(uint64_t key, uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3, uint32_t out[4]);

/* Where a draw stands. tick counts earlier executions of the function that draws, iteration is the row-major index in
 * the enclosing scans (0 outside); both enter with their low 32 bits. */
typedef struct {
    uint64_t key;
    uint32_t tick, iteration;
} RandomAt;

/* One element.
 * uniform f32: ((w >> 9) + 1/2) * 2^-23; f64: (w + 1/2) * 2^-32; both strictly inside (0,1).
 * normal: Box-Muller on the elements 2j and 2j+1 of a block: r cos t, r sin t with r = sqrt(-2 log u),
 *         u = (w[2j] + 1/2) * 2^-32, t = 2 pi w[2j+1] * 2^-32.
 * randint: the high 32 bits of w * n, in 0..n-1 (n = 0 gives 0). */
float   random_uniform_f32(RandomAt at, uint64_t element);
double  random_uniform_f64(RandomAt at, uint64_t element);
float   random_normal_f32(RandomAt at, uint64_t element);
double  random_normal_f64(RandomAt at, uint64_t element);
int32_t random_randint(RandomAt at, uint64_t element, uint32_t n);

/* The same for elements 0..count-1. */
void random_uniform_f32_n(RandomAt at, size_t count, float *out);
void random_uniform_f64_n(RandomAt at, size_t count, double *out);
void random_normal_f32_n(RandomAt at, size_t count, float *out);
void random_normal_f64_n(RandomAt at, size_t count, double *out);
void random_randint_n(RandomAt at, size_t count, uint32_t n, int32_t *out);

/* Position p of an endless walk over the rows 0..n-1 that visits each once an epoch: the image of p mod n under a
 * bijection keyed by (key, p div n), both floored, so p may be negative. n <= 0 gives 0. Construction: in random.c. */
int64_t random_permute(uint64_t key, int64_t n, int64_t p);
