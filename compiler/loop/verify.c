/* verify.c - is this nest what loop.h promises?
 *
 * One walk in the order of the text: registers become known where they are made, so that what is used was made before, in a body
 * that is still open. The first thing wrong ends it with a sentence and its line in loop_print's text. Start at loop_verify(). */
#include "compiler/loop/words.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    const LoopNest *nest;
    Arena          *scratch;
    bool           *known;                                  /* by id: made already */
    const LoopBody *body;
    ARRAY(const LoopBody *) open;                           /* the bodies around, by depth */
    uint32_t        dims;                                   /* l and those of the blocks around */
    int             line;
    char           *why;
} Verifier;

enum { WHY = 256 };

static bool fail(Verifier *v, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool fail(Verifier *v, const char *fmt, ...)
{
    int n = snprintf(v->why, WHY, "line %d: ", v->line);
    va_list args;
    va_start(args, fmt);
    vsnprintf(v->why + n, (size_t)(WHY - n), fmt, args);
    va_end(args);
    return false;
}

static const char *name_of(const LoopIns *i) { return i->op == LOOP_row ? ir_op_info[i->row].name : loop_op_info[i->op].name; }

/* ---- registers -------------------------------------------------------------------------------------------------- */

static bool fits_const(Verifier *v, const LoopReg *r)
{
    bool fits = r->elem == IR_I32 ? r->n == (int32_t)r->n : r->elem != IR_BOOL || r->n == 0 || r->n == 1;
    if (r->elem == IR_F32) fits = r->value != r->value || (double)(float)r->value == r->value;
    if (!fits) return fail(v, "a constant that is no %s", ir_elem_name(r->elem));
    return !(r->dims & ~v->dims) || fail(v, "a constant over a dim that no block around it opens");
}

/* Words, arguments of the call and dims: of i64, and one of those that there are. */
static bool leaf_rule(Verifier *v, const LoopReg *r, int64_t count, uint32_t dims, const char *what)
{
    if (r->n < 0 || r->n >= count) return fail(v, "no such %s: %lld", what, (long long)r->n);
    return (r->elem == IR_I64 && r->dims == dims) || fail(v, "a %s is of another type", what);
}

static bool made_rule(Verifier *v, const LoopReg *r)
{
    if (r->id >= v->nest->n_ids || !v->known[r->id] || !r->body) return fail(v, "a register is used before it is made");
    int depth = r->body->depth;
    return (depth >= 0 && depth < v->open.n && v->open.v[depth] == r->body) || fail(v, "a register is used outside the body where it is made");
}

static bool is_visible(Verifier *v, const LoopReg *r)
{
    if (!r) return fail(v, "an operand is missing");
    if (r->elem > IR_F64) return fail(v, "a register without an element type");
    switch (r->kind) {
    case LOOP_REG_CONST: return fits_const(v, r);
    case LOOP_REG_WORD: return leaf_rule(v, r, v->nest->n_words, 0, "word");
    case LOOP_REG_ARG: return leaf_rule(v, r, LOOP_ARGS, 0, "argument of the call");
    case LOOP_REG_DIM:
        if (r->n >= 0 && r->n < LOOP_MAX_DIMS && !(v->dims >> r->n & 1)) return fail(v, "a dim that no block around it opens");
        return leaf_rule(v, r, v->nest->n_dims, 1u << (r->n & 31), "dim");
    case LOOP_REG_INS:
    case LOOP_REG_COUNTER:
    case LOOP_REG_CARRY: return made_rule(v, r);
    }
    return fail(v, "a register of no kind");
}

static bool new_reg(Verifier *v, const LoopReg *r, LoopRegKind kind, const LoopIns *def, const LoopBody *body)
{
    if (r->kind != kind || r->def != def || r->body != body) return fail(v, "a register does not know who makes it");
    if (r->id >= v->nest->n_ids || v->known[r->id]) return fail(v, "a register's id is out of range or taken");
    return v->known[r->id] = true;
}

static bool results_are(Verifier *v, const LoopIns *i, IrElem elem, uint32_t dims)
{
    for (int k = 0; k < i->n_results; k++) {
        if (i->result[k].elem != elem) return fail(v, "%s: the result is %s", name_of(i), ir_elem_name(elem));
        if (i->result[k].dims != dims) return fail(v, "%s: the result has other dims than its operands", name_of(i));
    }
    return true;
}

static uint32_t dims_of(const LoopIns *i)
{
    uint32_t dims = 0;
    for (int k = 0; k < i->n_args; k++) dims |= i->arg[k]->dims;
    return dims;
}

static bool args_are(Verifier *v, const LoopIns *i, IrElem elem)
{
    for (int k = 0; k < i->n_args; k++)
        if (i->arg[k]->elem != elem) return fail(v, "%s: an operand is %s, not %s", name_of(i), ir_elem_name(i->arg[k]->elem), ir_elem_name(elem));
    return true;
}

/* ---- indices ---------------------------------------------------------------------------------------------------- */

static bool same(const LoopReg *a, const LoopReg *b)
{
    bool leaf = a->kind == LOOP_REG_WORD || a->kind == LOOP_REG_ARG || a->kind == LOOP_REG_DIM;
    return a == b || (leaf && a->kind == b->kind && a->n == b->n);
}

static bool term_rule(Verifier *v, const LoopIndex *x, int at)
{
    const LoopReg *r = x->term[at].reg;
    if (!is_visible(v, r)) return false;
    if (r->elem != IR_I64) return fail(v, "an index with a register of %s", ir_elem_name(r->elem));
    if (r->kind == LOOP_REG_CONST && !r->dims) return fail(v, "an index with a number as a register");
    if (!x->term[at].by) return fail(v, "an index with zero times a register");
    for (int i = 0; i < at; i++)
        if (same(x->term[i].reg, r)) return fail(v, "an index with a register twice");
    return true;
}

static bool index_rule(Verifier *v, const LoopIndex *x)
{
    if (x->n < 0 || x->n > LOOP_MAX_TERMS) return fail(v, "an index of %d terms", x->n);
    for (int i = 0; i < x->n; i++)
        if (!term_rule(v, x, i)) return false;
    return true;
}

static bool scalar_index(Verifier *v, const LoopIndex *x, const char *what)
{
    if (!index_rule(v, x)) return false;
    return !loop_index_dims(x) || fail(v, "%s varies along a dim", what);
}

/* From 0 or, if negative, down: how far a register goes, where that is known. */
static bool reach_of(const Verifier *v, const LoopReg *r, int64_t *lo, int64_t *hi)
{
    int64_t from, to;
    if (r->kind == LOOP_REG_DIM) {
        *lo = 0;
        *hi = v->nest->dim_size[r->n] - 1;
        return true;
    }
    if (r->kind == LOOP_REG_CONST) {
        *lo = *hi = r->n;
        return true;
    }
    if (r->kind != LOOP_REG_COUNTER || !loop_index_const(&r->def->from, &from) || !loop_index_const(&r->def->to, &to)) return false;
    if (from >= to) return false;                           /* it never runs */
    *lo = from;
    *hi = from + (int64_t)(((uint64_t)to - (uint64_t)from - 1) / (uint64_t)r->def->step) * r->def->step;
    return true;
}

/* x += by * reach; false where it overflows, which is outside of everything. */
static bool add_reach(int64_t *x, int64_t by, int64_t reach)
{
    int64_t p;
    return !__builtin_mul_overflow(by, reach, &p) && !__builtin_add_overflow(*x, p, x);
}

static bool within_cells(Verifier *v, const LoopIndex *x, int64_t cells)
{
    int64_t lo = x->c, hi = x->c;
    for (int i = 0; i < x->n; i++) {
        int64_t first, last, by = x->term[i].by;
        if (!reach_of(v, x->term[i].reg, &first, &last)) return true;
        bool fits = add_reach(&lo, by, by < 0 ? last : first) && add_reach(&hi, by, by < 0 ? first : last);
        if (!fits) return fail(v, "an index that does not fit");
    }
    return (lo >= 0 && hi < cells) || fail(v, "%lld..%lld of a local buffer of %lld cells", (long long)lo, (long long)hi, (long long)cells);
}

/* From one place of a block, or one turn of a loop, to the next; 0 where that is not known, or there is no next one. */
static int64_t step_of(const LoopIndex *x, int at)
{
    const LoopReg *r = x->term[at].reg;
    int64_t from, to, stride;
    if (r->kind == LOOP_REG_DIM && r->n != LOOP_L) return loop_index_stride(x, (int)r->n, &stride) ? stride : 0;
    if (r->kind != LOOP_REG_COUNTER) return 0;
    for (int i = 0; i < x->n; i++)                          /* which may follow the counter */
        if (x->term[i].reg->kind == LOOP_REG_INS || x->term[i].reg->kind == LOOP_REG_CARRY) return 0;
    bool known = loop_index_const(&r->def->from, &from) & loop_index_const(&r->def->to, &to);
    return known && to - from <= r->def->step ? 0 : (int64_t)((uint64_t)x->term[at].by * (uint64_t)r->def->step);
}

static bool align_rule(Verifier *v, const LoopIns *i, const LoopBuffer *b)
{
    bool at_start = b->local;                               /* the number alone says where it begins */
    uint64_t bytes = ir_elem_bytes(b->elem);
    if (!i->align || i->align & (i->align - 1)) return fail(v, "%s: align %u is no power of two", name_of(i), i->align);
    if (b->local && i->align > 64) return fail(v, "%s: a local buffer is aligned to 64 bytes, not %u", name_of(i), i->align);
    for (int k = 0; k < i->at.n; k++) {
        int64_t step = step_of(&i->at, k);
        if ((uint64_t)step * bytes % i->align)
            return fail(v, "%s: steps of %lld are not aligned to %u bytes", name_of(i), (long long)step, i->align);
        at_start &= i->at.term[k].reg->kind == LOOP_REG_DIM;
    }
    if (at_start && (uint64_t)i->at.c * bytes % i->align)
        return fail(v, "%s: element %lld is not aligned to %u bytes", name_of(i), (long long)i->at.c, i->align);
    return true;
}

static bool place_rule(Verifier *v, int buffer, const LoopIndex *at)
{
    if (buffer < 0 || buffer >= v->nest->buffers.n) return fail(v, "no such buffer: %d", buffer);
    const LoopBuffer *b = &v->nest->buffers.v[buffer];
    return index_rule(v, at) && (!b->local || within_cells(v, at, b->cells));
}

static bool access_rule(Verifier *v, const LoopIns *i)
{
    if (!place_rule(v, i->buffer, &i->at)) return false;
    return align_rule(v, i, &v->nest->buffers.v[i->buffer]);
}

/* ---- stores are one to one -------------------------------------------------------------------------------------- */

typedef struct { uint64_t stride; int64_t size; } Radix;

static uint64_t magnitude(int64_t n) { return n < 0 ? 0 - (uint64_t)n : (uint64_t)n; }

static void put_in_order(Radix *list, int n, Radix x)
{
    for (; n > 0 && list[n - 1].stride > x.stride; n--) list[n] = list[n - 1];
    list[n] = x;
}

/* How many turns a loop has; -1: not known. */
static int64_t turns_of(const LoopIns *loop)
{
    int64_t from, to;
    if (!loop_index_const(&loop->from, &from) || !loop_index_const(&loop->to, &to)) return -1;
    return from < to ? (int64_t)(((uint64_t)to - (uint64_t)from - 1) / (uint64_t)loop->step) + 1 : 0;
}

static bool is_when(const LoopBody *b) { return b->owner && b->owner->op == LOOP_when; }
static bool is_par(const LoopBody *b) { return b->owner && b->owner->par; }

static bool never_runs(const Verifier *v)
{
    for (const LoopBody *b = v->body; b; b = b->up)
        if (b->counter && turns_of(b->owner) == 0) return true;
    return false;
}

/* The loops in any order around, as far as each of their turns comes here: a `when` may let only one through. */
static int pars_around(const Verifier *v, const LoopIns **list, int most)
{
    int n = 0;
    if (never_runs(v)) return 0;
    for (const LoopBody *b = v->body; b && !is_when(b) && n < most; b = b->up)
        if (is_par(b)) list[n++] = b->owner;
    return n;
}

/* Made in a way that nobody looks into here. */
static bool is_made(const LoopReg *r) { return r->kind == LOOP_REG_INS || r->kind == LOOP_REG_CARRY; }

/* May the index differ from one turn of `loop` to the next? */
static bool follows(const LoopIndex *x, const LoopIns *loop)
{
    for (int i = 0; i < x->n; i++) {
        const LoopReg *r = x->term[i].reg;
        if (!r->body || r->body->depth < loop->body->depth) continue;
        if (is_made(r) || r->def == loop || follows(&r->def->from, loop) || follows(&r->def->to, loop)) return true;
    }
    return false;
}

/* Strides from turn to turn of the loops in any order around; none where what else is in the index may make up for them. */
static int turn_strides(const Verifier *v, const LoopIndex *x, Radix list[LOOP_MAX_TERMS])
{
    const LoopIns *par[LOOP_MAX_TERMS];
    int n = 0, pars = pars_around(v, par, LOOP_MAX_TERMS);
    for (int i = 0; i < x->n; i++)
        if (is_made(x->term[i].reg)) return 0;
    for (int i = 0; i < x->n; i++)
        for (int k = 0; k < pars; k++)
            if (x->term[i].reg->def == par[k] && turns_of(par[k]) > 1)
                put_in_order(list, n++, (Radix){magnitude(x->term[i].by) * (uint64_t)par[k]->step, turns_of(par[k])});
    return n;
}

/* The dims whose stride is a constant, smallest stride first. What varies in another way cannot be said here. */
static int known_strides(const Verifier *v, const LoopIndex *x, Radix list[LOOP_MAX_DIMS + LOOP_MAX_TERMS], bool local)
{
    int n = local ? 0 : turn_strides(v, x, list);
    uint32_t dims = loop_index_dims(x);
    for (int d = 0; d < v->nest->n_dims; d++) {
        int64_t stride, size = v->nest->dim_size[d];
        if (dims >> d & 1 && size > 1 && loop_index_stride(x, d, &stride)) put_in_order(list, n++, (Radix){magnitude(stride), size});
    }
    return n;
}

/* A mixed radix: each stride steps over all that the smaller ones reach. */
static bool one_to_one(Verifier *v, const LoopIndex *x, bool local)
{
    Radix list[LOOP_MAX_DIMS + LOOP_MAX_TERMS];
    uint64_t reach = 0;
    for (int i = 0, n = known_strides(v, x, list, local); i < n; i++) {
        uint64_t more;
        if (list[i].stride <= reach) return fail(v, "st: two of its elements meet");
        if (__builtin_mul_overflow(list[i].stride, (uint64_t)list[i].size - 1, &more) || __builtin_add_overflow(reach, more, &reach))
            return fail(v, "an index that does not fit");
    }
    return true;
}

/* What is written at x: other cells in each turn of a loop in any order, where the text says that it has several. A local is each turn's own. */
static bool turns_apart(Verifier *v, const LoopIns *i, int buffer, const LoopIndex *x)
{
    const LoopIns *par[64];
    if (v->nest->buffers.v[buffer].local) return true;
    for (int k = 0, n = pars_around(v, par, 64); k < n; k++) {
        if (turns_of(par[k]) > 1 && !follows(x, par[k])) return fail(v, "%s: all turns of a par write the same cells", name_of(i));
    }
    return true;
}

/* ---- rules of instructions -------------------------------------------------------------------------------------- */

static bool body_rule(Verifier *v, const LoopIns *owner);

static bool rule_row(Verifier *v, const LoopIns *i)
{
    char why[WHY];
    IrElem elem;
    if (i->row >= IR_OP_COUNT) return fail(v, "no such row: %d", (int)i->row);
    if (!loop_row_elem(i, i->result->elem, &elem, why)) return fail(v, "%s", why);
    return results_are(v, i, elem, dims_of(i));
}

static bool rule_bits(Verifier *v, const LoopIns *i)
{
    IrElem elem = i->arg[0]->elem;
    if (elem != IR_BOOL && elem != IR_I64) return fail(v, "%s: of %s, not of bool or i64", name_of(i), ir_elem_name(elem));
    return args_are(v, i, elem) && results_are(v, i, elem, dims_of(i));
}

static bool rule_i64(Verifier *v, const LoopIns *i, IrElem result)
{
    return args_are(v, i, IR_I64) && results_are(v, i, result, dims_of(i));
}

static bool rule_divide(Verifier *v, const LoopIns *i)
{
    const LoopReg *by = i->arg[1];
    if (by->kind != LOOP_REG_CONST || by->n <= 0) return fail(v, "%s: by what is no positive constant", name_of(i));
    return rule_i64(v, i, IR_I64);
}

static bool rule_index(Verifier *v, const LoopIns *i) { return index_rule(v, &i->at) && results_are(v, i, IR_I64, loop_index_dims(&i->at)); }

static bool rule_frame(Verifier *v, const LoopIns *i)
{
    int64_t byte;
    if (!scalar_index(v, &i->at, "frame: the byte")) return false;
    if (loop_index_const(&i->at, &byte) && (byte < 0 || byte % 8)) return fail(v, "frame: no number begins at byte %lld", (long long)byte);
    return results_are(v, i, IR_I64, 0);
}

static bool rule_load(Verifier *v, const LoopIns *i)
{
    return access_rule(v, i) && results_are(v, i, v->nest->buffers.v[i->buffer].elem, loop_index_dims(&i->at));
}

/* Those that tell elements apart. */
static uint32_t long_dims(const Verifier *v, uint32_t dims)
{
    for (int d = 0; d < v->nest->n_dims; d++)
        if (v->nest->dim_size[d] == 1) dims &= ~(1u << d);
    return dims;
}

static bool rule_store(Verifier *v, const LoopIns *i)
{
    if (!access_rule(v, i) || !args_are(v, i, v->nest->buffers.v[i->buffer].elem)) return false;
    if (long_dims(v, i->arg[0]->dims) & ~loop_index_dims(&i->at)) return fail(v, "st: the index lacks a dim of the value");
    return turns_apart(v, i, i->buffer, &i->at) && one_to_one(v, &i->at, v->nest->buffers.v[i->buffer].local);
}

static bool rule_hint(Verifier *v, const LoopIns *i)
{
    if (loop_index_dims(&i->at) >> LOOP_L & 1) return fail(v, "%s: of lanes", name_of(i));
    return place_rule(v, i->buffer, &i->at);
}

static bool rule_lanes(Verifier *v, const LoopIns *i)
{
    const LoopReg *x = i->arg[0];
    if (!(x->dims & 1u << LOOP_L)) return fail(v, "%s: of a register without lanes", name_of(i));
    return results_are(v, i, x->elem, x->dims & ~(1u << LOOP_L));
}

static bool rule_turn(Verifier *v, const LoopIns *i)
{
    const LoopReg *x = i->arg[0];
    if (i->n <= LOOP_L || i->n >= LOOP_MAX_DIMS || !(v->dims >> i->n & 1)) return fail(v, "turn: with a dim that no block around it opens");
    if (v->nest->dim_size[i->n] != LOOP_LANES) return fail(v, "turn: with a dim that is not of size %d", LOOP_LANES);
    if (!(x->dims & 1u << LOOP_L)) return fail(v, "turn: of a register without lanes");
    return results_are(v, i, x->elem, x->dims | 1u << i->n);
}

static bool rule_draw(Verifier *v, const LoopIns *i)
{
    if (i->row >= IR_OP_COUNT || ir_op_info[i->row].klass != IR_CLASS_RAND) return fail(v, "draw: of nothing that is drawn");
    if (i->n_results != 1 && i->n_results != 2 && i->n_results != 4) return fail(v, "draw: %d numbers, not 1, 2 or 4", i->n_results);
    IrElem elem = i->result->elem;
    bool whole = loop_row_has(i->row, IR_ATTR_n);
    if (whole && (elem != IR_I32 || i->n < 1 || i->n > INT32_MAX)) return fail(v, "draw: %s wants i32 and n in 1..2^31-1", ir_op_info[i->row].name);
    if (!whole && !ir_is_real(elem)) return fail(v, "draw: %s is of real numbers", ir_op_info[i->row].name);
    return args_are(v, i, IR_I64) && results_are(v, i, elem, dims_of(i));
}

static bool pass_rule(Verifier *v, const LoopArg *a, char letter)
{
    const char *const letters = "bin", *at = strchr(letters, letter);
    const IrElem elems[] = {IR_BOOL, IR_I32, IR_I64};
    if (a->kind == LOOP_PASS_BUFFER) {
        if (!strchr("rwx", letter)) return fail(v, "call: an address where a number is wanted");
        return place_rule(v, a->buffer, &a->at) && scalar_index(v, &a->at, "call: an address");
    }
    if (!is_visible(v, a->reg)) return false;
    if (!at || a->reg->elem != elems[at - letters]) return fail(v, "call: %s where '%c' is wanted", ir_elem_name(a->reg->elem), letter);
    return !a->reg->dims || fail(v, "call: an argument varies along a dim");
}

static bool rule_call(Verifier *v, const LoopIns *i)
{
    if (i->symbol < 0 || i->symbol >= SYMBOL_COUNT) return fail(v, "call: no such routine: %d", i->symbol);
    const LoopSymbol *s = &loop_symbol[i->symbol];
    int want = (int)strlen(s->signature) - 1;
    if (s->signature[0] != 'v') return fail(v, "call: %s gives a number, which a call has no place for", s->name);
    if (i->n_pass != want) return fail(v, "call: %s takes %d arguments, not %d", s->name, want, i->n_pass);
    for (int k = 0; k < want; k++)
        if (!pass_rule(v, &i->pass[k], s->signature[k + 1])) return false;
    for (int k = 0; k < want; k++)
        if (strchr("wx", s->signature[k + 1]) && !turns_apart(v, i, i->pass[k].buffer, &i->pass[k].at)) return false;
    return true;
}

/* ---- rules of bodies -------------------------------------------------------------------------------------------- */

static bool carry_rule(Verifier *v, const LoopIns *i, int k)
{
    const LoopReg *init = i->arg[k], *c = &i->body->carry[k];
    if (!new_reg(v, c, LOOP_REG_CARRY, i, i->body)) return false;
    return (c->n == k && c->elem == init->elem && c->dims == init->dims) || fail(v, "%s: a carried register is not as it begins", name_of(i));
}

static bool next_rule(Verifier *v, const LoopIns *i)
{
    if (!i->n_args) return true;
    v->line++;
    for (int k = 0; k < i->n_args; k++) {
        const LoopReg *init = i->arg[k], *next = i->body->next ? i->body->next[k] : NULL;
        if (!is_visible(v, next)) return false;
        if (next->elem != init->elem) return fail(v, "next: %s of a loop that began with %s", ir_elem_name(next->elem), ir_elem_name(init->elem));
        if (next->dims & ~init->dims) return fail(v, "next: has a dim that the loop did not begin with");
    }
    return true;
}

static bool loop_results(Verifier *v, const LoopIns *i)
{
    if (i->n_results != i->n_args) return fail(v, "%s: %d results of a loop that carries %d", name_of(i), i->n_results, i->n_args);
    for (int k = 0; k < i->n_args; k++)
        if (i->result[k].elem != i->arg[k]->elem || i->result[k].dims != i->arg[k]->dims)
            return fail(v, "%s: a result is not as what it carries", name_of(i));
    return true;
}

static bool rule_loop(Verifier *v, const LoopIns *i)
{
    int64_t from, to;
    if (!scalar_index(v, &i->from, "a loop's bound") || !scalar_index(v, &i->to, "a loop's bound")) return false;
    if (i->step < 1) return fail(v, "%s: steps by %lld", name_of(i), (long long)i->step);
    if (i->par && i->n_args) return fail(v, "%s: in any order, but it carries from turn to turn", name_of(i));
    bool known = loop_index_const(&i->from, &from) & loop_index_const(&i->to, &to);
    if (i->op == LOOP_do && known && from >= to) return fail(v, "do: without a turn");
    if (!i->body || !i->body->counter) return fail(v, "%s: without a counter", name_of(i));
    if (!new_reg(v, i->body->counter, LOOP_REG_COUNTER, i, i->body)) return false;
    if (i->body->counter->elem != IR_I64 || i->body->counter->dims) return fail(v, "%s: its counter is of another type", name_of(i));
    for (int k = 0; k < i->n_args; k++)
        if (!carry_rule(v, i, k)) return false;
    return loop_results(v, i) && body_rule(v, i);
}

static bool rule_when(Verifier *v, const LoopIns *i)
{
    if (!args_are(v, i, IR_BOOL)) return false;
    if (i->arg[0]->dims) return fail(v, "when: its condition varies along a dim");
    return body_rule(v, i);
}

static bool rule_block(Verifier *v, const LoopIns *i)
{
    if (i->n <= LOOP_L || i->n >= v->nest->n_dims) return fail(v, "block: no such dim: %lld", (long long)i->n);
    if (v->dims >> i->n & 1) return fail(v, "block: its dim is open already");
    if (i->size < 1 || i->size != v->nest->dim_size[i->n]) return fail(v, "block: its dim is of size %lld", (long long)v->nest->dim_size[i->n]);
    v->dims |= 1u << i->n;
    if (!body_rule(v, i)) return false;
    v->dims &= ~(1u << i->n);
    return true;
}

static bool ins_rule(Verifier *v, const LoopIns *i)
{
    switch (i->op) {
    case LOOP_row: return rule_row(v, i);
    case LOOP_and:
    case LOOP_or: return rule_bits(v, i);
    case LOOP_inside: return rule_i64(v, i, IR_BOOL);
    case LOOP_trailing: return rule_i64(v, i, IR_I64);
    case LOOP_quot:
    case LOOP_rest: return rule_divide(v, i);
    case LOOP_index: return rule_index(v, i);
    case LOOP_frame: return rule_frame(v, i);
    case LOOP_ld: return rule_load(v, i);
    case LOOP_st: return rule_store(v, i);
    case LOOP_ahead:
    case LOOP_fetch:
    case LOOP_claim: return rule_hint(v, i);
    case LOOP_lanes16: return rule_lanes(v, i);
    case LOOP_turn: return rule_turn(v, i);
    case LOOP_draw: return rule_draw(v, i);
    case LOOP_call: return rule_call(v, i);
    case LOOP_for:
    case LOOP_do: return rule_loop(v, i);
    case LOOP_when: return rule_when(v, i);
    case LOOP_block: return rule_block(v, i);
    }
    return fail(v, "no such instruction: %d", (int)i->op);
}

static bool counts_rule(Verifier *v, const LoopIns *i)
{
    if ((int)i->op < 0 || (int)i->op >= loop_op_n) return fail(v, "no such instruction: %d", (int)i->op);
    const LoopOpInfo *info = &loop_op_info[i->op];
    if (info->args >= 0 && info->args != i->n_args) return fail(v, "%s: takes %d operands, not %d", info->name, info->args, i->n_args);
    if (info->results >= 0 && info->results != i->n_results) return fail(v, "%s: has %d results, not %d", info->name, info->results, i->n_results);
    if ((i->n_args && !i->arg) || (i->n_results && !i->result)) return fail(v, "%s: its operands or results are missing", info->name);
    bool has_body = i->op == LOOP_for || i->op == LOOP_do || i->op == LOOP_when || i->op == LOOP_block;
    if (i->par && i->op != LOOP_for && i->op != LOOP_do) return fail(v, "%s: it has no turns to be in any order", info->name);
    return has_body == (i->body != NULL) || fail(v, "%s: its body is %s", info->name, has_body ? "missing" : "one too many");
}

static bool one(Verifier *v, const LoopIns *i)
{
    v->line++;
    if (!counts_rule(v, i)) return false;
    for (int k = 0; k < i->n_args; k++)
        if (!is_visible(v, i->arg[k])) return false;
    if (!ins_rule(v, i)) return false;
    for (int k = 0; k < i->n_results; k++)
        if (!new_reg(v, &i->result[k], LOOP_REG_INS, i, v->body)) return false;
    return true;
}

static bool all(Verifier *v, const LoopBody *body)
{
    v->body = body;
    array_push(v->scratch, &v->open, body);
    for (int k = 0; k < body->ins.n; k++)
        if (!one(v, body->ins.v[k])) return false;
    return true;
}

static bool body_rule(Verifier *v, const LoopIns *owner)
{
    const LoopBody *body = owner->body, *around = v->body;
    bool loops = owner->op == LOOP_for || owner->op == LOOP_do;
    if (body->owner != owner || body->up != around || body->depth != around->depth + 1)
        return fail(v, "%s: its body is badly linked", name_of(owner));
    if (!loops && body->counter) return fail(v, "%s: has a counter", name_of(owner));
    if (!all(v, body) || (loops && !next_rule(v, owner))) return false;
    v->line++;
    v->open.n--;
    v->body = around;
    return true;
}

/* ---- buffers and nests ------------------------------------------------------------------------------------------ */

static bool word_rule(Verifier *v, int word, int least) { return (word >= least && word < v->nest->n_words) || fail(v, "no such word: %d", word); }

static bool iter_rule(Verifier *v, const LoopBuffer *b)
{
    if (b->n_iter < 0 || b->n_iter > (int)(sizeof b->iter / sizeof *b->iter)) return fail(v, "a buffer with %d counters", b->n_iter);
    for (int i = 0; i < b->n_iter; i++)
        if (b->iter[i].depth < 0) return fail(v, "a buffer with the counter of depth %d", b->iter[i].depth);
    return true;
}

static bool buffer_rule(Verifier *v, const LoopBuffer *b)
{
    if (b->elem > IR_F64) return fail(v, "a buffer without an element type");
    if (!b->local)
        return word_rule(v, b->base, 0) && word_rule(v, b->offset, 0) && word_rule(v, b->panel, -1) && word_rule(v, b->slot, -1) && iter_rule(v, b);
    if (b->cells < 1) return fail(v, "a local buffer of %lld cells", (long long)b->cells);
    return (b->panel < 0 && b->slot < 0 && !b->n_iter) || fail(v, "a local buffer that moves");
}

static bool nest_rule(Verifier *v)
{
    const LoopNest *n = v->nest;
    if (!n->name || !ir_is_name(n->name)) return fail(v, "the nest has no name that is a word");
    if (n->n_dims < 1 || n->n_dims > LOOP_MAX_DIMS) return fail(v, "%d dims, the most are %d", n->n_dims, LOOP_MAX_DIMS);
    if (n->dim_size[LOOP_L] != LOOP_LANES) return fail(v, "%lld lanes, not %d", (long long)n->dim_size[LOOP_L], LOOP_LANES);
    for (int i = 0; i < n->buffers.n; i++) {
        v->line++;
        if (!buffer_rule(v, &n->buffers.v[i])) return false;
    }
    if (n->body.up || n->body.owner || n->body.depth || n->body.counter) return fail(v, "its body is not a nest's");
    return all(v, &n->body);
}

bool loop_verify(const LoopNest *n, char why[256])
{
    Verifier v = {.nest = n, .scratch = arena_new(), .dims = 1u << LOOP_L, .line = 1, .why = why};
    v.known = arena_array(v.scratch, bool, n->n_ids + 1);
    bool ok = nest_rule(&v);
    arena_free(v.scratch);
    return ok;
}
