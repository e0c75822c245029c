/* shape.h - what this folder's own files share of shape.c. */
#pragma once
#include "compiler/ir/ir.h"

enum { IR_MAX_RESULTS = 2, IR_TOO_LARGE = -1 };

/* Like ir_infer, for all results: how many there are, or with a sentence in `why`: IR_TOO_LARGE if only their size is wrong, else 0. */
int ir_infer_results(const IrModule *m, IrOp op, const IrType *const *args, int n_args, const IrAttrs *attrs,
                     IrType results[IR_MAX_RESULTS], char why[256]);
/* A type that may stand in this module: known axes in order, extents whose product fits. */
bool ir_type_fits(const IrModule *m, const IrType *t);
/* The types of all results of a scan or cond from its operands and bodies, in the module's arena; NULL with a sentence,
 * and *n_results is then IR_TOO_LARGE if only their size is wrong. */
IrType *ir_body_results(const IrModule *m, const IrNode *n, int *n_results, char why[256]);
