/* single.c - a sample axis of one sample is none: its values are those of no axis.
 *
 * Engines put 16 samples of an axis beside one another, so a batch of one (CycleGAN, pix2pix, a filter that learns from each observation) would
 * leave 15 of 16 lanes empty, and have a line of memory for each number. Without the axis numbers lie side by side, products over samples are
 * outer products that their readers make where they need them, and convolutions those of one image.
 *
 * Draws stay the same numbers, as an axis of one sample counts nothing (docs/ir.md); a sum over it is what is summed, and one over
 * dims beside it adds in the order of dims. What a report says of it is spread again. Start at opt_single(). */
#include "compiler/opt/simplify.h"

typedef struct Walk {
    IrModule *m;
    IrVal   **to;                                           /* by value id: what takes its place, or NULL */
    uint32_t  n;                                            /* ids from here on are new */
} Walk;

/* Of a set of axes, those of one sample. */
static IrAxes singles(const IrModule *m, IrAxes axes)
{
    IrAxes one = ir_no_axes();
    for (int i = 0; i < axes.n; i++)
        if (ir_extent(m, axes.id[i]) == 1) one = ir_axes_add(one, axes.id[i]);
    return one;
}

static IrAxes others(const IrModule *m, IrAxes axes) { return ir_axes_minus(axes, singles(m, axes)); }
static bool   is_single(const IrModule *m, int axis) { return axis >= 0 && ir_extent(m, axis) == 1; }

/* ---- is there any, and may it go? */

static bool type_has(const IrModule *m, const IrType *t) { return singles(m, t->axes).n > 0; }

/* Several products in one chain want an axis to go through. */
static bool is_joined(const IrModule *m, const IrNode *n)
{
    for (int i = 0; n->op == IR_dot && n->n_args > 2 && i < n->n_args / 2; i++)
        if (singles(m, n->attr->pair_over[i]).n) return true;
    return false;
}

static bool applies(const IrModule *m, const IrFn *f)
{
    bool any = false;
    for (const IrNode *n = f->body.first; n; n = ir_next(n)) {
        if (is_joined(m, n)) return false;
        for (int i = 0; i < n->n_results; i++) any = any || type_has(m, &n->result[i].type);
    }
    return any;
}

/* ---- rows that name the axis; their operands have lost it already */

static IrVal *with_attrs(IrBuilder *b, const IrNode *n, const IrAttrs *a) { return &ir_node(b, n->op, n->arg, n->n_args, a)->result[0]; }

static IrVal *sum_without(Walk *w, IrBuilder *b, const IrNode *n)
{
    IrAttrs a = *n->attr;
    a.over = others(w->m, a.over);
    return a.over.n || a.dims.n ? with_attrs(b, n, &a) : n->arg[0];
}

/* Each number of a times each of c. */
static IrVal *outer_product(IrBuilder *b, IrVal *a, IrVal *c)
{
    IrInts dims = ir_dims_of(&a->type), of_a = ir_ints(0, NULL), of_c = ir_ints(0, NULL);
    for (int i = 0; i < a->type.rank; i++) of_a.v[of_a.n++] = i;
    for (int i = 0; i < c->type.rank; i++) of_c.v[of_c.n++] = dims.n, dims.v[dims.n++] = c->type.dim[i];
    return ir_mul(b, ir_broadcast(b, a, dims, of_a), ir_broadcast(b, c, dims, of_c));
}

static IrVal *dot_without(Walk *w, IrBuilder *b, const IrNode *n)
{
    IrAxes over = others(w->m, n->attr->pair_over[0]);
    if (!over.n && !n->attr->contract.n && !n->attr->batch.n) return outer_product(b, n->arg[0], n->arg[1]);
    return ir_dot(b, n->arg[0], n->arg[1], n->attr->batch, n->attr->contract, over);
}

static IrVal *over_without(Walk *w, IrBuilder *b, const IrNode *n)
{
    IrAttrs a = *n->attr;
    a.over = others(w->m, a.over);
    return with_attrs(b, n, &a);
}

/* NULL: the row stays. */
static IrVal *row_without(Walk *w, IrBuilder *b, const IrNode *n)
{
    const IrAttrs *a = n->attr;
    switch (n->op) {
    case IR_index: return is_single(w->m, a->axis) ? ir_const_int(b, n->result->type.elem, 0) : NULL;
    case IR_argmax: return is_single(w->m, a->axis) ? simplify_stretch(b, ir_const_int(b, IR_I32, 0), &n->result->type) : NULL;
    case IR_reduce_max: return is_single(w->m, a->axis) ? n->arg[0] : NULL;
    case IR_as_feature: case IR_as_sample: return is_single(w->m, a->axis) ? ir_reshape(b, n->arg[0], ir_dims_of(&n->result->type)) : NULL;
    case IR_spread: return singles(w->m, a->over).n ? ir_spread(b, n->arg[0], others(w->m, a->over)) : NULL;
    case IR_sum: return singles(w->m, a->over).n ? sum_without(w, b, n) : NULL;
    case IR_dot: return a->pair_over && singles(w->m, a->pair_over[0]).n ? dot_without(w, b, n) : NULL;
    case IR_conv: case IR_scatter_add: return singles(w->m, a->over).n ? over_without(w, b, n) : NULL;
    default: return NULL;
    }
}

static void walk_block(Walk *w, IrBlock *block)
{
    for (int i = 0; i < block->n_params; i++) block->param[i]->type.axes = others(w->m, block->param[i]->type.axes);
    for (IrNode *n = block->first; n; n = n->next) {
        for (int i = 0; i < n->n_results; i++) n->result[i].type.axes = others(w->m, n->result[i].type.axes);
        for (int i = 0; i < n->n_bodies; i++) walk_block(w, n->body[i]);
        IrBuilder b = {.m = w->m, .block = block, .before = n, .span = n->span, .why = n->why};
        IrVal *v = row_without(w, &b, n);
        if (!v) continue;
        if (v->id >= w->n) ir_name_as(v, n->result);
        w->to[n->result->id] = v;
    }
}

static void remove_replaced(const Walk *w, IrFn *f)
{
    for (IrNode *n = f->body.first, *next; n; n = next) {
        next = ir_next(n);
        if (n->n_results == 1 && n->result->id < w->n && w->to[n->result->id]) ir_remove(n);
    }
}

void opt_single(IrModule *m, IrFn *f)
{
    if (!applies(m, f)) return;
    Arena  *scratch = arena_new();
    Walk    w = {m, arena_array(scratch, IrVal *, m->next_id + 1), m->next_id};
    IrAxes *reported = arena_array(scratch, IrAxes, f->reports.n + 1);
    for (int i = 0; i < f->reports.n; i++) reported[i] = singles(m, f->reports.v[i].val->type.axes);
    walk_block(&w, &f->body);
    ir_replace_by_map(f, w.to, w.n);
    remove_replaced(&w, f);
    IrBuilder b = {.m = m, .block = &f->body};
    for (int i = 0; i < f->reports.n; i++) f->reports.v[i].val = ir_spread(&b, f->reports.v[i].val, reported[i]);
    arena_free(scratch);
}
