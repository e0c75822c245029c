/* build.c - making nodes: ir_node() for any row, and one maker a row on top of it.
 *
 * Types are inferred here and nowhere else; an operand list that does not fit is a defect of the caller. Makers do not
 * simplify, but for what ir.h says. Start at make(). */
#include "compiler/ir/change.h"
#include "compiler/ir/shape.h"

#include "base/bug.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

/* ---- nodes ------------------------------------------------------------------------------------------------------ */

static void link_before(IrBlock *b, IrNode *n, IrNode *before)
{
    n->block = b;
    n->next = before;
    n->prev = before ? before->prev : b->last;
    *(n->prev ? &n->prev->next : &b->first) = n;
    *(before ? &before->prev : &b->last) = n;
}

static void give_results(IrModule *m, IrNode *n, const IrType *types, int count)
{
    n->n_results = count;
    n->result = arena_array(m->arena, IrVal, count);
    for (int i = 0; i < count; i++) n->result[i] = (IrVal){.type = types[i], .def = n, .index = i, .id = m->next_id++};
}

/* ---- attributes: equal ones once ----------------------------------------------------------------------------------- */

static const IrAttrs **place_of_attrs(const IrModule *m, const IrAttrs *at)
{
    unsigned place = (unsigned)XXH3_64bits(at, sizeof *at);
    while (m->attrs.at[place & (m->attrs.room - 1)] && memcmp(m->attrs.at[place & (m->attrs.room - 1)], at, sizeof *at)) place++;
    return &m->attrs.at[place & (m->attrs.room - 1)];
}

static void grow_attrs(IrModule *m)
{
    const IrAttrs **old = m->attrs.at;
    unsigned        room = m->attrs.room;
    m->attrs.room = room ? 2 * room : 64;
    m->attrs.at = arena_array(m->arena, const IrAttrs *, m->attrs.room);
    for (unsigned i = 0; i < room; i++)
        if (old[i]) *place_of_attrs(m, old[i]) = old[i];
}

/* Bytes between the fields count, too: where they differ there are two of what could be one. */
static const IrAttrs *shared_attrs(IrModule *m, const IrAttrs *at)
{
    if (2 * m->attrs.n >= m->attrs.room) grow_attrs(m);
    const IrAttrs **place = place_of_attrs(m, at);
    if (*place) return *place;
    m->attrs.n++;
    return *place = arena_copy(m->arena, at, sizeof *at);
}

/* The pairs' sets in the module's arena, NULL if all are empty; integers show in `value` too. */
static void settle_attrs(IrModule *m, IrNode *n, IrAttrs *at)
{
    bool any = false;
    n->attr = at;
    for (int i = 0; at->pair_over && i < n->n_args / 2; i++) any |= at->pair_over[i].n > 0;
    at->pair_over = any ? arena_copy(m->arena, at->pair_over, sizeof *at->pair_over * (size_t)(n->n_args / 2)) : NULL;
    if (n->op == IR_dot && at->form != IR_FORM_BLAS) at->form = ir_dot_form(n);
    if (n->op == IR_pad) at->n = ir_is_real(n->result->type.elem) ? 0 : (int64_t)at->value;
    if (at->symbol) at->symbol = arena_str(m->arena, at->symbol);
    n->attr = shared_attrs(m, at);
}

void ir_set_attrs(IrModule *m, IrNode *n, const IrAttrs *attrs) { n->attr = shared_attrs(m, attrs); }

static IrNode *make(IrBuilder *b, IrOp op, IrVal *const *args, int n_args, const IrAttrs *attrs, const IrType *types, int n_types)
{
    IrNode *n = arena_new_of(b->m->arena, IrNode);
    n->op = op;
    n->n_args = n_args;
    n->arg = arena_copy(b->m->arena, args, sizeof *args * (size_t)n_args);
    IrAttrs at = attrs ? *attrs : ir_attrs();
    n->span = b->span;
    n->why = b->why;
    give_results(b->m, n, types, n_types);
    settle_attrs(b->m, n, &at);
    link_before(b->block, n, b->before);
    return n;
}

/* In a module that forgives sizes, what follows a result that is too large is made of single numbers, whatever was asked for. */
static IrType *stand_ins(IrModule *m, int n, bool large, const char *why)
{
    if (!m->forgives || (!large && !m->too_large[0])) BUG("%s", why);
    if (!m->too_large[0]) snprintf(m->too_large, sizeof m->too_large, "%s", why);
    IrType *types = arena_array(m->arena, IrType, n);
    for (int i = 0; i < n; i++) types[i] = ir_scalar(m->real);
    return types;
}

IrNode *ir_node(IrBuilder *b, IrOp op, IrVal *const *args, int n_args, const IrAttrs *attrs)
{
    IrAttrs none = ir_attrs();
    IrType types[IR_MAX_RESULTS];
    char why[256];
    const IrType *few[8], **arg_types = n_args <= 8 ? few : arena_array(b->m->arena, const IrType *, n_args);
    for (int i = 0; i < n_args; i++) arg_types[i] = &args[i]->type;
    int n_types = ir_infer_results(b->m, op, arg_types, n_args, attrs ? attrs : &none, types, why);
    if (n_types <= 0) return make(b, op, args, n_args, attrs, stand_ins(b->m, IR_MAX_RESULTS, n_types == IR_TOO_LARGE, why), IR_MAX_RESULTS);
    return make(b, op, args, n_args, attrs, types, n_types);
}

IrNode *ir_leaf(IrBuilder *b, IrOp op, IrVal *const *args, int n_args, const IrAttrs *attrs, const IrType *results, int n_results)
{
    if (!(ir_op_info[op].flags & IR_LEAF)) BUG("%s is no leaf", ir_op_info[op].name);
    return make(b, op, args, n_args, attrs, results, n_results);
}

IrNode *ir_like(IrBuilder *b, const IrNode *n, IrVal *const *args)
{
    if (n->n_bodies) BUG("%s has bodies", ir_op_info[n->op].name);
    if (!(ir_op_info[n->op].flags & IR_LEAF)) return ir_node(b, n->op, args, n->n_args, n->attr);
    IrType one, *types = n->n_results == 1 ? &one : arena_array(b->m->arena, IrType, n->n_results);
    for (int i = 0; i < n->n_results; i++) types[i] = n->result[i].type;
    return ir_leaf(b, n->op, args, n->n_args, n->attr, types, n->n_results);
}

/* ---- bodies ----------------------------------------------------------------------------------------------------- */

IrBlock *ir_block(IrModule *m) { return arena_new_of(m->arena, IrBlock); }

IrVal *ir_block_param(IrModule *m, IrBlock *b, IrType t)
{
    int n = b->n_params;
    if ((n & (n - 1)) == 0) {                               /* full at 0 and at powers of two */
        IrVal **grown = arena_array(m->arena, IrVal *, n ? 2 * n : 1);
        if (n) memcpy(grown, b->param, sizeof *grown * (size_t)n);
        b->param = grown;
    }
    IrVal *v = arena_new_of(m->arena, IrVal);
    *v = (IrVal){.type = t, .param_of = b, .index = n, .id = m->next_id++};
    return b->param[b->n_params++] = v;
}

void ir_block_yield(IrModule *m, IrBlock *b, IrVal *const *vals, int n)
{
    b->yield = arena_copy(m->arena, vals, sizeof *vals * (size_t)n);
    b->n_yields = n;
}

static IrNode *with_bodies(IrBuilder *b, IrOp op, const IrAttrs *at, const Operands *args, IrBlock *const *bodies, int n_bodies)
{
    IrNode shell = {.op = op, .n_args = args->n, .arg = args->v, .attr = at, .n_bodies = n_bodies, .body = (IrBlock **)bodies};
    char why[256];
    int n_types;
    IrType *types = ir_body_results(b->m, &shell, &n_types, why);
    if (!types) {
        bool large = n_types == IR_TOO_LARGE;
        n_types = bodies[0]->n_yields;
        types = stand_ins(b->m, n_types, large, why);
    }
    IrNode *n = make(b, op, args->v, args->n, at, types, n_types);
    n->n_bodies = n_bodies;
    n->body = arena_copy(b->m->arena, bodies, sizeof *bodies * (size_t)n_bodies);
    for (int i = 0; i < n_bodies; i++) bodies[i]->owner = n;
    return n;
}

static Operands operands(IrModule *m, IrVal *const *args, int n)
{
    Operands list = {0};
    for (int i = 0; i < n; i++) array_push(m->arena, &list, args[i]);
    return list;
}

IrNode *ir_scan_node(IrBuilder *b, int64_t n, int carried, int stacked, int until, IrVal *const *args, int n_args, IrBlock *body)
{
    IrAttrs at = ir_attrs();
    at.n = n;
    at.carried = carried;
    at.stacked = stacked;
    at.until = until;
    Operands all = operands(b->m, args, n_args);
    ir_close_blocks(b->m, &body, 1, &all);
    return with_bodies(b, IR_scan, &at, &all, &body, 1);
}

IrNode *ir_cond_node(IrBuilder *b, IrVal *const *args, int n_args, IrBlock *yes, IrBlock *no)
{
    IrAttrs at = ir_attrs();
    IrBlock *bodies[2] = {yes, no};
    Operands all = operands(b->m, args, n_args);
    ir_close_blocks(b->m, bodies, 2, &all);
    return with_bodies(b, IR_cond, &at, &all, bodies, 2);
}

/* ---- leaves ----------------------------------------------------------------------------------------------------- */

static IrVal *first(IrNode *n) { return &n->result[0]; }

static IrVal *leaf(IrBuilder *b, IrOp op, const IrAttrs *at, IrType t) { return first(ir_leaf(b, op, NULL, 0, at, &t, 1)); }

static IrVal *unary(IrBuilder *b, IrOp op, IrVal *a, const IrAttrs *at) { return first(ir_node(b, op, &a, 1, at)); }

static IrVal *binary(IrBuilder *b, IrOp op, IrVal *a, IrVal *c, const IrAttrs *at)
{
    return first(ir_node(b, op, (IrVal *[]){a, c}, 2, at));
}

IrVal *ir_const(IrBuilder *b, IrElem elem, double value)
{
    if (!ir_is_real(elem)) return ir_const_int(b, elem, (int64_t)value);
    IrAttrs at = ir_attrs();
    at.value = value;
    return leaf(b, IR_const, &at, ir_scalar(elem));
}

IrVal *ir_const_int(IrBuilder *b, IrElem elem, int64_t n)
{
    if (ir_is_real(elem)) return ir_const(b, elem, (double)n);
    IrAttrs at = ir_attrs();
    at.n = elem == IR_BOOL ? n != 0 : elem == IR_I32 ? (int32_t)n : n;
    at.value = (double)at.n;
    return leaf(b, IR_const, &at, ir_scalar(elem));
}

IrVal *ir_const_like(IrBuilder *b, const IrVal *a, double value) { return ir_const(b, a->type.elem, value); }

IrVal *ir_index_dim(IrBuilder *b, IrInts dims, int dim)
{
    IrAttrs at = ir_attrs();
    at.dim = dim;
    return leaf(b, IR_index, &at, ir_type(IR_I32, ir_no_axes(), dims));
}

IrVal *ir_index_axis(IrBuilder *b, int axis)
{
    IrAttrs at = ir_attrs();
    at.axis = axis;
    return leaf(b, IR_index, &at, ir_type(IR_I32, ir_one_axis(axis), (IrInts){0}));
}

IrVal *ir_read(IrBuilder *b, int slot)
{
    if (slot < 0 || slot >= b->m->slots.n) BUG("read of slot %d of %d", slot, b->m->slots.n);
    IrAttrs at = ir_attrs();
    at.slot = slot;
    return leaf(b, IR_read, &at, b->m->slots.v[slot].type);
}

static IrVal *draw(IrBuilder *b, IrOp op, int stream, int64_t n, IrType t)
{
    IrAttrs at = ir_attrs();
    at.stream = stream;
    at.n = n;
    return leaf(b, op, &at, t);
}

IrVal *ir_uniform(IrBuilder *b, int stream, IrType t) { return draw(b, IR_uniform, stream, 0, t); }
IrVal *ir_normal(IrBuilder *b, int stream, IrType t) { return draw(b, IR_normal, stream, 0, t); }

IrVal *ir_randint(IrBuilder *b, int stream, int64_t n, IrType t)
{
    t.elem = IR_I32;
    return draw(b, IR_randint, stream, n, t);
}

/* ---- element-wise ----------------------------------------------------------------------------------------------- */

#define MAKE(name) \
    IrVal *ir_##name(IrBuilder *b, IrVal *a) { return unary(b, IR_##name, a, NULL); }
IR_UNARY(MAKE)
#undef MAKE
#define MAKE(name) \
    IrVal *ir_##name(IrBuilder *b, IrVal *a, IrVal *c) { return binary(b, IR_##name, a, c, NULL); }
IR_BINARY(MAKE)
#undef MAKE

IrVal *ir_polygamma(IrBuilder *b, IrVal *a, int n)
{
    IrAttrs at = ir_attrs();
    at.n = n;
    return unary(b, IR_polygamma, a, &at);
}

IrVal *ir_convert(IrBuilder *b, IrVal *a, IrElem elem)
{
    if (a->type.elem == elem) return a;
    IrAttrs at = ir_attrs();
    at.elem = elem;
    return unary(b, IR_convert, a, &at);
}

IrVal *ir_fma(IrBuilder *b, IrVal *a, IrVal *c, IrVal *d) { return first(ir_node(b, IR_fma, (IrVal *[]){a, c, d}, 3, NULL)); }

IrVal *ir_compare(IrBuilder *b, IrCompare how, IrVal *a, IrVal *c)
{
    IrAttrs at = ir_attrs();
    at.compare = how;
    return binary(b, IR_compare, a, c, &at);
}

IrVal *ir_select(IrBuilder *b, IrVal *c, IrVal *yes, IrVal *no)
{
    return first(ir_node(b, IR_select, (IrVal *[]){c, yes, no}, 3, NULL));
}

IrVal *ir_and(IrBuilder *b, IrVal *a, IrVal *c) { return ir_select(b, a, c, ir_const(b, IR_BOOL, 0)); }
IrVal *ir_or(IrBuilder *b, IrVal *a, IrVal *c) { return ir_select(b, a, ir_const(b, IR_BOOL, 1), c); }
IrVal *ir_not(IrBuilder *b, IrVal *a) { return ir_select(b, a, ir_const(b, IR_BOOL, 0), ir_const(b, IR_BOOL, 1)); }

IrVal *ir_permute(IrBuilder *b, IrVal *position, int stream, int64_t n)
{
    IrAttrs at = ir_attrs();
    at.stream = stream;
    at.n = n;
    return unary(b, IR_permute, position, &at);
}

/* ---- reductions and contractions -------------------------------------------------------------------------------- */

static IrInts sorted(IrInts x)
{
    for (int i = 1; i < x.n; i++)
        for (int j = i; j > 0 && x.v[j - 1] > x.v[j]; j--) {
            int64_t larger = x.v[j - 1];
            x.v[j - 1] = x.v[j];
            x.v[j] = larger;
        }
    return x;
}

static IrVal *over_dims(IrBuilder *b, IrOp op, IrVal *a, IrInts dims)
{
    IrAttrs at = ir_attrs();
    at.dims = sorted(dims);
    return unary(b, op, a, &at);
}

IrVal *ir_sum(IrBuilder *b, IrVal *a, IrInts dims) { return dims.n ? over_dims(b, IR_sum, a, dims) : a; }
IrVal *ir_norm(IrBuilder *b, IrVal *a, IrInts dims) { return over_dims(b, IR_norm, a, dims); }

IrVal *ir_sum_all(IrBuilder *b, IrVal *a)
{
    IrInts dims = {.n = a->type.rank};
    for (int i = 0; i < dims.n; i++) dims.v[i] = i;
    return ir_sum(b, a, dims);
}

IrVal *ir_sum_over(IrBuilder *b, IrVal *a, IrAxes over)
{
    if (!over.n) return a;
    IrAttrs at = ir_attrs();
    at.over = over;
    return unary(b, IR_sum, a, &at);
}

static IrVal *along(IrBuilder *b, IrOp op, IrVal *a, int dim, int axis)
{
    IrAttrs at = ir_attrs();
    at.dim = dim;
    at.axis = axis;
    return unary(b, op, a, &at);
}

IrVal *ir_reduce_max(IrBuilder *b, IrVal *a, int dim) { return along(b, IR_reduce_max, a, dim, -1); }
IrVal *ir_reduce_max_over(IrBuilder *b, IrVal *a, int axis) { return along(b, IR_reduce_max, a, -1, axis); }
IrVal *ir_argmax(IrBuilder *b, IrVal *a, int dim) { return along(b, IR_argmax, a, dim, -1); }
IrVal *ir_argmax_over(IrBuilder *b, IrVal *a, int axis) { return along(b, IR_argmax, a, -1, axis); }
IrVal *ir_argsort(IrBuilder *b, IrVal *a) { return unary(b, IR_argsort, a, NULL); }

IrVal *ir_cumsum(IrBuilder *b, IrVal *a, int dim, bool reverse, bool exclusive)
{
    IrAttrs at = ir_attrs();
    at.dim = dim;
    at.reverse = reverse;
    at.exclusive = exclusive;
    return unary(b, IR_cumsum, a, &at);
}

IrVal *ir_dot_pairs(IrBuilder *b, IrVal *const *ab, int m_pairs, IrPairs batch, IrPairs contract, const IrAxes *over)
{
    IrAttrs at = ir_attrs();
    at.batch = batch;
    at.contract = contract;
    at.pair_over = over;
    return first(ir_node(b, IR_dot, ab, 2 * m_pairs, &at));
}

IrVal *ir_dot(IrBuilder *b, IrVal *a, IrVal *c, IrPairs batch, IrPairs contract, IrAxes over)
{
    return ir_dot_pairs(b, (IrVal *[]){a, c}, 1, batch, contract, &over);
}

IrVal *ir_conv(IrBuilder *b, IrVal *a, IrVal *k, IrPairs batch, const IrWindow *windows, int n_windows, IrPairs contract, IrAxes over)
{
    IrAttrs at = ir_attrs();
    if (n_windows < 0 || n_windows > 4) BUG("conv: %d windows", n_windows);
    at.batch = batch;
    at.contract = contract;
    at.over = over;
    at.n_windows = (uint8_t)n_windows;
    for (int i = 0; i < n_windows; i++) at.windows[i] = windows[i];
    return binary(b, IR_conv, a, k, &at);
}

/* ---- layout ----------------------------------------------------------------------------------------------------- */

IrVal *ir_reshape(IrBuilder *b, IrVal *a, IrInts dims)
{
    IrAttrs at = ir_attrs();
    at.dims = dims;
    return unary(b, IR_reshape, a, &at);
}

IrVal *ir_transpose(IrBuilder *b, IrVal *a, IrInts perm)
{
    IrAttrs at = ir_attrs();
    at.dims = perm;
    return unary(b, IR_transpose, a, &at);
}

IrVal *ir_broadcast(IrBuilder *b, IrVal *a, IrInts dims, IrInts kept)
{
    IrAttrs at = ir_attrs();
    at.dims = dims;
    at.kept = kept;
    return unary(b, IR_broadcast, a, &at);
}

IrVal *ir_fill(IrBuilder *b, IrVal *a, IrInts dims)
{
    if (a->type.rank) BUG("fill: of rank %d", a->type.rank);
    return dims.n ? ir_broadcast(b, a, dims, (IrInts){0}) : a;
}

IrVal *ir_slice(IrBuilder *b, IrVal *a, IrInts lo, IrInts hi, IrInts step)
{
    IrAttrs at = ir_attrs();
    at.lo = lo;
    at.hi = hi;
    at.step = step;
    return unary(b, IR_slice, a, &at);
}

IrVal *ir_pad(IrBuilder *b, IrVal *a, IrInts lo, IrInts hi, IrInts interior, double value)
{
    IrAttrs at = ir_attrs();
    at.lo = lo;
    at.hi = hi;
    at.interior = interior;
    at.value = value;
    return unary(b, IR_pad, a, &at);
}

IrVal *ir_concat(IrBuilder *b, IrVal *const *parts, int n, int dim)
{
    IrAttrs at = ir_attrs();
    at.dim = dim;
    return first(ir_node(b, IR_concat, parts, n, &at));
}

IrVal *ir_reverse(IrBuilder *b, IrVal *a, IrInts dims) { return over_dims(b, IR_reverse, a, dims); }

IrVal *ir_gather(IrBuilder *b, IrVal *a, IrVal *index, int batch)
{
    IrAttrs at = ir_attrs();
    at.n_batch = batch;
    return binary(b, IR_gather, a, index, &at);
}

IrVal *ir_scatter_add(IrBuilder *b, IrVal *index, IrVal *u, int64_t extent, int batch, IrAxes over)
{
    IrAttrs at = ir_attrs();
    at.n = extent;
    at.n_batch = batch;
    at.over = over;
    return binary(b, IR_scatter_add, index, u, &at);
}

IrVal *ir_spread(IrBuilder *b, IrVal *a, IrAxes axes)
{
    if (!axes.n) return a;
    IrAttrs at = ir_attrs();
    at.over = axes;
    return unary(b, IR_spread, a, &at);
}

IrVal *ir_as_feature(IrBuilder *b, IrVal *a, int axis) { return along(b, IR_as_feature, a, -1, axis); }
IrVal *ir_as_sample(IrBuilder *b, IrVal *a, int axis) { return along(b, IR_as_sample, a, -1, axis); }

/* ---- whole matrices --------------------------------------------------------------------------------------------- */

IrVal *ir_cholesky(IrBuilder *b, IrVal *a) { return unary(b, IR_cholesky, a, NULL); }
IrVal *ir_solve(IrBuilder *b, IrVal *a, IrVal *rhs) { return binary(b, IR_solve, a, rhs, NULL); }
IrNode *ir_eigh(IrBuilder *b, IrVal *a) { return ir_node(b, IR_eigh, &a, 1, NULL); }

IrVal *ir_trisolve(IrBuilder *b, IrVal *l, IrVal *rhs, bool transpose)
{
    IrAttrs at = ir_attrs();
    at.transpose = transpose;
    return binary(b, IR_trisolve, l, rhs, &at);
}
