/* wide.h - reals whose exponent has 64 bits: what exp(800) is, and what is left of it when it is divided by exp(799).
 *
 * A number known now is computed so, beside double, where double would overflow or underflow. The digits are double's: exp, log and powers are
 * within a few ulp of the operand's effect. Elementary functions are those of runtime/math, as everywhere. */
#pragma once
#include "compiler/ir/ir.h"

typedef struct Wide {
    double  m;                                              /* 0, not finite, or 0.5 <= |m| < 1 */
    int64_t e;                                              /* the value is m 2^e */
} Wide;

Wide   wide_of(double x);
double wide_f64(Wide a);                                    /* rounded: 0 or infinite where double does not hold it */
bool   wide_holds(Wide a);                                  /* finite, and not 0 */
int    wide_compare(Wide a, Wide b);                        /* -1, 0, 1; of numbers */
Wide   wide_scale(Wide a, double times);

/* Of rows of one or two operands; NAN for a row that is not known. */
Wide   wide_map(IrOp op, Wide a);
Wide   wide_binary(IrOp op, Wide a, Wide b);
/* The logarithm of |a|. */
double wide_log(Wide a);
