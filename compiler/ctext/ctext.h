/* ctext.h - the loop IR as C: a nest becomes a function that reads like its text, and has the same bits from any C compiler.
 *
 * A file is ctext_prelude(), functions of ctext_nest(), then ctext_table(). It is C11 and contains all of the arithmetic; only what
 * runtime/symbols.def names is outside. Compile it with
 *     cc -std=c11 -O2 -ffp-contract=off
 * (-march=.., -O3 as you like). Who opens it asks gan_text_is_exact() first: 0 means that the compiler took liberties with the
 * arithmetic, or that this thread does (flush-to-zero), and that the file is not to be used. */
#pragma once
#include "compiler/loop/loop.h"

void ctext_prelude(Text *out);

/* static void NAME(char *const *bases, const int64_t *w, int64_t u0, int64_t u1, int64_t u2, int64_t u3). Registers are v12, counters
 * i0, dims l and d1, buffers b0, as in loop_print(); an instruction is a line. The nest passes loop_verify(). */
void ctext_nest(const LoopNest *n, const char *name, Text *out);

/* The functions by number, for dlsym(): const GanNest gan_nests[]. n >= 1. */
void ctext_table(const char *const *names, int n, Text *out);
