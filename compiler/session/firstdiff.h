/* firstdiff.h - which operation first gives other bits in compiled code than in the interpreter. */
#pragma once
#include "compiler/session/session.h"

/* The first of n elements that are not the same value bit for bit, or -1. Which NaN a NaN is has no meaning: any two are the same. */
int64_t firstdiff_element(GanElem elem, const void *a, const void *b, int64_t n);

/* Compiles function `fn` once more with every value as a result, runs both engines on `before`, and prints the first value
 * that differs: its operation, source line, place and both numbers. Says so when no value differs any more, as can be when the
 * defect lies in the fusion that observing undoes. */
void firstdiff_print(Session *s, int fn, const GanState *before);
