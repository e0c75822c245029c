/* read.c - text to module: the inverse of print.c. docs/ir.md has the grammar.
 *
 * A recursive descent over tokens. The first mistake is kept with its place, and from then on the input looks ended, so every
 * loop stops by itself. Types are inferred and compared with those declared; whatever else the verifier asks is left to it.
 * Start at ir_read_text(), at the bottom. */
#include "compiler/ir/ir.h"
#include "compiler/ir/shape.h"
#include "compiler/ir/words.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WHY = 512, MAX_DEPTH = 64, MAX_WORD = 4096 };

typedef enum { T_END, T_WORD, T_NUMBER, T_STRING, T_VALUE, T_PUNCT } TokenKind;

typedef struct {
    TokenKind   kind;
    const char *s;                                          /* the word, number, string or name, in the arena */
    char        c;                                          /* T_PUNCT */
    int         line, col;
} Token;

typedef struct { const char *name; IrVal *val; } Named;

typedef struct {
    IrModule   *m;
    IrFn       *f;
    const char *at, *end, *line_start;
    int         line;
    Token       tok;                                        /* the one to come */
    bool        failed;
    int         depth;
    Named      *named;  int n_named, cap_named;             /* the function's values; a power of two */
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
    for (; r->at < r->end; r->at++) {
        if (*r->at == '#')
            while (r->at + 1 < r->end && r->at[1] != '\n') r->at++;
        else if (*r->at == '\n') {
            r->line++;
            r->line_start = r->at + 1;
        } else if (*r->at != ' ' && *r->at != '\t' && *r->at != '\r') return;
    }
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static size_t word_length(const Reader *r, const char *s)
{
    const char *from = s;
    while (s < r->end && ir_is_name_char(*s)) s++;
    return (size_t)(s - from);
}

/* Name characters, and the sign of an exponent. */
static size_t number_length(const Reader *r)
{
    const char *s = r->at + (*r->at == '-');
    for (;; s++) {
        s += word_length(r, s);
        bool exponent = s < r->end && (*s == '-' || *s == '+') && s - r->at > 1 && (s[-1] == 'e' || s[-1] == 'E');
        if (!exponent) return (size_t)(s - r->at);
    }
}

static void take_text(Reader *r, TokenKind kind, const char *s, size_t n)
{
    if (n > MAX_WORD) {
        FAIL(r, "a word of %zu characters", n);
        return;
    }
    r->tok.kind = kind;
    r->tok.s = arena_strn(r->m->arena, s, n);
    r->at = s + n;
}

static int hex_digit(char c) { return is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

static void take_string(Reader *r)
{
    char s[MAX_WORD];
    size_t n = 0;
    const char *at = r->at + 1;
    for (; at < r->end && *at != '"' && *at != '\n' && n < MAX_WORD - 1; at++) {
        if (*at != '\\') {
            s[n++] = *at;
        } else if (at + 2 < r->end && hex_digit(at[1]) >= 0 && hex_digit(at[2]) >= 0) {
            s[n++] = (char)(hex_digit(at[1]) * 16 + hex_digit(at[2]));
            at += 2;
        } else if (at + 1 < r->end) {
            s[n++] = *++at;
        }
    }
    if (at >= r->end || *at != '"' || memchr(s, 0, n)) {
        FAIL(r, "a string without an end");
        return;
    }
    take_text(r, T_STRING, s, n);
    r->at = at + 1;
}

static bool starts_number(const Reader *r)
{
    return is_digit(*r->at) || (*r->at == '-' && r->at + 1 < r->end && (is_digit(r->at[1]) || r->at[1] == 'i'));
}

static void next(Reader *r)
{
    if (r->failed) return;
    skip_space(r);
    r->tok = (Token){.kind = T_END, .s = "", .line = r->line, .col = (int)(r->at - r->line_start) + 1};
    if (r->at >= r->end) return;
    if (starts_number(r)) take_text(r, T_NUMBER, r->at, number_length(r));
    else if (ir_is_name_char(*r->at)) take_text(r, T_WORD, r->at, word_length(r, r->at));
    else if (*r->at == '"') take_string(r);
    else if (*r->at == '%') take_text(r, T_VALUE, r->at + 1, word_length(r, r->at + 1));
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

static const char *expect_text(Reader *r, TokenKind kind, const char *what)
{
    const char *s = r->tok.s;
    bool ok = r->tok.kind == kind || (kind == T_WORD && r->tok.kind == T_STRING);       /* names may be quoted */
    if (!ok || !*s) {
        FAIL(r, "expected %s", what);
        return "";
    }
    next(r);
    return s;
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

static bool whole_number(const char *s, int64_t *n)
{
    char *end;
    errno = 0;
    *n = strtoll(s, &end, 10);
    return *s && !*end && errno == 0;
}

static int64_t expect_int(Reader *r, int64_t lo, int64_t hi)
{
    int64_t n = 0;
    bool ok = r->tok.kind == T_NUMBER && whole_number(r->tok.s, &n) && n >= lo && n <= hi;
    if (!ok) {
        FAIL(r, "expected a whole number in %" PRId64 "..%" PRId64, lo, hi);
        return lo;
    }
    next(r);
    return n;
}

/* ---- the function's values -------------------------------------------------------------------------------------- */

static Named *place_of(Named *named, int cap, const char *name)
{
    unsigned h = 2166136261u;
    for (const char *c = name; *c; c++) h = (h ^ (unsigned char)*c) * 16777619u;
    for (;; h++) {
        Named *n = &named[h & (unsigned)(cap - 1)];
        if (!n->name || !strcmp(n->name, name)) return n;
    }
}

static void grow_names(Reader *r)
{
    int cap = r->cap_named ? 2 * r->cap_named : 64;
    Named *grown = arena_array(r->m->arena, Named, cap);
    for (int i = 0; i < r->cap_named; i++)
        if (r->named[i].name) *place_of(grown, cap, r->named[i].name) = r->named[i];
    r->named = grown;
    r->cap_named = cap;
}

static void name_value(Reader *r, Token at, IrVal *v)
{
    if (2 * r->n_named >= r->cap_named) grow_names(r);
    Named *n = place_of(r->named, r->cap_named, at.s);
    if (n->name) {
        fail_from(r, at, "%%%s is there already", at.s);
        return;
    }
    *n = (Named){at.s, v};
    r->n_named++;
    if (at.s[strspn(at.s, "0123456789")]) v->hint = at.s;
}

static IrVal *find_value(Reader *r, Token at, const IrBlock *block)
{
    IrVal *v = r->cap_named ? place_of(r->named, r->cap_named, at.s)->val : NULL;
    if (!v) fail_from(r, at, "there is no %%%s", at.s);
    else if (v->def ? v->def->block != block : v->param_of != block) fail_from(r, at, "%%%s is not visible here", at.s), v = NULL;
    return v;
}

/* ---- types ------------------------------------------------------------------------------------------------------ */

static int expect_axis(Reader *r)
{
    Token at = r->tok;
    const char *name = expect_text(r, T_WORD, "an axis");
    int axis = ir_find_axis(r->m, name);
    if (axis < 0) fail_from(r, at, "there is no axis %s", name);
    return axis;
}

static IrAxes expect_axes(Reader *r)
{
    IrAxes set = {0};
    do {
        Token at = r->tok;
        int axis = expect_axis(r);
        if (axis < 0) break;
        if (ir_axes_has(set, axis)) fail_from(r, at, "an axis twice");
        else if (set.n == IR_MAX_AXES) fail_from(r, at, "more than %d axes", IR_MAX_AXES);
        else set = ir_axes_add(set, axis);
    } while (accept(r, ','));
    return set;
}

static IrInts expect_ints(Reader *r, int64_t least)
{
    IrInts list = {0};
    expect(r, '[');
    while (!r->failed && !is_punct(r, ']')) {
        if (list.n == IR_MAX_RANK) FAIL(r, "more than %d numbers", IR_MAX_RANK);
        else list.v[list.n++] = expect_int(r, least, INT64_MAX);
        if (!accept(r, ',')) break;
    }
    expect(r, ']');
    return list;
}

static IrType expect_type(Reader *r)
{
    Token at = r->tok;
    IrType t = {.elem = (IrElem)expect_one_of(r, ir_elem_words, "a type")};
    IrAxes axes = {0};
    if (accept(r, '<')) {
        axes = expect_axes(r);
        expect(r, '>');
    }
    t = ir_type(t.elem, axes, expect_ints(r, 0));
    if (!r->failed && !ir_type_fits(r->m, &t)) fail_from(r, at, "the type is too large");
    return t;
}

/* ---- attributes ------------------------------------------------------------------------------------------------- */

/* A row as it stands in the text. */
typedef struct {
    IrOp    op;
    Token   at;
    IrAttrs attr;
    bool    has_form;                                       /* given, not left to the shape */
    ARRAY(Token) arg;
    int     group[3], n_groups;                             /* operands before each `;` */
    ARRAY(IrBlock *) body;
    ARRAY(Token)  name;
    ARRAY(IrType) type;
} Row;

/* A number of any kind: both readings, as far as they exist. */
static bool token_number(const Token *t, double *value, int64_t *n, bool *whole)
{
    char *end;
    *n = 0;
    *whole = false;
    bool word = t->kind == T_WORD && (!strcmp(t->s, "inf") || !strcmp(t->s, "nan"));
    if (t->kind != T_NUMBER && !word) return false;
    if (!word && t->s[strspn(t->s, "0123456789+-.eEinf")]) return false;
    *whole = whole_number(t->s, n);
    *value = strtod(t->s, &end);
    return *end == 0;
}

static bool token_bool(const Token *t, int64_t *n)
{
    *n = t->kind == T_WORD && !strcmp(t->s, "true");
    return *n || (t->kind == T_WORD && !strcmp(t->s, "false"));
}

static IrPairs expect_pairs(Reader *r)
{
    IrPairs p = {0};
    do {
        if (p.n == IR_MAX_RANK) FAIL(r, "more than %d pairs", IR_MAX_RANK);
        if (r->failed) break;
        p.a[p.n] = (uint8_t)expect_int(r, 0, IR_MAX_RANK - 1);
        expect(r, ':');
        p.b[p.n++] = (uint8_t)expect_int(r, 0, IR_MAX_RANK - 1);
    } while (accept(r, ','));
    return p;
}

static void expect_this(Reader *r, const char *word)
{
    if (!accept_word(r, word)) FAIL(r, "expected '%s'", word);
}

static IrWindow expect_window(Reader *r)
{
    const int64_t most = (int64_t)1 << 31;
    IrWindow w = {0};
    w.a = (uint8_t)expect_int(r, 0, IR_MAX_RANK - 1);
    expect(r, ':');
    w.b = (uint8_t)expect_int(r, 0, IR_MAX_RANK - 1);
    expect_this(r, "stride");
    w.stride = expect_int(r, 1, most);
    expect_this(r, "dilate");
    w.dil_a = expect_int(r, 1, most);
    expect(r, ':');
    w.dil_b = expect_int(r, 1, most);
    expect_this(r, "pad");
    w.lo = expect_int(r, -most, most);
    expect(r, ':');
    w.hi = expect_int(r, -most, most);
    return w;
}

static void expect_windows(Reader *r, IrAttrs *at)
{
    do {
        if (at->n_windows == 4) FAIL(r, "more than 4 windows");
        if (r->failed) break;
        at->windows[at->n_windows++] = expect_window(r);
    } while (accept(r, ','));
}

static void expect_pair_axes(Reader *r, IrAttrs *at, int n_args)
{
    ARRAY(IrAxes) sets = {0};
    do array_push(r->m->arena, &sets, expect_axes(r));
    while (accept(r, ';'));
    if (!r->failed && 2 * sets.n != n_args) FAIL(r, "%d sets of axes for %d operands", sets.n, n_args);
    at->pair_over = sets.v;
}

static void expect_number(Reader *r, IrAttrs *at)
{
    bool whole;
    if (token_bool(&r->tok, &at->n)) at->value = (double)at->n;
    else if (!token_number(&r->tok, &at->value, &at->n, &whole)) FAIL(r, "expected a number");
    next(r);
}

static void expect_batch(Reader *r, IrOp op, IrAttrs *at)
{
    if (op == IR_gather || op == IR_scatter_add) at->n_batch = (int)expect_int(r, 0, IR_MAX_RANK);
    else at->batch = expect_pairs(r);
}

static void expect_attr(Reader *r, IrOp op, int n_args, IrAttrKey key, IrAttrs *at)
{
    void *field = (char *)at + ir_attr_info[key].at;
    switch (ir_attr_info[key].kind) {
    case ATTR_NUMBER: expect_number(r, at); break;
    case ATTR_ELEM: at->elem = (IrElem)expect_one_of(r, ir_elem_words, "an element type"); break;
    case ATTR_COMPARE: at->compare = (IrCompare)expect_one_of(r, ir_compare_words, "a comparison"); break;
    case ATTR_FORM: at->form = (IrForm)expect_one_of(r, ir_form_words, "a form"); break;
    case ATTR_INT: *(int *)field = (int)expect_int(r, 0, INT32_MAX); break;
    case ATTR_AXIS: *(int *)field = expect_axis(r); break;
    case ATTR_INT64: *(int64_t *)field = expect_int(r, INT64_MIN, INT64_MAX); break;
    case ATTR_BATCH: expect_batch(r, op, at); break;
    case ATTR_PAIRS: *(IrPairs *)field = expect_pairs(r); break;
    case ATTR_WINDOWS: expect_windows(r, at); break;
    case ATTR_AXES: *(IrAxes *)field = expect_axes(r); break;
    case ATTR_PAIR_AXES: expect_pair_axes(r, at, n_args); break;
    case ATTR_INTS: *(IrInts *)field = expect_ints(r, INT64_MIN); break;
    case ATTR_FLAG: *(bool *)field = true; break;
    case ATTR_STREAM: *(int *)field = ir_stream(r->m, expect_text(r, T_STRING, "a stream")); break;
    case ATTR_STRING: *(const char **)field = expect_text(r, T_STRING, "a string"); break;
    case ATTR_SLOT:
    case ATTR_GROUP: FAIL(r, "the operands say so"); break;
    }
}

/* The key a word stands for among those of a row; -1: none. */
static int key_of(const char *word, const IrAttrKey *keys, int n)
{
    for (int i = 0; i < n; i++) {
        IrAttrKind kind = ir_attr_info[keys[i]].kind;
        size_t length = strlen(word);
        bool is = kind == ATTR_ELEM        ? ir_find_word(ir_elem_words, word, length) >= 0
                  : kind == ATTR_COMPARE   ? ir_find_word(ir_compare_words, word, length) >= 0
                  : kind == ATTR_PAIR_AXES ? !strcmp(word, "over")
                                           : !strcmp(word, ir_attr_info[keys[i]].name);
        if (is) return i;
    }
    return -1;
}

static void expect_attrs(Reader *r, Row *row)
{
    IrAttrKey keys[IR_ATTR_COUNT];
    bool seen[IR_ATTR_COUNT] = {0};
    int n = ir_attr_keys(row->op, keys);
    while (r->tok.kind == T_WORD) {
        int i = key_of(r->tok.s, keys, n);
        if (i < 0) FAIL(r, "%s has no '%s'", ir_op_info[row->op].name, r->tok.s);
        else if (seen[i]) FAIL(r, "'%s' twice", r->tok.s);
        if (r->failed) return;
        seen[i] = true;
        IrAttrKind kind = ir_attr_info[keys[i]].kind;
        if (kind != ATTR_ELEM && kind != ATTR_COMPARE) next(r);
        row->has_form |= kind == ATTR_FORM;
        expect_attr(r, row->op, row->arg.n, keys[i], &row->attr);
    }
    expect(r, '}');
}

/* ---- operands --------------------------------------------------------------------------------------------------- */

static bool starts_arg(const Reader *r)
{
    return r->tok.kind == T_VALUE || r->tok.kind == T_NUMBER || is_word(r, "inf") || is_word(r, "nan") || is_word(r, "true") ||
           is_word(r, "false");
}

static void expect_args(Reader *r, Row *row)
{
    for (;;) {
        if (starts_arg(r)) {
            array_push(r->m->arena, &row->arg, r->tok);
            next(r);
        } else if (row->arg.n && row->op != IR_scan) {
            FAIL(r, "expected an operand");
        }
        if (accept(r, ',')) continue;
        if (!is_punct(r, ';')) return;
        if (row->n_groups < 3) row->group[row->n_groups] = row->arg.n;
        row->n_groups++;
        next(r);
    }
}

static void expect_slot_arg(Reader *r, Row *row)
{
    Token at = r->tok;
    const char *path = expect_text(r, T_STRING, "a slot");
    row->attr.slot = ir_find_slot(r->m, path);
    if (!r->failed && row->attr.slot < 0) fail_from(r, at, "there is no slot \"%s\"", path);
}

static IrVal *constant(Reader *r, IrBuilder *b, const Token *t, IrElem elem)
{
    double value = 0;
    int64_t n;
    bool whole = true, ok = elem == IR_BOOL ? token_bool(t, &n) : token_number(t, &value, &n, &whole);
    if (elem == IR_I32) whole &= n == (int32_t)n;
    if (!ok || (!ir_is_real(elem) && !whole)) {
        fail_from(r, *t, "%s is no %s", t->s, ir_elem_name(elem));
        return NULL;
    }
    return ir_is_real(elem) ? ir_const(b, elem, value) : ir_const_int(b, elem, n);
}

/* The element type of a constant operand, or -1. */
static int elem_of_arg(Reader *r, const Row *row, int i, IrVal *const *args)
{
    switch (ir_arg_elem(row->op, i)) {
    case IR_FROM_NOTHING: return -1;
    case IR_FROM_RESULT: return row->type.n ? (int)row->type.v[0].elem : -1;
    case IR_FROM_OTHER: return i < 2 && row->arg.n == 2 && !r->failed && args[1 - i] ? (int)args[1 - i]->type.elem : -1;
    case IR_FROM_BOOL: return IR_BOOL;
    case IR_FROM_I32: return IR_I32;
    case IR_FROM_I64: return IR_I64;
    }
    return -1;
}

static IrVal **resolve_args(Reader *r, IrBuilder *b, const Row *row)
{
    IrVal **args = arena_array(r->m->arena, IrVal *, row->arg.n);
    for (int i = 0; i < row->arg.n; i++)
        if (row->arg.v[i].kind == T_VALUE) args[i] = find_value(r, row->arg.v[i], b->block);
    for (int i = 0; i < row->arg.n && !r->failed; i++) {
        if (row->arg.v[i].kind == T_VALUE) continue;
        int elem = elem_of_arg(r, row, i, args);
        if (elem < 0) fail_from(r, row->arg.v[i], "the type of %s is not clear here: write a const", row->arg.v[i].s);
        else args[i] = constant(r, b, &row->arg.v[i], (IrElem)elem);
    }
    return args;
}

/* ---- rows ------------------------------------------------------------------------------------------------------- */

static void read_rows(Reader *r, IrBuilder *b);

static IrBlock *expect_body(Reader *r)
{
    IrBuilder b = {.m = r->m, .block = ir_block(r->m)};
    ARRAY(IrVal *) yields = {0};
    if (++r->depth > MAX_DEPTH) FAIL(r, "bodies nest deeper than %d", MAX_DEPTH);
    expect(r, '(');
    while (r->tok.kind == T_VALUE) {
        Token name = r->tok;
        next(r);
        expect(r, ':');
        IrType t = expect_type(r);
        if (r->failed) return b.block;
        name_value(r, name, ir_block_param(r->m, b.block, t));
        accept(r, ',');
    }
    expect(r, ')');
    expect(r, '{');
    read_rows(r, &b);
    expect_this(r, "yield");
    while (r->tok.kind == T_VALUE) {
        array_push(r->m->arena, &yields, find_value(r, r->tok, b.block));
        next(r);
        accept(r, ',');
    }
    ir_block_yield(r->m, b.block, yields.v, yields.n);
    expect(r, '}');
    r->depth--;
    return b.block;
}

static IrNode *make_leaf(Reader *r, IrBuilder *b, Row *row, IrVal **args)
{
    IrAttrs *at = &row->attr;
    int want = ir_op_info[row->op].operands;
    if (want != IR_MANY && row->arg.n != want) fail_from(r, row->at, "%s takes %d operands", ir_op_info[row->op].name, want);
    else if (row->op != IR_extern && row->type.n != 1) fail_from(r, row->at, "%s has one result", ir_op_info[row->op].name);
    if (r->failed) return NULL;
    if (row->op == IR_const) {
        if (ir_is_real(row->type.v[0].elem)) at->n = 0;
        else at->value = (double)at->n;
    }
    return ir_leaf(b, row->op, args, row->arg.n, at, row->type.v, row->type.n);
}

static IrNode *make_inferred(Reader *r, IrBuilder *b, Row *row, IrVal **args)
{
    char why[256];
    IrType types[IR_MAX_RESULTS];
    IrForm form = row->attr.form;
    const IrType **arg_types = arena_array(r->m->arena, const IrType *, row->arg.n);
    for (int i = 0; i < row->arg.n; i++) arg_types[i] = &args[i]->type;
    if (ir_infer_results(r->m, row->op, arg_types, row->arg.n, &row->attr, types, why) <= 0) {
        fail_from(r, row->at, "%s", why);
        return NULL;
    }
    IrNode *n = ir_node(b, row->op, args, row->arg.n, &row->attr);
    if (row->has_form && n->attr->form != form) fail_from(r, row->at, "dot: its shape says form %s", ir_form_words[n->attr->form]);
    return n;
}

static IrNode *make_with_bodies(Reader *r, IrBuilder *b, Row *row, IrVal **args)
{
    IrAttrs *at = &row->attr;
    char why[256];
    if (row->body.n != (row->op == IR_scan ? 1 : 2)) fail_from(r, row->at, "%s has %d bodies", ir_op_info[row->op].name, row->body.n);
    if (row->op == IR_scan) {
        if (row->n_groups != 2) fail_from(r, row->at, "scan wants carried ; stacked ; closed-over operands");
        at->carried = row->group[0];
        at->stacked = row->group[1] - row->group[0];
    }
    if (r->failed) return NULL;
    IrNode shell = {.op = row->op, .n_args = row->arg.n, .arg = args, .attr = at, .n_bodies = row->body.n, .body = row->body.v};
    int n_results;
    if (!ir_body_results(r->m, &shell, &n_results, why)) {
        fail_from(r, row->at, "%s", why);
        return NULL;
    }
    if (row->op == IR_cond) return ir_cond_node(b, args, row->arg.n, row->body.v[0], row->body.v[1]);
    return ir_scan_node(b, at->n, at->carried, at->stacked, at->until, args, row->arg.n, row->body.v[0]);
}

static void check_declared(Reader *r, const Row *row, const IrNode *n)
{
    if (n->n_results != row->type.n) {
        fail_from(r, row->at, "%s has %d results, declared are %d", ir_op_info[row->op].name, n->n_results, row->type.n);
        return;
    }
    for (int i = 0; i < n->n_results && !r->failed; i++) {
        if (ir_type_equal(&n->result[i].type, &row->type.v[i])) continue;
        Text gives = text_in(r->m->arena);
        ir_print_type(r->m, &n->result[i].type, &gives);
        fail_from(r, row->at, "%s gives %.100s, another type is declared", ir_op_info[row->op].name, text_str(&gives));
    }
}

static void make_row(Reader *r, IrBuilder *b, Row *row)
{
    IrVal **args = resolve_args(r, b, row);
    if (r->failed) return;
    bool leaf = ir_op_info[row->op].flags & IR_LEAF, bodies = row->op == IR_scan || row->op == IR_cond;
    IrNode *n = leaf ? make_leaf(r, b, row, args) : bodies ? make_with_bodies(r, b, row, args) : make_inferred(r, b, row, args);
    if (r->failed || !n) return;
    check_declared(r, row, n);
    if (row->name.n != n->n_results) fail_from(r, row->at, "%d names for %d results", row->name.n, n->n_results);
    for (int i = 0; i < n->n_results && !r->failed; i++) name_value(r, row->name.v[i], &n->result[i]);
}

static uint32_t file_index(Reader *r, const char *name)
{
    for (int i = 0; i < r->m->files.n; i++)
        if (!strcmp(r->m->files.v[i], name)) return (uint32_t)i;
    array_push(r->m->arena, &r->m->files, name);
    return (uint32_t)(r->m->files.n - 1);
}

static IrSpan expect_span(Reader *r)
{
    IrSpan span = {.file = UINT32_MAX};
    if (r->tok.kind != T_NUMBER) {
        span.file = file_index(r, expect_text(r, T_WORD, "a file or line"));
        expect(r, ':');
    }
    span.line = (uint32_t)expect_int(r, 1, INT32_MAX);
    expect(r, ':');
    span.col = (uint32_t)expect_int(r, 0, INT32_MAX);
    return span;
}

static void expect_op(Reader *r, Row *row)
{
    row->at = r->tok;
    int op = r->tok.kind == T_WORD ? ir_find_op(r->tok.s, strlen(r->tok.s)) : -1;
    if (op < 0) FAIL(r, "expected an operation");
    row->op = op < 0 ? IR_const : (IrOp)op;
    next(r);
}

static void read_row(Reader *r, IrBuilder *b)
{
    Row row = {.attr = ir_attrs()};
    while (r->tok.kind == T_VALUE) {
        if (!*r->tok.s) FAIL(r, "a value without a name");
        array_push(r->m->arena, &row.name, r->tok);
        next(r);
        if (!accept(r, ',')) break;
    }
    if (row.name.n) expect(r, '=');
    expect_op(r, &row);
    if (row.op == IR_read) expect_slot_arg(r, &row);
    else expect_args(r, &row);
    if (accept(r, '{')) expect_attrs(r, &row);
    while (is_punct(r, '(')) array_push(r->m->arena, &row.body, expect_body(r));
    if (accept(r, ':')) {
        do array_push(r->m->arena, &row.type, expect_type(r));
        while (accept(r, ','));
    }
    b->span = accept(r, '@') ? expect_span(r) : (IrSpan){0};
    if (!r->failed) make_row(r, b, &row);
}

static bool starts_row(const Reader *r)
{
    if (r->tok.kind == T_VALUE) return true;
    return r->tok.kind == T_WORD && !is_word(r, "yield") && !is_word(r, "commit") && !is_word(r, "report");
}

static void read_rows(Reader *r, IrBuilder *b)
{
    while (!r->failed && starts_row(r)) read_row(r, b);
}

/* ---- functions and modules -------------------------------------------------------------------------------------- */

static void read_commit(Reader *r, IrBuilder *b)
{
    Row row = {.attr = ir_attrs()};
    expect_slot_arg(r, &row);
    expect(r, ',');
    if (r->failed) return;
    Token at = r->tok;
    IrVal *v = NULL;
    if (at.kind == T_VALUE) v = find_value(r, at, b->block);
    else if (starts_arg(r)) v = constant(r, b, &at, r->m->slots.v[row.attr.slot].type.elem);
    else FAIL(r, "expected a value");
    next(r);
    if (v) array_push(r->m->arena, &r->f->commits, ((IrCommit){row.attr.slot, v}));
}

static void read_report(Reader *r, IrBuilder *b)
{
    const char *name = expect_text(r, T_STRING, "a name");
    expect(r, ',');
    if (r->tok.kind != T_VALUE) FAIL(r, "expected a value");
    IrVal *v = r->failed ? NULL : find_value(r, r->tok, b->block);
    next(r);
    if (v) ir_report(r->m, r->f, name, v);
}

static void read_fn_header(Reader *r)
{
    Token at = r->tok;
    const char *name = expect_text(r, T_WORD, "a function's name");
    if (!r->failed && ir_find_fn(r->m, name)) fail_from(r, at, "a second function %s", name);
    expect(r, '{');
    IrFnKind kind = (IrFnKind)expect_one_of(r, ir_fn_words, "a kind of function");
    if (r->failed) return;
    r->f = ir_fn(r->m, name, kind);
    while (accept_word(r, "player")) array_push(r->m->arena, &r->f->players, expect_text(r, T_WORD, "a player"));
    if (accept_word(r, "tick")) {
        Row row = {.attr = ir_attrs()};
        expect_slot_arg(r, &row);
        r->f->tick_slot = row.attr.slot;
    }
    expect(r, '}');
}

static void read_fn(Reader *r)
{
    r->named = NULL;
    r->n_named = r->cap_named = 0;
    read_fn_header(r);
    expect(r, '{');
    if (r->failed) return;
    IrBuilder b = {.m = r->m, .block = &r->f->body};
    read_rows(r, &b);
    while (is_word(r, "commit") || is_word(r, "report")) {
        if (accept_word(r, "commit")) read_commit(r, &b);
        else if (accept_word(r, "report")) read_report(r, &b);
    }
    expect(r, '}');
}

static void read_axis(Reader *r)
{
    Token at = r->tok;
    const char *name = expect_text(r, T_WORD, "an axis");
    expect(r, '=');
    int64_t extent = expect_int(r, 0, (int64_t)1 << 48);
    if (!r->failed && (ir_find_axis(r->m, name) >= 0 || r->m->axes.n == UINT16_MAX)) fail_from(r, at, "a second axis %s", name);
    if (!r->failed) ir_axis(r->m, name, extent);
}

static void read_slot(Reader *r)
{
    Token at = r->tok;
    const char *path = expect_text(r, T_STRING, "a slot's path"), *player = NULL;
    IrSlotKind kind = (IrSlotKind)expect_one_of(r, ir_slot_words, "a kind of slot");
    if (r->tok.kind == T_STRING) player = expect_text(r, T_STRING, "a player");
    expect(r, ':');
    IrType t = expect_type(r);
    if (!r->failed && t.axes.n) fail_from(r, at, "slot \"%s\" has sample axes", path);
    if (!r->failed && ir_find_slot(r->m, path) >= 0) fail_from(r, at, "a second slot \"%s\"", path);
    if (!r->failed) ir_slot(r->m, path, t, kind, player);
}

static void read_module(Reader *r)
{
    if (accept_word(r, "real")) r->m->real = (IrElem)expect_one_of(r, ir_elem_words, "an element type");
    if (!ir_is_real(r->m->real)) FAIL(r, "real is f32 or f64");
    while (!r->failed && r->tok.kind != T_END) {
        if (accept_word(r, "axis")) read_axis(r);
        else if (accept_word(r, "slot")) read_slot(r);
        else if (accept_word(r, "fn")) read_fn(r);
        else FAIL(r, "expected axis, slot or fn");
    }
}

IrModule *ir_read_text(Arena *a, const char *text, size_t n, char why[512])
{
    Reader r = {.m = ir_module(a, IR_F32), .at = text, .end = text + n, .line_start = text, .line = 1, .why = why};
    next(&r);
    read_module(&r);
    return r.failed ? NULL : r.m;
}
