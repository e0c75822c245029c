/* dist.h - what the kinds of distributions share. A Dist is a tagged union; its `kind` is a row of functions that says all the
 * kind can do, in a file of its own (declared.c, power.c ...). The doors of core.h (dist_sample, dist_log_prob ...) stand in
 * dist.c and go through the row; a function that is NULL is a capability that the kind has not.
 *
 * Every draw is one draw for each sample of c->axes. Whoever wants several opens an axis for them (axis_open), draws
 * under it, and turns the axis into leading dims (axis_close): nothing random inside can then be shared by accident. */
#pragma once
#include "compiler/lower/core.h"

typedef enum { DRAW_UNKNOWN, DRAW_NUMBER, DRAW_OTHER } DrawShape;  /* before it has been drawn: one number, something else, or not known */

struct DistKind {
    Value      *(*draw)(Ctx *c, Dist *d, Span at);
    Value      *(*made)(Ctx *c, Dist *d, Value *base, Span at);     /* what it makes of a draw, or an element, of its base; of those that make one of one */
    Value      *(*log_prob)(Ctx *c, Dist *d, Value *x, Span at);
    bool        (*finite)(Lower *L, const Dist *d, int64_t *n);
    Value      *(*all)(Ctx *c, Dist *d, int axis, Span at); /* every element once; of the finite ones */
    Value      *(*member)(Ctx *c, Dist *d, const char *name, Span at);      /* an attribute */
    Value      *(*apply_member)(Ctx *c, Dist *d, const Closure *member, Args *args, const void *site, Span at);     /* that takes arguments (F_OF_EACH) */
    const IrInts *(*dims)(const Dist *d);                   /* of the independent draws that it is made of, and no more than the first of one; NULL: of none */
    Dist       *(*one)(Ctx *inner, const Dist *d, int axis, Span at);       /* of these draws that, for the element at hand of an axis over them */
    DrawShape   (*shape)(const Dist *d);                    /* NULL: not known before it has been drawn */
    const Ast  *(*type)(const Dist *d);                     /* the declared type of a draw, or NULL */
    const char *(*text)(Lower *L, const Dist *d);           /* for messages; NULL: its name */
    bool        names_draws;                                /* its name stands in the names of its draws */
    bool        in_table;                                   /* the game's table lists it among what a function draws from */
};

extern const DistKind dist_normal, dist_uniform, dist_int, dist_declared, dist_simulator, dist_lifted, dist_model, dist_typed, dist_power,
    dist_field, dist_map, dist_rows, dist_batch, dist_stop, dist_data, dist_replace, dist_joint, dist_zip;

Dist *dist_new(Lower *L, const DistKind *k, const char *name);
Value *dist_draw(Ctx *c, Dist *d, Span at);                 /* one draw for each sample of c->axes and of d's own */
Value *dist_made(Ctx *c, Dist *d, Value *row, Span at);     /* of a row of data, what a draw of d, which is made of such rows, is */
Value *data_row_of(Lower *L, const Data *d, Value *const *v);      /* of a value for each field */
DrawShape dist_shape(const Dist *d);
Value *dist_function(Lower *L, Dist *d, const Value *f);     /* the member f of what d is made of, as d's own: apply_member of d applies it */
Dist *dist_ending(Ctx *c, Dist *d, Span at);                /* of a prescribed model what it ends in; else d. NULL, reported */
Value *dist_one_beside(Ctx *inner, const Dist *d, Dist *other, int axis, Span at);     /* of other, beside d, whose draws the axis is over: one that is as many draws has a part for each, any other is the same for each */
Value *dist_take_field(Ctx *c, const Dist *d, Value *v, Span at);

bool   dims_same(const IrInts *a, const IrInts *b);

/* An axis of n for draws or for the rows of an argument, the last of all that are at hand. False, reported. */
bool   axis_open(Ctx *c, const char *name, int64_t n, Span at, Ctx *inner, int *axis);
void   dist_tell_drawn(Ctx *c, const Dist *d, const Value *v);                   /* for `gan explain`: v is a draw of d, or the value of a model of which nothing is open */
void   axis_drawn(Ctx *c, int axis, const IrInts *dims);                        /* that was opened in c for draws of these dims: the first counts samples (IrAxis) */
Value *axis_close(Ctx *c, Value *v, int axis, const IrInts *dims, Span at);     /* the axis becomes the leading dims, in every field */
Value *axis_enter(Ctx *c, Value *v, int axis, const IrInts *dims, Span at);     /* and back: the leading dims, which must be these */
Value *axis_sum(Ctx *c, Value *v, int axis, Span at);       /* of densities */

Dist  *declared_new(Ctx *c, Closure *k, Args *args, const void *site, Span at);    /* of arguments that are numbers where numbers are declared */
Value *number_of_density(Ctx *c, Value *v, const Dist *d, Span at);     /* checks that it is one number an example */
