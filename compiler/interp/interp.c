/* interp.c - runs a function: values, their lifetimes, bodies, commits; and the engine made of it.
 *
 * A walk before the run notes at which node every value is used last; after that node its buffer is let go, so memory is
 * bounded by what is alive, whatever the length of the function. The rows themselves are in eval_*.c. Start at interp_fn(). */
#include "compiler/interp/interp.h"
#include "base/bug.h"
#include "compiler/interp/eval.h"
#include "runtime/blas.h"
#include "runtime/fpenv.h"
#include "runtime/interrupt.h"

#include <stdlib.h>
#include <string.h>

static EvalFn *const eval_of[IR_OP_COUNT] = {
#define OP(name, ...) [IR_##name] = eval_##name,
#include "compiler/ir/ops.def"
#undef OP
};

enum { MAX_DEPTH = 200, ALIGN = 64 };
static const int64_t MAX_BYTES = INT64_C(1) << 40;

typedef struct Buffer {
    int64_t       refs;
    _Alignas(ALIGN) char data[];
} Buffer;

typedef struct Value {
    const void *data;                                       /* NULL: not alive */
    Buffer     *buffer;                                     /* NULL: borrowed */
} Value;

typedef struct Scratch {
    struct Scratch *before;
    _Alignas(ALIGN) char data[];
} Scratch;

struct InterpRun {
    const IrModule     *m;
    const IrFn         *f;
    const InterpMemory *memory;
    const InterpWatch  *watch;
    GanError           *err;
    GanStatus           status;
    uint32_t            tick, iteration;
    Value              *value;                              /* by IrVal.id */
    const IrNode      **last;                               /* by IrVal.id: the node that uses it last; NULL: the end of its block */
    Scratch            *scratch;
};

/* ---- values ----------------------------------------------------------------------------------------------------- */

static bool out_of_memory(InterpRun *r, int64_t bytes)
{
    r->status = gan_error(r->err, GAN_WORLD, "%s: no memory for a value of %lld bytes", r->f->name, (long long)bytes);
    return false;
}

static void drop(InterpRun *r, const IrVal *v)
{
    Value *x = &r->value[v->id];
    if (x->buffer && --x->buffer->refs == 0) free(x->buffer);
    *x = (Value){0};
}

double interp_number(IrElem e, const void *data, int64_t i)
{
    switch (e) {
    case IR_BOOL: return ((const uint8_t *)data)[i];
    case IR_I32: return ((const int32_t *)data)[i];
    case IR_I64: return (double)((const int64_t *)data)[i];
    case IR_F32: return (double)((const float *)data)[i];
    case IR_F64: return ((const double *)data)[i];
    }
    return 0;
}

int64_t interp_type_bytes(const IrModule *m, const IrType *t)
{
    int64_t extent[EVAL_MAX_RANK], bytes = (int64_t)ir_elem_bytes(t->elem);
    int     rank = eval_extents(m, t, extent);
    for (int i = 0; i < rank; i++)
        if (extent[i] == 0) return 0;
    for (int i = 0; i < rank; i++)
        if (__builtin_mul_overflow(bytes, extent[i], &bytes) || bytes > MAX_BYTES) return -1;
    return bytes;
}

bool eval_own(InterpRun *r, const IrVal *to, void **data)
{
    int64_t bytes = interp_type_bytes(r->m, &to->type);
    Buffer *b = NULL;
    if (bytes < 0 || posix_memalign((void **)&b, ALIGN, sizeof *b + (size_t)bytes)) return out_of_memory(r, bytes < 0 ? MAX_BYTES : bytes);
    drop(r, to);
    b->refs = 1;
    r->value[to->id] = (Value){b->data, b};
    *data = b->data;
    return true;
}

void *eval_result(InterpRun *r, const IrNode *n, int i)
{
    void *data;
    return eval_own(r, &n->result[i], &data) ? data : NULL;
}

void eval_alias(InterpRun *r, const IrVal *to, const IrVal *from)
{
    Value v = r->value[from->id];
    if (v.buffer) v.buffer->refs++;
    drop(r, to);
    r->value[to->id] = v;
}

void eval_borrow(InterpRun *r, const IrVal *to, const void *data)
{
    drop(r, to);
    r->value[to->id] = (Value){data, NULL};
}

const void *eval_value(const InterpRun *r, const IrVal *v)
{
    const void *data = r->value[v->id].data;
    if (!data) BUG("interp: %s: value %u is not alive", r->f->name, v->id);
    return data;
}

const void     *interp_value(const InterpRun *r, const IrVal *v) { return r->value[v->id].data; }
void            interp_replace(const InterpRun *r, const IrVal *v, const void *data) { eval_borrow((InterpRun *)r, v, data); }
const void     *eval_arg(const InterpRun *r, const IrNode *n, int i) { return eval_value(r, n->arg[i]); }
const IrType   *eval_arg_type(const IrNode *n, int i) { return &n->arg[i]->type; }
const IrModule *eval_module(const InterpRun *r) { return r->m; }

/* ---- the run's facts -------------------------------------------------------------------------------------------- */

uint64_t    eval_seed(const InterpRun *r) { return r->memory->seed; }
const InterpMemory *eval_memory(const InterpRun *r) { return r->memory; }
uint32_t    eval_tick(const InterpRun *r) { return r->tick; }
uint32_t    eval_iteration(const InterpRun *r) { return r->iteration; }
void        eval_set_iteration(InterpRun *r, uint32_t iteration) { r->iteration = iteration; }
const void *eval_slot(const InterpRun *r, int slot) { return r->memory->slot[slot]; }

bool eval_fail(InterpRun *r, GanStatus status, const IrNode *n, const char *what)
{
    r->status = gan_error(r->err, status, "%s, line %u: %s", r->f->name, n->span.line, what);
    return false;
}

/* ---- scratch ---------------------------------------------------------------------------------------------------- */

void *eval_scratch(InterpRun *r, int64_t bytes)
{
    Scratch *s = NULL;
    if (bytes < 0 || bytes > MAX_BYTES || posix_memalign((void **)&s, ALIGN, sizeof *s + (size_t)bytes)) {
        out_of_memory(r, bytes);
        return NULL;
    }
    memset(s->data, 0, (size_t)bytes);
    s->before = r->scratch;
    r->scratch = s;
    return s->data;
}

const void *eval_scratch_top(const InterpRun *r) { return r->scratch; }

void eval_scratch_drop(InterpRun *r, const void *top)
{
    while (r->scratch != top) {
        Scratch *s = r->scratch;
        r->scratch = s->before;
        free(s);
    }
}

/* ---- lifetimes -------------------------------------------------------------------------------------------------- */

/* In order of the text, so that the last use stays; a result without a use dies at once, parameters and yields live to their
 * block's end. Bodies are closed: they use their own values only. False for bodies nested too deep. */
static bool note_uses(InterpRun *r, const IrBlock *b, int depth)
{
    if (depth > MAX_DEPTH) {
        r->status = gan_error(r->err, GAN_WRONG, "%s: loops nested more than %d deep", r->f->name, MAX_DEPTH);
        return false;
    }
    for (const IrNode *n = b->first; n; n = n->next) {
        for (int i = 0; i < n->n_args; i++) r->last[n->arg[i]->id] = n;
        for (int i = 0; i < n->n_results; i++) r->last[n->result[i].id] = n;
        for (int i = 0; i < n->n_bodies; i++)
            if (!note_uses(r, n->body[i], depth + 1)) return false;
    }
    for (int i = 0; i < b->n_params; i++) r->last[b->param[i]->id] = NULL;
    for (int i = 0; i < b->n_yields; i++) r->last[b->yield[i]->id] = NULL;
    return true;
}

static void drop_if_last(InterpRun *r, const IrVal *v, const IrNode *at)
{
    if (r->last[v->id] == at) drop(r, v);
}

static void drop_dead(InterpRun *r, const IrNode *n)
{
    for (int i = 0; i < n->n_args; i++) drop_if_last(r, n->arg[i], n);
    for (int i = 0; i < n->n_results; i++) drop_if_last(r, &n->result[i], n);
}

/* ---- blocks ----------------------------------------------------------------------------------------------------- */

static bool show(InterpRun *r, const IrNode *n)
{
    for (int i = 0; r->watch && i < n->n_results; i++)
        if (!r->watch->see(r->watch->self, r, n, i, r->iteration, eval_value(r, &n->result[i]))) return false;
    return true;
}

bool eval_may_go_on(InterpRun *r)
{
    if (interrupt_gives_up()) r->status = gan_error(r->err, GAN_WRONG, "interrupted");
    return !r->status;
}

static bool run_node(InterpRun *r, const IrNode *n)
{
    if (!eval_may_go_on(r)) return false;
    const void *scratch = eval_scratch_top(r);
    bool        ok = eval_of[n->op](r, n) && show(r, n);
    eval_scratch_drop(r, scratch);
    drop_dead(r, n);
    return ok;
}

bool eval_body(InterpRun *r, const IrBlock *body)
{
    for (const IrNode *n = body->first; n; n = n->next)
        if (!run_node(r, n)) return false;
    return true;
}

void eval_leave(InterpRun *r, const IrBlock *body)
{
    for (const IrNode *n = body->first; n; n = n->next) {
        for (int i = 0; i < n->n_results; i++) drop(r, &n->result[i]);
        for (int i = 0; i < n->n_bodies; i++) eval_leave(r, n->body[i]);
    }
    for (int i = 0; i < body->n_params; i++) drop(r, body->param[i]);
}

/* ---- a function ------------------------------------------------------------------------------------------------- */

static void write_out(const InterpRun *r, const IrVal *v, void *to)
{
    if (to) memcpy(to, eval_value(r, v), (size_t)interp_type_bytes(r->m, &v->type));
}

/* Slots may be committed from each other's memory, read in place: such values move to buffers of their own first. */
static bool settle_borrowed(InterpRun *r)
{
    for (int i = 0; i < r->f->commits.n; i++) {
        const IrVal *v = r->f->commits.v[i].val;
        const void  *from = eval_value(r, v);
        void        *own;
        if (r->value[v->id].buffer) continue;
        if (!eval_own(r, v, &own)) return false;
        memcpy(own, from, (size_t)interp_type_bytes(r->m, &v->type));
    }
    return true;
}

static bool finish(InterpRun *r, void *const *reports, void *const *commits)
{
    const IrFn *f = r->f;
    if (!commits && !settle_borrowed(r)) return false;
    for (int i = 0; reports && i < f->reports.n; i++) write_out(r, f->reports.v[i].val, reports[i]);
    for (int i = 0; i < f->commits.n; i++) {
        void *slot = r->memory->slot[f->commits.v[i].slot];
        write_out(r, f->commits.v[i].val, commits ? commits[i] : slot);
    }
    return true;
}

static bool start(InterpRun *r)
{
    const IrFn *f = r->f;
    if (!r->value || !r->last) return out_of_memory(r, (int64_t)r->m->next_id * (int64_t)sizeof *r->value);
    if (!note_uses(r, &f->body, 0)) return false;
    for (int i = 0; i < f->commits.n; i++) r->last[f->commits.v[i].val->id] = NULL;
    for (int i = 0; i < f->reports.n; i++) r->last[f->reports.v[i].val->id] = NULL;
    if (f->tick_slot >= 0) r->tick = (uint32_t) * (const int64_t *)eval_slot(r, f->tick_slot);
    return true;
}

GanStatus interp_fn(const IrModule *m, const IrFn *f, const InterpMemory *memory, void *const *reports, void *const *commits,
                    const InterpWatch *watch, GanError *err)
{
    InterpRun r = {.m = m, .f = f, .memory = memory, .watch = watch, .err = err};
    r.value = calloc(m->next_id + 1, sizeof *r.value);
    r.last = calloc(m->next_id + 1, sizeof *r.last);
    uint64_t theirs = fpenv_enter();
    if (start(&r) && eval_body(&r, &f->body)) finish(&r, reports, commits);
    fpenv_leave(theirs);
    if (r.value) eval_leave(&r, &f->body);
    free(r.value);
    free(r.last);
    return r.status;
}

/* ---- the engine ------------------------------------------------------------------------------------------------- */

typedef struct Engine {
    const IrModule   *m;
    const GanProgram *p;
    void            **slot;
} Engine;

static GanStatus engine_run(void *self, int function, GanState *state, void *const *out, GanError *err)
{
    Engine *e = self;
    for (int i = 0; i < e->p->n_slots; i++) {
        const GanSlot *s = &e->p->slot[i];
        e->slot[i] = s->kind == GAN_DATA ? (void *)state->data[s->offset] : state->base + s->offset;
    }
    InterpMemory memory = {.slot = e->slot, .seed = state->seed, .external = e->p->external, .n_externs = e->p->n_externs};
    return interp_fn(e->m, e->m->fns.v[function], &memory, out, NULL, NULL, err);
}

static void engine_free(void *self)
{
    Engine *e = self;
    free(e->slot);
    free(e);
}

static GanStatus engine_another(void *self, int threads, GanEngine *out, GanError *err)
{
    const Engine *e = self;
    (void)threads;                                          /* it has one */
    return interp_engine_new(e->m, e->p, out, err);
}

GanStatus interp_engine_new(const IrModule *m, const GanProgram *p, GanEngine *out, GanError *err)
{
    if (m->fns.n != p->n_functions || m->slots.n != p->n_slots) BUG("interp: the program is not the module's");
    if (ir_has_form(m, IR_FORM_BLAS) && blas_open(1, err)) return GAN_WORLD;
    Engine *e = calloc(1, sizeof *e);
    void  **slot = calloc((size_t)p->n_slots + 1, sizeof *slot);
    if (!e || !slot) {
        free(e);
        free(slot);
        return gan_error(err, GAN_WORLD, "no memory for the interpreter");
    }
    *e = (Engine){m, p, slot};
    *out = (GanEngine){e, "interp", engine_run, engine_free, engine_another};
    return GAN_OK;
}
