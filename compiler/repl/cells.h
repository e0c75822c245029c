/* cells.h - pictures made of a terminal's cells: points as dots of braille, images as half blocks in colour or as shades without. */
#pragma once
#include "compiler/repl/show.h"

bool cells_are_points(const GanTensor *t);                  /* [n, 2] */
bool cells_are_images(const GanTensor *t);                  /* [n, h, w] or [n, h, w, c], c 1 or 3, not too small to be seen */

/* Each adds lines, indented by two. What is not finite is left out of points and is magenta in images. */
void cells_points(Text *out, const GanTensor *t, const ShowStyle *style);
void cells_images(Text *out, const GanTensor *t, const ShowStyle *style);
