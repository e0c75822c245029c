/* ir.h - the tensor IR: what lies between the checked program and the engines.
 *
 * A module declares sample axes, slots of the state arena, random streams and functions. A function maps (state, batch)
 * to state: its body is a list of pure operations in SSA form, its ends are named commits (to slots) and reports (to the
 * caller). One table, ops.def, lists the operations. docs/ir.md says what each computes, to the bit.
 *
 * Ownership: everything lives in the module's arena and dies with it. Nodes are mutable only through this header. */
#pragma once
#include "base/arena.h"
#include "base/array.h"
#include "base/nametable.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

enum { IR_MAX_RANK = 8, IR_MAX_AXES = 8 };

/* ---- types ------------------------------------------------------------------------------------------------------ */

typedef enum { IR_BOOL, IR_I32, IR_I64, IR_F32, IR_F64 } IrElem;

typedef struct IrAxes {                                     /* a set of sample axes, ids ascending = order of declaration */
    uint8_t  n;
    uint16_t id[IR_MAX_AXES];
} IrAxes;

typedef struct IrType {
    IrElem  elem;
    uint8_t rank;
    IrAxes  axes;
    int64_t dim[IR_MAX_RANK];
} IrType;

static inline bool ir_is_real(IrElem e) { return e == IR_F32 || e == IR_F64; }
size_t      ir_elem_bytes(IrElem e);                        /* bool is 1 byte */
const char *ir_elem_name(IrElem e);                         /* "f32" ... */

bool    ir_axes_has(IrAxes s, int axis);
IrAxes  ir_axes_add(IrAxes s, int axis);                    /* BUG when full */
IrAxes  ir_axes_union(IrAxes a, IrAxes b);
IrAxes  ir_axes_minus(IrAxes a, IrAxes b);
bool    ir_axes_equal(IrAxes a, IrAxes b);
bool    ir_axes_within(IrAxes a, IrAxes b);                 /* every axis of a is in b */

bool    ir_type_equal(const IrType *a, const IrType *b);
bool    ir_dims_equal(const IrType *a, const IrType *b);
int64_t ir_dims_size(const IrType *t);                      /* product of feature dims; dims are checked to fit when a type is made */
IrType  ir_scalar(IrElem e);                                /* rank 0, no axes */

/* ---- attributes ------------------------------------------------------------------------------------------------- */

typedef enum { IR_EQ, IR_NE, IR_LT, IR_LE, IR_GT, IR_GE } IrCompare;
bool ir_compare_holds(IrCompare how, int sign);             /* of a and b, where a - b has that sign: neither is NaN */
typedef enum { IR_FORM_CHAIN, IR_FORM_LANES, IR_FORM_BLAS } IrForm;

typedef struct { uint8_t n; int64_t v[IR_MAX_RANK]; } IrInts;
typedef struct { uint8_t n; uint8_t a[IR_MAX_RANK], b[IR_MAX_RANK]; } IrPairs;      /* dim a[i] of the first operand meets dim b[i] of the second */

typedef struct IrWindow {                                   /* terms with o*stride + k*dil_b - lo = i*dil_a */
    uint8_t a, b;                                           /* dim of the operand, dim of the kernel */
    int64_t stride, dil_a, dil_b, lo, hi;
} IrWindow;

typedef struct IrAttrs {
    IrElem    elem;
    IrCompare compare;
    IrForm    form;
    bool      reverse, exclusive, transpose;
    int       dim, axis;                                    /* -1: absent; ir_attrs() makes them so */
    int       slot, stream;
    int       carried, stacked, until;
    int       n_batch;
    int64_t   n;
    double    value;                                        /* of a const or pad of integers or bools: the same as `n` */
    IrAxes    over;
    union {                                                 /* no operation has two of these: a node would be twice as large */
        struct { IrInts dims, kept; };
        struct { IrInts lo, hi; union { IrInts step, interior; }; };
        IrWindow  windows[4];
    };
    uint8_t   n_windows;
    IrPairs   batch, contract;
    const IrAxes *pair_over;                                /* dot: one set a pair, in the arena; NULL: all empty */
    const char *symbol;
} IrAttrs;

IrAttrs ir_attrs(void);                                     /* all absent */
const IrAttrs *ir_no_attrs(void);                           /* the same, for a node of no module */
IrType  ir_type(IrElem e, IrAxes axes, IrInts dims);

/* ---- nodes ------------------------------------------------------------------------------------------------------ */

typedef enum {
#define OP(name, ...) IR_##name,
#include "compiler/ir/ops.def"
#undef OP
    IR_OP_COUNT
} IrOp;

typedef enum { IR_CLASS_MAP, IR_CLASS_FEAT, IR_CLASS_SAMP, IR_CLASS_CROSS, IR_CLASS_LAYOUT, IR_CLASS_RAND, IR_CLASS_CTL, IR_CLASS_OPAQUE } IrClass;
enum { IR_COMMUTES = 1, IR_LINEAR = 2, IR_NOGRAD = 4, IR_LEAF = 8, IR_BOOLOUT = 16, IR_EFFECT = 32, IR_LOSSY = 64, IR_POLES = 128 };
enum { IR_MANY = -1 };

typedef struct IrOpInfo {
    const char *name;
    int         operands;                                   /* IR_MANY: any number */
    IrClass     klass;
    unsigned    flags;
    const char *attrs;                                      /* keys, parted by spaces */
} IrOpInfo;
extern const IrOpInfo ir_op_info[IR_OP_COUNT];

typedef struct { uint32_t file, line, col, used; } IrSpan;  /* line 0: nowhere; used: of a place in the library, 1 + which of the module's places uses it; or 0 */
/* ADJOINT: of an update's loss; ASKED: of a derivative that the program writes. */
typedef enum { IR_WHY_FORWARD, IR_WHY_ADJOINT, IR_WHY_ASKED, IR_WHY_TANGENT, IR_WHY_STABILISED, IR_WHY_JOINED } IrWhy;

typedef struct IrNode  IrNode;
typedef struct IrBlock IrBlock;

typedef struct IrVal {                                      /* one result of a node, or a parameter of a block (def == NULL) */
    IrType   type;
    IrNode  *def;
    IrBlock *param_of;                                      /* the block whose parameter it is, else NULL */
    int      index;                                         /* which result, or which parameter */
    uint32_t id;                                            /* unique in the module, in order of creation */
    const char *hint;                                       /* a name for dumps, or NULL */
    const char *called;                                     /* what the program calls it, or NULL: names inside of the library are none of the program's */
} IrVal;

struct IrNode {
    IrOp      op;
    int       n_args, n_results, n_bodies;
    IrVal   **arg;
    IrVal    *result;                                       /* n_results of them */
    const IrAttrs *attr;                                    /* equal ones of a module are one: most nodes have the same few */
    IrBlock **body;                                         /* scan: 1, cond: 2 */
    IrSpan    span;
    IrWhy     why;
    IrBlock  *block;                                        /* the block it stands in */
    IrNode   *prev, *next;
    void     *mark;                                         /* scratch of the running pass; no meaning between passes */
};

static inline bool ir_is_adjoint(const IrNode *n) { return n->why == IR_WHY_ADJOINT || n->why == IR_WHY_ASKED; }

struct IrBlock {
    IrNode *first, *last;
    IrVal **param;  int n_params;
    IrVal **yield;  int n_yields;
    IrNode *owner;                                          /* the scan or cond it is a body of; NULL for a function's body */
};

/* ---- functions and modules -------------------------------------------------------------------------------------- */

typedef enum { IR_FN_UPDATE, IR_FN_REPORT, IR_FN_SAMPLE, IR_FN_INIT, IR_FN_PROJECT, IR_FN_STATE } IrFnKind;   /* STATE: draws, lets and := of a schedule */

typedef struct { int slot; IrVal *val; } IrCommit;
typedef struct {
    const char *name;
    IrVal      *val;
    int         slope_of;                                   /* 1 + the slot of the parameter that it is the gradient by; 0: it is none */
    bool        uphill;                                     /* of a gradient: the loss is maximised */
} IrReport;

typedef struct IrFn {
    const char *name;
    IrFnKind    kind;
    ARRAY(const char *) players;                            /* whose slots it may commit; INIT and STATE functions may commit any */
    int         tick_slot;                                  /* counts earlier executions: its value at entry is the tick of every draw; -1: never draws */
    IrBlock     body;
    ARRAY(IrCommit) commits;                                /* at most one a slot */
    ARRAY(IrReport) reports;                                /* named results for the caller */
} IrFn;

typedef enum { IR_SLOT_PARAM, IR_SLOT_OPTIMIZER, IR_SLOT_STATE, IR_SLOT_COUNTER, IR_SLOT_DATA, IR_SLOT_SCRATCH } IrSlotKind;

typedef struct IrSlot {
    const char *path;                                       /* "D.Dense_1.w", "D.opt.m.Dense_1.w", "fn.update_D.tick", "data.train.x" */
    IrType      type;                                       /* no sample axes */
    IrSlotKind  kind;                                       /* DATA: read-only, loaded from outside; SCRATCH: passed from one function to another within a round; neither is in a checkpoint */
    const char *player;                                     /* the owner, or NULL */
    const struct IrFn *committed;                           /* by the function that did it last */
} IrSlot;

/* called: as the program calls the sample; the name may have a number, to be the only one. samples: how many draws it is of, which no other axis surrounds; 0: of none. */
typedef struct { const char *name; int64_t extent; const char *called; int64_t samples; } IrAxis;

typedef struct IrModule {
    Arena *arena;                                           /* of the module and all it holds */
    IrElem real;                                            /* what `real` means: f32, or f64 under --f64 */
    ARRAY(IrAxis)       axes;
    ARRAY(IrSlot)       slots;
    ARRAY(const char *) streams;
    ARRAY(const char *) files;                              /* names for IrSpan.file */
    ARRAY(IrSpan)       places;                             /* for IrSpan.used */
    ARRAY(IrFn *)       fns;
    struct { const IrAttrs **at; unsigned n, room; } attrs; /* all that its nodes have, a table by content */
    NameTable axis_at, axis_last, slot_at, stream_at, fn_at;        /* from names to their numbers; axis_last: the last number given to a taken name */
    uint32_t next_id;
    bool     forgives;                                      /* a result that is too large is noted below and no defect: set while a program is made */
    char     too_large[256];                                /* the first such result: a sentence. The nodes made after it mean nothing */
} IrModule;

IrModule *ir_module(Arena *a, IrElem real);
IrModule *ir_module_beside(Arena *a, IrElem real, const IrModule *m);  /* with the axes and streams of m, which outlives it and gets none meanwhile */
int       ir_find_axis(const IrModule *m, const char *name);           /* -1: none */
int       ir_axis(IrModule *m, const char *name, int64_t extent);      /* a new axis, always; a taken name gets a number */
int       ir_slot(IrModule *m, const char *path, IrType type, IrSlotKind kind, const char *player);
int       ir_find_slot(const IrModule *m, const char *path);           /* -1: none */
int       ir_stream(IrModule *m, const char *name);                    /* found or made */
IrFn     *ir_fn(IrModule *m, const char *name, IrFnKind kind);
IrFn     *ir_find_fn(const IrModule *m, const char *name);
void      ir_commit(IrModule *m, IrFn *f, int slot, IrVal *v);         /* BUG on a second commit of one slot or a wrong type */
void      ir_report(IrModule *m, IrFn *f, const char *name, IrVal *v);

int64_t   ir_extent(const IrModule *m, int axis);
int64_t   ir_axes_size(const IrModule *m, IrAxes s);        /* product of extents */

/* Every node of f: for (IrNode *n = f->body.first; n; n = ir_next(n)). A node comes before the nodes of its bodies. */
IrNode   *ir_next(const IrNode *n);
int      *ir_use_counts(const IrModule *m, const IrFn *f, Arena *scratch);       /* by IrVal.id: operands, yields, commits, reports */
/* One of v on one of `on`: reflexive; what goes into a scan or cond counts for all that comes out. Takes as long as what v is made of. */
bool      ir_depends(IrVal *const *v, int n, IrVal *const *on, int n_on);
bool      ir_is_const(const IrVal *v, double *value);                            /* value may be NULL */
bool      ir_may_be_minus_zero(const IrVal *v);                                 /* -0, of reals: then v + 0 is another number, 1 / v of the other sign */

/* ---- shapes of the exact meaning (docs/ir.md) ------------------------------------------------------------------- */

typedef struct { int64_t count, size; } IrShards;           /* `count` shards of `size` samples, the last may be shorter */
IrShards ir_shards(int64_t extent);                         /* S = ceil(n/64), 2 to 8; size = ceil(n/S) rounded up to 32 */
int64_t   ir_common_divisor(int64_t a, int64_t b);
typedef struct { int64_t k, i, count; } IrTaps;             /* from (k, i) on, k of the kernel, i of the operand */
IrTaps    ir_taps_at(const IrWindow *w, int64_t na, int64_t nb, int64_t o);       /* that meet the operand at place o of the result */
int       ir_window_dim(const IrAttrs *a, int side, int window);                 /* which dim of operand `side` it runs over */
void      ir_taken_dims(const IrAttrs *a, int side, bool taken[IR_MAX_RANK]);    /* dot, conv: those with a part in the product, other than their own in the result */
double    ir_taps(const IrNode *conv, int window);           /* of the kernel that meet the operand, as a mean over the result's places */
IrForm   ir_dot_form(const IrNode *dot);                    /* chain or lanes, by shape alone */
bool     ir_has_form(const IrModule *m, IrForm form);       /* some product of the module has it */

/* ---- building --------------------------------------------------------------------------------------------------- */

typedef struct IrBuilder {
    IrModule *m;
    IrBlock  *block;                                        /* appended to ... */
    IrNode   *before;                                       /* ... or, if set, inserted before this node of it */
    IrSpan    span;                                         /* given to every new node */
    IrWhy     why;
} IrBuilder;

/* The general maker. Infers the results' types; BUG when they do not fit (front ends check first: ir_infer), but for sizes in a
 * module that forgives them. */
IrNode *ir_node(IrBuilder *b, IrOp op, IrVal *const *args, int n_args, const IrAttrs *attrs);
/* A LEAF row: the types are declared. */
IrNode *ir_leaf(IrBuilder *b, IrOp op, IrVal *const *args, int n_args, const IrAttrs *attrs, const IrType *results, int n_results);
/* A node with the same op and attributes on other operands (bodies shared only if the op has none). */
IrNode *ir_like(IrBuilder *b, const IrNode *n, IrVal *const *args);
/* scan and cond with finished bodies; docs/ir.md has the order of operands. A body may use values of the block around: they
 * become closed-over operands here (const and index are copied inside), so that afterwards every body is closed: it uses its own
 * parameters and nodes only. The verifier holds all to that. */
IrNode *ir_scan_node(IrBuilder *b, int64_t n, int carried, int stacked, int until, IrVal *const *args, int n_args, IrBlock *body);
IrNode *ir_cond_node(IrBuilder *b, IrVal *const *args, int n_args, IrBlock *yes, IrBlock *no);

IrBlock *ir_block(IrModule *m);                             /* an empty body */
IrVal   *ir_block_param(IrModule *m, IrBlock *b, IrType t);
void     ir_block_yield(IrModule *m, IrBlock *b, IrVal *const *vals, int n);

/* Other attributes, with which its operands and results still fit. */
void ir_set_attrs(IrModule *m, IrNode *n, const IrAttrs *attrs);

/* The type of the (first) result of `op` on operand types, or false with a sentence in `why` (may be NULL). LEAF rows and rows
 * with bodies have no answer here: their types are declared, or come from the bodies; the verifier checks them. */
bool ir_infer(const IrModule *m, IrOp op, const IrType *const *args, int n_args, const IrAttrs *attrs, IrType *result, char why[256]);

/* One maker a row. Real constants take any double; rank-0 operands align with anything in element-wise rows. */
IrVal *ir_const(IrBuilder *b, IrElem elem, double value);                   /* integers and bools too, up to 2^53 */
IrVal *ir_const_int(IrBuilder *b, IrElem elem, int64_t n);
IrVal *ir_const_like(IrBuilder *b, const IrVal *a, double value);           /* of a's element type */
IrVal *ir_index_dim(IrBuilder *b, IrInts dims, int dim);
IrVal *ir_index_axis(IrBuilder *b, int axis);
IrVal *ir_read(IrBuilder *b, int slot);
#define IR_UNARY(X) X(neg) X(abs) X(floor) X(sqrt) X(exp) X(expm1) X(log) X(log1p) X(sin) X(cos) X(tanh) X(sigmoid) X(dsigmoid) \
    X(softplus) X(erf) X(erfc) X(stop)
#define IR_BINARY(X) X(add) X(sub) X(mul) X(div) X(rem) X(pow) X(max) X(min)
#define DECLARE(name) IrVal *ir_##name(IrBuilder *b, IrVal *a);
IR_UNARY(DECLARE)
#undef DECLARE
#define DECLARE(name) IrVal *ir_##name(IrBuilder *b, IrVal *a, IrVal *c);
IR_BINARY(DECLARE)
#undef DECLARE
IrVal *ir_polygamma(IrBuilder *b, IrVal *a, int n);
IrVal *ir_convert(IrBuilder *b, IrVal *a, IrElem elem);                     /* a itself if it has that type already */
IrVal *ir_fma(IrBuilder *b, IrVal *a, IrVal *c, IrVal *d);
IrVal *ir_compare(IrBuilder *b, IrCompare how, IrVal *a, IrVal *c);
IrVal *ir_select(IrBuilder *b, IrVal *c, IrVal *yes, IrVal *no);
IrVal *ir_and(IrBuilder *b, IrVal *a, IrVal *c);                            /* bools: selects */
IrVal *ir_or(IrBuilder *b, IrVal *a, IrVal *c);
IrVal *ir_not(IrBuilder *b, IrVal *a);
IrVal *ir_sum(IrBuilder *b, IrVal *a, IrInts dims);
IrVal *ir_sum_all(IrBuilder *b, IrVal *a);                                  /* over every feature dim; a itself if rank 0 */
IrVal *ir_sum_over(IrBuilder *b, IrVal *a, IrAxes over);
IrVal *ir_reduce_max(IrBuilder *b, IrVal *a, int dim);
IrVal *ir_reduce_max_over(IrBuilder *b, IrVal *a, int axis);
IrVal *ir_argmax(IrBuilder *b, IrVal *a, int dim);
IrVal *ir_argmax_over(IrBuilder *b, IrVal *a, int axis);
IrVal *ir_norm(IrBuilder *b, IrVal *a, IrInts dims);
IrVal *ir_cumsum(IrBuilder *b, IrVal *a, int dim, bool reverse, bool exclusive);
IrVal *ir_dot(IrBuilder *b, IrVal *a, IrVal *c, IrPairs batch, IrPairs contract, IrAxes over);
IrVal *ir_dot_pairs(IrBuilder *b, IrVal *const *ab, int m_pairs, IrPairs batch, IrPairs contract, const IrAxes *over);
IrVal *ir_conv(IrBuilder *b, IrVal *a, IrVal *k, IrPairs batch, const IrWindow *windows, int n_windows, IrPairs contract, IrAxes over);
IrVal *ir_reshape(IrBuilder *b, IrVal *a, IrInts dims);
IrVal *ir_transpose(IrBuilder *b, IrVal *a, IrInts perm);
IrVal *ir_broadcast(IrBuilder *b, IrVal *a, IrInts dims, IrInts kept);
IrVal *ir_fill(IrBuilder *b, IrVal *a, IrInts dims);                        /* a rank-0 value broadcast to dims (a itself for rank 0) */
IrVal *ir_slice(IrBuilder *b, IrVal *a, IrInts lo, IrInts hi, IrInts step);
IrVal *ir_pad(IrBuilder *b, IrVal *a, IrInts lo, IrInts hi, IrInts interior, double value);
IrVal *ir_concat(IrBuilder *b, IrVal *const *parts, int n, int dim);
IrVal *ir_reverse(IrBuilder *b, IrVal *a, IrInts dims);
IrVal *ir_gather(IrBuilder *b, IrVal *a, IrVal *index, int batch);
IrVal *ir_scatter_add(IrBuilder *b, IrVal *index, IrVal *u, int64_t extent, int batch, IrAxes over);
IrVal *ir_argsort(IrBuilder *b, IrVal *a);
IrVal *ir_spread(IrBuilder *b, IrVal *a, IrAxes axes);                      /* a itself for no axes */
IrVal *ir_as_feature(IrBuilder *b, IrVal *a, int axis);
IrVal *ir_as_sample(IrBuilder *b, IrVal *a, int axis);
IrVal *ir_uniform(IrBuilder *b, int stream, IrType t);
IrVal *ir_normal(IrBuilder *b, int stream, IrType t);
IrVal *ir_randint(IrBuilder *b, int stream, int64_t n, IrType t);
IrVal *ir_permute(IrBuilder *b, IrVal *position, int stream, int64_t n);
IrVal *ir_cholesky(IrBuilder *b, IrVal *a);
IrVal *ir_trisolve(IrBuilder *b, IrVal *l, IrVal *rhs, bool transpose);
IrVal *ir_solve(IrBuilder *b, IrVal *a, IrVal *rhs);
IrNode *ir_eigh(IrBuilder *b, IrVal *a);

IrInts  ir_ints(int n, const int64_t *v);
IrInts  ir_dims_of(const IrType *t);
IrPairs ir_pairs(int n, const int *a, const int *b);
IrPairs ir_no_pairs(void);
IrAxes  ir_no_axes(void);
IrAxes  ir_one_axis(int axis);

/* ---- changing --------------------------------------------------------------------------------------------------- */

void ir_name_as(IrVal *to, const IrVal *from);              /* by both of its names, where it has none */
void ir_remove(IrNode *n);                                  /* unlinks it; nothing may use it any more */
/* Every use in the function (bodies, commits, reports, yields), in one walk. */
void ir_replace_by_map(IrFn *f, IrVal *const *to, uint32_t n);         /* to[id], where not NULL, takes the place of value id; chains are followed; ids from n on stay */
/* A copy of a block's nodes appended through b; params map to args; returns its yields mapped. For inlining bodies. */
void ir_inline_block(IrBuilder *b, const IrBlock *body, IrVal *const *args, IrVal **yields_out);
IrBlock *ir_copy_block(IrModule *m, const IrBlock *body);   /* free values stay as they are; the copy has no owner yet */

/* ---- verify, print, read ---------------------------------------------------------------------------------------- */

/* Types, axes, dominance, commits (once a slot, only allowed players), streams (no two draws of one function with one name,
 * but for copies of bodies), bodies. False with a message that names function and node. */
bool ir_verify(const IrModule *m, const IrFn *f, char why[512]);
bool ir_verify_module(const IrModule *m, char why[512]);

void ir_print_type(const IrModule *m, const IrType *t, Text *out);
const char *ir_value_name(const IrModule *m, const IrFn *f, const IrVal *v, Arena *a);     /* as printed, without the % */
void ir_print_fn(const IrModule *m, const IrFn *f, Text *out);
/* A function as text that hangs on nothing but what it computes, from which slots and streams: not on names of values and axes, nor on other
 * functions of the module. Nothing reads it back. `a` as long as the printer. */
typedef struct IrPlain IrPlain;
IrPlain *ir_plain_new(const IrModule *m, Arena *a);
void     ir_print_plain(IrPlain *p, const IrFn *f, Text *out);
/* By value id: the names ir_print_fn gives, in `a`; NULL for constants that it prints in place and values of other functions. */
const char **ir_print_names(const IrModule *m, const IrFn *f, Arena *a);
void ir_print(const IrModule *m, Text *out);                /* axes, slots, functions: reads back identically */
void ir_print_spans(const IrModule *m, Text *out);          /* the same with the place in the source after each row */

/* The inverse. NULL with a message "line:col: ..." in `why` for text that is not a module. */
IrModule *ir_read_text(Arena *a, const char *text, size_t n, char why[512]);
