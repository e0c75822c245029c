/* memory.c - where buffers lie: live ranges, then the lowest offset that is free. Nothing is allocated in a step. */
#include "compiler/kernel/internal.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 };

typedef struct Layout {                                     /* of one place */
    KPlan  *p;
    KPlace  place;
    ARRAY(KMem *) met;                                      /* its buffers, once each */
} Layout;

static void touch(Layout *l, KMem *m, int at)
{
    while (m->of) m = m->of;
    if (m->last < 0) array_push(l->p->arena, &l->met, m);
    if (at < m->first) m->first = at;
    if (at > m->last) m->last = at;
}

static void touch_value(Layout *l, const IrVal *v, int lane_axis, int at)
{
    KSource s = kernel_source(l->p, v, lane_axis);
    KMem *m = s.root ? kernel_value(l->p, s.root)->mem : NULL;
    if (m && m->place == l->place) touch(l, m, at);
}

typedef struct { Layout *l; int lane_axis, at; } Touch;

static void touch_asked(void *self, const IrVal *v, bool own)
{
    const Touch *t = self;
    (void)own;
    touch_value(t->l, v, t->lane_axis, t->at);
}

static void touch_kernel(Layout *l, KKernel *k, int at)
{
    kernel_each_value(l->p, k, touch_asked, &(Touch){l, k->lane_axis, at});
    for (int i = 0; i < k->nodes.n; i++) {
        KValue *v = kernel_value(l->p, &k->nodes.v[i]->result[0]);
        if (v->accum && l->place == K_FRAME) touch(l, v->accum->partial, at);
    }
    for (int i = 0; i < k->stores.n; i++)
        if (k->stores.v[i].mem->place == l->place) touch(l, k->stores.v[i].mem, at);
    for (int i = 0; i < k->sinks.n; i++)
        if (l->place == K_FRAME) touch(l, k->sinks.v[i]->partial, at);
    for (int i = 0; i < k->columns.n; i++)
        if (k->columns.v[i]->place == l->place) touch(l, k->columns.v[i], at);
    if (k->mem && k->mem->place == l->place) touch(l, k->mem, at);
    if (k->epilogue) touch_kernel(l, k->epilogue, at);
}

static void touch_block(Layout *l, KBlock *b, int outer)
{
    for (int i = 0; i < b->steps.n; i++) {
        KStep *s = b->steps.v[i];
        int at = outer >= 0 ? outer : i;
        for (int j = 0; j < s->once.n; j++) touch_kernel(l, s->once.v[j], at);
        for (int j = 0; j < s->panel.n; j++) touch_kernel(l, s->panel.v[j], at);
        for (int j = 0; j < s->tile.n; j++) touch_kernel(l, s->tile.v[j], at);
        for (int j = 0; j < s->finish.n; j++) touch_kernel(l, s->finish.v[j], at);
        for (int j = 0; j < s->kernels.n; j++) touch_kernel(l, s->kernels.v[j], at);
        for (int j = 0; j < s->after.n; j++) { touch(l, s->after.v[j].from, at); touch(l, s->after.v[j].to, at); }
        if (s->predicate) touch(l, s->predicate, at);
        for (int k = 0; s->node && k < s->node->n_bodies; k++) {
            for (int j = 0; j < s->node->body[k]->n_params; j++)
                touch_value(l, s->node->body[k]->param[j], -1, at);
            if (s->body[k]) touch_block(l, s->body[k], at);
        }
        for (int r = 0; s->node && r < s->node->n_results; r++) touch_value(l, &s->node->result[r], -1, at);
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
static int64_t assign(KPlan *p, KMem **m, int n, int64_t base)
{
    if (!n) return base;
    KMem **ending = arena_copy(p->arena, m, sizeof *m * (size_t)n);
    Holes  holes = {arena_array(p->arena, Hole, n + 1), 1};
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

static void layout_scratch(KPlan *p, KBlock *b)
{
    for (int i = 0; i < b->steps.n; i++) {
        KStep *s = b->steps.v[i];
        Layout l = {.p = p, .place = K_SCRATCH};
        for (int k = 0; k < 2; k++)
            if (s->body[k]) layout_scratch(p, s->body[k]);
        int end = s->panel.n;
        for (int j = 0; j < s->once.n; j++) touch(&l, s->once.v[j]->mem, 0);
        for (int j = 0; j < s->panel.n; j++) touch_kernel(&l, s->panel.v[j], j);
        for (int j = 0; j < s->tile.n; j++) touch_kernel(&l, s->tile.v[j], end);
        for (int j = 0; j < s->kernels.n; j++) touch_kernel(&l, s->kernels.v[j], j);
        int64_t zero = layout_accumulators(p, s);
        ARRAY(KMem *) here = {0};
        for (int j = 0; j < l.met.n; j++) {
            KMem *m = l.met.v[j];
            if (m->first == INT32_MAX) continue;
            if (m->panel) { m->first = 0; m->last = end; }  /* all panels of a tile: the whole step */
            array_push(p->arena, &here, m);
        }
        int64_t bytes = assign(p, here.v, here.n, zero);
        if (bytes > p->scratch_bytes) p->scratch_bytes = bytes;
    }
}

void kernel_layout(KPlan *p)
{
    Layout l = {.p = p, .place = K_FRAME};
    touch_block(&l, &p->top, -1);
    for (int i = 0; i < p->outs.n; i++) touch(&l, p->outs.v[i].mem, p->top.steps.n);
    for (int i = 0; i < p->commits.n; i++) touch(&l, p->commits.v[i].from, p->top.steps.n);
    int64_t header = FRAME_KEYS + 8 * (int64_t)p->m->streams.n;
    p->frame_bytes = assign(p, l.met.v, l.met.n, (header + ALIGN - 1) / ALIGN * ALIGN);
    layout_scratch(p, &p->top);
}
