/* compare.c - two histories side by side: where they part, and how far apart they are. */
#include "compiler/debug/inside.h"
#include "compiler/debug/slots.h"

#include "runtime/state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Side { int history, owner; char *state; size_t room; } Side;        /* owner: the history of the state, which is that of the step looked at */

/* Of a history's own past, whose first is where it was forked. */
static int64_t begins_at(const Debugger *d, int i)
{
    Moment first = {0};
    timeline_find(d->history[i]->past, timeline_until_tick, 0, &first, NULL);
    return first.rounds;
}

/* Has it a past before it was forked, that of its parent? */
static bool goes_back(const Debugger *d, int i) { return d->history[i]->parent >= 0 && !d->history[i]->rootless; }

static int owner_at(const Debugger *d, int history, int64_t step)
{
    while (step < begins_at(d, history) && goes_back(d, history)) history = d->history[history]->parent;
    return history;
}

static int64_t first_of(const Debugger *d, int history)
{
    while (goes_back(d, history)) history = d->history[history]->parent;
    return begins_at(d, history);
}

static const GanProgram *program_of(const Debugger *d, const Side *s) { return d->history[s->owner]->build->s.lowered.program; }

static GanStatus take(Debugger *d, Side *s, int64_t step, GanError *err)
{
    DebugPlace at;
    s->owner = owner_at(d, s->history, step);
    size_t n = program_of(d, s)->state_bytes;
    char  *more = n <= s->room ? s->state : realloc(s->state, n + 1);
    if (!more) return gan_error(err, GAN_WORLD, "no memory for a comparison");
    s->state = more;
    if (n > s->room) s->room = n;
    GanStatus st = debug_switch(d, s->owner, &at, err);
    if (!st) st = debug_goto_step(d, step, &at, err);
    if (!st) memcpy(s->state, debug_state(d)->base, n);
    return st;
}

/* The other's slot of the same name and shape, or NULL. */
static const GanSlot *same_slot(const GanProgram *p, const GanSlot *s)
{
    int i = state_find(p, s->path);
    return i >= 0 && slot_alike(&p->slot[i], s) ? &p->slot[i] : NULL;
}

/* What only one of them has is a difference, too; what one reports is not. */
static bool differ(const Debugger *d, const Side *a, const Side *b)
{
    const GanProgram *p = program_of(d, a), *q = program_of(d, b);
    for (int i = 0; i < p->n_slots; i++) {
        const GanSlot *s = &p->slot[i], *other = same_slot(q, s);
        if (!slot_learns(s) || lower_is_report(&d->history[a->owner]->build->s.lowered, i)) continue;
        if (!other || memcmp(a->state + s->offset, b->state + other->offset, s->bytes)) return true;
    }
    return false;
}

static GanStatus differ_at(Debugger *d, Side *a, Side *b, int64_t step, bool *out, GanError *err)
{
    GanStatus st = take(d, a, step, err);
    if (!st) st = take(d, b, step, err);
    *out = !st && a->owner != b->owner && differ(d, a, b);
    return st;
}

/* The first step from `first` to `last` at which they differ; last + 1: none. Once they differ they are taken to go on differing. */
static GanStatus find_parting(Debugger *d, Side *a, Side *b, int64_t first, int64_t last, int64_t *out, GanError *err)
{
    int64_t   same = first - 1, apart = last + 1;
    bool      differs = false;
    GanStatus st = GAN_OK;
    for (int64_t stride = 1, at = first; !st && at <= last && apart > last; at += stride, stride *= 2) {
        st = differ_at(d, a, b, at, &differs, err);
        *(differs ? &apart : &same) = at;
    }
    while (!st && apart - same > 1) {
        int64_t middle = same + (apart - same) / 2;
        st = differ_at(d, a, b, middle, &differs, err);
        *(differs ? &apart : &same) = middle;
    }
    *out = apart;
    return st;
}

static double element(const char *state, const GanSlot *s, int64_t i)
{
    GanTensor t = {.elem = s->elem, .data = (void *)(state + s->offset)};
    return gan_tensor_get(&t, i);
}

static void add_slot(const GanSlot *s, const GanSlot *other, const Side *a, const Side *b, DebugDistance *out)
{
    int64_t n = (int64_t)(s->bytes / gan_elem_bytes(s->elem));
    for (int64_t i = 0; i < n; i++) {
        double x = element(a->state, s, i), y = element(b->state, other, i);
        out->distance += (x - y) * (x - y);
        out->norm += x * x;
    }
}

static DebugDistance *distance_of(DebugParting *out, const char *player)
{
    for (int i = 0; i < out->n; i++)
        if (!strcmp(out->player[i].player, player)) return &out->player[i];
    out->player[out->n] = (DebugDistance){.player = player};
    return &out->player[out->n++];
}

static GanStatus measure(const Debugger *d, const Side *a, const Side *b, DebugParting *out, GanError *err)
{
    const GanProgram *p = program_of(d, a), *q = program_of(d, b);
    out->player = calloc((size_t)p->n_slots + 1, sizeof *out->player);
    if (!out->player) return gan_error(err, GAN_WORLD, "no memory for a comparison");
    for (int i = 0; i < p->n_slots; i++) {
        const GanSlot *s = &p->slot[i], *other = same_slot(q, s);
        if (!other) continue;
        if (s->kind == GAN_PARAM && s->player) add_slot(s, other, a, b, distance_of(out, s->player));
        bool apart = s->kind == GAN_STATE && !lower_is_report(&d->history[a->owner]->build->s.lowered, i) && memcmp(a->state + s->offset, b->state + other->offset, s->bytes);
        if (apart) add_slot(s, other, a, b, distance_of(out, s->path));
    }
    for (int i = 0; i < out->n; i++) {
        DebugDistance *p = &out->player[i];
        p->distance = isnan(p->distance) ? NAN : sqrt(p->distance);     /* of one sign: it is shown */
        p->norm = isnan(p->norm) ? NAN : sqrt(p->norm);
    }
    return GAN_OK;
}

static GanStatus compare(Debugger *d, Side *a, Side *b, DebugParting *out, GanError *err)
{
    const History *x = d->history[a->history], *y = d->history[b->history];
    int64_t u = first_of(d, a->history), v = first_of(d, b->history), first = u > v ? u : v, last = x->step < y->step ? x->step : y->step;
    bool    differs;
    if (first > last)
        return gan_error(err, GAN_WRONG, "the two have no step in common: one begins at step %lld, the other stands at %lld", (long long)first, (long long)last);
    GanStatus st = find_parting(d, a, b, first, last, &out->part, err);
    if (!st) st = differ_at(d, a, b, last, &differs, err);
    out->step = last;
    if (out->part > last) out->part = -1;
    return st ? st : measure(d, a, b, out, err);
}

/* All stand again where they stood. */
static GanStatus put_back(Debugger *d, int at, const DebugHistory *stood, GanError *err)
{
    DebugPlace place;
    walk_leave(d);
    for (int i = 0; i < d->n_histories; i++) {
        d->history[i]->tick = stood[i].tick;
        d->history[i]->step = stood[i].step;
    }
    return debug_switch(d, at, &place, err);
}

GanStatus debug_compare(Debugger *d, int a, int b, DebugParting *out, GanError *err)
{
    int           at = d->at;
    Side          x = {.history = a}, y = {.history = b};
    DebugHistory *stood = calloc((size_t)d->n_histories, sizeof *stood);
    GanError      lost;
    *out = (DebugParting){0};
    if (!stood) return gan_error(err, GAN_WORLD, "no memory for a comparison");
    if (a < 0 || b < 0 || a >= d->n_histories || b >= d->n_histories) {
        free(stood);
        return gan_error(err, GAN_WRONG, "there are histories 0 to %d", d->n_histories - 1);
    }
    for (int i = 0; i < d->n_histories; i++) debug_history_of(d, i, &stood[i]);
    GanStatus st = compare(d, &x, &y, out, err);
    if (put_back(d, at, stood, &lost)) st = (*err = lost, lost.status);
    free(x.state);
    free(y.state);
    free(stood);
    return st;
}
