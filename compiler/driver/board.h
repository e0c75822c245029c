/* board.h - a page of programs beside what they promise: `gan test --board`. A row for each part of each `expect` line, with what was reached over
 * the seeds; all that it says of a program is the program's own text. */
#pragma once
#include "compiler/session/session.h"
#include "runtime/trainer.h"

typedef struct Board Board;

Board *board_new(const Options *o, const char *version);    /* free with board_free */
void   board_free(Board *b);

/* The next program, with its text (NULL: it could not be read), and one line on why there is nothing (more) to say of it. */
void   board_program(Board *b, const char *path, const char *text);
void   board_failure(Board *b, const char *why);

/* One more run of it. The session was opened with --board, so expectations report their sides. */
void   board_run(Board *b, const Session *s, const TrainerResult *r);

/* Writes the page to the file of --board. */
GanStatus board_write(Board *b, GanError *err);
