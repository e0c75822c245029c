/* epilogue.c - the first to read a product computes on its tiles while they are in registers.
 *
 * A DOT and the MAP kernel that reads its result first, in the same step and over the same space, become one kernel: behind the accumulation of
 * each tile the MAP's rows run on the tile. They stand where the MAP kernel stood, so all that it reads is there. The product itself has memory
 * only if somebody else reads it. Saved are a store and a load of each number; worth() says when that is enough. Start at kernel_epilogues(). */
#include "compiler/kernel/internal.h"

/* ---- who reads what --------------------------------------------------------------------------------------------- */

typedef struct { KPlan *p; KStep *step; KKernel *k; } Reading;

static void note_source(const Reading *r, const KSource *s, bool own)
{
    KValue *kv = s->root ? kernel_value(r->p, s->root) : NULL;
    if (!kv || kv->step != r->step || kv->kernel == r->k) return;
    if (!kv->reader) kv->reader = r->k;
    if (kv->reader == r->k) kv->moved |= !own || !s->direct;
    else kv->others = true;
}

static void note(void *self, const IrVal *v, bool own)
{
    const Reading *r = self;
    KSources s = kernel_sources(r->p, v, r->k->lane_axis);
    for (int i = 0; i < s.n; i++) note_source(r, &s.v[i], own);
}

static void note_all(KPlan *p, KStep *s, KKernel *const *k, int n)
{
    for (int i = 0; i < n; i++) kernel_each_value(p, k[i], note, &(Reading){p, s, k[i]});
}

/* ---- is it worth it? -------------------------------------------------------------------------------------------- */

static bool same_space(const KSpace *a, const KSpace *b)
{
    bool same = a->n == b->n && a->lane == b->lane;
    for (int i = 0; same && i < a->n; i++) same = a->comp[i].axis == b->comp[i].axis && a->comp[i].extent == b->comp[i].extent;
    return same;
}

/* Of the matrix: if they are several, only rows that need no more than one running index make them one loop of tiles. */
static int free_dims(const IrNode *dot, int lane_axis)
{
    int side = ir_axes_has(dot->arg[0]->type.axes, lane_axis), n = 0;
    const IrType *t = &dot->arg[side]->type;
    bool taken[IR_MAX_RANK];
    ir_taken_dims(dot->attr, side, taken);
    for (int i = 0; i < t->rank; i++) n += !taken[i] && t->dim[i] != 1;
    return n;
}

static bool fits(const KPlan *p, const KKernel *dot, const KKernel *map)
{
    const KValue *v = kernel_value(p, &dot->nodes.v[0]->result[0]);
    if (map->kind != K_MAP || map->merged || map->lane_axis != dot->lane_axis || v->moved || !same_space(&dot->space, &map->space)) return false;
    for (int i = 0; i < map->sinks.n; i++)                  /* several axes, and dims, are added up in the order of the map's own loops */
        if (map->sinks.v[i]->node->attr->over.n > 1 || map->sinks.v[i]->node->attr->dims.n) return false;
    return map->flat || free_dims(dot->nodes.v[0], dot->lane_axis) <= 1;
}

static bool is_short(IrOp op)
{
    switch (op) {
    case IR_neg: case IR_abs: case IR_stop: case IR_convert: case IR_add: case IR_sub: case IR_mul: case IR_div: case IR_max: case IR_min:
    case IR_fma: case IR_sqrt: case IR_compare: case IR_select:
        return true;
    default: return false;                                  /* an elementary function, or an index to look at */
    }
}

/* In instructions a number: saved are two of so many, and what the caches take for them. Measured at one thread, with layers as wide as k: 8% at 8,
 * 2% at 16, 1% at 64 and 128, as much at 512 where what is written is far; with tanh 3% at 8, nothing at 16. */
enum { MOST_WORK = 32, LONG_ROW = 20, MOST_UNROLLED = 4 };

static int64_t rows_work(const KKernel *map)
{
    int64_t n = 0;
    for (int i = 0; i < map->nodes.n; i++) n += is_short(map->nodes.v[i]->op) ? 1 : LONG_ROW;
    return n;
}

static bool worth(const KKernel *dot, const KKernel *map)
{
    const IrNode *n = dot->nodes.v[0];
    int64_t k = 1;
    for (int i = 0; i < n->attr->contract.n; i++) k *= n->arg[0]->type.dim[n->attr->contract.a[i]];
    for (int i = 0; i < n->attr->n_windows; i++) k *= n->arg[1]->type.dim[n->attr->windows[i].b];
    int64_t rows = rows_work(map);
    return rows <= MOST_UNROLLED || k + rows <= MOST_WORK;
}

/* ---- merging ---------------------------------------------------------------------------------------------------- */

static void merge(KPlan *p, KKernel *dot, KKernel *map)
{
    KValue *v = kernel_value(p, &dot->nodes.v[0]->result[0]);
    dot->epilogue = map;
    dot->roll = rows_work(map) > MOST_UNROLLED;
    map->merged = dot;
    dot->flops += map->flops;
    if (v->others || v->frame) return;
    dot->stores.n = 0;
    v->mem = NULL;
}

static void merge_step(KPlan *p, KStep *s)
{
    int n = 0;
    note_all(p, s, s->panel.v, s->panel.n);
    note_all(p, s, s->tile.v, s->tile.n);
    for (int i = s->panel.n - 1; i >= 0; i--) {             /* of several products that one kernel reads, the last */
        KKernel *k = s->panel.v[i];
        KKernel *reader = k->kind == K_DOT ? kernel_value(p, &k->nodes.v[0]->result[0])->reader : NULL;
        if (reader && plan_did(p, PLAN_epilogue, fits(p, k, reader) && worth(k, reader))) merge(p, k, reader);
    }
    for (int i = 0; i < s->panel.n; i++) {
        KKernel *k = s->panel.v[i];
        if (k->kind == K_MAP && k->merged) s->panel.v[n++] = k->merged;
        else if (!k->epilogue) s->panel.v[n++] = k;
    }
    s->panel.n = n;
}

void kernel_epilogues(KPlan *p, KBlock *b)
{
    for (int i = 0; i < b->steps.n; i++) {
        KStep *s = b->steps.v[i];
        for (int k = 0; k < 2; k++)
            if (s->body[k]) kernel_epilogues(p, s->body[k]);
        if (s->kind == K_TILED) merge_step(p, s);
    }
}
