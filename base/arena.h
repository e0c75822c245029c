/* arena.h - memory that is freed all at once.
 *
 * The compiler allocates one arena a phase and never frees a node; freeing the arena frees them all.
 * Allocation never fails: running out of memory ends the process, as nothing sensible is left to do. Who must give an error instead, as
 * what a library calls must, takes an arena that holds all that will be wanted of it.
 * Blocks come zeroed and aligned to 16 bytes. */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct Arena Arena;

Arena *arena_new(void);
void   arena_free(Arena *a);                                    /* NULL is fine */

/* Memory for what is allocated next, up to so many bytes with each piece rounded up to 16, which then does not fail. NULL, false: there is none. */
Arena *arena_holding(size_t bytes);
bool   arena_reserve(Arena *a, size_t bytes);

void  *arena_alloc(Arena *a, size_t bytes);                     /* zeroed */
void  *arena_copy(Arena *a, const void *from, size_t bytes);
char  *arena_str(Arena *a, const char *s);                      /* a copy of s */
char  *arena_strn(Arena *a, const char *s, size_t n);           /* of its first n bytes, NUL added */
char  *arena_join(Arena *a, const char *s, const char *between, const char *t);
char  *arena_printf(Arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3), nonnull(2)));
char  *arena_vprintf(Arena *a, const char *fmt, va_list args) __attribute__((format(printf, 2, 0), nonnull(2)));

#define arena_new_of(a, T)        ((T *)arena_alloc((a), sizeof(T)))
#define arena_array(a, T, n)      ((T *)arena_alloc((a), sizeof(T) * (size_t)(n)))
