/* test_check.c - faults planted in nests: each is found, and named. And what looks like one and is none. */
#include "compiler/loop/check/check.h"

#include <criterion/criterion.h>
#include <string.h>

enum { NUMBERS = 256 };

/* Base 1 holds numbers, base 2 what nobody wrote; w0 is 1, w1 is 0, w2 is 2, w3 is 16. */
static bool runs(Arena *a, const char *rows, uint64_t seed, char why[256])
{
    static const int64_t words[] = {1, 0, 2, 16};
    static const int64_t bytes[] = {64, 4 * NUMBERS, 4 * NUMBERS};
    const char *text = arena_printf(a, "nest n {\nbuffer b0 f32 at w0 + w1\nbuffer b1 f32 at w2 + w1\nbuffer b2 f32 local 64\n"
                                       "buffer b3 i32 at w0 + w1\n%s\n}\n", rows);
    LoopNest   *n = loop_read(a, text, why);
    cr_assert(n, "%s\n%s", why, text);
    cr_assert(loop_verify(n, why), "%s\n%s", why, text);
    char *base[3];
    for (int i = 0; i < 3; i++) base[i] = (char *)(((uintptr_t)arena_alloc(a, 8 * NUMBERS + 64) + 63) / 64 * 64);
    for (int i = 0; i < NUMBERS; i++) ((int32_t *)base[1])[i] = 7;
    Touches *t = touches_new(a);
    for (int i = 0; i < 3; i++) touches_region(t, base[i], bytes[i], i < 2);
    return loop_check(n, &(LoopRun){.bases = base, .bytes = bytes, .n_bases = 3, .words = words, .seed = seed, .touches = t}, why);
}

static const struct { const char *rows, *one, *other; } faults[] = {    /* as told, for one order of the turns or another */
    /* one accumulates what all turns share */
    {"par for i0 = 0..4 { %0 = and i0, 0 %1 = ld b0[%0] %2 = add %1, 1:f32 st b0[%0], %2 }",
     "st b0 in turn X: byte 0 of base 1: turn X writes it, turn X reads it", "ld b0 in turn X: byte 0 of base 1: turn X reads it, turn X writes it"},
    /* two store the same */
    {"par for i0 = 0..4 { %0 = quot i0, 2 st b0[%0 + 3], 1:f32 }", "st b0 in turn X: byte X of base 1: turn X writes it, turn X writes it", NULL},
    {"par for i0 = 0..4 { par for i1 = 0..2 { %0 = add i0, i1 st b0[%0], 1:f32 } }",
     "st b0 in turn X, X: byte X of base 1: turn X, turn X writes it, turn X, turn X writes it", NULL},
    {"par for i0 = 0..2 { %0 = quot i0, 2 st b0[16*%0 + l], 1:f32 }", "st b0 in turn X: byte 0 of base 1: turn X writes it, turn X writes it", NULL},
    /* one reads what its neighbour stores */
    {"par for i0 = 0..4 { %0 = ld b0[i0 + 1] st b0[i0], %0 }", "ld b0 in turn X: byte X of base 1: turn X reads it, turn X writes it",
     "st b0 in turn X: byte X of base 1: turn X writes it, turn X reads it"},
    {"par for i0 = 0..2 { st b0[32*i0], 1:f32 par for i1 = 0..3 { %0 = ld b0[16*i0 + 16*i1 + l] } }",
     "ld b0 in turn X, X: byte 128 of base 1: turn X, turn X reads it, turn X writes it",
     "st b0 in turn X: byte 128 of base 1: turn X writes it, turn X, turn X reads it"},
    /* through a routine of the runtime */
    {"par for i0 = 0..3 { call sort_order(1:i32, b3[0], 4, b3[8*i0 + 64], b3[2*i0 + 200]) }",
     "call in turn X: byte X of base 1: turn X writes it, turn X writes it", NULL},
    /* locals are each turn's own */
    {"par for i0 = 0..4 { %0 = compare.eq i0, 0 when %0 { st b2[0], 1:f32 } %1 = ld b2[0] st b0[i0], %1 }",
     "ld b2 in turn X: element 0 of a local was written in turn X alone", "ld b2 in turn X: element 0 of a local was never written"},
    {"par for i0 = 0..4 { st b2[i0], 1:f32 } %0 = ld b2[2] st b0[0], %0", "ld b2: element 2 of a local was written in turn 2 alone", NULL},
    {"st b2[0], 0:f32 par for i0 = 0..4 { %0 = ld b2[0] %1 = add %0, 1:f32 st b2[0], %1 st b0[i0], %1 }",
     "ld b2 in turn X: element 0 of a local was written in turn X alone",
     "st b2 in turn X: element 0 of a local is read in turn X, and was not written there"},
    /* what nobody wrote */
    {"%0 = ld b2[l + 3]", "ld b2: element 3 of a local was never written", NULL},
    {"%0 = ld b1[5] %1 = compare.gt %0, 0:f32 when %1 { st b0[0], 1:f32 }",
     "when: its condition is made of what nobody wrote: n: ld b1: element 5", NULL},
    {"%0 = ld b1[w3] %1 = convert i64 %0 %2 = add %1, 1 for i0 = 0..%2 { st b0[0], 1:f32 }",
     "for: a loop's bound is made of what nobody wrote: n: ld b1: element 16", NULL},
    {"block d1:2 { %0 = ld b1[16*d1 + l] %1 = lanes16 %0 %2 = convert i64 %1 %3 = ld b0[%2] }",
     "ld b0: its index is made of what nobody wrote: n: ld b1: element 0", NULL},
    {"%0 = ld b1[9] st b1[3], %0 %1 = ld b1[3] for i0 = 0..1 with %2 = %1 { next %2 } -> %3 %4 = compare.gt %3, 0:f32 when %4 { }",
     "when: its condition is made of what nobody wrote: n: ld b1: element 9", NULL},
    {"call sort_order(3:i32, b1[4], 4, b3[8], b3[16])", "call: an argument that nobody wrote", NULL},
    {"claim b0[16] st b0[16], 1:f32 %0 = ld b0[18] %1 = compare.gt %0, 0:f32 when %1 { }",
     "when: its condition is made of what nobody wrote: n: claim b0: element 16", NULL},
    {"par for i0 = 0..4 { claim b0[8*i0] }", "claim b0 in turn X: byte X of base 1: turn X writes it, turn X writes it", NULL},
    /* outside */
    {"par for i0 = 0..4 { st b0[64*i0 + 64], 1:f32 }", "st b0 in turn 3: byte 1024 of base 1, which has 1024", NULL},
    {"par for i0 = 0..w3 { st b0[i0 - 1], 1:f32 }", "st b0 in turn 0: byte -4 of base 1, which has 1024", NULL},
    {"%0 = ld b0[w3] %1 = convert i64 %0 st b2[%1 + 64], 1:f32", "st b2: element 64 of a local of 64", NULL},
    {"call sort_order(1:i32, b3[253], 4, b3[8], b3[16])", "call: byte 1024 of base 1, which has 1024", NULL},
};

/* An X stands for a number. */
static bool is_like(const char *said, const char *like)
{
    for (; *like; like++) {
        if (*like == 'X') {
            if (*said < '0' || *said > '9') return false;
            while (*said >= '0' && *said <= '9') said++;
        } else if (*said++ != *like) return false;
    }
    return !*said;
}

static bool is_said(Arena *a, const char *said, const char *fault) { return is_like(said, arena_printf(a, "n: %s", fault)); }

Test(check, faults_are_named)
{
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        for (uint64_t seed = 0; seed < 8; seed++) {
            Arena *a = arena_new();
            char   why[256] = "nothing";
            bool   ok = runs(a, faults[i].rows, seed, why);
            bool   named = !ok && (is_said(a, why, faults[i].one) || (faults[i].other && is_said(a, why, faults[i].other)));
            cr_expect(named, "%s\n  in order %d: %s", faults[i].rows, (int)seed, why);
            arena_free(a);
        }
}

static const char *const sound[] = {
    /* apart, and one loop after the other */
    "par for i0 = 0..4 { %0 = ld b0[16*i0 + l] st b0[16*i0 + l], %0 } par for i1 = 0..4 { %1 = ld b0[16*i1 + 3] st b0[16*i1 + l], %1 }",
    "for i0 = 0..4 { %0 = ld b0[0] %1 = add %0, 1:f32 st b0[0], %1 }",
    "par for i0 = 0..2 { par for i1 = 0..2 { st b0[2*i0 + i1], 1:f32 } for i2 = 0..2 { %0 = ld b0[2*i0] st b0[2*i0 + i2], %0 } }",
    /* what all read */
    "par for i0 = 0..4 { %0 = ld b0[0] st b0[i0 + 1], %0 }",
    /* locals */
    "par for i0 = 0..4 { st b2[0], 1:f32 %0 = ld b2[0] st b0[i0], %0 }",
    "st b2[0], 1:f32 par for i0 = 0..4 { %0 = ld b2[0] st b0[i0], %0 }",
    "par for i0 = 0..4 { st b2[l], 1:f32 par for i1 = 0..2 { %0 = ld b2[i1] st b0[2*i0 + i1], %0 } }",
    "par for i0 = 0..2 { st b2[0], 1:f32 } st b2[0], 2:f32 %0 = ld b2[0] st b0[0], %0",
    /* of what nobody wrote, nothing is made */
    "%0 = ld b1[0] %1 = select true:bool, 1:f32, %0 %2 = compare.gt %1, 0:f32 when %2 { st b0[0], %1 }",
    "%0 = ld b1[l] st b1[l], %0 st b1[3], 1:f32 %1 = ld b1[3] %2 = compare.gt %1, 0:f32 when %2 { }",
};

Test(check, what_is_no_fault)
{
    for (size_t i = 0; i < sizeof sound / sizeof *sound; i++)
        for (uint64_t seed = 0; seed < 8; seed++) {
            Arena *a = arena_new();
            char   why[256] = "";
            cr_expect(runs(a, sound[i], seed, why), "%s\n  in order %d: %s", sound[i], (int)seed, why);
            arena_free(a);
        }
}

/* The order of turns is dealt by the seed, and each turn is run once. */
Test(check, turns_are_dealt)
{
    int orders = 0;
    char first[256] = "";
    for (uint64_t seed = 0; seed < 8; seed++) {
        Arena *a = arena_new();
        char   why[256] = "";
        cr_expect(!runs(a, "par for i0 = 0..100 { %0 = and i0, 0 %1 = add %0, i0 st b0[%0], 1:f32 }", seed, why));
        cr_expect(seed || strstr(why, "turn 1: byte"), "%s", why);
        orders += strcmp(why, first) != 0;
        strcpy(first, why);
        arena_free(a);
    }
    cr_expect(orders > 4, "%d", orders);
}
