/* values.c - the commands that look: values, pictures, texts of definitions, what was reported. */
#include "compiler/repl/repl.h"

#include "compiler/debug/draws.h"
#include "compiler/repl/graphics.h"
#include "lang/syntax/parse.h"
#include "runtime/command/outputs.h"
#include "runtime/data/data.h"
#include "stdlib/stdlib.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REPORTS_SHOWN = 20 };

/* ---- values ------------------------------------------------------------------------------------------------------ */

bool repl_evaluate(Repl *r, const char *expression, DebugValue *out)
{
    GanError  err = {0};
    GanStatus st = debug_eval(r->d, expression, 0, out, &err);
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
    size_t n = strlen(text), bare = strlen(" -o");
    if (!found && n > bare && !strcmp(text + n - bare, " -o")) found = text + n - bare;
    if (!found) return NULL;
    bool named = found[bare] != 0;
    *found = 0;
    found += named ? strlen(" -o ") : bare;
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
        if (!draws_declares(file->file.stmts.v[i], name)) continue;
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
