/* core.h - what the files of the lowering share: values of compile time, scopes, and where evaluation stands.
 *
 * eval() turns an expression into a Value. Most values are of compile time and vanish; a tensor is a value of the IR
 * function being built, or a slot of the state that is read where it is used. Values never change once made, so they may
 * be shared freely. After an error has been reported the result is the value V_ERROR, which is accepted everywhere and
 * reports nothing more. */
#pragma once
#include "base/bug.h"
#include "base/nametable.h"
#include "compiler/grad/grad.h"
#include "compiler/lower/lower.h"
#include "lang/check/module.h"
#include "lang/check/names.h"
#include "lang/syntax/ast.h"

#include <string.h>

typedef struct Value    Value;
typedef struct Scope    Scope;
typedef struct Ctx      Ctx;
typedef struct Fn       Fn;
typedef struct Closure  Closure;
typedef struct Instance Instance;
typedef struct Player   Player;
typedef struct Dist     Dist;
typedef struct Compare  Compare;
typedef struct Data     Data;
typedef struct Builtin  Builtin;
typedef struct Rule     Rule;
typedef struct Part     Part;
typedef struct Version  Version;
typedef struct Pending  Pending;
typedef struct Block    Block;
typedef struct Face     Face;

enum {
    MAX_CALLS   = 200,                                      /* applications inside one another */
    MAX_DEPTH   = 2500,                                     /* expressions inside one another, over all applications */
    MAX_ROUNDS  = 100000,                                   /* of an unrolled loop */
    MAX_NODES   = 500000,                                   /* of the program's IR */
    MAX_EVALS   = 3000000,                                  /* expressions evaluated */
    MAX_NESTING = 200,                                      /* lists and records inside one another */
    MAX_LEAVES  = 4000000,                                  /* values in one list or record, however nested */
    MAX_AXES    = 60000,
    MAX_ARGS    = 24,
};
#define MAX_BYTES   ((int64_t)1 << 36)                      /* of one tensor */
#define MAX_SAMPLES ((int64_t)1 << 40)                      /* over all axes of a value */

/* ---- values ----------------------------------------------------------------------------------------------------- */

typedef enum {
    V_ERROR, V_NONE, V_INT, V_REAL, V_BOOL, V_STRING, V_LIST, V_RANGE,      /* known when the program is compiled */
    V_TENSOR, V_SLOT,                                       /* known when it runs */
    V_RECORD,                                               /* named fields, or a tuple */
    V_FUNCTION, V_LAYER, V_PLAYER, V_DIST, V_COMPARE, V_OPTIMIZER, V_THUNK, V_MODULE, V_REPORT,
} ValueKind;

typedef enum { F_CLOSURE, F_BUILTIN, F_PARTIAL, F_PRIME } FunctionKind;

struct Value {
    ValueKind kind;
    Span      at;                                           /* where it came from; SPAN_NONE when that would say nothing */
    int64_t   classes;                                      /* of a V_INT that is a class[n], else 0 */
    Face     *face;                                         /* of a V_INT or V_REAL that a derivative may be taken by: its node, else NULL (face.c) */
    union {
        int64_t     i;
        double      r;
        bool        b;
        const char *s;
        struct { Value **v; int n; int64_t leaves; int depth; } list;            /* leaves: values that are no list or record; depth: lists and records inside one another */
        struct { int64_t from, to; } range;
        struct { IrVal *v; Fn *home; int64_t classes; int own_axis; } tensor;    /* classes: of class[n], else 0; own_axis: opened for it, or -1 */
        struct { int slot; int64_t classes; } slot;          /* a place in the state: its value is that of the environment where it is read */
        struct { Value **v; const char **name; int n; int64_t leaves; int depth; Player *of; } record;   /* name is NULL in a tuple; of: the player whose parameters, or a direction of whose, they are */
        struct {
            FunctionKind   kind;
            Closure       *closure;
            const Builtin *builtin;
            Value        **given;  int n_given;             /* F_PARTIAL: arguments that wait for the last one */
            const char   **given_name;
            Value         *of;     int order;               /* F_PRIME */
        } fn;
        struct { Closure *closure; Instance *inst; } layer; /* bound: its parameters have a path */
        Player        *player;
        Dist          *dist;
        Compare       *compare;
        struct { Closure *closure; } optimizer;             /* bound: waits for (w, g) */
        struct { const Ast *expr; Scope *scope; const char *name; Compare *own; } thunk;  /* a loss or member: evaluated where it is used */
        Scope         *module;
        const char    *report;                              /* its name; indices may follow */
    };
};

/* A definition and the scope its body is evaluated in. */
struct Closure {
    const Ast  *def;                                        /* DEFINE, FN or MEMBER */
    Scope      *scope;                                      /* bound: the scope of the first list's arguments */
    bool        bound;                                      /* the first of two lists has been given */
    const char *name;
    IrAxes      axes;                                       /* of what it takes along; known: all of it was bound (axes.c) */
    bool        axes_known;
    unsigned    axes_round;
};

typedef struct Args {
    int         n;
    Value      *v[MAX_ARGS];
    const char *name[MAX_ARGS];                             /* NULL: by position */
    Span        at[MAX_ARGS];
} Args;

/* ---- scopes ----------------------------------------------------------------------------------------------------- */

typedef enum { B_READY, B_LATER, B_BUSY } BindingState;

typedef struct Binding {
    const char  *name;
    Value       *value;
    const Ast   *decl;                                      /* B_LATER: evaluated when it is first asked for */
    Span         at;
    BindingState state;
    bool         used;
    unsigned     axes_round;                                /* the last walk of axes.c that came here */
} Binding;

struct Scope {
    Scope         *parent;
    const Module  *module;                                  /* of a file's own scope: lookup goes on in what it imports */
    Scope        **import;  int n_imports;
    bool           distribution;                            /* its sample and log_prob are capabilities, not names */
    bool           members;                                 /* of a comparison or distribution */
    Instance      *inst;                                    /* of a comparison or distribution: it owns what its members declare */
    uint64_t       round;                                   /* of the static loops around it: declarations of each round are their own */
    ARRAY(Binding) names;
    uint32_t      *table, table_n;                          /* of a large scope: place of a name -> 1 + its index in names */
};

struct Ctx {
    Lower      *L;
    Scope      *scope;
    IrAxes      axes;                                       /* the example at hand: what a draw without a size varies over */
    int64_t     batch;                                      /* the size of an E without one; -1: it must be given */
    Instance   *inst;                                       /* the net or layer whose body this is; NULL outside */
    const char *path;                                       /* names draws, "gan.critic"; "" at the top */
    uint64_t    site;                                       /* the calls and rounds between the instance's body and here */
    int         calls;
    const char *index;                                      /* "[kl,js]" inside loops at the top level, else "" */
    const char *name;                                       /* that the value gets: of an instance made here; NULL: none */
    const Block *block;                                     /* the block of updates whose losses, lets and samples are evaluated: who is in training; NULL: nobody */
    bool        reports_first;                              /* names mean reports before anything of the file */
    Rule       *rule;                                        /* the optimiser's rule being applied, or NULL */
};

/* ---- graphs being built (graph.h has the rest) ------------------------------------------------------------------- */

typedef struct Env { IrVal **v; int n; } Env;               /* by slot: its value here; NULL: not asked for yet */

struct Fn {                                                 /* a graph: the schedule's, INIT, or one that is made for its shapes and dropped */
    IrFn      *ir;
    IrBuilder  b;
    Env        env;
    IrNode    *last_face;                                   /* the last of the nodes that numbers known now have at the entry */
    ARRAY(const char *) streams;                            /* names of draws, each once */
    ARRAY(struct { IrVal *index; int64_t n; }) loops;       /* enclosing scans: index of the iteration and how many */
};

/* ---- nets, layers, models --------------------------------------------------------------------------------------- */

typedef struct Child { uint64_t site; const char *layer; Instance *inst; } Child;

struct Instance {                                           /* what can have members of its own: a player, a layer, a comparison, a distribution, the program */
    const char *path;                                       /* "D.Dense_1"; the program's is "" */
    const char *local;                                      /* "Dense_1" */
    Player     *owner;                                      /* of the parameters in it; NULL: nobody, so it can have none */
    Player     *player;                                     /* whose instance it is; NULL: of no player */
    ARRAY(Child) children;
    ARRAY(struct { const char *layer; int n; }) counts;
    ARRAY(struct { uint64_t key; const char *path; }) members;      /* parameters and states, by the place that declares them */
};

struct Player {
    const char *name;                                       /* "D", "G[kl]" */
    Closure    *closure;
    Value      *shared;                                     /* net D = Critic(..): the bound layer or net it instantiates */
    Player     *copy_of;
    Instance   *inst;
    Span        at;
    AstDefine   word;
    ARRAY(int)  params;                                     /* slots, in order of creation */
    int         steps_slot;                                 /* -1 until an update needs it */
    ARRAY(struct RuleInstance *) rules;                     /* the optimisers that update it */
    bool        updated, found;                             /* found: all parameters are known */
};

typedef struct DistKind DistKind;                           /* what a kind can do: a row of functions (dist/dist.h) */

struct Dist {                                               /* kind says which member of the union holds */
    const DistKind *kind;
    const char     *name;                                   /* names its draws: "ring", "G" */
    int             depth;                                  /* how many bases there are below */
    bool            named;                                  /* by a data declaration of the program: it stands in the game's table */
    union {
        int64_t  classes;                                   /* int: 0 .. classes - 1 */
        Closure *closure;                                   /* declared: members are looked up in its scope, beside the arguments */
        struct { Closure *closure; Args *args; const void *site; IrInts dims; uint32_t which; } lifted;   /* which: a bit for each argument with these dims */
        struct { Player *player; Args *args; } model;       /* the arguments given so far */
        struct { Dist *base; const Ast *type; Scope *scope; IrInts dims; bool known; } typed;   /* the tail of a prescribed model */
        struct { Dist *base; IrInts dims; } power;
        struct { Dist *base; const char *name; } field;
        struct { Dist *base; Value *f; } map;
        Dist    *base;                                      /* stop */
        Value   *value;                                     /* rows, batch */
        Value   *fields;                                    /* joint: a record of distributions */
        Data    *data;                                      /* data, replace */
    };
};


typedef struct DataField {
    const char *name;                                       /* NULL: the only one, without a name */
    GanTensor  *tensor;                                     /* rows first */
    int64_t     classes;
    int         slot;                                       /* -1 until it is drawn from */
} DataField;

struct Data {
    const char *name;
    int64_t     rows;
    DataField  *field;  int n_fields;
};

struct Compare {
    const char *name;
    Closure    *closure;                                    /* its scope holds parameters and members */
    const Ast  *change;                                     /* COMPARE, for its changes, or NULL */
    Scope      *change_scope;
};

/* ---- the whole -------------------------------------------------------------------------------------------------- */

struct Lower {
    Arena        *a;
    IrModule     *m;
    Sources      *sources;
    Diags        *diags;
    LowerOptions  o;
    Modules       modules;
    Names        *names;                                    /* what every name stands for (lang/check) */
    ARRAY(Scope *)  scopes;                                 /* of modules.all, the same index */
    ARRAY(bool)   library;                                  /* by number of a source: part of the standard library */
    Scope        *prelude, *file;                           /* the main file's names */
    Fn           *fn;                                       /* the graph being built; NULL where nothing can be computed */
    Instance     *program;                                  /* the program's own members */
    Fn           *init, *graph;                             /* initial values; the schedule */
    Part         *part;                                     /* the statement that what is made now belongs to */
    struct Graph *g;                                        /* graph.h */
    ARRAY(Player *)    players;
    ARRAY(GanTensor *) owned;                               /* tensors to free, views among them not */
    ARRAY(struct { int slot; GanTensor *t; }) data;         /* tensors of DATA slots */
    ARRAY(const char *) reports;
    ARRAY(GameLine)    lines;
    ARRAY(struct { IrVal *draw; IrVal *input; const char *name; Span at; }) draw_cuts;    /* draws, and what they depend on without a derivative */
    NameTable     fn_names, root_names, stream_names;       /* root_names: what the paths of slots begin with */
    GanSchedule  *root;
    int           trials;                                   /* quiet ones under way */
    int           n_blocks;
    ARRAY(Part *) line_parts;                               /* of lines, the same index */
    ARRAY(Pending *) pendings;
    ARRAY(const Ast *) unowned;                             /* assignments that no player owns ... */
    ARRAY(bool)   committed;                                /* ... and whether an update has committed them */
    ARRAY(bool)   program_state;                            /* by slot: a state of the program or a comparison */
    int           inside;                                   /* how many blocks of the schedule the place is in */
    int           step_slot;
    int           depth, n_evals;
    unsigned      axes_round;
    bool          too_deep, too_large;
    int           n_draws, n_models;                        /* made so far: rows that draw, but for layers' noise; draws of models */
};

/* ---- values.c --------------------------------------------------------------------------------------------------- */

Value *val_error(Lower *L);
Value *val_none(Lower *L);
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
Value *val_record_like(Lower *L, const Value *like, Value **v);                  /* the same fields, of the same player */
Value *val_new(Lower *L, ValueKind k);
IrElem int_elem(int64_t i);                                  /* the least element type that holds it */
Value *val_dist(Lower *L, Dist *d);
Value *val_prime(Lower *L, Value *of, int order);
Value *val_closure(Lower *L, const Ast *def, Scope *scope, const char *name);

static inline bool val_bad(const Value *v) { return v->kind == V_ERROR; }
static inline bool val_is_number(const Value *v) { return v->kind == V_INT || v->kind == V_REAL; }     /* known now */
static inline double val_number(const Value *v) { return v->kind == V_INT ? (double)v->i : v->r; }
bool   val_static(const Value *v);                          /* a number, bool, string, list or range known now */
bool   val_runs(Lower *L, const Value *v);                  /* computed while the program runs, at least in part */
Value *val_field(const Value *record, const char *name);    /* NULL: no such field */
int64_t val_rows(Lower *L, const Value *v);                 /* the leading extent, or -1 where it has none */
const char *val_text(Lower *L, const Value *v);             /* "real[2]", "the net D", "3": for messages */
const char *val_key(Lower *L, const Value *v);              /* of an index of a report: "kl", "3" */
const char *type_text(Lower *L, const IrType *t);           /* "real[28, 28]", without sample axes */
const char *dims_text(Lower *L, const IrInts *d);           /* "[28, 28]" */

Value *val_part(Lower *L, const Value *record, const char *name);               /* a field, or what a path into the record begins with */

/* The value as a tensor of the function being built; numbers become constants, lists are stacked. NULL after an error. */
IrVal *as_tensor(Ctx *c, Value *v, Span at);
IrVal *as_real(Ctx *c, Value *v, Span at);                  /* an int or bool becomes a real */
bool   as_int(Ctx *c, Value *v, Span at, const char *what, int64_t *out);
bool   as_number(Ctx *c, Value *v, Span at, const char *what, double *out);
bool   as_size(Ctx *c, Value *v, Span at, const char *what, int64_t *out);   /* an int, not negative */
bool   as_dims(Ctx *c, Value *v, Span at, IrInts *out);     /* an int or a list of them; checked to fit */
Value *as_settled(Ctx *c, Value *v, Span at);               /* a model with every argument given becomes its value; a thunk is evaluated */
bool   dims_fit(Lower *L, const IrInts *d, Span at);        /* false, reported, when a tensor of that shape would be too large */
bool   as_rows(Ctx *c, Value *v, Span at, const char *what, int64_t *n);     /* how many rows, in every field of a record; false, reported: none */
Dist  *as_dist(Ctx *c, Value *v, Span at);                  /* what stands after ~ */

Closure *closure_copy(Lower *L, const Closure *k, Scope *scope);             /* for another scope */

/* ---- axes.c ----------------------------------------------------------------------------------------------------- */

IrAxes val_axes(Lower *L, const Value *v);                  /* sample axes it varies over, through what closures take along */
const Dist *dist_base(const Dist *d);                                           /* that it is made of; NULL: of none */
IrAxes closure_axes(Lower *L, Closure *k);

/* ---- scope.c ---------------------------------------------------------------------------------------------------- */

Scope *scope_new(Lower *L, Scope *parent);
void   scope_bind(Lower *L, Scope *s, const char *name, Value *v, Span at);
bool   scope_rebind(Scope *s, const char *name, Value *v);                       /* replaces it where it stands; false: nothing inside a definition has that name */
void   scope_declare(Lower *L, Scope *s, const char *name, const Ast *decl, Span at);
Value *scope_find(Ctx *c, const char *name, Span at, bool callee);              /* NULL: unknown; thunks are not evaluated */
Binding *scope_binding(Scope *s, const char *name);                             /* in s itself, evaluated or not; NULL: none */
Value *scope_local(Ctx *c, Scope *s, const char *name);                         /* only in s itself; NULL: none */
bool   scope_bind_pattern(Ctx *c, Scope *s, const Ast *pattern, Value *v);      /* names and tuples */
void   scope_bind_param(Ctx *c, Scope *s, const Ast *param, Value *v);
Value *scope_too_early(Ctx *c, const char *name, Span computed, Span at);       /* reports a name used before its line */
void   scope_unknown(Ctx *c, const char *name, Span at);                        /* reports it, with the nearest name */
Value *declare(Ctx *c, const Ast *decl, const char *name);                      /* the value of a declaration (decl.c) */
void   declare_local(Ctx *c, AstList stmts);                                    /* the same in a body that is evaluated: its nets are made now */
void   declare_all(Ctx *c, AstList stmts);                                      /* every declaration of a block that may be used before it stands */
void   declare_members(Ctx *c, AstList stmts);                                  /* of a comparison or distribution */

/* ---- graph.c ---------------------------------------------------------------------------------------------------- */

bool   fn_fits(Ctx *c, Span at);                                                /* false, reported, after a value too large for any memory */
bool   fn_needed(Ctx *c, Span at);                                              /* false, reported, where nothing can be computed */
IrVal *fn_read(Lower *L, int slot);                                             /* the slot's value in the environment */
IrVal *fn_tick(Lower *L);
bool   slots_changed(const Lower *L, int slot);                                 /* by a statement so far */
int    fn_stream(Ctx *c, const char *name);                                     /* the stream of a draw: path and name, unique in the function */
void   fn_initialise(Lower *L, int slot, IrVal *v);                             /* in INIT: the value of a new run */
Fn    *fn_enter_init(Lower *L);                                                 /* L->fn is INIT until fn_leave_init(its result) */
void   fn_leave_init(Lower *L, Fn *before);
void   fn_forget_streams(Lower *L, int n);                                      /* but for the first n of the part or function */
void   fn_draws_from(Lower *L, const char *name);
IrBuilder *fn_builder(Ctx *c);
IrSpan span_ir(Lower *L, Span at);
Span   span_of_node(Lower *L, const IrNode *n);                                 /* SPAN_NONE when it has none */
const char *path_join(Lower *L, const char *a, const char *b);
const char *strf(Lower *L, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- expr.c ----------------------------------------------------------------------------------------------------- */

Value *eval(Ctx *c, const Ast *e);                                              /* thunks evaluated */
Value *eval_raw(Ctx *c, const Ast *e);                                          /* a name or member of a loss stays a thunk */
Value *eval_block(Ctx *c, const Ast *block);                                    /* in a scope of its own */
Value *eval_stmts(Ctx *c, AstList stmts);                                       /* in c->scope; the last expression's value, or V_NONE */
Value *eval_thunk(Ctx *c, Value *thunk, int64_t n);                             /* n: another batch; -1: the context's */
bool   for_items(Ctx *c, const Ast *source, Value ***items, int64_t *n);        /* the static values a loop goes through */

/* ---- face.c ----------------------------------------------------------------------------------------------------- */

Value *face_leaf(Lower *L, const Value *number);                                /* the same number, to be differentiated by */
IrVal *face_node(Ctx *c, const Value *number);                                  /* of one with a face, in the function being built: f64 */
Value *face_binary(Ctx *c, AstOp op, Value *a, Value *b, Value *result);        /* these give `result` a face if an operand has one */
Value *face_map(Ctx *c, IrOp op, Value *a, Value *result);
Value *face_pick(Ctx *c, bool first, Value *a, Value *b, Value *result);        /* result is the first of a and b, or the second */
Value *face_cut(Ctx *c, Value *a, Value *b, Value *result);                     /* without a derivative by it */

/* ---- arith.c ---------------------------------------------------------------------------------------------------- */

Value *arith_binary(Ctx *c, AstOp op, Value *a, Value *b, Span at);
Value *arith_unary(Ctx *c, AstOp op, Value *a, Span at);
Value *arith_map(Ctx *c, IrOp op, Value *a, Span at);                           /* an element-wise row, field by field */
Value *arith_select(Ctx *c, Value *cond, Value *yes, Value *no, Span at);
IrVal *arith_numbers(Ctx *c, Value *v, Span at, const char *word);              /* a tensor of numbers; NULL, reported, for conditions */
IrVal *arith_reals(Ctx *c, Value *v, Span at, const char *word);                /* the same, of reals */
bool   arith_align(Ctx *c, IrVal **a, IrVal **b, Span at, const char *word);    /* one element type, fitting shapes; false, reported */
bool   arith_operands(Ctx *c, Value *a, Value *b, Span at, IrVal **x, IrVal **y);   /* a static number takes the other's element type */
IrVal *arith_convert(Ctx *c, IrVal *v, IrElem elem);
IrElem arith_elem(const Ctx *c, IrElem x, IrElem y);                            /* of a result of two */
Value *arith_table(Ctx *c, Value *list, int64_t least, Span at);                /* a list of at least so many numbers as data; NULL: it is none */
Value *arith_stack(Ctx *c, Value **v, int n, Span at);                          /* index.c */
bool   index_bounds(Ctx *c, int64_t i, int64_t extent, bool end, Span at);       /* false, reported, when i is not in 0..extent; `end`: nor the end itself */
Value *arith_index(Ctx *c, Value *v, const Ast *index);

/* ---- ints.c ----------------------------------------------------------------------------------------------------- */

void   ints_widen(Ctx *c, IrOp op, IrVal **a, IrVal **b);                       /* to 64 bits, where the result of an add, sub or mul could leave 32 */
IrVal *ints_widen_sum(Ctx *c, IrVal *t, int64_t n);                             /* the same for the sum of n such elements */
bool   ints_table(const Lower *L, const IrVal *v, int64_t *lo, int64_t *hi);    /* the least and greatest of numbers known now; false: they are not */

/* ---- call.c ----------------------------------------------------------------------------------------------------- */

Value *eval_call(Ctx *c, const Ast *e);
Value *eval_pipe(Ctx *c, const Ast *e);
Value *apply(Ctx *c, Value *f, Args *args, const void *site, Span at);
Value *apply1(Ctx *c, Value *f, Value *arg, const void *site, Span at);
/* Gives parameters their arguments in `scope`. `open` (NULL: none allowed) receives true for parameters left out that have a draw. */
bool   bind_params(Ctx *c, Scope *scope, AstList params, Args *args, const char *what, Span at, bool *open);
void   spread_record(AstList params, Args *args);                               /* a record as the only argument fills several parameters */
const Ast *param_of(AstList params, const Args *args, int i);                   /* the parameter that argument i is for, or NULL */
Ctx    ctx_body(Ctx *c, Scope *scope, const Args *args, const void *site);      /* for evaluating a body applied to args */
AstList call_params(const Value *f);                                            /* those that a closure, layer or player is applied to next */
uint64_t site_mix(uint64_t site, const void *what);
bool   call_enter(Ctx *c, Span at);                                             /* false, reported, when calls nest too deeply */

/* ---- types.c ---------------------------------------------------------------------------------------------------- */

/* v made to fit a declared type: ints become reals, lists tensors; dimension names are bound in c->scope, or must agree. */
Value *type_conform(Ctx *c, Value *v, const Ast *type, Span at, const char *what);
bool   type_dims(Ctx *c, const Ast *type, IrInts *dims);                        /* every dim must be known */
bool   type_elem(Ctx *c, const Ast *type, IrElem *elem, int64_t *classes);
bool   type_is_static(const Ast *type);                                         /* int, real, bool without dims: numbers stay static */

/* ---- diff.c ----------------------------------------------------------------------------------------------------- */

Value *eval_grad(Ctx *c, const Ast *e);
void   diff_file(Ctx *c);                                                       /* numbers of the file that an expression added now differentiates by */
Value *apply_prime(Ctx *c, Value *f, int order, Args *args, const void *site, Span at);
IrVal *diff_leaf(Ctx *c, IrVal *v);                                             /* the same value as a node of its own */
IrVal *before_grad(Ctx *c, IrVal *v, IrVal *const *wrt, int n_wrt, bool last);  /* last: no other derivative will be taken */
Value *diff_bound(Ctx *c, const Ast *binding, Value *v);                        /* v as the node binds it: differentiated, it has nodes of its own */

/* ---- dist/, sample.c ------------------------------------------------------------------------------------------- */

bool   dist_is_value(Lower *L, const Dist *d);                                  /* a model that draws nothing: every argument given, no ~ in its body */
Value *dist_sample(Ctx *c, Dist *d, const IrInts *shape, Span at);              /* one draw for each sample of c->axes; shape: declared, or NULL */
Value *dist_log_prob(Ctx *c, Dist *d, Value *x, Span at);                       /* x has the shape of a draw, or that is reported */
Value *dist_member(Ctx *c, Dist *d, const char *name, Span at);                 /* an attribute; NULL: none of that name */
Value *dist_no_density(Ctx *c, const Dist *d, Span at);
IrAxes dist_axes(Lower *L, const Dist *d);
const char *dist_text(Lower *L, const Dist *d);
const Ast *dist_type(const Dist *d);                                            /* the declared type of a draw; NULL: none */
bool   dist_finite(Lower *L, const Dist *d, int64_t *n);
Value *dist_all(Ctx *c, Dist *d, int axis, Span at);                            /* every element once, along an axis of that extent */
Value *dist_settled(Ctx *c, Value *v, Span at);                                 /* a model with every argument given becomes its value */
Dist  *dist_of_type(Ctx *c, Dist *base, const Ast *type, const char *name);     /* whose draws are held to a declared type; NULL after an error */
Value *dist_tail(Ctx *c, Value *v, const Player *p, Span at);                   /* what the body of a prescribed model ends in; c->scope: its dimensions */
Data  *dist_table(const Dist *d);                                               /* of plain data; else NULL */
Value *dist_batch_value(const Dist *d);                                         /* h of batch_of(h); else NULL */
Dist  *dist_renamed(Lower *L, const Dist *d, const char *name);                 /* by a declaration; a model keeps its own */
Value *dist_of_normal(Lower *L);
Value *dist_of_uniform(Lower *L);
Value *dist_of_int(Lower *L, int64_t n);
Value *dist_of_declared(Ctx *c, Closure *k, Args *args, const void *site, Span at);
Dist  *dist_of_model(Lower *L, Player *p, const Args *args);
Dist  *dist_of_power(Lower *L, Dist *base, const IrInts *dims);
Value *dist_to_power(Ctx *c, Dist *base, Value *n, Span at);
Dist  *dist_of_field(Lower *L, Dist *base, const char *field, const char *name);
Dist  *dist_of_map(Lower *L, Dist *base, Value *f);
Dist  *dist_of_stop(Lower *L, Dist *base);
Dist  *dist_of_fields(Ctx *c, Value *record, Span at);
Value *dist_of_rows(Lower *L, Value *v);
Value *dist_of_batch(Lower *L, Value *v);
Value *dist_of_data(Lower *L, Data *data, bool replace);
/* Notes, for a draw just made of nodes with ids from `first` on, which of its inputs it depends on without a derivative. */
void   dist_note_cuts(Lower *L, const Dist *d, uint32_t first, const Value *draw, Span at);

bool   axes_fit(Ctx *c, IrAxes axes, Span at);                                  /* false, reported, when there would be too many samples */
Value *eval_expectation(Ctx *c, const Ast *e);
bool   eval_sample(Ctx *c, const Ast *s);                                       /* x ~ p: binds in c->scope */
Value *sample_stack(Ctx *c, Value *v, IrAxes axes, Span at);                    /* sample axes become leading dims, spread first if absent */
Value *sample_rows(Ctx *c, Value *v, int axis, Span at);                        /* the leading dim becomes the axis */
Value *map_fields(Ctx *c, Value *v, Value *(*f)(Ctx *c, Value *leaf, void *arg), void *arg);
Value *eval_map(Ctx *c, Value *f, Value **v, int n, const void *site, Span at);
Value *eval_tabulate(Ctx *c, Value *f, int64_t n, const void *site, Span at);
Value *eval_fold(Ctx *c, Value *init, Value *n, Value *f, Value *until, bool scan, const void *site, Span at);

/* ---- layer.c, player.c, optimizer.c ----------------------------------------------------------------------------- */

Value *layer_bind(Ctx *c, Closure *closure, Args *args, const void *site, Span at);
Value *layer_apply(Ctx *c, Value *layer, Args *args, const void *site, Span at);
Instance *layer_instance(Ctx *c, const char *name, const void *site, Span at);
Value *eval_parameter(Ctx *c, const Ast *s);                                    /* binds in c->scope */
Value *eval_state(Ctx *c, const Ast *s);                                        /* its place; not bound */
void   eval_assign(Ctx *c, const Ast *s);
Value *layer_slot(Ctx *c, const char *path, const Ast *type, const Ast *draw, const Ast *value, IrSlotKind kind, Player *owner, Span at);

Value *player_declare(Ctx *c, const Ast *decl, const char *name, bool local);   /* local: in a body that is evaluated */
Value *player_apply(Ctx *c, Player *p, Args *args, const void *site, Span at);
Value *player_body(Ctx *c, Player *p, Args *args, bool draw, const void *site, Span at);
Value *player_field(Ctx *c, Player *p, const char *name, Span at);
void   player_find_params(Ctx *c, Player *p, Span at);
Player *as_player(Ctx *c, Value *v, Span at);                                   /* the one that owns parameters and is updated */
/* A net declared in a body is made anew whenever the body is evaluated, with what it captured there, and is one player all the same. */
static inline Player *player_self(Player *p) { return p->inst->player ? p->inst->player : p; }
Instance *inst_here(Ctx *c);                                                    /* the instance at hand, or the program's */
Instance *inst_child(Ctx *c, const char *name, uint64_t key, bool numbered);    /* found under it, or made */
const char *inst_member(Ctx *c, const char *name, const Ast *decl);             /* the path of a parameter or state */

Value *optimizer_apply(Ctx *c, Value *opt, Args *args, const void *site, Span at);
int    player_steps(Ctx *c, Player *p);
Value *rule_steps(Ctx *c);                                                      /* how often the rule at hand has been applied, this time among them */
bool   rule_assign(Ctx *c, const char *name, Value *v);                         /* to w, g or a state of the rule at hand; false: to none of them */
void   state_of_program(Lower *L, int slot);                                    /* no player owns it */
bool   ctx_trains(const Ctx *c, const Player *p);                               /* is this evaluated to train p? */
int    pending_count(const Lower *L);                                           /* assignments to states that wait for an update */
Value *pending_result(Ctx *c, int from, Value *v, Span at);                     /* v is the result of what made those from `from` on */
Value *player_record(Ctx *c, Player *p);                                        /* its parameters that exist now, by path */

/* ---- decl.c, data.c, builtin.c, schedule.c, program.c -------------------------------------------------------- */

Instance *members_instance(Ctx *c, const Closure *k, const void *site);         /* of a comparison or distribution applied there; NULL: it owns nothing */
Value *compare_bind(Ctx *c, Closure *closure, Args *args, const void *site, Span at);
Value *compare_with(Ctx *c, Compare *base, const Ast *decl, const char *name);
Value *compare_member(Ctx *c, Compare *k, const char *name, Span at);           /* NULL: none of that name; thunks are not evaluated */

Value *data_declare(Ctx *c, const Ast *decl, const char *name);
int    data_slot(Lower *L, Data *d, DataField *f);
int    data_constant(Lower *L, GanTensor *t, const char *name);                 /* a DATA slot of its own; takes the tensor */

Value *builtin_find(Lower *L, const char *name);                                /* NULL: none */
const char *builtin_nearest(Lower *L, const char *name, int *distance);
Value *builtin_partial(Lower *L, const char *name, Value *first);               /* waits for what follows its first argument */
Value *builtin_apply(Ctx *c, const Builtin *b, Args *args, const void *site, Span at);
const char *builtin_name(const Builtin *b);
int    builtin_most(const Builtin *b);                                          /* arguments */
const char *const *builtin_names(Lower *L);                                     /* ended by NULL */

void   schedule_program(Ctx *c);                                                /* the main file's statements -> L->root */

/* "not supported yet: ..." */
Value *unsupported(Ctx *c, Span at, const char *what);
