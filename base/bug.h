/* bug.h - the ends of a process that nobody can avert.
 *
 * BUG is the third road of failure: we are wrong. Says where, then aborts. Never for bad input, never for the world. */
#pragma once
#include <stddef.h>

_Noreturn void bug_at(const char *file, int line, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#define BUG(...) bug_at(__FILE__, __LINE__, __VA_ARGS__)

/* The last of the memory went, where nothing sensible is left to do: says so, with what was asked for (0: that is not known here), and ends the
 * process with 3, the status of a run that failed. */
_Noreturn void no_memory_left(size_t bytes);
