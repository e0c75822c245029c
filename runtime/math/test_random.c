/* test_random.c - Philox against published vectors, draws against their formulas and their laws, permutations.
 *
 * Statistical limits are set so that a right generator passes them with a chance of 1 - 1e-6 each; seeds are fixed. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "runtime/math/random.h"
#include "runtime/math/scalar.h"

/* Random123 1.14, kat_vectors, philox4x32 10 */
Test(random, known_answers)
{
    struct { uint64_t key; uint32_t c[4], want[4]; } all[] = {
        {0, {0, 0, 0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {UINT64_MAX, {~0u, ~0u, ~0u, ~0u}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {0x299f31d0a4093822, {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        uint32_t got[4];
        philox_block(all[i].key, all[i].c[0], all[i].c[1], all[i].c[2], all[i].c[3], got);
        cr_expect(!memcmp(got, all[i].want, sizeof got), "vector %zu", i);
    }
}

Test(random, keys)
{
    cr_expect(random_key(1, "G.z") == random_key(1, "G.z"));
    cr_expect(random_key(1, "G.z") != random_key(2, "G.z") && random_key(1, "G.z") != random_key(1, "G.zz"));
    cr_expect(random_key(0, "") == 0x2d06800538d394c2u, "XXH3-64 of nothing");
}

/* Element e is made of word e % 4 of the block at (e / 4 low, e / 4 high, tick, iteration). */
Test(random, draws_follow_their_formulas)
{
    enum { COUNT = 407, N = 10 };
    RandomAt at = {.key = random_key(3, "a.b"), .tick = 8, .iteration = 9};
    static float u32[COUNT], n32[COUNT];
    static double u64[COUNT], n64[COUNT];
    static int32_t integers[COUNT];
    random_uniform_f32_n(at, COUNT, u32);
    random_uniform_f64_n(at, COUNT, u64);
    random_normal_f32_n(at, COUNT, n32);
    random_normal_f64_n(at, COUNT, n64);
    random_randint_n(at, COUNT, N, integers);
    for (uint32_t e = 0; e < COUNT; e++) {
        uint32_t w[4], i = e % 4;
        philox_block(at.key, e / 4, 0, 8, 9, w);
        cr_expect_float_eq(u32[e], ((w[i] >> 9) + 0.5) * 0x1p-23, 0);
        cr_expect_float_eq(u64[e], (w[i] + 0.5) * 0x1p-32, 0);
        cr_expect_eq(integers[e], (int32_t)((uint64_t)w[i] * N >> 32));
        double r = sqrt(-2 * log((w[i & 2] + 0.5) * 0x1p-32)), t = 0x1.921fb54442d18p-30 * w[i | 1];
        double want = r * (i % 2 ? sin(t) : cos(t));
        cr_expect_float_eq(n64[e], want, 1e-14);
        cr_expect_float_eq(n32[e], want, 2e-6);
        cr_expect_eq(u32[e], random_uniform_f32(at, e));
        cr_expect_eq(u64[e], random_uniform_f64(at, e));
        cr_expect_eq(n32[e], random_normal_f32(at, e));
        cr_expect_eq(n64[e], random_normal_f64(at, e));
        cr_expect_eq(integers[e], random_randint(at, e, N));
    }
    uint32_t w[4];
    philox_block(at.key, 5, 7, 8, 9, w);
    cr_expect_eq(random_randint(at, ((uint64_t)7 << 34) + 22, N), (int32_t)((uint64_t)w[2] * N >> 32), "the high word");
    random_uniform_f32_n(at, 0, NULL);
}

/* The formula of the f32 normal, over many words: within some ulp of the f64 one, relative to the radius. */
Test(random, f32_normals_are_accurate)
{
    enum { COUNT = 1 << 18 };
    float *a = malloc(COUNT * sizeof *a);
    double *b = malloc(COUNT * sizeof *b), worst = 0;
    RandomAt at = {.key = 1};
    random_normal_f32_n(at, COUNT, a);
    random_normal_f64_n(at, COUNT, b);
    for (int i = 0; i < COUNT; i += 2) {
        double r = hypot(b[i], b[i + 1]);
        worst = fmax(worst, fmax(fabs(a[i] - b[i]), fabs(a[i + 1] - b[i + 1])) / r);
    }
    cr_expect(worst < 3 * 0x1p-23, "%g", worst * 0x1p23);
    free(a);
    free(b);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* sqrt(n) times the largest distance of the empirical distribution from the true one; above 2.694 with a chance of 1e-6. */
static double kolmogorov(double *x, int n, double (*cdf)(double))
{
    qsort(x, (size_t)n, sizeof *x, by_value);
    double d = 0;
    for (int i = 0; i < n; i++) {
        double p = cdf(x[i]);
        d = fmax(d, fmax(p - (double)i / n, (double)(i + 1) / n - p));
    }
    return d * sqrt(n);
}

static double normal_cdf(double x) { return 0.5 * erfc(-x * 0x1.6a09e667f3bcdp-1); }
static double uniform_cdf(double x) { return x; }

Test(random, laws)
{
    enum { COUNT = 1 << 16 };
    static float f[COUNT];
    static double x[COUNT];
    RandomAt at = {.key = random_key(11, "laws")};
    const double z = 4.9;                               /* |standard normal| above it: 1e-6 */

    random_normal_f32_n(at, COUNT, f);
    double mean = 0, square = 0, cube = 0, fourth = 0, pairs = 0, samples = 0;
    for (int i = 0; i < COUNT; i++) {
        double v = x[i] = f[i];
        mean += v, square += v * v, cube += v * v * v, fourth += v * v * v * v;
        pairs += i % 2 ? v * f[i - 1] : 0;
        samples += i >= 256 ? v * f[i - 256] : 0;
    }
    cr_expect(fabs(mean / COUNT) < z * sqrt(1.0 / COUNT), "mean");
    cr_expect(fabs(square / COUNT - 1) < z * sqrt(2.0 / COUNT), "variance");
    cr_expect(fabs(cube / COUNT) < z * sqrt(15.0 / COUNT), "third moment");
    cr_expect(fabs(fourth / COUNT - 3) < z * sqrt(96.0 / COUNT), "fourth moment");
    cr_expect(fabs(pairs) < z * sqrt(COUNT / 2), "the two of a pair");
    cr_expect(fabs(samples) < z * sqrt(COUNT), "neighbouring samples");
    cr_expect(kolmogorov(x, COUNT, normal_cdf) < 2.694, "normal f32");
    random_normal_f64_n(at, COUNT, x);
    cr_expect(kolmogorov(x, COUNT, normal_cdf) < 2.694, "normal f64");
    random_uniform_f64_n(at, COUNT, x);
    cr_expect(kolmogorov(x, COUNT, uniform_cdf) < 2.694, "uniform over samples");
    for (uint32_t i = 0; i < COUNT; i++) x[i] = random_uniform_f32((RandomAt){.key = at.key, .tick = i}, 0);
    cr_expect(kolmogorov(x, COUNT, uniform_cdf) < 2.694, "uniform over ticks");

    enum { FACES = 7 };
    static int32_t die[COUNT];
    int seen[FACES] = {0};
    double chi = 0;
    random_randint_n(at, COUNT, FACES, die);
    for (int i = 0; i < COUNT; i++) seen[die[i]]++;
    for (int i = 0; i < FACES; i++) chi += pow(seen[i] - COUNT / (double)FACES, 2) / (COUNT / (double)FACES);
    cr_expect(chi < 38.3, "randint: chi square of 6 degrees %g", chi);
}

Test(random, permutations_are_bijections)
{
    static char seen[5000];
    for (int64_t n = 1; n < 5000; n += n < 300 ? 1 : 211)
        for (int64_t epoch = -1; epoch < 2; epoch++) {
            memset(seen, 0, sizeof seen);
            for (int64_t p = 0; p < n; p++) {
                int64_t image = random_permute(42, n, epoch * n + p);
                cr_assert(image >= 0 && image < n && !seen[image], "n %d epoch %d", (int)n, (int)epoch);
                seen[image] = 1;
            }
        }
    cr_expect(random_permute(1, 0, 5) == 0 && random_permute(1, -3, 5) == 0);
    for (int64_t p = 0; p < 100; p++) {
        int64_t image = random_permute(1, INT64_MAX, p);
        cr_assert(image >= 0 && image < INT64_MAX);
    }
    cr_expect(random_permute(7, 10, INT64_MIN) >= 0);
}

/* All orders of 4 rows come up alike, and a row's place does not tell the next epoch's. */
Test(random, permutations_are_even_handed)
{
    enum { EPOCHS = 24000, N = 4, ORDERS = 24 };
    int seen[ORDERS] = {0}, move[N][N] = {{0}};
    int64_t last = 0;
    for (int64_t epoch = 0; epoch < EPOCHS; epoch++) {
        int64_t a = random_permute(9, N, N * epoch), b = random_permute(9, N, N * epoch + 1), c = random_permute(9, N, N * epoch + 2);
        seen[a * 6 + (b - (b > a)) * 2 + (c - (c > a) - (c > b))]++;
        move[last][a]++;
        last = a;
    }
    double orders = 0, moves = 0;
    for (int i = 0; i < ORDERS; i++) orders += pow(seen[i] - EPOCHS / ORDERS, 2) / (EPOCHS / ORDERS);
    for (int i = 0; i < N * N; i++) moves += pow(move[i / N][i % N] - EPOCHS / 16.0, 2) / (EPOCHS / 16.0);
    cr_expect(orders < 74, "chi square of 23 degrees %g", orders);
    cr_expect(moves < 58, "chi square of 15 degrees %g", moves);
}
