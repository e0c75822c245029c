/* plan.h - how a function of the IR runs: steps, kernels, buffers. Everything is decided here; compiler/nest spells it out.
 *
 * The plan is by samples. A value with sample axes has a *tile axis*; its memory is cut into panels of 16 samples along it,
 * [panel][other axes, dims][16], so every loop is over features with the samples in a vector. A value without axes is
 * row-major, and loops over it go along its last dim.
 *
 *   block    the steps of a function or of the body of a scan or cond, in order; threads wait for one another where they must (wait.c)
 *   step     TILED: kernels over the shards of all axes of one extent. A shard is cut into tiles of 64 samples; a tile runs
 *            its panel kernels for each panel of 16, then its tile kernels once (contractions over samples), and a shard
 *            ends with its finish kernels (lanes to numbers). Kernels to be run once come first, on every thread. Samples do not meet except in those accumulators.
 *            UNIFORM: kernels over values without axes, split by elements, that do not depend on each other.
 *            SCAN, COND: loops and branches around blocks.
 *   kernel   one loop nest. MAP kernels compute any number of element-wise nodes of one index space in registers, store
 *            those that others need and add to the accumulators of sums over samples.
 *
 * Rows that only move indices (inline rows: read, const, index, reshape, transpose, broadcast, slice, reverse, spread,
 * as_feature, as_sample) have no memory: whoever uses them computes the index. A reduction over samples is two parts: the
 * accumulator in the step that feeds it, one partial result a shard, and the combining tree, which is an element-wise
 * member of the MAP kernel that needs it first.
 *
 * A step's buffers: SCRATCH is per thread and holds tiles; FRAME is shared and holds what outlives a step. */
#pragma once
#include "compiler/ir/ir.h"
#include "runtime/frame.h"

enum {
    K_LANES = FRAME_PANEL,
    K_TILE = FRAME_TILE,
    K_PANELS = K_TILE / K_LANES,
    K_MAX_COMP = IR_MAX_AXES + IR_MAX_RANK
};

/* ---- memory ----------------------------------------------------------------------------------------------------- */

typedef enum { K_SLOT, K_FRAME, K_SCRATCH } KPlace;

typedef struct KIter { int depth; int64_t stride; } KIter;

typedef struct KMem {
    KPlace  place;
    IrElem  elem;
    int     slot;                                           /* SLOT: which */
    int64_t offset, bytes;                                  /* FRAME, SCRATCH: where; decided last */
    struct KMem *of;                                        /* a slice of another's memory: its place and offset count; or NULL */
    int     tile;                                           /* the axis cut into panels, or -1 */
    int64_t panel;                                          /* elements from a panel to the next; 0: one panel that each uses again */
    IrAxes  axes;
    int     rank;
    int64_t axis[IR_MAX_AXES], dim[IR_MAX_RANK];            /* strides in elements, by position; the tile axis' is unused */
    bool    dense;                                          /* the strides are row-major over other axes, then dims */
    int64_t at;                                             /* slices of stacked values: the element where iteration 0 begins, */
    int     n_iter;                                         /* and elements to add per iteration of a scan; below 0: backwards */
    const KIter *iter;                                      /* n_iter of them */
    int     first, last;                                    /* live, in waits (FRAME) or kernels of the step (SCRATCH) */
    int     depth;                                          /* FRAME: of the scans round its first use */
    int     made;                                           /* which of the plan's buffers, in the order they were made */
} KMem;

/* ---- kernels ---------------------------------------------------------------------------------------------------- */

typedef enum {
    K_MAP,                                                  /* members in registers */
    K_RANDOM,                                               /* uniform, normal, randint: four elements at a time */
    K_DOT,                                                  /* tiled value times a matrix without axes: register tile */
    K_PACK,                                                 /* such a matrix, in the order in which DOT's tiles walk it: once a thread and step, or by all in front of a step or loop */
    K_MATRICES,                                             /* matrices without axes: register tile, lanes along a free dim of one */
    K_FEW,                                                  /* few tiled images times a kernel: as if there were none, each by itself */
    K_PAIRS,                                                /* tiled value times one tiled along another axis: register tile, its samples are rows */
    K_OWN,                                                  /* two values of the same samples: register tile, places of one by places of the other, lane by lane */
    K_CONTRACT,                                             /* any other dot or conv, element by element */
    K_REDUCE,                                               /* sum, norm, reduce_max, argmax along dims or axes other than the lane's */
    K_CUMSUM,
    K_CONCAT,
    K_SORT,
    K_SCATTER,
    K_BLAS,                                                 /* a marked product on row-major copies, a call a shard */
    K_OPAQUE,                                               /* cholesky, trisolve, solve, eigh */
    K_EXTERN,                                               /* a call of a simulator for each sample */
    K_WHOLE,                                                /* dot over samples, form chain: tile by tile of the result, all shards of each */
    K_TRANSPOSE,                                            /* a tile's value to [block of 16 features][sample][16], for OUTER; all samples' for WHOLE */
    K_OUTER,                                                /* tile: dot over samples, form chain */
    K_INNER,                                                /* tile: dot over samples, form lanes */
    K_SCATTER_OVER,                                         /* tile: scatter_add over samples */
    K_FINISH,                                               /* shard: 16 lanes to one number each */
} KKind;

typedef struct KSpace {                                     /* what a kernel loops over: axes, then dims */
    int n;
    struct { int axis; int64_t extent; } comp[K_MAX_COMP];  /* axis -1: a dim */
    int lane;                                               /* the component along the vector, -1: none */
} KSpace;

typedef struct { IrVal *val; KMem *mem; } KStore;

typedef struct KAccum {                                     /* of a reduction over samples */
    IrNode *node;
    IrElem  elem;                                           /* f64 when the result is one real number */
    KMem   *lanes;                                          /* SCRATCH [result][16]; NULL for chains, which add in place, and where a shard is one tile of INNER */
    KMem   *partial;                                        /* FRAME [shard][result] */
    int64_t shard_stride;                                   /* elements */
    int64_t pad;                                            /* chains: the last free dims of b, rounded up to 16 */
    IrShards shards;
} KAccum;

typedef struct KLoop { int64_t extent, lane, row, out; } KLoop;     /* strides in the lanes' side, in the rows' side, in the result */
typedef struct KLoops { int n; KLoop v[K_MAX_COMP + IR_MAX_RANK]; } KLoops;

enum { K_CHUNK = 64, K_ROW_UNIT = 96, K_UNIT_ROWS = 12 };  /* of a chain in a panel; rows of a unit where rows are split; of WHOLE, PACK */
enum { K_DRAWS = 4 * K_LANES };                             /* RANDOM: of a row of numbers, those made at once, which are a unit */

/* A product without axes, or a convolution of one image: one side's last free dims are the lanes of a tile, the other's last are its rows. The lanes' side is read as it
 * lies, or in panels of 16 lanes, [k][16], that are made first in KKernel.mem; or there are no vectors, only several chains at once. */
typedef struct KMatrices {
    int     side;                                           /* which operand has the lanes */
    int64_t at[2];                                          /* where the operands begin, in elements of their memory: lanes, rows */
    KMem   *from[2];
    KLoop   samples;                                        /* FEW: one by one, all of the product for each */
    KLoop   columns;                                        /* OWN: beside `row`, of the other operand */
    KLoops  outer, rows, chain;                             /* batch and other free dims of the lanes; of the rows; windows of a conv, then contract dims */
    int     n_windows;                                      /* at the head of the chain, as the lanes' side has them */
    KLoop   window[4];                                      /* of the result: extent, stride in out */
    bool    places;                                         /* the rows of a tile are places of the last window */
    int64_t window_units;                                   /* places of the first window that is none of the rows: cut into so many; 0: each is a unit */
    KLoop   lanes, row;
    enum { K_AS_IT_LIES, K_COPIED, K_TURNED, K_NUMBERS } how;       /* turned: lanes lie across memory, k along it */
    bool    whole;                                          /* a panel holds all of the chain: it serves several tiles. Else K_CHUNK of it */
    int     group;                                          /* blocks of 16 lanes that are one unit */
    int64_t part;                                           /* all tiles of a unit take so much of the chain before the next, sums waiting in the result; 0: each takes all of it */
    int64_t lane_units, row_units;                          /* the cut for threads; times what `outer` has */
} KMatrices;

/* Of shared memory, what belongs to a panel, in lines of 64 bytes: how many, from a panel to the next, and from 16 numbers of 16 samples, which lie together, to the next
 * 16. next: it is the panel behind the kernel's own (behind the last there may be nothing, which costs nothing to ask for). claimed: it has such a
 * block at least, other threads read it, and the kernels behind write all of it before anything is read. */
typedef struct KAhead { const KMem *mem; int64_t lines, panel, stride; bool next, claimed; } KAhead;

typedef struct KKernel {
    KKind   kind;
    int     id;                                             /* its place in the table of compiled functions */
    int     lane_axis;                                      /* -1 in uniform steps */
    KSpace  space;                                          /* of the result, or of a sink's operand */
    ARRAY(IrNode *) nodes;                                  /* MAP: members in order; else the one row */
    ARRAY(KStore)   stores;                                 /* MAP, CONCAT, ...: what is written where; several for several results */
    ARRAY(KAccum *) sinks;                                  /* MAP: sums over samples; OUTER, SCATTER_OVER, FINISH: the one; INNER: its own, and sums beside it */
    struct KKernel *merged;                                 /* where its members are now, or NULL */
    IrVal  *val;                                            /* TRANSPOSE: of what */
    KMem   *packed;                                         /* DOT: the matrix in K_PACK's order, or NULL */
    bool    across;                                         /* DOT: lanes along the matrix' rows, which is read as it lies, and the tile turned */
    KMatrices *matrices;
    struct KKernel *epilogue;                               /* DOT, WHOLE: the MAP kernel, merged into this one, that runs behind its tiles; or NULL */
    KAccum *sum;                                            /* WHOLE: its shards; there are no partial results */
    int64_t near;                                           /* WHOLE: blocks of 16 columns that all rows meet before the next */
    bool    roll;                                           /* DOT: the epilogue is a loop over a tile's rows, not unrolled */
    ARRAY(KMem *) columns;                                  /* OUTER, WHOLE: the transposed second side of each pair, or all operands; BLAS: the operands */
    bool    batch;                                          /* OUTER, TRANSPOSE: the columns are the batch, of both operands */
    ARRAY(KAhead) ahead;                                    /* DOT: what the kernels behind it touch first; it asks for it meanwhile (ahead.c) */
    KMem   *mem;                                            /* TRANSPOSE: to where; MATRICES: panels; others: f64 or row scratch, or NULL */
    bool    flat;                                           /* one index over all but the lane will do */
    int     side;                                           /* PACK: which operand of the row is the matrix; OUTER, TRANSPOSE: which has the columns */
    bool    split;                                          /* UNIFORM: may be cut by elements. DOT: one call does all panels of a tile */
    int64_t units;                                          /* UNIFORM: of the cut */
    double  flops;                                          /* per run */
} KKernel;

/* ---- steps ------------------------------------------------------------------------------------------------------ */

typedef enum { K_TILED, K_UNIFORM, K_SCAN, K_COND } KStepKind;

typedef struct KStep  KStep;
typedef struct KBlock { ARRAY(KStep *) steps; } KBlock;

typedef struct { KMem *from, *to; int64_t doer; } KCopy;    /* doer: see wait.c */
typedef struct { KMem *from; int slot; } KCommit;

struct KStep {
    KStepKind kind;
    int       level;
    int64_t   extent;                                       /* TILED; SCAN: by_tiles */
    IrShards  shards;
    ARRAY(KKernel *) once, panel, tile, finish;             /* TILED */
    ARRAY(KKernel *) kernels;                               /* UNIFORM */
    KMem     *zero;                                         /* SCRATCH that a shard starts with cleared, or NULL */
    IrNode   *node;                                         /* SCAN, COND */
    int       depth;                                        /* SCAN: how many enclose it */
    KBlock   *body[2];                                      /* SCAN: the body, whose last step writes the next carried values; COND: both */
    ARRAY(KCopy) after;                                     /* SCAN: next to carried values, after an iteration */
    KMem     *ended;                                        /* SCAN with `until`: its flags, a carried value; NULL: it runs all its iterations */
    ARRAY(KMem *) stacks;                                   /* SCAN: what its outputs are stacked in */
    bool      by_kernels;                                   /* TILED: each kernel on all panels of a tile before the next kernel */
    bool      by_tiles;                                     /* SCAN: all turns are run on a tile of `extent` samples before the next; see wait.c */
    KMem     *predicate;                                    /* COND */
    bool      wait_first, wait_last;                        /* all threads wait for one another before the step; after it */
    bool      wait_copies, wait_turn;                       /* SCAN: before the copies `after` a turn; at its end */
};

/* What the plans of a module know of its values. A value is of one function, so one table serves all: a table a function, as long as the
 * highest number of a value, would be quadratic in the number of functions. */
typedef struct KValues {
    ARRAY(struct KValue *) by_id;                           /* by IrVal.id; NULL: never met */
    uint32_t               next_id;                         /* of nodes made by a plan (selects of `until`, copies) */
} KValues;

typedef enum {
#define DECISION(name, what) PLAN_##name,
#include "compiler/kernel/plan.def"
#undef DECISION
    PLAN_DECISIONS
} PlanDecision;

typedef struct PlanOptions {
    unsigned without;                                       /* bits 1 << PLAN_...: decisions that are not taken */
    bool     wide;                                          /* the target has 32 registers of 16 lanes */
    int64_t  near;                                          /* bytes of matrices that a panel's products may read without waiting for a slow cache; 0: as many as there are */
} PlanOptions;

typedef struct KPlan {
    const IrModule *m;
    PlanOptions     options;
    int             did[PLAN_DECISIONS];                    /* how often each decision was taken */
    const IrFn     *fn;
    Arena          *arena;
    KBlock          top;
    ARRAY(KKernel *) kernels;                               /* all, by id */
    int              n_mems;                                /* made so far */
    KMem           **slot;                                  /* by slot: as it is read; NULL: not asked for yet (kernel_view) */
    ARRAY(KStore)    outs;                                  /* a report's row-major copy, by report */
    KValues         *values;                                /* of the module */
    ARRAY(struct KValue *) own;                             /* of this function, in the order they were met */
    ARRAY(KCommit)   commits;                               /* those that could not be written in place: copied when all steps are done */
    ARRAY(int)       streams;                               /* drawn from: position = index of the key in the frame */
    int64_t          frame_bytes, scratch_bytes;            /* a frame opens with the header below */
    int              depth;                                 /* nested scans */
} KPlan;

/* What the plan knows of a value. */
typedef struct KValue {
    IrVal   *val, *alias;                                   /* alias: a body's closed-over parameter stands for it */
    bool     live, frame, stored, full;                     /* needs memory: beyond its step; beyond its kernel; for all panels of a tile */
    bool     placed;
    int      remade;                                        /* its readers make it again: of how many rows; see remake.c */
    bool     reduced;                                       /* a reduction reads it, if through others that are made again */
    bool     later;                                         /* so does a later step, behind another sum over samples */
    bool     summed;                                        /* ... or a sum of dims */
    bool     spread;                                        /* ... or a row on more than it is, of all pairs perhaps: each element is read often */
    int      asked;                                         /* how often rows of the function's own block ask for it */
    int      sums;                                          /* over samples, one behind the other, in front of it */
    int      level, tile;                                   /* of its step; the lane axis it is computed along, -1 */
    KBlock  *block;                                         /* where it is computed; NULL: a parameter */
    KStep   *step;
    KKernel *kernel;
    int      pos;                                           /* the kernel's position in the step */
    KMem    *mem, *transposed;
    IrVal   *copy;                                          /* with memory of its own, see place_copy(); NULL: none yet */
    KAccum  *accum;                                         /* a reduction over samples: this value is its combining tree */
    KKernel *reader;                                        /* the first of its step that reads it; see epilogue.c */
    bool     moved, others;                                 /* ... not at its own index; others of the step read it, too */
} KValue;

const char *plan_decision_name(int i);                      /* of decision i; NULL from the end on */
bool        plan_takes(const KPlan *p, PlanDecision d);     /* Is d taken in this plan? */
bool        plan_did(KPlan *p, PlanDecision d, bool applies);       /* ... and here, where it applies or not; counted if so */

/* Plans a verified function. NULL with a message in `why` for what cannot be compiled. All in `arena`; so is what it adds to
 * `values`, which begins as {0} and is handed from one plan of the module to the next. */
KPlan *kernel_plan(Arena *arena, const IrModule *m, const IrFn *f, PlanOptions options, KValues *values, char why[512]);

IrVal  *kernel_resolve(const KPlan *p, const IrVal *v);     /* through aliases */
bool    kernel_draws_row(const KKernel *k);                 /* RANDOM: numbers without samples, wherever they go one behind the other */
KValue *kernel_value(const KPlan *p, const IrVal *v);       /* of the resolved value */
bool    kernel_inline(const IrNode *n);                     /* a row that only moves indices */
bool    kernel_remade(const KPlan *p, const IrVal *v);      /* Do its readers make it again? */
bool    kernel_met(const IrNode *n, int i);                 /* Is operand i the one before it, as in v + v? It is made again once. */
int     kernel_tile_axis(const IrModule *m, IrAxes s);      /* -1 for none */
/* Of INNER: which operand has the more numbers. */
static inline int kernel_inner_wide(int64_t a, int64_t b) { return b > a; }

/* A value as strides over plain memory, through inline rows; false when it is none (offset: elements). */
typedef struct KView {
    KMem   *mem;
    int     tile;                                           /* which axis has panels; -1 */
    int64_t offset, axis[IR_MAX_AXES], dim[IR_MAX_RANK];
} KView;
bool    kernel_view(const KPlan *p, const IrVal *v, KView *out);
bool    kernel_view_across(const KPlan *p, const IrVal *v, KView *out);        /* also where axes have become dims, or dims axes: out->tile may be none of the value's */
bool    kernel_is_plain(const KPlan *p, const IrVal *v);    /* Will it be one, wherever it gets memory? */
KSpace  kernel_space(const IrModule *m, const IrType *t, int lane_axis);

/* The plan as text for `gan explain --stage kernels`. */
void kernel_print(const KPlan *p, Text *out);
/* One kernel on one line, without where its results lie. */
void kernel_print_line(const KPlan *p, const KKernel *k, Text *out);
/* Of all memory that one run of the function gives it to read and to write, each buffer once; of a table that it picks rows from, the table. */
double kernel_bytes(const KPlan *p, const KKernel *k);
