/* draws.c - see draws.h. */
#include "compiler/debug/draws.h"

#include "lang/syntax/parse.h"

#include <string.h>

enum { MOST_DRAWS = 1000000 };

/* ---- declarations ----------------------------------------------------------------------------------------------- */

static bool pattern_has(const Ast *p, const char *name)
{
    if (p->kind == AST_NAME) return !strcmp(p->name.name, name);
    const AstList *parts = p->kind == AST_TUPLE ? &p->tuple.items : p->kind == AST_BINDER ? &p->binder.patterns : NULL;
    for (int i = 0; parts && i < parts->n; i++)
        if (pattern_has(parts->v[i], name)) return true;
    return false;
}

static bool any_has(const AstList *l, const char *name)
{
    for (int i = 0; i < l->n; i++)
        if (pattern_has(l->v[i], name)) return true;
    return false;
}

bool draws_declares(const Ast *n, const char *name)
{
    switch (n->kind) {
    case AST_DEFINE:    return !strcmp(n->define.name, name);
    case AST_LET:       return pattern_has(n->let.pattern, name);
    case AST_DATA:      return any_has(&n->data.names, name);
    case AST_LOSS:      return !strcmp(n->loss.name, name);
    case AST_COMPARE:   return !strcmp(n->compare.name, name);
    case AST_PARAMETER: return !strcmp(n->parameter.name, name);
    case AST_STATE:     return !strcmp(n->state.name, name);
    case AST_SAMPLE:    return any_has(&n->sample.binders, name);
    default:            return false;
    }
}

static bool is_declared_in(Arena *a, const SourceFile *f, const char *name)
{
    const Ast *file = parse_what_fits(a, f, diags_new(sources_new(a)));
    for (int i = 0; file && i < file->file.stmts.n; i++)
        if (draws_declares(file->file.stmts.v[i], name)) return true;
    return false;
}

/* By the program or a module that it reads. */
static bool is_declared(const Session *s, Arena *a, const char *name)
{
    const SourceFile *f;
    for (uint32_t id = 1; (f = source_file(s->sources, id)); id++)
        if (is_declared_in(a, f, name)) return true;
    return false;
}

/* ---- the word ------------------------------------------------------------------------------------------------------ */

static bool is_draw(const Ast *n)
{
    return n->kind == AST_CALL && n->call.callee->kind == AST_NAME && !strcmp(n->call.callee->name.name, "sample") && n->call.args.n == 2;
}

const char *draws_alone(const Session *s, Arena *a, const char *expression, int64_t *n)
{
    Sources          *sources = sources_new(a);
    const SourceFile *f = source_add(sources, "<expression>", expression, strlen(expression));
    const Ast        *e = f ? parse_expression(a, f, diags_new(sources)) : NULL;
    if (!e || !is_draw(e) || is_declared(s, a, "sample")) return NULL;
    const Ast *of = e->call.args.v[0], *count = e->call.args.v[1]->arg.value;
    if (of->arg.name || count->kind != AST_NUMBER || !count->number.is_int) return NULL;
    if (count->number.integer < 1 || count->number.integer > MOST_DRAWS) return NULL;
    *n = count->number.integer;
    return arena_strn(a, f->text + of->span.begin, of->span.end - of->span.begin);
}

typedef struct Draws { const SourceFile *f; Text out; uint32_t at; } Draws;        /* written up to `at` */

static void add_until(Draws *d, uint32_t end)
{
    text_printf(&d->out, "%.*s", (int)(end - d->at), d->f->text + d->at);
    d->at = end;
}

static void write_out(void *draws, const Ast *n)
{
    Draws *d = draws;
    if (!is_draw(n)) {
        ast_each_child(n, write_out, d);
        return;
    }
    const Ast *of = n->call.args.v[0], *count = n->call.args.v[1];
    add_until(d, n->span.begin);
    text_add(&d->out, "({ drawn ~ (");
    d->at = of->span.begin;
    ast_each_child(of, write_out, d);
    add_until(d, of->span.end);
    text_add(&d->out, ")^(");
    d->at = count->span.begin;
    ast_each_child(count, write_out, d);
    add_until(d, count->span.end);
    text_add(&d->out, "); drawn })");
    d->at = n->span.end;
}

const char *draws_written_out(const Session *s, Arena *a, const char *text)
{
    Sources          *sources = sources_new(a);
    const SourceFile *f = strstr(text, "sample") ? source_add(sources, "<entry>", text, strlen(text)) : NULL;
    const Ast        *entry = f ? parse_entry(a, f, diags_new(sources), NULL) : NULL;
    Draws             d = {f, text_in(a), 0};
    if (!entry || is_declared(s, a, "sample")) return text;
    write_out(&d, entry);
    add_until(&d, f->n);
    return text_str(&d.out);
}
