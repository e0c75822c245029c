/* variants.h - the code of a program's nests, once for each of the CPUs that it was built for. */
#pragma once
#include "runtime/code.h"

typedef struct NativeCode { int64_t level; const KernelFn *nest; } NativeCode;      /* level: cpu.h's, or 0 for any CPU of this machine; below 0 ends the list */

/* Gives the code the last of the variants that this CPU can run. GAN_WRONG: it can run none. */
GanStatus native_choose(const NativeCode *variants, Code *code, GanError *err);
