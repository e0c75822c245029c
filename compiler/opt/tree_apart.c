/* tree_apart.c - a value is worked on apart from its block, and what became of it is brought back. See tree.h.
 *
 * Other statements still need the nodes that a value is made of, so stabilise must not touch them. What the value depends
 * on is copied into a workshop, a module of its own that lives in scratch memory and dies with it; there trees are
 * rewritten in place, tries may fail, and nothing is seen of it outside. Brought back, a copy that is as it was becomes
 * the node that it was copied from; anything else is made anew where the builder stands, operands first. So new nodes lie
 * between a rewritten one and the value only.
 *
 * New element-wise rows that are equal become one, and one with an equal row that stands there already: trees are written
 * apart from each other, each with its own exp(T). Merged, what reaches T along both meets before it is multiplied by
 * exp(T), so that derivatives cancel as exactly as they did before. Nothing here recurses: values may be nested deeply. */
#include "base/array.h"
#include "compiler/opt/equal.h"
#include "compiler/opt/tree.h"

#include <string.h>

/* ---- a table from hashes to nodes ------------------------------------------------------------------------------- */

/* Something known by its address, and a copy of it; or a row known by what it computes, and its operands. */
typedef struct Entry {
    const void *key;
    IrNode *copy;
    IrVal **args;
} Entry;

typedef struct Table {
    Arena *arena;
    unsigned n, mask;
    Entry *at;
    unsigned *hash;
} Table;

static unsigned mix(unsigned h, uint64_t x) { return (unsigned)(((h ^ x) * 0x9e3779b97f4a7c15u) >> 29); }

static unsigned free_place(const Table *t, unsigned hash)
{
    unsigned at = hash & t->mask;
    while (t->at[at].key) at = (at + 1) & t->mask;
    return at;
}

static void grow(Table *t)
{
    Table old = *t;
    t->mask = old.at ? 2 * old.mask + 1 : 63;
    t->at = arena_array(t->arena, Entry, t->mask + 1);
    t->hash = arena_array(t->arena, unsigned, t->mask + 1);
    for (unsigned i = 0; old.at && i <= old.mask; i++) {
        if (!old.at[i].key) continue;
        unsigned place = free_place(t, old.hash[i]);
        t->at[place] = old.at[i];
        t->hash[place] = old.hash[i];
    }
}

static void put(Table *t, unsigned hash, Entry e)
{
    if (!t->at || 2 * t->n > t->mask) grow(t);
    unsigned place = free_place(t, hash);
    t->at[place] = e;
    t->hash[place] = hash;
    t->n++;
}

/* ---- equal rows ------------------------------------------------------------------------------------------------- */

static unsigned hash_row(const IrNode *n, IrVal *const *args)
{
    uint64_t bits;
    memcpy(&bits, &n->attr->value, sizeof bits);
    unsigned h = mix(n->op, bits);
    for (int i = 0; i < n->n_args; i++) h = mix(h, args[i]->id);
    return mix(h, n->result->type.elem);
}

static IrNode *equal_row(const Table *t, const IrNode *n, IrVal *const *args)
{
    if (!t->at) return NULL;
    for (unsigned at = hash_row(n, args) & t->mask; t->at[at].key; at = (at + 1) & t->mask) {
        const Entry *e = &t->at[at];
        if (equal_heads(e->copy, n) && !memcmp(e->args, args, sizeof *args * (size_t)n->n_args)) return e->copy;
    }
    return NULL;
}

static bool may_merge(const IrNode *n)
{
    return n->n_results == 1 && ir_op_info[n->op].klass == IR_CLASS_MAP;
}

static void put_row(Table *t, IrNode *n, IrVal **args)
{
    put(t, hash_row(n, args), (Entry){.key = n, .copy = n, .args = args});
}

/* ---- by address ------------------------------------------------------------------------------------------------- */

static unsigned hash_address(const void *key) { return mix(0, (uintptr_t)key); }

static const Entry *entry_of(const Table *t, const void *key)
{
    if (!t->at) return NULL;
    for (unsigned at = hash_address(key) & t->mask; t->at[at].key; at = (at + 1) & t->mask)
        if (t->at[at].key == key) return &t->at[at];
    return NULL;
}

static void put_address(Table *t, const void *key, IrNode *copy)
{
    put(t, hash_address(key), (Entry){.key = key, .copy = copy});
}

/* ---- the workshop ----------------------------------------------------------------------------------------------- */

typedef ARRAY(IrNode *) Nodes;

struct Apart {
    IrModule m;                    /* the module with another arena */
    IrBlock block;                 /* what is worked on */
    IrBuilder *out;                /* where new nodes go */
    Arena *scratch;
    bool last;                     /* no other derivatives will be asked for */
    Table stays, copies;           /* by address: values that are not looked through, nodes and their copies */
    Table inside, outside;         /* rows */
};

/* A value that other derivatives may be taken by: a slot's, or one that was made a node of its own for that. */
static bool is_leaf(const Apart *a, const IrNode *n)
{
    if (n->op == IR_stop && n->attr->slot >= 0) return true;
    return !a->last && n->op == IR_reshape && ir_dims_equal(&n->arg[0]->type, &n->result->type);
}

/* The node to copy when v is used; NULL: v stays what it is. So does an effect, which happens once, and what it sees. */
static IrNode *to_copy(const Apart *a, const IrVal *v)
{
    bool ours = v->def && v->def->block == a->out->block && !(ir_op_info[v->def->op].flags & IR_EFFECT);
    return ours && !entry_of(&a->stays, v) && !is_leaf(a, v->def) ? v->def : NULL;
}

static IrNode *made_inside(const Apart *a, const IrVal *v)
{
    return v->def && v->def->block == &a->block ? v->def : NULL;
}

typedef IrNode *Step(const Apart *a, const IrVal *v); /* the node of an operand; NULL: not looked at */

typedef struct Visit {
    IrNode *node;
    int next; /* operand */
} Visit;

typedef struct Search {
    Nodes found; /* operands before users */
    ARRAY(Visit) todo;
    Table seen;
} Search;

static void visit(const Apart *a, Search *s, IrNode *n)
{
    if (!n || entry_of(&s->seen, n)) return;
    put_address(&s->seen, n, NULL);
    array_push(a->scratch, &s->todo, ((Visit){n, 0}));
}

/* What v is made of, operands before users. */
static Nodes in_order(const Apart *a, const IrVal *v, Step *step)
{
    Search s = {.seen.arena = a->scratch};
    visit(a, &s, step(a, v));
    while (s.todo.n) {
        Visit *top = &s.todo.v[s.todo.n - 1];
        if (top->next < top->node->n_args) {
            visit(a, &s, step(a, top->node->arg[top->next++]));
        } else {
            array_push(a->scratch, &s.found, top->node);
            s.todo.n--;
        }
    }
    return s.found;
}

/* ---- into it ---------------------------------------------------------------------------------------------------- */

static IrVal *value_inside(const Apart *a, IrVal *v)
{
    const IrNode *n = to_copy(a, v);
    return n ? &entry_of(&a->copies, n)->copy->result[v->index] : v;
}

/* Values keep their ids, by which sums are ordered. */
static IrNode *copy_of(const Apart *a, IrNode *n)
{
    IrNode *c = arena_copy(a->scratch, n, sizeof *n);
    NodeInfo *info = c->mark = arena_new_of(a->scratch, NodeInfo);
    info->twin = n;
    c->arg = arena_array(a->scratch, IrVal *, n->n_args + 1);
    c->result = arena_copy(a->scratch, n->result, sizeof *n->result * (size_t)n->n_results);
    c->body = arena_copy(a->scratch, n->body, sizeof *n->body * (size_t)n->n_bodies);
    for (int i = 0; i < n->n_args; i++) c->arg[i] = value_inside(a, n->arg[i]);
    for (int i = 0; i < n->n_results; i++) c->result[i].def = c;
    return c;
}

static void append(Apart *a, IrNode *c)
{
    c->block = &a->block;
    c->next = NULL;
    c->prev = a->block.last;
    *(c->prev ? &c->prev->next : &a->block.first) = c;
    a->block.last = c;
}

/* Of equal rows there is one inside. */
static void copy_in(Apart *a, IrNode *n)
{
    IrNode *c = copy_of(a, n), *equal = may_merge(c) ? equal_row(&a->inside, c, c->arg) : NULL;
    put_address(&a->copies, n, equal ? equal : c);
    if (equal) return;
    append(a, c);
    if (!may_merge(c)) return;
    put_row(&a->inside, c, arena_copy(a->scratch, c->arg, sizeof *c->arg * (size_t)(c->n_args + 1)));
}

Apart *apart_take(IrBuilder *out, Arena *scratch, IrVal **v, IrVal *const *wrt, int n_wrt, bool last)
{
    Apart *a = arena_new_of(scratch, Apart);
    *a = (Apart){.m = *out->m, .out = out, .scratch = scratch, .last = last};
    a->m.attrs = (__typeof__(a->m.attrs)){0};               /* the module's own stay in its arena */
    a->m.arena = a->stays.arena = a->copies.arena = a->inside.arena = a->outside.arena = scratch;
    for (int i = 0; i < n_wrt; i++) put_address(&a->stays, wrt[i], NULL);
    Nodes all = in_order(a, *v, to_copy);
    for (int i = 0; i < all.n; i++) copy_in(a, all.v[i]);
    *v = value_inside(a, *v);
    return a;
}

IrBuilder apart_builder(Apart *a) { return (IrBuilder){.m = &a->m, .block = &a->block}; }

/* ---- and back --------------------------------------------------------------------------------------------------- */

static NodeInfo *info_of(const Apart *a, IrNode *n)
{
    if (!n->mark) n->mark = arena_new_of(a->scratch, NodeInfo);
    return n->mark;
}

static IrVal *value_outside(const Apart *a, IrVal *v)
{
    IrNode *n = made_inside(a, v);
    return n ? &info_of(a, n)->out->result[v->index] : v;
}

static IrVal **operands_outside(const Apart *a, const IrNode *n)
{
    IrVal **args = arena_array(a->scratch, IrVal *, n->n_args + 1);
    for (int i = 0; i < n->n_args; i++) args[i] = value_outside(a, n->arg[i]);
    return args;
}

/* Is n a copy, and its operands and bodies those that were copied? */
static bool is_as_it_was(const Apart *a, IrNode *n)
{
    const IrNode *twin = info_of(a, n)->twin;
    bool same = twin != NULL;
    for (int i = 0; i < n->n_bodies && same; i++) same = n->body[i] == twin->body[i];
    for (int i = 0; i < n->n_args && same; i++) {
        IrNode *by = made_inside(a, n->arg[i]);
        same = n->arg[i] == value_inside(a, twin->arg[i]) && (!by || info_of(a, by)->out);
    }
    return same;
}

static void put_outside(Apart *a, IrNode *n, IrNode *became, IrVal **args)
{
    info_of(a, n)->out = became;
    if (may_merge(n)) put_row(&a->outside, became, args);
}

static IrNode *make_outside(const Apart *a, const IrNode *n, IrVal *const *args)
{
    IrBuilder b = *a->out;
    b.span = n->span;
    b.why = n->why;
    IrBlock *body[2] = {0};
    for (int i = 0; i < n->n_bodies; i++) body[i] = ir_copy_block(b.m, n->body[i]);
    const IrAttrs *at = n->attr;
    IrNode *made;
    if (n->op == IR_scan)
        made = ir_scan_node(&b, at->n, at->carried, at->stacked, at->until, args, n->n_args, body[0]);
    else if (n->op == IR_cond)
        made = ir_cond_node(&b, args, n->n_args, body[0], body[1]);
    else
        made = ir_like(&b, n, args);
    for (int i = 0; i < n->n_results; i++) made->result[i].hint = n->result[i].hint;
    return made;
}

static void bring_out(Apart *a, IrNode *n)
{
    if (info_of(a, n)->out) return;
    IrVal **args = operands_outside(a, n);
    IrNode *equal = may_merge(n) ? equal_row(&a->outside, n, args) : NULL;
    if (equal)
        info_of(a, n)->out = equal;
    else
        put_outside(a, n, make_outside(a, n, args), args);
}

/* First what stays, so that new rows can be merged with it wherever they stand. */
IrVal *apart_return(Apart *a, IrVal *v)
{
    Nodes all = in_order(a, v, made_inside);
    for (int i = 0; i < all.n; i++)
        if (is_as_it_was(a, all.v[i])) put_outside(a, all.v[i], info_of(a, all.v[i])->twin, operands_outside(a, all.v[i]));
    for (int i = 0; i < all.n; i++) bring_out(a, all.v[i]);
    return value_outside(a, v);
}
