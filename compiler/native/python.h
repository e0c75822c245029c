/* python.h - NAME_game.py, a module around a library for Python: ctypes, and numpy if it is there. Python takes NAME.so for a module of its own,
 * so the two have different names. */
#pragma once
#include "base/text.h"
#include "runtime/program.h"

/* It loads `library` from its own folder. prefix: of the library's symbols, as native_header has it. */
void native_python(Text *module, const GanProgram *p, const char *prefix, const char *library);
