/* installed.h - files that belong to the running executable. */
#pragma once
#include "base/arena.h"

/* Where `name` lies: in `folder` of the build that the executable is in (ROOT/a/b/gan: ROOT/FOLDER/NAME), or where an installed one has it,
 * ../lib/gan. In `a`; NULL when it is in neither, or cannot be read. */
const char *installed_file(Arena *a, const char *folder, const char *name);
