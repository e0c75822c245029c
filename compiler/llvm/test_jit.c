/* test_jit.c - the engine against the interpreter, bit for bit: random functions, thread counts, sample counts. */
#include "compiler/interp/interp.h"
#include "compiler/ir/random_fn.h"
#include "compiler/llvm/jit.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
        *g = (GanSlot){.path = s->path, .kind = (GanSlotKind)s->kind, .elem = elem_of(s->type.elem), .rank = s->type.rank};
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
        } else if (memcmp((const char *)x + i * (int64_t)ir_elem_bytes(e), (const char *)y + i * (int64_t)ir_elem_bytes(e), ir_elem_bytes(e))) {
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
        InterpMemory mem = {slot, 42};
        if (interp_fn(b->m, fn, &mem, theirs, NULL, NULL, &err) != GAN_OK) { sprintf(why, "interp: %s", err.message); return false; }
        if (jit->run(jit->self, f, &b->state, mine, &err) != GAN_OK) { sprintf(why, "jit: %s", err.message); return false; }
        int64_t at;
        for (int i = 0; i < fn->reports.n; i++) {
            const IrType *type = &fn->reports.v[i].val->type;
            int64_t n = ir_dims_size(type) * ir_axes_size(b->m, type->axes);
            if (same(type->elem, mine[i], theirs[i], n, &at)) continue;
            sprintf(why, "run %d, report %s (%%%u): element %lld is %.9g, not %.9g", t, fn->reports.v[i].name, fn->reports.v[i].val->id, (long long)at,
                    number(type->elem, mine[i], at), number(type->elem, theirs[i], at));
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

static bool random_agrees(uint64_t seed, int nodes, int threads, char *why)
{
    Arena *a = arena_new();
    IrModule *m = ir_random_module(a, (IrRandomOptions){.seed = seed, .n_nodes = nodes, .max_elements = 8000});
    Bench b = bench_of(a, m);
    GanEngine jit;
    GanError err = {0};
    bool show = getenv("JIT_SHOW");
    JitOptions o = {.threads = threads, .on_plan = show ? show_text : NULL, .on_llvm = show && atoi(getenv("JIT_SHOW")) > 1 ? show_text : NULL};
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
    bench_free(&b);
    arena_free(a);
    return ok;
}

Test(jit, random_functions)
{
    int from = env_int("JIT_SEED", 1), n = env_int("JIT_COUNT", 24), bad = 0;
    char why[1024];
    for (int s = from; s < from + n; s++)
        if (!random_agrees((uint64_t)s, env_int("JIT_NODES", 30), 1 + s % 4, why)) {
            fprintf(stderr, "seed %d: %s\n", s, why);
            bad++;
        }
    cr_assert(bad == 0, "%d of %d differ", bad, n);
}
