/* beside.c - sums over samples that a product over samples makes beside its own.
 *
 * A bias' gradient is a sum over samples of what the gradient of its matrix multiplies. Behind the rows that make it, 16 lanes a number of it are read and
 * written again with each panel; an INNER has the same vectors in registers, one panel after the other, as many as a tile has, so there it is an addition.
 * The order is the same: a chain a lane. Start at kernel_beside(). */
#include "compiler/kernel/internal.h"

enum { MOST_FEW = 4 };                                      /* of the narrow side: all of it is in one register tile */

static int64_t free_extent(const IrVal *v) { return v->type.rank ? v->type.dim[0] : 1; }

/* Which operand of a pair has the more numbers, if the product is of rows: each at most one free dim, and nothing else but the samples. -1: it is not. */
static int wide_side(const KKernel *inner)
{
    const IrNode *n = inner->nodes.v[0];
    const IrType *t = &n->result[0].type;
    if (t->axes.n || n->attr->batch.n || n->attr->contract.n || n->attr->n_windows) return -1;
    for (int i = 0; i < n->n_args; i++)
        if (n->arg[i]->type.rank > 1 || n->arg[i]->type.axes.n != 1 || n->attr->pair_over[i / 2].n != 1) return -1;
    int side = kernel_inner_wide(free_extent(n->arg[0]), free_extent(n->arg[1]));
    int64_t few = free_extent(n->arg[!side]);               /* of none there is no tile that would add up */
    return n->arg[side]->type.rank == 1 && few > 0 && few <= MOST_FEW ? side : -1;
}

static bool is_of(const KPlan *p, const KAccum *sum, const KKernel *inner, int pair, const IrVal *v)
{
    const IrNode *n = sum->node;
    return kernel_resolve(p, n->arg[0]) == v && n->attr->over.n == 1 && n->attr->over.id[0] == inner->nodes.v[0]->attr->pair_over[pair].id[0] && !n->attr->dims.n &&
           sum->elem == inner->nodes.v[0]->result[0].type.elem;
}

/* A shard that is one tile stays in registers to its end, as the product does. */
static void without_lanes(KStep *s, KAccum *sum, KKernel *inner)
{
    for (int i = 0; i < s->finish.n; i++) {
        KKernel *f = s->finish.v[i];
        if (f->sinks.v[0] != sum) continue;
        kernel_remove(s->finish.v, &s->finish.n, f);
        f->merged = inner;
        break;
    }
    sum->lanes = NULL;
}

static void take_sums(KPlan *p, KStep *s, KKernel *map, KKernel *inner, int pair, const IrVal *v)
{
    int kept = 0;
    for (int i = 0; i < map->sinks.n; i++) {
        KAccum *sum = map->sinks.v[i];
        if (!plan_did(p, PLAN_beside, is_of(p, sum, inner, pair, v))) {
            map->sinks.v[kept++] = sum;
            continue;
        }
        array_push(p->arena, &inner->sinks, sum);
        if (!inner->sinks.v[0]->lanes) without_lanes(s, sum, inner);
    }
    map->sinks.n = kept;
}

static void find_sums(KPlan *p, KStep *s, KKernel *inner)
{
    const IrNode *n = inner->nodes.v[0];
    int side = wide_side(inner);
    for (int i = 0; i < n->n_args / 2 && side >= 0; i++) {
        const IrVal *v = kernel_resolve(p, n->arg[2 * i + side]);
        for (int j = s->panel.n - 1; j >= 0; j--) {
            KKernel *map = s->panel.v[j];
            if (map->kind != K_MAP || !map->sinks.n) continue;
            take_sums(p, s, map, inner, i, v);
            if (map->sinks.n || map->nodes.n || map->stores.n) continue;
            kernel_remove(s->panel.v, &s->panel.n, map);
            map->merged = inner;
        }
    }
}

void kernel_beside(KPlan *p, KBlock *b)
{
    for (int i = 0; i < b->steps.n; i++) {
        KStep *s = b->steps.v[i];
        for (int k = 0; k < 2; k++)
            if (s->body[k]) kernel_beside(p, s->body[k]);
        for (int k = 0; k < s->tile.n; k++)
            if (s->tile.v[k]->kind == K_INNER) find_sums(p, s, s->tile.v[k]);
    }
}
