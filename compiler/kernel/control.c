/* control.c - scan and cond: blocks of their own, and the memory that passes between them and what encloses them. */
#include "compiler/kernel/place.h"
#include "base/bug.h"

/* ---- control ---------------------------------------------------------------------------------------------------- */

/* Sees to it that v is written to `to`; returns the level of the step that does. */
int place_write_to(Planner *b, IrVal *v, KMem *to)
{
    int lane = kernel_tile_axis(b->m, v->type.axes);
    KSource s = kernel_source(b->p, v, lane);
    KValue *kv = s.root && s.direct ? kernel_value(b->p, s.root) : NULL;
    if (kv && place_waits(b, kv)) place_node(b, s.root->def);
    if (!kv || !place_here(b, kv) || !kv->kernel || kv->kernel->kind != K_MAP ||
        (kv->kernel->lane_axis >= 0) != (to->tile >= 0)) {
        v = place_copy(b, v);
        kv = kernel_value(b->p, v);
    }
    array_push(b->p->arena, &kv->kernel->stores, ((KStore){kv->val, to}));
    return kv->level;
}

void place_sort_steps(KBlock *block)
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
    place_sort_steps(in->block);
    b->failed |= in->failed;
    for (int i = 0; i < in->reads.n; i++) {                 /* for commits: everything a body reads, it reads in this step */
        Access a = in->reads.v[i];
        a.level = level;
        a.inner = true;
        array_push(b->scratch, &b->reads, a);
    }
}

/* Do the dims of a slice follow one another, and has it no axis beside the tile's? Its other axes are apart by all iterations. */
static bool is_dense(const Planner *b, const KMem *m, const IrType *t)
{
    int64_t stride = m->tile >= 0 ? K_LANES : 1;
    for (int i = m->rank - 1; i >= 0; stride *= t->dim[i--])
        if (m->dim[i] != stride && t->dim[i] != 1) return false;
    for (int i = 0; i < m->axes.n; i++)
        if (m->axes.id[i] != m->tile && ir_extent(b->m, m->axes.id[i]) != 1) return false;
    return true;
}

/* Of a value that lies as `v` says, iteration by iteration: one is a value of type t. */
static KMem *slice_mem(Planner *b, const KView *v, const IrType *t, int depth)
{
    KMem *m = arena_copy(b->p->arena, v->mem, sizeof *v->mem);
    if (m->n_iter == FRAME_MAX_DEPTH) { place_fail(b, "scans are nested too deeply"); return m; }
    m->of = v->mem;
    m->at += v->offset;
    KIter *iter = arena_array(b->p->arena, KIter, m->n_iter + 1);
    for (int i = 0; i < m->n_iter; i++) iter[i] = m->iter[i];
    iter[m->n_iter++] = (KIter){depth, v->dim[0]};
    m->iter = iter;
    m->rank = t->rank;
    for (int i = 0; i < m->rank; i++) m->dim[i] = v->dim[i + 1];
    m->dense = is_dense(b, m, t);
    return m;
}

static KView whole_view(KMem *m)
{
    KView v = {.mem = m};
    for (int i = 0; i < m->axes.n; i++) v.axis[i] = m->axis[i];
    for (int i = 0; i < m->rank; i++) v.dim[i] = m->dim[i];
    return v;
}

static KMem *own_frame(Planner *b, const IrType *t) { return kernel_mem(b->p, K_FRAME, t, true); }

/* Brings an operand into shared memory; raises *level past the step that writes it. */
KMem *place_operand_memory(Planner *b, IrVal *v, int *level)
{
    v = kernel_resolve(b->p, v);
    if (v->def && kernel_inline(v->def)) v = place_copy(b, v);
    KValue *kv = kernel_value(b->p, v);
    if (place_waits(b, kv)) place_node(b, v->def);
    if (place_here(b, kv) && kv->level >= *level) *level = kv->level + 1;
    return kernel_frame(b->p, v);
}

/* A closed-over operand stays what it is; only values that are still to come count for the level. */
static void close_over(Planner *b, IrVal *param, IrVal *v, int *level)
{
    v = kernel_resolve(b->p, v);
    KSource s = kernel_source(b->p, v, -1);
    if (s.root) place_operand_memory(b, s.root, level);
    kernel_value(b->p, param)->alias = v;
}

/* Is v its rows in another order (a gradient takes a trajectory from its end) of a value that has memory of its own, or can have it? */
static IrVal *reordered(Planner *b, IrVal *v)
{
    IrVal *root = kernel_resolve(b->p, v);
    if (!v->type.dim[0]) return NULL;
    while (root->def && root->def->op == IR_reverse) root = kernel_resolve(b->p, root->def->arg[0]);
    return root == kernel_resolve(b->p, v) || (root->def && kernel_inline(root->def)) || kernel_remade(b->p, root) ? NULL : root;
}

/* What a scan takes in turn, as it lies. Raises *level past the step that writes it. */
static KView stacked_view(Planner *b, IrVal *v, int *level)
{
    KView at;
    IrVal *root = reordered(b, v);
    if (!root || !plan_did(b->p, PLAN_views, true)) return whole_view(place_operand_memory(b, v, level));
    place_operand_memory(b, root, level);
    if (!kernel_view(b->p, v, &at)) BUG("plan: a value that lies nowhere");
    return at;
}

static void result_of(Planner *b, IrVal *v, KStep *s, KMem *m)
{
    place_set_value(b, v, s, NULL, 0, -2);
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
        held = place_new_node(b, IR_const, NULL, 0, &s);
    }
    IrVal *n = place_new_node(b, IR_select, (IrVal *[]){u, held, v}, 3, &t);
    place_node(b, n->def);
    return n;
}

void place_scan(Planner *b, IrNode *n)
{
    const IrBlock *body = n->body[0];
    int carried = n->attr->carried, stacked = n->attr->stacked, level = 0;
    if (b->depth + 1 >= FRAME_MAX_DEPTH) { place_fail(b, "scans are nested too deeply"); return; }
    if (b->depth + 1 > b->p->depth) b->p->depth = b->depth + 1;
    KStep *s = arena_new_of(b->p->arena, KStep);
    s->kind = K_SCAN;
    s->node = n;
    s->depth = b->depth;
    s->body[0] = arena_new_of(b->p->arena, KBlock);
    for (int i = 0; i < carried; i++) {
        KMem *m = own_frame(b, &n->arg[i]->type);
        int l = place_write_to(b, n->arg[i], m) + 1;
        level = l > level ? l : level;
        parameter(b, body->param[i], m);
        result_of(b, &n->result[i], s, m);
    }
    for (int i = carried; i < carried + stacked; i++) {
        KView v = stacked_view(b, n->arg[i], &level);
        parameter(b, body->param[i], slice_mem(b, &v, &body->param[i]->type, b->depth));
    }
    for (int i = carried + stacked; i < n->n_args; i++) close_over(b, body->param[i], n->arg[i], &level);
    s->level = level;
    array_push(b->p->arena, &b->block->steps, s);
    for (int i = 0; i < n->n_results; i++) kernel_value(b->p, &n->result[i])->level = level;

    Planner in = inside(b, s->body[0], n);
    in.depth = b->depth + 1;
    place_block(&in, body);
    IrVal *u = n->attr->until >= 0 ? body->param[n->attr->until] : NULL;
    if (u && plan_did(b->p, PLAN_until, true)) s->ended = kernel_value(b->p, u)->mem;
    for (int i = 0; i < body->n_yields; i++) {
        IrVal *v = body->yield[i];
        if (u) v = unless(&in, u, i < carried ? body->param[i] : NULL, v);
        if (i < carried) {
            KMem *next = own_frame(b, &v->type);
            place_write_to(&in, v, next);
            array_push(b->p->arena, &s->after, ((KCopy){.from = next, .to = kernel_value(b->p, &n->result[i])->mem}));
        } else {
            KMem *whole = own_frame(b, &n->result[i].type);
            result_of(b, &n->result[i], s, whole);
            array_push(b->p->arena, &s->stacks, whole);
            KView at = whole_view(whole);
            place_write_to(&in, v, slice_mem(b, &at, &v->type, b->depth));
        }
    }
    leave(b, &in, level);
}

void place_cond(Planner *b, IrNode *n)
{
    KStep *s = arena_new_of(b->p->arena, KStep);
    int level = 0;
    s->kind = K_COND;
    s->node = n;
    s->predicate = place_operand_memory(b, n->arg[0], &level);
    for (int k = 0; k < 2; k++)
        for (int i = 1; i < n->n_args; i++) close_over(b, n->body[k]->param[i - 1], n->arg[i], &level);
    s->level = level;
    array_push(b->p->arena, &b->block->steps, s);
    for (int i = 0; i < n->n_results; i++) result_of(b, &n->result[i], s, own_frame(b, &n->result[i].type));
    for (int k = 0; k < 2; k++) {
        s->body[k] = arena_new_of(b->p->arena, KBlock);
        Planner in = inside(b, s->body[k], n);
        place_block(&in, n->body[k]);
        for (int i = 0; i < n->n_results; i++)
            place_write_to(&in, n->body[k]->yield[i], kernel_value(b->p, &n->result[i])->mem);
        leave(b, &in, level);
    }
}
