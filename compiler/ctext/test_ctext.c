/* test_ctext.c - C text against the checker: every row, random nests; and what the text does to be sure of its compiler. */
#include "compiler/ctext/ctext.h"
#include "compiler/loop/check/cases.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef void GanNest(char *const *bases, const int64_t *w, int64_t u0, int64_t u1, int64_t u2, int64_t u3);

/* ---- the system's compiler -------------------------------------------------------------------------------------- */

typedef struct Compiled {
    char  folder[32];
    void *lib;
    GanNest *const *nest;
    int (*is_exact)(void);
} Compiled;

static void forget(Compiled *c)
{
    char command[64];
    if (c->lib) dlclose(c->lib);
    snprintf(command, sizeof command, "rm -r %s", c->folder);
    cr_assert(system(command) == 0);
}

static bool compile(Compiled *c, const char *text, const char *flags)
{
    char name[64], command[512];
    *c = (Compiled){.folder = "/tmp/gan_ctext_XXXXXX"};
    cr_assert(mkdtemp(c->folder) != NULL);
    snprintf(name, sizeof name, "%s/k.c", c->folder);
    FILE *f = fopen(name, "w");
    cr_assert(f && fputs(text, f) >= 0 && fclose(f) == 0);
    snprintf(command, sizeof command, "cc %s -fPIC -shared -o %s/k.so %s -lm 2> %s/errors", flags, c->folder, name, c->folder);
    if (system(command) != 0) return false;
    snprintf(name, sizeof name, "%s/k.so", c->folder);
    c->lib = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    cr_assert(c->lib != NULL, "%s", dlerror());
    c->nest = (GanNest *const *)dlsym(c->lib, "gan_nests");
    *(void **)&c->is_exact = dlsym(c->lib, "gan_text_is_exact");
    return c->nest && c->is_exact;
}

static char *text_of(Arena *a, const LoopCase *cases, int n)
{
    Text t = text_in(a);
    const char **names = arena_array(a, const char *, n);
    ctext_prelude(&t);
    for (int i = 0; i < n; i++) {
        names[i] = arena_printf(a, "k%d", i);
        ctext_nest(cases[i].nest, names[i], &t);
    }
    ctext_table(names, n, &t);
    return text_str(&t);
}

static bool wrote_something(const LoopMemory *m)
{
    for (int b = CASE_OUT; b < CASE_BASES; b++)
        for (int64_t i = 0; i < m->bytes[b]; i++)
            if (m->base[b][i]) return true;
    return false;
}

#define EXACT "-std=c11 -O2 -ffp-contract=off"

static void run_all(const LoopCase *cases, int n, const char *flags)
{
    Arena *a = arena_new();
    Compiled c;
    bool compiled = compile(&c, text_of(a, cases, n), flags);
    cr_assert(compiled, "cc refuses %s/k.c", c.folder);
    cr_assert(c.is_exact() == 1);
    int wrote = 0;
    for (int i = 0; i < n; i++)
        for (uint64_t seed = 1; seed <= 3; seed++) {
            Arena     *scratch = arena_new();
            LoopMemory right = loop_memory(scratch, seed), m = loop_memory(scratch, seed);
            const int64_t *u = cases[i].u;
            char       why[256];
            bool       runs = loop_case_check(&cases[i], &right, why);
            cr_expect(runs, "%s: %s", cases[i].name, why);
            c.nest[i](m.base, cases[i].words, u[0], u[1], u[2], u[3]);
            const char *differs = loop_memory_differs(scratch, &right, &m);
            wrote += wrote_something(&right);
            cr_expect(!differs, "%s: %s", cases[i].name, differs);
            arena_free(scratch);
        }
    cr_expect(wrote >= 3 * n - n / 10, "%d of %d runs have results", wrote, 3 * n);
    forget(&c);
    arena_free(a);
}

Test(ctext, every_row)
{
    Arena *a = arena_new();
    int n;
    LoopCase *all = loop_cases(a, &n);
    run_all(all, n, EXACT " -Wall -Wextra -Werror -Wno-unused-parameter -Wno-unused-function");
    arena_free(a);
}

static void run_random(uint64_t from, const char *flags)
{
    enum { N = 40 };
    Arena *a = arena_new();
    LoopCase all[N];
    for (int i = 0; i < N; i++) all[i] = loop_case_random(a, from + (uint64_t)i);
    run_all(all, N, flags);
    arena_free(a);
}

Test(ctext, random_nests) { run_random(1, EXACT " -DINLINE='static inline'"); }
Test(ctext, random_nests_as_the_machine_likes) { run_random(1000, "-std=c11 -O3 -march=native -ffp-contract=off -DINLINE='static inline'"); }

/* ---- other walks of the same nests ------------------------------------------------------------------------------ */

static void look_at_text(Arena *a, const LoopCase *c)
{
    char why[256] = "";
    Text printed = text_in(a), again = text_in(a);
    cr_expect(loop_verify(c->nest, why), "%s: %s", c->name, why);
    loop_print(c->nest, &printed);
    LoopNest *read = loop_read(a, text_str(&printed), why);
    cr_assert(read != NULL, "%s: %s", c->name, why);
    loop_print(read, &again);
    cr_expect_str_eq(text_str(&printed), text_str(&again));
    Text one = text_in(a), other = text_in(a);
    ctext_nest(c->nest, "k", &one);
    ctext_nest(read, "k", &other);
    cr_expect_str_eq(text_str(&one), text_str(&other));
}

Test(cases, are_verified_and_read_back)
{
    Arena *a = arena_new();
    int n;
    LoopCase *all = loop_cases(a, &n);
    for (int i = 0; i < n; i++) look_at_text(a, &all[i]);
    for (uint64_t seed = 1; seed <= 300; seed++) {
        LoopCase c = loop_case_random(a, seed);
        look_at_text(a, &c);
    }
    arena_free(a);
}

/* ---- how it reads ----------------------------------------------------------------------------------------------- */

Test(ctext, an_instruction_is_a_line)
{
    Arena   *a = arena_new();
    Text     t = text_in(a);
    int      n, at = 0;
    LoopCase *all = loop_cases(a, &n);
    while (strcmp(all[at].name, "tile_f32")) at++;
    ctext_nest(all[at].nest, "k0", &t);
    cr_expect_str_eq(text_str(&t),
        "\n/* tile_f32 */\n"
        "static void k0(char *const *bases, const int64_t *w, int64_t u0, int64_t u1, int64_t u2, int64_t u3)\n"
        "{\n"
        "    float *b0 = (float *)(bases[w[0]] + w[1]);\n"
        "    const float *b1 = (const float *)(bases[w[2]] + w[3]);\n"
        "    const float *b2 = (const float *)(bases[w[4]] + w[5]);\n"
        "    for (int64_t i0 = 0; i0 < w[6]; i0++) {\n"
        "        {\n"
        "            float v0[12][16]; EACH(d1, 12) EACH(l, 16) v0[d1][l] = 0.0f;\n"
        "            for (int64_t i1 = 0; i1 < w[7]; i1++) {\n"
        "                float v1[12]; EACH(d1, 12) v1[d1] = b1[i1 + 16*d1 + 16*i0];\n"
        "                float v2[16]; EACH(l, 16) v2[l] = b2[l + 16*i1];\n"
        "                float v3[12][16]; EACH(d1, 12) EACH(l, 16) v3[d1][l] = fma_f32(v1[d1], v2[l], v0[d1][l]);\n"
        "                EACH(d1, 12) EACH(l, 16) v0[d1][l] = v3[d1][l];\n"
        "            }    /* v4 is v0 */\n"
        "            EACH(d1, 12) EACH(l, 16) b0[l + 16*d1 + 192*i0] = v0[d1][l];\n"
        "        }\n"
        "    }\n"
        "}\n");
    arena_free(a);
}

/* ---- what compilers do to it ------------------------------------------------------------------------------------ */

/* -1: refused by cc; else what the file says of itself. */
static int verdict(const char *flags)
{
    Arena *a = arena_new();
    int n;
    LoopCase *all = loop_cases(a, &n);
    Compiled c;
    int v = compile(&c, text_of(a, all, 1), flags) ? c.is_exact() : -1;
    forget(&c);
    arena_free(a);
    return v;
}

Test(ctext, a_compiler_that_takes_liberties_is_found_out)
{
    cr_expect(verdict(EXACT) == 1);
    cr_expect(verdict("-std=c11 -O0") == 1);
    cr_expect(verdict("-std=c11 -O2 -ffast-math") == -1);
    cr_expect(verdict("-std=c11 -O2 -ffinite-math-only") == -1);
#ifdef __x86_64__
    if (!__builtin_cpu_supports("fma")) return;
    cr_expect(verdict("-std=c11 -O2 -mfma") == 1);
    cr_expect(verdict("-std=gnu11 -O2 -mfma") == 0, "gcc contracts in its own modes");
    cr_expect(verdict("-std=gnu11 -O2 -mfma -ffp-contract=off") == 1);
#endif
}

#ifdef __x86_64__
#include <xmmintrin.h>

Test(ctext, so_is_a_thread_that_does)
{
    Arena *a = arena_new();
    int n;
    LoopCase *all = loop_cases(a, &n);
    Compiled c;
    cr_assert(compile(&c, text_of(a, all, 1), EXACT));
    unsigned before = _mm_getcsr();
    _mm_setcsr(before | 0x8000);                            /* flush to zero */
    cr_expect(c.is_exact() == 0);
    _mm_setcsr(before | 0x6000);                            /* round toward zero */
    cr_expect(c.is_exact() == 0);
    _mm_setcsr(before);
    cr_expect(c.is_exact() == 1);
    forget(&c);
    arena_free(a);
}
#endif

/* ---- what the checker reports ----------------------------------------------------------------------------------- */

typedef struct Mistake {
    LoopBuilder b;
    int in, out, room;                                      /* 4096 f32; 16 cells */
    LoopReg *l;
} Mistake;

static int buffer_of(LoopBuilder *b, int base)
{
    LoopBuffer x = {.elem = IR_F32, .base = (int)loop_word(b, base + IR_F32)->n, .offset = (int)loop_word(b, 0)->n, .panel = -1, .slot = -1};
    return loop_buffer(b, &x);
}

static Mistake mistake(Arena *a)
{
    Mistake m = {.b = loop_begin(a, "mistake")};
    m.in = buffer_of(&m.b, CASE_IN);
    m.out = buffer_of(&m.b, CASE_OUT);
    m.room = loop_local(&m.b, IR_F32, 16);
    m.l = loop_dim(&m.b, LOOP_L);
    return m;
}

static LoopIndex at(Mistake *m, int64_t c, int64_t by) { return loop_plus(&m->b, loop_at(c), loop_times(loop_of(m->l), by)); }

static void expect(const Mistake *m, const char *what)
{
    Arena     *a = arena_new();
    LoopMemory memory = loop_memory(a, 1);
    LoopCase   c = {"", m->b.nest, m->b.words.v, {0}};
    char       why[256] = "nothing";
    bool       right = loop_case_check(&c, &memory, why);
    cr_expect(right == !what);
    if (what) cr_expect_str_eq(why, arena_printf(a, "%s: %s", m->b.nest->name, what));
    arena_free(a);
}

static void try_load(Arena *a, int64_t c, int64_t by, const char *what)
{
    Mistake   m = mistake(a);
    LoopIndex x = at(&m, c, by), from = loop_at(0), to = loop_at(2);
    LoopIns  *i = loop_for(&m.b, &from, &to, 1, true, NULL, 0);
    x = loop_plus(&m.b, x, loop_of(i->body->counter));
    loop_load(&m.b, m.in, &x, 4);
    loop_end_for(&m.b, i, NULL);
    expect(&m, what);
}

Test(check, addresses)
{
    Arena *a = arena_new();
    try_load(a, 4079, 1, NULL);
    try_load(a, 4080, 1, "ld b0 in turn 1: byte 16384 of base 4, which has 16384");
    try_load(a, 14, -1, "ld b0 in turn 0: byte -4 of base 4, which has 16384");
    Mistake   m = mistake(a);
    LoopIndex x = at(&m, 1, 1);
    loop_load(&m.b, m.in, &x, 64);
    expect(&m, "ld b0: its first address is no multiple of 64");
    m = mistake(a);
    x = loop_at(16);
    loop_store(&m.b, m.room, &x, loop_zero(&m.b, IR_F32), 4);
    expect(&m, "st b2: element 16 of a local of 16");
    m = mistake(a);
    x = loop_at(CASE_FRAME_BYTES - 4);
    loop_frame(&m.b, &x);
    expect(&m, "frame: byte 252 of base 0, which has 256");
    arena_free(a);
}

Test(check, locals_start_as_poison)
{
    Arena    *a = arena_new();
    Mistake   m = mistake(a);
    LoopIndex x = loop_at(3);
    loop_store(&m.b, m.room, &x, loop_zero(&m.b, IR_F32), 4);
    loop_load(&m.b, m.room, &x, 4);
    expect(&m, NULL);
    x = at(&m, 0, 1);
    loop_load(&m.b, m.room, &x, 4);
    expect(&m, "ld b2: element 0 of a local was never written");
    arena_free(a);
}

Test(check, elements_of_a_store_that_meet)
{
    Arena    *a = arena_new();
    Mistake   m = mistake(a);
    LoopIndex x = at(&m, 0, 1), none = loop_at(7);
    LoopReg  *v = loop_load(&m.b, m.in, &x, 4);
    LoopIns  *d = loop_block(&m.b, 2);
    LoopIndex y = loop_plus(&m.b, x, loop_times(loop_of(loop_dim(&m.b, (int)d->n)), 16));
    loop_store(&m.b, m.out, &y, v, 4);
    expect(&m, NULL);
    y = loop_plus(&m.b, x, loop_times(loop_of(loop_dim(&m.b, (int)d->n)), 15));
    loop_store(&m.b, m.out, &y, v, 4);
    loop_close(&m.b, d);
    expect(&m, "st b1: two elements of it meet in element 15");
    m = mistake(a);
    v = loop_load(&m.b, m.in, &x, 4);
    loop_store(&m.b, m.out, &none, v, 4);
    expect(&m, "st b1: two elements of it meet in element 7");
    arena_free(a);
}

Test(check, promises)
{
    Arena    *a = arena_new();
    Mistake   m = mistake(a);
    LoopIndex from = loop_at(0), to = loop_of(loop_word(&m.b, 0));
    LoopIns  *i = loop_for(&m.b, &from, &to, 1, true, NULL, 0);
    loop_end_for(&m.b, i, NULL);
    expect(&m, "do: 0..0 is no turn");
    m = mistake(a);
    loop_op2(&m.b, LOOP_quot, loop_binary(&m.b, IR_sub, m.l, loop_int(&m.b, IR_I64, 1)), loop_int(&m.b, IR_I64, 3));
    expect(&m, "quot: -1 by 3");
    m = mistake(a);
    loop_op2(&m.b, LOOP_inside, m.l, loop_int(&m.b, IR_I64, -1));
    expect(&m, "inside: -1 is no extent");
    m = mistake(a);
    loop_trailing(&m.b, m.l);
    expect(&m, "trailing: 0 has no last bit");
    arena_free(a);
}
