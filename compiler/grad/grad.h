/* grad.h - derivatives, IR to IR: reverse mode (grad_reverse) and forward mode (grad_forward).
 *
 * Both append ordinary nodes, made of the same rows as the program, so a derivative folds, prints and differentiates
 * again, to any order. The rules are one line a row in grads.def. Only what lies between `wrt` and the outputs is walked,
 * known zeros are dropped as they arise, and integers and bools have no derivative.
 *
 * `outputs` and `wrt` are values visible where the builder stands: reads of slots, results, parameters of the block being
 * built. A wrt may depend on another one: derivatives are total. A second `read` of a slot is another value: pass bodies of
 * scan and cond the value that will be differentiated as an operand. */
#pragma once
#include "compiler/ir/ir.h"

/* What a caller needs for its diagnostics. The arrays have n_wrt entries and live in the module's arena. */
typedef struct GradReport {
    const IrNode **cut;             /* where grads_out[i] is NULL but the outputs do depend on wrt[i]: the row nearest the outputs that has no
                                     * derivative (stop, floor, compare, argmax, argsort, convert to int ...); else NULL */
    const IrNode **meet;            /* a row on a differentiable path from wrt[i] at which samples of one of wrt[i]'s axes meet
                                     * (a sum over the axis, as_feature ...; perhaps inside a body), so that the gradient is not per example; else NULL */
    const IrNode  *opaque;          /* an extern on a path: the derivative does not exist; else NULL */
} GradReport;

/* The sum over outputs of <seed, output>, differentiated by each wrt. seeds may be NULL, and so may single seeds: ones of the
 * output's type. grads_out[i] has exactly wrt[i]'s type, or is NULL: a known zero. False, with report->opaque set and
 * grads_out unset, when a path runs through an extern. report may be NULL. */
bool grad_reverse(IrBuilder *b, IrVal *const *outputs, IrVal *const *seeds, int n_out, IrVal *const *wrt, int n_wrt,
                  IrVal **grads_out, GradReport *report);

/* The directional derivative: tangents_out[o] has outputs[o]'s type, or is NULL: a known zero. tangents[i] has wrt[i]'s type, or is
 * NULL for zero. A wrt that depends on another one gets its own tangent and nothing else: the tangents given are the inputs'.
 * False, with *opaque (may be NULL) set, when a path runs through an extern. */
bool grad_forward(IrBuilder *b, IrVal *const *outputs, int n_out, IrVal *const *wrt, IrVal *const *tangents, int n_wrt,
                  IrVal **tangents_out, const IrNode **opaque);

/* A row on a differentiable path from x to y at which elements of x meet or change places, so that y is no function of one number, done for each
 * element; NULL: it is. */
const IrNode *grad_mixes(const IrModule *m, IrVal *y, IrVal *x);

/* A known zero written out: zeros of a type. */
IrVal *grad_zeros(IrBuilder *b, const IrType *t);
