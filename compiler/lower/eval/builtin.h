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
Value *builtin_consistent(Ctx *c, const Call *k);
bool   callable(const Value *v);
Value *mistake(Ctx *c, const Call *k, const char *name, const char *wants, const Value *got);      /* reports an argument of a built-in function */

/* data.c, pick.c */
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
