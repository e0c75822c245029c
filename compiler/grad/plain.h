/* plain.h - a scan made ready for reverse mode, and small work on bodies.
 *
 * A scan run backwards meets its iterations in another order, and a draw's number depends on the iteration. So draws of a body are lifted:
 * a scan that does nothing else draws them once, in the right order, and the body takes them as stacked operands. And `until` is written
 * as what it means: selects that freeze a finished sample. */
#pragma once
#include "compiler/ir/ir.h"

bool scan_draws(const IrNode *scan);
/* The scan itself if it has neither draws nor `until`; else an equal one, appended, with operands carried, stacked, draws, closed-over. Of a scan
 * of another block, around the one at hand, the draws are lifted there: a number of theirs depends on the iterations around. */
const IrNode *plain_scan(IrBuilder *b, Arena *scratch, const IrNode *scan);

/* Takes nodes out of a body that no yield needs; externs stay. */
void body_sweep(Arena *scratch, uint32_t n_ids, IrBlock *body);
/* Keeps the parameters whose flag is set, in order. */
void body_keep_params(IrBlock *body, const bool *keep);
/* By parameter: used by a node or yield of the body. */
void body_used_params(Arena *scratch, uint32_t n_ids, const IrBlock *body, bool *used);
