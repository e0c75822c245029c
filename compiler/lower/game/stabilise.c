/* stabilise.c - numbers that would overflow or cancel are computed another way, in the graph of the whole schedule.
 *
 * It is done before the graph is cut, so that what one statement computed and another takes the logarithm of is one tree. A new node
 * belongs to the part it stands in; but what a new sum is made of belongs, with the sum, to the earliest part that has all of it: the log
 * of a sum that was kept needs the largest term and the scaled sum, which are two numbers, and not the terms. Start at graph_stabilise(). */
#include "compiler/lower/own/graph.h"
#include "compiler/opt/stabilise.h"

/* ---- what the parts want ---------------------------------------------------------------------------------------- */

typedef ARRAY(IrVal *) Roots;

static Roots roots_of(Lower *L, Arena *scratch)
{
    Roots all = {0};
    for (int i = 0; i < L->g->parts.n; i++) {
        const Part *p = L->g->parts.v[i];
        if (p->dropped) continue;
        for (int j = 0; j < p->reports.n; j++) array_push(scratch, &all, p->reports.v[j].val);
        for (int j = 0; j < p->keeps.n; j++) array_push(scratch, &all, p->keeps.v[j].made);
        for (int j = 0; j < p->commits.n; j++) array_push(scratch, &all, p->commits.v[j].val);
    }
    return all;
}

/* A commit's value is a node of the slot's own and stays that. */
static void take_roots(Lower *L, const Roots *all)
{
    for (int i = 0, at = 0; i < L->g->parts.n; i++) {
        Part *p = L->g->parts.v[i];
        if (p->dropped) continue;
        for (int j = 0; j < p->reports.n; j++) p->reports.v[j].val = all->v[at++];
        for (int j = 0; j < p->keeps.n; j++) p->keeps.v[j].made = all->v[at++];
        at += p->commits.n;
    }
}

/* ---- whose the new nodes are ------------------------------------------------------------------------------------ */

static bool is_new(const Lower *L, const IrVal *v) { return v->id >= L->g->remade_from; }

static void set_part(Lower *L, IrNode *n, Part *p)
{
    for (int i = 0; i < n->n_results; i++) L->g->remade[n->result[i].id - L->g->remade_from] = p;
}

/* Where they stand: new nodes stand before what they replace. */
static void take_place(Lower *L)
{
    Part *here = NULL;
    for (IrNode *n = L->graph->ir->body.last; n; n = n->prev)
        if (is_new(L, n->result)) set_part(L, n, here);
        else here = part_of(L, n->result);
}

/* Is v the same in every part: made of constants alone, or data? */
static bool is_anywhere(const Lower *L, const IrVal *v)
{
    return !v->def->n_args && (v->def->op != IR_read || L->m->slots.v[v->def->attr->slot].kind == IR_SLOT_DATA) && ir_op_info[v->def->op].klass != IR_CLASS_RAND;
}

/* The latest part that an operand is made by; NULL: one of them is a slot's value, as it is where n stands. */
static Part *earliest(const Lower *L, const IrNode *n)
{
    Part *latest = NULL;
    for (int i = 0; i < n->n_args; i++) {
        const IrVal *v = n->arg[i];
        if (is_anywhere(L, v)) continue;
        const Version *w = version_of(L, v);
        Part *p = w ? w->made : part_of(L, v);
        if (!p) return NULL;
        if (!latest || p->number > latest->number) latest = p;
    }
    return latest;
}

/* New nodes that reduce, and the new ones that they are made of: those that may go into an earlier part. */
static const bool *reduced(const Lower *L, Arena *scratch)
{
    bool *into = arena_array(scratch, bool, L->g->remade_until - L->g->remade_from + 1);
    for (const IrNode *n = L->graph->ir->body.last; n; n = n->prev) {
        if (!is_new(L, n->result)) continue;
        bool *own = &into[n->result->id - L->g->remade_from];
        IrClass at = ir_op_info[n->op].klass;
        *own = *own || at == IR_CLASS_FEAT || at == IR_CLASS_SAMP || at == IR_CLASS_CROSS;
        for (int i = 0; *own && i < n->n_args; i++)
            if (is_new(L, n->arg[i])) into[n->arg[i]->id - L->g->remade_from] = true;
    }
    return into;
}

static void take_parts(Lower *L, Arena *scratch)
{
    const bool *into = reduced(L, scratch);
    for (IrNode *n = L->graph->ir->body.first; n; n = n->next) {
        bool early = is_new(L, n->result) && into[n->result->id - L->g->remade_from];
        Part *p = early ? earliest(L, n) : NULL;
        if (p) set_part(L, n, p);
    }
}

void graph_stabilise(Lower *L)
{
    Arena *scratch = arena_new();
    Roots all = roots_of(L, scratch);
    L->g->remade_from = L->m->next_id;
    opt_stabilise_block(L->m, &L->graph->ir->body, all.v, all.n);
    L->g->remade_until = L->m->next_id;
    L->g->remade = arena_array(L->a, Part *, L->g->remade_until - L->g->remade_from + 1);
    take_roots(L, &all);
    take_place(L);
    take_parts(L, scratch);
    for (const IrNode *n = L->graph->ir->body.first; n; n = n->next)
        if (is_new(L, n->result)) graph_loop_home(L, n, L->g->remade_from);
    opt_stabilise(L->m, L->init->ir);
    arena_free(scratch);
}
