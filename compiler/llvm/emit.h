/* emit.h - what the emitters share: the function being built, loops, and values at an index.
 *
 * A kernel becomes one function of the bases of memory, a table and four numbers. Where its buffers lie and how far its
 * loops go it reads from the table, so that kernels that differ in nothing else are one function. Code is written for `lanes` samples or
 * elements at once, 16 or 1; the back end cuts 16 lanes into whatever registers the host has. A value is asked for by its
 * *index*: emit_value() answers from a register, by the rule of an inline row, or with a load. */
#pragma once
#include "compiler/kernel/plan.h"
#include "compiler/llvm/math_emit.h"
#include "runtime/program.h"

/* One component of an index: the same for all lanes (step 0), base + lane*step, or a vector of its own. */
typedef struct Ix {
    LLVMValueRef v;                                         /* i64, or <16 x i64> with vec */
    int64_t      step;
    bool         vec;
    bool         lane;                                      /* the tile axis at the kernel's own panel: memory along it is one vector */
} Ix;

typedef struct Index {                                      /* where in a value; by position in its type */
    Ix   axis[IR_MAX_AXES], dim[IR_MAX_RANK];
    LLVMValueRef flat;                                      /* i64 over all but the lane, instead of the above; or NULL */
    bool own;                                               /* the kernel's own: values in registers may be used */
} Index;

typedef struct EmitBase {                                   /* memory whose first byte, and that of the kernel's panel, are known in the entry block */
    const KMem  *mem;
    int64_t      offset;
    LLVMValueRef base, panel;                               /* panel: NULL until it is asked for */
} EmitBase;

typedef struct Emit {
    Arena            *arena;
    const IrModule   *m;
    const GanProgram *program;
    KPlan            *p;
    KKernel          *k;
    LLVMContextRef    c;
    LLVMModuleRef     module;
    LLVMBuilderRef    b;
    MathEmit          math;
    LLVMTypeRef       i1, i8, i32, i64, f32, f64, ptr;
    LLVMTypeRef       fn_type;
    LLVMValueRef      fn, bases, frame, table, arg[4];      /* frame: NULL until it is asked for */
    ARRAY(int64_t)    entries;                              /* of the kernel's table */
    ARRAY(EmitBase)   known;                                /* made so far */
    LLVMValueRef      panel, slot;                          /* the panel from the start of the axis, and within its tile */
    LLVMValueRef      sub;                                  /* with lanes 1 in a tiled step: which of the panel's samples */
    unsigned          lanes;
    int               part;                                 /* CONCAT: which operand */
    unsigned          rows;                                 /* of a register tile: vectors of 16 f32 that can be accumulated */
    Ix                comp[K_MAX_COMP];                     /* where the kernel's loops stand */
    LLVMValueRef      flat;
    LLVMValueRef     *reg;                                  /* by IrVal.id: values of this turn of the loop */
    uint32_t          n_reg;
} Emit;

/* ---- types and constants */
LLVMTypeRef  emit_type(Emit *e, IrElem t);                  /* in a register, of e->lanes lanes */
LLVMTypeRef  emit_scalar(Emit *e, IrElem t);                /* in a register, one lane; bool is i1 */
LLVMTypeRef  emit_cell(Emit *e, IrElem t);                  /* in memory; bool is i8 */
LLVMTypeRef  emit_vec(LLVMTypeRef t, unsigned lanes);       /* t itself for one lane */
LLVMValueRef emit_i64(Emit *e, int64_t v);
LLVMValueRef emit_splat(Emit *e, LLVMValueRef scalar);      /* to e->lanes */
LLVMValueRef emit_const(Emit *e, IrElem t, double v);
LLVMValueRef emit_zero(Emit *e, IrElem t);
LLVMValueRef emit_iota(Emit *e);                            /* <16 x i64> 0.. */
LLVMValueRef emit_lane(Emit *e, LLVMValueRef v, unsigned i);
LLVMValueRef emit_insert(Emit *e, LLVMValueRef v, LLVMValueRef x, unsigned i);
LLVMValueRef emit_shuffle(Emit *e, LLVMValueRef a, LLVMValueRef b, const int *mask, unsigned n);

/* ---- i64 arithmetic that folds constants */
LLVMValueRef emit_add(Emit *e, LLVMValueRef a, LLVMValueRef b);
LLVMValueRef emit_mul(Emit *e, LLVMValueRef a, int64_t b);
LLVMValueRef emit_div(Emit *e, LLVMValueRef a, int64_t b);  /* of numbers that are not negative */
LLVMValueRef emit_rem(Emit *e, LLVMValueRef a, int64_t b);
LLVMValueRef emit_min(Emit *e, LLVMValueRef a, LLVMValueRef b);

/* ---- loops */
enum { EMIT_MAX_CARRY = 32 };
typedef struct Loop {
    LLVMBasicBlockRef before, head, exit;
    LLVMValueRef      iv, hi, carry[EMIT_MAX_CARRY], init[EMIT_MAX_CARRY];
    int64_t           step;
    int               n;
    bool              sure;                                 /* runs at least once */
} Loop;
/* for (iv = lo; iv < hi; iv += step); carry[i] starts as init[i] and is, after loop_end, what the last turn handed on. */
Loop loop_begin(Emit *e, LLVMValueRef lo, LLVMValueRef hi, int64_t step, int n, LLVMValueRef const *init);
void loop_end(Emit *e, Loop *l, LLVMValueRef const *next);
Loop loop_to(Emit *e, int64_t n);
Loop loop_sure(Emit *e, LLVMValueRef n, int carry, LLVMValueRef const *init);   /* 0 .. n-1; n is known to be positive */
LLVMBasicBlockRef emit_block(Emit *e, const char *name);
/* code that runs when `c` holds */
typedef struct { LLVMBasicBlockRef after; } When;
When when_begin(Emit *e, LLVMValueRef c);
void when_end(Emit *e, When *w);
LLVMValueRef emit_alloca(Emit *e, LLVMTypeRef t, int64_t n);    /* in the entry block */

/* ---- calls */
LLVMValueRef emit_intrinsic(Emit *e, const char *name, LLVMValueRef const *args, int n);    /* overloaded on the first operand's type */
LLVMValueRef emit_call(Emit *e, const char *name, LLVMTypeRef result, LLVMValueRef const *args, int n);
LLVMValueRef emit_fma(Emit *e, LLVMValueRef a, LLVMValueRef b, LLVMValueRef c);
LLVMValueRef emit_lanes16(Emit *e, LLVMValueRef v);         /* <16 x T> to T, in the order of docs/ir.md */

/* ---- the table and the bases: 0 frame, 1 scratch, 2 state, 3 .. data */
enum { EMIT_FRAME, EMIT_SCRATCH, EMIT_STATE, EMIT_DATA };
LLVMValueRef emit_frame(Emit *e);
LLVMBasicBlockRef emit_to_entry(Emit *e);                   /* what follows stands in the entry block ... */
void emit_from_entry(Emit *e, LLVMBasicBlockRef back);      /* ... until here */
LLVMValueRef emit_entry(Emit *e, int64_t v);                /* i64, loaded in the entry block: the same code for any v */

/* ---- memory */
Ix           ix(LLVMValueRef v);
LLVMValueRef emit_base(Emit *e, const KMem *m);             /* its first byte, iterations of enclosing scans counted in */
LLVMValueRef emit_at(Emit *e, IrElem t, LLVMValueRef base, LLVMValueRef elements);
LLVMValueRef emit_load_raw(Emit *e, IrElem t, LLVMValueRef at, unsigned lanes, unsigned align);
void         emit_store_raw(Emit *e, IrElem t, LLVMValueRef v, LLVMValueRef at, unsigned align);
LLVMValueRef emit_load(Emit *e, const KMem *m, const IrType *t, const Index *at);
void         emit_store(Emit *e, const KMem *m, const IrType *t, const Index *at, LLVMValueRef v);
LLVMValueRef emit_panel(Emit *e, const KMem *m);            /* a panelled memory at the kernel's panel */

/* ---- indices */
Index        emit_own_index(Emit *e, const IrVal *v);       /* the kernel's place in v */
Index        emit_sub_index(const IrType *from, const Index *at, const IrType *to);  /* of an operand of an element-wise row */
LLVMValueRef emit_ix_vector(Emit *e, Ix x);                 /* <16 x i64>, or i64 with one lane */
Ix           ix_add(Emit *e, Ix x, int64_t c);
Ix           ix_mul(Emit *e, Ix x, int64_t c);
LLVMValueRef emit_value(Emit *e, const IrVal *v, const Index *at);

/* ---- rows */

/* ---- kernels: one a kind */
void emit_kernel(Emit *e, KKernel *k);                      /* the whole function */
void emit_map(Emit *e);
void emit_random(Emit *e);
void emit_dot(Emit *e);
void emit_pack(Emit *e);
void emit_contract(Emit *e);
void emit_reduce(Emit *e);
void emit_cumsum(Emit *e);
void emit_concat(Emit *e);
void emit_sort(Emit *e);
void emit_scatter(Emit *e);
void emit_opaque(Emit *e);
void emit_blas(Emit *e);
void emit_transpose(Emit *e);
void emit_outer(Emit *e);
void emit_inner(Emit *e);
void emit_scatter_over(Emit *e);
void emit_finish(Emit *e);

/* Runs `body` over the kernel's space: lanes of samples in tiled steps, along the last component in uniform ones. */
void emit_over_space(Emit *e, void (*body)(Emit *e));
/* The same, one number at a time. */
void emit_over_space_scalar(Emit *e, void (*body)(Emit *e));
/* Stores the result(s) of the kernel's row at its own index. */
void emit_results(Emit *e, int result, LLVMValueRef v);

/* Runtime functions that compiled code calls. */
typedef struct { const char *name; void *address; } EmitSymbol;
extern const EmitSymbol emit_symbols[];
extern const int emit_symbols_n;
