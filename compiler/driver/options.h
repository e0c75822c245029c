/* options.h - the command line, read once into one struct. Wrong usage is told on stderr and is exit status 2. */
#pragma once
#include "compiler/kernel/plan.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {                                                      /* one bit a command, for the flags' table */
    COMMAND_BIT_BASE = 0,
#define COMMAND(name, BIT, ...) BIT##_SHIFT,
#include "compiler/driver/commands.def"
#undef COMMAND
};
enum {
#define COMMAND(name, BIT, ...) BIT = 1 << BIT##_SHIFT,
#include "compiler/driver/commands.def"
#undef COMMAND
};

enum { EXIT_DONE = 0, EXIT_WRONG_PROGRAM = 1, EXIT_WRONG_USAGE = 2, EXIT_RUN_FAILED = 3, EXIT_INTERRUPTED = 130 };

typedef struct Setting { char *name; const char *value; } Setting;

typedef struct Options {
    const char **word;      int n_words;                    /* the command line as it was given */
    const char **operands;  int n_operands;
    Setting     *settings;  int n_settings;                 /* --set */
    int64_t      steps;                                     /* -1: the file's */
    uint64_t     seed;
    int          threads;                                   /* 0: the CPUs allowed */
    bool         interp, f64, portable, resume, quiet, json_diagnostics, color;
    PlanOptions  plan;
    int64_t      seeds, number;
    const char  *out, *checkpoint, *log, *stage, *emit, *expression, *output;
} Options;

typedef int Command(const Options *o);
#define COMMAND(name, ...) Command cmd_##name;
#include "compiler/driver/commands.def"
#undef COMMAND

/* Reads argv[1..] and finds the command. NULL when there is nothing to run: *status is then the exit status (help was printed, or usage was wrong). */
Command *options_read(int argc, char **argv, Options *o, int *status);
void     options_free(Options *o);
