/* sort.c - positions in the order of their keys: by insertion where there are few, else by one byte of the keys after the other, the lowest first (radix sort),
 * which does not guess what comes next. Both are stable. */
#include "runtime/sort.h"
#include "runtime/tensor.h"

#include <string.h>

/* Up to how many keys of up to 4 bytes, and of 8, insertion is faster (Emerald Rapids: 8 digits are worth their counts from about a hundred on). */
enum { FEW = 24, FEW_LONG = 96, DIGITS = 256 };

/* An unsigned number that is as x[i] is: -0 as +0, NaN above all. */
typedef uint64_t Key(const void *x, int32_t i);

static uint64_t key_bool(const void *x, int32_t i) { return ((const uint8_t *)x)[i]; }
static uint64_t key_i32(const void *x, int32_t i) { return (uint32_t)((const int32_t *)x)[i] ^ 1u << 31; }
static uint64_t key_i64(const void *x, int32_t i) { return (uint64_t)((const int64_t *)x)[i] ^ 1ull << 63; }

static uint64_t key_f32(const void *x, int32_t i)
{
    float    v = ((const float *)x)[i] + 0.0f;
    uint32_t k;
    if (v != v) return UINT32_MAX;
    memcpy(&k, &v, sizeof k);
    return k ^ (k >> 31 ? UINT32_MAX : 1u << 31);
}

static uint64_t key_f64(const void *x, int32_t i)
{
    double   v = ((const double *)x)[i] + 0.0;
    uint64_t k;
    if (v != v) return UINT64_MAX;
    memcpy(&k, &v, sizeof k);
    return k ^ (k >> 63 ? UINT64_MAX : 1ull << 63);
}

static inline __attribute__((always_inline)) void insert(Key *key, const void *x, int64_t n, int32_t *order)
{
    for (int64_t i = 1; i < n; i++) {
        uint64_t k = key(x, (int32_t)i);
        int64_t  at = i;
        for (; at && key(x, order[at - 1]) > k; at--) order[at] = order[at - 1];
        order[at] = (int32_t)i;
    }
}

/* By byte `digit` of the keys; `count` of each value of it becomes where the first such key goes. */
static inline __attribute__((always_inline)) void distribute(Key *key, const void *x, int digit, int64_t n, int32_t *count, const int32_t *from, int32_t *to)
{
    int32_t at = 0;
    for (int d = 0; d < DIGITS; d++) {
        int32_t here = count[d];
        count[d] = at;
        at += here;
    }
    for (int64_t i = 0; i < n; i++) to[count[key(x, from[i]) >> 8 * digit & 255]++] = from[i];
}

static inline __attribute__((always_inline)) void by_digits(Key *key, int digits, const void *x, int64_t n, int32_t *order, int32_t *spare)
{
    int32_t count[sizeof(uint64_t)][DIGITS] = {{0}}, *from = order, *to = spare;
    for (int64_t i = 0; i < n; i++) {
        uint64_t k = key(x, (int32_t)i);
        for (int d = 0; d < digits; d++) count[d][k >> 8 * d & 255]++;
    }
    for (int d = 0; d < digits; d++) {
        if (count[d][key(x, 0) >> 8 * d & 255] == n) continue;      /* all alike */
        distribute(key, x, d, n, count[d], from, to);
        int32_t *other = from;
        from = to;
        to = other;
    }
    if (from != order) memcpy(order, from, (size_t)n * sizeof *order);
}

static inline __attribute__((always_inline)) void sort(Key *key, int digits, const void *x, int64_t n, int32_t *order, int32_t *spare)
{
    for (int64_t i = 0; i < n; i++) order[i] = (int32_t)i;
    if (n <= (digits > 4 ? FEW_LONG : FEW)) insert(key, x, n, order);
    else by_digits(key, digits, x, n, order, spare);
}

void sort_order(int32_t elem, const void *keys, int64_t n, int32_t *order, int32_t *spare)
{
    switch (elem) {
    case GAN_BOOL: sort(key_bool, 1, keys, n, order, spare); return;
    case GAN_I32: sort(key_i32, 4, keys, n, order, spare); return;
    case GAN_I64: sort(key_i64, 8, keys, n, order, spare); return;
    case GAN_F32: sort(key_f32, 4, keys, n, order, spare); return;
    default: sort(key_f64, 8, keys, n, order, spare);
    }
}
