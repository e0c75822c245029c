/* serve.h - `gan run FILE --serve`: the run as a page in a browser of this machine. */
#pragma once
#include "compiler/session/options.h"

/* Runs the program of the command line, at once and at full speed, until it is over or interrupted; then waits, for the page can go back, until it is interrupted. The run's
 * folder is filled as it is without the page, as far as the run has come; from there --resume goes on. An exit status. */
int serve_run(const Options *o);
