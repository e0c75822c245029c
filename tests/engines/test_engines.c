/* test_engines.c - random functions through interpreter and compiled code, on one to eight threads: the same bits.
 *
 * One function a seed (compiler/ir/random_fn.h), every other one after the passes and every fourth with its own derivatives, is
 * run twice in a row on the same state by both engines; every report and every slot is compared, NaN with NaN. When a number differs, the seed, the function and the first difference are printed;
 * then the function is compiled again with every value as a report (or, if that hides it, with one at a time), and the first
 * row whose value differs is named.
 *
 * GAN_RANDOM_PROGRAMS  how many (200)
 * GAN_RANDOM_SEED      the first seed (1); when given, each seed is printed before it runs, so that a crash has a name */
#include "compiler/grad/grad.h"
#include "compiler/interp/interp.h"
#include "compiler/ir/random_fn.h"
#include "compiler/llvm/jit.h"
#include "compiler/opt/pass.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS = 2, MOST_PRINTED = 3, ALIGN = 64, MOST_DATA = 64 };

/* ---- a module as a program -------------------------------------------------------------------------------------- */

typedef struct Case {
    Arena      *arena;
    IrModule   *m;
    IrFn       *f;
    GanProgram  program;
    const void *data[MOST_DATA];
} Case;

static const GanElem elem_of[] = {[IR_BOOL] = GAN_BOOL, [IR_I32] = GAN_I32, [IR_I64] = GAN_I64, [IR_F32] = GAN_F32, [IR_F64] = GAN_F64};

static void add_slots(Case *c, uint64_t seed)
{
    GanProgram *p = &c->program;
    size_t      n_data = 0;
    p->n_slots = c->m->slots.n;
    p->slot = arena_array(c->arena, GanSlot, p->n_slots + 1);
    for (int i = 0; i < p->n_slots; i++) {
        const IrSlot *s = &c->m->slots.v[i];
        size_t        bytes = (size_t)interp_type_bytes(c->m, &s->type);
        GanSlot       slot = {s->path, (GanSlotKind)s->kind, elem_of[s->type.elem], s->type.rank, {0}, p->state_bytes, bytes, s->player};
        memcpy(slot.dim, s->type.dim, sizeof slot.dim);
        if (s->kind == IR_SLOT_DATA) {
            void *data = arena_alloc(c->arena, bytes + ALIGN);
            cr_assert_lt(n_data, (size_t)MOST_DATA);
            ir_random_fill(s, seed + (uint64_t)i, data);
            slot.offset = n_data;
            c->data[n_data++] = data;
        } else p->state_bytes += (bytes + ALIGN - 1) / ALIGN * ALIGN;
        p->slot[i] = slot;
    }
}

static GanOutput output_of(const IrModule *m, const IrReport *r)
{
    const IrType *t = &r->val->type;
    GanOutput     o = {.name = r->name, .elem = elem_of[t->elem]};
    for (int i = 0; i < t->axes.n; i++) o.dim[o.rank++] = ir_extent(m, t->axes.id[i]);
    for (int i = 0; i < t->rank; i++) o.dim[o.rank++] = t->dim[i];
    return o;
}

static void add_functions(Case *c)
{
    GanProgram *p = &c->program;
    p->n_functions = c->m->fns.n;
    p->function = arena_array(c->arena, GanFunction, p->n_functions);
    for (int i = 0; i < p->n_functions; i++) {
        const IrFn *f = c->m->fns.v[i];
        p->function[i] = (GanFunction){.name = f->name, .n_outputs = f->reports.n, .output = arena_array(c->arena, GanOutput, f->reports.n + 1)};
        for (int k = 0; k < f->reports.n; k++) p->function[i].output[k] = output_of(c->m, &f->reports.v[k]);
    }
}

/* Reports the gradient of all real reports by all real slots that are read. */
static void differentiate(Case *c)
{
    ARRAY(IrVal *) outputs = {0}, wrt = {0};
    for (int i = 0; i < c->f->reports.n; i++)
        if (ir_is_real(c->f->reports.v[i].val->type.elem)) array_push(c->arena, &outputs, c->f->reports.v[i].val);
    for (IrNode *n = c->f->body.first; n; n = n->next)
        if (n->op == IR_read && ir_is_real(n->result->type.elem)) array_push(c->arena, &wrt, n->result);
    IrVal   **grads = arena_array(c->arena, IrVal *, wrt.n + 1);
    IrBuilder b = {.m = c->m, .block = &c->f->body};
    if (!outputs.n || !wrt.n || !grad_reverse(&b, outputs.v, NULL, outputs.n, wrt.v, wrt.n, grads, NULL)) return;
    for (int i = 0; i < wrt.n; i++)
        if (grads[i]) ir_report(c->m, c->f, arena_printf(c->arena, "d%d", i), grads[i]);
}

static void transform(Case *c, uint64_t seed)
{
    if (seed % 4 == 3) differentiate(c);
    if (seed % 2) opt_run_module(c->m, &(PassOptions){.portable = true, .verify = true});
}

/* The random function of a seed; its reports are its own, or with `probe` >= 0 those of the rows of its body: all of them
 * (ALL_VALUES), or the results of row `probe` alone. */
enum { AS_IT_IS = -1, ALL_VALUES = -2 };

static Case *new_case(uint64_t seed, int probe)
{
    Arena *a = arena_new();
    Case  *c = arena_new_of(a, Case);
    c->arena = a;
    c->m = ir_random_module(a, (IrRandomOptions){.seed = seed, .n_nodes = seed % 4 == 3 ? 15 : 30});
    c->f = c->m->fns.v[0];
    transform(c, seed);
    if (probe != AS_IT_IS) {
        int row = 0;
        c->f->reports.n = 0;
        if (probe >= 0) c->f->commits.n = 0;
        for (IrNode *n = c->f->body.first; n; n = n->next, row++)
            for (int i = 0; i < n->n_results && (probe == ALL_VALUES || probe == row); i++)
                ir_report(c->m, c->f, arena_printf(a, "%d.%d", row, i), &n->result[i]);
    }
    add_slots(c, seed);
    add_functions(c);
    return c;
}

/* ---- running ---------------------------------------------------------------------------------------------------- */

typedef struct Side {                                       /* one engine's state and outputs */
    GanState  state;
    void    **out;
    GanStatus status;
    GanError  error;
} Side;

static Side new_side(Case *c, uint64_t seed)
{
    Side s = {.state = {.bytes = c->program.state_bytes, .data = c->data, .seed = seed}};
    char *base = arena_alloc(c->arena, s.state.bytes + 2 * ALIGN);
    s.state.base = base + (ALIGN - (uintptr_t)base % ALIGN);
    for (int i = 0; i < c->program.n_slots; i++)
        if (c->program.slot[i].kind != GAN_DATA) ir_random_fill(&c->m->slots.v[i], seed + (uint64_t)i, s.state.base + c->program.slot[i].offset);
    s.out = arena_array(c->arena, void *, c->f->reports.n + 1);
    for (int i = 0; i < c->f->reports.n; i++) s.out[i] = arena_alloc(c->arena, (size_t)interp_type_bytes(c->m, &c->f->reports.v[i].val->type) + ALIGN);
    return s;
}

static double number_at(IrElem e, const void *data, int64_t i)
{
    switch (e) {
    case IR_BOOL: return ((const uint8_t *)data)[i];
    case IR_I32: return ((const int32_t *)data)[i];
    case IR_I64: return (double)((const int64_t *)data)[i];
    case IR_F32: return ((const float *)data)[i];
    case IR_F64: return ((const double *)data)[i];
    }
    return 0;
}

/* The first element whose bits differ, two NaN being equal; -1: none. */
static int64_t first_difference(const Case *c, const IrType *t, const void *a, const void *b)
{
    size_t  each = ir_elem_bytes(t->elem), bytes = (size_t)interp_type_bytes(c->m, t);
    if (!memcmp(a, b, bytes)) return -1;
    for (int64_t i = 0; i < (int64_t)(bytes / each); i++) {
        if (!memcmp((const char *)a + (size_t)i * each, (const char *)b + (size_t)i * each, each)) continue;
        if (!(isnan(number_at(t->elem, a, i)) && isnan(number_at(t->elem, b, i)))) return i;
    }
    return -1;
}

typedef struct Difference {
    bool          found;
    const char   *failure;                                  /* one engine's message, in the case's arena; no number then */
    int           run, report, slot;                        /* -1: not this one */
    int64_t       element;
    double        interp, jit;
} Difference;

static Difference difference(const Case *c, const Side *a, const Side *b, int run)
{
    for (int i = 0; i < c->f->reports.n; i++) {
        const IrType *t = &c->f->reports.v[i].val->type;
        int64_t       at = first_difference(c, t, a->out[i], b->out[i]);
        if (at >= 0) return (Difference){true, NULL, run, i, -1, at, number_at(t->elem, a->out[i], at), number_at(t->elem, b->out[i], at)};
    }
    for (int i = 0; i < c->program.n_slots; i++) {
        const GanSlot *s = &c->program.slot[i];
        const IrType  *t = &c->m->slots.v[i].type;
        if (s->kind == GAN_DATA) continue;
        const char *x = a->state.base + s->offset, *y = b->state.base + s->offset;
        int64_t     at = first_difference(c, t, x, y);
        if (at >= 0) return (Difference){true, NULL, run, -1, i, at, number_at(t->elem, x, at), number_at(t->elem, y, at)};
    }
    return (Difference){0};
}

static Difference failure(const Case *c, const GanError *err) { return (Difference){.found = true, .failure = arena_str(c->arena, err->message)}; }

static void run_one(GanEngine *e, Side *s) { s->status = e->run(e->self, 0, &s->state, s->out, &s->error); }

/* Both engines RUNS times from the same state. */
static Difference compare(Case *c, uint64_t seed, int threads)
{
    GanEngine  interp, jit;
    GanError   err = {0};
    JitOptions options = {.threads = threads};
    Difference d = {0};
    cr_assert_eq(interp_engine_new(c->m, &c->program, &interp, &err), GAN_OK, "seed %lu: %s", (unsigned long)seed, err.message);
    if (jit_engine_new(c->m, &c->program, &options, &jit, &err) != GAN_OK) {
        interp.free(interp.self);
        return failure(c, &err);
    }
    Side a = new_side(c, seed), b = new_side(c, seed);
    for (int run = 0; run < RUNS && !d.found; run++) {
        run_one(&interp, &a);
        run_one(&jit, &b);
        d = a.status ? failure(c, &a.error) : b.status ? failure(c, &b.error) : difference(c, &a, &b, run);
    }
    interp.free(interp.self);
    jit.free(jit.self);
    return d;
}

/* ---- telling ---------------------------------------------------------------------------------------------------- */

static void print_difference(const Case *c, const Difference *d)
{
    if (d->failure) {
        fprintf(stderr, "  %s\n", d->failure);
        return;
    }
    const char *what = d->report >= 0 ? c->f->reports.v[d->report].name : c->program.slot[d->slot].path;
    fprintf(stderr, "  %s \"%s\", element %ld, run %d: interpreter %.17g, compiled %.17g\n", d->report >= 0 ? "report" : "slot", what,
            (long)d->element, d->run, d->interp, d->jit);
}

static void print_row(const Case *c, int report)
{
    const IrNode *n = c->f->reports.v[report].val->def;
    Text          t = text_in(c->arena);
    ir_print_type(c->m, &c->f->reports.v[report].val->type, &t);
    fprintf(stderr, "  first row that differs: number %s, %s : %s, of", c->f->reports.v[report].name, ir_op_info[n->op].name, text_str(&t));
    for (int i = 0; i < n->n_args; i++) {
        Text u = text_in(c->arena);
        ir_print_type(c->m, &n->arg[i]->type, &u);
        fprintf(stderr, " %s (%s)", text_str(&u), n->arg[i]->def ? ir_op_info[n->arg[i]->def->op].name : "parameter");
    }
    fprintf(stderr, "\n");
}

static int rows_of(const Case *c)
{
    int rows = 0;
    for (const IrNode *n = c->f->body.first; n; n = n->next) rows++;
    return rows;
}

static bool probe(uint64_t seed, int threads, int which)
{
    Case      *c = new_case(seed, which);
    Difference d = compare(c, seed, threads);
    bool here = d.found && !d.failure && d.report >= 0;
    if (here) {
        print_row(c, d.report);
        print_difference(c, &d);
    }
    arena_free(c->arena);
    return here;
}

static void find_row(uint64_t seed, int threads, int rows)
{
    if (probe(seed, threads, ALL_VALUES)) return;
    for (int row = 0; row < rows; row++)
        if (probe(seed, threads, row)) return;
    fprintf(stderr, "  no value differs when it is kept: the defect lies in how the function is fused\n");
}

static void tell(const Case *c, uint64_t seed, int threads, const Difference *d)
{
    Text t = text_in(c->arena);
    ir_print(c->m, &t);
    fprintf(stderr, "\nseed %lu, %d threads:\n%s", (unsigned long)seed, threads, text_str(&t));
    print_difference(c, d);
    if (!d->failure) find_row(seed, threads, rows_of(c));
}

/* ---- the test --------------------------------------------------------------------------------------------------- */

static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *s = getenv(name);
    return s && *s ? strtoull(s, NULL, 10) : otherwise;
}

Test(engines, random_programs)
{
    static const int threads_of[] = {1, 2, 3, 8};
    uint64_t first = setting("GAN_RANDOM_SEED", 1), n = setting("GAN_RANDOM_PROGRAMS", 200);
    int      wrong = 0;
    for (uint64_t seed = first; seed < first + n; seed++) {
        if (getenv("GAN_RANDOM_SEED")) fprintf(stderr, "seed %lu\n", (unsigned long)seed);
        Case      *c = new_case(seed, AS_IT_IS);
        int        threads = threads_of[seed / 4 % 4];
        Difference d = compare(c, seed, threads);
        if (d.found && ++wrong <= MOST_PRINTED) tell(c, seed, threads, &d);
        else if (d.found) fprintf(stderr, "seed %lu, %d threads\n", (unsigned long)seed, threads);
        arena_free(c->arena);
    }
    cr_assert_eq(wrong, 0, "%d of %lu random programs differ", wrong, (unsigned long)n);
}
