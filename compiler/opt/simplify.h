/* simplify.h - what the files of the simplifier share. A rule gets a node and gives the value to use instead of its first
 * result, of exactly its type, or NULL. New nodes go where the builder stands: before the node. */
#pragma once
#include "compiler/ir/ir.h"

typedef IrVal *SimplifyRule(IrBuilder *b, const IrNode *n);

/* simplify_map.c: element-wise rows. */
SimplifyRule simplify_any_map;                              /* constants and repeated operands, for every such row */
SimplifyRule simplify_neg, simplify_add, simplify_sub, simplify_mul, simplify_div, simplify_pow, simplify_max, simplify_min, simplify_fma,
    simplify_select, simplify_convert;

/* simplify_layout.c: rows that move elements. */
SimplifyRule simplify_any_layout;                           /* a repeated number, moved, is a repeated number */
SimplifyRule simplify_reshape, simplify_transpose, simplify_broadcast, simplify_slice, simplify_pad, simplify_concat, simplify_spread,
    simplify_as_feature, simplify_as_sample;

/* simplify_sum.c: reductions and contractions. */
SimplifyRule simplify_sum, simplify_dot;

/* v stretched to type t, of the same element type: repeated over dims if it has none, and over the axes it lacks. */
IrVal *simplify_stretch(IrBuilder *b, IrVal *v, const IrType *t);
/* The single number (rank 0, no axes) every element of v is, or NULL. */
IrVal *simplify_splat(IrVal *v);
/* True, with the value, if every element of v is one constant real number. */
bool   simplify_number(IrVal *v, double *value);
/* The type a row would give on these operands equals t. */
bool   simplify_gives(const IrBuilder *b, const IrNode *n, IrVal *const *args, const IrType *t);
/* A node like n on other operands: its first result. */
IrVal *simplify_like(IrBuilder *b, const IrNode *n, IrVal *const *args);
