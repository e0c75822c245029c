/* internal.h - what the files of the planner share. */
#pragma once
#include "compiler/kernel/plan.h"

typedef struct KSource {                                    /* where a value comes from, behind inline rows */
    IrVal *root;                                            /* computed or a parameter; NULL: a constant, an index or a slot */
    int    slot;                                            /* read; -1 */
    bool   direct;                                          /* no inline row in between */
    bool   broken;                                          /* the lane axis became a dim on the way */
} KSource;

enum { K_MOST_REMADE = 4, K_MOST_SOURCES = K_MOST_REMADE + 1 };     /* rows that are made again, one on another; what they come from */
typedef struct KSources { int n; KSource v[K_MOST_SOURCES]; } KSources;     /* all but constants and indices */

KSources kernel_sources(const KPlan *p, const IrVal *v, int lane_axis);     /* of what a kernel asks for: through rows that are made again, too */
KSource  kernel_source(const KPlan *p, const IrVal *v, int lane_axis);      /* of a value that is not made again */
KMem   *kernel_mem(KPlan *p, KPlace place, const IrType *t, bool full);
KMem   *kernel_frame(KPlan *p, IrVal *v);                   /* the value's shared memory, made at the first call */
bool    kernel_same_space(const IrType *a, const IrType *b);
bool    kernel_member(const IrNode *n);                     /* may stand in a MAP kernel */
bool    kernel_at_own_index(const IrNode *n);               /* ... and meets its operands at its own index there */
bool    kernel_is_long(const KKernel *k);                  /* has as many members as a MAP kernel should have */
bool    kernel_flat_access(const KPlan *p, const IrVal *v, const KKernel *k);
double  kernel_flops(const IrModule *m, const IrNode *n);
int64_t kernel_rest(const IrModule *m, const IrType *t, int tile);      /* elements per sample of the tile axis */

/* Every value that k asks for, as its rows write it, and what it stores. own: at the kernel's own index, unless an inline row is on the way. */
typedef void KVisit(void *self, const IrVal *v, bool own);
void    kernel_each_value(const KPlan *p, const KKernel *k, KVisit *visit, void *self);

typedef struct KTouch {                                     /* a kernel's access */
    KMem *mem;                                              /* not a slice; NULL: a slot is read */
    int   slot;
    bool  writes, own;                                      /* own: at the kernel's own panel or shard alone */
    bool  all;                                              /* all of mem there is written, not a slice */
} KTouch;
typedef void KTouchFn(void *self, const KTouch *t);
void    kernel_touches(const KPlan *p, const KKernel *k, KTouchFn *fn, void *self);    /* touch.c: all of them, some more than once */

void    kernel_remake(KPlan *p, const IrFn *f);             /* remake.c: values that their readers make again */
void    kernel_finish(KPlan *p);                            /* finish.c: memory, register tiles, cuts */
bool    kernel_matrices(KPlan *p, KKernel *k);              /* matrices.c: turns a K_CONTRACT into a K_MATRICES, if that is what it is */
bool    kernel_few(KPlan *p, KKernel *k);                   /* ... into a K_FEW */
bool    kernel_pairs(KPlan *p, KKernel *k);                 /* ... into a K_PAIRS */
bool    kernel_own(KPlan *p, KKernel *k);                   /* ... into a K_OWN */
void    kernel_whole(KPlan *p, KBlock *b);                  /* whole.c: gradients tile by tile, with the rows that read them */
void    kernel_cut_whole(KPlan *p, KKernel *k);
void    kernel_remove(KKernel **v, int *n, const KKernel *k);
void    kernel_beside(KPlan *p, KBlock *b);                 /* beside.c: sums over samples that products over samples make */
void    kernel_epilogues(KPlan *p, KBlock *b);              /* epilogue.c: rows behind register tiles */
void    kernel_ahead(KPlan *p);                             /* ahead.c: what products ask for while they multiply */
void    kernel_waits(KPlan *p);                             /* wait.c: where threads wait for one another */
void    kernel_layout(KPlan *p);                            /* memory.c: live ranges and offsets */
