/* random_fn.h - random well-typed functions, for tests: the same seed, the same function.
 *
 * One module a seed: up to four axes (extents around the shard boundaries, sometimes 0), slots, and one function "random"
 * of about n_nodes rows with reports and commits. Every row of ops.def but extern occurs, scans and conds with nested bodies
 * too. Values stay in a sane range mostly; some seeds are wild and meet NaN, infinities and zeros of both signs. */
#pragma once
#include "compiler/ir/ir.h"

typedef struct IrRandomOptions {
    uint64_t seed;
    int      n_nodes;                                       /* about; 0: 40 */
    int64_t  max_elements;                                  /* of one value, samples included; 0: 20,000 */
    const bool *without;                                    /* NULL, or IR_OP_COUNT flags: rows not to use (leaves are used anyway) */
} IrRandomOptions;

/* A module with one function, "random". */
IrModule *ir_random_module(Arena *a, IrRandomOptions options);

/* Fills the memory of a slot (row-major, elements of its type) with values of the kind ir_random_module counts on. */
void ir_random_fill(const IrSlot *slot, uint64_t seed, void *out);
