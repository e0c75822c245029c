/* test_examples.c - the functions of the examples by the plain checker, in shuffled orders: no two threads and no two turns meet, and the bits
 * are the interpreter's. Batches are small here, so that it takes seconds; widths are what they are. Functions of more than MOST_WORK stay out. */
#include "checked.h"
#include "compiler/interp/interp.h"
#include "compiler/lower/lower.h"
#include "compiler/opt/pass.h"
#include "runtime/state.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FEW = 40, MOST_WORK = 50000000 };                    /* samples; multiplications and additions */

static char *file_text(Arena *a, const char *name)
{
    const char *root = getenv("GAN_ROOT");
    FILE *f = fopen(arena_printf(a, "%s/examples/%s.gan", root ? root : ".", name), "rb");
    cr_assert(f, "cannot open %s", name);
    Text t = text_in(a);
    char part[4096];
    for (size_t n; (n = fread(part, 1, sizeof part, f)) > 0;) text_addn(&t, part, n);
    fclose(f);
    return text_str(&t);
}

/* "batch 256", "n: 2000": FEW. */
static char *with_few(Arena *a, const char *text)
{
    static const char *const counts[] = {"batch ", "n: "};
    Text t = text_in(a);
    while (*text) {
        const char *skip = NULL;
        for (int i = 0; i < 2 && !skip; i++)
            if (!strncmp(text, counts[i], strlen(counts[i]))) skip = counts[i];
        if (skip) {
            text_printf(&t, "%s%d", skip, FEW);
            text += strlen(skip);
            text += strspn(text, "0123456789_");
        } else {
            text_addn(&t, text++, 1);
        }
    }
    return text_str(&t);
}

static bool is_same(const GanOutput *o, const char *x, const char *y, size_t bytes)
{
    if (!memcmp(x, y, bytes)) return true;
    if (o->elem != GAN_F32) return false;
    for (size_t i = 0; i < bytes / 4; i++) {
        float p, q;
        memcpy(&p, x + 4 * i, 4);
        memcpy(&q, y + 4 * i, 4);
        if (memcmp(&p, &q, 4) && !(isnan(p) && isnan(q))) return false;
    }
    return true;
}

typedef struct Both { GanEngine interp, checked; GanState a, b; } Both;

static void run_both(Arena *arena, const char *name, const LowerResult *r, Both *x, int fn)
{
    const IrFn *f = r->ir->fns.v[fn];
    void **one = arena_array(arena, void *, f->reports.n + 1), **two = arena_array(arena, void *, f->reports.n + 1);
    GanError err = {0};
    for (int i = 0; i < f->reports.n; i++) {
        size_t bytes = (size_t)interp_type_bytes(r->ir, &f->reports.v[i].val->type) + 64;
        one[i] = arena_alloc(arena, bytes);
        two[i] = arena_alloc(arena, bytes);
    }
    cr_assert_eq(x->interp.run(x->interp.self, fn, &x->a, one, &err), GAN_OK, "%s %s: %s", name, f->name, err.message);
    cr_assert_eq(x->checked.run(x->checked.self, fn, &x->b, two, &err), GAN_OK, "%s %s: %s", name, f->name, err.message);
    for (int i = 0; i < f->reports.n; i++) {
        size_t bytes = (size_t)interp_type_bytes(r->ir, &f->reports.v[i].val->type);
        cr_expect(is_same(&r->program->function[fn].output[i], one[i], two[i], bytes), "%s %s: %s", name, f->name, f->reports.v[i].name);
    }
    cr_expect(!memcmp(x->a.base, x->b.base, x->a.bytes), "%s %s: the state", name, f->name);
}

static double work_of(Arena *a, const IrModule *m, const IrFn *f)
{
    KValues values = {0};
    char    why[512];
    KPlan  *p = kernel_plan(a, m, f, (PlanOptions){0}, &values, why);
    double  work = 0;
    cr_assert(p, "%s", why);
    for (int i = 0; i < p->kernels.n; i++) work += p->kernels.v[i]->flops;
    return work;
}

static void check(const char *name)
{
    Arena   *a = arena_new();
    Sources *sources = sources_new(a);
    Diags   *diags = diags_new(sources);
    char    *text = with_few(a, file_text(a, name));
    LowerOptions o = {.real = IR_F32};
    LowerResult  r = {0};
    GanError     err = {0};
    Both         both;
    cr_assert(lower_program(a, source_add(sources, name, text, strlen(text)), &o, diags, &r), "%s", name);
    opt_run_module(r.ir, &(PassOptions){.portable = true});
    CheckedOptions options = {.threads = 3, .rows = 6, .seed = 1};
    cr_assert_eq(checked_engine_new(r.ir, r.program, &options, &both.checked, &err), GAN_OK, "%s: %s", name, err.message);
    cr_assert_eq(interp_engine_new(r.ir, r.program, &both.interp, &err), GAN_OK, "%s: %s", name, err.message);
    cr_assert_eq(state_new(r.program, 1, &both.a, &err), GAN_OK);
    cr_assert_eq(state_new(r.program, 1, &both.b, &err), GAN_OK);
    run_both(a, name, &r, &both, r.program->init_fn);
    for (int i = 0; i < r.ir->fns.n; i++)
        if (work_of(a, r.ir, r.ir->fns.v[i]) <= MOST_WORK) run_both(a, name, &r, &both, i);
    both.interp.free(both.interp.self);
    both.checked.free(both.checked.self);
    state_free(&both.a);
    state_free(&both.b);
    lower_free(&r);
    arena_free(a);
}

Test(examples, ring) { check("ring"); }
Test(examples, ring_wgan_gp) { check("ring_wgan_gp"); }
Test(examples, ring_mmd) { check("ring_mmd"); }
Test(examples, gaussian_f_gan) { check("gaussian_f_gan"); }
