/* doors.h - distributions as the other rooms see them: what stands after ~, drawing, densities, and how each kind is made. How a kind does
 * what it does is its own affair (dist.h). */
#pragma once
#include "compiler/lower/core.h"

Dist  *as_dist(Ctx *c, Value *v, Span at);                  /* what stands after ~ */
bool dist_is_named(const Dist *d);                          /* does it stand in the game's table? */
bool   dist_is_called(const Dist *d);                                             /* has the program a name for it, of a table, a model or a let of data? */
bool   dist_is_drawn_from(const Value *v);                  /* may it stand there? */
Value *val_dist(Lower *L, Dist *d);
const Dist *dist_base(const Dist *d);                                           /* that it is made of; NULL: of none */
bool   dist_is_joint(const Value *v);                                           /* a record of distributions, models, or records of them */
bool   dist_is_value(Lower *L, const Dist *d);                                  /* a model that draws nothing: every argument given, no ~ in its body */
Value *dist_sample(Ctx *c, Dist *d, const IrInts *shape, Span at);              /* one draw for each sample of c->axes; shape: declared, or NULL */
Value *dist_log_prob(Ctx *c, Dist *d, Value *x, Span at);                       /* x has the shape of a draw, or that is reported */
/* What its densities are densities of (measure.c). */
typedef enum {
    MEASURE_UNKNOWN,                                        /* it cannot be drawn from */
    MEASURE_COUNTING,                                       /* values that stand apart, with a probability each */
    MEASURE_LEBESGUE,                                       /* intervals, with a probability by length, area ... */
    MEASURE_BOTH,                                           /* in some fields or numbers the one, in others the other */
} Measure;
typedef struct DrawKind { Measure measure; bool whole; int64_t classes; } DrawKind;     /* whole: draws are integers; classes: of class[n], else 0 */
DrawKind dist_draw_kind(Ctx *c, Dist *d, Span at);
Measure dist_measure(Ctx *c, Dist *d, Span at);
Scope *dist_scope(const Dist *d);                                               /* of the arguments and members of a declared one; else NULL */
Value *dist_member(Ctx *c, Dist *d, const char *name, Span at);                 /* an attribute; NULL: none of that name */
Value *dist_apply_member(Ctx *c, Dist *d, const Closure *member, Args *args, const void *site, Span at);        /* of one that is made for each element of a tensor: that of each */
Value *dist_no_density(Ctx *c, const Dist *d, Span at);
const char *dist_text(Lower *L, const Dist *d);
const Dist *dist_powered(const Dist *d);                                           /* p of p^n; NULL: d is no power */
const Ast *dist_type(const Dist *d);                                            /* the declared type of a draw; NULL: none */
AstList dist_members(const Dist *d);                                               /* the body of a declared distribution; none of another one */
bool   dist_finite(Lower *L, const Dist *d, int64_t *n);
Value *dist_all(Ctx *c, Dist *d, int axis, Span at);                            /* every element once, along an axis of that extent */
Value *dist_settled(Ctx *c, Value *v, Span at);                                 /* a model with every argument given becomes its value */
Dist  *dist_of_type(Ctx *c, Dist *base, const Ast *type, const char *name);     /* whose draws are held to a declared type; NULL after an error */
Value *dist_tail(Ctx *c, Value *v, const Player *p, Span at);                   /* what the body of a prescribed model ends in; c->scope: its dimensions */
Data  *dist_table(const Dist *d);                                               /* of plain data; else NULL */
Data  *dist_drawn_rows(Dist *d);                                                /* whose rows are drawn, mapped, a field of them, or with replacement, too; else NULL */
bool   dist_replaces(Dist *d);                                                  /* are they drawn with replacement? */
Value *dist_of_part(Lower *L, Dist *d, Data *part);                             /* the same of some of these rows */
Value *dist_batch_value(const Dist *d);                                         /* h of batch_of(h); else NULL */
Dist  *dist_renamed(Lower *L, const Dist *d, const char *name);                 /* by a declaration; a model keeps its own */
Value *dist_of_normal(Lower *L);
Value *dist_of_uniform(Lower *L);
Value *dist_of_int(Lower *L, int64_t n);
Dist  *declared_again(Ctx *c, const Dist *d, const Args *args, Span at);          /* d with other arguments, one for each of its parameters; NULL after an error */
Value *dist_of_declared(Ctx *c, Closure *k, Args *args, const void *site, Span at);
Value *simulator_declare(Ctx *c, const Ast *d, const char *name);               /* a closure, as that of any distribution */
Dist  *dist_of_model(Lower *L, Player *p, const Args *args);
Dist  *dist_of_power(Lower *L, Dist *base, const IrInts *dims);
Value *dist_to_power(Ctx *c, Dist *base, Value *n, Span at);
Dist  *dist_of_field(Lower *L, Dist *base, const char *field, const char *name);
Dist  *dist_of_map(const Ctx *c, Dist *base, Value *f, const void *site);
Dist  *dist_of_stop(Lower *L, Dist *base);
Dist  *dist_of_fields(Ctx *c, Value *record, Span at);
Value *dist_of_rows(Ctx *c, Value *v, Span at);
Value *dist_of_batch(Lower *L, Value *v);
Value *dist_of_data(Lower *L, Data *data, bool replace);
Value *dist_of_zip(Lower *L, Data *rows, const ZipPart *part, int n);           /* rows: with the fields of all parts' rows, one behind the other */
Value *dist_replaced(Lower *L, Dist *d);                                        /* the same of rows that are drawn with replacement */
/* Notes, for a draw just made of nodes with ids from `first` on, which of its inputs it depends on without a derivative. */
void   dist_note_cuts(Lower *L, const Dist *d, uint32_t first, const Value *draw, Span at);
