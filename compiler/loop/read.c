/* read.c - text to nest: the inverse of print.c.
 *
 * A recursive descent over tokens. The first mistake is kept with its place, and from then on the input looks ended, so every
 * loop stops by itself. Instructions are taken as they stand: nothing is folded, and what the verifier asks is left to it, but for what
 * a result's type needs. Start at loop_read(), at the bottom. */
#include "base/nametable.h"
#include "compiler/loop/words.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WHY = 256, MAX_DEPTH = 64, MAX_WORDS = 1 << 20, MAX_BUFFERS = 1 << 16 };

typedef enum { T_END, T_WORD, T_NUMBER, T_VALUE, T_RANGE, T_ARROW, T_PUNCT } TokenKind;

typedef struct {
    TokenKind   kind;
    const char *s;                                          /* the word, number or name, in the arena */
    char        c;                                          /* T_PUNCT */
    int         line, col;
} Token;

typedef ARRAY(LoopReg *) Regs;
typedef ARRAY(Token) Tokens;

typedef struct {
    LoopNest   *nest;
    LoopBody   *body;                                       /* the open one */
    const char *at, *line_start;
    int         line;
    Token       tok;                                        /* the one to come */
    bool        failed;
    NameTable   named;                                      /* %3, i0: a place in `made` */
    Regs        made;
    char       *why;
} Reader;

/* ---- failure ---------------------------------------------------------------------------------------------------- */

static void fail_from(Reader *r, Token at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void fail_from(Reader *r, Token at, const char *fmt, ...)
{
    if (r->failed) return;
    r->failed = true;
    r->tok.kind = T_END;
    int n = snprintf(r->why, WHY, "%d:%d: ", at.line, at.col);
    va_list args;
    va_start(args, fmt);
    vsnprintf(r->why + n, (size_t)(WHY - n), fmt, args);
    va_end(args);
}
#define FAIL(r, ...) fail_from((r), (r)->tok, __VA_ARGS__)

/* ---- tokens ----------------------------------------------------------------------------------------------------- */

static void skip_space(Reader *r)
{
    for (; *r->at; r->at++) {
        if (*r->at == '#')
            while (r->at[1] && r->at[1] != '\n') r->at++;
        else if (*r->at == '\n') {
            r->line++;
            r->line_start = r->at + 1;
        } else if (*r->at != ' ' && *r->at != '\t' && *r->at != '\r') return;
    }
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_word_char(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

static size_t digits(const char *s)
{
    size_t n = 0;
    while (is_digit(s[n])) n++;
    return n;
}

static size_t word_length(const char *s)
{
    size_t n = 0;
    while (is_word_char(s[n])) n++;
    return n;
}

/* 12, 0.5, 1e-05; of 0..8 the 0. */
static size_t number_length(const char *s)
{
    size_t n = digits(s);
    if (s[n] == '.' && is_digit(s[n + 1])) n += 1 + digits(s + n + 1);
    if (s[n] != 'e') return n;
    size_t sign = s[n + 1] == '-' || s[n + 1] == '+', exponent = digits(s + n + 1 + sign);
    return exponent ? n + 1 + sign + exponent : n;
}

static void take(Reader *r, TokenKind kind, size_t skip, size_t n)
{
    r->tok.kind = kind;
    r->tok.s = arena_strn(r->nest->arena, r->at, skip + n);
    r->at += skip + n;
}

static void next(Reader *r)
{
    if (r->failed) return;
    skip_space(r);
    r->tok = (Token){.kind = T_END, .s = "", .line = r->line, .col = (int)(r->at - r->line_start) + 1};
    const char *s = r->at;
    if (!*s) return;
    if (is_digit(*s)) take(r, T_NUMBER, 0, number_length(s));
    else if (is_word_char(*s)) take(r, T_WORD, 0, word_length(s));
    else if (*s == '%') take(r, T_VALUE, 1, digits(s + 1));
    else if (s[0] == '.' && s[1] == '.') take(r, T_RANGE, 2, 0);
    else if (s[0] == '-' && s[1] == '>') take(r, T_ARROW, 2, 0);
    else {
        r->tok.kind = T_PUNCT;
        r->tok.c = *r->at++;
    }
}

static bool is_punct(const Reader *r, char c) { return r->tok.kind == T_PUNCT && r->tok.c == c; }
static bool is_word(const Reader *r, const char *s) { return r->tok.kind == T_WORD && !strcmp(r->tok.s, s); }

static bool accept(Reader *r, char c)
{
    if (!is_punct(r, c)) return false;
    next(r);
    return true;
}

static bool accept_word(Reader *r, const char *s)
{
    if (!is_word(r, s)) return false;
    next(r);
    return true;
}

static void expect(Reader *r, char c)
{
    if (!accept(r, c)) FAIL(r, "expected '%c'", c);
}

static void expect_kind(Reader *r, TokenKind kind, const char *what)
{
    if (r->tok.kind == kind) next(r);
    else FAIL(r, "expected %s", what);
}

static void expect_this(Reader *r, const char *word)
{
    if (!accept_word(r, word)) FAIL(r, "expected '%s'", word);
}

static int expect_one_of(Reader *r, const char *const *words, const char *what)
{
    int i = r->tok.kind == T_WORD ? ir_find_word(words, r->tok.s, strlen(r->tok.s)) : -1;
    if (i < 0) {
        FAIL(r, "expected %s", what);
        return 0;
    }
    next(r);
    return i;
}

static IrElem expect_elem(Reader *r) { return (IrElem)expect_one_of(r, ir_elem_words, "an element type"); }

/* Up to 2^63, which only a minus makes fit. */
static bool whole_number(const Token *t, bool negative, int64_t *n)
{
    if (t->kind != T_NUMBER || t->s[digits(t->s)]) return false;
    errno = 0;
    uint64_t u = strtoull(t->s, NULL, 10);
    *n = (int64_t)(negative ? 0 - u : u);
    return !errno && u <= (uint64_t)INT64_MAX + negative;
}

static int64_t expect_int(Reader *r, int64_t lo, int64_t hi)
{
    Token at = r->tok;
    bool negative = accept(r, '-');
    int64_t n = 0;
    if (whole_number(&r->tok, negative, &n) && n >= lo && n <= hi) {
        next(r);
        return n;
    }
    fail_from(r, at, "expected a whole number in %" PRId64 "..%" PRId64, lo, hi);
    return lo;
}

/* A word that is a letter and a number: w3. */
static bool is_numbered(const Reader *r, char letter)
{
    const char *s = r->tok.s;
    return r->tok.kind == T_WORD && s[0] == letter && s[1] && !s[1 + digits(s + 1)];
}

static int expect_numbered(Reader *r, char letter, int limit, const char *what)
{
    long n = is_numbered(r, letter) ? strtol(r->tok.s + 1, NULL, 10) : -1;
    if (n >= 0 && n < limit) {
        next(r);
        return (int)n;
    }
    if (n < 0) FAIL(r, "expected %s", what);
    else FAIL(r, "there are no more than %d such as %s", limit, r->tok.s);
    return 0;
}

static int expect_word_number(Reader *r)
{
    int n = expect_numbered(r, 'w', MAX_WORDS, "a word of the call");
    if (!r->failed && n >= r->nest->n_words) r->nest->n_words = n + 1;
    return n;
}

static int expect_call_arg(Reader *r) { return expect_numbered(r, 'u', LOOP_ARGS, "an argument of the call"); }

static int expect_dim(Reader *r)
{
    if (accept_word(r, "l")) return LOOP_L;
    return expect_numbered(r, 'd', LOOP_MAX_DIMS, "a dim");
}

/* ---- registers -------------------------------------------------------------------------------------------------- */

static LoopReg *keep(Reader *r, LoopReg what) { return arena_copy(r->nest->arena, &what, sizeof what); }

static uint32_t expect_dims(Reader *r)
{
    uint32_t dims = 0;
    if (!accept(r, '<')) return 0;
    do dims |= 1u << expect_dim(r);
    while (accept(r, ','));
    expect(r, '>');
    return dims;
}

/* Rounded once, to the type it is for. What is too large for that is no number of it. */
static bool real_number(const Token *t, bool negative, LoopReg *c)
{
    bool word = t->kind == T_WORD && (!strcmp(t->s, "inf") || !strcmp(t->s, "nan"));
    if (t->kind != T_NUMBER && !word) return false;
    c->value = c->elem == IR_F32 ? (double)strtof(t->s, NULL) : strtod(t->s, NULL);
    if (negative) c->value = -c->value;
    return word || isfinite(c->value);
}

static bool truth(const Token *t, int64_t *n)
{
    *n = t->kind == T_WORD && !strcmp(t->s, "true");
    return *n || (t->kind == T_WORD && !strcmp(t->s, "false"));
}

static bool number_of(const Token *t, bool negative, LoopReg *c)
{
    if (c->elem == IR_BOOL) return !negative && truth(t, &c->n);
    if (ir_is_real(c->elem)) return real_number(t, negative, c);
    return whole_number(t, negative, &c->n) && (c->elem == IR_I64 || c->n == (int32_t)c->n);
}

/* A number alone is i64. */
static LoopReg *expect_const(Reader *r)
{
    LoopReg c = {.kind = LOOP_REG_CONST, .elem = IR_I64};
    bool negative = accept(r, '-');
    Token number = r->tok;
    next(r);
    if (accept(r, ':')) {
        c.elem = expect_elem(r);
        c.dims = expect_dims(r);
    }
    if (!r->failed && !number_of(&number, negative, &c)) fail_from(r, number, "%.60s is no %s", number.s, ir_elem_name(c.elem));
    return keep(r, c);
}

static LoopReg *find_made(Reader *r)
{
    int i = names_get(&r->named, r->tok.s);
    if (i < 0) {
        FAIL(r, "there is no %.60s", r->tok.s);
        return NULL;
    }
    next(r);
    return r->made.v[i];
}

static LoopReg *expect_dim_reg(Reader *r)
{
    int dim = expect_dim(r);
    if (dim == LOOP_L) return &r->nest->lane;
    return keep(r, (LoopReg){.kind = LOOP_REG_DIM, .elem = IR_I64, .dims = 1u << dim, .n = dim});
}

static bool starts_const(const Reader *r)
{
    static const char *const words[] = {"true", "false", "inf", "nan", NULL};
    return r->tok.kind == T_NUMBER || is_punct(r, '-') || (r->tok.kind == T_WORD && ir_find_word(words, r->tok.s, strlen(r->tok.s)) >= 0);
}

/* Never NULL, so that nobody has to look before the mistake comes out. */
static LoopReg *expect_reg(Reader *r)
{
    LoopReg *made = NULL;
    if (starts_const(r)) return expect_const(r);
    if (r->tok.kind == T_VALUE || is_numbered(r, 'i')) made = find_made(r);
    else if (is_word(r, "l") || is_numbered(r, 'd')) made = expect_dim_reg(r);
    else if (is_numbered(r, 'w')) made = keep(r, (LoopReg){.kind = LOOP_REG_WORD, .elem = IR_I64, .n = expect_word_number(r)});
    else if (is_numbered(r, 'u')) made = keep(r, (LoopReg){.kind = LOOP_REG_ARG, .elem = IR_I64, .n = expect_call_arg(r)});
    else FAIL(r, "expected a register");
    return made ? made : keep(r, (LoopReg){.kind = LOOP_REG_CONST, .elem = IR_I64});
}

static void expect_regs(Reader *r, Regs *regs)
{
    do array_push(r->nest->arena, regs, expect_reg(r));
    while (accept(r, ','));
}

static void name_reg(Reader *r, Token name, LoopReg *reg)
{
    if (names_get(&r->named, name.s) >= 0) {
        fail_from(r, name, "%s is there already", name.s);
        return;
    }
    names_put(&r->named, name.s, r->made.n);
    array_push(r->nest->arena, &r->made, reg);
}

/* ---- indices ---------------------------------------------------------------------------------------------------- */

static void add_number(Reader *r, Token at, LoopIndex *x, int64_t n)
{
    if (__builtin_add_overflow(x->c, n, &x->c)) fail_from(r, at, "the index's number does not fit");
}

static void add_term(Reader *r, Token at, LoopIndex *x, LoopReg *reg, int64_t by)
{
    if (x->n == LOOP_MAX_TERMS) fail_from(r, at, "an index of more than %d terms", LOOP_MAX_TERMS);
    if (r->failed) return;
    x->term[x->n].reg = reg;
    x->term[x->n++].by = by;
}

/* 3, 8*i1, i1; a number with its type is a register. */
static void expect_part(Reader *r, LoopIndex *x, bool negative)
{
    Token at = r->tok;
    int64_t n = 0;
    if (at.kind != T_NUMBER || *r->at == ':') {
        add_term(r, at, x, expect_reg(r), negative ? -1 : 1);
        return;
    }
    if (!whole_number(&at, negative, &n)) fail_from(r, at, "%.60s is no i64", at.s);
    next(r);
    if (accept(r, '*')) add_term(r, at, x, expect_reg(r), n);
    else add_number(r, at, x, n);
}

static LoopIndex expect_index(Reader *r)
{
    LoopIndex x = {0};
    expect_part(r, &x, accept(r, '-'));
    while (!r->failed && (is_punct(r, '+') || is_punct(r, '-'))) {
        bool negative = is_punct(r, '-');
        next(r);
        expect_part(r, &x, negative);
    }
    return x;
}

/* ---- instructions ----------------------------------------------------------------------------------------------- */

/* An instruction as it stands in the text: `elem` is of a convert or a draw. */
typedef struct {
    LoopIns what;
    Token   at;
    Regs    arg;
    Tokens  name;                                           /* of its results */
    IrElem  elem;
} Line;

static void read_body(Reader *r, LoopIns *owner);

static LoopIns *put(Reader *r, Line *l)
{
    l->what.arg = l->arg.v;
    l->what.n_args = l->arg.n;
    LoopIns *i = arena_copy(r->nest->arena, &l->what, sizeof l->what);
    array_push(r->nest->arena, &r->body->ins, i);
    return i;
}

static LoopReg made_by(Reader *r, LoopIns *i, LoopRegKind kind, LoopBody *body, IrElem elem, uint32_t dims)
{
    return (LoopReg){.kind = kind, .elem = elem, .dims = dims, .id = r->nest->n_ids++, .body = body, .def = i};
}

static uint32_t dims_of(const Regs *regs)
{
    uint32_t dims = 0;
    for (int i = 0; i < regs->n; i++) dims |= regs->v[i]->dims;
    return dims;
}

static void name_results(Reader *r, LoopIns *i, const Tokens *name)
{
    for (int k = 0; k < i->n_results && !r->failed; k++) name_reg(r, name->v[k], &i->result[k]);
}

/* An instruction with results of one type. */
static void put_values(Reader *r, Line *l, IrElem elem, uint32_t dims)
{
    int want = loop_op_info[l->what.op].results;
    if (!l->name.n || (want >= 0 && want != l->name.n)) fail_from(r, l->at, "%d names for the results of %s", l->name.n, l->at.s);
    if (r->failed) return;
    l->what.n_results = l->name.n;
    LoopIns *i = put(r, l);
    i->result = arena_array(r->nest->arena, LoopReg, l->name.n);
    for (int k = 0; k < i->n_results; k++) i->result[k] = made_by(r, i, LOOP_REG_INS, r->body, elem, dims);
    name_results(r, i, &l->name);
}

static void expect_args(Reader *r, Line *l, int want)
{
    expect_regs(r, &l->arg);
    if (!r->failed && l->arg.n != want) fail_from(r, l->at, "%s takes %d operands, not %d", l->at.s, want, l->arg.n);
}

static void read_row(Reader *r, Line *l)
{
    char why[256];
    LoopIns *w = &l->what;
    IrElem elem;
    if (loop_row_has(w->row, IR_ATTR_compare)) {
        expect(r, '.');
        w->compare = (IrCompare)expect_one_of(r, ir_compare_words, "a comparison");
    }
    if (loop_row_has(w->row, IR_ATTR_elem)) l->elem = expect_elem(r);
    if (loop_row_has(w->row, IR_ATTR_n)) {
        expect_this(r, "n");
        w->n = expect_int(r, INT64_MIN, INT64_MAX);
    }
    expect_args(r, l, loop_row_args(w->row));
    w->arg = l->arg.v;
    w->n_args = l->arg.n;
    if (r->failed) return;
    if (!loop_row_elem(w, l->elem, &elem, why)) fail_from(r, l->at, "%s", why);
    else put_values(r, l, elem, dims_of(&l->arg));
}

static void read_plain(Reader *r, Line *l)
{
    LoopOp op = l->what.op;
    expect_args(r, l, loop_op_info[op].args);
    if (r->failed) return;
    uint32_t dims = dims_of(&l->arg);
    if (op == LOOP_lanes16) dims &= ~(1u << LOOP_L);
    put_values(r, l, op == LOOP_inside ? IR_BOOL : op == LOOP_trailing ? IR_I64 : l->arg.v[0]->elem, dims);
}

static void read_turn(Reader *r, Line *l)
{
    expect_args(r, l, 1);
    expect_this(r, "with");
    l->what.n = expect_dim(r);
    if (!r->failed) put_values(r, l, l->arg.v[0]->elem, dims_of(&l->arg) | 1u << LOOP_L | 1u << l->what.n);
}

static void read_index(Reader *r, Line *l)
{
    l->what.at = expect_index(r);
    put_values(r, l, IR_I64, loop_index_dims(&l->what.at));
}

static int expect_buffer(Reader *r)
{
    Token at = r->tok;
    int n = expect_numbered(r, 'b', MAX_BUFFERS, "a buffer");
    if (!r->failed && n >= r->nest->buffers.n) fail_from(r, at, "there is no buffer %s", at.s);
    return r->failed ? 0 : n;
}

static LoopIndex expect_place(Reader *r, int *buffer)
{
    *buffer = expect_buffer(r);
    expect(r, '[');
    LoopIndex at = expect_index(r);
    expect(r, ']');
    return at;
}

static void read_align(Reader *r, Line *l)
{
    if (r->failed) return;
    l->what.align = (unsigned)ir_elem_bytes(r->nest->buffers.v[l->what.buffer].elem);
    if (accept_word(r, "align")) l->what.align = (unsigned)expect_int(r, 0, INT32_MAX);
}

static void read_load(Reader *r, Line *l)
{
    l->what.at = expect_place(r, &l->what.buffer);
    read_align(r, l);
    if (!r->failed) put_values(r, l, r->nest->buffers.v[l->what.buffer].elem, loop_index_dims(&l->what.at));
}

static void read_store(Reader *r, Line *l)
{
    l->what.at = expect_place(r, &l->what.buffer);
    expect(r, ',');
    expect_args(r, l, 1);
    read_align(r, l);
    if (!r->failed) put(r, l);
}

static void read_draw(Reader *r, Line *l)
{
    int row = r->tok.kind == T_WORD ? ir_find_op(r->tok.s, strlen(r->tok.s)) : -1;
    if (row < 0 || ir_op_info[row].klass != IR_CLASS_RAND) FAIL(r, "expected what to draw");
    if (r->failed) return;
    l->what.row = (IrOp)row;
    next(r);
    l->elem = expect_elem(r);
    if (loop_row_has(l->what.row, IR_ATTR_n)) {
        expect_this(r, "n");
        l->what.n = expect_int(r, INT64_MIN, INT64_MAX);
    }
    expect_args(r, l, loop_op_info[LOOP_draw].args);
    put_values(r, l, l->elem, dims_of(&l->arg));
}

static void read_call(Reader *r, Line *l)
{
    ARRAY(LoopArg) pass = {0};
    l->what.symbol = r->tok.kind == T_WORD ? loop_find_symbol(r->tok.s) : -1;
    if (l->what.symbol < 0) FAIL(r, "expected a routine of the runtime");
    next(r);
    expect(r, '(');
    while (!r->failed && !is_punct(r, ')')) {
        LoopArg a = {.kind = is_numbered(r, 'b') ? LOOP_PASS_BUFFER : LOOP_PASS_REG};
        if (a.kind == LOOP_PASS_BUFFER) a.at = expect_place(r, &a.buffer);
        else a.reg = expect_reg(r);
        array_push(r->nest->arena, &pass, a);
        if (!accept(r, ',')) break;
    }
    expect(r, ')');
    l->what.pass = pass.v;
    l->what.n_pass = pass.n;
    if (!r->failed) put(r, l);
}

/* ---- bodies ----------------------------------------------------------------------------------------------------- */

static LoopBody *body_of(Reader *r, LoopIns *owner)
{
    LoopBody *body = arena_new_of(r->nest->arena, LoopBody);
    *body = (LoopBody){.up = r->body, .owner = owner, .depth = r->body->depth + 1};
    return owner->body = body;
}

static void make_carries(Reader *r, LoopIns *loop, const Tokens *name)
{
    LoopBody *body = loop->body;
    body->carry = arena_array(r->nest->arena, LoopReg, name->n + 1);
    for (int k = 0; k < name->n && !r->failed; k++) {
        body->carry[k] = made_by(r, loop, LOOP_REG_CARRY, body, loop->arg[k]->elem, loop->arg[k]->dims);
        body->carry[k].n = k;
        name_reg(r, name->v[k], &body->carry[k]);
    }
}

static Token expect_name(Reader *r, const char *what)
{
    Token name = r->tok;
    if (name.kind != T_VALUE || !name.s[1]) FAIL(r, "expected %s", what);
    next(r);
    return name;
}

static void make_results(Reader *r, LoopIns *loop)
{
    Tokens name = {0};
    if (r->tok.kind == T_ARROW) {
        do {
            next(r);
            array_push(r->nest->arena, &name, expect_name(r, "a result's name"));
        } while (is_punct(r, ','));
    }
    if (!r->failed && name.n != loop->n_args) FAIL(r, "%d results of a loop that carries %d", name.n, loop->n_args);
    if (r->failed) return;
    loop->n_results = name.n;
    loop->result = arena_array(r->nest->arena, LoopReg, name.n + 1);
    for (int k = 0; k < name.n; k++) loop->result[k] = made_by(r, loop, LOOP_REG_INS, r->body, loop->arg[k]->elem, loop->arg[k]->dims);
    name_results(r, loop, &name);
}

static void read_loop(Reader *r, Line *l)
{
    Tokens carry = {0};
    Token counter = r->tok;
    if (!is_numbered(r, 'i')) FAIL(r, "expected a counter");
    next(r);
    expect(r, '=');
    l->what.from = expect_index(r);
    expect_kind(r, T_RANGE, "'..'");
    l->what.to = expect_index(r);
    l->what.step = accept_word(r, "by") ? expect_int(r, INT64_MIN, INT64_MAX) : 1;
    if (is_word(r, "with")) {
        do {
            next(r);
            array_push(r->nest->arena, &carry, expect_name(r, "a carried register"));
            expect(r, '=');
            array_push(r->nest->arena, &l->arg, expect_reg(r));
        } while (is_punct(r, ','));
    }
    if (r->failed) return;
    LoopIns *loop = put(r, l);
    LoopBody *body = body_of(r, loop);
    body->counter = keep(r, made_by(r, loop, LOOP_REG_COUNTER, body, IR_I64, 0));
    name_reg(r, counter, body->counter);
    make_carries(r, loop, &carry);
    read_body(r, loop);
    make_results(r, loop);
}

static void read_when(Reader *r, Line *l)
{
    expect_args(r, l, 1);
    if (r->failed) return;
    LoopIns *when = put(r, l);
    body_of(r, when);
    read_body(r, when);
}

static void read_block(Reader *r, Line *l)
{
    LoopNest *n = r->nest;
    l->what.n = expect_dim(r);
    expect(r, ':');
    l->what.size = expect_int(r, 1, INT32_MAX);
    if (r->failed) return;
    int64_t *size = &n->dim_size[l->what.n];
    if (*size && *size != l->what.size) fail_from(r, l->at, "the dim is of size %" PRId64 " elsewhere", *size);
    *size = l->what.size;
    if (l->what.n >= n->n_dims) n->n_dims = (int)l->what.n + 1;
    LoopIns *block = put(r, l);
    body_of(r, block);
    read_body(r, block);
}

static void read_ins(Reader *r, Line *l)
{
    switch (l->what.op) {
    case LOOP_row: read_row(r, l); break;
    case LOOP_and:
    case LOOP_or:
    case LOOP_inside:
    case LOOP_quot:
    case LOOP_rest:
    case LOOP_trailing:
    case LOOP_lanes16: read_plain(r, l); break;
    case LOOP_index:
    case LOOP_frame: read_index(r, l); break;
    case LOOP_ld: read_load(r, l); break;
    case LOOP_st: read_store(r, l); break;
    case LOOP_ahead:
    case LOOP_fetch:
    case LOOP_claim:
        l->what.at = expect_place(r, &l->what.buffer);
        if (!r->failed) put(r, l);
        break;
    case LOOP_turn: read_turn(r, l); break;
    case LOOP_draw: read_draw(r, l); break;
    case LOOP_call: read_call(r, l); break;
    case LOOP_for:
    case LOOP_do: read_loop(r, l); break;
    case LOOP_when: read_when(r, l); break;
    case LOOP_block: read_block(r, l); break;
    }
}

/* True for instructions whose results stand before them. */
static bool has_names(LoopOp op) { return loop_op_info[op].results && op != LOOP_for && op != LOOP_do; }

static void expect_op(Reader *r, Line *l)
{
    l->what.par = accept_word(r, "par");
    l->at = r->tok;
    int op = r->tok.kind == T_WORD ? loop_find_op(r->tok.s) : -1;
    int row = r->tok.kind == T_WORD && op < 0 ? ir_find_op(r->tok.s, strlen(r->tok.s)) : -1;
    if (op < 0 && (row < 0 || !loop_row_args((IrOp)row))) FAIL(r, "expected an instruction");
    if (r->failed) return;
    l->what.op = op < 0 ? LOOP_row : (LoopOp)op;
    l->what.row = row < 0 ? 0 : (IrOp)row;
    if (l->what.par && op != LOOP_for && op != LOOP_do) FAIL(r, "expected a loop");
    next(r);
}

static void read_line(Reader *r)
{
    Line l = {0};
    if (r->tok.kind == T_VALUE) {
        do array_push(r->nest->arena, &l.name, expect_name(r, "a name"));
        while (accept(r, ','));
        expect(r, '=');
    }
    expect_op(r, &l);
    if (!r->failed && l.name.n && !has_names(l.what.op)) fail_from(r, l.at, "%s has no result", l.at.s);
    if (!r->failed) read_ins(r, &l);
}

static void read_lines(Reader *r)
{
    while (!r->failed && (r->tok.kind == T_VALUE || (r->tok.kind == T_WORD && !is_word(r, "next")))) read_line(r);
}

static void read_next(Reader *r, LoopIns *loop)
{
    Regs regs = {0};
    if (accept_word(r, "next")) expect_regs(r, &regs);
    if (!r->failed && regs.n != loop->n_args) FAIL(r, "%d next of a loop that carries %d", regs.n, loop->n_args);
    loop->body->next = regs.v;
}

static void read_body(Reader *r, LoopIns *owner)
{
    r->body = owner->body;
    if (r->body->depth > MAX_DEPTH) FAIL(r, "bodies nest deeper than %d", MAX_DEPTH);
    expect(r, '{');
    read_lines(r);
    if (owner->body->counter) read_next(r, owner);
    else if (is_word(r, "next")) FAIL(r, "'next' ends the body of a loop alone");
    expect(r, '}');
    r->body = owner->body->up;
}

/* ---- buffers and nests ------------------------------------------------------------------------------------------ */

static void read_iter(Reader *r, LoopBuffer *b)
{
    const int most = (int)(sizeof b->iter / sizeof *b->iter);
    do {
        if (b->n_iter == most) FAIL(r, "more than %d counters", most);
        if (r->failed) return;
        b->iter[b->n_iter].depth = (int)expect_int(r, 0, INT32_MAX);
        expect(r, ':');
        b->iter[b->n_iter++].stride = expect_int(r, INT64_MIN, INT64_MAX);
    } while (accept(r, ','));
}

static void read_address(Reader *r, LoopBuffer *b)
{
    expect_this(r, "at");
    b->base = expect_word_number(r);
    expect(r, '+');
    b->offset = expect_word_number(r);
    if (accept_word(r, "panel")) b->panel = expect_word_number(r);
    if (accept_word(r, "slot")) b->slot = expect_word_number(r);
    if (accept_word(r, "iter")) read_iter(r, b);
}

static void read_buffer(Reader *r)
{
    LoopBuffer b = {.panel = -1, .slot = -1};
    Token name = r->tok;
    int n = expect_numbered(r, 'b', MAX_BUFFERS, "a buffer's name");
    if (n != r->nest->buffers.n) fail_from(r, name, "the buffer is b%d", r->nest->buffers.n);
    b.elem = expect_elem(r);
    b.local = accept_word(r, "local");
    if (b.local) b.cells = expect_int(r, INT64_MIN, INT64_MAX);
    else read_address(r, &b);
    array_push(r->nest->arena, &r->nest->buffers, b);
}

static void read_nest(Reader *r)
{
    expect_this(r, "nest");
    if (r->tok.kind != T_WORD) FAIL(r, "expected the nest's name");
    r->nest->name = r->tok.s;
    next(r);
    expect(r, '{');
    while (accept_word(r, "buffer")) read_buffer(r);
    read_lines(r);
    expect(r, '}');
    if (r->tok.kind != T_END) FAIL(r, "expected the end");
}

LoopNest *loop_read(Arena *a, const char *text, char why[256])
{
    LoopBuilder b = loop_begin(a, "");
    Reader r = {.nest = b.nest, .body = b.at, .at = text, .line_start = text, .line = 1, .named = {.arena = a}, .why = why};
    next(&r);
    read_nest(&r);
    return r.failed ? NULL : r.nest;
}
