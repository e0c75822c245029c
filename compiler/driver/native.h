/* native.h - `gan build FILE -o NAME`: a program that stands alone, or with --lib a library. */
#pragma once
#include "compiler/session/session.h"

/* Can what is to be written be put there? An exit status. */
int native_can_write(const Options *o);

/* Adds samplers of the program's models, then compiles, links and writes --output. The session is open and not yet optimised. An exit status. */
int native_build(Session *s);
