/* session.h - one program on its way through the house: read, checked, lowered, optimised, and given an engine and a state.
 *
 * Every command is a few calls of these. Diagnostics are printed here, on stderr, and nowhere else; functions return exit statuses. */
#pragma once
#include "compiler/session/options.h"
#include "compiler/jit/jit.h"
#include "compiler/lower/lower.h"
#include "runtime/command/game.h"

typedef struct Session {
    const Options *o;
    Arena         *arena;
    Sources       *sources;
    Diags         *diags;
    const char    *folder;                                  /* of the program's file; NULL: here */
    const char    *file;                                    /* its name, as messages say it; NULL: there is none */
    const char    *text;                                    /* of that file; NULL: there is none */
    LowerResult    lowered;                                 /* .ir, .program */
    int            n_run_slots;                             /* of the program, before the first expression was added to it; 0: none was */
    Game           game;                                    /* after session_start: the program, an engine, a state */
} Session;

/* Prints "FILE:LINE: update LOSS" on one line, whatever lines the loss is written on. */
void session_print_statement(const Session *s, const GameLine *l);

/* Prints diagnostics as the options ask for; EXIT_WRONG_PROGRAM if there was an error, EXIT_RUN_FAILED if one was of the world. */
int  session_print(const Options *o, const Diags *diags);

/* Reads and lowers `file` ("-": stdin; NULL: the library alone). On an error everything found is printed. Close the session in every case. */
int  session_open(Session *s, const Options *o, const char *file);
/* The same of a text. `name` is what its places say and beside which files are looked for. `typed`: the byte from which on it was typed, 0: nothing was. `known`: its warnings were said before, and are not again. */
int  session_open_text(Session *s, const Options *o, const char *name, const char *text, size_t typed, bool known);
enum { SESSION_SAMPLES = 1024 };                            /* the most that a call of a sampler draws: more are drawn by more calls */

/* Adds a function for an expression (n = 0), or for n draws of a distribution; n < 0: for -n draws if it is one, else for its value. -1 after printing what is wrong. */
int  session_add(Session *s, const char *text, int64_t n);
/* Runs the passes over every function. After the last function was added. */
void session_optimise(Session *s);
/* False, printed, with the exit status EXIT_WRONG_PROGRAM to follow: the program calls simulators, and --allow-extern is not given. */
bool session_allows_externs(const Session *s);
/* The engine the options ask for, and a fresh state (not initialised). */
int  session_start(Session *s);
/* The same with an engine that is compiled as *j says. */
int  session_start_jit(Session *s, const JitOptions *j);
void session_close(Session *s);

/* A name as an identifier of C: what compiled functions begin with. */
const char *session_identifier(const Session *s, const char *name);

/* The path of a slot that `fn` reads and that only a run fills, or NULL. Slots from `given` on are filled by who calls it. */
const char *session_needs(const Session *s, int fn, int given);

/* Has the slot a value before the program runs: a parameter, a state with a beginning? Not: what a statement computes and keeps. */
bool session_starts(const Session *s, int slot);

/* Does what `fn` computes hang on the state of a run at all? */
bool session_reads_state(const Session *s, int fn);

/* Fills the state: from --checkpoint, else from the newest checkpoint of the program's default folder if `trained`, else by the initialising function: an
 * error if the function `fn`, which is to be run on it, reads what only a run computes. */
int  session_fill(Session *s, bool trained, int fn);
