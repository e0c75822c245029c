/* bug.h - the ends of a process that nobody can avert.
 *
 * BUG is the third road of failure: we are wrong. Says where, then aborts. Never for bad input, never for the world. */
#pragma once

_Noreturn void bug_at(const char *file, int line, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#define BUG(...) bug_at(__FILE__, __LINE__, __VA_ARGS__)

/* The last of the memory went, where nothing sensible is left to do: says so and ends the process with 3, the status of a run that failed. */
_Noreturn void no_memory_left(void);
