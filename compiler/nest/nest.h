/* nest.h - a kernel of the plan becomes a nest of the loop IR. What the builders share: where the kernel stands, and values there.
 *
 * A value is asked for by its *index*: nest_value() answers from a register, by the rule of an inline row, or with a load. Where buffers
 * lie and how far loops go are words, so that kernels that differ in nothing else are one nest. `lanes` samples or elements are written
 * at once, 16 or 1. */
#pragma once
#include "compiler/kernel/plan.h"
#include "compiler/loop/loop.h"
#include "runtime/program.h"

typedef struct Ix {                                         /* one component of an index */
    LoopIndex at;
    bool      lane;                                         /* the tile axis at the kernel's own panel: memory along it is one vector */
} Ix;

typedef struct Index {                                      /* where in a value; by position in its type */
    Ix        axis[IR_MAX_AXES], dim[IR_MAX_RANK];
    bool      is_flat, own;                                 /* own: the kernel's own place: values in registers may be used */
    LoopIndex flat;                                         /* is_flat: over all but the lane, instead of the above */
} Index;

typedef struct NestBuffer { const KMem *mem; int64_t offset; int plain, panel; } NestBuffer;  /* buffers of the nest; -1: not asked for */

typedef struct Nest {
    Arena         *arena;
    const GanProgram *program;                              /* where slots lie */
    KPlan         *p;
    const IrModule *m;
    KKernel       *k;
    LoopBuilder    b;
    ARRAY(NestBuffer) known;
    bool           tiled;                                   /* the kernel stands at panel u0, slot u1 */
    LoopIndex      panel, slot;                             /* the panel from the start of the axis, and within its tile */
    bool           is_sub;
    LoopIndex      sub;                                     /* with lanes 1 in a tiled step: which of the panel's samples */
    int            lanes;
    int            part;                                    /* CONCAT: which operand */
    int            rows;
    LoopReg       *lo, *hi;                                 /* UNIFORM: units from, to */
    Ix             comp[K_MAX_COMP];                        /* where the kernel's loops stand */
    bool           is_flat;
    LoopIndex      flat;
    uint32_t       block;                                   /* the dims of blocks that the kernel stands in */
    LoopReg      **reg;                                     /* by IrVal.id: values of this turn of the loop */
    uint32_t       n_reg;
    bool           keeps;                                   /* what is made again at the kernel's own place stays in reg, */
    ARRAY(uint32_t) kept;                                   /* and is forgotten with these */
} Nest;

/* Builds a kernel's nest; b.nest and b.words are the answer. `rows`: of a register tile on the target. */
void nest_kernel(Nest *n, KKernel *k);

/* ---- constants and registers */
LoopReg *nest_zero(Nest *n, IrElem t);                      /* over the lanes, if there are any */
LoopReg *nest_spread(Nest *n, const LoopReg *constant);     /* the same over the lanes */
LoopReg *nest_add(Nest *n, LoopReg *a, LoopReg *b);
LoopReg *nest_min(Nest *n, LoopReg *a, LoopReg *b);

/* ---- loops */
LoopIns *nest_loop(Nest *n, int64_t extent);                /* 0 .. extent - 1, in order */
LoopIns *nest_par(Nest *n, int64_t extent);                 /* the same in any order: no turn touches what another writes */
LoopIns *nest_par_to(Nest *n, LoopReg *extent);             /* known to be positive */
LoopIns *nest_par_from(Nest *n, LoopIndex from, LoopIndex to, int64_t step);
LoopIns *nest_turns(Nest *n, bool par, LoopIndex from, LoopIndex to, int64_t step, bool sure);     /* in order or not */
LoopIns *nest_fold(Nest *n, LoopIndex from, LoopIndex to, int64_t step, LoopReg *init);    /* carries one register */
LoopReg *nest_end_fold(Nest *n, LoopIns *l, LoopReg *next); /* what it ends with */
void     nest_end(Nest *n, LoopIns *l);                     /* of a loop that carries nothing */
LoopIndex nest_counter(const LoopIns *l);

/* ---- indices */
Ix        ix(LoopIndex at);
Ix        ix_int(int64_t c);
Ix        ix_add(Nest *n, Ix x, int64_t c);
Ix        ix_mul(Ix x, int64_t c);
Ix        ix_plus(Nest *n, Ix x, Ix y);
LoopIndex nest_quot(Nest *n, LoopIndex x, int64_t by);      /* of numbers that are not negative */
LoopIndex nest_rest(Nest *n, LoopIndex x, int64_t by);
LoopIndex nest_lanes(Nest *n);                              /* l, or 0 with one lane */
Index     nest_own_index(Nest *n, const IrVal *v);          /* the kernel's place in v */
Index     nest_sub_index(const IrType *from, const Index *at, const IrType *to);   /* of an operand of an element-wise row */

/* ---- memory and values */
int       nest_base(Nest *n, const KMem *m);                /* a buffer: from its first byte, iterations of enclosing scans counted in */
int       nest_panel(Nest *n, const KMem *m, LoopIndex *off);   /* at the kernel's panel: a buffer, and how far from its start */
LoopReg  *nest_load(Nest *n, const KMem *m, const IrType *t, const Index *at);
void      nest_store(Nest *n, const KMem *m, const IrType *t, const Index *at, LoopReg *v);
void      nest_ahead(Nest *n, const KMem *m, const IrType *t, const Index *at);       /* what is read and stored there soon: one number of the line */
void      nest_fetch(Nest *n, const KMem *m, const IrType *t, const Index *at);       /* what is read soon, to the second cache */
KMem      nest_shard(const KAccum *a, int64_t shard);       /* of partial results */
LoopReg  *nest_value(Nest *n, const IrVal *v, const Index *at);
LoopReg  *nest_key(Nest *n, int stream);
LoopReg  *nest_pad(Nest *n, const IrNode *node, const Index *at);
LoopReg  *nest_row(Nest *n, const IrNode *node, const Index *at);   /* an element-wise row at an index: its operands asked for there */

/* ---- the kernel's space: lanes of samples in tiled steps, along the last component in uniform ones */
void nest_over_space(Nest *n, void (*body)(Nest *n));
LoopIns *nest_component(Nest *n, int comp, int64_t extent); /* its loop: in order where a sum over samples adds it up, or each turn uses the kernel's memory */
/* Rows in any order, `together` side by side, so that their instructions are in step. */
typedef struct NestRows { LoopIns *loop, *block; LoopIndex row; } NestRows;
NestRows nest_rows(Nest *n, int together, LoopIndex from, LoopIndex to, bool sure);
int  nest_in_step(const Nest *n, const KKernel *k, int64_t extent);    /* how many of so many rows, by k's elementary functions */
bool nest_are_wide(int rows);                               /* Has a target whose tiles have so many rows 32 registers of 16 lanes? */
bool nest_has_wide_registers(const Nest *n);                /* ... and is code made for vectors of them? */
void nest_end_rows(Nest *n, const NestRows *r);
void nest_over_space_scalar(Nest *n, void (*body)(Nest *n));    /* one number at a time */
void nest_over_blocks(Nest *n, int rows, void (*body)(Nest *n));    /* tiled: up to so many of the last component side by side, in n->block */
void nest_results(Nest *n, int result, LoopReg *v);         /* stores a result of the kernel's row at its own index */
void nest_at_panel(Nest *n);                                /* a tiled kernel stands at u0, u1: the lane's component is known */

/* ---- windows: the taps of a kernel that meet the operand at place o of the result, from (k, i) on, k of the kernel and i of the operand */
typedef struct NestTaps { LoopIndex k, i; LoopReg *count; int64_t step_k, step_i; } NestTaps;
NestTaps nest_taps(Nest *n, const IrWindow *w, int64_t na, int64_t nb, LoopIndex o);
/* Places p * period + r of the result, p = from .. to - 1, have the same taps for any r < period; those of the next p are `step` further on the operand. */
typedef struct NestAlike { int64_t period, first, from, to, step, tap; bool together; } NestAlike;
NestAlike nest_alike(const IrWindow *w, int64_t na, int64_t nb, int64_t places);
/* The same of places first + p * period + r, if the places of a period are `together`: they meet the same numbers of the operand, and the taps of the
 * next one are `tap` further on the kernel. */
NestAlike nest_together(const IrWindow *w, int64_t na, int64_t nb, int64_t places);

/* ---- builders: one a kind of kernel */
void nest_map(Nest *n);
void nest_map_on(Nest *n, KKernel *map, const IrVal *v, LoopReg *value);    /* its rows where the loops of another kernel stand, v in a register */
void nest_random(Nest *n);
void nest_dot(Nest *n);
void nest_pack(Nest *n);
void nest_matrices(Nest *n);
void nest_few(Nest *n);
void nest_pairs(Nest *n);
void nest_own(Nest *n);
void nest_contract(Nest *n);
void nest_reduce(Nest *n);
void nest_cumsum(Nest *n);
void nest_concat(Nest *n);
void nest_sort(Nest *n);
void nest_scatter(Nest *n);
void nest_opaque(Nest *n);
void nest_extern(Nest *n);
void nest_blas(Nest *n);
void nest_transpose(Nest *n);
void nest_outer(Nest *n);
void nest_whole(Nest *n);
void nest_inner(Nest *n);
void nest_scatter_over(Nest *n);
void nest_finish(Nest *n);
