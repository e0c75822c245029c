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
