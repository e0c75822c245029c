/* pages.c - see pages.h. */
#include "base/pages.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

static uintptr_t up_to(uintptr_t p, uintptr_t unit) { return (p + unit - 1) & ~(unit - 1); }

void large_pages(void *p, size_t bytes)
{
    uintptr_t from = up_to((uintptr_t)p, LARGE_PAGE), to = ((uintptr_t)p + bytes) & ~(uintptr_t)(LARGE_PAGE - 1);
    if (from < to) madvise((void *)from, to - from, MADV_HUGEPAGE);
}

void *large_zeroed(size_t bytes, void **block)
{
    size_t unit = bytes < LARGE_PAGE ? 64 : LARGE_PAGE;
    *block = bytes > SIZE_MAX - unit ? NULL : calloc(1, bytes + unit);
    if (!*block) return NULL;
    void *p = (void *)up_to((uintptr_t)*block, unit);
    large_pages(p, bytes);
    return p;
}
