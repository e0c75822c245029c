/* header.h - what a library is to its users: NAME.h, which declares and explains its functions, and the C source that defines them. */
#pragma once
#include "base/text.h"
#include "runtime/program.h"

/* All symbols begin with `prefix`, an identifier of C, and "_". The header needs C99 or C++11. The source includes it by the name `header`; each of its
 * functions is one call of runtime/native/library.h. GAN_WRONG: two models would get the same function. */
GanStatus native_header(Text *header, Text *source, const GanProgram *p, const char *prefix, const char *header_name, GanError *err);
