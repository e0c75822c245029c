/* builtin.h - a call of a built-in function, for the files that define some of them. */
#pragma once
#include "compiler/lower/core.h"

typedef struct Call {                                       /* what a built-in function is called with */
    Value     **v;                                          /* by position; NULL beyond those given */
    int         n;
    const char **name;                                      /* of those that take names of any kind (zip): what each is called, or NULL */
    const void *site;
    Span        at;
} Call;

/* require.c: conditions on functions, seen at points */
Value *builtin_convex(Ctx *c, const Call *k);
Value *builtin_strictly_convex(Ctx *c, const Call *k);
Value *builtin_curved(Ctx *c, const Call *k);
Value *builtin_proper(Ctx *c, const Call *k);
Value *builtin_same_slope(Ctx *c, const Call *k);
Value *builtin_positive_semidefinite(Ctx *c, const Call *k);
Value *builtin_no_share(Ctx *c, const Call *k);
Value *builtin_same_size(Ctx *c, const Call *k);
Value *builtin_defined(Ctx *c, const Call *k);
Value *builtin_consistent(Ctx *c, const Call *k);
bool   callable(const Value *v);

/* data.c, pick.c, text.c */
Value *builtin_idx(Ctx *c, const Call *k);
Value *builtin_npy(Ctx *c, const Call *k);
Value *builtin_csv(Ctx *c, const Call *k);
Value *builtin_scale(Ctx *c, const Call *k);
Value *builtin_split(Ctx *c, const Call *k);
Value *builtin_take(Ctx *c, const Call *k);
Value *builtin_drop(Ctx *c, const Call *k);
Value *builtin_with_replacement(Ctx *c, const Call *k);
Value *builtin_filter(Ctx *c, const Call *k);
Value *builtin_per_class(Ctx *c, const Call *k);
Value *builtin_zip(Ctx *c, const Call *k);
Value *builtin_chars(Ctx *c, const Call *k);
Value *builtin_index(Ctx *c, const Call *k);
Value *builtin_words(Ctx *c, const Call *k);
Value *builtin_text(Ctx *c, const Call *k);

/* builtin.c: an error of that function, which takes what `wants` says; the dimensions that an argument `dim` names: all, ascending, for NULL */
Value *mistake(Ctx *c, const Call *k, const char *name, const char *wants, const Value *got);
bool dims_arg(Ctx *c, const Call *k, Value *v, const IrVal *t, IrInts *out);
bool one_dim(Ctx *c, const Call *k, Value *v, const IrVal *t, int64_t *dim);

/* shaping.c */
IrVal *dim_moved(IrBuilder *b, IrVal *t, int from, int to);  /* t with dimension `from` at the place `to` */
bool per_dim(Ctx *c, const Call *k, Value *v, const char *what, int n, int64_t *out);      /* a number n times, or a list of n; may be negative */
Value *builtin_concat(Ctx *c, const Call *k);
Value *builtin_reverse(Ctx *c, const Call *k);
Value *builtin_broadcast(Ctx *c, const Call *k);
Value *builtin_pad(Ctx *c, const Call *k);
Value *builtin_dims(Ctx *c, const Call *k);
Value *builtin_per_dim(Ctx *c, const Call *k);
Value *builtin_front(Ctx *c, const Call *k);

/* conv.c */
Value *builtin_conv(Ctx *c, const Call *k);
