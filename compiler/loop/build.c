/* build.c - nests, an instruction at a time. */
#include "compiler/loop/loop.h"
#include "base/bug.h"

#include <string.h>

const LoopOpInfo loop_op_info[] = {
#define LOOP_OP(name, args, results, doc) {#name, args, results},
#include "compiler/loop/loop.def"
#undef LOOP_OP
};
const int loop_op_n = sizeof loop_op_info / sizeof *loop_op_info;

LoopBuilder loop_begin(Arena *a, const char *name)
{
    LoopNest *n = arena_new_of(a, LoopNest);
    *n = (LoopNest){.arena = a, .name = name, .n_dims = 1, .dim_size = {LOOP_LANES}};
    n->lane = (LoopReg){.kind = LOOP_REG_DIM, .elem = IR_I64, .dims = 1u << LOOP_L, .n = LOOP_L};
    return (LoopBuilder){.nest = n, .at = &n->body};
}

/* ---- registers that are no instruction -------------------------------------------------------------------------- */

static LoopReg *reg_new(LoopBuilder *b, LoopReg r)
{
    return arena_copy(b->nest->arena, &r, sizeof r);
}

LoopReg *loop_int(LoopBuilder *b, IrElem t, int64_t v)
{
    int64_t n = t == IR_BOOL ? v != 0 : t == IR_I32 ? (int32_t)v : v;
    return reg_new(b, (LoopReg){.kind = LOOP_REG_CONST, .elem = t, .n = n});
}

LoopReg *loop_const(LoopBuilder *b, IrElem t, double v)
{
    if (!ir_is_real(t)) return loop_int(b, t, (int64_t)v);
    return reg_new(b, (LoopReg){.kind = LOOP_REG_CONST, .elem = t, .value = t == IR_F32 ? (double)(float)v : v});
}

LoopReg *loop_zero(LoopBuilder *b, IrElem t) { return loop_const(b, t, 0); }

LoopReg *loop_over(LoopBuilder *b, const LoopReg *constant, uint32_t dims)
{
    LoopReg r = *constant;
    if (r.kind != LOOP_REG_CONST) BUG("loop: only a constant is the same over other dims");
    r.dims |= dims;
    return reg_new(b, r);
}

LoopReg *loop_word(LoopBuilder *b, int64_t value)
{
    array_push(b->nest->arena, &b->words, value);
    return reg_new(b, (LoopReg){.kind = LOOP_REG_WORD, .elem = IR_I64, .n = b->nest->n_words++});
}

LoopReg *loop_arg(LoopBuilder *b, int i)
{
    return reg_new(b, (LoopReg){.kind = LOOP_REG_ARG, .elem = IR_I64, .n = i});
}

LoopReg *loop_dim(LoopBuilder *b, int dim)
{
    if (dim == LOOP_L) return &b->nest->lane;
    return reg_new(b, (LoopReg){.kind = LOOP_REG_DIM, .elem = IR_I64, .dims = 1u << dim, .n = dim});
}

/* ---- instructions ----------------------------------------------------------------------------------------------- */

static LoopIns *put(LoopBuilder *b, LoopIns what)
{
    LoopIns *i = arena_copy(b->nest->arena, &what, sizeof what);
    array_push(b->nest->arena, &b->at->ins, i);
    return i;
}

static LoopReg *const *keep(LoopBuilder *b, LoopReg *const *v, int n)
{
    return n ? arena_copy(b->nest->arena, v, sizeof *v * (size_t)n) : NULL;
}

static uint32_t union_of(LoopReg *const *v, int n)
{
    uint32_t dims = 0;
    for (int i = 0; i < n; i++) dims |= v[i]->dims;
    return dims;
}

static LoopReg made(LoopBuilder *b, LoopIns *i, IrElem t, uint32_t dims)
{
    return (LoopReg){.kind = LOOP_REG_INS, .elem = t, .dims = dims, .id = b->nest->n_ids++, .body = b->at, .def = i};
}

/* An instruction with arguments and one result. */
static LoopIns *put_value(LoopBuilder *b, LoopIns what, LoopReg *const *args, int n, IrElem t, uint32_t dims)
{
    what.arg = (LoopReg **)keep(b, args, n);
    what.n_args = n;
    what.n_results = 1;
    LoopIns *i = put(b, what);
    i->result = arena_new_of(b->nest->arena, LoopReg);
    *i->result = made(b, i, t, dims | union_of(args, n));
    return i;
}

static bool is_const(const LoopReg *r) { return r->kind == LOOP_REG_CONST && r->elem == IR_I64 && !r->dims; }

/* i64 arithmetic on numbers known here, which indices are full of. */
static LoopReg *folded(LoopBuilder *b, IrOp row, LoopReg *const *v)
{
    const LoopReg *x = v[0], *y = v[1];
    if (x->elem != IR_I64) return NULL;
    if (is_const(x) && is_const(y)) {
        uint64_t p = (uint64_t)x->n, q = (uint64_t)y->n;
        if (row == IR_add) return loop_int(b, IR_I64, (int64_t)(p + q));
        if (row == IR_sub) return loop_int(b, IR_I64, (int64_t)(p - q));
        if (row == IR_mul) return loop_int(b, IR_I64, (int64_t)(p * q));
        if (row == IR_min) return loop_int(b, IR_I64, x->n < y->n ? x->n : y->n);
        if (row == IR_max) return loop_int(b, IR_I64, x->n > y->n ? x->n : y->n);
        return NULL;
    }
    if (is_const(y) && y->n == 0 && (row == IR_add || row == IR_sub)) return v[0];
    if (is_const(x) && x->n == 0 && row == IR_add) return v[1];
    if (is_const(y) && y->n == 1 && row == IR_mul) return v[0];
    return NULL;
}

LoopReg *loop_row(LoopBuilder *b, IrOp row, IrElem result, LoopReg *const *args, int n)
{
    LoopReg *known = n == 2 ? folded(b, row, args) : NULL;
    return known ? known : put_value(b, (LoopIns){.op = LOOP_row, .row = row}, args, n, result, 0)->result;
}

LoopReg *loop_unary(LoopBuilder *b, IrOp row, LoopReg *x) { return loop_row(b, row, x->elem, &x, 1); }

LoopReg *loop_binary(LoopBuilder *b, IrOp row, LoopReg *x, LoopReg *y)
{
    return loop_row(b, row, x->elem, (LoopReg *[]){x, y}, 2);
}

LoopReg *loop_compare(LoopBuilder *b, IrCompare how, LoopReg *x, LoopReg *y)
{
    LoopIns what = {.op = LOOP_row, .row = IR_compare, .compare = how};
    return put_value(b, what, (LoopReg *[]){x, y}, 2, IR_BOOL, 0)->result;
}

LoopReg *loop_convert(LoopBuilder *b, IrElem to, LoopReg *x)
{
    if (x->elem == to) return x;
    if (x->kind == LOOP_REG_CONST && !x->dims && !ir_is_real(to) && !ir_is_real(x->elem)) return loop_int(b, to, x->n);
    return loop_row(b, IR_convert, to, &x, 1);
}

LoopReg *loop_select(LoopBuilder *b, LoopReg *c, LoopReg *x, LoopReg *y)
{
    return loop_row(b, IR_select, x->elem, (LoopReg *[]){c, x, y}, 3);
}

LoopReg *loop_fma(LoopBuilder *b, LoopReg *x, LoopReg *y, LoopReg *z)
{
    return loop_row(b, IR_fma, x->elem, (LoopReg *[]){x, y, z}, 3);
}

LoopReg *loop_polygamma(LoopBuilder *b, int64_t order, LoopReg *x)
{
    return put_value(b, (LoopIns){.op = LOOP_row, .row = IR_polygamma, .n = order}, &x, 1, x->elem, 0)->result;
}

LoopReg *loop_permute(LoopBuilder *b, LoopReg *key, int64_t n, LoopReg *x)
{
    LoopIns what = {.op = LOOP_row, .row = IR_permute, .n = n};
    return put_value(b, what, (LoopReg *[]){key, x}, 2, x->elem, 0)->result;
}

LoopReg *loop_op2(LoopBuilder *b, LoopOp op, LoopReg *x, LoopReg *y)
{
    bool divides = op == LOOP_quot || op == LOOP_rest;
    if (divides && is_const(y) && y->n == 1) return op == LOOP_quot ? x : loop_int(b, IR_I64, 0);
    if (divides && is_const(x) && is_const(y)) return loop_int(b, IR_I64, op == LOOP_quot ? x->n / y->n : x->n % y->n);
    IrElem t = op == LOOP_inside ? IR_BOOL : x->elem;
    return put_value(b, (LoopIns){.op = op}, (LoopReg *[]){x, y}, 2, t, 0)->result;
}

LoopReg *loop_trailing(LoopBuilder *b, LoopReg *x)
{
    return put_value(b, (LoopIns){.op = LOOP_trailing}, &x, 1, IR_I64, 0)->result;
}

LoopReg *loop_load(LoopBuilder *b, int buffer, const LoopIndex *at, unsigned align)
{
    LoopIns what = {.op = LOOP_ld, .buffer = buffer, .align = align, .at = *at};
    return put_value(b, what, NULL, 0, b->nest->buffers.v[buffer].elem, loop_index_dims(at))->result;
}

void loop_store(LoopBuilder *b, int buffer, const LoopIndex *at, LoopReg *v, unsigned align)
{
    LoopIns what = {.op = LOOP_st, .buffer = buffer, .align = align, .at = *at, .n_args = 1};
    what.arg = (LoopReg **)keep(b, &v, 1);
    put(b, what);
}

void loop_ahead(LoopBuilder *b, int buffer, const LoopIndex *at) { put(b, (LoopIns){.op = LOOP_ahead, .buffer = buffer, .at = *at}); }
void loop_claim(LoopBuilder *b, int buffer, const LoopIndex *at) { put(b, (LoopIns){.op = LOOP_claim, .buffer = buffer, .at = *at}); }
void loop_fetch(LoopBuilder *b, int buffer, const LoopIndex *at) { put(b, (LoopIns){.op = LOOP_fetch, .buffer = buffer, .at = *at}); }

LoopReg *loop_frame(LoopBuilder *b, const LoopIndex *byte)
{
    return put_value(b, (LoopIns){.op = LOOP_frame, .at = *byte}, NULL, 0, IR_I64, 0)->result;
}

LoopReg *loop_lanes16(LoopBuilder *b, LoopReg *v)
{
    LoopReg *r = put_value(b, (LoopIns){.op = LOOP_lanes16}, &v, 1, v->elem, 0)->result;
    r->dims &= ~(1u << LOOP_L);
    return r;
}

LoopReg *loop_turn(LoopBuilder *b, LoopReg *v, int dim)
{
    return put_value(b, (LoopIns){.op = LOOP_turn, .n = dim}, &v, 1, v->elem, 1u << LOOP_L | 1u << dim)->result;
}

void loop_draw(LoopBuilder *b, IrOp what, IrElem t, int64_t n, int count, LoopReg *key, LoopReg *element, LoopReg *tick,
               LoopReg *iteration, LoopReg **out)
{
    LoopReg *args[4] = {key, element, tick, iteration};
    LoopIns *i = put(b, (LoopIns){.op = LOOP_draw, .row = what, .n = n, .n_args = 4, .n_results = count});
    i->arg = (LoopReg **)keep(b, args, 4);
    i->result = arena_array(b->nest->arena, LoopReg, count);
    for (int k = 0; k < count; k++) {
        i->result[k] = made(b, i, t, union_of(args, 4));
        out[k] = &i->result[k];
    }
}

void loop_call(LoopBuilder *b, int symbol, const LoopArg *pass, int n)
{
    LoopIns what = {.op = LOOP_call, .symbol = symbol, .n_pass = n};
    what.pass = arena_copy(b->nest->arena, pass, sizeof *pass * (size_t)n);
    put(b, what);
}

/* ---- bodies ----------------------------------------------------------------------------------------------------- */

static void open_body(LoopBuilder *b, LoopIns *owner)
{
    LoopBody *body = arena_new_of(b->nest->arena, LoopBody);
    *body = (LoopBody){.up = b->at, .owner = owner, .depth = b->at->depth + 1};
    owner->body = b->at = body;
}

static LoopReg inside(LoopBuilder *b, LoopIns *loop, LoopRegKind kind, IrElem t, uint32_t dims, int64_t n)
{
    return (LoopReg){.kind = kind, .elem = t, .dims = dims, .n = n, .id = b->nest->n_ids++, .body = loop->body, .def = loop};
}

LoopIns *loop_for(LoopBuilder *b, const LoopIndex *from, const LoopIndex *to, int64_t step, bool sure, LoopReg *const *init, int n)
{
    int64_t lo, hi;
    if (loop_index_const(from, &lo) && loop_index_const(to, &hi) && lo < hi) sure = true;
    LoopIns *i = put(b, (LoopIns){.op = sure ? LOOP_do : LOOP_for, .from = *from, .to = *to, .step = step});
    i->arg = (LoopReg **)keep(b, init, n);
    i->n_args = i->n_results = n;
    open_body(b, i);
    i->body->counter = reg_new(b, inside(b, i, LOOP_REG_COUNTER, IR_I64, 0, 0));
    i->body->carry = arena_array(b->nest->arena, LoopReg, n + 1);
    for (int k = 0; k < n; k++) i->body->carry[k] = inside(b, i, LOOP_REG_CARRY, init[k]->elem, init[k]->dims, k);
    return i;
}

LoopIns *loop_par(LoopBuilder *b, const LoopIndex *from, const LoopIndex *to, int64_t step, bool sure)
{
    LoopIns *i = loop_for(b, from, to, step, sure, NULL, 0);
    i->par = true;
    return i;
}

void loop_end_for(LoopBuilder *b, LoopIns *loop, LoopReg *const *next)
{
    if (b->at != loop->body) BUG("loop: another body is open");
    loop->body->next = (LoopReg **)keep(b, next, loop->n_args);
    b->at = loop->body->up;
    loop->result = arena_array(b->nest->arena, LoopReg, loop->n_args + 1);
    for (int k = 0; k < loop->n_args; k++) {
        if (next[k]->elem != loop->arg[k]->elem || next[k]->dims & ~loop->arg[k]->dims)
            BUG("loop: what is carried on does not fit what the loop began with");
        loop->result[k] = made(b, loop, loop->arg[k]->elem, loop->arg[k]->dims);
    }
}

LoopIns *loop_when(LoopBuilder *b, LoopReg *c)
{
    LoopIns *i = put(b, (LoopIns){.op = LOOP_when, .n_args = 1});
    i->arg = (LoopReg **)keep(b, &c, 1);
    open_body(b, i);
    return i;
}

/* A block takes the first dim of its size that no block around it has. */
LoopIns *loop_block(LoopBuilder *b, int64_t size)
{
    LoopNest *n = b->nest;
    int dim = 1;                                            /* one that no open block has */
    for (const LoopBody *o = b->at; o; o = o->up)
        if (o->owner && o->owner->op == LOOP_block && o->owner->n >= dim) dim = (int)o->owner->n + 1;
    for (; dim < n->n_dims && n->dim_size[dim] != size;) dim++;
    if (dim >= LOOP_MAX_DIMS) BUG("loop: a nest of more than %d dims", LOOP_MAX_DIMS);
    if (dim >= n->n_dims) n->n_dims = dim + 1;
    n->dim_size[dim] = size;
    LoopIns *i = put(b, (LoopIns){.op = LOOP_block, .n = dim, .size = size});
    open_body(b, i);
    return i;
}

void loop_close(LoopBuilder *b, LoopIns *i)
{
    if (b->at != i->body) BUG("loop: another body is open");
    b->at = i->body->up;
}

/* ---- buffers ---------------------------------------------------------------------------------------------------- */

int loop_buffer(LoopBuilder *b, const LoopBuffer *buffer)
{
    array_push(b->nest->arena, &b->nest->buffers, *buffer);
    return b->nest->buffers.n - 1;
}

int loop_local(LoopBuilder *b, IrElem t, int64_t cells)
{
    return loop_buffer(b, &(LoopBuffer){.elem = t, .local = true, .cells = cells, .panel = -1, .slot = -1});
}

/* ---- indices ---------------------------------------------------------------------------------------------------- */

LoopIndex loop_at(int64_t c) { return (LoopIndex){.c = c}; }

LoopIndex loop_of(LoopReg *r)
{
    if (is_const(r)) return loop_at(r->n);
    LoopIndex x = {.n = 1};
    x.term[0].reg = r;
    x.term[0].by = 1;
    return x;
}

static bool same_register(const LoopReg *a, const LoopReg *b)
{
    bool leaf = a->kind == LOOP_REG_WORD || a->kind == LOOP_REG_ARG || a->kind == LOOP_REG_DIM;
    return a == b || (leaf && a->kind == b->kind && a->n == b->n);
}

/* x + by * r; false when there is no room. */
static bool add_term(LoopIndex *x, LoopReg *r, int64_t by)
{
    for (int i = 0; i < x->n; i++) {
        if (!same_register(x->term[i].reg, r)) continue;
        x->term[i].by += by;
        if (!x->term[i].by) x->term[i] = x->term[--x->n];
        return true;
    }
    if (!by) return true;
    if (x->n == LOOP_MAX_TERMS) return false;
    x->term[x->n].reg = r;
    x->term[x->n++].by = by;
    return true;
}

LoopIndex loop_plus(LoopBuilder *b, LoopIndex x, LoopIndex y)
{
    LoopIndex sum = x;
    bool fits = true;
    for (int i = 0; i < y.n && fits; i++) fits = add_term(&sum, y.term[i].reg, y.term[i].by);
    if (!fits) {                                            /* lanes stay visible */
        LoopIndex lanes = loop_at(0), rest = {.c = x.c};
        for (int i = 0; i < x.n; i++) add_term(x.term[i].reg->kind == LOOP_REG_DIM ? &lanes : &rest, x.term[i].reg, x.term[i].by);
        return loop_plus(b, loop_plus(b, loop_of(loop_index(b, &rest)), lanes), y);
    }
    sum.c += y.c;
    return sum;
}

LoopIndex loop_times(LoopIndex x, int64_t by)
{
    if (!by) return loop_at(0);
    x.c *= by;
    for (int i = 0; i < x.n; i++) x.term[i].by *= by;
    return x;
}

bool loop_index_const(const LoopIndex *x, int64_t *c)
{
    *c = x->c;
    return x->n == 0;
}

LoopReg *loop_index(LoopBuilder *b, const LoopIndex *x)
{
    if (!x->n) return loop_int(b, IR_I64, x->c);
    if (x->n == 1 && !x->c && x->term[0].by == 1) return x->term[0].reg;
    return put_value(b, (LoopIns){.op = LOOP_index, .at = *x}, NULL, 0, IR_I64, loop_index_dims(x))->result;
}

uint32_t loop_index_dims(const LoopIndex *x)
{
    uint32_t dims = 0;
    for (int i = 0; i < x->n; i++) dims |= x->term[i].reg->dims;
    return dims;
}

bool loop_index_stride(const LoopIndex *x, int d, int64_t *stride)
{
    *stride = 0;
    for (int i = 0; i < x->n; i++) {
        const LoopReg *r = x->term[i].reg;
        if (!(r->dims >> d & 1)) continue;
        if (r->kind != LOOP_REG_DIM) return false;
        *stride += x->term[i].by;
    }
    return true;
}
