/* interrupt.h - Ctrl-C and SIGTERM: asked once, a flag for the trainer to poll; asked twice, the process ends at once.
 *
 * Between the two a call of a function is finished first, however long it takes: its results are in the state then, and the state in a
 * checkpoint. Whoever waits for that for a second is told so.
 *
 * The one place of the runtime with file-scope variables, since a signal handler has nothing else. */
#pragma once
#include <signal.h>
#include <stdbool.h>

typedef struct Interrupt {
    struct sigaction old_int, old_term, old_alarm;
    bool             took_int, took_term, took_alarm;
} Interrupt;

/* Clears the flag and takes SIGINT and SIGTERM (one that is ignored, as under nohup, stays ignored), and SIGALRM for the second. `patience`, which
 * stays the caller's, is written on stderr then; NULL: nothing is. Pair with interrupt_end, in the thread that gets signals; not nested. */
void interrupt_begin(Interrupt *in, const char *patience);
void interrupt_end(Interrupt *in);                          /* what was before is restored */

bool interrupt_asked(void);
int  interrupt_status(void);                                /* 130 or 143, the exit status that says so; 0: not asked */
