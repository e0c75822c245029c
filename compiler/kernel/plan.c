/* plan.c - from a function to its plan.
 *
 * In:  a verified function.   Out: steps of kernels with the memory they touch.
 * Idea: walk the live nodes in order and place each at once: its *level* (the earliest step after everything it needs),
 * then its kernel (the earliest one of its step that may hold it). Draws wait for their first user, so that they are made
 * in the loop that reads them. What a later kernel or step needs gets memory; the rest stays in registers.
 * Start at kernel_plan(), at the bottom. */
#include "compiler/kernel/place.h"
#include "base/bug.h"

#include <stdlib.h>

/* ---- the walk --------------------------------------------------------------------------------------------------- */

static IrNode *copied_operand(Planner *b, const IrNode *n, IrNode *own, int i)
{
    if (!own) {
        own = arena_copy(b->p->arena, n, sizeof *n);
        own->arg = arena_copy(b->p->arena, n->arg, sizeof *n->arg * 2);
    }
    own->arg[i] = place_copy(b, n->arg[i]);
    return own;
}

/* Does each number of its i-th operand serve many multiply-adds, so that a copy along these lanes is worth it? */
static bool is_worth_a_copy(const Planner *b, const IrNode *n, int i, int lane)
{
    enum { OFTEN = 8 };
    const IrType *t = &n->arg[i]->type;
    return (!t->axes.n || kernel_tile_axis(b->m, t->axes) == lane) && kernel_flops(b->m, n) >= OFTEN * (double)(ir_axes_size(b->m, t->axes) * ir_dims_size(t));
}

/* Could a product be a register tile, but for an operand that is no plain strides (an image that was scaled up, say)? */
static IrNode *with_plain_operands(Planner *b, IrNode *n, int lane)
{
    IrNode *own = NULL;
    for (int i = 0; i < 2; i++)
        if (!kernel_is_plain(b->p, n->arg[i]) && !kernel_source(b->p, n->arg[i], lane).broken && is_worth_a_copy(b, n, i, lane)) own = copied_operand(b, n, own, i);
    return own ? own : n;
}

/* Is it made along the lanes of another axis, so that what the product wants side by side is far apart? */
static bool lies_across(const Planner *b, const IrVal *v, int lane)
{
    KSources s = kernel_sources(b->p, v, lane);
    bool     across = false;
    for (int i = 0; i < s.n; i++) {
        int tile = s.v[i].root ? kernel_value(b->p, s.v[i].root)->tile : lane;
        if (s.v[i].broken) return false;
        across = across || (tile >= 0 && tile != lane);
    }
    return across;
}

/* A product of samples with numbers of their own: of rows of attention, say, that layers made row by row. */
static IrNode *with_own_lanes(Planner *b, IrNode *n, int lane)
{
    IrNode *own = NULL;
    for (int i = 0; i < 2; i++)
        if (lies_across(b, n->arg[i], lane) && is_worth_a_copy(b, n, i, lane)) own = copied_operand(b, n, own, i);
    return own ? own : n;
}

static IrNode *with_near_operands(Planner *b, IrNode *n)
{
    int lane = kernel_tile_axis(b->m, n->result[0].type.axes);
    if (n->n_args != 2 || place_first_axis(n, 0) >= 0 || !plan_takes(b->p, PLAN_tiles)) return n;
    bool first = lane >= 0 && ir_axes_has(n->arg[0]->type.axes, lane), second = lane >= 0 && ir_axes_has(n->arg[1]->type.axes, lane);
    if (first && second) return with_own_lanes(b, n, lane);
    return lane < 0 || first || second ? with_plain_operands(b, n, lane) : n;
}

static void place_contraction(Planner *b, IrNode *n)
{
    if (n->op == IR_dot && n->attr->form == IR_FORM_BLAS) { place_blas(b, n); return; }
    bool lanes = n->op == IR_dot && ir_dot_form(n) == IR_FORM_LANES;
    if (place_first_axis(n, 0) >= 0 && place_by_tiles(b, n) && (lanes || place_outer_fits(n)))
        place_tile_row(b, n);
    else if (place_has_few(b, n)) place_few(b, n);
    else place_alone(b, with_near_operands(b, n), K_CONTRACT);
}

void place_node(Planner *b, IrNode *n)
{
    KValue *v = kernel_value(b->p, &n->result[0]);
    if (v->placed || b->failed) return;
    switch (n->op) {
    case IR_uniform: case IR_normal: case IR_randint:
        plan_did(b->p, PLAN_late, true);
        place_alone(b, n, K_RANDOM);
        return;
    case IR_sum:
        if (n->attr->over.n && place_by_tiles(b, n)) place_sum_over(b, n);
        else place_alone(b, n, K_REDUCE);
        return;
    case IR_norm: case IR_reduce_max: case IR_argmax: place_alone(b, n, K_REDUCE); return;
    case IR_cumsum:  place_alone(b, n, K_CUMSUM); return;
    case IR_dot: case IR_conv: place_contraction(b, n); return;
    case IR_concat:  place_alone(b, n, K_CONCAT); return;
    case IR_argsort: place_alone(b, n, K_SORT); return;
    case IR_scatter_add:
        if (n->attr->over.n && place_by_tiles(b, n)) place_tile_row(b, n);
        else place_alone(b, n, K_SCATTER);
        return;
    case IR_cholesky: case IR_trisolve: case IR_solve: case IR_eigh: place_alone(b, n, K_OPAQUE); return;
    case IR_scan:    place_scan(b, n); return;
    case IR_cond:    place_cond(b, n); return;
    case IR_extern:  place_alone(b, n, K_EXTERN); return;
    default:
        if (!kernel_member(n)) BUG("plan: no place for %s", ir_op_info[n->op].name);
        place_member(b, n);
    }
}

void place_block(Planner *b, const IrBlock *from)
{
    for (IrNode *n = from->first; n && !b->failed; n = n->next) {
        if (kernel_inline(n) || kernel_remade(b->p, &n->result[0])) continue;
        bool live = ir_op_info[n->op].flags & IR_EFFECT;
        for (int i = 0; i < n->n_results; i++) live |= kernel_value(b->p, &n->result[i])->live;
        bool waits = ir_op_info[n->op].klass == IR_CLASS_RAND && plan_takes(b->p, PLAN_late);
        if (live && !waits) place_node(b, n);
    }
}

typedef struct Work { ARRAY(IrVal *) v; } Work;

/* Rows with an effect, and those around them. */
static void add_effects(const IrFn *f, Work *work, Arena *scratch)
{
    for (IrNode *n = f->body.first; n; n = ir_next(n))
        for (IrNode *o = n; o && ir_op_info[n->op].flags & IR_EFFECT; o = o->block->owner)
            for (int i = 0; i < o->n_results; i++) array_push(scratch, &work->v, &o->result[i]);
}

static void mark_live(KPlan *p, const IrFn *f, Arena *scratch)
{
    Work work = {0};
    add_effects(f, &work, scratch);
    for (int i = 0; i < f->commits.n; i++) array_push(scratch, &work.v, f->commits.v[i].val);
    for (int i = 0; i < f->reports.n; i++) array_push(scratch, &work.v, f->reports.v[i].val);
    while (work.v.n) {
        IrVal *v = work.v.v[--work.v.n];
        KValue *kv = kernel_value(p, v);
        if (kv->live) continue;
        kv->live = true;
        if (!v->def) continue;
        for (int i = 0; i < v->def->n_args; i++) array_push(scratch, &work.v, v->def->arg[i]);
        for (int k = 0; k < v->def->n_bodies; k++)
            for (int i = 0; i < v->def->body[k]->n_yields; i++) array_push(scratch, &work.v, v->def->body[k]->yield[i]);
    }
}

/* ---- results ---------------------------------------------------------------------------------------------------- */

static int by_slot(const void *a, const void *b) { return ((const Access *)a)->slot - ((const Access *)b)->slot; }

/* Of reads in the order of their slots, the first of this one. */
static int first_read(const Planner *b, int slot)
{
    int lo = 0, hi = b->reads.n;
    while (lo < hi) {
        int mid = (lo + hi) / 2;
        if (b->reads.v[mid].slot < slot) lo = mid + 1;
        else hi = mid;
    }
    return lo;
}

static const KKernel *kernel_now(const KKernel *k)
{
    while (k->merged) k = k->merged;
    return k;
}

/* A commit may go straight to its slot if nobody reads the old value later, or elsewhere at the same time. */
static bool may_overwrite(Planner *b, int slot, const KValue *v)
{
    for (int i = first_read(b, slot); i < b->reads.n && b->reads.v[i].slot == slot; i++) {
        const Access *a = &b->reads.v[i];
        if (a->level < v->level) continue;
        if (a->level > v->level || kernel_now(a->kernel) != v->kernel || !a->identity || a->inner) return false;
    }
    return true;
}

static void place_commits(Planner *b, const IrFn *f)
{
    IrVal **from = arena_array(b->scratch, IrVal *, f->commits.n + 1);
    for (int i = 0; i < f->commits.n; i++) {                /* every copy first: they read slots too */
        IrVal *v = kernel_resolve(b->p, f->commits.v[i].val);
        KValue *kv = kernel_value(b->p, v);
        bool inlined = v->def && kernel_inline(v->def);
        if (!inlined && place_waits(b, kv)) place_node(b, v->def);
        if (inlined || !kv->kernel || kv->kernel->kind != K_MAP || !place_here(b, kv)) v = place_copy(b, v);
        from[i] = v;
    }
    if (b->reads.n) qsort(b->reads.v, (size_t)b->reads.n, sizeof *b->reads.v, by_slot);
    for (int i = 0; i < f->commits.n; i++) {
        IrVal *v = from[i];
        int slot = f->commits.v[i].slot;
        KValue *kv = kernel_value(b->p, v);
        bool in_place = plan_did(b->p, PLAN_in_place, may_overwrite(b, slot, kv));
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
        KMem *m = v->type.axes.n ? place_row_major(b, v, &level) : kernel_mem(b->p, K_FRAME, &v->type, true);
        if (!v->type.axes.n) place_write_to(b, v, m);
        array_push(b->p->arena, &b->p->outs, ((KStore){v, m}));
    }
}

KPlan *kernel_plan(Arena *arena, const IrModule *m, const IrFn *f, PlanOptions options, KValues *values, char why[512])
{
    KPlan *p = arena_new_of(arena, KPlan);
    if (values->next_id < m->next_id) values->next_id = m->next_id;
    *p = (KPlan){.m = m, .options = options, .fn = f, .arena = arena, .slot = arena_array(arena, KMem *, m->slots.n + 1), .values = values};
    Planner b = {.p = p, .scratch = arena_new(), .m = m, .block = &p->top, .why = why};
    mark_live(p, f, b.scratch);
    kernel_remake(p, f);
    place_block(&b, &f->body);
    if (!b.failed) place_reports(&b, f);
    if (!b.failed) place_commits(&b, f);
    arena_free(b.scratch);
    if (b.failed) return NULL;
    place_sort_steps(&p->top);
    kernel_finish(p);
    kernel_waits(p);
    kernel_layout(p);
    return p;
}
