/* change.c - moving, replacing and copying what is there: the passes' tools.
 *
 * Copies go through a map from old values to new ones; values the map does not know stay as they are. */
#include "compiler/ir/change.h"

#include "base/bug.h"

/* ---- a map from values to values -------------------------------------------------------------------------------- */

typedef struct { const IrVal *from; IrVal *to; } Entry;

typedef struct {
    Arena *scratch;
    Entry *entry;
    int    used, cap;                                       /* cap is a power of two */
} Map;

static Entry *map_place(const Map *map, const IrVal *from)
{
    for (unsigned at = from->id * 2654435769u >> 7;; at++) {
        Entry *e = &map->entry[at & (unsigned)(map->cap - 1)];
        if (!e->from || e->from == from) return e;
    }
}

static void map_grow(Map *map)
{
    Map grown = {.scratch = map->scratch, .used = map->used, .cap = map->cap ? map->cap * 2 : 64};
    grown.entry = arena_array(map->scratch, Entry, grown.cap);
    for (int i = 0; i < map->cap; i++)
        if (map->entry[i].from) *map_place(&grown, map->entry[i].from) = map->entry[i];
    *map = grown;
}

static void map_put(Map *map, const IrVal *from, IrVal *to)
{
    if (map->used * 2 >= map->cap) map_grow(map);
    Entry *e = map_place(map, from);
    if (!e->from) map->used++;
    *e = (Entry){from, to};
}

static IrVal *map_get(const Map *map, IrVal *from)
{
    if (!map->cap) return from;
    Entry *e = map_place(map, from);
    return e->from ? e->to : from;
}

/* ---- removing and replacing ------------------------------------------------------------------------------------- */

void ir_name_as(IrVal *to, const IrVal *from)
{
    if (!to->hint) to->hint = from->hint;
    if (!to->called) to->called = from->called;
}

void ir_remove(IrNode *n)
{
    *(n->prev ? &n->prev->next : &n->block->first) = n->next;
    *(n->next ? &n->next->prev : &n->block->last) = n->prev;
    n->prev = n->next = NULL;
    n->block = NULL;
}

typedef IrVal *Swap(const void *how, IrVal *v);

static void swap_list(IrVal **list, int n, Swap *swap, const void *how)
{
    for (int i = 0; i < n; i++) list[i] = swap(how, list[i]);
}

static void swap_node(IrNode *n, Swap *swap, const void *how)
{
    swap_list(n->arg, n->n_args, swap, how);
    for (int i = 0; i < n->n_bodies; i++) swap_list(n->body[i]->yield, n->body[i]->n_yields, swap, how);
}

static void swap_uses(IrFn *f, Swap *swap, const void *how)
{
    for (IrNode *n = f->body.first; n; n = ir_next(n)) swap_node(n, swap, how);
    for (int i = 0; i < f->commits.n; i++) f->commits.v[i].val = swap(how, f->commits.v[i].val);
    for (int i = 0; i < f->reports.n; i++) f->reports.v[i].val = swap(how, f->reports.v[i].val);
}

typedef struct { IrVal *const *to; uint32_t n; } IdMap;

static IrVal *swap_mapped(const void *how, IrVal *v)
{
    const IdMap *map = how;
    while (v->id < map->n && map->to[v->id]) v = map->to[v->id];
    return v;
}

void ir_replace_by_map(IrFn *f, IrVal *const *to, uint32_t n) { swap_uses(f, swap_mapped, &(IdMap){to, n}); }

/* ---- copying ---------------------------------------------------------------------------------------------------- */

static IrNode *copy_node(IrBuilder *b, Map *map, const IrNode *n);

static void copy_nodes(IrBuilder *b, Map *map, const IrBlock *from)
{
    IrSpan span = b->span;
    IrWhy why = b->why;
    for (const IrNode *n = from->first; n; n = n->next) copy_node(b, map, n);
    b->span = span;
    b->why = why;
}

static IrBlock *copy_block(IrModule *m, Map *map, const IrBlock *from)
{
    IrBlock *to = ir_block(m);
    IrBuilder inside = {.m = m, .block = to};
    for (int i = 0; i < from->n_params; i++) {
        IrVal *p = ir_block_param(m, to, from->param[i]->type);
        ir_name_as(p, from->param[i]);
        map_put(map, from->param[i], p);
    }
    copy_nodes(&inside, map, from);
    ir_block_yield(m, to, from->yield, from->n_yields);
    for (int i = 0; i < to->n_yields; i++) to->yield[i] = map_get(map, to->yield[i]);
    return to;
}

static IrNode *copy_with_bodies(IrBuilder *b, Map *map, const IrNode *n, IrVal *const *args)
{
    IrBlock *body[2];
    for (int i = 0; i < n->n_bodies; i++) body[i] = copy_block(b->m, map, n->body[i]);
    if (n->op == IR_cond) return ir_cond_node(b, args, n->n_args, body[0], body[1]);
    return ir_scan_node(b, n->attr->n, n->attr->carried, n->attr->stacked, n->attr->until, args, n->n_args, body[0]);
}

static IrNode *copy_node(IrBuilder *b, Map *map, const IrNode *n)
{
    IrVal **args = arena_array(map->scratch, IrVal *, n->n_args);
    for (int i = 0; i < n->n_args; i++) args[i] = map_get(map, n->arg[i]);
    b->span = n->span;
    b->why = n->why;
    IrNode *copy = n->n_bodies ? copy_with_bodies(b, map, n, args) : ir_like(b, n, args);
    for (int i = 0; i < n->n_results; i++) {
        ir_name_as(&copy->result[i], &n->result[i]);
        map_put(map, &n->result[i], &copy->result[i]);
    }
    return copy;
}

void ir_inline_block(IrBuilder *b, const IrBlock *body, IrVal *const *args, IrVal **yields_out)
{
    Map map = {.scratch = arena_new()};
    for (int i = 0; i < body->n_params; i++) map_put(&map, body->param[i], args[i]);
    copy_nodes(b, &map, body);
    for (int i = 0; i < body->n_yields; i++) yields_out[i] = map_get(&map, body->yield[i]);
    arena_free(map.scratch);
}

IrBlock *ir_copy_block(IrModule *m, const IrBlock *body)
{
    Map map = {.scratch = arena_new()};
    IrBlock *copy = copy_block(m, &map, body);
    arena_free(map.scratch);
    return copy;
}

/* ---- closing ---------------------------------------------------------------------------------------------------- */

typedef struct {
    IrModule *m;
    IrBlock  *block;
    Map       map;
    Operands *args;
} Closer;

static bool is_own(const IrBlock *b, const IrVal *v) { return v->def ? v->def->block == b : v->param_of == b; }
static bool is_cheap(const IrVal *v) { return v->def && (v->def->op == IR_const || v->def->op == IR_index); }

static IrVal *copy_inside(Closer *c, const IrVal *v)
{
    IrBuilder front = {.m = c->m, .block = c->block, .before = c->block->first, .span = v->def->span, .why = v->def->why};
    return &ir_like(&front, v->def, NULL)->result[0];
}

static IrVal *close_value(Closer *c, IrVal *v)
{
    if (is_own(c->block, v)) return v;
    IrVal *inside = map_get(&c->map, v);
    if (inside != v) return inside;
    if (is_cheap(v)) {
        inside = copy_inside(c, v);
    } else {
        inside = ir_block_param(c->m, c->block, v->type);
        ir_name_as(inside, v);
        array_push(c->m->arena, c->args, v);
    }
    map_put(&c->map, v, inside);
    return inside;
}

static void close_block(Closer *c)
{
    for (IrNode *n = c->block->first; n; n = n->next)
        for (int i = 0; i < n->n_args; i++) n->arg[i] = close_value(c, n->arg[i]);
    for (int i = 0; i < c->block->n_yields; i++) c->block->yield[i] = close_value(c, c->block->yield[i]);
}

/* The bodies of one node take the same parameters: what one of them needed, the others are given too. */
static void add_params(Closer *c, IrVal *const *outer, const IrBlock *like, int from)
{
    for (int i = from; i < like->n_params; i++) {
        IrVal *p = ir_block_param(c->m, c->block, like->param[i]->type);
        ir_name_as(p, like->param[i]);
        map_put(&c->map, outer[i - from], p);
    }
}

void ir_close_blocks(IrModule *m, IrBlock *const *bodies, int n_bodies, Operands *args)
{
    Arena *scratch = arena_new();
    Closer c[2] = {{m, bodies[0], {.scratch = scratch}, args}, {m, bodies[n_bodies - 1], {.scratch = scratch}, args}};
    for (int i = 0; i < n_bodies; i++) {
        int params = bodies[i]->n_params, outer = args->n;
        close_block(&c[i]);
        if (n_bodies == 2) add_params(&c[1 - i], args->v + outer, bodies[i], params);
    }
    arena_free(scratch);
}
