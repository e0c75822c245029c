/* probe.c - see probe.h. */
#include "compiler/debug/probe.h"
#include "compiler/debug/slots.h"

#include "compiler/interp/interp.h"
#include "compiler/jit/jit.h"
#include "compiler/opt/pass.h"
#include "runtime/extern.h"
#include "runtime/interrupt.h"
#include "runtime/state.h"

#include <stdlib.h>
#include <string.h>

struct Probe {
    Session       s;
    const GanProgram *run;                                  /* the program that runs */
    IrModule      m;                                        /* of the session's, the one function */
    GanProgram    p;
    GanEngine     engine;
    const void  **data;                                     /* of the slots: those that the run has, else its own */
};

GanStatus probe_new_state(Session *s, size_t more, GanError *err)
{
    GanProgram roomy = *s->lowered.program;
    roomy.state_bytes = (roomy.state_bytes + 63) / 64 * 64 + PROBE_ROOM + more;
    state_free(&s->game.state);
    return state_new(&roomy, s->o->run.seed, &s->game.state, err);
}

static GanStatus say_differs(GanError *err)
{
    return gan_error(err, GAN_WRONG, "a file that the program imports, or its data, are not what they were when it was read: :reload reads them again");
}

/* Its slots are those of the run, in the same places, and some behind them. */
static GanStatus check_slots(const Probe *p, GanError *err)
{
    const GanProgram *a = p->run, *b = p->s.lowered.program;
    if (strcmp(a->source_hash, b->source_hash) || b->n_slots < a->n_slots) return say_differs(err);
    for (int i = 0; i < a->n_slots; i++) {
        const GanSlot *x = &a->slot[i], *y = &b->slot[i];
        bool same = !strcmp(x->path, y->path) && (x->kind == GAN_DATA || (x->offset == y->offset && x->bytes == y->bytes));
        if (!same) return say_differs(err);
    }
    if (b->state_bytes > a->state_bytes + PROBE_ROOM) return gan_error(err, GAN_WRONG, "this needs more memory of its own than an expression here has");
    return GAN_OK;
}

/* What the expression reads must be there: the run keeps it, or it is made before the run. */
static GanStatus check_reads(const Probe *p, int fn, const bool *unset, GanError *err)
{
    const IrModule *m = p->s.lowered.ir;
    for (const IrNode *n = m->fns.v[fn]->body.first; n; n = ir_next(n)) {
        if (n->op == IR_read && n->attr->slot < p->run->n_slots && unset && unset[n->attr->slot])
            return gan_error(err, GAN_WRONG, "%s is computed by a statement that this run has not come to yet: :list shows where it stands", m->slots.v[n->attr->slot].path);
        if (n->op != IR_read || n->attr->slot < p->run->n_slots) continue;
        IrSlotKind kind = m->slots.v[n->attr->slot].kind;
        if (kind == IR_SLOT_PARAM)
            return gan_error(err, GAN_WRONG, "no statement of the program uses %s, so that a run has not made it: `let y = ...` with this expression makes it, and computes y at once",
                             m->slots.v[n->attr->slot].path);
        if (kind == IR_SLOT_STATE || kind == IR_SLOT_SCRATCH)
            return gan_error(err, GAN_WRONG, "%s is computed by a statement of the program and not kept by it: a `report` or a `let` at its top level keeps it",
                             m->slots.v[n->attr->slot].path);
    }
    return GAN_OK;
}

static GanStatus take_data(Probe *p, GanError *err)
{
    p->data = calloc((size_t)p->p.n_data + 1, sizeof *p->data);
    if (!p->data) return gan_error(err, GAN_WORLD, "no memory for an expression");
    for (int i = 0; i < p->p.n_slots; i++) {
        const GanSlot *own = &p->p.slot[i], *runs = i < p->run->n_slots ? &p->run->slot[i] : NULL;
        if (own->kind != GAN_DATA) continue;
        bool has = runs && runs->kind == GAN_DATA && slot_alike(own, runs);
        p->data[own->offset] = has ? p->run->data[runs->offset]->data : p->p.data[own->offset]->data;
    }
    return GAN_OK;
}

/* Worth compiling, for one look even: so many numbers that the interpreter takes longer over them than the compiler over its code. */
static bool is_large(const IrModule *m, const IrFn *f)
{
    double numbers = 0;
    for (const IrNode *n = f->body.first; n; n = ir_next(n))
        for (int i = 0; i < n->n_results; i++) numbers += (double)ir_axes_size(m, n->result[i].type.axes) * (double)ir_dims_size(&n->result[i].type);
    return numbers > 0x1p22;
}

static GanStatus make_engine(Probe *p, int fn, bool compiled, GanError *err)
{
    const Options *o = p->s.o;
    PassOptions    passes = {.portable = o->portable};
    IrFn         **only = arena_new_of(p->s.arena, IrFn *);
    JitOptions     j = {.threads = 1, .plan = o->plan};
    lower_close(&p->s.lowered);
    p->m = *p->s.lowered.ir;
    *only = p->m.fns.v[fn];
    p->m.fns.v = only;
    p->m.fns.n = p->m.fns.cap = 1;
    p->p = *p->s.lowered.program;
    p->p.function += fn;
    p->p.n_functions = 1;
    opt_run_module(&p->m, &passes);
    GanStatus st = extern_open(&p->p, p->s.folder, &(int){0}, err);
    if (st) return st;
    compiled |= !o->interp && is_large(&p->m, *only);
    return compiled ? jit_engine_new(&p->m, &p->p, &j, &p->engine, err) : interp_engine_new(&p->m, &p->p, &p->engine, err);
}

static GanStatus open_probe(Probe *p, const char *expression, int64_t n, int64_t batch, int place, const bool *unset, bool compiled, GanError *err)
{
    p->s.lowered.batch = batch;
    p->s.lowered.place = place;
    int       fn = session_add(&p->s, expression, n);
    if (interrupt_gives_up()) return gan_error(err, GAN_WRONG, "interrupted");
    if (fn < 0 && p->s.lowered.inner) err->status = GAN_WRONG;
    GanStatus st = fn < 0 || !session_allows_externs(&p->s) ? GAN_WRONG : check_slots(p, err);
    if (!st) st = check_reads(p, fn, unset, err);
    if (!st) st = make_engine(p, fn, compiled, err);
    return st ? st : take_data(p, err);
}

Probe *probe_open(const Session *of, const Source *source, const char *expression, int64_t n, int64_t batch, int place, const bool *unset, bool compiled, GanError *err)
{
    Probe *p = calloc(1, sizeof *p);
    *err = (GanError){0};
    if (!p) {
        gan_error(err, GAN_WORLD, "no memory for an expression");
        return NULL;
    }
    p->run = of->lowered.program;
    int status = source->text ? session_open_text(&p->s, of->o, source->name, source->text, source->typed, true) : session_open(&p->s, of->o, NULL);
    if (status == EXIT_DONE && !open_probe(p, expression, n, batch, place, unset, compiled, err)) return p;
    probe_close(p);
    return NULL;
}

void probe_close(Probe *p)
{
    if (!p) return;
    if (p->engine.free) p->engine.free(p->engine.self);
    free(p->data);
    session_close(&p->s);
    free(p);
}

bool probe_is_inner(const Probe *p) { return p->s.lowered.inner; }

bool probe_reads(const Probe *p, int slot)
{
    bool reads = false;
    for (const IrNode *n = p->m.fns.v[0]->body.first; n && !reads; n = ir_next(n)) reads = n->op == IR_read && n->attr->slot == slot;
    return reads;
}

const GanFunction *probe_function(const Probe *p) { return p->p.function; }

/* What only it has begins at zero, but for the counters of draws. */
static void set_own(const Probe *p, GanState *s, int64_t step)
{
    if (p->p.state_bytes == p->run->state_bytes) return;
    memset(s->base + p->run->state_bytes, 0, p->p.state_bytes - p->run->state_bytes);
    for (int i = p->run->n_slots; i < p->p.n_slots; i++)
        if (p->p.slot[i].kind == GAN_COUNTER) memcpy(s->base + p->p.slot[i].offset, &step, sizeof step);
}

GanStatus probe_run(Probe *p, const GanState *run, int64_t step, void *const *out, GanError *err)
{
    GanState s = {.base = run->base, .bytes = p->p.state_bytes, .data = p->data, .seed = run->seed};
    set_own(p, &s, step);
    return state_run(&p->p, &p->engine, 0, &s, out, err);
}

GanStatus probe_values(Probe *p, const GanState *run, int64_t step, GanTensor **out, GanError *err)
{
    const GanFunction *f = probe_function(p);
    void             **memory = calloc((size_t)f->n_outputs + 1, sizeof *memory);
    GanStatus          st = memory ? GAN_OK : gan_error(err, GAN_WORLD, "no memory for a value");
    memset(out, 0, sizeof *out * (size_t)f->n_outputs);
    for (int i = 0; i < f->n_outputs && !st; i++) {
        st = gan_tensor_new(f->output[i].elem, f->output[i].rank, f->output[i].dim, &out[i], err);
        if (!st) memory[i] = out[i]->data;
    }
    if (!st) st = probe_run(p, run, step, memory, err);
    for (int i = 0; st && i < f->n_outputs; i++) {
        gan_tensor_free(out[i]);
        out[i] = NULL;
    }
    free(memory);
    return st;
}
