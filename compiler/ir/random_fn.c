/* random_fn.c - see random_fn.h.
 *
 * A pool holds the values made so far. Each turn draws a row; make_<row>() picks operands from the pool (or makes fresh ones
 * of the type it needs) and adds the result, or gives up with NULL when the result would be too large. Bodies of
 * scan and cond are grown the same way from a pool of their parameters. Start at ir_random_module(), at the bottom. */
#include "compiler/ir/random_fn.h"

#include <math.h>
#include <string.h>

typedef struct {
    IrModule        *m;
    IrBuilder        b;
    uint64_t        *state;                                 /* of the generator, shared with nested ones */
    int             *streams;                               /* drawn so far */
    ARRAY(IrVal *)   pool;
    int              depth;
    int64_t          max_elements;
    const bool      *without;
} Gen;

/* ---- chance ----------------------------------------------------------------------------------------------------- */

static uint64_t next(uint64_t *state)                       /* splitmix64 (Steele, Lea, Flood 2014) */
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static int64_t below(Gen *g, int64_t n) { return n > 0 ? (int64_t)(next(g->state) % (uint64_t)n) : 0; }
static bool chance(Gen *g, int percent) { return below(g, 100) < percent; }
#define ONE_OF(g, list) ((list)[below((g), (int64_t)(sizeof(list) / sizeof *(list)))])

/* ---- types ------------------------------------------------------------------------------------------------------ */

static int64_t elements(const Gen *g, const IrType *t) { return ir_dims_size(t) * ir_axes_size(g->m, t->axes); }

static IrElem some_real(Gen *g) { return chance(g, 75) ? IR_F32 : IR_F64; }

static IrElem some_number(Gen *g)
{
    static const IrElem elem[] = {IR_F32, IR_F32, IR_F32, IR_F64, IR_I32, IR_I64};
    return ONE_OF(g, elem);
}

static int64_t some_extent(Gen *g)
{
    static const int64_t small[] = {1, 2, 2, 3, 3, 4, 5, 7, 8}, large[] = {0, 15, 16, 17, 31, 32, 33, 64};
    return chance(g, 80) ? ONE_OF(g, small) : ONE_OF(g, large);
}

static IrAxes some_axes(Gen *g)
{
    IrAxes axes = {0};
    int n = chance(g, 35) ? 0 : chance(g, 75) ? 1 : 2;
    for (int i = 0; i < n && g->m->axes.n; i++) axes = ir_axes_add(axes, (int)below(g, g->m->axes.n));
    return axes;
}

static IrInts some_dims(Gen *g, int least_rank)
{
    IrInts dims = {.n = (uint8_t)(least_rank + below(g, 3))};
    for (int i = 0; i < dims.n; i++) dims.v[i] = some_extent(g);
    return dims;
}

/* Drops axes, then dims, until it fits. */
static IrType fitting(Gen *g, IrType t)
{
    while (elements(g, &t) > g->max_elements && t.axes.n) t.axes.n--;
    for (int i = 0; i < t.rank && elements(g, &t) > g->max_elements; i++) t.dim[i] = 1;
    return t;
}

static IrType some_type(Gen *g, IrElem elem, int least_rank) { return fitting(g, ir_type(elem, some_axes(g), some_dims(g, least_rank))); }

/* ---- leaves of a wanted type ------------------------------------------------------------------------------------ */

static int new_stream(Gen *g) { return ir_stream(g->m, arena_printf(g->m->arena, "random.%d", (*g->streams)++)); }

static double some_value(Gen *g, IrElem elem)
{
    static const double real[] = {0, -0.0, 1, -1, 0.5, 2, -3.25, 0.1, 1e-3, 7.5, 0.25, 3};
    return ir_is_real(elem) ? ONE_OF(g, real) : (double)(below(g, 9) - 3);
}

static IrVal *from_slot(Gen *g, IrType t)
{
    IrAxes axes = t.axes;
    t.axes = ir_no_axes();
    int slot = ir_slot(g->m, arena_printf(g->m->arena, "s.%d", g->m->slots.n), t, IR_SLOT_PARAM, NULL);
    return ir_spread(&g->b, ir_read(&g->b, slot), axes);
}

static IrVal *filled(Gen *g, IrVal *number, IrType t)
{
    return ir_spread(&g->b, ir_fill(&g->b, number, ir_dims_of(&t)), t.axes);
}

static IrVal *fresh_bool(Gen *g, IrType t)
{
    t.elem = IR_F32;
    IrVal *u = ir_uniform(&g->b, new_stream(g), t);
    return ir_compare(&g->b, (IrCompare)below(g, 6), u, ir_const(&g->b, IR_F32, 0.5));
}

static IrVal *fresh(Gen *g, IrType t)
{
    if (t.elem == IR_BOOL) return fresh_bool(g, t);
    if (g->depth == 0 && chance(g, 40)) return from_slot(g, t);
    if (chance(g, 10)) return filled(g, ir_const(&g->b, t.elem, some_value(g, t.elem)), t);
    if (ir_is_real(t.elem)) return chance(g, 60) ? ir_normal(&g->b, new_stream(g), t) : ir_uniform(&g->b, new_stream(g), t);
    IrVal *i = ir_randint(&g->b, new_stream(g), 1 + below(g, 20), t);
    return ir_convert(&g->b, i, t.elem);
}

/* ---- picking ---------------------------------------------------------------------------------------------------- */

typedef bool Fits(const Gen *g, const IrType *t, const void *want);

static IrVal *pick(Gen *g, Fits *ok, const void *want)
{
    int n = g->pool.n;
    int64_t start = chance(g, 50) && n > 8 ? n - 1 - below(g, 8) : below(g, n);        /* what is new, often */
    for (int i = 0; i < n; i++) {
        IrVal *v = g->pool.v[(start + i) % n];
        if (ok(g, &v->type, want)) return v;
    }
    return NULL;
}

static bool has_elem(const Gen *g, const IrType *t, const void *want)
{
    const IrType *w = want;                                 /* its rank is the least one */
    (void)g;
    return t->elem == w->elem && t->rank >= w->rank;
}

static bool has_type(const Gen *g, const IrType *t, const void *want)
{
    (void)g;
    return ir_type_equal(t, want);
}

static bool is_mate(const Gen *g, const IrType *t, const void *want)
{
    const IrType *w = want;
    if (t->elem != w->elem || (t->rank && w->rank && !ir_dims_equal(t, w))) return false;
    if (ir_axes_minus(t->axes, w->axes).n + w->axes.n > 3) return false;
    IrType both = t->rank ? *t : *w;
    both.axes = ir_axes_union(t->axes, w->axes);
    return elements(g, &both) <= g->max_elements;
}

static IrVal *keep(Gen *g, IrVal *v)
{
    array_push(g->m->arena, &g->pool, v);
    return v;
}

static IrVal *operand(Gen *g, IrElem elem, int least_rank)
{
    IrVal *v = chance(g, 85) ? pick(g, has_elem, &(IrType){.elem = elem, .rank = (uint8_t)least_rank}) : NULL;
    return v ? v : keep(g, fresh(g, some_type(g, elem, least_rank)));
}

static IrVal *value_of(Gen *g, IrType t)
{
    IrVal *v = chance(g, 80) ? pick(g, has_type, &t) : NULL;
    return v ? v : keep(g, fresh(g, t));
}

/* Another operand for an element-wise row beside one of type `t`. */
static IrVal *mate(Gen *g, IrElem elem, IrType t)
{
    t.elem = elem;
    if (elem != IR_BOOL && chance(g, 15)) return ir_const(&g->b, elem, some_value(g, elem));
    IrVal *v = chance(g, 85) ? pick(g, is_mate, &t) : NULL;
    if (v) return v;
    if (chance(g, 30)) t.axes = some_axes(g);
    return keep(g, fresh(g, fitting(g, t)));
}

/* ---- making ----------------------------------------------------------------------------------------------------- */

static IrVal *try_node(Gen *g, IrOp op, IrVal *const *args, int n, const IrAttrs *at)
{
    const IrType *types[8];
    IrAttrs none = ir_attrs();
    IrType result;
    for (int i = 0; i < n; i++) types[i] = &args[i]->type;
    if (!ir_infer(g->m, op, types, n, at ? at : &none, &result, NULL)) return NULL;
    if (elements(g, &result) > g->max_elements || result.rank > 5) return NULL;
    return &ir_node(&g->b, op, args, n, at)->result[0];
}

static IrVal *try_1(Gen *g, IrOp op, IrVal *a, const IrAttrs *at) { return try_node(g, op, &a, 1, at); }
static IrVal *try_2(Gen *g, IrOp op, IrVal *a, IrVal *c, const IrAttrs *at) { return try_node(g, op, (IrVal *[]){a, c}, 2, at); }

/* Brings what may have grown back to where functions are interesting. */
static IrVal *tamed(Gen *g, IrVal *v)
{
    if (!v || !ir_is_real(v->type.elem) || chance(g, 40)) return v;
    if (chance(g, 40)) return ir_tanh(&g->b, v);
    if (chance(g, 50)) return ir_mul(&g->b, v, ir_const_like(&g->b, v, 0.125));
    return ir_max(&g->b, ir_min(&g->b, v, ir_const_like(&g->b, v, 4)), ir_const_like(&g->b, v, -4));
}

/* leaves */
static IrVal *make_const(Gen *g)
{
    IrElem elem = some_number(g);
    return ir_const(&g->b, elem, some_value(g, elem));
}

static IrVal *make_index(Gen *g)
{
    if (g->m->axes.n && chance(g, 50)) return ir_index_axis(&g->b, (int)below(g, g->m->axes.n));
    IrType t = some_type(g, IR_I32, 1);
    return ir_index_dim(&g->b, ir_dims_of(&t), (int)below(g, t.rank));
}

static IrVal *make_read(Gen *g)
{
    if (g->depth || !g->m->slots.n || chance(g, 30)) return from_slot(g, some_type(g, some_number(g), 0));
    return ir_read(&g->b, (int)below(g, g->m->slots.n));
}

/* element-wise */
static IrVal *map_1(Gen *g, IrOp op) { return try_1(g, op, operand(g, some_real(g), 0), NULL); }
static IrVal *map_grows(Gen *g, IrOp op) { return tamed(g, map_1(g, op)); }

static IrVal *map_positive(Gen *g, IrOp op)
{
    IrVal *a = operand(g, some_real(g), 0);
    return try_1(g, op, chance(g, 80) ? ir_abs(&g->b, a) : a, NULL);
}

static IrVal *number_1(Gen *g, IrOp op) { return try_1(g, op, operand(g, some_number(g), 0), NULL); }

static IrVal *number_2(Gen *g, IrOp op)
{
    IrVal *a = operand(g, some_number(g), 0), *c = mate(g, a->type.elem, a->type);
    return chance(g, 50) ? try_2(g, op, a, c, NULL) : try_2(g, op, c, a, NULL);
}

#define AS(name, how) \
    static IrVal *make_##name(Gen *g) { return how(g, IR_##name); }
AS(neg, number_1) AS(abs, number_1) AS(floor, map_1) AS(sqrt, map_positive) AS(exp, map_grows) AS(expm1, map_grows) AS(log, map_positive)
AS(log1p, map_positive) AS(sin, map_1) AS(cos, map_1) AS(tanh, map_1) AS(sigmoid, map_1) AS(dsigmoid, map_1) AS(softplus, map_1) AS(erf, map_1)
AS(erfc, map_1) AS(stop, number_1) AS(add, number_2) AS(sub, number_2) AS(rem, number_2) AS(max, number_2) AS(min, number_2)
#undef AS

static IrVal *make_mul(Gen *g) { return tamed(g, number_2(g, IR_mul)); }
static IrVal *make_div(Gen *g) { return tamed(g, number_2(g, IR_div)); }

static IrVal *make_polygamma(Gen *g)
{
    IrAttrs at = ir_attrs();
    at.n = below(g, 4) - 1;
    return tamed(g, try_1(g, IR_polygamma, operand(g, some_real(g), 0), &at));
}

static IrVal *make_convert(Gen *g)
{
    IrAttrs at = ir_attrs();
    at.elem = (IrElem)below(g, 5);
    return try_1(g, IR_convert, operand(g, chance(g, 10) ? IR_BOOL : some_number(g), 0), &at);
}

static IrVal *make_pow(Gen *g)
{
    IrVal *a = operand(g, some_real(g), 0), *c = mate(g, a->type.elem, a->type);
    return tamed(g, try_2(g, IR_pow, chance(g, 70) ? ir_abs(&g->b, a) : a, c, NULL));
}

static IrVal *make_fma(Gen *g)
{
    IrVal *a = operand(g, some_real(g), 0), *c = mate(g, a->type.elem, a->type);
    IrType both;
    if (!ir_infer(g->m, IR_mul, (const IrType *[]){&a->type, &c->type}, 2, &(IrAttrs){0}, &both, NULL)) return NULL;
    return tamed(g, try_node(g, IR_fma, (IrVal *[]){a, c, mate(g, both.elem, both)}, 3, NULL));
}

static IrVal *make_compare(Gen *g)
{
    IrAttrs at = ir_attrs();
    IrVal *a = operand(g, some_number(g), 0);
    at.compare = (IrCompare)below(g, 6);
    return try_2(g, IR_compare, a, mate(g, a->type.elem, a->type), &at);
}

static IrVal *make_select(Gen *g)
{
    IrVal *a = operand(g, chance(g, 10) ? IR_BOOL : some_number(g), 0);
    IrVal *yes = mate(g, a->type.elem, a->type), *c = mate(g, IR_BOOL, a->type);
    return try_node(g, IR_select, chance(g, 50) ? (IrVal *[]){c, a, yes} : (IrVal *[]){c, yes, a}, 3, NULL);
}

/* reductions */
static IrInts some_of_dims(Gen *g, const IrType *t, int least)
{
    IrInts dims = {0};
    int sure = t->rank ? (int)below(g, t->rank) : -1;
    for (int i = 0; i < t->rank; i++)
        if ((least && i == sure) || chance(g, 40)) dims.v[dims.n++] = i;
    return dims;
}

static IrAxes some_of_axes(Gen *g, IrAxes all)
{
    IrAxes some = {0};
    int sure = (int)below(g, all.n);
    for (int i = 0; i < all.n; i++)
        if (i == sure || chance(g, 40)) some.id[some.n++] = all.id[i];
    return some;
}

static IrVal *make_sum(Gen *g)
{
    IrVal *a = operand(g, some_number(g), 0);
    IrAttrs at = ir_attrs();
    if (a->type.axes.n && (a->type.rank == 0 || chance(g, 60))) at.over = some_of_axes(g, a->type.axes);
    else at.dims = some_of_dims(g, &a->type, 1);
    if (at.over.n && a->type.rank && chance(g, 30)) at.dims = some_of_dims(g, &a->type, 1);
    return tamed(g, try_1(g, IR_sum, a, &at));
}

static IrVal *reduced(Gen *g, IrOp op)
{
    IrVal *a = operand(g, some_number(g), 0);
    IrAttrs at = ir_attrs();
    if (a->type.axes.n && (a->type.rank == 0 || chance(g, 40))) at.axis = a->type.axes.id[below(g, a->type.axes.n)];
    else at.dim = (int)below(g, a->type.rank);
    return try_1(g, op, a, &at);
}

static IrVal *make_reduce_max(Gen *g) { return reduced(g, IR_reduce_max); }
static IrVal *make_argmax(Gen *g) { return reduced(g, IR_argmax); }
static IrVal *make_argsort(Gen *g) { return try_1(g, IR_argsort, operand(g, some_number(g), 1), NULL); }

static IrVal *make_norm(Gen *g)
{
    IrVal *a = operand(g, some_real(g), 0);
    IrAttrs at = ir_attrs();
    at.dims = some_of_dims(g, &a->type, 0);
    return try_1(g, IR_norm, a, &at);
}

static IrVal *make_cumsum(Gen *g)
{
    IrVal *a = operand(g, some_number(g), 1);
    IrAttrs at = ir_attrs();
    at.dim = (int)below(g, a->type.rank);
    at.reverse = chance(g, 40);
    at.exclusive = chance(g, 40);
    return tamed(g, try_1(g, IR_cumsum, a, &at));
}

/* contractions */
typedef struct { IrType a, b; IrAttrs at; } Contraction;

/* Dims of b for batch and contract dims chosen from a's, in any order, and one or two free ones between. */
static Contraction some_contraction(Gen *g, IrType a)
{
    Contraction c = {.a = a, .at = ir_attrs()};
    IrInts dims = {0};
    for (int i = 0; i < a.rank; i++) {
        if (chance(g, 20)) dims.v[dims.n++] = some_extent(g);
        IrPairs *p = chance(g, 45) ? &c.at.contract : chance(g, 30) ? &c.at.batch : NULL;
        if (!p) continue;
        p->a[p->n] = (uint8_t)i;
        p->b[p->n++] = dims.n;
        dims.v[dims.n++] = a.dim[i];
    }
    if (dims.n < 4 && chance(g, 60)) dims.v[dims.n++] = some_extent(g);
    c.b = fitting(g, ir_type(a.elem, chance(g, 50) ? some_axes(g) : a.axes, dims));
    for (int i = 0; i < c.at.contract.n; i++) c.b.dim[c.at.contract.b[i]] = a.dim[c.at.contract.a[i]];
    for (int i = 0; i < c.at.batch.n; i++) c.b.dim[c.at.batch.b[i]] = a.dim[c.at.batch.a[i]];
    return c;
}

static int64_t work_of(const Gen *g, const Contraction *c)
{
    IrAxes axes = ir_axes_union(c->a.axes, c->b.axes);
    int64_t shared = 1;
    for (int i = 0; i < c->at.contract.n; i++) shared *= c->a.dim[c->at.contract.a[i]];
    for (int i = 0; i < c->at.batch.n; i++) shared *= c->a.dim[c->at.batch.a[i]];
    int64_t both = ir_dims_size(&c->a) * ir_dims_size(&c->b);
    return ir_axes_size(g->m, axes) * (shared ? both / shared : 0);
}

static bool affordable(const Gen *g, const Contraction *c)
{
    return ir_axes_union(c->a.axes, c->b.axes).n <= 3 && elements(g, &c->b) <= g->max_elements && work_of(g, c) <= 20 * g->max_elements;
}

/* An axis with as many shards as this one: itself or another. */
static int like_axis(Gen *g, int axis, IrAxes taken)
{
    int64_t shards = ir_shards(ir_extent(g->m, axis)).count;
    for (int tries = 0; tries < 6; tries++) {
        int other = (int)below(g, g->m->axes.n);
        if (!ir_axes_has(taken, other) && ir_shards(ir_extent(g->m, other)).count == shards) return other;
    }
    return axis;
}

static IrAxes renamed(IrAxes s, int from, int to)
{
    return ir_axes_has(s, from) ? ir_axes_add(ir_axes_minus(s, ir_one_axis(from)), to) : s;
}

static int add_pair(Gen *g, const Contraction *c, IrVal **args, IrAxes *over, int m)
{
    IrType a = c->a, b = c->b;
    int axis = over[0].id[0], other = like_axis(g, axis, ir_axes_union(a.axes, b.axes));
    a.axes = renamed(a.axes, axis, other);
    b.axes = renamed(b.axes, axis, other);
    over[m] = renamed(over[0], axis, other);
    if (ir_shards(ir_extent(g->m, over[m].id[0])).count != ir_shards(ir_extent(g->m, axis)).count) return m;
    if (elements(g, &a) > g->max_elements || elements(g, &b) > g->max_elements) return m;
    args[2 * m] = value_of(g, a);
    args[2 * m + 1] = value_of(g, b);
    return m + 1;
}

static IrVal *make_dot(Gen *g)
{
    IrVal *a = operand(g, some_real(g), 0), *args[8];
    Contraction c = some_contraction(g, a->type);
    if (!affordable(g, &c)) return NULL;
    args[0] = a;
    args[1] = chance(g, 8) && ir_type_equal(&c.a, &c.b) ? a : value_of(g, c.b);
    IrAxes over[4] = {{0}}, all = ir_axes_union(c.a.axes, c.b.axes);
    int m = 1;
    if (all.n && chance(g, 65)) over[0] = some_of_axes(g, all);
    while (over[0].n && m < 4 && chance(g, 40)) {
        int more = add_pair(g, &c, args, over, m);
        if (more == m) break;
        m = more;
    }
    c.at.pair_over = over;
    return tamed(g, try_node(g, IR_dot, args, 2 * m, &c.at));
}

static IrWindow some_window(Gen *g, int a, int b)
{
    return (IrWindow){.a = (uint8_t)a, .b = (uint8_t)b, .stride = 1 + below(g, 3), .dil_a = chance(g, 70) ? 1 : 1 + below(g, 3),
                      .dil_b = chance(g, 70) ? 1 : 1 + below(g, 3), .lo = below(g, 5) - 1, .hi = below(g, 5) - 1};
}

/* a: [window dims, channel?, group?, free?]; the kernel: [free?, group?, channel?, window dims]. */
static IrVal *make_conv(Gen *g)
{
    IrAttrs at = ir_attrs();
    IrInts a = {0}, k = {0};
    if (chance(g, 60)) k.v[k.n++] = 1 + below(g, chance(g, 30) ? 40 : 9);
    at.n_windows = (uint8_t)(1 + below(g, 2));
    bool group = chance(g, 30), channel = chance(g, 70);
    for (int i = 0; i < at.n_windows; i++) a.v[a.n++] = 1 + below(g, 9);
    if (group) {
        at.batch = ir_pairs(1, (int[]){a.n}, (int[]){k.n});
        a.v[a.n++] = k.v[k.n++] = 1 + below(g, chance(g, 30) ? 40 : 3);
    }
    if (channel) {
        at.contract = ir_pairs(1, (int[]){a.n}, (int[]){k.n});
        a.v[a.n++] = k.v[k.n++] = 1 + below(g, 5);
    }
    for (int i = 0; i < at.n_windows; i++) {
        at.windows[i] = some_window(g, i, k.n);
        k.v[k.n++] = 1 + below(g, 4);
    }
    if (chance(g, 30)) a.v[a.n++] = 1 + below(g, chance(g, 30) ? 40 : 5);
    Contraction c = {.at = at};
    IrElem elem = some_real(g);
    c.a = fitting(g, ir_type(elem, some_axes(g), a));
    c.b = fitting(g, ir_type(elem, chance(g, 60) ? ir_no_axes() : c.a.axes, k));
    IrAxes all = ir_axes_union(c.a.axes, c.b.axes);
    if (all.n && chance(g, 40)) at.over = some_of_axes(g, all);
    if (!ir_dims_size(&c.a) || work_of(g, &c) > 20 * g->max_elements) return NULL;
    return tamed(g, try_2(g, IR_conv, value_of(g, c.a), value_of(g, c.b), &at));
}

/* layout */
static IrVal *make_reshape(Gen *g)
{
    IrVal *a = operand(g, chance(g, 10) ? IR_BOOL : some_number(g), 0);
    IrAttrs at = ir_attrs();
    int64_t rest = ir_dims_size(&a->type);
    for (int64_t f = 2; f < 9 && at.dims.n < 4; f++)
        if (rest && rest % f == 0 && chance(g, 50)) {
            at.dims.v[at.dims.n++] = f;
            rest /= f;
        }
    if (rest != 1 || chance(g, 30)) at.dims.v[at.dims.n++] = rest;
    return try_1(g, IR_reshape, a, &at);
}

static IrVal *make_transpose(Gen *g)
{
    IrVal *a = operand(g, some_number(g), 0);
    IrAttrs at = ir_attrs();
    at.dims.n = a->type.rank;
    for (int i = 0; i < a->type.rank; i++) {
        int j = (int)below(g, i + 1);
        at.dims.v[i] = at.dims.v[j];
        at.dims.v[j] = i;
    }
    return try_1(g, IR_transpose, a, &at);
}

static IrVal *make_broadcast(Gen *g)
{
    IrVal *a = operand(g, chance(g, 10) ? IR_BOOL : some_number(g), 0);
    IrAttrs at = ir_attrs();
    for (int i = 0; i <= a->type.rank; i++) {
        if (at.dims.n + a->type.rank - i < IR_MAX_RANK && chance(g, 40)) at.dims.v[at.dims.n++] = some_extent(g);
        if (i == a->type.rank) break;
        at.kept.v[at.kept.n++] = at.dims.n;
        at.dims.v[at.dims.n++] = a->type.dim[i];
    }
    return at.dims.n > 5 ? NULL : try_1(g, IR_broadcast, a, &at);
}

static IrVal *make_slice(Gen *g)
{
    IrVal *a = operand(g, chance(g, 10) ? IR_BOOL : some_number(g), 0);
    IrAttrs at = ir_attrs();
    at.lo.n = at.hi.n = at.step.n = a->type.rank;
    for (int i = 0; i < a->type.rank; i++) {
        at.lo.v[i] = chance(g, 50) ? 0 : below(g, a->type.dim[i] + 1);
        at.hi.v[i] = chance(g, 50) ? a->type.dim[i] : at.lo.v[i] + below(g, a->type.dim[i] - at.lo.v[i] + 1);
        at.step.v[i] = chance(g, 60) ? 1 : 1 + below(g, 4);
    }
    return try_1(g, IR_slice, a, &at);
}

static IrVal *make_pad(Gen *g)
{
    IrVal *a = operand(g, some_number(g), 0);
    IrAttrs at = ir_attrs();
    at.lo.n = at.hi.n = at.interior.n = a->type.rank;
    for (int i = 0; i < a->type.rank; i++) {
        at.lo.v[i] = below(g, 3);
        at.hi.v[i] = below(g, 3);
        at.interior.v[i] = chance(g, 70) ? 0 : 1 + below(g, 2);
    }
    at.value = ir_is_real(a->type.elem) && chance(g, 10) ? -INFINITY : chance(g, 60) ? 0 : some_value(g, a->type.elem);
    return try_1(g, IR_pad, a, &at);
}

static IrVal *make_concat(Gen *g)
{
    IrVal *part[4] = {operand(g, some_number(g), 1)};
    IrAttrs at = ir_attrs();
    int n = 1 + (int)below(g, 4);
    at.dim = (int)below(g, part[0]->type.rank);
    for (int i = 1; i < n; i++) {
        IrType t = part[0]->type;
        t.dim[at.dim] = some_extent(g);
        if (chance(g, 30)) t.axes = some_axes(g);
        part[i] = elements(g, &t) <= g->max_elements ? value_of(g, t) : part[0];
    }
    return try_node(g, IR_concat, part, n, &at);
}

static IrVal *make_reverse(Gen *g)
{
    IrVal *a = operand(g, some_number(g), 1);
    IrAttrs at = ir_attrs();
    at.dims = some_of_dims(g, &a->type, 1);
    return try_1(g, IR_reverse, a, &at);
}

/* Indices for a dim of `extent`, now and then outside. */
static IrVal *indices(Gen *g, IrType t, int64_t extent)
{
    t.elem = IR_I32;
    IrVal *i = ir_randint(&g->b, new_stream(g), extent + 1, t);
    if (chance(g, 70)) i = ir_rem(&g->b, i, ir_const(&g->b, IR_I32, extent ? (double)extent : 1));
    return chance(g, 20) ? ir_sub(&g->b, i, ir_const(&g->b, IR_I32, 1)) : i;
}

static IrVal *make_gather(Gen *g)
{
    IrVal *a = operand(g, chance(g, 10) ? IR_BOOL : some_number(g), 1);
    IrAttrs at = ir_attrs();
    at.n_batch = chance(g, 60) ? 0 : (int)below(g, a->type.rank);
    IrInts dims = ir_ints(at.n_batch, a->type.dim);
    for (int i = (int)below(g, 3); i > 0 && dims.n < 4; i--) dims.v[dims.n++] = some_extent(g);
    IrType t = ir_type(IR_I32, chance(g, 40) ? a->type.axes : some_axes(g), dims);
    if (elements(g, &t) > g->max_elements) return NULL;
    return try_2(g, IR_gather, a, indices(g, t, a->type.dim[at.n_batch]), &at);
}

static IrVal *make_scatter_add(Gen *g)
{
    IrVal *u = operand(g, some_real(g), 0);
    IrAttrs at = ir_attrs();
    int rank = (int)below(g, u->type.rank + 1);
    at.n_batch = chance(g, 60) ? 0 : (int)below(g, rank + 1);
    at.n = below(g, 9);
    IrType t = ir_type(IR_I32, chance(g, 60) ? u->type.axes : some_axes(g), ir_ints(rank, u->type.dim));
    IrAxes all = ir_axes_union(t.axes, u->type.axes);
    if (all.n > 3 || elements(g, &t) > g->max_elements || ir_axes_size(g->m, all) * ir_dims_size(&u->type) > 4 * g->max_elements) return NULL;
    if (all.n && chance(g, 50)) at.over = some_of_axes(g, all);
    return tamed(g, try_2(g, IR_scatter_add, indices(g, t, at.n), u, &at));
}

static IrVal *make_spread(Gen *g)
{
    IrVal *a = operand(g, chance(g, 10) ? IR_BOOL : some_number(g), 0);
    IrAttrs at = ir_attrs();
    at.over = ir_axes_minus(some_axes(g), a->type.axes);
    return try_1(g, IR_spread, a, &at);
}

static IrVal *make_as_feature(Gen *g)
{
    IrVal *a = operand(g, chance(g, 10) ? IR_BOOL : some_number(g), 0);
    IrAttrs at = ir_attrs();
    if (!a->type.axes.n) return NULL;
    at.axis = a->type.axes.id[below(g, a->type.axes.n)];
    return try_1(g, IR_as_feature, a, &at);
}

static IrVal *make_as_sample(Gen *g)
{
    if (!g->m->axes.n) return NULL;
    IrAttrs at = ir_attrs();
    at.axis = (int)below(g, g->m->axes.n);
    for (int i = g->pool.n - 1; i >= 0; i--) {              /* an as_feature, if there is one that fits */
        IrVal *v = g->pool.v[i], *result = v->type.rank ? try_1(g, IR_as_sample, v, &at) : NULL;
        if (result) return result;
    }
    IrType t = some_type(g, some_number(g), 1);
    t.axes = ir_no_axes();
    t.dim[0] = ir_extent(g->m, at.axis);
    return elements(g, &t) > g->max_elements ? NULL : try_1(g, IR_as_sample, value_of(g, t), &at);
}

/* random */
static IrVal *make_uniform(Gen *g) { return ir_uniform(&g->b, new_stream(g), some_type(g, some_real(g), 0)); }
static IrVal *make_normal(Gen *g) { return ir_normal(&g->b, new_stream(g), some_type(g, some_real(g), 0)); }
static IrVal *make_randint(Gen *g) { return ir_randint(&g->b, new_stream(g), 1 + below(g, 1000), some_type(g, IR_I32, 0)); }

static IrVal *make_permute(Gen *g)
{
    static const int64_t sizes[] = {1, 2, 3, 10, 64, 1000};
    return ir_permute(&g->b, operand(g, IR_I64, 0), new_stream(g), ONE_OF(g, sizes));
}

/* whole matrices */
static IrVal *identity(Gen *g, IrElem elem, int64_t n)
{
    IrInts dims = ir_ints(2, (int64_t[]){n, n});
    IrVal *on = ir_compare(&g->b, IR_EQ, ir_index_dim(&g->b, dims, 0), ir_index_dim(&g->b, dims, 1));
    return ir_convert(&g->b, on, elem);
}

/* Matrices x x' + 2, fit for every row below. */
static IrVal *some_matrix(Gen *g)
{
    int64_t n = 1 + below(g, 6), k = 1 + below(g, 4);
    IrElem elem = some_real(g);
    IrVal *x = value_of(g, fitting(g, ir_type(elem, some_axes(g), ir_ints(2, (int64_t[]){n, k}))));
    IrVal *xx = ir_dot(&g->b, x, x, ir_no_pairs(), ir_pairs(1, (int[]){1}, (int[]){1}), ir_no_axes());
    if (xx->type.dim[0] == n && chance(g, 90)) xx = ir_add(&g->b, xx, ir_mul(&g->b, ir_const(&g->b, elem, 2), identity(g, elem, n)));
    if (chance(g, 25) && elements(g, &xx->type) * 2 <= g->max_elements)
        xx = ir_broadcast(&g->b, xx, ir_ints(3, (int64_t[]){2, xx->type.dim[0], xx->type.dim[1]}), ir_ints(2, (int64_t[]){1, 2}));
    return xx;
}

static IrVal *right_side(Gen *g, const IrVal *a)
{
    IrType t = a->type;
    t.dim[t.rank - 1] = 1 + below(g, 3);
    if (chance(g, 30)) t.axes = some_axes(g);
    return value_of(g, fitting(g, t));
}

static IrVal *make_cholesky(Gen *g) { return try_1(g, IR_cholesky, some_matrix(g), NULL); }

static IrVal *make_solve(Gen *g)
{
    IrVal *a = some_matrix(g);
    return tamed(g, try_2(g, IR_solve, a, right_side(g, a), NULL));
}

static IrVal *make_trisolve(Gen *g)
{
    IrVal *l = some_matrix(g);
    IrAttrs at = ir_attrs();
    at.transpose = chance(g, 50);
    return tamed(g, try_2(g, IR_trisolve, l, right_side(g, l), &at));
}

static IrVal *make_eigh(Gen *g)
{
    IrNode *n = ir_eigh(&g->b, some_matrix(g));
    keep(g, &n->result[1]);
    return &n->result[0];
}

static IrVal *make_extern(Gen *g)
{
    (void)g;                                                /* needs a symbol outside */
    return NULL;
}

/* ---- bodies ----------------------------------------------------------------------------------------------------- */

static void grow(Gen *g, int n_nodes);

static Gen body_gen(Gen *g, IrBlock *body)
{
    return (Gen){.m = g->m, .b = {.m = g->m, .block = body}, .state = g->state, .streams = g->streams, .depth = g->depth + 1,
                 .max_elements = g->max_elements / 8 > 64 ? g->max_elements / 8 : 64, .without = g->without};
}

static IrVal *small_operand(Gen *g, IrElem elem, IrAxes with)
{
    IrVal *v = operand(g, elem, 0);
    if (elements(g, &v->type) <= g->max_elements / 8 && ir_axes_within(with, v->type.axes)) return v;
    IrType t = some_type(g, elem, 0);
    t.axes = ir_axes_union(with, t.axes.n > 2 ? ir_no_axes() : t.axes);
    for (int i = 0; i < t.rank; i++) t.dim[i] = t.dim[i] > 3 ? 3 : t.dim[i];
    if (elements(g, &t) > g->max_elements / 8) t.axes = with;
    return value_of(g, t);
}

typedef struct {
    int64_t n;
    int     carried, stacked, n_args, until, n_yields;
    IrVal  *arg[8], *yield[8];
    IrAxes  stop;                                           /* axes every carried value and output must have */
    Gen     body;
} Scan;

static void add_arg(Gen *g, Scan *s, IrVal *v, bool slice)
{
    IrType t = v->type;
    if (slice) {
        t.rank--;
        memmove(t.dim, t.dim + 1, sizeof t.dim[0] * t.rank);
    }
    s->arg[s->n_args++] = v;
    keep(&s->body, ir_block_param(g->m, s->body.b.block, t));
}

static void add_stacked(Gen *g, Scan *s)
{
    IrType t = some_type(g, some_number(g), 0);
    if (t.rank > 3) t.rank = 3;
    memmove(t.dim + 1, t.dim, sizeof t.dim[0] * t.rank++);
    t.dim[0] = s->n;
    t = fitting(g, t);
    t.dim[0] = s->n;
    if (elements(g, &t) > g->max_elements) t.axes = ir_no_axes();
    add_arg(g, s, value_of(g, t), true);
    s->stacked++;
}

static void add_scan_args(Gen *g, Scan *s)
{
    IrVal *first = small_operand(g, some_real(g), ir_no_axes());
    bool until = chance(g, 35);
    if (until) s->stop = first->type.axes;
    add_arg(g, s, first, false);
    if (chance(g, 50)) add_arg(g, s, small_operand(g, some_number(g), s->stop), false);
    if (until) {
        s->until = s->n_args;
        add_arg(g, s, value_of(g, ir_type(IR_BOOL, s->stop, (IrInts){0})), false);
    }
    s->carried = s->n_args;
    for (int i = (int)below(g, 3); i > 0; i--) add_stacked(g, s);
    for (int i = (int)below(g, 2); i > 0; i--) add_arg(g, s, small_operand(g, some_number(g), ir_no_axes()), false);
}

/* What carried value i becomes: of its type; a step from where it was, for reals. */
static IrVal *next_carried(Gen *body, Scan *s, int i)
{
    IrVal *was = body->b.block->param[i];
    if (i == s->until) {
        IrVal *total = ir_sum_all(&body->b, body->b.block->param[0]);
        return ir_compare(&body->b, chance(body, 50) ? IR_GT : IR_LT, total, ir_const_like(&body->b, total, 1));
    }
    IrVal *v = value_of(body, was->type);
    if (!ir_is_real(was->type.elem)) return v;
    return ir_fma(&body->b, was, ir_const_like(&body->b, was, 0.5), ir_tanh(&body->b, v));
}

static void add_yields(Scan *s)
{
    for (int i = 0; i < s->carried; i++) s->yield[s->n_yields++] = next_carried(&s->body, s, i);
    for (int i = (int)below(&s->body, 3); i > 0; i--) {
        IrVal *v = small_operand(&s->body, some_number(&s->body), s->stop);
        if (v->type.rank < 4) s->yield[s->n_yields++] = v;
    }
}

static void keep_results(Gen *g, IrNode *n)
{
    for (int i = 1; i < n->n_results; i++)
        if (elements(g, &n->result[i].type) <= g->max_elements) keep(g, &n->result[i]);
}

static IrVal *make_scan(Gen *g)
{
    static const int64_t counts[] = {0, 1, 2, 3, 3, 5};
    if (g->depth > 1) return NULL;
    Scan s = {.n = ONE_OF(g, counts), .until = -1};
    s.body = body_gen(g, ir_block(g->m));
    add_scan_args(g, &s);
    grow(&s.body, 2 + (int)below(g, 8));
    add_yields(&s);
    ir_block_yield(g->m, s.body.b.block, s.yield, s.n_yields);
    IrNode *n = ir_scan_node(&g->b, s.n, s.carried, s.stacked, s.until, s.arg, s.n_args, s.body.b.block);
    keep_results(g, n);
    return &n->result[0];
}

static IrVal *some_condition(Gen *g)
{
    IrVal *v = ir_sum_all(&g->b, operand(g, some_real(g), 0));
    v = ir_sum_over(&g->b, v, v->type.axes);
    return ir_compare(&g->b, chance(g, 50) ? IR_GT : IR_LE, v, ir_const_like(&g->b, v, 0));
}

static IrBlock *cond_body(Gen *g, IrVal *const *args, int n_args, const IrType *yields, int n_yields)
{
    Gen body = body_gen(g, ir_block(g->m));
    IrVal *yield[2];
    for (int i = 0; i < n_args; i++) keep(&body, ir_block_param(g->m, body.b.block, args[i]->type));
    grow(&body, 1 + (int)below(g, 6));
    for (int i = 0; i < n_yields; i++) yield[i] = value_of(&body, yields[i]);
    ir_block_yield(g->m, body.b.block, yield, n_yields);
    return body.b.block;
}

static IrVal *make_cond(Gen *g)
{
    if (g->depth > 1) return NULL;
    IrVal *args[3] = {some_condition(g)};
    IrType yields[2];
    for (int i = 1; i < 3; i++) args[i] = small_operand(g, some_number(g), ir_no_axes());
    for (int i = 0; i < 2; i++) yields[i] = chance(g, 60) ? args[1 + i]->type : small_operand(g, some_number(g), ir_no_axes())->type;
    IrBlock *yes = cond_body(g, args + 1, 2, yields, 2), *no = cond_body(g, args + 1, 2, yields, 2);
    IrNode *n = ir_cond_node(&g->b, args, 3, yes, no);
    keep_results(g, n);
    return &n->result[0];
}

/* ---- functions -------------------------------------------------------------------------------------------------- */

typedef IrVal *Make(Gen *g);

static Make *const make_of[IR_OP_COUNT] = {
#define OP(name, ...) [IR_##name] = make_##name,
#include "compiler/ir/ops.def"
#undef OP
};

static void grow(Gen *g, int n_nodes)
{
    for (int made = 0, tries = 0; made < n_nodes && tries < 20 * n_nodes; tries++) {
        IrOp op = (IrOp)below(g, IR_OP_COUNT);
        if (g->without && g->without[op]) continue;
        IrVal *v = make_of[op](g);
        if (!v) continue;
        keep(g, v);
        made++;
    }
}

static void add_axes(Gen *g)
{
    static const int64_t extents[] = {1, 2, 31, 33, 64, 65, 511, 513, 3, 5, 128};
    static const char *const names[] = {"a", "b", "c", "d"};
    int n = (int)below(g, 5);
    for (int i = 0; i < n; i++) ir_axis(g->m, names[i], chance(g, 4) ? 0 : ONE_OF(g, extents));
}

static bool is_committed(const IrFn *f, int slot)
{
    for (int i = 0; i < f->commits.n; i++)
        if (f->commits.v[i].slot == slot) return true;
    return false;
}

static void add_ends(Gen *g, IrFn *f)
{
    for (int i = 0; i < g->pool.n; i++) {
        IrVal *v = g->pool.v[i];
        for (int s = 0; s < g->m->slots.n; s++)
            if (chance(g, 30) && ir_type_equal(&g->m->slots.v[s].type, &v->type) && !is_committed(f, s)) {
                ir_commit(g->m, f, s, v);
                break;
            }
    }
    int *uses = ir_use_counts(g->m, f, g->m->arena), n_reports = 0;
    for (int i = 0; i < g->pool.n; i++)
        if (!uses[g->pool.v[i]->id] || chance(g, 15))
            ir_report(g->m, f, arena_printf(g->m->arena, "r%d", n_reports++), g->pool.v[i]);
}

static void add_tick(Gen *g, IrFn *f)
{
    f->tick_slot = ir_slot(g->m, "fn.random.tick", ir_scalar(IR_I64), IR_SLOT_COUNTER, NULL);
    IrVal *tick = ir_add(&g->b, ir_read(&g->b, f->tick_slot), ir_const(&g->b, IR_I64, 1));
    ir_commit(g->m, f, f->tick_slot, tick);
}

IrModule *ir_random_module(Arena *a, IrRandomOptions options)
{
    uint64_t state = options.seed * 0x2545f4914f6cdd1du + 1;
    int streams = 0;
    IrModule *m = ir_module(a, IR_F32);
    IrFn *f = ir_fn(m, "random", IR_FN_STATE);
    Gen g = {.m = m, .b = {.m = m, .block = &f->body}, .state = &state, .streams = &streams, .without = options.without,
             .max_elements = options.max_elements ? options.max_elements : 20000};
    add_axes(&g);
    add_tick(&g, f);
    for (int i = 0; i < 3; i++) keep(&g, fresh(&g, some_type(&g, some_number(&g), i)));
    grow(&g, options.n_nodes ? options.n_nodes : 40);
    add_ends(&g, f);
    return m;
}

/* ---- what slots hold -------------------------------------------------------------------------------------------- */

static double slot_value(uint64_t *state, bool wild)
{
    static const double odd[] = {0, -0.0, 1, -1, 1e-30, -1e20, 88.8, INFINITY, -INFINITY, NAN};
    uint64_t r = next(state);
    if (wild && r % 16 == 0) return odd[(r >> 8) % (sizeof odd / sizeof *odd)];
    if (r % 32 == 1) return 0;
    return ((double)(r >> 40) / (1 << 24) - 0.5) * 4;
}

static void fill_real(const IrSlot *slot, uint64_t *state, int64_t n, bool wild, void *out)
{
    for (int64_t i = 0; i < n; i++) {
        double x = slot_value(state, wild);
        if (slot->type.elem == IR_F64) ((double *)out)[i] = x;
        else ((float *)out)[i] = (float)x;
    }
}

static void fill_whole(const IrSlot *slot, uint64_t *state, int64_t n, void *out)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t x = (int64_t)(next(state) % 23) - 5;
        if (slot->type.elem == IR_I64) ((int64_t *)out)[i] = x;
        else if (slot->type.elem == IR_I32) ((int32_t *)out)[i] = (int32_t)x;
        else ((uint8_t *)out)[i] = x & 1;
    }
}

void ir_random_fill(const IrSlot *slot, uint64_t seed, void *out)
{
    uint64_t state = seed ^ 0x6a09e667f3bcc908u;
    for (const char *c = slot->path; *c; c++) state = state * 31 + (unsigned char)*c;
    int64_t n = ir_dims_size(&slot->type);
    if (slot->kind == IR_SLOT_COUNTER) memset(out, 0, (size_t)n * ir_elem_bytes(slot->type.elem));
    else if (ir_is_real(slot->type.elem)) fill_real(slot, &state, n, seed % 4 == 3, out);
    else fill_whole(slot, &state, n, out);
}
