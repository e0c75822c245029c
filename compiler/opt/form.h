/* form.h - the normal form of stabilise: sums of products over one exponential E = exp(T).
 *
 *     N  =  sum of  c * E^e * prod S^k * prod x^j * prod log(p)^i * prod L(S)^l
 *
 * c, e, k are exact fractions; x are leaves (values the form does not look into); p are small primes; S = 1 + sum c_i E^m_i
 * with c_i, m_i > 0; L(S) = log S. T, the direction, is one of the leaves: the first that an exponential is taken of.
 * Everything is exact, so terms that cancel do cancel. Forms live in a scratch arena; a function that gives NULL met something
 * the form does not hold (too many terms, a fraction too large, a sign that is not known); NULL in gives NULL out. */
#pragma once
#include "base/arena.h"
#include "compiler/opt/rational.h"

enum { FORM_TERMS = 64, FORM_LEAVES = 8, FORM_SUMS = 4, FORM_SUM_TERMS = 8, FORM_PRIMES = 6, FORM_DENSE = 128 };

typedef struct Term {
    Q      c, e, k[FORM_SUMS];
    int8_t leaf[FORM_LEAVES], prime[FORM_PRIMES], log[FORM_SUMS];
} Term;

typedef struct Form {
    int   n, room;
    Term *t;
} Form;

typedef struct Sum {                                        /* S = 1 + sum c[i] E^m[i], m ascending */
    int n;
    Q   c[FORM_SUM_TERMS], m[FORM_SUM_TERMS];
} Sum;

typedef struct FormSpace {                                  /* what the terms' indices mean */
    Arena *arena;
    int    direction;                                       /* T is this leaf; -1: not yet known */
    Q      number;                                          /* T's value where T is a number, as in exp(1000); else 0 */
    int    n_leaves, n_sums;
    int8_t log_of[FORM_LEAVES];                             /* the leaf that is the logarithm of this one; -1: none, it may be negative */
    Sum    sum[FORM_SUMS];                                  /* the last: see Reader of tree.h */
} FormSpace;

/* P(E) * prod S^k: the coefficient of a product of leaves and logarithms. P's terms have different powers, ascending. */
typedef struct Ratio {
    int n;
    Q   c[FORM_TERMS], e[FORM_TERMS], k[FORM_SUMS];
} Ratio;

Form *form_number(FormSpace *s, Q c);
Form *form_log_number(FormSpace *s, Q c);                   /* log c, c > 0 a product of the primes */
Form *form_leaf(FormSpace *s, int leaf);
Form *form_add(FormSpace *s, const Form *a, const Form *b);
Form *form_scale(FormSpace *s, const Form *a, Q c);
Form *form_mul(FormSpace *s, const Form *a, const Form *b);
Form *form_div(FormSpace *s, const Form *a, const Form *b);
Form *form_pow(FormSpace *s, const Form *a, Q k);
Form *form_exp(FormSpace *s, const Form *a);                /* may fix the direction */
Form *form_log(FormSpace *s, const Form *a);

/* How many different products of leaves, logarithms and roots of an S there are. */
int  form_spread(const Form *f);
/* Has it neither E nor S nor logarithms of an S? */
bool form_is_inert(const Form *f);
/* Are two terms the same product of leaves, logarithms and roots of an S, up to the coefficient in E? */
bool form_same_rest(const Term *a, const Term *b);
/* The coefficient of the product that `like` has; common factors of P and the S are divided out. */
bool form_ratio(const FormSpace *s, const Form *f, const Term *like, Ratio *out);
/* a - c, in the same way. */
bool form_ratio_less(const FormSpace *s, const Ratio *a, Q c, Ratio *out);
/* Divides P by (E^step - 1) as often as it goes; how often. */
int  ratio_take_roots(Ratio *r, Q *step);

/* Brings sums and terms into an order that does not depend on how they came about. */
void form_sort(FormSpace *s, Form *f);
/* The same value over E' = exp(-T): *space is given the new sums. NULL as above. */
Form *form_reflect(const FormSpace *s, const Form *f, FormSpace *reflected);

extern const double form_log_prime[FORM_PRIMES];
/* c as a product of the primes: log c = sum power[i] * log(prime[i]). */
bool form_factor(Q c, int8_t power[FORM_PRIMES]);
/* Is x the logarithm of a fraction of numbers up to 32 that are products of the primes? */
bool form_from_log(double x, Q *c);
