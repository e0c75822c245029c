/* tree.h - what the parts of stabilise share: the walk over a block, trees read into forms, forms written as trees.
 *
 * A tree is what lies between a value and its leaves, through rows that the form knows: arithmetic, exponentials, logarithms,
 * rows that only repeat or convert, and selects whose arms are the same form. Everything else is a leaf. */
#pragma once
#include "compiler/ir/ir.h"
#include "compiler/opt/form.h"

enum { TREE_NODES = 256, TREE_BASES = 8, TREE_CONDITIONS = 4 };

/* ---- the walk (stabilise.c) ------------------------------------------------------------------------------------- */

typedef struct Walk {
    IrBuilder *b;                                           /* at the block's end; tree_before() gives one before a node */
    Arena     *scratch;
    bool       skip_derivatives, last;
    bool       slopes;                                      /* what has no slope as it is written is made anew, and no more */
    int        trees;                                       /* how many were read so far */
} Walk;

typedef struct TailReading {                                /* tree_tail.c; NULL: it is no such sum */
    bool         known;
    struct Tail *t;
} TailReading;

typedef struct NodeInfo {                                   /* IrNode.mark */
    int    size, functions;                                 /* of the tree, shared parts counted each time; up to 2 * TREE_NODES */
    int    tree;                                            /* the last tree whose form this function went into */
    uint32_t number;                                        /* the same for equal values (tree_same.c); 0: a new one */
    bool   needed;
    bool   made_log;                                        /* it was made as the logarithm of a leaf (tree_read.c) */
    bool   held;                                            /* of rows that see T between bounds only (tree_tail.c), and of nothing else */
    bool   holds;                                           /* such rows are in its tree, beside others */
    bool   inner;                                           /* a row that a tree may have uses it */
    bool   wide;                                            /* computed in f64, though many numbers */
    bool   share;                                           /* local is what a term leaves of its sum (tree_share.c) */
    bool   late;                                            /* not ours, but read by trees that are: its operands wait for those */
    IrVal *local;                                           /* what a local rule made of it */
    IrVal *best;                                            /* what to use instead, once that is known */
    IrNode *was;                                            /* what it is used instead of; NULL: it was there before */
    IrNode *twin;                                           /* apart: what it is a copy of; NULL: new */
    IrNode *out;                                            /* apart: what it became outside */
    TailReading tail[2][2];                                 /* where T goes to -inf and inf; of all terms, and of a few */
    IrVal *copy;                                            /* copy_in is the number of the copying that it is of */
    int    copy_in;
    int    asked;                                           /* the last tree that asked whether its T is in this, */
    bool   has_t;                                           /* and the answer */
} NodeInfo;

/* NULL: not a single value computed in this block. */
NodeInfo *tree_info(Walk *w, const IrVal *v);

/* The value to use instead of v; its tree is rewritten when this is asked for the first time. */
IrVal *tree_best(Walk *w, IrVal *v);

/* The value in another element type: what it was converted from, where that has it. */
IrVal *tree_convert(IrBuilder *b, IrVal *v, IrElem elem);

/* M6: is v computed in f64, being one number per sample, or by tree_widen()? */
bool tree_is_head(const Walk *w, const IrVal *v);

/* v, which has functions in it, is asked for in f64; of no use where it has been asked for already. */
void tree_widen(Walk *w, const IrVal *v);

/* A builder that puts new nodes before v's. */
IrBuilder tree_before(const Walk *w, const IrVal *v);

/* ---- equal values (tree_same.c) ---------------------------------------------------------------------------------- */

/* Gives the values of the block their numbers. */
void tree_number(Walk *w);
/* Are they the same value, though it may be written twice: w[0] and w[0]? */
bool tree_same_value(const Walk *w, const IrVal *a, const IrVal *b);

/* ---- rules that look at a few rows (tree_local.c) --------------------------------------------------------------- */

/* R1 to R5: what to use instead of v, or NULL. */
IrVal *tree_local_rule(Walk *w, IrVal *v);
/* For a row that stands outside of every form: log(1 + x), exp(x) - 1, log(exp(x) + exp(y)). NULL: nothing. */
IrVal *tree_small_rule(Walk *w, IrVal *v);
/* R1 (tree_log.c). adds: also for exponentials that are added one by one. */
IrVal *tree_log_rule(Walk *w, IrVal *v, bool adds);
/* R4 (tree_share.c): what is near 0 because a term is nearly all of a sum. adds: also of a sum of terms one by one. */
IrVal *tree_share_rule(Walk *w, IrVal *v, bool adds);
/* R5 (tree_product.c): exponentials of two directions that are multiplied with each other. */
IrVal *tree_product_rule(Walk *w, IrVal *v);
/* exp(t) * softplus(-t) of elements, all of a tree: the one may overflow where the other vanishes. NULL: nothing of that kind. */
IrVal *tree_vanishing_product(Walk *w, IrVal *v);
/* R2, of a root of squares alone: it has derivative 0 where these are 0. */
IrVal *tree_root_rule(Walk *w, IrVal *v);
/* The value under a root as a sum of squares, if it is one though it is not written so (tree_quadratic.c); else NULL. */
IrVal *tree_as_squares(Walk *w, IrVal *v, const IrVal *root);
/* R3 (tree_moments.c). */
IrVal *tree_moments_rule(Walk *w, IrVal *v);

/* ---- from a tree to a form (tree_read.c) ------------------------------------------------------------------------ */

/* SAME: the operand, repeated or converted. SELECT: one of its arms. */
typedef enum { READ_NOT, READ_NUMBER, READ_SAME, READ_SELECT, READ_ALGEBRA, READ_FUNCTION } Reading;
Reading tree_reading(Walk *w, const IrVal *v);
/* The same of rows that are held. */
Reading tree_row(Walk *w, const IrVal *v);

typedef struct Linear {                                     /* sum c[i] * base[i] + add, bases in order of id */
    int    n;
    IrVal *base[TREE_BASES];
    Q      c[TREE_BASES], add;
} Linear;

typedef struct Condition {                                  /* of selects: a - b compared with 0, or a value as such */
    const IrVal *v;                                         /* NULL: a comparison */
    IrCompare    how;
    Linear       difference;
    bool         holds;                                     /* assumed while the tree is read */
} Condition;

typedef struct Reader {
    Walk     *w;
    IrVal    *root;
    int       tree;                                         /* its number */
    Linear    exponent;                                     /* x + a of the first exp(k (x + a)): T */
    bool      without_logs;                                 /* numbers that are logarithms of fractions are left out of sums */
    bool      other_exponents;                              /* something else stands in one */
    bool      opaque[FORM_LEAVES];                          /* a function that the form does not hold is in it */
    bool      inside[FORM_LEAVES];                          /* it stands in a function, or under a line: what is added need not be infinite where it is */
    int       functions;                                    /* how many are in the form */
    bool      wide;                                         /* there is f64 in the tree */
    bool      as_written;                                   /* leaves are not asked for yet: a form is written to see whether it cancels */
    bool      through_selects;                              /* else a select is a leaf */
    int       n_conditions;
    IrVal    *carrier;                                      /* this is E; NULL: an exponential */
    FormSpace space;                                        /* from its sums on there are lists that only grow while a tree is read */
    Linear    leaf[FORM_LEAVES];                            /* what the leaves of the form are */
    Condition condition[TREE_CONDITIONS];
} Reader;

/* Is v known to be positive, by the rows that it is made of? */
bool tree_is_positive(const IrVal *v);

/* The tree of r->root; NULL when the form does not hold it. */
Form *tree_read(Reader *r);
/* The positive u of a log(1 + u) in the tree that the form does not hold: u may take the exponential's place. NULL: none. */
IrVal *tree_carrier(const Reader *r);
/* A row without functions as factor * (l less l->add) + l->add, l's bases having whole coefficients without a common divisor. */
bool tree_linear(Walk *w, Arena *scratch, IrVal *v, Linear *l, Q *factor);
bool tree_same_direction(const Walk *w, const Linear *a, const Linear *b);
/* Is a function that the form does not hold in one of f's leaves? */
bool tree_has_opaque(const Reader *r, const Form *f);

/* ---- from a form to a tree (tree_write.c) ----------------------------------------------------------------------- */

/* Is f of T alone? */
bool tree_is_of_direction(const Reader *r, const Form *f);
/* Is T in a leaf of f that the form does not look into? What is added to it may cancel. */
bool tree_has_function_of_direction(const Reader *r, const Form *f);
/* NULL when some number of it cannot be written. *cancels: terms that may have different signs are added up. */
IrVal *tree_write(Reader *r, IrBuilder *b, IrElem elem, Form *f, bool *cancels);

/* ---- where T is far from 0 (tree_tail.c) ------------------------------------------------------------------------ */

/* What is used instead of v, that what v is made of now (NULL: as it is written) may lose digits where T is far from 0: in f64, and by power series there.
 * wide: in f64 in any case. made: nothing is lost, or nothing better is known. */
IrVal *tree_with_tails(Walk *w, IrVal *v, IrVal *made, bool wide);
/* v of one direction in f64, all of it; what it is made of by series where it has such. NULL: something else is in it. */
IrVal *tree_in_f64(Walk *w, IrVal *v);

/* ---- a value apart from its block (tree_apart.c) ---------------------------------------------------------------- */

typedef struct Apart Apart;

/* Copies what *v depends on within out->block, up to wrt, slots' values and, unless `last`, values that other derivatives may be taken by,
 * into a block that may be changed; *v becomes the copy. */
Apart    *apart_take(IrBuilder *out, Arena *scratch, IrVal **v, IrVal *const *wrt, int n_wrt, bool last);
IrBuilder apart_builder(Apart *a);                          /* at the end of that block */
/* The value outside that v has become: new nodes go to `out`. */
IrVal    *apart_return(Apart *a, IrVal *v);
