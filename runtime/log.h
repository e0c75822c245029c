/* log.h - a run's log: JSON lines, one per block that reports.
 *
 *     {"step": 1000, "seconds": 1.93, "modes": 8, "w": 0.0123, "loss": "nan", "kinds": {"w": "bound"}, "measured": {"seed": 7, "samples": {"modes": [2500], "w": [1000, 64]}}}
 *
 * Numbers are the shortest that read back the same; what is not finite is a string, "nan", "inf" or "-inf". A line is one
 * write, so a reader never meets half a line. */
#pragma once
#include "runtime/program.h"

#include <stdbool.h>

typedef struct Log Log;

/* A new log in place of an older one; "-" is standard output. */
GanStatus log_new(const char *path, Log **out, GanError *err);

/* Goes on with the log of a run that had written `lines` lines: the rest is cut off. A file with fewer keeps its whole lines;
 * a missing file is begun. "-" is standard output, where nothing can be cut. Lines, not bytes, are counted: their lengths depend
 * on the clock, and a checkpoint must not. */
GanStatus log_resume(const char *path, int64_t lines, Log **out, GanError *err);
GanStatus log_cut(Log *l, int64_t lines, GanError *err);   /* as log_resume does; not within a line */
int64_t   log_lines(const Log *l);                          /* so far: what a checkpoint records */

double    log_seconds(const Log *l);                        /* of the last line that log_resume has kept; 0: none */

void      log_begin(Log *l, int64_t step, double seconds);  /* a line; seconds keep three decimals */
void      log_value(Log *l, const char *name, GanElem elem, const void *value);   /* what is not UTF-8 in the name becomes '?' */
void      log_kind(Log *l, const char *name, const char *kind);                   /* of a value of the line: what kind of estimate it is */
bool      log_has(Log *l, const char *name);                /* the line that was begun has a value of this name */
void      log_samples(Log *l, const char *name, const int64_t *samples, uint64_t seed);      /* with how many it was measured (GanOutput.samples), and the run's seed */
GanStatus log_end(Log *l, GanError *err);                   /* writes the line; GAN_WORLD when that fails, or no memory was there for its names */
bool      log_reader_left(const Log *l);                    /* the write that failed met a pipe that nobody reads any more */
GanStatus log_close(Log *l, GanError *err);                 /* NULL is fine */
