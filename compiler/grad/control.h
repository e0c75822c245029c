/* control.h - derivatives of the rows with bodies. The result is again a scan or a cond, so it differentiates again. */
#pragma once
#include "compiler/grad/rules.h"

typedef struct ControlGrad {
    const GradRule *rules;
    IrBuilder      *b;
    Arena          *scratch;
    const IrNode   *opaque;                                 /* set when false is returned */
} ControlGrad;

/* gs: a cotangent a result, or NULL. out[i]: of operand i, with its type, or NULL for a known zero; live_args says which are asked for. */
bool control_reverse(ControlGrad *c, const IrNode *n, IrVal *const *gs, const bool *live_args, IrVal **out);

/* ts: a tangent an operand, or NULL. out[r]: of result r, or NULL. */
bool control_forward(ControlGrad *c, const IrNode *n, IrVal *const *ts, IrVal **out);
