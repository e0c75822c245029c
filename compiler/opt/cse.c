/* cse.c - what is computed twice is computed once.
 *
 * Value numbering, block by block: two nodes are equal if operation, attributes, types and operands are (operands in either order where
 * they commute), and so are the bodies. Draws merge by their key like everything else, reads because a slot has one value
 * at entry; what has an effect never does. Start at opt_cse(). */
#include "compiler/opt/pass.h"

#include "compiler/ir/words.h"

#include <string.h>

typedef struct {
    IrModule *m;
    Arena    *scratch;
    IrNode  **table;                                        /* of the running block; open addressing, a power of two */
    unsigned  mask;
    uint32_t *number;                                       /* by value id: the place in a body, when two bodies are compared */
} Cse;

/* ---- equal attributes ------------------------------------------------------------------------------------------- */

static bool ints_equal(const IrInts *a, const IrInts *b) { return a->n == b->n && !memcmp(a->v, b->v, sizeof *a->v * a->n); }

static bool pairs_equal(const IrPairs *a, const IrPairs *b)
{
    return a->n == b->n && !memcmp(a->a, b->a, a->n) && !memcmp(a->b, b->b, a->n);
}

static bool windows_equal(const IrAttrs *a, const IrAttrs *b)
{
    if (a->n_windows != b->n_windows) return false;
    for (int i = 0; i < a->n_windows; i++) {
        const IrWindow *v = &a->windows[i], *w = &b->windows[i];
        if (v->a != w->a || v->b != w->b || v->stride != w->stride || v->dil_a != w->dil_a || v->dil_b != w->dil_b || v->lo != w->lo || v->hi != w->hi)
            return false;
    }
    return true;
}

static bool pair_axes_equal(const IrNode *a, const IrNode *b)
{
    if (!a->attr.pair_over || !b->attr.pair_over) return a->attr.pair_over == b->attr.pair_over;
    for (int i = 0; i < a->n_args / 2; i++)
        if (!ir_axes_equal(a->attr.pair_over[i], b->attr.pair_over[i])) return false;
    return true;
}

static bool attr_equal(const IrNode *a, const IrNode *b, IrAttrKey key)
{
    const IrAttrInfo *info = &ir_attr_info[key];
    const void *x = (const char *)&a->attr + info->at, *y = (const char *)&b->attr + info->at;
    switch (info->kind) {
    case ATTR_NUMBER: return !memcmp(x, y, sizeof(double)) && a->attr.n == b->attr.n;
    case ATTR_ELEM: return a->attr.elem == b->attr.elem;
    case ATTR_COMPARE: return a->attr.compare == b->attr.compare;
    case ATTR_FORM: return a->attr.form == b->attr.form;
    case ATTR_INT:
    case ATTR_GROUP:
    case ATTR_AXIS:
    case ATTR_SLOT:
    case ATTR_STREAM: return *(const int *)x == *(const int *)y;
    case ATTR_INT64: return *(const int64_t *)x == *(const int64_t *)y;
    case ATTR_BATCH: return a->attr.n_batch == b->attr.n_batch && pairs_equal(&a->attr.batch, &b->attr.batch);
    case ATTR_PAIRS: return pairs_equal(x, y);
    case ATTR_WINDOWS: return windows_equal(&a->attr, &b->attr);
    case ATTR_AXES: return ir_axes_equal(*(const IrAxes *)x, *(const IrAxes *)y);
    case ATTR_PAIR_AXES: return pair_axes_equal(a, b);
    case ATTR_INTS: return ints_equal(x, y);
    case ATTR_FLAG: return *(const bool *)x == *(const bool *)y;
    case ATTR_STRING: return !strcmp(a->attr.symbol ? a->attr.symbol : "", b->attr.symbol ? b->attr.symbol : "");
    }
    return false;
}

/* All that makes a node but its operands and bodies. */
static bool head_equal(const IrNode *a, const IrNode *b)
{
    IrAttrKey keys[IR_ATTR_COUNT];
    if (a->op != b->op || a->n_args != b->n_args || a->n_results != b->n_results || a->n_bodies != b->n_bodies) return false;
    for (int i = 0; i < a->n_results; i++)
        if (!ir_type_equal(&a->result[i].type, &b->result[i].type)) return false;
    for (int i = ir_attr_keys(a->op, keys); i > 0; i--)
        if (!attr_equal(a, b, keys[i - 1])) return false;
    return true;
}

/* ---- equal bodies ----------------------------------------------------------------------------------------------- */

static bool block_equal(Cse *c, const IrBlock *a, const IrBlock *b);

/* Values of the two bodies that were met at the same place. */
static bool same_place(const Cse *c, IrVal *const *a, IrVal *const *b, int n)
{
    for (int i = 0; i < n; i++)
        if (c->number[a[i]->id] != c->number[b[i]->id]) return false;
    return true;
}

static bool inner_equal(Cse *c, const IrNode *a, const IrNode *b)
{
    if (!head_equal(a, b) || !same_place(c, a->arg, b->arg, a->n_args) || (ir_op_info[a->op].flags & IR_EFFECT)) return false;
    for (int i = 0; i < a->n_bodies; i++)
        if (!block_equal(c, a->body[i], b->body[i])) return false;
    return true;
}

static bool block_equal(Cse *c, const IrBlock *a, const IrBlock *b)
{
    uint32_t place = 1;
    if (a->n_params != b->n_params || a->n_yields != b->n_yields) return false;
    for (int i = 0; i < a->n_params; i++) {
        if (!ir_type_equal(&a->param[i]->type, &b->param[i]->type)) return false;
        c->number[a->param[i]->id] = c->number[b->param[i]->id] = place++;
    }
    const IrNode *x = a->first, *y = b->first;
    for (; x && y; x = x->next, y = y->next) {
        if (!inner_equal(c, x, y)) return false;
        for (int i = 0; i < x->n_results; i++) c->number[x->result[i].id] = c->number[y->result[i].id] = place++;
    }
    return !x && !y && same_place(c, a->yield, b->yield, a->n_yields);
}

/* ---- the table -------------------------------------------------------------------------------------------------- */

static bool operands_equal(const IrNode *a, const IrNode *b)
{
    if ((ir_op_info[a->op].flags & IR_COMMUTES) && a->arg[0] == b->arg[1] && a->arg[1] == b->arg[0]) return true;
    return a->n_args == 0 || !memcmp(a->arg, b->arg, sizeof *a->arg * (size_t)a->n_args);
}

static bool node_equal(Cse *c, const IrNode *a, const IrNode *b)
{
    if (!head_equal(a, b) || !operands_equal(a, b)) return false;
    for (int i = 0; i < a->n_bodies; i++)
        if (!block_equal(c, a->body[i], b->body[i])) return false;
    return true;
}

static unsigned mix(unsigned h, uint64_t x) { return (unsigned)((h ^ x) * 0x9e3779b97f4a7c15u >> 29); }

static unsigned hash_node(const IrNode *n)
{
    unsigned h = mix(n->op, (uint64_t)n->n_args);
    uint64_t operands = 0, bits;
    for (int i = 0; i < n->n_args; i++)                     /* a sum where they commute */
        operands = ir_op_info[n->op].flags & IR_COMMUTES ? operands + n->arg[i]->id * 0x9e3779b1u : mix((unsigned)operands, n->arg[i]->id);
    memcpy(&bits, &n->attr.value, sizeof bits);
    h = mix(mix(h, operands), bits ^ (uint64_t)n->attr.n);
    h = mix(h, (uint64_t)(n->attr.slot * 31 + n->attr.stream * 7 + n->attr.dim));
    return n->n_results ? mix(h, (uint64_t)n->result->type.elem * 64 + n->result->type.rank) : h;
}

/* The equal node met before, or NULL; then n is in the table. */
static IrNode *earlier(Cse *c, IrNode *n)
{
    for (unsigned at = hash_node(n);; at++) {
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
