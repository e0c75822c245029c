/* cut.c - the graph of the schedule is cut into functions: one a part, of what the part leaves behind and no more.
 *
 * A part's roots are its results for the caller, the slots it sets, and what it keeps for others. A value that another part made is, in
 * this order: read from the slot that keeps it; read from the slot whose value it is here; made again, where that is free of cost
 * (constants, broadcasts) or the part is a whole one; else kept by the part that made it. Users stand behind makers, so parts are walked from the last to the first, and
 * what a part must keep is known when it is reached. Start at cut_program(). */
#include "compiler/lower/own/graph.h"
#include "compiler/opt/stabilise.h"

#include <stdlib.h>

typedef struct Cut {
    Lower    *L;
    Arena    *scratch;
    Part     *p;
    bool      late;                                         /* of a finished program: the other parts stay as they are */
    int      *kept;                                         /* by value id: 1 + the slot that keeps it */
    int      *seen;                                         /* by value id: the round of marking that reached it */
    bool     *fixed;                                        /* by value id: made of constants alone */
    int      *place;                                        /* by value id: of its node, in the graph */
    int       round;
    IrVal   **now;                                          /* by value id: in the function being made */
    uint32_t  n_ids;
    ARRAY(IrNode *) nodes;                                  /* to be made in this function */
    ARRAY(IrVal *)  todo;
    ARRAY(struct { IrVal *v; int slot; }) reads;            /* values that are read, and from where */
    bool      ok;
} Cut;

/* ---- where a value comes from ----------------------------------------------------------------------------------- */

static bool draws(const IrNode *n)
{
    if (ir_op_info[n->op].klass == IR_CLASS_RAND || n->op == IR_permute) return true;
    for (int i = 0; i < n->n_bodies; i++)
        for (const IrNode *k = n->body[i]->first; k; k = k->next)
            if (draws(k)) return true;
    return false;
}

/* Made again at no cost, or of nothing but numbers that the program names: who made them first is nobody's affair. */
static bool is_free(const Cut *k, const IrNode *n)
{
    return k->fixed[n->result[0].id] || n->op == IR_broadcast || n->op == IR_spread || n->op == IR_reshape || n->op == IR_stop;
}

static void find_fixed(Cut *k)
{
    int place = 0;
    for (const IrNode *n = k->L->graph->ir->body.first; n; n = n->next) {
        IrClass at = ir_op_info[n->op].klass;
        bool fixed = at == IR_CLASS_MAP || at == IR_CLASS_LAYOUT;
        for (int i = 0; i < n->n_args && fixed; i++) fixed = k->fixed[n->arg[i]->id];
        for (int i = 0; i < n->n_results; i++) k->fixed[n->result[i].id] = fixed, k->place[n->result[i].id] = place;
        place++;
    }
}

static bool is_wide(const IrVal *v) { return v->type.rank + v->type.axes.n > IR_MAX_RANK; }

static int keep(Cut *k, Part *by, IrVal *v)
{
    Lower *L = k->L;
    const char *path = strf(L, "kept.%s.%d", by->name, by->keeps.n + 1);
    if (is_wide(v)) {
        Diag *d = diag_error(L->diags, k->p->at, E205, "what another statement has computed has at most %d dimensions and sample axes together, and this uses one with more", IR_MAX_RANK);
        diag_note(d, span_of_node(L, v->def), "computed here");
        diag_hint(d, "a def computes it where it is used");
        k->ok = false;
        return -1;
    }
    int slot = part_keep(L, by, v, path, by->inside ? IR_SLOT_SCRATCH : IR_SLOT_STATE);
    k->kept[v->id] = 1 + slot;
    return slot;
}

static void out_of_reach(Cut *k, const IrVal *v)
{
    Diag *d = diag_error(k->L->diags, k->p->at, E113, "this needs a value that the program computed for another statement and did not keep");
    diag_note(d, span_of_node(k->L, v->def), "computed here");
    bool in_block = k->p->number < k->L->g->parts.n - 1;
    diag_hint(d, in_block ? "no later statement of the block needs it: one that does, as a report, keeps it" : "a report or a let of the program keeps it");
    k->ok = false;
}

/* A slot to read a version from: its own, where it is the slot's value; else the one that keeps it. */
static int source_version(Cut *k, IrVal *v, const Version *w)
{
    const Hidden *h = version_hidden(w, k->p->number);
    if (!h) return w->slot;
    if (k->kept[v->id]) return k->kept[v->id] - 1;
    if (k->late) return out_of_reach(k, v), -1;
    Part *keeper = w->made ? w->made : h->keeper;
    if (!keeper) BUG("cut: a value of %s that nobody can keep", k->L->m->slots.v[w->slot].path);
    return keep(k, keeper, v);
}

/* A slot to read v from, or -1: it is made in this function. */
static int source(Cut *k, IrVal *v)
{
    const Version *w = version_of(k->L, v);
    Part *by = w && w->tick ? w->tick : w && !w->made ? NULL : part_of(k->L, v);
    if (by == k->p) return w && w->tick ? w->slot : -1;
    if (w && !w->tick) return source_version(k, v, w);
    if (k->p->whole && !w && !draws(v->def)) return v->def->op == IR_read ? v->def->attr->slot : -1;
    if (k->kept[v->id] && by) return k->kept[v->id] - 1;
    if (!w && v->def->op == IR_read) return v->def->attr->slot;      /* of data */
    if (!w && is_free(k, v->def)) return -1;
    if (!k->late) return keep(k, by, v);
    if (w || draws(v->def)) out_of_reach(k, v);
    return -1;
}

/* A loop that another statement ran would draw as this statement draws, not as that one did: its draws are made there, and kept (lifted). */
static void own_draws(const Cut *k, const IrBlock *body)
{
    for (const IrNode *n = body->first; n; n = n->next) {
        bool foreign = ir_op_info[n->op].klass == IR_CLASS_RAND && k->L->g->stream_part.v[n->attr->stream] != k->p;
        if (foreign) BUG("cut: draws of %s in a loop of %s", k->L->m->streams.v[n->attr->stream], k->p->name);
        for (int b = 0; b < n->n_bodies; b++) own_draws(k, n->body[b]);
    }
}

/* ---- what a part needs ------------------------------------------------------------------------------------------ */

static void want(Cut *k, IrVal *v)
{
    if (k->seen[v->id] == k->round) return;
    k->seen[v->id] = k->round;
    array_push(k->scratch, &k->todo, v);
}

static void mark_node(Cut *k, IrNode *n)
{
    if (k->seen[n->result[0].id] == -k->round) return;      /* a node of several results is made once */
    k->seen[n->result[0].id] = -k->round;
    array_push(k->scratch, &k->nodes, n);
    for (int b = 0; b < n->n_bodies; b++) own_draws(k, n->body[b]);
    for (int i = 0; i < n->n_args; i++)
        if (k->seen[n->arg[i]->id] != -k->round) want(k, n->arg[i]);
}

static void mark(Cut *k)
{
    while (k->todo.n && k->ok) {
        IrVal *v = k->todo.v[--k->todo.n];
        if (!v->def) BUG("cut: a parameter of a body outside of it, in %s", k->p->name);
        int slot = source(k, v);
        if (slot >= 0) array_push(k->scratch, &k->reads, ((__typeof__(*k->reads.v)){v, slot}));
        else if (k->ok) mark_node(k, v->def);
    }
}

static void mark_part(Cut *k)
{
    const Part *p = k->p;
    k->round++;
    k->nodes.n = k->reads.n = 0;
    for (int i = 0; i < p->reports.n; i++) want(k, p->reports.v[i].val);
    for (int i = 0; i < p->commits.n; i++) want(k, p->commits.v[i].val);
    for (int i = 0; i < p->keeps.n; i++) want(k, p->keeps.v[i].made);
    mark(k);
}

/* ---- the function ----------------------------------------------------------------------------------------------- */

/* The functions' module has the axes, slots, streams and files of the graph's, under the same numbers. */
static void follow(IrModule *to, const IrModule *m)
{
    for (int i = to->axes.n; i < m->axes.n; i++) {
        int axis = ir_axis(to, m->axes.v[i].name, m->axes.v[i].extent);
        to->axes.v[axis].called = arena_str(to->arena, m->axes.v[i].called);
        to->axes.v[axis].samples = m->axes.v[i].samples;
    }
    for (int i = to->streams.n; i < m->streams.n; i++) ir_stream(to, m->streams.v[i]);
    for (int i = to->files.n; i < m->files.n; i++) array_push(to->arena, &to->files, m->files.v[i]);
    for (int i = to->places.n; i < m->places.n; i++) array_push(to->arena, &to->places, m->places.v[i]);
    for (int i = to->slots.n; i < m->slots.n; i++) {
        const IrSlot *s = &m->slots.v[i];
        ir_slot(to, s->path, s->type, s->kind, s->player);
    }
}

static int by_place(const void *a, const void *b, void *cut)
{
    const int *place = ((const Cut *)cut)->place;
    return place[(*(IrNode *const *)a)->result[0].id] - place[(*(IrNode *const *)b)->result[0].id];
}

static IrNode *copy_node(Cut *k, IrBuilder *b, const IrNode *n)
{
    IrVal **arg = arena_array(k->scratch, IrVal *, n->n_args + 1);
    for (int i = 0; i < n->n_args; i++) arg[i] = k->now[n->arg[i]->id];
    b->span = n->span;
    b->why = n->why;
    if (!n->n_bodies) return ir_like(b, n, arg);
    IrBlock *yes = ir_copy_block(b->m, n->body[0]);
    if (n->op == IR_scan) return ir_scan_node(b, n->attr->n, n->attr->carried, n->attr->stacked, n->attr->until, arg, n->n_args, yes);
    return ir_cond_node(b, arg, n->n_args, yes, ir_copy_block(b->m, n->body[1]));
}

static void copy_reads(Cut *k, IrBuilder *b)
{
    for (int i = 0; i < k->reads.n; i++) {
        const IrVal *v = k->reads.v[i].v;
        if (v->def) b->span = v->def->span;
        IrVal *t = ir_read(b, k->reads.v[i].slot);
        bool kept = t->type.rank != v->type.rank;           /* axes first */
        for (int a = 0; kept && a < v->type.axes.n; a++) t = ir_as_sample(b, t, v->type.axes.id[a]);
        ir_name_as(t, v);
        k->now[v->id] = t;
    }
}

static void copy_results(Cut *k, const IrNode *n, const IrNode *copy)
{
    for (int i = 0; i < n->n_results; i++) {
        k->now[n->result[i].id] = &((IrNode *)copy)->result[i];
        ir_name_as(&((IrNode *)copy)->result[i], &n->result[i]);
    }
}

static IrVal *stacked(IrBuilder *b, IrVal *v)
{
    for (int i = v->type.axes.n; i-- > 0;) v = ir_as_feature(b, v, v->type.axes.id[i]);
    return v;
}

static void finish_part(Cut *k, IrFn *f, IrBuilder *b)
{
    Part *p = k->p;
    for (int i = 0; i < p->players.n; i++) array_push(b->m->arena, &f->players, p->players.v[i]);
    for (int i = 0; i < p->reports.n; i++) {
        ir_report(b->m, f, p->reports.v[i].name, k->now[p->reports.v[i].val->id]);
        f->reports.v[f->reports.n - 1].slope_of = p->reports.v[i].slope_of;
        f->reports.v[f->reports.n - 1].uphill = p->reports.v[i].uphill;
    }
    for (int i = 0; i < p->commits.n; i++) ir_commit(b->m, f, p->commits.v[i].slot, k->now[p->commits.v[i].val->id]);
    for (int i = 0; i < p->keeps.n; i++) ir_commit(b->m, f, p->keeps.v[i].slot, stacked(b, k->now[p->keeps.v[i].made->id]));
    if (p->tick_slot < 0) return;
    f->tick_slot = p->tick_slot;
    ir_commit(b->m, f, p->tick_slot, ir_add(b, ir_read(b, p->tick_slot), ir_const(b, IR_I64, 1)));
}

static void make_part(Cut *k)
{
    Lower *L = k->L;
    Part *p = k->p;
    follow(L->out, L->m);
    IrFn *f = ir_fn(L->out, p->name, p->kind);
    p->fn = L->out->fns.n - 1;
    IrBuilder b = {.m = L->out, .block = &f->body};
    if (k->nodes.n) qsort_r(k->nodes.v, (size_t)k->nodes.n, sizeof *k->nodes.v, by_place, k);
    copy_reads(k, &b);
    for (int i = 0; i < k->nodes.n; i++) copy_results(k, k->nodes.v[i], copy_node(k, &b, k->nodes.v[i]));
    b.span = (IrSpan){0};
    finish_part(k, f, &b);
}

/* The first function of all, again when something that was added has initial values, too. */
static void make_init(Cut *k)
{
    Lower *L = k->L;
    const IrFn *from = L->init->ir;
    IrFn *f = L->out->fns.v[0];
    IrBuilder b = {.m = L->out, .block = &f->body};
    if (f->commits.n && f->commits.n == from->commits.n) return;
    follow(L->out, L->m);
    for (int i = 0; i < f->commits.n; i++) L->out->slots.v[f->commits.v[i].slot].committed = NULL;
    f->body = (IrBlock){0};
    f->commits.n = 0;
    for (const IrNode *n = from->body.first; n; n = n->next) copy_results(k, n, copy_node(k, &b, n));
    for (int i = 0; i < from->commits.n; i++) ir_commit(L->out, f, from->commits.v[i].slot, k->now[from->commits.v[i].val->id]);
}

/* ---- the program ------------------------------------------------------------------------------------------------ */

static bool has_work(const Part *p) { return !p->dropped && (p->reports.n || p->commits.n || p->keeps.n); }

/* late: a part of a finished program; NULL: it is the program's parts that are cut. */
static Cut cut_begin(Lower *L, Part *late)
{
    Cut k = {.L = L, .scratch = arena_new(), .p = late, .late = late, .n_ids = L->m->next_id, .ok = true};
    k.kept = arena_array(k.scratch, int, k.n_ids + 1);
    k.seen = arena_array(k.scratch, int, k.n_ids + 1);
    k.now = arena_array(k.scratch, IrVal *, k.n_ids + 1);
    k.fixed = arena_array(k.scratch, bool, k.n_ids + 1);
    k.place = arena_array(k.scratch, int, k.n_ids + 1);
    find_fixed(&k);
    for (int i = L->g->parts.n; i-- > 0;) {                 /* the first to keep a value counts */
        if (late && L->g->parts.v[i]->inside && L->g->parts.v[i]->number >= late->number) continue;         /* where the part stands it has not */
        for (int j = 0; j < L->g->parts.v[i]->keeps.n; j++) {
            const Keep *kept = &L->g->parts.v[i]->keeps.v[j];
            if (!kept->required) k.kept[kept->v->id] = k.kept[kept->made->id] = 1 + kept->slot;   /* what is required may be of another statement */
        }
    }
    return k;
}

/* A call of nothing is no statement. */
static void prune(GanSchedule *n)
{
    int kept = 0;
    for (int i = 0; i < n->n_kids; i++) {
        if (n->kid[i]->kind == GAN_CALL && n->kid[i]->fn < 0) continue;
        prune(n->kid[i]);
        n->kid[kept++] = n->kid[i];
    }
    n->n_kids = kept;
}

static void find_keepers(Cut *k)
{
    for (int i = k->L->g->parts.n; i-- > 0 && k->ok;) {
        k->p = k->L->g->parts.v[i];
        if (has_work(k->p)) mark_part(k);
    }
}

bool cut_is_wide(const Lower *L)
{
    for (const IrNode *n = L->graph->ir->body.first; n; n = n->next)
        for (int i = 0; i < n->n_results; i++)
            if (is_wide(&n->result[i])) return true;
    return false;
}

bool cut_fits(Lower *L)
{
    Cut k = cut_begin(L, NULL);
    find_keepers(&k);
    arena_free(k.scratch);
    return k.ok;
}

bool cut_program(Lower *L)
{
    Cut k = cut_begin(L, NULL);
    find_keepers(&k);
    for (int i = 0; i < L->g->parts.n && k.ok; i++) {
        k.p = L->g->parts.v[i];
        if (!has_work(k.p)) continue;
        mark_part(&k);
        if (!k.ok) break;
        make_part(&k);
        for (int j = 0; j < k.p->nodes.n; j++) k.p->nodes.v[j]->fn = k.p->fn;
    }
    if (k.ok) make_init(&k);
    if (k.ok) prune(L->root);
    arena_free(k.scratch);
    return k.ok;
}

bool cut_part(Lower *L, Part *p)
{
    Cut k = cut_begin(L, p);
    mark_part(&k);
    if (k.ok) make_init(&k);
    if (k.ok) make_part(&k);
    if (k.ok) opt_stabilise(L->out, L->out->fns.v[p->fn]);
    arena_free(k.scratch);
    return k.ok;
}
