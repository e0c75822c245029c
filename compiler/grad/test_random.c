/* test_random.c - derivatives of random functions: of every mixture of rows, types, axes and bodies.
 *
 * Each function is made f64 throughout, so that rounding does not hide anything. By all it reads and for all it gives: both modes and
 * reverse over reverse must be accepted by the verifier and run; and where all is finite <1, Jv> = <v, Jᵀ1>. */
#include "compiler/grad/gradcheck.h"
#include "compiler/interp/interp.h"
#include "compiler/ir/random_fn.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

typedef struct { IrVal *v[256]; int n; } Vals;

static void add_real(Vals *vals, IrVal *v)
{
    if (ir_is_real(v->type.elem) && vals->n < 256) vals->v[vals->n++] = v;
}

/* The function "random" of a seed with every f32 made an f64. Random matrices are singular too often for solve, eigh and cholesky to keep
 * digits. */
static IrModule *f64_module(Arena *a, uint64_t seed)
{
    char why[512];
    const bool without[IR_OP_COUNT] = {[IR_eigh] = true, [IR_solve] = true, [IR_cholesky] = true};
    IrModule *m = ir_random_module(a, (IrRandomOptions){.seed = seed, .n_nodes = 30, .max_elements = 60, .without = without});
    Text text = text_in(a);
    ir_print(m, &text);
    for (char *s = text_str(&text); (s = strstr(s, "f32")); s++) memcpy(s, "f64", 3);
    IrModule *wide = ir_read_text(a, text_str(&text), strlen(text_str(&text)), why);
    cr_assert(wide, "seed %d: %s", (int)seed, why);
    return wide;
}

static Vals given(const IrFn *f)
{
    Vals out = {.n = 0};
    for (int i = 0; i < f->reports.n; i++) add_real(&out, f->reports.v[i].val);
    for (int i = 0; i < f->commits.n; i++) add_real(&out, f->commits.v[i].val);
    return out;
}

static Vals reads(const IrFn *f)
{
    Vals in = {.n = 0};
    for (IrNode *n = f->body.first; n; n = n->next)
        if (n->op == IR_read) add_real(&in, &n->result[0]);
    return in;
}

static void **memory(Arena *a, const IrModule *m)
{
    void **slot = arena_array(a, void *, m->slots.n + 1);
    for (int i = 0; i < m->slots.n; i++) {
        slot[i] = arena_alloc(a, (size_t)interp_type_bytes(m, &m->slots.v[i].type) + 1);
        ir_random_fill(&m->slots.v[i], 5, slot[i]);
    }
    return slot;
}

static IrVal *total(IrBuilder *b, IrVal *v)
{
    IrVal *s = ir_sum_all(b, v);
    return s->type.axes.n ? ir_sum_over(b, s, s->type.axes) : s;
}

/* Reports the sum of v and the sum of its sizes. */
static void report_total(IrBuilder *b, IrFn *g, Arena *a, IrVal *v)
{
    ir_report(b->m, g, arena_printf(a, "r%d", g->reports.n), total(b, v));
    ir_report(b->m, g, arena_printf(a, "r%d", g->reports.n), total(b, ir_abs(b, v)));
}

typedef struct { int derivatives, compared, wild; } Tally;

static void check_seed(uint64_t seed, Tally *tally)
{
    Arena *a = arena_new();
    IrModule *m = f64_module(a, seed);
    IrFn *f = ir_find_fn(m, "random");
    IrBuilder b = {.m = m, .block = &f->body};
    Vals out = given(f), in = reads(f), g, t, second;
    f->reports.n = f->commits.n = 0;
    cr_assert(grad_reverse(&b, out.v, NULL, out.n, in.v, in.n, g.v, NULL));
    cr_assert(grad_forward(&b, out.v, out.n, in.v, in.v, in.n, t.v, NULL));
    int n_forward = 0;
    for (int o = 0; o < out.n; o++)
        if (t.v[o]) report_total(&b, f, a, t.v[o]), n_forward++;
    Vals first = {.n = 0};
    for (int i = 0; i < in.n; i++) {
        if (!g.v[i]) continue;
        report_total(&b, f, a, ir_mul(&b, g.v[i], in.v[i]));
        add_real(&first, g.v[i]);
    }
    cr_assert(grad_reverse(&b, first.v, NULL, first.n, in.v, in.n, second.v, NULL));
    for (int i = 0; i < in.n; i++)
        if (second.v[i]) report_total(&b, f, a, second.v[i]);

    char why[512];
    int n;
    cr_assert(ir_verify(m, f, why), "seed %d: %s", (int)seed, why);
    const double *r = check_run(a, m, f, memory(a, m), &n);
    double forward = 0, back = 0, size = 0;
    int n_back = n_forward + first.n;
    for (int i = 0; i < n_forward; i++) forward += r[2 * i], size += r[2 * i + 1];
    for (int i = n_forward; i < n_back; i++) back += r[2 * i], size += r[2 * i + 1];
    tally->derivatives += first.n;
    if (!isfinite(forward) || !isfinite(back) || size > 1e6) tally->wild++;
    else if (size > 0) {
        tally->compared++;
        cr_expect(fabs(forward - back) <= 1e-9 * (size + 1), "seed %d: <1, Jv> = %.17g, <v, J'1> = %.17g", (int)seed, forward, back);
    }
    arena_free(a);
}

Test(grad, random_functions)
{
    Tally tally = {0};
    for (uint64_t seed = 1; seed <= 400; seed++) check_seed(seed, &tally);
    cr_expect(tally.derivatives > 400 && tally.compared > 100, "%d derivatives, %d functions compared, %d wild", tally.derivatives, tally.compared, tally.wild);
}
