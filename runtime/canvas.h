/* canvas.h - a picture in the making: RGB bytes, shapes and small writing on them, a PNG file at the end. For picture.c and plot.c.
 *
 * Places outside are left out. Integer arithmetic once a place is known, so the same calls give the same pixels. */
#pragma once
#include "runtime/error.h"

typedef uint32_t Colour;                                    /* 0xrrggbb */

static const Colour WHITE = 0xffffff, INK = 0x404040, PALE = 0xe4e4e4, GAP_GREY = 0xd0d0d0, MAGENTA = 0xff00ff;

typedef struct Canvas {
    int64_t  w, h;
    uint8_t *rgb;
} Canvas;

enum { CANVAS_EIGHTH = 8, CANVAS_GLYPH_H = 7 };             /* shapes have their places in eighths of a pixel; the height of a letter */

/* GAN_WRONG: too large. Free by canvas_write. */
GanStatus canvas_new(Canvas *c, const char *path, int64_t w, int64_t h, Colour colour, GanError *err);
GanStatus canvas_write(Canvas *c, const char *path, GanError *err);         /* beside its place and renamed */

void canvas_put(Canvas *c, int64_t x, int64_t y, Colour colour);
void canvas_blend(Canvas *c, int64_t x, int64_t y, Colour colour, int alpha);               /* alpha 0 to 255 */
void canvas_box(Canvas *c, int64_t x, int64_t y, int64_t w, int64_t h, Colour colour);
void canvas_disc(Canvas *c, int64_t x, int64_t y, int64_t radius, Colour colour, int alpha);
void canvas_line(Canvas *c, int64_t x0, int64_t y0, int64_t x1, int64_t y1, Colour colour);  /* two pixels wide */

/* ASCII of five by seven pixels; another character is shown as '?'. */
void    canvas_text(Canvas *c, int64_t x, int64_t y, const char *text, Colour colour);
int64_t canvas_text_width(const char *text);
