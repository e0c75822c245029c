/* extern.h - simulators of the program: functions of C in shared objects, called for one draw at a time.
 *
 *     void NAME(uint64_t seed, const double *a, .., double *out)
 *
 * An argument for each parameter, in order, row-major: double for reals, int64_t for integers; `out` likewise. The seed decides all that is
 * random, so the numbers are a function of the arguments. Calls are made one at a time over the whole process, as a shared object's own
 * memory is the process's; where it has a symbol NAME_thread_safe, several threads call at once. */
#pragma once
#include "runtime/program.h"

/* Opens the shared objects of p and finds its functions in them. A relative path begins at `folder` (NULL: here); a name without a slash that is not
 * there is left to the system's search. They stay open. GAN_WRONG, *which the one in question: there is no such file, or it has no such function. */
GanStatus extern_open(GanProgram *p, const char *folder, int *which, GanError *err);

/* Row `which` of the table of GanExtern at this address. `in`: its arguments, 8 bytes a number, one behind the other; `out`: as many as a draw
 * has. What it does not write of reals is nan. The floating-point environment is ours again afterwards, whatever the function has made of it. */
void extern_call(int64_t table, int64_t which, int64_t seed, const void *in, void *out);
