/* variants.c - see variants.h. */
#include "runtime/native/variants.h"
#include "runtime/cpu.h"

GanStatus native_open(const NativeCode *variants, Image *out, GanError *err)
{
    const NativeCode *best = NULL;
    for (const NativeCode *v = variants; v->level >= 0; v++)
        if (v->level <= cpu_level()) best = v;
    const NativeCode *v = best ? best : variants;
    GanStatus st = image_open(v->image, (size_t)(v->image_end - v->image), out, err);
    if (!st && best) out->code.nest = best->nest;
    return st;
}

GanStatus native_can_run(const NativeCode *variants, const Image *image, GanError *err)
{
    if (image->code.nest) return GAN_OK;
    return gan_error(err, GAN_WRONG, "this program was built for CPUs with x86-64-v%d, and this one has x86-64-v%d: build it with --target-cpu or --portable",
                     (int)variants->level, cpu_level());
}
