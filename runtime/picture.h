/* picture.h - PNG pictures of samples: point clouds in the plane, grids of images. Same input, same pixels.
 *
 * Written beside and renamed. GAN_WRONG: a shape that cannot be drawn; GAN_WORLD: writing failed. */
#pragma once
#include "runtime/tensor.h"

/* Clouds [n, 2], f32 or f64, at most six, drawn in turns: the first (the data) blue, the second (the model) vermilion;
 * colours from Okabe and Ito (2008), told apart by colour-blind eyes. One scale for both axes. The window is that of the
 * first cloud, widened towards the others but at most twofold; what lies outside sits on the frame, what is NaN is
 * counted in the corner. */
GanStatus picture_scatter(const char *path, const GanTensor *const *cloud, int n_clouds, GanError *err);

/* Images [n, h, w] or [n, h, w, c], c 1 or 3, any element type; lo is black and hi white, beyond is clamped, NaN is magenta.
 * Small images are enlarged by whole factors. */
GanStatus picture_grid(const char *path, const GanTensor *images, double lo, double hi, GanError *err);
