/* names.h - every name of the program is declared somewhere, also in code that nothing applies.
 *
 * A first look without values: blocks, parameters and binders open scopes, dimensions are named by the types that use them.
 * Order within a block is not looked at; lowering does that. */
#pragma once
#include "lang/check/module.h"

/* The language's own functions, ended by NULL, and the library's modules (by name; for hints). */
void names_check(Arena *a, const Modules *m, const char *const *builtins, StdlibFind *find, const char *const *library, Diags *diags);

/* How many letters must change to make one name of the other; large for names longer than 32. */
int name_distance(const char *a, const char *b);

/* The module of the library that declares the name, or NULL. */
const char *names_module_of(StdlibFind *find, const char *const *library, const char *name);
