/* test_passes.c - random functions say the same before and after the passes.
 *
 * Passes that keep bits (stop, cse, dce, scans) are held to it, each alone and one after the other. What all of them make of a
 * function is held against the function as it was, but for rounding, which is told from a change of meaning by compiler/interp/wide.h. Every third
 * function has its own derivatives.
 *
 * GAN_RANDOM_PROGRAMS  how many (400)     GAN_RANDOM_SEED  the first seed (0) */
#include "compiler/grad/grad.h"
#include "compiler/interp/wide.h"
#include "compiler/ir/random_fn.h"
#include "compiler/opt/pass.h"
#include "compiler/opt/stabilise.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* ---- a function and its memory ---------------------------------------------------------------------------------- */

typedef struct Case {
    Arena       *a;
    IrModule    *m;
    IrFn        *f;
    InterpMemory memory;
} Case;

typedef struct Values { void **report, **commit; } Values;

static void differentiate(Case *c)
{
    ARRAY(IrVal *) outputs = {0}, wrt = {0};
    for (int i = 0; i < c->f->reports.n; i++)
        if (ir_is_real(c->f->reports.v[i].val->type.elem)) array_push(c->a, &outputs, c->f->reports.v[i].val);
    for (IrNode *n = c->f->body.first; n; n = n->next)
        if (n->op == IR_read && ir_is_real(n->result->type.elem)) array_push(c->a, &wrt, n->result);
    IrVal   **grads = arena_array(c->a, IrVal *, wrt.n + 1);
    IrBuilder b = {.m = c->m, .block = &c->f->body};
    if (!outputs.n || !wrt.n || !grad_reverse(&b, outputs.v, NULL, outputs.n, wrt.v, wrt.n, grads, NULL)) return;
    for (int i = 0; i < wrt.n; i++)
        if (grads[i]) ir_report(c->m, c->f, arena_printf(c->a, "d%d", i), grads[i]);
}

static Case new_case(uint64_t seed)
{
    Arena *a = arena_new();
    Case   c = {.a = a, .m = ir_random_module(a, (IrRandomOptions){.seed = seed, .n_nodes = seed % 3 ? 25 : 12, .max_elements = 2000})};
    c.f = c.m->fns.v[0];
    if (seed % 3 == 0) differentiate(&c);
    c.memory = (InterpMemory){.slot = arena_array(a, void *, c.m->slots.n + 1), .seed = 7};
    for (int i = 0; i < c.m->slots.n; i++) {
        c.memory.slot[i] = arena_alloc(a, (size_t)interp_type_bytes(c.m, &c.m->slots.v[i].type) + 1);
        ir_random_fill(&c.m->slots.v[i], seed, c.memory.slot[i]);
    }
    return c;
}

static void *memory_of(const Case *c, const IrVal *v) { return arena_alloc(c->a, (size_t)interp_type_bytes(c->m, &v->type) + 1); }

static Values run(const Case *c)
{
    const IrFn *f = c->f;
    Values      out = {arena_array(c->a, void *, f->reports.n + 1), arena_array(c->a, void *, f->commits.n + 1)};
    GanError    err;
    for (int i = 0; i < f->reports.n; i++) out.report[i] = memory_of(c, f->reports.v[i].val);
    for (int i = 0; i < f->commits.n; i++) out.commit[i] = memory_of(c, f->commits.v[i].val);
    cr_assert(interp_fn(c->m, f, &c->memory, out.report, out.commit, NULL, &err) == GAN_OK, "%s", err.message);
    return out;
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *s = getenv(name);
    return s && *s ? strtoull(s, NULL, 10) : otherwise;
}

/* ---- to the bit ------------------------------------------------------------------------------------------------- */

typedef void Pass(IrModule *m, IrFn *f);
static const struct { const char *name; Pass *pass; } keeping_bits[] = {{"stop", opt_stop}, {"cse", opt_cse}, {"dce", opt_dce}, {"scans", opt_scans}};
enum { KEEPING_BITS = sizeof keeping_bits / sizeof *keeping_bits };

static bool is_nan(IrElem e, const char *p)
{
    float  f;
    double d;
    memcpy(&f, p, sizeof f);
    if (e == IR_F64) memcpy(&d, p, sizeof d);
    return e == IR_F32 ? isnan(f) : e == IR_F64 && isnan(d);
}

static bool same_bits(const Case *c, const IrVal *v, const char *x, const char *y)
{
    size_t each = ir_elem_bytes(v->type.elem), bytes = (size_t)interp_type_bytes(c->m, &v->type);
    for (size_t i = 0; i < bytes; i += each)
        if (memcmp(x + i, y + i, each) && !(is_nan(v->type.elem, x + i) && is_nan(v->type.elem, y + i))) return false;
    return true;
}

static void expect_bits(const Case *c, const Values *x, const Values *y, uint64_t seed, const char *pass)
{
    for (int i = 0; i < c->f->reports.n; i++)
        cr_expect(same_bits(c, c->f->reports.v[i].val, x->report[i], y->report[i]), "seed %d: %s changes report %s", (int)seed, pass, c->f->reports.v[i].name);
    for (int i = 0; i < c->f->commits.n; i++)
        cr_expect(same_bits(c, c->f->commits.v[i].val, x->commit[i], y->commit[i]), "seed %d: %s changes commit %d", (int)seed, pass, i);
}

/* `first` alone, or with `first` = KEEPING_BITS all of them in turn. */
static void hold_to_bits(uint64_t seed, int first)
{
    Case   c = new_case(seed);
    bool   all = first == KEEPING_BITS;
    Values before = run(&c);
    for (int i = all ? 0 : first; i < (all ? KEEPING_BITS : first + 1); i++) {
        keeping_bits[i].pass(c.m, c.f);
        char why[512];
        cr_assert(ir_verify(c.m, c.f, why), "seed %d: after %s: %s", (int)seed, keeping_bits[i].name, why);
        Values after = run(&c);
        expect_bits(&c, &before, &after, seed, keeping_bits[i].name);
    }
    arena_free(c.a);
}

Test(passes, keep_bits)
{
    uint64_t first = setting("GAN_RANDOM_SEED", 0), n = setting("GAN_RANDOM_PROGRAMS", 400);
    for (uint64_t seed = first; seed < first + n; seed++) hold_to_bits(seed, (int)(seed % (KEEPING_BITS + 1)));
}

/* ---- but for rounding ------------------------------------------------------------------------------------------- */

static void expect_close(const Case *c, const InterpWide *w, const char *passes, bool strict, uint64_t seed)
{
    Values       after = run(c);
    InterpBeyond d;
    GanError     err;
    cr_assert(interp_beyond_rounding(w, &c->memory, after.report, after.commit, strict, &d, &err) == GAN_OK, "%s", err.message);
    cr_expect(!d.found, "seed %d, %s: %s %s differs at element %d: %.17g, not %.17g within %.3g", (int)seed, passes, d.report >= 0 ? "report" : "slot",
              d.report >= 0 ? c->f->reports.v[d.report].name : c->m->slots.v[c->f->commits.v[d.commit].slot].path, (int)d.element, d.other, d.lowered, d.allowed);
}

/* What the copy says is what the function says: before any pass. */
static void compare_before_and_after(uint64_t seed)
{
    Case        c = new_case(seed);
    InterpWide *w = interp_wide(c.m, c.f);
    cr_assert(w);
    expect_close(&c, w, "no passes", true, seed);
    opt_stabilise(c.m, c.f);
    expect_close(&c, w, "stabilise", false, seed);
    opt_run_module(c.m, &(PassOptions){.verify = true, .portable = seed % 2});
    expect_close(&c, w, "all", false, seed);
    arena_free(c.a);
}

Test(passes, keep_values)
{
    uint64_t first = setting("GAN_RANDOM_SEED", 0), n = setting("GAN_RANDOM_PROGRAMS", 400);
    for (uint64_t seed = first; seed < first + n; seed++) compare_before_and_after(seed);
}
