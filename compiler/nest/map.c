/* map.c - MAP kernels: members in registers, their stores, and their parts of sums over samples. */
#include "compiler/nest/nest.h"
#include "base/bug.h"

#include <math.h>
#include <string.h>

/* ---- rows ------------------------------------------------------------------------------------------------------- */

static LoopReg *plain_row(Nest *n, const IrNode *node, LoopReg *const *arg)
{
    IrElem t = node->result[0].type.elem;
    switch (node->op) {
    case IR_stop:      return arg[0];
    case IR_convert:   return loop_convert(&n->b, t, arg[0]);
    case IR_compare:   return loop_compare(&n->b, node->attr->compare, arg[0], arg[1]);
    case IR_polygamma: return loop_polygamma(&n->b, node->attr->n, arg[0]);
    case IR_permute:   return loop_convert(&n->b, t, loop_permute(&n->b, nest_key(n, node->attr->stream), node->attr->n, arg[0]));
    default:           return loop_row(&n->b, node->op, t, arg, node->n_args);
    }
}

LoopReg *nest_row(Nest *n, const IrNode *node, const Index *at)
{
    LoopReg *arg[3];
    for (int i = 0; i < node->n_args; i++) {
        Index there = nest_sub_index(&node->result[0].type, at, &node->arg[i]->type);
        arg[i] = kernel_met(node, i) ? arg[i - 1] : nest_value(n, node->arg[i], &there);
    }
    return plain_row(n, node, arg);
}

static LoopReg *missing(Nest *n, IrElem t) { return loop_const(&n->b, t, ir_is_real(t) ? NAN : 0); }

/* Out of range: clamped for the load, then replaced. */
static LoopReg *gather_row(Nest *n, const IrNode *node)
{
    const IrType *to = &node->result[0].type, *from = &node->arg[0]->type, *ti = &node->arg[1]->type;
    int batch = node->attr->n_batch, more = ti->rank - batch;
    Index own = nest_own_index(n, &node->result[0]);
    Index at_i = nest_sub_index(to, &own, ti), at = nest_sub_index(to, &own, from);
    at_i.own = at.own = at_i.is_flat = at.is_flat = false;
    if (from->dim[batch] == 0) return missing(n, to->elem);
    LoopReg *i = loop_convert(&n->b, IR_I64, nest_value(n, node->arg[1], &at_i));
    LoopReg *in = loop_op2(&n->b, LOOP_inside, i, loop_int(&n->b, IR_I64, from->dim[batch]));
    at.dim[batch] = ix(loop_of(loop_select(&n->b, in, i, loop_int(&n->b, IR_I64, 0))));
    for (int d = batch + 1; d < from->rank; d++) at.dim[d] = own.dim[d - 1 + more];
    return loop_select(&n->b, in, nest_value(n, node->arg[0], &at), missing(n, to->elem));
}

/* Beside the operand, or in a gap between its elements: the filling. */
LoopReg *nest_pad(Nest *n, const IrNode *node, const Index *own)
{
    const IrType *to = &node->result[0].type, *from = &node->arg[0]->type;
    Index at = nest_sub_index(to, own, from);
    LoopReg *fill = ir_is_real(to->elem) ? loop_const(&n->b, to->elem, node->attr->value) : loop_int(&n->b, to->elem, node->attr->n);
    at.own = at.is_flat = false;
    if (ir_dims_size(from) == 0) return fill;
    LoopReg *in = NULL, *zero = loop_int(&n->b, IR_I64, 0);
    for (int d = 0; d < from->rank; d++) {
        Ix x = ix_add(n, own->dim[d], -node->attr->lo.v[d]);
        int64_t gap = node->attr->interior.v[d] + 1;
        LoopReg *v = loop_index(&n->b, &x.at);
        LoopReg *ok = loop_op2(&n->b, LOOP_inside, v, loop_int(&n->b, IR_I64, (from->dim[d] - 1) * gap + 1));
        LoopIndex inside = loop_of(loop_select(&n->b, ok, v, zero));
        if (gap > 1) {
            LoopIndex beside = nest_rest(n, inside, gap);
            ok = loop_op2(&n->b, LOOP_and, ok, loop_compare(&n->b, IR_EQ, loop_index(&n->b, &beside), zero));
        }
        at.dim[d] = ix(nest_quot(n, inside, gap));
        in = in ? loop_op2(&n->b, LOOP_and, in, ok) : ok;
    }
    LoopReg *x = nest_value(n, node->arg[0], &at);
    return in ? loop_select(&n->b, in, x, fill) : x;
}

/* ---- sums over samples ------------------------------------------------------------------------------------------ */

KMem nest_shard(const KAccum *a, int64_t shard)
{
    KMem m = *a->partial;
    m.of = NULL;
    m.offset = a->partial->offset + shard * a->shard_stride * (int64_t)ir_elem_bytes(a->elem);
    return m;
}

/* The shards' partial results by the tree. */
static LoopReg *combine(Nest *n, const IrNode *node, const KAccum *a)
{
    IrElem t = node->result[0].type.elem;
    int64_t count = a->shards.count;
    if (!count) return nest_zero(n, t);
    LoopReg *v[8];
    Index own = nest_own_index(n, &node->result[0]);
    for (int64_t s = 0; s < count; s++) {
        KMem m = nest_shard(a, s);
        v[s] = nest_load(n, &m, &node->result[0].type, &own);
    }
    for (; count > 1; count = (count + 1) / 2)
        for (int64_t i = 0; i < (count + 1) / 2; i++) v[i] = 2 * i + 1 == count ? v[2 * i] : nest_add(n, v[2 * i], v[2 * i + 1]);
    return loop_convert(&n->b, t, v[0]);
}

/* Which of the panel's samples exist; NULL: all. */
static LoopReg *valid(Nest *n)
{
    int64_t extent = ir_extent(n->m, n->k->lane_axis);
    if (extent % K_LANES == 0) return NULL;
    LoopIndex at = loop_plus(&n->b, loop_times(n->panel, K_LANES), nest_lanes(n));
    return loop_compare(&n->b, IR_LT, loop_index(&n->b, &at), loop_int(&n->b, IR_I64, extent));
}

static LoopIndex sink_offset(Nest *n, const KAccum *a, const Index *at)
{
    if (n->is_flat) return loop_times(n->flat, K_LANES);
    const IrType *t = &a->node->result[0].type;
    const IrInts *gone = &a->node->attr->dims;
    LoopIndex off = loop_at(0);
    for (int i = 0, g = 0, kept = 0; i < a->node->arg[0]->type.rank; i++) {
        if (g < gone->n && gone->v[g] == i) g++;
        else off = loop_plus(&n->b, off, loop_times(at->dim[i].at, a->lanes->dim[kept++]));
    }
    for (int i = 0; i < t->axes.n; i++) off = loop_plus(&n->b, off, loop_times(at->axis[i].at, a->lanes->axis[i]));
    return off;
}

static void sink(Nest *n, const KAccum *a)
{
    const IrVal *x = a->node->arg[0];
    Index own = nest_own_index(n, x), at = nest_sub_index(&x->type, &own, &a->node->result[0].type);
    memcpy(at.dim, own.dim, sizeof at.dim);
    LoopReg *v = loop_convert(&n->b, a->elem, nest_value(n, x, &own));
    LoopIndex off = loop_plus(&n->b, sink_offset(n, a, &at), nest_lanes(n));
    int lanes = nest_base(n, a->lanes);
    LoopReg *old = loop_load(&n->b, lanes, &off, 64), *sum = nest_add(n, old, v), *is = valid(n);
    loop_store(&n->b, lanes, &off, is ? loop_select(&n->b, is, sum, old) : sum, 64);
}

/* ---- kernels ---------------------------------------------------------------------------------------------------- */

static LoopReg *member(Nest *n, const IrNode *node)
{
    const KValue *v = kernel_value(n->p, &node->result[0]);
    if (v->accum) return combine(n, node, v->accum);
    if (node->op == IR_gather) return gather_row(n, node);
    Index own = nest_own_index(n, &node->result[0]);
    if (node->op == IR_pad) return nest_pad(n, node, &own);
    return nest_row(n, node, &own);
}

static void map_body(Nest *n)
{
    KKernel *k = n->k;
    n->keeps = true;
    for (int i = 0; i < k->nodes.n; i++) n->reg[k->nodes.v[i]->result[0].id] = member(n, k->nodes.v[i]);
    for (int i = 0; i < k->stores.n; i++) {
        const IrVal *v = k->stores.v[i].val;
        Index own = nest_own_index(n, v);
        nest_store(n, k->stores.v[i].mem, &v->type, &own, nest_value(n, v, &own));
    }
    for (int i = 0; i < k->sinks.n; i++) sink(n, k->sinks.v[i]);
    for (int i = 0; i < k->nodes.n; i++) n->reg[k->nodes.v[i]->result[0].id] = NULL;
    for (; n->kept.n; n->kept.n--) n->reg[n->kept.v[n->kept.n - 1]] = NULL;
    n->keeps = false;
}

void nest_map_on(Nest *n, KKernel *map, const IrVal *v, LoopReg *value)
{
    KKernel *own = n->k;
    n->k = map;
    n->is_flat = map->flat;
    n->reg[v->id] = value;
    map_body(n);
    n->reg[v->id] = NULL;
    n->is_flat = false;
    n->k = own;
}

void nest_map(Nest *n) { nest_over_space(n, map_body); }
