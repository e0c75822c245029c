/* stream.h - a regular file read from front to back, unpacked on the way when it is gzipped. For the readers beside it. */
#pragma once
#include "runtime/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <zlib.h>

typedef struct Stream {
    gzFile      file;
    const char *path;
    int64_t     stored;                                     /* bytes on the disk */
    int64_t     at;                                         /* bytes read so far, unpacked */
    bool        packed;
} Stream;

GanStatus stream_open(Stream *s, const char *path, GanError *err);
void      stream_close(Stream *s);

/* How many bytes it says that it unpacks to: of what is packed modulo 2^32. False: it says nothing. */
bool stream_says_length(const Stream *s, uint64_t *bytes);

/* No file of this many stored bytes can hold more than this: the bound to check promises against before allocating. */
int64_t stream_bound(const Stream *s);

/* Up to n bytes; *got < n only at the end. A cut or damaged gzip file is GAN_WRONG. */
GanStatus stream_some(Stream *s, void *to, size_t n, size_t *got, GanError *err);

/* Exactly n bytes of `what`, or GAN_WRONG; and: nothing is left. */
GanStatus stream_read(Stream *s, void *to, size_t n, const char *what, GanError *err);
GanStatus stream_end(Stream *s, GanError *err);
