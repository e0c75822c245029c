/* program.h - the kernels of a whole program as one file of ctext.h. */
#pragma once
#include "compiler/kernel/plan.h"
#include "runtime/program.h"

/* Appends the file: the arithmetic, a function for each distinct kernel, which kernels of which function of the program they are, the
 * table of them. False with a message in `why` for what cannot be compiled. */
bool ctext_program(const IrModule *m, const GanProgram *p, PlanOptions plan, Text *out, char why[512]);
