/* state.h - the arena of a run: all parameters, optimiser state, running statistics and counters in one block. */
#pragma once
#include "runtime/program.h"
#include "runtime/safetensors.h"

/* Zeroed, 64-byte aligned, with the program's DATA tensors attached (borrowed). The initialising function has not run yet.
 * GAN_WORLD when memory runs out; nothing is held then. */
GanStatus state_new(const GanProgram *p, uint64_t seed, GanState *out, GanError *err);
void      state_free(GanState *s);

/* What is said of a file whose tensors are taken on trust: its path goes in. */
#define STATE_UNCHECKED "%s has not the checksums of a checkpoint: its tensors are taken as they are"

int   state_find(const GanProgram *p, const char *path);    /* a slot's index, or -1 */
void *state_slot(const GanProgram *p, const GanState *s, int slot);     /* its memory (DATA too: read-only then) */

/* Views of every slot but DATA and SCRATCH, for a checkpoint: `out` has room for p->n_slots; returns how many there are. */
int state_views(const GanProgram *p, const GanState *s, SafeTensor *out);

/* What a file may lack: nothing; how often functions have run that the program may have got since (a report that draws), which is 0 then; any counter (for a
 * sampler), which stays as it is; any slot that the run's own program had no use for, which stays as it is. */
typedef enum { STATE_LACKS_NOTHING, STATE_LACKS_TICKS, STATE_LACKS_COUNTERS, STATE_LACKS_UNUSED } StateLack;

/* Fills the arena from a file's tensors. GAN_WRONG, with nothing changed, when a slot is missing or differs in type or
 * shape: the message names the first. Tensors the program has no slot for are an error too. Reports are none of that: a line
 * that reports may have come or gone since; one that is new is nan. */
GanStatus state_load(const GanProgram *p, GanState *s, const SafeFile *f, const char *path, StateLack lack, GanError *err);

/* What the call of fn that has just been done found not to hold, in words: its message, the line that requires it, the number. NULL: all holds. */
const char *state_required(const GanProgram *p, const GanState *s, int fn, char text[GAN_ERROR_TEXT]);
/* Runs fn; GAN_WORLD, too, when something does not hold. */
GanStatus   state_run(const GanProgram *p, const GanEngine *engine, int fn, GanState *s, void *const *out, GanError *err);
