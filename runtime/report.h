/* report.h - report.html: one page with a run's curves and pictures that opens from disk and asks for nothing else. */
#pragma once
#include "runtime/error.h"

#include <stdbool.h>

typedef struct ReportExpect {
    const char *text;
    const char *unmade;                                     /* a report that it asks and that was never made; NULL: none */
    bool        judged, held;
} ReportExpect;

typedef struct ReportFacts {                                /* what the page says of the run, beside what its folder holds */
    const char         *title;
    const char         *made_with;                          /* flags that make another program of the same file; NULL: none */
    const char         *sources, *program;                  /* their hash; the text of the main file. NULL: not known */
    uint64_t            seed;
    int64_t             step;                               /* rounds done */
    const char         *state;                              /* "finished", "running", ... */
    const ReportExpect *expect;  int n_expects;
} ReportFacts;

/* Reads `folder`/log.jsonl and the PNG files of `folder` and `folder`/pictures, and writes `folder`/report.html. Each report
 * becomes a curve over the steps, all of them from 0 to the last one; values that are not finite are marked on it; what was reported
 * once stands in a table. Pictures NAME-NUMBER.png belong together: the last twelve of each name are shown, newest first. Lines of the log
 * that are not JSON, and pictures that are not PNG or larger than 8 MB, are left out. No log and no pictures still make a page. */
GanStatus report_write(const char *folder, const ReportFacts *f, GanError *err);

typedef struct ReportGame {                                 /* one of several */
    const char         *state;                              /* as ReportFacts.state */
    bool                failed;
    int64_t             step;
    const ReportExpect *expect;  int n_expects;             /* of every game the same ones */
} ReportGame;

/* Of several games in `folder`/seed-S, seeds f->seed to f->seed + n - 1: each report of all of them on the same axes, with their median; the
 * last values in a table, with what became of each and of what the file expects; the last picture of each name; links to the games' own pages. f->expect is
 * not read. */
GanStatus report_write_seeds(const char *folder, const ReportFacts *f, const ReportGame *game, int n, GanError *err);
