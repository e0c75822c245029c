/* parse.c - drives the grammar: tokens from layout.c in, the tree out, and a fresh start at the next statement after an error.
 *
 * On a syntax error the grammar drops what it had of the statement (`lost`), the layout skips the rest of it, and the END that follows sets
 * both going again; a block on the way is read for its own mistakes. Once failed, always failed: no tree comes out then, but for
 * parse_what_fits(), in whose tree a BROKEN stands for the statement (broken.c). Start at parse(). */
#include "lang/syntax/parser.h"

#include "base/bug.h"
#include "grammar.h"

#include <stdio.h>
#include <stdlib.h>

Diag *parse_error(Parser *p, Span at, DiagCode code, const char *fmt, ...)
{
    p->failed = true;
    lex_wrong(&p->layout.lx, at.begin);
    if (p->muted) return &p->nobody;
    if (++p->n_errors > DIAGS_KEPT) p->stop = true;
    char    text[1000];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return diag_error(p->diags, at, code, "%s", text);
}

static void feed(Parser *p, Token t)
{
    p->before = p->token;
    p->token = t;
    p->n_states = SyntaxStates(p->lemon, p->states, KNOWN_STATES);
    p->errored = false;
    Syntax(p->lemon, t.kind, t);
}

/* Prefix operators wait on the grammar's stack, so it bounds them. */
static bool too_deep(Parser *p, Token t)
{
    if (SyntaxDepth(p->lemon) < MAX_STACK) return false;
    parse_error(p, span_of(p->f, t.begin, t.end), E028, "nested deeper than %d operators", AST_MAX_DEPTH);
    return p->stop = true;
}

static void recover(Parser *p, Token bad)
{
    if (!p->stop) feed(p, layout_skip_statement(&p->layout, bad));
}

/* Gives one token to the grammar; false at the end. */
static bool step(Parser *p)
{
    Token t = layout_next(&p->layout);
    if (p->layout.too_deep || p->layout.unclosed || too_deep(p, t)) return false;
    feed(p, t);
    if (p->errored && t.kind != TK_END && t.kind != 0) recover(p, t);
    return t.kind != 0 && !p->stop;
}

static Ast *parse(Parser *p, int mode, Arena *a, const SourceFile *f, Diags *diags)
{
    p->arena = a;
    p->f = f;
    p->diags = diags;
    p->failed = !source_check_bytes(f, diags);
    layout_init(&p->layout, a, f, diags);
    p->c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    p->lemon = SyntaxAlloc(malloc, p);
    if (!p->lemon || !p->c_locale) no_memory_left(0);
    feed(p, (Token){mode, 0, 0});
    while (step(p)) {}
    SyntaxFree(p->lemon, free);
    freelocale(p->c_locale);
    return p->accepted ? p->result : NULL;
}

/* Without a word against it. */
static Ast *whole(const Parser *p, Ast *result) { return p->failed || p->layout.lx.failed ? NULL : result; }

Ast *parse_file(Arena *a, const SourceFile *f, Diags *diags)
{
    Parser *p = arena_new_of(a, Parser);
    return whole(p, parse(p, TK_FILE, a, f, diags));
}

Ast *parse_what_fits(Arena *a, const SourceFile *f, Diags *diags)
{
    Parser *p = arena_new_of(a, Parser);
    Ast    *result = parse(p, TK_FILE, a, f, diags);
    return p->stop || p->layout.lx.adrift ? NULL : result;
}

Ast *parse_expression(Arena *a, const SourceFile *f, Diags *diags)
{
    Parser *p = arena_new_of(a, Parser);
    return whole(p, parse(p, TK_EXPRESSION, a, f, diags));
}

Ast *parse_entry(Arena *a, const SourceFile *f, Diags *diags, bool *unfinished)
{
    if (unfinished && (*unfinished = layout_unfinished(a, f))) return NULL;
    Parser *p = arena_new_of(a, Parser);
    p->is_entry = true;
    return whole(p, parse(p, TK_FILE, a, f, diags));
}
