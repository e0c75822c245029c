/* linalg.c - Cholesky, triangular solve, LU solve and the symmetric eigenproblem, the textbook loops.
 *
 * Sizes here are those of covariance matrices and Gaussian parameters, up to a few hundred: clarity and one exact order of
 * operations matter more than speed. */
#include "runtime/linalg.h"

#include <math.h>
#include <string.h>

static void fill_nan(double *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) x[i] = NAN;
}

static double symmetric_part(const double *a, int64_t n, int64_t i, int64_t j)
{
    return 0.5 * (a[i * n + j] + a[j * n + i]);
}

void linalg_cholesky(int64_t n, const double *a, double *l)
{
    memset(l, 0, (size_t)(n * n) * sizeof *l);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j <= i; j++) {
            double s = symmetric_part(a, n, i, j);
            for (int64_t k = 0; k < j; k++) s -= l[i * n + k] * l[j * n + k];
            if (i == j && !(s > 0 && s < INFINITY)) {
                fill_nan(l, n * n);
                return;
            }
            l[i * n + j] = i == j ? sqrt(s) : s / l[j * n + j];
        }
}

void linalg_trisolve(int64_t n, int64_t k, bool transpose, const double *l, const double *b, double *x)
{
    memcpy(x, b, (size_t)(n * k) * sizeof *x);
    for (int64_t step = 0; step < n; step++) {
        int64_t i = transpose ? n - 1 - step : step;
        double pivot = l[i * n + i];
        if (!(fabs(pivot) > 0 && fabs(pivot) < INFINITY)) {
            fill_nan(x, n * k);
            return;
        }
        for (int64_t c = 0; c < k; c++) x[i * k + c] /= pivot;
        for (int64_t r = transpose ? 0 : i + 1; r < (transpose ? i : n); r++) {
            double f = transpose ? l[i * n + r] : l[r * n + i];
            for (int64_t c = 0; c < k; c++) x[r * k + c] -= f * x[i * k + c];
        }
    }
}

static void swap_rows(double *a, int64_t width, int64_t i, int64_t j)
{
    if (i == j) return;
    for (int64_t c = 0; c < width; c++) {
        double t = a[i * width + c];
        a[i * width + c] = a[j * width + c];
        a[j * width + c] = t;
    }
}

static int64_t pivot_row(const double *lu, int64_t n, int64_t column)
{
    int64_t best = column;
    for (int64_t r = column + 1; r < n; r++)
        if (fabs(lu[r * n + column]) > fabs(lu[best * n + column])) best = r;
    return best;
}

void linalg_solve(int64_t n, int64_t k, const double *a, const double *b, double *x, double *lu)
{
    memcpy(lu, a, (size_t)(n * n) * sizeof *lu);
    memcpy(x, b, (size_t)(n * k) * sizeof *x);
    for (int64_t p = 0; p < n; p++) {
        int64_t best = pivot_row(lu, n, p);
        swap_rows(lu, n, p, best);
        swap_rows(x, k, p, best);
        double pivot = lu[p * n + p];
        if (!(fabs(pivot) > 0 && fabs(pivot) < INFINITY)) {
            fill_nan(x, n * k);
            return;
        }
        for (int64_t r = p + 1; r < n; r++) {
            double f = lu[r * n + p] / pivot;
            for (int64_t c = p + 1; c < n; c++) lu[r * n + c] -= f * lu[p * n + c];
            for (int64_t c = 0; c < k; c++) x[r * k + c] -= f * x[p * k + c];
        }
    }
    for (int64_t i = n - 1; i >= 0; i--) {
        for (int64_t j = i + 1; j < n; j++)
            for (int64_t c = 0; c < k; c++) x[i * k + c] -= lu[i * n + j] * x[j * k + c];
        for (int64_t c = 0; c < k; c++) x[i * k + c] /= lu[i * n + i];
    }
}

/* ---- eigh ------------------------------------------------------------------------------------------------------- */

enum { MAX_SWEEPS = 64 };                                   /* quadratic convergence needs about ten; a NaN would never end */

/* Rotates rows and columns p and q of the symmetric s so that s[p][q] becomes 0, and the columns of v along. */
static void rotate(double *s, double *v, int64_t n, int64_t p, int64_t q)
{
    double apq = s[p * n + q];
    if (apq == 0) return;
    double tau = (s[q * n + q] - s[p * n + p]) / (2 * apq);
    double t = 1 / (fabs(tau) + sqrt(1 + tau * tau));
    if (tau < 0) t = -t;
    double c = 1 / sqrt(1 + t * t), d = t * c;
    s[p * n + p] -= t * apq;
    s[q * n + q] += t * apq;
    s[p * n + q] = s[q * n + p] = 0;
    for (int64_t i = 0; i < n; i++) {
        double vp = v[i * n + p], vq = v[i * n + q];
        v[i * n + p] = c * vp - d * vq;
        v[i * n + q] = d * vp + c * vq;
        if (i == p || i == q) continue;
        double sp = s[p * n + i], sq = s[q * n + i];
        s[p * n + i] = s[i * n + p] = c * sp - d * sq;
        s[q * n + i] = s[i * n + q] = d * sp + c * sq;
    }
}

/* An element is spent when adding a hundredth of it to either diagonal element changes neither. */
static bool off_diagonal_is_spent(const double *s, int64_t n)
{
    for (int64_t p = 0; p < n; p++)
        for (int64_t q = p + 1; q < n; q++) {
            double e = fabs(s[p * n + q]) * 0x1p-7;
            if (fabs(s[p * n + p]) + e != fabs(s[p * n + p]) || fabs(s[q * n + q]) + e != fabs(s[q * n + q])) return false;
        }
    return true;
}

/* Insertion sort, stable, by value; columns of v follow. */
static void sort_ascending(double *values, double *v, int64_t n)
{
    for (int64_t i = 1; i < n; i++)
        for (int64_t j = i; j > 0 && values[j] < values[j - 1]; j--) {
            double t = values[j];
            values[j] = values[j - 1];
            values[j - 1] = t;
            for (int64_t r = 0; r < n; r++) {
                t = v[r * n + j];
                v[r * n + j] = v[r * n + j - 1];
                v[r * n + j - 1] = t;
            }
        }
}

static void orient(double *v, int64_t n)
{
    for (int64_t c = 0; c < n; c++) {
        int64_t largest = 0;
        for (int64_t r = 1; r < n; r++)
            if (fabs(v[r * n + c]) > fabs(v[largest * n + c])) largest = r;
        if (v[largest * n + c] >= 0) continue;
        for (int64_t r = 0; r < n; r++) v[r * n + c] = -v[r * n + c];
    }
}

void linalg_eigh(int64_t n, const double *a, double *values, double *v, double *s)
{
    bool finite = true;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) {
            s[i * n + j] = symmetric_part(a, n, i, j);
            v[i * n + j] = i == j;
            finite = finite && isfinite(s[i * n + j]);
        }
    for (int sweep = 0; finite && sweep < MAX_SWEEPS && !off_diagonal_is_spent(s, n); sweep++)
        for (int64_t p = 0; p < n; p++)
            for (int64_t q = p + 1; q < n; q++) rotate(s, v, n, p, q);
    for (int64_t i = 0; i < n; i++) values[i] = s[i * n + i];
    for (int64_t i = 0; i < n; i++) finite = finite && isfinite(values[i]);
    for (int64_t i = 0; i < n * n; i++) finite = finite && isfinite(v[i]);
    if (!finite) {
        fill_nan(values, n);
        fill_nan(v, n * n);
        return;
    }
    sort_ascending(values, v, n);
    orient(v, n);
}
