/* diag.h - what is wrong with a program, collected first and printed at the end, sorted by place.
 *
 *     Diag *d = diag_error(diags, span, E017, "D expects %s but G(z) is %s", want, got);
 *     diag_label(d, "%s", got);                                       behind the underline
 *     diag_note(d, decl->span, "expected here");                      another place
 *     diag_hint(d, "reshape(G(z), [28, 28]) has the same number of elements");
 *
 * One sentence in the user's terms; no full stop, no capital letter. Every code is a row of codes.def.
 * A Diags keeps a bounded number; what is beyond is counted and dropped (the handle is then a dummy, still valid).
 * The same code with the same text at the same place is kept once, so code that is lowered many times may report freely. So is the same code
 * from the library for one place of the program: what is wrong there is how it is used; and two shapes that do not fit in the library, for
 * all places, which are notes then. */
#pragma once
#include "base/text.h"
#include "lang/source/source.h"

typedef enum {
    DIAG_NO_CODE,
#define CODE(code, title, about) code,
#include "lang/source/codes.def"
#undef CODE
    DIAG_N_CODES
} DiagCode;

typedef enum { DIAG_ERROR, DIAG_WARNING, DIAG_ADVICE } DiagSeverity;

enum {
    DIAGS_KEPT = 100,                                        /* more than this are counted only */
    DIAG_NOTES = 6,                                          /* of one diagnostic; more are dropped */
};

typedef struct {
    Span        at;
    const char *text;
} DiagNote;

typedef struct {                                             /* to read; written by the functions below alone */
    Arena       *arena;
    DiagSeverity severity;
    DiagCode     code;
    Span         at;
    const char  *text, *label, *hint;                        /* label, hint: or NULL */
    bool         by_library;                                 /* at is where the library was used */
    bool         of_world;                                   /* not the program is wrong: memory ran out, a device failed */
    int          n_notes, order;
    DiagNote     notes[DIAG_NOTES];
} Diag;

Diags *diags_new(Sources *s);                                /* lives in the arena of s */

Diag *diag_error(Diags *d, Span at, DiagCode code, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
Diag *diag_warning(Diags *d, Span at, DiagCode code, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
Diag *diag_advice(Diags *d, Span at, DiagCode code, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void  diag_label(Diag *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void  diag_note(Diag *d, Span at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void  diag_hint(Diag *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));   /* the last one given counts */

Diag *diag_said(const Diags *d, Span at, DiagCode code, const char *text);              /* what has been said of the place already; NULL */
bool  diag_has_note(const Diag *d, Span at);

void  diag_of_world(Diag *d);                                /* an error of which the program is not to blame: memory ran out, a device failed */

Diag *diags_take(Diags *to, const Diag *d);                  /* one of another bag, with its notes */

/* From now on a diagnostic in another file than `at`'s gets a note that it was used there. A mistake that shows inside a definition of the
 * library is one of the line that uses it: it is placed there, and the library's place is the note. SPAN_NONE: nothing of that. Returns the
 * place before. */
Span diags_used_at(Diags *d, Span at);
Span diags_use(const Diags *d);                              /* that place; SPAN_NONE */

/* How a message quotes a value that is not known, as something about it was wrong: once an error has been said, a message with it in its text
 * says no more, and is dropped. */
#define DIAG_UNKNOWN "\x1a\x01\x1a"

bool     diags_failed(const Diags *d);                       /* was there an error? */
bool     diags_of_world(const Diags *d);                     /* was there one of the world, of which others may be consequences? */
int      diags_count(const Diags *d, DiagSeverity s);        /* all, also those not kept */
Sources *diags_sources(const Diags *d);

/* GNU text: "file:line:col: error: text [E017]", the line, the underline, notes, the hint. */
void diags_print_text(const Diags *d, Text *out, bool color);

/* One JSON object a line: file, range, code, severity, message, label, notes, hint. Lines and columns from 1, end exclusive. */
void diags_print_json(const Diags *d, Text *out);

/* For reading one by one (language server, tests): sorted by place; how many. */
int diags_sorted(const Diags *d, const Diag *out[DIAGS_KEPT]);

const char *diag_code_name(DiagCode c);                      /* "E017" */
DiagCode    diag_code_named(const char *name);               /* DIAG_NO_CODE if there is none */
const char *diag_code_title(DiagCode c);
const char *diag_code_about(DiagCode c);                     /* a few sentences for `gan doc` */
