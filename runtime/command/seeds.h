/* seeds.h - several games of one program: the same code, a state and work space for each, as many at a time as there are threads. */
#pragma once
#include "runtime/command/game.h"

/* --seeds games, seeds S to S+N-1, into `folder`/seed-K: the files of a run with each seed alone. One that fails stops no other; an interrupt
 * ends all that have begun, saved, and begins no more. Prints a summary of each as it ends, then median and range of each report. The worst exit status. */
int seeds_run(Game *g, const char *folder);
