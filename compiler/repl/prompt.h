/* prompt.h - lines that a person types, or a script gives: with editing, history and completion on a terminal, plain reading and an echo otherwise.
 *
 * A session has one prompt: signals find it by a file-scope variable, as a handler has nothing else. */
#pragma once
#include "base/array.h"
#include "base/text.h"

typedef struct Prompt Prompt;

typedef enum {
    PROMPT_LINE,
    PROMPT_CLEARED,                                         /* Ctrl-C: what was typed is gone */
    PROMPT_END,                                             /* Ctrl-D, the end of a script */
    PROMPT_LOST                                             /* the terminal is gone, or who asks us to end: SIGHUP, SIGTERM */
} PromptGot;

typedef ARRAY(const char *) PromptWords;

/* What may stand at the end of `line` (the text up to the cursor) instead of what is there from *begin on. */
typedef void PromptComplete(void *self, Arena *a, const char *line, size_t *begin, PromptWords *words);

/* NULL: memory or the terminal's description is missing; *note (or NULL) is what a person should know: the history is not kept. */
Prompt   *prompt_open(PromptComplete *complete, void *self, const char **note);
void      prompt_close(Prompt *p);

bool      prompt_on_terminal(const Prompt *p);
int       prompt_width(const Prompt *p);                    /* of the terminal; 80 where there is none */

/* Sends a query whose last answer is that of the primary device attributes (ESC [ c). What the terminal answers, in escape sequences; what is typed meanwhile is read by
 * the next line. False: there is no terminal, or it has not answered for a second. */
bool      prompt_ask_terminal(Prompt *p, const char *query, Text *answer);

/* One line behind `ask`, without its end, in the arena. */
PromptGot prompt_read(Prompt *p, const char *ask, Arena *a, char **line);

/* Around something that takes long and that interrupt_begin watches: a terminal that is lost meanwhile interrupts it, as Ctrl-C does. */
void      prompt_busy(Prompt *p, bool busy);
bool      prompt_lost(const Prompt *p);
