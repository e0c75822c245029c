/* session.c - see session.h. */
#include "compiler/session/session.h"
#include "compiler/session/nonfinite.h"

#include "compiler/interp/interp.h"
#include "compiler/jit/jit.h"
#include "compiler/native/names.h"
#include "compiler/opt/pass.h"
#include "runtime/extern.h"
#include "runtime/state.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *folder_of(Arena *a, const char *file)
{
    const char *slash = file ? strrchr(file, '/') : NULL;
    return slash ? arena_strn(a, file, slash == file ? 1 : (size_t)(slash - file)) : NULL;
}

static LowerOptions lower_options(const Session *s)
{
    const OptionPairs *given = &s->o->settings;
    LowerSetting      *set = arena_array(s->arena, LowerSetting, given->n + 1);
    for (int i = 0; i < given->n; i++) set[i] = (LowerSetting){given->v[i].name, given->v[i].value};
    return (LowerOptions){.real = s->o->f64 || s->o->gradients || s->o->slopes ? IR_F64 : IR_F32, .folder = s->folder, .setting = set, .n_settings = given->n,
                          .steps = s->o->run.steps >= 0, .shapes = s->o->shapes, .checked = s->o->checked, .slopes = s->o->gradients || s->o->slopes, .whole = s->o->gradients, .advice = s->o->pedantic, .sides = s->o->board, .told = s->o->told || s->o->pedantic};
}

int session_print(const Options *o, const Diags *diags)
{
    Text out = text_in(sources_arena(diags_sources(diags)));
    if (o->run.json_diagnostics) diags_print_json(diags, &out);
    else diags_print_text(diags, &out, o->run.color);
    fputs(text_str(&out), o->said && *o->said ? *o->said : stderr);
    if (diags_of_world(diags)) return EXIT_RUN_FAILED;
    return diags_failed(diags) ? EXIT_WRONG_PROGRAM : EXIT_DONE;
}

void session_print_statement(const Session *s, const GameLine *l)
{
    const SourceFile *f = source_file(s->sources, l->at.file);
    printf("%s:%u: %s ", f ? GAN_SHOWN(f->name) : "?", f ? source_place(f, l->at.begin).line : 0, l->what);
    for (const char *c = l->name; *c; c++)
        if (!isspace((unsigned char)*c)) putchar(*c);
        else if (!isspace((unsigned char)c[1])) putchar(' ');
}

static int print_diagnostics(const Session *s) { return session_print(s->o, s->diags); }

static void begin(Session *s, const Options *o, const char *file)
{
    *s = (Session){.o = o, .arena = arena_new()};
    s->sources = sources_new(s->arena);
    s->diags = diags_new(s->sources);
    s->folder = folder_of(s->arena, file);
}

/* NULL: the library alone. */
static void lower(Session *s, const SourceFile *source)
{
    LowerOptions l = lower_options(s);
    if (source) {
        s->file = source->name;
        s->text = source->text;
    }
    lower_program(s->arena, source, &l, s->diags, &s->lowered);
}

int session_open(Session *s, const Options *o, const char *file)
{
    begin(s, o, file);
    const SourceFile *source = file ? source_read(s->sources, file, SPAN_NONE, s->diags) : NULL;
    if (source || !file) lower(s, source);
    return print_diagnostics(s);
}

int session_open_text(Session *s, const Options *o, const char *name, const char *text, size_t typed, bool known)
{
    begin(s, o, name);
    const SourceFile *source = typed ? source_add_typed(s->sources, name, text, strlen(text), typed) : source_add(s->sources, name, text, strlen(text));
    if (!source) diag_error(s->diags, SPAN_NONE, E001, "%s is larger than %d MB", name, SOURCE_MAX >> 20);
    if (source) lower(s, source);
    if (!known || diags_failed(s->diags)) return print_diagnostics(s);
    s->diags = diags_new(s->sources);
    return EXIT_DONE;
}

int session_add(Session *s, const char *text, int64_t n)
{
    const SourceFile *source = source_add(s->sources, "<expression>", text, strlen(text));
    int               fn = -1;
    if (!source) return -1;
    if (!s->n_run_slots) s->n_run_slots = s->lowered.program->n_slots;
    if (n > 0) fn = lower_sampler(&s->lowered, source, n, s->diags);
    else fn = lower_expression(&s->lowered, source, s->diags);
    if (fn < 0 && n < 0 && lower_is_distribution(&s->lowered, source)) {
        s->diags = diags_new(s->sources);                   /* what was wrong is that it has no value */
        fn = lower_sampler(&s->lowered, source, -n, s->diags);
    }
    print_diagnostics(s);
    return fn;
}

/* What a run's page says of the program. */
static void describe(Session *s)
{
    Text t = text_in(s->arena);
    for (int i = 0; i < s->o->settings.n; i++) text_printf(&t, " --set %s=%s", s->o->settings.v[i].name, s->o->settings.v[i].value);
    if (s->o->f64) text_add(&t, " --f64");                  /* one that its file asks for is said there */
    if (s->o->portable) text_add(&t, " --portable");
    s->lowered.program->text = s->text;
    s->lowered.program->made_with = t.n ? text_str(&t) + 1 : NULL;
}

void session_optimise(Session *s)
{
    PassOptions p = {.portable = s->o->portable};
    describe(s);
    lower_close(&s->lowered);
    opt_run_module(s->lowered.ir, &p);
}

bool session_allows_externs(const Session *s)
{
    const GanProgram *p = s->lowered.program;
    if (!p->n_externs || s->o->allow_extern) return true;
    for (int i = 0; i < p->n_externs; i++) {
        const GanExtern *x = &p->external[i];
        Diag            *d = diag_error(s->diags, s->lowered.external_at[i], E510, "%s is code in a shared object, %s, and is not allowed to run",
                                        x->symbol, GAN_SHOWN(x->path));
        diag_hint(d, "--allow-extern allows it");
    }
    print_diagnostics(s);
    return false;
}

/* False, printed: a simulator is not allowed, or cannot be opened. */
static bool open_externs(const Session *s)
{
    GanError    err;
    GanProgram *p = s->lowered.program;
    const Span *at = s->lowered.external_at;
    int         which = 0;
    if (!session_allows_externs(s)) return false;
    if (!extern_open(p, s->folder, &which, &err)) return true;
    char text[GAN_ERROR_TEXT];
    diag_error(s->diags, at[which], E511, "%s cannot be called: %s", p->external[which].symbol, gan_error_text(&err, text));
    print_diagnostics(s);
    return false;
}

static void code_not_kept(void *session, const GanError *why)
{
    const Session *s = session;
    char           text[GAN_ERROR_TEXT];
    if (!s->o->run.quiet) say_line((void *)&s->o->run, arena_printf(s->arena, "compiled code is not kept: %s; with --no-cache nothing is to be", gan_error_text(why, text)));
}

/* j: NULL: the interpreter. */
static int start(Session *s, const JitOptions *j)
{
    GanError        err;
    const IrModule *m = s->lowered.ir;
    Game           *g = &s->game;
    if (!open_externs(s)) return EXIT_WRONG_PROGRAM;
    *g = (Game){.o = &s->o->run, .arena = s->arena, .program = s->lowered.program, .n_run_slots = s->n_run_slots, .self = s, .failed = nonfinite_explain};
    GanStatus st = j ? jit_engine_new(m, g->program, j, &g->engine, &err) : interp_engine_new(m, g->program, &g->engine, &err);
    if (!st) st = state_new(g->program, s->o->run.seed, &g->state, &err);
    return st ? say_error(&s->o->run, &err) : EXIT_DONE;
}

int session_start(Session *s)
{
    JitOptions j = {.threads = (int)s->o->run.threads, .plan = s->o->plan, .cached = !s->o->no_cache, .say = code_not_kept, .self = s};
    return start(s, s->o->interp ? NULL : &j);
}

int session_start_jit(Session *s, const JitOptions *j) { return start(s, j); }

void session_close(Session *s)
{
    game_close(&s->game);
    lower_free(&s->lowered);
    arena_free(s->arena);
}

const char *session_identifier(const Session *s, const char *name)
{
    return names_word(s->arena, arena_printf(s->arena, "%s%s", isdigit((unsigned char)*name) ? "_" : "", name));
}

bool session_starts(const Session *s, int slot)
{
    const LowerResult *r = &s->lowered;
    const IrFn        *init = r->ir->fns.v[r->program->init_fn];
    if (lower_is_report(r, slot)) return false;
    for (int i = 0; i < init->commits.n; i++)
        if (init->commits.v[i].slot == slot) return true;
    return false;
}

/* A slot that `fn` reads and that only a run fills: it keeps what a statement has computed. -1: none. */
static int only_run_fills(const Session *s, int fn, int given)
{
    const IrModule *m = s->lowered.ir;
    for (const IrNode *n = m->fns.v[fn]->body.first; n; n = ir_next(n)) {
        bool kept = n->op == IR_read && (m->slots.v[n->attr->slot].kind == IR_SLOT_STATE || m->slots.v[n->attr->slot].kind == IR_SLOT_SCRATCH);
        if (kept && n->attr->slot < given && !session_starts(s, n->attr->slot)) return n->attr->slot;
    }
    return -1;
}

const char *session_needs(const Session *s, int fn, int given)
{
    int slot = only_run_fills(s, fn, given);
    return slot >= 0 ? s->lowered.ir->slots.v[slot].path : NULL;
}

bool session_reads_state(const Session *s, int fn)
{
    const IrModule *m = s->lowered.ir;
    for (const IrNode *n = m->fns.v[fn]->body.first; n; n = ir_next(n))
        if (n->op == IR_read && m->slots.v[n->attr->slot].kind != IR_SLOT_DATA) return true;
    return false;
}

int session_fill(Session *s, bool trained, int fn)
{
    bool found;
    int  status = game_load(&s->game, trained, &found);
    return status != EXIT_DONE || found ? status : game_begin(&s->game, session_needs(s, fn, s->lowered.program->n_slots));
}
