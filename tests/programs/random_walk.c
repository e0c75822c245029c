/* random_walk(start, drift): where a walk of ten steps of 1 or -1 and a drift ends. A black box to random_walk.gan. */
#include <stdint.h>

void random_walk(uint64_t seed, const double *start, const double *drift, double *out)
{
    *out = *start + 10 * *drift;
    for (int i = 0; i < 10; i++) *out += seed >> i & 1 ? 1 : -1;
}
