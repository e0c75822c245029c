/* board.c - see board.h. While programs run, the sides of their expectations are kept, a number a seed; then words are put to them, from the tree of the
 * program's text. Start at board_write(), at the bottom. */
#include "compiler/driver/board.h"
#include "compiler/driver/library_doc.h"
#include "lang/check/promise.h"
#include "lang/syntax/parse.h"
#include "runtime/file.h"
#include "runtime/verdict.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HELD, LEFT, RIGHT, WITHIN, N_SIDES };                /* the sides of a promise */
enum { SEEDS_FEWEST = 3 };                                  /* of which a spread says something */

typedef struct Row {
    PromiseKind kind;
    const char *expected;                                   /* in words */
    const char *beside;                                     /* the right side's text; NULL: it is a plain number, which the words say */
    double     *side[N_SIDES];                              /* a number a seed */
    int64_t     samples[GAN_MOST_SAMPLES];                  /* GanOutput.samples of what it asks */
} Row;

typedef struct Entry {
    const char *path, *title, *failure;                     /* failure: or NULL */
    ARRAY(Row)  rows;
    double     *seconds;
    int         n_runs;
} Entry;

struct Board {
    const Options *o;
    const char    *version;
    Arena         *a;
    int            seeds;
    ARRAY(Entry)   entries;
};

Board *board_new(const Options *o, const char *version)
{
    Board *b = calloc(1, sizeof *b);
    if (b) *b = (Board){.o = o, .version = version, .a = arena_new(), .seeds = (int)o->run.seeds};
    return b;
}

void board_free(Board *b)
{
    if (b) arena_free(b->a);
    free(b);
}

static Entry *entry(Board *b) { return &b->entries.v[b->entries.n - 1]; }

/* What the comment that opens the text says first. */
static const char *title_of(Board *b, const char *text)
{
    Sources          *sources = sources_new(b->a);
    const SourceFile *f = text ? source_add(sources, "", text, strlen(text)) : NULL;
    const Ast        *tree = f ? parse_what_fits(b->a, f, diags_new(sources)) : NULL;
    Text              title = text_in(b->a);
    if (tree && tree->file.doc) doc_sentence(tree->file.doc, &title);
    return text_str(&title);
}

void board_program(Board *b, const char *path, const char *text)
{
    array_push(b->a, &b->entries, ((Entry){.path = arena_str(b->a, path), .title = title_of(b, text), .seconds = arena_array(b->a, double, b->seeds)}));
}

void board_failure(Board *b, const char *why) { entry(b)->failure = arena_str(b->a, why); }

/* ---- words ------------------------------------------------------------------------------------------------------------- */

static const char *source_of(Board *b, const SourceFile *f, const Ast *e)
{
    Text t = text_in(b->a);
    for (uint32_t i = e->span.begin; i < e->span.end; i++) {
        bool blank = f->text[i] == '\n' || f->text[i] == ' ';
        if (!blank) text_addn(&t, f->text + i, 1);
        else if (t.n && t.s[t.n - 1] != ' ') text_add(&t, " ");
    }
    return text_str(&t);
}

static bool is_plain(const Ast *e) { return e->kind == AST_NUMBER || e->kind == AST_BOOL || (e->kind == AST_UNARY && is_plain(e->unary.operand)); }

static void add_number(Board *b, const SourceFile *f, const Ast *e, const char *round, Text *t)
{
    if (is_plain(e)) text_add(t, source_of(b, f, e));
    else text_printf(t, "`%s`%s", source_of(b, f, e), round);
}

static const char *in_words(Board *b, const SourceFile *f, const Promise *p, const char *round, const Ast *by)
{
    static const char *const says[] = {[PROMISE_HOLDS] = " holds",   [PROMISE_NEAR] = " is ",           [PROMISE_BELOW] = " is below ", [PROMISE_AT_MOST] = " is at most ",
                                       [PROMISE_ABOVE] = " is above ", [PROMISE_AT_LEAST] = " is at least ", [PROMISE_IS] = " is ",          [PROMISE_IS_NOT] = " is not "};
    Text t = text_in(b->a);
    add_number(b, f, p->left ? p->left : p->whole, round, &t);
    text_add(&t, says[p->kind]);
    if (p->right) add_number(b, f, p->right, "", &t);
    else if (p->kind == PROMISE_NEAR) text_add(&t, "0");
    if (p->kind == PROMISE_NEAR) text_add(&t, ", to within ");
    if (p->within) add_number(b, f, p->within, "", &t);
    else if (p->kind == PROMISE_NEAR) text_add(&t, "1e-6");
    if (by) text_printf(&t, " by step %s", source_of(b, f, by));
    return text_str(&t);
}

/* ---- what a run adds ----------------------------------------------------------------------------------------------------- */

typedef struct Search { const SourceFile *f; const GanSchedule *node; const Ast *found; } Search;

static void search(void *user, const Ast *n)
{
    Search *s = user;
    Place   at = source_place(s->f, n->span.begin);
    if (n->kind == AST_EXPECT && at.line == s->node->line && at.column == s->node->col) s->found = n;
    else ast_each_child(n, search, s);
}

/* " [(the function kl, 2)]", behind the text of one in a loop: " for kl, 2". */
static const char *round_of(Board *b, const GanSchedule *n, const Ast *cond)
{
    static const char *const dropped[] = {"the function ", "[", "]", "(", ")"};
    size_t                   k = cond->span.end - cond->span.begin;
    Text                     t = text_in(b->a);
    if (strlen(n->name) <= k) return "";
    for (const char *c = n->name + k + 1; *c;) {
        size_t skip = 0;
        for (size_t i = 0; i < sizeof dropped / sizeof *dropped && !skip; i++)
            if (!strncmp(c, dropped[i], strlen(dropped[i]))) skip = strlen(dropped[i]);
        if (!skip) text_addn(&t, c, 1);
        c += skip ? skip : 1;
    }
    return arena_printf(b->a, " for %s", text_str(&t));
}

static void add_rows(Board *b, const SourceFile *f, const Ast *expect, const GanSchedule *n)
{
    Promise     p[PROMISES_MOST];
    int         n_parts = promises_of(expect->expect.cond, p);
    const char *round = round_of(b, n, expect->expect.cond);
    for (int i = 0; i < n_parts; i++) {
        Row r = {p[i].kind, in_words(b, f, &p[i], round, expect->expect.by), p[i].right && !is_plain(p[i].right) ? source_of(b, f, p[i].right) : NULL, {NULL}, {0}};
        for (int k = 0; k < N_SIDES; k++) {
            bool unsaid = p[i].kind == PROMISE_NEAR && ((k == RIGHT && !p[i].right) || (k == WITHIN && !p[i].within));      /* abs(a) < t, near(a, b) */
            r.side[k] = arena_array(b->a, double, b->seeds);
            for (int seed = 0; seed < b->seeds; seed++) r.side[k][seed] = !unsaid ? NAN : k == WITHIN ? 1e-6 : 0;
        }
        array_push(b->a, &entry(b)->rows, r);
    }
}

/* The number of an expectation's side; -1: the program has none of it. */
static int find_side(const Session *s, const TrainerExpect *e, const char *what, int part)
{
    const GanFunction *f = &s->lowered.program->function[e->node->fn];
    char               name[64];
    snprintf(name, sizeof name, "%s %d", what, part);
    for (int i = 0; i < e->n_sides; i++)
        if (!strcmp(f->output[i + 1].name, name)) return i;
    return -1;
}

static double side_of(const Session *s, const TrainerExpect *e, const char *what, int part)
{
    int i = find_side(s, e, what, part);
    return i < 0 ? NAN : e->side[i];
}

static void take(Board *b, const Session *s, const TrainerExpect *e, Row *row, int n)
{
    static const char *const names[] = {[HELD] = "held", [LEFT] = "left", [RIGHT] = "right", [WITHIN] = "within"};
    int                      run = entry(b)->n_runs;
    for (int i = 0; i < n; i++) {
        int held = find_side(s, e, names[HELD], i);
        if (held >= 0) memcpy(row[i].samples, s->lowered.program->function[e->node->fn].output[held + 1].samples, sizeof row[i].samples);
        for (int k = 0; k < N_SIDES; k++) {
            double x = side_of(s, e, names[k], i);
            if (!isnan(x)) row[i].side[k][run] = x;
        }
        if (isnan(row[i].side[HELD][run])) row[i].side[HELD][run] = e->judged && e->held;
    }
}

void board_run(Board *b, const Session *s, const TrainerResult *r)
{
    Arena            *a = arena_new();
    Sources          *sources = sources_new(a);
    const SourceFile *f = source_add(sources, s->file, s->text, strlen(s->text));
    const Ast        *tree = parse_file(a, f, diags_new(sources));
    Entry            *to = entry(b);
    for (int i = 0, at = 0; i < r->n_expects; i++) {
        Search  look = {f, r->expect[i].node, NULL};
        Promise p[PROMISES_MOST];
        search(&look, tree);
        int n = promises_of(look.found->expect.cond, p);
        if (!to->n_runs) add_rows(b, f, look.found, r->expect[i].node);
        take(b, s, &r->expect[i], to->rows.v + at, n);
        at += n;
    }
    to->seconds[to->n_runs++] = r->seconds;
    arena_free(a);
}

/* ---- the page ------------------------------------------------------------------------------------------------------------ */

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median and range; of what is the same for all seeds, or was seen once, the number. "" if there is none. */
static void add_spread(Board *b, const double *v, int n, Text *out)
{
    double *s = arena_array(b->a, double, n + 1);
    int     k = 0;
    for (int i = 0; i < n; i++)
        if (!isnan(v[i])) s[k++] = v[i];
    if (k) qsort(s, (size_t)k, sizeof *s, by_size);
    if (!k) text_add(out, "nan");
    else text_printf(out, "%.6g", k % 2 ? s[k / 2] : (s[k / 2 - 1] + s[k / 2]) / 2);
    if (k && s[0] != s[k - 1]) text_printf(out, " (%.6g to %.6g)", s[0], s[k - 1]);
}

static bool is_known(const double *v, int n)
{
    for (int i = 0; i < n; i++)
        if (!isnan(v[i])) return true;
    return false;
}

/* A cell ends at a bar. */
static void add_cell(Text *out, const char *s)
{
    for (; *s; s++) text_add(out, *s == '|' ? "\\|" : *s == '\n' ? " " : (char[]){*s, 0});
    text_add(out, " | ");
}

/* ---- how often another seed misses. The distance to the edge of what is allowed, seed by seed, is taken for normal; then one more distance, less their mean, over
 * their deviation times sqrt(1 + 1/n), has Student's t distribution with n - 1 degrees of freedom (Student 1908; Fisher 1935). */

/* P(T > t), for a whole number of degrees of freedom (Abramowitz and Stegun 1964, 26.7.3 and 26.7.4). */
static double student_tail(double t, int freedom)
{
    double angle = atan(fabs(t) / sqrt(freedom)), c = cos(angle) * cos(angle), sum = 0;
    double term = freedom % 2 ? cos(angle) : 1;
    for (int k = freedom % 2 ? 3 : 2; k <= freedom; k += 2) {
        sum += term;
        term *= c * (k - 1) / k;
    }
    double within = freedom % 2 ? 2 / M_PI * (angle + sin(angle) * sum) : sin(angle) * sum;
    return t > 0 ? (1 - within) / 2 : (1 + within) / 2;
}

/* Counts, and what most seeds share, as what rests at a bound does: no normal distances are so. */
static bool goes_by_steps(const double *room, int n)
{
    bool whole = true, shared = false;
    for (int i = 0; i < n; i++) {
        int same = 0;
        for (int k = 0; k < n; k++) same += room[k] == room[i];
        whole = whole && room[i] - room[0] == round(room[i] - room[0]);
        shared = shared || 2 * same > n;
    }
    return whole || shared;
}

/* One side's. NaN: seeds are too few, do not differ, or differ by steps. */
static double misses(const double *room, int n)
{
    double mean = 0, square = 0;
    for (int i = 0; i < n; i++) mean += room[i] / n;
    for (int i = 0; i < n; i++) square += (room[i] - mean) * (room[i] - mean);
    if (n < SEEDS_FEWEST || goes_by_steps(room, n)) return NAN;
    return student_tail(mean / sqrt(square / (n - 1) * (1 + 1.0 / n)), n - 1);
}

static double row_misses(Board *b, const Entry *e, const Row *r)
{
    double *up = arena_array(b->a, double, e->n_runs + 1), *down = arena_array(b->a, double, e->n_runs + 1);
    bool    near = r->kind == PROMISE_NEAR, above = r->kind == PROMISE_ABOVE || r->kind == PROMISE_AT_LEAST;
    if (!near && !above && r->kind != PROMISE_BELOW && r->kind != PROMISE_AT_MOST) return NAN;
    for (int i = 0; i < e->n_runs; i++) {
        double apart = r->side[LEFT][i] - r->side[RIGHT][i];
        up[i] = (near ? r->side[WITHIN][i] : 0) - apart;
        down[i] = (near ? r->side[WITHIN][i] : 0) + apart;
    }
    return near ? misses(up, e->n_runs) + misses(down, e->n_runs) : misses(above ? down : up, e->n_runs);
}

static void add_row(Board *b, const Entry *e, const Row *r, Text *out)
{
    double missing = row_misses(b, e, r);
    Text reached = text_in(b->a);
    int  held = 0;
    for (int i = 0; i < e->n_runs; i++) held += r->side[HELD][i] == 1;
    bool measured = is_known(r->side[LEFT], e->n_runs);
    if (measured) add_spread(b, r->side[LEFT], e->n_runs, &reached);
    if (measured && r->beside && is_known(r->side[RIGHT], e->n_runs)) {
        text_add(&reached, " beside ");
        add_spread(b, r->side[RIGHT], e->n_runs, &reached);
    }
    add_cell(out, r->expected);
    add_cell(out, text_str(&reached));
    text_printf(out, held == e->n_runs ? "%d of %d | " : "**%d of %d** | ", held, e->n_runs);
    if (isnan(missing)) text_add(out, "| ");
    else if (missing < 1e-6) text_add(out, "< 1e-6 | ");
    else text_printf(out, "%.1g | ", missing);
    Text samples = text_in(b->a);
    samples_text(r->samples, &samples);
    add_cell(out, text_str(&samples));
}

static const char *folder_of(Arena *a, const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? arena_strn(a, path, (size_t)(slash - path)) : "";
}

/* The way from the page to a program: "../examples/ring.gan"; its path as it is where one of them cannot be found. */
static const char *way_to(Board *b, const char *path)
{
    char        page[PATH_MAX], program[PATH_MAX];
    const char *folder = folder_of(b->a, b->o->board);
    if (!realpath(*folder ? folder : *b->o->board == '/' ? "/" : ".", page) || !realpath(path, program)) return path;
    size_t same = 0;
    for (size_t i = 0; page[i] == program[i] || (!page[i] && program[i] == '/'); i++) {
        if (program[i] == '/') same = i + 1;
        if (!page[i]) break;
    }
    Text t = text_in(b->a);
    for (const char *c = same > strlen(page) ? "" : page + same - 1; *c; c++)
        if (*c == '/') text_add(&t, "../");
    text_add(&t, program + same);
    return text_str(&t);
}

static const char *base_name(const char *path) { return strrchr(path, '/') ? strrchr(path, '/') + 1 : path; }

static void add_entry(Board *b, const Entry *e, Text *out)
{
    Text spent = text_in(b->a);
    if (e->n_runs) {
        double *s = arena_copy(b->a, e->seconds, (size_t)e->n_runs * sizeof *s);
        qsort(s, (size_t)e->n_runs, sizeof *s, by_size);
        text_printf(&spent, "%.2g", s[e->n_runs / 2]);
    }
    const char *link = arena_printf(b->a, "[%s](%s)", base_name(e->path), way_to(b, e->path));
    for (int i = 0; i < e->rows.n || (i == 0 && !e->failure); i++) {
        text_add(out, "| ");
        add_cell(out, i ? "" : e->title);
        add_cell(out, i ? "" : link);
        if (e->rows.n) add_row(b, e, &e->rows.v[i], out);
        else text_add(out, "nothing | | **no** | | | ");
        text_printf(out, "%s |\n", i ? "" : text_str(&spent));
    }
    if (!e->failure) return;
    text_add(out, "| ");
    add_cell(out, e->rows.n ? "" : e->title);
    add_cell(out, e->rows.n ? "" : link);
    add_cell(out, e->failure);
    text_add(out, "| **no** | | | |\n");
}

static void add_head(Board *b, Text *out)
{
    const RunOptions *o = &b->o->run;
    text_printf(out, "# What is promised, and what is reached\n\nEach row is a part of an `expect` line of a program, which is held to it by the tests. "
                  "What was reached is the median over the seeds and, where they differ, the lowest and the highest, each `measured with` so many draws in every seed; the time is that of one run. "
                  "`missed` is the rate of false alarms: how often one more seed is to be expected to miss what is promised, if the distance to the promise's edge is normal over the seeds "
                  "(Student's t). It is empty where seeds are fewer than three, do not differ, or go by steps: distances that differ by whole numbers, or that most seeds share, are not normal. "
                  "What is known there, and of any row that all seeds held, is that at most %.2g of all seeds miss, with 95 %% confidence (Clopper and Pearson 1934). Written by\n\n    gan",
                  1 - pow(0.05, 1.0 / b->seeds));
    for (int i = 1; i < o->n_words; i++) text_printf(out, " %s", o->word[i]);
    text_printf(out, "\n\nGan %s, ", b->version);
    if (b->seeds > 1) text_printf(out, "seeds %llu to %llu.\n", (unsigned long long)o->seed, (unsigned long long)(o->seed + (uint64_t)b->seeds - 1));
    else text_printf(out, "seed %llu.\n", (unsigned long long)o->seed);
}

GanStatus board_write(Board *b, GanError *err)
{
    Text        out = text_in(b->a);
    const char *folder = NULL;
    add_head(b, &out);
    for (int i = 0; i < b->entries.n; i++) {
        const Entry *e = &b->entries.v[i];
        const char  *now = folder_of(b->a, e->path);
        if (!folder || strcmp(folder, now))
            text_printf(&out, "\n%s%s%s| what | program | expected | reached | held | missed | measured with | seconds |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n", *now ? "## " : "", now, *now ? "\n\n" : "");
        folder = now;
        add_entry(b, e, &out);
    }
    return file_write(b->o->board, text_str(&out), out.n, false, err);
}
