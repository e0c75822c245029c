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

/* How many bytes the code point at s has; 0: none stands there, or one that controls a terminal. */
static int code_point(const unsigned char *s)
{
    int      more = s[0] < 0x80 ? 0 : s[0] < 0xc0 ? -1 : s[0] < 0xe0 ? 1 : s[0] < 0xf0 ? 2 : s[0] < 0xf8 ? 3 : -1;
    uint32_t least[] = {' ', 0xa0, 0x800, 0x10000}, cp = more > 0 ? s[0] & (0x3fu >> more) : s[0];
    for (int i = 1; i <= more; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0;
        cp = cp << 6 | (s[i] & 0x3fu);
    }
    if (more < 0 || cp < least[more] || cp == 0x7f || cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000)) return 0;
    return more + 1;
}

char *gan_shown(const char *s, char text[GAN_ERROR_TEXT])
{
    size_t used = 0;
    for (int n; *s && used + 4 < GAN_ERROR_TEXT; s += n ? n : 1) {
        n = code_point((const unsigned char *)s);
        if (n) memcpy(text + used, s, (size_t)n);
        else text[used] = '?';
        used += (size_t)(n ? n : 1);
    }
    text[used] = 0;
    return text;
}

char *gan_error_text(const GanError *err, char text[GAN_ERROR_TEXT])
{
    char place[64] = "", byte[48] = "";
    if (err->row > 0 && err->column > 0) snprintf(place, sizeof place, ":%" PRId64 ":%" PRId64, err->row, err->column);
    else if (err->row > 0) snprintf(place, sizeof place, ":%" PRId64, err->row);
    if (err->offset >= 0) snprintf(byte, sizeof byte, " (at byte %" PRId64 ")", err->offset);
    char raw[GAN_ERROR_TEXT];
    snprintf(raw, sizeof raw, "%s%s%s%s%s", err->path, place, *err->path || *place ? ": " : "", err->message, byte);
    return gan_shown(raw, text);
}
