/* target.c - see target.h. The file lies in memory. */
#include "target.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct { int fd; char path[64]; } file = {.fd = -1};

void target_failed(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    abort();
}

void target_file_again(const void *bytes, size_t n)
{
    const char *from = bytes;
    TARGET_WANT(!ftruncate(file.fd, 0), "the file cannot be emptied");
    for (size_t at = 0; at < n;) {
        ssize_t put = pwrite(file.fd, from + at, n - at, (off_t)at);
        TARGET_WANT(put > 0, "the file cannot be written");
        at += (size_t)put;
    }
}

const char *target_file(const char *bytes, size_t n)
{
    if (file.fd < 0) {
        file.fd = memfd_create("input", MFD_CLOEXEC);
        TARGET_WANT(file.fd >= 0, "no file can be made");
        snprintf(file.path, sizeof file.path, "/proc/self/fd/%d", file.fd);
    }
    target_file_again(bytes, n);
    return file.path;
}
