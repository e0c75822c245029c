/* layout.c - newlines, soft keywords, brackets: from the lexer's words to the grammar's tokens.
 *
 * A statement always ends in END, which stands for a newline, a ';', or comes before '}' and the end of the text. The
 * innermost open bracket decides: in ( ) and [ ] a newline is a space; elsewhere it ends the statement, except after an
 * operator or comma and before a line that starts with |>, else or with. The grammar never sees brackets that do not match:
 * they are reported here, a missing partner is put in, one too many is left out. Start at layout_next(). */
#include "lang/syntax/lexer.h"

#include "grammar.h"

#include <string.h>

void layout_init(Layout *l, Arena *a, const SourceFile *f, Diags *diags)
{
    memset(l, 0, sizeof *l);
    lex_init(&l->lx, a, f, diags);
    l->prev.kind = TK_END;
    l->ended = true;
    l->missing = -1;
}

static Span span_at(const Layout *l, Token t) { return span_of(l->lx.f, t.begin, t.end); }

bool token_is_opening(int kind)
{
    return kind == TK_LPAREN || kind == TK_LBRACK || kind == TK_LBRACE || kind == TK_E_OPEN || kind == TK_GRAD_OPEN;
}

bool token_is_closing(int kind) { return kind == TK_RPAREN || kind == TK_RBRACK || kind == TK_RBRACE; }

static int closing_of(int opening)
{
    return opening == TK_LPAREN ? TK_RPAREN : opening == TK_LBRACE ? TK_RBRACE : TK_RBRACK;
}

static const char *bracket_text(int kind)
{
    switch (kind) {
    case TK_LPAREN: return "(";
    case TK_RPAREN: return ")";
    case TK_LBRACE: return "{";
    case TK_RBRACE: return "}";
    case TK_RBRACK: return "]";
    case TK_E_OPEN: return "E[";
    case TK_GRAD_OPEN: return "grad[";
    default: return "[";
    }
}

/* In a block or at the top level, where newlines count? */
static bool in_statements(const Layout *l) { return l->n_open == 0 || l->open[l->n_open - 1].at.kind == TK_LBRACE; }

/* ---- newlines */

static bool is_operator(int kind)
{
    switch (kind) {
    case TK_PLUS: case TK_MINUS: case TK_STAR: case TK_SLASH: case TK_AT: case TK_PERCENT: case TK_CARET: case TK_PIPE:
    case TK_AND: case TK_OR: case TK_NOT: case TK_EQ: case TK_NE: case TK_LT: case TK_LE: case TK_GT: case TK_GE:
    case TK_IS: case TK_ASSIGN: case TK_ADDS: case TK_TILDE: case TK_ARROW: case TK_COLON: case TK_COMMA: case TK_DOTDOT:
        return true;
    default:
        return false;
    }
}

static bool continues_line(int kind) { return kind == TK_PIPE || kind == TK_ELSE || kind == TK_WITH; }

/* The next word, and whether a newline stands before it. */
static Token fetch(Layout *l, bool *newline)
{
    *newline = false;
    for (;;) {
        Token t = lex_next(&l->lx);
        if (t.kind != LEX_NEWLINE) return t;
        *newline = true;
    }
}

static bool ends_before(const Layout *l, Token t, bool newline)
{
    if (!in_statements(l) || l->ended) return false;
    if (t.kind == 0 || t.kind == TK_RBRACE) return true;
    return newline && !l->continues && !continues_line(t.kind);
}

/* ---- soft keywords */

typedef enum { SOFT_NOT, SOFT_NAME, SOFT_BLOCK, SOFT_COUNT, SOFT_EXPR, SOFT_WHEN, SOFT_SAVE, SOFT_COND } Soft;

/* What must follow for the word to be a keyword. */
static Soft soft_kind(int kind)
{
    switch (kind) {
    case TK_IMPORT: case TK_DATA: case TK_LAYER: case TK_NET: case TK_IMPLICIT: case TK_PRESCRIBED: case TK_DISTRIBUTION:
    case TK_BIJECTOR: case TK_COMPARISON: case TK_OPTIMIZER: case TK_METRIC: case TK_EXTERN: case TK_COMPARE: case TK_LOSS:
    case TK_PARAM: case TK_STATE: case TK_UPDATE: case TK_AVERAGE: case TK_COPY: case TK_REPORT: case TK_PLOT: case TK_IMAGE:
        return SOFT_NAME;
    case TK_SIMULTANEOUS: case TK_EXTRAGRADIENT: return SOFT_BLOCK;
    case TK_ALTERNATE: case TK_REPEAT: case TK_EVERY: return SOFT_COUNT;
    case TK_EXPECT: return SOFT_EXPR;
    case TK_STOP: return SOFT_WHEN;
    case TK_SAVE: return SOFT_SAVE;
    case TK_REQUIRE: return SOFT_COND;
    default: return SOFT_NOT;
    }
}

bool token_is_inner_word(int kind)
{
    switch (kind) {
    case TK_SIMULATOR: case TK_MINIMIZE: case TK_MAXIMIZE: case TK_ALONG: case TK_PROJECT: case TK_INTO: case TK_DECAY:
    case TK_BY: case TK_STEPS: case TK_BATCH: case TK_FROM: case TK_WHEN:
        return true;
    default:
        return false;
    }
}

bool token_is_name(int kind) { return kind == TK_ID || soft_kind(kind) != SOFT_NOT || token_is_inner_word(kind); }

bool token_is_joint(int kind) { return is_operator(kind) || kind == TK_DOT; }

static bool starts_expr(int kind)
{
    switch (kind) {
    case TK_NUMBER: case TK_STRING: case TK_LPAREN: case TK_LBRACK: case TK_LBRACE: case TK_MINUS: case TK_NOT: case TK_E_OPEN:
    case TK_GRAD_OPEN: case TK_FN: case TK_IF: case TK_FOR: case TK_AFTER: case TK_TRUE: case TK_FALSE:
        return true;
    default:
        return token_is_name(kind);
    }
}

/* Of a condition, and not what follows the name of a function: require(cond, x, "..") is a call. */
static bool starts_condition(int kind)
{
    return starts_expr(kind) && kind != TK_LPAREN && kind != TK_LBRACK && kind != TK_LBRACE && kind != TK_MINUS;
}

/* Is there a '{' outside brackets before this line ends? `every (k + 1) {` has one, the call `every(k)` none. */
static bool block_ahead(Lexer ahead)
{
    enum { FAR = 1000 };
    int depth = 0;
    for (int i = 0; i < FAR; i++) {
        int kind = lex_next(&ahead).kind;
        if (kind == TK_LBRACE && depth == 0) return true;
        if (kind == 0 || (depth == 0 && (kind == LEX_NEWLINE || kind == TK_END))) return false;
        if (token_is_opening(kind)) depth++;
        if (token_is_closing(kind) && depth-- == 0) return false;
    }
    return false;
}

/* At the start of a statement: is this word a keyword? */
static bool opens_statement(const Layout *l, Soft soft)
{
    Lexer here = l->lx;
    here.quiet = true;
    Lexer ahead = here;
    int   next = lex_next(&ahead).kind;
    switch (soft) {
    case SOFT_NAME: return token_is_name(next);
    case SOFT_BLOCK: return next == TK_LBRACE;
    case SOFT_COUNT: return token_is_name(next) || next == TK_NUMBER || (starts_expr(next) && block_ahead(here));
    case SOFT_EXPR: return starts_expr(next);
    case SOFT_COND: return starts_condition(next);
    case SOFT_WHEN: return next == TK_WHEN;
    case SOFT_SAVE: return next == TK_STRING || next == LEX_NEWLINE || next == TK_END || next == TK_RBRACE || next == 0;
    default: return false;
    }
}

/* A word that opens statements is a name anywhere else. */
static void decide_word(const Layout *l, Token *t)
{
    Soft soft = soft_kind(t->kind);
    if (soft != SOFT_NOT && !(l->ended && opens_statement(l, soft))) t->kind = TK_ID;
}

/* ---- brackets */

static void push(Layout *l, Token t)
{
    if (l->n_open == MAX_NESTING) {
        l->lx.failed = l->too_deep = true;
        if (!l->lx.quiet) diag_error(l->lx.diags, span_at(l, t), E028, "brackets nested deeper than %d", MAX_NESTING);
        return;
    }
    bool after = t.kind == TK_LBRACE && l->after == l->n_open + 1;
    bool prefix = t.kind == TK_E_OPEN || t.kind == TK_GRAD_OPEN || (t.kind == TK_LPAREN && l->prev.kind == TK_FN) || after;
    if (after) l->after = 0;
    l->open[l->n_open++] = (Bracket){t, prefix, l->stmt_begin};
}

static Bracket pop(Layout *l)
{
    Bracket b = l->open[--l->n_open];
    l->stmt_begin = b.stmt_begin;
    return b;
}

/* The place, from 1, of the innermost open bracket that `kind` closes; 0 if there is none. */
static int partner(const Layout *l, int kind)
{
    for (int i = l->n_open; i > 0; i--)
        if (closing_of(l->open[i - 1].at.kind) == kind) return i;
    return 0;
}

static void report_never_closed(Layout *l)
{
    l->unclosed = true;
    if (l->lx.quiet) return;
    Bracket b = l->open[l->n_open - 1];
    l->lx.failed = l->lx.adrift = true;
    diag_error(l->lx.diags, span_at(l, b.at), E026, "'%s' is never closed", bracket_text(b.at.kind));
}

static void report_missing(Layout *l, Bracket b, Token at)
{
    l->lx.failed = true;
    l->lx.adrift |= b.at.kind == TK_LBRACE;
    lex_wrong(&l->lx, at.begin);
    if (l->lx.quiet) return;
    const char *wanted = bracket_text(closing_of(b.at.kind));
    Diag       *d = diag_error(l->lx.diags, span_at(l, at), E026, "'%s' is missing before '%s'", wanted, bracket_text(at.kind));
    diag_note(d, span_at(l, b.at), "opened here");
}

static void report_swapped(Layout *l, Bracket b, Token at)
{
    l->lx.failed = true;
    lex_wrong(&l->lx, at.begin);
    if (l->lx.quiet) return;
    const char *open = bracket_text(b.at.kind);
    Diag       *d = diag_error(l->lx.diags, span_at(l, at), E026, "'%s' cannot close '%s'", bracket_text(at.kind), open);
    diag_note(d, span_at(l, b.at), "opened here");
}

/* A closing bracket without a partner: [1, 2) is taken for [1, 2], any other is dropped (false). */
static bool close_without_partner(Layout *l, Token *t)
{
    if (!in_statements(l) && t->kind != TK_RBRACE) {
        report_swapped(l, l->open[l->n_open - 1], *t);
        t->kind = closing_of(pop(l).at.kind);
        return true;
    }
    l->lx.failed = true;
    l->lx.adrift |= t->kind == TK_RBRACE;
    lex_wrong(&l->lx, t->begin);
    if (!l->lx.quiet) diag_error(l->lx.diags, span_at(l, *t), E027, "'%s' closes nothing", bracket_text(t->kind));
    return false;
}

/* False if t is not to be given: dropped, or held until the brackets inside its own are closed. */
static bool close_bracket(Layout *l, Token *t)
{
    int at = partner(l, t->kind);
    if (at == 0) return close_without_partner(l, t);
    if (at == l->n_open) {
        l->continues = pop(l).prefix;
        return true;
    }
    report_missing(l, l->open[l->n_open - 1], *t);
    l->missing = at;
    l->held = *t;
    l->has_held = true;
    return false;
}

/* ---- the tokens */

/* What is wrong in front of a statement is the statement's, where it stands on its line, and nobody's elsewhere. */
static void own_wrong(Layout *l, Token first)
{
    Lexer *lx = &l->lx;
    int    n = 0;
    for (int i = 0; i < lx->wrong.n; i++) {
        uint32_t at = lx->wrong.v[i];
        bool     before = at >= l->prev.end && at < first.begin;
        if (before && memchr(lx->f->text + at, '\n', first.begin - at)) continue;
        lx->wrong.v[n++] = before ? first.begin : at;
    }
    lx->wrong.n = n;
}

static Token give(Layout *l, Token t)
{
    bool begins = l->ended && t.kind != TK_RBRACE;          /* behind a } the statement around goes on */
    if (begins && !l->lx.quiet) own_wrong(l, t);
    if (begins) l->stmt_begin = t.begin;
    l->ended = t.kind == TK_END || t.kind == TK_LBRACE || t.kind == TK_INSIDE;
    if (t.kind == TK_END) l->lx.troubled = false;
    if (t.kind == TK_AFTER) l->after = l->n_open + 1;
    return l->prev = t;
}

/* What ends the statement before t: shown where the statement ends, or at the '}'. */
static Token end_before(Layout *l, Token t)
{
    l->held = t;
    l->has_held = true;
    return give(l, t.kind == TK_RBRACE ? (Token){TK_END, t.begin, t.end} : (Token){TK_END, l->prev.end, l->prev.end});
}

/* The partner of the innermost bracket, which the text lacks. */
static Token give_missing(Layout *l)
{
    uint32_t at = l->held.begin;
    if (in_statements(l) && !l->ended) return give(l, (Token){TK_END, at, at});
    Token t = give(l, (Token){closing_of(pop(l).at.kind), at, at});
    l->lx.troubled = true;                                   /* what does not fit now follows from that */
    return t;
}

static Token next_word(Layout *l, bool *newline)
{
    *newline = false;
    if (!l->has_held) return fetch(l, newline);
    l->has_held = false;
    return l->held;
}

Token layout_next(Layout *l)
{
    for (;;) {
        if (l->missing >= 0 && l->n_open > l->missing) return give_missing(l);
        l->missing = -1;
        bool  newline;
        Token t = next_word(l, &newline);
        if (ends_before(l, t, newline)) return end_before(l, t);
        if (t.kind == TK_END && l->ended) continue;          /* an empty statement */
        if (t.kind == TK_END && !in_statements(l)) t.kind = TK_BROKEN;   /* f(a; b) */
        decide_word(l, &t);
        l->continues = is_operator(t.kind);
        if (token_is_opening(t.kind)) push(l, t);
        if (l->too_deep) return (Token){0, t.begin, t.end};
        if (token_is_closing(t.kind) && !close_bracket(l, &t)) continue;
        if (t.kind == 0 && l->n_open > 0) report_never_closed(l);
        return give(l, t);
    }
}

/* ---- recovery */

static uint32_t indent_at(const Layout *l, uint32_t byte)
{
    const char *text = l->lx.f->text;
    uint32_t    begin = byte, indent = 0;
    while (begin > 0 && text[begin - 1] != '\n') begin--;
    while (text[begin + indent] == ' ' || text[begin + indent] == '\t') indent++;
    return indent;
}

static bool block_open_above(const Layout *l, int base)
{
    for (int i = base; i < l->n_open; i++)
        if (l->open[i].at.kind == TK_LBRACE) return true;
    return false;
}

/* A line that is not indented more than the broken statement starts a new one, even inside its ( ) and [ ]. */
static bool restarts(const Layout *l, Token t, bool newline, int base, uint32_t stmt_begin)
{
    if (!newline || t.kind == 0 || token_is_closing(t.kind) || continues_line(t.kind) || block_open_above(l, base)) return false;
    return indent_at(l, t.begin) <= indent_at(l, stmt_begin);
}

/* A block as in Python: behind a ':' at the end of its line stand lines that are indented more. */
static bool is_below(const Layout *l, Token t, bool newline, uint32_t stmt_begin)
{
    return newline && t.kind != 0 && !token_is_closing(t.kind) && indent_at(l, t.begin) > indent_at(l, stmt_begin);
}

/* Follows brackets while skipping. False when t closes something around the broken statement. */
static bool skip_bracket(Layout *l, Token t, int base)
{
    if (token_is_opening(t.kind)) push(l, t);
    if (!token_is_closing(t.kind)) return true;
    int at = partner(l, t.kind);
    if (at > base) l->n_open = at - 1;
    return at > base || at == 0;
}

/* The depth of brackets around the statement that `bad` is in. */
static int depth_around(const Layout *l, Token bad)
{
    int base = l->n_open;
    if (base > 0 && token_is_opening(bad.kind) && l->open[base - 1].at.begin == bad.begin) base--;
    while (base > 0 && l->open[base - 1].at.kind != TK_LBRACE) base--;
    return base;
}

/* The block of a statement whose beginning is lost: it is read like any other. */
static Token give_inside(Layout *l, Token t)
{
    l->ended = false;
    return give(l, (Token){TK_INSIDE, t.begin, t.end});
}

Token layout_skip_statement(Layout *l, Token bad)
{
    int      base = depth_around(l, bad);
    uint32_t stmt_begin = l->n_open > base ? l->open[base].stmt_begin : l->stmt_begin;
    bool     indented = false;
    l->missing = -1;
    if (bad.kind == TK_LBRACE && l->n_open == base + 1) return give_inside(l, bad);     /* open already */
    for (;;) {
        bool  newline;
        Token t = next_word(l, &newline);
        indented |= newline && l->prev.kind == TK_COLON && l->n_open == base;
        l->continues = is_operator(l->prev.kind);
        l->ended = false;
        if (t.kind == TK_LBRACE && l->n_open == base) {
            l->stmt_begin = stmt_begin;
            push(l, t);
            return give_inside(l, t);
        }
        bool ends = t.kind == TK_END || (ends_before(l, t, newline) && !(indented && is_below(l, t, newline, stmt_begin)));
        bool done = t.kind == 0 || (l->n_open == base && ends) ||
                    restarts(l, t, newline, base, stmt_begin) || !skip_bracket(l, t, base) || l->too_deep;
        if (done) {
            l->n_open = base;
            l->stmt_begin = stmt_begin;
            return t.kind == TK_END ? give(l, t) : end_before(l, t);
        }
        l->prev = t;
    }
}

bool layout_unfinished(Arena *a, const SourceFile *f)
{
    Layout l;
    layout_init(&l, a, f, NULL);
    l.lx.quiet = true;
    bool continues = false;
    for (;;) {
        Token t = layout_next(&l);
        if (l.too_deep || l.lx.failed) return false;
        if (t.kind == 0) return l.n_open > 0 || continues;
        if (t.kind != TK_END) continues = l.continues;
    }
}
