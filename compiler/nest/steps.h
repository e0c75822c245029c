/* steps.h - the plans of a program as the plain data that the runtime walks (runtime/code.h). */
#pragma once
#include "compiler/nest/program.h"
#include "runtime/code.h"

/* All in `a`; nothing points into the plans, whose kernels learn their rows (NestKernel.call). nest: the addresses of the distinct nests, by number, which must outlive the code. */
Code steps_of(Arena *a, const NestProgram *p, const IrModule *m, const GanProgram *program, const KernelFn *nest);
