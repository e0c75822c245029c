/* cmd_repl.c - `gan repl`: a run that is stepped through at a prompt, or without a file the language as a calculator. */
#include "compiler/repl/repl.h"

int cmd_repl(const Options *o) { return repl_run(o, o->run.n_operands ? o->run.operands[0] : NULL); }
