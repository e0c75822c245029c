/* loop.h - the loop IR: what a kernel does, as loops over memory and registers. Between plan and code.
 *
 * A *nest* is the code of a kernel: loops, branches, loads, stores, arithmetic. It knows no address and no extent that is not
 * its own: buffers are found and loops end by *words*, numbers that come with each call, so equal nests are one piece of
 * code. A *register* has an element type and *dims*, small constants: dim 0, `l`, is the 16 lanes along samples or memory;
 * a `block` opens others (the rows of a register tile). An instruction works on the union of its operands' dims, so a scalar
 * meets lanes without being spread, and a tile of 12 x 16 accumulators is one register. A load or store says where by an *index*, an affine form over
 * registers; with a register of lanes in it that is not `l` itself it gathers.
 *
 * Only a walk knows the machine: it unrolls the dims of blocks, and l is as many vectors as the target needs, or a loop of
 * C. The walks are compiler/llvm/walk.c and compiler/ctext/. Nothing here depends on the IR's functions or the plan.
 *
 * Text (loop_print, loop_read), of a tile of 2 rows:
 *
 *     nest dot {
 *       buffer b0 f32 at w0 + w1 panel w2 slot w3       # base w0, byte w1; in tiled kernels: + u0 * w2 + u1 * w3 elements
 *       buffer b1 f32 at w4 + w5
 *       par do i0 = 0..w6 {                             # turns in any order, at least one
 *         block d1:2 {
 *           do i1 = 0..8 with %0 = 0:f32<l,d1> {
 *             %1 = ld b1[i1 + 8*d1 + 16*i0]             # f32<d1>
 *             %2 = ld b0[16*i1 + l] align 64            # f32<l>
 *             %3 = fma %1, %2, %0
 *             next %3
 *           } -> %4
 *           st b0[32*i0 + 16*d1 + l], %4 align 64
 *         }
 *       }
 *     }
 */
#pragma once
#include "base/array.h"
#include "compiler/ir/ir.h"
#include "runtime/frame.h"

enum {
    LOOP_LANES = FRAME_PANEL,
    LOOP_L = 0,                                             /* the dim of the lanes */
    LOOP_MAX_DIMS = 32,                                     /* of a nest; a set of dims is 32 bits */
    LOOP_MAX_TERMS = 12,
    LOOP_ARGS = 4                                           /* u0..u3: what a call says besides its words */
};

/* ---- registers -------------------------------------------------------------------------------------------------- */

typedef enum {
    LOOP_REG_INS,                                           /* a result of an instruction */
    LOOP_REG_CONST,                                         /* printed where it is used: 0:f32, 7, true:bool */
    LOOP_REG_WORD,                                          /* w<n>, i64 */
    LOOP_REG_ARG,                                           /* u<n>, i64 */
    LOOP_REG_DIM,                                           /* l or d<n>: i64, 0 .. size - 1 along its own dim */
    LOOP_REG_COUNTER,                                       /* i<n>: of the loop whose body it is */
    LOOP_REG_CARRY                                          /* of that loop: from turn to turn */
} LoopRegKind;

typedef struct LoopBody LoopBody;
typedef struct LoopIns  LoopIns;

typedef struct LoopReg {
    LoopRegKind kind;
    IrElem      elem;
    uint32_t    dims;                                       /* a bit for each */
    uint32_t    id;                                         /* INS, COUNTER, CARRY: dense over the nest; others: of no meaning */
    int64_t     n;                                          /* CONST of bool, i32, i64: the value; WORD, ARG, DIM: which; CARRY: its place */
    /* a CONST may have dims, along which it is the same (0:f32<l,d1>): a loop's carried register has the dims it starts with */
    double      value;                                      /* CONST of f32 (rounded), f64 */
    LoopBody   *body;                                       /* INS, COUNTER, CARRY: where it is made; NULL: known everywhere */
    LoopIns    *def;                                        /* INS: by whom; COUNTER, CARRY: the loop */
} LoopReg;

/* c + sum of by * reg, in elements (or just a number). Registers are i64. */
typedef struct LoopIndex {
    int64_t c;
    int     n;
    struct { LoopReg *reg; int64_t by; } term[LOOP_MAX_TERMS];
} LoopIndex;

/* ---- instructions ----------------------------------------------------------------------------------------------- */

typedef enum {
#define LOOP_OP(name, args, results, doc) LOOP_##name,
#include "compiler/loop/loop.def"
#undef LOOP_OP
} LoopOp;

typedef struct { const char *name; int args, results; } LoopOpInfo;    /* -1: any number */
extern const LoopOpInfo loop_op_info[];
extern const int loop_op_n;

typedef struct LoopArg {                                    /* of a call */
    enum { LOOP_PASS_REG, LOOP_PASS_BUFFER } kind;
    LoopReg  *reg;                                          /* a scalar: bool, i32 or i64 */
    int       buffer;                                       /* the address of buffer[at] */
    LoopIndex at;
} LoopArg;

struct LoopIns {
    LoopOp    op;
    IrOp      row;                                          /* LOOP_row: which element-wise row of ops.def */
    IrCompare compare;                                      /* row compare */
    int       n_args, n_results;
    LoopReg **arg;
    LoopReg  *result;                                       /* n_results of them */
    int       buffer;                                       /* ld, st */
    unsigned  align;                                        /* ld, st: bytes that the first address is a multiple of */
    LoopIndex at;                                           /* ld, st, index, frame (bytes) */
    int64_t   n;                                            /* rows polygamma (order), permute (how many); draw: randint's n; block: the dim */
    int64_t   size;                                         /* block: of its dim */
    LoopIndex from, to;                                     /* for, do */
    int64_t   step;
    bool      par;                                          /* for, do: the turns in any order, by anyone; see loop_par() */
    LoopBody *body;                                         /* for, do, when, block */
    int       symbol;                                       /* call: a row of symbols.def */
    LoopArg  *pass;                                         /* call */
    int       n_pass;
};

/* A body of a loop has a counter; its carried registers start as the instruction's arguments, are at each turn's end what `next` says,
 * and are the instruction's results behind the loop. A `when`, a `block` and the nest carry nothing. */
struct LoopBody {
    LoopBody *up;                                           /* the body that `owner` stands in; NULL: the nest's */
    LoopIns  *owner;
    int       depth;
    ARRAY(LoopIns *) ins;
    LoopReg  *counter;                                      /* for, do */
    LoopReg  *carry;                                        /* one each of the loop's arguments */
    LoopReg **next;
};

/* ---- a nest ----------------------------------------------------------------------------------------------------- */

typedef struct LoopBuffer {
    IrElem  elem;                                           /* a bool is a byte */
    bool    local;                                          /* on the stack of one call, 64-byte aligned, cells uninitialised */
    int64_t cells;                                          /* local: elements */
    int     base, offset;                                   /* words: which base; bytes from it */
    int     panel, slot;                                    /* words: elements a panel (u0), a panel of the tile (u1); -1: none */
    int     n_iter;                                         /* + counter of the enclosing scan of that depth * stride elements */
    struct { int depth; int64_t stride; } iter[FRAME_MAX_DEPTH];
} LoopBuffer;

typedef struct LoopNest {
    Arena      *arena;
    const char *name;                                       /* the kind of kernel, for the reader */
    ARRAY(LoopBuffer) buffers;
    int         n_words;
    int         n_dims;                                     /* with l */
    int64_t     dim_size[LOOP_MAX_DIMS];
    uint32_t    n_ids;
    LoopBody    body;
    LoopReg     lane;                                       /* the register `l` */
} LoopNest;

/* ---- building: an instruction goes to the end of the open body -------------------------------------------------- */

typedef struct LoopBuilder {
    LoopNest *nest;
    LoopBody *at;
    ARRAY(int64_t) words;                                   /* their values in the call that the nest is built for */
} LoopBuilder;

LoopBuilder loop_begin(Arena *a, const char *name);

LoopReg *loop_const(LoopBuilder *b, IrElem t, double v);    /* of f32, f64: rounded; others: v as an integer */
LoopReg *loop_int(LoopBuilder *b, IrElem t, int64_t v);     /* of bool, i32, i64 */
LoopReg *loop_zero(LoopBuilder *b, IrElem t);
LoopReg *loop_over(LoopBuilder *b, const LoopReg *constant, uint32_t dims);     /* the same with these dims */
LoopReg *loop_word(LoopBuilder *b, int64_t value);          /* a new word, with this value here */
LoopReg *loop_arg(LoopBuilder *b, int i);
LoopReg *loop_dim(LoopBuilder *b, int dim);

/* Element-wise rows: arguments of one element type where ops.def wants that. i64 sums, differences and products of constants are folded. */
LoopReg *loop_row(LoopBuilder *b, IrOp row, IrElem result, LoopReg *const *args, int n);
LoopReg *loop_unary(LoopBuilder *b, IrOp row, LoopReg *x);  /* result: as x */
LoopReg *loop_binary(LoopBuilder *b, IrOp row, LoopReg *x, LoopReg *y);
LoopReg *loop_compare(LoopBuilder *b, IrCompare how, LoopReg *x, LoopReg *y);
LoopReg *loop_convert(LoopBuilder *b, IrElem to, LoopReg *x);   /* x itself if it is of that type */
LoopReg *loop_select(LoopBuilder *b, LoopReg *c, LoopReg *x, LoopReg *y);
LoopReg *loop_fma(LoopBuilder *b, LoopReg *x, LoopReg *y, LoopReg *z);
LoopReg *loop_polygamma(LoopBuilder *b, int64_t order, LoopReg *x);
LoopReg *loop_permute(LoopBuilder *b, LoopReg *key, int64_t n, LoopReg *x);     /* x: any integer type, so the result */
LoopReg *loop_op2(LoopBuilder *b, LoopOp op, LoopReg *x, LoopReg *y);           /* and, or, inside, quot, rest */
LoopReg *loop_trailing(LoopBuilder *b, LoopReg *x);

LoopReg *loop_load(LoopBuilder *b, int buffer, const LoopIndex *at, unsigned align);
void     loop_store(LoopBuilder *b, int buffer, const LoopIndex *at, LoopReg *v, unsigned align);
void     loop_ahead(LoopBuilder *b, int buffer, const LoopIndex *at);
void     loop_fetch(LoopBuilder *b, int buffer, const LoopIndex *at);
void     loop_claim(LoopBuilder *b, int buffer, const LoopIndex *at);
LoopReg *loop_frame(LoopBuilder *b, const LoopIndex *byte);
LoopReg *loop_lanes16(LoopBuilder *b, LoopReg *v);
LoopReg *loop_turn(LoopBuilder *b, LoopReg *v, int dim);
/* Draws `count` numbers at once (4, 2 or 1); see loop.def. out: their registers. */
void     loop_draw(LoopBuilder *b, IrOp what, IrElem t, int64_t n, int count, LoopReg *key, LoopReg *element, LoopReg *tick, LoopReg *iteration, LoopReg **out);
void     loop_call(LoopBuilder *b, int symbol, const LoopArg *pass, int n);

/* for (counter = from; counter < to; counter += step). `sure`: at least one turn is known. Carried registers have the type and dims
 * of `init`; `next` may have fewer dims, not more. */
LoopIns *loop_for(LoopBuilder *b, const LoopIndex *from, const LoopIndex *to, int64_t step, bool sure, LoopReg *const *init, int n);
void     loop_end_for(LoopBuilder *b, LoopIns *loop, LoopReg *const *next);     /* results: loop->result */
/* The same with turns in any order, by anyone: it carries nothing, and no turn writes a byte that another touches. A local is each turn's own: a
 * turn finds in it what it has written itself, or what was there before the loop in cells that no turn writes; behind the loop there is nothing of
 * a turn's. */
LoopIns *loop_par(LoopBuilder *b, const LoopIndex *from, const LoopIndex *to, int64_t step, bool sure);
LoopIns *loop_when(LoopBuilder *b, LoopReg *c);
LoopIns *loop_block(LoopBuilder *b, int64_t size);          /* its dim is ->n */
void     loop_close(LoopBuilder *b, LoopIns *when_or_block);

int      loop_local(LoopBuilder *b, IrElem t, int64_t cells);
int      loop_buffer(LoopBuilder *b, const LoopBuffer *buffer);

/* ---- indices: forms that cost nothing until they are used ------------------------------------------------------- */

LoopIndex loop_at(int64_t c);
LoopIndex loop_of(LoopReg *i64);                            /* a constant becomes c */
LoopIndex loop_plus(LoopBuilder *b, LoopIndex x, LoopIndex y);  /* more terms than fit: some become a register */
LoopIndex loop_times(LoopIndex x, int64_t by);
LoopReg  *loop_index(LoopBuilder *b, const LoopIndex *x);   /* as a register */
bool      loop_index_const(const LoopIndex *x, int64_t *c);
uint32_t  loop_index_dims(const LoopIndex *x);
/* Along dim d: how many elements from one to the next; false when a register other than the dim itself varies along it. */
bool      loop_index_stride(const LoopIndex *x, int d, int64_t *stride);

/* ---- text, checks ----------------------------------------------------------------------------------------------- */

/* Registers are numbered in the order of the text: equal nests have equal texts. */
void      loop_print(const LoopNest *n, Text *out);
/* NULL with a message that says the line in `why`. */
LoopNest *loop_read(Arena *a, const char *text, char why[256]);
/* Types, dims, scopes, alignment and stores that are one to one along dims and along the turns of `par`, as far as the text says; false with the
 * reason in `why`. */
bool      loop_verify(const LoopNest *n, char why[256]);
