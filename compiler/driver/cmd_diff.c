/* cmd_diff.c - `gan diff`: every function the schedule calls is run by both engines on the same state, and every byte they
 * leave is compared. On a difference the first operation whose value differs is named, with its source line and both values. */
#include "compiler/session/session.h"
#include "compiler/session/firstdiff.h"
#include "compiler/interp/interp.h"
#include "compiler/jit/jit.h"
#include "runtime/interrupt.h"
#include "runtime/state.h"
#include "runtime/trainer.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Pair {                                       /* an engine that is two */
    Session   *s;
    GanEngine  interp;
    GanState   shadow;                                      /* the interpreter's copy of the state */
    GanState   before;                                      /* the state both started from */
    int64_t    calls;
} Pair;

static int64_t elements(int rank, const int64_t *dim)
{
    int64_t n = 1;
    for (int d = 0; d < rank; d++) n *= dim[d];
    return n;
}

static size_t output_bytes(const GanOutput *o) { return gan_elem_bytes(o->elem) * (size_t)elements(o->rank, o->dim); }

static GanStatus differ(Pair *p, int fn, const char *what, GanError *err)
{
    const char *name = p->s->lowered.program->function[fn].name;
    firstdiff_print(p->s, fn, &p->before);
    return gan_error(err, GAN_WORLD, "interpreter and compiled code differ in %s: %s (call %lld)", name, what, (long long)p->calls);
}

static GanStatus compare_states(Pair *p, int fn, const GanState *state, GanError *err)
{
    const GanProgram *g = p->s->lowered.program;
    if (!memcmp(state->base, p->shadow.base, state->bytes)) return GAN_OK;
    for (int i = 0; i < g->n_slots; i++) {
        const GanSlot *slot = &g->slot[i];
        if (slot->kind == GAN_DATA) continue;
        if (firstdiff_element(slot->elem, state_slot(g, state, i), state_slot(g, &p->shadow, i), elements(slot->rank, slot->dim)) >= 0)
            return differ(p, fn, slot->path, err);
    }
    return GAN_OK;
}

static GanStatus run_interp(Pair *p, int fn, void *const *out, GanError *err)
{
    const GanFunction *f = &p->s->lowered.program->function[fn];
    void             **mine = calloc((size_t)f->n_outputs + 1, sizeof *mine);
    GanStatus          st = mine ? GAN_OK : gan_error(err, GAN_WORLD, "no memory");
    for (int i = 0; i < f->n_outputs && !st; i++)
        if (!(mine[i] = malloc(output_bytes(&f->output[i]) + 1))) st = gan_error(err, GAN_WORLD, "no memory");
    if (!st) st = p->interp.run(p->interp.self, fn, &p->shadow, mine, err);
    for (int i = 0; i < f->n_outputs && !st && out; i++) {
        const GanOutput *o = &f->output[i];
        if (out[i] && firstdiff_element(o->elem, out[i], mine[i], elements(o->rank, o->dim)) >= 0) st = differ(p, fn, o->name, err);
    }
    for (int i = 0; mine && i < f->n_outputs; i++) free(mine[i]);
    free(mine);
    return st;
}

static GanStatus run_both(void *self, int fn, GanState *state, void *const *out, GanError *err)
{
    Pair     *p = self;
    GanEngine jit = p->s->game.engine;
    p->calls++;
    memcpy(p->shadow.base, state->base, state->bytes);
    memcpy(p->before.base, state->base, state->bytes);
    GanStatus st = jit.run(jit.self, fn, state, out, err);
    if (!st) st = run_interp(p, fn, out, err);
    return st ? st : compare_states(p, fn, state, err);
}

static int compare(Session *s)
{
    const GanProgram *p = s->lowered.program;
    Pair              pair = {.s = s};
    GanEngine         both = {.self = &pair, .name = "both", .run = run_both};
    TrainerOptions    t = {.steps = s->o->run.steps >= 0 ? s->o->run.steps : 100, .watch_signals = true, .progress_fd = -1, .hooks = {.user = (void *)&s->o->run, .say = say_line}};
    TrainerResult     r = {0};
    Interrupt         signals;
    GanError          err;
    GanStatus         st = interp_engine_new(s->lowered.ir, p, &pair.interp, &err);
    if (!st) st = state_new(p, s->o->run.seed, &pair.shadow, &err);
    if (!st) st = state_new(p, s->o->run.seed, &pair.before, &err);
    interrupt_begin(&signals, NULL);
    if (!st) st = trainer_run(p, &both, &s->game.state, &t, &r, &err);
    interrupt_end(&signals);
    if (!st && r.end == TRAINER_DONE) printf("same bits: %lld steps, %lld calls of %d functions\n", (long long)r.rounds, (long long)pair.calls, p->n_functions);
    int status = st ? say_error(&s->o->run, &err) : r.end == TRAINER_INTERRUPTED ? r.interrupt : EXIT_DONE;
    trainer_result_free(&r);
    if (pair.interp.free) pair.interp.free(pair.interp.self);
    state_free(&pair.shadow);
    state_free(&pair.before);
    return status;
}

int cmd_diff(const Options *o)
{
    Session s;
    int     status = session_open(&s, o, o->run.operands[0]);
    if (status == EXIT_DONE) {
        session_optimise(&s);
        status = session_start(&s);
    }
    if (status == EXIT_DONE) status = compare(&s);
    session_close(&s);
    return status;
}
