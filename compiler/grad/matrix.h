/* matrix.h - derivatives of the whole-matrix rows. Matrices are the last two dims; dims before them and sample axes are batches.
 *
 * Sources: Giles, Collected matrix derivative results for forward and reverse mode algorithmic differentiation (2008); for cholesky Murray,
 * Differentiation of the Cholesky decomposition, arXiv:1602.07527 (2016). */
#pragma once
#include "compiler/ir/ir.h"

IrVal *flip(IrBuilder *B, IrVal *x);                        /* transpose of each matrix */
IrVal *cholesky_back(IrBuilder *B, const IrNode *n, IrVal *g);
IrVal *cholesky_tangent(IrBuilder *B, const IrNode *n, IrVal *t);
IrVal *trisolve_back(IrBuilder *B, const IrNode *n, IrVal *g);          /* of the triangle; the right side's is a line */
IrVal *trisolve_tangent(IrBuilder *B, const IrNode *n, int i, IrVal *t);
IrVal *solve_back(IrBuilder *B, const IrNode *n, IrVal *g);             /* of the matrix */
IrVal *solve_tangent(IrBuilder *B, const IrNode *n, int i, IrVal *t);
IrVal *eigh_back(IrBuilder *B, const IrNode *n, IrVal *const *gs);      /* gs: of values and of vectors, one perhaps NULL */
IrVal *eigh_tangent(IrBuilder *B, const IrNode *n, int r, IrVal *t);
