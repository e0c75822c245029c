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
typedef struct Term     Term;
typedef struct ListSum  ListSum;
typedef struct Told     Told;

typedef struct Held {                                       /* a condition on functions that was seen to hold (require.c): where, and of what */
    Span   at;
    Value *v[4];
} Held;

typedef struct SingleDraw {
    const Ast    *s;                                        /* the statement that draws, or a let */
    const IrNode *draw;
    const char   *sample;                                   /* what it looks as if it were drawn for */
    int           axis;                                     /* that of the sample */
} SingleDraw;

enum {
    MAX_CALLS   = 200,                                      /* applications inside one another */
    MAX_DEPTH   = 2500,                                     /* expressions inside one another, over all applications */
    MAX_ROUNDS  = 100000,                                   /* of an unrolled loop */
    MAX_NODES   = 500000,                                   /* of the program's IR */
    MAX_EVALS   = 2000000,                                  /* expressions evaluated */
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
    V_FUNCTION, V_LAYER, V_PLAYER, V_DIST, V_COMPARE, V_BIJECTOR, V_OPTIMIZER, V_THUNK, V_MODULE, V_REPORT,
} ValueKind;

typedef enum { F_CLOSURE, F_BUILTIN, F_PARTIAL, F_PRIME, F_OF_EACH } FunctionKind;

struct Value {
    ValueKind kind;
    Span      at;                                           /* where it came from; SPAN_NONE when that would say nothing */
    const char *estimate;                                   /* what kind of estimate it is, as bound(x) and its like say; NULL: nothing is said. What is computed from it is none */
    int64_t   classes;                                      /* of a V_INT that is a class[n], else 0 */
    const char *why;                                        /* of a V_BOOL that is false: where it shows (require.c); NULL: the value says all */
    Term     *term;                                         /* of a V_REAL known now: how functions that round have made it (exact.c); NULL: a number like others */
    ListSum  *sum;                                          /* of a number known now that is made of a list's sum: how (sums.c); else NULL */
    Face     *face;                                         /* of a V_INT or V_REAL that a derivative may be taken by: its node; of a V_BOOL that hangs on one: that one's; else NULL (face.c) */
    union {
        int64_t     i;
        struct { double r, rest; };                         /* rest: what sums and products of known numbers have beyond r, at most half a last place of it (exact.c) */
        bool        b;
        const char *s;
        struct { Value **v, *like; int n; int64_t leaves; int depth; bool slots, shape; } list;   /* like: of none, an item of the list that it is a piece of, or NULL; leaves: values that are no list or record; depth: lists and records inside one another; slots: there is a V_SLOT in it; shape: made by shape(x) */
        struct { int64_t from, to; } range;
        struct { IrVal *v; Fn *home; int64_t classes; int own_axis; } tensor;    /* classes: of class[n], else 0; own_axis: opened for it, or -1 */
        struct { int slot; int64_t classes; } slot;          /* a place in the state: its value is that of the environment where it is read */
        struct { Value **v; const char **name; int n; int64_t leaves; int depth; bool slots; Player *of; bool mixed; } record;   /* name is NULL in a tuple; of: the player whose parameters, or a direction of whose, they are; mixed: of several, one on the other */
        struct {
            FunctionKind   kind;
            Closure       *closure;
            const Builtin *builtin;  const char *builtin_name;
            Value        **given;  int n_given;             /* F_PARTIAL: arguments that wait for the last one */
            const char   **given_name;
            Value         *of;     int order;               /* F_PRIME; F_OF_EACH: the distribution, whose member `closure` is */
        } fn;
        struct { Closure *closure; Instance *inst; } layer; /* bound: its parameters have a path */
        Player        *player;
        Dist          *dist;
        Compare       *compare;
        struct { Closure *closure; uint64_t place; } bijector;   /* its scope has members and arguments; place: of what makes it */
        struct { Closure *closure; } optimizer;             /* bound: waits for (w, g) */
        struct { const Ast *expr; Scope *scope; const char *name; Compare *own; struct Lent *lent; const Ast *let, *leaf; } thunk;  /* a loss or member: evaluated where it is used; lent: a derivative is by it (diff.c), or NULL; let: among members, and the name of its pattern that this is, or NULL */
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
    const Bound *bound;                                     /* the place that binds it; NULL: a capability, found by its name alone */
    Value       *value;
    const Ast   *decl;                                      /* B_LATER: evaluated when it is first asked for */
    Span         at;
    BindingState state;
    bool         used;
    bool         named;                                     /* of a parameter: given by its name */
    unsigned     axes_round;                                /* the last walk that came here (axes.c, owns.c) */
} Binding;

struct Scope {
    Scope         *parent;
    const Module  *module;                                  /* of a file's own scope: lookup goes on in what it imports */
    Scope        **import;  int n_imports;
    bool           members;                                 /* of a comparison or distribution */
    AstList        assigns;                                 /* u := e among them */
    Instance      *inst;                                    /* in a comparison or distribution: it owns what its members and their bodies declare; a net or layer there has its own */
    uint64_t       round;                                   /* of the static loops around it: declarations of each round are their own */
    uint64_t       call;                                    /* of the applications around it: comparisons and distributions that each makes are its own */
    ARRAY(Binding) names;
    uint32_t      *table, table_n;                          /* of a large scope: place of a name -> 1 + its index in names */
};

/* An arm of where(cond, yes, no) that is being evaluated: what is made there counts where the condition holds, or where it does not. */
typedef struct Guard { const IrVal *cond; bool holds; const struct Guard *up; } Guard;

/* What body is evaluated for whom, for messages. */
typedef struct Applied { Span at; const struct Applied *up; } Applied;

/* Expressions whose values are asked for, besides that of the whole they are part of. */
typedef struct Shown { const char *name; const Ast *node; Value *value; } Shown;
typedef struct Shows { Shown *v; int n; } Shows;

enum { EVERY_ROW = -2 };                                    /* as a number of samples: n: all */

struct Ctx {
    Lower      *L;
    Scope      *scope;
    IrAxes      axes;                                       /* the example at hand: what a draw without a size varies over */
    IrAxes      each;                                       /* of the draw that is being made: draws are independent, so what an E in it draws varies over these, too */
    int64_t     batch;                                      /* the size of an E without one; -1: it must be given, EVERY_ROW: all that a finite distribution has */
    bool       *sized;                                      /* becomes true where that size is taken; NULL: nobody asks */
    Instance   *inst;                                       /* the net or layer whose body this is; NULL outside */
    const char *path;                                       /* names draws, "gan.critic"; "" at the top */
    uint64_t    site;                                       /* the calls and rounds between the instance's body and here */
    int         calls;
    const Applied *applied;                                 /* where the body at hand was applied, and those around it; NULL: it is no body */
    int         application;                                /* of a function, layer, net, member: a number of its own; 0: none */
    const char *index;                                      /* "[kl,js]" inside loops at the top level, else "" */
    const char *name;                                       /* that the value gets: of an instance made here; NULL: none */
    const char *declared;                                   /* the data or let of the program whose value this is; NULL: none. It names files */
    const char *field;                                      /* of that, whose value this is; NULL: all of it */
    const Ast  *unsized;                                    /* the alternate around that says no batch; NULL: none, or it does */
    const Block *block;                                     /* the block of updates whose losses, lets and samples are evaluated: who is in training; NULL: nobody */
    Span        asked;                                      /* what a declaration is evaluated for: the first use of its name */
    const Block *around;                                    /* the block of updates that the place is in, trained by it or not (a report is not): whose optimisers' states are at hand; NULL: none */
    bool        reports_first;                              /* names mean reports before anything of the file ... */
    bool        blocks_first;                               /* ... and before these what is bound in scopes within it */
    const Scope *assigned;                                  /* members of which one is being evaluated: u := e among them has been done for it; NULL: of none */
    const Guard *guards;                                    /* the arms around this place, from within; NULL: none */
    Rule       *rule;                                        /* the optimiser's rule being applied, or NULL */
    Shows      *watch;                                      /* of an expectation; or NULL */
};

/* ---- graphs being built (graph.h has the rest) ------------------------------------------------------------------- */

/* Who changes a state that no player owns: statements alone, :=; updates too, whose losses contain an assignment to it; reports, whose value it is. */
typedef enum { STATE_OF_PLAYER, STATE_OF_STATEMENTS, STATE_OF_UPDATES, STATE_OF_REPORTS } StateOf;

/* What is known of the name of a report: it has been reported with indices, and not as it stands; or so. */
typedef enum { REPORT_WITH_INDICES, REPORT_ITSELF } ReportName;

typedef struct Env { IrVal **v; int n; } Env;               /* by slot: its value here; NULL: not asked for yet */

/* What a scan of n rounds carries: in its body, and before its first round, in the block where the scan stands. slopes: its derivatives are carried along (rounds.c). */
typedef struct Carried { IrVal *param; IrVal *init; Span at; int64_t n; IrBlock *outside; bool slopes; } Carried;

/* The derivative of a carried value by another one, which lies outside of the body, carried along with it; axis: of the numbers of `by`, -1 for one. next: from the end of the body on. */
typedef struct CarriedSlope { IrVal *of, *by; int axis; IrVal *param, *init, *next; const char *what; Span at; } CarriedSlope;

/* A derivative in a body that goes on in the rounds before, or an update of after that takes up what was assigned outside of it: the loop whose body this is
 * has to be lowered again for it. rounds: round by round. */
typedef struct Unroll { const IrBlock *body; Carried k; const char *what; Span at; bool rounds; } Unroll;

/* The derivatives in rounds that are lowered one by one: by what one is, and whether its value depends on that in any round. */
typedef struct Unrolled { ARRAY(struct { const Ast *e; const char *what; bool depends; }) asked; } Unrolled;

/* A derivative in a body whose result depends on what the scan carries. Whether that depends on what the derivative is by, the end of the body tells.
 * by: what it is by has the value of a time that is looked ahead at, in this round alone; NULL: it has that of outside. */
typedef struct CarriedAsk { IrVal *param; IrVal **wrt; int n; const struct By *by; const char *what; Span at; } CarriedAsk;

/* An update of `after` in such a body; owner: whom it moves, NULL: nobody more. */
typedef struct AheadMove { const Player *owner; Span at; } AheadMove;

/* An assignment in a body that a scan runs: it waits behind the loop, with those of its other rounds. Of a loop in that body it is the sum over the
 * rounds there (times, count: as of a Pending). body: where it waits. */
typedef struct LoopAssign { int slot; IrVal *v, *picked; const Ast *assign; int application; int64_t times; IrVal *count; const IrBlock *body; } LoopAssign;

/* The stream of one draw of data. The rounds of a loop are numbered along it, whether it runs or is unrolled: they go through epochs together. */
typedef struct Shuffle { const char *path; int stream; } Shuffle;
typedef struct ShuffleMark { int n, next; } ShuffleMark;

/* A condition that must hold while the program runs (watch.c): bad is where it does not. inside: of the body of a loop that is being built. */
typedef struct Watched { const IrVal *cond; IrVal *bad; const char *what; IrSpan at; bool inside; } Watched;

struct Fn {                                                 /* a graph: the schedule's, INIT, or one that is made for its shapes and dropped */
    IrFn      *ir;
    IrBuilder  b;
    Env        env;
    bool       now;                                         /* it is run at once: what is computed while the program runs is not known in it */
    ARRAY(const IrVal *) given;                             /* what stands there for values of other graphs */
    bool       shapes;                                      /* it is made for its shapes alone: a value of another graph stands for any of its type */
    IrNode    *last_face;                                   /* the last of the nodes that numbers known now have at the entry */
    ARRAY(IrVal *) known;                                   /* nodes of single numbers that derivatives are by: of those known now, and of names */
    ARRAY(const char *) streams;                            /* names of draws, each once */
    ARRAY(struct { IrVal *index; int64_t n; }) loops;       /* enclosing scans, also unrolled: index of the iteration and how many */
    ARRAY(Shuffle) shuffles;                                /* of data, in the order in which they are drawn from */
    int        shuffles_next;                               /* behind the last that the place at hand takes: less than all in a round whose streams an earlier one has made */
    ARRAY(Carried) carried;                                 /* by the scans whose bodies are being built, from without */
    ARRAY(CarriedAsk) carried_asks;
    ARRAY(CarriedSlope) carried_slopes;
    Unroll     unroll;                                      /* body: NULL, or until that loop knows everything is V_ERROR, and nothing is said */
    ARRAY(LoopAssign) loop_assigns;                         /* of the body that is being built, and of those around it before */
    ARRAY(AheadMove) ahead_moves;                           /* the same */
    ARRAY(Watched) watched;
};

/* ---- nets, layers, models --------------------------------------------------------------------------------------- */

typedef struct Child { uint64_t site; const char *layer; Instance *inst; struct Child *next; } Child;      /* next: in its bucket */

struct Instance {                                           /* what can have members of its own: a player, a layer, a comparison, a distribution, the program */
    const char *path;                                       /* "D.Dense_1"; the program's is "" */
    const char *local;                                      /* "Dense_1" */
    Player     *owner;                                      /* of the parameters in it; NULL: nobody, so it can have none */
    Player     *player;                                     /* whose instance it is; NULL: of no player */
    bool        bijector;                                   /* of one: its members share what is in it, so what they own has a name among them */
    IrType     *maps;                                       /* of a bijector that has been applied: the type of what it maps; else NULL */
    bool        tried;                                      /* made for a body that is only checked: its members have no slots */
    Child     **bucket;                                     /* its children, by site */
    int         n_children, n_buckets;                      /* of buckets there is a power of two, or 0 */
    NameTable   counts;                                     /* how many children each layer has made */
    ARRAY(struct { uint64_t key; const char *path; }) members;      /* parameters and states, by the place that declares them */
};

struct Player {
    const char *name;                                       /* "D", "G[kl]" */
    Closure    *closure;
    Value      *shared;                                     /* net D = Critic(..): the bound layer or net it instantiates */
    Player     *copy_of;
    Value      *bijector;                                   /* net F = compose([..]): the one it applies; NULL: a function */
    const Ast  *made;  Scope *made_in;                      /* of a bijector: the expression that makes it, and where it stands */
    Instance   *inst;
    Span        at;
    Span        averaged;                                   /* the first `average` of it into another; no file: none */
    AstDefine   word;
    ARRAY(int)  params;                                     /* slots, in order of creation */
    int         steps_slot;                                 /* -1 until an update needs it */
    int         moves;                                      /* how many updates move it */
    ARRAY(int)  reached;                                    /* the slots of params that a loss of these, or a direction, depends on, or that a blend sets */
    ARRAY(struct RuleInstance *) rules;                     /* the optimisers that update it */
    bool        updated, tried, found;                      /* tried: by updates that are looked ahead at; found: all parameters are known, */
    bool        wrong;                                      /* or what its body has lacks some, which was said */
    bool        ahead;                                      /* made in a quiet trial: who declares it then says what it takes along */
};

/* By the word: what is drawn from once it has its arguments. */
static inline bool define_is_distribution(const Ast *d)
{
    return d->define.word == AST_DEFINE_DISTRIBUTION || d->define.word == AST_DEFINE_SIMULATOR;
}

typedef struct DistKind DistKind;                           /* what a kind can do: a row of functions (dist/dist.h) */

typedef struct ZipPart { Dist *dist; const char *name; int first; } ZipPart;       /* of data that are joined: drawn rows, the name of its one field or NULL, and the place of its fields */

struct Dist {                                               /* kind says which member of the union holds */
    const DistKind *kind;
    const char     *name;                                   /* names its draws: "ring", "G" */
    int             depth;                                  /* how many bases there are below */
    bool            called;                                 /* the program has a name for it */
    bool            named;                                  /* by a data declaration of the program: it stands in the game's table */
    union {
        int64_t  classes;                                   /* int: 0 .. classes - 1 */
        Closure *closure;                                   /* declared: its scope has its members and arguments; simulator: arguments alone */
        struct { Closure *closure; Args *args; const void *site; Scope *scope; Instance *inst; IrInts dims; uint32_t which; } lifted;   /* site, scope, inst: where it was made; which: a bit for each argument with these dims */
        struct { Player *player; Args *args; } model;       /* the arguments given so far */
        struct { Dist *base; const Ast *type; Scope *scope; IrInts dims; bool known; } typed;   /* the tail of a prescribed model */
        struct { Dist *base; IrInts dims; } power;
        struct { Dist *base; const char *name; } field;
        struct { Dist *base; Value *f; const void *site; Instance *in; uint64_t within; } map;   /* site: where it was made, for the layers in f; in a net, whose layers they are, and at which site of it */
        Dist    *base;                                      /* stop */
        Value   *value;                                     /* rows, batch */
        Value   *fields;                                    /* joint: a record of distributions */
        Data    *data;                                      /* data, replace */
        struct { Dist *rows; ZipPart *part; int n; } zip;   /* rows: of all fields */
    };
};


typedef struct DataField {
    const char *name;                                       /* NULL: the only one, without a name; of a record among the fields p.x, p.y, one behind the other */
    bool        numbered;                                   /* the name, up to a point, is its place, f0: nobody gave it */
    GanTensor  *tensor;                                     /* rows first; NULL: */
    Value      *value;                                      /* computed while the program runs */
    const DataRecipe *recipe;                               /* how it was made of a file; NULL: of numbers of the program */
    int64_t     classes;
    int         slot;                                       /* -1 until it is drawn from */
    const int  *by;  int n_by;                              /* slots of data of files, others than its own, whose numbers have chosen its rows */
} DataField;

struct Data {
    const char *name;
    int64_t     rows;
    bool        cut;                                        /* rows of others, which have no name of their own yet */
    DataField  *field;  int n_fields;
};

struct Compare {
    const char *name, *index;                               /* index: of the loops that it is declared in, "[kl]"; NULL: made by no declaration */
    Closure    *closure;                                    /* its scope holds parameters and members */
    bool        owing;                                      /* what it requires is known to a run alone, and watched in the statements that use it */
    const struct Changed *changed;                          /* by `with`, the last time; NULL: never */
};

/* What one `with` has changed. */
typedef struct Changed {
    const Ast  *decl;                                       /* COMPARE */
    Scope      *scope;                                      /* it stands in */
    const struct Changed *before;                           /* of the comparison that it changes */
} Changed;

/* ---- the whole -------------------------------------------------------------------------------------------------- */

enum { SEEN_PLACES = 1024 };
/* A number or tensor that a net has given. part: the field of a record that it is, else "". given: the values that it is of; x: NULL where it is known now, and then text, or
 * where it is none. */
typedef struct Given { IrVal *x; const char *text; } Given;
typedef struct Answer { const Player *net; const char *part; IrVal *v; const Given *given; int n; } Answer;

/* A value that the library says is a penalty of a player (why: NULL), or a loss that wants the player within bounds: why, and what does that. */
typedef struct Limit { const IrVal *v; const Player *player; const char *why; } Limit;
typedef struct Unlimited { const Player *player; Span at; bool up; const char *why, *with; } Unlimited;      /* an update that nothing limits; with: a parameter with which its loss falls, or grows (up), as is wanted */

typedef struct SeenPlace { uint32_t file, begin; IrSpan is; } SeenPlace;     /* of a source's byte; file 0: none yet */

struct Lower {
    Arena        *a;
    Arena        *work;                                     /* the graph's nodes, values and scopes: nothing of the result is in it (lower_close) */
    IrModule     *m;                                        /* of the graph */
    IrModule     *out;                                      /* of the functions that are cut from it: the result */
    Sources      *sources;
    SeenPlace     place[SEEN_PLACES];                       /* by a mix of file and byte */
    Diags        *diags;
    LowerOptions  o;
    Modules       modules;
    Names        *names;                                    /* what every name stands for (lang/check) */
    ARRAY(Scope *)  scopes;                                 /* of modules.all, the same index */
    ARRAY(bool)   library;                                  /* by number of a source: part of the standard library */
    Scope        *prelude, *file;                           /* the main file's names */
    Value        *every;                                    /* the value of `all` in n: all; NULL before the first */
    Fn           *fn;                                       /* the graph being built; NULL where nothing can be computed */
    Instance     *program;                                  /* the program's own members */
    Fn           *init, *graph;                             /* initial values; the schedule */
    Part         *part;                                     /* the statement that what is made now belongs to */
    struct Graph *g;                                        /* graph.h */
    ARRAY(Player *)    players;
    ARRAY(GanTensor *) owned;                               /* tensors to free, views among them not */
    ARRAY(struct { int slot; GanTensor *t; const DataRecipe *recipe; bool looked; const int *by; int n_by; }) data;      /* tensors of DATA slots; looked: what is in it decided something; by: as in DataField */
    ARRAY(int)    choosers;                                 /* slots of files' data whose numbers have chosen rows: a program is held to them, also where nobody draws these */
    ARRAY(struct { GanFact is; int format; }) facts;        /* of files that were read; -1: as a list of words */
    ARRAY(struct { const Ast *decl; GanExtern is; }) externs;       /* simulators that were drawn from, each with every sizes it had */
    NameTable     reports;                                  /* what those so far are called, with indices and without: a ReportName */
    ARRAY(struct { Value **index; int n; }) indexed;        /* "report a[1]", "plot a[1]": what the first of that name has between its brackets */
    NameTable     indexed_at;
    ARRAY(struct { const char *name; int alternates; int arm; Span at; }) pictures;     /* and how many alternate blocks had begun, so that two of a name may be of one step */
    NameTable     picture_at;                               /* the last of the name */
    int           alternates;
    ARRAY(const Bound *) doubled;                           /* places whose name was taken, which was said */
    ARRAY(GameLine)    lines;
    Told         *told;                                     /* what is noted for `gan explain`; NULL: nobody asks (game/told.h) */
    /* single numbers that nets have given, and named draws: what they were given, and of what (told) */
    ARRAY(Answer) answers;
    ARRAY(struct { const char *of; const char *field; int draw; IrVal *v; }) drawn; /* field: of a record, else NULL; draw: the same for all fields of one */
    int           n_drawn;
    /* draws, and what they depend on without a derivative; black_box: of a simulator */
    ARRAY(struct { IrVal *draw; IrVal *input; const char *name; Span at; bool black_box; }) draw_cuts;
    ARRAY(struct { const Value *value; const IrVal *density; const IrVal *x; const Value *known; Dist *dist; }) densities;    /* that were asked for, each at the value x, or at numbers known now; density: NULL of a value known now */
    ARRAY(Limit)  limits;                                   /* of values */
    ARRAY(Unlimited) unlimited;                             /* updates of such */
    ARRAY(struct { const IrVal *v; const char *why; }) uncut;             /* values through which a derivative must not lose a path to a condition or an index */
    NameTable     fn_names, root_names, stream_names, extern_names;       /* root_names: what the paths of slots begin with */
    Value      *(*settle)(Ctx *c, Value *v, Span at);       /* the value of a loss, of a model with all its arguments, of a player its parameters; set by evaluation */
    const char *(*dist_text)(Lower *L, const Dist *d);      /* for messages */
    bool       (*look_ahead)(Ctx *c, const Ast *after, int64_t rounds);        /* does the updates of `after` k times, in the environment at hand; set by the game */
    GanSchedule  *root;
    ARRAY(struct Stand { const GanSchedule *node; Scope *scope; int part; Span at; bool ends; }) stands;      /* of the schedule's nodes; ends: of a block, at the end of its rounds */
    int           trials;                                   /* quiet ones under way */
    const struct Guess *guess;                              /* a body is evaluated for its errors alone (check.c): V_ERROR is any value; NULL: no */
    int           unsure;                                   /* in such a body: how many conditions that are not known decide whether this place is reached */
    const char   *tried;                                    /* extents that were guessed last: "n = 5" */
    ARRAY(struct { const Diag *d; bool ranks; int64_t apart; }) shapes;        /* what was said there of two shapes: their ranks differ, or extents by so much */
    struct { const Ast **v; uint32_t n, cap; } evaluated;   /* bodies that have been, as a set */
    ARRAY(const Ast *) weighed;                             /* distributions whose densities were held to their draws, once each time */
    ARRAY(uint64_t) consistent;                             /* places of bijectors that have been held to what they say */
    ARRAY(struct { const IrVal *v; const Diags *bag; Diag *d; }) asked;        /* values of which it was said there that they must be known before */
    ARRAY(struct { Ctx *c; AstList stmts; }) blocks;        /* of the schedule, whose declarations are looked through at the end */
    int           n_blocks;
    ARRAY(Part *) line_parts;                               /* of lines, the same index */
    ARRAY(Pending *) pendings;
    ARRAY(struct { const Ast *at; const Player *owner; bool committed; }) assigned;        /* := to states of nobody, and of players that their block holds */
    ARRAY(Held) held;                                       /* of the whole program */
    ARRAY(Scope *) begun;                                   /* by slot: what the names in its first value meant where it was made; NULL: it has none of its own */
    ARRAY(const Player *) slot_listed;                      /* by slot: the last player whose params it became one of */
    ARRAY(Player *) slot_owners;                            /* by slot: the player whose parameter, state or count it is; NULL: nobody's */
    ARRAY(int64_t) slot_classes;                            /* by slot of a state or parameter: n of the class[n] that it is declared, else 0 */
    ARRAY(StateOf) program_state;                           /* by slot: of states that no player owns, who changes them */
    int           inside;                                   /* how many blocks of the schedule the place is in */
    int           step_slot;
    const Ast    *standing;                                 /* the data or compare statement that is being lowered where it stands; NULL: none */
    int           depth, n_evals;
    Unrolled     *unrolled;                                     /* of the outermost loop around that is unrolled for its derivatives; NULL: none */
    int64_t       rounds_around;                            /* of the unrolled loops that the place is in, all together; 0: in none */
    unsigned      axes_round;
    bool          too_deep, too_large;
    bool          beyond;                                   /* a known number that its type does not hold is made by nodes: what is left of them is looked at in the end (game/beyond.c) */
    int           n_applications;
    int           n_watched;                                /* conditions that are left for whoever runs the program */
    ARRAY(SingleDraw) single_draws;                         /* beside a batch, of whose samples none has one of its own */
    int           n_draws, n_models;                        /* made so far: rows that draw, but for layers' noise; draws of models */
};

/* ---- small things that all use -------------------------------------------------------------------------------------- */

IrSpan span_ir(Lower *L, Span at);
const char *text_of_source(Lower *L, Span at);                                   /* as it is written */
Span   span_of_node(Lower *L, const IrNode *n);                                 /* SPAN_NONE when it has none */
const char *path_join(Lower *L, const char *a, const char *b);
const char *strf(Lower *L, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Limits: a tensor has so many dimensions, a value varies over so many sample axes. */
Value *too_many_dims(Ctx *c, Span at);
Value *too_many_axes(Ctx *c, Span at);
/* "a loop that carries so many values: at most 63" */
Value *too_many(Ctx *c, Span at, const char *what, int64_t most);
