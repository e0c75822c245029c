/* arena.c - a list of growing blocks; allocation moves a pointer. */
#include "base/arena.h"

#include "base/bug.h"
#include "base/pages.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BLOCK = 16 << 10, LARGEST_BLOCK = 4 << 20, ALIGN = 16 };

typedef struct Block {
    struct Block *older;
    size_t        size, used;
    bool          zeroed;                                   /* all of it, by the system, page by page as it is touched */
    _Alignas(ALIGN) char data[];
} Block;

struct Arena {
    Block *newest;
};

Arena *arena_new(void)
{
    Arena *a = calloc(1, sizeof *a);
    if (!a) no_memory_left(sizeof *a);
    return a;
}

void arena_free(Arena *a)
{
    if (!a) return;
    for (Block *b = a->newest, *older; b; b = older) {
        older = b->older;
        free(b);
    }
    free(a);
}

static Block *grow(Arena *a, size_t bytes)                  /* NULL: no memory */
{
    size_t size = a->newest ? a->newest->size * 2 : FIRST_BLOCK;
    if (size + sizeof(Block) > LARGEST_BLOCK) size = LARGEST_BLOCK - sizeof(Block);
    if (size < bytes) size = bytes;
    bool zeroed = size > LARGEST_BLOCK, whole = size + sizeof(Block) == LARGEST_BLOCK;      /* large pages, that is */
    Block *b = zeroed ? calloc(1, sizeof *b + size) : whole ? aligned_alloc(LARGE_PAGE, LARGEST_BLOCK) : malloc(sizeof *b + size);
    if (!b) return NULL;
    large_pages(b, sizeof *b + size);                       /* a tenth of a large check goes into the first touch of small ones */
    *b = (Block){.older = a->newest, .size = size, .zeroed = zeroed};
    return a->newest = b;
}

static bool has_room(const Block *b, size_t bytes) { return b && b->size - b->used >= bytes; }

bool arena_reserve(Arena *a, size_t bytes) { return has_room(a->newest, bytes) || grow(a, bytes); }

Arena *arena_holding(size_t bytes)
{
    Arena *a = calloc(1, sizeof *a);
    if (a && arena_reserve(a, bytes)) return a;
    free(a);
    return NULL;
}

static void *take(Arena *a, size_t bytes, bool zeroed)
{
    if (bytes > SIZE_MAX / 2) BUG("allocation of %zu bytes", bytes);
    bytes = (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    Block *b = a->newest;
    if (!has_room(b, bytes)) b = grow(a, bytes);
    if (!b) no_memory_left(bytes);
    void *p = b->data + b->used;
    b->used += bytes;
    return zeroed && !b->zeroed ? memset(p, 0, bytes) : p;
}

void *arena_alloc(Arena *a, size_t bytes) { return take(a, bytes, true); }

void *arena_copy(Arena *a, const void *from, size_t bytes)
{
    void *p = take(a, bytes, false);
    if (bytes) memcpy(p, from, bytes);
    return p;
}

char *arena_strn(Arena *a, const char *s, size_t n)
{
    char *p = take(a, n + 1, false);
    memcpy(p, s, n);
    p[n] = 0;
    return p;
}

char *arena_str(Arena *a, const char *s) { return arena_strn(a, s, strlen(s)); }

char *arena_join(Arena *a, const char *s, const char *between, const char *t)
{
    size_t n = strlen(s), k = strlen(between), m = strlen(t);
    char *p = take(a, n + k + m + 1, false);
    memcpy(p, s, n);
    memcpy(p + n, between, k);
    memcpy(p + n + k, t, m + 1);
    return p;
}

char *arena_vprintf(Arena *a, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n < 0) BUG("bad format: %s", fmt);
    char *p = arena_alloc(a, (size_t)n + 1);
    vsnprintf(p, (size_t)n + 1, fmt, args);
    return p;
}

char *arena_printf(Arena *a, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *p = arena_vprintf(a, fmt, args);
    va_end(args);
    return p;
}
