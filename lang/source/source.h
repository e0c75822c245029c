/* source.h - texts of a program and places in them.
 *
 * A Sources holds every text of one compilation: files, standard input, modules of the library, what was typed. Each
 * has a number from 1; a Span is that number and a range of bytes. Everything lives in the arena given to
 * sources_new() and dies with it. */
#pragma once
#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>

enum { SOURCE_MAX = 64 << 20 };              /* bytes of one text */

typedef struct Diags Diags;
typedef struct Sources Sources;

typedef struct {
    uint32_t file;                           /* SourceFile.id; 0: no place */
    uint32_t begin, end;                     /* bytes, end is one past */
} Span;

#define SPAN_NONE ((Span){0, 0, 0})

typedef struct SourceFile SourceFile;
struct SourceFile {
    uint32_t        id;
    const char     *name;                    /* as shown: the path, "<stdin>", "nn" */
    const char     *text;                    /* n bytes, then a NUL that does not count; n <= SOURCE_MAX */
    uint32_t        n;
    const uint32_t *line_start;              /* byte where line i (from 0) starts */
    uint32_t        n_lines;                 /* at least 1 */
    bool            library;                 /* a module that comes with the compiler: nobody can mend it here */
    const SourceFile *typed;                 /* its text from this byte on once more: what was typed behind a file's, whose places are its own. NULL: nothing was */
    uint32_t        typed_from;
    bool            again;                   /* it is another's .typed */
};

typedef struct {
    const SourceFile *file;                  /* the one asked for, or its .typed */
    uint32_t line, column;                   /* both from 1; columns count code points */
} Place;

Sources *sources_new(Arena *a);
Arena   *sources_arena(Sources *s);

/* Takes a copy of a text we already have. NULL if it is larger than SOURCE_MAX. */
const SourceFile *source_add(Sources *s, const char *name, const char *text, size_t n);
const SourceFile *source_add_typed(Sources *s, const char *name, const char *text, size_t n, size_t from);    /* the same, typed from byte `from` on */
const SourceFile *source_add_library(Sources *s, const char *name, const char *text, size_t n);     /* the same, of the library */

/* Reads a file, or standard input when path is "-". Anything but a regular file, one that cannot be read, or one too
 * large is reported at wanted_by (the import that asks for it, or SPAN_NONE), and the result is NULL. */
const SourceFile *source_read(Sources *s, const char *path, Span wanted_by, Diags *diags);

/* Reports bytes that are not UTF-8 and NUL bytes, once for each run of them. True if there are none. */
bool source_check_bytes(const SourceFile *f, Diags *diags);

const SourceFile *source_file(const Sources *s, uint32_t id);   /* NULL for 0 or an unknown id */
Place             source_place(const SourceFile *f, uint32_t byte);
uint32_t          source_line_end(const SourceFile *f, uint32_t line);   /* byte after the text of line (from 1), before \n, \r\n */

static inline Span span_of(const SourceFile *f, uint32_t begin, uint32_t end) { return (Span){f->id, begin, end}; }

/* From the start of a to the end of b, of one file; either may be SPAN_NONE. */
static inline Span span_join(Span a, Span b)
{
    if (!a.file || !b.file) return a.file ? a : b;
    return (Span){a.file, a.begin < b.begin ? a.begin : b.begin, a.end > b.end ? a.end : b.end};
}
