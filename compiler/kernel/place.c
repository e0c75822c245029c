/* place.c - the words of placing: steps, kernels, and what a node needs of them.
 *
 * A node's operands are asked three times: which level is the earliest (place_need_level), where in its step it may stand
 * (place_need_position), and, once its kernel is known, which of them need memory (place_need_memory).
 * Start at place_member(). */
#include "compiler/kernel/place.h"

#include <stdio.h>
#include <string.h>

void place_fail(Planner *b, const char *what)
{
    if (!b->failed) snprintf(b->why, 512, "%s: %s", b->p->fn->name, what);
    b->failed = true;
}

/* ---- steps and kernels ------------------------------------------------------------------------------------------ */

KStep *place_step(Planner *b, KStepKind kind, int64_t extent, int level)
{
    for (int i = 0; i < b->block->steps.n; i++) {
        KStep *s = b->block->steps.v[i];
        if (s->kind == kind && s->level == level && s->extent == extent && (kind == K_TILED || kind == K_UNIFORM))
            return s;
    }
    KStep *s = arena_new_of(b->p->arena, KStep);
    s->kind = kind;
    s->level = level;
    s->extent = extent;
    if (kind == K_TILED) s->shards = ir_shards(extent);
    array_push(b->p->arena, &b->block->steps, s);
    return s;
}

KStep *place_step_for(Planner *b, int lane_axis, int level)
{
    return lane_axis < 0 ? place_step(b, K_UNIFORM, 0, level)
                         : place_step(b, K_TILED, ir_extent(b->m, lane_axis), level);
}

KKernel *place_kernel(Planner *b, KKind kind, const IrType *space, int lane_axis)
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
int place_append(Planner *b, KStep *s, KKernel *k)
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

/* LLVM is not linear in the length of a loop's body, so a body is bounded: whoever would join a full kernel stands in a later one, and reads
 * from memory. Kernels that are merged were not full, so a kernel has at most three times as many. */
static bool is_full(const Planner *b, const KKernel *k)
{
    return plan_takes(b->p, PLAN_cap) && kernel_is_long(k);
}

/* ---- what a node needs ------------------------------------------------------------------------------------------ */

bool place_here(const Planner *b, const KValue *v) { return v->block == b->block; }

bool place_waits(const Planner *b, const KValue *v)
{
    return plan_takes(b->p, PLAN_late) && v->val->def && !v->placed && ir_op_info[v->val->def->op].klass == IR_CLASS_RAND;
}

/* May this access be met inside one MAP kernel, from a register? */
static bool in_register(Planner *b, const KSource *s, const IrType *space, bool identity, int lane_axis)
{
    KValue *v = kernel_value(b->p, s->root);
    return plan_takes(b->p, PLAN_fuse) && identity && s->direct && v->kernel && place_here(b, v) && !is_full(b, v->kernel) &&
           space_is(b, v->kernel, space, lane_axis) && kernel_same_space(&s->root->type, space);
}

static void level_of(Planner *b, Need *need, const KSource *s, const IrType *space, bool identity, bool member)
{
    KValue *v = kernel_value(b->p, s->root);
    if (place_waits(b, v)) {
        if (need->lane_axis >= 0 && kernel_tile_axis(b->m, s->root->type.axes) == need->lane_axis && !s->broken) return;
        place_node(b, s->root->def);
    }
    if (!place_here(b, v)) return;
    bool same = need->lane_axis >= 0 ? v->tile == need->lane_axis && !s->broken
                                     : member && v->tile == -1 && in_register(b, s, space, identity, -1);
    int level = v->level + (same ? 0 : 1);
    if (level > need->level) need->level = level;
}

/* Raises the level for one operand. */
void place_need_level(Planner *b, Need *need, const IrVal *arg, const IrType *space, bool identity, bool member)
{
    KSources s = kernel_sources(b->p, arg, need->lane_axis);
    for (int i = 0; i < s.n; i++)
        if (s.v[i].root) level_of(b, need, &s.v[i], space, identity, member);
}

static void position_of(Planner *b, Need *need, const KSource *s, const IrType *space, bool identity, bool member)
{
    KValue *v = kernel_value(b->p, s->root);
    if (place_waits(b, v)) {                                         /* drawn where it is read: level first, then its kernel */
        v->level = need->level;
        place_node(b, s->root->def);
    }
    bool same_step = place_here(b, v) && v->level == need->level && v->tile == need->lane_axis && !s->broken;
    if (!same_step) return;
    bool reg = member && in_register(b, s, space, identity, need->lane_axis);
    if (need->lane_axis < 0) need->join = reg && !need->join ? v->kernel : need->join;
    else if (v->pos + (reg ? 0 : 1) > need->pos) need->pos = v->pos + (reg ? 0 : 1);
}

/* With the level known: the position, and memory where the operand is not met in a register. */
void place_need_position(Planner *b, Need *need, const IrVal *arg, const IrType *space, bool identity, bool member)
{
    KSources s = kernel_sources(b->p, arg, need->lane_axis);
    for (int i = 0; i < s.n; i++)
        if (s.v[i].root) position_of(b, need, &s.v[i], space, identity, member);
}

static void memory_of(Planner *b, const KKernel *k, const KStep *step, const KSource *s)
{
    KValue *v = kernel_value(b->p, s->root);
    if (!place_here(b, v) || v->step != step || s->broken) {
        if (v->block || !v->mem) kernel_frame(b->p, s->root);
        return;
    }
    if (v->kernel != k || !s->direct) v->stored = true;
}

/* With the kernel known: what it reads gets memory. */
void place_need_memory(Planner *b, KKernel *k, KStep *step, const IrVal *arg)
{
    KSources s = kernel_sources(b->p, arg, k->lane_axis);
    for (int i = 0; i < s.n; i++) {
        Access a = {s.v[i].slot, step->level, k, kernel_flat_access(b->p, arg, k) && s.v[i].direct, b->in != NULL};
        if (s.v[i].slot >= 0) array_push(b->scratch, &b->reads, a);
        else memory_of(b, k, step, &s.v[i]);
    }
}

void place_set_value(Planner *b, IrVal *v, KStep *s, KKernel *k, int pos, int tile)
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
    from->merged = into;
    for (int i = 0; i < s->kernels.n; i++)
        if (s->kernels.v[i] == from) {
            memmove(s->kernels.v + i, s->kernels.v + i + 1, sizeof *s->kernels.v * (size_t)(s->kernels.n - i - 1));
            s->kernels.n--;
            break;
        }
    from->nodes.n = from->stores.n = 0;
}

/* The MAP kernel for a space: the earliest at or after need->pos, or a new one. */
KKernel *place_map_kernel(Planner *b, const Need *need, KStep *step, const IrType *space, int *pos)
{
    if (need->lane_axis >= 0) {
        for (int i = need->pos; i < step->panel.n; i++)
            if (!is_full(b, step->panel.v[i]) && space_is(b, step->panel.v[i], space, need->lane_axis) &&
                plan_did(b->p, PLAN_fuse, true)) {
                *pos = i;
                return step->panel.v[i];
            }
    } else if (need->join) {
        plan_did(b->p, PLAN_fuse, true);
        *pos = 0;
        return need->join;
    }
    KKernel *k = place_kernel(b, K_MAP, space, need->lane_axis);
    *pos = place_append(b, step, k);
    return k;
}

/* ---- rows in MAP kernels ---------------------------------------------------------------------------------------- */

static void merge_operand(Planner *b, const IrNode *n, const IrVal *arg, KStep *step, KKernel *k)
{
    KSources s = kernel_sources(b->p, arg, -1);
    for (int i = 0; i < s.n; i++) {
        KValue *v = s.v[i].root ? kernel_value(b->p, s.v[i].root) : NULL;
        if (v && place_here(b, v) && v->step == step && v->kernel != k &&
            in_register(b, &s.v[i], &n->result[0].type, kernel_at_own_index(n), -1))
            merge(b, step, k, v->kernel);
    }
}

void place_member(Planner *b, IrNode *n)
{
    const IrType *space = &n->result[0].type;
    Need need = {.lane_axis = kernel_tile_axis(b->m, space->axes)};
    for (int i = 0; i < n->n_args; i++) place_need_level(b, &need, n->arg[i], space, kernel_at_own_index(n), true);
    for (int i = 0; i < n->n_args; i++) place_need_position(b, &need, n->arg[i], space, kernel_at_own_index(n), true);
    KStep *step = place_step_for(b, need.lane_axis, need.level);
    int pos;
    KKernel *k = place_map_kernel(b, &need, step, space, &pos);
    if (need.lane_axis < 0)                                 /* operands in other kernels of the same step: become one */
        for (int i = 0; i < n->n_args; i++) merge_operand(b, n, n->arg[i], step, k);
    array_push(b->p->arena, &k->nodes, n);
    place_set_value(b, &n->result[0], step, k, pos, need.lane_axis);
    for (int i = 0; i < n->n_args; i++) place_need_memory(b, k, step, n->arg[i]);
}

/* A node of the plan's own. */
IrVal *place_new_node(Planner *b, IrOp op, IrVal *const *args, int n_args, const IrType *t)
{
    Arena *a = b->p->arena;
    IrNode *n = arena_new_of(a, IrNode);
    n->op = op;
    n->n_args = n_args;
    n->n_results = 1;
    n->arg = arena_array(a, IrVal *, n_args + 1);
    for (int i = 0; i < n_args; i++) n->arg[i] = args[i];
    n->attr = ir_no_attrs();
    n->result = arena_new_of(a, IrVal);
    n->result[0] = (IrVal){.type = *t, .def = n, .id = b->p->values->next_id++};
    kernel_value(b->p, &n->result[0])->live = true;
    return &n->result[0];
}

/* A copy of v that has memory of its own. */
IrVal *place_copy(Planner *b, IrVal *v)
{
    IrVal **c = &kernel_value(b->p, v)->copy;
    if (*c && place_here(b, kernel_value(b->p, *c))) return *c;
    *c = place_new_node(b, IR_stop, &v, 1, &v->type);
    place_node(b, (*c)->def);
    return *c;
}

/* ---- rows with kernels of their own ----------------------------------------------------------------------------- */

/* One node, one kernel, operands from memory, along the tile axis of its (first) result. */
KKernel *place_alone(Planner *b, IrNode *n, KKind kind)
{
    const IrType *space = &n->result[0].type;
    Need need = {.lane_axis = kernel_tile_axis(b->m, space->axes)};
    for (int i = 0; i < n->n_args; i++) place_need_level(b, &need, n->arg[i], space, false, false);
    if (ir_op_info[n->op].klass == IR_CLASS_RAND && kernel_value(b->p, &n->result[0])->level > need.level)
        need.level = kernel_value(b->p, &n->result[0])->level;
    for (int i = 0; i < n->n_args; i++) place_need_position(b, &need, n->arg[i], space, false, false);
    KStep *step = place_step_for(b, need.lane_axis, need.level);
    KKernel *k = place_kernel(b, kind, space, need.lane_axis);
    int pos = place_append(b, step, k);
    array_push(b->p->arena, &k->nodes, n);
    for (int r = 0; r < n->n_results; r++) {
        place_set_value(b, &n->result[r], step, k, pos, need.lane_axis);
        kernel_value(b->p, &n->result[r])->stored = true;
    }
    for (int i = 0; i < n->n_args; i++) place_need_memory(b, k, step, n->arg[i]);
    return k;
}
