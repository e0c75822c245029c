/* extern.c - see extern.h. */
#include "runtime/extern.h"
#include "base/bug.h"
#include "runtime/fpenv.h"

#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- opening ---------------------------------------------------------------------------------------------------- */

enum { PATH = 4096 };

/* False: it does not fit. What the system is given has a slash, so that it searches nowhere. */
static bool path_of(const GanExtern *x, const char *folder, char path[PATH])
{
    bool absolute = *x->path == '/';
    int  n = snprintf(path, PATH, "%s%s%s", absolute ? "" : folder ? folder : ".", absolute ? "" : "/", x->path);
    return n < PATH;
}

static GanStatus open_object(const GanExtern *x, const char *folder, void **object, GanError *err)
{
    char path[PATH];
    if (!path_of(x, folder, path)) return gan_error(err, GAN_WRONG, "the name of the shared object of %s is too long", x->symbol);
    bool is_there = !access(path, F_OK), searched = !is_there && !strchr(x->path, '/');
    *object = is_there ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : searched ? dlopen(x->path, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (*object) return GAN_OK;
    if (is_there) return gan_error_in(err, GAN_WRONG, path, "this is no shared object that can be opened here: %s", dlerror());
    const char *more = searched ? ", and the system finds none of this name either (LD_LIBRARY_PATH)" : "";
    return gan_error_in(err, GAN_WRONG, path, "there is no such file%s", more);
}

static GanStatus open_one(GanExtern *x, const char *folder, GanError *err)
{
    char      safe[300];
    void     *object;
    GanStatus s = open_object(x, folder, &object, err);
    if (s) return s;
    void *f = dlsym(object, x->symbol);
    if (!f) return gan_error_in(err, GAN_WRONG, x->path, "this shared object has no function %s", x->symbol);
    snprintf(safe, sizeof safe, "%s_thread_safe", x->symbol);
    x->is_thread_safe = dlsym(object, safe) != NULL;
    memcpy(&x->function, &f, sizeof f);
    return GAN_OK;
}

GanStatus extern_open(GanProgram *p, const char *folder, int *which, GanError *err)
{
    for (*which = 0; *which < p->n_externs; ++*which) {
        GanStatus s = open_one(&p->external[*which], folder, err);
        if (s) return s;
    }
    return GAN_OK;
}

/* ---- calling ---------------------------------------------------------------------------------------------------- */

/* A function of so many parameters more than n, whose types and values are T and A. */
#define CALLS(n, T, A)                                                                                                                      \
    case n: ((void (*)(S T, O))f)(seed A, out); break;                                                                                      \
    case n + 1: ((void (*)(S T, P, O))f)(seed A, a[n], out); break;                                                                         \
    case n + 2: ((void (*)(S T, P, P, O))f)(seed A, a[n], a[n + 1], out); break;                                                            \
    case n + 3: ((void (*)(S T, P, P, P, O))f)(seed A, a[n], a[n + 1], a[n + 2], out); break;                                               \
    case n + 4: ((void (*)(S T, P, P, P, P, O))f)(seed A, a[n], a[n + 1], a[n + 2], a[n + 3], out); break;                                  \
    case n + 5: ((void (*)(S T, P, P, P, P, P, O))f)(seed A, a[n], a[n + 1], a[n + 2], a[n + 3], a[n + 4], out); break;                     \
    case n + 6: ((void (*)(S T, P, P, P, P, P, P, O))f)(seed A, a[n], a[n + 1], a[n + 2], a[n + 3], a[n + 4], a[n + 5], out); break;        \
    case n + 7: ((void (*)(S T, P, P, P, P, P, P, P, O))f)(seed A, a[n], a[n + 1], a[n + 2], a[n + 3], a[n + 4], a[n + 5], a[n + 6], out); break;
#define NONE
#define EIGHT_P , P, P, P, P, P, P, P, P
#define EIGHT_A(n) , a[n], a[n + 1], a[n + 2], a[n + 3], a[n + 4], a[n + 5], a[n + 6], a[n + 7]

static void apply(const GanExtern *x, uint64_t seed, const void *const *a, void *out)
{
    typedef const void *P;
    typedef uint64_t S;
    typedef void *O;
    void (*f)(void) = x->function;
    _Static_assert(GAN_MOST_PARAMS == 24, "a case for each number of parameters");
    switch (x->n_params) {
    CALLS(0, NONE, NONE)
    CALLS(8, EIGHT_P, EIGHT_A(0))
    CALLS(16, EIGHT_P EIGHT_P, EIGHT_A(0) EIGHT_A(8))
    case 24: ((void (*)(S EIGHT_P EIGHT_P EIGHT_P, O))f)(seed EIGHT_A(0) EIGHT_A(8) EIGHT_A(16), out); break;
    default: BUG("extern: %s has %d parameters", x->symbol, x->n_params);
    }
}

void extern_call(int64_t table, int64_t which, int64_t seed, const void *in, void *out)
{
    static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;       /* of the process: so is what the shared objects hold */
    const GanExtern *x = (const GanExtern *)(uintptr_t)table + which;
    const void      *a[GAN_MOST_PARAMS];
    const char      *from = in;
    for (int i = 0; i < x->n_params; from += 8 * x->size[i++]) a[i] = from;
    for (int64_t i = 0; x->is_real && i < x->n_out; i++) ((double *)out)[i] = NAN;
    for (int64_t i = 0; !x->is_real && i < x->n_out; i++) ((int64_t *)out)[i] = 0;
    if (!x->is_thread_safe) pthread_mutex_lock(&one_at_a_time);
    apply(x, (uint64_t)seed, a, out);
    fpenv_enter();
    if (!x->is_thread_safe) pthread_mutex_unlock(&one_at_a_time);
}
