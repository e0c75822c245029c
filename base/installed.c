/* installed.c - see installed.h. */
#include "base/installed.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

static const char *folder_of_executable(Arena *a)
{
    char    self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    char   *slash = n > 0 ? memrchr(self, '/', (size_t)n) : NULL;
    return slash ? arena_strn(a, self, (size_t)(slash - self)) : NULL;
}

const char *installed_file(Arena *a, const char *folder, const char *name)
{
    const char *here = folder_of_executable(a);
    if (!here) return NULL;
    const char *place[] = {arena_printf(a, "%s/../../%s/%s", here, folder, name), arena_printf(a, "%s/../lib/gan/%s", here, name),
                           arena_printf(a, "%s/../" GAN_LIBDIR "/gan/%s", here, name)};
    for (size_t i = 0; i < sizeof place / sizeof *place; i++)
        if (!access(place[i], R_OK)) return place[i];
    return NULL;
}
