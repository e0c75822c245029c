/* interrupt.c - see interrupt.h. */
#include "runtime/interrupt.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum { PATIENCE_SECONDS = 1 };

static _Atomic int  asked, again, rule;                     /* the signal that asked, 0: none; did one more?; an InterruptRule. Several threads look at them */
static _Atomic bool dropped;                                /* by who waits */
static const char  *words;                                  /* for who waits; NULL: none. Set while no signal is taken */

static void ask(int signal)
{
    int none = 0;
    bool first = atomic_compare_exchange_strong(&asked, &none, signal);
    if (!first && rule == INTERRUPT_ENDS) _exit(128 + signal);
    if (!first) again = 1;
    if (first && words) alarm(PATIENCE_SECONDS);
}

static void tell(int signal)
{
    (void)signal;
    int     was = errno;
    ssize_t n = write(STDERR_FILENO, words, strlen(words));
    (void)n;                                                /* nobody reads it */
    errno = was;
}

static bool is_default(int signal)
{
    struct sigaction now;
    return !sigaction(signal, NULL, &now) && now.sa_handler == SIG_DFL;
}

static bool take(int signal, void (*handler)(int), struct sigaction *old)
{
    struct sigaction ours;
    memset(&ours, 0, sizeof ours);
    ours.sa_handler = handler;
    ours.sa_flags = SA_RESTART;                             /* a write that is under way goes on */
    sigemptyset(&ours.sa_mask);
    if (sigaction(signal, NULL, old) || old->sa_handler == SIG_IGN) return false;
    return !sigaction(signal, &ours, NULL);
}

void interrupt_begin(Interrupt *in, const char *patience)
{
    asked = again = 0;
    rule = INTERRUPT_ENDS;
    in->took_alarm = patience && take(SIGALRM, tell, &in->old_alarm);
    words = in->took_alarm ? patience : NULL;
    in->took_int = take(SIGINT, ask, &in->old_int);
    in->took_term = take(SIGTERM, ask, &in->old_term);
    in->took_hup = is_default(SIGHUP) && take(SIGHUP, ask, &in->old_hup);       /* a prompt has a handler of its own */
}

void interrupt_end(Interrupt *in)
{
    if (in->took_int) sigaction(SIGINT, &in->old_int, NULL);
    if (in->took_term) sigaction(SIGTERM, &in->old_term, NULL);
    if (in->took_hup) sigaction(SIGHUP, &in->old_hup, NULL);
    rule = INTERRUPT_ENDS;
    if (in->took_alarm) alarm(0), sigaction(SIGALRM, &in->old_alarm, NULL);
    *in = (Interrupt){0};
}

InterruptRule interrupt_rule(InterruptRule to) { return (InterruptRule)atomic_exchange(&rule, (int)to); }

bool interrupt_asked(void) { return asked && rule != INTERRUPT_WAITS; }

void interrupt_give_up(bool yes) { dropped = yes; }

bool interrupt_gives_up(void) { return dropped || (asked && (rule == INTERRUPT_GIVES_UP || (rule == INTERRUPT_STOPS && again))); }

int interrupt_status(void)
{
    int signal = asked;
    return signal ? 128 + signal : 0;
}
