/* tree_same.c - which values of a block are the same, though they are written twice. See tree.h.
 *
 * A program writes D(x) in two places, or a list of numbers by its name, and lowering makes it twice; what cancels or is a
 * square must be seen all the same. Values are numbered once, before anything is rewritten: equal rows of equal operands
 * get one number. Rewriting keeps values, so numbers stay true; what is new has none, and is compared by its rows. */
#include "compiler/opt/equal.h"
#include "compiler/opt/tree.h"

#include <string.h>

enum { MOST_DEPTH = 4 };

typedef struct Numbers {
    Walk *w;
    IrNode **at; /* open addressing, a power of two */
    unsigned mask;
} Numbers;

static const NodeInfo *info_of(const Walk *w, const IrVal *v)
{
    return v->def && v->def->block == w->b->block && v->def->n_results == 1 ? v->def->mark : NULL;
}

/* Other blocks' values, and those beside others, are nobody's equals. */
static uint32_t number_of(const Walk *w, const IrVal *v)
{
    const NodeInfo *i = info_of(w, v);
    return i && i->number ? i->number : v->id + 1;
}

/* A reshape that changes nothing stands around a value to differentiate by it, a stop with a slot for what the slot will be. A slot is
 * read, and numbers are drawn, at a time: two rows of one name may be of two statements. */
static bool is_unique(const Walk *w, const IrNode *n)
{
    bool wrt = n->op == IR_reshape && ir_dims_equal(&n->arg[0]->type, &n->result->type) && !w->last;
    return wrt || n->n_results != 1 || n->n_bodies || (ir_op_info[n->op].flags & IR_EFFECT) || n->op == IR_read ||
           n->attr->stream >= 0 || (n->op == IR_stop && n->attr->slot >= 0);
}

/* ---- numbers ---------------------------------------------------------------------------------------------------- */

static uint32_t number_in(const void *walk, const IrVal *v) { return number_of(walk, v); }

static bool same_operands(const Walk *w, const IrNode *a, const IrNode *b)
{
    bool same = true;
    for (int i = 0; i < a->n_args; i++) same = same && number_of(w, a->arg[i]) == number_of(w, b->arg[i]);
    if (same || !(ir_op_info[a->op].flags & IR_COMMUTES)) return same;
    return number_of(w, a->arg[0]) == number_of(w, b->arg[1]) && number_of(w, a->arg[1]) == number_of(w, b->arg[0]);
}

/* The first node that is equal to n. */
static const IrNode *first_equal(Numbers *t, IrNode *n)
{
    for (unsigned at = equal_hash_with(n, number_in, t->w);; at++) {
        IrNode **place = &t->at[at & t->mask];
        if (!*place) *place = n;
        if (*place == n || (equal_heads(*place, n) && same_operands(t->w, *place, n))) return *place;
    }
}

void tree_number(Walk *w)
{
    unsigned count = 0;
    Numbers t = {.w = w, .mask = 15};
    for (const IrNode *n = w->b->block->first; n; n = n->next) count++;
    while (t.mask < 2 * count) t.mask = 2 * t.mask + 1;
    t.at = arena_array(w->scratch, IrNode *, t.mask + 1);
    for (IrNode *n = w->b->block->first; n; n = n->next)
        if (n->n_results == 1) ((NodeInfo *)n->mark)->number = (is_unique(w, n) ? n : first_equal(&t, n))->result->id + 1;
}

/* ---- the question ----------------------------------------------------------------------------------------------- */

static bool same_value(const Walk *w, const IrVal *a, const IrVal *b, int depth)
{
    if (a == b) return true;
    const NodeInfo *i = info_of(w, a), *j = info_of(w, b);
    if (!i || !j || depth == MOST_DEPTH) return false;
    if (i->number && j->number) return i->number == j->number;
    const IrNode *n = a->def, *m = b->def;
    if (is_unique(w, n) || is_unique(w, m) || !equal_heads(n, m)) return false;
    bool same = true;
    for (int k = 0; k < n->n_args && same; k++) same = same_value(w, n->arg[k], m->arg[k], depth + 1);
    if (same || !(ir_op_info[n->op].flags & IR_COMMUTES)) return same;
    return same_value(w, n->arg[0], m->arg[1], depth + 1) && same_value(w, n->arg[1], m->arg[0], depth + 1);
}

bool tree_same_value(const Walk *w, const IrVal *a, const IrVal *b) { return same_value(w, a, b, 0); }
