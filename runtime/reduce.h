/* reduce.h - the exact shapes of sums: sixteen lanes, the tree, chunks of 4,096, and the shards of a sample axis.
 *
 * docs/ir.md ("Orders of accumulation") fixes them; these are its sentences as code, for whoever adds up program values.
 * Lanes and tree work on rows of n numbers at once, so that a sum over samples adds whole feature vectors; n = 1 is one sum.
 * Integers wrap. */
#pragma once
#include <stdint.h>
#include <string.h>

enum { REDUCE_LANES = 16, REDUCE_CHUNK = 4096, REDUCE_MIN_SHARDS = 2, REDUCE_MAX_SHARDS = 8, REDUCE_SHARD_SAMPLES = 64, REDUCE_SHARD_ALIGN = 32 };

/* ---- shards ----------------------------------------------------------------------------------------------------- */

typedef struct ReduceShards {
    int64_t count, size;                                    /* the last shard may be shorter */
} ReduceShards;

static inline ReduceShards reduce_shards(int64_t n)
{
    if (n <= 0) return (ReduceShards){0, 0};
    int64_t wanted = n / REDUCE_SHARD_SAMPLES + (n % REDUCE_SHARD_SAMPLES != 0);
    if (wanted < REDUCE_MIN_SHARDS) wanted = REDUCE_MIN_SHARDS;
    if (wanted > REDUCE_MAX_SHARDS) wanted = REDUCE_MAX_SHARDS;
    int64_t size = (n + wanted - 1) / wanted;
    size = (size + REDUCE_SHARD_ALIGN - 1) / REDUCE_SHARD_ALIGN * REDUCE_SHARD_ALIGN;
    return (ReduceShards){(n + size - 1) / size, size};
}

/* ---- lanes, tree, chunks, one set a type ------------------------------------------------------------------------- */

#define REDUCE_ADD_REAL(U, a, b) ((a) + (b))
#define REDUCE_ADD_WRAP(U, a, b) ((U)((U)(a) + (U)(b)))

/* X(suffix, type, unsigned twin, addition) */
#define REDUCE_TYPES(X)                       \
    X(f32, float, float, REDUCE_ADD_REAL)     \
    X(f64, double, double, REDUCE_ADD_REAL)   \
    X(i32, int32_t, uint32_t, REDUCE_ADD_WRAP) \
    X(i64, int64_t, uint64_t, REDUCE_ADD_WRAP)

/* reduce_lanes16_T: l[16][n] is added up into l[0]: lane i takes lane i+8, then i+4, i+2, i+1.
 * reduce_tree_T: v[count][n] is added up into v[0], neighbours first, an odd last one moving up; count = 0 writes zeros.
 * reduce_chunk_T: at most 4,096 numbers, element m in lane m mod 16.
 * ReduceTree_T is the tree of single numbers that arrive one by one: reduce_put_T, then reduce_total_T (0 for none). A
 * binary counter holds the finished subtrees, the largest first.
 * reduce_sum_T: chunks, then the tree; any n. */
#define REDUCE_DEFINE(S, T, U, ADD)                                                                                         \
    static inline void reduce_lanes16_##S(T *l, int64_t n)                                                                  \
    {                                                                                                                       \
        for (int64_t half = REDUCE_LANES / 2; half; half /= 2)                                                              \
            for (int64_t i = 0; i < half * n; i++) l[i] = (T)ADD(U, l[i], l[i + half * n]);                                 \
    }                                                                                                                       \
    static inline void reduce_tree_##S(T *v, int64_t count, int64_t n)                                                      \
    {                                                                                                                       \
        if (count == 0) memset(v, 0, (size_t)n * sizeof *v);                                                                \
        for (; count > 1; count = (count + 1) / 2)                                                                          \
            for (int64_t i = 0; i < (count + 1) / 2; i++)                                                                   \
                for (int64_t j = 0; j < n; j++)                                                                             \
                    v[i * n + j] = 2 * i + 1 < count ? (T)ADD(U, v[2 * i * n + j], v[(2 * i + 1) * n + j]) : v[2 * i * n + j]; \
    }                                                                                                                       \
    static inline T reduce_chunk_##S(const T *x, int64_t n)                                                                 \
    {                                                                                                                       \
        T l[REDUCE_LANES] = {0};                                                                                            \
        int64_t m = 0;                                                                                                      \
        for (; m + REDUCE_LANES <= n; m += REDUCE_LANES)                                                                    \
            for (int i = 0; i < REDUCE_LANES; i++) l[i] = (T)ADD(U, l[i], x[m + i]);                                        \
        for (int i = 0; m + i < n; i++) l[i] = (T)ADD(U, l[i], x[m + i]);                                                   \
        reduce_lanes16_##S(l, 1);                                                                                           \
        return l[0];                                                                                                        \
    }                                                                                                                       \
    typedef struct ReduceTree_##S {                                                                                         \
        uint64_t count;                                                                                                     \
        T        part[64];                                                                                                  \
    } ReduceTree_##S;                                                                                                       \
    static inline void reduce_put_##S(ReduceTree_##S *t, T x)                                                               \
    {                                                                                                                       \
        int top = __builtin_popcountll(t->count);                                                                           \
        for (uint64_t c = t->count; c & 1; c >>= 1, top--) x = (T)ADD(U, t->part[top - 1], x);                              \
        t->part[top] = x;                                                                                                   \
        t->count++;                                                                                                         \
    }                                                                                                                       \
    static inline T reduce_total_##S(const ReduceTree_##S *t)                                                               \
    {                                                                                                                       \
        int top = __builtin_popcountll(t->count);                                                                           \
        if (top == 0) return 0;                                                                                             \
        T x = t->part[top - 1];                                                                                             \
        for (int i = top - 2; i >= 0; i--) x = (T)ADD(U, t->part[i], x);                                                    \
        return x;                                                                                                           \
    }                                                                                                                       \
    static inline T reduce_sum_##S(const T *x, int64_t n)                                                                   \
    {                                                                                                                       \
        ReduceTree_##S t = {0};                                                                                             \
        for (int64_t m = 0; m < n; m += REDUCE_CHUNK) reduce_put_##S(&t, reduce_chunk_##S(x + m, n - m < REDUCE_CHUNK ? n - m : REDUCE_CHUNK)); \
        return reduce_total_##S(&t);                                                                                        \
    }
REDUCE_TYPES(REDUCE_DEFINE)
#undef REDUCE_DEFINE
