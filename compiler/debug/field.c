/* field.c - see field.h. The program is lowered twice more, in f64 and with its gradients as results: one is made to give v and J u, the other J' u. */
#include "compiler/debug/field.h"

#include "compiler/grad/grad.h"
#include "compiler/interp/interp.h"
#include "compiler/jit/jit.h"
#include "compiler/opt/pass.h"
#include "runtime/extern.h"
#include "runtime/state.h"

#include <stdlib.h>
#include <string.h>

typedef enum { FORWARD, REVERSE } Direction;

typedef struct Output { int slot; bool derivative; } Output;        /* of a function: a part of v, or of the product */

typedef struct Side {                                       /* the program made for one of the two */
    Options    o;
    Session    s;
    IrModule   m;                                           /* only its updates */
    GanProgram p;
    GanEngine  engine;
    GanState   state;
    Output   **output;                                      /* by function */
    int       *given;                                       /* by FieldSlot: the slot of the vector that is multiplied */
} Side;

struct Field {
    const GanProgram *run;
    FieldSlot *slot;   int n_slots;
    int       *of_slot;                                     /* by slot of the program: its FieldSlot, or -1 */
    int64_t    size;
    Side       side[2];
};

/* ---- which updates, which parameters ------------------------------------------------------------------------------- */

static bool is_update(const LowerResult *r, int fn)
{
    for (int i = 0; i < r->n_lines; i++)
        if (r->line[i].fn == fn && !strcmp(r->line[i].what, "update")) return true;
    return false;
}

static int slope_of(const IrReport *r) { return r->slope_of - 1; }        /* the parameter's slot; -1: it is the loss */

static bool has_slopes(const IrFn *f)
{
    for (int i = 0; i < f->reports.n; i++)
        if (slope_of(&f->reports.v[i]) >= 0) return true;
    return false;
}

/* What it reads is parameters, what a run begins with, and data; not what other statements have computed, whose own slopes would be lost. */
static GanStatus check_update(const Session *s, const IrFn *f, GanError *err)
{
    const IrModule *m = s->lowered.ir;
    if (!has_slopes(f)) return gan_error(err, GAN_WRONG, "an update goes along a direction, which is no loss's gradient: %s", f->name);
    for (const IrNode *n = f->body.first; n; n = ir_next(n)) {
        bool kept = n->op == IR_read && (m->slots.v[n->attr->slot].kind == IR_SLOT_STATE || m->slots.v[n->attr->slot].kind == IR_SLOT_SCRATCH);
        if (kept && !session_starts(s, n->attr->slot))
            return gan_error(err, GAN_WRONG, "a loss is made of %s, which another statement computes: the gradient through that is not at hand here", m->slots.v[n->attr->slot].path);
    }
    return GAN_OK;
}

static int64_t elements(const GanSlot *s) { return (int64_t)(s->bytes / gan_elem_bytes(s->elem)); }

static void add_slot(Field *f, int slot)
{
    const GanSlot *s = &f->run->slot[slot];
    if (f->of_slot[slot] >= 0) return;
    f->of_slot[slot] = f->n_slots;
    f->slot[f->n_slots++] = (FieldSlot){s->path, s->player, f->size, elements(s)};
    f->size += elements(s);
}

static GanStatus list_slots(Field *f, const Session *s, GanError *err)
{
    const IrModule *m = s->lowered.ir;
    f->slot = calloc((size_t)f->run->n_slots + 1, sizeof *f->slot);
    f->of_slot = malloc(sizeof *f->of_slot * ((size_t)f->run->n_slots + 1));
    if (!f->slot || !f->of_slot) return gan_error(err, GAN_WORLD, "no memory for the game's field");
    for (int i = 0; i < f->run->n_slots; i++) f->of_slot[i] = -1;
    for (int i = 0; i < m->fns.n; i++) {
        const IrFn *fn = m->fns.v[i];
        GanStatus   st = is_update(&s->lowered, i) ? check_update(s, fn, err) : GAN_OK;
        for (int k = 0; !st && k < fn->reports.n; k++) {
            int slot = slope_of(&fn->reports.v[k]);
            if (slot >= 0) add_slot(f, slot);
        }
        if (st) return st;
    }
    return f->size ? GAN_OK : gan_error(err, GAN_WRONG, "the program has no updates");
}

/* ---- derivatives of gradients --------------------------------------------------------------------------------------- */

typedef ARRAY(IrVal *) Values;
typedef ARRAY(int) Numbers;                               /* of FieldSlots */

static IrVal *behind(IrVal *v)
{
    while (v->def && v->def->op == IR_stop) v = v->def->arg[0];
    return v;
}

static void pass_stops(IrBlock *b)
{
    for (IrNode *n = b->first; n; n = ir_next(n)) {
        for (int i = 0; i < n->n_args; i++) n->arg[i] = behind(n->arg[i]);
        for (int k = 0; k < n->n_bodies; k++) pass_stops(n->body[k]);
    }
    for (int i = 0; i < b->n_yields; i++) b->yield[i] = behind(b->yield[i]);
}

static void list_reads(const Field *f, Arena *a, IrFn *fn, Values *out)
{
    for (IrNode *n = fn->body.first; n; n = ir_next(n))
        if (n->op == IR_read && n->attr->slot < f->run->n_slots && f->of_slot[n->attr->slot] >= 0) array_push(a, out, &n->result[0]);
}

/* The gradients among its reports, each as its player goes down along it, and whose each is. */
static void list_slopes(const Field *f, IrBuilder *b, Arena *a, const IrFn *fn, Values *out, Numbers *of)
{
    for (int i = 0; i < fn->reports.n; i++) {
        const IrReport *r = &fn->reports.v[i];
        int             slot = slope_of(r);
        if (slot < 0) continue;
        array_push(a, out, r->uphill ? ir_neg(b, behind(r->val)) : behind(r->val));
        array_push(a, of, f->of_slot[slot]);
    }
}

static void report(Side *s, int fn, Arena *a, IrVal *v, int slot, bool derivative)
{
    IrFn *f = s->m.fns.v[fn];
    if (!v) return;                                         /* a known zero */
    s->output[fn][f->reports.n] = (Output){slot, derivative};
    ir_report(&s->m, f, arena_printf(a, "%s %d", derivative ? "product" : "gradient", f->reports.n), v);
}

/* Vectors to multiply with, one a read of a parameter (its tangent) or a gradient (its cotangent). */
static void list_given(const Side *s, IrBuilder *b, Arena *a, const Numbers *of, Values *out)
{
    for (int i = 0; i < of->n; i++) array_push(a, out, ir_read(b, s->given[of->v[i]]));
}

static GanStatus derive(const Field *f, Side *s, int fn, Direction way, GanError *err)
{
    Arena     *a = s->s.arena;
    IrFn      *to = s->m.fns.v[fn];
    IrBuilder  b = {.m = &s->m, .block = &to->body};
    Values     reads = {0}, slopes = {0}, given = {0};
    Numbers    of_reads = {0}, of_slopes = {0};
    const IrNode *opaque = NULL;
    GradReport    why = {0};
    pass_stops(&to->body);
    list_reads(f, a, to, &reads);
    list_slopes(f, &b, a, to, &slopes, &of_slopes);
    for (int i = 0; i < reads.n; i++) array_push(a, &of_reads, f->of_slot[reads.v[i]->def->attr->slot]);
    list_given(s, &b, a, way == FORWARD ? &of_reads : &of_slopes, &given);
    int     n = way == FORWARD ? slopes.n : reads.n;
    IrVal **out = arena_array(a, IrVal *, n + 1);
    bool    ok = way == FORWARD ? grad_forward(&b, slopes.v, slopes.n, reads.v, given.v, reads.n, out, &opaque)
                                : grad_reverse(&b, slopes.v, given.v, slopes.n, reads.v, reads.n, out, &why);
    if (!ok) return gan_error(err, GAN_WRONG, "a loss goes through an extern simulator, which has no derivative");
    s->output[fn] = arena_array(a, Output, slopes.n + n + 1);
    to->commits.n = to->reports.n = 0;
    for (int i = 0; way == FORWARD && i < slopes.n; i++) report(s, fn, a, slopes.v[i], of_slopes.v[i], false);
    for (int i = 0; i < n; i++) report(s, fn, a, out[i], (way == FORWARD ? of_slopes : of_reads).v[i], true);
    return GAN_OK;
}

/* ---- a side ------------------------------------------------------------------------------------------------------ */

static void add_given(const Field *f, Side *s)
{
    Arena *a = s->s.arena;
    s->given = arena_array(a, int, f->n_slots + 1);
    for (int i = 0; i < f->n_slots; i++) {
        int own = ir_find_slot(&s->m, f->slot[i].path);
        s->given[i] = ir_slot(&s->m, arena_printf(a, "<given>.%s", f->slot[i].path), s->m.slots.v[own].type, IR_SLOT_SCRATCH, NULL);
    }
}

static void keep_updates(Side *s)
{
    const IrModule *all = s->s.lowered.ir;
    s->m = *all;
    s->m.fns.v = arena_array(s->s.arena, IrFn *, all->fns.n + 1);
    s->m.fns.n = s->m.fns.cap = 0;
    for (int i = 0; i < all->fns.n; i++)
        if (is_update(&s->s.lowered, i)) s->m.fns.v[s->m.fns.n++] = all->fns.v[i];
    s->output = arena_array(s->s.arena, Output *, s->m.fns.n + 1);
}

static GanSlot given_slot(const GanSlot *like, const char *path, size_t at)
{
    GanSlot s = *like;
    s.path = path;
    s.kind = GAN_SCRATCH;
    s.offset = at;
    return s;
}

/* The tables of the program for these functions: its slots, those given behind them. */
static void lay_out(const Field *f, Side *s)
{
    Arena *a = s->s.arena;
    s->p = *s->s.lowered.program;
    GanSlot *slot = arena_array(a, GanSlot, s->m.slots.n + 1);
    memcpy(slot, s->p.slot, sizeof *slot * (size_t)s->p.n_slots);
    for (int i = 0; i < f->n_slots; i++) {
        slot[s->given[i]] = given_slot(&slot[ir_find_slot(&s->m, f->slot[i].path)], s->m.slots.v[s->given[i]].path, s->p.state_bytes);
        s->p.state_bytes += (slot[s->given[i]].bytes + 63) / 64 * 64;
    }
    s->p.slot = slot;
    s->p.n_slots = s->m.slots.n;
    s->p.n_functions = s->m.fns.n;
    s->p.function = arena_array(a, GanFunction, s->m.fns.n + 1);
    for (int i = 0; i < s->m.fns.n; i++) {
        const IrFn  *fn = s->m.fns.v[i];
        GanFunction *to = &s->p.function[i];
        *to = (GanFunction){.name = fn->name, .n_outputs = fn->reports.n, .output = arena_array(a, GanOutput, fn->reports.n + 1)};
        for (int k = 0; k < fn->reports.n; k++) {
            GanOutput *o = &to->output[k];
            const IrType *t = &fn->reports.v[k].val->type;
            *o = (GanOutput){.name = fn->reports.v[k].name, .elem = (GanElem)t->elem, .rank = t->rank};
            memcpy(o->dim, t->dim, sizeof *o->dim * (size_t)t->rank);
        }
    }
}

static GanStatus start(Side *s, GanError *err)
{
    PassOptions passes = {.portable = s->o.portable};
    JitOptions  j = {.threads = (int)s->o.run.threads, .plan = s->o.plan};
    GanStatus   st = extern_open(&s->p, s->s.folder, &(int){0}, err);
    opt_run_module(&s->m, &passes);
    if (!st) st = s->o.interp ? interp_engine_new(&s->m, &s->p, &s->engine, err) : jit_engine_new(&s->m, &s->p, &j, &s->engine, err);
    return st ? st : state_new(&s->p, 0, &s->state, err);
}

static GanStatus open_side(Field *f, Side *s, const Session *of, const Source *source, Direction way, GanError *err)
{
    s->o = *of->o;
    s->o.gradients = true;                                  /* f64, and gradients as reports */
    if (session_open_text(&s->s, &s->o, source->name, source->text, source->typed, true) != EXIT_DONE) {
        *err = (GanError){.status = GAN_WRONG};
        return GAN_WRONG;
    }
    GanStatus st = way == FORWARD ? list_slots(f, &s->s, err) : GAN_OK;
    if (st) return st;
    lower_close(&s->s.lowered);
    keep_updates(s);
    add_given(f, s);
    for (int i = 0; i < s->m.fns.n && !st; i++) st = derive(f, s, i, way, err);
    if (st) return st;
    lay_out(f, s);
    return start(s, err);
}

static void close_side(Side *s)
{
    if (s->engine.free) s->engine.free(s->engine.self);
    state_free(&s->state);
    if (s->s.arena) session_close(&s->s);
}

Field *field_open(const Session *of, const Source *source, GanError *err)
{
    Field *f = calloc(1, sizeof *f);
    *err = (GanError){0};
    if (!f || !source->text) {
        free(f);
        gan_error(err, f ? GAN_WRONG : GAN_WORLD, f ? "there is no game here: no program was read" : "no memory for the game's field");
        return NULL;
    }
    f->run = of->lowered.program;
    if (!open_side(f, &f->side[FORWARD], of, source, FORWARD, err) && !open_side(f, &f->side[REVERSE], of, source, REVERSE, err)) return f;
    field_close(f);
    return NULL;
}

void field_close(Field *f)
{
    if (!f) return;
    close_side(&f->side[FORWARD]);
    close_side(&f->side[REVERSE]);
    free(f->slot);
    free(f->of_slot);
    free(f);
}

int field_slots(const Field *f, const FieldSlot **out)
{
    *out = f->slot;
    return f->n_slots;
}

int64_t field_size(const Field *f) { return f->size; }

/* ---- at a state ----------------------------------------------------------------------------------------------------- */

static void convert(const GanSlot *from, const void *x, const GanSlot *to, void *y)
{
    if (from->elem == to->elem) memcpy(y, x, to->bytes);
    else
        for (int64_t i = 0; i < elements(to); i++) ((double *)y)[i] = ((const float *)x)[i];
}

static void stand(const Field *f, Side *s, const GanState *run)
{
    for (int i = 0; i < f->run->n_slots; i++)
        if (f->run->slot[i].kind != GAN_DATA) convert(&f->run->slot[i], state_slot(f->run, run, i), &s->p.slot[i], state_slot(&s->p, &s->state, i));
    s->state.seed = run->seed;
}

void field_stand(Field *f, const GanState *run)
{
    stand(f, &f->side[FORWARD], run);
    stand(f, &f->side[REVERSE], run);
}

static void give(const Field *f, Side *s, const double *u)
{
    for (int i = 0; i < f->n_slots; i++)
        memcpy(state_slot(&s->p, &s->state, s->given[i]), u + f->slot[i].at, sizeof *u * (size_t)f->slot[i].n);
}

static void **new_outputs(const GanFunction *fn)
{
    void **out = calloc((size_t)fn->n_outputs + 1, sizeof *out);
    for (int i = 0; out && i < fn->n_outputs; i++) {
        size_t n = 1;
        for (int k = 0; k < fn->output[i].rank; k++) n *= (size_t)fn->output[i].dim[k];
        if (!(out[i] = malloc(n * sizeof(double) + 1))) break;
    }
    return out;
}

static void free_outputs(const GanFunction *fn, void **out)
{
    for (int i = 0; out && i < fn->n_outputs; i++) free(out[i]);
    free(out);
}

static GanStatus add_function(const Field *f, Side *s, int fn, bool derivative, double *sum, GanError *err)
{
    const GanFunction *g = &s->p.function[fn];
    void             **out = new_outputs(g);
    bool               whole = out && (!g->n_outputs || out[g->n_outputs - 1]);
    GanStatus st = whole ? s->engine.run(s->engine.self, fn, &s->state, out, err) : gan_error(err, GAN_WORLD, "no memory for a gradient");
    for (int i = 0; i < g->n_outputs && !st; i++) {
        const Output    *o = &s->output[fn][i];
        const FieldSlot *to = &f->slot[o->slot];
        for (int64_t k = 0; o->derivative == derivative && k < to->n; k++) sum[to->at + k] += ((const double *)out[i])[k];
    }
    free_outputs(g, out);
    return st;
}

static GanStatus product(Field *f, Direction way, bool derivative, const double *u, double *out, GanError *err)
{
    Side     *s = &f->side[way];
    GanStatus st = GAN_OK;
    memset(out, 0, sizeof *out * (size_t)f->size);
    if (u) give(f, s, u);
    for (int i = 0; i < s->p.n_functions && !st; i++) st = add_function(f, s, i, derivative, out, err);
    return st;
}

GanStatus field_gradient(Field *f, double *v, GanError *err) { return product(f, FORWARD, false, NULL, v, err); }
GanStatus field_jvp(Field *f, const double *u, double *out, GanError *err) { return product(f, FORWARD, true, u, out, err); }
GanStatus field_vjp(Field *f, const double *u, double *out, GanError *err) { return product(f, REVERSE, true, u, out, err); }
