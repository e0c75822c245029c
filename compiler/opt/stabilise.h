/* stabilise.h - the same numbers, computed so that they neither overflow nor cancel.
 *
 * Element-wise trees of exponentials and logarithms are put into a normal form (form.h) and written again by rules that do not
 * subtract nearly equal numbers where the form allows: logs of ratios become logits, log(1 + exp(t)) softplus, and so on.
 * No name of a loss is known here. Trees that are numbers per sample (rank 0 with one axis) are computed in f64. To be called
 * before differentiating, so that derivatives come from rows that are exact in the tails, and on functions for what is not
 * differentiated. A tree that the form does not hold is left as written; what it is made of is looked at in turn. */
#pragma once
#include "compiler/ir/ir.h"

/* The value to use instead of `v`, which stands in b->block; v itself when nothing is gained. Nodes that exist are neither changed
 * nor moved. New ones are made where b stands, operands before users: what was rewritten, and copies of what lies between it and v.
 * The time is linear in what v depends on within its block up to wrt.
 *   wrt    what v will be differentiated by: these stay what they are, and are not looked through
 *   last   no derivative by a value of this block other than wrt will be asked of v: reshapes to the same shape, which lowering puts
 *          around a value to differentiate by it, are looked through */
IrVal *opt_stabilise_value(IrBuilder *b, IrVal *v, IrVal *const *wrt, int n_wrt, bool last);

/* All trees that the roots are made of and that are as written (not stabilised before; of derivatives only those that are numbers per sample),
 * in bodies too. The block is changed in place: root[i] becomes what to use instead, and new nodes stand before those that they replace. */
void opt_stabilise_block(IrModule *m, IrBlock *block, IrVal **root, int n_roots);
/* Of a function: its commits and reports are the roots. */
void opt_stabilise(IrModule *m, IrFn *f);
