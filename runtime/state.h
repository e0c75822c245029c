/* state.h - the arena of a run: all parameters, optimiser state, running statistics and counters in one block. */
#pragma once
#include "runtime/program.h"

/* Zeroed, 64-byte aligned, with the program's DATA tensors attached. The initialising function has not run yet. */
GanStatus state_new(const GanProgram *p, uint64_t seed, GanState *out, GanError *err);
void      state_free(GanState *s);

int  state_find(const GanProgram *p, const char *path);     /* a slot's index, or -1 */
void *state_slot(const GanProgram *p, const GanState *s, int slot);     /* its memory (DATA too) */

/* Writes every slot but DATA to a new checkpoint in `folder` with the metadata given, or reads one back. Reading refuses a
 * file whose slots differ from the program's in path, type or shape, naming the first difference; nothing is changed then. */
int64_t state_bytes_per_element(GanElem e);
