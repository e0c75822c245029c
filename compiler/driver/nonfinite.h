/* nonfinite.h - where a NaN or an infinity was born. */
#pragma once
#include "compiler/driver/session.h"

/* Runs the update `fn` once more on a state of the session's program in the watching interpreter, and prints the first operation whose
 * result is not finite although its operands are: its source line, its name, its operands. The state is left as it was. */
void nonfinite_explain(Session *s, int fn, const GanState *state);
