/* touch.c - what a kernel reads and writes, once for all who ask: live ranges (memory.c), waiting (wait.c). */
#include "compiler/kernel/place.h"

typedef struct Each {
    const KPlan   *p;
    const KKernel *k;
    KTouchFn      *fn;
    void          *self;
} Each;

static void mem(const Each *e, KMem *m, bool writes, bool own)
{
    if (!m) return;
    bool all = writes && !m->of;
    while (m->of) m = m->of;
    e->fn(e->self, &(KTouch){.mem = m, .slot = m->slot, .writes = writes, .own = own, .all = all});
}

/* A value along `lane`: at the kernel's own panel where that is the axis its memory is cut along, all the way. */
static void value(const Each *e, const IrVal *v, int lane)
{
    KSources s = kernel_sources(e->p, v, lane);
    for (int i = 0; i < s.n; i++) {
        if (s.v[i].slot >= 0) e->fn(e->self, &(KTouch){.slot = s.v[i].slot});
        KMem *m = s.v[i].root ? kernel_value(e->p, s.v[i].root)->mem : NULL;
        if (m) mem(e, m, false, lane >= 0 && m->tile == lane && !s.v[i].broken);
    }
}

static void operands(const Each *e, const IrNode *n)
{
    const KKernel *k = e->k;
    bool by_pairs = k->kind == K_OUTER || k->kind == K_INNER;
    for (int i = 0; i < n->n_args; i += k->kind == K_WHOLE ? 2 : 1) value(e, n->arg[i], by_pairs ? place_first_axis(n, i / 2) : k->lane_axis);
}

static void nodes(const Each *e)
{
    const KKernel *k = e->k;
    if (k->kind == K_PACK) { value(e, k->nodes.v[0]->arg[k->side], -1); return; }
    if (k->kind == K_BLAS || k->kind == K_TRANSPOSE) return;            /* they read columns, val */
    for (int i = 0; i < k->nodes.n; i++) {
        const KValue *v = kernel_value(e->p, &k->nodes.v[i]->result[0]);
        if (v->accum && k->kind == K_MAP) mem(e, v->accum->partial, false, false);
        else operands(e, k->nodes.v[i]);
    }
}

void kernel_touches(const KPlan *p, const KKernel *k, KTouchFn *fn, void *self)
{
    Each e = {p, k, fn, self};
    nodes(&e);
    for (int i = 0; i < k->stores.n; i++) {
        KMem *to = k->stores.v[i].mem;
        mem(&e, to, true, k->lane_axis >= 0 && to->tile == k->lane_axis);
        value(&e, k->stores.v[i].val, k->lane_axis);
    }
    for (int i = 0; i < k->sinks.n; i++) {
        if (k->kind == K_MAP) value(&e, k->sinks.v[i]->node->arg[0], k->lane_axis);
        else mem(&e, k->sinks.v[i]->partial, true, k->lane_axis >= 0);  /* a shard's */
    }
    for (int i = 0; i < k->columns.n; i++) mem(&e, k->columns.v[i], false, false);
    if (k->val) value(&e, k->val, k->lane_axis);
    mem(&e, k->packed, false, false);
    mem(&e, k->mem, true, false);
    if (k->epilogue) kernel_touches(p, k->epilogue, fn, self);
}

/* ---- how much ---------------------------------------------------------------------------------------------------- */

typedef struct Seen { const KPlan *p; const KKernel *k; Arena *a; ARRAY(KTouch) one; double bytes; } Seen;

/* One panel for all is counted as often as it is filled. */
static double bytes_of(const Seen *s, const KTouch *t)
{
    if (!t->mem) {
        const IrType *slot = &s->p->m->slots.v[t->slot].type;
        return (double)(ir_dims_size(slot) * (int64_t)ir_elem_bytes(slot->elem));
    }
    int64_t panels = s->k->lane_axis >= 0 && t->mem->tile >= 0 ? (ir_extent(s->p->m, t->mem->tile) + K_LANES - 1) / K_LANES : 1;
    bool    whole = t->mem->tile < 0 || t->mem->place != K_SCRATCH;
    return whole ? (double)t->mem->bytes : (double)panels * (double)(t->mem->panel ? t->mem->panel * (int64_t)ir_elem_bytes(t->mem->elem) : t->mem->bytes);
}

static void see(void *self, const KTouch *t)
{
    Seen *s = self;
    if (!t->mem && t->slot < 0) return;
    for (int i = 0; i < s->one.n; i++)
        if (s->one.v[i].mem == t->mem && s->one.v[i].slot == t->slot && s->one.v[i].writes == t->writes) return;
    array_push(s->a, &s->one, *t);
    s->bytes += bytes_of(s, t);
}

double kernel_bytes(const KPlan *p, const KKernel *k)
{
    Seen s = {.p = p, .k = k, .a = arena_new()};
    kernel_touches(p, k, see, &s);
    arena_free(s.a);
    return s.bytes;
}
