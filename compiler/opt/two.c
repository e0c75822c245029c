/* two.c - see two.h. Sums and products as Dekker (1971) and Knuth (1969) make them exact. */
#include "compiler/opt/two.h"

#include "runtime/math/scalar.h"

#include <math.h>

Two two_div(Two a, Two b)
{
    double q = a.h / b.h;
    Two rest = two_add(a, two_neg(two_mul((Two){q, 0}, b)));
    double more = rest.h / b.h;
    rest = two_add(rest, two_neg(two_mul((Two){more, 0}, b)));
    return two_add(two_quick(q, more), (Two){rest.h / b.h, 0});
}

Two two_whole(int64_t n)
{
    double h = (double)n;
    return (Two){h, (double)((__int128)n - (__int128)h)};
}

Two two_of(Q c) { return two_div(two_whole(c.n), two_whole(c.d)); }

Two two_exp(Two a)
{
    static const Two ln2 = {0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56};
    double k = nearbyint(a.h / ln2.h);
    Two r = two_add(a, two_neg(two_mul((Two){k, 0}, ln2))), p = {0, 0};
    r = (Two){r.h / 256, r.l / 256};
    for (int i = 12; i > 0; i--) p = two_div(two_mul(r, two_add(p, (Two){1, 0})), (Two){i, 0});
    for (int i = 0; i < 8; i++) p = two_add(two_mul((Two){2, 0}, p), two_mul(p, p));
    p = two_add(p, (Two){1, 0});
    return (Two){ldexp(p.h, (int)k), ldexp(p.l, (int)k)};
}

Two two_log(Two a)
{
    Two y = {math_log_f64(a.h), 0};
    for (int i = 0; i < 2; i++) y = two_add(y, two_add(two_mul(a, two_exp(two_neg(y))), (Two){-1, 0}));
    return y;
}

Two two_log1p(Two a)
{
    enum { TERMS = 12 };
    static const double small = 0x1p-10;                    /* to the power of TERMS beyond what there is */
    if (!(fabs(a.h) < small)) return two_log(two_add((Two){1, 0}, a));
    Two r = {0, 0};
    for (int k = TERMS; k > 0; k--) r = two_mul(a, two_add(two_div((Two){k % 2 ? 1 : -1, 0}, (Two){k, 0}), r));
    return r;
}

Two two_sqrt(Two a)
{
    double r = sqrt(a.h);
    return two_add((Two){r, 0}, two_div(two_add(a, two_neg(two_mul((Two){r, 0}, (Two){r, 0}))), (Two){2 * r, 0}));
}
