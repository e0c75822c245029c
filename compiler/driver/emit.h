/* emit.h - `gan build --emit FORM`: a program's kernels as one file, for whoever brings the rest. */
#pragma once
#include "compiler/session/session.h"

/* Can what is asked for, with or without --emit, be made for the machine that is? Else it is told on stderr. */
bool emit_possible(const Options *o);
/* Writes the kernels of an optimised program to --output. An exit status. */
int  emit(Session *s);
