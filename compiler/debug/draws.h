/* draws.h - sample(DISTRIBUTION, N), a word of whoever looks at a run and none of the language, in words of the language. */
#pragma once
#include "compiler/session/session.h"
#include "lang/syntax/ast.h"

bool draws_declares(const Ast *n, const char *name);        /* the statement, a name of that text */

/* The text of an entry without the word: ({ drawn ~ DISTRIBUTION^N; drawn }). As it is where the program has a sample of its own, or there is none. */
const char *draws_written_out(const Session *s, Arena *a, const char *text);

/* The distribution's text if that is all that the expression is, with a number for N; else NULL. */
const char *draws_alone(const Session *s, Arena *a, const char *expression, int64_t *n);
