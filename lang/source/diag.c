/* diag.c - the bag of diagnostics: raising, bounding, sorting. Printing is diag_print.c. */
#include "lang/source/diag_internal.h"

#include "base/bug.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *title, *about;
} code_info[DIAG_N_CODES] = {
    [DIAG_NO_CODE] = {"", "", ""},
#define CODE(code, title, about) [code] = {#code, title, about},
#include "lang/source/codes.def"
#undef CODE
};

Diags *diags_new(Sources *s)
{
    Arena *a = sources_arena(s);
    Diags *d = arena_new_of(a, Diags);
    d->arena = a;
    d->sources = s;
    return d;
}

/* A message of bounded length, cut between code points. */
static char *message(Arena *a, const char *fmt, va_list args)
{
    enum { LONGEST = 2000 };
    char buf[LONGEST + 1];
    int  n = vsnprintf(buf, sizeof buf, fmt, args);
    if (n < 0) BUG("a diagnostic's format: %s", fmt);
    if (n <= LONGEST) return arena_strn(a, buf, (size_t)n);
    size_t cut = LONGEST;
    while (cut > 0 && (buf[cut] & 0xC0) == 0x80) cut--;
    return arena_printf(a, "%.*s...", (int)cut, buf);
}

static bool same_span(Span a, Span b) { return a.file == b.file && a.begin == b.begin && a.end == b.end; }

static Diag *already_there(const Diags *d, Span at, DiagCode code, const char *text)
{
    for (int i = 0; i < d->n; i++) {
        Diag *o = d->v[i];
        if (o->code == code && same_span(o->at, at) && strcmp(o->text, text) == 0) return o;
    }
    return NULL;
}

static bool in_library(const Diags *d, Span at)
{
    const SourceFile *f = source_file(d->sources, at.file);
    return f && f->library;
}

/* The library has said this of the place already. */
static bool said_by_library(const Diags *d, Span at, DiagCode code)
{
    for (int i = 0; i < d->n; i++)
        if (d->v[i]->code == code && d->v[i]->by_library && same_span(d->v[i]->at, at)) return true;
    return false;
}

/* Two shapes that do not fit are one mistake, however many lines of the program bring them together in the library. */
static Diag *same_mismatch(Diags *d, DiagCode code, const char *text)
{
    for (int i = 0; code == E200 && i < d->n; i++)
        if (d->v[i]->code == code && d->v[i]->by_library && !strcmp(d->v[i]->text, text)) return d->v[i];
    return NULL;
}

static bool follows(const Diags *d, const char *text) { return d->count[DIAG_ERROR] && strstr(text, DIAG_UNKNOWN); }

static Diag *raise(Diags *d, DiagSeverity severity, Span inside, DiagCode code, const char *fmt, va_list args)
{
    if (d->n == DIAGS_KEPT) {
        d->count[severity]++;
        return &d->dummy;
    }
    bool library = in_library(d, inside) && d->used_at.file && !in_library(d, d->used_at);
    Span at = library ? d->used_at : inside;
    char *text = message(d->arena, fmt, args);
    if (follows(d, text) || already_there(d, at, code, text) || (library && said_by_library(d, at, code))) return &d->dummy;
    Diag *same = library ? same_mismatch(d, code, text) : NULL;
    if (same) {
        diag_note(same, at, "and here");
        return &d->dummy;
    }
    Diag *g = arena_new_of(d->arena, Diag);
    *g = (Diag){.arena = d->arena, .severity = severity, .at = at, .code = code, .text = text, .by_library = library, .order = d->n};
    d->count[severity]++;
    d->v[d->n++] = g;
    if (library) diag_note(g, inside, "it shows in the library, here");
    else if (d->used_at.file && at.file && at.file != d->used_at.file) diag_note(g, d->used_at, "used here");
    return g;
}

Diag *diags_take(Diags *to, const Diag *d)
{
    bool said = d->by_library && said_by_library(to, d->at, d->code);
    if (said || follows(to, d->text) || already_there(to, d->at, d->code, d->text)) return &to->dummy;
    to->count[d->severity]++;
    if (to->n == DIAGS_KEPT) return &to->dummy;
    Diag *g = arena_copy(to->arena, d, sizeof *d);
    g->arena = to->arena;
    g->order = to->n;
    return to->v[to->n++] = g;
}

#define RAISE(severity)                                    \
    va_list args;                                          \
    va_start(args, fmt);                                   \
    Diag *g = raise(d, severity, at, code, fmt, args);     \
    va_end(args);                                          \
    return g

Diag *diag_error(Diags *d, Span at, DiagCode code, const char *fmt, ...) { RAISE(DIAG_ERROR); }
Diag *diag_warning(Diags *d, Span at, DiagCode code, const char *fmt, ...) { RAISE(DIAG_WARNING); }
Diag *diag_advice(Diags *d, Span at, DiagCode code, const char *fmt, ...) { RAISE(DIAG_ADVICE); }

Span diags_used_at(Diags *d, Span at)
{
    Span before = d->used_at;
    d->used_at = at;
    return before;
}

Span diags_use(const Diags *d) { return d->used_at; }

void diag_label(Diag *d, const char *fmt, ...)
{
    if (!d->arena) return;                                   /* the dummy */
    va_list args;
    va_start(args, fmt);
    d->label = message(d->arena, fmt, args);
    va_end(args);
}

void diag_note(Diag *d, Span at, const char *fmt, ...)
{
    if (!d->arena || d->n_notes == DIAG_NOTES) return;
    va_list args;
    va_start(args, fmt);
    d->notes[d->n_notes++] = (DiagNote){at, message(d->arena, fmt, args)};
    va_end(args);
}

Diag *diag_said(const Diags *d, Span at, DiagCode code, const char *text) { return already_there(d, at, code, text); }

bool diag_has_note(const Diag *d, Span at)
{
    for (int i = 0; i < d->n_notes; i++)
        if (same_span(d->notes[i].at, at)) return true;
    return false;
}

void diag_hint(Diag *d, const char *fmt, ...)
{
    if (!d->arena) return;
    va_list args;
    va_start(args, fmt);
    d->hint = message(d->arena, fmt, args);
    va_end(args);
}

void diag_of_world(Diag *d) { d->of_world = true; }

bool     diags_failed(const Diags *d) { return d->count[DIAG_ERROR] > 0; }
int      diags_count(const Diags *d, DiagSeverity s) { return d->count[s]; }
Sources *diags_sources(const Diags *d) { return d->sources; }

bool diags_of_world(const Diags *d)
{
    bool found = d->dummy.of_world;
    for (int i = 0; i < d->n; i++) found = found || d->v[i]->of_world;
    return found;
}

static int by_place(const void *x, const void *y)
{
    const Diag *a = *(Diag *const *)x, *b = *(Diag *const *)y;
    if (a->at.file != b->at.file) return a->at.file < b->at.file ? -1 : 1;
    if (a->at.begin != b->at.begin) return a->at.begin < b->at.begin ? -1 : 1;
    return a->order - b->order;
}

int diags_sorted(const Diags *d, const Diag *out[DIAGS_KEPT])
{
    memcpy(out, d->v, (size_t)d->n * sizeof *out);
    qsort(out, (size_t)d->n, sizeof *out, by_place);
    return d->n;
}

const char *diag_code_name(DiagCode c) { return code_info[c].name; }
const char *diag_code_title(DiagCode c) { return code_info[c].title; }
const char *diag_code_about(DiagCode c) { return code_info[c].about; }

DiagCode diag_code_named(const char *name)
{
    for (int c = 1; c < DIAG_N_CODES; c++)
        if (strcmp(code_info[c].name, name) == 0) return (DiagCode)c;
    return DIAG_NO_CODE;
}
