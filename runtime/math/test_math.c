/* test_math.c - the elementary functions: errors in ulp against long double and against tables of 100 bits, edges,
 * the same bits from every table of lanes, and the integer rows. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "runtime/math/lanes.h"
#include "runtime/math/reference.h"

typedef long double Long;

/* ---- the same functions in long double, from libm; errors there are 2^-11 of an f64's ulp ---- */

static Long fall(Long x) { return expl(-fabsl(x)); }
static Long ref_exp(Long x) { return expl(x); }
static Long ref_expm1(Long x) { return expm1l(x); }
static Long ref_log(Long x) { return logl(x); }
static Long ref_log1p(Long x) { return log1pl(x); }
static Long ref_sin(Long x) { return sinl(x); }
static Long ref_cos(Long x) { return cosl(x); }
static Long ref_tanh(Long x) { return tanhl(x); }
static Long ref_sigmoid(Long x) { return (x < 0 ? fall(x) : 1) / (1 + fall(x)); }
static Long ref_dsigmoid(Long x) { return fall(x) / ((1 + fall(x)) * (1 + fall(x))); }
static Long ref_softplus(Long x) { return (x > 0 ? x : 0) + log1pl(fall(x)); }
static Long ref_erf(Long x) { return erfl(x); }
static Long ref_erfc(Long x) { return erfcl(x); }
static Long ref_floor(Long x) { return floorl(x); }
static Long ref_sqrt(Long x) { return sqrtl(x); }

typedef struct {
    const char *name;
    float  (*f32)(float);
    double (*f64)(double);
    Long   (*reference)(Long);
    double most32, most64;                              /* ulp */
} Row;

#define ROW(name, most32, most64) {#name, math_##name##_f32, math_##name##_f64, ref_##name, most32, most64}
static const Row rows[] = {
    ROW(exp, 1, 1),     ROW(expm1, 1.5, 1.5), ROW(log, 1, 1),         ROW(log1p, 1.5, 1.6),    ROW(sin, 0.55, 1.6),
    ROW(cos, 0.55, 1.6), ROW(tanh, 2.3, 2.4), ROW(sigmoid, 1.7, 1.8), ROW(dsigmoid, 2.5, 2.6), ROW(softplus, 1.9, 1.9),
    ROW(erf, 0.55, 1.2), ROW(erfc, 0.55, 2),  ROW(floor, 0, 0),       ROW(sqrt, 0.501, 0.501),
};
enum { ROWS = sizeof rows / sizeof *rows };

static const Row *row_of(const char *name)
{
    for (int r = 0; r < ROWS; r++)
        if (!strcmp(rows[r].name, name)) return &rows[r];
    cr_assert_fail("no row %s", name);
    return NULL;
}

/* How far y is from want + rest, in units of want's last place (`digits` bits, exponents from `lowest` on); the same special
 * value is 0, another HUGE_VAL. Overflow may be early or late by one place. */
static double ulps(double y, Long want, Long rest, int digits, int lowest)
{
    Long largest = ldexpl(1 - ldexpl(1, -digits), digits == 24 ? 128 : 1024);
    if (want != want || y != y) return want != want && y != y ? 0 : HUGE_VAL;
    if (fabsl(want) > largest * (1 + ldexpl(1, -digits - 1))) return y == (want > 0 ? INFINITY : -INFINITY) ? 0 : HUGE_VAL;
    if (isinf(y)) return fabsl(want) > largest * (1 - ldexpl(1, -digits)) ? 1 : HUGE_VAL;
    if (want == 0 && rest == 0) return y == 0 && !signbit(y) == !signbit(want) ? 0 : HUGE_VAL;
    int e;
    frexpl(want, &e);
    e = e - digits < lowest ? lowest : e - digits;
    return (double)fabsl(ldexpl((Long)y - want - rest, -e));
}

static double ulps32(float y, Long want) { return ulps(y, want, 0, 24, -149); }
static double ulps64(double y, Long want) { return ulps(y, want, 0, 53, -1074); }

static uint64_t next_random(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u;
    uint64_t x = *state;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

Test(math, f32_over_the_whole_range)
{
    enum { STEP = 4999 };
    for (int r = 0; r < ROWS; r++) {
        double worst = 0;
        float at = 0;
        for (uint64_t bits = (uint64_t)r; bits < (uint64_t)1 << 32; bits += STEP) {
            uint32_t word = (uint32_t)bits;
            float x;
            memcpy(&x, &word, sizeof x);
            double u = ulps32(rows[r].f32(x), rows[r].reference(x));
            if (u > worst) worst = u, at = x;
        }
        cr_expect(worst <= rows[r].most32, "%s f32: %g ulp at %a", rows[r].name, worst, (double)at);
    }
}

static double argument(int i, uint64_t *state)
{
    uint64_t bits = next_random(state);
    double x, unit = (double)(int64_t)bits * 0x1p-63;
    memcpy(&x, &bits, sizeof x);
    return i % 4 == 0 ? x : i % 4 == 1 ? unit * 40 : i % 4 == 2 ? unit * 3 : ldexp(unit, (int)(bits & 31) - 20);
}

Test(math, f64_at_random)
{
    for (int r = 0; r < ROWS; r++) {
        double worst = 0, at = 0;
        uint64_t state = 1;
        for (int i = 0; i < 200000; i++) {
            double x = argument(i, &state), u = ulps64(rows[r].f64(x), rows[r].reference(x));
            if (u > worst) worst = u, at = x;
        }
        cr_expect(worst <= rows[r].most64, "%s f64: %g ulp at %a", rows[r].name, worst, at);
    }
}

Test(math, tables_of_100_bits)
{
    for (size_t i = 0; i < sizeof reference / sizeof *reference; i++) {
        const Row *row = row_of(reference[i].name);
        double x = reference[i].x, u = ulps(row->f64(x), reference[i].head, reference[i].rest, 53, -1074);
        cr_expect(u <= row->most64, "%s f64 %a: %g ulp", row->name, x, u);
        if ((double)(float)x != x) continue;
        u = ulps(row->f32((float)x), reference[i].head, reference[i].rest, 24, -149);
        cr_expect(u <= row->most32, "%s f32 %a: %g ulp", row->name, x, u);
    }
    for (size_t i = 0; i < sizeof reference_pow / sizeof *reference_pow; i++) {
        double a = reference_pow[i].a, b = reference_pow[i].b;
        double u = ulps(math_pow_f64(a, b), reference_pow[i].head, reference_pow[i].rest, 53, -1074);
        cr_expect(u <= 1, "pow f64 %a %a: %g ulp", a, b, u);
    }
    for (size_t i = 0; i < sizeof reference_polygamma / sizeof *reference_polygamma; i++) {
        double want = reference_polygamma[i].value, got = math_polygamma_f64(reference_polygamma[i].n, reference_polygamma[i].x);
        double error = fabs((got - want) / want);
        cr_expect(error < 1e-13, "polygamma %d %a: %g", reference_polygamma[i].n, reference_polygamma[i].x, error);
    }
}

/* Traps a naive formula falls into, as decimals. */
Test(math, delicate_values)
{
    struct { double got, want, tolerance; } all[] = {
        {math_softplus_f32(17), 17.00000004139937633, 1e-7},
        {math_softplus_f32(-17), 4.139937633089747447708e-8, 2e-7},
        {math_softplus_f32(89), 89, 0},
        {-math_softplus_f32(100), -100, 0},
        {math_softplus_f32(-100), 3.72007597602083596e-44, 0.04},               /* a subnormal of 27 units */
        {math_dsigmoid_f32(-89), 2.227363561795743739e-39, 1e-6},
        {math_dsigmoid_f64(-89), 2.227363561795743739e-39, 4e-16},
        {math_sigmoid_f32(-20) * -20, -4.122307236380407e-8, 3e-7},
        {math_erfc_f64(10 / 0x1.6a09e667f3bcdp0) * -5, -7.619853024160526e-23, 3e-14},
        {math_softplus_f64(100) - 0x1.62e42fefa39efp-1, 99.30685281944005469, 2e-16},
        {math_log_f64(1 - 0x1p-24) - math_log_f64(0x1p-24), 16.63553227363404087, 1e-8},
        {-math_log_f64(-math_log_f64(1 - 0x1p-24)), 16.63553230363636430, 2e-16},
        {-math_expm1_f64(math_log_f64(0.999)), 1.00000000000000088817842e-3, 1e-13},
        {math_tanh_f32(1e-20f), 1e-20f, 0},
        {math_expm1_f32(1e-45f), 1e-45f, 0},
        {math_exp_f32(-103), 0x1p-149, 0},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        cr_expect(fabs(all[i].got - all[i].want) <= all[i].tolerance * fabs(all[i].want), "row %zu: %.17g, not %.17g", i,
                  all[i].got, all[i].want);
}

static bool same64(double a, double b) { return a != a ? b != b : !memcmp(&a, &b, sizeof a); }

Test(math, edges)
{
    const double inf = INFINITY, nan = NAN;
    struct { const char *name; double x, y; } unary[] = {
        {"exp", inf, inf}, {"exp", -inf, 0}, {"exp", -0.0, 1}, {"expm1", inf, inf}, {"expm1", -inf, -1}, {"expm1", -0.0, -0.0},
        {"log", 0, -inf}, {"log", -0.0, -inf}, {"log", -1, nan}, {"log", -inf, nan}, {"log", inf, inf}, {"log", 1, 0},
        {"log1p", -1, -inf}, {"log1p", -2, nan}, {"log1p", inf, inf}, {"log1p", -0.0, -0.0}, {"sin", inf, nan}, {"sin", -0.0, -0.0},
        {"cos", -inf, nan}, {"cos", 0, 1}, {"tanh", inf, 1}, {"tanh", -inf, -1}, {"tanh", -0.0, -0.0}, {"sigmoid", inf, 1},
        {"sigmoid", -inf, 0}, {"sigmoid", 0, 0.5}, {"dsigmoid", inf, 0}, {"dsigmoid", -inf, 0}, {"dsigmoid", 0, 0.25},
        {"softplus", inf, inf}, {"softplus", -inf, 0}, {"erf", inf, 1}, {"erf", -inf, -1}, {"erf", -0.0, -0.0}, {"erfc", inf, 0},
        {"erfc", -inf, 2}, {"erfc", 0, 1}, {"floor", -0.5, -1}, {"floor", -0.0, -0.0}, {"sqrt", -0.0, -0.0}, {"sqrt", -1, nan},
    };
    for (size_t i = 0; i < sizeof unary / sizeof *unary; i++) {
        const Row *row = row_of(unary[i].name);
        cr_expect(same64(row->f64(unary[i].x), unary[i].y), "%s f64 %g", unary[i].name, unary[i].x);
        cr_expect(same64(row->f32((float)unary[i].x), unary[i].y), "%s f32 %g", unary[i].name, unary[i].x);
    }
    for (int r = 0; r < ROWS; r++) cr_expect(isnan(rows[r].f32(NAN)) && isnan(rows[r].f64(NAN)), "%s NaN", rows[r].name);

    struct { double (*f)(double, double); float (*g)(float, float); double a, b, y; } binary[] = {
#define TWO(name) math_##name##_f64, math_##name##_f32
        {TWO(pow), 0, 0, 1}, {TWO(pow), inf, 0, 1}, {TWO(pow), 1, inf, 1}, {TWO(pow), -1, inf, 1}, {TWO(pow), nan, 0, nan},
        {TWO(pow), 1, nan, nan}, {TWO(pow), -2, 3, -8}, {TWO(pow), -2, 0.5, nan}, {TWO(pow), -0.0, 3, -0.0}, {TWO(pow), -0.0, -3, -inf},
        {TWO(pow), 0, -2, inf}, {TWO(pow), 0, inf, 0}, {TWO(pow), 2, inf, inf}, {TWO(pow), 0.5, inf, 0}, {TWO(pow), -inf, 3, -inf},
        {TWO(pow), -inf, -2, 0}, {TWO(pow), -inf, 0.5, inf}, {TWO(pow), 3, 2, 9}, {TWO(pow), 2, -149, 0x1p-149}, {TWO(pow), 10, 2, 100},
        {TWO(max), nan, 1, nan}, {TWO(max), 1, nan, nan}, {TWO(max), 0, -0.0, 0}, {TWO(max), -0.0, 0, -0.0}, {TWO(max), 2, 3, 3},
        {TWO(min), nan, 1, nan}, {TWO(min), 1, nan, nan}, {TWO(min), 0, -0.0, 0}, {TWO(min), 2, 3, 2}, {TWO(rem), 7, 3, 1},
        {TWO(rem), -7, 3, 2}, {TWO(rem), 7, -3, -2}, {TWO(rem), 1, 0, nan}, {TWO(rem), inf, 2, nan}, {TWO(rem), 5.5, 2, 1.5},
    };
    for (size_t i = 0; i < sizeof binary / sizeof *binary; i++) {
        double a = binary[i].a, b = binary[i].b;
        cr_expect(same64(binary[i].f(a, b), binary[i].y), "row %zu f64: %g", i, binary[i].f(a, b));
        cr_expect(same64(binary[i].g((float)a, (float)b), binary[i].y), "row %zu f32: %g", i, (double)binary[i].g((float)a, (float)b));
    }

    struct { int n; double x, y; } poly[] = {
        {-1, 0, inf}, {-1, -3, inf}, {0, 0, nan}, {0, -1, nan}, {1, 0, inf}, {2, -2, nan}, {-1, inf, inf}, {0, inf, inf}, {1, inf, 0},
        {-1, 1, 0}, {-1, 2, 0}, {-2, 1, nan}, {1, nan, nan}, {1001, 1, nan}, {1, 0x1p1000, 0x1p-1000}, {-1, 1e306, inf}, {0, -inf, nan},
    };
    for (size_t i = 0; i < sizeof poly / sizeof *poly; i++) {
        double y = math_polygamma_f64(poly[i].n, poly[i].x);
        cr_expect(same64(y, poly[i].y), "polygamma %d %g: %g", poly[i].n, poly[i].x, y);
    }
}

/* Every way to a function gives the same bits: one by one, over arrays, in place, with fma hardware and without. */
static void same_lanes(const MathLanes *a, const MathLanes *b)
{
    enum { COUNT = 4003 };
    static float x32[COUNT], z32[COUNT], y32[COUNT], w32[COUNT];
    static double x64[COUNT], z64[COUNT], y64[COUNT], w64[COUNT];
    uint64_t state = 5;
    for (int i = 0; i < COUNT; i++) {
        uint32_t bits = (uint32_t)next_random(&state);
        x64[i] = argument(i, &state), z64[i] = argument(i / 4, &state);
        x32[i] = (float)x64[i], z32[i] = (float)z64[i];
        if (i % 4 == 0) memcpy(&x32[i], &bits, 4);
    }
#define ONE(name)                                                                                                    \
    a->name##_f32_n(x32, y32, COUNT), memcpy(w32, x32, sizeof w32), b->name##_f32_n(w32, w32, COUNT);                \
    cr_expect(!memcmp(y32, w32, sizeof y32), #name " f32");                                                          \
    a->name##_f64_n(x64, y64, COUNT), memcpy(w64, x64, sizeof w64), b->name##_f64_n(w64, w64, COUNT);                \
    cr_expect(!memcmp(y64, w64, sizeof y64), #name " f64");                                                          \
    for (int i = 0; i < COUNT; i++) {                                                                                \
        w32[i] = b->name##_f32(x32[i]), w64[i] = b->name##_f64(x64[i]);                                              \
    }                                                                                                                \
    cr_expect(!memcmp(y32, w32, sizeof y32) && !memcmp(y64, w64, sizeof y64), #name " one by one");
    MATH_UNARY(ONE)
#define BOTH(name)                                                                                                   \
    a->name##_f32_n(x32, z32, y32, COUNT), b->name##_f32_n(x32, z32, w32, COUNT);                                    \
    cr_expect(!memcmp(y32, w32, sizeof y32), #name " f32");                                                          \
    a->name##_f64_n(x64, z64, y64, COUNT), b->name##_f64_n(x64, z64, w64, COUNT);                                    \
    cr_expect(!memcmp(y64, w64, sizeof y64), #name " f64");
    MATH_BINARY(BOTH)
    RandomAt at = {.key = 77, .tick = 5, .iteration = 6};
    a->normal_f32(at, 7 * 41, y32), b->normal_f32(at, 7 * 41, w32);
    cr_expect(!memcmp(y32, w32, 7 * 41 * 4), "normal f32");
    a->normal_f64(at, 7 * 41, y64), b->normal_f64(at, 7 * 41, w64);
    cr_expect(!memcmp(y64, w64, 7 * 41 * 8), "normal f64");
}

Test(math, the_same_bits_on_every_cpu)
{
    same_lanes(&math_lanes_any, &math_lanes_any);
    same_lanes(&math_lanes_any, math_lanes());
}

Test(math, integers)
{
    struct { int64_t a, b, quotient, rest; } all[] = {
        {7, 3, 2, 1}, {-7, 3, -3, 2}, {7, -3, -3, -2}, {-7, -3, 2, -1}, {6, 3, 2, 0}, {-6, 3, -2, 0}, {5, 0, 0, 0}, {0, 5, 0, 0},
        {-1, INT32_MAX, -1, INT32_MAX - 1}, {INT32_MIN, 1, INT32_MIN, 0}, {INT32_MIN, 2, INT32_MIN / 2, 0}, {9, -1, -9, 0},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        int64_t a = all[i].a, b = all[i].b;
        cr_expect(math_div_i32((int32_t)a, (int32_t)b) == all[i].quotient && math_div_i64(a, b) == all[i].quotient, "%zu", i);
        cr_expect(math_rem_i32((int32_t)a, (int32_t)b) == all[i].rest && math_rem_i64(a, b) == all[i].rest, "%zu", i);
    }
    cr_expect(math_div_i32(INT32_MIN, -1) == INT32_MIN && math_rem_i32(INT32_MIN, -1) == 0);
    cr_expect(math_div_i64(INT64_MIN, -1) == INT64_MIN && math_rem_i64(INT64_MIN, -1) == 0);

    struct { double x; int64_t i32, i64; } cut[] = {
        {1.9, 1, 1}, {-1.9, -1, -1}, {NAN, 0, 0}, {INFINITY, INT32_MAX, INT64_MAX}, {-INFINITY, INT32_MIN, INT64_MIN},
        {0x1p31, INT32_MAX, (int64_t)1 << 31}, {-0x1p31, INT32_MIN, INT32_MIN}, {0x1p63, INT32_MAX, INT64_MAX},
        {-0x1p63, INT32_MIN, INT64_MIN}, {-0x1p64, INT32_MIN, INT64_MIN}, {-0.0, 0, 0}, {16777216, 16777216, 16777216},
    };
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
        float x = (float)cut[i].x;
        cr_expect(math_to_i32_f64(cut[i].x) == cut[i].i32 && math_to_i32_f32(x) == cut[i].i32, "%zu", i);
        cr_expect(math_to_i64_f64(cut[i].x) == cut[i].i64 && math_to_i64_f32(x) == cut[i].i64, "%zu", i);
    }
}
