/* tile.h - what register tiles of products share (dot.c, outer.c, inner.c): lists of dims with strides, offsets in up to three memories, blocks of rows. */
#pragma once
#include "compiler/nest/nest.h"

/* ---- dims: the loops around a tile; neighbours that one stride walks become one ---------------------------------- */

typedef struct { int64_t extent, s[3]; int comp; } Dim;     /* strides in up to three memories; DOT: the component of the space it walks */
typedef struct { int n; Dim d[K_MAX_COMP + IR_MAX_RANK]; } Dims;

void       tile_plain_dim(Dims *l, int64_t extent, int64_t s0, int64_t s1, int64_t s2);         /* kept apart from its neighbours */
void       tile_add_dim(Dims *l, int64_t extent, int64_t s0, int64_t s1, int64_t s2);
Dim        tile_take_last(Dims *l);                         /* the innermost; extent 1 if there is none */

/* ---- which dim of an operand is what ------------------------------------------------------------------------------ */

typedef struct { int n; int dim[IR_MAX_RANK]; } Free;

Free       tile_free_dims(const IrNode *node, int side, int rank);
int        tile_axis_at(const IrType *t, int axis);         /* -1: nowhere */

/* ---- offsets, rows ------------------------------------------------------------------------------------------------ */

typedef struct { LoopIndex off[3]; } Offsets;
typedef struct { int buffer; LoopIndex from; } Memory;

Memory     tile_memory_at(Nest *n, int buffer, LoopIndex from, int64_t more);
Memory     tile_panel_of(Nest *n, const KMem *m, int64_t more);
LoopReg   *tile_load(Nest *n, Memory m, LoopIndex off, unsigned align);
LoopIndex  tile_plus_lanes(Nest *n, LoopIndex x);
LoopIndex  tile_stepped(Nest *n, LoopIndex x, LoopIndex i, int64_t by);
Offsets    tile_advance(Nest *n, Offsets o, LoopIndex i, const Dim *d);

typedef void (*TileFn)(Nest *n, const void *code, Offsets o, int rows);

void       tile_row_blocks(Nest *n, const void *code, const Dim *row, Offsets o, int most, TileFn tile);      /* as blocks of `most`, of 4, and the rest at once */
void       tile_even_rows(Nest *n, const void *code, const Dim *row, Offsets o, int most, TileFn tile);       /* as blocks of at most `most`, as equal as can be: a few rows have few chains, which wait for themselves */
int        tile_most_rows(const Nest *n, IrElem t);
LoopReg   *tile_zero(Nest *n, IrElem t, const LoopIns *block);                                  /* over lanes and the rows of a block */
LoopIndex  tile_row_index(Nest *n, const LoopIns *block);

/* ---- over samples -------------------------------------------------------------------------------------------------- */

void       tile_at_first_panel(Nest *n);                    /* where a kernel of a tile of samples stands */
Memory     tile_partial(Nest *n, const KAccum *acc, int arg);                                   /* where the partial results of the shard in word `arg` begin */
