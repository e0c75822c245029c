/* header.h - what a library is to its users: NAME.h, which declares and explains its functions, and the C source that defines them. */
#pragma once
#include "compiler/native/names.h"
#include "runtime/program.h"

/* All symbols begin with `prefix`, an identifier of C, and "_". The header needs C99 or C++11. The source includes it by the name `header`; each of its
 * functions is one call of runtime/native/library.h. Their names are added to `symbols`. GAN_WRONG: two things of the program would have one name in C. */
GanStatus native_header(Text *header, Text *source, NativeSymbols *symbols, const GanProgram *p, const char *prefix,
                        const char *header_name, GanError *err);
