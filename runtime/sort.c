/* sort.c - a stable merge sort of positions. */
#include "runtime/sort.h"

#include <stdbool.h>
#include <string.h>

typedef bool Before(const void *x, int32_t i, int32_t j);   /* x[i] < x[j], NaN greater than any number */
#define BEFORE(name, T)                                         \
    static bool before_##name(const void *x, int32_t i, int32_t j) \
    {                                                           \
        T a = ((const T *)x)[i], b = ((const T *)x)[j];         \
        return a < b || (a == a && b != b);                     \
    }
BEFORE(bool, uint8_t)
BEFORE(i32, int32_t)
BEFORE(i64, int64_t)
BEFORE(f32, float)
BEFORE(f64, double)

/* Bottom-up merging: stable. */
void sort_order(int32_t elem, const void *keys, int64_t n, int32_t *order, int32_t *spare)
{
    static Before *const before_of[] = {before_bool, before_i32, before_i64, before_f32, before_f64};
    Before *before = before_of[elem];
    for (int64_t i = 0; i < n; i++) order[i] = (int32_t)i;
    for (int64_t width = 1; width < n; width *= 2) {
        for (int64_t lo = 0; lo < n; lo += 2 * width) {
            int64_t mid = lo + width < n ? lo + width : n, hi = mid + width < n ? mid + width : n, i = lo, j = mid;
            for (int64_t k = lo; k < hi; k++)
                spare[k] = i == mid || (j < hi && before(keys, order[j], order[i])) ? order[j++] : order[i++];
        }
        memcpy(order, spare, (size_t)n * sizeof *order);
    }
}
