/* session.h - one program on its way through the house: read, checked, lowered, optimised, and given an engine and a state.
 *
 * Every command is a few calls of these. Diagnostics and errors are printed here, on stderr, and nowhere else; functions
 * return exit statuses. */
#pragma once
#include "compiler/driver/options.h"
#include "compiler/lower/lower.h"
#include "runtime/program.h"

typedef struct Session {
    const Options *o;
    Arena         *arena;
    Sources       *sources;
    Diags         *diags;
    LowerResult    lowered;                                 /* .ir, .program */
    GanEngine      engine;                                  /* after session_start */
    GanState       state;
} Session;

/* Reads and lowers `file` ("-": stdin; NULL: the library alone). On an error everything found is printed. Close the session in every case. */
int  session_open(Session *s, const Options *o, const char *file);
/* Adds a function for an expression (n = 0), or for n draws of a distribution; -1 after printing what is wrong. */
int  session_add(Session *s, const char *text, int64_t n);
/* Runs the passes over every function. After the last function was added. */
void session_optimise(Session *s);
/* The engine the options ask for, and a fresh state (not initialised). */
int  session_start(Session *s);
void session_close(Session *s);

/* Fills the state: from --checkpoint, else from the newest checkpoint of the program's default folder if `trained`, else by the initialising function: an
 * error if the function `fn`, which is to be run on it, reads what only a run computes. */
int  session_fill(Session *s, bool trained, int fn);

/* The program's default folder for runs: "runs/NAME". */
const char *session_folder(const Session *s);

/* Prints an error of the runtime as the options ask for, `data.csv:3:2: error: ...`, and gives its exit status. */
int  driver_error(const Options *o, const GanError *err);
/* A mistake of the program or its use: EXIT_WRONG_PROGRAM. */
int  driver_wrong(const Options *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void driver_note_at(const Options *o, const char *file, uint32_t line, uint32_t column, const char *text);
void driver_say(void *options, const char *line);           /* a note or a "warning: ..." on stderr; the trainer's hook, with the Options as its user */
