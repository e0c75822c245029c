/* place.h - placing the nodes of a function into steps and kernels: what the files of the planner share while they do it. */
#pragma once
#include "compiler/kernel/internal.h"

typedef struct Access {                                     /* a slot is read */
    int      slot, level;
    KKernel *kernel;
    bool     identity, inner;                               /* each element at its own place; from within a body */
} Access;

typedef struct Planner {
    KPlan      *p;
    Arena      *scratch;                                    /* of the placing */
    const IrModule *m;
    KBlock     *block;                                      /* being planned */
    IrNode     *in;                                         /* its owner, NULL at the top */
    int         depth;
    char       *why;
    bool        failed;
    ARRAY(Access) reads;
} Planner;

typedef struct Need {
    int  lane_axis;
    int  level;                                             /* the earliest */
    int  pos;                                               /* TILED: the earliest kernel of the step at `level` */
    KKernel *join;                                          /* UNIFORM: the MAP kernel some operand stands in, if it is at `level` */
} Need;

/* ---- place.c: steps and kernels --------------------------------------------------------------------------------- */

void     place_fail(Planner *b, const char *what);
KStep   *place_step(Planner *b, KStepKind kind, int64_t extent, int level);        /* of the block, found or made */
KStep   *place_step_for(Planner *b, int lane_axis, int level);
KKernel *place_kernel(Planner *b, KKind kind, const IrType *space, int lane_axis);
int      place_append(Planner *b, KStep *s, KKernel *k);    /* its position in the step */
bool     place_here(const Planner *b, const KValue *v);     /* computed in this block */
bool     place_waits(const Planner *b, const KValue *v);    /* a draw that nobody has read yet */

/* For each operand, in this order. `space`: the node's; `identity`: the operand is met at the node's own index; `member`:
 * the node may stand in a MAP kernel. */
void     place_need_level(Planner *b, Need *need, const IrVal *arg, const IrType *space, bool identity, bool member);
void     place_need_position(Planner *b, Need *need, const IrVal *arg, const IrType *space, bool identity, bool member);
void     place_need_memory(Planner *b, KKernel *k, KStep *step, const IrVal *arg);
KKernel *place_map_kernel(Planner *b, const Need *need, KStep *step, const IrType *space, int *pos);
void     place_set_value(Planner *b, IrVal *v, KStep *s, KKernel *k, int pos, int tile);

void     place_member(Planner *b, IrNode *n);               /* a row in a MAP kernel */
KKernel *place_alone(Planner *b, IrNode *n, KKind kind);    /* a row with a kernel of its own, operands from memory */
IrVal   *place_new_node(Planner *b, IrOp op, IrVal *const *args, int n_args, const IrType *t);     /* not placed yet */
IrVal   *place_copy(Planner *b, IrVal *v);                  /* v with memory of its own */

/* ---- over.c: reductions over samples ---------------------------------------------------------------------------- */

int      place_first_axis(const IrNode *n, int pair);       /* of what it is reduced over; -1: nothing */
bool     place_by_tiles(Planner *b, const IrNode *n);
bool     place_outer_fits(const IrNode *n);
void     place_sum_over(Planner *b, IrNode *n);
void     place_tile_row(Planner *b, IrNode *n);
bool     place_has_few(const Planner *b, const IrNode *n);
void     place_few(Planner *b, IrNode *n);                  /* which has: a product over samples, by copies that have dims for them */
void     place_blas(Planner *b, IrNode *n);
KMem    *place_row_major(Planner *b, IrVal *v, int *level); /* a copy; *level is raised past the step that makes it */

/* ---- control.c: bodies ------------------------------------------------------------------------------------------ */

void     place_scan(Planner *b, IrNode *n);
void     place_cond(Planner *b, IrNode *n);
int      place_write_to(Planner *b, IrVal *v, KMem *to);    /* the level of the step that does */
KMem    *place_operand_memory(Planner *b, IrVal *v, int *level);   /* v's shared memory; *level as above */
void     place_sort_steps(KBlock *block);

/* ---- plan.c: the walk ------------------------------------------------------------------------------------------- */

void     place_node(Planner *b, IrNode *n);
void     place_block(Planner *b, const IrBlock *from);
