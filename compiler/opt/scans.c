/* scans.c - scans of the same iterations become one that gives the results of both.
 *
 * A gradient runs a scan again for the values that go into its iterations. When every row of the later body stands in the earlier one,
 * and what they carry is the same, the earlier scan yields what the later one did, and the later one goes. Start at opt_scans(). */
#include "compiler/opt/equal.h"
#include "compiler/opt/pass.h"

#include <string.h>

typedef struct {
    IrModule *m;
    Arena    *scratch;
    uint32_t *number;                                       /* by value id: for equal.h */
    IrVal   **at;                                           /* by place: the earlier body's value */
    IrVal   **to;                                           /* by value id: what takes a result's place */
    uint32_t  ids;
} Scans;

/* ---- is the later one in the earlier one? ----------------------------------------------------------------------- */

static bool same_loop(const IrNode *a, const IrNode *b)
{
    const IrAttrs *x = a->attr, *y = b->attr;
    return x->n == y->n && x->carried == y->carried && x->stacked == y->stacked && x->until == y->until && a->n_args == b->n_args &&
           (a->n_args == 0 || !memcmp(a->arg, b->arg, sizeof *a->arg * (size_t)a->n_args));
}

static void place(Scans *s, IrVal *a, IrVal *b, uint32_t where)
{
    s->number[a->id] = where;
    if (b) s->number[b->id] = where;
    s->at[where] = a;
}

/* Goes through both bodies in order; rows only the earlier one has are passed over. */
static bool is_contained(Scans *s, const IrBlock *a, const IrBlock *b)
{
    uint32_t where = 1;
    for (int i = 0; i < a->n_params; i++) place(s, a->param[i], b->param[i], where++);
    const IrNode *y = b->first;
    for (const IrNode *x = a->first; x; x = x->next) {
        bool met = y && equal_inside(s->number, x, y);
        for (int i = 0; i < x->n_results; i++) place(s, &x->result[i], met ? &y->result[i] : NULL, where++);
        if (met) y = y->next;
    }
    return !y;
}

/* ---- merging ---------------------------------------------------------------------------------------------------- */

/* The output of the earlier scan that stacks v, added if there is none. */
static int output_of(int carried, IrVal *v, IrVal **yields, int *n)
{
    for (int i = carried; i < *n; i++)
        if (yields[i] == v) return i;
    yields[*n] = v;
    return (*n)++;
}

/* Results are an array of the node: a longer one is another array, so all of them move. */
static void give_results(Scans *s, IrNode *a, const IrNode *b, const int *index_of, int n)
{
    IrVal *results = arena_array(s->m->arena, IrVal, n);
    for (int i = 0; i < n; i++) results[i] = (IrVal){.def = a, .index = i, .id = s->m->next_id++};
    for (int i = 0; i < b->n_results; i++) {
        results[index_of[i]].type = b->result[i].type;
        ir_name_as(&results[index_of[i]], &b->result[i]);
        s->to[b->result[i].id] = &results[index_of[i]];
    }
    for (int i = 0; i < a->n_results; i++) {
        results[i].type = a->result[i].type;
        results[i].hint = a->result[i].hint;
        results[i].called = a->result[i].called;
        s->to[a->result[i].id] = &results[i];
    }
    a->result = results;
    a->n_results = n;
}

static bool merge(Scans *s, IrNode *a, IrNode *b)
{
    IrBlock *body = a->body[0];
    int carried = a->attr->carried, n = body->n_yields;
    if (!same_loop(a, b) || !is_contained(s, body, b->body[0])) return false;
    if (!equal_places(s->number, body->yield, b->body[0]->yield, carried)) return false;
    IrVal **yields = arena_array(s->m->arena, IrVal *, n + b->n_results);
    int *index_of = arena_array(s->scratch, int, b->n_results);
    if (n) memcpy(yields, body->yield, sizeof *yields * (size_t)n);
    for (int i = 0; i < b->n_results; i++)
        index_of[i] = i < carried ? i : output_of(carried, s->at[s->number[b->body[0]->yield[i]->id]], yields, &n);
    body->yield = yields;
    body->n_yields = n;
    give_results(s, a, b, index_of, n);
    ir_remove(b);
    return true;
}

/* ---- the walk --------------------------------------------------------------------------------------------------- */

static bool is_new(const Scans *s, const IrNode *n) { return n->n_results && n->result->id >= s->ids; }

/* One merge a scan and run: its results are new then, and have no place in the map. Bodies after the block they stand in, so that what is
 * compared has not moved. */
static void merge_in_block(Scans *s, IrBlock *block)
{
    for (IrNode *b = block->first, *next; b; b = next) {
        next = b->next;
        bool merged = false;
        for (IrNode *a = block->first; a != b && b->op == IR_scan && !merged; a = a->next)
            merged = a->op == IR_scan && !is_new(s, a) && merge(s, a, b);
    }
    for (IrNode *n = block->first; n; n = n->next)
        for (int i = 0; i < n->n_bodies; i++) merge_in_block(s, n->body[i]);
}

void opt_scans(IrModule *m, IrFn *f)
{
    Scans s = {.m = m, .scratch = arena_new(), .ids = m->next_id};
    s.number = arena_array(s.scratch, uint32_t, s.ids + 1);
    s.at = arena_array(s.scratch, IrVal *, s.ids + 1);
    s.to = arena_array(s.scratch, IrVal *, s.ids + 1);
    merge_in_block(&s, &f->body);
    ir_replace_by_map(f, s.to, s.ids);
    arena_free(s.scratch);
}
