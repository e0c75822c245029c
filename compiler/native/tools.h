/* tools.h - programs of the system that this one runs to their end, while what it has laid out for them must not stay behind.
 *
 * From tools_begin to tools_end, SIGINT, SIGTERM and SIGHUP wait, but for one that is ignored. One that comes is handed on to the tool that runs, no
 * other one is run, and tools_end gives it to the process: there is time to clear up before. */
#pragma once
#include <signal.h>

typedef struct Tools {
    sigset_t         before, waited;                        /* the mask that was; signals that are waited for, the child's end among them */
    struct sigaction child;                                 /* what was said of that */
    int              stopped;                               /* the signal that came; 0: none */
} Tools;

void tools_begin(Tools *t);                                 /* in the thread that runs them; not nested */
void tools_end(Tools *t);

/* word[0] with the arguments up to NULL; all that it prints goes into the file `said`. 0 and *status, as waitpid has it; else why it could not be run, an
 * errno: EINTR, a signal has come. */
int tools_run(Tools *t, const char *const *word, const char *said, int *status);
