/* session.c - see session.h. */
#include "compiler/driver/session.h"

#include "compiler/interp/interp.h"
#include "compiler/llvm/jit.h"
#include "compiler/opt/pass.h"
#include "runtime/checkpoint.h"
#include "runtime/file.h"
#include "runtime/safetensors.h"
#include "runtime/state.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is not UTF-8, as a path may be, is shown as '?'. */
static json_t *json_text(const char *s)
{
    json_t *j = json_string(s);
    return j ? j : json_string(GAN_SHOWN(s));
}

static void print_json(const GanError *err, const char *severity)
{
    json_t *o = json_pack("{s:o, s:n, s:n, s:s, s:o}", "file", *err->path ? json_text(err->path) : json_null(), "range", "code", "severity", severity,
                          "message", json_text(GAN_SHOWN(err->message)));
    if (err->row > 0) {
        json_t *at = json_pack("{s:I, s:I}", "line", (json_int_t)err->row, "column", (json_int_t)(err->column > 0 ? err->column : 1));
        json_object_set_new(o, "range", json_pack("{s:O, s:o}", "start", at, "end", at));
    }
    char *text = json_dumps(o, JSON_COMPACT | JSON_PRESERVE_ORDER);
    fprintf(stderr, "%s\n", text ? text : "{}");
    free(text);
    json_decref(o);
}

static void print_error(const Options *o, const GanError *err, const char *severity)
{
    char     text[GAN_ERROR_TEXT];
    GanError place = *err;
    place.message[0] = 0;
    if (o->json_diagnostics) print_json(err, severity);
    else if (*err->path && err->row > 0) fprintf(stderr, "%s%s: %s\n", gan_error_text(&place, text), severity, GAN_SHOWN(err->message));
    else fprintf(stderr, "gan: %s: %s\n", severity, gan_error_text(err, text));
}

int driver_error(const Options *o, const GanError *err)
{
    print_error(o, err, "error");
    return err->status == GAN_WRONG ? EXIT_WRONG_PROGRAM : EXIT_RUN_FAILED;
}

int driver_wrong(const Options *o, const char *fmt, ...)
{
    GanError err;
    va_list  args;
    char     text[sizeof err.message];
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    gan_error(&err, GAN_WRONG, "%s", text);
    return driver_error(o, &err);
}

void driver_note_at(const Options *o, const char *file, uint32_t line, uint32_t column, const char *text)
{
    GanError note;
    gan_error_in(&note, GAN_OK, file, "%s", text);
    gan_error_cell(&note, GAN_OK, line, column);
    print_error(o, &note, "note");
}

void driver_say(void *options, const char *line)
{
    const Options *o = options;
    GanError       note = {.offset = -1};
    bool           warning = !strncmp(line, "warning: ", 9);
    snprintf(note.message, sizeof note.message, "%s", line + (warning ? 9 : 0));
    if (o->json_diagnostics) print_json(&note, warning ? "warning" : "note");
    else fprintf(stderr, "gan: %s\n", GAN_SHOWN(line));
}

static const char *folder_of(Arena *a, const char *file)
{
    const char *slash = file ? strrchr(file, '/') : NULL;
    return slash ? arena_strn(a, file, slash == file ? 1 : (size_t)(slash - file)) : NULL;
}

static LowerOptions lower_options(const Session *s, const char *file)
{
    LowerSetting *set = arena_array(s->arena, LowerSetting, s->o->n_settings + 1);
    for (int i = 0; i < s->o->n_settings; i++) set[i] = (LowerSetting){s->o->settings[i].name, s->o->settings[i].value};
    return (LowerOptions){.real = s->o->f64 ? IR_F64 : IR_F32, .folder = folder_of(s->arena, file), .setting = set, .n_settings = s->o->n_settings};
}

/* Prints the diagnostics found so far; EXIT_WRONG_PROGRAM if there was an error. */
static int print_diagnostics(const Session *s)
{
    Text out = text_in(s->arena);
    if (s->o->json_diagnostics) diags_print_json(s->diags, &out);
    else diags_print_text(s->diags, &out, s->o->color);
    fputs(text_str(&out), stderr);
    return diags_failed(s->diags) ? EXIT_WRONG_PROGRAM : EXIT_DONE;
}

int session_open(Session *s, const Options *o, const char *file)
{
    *s = (Session){.o = o, .arena = arena_new()};
    s->sources = sources_new(s->arena);
    s->diags = diags_new(s->sources);
    LowerOptions      l = lower_options(s, file);
    const SourceFile *source = file ? source_read(s->sources, file, SPAN_NONE, s->diags) : NULL;
    if (source || !file) lower_program(s->arena, source, &l, s->diags, &s->lowered);
    return print_diagnostics(s);
}

int session_add(Session *s, const char *text, int64_t n)
{
    const SourceFile *source = source_add(s->sources, "<expression>", text, strlen(text));
    int               fn = -1;
    if (source) fn = n > 0 ? lower_sampler(&s->lowered, source, n, s->diags) : lower_expression(&s->lowered, source, s->diags);
    print_diagnostics(s);
    return fn;
}

void session_optimise(Session *s)
{
    PassOptions p = {.portable = s->o->portable};
    opt_run_module(s->lowered.ir, &p);
}

int session_start(Session *s)
{
    GanError         err;
    const IrModule  *m = s->lowered.ir;
    const GanProgram *p = s->lowered.program;
    JitOptions       j = {.threads = s->o->threads, .plan = s->o->plan};
    GanStatus        st = s->o->interp ? interp_engine_new(m, p, &s->engine, &err) : jit_engine_new(m, p, &j, &s->engine, &err);
    if (!st) st = state_new(p, s->o->seed, &s->state, &err);
    return st ? driver_error(s->o, &err) : EXIT_DONE;
}

void session_close(Session *s)
{
    if (s->engine.free) s->engine.free(s->engine.self);
    state_free(&s->state);
    lower_free(&s->lowered);
    arena_free(s->arena);
}

const char *session_folder(const Session *s) { return arena_printf(s->arena, "runs/%s", s->lowered.program->name); }

static int fill_from(Session *s, const SafeFile *f, const char *path)
{
    GanError  err;
    GanStatus st = state_load(s->lowered.program, &s->state, f, path, true, &err);
    return st ? driver_error(s->o, &err) : EXIT_DONE;
}

static bool starts_with_a_value(const IrFn *init, int slot)
{
    for (int i = 0; i < init->commits.n; i++)
        if (init->commits.v[i].slot == slot) return true;
    return false;
}

/* A slot that `fn` reads and that only a run fills: it keeps what a statement has computed. -1: none. */
static int only_run_fills(const Session *s, int fn)
{
    const IrModule *m = s->lowered.ir;
    for (const IrNode *n = m->fns.v[fn]->body.first; n; n = ir_next(n)) {
        bool kept = n->op == IR_read && (m->slots.v[n->attr.slot].kind == IR_SLOT_STATE || m->slots.v[n->attr.slot].kind == IR_SLOT_SCRATCH);
        if (kept && !starts_with_a_value(m->fns.v[s->lowered.program->init_fn], n->attr.slot)) return n->attr.slot;
    }
    return -1;
}

int session_fill(Session *s, bool trained, int fn)
{
    GanError  err;
    char      path[FILE_PATH_MAX] = "", folder[FILE_PATH_MAX];
    SafeFile *f = NULL;
    GanStatus st = GAN_OK;
    snprintf(folder, sizeof folder, "%s/checkpoints", session_folder(s));
    if (s->o->checkpoint) {
        snprintf(path, sizeof path, "%s", s->o->checkpoint);
        st = safetensors_read(path, false, &f, &err);
    } else if (trained) {
        st = checkpoint_newest(folder, &(CheckpointSearch){0}, &f, path, &err);
        if (!st && f) driver_say((void *)s->o, arena_printf(s->arena, "weights from %s", path));
        if (!st && !f) driver_say((void *)s->o, arena_printf(s->arena, "no checkpoint in %s; weights are untrained (--checkpoint FILE takes others)", folder));
    }
    if (st) return driver_error(s->o, &err);
    if (f) {
        int status = fill_from(s, f, path);
        safetensors_free(f);
        return status;
    }
    int init = s->lowered.program->init_fn, slot = only_run_fills(s, fn);
    if (slot >= 0)
        return driver_wrong(s->o, "%s is computed when the program runs, and there is no checkpoint of a run: gan run makes one, --checkpoint FILE takes one",
                            s->lowered.ir->slots.v[slot].path);
    st = init >= 0 ? s->engine.run(s->engine.self, init, &s->state, NULL, &err) : GAN_OK;
    return st ? driver_error(s->o, &err) : EXIT_DONE;
}
