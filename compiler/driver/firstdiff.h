/* firstdiff.h - which operation first gives other bits in compiled code than in the interpreter. */
#pragma once
#include "compiler/driver/session.h"

/* Compiles function `fn` once more with every value as a result, runs both engines on `before`, and prints the first value
 * that differs: its operation, source line, place and both numbers. Says so when no value differs any more, as can be when the
 * defect lies in the fusion that observing undoes. */
void firstdiff_print(Session *s, int fn, const GanState *before);
