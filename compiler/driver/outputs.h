/* outputs.h - calling one function for its outputs, and putting them on the screen or into a file. */
#pragma once
#include "compiler/driver/session.h"
#include "runtime/tensor.h"

/* Runs `fn` on the session's state. out[i] (one an output of the function) are yours: outputs_free. An exit status. */
int  outputs_run(Session *s, int fn, GanTensor ***out);
void outputs_free(const Session *s, int fn, GanTensor **out);

/* Small tensors in full, large ones as shape, range and mean; on stdout. */
void outputs_print(const char *name, const GanTensor *t);

/* By the ending of `path`: .npy, .csv, or .png (points in the plane as a scatter, images as a grid). False, after saying so, for
 * any other ending; an exit status. */
bool outputs_can_write(const char *path);
int  outputs_write(const Options *o, const char *path, const GanTensor *t);
