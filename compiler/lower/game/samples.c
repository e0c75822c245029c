/* samples.c - see samples.h. An axis knows whether a draw has opened it that no other surrounds (IrAxis.samples). A number was measured with those axes that lie on
 * what it is computed of: behind it in its function, and behind values of other statements, which come to it by slots that they keep, reports that it reads, and states
 * that are set by statements, each time with so many. What players have learned, and states that they learn from, are no samples of the measurement. Start at samples_count(), at the bottom. */
#include "compiler/lower/game/samples.h"
#include "compiler/lower/own/graph.h"
#include "compiler/lower/own/own.h"

#include <string.h>

typedef struct Drawn { int64_t v[GAN_MOST_SAMPLES]; } Drawn;     /* numbers of samples, the largest first, each once; 0 behind them */

typedef struct Made {                                       /* what a value is computed of in its function */
    Drawn      drawn;
    ARRAY(int) reads;                                       /* slots */
} Made;

typedef struct Setting { int slot; Made to; } Setting;      /* a commit */

typedef struct Source { bool learned, passes; Drawn drawn; } Source;     /* a slot: do players learn from it? does it pass a value on? */

typedef struct Counter {
    Lower   *L;
    Arena   *scratch;
    Source  *source;                                        /* by slot */
    uint32_t *seen;                                         /* by value: the last round that met it */
    uint32_t  round;
    ARRAY(Setting) settings;
} Counter;

static void add(Drawn *d, int64_t n)
{
    int i = 0;
    while (i < GAN_MOST_SAMPLES && d->v[i] > n) i++;
    if (i == GAN_MOST_SAMPLES || d->v[i] == n) return;
    memmove(d->v + i + 1, d->v + i, (size_t)(GAN_MOST_SAMPLES - 1 - i) * sizeof *d->v);
    d->v[i] = n;
}

typedef ARRAY(IrVal *) Values;

static void want(Counter *c, Values *todo, uint32_t round, IrVal *v)
{
    if (c->seen[v->id] == round) return;
    c->seen[v->id] = round;
    array_push(c->scratch, todo, v);
}

static Made made_of(Counter *c, IrVal *v)
{
    Made     m = {{{0}}, {0}};
    Values   todo = {0};
    uint32_t round = ++c->round;
    for (want(c, &todo, round, v); todo.n;) {
        const IrVal  *at = todo.v[--todo.n];
        const IrNode *n = at->def ? at->def : at->param_of->owner;
        for (int i = 0; i < at->type.axes.n; i++) add(&m.drawn, c->L->out->axes.v[at->type.axes.id[i]].samples);
        if (!n) continue;
        if (n->op == IR_read) array_push(c->scratch, &m.reads, n->attr->slot);
        for (int i = 0; i < n->n_args; i++) want(c, &todo, round, n->arg[i]);
        for (int i = 0; i < n->n_bodies; i++)
            for (int k = 0; k < n->body[i]->n_yields; k++) want(c, &todo, round, n->body[i]->yield[k]);
    }
    return m;
}

static void find_settings(Counter *c)
{
    for (int i = 0; i < c->L->out->fns.n; i++) {
        const IrFn *f = c->L->out->fns.v[i];
        for (int k = 0; k < f->commits.n; k++) array_push(c->scratch, &c->settings, ((Setting){f->commits.v[k].slot, made_of(c, f->commits.v[k].val)}));
    }
}

/* What players are set to is learned from all that it is made of, one slot after another. */
static void find_learned(Counter *c)
{
    for (bool more = true; more;) {
        more = false;
        for (int i = 0; i < c->settings.n; i++) {
            const Setting *s = &c->settings.v[i];
            if (!slot_owner(c->L, s->slot) && !c->source[s->slot].learned) continue;
            for (int k = 0; k < s->to.reads.n; k++) {
                bool *learned = &c->source[s->to.reads.v[k]].learned;
                more = more || !*learned;
                *learned = true;
            }
        }
    }
}

/* Which slots pass a value on: what a statement keeps for others, reports, and states that statements set and no player learns from. */
static void find_sources(Counter *c)
{
    Lower *L = c->L;
    for (int i = 0; i < L->g->parts.n; i++)
        for (int j = 0; j < L->g->parts.v[i]->keeps.n; j++) c->source[L->g->parts.v[i]->keeps.v[j].slot].passes = !L->g->parts.v[i]->keeps.v[j].required;
    for (int i = 0; i < L->out->slots.n && i < L->program_state.n; i++) {
        StateOf by = L->program_state.v[i];
        if (by == STATE_OF_REPORTS || (by == STATE_OF_STATEMENTS && !c->source[i].learned)) c->source[i].passes = true;
    }
}

static Drawn drawn_for(const Counter *c, const Made *m)
{
    Drawn d = m->drawn;
    for (int i = 0; i < m->reads.n; i++) {
        const Source *s = &c->source[m->reads.v[i]];
        for (int k = 0; s->passes && k < GAN_MOST_SAMPLES; k++) add(&d, s->drawn.v[k]);
    }
    return d;
}

/* Each slot may be made of others, and of what it was: until nothing is added. */
static void follow_sources(Counter *c)
{
    for (bool more = true; more;) {
        more = false;
        for (int i = 0; i < c->settings.n; i++) {
            Drawn *to = &c->source[c->settings.v[i].slot].drawn, before = *to, now = drawn_for(c, &c->settings.v[i].to);
            for (int k = 0; k < GAN_MOST_SAMPLES; k++) add(to, now.v[k]);
            more = more || memcmp(&before, to, sizeof before) != 0;
        }
    }
}

void samples_count(Lower *L, GanProgram *p)
{
    Arena  *a = arena_new();
    Counter c = {.L = L, .scratch = a, .source = arena_array(a, Source, L->out->slots.n + 1), .seen = arena_array(a, uint32_t, L->out->next_id + 1)};
    find_settings(&c);
    find_learned(&c);
    find_sources(&c);
    follow_sources(&c);
    for (int i = 0; i < p->n_functions; i++)
        for (int k = 0; k < p->function[i].n_outputs; k++) {
            Made  m = made_of(&c, L->out->fns.v[i]->reports.v[k].val);
            Drawn d = drawn_for(&c, &m);
            memcpy(p->function[i].output[k].samples, d.v, sizeof d.v);
        }
    arena_free(a);
}
