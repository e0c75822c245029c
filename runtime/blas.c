/* blas.c - marked products through OpenBLAS, held to one thread: its bits change with the number of threads. */
#include "runtime/blas.h"
#include "base/bug.h"

#include <cblas.h>
#include <string.h>

/* True if there is work to do; leading dims must be at least 1 even for empty matrices, so those never get to OpenBLAS. */
static bool begin(int64_t m, int64_t n, int64_t k, void *c, size_t elem, bool add)
{
    if (m > INT32_MAX || n > INT32_MAX || k > INT32_MAX) BUG("blas: a product of %lld x %lld x %lld", (long long)m, (long long)n, (long long)k);
    if (m == 0 || n == 0) return false;
    if (k == 0) {
        if (!add) memset(c, 0, (size_t)m * (size_t)n * elem);
        return false;
    }
    if (openblas_get_num_threads() != 1) openblas_set_num_threads(1);
    return true;
}

#define BLAS(S, T, GEMM)                                                                                                        \
    void blas_##S(bool ta, bool tb, int64_t m, int64_t n, int64_t k, const T *a, const T *b, T *c, bool add)                    \
    {                                                                                                                           \
        if (!begin(m, n, k, c, sizeof(T), add)) return;                                                                         \
        GEMM(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans, (int)m, (int)n, (int)k, 1, a,       \
             (int)(ta ? m : k), b, (int)(tb ? k : n), add ? 1 : 0, c, (int)n);                                                  \
    }
BLAS(f32, float, cblas_sgemm)
BLAS(f64, double, cblas_dgemm)
