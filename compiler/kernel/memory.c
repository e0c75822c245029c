/* memory.c - where buffers lie: live ranges, then the lowest offset free for that long. Nothing is allocated in a step. */
#include "compiler/kernel/internal.h"

enum { ALIGN = 64 };

static void touch(KMem *m, int at)
{
    while (m->of) m = m->of;
    if (at < m->first) m->first = at;
    if (at > m->last) m->last = at;
}

static void touch_value(KPlan *p, const IrVal *v, int lane_axis, KPlace place, int at)
{
    KSource s = kernel_source(p, v, lane_axis);
    KMem *m = s.root ? kernel_value(p, s.root)->mem : NULL;
    if (m && m->place == place) touch(m, at);
}

static void touch_kernel(KPlan *p, KKernel *k, KPlace place, int at)
{
    for (int i = 0; i < k->nodes.n; i++) {
        const IrNode *n = k->nodes.v[i];
        KValue *v = kernel_value(p, &n->result[0]);
        if (v->accum && place == K_FRAME) touch(v->accum->partial, at);
        if (v->accum && k->kind == K_MAP) continue;         /* its operands were read by the accumulator */
        for (int a = 0; a < n->n_args; a++) touch_value(p, n->arg[a], k->lane_axis, place, at);
    }
    for (int i = 0; i < k->stores.n; i++) {
        if (k->stores.v[i].mem->place == place) touch(k->stores.v[i].mem, at);
        touch_value(p, k->stores.v[i].val, k->lane_axis, place, at);
    }
    for (int i = 0; i < k->sinks.n; i++) {
        if (k->kind == K_MAP) touch_value(p, k->sinks.v[i]->node->arg[0], k->lane_axis, place, at);
        if (place == K_FRAME) touch(k->sinks.v[i]->partial, at);
    }
    for (int i = 0; i < k->columns.n; i++)
        if (k->columns.v[i]->place == place) touch(k->columns.v[i], at);
    if (k->val) touch_value(p, k->val, k->lane_axis, place, at);
    if (k->mem && k->mem->place == place) touch(k->mem, at);
}

static void touch_block(KPlan *p, KBlock *b, int outer)
{
    for (int i = 0; i < b->steps.n; i++) {
        KStep *s = b->steps.v[i];
        int at = outer >= 0 ? outer : i;
        for (int j = 0; j < s->once.n; j++) touch_kernel(p, s->once.v[j], K_FRAME, at);
        for (int j = 0; j < s->panel.n; j++) touch_kernel(p, s->panel.v[j], K_FRAME, at);
        for (int j = 0; j < s->tile.n; j++) touch_kernel(p, s->tile.v[j], K_FRAME, at);
        for (int j = 0; j < s->finish.n; j++) touch_kernel(p, s->finish.v[j], K_FRAME, at);
        for (int j = 0; j < s->kernels.n; j++) touch_kernel(p, s->kernels.v[j], K_FRAME, at);
        for (int j = 0; j < s->after.n; j++) { touch(s->after.v[j].from, at); touch(s->after.v[j].to, at); }
        if (s->predicate) touch(s->predicate, at);
        for (int k = 0; s->node && k < s->node->n_bodies; k++) {
            for (int j = 0; j < s->node->body[k]->n_params; j++)
                touch_value(p, s->node->body[k]->param[j], -1, K_FRAME, at);
            if (s->body[k]) touch_block(p, s->body[k], at);
        }
        for (int r = 0; s->node && r < s->node->n_results; r++) touch_value(p, &s->node->result[r], -1, K_FRAME, at);
    }
}

/* Offsets from `base` on for every buffer of a place that is live; returns the end. */
static int64_t assign(KMem **m, int n, int64_t base)
{
    int64_t end = base;
    for (int i = 0; i < n; i++) {
        int64_t at = base;
        for (bool moved = true; moved;) {
            moved = false;
            for (int j = 0; j < i; j++) {
                bool together = m[j]->first <= m[i]->last && m[i]->first <= m[j]->last;
                if (!together || m[j]->offset >= at + m[i]->bytes || at >= m[j]->offset + m[j]->bytes) continue;
                at = (m[j]->offset + m[j]->bytes + ALIGN - 1) / ALIGN * ALIGN;
                moved = true;
            }
        }
        m[i]->offset = at;
        if (at + m[i]->bytes > end) end = at + m[i]->bytes;
    }
    return (end + ALIGN - 1) / ALIGN * ALIGN;
}

static void layout_scratch(KPlan *p, KBlock *b)
{
    for (int i = 0; i < b->steps.n; i++) {
        KStep *s = b->steps.v[i];
        for (int k = 0; k < 2; k++)
            if (s->body[k]) layout_scratch(p, s->body[k]);
        int end = s->panel.n;
        for (int j = 0; j < s->once.n; j++) touch(s->once.v[j]->mem, 0);
        for (int j = 0; j < s->panel.n; j++) touch_kernel(p, s->panel.v[j], K_SCRATCH, j);
        for (int j = 0; j < s->tile.n; j++) touch_kernel(p, s->tile.v[j], K_SCRATCH, end);
        for (int j = 0; j < s->kernels.n; j++) touch_kernel(p, s->kernels.v[j], K_SCRATCH, j);
        /* accumulators first, so that one clearing starts a shard */
        int64_t zero = 0;
        for (int j = 0; j < s->finish.n; j++) {
            KMem *m = s->finish.v[j]->sinks.v[0]->lanes;
            m->offset = zero;
            zero += (m->bytes + ALIGN - 1) / ALIGN * ALIGN;
            m->first = INT32_MAX;                           /* settled */
        }
        if (zero) {
            s->zero = arena_new_of(p->arena, KMem);
            *s->zero = (KMem){.place = K_SCRATCH, .bytes = zero, .tile = -1};
        }
        ARRAY(KMem *) here = {0};
        for (int j = 0; j < p->mems.n; j++) {
            KMem *m = p->mems.v[j];
            if (m->place != K_SCRATCH || m->last < 0 || m->first == INT32_MAX) continue;
            if (m->panel) { m->first = 0; m->last = end; }  /* all panels of a tile: the whole step */
            array_push(p->arena, &here, m);
        }
        int64_t bytes = assign(here.v, here.n, zero);
        if (bytes > p->scratch_bytes) p->scratch_bytes = bytes;
        for (int j = 0; j < here.n; j++) here.v[j]->first = INT32_MAX;
    }
}

void kernel_layout(KPlan *p)
{
    touch_block(p, &p->top, -1);
    for (int i = 0; i < p->outs.n; i++) touch(p->outs.v[i].mem, p->top.steps.n);
    for (int i = 0; i < p->commits.n; i++) touch(p->commits.v[i].from, p->top.steps.n);
    ARRAY(KMem *) frame = {0};
    for (int i = 0; i < p->mems.n; i++)
        if (p->mems.v[i]->place == K_FRAME && p->mems.v[i]->last >= 0) array_push(p->arena, &frame, p->mems.v[i]);
    int64_t header = K_FRAME_KEYS + 8 * (int64_t)p->m->streams.n;
    p->frame_bytes = assign(frame.v, frame.n, (header + ALIGN - 1) / ALIGN * ALIGN);
    layout_scratch(p, &p->top);
}
