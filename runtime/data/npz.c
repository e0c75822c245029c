/* npz.c - .npz files (data.h): .npy files one after the other, each behind a header of its own, and at the end the list of them. */
#include "runtime/data/data.h"
#include "runtime/data/npy.h"
#include "runtime/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { LOCAL = 30, CENTRAL = 46, END = 22, LONGEST_NAME = 1000, MOST_FIELDS = 65535 };
static const uint64_t most_bytes = 0xffffffff;              /* without the 64-bit extension */

typedef struct Entry {
    char     name[LONGEST_NAME + 5];                        /* "x.npy" */
    uint32_t crc, bytes, offset;
} Entry;

static uint8_t *put16(uint8_t *p, uint32_t x)
{
    p[0] = (uint8_t)x, p[1] = (uint8_t)(x >> 8);
    return p + 2;
}

static uint8_t *put32(uint8_t *p, uint32_t x) { return put16(put16(p, x & 0xffff), x >> 16); }

/* What both headers of an entry say: made at no time, so that the same records are the same bytes; stored; UTF-8 names. */
static uint8_t *put_entry(uint8_t *p, const Entry *e)
{
    enum { VERSION = 20, UTF8 = 1 << 11, STORED = 0, FIRST_DAY = 1 << 5 | 1 };      /* the 1st of January 1980 */
    p = put16(put16(put16(put16(put16(p, VERSION), UTF8), STORED), 0), FIRST_DAY);
    p = put32(put32(put32(p, e->crc), e->bytes), e->bytes);
    return put16(put16(p, (uint32_t)strlen(e->name)), 0);
}

static GanStatus write_local(FileNew *f, const Entry *e, GanError *err)
{
    uint8_t   head[LOCAL];
    put_entry(put32(head, 0x04034b50), e);
    GanStatus s = file_new_write(f, head, LOCAL, err);
    return s ? s : file_new_write(f, e->name, strlen(e->name), err);
}

static GanStatus write_central(FileNew *f, const Entry *e, GanError *err)
{
    uint8_t   head[CENTRAL] = {0};
    uint8_t  *p = put_entry(put16(put32(head, 0x02014b50), 20), e);
    put32(p + 10, e->offset);                               /* no comment, first disk, no attributes */
    GanStatus s = file_new_write(f, head, CENTRAL, err);
    return s ? s : file_new_write(f, e->name, strlen(e->name), err);
}

static GanStatus write_end(FileNew *f, int n, uint32_t bytes, uint32_t offset, GanError *err)
{
    uint8_t end[END] = {0}, *p = put32(put32(end, 0x06054b50), 0);
    put32(put32(put16(put16(p, (uint32_t)n), (uint32_t)n), bytes), offset);
    return file_new_write(f, end, END, err);
}

static uint32_t sum_of(uint32_t sum, const void *data, size_t n)
{
    const char *at = data;
    for (; n; ) {
        size_t some = n > 1 << 30 ? 1 << 30 : n;            /* zlib counts in 32 bits */
        sum = (uint32_t)crc32(sum, (const Bytef *)at, (uInt)some);
        at += some;
        n -= some;
    }
    return sum;
}

static GanStatus write_field(FileNew *f, const DataColumn *field, Entry *e, uint64_t *at, GanError *err)
{
    char      head[NPY_HEADER];
    size_t    n = npy_header(head, field->t);
    snprintf(e->name, sizeof e->name, "%s.npy", field->name);
    e->crc = sum_of(sum_of(0, head, n), field->t->data, field->t->bytes);
    e->bytes = (uint32_t)(n + field->t->bytes);
    e->offset = (uint32_t)*at;
    *at += LOCAL + strlen(e->name) + e->bytes;
    GanStatus s = write_local(f, e, err);
    if (!s) s = file_new_write(f, head, n, err);
    return s ? s : file_new_write(f, field->t->data, field->t->bytes, err);
}

static GanStatus write_archive(FileNew *f, const DataColumn *field, int n, Entry *e, GanError *err)
{
    uint64_t  at = 0, list;
    GanStatus s = GAN_OK;
    for (int i = 0; i < n && !s; i++) s = write_field(f, &field[i], &e[i], &at, err);
    list = at;
    for (int i = 0; i < n && !s; i++) {
        s = write_central(f, &e[i], err);
        at += CENTRAL + strlen(e[i].name);
    }
    return s ? s : write_end(f, n, (uint32_t)(at - list), (uint32_t)list, err);
}

GanStatus data_write_npz(const char *path, const DataColumn *field, int n, GanError *err)
{
    FileNew  f;
    char     head[NPY_HEADER];
    uint64_t all = END;
    for (int i = 0; i < n; i++) {
        if (strlen(field[i].name) > LONGEST_NAME) return gan_error_in(err, GAN_WRONG, path, "the name of a field is too long for a .npz file");
        all += field[i].t->bytes + npy_header(head, field[i].t) + LOCAL + CENTRAL + 2 * (strlen(field[i].name) + 4);
    }
    if (n > MOST_FIELDS || all > most_bytes)
        return gan_error_in(err, GAN_WRONG, path, "a .npz file holds less than 4 GiB; a .npy file of one field at a time ('d.x') holds any");
    Entry    *e = calloc((size_t)n + 1, sizeof *e);
    if (!e) return gan_error_in(err, GAN_WORLD, path, "not enough memory");
    GanStatus s = file_new_begin(&f, path, (int64_t)all, true, err);
    if (!s) s = write_archive(&f, field, n, e, err);
    if (!s) s = file_new_end(&f, err);
    free(e);
    return s;
}
