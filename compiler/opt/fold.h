/* fold.h - constants computed at compile time, with the engines' own functions, so that folding changes no bit. */
#pragma once
#include "compiler/ir/ir.h"

/* The constant n gives when all its operands are constants, made where the builder stands; NULL if it is not an element-wise
 * row of them, or the result is NaN (whose bits are the engines' affair). */
IrVal *opt_fold(IrBuilder *b, const IrNode *n);
