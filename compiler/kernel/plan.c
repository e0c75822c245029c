/* plan.c - from a function to its plan.
 *
 * In:  a verified function.   Out: steps of kernels with the memory they touch.
 * Idea: walk the live nodes in order and place each at once: its *level* (the earliest step after everything it needs),
 * then its kernel (the earliest one of its step that may hold it). Draws wait for their first user, so that they are made
 * in the loop that reads them. What a later kernel or step needs gets memory; the rest stays in registers.
 * Start at kernel_plan(), at the bottom. */
#include "compiler/kernel/internal.h"
#include "base/bug.h"

#include <stdio.h>
#include <string.h>

typedef struct Access {                                     /* a slot is read */
    int      slot, level;
    KKernel *kernel;
    bool     identity, inner;                               /* each element at its own place; from within a body */
} Access;

typedef struct Planner {
    KPlan      *p;
    const IrModule *m;
    KBlock     *block;                                      /* being planned */
    IrNode     *in;                                         /* its owner, NULL at the top */
    int         depth;
    char       *why;
    bool        failed;
    ARRAY(Access) reads;
} Planner;

static void fail(Planner *b, const char *what)
{
    if (!b->failed) snprintf(b->why, 512, "%s: %s", b->p->fn->name, what);
    b->failed = true;
}

/* ---- steps and kernels ------------------------------------------------------------------------------------------ */

static KStep *step_at(Planner *b, KStepKind kind, int64_t extent, int level)
{
    for (int i = 0; i < b->block->steps.n; i++) {
        KStep *s = b->block->steps.v[i];
        if (s->kind == kind && s->level == level && s->extent == extent && (kind == K_TILED || kind == K_UNIFORM)) return s;
    }
    KStep *s = arena_new_of(b->p->arena, KStep);
    s->kind = kind;
    s->level = level;
    s->extent = extent;
    if (kind == K_TILED) s->shards = ir_shards(extent);
    array_push(b->p->arena, &b->block->steps, s);
    return s;
}

static KStep *step_for(Planner *b, int lane_axis, int level)
{
    return lane_axis < 0 ? step_at(b, K_UNIFORM, 0, level) : step_at(b, K_TILED, ir_extent(b->m, lane_axis), level);
}

static KKernel *kernel_new(Planner *b, KKind kind, const IrType *space, int lane_axis)
{
    KKernel *k = arena_new_of(b->p->arena, KKernel);
    k->kind = kind;
    k->id = b->p->kernels.n;
    k->lane_axis = lane_axis;
    k->space = kernel_space(b->m, space, lane_axis);
    array_push(b->p->arena, &b->p->kernels, k);
    return k;
}

/* Puts a kernel at the end of its step's list and returns its position there. */
static int kernel_append(Planner *b, KStep *s, KKernel *k)
{
    if (s->kind == K_TILED) {
        array_push(b->p->arena, &s->panel, k);
        return s->panel.n - 1;
    }
    array_push(b->p->arena, &s->kernels, k);
    return s->kernels.n - 1;
}

static bool space_is(Planner *b, const KKernel *k, const IrType *t, int lane_axis)
{
    KSpace s = kernel_space(b->m, t, lane_axis);
    if (k->kind != K_MAP || k->lane_axis != lane_axis || s.n != k->space.n) return false;
    for (int i = 0; i < s.n; i++)
        if (s.comp[i].axis != k->space.comp[i].axis || s.comp[i].extent != k->space.comp[i].extent) return false;
    return true;
}

/* ---- what a node needs ------------------------------------------------------------------------------------------ */

typedef struct Need {
    int  lane_axis;
    int  level;                                             /* the earliest */
    int  pos;                                               /* TILED: the earliest kernel of the step at `level` */
    KKernel *join;                                          /* UNIFORM: the MAP kernel some operand stands in, if it is at `level` */
} Need;

static bool here(const Planner *b, const KValue *v) { return v->block == b->block; }

static void place_node(Planner *b, IrNode *n);

static bool waits(const KValue *v) { return v->val->def && !v->placed && ir_op_info[v->val->def->op].klass == IR_CLASS_RAND; }

/* May this access be met inside one MAP kernel, from a register? */
static bool in_register(Planner *b, const KSource *s, const IrType *space, bool identity, int lane_axis)
{
    KValue *v = kernel_value(b->p, s->root);
    return identity && s->direct && v->kernel && here(b, v) && space_is(b, v->kernel, space, lane_axis) &&
           kernel_same_space(&s->root->type, space);
}

/* Raises the level for one operand. */
static void need_level(Planner *b, Need *need, const IrVal *arg, const IrType *space, bool identity, bool member)
{
    KSource s = kernel_source(b->p, arg, need->lane_axis);
    if (!s.root) return;
    KValue *v = kernel_value(b->p, s.root);
    if (waits(v)) {
        if (need->lane_axis >= 0 && kernel_tile_axis(b->m, s.root->type.axes) == need->lane_axis && !s.broken) return;
        place_node(b, s.root->def);
    }
    if (!here(b, v)) return;
    bool same = need->lane_axis >= 0 ? v->tile == need->lane_axis && !s.broken
                                     : member && v->tile == -1 && in_register(b, &s, space, identity, -1);
    int level = v->level + (same ? 0 : 1);
    if (level > need->level) need->level = level;
}

/* With the level known: the position, and memory where the operand is not met in a register. */
static void need_place(Planner *b, Need *need, const IrVal *arg, const IrType *space, bool identity, bool member)
{
    KSource s = kernel_source(b->p, arg, need->lane_axis);
    if (!s.root) return;
    KValue *v = kernel_value(b->p, s.root);
    if (waits(v)) {                                         /* drawn where it is read: level first, then its kernel */
        v->level = need->level;
        place_node(b, s.root->def);
    }
    bool same_step = here(b, v) && v->level == need->level && v->tile == need->lane_axis && !s.broken;
    if (!same_step) return;
    bool reg = member && in_register(b, &s, space, identity, need->lane_axis);
    if (need->lane_axis < 0) need->join = reg && !need->join ? v->kernel : need->join;
    else if (v->pos + (reg ? 0 : 1) > need->pos) need->pos = v->pos + (reg ? 0 : 1);
}

/* With the kernel known: what it reads gets memory. */
static void need_memory(Planner *b, KKernel *k, KStep *step, const IrVal *arg)
{
    KSource s = kernel_source(b->p, arg, k->lane_axis);
    if (s.slot >= 0) {
        Access a = {s.slot, step->level, k, kernel_flat_access(b->p, arg, k) && s.direct, b->in != NULL};
        array_push(b->p->arena, &b->reads, a);
    }
    if (!s.root) return;
    KValue *v = kernel_value(b->p, s.root);
    if (!here(b, v) || v->step != step || s.broken) { if (v->block || !v->mem) kernel_frame(b->p, s.root); return; }
    if (v->kernel != k || !s.direct) v->stored = true;
}

static void set_value(Planner *b, IrVal *v, KStep *s, KKernel *k, int pos, int tile)
{
    KValue *kv = kernel_value(b->p, v);
    kv->placed = true;
    kv->level = s->level;
    kv->tile = tile;
    kv->block = b->block;
    kv->step = s;
    kv->kernel = k;
    kv->pos = pos;
}

/* Moves everything of uniform kernel `from` into `into`, of the same step and space. */
static void merge(Planner *b, KStep *s, KKernel *into, KKernel *from)
{
    for (int i = 0; i < from->nodes.n; i++) {
        array_push(b->p->arena, &into->nodes, from->nodes.v[i]);
        kernel_value(b->p, &from->nodes.v[i]->result[0])->kernel = into;
    }
    for (int i = 0; i < from->stores.n; i++) array_push(b->p->arena, &into->stores, from->stores.v[i]);
    for (int i = 0; i < b->reads.n; i++)
        if (b->reads.v[i].kernel == from) b->reads.v[i].kernel = into;
    for (int i = 0; i < s->kernels.n; i++)
        if (s->kernels.v[i] == from) {
            memmove(s->kernels.v + i, s->kernels.v + i + 1, sizeof *s->kernels.v * (size_t)(s->kernels.n - i - 1));
            s->kernels.n--;
            break;
        }
    from->nodes.n = from->stores.n = 0;
}

/* The MAP kernel for a space: the earliest at or after need->pos, or a new one. */
static KKernel *map_kernel(Planner *b, const Need *need, KStep *step, const IrType *space, int *pos)
{
    if (need->lane_axis >= 0) {
        for (int i = need->pos; i < step->panel.n; i++)
            if (space_is(b, step->panel.v[i], space, need->lane_axis)) { *pos = i; return step->panel.v[i]; }
    } else if (need->join) {
        *pos = 0;
        return need->join;
    }
    KKernel *k = kernel_new(b, K_MAP, space, need->lane_axis);
    *pos = kernel_append(b, step, k);
    return k;
}

/* ---- rows in MAP kernels ---------------------------------------------------------------------------------------- */

/* Only element-wise rows meet their operands at their own index. */
static bool at_own_index(const IrNode *n) { return n->op != IR_gather && n->op != IR_pad; }

static void place_member(Planner *b, IrNode *n)
{
    const IrType *space = &n->result[0].type;
    Need need = {.lane_axis = kernel_tile_axis(b->m, space->axes)};
    for (int i = 0; i < n->n_args; i++) need_level(b, &need, n->arg[i], space, at_own_index(n), true);
    for (int i = 0; i < n->n_args; i++) need_place(b, &need, n->arg[i], space, at_own_index(n), true);
    KStep *step = step_for(b, need.lane_axis, need.level);
    int pos;
    KKernel *k = map_kernel(b, &need, step, space, &pos);
    if (need.lane_axis < 0)                                 /* operands in other kernels of the same step: become one */
        for (int i = 0; i < n->n_args; i++) {
            KSource s = kernel_source(b->p, n->arg[i], -1);
            KValue *v = s.root ? kernel_value(b->p, s.root) : NULL;
            if (v && here(b, v) && v->step == step && v->kernel != k && in_register(b, &s, space, at_own_index(n), -1))
                merge(b, step, k, v->kernel);
        }
    array_push(b->p->arena, &k->nodes, n);
    set_value(b, &n->result[0], step, k, pos, need.lane_axis);
    for (int i = 0; i < n->n_args; i++) need_memory(b, k, step, n->arg[i]);
}

/* A node of the plan's own. */
static IrVal *make_node(Planner *b, IrOp op, IrVal *const *args, int n_args, const IrType *t)
{
    Arena *a = b->p->arena;
    IrNode *n = arena_new_of(a, IrNode);
    n->op = op;
    n->n_args = n_args;
    n->n_results = 1;
    n->arg = arena_array(a, IrVal *, n_args + 1);
    for (int i = 0; i < n_args; i++) n->arg[i] = args[i];
    n->attr = ir_attrs();
    n->result = arena_new_of(a, IrVal);
    n->result[0] = (IrVal){.type = *t, .def = n, .id = b->p->next_id++};
    kernel_value(b->p, &n->result[0])->live = true;
    return &n->result[0];
}

/* A copy of v that has memory of its own. */
static IrVal *materialised(Planner *b, IrVal *v)
{
    IrVal *c = make_node(b, IR_stop, &v, 1, &v->type);
    place_node(b, c->def);
    return c;
}

/* ---- rows with kernels of their own ----------------------------------------------------------------------------- */

/* One node, one kernel, operands from memory, along the tile axis of its (first) result. */
static KKernel *place_alone(Planner *b, IrNode *n, KKind kind)
{
    const IrType *space = &n->result[0].type;
    Need need = {.lane_axis = kernel_tile_axis(b->m, space->axes)};
    for (int i = 0; i < n->n_args; i++) need_level(b, &need, n->arg[i], space, false, false);
    if (ir_op_info[n->op].klass == IR_CLASS_RAND && kernel_value(b->p, &n->result[0])->level > need.level)
        need.level = kernel_value(b->p, &n->result[0])->level;
    for (int i = 0; i < n->n_args; i++) need_place(b, &need, n->arg[i], space, false, false);
    KStep *step = step_for(b, need.lane_axis, need.level);
    KKernel *k = kernel_new(b, kind, space, need.lane_axis);
    int pos = kernel_append(b, step, k);
    array_push(b->p->arena, &k->nodes, n);
    for (int r = 0; r < n->n_results; r++) {
        set_value(b, &n->result[r], step, k, pos, need.lane_axis);
        kernel_value(b->p, &n->result[r])->stored = true;
    }
    for (int i = 0; i < n->n_args; i++) need_memory(b, k, step, n->arg[i]);
    return k;
}

/* ---- reductions over samples ------------------------------------------------------------------------------------ */

static int first_axis(const IrNode *n, int pair)
{
    if (n->op != IR_dot) return n->attr.over.n ? n->attr.over.id[0] : -1;
    return n->attr.pair_over && n->attr.pair_over[pair].n ? n->attr.pair_over[pair].id[0] : -1;
}

/* Can the accumulators of n be filled tile by tile? Each operand must lie along the first axis it is reduced over. */
static bool by_tiles(Planner *b, const IrNode *n)
{
    int pairs = n->op == IR_dot ? n->n_args / 2 : 1, per = n->op == IR_dot ? 2 : n->n_args;
    if (n->op == IR_conv || n->attr.form == IR_FORM_BLAS) return false;
    for (int i = 0; i < pairs; i++) {
        int t = first_axis(n, i);
        if (t < 0 || ir_extent(b->m, t) != ir_extent(b->m, first_axis(n, 0))) return false;
        for (int j = 0; j < per; j++)
            if (kernel_tile_axis(b->m, n->arg[i * per + j]->type.axes) != t) return false;
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

static void pad_columns(Planner *b, KAccum *a)
{
    const IrNode *n = a->node;
    const IrType *t = &n->result[0].type, *tb = &n->arg[1]->type;
    int tail = tb->rank - n->attr.batch.n - n->attr.contract.n;
    int64_t cols = 1;
    for (int i = 0; i < tail; i++) cols *= t->dim[t->rank - 1 - i];
    a->pad = (cols + K_LANES - 1) / K_LANES * K_LANES;
    int64_t stride = 1;
    KMem *m = a->partial;
    for (int i = t->rank - 1; i >= 0; i--) {
        if (i == t->rank - 1 - tail) stride = a->pad;
        m->dim[i] = stride;
        stride *= t->dim[i];
    }
    if (tail == t->rank) stride = a->pad;
    for (int i = t->axes.n - 1; i >= 0; i--) { m->axis[i] = stride; stride *= ir_extent(b->m, t->axes.id[i]); }
    m->dense = a->pad == cols;
    m->bytes = stride * (int64_t)ir_elem_bytes(a->elem);
}

/* Shards lie behind each other: the partial's bytes grow by their number. */
static void shard_partial(KAccum *a)
{
    int64_t e = (int64_t)ir_elem_bytes(a->elem);
    a->shard_stride = (a->partial->bytes / e + 15) / 16 * 16;
    a->partial->bytes = a->shard_stride * e * (a->shards.count ? a->shards.count : 1);
}

static void add_finish(Planner *b, KStep *step, KAccum *a, int lane_axis)
{
    KKernel *f = kernel_new(b, K_FINISH, &a->node->result[0].type, -1);
    f->lane_axis = lane_axis;
    array_push(b->p->arena, &f->sinks, a);
    array_push(b->p->arena, &step->finish, f);
}

/* The free dims of a side of a dot lie so that one stride walks them. */
static bool one_stride(const IrNode *n, int side, int pair)
{
    const IrType *t = &n->arg[2 * pair + side]->type;
    bool taken[IR_MAX_RANK] = {0};
    for (int i = 0; i < n->attr.batch.n; i++) taken[side ? n->attr.batch.b[i] : n->attr.batch.a[i]] = true;
    for (int i = 0; i < n->attr.contract.n; i++) taken[side ? n->attr.contract.b[i] : n->attr.contract.a[i]] = true;
    int last = -1;
    for (int i = 0; i < t->rank; i++) {
        if (taken[i]) continue;
        if (last >= 0 && last != i - 1) return false;
        last = i;
    }
    return true;
}

static bool outer_fits(const IrNode *n)
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
    KStep *step = step_for(b, need.lane_axis, need.level);
    int pos;
    KKernel *k = map_kernel(b, &need, step, &r->type, &pos);
    array_push(b->p->arena, &k->nodes, n);
    set_value(b, r, step, k, pos, need.lane_axis);
    kernel_value(b->p, r)->accum = a;
}

static void place_sum_over(Planner *b, IrNode *n)
{
    int t = n->attr.over.id[0];
    const IrType *space = &n->arg[0]->type;
    Need need = {.lane_axis = t};
    need_level(b, &need, n->arg[0], space, true, true);
    need_place(b, &need, n->arg[0], space, true, true);
    KStep *step = step_for(b, t, need.level);
    int pos;
    KKernel *k = map_kernel(b, &need, step, space, &pos);
    KAccum *a = accum_new(b, n, t);
    a->lanes = partial_new(b, a, K_LANES, K_SCRATCH);
    a->partial = partial_new(b, a, 1, K_FRAME);
    shard_partial(a);
    array_push(b->p->arena, &k->sinks, a);
    need_memory(b, k, step, n->arg[0]);
    add_finish(b, step, a, t);
    place_combine(b, n, a, need.level);
}

static void need_full(Planner *b, IrVal *v) { kernel_value(b->p, v)->stored = kernel_value(b->p, v)->full = true; }

static KMem *transposed_mem(Planner *b, const IrNode *n, IrVal *v)
{
    const IrType *t = &v->type;
    int64_t cols = 1, rest = kernel_rest(b->m, t, kernel_tile_axis(b->m, t->axes));
    bool taken[IR_MAX_RANK] = {0};
    for (int i = 0; i < n->attr.batch.n; i++) taken[n->attr.batch.b[i]] = true;
    for (int i = 0; i < n->attr.contract.n; i++) taken[n->attr.contract.b[i]] = true;
    for (int i = 0; i < t->rank; i++) cols *= taken[i] ? 1 : t->dim[i];
    KMem *m = kernel_mem(b->p, K_SCRATCH, t, true);
    m->bytes = (cols ? rest / cols : 0) * ((cols + K_LANES - 1) / K_LANES) * K_TILE * K_LANES * (int64_t)ir_elem_bytes(t->elem);
    return m;
}

static bool same_roles(const IrNode *a, const IrNode *b)
{
    const IrAttrs *x = &a->attr, *y = &b->attr;
    if (x->batch.n != y->batch.n || x->contract.n != y->contract.n) return false;
    for (int i = 0; i < x->batch.n; i++)
        if (x->batch.b[i] != y->batch.b[i]) return false;
    for (int i = 0; i < x->contract.n; i++)
        if (x->contract.b[i] != y->contract.b[i]) return false;
    return true;
}

/* The transposed tile of v for the second side of n, made once a step. */
static KMem *transposed(Planner *b, KStep *step, IrNode *n, IrVal *v, int lane_axis)
{
    for (int i = 0; i < step->panel.n; i++) {
        KKernel *k = step->panel.v[i];
        if (k->kind == K_TRANSPOSE && k->val == v && same_roles(k->nodes.v[0], n)) return k->mem;
    }
    KKernel *k = kernel_new(b, K_TRANSPOSE, &v->type, lane_axis);
    k->val = v;
    k->mem = transposed_mem(b, n, v);
    array_push(b->p->arena, &k->nodes, n);
    kernel_append(b, step, k);
    return k->mem;
}

static void place_tile_row(Planner *b, IrNode *n)
{
    int t = first_axis(n, 0), per = n->op == IR_dot ? 2 : n->n_args, level = 0;
    KKind kind = n->op == IR_scatter_add ? K_SCATTER_OVER : n->attr.form == IR_FORM_LANES || ir_dot_form(n) == IR_FORM_LANES ? K_INNER : K_OUTER;
    IrNode *own = arena_copy(b->p->arena, n, sizeof *n);    /* with operands that have memory in this step */
    own->arg = arena_copy(b->p->arena, n->arg, sizeof *n->arg * (size_t)n->n_args);
    for (int i = 0; i < n->n_args; i++) {
        KSource s = kernel_source(b->p, n->arg[i], first_axis(n, i / per));
        if (!s.root || !s.direct || s.broken || !s.root->def) own->arg[i] = materialised(b, n->arg[i]);
        Need need = {.lane_axis = first_axis(n, i / per)};
        need_level(b, &need, own->arg[i], &own->arg[i]->type, false, false);
        level = need.level > level ? need.level : level;
    }
    KStep *step = step_for(b, t, level);
    for (int i = 0; i < n->n_args; i++) {                   /* operands computed earlier come from shared memory */
        Need need = {.lane_axis = first_axis(n, i / per), .level = level};
        need_place(b, &need, own->arg[i], &own->arg[i]->type, false, false);
    }
    KKernel *k = kernel_new(b, kind, &n->result[0].type, -1);
    k->lane_axis = t;
    KAccum *a = accum_new(b, n, t);
    a->partial = partial_new(b, a, 1, K_FRAME);
    if (kind == K_OUTER) pad_columns(b, a);
    if (kind == K_INNER) a->lanes = partial_new(b, a, K_LANES, K_SCRATCH);
    shard_partial(a);
    array_push(b->p->arena, &k->nodes, own);
    array_push(b->p->arena, &k->sinks, a);
    array_push(b->p->arena, &step->tile, k);
    for (int i = 0; i < n->n_args; i++) {
        IrVal *v = kernel_resolve(b->p, own->arg[i]);
        KValue *kv = kernel_value(b->p, v);
        bool outside = !here(b, kv) || kv->step != step;
        if (outside) kernel_frame(b->p, v);
        if (kind == K_OUTER && i % 2 == 1) {
            if (!outside) kv->stored = true;
            array_push(b->p->arena, &k->columns, transposed(b, step, own, v, first_axis(n, i / 2)));
        } else if (!outside) {
            need_full(b, v);
        }
    }
    if (kind == K_INNER) add_finish(b, step, a, t);
    place_combine(b, n, a, level);
}

/* ---- control ---------------------------------------------------------------------------------------------------- */

/* Sees to it that v is written to `to`; returns the level of the step that does. */
static int write_to(Planner *b, IrVal *v, KMem *to)
{
    int lane = kernel_tile_axis(b->m, v->type.axes);
    KSource s = kernel_source(b->p, v, lane);
    KValue *kv = s.root && s.direct ? kernel_value(b->p, s.root) : NULL;
    if (kv && waits(kv)) place_node(b, s.root->def);
    if (!kv || !here(b, kv) || !kv->kernel || kv->kernel->kind != K_MAP || (kv->kernel->lane_axis >= 0) != (to->tile >= 0)) {
        v = materialised(b, v);
        kv = kernel_value(b->p, v);
    }
    array_push(b->p->arena, &kv->kernel->stores, ((KStore){kv->val, to}));
    return kv->level;
}

static void plan_block(Planner *b, const IrBlock *from);

static void sort_steps(KBlock *block)
{
    for (int i = 1; i < block->steps.n; i++)
        for (int j = i; j > 0 && block->steps.v[j - 1]->level > block->steps.v[j]->level; j--) {
            KStep *t = block->steps.v[j];
            block->steps.v[j] = block->steps.v[j - 1];
            block->steps.v[j - 1] = t;
        }
}

/* A body is planned by its own planner, which sees the enclosing values as always there. */
static Planner inside(Planner *b, KBlock *body, IrNode *owner)
{
    Planner in = *b;
    in.block = body;
    in.in = owner;
    in.reads.v = NULL;
    in.reads.n = in.reads.cap = 0;
    return in;
}

static void leave(Planner *b, Planner *in, int level)
{
    sort_steps(in->block);
    b->failed |= in->failed;
    for (int i = 0; i < in->reads.n; i++) {                 /* for commits: everything a body reads, it reads in this step */
        Access a = in->reads.v[i];
        a.level = level;
        a.inner = true;
        array_push(b->p->arena, &b->reads, a);
    }
}

static KMem *slice_mem(Planner *b, KMem *whole, int depth)
{
    KMem *m = arena_copy(b->p->arena, whole, sizeof *whole);
    if (whole->n_iter == K_MAX_DEPTH) { fail(b, "scans are nested too deeply"); return m; }
    m->of = whole;
    m->iter[m->n_iter].depth = depth;
    m->iter[m->n_iter++].stride = whole->dim[0];
    m->rank = whole->rank - 1;
    for (int i = 0; i < m->rank; i++) m->dim[i] = whole->dim[i + 1];
    for (int i = 0; i < m->axes.n; i++)
        if (m->axes.id[i] != m->tile && ir_extent(b->m, m->axes.id[i]) != 1) m->dense = false;
    return m;
}

static KMem *own_frame(Planner *b, const IrType *t) { return kernel_mem(b->p, K_FRAME, t, true); }

/* Brings an operand into shared memory; raises *level past the step that writes it. */
static KMem *operand_memory(Planner *b, IrVal *v, int *level)
{
    v = kernel_resolve(b->p, v);
    if (v->def && kernel_inline(v->def)) v = materialised(b, v);
    KValue *kv = kernel_value(b->p, v);
    if (waits(kv)) place_node(b, v->def);
    if (here(b, kv) && kv->level >= *level) *level = kv->level + 1;
    return kernel_frame(b->p, v);
}

/* A closed-over operand stays what it is; only values that are still to come count for the level. */
static void close_over(Planner *b, IrVal *param, IrVal *v, int *level)
{
    v = kernel_resolve(b->p, v);
    KSource s = kernel_source(b->p, v, -1);
    if (s.root) operand_memory(b, s.root, level);
    kernel_value(b->p, param)->alias = v;
}

static void result_of(Planner *b, IrVal *v, KStep *s, KMem *m)
{
    set_value(b, v, s, NULL, 0, -2);
    kernel_value(b->p, v)->mem = m;
    kernel_value(b->p, v)->frame = true;
}

static void parameter(Planner *b, IrVal *param, KMem *m)
{
    KValue *kv = kernel_value(b->p, param);
    kv->mem = m;
    kv->frame = true;
    kv->placed = true;
}

/* until u: carried values stay, outputs are 0 */
static IrVal *unless(Planner *b, IrVal *u, IrVal *held, IrVal *v)
{
    IrType t = v->type;
    if (!held) {
        IrType s = ir_scalar(t.elem);
        held = make_node(b, IR_const, NULL, 0, &s);
    }
    IrVal *n = make_node(b, IR_select, (IrVal *[]){u, held, v}, 3, &t);
    place_node(b, n->def);
    return n;
}

static void place_scan(Planner *b, IrNode *n)
{
    const IrBlock *body = n->body[0];
    int carried = n->attr.carried, stacked = n->attr.stacked, level = 0;
    if (b->depth + 1 >= K_MAX_DEPTH) { fail(b, "scans are nested too deeply"); return; }
    if (b->depth + 1 > b->p->depth) b->p->depth = b->depth + 1;
    KStep *s = arena_new_of(b->p->arena, KStep);
    s->kind = K_SCAN;
    s->node = n;
    s->depth = b->depth;
    s->body[0] = arena_new_of(b->p->arena, KBlock);
    for (int i = 0; i < carried; i++) {
        KMem *m = own_frame(b, &n->arg[i]->type);
        int l = write_to(b, n->arg[i], m) + 1;
        level = l > level ? l : level;
        parameter(b, body->param[i], m);
        result_of(b, &n->result[i], s, m);
    }
    for (int i = carried; i < carried + stacked; i++)
        parameter(b, body->param[i], slice_mem(b, operand_memory(b, n->arg[i], &level), b->depth));
    for (int i = carried + stacked; i < n->n_args; i++) close_over(b, body->param[i], n->arg[i], &level);
    s->level = level;
    array_push(b->p->arena, &b->block->steps, s);
    for (int i = 0; i < n->n_results; i++) kernel_value(b->p, &n->result[i])->level = level;

    Planner in = inside(b, s->body[0], n);
    in.depth = b->depth + 1;
    plan_block(&in, body);
    IrVal *u = n->attr.until >= 0 ? body->param[n->attr.until] : NULL;
    for (int i = 0; i < body->n_yields; i++) {
        IrVal *v = body->yield[i];
        if (u) v = unless(&in, u, i < carried ? body->param[i] : NULL, v);
        if (i < carried) {
            KMem *next = own_frame(b, &v->type);
            write_to(&in, v, next);
            array_push(b->p->arena, &s->after, ((KCopy){next, kernel_value(b->p, &n->result[i])->mem}));
        } else {
            KMem *whole = own_frame(b, &n->result[i].type);
            result_of(b, &n->result[i], s, whole);
            write_to(&in, v, slice_mem(b, whole, b->depth));
        }
    }
    leave(b, &in, level);
}

static void place_cond(Planner *b, IrNode *n)
{
    KStep *s = arena_new_of(b->p->arena, KStep);
    int level = 0;
    s->kind = K_COND;
    s->node = n;
    s->predicate = operand_memory(b, n->arg[0], &level);
    for (int k = 0; k < 2; k++)
        for (int i = 1; i < n->n_args; i++) close_over(b, n->body[k]->param[i - 1], n->arg[i], &level);
    s->level = level;
    array_push(b->p->arena, &b->block->steps, s);
    for (int i = 0; i < n->n_results; i++) result_of(b, &n->result[i], s, own_frame(b, &n->result[i].type));
    for (int k = 0; k < 2; k++) {
        s->body[k] = arena_new_of(b->p->arena, KBlock);
        Planner in = inside(b, s->body[k], n);
        plan_block(&in, n->body[k]);
        for (int i = 0; i < n->n_results; i++) write_to(&in, n->body[k]->yield[i], kernel_value(b->p, &n->result[i])->mem);
        leave(b, &in, level);
    }
}

/* ---- row-major copies, and BLAS --------------------------------------------------------------------------------- */

/* A copy of v, row-major over axes and dims; *level is raised past the step that makes it. */
static KMem *row_major(Planner *b, IrVal *v, int *level)
{
    KMem *m = kernel_mem(b->p, K_FRAME, &v->type, true);
    m->tile = -1;
    m->panel = 0;
    int64_t stride = 1;
    for (int d = v->type.rank - 1; d >= 0; d--) { m->dim[d] = stride; stride *= v->type.dim[d]; }
    for (int d = v->type.axes.n - 1; d >= 0; d--) { m->axis[d] = stride; stride *= ir_extent(b->m, v->type.axes.id[d]); }
    m->bytes = stride * (int64_t)ir_elem_bytes(v->type.elem);
    v = kernel_resolve(b->p, v);
    KSource s = kernel_source(b->p, v, -1);
    int at = 0;
    if (s.root) operand_memory(b, s.root, &at);
    KStep *step = step_at(b, K_UNIFORM, 0, at);
    KKernel *k = kernel_new(b, K_MAP, &v->type, -1);
    kernel_append(b, step, k);
    array_push(b->p->arena, &k->stores, ((KStore){v, m}));
    need_memory(b, k, step, v);
    if (at >= *level) *level = at + 1;
    return m;
}

static void place_blas(Planner *b, IrNode *n)
{
    const IrType *t = &n->result[0].type;
    int first = first_axis(n, 0), level = 0;
    KKernel *k = kernel_new(b, K_BLAS, t, -1);
    KAccum *a = arena_new_of(b->p->arena, KAccum);
    *a = (KAccum){.node = n, .elem = t->elem, .shards = {1, 1}};
    for (int i = 0; i < n->n_args; i++) array_push(b->p->arena, &k->columns, row_major(b, n->arg[i], &level));
    a->partial = partial_new(b, a, 1, K_FRAME);
    if (first >= 0) a->shards = ir_shards(ir_extent(b->m, first));
    shard_partial(a);
    k->units = first >= 0 ? a->shards.count : t->axes.n ? ir_shards(ir_extent(b->m, t->axes.id[0])).count : 1;
    array_push(b->p->arena, &k->nodes, n);
    array_push(b->p->arena, &k->sinks, a);
    kernel_append(b, step_at(b, K_UNIFORM, 0, level), k);
    place_combine(b, n, a, level);
}

/* ---- the walk --------------------------------------------------------------------------------------------------- */

static void place_contraction(Planner *b, IrNode *n)
{
    if (n->op == IR_dot && n->attr.form == IR_FORM_BLAS) { place_blas(b, n); return; }
    bool over = n->op == IR_dot ? first_axis(n, 0) >= 0 : n->attr.over.n > 0;
    if (over && n->op == IR_dot && by_tiles(b, n) && (ir_dot_form(n) == IR_FORM_LANES || outer_fits(n))) place_tile_row(b, n);
    else place_alone(b, n, K_CONTRACT);
}

static void place_node(Planner *b, IrNode *n)
{
    KValue *v = kernel_value(b->p, &n->result[0]);
    if (v->placed || b->failed) return;
    switch (n->op) {
    case IR_uniform: case IR_normal: case IR_randint: place_alone(b, n, K_RANDOM); return;
    case IR_sum:
        if (n->attr.over.n && by_tiles(b, n)) place_sum_over(b, n);
        else place_alone(b, n, K_REDUCE);
        return;
    case IR_norm: case IR_reduce_max: case IR_argmax: place_alone(b, n, K_REDUCE); return;
    case IR_cumsum:  place_alone(b, n, K_CUMSUM); return;
    case IR_dot: case IR_conv: place_contraction(b, n); return;
    case IR_concat:  place_alone(b, n, K_CONCAT); return;
    case IR_argsort: place_alone(b, n, K_SORT); return;
    case IR_scatter_add:
        if (n->attr.over.n && by_tiles(b, n)) place_tile_row(b, n);
        else place_alone(b, n, K_SCATTER);
        return;
    case IR_cholesky: case IR_trisolve: case IR_solve: case IR_eigh: place_alone(b, n, K_OPAQUE); return;
    case IR_scan:    place_scan(b, n); return;
    case IR_cond:    place_cond(b, n); return;
    case IR_extern:  fail(b, "externs are not compiled"); return;
    default:
        if (!kernel_member(n)) BUG("plan: no place for %s", ir_op_info[n->op].name);
        place_member(b, n);
    }
}

static void plan_block(Planner *b, const IrBlock *from)
{
    for (IrNode *n = from->first; n && !b->failed; n = n->next) {
        if (kernel_inline(n)) continue;
        bool live = ir_op_info[n->op].flags & IR_EFFECT;
        for (int i = 0; i < n->n_results; i++) live |= kernel_value(b->p, &n->result[i])->live;
        if (live && ir_op_info[n->op].klass != IR_CLASS_RAND) place_node(b, n);
    }
}

static void mark_live(KPlan *p, const IrFn *f)
{
    ARRAY(IrVal *) work = {0};
    for (int i = 0; i < f->commits.n; i++) array_push(p->arena, &work, f->commits.v[i].val);
    for (int i = 0; i < f->reports.n; i++) array_push(p->arena, &work, f->reports.v[i].val);
    while (work.n) {
        IrVal *v = work.v[--work.n];
        KValue *kv = kernel_value(p, v);
        if (kv->live) continue;
        kv->live = true;
        if (!v->def) continue;
        for (int i = 0; i < v->def->n_args; i++) array_push(p->arena, &work, v->def->arg[i]);
        for (int k = 0; k < v->def->n_bodies; k++)
            for (int i = 0; i < v->def->body[k]->n_yields; i++) array_push(p->arena, &work, v->def->body[k]->yield[i]);
    }
}

/* ---- results ---------------------------------------------------------------------------------------------------- */

/* A commit may go straight to its slot if nobody reads the old value later, or elsewhere at the same time. */
static bool may_overwrite(Planner *b, int slot, const KValue *v)
{
    for (int i = 0; i < b->reads.n; i++) {
        const Access *a = &b->reads.v[i];
        if (a->slot != slot || a->level < v->level) continue;
        if (a->level > v->level || a->kernel != v->kernel || !a->identity || a->inner) return false;
    }
    return true;
}

static void place_commits(Planner *b, const IrFn *f)
{
    IrVal **from = arena_array(b->p->arena, IrVal *, f->commits.n + 1);
    for (int i = 0; i < f->commits.n; i++) {                /* every copy first: they read slots too */
        IrVal *v = kernel_resolve(b->p, f->commits.v[i].val);
        KValue *kv = kernel_value(b->p, v);
        bool inlined = v->def && kernel_inline(v->def);
        if (!inlined && waits(kv)) place_node(b, v->def);
        if (inlined || !kv->kernel || kv->kernel->kind != K_MAP || !here(b, kv)) v = materialised(b, v);
        from[i] = v;
    }
    for (int i = 0; i < f->commits.n; i++) {
        IrVal *v = from[i];
        int slot = f->commits.v[i].slot;
        KValue *kv = kernel_value(b->p, v);
        bool in_place = may_overwrite(b, slot, kv);
        KMem *m = kernel_mem(b->p, in_place ? K_SLOT : K_FRAME, &v->type, true);
        m->slot = in_place ? slot : -1;
        array_push(b->p->arena, &kv->kernel->stores, ((KStore){v, m}));
        if (!in_place) array_push(b->p->arena, &b->p->commits, ((KCommit){m, slot}));
    }
}

static void place_reports(Planner *b, const IrFn *f)
{
    for (int i = 0; i < f->reports.n; i++) {
        IrVal *v = f->reports.v[i].val;
        int level = 0;
        KMem *m = v->type.axes.n ? row_major(b, v, &level) : kernel_mem(b->p, K_FRAME, &v->type, true);
        if (!v->type.axes.n) write_to(b, v, m);
        array_push(b->p->arena, &b->p->outs, ((KStore){v, m}));
    }
}

/* ---- after placing ---------------------------------------------------------------------------------------------- */

static void give_memory(KPlan *p)
{
    for (int i = 0; i < p->value.n; i++) {
        KValue *v = p->value.v[i];
        if (v && v->stored && !v->frame && !v->mem)
            v->mem = kernel_mem(p, v->tile < 0 ? K_FRAME : K_SCRATCH, &v->val->type, v->full);
    }
    for (int i = 0; i < p->kernels.n; i++) {
        KKernel *k = p->kernels.v[i];
        if (k->kind == K_TRANSPOSE || k->kind == K_BLAS || k->kind >= K_OUTER) continue;
        for (int j = 0; j < k->nodes.n; j++)
            for (int r = 0; r < k->nodes.v[j]->n_results; r++) {
                KValue *v = kernel_value(p, &k->nodes.v[j]->result[r]);
                if (v->mem) array_push(p->arena, &k->stores, ((KStore){v->val, v->mem}));
            }
    }
}

/* The matrix of a DOT whose rows lie across memory: each step along k meets another line of the cache, and the lines of a
 * block of rows fall into a few sets. Worth a copy when enough panels follow. */
static bool worth_packing(const IrNode *n, int side, const KView *w, int64_t extent)
{
    const IrAttrs *a = &n->attr;
    const IrType *t = &n->arg[side]->type;
    if (a->contract.n != 1 || a->batch.n || t->rank != 2 || extent < 2 * K_TILE) return false;
    int k = side ? a->contract.b[0] : a->contract.a[0], row = 1 - k;
    return w->dim[row] == 1 && w->dim[k] >= K_LANES && t->dim[k] >= 2 * K_LANES && t->dim[row] >= 4;
}

static bool same_matrix(const KPlan *p, const KKernel *a, const KKernel *b, int sa, int sb)
{
    const IrNode *x = a->nodes.v[0], *y = b->nodes.v[0];
    int ka = sa ? x->attr.contract.b[0] : x->attr.contract.a[0], kb = sb ? y->attr.contract.b[0] : y->attr.contract.a[0];
    return ka == kb && kernel_resolve(p, x->arg[sa]) == kernel_resolve(p, y->arg[sb]);
}

static void pack_matrices(KPlan *p, KBlock *block)
{
    for (int i = 0; i < block->steps.n; i++) {
        KStep *s = block->steps.v[i];
        for (int k = 0; k < 2; k++)
            if (s->body[k]) pack_matrices(p, s->body[k]);
        for (int j = 0; j < s->panel.n; j++) {
            KKernel *k = s->panel.v[j];
            if (k->kind != K_DOT) continue;
            IrNode *n = k->nodes.v[0];
            int side = ir_axes_has(n->arg[0]->type.axes, k->lane_axis);
            KView w;
            if (!kernel_view(p, n->arg[side], &w) || !worth_packing(n, side, &w, s->extent)) continue;
            for (int o = 0; o < s->once.n && !k->packed; o++)
                if (same_matrix(p, k, s->once.v[o], side, s->once.v[o]->units ? 1 : 0)) k->packed = s->once.v[o]->mem;
            if (k->packed) continue;
            k->packed = arena_new_of(p->arena, KMem);
            *k->packed = (KMem){.place = K_SCRATCH, .elem = n->arg[side]->type.elem, .slot = -1, .tile = -1, .panel = 1, .first = INT32_MAX, .last = -1};
            k->packed->bytes = ir_dims_size(&n->arg[side]->type) * (int64_t)ir_elem_bytes(k->packed->elem);
            array_push(p->arena, &p->mems, k->packed);
            KKernel *pack = arena_new_of(p->arena, KKernel);
            *pack = (KKernel){.kind = K_PACK, .id = p->kernels.n, .lane_axis = -1, .mem = k->packed, .units = side};
            array_push(p->arena, &pack->nodes, n);
            array_push(p->arena, &p->kernels, pack);
            array_push(p->arena, &s->once, pack);
        }
    }
}

/* A contraction without `over` of a tiled value with a matrix, both plain strides, is a register tile. */
static void find_dots(KPlan *p)
{
    for (int i = 0; i < p->kernels.n; i++) {
        KKernel *k = p->kernels.v[i];
        if (k->kind != K_CONTRACT || k->lane_axis < 0) continue;
        IrNode *n = k->nodes.v[0];
        if (n->op != IR_dot || n->n_args != 2 || n->attr.form == IR_FORM_BLAS || (n->attr.pair_over && n->attr.pair_over[0].n)) continue;
        KView a, c;
        bool ta = ir_axes_has(n->arg[0]->type.axes, k->lane_axis), tc = ir_axes_has(n->arg[1]->type.axes, k->lane_axis);
        if (ta == tc || !kernel_view(p, n->arg[0], &a) || !kernel_view(p, n->arg[1], &c)) continue;
        const KMem *x = ta ? a.mem : c.mem, *w = ta ? c.mem : a.mem;
        if (x->tile == k->lane_axis && w->tile < 0) k->kind = K_DOT;
    }
}

/* Rows whose innermost components are theirs to walk: the kernel's loops see them as 1. Their own memory is counted here. */
static void rows_of_lines(KPlan *p)
{
    for (int i = 0; i < p->kernels.n; i++) {
        KKernel *k = p->kernels.v[i];
        if (!k->nodes.n || k->kind == K_PACK || k->kind == K_BLAS) continue;
        IrNode *n = k->nodes.v[0];
        const IrType *t = &n->result[0].type, *a = n->n_args ? &n->arg[0]->type : NULL;
        int64_t bytes = 0, cell = (int64_t)ir_elem_bytes(t->elem);
        int inner = 0;
        if (k->kind == K_CUMSUM) {
            k->space.comp[t->axes.n + n->attr.dim].extent = 1;
        } else if (k->kind == K_SORT) {
            inner = 1;
            bytes = (t->dim[t->rank - 1] * (int64_t)ir_elem_bytes(a->elem) + 63) / 64 * 64 + 8 * t->dim[t->rank - 1] + 64;
        } else if (k->kind == K_OPAQUE) {
            int64_t rows = a->dim[a->rank - 1], cols = n->n_args > 1 ? t->dim[t->rank - 1] : 0;
            if (n->op == IR_eigh) k->space = kernel_space(p->m, &n->result[1].type, k->lane_axis);
            inner = 2;
            bytes = 8 * (3 * rows * rows + rows + 2 * rows * cols) + 64;
        } else if (k->kind == K_SCATTER) {
            inner = t->rank;
            if (n->attr.over.n) bytes = 8 * ir_dims_size(t) * cell + 64;
        }
        for (int c = 0; c < inner; c++) k->space.comp[k->space.n - 1 - c].extent = 1;
        if (!bytes) continue;
        k->mem = arena_new_of(p->arena, KMem);
        *k->mem = (KMem){.place = K_SCRATCH, .elem = t->elem, .slot = -1, .bytes = bytes, .tile = -1, .rank = t->rank, .first = INT32_MAX, .last = -1};
        array_push(p->arena, &p->mems, k->mem);
    }
}

static double node_flops(const IrModule *m, const IrNode *n)
{
    double size = (double)(ir_axes_size(m, n->result[0].type.axes) * ir_dims_size(&n->result[0].type));
    if (n->op != IR_dot) return size;
    double sum = 0;
    for (int i = 0; i < n->n_args / 2; i++) {
        double k = 1;
        for (int j = 0; j < n->attr.contract.n; j++) k *= (double)n->arg[2 * i]->type.dim[n->attr.contract.a[j]];
        if (n->attr.pair_over) k *= (double)ir_axes_size(m, n->attr.pair_over[i]);
        sum += 2 * k * size;
    }
    return sum;
}

static void finish_kernels(KPlan *p)
{
    for (int i = 0; i < p->kernels.n; i++) {
        KKernel *k = p->kernels.v[i];
        if (k->kind == K_BLAS) { k->split = true; k->flops = node_flops(p->m, k->nodes.v[0]); }
        if (k->kind == K_PACK || k->kind == K_BLAS) continue;
        k->flat = k->kind == K_MAP;
        for (int j = 0; j < k->nodes.n; j++) {
            IrNode *n = k->nodes.v[j];
            if (k->kind != K_TRANSPOSE && k->kind != K_FINISH) k->flops += node_flops(p->m, n);
            const KValue *v = kernel_value(p, &n->result[0]);
            if (k->kind == K_MAP && v->accum) {
                k->flat &= v->accum->partial->dense && (k->lane_axis < 0);
                continue;
            }
            if (n->op == IR_gather || n->op == IR_pad) k->flat = false;
            for (int a = 0; a < n->n_args && k->kind == K_MAP; a++) k->flat &= kernel_flat_access(p, n->arg[a], k);
        }
        for (int j = 0; j < k->stores.n; j++)
            k->flat &= k->stores.v[j].mem->dense && kernel_flat_access(p, k->stores.v[j].val, k) &&
                       (k->lane_axis < 0 ? k->stores.v[j].mem->tile < 0 : k->stores.v[j].mem->tile == k->lane_axis);
        for (int j = 0; j < k->sinks.n && k->kind == K_MAP; j++)
            k->flat &= k->sinks.v[j]->node->attr.over.n == 1 && kernel_flat_access(p, k->sinks.v[j]->node->arg[0], k);
        if (k->lane_axis >= 0) continue;
        int64_t all = 1;
        for (int c = 0; c < k->space.n; c++) all *= k->space.comp[c].extent;
        int64_t last = k->space.n ? k->space.comp[k->space.n - 1].extent : 1;
        k->units = k->flat ? (all + K_LANES - 1) / K_LANES : last ? all / last : 0;
        bool rows = k->kind == K_CONTRACT || k->kind == K_REDUCE || k->kind == K_CUMSUM || k->kind == K_SORT || k->kind == K_OPAQUE || k->kind == K_SCATTER;
        k->split = k->kind == K_MAP ? all >= 4096 : rows && k->units >= 2;
    }
}

KPlan *kernel_plan(Arena *arena, const IrModule *m, const IrFn *f, char why[512])
{
    KPlan *p = arena_new_of(arena, KPlan);
    *p = (KPlan){.m = m, .fn = f, .arena = arena, .next_id = m->next_id};
    Planner b = {.p = p, .m = m, .block = &p->top, .why = why};
    mark_live(p, f);
    plan_block(&b, &f->body);
    if (!b.failed) place_reports(&b, f);
    if (!b.failed) place_commits(&b, f);
    if (b.failed) return NULL;
    sort_steps(&p->top);
    give_memory(p);
    find_dots(p);
    pack_matrices(p, &p->top);
    rows_of_lines(p);
    finish_kernels(p);
    kernel_layout(p);
    return p;
}
