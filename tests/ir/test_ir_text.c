/* test_ir_text.c - the IR of whole programs as text.
 *
 * Every function of every example prints to a text that reads back to the same text, as lowered and after the passes. The small
 * programs beside this file have their IR after the passes beside them (NAME.ir): what reviews see when the meaning of a step
 * changes. GAN_UPDATE=1 writes those files anew.
 *
 * usage: test_ir_text ROOT; the last line is "N passed, N failed" */
#include "compiler/session/session.h"

#include <stdlib.h>
#include <string.h>

typedef struct { int passed, failed; } Tally;

static void count(Tally *t, bool ok, const char *what, const char *file)
{
    if (ok) t->passed++;
    else t->failed++;
    if (!ok) printf("FAILED %s: %s\n", file, what);
}

static const char *text_of(const IrModule *m, Arena *a)
{
    Text out = text_in(a);
    ir_print(m, &out);
    return text_str(&out);
}

static bool reads_back(const IrModule *m, Arena *a)
{
    char        why[512] = "";
    const char *text = text_of(m, a);
    IrModule   *again = ir_read_text(a, text, strlen(text), why);
    if (!again) printf("%s\n", why);
    return again && ir_verify_module(again, why) && !strcmp(text, text_of(again, a));
}

static void check_example(Tally *t, const Options *o, const char *root, const char *name)
{
    Arena      *a = arena_new();
    Session     s;
    const char *file = arena_printf(a, "%s/examples/%s.gan", root, name);
    bool        open = session_open(&s, o, file) == EXIT_DONE;
    count(t, open && reads_back(s.lowered.ir, a), "as lowered, the text does not read back to itself", file);
    if (open) session_optimise(&s);
    count(t, open && reads_back(s.lowered.ir, a), "after the passes, the text does not read back to itself", file);
    session_close(&s);
    arena_free(a);
}

static char *read_file(Arena *a, const char *path)           /* NULL if it is not there */
{
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    Text   all = text_in(a);
    char   part[4096];
    size_t n;
    while ((n = fread(part, 1, sizeof part, f)) > 0) text_addn(&all, part, n);
    fclose(f);
    return text_str(&all);
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "wb");
    if (!f) return;
    fputs(text, f);
    fclose(f);
}

static void check_golden(Tally *t, const Options *o, const char *root, const char *name)
{
    Arena      *a = arena_new();
    Session     s;
    const char *file = arena_printf(a, "%s/tests/ir/%s.gan", root, name), *golden = arena_printf(a, "%s/tests/ir/%s.ir", root, name);
    bool        open = session_open(&s, o, file) == EXIT_DONE;
    if (open) {
        session_optimise(&s);
        const char *text = text_of(s.lowered.ir, a), *want = read_file(a, golden), *update = getenv("GAN_UPDATE");
        if (update && *update) write_file(golden, want = text);
        count(t, want && !strcmp(text, want), "the IR is no longer what NAME.ir says (GAN_UPDATE=1 writes it anew)", file);
    } else count(t, false, "does not check", file);
    session_close(&s);
    arena_free(a);
}

int main(int argc, char **argv)
{
    static const char *const examples[] = {"ring", "ring_wgan_gp", "gaussian_f_gan", "ring_mmd", "fashion_mlp"}, *const goldens[] = {"critic", "penalty", "pairs", "adam"};
    Options     o = {.run = {.steps = -1}, .portable = true};
    Tally       t = {0};
    const char *root = argc > 1 ? argv[1] : ".";
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) check_example(&t, &o, root, examples[i]);
    for (size_t i = 0; i < sizeof goldens / sizeof *goldens; i++) check_golden(&t, &o, root, goldens[i]);
    printf("%d passed, %d failed\n", t.passed, t.failed);
    return t.failed != 0;
}
