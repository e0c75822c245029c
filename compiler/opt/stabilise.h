/* stabilise.h - the same numbers, computed so that they neither overflow nor cancel.
 *
 * Element-wise trees of exponentials and logarithms are put into a normal form (form.h) and emitted again by rules that do not
 * subtract nearly equal numbers where the form allows: logs of ratios become logits, log(1 + exp(t)) softplus, and so on.
 * No name of a loss is known here. Trees that are numbers per sample (rank 0 with an axis) are computed in f64. To be called
 * before differentiating, so that derivatives come from rows that are exact in the tails, and on functions for what is not
 * differentiated. A tree that the form does not hold is left as written. */
#pragma once
#include "compiler/ir/ir.h"

/* The value to use instead of `v`, which stands in b->block; new nodes go where the builder stands. Only what `v` depends on
 * within its block is looked at; v itself when nothing changes. */
IrVal *opt_stabilise_value(IrBuilder *b, IrVal *v);

/* All trees of a function that are as written (not derivatives, not stabilised before). */
void opt_stabilise(IrModule *m, IrFn *f);
