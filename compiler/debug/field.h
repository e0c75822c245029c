/* field.h - the game's gradient field at a state: of all players together, each by its own losses; products with its Jacobian.
 *
 * v(x) holds, for each parameter that some update moves, the gradient of the losses that move it, each update of the program once, as if all were made at
 * the same moment (Balduzzi et al. 2018, Mescheder et al. 2017: "The Numerics of GANs"). Its Jacobian J is exact: forward and reverse derivatives of the
 * updates' own gradients in the IR, in f64, with the draws that the next update will make. What stands under `stop` is differentiated like all else:
 * J is of the steps as they are taken. */
#pragma once
#include "compiler/debug/probe.h"

typedef struct Field Field;

/* Of the program that runs. NULL, *err says why (an empty message: diagnostics were printed): an update goes along a direction; a loss uses what another statement
 * has computed, so that its gradient is not all there is. */
Field *field_open(const Session *of, const Source *source, GanError *err);
void   field_close(Field *f);

typedef struct FieldSlot { const char *path, *player; int64_t at, n; } FieldSlot;          /* elements at .. at + n of the vectors */
int     field_slots(const Field *f, const FieldSlot **out);
int64_t field_size(const Field *f);

/* Takes a state of the running program. */
void field_stand(Field *f, const GanState *run);

GanStatus field_gradient(Field *f, double *v, GanError *err);
GanStatus field_jvp(Field *f, const double *u, double *out, GanError *err);      /* J u */
GanStatus field_vjp(Field *f, const double *u, double *out, GanError *err);      /* J' u */
