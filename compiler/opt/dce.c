/* dce.c - what nothing uses goes: nodes, and of scans and conds the results and operands too.
 *
 * A value is live if a commit, a report or an effect needs it. Liveness is found backwards, through bodies as well: a carried value of a
 * scan lives if its last state is used, or what lives in the body uses it. Start at opt_dce(). */
#include "compiler/opt/pass.h"

typedef struct {
    IrModule *m;
    Arena    *scratch;
    bool     *live;                                         /* by value id */
    ARRAY(IrVal *) todo;
} Dce;

/* ---- liveness --------------------------------------------------------------------------------------------------- */

static void need(Dce *d, IrVal *v)
{
    if (d->live[v->id]) return;
    d->live[v->id] = true;
    array_push(d->scratch, &d->todo, v);
}

static void need_all(Dce *d, IrVal *const *list, int n)
{
    for (int i = 0; i < n; i++) need(d, list[i]);
}

/* One result of a scan or cond: what its bodies yield there. A carried value is used by the next iteration. */
static void need_yields(Dce *d, const IrNode *n, int result)
{
    for (int i = 0; i < n->n_bodies; i++) need(d, n->body[i]->yield[result]);
    if (n->op == IR_cond) need(d, n->arg[0]);
    if (n->op != IR_scan) return;
    if (result < n->attr->carried) need(d, n->body[0]->param[result]);
    if (n->attr->until >= 0) need(d, n->body[0]->param[n->attr->until]);
}

static void need_param(Dce *d, const IrVal *p)
{
    const IrNode *owner = p->param_of->owner;
    need(d, owner->arg[p->index + (owner->op == IR_cond)]);
    for (int i = 0; owner->op == IR_cond && i < 2; i++) need(d, owner->body[i]->param[p->index]);
    if (owner->op == IR_scan && p->index < owner->attr->carried) need(d, &owner->result[p->index]);
}

static void drain(Dce *d)
{
    while (d->todo.n) {
        IrVal *v = d->todo.v[--d->todo.n];
        if (!v->def) need_param(d, v);
        else if (v->def->n_bodies) need_yields(d, v->def, v->index);
        else need_all(d, v->def->arg, v->def->n_args);
    }
}

/* An effect needs its operands, and so does every row around it. */
static void need_effects(Dce *d, IrFn *f)
{
    for (IrNode *n = f->body.first; n; n = ir_next(n)) {
        if (!(ir_op_info[n->op].flags & IR_EFFECT)) continue;
        need_all(d, n->arg, n->n_args);
        for (const IrNode *o = n->block->owner; o; o = o->block->owner) {
            if (o->op == IR_cond) need(d, o->arg[0]);
            for (int i = 0; i < o->n_results; i++) need(d, &o->result[i]);
        }
    }
}

static bool any_live(const Dce *d, const IrNode *n)
{
    for (int i = 0; i < n->n_results; i++)
        if (d->live[n->result[i].id]) return true;
    return false;
}

static bool has_effect(const IrNode *n)
{
    if (ir_op_info[n->op].flags & IR_EFFECT) return true;
    for (int i = 0; i < n->n_bodies; i++)
        for (const IrNode *x = n->body[i]->first; x; x = x->next)
            if (has_effect(x)) return true;
    return false;
}

/* ---- removing --------------------------------------------------------------------------------------------------- */

/* Keeps of a list what has a live value beside it; how many that are. */
static int keep_live(const Dce *d, IrVal **list, IrVal *const *beside, int n)
{
    int kept = 0;
    for (int i = 0; i < n; i++)
        if (d->live[beside[i]->id]) list[kept++] = list[i];
    return kept;
}

static int live_among(const Dce *d, IrVal *const *list, int from, int to)
{
    int n = 0;
    for (int i = from; i < to; i++) n += d->live[list[i]->id];
    return n;
}

static void trim_params(const Dce *d, IrNode *n)
{
    int first = n->op == IR_cond, n_params = n->body[0]->n_params;
    if (n->op == IR_scan) {
        const IrAttrs *old = n->attr;
        IrAttrs        at = *old;
        at.carried = live_among(d, n->body[0]->param, 0, old->carried);
        at.stacked = live_among(d, n->body[0]->param, old->carried, old->carried + old->stacked);
        if (old->until >= 0) at.until = live_among(d, n->body[0]->param, 0, old->until);
        ir_set_attrs(d->m, n, &at);
    }
    n->n_args = first + keep_live(d, n->arg + first, n->body[0]->param, n_params);
    for (int i = n->n_bodies - 1; i >= 0; i--) {
        IrBlock *b = n->body[i];
        b->n_params = keep_live(d, b->param, b->param, n_params);
        for (int j = 0; j < b->n_params; j++) b->param[j]->index = j;
    }
}

/* Results are an array of the node, so a shorter one is another array: the live values move, by a map from id to value. */
static void trim_results(Dce *d, IrNode *n, IrVal **moved)
{
    IrVal **results = arena_array(d->scratch, IrVal *, n->n_results);
    for (int i = 0; i < n->n_results; i++) results[i] = &n->result[i];
    for (int i = 0; i < n->n_bodies; i++) n->body[i]->n_yields = keep_live(d, n->body[i]->yield, results, n->n_results);
    int kept = keep_live(d, results, results, n->n_results);
    IrVal *shorter = arena_array(d->m->arena, IrVal, kept);
    for (int i = 0; i < kept; i++) {
        shorter[i] = *results[i];
        shorter[i].index = i;
        shorter[i].id = d->m->next_id++;
        moved[results[i]->id] = &shorter[i];
    }
    n->result = shorter;
    n->n_results = kept;
}

static bool is_all_live(const Dce *d, const IrNode *n)
{
    for (int i = 0; i < n->n_results; i++)
        if (!d->live[n->result[i].id]) return false;
    return live_among(d, n->body[0]->param, 0, n->body[0]->n_params) == n->body[0]->n_params;
}

static void sweep(Dce *d, IrBlock *b, IrVal **moved)
{
    for (IrNode *n = b->first, *next; n; n = next) {
        next = n->next;
        if (!any_live(d, n) && !has_effect(n)) {
            ir_remove(n);
            continue;
        }
        for (int i = 0; i < n->n_bodies; i++) sweep(d, n->body[i], moved);
        if (!n->n_bodies || is_all_live(d, n)) continue;
        trim_results(d, n, moved);                          /* before the parameters: it asks which results live */
        trim_params(d, n);
    }
}

void opt_dce(IrModule *m, IrFn *f)
{
    Dce d = {.m = m, .scratch = arena_new()};
    uint32_t ids = m->next_id;
    d.live = arena_array(d.scratch, bool, ids + 1);
    IrVal **moved = arena_array(d.scratch, IrVal *, ids + 1);
    for (int i = 0; i < f->commits.n; i++) need(&d, f->commits.v[i].val);
    for (int i = 0; i < f->reports.n; i++) need(&d, f->reports.v[i].val);
    need_effects(&d, f);
    drain(&d);
    sweep(&d, &f->body, moved);
    ir_replace_by_map(f, moved, ids);
    arena_free(d.scratch);
}
