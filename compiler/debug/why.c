/* why.c - where a number that is not finite was born (compiler/origin): the calls of this history, any of which the run can be put back to. */
#include "compiler/debug/inside.h"

#include "runtime/interrupt.h"
#include "runtime/state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CALLS = 1 << 20 };                              /* that are known: of more the older half is forgotten */

static void forget_old_half(Called *c)
{
    c->n /= 2;
    memmove(c->fn, c->fn + c->n, (size_t)c->n * sizeof *c->fn);
    memmove(c->tick, c->tick + c->n, (size_t)c->n * sizeof *c->tick);
    c->cut = true;
}

void why_called(Debugger *d, int fn)
{
    History *h = run_history(d);
    Called  *c = &h->called;
    if (c->n && c->tick[c->n - 1] >= d->place.tick) return;        /* it is done again */
    if (c->n == MOST_CALLS) forget_old_half(c);
    if (c->n == c->room) {
        int64_t  room = c->room ? 2 * c->room : 256;
        int     *fns = realloc(c->fn, sizeof *fns * (size_t)room);
        if (fns) c->fn = fns;
        int64_t *ticks = fns ? realloc(c->tick, sizeof *ticks * (size_t)room) : NULL;
        if (ticks) c->tick = ticks;
        if (!fns || !ticks) return;                         /* calls that are not known are said to be that */
        c->room = room;
    }
    c->fn[c->n] = fn;
    c->tick[c->n++] = d->place.tick;
}

void why_forget(History *h, int64_t tick)
{
    while (h->called.n && h->called.tick[h->called.n - 1] >= tick) h->called.n--;
}

static bool back(void *debugger, int64_t call)
{
    Debugger *d = debugger;
    GanError  err;
    return !time_restore(d, run_history(d)->called.tick[call], &err);
}

/* Calls whose ticks are below. */
static int64_t calls_before(const Called *c, int64_t tick)
{
    int64_t n = c->n;
    while (n && c->tick[n - 1] >= tick) n--;
    return n;
}

static bool all_finite(const GanSlot *s, const void *data)
{
    for (size_t i = 0; i < s->bytes / gan_elem_bytes(s->elem); i++)
        if (!isfinite(gan_elem_get(s->elem, data, (int64_t)i))) return false;
    return true;
}

static bool is_finite(const Debugger *d, int slot)
{
    return all_finite(&run_program(d)->slot[slot], state_slot(run_program(d), &run_history(d)->build->s.game.state, slot));
}

/* The last that is not finite of what was written at the prompt until that tick; NULL: there is none. */
static const Edit *written(const Debugger *d, int64_t until)
{
    const History *h = run_history(d);
    const Edit    *last = NULL;
    for (int i = 0; i < h->n_edits; i++) {
        const Edit *e = &h->edit[i];
        bool        bad = e->slot >= 0 && e->tick <= until && !all_finite(&run_program(d)->slot[e->slot], e->bytes);
        if (bad && (!last || e->tick >= last->tick)) last = e;
    }
    return last;
}

/* Of the player of that name, or of the state, if it is a record. */
static bool belongs(const GanSlot *s, const char *name)
{
    size_t n = strlen(name);
    if (s->kind == GAN_PARAM && s->player && !strcmp(s->player, name)) return true;
    return s->kind == GAN_STATE && !strncmp(s->path, name, n) && s->path[n] == '.';
}

/* One of the state by its path, or of a player or record by its name: the first of its numbers that is not finite, or the first of all. -1: it is none of these. */
static int slot_of(const Debugger *d, const char *name)
{
    const GanProgram *p = run_program(d);
    int               first = state_find(p, name);
    if (first >= 0) return p->slot[first].kind == GAN_DATA ? -1 : first;
    for (int i = 0; i < p->n_slots; i++) {
        if (!belongs(&p->slot[i], name)) continue;
        if (!is_finite(d, i)) return i;
        if (first < 0) first = i;
    }
    return first;
}

/* The call that failed, or that a breakpoint on numbers that are not finite stands behind, or the last one that set the slot. */
static GanStatus ask_for(Debugger *d, const char *path, OriginAsk *ask, TrainerPast *past, GanError *err)
{
    Called *c = &run_history(d)->called;
    int64_t tick = d->place.tick;
    *past = (TrainerPast){.self = d, .fn = c->fn, .n = calls_before(c, tick), .back = back, .from_start = !d->at && !c->cut};
    ask->past = past;
    ask->slot = path ? slot_of(d, path) : -1;
    ask->fn = -1;
    if (path && ask->slot < 0) return gan_error(err, GAN_WRONG, "%s is no player, parameter or state of this run", path);
    if (path && is_finite(d, ask->slot)) return gan_error(err, GAN_WRONG, "%s is finite here", path);
    if (path) return GAN_OK;
    if (d->place.why == DEBUG_FAILED && d->place.failed_fn >= 0) {
        why_called(d, d->place.failed_fn);
        past->fn = c->fn;
        past->n = calls_before(c, tick + 1);
        ask->fn = d->place.failed_fn;
        return GAN_OK;
    }
    if (d->bad_fn < 0 || !past->n) return gan_error(err, GAN_WRONG, "nothing that is not finite has stopped the run here: a name, as in :why D.Dense_1.w, asks for one of the state");
    ask->fn = d->bad_fn;
    return back(d, past->n - 1) ? GAN_OK : gan_error(err, GAN_WORLD, "the run cannot be put back");
}

GanStatus debug_why(Debugger *d, const char *path, Arena *a, OriginNote note[ORIGIN_NOTES], int *n, GanError *err)
{
    const Session *s = debug_session(d);
    DebugPlace     here = d->place;
    int            bad = d->bad_fn;
    TrainerPast    past;
    Origin         o;
    OriginAsk      ask = {.m = s->lowered.ir, .p = run_program(d), .state = debug_state(d), .checkpoint = d->at ? NULL : d->o->run.checkpoint, .sources = s->sources};
    GanStatus      st = ask_for(d, path, &ask, &past, err);
    *n = 0;
    if (!st && origin_find(&ask, a, &o)) *n = origin_notes(&o, a, note);
    if (!st && interrupt_gives_up()) st = gan_error(err, GAN_WRONG, "interrupted");
    const Edit *e = !st && !*n ? written(d, here.tick) : NULL;
    if (e) st = gan_error(err, GAN_WRONG, "no statement has made it: %s was written at the prompt, at tick %lld", run_program(d)->slot[e->slot].path, (long long)e->tick);
    if (!st && !*n) st = gan_error(err, GAN_WRONG, "where it was born is not found");
    if (d->place.tick != here.tick || !d->alive) {
        GanError lost;
        if (time_restore(d, here.tick, &lost)) st = (*err = lost, lost.status);
    }
    d->place.why = here.why;
    d->place.error = here.error;
    d->place.failed_fn = here.failed_fn;
    d->place.breakpoint = here.breakpoint;
    d->bad_fn = bad;
    if (here.why == DEBUG_FAILED) why_forget(run_history(d), here.tick);
    return st;
}
