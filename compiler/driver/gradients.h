/* gradients.h - every update's gradients beside differences of its loss. */
#pragma once
#include "compiler/session/session.h"

typedef struct GradientsWorst {                             /* of all that were compared */
    double      error;                                      /* relative */
    const char *path;                                       /* of the parameter; NULL: none was compared */
    int         n_compared, n_failed;                       /* parameters, once for each update that moves them */
} GradientsWorst;

/* Runs the program of an open session (--steps rounds of each block, default 1) and, where an update is done for the first time, compares the gradient by
 * each parameter with differences of the loss, in f64: some elements, and one direction that all elements enter. What stands under
 * `stop` is held, as the gradient holds it. Where the loss has a kink, the gradient may lie anywhere between the slopes of both sides.
 * Prints a line for each parameter; EXIT_WRONG_PROGRAM when one is wrong. The program must have been lowered with slopes. */
int gradients_check(Session *s, GradientsWorst *worst);

enum { GRADIENTS_ELEMENTS = 2 };                            /* compared of each parameter, besides the direction */
#define GRADIENTS_TOLERANCE 1e-5

/* One comparison: the derivative that is claimed beside those by differences. loss(self, h, ..): at so far from the place; false: it cannot be computed.
 * `floor`: what is added to the size that an error is relative to. False: the loss cannot be computed. */
typedef bool GradientsLoss(void *self, double h, double *loss);
typedef struct GradientsFound {
    double error;                                           /* relative; 0 at a kink between whose slopes it lies */
    bool   right, kink;
} GradientsFound;
bool gradients_compare(GradientsLoss *loss, void *self, double claimed, double floor, GradientsFound *found);
