/* parse.h - from text to tree.
 *
 * Errors go to diags; parsing goes on after each, so one run shows them all. The result is NULL if there was any, but for
 * parse_what_fits. */
#pragma once
#include "lang/source/diag.h"
#include "lang/syntax/ast.h"

/* A whole program or module: a FILE. */
Ast *parse_file(Arena *a, const SourceFile *f, Diags *diags);

/* The same, and a tree also where statements are wrong, so that the others can be looked at: a BROKEN stands for each of them. NULL when nobody
 * can tell what is a statement, as braces do not match. */
Ast *parse_what_fits(Arena *a, const SourceFile *f, Diags *diags);

/* One expression and nothing else, for `gan eval -e` and the debugger. */
Ast *parse_expression(Arena *a, const SourceFile *f, Diags *diags);

/* One entry of the REPL: statements and expressions, as a FILE whose expressions need not be used. *unfinished is set,
 * and nothing reported, if the text could be the beginning of an entry that goes on (an open bracket, an operator at
 * the end). unfinished may be NULL. */
Ast *parse_entry(Arena *a, const SourceFile *f, Diags *diags, bool *unfinished);
