/* library_doc.h - what is written about a module's definitions, for `gan doc`. */
#pragma once
#include "base/text.h"
#include "lang/source/source.h"
#include "lang/syntax/ast.h"

typedef struct DocModule {
    const char       *name;                                 /* "nn"; of a file its path */
    const SourceFile *file;
    const Ast        *ast;                                  /* a FILE */
    bool              library;
} DocModule;

/* What the definition or let `n` is called, or NULL: it is none that has a page. */
const char *doc_name(const Ast *n);

/* The comment above it; "": there is none. */
const char *doc_of(const Ast *n);

/* The first sentence of a comment, on one line. */
void doc_sentence(const char *doc, Text *out);

/* One line: the module and what it is about. */
void doc_module_line(const DocModule *m, Text *out);

/* What the module is about, and a line for each of its definitions. */
void doc_module(const DocModule *m, Text *out);

/* A definition: how it is called, what is said of it, its members, its example, its text. */
void doc_definition(const DocModule *m, const Ast *n, Text *out);
