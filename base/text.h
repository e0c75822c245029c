/* text.h - a growing string in an arena, for printers. */
#pragma once
#include "base/arena.h"

typedef struct {
    Arena *arena;
    char  *s;                                                   /* NUL-terminated once something was added */
    size_t n, cap;
} Text;

Text  text_in(Arena *a);
bool  text_reserve(Text *t, size_t n);                      /* room for n bytes more, which then do not fail; false: there is no memory */
void  text_add(Text *t, const char *s);
void  text_addn(Text *t, const char *s, size_t n);
void  text_printf(Text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3), nonnull(2)));
/* The shortest decimal that reads back as exactly x (10 and 10000 rather than 1e+01); "inf", "-inf", "nan" otherwise. */
void  text_f64(Text *t, double x);
void  text_f32(Text *t, float x);
char *text_str(Text *t);                                        /* "" if nothing was added */
