/* picture.h - PNG pictures of samples and functions: point clouds in the plane, histograms, curves, grids of images. Same input, same pixels.
 *
 * Written beside and renamed. GAN_WRONG: a shape that cannot be drawn; GAN_WORLD: writing failed. Colours are those of Okabe and Ito (2008),
 * told apart by colour-blind eyes: the first part (the data) is blue, the second (the model) vermilion. */
#pragma once
#include "runtime/tensor.h"

#include <stdbool.h>

enum { PICTURE_MOST_PARTS = 6 };                            /* of all but a grid */

typedef struct PicturePart {
    const GanTensor *t;
    const char      *name;                                  /* in the legend; NULL: not named */
} PicturePart;

/* Where the axes are. Those of the first picture of a name stay, so that its pictures can be laid side by side: a later one widens them only
 * where its first part does not fit. All zeros: not known yet. */
typedef struct PictureAxes { double x0, x1, y0, y1; } PictureAxes;

typedef struct PictureStyle {
    double       lo, hi;                                    /* ends of the axes, of both in a scatter; the values shown black and white in a grid. NaN: chosen */
    int64_t      bins;                                      /* of a histogram */
    PictureAxes *axes;                                      /* kept from picture to picture; NULL: this is the only one */
} PictureStyle;

/* Clouds [n, 2], drawn in turns, on one scale for both axes. The window is that of the bulk of the first cloud, with room around; what lies
 * outside sits on the frame, what is NaN is counted in the corner. Any element type, here and below. */
GanStatus picture_scatter(const char *path, const PicturePart *part, int n, const PictureStyle *style, GanError *err);

/* Numbers [n], as densities: the share of them in a bin, over its width. What lies outside is counted in the corner, as NaN is. */
GanStatus picture_histogram(const char *path, const PicturePart *part, int n, const PictureStyle *style, GanError *err);

/* Values [n] of functions at n even places from lo to hi, joined; where one is not finite there is a gap. */
GanStatus picture_curve(const char *path, const PicturePart *part, int n, const PictureStyle *style, GanError *err);

/* Images [n, h, w] or [n, h, w, c], c 1 or 3; lo is black and hi white, beyond is clamped, NaN is magenta. One part fills a square, of
 * several each is a row. Small images are enlarged by whole factors. */
GanStatus picture_grid(const char *path, const PicturePart *part, int n, const PictureStyle *style, GanError *err);
