/* variants.h - a program once for each of the CPUs that it was built for: the code of its nests, and the image that was planned with it, whose tables call that code and
 * no other. */
#pragma once
#include "runtime/image.h"

typedef struct NativeCode {
    int64_t         level;                                  /* cpu.h's, or 0 for any CPU of this machine; below 0 ends the list */
    const KernelFn *nest;
    const char     *image, *image_end;
} NativeCode;

/* Opens the image of the last of the variants that this CPU can run, and gives it its code. Where it can run none, the first one's, without code: what the program
 * holds can be told of it. */
GanStatus native_open(const NativeCode *variants, Image *out, GanError *err);

/* GAN_WRONG: an image without code, and what CPU it wants. */
GanStatus native_can_run(const NativeCode *variants, const Image *image, GanError *err);
