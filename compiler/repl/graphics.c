/* graphics.c - see graphics.h. */
#include "compiler/repl/graphics.h"

#include <png.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PIECE = 3072,                                           /* bytes of the file in one escape of kitty's: 4096 of base64, the most there may be */
    BAND = 6,                                               /* rows of pixels in one of sixels */
    SIXEL_ATTRIBUTE = 4,                                    /* among a terminal's primary device attributes */
};

/* ---- what the terminal takes ------------------------------------------------------------------------------------- */

const char graphics_query[] = "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[c";

/* ESC [ ? 62 ; 4 ; 22 c: the attributes, of which the first is the terminal's kind. */
static bool has_attribute(const char *answer, long wanted)
{
    const char *at = strstr(answer, "\x1b[?");
    bool        found = false, first = true;
    for (char *end; at && *at && *at != 'c'; at = end, first = false) {
        at += first ? strlen("\x1b[?") : 1;
        found |= strtol(at, &end, 10) == wanted && !first;
        if (end == at) break;
    }
    return found;
}

Graphics graphics_of(const char *answer)
{
    if (strstr(answer, "\x1b_Gi=31;OK")) return GRAPHICS_KITTY;
    return has_attribute(answer, SIXEL_ATTRIBUTE) ? GRAPHICS_SIXEL : GRAPHICS_NONE;
}

/* ---- kitty ------------------------------------------------------------------------------------------------------- */

static void add_base64(Text *out, const uint8_t *b, size_t n)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        size_t   left = n - i;
        uint32_t v = (uint32_t)b[i] << 16 | (left > 1 ? (uint32_t)b[i + 1] << 8 : 0) | (left > 2 ? b[i + 2] : 0);
        char     four[] = {digit[v >> 18], digit[v >> 12 & 63], left > 1 ? digit[v >> 6 & 63] : '=', left > 2 ? digit[v & 63] : '='};
        text_addn(out, four, sizeof four);
    }
}

static bool kitty_picture(Text *out, const char *path)
{
    FILE   *f = fopen(path, "re");
    uint8_t piece[PIECE], next[PIECE];
    size_t  n = f ? fread(piece, 1, PIECE, f) : 0;
    bool    first = true;
    for (size_t more; n; n = more, first = false) {
        more = fread(next, 1, PIECE, f);
        text_printf(out, "\x1b_G%sm=%d;", first ? "a=T,f=100," : "", more > 0);
        add_base64(out, piece, n);
        text_add(out, "\x1b\\");
        memcpy(piece, next, more);
    }
    text_add(out, "\n");
    if (f) fclose(f);
    return !first;
}

/* ---- sixels ------------------------------------------------------------------------------------------------------ */

typedef struct Indexed {                                    /* a picture of at most 256 colours */
    uint8_t  colour[256][3], *pixel;
    int      width, height, colours;
} Indexed;

static bool read_indexed(const char *path, Indexed *p)
{
    png_image image = {.version = PNG_IMAGE_VERSION};
    bool      ok = png_image_begin_read_from_file(&image, path);
    image.format = PNG_FORMAT_RGB_COLORMAP;
    p->pixel = ok ? malloc(PNG_IMAGE_SIZE(image)) : NULL;
    ok = p->pixel && png_image_finish_read(&image, &(png_color){255, 255, 255}, p->pixel, 0, p->colour);
    p->width = (int)image.width;
    p->height = (int)image.height;
    p->colours = (int)image.colormap_entries;
    png_image_free(&image);
    return ok;
}

static void add_run(Text *out, int n, char what)
{
    if (n > 3) text_printf(out, "!%d%c", n, what);
    for (int i = 0; n <= 3 && i < n; i++) text_addn(out, &what, 1);
}

/* Which of a column's rows in the band have this colour: one bit each. */
static int rows_of(const Indexed *p, int colour, int x, int top)
{
    int bits = 0;
    for (int y = 0; y < BAND && top + y < p->height; y++) bits |= (p->pixel[(size_t)(top + y) * (size_t)p->width + (size_t)x] == colour) << y;
    return bits;
}

/* One colour's row of sixels, over what the others have put there. */
static void add_colour(Text *out, const Indexed *p, int colour, int top)
{
    int run = 0, of = 0;
    text_printf(out, "#%d", colour);
    for (int x = 0; x < p->width; x++, run++) {
        int bits = rows_of(p, colour, x, top);
        if (run && bits != of) add_run(out, run, (char)('?' + of)), run = 0;
        of = bits;
    }
    if (of) add_run(out, run, (char)('?' + of));
    text_add(out, "$");
}

static void add_band(Text *out, const Indexed *p, int top)
{
    bool used[256] = {false};
    int  rows = p->height - top < BAND ? p->height - top : BAND;
    for (size_t i = (size_t)top * (size_t)p->width, end = i + (size_t)rows * (size_t)p->width; i < end; i++) used[p->pixel[i]] = true;
    for (int c = 0; c < p->colours; c++)
        if (used[c]) add_colour(out, p, c, top);
    text_add(out, "-");
}

static int percent(uint8_t part) { return (part * 100 + 127) / 255; }

static bool sixel_picture(Text *out, const char *path)
{
    Indexed p = {0};
    bool    ok = read_indexed(path, &p);
    if (ok) text_printf(out, "\x1bP0;1q\"1;1;%d;%d", p.width, p.height);
    for (int c = 0; ok && c < p.colours; c++) text_printf(out, "#%d;2;%d;%d;%d", c, percent(p.colour[c][0]), percent(p.colour[c][1]), percent(p.colour[c][2]));
    for (int top = 0; ok && top < p.height; top += BAND) add_band(out, &p, top);
    if (ok) text_add(out, "\x1b\\\n");
    free(p.pixel);
    return ok;
}

bool graphics_picture(Text *out, Graphics how, const char *path)
{
    return how == GRAPHICS_KITTY ? kitty_picture(out, path) : how == GRAPHICS_SIXEL && sixel_picture(out, path);
}
