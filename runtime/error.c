/* error.c - see error.h. */
#include "runtime/error.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The end of a long path tells more than its start. */
static void set_path(GanError *err, const char *path)
{
    size_t n = strlen(path), room = sizeof err->path - 1;
    if (n <= room) {
        memcpy(err->path, path, n + 1);
        return;
    }
    memcpy(err->path, "...", 3);
    memcpy(err->path + 3, path + n - (room - 3), room - 3 + 1);
}

static GanStatus fill(GanError *err, GanStatus status, const char *path, const char *fmt, va_list args)
{
    if (!err) return status;
    char message[sizeof err->message];                      /* an argument may be this error's own text */
    vsnprintf(message, sizeof message, fmt, args);
    GanError new = {.status = status, .offset = -1};
    memcpy(new.message, message, sizeof message);
    set_path(&new, path);
    *err = new;
    return status;
}

GanStatus gan_error(GanError *err, GanStatus status, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fill(err, status, "", fmt, args);
    va_end(args);
    return status;
}

GanStatus gan_error_in(GanError *err, GanStatus status, const char *path, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fill(err, status, path, fmt, args);
    va_end(args);
    return status;
}

GanStatus gan_error_cell(GanError *err, GanStatus status, int64_t row, int64_t column)
{
    if (err) err->row = row, err->column = column;
    return status;
}

GanStatus gan_error_byte(GanError *err, GanStatus status, int64_t offset)
{
    if (err) err->offset = offset;
    return status;
}

char *gan_error_text(const GanError *err, char text[GAN_ERROR_TEXT])
{
    char place[64] = "", byte[48] = "";
    if (err->row > 0 && err->column > 0) snprintf(place, sizeof place, ":%" PRId64 ":%" PRId64, err->row, err->column);
    else if (err->row > 0) snprintf(place, sizeof place, ":%" PRId64, err->row);
    if (err->offset >= 0) snprintf(byte, sizeof byte, " (at byte %" PRId64 ")", err->offset);
    snprintf(text, GAN_ERROR_TEXT, "%s%s%s%s%s", err->path, place, *err->path || *place ? ": " : "", err->message, byte);
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f) *c = '?';
    return text;
}
