/* pages.h - memory in large pages. */
#pragma once
#include <stddef.h>

enum { LARGE_PAGE = 2 << 20 };

/* Asks for large pages for what of these bytes fills them; nothing is touched, and nothing happens where the system has none. */
void large_pages(void *p, size_t bytes);
/* Zeroed memory that free() takes back at *block, NULL if there is none; the answer lies where large pages begin, if it fills any, else on a multiple of 64. */
void *large_zeroed(size_t bytes, void **block);
