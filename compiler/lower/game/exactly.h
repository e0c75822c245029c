/* exactly.h - what a graph of element-wise rows is at a number, in so many digits that none is lost. */
#pragma once
#include "compiler/lower/core.h"

/* y where at, one of the values that it is made of, is x, as its rows say, which stand for numbers and functions and not for what an element type
 * holds of them. NAN: it hangs on more, has other rows, or two numbers of digits do not give the same. */
double exactly_at(Lower *L, const IrVal *y, const IrVal *at, double x);
