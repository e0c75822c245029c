/* gradcheck.h - holds one expression's derivatives against independent answers, in f64 through the interpreter.
 *
 * For y = make(x) and fixed random v, w:  L0 = <w, y>,  Lk = sum over inputs of <v, dL(k-1)/dx>.  Checked are
 *   dL(k-1)/dx of every order against 4-point differences, element by element (rtol 1e-8, atol 1e-10);
 *   <w, Jv> = <v, Jᵀw>, forward against reverse mode, and the same one order up, forward over reverse (1e-12);
 *   the gradient of <w, Jv> against that of <v, Jᵀw>, reverse over forward (1e-12);
 * the last three relative to the sizes met; and that the verifier accepts all of it. */
#pragma once
#include "compiler/grad/rules.h"

enum { CHECK_INPUTS = 4, CHECK_OUTPUTS = 3, CHECK_AXES = 3 };

typedef struct CheckRow CheckRow;
/* Builds the expression: x are the inputs, y takes the outputs (NULL: no more). axis: a of 2 samples, b of 3, e of none. */
typedef void CheckMake(const CheckRow *row, IrBuilder *b, const int *axis, IrVal **x, IrVal **y);

struct CheckRow {
    IrOp        op;                                         /* the row of ops.def it is about */
    const char *what;
    int         order;                                      /* how often it is differentiated */
    double      lo, hi;                                     /* inputs are drawn between, all of them well apart */
    CheckMake  *make;
    const char *type[CHECK_INPUTS];                         /* "ab[2,3]": axes a and b, dims 2 and 3; "[]" is one number */
    int64_t     n;                                          /* for make */
};

/* NULL: all is well; else what was off: order, input, element, both values. The text lives in `a`. */
const char *check_row(Arena *a, const GradRule *rules, const CheckRow *row);

/* Runs a function that reads no slots but those given, f64, and has reports of f64: the numbers of all reports, one after the other. */
double *check_run(Arena *a, const IrModule *m, const IrFn *f, void *const *slots, int *n);
