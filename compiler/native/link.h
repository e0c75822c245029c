/* link.h - a program's objects and its image become a file that runs, by the system's C compiler. */
#pragma once
#include "compiler/llvm/object.h"
#include "runtime/error.h"

/* Writes the executable `path`, in place of an older file of that name; on an error that stays, and nothing else is left over. The runtime's
 * archive is found beside this program. `objects` have the prefix "gan". GAN_WRONG: no C compiler, no archive; GAN_WORLD: a full disk. */
GanStatus native_link(const LlvmObjects *objects, const char *image, size_t image_bytes, const char *path, GanError *err);
