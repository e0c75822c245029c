/* change.h - what this folder's own files share of change.c. */
#pragma once
#include "compiler/ir/ir.h"

typedef ARRAY(IrVal *) Operands;

/* Makes bodies closed: outer values they use become parameters at the end of each, appended to `args` in the same order;
 * const and index are copied inside. */
void ir_close_blocks(IrModule *m, IrBlock *const *bodies, int n_bodies, Operands *args);
