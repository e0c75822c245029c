/* Orders of keys of each type against a sort that looks for the least of what is left: few and many, with equal keys, both zeros, infinities and NaN. */
#include "runtime/sort.h"
#include "runtime/tensor.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

enum { MOST = 1100 };

/* As numbers that are compared one by one; each type's keys are exact in a long double. */
static long double key_at(GanElem t, const void *x, int64_t i)
{
    switch (t) {
    case GAN_BOOL: return ((const uint8_t *)x)[i];
    case GAN_I32: return ((const int32_t *)x)[i];
    case GAN_I64: return ((const int64_t *)x)[i];
    case GAN_F32: return ((const float *)x)[i];
    default: return ((const double *)x)[i];
    }
}

static bool is_before(long double a, long double b) { return a < b || (a == a && b != b); }

static void by_choice(GanElem t, const void *x, int64_t n, int32_t *order)
{
    static bool taken[MOST];
    for (int64_t i = 0; i < n; i++) taken[i] = false;
    for (int64_t k = 0; k < n; k++) {
        int64_t least = -1;
        for (int64_t i = 0; i < n; i++)
            if (!taken[i] && (least < 0 || is_before(key_at(t, x, i), key_at(t, x, least)))) least = i;
        taken[least] = true;
        order[k] = (int32_t)least;
    }
}

static uint64_t next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 11;
}

static const double edges[] = {0.0, -0.0, INFINITY, -INFINITY, NAN, 1, -1, 1e-45, -1e-45, 3e38, 5e-324};

/* kinds: of how many values; 0: of all. */
static void fill(GanElem t, void *x, int64_t n, uint64_t kinds, uint64_t *state)
{
    for (int64_t i = 0; i < n; i++) {
        uint64_t r = next(state), v = kinds ? r % kinds : r;
        double   real = v % 5 == 0 ? edges[r / 7 % 11] : ldexp((double)(int64_t)(v % 100003) - 50001, (int)(v % 90) - 45);
        switch (t) {
        case GAN_BOOL: ((uint8_t *)x)[i] = v & 1; break;
        case GAN_I32: ((int32_t *)x)[i] = (int32_t)(uint32_t)(v * 2654435761u); break;
        case GAN_I64: ((int64_t *)x)[i] = (int64_t)(v * 11400714819323198485u); break;
        case GAN_F32: ((float *)x)[i] = (float)real; break;
        default: ((double *)x)[i] = real;
        }
    }
}

Test(sort, stable_and_ascending)
{
    static const int64_t  sizes[] = {0, 1, 2, 3, 23, 24, 25, 26, 64, 96, 97, 257, 600, MOST};
    static const uint64_t kinds[] = {0, 1, 2, 40};
    uint64_t state = 1;
    double   x[MOST];
    int32_t  want[MOST], got[MOST], spare[MOST];
    for (GanElem t = GAN_BOOL; t <= GAN_F64; t++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            for (int k = 0; k < 4; k++) {
                fill(t, x, sizes[s], kinds[k], &state);
                by_choice(t, x, sizes[s], want);
                sort_order(t, x, sizes[s], got, spare);
                for (int64_t i = 0; i < sizes[s]; i++)
                    cr_assert_eq(got[i], want[i], "type %d, %d keys of %d kinds: place %d is %d, not %d", t, (int)sizes[s], (int)kinds[k], (int)i, got[i], want[i]);
            }
}
