/* rational.h - exact fractions in 64 bits, for the normal form of stabilise. An operation that does not fit says so. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef struct Q { int64_t n, d; } Q;                       /* lowest terms, d > 0 */

#define Q_ZERO ((Q){0, 1})
#define Q_ONE  ((Q){1, 1})

bool   q_make(int64_t n, int64_t d, Q *out);
bool   q_add(Q a, Q b, Q *out);
bool   q_mul(Q a, Q b, Q *out);
bool   q_div(Q a, Q b, Q *out);                             /* false for b = 0 */
bool   q_gcd(Q a, Q b, Q *out);                             /* the largest of which both are whole multiples; a, b >= 0 */
Q      q_neg(Q a);
int    q_cmp(Q a, Q b);
double q_f64(Q a);

static inline bool q_is(Q a, int64_t n) { return a.d == 1 && a.n == n; }
static inline bool q_whole(Q a) { return a.d == 1; }
static inline int  q_sign(Q a) { return a.n > 0 ? 1 : -(a.n < 0); }

/* The fraction with the smallest denominator up to 10^6 whose nearest double is x: 0.3 is 3/10. False if there is none. */
bool q_from_f64(double x, Q *out);

/* a^(k.n/k.d), when the result is a fraction. */
bool q_pow(Q a, Q k, Q *out);
