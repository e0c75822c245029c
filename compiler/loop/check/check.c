/* check.c - see check.h.
 *
 * A register's value is dense over its dims: d1, d2 .. outermost, l innermost. An instruction goes through the elements of its result;
 * `at` says where in every dim it stands, and operands are read there. Beside its value an element has an *origin*: 0, or the load that
 * brought what nobody wrote, of which it is made. Who touched which byte of memory is touch.c's. Start at loop_check(), at the end. */
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

enum { MAX_BYTES = 8, MAX_OPERANDS = 3, POISON = 0xff, LINE = 64 };  /* of an element; of a row. Poison: NaN, -1 */

typedef int64_t At[LOOP_MAX_DIMS];

/* A local is the own of each turn that writes it. So its cells are no meeting place: what counts is whose value is read. */
typedef struct LocalCell {
    int      writer, reader;                                /* turns of touch.h; 0: none. reader: of what another turn wrote */
    uint32_t origin;
} LocalCell;

typedef struct Check {
    const LoopNest *n;
    const LoopRun  *run;
    Arena          *arena;
    char           *why;
    bool            failed;
    char          **value;                                  /* by id; NULL: not made yet */
    char          **next;                                   /* by id of a CARRY: of the turn to come */
    uint32_t      **origin, **next_origin;                  /* by id, of each element; NULL: all were written */
    char          **first;                                  /* by buffer: the address of element 0 */
    LocalCell     **local;                                  /* by buffer */
    Touches        *touches;
    uint64_t        random;
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
    len = snprintf(c->why, 256, "%s: ", c->n->name);
    if (c->ins) {
        bool row = c->ins->op == LOOP_row, memory = c->ins->op == LOOP_ld || c->ins->op == LOOP_st || c->ins->op == LOOP_claim;
        len += snprintf(c->why + len, 256 - (size_t)len, "%s", row ? ir_op_info[c->ins->row].name : loop_op_info[c->ins->op].name);
        if (memory) len += snprintf(c->why + len, 256 - (size_t)len, " b%d", c->ins->buffer);
    }
    for (int i = n - 1; i >= 0 && len < 120; i--) {
        int64_t turn;
        memcpy(&turn, c->value[up[i]->counter->id], sizeof turn);
        len += snprintf(c->why + len, 256 - (size_t)len, "%s%" PRId64, i == n - 1 ? " in turn " : ", ", turn);
    }
    if (c->ins) len += snprintf(c->why + len, 256 - (size_t)len, ": ");
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

/* ---- origins ---------------------------------------------------------------------------------------------------- */

static bool is_made(const LoopReg *r) { return r->kind == LOOP_REG_INS || r->kind == LOOP_REG_CARRY; }

static uint32_t origin_at(const Check *c, const LoopReg *r, const At at)
{
    return is_made(r) && c->origin[r->id] ? c->origin[r->id][place_of(c, r->dims, at)] : 0;
}

static uint32_t origin_of_index(const Check *c, const LoopIndex *x, const At at)
{
    uint32_t from = 0;
    for (int i = 0; i < x->n && !from; i++) from = origin_at(c, x->term[i].reg, at);
    return from;
}

static void set_origin(Check *c, const LoopReg *r, const At at, uint32_t from)
{
    if (!from) return;
    if (!c->origin[r->id]) c->origin[r->id] = arena_array(c->arena, uint32_t, count_of(c, r->dims));
    c->origin[r->id][place_of(c, r->dims, at)] = from;
}

static void forget_origins(Check *c, const LoopIns *i)
{
    for (int k = 0; k < i->n_results; k++) c->origin[i->result[k].id] = NULL;
}

static bool has_origins(const Check *c, const LoopIns *i)
{
    bool any = false;
    for (int k = 0; k < i->n_args; k++) any |= is_made(i->arg[k]) && c->origin[i->arg[k]->id];
    for (int k = 0; k < i->at.n; k++) any |= is_made(i->at.term[k].reg) && c->origin[i->at.term[k].reg->id];
    return any;
}

/* Of an element of a result. */
static uint32_t origin_from_args(Check *c, const LoopIns *i, const At at)
{
    At of;
    uint32_t from = 0;
    memcpy(of, at, sizeof of);
    if (i->op == LOOP_turn) of[LOOP_L] = at[i->n], of[i->n] = at[LOOP_L];
    if (i->op == LOOP_lanes16) {
        for (of[LOOP_L] = 0; of[LOOP_L] < LOOP_LANES && !from; of[LOOP_L]++) from = origin_at(c, i->arg[0], of);
        return from;
    }
    if (i->op == LOOP_row && i->row == IR_select && !origin_at(c, i->arg[0], of)) {
        uint8_t first = 0;
        get(c, i->arg[0], of, &first);
        return origin_at(c, i->arg[first ? 1 : 2], of);
    }
    for (int k = 0; k < i->n_args && !from; k++) from = origin_at(c, i->arg[k], of);
    return from ? from : origin_of_index(c, &i->at, of);
}

/* What an instruction's results are made of; ld, st and bodies say it themselves. */
static void carry_origins(Check *c, const LoopIns *i)
{
    if (!has_origins(c, i)) return;
    for (int k = 0; k < i->n_results; k++) {
        At at = {0};
        do set_origin(c, &i->result[k], at, origin_from_args(c, i, at));
        while (step(c, i->result[k].dims, at));
    }
}

/* `what` must not depend on what nobody wrote. */
static void must_be_written(Check *c, const char *what, uint32_t from)
{
    if (from) wrong(c, "%s is made of what nobody wrote: %s", what, c->touches->origin.v[from]);
}

/* What does not vary along dims is in the number of the result. */
static LoopIndex settled(Check *c, const LoopIndex *x)
{
    const At at = {0};
    LoopIndex y = {.c = x->c};
    for (int i = 0; i < x->n; i++) {
        const LoopReg *r = x->term[i].reg;
        if (r->dims) { y.term[y.n++] = x->term[i]; continue; }
        must_be_written(c, "its index", origin_at(c, r, at));
        y.c = (int64_t)((uint64_t)y.c + (uint64_t)x->term[i].by * (uint64_t)get_i64(c, r, at));
    }
    return y;
}

static int64_t get_sure(Check *c, const LoopIndex *x, const At at, const char *what)
{
    must_be_written(c, what, origin_of_index(c, x, at));
    return get_index(c, x, at);
}

/* r over `dims`. */
static void spread(Check *c, const LoopReg *r, uint32_t dims, char *out)
{
    At at = {0};
    size_t bytes = ir_elem_bytes(r->elem);
    bool made = r->kind == LOOP_REG_INS || r->kind == LOOP_REG_CARRY;
    if (made && r->dims == dims && c->value[r->id]) {
        memcpy(out, c->value[r->id], bytes * (size_t)count_of(c, dims));
        return;
    }
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
    c->first[i] = (char *)(((uintptr_t)room + 63) / 64 * 64);
    c->local[i] = arena_array(c->arena, LocalCell, b->cells + 1);
    memset(c->first[i], POISON, bytes);
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

/* ---- who touches what ------------------------------------------------------------------------------------------- */

static void met(Check *c, const void *p, Meeting m, const char *does)
{
    char mine[128], other[128], base[64] = "";
    if (!m.turn) return;
    touches_name(c->touches, c->touches->now, m.turn, mine, sizeof mine);
    touches_name(c->touches, m.turn, c->touches->now, other, sizeof other);
    for (int i = 0; c->run->bytes && i < c->run->n_bases; i++) {
        uintptr_t from = (uintptr_t)p - (uintptr_t)c->run->bases[i];
        if (c->run->bytes[i] <= 0 || from >= (uintptr_t)c->run->bytes[i]) continue;
        snprintf(base, sizeof base, "byte %" PRId64 " of base %d", (int64_t)from + m.byte, i);
    }
    wrong(c, "%s: %s %s it, %s %s it", base, mine, does, other, m.wrote ? "writes" : "reads");
}

static void local_read(Check *c, LocalCell *x, int64_t e)
{
    const Touches *t = c->touches;
    if (!x->writer) { wrong(c, "element %" PRId64 " of a local was never written", e); return; }
    if (!t->turn.v[x->writer].open) {
        char other[128];
        touches_name(t, x->writer, t->now, other, sizeof other);
        wrong(c, "element %" PRId64 " of a local was written in %s alone", e, other);
        return;
    }
    if (x->writer != t->now && !touches_beside(c->touches, x->reader)) x->reader = t->now;
}

/* A turn beside this one has read what was there before both. */
static void local_write(Check *c, LocalCell *x, int64_t e, uint32_t origin)
{
    const Touches *t = c->touches;
    if (x->reader && t->turn.v[x->writer].open && touches_beside(c->touches, x->reader)) {
        char other[128];
        touches_name(t, x->reader, t->now, other, sizeof other);
        wrong(c, "element %" PRId64 " of a local is read in %s, and was not written there", e, other);
    }
    *x = (LocalCell){t->now, 0, origin};
}

static void reads(Check *c, const void *p, int64_t bytes)
{
    Meeting m = touches_read(c->touches, p, bytes);
    met(c, p, m, "reads");
}

static void writes(Check *c, const void *p, int64_t bytes, uint32_t origin)
{
    Meeting m = touches_write(c->touches, p, bytes, origin);
    met(c, p, m, "writes");
}

/* A load that brings what nobody wrote: its name. */
static uint32_t new_origin(Check *c, int64_t e)
{
    Check   said = {.n = c->n, .value = c->value, .ins = c->ins, .body = c->body};
    char    text[256];
    said.why = text;
    wrong(&said, "element %" PRId64, e);
    return touches_origin(c->touches, text);
}

/* ---- loads and stores ------------------------------------------------------------------------------------------- */

static void load(Check *c, const LoopIns *i)
{
    const LoopReg *r = i->result;
    At       at = {0};
    size_t   bytes = ir_elem_bytes(r->elem);
    uint32_t unwritten = 0;
    char    *out = room(c, r);
    LoopIndex where = settled(c, &i->at);
    look_at_alignment(c, i);
    do {
        int64_t e = get_sure(c, &where, at, "its index");
        const char *p = c->failed ? NULL : cell(c, i->buffer, e);
        if (!p) return;
        if (c->local[i->buffer]) {
            local_read(c, &c->local[i->buffer][e], e);
            set_origin(c, r, at, c->local[i->buffer][e].origin);
        } else {
            reads(c, p, (int64_t)bytes);
            uint32_t from = touches_missing(c->touches, p, (int64_t)bytes);
            if (from == TOUCH_UNWRITTEN) from = unwritten = unwritten ? unwritten : new_origin(c, e);
            set_origin(c, r, at, from);
        }
        if (c->failed) return;
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
    int64_t *all = malloc((size_t)count_of(c, dims) * sizeof *all), n = 0;
    LoopIndex where = settled(c, &i->at);
    look_at_alignment(c, i);
    do {
        int64_t e = get_sure(c, &where, at, "its index");
        char   *p = c->failed ? NULL : cell(c, i->buffer, e), one[MAX_BYTES];
        if (!p) break;
        if (c->local[i->buffer]) local_write(c, &c->local[i->buffer][e], e, origin_at(c, v, at));
        else writes(c, p, (int64_t)bytes, origin_at(c, v, at));
        get(c, v, at, one);
        memcpy(p, one, bytes);
        all[n++] = e;
    } while (!c->failed && step(c, dims, at));
    qsort(all, (size_t)n, sizeof *all, by_value);
    for (int64_t k = 1; k < n && !c->failed; k++)
        if (all[k] == all[k - 1]) wrong(c, "two elements of it meet in element %" PRId64, all[k]);
    free(all);
}

/* Each number of the line is what nobody wrote. */
static void claim(Check *c, const LoopIns *i)
{
    int64_t   bytes = (int64_t)ir_elem_bytes(c->n->buffers.v[i->buffer].elem);
    At        at = {0};
    LoopIndex where = settled(c, &i->at);
    do {
        int64_t e = get_sure(c, &where, at, "its index");
        uint32_t origin = new_origin(c, e);
        for (int64_t k = 0; k < LINE / bytes && !c->failed; k++) {
            const char *p = cell(c, i->buffer, e + k);
            if (p) writes(c, p, bytes, origin);
        }
    } while (!c->failed && step(c, loop_index_dims(&i->at), at));
}

/* ---- calls ------------------------------------------------------------------------------------------------------ */

typedef struct Passed {
    int64_t n;
    void   *p;
    int     buffer;
    int64_t element;                                        /* of the buffer, where p is */
} Passed;

static Passed pass(Check *c, const LoopArg *a)
{
    At at = {0};
    if (a->kind == LOOP_PASS_REG) {
        int64_t v = 0;
        must_be_written(c, "an argument", origin_at(c, a->reg, at));
        get(c, a->reg, at, &v);
        return (Passed){.n = a->reg->elem == IR_I32 ? (int32_t)v : a->reg->elem == IR_BOOL ? (uint8_t)v : v};
    }
    int64_t e = get_sure(c, &a->at, at, "an address");
    char   *p = e == 0 ? c->first[a->buffer] : cell(c, a->buffer, e);           /* nothing may lie there: of no elements */
    return (Passed){.p = p, .buffer = a->buffer, .element = e};
}

static int64_t numbers_of_draw(const GanExtern *x, bool in)
{
    int64_t n = 0;
    for (int i = 0; i < x->n_params; i++) n += x->size[i];
    return in ? n : x->n_out;
}

/* Numbers that a routine reads or writes from its argument `k` on: what the headers of the runtime say. */
static int64_t numbers_of(int symbol, int k, const Passed *a)
{
    int64_t n = a[0].n, square = n * n;
    switch (symbol) {
    case SYMBOL_sort_order: return a[2].n;
    case SYMBOL_linalg_cholesky: return square;
    case SYMBOL_linalg_trisolve: return k == 3 ? square : n * a[1].n;
    case SYMBOL_linalg_solve: return k == 2 || k == 5 ? square : n * a[1].n;
    case SYMBOL_linalg_eigh: return k == 2 ? n : square;
    case SYMBOL_extern_call: return numbers_of_draw((const GanExtern *)(uintptr_t)a[0].n + a[1].n, k == 3);
    default: return k == 5 ? a[2].n * a[4].n : k == 6 ? a[4].n * a[3].n : a[2].n * a[3].n;
    }
}

static void call_reads(Check *c, const Passed *a, int64_t n, int64_t bytes)
{
    LocalCell *local = c->local[a->buffer];
    for (int64_t i = 0; i < n && local && !c->failed; i++) {
        local_read(c, &local[a->element + i], a->element + i);
        must_be_written(c, "an argument", local[a->element + i].origin);
    }
    if (local) return;
    reads(c, a->p, n * bytes);
    uint32_t from = touches_missing(c->touches, a->p, n * bytes);
    if (from == TOUCH_UNWRITTEN) wrong(c, "an argument that nobody wrote");
    else must_be_written(c, "an argument", from);
}

static void call_writes(Check *c, const Passed *a, int64_t n, int64_t bytes)
{
    LocalCell *local = c->local[a->buffer];
    for (int64_t i = 0; i < n && local && !c->failed; i++) local_write(c, &local[a->element + i], a->element + i, 0);
    if (!local) writes(c, a->p, n * bytes, 0);
}

/* `x` of a product: added to, or only written. */
static void call_touches(Check *c, const LoopIns *i, const Passed *a)
{
    const char *signature = runtime_symbol[i->symbol].signature + 1;
    for (int k = 0; k < i->n_pass && !c->failed; k++) {
        if (i->pass[k].kind != LOOP_PASS_BUFFER) continue;
        int64_t n = numbers_of(i->symbol, k, a), bytes = (int64_t)ir_elem_bytes(c->n->buffers.v[a[k].buffer].elem);
        if (n > 0 && !cell(c, a[k].buffer, a[k].element + n - 1)) return;
        if (signature[k] == 'r' || (signature[k] == 'x' && a[i->n_pass - 1].n)) call_reads(c, &a[k], n, bytes);
        if (signature[k] != 'r' && !c->failed) call_writes(c, &a[k], n, bytes);
    }
}

static void call(Check *c, const LoopIns *i)
{
    Passed a[12];
    for (int k = 0; k < i->n_pass; k++) a[k] = pass(c, &i->pass[k]);
    if (!c->failed) call_touches(c, i, a);
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

static void copy_origins(Check *c, const LoopReg *to, const uint32_t *from)
{
    size_t bytes = (size_t)count_of(c, to->dims) * sizeof *from;
    c->origin[to->id] = from ? arena_copy(c->arena, from, bytes) : NULL;
}

static uint32_t *spread_origins(Check *c, const LoopReg *r, uint32_t dims)
{
    if (!is_made(r) || !c->origin[r->id]) return NULL;
    uint32_t *out = arena_array(c->arena, uint32_t, count_of(c, dims)), *next = out;
    At at = {0};
    do *next++ = origin_at(c, r, at);
    while (step(c, dims, at));
    return out;
}

/* All are read before one is changed. */
static void carry_on(Check *c, const LoopIns *i, LoopReg *const *from)
{
    for (int k = 0; k < i->n_args; k++) {
        const LoopReg *r = &i->body->carry[k];
        if (!c->next[r->id]) c->next[r->id] = space(c, r->dims);
        spread(c, from[k], r->dims, c->next[r->id]);
        c->next_origin[r->id] = spread_origins(c, from[k], r->dims);
    }
    for (int k = 0; k < i->n_args; k++) {
        const LoopReg *r = &i->body->carry[k];
        copy(c, r, c->next[r->id]);
        c->origin[r->id] = c->next_origin[r->id];
    }
}

static int64_t next_random(Check *c, int64_t below)         /* splitmix64 (Steele, Lea, Flood 2014) */
{
    uint64_t z = c->random += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (int64_t)((z ^ (z >> 31)) % (uint64_t)below);
}

static void run_turn(Check *c, const LoopIns *i, int64_t n)
{
    memcpy(room(c, i->body->counter), &n, sizeof n);
    run_body(c, i->body);
}

/* In any order: as dealt. */
static void par(Check *c, const LoopIns *i, int64_t from, int64_t to)
{
    int64_t  turns = from < to ? (to - from - 1) / i->step + 1 : 0;
    int64_t *order = malloc((size_t)(turns + 1) * sizeof *order);
    int      first = c->touches->turn.n;
    for (int64_t k = 0; k < turns; k++) {
        int64_t at = c->run->seed ? next_random(c, k + 1) : k;
        order[k] = order[at];
        order[at] = from + k * i->step;
    }
    for (int64_t k = 0; k < turns && !c->failed; k++) {
        touches_open(c->touches, "turn", order[k]);
        run_turn(c, i, order[k]);
        touches_close(c->touches);
    }
    touches_join(c->touches, first);
    free(order);
}

static void loop(Check *c, const LoopIns *i)
{
    At at = {0};
    int64_t from = get_sure(c, &i->from, at, "a loop's bound"), to = get_sure(c, &i->to, at, "a loop's bound");
    if (i->op == LOOP_do && from >= to) wrong(c, "%" PRId64 "..%" PRId64 " is no turn", from, to);
    if (i->par) { par(c, i, from, to); return; }
    carry_on(c, i, i->arg);
    for (int64_t n = from; n < to && !c->failed; n += i->step) {
        run_turn(c, i, n);
        if (!c->failed && i->n_args) carry_on(c, i, i->body->next);
    }
    for (int k = 0; k < i->n_results && !c->failed; k++) {
        copy(c, &i->result[k], c->value[i->body->carry[k].id]);
        copy_origins(c, &i->result[k], c->origin[i->body->carry[k].id]);
    }
}

static void when(Check *c, const LoopIns *i)
{
    At at = {0};
    uint8_t holds = 0;
    must_be_written(c, "its condition", origin_at(c, i->arg[0], at));
    get(c, i->arg[0], at, &holds);
    if (holds && !c->failed) run_body(c, i->body);
}

static void run(Check *c, const LoopIns *i)
{
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
    case LOOP_ahead:
    case LOOP_fetch: break;
    case LOOP_claim: claim(c, i); break;
    case LOOP_lanes16: lanes16(c, i); break;
    case LOOP_turn: turn(c, i); break;
    case LOOP_draw: draw(c, i); break;
    case LOOP_call: call(c, i); break;
    case LOOP_for:
    case LOOP_do: loop(c, i); break;
    case LOOP_when: when(c, i); break;
    case LOOP_block: run_body(c, i->body); break;
    }
}

static void run_body(Check *c, const LoopBody *body)
{
    for (int i = 0; i < body->ins.n && !c->failed; i++) {
        const LoopIns *ins = body->ins.v[i];
        c->body = body;
        c->ins = ins;
        if (!ins->body) forget_origins(c, ins);
        run(c, ins);
        if (!ins->body && ins->op != LOOP_ld) carry_origins(c, ins);
    }
    c->body = body;
}

/* Those of the bases' bytes; all hold something. */
static Touches *own_touches(Arena *a, const LoopRun *r)
{
    Touches *t = touches_new(a);
    for (int i = 0; r->bytes && i < r->n_bases; i++)
        if (r->bytes[i] > 0) touches_region(t, r->bases[i], r->bytes[i], true);
    return t;
}

bool loop_check(const LoopNest *n, const LoopRun *r, char why[256])
{
    Check c = {.n = n, .run = r, .arena = arena_new(), .why = why, .touches = r->touches, .random = r->seed};
    c.value = arena_array(c.arena, char *, n->n_ids + 1);
    c.next = arena_array(c.arena, char *, n->n_ids + 1);
    c.origin = arena_array(c.arena, uint32_t *, n->n_ids + 1);
    c.next_origin = arena_array(c.arena, uint32_t *, n->n_ids + 1);
    c.first = arena_array(c.arena, char *, n->buffers.n + 1);
    c.local = arena_array(c.arena, LocalCell *, n->buffers.n + 1);
    if (!c.touches) c.touches = own_touches(c.arena, r);
    for (int i = 0; i < n->buffers.n && !c.failed; i++) n->buffers.v[i].local ? open_local(&c, i) : open_buffer(&c, i);
    int first = touches_open(c.touches, n->name, r->u[0]);
    run_body(&c, &n->body);
    touches_close(c.touches);
    touches_join(c.touches, first);
    arena_free(c.arena);
    return !c.failed;
}
