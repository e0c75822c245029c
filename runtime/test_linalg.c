/* The exact sums of reduce.h against their sentences, whole matrices against their defining equations, and the product. */
#include "runtime/blas.h"
#include "runtime/linalg.h"
#include "runtime/reduce.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

static double draw(uint64_t *state)                         /* in (-1, 1) */
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(int64_t)*state * 0x1p-63;
}

/* ---- sums ------------------------------------------------------------------------------------------------------- */

/* sum {dims} as docs/ir.md words it, with the tree in memory. */
static float sum_by_the_book(const float *x, int64_t n)
{
    int64_t chunks = (n + 4095) / 4096;
    float *v = calloc((size_t)chunks + 1, sizeof *v), total;
    for (int64_t c = 0; c < chunks; c++) {
        float l[16] = {0};
        for (int64_t m = c * 4096; m < n && m < (c + 1) * 4096; m++) l[(m - c * 4096) % 16] += x[m];
        for (int i = 0; i < 8; i++) l[i] += l[i + 8];
        for (int i = 0; i < 4; i++) l[i] += l[i + 4];
        for (int i = 0; i < 2; i++) l[i] += l[i + 2];
        v[c] = l[0] + l[1];
    }
    while (chunks > 1) {
        for (int64_t i = 0; i < chunks / 2; i++) v[i] = v[2 * i] + v[2 * i + 1];
        if (chunks % 2) v[chunks / 2] = v[chunks - 1];
        chunks = (chunks + 1) / 2;
    }
    total = v[0];
    free(v);
    return total;
}

Test(reduce, sums)
{
    const int64_t sizes[] = {0, 1, 2, 15, 16, 17, 33, 4095, 4096, 4097, 3 * 4096, 5 * 4096 + 7, 7 * 4096, 100001};
    float *x = malloc(100001 * sizeof *x);
    uint64_t s = 1;
    for (int i = 0; i < 100001; i++) x[i] = (float)(draw(&s) * exp(8 * draw(&s)));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        cr_assert_eq(reduce_sum_f32(x, sizes[i]), sum_by_the_book(x, sizes[i]), "n = %ld", (long)sizes[i]);
    for (int64_t count = 0; count < 40; count++) {          /* the tree of arrivals is the tree in memory, on rows too */
        float rows[40][3];
        ReduceTree_f32 t = {0};
        for (int64_t i = 0; i < count; i++) {
            for (int j = 0; j < 3; j++) rows[i][j] = x[3 * i + j];
            reduce_put_f32(&t, x[3 * i + 1]);
        }
        reduce_tree_f32(rows[0], count, 3);
        cr_assert_eq(rows[0][1], reduce_total_f32(&t), "count = %ld", (long)count);
    }
    const int32_t wraps[] = {INT32_MAX, 1};
    cr_assert_eq(reduce_sum_i32(wraps, 2), INT32_MIN);
    free(x);
}

Test(reduce, shards)
{
    const int64_t want[][3] = {{0, 0, 0},      {1, 1, 32},    {31, 1, 32},    {32, 1, 32},    {33, 2, 32},    {64, 2, 32},
                               {65, 2, 64},    {128, 2, 64},  {129, 3, 64},   {511, 8, 64},   {512, 8, 64},   {513, 6, 96},
                               {1000, 8, 128}, {577, 7, 96},  {4096, 8, 512}, {60000, 8, 7520}};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        ReduceShards s = reduce_shards(want[i][0]);
        cr_assert(s.count == want[i][1] && s.size == want[i][2], "%ld: %ld of %ld", (long)want[i][0], (long)s.count, (long)s.size);
    }
}

/* ---- matrices --------------------------------------------------------------------------------------------------- */

enum { N_MAX = 24 };

static double worst_of_product(int n, int k, bool ta, const double *a, const double *b, const double *want)    /* op(a) b against want */
{
    double worst = 0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < k; j++) {
            double s = 0;
            for (int m = 0; m < n; m++) s += a[ta ? m * n + i : i * n + m] * b[m * k + j];
            worst = fmax(worst, fabs(s - want[i * k + j]));
        }
    return worst;
}

Test(linalg, defining_equations)
{
    uint64_t s = 7;
    for (int n = 0; n <= N_MAX; n += n < 6 ? 1 : 6) {
        double g[N_MAX * N_MAX], a[N_MAX * N_MAX] = {0}, l[N_MAX * N_MAX], lt[N_MAX * N_MAX], b[N_MAX * 3], x[N_MAX * 3], work[N_MAX * N_MAX];
        for (int i = 0; i < n * n; i++) g[i] = draw(&s);
        for (int i = 0; i < n * 3; i++) b[i] = draw(&s);
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) {
                a[i * n + j] = i == j;
                for (int k = 0; k < n; k++) a[i * n + j] += g[i * n + k] * g[j * n + k];
            }
        linalg_cholesky(n, a, l);
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) {
                lt[j * n + i] = l[i * n + j];
                if (j > i) cr_assert_eq(l[i * n + j], 0);
            }
        cr_assert_lt(worst_of_product(n, n, false, l, lt, a), 1e-12);
        for (int t = 0; t < 2; t++) {
            linalg_trisolve(n, 3, t, l, b, x);
            cr_assert_lt(worst_of_product(n, 3, t, l, x, b), 1e-12);
        }
        linalg_solve(n, 3, g, b, x, work);
        cr_assert_lt(worst_of_product(n, 3, false, g, x, b), 1e-9, "solve of size %d", n);

        double values[N_MAX], v[N_MAX * N_MAX], scaled[N_MAX * N_MAX], one[N_MAX * N_MAX];
        linalg_eigh(n, a, values, v, work);
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) {
                scaled[i * n + j] = v[i * n + j] * values[j];
                one[i * n + j] = i == j;
            }
        cr_assert_lt(worst_of_product(n, n, false, a, v, scaled), 1e-12 * (n + 1), "eigh of size %d", n);
        cr_assert_lt(worst_of_product(n, n, true, v, v, one), 1e-13 * (n + 1));
        for (int j = 0; j < n; j++) {
            int big = 0;
            for (int i = 1; i < n; i++) big = fabs(v[i * n + j]) > fabs(v[big * n + j]) ? i : big;
            cr_assert_gt(v[big * n + j], 0);
            cr_assert(j == 0 || values[j - 1] <= values[j]);
        }
    }
}

Test(linalg, answers_by_hand)
{
    double l[4], x[2], work[4], values[2], v[4];
    linalg_cholesky(2, (double[]){4, 2, 2, 10}, l);
    cr_assert(l[0] == 2 && l[1] == 0 && l[2] == 1 && l[3] == 3);
    linalg_solve(2, 1, (double[]){0, 2, 4, 0}, (double[]){6, 8}, x, work);
    cr_assert(x[0] == 2 && x[1] == 3);
    linalg_eigh(2, (double[]){3, 0, 0, -1}, values, v, work);
    cr_assert(values[0] == -1 && values[1] == 3 && v[0] == 0 && v[1] == 1 && v[2] == 1 && v[3] == 0);
    linalg_eigh(2, (double[]){0, 1, 1, 0}, values, v, work);
    cr_assert_float_eq(values[0], -1, 1e-15);
    cr_assert_float_eq(v[1], sqrt(0.5), 1e-15);
}

Test(linalg, no_answer_is_nan)
{
    double l[4], x[2], work[4], values[2], v[4];
    const double *bad[] = {(double[]){1, 2, 2, 1}, (double[]){0, 0, 0, 0}, (double[]){NAN, 0, 0, 1}, (double[]){INFINITY, 0, 0, 1}};
    for (int i = 0; i < 4; i++) {
        linalg_cholesky(2, bad[i], l);
        for (int j = 0; j < 4; j++) cr_assert(isnan(l[j]), "cholesky %d", i);
    }
    for (int i = 1; i < 4; i++) {
        linalg_solve(2, 1, bad[i], (double[]){1, 1}, x, work);
        cr_assert(isnan(x[0]) && isnan(x[1]), "solve %d", i);
        for (int t = 0; t < 2; t++) {
            linalg_trisolve(2, 1, t, bad[i], (double[]){1, 1}, x);
            cr_assert(isnan(x[0]) && isnan(x[1]), "trisolve %d", i);
        }
    }
    for (int i = 2; i < 4; i++) {
        linalg_eigh(2, bad[i], values, v, work);
        cr_assert(isnan(values[0]) && isnan(values[1]) && isnan(v[3]), "eigh %d", i);
    }
}

Test(blas, products)
{
    const float a[] = {1, 2, 3, 4, 5, 6}, b[] = {1, 0, 2, 1, 0, 3};       /* 2x3 and 3x2; read transposed: 3x2 and 2x3 */
    float    c[9];
    GanError err;
    cr_assert(blas_open(1, &err) == GAN_OK, "%s", err.message);
    blas_f32(false, false, 2, 2, 3, a, b, c, false);
    cr_assert(c[0] == 5 && c[1] == 11 && c[2] == 14 && c[3] == 23);
    blas_f32(false, true, 2, 2, 3, a, b, c, true);
    cr_assert(c[0] == 5 + 7 && c[1] == 11 + 10 && c[2] == 14 + 16 && c[3] == 23 + 22);
    blas_f32(true, false, 3, 2, 2, a, b, c, false);         /* transpose(a) is 3x2; b's first two rows */
    cr_assert(c[0] == 9 && c[1] == 4 && c[2] == 12 && c[3] == 5 && c[4] == 15 && c[5] == 6);
    blas_f32(false, false, 2, 2, 0, a, b, c, false);
    cr_assert(c[0] == 0 && c[3] == 0);
    double d[] = {1, 2, 3}, e[] = {4, 5, 6}, f[1] = {7};
    blas_f64(false, false, 1, 1, 3, d, e, f, true);
    cr_assert_eq(f[0], 39);
    blas_f64(false, false, 0, 1, 3, d, e, f, false);
    cr_assert_eq(f[0], 39);
}
