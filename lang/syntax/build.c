/* build.c - makes the nodes of the tree, one function for each production, and checks what the grammar leaves open:
 * patterns, types, targets, arguments, what may stand in which block. A node that is wrong is reported and built anyway;
 * the parse has failed then and the tree is thrown away. */
#include "lang/syntax/parser.h"

#include "grammar.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

/* ---- nodes and lists */

static Span token_span(const Parser *p, Token t) { return span_of(p->f, t.begin, t.end); }

static Ast *node(Parser *p, AstKind kind, Span span)
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

static int deeper(int depth, const Ast *child) { return child && child->depth > depth ? child->depth : depth; }

static int deepest(AstList l)
{
    int depth = 0;
    for (int i = 0; i < l.n; i++) depth = deeper(depth, l.v[i]);
    return depth;
}

static int depth_below(const Ast *n)
{
    int depth = 0;
#define NODE(f)  depth = deeper(depth, it->f);
#define OPT(f)   depth = deeper(depth, it->f);
#define NODES(f) depth = deepest(it->f) > depth ? deepest(it->f) : depth;
#define SPAN(f)
#define NAME(f)
#define TEXT(f)
#define FLAG(f)
#define INT(f)
#define LONG(f)
#define REAL(f)
#define ENUM(T, f)
#define AST(KIND, member, class, fields)                \
    case AST_##KIND: {                                  \
        const __typeof__(n->member) *it = &n->member;   \
        (void)it;                                       \
        fields                                          \
    } break;
    switch ((AstKind)n->kind) {
#include "lang/syntax/ast.def"
    case AST_N_KINDS: break;
    }
#undef AST
#undef NODE
#undef OPT
#undef NODES
#undef SPAN
#undef NAME
#undef TEXT
#undef FLAG
#undef INT
#undef LONG
#undef REAL
#undef ENUM
    return depth;
}

/* A finished node; one that would be too deep is reported, and a leaf stands in for it. */
static Ast *done(Parser *p, Ast *n)
{
    int depth = 1 + depth_below(n);
    if (depth <= AST_MAX_DEPTH) {
        n->depth = (uint16_t)depth;
        return n;
    }
    Diag *d = parse_error(p, (Span){n->span.file, n->span.begin, n->span.begin + 1}, E028, "nested deeper than %d operators", AST_MAX_DEPTH);
    diag_hint(d, "name a part of it with let");
    p->muted = true;
    return node(p, n->kind == AST_BLOCK ? AST_BLOCK : ast_is_expr(n) ? AST_BOOL : AST_SAVE, n->span);
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

static AstList finished(const List *l) { return l ? (AstList){l->v, l->n} : (AstList){NULL, 0}; }

static Span from_token(const Parser *p, Token t, const Ast *last) { return span_join(token_span(p, t), last->span); }

static Span list_span(AstList l) { return l.n ? span_join(l.v[0]->span, l.v[l.n - 1]->span) : SPAN_NONE; }

/* ---- names */

enum { LONGEST_NAME = 255 };

static bool is_ascii(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] & 0x80) return false;
    return true;
}

/* In normal form C, so that a name typed in two ways is one name. */
static const char *name_text(Parser *p, Token t)
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

static const char *not_reserved(Parser *p, const char *name, Span at)
{
    if (strcmp(name, "E") == 0)
        parse_error(p, at, E033, "nothing can be called E: E[ opens an expectation");
    else if (strcmp(name, "grad") == 0)
        parse_error(p, at, E033, "nothing can be called grad: grad[ opens a gradient");
    return name;
}

/* A name that is given to something. */
static const char *declared(Parser *p, Token t) { return not_reserved(p, name_text(p, t), token_span(p, t)); }

/* What the ## comment above says. */
static const char *doc_at(const Parser *p, uint32_t begin)
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
static void names_once(Parser *p, int n, const char *const names[], const Span spans[], DiagCode code, const char *what)
{
    for (int i = 1; i < n; i++)
        for (int j = 0; j < i; j++) {
            if (!names[i] || !names[j] || strcmp(names[i], names[j]) != 0) continue;
            Diag *d = parse_error(p, spans[i], code, "two %s called %s", what, names[i]);
            diag_note(d, spans[j], "the first");
            break;
        }
}

enum { MANY = 200 };

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

static void check_declared_names(Parser *p, const Ast *pattern)
{
    if (pattern->kind == AST_NAME) not_reserved(p, pattern->name.name, pattern->span);
    if (pattern->kind == AST_TUPLE)
        for (int i = 0; i < pattern->tuple.items.n; i++) check_declared_names(p, pattern->tuple.items.v[i]);
}

static Ast *as_pattern(Parser *p, Ast *e)
{
    if (!is_pattern(e)) {
        Diag *d = parse_error(p, e->span, E031, "a name or names in parentheses must stand here");
        if (e->kind == AST_RECORD) diag_hint(d, "a record is taken apart by position: (x, y)");
        return e;
    }
    const char *names[MANY];
    Span        spans[MANY];
    int         n = 0;
    check_declared_names(p, e);
    collect_names(e, names, spans, &n);
    names_once(p, n, names, spans, E040, "values");
    return e;
}

/* ---- types */

static Ast *type_node(Parser *p, Span span, const char *name, Ast *range, AstList dims)
{
    Ast *n = node(p, AST_TYPE, span);
    n->type.name = name;
    n->type.range = range;
    n->type.dims = dims;
    return done(p, n);
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

static Ast *as_type(Parser *p, Ast *e);

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
        arg->arg.value = as_type(p, arg->arg.value);
        list_add(p, fields, arg);
    }
    Ast *n = node(p, AST_RECORD_TYPE, e->span);
    n->record_type.fields = finished(fields);
    return done(p, n);
}

static Ast *tuple_type(Parser *p, Ast *e)
{
    List *items = list_of(p, NULL);
    for (int i = 0; i < e->tuple.items.n; i++) list_add(p, items, as_type(p, e->tuple.items.v[i]));
    Ast *n = node(p, AST_TUPLE_TYPE, e->span);
    n->tuple_type.items = finished(items);
    return done(p, n);
}

/* The grammar read an expression; says what type it is. NULL stays NULL. */
static Ast *as_type(Parser *p, Ast *e)
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
static bool reads_as_type(const Ast *e)
{
    switch (e->kind) {
    case AST_NAME: return is_type_name(e->name.name);
    case AST_INDEX: return reads_as_type(e->index.object);
    case AST_RECORD: return reads_as_type(e->record.fields.v[0]->arg.value);
    case AST_TUPLE: return reads_as_type(e->tuple.items.v[0]);
    default: return false;
    }
}

/* ---- what may stand in which block */

typedef enum { IN_VALUE, IN_SCHEDULE, IN_MEMBERS } BlockUse;

/* An if or for may hold statements; anything else that has a value must be somebody's. */
static bool is_dropped(const Ast *s) { return ast_is_expr(s) && s->kind != AST_IF && s->kind != AST_FOR; }

static void report_dropped(Parser *p, const Ast *s)
{
    Diag *d = parse_error(p, s->span, E030, "this value is dropped");
    const Ast *first = s;
    while (!first->parens && (first->kind == AST_BINARY || first->kind == AST_PIPE))
        first = first->kind == AST_BINARY ? first->binary.left : first->pipe.left;
    if (first->kind == AST_UNARY && first->unary.op == AST_OP_NEG)
        diag_hint(d, "to continue the line above, end that line with the -");
    else
        diag_hint(d, "name it with let, or remove it");
}

static void report_member(Parser *p, const Ast *s)
{
    Diag *d = parse_error(p, s->member.name_span, E034, "%s = ... declares a member; only distributions, bijectors and comparisons have members", s->member.name);
    if (s->member.has_params)
        diag_hint(d, "def %s(...) = ... declares a function", s->member.name);
    else
        diag_hint(d, "let %s = ... names a value, %s := ... changes a state", s->member.name, s->member.name);
}

static bool may_be_member(const Ast *s)
{
    switch (s->kind) {
    case AST_MEMBER: case AST_LET: case AST_DEFINE: case AST_PARAMETER: case AST_STATE: case AST_ASSIGN: return true;
    default: return false;
    }
}

static void check_statements(Parser *p, AstList stmts, BlockUse use)
{
    for (int i = 0; i < stmts.n; i++) {
        const Ast *s = stmts.v[i];
        bool       last = i == stmts.n - 1;
        if (use == IN_MEMBERS && !may_be_member(s))
            diag_hint(parse_error(p, s->span, E039, "this cannot stand among members"),
                      "members are name = value; beside them stand let, def, net, param, state and :=");
        else if (use != IN_MEMBERS && s->kind == AST_MEMBER)
            report_member(p, s);
        else if (is_dropped(s) && !(last && use == IN_VALUE))
            report_dropped(p, s);
    }
}

static Ast *checked(Parser *p, Ast *block, BlockUse use)
{
    check_statements(p, block->block.stmts, use);
    return block;
}

/* ---- expressions */

/* Is s of the form 1_000.5e-3? The lexer takes what looks like a number and is none with it. */
static bool well_formed(const char *s, const char *end)
{
    bool after_digit = false, point = false, exponent = false;
    for (; s < end; s++) {
        if (*s >= '0' && *s <= '9') {
            after_digit = true;
            continue;
        }
        bool more = s + 1 < end && s[1] >= '0' && s[1] <= '9';
        bool sign = s + 2 < end && (s[1] == '-' || s[1] == '+') && s[2] >= '0' && s[2] <= '9';
        if (*s == '_' && after_digit && more)
            ;
        else if (*s == '.' && !point && !exponent && more)
            point = true;
        else if ((*s == 'e' || *s == 'E') && !exponent && (more || sign)) {
            exponent = true;
            s += sign;
        } else {
            return false;
        }
        after_digit = false;
    }
    return true;
}

enum { LONGEST_NUMBER = 400 };

static bool has_nonzero_digit(const char *s)
{
    for (; *s && *s != 'e' && *s != 'E'; s++)
        if (*s >= '1' && *s <= '9') return true;
    return false;
}

static void read_integer(Parser *p, Ast *n, const char *digits)
{
    errno = 0;
    n->number.integer = strtoll(digits, NULL, 10);
    if (errno == ERANGE)
        diag_hint(parse_error(p, n->span, E023, "an integer has at most 63 bits"),
                  "a real of this size is written with an exponent: 1e20");
}

static void read_number(Parser *p, Ast *n)
{
    char   digits[LONGEST_NUMBER + 1];
    size_t k = 0;
    for (const char *s = n->number.text; *s; s++)
        if (*s != '_') digits[k++] = *s;
    digits[k] = 0;
    n->number.is_int = !strpbrk(digits, ".eE");
    n->number.value = strtod_l(digits, NULL, p->c_locale);
    if (n->number.is_int)
        read_integer(p, n, digits);
    else if (isinf(n->number.value))
        parse_error(p, n->span, E023, "%s is larger than any real", n->number.text);
    else if (n->number.value == 0 && has_nonzero_digit(digits))
        parse_error(p, n->span, E023, "%s is closer to 0 than any other real", n->number.text);
}

Ast *build_number(Parser *p, Token t)
{
    Ast *n = node(p, AST_NUMBER, token_span(p, t));
    if (t.end - t.begin > LONGEST_NUMBER) {
        parse_error(p, n->span, E022, "a number of %u digits", t.end - t.begin);
        n->number.text = "0";
        return n;
    }
    n->number.text = arena_strn(p->arena, p->f->text + t.begin, t.end - t.begin);
    if (well_formed(p->f->text + t.begin, p->f->text + t.end)) {
        read_number(p, n);
        return n;
    }
    Diag  *d = parse_error(p, n->span, E022, "%s is no number", n->number.text);
    size_t lead = strspn(n->number.text, "0123456789.");
    char   next = n->number.text[lead];
    if (next == '_')
        diag_hint(d, "an underscore stands between two digits: 25_000");
    else if (lead && next && strchr("eE", next))
        diag_hint(d, "an exponent has digits: 1e-4");
    else
        diag_hint(d, "a product is written %.*s * %s, and a name does not start with a digit", (int)lead, n->number.text, n->number.text + lead);
    return n;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* s is behind "\u"; {1F600} becomes UTF-8. Returns what follows, or NULL if that is no code point. */
static const char *unicode_escape(const char *s, const char *end, Text *out)
{
    utf8proc_int32_t cp = 0;
    int              digits = 0;
    if (s == end || *s++ != '{') return NULL;
    for (; s < end && hex_value(*s) >= 0 && digits < 7; s++, digits++) cp = cp * 16 + hex_value(*s);
    if (digits == 0 || digits > 6 || s == end || *s != '}' || cp == 0 || !utf8proc_codepoint_valid(cp)) return NULL;
    utf8proc_uint8_t bytes[4];
    text_addn(out, (const char *)bytes, (size_t)utf8proc_encode_char(cp, bytes));
    return s + 1;
}

/* s is behind a backslash. Returns what follows the escape; one that is unknown is reported and stands for nothing. */
static const char *escape(Parser *p, const char *s, const char *end, Text *out)
{
    static const char from[] = "nt\\\"", to[] = "\n\t\\\"";
    const char       *known = s < end && *s ? strchr(from, *s) : NULL;
    if (known) {
        text_addn(out, to + (known - from), 1);
        return s + 1;
    }
    if (s == end) return s;                                  /* the string does not end: reported */
    const char *next = *s == 'u' ? unicode_escape(s + 1, end, out) : NULL;
    if (next) return next;
    uint32_t at = (uint32_t)(s - 1 - p->f->text), until = at + 2;
    if (until > p->f->n) until = p->f->n;
    while (until < p->f->n && (p->f->text[until] & 0xC0) == 0x80) until++;
    diag_hint(parse_error(p, span_of(p->f, at, until), E025, "an unknown escape"), "\\n, \\t, \\\\, \\\" and \\u{3b1} are known");
    return s + 1;
}

static char *unescape(Parser *p, Token t)
{
    const char *s = p->f->text + t.begin + 1, *end = p->f->text + t.end;
    if (end > s && end[-1] == '"') end--;
    Text out = text_in(p->arena);
    while (s < end) {
        const char *back = memchr(s, '\\', (size_t)(end - s)), *stop = back ? back : end;
        text_addn(&out, s, (size_t)(stop - s));
        s = back ? escape(p, back + 1, end, &out) : end;
    }
    return text_str(&out);
}

Ast *build_string(Parser *p, Token t)
{
    Ast *n = node(p, AST_STRING, token_span(p, t));
    n->string.text = unescape(p, t);
    return n;
}

Ast *build_bool(Parser *p, Token t, bool value)
{
    Ast *n = node(p, AST_BOOL, token_span(p, t));
    n->boolean.value = value;
    return n;
}

Ast *build_name(Parser *p, Token t)
{
    Ast *n = node(p, AST_NAME, token_span(p, t));
    n->name.name = name_text(p, t);
    return n;
}

/* Positional first, then named, each name once. */
static void check_args(Parser *p, AstList args)
{
    const char *names[MANY];
    Span        spans[MANY];
    int         n = 0;
    bool        named = false;
    for (int i = 0; i < args.n; i++) {
        const Ast *a = args.v[i];
        if (named && !a->arg.name) {
            parse_error(p, a->span, E036, "an argument without a name after one with a name");
            return;
        }
        named |= a->arg.name != NULL;
        if (!a->arg.name) continue;
        if (n == MANY) {
            parse_error(p, a->span, E036, "more than %d named arguments", MANY);
            return;
        }
        names[n] = a->arg.name;
        spans[n++] = a->arg.name_span;
    }
    names_once(p, n, names, spans, E036, "arguments");
}

static Ast *plain_parens(Ast *arg, Span span)
{
    Ast *e = arg->arg.value;
    e->parens = true;
    e->span = span;
    return e;
}

Ast *build_parens(Parser *p, Token open, List *args, Token close)
{
    Span    span = span_of(p->f, open.begin, close.end);
    AstList all = finished(args);
    check_args(p, all);
    if (all.n == 1 && !all.v[0]->arg.name) return plain_parens(all.v[0], span);
    if (all.v[0]->arg.name) {
        Ast *n = node(p, AST_RECORD, span);
        n->record.fields = all;
        return done(p, n);
    }
    Ast *n = node(p, AST_TUPLE, span);
    for (int i = 0; i < all.n; i++) {
        if (all.v[i]->arg.name) {
            parse_error(p, all.v[i]->span, E036, "a record names all its fields, a tuple none");
            break;
        }
        all.v[i] = all.v[i]->arg.value;
    }
    n->tuple.items = all;
    return done(p, n);
}

Ast *build_list(Parser *p, Token open, List *items, Token close)
{
    Ast *n = node(p, AST_LIST, span_of(p->f, open.begin, close.end));
    n->list.items = finished(items);
    return done(p, n);
}

Ast *build_field(Parser *p, Ast *object, Token name)
{
    Ast *n = node(p, AST_FIELD, span_join(object->span, token_span(p, name)));
    n->field.object = object;
    n->field.name = name_text(p, name);
    n->field.name_span = token_span(p, name);
    if (object->kind == AST_NUMBER && !object->parens) parse_error(p, n->span, E022, "a number does not end in a point");
    return done(p, n);
}

Ast *build_prime(Parser *p, Ast *f, Token prime)
{
    Span span = span_join(f->span, token_span(p, prime));
    if (f->kind == AST_PRIME && !f->parens) {
        f->prime.order++;
        f->span = span;
        return f;
    }
    if (f->kind != AST_NAME && f->kind != AST_FIELD && f->kind != AST_CALL && !f->parens)
        parse_error(p, token_span(p, prime), E037, "' follows a name or )");
    Ast *n = node(p, AST_PRIME, span);
    n->prime.function = f;
    n->prime.order = 1;
    return done(p, n);
}

Ast *build_call(Parser *p, Ast *callee, List *args, Token close)
{
    Ast *n = node(p, AST_CALL, span_join(callee->span, token_span(p, close)));
    n->call.callee = callee;
    n->call.args = finished(args);
    check_args(p, n->call.args);
    return done(p, n);
}

Ast *build_index(Parser *p, Ast *object, List *items, Token close)
{
    Ast *n = node(p, AST_INDEX, span_join(object->span, token_span(p, close)));
    n->index.object = object;
    n->index.items = finished(items);
    return done(p, n);
}

Ast *build_range(Parser *p, Ast *from, Token dots, Ast *to)
{
    Span span = token_span(p, dots);
    if (from) span = span_join(from->span, span);
    if (to) span = span_join(span, to->span);
    Ast *n = node(p, AST_RANGE, span);
    n->range.from = from;
    n->range.to = to;
    return done(p, n);
}

Ast *build_unary(Parser *p, Token op, AstOp what, Ast *e)
{
    Ast *n = node(p, AST_UNARY, from_token(p, op, e));
    n->unary.op = what;
    n->unary.operand = e;
    return done(p, n);
}

static bool compares(const Ast *e)
{
    return e->kind == AST_BINARY && e->binary.op >= AST_OP_EQ && e->binary.op <= AST_OP_GE && !e->parens;
}

Ast *build_binary(Parser *p, AstOp op, Ast *a, Ast *b)
{
    Ast *n = node(p, AST_BINARY, span_join(a->span, b->span));
    n->binary.op = op;
    n->binary.left = a;
    n->binary.right = b;
    if (compares(n) && compares(a))
        diag_hint(parse_error(p, n->span, E035, "comparisons do not chain"), "a < b and b < c");
    return done(p, n);
}

Ast *build_pipe(Parser *p, Ast *a, Ast *b)
{
    Ast *n = node(p, AST_PIPE, span_join(a->span, b->span));
    n->pipe.left = a;
    n->pipe.right = b;
    return done(p, n);
}

static void check_params(Parser *p, AstList first, AstList second)
{
    const char *names[MANY];
    Span        spans[MANY];
    int         n = 0;
    for (int i = 0; i < first.n + second.n; i++) {
        const Ast *a = i < first.n ? first.v[i] : second.v[i - first.n];
        if (n == MANY) {
            parse_error(p, a->span, E039, "more than %d parameters", MANY);
            return;
        }
        names[n] = a->param.name;
        spans[n++] = a->span;
    }
    names_once(p, n, names, spans, E040, "parameters");
}

Ast *build_fn(Parser *p, Token fn, List *params, Ast *body)
{
    Ast *n = node(p, AST_FN, from_token(p, fn, body));
    n->fn.params = finished(params);
    n->fn.body = body;
    check_params(p, n->fn.params, (AstList){0});
    return done(p, n);
}

Ast *build_block(Parser *p, Token open, List *stmts, Token close)
{
    Ast *n = node(p, AST_BLOCK, span_of(p->f, open.begin, close.end));
    n->block.stmts = finished(stmts);
    return done(p, n);
}

Ast *build_scope(Parser *p, Ast *block) { return checked(p, block, IN_VALUE); }

Ast *build_if(Parser *p, Token t, Ast *cond, Ast *then, Ast *otherwise)
{
    Ast *n = node(p, AST_IF, from_token(p, t, otherwise ? otherwise : then));
    n->if_.cond = cond;
    n->if_.then = checked(p, then, IN_VALUE);
    n->if_.otherwise = otherwise && otherwise->kind == AST_BLOCK ? checked(p, otherwise, IN_VALUE) : otherwise;
    return done(p, n);
}

Ast *build_for(Parser *p, Token t, Ast *var, Ast *source, List *carries, Ast *body)
{
    Ast *n = node(p, AST_FOR, from_token(p, t, body));
    n->for_.var = as_pattern(p, var);
    n->for_.source = source;
    n->for_.carries = finished(carries);
    n->for_.body = checked(p, body, IN_VALUE);
    return done(p, n);
}

/* `: all` takes every element; anything else is a number of draws. */
static bool is_all(const Ast *size) { return size && size->kind == AST_NAME && !size->parens && strcmp(size->name.name, "all") == 0; }

/* E[x, y ~ p, z ~ q]: names without ~ belong to the next one that has it. */
static AstList joined(Parser *p, AstList items)
{
    List *out = list_of(p, NULL);
    int   first = 0;
    for (int i = 0; i < items.n; i++) {
        Ast *b = items.v[i];
        if (!b->binder.dist) continue;
        List *patterns = list_of(p, NULL);
        for (; first <= i; first++) list_add(p, patterns, items.v[first]->binder.patterns.v[0]);
        b->binder.patterns = finished(patterns);
        b->span = span_join(patterns->v[0]->span, b->span);
        list_add(p, out, b);
    }
    for (; first < items.n; first++) list_add(p, out, items.v[first]);
    return finished(out);
}

static bool draws(AstList binders)
{
    for (int i = 0; i < binders.n; i++)
        if (binders.v[i]->binder.dist) return true;
    return false;
}

Ast *build_expectation(Parser *p, Token t, List *binders, Ast *size, Ast *body)
{
    Ast *n = node(p, AST_EXPECTATION, from_token(p, t, body));
    n->expectation.binders = joined(p, finished(binders));
    n->expectation.all = is_all(size);
    n->expectation.size = n->expectation.all ? NULL : size;
    n->expectation.body = body;
    if (size && !draws(n->expectation.binders))
        parse_error(p, size->span, E039, "a number of draws, but nothing is drawn: E[x] is over a sample that has its size already");
    return done(p, n);
}

Ast *build_grad(Parser *p, Token t, List *wrt, Ast *body)
{
    Ast *n = node(p, AST_GRAD, from_token(p, t, body));
    n->grad.wrt = finished(wrt);
    n->grad.body = body;
    return done(p, n);
}

Ast *build_after(Parser *p, Token t, Ast *count, Ast *updates, Ast *body)
{
    Ast *n = node(p, AST_AFTER, from_token(p, t, body));
    n->after.count = count;
    n->after.updates = checked(p, updates, IN_SCHEDULE);
    n->after.body = body;
    return done(p, n);
}

/* ---- parts */

Ast *build_arg(Parser *p, Token name, Ast *value)
{
    Ast *n = node(p, AST_ARG, value->span);
    if (name.kind) {
        n->span = from_token(p, name, value);
        n->arg.name = name_text(p, name);
        n->arg.name_span = token_span(p, name);
    }
    n->arg.value = value;
    return done(p, n);
}

Ast *build_binder(Parser *p, Ast *pattern, Ast *dist)
{
    Ast *n = node(p, AST_BINDER, dist ? span_join(pattern->span, dist->span) : pattern->span);
    n->binder.patterns = finished(list_of(p, as_pattern(p, pattern)));
    n->binder.dist = dist;
    return done(p, n);
}

Ast *build_param(Parser *p, Token name, Ast *type, Ast *draw, Ast *value)
{
    if (type && !draw && !value && !reads_as_type(type)) {
        value = type;
        type = NULL;
    }
    const Ast *last = value ? value : draw ? draw : type;
    Ast       *n = node(p, AST_PARAM, last ? from_token(p, name, last) : token_span(p, name));
    n->param.name = declared(p, name);
    n->param.type = as_type(p, type);
    n->param.draw = draw;
    n->param.value = value;
    return done(p, n);
}

Ast *build_carry(Parser *p, Ast *pattern, Ast *value)
{
    Ast *n = node(p, AST_CARRY, span_join(pattern->span, value->span));
    n->carry.pattern = as_pattern(p, pattern);
    n->carry.value = value;
    return done(p, n);
}

Ast *build_change(Parser *p, Token name, bool adds, Ast *value)
{
    Ast *n = node(p, AST_CHANGE, from_token(p, name, value));
    n->change.name = name_text(p, name);
    n->change.name_span = token_span(p, name);
    n->change.adds = adds;
    n->change.value = value;
    return done(p, n);
}

Ast *build_module(Parser *p, Ast *before, Token name)
{
    Ast        *n = node(p, AST_MODULE, token_span(p, name));
    const char *last = name_text(p, name);
    n->module.name = before ? arena_printf(p->arena, "%s.%s", before->module.name, last) : last;
    if (before) n->span = span_join(before->span, n->span);
    if (strlen(n->module.name) > LONGEST_NAME) {
        parse_error(p, n->span, E029, "a module's name of %zu bytes; names have at most %d", strlen(n->module.name), LONGEST_NAME);
        n->module.name = last;
    }
    return n;
}

/* ---- declarations */

/* The file's own ## comment: one with a blank line below it, or above the imports. */
static const char *file_doc(const Parser *p, AstList stmts)
{
    const Lexer *lx = &p->layout.lx;
    uint32_t     first = stmts.n ? stmts.v[0]->span.begin : p->f->n;
    if (lx->docs.n == 0 || lx->docs.v[0].begin > first) return NULL;
    bool above_imports = stmts.n && stmts.v[0]->kind == AST_IMPORT;
    return lx->docs.v[0].detached || above_imports ? lx->docs.v[0].text : NULL;
}

Ast *build_file(Parser *p, List *stmts)
{
    Ast *n = node(p, AST_FILE, span_of(p->f, 0, p->f->n));
    n->file.stmts = finished(stmts);
    n->file.doc = file_doc(p, n->file.stmts);
    if (p->is_entry) return done(p, n);
    check_statements(p, n->file.stmts, IN_SCHEDULE);
    return done(p, n);
}

Ast *build_import(Parser *p, Token t, List *modules)
{
    AstList all = finished(modules);
    Ast    *n = node(p, AST_IMPORT, span_join(token_span(p, t), list_span(all)));
    n->import.modules = all;
    return done(p, n);
}

Ast *build_data(Parser *p, Token t, List *names, Ast *type, Ast *value)
{
    Ast *n = node(p, AST_DATA, from_token(p, t, value));
    n->data.doc = doc_at(p, t.begin);
    n->data.names = finished(names);
    n->data.type = as_type(p, type);
    n->data.value = value;
    for (int i = 0; i < n->data.names.n; i++) check_declared_names(p, n->data.names.v[i]);
    return done(p, n);
}

Ast *build_let(Parser *p, Token t, Ast *pattern, Ast *type, Ast *value)
{
    Ast *n = node(p, AST_LET, from_token(p, t, value));
    n->let.doc = doc_at(p, t.begin);
    n->let.pattern = as_pattern(p, pattern);
    n->let.type = as_type(p, type);
    n->let.value = value;
    return done(p, n);
}

Ast *build_loss(Parser *p, Token t, Token name, Ast *value)
{
    Ast *n = node(p, AST_LOSS, from_token(p, t, value));
    n->loss.doc = doc_at(p, t.begin);
    n->loss.name = declared(p, name);
    n->loss.name_span = token_span(p, name);
    n->loss.value = value;
    return done(p, n);
}

Ast *build_compare(Parser *p, Token t, Token name, Ast *value, List *changes)
{
    AstList all = finished(changes);
    Ast    *n = node(p, AST_COMPARE, span_join(from_token(p, t, value), list_span(all)));
    n->compare.doc = doc_at(p, t.begin);
    n->compare.name = declared(p, name);
    n->compare.name_span = token_span(p, name);
    n->compare.value = value;
    n->compare.changes = all;
    return done(p, n);
}

static AstDefine define_word(Token t)
{
    switch (t.kind) {
    case TK_LAYER: return AST_DEFINE_LAYER;
    case TK_NET: return AST_DEFINE_NET;
    case TK_IMPLICIT: return AST_DEFINE_IMPLICIT;
    case TK_PRESCRIBED: return AST_DEFINE_PRESCRIBED;
    case TK_DISTRIBUTION: return AST_DEFINE_DISTRIBUTION;
    case TK_BIJECTOR: return AST_DEFINE_BIJECTOR;
    case TK_COMPARISON: return AST_DEFINE_COMPARISON;
    case TK_OPTIMIZER: return AST_DEFINE_OPTIMIZER;
    case TK_METRIC: return AST_DEFINE_METRIC;
    default: return AST_DEFINE_DEF;
    }
}

static Ast *define_node(Parser *p, Token t, AstDefine word, Head h, Span span)
{
    Ast *n = node(p, AST_DEFINE, span);
    n->define.doc = doc_at(p, t.begin);
    n->define.word = word;
    n->define.name = declared(p, h.name);
    n->define.name_span = token_span(p, h.name);
    n->define.n_lists = h.n_lists;
    n->define.params = finished(h.params);
    n->define.params2 = finished(h.params2);
    n->define.result = as_type(p, h.result);
    check_params(p, n->define.params, n->define.params2);
    return n;
}

static bool has_members(AstDefine word)
{
    return word == AST_DEFINE_DISTRIBUTION || word == AST_DEFINE_BIJECTOR || word == AST_DEFINE_COMPARISON;
}

/* What the word asks of the rest. */
static void check_define(Parser *p, const Ast *n)
{
    AstDefine   word = n->define.word;
    const char *name = n->define.name;
    Span        at = n->define.name_span;
    if (word == AST_DEFINE_DEF && n->define.n_lists == 0)
        diag_hint(parse_error(p, at, E039, "def %s has no parameters", name), "let %s = ... names a value, def %s() = ... is a function of nothing", name, name);
    if (word == AST_DEFINE_OPTIMIZER && n->define.n_lists != 2 && !n->define.is_alias)
        diag_hint(parse_error(p, at, E039, "an optimizer has two lists: its settings, then the parameters and their gradient"),
                  "optimizer %s(lr)(w, g) { w := w - lr * g }", name);
    if (has_members(word) && n->define.body->kind != AST_BLOCK && !n->define.is_alias)
        diag_hint(parse_error(p, at, E039, "a %s is a block of members", AstDefine_name(word)), "%s %s(...) { name = value }", AstDefine_name(word), name);
}

Ast *build_define(Parser *p, Token t, Head h, bool is_block, Ast *body)
{
    AstDefine word = define_word(t);
    Ast      *n = define_node(p, t, word, h, from_token(p, t, body));
    n->define.is_alias = !is_block && h.n_lists == 0 && !h.result && word != AST_DEFINE_DEF && word != AST_DEFINE_METRIC;
    n->define.body = body;
    if (is_block) checked(p, body, has_members(word) ? IN_MEMBERS : IN_VALUE);
    check_define(p, n);
    return done(p, n);
}

Ast *build_extern(Parser *p, Token t, Head h, Token library)
{
    Ast *n = define_node(p, t, AST_DEFINE_SIMULATOR, h, span_of(p->f, t.begin, library.end));
    n->define.library = unescape(p, library);
    if (h.n_lists != 1 || !h.result)
        diag_hint(parse_error(p, n->define.name_span, E039, "an extern simulator has one list of parameters and a result"),
                  "extern simulator %s(theta: real[3]) -> real[20] from \"lib.so\"", n->define.name);
    return done(p, n);
}

/* r(x, y) = ...: the grammar read a call; its arguments are the parameters. */
static List *member_params(Parser *p, const Ast *call)
{
    List *params = list_of(p, NULL);
    for (int i = 0; i < call->call.args.n; i++) {
        const Ast *a = call->call.args.v[i];
        bool       typed = a->arg.name != NULL, plain = !typed && a->arg.value->kind == AST_NAME && !a->arg.value->parens;
        if (!typed && !plain) {
            parse_error(p, a->span, E031, "a parameter's name must stand here");
            continue;
        }
        Token name = {TK_ID, typed ? a->arg.name_span.begin : a->span.begin, typed ? a->arg.name_span.end : a->span.end};
        list_add(p, params, build_param(p, name, typed ? a->arg.value : NULL, NULL, NULL));
    }
    return params;
}

Ast *build_member(Parser *p, Ast *left, Ast *value)
{
    Ast *n = node(p, AST_MEMBER, span_join(left->span, value->span));
    Ast *name = left->kind == AST_CALL ? left->call.callee : left;
    n->member.doc = doc_at(p, n->span.begin);
    n->member.name_span = name->span;
    n->member.value = value;
    n->member.name = "?";
    if (name->kind != AST_NAME || left->parens || name->parens) {
        Diag *d = parse_error(p, left->span, E031, "only a name, or a name with parameters, is defined with =");
        diag_hint(d, name->kind == AST_INDEX ? "a part of a state is changed with :=" : name->kind == AST_TUPLE ? "let (a, b) = ..." : "== compares");
        n->kind = AST_LET;                                   /* so that it is not reported as a member, too */
        n->let = (__typeof__(n->let)){.pattern = left, .value = value};
        return done(p, n);
    }
    n->member.name = not_reserved(p, name->name.name, name->span);
    n->member.has_params = left->kind == AST_CALL;
    if (n->member.has_params) n->member.params = finished(member_params(p, left));
    check_params(p, n->member.params, (AstList){0});
    return done(p, n);
}

Ast *build_variable(Parser *p, Token t, AstKind kind, Token name, Ast *type, Ast *draw, Ast *value)
{
    Ast        *n = node(p, kind, from_token(p, t, draw ? draw : value));
    const char *doc = doc_at(p, t.begin), *called = declared(p, name);
    Span        at = token_span(p, name);
    type = as_type(p, type);
    if (kind == AST_PARAMETER)
        n->parameter = (__typeof__(n->parameter)){doc, called, at, type, draw, value};
    else
        n->state = (__typeof__(n->state)){doc, called, at, type, draw, value};
    return done(p, n);
}

/* ---- statements */

Ast *build_sample(Parser *p, List *binders, Ast *size)
{
    AstList all = finished(binders);
    Span    span = list_span(all);
    Ast    *n = node(p, AST_SAMPLE, size ? span_join(span, size->span) : span);
    n->sample.binders = all;
    n->sample.all = is_all(size);
    n->sample.size = n->sample.all ? NULL : size;
    return done(p, n);
}

Ast *build_assign(Parser *p, Ast *target, Ast *value)
{
    Ast *n = node(p, AST_ASSIGN, span_join(target->span, value->span));
    if ((target->kind != AST_NAME && target->kind != AST_FIELD && target->kind != AST_INDEX) || target->parens)
        parse_error(p, target->span, E031, "left of := stands a state or a part of one: u, chain[step]");
    n->assign.target = target;
    n->assign.value = value;
    return done(p, n);
}

Ast *build_alternate(Parser *p, Token t, Ast *steps, Ast *batch, Ast *body)
{
    Ast *n = node(p, AST_ALTERNATE, from_token(p, t, body));
    n->alternate.steps = steps;
    n->alternate.batch = batch;
    n->alternate.body = checked(p, body, IN_SCHEDULE);
    return done(p, n);
}

Ast *build_counted(Parser *p, Token t, AstKind kind, Ast *count, Ast *body)
{
    Ast *n = node(p, kind, from_token(p, t, body));
    checked(p, body, IN_SCHEDULE);
    if (kind == AST_REPEAT)
        n->repeat = (__typeof__(n->repeat)){count, body};
    else
        n->every = (__typeof__(n->every)){count, body};
    return done(p, n);
}

Ast *build_together(Parser *p, Token t, AstKind kind, Ast *body)
{
    Ast *n = node(p, kind, from_token(p, t, body));
    checked(p, body, IN_SCHEDULE);
    if (kind == AST_SIMULTANEOUS)
        n->simultaneous.body = body;
    else
        n->extragradient.body = body;
    return done(p, n);
}

Ast *build_update(Parser *p, Token t, List *players, AstGoal goal, Ast *value, Ast *optimizer, Ast *project)
{
    Ast *n = node(p, AST_UPDATE, from_token(p, t, project ? project : optimizer));
    n->update.players = finished(players);
    n->update.goal = goal;
    n->update.value = value;
    n->update.optimizer = optimizer;
    n->update.project = project;
    return done(p, n);
}

Ast *build_average(Parser *p, Token t, Ast *source, Ast *target, Ast *decay)
{
    Ast *n = node(p, AST_AVERAGE, from_token(p, t, decay));
    n->average.source = source;
    n->average.target = target;
    n->average.decay = decay;
    return done(p, n);
}

Ast *build_copy(Parser *p, Token t, Ast *source, Ast *target)
{
    Ast *n = node(p, AST_COPY, from_token(p, t, target));
    n->copy.source = source;
    n->copy.target = target;
    return done(p, n);
}

Ast *build_report(Parser *p, Token t, AstReport what, Token name, List *indices, Ast *value)
{
    Ast *n = node(p, AST_REPORT, from_token(p, t, value));
    n->report.what = what;
    n->report.name = declared(p, name);
    n->report.name_span = token_span(p, name);
    n->report.indices = finished(indices);
    n->report.value = value;
    return done(p, n);
}

Ast *build_save(Parser *p, Token t, Ast *name)
{
    Ast *n = node(p, AST_SAVE, name ? from_token(p, t, name) : token_span(p, t));
    n->save.name = name;
    return done(p, n);
}

Ast *build_stop(Parser *p, Token t, Ast *cond)
{
    Ast *n = node(p, AST_STOP, from_token(p, t, cond));
    n->stop.cond = cond;
    return done(p, n);
}

Ast *build_expect(Parser *p, Token t, Ast *cond, Token step, Ast *by)
{
    Ast *n = node(p, AST_EXPECT, from_token(p, t, by ? by : cond));
    n->expect.cond = cond;
    n->expect.by = by;
    bool says_step = step.end - step.begin == 4 && memcmp(p->f->text + step.begin, "step", 4) == 0;
    if (by && !says_step)
        diag_hint(parse_error(p, token_span(p, step), E020, "the word step must stand here"), "expect modes >= 7 by step 20_000");
    return done(p, n);
}
