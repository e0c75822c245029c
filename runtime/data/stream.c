/* stream.c - see source.h. zlib reads a file that is not gzipped as it is. */
#include "runtime/data/stream.h"

#include "runtime/file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { WINDOW = 1 << 18, AT_ONCE = 1 << 30 };
static const int64_t deflate_ratio = 1032;                  /* the most deflate can pack (zlib's technical notes) */

GanStatus stream_open(Stream *s, const char *path, GanError *err)
{
    int fd;
    *s = (Stream){.path = path};
    GanStatus status = file_open(path, &fd, &s->stored, err);
    if (status) return status;
    s->file = gzdopen(fd, "rb");
    if (!s->file) {
        close(fd);
        return gan_error_in(err, GAN_WORLD, path, "not enough memory to read it");
    }
    gzbuffer(s->file, WINDOW);
    s->packed = !gzdirect(s->file);
    return GAN_OK;
}

void stream_close(Stream *s)
{
    if (s->file) gzclose_r(s->file);
    s->file = NULL;
}

/* RFC 1952: the last four bytes are the length modulo 2^32. */
bool stream_says_length(const Stream *s, uint64_t *bytes)
{
    uint8_t b[4];
    *bytes = (uint64_t)s->stored;
    if (!s->packed) return true;
    FILE *f = s->stored >= 18 ? fopen(s->path, "rb") : NULL;
    bool  read = f && !fseek(f, -4, SEEK_END) && fread(b, 1, 4, f) == 4;
    if (f) fclose(f);
    *bytes = read ? (uint64_t)b[0] | (uint64_t)b[1] << 8 | (uint64_t)b[2] << 16 | (uint64_t)b[3] << 24 : 0;
    return read;
}

int64_t stream_bound(const Stream *s)
{
    if (!s->packed) return s->stored;
    return s->stored > INT64_MAX / deflate_ratio ? INT64_MAX : s->stored * deflate_ratio;
}

static GanStatus damaged(Stream *s, GanError *err)
{
    int         code, why = errno;
    const char *text = gzerror(s->file, &code);
    switch (code) {
    case Z_OK:
    case Z_STREAM_END: return GAN_OK;
    case Z_ERRNO: return gan_error_in(err, GAN_WORLD, s->path, "cannot be read: %s", strerror(why));
    case Z_MEM_ERROR: return gan_error_in(err, GAN_WORLD, s->path, "not enough memory to unpack it");
    case Z_BUF_ERROR: gan_error_in(err, GAN_WRONG, s->path, "the gzip file is cut off; %" PRId64 " bytes could be unpacked", s->at); break;
    default: gan_error_in(err, GAN_WRONG, s->path, "the gzip file is damaged after %" PRId64 " unpacked bytes (%s)", s->at, text); break;
    }
    return GAN_WRONG;
}

GanStatus stream_some(Stream *s, void *to, size_t n, size_t *got, GanError *err)
{
    *got = 0;
    while (*got < n) {
        size_t want = n - *got < AT_ONCE ? n - *got : AT_ONCE;
        errno = 0;
        int r = gzread(s->file, (char *)to + *got, (unsigned)want);
        if (r > 0) {
            *got += (size_t)r;
            s->at += r;
        }
        if (r <= 0) return damaged(s, err);
    }
    return GAN_OK;
}

GanStatus stream_read(Stream *s, void *to, size_t n, const char *what, GanError *err)
{
    size_t    got;
    GanStatus status = stream_some(s, to, n, &got, err);
    if (status || got == n) return status;
    return gan_error_in(err, GAN_WRONG, s->path, "the file ends inside %s: %zu bytes are wanted and %zu are there", what, n, got);
}

GanStatus stream_end(Stream *s, GanError *err)
{
    char      more;
    size_t    got;
    int64_t   end = s->at;
    GanStatus status = stream_some(s, &more, 1, &got, err);
    if (status || !got) return status;
    gan_error_in(err, GAN_WRONG, s->path, "the file goes on after the last element its header speaks of");
    return gan_error_byte(err, GAN_WRONG, end);
}
