/* verdict.h - what became of what a file expects, in words. */
#pragma once
#include "base/text.h"
#include "runtime/trainer.h"

/* "held", "NOT held", "not judged: .."; of one that asks a report that was never made: which, when it is made, and the way there. `steps` is
 * that of TrainerOptions. */
void verdict_text(const GanProgram *p, int64_t steps, const TrainerExpect *e, Text *t);
