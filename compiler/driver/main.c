/* main.c - the `gan` command: reads the command line and calls the subcommand. Start here. */
#include "compiler/driver/options.h"

#include <locale.h>
#include <signal.h>

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "");                                /* numbers stay in the C locale's form */
    signal(SIGPIPE, SIG_IGN);                               /* a reader that left shows as a failed write */
    int      status;
    Options  o;
    Command *run = options_read(argc, argv, &o, &status);
    if (run) status = run(&o);
    options_free(&o);
    return status;
}
