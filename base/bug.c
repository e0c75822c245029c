/* bug.c - see bug.h. */
#include "base/bug.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

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
