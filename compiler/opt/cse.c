/* cse.c - what is computed twice is computed once.
 *
 * Value numbering, block by block: two nodes are equal if operation, attributes, types and operands are (operands in either order where
 * they commute), and so are the bodies. Draws merge by their key like everything else, reads because a slot has one value
 * at entry; what has an effect never does. Start at opt_cse(). */
#include "compiler/opt/equal.h"
#include "compiler/opt/pass.h"

#include <string.h>

typedef struct {
    IrModule *m;
    Arena    *scratch;
    IrNode  **table;                                        /* of the running block; open addressing, a power of two */
    unsigned  mask;
    uint32_t *number;                                       /* by value id: for equal.h */
} Cse;

/* ---- the table -------------------------------------------------------------------------------------------------- */

static bool operands_equal(const IrNode *a, const IrNode *b)
{
    if ((ir_op_info[a->op].flags & IR_COMMUTES) && a->arg[0] == b->arg[1] && a->arg[1] == b->arg[0]) return true;
    return a->n_args == 0 || !memcmp(a->arg, b->arg, sizeof *a->arg * (size_t)a->n_args);
}

static bool node_equal(Cse *c, const IrNode *a, const IrNode *b)
{
    return equal_heads(a, b) && operands_equal(a, b) && equal_bodies(c->number, a, b);
}

static uint32_t id_of(const void *self, const IrVal *v)
{
    (void)self;
    return v->id;
}

/* The equal node met before, or NULL; then n is in the table. */
static IrNode *earlier(Cse *c, IrNode *n)
{
    for (unsigned at = equal_hash_with(n, id_of, NULL);; at++) {
        IrNode **place = &c->table[at & c->mask];
        if (!*place) {
            *place = n;
            return NULL;
        }
        if (node_equal(c, *place, n)) return *place;
    }
}

/* ---- the walk --------------------------------------------------------------------------------------------------- */

/* A replaced node's mark is the node that stands for it. */
static IrVal *current(IrVal *v)
{
    if (!v->def || !v->def->mark) return v;
    return &((IrNode *)v->def->mark)->result[v->index];
}

static void current_all(IrVal **list, int n)
{
    for (int i = 0; i < n; i++) list[i] = current(list[i]);
}

static void merge_block(Cse *c, IrBlock *b);

static void merge_bodies(const Cse *c, IrNode *n)
{
    for (int i = 0; i < n->n_bodies; i++) {
        Cse inner = {.m = c->m, .scratch = c->scratch, .number = c->number};
        merge_block(&inner, n->body[i]);
    }
}

static void merge_block(Cse *c, IrBlock *b)
{
    unsigned count = 0;
    for (IrNode *n = b->first; n; n = n->next) count++;
    for (c->mask = 15; c->mask < 2 * count; c->mask = 2 * c->mask + 1) {}
    c->table = arena_array(c->scratch, IrNode *, c->mask + 1);
    for (IrNode *n = b->first, *next; n; n = next) {
        next = n->next;
        current_all(n->arg, n->n_args);
        merge_bodies(c, n);
        IrNode *same = ir_op_info[n->op].flags & IR_EFFECT ? NULL : earlier(c, n);
        n->mark = same;
        if (same) ir_remove(n);
    }
    current_all(b->yield, b->n_yields);
}

void opt_cse(IrModule *m, IrFn *f)
{
    Cse c = {.m = m, .scratch = arena_new()};
    c.number = arena_array(c.scratch, uint32_t, m->next_id + 1);
    merge_block(&c, &f->body);
    for (int i = 0; i < f->commits.n; i++) f->commits.v[i].val = current(f->commits.v[i].val);
    for (int i = 0; i < f->reports.n; i++) f->reports.v[i].val = current(f->reports.v[i].val);
    arena_free(c.scratch);
}
