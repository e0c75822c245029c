/* draws.c - a tree over a sample axis that becomes a dim is made with the dim: `as_feature{a}(mu + sigma * normal<a>)` is
 * `mu + sigma * normal[n]`. Independent draws are lowered on an axis of their own; the initialiser of a large weight, or the noise of a
 * generator, need not pay for it.
 *
 * A draw counts its elements over its axes, then its dims (docs/ir.md), so with a as the last axis, or n as the first dim instead, it is the
 * same numbers; a tree of rows that look at one sample of the axis at a time is then the same bits. `can` proves that of a tree;
 * `with_dim` writes it again. A draw over other, later axes is not the same numbers, and its tree is left.
 * A sum over an axis that was a dim of each example (a density) becomes one over the dim again; the order of adding is that of dims. Start at opt_draws(). */
#include "compiler/opt/pass.h"

enum { MAX_TREE = 400 };                                    /* rows inside one another */

typedef struct Memo { int axis; bool sum, can, examples; IrVal *made; } Memo;

typedef struct Walk {
    IrModule *m;
    int       axis;
    bool      sum;                                          /* the axis is summed: it must come from a dim, and draws keep it */
    bool      examples;                                     /* set by `can`: some of it comes from a dim of each example */
    Arena    *scratch;
    ARRAY(Memo *) memo;                                     /* by value id; of the last axis asked about. NULL: never asked */
    bool      changed;
} Walk;

/* ---- what takes a value's place: kept in the mark of the node that made it */

static IrVal *current(IrVal *v)
{
    while (v->def && v->def->mark) v = v->def->mark;
    return v;
}

static void renew(IrNode *n)
{
    for (int i = 0; i < n->n_args; i++) n->arg[i] = current(n->arg[i]);
}

static Memo *memo_of(Walk *w, const IrVal *v)
{
    while (w->memo.n <= (int)v->id) array_push(w->scratch, &w->memo, NULL);
    Memo **k = &w->memo.v[v->id];
    if (!*k) *k = arena_new_of(w->scratch, Memo);
    if ((*k)->axis != w->axis || (*k)->sum != w->sum) **k = (Memo){.axis = w->axis, .sum = w->sum};
    return *k;
}

/* ---- may the axis be a dim? */

static bool has(const Walk *w, const IrVal *v) { return ir_axes_has(v->type.axes, w->axis); }

static bool is_draw(const IrNode *n) { return n->op == IR_normal || n->op == IR_uniform || n->op == IR_randint; }

static bool is_last(const Walk *w, const IrType *t) { return t->axes.id[t->axes.n - 1] == w->axis; }

/* Rows that work on each sample of the axis alone, and whose dims can be counted one on. */
static bool row_fits(const Walk *w, const IrNode *n)
{
    if (ir_op_info[n->op].klass == IR_CLASS_MAP) return n->op != IR_index || n->attr->axis == w->axis;
    switch (n->op) {
    case IR_normal: case IR_uniform: case IR_randint: return !w->sum && is_last(w, &n->result->type);
    case IR_as_sample: return n->attr->axis == w->axis;
    case IR_spread: case IR_reshape: case IR_broadcast: case IR_cumsum: return true;
    case IR_sum: case IR_norm: return !n->attr->over.n;
    case IR_gather: return n->attr->n_batch == 0 && !has(w, n->arg[0]);
    default: return false;
    }
}

static bool can(Walk *w, IrVal *v, int depth);

static bool operands_can(Walk *w, const IrNode *n, int depth)
{
    if (n->op == IR_as_sample) return w->examples |= n->arg[0]->type.axes.n > 0, true;
    for (int i = 0; i < n->n_args; i++)
        if (!can(w, n->arg[i], depth)) return false;
    return true;
}

static bool can(Walk *w, IrVal *v, int depth)
{
    v = current(v);
    if (!has(w, v)) return true;
    if (!v->def || v->def->n_results != 1 || v->type.rank == IR_MAX_RANK || depth > MAX_TREE) return false;
    if (memo_of(w, v)->can) return w->examples |= memo_of(w, v)->examples, true;
    bool outside = w->examples;
    w->examples = false;
    if (!row_fits(w, v->def) || !operands_can(w, v->def, depth + 1)) return false;
    memo_of(w, v)->can = true;
    memo_of(w, v)->examples = w->examples;
    w->examples |= outside;
    return true;
}

/* ---- writing it with the dim */

static IrVal *with_dim(Walk *w, IrBuilder *b, IrVal *v);

static IrInts dims_after(const Walk *w, const IrInts *d)
{
    IrInts out = ir_ints(1, &(int64_t){ir_extent(w->m, w->axis)});
    for (int i = 0; i < d->n; i++) out.v[out.n++] = d->v[i];
    return out;
}

static IrInts one_on(const IrInts *d)
{
    IrInts out = *d;
    for (int i = 0; i < out.n; i++) out.v[i]++;
    return out;
}

/* v, which has not the axis, the same in every row of the new dim. */
static IrVal *repeated(Walk *w, IrBuilder *b, IrVal *v)
{
    IrInts dims = ir_dims_of(&v->type), kept = ir_ints(0, NULL);
    for (int i = 0; i < dims.n; i++) kept.v[kept.n++] = i + 1;
    return ir_broadcast(b, v, dims_after(w, &dims), kept);
}

/* The draw itself is made with the dim, for all who use it: what needs the axis gets it back. */
static IrVal *draw_with_dim(Walk *w, IrVal *v)
{
    IrNode *n = v->def;
    IrBuilder b = {.m = w->m, .block = n->block, .before = n, .span = n->span, .why = n->why};
    IrInts dims = ir_dims_of(&v->type);
    IrType t = ir_type(v->type.elem, ir_axes_minus(v->type.axes, ir_one_axis(w->axis)), dims_after(w, &dims));
    IrVal *draw = &ir_leaf(&b, n->op, NULL, 0, n->attr, &t, 1)->result[0];
    ir_name_as(draw, v);
    n->mark = ir_as_sample(&b, draw, w->axis);
    return draw;
}

/* An operand of an element-wise row whose result has these dims. */
static IrVal *operand(Walk *w, IrBuilder *b, IrVal *v, const IrInts *dims)
{
    v = current(v);
    if (!has(w, v)) return v->type.rank ? repeated(w, b, v) : v;
    int rank = v->type.rank;
    v = with_dim(w, b, v);
    return rank == dims->n ? v : ir_broadcast(b, v, dims_after(w, dims), ir_ints(1, (int64_t[]){0}));
}

static IrVal *map_with_dim(Walk *w, IrBuilder *b, const IrNode *n)
{
    IrInts dims = ir_dims_of(&n->result->type);
    IrVal *args[4];
    if (n->op == IR_index) return ir_index_dim(b, ir_ints(1, &(int64_t){ir_extent(w->m, w->axis)}), 0);
    for (int i = 0; i < n->n_args; i++) args[i] = operand(w, b, n->arg[i], &dims);
    return &ir_like(b, n, args)->result[0];
}

static IrVal *spread_with_dim(Walk *w, IrBuilder *b, const IrNode *n)
{
    IrVal *x = current(n->arg[0]);
    if (has(w, x)) return ir_spread(b, with_dim(w, b, x), n->attr->over);
    return repeated(w, b, ir_spread(b, x, ir_axes_minus(n->attr->over, ir_one_axis(w->axis))));
}

static IrVal *broadcast_with_dim(Walk *w, IrBuilder *b, const IrNode *n)
{
    IrInts kept = ir_ints(1, (int64_t[]){0}), after = one_on(&n->attr->kept);
    for (int i = 0; i < after.n; i++) kept.v[kept.n++] = after.v[i];
    return ir_broadcast(b, with_dim(w, b, n->arg[0]), dims_after(w, &n->attr->dims), kept);
}

static IrVal *row_with_dim(Walk *w, IrBuilder *b, IrVal *v)
{
    const IrNode *n = v->def;
    if (is_draw(n)) return draw_with_dim(w, v);
    switch (n->op) {
    case IR_as_sample: return current(n->arg[0]);
    case IR_spread: return spread_with_dim(w, b, n);
    case IR_reshape: return ir_reshape(b, with_dim(w, b, n->arg[0]), dims_after(w, &n->attr->dims));
    case IR_broadcast: return broadcast_with_dim(w, b, n);
    case IR_cumsum: return ir_cumsum(b, with_dim(w, b, n->arg[0]), n->attr->dim + 1, n->attr->reverse, n->attr->exclusive);
    case IR_sum: return ir_sum(b, with_dim(w, b, n->arg[0]), one_on(&n->attr->dims));
    case IR_norm: return ir_norm(b, with_dim(w, b, n->arg[0]), one_on(&n->attr->dims));
    case IR_gather: return ir_gather(b, current(n->arg[0]), with_dim(w, b, n->arg[1]), 0);
    default: return map_with_dim(w, b, n);
    }
}

/* v, which has the axis, with the dim in front instead. */
static IrVal *with_dim(Walk *w, IrBuilder *b, IrVal *v)
{
    v = current(v);
    if (memo_of(w, v)->made) return memo_of(w, v)->made;
    IrSpan span = b->span;
    IrWhy  why = b->why;
    if (v->def) b->span = v->def->span, b->why = v->def->why;       /* what is made is of the row that it stands for */
    IrVal *made = row_with_dim(w, b, v);
    b->span = span;
    b->why = why;
    memo_of(w, v)->made = made;
    return made;
}

/* ---- where an axis becomes a dim, or is summed */

/* Nodes are made before `n`, so what was made for an earlier one of the same block is above it; in another block it is not. */
static IrVal *replaced(Walk *w, IrNode *n, int axis)
{
    IrBuilder b = {.m = w->m, .block = n->block, .before = n, .span = n->span, .why = n->why};
    w->axis = axis;
    w->sum = n->op == IR_sum;
    w->examples = false;
    if (!can(w, n->arg[0], 0) || (w->sum && !w->examples)) return NULL;
    IrVal *x = with_dim(w, &b, n->arg[0]);
    return n->op == IR_sum ? ir_sum(&b, x, ir_ints(1, (int64_t[]){0})) : x;
}

static void look_at(Walk *w, IrNode *n)
{
    IrVal *v = NULL;
    const IrAxes *over = &n->attr->over;
    if (n->op == IR_as_feature) v = replaced(w, n, n->attr->axis);
    if (n->op == IR_sum && over->n == 1 && !n->attr->dims.n && n->arg[0]->type.axes.n > 1) v = replaced(w, n, over->id[0]);
    if (!v) return;
    w->changed = true;
    if (v->def) ir_name_as(v, n->result);
    n->mark = v;
}

static void walk_block(Walk *w, IrBlock *block)
{
    for (IrNode *n = block->first; n; n = n->next) {
        renew(n);
        look_at(w, n);
        for (int i = 0; i < n->n_bodies; i++) walk_block(w, n->body[i]);
    }
}

static void use_new(IrFn *f)
{
    for (IrNode *n = f->body.first; n; n = ir_next(n)) {
        renew(n);
        for (int i = 0; i < n->n_bodies; i++)
            for (int k = 0; k < n->body[i]->n_yields; k++) n->body[i]->yield[k] = current(n->body[i]->yield[k]);
    }
    for (int i = 0; i < f->commits.n; i++) f->commits.v[i].val = current(f->commits.v[i].val);
    for (int i = 0; i < f->reports.n; i++) f->reports.v[i].val = current(f->reports.v[i].val);
}

void opt_draws(IrModule *m, IrFn *f)
{
    Walk w = {.m = m, .scratch = arena_new(), .axis = -1};
    for (IrNode *n = f->body.first; n; n = ir_next(n)) n->mark = NULL;
    walk_block(&w, &f->body);
    arena_free(w.scratch);
    if (!w.changed) return;
    use_new(f);
    for (IrNode *n = f->body.first, *next; n; n = next) {
        next = ir_next(n);
        if (n->mark) ir_remove(n);
    }
}
