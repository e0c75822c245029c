/* names.h - what the things of a program are called in C and in Python: a word for each name, and each word once.
 *
 * Different names may become one word (φ and ψ, or a model `evaluate` and a net `SIZE`, whose NAME_evaluate_SIZE are two things), so whoever
 * declares a word takes it from a table of all that are declared beside it. */
#pragma once
#include "base/array.h"
#include "base/text.h"

typedef struct NativeName { const char *word, *what; } NativeName;          /* what: of the program, for a message */
typedef ARRAY(const char *) NativeSymbols;                  /* what a library has for others */
typedef struct NativeNames { Arena *a; ARRAY(NativeName) name; } NativeNames;

/* Letters, digits and _ as they are, _ for each byte of the rest. */
const char *names_word(Arena *a, const char *name);

/* `what` gets the word. Else who has it: nothing is added. */
const NativeName *names_take(NativeNames *n, const char *word, const char *what);

/* For words that only a function's own text knows: `word`, or the first of word_2, word_3, .. that is not taken. */
const char *names_local(NativeNames *n, const char *word);

/* The local word of a net's argument, in C and in Python. `path`: of its slot. */
const char *names_argument(NativeNames *n, const char *path);
