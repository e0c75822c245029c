/* build.c - what every builder uses: nodes and their depth, names, patterns, types, and what may stand in which block.
 *
 * A node that is wrong is reported and built anyway; the parse has failed then and the tree is thrown away. */
#include "lang/source/habits.h"
#include "lang/syntax/build.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

/* ---- nodes and lists */

Ast *build_node(Parser *p, AstKind kind, Span span)
{
    if (++p->n_nodes == MAX_NODES) {
        parse_error(p, span, E005, "a file may not have more than %d million expressions and statements", MAX_NODES / 1000000);
        p->stop = true;
    }
    Ast *n = arena_new_of(p->arena, Ast);
    n->kind = kind;
    n->span = span;
    n->depth = 1;
    return n;
}

static void deepen(void *depth, const Ast *child)
{
    if (child->depth > *(int *)depth) *(int *)depth = child->depth;
}

/* A finished node; one that would be too deep is reported, and a leaf stands in for it. */
Ast *build_done(Parser *p, Ast *n)
{
    int below = 0;
    ast_each_child(n, deepen, &below);
    int depth = 1 + below;
    if (depth <= AST_MAX_DEPTH) {
        n->depth = (uint16_t)depth;
        return n;
    }
    Diag *d = parse_error(p, (Span){n->span.file, n->span.begin, n->span.begin + 1}, E028, "nested deeper than %d operators", AST_MAX_DEPTH);
    diag_hint(d, "name a part of it with let");
    p->muted = true;
    return build_node(p, n->kind == AST_BLOCK ? AST_BLOCK : ast_is_expr(n) ? AST_BOOL : AST_SAVE, n->span);
}

List *list_of(Parser *p, Ast *first)
{
    List *l = arena_new_of(p->arena, List);
    if (first) array_push(p->arena, l, first);
    return l;
}

List *list_add(Parser *p, List *l, Ast *item)
{
    array_push(p->arena, l, item);
    return l;
}

/* ---- names */

static bool is_ascii(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] & 0x80) return false;
    return true;
}

/* In normal form C, so that a name typed in two ways is one name. */
const char *build_name_text(Parser *p, Token t)
{
    const char *s = p->f->text + t.begin;
    size_t      n = t.end - t.begin;
    if (n > LONGEST_NAME) {
        parse_error(p, token_span(p, t), E029, "a name of %zu bytes; names have at most %d", n, LONGEST_NAME);
        n = LONGEST_NAME;
    }
    char *name = arena_strn(p->arena, s, n);
    if (is_ascii(s, n)) return name;
    utf8proc_uint8_t *nfc = utf8proc_NFC((const utf8proc_uint8_t *)name);
    if (!nfc) return name;                                   /* cut inside a code point: reported above */
    name = arena_str(p->arena, (const char *)nfc);
    free(nfc);
    return name;
}

const char *build_not_reserved(Parser *p, const char *name, Span at)
{
    if (strcmp(name, "E") == 0)
        parse_error(p, at, E033, "nothing can be called E: E[ opens an expectation");
    else if (strcmp(name, "grad") == 0)
        parse_error(p, at, E033, "nothing can be called grad: grad[ opens a gradient");
    return name;
}

/* A name that is given to something. */
const char *build_declared(Parser *p, Token t) { return build_not_reserved(p, build_name_text(p, t), token_span(p, t)); }

/* What the ## comment above says. */
const char *build_doc_at(const Parser *p, uint32_t begin)
{
    const Lexer *lx = &p->layout.lx;
    int          lo = 0, hi = lx->docs.n;
    while (lo < hi) {
        int mid = (lo + hi) / 2;
        if (lx->docs.v[mid].begin < begin)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < lx->docs.n && lx->docs.v[lo].begin == begin ? lx->docs.v[lo].text : NULL;
}

/* Reports the second of two equal names. Lists of more than MANY are not looked at: no person writes them. */
void build_names_once(Parser *p, int n, const char *const names[], const Span spans[], DiagCode code, const char *what)
{
    for (int i = 1; i < n; i++)
        for (int j = 0; j < i; j++) {
            if (!names[i] || !names[j] || strcmp(names[i], names[j]) != 0) continue;
            Diag *d = parse_error(p, spans[i], code, "two %s called %s", what, names[i]);
            diag_note(d, spans[j], "the first");
            break;
        }
}

/* ---- patterns: NAME and TUPLE of patterns */

static void collect_names(const Ast *pattern, const char *names[MANY], Span spans[MANY], int *n)
{
    if (pattern->kind == AST_NAME && *n < MANY && strcmp(pattern->name.name, "_") != 0) {
        names[*n] = pattern->name.name;
        spans[(*n)++] = pattern->span;
    }
    if (pattern->kind == AST_TUPLE)
        for (int i = 0; i < pattern->tuple.items.n; i++) collect_names(pattern->tuple.items.v[i], names, spans, n);
}

static bool is_pattern(const Ast *e)
{
    if (e->kind == AST_NAME) return true;
    if (e->kind != AST_TUPLE) return false;
    for (int i = 0; i < e->tuple.items.n; i++)
        if (!is_pattern(e->tuple.items.v[i])) return false;
    return true;
}

void build_check_names(Parser *p, const Ast *pattern)
{
    if (pattern->kind == AST_NAME) build_not_reserved(p, pattern->name.name, pattern->span);
    if (pattern->kind == AST_TUPLE)
        for (int i = 0; i < pattern->tuple.items.n; i++) build_check_names(p, pattern->tuple.items.v[i]);
}

Ast *build_pattern(Parser *p, Ast *e)
{
    if (!is_pattern(e)) {
        Diag *d = parse_error(p, e->span, E031, "a name or names in parentheses must stand here");
        if (e->kind == AST_RECORD) diag_hint(d, "a record is taken apart by position: (x, y)");
        return e;
    }
    const char *names[MANY];
    Span        spans[MANY];
    int         n = 0;
    build_check_names(p, e);
    collect_names(e, names, spans, &n);
    build_names_once(p, n, names, spans, E040, "values");
    return e;
}
void build_check_params(Parser *p, AstList first, AstList second)
{
    const char *names[MANY];
    Span        spans[MANY];
    int         n = 0;
    for (int i = 0; i < first.n + second.n; i++) {
        const Ast *a = i < first.n ? first.v[i] : second.v[i - first.n];
        if (!strcmp(a->param.name, "_")) continue;
        if (n == MANY) {
            parse_error(p, a->span, E039, "more than %d parameters", MANY);
            return;
        }
        names[n] = a->param.name;
        spans[n++] = a->span;
    }
    build_names_once(p, n, names, spans, E040, "parameters");
}

/* ---- types */

static Ast *type_node(Parser *p, Span span, const char *name, Ast *range, AstList dims)
{
    Ast *n = build_node(p, AST_TYPE, span);
    n->type.name = name;
    n->type.range = range;
    n->type.dims = dims;
    return build_done(p, n);
}

static Ast *no_type(Parser *p, const Ast *e)
{
    Diag *d = parse_error(p, e->span, E032, "a type must stand here");
    diag_hint(d, "real, int, bool, string, class[10], real[28, 28], class[28][16], (x: real[2], y: int)");
    return type_node(p, e->span, "real", NULL, (AstList){0});
}

static const char *const type_names[] = {"real", "int", "bool", "class", "string"};

static bool is_type_name(const char *name)
{
    for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++)
        if (strcmp(name, type_names[i]) == 0) return true;
    return false;
}

static bool has_range(AstList items)
{
    for (int i = 0; i < items.n; i++)
        if (items.v[i]->kind == AST_RANGE) return true;
    return false;
}

static bool is_class(const Ast *e) { return e->kind == AST_NAME && strcmp(e->name.name, "class") == 0; }

Ast *build_type(Parser *p, Ast *e);

/* class[10], class[10][n], real[n, m] */
static Ast *indexed_type(Parser *p, Ast *e)
{
    Ast    *object = e->index.object;
    AstList items = e->index.items;
    if (has_range(items)) return no_type(p, e);
    if (is_class(object)) return items.n == 1 ? type_node(p, e->span, "class", items.v[0], (AstList){0}) : no_type(p, e);
    if (object->kind == AST_NAME && is_type_name(object->name.name)) return type_node(p, e->span, object->name.name, NULL, items);
    bool of_class = object->kind == AST_INDEX && is_class(object->index.object) && object->index.items.n == 1 &&
                    !has_range(object->index.items);
    return of_class ? type_node(p, e->span, "class", object->index.items.v[0], items) : no_type(p, e);
}

static Ast *record_type(Parser *p, Ast *e)
{
    List *fields = list_of(p, NULL);
    for (int i = 0; i < e->record.fields.n; i++) {
        Ast *arg = e->record.fields.v[i];
        arg->arg.value = build_type(p, arg->arg.value);
        list_add(p, fields, arg);
    }
    Ast *n = build_node(p, AST_RECORD_TYPE, e->span);
    n->record_type.fields = finished(fields);
    return build_done(p, n);
}

static Ast *tuple_type(Parser *p, Ast *e)
{
    List *items = list_of(p, NULL);
    for (int i = 0; i < e->tuple.items.n; i++) list_add(p, items, build_type(p, e->tuple.items.v[i]));
    Ast *n = build_node(p, AST_TUPLE_TYPE, e->span);
    n->tuple_type.items = finished(items);
    return build_done(p, n);
}

/* The grammar read an expression; says what type it is. NULL stays NULL. */
Ast *build_type(Parser *p, Ast *e)
{
    if (!e) return NULL;
    switch (e->kind) {
    case AST_NAME:
        if (!is_type_name(e->name.name)) return no_type(p, e);
        if (!is_class(e)) return type_node(p, e->span, e->name.name, NULL, (AstList){0});
        diag_hint(parse_error(p, e->span, E032, "class needs the number of its values"), "class[10]");
        return type_node(p, e->span, "class", NULL, (AstList){0});
    case AST_INDEX: return indexed_type(p, e);
    case AST_RECORD: return record_type(p, e);
    case AST_TUPLE: return tuple_type(p, e);
    default: return no_type(p, e);
    }
}

/* Is e, behind the colon of a parameter, meant as a type? Otherwise it is a default: beta1: 0.9, ratio: exp. */
bool build_reads_as_type(const Ast *e)
{
    switch (e->kind) {
    case AST_NAME: return is_type_name(e->name.name);
    case AST_INDEX: return build_reads_as_type(e->index.object);
    case AST_RECORD: return build_reads_as_type(e->record.fields.v[0]->arg.value);
    case AST_TUPLE: return build_reads_as_type(e->tuple.items.v[0]);
    default: return false;
    }
}

/* ---- what may stand in which block */

/* An if or for may hold statements; anything else that has a value must be somebody's. What a call in an optimiser gives, the lowering knows. */
static bool is_dropped(const Parser *p, const Ast *s) { return ast_is_expr(s) && s->kind != AST_IF && s->kind != AST_FOR && !(p->in_rule && s->kind == AST_CALL); }

/* Does it begin with a - that may have been meant to go on with the line above? */
static bool begins_with_minus(const Ast *s)
{
    while (!s->parens && (s->kind == AST_BINARY || s->kind == AST_PIPE)) s = s->kind == AST_BINARY ? s->binary.left : s->pipe.left;
    return s->kind == AST_UNARY && s->unary.op == AST_OP_NEG && !s->parens;
}

/* The statement and the one that it was meant to go on with. */
static void report_minus(Parser *p, Ast **s, bool above)
{
    Span  at = (*s)->span;
    Diag *d = parse_error(p, (Span){at.file, at.begin, at.begin + 1}, E030, "this line starts a statement of its own, whose value is dropped");
    diag_hint(d, "to continue the line above, end that line with the -");
    build_break(p, s);
    if (above) build_break(p, s - 1);
}

/* print(x), loss.backward(): done there, not given. */
static const Habit *habit_of_call(const Ast *s)
{
    const Ast *f = s->kind == AST_CALL ? s->call.callee : s;
    return f->kind == AST_NAME ? habit_of(HABIT_WORD, f->name.name) : f->kind == AST_FIELD ? habit_of(HABIT_MEMBER, f->field.name) : NULL;
}

static void report_dropped(Parser *p, Ast **s)
{
    Diag *d = parse_error(p, (*s)->span, E030, "this value is dropped");
    const Habit *h = habit_of_call(*s);
    if (h) habit_hint(d, h);
    else diag_hint(d, "name it with let, or remove it");
    build_drop(p, s);
}

static void check_dropped(Parser *p, AstList stmts, int i)
{
    bool body = i > 0 && stmts.v[i]->kind == AST_BLOCK && stmts.v[i - 1]->kind == AST_BROKEN;
    if (body) build_drop(p, &stmts.v[i]);                   /* of the line above, which could not be read without its { */
    else if (begins_with_minus(stmts.v[i])) report_minus(p, &stmts.v[i], i > 0);
    else if (i + 1 < stmts.n && ast_is_expr(stmts.v[i + 1]) && begins_with_minus(stmts.v[i + 1])) report_minus(p, &stmts.v[i + 1], true);
    else report_dropped(p, &stmts.v[i]);
}

static void report_member(Parser *p, const Ast *s)
{
    Diag *d = parse_error(p, s->member.name_span, E034, "%s = ... declares a member; only distributions, bijectors and comparisons have members", s->member.name);
    if (s->member.has_params)
        diag_hint(d, "def %s(...) = ... declares a function", s->member.name);
    else
        diag_hint(d, "let %s = ... names a value, %s := ... changes a state", s->member.name, s->member.name);
}

static void report_no_member(Parser *p, const Ast *s)
{
    Diag      *d = parse_error(p, s->span, E039, "this cannot stand among members");
    const Ast *f = s->kind == AST_CALL ? s->call.callee : s;
    if (f->kind == AST_NAME && !strcmp(f->name.name, "require"))
        diag_hint(d, "require CONDITION, \"why\" is the statement; require(CONDITION, value, \"why\") is a value");
    else
        diag_hint(d, "members are name = value; beside them stand let, def, net, param, state, require, prefer and :=");
}

static bool may_be_member(const Ast *s)
{
    switch (s->kind) {
    case AST_MEMBER: case AST_LET: case AST_DEFINE: case AST_PARAMETER: case AST_STATE: case AST_ASSIGN: case AST_REQUIRE: case AST_BROKEN: return true;
    default: return false;
    }
}

void build_check_statements(Parser *p, AstList stmts, BlockUse use)
{
    for (int i = 0; i < stmts.n; i++) {
        const Ast *s = stmts.v[i];
        bool       last = i == stmts.n - 1;
        if (use == IN_MEMBERS && !may_be_member(s)) {
            report_no_member(p, s);
            build_break(p, &stmts.v[i]);
        } else if (use != IN_MEMBERS && s->kind == AST_MEMBER) {
            report_member(p, s);
            build_break(p, &stmts.v[i]);
        } else if (is_dropped(p, s) && !(last && use == IN_VALUE)) {
            check_dropped(p, stmts, i);
        }
    }
}

Ast *build_checked(Parser *p, Ast *block, BlockUse use)
{
    build_check_statements(p, block->block.stmts, use);
    return block;
}
