/* cot.h - cotangents under masks.
 *
 * A cotangent (or tangent) is select(c1, select(c2, ... inner ...)) with zeros on the other sides: what max, select and the guards of other
 * rules make. Element-wise rules work on `inner` and leave the masks outside, so that an inf or NaN born in a branch that is not taken
 * is dropped instead of multiplied by 0. Two that meet under the same mask are added beneath it, and, where poles lie behind, two under others beneath
 * a mask that says that one of them is there. Other rows are linear, so a mask that is
 * the same for all elements of a sample stays outside of them, too. The selects are written out, once, where a row adds up what a mask
 * tells apart. At most COT_MASKS are kept apart. */
#pragma once
#include "compiler/grad/rules.h"

enum { COT_MASKS = 32 };

typedef struct Mask { IrVal *c; bool drop; } Mask;          /* select(c, g, 0); drop: select(c, 0, g) */

typedef struct Cot {
    IrVal *inner;
    Mask  *mask;                                            /* outermost first */
    int    n_masks;
    IrVal *whole;                                           /* the selects written out, or NULL */
} Cot;

typedef struct CotMaker { IrBuilder *b; Arena *arena; } CotMaker;

Cot   *cot_of(CotMaker *m, IrVal *v);                       /* finds the masks v carries; NULL gives NULL */
IrVal *cot_whole(CotMaker *m, Cot *c);
Cot   *cot_fit(CotMaker *m, Cot *c, const IrType *t);       /* to exactly t: rank 0 broadcast, sums, spreads */
Cot   *cot_add(CotMaker *m, Cot *x, Cot *y, bool poles);    /* of one type; either may be NULL. poles: what it goes on to may not be finite */
/* The formula of a one-result row n for operand i, or with `on` as a tangent for result r, applied to c under the masks that go around the
 * row. Fitted to t; NULL for a known zero. */
Cot   *cot_apply(CotMaker *m, const GradRule *rule, bool on, const IrNode *n, int i, int r, Cot *c, const IrType *t);
/* For rows with bodies, which are linear, too: the masks without dims that all of c (some NULL, not all) are under, and whose axes every one of
 * t (or NULL) has; what is beneath them; and v under them, which may be NULL. */
Cot   *cot_shared(CotMaker *m, Cot *const *c, int n, const IrType *const *t, int n_types);
IrVal *cot_beneath(CotMaker *m, Cot *c, const Cot *shared);
Cot   *cot_under(CotMaker *m, const Cot *shared, IrVal *v);
