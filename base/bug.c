/* bug.c - see bug.h. */
#include "base/bug.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { RUN_FAILED = 3 };

void bug_at(const char *file, int line, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fprintf(stderr, "gan: internal error at %s:%d: ", file, line);
    vfprintf(stderr, fmt, args);
    fputs("\nThis is a defect of gan itself; please report it with the program that shows it.\n", stderr);
    va_end(args);
    abort();
}

void no_memory_left(size_t bytes)
{
    if (bytes) dprintf(STDERR_FILENO, "%s: error: out of memory: %zu bytes more are not there\n", program_invocation_short_name, bytes);
    else dprintf(STDERR_FILENO, "%s: error: out of memory\n", program_invocation_short_name);
    _exit(RUN_FAILED);
}
