/* peak.c - see peak.h. Twelve chains of vectors hide the latency of every fused multiply-add there is; the best of several short spells
 * is taken, as other processes only ever make it slower. */
#include "compiler/driver/peak.h"

#include <stdint.h>

#if defined(__x86_64__)
#include "runtime/clock.h"
#include "runtime/cpu.h"
#include <immintrin.h>

enum { CHAINS = 12, TURNS = 20000, SPELLS = 40 };

static float sink;                                          /* the chains' sum: they may not be left out */

#define SPELL(name, target_is, vector, lanes, set, fma, add, lower)                                          \
    __attribute__((target(target_is))) static double name(void)                                              \
    {                                                                                                         \
        vector acc[CHAINS], x = set(0.999f), y = set(1e-3f);                                                  \
        _Pragma("GCC unroll 12") for (int i = 0; i < CHAINS; i++) acc[i] = set((float)i);                     \
        for (int t = 0; t < TURNS; t++)                                                                       \
            _Pragma("GCC unroll 12") for (int i = 0; i < CHAINS; i++) acc[i] = fma(acc[i], x, y);             \
        for (int i = 1; i < CHAINS; i++) acc[0] = add(acc[0], acc[i]);                                        \
        sink += lower(acc[0]);                                                                                \
        return 2.0 * CHAINS * TURNS * lanes;                                                                  \
    }
SPELL(with_512, "avx512f", __m512, 16, _mm512_set1_ps, _mm512_fmadd_ps, _mm512_add_ps, _mm512_cvtss_f32)
SPELL(with_256, "avx2,fma", __m256, 8, _mm256_set1_ps, _mm256_fmadd_ps, _mm256_add_ps, _mm256_cvtss_f32)
#undef SPELL

double peak_flops(void)
{
    double best = 0;
    int    level = cpu_level();
    for (int i = 0; i < SPELLS && level >= 3; i++) {
        double begin = clock_now(), done = level >= 4 ? with_512() : with_256(), rate = done / (clock_now() - begin);
        if (rate > best) best = rate;
    }
    return best;
}
#else
double peak_flops(void) { return 0; }
#endif
