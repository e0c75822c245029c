/* wide.c - see wide.h. The copy is made by copy_block(); the errors are put on values by a watcher, in place.
 *
 * Errors are of size 2^-21 where the function computes in f32, 2^-50 where it computes in f64 (rounding: 2^-24 and 2^-53), also on what is read and
 * drawn: a sum of products has rounding errors of the size of its terms. f32 values keep the range of f32. A result is beyond
 * rounding when it is further from the wide one than 16 times the largest deviation in 16 runs with errors. */
#include "compiler/interp/wide.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { EXACT, AS_F32, AS_F64 };                             /* what a value of the copy was */

struct InterpWide {
    IrModule      *m;
    const IrFn    *of;
    IrFn           fn;
    const uint8_t *was;                                     /* by IrVal.id - first */
    uint32_t       first, n;
    const IrElem  *report, *commit;                         /* their types as written */
};

/* ---- the copy --------------------------------------------------------------------------------------------------- */

typedef struct Copy {
    IrModule *m;
    Arena    *scratch;
    IrVal   **to;                                           /* by id of the function's values */
    ARRAY(uint8_t) was;                                     /* by id of the copy's, from `first` on */
    uint32_t  first;
    bool      failed;
} Copy;

static void put(Copy *c, const IrVal *from, IrVal *to)
{
    c->to[from->id] = to;
    while (c->was.n <= (int)(to->id - c->first)) array_push(c->scratch, &c->was, EXACT);
    if (from->type.elem == IR_F32) c->was.v[to->id - c->first] = AS_F32;
    if (from->type.elem == IR_F64) c->was.v[to->id - c->first] = AS_F64;
}

static IrElem wide_elem(IrElem e) { return e == IR_F32 ? IR_F64 : e; }

static IrBlock *copy_body(Copy *c, const IrBlock *from);

/* A value of its own: what rounds to f32 in the function has an error of its own. */
static IrVal *widen(IrBuilder *b, IrVal *v)
{
    return v->type.elem == IR_F64 ? ir_mul(b, v, ir_const(b, IR_F64, 1)) : ir_convert(b, v, IR_F64);
}

static IrNode *copy_control(Copy *c, IrBuilder *b, const IrNode *n, IrVal **args)
{
    IrBlock *body[2];
    for (int i = 0; i < n->n_bodies; i++) body[i] = copy_body(c, n->body[i]);
    const IrAttrs *at = n->attr;
    return n->op == IR_scan ? ir_scan_node(b, at->n, at->carried, at->stacked, at->until, args, n->n_args, body[0])
                            : ir_cond_node(b, args, n->n_args, body[0], body[1]);
}

static void copy_node(Copy *c, IrBuilder *b, const IrNode *n)
{
    IrVal **args = arena_array(c->scratch, IrVal *, n->n_args + 1);
    IrAttrs at = *n->attr;
    bool    narrow = n->n_results && n->result[0].type.elem == IR_F32;
    for (int i = 0; i < n->n_args; i++) args[i] = c->to[n->arg[i]->id];
    if (n->op == IR_extern) c->failed = true;
    if (c->failed) return;
    if (narrow) at.value = (double)(float)at.value;         /* of a constant, or around what is padded */
    if (n->op == IR_const && narrow) {
        c->to[n->result[0].id] = ir_const(b, IR_F64, at.value);
    } else if (n->op == IR_convert && narrow) {
        put(c, &n->result[0], widen(b, args[0]));
    } else if (ir_op_info[n->op].flags & IR_LEAF) {
        IrVal *leaf = &ir_like(b, n, args)->result[0];
        put(c, &n->result[0], narrow ? widen(b, leaf) : leaf);
        if (n->op == IR_const || (n->op == IR_read && !narrow)) c->was.v[leaf->id - c->first] = EXACT;     /* memory of others */
    } else {
        IrNode *copy = n->n_bodies ? copy_control(c, b, n, args) : ir_node(b, n->op, args, n->n_args, &at);
        for (int i = 0; i < n->n_results; i++) put(c, &n->result[i], &copy->result[i]);
    }
}

static void copy_nodes(Copy *c, IrBlock *to, const IrBlock *from)
{
    IrBuilder b = {.m = c->m, .block = to};
    for (const IrNode *n = from->first; n && !c->failed; n = n->next) {
        b.span = n->span;
        copy_node(c, &b, n);
    }
}

static IrBlock *copy_body(Copy *c, const IrBlock *from)
{
    IrBlock *to = ir_block(c->m);
    IrVal  **yields = arena_array(c->scratch, IrVal *, from->n_yields + 1);
    for (int i = 0; i < from->n_params; i++) {
        IrType t = from->param[i]->type;
        t.elem = wide_elem(t.elem);
        c->to[from->param[i]->id] = ir_block_param(c->m, to, t);
    }
    copy_nodes(c, to, from);
    for (int i = 0; i < from->n_yields && !c->failed; i++) yields[i] = c->to[from->yield[i]->id];
    if (!c->failed) ir_block_yield(c->m, to, yields, from->n_yields);
    return to;
}

InterpWide *interp_wide(IrModule *m, const IrFn *f)
{
    InterpWide *w = arena_new_of(m->arena, InterpWide);
    Copy        c = {.m = m, .scratch = arena_new(), .first = m->next_id};
    IrElem     *report = arena_array(m->arena, IrElem, f->reports.n + 1), *commit = arena_array(m->arena, IrElem, f->commits.n + 1);
    c.to = arena_array(c.scratch, IrVal *, m->next_id + 1);
    *w = (InterpWide){.m = m, .of = f, .fn = {.name = f->name, .kind = f->kind, .tick_slot = f->tick_slot}, .first = c.first, .report = report, .commit = commit};
    copy_nodes(&c, &w->fn.body, &f->body);
    for (int i = 0; i < f->reports.n && !c.failed; i++) {
        report[i] = f->reports.v[i].val->type.elem;
        ir_report(m, &w->fn, f->reports.v[i].name, c.to[f->reports.v[i].val->id]);
    }
    for (int i = 0; i < f->commits.n && !c.failed; i++) {   /* as wide as they are: not for slots */
        commit[i] = f->commits.v[i].val->type.elem;
        array_push(m->arena, &w->fn.commits, ((IrCommit){f->commits.v[i].slot, c.to[f->commits.v[i].val->id]}));
    }
    w->was = arena_copy(m->arena, c.was.v, (size_t)c.was.n);
    w->n = (uint32_t)c.was.n;
    arena_free(c.scratch);
    return c.failed ? NULL : w;
}

/* ---- runs with errors ------------------------------------------------------------------------------------------- */

enum { RUNS = 16, MOST_RUNS = 200 };

typedef struct Errors {
    const InterpWide   *w;
    const InterpMemory *memory;
    uint64_t            state;                              /* of the random numbers; goes on from run to run */
    bool                on;
    int                 runs;
} Errors;

static double between_ones(uint64_t *state)                 /* splitmix64 (Steele, Lea, Flood 2014) */
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)(int64_t)(z ^ (z >> 31)) * 0x1p-63;
}

static double in_range_of_f32(double x)
{
    if (fabs(x) < FLT_MIN) return (double)(float)x;
    return x > FLT_MAX ? INFINITY : x < -FLT_MAX ? -INFINITY : x;
}

/* x with an error, and on a grid of that size (Veltkamp 1968): 1 - x of an x near 1 can be 0, as it can be when x is rounded. */
static double with_error(uint64_t *state, double x, int was)
{
    double most = was == AS_F32 ? 0x1p-21 : 0x1p-50, split = was == AS_F32 ? 0x1p31 + 1 : 0x1p3 + 1;
    double tiny = was == AS_F32 && x != 0 && fabs(x) < FLT_MIN ? 0x1p-146 * between_ones(state) : 0;
    double y = x + x * most * between_ones(state) + tiny, up = y * split;
    return isfinite(up) ? up - (up - y) : y;
}

static bool is_slot(const Errors *e, const void *data)
{
    for (int i = 0; i < e->w->m->slots.n; i++) {
        const char *slot = e->memory->slot[i];
        if (slot && (const char *)data >= slot && (const char *)data <= slot + interp_type_bytes(e->w->m, &e->w->m->slots.v[i].type)) return true;
    }
    return false;
}

static bool disturb(void *self, const InterpRun *run, const IrNode *n, int result, uint32_t iteration, const void *data)
{
    Errors  *e = self;
    uint32_t at = n->result[result].id - e->w->first;
    int      was = at < e->w->n ? e->w->was[at] : EXACT, klass = ir_op_info[n->op].klass;
    (void)run;
    (void)iteration;
    if (was == EXACT || n->op == IR_stop || klass == IR_CLASS_LAYOUT || klass == IR_CLASS_CTL || is_slot(e, data)) return true;
    double *x = (double *)data;                             /* the run's own */
    int64_t size = ir_dims_size(&n->result[result].type) * ir_axes_size(e->w->m, n->result[result].type.axes);
    for (int64_t i = 0; i < size; i++) {
        if (e->on) x[i] = with_error(&e->state, x[i], was);
        if (was == AS_F32) x[i] = in_range_of_f32(x[i]);
    }
    return true;
}

/* ---- results ---------------------------------------------------------------------------------------------------- */

typedef struct Result {                                     /* a report or a commit */
    int         report, commit;
    int64_t     n;
    IrElem      elem, wide;
    const void *other;
    void       *plain, *run;                                /* of the wide copy: without errors, and with */
    double     *deviation;                                  /* by element; of the runs so far */
} Result;

static bool is_same(double x, double y) { return x == y || (isnan(x) && isnan(y)); }

static double own_rounding(IrElem e, double x)
{
    return e == IR_F32 ? fabs(x) * 0x1p-20 + 0x1p-140 : e == IR_F64 ? fabs(x) * 0x1p-48 : 0;
}

/* How far the other value may lie from x. */
static double allowed(const Result *r, int64_t i, double x)
{
    return own_rounding(r->elem, x) + (r->deviation ? 16 * r->deviation[i] : 0);
}

static bool is_close(const Result *r, int64_t i, bool strict)
{
    double x = interp_number(r->wide, r->plain, i), y = interp_number(r->elem, r->other, i), most = allowed(r, i, x);
    if (is_same(x, y) || isinf(most) || isnan(most)) return true;
    if (!isfinite(x)) return !strict;
    return fabs(x - y) <= most;
}

static bool find(const Result *r, int n, bool strict, InterpBeyond *out)
{
    for (int k = 0; k < n; k++)
        for (int64_t i = 0; r[k].other && i < r[k].n; i++) {
            if (is_close(&r[k], i, strict)) continue;
            double x = interp_number(r[k].wide, r[k].plain, i);
            *out = (InterpBeyond){true, r[k].report, r[k].commit, i, x, interp_number(r[k].elem, r[k].other, i), allowed(&r[k], i, x)};
            return true;
        }
    return false;
}

static void add_deviations(Result *r, int n)
{
    for (int k = 0; k < n; k++)
        for (int64_t i = 0; i < r[k].n; i++) {
            double x = interp_number(r[k].wide, r[k].plain, i), y = interp_number(r[k].wide, r[k].run, i), d = is_same(x, y) ? 0 : fabs(x - y);
            if (!(d <= r[k].deviation[i])) r[k].deviation[i] = isnan(d) ? INFINITY : d;
        }
}

static Result result_of(Arena *a, const IrModule *m, const IrVal *v, IrElem elem, const void *other)
{
    size_t bytes = (size_t)interp_type_bytes(m, &v->type);
    return (Result){-1, -1, ir_dims_size(&v->type) * ir_axes_size(m, v->type.axes), elem, v->type.elem, other, arena_alloc(a, bytes + 1), arena_alloc(a, bytes + 1), NULL};
}

static GanStatus run_wide(Errors *e, const Result *r, bool plain, Arena *a, GanError *err)
{
    const IrFn *f = &e->w->fn;
    void      **report = arena_array(a, void *, f->reports.n + 1), **commit = arena_array(a, void *, f->commits.n + 1);
    for (int i = 0; i < f->reports.n; i++) report[i] = plain ? r[i].plain : r[i].run;
    for (int i = 0; i < f->commits.n; i++) commit[i] = plain ? r[f->reports.n + i].plain : r[f->reports.n + i].run;
    return interp_fn(e->w->m, f, e->memory, report, commit, &(InterpWatch){disturb, e}, err);
}

GanStatus interp_beyond_rounding(const InterpWide *w, const InterpMemory *memory, void *const *reports, void *const *commits, bool strict,
                                 InterpBeyond *out, GanError *err)
{
    Arena  *a = arena_new();
    int     n = w->fn.reports.n + w->fn.commits.n, at = 0;
    Result *r = arena_array(a, Result, n + 1);
    Errors  e = {.w = w, .memory = memory};
    for (int i = 0; i < w->fn.reports.n; i++, at++) {
        r[at] = result_of(a, w->m, w->fn.reports.v[i].val, w->report[i], reports ? reports[i] : NULL);
        r[at].report = i;
    }
    for (int i = 0; i < w->fn.commits.n; i++, at++) {
        r[at] = result_of(a, w->m, w->fn.commits.v[i].val, w->commit[i], commits ? commits[i] : NULL);
        r[at].commit = i;
    }
    GanStatus st = run_wide(&e, r, true, a, err);
    bool      beyond = !st && find(r, n, strict, out);
    for (int i = 0; i < n && beyond; i++) r[i].deviation = arena_array(a, double, r[i].n + 1);
    for (e.on = true; beyond && !st && e.runs < MOST_RUNS; ) {
        e.runs++;
        st = run_wide(&e, r, false, a, err);
        if (!st) add_deviations(r, n);
        if (!st && e.runs >= RUNS) beyond = find(r, n, strict, out);
    }
    if (!beyond) *out = (InterpBeyond){0};
    arena_free(a);
    return st;
}
