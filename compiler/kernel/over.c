/* over.c - reductions over samples: an accumulator in the step that feeds it, a partial result a shard, a tree that combines them.
 *
 * By tiles when every operand lies along the axis that is reduced first; rows that do not fit take the general kernels.
 * Marked products are here, too: they leave a partial result a shard. Start at place_sum_over() and place_tile_row(). */
#include "compiler/kernel/place.h"

#include <string.h>

/* ---- reductions over samples ------------------------------------------------------------------------------------ */

int place_first_axis(const IrNode *n, int pair)
{
    if (n->op != IR_dot) return n->attr->over.n ? n->attr->over.id[0] : -1;
    return n->attr->pair_over && n->attr->pair_over[pair].n ? n->attr->pair_over[pair].id[0] : -1;
}

/* A factor that is the same for all samples, as a derivative that is a number is. */
static bool is_constant(const IrNode *n, int arg) { return (n->op == IR_dot || n->op == IR_conv) && n->arg[arg]->type.axes.n == 0; }

/* Can the accumulators of n be filled tile by tile? Each operand must lie along the first axis it is reduced over, or have none. */
bool place_by_tiles(Planner *b, const IrNode *n)
{
    int pairs = n->op == IR_dot ? n->n_args / 2 : 1, per = n->op == IR_dot ? 2 : n->n_args;
    if (n->attr->form == IR_FORM_BLAS || !plan_takes(b->p, PLAN_sums)) return false;
    for (int i = 0; i < pairs; i++) {
        int t = place_first_axis(n, i);
        if (t < 0 || ir_extent(b->m, t) != ir_extent(b->m, place_first_axis(n, 0))) return false;
        for (int j = 0; j < per; j++)
            if (kernel_tile_axis(b->m, n->arg[i * per + j]->type.axes) != t && !is_constant(n, i * per + j)) return false;
    }
    return true;
}

static KAccum *accum_new(Planner *b, IrNode *n, int axis)
{
    KAccum *a = arena_new_of(b->p->arena, KAccum);
    const IrType *t = &n->result[0].type;
    bool number = n->op == IR_sum && t->rank == 0 && t->axes.n == 0 && ir_is_real(t->elem);
    a->node = n;
    a->elem = number ? IR_F64 : t->elem;
    a->shards = ir_shards(ir_extent(b->m, axis));
    return a;
}

/* Row-major over the result's axes and dims, `pad` numbers to a row of the last `tail` dims (0: no padding). */
static KMem *partial_new(Planner *b, KAccum *a, int64_t unit, KPlace place)
{
    const IrType *t = &a->node->result[0].type;
    KMem *m = kernel_mem(b->p, place, t, true);
    m->elem = a->elem;
    m->tile = -1;
    m->panel = 0;
    int64_t stride = unit;
    for (int i = t->rank - 1; i >= 0; i--) { m->dim[i] = stride; stride *= t->dim[i]; }
    for (int i = t->axes.n - 1; i >= 0; i--) { m->axis[i] = stride; stride *= ir_extent(b->m, t->axes.id[i]); }
    m->bytes = stride * (int64_t)ir_elem_bytes(a->elem);
    return m;
}

/* Dims from .. to-1, the last one innermost. */
static void set_strides(KMem *m, const IrType *t, int from, int to, int64_t *stride)
{
    for (int i = to - 1; i >= from; i--) { m->dim[i] = *stride; *stride *= t->dim[i]; }
}

/* As pad_columns(), when the columns are the batch. */
static void pad_batch(Planner *b, KAccum *a)
{
    const IrType *t = &a->node->result[0].type;
    KMem *m = a->partial;
    int64_t one = 1, stride = a->pad = (t->dim[0] + K_LANES - 1) / K_LANES * K_LANES;
    set_strides(m, t, 0, 1, &one);
    set_strides(m, t, 1, t->rank, &stride);
    for (int i = t->axes.n - 1; i >= 0; i--) { m->axis[i] = stride; stride *= ir_extent(b->m, t->axes.id[i]); }
    m->dense = false;
    m->bytes = stride * (int64_t)ir_elem_bytes(a->elem);
}

/* The columns, free dims of operand `side`, lie innermost, padded; around them the rows, then windows, batch and axes. */
static void pad_columns(Planner *b, KAccum *a, int side)
{
    const IrNode *n = a->node;
    const IrType *t = &n->result[0].type;
    int first = n->attr->batch.n + n->attr->n_windows, middle = first + n->arg[0]->type.rank - first - n->attr->contract.n;
    int64_t cols = 1, stride = 1;
    KMem *m = a->partial;
    set_strides(m, t, side ? middle : first, side ? t->rank : middle, &cols);
    stride = a->pad = (cols + K_LANES - 1) / K_LANES * K_LANES;
    set_strides(m, t, side ? first : middle, side ? middle : t->rank, &stride);
    set_strides(m, t, 0, first, &stride);
    for (int i = t->axes.n - 1; i >= 0; i--) { m->axis[i] = stride; stride *= ir_extent(b->m, t->axes.id[i]); }
    m->dense = a->pad == cols && (side || middle == t->rank);
    m->bytes = stride * (int64_t)ir_elem_bytes(a->elem);
}

/* Its readers stand at panels of 16 samples: those beyond the axis are read, and never used, so memory must be there. */
static int64_t beyond(const Planner *b, const KAccum *a)
{
    const IrType *t = &a->node->result[0].type;
    int axis = kernel_tile_axis(b->m, t->axes);
    for (int i = 0; i < t->axes.n; i++) {
        int64_t rest = ir_extent(b->m, axis) % K_LANES;
        if (t->axes.id[i] == axis && rest) return (K_LANES - rest) * a->partial->axis[i];
    }
    return 0;
}

/* Shards lie behind each other: the partial's bytes grow by their number. */
static void shard_partial(const Planner *b, KAccum *a)
{
    int64_t e = (int64_t)ir_elem_bytes(a->elem);
    a->shard_stride = (a->partial->bytes / e + 15) / 16 * 16;
    a->partial->bytes = (a->shard_stride * (a->shards.count ? a->shards.count : 1) + beyond(b, a)) * e;
}

static void add_finish(Planner *b, KStep *step, KAccum *a, int lane_axis)
{
    KKernel *f = place_kernel(b, K_FINISH, &a->node->result[0].type, -1);
    f->lane_axis = lane_axis;
    array_push(b->p->arena, &f->sinks, a);
    array_push(b->p->arena, &step->finish, f);
}

/* The free dims of a side lie so that one stride walks them. */
static bool one_stride(const IrNode *n, int side, int pair)
{
    const IrType *t = &n->arg[2 * pair + side]->type;
    bool taken[IR_MAX_RANK];
    ir_taken_dims(n->attr, side, taken);
    int last = -1;
    for (int i = 0; i < t->rank; i++) {
        if (taken[i]) continue;
        if (last >= 0 && last != i - 1) return false;
        last = i;
    }
    return true;
}

bool place_outer_fits(const IrNode *n)
{
    for (int i = 0; i < n->n_args / 2; i++)
        if (!one_stride(n, 0, i) || !one_stride(n, 1, i)) return false;
    return true;
}

/* The tree over the shards: an element-wise member at the result's own place. */
static void place_combine(Planner *b, IrNode *n, KAccum *a, int after)
{
    IrVal *r = &n->result[0];
    Need need = {.lane_axis = kernel_tile_axis(b->m, r->type.axes), .level = after + 1};
    KStep *step = place_step_for(b, need.lane_axis, need.level);
    int pos;
    KKernel *k = place_map_kernel(b, &need, step, &r->type, &pos);
    array_push(b->p->arena, &k->nodes, n);
    place_set_value(b, r, step, k, pos, need.lane_axis);
    kernel_value(b->p, r)->accum = a;
}

void place_sum_over(Planner *b, IrNode *n)
{
    int t = n->attr->over.id[0];
    plan_did(b->p, PLAN_sums, true);
    const IrType *space = &n->arg[0]->type;
    Need need = {.lane_axis = t};
    place_need_level(b, &need, n->arg[0], space, true, true);
    place_need_position(b, &need, n->arg[0], space, true, true);
    KStep *step = place_step_for(b, t, need.level);
    int pos;
    KKernel *k = place_map_kernel(b, &need, step, space, &pos);
    KAccum *a = accum_new(b, n, t);
    a->lanes = partial_new(b, a, K_LANES, K_SCRATCH);
    a->partial = partial_new(b, a, 1, K_FRAME);
    shard_partial(b, a);
    array_push(b->p->arena, &k->sinks, a);
    place_need_memory(b, k, step, n->arg[0]);
    add_finish(b, step, a, t);
    place_combine(b, n, a, need.level);
}

static void need_full(Planner *b, IrVal *v) { kernel_value(b->p, v)->stored = kernel_value(b->p, v)->full = true; }

static int64_t free_size(const IrNode *n, int side)
{
    int64_t size = 1;
    bool taken[IR_MAX_RANK];
    ir_taken_dims(n->attr, side, taken);
    for (int i = 0; i < n->arg[side]->type.rank; i++) size *= taken[i] ? 1 : n->arg[side]->type.dim[i];
    return size;
}

static KMem *transposed_mem(Planner *b, const IrNode *n, int side, bool batch, IrVal *v)
{
    const IrType *t = &v->type;
    int64_t cols = batch ? n->result[0].type.dim[0] : free_size(n, side), rest = kernel_rest(b->m, t, kernel_tile_axis(b->m, t->axes));
    KMem *m = kernel_mem(b->p, K_SCRATCH, t, true);
    m->bytes = (cols ? rest / cols : 0) * ((cols + K_LANES - 1) / K_LANES) * K_TILE * K_LANES *
               (int64_t)ir_elem_bytes(t->elem);
    return m;
}

static bool same_roles(const IrNode *a, int side_a, const IrNode *b, int side_b)
{
    bool x[IR_MAX_RANK], y[IR_MAX_RANK];
    ir_taken_dims(a->attr, side_a, x);
    ir_taken_dims(b->attr, side_b, y);
    return !memcmp(x, y, sizeof x);
}

/* The transposed tile of v for a side of n, made once a step. */
static KMem *transposed(Planner *b, KStep *step, IrNode *n, int side, bool batch, IrVal *v, int lane_axis)
{
    for (int i = 0; i < step->panel.n; i++) {
        KKernel *k = step->panel.v[i];
        if (k->kind == K_TRANSPOSE && k->val == v && k->batch == batch && same_roles(k->nodes.v[0], k->side, n, side)) return k->mem;
    }
    KKernel *k = place_kernel(b, K_TRANSPOSE, &v->type, lane_axis);
    k->val = v;
    k->side = side;
    k->batch = batch;
    k->mem = transposed_mem(b, n, side, batch, v);
    array_push(b->p->arena, &k->nodes, n);
    place_append(b, step, k);
    return k->mem;
}

/* v for each sample of axis t. */
static IrVal *spread_copy(Planner *b, IrVal *v, int t)
{
    IrType type = v->type;
    IrAttrs *at = arena_new_of(b->p->arena, IrAttrs);
    type.axes = at->over = ir_one_axis(t);
    IrVal *s = place_new_node(b, IR_spread, &v, 1, &type);
    s->def->attr = at;
    return place_copy(b, s);
}

/* Operand 1 has the columns, which are 16 side by side, but where it has few free places and operand 0 more. */
static int columns_side(const IrNode *n)
{
    int64_t size[2] = {free_size(n, 0), free_size(n, 1)};
    return size[1] >= K_LANES || size[1] >= size[0];
}

/* Of a few free places a batch member, as the gradient of a depthwise convolution has one: members are side by side, as neither rows nor columns would fill a tile. */
static bool columns_are_batch(const IrNode *n)
{
    enum { FEW = 4 };
    return n->n_args == 2 && n->attr->batch.n == 1 && n->result[0].type.dim[0] >= K_LANES / 2 && free_size(n, 0) * free_size(n, 1) <= FEW;
}

void place_tile_row(Planner *b, IrNode *n)
{
    int t = place_first_axis(n, 0), per = n->op == IR_scatter_add ? n->n_args : 2, level = 0;
    KKind kind = n->op == IR_scatter_add ? K_SCATTER_OVER : n->op == IR_dot && ir_dot_form(n) == IR_FORM_LANES ? K_INNER : K_OUTER;
    plan_did(b->p, PLAN_sums, true);
    IrNode *own = arena_copy(b->p->arena, n, sizeof *n);    /* with operands that have memory in this step */
    own->arg = arena_copy(b->p->arena, n->arg, sizeof *n->arg * (size_t)n->n_args);
    for (int i = 0; i < n->n_args; i++) {
        KSource s = kernel_source(b->p, n->arg[i], place_first_axis(n, i / per));
        if (is_constant(n, i)) own->arg[i] = spread_copy(b, n->arg[i], place_first_axis(n, i / per));
        else if (!s.root || !s.direct || s.broken || !s.root->def) own->arg[i] = place_copy(b, n->arg[i]);
        Need need = {.lane_axis = place_first_axis(n, i / per)};
        place_need_level(b, &need, own->arg[i], &own->arg[i]->type, false, false);
        level = need.level > level ? need.level : level;
    }
    KStep *step = place_step_for(b, t, level);
    for (int i = 0; i < n->n_args; i++) {                   /* operands computed earlier come from shared memory */
        Need need = {.lane_axis = place_first_axis(n, i / per), .level = level};
        place_need_position(b, &need, own->arg[i], &own->arg[i]->type, false, false);
    }
    KKernel *k = place_kernel(b, kind, &n->result[0].type, -1);
    k->lane_axis = t;
    KAccum *a = accum_new(b, n, t);
    a->partial = partial_new(b, a, 1, K_FRAME);
    k->side = kind == K_OUTER ? columns_side(n) : 0;
    k->batch = kind == K_OUTER && columns_are_batch(n);
    if (k->batch) pad_batch(b, a);
    else if (kind == K_OUTER) pad_columns(b, a, k->side);
    bool lanes = kind == K_INNER && a->shards.size > K_TILE;    /* of one tile they stay in registers */
    if (lanes) a->lanes = partial_new(b, a, K_LANES, K_SCRATCH);
    shard_partial(b, a);
    array_push(b->p->arena, &k->nodes, own);
    array_push(b->p->arena, &k->sinks, a);
    array_push(b->p->arena, &step->tile, k);
    for (int i = 0; i < n->n_args; i++) {
        IrVal *v = kernel_resolve(b->p, own->arg[i]);
        KValue *kv = kernel_value(b->p, v);
        bool outside = !place_here(b, kv) || kv->step != step;
        if (outside) kernel_frame(b->p, v);
        if (kind == K_OUTER && (k->batch || i % 2 == k->side)) {
            if (!outside) kv->stored = true;
            array_push(b->p->arena, &k->columns, transposed(b, step, own, i % 2, k->batch, v, place_first_axis(n, i / 2)));
        } else if (!outside) {
            need_full(b, v);
        }
    }
    if (lanes) add_finish(b, step, a, t);
    place_combine(b, n, a, level);
}

/* ---- few samples ------------------------------------------------------------------------------------------------ */

/* Of so few samples that they are one block of the chain, beside other axes that are reduced, too (of rows of attention, say), which have the lanes. */
bool place_has_few(const Planner *b, const IrNode *n)
{
    const IrAxes *over = n->attr->pair_over;
    if (n->op != IR_dot || n->n_args != 2 || !over || over->n < 2 || ir_dot_form(n) != IR_FORM_CHAIN || !plan_takes(b->p, PLAN_dims)) return false;
    int64_t few = ir_extent(b->m, over->id[0]);
    for (int i = 0; i < 2; i++) {
        const IrType *t = &n->arg[i]->type;
        if (!ir_axes_equal(t->axes, *over) || t->rank + over->n > IR_MAX_RANK) return false;
    }
    return few > 0 && few <= K_LANES;
}

static IrVal *shaped(Planner *b, IrOp op, IrVal *v, const IrType *t, const IrAttrs *at)
{
    IrVal *to = place_new_node(b, op, &v, 1, t);
    to->def->attr = arena_copy(b->p->arena, at, sizeof *at);
    return to;
}

/* All axes become dims, the last one first, so they end up in order in front. */
static IrVal *axes_as_dims(Planner *b, IrVal *v)
{
    for (int i = v->type.axes.n - 1; i >= 0; i--) {
        IrType  t = v->type;
        IrAttrs at = ir_attrs();
        at.axis = t.axes.id[i];
        t.axes.n = (uint8_t)i;
        t.rank = v->type.rank + 1;
        t.dim[0] = ir_extent(b->m, at.axis);
        for (int d = 0; d < v->type.rank; d++) t.dim[d + 1] = v->type.dim[d];
        v = shaped(b, IR_as_feature, v, &t, &at);
    }
    return v;
}

/* A copy of a side without samples, in the order of the chain: batch, the axes behind the first, contract dims, the first axis, free dims. */
static IrVal *as_dims(Planner *b, const IrNode *n, int side)
{
    const IrPairs *batch = &n->attr->batch, *contract = &n->attr->contract;
    int     axes = n->arg[side]->type.axes.n;
    bool    taken[IR_MAX_RANK];
    IrVal  *v = axes_as_dims(b, n->arg[side]);
    IrType  t = v->type;
    IrAttrs at = ir_attrs();
    ir_taken_dims(n->attr, side, taken);
    for (int i = 0; i < batch->n; i++) at.dims.v[at.dims.n++] = axes + (side ? batch->b[i] : batch->a[i]);
    for (int i = 1; i < axes; i++) at.dims.v[at.dims.n++] = i;
    for (int i = 0; i < contract->n; i++) at.dims.v[at.dims.n++] = axes + (side ? contract->b[i] : contract->a[i]);
    at.dims.v[at.dims.n++] = 0;
    for (int i = 0; i < n->arg[side]->type.rank; i++)
        if (!taken[i]) at.dims.v[at.dims.n++] = axes + i;
    for (int i = 0; i < t.rank; i++) t.dim[i] = v->type.dim[at.dims.v[i]];
    return place_copy(b, shaped(b, IR_transpose, v, &t, &at));
}

/* A chain over one block of samples is that over dims: a product of matrices (matrices.c). */
void place_few(Planner *b, IrNode *n)
{
    IrNode  *own = arena_copy(b->p->arena, n, sizeof *n);
    IrAttrs *at = arena_new_of(b->p->arena, IrAttrs);
    plan_did(b->p, PLAN_dims, true);
    *at = ir_attrs();
    at->form = n->attr->form;
    for (int i = 0; i < n->attr->batch.n; i++, at->batch.n++) at->batch.a[i] = at->batch.b[i] = (uint8_t)i;
    for (int i = 0; i < n->attr->contract.n + n->arg[0]->type.axes.n; i++, at->contract.n++)
        at->contract.a[i] = at->contract.b[i] = (uint8_t)(at->batch.n + i);
    own->attr = at;
    own->arg = arena_array(b->p->arena, IrVal *, 2);
    for (int i = 0; i < 2; i++) own->arg[i] = as_dims(b, n, i);
    place_alone(b, own, K_CONTRACT);
}

/* ---- row-major copies, and BLAS --------------------------------------------------------------------------------- */

/* A copy of v, row-major over axes and dims; *level is raised past the step that makes it. */
KMem *place_row_major(Planner *b, IrVal *v, int *level)
{
    KMem *m = kernel_mem(b->p, K_FRAME, &v->type, true);
    m->tile = -1;
    m->panel = 0;
    int64_t stride = 1;
    for (int d = v->type.rank - 1; d >= 0; d--) { m->dim[d] = stride; stride *= v->type.dim[d]; }
    for (int d = v->type.axes.n - 1; d >= 0; d--) {
        m->axis[d] = stride;
        stride *= ir_extent(b->m, v->type.axes.id[d]);
    }
    m->bytes = stride * (int64_t)ir_elem_bytes(v->type.elem);
    v = kernel_resolve(b->p, v);
    KSource s = kernel_source(b->p, v, -1);
    int at = 0;
    if (s.root) place_operand_memory(b, s.root, &at);
    KStep *step = place_step(b, K_UNIFORM, 0, at);
    KKernel *k = place_kernel(b, K_MAP, &v->type, -1);
    place_append(b, step, k);
    array_push(b->p->arena, &k->stores, ((KStore){v, m}));
    place_need_memory(b, k, step, v);
    if (at >= *level) *level = at + 1;
    return m;
}

void place_blas(Planner *b, IrNode *n)
{
    const IrType *t = &n->result[0].type;
    int first = place_first_axis(n, 0), level = 0;
    KKernel *k = place_kernel(b, K_BLAS, t, -1);
    KAccum *a = arena_new_of(b->p->arena, KAccum);
    *a = (KAccum){.node = n, .elem = t->elem, .shards = {1, 1}};
    for (int i = 0; i < n->n_args; i++) array_push(b->p->arena, &k->columns, place_row_major(b, n->arg[i], &level));
    a->partial = partial_new(b, a, 1, K_FRAME);
    if (first >= 0) a->shards = ir_shards(ir_extent(b->m, first));
    shard_partial(b, a);
    k->units = first >= 0 ? a->shards.count : t->axes.n ? ir_shards(ir_extent(b->m, t->axes.id[0])).count : 1;
    array_push(b->p->arena, &k->nodes, n);
    array_push(b->p->arena, &k->sinks, a);
    place_append(b, place_step(b, K_UNIFORM, 0, level), k);
    place_combine(b, n, a, level);
}
