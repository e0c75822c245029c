/* tail.h - a function of T where T goes to -inf: a sum of a E^e T^j, E = exp(T), cut off behind E^known.
 *
 * Each coefficient a has 106 bits, and beside it the size m of what was added up to it, so that what cancels is known: a coefficient far
 * below its m, or within what its numbers leave open, is 0, and m / |a| is how much of the digits a computation in this order loses. A function that gives NULL met what is no such
 * sum; NULL in gives NULL out. exp(-1 / E) is below all powers of E: it is 0 in such a sum, from where tail_runs_off() says. */
#pragma once
#include "base/arena.h"
#include "compiler/opt/two.h"

enum { TAIL_TERMS = 32, TAIL_FEW = 8, TAIL_UNIT = 32 * 27 * 125 * 7 };     /* powers of E are whole multiples of 1 / TAIL_UNIT */

typedef struct TailTerm {
    int64_t e;
    int    j;
    Two    a;
    double m;                                               /* at least |a|; where a is 0, what cancelled */
    double u;                                               /* how far off a may be, where numbers in it are known to f64 only */
} TailTerm;

/* Where sums are made, and how many terms they may have: TAIL_TERMS, or TAIL_FEW, which tell how a function begins. */
typedef struct TailSpace {
    Arena *arena;
    int    terms;
} TailSpace;

typedef struct Tail {
    int      n;
    bool     whole;                                         /* nothing is cut off */
    const void *direction;                                  /* tree_tail.c: what T is; NULL: there is no T in it */
    double   from;                                          /* the same: it is that where T is below */
    int64_t  lowest;                                        /* the same: the lowest power of a row that it is made of */
    bool     logs_of_0;                                     /* the same: the logarithm is taken of what is 0 far enough */
    bool     gone;                                          /* the same: something in it is below all powers */
    int64_t  smallest;                                      /* the same: the highest of one that is divided by */
    int64_t  known;
    const TailSpace *space;                                 /* NULL: nothing is put into it any more */
    int      room;                                          /* of t; up to space->terms */
    TailTerm *t;                                            /* by e, then by j */
} Tail;

Tail *tail_copy(const TailSpace *space, const Tail *a);
Tail *tail_number(const TailSpace *space, Two c);
Tail *tail_f64(const TailSpace *space, double c);           /* a number that is known so far only */
Tail *tail_t(const TailSpace *space, Q c, Two add);    /* c T + add */
Tail *tail_scale(const TailSpace *space, const Tail *a, double c);    /* c a power of two, or its opposite */
Tail *tail_add(const TailSpace *space, const Tail *a, const Tail *b);
Tail *tail_mul(const TailSpace *space, const Tail *a, const Tail *b);
Tail *tail_div(const TailSpace *space, const Tail *a, const Tail *b);
Tail *tail_pow(const TailSpace *space, const Tail *a, Q k);
Tail *tail_exp(const TailSpace *space, const Tail *a);
Tail *tail_expm1(const TailSpace *space, const Tail *a);
Tail *tail_log(const TailSpace *space, const Tail *a);
Tail *tail_log1p(const TailSpace *space, const Tail *a);
Tail *tail_sigmoid(const TailSpace *space, const Tail *a);
Tail *tail_softplus(const TailSpace *space, const Tail *a);
Tail *tail_tanh(const TailSpace *space, const Tail *a);

/* The sign for all T below *from, which may be lowered; false: not known. */
bool tail_sign(const Tail *a, int *sign, double *from);
/* Does a go to inf or -inf so fast that exp(-|a|) is below all powers? *from is lowered to where it is 0 beside them. */
bool tail_runs_off(const Tail *a, double *from);
/* The first term that is not 0; NULL: none is known. */
const TailTerm *tail_first(const Tail *a);
