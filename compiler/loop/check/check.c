/* check.c - see check.h.
 *
 * A register's value is dense over its dims: d1, d2 .. outermost, l innermost. An instruction goes through the elements of its result;
 * `at` says where in every dim it stands, and operands are read there. Start at loop_check(), at the end. */
#include "compiler/loop/check/check.h"
#include "compiler/interp/row.h"
#include "runtime/blas.h"
#include "runtime/extern.h"
#include "runtime/linalg.h"
#include "runtime/math/random.h"
#include "runtime/sort.h"
#include "runtime/symbols.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BYTES = 8, MAX_OPERANDS = 3, POISON = 0xff };    /* of an element; of a row. Poison: NaN, -1 */

typedef int64_t At[LOOP_MAX_DIMS];

typedef struct Local {
    char    *cell;
    uint8_t *written;                                       /* by cell */
} Local;

typedef struct Check {
    const LoopNest *n;
    const LoopRun  *run;
    Arena          *arena;
    char           *why;
    bool            failed;
    char          **value;                                  /* by id; NULL: not made yet */
    char          **next;                                   /* by id of a CARRY: of the turn to come */
    char          **first;                                  /* by buffer: the address of element 0 */
    Local          *local;                                  /* by buffer */
    char           *operand[MAX_OPERANDS];                  /* of the row at hand, spread to the result's dims */
    int64_t         operand_count;                          /* elements that they have room for */
    const LoopIns  *ins;                                    /* at hand */
    const LoopBody *body;                                   /* it stands in */
} Check;

/* ---- reports ---------------------------------------------------------------------------------------------------- */

/* "ld b2 in turn 3, 0: what is wrong": counters from the outermost loop in. */
static void __attribute__((format(printf, 2, 3))) wrong(Check *c, const char *fmt, ...)
{
    if (c->failed) return;
    c->failed = true;
    const LoopBody *up[64];
    int n = 0, len = 0;
    for (const LoopBody *b = c->body; b && n < 64; b = b->up)
        if (b->counter) up[n++] = b;
    if (c->ins) {
        bool row = c->ins->op == LOOP_row, memory = c->ins->op == LOOP_ld || c->ins->op == LOOP_st;
        len = snprintf(c->why, 256, "%s", row ? ir_op_info[c->ins->row].name : loop_op_info[c->ins->op].name);
        if (memory) len += snprintf(c->why + len, 256 - (size_t)len, " b%d", c->ins->buffer);
    }
    for (int i = n - 1; i >= 0 && len < 120; i--) {
        int64_t turn;
        memcpy(&turn, c->value[up[i]->counter->id], sizeof turn);
        len += snprintf(c->why + len, 256 - (size_t)len, "%s%" PRId64, i == n - 1 ? " in turn " : ", ", turn);
    }
    if (len) len += snprintf(c->why + len, 256 - (size_t)len, ": ");
    va_list args;
    va_start(args, fmt);
    vsnprintf(c->why + len, 256 - (size_t)len, fmt, args);
    va_end(args);
}

/* ---- registers -------------------------------------------------------------------------------------------------- */

static bool has(uint32_t dims, int d) { return dims >> d & 1; }

static int64_t count_of(const Check *c, uint32_t dims)
{
    int64_t n = 1;
    for (int d = 0; d < c->n->n_dims; d++)
        if (has(dims, d)) n *= c->n->dim_size[d];
    return n;
}

static int64_t place_of(const Check *c, uint32_t dims, const At at)
{
    int64_t p = 0;
    for (int d = 1; d < c->n->n_dims; d++)
        if (has(dims, d)) p = p * c->n->dim_size[d] + at[d];
    return has(dims, LOOP_L) ? p * LOOP_LANES + at[LOOP_L] : p;
}

/* To the next element; false when it is back at the first. */
static bool step(const Check *c, uint32_t dims, At at)
{
    if (has(dims, LOOP_L) && ++at[LOOP_L] < LOOP_LANES) return true;
    at[LOOP_L] = 0;
    for (int d = c->n->n_dims - 1; d > 0; d--) {
        if (!has(dims, d)) continue;
        if (++at[d] < c->n->dim_size[d]) return true;
        at[d] = 0;
    }
    return false;
}

static void get_const(const LoopReg *r, void *out)
{
    switch (r->elem) {
    case IR_BOOL: *(uint8_t *)out = r->n != 0; break;
    case IR_I32: *(int32_t *)out = (int32_t)r->n; break;
    case IR_I64: *(int64_t *)out = r->n; break;
    case IR_F32: *(float *)out = (float)r->value; break;
    case IR_F64: *(double *)out = r->value; break;
    }
}

/* The element of r at `at`. */
static void get(Check *c, const LoopReg *r, const At at, void *out)
{
    size_t bytes = ir_elem_bytes(r->elem);
    switch (r->kind) {
    case LOOP_REG_CONST: get_const(r, out); break;
    case LOOP_REG_WORD: *(int64_t *)out = c->run->words[r->n]; break;
    case LOOP_REG_ARG: *(int64_t *)out = c->run->u[r->n]; break;
    case LOOP_REG_DIM: *(int64_t *)out = at[r->n]; break;
    case LOOP_REG_INS:
    case LOOP_REG_COUNTER:
    case LOOP_REG_CARRY:
        if (c->value[r->id]) memcpy(out, c->value[r->id] + place_of(c, r->dims, at) * (int64_t)bytes, bytes);
        else wrong(c, "a register is read before it is made");
        break;
    }
}

static int64_t get_i64(Check *c, const LoopReg *r, const At at)
{
    int64_t v = 0;
    get(c, r, at, &v);
    return v;
}

static int64_t get_index(Check *c, const LoopIndex *x, const At at)
{
    uint64_t v = (uint64_t)x->c;
    for (int i = 0; i < x->n; i++) v += (uint64_t)x->term[i].by * (uint64_t)get_i64(c, x->term[i].reg, at);
    return (int64_t)v;
}

static char *space(Check *c, uint32_t dims) { return arena_alloc(c->arena, (size_t)count_of(c, dims) * MAX_BYTES); }

/* Room for a register that an instruction makes; the same each time. */
static char *room(Check *c, const LoopReg *r)
{
    if (!c->value[r->id]) c->value[r->id] = space(c, r->dims);
    return c->value[r->id];
}

/* r over `dims`. */
static void spread(Check *c, const LoopReg *r, uint32_t dims, char *out)
{
    At at = {0};
    size_t bytes = ir_elem_bytes(r->elem);
    do get(c, r, at, out), out += bytes;
    while (step(c, dims, at));
}

/* ---- memory ----------------------------------------------------------------------------------------------------- */

static bool find_base(Check *c, int64_t base)
{
    if (base >= 0 && base < c->run->n_bases) return true;
    wrong(c, "there is no base %" PRId64, base);
    return false;
}

/* Are `bytes` bytes from `p` on within a base? */
static bool within(Check *c, int64_t base, const char *p, int64_t bytes)
{
    if (!c->run->bytes || c->run->bytes[base] < 0) return true;
    int64_t from = (int64_t)((uintptr_t)p - (uintptr_t)c->run->bases[base]), all = c->run->bytes[base];
    if (from >= 0 && from <= all && bytes <= all - from) return true;
    wrong(c, "byte %" PRId64 " of base %" PRId64 ", which has %" PRId64, from, base, all);
    return false;
}

static int64_t frame(Check *c, int64_t byte)
{
    int64_t v = 0;
    if (!find_base(c, 0)) return 0;
    const char *p = c->run->bases[0] + byte;
    if (within(c, 0, p, sizeof v)) memcpy(&v, p, sizeof v);
    return v;
}

static void open_local(Check *c, int i)
{
    const LoopBuffer *b = &c->n->buffers.v[i];
    size_t bytes = (size_t)b->cells * ir_elem_bytes(b->elem);
    char  *room = arena_alloc(c->arena, bytes + 64);
    c->first[i] = c->local[i].cell = (char *)(((uintptr_t)room + 63) / 64 * 64);
    c->local[i].written = arena_alloc(c->arena, (size_t)b->cells + 1);
    memset(c->local[i].cell, POISON, bytes);
}

static void open_buffer(Check *c, int i)
{
    const LoopBuffer *b = &c->n->buffers.v[i];
    const int64_t    *w = c->run->words;
    if (!find_base(c, w[b->base])) return;
    int64_t element = 0;
    if (b->panel >= 0) element += c->run->u[0] * w[b->panel];
    if (b->slot >= 0) element += c->run->u[1] * w[b->slot];
    for (int k = 0; k < b->n_iter; k++) element += b->iter[k].stride * frame(c, FRAME_COUNTER + 8 * b->iter[k].depth);
    uintptr_t first = (uintptr_t)c->run->bases[w[b->base]] + (uintptr_t)w[b->offset];
    c->first[i] = (char *)(first + (uintptr_t)element * ir_elem_bytes(b->elem));
}

/* Element `e` of a buffer; NULL, and said, if it is not there. */
static char *cell(Check *c, int buffer, int64_t e)
{
    const LoopBuffer *b = &c->n->buffers.v[buffer];
    int64_t bytes = (int64_t)ir_elem_bytes(b->elem);
    if (b->local) {
        if (e >= 0 && e < b->cells) return c->first[buffer] + e * bytes;
        wrong(c, "element %" PRId64 " of a local of %" PRId64, e, b->cells);
        return NULL;
    }
    char *p = (char *)((uintptr_t)c->first[buffer] + (uintptr_t)e * (uintptr_t)bytes);
    return within(c, c->run->words[b->base], p, bytes) ? p : NULL;
}

static void look_at_alignment(Check *c, const LoopIns *i)
{
    At at = {0};
    char *p = cell(c, i->buffer, get_index(c, &i->at, at));
    if (p && i->align && (uintptr_t)p % i->align) wrong(c, "its first address is no multiple of %u", i->align);
}

static void load(Check *c, const LoopIns *i)
{
    const LoopReg *r = i->result;
    At     at = {0};
    size_t bytes = ir_elem_bytes(r->elem);
    char  *out = room(c, r);
    look_at_alignment(c, i);
    do {
        int64_t e = get_index(c, &i->at, at);
        const char *p = c->failed ? NULL : cell(c, i->buffer, e);
        if (!p) return;
        if (c->local[i->buffer].written && !c->local[i->buffer].written[e]) {
            wrong(c, "element %" PRId64 " of a local was never written", e);
            return;
        }
        memcpy(out, p, bytes);
        if (r->elem == IR_BOOL) *out = *out != 0;
        out += bytes;
    } while (step(c, r->dims, at));
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void store(Check *c, const LoopIns *i)
{
    const LoopReg *v = i->arg[0];
    uint32_t dims = v->dims | loop_index_dims(&i->at);
    At       at = {0};
    size_t   bytes = ir_elem_bytes(v->elem);
    int64_t *met = malloc((size_t)count_of(c, dims) * sizeof *met), n = 0;
    look_at_alignment(c, i);
    do {
        int64_t e = get_index(c, &i->at, at);
        char   *p = c->failed ? NULL : cell(c, i->buffer, e), one[MAX_BYTES];
        if (!p) break;
        get(c, v, at, one);
        memcpy(p, one, bytes);
        if (c->local[i->buffer].written) c->local[i->buffer].written[e] = 1;
        met[n++] = e;
    } while (step(c, dims, at));
    qsort(met, (size_t)n, sizeof *met, by_value);
    for (int64_t k = 1; k < n && !c->failed; k++)
        if (met[k] == met[k - 1]) wrong(c, "two elements of it meet in element %" PRId64, met[k]);
    free(met);
}

/* ---- calls ------------------------------------------------------------------------------------------------------ */

typedef struct Passed { int64_t n; void *p; } Passed;

static Passed pass(Check *c, const LoopArg *a, char letter)
{
    At at = {0};
    if (a->kind == LOOP_PASS_REG) {
        int64_t v = 0;
        get(c, a->reg, at, &v);
        return (Passed){.n = a->reg->elem == IR_I32 ? (int32_t)v : a->reg->elem == IR_BOOL ? (uint8_t)v : v};
    }
    const LoopBuffer *b = &c->n->buffers.v[a->buffer];
    int64_t e = get_index(c, &a->at, at);
    if (b->local && letter != 'r' && e >= 0 && e < b->cells) memset(c->local[a->buffer].written + e, 1, (size_t)(b->cells - e));
    return (Passed){.p = e == 0 ? c->first[a->buffer] : cell(c, a->buffer, e)};    /* nothing may lie there: of no elements */
}

static void call(Check *c, const LoopIns *i)
{
    Passed a[12];
    for (int k = 0; k < i->n_pass; k++) a[k] = pass(c, &i->pass[k], runtime_symbol[i->symbol].signature[1 + k]);
    if (c->failed) return;
    switch (i->symbol) {
    case SYMBOL_sort_order: sort_order((int32_t)a[0].n, a[1].p, a[2].n, a[3].p, a[4].p); break;
    case SYMBOL_linalg_cholesky: linalg_cholesky(a[0].n, a[1].p, a[2].p); break;
    case SYMBOL_linalg_trisolve: linalg_trisolve(a[0].n, a[1].n, a[2].n, a[3].p, a[4].p, a[5].p); break;
    case SYMBOL_linalg_solve: linalg_solve(a[0].n, a[1].n, a[2].p, a[3].p, a[4].p, a[5].p); break;
    case SYMBOL_linalg_eigh: linalg_eigh(a[0].n, a[1].p, a[2].p, a[3].p, a[4].p); break;
    case SYMBOL_blas_f32: blas_f32(a[0].n, a[1].n, a[2].n, a[3].n, a[4].n, a[5].p, a[6].p, a[7].p, a[8].n); break;
    case SYMBOL_blas_f64: blas_f64(a[0].n, a[1].n, a[2].n, a[3].n, a[4].n, a[5].p, a[6].p, a[7].p, a[8].n); break;
    case SYMBOL_extern_call: extern_call(a[0].n, a[1].n, a[2].n, a[3].p, a[4].p); break;
    default: wrong(c, "%s has a result: it is a row", runtime_symbol[i->symbol].name);
    }
}

/* ---- other instructions ----------------------------------------------------------------------------------------- */

static void permute(Check *c, const LoopIns *i)
{
    const LoopReg *r = i->result;
    At    at = {0};
    char *out = room(c, r);
    do {
        int64_t x = 0;
        get(c, i->arg[1], at, &x);
        if (i->arg[1]->elem == IR_I32) x = (int32_t)x;
        int64_t y = random_permute((uint64_t)get_i64(c, i->arg[0], at), i->n, x);
        memcpy(out, r->elem == IR_I32 ? (void *)&(int32_t){(int32_t)y} : (void *)&y, ir_elem_bytes(r->elem));
        out += ir_elem_bytes(r->elem);
    } while (step(c, r->dims, at));
}

static void row(Check *c, const LoopIns *i)
{
    const LoopReg *r = i->result;
    if (i->row == IR_permute) { permute(c, i); return; }
    if (i->row == IR_stop) { spread(c, i->arg[0], r->dims, room(c, r)); return; }
    int64_t n = count_of(c, r->dims);
    if (n > c->operand_count) {
        for (int k = 0; k < MAX_OPERANDS; k++) c->operand[k] = space(c, r->dims);
        c->operand_count = n;
    }
    for (int k = 0; k < i->n_args; k++) spread(c, i->arg[k], r->dims, c->operand[k]);
    Row what = {i->row, i->arg[i->row == IR_select]->elem, r->elem, i->compare, i->n};
    row_apply(&what, (const void *const *)c->operand, room(c, r), (size_t)n);
}

static int64_t of_integers(Check *c, LoopOp op, int64_t x, int64_t y)
{
    switch (op) {
    case LOOP_and: return x & y;
    case LOOP_or: return x | y;
    case LOOP_inside:
        if (y < 0) wrong(c, "%" PRId64 " is no extent", y);
        return 0 <= x && x < y;
    case LOOP_quot:
    case LOOP_rest:
        if (x < 0 || y <= 0) wrong(c, "%" PRId64 " by %" PRId64, x, y);
        return c->failed ? 0 : op == LOOP_quot ? x / y : x % y;
    default:
        if (!x) wrong(c, "0 has no last bit");
        return x ? __builtin_ctzll((uint64_t)x) : 0;
    }
}

/* Of bool and i64, one or two operands. */
static void integers(Check *c, const LoopIns *i)
{
    const LoopReg *r = i->result;
    At    at = {0};
    char *out = room(c, r);
    do {
        int64_t x = get_i64(c, i->arg[0], at), y = i->n_args > 1 ? get_i64(c, i->arg[1], at) : 0, v = of_integers(c, i->op, x, y);
        if (r->elem == IR_BOOL) *out = (char)v;
        else memcpy(out, &v, sizeof v);
        out += ir_elem_bytes(r->elem);
    } while (step(c, r->dims, at));
}

static void indices(Check *c, const LoopIns *i)
{
    At    at = {0};
    char *out = room(c, i->result);
    do {
        int64_t v = get_index(c, &i->at, at);
        if (i->op == LOOP_frame) v = frame(c, v);
        memcpy(out, &v, sizeof v);
        out += sizeof v;
    } while (step(c, i->result->dims, at));
}

static void lanes16(Check *c, const LoopIns *i)
{
    const LoopReg *r = i->result;
    At     at = {0};
    size_t bytes = ir_elem_bytes(r->elem);
    char  *out = room(c, r), lane[LOOP_LANES * MAX_BYTES], other[LOOP_LANES * MAX_BYTES], sum[LOOP_LANES * MAX_BYTES];
    Row    add = {IR_add, r->elem, r->elem, 0, 0};
    do {
        At of;
        memcpy(of, at, sizeof of);
        for (of[LOOP_L] = 0; of[LOOP_L] < LOOP_LANES; of[LOOP_L]++) get(c, i->arg[0], of, lane + bytes * (size_t)of[LOOP_L]);
        for (size_t half = LOOP_LANES / 2; half; half /= 2) {
            memcpy(other, lane + bytes * half, bytes * half);
            row_apply(&add, (const void *const[]){lane, other}, sum, half);
            memcpy(lane, sum, bytes * half);
        }
        memcpy(out, lane, bytes);
        out += bytes;
    } while (step(c, r->dims, at));
}

static void turn(Check *c, const LoopIns *i)
{
    const LoopReg *r = i->result;
    At    at = {0};
    char *out = room(c, r);
    do {
        At of;
        memcpy(of, at, sizeof of);
        of[LOOP_L] = at[i->n];
        of[i->n] = at[LOOP_L];
        get(c, i->arg[0], of, out);
        out += ir_elem_bytes(r->elem);
    } while (step(c, r->dims, at));
}

static void draw_one(const LoopIns *i, RandomAt from, uint64_t element, void *out)
{
    bool f32 = i->result->elem == IR_F32;
    if (i->row == IR_randint) *(int32_t *)out = random_randint(from, element, (uint32_t)i->n);
    else if (i->row == IR_normal && f32) *(float *)out = random_normal_f32(from, element);
    else if (i->row == IR_normal) *(double *)out = random_normal_f64(from, element);
    else if (f32) *(float *)out = random_uniform_f32(from, element);
    else *(double *)out = random_uniform_f64(from, element);
}

static void draw(Check *c, const LoopIns *i)
{
    At  at = {0};
    do {
        int64_t v[4];
        for (int k = 0; k < 4; k++) v[k] = get_i64(c, i->arg[k], at);
        if (v[1] % i->n_results) { wrong(c, "element %" PRId64 " is no multiple of %d", v[1], i->n_results); return; }
        for (int k = 0; k < i->n_results; k++) {
            const LoopReg *r = &i->result[k];
            RandomAt from = {(uint64_t)v[0], (uint32_t)v[2], (uint32_t)v[3]};
            draw_one(i, from, (uint64_t)v[1] + (uint64_t)k, room(c, r) + place_of(c, r->dims, at) * (int64_t)ir_elem_bytes(r->elem));
        }
    } while (step(c, i->result->dims, at));
}

/* ---- bodies ----------------------------------------------------------------------------------------------------- */

static void run_body(Check *c, const LoopBody *body);

static void copy(Check *c, const LoopReg *to, const char *from)
{
    memcpy(room(c, to), from, (size_t)count_of(c, to->dims) * ir_elem_bytes(to->elem));
}

/* All are read before one is changed. */
static void carry_on(Check *c, const LoopIns *i, LoopReg *const *from)
{
    for (int k = 0; k < i->n_args; k++) {
        const LoopReg *r = &i->body->carry[k];
        if (!c->next[r->id]) c->next[r->id] = space(c, r->dims);
        spread(c, from[k], r->dims, c->next[r->id]);
    }
    for (int k = 0; k < i->n_args; k++) copy(c, &i->body->carry[k], c->next[i->body->carry[k].id]);
}

static void loop(Check *c, const LoopIns *i)
{
    At at = {0};
    int64_t from = get_index(c, &i->from, at), to = get_index(c, &i->to, at);
    if (i->op == LOOP_do && from >= to) wrong(c, "%" PRId64 "..%" PRId64 " is no turn", from, to);
    carry_on(c, i, i->arg);
    for (int64_t n = from; n < to && !c->failed; n += i->step) {
        memcpy(room(c, i->body->counter), &n, sizeof n);
        run_body(c, i->body);
        if (!c->failed && i->n_args) carry_on(c, i, i->body->next);
    }
    for (int k = 0; k < i->n_results && !c->failed; k++) copy(c, &i->result[k], c->value[i->body->carry[k].id]);
}

static void run(Check *c, const LoopIns *i)
{
    At at = {0};
    uint8_t holds = 0;
    switch (i->op) {
    case LOOP_row: row(c, i); break;
    case LOOP_and:
    case LOOP_or:
    case LOOP_inside:
    case LOOP_quot:
    case LOOP_rest:
    case LOOP_trailing: integers(c, i); break;
    case LOOP_index:
    case LOOP_frame: indices(c, i); break;
    case LOOP_ld: load(c, i); break;
    case LOOP_st: store(c, i); break;
    case LOOP_lanes16: lanes16(c, i); break;
    case LOOP_turn: turn(c, i); break;
    case LOOP_draw: draw(c, i); break;
    case LOOP_call: call(c, i); break;
    case LOOP_for:
    case LOOP_do: loop(c, i); break;
    case LOOP_when:
        get(c, i->arg[0], at, &holds);
        if (holds) run_body(c, i->body);
        break;
    case LOOP_block: run_body(c, i->body); break;
    }
}

static void run_body(Check *c, const LoopBody *body)
{
    for (int i = 0; i < body->ins.n && !c->failed; i++) {
        c->body = body;
        c->ins = body->ins.v[i];
        run(c, c->ins);
    }
    c->body = body;
}

bool loop_check(const LoopNest *n, const LoopRun *r, char why[256])
{
    Check c = {.n = n, .run = r, .arena = arena_new(), .why = why};
    c.value = arena_array(c.arena, char *, n->n_ids + 1);
    c.next = arena_array(c.arena, char *, n->n_ids + 1);
    c.first = arena_array(c.arena, char *, n->buffers.n + 1);
    c.local = arena_array(c.arena, Local, n->buffers.n + 1);
    for (int i = 0; i < n->buffers.n && !c.failed; i++) n->buffers.v[i].local ? open_local(&c, i) : open_buffer(&c, i);
    run_body(&c, &n->body);
    arena_free(c.arena);
    return !c.failed;
}
