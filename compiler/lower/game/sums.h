/* sums.h - a loss as a sum of multiples of its terms. */
#pragma once
#include "compiler/lower/core.h"

typedef struct Term { IrVal *v; double scale; } Term;
typedef struct Sum { ARRAY(Term) term; bool more; } Sum;     /* more: there are others, which were not looked at */

/* Of scale * v, in the order of the text, through signs, known factors and divisors; what is a whole by itself is not taken apart, nor the value of a slot. */
Sum sum_of(Lower *L, IrVal *v, double scale, bool (*whole)(const Lower *L, const IrVal *v));
