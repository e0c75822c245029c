/* terms.h - which elements of its operands one element of a value is made of.
 *
 * The one place outside of the interpreter that knows what rows do with places; tests hold it to the interpreter. */
#pragma once
#include "compiler/ir/ir.h"

typedef struct Term {                                       /* an element of an operand */
    int     operand;
    int64_t element;                                        /* row-major over the operand's axes, then dims */
    int64_t k;                                              /* of a sum: which of its terms, from 0; of a product both factors have the same */
} Term;

typedef struct TermWalk {
    bool   (*see)(void *self, const Term *t);               /* false ends the walk */
    int64_t (*whole)(void *self, int operand, int64_t element);     /* an element of an operand of whole numbers or bools */
    void    *self;
} TermWalk;

/* Every element that goes into element e of result r, in order. Of a select, the one that is taken; what a gather, a pad or a convolution
 * leaves out is not seen. Not of scans and conds, whose bodies say it. False: the walk was ended. */
bool terms_of(const IrModule *m, const IrNode *n, int r, int64_t e, const TermWalk *walk);

/* ---- places */

typedef struct Spot { int64_t axis[IR_MAX_AXES], dim[IR_MAX_RANK]; } Spot;      /* of an element: by the type's axes and dims, in order */

Spot    spot_of(const IrModule *m, const IrType *t, int64_t e);
int64_t spot_element(const IrModule *m, const IrType *t, const Spot *s);
