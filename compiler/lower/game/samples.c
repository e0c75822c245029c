/* samples.c - see samples.h. An axis knows whether a draw has opened it that no other surrounds (IrAxis.samples). A number was measured with those axes that lie on
 * what it is computed of: behind it in its function, and behind values of other statements, which come to it by slots that they keep, and reports that it reads.
 * What players and states have learned is no sample of the measurement. Start at samples_count(), at the bottom. */
#include "compiler/lower/game/samples.h"
#include "compiler/lower/own/graph.h"

#include <string.h>

typedef struct Drawn { int64_t v[GAN_MOST_SAMPLES]; } Drawn;     /* numbers of samples, the largest first, each once; 0 behind them */

typedef enum State { NEW, ENTERED, DONE } State;

typedef struct Source {                                     /* of a slot that passes a value on */
    IrVal *made;                                            /* what it is set to; NULL: it passes nothing on */
    State  state;
    Drawn  drawn;
} Source;

typedef struct Counter {
    Lower  *L;
    Arena  *scratch;
    Source *source;                                         /* by slot */
    uint32_t *seen;                                         /* by value: the last round that met it */
    uint32_t  round;
} Counter;

static void add(Drawn *d, int64_t n)
{
    int i = 0;
    while (i < GAN_MOST_SAMPLES && d->v[i] > n) i++;
    if (i == GAN_MOST_SAMPLES || d->v[i] == n) return;
    memmove(d->v + i + 1, d->v + i, (size_t)(GAN_MOST_SAMPLES - 1 - i) * sizeof *d->v);
    d->v[i] = n;
}

static Drawn drawn_for(Counter *c, IrVal *v);

static void add_slot(Counter *c, Drawn *d, int slot)
{
    Source *s = &c->source[slot];
    if (!s->made) return;
    if (s->state == NEW) {
        s->state = ENTERED;
        s->drawn = drawn_for(c, s->made);
        s->state = DONE;
    }
    for (int i = 0; i < GAN_MOST_SAMPLES; i++) add(d, s->drawn.v[i]);
}

typedef ARRAY(IrVal *) Values;

static void want(Counter *c, Values *todo, uint32_t round, IrVal *v)
{
    if (c->seen[v->id] == round) return;
    c->seen[v->id] = round;
    array_push(c->scratch, todo, v);
}

static Drawn drawn_for(Counter *c, IrVal *v)
{
    Drawn    d = {{0}};
    Values   todo = {0};
    uint32_t round = ++c->round;
    for (want(c, &todo, round, v); todo.n;) {
        const IrVal  *at = todo.v[--todo.n];
        const IrNode *n = at->def ? at->def : at->param_of->owner;
        for (int i = 0; i < at->type.axes.n; i++) add(&d, c->L->out->axes.v[at->type.axes.id[i]].samples);
        if (!n) continue;
        if (n->op == IR_read) add_slot(c, &d, n->attr->slot);
        for (int i = 0; i < n->n_args; i++) want(c, &todo, round, n->arg[i]);
        for (int i = 0; i < n->n_bodies; i++)
            for (int k = 0; k < n->body[i]->n_yields; k++) want(c, &todo, round, n->body[i]->yield[k]);
    }
    return d;
}

/* Which slots pass a value on, and which value: what a statement keeps for others, and reports. */
static void find_sources(Counter *c)
{
    Lower *L = c->L;
    bool  *passes = arena_array(c->scratch, bool, L->out->slots.n + 1);
    for (int i = 0; i < L->g->parts.n; i++)
        for (int j = 0; j < L->g->parts.v[i]->keeps.n; j++) passes[L->g->parts.v[i]->keeps.v[j].slot] = !L->g->parts.v[i]->keeps.v[j].required;
    for (int i = 0; i < L->out->slots.n && i < L->program_state.n; i++) passes[i] = passes[i] || L->program_state.v[i] == STATE_OF_REPORTS;
    for (int i = 1; i < L->out->fns.n; i++) {               /* the first gives slots the values that they begin with */
        const IrFn *f = L->out->fns.v[i];
        for (int k = 0; k < f->commits.n; k++)
            if (passes[f->commits.v[k].slot]) c->source[f->commits.v[k].slot].made = f->commits.v[k].val;
    }
}

void samples_count(Lower *L, GanProgram *p)
{
    Arena  *a = arena_new();
    Counter c = {L, a, arena_array(a, Source, L->out->slots.n + 1), arena_array(a, uint32_t, L->out->next_id + 1), 0};
    find_sources(&c);
    for (int i = 0; i < p->n_functions; i++)
        for (int k = 0; k < p->function[i].n_outputs; k++) {
            Drawn d = drawn_for(&c, L->out->fns.v[i]->reports.v[k].val);
            memcpy(p->function[i].output[k].samples, d.v, sizeof d.v);
        }
    arena_free(a);
}
