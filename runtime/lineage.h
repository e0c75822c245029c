/* lineage.h - whether a program goes on with a run that another version of it has begun: one whose reports, plots and images, and how many
 * rounds are to come, alone are others.
 *
 * A state hangs on the functions that have made it and will go on with it. Two versions whose functions are the same, but for those that
 * show something, come by the same states. What a new report would have drawn by now is known from how often it would have been made, and
 * where that is not known the run is another one. */
#pragma once
#include "runtime/trainer.h"

enum { LINEAGE_SUM = 33 };

/* Of everything that the states of a run hang on which is at that place: what stands before it with all that it shows. */
void lineage_sum(const GanProgram *p, const TrainerPath *at, char hex[LINEAGE_SUM]);

/* What the block shows that the run is in, a line each; malloc'd, NULL: no memory. */
char *lineage_shown(const GanProgram *p, const TrainerPath *at);

/* Brings the counters of what is new in that block to what they would be. `shown` is that of the run's own program. False: what one shows is not what
 * it would be in a run that always had it; *which is that one. */
bool lineage_count(const GanProgram *p, GanState *s, const TrainerPath *at, const char *shown, const char **which);
