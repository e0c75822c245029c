/* cases.c - see cases.h. Start at loop_cases() or, for random nests, at loop_case_random(). */
#include "compiler/loop/check/cases.h"
#include "compiler/ir/shape.h"
#include "runtime/program.h"
#include "runtime/symbols.h"

#include <math.h>
#include <string.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

/* ---- memory ----------------------------------------------------------------------------------------------------- */

static uint64_t next_random(uint64_t *state)                /* splitmix64 (Steele, Lea, Flood 2014) */
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static int64_t below(uint64_t *state, int64_t n) { return (int64_t)(next_random(state) >> 1) % n; }

static double any_real(uint64_t *state)
{
    static const double special[] = {0, -0.0, 1, -1, 0.5, 2, 3, -7, INFINITY, -INFINITY, NAN, 0x1p-126, 0x1p-149, 0x1p-1022, 0x1p-1074, 0x1p31, -0x1p31, 0x1p63, 0x1p127, 88.5, -104, 1e308};
    double unit = (double)(next_random(state) >> 11) * 0x1p-53 - 0.5;
    switch (below(state, 4)) {
    case 0: return special[below(state, sizeof special / sizeof *special)];
    case 1: return unit * 40;
    case 2: return unit * 4;
    default: return ldexp(unit, (int)below(state, 260) - 130);
    }
}

static int64_t any_integer(uint64_t *state)
{
    static const int64_t special[] = {0, 1, -1, 2, -2, 3, 7, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, 1ll << 32};
    switch (below(state, 3)) {
    case 0: return special[below(state, sizeof special / sizeof *special)];
    case 1: return below(state, 41) - 20;
    default: return (int64_t)next_random(state);
    }
}

static void fill(IrElem t, char *p, uint64_t *state)
{
    for (int64_t i = 0; i < CASE_ELEMENTS; i++) {
        uint64_t bits = next_random(state);
        bool     any_bits = below(state, 4) == 0;
        switch (t) {
        case IR_BOOL: p[i] = (char)(bits & 1); break;
        case IR_I32: ((int32_t *)p)[i] = (int32_t)any_integer(state); break;
        case IR_I64: ((int64_t *)p)[i] = any_integer(state); break;
        case IR_F32:
            ((float *)p)[i] = (float)any_real(state);
            if (any_bits) memcpy((float *)p + i, &bits, sizeof(float));
            break;
        case IR_F64:
            ((double *)p)[i] = any_real(state);
            if (any_bits) memcpy((double *)p + i, &bits, sizeof(double));
            break;
        }
    }
}

static char *aligned(Arena *a, int64_t bytes) { return (char *)(((uintptr_t)arena_alloc(a, (size_t)bytes + 64) + 63) / 64 * 64); }

LoopMemory loop_memory(Arena *a, uint64_t seed)
{
    LoopMemory m;
    uint64_t   state = seed;
    for (int i = 0; i < CASE_BASES; i++) {
        m.bytes[i] = i ? CASE_ELEMENTS * (int64_t)ir_elem_bytes((IrElem)((i - 1) % 5)) : CASE_FRAME_BYTES;
        m.base[i] = aligned(a, m.bytes[i]);
    }
    int64_t *frame = (int64_t *)m.base[0];
    for (int i = 0; i < CASE_FRAME_BYTES / 8; i++) frame[i] = (int64_t)next_random(&state);
    for (int i = 0; i < FRAME_MAX_DEPTH; i++) frame[FRAME_COUNTER / 8 + i] = i + 1;
    for (int t = IR_BOOL; t <= IR_F64; t++) fill((IrElem)t, m.base[CASE_IN + t], &state);
    return m;
}

static bool is_same(IrElem t, const char *x, const char *y)
{
    if (t == IR_F32 && isnan(*(const float *)x) && isnan(*(const float *)y)) return true;
    if (t == IR_F64 && isnan(*(const double *)x) && isnan(*(const double *)y)) return true;
    return !memcmp(x, y, ir_elem_bytes(t));
}

static double number(IrElem t, const char *p)
{
    switch (t) {
    case IR_BOOL: return *(const uint8_t *)p;
    case IR_I32: return *(const int32_t *)p;
    case IR_I64: return (double)*(const int64_t *)p;
    case IR_F32: return *(const float *)p;
    default: return *(const double *)p;
    }
}

const char *loop_memory_differs(Arena *a, const LoopMemory *x, const LoopMemory *y)
{
    for (int t = IR_BOOL; t <= IR_F64; t++)
        for (int64_t i = 0; i < CASE_ELEMENTS; i++) {
            int64_t at = i * (int64_t)ir_elem_bytes((IrElem)t);
            const char *p = x->base[CASE_OUT + t] + at, *q = y->base[CASE_OUT + t] + at;
            if (!is_same((IrElem)t, p, q))
                return arena_printf(a, "%s element %lld: %.17g and %.17g", ir_elem_name((IrElem)t), (long long)i, number((IrElem)t, p), number((IrElem)t, q));
        }
    return NULL;
}

bool loop_case_check(const LoopCase *c, const LoopMemory *m, char why[256])
{
    LoopRun run = {.bases = m->base, .bytes = m->bytes, .n_bases = CASE_BASES, .words = c->words};
    memcpy(run.u, c->u, sizeof run.u);
    run.seed = 1;
    return loop_check(c->nest, &run, why);
}

/* ---- parts of nests --------------------------------------------------------------------------------------------- */

typedef LoopBuilder Nest;

/* The elements of a base from `first` on. */
static int buffer(Nest *b, int base, IrElem t, int64_t first)
{
    LoopBuffer x = {.elem = t, .panel = -1, .slot = -1};
    x.base = (int)loop_word(b, base + (int)t)->n;
    x.offset = (int)loop_word(b, first * (int64_t)ir_elem_bytes(t))->n;
    return loop_buffer(b, &x);
}

static int in(Nest *b, IrElem t, int64_t first) { return buffer(b, CASE_IN, t, first); }
static int out(Nest *b, IrElem t, int64_t first) { return buffer(b, CASE_OUT, t, first); }

static LoopIndex sum(Nest *b, LoopIndex x, LoopReg *r, int64_t by) { return loop_plus(b, x, loop_times(loop_of(r), by)); }

static LoopReg *lane(Nest *b) { return loop_dim(b, LOOP_L); }

static LoopReg *load(Nest *b, int buffer, LoopIndex at) { return loop_load(b, buffer, &at, (unsigned)ir_elem_bytes(b->nest->buffers.v[buffer].elem)); }
static void store(Nest *b, int buffer, LoopIndex at, LoopReg *v) { loop_store(b, buffer, &at, v, (unsigned)ir_elem_bytes(v->elem)); }

static LoopReg *lanes_from(Nest *b, IrElem t, int64_t first) { return load(b, in(b, t, first), loop_of(lane(b))); }

static LoopIns *open_loop(Nest *b, int64_t n, LoopReg *const *init, int n_init)
{
    LoopIndex from = loop_at(0), to = loop_of(loop_word(b, n));
    return loop_for(b, &from, &to, 1, false, init, n_init);
}

static LoopCase done(Nest *b, const char *name)
{
    return (LoopCase){.name = name, .nest = b->nest, .words = b->words.v, .u = {1, 2, 3, 4}};
}

/* ---- element-wise rows ------------------------------------------------------------------------------------------ */

typedef struct Cases {
    Arena *arena;
    ARRAY(LoopCase) all;
} Cases;

enum { TURNS = 32 };                                        /* of 32 elements */

/* a: <d1,l>, b: <l>, c: <d1>. */
static LoopReg *operand(Nest *b, int which, IrElem t, LoopReg *i, LoopReg *d)
{
    LoopIndex at = loop_at(1024 * which);
    if (which == 0) at = sum(b, sum(b, sum(b, at, i, 32), d, 16), lane(b), 1);
    if (which == 1) at = sum(b, sum(b, at, i, 16), lane(b), 1);
    if (which == 2) at = sum(b, sum(b, at, i, 2), d, 1);
    return load(b, in(b, t, 0), at);
}

typedef LoopReg *Apply(Nest *b, const void *what, LoopReg *const *arg);

static void add_row(Cases *cs, const char *name, const IrElem *t, int n, Apply *apply, const void *what)
{
    Nest     b = loop_begin(cs->arena, "row");
    LoopIns *i = open_loop(&b, TURNS, NULL, 0), *d = loop_block(&b, 2);
    LoopReg *arg[3], *dim = loop_dim(&b, (int)d->n);
    for (int k = 0; k < n; k++) arg[k] = operand(&b, k, t[k], i->body->counter, dim);
    LoopReg *y = apply(&b, what, arg);
    store(&b, out(&b, y->elem, 0), sum(&b, sum(&b, sum(&b, loop_at(0), i->body->counter, 32), dim, 16), lane(&b), 1), y);
    loop_close(&b, d);
    loop_end_for(&b, i, NULL);
    array_push(cs->arena, &cs->all, done(&b, name));
}

typedef struct RowCase { IrOp op; IrElem to; IrCompare compare; int64_t n; int n_args; } RowCase;

static LoopReg *apply_row(Nest *b, const void *what, LoopReg *const *arg)
{
    const RowCase *r = what;
    if (r->op == IR_compare) return loop_compare(b, r->compare, arg[0], arg[1]);
    if (r->op == IR_polygamma) return loop_polygamma(b, r->n, arg[0]);
    return loop_row(b, r->op, r->to, arg, r->n_args);
}

/* The row on these types, if it is one. */
static void try_row(Cases *cs, RowCase r, const IrElem *t)
{
    static const IrModule no_axes;
    IrAttrs at = ir_attrs();
    IrType  type[3], result;
    const IrType *types[3];
    char    why[512];
    for (int k = 0; k < r.n_args; k++) {
        type[k] = ir_scalar(t[k]);
        types[k] = &type[k];
    }
    at.elem = r.to;
    at.compare = r.compare;
    at.n = r.n;
    if (!ir_infer(&no_axes, r.op, types, r.n_args, &at, &result, why)) return;
    r.to = result.elem;
    const char *name = arena_printf(cs->arena, "%s %s %s %d %lld", ir_op_info[r.op].name, ir_elem_name(t[r.n_args - 1]), ir_elem_name(r.to), (int)r.compare, (long long)r.n);
    add_row(cs, name, t, r.n_args, apply_row, arena_copy(cs->arena, &r, sizeof r));
}

static void add_rows_of(Cases *cs, IrOp op, IrElem e)
{
    IrElem  t[3] = {e, e, e};
    RowCase r = {.op = op, .n_args = ir_op_info[op].operands};
    if (op == IR_select) t[0] = IR_BOOL;
    if (op == IR_convert)
        for (r.to = IR_BOOL; r.to <= IR_F64; r.to++) try_row(cs, r, t);
    else if (op == IR_compare)
        for (r.compare = IR_EQ; r.compare <= IR_GE; r.compare++) try_row(cs, r, t);
    else if (op == IR_polygamma)
        for (r.n = -1; r.n <= 3; r.n++) try_row(cs, r, t);
    else try_row(cs, r, t);
}

static void add_rows(Cases *cs)
{
    for (int op = 0; op < IR_OP_COUNT; op++) {
        if (ir_op_info[op].klass != IR_CLASS_MAP || ir_op_info[op].flags & IR_LEAF || op == IR_permute) continue;
        for (int e = IR_BOOL; e <= IR_F64; e++) add_rows_of(cs, (IrOp)op, (IrElem)e);
    }
}

static LoopReg *apply_permute(Nest *b, const void *what, LoopReg *const *arg)
{
    LoopIndex key = loop_at(FRAME_KEYS);
    return loop_permute(b, loop_frame(b, &key), *(const int64_t *)what, arg[0]);
}

static LoopReg *apply_op(Nest *b, const void *what, LoopReg *const *arg) { return loop_op2(b, *(const LoopOp *)what, arg[0], arg[1]); }

static LoopReg *natural(Nest *b, LoopReg *x) { return loop_op2(b, LOOP_and, x, loop_int(b, IR_I64, INT64_MAX)); }

static LoopReg *apply_inside(Nest *b, const void *what, LoopReg *const *arg)
{
    return loop_op2(b, *(const LoopOp *)what, arg[0], natural(b, arg[1]));
}

static LoopReg *apply_divide(Nest *b, const void *what, LoopReg *const *arg)
{
    return loop_op2(b, *(const LoopOp *)what, natural(b, arg[0]), loop_int(b, IR_I64, 7));
}

static LoopReg *apply_trailing(Nest *b, const void *what, LoopReg *const *arg)
{
    return loop_trailing(b, loop_op2(b, LOOP_or, arg[0], loop_int(b, IR_I64, *(const int64_t *)what)));
}

/* Random numbers, so that it wraps. */
static LoopReg *apply_index(Nest *b, const void *what, LoopReg *const *arg)
{
    LoopIndex x = sum(b, sum(b, sum(b, loop_at(INT64_MIN), arg[0], *(const int64_t *)what), arg[1], -1), lane(b), 5);
    return loop_index(b, &x);
}

static void add_integer_rows(Cases *cs)
{
    static const IrElem  i64[] = {IR_I64, IR_I64, IR_I64}, i32[] = {IR_I32, IR_I32}, bools[] = {IR_BOOL, IR_BOOL};
    static const int64_t seven = 7, one = 1, high = INT64_MIN, many = 1000003;
    static const LoopOp  both = LOOP_and, either = LOOP_or, within = LOOP_inside, quot = LOOP_quot, rest = LOOP_rest;
    add_row(cs, "permute i64", i64, 1, apply_permute, &seven);
    add_row(cs, "permute i32", i32, 1, apply_permute, &many);
    add_row(cs, "permute 1", i32, 1, apply_permute, &one);
    add_row(cs, "and i64", i64, 2, apply_op, &both);
    add_row(cs, "or i64", i64, 2, apply_op, &either);
    add_row(cs, "and bool", bools, 2, apply_op, &both);
    add_row(cs, "or bool", bools, 2, apply_op, &either);
    add_row(cs, "inside", i64, 2, apply_inside, &within);
    add_row(cs, "quot", i64, 1, apply_divide, &quot);
    add_row(cs, "rest", i64, 1, apply_divide, &rest);
    add_row(cs, "trailing", i64, 1, apply_trailing, &high);
    add_row(cs, "index", i64, 2, apply_index, &seven);
    add_row(cs, "index high", i64, 2, apply_index, &high);
}

/* ---- a nest for each of the rest -------------------------------------------------------------------------------- */

/* loop.h's own. */
static void tile(Nest *b, IrElem t)
{
    int       y = out(b, t, 64), w = in(b, t, 0), x = in(b, t, 512);
    LoopIns  *i = open_loop(b, 3, NULL, 0), *d = loop_block(b, 12);
    LoopReg  *dim = loop_dim(b, (int)d->n);
    LoopReg  *zero = loop_over(b, loop_zero(b, t), 1u << LOOP_L | 1u << d->n);
    LoopIns  *k = open_loop(b, 9, &zero, 1);
    LoopReg  *p = load(b, w, sum(b, sum(b, sum(b, loop_at(0), k->body->counter, 1), dim, 16), i->body->counter, 16));
    LoopReg  *q = load(b, x, sum(b, loop_of(lane(b)), k->body->counter, 16));
    loop_end_for(b, k, (LoopReg *[]){loop_fma(b, p, q, &k->body->carry[0])});
    store(b, y, sum(b, sum(b, loop_of(lane(b)), dim, 16), i->body->counter, 192), &k->result[0]);
    loop_close(b, d);
    loop_end_for(b, i, NULL);
}
static void tile_f32(Nest *b) { tile(b, IR_F32); }
static void tile_f64(Nest *b) { tile(b, IR_F64); }

/* Carried registers change places; one grows; one is a number. */
static void carried(Nest *b)
{
    LoopReg *init[4] = {lanes_from(b, IR_I64, 0), lanes_from(b, IR_I64, 16), lanes_from(b, IR_I64, 32), loop_over(b, loop_int(b, IR_I64, 3), 1)};
    LoopIns *i = open_loop(b, 5, init, 4);
    LoopReg *c[4];
    for (int k = 0; k < 4; k++) c[k] = &i->body->carry[k];
    loop_end_for(b, i, (LoopReg *[]){c[1], c[0], loop_binary(b, IR_add, c[0], c[2]), i->body->counter});
    for (int k = 0; k < 4; k++) store(b, out(b, IR_I64, 16 * k), loop_of(lane(b)), &i->result[k]);
}

/* The results of an inner loop go on in the outer one, in the other order; with no turn all stays. */
static void nested(Nest *b)
{
    LoopReg *init[2] = {lanes_from(b, IR_F32, 0), lanes_from(b, IR_F32, 16)};
    LoopIns *i = open_loop(b, 3, init, 2);
    LoopIndex from = loop_of(i->body->counter), to = loop_at(5);
    LoopIns *j = loop_for(b, &from, &to, 2, true, (LoopReg *[]){&i->body->carry[0], &i->body->carry[1]}, 2);
    LoopReg *product = loop_binary(b, IR_mul, &j->body->carry[0], loop_convert(b, IR_F32, j->body->counter));
    loop_end_for(b, j, (LoopReg *[]){loop_binary(b, IR_sub, product, &j->body->carry[1]), &j->body->carry[1]});
    loop_end_for(b, i, (LoopReg *[]){&j->result[1], &j->result[0]});
    LoopIns *none = open_loop(b, 0, (LoopReg *[]){&i->result[0], &i->result[1]}, 2);
    loop_end_for(b, none, (LoopReg *[]){&none->body->carry[1], &none->body->carry[1]});
    store(b, out(b, IR_F32, 0), loop_of(lane(b)), &none->result[0]);
    store(b, out(b, IR_F32, 16), loop_of(lane(b)), &none->result[1]);
}

static void when(Nest *b)
{
    LoopIns *i = open_loop(b, 40, NULL, 0);
    LoopReg *n = i->body->counter;
    LoopIns *w = loop_when(b, load(b, in(b, IR_BOOL, 0), loop_of(n)));
    store(b, out(b, IR_F64, 0), sum(b, loop_of(lane(b)), n, 16), load(b, in(b, IR_F64, 0), sum(b, loop_of(lane(b)), n, 16)));
    loop_close(b, w);
    LoopIns *u = loop_when(b, loop_compare(b, IR_LT, n, loop_arg(b, 3)));
    store(b, out(b, IR_I64, 0), loop_of(n), n);
    loop_close(b, u);
    loop_end_for(b, i, NULL);
}

static LoopReg *clamped(Nest *b, LoopReg *x, int64_t n)
{
    return loop_select(b, loop_op2(b, LOOP_inside, x, loop_int(b, IR_I64, n)), x, loop_int(b, IR_I64, 0));
}

static void gather(Nest *b)
{
    LoopReg *x = loop_binary(b, IR_sub, lanes_from(b, IR_I64, 64), loop_int(b, IR_I64, -5));
    LoopReg *v = load(b, in(b, IR_F32, 100), sum(b, sum(b, loop_of(lane(b)), clamped(b, x, 30), 17), loop_arg(b, 2), 3));
    store(b, out(b, IR_F32, 0), sum(b, loop_at(30), lane(b), -2), v);
    LoopReg *back = loop_binary(b, IR_sub, loop_int(b, IR_I64, 15), lane(b));
    store(b, out(b, IR_F32, 64), sum(b, loop_at(0), back, 3), v);
}

/* Written by rows, read by columns. */
static void local(Nest *b)
{
    int room = loop_local(b, IR_F32, 130), flags = loop_local(b, IR_BOOL, 16);
    LoopIns *d = loop_block(b, 8);
    LoopReg *dim = loop_dim(b, (int)d->n);
    LoopIndex rows = sum(b, loop_of(lane(b)), dim, 16), x = rows;
    loop_store(b, room, &rows, load(b, in(b, IR_F32, 0), x), 64);
    LoopReg *v = load(b, room, sum(b, loop_times(loop_of(lane(b)), 8), dim, 1));
    store(b, out(b, IR_F32, 0), rows, v);
    loop_close(b, d);
    store(b, flags, loop_of(lane(b)), loop_compare(b, IR_GT, lanes_from(b, IR_I32, 0), lanes_from(b, IR_I32, 16)));
    store(b, out(b, IR_BOOL, 3), loop_of(lane(b)), load(b, flags, loop_times(loop_of(lane(b)), 1)));
}

static void lanes16(Nest *b)
{
    for (int t = IR_I32; t <= IR_F64; t++) {
        LoopIns *d = loop_block(b, 3), *o = loop_block(b, 2);
        LoopReg *dim = loop_dim(b, (int)d->n), *other = loop_dim(b, (int)o->n);
        LoopIndex at = sum(b, sum(b, loop_of(lane(b)), dim, 16), other, 48), to = sum(b, loop_of(dim), other, 3);
        store(b, out(b, (IrElem)t, 0), to, loop_lanes16(b, load(b, in(b, (IrElem)t, 500), at)));
        store(b, out(b, (IrElem)t, 10), loop_of(dim), loop_lanes16(b, load(b, in(b, (IrElem)t, 600), sum(b, loop_of(lane(b)), dim, 1))));
        loop_close(b, o);
        loop_close(b, d);
        store(b, out(b, (IrElem)t, 20), loop_at(0), loop_lanes16(b, loop_over(b, loop_const(b, (IrElem)t, 1.1), 1u << LOOP_L)));
    }
    store(b, out(b, IR_I64, 21), loop_at(0), loop_lanes16(b, lane(b)));
}

static void turn(Nest *b)
{
    LoopIns *r = loop_block(b, 2), *d = loop_block(b, 16);
    LoopReg *dim = loop_dim(b, (int)d->n), *row = loop_dim(b, (int)r->n);
    LoopIndex all = sum(b, sum(b, loop_of(lane(b)), dim, 16), row, 256);
    store(b, out(b, IR_F64, 0), all, loop_turn(b, load(b, in(b, IR_F64, 0), all), (int)d->n));
    store(b, out(b, IR_BOOL, 0), all, loop_turn(b, load(b, in(b, IR_BOOL, 0), all), (int)d->n));
    store(b, out(b, IR_I32, 0), sum(b, loop_of(lane(b)), dim, 16), loop_turn(b, lanes_from(b, IR_I32, 0), (int)d->n));
    store(b, out(b, IR_I64, 0), sum(b, loop_of(lane(b)), dim, 16), loop_turn(b, lane(b), (int)d->n));
    loop_close(b, d);
    loop_close(b, r);
}

static void draw_of(Nest *b, IrOp what, IrElem t, int count, int64_t first)
{
    LoopIndex key = loop_at(FRAME_KEYS + 8), tick = loop_at(FRAME_TICK), iteration = loop_at(FRAME_ITERATION);
    LoopReg  *k = loop_frame(b, &key), *n = loop_frame(b, &tick), *m = loop_frame(b, &iteration), *x[4], *y[4];
    LoopIns  *i = open_loop(b, 3, NULL, 0);
    LoopIndex element = sum(b, sum(b, loop_at(count * (1ll << 33) + 4 * 20), i->body->counter, 16 * count), lane(b), count);
    LoopIndex one = loop_at(count);
    loop_draw(b, what, t, 10, count, k, loop_index(b, &element), n, m, x);
    loop_draw(b, what, t, INT32_MAX, count, k, loop_index(b, &one), n, i->body->counter, y);
    for (int c = 0; c < count; c++) {
        store(b, out(b, t, first), sum(b, sum(b, loop_at(c), i->body->counter, 16 * count), lane(b), count), x[c]);
        store(b, out(b, t, first + 512), sum(b, loop_at(c), i->body->counter, count), y[c]);
    }
    loop_end_for(b, i, NULL);
}

static void draws(Nest *b)
{
    for (int count = 1; count <= 4; count *= 2) {
        draw_of(b, IR_randint, IR_I32, count, 1024 * (count / 2));
        draw_of(b, IR_uniform, IR_F32, count, 1024 * (count / 2));
        draw_of(b, IR_uniform, IR_F64, count, 1024 * (count / 2));
    }
}
static void normals(Nest *b)
{
    for (int count = 1; count <= 4; count *= 2) {
        draw_of(b, IR_normal, IR_F32, count, 1024 * (count / 2));
        draw_of(b, IR_normal, IR_F64, count, 1024 * (count / 2));
    }
}

static LoopArg pass_reg(LoopReg *r) { return (LoopArg){.kind = LOOP_PASS_REG, .reg = r}; }
static LoopArg pass_at(int buffer, int64_t at) { return (LoopArg){.kind = LOOP_PASS_BUFFER, .buffer = buffer, .at = loop_at(at)}; }
static LoopArg pass_i64(Nest *b, int64_t n) { return pass_reg(loop_int(b, IR_I64, n)); }
static LoopArg pass_bool(Nest *b, bool n) { return pass_reg(loop_int(b, IR_BOOL, n)); }

/* Numbers that a matrix may hold. */
static void tame(Nest *b, IrElem t, int to, int64_t n)
{
    LoopIns *i = open_loop(b, n, NULL, 0);
    LoopReg *x = loop_convert(b, t, loop_compare(b, IR_LT, load(b, in(b, IR_I32, 0), loop_of(i->body->counter)), loop_int(b, IR_I32, 3)));
    LoopReg *k = loop_convert(b, t, loop_op2(b, LOOP_rest, loop_index(b, &(LoopIndex){.c = 1, .n = 1, .term = {{i->body->counter, 5}}}), loop_int(b, IR_I64, 7)));
    store(b, to, loop_of(i->body->counter), loop_binary(b, IR_add, x, k));
    loop_end_for(b, i, NULL);
}

/* y = a sum of b, reals, with a bit of the seed, and then as it found the floating-point environment: with one that flushes to zero. */
static void simulate(uint64_t seed, const double *a, const double *b, double *y)
{
    for (int i = 0; i < 3; i++) y[i] = *a * (b[0] + b[1]) + (double)(seed >> i & 1);
#if defined(__x86_64__)
    _mm_setcsr(_mm_getcsr() | 0x8040);
#endif
}

static void externs(Nest *b)
{
    static const GanExtern table = {.symbol = "simulate", .n_params = 2, .size = {1, 2}, .n_out = 3, .is_real = true,
                                    .function = (void (*)(void))simulate};
    LoopReg *address = loop_int(b, IR_I64, (int64_t)(uintptr_t)&table);
    int x = loop_local(b, IR_F64, 8), y = out(b, IR_F64, 0);
    tame(b, IR_F64, x, 8);
    loop_call(b, SYMBOL_extern_call, (LoopArg[]){pass_reg(address), pass_i64(b, 0), pass_i64(b, 5), pass_at(x, 0), pass_at(y, 8)}, 5);
    store(b, y, loop_at(0), loop_binary(b, IR_mul, loop_const(b, IR_F64, 0x1p-1060), load(b, y, loop_at(8))));
}

static void calls(Nest *b)
{
    int a = loop_local(b, IR_F64, 32), y = out(b, IR_F64, 0), work = loop_local(b, IR_F64, 16), order = out(b, IR_I32, 0), spare = loop_local(b, IR_I32, 32);
    tame(b, IR_F64, a, 32);
    loop_call(b, SYMBOL_linalg_cholesky, (LoopArg[]){pass_i64(b, 4), pass_at(a, 0), pass_at(y, 0)}, 3);
    loop_call(b, SYMBOL_linalg_trisolve, (LoopArg[]){pass_i64(b, 4), pass_i64(b, 2), pass_bool(b, true), pass_at(a, 0), pass_at(a, 16), pass_at(y, 16)}, 6);
    loop_call(b, SYMBOL_linalg_solve, (LoopArg[]){pass_i64(b, 4), pass_i64(b, 2), pass_at(a, 0), pass_at(a, 16), pass_at(y, 32), pass_at(work, 0)}, 6);
    loop_call(b, SYMBOL_linalg_eigh, (LoopArg[]){pass_i64(b, 4), pass_at(a, 0), pass_at(y, 48), pass_at(y, 64), pass_at(work, 0)}, 5);
    loop_call(b, SYMBOL_sort_order, (LoopArg[]){pass_reg(loop_int(b, IR_I32, IR_F32)), pass_at(in(b, IR_F32, 7), 1), pass_i64(b, 32), pass_at(order, 2), pass_at(spare, 0)}, 5);
    for (int t = IR_F32; t <= IR_F64; t++) {
        int p = loop_local(b, (IrElem)t, 32), q = out(b, (IrElem)t, 128);
        tame(b, (IrElem)t, p, 32);
        loop_call(b, t == IR_F32 ? SYMBOL_blas_f32 : SYMBOL_blas_f64,
                  (LoopArg[]){pass_bool(b, false), pass_bool(b, true), pass_i64(b, 2), pass_i64(b, 3), pass_i64(b, 4), pass_at(p, 0), pass_at(p, 8), pass_at(q, 5), pass_bool(b, false)}, 9);
    }
}

/* Buffers that move with the panel, the slot and the counters of scans. */
static void moving(Nest *b)
{
    LoopBuffer x = {.elem = IR_F32, .base = (int)loop_word(b, CASE_IN + IR_F32)->n, .offset = (int)loop_word(b, 256)->n, .n_iter = 2, .iter = {{0, 40}, {2, -3}}};
    x.panel = (int)loop_word(b, 32)->n;
    x.slot = (int)loop_word(b, 48)->n;
    int p = loop_buffer(b, &x);
    LoopBuffer y = {.elem = IR_I64, .base = (int)loop_word(b, CASE_OUT + IR_I64)->n, .offset = (int)loop_word(b, 64)->n, .panel = -1, .slot = x.panel};
    int q = loop_buffer(b, &y);
    store(b, out(b, IR_F32, 0), loop_of(lane(b)), load(b, p, loop_of(lane(b))));
    LoopIns  *i = open_loop(b, 4, NULL, 0);
    LoopIndex at = sum(b, loop_at(FRAME_COUNTER), i->body->counter, 8);
    store(b, q, loop_of(i->body->counter), loop_frame(b, &at));
    loop_end_for(b, i, NULL);
}

static void constants(Nest *b)
{
    static const double real[] = {0, -0.0, 1, -1.5, 0.1, 1e10, 1e-40, 1e-310, 1e300, INFINITY, -INFINITY, NAN, 16777217};
    static const int64_t integer[] = {0, -1, INT32_MIN, INT32_MAX, INT64_MIN, INT64_MAX, 5};
    for (int k = 0; k < 13; k++)
        for (int t = IR_F32; t <= IR_F64; t++)
            store(b, out(b, (IrElem)t, 16 * k), loop_of(lane(b)), loop_binary(b, IR_mul, loop_const(b, (IrElem)t, real[k]), loop_convert(b, (IrElem)t, lane(b))));
    for (int k = 0; k < 7; k++)
        for (int t = IR_BOOL; t <= IR_I64; t++) store(b, out(b, (IrElem)t, 16 * k), loop_of(lane(b)), loop_int(b, (IrElem)t, integer[k]));
    store(b, out(b, IR_I64, 200), loop_of(lane(b)), loop_binary(b, IR_sub, loop_int(b, IR_I64, -3), lane(b)));
}

static void add_nests(Cases *cs)
{
    static const struct { const char *name; void (*build)(Nest *b); } nests[] = {
        {"tile_f32", tile_f32}, {"tile_f64", tile_f64}, {"carried", carried}, {"nested", nested}, {"when", when}, {"gather", gather}, {"local", local},
        {"lanes16", lanes16}, {"turn", turn}, {"draws", draws}, {"normals", normals}, {"calls", calls}, {"externs", externs},
        {"moving", moving}, {"constants", constants}};
    for (size_t i = 0; i < sizeof nests / sizeof *nests; i++) {
        Nest b = loop_begin(cs->arena, nests[i].name);
        nests[i].build(&b);
        array_push(cs->arena, &cs->all, done(&b, nests[i].name));
    }
}

LoopCase *loop_cases(Arena *a, int *n)
{
    Cases cs = {.arena = a};
    add_nests(&cs);
    add_integer_rows(&cs);
    add_rows(&cs);
    *n = cs.all.n;
    return cs.all.v;
}

/* ---- random nests ----------------------------------------------------------------------------------------------- */

enum { MOST_ELEMENTS = 1024, MOST_DEPTH = 3 };              /* of a register; of bodies */

typedef struct Random {
    Nest     b;
    uint64_t state;
    ARRAY(LoopReg *) pool;                                  /* what may be read here */
    ARRAY(LoopReg *) var;                                   /* lanes, dims, counters, from 0 to .. */
    ARRAY(int64_t)   most;                                  /* .. this */
    ARRAY(int)       dims;                                  /* that are open, but l */
    int      depth, left;                                   /* instructions to make */
    int      pars;                                          /* open loops in any order: what they store is theirs */
    LoopReg *key;
} Random;

static int64_t some(Random *r, int64_t n) { return below(&r->state, n); }
static void give(Random *r, LoopReg *x) { array_push(r->b.nest->arena, &r->pool, x); }
static LoopReg *any(Random *r) { return r->pool.v[some(r, r->pool.n)]; }

static LoopReg *any_of(Random *r, IrElem t)
{
    for (int i = 0; i < 20; i++) {
        LoopReg *x = any(r);
        if (x->elem == t) return x;
    }
    return loop_const(&r->b, t, (double)some(r, 9) - 3);
}

static int64_t elements(const Random *r, uint32_t dims)
{
    int64_t n = 1;
    for (int d = 0; d < r->b.nest->n_dims; d++)
        if (dims >> d & 1) n *= r->b.nest->dim_size[d];
    return n;
}

/* An index below `limit`, over some of the variables in sight, but for the dims in `without`. */
static LoopIndex any_index(Random *r, LoopIndex from, int64_t limit, uint32_t without)
{
    static const int64_t by[] = {1, 1, 2, 3, 16, -1, -5};
    LoopIndex x = from;
    int64_t room = limit;
    for (int i = 0; i < r->var.n; i++) {
        int64_t k = by[some(r, 7)], size = k < 0 ? -k : k;
        if (r->var.v[i]->dims & without || some(r, 3) == 0 || size * r->most.v[i] >= room) continue;
        x = sum(&r->b, x, r->var.v[i], k);
        if (k < 0) x.c += size * r->most.v[i];
        room -= size * r->most.v[i];
    }
    x.c += some(r, room);
    return x;
}

static void random_load(Random *r)
{
    IrElem t = (IrElem)some(r, 5);
    LoopIndex at = any_index(r, loop_at(0), CASE_ELEMENTS, 0);
    if (elements(r, loop_index_dims(&at)) <= MOST_ELEMENTS) give(r, load(&r->b, in(&r->b, t, 0), at));
}

static void random_gather(Random *r)
{
    LoopIndex at = sum(&r->b, any_index(r, loop_at(0), CASE_ELEMENTS - 300, 0), clamped(&r->b, any_of(r, IR_I64), 100), 3);
    if (elements(r, loop_index_dims(&at)) <= MOST_ELEMENTS) give(r, load(&r->b, in(&r->b, (IrElem)some(r, 5), 0), at));
}

/* One to one along the value's dims, in any order of them. */
static void random_store(Random *r, LoopReg *v)
{
    int64_t stride = 1 + some(r, 2), from = some(r, r->dims.n + 1);
    LoopIndex at = loop_at(0);
    if (r->pars) return;
    for (int k = 0; k <= r->dims.n; k++) {
        int64_t which = (from + k) % (r->dims.n + 1);
        int d = which == r->dims.n ? LOOP_L : r->dims.v[which];
        if (!(v->dims >> d & 1)) continue;
        at = sum(&r->b, at, loop_dim(&r->b, d), stride);
        stride *= r->b.nest->dim_size[d];
    }
    if (stride > CASE_ELEMENTS) return;
    uint32_t all = UINT32_MAX;
    at = any_index(r, at, CASE_ELEMENTS - stride + 1, all);
    store(&r->b, out(&r->b, v->elem, 0), at, v);
}

static void random_row(Random *r)
{
    static const IrModule no_axes;
    IrOp op;
    do op = (IrOp)some(r, IR_OP_COUNT);
    while (ir_op_info[op].klass != IR_CLASS_MAP || ir_op_info[op].flags & IR_LEAF || op == IR_permute);
    LoopReg *x = any(r), *arg[3] = {x, any_of(r, x->elem), any_of(r, x->elem)};
    if (op == IR_select) arg[0] = any_of(r, IR_BOOL), arg[2] = x;
    if (op == IR_select) arg[1] = any_of(r, x->elem);
    RowCase what = {op, (IrElem)some(r, 5), (IrCompare)some(r, 6), some(r, 3) - 1, ir_op_info[op].operands};
    IrAttrs at = ir_attrs();
    IrType  type[3], result;
    const IrType *types[3];
    uint32_t dims = 0;
    char    why[512];
    for (int k = 0; k < what.n_args; k++) {
        type[k] = ir_scalar(arg[k]->elem);
        types[k] = &type[k];
        dims |= arg[k]->dims;
    }
    at.elem = what.to;
    at.compare = what.compare;
    at.n = what.n;
    if (elements(r, dims) > MOST_ELEMENTS || !ir_infer(&no_axes, op, types, what.n_args, &at, &result, why)) return;
    what.to = result.elem;
    give(r, apply_row(&r->b, &what, arg));
}

/* Of numbers of any size: it wraps. */
static LoopReg *random_sum(Random *r, LoopReg *x, LoopReg *y)
{
    LoopIndex at = sum(&r->b, sum(&r->b, loop_at(some(r, 9) - 4), x, some(r, 9) - 4), y, 1);
    return loop_index(&r->b, &at);
}

static void random_integers(Random *r)
{
    Nest    *b = &r->b;
    LoopReg *x = any_of(r, IR_I64), *y = any_of(r, IR_I64), *p = any_of(r, IR_BOOL), *q = any_of(r, IR_BOOL);
    if (elements(r, x->dims | y->dims | p->dims | q->dims) > MOST_ELEMENTS) return;
    switch (some(r, 7)) {
    case 0: give(r, loop_op2(b, LOOP_and, p, q)); break;
    case 1: give(r, loop_op2(b, LOOP_or, x, y)); break;
    case 2: give(r, loop_op2(b, LOOP_inside, x, natural(b, y))); break;
    case 3: give(r, loop_op2(b, LOOP_quot, natural(b, x), loop_int(b, IR_I64, 1 + some(r, 20)))); break;
    case 4: give(r, loop_op2(b, LOOP_rest, natural(b, x), loop_int(b, IR_I64, 1 + some(r, 20)))); break;
    case 5: give(r, random_sum(r, x, y)); break;
    default: give(r, loop_permute(b, r->key, 1 + some(r, 50), x)); break;
    }
}

static void random_lanes(Random *r)
{
    LoopReg *x = any(r);
    if (x->elem != IR_BOOL && x->dims >> LOOP_L & 1) give(r, loop_lanes16(&r->b, x));
    for (int i = 0; i < r->dims.n; i++) {
        uint32_t dims = x->dims | 1u << LOOP_L | 1u << r->dims.v[i];
        if (x->dims >> LOOP_L & 1 && r->b.nest->dim_size[r->dims.v[i]] == 16 && elements(r, dims) <= MOST_ELEMENTS) give(r, loop_turn(&r->b, x, r->dims.v[i]));
    }
}

static void random_draw(Random *r)
{
    static const struct { IrOp op; IrElem t; } what[] = {{IR_randint, IR_I32}, {IR_uniform, IR_F32}, {IR_uniform, IR_F64}, {IR_normal, IR_F32}, {IR_normal, IR_F64}};
    int64_t  k = some(r, 5);
    int      count = 1 << some(r, 3);
    LoopReg *out[4];
    LoopIndex at = loop_times(any_index(r, loop_at(0), 4096, 0), count);
    if (elements(r, loop_index_dims(&at)) > MOST_ELEMENTS / 4) return;
    loop_draw(&r->b, what[k].op, what[k].t, 17, count, r->key, loop_index(&r->b, &at), loop_arg(&r->b, 1), loop_int(&r->b, IR_I64, 3), out);
    for (int i = 0; i < count; i++) give(r, out[i]);
}

static void random_body(Random *r);

static void see(Random *r, LoopReg *var, int64_t most)
{
    array_push(r->b.nest->arena, &r->var, var);
    array_push(r->b.nest->arena, &r->most, most);
    give(r, var);
}

/* What is carried on: of the type, over no more dims; the other carried ones too. */
static LoopReg *random_next(Random *r, const LoopIns *loop, int k)
{
    LoopReg *own = &loop->body->carry[k];
    for (int i = 0; i < 20; i++) {
        LoopReg *x = some(r, 3) ? any(r) : &loop->body->carry[some(r, loop->n_args)];
        if (x->elem == own->elem && !(x->dims & ~own->dims)) return x;
    }
    return own;
}

static void random_loop(Random *r)
{
    LoopReg *init[3], *next[3];
    int      n = (int)some(r, 4), pool = r->pool.n, var = r->var.n;
    int64_t  turns = some(r, 5), step = 1 + some(r, 2);
    for (int k = 0; k < n; k++) init[k] = any(r);
    LoopIndex from = loop_at(0), to = some(r, 2) ? loop_at(turns) : loop_of(loop_word(&r->b, turns));
    LoopIns *loop = loop_for(&r->b, &from, &to, step, false, init, n);
    see(r, loop->body->counter, turns ? turns - 1 : 0);
    for (int k = 0; k < n; k++) give(r, &loop->body->carry[k]);
    random_body(r);
    for (int k = 0; k < n; k++) next[k] = random_next(r, loop, k);
    loop_end_for(&r->b, loop, next);
    r->pool.n = pool;
    r->var.n = r->most.n = var;
    for (int k = 0; k < n; k++) give(r, &loop->result[k]);
}

/* Each turn stores at a place of its own. */
static void random_par(Random *r)
{
    int       pool = r->pool.n, var = r->var.n;
    int64_t   turns = some(r, 5), step = 1 + some(r, 2), size = 1;
    LoopIndex from = loop_at(0), to = some(r, 2) ? loop_at(turns) : loop_of(loop_word(&r->b, turns)), at = loop_at(some(r, 9));
    LoopIns  *loop = loop_par(&r->b, &from, &to, step, false);
    see(r, loop->body->counter, turns ? turns - 1 : 0);
    r->pars++;
    random_body(r);
    LoopReg *v = any(r);
    for (int d = 0; d < r->b.nest->n_dims; d++) {
        if (!(v->dims >> d & 1)) continue;
        at = sum(&r->b, at, loop_dim(&r->b, d), size);
        size *= r->b.nest->dim_size[d];
    }
    if (--r->pars == 0 && turns * size + 9 <= CASE_ELEMENTS) store(&r->b, out(&r->b, v->elem, 0), sum(&r->b, at, loop->body->counter, size), v);
    loop_end_for(&r->b, loop, NULL);
    r->pool.n = pool;
    r->var.n = r->most.n = var;
}

static void random_block(Random *r)
{
    static const int64_t size[] = {1, 2, 3, 16};
    int pool = r->pool.n, var = r->var.n, dims = r->dims.n;
    if (dims >= 2) return;
    LoopIns *block = loop_block(&r->b, size[some(r, 4)]);
    array_push(r->b.nest->arena, &r->dims, (int)block->n);
    see(r, loop_dim(&r->b, (int)block->n), block->size - 1);
    random_body(r);
    loop_close(&r->b, block);
    r->pool.n = pool;
    r->var.n = r->most.n = var;
    r->dims.n = dims;
}

static void random_when(Random *r)
{
    LoopReg *x = any(r);
    int pool = r->pool.n;
    if (x->dims) return;
    LoopReg *c = x->elem == IR_BOOL ? x : loop_compare(&r->b, IR_GT, x, loop_zero(&r->b, x->elem));
    LoopIns *w = loop_when(&r->b, c);
    random_body(r);
    loop_close(&r->b, w);
    r->pool.n = pool;
}

static void random_instruction(Random *r)
{
    int64_t what = some(r, r->depth < MOST_DEPTH ? 22 : 16);
    if (what < 6) random_row(r);
    else if (what < 9) random_load(r);
    else if (what < 11) random_store(r, any(r));
    else if (what < 13) random_integers(r);
    else if (what < 14) random_gather(r);
    else if (what < 15) random_lanes(r);
    else if (what < 16) random_draw(r);
    else if (what < 18) random_loop(r);
    else if (what < 19) random_block(r);
    else if (what < 20) random_when(r);
    else random_par(r);
}

static void random_body(Random *r)
{
    r->depth++;
    for (int64_t n = 3 + some(r, 8); n > 0 && r->left > 0; n--, r->left--) random_instruction(r);
    random_store(r, r->pool.v[r->pool.n - 1]);
    r->depth--;
}

LoopCase loop_case_random(Arena *a, uint64_t seed)
{
    Random r = {.b = loop_begin(a, "random"), .state = seed, .left = 60};
    LoopIndex key = loop_at(FRAME_KEYS);
    r.key = loop_frame(&r.b, &key);
    see(&r, loop_dim(&r.b, LOOP_L), LOOP_LANES - 1);
    for (int i = 0; i < LOOP_ARGS; i++) give(&r, loop_arg(&r.b, i));
    for (int i = 0; i < 3; i++) random_load(&r);
    while (r.left > 0) random_body(&r);
    return done(&r.b, arena_printf(a, "random %llu", (unsigned long long)seed));
}
