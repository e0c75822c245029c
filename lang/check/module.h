/* module.h - the files of a program: the main one and every module it imports, read, parsed, and in order.
 *
 * A module is a .gan file of declarations: one of the library, or a file beside the program (`import mine.parts` reads
 * mine/parts.gan). A name of the library cannot be taken by a file. Every module but the prelude sees the prelude. */
#pragma once
#include "base/array.h"
#include "lang/source/diag.h"
#include "lang/syntax/ast.h"

typedef struct Module Module;
struct Module {
    const char       *name;                                 /* "nn", "mine.parts"; the main file's is "" */
    const SourceFile *file;
    const Ast        *ast;                                  /* a FILE, or NULL when it could not be read or parsed */
    bool              library;
    Module          **import;                               /* in order of the text; the prelude is not among them */
    int               n_imports;
};

typedef struct Modules {
    ARRAY(Module *) all;                                    /* imported ones before those that import them; the main file last */
    Module         *main;
    Module         *prelude;
} Modules;

/* The text of a module of the library, or NULL; *n is its length. */
typedef const char *StdlibFind(const char *module, size_t *n);

/* Reads and parses what `file` imports, and what that imports. `file` may be NULL: then the main module is empty and imports
 * the whole library that `names` (ended by NULL) lists. False, reported: there is nothing to go on with, as imports go in a circle or the
 * statements of `file` cannot be told apart. Else there may have been errors all the same: a statement that could not be read is BROKEN in
 * its tree, and a module that could not be has none. */
bool modules_load(Sources *s, const SourceFile *file, const char *folder, StdlibFind *find, const char *const *names,
                  Diags *diags, Modules *out);
