/* options.h - the command line of `gan`: its commands (commands.def) and flags (flags.def), and the struct they are read into. */
#pragma once
#include "compiler/kernel/plan.h"
#include "runtime/command/options.h"

#include <stdio.h>

typedef struct Options {
    RunOptions  run;
    OptionPairs settings;                                   /* --set */
    bool        interp, f64, portable, lib, python, no_cache, allow_extern, check, gradients, cost, pedantic;
    bool        shapes;                                     /* no flag: the command runs nothing (LowerOptions) */
    PlanOptions plan;
    int64_t serve;                                          /* the port of the page */
    bool served, watch_game;
    FILE *const *said;                                      /* where diagnostics go; NULL, or none there: stderr */
    const char *stage, *emit, *target, *target_cpu, *expression, *from;
} Options;

typedef int Command(const Options *o);
#define COMMAND(name, ...) Command cmd_##name;
#include "compiler/driver/commands.def"
#undef COMMAND

extern const OptionTable gan_options;
extern Command *const gan_command[];                        /* by row */
