/* slopes.c - the gradient of an update's loss as the update has it: its own function, in f64 and with the gradients as results, run by the interpreter on the run's state, with the draws and the
 * mode that the next update will have. By players that it does not move the loss is derived here. */
#include "compiler/debug/inside.h"
#include "compiler/debug/slots.h"

#include "compiler/grad/grad.h"
#include "compiler/interp/interp.h"
#include "runtime/extern.h"
#include "runtime/state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Slopes {
    Options    o;
    Session    s;
    GanProgram p;
    GanState   state;
    IrFn      *f;
    int        own;                                         /* reports of the update itself: gradients by others are behind them */
    InterpMemory memory;
    void     **out, **drop;                                 /* of its reports and commits */
} Slopes;

/* ---- which function ------------------------------------------------------------------------------------------------ */

static GanStatus say_printed(GanError *err)
{
    *err = (GanError){.status = GAN_WRONG};
    return GAN_WRONG;
}

static GanStatus open_function(Slopes *x, const Build *b, int line, GanError *err)
{
    x->o = b->o;
    x->o.slopes = true;                                     /* f64, and gradients as reports */
    if (session_open_text(&x->s, &x->o, b->source.name, b->source.text, b->source.typed, true) != EXIT_DONE) return say_printed(err);
    lower_close(&x->s.lowered);
    if (line >= x->s.lowered.n_lines || x->s.lowered.line[line].fn < 0)
        return gan_error(err, GAN_WRONG, "the file is not what it was when it was read: :reload reads it again");
    x->f = x->s.lowered.ir->fns.v[x->s.lowered.line[line].fn];
    x->own = x->f->reports.n;
    return GAN_OK;
}

static bool is_loss(const IrReport *r) { return !strncmp(r->name, "loss", 4); }

static bool has_slope(const IrFn *f, int slot)
{
    for (int i = 0; i < f->reports.n; i++)
        if (f->reports.v[i].slope_of == slot + 1) return true;
    return false;
}

static IrVal *only_loss(const IrFn *f)
{
    IrVal *loss = NULL;
    for (int i = 0; i < f->reports.n; i++) {
        if (is_loss(&f->reports.v[i]) && loss) return NULL;
        if (is_loss(&f->reports.v[i])) loss = f->reports.v[i].val;
    }
    return loss;
}

/* Each read of a slot is a value of its own: their sum. */
static void report_sum(Slopes *x, IrBuilder *b, int slot, IrVal *const *read, IrVal *const *slope, int n)
{
    IrModule *m = x->s.lowered.ir;
    IrVal    *sum = NULL;
    for (int i = 0; i < n; i++)
        if (read[i]->def->attr->slot == slot && slope[i]) sum = sum ? ir_add(b, sum, slope[i]) : slope[i];
    if (!sum) return;                                       /* a known zero */
    ir_report(m, x->f, arena_printf(x->s.arena, "slope %s", m->slots.v[slot].path), sum);
    x->f->reports.v[x->f->reports.n - 1].slope_of = slot + 1;
}

/* By what the update does not move: where it has one loss. */
static GanStatus derive_others(Slopes *x, GanError *err)
{
    Arena      *a = x->s.arena;
    IrModule   *m = x->s.lowered.ir;
    IrBuilder   b = {.m = m, .block = &x->f->body};
    GradReport  why = {0};
    IrVal      *loss = only_loss(x->f);
    ARRAY(IrVal *) read = {0};
    for (IrNode *k = x->f->body.first; k && loss; k = k->next)
        if (k->op == IR_read && m->slots.v[k->attr->slot].kind == IR_SLOT_PARAM && !has_slope(x->f, k->attr->slot)) array_push(a, &read, &k->result[0]);
    if (!read.n) return GAN_OK;
    IrVal **slope = arena_array(a, IrVal *, read.n);
    if (!grad_reverse(&b, &loss, NULL, 1, read.v, read.n, slope, &why)) return gan_error(err, GAN_WRONG, "the loss goes through an extern simulator, which has no derivative");
    for (int slot = 0; slot < m->slots.n; slot++) report_sum(x, &b, slot, read.v, slope, read.n);
    return GAN_OK;
}

/* ---- at the run's state -------------------------------------------------------------------------------------------- */

static void convert(const GanSlot *from, const void *x, const GanSlot *to, void *y)
{
    if (from->elem == to->elem) memcpy(y, x, to->bytes);
    else
        for (size_t i = 0; i < to->bytes / sizeof(double); i++) ((double *)y)[i] = ((const float *)x)[i];
}

static bool has_slots_of(const Slopes *x, const GanProgram *run)
{
    bool same = x->p.n_slots == run->n_slots;
    for (int i = 0; same && i < run->n_slots; i++) {
        const GanSlot *a = &x->p.slot[i], *b = &run->slot[i];
        same = !strcmp(a->path, b->path) && a->kind == b->kind && a->rank == b->rank && !memcmp(a->dim, b->dim, sizeof *a->dim * (size_t)a->rank);
    }
    return same;
}

static GanStatus stand(Slopes *x, Debugger *d, GanError *err)
{
    Arena            *a = x->s.arena;
    const GanProgram *run = run_program(d);
    const IrModule   *m = x->s.lowered.ir;
    x->p = *x->s.lowered.program;
    GanStatus st = extern_open(&x->p, x->s.folder, &(int){0}, err);
    if (!st) st = state_new(&x->p, debug_state(d)->seed, &x->state, err);
    if (st) return st;
    if (!has_slots_of(x, run)) return gan_error(err, GAN_WRONG, "the gradient of this update is not at hand: between its statements others are kept than the run keeps");
    for (int i = 0; i < run->n_slots; i++)
        if (run->slot[i].kind != GAN_DATA) convert(&run->slot[i], state_slot(run, debug_state(d), i), &x->p.slot[i], state_slot(&x->p, &x->state, i));
    void **slot = arena_array(a, void *, m->slots.n + 1);
    for (int i = 0; i < x->p.n_slots; i++) slot[i] = state_slot(&x->p, &x->state, i);
    x->memory = (InterpMemory){.slot = slot, .seed = x->state.seed, .external = x->p.external, .n_externs = x->p.n_externs};
    x->out = arena_array(a, void *, x->f->reports.n + 1);
    x->drop = arena_array(a, void *, x->f->commits.n + 1);
    for (int i = 0; i < x->f->reports.n; i++) x->out[i] = arena_alloc(a, (size_t)interp_type_bytes(m, &x->f->reports.v[i].val->type) + 8);
    return GAN_OK;
}

static GanStatus run_once(Slopes *x, GanError *err) { return interp_fn(x->s.lowered.ir, x->f, &x->memory, x->out, x->drop, NULL, err); }

/* The report of the loss that a gradient is of: the one before it. */
static int loss_of(const IrFn *f, int report)
{
    while (report > 0 && !is_loss(&f->reports.v[report])) report--;
    return report;
}

/* ---- what is known ------------------------------------------------------------------------------------------------- */

/* A number that another statement of the round has computed: what that is made of does not show here. */
static bool is_kept(const IrModule *m, const IrNode *n)
{
    return n->op == IR_read && m->slots.v[n->attr->slot].kind == IR_SLOT_SCRATCH && ir_is_real(m->slots.v[n->attr->slot].type.elem);
}

static bool is_made_of_kept(const IrModule *m, const bool *kept, const IrNode *n)
{
    bool is = is_kept(m, n);
    for (int i = 0; i < n->n_args; i++) is |= kept[n->arg[i]->id];
    for (int k = 0; k < n->n_bodies; k++)
        for (const IrNode *in = n->body[k]->first; in && !is; in = in->next) is = is_made_of_kept(m, kept, in);
    return is;
}

/* By IrVal.id of what the function's own nodes give. */
static bool *made_of_kept(const Slopes *x)
{
    const IrModule *m = x->s.lowered.ir;
    bool           *kept = arena_array(x->s.arena, bool, m->next_id + 1);
    for (const IrNode *n = x->f->body.first; n; n = n->next)
        for (int i = 0; i < n->n_results && is_made_of_kept(m, kept, n); i++) kept[n->result[i].id] = true;
    return kept;
}

/* ---- differences --------------------------------------------------------------------------------------------------- */

typedef struct Along { Slopes *x; double *at; const double *from, *slope; int64_t n; double norm; int loss; } Along;

static GanStatus loss_at(Along *a, double h, double *loss, GanError *err)
{
    for (int64_t i = 0; i < a->n; i++) a->at[i] = a->from[i] + h * a->slope[i] / a->norm;
    GanStatus st = run_once(a->x, err);
    memcpy(a->at, a->from, sizeof *a->at * (size_t)a->n);
    *loss = *(double *)a->x->out[a->loss];
    return st;
}

/* Of four points, so short a step of f64 that hardly ever a kink lies in it. */
static GanStatus difference(Along *a, double *along, GanError *err)
{
    static const double at[] = {1, -1, 2, -2};
    double              l[4], size = 0;
    for (int64_t i = 0; i < a->n; i++) size += a->from[i] * a->from[i];
    double    h = 1e-6 * fmax(1, sqrt(size));
    GanStatus st = GAN_OK;
    for (int i = 0; i < 4 && !st; i++) st = loss_at(a, at[i] * h, &l[i], err);
    if (!st) *along = (8 * (l[0] - l[1]) - (l[2] - l[3])) / (12 * h);
    return st;
}

/* ---- for who asks -------------------------------------------------------------------------------------------------- */

static double norm_of(const double *v, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += v[i] * v[i];
    return sqrt(sum);
}

/* Of a loss that is whole in its function. */
static GanStatus check(Slopes *x, int report, const double *slope, DebugSlope *of, GanError *err)
{
    int            k = x->f->reports.v[report].slope_of - 1;
    const GanSlot *s = &x->p.slot[k];
    double        *at = state_slot(&x->p, &x->state, k);
    Along          a = {x, at, arena_copy(x->s.arena, at, s->bytes), slope, (int64_t)(s->bytes / sizeof *at), of->norm, loss_of(x->f, report)};
    return of->norm > 0 && isfinite(of->norm) ? difference(&a, &of->along, err) : GAN_OK;
}

/* All gradients first: what is moved for the differences has others. */
static GanStatus list_slopes(Slopes *x, bool checked, Arena *a, DebugSlope *out, int *n, GanError *err)
{
    int        *report = arena_array(a, int, x->f->reports.n + 1);
    GanStatus   st = run_once(x, err);
    double    **slope = arena_array(a, double *, x->f->reports.n + 1);
    const bool *kept = made_of_kept(x);
    for (int i = 0; i < x->f->reports.n && !st; i++) {
        const IrReport *r = &x->f->reports.v[i];
        if (!r->slope_of) continue;
        const GanSlot *s = &x->p.slot[r->slope_of - 1];
        bool           whole = !kept[x->f->reports.v[loss_of(x->f, i)].val->id];
        slope[*n] = arena_copy(a, x->out[i], s->bytes);
        report[*n] = i;
        out[*n] = (DebugSlope){arena_str(a, s->path), norm_of(x->out[i], (int64_t)(s->bytes / sizeof(double))), NAN, whole || i < x->own, whole};
        ++*n;
    }
    for (int i = 0; i < *n && !st; i++)
        if (checked && out[i].whole) st = check(x, report[i], slope[i], &out[i], err);
    return st;
}

GanStatus debug_slopes(Debugger *d, int line, bool checked, Arena *a, DebugSlope **out, int *n, GanError *err)
{
    Slopes x = {0};
    *n = 0;
    *err = (GanError){0};
    GanStatus st = open_function(&x, run_history(d)->build, line, err);
    if (!st) st = derive_others(&x, err);
    if (!st) st = stand(&x, d, err);
    if (!st) *out = arena_array(a, DebugSlope, x.f->reports.n + 1);
    if (!st) st = list_slopes(&x, checked, a, *out, n, err);
    if (!st && !*n) st = gan_error(err, GAN_WRONG, "the update goes along a direction, which is no loss's gradient");
    state_free(&x.state);
    if (x.s.arena) session_close(&x.s);
    return st;
}
