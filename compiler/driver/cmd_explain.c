/* cmd_explain.c - `gan explain`: what the compiler made of a program, at the stage asked for. */
#include "compiler/session/session.h"
#include "compiler/jit/jit.h"
#include "lang/syntax/parse.h"

#include <string.h>

static void print_names(const char *verb, const char **names, int n)
{
    for (int i = 0; i < n; i++) printf("%s %s", i ? "," : verb, names[i]);
}

static void explain_game(const Session *s)
{
    const LowerResult *r = &s->lowered;
    for (int i = 0; i < r->n_players; i++)
        printf("%s %s: %lld parameters%s\n", r->player[i].kind, r->player[i].name, (long long)r->player[i].parameters, r->player[i].updated ? "" : ", never updated");
    for (int i = 0; i < r->n_lines; i++) {
        const GameLine   *l = &r->line[i];
        const SourceFile *f = source_file(s->sources, l->at.file);
        printf("%s:%u: %s %s", f ? f->name : "?", f ? source_place(f, l->at.begin).line : 0, l->what, l->name);
        print_names("; moves", l->moves, l->n_moves);
        print_names("; reads", l->reads, l->n_reads);
        print_names("; draws from", l->draws, l->n_draws);
        if (l->batch > 0) printf("; batch %lld", (long long)l->batch);
        puts("");
    }
}

static int explain_ast(const Options *o)                     /* of a text that need not check */
{
    Arena            *a = arena_new();
    Sources          *sources = sources_new(a);
    Diags            *diags = diags_new(sources);
    const SourceFile *f = source_read(sources, o->run.operands[0], SPAN_NONE, diags);
    const Ast        *tree = f ? parse_file(a, f, diags) : NULL;
    Text              out = text_in(a);
    if (tree) {
        ast_print(tree, f, &out);
        fputs(text_str(&out), stdout);
    } else {
        session_print(o, diags);
    }
    arena_free(a);
    return tree ? EXIT_DONE : EXIT_WRONG_PROGRAM;
}

static void explain_ir(const Session *s)
{
    Text out = text_in(s->arena);
    ir_print(s->lowered.ir, &out);
    fputs(text_str(&out), stdout);
}

static void print_text(void *unused, const char *fn, const char *text)
{
    (void)unused;
    printf("---- %s\n%s\n", fn, text);
}

static int explain_code(Session *s)
{
    JitOptions j = {.threads = 1, .plan = s->o->plan};
    GanEngine  engine;
    GanError   err;
    if (!strcmp(s->o->stage, "kernels")) j.texts.on_plan = print_text;
    if (!strcmp(s->o->stage, "loops")) j.texts.on_loops = print_text;
    if (!strcmp(s->o->stage, "llvm")) j.texts.on_llvm = print_text;
    if (!strcmp(s->o->stage, "asm")) j.texts.on_asm = print_text;
    if (jit_engine_new(s->lowered.ir, s->lowered.program, &j, &engine, &err)) return say_error(&s->o->run, &err);
    engine.free(engine.self);
    return EXIT_DONE;
}

int cmd_explain(const Options *o)
{
    if (!strcmp(o->stage, "ast")) return explain_ast(o);
    Session s;
    int     status = session_open(&s, o, o->run.operands[0]);
    if (status == EXIT_DONE) {
        if (!strcmp(o->stage, "game")) explain_game(&s);
        else if (!strcmp(o->stage, "ir")) explain_ir(&s);
        else {
            session_optimise(&s);
            if (!strcmp(o->stage, "grad")) explain_ir(&s);
            else status = explain_code(&s);
        }
    }
    session_close(&s);
    return status;
}
