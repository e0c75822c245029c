/* options.h - a command line, read once into one struct by tables of commands and flags. Wrong usage is told on stderr and is exit status 2.
 *
 * `gan` and the native programs it builds read theirs with the same code: each has tables of its own, and a struct that begins with RunOptions. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EXIT_DONE = 0, EXIT_WRONG_PROGRAM = 1, EXIT_WRONG_USAGE = 2, EXIT_RUN_FAILED = 3, EXIT_INTERRUPTED = 130 };

typedef struct OptionPair { char *name; const char *value; } OptionPair;
typedef struct OptionPairs { OptionPair *v; int n; } OptionPairs;           /* NAME=VALUE, in order */

typedef struct RunOptions {                                 /* what every way to run a program takes */
    const char  *program;                                   /* "gan": the name that messages begin with */
    const char **word;      int n_words;                    /* the command line as it was given, but for flags that say where a new run begins */
    const char **operands;  int n_operands;
    int64_t      steps;                                     /* -1: the file's */
    uint64_t     seed;
    bool         seed_given;                                /* was there a --seed? */
    int64_t      threads;                                   /* 0: the CPUs allowed */
    bool         resume, quiet, json_diagnostics, color;
    int64_t      seeds, number;
    OptionPairs  data;                                      /* other files for data, by name */
    const char  *out, *checkpoint, *log, *output;
} RunOptions;

typedef enum {
    OPTION_YES,                                             /* bool: takes no value */
    OPTION_INT,                                             /* int64_t, from least to most */
    OPTION_COUNT,                                           /* uint64_t */
    OPTION_TEXT,                                            /* const char * */
    OPTION_WORD,                                            /* const char *, one of `words` */
    OPTION_SECOND,                                          /* bool: is it the second of `words`? */
    OPTION_WITHOUT,                                         /* unsigned: "no-WORD,no-WORD" sets the bits of these `words` */
    OPTION_COLOR,                                           /* bool; auto, always, never */
    OPTION_PAIRS                                            /* OptionPairs: may be repeated */
} OptionKind;

typedef struct OptionRow {
    const char        *name, *arg, *help;
    unsigned           commands;                            /* bits of those that take it */
    OptionKind         kind;
    size_t             at;                                  /* of its field in the struct */
    uint64_t           least, most;
    const char *const *words;                               /* NULL-terminated */
    size_t             given;                               /* of a bool in the struct that becomes true with the flag; 0: none */
    bool               begins;                              /* it says where a new run begins: one that goes on has no use for it */
} OptionRow;

typedef struct OptionFixed { const char *name, *why; } OptionFixed;         /* a flag that there is elsewhere; what is said of it here */

typedef struct OptionCommand {
    const char *name, *operands, *summary, *example;
    unsigned    bit;
    int         fewest, most;                               /* operands; most -1: any number */
} OptionCommand;

typedef struct OptionTable {
    const char          *program, *about;                   /* what messages begin with; the first line of its help */
    const OptionCommand *command;  int n_commands;
    const OptionRow     *flag;     int n_flags;
    const OptionFixed   *fixed;    int n_fixed;
    void               (*version)(bool verbose);
} OptionTable;

/* The last of a row of a flags.def, for a struct T; field names the field. */
#define OPTION_FIELD(T, KIND, field, ...) .kind = OPTION_##KIND, .at = offsetof(T, field), ##__VA_ARGS__

/* Reads argv[1..] into `o`, which begins with a RunOptions and is otherwise as the caller made it, and finds the command: its row's number.
 * -1 when there is nothing to run: *status is then the exit status (help was printed, or usage was wrong). */
int  options_read(const OptionTable *t, int argc, char **argv, RunOptions *o, int *status);
void options_free(const OptionTable *t, RunOptions *o);
