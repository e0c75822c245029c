/* show.h - values for a person at a terminal: numbers in full where they are few, else what they are like; points and images as pictures of
 * characters. Everything is added to a Text; nothing is printed here. */
#pragma once
#include "base/text.h"
#include "runtime/tensor.h"

typedef struct ShowStyle {
    int  width;                                             /* columns of the terminal */
    bool color, true_color;                                 /* colours at all; of 24 bits */
    bool no_cells;                                          /* pictures are left to who asks: the terminal takes files */
} ShowStyle;

enum { SHOW_FULL = 64 };                                    /* elements that are shown in full */

bool show_has_picture(const GanTensor *t);                  /* points or images that are worth one */

/* A value under its name (NULL: none), with a newline. */
void show_tensor(Text *out, const char *name, const GanTensor *t, const ShowStyle *style);

/* One number, as the language writes it; of f32 no more digits than it has. */
void show_number(Text *out, const GanTensor *t, int64_t i);

/* n numbers as n bars between the least and the largest of them; what is not finite is a '!'. */
void show_sparkline(Text *out, const double *v, int n);
