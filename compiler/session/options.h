/* options.h - what a command line says, of the flags that `gan` takes (compiler/driver/flags.def). */
#pragma once
#include "compiler/kernel/plan.h"
#include "runtime/command/options.h"

#include <stdio.h>

typedef struct Options {
    RunOptions  run;
    OptionPairs settings;                                   /* --set */
    bool        interp, f64, portable, lib, python, no_cache, allow_extern, check, gradients, slopes, told, cost, pedantic;
    bool        shapes;                                     /* no flag: the command runs nothing (LowerOptions) */
    bool        checked;                                    /* no flag: nor does it look at what the program is made into (LowerOptions) */
    PlanOptions plan;
    int64_t past;                                           /* MiB for snapshots; 0: what is usual */
    int64_t serve;                                          /* the port of the page */
    bool served, watch_game;
    FILE *const *said;                                      /* where diagnostics go; NULL, or none there: stderr */
    const char *stage, *emit, *target, *target_cpu, *expression, *from, *board;
} Options;
