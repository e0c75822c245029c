/* rules.h - the table of grads.def as functions. Inside the folder, and for its test, which swaps rules for wrong ones. */
#pragma once
#include "compiler/grad/grad.h"

/* Cotangent of operand i, gs[r] being the cotangent of result r (for one of several results perhaps NULL, else whole), or, as a tangent,
 * the term of result r that comes from operand i, whose tangent is gs[0]. The type is fitted by the caller. NULL is a known zero. */
typedef IrVal *(*GradFormula)(IrBuilder *b, const IrNode *n, int i, int r, IrVal *const *gs);

typedef enum { GRAD_NONE, GRAD_FORMULA, GRAD_CONTROL, GRAD_REFUSE } GradKind;

typedef struct GradRule {
    GradKind    kind;
    GradFormula vjp, jvp;                                   /* of FORMULA */
} GradRule;

extern const GradRule grad_rules[IR_OP_COUNT];

/* Does the row's formula only move and repeat elements: vjp (ON false) or jvp? */
bool grad_copies(IrOp op, bool on);

/* grad_reverse and grad_forward with another table. */
bool grad_reverse_by(const GradRule *rules, IrBuilder *b, IrVal *const *outputs, IrVal *const *seeds, int n_out, IrVal *const *wrt, int n_wrt,
                     IrVal **grads_out, GradReport *report);
bool grad_forward_by(const GradRule *rules, IrBuilder *b, IrVal *const *outputs, int n_out, IrVal *const *wrt, IrVal *const *tangents, int n_wrt,
                     IrVal **tangents_out, const IrNode **opaque);
