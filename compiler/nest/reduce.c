/* reduce.c - reductions within what one lane sees: along dims, along axes other than the lane's, and any contraction.
 *
 * The general forms, an element of the result at a time with operands read wherever they lie. What training does most has
 * faster kernels (outer.c, inner.c); these carry the exact orders of docs/ir.md for everything else. */
#include "compiler/nest/nest.h"
#include "base/bug.h"

#include <math.h>

enum { CHUNK = 4096 };

static LoopReg *int_reg(Nest *n, int64_t v) { return loop_int(&n->b, IR_I64, v); }
static LoopReg *reg_of(Nest *n, LoopIndex x) { return loop_index(&n->b, &x); }
static LoopReg *squared(Nest *n, LoopReg *v) { return loop_binary(&n->b, IR_mul, v, v); }

/* An array on the stack of values as wide as the lanes. */
typedef struct { int buffer; bool lanes; } Array;

static Array array_of(Nest *n, IrElem t, int64_t size)
{
    bool lanes = n->lanes > 1;
    return (Array){loop_local(&n->b, t, lanes ? size * K_LANES : size), lanes};
}
static LoopIndex array_at(Nest *n, Array a, LoopIndex i)
{
    return a.lanes ? loop_plus(&n->b, loop_times(i, K_LANES), nest_lanes(n)) : i;
}
static unsigned array_align(Nest *n, Array a)
{
    unsigned cell = (unsigned)ir_elem_bytes(n->b.nest->buffers.v[a.buffer].elem), whole = a.lanes ? cell * K_LANES : cell;
    return whole > 64 ? 64 : whole;
}
static LoopReg *array_get(Nest *n, Array a, LoopIndex i)
{
    LoopIndex at = array_at(n, a, i);
    return loop_load(&n->b, a.buffer, &at, array_align(n, a));
}
static void array_set(Nest *n, Array a, LoopIndex i, LoopReg *v)
{
    LoopIndex at = array_at(n, a, i);
    loop_store(&n->b, a.buffer, &at, v, array_align(n, a));
}

/* tree(v[0..size)), in place */
static LoopReg *tree(Nest *n, Array v, int64_t size)
{
    for (; size > 1; size = (size + 1) / 2) {
        LoopIns *l = nest_loop(n, size / 2);
        LoopIndex i = nest_counter(l), twice = loop_times(i, 2);
        array_set(n, v, i, nest_add(n, array_get(n, v, twice), array_get(n, v, loop_plus(&n->b, twice, loop_at(1)))));
        nest_end(n, l);
        if (size % 2) array_set(n, v, loop_at(size / 2), array_get(n, v, loop_at(size - 1)));
    }
    return array_get(n, v, loop_at(0));
}

static LoopReg *lanes16(Nest *n, Array v)
{
    for (int half = K_LANES / 2; half; half /= 2) {
        LoopIns *l = nest_loop(n, half);
        LoopIndex i = nest_counter(l);
        array_set(n, v, i, nest_add(n, array_get(n, v, i), array_get(n, v, loop_plus(&n->b, i, loop_at(half)))));
        nest_end(n, l);
    }
    return array_get(n, v, loop_at(0));
}

/* The index of an operand: what it shares with the result, and components set by the loops of the reduction. */
static Index shared_axes(Nest *n, const IrNode *node, const IrType *arg)
{
    Index own = nest_own_index(n, &node->result[0]), at = nest_sub_index(&node->result[0].type, &own, arg);
    at.own = at.is_flat = false;
    return at;
}

static int axis_at(const IrType *t, int axis)
{
    for (int i = 0; i < t->axes.n; i++)
        if (t->axes.id[i] == axis) return i;
    return -1;
}

/* ---- sum and norm along dims ------------------------------------------------------------------------------------ */

typedef struct Along {                                      /* the reduced dims of an operand, row-major */
    int     n, dim[IR_MAX_RANK];
    int64_t size;
} Along;

static Along along_dims(const IrNode *node)
{
    const IrType *t = &node->arg[0]->type;
    bool gone[IR_MAX_RANK] = {0};
    Along a = {.size = 1};
    for (int i = 0; i < node->attr->dims.n; i++) gone[node->attr->dims.v[i]] = true;
    for (int i = 0; i < t->rank; i++)
        if (gone[i]) { a.dim[a.n++] = i; a.size *= t->dim[i]; }
    return a;
}

static Index at_kept_dims(Nest *n, const IrNode *node, const bool *gone)
{
    const IrType *t = &node->arg[0]->type;
    Index own = nest_own_index(n, &node->result[0]), at = shared_axes(n, node, t);
    for (int i = 0, k = 0; i < t->rank; i++)
        if (!gone[i]) at.dim[i] = own.dim[k++];
    return at;
}

static LoopReg *term_at(Nest *n, const IrNode *node, const Index *at, IrElem acc)
{
    LoopReg *v = loop_convert(&n->b, acc, nest_value(n, node->arg[0], at));
    return node->op == IR_norm ? squared(n, v) : v;
}

static LoopReg *element(Nest *n, const IrNode *node, const Along *a, Index at, LoopIndex m, IrElem acc)
{
    const IrType *t = &node->arg[0]->type;
    for (int i = a->n - 1; i >= 0; i--) {
        at.dim[a->dim[i]] = ix(i ? nest_rest(n, m, t->dim[a->dim[i]]) : m);
        if (i) m = nest_quot(n, m, t->dim[a->dim[i]]);
    }
    return term_at(n, node, &at, acc);
}

/* All of a dense operand to one number: the lanes are a vector along memory. */
static bool dense_to_number(Nest *n, const IrNode *node, const Along *a)
{
    const IrVal *v = kernel_resolve(n->p, node->arg[0]);
    if (n->k->lane_axis >= 0 || node->result[0].type.rank || a->size < K_LANES || v->type.axes.n) return false;
    if (v->def && kernel_inline(v->def)) return v->def->op == IR_read;
    const KMem *m = kernel_value(n->p, v)->mem;
    return m && m->dense && m->tile < 0;
}

/* The last elements, fewer than a vector of them, go to the first lanes. */
static LoopReg *vector_chunk(Nest *n, const IrNode *node, IrElem acc, LoopIndex from, LoopIndex to)
{
    int before = n->lanes;
    n->lanes = K_LANES;
    Array lane = {loop_local(&n->b, acc, K_LANES), true};
    LoopReg *size = loop_binary(&n->b, IR_sub, reg_of(n, to), reg_of(n, from));
    LoopIndex whole = loop_plus(&n->b, from, loop_times(nest_quot(n, loop_of(size), K_LANES), K_LANES));
    Index at = {.is_flat = true};
    LoopIns *l = nest_fold(n, from, whole, K_LANES, nest_zero(n, acc));
    at.flat = nest_counter(l);
    array_set(n, lane, loop_at(0), nest_end_fold(n, l, nest_add(n, &l->body->carry[0], term_at(n, node, &at, acc))));
    n->lanes = 1;
    LoopIns *r = loop_for(&n->b, &whole, &to, 1, false, NULL, 0);
    at.flat = nest_counter(r);
    LoopIndex which = loop_plus(&n->b, nest_counter(r), loop_times(whole, -1));
    LoopReg *sum = nest_add(n, loop_load(&n->b, lane.buffer, &which, 1), term_at(n, node, &at, acc));
    loop_store(&n->b, lane.buffer, &which, sum, 1);
    nest_end(n, r);
    n->lanes = K_LANES;
    LoopReg *all = array_get(n, lane, loop_at(0));
    n->lanes = before;
    return loop_lanes16(&n->b, all);
}

/* At most a lane each, which stay in registers: adding the +0 of a lane that is empty changes nothing. */
static LoopReg *few(Nest *n, const IrNode *node, const Along *a, const Index *at, IrElem acc)
{
    LoopReg *lane[K_LANES];
    for (int i = 0; i < a->size; i++) lane[i] = nest_add(n, nest_zero(n, acc), element(n, node, a, *at, loop_at(i), acc));
    for (int half = K_LANES / 2; half; half /= 2)
        for (int i = 0; i < half && i + half < a->size; i++) lane[i] = nest_add(n, lane[i], lane[i + half]);
    return lane[0];
}

static LoopReg *plain_chunk(Nest *n, const IrNode *node, const Along *a, const Index *at, IrElem acc, LoopIndex from, LoopIndex to)
{
    Array lane = array_of(n, acc, K_LANES);
    for (int i = 0; i < K_LANES; i++) array_set(n, lane, loop_at(i), nest_zero(n, acc));
    LoopIns *l = loop_for(&n->b, &from, &to, 1, false, NULL, 0);
    LoopIndex which = nest_rest(n, nest_counter(l), K_LANES);       /* chunks are whole multiples of 16 */
    array_set(n, lane, which, nest_add(n, array_get(n, lane, which), element(n, node, a, *at, nest_counter(l), acc)));
    nest_end(n, l);
    return lanes16(n, lane);
}

/* The tree over chunks as they come: a binary counter of finished subtrees, level l of 2^l chunks. */
static void counter_put(Nest *n, Array level, LoopIndex chunk, LoopReg *v)
{
    LoopReg *full = loop_trailing(&n->b, reg_of(n, loop_plus(&n->b, chunk, loop_at(1))));
    uint32_t lanes = n->lanes > 1 ? 1u << LOOP_L : 0;
    if (v->dims != lanes && v->kind != LOOP_REG_CONST) BUG("nest: a sum that is narrower than its lanes");
    LoopIns *l = nest_fold(n, loop_at(0), loop_of(full), 1, v);
    LoopReg *sum = nest_end_fold(n, l, nest_add(n, array_get(n, level, nest_counter(l)), &l->body->carry[0]));
    array_set(n, level, loop_of(full), sum);
}

static LoopReg *counter_total(Nest *n, Array level, int64_t chunks)
{
    LoopReg *sum = NULL;
    for (int i = 0; chunks >> i; i++) {
        if (!(chunks >> i & 1)) continue;
        LoopReg *v = array_get(n, level, loop_at(i));
        sum = sum ? nest_add(n, v, sum) : v;
    }
    return sum;
}

/* Chunk by chunk. */
static LoopReg *many(Nest *n, const IrNode *node, const Along *a, const Index *at, IrElem acc)
{
    int64_t chunks = (a->size + CHUNK - 1) / CHUNK;
    bool dense = dense_to_number(n, node, a);
    Array level = array_of(n, acc, 64);
    LoopIns *l = nest_loop(n, chunks);
    LoopIndex from = loop_times(nest_counter(l), CHUNK);
    LoopIndex end = loop_of(nest_min(n, reg_of(n, loop_plus(&n->b, from, loop_at(CHUNK))), int_reg(n, a->size)));
    counter_put(n, level, nest_counter(l), dense ? vector_chunk(n, node, acc, from, end) : plain_chunk(n, node, a, at, acc, from, end));
    nest_end(n, l);
    return counter_total(n, level, chunks);
}

static LoopReg *sum_dims(Nest *n, const IrNode *node)
{
    const IrType *to = &node->result[0].type;
    Along a = along_dims(node);
    bool number = to->rank == 0 && to->axes.n == 0 && ir_is_real(to->elem);
    IrElem acc = number || node->op == IR_norm ? IR_F64 : to->elem;
    bool gone[IR_MAX_RANK] = {0};
    for (int i = 0; i < a.n; i++) gone[a.dim[i]] = true;
    Index at = at_kept_dims(n, node, gone);
    LoopReg *sum = !a.size ? nest_zero(n, acc) : a.size < K_LANES ? few(n, node, &a, &at, acc) : many(n, node, &a, &at, acc);
    if (node->op == IR_norm) sum = loop_unary(&n->b, IR_sqrt, sum);
    return loop_convert(&n->b, to->elem, sum);
}

/* ---- along samples that are no lane ----------------------------------------------------------------------------- */

/* `count` of the first axis from at[0] on, which are the innermost loop; NULL: the one at at[0]. */
typedef struct Samples { IrAxes over; Ix at[IR_MAX_AXES]; LoopReg *count; } Samples;

static Index with_samples(Index at, const IrType *t, const Samples *s)
{
    for (int i = 0; i < s->over.n; i++) {
        int k = axis_at(t, s->over.id[i]);
        if (k >= 0) at.axis[k] = s->at[i];
    }
    return at;
}

/* Adds up what the samples `s` give at all of a row's other places. */
typedef LoopReg *(*Term)(Nest *n, const IrNode *node, int pair, const Samples *s, LoopReg *acc);

static LoopReg *other_axes(Nest *n, const IrNode *node, int pair, Samples *s, int i, Term term, LoopReg *acc)
{
    if (i == s->over.n) return term(n, node, pair, s, acc);
    LoopIns *l = nest_fold(n, loop_at(0), loop_at(ir_extent(n->m, s->over.id[i])), 1, acc);
    s->at[i] = ix(nest_counter(l));
    return nest_end_fold(n, l, other_axes(n, node, pair, s, i + 1, term, &l->body->carry[0]));
}

static IrAxes over_of(const IrNode *node, int pair)
{
    return node->op == IR_dot ? node->attr->pair_over ? node->attr->pair_over[pair] : ir_no_axes() : node->attr->over;
}

/* One chain of a shard, pair after pair by blocks of 64: of each 16 samples all, or the one of a lane. */
static LoopReg *shard_chain(Nest *n, const IrNode *node, int pairs, LoopIndex shard, const LoopIndex *lane, Term term, LoopReg *acc)
{
    int64_t most = 0;
    for (int i = 0; i < pairs; i++) {
        int64_t size = ir_shards(ir_extent(n->m, over_of(node, i).id[0])).size;
        most = size > most ? size : most;
    }
    LoopIns *block = nest_fold(n, loop_at(0), loop_at(most), K_TILE, acc);
    LoopReg *sum = &block->body->carry[0];
    for (int i = 0; i < pairs; i++) {
        Samples s = {.over = over_of(node, i)};
        int64_t extent = ir_extent(n->m, s.over.id[0]), size = ir_shards(extent).size;
        LoopIndex start = loop_times(shard, size), from = loop_plus(&n->b, start, nest_counter(block));
        LoopReg *end = nest_min(n, reg_of(n, loop_plus(&n->b, start, loop_at(size))), int_reg(n, extent));
        LoopReg *to = nest_min(n, reg_of(n, loop_plus(&n->b, from, loop_at(K_TILE))), end);
        LoopIns *l = nest_fold(n, lane ? loop_plus(&n->b, from, *lane) : from, loop_of(to), K_LANES, sum);
        s.at[0] = ix(nest_counter(l));
        if (!lane) s.count = nest_min(n, loop_binary(&n->b, IR_sub, to, l->body->counter), int_reg(n, K_LANES));
        sum = nest_end_fold(n, l, other_axes(n, node, i, &s, 1, term, &l->body->carry[0]));
    }
    return nest_end_fold(n, block, sum);
}

static LoopReg *over_samples(Nest *n, const IrNode *node, int pairs, IrElem acc, bool lanes, Term term)
{
    IrShards shards = ir_shards(ir_extent(n->m, over_of(node, 0).id[0]));
    if (!shards.count) return nest_zero(n, acc);
    Array part = array_of(n, acc, shards.count), lane = {0};
    if (lanes) lane = array_of(n, acc, K_LANES);
    LoopIns *l = nest_loop(n, shards.count);
    if (lanes) {
        LoopIns *k = nest_loop(n, K_LANES);
        LoopIndex which = nest_counter(k);
        array_set(n, lane, which, shard_chain(n, node, pairs, nest_counter(l), &which, term, nest_zero(n, acc)));
        nest_end(n, k);
        array_set(n, part, nest_counter(l), lanes16(n, lane));
    } else {
        array_set(n, part, nest_counter(l), shard_chain(n, node, pairs, nest_counter(l), NULL, term, nest_zero(n, acc)));
    }
    nest_end(n, l);
    return tree(n, part, shards.count);
}

static IrElem sum_elem(const IrNode *node)
{
    const IrType *t = &node->result[0].type;
    return t->rank == 0 && t->axes.n == 0 && ir_is_real(t->elem) ? IR_F64 : t->elem;
}

/* Dims d.. that are added up, too. */
static LoopReg *sum_dims_from(Nest *n, const IrNode *node, int d, Index *at, LoopReg *acc)
{
    const IrInts *gone = &node->attr->dims;
    if (d == gone->n) return nest_add(n, acc, loop_convert(&n->b, sum_elem(node), nest_value(n, node->arg[0], at)));
    LoopIns *l = nest_fold(n, loop_at(0), loop_at(node->arg[0]->type.dim[gone->v[d]]), 1, acc);
    at->dim[gone->v[d]] = ix(nest_counter(l));
    return nest_end_fold(n, l, sum_dims_from(n, node, d + 1, at, &l->body->carry[0]));
}

static LoopReg *sum_term(Nest *n, const IrNode *node, int pair, const Samples *s, LoopReg *acc)
{
    bool gone[IR_MAX_RANK] = {0};
    for (int i = 0; i < node->attr->dims.n; i++) gone[node->attr->dims.v[i]] = true;
    Index at = with_samples(at_kept_dims(n, node, gone), &node->arg[0]->type, s);
    (void)pair;
    return sum_dims_from(n, node, 0, &at, acc);
}

/* ---- maxima ----------------------------------------------------------------------------------------------------- */

typedef struct Line { int axis, dim; int64_t n; } Line;     /* positions in the operand's type */

static Line line_of(Nest *n, const IrNode *node)
{
    const IrType *t = &node->arg[0]->type;
    if (node->attr->axis >= 0) return (Line){axis_at(t, node->attr->axis), -1, ir_extent(n->m, node->attr->axis)};
    return (Line){-1, node->attr->dim, t->dim[node->attr->dim]};
}

static LoopReg *on_line(Nest *n, const IrNode *node, const Line *l, LoopIndex i)
{
    bool gone[IR_MAX_RANK] = {0};
    if (l->dim >= 0) gone[l->dim] = true;
    Index at = at_kept_dims(n, node, gone);
    if (l->dim >= 0) at.dim[l->dim] = ix(i);
    else at.axis[l->axis] = ix(i);
    return nest_value(n, node->arg[0], &at);
}

/* a > b, NaN above all numbers. */
static LoopReg *greater(Nest *n, IrElem t, LoopReg *a, LoopReg *b)
{
    LoopReg *more = loop_compare(&n->b, IR_GT, a, b);
    if (!ir_is_real(t)) return more;
    LoopReg *nan = loop_op2(&n->b, LOOP_and, loop_compare(&n->b, IR_NE, a, a), loop_compare(&n->b, IR_EQ, b, b));
    return loop_op2(&n->b, LOOP_or, more, nan);
}

static LoopReg *least(Nest *n, IrElem t)
{
    if (ir_is_real(t)) return loop_const(&n->b, t, -INFINITY);
    return loop_int(&n->b, t, t == IR_I32 ? INT32_MIN : t == IR_I64 ? INT64_MIN : 0);
}

static LoopReg *maximum(Nest *n, const IrNode *node)
{
    Line line = line_of(n, node);
    IrElem t = node->arg[0]->type.elem;
    bool arg = node->op == IR_argmax;
    if (!line.n) return arg ? loop_zero(&n->b, IR_I32) : least(n, t);
    LoopReg *first = on_line(n, node, &line, loop_at(0));
    LoopReg *init[2] = {first, loop_over(&n->b, loop_zero(&n->b, IR_I32), first->dims)};
    LoopIndex from = loop_at(1), to = loop_at(line.n);
    LoopIns *l = loop_for(&n->b, &from, &to, 1, false, init, 2);
    LoopReg *v = on_line(n, node, &line, nest_counter(l)), *best = &l->body->carry[0], *take = greater(n, t, v, best);
    LoopReg *next[2] = {loop_select(&n->b, take, v, best),
                        loop_select(&n->b, take, loop_convert(&n->b, IR_I32, l->body->counter), &l->body->carry[1])};
    loop_end_for(&n->b, l, next);
    if (arg) return &l->result[1];
    return ir_is_real(t) ? nest_add(n, &l->result[0], loop_zero(&n->b, t)) : &l->result[0];
}

/* ---- REDUCE and CUMSUM ------------------------------------------------------------------------------------------ */

static void reduce_body(Nest *n)
{
    const IrNode *node = n->k->nodes.v[0];
    LoopReg *v;
    if (node->op == IR_reduce_max || node->op == IR_argmax) v = maximum(n, node);
    else if (node->op == IR_sum && node->attr->over.n)
        v = loop_convert(&n->b, node->result[0].type.elem, over_samples(n, node, 1, sum_elem(node), true, sum_term));
    else v = sum_dims(n, node);
    nest_results(n, 0, v);
}

void nest_reduce(Nest *n) { nest_over_space(n, reduce_body); }

static void cumsum_body(Nest *n)
{
    const IrNode *node = n->k->nodes.v[0];
    const IrType *t = &node->result[0].type;
    int d = node->attr->dim, c = t->axes.n + d;
    LoopIns *l = nest_fold(n, loop_at(0), loop_at(t->dim[d]), 1, nest_zero(n, t->elem));
    LoopIndex i = nest_counter(l);
    n->comp[c] = ix(node->attr->reverse ? loop_plus(&n->b, loop_at(t->dim[d] - 1), loop_times(i, -1)) : i);
    Index at = nest_own_index(n, node->arg[0]);
    at.own = false;
    LoopReg *sum = &l->body->carry[0], *next = nest_add(n, sum, nest_value(n, node->arg[0], &at));
    nest_results(n, 0, node->attr->exclusive ? sum : next);
    nest_end_fold(n, l, next);
}

void nest_cumsum(Nest *n) { nest_over_space(n, cumsum_body); }

/* ---- CONTRACT --------------------------------------------------------------------------------------------------- */

typedef struct Roles { Index a, b; } Roles;

static bool named(const uint8_t *dims, int n, int d)
{
    for (int i = 0; i < n; i++)
        if (dims[i] == d) return true;
    return false;
}

static bool windowed(const IrAttrs *a, int side, int d)
{
    for (int i = 0; i < a->n_windows; i++)
        if ((side ? a->windows[i].b : a->windows[i].a) == d) return true;
    return false;
}

/* Batch and free dims stand where the result does; samples where the loops do. */
static Roles roles_of(Nest *n, const IrNode *node, int pair, const Samples *s)
{
    const IrAttrs *at = node->attr;
    const IrType *ta = &node->arg[2 * pair]->type, *tb = &node->arg[2 * pair + 1]->type;
    Index own = nest_own_index(n, &node->result[0]);
    Roles r = {shared_axes(n, node, ta), shared_axes(n, node, tb)};
    if (s) {
        r.a = with_samples(r.a, ta, s);
        r.b = with_samples(r.b, tb, s);
    }
    for (int i = 0; i < at->batch.n; i++) r.a.dim[at->batch.a[i]] = r.b.dim[at->batch.b[i]] = own.dim[i];
    int o = at->batch.n + at->n_windows;
    for (int i = 0; i < ta->rank; i++)
        if (!named(at->batch.a, at->batch.n, i) && !named(at->contract.a, at->contract.n, i) && !windowed(at, 0, i))
            r.a.dim[i] = own.dim[o++];
    for (int i = 0; i < tb->rank; i++)
        if (!named(at->batch.b, at->batch.n, i) && !named(at->contract.b, at->contract.n, i) && !windowed(at, 1, i))
            r.b.dim[i] = own.dim[o++];
    return r;
}

static LoopReg *product(Nest *n, const IrNode *node, int pair, const Roles *r, LoopReg *acc)
{
    return loop_fma(&n->b, nest_value(n, node->arg[2 * pair], &r->a), nest_value(n, node->arg[2 * pair + 1], &r->b), acc);
}

/* The samples of a block. */
static LoopReg *products(Nest *n, const IrNode *node, int pair, const Roles *r, const Samples *s, LoopReg *acc)
{
    if (!s || !s->count) return product(n, node, pair, r, acc);
    LoopIns *l = nest_fold(n, loop_at(0), loop_of(s->count), 1, acc);
    Samples one = *s;
    one.at[0] = ix_plus(n, s->at[0], ix(nest_counter(l)));
    Roles at = {with_samples(r->a, &node->arg[2 * pair]->type, &one), with_samples(r->b, &node->arg[2 * pair + 1]->type, &one)};
    return nest_end_fold(n, l, product(n, node, pair, &at, &l->body->carry[0]));
}

/* Contract dims i.. inside; `valid` limits the outermost loop: nothing is added when a tap falls beside the operand. */
static LoopReg *contract_dims(Nest *n, const IrNode *node, int pair, Roles *r, const Samples *s, int i, LoopReg *valid, LoopReg *acc)
{
    const IrAttrs *at = node->attr;
    if (i == at->contract.n && !valid) return products(n, node, pair, r, s, acc);
    int64_t extent = i == at->contract.n ? 1 : node->arg[2 * pair]->type.dim[at->contract.a[i]];    /* no dims: one turn or none */
    LoopReg *hi = int_reg(n, extent);
    if (valid) hi = loop_select(&n->b, valid, hi, int_reg(n, 0));
    LoopIns *l = nest_fold(n, loop_at(0), loop_of(hi), 1, acc);
    if (i < at->contract.n) r->a.dim[at->contract.a[i]] = r->b.dim[at->contract.b[i]] = ix(nest_counter(l));
    return nest_end_fold(n, l, contract_dims(n, node, pair, r, s, i < at->contract.n ? i + 1 : i, NULL, &l->body->carry[0]));
}

static LoopReg *taps(Nest *n, const IrNode *node, Roles *r, const Samples *s, int i, LoopReg *valid, LoopReg *acc)
{
    if (i == node->attr->n_windows) return contract_dims(n, node, 0, r, s, 0, valid, acc);
    const IrWindow *w = &node->attr->windows[i];
    int64_t na = node->arg[0]->type.dim[w->a];
    Index own = nest_own_index(n, &node->result[0]);
    LoopIns *l = nest_fold(n, loop_at(0), loop_at(node->arg[1]->type.dim[w->b]), 1, acc);
    LoopIndex first = ix_add(n, ix_mul(own.dim[node->attr->batch.n + i], w->stride), -w->lo).at;
    LoopReg *t = reg_of(n, loop_plus(&n->b, first, loop_times(nest_counter(l), w->dil_b)));
    LoopReg *in = loop_op2(&n->b, LOOP_inside, t, int_reg(n, na ? (na - 1) * w->dil_a + 1 : 0));
    LoopIndex inside = loop_of(loop_select(&n->b, in, t, int_reg(n, 0)));
    if (w->dil_a > 1)
        in = loop_op2(&n->b, LOOP_and, in, loop_compare(&n->b, IR_EQ, reg_of(n, nest_rest(n, inside, w->dil_a)), int_reg(n, 0)));
    if (valid) in = loop_op2(&n->b, LOOP_and, in, valid);
    r->a.dim[w->a] = ix(nest_quot(n, inside, w->dil_a));
    r->b.dim[w->b] = ix(nest_counter(l));
    return nest_end_fold(n, l, taps(n, node, r, s, i + 1, in, &l->body->carry[0]));
}

static LoopReg *contract_term(Nest *n, const IrNode *node, int pair, const Samples *s, LoopReg *acc)
{
    Roles r = roles_of(n, node, pair, s);
    return node->op == IR_conv ? taps(n, node, &r, s, 0, NULL, acc) : contract_dims(n, node, pair, &r, s, 0, NULL, acc);
}

static void contract_body(Nest *n)
{
    const IrNode *node = n->k->nodes.v[0];
    IrElem t = node->result[0].type.elem;
    bool lanes = node->op == IR_dot && ir_dot_form(node) == IR_FORM_LANES;
    if (over_of(node, 0).n) nest_results(n, 0, over_samples(n, node, node->n_args / 2, t, lanes, contract_term));
    else nest_results(n, 0, contract_term(n, node, 0, NULL, nest_zero(n, t)));
}

void nest_contract(Nest *n)
{
    const IrNode *node = n->k->nodes.v[0];
    const IrType *t = &node->result[0].type;
    bool window_last = node->op == IR_conv && t->rank == node->attr->batch.n + node->attr->n_windows;
    bool chains = node->op == IR_dot && !over_of(node, 0).n;
    if (n->k->lane_axis >= 0 && chains) nest_over_blocks(n, t->elem == IR_F64 ? n->rows / 2 : n->rows, contract_body);
    else if (n->k->lane_axis < 0 && window_last) nest_over_space_scalar(n, contract_body);
    else nest_over_space(n, contract_body);
}
