/* outputs.h - a tensor on the screen or in a file. */
#pragma once
#include "runtime/command/say.h"
#include "runtime/tensor.h"

/* Small tensors in full, large ones as shape, range and mean; on stdout. */
void outputs_print(const char *name, const GanTensor *t);

/* By the ending of `path`: .npy, .csv, or .png (points in the plane as a scatter, images as a grid). False, after saying so, for
 * any other ending; an exit status. */
int outputs_can_write(const RunOptions *o, const char *path);
int  outputs_write(const RunOptions *o, const char *path, const GanTensor *t);
