/* flat.h - object files laid into one run of bytes that lies anywhere: the linker of what compiler/llvm makes.
 *
 * Sections are put behind one another, references between them are settled; calls of what the objects do not have go through stubs, and
 * those through the slots that MachineCode has behind its bytes (runtime/image.h). ELF of x86-64 and aarch64, little-endian, as LLVM
 * writes it for position-independent code: no other relocation is understood. */
#pragma once
#include "compiler/llvm/object.h"
#include "runtime/image.h"

/* nests: functions PREFIX_nest_N, N below o->n_nests. All in `a`. GAN_WORLD for what is not understood, with its name. */
GanStatus flat_lay(Arena *a, const LlvmObjects *o, const char *prefix, MachineCode *out, GanError *err);
