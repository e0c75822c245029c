/* programs.h - the programs that files and folders stand for. */
#pragma once
#include "base/array.h"
#include "runtime/error.h"

typedef struct Programs { ARRAY(const char *) list; } Programs;

/* Adds a file, as it is; of a folder every .gan file in it and below, sorted, that promises something (`expect`) or cannot be read as a program. Links to
 * folders are not followed. GAN_WRONG: the folder has no such file, or cannot be read. */
GanStatus programs_add(Arena *a, const char *path, Programs *to, GanError *err);
