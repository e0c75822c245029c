/* wide.h - do two functions differ by more than rounding?
 *
 * Passes may reorder sums and join operations, so what they make of a function has other last digits than the function as it was lowered.
 * A fixed tolerance would be too small where digits cancel and too large elsewhere. So the function as lowered is run in f64 (its
 * *wide copy*), a few times with small random relative errors put on every intermediate value, about ten times those of its own
 * rounding. What these errors do to a result is what rounding may do to it; more than that is a difference in meaning. */
#pragma once
#include "compiler/interp/interp.h"

typedef struct InterpWide InterpWide;

/* The wide copy of f, kept with the module but none of its functions: made before passes change f. NULL for a function with externs. */
InterpWide *interp_wide(IrModule *m, const IrFn *f);

typedef struct InterpBeyond {                               /* the first result beyond rounding */
    bool    found;
    int     report, commit;                                 /* by number; the other is -1 */
    int64_t element;
    double  lowered, other, allowed;                        /* the values, and how far apart they may be */
} InterpBeyond;

/* Holds results of another function of the same reports and commits, run on the same memory, against w; NULL entries are not looked at.
 * Whole numbers and conditions must be equal, unless the errors change them (a comparison of what is equal but for rounding).
 * An infinite or undefined value of w is compared only if `strict`: stabilising makes numbers of them. */
GanStatus interp_beyond_rounding(const InterpWide *w, const InterpMemory *memory, void *const *reports, void *const *commits, bool strict,
                                 InterpBeyond *out, GanError *err);
