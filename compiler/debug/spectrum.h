/* spectrum.h - how the game moves near a state: eigenvalues of the Jacobian of its gradient field, the players' shares of the gradient, its angle to the
 * direction of consensus.
 *
 * With simultaneous steps x := x - rate * v(x) a small difference grows along an eigenvalue l by the factor |1 - rate * l|: real parts above zero draw together, imaginary
 * parts turn (Mescheder et al. 2017, 2018). */
#pragma once
#include "compiler/debug/field.h"

typedef struct Eigenvalue { double re, im; double residual; } Eigenvalue;        /* residual: |J u - l u| for its unit vector */

double spectrum_nothing(const Eigenvalue *largest);         /* what a part of an eigenvalue is rounding below */

typedef struct SpectrumPlayer { const char *player; double norm; } SpectrumPlayer;          /* of its part of v */

typedef struct Spectrum {                                   /* free with spectrum_free */
    int64_t         size;                                   /* parameters that are moved */
    Eigenvalue     *value;  int n;                          /* largest first; all of them if n == size */
    SpectrumPlayer *player; int n_players;
    double          norm;                                   /* |v| */
    double          angle;                                  /* degrees between v and J'v, the gradient of |v|^2 / 2; NaN where one of them is zero */
    double          rate;                                   /* simultaneous steps draw together below this, by the eigenvalues found; 0: never */
} Spectrum;

enum { SPECTRUM_WHOLE = 700, SPECTRUM_STEPS = 60 };          /* parameters up to which J is made whole; steps of Arnoldi's method beyond */

GanStatus spectrum_of(Field *f, Spectrum *out, GanError *err);
void      spectrum_free(Spectrum *s);
