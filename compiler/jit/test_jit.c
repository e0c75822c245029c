/* test_jit.c - the engine against the interpreter, bit for bit: random functions, thread counts, sample counts. */
#include "compiler/grad/grad.h"
#include "compiler/interp/interp.h"
#include "compiler/ir/random_fn.h"
#include "compiler/jit/jit.h"
#include "compiler/loop/loop.h"
#include "compiler/nest/steps.h"
#include "compiler/opt/pass.h"
#include "runtime/cpu.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- a module as a program, with memory ------------------------------------------------------------------------- */

typedef struct Bench {
    Arena      *a;
    IrModule   *m;
    GanProgram  p;
    GanState    state;                                      /* of the engine */
    void      **data;
    char       *arena;                                      /* of the interpreter: same layout */
} Bench;

static GanElem elem_of(IrElem e) { return (GanElem)e; }

static void *aligned(size_t n)
{
    void *p = NULL;
    if (posix_memalign(&p, 64, n + 64)) abort();
    memset(p, 0, n + 64);
    return p;
}

static Bench bench_of(Arena *a, IrModule *m)
{
    Bench b = {.a = a, .m = m};
    b.p.n_slots = m->slots.n;
    b.p.slot = arena_array(a, GanSlot, m->slots.n + 1);
    b.data = arena_array(a, void *, m->slots.n + 1);
    size_t at = 0;
    for (int i = 0; i < m->slots.n; i++) {
        const IrSlot *s = &m->slots.v[i];
        GanSlot *g = &b.p.slot[i];
        *g = (GanSlot){
            .path = s->path, .kind = (GanSlotKind)s->kind, .elem = elem_of(s->type.elem), .rank = s->type.rank};
        g->bytes = (size_t)ir_dims_size(&s->type) * ir_elem_bytes(s->type.elem);
        if (s->kind == IR_SLOT_DATA) {
            g->offset = (size_t)b.p.n_data++;
            b.data[g->offset] = aligned(g->bytes);
            ir_random_fill(s, 7, b.data[g->offset]);
        } else {
            g->offset = at;
            at += (g->bytes + 63) / 64 * 64;
        }
    }
    b.p.state_bytes = at;
    b.state = (GanState){aligned(at), at, (const void **)b.data, 42};
    b.arena = aligned(at);
    for (int i = 0; i < m->slots.n; i++)
        if (m->slots.v[i].kind != IR_SLOT_DATA) {
            ir_random_fill(&m->slots.v[i], 7, b.state.base + b.p.slot[i].offset);
            memcpy(b.arena + b.p.slot[i].offset, b.state.base + b.p.slot[i].offset, b.p.slot[i].bytes);
        }
    return b;
}

static void bench_free(Bench *b)
{
    for (int i = 0; i < b->p.n_data; i++) free(b->data[i]);
    free(b->state.base);
    free(b->arena);
}

static bool same(IrElem e, const void *x, const void *y, int64_t n, int64_t *at)
{
    for (int64_t i = 0; i < n; i++) {
        *at = i;
        if (e == IR_F32) {
            float a = ((const float *)x)[i], c = ((const float *)y)[i];
            if (memcmp(&a, &c, 4) && !(isnan(a) && isnan(c))) return false;
        } else if (e == IR_F64) {
            double a = ((const double *)x)[i], c = ((const double *)y)[i];
            if (memcmp(&a, &c, 8) && !(isnan(a) && isnan(c))) return false;
        } else if (memcmp((const char *)x + i * (int64_t)ir_elem_bytes(e),
                          (const char *)y + i * (int64_t)ir_elem_bytes(e), ir_elem_bytes(e))) {
            return false;
        }
    }
    return true;
}

static double number(IrElem e, const void *x, int64_t i)
{
    switch (e) {
    case IR_F32: return (double)((const float *)x)[i];
    case IR_F64: return ((const double *)x)[i];
    case IR_I32: return ((const int32_t *)x)[i];
    case IR_I64: return (double)((const int64_t *)x)[i];
    default:     return ((const uint8_t *)x)[i];
    }
}

/* Runs function f `times` times on both; false with a text where they differ. */
static bool agree(Bench *b, GanEngine *jit, int f, int times, char *why)
{
    const IrFn *fn = b->m->fns.v[f];
    void **mine = arena_array(b->a, void *, fn->reports.n + 1), **theirs = arena_array(b->a, void *, fn->reports.n + 1);
    void **slot = arena_array(b->a, void *, b->m->slots.n + 1);
    GanError err = {0};
    for (int i = 0; i < fn->reports.n; i++) {
        size_t n = (size_t)interp_type_bytes(b->m, &fn->reports.v[i].val->type);
        mine[i] = arena_alloc(b->a, n + 1);
        theirs[i] = arena_alloc(b->a, n + 1);
    }
    for (int i = 0; i < b->m->slots.n; i++)
        slot[i] = b->m->slots.v[i].kind == IR_SLOT_DATA ? b->data[b->p.slot[i].offset] : b->arena + b->p.slot[i].offset;
    for (int t = 0; t < times; t++) {
        InterpMemory mem = {.slot = slot, .seed = 42};
        if (interp_fn(b->m, fn, &mem, theirs, NULL, NULL, &err) != GAN_OK) {
            sprintf(why, "interp: %s", err.message);
            return false;
        }
        if (jit->run(jit->self, f, &b->state, mine, &err) != GAN_OK) {
            sprintf(why, "jit: %s", err.message);
            return false;
        }
        int64_t at;
        for (int i = 0; i < fn->reports.n; i++) {
            const IrType *type = &fn->reports.v[i].val->type;
            int64_t n = ir_dims_size(type) * ir_axes_size(b->m, type->axes);
            if (same(type->elem, mine[i], theirs[i], n, &at)) continue;
            sprintf(why, "run %d, report %s (%%%u): element %lld is %.9g, not %.9g", t, fn->reports.v[i].name,
                    fn->reports.v[i].val->id, (long long)at, number(type->elem, mine[i], at),
                    number(type->elem, theirs[i], at));
            return false;
        }
        for (int i = 0; i < b->m->slots.n; i++) {
            const IrSlot *s = &b->m->slots.v[i];
            if (s->kind == IR_SLOT_DATA) continue;
            if (same(s->type.elem, b->state.base + b->p.slot[i].offset, slot[i], ir_dims_size(&s->type), &at)) continue;
            sprintf(why, "run %d, slot %s: element %lld is %.9g, not %.9g", t, s->path, (long long)at,
                    number(s->type.elem, b->state.base + b->p.slot[i].offset, at), number(s->type.elem, slot[i], at));
            return false;
        }
    }
    return true;
}

/* ---- random functions ------------------------------------------------------------------------------------------- */

static int env_int(const char *name, int other)
{
    const char *s = getenv(name);
    return s ? atoi(s) : other;
}

static void show_text(void *self, const char *fn, const char *text)
{
    (void)self;
    fprintf(stderr, "---- %s\n%s\n", fn, text);
}

/* Every nest of a program is right, and its text comes back. */
static void read_nests(void *self, const char *fn, const char *text)
{
    char why[256] = "", *bad = self;
    const char *at = text;
    while ((at = strstr(at, "nest ")) && !*bad) {
        const char *end = strstr(at, "\n}\n");
        Arena *a = arena_new();
        char *one = arena_strn(a, at, (size_t)(end + 3 - at));
        LoopNest *n = loop_read(a, one, why);
        Text again = text_in(a);
        if (n) loop_print(n, &again);
        if (!n || !loop_verify(n, why)) sprintf(bad, "%s: %s", fn, why);
        else if (strcmp(text_str(&again), one)) sprintf(bad, "%s: a nest's text does not come back", fn);
        arena_free(a);
        at = end;
    }
}

static bool random_agrees(uint64_t seed, int nodes, int threads, const char *cpu, char *why)
{
    Arena *a = arena_new();
    IrModule *m = ir_random_module(a, (IrRandomOptions){.seed = seed, .n_nodes = nodes, .max_elements = 8000});
    Bench b = bench_of(a, m);
    GanEngine jit;
    GanError err = {0};
    bool show = getenv("JIT_SHOW");
    char bad[512] = "";
    JitOptions o = {.threads = threads,
                    .more_than_cpus = true,
                    .cpu = cpu,
                    .texts = {.on_loops = show ? show_text : read_nests,
                              .self = bad,
                              .on_plan = show ? show_text : NULL,
                              .on_llvm = show && atoi(getenv("JIT_SHOW")) > 1 ? show_text : NULL}};
    if (show) {
        Text t = text_in(a);
        ir_print(m, &t);
        fprintf(stderr, "%s\n", text_str(&t));
    }
    bool ok = jit_engine_new(m, &b.p, &o, &jit, &err) == GAN_OK;
    if (!ok) sprintf(why, "%s", err.message);
    if (ok) {
        ok = agree(&b, &jit, 0, 2, why);
        jit.free(jit.self);
    }
    if (ok && *bad) {
        ok = false;
        strcpy(why, bad);
    }
    bench_free(&b);
    arena_free(a);
    return ok;
}

Test(jit, random_functions)
{
    int from = env_int("JIT_SEED", 1), n = env_int("JIT_COUNT", 12), bad = 0;
    char why[1024];
    for (int s = from; s < from + n; s++)
        if (!random_agrees((uint64_t)s, env_int("JIT_NODES", 30), 1 + s % 4, NULL, why)) {
            fprintf(stderr, "seed %d: %s\n", s, why);
            bad++;
        }
    cr_assert(bad == 0, "%d of %d differ", bad, n);
}

/* ---- long sums: chunks and their tree --------------------------------------------------------------------------- */

static bool agrees_with_plan(IrModule *m, int threads, PlanOptions plan, char *why)
{
    Arena *a = arena_new();
    Bench b = bench_of(a, m);
    GanEngine jit;
    GanError err = {0};
    JitOptions o = {.threads = threads, .more_than_cpus = true, .plan = plan};
    bool ok = jit_engine_new(m, &b.p, &o, &jit, &err) == GAN_OK;
    if (!ok) sprintf(why, "%s", err.message);
    for (int f = 0; ok && f < m->fns.n; f++) ok = agree(&b, &jit, f, 1, why);
    if (ok) jit.free(jit.self);
    bench_free(&b);
    arena_free(a);
    return ok;
}

static bool agrees(IrModule *m, int threads, char *why) { return agrees_with_plan(m, threads, (PlanOptions){0}, why); }

Test(jit, long_sums)
{
    static const int64_t sizes[][2] = {{4095, 1}, {4096, 2}, {4097, 1}, {13, 1021}, {70001, 1}, {3, 20485}, {5000, 17}};
    char why[1024];
    for (int i = 0; i < 7; i++) {
        Arena *a = arena_new();
        IrModule *m = ir_module(a, IR_F32);
        IrFn *f = ir_fn(m, "sums", IR_FN_REPORT);
        IrBuilder b = {.m = m, .block = &f->body};
        IrType t = ir_scalar(i % 2 ? IR_F64 : IR_F32);
        t.rank = 2;
        memcpy(t.dim, sizes[i], sizeof sizes[i]);
        IrVal *x = ir_normal(&b, ir_stream(m, "x"), t), *y = ir_reverse(&b, x, ir_ints(1, (int64_t[]){0}));
        ir_report(m, f, "all", ir_sum_all(&b, x));
        ir_report(m, f, "norm", ir_norm(&b, y, ir_ints(2, (int64_t[]){0, 1})));
        for (int64_t d = 0; d < 2; d++) {
            ir_report(m, f, arena_printf(a, "sum%d", (int)d), ir_sum(&b, x, ir_ints(1, &d)));
            ir_report(m, f, arena_printf(a, "norm%d", (int)d), ir_norm(&b, x, ir_ints(1, &d)));
        }
        cr_expect(agrees(m, 1 + i % 3, why), "%d x %d: %s", (int)sizes[i][0], (int)sizes[i][1], why);
        arena_free(a);
    }
}

static IrType dims_type(IrElem e, int n, int64_t a, int64_t c)
{
    IrType t = ir_scalar(e);
    t.rank = (uint8_t)n;
    t.dim[0] = a;
    t.dim[1] = c;
    return t;
}

/* ---- long functions: loops are cut, kernels go to several units -------------------------------------------------- */

/* A chain of `rounds` additions to x; every fifth adds a branch of its own, every seventh v (a number, or of x's type). */
static IrVal *long_chain(IrBuilder *b, IrVal *x, IrVal *v, int rounds)
{
    IrVal *y = x;
    for (int i = 1; i <= rounds; i++) {
        IrVal *c = ir_const(b, IR_F32, 1.0 / i), *to = i % 7 ? ir_mul(b, y, c) : v;
        if (i % 5 == 0) to = ir_mul(b, ir_max(b, ir_sub(b, v, c), c), i % 2 ? x : v);
        y = i % 2 ? ir_add(b, y, to) : ir_sub(b, to, y);
    }
    return y;
}

static void many_draws(IrModule *m, const char *name)
{
    IrFn     *f = ir_fn(m, name, IR_FN_REPORT);
    IrBuilder b = {.m = m, .block = &f->body};
    IrVal    *sum = ir_normal(&b, ir_stream(m, arena_printf(m->arena, "%s.0", name)), dims_type(IR_F32, 1, 3, 0));
    for (int i = 1; i < 400; i++)
        sum = ir_add(&b, sum, ir_normal(&b, ir_stream(m, arena_printf(m->arena, "%s.%d", name, i)), dims_type(IR_F32, 1, 3, 0)));
    ir_report(m, f, "sum", sum);
}

static void count_members(void *self, const char *fn, const char *text)
{
    int *most = self, here = 0;
    (void)fn;
    for (const char *c = text; *c; c++) {                   /* a kernel is a line, its members are parted by commas */
        here = *c == '\n' ? 0 : here + (*c == ',');
        if (here > *most) *most = here;
    }
}

static int longest_kernel(IrModule *m)
{
    Arena     *a = arena_new();
    Bench      b = bench_of(a, m);
    GanEngine  jit;
    GanError   err = {0};
    int        most = 0;
    JitOptions o = {.threads = 1, .texts = {.on_plan = count_members, .self = &most}};
    cr_assert_eq(jit_engine_new(m, &b.p, &o, &jit, &err), GAN_OK, "%s", err.message);
    jit.free(jit.self);
    bench_free(&b);
    arena_free(a);
    return most;
}

/* ---- products without samples: where their lanes lie ------------------------------------------------------------- */

static void keep_text(void *self, const char *fn, const char *text)
{
    (void)fn;
    text_add(self, text);
}

/* The plan of m's functions. */
static const char *plan_of(Arena *a, IrModule *m, PlanOptions plan)
{
    Bench      b = bench_of(a, m);
    GanEngine  jit;
    GanError   err = {0};
    Text       text = text_in(a);
    JitOptions o = {.threads = 1, .plan = plan, .texts = {.on_plan = keep_text, .self = &text}};
    cr_assert_eq(jit_engine_new(m, &b.p, &o, &jit, &err), GAN_OK, "%s", err.message);
    jit.free(jit.self);
    bench_free(&b);
    return text_str(&text);
}

/* a [a0, a1] with b [b0, b1] (b1 0: a vector), dim ka with kb: the kernel of the plan. */
static const char *kernel_of_product(Arena *a, const int64_t *da, const int64_t *db, int ka, int kb, PlanOptions plan)
{
    IrModule  *m = ir_module(a, IR_F32);
    IrFn      *f = ir_fn(m, "f", IR_FN_REPORT);
    IrBuilder  build = {.m = m, .block = &f->body};
    IrVal     *x = ir_read(&build, ir_slot(m, "a", dims_type(IR_F32, 2, (int)da[0], (int)da[1]), IR_SLOT_PARAM, NULL));
    IrVal     *y = ir_read(&build, ir_slot(m, "b", dims_type(IR_F32, db[1] ? 2 : 1, (int)db[0], (int)db[1]), IR_SLOT_PARAM, NULL));
    ir_report(m, f, "y", ir_dot(&build, x, y, ir_no_pairs(), ir_pairs(1, (int[]){ka}, (int[]){kb}), ir_no_axes()));
    return plan_of(a, m, plan);
}

Test(jit, lanes_of_products)
{
    static const struct { int64_t a[2], b[2]; int ka, kb; const char *kernel; } of[] = {
        {{20, 30}, {30, 40}, 1, 0, "matrices  [20, 40] along b, as it lies"},
        {{30, 20}, {30, 40}, 0, 0, "matrices  [20, 40] along b, as it lies"},
        {{200, 64}, {64, 256}, 1, 0, "matrices  [200, 256] along b, copied to panels"},
        {{20, 30}, {40, 30}, 1, 1, "matrices  [20, 40] along b, turned into panels"},
        {{200, 30}, {30, 4}, 1, 0, "matrices  [200, 4] along a, turned into panels"},
        {{20, 8}, {40, 8}, 1, 1, "matrices  [20, 40] along b, copied to panels"},
        {{30, 40}, {30, 0}, 0, 0, "matrices  [40] along a, as it lies"},
        {{40, 30}, {30, 0}, 1, 0, "matrices  [40] along a, number by number"},
        {{300, 8}, {300, 8}, 0, 0, "matrices  [8, 8] along b, number by number"},
    };
    Arena *a = arena_new();
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        const char *text = kernel_of_product(a, of[i].a, of[i].b, of[i].ka, of[i].kb, (PlanOptions){0});
        cr_expect(strstr(text, of[i].kernel), "%s\nin\n%s", of[i].kernel, text);
    }
    const char *text = kernel_of_product(a, of[0].a, of[0].b, 1, 0, (PlanOptions){.without = 1u << PLAN_matrices});
    cr_expect(strstr(text, "contract  [20, 40]") && strstr(text, "no-matrices"), "%s", text);
    arena_free(a);
}

/* Samples with samples of another axis: with others, and with the same ones by another name. Products that both sides know all axes of are none. */
Test(jit, pairs_of_samples)
{
    Arena    *a = arena_new();
    IrModule *m = ir_module(a, IR_F32);
    int       p = ir_axis(m, "p", 70), q = ir_axis(m, "q", 33), r = ir_axis(m, "r", 70);
    IrFn     *f = ir_fn(m, "f", IR_FN_REPORT);
    IrBuilder b = {.m = m, .block = &f->body};
    IrType    on_p = dims_type(IR_F32, 1, 5, 0), on_q = on_p;
    IrPairs   last = ir_pairs(1, (int[]){0}, (int[]){0});
    on_p.axes = ir_one_axis(p);
    on_q.axes = ir_one_axis(q);
    IrVal *x = ir_normal(&b, ir_stream(m, "x"), on_p), *y = ir_normal(&b, ir_stream(m, "y"), on_q);
    IrVal *z = ir_as_sample(&b, ir_as_feature(&b, x, p), r), *d = ir_sub(&b, ir_spread(&b, x, ir_one_axis(q)), ir_spread(&b, y, ir_one_axis(p)));
    ir_report(m, f, "xy", ir_dot(&b, x, y, ir_no_pairs(), last, ir_no_axes()));
    ir_report(m, f, "xz", ir_dot(&b, x, z, ir_no_pairs(), last, ir_no_axes()));
    ir_report(m, f, "dd", ir_dot(&b, d, d, ir_no_pairs(), last, ir_no_axes()));
    const char *text = plan_of(a, m, (PlanOptions){0});
    cr_expect(strstr(text, "pairs     [p, q]") && strstr(text, "pairs     [p, r]") && strstr(text, "contract  [p, q]"), "%s", text);
    cr_expect(!strstr(plan_of(a, m, (PlanOptions){.without = 1u << PLAN_pairs}), "pairs     ["));
    arena_free(a);
}

Test(jit, samples_with_their_own)
{
    Arena    *a = arena_new();
    IrModule *m = ir_module(a, IR_F32);
    int       p = ir_axis(m, "p", 70), h = ir_axis(m, "h", 3);
    IrFn     *f = ir_fn(m, "f", IR_FN_REPORT);
    IrBuilder b = {.m = m, .block = &f->body};
    IrType    t = dims_type(IR_F32, 3, 3, 5);
    IrPairs   last = ir_pairs(1, (int[]){1}, (int[]){1}), all = ir_pairs(2, (int[]){0, 1}, (int[]){0, 1});
    t.dim[2] = 7;
    t.axes = ir_one_axis(p);
    IrVal *x = ir_as_sample(&b, ir_normal(&b, ir_stream(m, "x"), t), h), *y = ir_as_sample(&b, ir_normal(&b, ir_stream(m, "y"), t), h);
    IrVal *z = ir_add(&b, y, ir_const(&b, IR_F32, 1));
    ir_report(m, f, "xy", ir_dot(&b, x, y, ir_no_pairs(), last, ir_no_axes()));
    ir_report(m, f, "xz", ir_dot(&b, x, z, ir_no_pairs(), all, ir_no_axes()));
    const char *text = plan_of(a, m, (PlanOptions){0});
    cr_expect(strstr(text, "own       [p, h, 5, 5]") && strstr(text, "contract  [p, h]"), "%s", text);
    cr_expect(!strstr(plan_of(a, m, (PlanOptions){.without = 1u << PLAN_own}), "own  "));
    arena_free(a);
}

Test(jit, long_functions)
{
    Arena    *a = arena_new();
    IrModule *m = ir_module(a, IR_F32);
    int       axis = ir_axis(m, "n", 70);
    IrFn     *f = ir_fn(m, "chains", IR_FN_REPORT);
    IrBuilder b = {.m = m, .block = &f->body};
    IrVal    *u = ir_normal(&b, ir_stream(m, "u"), dims_type(IR_F32, 1, 5, 0)), *s = ir_sum_all(&b, u);
    IrType    tiled = dims_type(IR_F32, 1, 5, 0);
    tiled.axes = ir_one_axis(axis);
    IrVal *x = ir_normal(&b, ir_stream(m, "x"), tiled), *y = long_chain(&b, x, u, 400);
    char   why[1024];
    ir_report(m, f, "uniform", long_chain(&b, u, s, 400));
    ir_report(m, f, "tiled", y);
    ir_report(m, f, "sum", ir_sum_over(&b, y, ir_one_axis(axis)));
    for (int i = 0; i < 9; i++)
        ir_report(m, f, arena_printf(a, "sum%d", i), ir_sum_over(&b, ir_mul(&b, y, ir_const(&b, IR_F32, i)), ir_one_axis(axis)));
    many_draws(m, "draws");
    cr_expect(agrees(m, 2, why), "%s", why);
    int most = longest_kernel(m);
    cr_expect(most < 300, "a kernel has %d members", most);
    arena_free(a);
}

static void count_calls(void *self, const char *fn, const char *text)
{
    (void)fn;
    for (const char *c = text; (c = strstr(c, "@math.tanh.f32x16(")); c++) ++*(int *)self;
}

/* Elementary functions in a row: a few stand in line, many are calls, the bits are the same. Samples, and numbers without them. */
static IrVal *functions_of(IrBuilder *b, IrVal *x, int n)
{
    IrVal *sum = x;
    for (int i = 0; i < n; i++) {
        IrVal *y = ir_mul(b, x, ir_const(b, IR_F32, 0.5 + i)), *z;
        switch (i % 8) {
        case 0: z = ir_tanh(b, y); break;
        case 1: z = ir_exp(b, y); break;
        case 2: z = ir_expm1(b, y); break;
        case 3: z = ir_log(b, y); break;
        case 4: z = ir_log1p(b, y); break;
        case 5: z = ir_sigmoid(b, y); break;
        case 6: z = ir_dsigmoid(b, y); break;
        default: z = ir_softplus(b, y); break;
        }
        sum = ir_max(b, ir_mul(b, sum, ir_const(b, IR_F32, 0.5)), z);
    }
    return sum;
}

Test(jit, many_functions_are_calls)
{
    for (int many = 0; many < 2; many++) {
        Arena    *a = arena_new();
        IrModule *m = ir_module(a, IR_F32);
        IrFn     *f = ir_fn(m, "functions", IR_FN_REPORT);
        IrBuilder b = {.m = m, .block = &f->body};
        IrType    tiled = dims_type(IR_F32, 1, 5, 0);
        char      why[1024];
        tiled.axes = ir_one_axis(ir_axis(m, "n", 70));
        ir_report(m, f, "tiled", functions_of(&b, ir_normal(&b, ir_stream(m, "x"), tiled), many ? 40 : 8));
        ir_report(m, f, "vector", functions_of(&b, ir_normal(&b, ir_stream(m, "u"), dims_type(IR_F32, 1, 37, 0)), many ? 40 : 8));
        ir_report(m, f, "number", functions_of(&b, ir_normal(&b, ir_stream(m, "v"), ir_scalar(IR_F32)), many ? 40 : 8));
        cr_expect(agrees(m, 2, why), "%s", why);
        Bench      bench = bench_of(a, m);
        GanEngine  jit;
        GanError   err = {0};
        int        calls = 0;
        JitOptions o = {.threads = 1, .texts = {.on_llvm = count_calls, .self = &calls}};
        cr_assert_eq(jit_engine_new(m, &bench.p, &o, &jit, &err), GAN_OK, "%s", err.message);
        jit.free(jit.self);
        bench_free(&bench);
        cr_expect(many ? calls >= 5 : !calls, "%d calls", calls);
        arena_free(a);
    }
}

/* ---- contractions over samples with many pairs ------------------------------------------------------------------ */

Test(jit, many_pairs)
{
    char why[1024];
    for (int i = 0; i < 4; i++) {
        Arena *a = arena_new();
        IrModule *m = ir_module(a, IR_F32);
        IrFn *f = ir_fn(m, "pairs", IR_FN_REPORT);
        IrBuilder b = {.m = m, .block = &f->body};
        int axis = ir_axis(m, "a", i % 2 ? 130 : 1000);
        IrVal *ab[22];
        IrAxes over[11];
        for (int k = 0; k < 22; k++) {
            IrType t = dims_type(IR_F32, 1, k % 2 ? (i < 2 ? 33 : 3) : 20, 0);
            t.axes = ir_one_axis(axis);
            ab[k] = ir_normal(&b, ir_stream(m, arena_printf(a, "x%d", k)), t);
            over[k / 2] = t.axes;
        }
        ir_report(m, f, "y", ir_dot_pairs(&b, ab, 11, ir_no_pairs(), ir_no_pairs(), over));
        cr_expect(agrees(m, 2, why), "%d: %s", i, why);
        arena_free(a);
    }
}

/* ---- epilogues -------------------------------------------------------------------------------------------------- */

/* Few rows are unrolled on the tile in registers; a function's are a loop. A product that is asked for is stored, too. */
Test(jit, a_product_with_its_epilogue)
{
    static const char *text =
        "axis p = 40\nslot \"w\" param : f32[3,4]\nslot \"v\" param : f32[3,5]\nslot \"b\" param : f32[4]\nfn f {report} {\n%x = normal {stream \"x\"} : f32<p>[3]\n"
        "%w = read \"w\" : f32[3,4]\n%v = read \"v\" : f32[3,5]\n%b = read \"b\" : f32[4]\n%bs = spread %b {over p} : f32<p>[4]\n%y = dot %x, %w {contract 0:0} : f32<p>[4]\n"
        "%a = add %y, %bs : f32<p>[4]\n%m = max %a, 0 : f32<p>[4]\n%z = dot %x, %v {contract 0:0} : f32<p>[5]\n%t = tanh %z : f32<p>[5]\n"
        "report \"m\", %m\nreport \"z\", %z\nreport \"t\", %t\n}\n";
    static const char *unrolled =
        "nest dot {\n  buffer b0 f32 at w0 + w1 panel w2 slot w3\n  buffer b1 f32 at w4 + w5\n  buffer b2 f32 at w7 + w8\n  buffer b3 f32 at w9 + w10 panel w11 slot w12\n"
        "  par do i0 = 0..4 by 2 {\n    block d1:2 {\n      do i1 = 0..w6 with %0 = 0:f32<l,d1> {\n        %1 = ld b0[16*i1 + l] align 64\n        %2 = ld b1[i0 + 4*i1 + d1]\n"
        "        %3 = fma %2, %1, %0\n        next %3\n      } -> %4\n      %5 = ld b2[i0 + d1]\n      %6 = add %4, %5\n      %7 = max %6, 0:f32\n"
        "      st b3[16*i0 + 16*d1 + l], %7 align 64\n    }\n  }\n}\n";
    static const char *rolled =
        "      st b3[16*i0 + 16*d1 + l], %4 align 64\n      st b2[16*d1 + l], %4 align 64\n    }\n    par do i2 = 0..2 {\n      %5 = ld b2[16*i2 + l] align 64\n      %6 = tanh %5\n"
        "      st b4[16*i0 + 16*i2 + l], %6 align 64\n    }\n  }\n";
    Arena *a = arena_new();
    char why[512];
    IrModule *m = ir_read_text(a, text, strlen(text), why);
    cr_assert(m, "%s", why);
    Bench b = bench_of(a, m);
    Text loops = text_in(a);
    GanEngine jit;
    GanError err = {0};
    JitOptions o = {.threads = 1, .cpu = "x86-64-v2", .texts = {.on_loops = keep_text, .self = &loops}};     /* tiles of 2 rows */
    cr_assert_eq(jit_engine_new(m, &b.p, &o, &jit, &err), GAN_OK, "%s", err.message);
    cr_expect(agree(&b, &jit, 0, 2, why), "%s", why);
    cr_expect(strstr(text_str(&loops), unrolled) && strstr(text_str(&loops), rolled), "%s", text_str(&loops));
    jit.free(jit.self);
    bench_free(&b);
    arena_free(a);
}

static void agrees_on_threads(const char *text, int most)
{
    Arena *a = arena_new();
    char why[1024];
    IrModule *m = ir_read_text(a, text, strlen(text), why);
    cr_assert(m, "%s", why);
    for (int threads = 1; threads <= most; threads++) cr_expect(agrees(m, threads, why), "%d threads: %s", threads, why);
    arena_free(a);
}

/* Its matrix fills no cache near a core: products read it once for the panels of a tile, whole and not; and its rows lie a power of two apart. */
Test(jit, a_matrix_that_is_far)
{
    static const char *text =
        "axis p = 150\nslot \"w\" param : f32[1030,1024]\nfn f {report} {\n%x = normal {stream \"x\"} : f32<p>[1030]\n%w = read \"w\" : f32[1030,1024]\n"
        "%y = dot %x, %w {contract 0:0} : f32<p>[1024]\n%t = max %y, 0 : f32<p>[1024]\n%u = dot %t, %w {contract 0:1} : f32<p>[1030]\n%s = sum %u {over p} : f32[1030]\n"
        "report \"t\", %t\nreport \"u\", %u\nreport \"s\", %s\n}\n";
    agrees_on_threads(text, 3);
}

/* Matrices that together are more than is near are read once a tile, too, along their rows or across: as many bytes as are near are not, however often they are read.
 * What reads such a product first, a sum over samples with it, runs on its tiles. */
Test(jit, matrices_that_are_far_together)
{
    static const char *text =
        "axis p = 150\nslot \"w\" param : f32[200,128]\nslot \"v\" param : f32[128,96]\nfn f {report} {\n%x = normal {stream \"x\"} : f32<p>[200]\n%w = read \"w\" : f32[200,128]\n"
        "%v = read \"v\" : f32[128,96]\n%y = dot %x, %w {contract 0:0} : f32<p>[128]\n%t = max %y, 0 : f32<p>[128]\n%z = dot %t, %v {contract 0:0} : f32<p>[96]\n"
        "%u = dot %t, %w {contract 0:1} : f32<p>[200]\n%s = sum %t {over p} : f32[128]\nreport \"s\", %s\nreport \"z\", %z\nreport \"u\", %u\n}\n";
    enum { ALL = 4 * (200 * 128 + 128 * 96) };
    Arena *a = arena_new();
    char why[1024];
    IrModule *m = ir_read_text(a, text, strlen(text), why);
    cr_assert(m, "%s", why);
    cr_expect(strstr(plan_of(a, m, (PlanOptions){.near = ALL - 1}), "far 1"));
    cr_expect(strstr(plan_of(a, m, (PlanOptions){.near = ALL - 1}), "epilogue 1"));
    cr_expect(!strstr(plan_of(a, m, (PlanOptions){.near = ALL}), "far"));
    for (int i = 0; i < 3; i++) {
        PlanOptions plan = {.without = i == 2 ? 1u << PLAN_across : 0, .near = i ? ALL - 1 : ALL};
        cr_expect(agrees_with_plan(m, 1 + i, plan, why), "%d: %s", i, why);
    }
    arena_free(a);
}

/* Rows of 4 KB lie in few sets of a cache: a column of 300 lines does not stay there for the four panels of a tile, and a step by kernels packs the matrix. */
Test(jit, a_matrix_that_is_far_and_crowded)
{
    static const char *text = "axis p = 150\nslot \"w\" param : f32[300,1024]\nfn f {report} {\n%x = normal {stream \"x\"} : f32<p>[300]\n%w = read \"w\" : f32[300,1024]\n"
                              "%y = dot %x, %w {contract 0:0} : f32<p>[1024]\nreport \"y\", %y\n}\n";
    Arena *a = arena_new();
    char why[1024];
    IrModule *m = ir_read_text(a, text, strlen(text), why);
    cr_assert(m, "%s", why);
    const char *near = plan_of(a, m, (PlanOptions){0}), *far = plan_of(a, m, (PlanOptions){.near = 1});
    cr_expect(!strstr(far, "across") && strstr(far, "packs 1"), "%s", far);
    cr_expect(cpu_level() < 4 || strstr(near, "across 1"), "%s", near);
    cr_expect(agrees_with_plan(m, 2, (PlanOptions){.near = 1}, why), "%s", why);
    arena_free(a);
}

/* Of so many panels a matrix that is near is copied, and one whose copy comes from afar is read as it lies. */
Test(jit, matrices_across_or_packed)
{
    static const char *text = "axis p = 390\nslot \"w\" param : f32[256,%d]\nfn f {report} {\n%%x = normal {stream \"x\"} : f32<p>[256]\n%%w = read \"w\" : f32[256,%d]\n"
                              "%%y = dot %%x, %%w {contract 0:0} : f32<p>[%d]\nreport \"y\", %%y\n}\n";
    Arena *a = arena_new();
    for (int rows = 128; rows <= 256; rows += 128) {
        char why[1024], written[1024];
        snprintf(written, sizeof written, text, rows, rows, rows);
        IrModule *m = ir_read_text(a, written, strlen(written), why);
        cr_assert(m, "%s", why);
        const char *plan = plan_of(a, m, (PlanOptions){0});
        bool across = cpu_level() >= 4 && rows == 256;
        cr_expect(strstr(plan, across ? "across 1" : "packs 1") && !strstr(plan, across ? "packs" : "across"), "%s", plan);
        cr_expect(agrees_with_plan(m, 2, (PlanOptions){0}, why), "%s", why);
    }
    arena_free(a);
}

/* Numbers without samples are cut by 64, and what is left over is the last one's. */
Test(jit, draws_that_threads_share)
{
    agrees_on_threads("fn f {report} {\n%x = normal {stream \"x\"} : f32[5003]\n%y = uniform {stream \"y\"} : f32[67,64]\n%z = normal {stream \"z\"} : f32[4096]\n"
                      "%k = randint {stream \"k\" n 9} : i32[4161]\nreport \"x\", %x\nreport \"y\", %y\nreport \"z\", %z\nreport \"k\", %k\n}\n", 4);
}

/* A gradient of five groups of columns and one that is not full, of rows that are no whole tiles. */
Test(jit, a_gradient_that_threads_share)
{
    agrees_on_threads("axis p = 1100\nslot \"w\" param : f32[290,290]\nfn f {init} {\n%x = normal {stream \"x\"} : f32<p>[290]\n%y = normal {stream \"y\"} : f32<p>[290]\n"
                      "%w = read \"w\" : f32[290,290]\n%g = dot %x, %y {over p} : f32[290,290]\n%n = sub %w, %g : f32[290,290]\ncommit \"w\", %n\n}\n", 3);
}

/* ---- training: a GAN of two perceptrons with Adam --------------------------------------------------------------- */

typedef struct Net { int n; int64_t width[5]; int slot[2][4][3]; } Net;     /* weights and biases: value, m, v */

static Net net_new(IrModule *m, const char *name, int n, const int64_t *width)
{
    static const char *const part[3] = {"value", "m", "v"};
    Net net = {.n = n};
    memcpy(net.width, width, sizeof *width * (size_t)(n + 1));
    for (int i = 0; i < n; i++)
        for (int bias = 0; bias < 2; bias++)
            for (int k = 0; k < 3; k++) {
                IrType t =
                    bias ? dims_type(m->real, 1, width[i + 1], 0) : dims_type(m->real, 2, width[i], width[i + 1]);
                net.slot[bias][i][k] =
                    ir_slot(m, arena_printf(m->arena, "%s.%d.%s.%s", name, i, bias ? "b" : "w", part[k]), t,
                            k ? IR_SLOT_OPTIMIZER : IR_SLOT_PARAM, name);
            }
    return net;
}

static IrVal *net_apply(IrBuilder *b, const Net *net, IrVal *param[2][4], IrVal *x)
{
    for (int i = 0; i < net->n; i++) {
        x = ir_dot(b, x, param[0][i], ir_no_pairs(), ir_pairs(1, (int[]){0}, (int[]){0}), ir_no_axes());
        x = ir_add(b, x, param[1][i]);
        if (i + 1 < net->n) x = ir_tanh(b, x);
    }
    return x;
}

static void net_read(IrBuilder *b, const Net *net, IrVal *param[2][4])
{
    for (int bias = 0; bias < 2; bias++)
        for (int i = 0; i < net->n; i++) param[bias][i] = ir_read(b, net->slot[bias][i][0]);
}

static void adam(IrBuilder *b, IrFn *f, const Net *net, IrVal *param[2][4], IrVal *loss, int steps)
{
    IrVal *wrt[8], *g[8], *t = ir_add(b, ir_read(b, steps), ir_const(b, IR_I64, 1)), *tr = ir_convert(b, t, IR_F64);
    IrElem real = b->m->real;
    for (int i = 0; i < net->n; i++) { wrt[2 * i] = param[0][i]; wrt[2 * i + 1] = param[1][i]; }
    cr_assert(grad_reverse(b, &loss, NULL, 1, wrt, 2 * net->n, g, NULL));
    IrVal *c1 = ir_neg(b, ir_expm1(b, ir_mul(b, tr, ir_const(b, IR_F64, -0.6931471805599453))));
    IrVal *c2 = ir_neg(b, ir_expm1(b, ir_mul(b, tr, ir_const(b, IR_F64, -0.0010005003335835335))));
    IrVal *s1 = ir_convert(b, ir_div(b, ir_const(b, IR_F64, 1e-4), c1), real),
          *s2 = ir_convert(b, ir_div(b, ir_const(b, IR_F64, 1), c2), real);
    for (int i = 0; i < 2 * net->n; i++) {
        const int *slot = net->slot[i % 2][i / 2];
        IrVal *m = ir_read(b, slot[1]), *v = ir_read(b, slot[2]);
        m = ir_fma(b, ir_sub(b, g[i], m), ir_const(b, real, 0.5), m);
        v = ir_fma(b, ir_sub(b, ir_mul(b, g[i], g[i]), v), ir_const(b, real, 0.001), v);
        IrVal *d = ir_add(b, ir_sqrt(b, ir_mul(b, v, s2)), ir_const(b, real, 1e-8));
        ir_commit(b->m, f, slot[0], ir_sub(b, wrt[i], ir_div(b, ir_mul(b, m, s1), d)));
        ir_commit(b->m, f, slot[1], m);
        ir_commit(b->m, f, slot[2], v);
    }
    ir_commit(b->m, f, steps, t);
}

static IrVal *logit(IrBuilder *b, const Net *net, IrVal *param[2][4], IrVal *x)
{
    IrVal *y = ir_reshape(b, net_apply(b, net, param, x), (IrInts){0});
    return ir_convert(b, y, IR_F64);
}

static IrVal *mean(IrBuilder *b, IrVal *v, int axis)
{
    double n = (double)ir_extent(b->m, axis);
    return ir_div(b, ir_sum_over(b, v, ir_one_axis(axis)), ir_const(b, IR_F64, n));
}

static IrVal *draw(IrBuilder *b, const char *name, int axis, int64_t n)
{
    IrType t = dims_type(b->m->real, 1, n, 0);
    t.axes = ir_one_axis(axis);
    return ir_normal(b, ir_stream(b->m, name), t);
}

static IrVal *ring(IrBuilder *b, int axis, int centers)
{
    IrType t = ir_scalar(IR_I32);
    t.axes = ir_one_axis(axis);
    IrVal *c = ir_gather(b, ir_read(b, centers), ir_randint(b, ir_stream(b->m, "ring.mode"), 8, t), 0);
    return ir_fma(b, draw(b, "ring.noise", axis, 2), ir_const_like(b, c, 0.02), c);
}

static IrModule *gan_module(Arena *a, IrElem real, int64_t batch, int64_t z, int64_t h)
{
    IrModule *m = ir_module(a, real);
    int axis_a = ir_axis(m, "a", batch), axis_b = ir_axis(m, "b", batch);
    Net g = net_new(m, "G", 3, (int64_t[]){z, h, h, 2}), d = net_new(m, "D", 3, (int64_t[]){2, h, h, 1});
    int steps[2] = {ir_slot(m, "D.steps", ir_scalar(IR_I64), IR_SLOT_OPTIMIZER, "D"),
                    ir_slot(m, "G.steps", ir_scalar(IR_I64), IR_SLOT_OPTIMIZER, "G")};
    int centers = ir_slot(m, "data.centers", dims_type(real, 2, 8, 2), IR_SLOT_DATA, NULL);
    for (int who = 0; who < 2; who++) {
        IrFn *f = ir_fn(m, who ? "update_G" : "update_D", IR_FN_UPDATE);
        IrBuilder b = {.m = m, .block = &f->body};
        IrVal *pg[2][4], *pd[2][4];
        array_push(a, &f->players, who ? "G" : "D");
        f->tick_slot = steps[who];
        net_read(&b, &g, pg);
        net_read(&b, &d, pd);
        IrVal *fake = logit(&b, &d, pd, net_apply(&b, &g, pg, draw(&b, "G.z", axis_b, z))), *loss;
        if (who) {
            loss = mean(&b, ir_softplus(&b, ir_neg(&b, fake)), axis_b);
        } else {
            IrVal *t = logit(&b, &d, pd, ring(&b, axis_a, centers));
            loss =
                ir_add(&b, mean(&b, ir_softplus(&b, ir_neg(&b, t)), axis_a), mean(&b, ir_softplus(&b, fake), axis_b));
        }
        ir_report(m, f, "loss", loss);
        adam(&b, f, who ? &g : &d, who ? pg : pd, loss, steps[who]);
    }
    opt_run_module(m, &(PassOptions){.portable = true});
    return m;
}

/* Marks every product that can be cut into blocks, whatever its size. */
static int mark_all(IrModule *m)
{
    int marked = 0;
    for (int f = 0; f < m->fns.n; f++)
        for (IrNode *n = m->fns.v[f]->body.first; n; n = n->next) {
            if (n->op != IR_dot || ir_dot_form(n) == IR_FORM_LANES || n->attr->batch.n) continue;
            const IrType *a = &n->arg[0]->type, *b = &n->arg[1]->type;
            bool forward =
                !n->attr->pair_over && !b->axes.n && n->attr->contract.n == 1 && n->attr->contract.a[0] == a->rank - 1;
            bool gradient = n->attr->pair_over && !n->attr->contract.n;
            if (!forward && !gradient) continue;
            IrAttrs at = *n->attr;
            at.form = IR_FORM_BLAS;
            ir_set_attrs(m, n, &at);
            marked++;
        }
    return marked;
}

/* Parameters small, m near 0, v positive, counters 0. */
static void settle(Bench *b)
{
    for (int i = 0; i < b->m->slots.n; i++) {
        const IrSlot *s = &b->m->slots.v[i];
        int64_t n = ir_dims_size(&s->type);
        if (s->kind == IR_SLOT_DATA) continue;
        char *x = b->state.base + b->p.slot[i].offset;
        for (int64_t k = 0; k < n; k++) {
            double u = (double)((k * 2654435761u + (unsigned)i * 40503u) % 1000) / 1000 - 0.5;
            if (s->kind == IR_SLOT_OPTIMIZER) u = s->path[strlen(s->path) - 1] == 'v' ? 1e-4 : 0;
            else u *= s->type.rank == 2 ? 2 / sqrt((double)s->type.dim[0]) : 0.1;
            if (s->type.elem == IR_F32) ((float *)x)[k] = (float)u;
            if (s->type.elem == IR_F64) ((double *)x)[k] = u;
            if (s->type.elem == IR_I64) ((int64_t *)x)[k] = 0;
        }
        memcpy(b->arena + b->p.slot[i].offset, x, b->p.slot[i].bytes);
    }
}

static bool training_agrees(IrElem real, int64_t batch, int64_t z, int64_t h, int threads, bool blas, const char *cpu, char *why)
{
    Arena *a = arena_new();
    IrModule *m = gan_module(a, real, batch, z, h);
    if (blas) cr_assert(mark_all(m) > 8);
    Bench b = bench_of(a, m);
    GanEngine jit;
    GanError err = {0};
    settle(&b);
    JitOptions o = {.threads = threads, .more_than_cpus = true, .cpu = cpu};
    bool ok = jit_engine_new(m, &b.p, &o, &jit, &err) == GAN_OK;
    if (!ok) sprintf(why, "%s", err.message);
    for (int f = 0; ok && f < 2; f++) ok = agree(&b, &jit, f, 2, why);
    if (ok) jit.free(jit.self);
    bench_free(&b);
    arena_free(a);
    return ok;
}

Test(jit, training)
{
    static const int64_t batches[] = {1, 31, 33, 64, 65, 511, 513, 700, 1300};
    char why[1024];
    for (int i = 0; i < 9; i++)
        cr_expect(training_agrees(IR_F32, batches[i], 5, 20, 1 + i % 4, false, NULL, why), "batch %d: %s", (int)batches[i],
                  why);
    cr_expect(training_agrees(IR_F32, 130, 5, 18, 2, true, NULL, why), "blas: %s", why);
    for (int i = 0; i < 3; i++)                             /* layers whose gradients are made tile by tile: of several shards, of rows and columns that fill no tile */
        cr_expect(training_agrees(IR_F32, batches[6 + i] / 5, 5, 201 + i, 2 + 3 * i, false, NULL, why), "wide, batch %d: %s", (int)batches[6 + i] / 5, why);
    cr_expect(training_agrees(IR_F64, 65, 3, 17, 2, false, NULL, why), "f64: %s", why);
}

/* ---- vectors of every width that runs here ----------------------------------------------------------------------- */

Test(jit, widths)
{
    static const char *const cpu[] = {"x86-64-v2", "x86-64-v3", "x86-64-v4"};
    static const int64_t     batches[] = {1, 15, 17, 63, 65};
    char why[1024];
    for (int i = 0; i < cpu_level() - 1; i++) {
        for (int s = 101; s < 104; s++) cr_expect(random_agrees((uint64_t)s, 30, 1 + s % 3, cpu[i], why), "%s, seed %d: %s", cpu[i], s, why);
        for (int k = 0; k < 5; k++)
            cr_expect(training_agrees(IR_F32, batches[k], 5, 13 + k, 1 + k % 3, false, cpu[i], why), "%s, batch %d: %s", cpu[i], (int)batches[k], why);
        cr_expect(training_agrees(IR_F64, 33, 3, 17, 2, false, cpu[i], why), "%s, f64: %s", cpu[i], why);
        cr_expect(training_agrees(i % 2 ? IR_F32 : IR_F64, 70, 3, 190 + i, 3, false, cpu[i], why), "%s, wide: %s", cpu[i], why);
    }
}

Test(jit, other_cpus_are_refused)
{
    static const char *const cpu[] = {"generic", "x86-64-v9", "native", "x86-64-v4"};
    Arena    *a = arena_new();
    IrModule *m = ir_module(a, IR_F32);
    Bench     b = bench_of(a, m);
    GanEngine e;
    GanError  err = {0};
    for (int i = 0; i < (cpu_level() == 4 ? 3 : 4); i++) {
        cr_expect_eq(jit_engine_new(m, &b.p, &(JitOptions){.threads = 1, .cpu = cpu[i]}, &e, &err), GAN_WRONG);
        cr_expect(strstr(err.message, cpu[i]), "%s", err.message);
    }
    bench_free(&b);
    arena_free(a);
}

/* ---- objects, linked by the system's linker --------------------------------------------------------------------- */

typedef struct Linked {                                     /* an engine of objects in a library */
    char             folder[32];
    void            *lib;
    const GanProgram *p;
    Code             code;
    CodeInstance     run;
} Linked;

static void shell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void shell(const char *fmt, ...)
{
    char    command[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(command, sizeof command, fmt, args);
    va_end(args);
    cr_assert_eq(system(command), 0, "%s", command);
}

static void write_bytes(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    cr_assert(f && fwrite(bytes, 1, n, f) == n);
    cr_assert_eq(fclose(f), 0);
}

/* The linker may not touch code, and finds nothing of the objects that others could see; NAME_nests is theirs who are linked with them. */
static const KernelFn *link_here(Linked *l, const LlvmObjects *o, const char *name)
{
    static const char host[] = "#include <stddef.h>\nextern const void *const NAME_nests[];\nconst void *const *all(void) { return NAME_nests; }\n";
    char path[64];
    strcpy(l->folder, "/tmp/gan_object_XXXXXX");
    cr_assert(mkdtemp(l->folder));
    for (int i = 0; i < o->n; i++) {
        snprintf(path, sizeof path, "%s/%d.o", l->folder, i);
        write_bytes(path, o->object[i].bytes, o->object[i].size);
    }
    snprintf(path, sizeof path, "%s/host.c", l->folder);
    write_bytes(path, host, sizeof host - 1);
    shell("cd %s && cc -DNAME_nests=%s_nests -fPIC -shared -Wl,-z,text -o all.so host.c *.o -lm", l->folder, name);
    shell("cd %s && test \"$(nm -D --defined-only all.so | awk '{ print $3 }' | grep -vE '^(_init|_fini)$')\" = all", l->folder);
    snprintf(path, sizeof path, "%s/all.so", l->folder);
    l->lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    cr_assert(l->lib, "%s", dlerror());
    const KernelFn *(*all)(void);
    *(void **)&all = dlsym(l->lib, "all");
    return all();
}

static GanStatus linked_run(void *self, int function, GanState *state, void *const *out, GanError *err)
{
    Linked *l = self;
    (void)err;
    code_run(&l->code, &l->run, function, state, l->p->n_data, out);
    return GAN_OK;
}

static void linked_free(void *self)
{
    Linked *l = self;
    code_close(&l->run);
    dlclose(l->lib);
    shell("rm -r %s", l->folder);
}

static GanEngine linked_engine(Linked *l, Arena *a, const IrModule *m, const GanProgram *p, const LlvmWanted *w)
{
    NestProgram nests;
    LlvmObjects o;
    GanError    err = {0};
    l->p = p;
    cr_assert_eq(llvm_objects(a, m, p, w, &nests, &o, &err), GAN_OK, "%s", err.message);
    cr_assert(w->open ? o.n > 1 : o.n == 1);
    l->code = steps_of(a, &nests, m, p, link_here(l, &o, w->prefix));
    llvm_objects_free(&o);
    cr_assert_eq(code_open(&l->run, &l->code, p->n_data, team_new(2, true), &err), GAN_OK);
    return (GanEngine){l, "linked", linked_run, linked_free, NULL};
}

Test(jit, objects_are_linked_by_anyone)
{
    for (int open = 0; open <= 3; open += 3) {
        char   why[1024] = "";
        Arena *a = arena_new();
        IrModule *m = gan_module(a, IR_F32, 65, 5, 20);
        Bench  b = bench_of(a, m);
        Linked l;
        Team  *team = open ? team_new(2, true) : NULL;
        GanEngine e = linked_engine(&l, a, m, &b.p, &(LlvmWanted){.prefix = "my_net", .open = open, .team = team});
        settle(&b);
        for (int f = 0; f < 2; f++) cr_expect(agree(&b, &e, f, 2, why), "%s", why);
        e.free(e.self);
        team_free(team);
        bench_free(&b);
        arena_free(a);
    }
}

/* What a program without kernels is linked to. */
Test(jit, no_kernels_no_nests)
{
    Arena      *a = arena_new();
    IrModule   *m = ir_module(a, IR_F32);
    Bench       b = bench_of(a, m);
    NestProgram nests;
    LlvmObjects o;
    Linked      l;
    GanError    err = {0};
    cr_assert_eq(llvm_objects(a, m, &b.p, &(LlvmWanted){.prefix = "none"}, &nests, &o, &err), GAN_OK);
    cr_expect_eq(o.n_nests, 0);
    cr_expect_null(link_here(&l, &o, "none")[0]);
    dlclose(l.lib);
    shell("rm -r %s", l.folder);
    llvm_objects_free(&o);
    bench_free(&b);
    arena_free(a);
}
