/* say.h - what a command tells a person: errors, warnings and notes on stderr, as text or as JSON. */
#pragma once
#include "base/text.h"
#include "runtime/command/options.h"
#include "runtime/error.h"

/* Prints an error as the options ask for, `data.csv:3:2: error: ...`, and gives its exit status. */
int  say_error(const RunOptions *o, const GanError *err);
/* A mistake of the program or its use: EXIT_WRONG_PROGRAM. */
int  say_wrong(const RunOptions *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void say_note_at(const RunOptions *o, const char *file, uint32_t line, uint32_t column, const char *text);
void say_source(uint32_t line, uint32_t column, const char *text);  /* a line of the program under a note, with a mark at the column */
void say_line(void *options, const char *line);             /* a note, or a "warning: ..."; the trainer's hook, with the RunOptions as its user */
const char *say_later(const RunOptions *o, Arena *a, const char *line);     /* the text that say_line prints of a note, for a handler of signals */

/* For main(): what was printed on stdout must have arrived. A pipe whose reader left is no mistake: it ends quietly. An exit status. */
int  say_finish(const char *program, int status);
void say_begin(void);                                       /* locale; signals that show as failed writes; no file gets a standard descriptor */
