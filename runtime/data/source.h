/* source.h - a regular file read from front to back, unpacked on the way when it is gzipped. For the readers beside it. */
#pragma once
#include "runtime/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <zlib.h>

typedef struct Source {
    gzFile      file;
    const char *path;
    int64_t     stored;                                     /* bytes on the disk */
    int64_t     at;                                         /* bytes read so far, unpacked */
    bool        packed;
} Source;

GanStatus source_open(Source *s, const char *path, GanError *err);
void      source_close(Source *s);

/* No file of this many stored bytes can hold more than this: the bound to check promises against before allocating. */
int64_t source_bound(const Source *s);

/* Up to n bytes; *got < n only at the end. A cut or damaged gzip file is GAN_WRONG. */
GanStatus source_some(Source *s, void *to, size_t n, size_t *got, GanError *err);

/* Exactly n bytes of `what`, or GAN_WRONG; and: nothing is left. */
GanStatus source_read(Source *s, void *to, size_t n, const char *what, GanError *err);
GanStatus source_end(Source *s, GanError *err);
