/* two.h - numbers of two doubles, with 106 bits, and a few functions of them that keep about 90. Nothing is done about infinities. */
#pragma once
#include "compiler/opt/rational.h"

typedef struct Two { double h, l; } Two;                    /* h + l, |l| at most half a last place of h */

Two two_whole(int64_t n);
Two two_of(Q c);
Two two_neg(Two a);
Two two_add(Two a, Two b);
Two two_mul(Two a, Two b);
Two two_div(Two a, Two b);
Two two_exp(Two a);
Two two_log(Two a);                                         /* a > 0 */
Two two_log1p(Two a);                                       /* log(1 + a), a > -1 */
Two two_sqrt(Two a);                                        /* a > 0 */
