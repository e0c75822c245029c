/* random.c - keys, draws and permutations. Philox and what is made of its words stand in functions.h. */
#include "runtime/math/random.h"
#include "runtime/math/lanes.h"
#include <string.h>
#include <xxhash.h>

uint64_t random_key(uint64_t seed, const char *stream) { return XXH3_64bits_withSeed(stream, strlen(stream), seed); }

void philox_block(uint64_t key, uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3, uint32_t out[4])
{
    math_lanes()->philox(key, (const uint32_t[4]){c0, c1, c2, c3}, out);
}

#define DEFINE(kind, real, suffix)                                                                  \
    real random_##kind##_##suffix(RandomAt at, uint64_t element)                                    \
    {                                                                                               \
        real block[4];                                                                              \
        math_lanes()->kind##_##suffix##_block(at, element / 4, block);                              \
        return block[element % 4];                                                                  \
    }                                                                                               \
    void random_##kind##_##suffix##_n(RandomAt at, size_t count, real *out)                         \
    {                                                                                               \
        math_lanes()->kind##_##suffix(at, count, out);                                              \
    }
DEFINE(uniform, float, f32)
DEFINE(uniform, double, f64)
DEFINE(normal, float, f32)
DEFINE(normal, double, f64)
#undef DEFINE

int32_t random_randint(RandomAt at, uint64_t element, uint32_t n)
{
    uint32_t word[4];
    philox_block(at.key, (uint32_t)(element / 4), (uint32_t)(element >> 34), at.tick, at.iteration, word);
    return (int32_t)(((uint64_t)word[element % 4] * n) >> 32);
}

void random_randint_n(RandomAt at, size_t count, uint32_t n, int32_t *out)
{
    math_lanes()->randint(at, count, n, out);
}

/* ---- permutations ----
 *
 * The bijection of 0..n-1 for an epoch: let b be the number of bits of n - 1. The b bits of x are split into a low part of
 * ceil(b/2) bits and a high part of the rest. ROUNDS times in turn, one part is xored with mix(the other, round key),
 * cut to its size, beginning with the low part; each such step is its own inverse, whatever mix does, so the whole is a
 * bijection of 0..2^b-1. An image of n or more is mapped again until it falls below n ("cycle walking", J. Black and
 * P. Rogaway, "Ciphers with arbitrary finite domains", 2002): less than twice on average, as 2^b < 2n. Round keys are the
 * words of the Philox blocks at (epoch's low word, its high word, 0..3, PERMUTE), under the stream's key. */

enum { ROUNDS = 16, PERMUTE = 0x7065726d };

/* The finisher of MurmurHash3 (Appleby, 2011). */
static uint64_t mix(uint64_t x, uint32_t key)
{
    x ^= (uint64_t)key << 32;
    x = (x ^ x >> 33) * 0xff51afd7ed558ccdu;
    x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53u;
    return x ^ x >> 33;
}

static uint64_t permute_bits(uint64_t x, int bits, const uint32_t keys[ROUNDS])
{
    int low_bits = (bits + 1) / 2;
    uint64_t low_mask = ((uint64_t)1 << low_bits) - 1, high_mask = ((uint64_t)1 << (bits - low_bits)) - 1;
    uint64_t low = x & low_mask, high = x >> low_bits;
    for (int round = 0; round < ROUNDS; round += 2) {
        low ^= mix(high, keys[round]) & low_mask;
        high ^= mix(low, keys[round + 1]) & high_mask;
    }
    return high << low_bits | low;
}

int64_t random_permute(uint64_t key, int64_t n, int64_t p)
{
    if (n <= 1) return 0;
    int64_t epoch = math_div_i64(p, n);
    uint64_t x = (uint64_t)math_rem_i64(p, n);
    uint32_t keys[ROUNDS];
    for (uint32_t part = 0; part < ROUNDS / 4; part++)
        philox_block(key, (uint32_t)epoch, (uint32_t)((uint64_t)epoch >> 32), part, PERMUTE, keys + 4 * part);
    int bits = 64 - __builtin_clzll((uint64_t)n - 1);
    do x = permute_bits(x, bits, keys);
    while (x >= (uint64_t)n);
    return (int64_t)x;
}
