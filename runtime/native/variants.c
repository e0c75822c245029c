/* variants.c - see variants.h. */
#include "runtime/native/variants.h"
#include "runtime/cpu.h"

GanStatus native_choose(const NativeCode *variants, Code *code, GanError *err)
{
    for (const NativeCode *v = variants; v->level >= 0; v++)
        if (v->level <= cpu_level()) code->nest = v->nest;
    if (code->nest) return GAN_OK;
    return gan_error(err, GAN_WRONG, "this program was built for CPUs with x86-64-v%d, and this one has x86-64-v%d: build it with --target-cpu or --portable",
                     (int)variants->level, cpu_level());
}
