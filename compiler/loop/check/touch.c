/* touch.c - see touch.h. */
#include "compiler/loop/check/touch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

Touches *touches_new(Arena *a)
{
    Touches *t = arena_new_of(a, Touches);
    t->arena = a;
    array_push(a, &t->turn, ((Turn){.open = false}));
    array_push(a, &t->turn, ((Turn){.open = true}));
    array_push(a, &t->origin, "");
    t->now = 1;
    return t;
}

void touches_region(Touches *t, const void *at, int64_t bytes, bool written)
{
    TouchRegion r = {(uintptr_t)at, bytes, arena_array(t->arena, TouchCell, bytes + 1)};
    for (int64_t i = 0; i < bytes && written; i++) r.cell[i].writer = 1;
    array_push(t->arena, &t->region, r);
}

/* ---- turns ------------------------------------------------------------------------------------------------------ */

int touches_open(Touches *t, const char *what, int64_t n)
{
    array_push(t->arena, &t->turn, ((Turn){.outer = t->now, .open = true, .what = what, .n = n}));
    return t->now = t->turn.n - 1;
}

void touches_close(Touches *t)
{
    Turn *x = &t->turn.v[t->now];
    x->open = false;
    t->now = x->outer;
}

void touches_join(Touches *t, int first)
{
    for (int i = first; i < t->turn.n; i++)
        if (t->turn.v[i].outer == t->now && !t->turn.v[i].done) t->turn.v[i].done = t->now;
}

/* The turn that it is part of by now. */
static int course_of(Touches *t, int turn)
{
    int end = turn;
    while (t->turn.v[end].done) end = t->turn.v[end].done;
    while (t->turn.v[turn].done) {
        int next = t->turn.v[turn].done;
        t->turn.v[turn].done = end;
        turn = next;
    }
    return end;
}

bool touches_beside(Touches *t, int turn) { return turn && !t->turn.v[course_of(t, turn)].open; }

/* ---- bytes ------------------------------------------------------------------------------------------------------ */

static bool holds(const TouchRegion *r, uintptr_t p) { return p - r->at < (uintptr_t)r->bytes; }

static TouchRegion *region_of(Touches *t, uintptr_t p)
{
    if (t->last < t->region.n && holds(&t->region.v[t->last], p)) return &t->region.v[t->last];
    for (int i = 0; i < t->region.n; i++)
        if (holds(&t->region.v[i], p)) return &t->region.v[t->last = i];
    return NULL;
}

/* As many of the bytes from p on as are looked after. */
static TouchCell *cells_of(Touches *t, const void *p, int64_t *bytes)
{
    TouchRegion *r = region_of(t, (uintptr_t)p);
    if (!r) return NULL;
    int64_t from = (int64_t)((uintptr_t)p - r->at);
    if (*bytes > r->bytes - from) *bytes = r->bytes - from;
    return r->cell + from;
}

Meeting touches_write(Touches *t, const void *p, int64_t bytes, uint32_t origin)
{
    TouchCell *c = cells_of(t, p, &bytes);
    uint32_t writer = 0, reader = 0;                        /* of the byte before: most are by the same ones */
    for (int64_t i = 0; c && i < bytes; i++) {
        if (c[i].writer != writer && touches_beside(t, (int)(writer = c[i].writer))) return (Meeting){(int)writer, true, i};
        if (c[i].reader != reader && touches_beside(t, (int)(reader = c[i].reader))) return (Meeting){(int)reader, false, i};
        c[i] = (TouchCell){(uint32_t)t->now, 0, origin};
    }
    return (Meeting){0, false, 0};
}

Meeting touches_read(Touches *t, const void *p, int64_t bytes)
{
    TouchCell *c = cells_of(t, p, &bytes);
    uint32_t writer = 0;                                    /* of the byte before */
    for (int64_t i = 0; c && i < bytes; i++) {
        if (c[i].writer != writer && touches_beside(t, (int)(writer = c[i].writer))) return (Meeting){(int)writer, true, i};
        if (c[i].reader != (uint32_t)t->now && !touches_beside(t, (int)c[i].reader)) c[i].reader = (uint32_t)t->now;
    }
    return (Meeting){0, false, 0};
}

uint32_t touches_missing(Touches *t, const void *p, int64_t bytes)
{
    TouchCell *c = cells_of(t, p, &bytes);
    for (int64_t i = 0; c && i < bytes; i++) {
        if (!c[i].writer) return TOUCH_UNWRITTEN;
        if (c[i].origin) return c[i].origin;
    }
    return 0;
}

uint32_t touches_origin(Touches *t, const char *text)
{
    array_push(t->arena, &t->origin, arena_str(t->arena, text));
    return (uint32_t)t->origin.n - 1;
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

static bool is_inside(const Touches *t, int turn, int of)
{
    while (turn > of) turn = t->turn.v[turn].outer;         /* what is inside has the higher number */
    return turn == of;
}

void touches_name(const Touches *t, int turn, int other, char *out, size_t n)
{
    int path[64], count = 0, length = 0;
    out[0] = 0;
    for (; turn > 1 && count < 64 && !is_inside(t, other, turn); turn = t->turn.v[turn].outer) path[count++] = turn;
    for (int i = count - 1; i >= 0 && (size_t)length < n; i--) {
        const Turn *x = &t->turn.v[path[i]];
        length += snprintf(out + length, n - (size_t)length, "%s%s %" PRId64, i < count - 1 ? ", " : "", x->what, x->n);
    }
}
