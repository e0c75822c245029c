/* test_lower.c - golden programs. In tests/golden/lower each file is a program followed by expressions and what they are:
 *
 *     #> sum([1, 2])
 *     #= value i32[]: 3
 *
 * In tests/golden/errors each is a program that is wrong, and the lines `#! ...` are the diagnostics, whole. One called code_CODE.gan is the
 * example of that code in docs/diagnostics.md: it has that code, and the lines `#~ ...` are the program mended, with which nothing is wrong.
 * In tests/golden/run each trains, and its `expect` lines must hold. GAN_UPDATE=1
 * writes what was found in place of what was expected; the diff is then what gets reviewed. Values are computed by the
 * interpreter and printed with six digits. */
#include "compiler/interp/interp.h"
#include "compiler/lower/lower.h"
#include "compiler/lower/own/graph.h"
#include "runtime/state.h"
#include "runtime/trainer.h"
#include "stdlib/stdlib.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Case {
    Arena   *a;
    Sources *sources;
    Diags   *diags;
    LowerResult r;
    char    *text;                                          /* of the file */
    const char *path, *folder;
} Case;

static char *read_text(Arena *a, const char *path)
{
    FILE *f = fopen(path, "rb");
    cr_assert(f, "%s", path);
    Text t = text_in(a);
    char part[4096];
    size_t n;
    while ((n = fread(part, 1, sizeof part, f))) text_addn(&t, part, n);
    fclose(f);
    return text_str(&t);
}

/* Messages name files from here. */
static void go_to(const char *folder)
{
    const char *root = getenv("GAN_ROOT");
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", root ? root : ".", folder);
    cr_assert(!chdir(path), "%s", path);
}

/* The program: every line but those of the test. */
static const char *program_of(Arena *a, const char *text)
{
    Text t = text_in(a);
    while (*text) {
        size_t n = strcspn(text, "\n");
        bool test = text[0] == '#' && n > 1 && strchr(">=!~", text[1]);
        if (!test) text_addn(&t, text, n), text_add(&t, "\n");
        text += n + (text[n] == '\n');
    }
    return text_str(&t);
}

static bool begin_with(Case *c, const char *folder, const char *file, LowerOptions o)
{
    c->a = arena_new();
    c->sources = sources_new(c->a);
    c->diags = diags_new(c->sources);
    c->folder = folder;
    c->path = arena_printf(c->a, "%s/%s", folder, file);
    c->text = read_text(c->a, c->path);
    const char *program = program_of(c->a, c->text);
    const SourceFile *f = source_add(c->sources, file, program, strlen(program));
    o.folder = folder;
    return lower_program(c->a, f, &o, c->diags, &c->r);
}

static bool begin(Case *c, const char *folder, const char *file, IrElem real) { return begin_with(c, folder, file, (LowerOptions){.real = real}); }

static void end(Case *c)
{
    lower_free(&c->r);
    arena_free(c->a);
}

static void print_value(Text *out, const GanOutput *o, const void *data)
{
    int64_t n = 1;
    text_printf(out, "%s %s[", o->name, gan_elem_name(o->elem));
    for (int i = 0; i < o->rank; i++) {
        n *= o->dim[i];
        text_printf(out, "%s%lld", i ? "," : "", (long long)o->dim[i]);
    }
    text_add(out, "]:");
    GanTensor t = {.elem = o->elem, .rank = 1, .dim = {n}, .data = (void *)data};
    for (int64_t i = 0; i < n && i < 16; i++) text_printf(out, " %.6g", gan_tensor_get(&t, i));
    if (n > 16) text_add(out, " ...");
}

/* What the recipes make of the files is what lowering made of them, to the bit. How many there are. */
static int followed(Case *c)
{
    const GanProgram *p = c->r.program;
    int n = 0;
    GanError err;
    for (int i = 0; i < p->n_data; i++) {
        GanTensor *t;
        if (p->recipe[i].format == DATA_NONE) continue;
        GanStatus s = data_follow(&p->recipe[i], c->folder, NULL, &t, &err);
        cr_expect(!s, "%s: %s: %s", c->path, p->recipe[i].path, err.message);
        const GanTensor *was = p->data[i];
        cr_expect(!s && t->elem == was->elem && t->rank == was->rank && t->bytes == was->bytes && !memcmp(t->dim, was->dim, sizeof t->dim[0] * (size_t)t->rank) &&
                      !memcmp(t->data, was->data, t->bytes), "%s: %s", c->path, p->recipe[i].path);
        gan_tensor_free(t);
        n++;
    }
    return n;
}

static void verified(Case *c)
{
    char why[512];
    cr_expect(ir_verify_module(c->r.ir, why), "%s: %s", c->path, why);
    followed(c);
}

/* Runs a function on a fresh state and prints its outputs, one a line after `#= `. */
static void run_fn(Case *c, int fn, Text *out)
{
    GanState state;
    GanEngine engine;
    GanError err;
    const GanFunction *f = &c->r.program->function[fn];
    void *mem[64];
    cr_assert(!state_new(c->r.program, 1, &state, &err) && !interp_engine_new(c->r.ir, c->r.program, &engine, &err),
              "%s: %s", c->path, err.message);
    cr_assert(f->n_outputs <= 64);
    for (int i = 0; i < f->n_outputs; i++) {
        int64_t n = 1;
        for (int k = 0; k < f->output[i].rank; k++) n *= f->output[i].dim[k];
        mem[i] = arena_alloc(c->a, (size_t)n * gan_elem_bytes(f->output[i].elem) + 8);
    }
    GanStatus s = engine.run(engine.self, c->r.program->init_fn, &state, NULL, &err);
    if (!s) s = engine.run(engine.self, fn, &state, mem, &err);
    cr_expect(!s, "%s: %s", c->path, err.message);
    for (int i = 0; !s && i < f->n_outputs; i++) {
        text_add(out, "#= ");
        print_value(out, &f->output[i], mem[i]);
        text_add(out, "\n");
    }
    engine.free(engine.self);
    state_free(&state);
}

static void evaluate(Case *c, const char *expr, size_t n, Text *out)
{
    Diags *d = diags_new(c->sources);
    const SourceFile *f = source_add(c->sources, "expression", expr, n);
    int fn = lower_expression(&c->r, f, d);
    if (fn >= 0) {
        verified(c);
        run_fn(c, fn, out);
        return;
    }
    Text t = text_in(c->a);
    diags_print_text(d, &t, false);
    for (const char *line = text_str(&t); *line;) {
        size_t k = strcspn(line, "\n");
        text_printf(out, "#= %.*s\n", (int)k, line);
        line += k + (line[k] == '\n');
    }
}

static void compare_text(Case *c, const char *now)
{
    if (!strcmp(now, c->text)) return;
    if (getenv("GAN_UPDATE")) {
        FILE *f = fopen(c->path, "wb");
        cr_assert(f && fputs(now, f) >= 0 && !fclose(f), "%s", c->path);
        return;
    }
    cr_expect(false, "%s: expected\n%s\nfound\n%s", c->path, c->text, now);
}

/* Where nothing is made of the program, the same is found. */
static void errors_when_checked(const char *folder, const char *file, const char *errors)
{
    Case c = {0};
    begin_with(&c, folder, file, (LowerOptions){.real = IR_F32, .checked = true});
    Text t = text_in(c.a);
    diags_print_text(c.diags, &t, false);
    cr_expect_str_eq(text_str(&t), errors, "%s", c.path);
    end(&c);
}

/* The file with its answers written anew. */
static void values_file(const char *folder, const char *file)
{
    Case c = {0};
    bool f64 = strstr(file, "f64") != NULL;
    if (!begin(&c, folder, file, f64 ? IR_F64 : IR_F32)) {
        Text t = text_in(c.a);
        diags_print_text(c.diags, &t, false);
        cr_expect(false, "%s:\n%s", c.path, text_str(&t));
        end(&c);
        return;
    }
    verified(&c);
    Text now = text_in(c.a);
    for (const char *line = c.text; *line;) {
        size_t n = strcspn(line, "\n");
        if (strncmp(line, "#=", 2)) text_addn(&now, line, n), text_add(&now, "\n");
        if (!strncmp(line, "#> ", 3)) evaluate(&c, line + 3, n - 3, &now);
        line += n + (line[n] == '\n');
    }
    compare_text(&c, text_str(&now));
    end(&c);
}

static void errors_file(const char *folder, const char *file)
{
    Case c = {0};
    bool ok = begin(&c, folder, file, IR_F32);
    cr_expect(!ok || diags_count(c.diags, DIAG_WARNING), "%s: nothing is wrong with it", c.path);
    Text t = text_in(c.a), now = text_in(c.a);
    diags_print_text(c.diags, &t, false);
    errors_when_checked(folder, file, text_str(&t));
    for (const char *line = c.text; *line;) {
        size_t n = strcspn(line, "\n");
        if (strncmp(line, "#!", 2)) text_addn(&now, line, n), text_add(&now, "\n");
        line += n + (line[n] == '\n');
    }
    for (const char *line = text_str(&t); *line;) {
        size_t n = strcspn(line, "\n");
        const char *message = line[0] == '<' ? strstr(line, ": ") : NULL;
        if (message && message < line + n) { /* in the library: without line and source, which may move */
            text_printf(&now, "#! %.*s%.*s\n", (int)strcspn(line, ":"), line, (int)(line + n - message), message);
            for (int skip = 0; skip < 2 && line[n]; skip++) n += 1 + strcspn(line + n + 1, "\n");
        } else {
            text_printf(&now, "#! %.*s\n", (int)n, line);
        }
        line += n + (line[n] == '\n');
    }
    compare_text(&c, text_str(&now));
    end(&c);
}

/* The lines of the program mended. */
static const char *mended(Arena *a, const char *text)
{
    Text t = text_in(a);
    while (*text) {
        size_t n = strcspn(text, "\n");
        if (!strncmp(text, "#~ ", 3)) text_addn(&t, text + 3, n - 3), text_add(&t, "\n");
        text += n + (text[n] == '\n');
    }
    return text_str(&t);
}

static void code_file(const char *folder, const char *file)
{
    Case c = {0};
    const Diag *said[DIAGS_KEPT];
    const char *code = strchr(file, '_') + 1;
    if (strncmp(file, "code_", 5)) return;
    begin(&c, folder, file, IR_F32);
    int n = diags_sorted(c.diags, said);
    cr_expect(n == 1 && !strncmp(code, diag_code_name(said[0]->code), strlen(code) - 4), "%s is the example of another code, or of several", c.path);
    const char *text = mended(c.a, c.text);
    Diags *diags = diags_new(c.sources);
    LowerResult right;
    LowerOptions o = {.real = IR_F32, .folder = folder};
    bool ok = lower_program(c.a, source_add(c.sources, file, text, strlen(text)), &o, diags, &right);
    Text t = text_in(c.a);
    diags_print_text(diags, &t, false);
    cr_expect(ok && !*text_str(&t), "%s, mended:\n%s", c.path, text_str(&t));
    lower_free(&right);
    end(&c);
}

static void each_file(const char *name, void (*test)(const char *folder, const char *file))
{
    go_to("tests/golden");
    DIR *d = opendir(name);
    cr_assert(d, "%s", name);
    int n = 0;
    for (struct dirent *e; (e = readdir(d));) {
        size_t k = strlen(e->d_name);
        if (k > 4 && !strcmp(e->d_name + k - 4, ".gan")) test(name, e->d_name), n++;
    }
    closedir(d);
    cr_assert(n > 0, "%s is empty", name);
}

Test(lower, values) { each_file("lower", values_file); }
Test(lower, errors) { each_file("errors", errors_file); }
Test(lower, codes) { each_file("errors", code_file); }

/* ---- every code of the table has an error program that shows it, or a test of another kind, where no such program can be */

static const struct { DiagCode code; const char *where; } shown_elsewhere[] = {
    {E002, "lang/source/test_source.c"},  {E003, "lang/syntax/test_syntax.c"}, {E004, "lang/syntax/test_syntax.c"},
    {E005, "lang/syntax/test_syntax.c"},  {E510, "tests/command/extern.py"},   {E511, "tests/command/extern.py"},
    {W402, "tests/command/manners.py"},
};

static int goldens, shown[DIAG_N_CODES];

static void count_codes(const char *folder, const char *file)
{
    Arena *a = arena_new();
    const char *text = read_text(a, arena_printf(a, "%s/%s", folder, file));
    goldens++;
    for (int c = 1; c < DIAG_N_CODES; c++) shown[c] += strstr(text, arena_printf(a, " [%s]\n#!", diag_code_name((DiagCode)c))) != NULL;
    arena_free(a);
}

static void shown_in(DiagCode code, const char *where)
{
    Arena *a = arena_new();
    const char *text = read_text(a, arena_printf(a, "../../%s", where));
    shown[code] += strstr(text, diag_code_name(code)) != NULL;
    arena_free(a);
}

Test(lower, every_code)
{
    enum { AT_LEAST = 160 };
    each_file("errors", count_codes);
    for (size_t i = 0; i < sizeof shown_elsewhere / sizeof *shown_elsewhere; i++) shown_in(shown_elsewhere[i].code, shown_elsewhere[i].where);
    for (int c = 1; c < DIAG_N_CODES; c++)
        cr_expect(shown[c], "nothing shows what %s says: %s", diag_code_name((DiagCode)c), diag_code_title((DiagCode)c));
    cr_expect(goldens >= AT_LEAST, "%d error programs", goldens);
}

/* A program whose `expect` lines must hold, trained by the interpreter. */
static void run_file(const char *folder, const char *file)
{
    Case c = {0};
    GanState state;
    GanEngine engine;
    GanError err;
    TrainerResult result = {0};
    TrainerOptions o = {.steps = -1};
    if (!begin(&c, folder, file, IR_F32)) {
        Text t = text_in(c.a);
        diags_print_text(c.diags, &t, false);
        cr_expect(false, "%s:\n%s", c.path, text_str(&t));
        end(&c);
        return;
    }
    verified(&c);
    lower_close(&c.r);
    cr_assert(!state_new(c.r.program, 1, &state, &err) && !interp_engine_new(c.r.ir, c.r.program, &engine, &err),
              "%s: %s", c.path, err.message);
    GanStatus s = trainer_run(c.r.program, &engine, &state, &o, &result, &err);
    cr_expect(!s && result.end == TRAINER_DONE, "%s: %s", c.path, s ? err.message : "it did not end well");
    Text t = text_in(c.a);
    for (int i = 0; i < result.n_reports; i++)
        text_printf(&t, "%s = %.9g\n", result.report[i].name, result.report[i].value);
    for (int i = 0; i < result.n_expects; i++)
        cr_expect(result.expect[i].judged && result.expect[i].held, "%s: expect %s\n%s", c.path,
                  result.expect[i].node->name, text_str(&t));
    trainer_result_free(&result);
    engine.free(engine.self);
    state_free(&state);
    end(&c);
}

Test(lower, runs) { each_file("run", run_file); }

/* The examples lower and verify in both precisions. */
Test(lower, examples)
{
    const char *names[] = {"ring.gan", "ring_wgan_gp.gan", "ring_mmd.gan", "gaussian_f_gan.gan"};
    go_to("examples");
    for (size_t i = 0; i < 2 * sizeof names / sizeof *names; i++) {
        Case c = {0};
        bool ok = begin(&c, ".", names[i / 2], i % 2 ? IR_F64 : IR_F32);
        cr_expect(ok, "%s", names[i / 2]);
        if (ok) verified(&c);
        end(&c);
    }
}

/* As a program of its own every module of the library is checked whole, and nothing is wrong with what nothing applies. */
Test(lower, library)
{
    for (int i = 0; stdlib_names[i]; i++) {
        Case c = {.a = arena_new()};
        c.sources = sources_new(c.a);
        c.diags = diags_new(c.sources);
        size_t n;
        const char *text = stdlib_find(stdlib_names[i], &n);
        LowerOptions o = {.real = IR_F32};
        bool ok = lower_program(c.a, source_add(c.sources, stdlib_names[i], text, n), &o, c.diags, &c.r);
        Text t = text_in(c.a);
        diags_print_text(c.diags, &t, false);
        cr_expect(ok, "%s:\n%s", stdlib_names[i], text_str(&t));
        end(&c);
    }
}

static void lower_text_in(Case *c, const char *folder, const char *text)
{
    *c = (Case){.a = arena_new(), .folder = folder, .path = "text"};
    c->sources = sources_new(c->a);
    c->diags = diags_new(c->sources);
    LowerOptions o = {.real = IR_F32, .folder = folder};
    cr_assert(lower_program(c->a, source_add(c->sources, "text", text, strlen(text)), &o, c->diags, &c->r));
}

static void lower_text(Case *c, const char *text) { lower_text_in(c, NULL, text); }

static void put_schedule(const GanSchedule *n, Text *out)
{
    text_printf(out, " %s", n->name ? n->name : "-");
    for (int i = 0; i < n->n_kids; i++) put_schedule(n->kid[i], out);
}

/* All that a program is, as text. */
static const char *whole(const Case *c)
{
    Text t = text_in(c->a);
    const GanProgram *p = c->r.program;
    ir_print_spans(c->r.ir, &t);
    text_printf(&t, "%s %s", p->name, p->source_hash);
    for (int i = 0; i < p->n_files; i++) text_printf(&t, " %s", p->file[i]);
    for (int i = 0; i < p->n_slots; i++) text_printf(&t, " %s %s", p->slot[i].path, p->slot[i].player ? p->slot[i].player : "-");
    for (int i = 0; i < p->n_functions; i++) {
        text_printf(&t, " %s", p->function[i].name);
        for (int k = 0; k < p->function[i].n_outputs; k++) text_printf(&t, " %s", p->function[i].output[k].name);
    }
    put_schedule(p->schedule, &t);
    for (int i = 0; i < c->r.n_lines; i++) text_printf(&t, " %s %s", c->r.line[i].what, c->r.line[i].name);
    for (int i = 0; i < c->r.n_players; i++) text_printf(&t, " %s", c->r.player[i].name);
    return text_str(&t);
}

static void add_expression(Case *c, const char *text)
{
    cr_assert_geq(lower_expression(&c->r, source_add(c->sources, "expression", text, strlen(text)), c->diags), 0, "%s", text);
}

/* What is freed is written over first. S and T are met by the expressions alone: the first function grows twice. */
Test(lower, result_outlives_lowering)
{
    Case c;
    lower_text(&c, "import nn, optim, compare, toy\n"
                   "data ring = toy.ring(modes: 8, radius: 2, std: 0.02)\n"
                   "implicit G(z: real[2] ~ Normal(0, 1)) -> real[2] { z |> Dense(2) }\n"
                   "net D(x: real[2]) -> real { x |> Dense(1) |> scalar }\n"
                   "net S(x: real[2]) -> real { x |> Dense(1) |> scalar }\n"
                   "net T(x: real[2]) -> real { x |> Dense(1) |> scalar }\n"
                   "compare gan = class_probability(ring, G, D, score: log_score)\n"
                   "state calls: real = 0\n"
                   "let wide = 2 * sum(D.Dense_1.w)\n"
                   "alternate 2 steps, batch 4 {\n"
                   "  update D minimize gan.critic + stop(wide) with adam(1e-3)\n"
                   "  update G minimize nonsaturating(gan) with adam(1e-3)\n"
                   "  calls := calls + 1\n"
                   "  report loss = gan.critic\n"
                   "}\n");
    int first = c.r.ir->fns.v[0]->commits.n;
    add_expression(&c, "S([1.0, 2])");
    add_expression(&c, "T([1.0, 2]) + S([1.0, 2])");
    cr_expect_eq(c.r.ir->fns.v[0]->commits.n, first + 4);
    const char *before = whole(&c);
    mallopt(M_PERTURB, 0x5a);
    lower_close(&c.r);
    cr_expect_str_eq(whole(&c), before);
    verified(&c);
    end(&c);
}

/* What is only checked leaves no place in the state, no player, axis or stream behind. */
Test(lower, unused_is_dropped)
{
    Case with, without;
    lower_text(&without, "import nn\nreport a = 1\n");
    lower_text(&with, "import nn\n"
                      "net D(x: real[2]) -> real[3] { state n: real = 0; n := 1; x |> Dense(3) }\n"
                      "implicit G(z: real[2] ~ Normal(0, 1)) { D(z) + Normal(0, 1).log_prob(0.5) }\n"
                      "def f(x) = { net T { param v: real = 1; v }; E[y ~ G] y[0] + [1.0, 2, 3, 4, 5, 6, 7, 8, 9][argmax(x)] + T() + D.Dense_1.b[0] + D.steps }\n"
                      "comparison k(p) { state s: real = 0; net T(x) { x |> Dense(1) }; critic = E[x ~ p] T(x)[0] + s }\n"
                      "loss l = E[x ~ G] sum(D(x[0..2]))\n"
                      "report a = 1\n");
    cr_expect_eq(with.r.program->n_slots, without.r.program->n_slots);
    cr_expect_eq(with.r.n_players, 0);
    cr_expect_eq(with.r.ir->streams.n, without.r.ir->streams.n);
    cr_expect_eq(with.r.ir->axes.n, without.r.ir->axes.n);
    end(&with);
    end(&without);
}

/* The recipe of the data that are called so; NULL: none. */
static const DataRecipe *recipe_of(const Case *c, const char *name, const char *field)
{
    const GanProgram *p = c->r.program;
    for (int i = 0; i < p->n_data; i++) {
        const DataRecipe *r = &p->recipe[i];
        if (r->name && !strcmp(r->name, name) && (field ? r->field && !strcmp(r->field, field) : !r->field)) return r;
    }
    return NULL;
}

static bool has_steps(const DataRecipe *r, int n, const DataWhat *what)
{
    bool same = r && r->n_steps == n;
    for (int i = 0; same && i < n; i++) same = r->step[i].what == what[i];
    return same;
}

#define HAS(r, ...) cr_expect(has_steps(r, sizeof((DataWhat[]){__VA_ARGS__}) / sizeof(DataWhat), (DataWhat[]){__VA_ARGS__}), #r)

Test(lower, recipes)
{
    Case c;
    go_to("tests/golden");
    lower_text_in(&c, "lower",
                  "data a, b: real[2] = csv(\"four.csv\") |> drop(1) |> split(2, 1)\n"
                  "data y: (k: class[3], m: int) = idx(\"../errors/rows2.idx\", \"../errors/rows2.idx\")\n"
                  "data x = idx(\"bytes.idx\") |> scale(-1, 1) |> take(1)\n"
                  "data h = map(fn(r) 2 * r, csv(\"four.csv\") |> take(3))\n"
                  "data w = with_replacement(csv(\"four.csv\"))\n"
                  "data n: real[2] = [[1, 2], [3, 4]]\n"
                  "let t = csv(\"four.csv\")\n"
                  "report r = sum(E[v ~ a] v) + sum(E[v ~ b] v) + E[v ~ y] (v.k + v.m) + sum(E[v ~ x] v) + sum(E[v ~ h] v) + sum(E[v ~ w] v) + sum(E[v ~ n] v) + sum(t)\n");
    cr_expect_eq(followed(&c), 8);                          /* not the whole tables, of which nothing is read */
    const DataRecipe *a = recipe_of(&c, "a", NULL), *b = recipe_of(&c, "b", NULL), *k = recipe_of(&c, "y", "k"), *x = recipe_of(&c, "x", NULL);
    HAS(a, DATA_CONVERT);
    HAS(k, DATA_CONVERT, DATA_CLASSES);
    HAS(recipe_of(&c, "y", "m"), DATA_CONVERT, DATA_WITHIN);  /* it was added to a class, in 32 bits */
    HAS(x, DATA_SCALE);
    HAS(recipe_of(&c, "h", NULL), DATA_CONVERT);
    HAS(recipe_of(&c, "w", NULL), DATA_CONVERT);
    HAS(recipe_of(&c, "t", NULL), DATA_CONVERT);
    cr_assert(a && b && k && x);
    cr_expect(a->from == 1 && a->to == 3 && b->from == 3 && b->to == 4 && x->from == 0 && x->to == 1);
    cr_expect(a->format == DATA_CSV && a->relative && !strcmp(a->path, "four.csv") && a->dim[0] == 4 && a->dim[1] == 2 && a->finite);
    cr_expect(k->step[1].hi == 2);
    end(&c);
}

/* What a predicate has looked at is held to its sum: the table's own recipe, those of other columns of its file, or that of a table
 * beside it that nobody else reads. */
Test(lower, recipes_of_chosen_rows)
{
    Case c;
    go_to("tests/golden");
    lower_text_in(&c, "lower",
                  "data d: (x: real, y: class[10]) = csv(\"four.csv\")\n"
                  "data odd = d |> filter(fn(r) r.y == 4) |> take(1)\n"
                  "data own: real[2] = csv(\"four.csv\") |> filter(fn(r) r[0] > 2) |> drop(1)\n"
                  "data a, b: real[2] = csv(\"four.csv\") |> split(1, 3, shuffle: true)\n"
                  "report r = E[v ~ odd : all] v.x + sum(E[v ~ own : all] v) + sum(E[v ~ a : all] v) + sum(E[v ~ b : all] v)\n");
    cr_expect_eq(followed(&c), 5);
    const DataRecipe *x = recipe_of(&c, "odd", "x"), *y = recipe_of(&c, "d", "y"), *own = recipe_of(&c, "own", NULL), *a = recipe_of(&c, "a", NULL), *b = recipe_of(&c, "b", NULL);
    cr_assert(x && y && own && a && b && !recipe_of(&c, "odd", "y") && !recipe_of(&c, "d", "x"));
    cr_expect(x->n_rows == 1 && x->row[0] == 1 && x->chosen && x->n_columns == 1 && x->column == 0);
    cr_expect(!y->n_rows && y->chosen && y->column == 1);
    cr_expect(own->chosen && own->n_rows == 3 && own->from == 1 && own->to == 3 && own->row[1] == 2);
    cr_expect(!a->chosen && a->n_rows == 4 && a->from == 0 && a->to == 1 && b->row == a->row && b->from == 1 && b->to == 4);
    end(&c);
}

/* Equal files are one tensor only if they will be equal with other data: by another name, other data may be chosen for one of them. */
Test(lower, recipes_share)
{
    Case c;
    go_to("tests/golden");
    lower_text_in(&c, "lower",
                  "def table() = csv(\"four.csv\")\n"
                  "let s = table()\n"
                  "let t = table()\n"
                  "let same = [table(), table()]\n"
                  "let l = [[1, 2], [3, 4], [5, 6], [7, 8.0]]\n"
                  "let m = [[1, 2], [3, 4], [5, 6], [7, 8.0]]\n"
                  "report r = sum(s - t) + sum(same[0] - same[1]) + sum(l) - sum(m)\n");
    cr_expect(recipe_of(&c, "s", NULL) && recipe_of(&c, "t", NULL) && recipe_of(&c, "same", NULL));
    cr_expect_eq(followed(&c), 3);
    end(&c);
}

/* Where lowering has made something of a file's integers, other files are held to their range; where not, not. */
Test(lower, recipes_within)
{
    static const char whole[] = "\x93NUMPY\1\0\x46\0{'descr': '<i4', 'fortran_order': False, 'shape': (3,), }            \n\5\0\0\0\2\0\0\0\4\0\0\0";
    char folder[] = "/tmp/gan-lower-XXXXXX", path[64];
    cr_assert(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/k.npy", folder);
    FILE *f = fopen(path, "wb");
    cr_assert(f && fwrite(whole, 1, sizeof whole - 1, f) == sizeof whole - 1 && !fclose(f));
    Case c;
    lower_text_in(&c, folder,
                  "let k = npy(\"k.npy\")\n"
                  "let seen = npy(\"k.npy\")\n"
                  "let w = [1.0, 2, 3, 4, 5, 6, 7, 8, 9]\n"
                  "report r = sum(real(k)) + sum(w[seen])\n");
    const DataRecipe *seen = recipe_of(&c, "seen", NULL);
    HAS(recipe_of(&c, "k", NULL), DATA_CONVERT);
    HAS(seen, DATA_CONVERT, DATA_WITHIN);
    cr_expect(seen && seen->step[1].lo == 2 && seen->step[1].hi == 5);
    cr_expect_eq(followed(&c), 2);
    end(&c);
    remove(path);
    rmdir(folder);
}

Test(lower, recipes_of_images)
{
    Case c = {0};
    go_to("examples");
    cr_assert(begin(&c, ".", "fashion_mlp.gan", IR_F32));
    cr_expect(followed(&c) > 0);
    end(&c);
}

/* A statement that owes a result and has none, though nothing was said, ends the process with its place rather than later without one. */
Test(lower, missing_result, .signal = SIGABRT)
{
    Case c;
    lower_text_in(&c, "/tmp", "let a = 3.0\nreport r = a\n");
    Part *p = c.r.lower->g->parts.v[c.r.lower->g->parts.n - 1];
    part_check(c.r.lower, p);                               /* as it was made, it is whole */
    p->reports.n = p->commits.n = 0;
    part_check(c.r.lower, p);
}
