/* progress.h - what a person watching sees: one line, redrawn in place on a terminal, plain lines otherwise.
 *
 *     step 12000/20000  60%  5210 steps/s  0:02 left  modes 8  w 0.0123
 *
 * On a terminal a line of each block that reported stays above it: "step 12000  modes 8  w 0.0123". What does not fit its width ends in "…".
 * A step has one such line: what else is reported at it, as at the top level, is in the line that is redrawn, or in the last.
 * At most ten lines a second are drawn. Failing writes are ignored: nobody is looking; and where memory runs out, nothing is drawn.
 * NULL is a progress that nobody watches. */
#pragma once
#include "runtime/tensor.h"

#include <stdbool.h>

typedef struct Progress Progress;

/* Draws on `fd`, which stays yours. `terminal`: redraw in place, cut to the terminal's width. `colour`: the caller has
 * looked at NO_COLOR and --color. `total` rounds, -1 when not known. */
Progress *progress_new(int fd, bool terminal, bool colour, int64_t step, int64_t total);
void      progress_value(Progress *p, const char *name, GanElem elem, const void *value);   /* the latest of a report */
void      progress_step(Progress *p, int64_t step);         /* after a round: cheap; a terminal's line may be redrawn */
void      progress_block(Progress *p, int64_t step);        /* after a block that reported: a line that stays may be written */
void      progress_clear(Progress *p);                      /* a terminal's line is wiped, so that something else can be printed */
void      progress_end(Progress *p);                        /* the last line, left standing; frees */
