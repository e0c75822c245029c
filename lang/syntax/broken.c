/* broken.c - statements that could not be read, so that the others can be looked at all the same.
 *
 * In: a finished statement, or the end of one that the grammar gave up; and the places where something was wrong that no statement has taken
 * up yet (Lexer.wrong). Out: the statement, or a BROKEN in its place, with the names that it may have meant to declare: what is unknown for
 * want of it is no second mistake. A mistake belongs to the innermost statement around it. Start at build_whole(). */
#include "lang/syntax/build.h"

#include "grammar.h"

#include <string.h>

/* ---- what it may have declared */

typedef struct Words { Parser *p; Lexer lx; uint32_t end; Token t; } Words;

static bool next(Words *w)
{
    do w->t = lex_next(&w->lx);
    while (w->t.kind == LEX_NEWLINE);
    return w->t.kind != 0 && w->t.begin < w->end;
}

static Words words_of(Parser *p, uint32_t begin, uint32_t end)
{
    Words w = {.p = p, .lx = p->layout.lx, .end = end};
    w.lx.quiet = true;
    w.lx.after_dot = false;
    w.lx.cur = w.lx.text + begin;
    return w;
}

/* A word that is followed by the name of what it declares. */
static bool declares_one(int kind)
{
    switch (kind) {
    case TK_DEF: case TK_LAYER: case TK_NET: case TK_IMPLICIT: case TK_PRESCRIBED: case TK_DISTRIBUTION: case TK_BIJECTOR: case TK_COMPARISON:
    case TK_OPTIMIZER: case TK_METRIC: case TK_EXTERN: case TK_COMPARE: case TK_LOSS: case TK_PARAM: case TK_STATE: case TK_REPORT: case TK_PLOT:
    case TK_IMAGE:
        return true;
    default: return false;
    }
}

/* Where a name that is declared cannot stand any more. */
static bool ends_names(int kind)
{
    switch (kind) {
    case TK_IS: case TK_COLON: case TK_TILDE: case TK_ASSIGN: case TK_ADDS: case TK_LBRACE: case TK_ARROW: case TK_END: return true;
    default: return false;
    }
}

static void add_name(Parser *p, List *names, Token t)
{
    bool was = p->muted;
    int  wrong = p->layout.lx.wrong.n;
    p->muted = true;                                         /* what is wrong with the name itself is not asked here */
    list_add(p, names, build_name(p, t));
    p->muted = was;
    p->layout.lx.wrong.n = wrong;
}

/* The names that one statement may declare, from its first token on. False: the text is at its end. */
static bool statement_names(Words *w, List *names, Ast *n)
{
    Token first = w->t;
    bool several = first.kind == TK_LET || first.kind == TK_DATA, one = declares_one(first.kind);
    bool from = first.kind == TK_FROM || first.kind == TK_IMPORT, more = true;
    if (n) n->broken.any = from, n->broken.declares = several || one;
    if (!several && !one && !from && token_is_name(first.kind)) add_name(w->p, names, first);
    while ((more = next(w)) && !ends_names(w->t.kind) && !from) {
        if (!token_is_name(w->t.kind) || w->t.kind == TK_SIMULATOR) continue;
        add_name(w->p, names, w->t);
        if (one) break;
    }
    return more;
}

/* The type of a let or of data may name dimensions. */
static bool type_names(Words *w, List *names)
{
    bool more = true, type = w->t.kind == TK_COLON || w->t.kind == TK_ARROW;
    while (type && (more = next(w)) && (w->t.kind == TK_COLON || w->t.kind == TK_ARROW || !ends_names(w->t.kind)))
        if (token_is_name(w->t.kind)) add_name(w->p, names, w->t);
    return more;
}

/* What is declared or drawn further on in it: in the block of a statement whose beginning is lost, by x ~ p, y ~ q. */
static void inner_names(Words *w, List *names)
{
    for (bool more = true; more;) {
        Token before = w->t;
        bool  declares = declares_one(before.kind) || before.kind == TK_LET || before.kind == TK_DATA;
        more = declares ? statement_names(w, names, NULL) : next(w);
        if (more && !declares && w->t.kind == TK_TILDE && token_is_name(before.kind)) add_name(w->p, names, before);
    }
}

static void collect_names(Parser *p, Ast *n, uint32_t begin, uint32_t end)
{
    Words w = words_of(p, begin, end);
    List *names = list_of(p, NULL), *inside = list_of(p, NULL);
    if (!next(&w)) return;
    if (w.t.kind == TK_OPTIMIZER) p->in_rule = false;
    if (statement_names(&w, names, n) && type_names(&w, inside)) inner_names(&w, inside);
    n->broken.names = finished(names);
    n->broken.inside = finished(inside);
}

static Ast *broken(Parser *p, uint32_t begin, uint32_t end)
{
    Ast *n = build_node(p, AST_BROKEN, span_of(p->f, begin, end > begin ? end : begin));
    collect_names(p, n, begin, end);
    return n;
}

/* ---- which mistakes are whose */

static uint32_t line_end(const Parser *p, uint32_t byte)
{
    const char *text = p->f->text, *nl = memchr(text + byte, '\n', p->f->n - byte);
    return nl ? (uint32_t)(nl - text) : p->f->n;
}

/* Those from one byte to the end of the other's line are taken up. Were there any? */
static bool take_up(Parser *p, uint32_t begin, uint32_t end)
{
    Lexer   *lx = &p->layout.lx;
    uint32_t last = lx->wrong.n ? line_end(p, end) : 0;
    int      n = 0;
    for (int i = 0; i < lx->wrong.n; i++)
        if (lx->wrong.v[i] < begin || lx->wrong.v[i] > last) lx->wrong.v[n++] = lx->wrong.v[i];
    bool any = n < lx->wrong.n;
    lx->wrong.n = n;
    return any;
}

void build_break(Parser *p, Ast **stmt)
{
    Span at = (*stmt)->span;
    take_up(p, at.begin, at.end);
    if ((*stmt)->kind != AST_BROKEN) *stmt = broken(p, at.begin, at.end);
}

void build_drop(Parser *p, Ast **stmt)
{
    take_up(p, (*stmt)->span.begin, (*stmt)->span.end);
    *stmt = build_node(p, AST_BROKEN, (*stmt)->span);
}

Ast *build_whole(Parser *p, Ast *stmt)
{
    Span at = stmt->span;
    return take_up(p, at.begin, at.end) ? broken(p, at.begin, at.end) : stmt;
}

/* A line that begins with what joins it to the one above: that one goes on here, and is as broken. */
static bool continues_above(Lost lost) { return lost.bad.begin == lost.begin && token_is_joint(lost.bad.kind); }

List *build_skipped(Parser *p, List *stmts, Lost lost, Token end)
{
    take_up(p, lost.begin, end.begin);
    if (continues_above(lost) && stmts->n) build_break(p, &stmts->v[stmts->n - 1]);
    return list_add(p, stmts, broken(p, lost.begin, end.begin));
}
