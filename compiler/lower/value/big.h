/* big.h - reals with more than a thousand bits and an exponent of 64: what a formula is, to hold against what is computed of it.
 *
 * Results are cut off, not rounded; `n` is how many limbs of 32 bits are kept, so that two lengths tell how many digits hold. Where there is no
 * such number (0 / 0, a logarithm of what is not positive, an exponent beyond 64 bits) the result is none, and so is all that is made of it. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum { BIG_LIMBS = 40 };

typedef struct Big {                                        /* sign * 0.m * 2^e, the first bit of m set; sign 0: 0 */
    int      sign;
    bool     none;
    int64_t  e;
    uint32_t m[BIG_LIMBS];                                  /* the highest first */
} Big;

Big    big_none(void);
Big    big_of(double x);
double big_f64(const Big *a);                               /* rounded; NAN: none */
Big    big_neg(Big a);
Big    big_add(int n, const Big *a, const Big *b);
Big    big_mul(int n, const Big *a, const Big *b);
Big    big_div(int n, const Big *a, const Big *b);
Big    big_exp(int n, const Big *a);
Big    big_log(int n, const Big *a);
