/* verdict.h - what became of what a file expects, in words. */
#pragma once
#include "base/text.h"
#include "runtime/trainer.h"

/* "2500 samples", "1000 and 64 samples" of a GanOutput's; nothing of none. */
void samples_text(const int64_t *samples, Text *t);

/* What stands behind a report's value: " (bound, 2500 samples, seed 7)"; nothing where neither kind nor samples are known. */
void measured_text(const TrainerReport *r, uint64_t seed, Text *t);

/* "held", "NOT held", "not judged: .."; of one that asks a report that was never made: which, when it is made, and the way there. `steps` is
 * that of TrainerOptions. */
void verdict_text(const GanProgram *p, int64_t steps, const TrainerExpect *e, Text *t);
