/* test_passes.c - random functions give the same values before and after the passes, but for rounding: whole numbers and bools to
 * the bit, reals closely, NaN where NaN was. */
#include "compiler/interp/interp.h"
#include "compiler/ir/random_fn.h"
#include "compiler/opt/pass.h"
#include "compiler/opt/stabilise.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdint.h>

enum { SEEDS = 400 };

typedef struct { void **v; } Values;                        /* of the reports */

static Values run(Arena *a, const IrModule *m, void **slots)
{
    const IrFn *f = m->fns.v[0];
    Values out = {arena_array(a, void *, f->reports.n)};
    void **commits = arena_array(a, void *, f->commits.n);  /* dropped: the slots stay as they are */
    InterpMemory memory = {slots, 7};
    GanError err;
    for (int i = 0; i < f->reports.n; i++) out.v[i] = arena_alloc(a, (size_t)interp_type_bytes(m, &f->reports.v[i].val->type));
    cr_assert(interp_fn(m, f, &memory, out.v, commits, NULL, &err) == GAN_OK, "%s", err.message);
    return out;
}

static double number(IrElem elem, const void *p, int64_t i)
{
    switch (elem) {
    case IR_BOOL: return ((const uint8_t *)p)[i];
    case IR_I32: return ((const int32_t *)p)[i];
    case IR_I64: return (double)((const int64_t *)p)[i];
    case IR_F32: return ((const float *)p)[i];
    case IR_F64: return ((const double *)p)[i];
    }
    return 0;
}

static bool is_close(IrElem elem, double x, double y)
{
    double rounding = elem == IR_F32 ? 1e-4 : elem == IR_F64 ? 1e-9 : 0;
    return x == y || (isnan(x) && isnan(y)) || fabs(x - y) <= rounding * (1 + fabs(x));
}

static int64_t first_difference(const IrModule *m, const IrType *t, const void *x, const void *y)
{
    int64_t n = ir_dims_size(t) * ir_axes_size(m, t->axes);
    for (int64_t i = 0; i < n; i++)
        if (!is_close(t->elem, number(t->elem, x, i), number(t->elem, y, i))) return i;
    return -1;
}

static void compare_before_and_after(uint64_t seed)
{
    Arena *a = arena_new();
    IrModule *m = ir_random_module(a, (IrRandomOptions){.seed = seed, .n_nodes = 25, .max_elements = 3000});
    IrFn *f = m->fns.v[0];
    opt_stabilise(m, f);                                    /* the one pass that means to change values: inf and NaN become the right number */
    void **slots = arena_array(a, void *, m->slots.n);
    for (int i = 0; i < m->slots.n; i++) {
        slots[i] = arena_alloc(a, (size_t)interp_type_bytes(m, &m->slots.v[i].type));
        ir_random_fill(&m->slots.v[i], seed, slots[i]);
    }
    Values before = run(a, m, slots);
    opt_run_module(m, &(PassOptions){.verify = true});
    Values after = run(a, m, slots);
    for (int i = 0; i < f->reports.n; i++) {
        int64_t at = first_difference(m, &f->reports.v[i].val->type, before.v[i], after.v[i]);
        cr_expect(at < 0, "seed %d: report %s differs from element %d on", (int)seed, f->reports.v[i].name, (int)at);
    }
    arena_free(a);
}

Test(passes, keep_values)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++) compare_before_and_after(seed);
}
