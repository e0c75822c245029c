/* interrupt.h - Ctrl-C and SIGTERM: asked once, a flag for the trainer to poll; asked twice, the process ends at once.
 *
 * The one place of the runtime with a file-scope variable, since a signal handler has nothing else. */
#pragma once
#include <signal.h>
#include <stdbool.h>

typedef struct Interrupt {
    struct sigaction old_int, old_term;
    bool             took_int, took_term;
} Interrupt;

/* Clears the flag and takes SIGINT and SIGTERM (one that is ignored, as under nohup, stays ignored). Pair with
 * interrupt_end; not nested. */
void interrupt_begin(Interrupt *in);
void interrupt_end(Interrupt *in);                          /* what was before is restored */

bool interrupt_asked(void);
int  interrupt_status(void);                                /* 130 or 143, the exit status that says so; 0: not asked */
