/* interrupt.c - see interrupt.h. */
#include "runtime/interrupt.h"

#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t asked;                         /* the signal that asked; 0: none */

static void ask(int signal)
{
    if (asked) _exit(128 + signal);
    asked = signal;
}

static bool take(int signal, struct sigaction *old)
{
    struct sigaction ours;
    memset(&ours, 0, sizeof ours);
    ours.sa_handler = ask;
    ours.sa_flags = SA_RESTART;                             /* a write that is under way goes on */
    sigemptyset(&ours.sa_mask);
    if (sigaction(signal, NULL, old) || old->sa_handler == SIG_IGN) return false;
    return !sigaction(signal, &ours, NULL);
}

void interrupt_begin(Interrupt *in)
{
    asked = 0;
    in->took_int = take(SIGINT, &in->old_int);
    in->took_term = take(SIGTERM, &in->old_term);
}

void interrupt_end(Interrupt *in)
{
    if (in->took_int) sigaction(SIGINT, &in->old_int, NULL);
    if (in->took_term) sigaction(SIGTERM, &in->old_term, NULL);
    in->took_int = in->took_term = false;
}

bool interrupt_asked(void) { return asked != 0; }

int interrupt_status(void) { return asked ? 128 + (int)asked : 0; }
