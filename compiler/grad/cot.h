/* cot.h - cotangents under masks.
 *
 * A cotangent (or tangent) is select(c1, select(c2, ... inner ...)) with zeros on the other sides: what max, select and the guards of other
 * rules make. Element-wise rules work on `inner` and leave the masks outside, so that an inf or NaN born in a branch that is not taken
 * is dropped instead of multiplied by 0. Two that meet under the same mask are added beneath it. The selects are written out,
 * once, where a contraction or a reduction wants the whole value. At most COT_MASKS are kept apart. */
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
Cot   *cot_add(CotMaker *m, Cot *x, Cot *y);                /* of one type; either may be NULL */
/* The formula f of a one-result row n for operand i (as a tangent: for result r), applied to c: for element-wise rows under the masks, for
 * rows that only move elements also to the masks themselves, else to the whole. Fitted to t; NULL for a known zero. */
Cot   *cot_apply(CotMaker *m, const GradRule *rule, GradFormula f, const IrNode *n, int i, int r, Cot *c, const IrType *t);
