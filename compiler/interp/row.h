/* row.h - what the element-wise rows compute, over arrays: the plain reference of the interpreter and of the loop checker. */
#pragma once
#include "compiler/ir/ir.h"

typedef struct Row {
    IrOp      op;
    IrElem    from, to;                                     /* of the first operand (of select: the second), of the result */
    IrCompare compare;
    int64_t   n;                                            /* polygamma: its order */
} Row;

/* y[i] = row(arg[0][i], arg[1][i] ..) for i < n; bools are bytes. y overlaps no operand. A row without such a loop is a BUG. */
void row_apply(const Row *r, const void *const *arg, void *y, size_t n);
