/* target.h - what stands left of := : see target.c. */
#pragma once
#include "compiler/lower/core.h"

typedef struct Target {
    Value     *part;                                        /* a slot, or a record of them; in a rule what they are by now */
    const Ast *index;                                       /* whose items pick elements of it; NULL: all of it */
} Target;

const Ast *target_root(const Ast *target);                  /* the name whose part it is; NULL: it is of none */
bool target_find(Ctx *c, const Ast *target, Value *root, Target *out);          /* root: what the name stands for; false after an error */

/* A tensor with v where the index picks, and what it is elsewhere; *picked says where, NULL everywhere. Indices that are computed lie within when
 * *within holds (NULL: always); without `within` they must be known to. NULL, reported, when v does not fit; `what` names the tensor. */
IrVal *target_put(Ctx *c, const Ast *index, IrVal *old, IrVal *v, IrVal **picked, IrVal **within, Span at, const char *what);
Value *target_with(Ctx *c, const Ast *target, Value *root, Value *v, Span at);  /* the whole of root with v as that part: of values that are no slots */
