/* memory.c - where buffers lie: live ranges, then the lowest offset that is free. Nothing is allocated in a step. */
#include "compiler/kernel/internal.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 };

typedef struct Mems { KMem **v; int n, cap; } Mems;

typedef struct Layout {                                     /* of one place */
    KPlan  *p;
    Arena  *scratch;
    KPlace  place;
    Mems    met;                                            /* its buffers, once each */
    int     at;                                             /* the time: waits so far (FRAME), or the kernel's number */
    int     depth;                                          /* scans that enclose it */
    Mems    outer[FRAME_MAX_DEPTH];                         /* of each of these: buffers from outside that its turns use */
} Layout;

static void touch(Layout *l, KMem *m)
{
    while (m->of) m = m->of;
    if (m->last < 0) {
        array_push(l->scratch, &l->met, m);
        m->depth = l->depth;
    }
    if (l->at < m->first) m->first = l->at;
    if (l->at > m->last) m->last = l->at;
    if (m->depth < l->depth) array_push(l->scratch, &l->outer[m->depth], m);
}

static void touch_by_kernel(void *self, const KTouch *t)
{
    Layout *l = self;
    if (t->mem && t->mem->place == l->place) touch(l, t->mem);
}

static void touch_kernels(Layout *l, KKernel *const *k, int n)
{
    for (int i = 0; i < n; i++) kernel_touches(l->p, k[i], touch_by_kernel, l);
}

static void touch_value(Layout *l, const IrVal *v)
{
    KSource s = kernel_source(l->p, v, -1);
    KMem *m = s.root ? kernel_value(l->p, s.root)->mem : NULL;
    if (m && m->place == l->place) touch(l, m);
}

/* ---- the frame: time is counted in waits, since without one a thread may still be at what lies before ------------ */

/* What a scan or cond takes and gives is there from its beginning to its end. */
static void touch_ends(Layout *l, const KStep *s)
{
    for (int i = 0; i < s->after.n; i++) touch(l, s->after.v[i].to);
    for (int i = 0; i < s->stacks.n; i++) touch(l, s->stacks.v[i]);
    if (s->predicate) touch(l, s->predicate);
    for (int k = 0; k < s->node->n_bodies; k++)
        for (int i = 0; i < s->node->body[k]->n_params; i++) touch_value(l, s->node->body[k]->param[i]);
    for (int i = 0; i < s->node->n_results; i++) touch_value(l, &s->node->result[i]);
}

static void touch_block(Layout *l, const KBlock *b);

/* A turn's own buffers share memory within the turn; what comes from outside stays for all turns. Without a wait at its end a turn's last
 * stretch is one with the next turn's first. */
static void touch_turn(Layout *l, const KStep *s)
{
    int begin = l->at, met = l->met.n;
    Mems *outer = &l->outer[l->depth++];
    outer->n = 0;
    touch_block(l, s->body[0]);
    l->at += s->wait_copies;
    for (int i = 0; i < s->after.n; i++) { touch(l, s->after.v[i].from); touch(l, s->after.v[i].to); }
    for (int i = met; i < l->met.n && !s->wait_turn; i++)
        if (l->met.v[i]->last == l->at) l->met.v[i]->first = begin;
    l->at += s->wait_turn;
    l->depth--;
    for (int i = 0; i < outer->n; i++) touch(l, outer->v[i]);
}

static void touch_block(Layout *l, const KBlock *b)
{
    for (int i = 0; i < b->steps.n; i++) {
        const KStep *s = b->steps.v[i];
        l->at += s->wait_first;
        touch_kernels(l, s->once.v, s->once.n);
        touch_kernels(l, s->panel.v, s->panel.n);
        touch_kernels(l, s->tile.v, s->tile.n);
        touch_kernels(l, s->finish.v, s->finish.n);
        touch_kernels(l, s->kernels.v, s->kernels.n);
        if (s->node) touch_ends(l, s);
        if (s->kind == K_SCAN) touch_turn(l, s);
        for (int k = 0; s->kind == K_COND && k < 2; k++, l->at++) touch_block(l, s->body[k]);
        if (s->node) touch_ends(l, s);
        l->at += s->wait_last;
    }
}

/* ---- offsets ---------------------------------------------------------------------------------------------------- */

typedef struct { int64_t from, to; } Hole;
typedef struct { Hole *v; int n; } Holes;                   /* what is free now, by offset, none beside the next; the last has no end */

static int64_t rounded(int64_t bytes) { return (bytes + ALIGN - 1) / ALIGN * ALIGN; }

static void remove_hole(Holes *h, int i) { memmove(h->v + i, h->v + i + 1, sizeof *h->v * (size_t)(--h->n - i)); }

/* The lowest offset where so much is free. */
static int64_t take(Holes *h, int64_t bytes)
{
    int i = 0;
    while (h->v[i].to - h->v[i].from < bytes) i++;
    int64_t at = h->v[i].from;
    h->v[i].from += bytes;
    if (h->v[i].from == h->v[i].to) remove_hole(h, i);
    return at;
}

static void give_back(Holes *h, int64_t from, int64_t bytes)
{
    int lo = 0, hi = h->n;                                  /* lo: the first hole behind it */
    while (lo < hi) {
        int mid = (lo + hi) / 2;
        if (h->v[mid].from < from) lo = mid + 1;
        else hi = mid;
    }
    bool before = lo > 0 && h->v[lo - 1].to == from, behind = h->v[lo].from == from + bytes;
    if (!bytes) return;
    if (behind) {
        h->v[lo].from = from;
        if (!before) return;
        h->v[lo].from = h->v[lo - 1].from;
        remove_hole(h, lo - 1);
    } else if (before) {
        h->v[lo - 1].to += bytes;
    } else {
        memmove(h->v + lo + 1, h->v + lo, sizeof *h->v * (size_t)(h->n++ - lo));
        h->v[lo] = (Hole){from, from + bytes};
    }
}

static int by_first(const void *a, const void *b)
{
    const KMem *const *x = a, *const *y = b;
    return (*x)->first != (*y)->first ? (*x)->first - (*y)->first : (*x)->made - (*y)->made;
}

static int by_last(const void *a, const void *b)
{
    const KMem *const *x = a, *const *y = b;
    return (*x)->last != (*y)->last ? (*x)->last - (*y)->last : (*x)->made - (*y)->made;
}

/* Offsets from `base` on for buffers, in the order in which they are needed; who is not needed any more makes room. Returns the end. */
static int64_t assign(KPlan *p, Arena *scratch, KMem **m, int n, int64_t base)
{
    if (!n) return base;
    KMem **ending = arena_copy(scratch, m, sizeof *m * (size_t)n);
    Holes  holes = {arena_array(scratch, Hole, n + 1), 1};
    int64_t end = base;
    holes.v[0] = (Hole){base, INT64_MAX};
    qsort(m, (size_t)n, sizeof *m, by_first);
    qsort(ending, (size_t)n, sizeof *m, by_last);
    for (int i = 0, done = 0; i < n; i++) {
        for (; plan_takes(p, PLAN_share) && ending[done]->last < m[i]->first; done++) give_back(&holes, ending[done]->offset, rounded(ending[done]->bytes));
        m[i]->offset = take(&holes, rounded(m[i]->bytes));
        plan_did(p, PLAN_share, m[i]->bytes && m[i]->offset < end);
        if (m[i]->offset + m[i]->bytes > end) end = m[i]->offset + m[i]->bytes;
    }
    return rounded(end);
}

/* Accumulators first, so that one clearing starts a shard. Returns the end. */
static int64_t layout_accumulators(KPlan *p, KStep *s)
{
    int64_t zero = 0;
    for (int j = 0; j < s->finish.n; j++) {
        KMem *m = s->finish.v[j]->sinks.v[0]->lanes;
        m->offset = zero;
        m->first = INT32_MAX;                               /* settled */
        zero += (m->bytes + ALIGN - 1) / ALIGN * ALIGN;
    }
    if (zero) {
        s->zero = arena_new_of(p->arena, KMem);
        *s->zero = (KMem){.place = K_SCRATCH, .bytes = zero, .tile = -1};
    }
    return zero;
}

static void layout_scratch(KPlan *p, Arena *scratch, KBlock *b)
{
    for (int i = 0; i < b->steps.n; i++) {
        KStep *s = b->steps.v[i];
        Layout l = {.p = p, .scratch = scratch, .place = K_SCRATCH};
        for (int k = 0; k < 2; k++)
            if (s->body[k]) layout_scratch(p, scratch, s->body[k]);
        int end = s->panel.n;
        touch_kernels(&l, s->once.v, s->once.n);
        for (; l.at < end; l.at++) touch_kernels(&l, &s->panel.v[l.at], 1);
        touch_kernels(&l, s->tile.v, s->tile.n);
        for (l.at = 0; l.at < s->kernels.n; l.at++) touch_kernels(&l, &s->kernels.v[l.at], 1);
        int64_t zero = layout_accumulators(p, s);
        Mems here = {0};
        for (int j = 0; j < l.met.n; j++) {
            KMem *m = l.met.v[j];
            if (m->first == INT32_MAX) continue;
            if (m->panel && (m->tile < 0 || !s->by_kernels)) { m->first = 0; m->last = end; }  /* all panels of a tile, or all tiles: the whole step */
            array_push(scratch, &here, m);
        }
        int64_t bytes = assign(p, scratch, here.v, here.n, zero);
        if (bytes > p->scratch_bytes) p->scratch_bytes = bytes;
    }
}

void kernel_layout(KPlan *p)
{
    Layout l = {.p = p, .scratch = arena_new(), .place = K_FRAME};
    touch_block(&l, &p->top);
    l.at++;                                                 /* all threads are done */
    for (int i = 0; i < p->outs.n; i++) touch(&l, p->outs.v[i].mem);
    for (int i = 0; i < p->commits.n; i++) touch(&l, p->commits.v[i].from);
    p->frame_bytes = assign(p, l.scratch, l.met.v, l.met.n, 0);
    layout_scratch(p, l.scratch, &p->top);
    arena_free(l.scratch);
}
