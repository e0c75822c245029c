/* tree_log.h - what tree_log.c and tree_share.c share: values read as exp(log) * up / down. */
#pragma once
#include "compiler/opt/tree.h"

enum { MOST_NODES = 256 };

typedef struct Scaled { /* NULL: exp(0), 1, 1 */
    IrVal *log, *up, *down;
    bool positive;      /* up and down are known to be, or 0 */
    bool negative;      /* up is known to be the negative of what is positive */
    IrVal *less, *more; /* log(1 - all of it), log(1 + all of it), where something better than that is known; else NULL */
} Scaled;

typedef struct LogReader {
    Walk *w;
    IrBuilder b;
    IrElem elem;
    bool logarithm; /* is taken of it */
    bool adds;      /* exp(x) + exp(y) is read as a sum, too: no form holds what has one */
    bool single;    /* so is 1 + exp(x) */
    int inside;     /* how many sums are around; in one, 1 + exp(x) is nothing that the form holds */
    bool summed;    /* a sum of exponentials was met, */
    bool shifted;   /* and the largest was taken out of one */
    bool in_share;  /* exponents are not looked into for another one */
    IrVal *difference; /* the last 1 - exp(-apart) that was written */
    IrVal *apart;
    int nodes;
} LogReader;

/* False: too large a tree. */
bool scaled_of(LogReader *r, IrVal *v, Scaled *s);
/* The same of v in a sum. */
bool scaled_inside(LogReader *r, IrVal *v, Scaled *s);
/* All of s as one logarithm, s being positive. */
IrVal *scaled_log(LogReader *r, const Scaled *s);
/* The sum of the terms t, which are of type `of`. */
void scaled_sum(LogReader *r, const Scaled *t, const IrType *of, IrInts dims, IrAxes axes, Scaled *s);
/* a + c or, for sign -1, a - c. */
void scaled_add(LogReader *r, const Scaled *a, const Scaled *c, int sign, Scaled *s);

/* v, or what is used instead of it, as an operand. */
IrVal *log_leaf(LogReader *r, IrVal *v);
/* With the dims and axes of t. */
IrVal *log_full(LogReader *r, IrVal *v, const IrType *t);
/* What was summed over dims of x, as it stands beside each x. */
IrVal *log_beside(LogReader *r, IrVal *m, const IrVal *x, IrInts dims);
/* v moved as n moves its operand; by: n's second operand, which says where to. */
IrVal *log_moved(LogReader *r, const IrNode *n, IrVal *v, IrVal *by);
IrVal *log_infinity(LogReader *r, double sign);
bool log_is_one(const IrVal *v);
/* Is there an exponential in v under a sum of many, or, with `adds`, under any sum? Before anything is made. */
bool log_has_summed(const Walk *w, const IrVal *v, bool adds, bool logarithm);

/* Is n a sum less one of its terms? *s is the sum of the others (tree_share.c). */
bool scaled_without(LogReader *r, const IrNode *n, Scaled *s);
/* Is n exp(log(p)) of a share p, and nothing else? */
bool scaled_share_of_exp(LogReader *r, const IrNode *n, Scaled *s);
/* Is n the share of a value in a sum that it is seen in? *s then holds log(n) and log(1 - n), whichever is near 1 (tree_share.c). */
bool scaled_share(LogReader *r, const IrNode *n, Scaled *s);
