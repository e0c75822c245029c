/* print.c - a nest as text. read.c reads it back; loop.h shows the form.
 *
 * One walk, in which registers are numbered as they appear, so that nests that differ in nothing else have one text: kernels are
 * found equal by it. An instruction is a line, so are a buffer, `next` and a body's end. Start at loop_print(). */
#include "compiler/loop/words.h"

#include <string.h>

typedef struct {
    const LoopNest *nest;
    Text           *out;
    uint32_t       *number;                                 /* by id, from 1; 0: not met yet */
    uint32_t        n_values, n_counters;
    int             depth;
} Printer;

/* ---- words ------------------------------------------------------------------------------------------------------ */

static void put(Printer *p, const char *s) { text_add(p->out, s); }

static void put_natural(Printer *p, uint64_t n)
{
    char digits[24], *at = digits + sizeof digits;
    do *--at = (char)('0' + n % 10);
    while (n /= 10);
    text_addn(p->out, at, (size_t)(digits + sizeof digits - at));
}

static uint64_t magnitude(int64_t n) { return n < 0 ? 0 - (uint64_t)n : (uint64_t)n; }

static void put_int(Printer *p, int64_t n)
{
    if (n < 0) put(p, "-");
    put_natural(p, magnitude(n));
}

static void put_named(Printer *p, const char *kind, int64_t n)
{
    put(p, kind);
    put_int(p, n);
}

static void put_dim(Printer *p, int64_t dim)
{
    if (dim == LOOP_L) put(p, "l");
    else put_named(p, "d", dim);
}

static void indent(Printer *p)
{
    for (int i = 0; i <= p->depth; i++) put(p, "  ");
}

/* ---- registers -------------------------------------------------------------------------------------------------- */

static void put_type(Printer *p, IrElem elem, uint32_t dims)
{
    put(p, ":");
    put(p, ir_elem_name(elem));
    const char *before = "<";
    for (int d = 0; d < LOOP_MAX_DIMS; d++) {
        if (!(dims >> d & 1)) continue;
        put(p, before);
        put_dim(p, d);
        before = ",";
    }
    if (dims) put(p, ">");
}

static void put_number(Printer *p, const LoopReg *r)
{
    if (r->elem == IR_F64) text_f64(p->out, r->value);
    else if (r->elem == IR_F32) text_f32(p->out, (float)r->value);
    else if (r->elem == IR_BOOL) put(p, r->n ? "true" : "false");
    else put_int(p, r->n);
}

static void put_made(Printer *p, const char *kind, const LoopReg *r)
{
    put(p, kind);
    if (r->id < p->nest->n_ids && p->number[r->id]) put_natural(p, p->number[r->id] - 1);
    else put(p, "?");                                       /* the verifier says so */
}

static void put_reg(Printer *p, const LoopReg *r)
{
    switch (r->kind) {
    case LOOP_REG_INS:
    case LOOP_REG_CARRY: put_made(p, "%", r); break;
    case LOOP_REG_COUNTER: put_made(p, "i", r); break;
    case LOOP_REG_WORD: put_named(p, "w", r->n); break;
    case LOOP_REG_ARG: put_named(p, "u", r->n); break;
    case LOOP_REG_DIM: put_dim(p, r->n); break;
    case LOOP_REG_CONST:
        put_number(p, r);
        if (r->elem != IR_I64 || r->dims) put_type(p, r->elem, r->dims);
        break;
    }
}

static void put_regs(Printer *p, LoopReg *const *r, int n)
{
    for (int i = 0; i < n; i++) {
        if (i) put(p, ", ");
        put_reg(p, r[i]);
    }
}

static void put_new(Printer *p, const LoopReg *r)
{
    uint32_t *count = r->kind == LOOP_REG_COUNTER ? &p->n_counters : &p->n_values;
    ++*count;
    if (r->id < p->nest->n_ids) p->number[r->id] = *count;
    put_reg(p, r);
}

static void put_results(Printer *p, const LoopIns *i)
{
    for (int k = 0; k < i->n_results; k++) {
        if (k) put(p, ", ");
        put_new(p, &i->result[k]);
    }
}

/* ---- indices ---------------------------------------------------------------------------------------------------- */

/* The sign before a part of a sum. */
static void put_sign(Printer *p, int64_t n, bool first)
{
    if (first) put(p, n < 0 ? "-" : "");
    else put(p, n < 0 ? " - " : " + ");
}

static void put_index(Printer *p, const LoopIndex *x)
{
    for (int i = 0; i < x->n; i++) {
        const LoopReg *r = x->term[i].reg;
        put_sign(p, x->term[i].by, i == 0);
        if (magnitude(x->term[i].by) != 1) {
            put_natural(p, magnitude(x->term[i].by));
            put(p, "*");
        }
        put_reg(p, r);
        if (r->kind == LOOP_REG_CONST && r->elem == IR_I64 && !r->dims) put_type(p, r->elem, 0);    /* it is not of the number */
    }
    if (x->n && !x->c) return;
    put_sign(p, x->c, x->n == 0);
    put_natural(p, magnitude(x->c));
}

static void put_place(Printer *p, int buffer, const LoopIndex *at)
{
    put_named(p, "b", buffer);
    put(p, "[");
    put_index(p, at);
    put(p, "]");
}

/* Not said where it is what the element type asks for. */
static void put_align(Printer *p, const LoopIns *i)
{
    bool known = i->buffer >= 0 && i->buffer < p->nest->buffers.n;
    if (!known || i->align != ir_elem_bytes(p->nest->buffers.v[i->buffer].elem)) put_named(p, " align ", i->align);
}

/* ---- instructions ----------------------------------------------------------------------------------------------- */

static void put_body(Printer *p, const LoopBody *body);

static void put_row(Printer *p, const LoopIns *i)
{
    put(p, ir_op_info[i->row].name);
    if (loop_row_has(i->row, IR_ATTR_compare)) {
        put(p, ".");
        put(p, ir_compare_words[i->compare]);
    }
    put(p, " ");
    if (loop_row_has(i->row, IR_ATTR_elem)) {
        put(p, ir_elem_name(i->result->elem));
        put(p, " ");
    }
    if (loop_row_has(i->row, IR_ATTR_n)) {
        put_named(p, "n ", i->n);
        put(p, " ");
    }
    put_regs(p, i->arg, i->n_args);
}

static void put_draw(Printer *p, const LoopIns *i)
{
    put(p, ir_op_info[i->row].name);
    put(p, " ");
    put(p, ir_elem_name(i->result->elem));
    if (loop_row_has(i->row, IR_ATTR_n)) put_named(p, " n ", i->n);
    put(p, " ");
    put_regs(p, i->arg, i->n_args);
}

static void put_call(Printer *p, const LoopIns *i)
{
    put(p, loop_symbol[i->symbol].name);
    put(p, "(");
    for (int k = 0; k < i->n_pass; k++) {
        const LoopArg *a = &i->pass[k];
        if (k) put(p, ", ");
        if (a->kind == LOOP_PASS_REG) put_reg(p, a->reg);
        else put_place(p, a->buffer, &a->at);
    }
    put(p, ")");
}

static void put_range(Printer *p, const LoopIns *i)
{
    put_new(p, i->body->counter);
    put(p, " = ");
    put_index(p, &i->from);
    put(p, "..");
    put_index(p, &i->to);
    if (i->step != 1) put_named(p, " by ", i->step);
}

static void put_loop(Printer *p, const LoopIns *i)
{
    put_range(p, i);
    for (int k = 0; k < i->n_args; k++) {
        put(p, k ? ", " : " with ");
        put_new(p, &i->body->carry[k]);
        put(p, " = ");
        put_reg(p, i->arg[k]);
    }
    put_body(p, i->body);
    if (!i->n_results) return;
    put(p, " -> ");
    put_results(p, i);
}

/* What stands behind the instruction's name. */
static void put_rest(Printer *p, const LoopIns *i)
{
    switch (i->op) {
    case LOOP_row: put_row(p, i); break;
    case LOOP_and:
    case LOOP_or:
    case LOOP_inside:
    case LOOP_quot:
    case LOOP_rest:
    case LOOP_trailing:
    case LOOP_lanes16: put_regs(p, i->arg, i->n_args); break;
    case LOOP_index:
    case LOOP_frame: put_index(p, &i->at); break;
    case LOOP_ld:
        put_place(p, i->buffer, &i->at);
        put_align(p, i);
        break;
    case LOOP_st:
        put_place(p, i->buffer, &i->at);
        put(p, ", ");
        put_regs(p, i->arg, i->n_args);
        put_align(p, i);
        break;
    case LOOP_ahead:
    case LOOP_fetch:
    case LOOP_claim: put_place(p, i->buffer, &i->at); break;
    case LOOP_turn:
        put_regs(p, i->arg, i->n_args);
        put(p, " with ");
        put_dim(p, i->n);
        break;
    case LOOP_draw: put_draw(p, i); break;
    case LOOP_call: put_call(p, i); break;
    case LOOP_for:
    case LOOP_do: put_loop(p, i); break;
    case LOOP_when:
        put_regs(p, i->arg, i->n_args);
        put_body(p, i->body);
        break;
    case LOOP_block:
        put_dim(p, i->n);
        put_named(p, ":", i->size);
        put_body(p, i->body);
        break;
    }
}

static void put_ins(Printer *p, const LoopIns *i)
{
    indent(p);
    if (i->n_results && !i->body) {                         /* a loop's stand behind it */
        put_results(p, i);
        put(p, " = ");
    }
    if (i->op != LOOP_row) {
        if (i->par) put(p, "par ");
        put(p, loop_op_info[i->op].name);
        put(p, " ");
    }
    put_rest(p, i);
    put(p, "\n");
}

static void put_all(Printer *p, const LoopBody *body)
{
    for (int i = 0; i < body->ins.n; i++) put_ins(p, body->ins.v[i]);
}

static void put_body(Printer *p, const LoopBody *body)
{
    put(p, " {\n");
    p->depth++;
    put_all(p, body);
    if (body->next && body->owner->n_args) {
        indent(p);
        put(p, "next ");
        put_regs(p, body->next, body->owner->n_args);
        put(p, "\n");
    }
    p->depth--;
    indent(p);
    put(p, "}");
}

/* ---- buffers and nests ------------------------------------------------------------------------------------------ */

static void put_buffer(Printer *p, int at)
{
    const LoopBuffer *b = &p->nest->buffers.v[at];
    put_named(p, "  buffer b", at);
    put(p, " ");
    put(p, ir_elem_name(b->elem));
    if (b->local) {
        put_named(p, " local ", b->cells);
    } else {
        put_named(p, " at w", b->base);
        put_named(p, " + w", b->offset);
        if (b->panel >= 0) put_named(p, " panel w", b->panel);
        if (b->slot >= 0) put_named(p, " slot w", b->slot);
        for (int i = 0; i < b->n_iter; i++) {
            put_named(p, i ? ", " : " iter ", b->iter[i].depth);
            put_named(p, ":", b->iter[i].stride);
        }
    }
    put(p, "\n");
}

void loop_print(const LoopNest *n, Text *out)
{
    Arena *scratch = arena_new();
    Printer p = {.nest = n, .out = out, .number = arena_array(scratch, uint32_t, n->n_ids + 1)};
    put(&p, "nest ");
    put(&p, n->name);
    put(&p, " {\n");
    for (int i = 0; i < n->buffers.n; i++) put_buffer(&p, i);
    put_all(&p, &n->body);
    put(&p, "}\n");
    arena_free(scratch);
}
