/* equal.h - when two nodes compute the same: for cse.c, scans.c and stabilise.
 *
 * Values of two bodies are compared by place: number[id] is the same for those that were met at the same one. Bodies are closed,
 * so places of one body mean nothing in another. */
#pragma once
#include "compiler/ir/ir.h"

/* All that makes a node but its operands and bodies: operation, attributes, types. */
/* Equal for equal heads; it looks at all that may make them differ. */
uint32_t equal_hash(const IrNode *n);
/* The same with its operands, known by numbers: number_of(self, operand), the same for equal ones. */
uint32_t equal_hash_with(const IrNode *n, uint32_t (*number_of)(const void *self, const IrVal *v), const void *self);
bool equal_heads(const IrNode *a, const IrNode *b);
bool equal_rows(const IrNode *a, const IrNode *b);          /* the same of elements of the same types, whose axes may differ */
bool equal_places(const uint32_t *number, IrVal *const *a, IrVal *const *b, int n);
/* Two nodes of two bodies: no effect, operands at the same places, and equal bodies. */
bool equal_inside(uint32_t *number, const IrNode *a, const IrNode *b);
bool equal_blocks(uint32_t *number, const IrBlock *a, const IrBlock *b);
bool equal_bodies(uint32_t *number, const IrNode *a, const IrNode *b);
