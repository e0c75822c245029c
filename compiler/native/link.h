/* link.h - a program's objects and images become a file that runs, or a library, by the system's C compiler. */
#pragma once
#include "compiler/llvm/object.h"
#include "compiler/native/names.h"
#include "runtime/error.h"

#include <stdbool.h>

typedef struct NativeVariant {                              /* the program's kernels for some CPUs */
    const char *prefix;                                     /* of its symbols */
    int         level;                                      /* what they want: x86-64-vN; 0: any of this machine */
    LlvmObjects objects;
    const char *image;                                      /* whose tables call these kernels */
    size_t      image_bytes;
} NativeVariant;

/* Writes the executable `path`, in place of an older file of that name; on an error that stays, and nothing else is left over. The runtime's
 * archive is found beside this program. The program takes the last variant that its CPU can run. GAN_WRONG: no C compiler, no archive; GAN_WORLD: a full disk. */
GanStatus native_link(const NativeVariant *variant, int n_variants, const char *path, GanError *err);

/* Whether the files of a program, or of a library, can be put where they are to be (file_place): asked before they are made. */
GanStatus native_places(const char *path, bool library, bool python, GanError *err);

typedef struct NativeLibrary {
    const NativeSymbols *symbols;                           /* that it has for others; it hides all else */
    const char *header, *source;                            /* of native_header, the header's name being "library.h" there */
    const char *python;                                     /* of native_python; NULL: none */
} NativeLibrary;

/* Writes `path`.so, `path`.a, `path`.pc, `path`_game.py and `path`.h, each in place of an older one. Errors as above; the archive wants objcopy and ar, too. */
GanStatus native_link_library(const NativeLibrary *lib, const NativeVariant *variant, int n_variants, const char *path, GanError *err);
