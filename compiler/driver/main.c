/* main.c - the `gan` command: reads the command line and calls the subcommand. Start here. */
#include "compiler/driver/options.h"

#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* What was printed must have arrived. A pipe whose reader left is no mistake: it ends quietly. */
static int finish_output(int status)
{
    errno = 0;
    bool lost = fflush(stdout) || ferror(stdout);
    int  why = errno;
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    if (!lost || (poll(&out, 1, 0) > 0 && out.revents & POLLERR)) return status;
    fprintf(stderr, "gan: error: the output cannot be written%s%s\n", why ? ": " : "", why ? strerror(why) : "");
    return status ? status : EXIT_RUN_FAILED;
}

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "");                                /* numbers stay in the C locale's form */
    signal(SIGPIPE, SIG_IGN);                               /* a reader that left shows as a failed write */
    signal(SIGXFSZ, SIG_IGN);                               /* and a file that may not grow as a full disk */
    int      status;
    Options  o;
    Command *run = options_read(argc, argv, &o, &status);
    if (run) status = run(&o);
    options_free(&o);
    return finish_output(status);
}
