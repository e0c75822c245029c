/* test_ctext.c - C text against the checker: every row, random nests; and what the text does to be sure of its compiler. */
#include "compiler/ctext/ctext.h"
#include "compiler/loop/cases.h"

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

#define EXACT "-std=c11 -O2 -ffp-contract=off"

static void run_all(const LoopCase *cases, int n, const char *flags)
{
    Arena *a = arena_new();
    Compiled c;
    bool compiled = compile(&c, text_of(a, cases, n), flags);
    cr_assert(compiled, "cc refuses %s/k.c", c.folder);
    cr_assert(c.is_exact() == 1);
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
            cr_expect(!differs, "%s: %s", cases[i].name, differs);
            arena_free(scratch);
        }
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
    enum { N = 60 };
    Arena *a = arena_new();
    LoopCase all[N];
    for (int i = 0; i < N; i++) all[i] = loop_case_random(a, from + (uint64_t)i);
    run_all(all, N, flags);
    arena_free(a);
}

Test(ctext, random_nests) { run_random(1, EXACT); }
Test(ctext, random_nests_as_the_machine_likes) { run_random(1000, "-std=c11 -O3 -march=native -ffp-contract=off"); }
