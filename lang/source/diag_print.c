/* diag_print.c - diagnostics as text for people and as JSON lines for editors.
 *
 * A line of source is shown in a window of WINDOW columns around the span, so a file that is one 10 MB line prints like any
 * other. Widths are those of a terminal (utf8proc). Control characters and bad bytes are shown as U+FFFD, so that a hostile
 * source cannot reach the terminal. Start at diags_print_text(). */
#include "lang/source/diag_internal.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

enum { WINDOW = 100, TAB = 4 };

static const char *const severity_name[] = {"error", "warning", "advice"};

typedef struct {
    const char *severity[3], *place, *under, *note, *hint, *off;
} Paint;

static const Paint plain = {{"", "", ""}, "", "", "", "", ""};
static const Paint colored = {{"\33[1;31m", "\33[1;35m", "\33[1;36m"}, "\33[1m", "\33[1;32m", "\33[34m", "\33[1;36m", "\33[0m"};

/* One shown character: its source bytes, its width, what to print. */
typedef struct {
    uint32_t bytes;
    int      width;
    bool     replaced;
} Glyph;

static Glyph glyph_at(const char *p, const char *end)
{
    if (*p == '\t') return (Glyph){1, TAB, true};
    utf8proc_int32_t cp;
    utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)p, end - p, &cp);
    if (n <= 0) return (Glyph){1, 1, true};
    utf8proc_category_t c = utf8proc_category(cp);
    if (c == UTF8PROC_CATEGORY_CC || c == UTF8PROC_CATEGORY_CF || c == UTF8PROC_CATEGORY_ZL || c == UTF8PROC_CATEGORY_ZP)
        return (Glyph){(uint32_t)n, 1, true};
    return (Glyph){(uint32_t)n, utf8proc_charwidth(cp), false};
}

static void add_glyph(Text *out, const char *p, Glyph g)
{
    if (*p == '\t')
        text_add(out, "    ");
    else if (g.replaced)
        text_add(out, "\xEF\xBF\xBD");
    else
        text_addn(out, p, g.bytes);
}

/* Text of ours that may quote the user's: newlines stay. */
static void add_clean(Text *out, const char *s)
{
    const size_t unknown = strlen(DIAG_UNKNOWN);
    for (const char *end = s + strlen(s); s < end;) {
        if (!strncmp(s, DIAG_UNKNOWN, unknown)) {
            text_add(out, "a value that is not known");
            s += unknown;
            continue;
        }
        Glyph g = glyph_at(s, end);
        if (*s == '\n')
            text_add(out, "\n");
        else
            add_glyph(out, s, g);
        s += g.bytes;
    }
}

static void repeat(Text *out, const char *s, int n)
{
    for (int i = 0; i < n; i++) text_add(out, s);
}

/* The byte, at or after line_begin, from which the line is shown so that at is inside the window. */
static uint32_t window_begin(const SourceFile *f, uint32_t line_begin, uint32_t at)
{
    int width = 0;
    for (uint32_t i = line_begin; i < at && width <= WINDOW * 2 / 3; i++) width += (f->text[i] & 0xC0) != 0x80;
    if (width <= WINDOW * 2 / 3) return line_begin;
    uint32_t begin = at;
    for (int back = 0; back < WINDOW / 3 && begin > line_begin; back++) {
        begin--;
        while (begin > line_begin && (f->text[begin] & 0xC0) == 0x80) begin--;
    }
    return begin;
}

/* " 12 | text" and the underline of at's part of that line, with a label behind it. */
static void add_snippet(Text *out, const SourceFile *in, Span at, char mark, const char *label, const char *color, const Paint *c)
{
    Place             p = source_place(in, at.begin);
    const SourceFile *f = p.file;
    uint32_t          line = p.line, skipped = f == in ? 0 : in->typed_from;
    at = (Span){f->id, at.begin - skipped, at.end - skipped};
    uint32_t line_begin = f->line_start[line - 1], line_end = source_line_end(f, line);
    uint32_t begin = at.begin < line_end ? at.begin : line_end, end = at.end < line_end ? at.end : line_end;
    uint32_t shown = window_begin(f, line_begin, begin);

    int  before = 0, under = 0, width = 0;
    char number[16];
    int  digits = snprintf(number, sizeof number, "%3u", line);
    text_printf(out, "%s |%s", number, line_end > line_begin ? " " : "");
    if (shown > line_begin) {
        text_add(out, "...");
        before = 3;
    }
    uint32_t i = shown;
    while (i < line_end && width < WINDOW) {
        Glyph g = glyph_at(f->text + i, f->text + line_end);
        add_glyph(out, f->text + i, g);
        if (i < begin) before += g.width;
        if (i >= begin && i < end) under += g.width;
        width += g.width;
        i += g.bytes;
    }
    text_printf(out, "%s\n", i < line_end ? "..." : "");
    repeat(out, " ", digits);
    text_add(out, " | ");
    repeat(out, " ", before);
    text_add(out, color);
    repeat(out, (char[]){mark, 0}, under > 0 ? under : 1);
    if (label) {
        text_add(out, " ");
        add_clean(out, label);
    }
    text_printf(out, "%s\n", *color ? c->off : "");
}

static void add_place(Text *out, const Sources *s, Span at, const Paint *c)
{
    const SourceFile *f = source_file(s, at.file);
    text_add(out, c->place);
    if (f) {
        Place p = source_place(f, at.begin);
        add_clean(out, p.file->name);
        text_printf(out, ":%u:%u: ", p.line, p.column);
    } else {
        text_add(out, "gan: ");
    }
    text_add(out, c->off);
}

/* A note in the same file needs only its line; elsewhere, or without a place, it says where it is. */
static void add_note(Text *out, const Sources *s, const Diag *d, const DiagNote *n, const Paint *c)
{
    const SourceFile *f = source_file(s, n->at.file);
    if (f && n->at.file == d->at.file && source_place(f, n->at.begin).file == source_place(f, d->at.begin).file) {
        add_snippet(out, f, n->at, '-', n->text, c->note, c);
        return;
    }
    if (f) add_place(out, s, n->at, c);
    text_printf(out, "%snote:%s ", c->note, c->off);
    add_clean(out, n->text);
    text_add(out, "\n");
    if (f) add_snippet(out, f, n->at, '-', NULL, c->note, c);
}

static void print_one(Text *out, const Sources *s, const Diag *d, const Paint *c)
{
    const SourceFile *f = source_file(s, d->at.file);
    add_place(out, s, d->at, c);
    text_printf(out, "%s%s:%s ", c->severity[d->severity], severity_name[d->severity], c->off);
    add_clean(out, d->text);
    if (d->code) text_printf(out, " [%s]", diag_code_name(d->code));
    text_add(out, "\n");
    if (f) add_snippet(out, f, d->at, '^', d->label, c->under, c);
    for (int i = 0; i < d->n_notes; i++) add_note(out, s, d, &d->notes[i], c);
    if (d->hint) {
        text_printf(out, "%shint:%s ", c->hint, c->off);
        add_clean(out, d->hint);
        text_add(out, "\n");
    }
}

static int not_kept(const Diags *d)
{
    return d->count[DIAG_ERROR] + d->count[DIAG_WARNING] + d->count[DIAG_ADVICE] - d->n;
}

void diags_print_text(const Diags *d, Text *out, bool color)
{
    const Diag *sorted[DIAGS_KEPT];
    int         n = diags_sorted(d, sorted);
    for (int i = 0; i < n; i++) print_one(out, d->sources, sorted[i], color ? &colored : &plain);
    if (not_kept(d)) text_printf(out, "gan: and %d more, not shown\n", not_kept(d));
}

/* ---- JSON */

static json_t *json_text(const char *s)
{
    Arena *a = arena_new();
    Text   t = text_in(a);
    add_clean(&t, s);
    json_t *j = json_string(text_str(&t));
    arena_free(a);
    return j;
}

static json_t *json_place(const SourceFile *f, uint32_t byte)
{
    Place p = source_place(f, byte);
    return json_pack("{s:i, s:i}", "line", (int)p.line, "column", (int)p.column);
}

static void set_range(json_t *o, const Sources *s, Span at)
{
    const SourceFile *f = source_file(s, at.file);
    json_object_set_new(o, "file", f ? json_text(source_place(f, at.begin).file->name) : json_null());
    json_object_set_new(o, "range", f ? json_pack("{s:o, s:o}", "start", json_place(f, at.begin), "end", json_place(f, at.end)) : json_null());
}

static json_t *json_notes(const Sources *s, const Diag *d)
{
    json_t *notes = json_array();
    for (int i = 0; i < d->n_notes; i++) {
        json_t *o = json_object();
        set_range(o, s, d->notes[i].at);
        json_object_set_new(o, "message", json_text(d->notes[i].text));
        json_array_append_new(notes, o);
    }
    return notes;
}

/* The line and the column of the range's start once more, for who needs no more. */
static void set_place(json_t *o, const Sources *s, Span at)
{
    const SourceFile *f = source_file(s, at.file);
    Place             p = f ? source_place(f, at.begin) : (Place){0};
    json_object_set_new(o, "line", f ? json_integer(p.line) : json_null());
    json_object_set_new(o, "column", f ? json_integer(p.column) : json_null());
}

static json_t *json_diag(const Sources *s, const Diag *d)
{
    json_t *o = json_object();
    set_range(o, s, d->at);
    set_place(o, s, d->at);
    json_object_set_new(o, "code", d->code ? json_string(diag_code_name(d->code)) : json_null());
    json_object_set_new(o, "severity", json_string(severity_name[d->severity]));
    json_object_set_new(o, "message", json_text(d->text));
    if (d->label) json_object_set_new(o, "label", json_text(d->label));
    json_object_set_new(o, "notes", json_notes(s, d));
    if (d->hint) json_object_set_new(o, "hint", json_text(d->hint));
    return o;
}

void diags_print_json(const Diags *d, Text *out)
{
    const Diag *sorted[DIAGS_KEPT];
    int         n = diags_sorted(d, sorted);
    for (int i = 0; i < n; i++) {
        json_t *o = json_diag(d->sources, sorted[i]);
        char   *s = json_dumps(o, JSON_COMPACT | JSON_PRESERVE_ORDER);
        if (s) text_add(out, s);
        text_add(out, "\n");
        free(s);
        json_decref(o);
    }
    if (not_kept(d))
        text_printf(out, "{\"file\":null,\"range\":null,\"line\":null,\"column\":null,\"code\":null,\"severity\":\"note\","
                         "\"message\":\"and %d more, not shown\",\"notes\":[]}\n", not_kept(d));
}
