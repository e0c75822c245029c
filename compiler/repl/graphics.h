/* graphics.h - pictures in terminals that take pixels: the graphics protocol of kitty, which others speak, too, and sixels (DEC, 1983).
 *
 * What a terminal takes it says itself, when it is asked; no name or variable tells. */
#pragma once
#include "base/text.h"

typedef enum { GRAPHICS_NONE, GRAPHICS_SIXEL, GRAPHICS_KITTY } Graphics;

/* What to send to a terminal: a query of kitty's protocol, and one that all terminals answer, so that its answer ends the other's. */
extern const char graphics_query[];
Graphics graphics_of(const char *answer);                   /* the better of what is in it */

/* A PNG file as the terminal takes it, with a newline. False: it cannot be read, or there is no memory for it. */
bool graphics_picture(Text *out, Graphics how, const char *path);
