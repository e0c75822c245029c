/* host.c - usage: host CASES.bin THREADS. Runs what make_cases.c made and says what differs from what is expected: every case twice, with
 * the objects that it is linked with, and with the same laid flat into the file.
 *
 * Of the runtime only what walks code is linked, too. Any C compiler for the machine makes it. */
#include "compiler/jit/machine.h"
#include "runtime/blas.h"
#include "runtime/extern.h"
#include "tests/cross/cases.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CASE(name) extern const KernelFn name##_nests[];
#include "cases.def"
#undef CASE
static const KernelFn *const nests[] = {
#define CASE(name) name##_nests,
#include "cases.def"
#undef CASE
};
enum { N_CASES = sizeof nests / sizeof *nests };

static void fail(const char *what)
{
    fprintf(stderr, "host: %s\n", what);
    exit(1);
}

/* OpenBLAS is not here, and no case calls it. */
void blas_f32(bool ta, bool tb, int64_t m, int64_t n, int64_t k, const float *a, const float *b, float *c, bool add)
{
    (void)ta, (void)tb, (void)m, (void)n, (void)k, (void)a, (void)b, (void)c, (void)add;
    fail("a product of OpenBLAS");
}

void extern_call(int64_t table, int64_t which, int64_t seed, const void *in, void *out)
{
    (void)table, (void)which, (void)seed, (void)in, (void)out;
    fail("a simulator");
}

void blas_f64(bool ta, bool tb, int64_t m, int64_t n, int64_t k, const double *a, const double *b, double *c, bool add)
{
    (void)ta, (void)tb, (void)m, (void)n, (void)k, (void)a, (void)b, (void)c, (void)add;
    fail("a product of OpenBLAS");
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

static void *aligned(size_t bytes)
{
    void *p = aligned_alloc(CASE_ALIGN, (bytes / CASE_ALIGN + 1) * CASE_ALIGN);
    return p ? p : (fail("out of memory"), NULL);
}

static char *read_all(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END)) fail("no file of cases");
    long  n = ftell(f);
    char *all = aligned((size_t)n);
    rewind(f);
    if (fread(all, 1, (size_t)n, f) != (size_t)n) fail("the cases cannot be read");
    fclose(f);
    return all;
}

static void *take(char **at, int64_t *bytes)
{
    int64_t n;
    void   *block = *at + CASE_ALIGN;
    memcpy(&n, *at, sizeof n);
    if (bytes) *bytes = n;
    *at += CASE_ALIGN + (n + CASE_ALIGN - 1) / CASE_ALIGN * CASE_ALIGN;
    return block;
}

static MachineCode take_machine(char **at)
{
    MachineCode m;
    memcpy(&m, take(at, NULL), sizeof m);
    m.bytes = take(at, NULL);
    m.entry = take(at, NULL);
    const char **import = calloc((size_t)m.n_imports + 1, sizeof *import);
    for (int i = 0; i < m.n_imports; i++) import[i] = take(at, NULL);
    m.import = import;
    return m;
}

static Code take_code(char **at)
{
    Code c;
    memcpy(&c, take(at, NULL), sizeof c);
    c.fn = take(at, NULL);
    c.block = take(at, NULL);
    c.step = take(at, NULL);
    c.call = take(at, NULL);
    c.copy = take(at, NULL);
    c.stack = take(at, NULL);
    c.out = take(at, NULL);
    c.commit = take(at, NULL);
    c.words = take(at, NULL);
    c.wants = take(at, NULL);
    const char **stream = calloc((size_t)c.n_streams + 1, sizeof *stream);
    for (int i = 0; i < c.n_streams; i++) stream[i] = take(at, NULL);
    c.stream = stream;
    return c;
}

/* ---- a case ------------------------------------------------------------------------------------------------------ */

/* NaN is NaN: which of them a machine makes is its own affair. */
static bool same_number(int64_t elem, const char *a, const char *b, size_t bytes)
{
    float  f, g;
    double d, e;
    if (!memcmp(a, b, bytes)) return true;
    if (elem == GAN_F32) return memcpy(&f, a, 4), memcpy(&g, b, 4), isnan(f) && isnan(g);
    if (elem == GAN_F64) return memcpy(&d, a, 8), memcpy(&e, b, 8), isnan(d) && isnan(e);
    return false;
}

static bool same(const CaseValue *v, const char *got, const char *want, int number, const char *what, int64_t which)
{
    static const size_t size[] = {[GAN_BOOL] = 1, [GAN_I32] = 4, [GAN_I64] = 8, [GAN_F32] = 4, [GAN_F64] = 8};
    size_t each = size[v->elem];
    for (int64_t i = 0; i < v->bytes; i += (int64_t)each) {
        if (same_number(v->elem, got + i, want + i, each)) continue;
        printf("case %d: %s %lld differs at element %lld\n", number, what, (long long)which, (long long)(i / (int64_t)each));
        return false;
    }
    return true;
}

static bool run_function(const Code *c, CodeInstance *in, int f, GanState *state, int n_data, char **at, int number)
{
    int64_t bytes;
    const CaseValue *value = take(at, &bytes);
    int    n = (int)(bytes / (int64_t)sizeof *value);
    bool   ok = true;
    void **out = calloc((size_t)n + 1, sizeof *out);
    for (int i = 0; i < n; i++) out[i] = aligned((size_t)value[i].bytes);
    code_run(c, in, f, state, n_data, out);
    for (int i = 0; i < n; i++) {
        ok = same(&value[i], out[i], take(at, NULL), number, "report", i) && ok;
        free(out[i]);
    }
    free(out);
    return ok;
}

typedef struct Start { const CaseHead *head; const CaseValue *slot; int64_t n_slots; const char *state; int64_t bytes; void **data; } Start;

static Start take_start(char **at)
{
    Start s = {.head = take(at, NULL)};
    s.slot = take(at, &s.n_slots);
    s.n_slots /= (int64_t)sizeof *s.slot;
    s.state = take(at, &s.bytes);
    s.data = calloc((size_t)s.head->n_data + 1, sizeof *s.data);
    for (int i = 0; i < s.head->n_data; i++) s.data[i] = take(at, NULL);
    return s;
}

/* Leaves *at behind the results. */
static bool run_on(const Code *c, const Start *s, char **at, int number, int threads)
{
    CodeInstance in;
    GanError     err = {0};
    GanState     state = {aligned((size_t)s->bytes), (size_t)s->bytes, (const void **)s->data, (uint64_t)s->head->seed};
    int          n_data = (int)s->head->n_data;
    bool         ok = true;
    memcpy(state.base, s->state, (size_t)s->bytes);
    if (code_open(&in, c, n_data, team_new(threads, true), &err)) fail(err.message);
    for (int f = 0; f < c->n_fns; f++) ok = run_function(c, &in, f, &state, n_data, at, number) && ok;
    const char *after = take(at, NULL);
    for (int64_t i = 0; i < s->n_slots; i++)
        ok = same(&s->slot[i], state.base + s->slot[i].offset, after + s->slot[i].offset, number, "slot", i) && ok;
    code_close(&in);
    free(state.base);
    return ok;
}

static bool run_case(char **at, int number, int threads)
{
    Code        c = take_code(at);
    MachineCode flat = take_machine(at);
    Start       s = take_start(at);
    Machine     machine;
    GanError    err = {0};
    char       *results = *at;
    c.nest = nests[number];
    bool ok = run_on(&c, &s, at, number, threads);
    if (machine_open(&machine, &flat, &err)) fail(err.message);
    c.nest = machine.nest;
    ok = run_on(&c, &s, &results, number, threads) && ok;
    machine_close(&machine);
    free(s.data);
    free((void *)flat.import);
    free((void *)c.stream);
    return ok;
}

int main(int argc, char **argv)
{
    if (argc != 3) fail("CASES.bin THREADS");
    int   wrong = 0;
    char *all = read_all(argv[1]), *at = all;
    for (int i = 0; i < N_CASES; i++) wrong += !run_case(&at, i, atoi(argv[2]));
    free(all);
    printf("%d cases, %d differ\n", N_CASES, wrong);
    return wrong > 0;
}
