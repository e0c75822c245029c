/* outputs.h - a tensor on the screen or in a file. */
#pragma once
#include "base/text.h"
#include "runtime/command/say.h"
#include "runtime/data/data.h"
#include "runtime/tensor.h"

/* Small tensors in full, large ones as shape, range and mean, behind a name (NULL: none); the same on stdout, with a newline. */
void outputs_add(Text *t, const char *name, const GanTensor *x);
void outputs_print(const char *name, const GanTensor *t);

/* By the ending of `path`: .npy, .npz, .csv, or .png (points in the plane as a scatter, numbers as a histogram, images as a grid). Says so for any
 * other ending; an exit status. */
int  outputs_can_write(const RunOptions *o, const char *path);

/* One field, or all those of a record, which a .npz or a .csv file with a header holds; `what` names it. An exit status. */
int  outputs_write(const RunOptions *o, const char *path, const DataColumn *field, int n, const char *what);
