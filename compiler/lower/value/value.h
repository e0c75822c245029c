/* value.h - values of compile time: making them, asking them, turning them into tensors, and arithmetic on them. Nothing here evaluates: a
 * value that stands for another one (a loss, a model with all its arguments) is settled through Lower.settle, which evaluation sets. */
#pragma once
#include "compiler/lower/core.h"

/* ---- values.c */


Value *val_error(Lower *L);
Value *val_none(Lower *L);
Value *val_absent(Lower *L);                                /* `none`: an argument that is not given */
Value *val_int(Lower *L, int64_t i);
Value *val_real(Lower *L, double r);
Value *val_same(Lower *L, const Value *number, double r);   /* the number as a real: a derivative by one is by the other */
Value *val_bool(Lower *L, bool b);
Value *val_string(Lower *L, const char *s);
Value *val_list(Lower *L, Value **v, int n);
Value *val_range(Lower *L, int64_t from, int64_t to);
Value *val_tensor(Lower *L, IrVal *v);                      /* v == NULL gives the error value */
Value *val_slot(Lower *L, int slot);
Value *val_record(Lower *L, Value **v, const char **name, int n);
Value *val_record_of(Lower *L, const Value *v, Player *p);                       /* the same, of p: mixed where it is another's */
Value *val_record_of_both(Lower *L, Value *r, const Value *a, const Value *b);     /* r, which both have made: of two players on one another it is nobody's; one of nobody's leaves the other's owner */
Value *val_in_form(Lower *L, const Value *form, Value *v);                        /* v with its records' fields in the order of form's, whose names may be paths into v's records or v's into form's; NULL: it has other fields */
Value *val_record_like(Lower *L, const Value *like, Value **v);                  /* the same fields, of the same player */
int    val_nested(Lower *L, int depth);                     /* notes a value that nests too deeply; depth */
Value *val_new(Lower *L, ValueKind k);
IrElem int_elem(int64_t i);                                  /* the least element type that holds it */
Value *val_prime(Lower *L, Value *of, int order);
Value *val_closure(Lower *L, const Ast *def, Scope *scope, const char *name);

#define VAL_UNKNOWN DIAG_UNKNOWN                                 /* the text of a value that is not known: no message with it is wanted */
static inline bool val_bad(const Value *v) { return v->kind == V_ERROR; }
static inline bool val_is_absent(const Value *v) { return v->kind == V_NONE && v->s; }
static inline bool val_is_number(const Value *v) { return v->kind == V_INT || v->kind == V_REAL; }     /* known now */
static inline double val_number(const Value *v) { return v->kind == V_INT ? (double)v->i : v->r; }
bool   val_static(const Value *v);                          /* a number, bool, string, list or range known now */
bool   val_known_ints(const Value *v);                      /* an int known now, or a list of such, of one shape; a derivative may be by them */
int64_t val_classes(const Value *v);                        /* n of a class[n], also of a list of them; 0: it is no class */
bool   val_runs(Lower *L, const Value *v);                  /* computed while the program runs, at least in part */
Value *val_field(const Value *record, const char *name);    /* NULL: no such field */
int64_t val_rows(Lower *L, const Value *v);                 /* the leading extent, or -1 where it has none */
const char *val_text(Lower *L, const Value *v);             /* "real[2]", "the net D", "3": for messages */
const char *val_key(Lower *L, const Value *v);              /* of an index of a report: "kl", "3" */
const char *type_text(Lower *L, const IrType *t);           /* "real[28, 28]", without sample axes */
const char *tensor_text(Lower *L, const IrType *t, int64_t classes);            /* the same, or "class[3][5]" where it is one */
const char *dims_text(Lower *L, const IrInts *d);           /* "[28, 28]" */

Value *val_part(Lower *L, const Value *v, const char *name);                    /* a field, or what a path into the record begins with; of a list of records, those of all. NULL: there is none */
Value *val_at_path(Lower *L, const Value *r, const char *path);                  /* a part of a part .. of it; NULL: there is none */
Value *val_of_paths(Lower *L, Value **v, const char **name, int n);             /* a record of these paths; a tuple where they are 0, 1, .. */

/* The value as a tensor of the function being built; numbers become constants, lists are stacked. NULL after an error. */
IrVal *as_tensor(Ctx *c, Value *v, Span at);
IrVal *real_const(Ctx *c, const Value *v, IrElem elem, Span at);                /* of a known number */
bool   number_fits(Lower *L, const Value *v, IrElem elem, Span at);             /* false, with a warning: it is 0 or infinite in f32 */
IrVal *as_shown(Ctx *c, Value *v, Span at);                 /* for a report: a known real in f64 */
IrVal *as_real(Ctx *c, Value *v, Span at);                  /* an int or bool becomes a real */
bool   as_int(Ctx *c, Value *v, Span at, const char *what, int64_t *out);
bool   as_int_or(Ctx *c, Value *v, Span at, const char *what, const char *hint, int64_t *out);  /* hint: the way out where it is computed while the program runs */
bool   as_number(Ctx *c, Value *v, Span at, const char *what, double *out);
bool   as_size(Ctx *c, Value *v, Span at, const char *what, int64_t *out);   /* an int, not negative */
bool   as_dims(Ctx *c, Value *v, Span at, IrInts *out);     /* an int or a list of them; checked to fit */
Value *as_settled(Ctx *c, Value *v, Span at);               /* a model with every argument given becomes its value; a thunk is evaluated */
Value *as_numbers(Ctx *c, Value *v, Span at);               /* the same; and of a net or model the record of its parameters */
bool   dims_fit(Lower *L, const IrInts *d, Span at);        /* false, reported, when a tensor of that shape would be too large */
bool   as_rows(Ctx *c, Value *v, Span at, const char *what, int64_t *n);     /* how many rows, in every field of a record; false, reported: none */

Closure *closure_copy(Lower *L, const Closure *k, Scope *scope);             /* for another scope */

/* What is named by a slot becomes the slot's value here; what is kept for later (arguments, lets) is asked for it. */
Value *val_now(Ctx *c, Value *v);
Value *map_fields(Ctx *c, Value *v, Value *(*f)(Ctx *c, Value *leaf, void *arg), void *arg);

/* ---- exact.c */

/* `plain` is what the operation makes of the operands' rounded values; the result is that, or nearer to what it makes of the exact ones. */
Value *exact_map(Lower *L, IrOp op, const Value *a, double plain);
Value *exact_binary(Lower *L, AstOp op, const Value *a, const Value *b, double plain);
int    exact_compare(const Value *a, const Value *b);       /* of reals, none nan: -1, 0, 1 */
/* Known, but no number of this element type: it would be infinite, 0, or short of digits. Then it is computed there. */
bool   exact_is_beyond(const Value *v, IrElem elem);
IrVal *exact_node(Lower *L, IrBuilder *b, const Value *v, IrElem elem);

/* ---- sums.c */

Value *sum_of_list(Lower *L, Value *list, Value *total);                       /* `total` is that of a list of known numbers */
Value *sum_binary(Lower *L, AstOp op, const Value *a, const Value *b, Value *result);   /* these say of `result` what it is of a list, if an operand says it */
Value *sum_negated(Lower *L, const Value *a, Value *result);
IrVal *sum_square(Ctx *c, const Value *v, IrVal *number, const IrVal *other, Span at);   /* of the square of a list's sum beside a sum of its squares: computed of the list, in the program's type; else `number` */

/* ---- face.c */


Value *face_leaf(Lower *L, const Value *number);                                /* the same number, to be differentiated by */
Value *face_leaf_here(Ctx *c, const Value *number);                            /* the same, of which what is computed stands where this is called, in the body of a loop */
IrVal *face_node(Ctx *c, const Value *number);                                  /* of one with a face, in the function being built: f64, or an integer that is cut from one */
Value *face_binary(Ctx *c, AstOp op, Value *a, Value *b, Value *result);        /* these give `result` a face if an operand has one */
Value *face_map(Ctx *c, IrOp op, Value *a, Value *result);
Value *face_pick(Ctx *c, bool first, Value *a, Value *b, Value *result);        /* result is the first of a and b, or the second */
Value *face_test(Ctx *c, Value *a, Value *b, Value *result);                    /* a condition on numbers or conditions; b may be NULL */
Value *face_where(Ctx *c, Value *cond, Value *yes, Value *no);                  /* picked by a condition known now */
IrVal *face_condition(Ctx *c, const Value *cond);                               /* of one with a face: it depends on what that does */
Value *face_cut(Ctx *c, Value *a, Value *b, Value *result);                     /* without a derivative by it */

/* ---- arith.c, stack.c */

void   shapes_noted(Ctx *c, const Diag *d, const IrInts *a, const IrInts *b);     /* in a body that is checked: what d says of two shapes */


Value *arith_binary(Ctx *c, AstOp op, Value *a, Value *b, Span at);
Value *arith_unary(Ctx *c, AstOp op, Value *a, Span at);
Value *arith_map(Ctx *c, IrOp op, Value *a, Span at);                           /* an element-wise row, field by field */
Value *arith_select(Ctx *c, Value *cond, Value *yes, Value *no, Span at);
IrVal *arith_numbers(Ctx *c, Value *v, Span at, const char *word);              /* a tensor of numbers; NULL, reported, for conditions */
IrVal *arith_reals(Ctx *c, Value *v, Span at, const char *word);                /* the same, of reals */
bool   arith_align(Ctx *c, IrVal **a, IrVal **b, Span at, const char *word);    /* one element type, fitting shapes; false, reported */
bool   arith_operands(Ctx *c, Value *a, Value *b, Span at, IrVal **x, IrVal **y);   /* a static number takes the other's element type */
Value *arith_like(Ctx *c, const Value *a, Value *b, Span at);                   /* two records: b with its fields in the order of a's; NULL, reported: they have others */
IrVal *arith_convert(Ctx *c, IrVal *v, IrElem elem);
IrElem arith_elem(const Ctx *c, IrElem x, IrElem y);                            /* of a result of two */
Value *arith_table(Ctx *c, Value *list, int64_t least, Span at);                /* a list of at least so many numbers as data; NULL: it is none */
Value *arith_stack(Ctx *c, Value **v, int n, Span at);
Value *arith_stacked(Ctx *c, const Value *list, Span at);                         /* the tensor that a list is, if of no rows */
Value *val_stacked(Ctx *c, Value *v, Span at);              /* a list of records as the record of stacks that it is; any other value as it is */

/* ---- known.c */

/* A node of which all hangs on `leaf`, where that is `number`; NULL: it hangs on more, or has rows that are not known so. */
Value *known_value(Ctx *c, const IrVal *v, const IrVal *leaf, Value *number);

/* ---- ints.c */


void   ints_widen(Ctx *c, IrOp op, IrVal **a, IrVal **b);                       /* to 64 bits, where the result of an add, sub, mul or div could leave 32 */
bool   ints_fit(Ctx *c, IrOp op, const IrVal *a, const IrVal *b, Span at);       /* false, reported, where it is known that an add, sub or mul may leave 64 bits */
bool   ints_product_stays(const Lower *L, const IrVal *a, const IrVal *b);      /* within 64 bits, whatever runs */
bool   ints_sum_fits(Ctx *c, const IrVal *t, int64_t n, Span at);                /* the same for the sum of n such elements */
IrVal *ints_widen_sum(Ctx *c, IrVal *t, int64_t n);                             /* the same for the sum of n such elements */
bool   ints_within(const Lower *L, const IrVal *v, int64_t lo, int64_t hi);      /* is it known to be? */
bool   ints_guarded(const Ctx *c, const IrVal *v, int64_t lo, int64_t hi);       /* the same, where the arm of a where that stands here is picked */
bool   ints_known(const Lower *L, const IrVal *v, int64_t *lo, int64_t *hi);     /* the least and greatest it can be; false: nothing but its type says so */
