/* narrow.c - products with few results are added up where what they multiply is made.
 *
 * A tile of one or two rows waits for its own additions: a chain is in the order of k, and the next multiply-add needs the last. A MAP kernel that makes
 * the operand, feature by feature in that order, has time between: so the DOT becomes part of it, its chains carried round the loop. */
#include "compiler/kernel/internal.h"

enum { MOST_RESULTS = 3, LEAST_TERMS = 16 };

static int samples_side(const KKernel *dot) { return ir_axes_has(dot->nodes.v[0]->arg[0]->type.axes, dot->lane_axis) ? 0 : 1; }

/* The samples' side is [k], the other a matrix or a vector. */
bool kernel_is_narrow(const KKernel *dot)
{
    const IrNode *n = dot->nodes.v[0];
    const IrType *x = &n->arg[samples_side(dot)]->type, *to = &n->result[0].type;
    int64_t results = ir_dims_size(to);
    return n->op == IR_dot && !dot->packed && n->attr->contract.n == 1 && !n->attr->batch.n && x->rank == 1 && x->dim[0] >= LEAST_TERMS && to->axes.n == 1 && to->rank <= 1 &&
           results >= 1 && results <= MOST_RESULTS;
}

/* The kernel that makes what the samples' side is, in a loop over k; NULL: none. */
static KKernel *maker(const KPlan *p, const KStep *step, const KKernel *dot)
{
    const IrVal *x = dot->nodes.v[0]->arg[samples_side(dot)];
    KSources s = kernel_sources(p, x, dot->lane_axis);
    if (s.n != 1 || !s.v[0].root || !s.v[0].direct || s.v[0].root != kernel_resolve(p, x)) return NULL;
    const KValue *v = kernel_value(p, s.v[0].root);
    KKernel *k = v->kernel;
    bool fits = k && v->step == step && !v->accum && k->kind == K_MAP && !k->merged && k->flat && k->lane_axis == dot->lane_axis;
    return fits && k->products.n < K_MOST_PRODUCTS ? k : NULL;
}

void kernel_narrow(KPlan *p, KStep *s)
{
    int n = 0;
    for (int i = 0; i < s->panel.n; i++) {
        KKernel *k = s->panel.v[i], *map = k->kind == K_DOT && k->stores.n && kernel_is_narrow(k) ? maker(p, s, k) : NULL;
        if (!plan_did(p, PLAN_narrow, map != NULL)) { s->panel.v[n++] = k; continue; }
        array_push(p->arena, &map->products, k);
        map->flops += k->flops;
        k->merged = map;
    }
    s->panel.n = n;
}
