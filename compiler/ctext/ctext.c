/* ctext.c - see ctext.h.
 *
 * A register of dims is an array of the block it is made in, l its last index; an instruction is a loop over the dims of its result
 * (EACH), in which an operand is written as it stands at that element. Nothing is fused or moved: the C compiler does that. A loop's
 * results are the variables it carries. Start at ctext_nest(), at the end. */
#include "compiler/ctext/ctext.h"
#include "base/bug.h"
#include "compiler/loop/words.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "prelude_text.h"

typedef struct Writer {
    const LoopNest *n;
    Text           *out;
    uint32_t       *number;                                 /* by id: of values and, apart, of counters, in the order of the text */
    const LoopReg **same;                                   /* by id: the register whose variable this one's is; NULL: its own */
    uint8_t        *written;                                /* by buffer */
    uint32_t        n_values, n_counters;
    int             depth;
    int             turned;                                 /* a dim that changes places with l in what is read; or 0 */
} Writer;

/* ---- words ------------------------------------------------------------------------------------------------------ */

static const char *type_of(IrElem e)
{
    static const char *const type[] = {[IR_BOOL] = "bool", [IR_I32] = "int32_t", [IR_I64] = "int64_t", [IR_F32] = "float", [IR_F64] = "double"};
    return type[e];
}

static const char *cell_type_of(IrElem e) { return e == IR_BOOL ? "uint8_t" : type_of(e); }

static void put(Writer *w, const char *s) { text_add(w->out, s); }

static void indent(Writer *w)
{
    for (int i = 0; i < w->depth; i++) put(w, "    ");
}

static void put_int(Writer *w, int64_t n)
{
    if (n == INT64_MIN) put(w, "INT64_MIN");
    else text_printf(w->out, n < 0 ? "(%" PRId64 ")" : "%" PRId64, n);
}

static void put_real(Writer *w, IrElem e, double x)
{
    if (isnan(x)) { put(w, "NAN"); return; }
    if (isinf(x)) { put(w, x < 0 ? "(-INFINITY)" : "INFINITY"); return; }
    size_t from = w->out->n;
    if (signbit(x)) put(w, "(");
    if (e == IR_F32) text_f32(w->out, (float)x);
    else text_f64(w->out, x);
    if (!strpbrk(w->out->s + from, ".e")) put(w, ".0");
    if (e == IR_F32) put(w, "f");
    if (signbit(x)) put(w, ")");
}

static void put_const(Writer *w, const LoopReg *r)
{
    if (ir_is_real(r->elem)) put_real(w, r->elem, r->value);
    else if (r->elem == IR_BOOL) put(w, r->n ? "true" : "false");
    else if (r->elem == IR_I32 && r->n == INT32_MIN) put(w, "INT32_MIN");
    else put_int(w, r->n);
}

/* ---- registers -------------------------------------------------------------------------------------------------- */

static bool has(uint32_t dims, int d) { return dims >> d & 1; }

static void put_dim(Writer *w, int64_t d)
{
    if (d == LOOP_L) put(w, "l");
    else text_printf(w->out, "d%" PRId64, d);
}

static void put_index_of_dim(Writer *w, int d)
{
    if (w->turned && d == w->turned) d = LOOP_L;
    else if (w->turned && d == LOOP_L) d = w->turned;
    put_dim(w, d);
}

/* v12 is the 12th value that the text makes. */
static void name_reg(Writer *w, const LoopReg *r)
{
    w->number[r->id] = r->kind == LOOP_REG_COUNTER ? w->n_counters++ : w->n_values++;
}

static void put_name(Writer *w, const LoopReg *r)
{
    if (w->same[r->id]) r = w->same[r->id];
    text_printf(w->out, r->kind == LOOP_REG_COUNTER ? "i%u" : "v%u", w->number[r->id]);
}

static void put_brackets(Writer *w, uint32_t dims)
{
    for (int d = 1; d <= w->n->n_dims; d++) {               /* l last */
        int dim = d == w->n->n_dims ? LOOP_L : d;
        if (!has(dims, dim)) continue;
        put(w, "[");
        put_index_of_dim(w, dim);
        put(w, "]");
    }
}

/* A register at the element that the loops stand at. */
static void put_reg(Writer *w, const LoopReg *r)
{
    switch (r->kind) {
    case LOOP_REG_CONST: put_const(w, r); break;
    case LOOP_REG_WORD: text_printf(w->out, "w[%" PRId64 "]", r->n); break;
    case LOOP_REG_ARG: text_printf(w->out, "u%" PRId64, r->n); break;
    case LOOP_REG_DIM: put_index_of_dim(w, (int)r->n); break;
    case LOOP_REG_COUNTER: put_name(w, r); break;
    case LOOP_REG_INS:
    case LOOP_REG_CARRY:
        put_name(w, r);
        put_brackets(w, r->dims);
        break;
    }
}

static void put_loops(Writer *w, uint32_t dims)
{
    for (int d = 1; d <= w->n->n_dims; d++) {
        int dim = d == w->n->n_dims ? LOOP_L : d;
        if (!has(dims, dim)) continue;
        put(w, "EACH(");
        put_dim(w, dim);
        text_printf(w->out, ", %" PRId64 ") ", w->n->dim_size[dim]);
    }
}

/* The declarator of an array over the dims. */
static void put_sizes(Writer *w, uint32_t dims)
{
    for (int d = 1; d < w->n->n_dims; d++)
        if (has(dims, d)) text_printf(w->out, "[%" PRId64 "]", w->n->dim_size[d]);
    if (has(dims, LOOP_L)) put(w, "[16]");
}

/* A line that makes r, up to what it is made of: "float v3 = ", "float v3[16]; EACH(l, 16) v3[l] = ". */
static void open_line(Writer *w, const LoopReg *r)
{
    indent(w);
    text_printf(w->out, "%s ", type_of(r->elem));
    put_name(w, r);
    if (r->dims) {
        put_sizes(w, r->dims);
        put(w, "; ");
        put_loops(w, r->dims);
        put_reg(w, r);
    }
    put(w, " = ");
}

static void end_line(Writer *w) { put(w, ";\n"); }

/* ---- indices ---------------------------------------------------------------------------------------------------- */

/* Constants among the terms are numbers. */
static LoopIndex folded(const LoopIndex *x)
{
    LoopIndex y = {.c = x->c};
    for (int i = 0; i < x->n; i++) {
        if (x->term[i].reg->kind != LOOP_REG_CONST) y.term[y.n++] = x->term[i];
        else y.c = (int64_t)((uint64_t)y.c + (uint64_t)x->term[i].by * (uint64_t)x->term[i].reg->n);
    }
    return y;
}

static void put_term(Writer *w, const LoopIndex *x, int i)
{
    int64_t by = x->term[i].by;
    if (by == -1) put(w, "-");
    else if (by != 1) {
        put_int(w, by);
        put(w, "*");
    }
    put_reg(w, x->term[i].reg);
}

/* Of an address: it lies in memory, so nothing in it is beyond 64 bits. */
static void put_index(Writer *w, const LoopIndex *of)
{
    LoopIndex x = folded(of);
    for (int i = 0; i < x.n; i++) {
        if (i) put(w, " + ");
        put_term(w, &x, i);
    }
    if (x.n && x.c < 0 && x.c > INT64_MIN) {
        text_printf(w->out, " - %" PRId64, -x.c);
    } else if (x.c || !x.n) {
        if (x.n) put(w, " + ");
        put_int(w, x.c);
    }
}

/* Of a number that may be anything: it wraps. */
static void put_wrapping_index(Writer *w, const LoopIndex *of)
{
    LoopIndex x = folded(of);
    for (int i = 0; i < x.n; i++) put(w, "add_i64(");
    put_int(w, x.c);
    for (int i = 0; i < x.n; i++) {
        put(w, ", mul_i64(");
        put_int(w, x.term[i].by);
        put(w, ", ");
        put_reg(w, x.term[i].reg);
        put(w, "))");
    }
}

static bool may_wrap(const LoopIndex *x)
{
    for (int i = 0; i < x->n; i++)
        if (x->term[i].reg->kind == LOOP_REG_INS || x->term[i].reg->kind == LOOP_REG_CARRY) return true;
    return false;
}

static void put_number(Writer *w, const LoopIndex *x)
{
    if (may_wrap(x)) put_wrapping_index(w, x);
    else put_index(w, x);
}

static void put_cell(Writer *w, const LoopIns *i)
{
    text_printf(w->out, "b%d[", i->buffer);
    put_index(w, &i->at);
    put(w, "]");
}

/* ---- rows ------------------------------------------------------------------------------------------------------- */

static void put_args(Writer *w, const LoopIns *i)
{
    for (int k = 0; k < i->n_args; k++) {
        if (k) put(w, ", ");
        put_reg(w, i->arg[k]);
    }
    put(w, ")");
}

static void put_infix(Writer *w, const LoopIns *i, const char *sign)
{
    put_reg(w, i->arg[0]);
    text_printf(w->out, " %s ", sign);
    put_reg(w, i->arg[1]);
}

/* A function of prelude.h or words.h: those of functions.h are fn_.. */
static void put_function(Writer *w, const LoopIns *i, const char *prefix)
{
    text_printf(w->out, "%s%s_%s(", prefix, ir_op_info[i->row].name, ir_elem_name(i->result->elem));
    put_args(w, i);
}

static void put_convert(Writer *w, const LoopReg *x, IrElem to)
{
    bool to_int = to == IR_I32 || to == IR_I64;
    if (to == IR_BOOL) {
        put_reg(w, x);
        put(w, " != 0");
        return;
    }
    if (to_int && ir_is_real(x->elem)) text_printf(w->out, "to_%s_%s(", ir_elem_name(to), ir_elem_name(x->elem));
    else if (to == IR_I32 && x->elem == IR_I64) put(w, "low_i32(");
    else text_printf(w->out, "(%s)(", type_of(to));
    put_reg(w, x);
    put(w, ")");
}

static void put_select(Writer *w, const LoopIns *i)
{
    put_reg(w, i->arg[0]);
    put(w, " ? ");
    put_reg(w, i->arg[1]);
    put(w, " : ");
    put_reg(w, i->arg[2]);
}

static void put_permute(Writer *w, const LoopIns *i)
{
    text_printf(w->out, "(%s)random_permute(", type_of(i->result->elem));
    put_reg(w, i->arg[0]);
    text_printf(w->out, ", %" PRId64 ", ", i->n);
    put_reg(w, i->arg[1]);
    put(w, ")");
}

static void put_row(Writer *w, const LoopIns *i)
{
    static const char *const compare[] = {"==", "!=", "<", "<=", ">", ">="};
    bool real = ir_is_real(i->result->elem);
    switch (i->row) {
    case IR_neg:
    case IR_abs:
    case IR_fma: put_function(w, i, ""); break;
    case IR_add: real ? put_infix(w, i, "+") : put_function(w, i, ""); break;
    case IR_sub: real ? put_infix(w, i, "-") : put_function(w, i, ""); break;
    case IR_mul: real ? put_infix(w, i, "*") : put_function(w, i, ""); break;
    case IR_div: real ? put_infix(w, i, "/") : put_function(w, i, ""); break;
    case IR_compare: put_infix(w, i, compare[i->compare]); break;
    case IR_select: put_select(w, i); break;
    case IR_convert: put_convert(w, i->arg[0], i->result->elem); break;
    case IR_stop: put_reg(w, i->arg[0]); break;
    case IR_permute: put_permute(w, i); break;
    case IR_polygamma:
        text_printf(w->out, "math_polygamma_%s(%" PRId64 ", ", ir_elem_name(i->result->elem), i->n);
        put_args(w, i);
        break;
    default: put_function(w, i, real ? "fn_" : "");
    }
}

/* ---- instructions with a result --------------------------------------------------------------------------------- */

/* The lanes of one element stand behind each other, but for a constant's. */
static void put_lanes16(Writer *w, const LoopIns *i)
{
    const LoopReg *x = i->arg[0], *r = i->result;
    bool in_memory = (x->kind == LOOP_REG_INS || x->kind == LOOP_REG_CARRY) && has(x->dims, LOOP_L);
    if (in_memory) {
        open_line(w, r);
        text_printf(w->out, "lanes16_%s(", ir_elem_name(r->elem));
        put_name(w, x);
        put_brackets(w, x->dims & ~(1u << LOOP_L));
        put(w, ")");
        end_line(w);
        return;
    }
    indent(w);
    text_printf(w->out, "%s ", type_of(r->elem));
    put_name(w, r);
    put_sizes(w, r->dims);
    put(w, "; ");
    put_loops(w, r->dims);
    text_printf(w->out, "{ %s x[16]; EACH(l, 16) x[l] = ", type_of(r->elem));
    put_reg(w, x);
    put(w, "; ");
    put_reg(w, r);
    text_printf(w->out, " = lanes16_%s(x); }\n", ir_elem_name(r->elem));
}

static void put_draw(Writer *w, const LoopIns *i)
{
    const LoopReg *r = i->result;
    const char *type = type_of(r->elem);
    indent(w);
    for (int k = 0; k < i->n_results; k++) {
        text_printf(w->out, k ? ", " : "%s ", type);
        put_name(w, &r[k]);
        put_sizes(w, r[k].dims);
    }
    put(w, ";\n");
    indent(w);
    put_loops(w, r->dims);
    text_printf(w->out, "{ %s x[4]; draw_%s", type, ir_op_info[i->row].name);
    if (i->row != IR_randint) text_printf(w->out, "_%s", ir_elem_name(r->elem));
    put(w, "(");
    for (int k = 0; k < 4; k++) {
        put_reg(w, i->arg[k]);
        put(w, ", ");
    }
    if (i->row == IR_randint) text_printf(w->out, "%" PRIu32 "u, ", (uint32_t)i->n);
    put(w, "x);");
    for (int k = 0; k < i->n_results; k++) {
        put(w, " ");
        put_reg(w, &r[k]);
        put(w, " = x[");
        if (i->n_results < 4) {
            text_printf(w->out, k ? "(" : "");
            put_reg(w, i->arg[1]);
            text_printf(w->out, i->n_results == 2 ? " & 2" : " & 3");
            text_printf(w->out, k ? ") + %d" : "", k);
        } else {
            text_printf(w->out, "%d", k);
        }
        put(w, "];");
    }
    put(w, " }\n");
}

static void put_made(Writer *w, const LoopIns *i)
{
    switch (i->op) {
    case LOOP_row: put_row(w, i); break;
    case LOOP_and: put_infix(w, i, "&"); break;
    case LOOP_or: put_infix(w, i, "|"); break;
    case LOOP_quot: put_infix(w, i, "/"); break;
    case LOOP_rest: put_infix(w, i, "%"); break;
    case LOOP_inside:
    case LOOP_trailing:
        text_printf(w->out, "%s(", loop_op_info[i->op].name);
        put_args(w, i);
        break;
    case LOOP_index: put_number(w, &i->at); break;
    case LOOP_frame:
        put(w, "frame(bases, ");
        put_number(w, &i->at);
        put(w, ")");
        break;
    case LOOP_ld:
        put_cell(w, i);
        if (i->result->elem == IR_BOOL) put(w, " != 0");
        break;
    case LOOP_turn:
        w->turned = (int)i->n;
        put_reg(w, i->arg[0]);
        w->turned = 0;
        break;
    default: BUG("ctext: %s has no result", loop_op_info[i->op].name);
    }
}

/* ---- others ----------------------------------------------------------------------------------------------------- */

static void put_store(Writer *w, const LoopIns *i)
{
    indent(w);
    put_loops(w, i->arg[0]->dims | loop_index_dims(&i->at));
    put_cell(w, i);
    put(w, " = ");
    put_reg(w, i->arg[0]);
    end_line(w);
}

static void put_call(Writer *w, const LoopIns *i)
{
    indent(w);
    text_printf(w->out, "%s(", loop_symbol[i->symbol].name);
    for (int k = 0; k < i->n_pass; k++) {
        const LoopArg *a = &i->pass[k];
        if (k) put(w, ", ");
        if (a->kind == LOOP_PASS_REG) { put_reg(w, a->reg); continue; }
        text_printf(w->out, "&b%d[", a->buffer);
        put_index(w, &a->at);
        put(w, "]");
    }
    put(w, ");\n");
}

static void put_body(Writer *w, const LoopBody *body);

static const LoopReg *variable(const Writer *w, const LoopReg *r)
{
    bool made = r->kind == LOOP_REG_INS || r->kind == LOOP_REG_CARRY;
    return made && w->same[r->id] ? w->same[r->id] : r;
}

/* Is it another carried register of the loop? Then it may have changed when it is asked for. */
static bool is_moved(const Writer *w, const LoopIns *loop, int k)
{
    const LoopReg *r = variable(w, loop->body->next[k]);
    return r->kind == LOOP_REG_CARRY && r->def == loop && r != &loop->body->carry[k];
}

static void put_next(Writer *w, const LoopIns *loop)
{
    const LoopBody *b = loop->body;
    for (int k = 0; k < loop->n_args; k++) {
        if (!is_moved(w, loop, k)) continue;
        const LoopReg *r = b->next[k];
        indent(w);
        text_printf(w->out, "%s next%d", type_of(r->elem), k);
        put_sizes(w, r->dims);
        put(w, "; ");
        put_loops(w, r->dims);
        text_printf(w->out, "next%d", k);
        put_brackets(w, r->dims);
        put(w, " = ");
        put_reg(w, r);
        end_line(w);
    }
    for (int k = 0; k < loop->n_args; k++) {
        if (variable(w, b->next[k]) == &b->carry[k]) continue;
        indent(w);
        put_loops(w, b->carry[k].dims);
        put_reg(w, &b->carry[k]);
        put(w, " = ");
        if (is_moved(w, loop, k)) {
            text_printf(w->out, "next%d", k);
            put_brackets(w, b->next[k]->dims);
        } else {
            put_reg(w, b->next[k]);
        }
        end_line(w);
    }
}

static void put_loop(Writer *w, const LoopIns *i)
{
    name_reg(w, i->body->counter);
    for (int k = 0; k < i->n_args; k++) {
        name_reg(w, &i->body->carry[k]);
        open_line(w, &i->body->carry[k]);
        put_reg(w, i->arg[k]);
        end_line(w);
    }
    indent(w);
    put(w, "for (int64_t ");
    put_name(w, i->body->counter);
    put(w, " = ");
    put_number(w, &i->from);
    put(w, "; ");
    put_name(w, i->body->counter);
    put(w, " < ");
    put_number(w, &i->to);
    put(w, "; ");
    put_name(w, i->body->counter);
    text_printf(w->out, i->step == 1 ? "++" : " += %" PRId64, i->step);
    put(w, ") {\n");
    put_body(w, i->body);
    w->depth++;
    put_next(w, i);
    w->depth--;
    indent(w);
    put(w, "}");
    for (int k = 0; k < i->n_results; k++) {
        name_reg(w, &i->result[k]);
        text_printf(w->out, "%sv%u is ", k ? ", " : "    /* ", w->number[i->result[k].id]);
        w->same[i->result[k].id] = &i->body->carry[k];
        put_name(w, &i->result[k]);
    }
    put(w, i->n_results ? " */\n" : "\n");
}

static void put_closed(Writer *w, const LoopIns *i)
{
    indent(w);
    if (i->op == LOOP_when) {
        put(w, "if (");
        put_reg(w, i->arg[0]);
        put(w, ") ");
    }
    put(w, "{\n");
    put_body(w, i->body);
    indent(w);
    put(w, "}\n");
}

static void put_ins(Writer *w, const LoopIns *i)
{
    bool loop = i->op == LOOP_for || i->op == LOOP_do;
    for (int k = 0; k < i->n_results && !loop; k++) name_reg(w, &i->result[k]);
    switch (i->op) {
    case LOOP_for:
    case LOOP_do: put_loop(w, i); break;
    case LOOP_when:
    case LOOP_block: put_closed(w, i); break;
    case LOOP_st: put_store(w, i); break;
    case LOOP_ahead:
    case LOOP_fetch:
    case LOOP_claim: break;
    case LOOP_call: put_call(w, i); break;
    case LOOP_draw: put_draw(w, i); break;
    case LOOP_lanes16: put_lanes16(w, i); break;
    default:
        open_line(w, i->result);
        put_made(w, i);
        end_line(w);
    }
}

static void put_body(Writer *w, const LoopBody *body)
{
    w->depth++;
    for (int i = 0; i < body->ins.n; i++) put_ins(w, body->ins.v[i]);
    w->depth--;
}

/* ---- a nest ----------------------------------------------------------------------------------------------------- */

static void find_written(Writer *w, const LoopBody *body)
{
    for (int i = 0; i < body->ins.n; i++) {
        const LoopIns *ins = body->ins.v[i];
        if (ins->op == LOOP_st) w->written[ins->buffer] = 1;
        for (int k = 0; k < ins->n_pass; k++)
            if (ins->pass[k].kind == LOOP_PASS_BUFFER && loop_symbol[ins->symbol].signature[1 + k] != 'r') w->written[ins->pass[k].buffer] = 1;
        if (ins->body) find_written(w, ins->body);
    }
}

static void put_buffer(Writer *w, int i)
{
    const LoopBuffer *b = &w->n->buffers.v[i];
    const char *type = cell_type_of(b->elem), *only = w->written[i] ? "" : "const ";
    indent(w);
    if (b->local) {
        text_printf(w->out, "_Alignas(64) %s b%d[%" PRId64 "];\n", type, i, b->cells > 0 ? b->cells : 1);
        return;
    }
    text_printf(w->out, "%s%s *b%d = (%s%s *)(bases[w[%d]] + w[%d])", only, type, i, only, type, b->base, b->offset);
    if (b->panel >= 0) text_printf(w->out, " + u0*w[%d]", b->panel);
    if (b->slot >= 0) text_printf(w->out, " + u1*w[%d]", b->slot);
    for (int k = 0; k < b->n_iter; k++)
        text_printf(w->out, " + %" PRId64 "*frame(bases, %d)", b->iter[k].stride, FRAME_COUNTER + 8 * b->iter[k].depth);
    end_line(w);
}

void ctext_nest(const LoopNest *n, const char *name, Text *out)
{
    Arena *scratch = arena_new();
    Writer w = {.n = n, .out = out};
    w.number = arena_array(scratch, uint32_t, n->n_ids + 1);
    w.same = arena_array(scratch, const LoopReg *, n->n_ids + 1);
    w.written = arena_array(scratch, uint8_t, n->buffers.n + 1);
    find_written(&w, &n->body);
    text_printf(out, "\n/* %s */\nstatic void %s(char *const *bases, const int64_t *w, int64_t u0, int64_t u1, int64_t u2, int64_t u3)\n{\n", n->name, name);
    w.depth = 1;
    for (int i = 0; i < n->buffers.n; i++) put_buffer(&w, i);
    w.depth = 0;
    put_body(&w, &n->body);
    put(&w, "}\n");
    arena_free(scratch);
}

/* ---- a file ----------------------------------------------------------------------------------------------------- */

static const char *type_of_letter(char letter)
{
    switch (letter) {
    case 'v': return "void";
    case 'b': return "bool";
    case 'i': return "int32_t";
    case 'n': return "int64_t";
    case 'f': return "float";
    case 'd': return "double";
    case 'r': return "const void *";
    default: return "void *";
    }
}

void ctext_prelude(Text *out)
{
    text_add(out, prelude);
    text_add(out, "\n/* ---- of the runtime ---- */\n\n");
    for (int i = 0; i < SYMBOL_COUNT; i++) {
        const char *s = loop_symbol[i].signature;
        text_printf(out, "extern %s %s(", type_of_letter(s[0]), loop_symbol[i].name);
        for (int k = 1; s[k]; k++) text_printf(out, k > 1 ? ", %s" : "%s", type_of_letter(s[k]));
        text_add(out, ");\n");
    }
    text_add(out, "\n/* ---- kernels ---- */\n");
}

void ctext_table(const char *const *names, int n, Text *out)
{
    text_add(out, "\n/* ---- by number ---- */\n\n"
                  "typedef void GanNest(char *const *bases, const int64_t *w, int64_t u0, int64_t u1, int64_t u2, int64_t u3);\n"
                  "extern GanNest *const gan_nests[];\n"
                  "GanNest *const gan_nests[] = {\n");
    for (int i = 0; i < n; i++) text_printf(out, "    %s,\n", names[i]);
    text_add(out, "};\n");
}
