/* eval.h - evaluation: the one place that recurses. eval() turns an expression into a value; applying a function, a layer or a model evaluates
 * its body in place. */
#pragma once
#include "compiler/lower/core.h"

/* ---- expr.c */


Value *eval(Ctx *c, const Ast *e);                                              /* thunks evaluated */
Value *eval_raw(Ctx *c, const Ast *e);                                          /* a name or member of a loss stays a thunk */
Value *eval_block(Ctx *c, const Ast *block);                                    /* in a scope of its own */
bool   in_library(const Lower *L, Span at);                                     /* is the place in the text of the library? */
Value *eval_stmts(Ctx *c, AstList stmts);                                       /* in c->scope; the last expression's value, or V_NONE */
bool   gives_value(const Value *v);                                             /* more than nothing, or a list of nothings: what the rounds of a for give */
void   value_dropped(Ctx *c, const Ast *s, const Value *v);                      /* reports a statement that has a value, where nobody takes it */
Value *eval_thunk(Ctx *c, Value *thunk, int64_t n);                             /* n: another batch, or EVERY_ROW; -1: the context's */
Value *eval_settled(Ctx *c, Value *v, Span at);                                 /* what Lower.settle does */
int64_t rounds_enter(Lower *L, int64_t n);                  /* an unrolled loop of n rounds begins; gives back what rounds_around is to be behind it */
void   carries_bind(Ctx *c, Scope *s, AstList carries, Value **carried);        /* what a loop carries, in the scope of a round */
bool   carries_next(Ctx *c, const Ast *for_, Value *v, Value **carried);        /* v is what a round gives; false after an error */
bool   for_items(Ctx *c, const Ast *source, Value ***items, int64_t *n);        /* the static values a loop goes through */

/* ---- densities.c */

void   densities_note(Ctx *c, Dist *d, const Value *x, const Value *density);   /* log_prob(d, x) was asked for */
bool   densities_differ(Ctx *c, const Value *left, const Value *right, Span at);        /* reported: they hold densities of two kinds at one value */

/* ---- scope.c, decl.c */


Scope *scope_new(Lower *L, Scope *parent);
const Bound *scope_place(const Lower *L, const Ast *name);                       /* what a node binds, or is a use of: a dimension named once more is the first one; NULL: nothing */
void   scope_bind(Lower *L, Scope *s, const Ast *place, Value *v);               /* place: the node that binds a name */
void   scope_bind_as(Lower *L, Scope *s, const Bound *b, Value *v);              /* the same, of a place */
Scope *scope_of_module(const Lower *L, const Module *m);
bool   scope_binds(Lower *L, Scope *s, const Ast *place);                        /* false of a second one of a name, which has been reported */
void   scope_set(Lower *L, Scope *s, const Ast *place, Value *v);                /* another value for what is bound in s */
void   scope_declare(Lower *L, Scope *s, const Ast *place, const Ast *decl);
Value *scope_find(Ctx *c, const Ast *name, bool callee);                        /* NULL: it has no value here; thunks are not evaluated */
Value *scope_report(Ctx *c, const Ast *name);                                    /* the report that is called as this imported or built-in name is; NULL: none */
Value *scope_value(Ctx *c, const Bound *b, Span at);                            /* the same, of a place */
Binding *scope_binding(const Lower *L, Scope **at, const Bound *b);             /* evaluated or not, and the scope it is found in; NULL: none */
Binding *scope_own(const Lower *L, Scope *s, const Ast *place);                  /* in s itself, evaluated or not; NULL: none */
Value *scope_of_place(Ctx *c, Scope *s, const Ast *place);                      /* only in s itself; NULL: none */
Value *scope_lent(Scope *s, const char *name, Value *v);                          /* what a name that has a value stands for from now on; what it stood for */
Value *scope_local(Ctx *c, Scope *s, const char *name);                         /* by name: a member, or a module's; NULL: none */
bool   scope_bind_pattern(Ctx *c, Scope *s, const Ast *pattern, Value *v);      /* names and tuples */
Value *scope_pattern_part(Ctx *c, const Ast *pattern, const Ast *leaf, Value *v);       /* what it gives to that one of its names; NULL: it has no such name */
void   scope_bind_param(Ctx *c, Scope *s, const Ast *param, Value *v);
Value *scope_too_early(Ctx *c, const char *name, Span computed, Span at);       /* reports a name used before its line */
void   scope_unknown(Ctx *c, const char *name, Span at);                        /* reports it, with the nearest name */
Value *declare(Ctx *c, const Ast *decl, const char *name);                      /* the value of a declaration (decl.c) */
void   declare_local(Ctx *c, AstList stmts);                                    /* the same in a body that is evaluated: its nets are made now */
void   declare_all(Ctx *c, AstList stmts);                                      /* every declaration of a block that may be used before it stands */
bool   declare_members(Ctx *c, AstList stmts, bool *later);                     /* of a comparison or distribution; false, reported: what it requires does not hold */
int    assign_among(Ctx *c, Scope *members);                                    /* u := e among them, for a member that is evaluated in c; gives back what pending_result needs of it */
Value *compare_bind(Ctx *c, Closure *closure, Args *args, const void *site, Span at);
Value *compare_with(Ctx *c, Compare *base, const Ast *decl, const char *name);
Value *compare_member(Ctx *c, Compare *k, const char *name, Span at);           /* NULL: none of that name; thunks are not evaluated */

/* ---- bijector.c */

Instance *bijector_instance(Ctx *c, Closure *k, const void *site);              /* of one made there; NULL: it owns nothing */
Value *bijector_bind(Ctx *c, Closure *closure, Args *args, const void *site, Span at);
Value *bijector_of(const Value *v);                                             /* a bijector, or that of a player; NULL: v is none */
Value *bijector_member(Ctx *c, Value *b, const char *name);                     /* NULL: none of that name */
Value *bijector_apply(Ctx *c, Value *b, const char *member, Args *args, const void *site, Span at);    /* of the bijector itself, forward */
Value *bijector_log_det_inverse(Ctx *c, Value *b, Value *x, const void *site, Span at);

/* ---- consistent.c: bijectors held to what they say */

/* Are inverse and log-determinants those of forward, at draws of the distribution it maps? Looked at once for each place that makes one; false,
 * reported. What cannot be evaluated when the program is compiled is taken at its word. */
bool bijector_holds(Ctx *c, Value *b, Dist *base, Value *z, Span at);
/* The same, as a condition: what is wrong, or NULL. */
const char *bijector_fault(Ctx *c, Value *b, Dist *base, const IrType *z, Span at);

/* ---- mass.c: densities held to the draws */

/* Is what log_prob of d, declared by the program, says of a stretch the share of its draws there? Warns; what cannot be computed is taken at its word. */
void mass_look(Ctx *c, Dist *d, Span at);

/* ---- require.c */

/* The axes of a trial go with it, where it left no parameter behind, whose first value may have some of its own. */
void forget_axes(IrModule *m, int n_axes, int n_slots);


/* False, reported, when what is required does not hold. later, or NULL: where nothing runs around it, set if only a run knows; then who asks sees to it. */
bool eval_require(Ctx *c, const Ast *s, bool *later);

/* ---- now.c: what values are where the program begins */

typedef struct NowGiven { const IrVal *v; const double *x; } NowGiven;          /* numbers that stand for v: by axes, then dims */

/* What slots hold: NOW_FIXED: only data and what changes nowhere is known, and nothing that is drawn; NOW_FIRST: what they begin with; NOW_MOVED: and
 * parameters a little beside that, so that what begins at 0 hides no mistake. */
typedef enum { NOW_FIXED, NOW_FIRST, NOW_MOVED } NowSlots;

/* Runs what the values are made of, in f64. out[i]: the numbers of v[i], in the work arena. False where that cannot be done, or would take long. */
bool now_numbers(Lower *L, IrVal *const *v, int n, const NowGiven *given, int n_given, NowSlots slots, double **out);
/* The same of one value by another, in the types that the program computes it in. */
bool now_as_it_is(Lower *L, IrVal *v, const NowGiven *given, double **out);
int64_t now_size(const Lower *L, const IrVal *v);

/* ---- owns.c */

Instance *members_instance(Ctx *c, Closure *k, const void *site);               /* of a comparison or distribution applied there; NULL: it owns nothing */

/* ---- call.c */


Value *eval_call(Ctx *c, const Ast *e);
Value *eval_pipe(Ctx *c, const Ast *e);
Value *apply(Ctx *c, Value *f, Args *args, const void *site, Span at);
Value *apply1(Ctx *c, Value *f, Value *arg, const void *site, Span at);
/* Gives parameters their arguments in `scope`. `open` (NULL: none allowed) receives true for parameters left out that have a draw. */
bool   bind_params(Ctx *c, Scope *scope, AstList params, Args *args, const char *what, Span at, bool *open);
Value *param_default(Ctx *c, const Ast *p);                                     /* of a parameter that has one, in the scope of those before it */
bool   place_args(Ctx *c, AstList params, const Args *args, const char *what, Value **given, Span *where);    /* by position and name: the argument of each parameter, NULL: none; false after an error */
bool   spread_record(Ctx *c, AstList params, Args *args);                       /* a record as the only argument fills several parameters; false, reported, when it may be one of them as well */
const Ast *param_of(AstList params, const Args *args, int i);                   /* the parameter that argument i is for, or NULL */
const Applied *applied_at(const Ctx *c, Span at);                               /* a body that is applied there, for those in it */
Ctx    ctx_body(Ctx *c, Scope *scope, const Args *args, const void *site, Span at);    /* for evaluating a body applied to args */
Ctx    ctx_defaults(const Ctx *c, Instance *in, const void *site);     /* for the defaults of its parameters, which are its own as what its body makes is; in: what it has of its own, NULL: the place's */
AstList call_params(const Value *f);                                            /* those that a closure, layer or player is applied to next */
bool   call_enter(Ctx *c, Span at);                                             /* false, reported, when calls nest too deeply */

/* ---- types.c */


/* v made to fit a declared type: ints become reals, lists tensors; dimension names are bound in c->scope, or must agree. */
#define ARGUMENT_OF_DENSITY "the argument of the density of"                 /* what conform() is told that x of log_prob is */
Value *type_conform(Ctx *c, Value *v, const Ast *type, Span at, const char *what);
bool   type_dims(Ctx *c, const Ast *type, IrInts *dims);                        /* every dim must be known */
bool   type_unify_dims(Ctx *c, const Ast *type, int rank, const int64_t *dim, bool *reported);      /* names without a number yet get these extents; false: it has others, or *reported */
const char *type_declared_text(Ctx *c, const Ast *type);                        /* with what is known of its names */
bool   type_class_fits(Ctx *c, const Value *v, const IrVal *t, int64_t classes, Span at, const char *what);   /* of class[classes], when not 0; false, reported, when that is not known */
bool   type_elem_becomes(IrElem from, IrElem to);                               /* does a number of one kind stand where one of the other is declared? */
bool   type_elements_fit(const Lower *L, const Ast *t, const Value *v);         /* are its numbers what t declares, or become that? true of no type */
bool   type_could_be(const Lower *L, const Ast *t, const Value *v);             /* the same, and as many dimensions */
bool   type_elem(Ctx *c, const Ast *type, IrElem *elem, int64_t *classes);
bool   type_is_static(const Ast *type);                                         /* int, real, bool without dims: numbers stay static */

/* ---- index.c */

bool   index_bounds(Ctx *c, int64_t i, int64_t extent, bool end, Span at);       /* false, reported, when i is not in 0..extent; `end`: nor the end itself */
bool   index_range(Ctx *c, const Ast *item, int64_t extent, int64_t *from, int64_t *to);     /* of t[a..b]: what it leaves out is 0 and the extent; false, reported, when an end is outside */
Value *arith_index(Ctx *c, Value *v, const Ast *index);
const char *index_name(Ctx *c, const char *word, const char *name, AstList indices, Span at);  /* of a report or picture (word) with indices; NULL, reported: another one is called so */

/* ---- axes.c */


IrAxes val_axes(Lower *L, const Value *v);                  /* sample axes it varies over, through what closures take along */
IrAxes closure_axes(Lower *L, Closure *k);
IrAxes dist_axes(Lower *L, const Dist *d);

/* ---- diff.c */


Value *eval_grad(Ctx *c, const Ast *e);
Value *lent_value(struct Lent *l);                                              /* NULL: it must be evaluated as it is written */
void   diff_file(Ctx *c);                                                       /* numbers of the file that an expression added now differentiates by */
Value *apply_prime(Ctx *c, Value *f, int order, Args *args, const void *site, Span at);
void   opaque_path(Ctx *c, Span at, const IrNode *n);
IrVal *before_grad(Ctx *c, IrVal *v, IrVal *const *wrt, int n_wrt, bool last);  /* last: no other derivative will be taken */
Value *diff_bound(Ctx *c, const Ast *binding, Value *v);                        /* v as the node binds it: differentiated, it has nodes of its own */

/* ---- after.c */

Value *eval_after(Ctx *c, const Ast *e);

/* ---- sample.c, loop.c */

bool   axes_fit(Ctx *c, IrAxes axes, Span at);                                  /* false, reported, when there would be too many samples */
Value *eval_expectation(Ctx *c, const Ast *e);
bool   eval_sample(Ctx *c, const Ast *s);                                       /* x ~ p: binds in c->scope */
bool   sample_batch(Ctx *c, Span at);                                           /* is c->batch a size? false, reported: no schedule says one */
Value *sample_stack(Ctx *c, Value *v, IrAxes axes, Span at);                    /* sample axes become leading dims, spread first if absent */
Value *sample_rows(Ctx *c, Value *v, int axis, Span at);                        /* the leading dim becomes the axis */
Value *eval_map(Ctx *c, Value *f, Value **v, int n, const void *site, Span at);
Value *eval_tabulate(Ctx *c, Value *f, int64_t n, const void *site, Span at);
Value *eval_fold(Ctx *c, Value *init, Value *n, Value *f, Value *until, bool scan, const void *site, Span at);
Value *eval_replicate(Ctx *c, Value *n, Value *f, const void *site, Span at);   /* f() of each round, stacked; the first of all, for its form, is the same application */

/* ---- layer.c, player.c, optimizer.c */

Value *layer_bind(Ctx *c, Closure *closure, Args *args, const void *site, Span at);
Value *layer_apply(Ctx *c, Value *layer, Args *args, const void *site, Span at);
Instance *layer_instance(Ctx *c, const char *name, const void *site, Span at);
bool   has_parameters(const Ast *body);                                         /* may a param stand in it: a layer, a net or a model? NULL: no */
Value *eval_parameter(Ctx *c, const Ast *s);                                    /* binds in c->scope */
Value *member_parameter(Ctx *c, const Ast *s);                                  /* of a bijector; not bound */
Value *declared_first(Ctx *c, Value *first, const Ast *type, Span at, const char *name);    /* the first value of a state, as its type says; reported when it is none of that */
Value *eval_state(Ctx *c, const Ast *s);                                        /* its place; not bound */
void   eval_assign(Ctx *c, const Ast *s);
Value *layer_slot(Ctx *c, const char *path, const Ast *type, const Ast *draw, const Ast *value, IrSlotKind kind, Player *owner, Span at);
Value *player_declare(Ctx *c, const Ast *decl, const char *name, bool local);   /* local: in a body that is evaluated */
Value *player_apply(Ctx *c, Player *p, Args *args, const void *site, Span at);
Value *player_body(Ctx *c, Player *p, Args *args, bool draw, const void *site, Span at);
Value *player_field(Ctx *c, Player *p, const char *name, Span at);
bool   player_draw(Ctx *c, Scope *scope, const Ast *param, const char *what);    /* a model's argument that is not given; false after an error */
bool   player_find_params(Ctx *c, Player *p, Span at);                          /* false: they are not known, which was said */
Player *as_player(Ctx *c, Value *v, Span at);                                   /* the one that owns parameters and is updated */
Value *optimizer_apply(Ctx *c, Value *opt, Args *args, const void *site, Span at);
void   optimizer_check(Ctx *c, Closure *k, Scope *scope);                        /* its body, of a w and g that are not known; scope: of its first list */
int    player_steps(Ctx *c, Player *p);
Value *rule_steps(Ctx *c);                                                      /* how often the rule at hand has been applied, this time among them */
bool   rule_assign(Ctx *c, const Ast *target, Value *v, Span at);              /* to w, g or a state of the rule at hand, or a part of one; false: to none of them */
Value *player_record(Ctx *c, Player *p);                                        /* its parameters that exist now, by path */
Value *player_numbers(Ctx *c, Player *p, Span at);                              /* all of them, where the net stands for its numbers; reported when it has none */

/* ---- first.c: what a parameter or state starts at */

bool   first_changes_nothing(Ctx *c, const Ast *draw, const Ast *value);        /* of what a state or parameter starts at, either may be NULL; false, reported, when there is := in it */
bool   first_equal(Lower *L, const Value *a, const Value *b);                     /* are two values one? Of tensors, are they the same one */
bool   first_surely_equal(Lower *L, const Value *a, const Value *b);              /* the same; false also where that is not known */
bool   first_same(Ctx *c, const Ast *draw, const Ast *value, Scope *was, Scope *now, const char *path, Span at, const char *hint);     /* do the names in it mean the same in two scopes? false, reported (E122), when not; NULL: there is no first one */
void   first_begins(Ctx *c, int slot);                                          /* with what the names mean in c->scope */
bool   first_agrees(Ctx *c, int slot, const Ast *draw, const Ast *value, Span at);     /* the same here, where the slot is found again */

/* ---- data.c, builtin.c */

Value *data_declare(Ctx *c, const Ast *decl, const char *name);
Value *builtin_find(Lower *L, const char *name);                                /* NULL: none */
const char *word_of_node(Lower *L, const IrNode *n);                            /* "floor", "argmin": what has no derivative, say */
const char *builtin_nearest(Lower *L, const char *name, int *distance);
Value *builtin_partial(Lower *L, const char *name, Value *first);               /* waits for what follows its first argument */
Value *builtin_apply(Ctx *c, const Builtin *b, Args *args, const void *site, Span at);
const char *builtin_name(const Builtin *b);
int    builtin_most(const Builtin *b);                                          /* arguments */
bool   builtin_asks_name(const Builtin *b);                                     /* is it named, which is asked of a parameter? */
bool   builtin_asks_given(const Builtin *b);                                    /* is it given, which is asked of a member, too? */
bool   field_is_lacking(Ctx *c, const Ast *e);                                  /* p.name of a declared distribution that does not say it */
bool   builtin_picks(const Builtin *b);                                         /* is it where? */
const char *const *builtin_names(Lower *L);                                     /* ended by NULL */

/* ---- check.c: what nothing has evaluated */

void   check_evaluated(Lower *L, const Ast *body);                              /* is noted where a body is evaluated */
void   check_block(Ctx *c, AstList stmts);                                      /* of the schedule: its declarations are to be looked through at the end */
void   check_unused(Ctx *c);                                                    /* reports what is wrong in any body of the program that nothing evaluated */
void   check_local(Ctx *c, AstList stmts);                                      /* the same of a block in a body that is being checked */
void   check_function(Ctx *c, const Value *f);                                  /* and of a function that is written there */
Value *check_both(Ctx *c, const Ast *if_);                                      /* both sides of an if whose condition is not known */
Value *check_round(Ctx *c, const Ast *for_, Value **carried);                   /* one round of a for whose source is not known */

/* ---- pending.c */

bool   ctx_trains(const Ctx *c, const Player *p);                               /* is this evaluated to train p? */
int    pending_count(const Lower *L);                                           /* assignments to states that wait for an update */
Value *pending_result(Ctx *c, int from, Value *v);                     /* v is the result of what made those from `from` on */
Value *pending_result_of_loop(Ctx *c, int from, Value *v);             /* the same of a loop, until the block around has results */
