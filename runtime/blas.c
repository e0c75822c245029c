/* blas.c - marked products through OpenBLAS, held to one thread: its bits change with the number of threads. */
#include "runtime/blas.h"
#include "base/bug.h"

#include <cblas.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* ---- the library ------------------------------------------------------------------------------------------------- */

typedef struct Blas {
    bool  open;
    char  why[400];                                         /* it is not */
    void (*sgemm)(CBLAS_ORDER, CBLAS_TRANSPOSE, CBLAS_TRANSPOSE, int, int, int, float, const float *, int, const float *, int, float, float *, int);
    void (*dgemm)(CBLAS_ORDER, CBLAS_TRANSPOSE, CBLAS_TRANSPOSE, int, int, int, double, const double *, int, const double *, int, double, double *, int);
    void (*geev)(const char *left, const char *right, const int *n, double *a, const int *lda, double *re, double *im, double *vl, const int *ldvl, double *vr,
                 const int *ldvr, double *work, const int *n_work, int *info, size_t left_length, size_t right_length);      /* NULL: it has none */
    char *(*config)(void), *(*core)(void);
    void (*set_threads)(int);
    int  (*threads)(void);
} Blas;

static Blas           blas;                                 /* what the process has loaded, as the loader knows it */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void find(void *library, const char *name, void *to)
{
    void *f = dlsym(library, name);
    if (!f && !*blas.why) snprintf(blas.why, sizeof blas.why, "it has no %s", name);
    memcpy(to, &f, sizeof f);
}

/* With the word for one thread in the environment it starts none; they would be idle, and where memory is short they cannot be made. */
static void *load(void)
{
    static const char word[] = "OPENBLAS_NUM_THREADS";
    const char *is = getenv(word);
    char       *was = is ? strdup(is) : NULL;
    setenv(word, "1", 1);
    void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!library) snprintf(blas.why, sizeof blas.why, "%s", dlerror());
    if (was) setenv(word, was, 1);
    else unsetenv(word);
    free(was);
    return library;
}

static void open_once(void)
{
    void *library = load();
    if (!library) return;
    find(library, "cblas_sgemm", &blas.sgemm);
    find(library, "cblas_dgemm", &blas.dgemm);
    void *geev = dlsym(library, "dgeev_");
    memcpy(&blas.geev, &geev, sizeof geev);
    find(library, "openblas_get_config", &blas.config);
    find(library, "openblas_get_corename", &blas.core);
    find(library, "openblas_set_num_threads", &blas.set_threads);
    find(library, "openblas_get_num_threads", &blas.threads);
    blas.open = !*blas.why;
}

/* Nothing is kept: what is reserved here is OpenBLAS's a moment later. */
static bool is_room(size_t bytes)
{
    void *room = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return room != MAP_FAILED && !munmap(room, bytes);
}

GanStatus blas_open(int threads, GanError *err)
{
    const size_t work_space = (size_t)128 << 20, others = (size_t)64 << 20;     /* its BUFFER_SIZE is at most 32 << 22 */
    pthread_once(&once, open_once);
    if (!blas.open) return gan_error(err, GAN_WORLD, "this program has products for OpenBLAS, which cannot be loaded (%s); --portable does without it", blas.why);
    if (!is_room((size_t)threads * work_space + others))
        return gan_error(err, GAN_WORLD, "this program has products for OpenBLAS, and there is no memory for its work space; --threads with fewer needs less, --portable none");
    return GAN_OK;
}

void blas_about(char *text, size_t n)
{
    pthread_once(&once, open_once);
    if (!blas.open) snprintf(text, n, "no OpenBLAS: %s", blas.why);
    else snprintf(text, n, "%s, kernel %s", blas.config(), blas.core());
}

/* ---- products ---------------------------------------------------------------------------------------------------- */

/* True if there is work to do; leading dims must be at least 1 even for empty matrices, so those never get to OpenBLAS. */
static bool begin(int64_t m, int64_t n, int64_t k, void *c, size_t elem, bool add)
{
    if (m > INT32_MAX || n > INT32_MAX || k > INT32_MAX) BUG("blas: a product of %lld x %lld x %lld", (long long)m, (long long)n, (long long)k);
    if (m == 0 || n == 0) return false;
    if (k == 0) {
        if (!add) memset(c, 0, (size_t)m * (size_t)n * elem);
        return false;
    }
    pthread_once(&once, open_once);
    if (!blas.open) BUG("blas: %s", blas.why);
    if (blas.threads() != 1) blas.set_threads(1);
    return true;
}

#define BLAS(S, T, GEMM)                                                                                                        \
    void blas_##S(bool ta, bool tb, int64_t m, int64_t n, int64_t k, const T *a, const T *b, T *c, bool add)                    \
    {                                                                                                                           \
        if (!begin(m, n, k, c, sizeof(T), add)) return;                                                                         \
        GEMM(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans, (int)m, (int)n, (int)k, 1, a,       \
             (int)(ta ? m : k), b, (int)(tb ? k : n), add ? 1 : 0, c, (int)n);                                                  \
    }
BLAS(f32, float, blas.sgemm)
BLAS(f64, double, blas.dgemm)

/* ---- eigenvalues -------------------------------------------------------------------------------------------------- */

GanStatus blas_geev(int n, double *a, double *re, double *im, double *vectors, GanError *err)
{
    int    info = 0, least = 1, n_work = 8 * n + 1;
    double unused, *work = malloc(sizeof *work * (size_t)n_work);
    pthread_once(&once, open_once);
    if (!blas.open || !blas.geev || !work) {
        GanStatus st = gan_error(err, GAN_WORLD, "there are no eigenvalues: %s", !work ? "no memory" : *blas.why ? blas.why : "OpenBLAS has no LAPACK here");
        free(work);
        return st;
    }
    if (blas.threads() != 1) blas.set_threads(1);
    if (n) blas.geev("N", "V", &n, a, &n, re, im, &unused, &least, vectors, &n, work, &n_work, &info, 1, 1);
    free(work);
    return info ? gan_error(err, GAN_WRONG, "the eigenvalues of the matrix cannot be found") : GAN_OK;
}
