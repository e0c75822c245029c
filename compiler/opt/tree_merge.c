/* tree_merge.c - element-wise rows of a block that were written twice become one. See tree.h.
 *
 * Trees are written apart from each other, each with its own exp(T). Merged, what reaches T along both meets before it
 * is multiplied by exp(T), so that derivatives cancel as exactly as they did before. Nothing is removed: others may
 * hold on to a value. */
#include "compiler/opt/equal.h"
#include "compiler/opt/tree.h"

#include <string.h>

typedef struct Table {
    IrNode **at;
    unsigned mask;
} Table;

static unsigned mix(unsigned h, uint64_t x) { return (unsigned)(((h ^ x) * 0x9e3779b97f4a7c15u) >> 29); }

static unsigned hash_node(const IrNode *n)
{
    uint64_t bits;
    memcpy(&bits, &n->attr.value, sizeof bits);
    unsigned h = mix(n->op, bits);
    for (int i = 0; i < n->n_args; i++) h = mix(h, n->arg[i]->id);
    return mix(h, n->result->type.elem);
}

/* The equal node met before, or n, which is in the table then. */
static IrNode *first_of(Table *t, IrNode *n)
{
    for (unsigned at = hash_node(n);; at++) {
        IrNode **place = &t->at[at & t->mask], *m = *place;
        if (!m) return *place = n;
        if (equal_heads(m, n) && (n->n_args == 0 || !memcmp(m->arg, n->arg, sizeof *n->arg * (size_t)n->n_args)))
            return m;
    }
}

static bool may_merge(Walk *w, const IrNode *n)
{
    NodeInfo *i = n->n_results == 1 ? tree_info(w, n->result) : NULL;
    return i && !i->stays && ir_op_info[n->op].klass == IR_CLASS_MAP && !(ir_op_info[n->op].flags & IR_EFFECT);
}

IrVal *tree_merged(Walk *w, IrVal *v)
{
    NodeInfo *i = tree_info(w, v);
    return i && i->merged ? i->merged : v;
}

void tree_merge(Walk *w)
{
    unsigned count = 0;
    Table t;
    for (IrNode *n = w->b->block->first; n; n = n->next) count++;
    for (t.mask = 15; t.mask < 2 * count; t.mask = 2 * t.mask + 1) {
    }
    t.at = arena_array(w->scratch, IrNode *, t.mask + 1);
    for (IrNode *n = w->b->block->first; n; n = n->next) {
        for (int i = 0; i < n->n_args; i++) n->arg[i] = tree_merged(w, n->arg[i]);
        if (may_merge(w, n)) tree_info(w, n->result)->merged = first_of(&t, n)->result;
    }
}
