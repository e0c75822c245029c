/* bug.h - the third road of failure: we are wrong. Says where, then aborts. Never for bad input, never for the world. */
#pragma once

_Noreturn void bug_at(const char *file, int line, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#define BUG(...) bug_at(__FILE__, __LINE__, __VA_ARGS__)
