/* interrupt.h - Ctrl-C, SIGTERM and SIGHUP: asked once, a flag for the trainer to poll; asked twice, the process ends at once, or, where a person goes on
 * afterwards, the call that is under way is given up.
 *
 * Between the two a call of a function is finished first, however long it takes: its results are in the state then, and the state in a
 * checkpoint. Whoever waits for that for a second is told so.
 *
 * The one place of the runtime with file-scope variables, since a signal handler has nothing else. */
#pragma once
#include <signal.h>
#include <stdbool.h>

typedef struct Interrupt {
    struct sigaction old_int, old_term, old_hup, old_alarm;
    bool             took_int, took_term, took_hup, took_alarm;
} Interrupt;

/* Clears the flag and takes SIGINT, SIGTERM and SIGHUP (one that is ignored, as under nohup, stays ignored), and SIGALRM for the second. `patience`, which
 * stays the caller's, is written on stderr then; NULL: nothing is. Pair with interrupt_end, in the thread that gets signals; not nested. */
void interrupt_begin(Interrupt *in, const char *patience);
void interrupt_end(Interrupt *in);                          /* what was before is restored */

/* What is to be done for who asks. Between interrupt_begin and interrupt_end; returns the rule before. */
typedef enum {
    INTERRUPT_ENDS,                                         /* once: interrupt_asked; twice: the process ends. The rule at first */
    INTERRUPT_STOPS,                                        /* once: interrupt_asked; twice: interrupt_gives_up, too */
    INTERRUPT_GIVES_UP,                                     /* once: both */
    INTERRUPT_WAITS                                         /* neither: something short that must not be left half done */
} InterruptRule;
InterruptRule interrupt_rule(InterruptRule rule);

bool interrupt_asked(void);

/* From another thread, for who waits: what is computed is given up, as long as it is true, without an end of anything else. */
void interrupt_give_up(bool yes);

/* Engines look at it within their calls, which fail then, with a state that must be made anew. */
bool interrupt_gives_up(void);
int  interrupt_status(void);                                /* 130, 143 or 129, the exit status that says so; 0: not asked */
