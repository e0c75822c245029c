/* two.h - numbers of two doubles, with 106 bits, and a few functions of them that keep about 90. Nothing is done about infinities. */
#pragma once
#include "compiler/opt/rational.h"

#include <math.h>

typedef struct Two { double h, l; } Two;                    /* h + l, |l| at most half a last place of h */

static inline Two two_quick(double a, double b) /* |a| >= |b| */
{
    double s = a + b;
    return (Two){s, b - (s - a)};
}

static inline Two two_add(Two a, Two b)
{
    double s = a.h + b.h, part = s - a.h, rest = (a.h - (s - part)) + (b.h - part);
    return two_quick(s, rest + a.l + b.l);
}

static inline Two two_neg(Two a) { return (Two){-a.h, -a.l}; }

static inline Two two_mul(Two a, Two b)
{
    double p = a.h * b.h;
    return two_quick(p, fma(a.h, b.h, -p) + (a.h * b.l + a.l * b.h));
}

Two two_whole(int64_t n);
Two two_of(Q c);
Two two_div(Two a, Two b);
Two two_exp(Two a);
Two two_log(Two a);                                         /* a > 0 */
Two two_log1p(Two a);                                       /* log(1 + a), a > -1 */
Two two_sqrt(Two a);                                        /* a > 0 */
