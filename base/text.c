/* text.c - see text.h. */
#include "base/text.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Text text_in(Arena *a) { return (Text){.arena = a}; }

/* Of a text that has room for `more` bytes; the same while it has it. */
static size_t cap_for(const Text *t, size_t more)
{
    size_t cap = t->cap;
    while (cap < t->n + more + 1) cap = cap ? cap * 2 : 64;
    return cap;
}

static void reserve(Text *t, size_t more)
{
    size_t cap = cap_for(t, more);
    if (cap == t->cap) return;
    char *s = arena_alloc(t->arena, cap);
    if (t->n) memcpy(s, t->s, t->n);
    t->s = s;
    t->cap = cap;
}

bool text_reserve(Text *t, size_t n)
{
    if (cap_for(t, n) != t->cap && !arena_reserve(t->arena, cap_for(t, n))) return false;
    reserve(t, n);
    return true;
}

void text_addn(Text *t, const char *s, size_t n)
{
    reserve(t, n);
    memcpy(t->s + t->n, s, n);
    t->n += n;
    t->s[t->n] = 0;
}

void text_add(Text *t, const char *s) { text_addn(t, s, strlen(s)); }

void text_printf(Text *t, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n > 0) {
        reserve(t, (size_t)n);
        vsnprintf(t->s + t->n, (size_t)n + 1, fmt, args);
        t->n += (size_t)n;
    }
    va_end(args);
}

static void add_not_finite(Text *t, double x) { text_add(t, isnan(x) ? "nan" : x > 0 ? "inf" : "-inf"); }

/* 10, not 1e+01. */
static bool add_whole(Text *t, double x)
{
    if (fabs(x) >= 1e7 || x != rint(x)) return false;
    text_printf(t, "%.0f", x);
    return true;
}

void text_f64(Text *t, double x)
{
    if (!isfinite(x)) {
        add_not_finite(t, x);
        return;
    }
    if (add_whole(t, x)) return;
    char buf[40];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(buf, sizeof buf, "%.*g", digits, x);
        if (strtod(buf, NULL) == x) break;
    }
    text_add(t, buf);
}

void text_f32(Text *t, float x)
{
    if (!isfinite(x)) {
        add_not_finite(t, x);
        return;
    }
    if (add_whole(t, x)) return;
    char buf[40];
    for (int digits = 1; digits <= 9; digits++) {
        snprintf(buf, sizeof buf, "%.*g", digits, (double)x);
        if (strtof(buf, NULL) == x) break;
    }
    text_add(t, buf);
}

char *text_str(Text *t)
{
    if (!t->s) text_addn(t, "", 0);
    return t->s;
}
