/* test_show.c - values as they are shown: numbers against closed forms, pictures dot by dot. */
#include "compiler/repl/show.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static Arena *a;
static void   begin(void) { a = arena_new(); }
static void   end(void) { arena_free(a); }
TestSuite(show, .init = begin, .fini = end);

static GanTensor tensor(GanElem elem, void *data, int rank, const int64_t *dim)
{
    GanTensor t = {.elem = elem, .rank = rank, .data = data, .bytes = gan_elem_bytes(elem)};
    for (int i = 0; i < rank; i++) t.dim[i] = dim[i], t.bytes *= (size_t)dim[i];
    return t;
}

static const char *shown_in(const GanTensor *t, const char *name, ShowStyle style)
{
    Text out = text_in(a);
    show_tensor(&out, name, t, &style);
    return text_str(&out);
}

static const char *shown(const GanTensor *t) { return shown_in(t, NULL, (ShowStyle){.width = 80}); }

Test(show, small_ones_in_full)
{
    float     x[] = {1, -2.5f, 3, 4}, one = 0.1f;
    bool      b[] = {true, false};
    int64_t   n[] = {INT64_MAX, -1};
    GanTensor m = tensor(GAN_F32, x, 2, (int64_t[]){2, 2}), scalar = tensor(GAN_F32, &one, 0, NULL), bools = tensor(GAN_BOOL, b, 1, (int64_t[]){2}),
              whole = tensor(GAN_I64, n, 1, (int64_t[]){2}), none = tensor(GAN_F32, x, 1, (int64_t[]){0});
    cr_expect_str_eq(shown(&m), "[[   1, -2.5],\n [   3,    4]]  : f32[2, 2]\n");
    cr_expect_str_eq(shown(&scalar), "0.1\n");
    cr_expect_str_eq(shown(&bools), "[ true, false]  : bool[2]\n");
    cr_expect_str_eq(shown(&whole), "[9223372036854775807,                  -1]  : i64[2]\n");
    cr_expect_str_eq(shown(&none), "[]  : f32[0]\n");
    cr_expect_str_eq(shown_in(&scalar, "w", (ShowStyle){.width = 80}), "w = 0.1\n");
    cr_expect_str_eq(shown_in(&m, NULL, (ShowStyle){.width = 8}), "[[   1,\n  -2.5],\n [   3,\n     4]]  : f32[2, 2]\n");
}

/* 0 to 99: the mean is 49.5, the standard deviation sqrt((100^2 - 1) / 12) = 28.8661; two or three of them in each of 40 bars. */
Test(show, large_ones_as_what_they_are_like)
{
    double    x[100];
    GanTensor t = tensor(GAN_F64, x, 1, (int64_t[]){100});
    for (int i = 0; i < 100; i++) x[i] = i;
    const char *s = shown(&t), head[] = "f64[100]  from 0 to 99, mean 49.5, std 28.8661\n  0 ";
    cr_assert(!strncmp(s, head, strlen(head)), "%s", s);
    cr_expect_eq(strlen(s + strlen(head)), 40 * strlen("█") + strlen(" 99\n"));
    cr_expect(strstr(s, "█") && strstr(s, "▆") && !strstr(s, "▁"));
    x[7] = NAN;
    x[8] = INFINITY;
    cr_expect(strstr(shown(&t), ", 2 not finite"));
    for (int i = 0; i < 100; i++) x[i] = 2.5;
    cr_expect_str_eq(shown(&t), "f64[100]  all of it is 2.5\n");
    for (int i = 0; i < 100; i++) x[i] = NAN;
    cr_expect_str_eq(shown(&t), "f64[100]  none of it is finite\n");
    for (int i = 0; i < 100; i++) x[i] = i % 2 ? 1e308 : -1e308;
    cr_expect(strstr(shown(&t), "from -1e+308 to 1e+308"), "a range that overflows has no histogram");
}

/* Two places, at the ends of the diagonal: the dot low on the left of the first cell of the last row, and the one high on the right. */
Test(show, points)
{
    float     x[80];
    GanTensor t = tensor(GAN_F32, x, 2, (int64_t[]){40, 2});
    for (int i = 0; i < 80; i++) x[i] = (float)(i / 2 % 2);
    const char *s = strchr(shown(&t), '\n') + 1;
    cr_assert(!strncmp(s, "  ", 2));
    const char *first = strchr(s, '\n') - strlen("⠈"), *last = strstr(s, "x from") - strlen("⡀\n  ");
    cr_expect(!strncmp(first, "⠈", strlen("⠈")), "%s", s);
    cr_expect(!strncmp(last, "⡀", strlen("⡀")), "%s", s);
    cr_expect(strstr(s, "x from 0 to 1, y from 0 to 1\n"));
    for (int i = 0; i < 80; i++) x[i] = NAN;
    cr_expect_str_eq(shown(&t), "f32[40, 2]  none of it is finite\n");
}

/* The left half black, the right half white; half blocks stand for two rows, so of five rows there are three lines. */
Test(show, images)
{
    float     x[5 * 5 * 3] = {0};                           /* as much as the larger of the two */
    GanTensor t = tensor(GAN_F32, x, 3, (int64_t[]){2, 5, 6}), rgb = tensor(GAN_F32, x, 4, (int64_t[]){1, 5, 5, 3});
    for (int i = 0; i < 60; i++) x[i] = i % 6 >= 3;
    cr_expect(strstr(shown(&t), "\n     ███    ███\n     ███    ███\n     ███    ███\n  black 0, white 1\n"), "%s", shown(&t));
    const char *s = shown_in(&t, NULL, (ShowStyle){.width = 80, .color = true, .true_color = true});
    cr_expect(strstr(s, "\x1b[38;2;255;255;255m\x1b[48;2;255;255;255m▀") && strstr(s, "\x1b[38;2;0;0;0m\x1b[48;2;0;0;0m▀"));
    s = shown_in(&t, NULL, (ShowStyle){.width = 80, .color = true});
    cr_expect(strstr(s, "\x1b[38;5;255m\x1b[48;5;255m▀") && strstr(s, "\x1b[38;5;232m") && !strstr(s, ";2;"));
    cr_expect(strstr(shown_in(&t, NULL, (ShowStyle){.width = 9}), "; the first") == NULL, "one above the other");
    x[0] = NAN;
    s = shown_in(&rgb, NULL, (ShowStyle){.width = 80, .color = true, .true_color = true});
    cr_expect(strstr(s, "38;2;255;"), "what is no number shows");
}

Test(show, a_course)
{
    Text out = text_in(a);
    show_sparkline(&out, (double[]){0, 1, NAN, 2}, 4);
    cr_expect_str_eq(text_str(&out), "▁▅!█");
    out = text_in(a);
    show_sparkline(&out, (double[]){3, 3}, 2);
    cr_expect_str_eq(text_str(&out), "▅▅");
}
