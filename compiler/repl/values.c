/* values.c - the commands that look: values, pictures, texts of definitions, what was reported. */
#include "compiler/repl/repl.h"

#include "compiler/repl/graphics.h"
#include "lang/check/walk.h"
#include "lang/syntax/parse.h"
#include "runtime/command/outputs.h"
#include "runtime/data/data.h"
#include "stdlib/stdlib.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REPORTS_SHOWN = 20, MOST_DRAWS = 1000000 };

/* ---- declarations ----------------------------------------------------------------------------------------------- */

static bool pattern_has(const Ast *p, const char *name)
{
    if (p->kind == AST_NAME) return !strcmp(p->name.name, name);
    for (int i = 0; p->kind == AST_TUPLE && i < p->tuple.items.n; i++)
        if (pattern_has(p->tuple.items.v[i], name)) return true;
    return false;
}

static bool any_has(const AstList *l, const char *name)
{
    for (int i = 0; i < l->n; i++)
        if (pattern_has(l->v[i], name)) return true;
    return false;
}

static bool declares(const Ast *n, const char *name)
{
    switch (n->kind) {
    case AST_DEFINE:    return !strcmp(n->define.name, name);
    case AST_LET:       return pattern_has(n->let.pattern, name);
    case AST_DATA:      return any_has(&n->data.names, name);
    case AST_LOSS:      return !strcmp(n->loss.name, name);
    case AST_COMPARE:   return !strcmp(n->compare.name, name);
    case AST_PARAMETER: return !strcmp(n->parameter.name, name);
    case AST_STATE:     return !strcmp(n->state.name, name);
    default:            return false;
    }
}

static bool is_declared_in(Repl *r, const SourceFile *f, const char *name)
{
    const Ast *file = parse_what_fits(r->arena, f, diags_new(sources_new(r->arena)));
    for (int i = 0; file && i < file->file.stmts.n; i++)
        if (declares(file->file.stmts.v[i], name)) return true;
    return false;
}

/* By the program or a module that it reads. */
static bool is_declared(Repl *r, const char *name)
{
    const SourceFile *f;
    for (uint32_t id = 1; (f = source_file(debug_session(r->d)->sources, id)); id++)
        if (is_declared_in(r, f, name)) return true;
    return false;
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

/* Is it sample(DISTRIBUTION, N), and no function of the program? The distribution's text then, and how many. */
static const char *draws_of(Repl *r, const char *expression, int64_t *n)
{
    Sources          *sources = sources_new(r->arena);
    const SourceFile *f = source_add(sources, "<expression>", expression, strlen(expression));
    const Ast        *e = f ? parse_expression(r->arena, f, diags_new(sources)) : NULL;
    bool is = e && e->kind == AST_CALL && e->call.callee->kind == AST_NAME && !strcmp(e->call.callee->name.name, "sample") && e->call.args.n == 2;
    if (!is || is_declared(r, "sample")) return NULL;
    const Ast *of = e->call.args.v[0], *count = e->call.args.v[1]->arg.value;
    if (of->arg.name || count->kind != AST_NUMBER || !count->number.is_int) return NULL;
    if (count->number.integer < 1 || count->number.integer > MOST_DRAWS) return NULL;
    *n = count->number.integer;
    return arena_strn(r->arena, f->text + of->span.begin, of->span.end - of->span.begin);
}

typedef struct Draws { Repl *r; const SourceFile *f; Text out; uint32_t at; } Draws;        /* written up to `at` */

static void add_until(Draws *d, uint32_t end)
{
    text_printf(&d->out, "%.*s", (int)(end - d->at), d->f->text + d->at);
    d->at = end;
}

static void write_out(void *draws, const Ast *n)
{
    Draws *d = draws;
    bool is = n->kind == AST_CALL && n->call.callee->kind == AST_NAME && !strcmp(n->call.callee->name.name, "sample") && n->call.args.n == 2;
    if (!is) {
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

const char *repl_draws(Repl *r, const char *text)
{
    Sources          *sources = sources_new(r->arena);
    const SourceFile *f = strstr(text, "sample") ? source_add(sources, "<entry>", text, strlen(text)) : NULL;
    const Ast        *entry = f ? parse_entry(r->arena, f, diags_new(sources), NULL) : NULL;
    Draws             d = {r, f, text_in(r->arena), 0};
    if (!entry || is_declared(r, "sample")) return text;
    write_out(&d, entry);
    add_until(&d, f->n);
    return text_str(&d.out);
}

bool repl_evaluate(Repl *r, const char *expression, DebugValue *out)
{
    GanError    err = {0};
    int64_t     n = 0;
    const char *drawn = draws_of(r, expression, &n);
    GanStatus   st = debug_eval(r->d, repl_draws(r, drawn ? drawn : expression), n, out, &err);
    if (st) repl_failed(r, st, &err);
    return !st;
}

/* As the file that :plot would write, in a terminal that takes one. */
static void add_picture(Repl *r, Text *out, const GanTensor *t)
{
    const char *folder = getenv("TMPDIR");
    char       *path = arena_printf(r->arena, "%s/gan-XXXXXX.png", folder && *folder ? folder : "/tmp");
    DataColumn  field = {NULL, (GanTensor *)t};
    int         fd = mkstemps(path, (int)strlen(".png"));
    if (fd < 0) return;
    if (outputs_write(&r->o->run, path, &field, 1, "") == EXIT_DONE) graphics_picture(out, r->graphics, path);
    close(fd);
    unlink(path);
}

/* The first time that there is a picture; nothing is asked where no colours are wanted. */
static void ask_for_graphics(Repl *r)
{
    Text answer = text_in(r->arena);
    if (r->asked || !r->style.color) return;
    r->asked = true;
    fflush(stdout);
    if (prompt_ask_terminal(r->prompt, graphics_query, &answer)) r->graphics = graphics_of(text_str(&answer));
    r->style.no_cells = r->graphics != GRAPHICS_NONE;
}

void repl_look(Repl *r, const char *expression)
{
    DebugValue v = {0};
    Text       t = text_in(r->arena);
    if (!repl_evaluate(r, expression, &v)) return;
    for (int i = 0; i < v.n; i++)
        if (show_has_picture(v.value[i])) ask_for_graphics(r);
    for (int i = 0; i < v.n; i++) {
        show_tensor(&t, v.n > 1 ? v.name[i] : NULL, v.value[i], &r->style);
        if (r->style.no_cells && show_has_picture(v.value[i])) add_picture(r, &t, v.value[i]);
    }
    fputs(text_str(&t), stdout);
    debug_value_free(&v);
}

/* ---- pictures ---------------------------------------------------------------------------------------------------- */

/* What follows the last " -o " is the file's name; the text before it is cut there. NULL: there is none. */
static char *take_file(char *text)
{
    char *found = NULL;
    for (char *s = strstr(text, " -o "); s; s = strstr(s + 1, " -o ")) found = s;
    if (!found) return NULL;
    *found = 0;
    found += strlen(" -o ");
    return found + strspn(found, " ");
}

static int told(Repl *r, int status)                        /* what is wrong, by who has returned the status */
{
    r->wrong |= status != EXIT_DONE;
    return status;
}

static void write_picture(Repl *r, const DebugValue *v, const char *path, const char *expression)
{
    DataColumn *field = arena_array(r->arena, DataColumn, v->n + 1);
    for (int i = 0; i < v->n; i++) field[i] = (DataColumn){v->name ? v->name[i] : NULL, v->value[i]};
    if (told(r, outputs_write(&r->o->run, path, field, v->n, expression)) == EXIT_DONE) printf("%s is written\n", GAN_SHOWN(path));
}

void do_plot(Repl *r, const char *args)
{
    char      *expression = arena_str(r->arena, args), *path = take_file(expression);
    DebugValue v = {0};
    if (!*expression || (path && !*path)) {
        repl_wrong(r, ":plot wants an expression, and a file behind -o if there is to be one: :plot ring -o ring.png");
        return;
    }
    if (!path) {
        repl_look(r, expression);
        return;
    }
    if (told(r, outputs_can_write(&r->o->run, path)) != EXIT_DONE) return;
    if (!repl_evaluate(r, expression, &v)) return;
    write_picture(r, &v, path, expression);
    debug_value_free(&v);
}

/* ---- texts ------------------------------------------------------------------------------------------------------- */

static void print_text(const SourceFile *in, const Ast *n)
{
    Place             p = source_place(in, n->span.begin);
    const SourceFile *f = p.file;
    uint32_t          last = source_place(in, n->span.end - 1).line;
    printf(f->library ? "%s of the library:\n" : "%s:\n", f->name);
    for (uint32_t line = p.line; line <= last; line++) {
        uint32_t begin = f->line_start[line - 1], end = source_line_end(f, line);
        printf("  %3u  %.*s\n", line, (int)(end - begin), f->text + begin);
    }
}

static bool print_source(Repl *r, const SourceFile *f, const char *name)
{
    bool       found = false;
    const Ast *file = parse_what_fits(r->arena, f, diags_new(sources_new(r->arena)));
    for (int i = 0; file && i < file->file.stmts.n; i++) {
        if (!declares(file->file.stmts.v[i], name)) continue;
        print_text(f, file->file.stmts.v[i]);
        found = true;
    }
    return found;
}

static bool print_library_source(Repl *r, const char *name)
{
    Sources *sources = sources_new(r->arena);
    bool     found = false;
    for (int i = 0; stdlib_names[i]; i++) {
        size_t            n;
        const char       *text = stdlib_find(stdlib_names[i], &n);
        const SourceFile *f = source_add_library(sources, stdlib_names[i], text, n);
        if (f) found |= print_source(r, f, name);
    }
    return found;
}

void do_source(Repl *r, const char *args)
{
    const Session    *s = debug_session(r->d);
    const char       *name = repl_word(r, &args);
    bool              found = false;
    const SourceFile *f;
    if (!repl_has_no_args(r, args, "source")) return;
    for (uint32_t id = 1; *name && (f = source_file(s->sources, id)); id++)
        if (!f->library && !f->again) found |= print_source(r, f, name);
    if (!found && *name) found = print_library_source(r, name);
    if (!found && *name) repl_wrong(r, "nothing is called %s, in the program or the library; :source wants a definition's name", GAN_SHOWN(name));
    else if (!found) repl_wrong(r, ":source wants the name of a definition, as in :source log_score");
}

/* ---- reports ----------------------------------------------------------------------------------------------------- */

/* Was it reported in the past of where the run stands? That of a fork is its parent's, up to where it was forked. */
static bool in_the_past(const Repl *r, const ReplReport *report)
{
    int64_t until = r->place.tick;
    for (int h = debug_history(r->d); h >= 0;) {
        DebugHistory of;
        debug_history_of(r->d, h, &of);
        if (report->history == h) return report->tick < until;
        if (r->forked.v[h] < until) until = r->forked.v[h];
        h = of.parent;
    }
    return false;
}

void do_log(Repl *r, const char *args)
{
    const char *name = repl_word(r, &args);
    int         n = 0, seen = 0;
    if (!repl_has_run(r) || !repl_has_no_args(r, args, "log")) return;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < r->reports.n; i++) {
            const ReplReport *report = &r->reports.v[i];
            if ((*name && strcmp(report->name, name)) || !in_the_past(r, report)) continue;
            if (!pass) n++;
            else if (++seen > n - REPORTS_SHOWN) printf("  step %" PRId64 "  %s = %.6g\n", report->step, report->name, report->value);
        }
    if (n > REPORTS_SHOWN) printf("  the last %d of %d\n", REPORTS_SHOWN, n);
    if (!n) puts(*name ? "nothing of that name was reported so far" : "nothing was reported so far");
}
