/* report.c - see report.h. Reads what the run has left behind, draws curves as SVG (chart.c), packs pictures as data URLs; the pages
 * themselves forbid every outside request. Start at report_write and report_write_seeds, at the bottom. */
#include "runtime/report.h"

#include "runtime/chart.h"
#include "runtime/file.h"
#include "runtime/tensor.h"

#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PICTURES_A_NAME = 12, MOST_PICTURE = 8 << 20, MOST_SEEDS_PICTURED = 24 };

/* ---- pictures --------------------------------------------------------------------------------------------------- */

typedef struct Picture {
    const char *path, *name;                                /* the name without number and ending */
    int64_t     number;                                     /* -1: none */
} Picture;

typedef ARRAY(Picture) Pictures;

static bool parse_picture(Arena *a, const char *folder, const char *file, Picture *p)
{
    size_t n = strlen(file), digits = 0;
    if (n < 5 || strcmp(file + n - 4, ".png") || *file == '.') return false;
    n -= 4;
    while (digits < n && file[n - 1 - digits] >= '0' && file[n - 1 - digits] <= '9') digits++;
    bool numbered = digits && digits <= 18 && digits < n && file[n - 1 - digits] == '-';
    p->number = numbered ? strtoll(file + n - digits, NULL, 10) : -1;
    p->name = arena_strn(a, file, numbered ? n - 1 - digits : n);
    p->path = arena_printf(a, "%s/%s", folder, file);
    return true;
}

static void find_pictures(Arena *a, const char *folder, Pictures *found)
{
    DIR    *d = opendir(folder);
    Picture p;
    if (!d) return;
    for (struct dirent *e; (e = readdir(d));)
        if (parse_picture(a, folder, e->d_name, &p)) array_push(a, found, p);
    closedir(d);
}

static int by_name_then_newest(const void *a, const void *b)
{
    const Picture *x = a, *y = b;
    int            c = strcmp(x->name, y->name);
    if (c) return c;
    if (x->number != y->number) return x->number < y->number ? 1 : -1;
    return strcmp(x->path, y->path);
}

static void add_base64(Text *t, const uint8_t *p, size_t n)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        uint32_t v = (uint32_t)p[i] << 16 | (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) | (i + 2 < n ? p[i + 2] : 0);
        char     four[4] = {digit[v >> 18], digit[v >> 12 & 63], i + 1 < n ? digit[v >> 6 & 63] : '=', i + 2 < n ? digit[v & 63] : '='};
        text_addn(t, four, 4);
    }
}

/* `of`: whose it is; NULL: the page's. */
static void add_picture(Text *t, const Picture *p, const char *of)
{
    char  *bytes;
    size_t n;
    if (file_read_all(p->path, MOST_PICTURE, &bytes, &n, NULL)) return;
    if (n > 8 && !memcmp(bytes, "\x89PNG\r\n\x1a\n", 8)) {
        text_add(t, "<figure><figcaption>");
        chart_escaped(t, GAN_SHOWN(p->name));
        if (p->number >= 0) text_printf(t, " <b>%" PRId64 "</b>", p->number);
        if (of) text_printf(t, " <i>%s</i>", of);
        text_add(t, "</figcaption><img alt='' src='data:image/png;base64,");
        add_base64(t, (const uint8_t *)bytes, n);
        text_add(t, "'></figure>\n");
    }
    free(bytes);
}

/* The newest `most` of each name. */
static void add_pictures(Text *t, Pictures *found, int most, const char *of)
{
    int same = 0;
    if (found->n) qsort(found->v, (size_t)found->n, sizeof *found->v, by_name_then_newest);
    for (int i = 0; i < found->n; i++) {
        same = i && !strcmp(found->v[i].name, found->v[i - 1].name) ? same + 1 : 0;
        if (same < most) add_picture(t, &found->v[i], of);
    }
}

static Pictures pictures_of(Arena *a, const char *folder)
{
    Pictures found = {0};
    find_pictures(a, folder, &found);
    find_pictures(a, arena_printf(a, "%s/pictures", folder), &found);
    return found;
}

/* ---- what is said in words -------------------------------------------------------------------------------------- */

static const char head[] =
    "<!doctype html>\n<html lang=en><meta charset=utf-8>\n"
    "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n"
    "<meta name=viewport content='width=device-width'>\n<style>\n"
    ":root{color-scheme:light dark;--ink:#222;--pale:#ddd;--back:#fff;--line:#0072b2;--bad:#d55e00;--good:#009e73}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#ddd;--pale:#444;--back:#181818;--line:#56b4e9}}\n"
    "body{font:15px system-ui,sans-serif;color:var(--ink);background:var(--back);margin:2em}\n"
    "section{display:flex;flex-wrap:wrap;gap:1.5em;margin-bottom:2em}figure{margin:0}svg{width:440px;max-width:100%}\n"
    "img{max-width:100%;min-width:220px;image-rendering:pixelated;background:#fff}figcaption{margin-bottom:.3em}\n"
    "text{font-size:11px;fill:var(--ink)}.x{text-anchor:middle}.y{text-anchor:end}path{fill:none}\n"
    ".g{stroke:var(--pale)}.a{stroke:var(--ink)}.c{stroke:var(--line);stroke-width:1.5;stroke-linecap:round;stroke-linejoin:round}\n"
    ".s{stroke-width:1;opacity:.45}.m{stroke:var(--bad);stroke-width:2.5}.n{fill:var(--bad)}\n"
    ".thin,.thick,.odd{display:inline-block;width:1.6em;height:0;border-top:1.5px solid var(--line);vertical-align:middle;margin:0 .3em 0 1em}\n"
    ".thick{border-top:3px solid var(--bad)}.odd{width:0;border:.35em solid transparent;border-top:.5em solid var(--bad);border-bottom:0}\n"
    "table{border-collapse:collapse;margin-bottom:1.5em}td,th{text-align:left;padding:.15em 1.2em .15em 0;vertical-align:top;font-weight:normal}\n"
    "th{color:var(--line)}.no{color:var(--bad)}.yes{color:var(--good)}i{font-style:normal;opacity:.7}\n"
    "pre{overflow:auto;border:1px solid var(--pale);padding:1em}\n</style>\n";

static void begin_page(Text *t, const ReportFacts *f)
{
    text_add(t, head);
    text_add(t, "<title>");
    chart_escaped(t, GAN_SHOWN(f->title));
    text_add(t, "</title>\n<h1>");
    chart_escaped(t, GAN_SHOWN(f->title));
    text_add(t, "</h1>\n");
}

static void add_row(Text *t, const char *what, const char *text)
{
    if (!text) return;
    text_printf(t, "<tr><th>%s<td>", what);
    chart_escaped(t, text);
    text_add(t, "\n");
}

/* `seeds` games, or one. */
static void add_facts(Text *t, const ReportFacts *f, int seeds)
{
    Arena *a = t->arena;
    text_add(t, "<table>\n");
    if (f->state) add_row(t, "run", arena_printf(a, "%s at step %" PRId64, f->state, f->step));
    if (seeds) add_row(t, "seeds", arena_printf(a, "%" PRIu64 " to %" PRIu64, f->seed, f->seed + (uint64_t)seeds - 1));
    else add_row(t, "seed", arena_printf(a, "%" PRIu64, f->seed));
    add_row(t, "made with", f->made_with && *f->made_with ? GAN_SHOWN(f->made_with) : NULL);
    add_row(t, "by", "gan " GAN_VERSION);
    add_row(t, "sources", f->sources);
    text_add(t, "</table>\n");
}

static void add_judgement(Text *t, const ReportExpect *e)
{
    bool asks_nothing = e->judged && !e->held && e->unmade;
    text_add(t, asks_nothing ? "<td class=no>not judged: nothing was reported as " : !e->judged ? "<td>not judged yet" : e->held ? "<td class=yes>held" : "<td class=no>NOT held");
    if (asks_nothing) chart_escaped(t, e->unmade);
}

static void add_expects(Text *t, const ReportFacts *f)
{
    if (!f->n_expects) return;
    text_add(t, "<table>\n");
    for (int i = 0; i < f->n_expects; i++) {
        text_add(t, "<tr><td><code>expect ");
        chart_escaped(t, f->expect[i].text);
        text_add(t, "</code>");
        add_judgement(t, &f->expect[i]);
        text_add(t, "\n");
    }
    text_add(t, "</table>\n");
}

static void end_page(Text *t, const ReportFacts *f)
{
    if (f->program) {
        text_add(t, "<details><summary>the program</summary><pre>");
        chart_escaped(t, f->program);
        text_add(t, "</pre></details>\n");
    }
    text_add(t, "</html>\n");
}

/* ---- a run's page ----------------------------------------------------------------------------------------------- */

static double last_step(const Curves *c, double last)
{
    for (int i = 0; i < c->n; i++) last = fmax(last, c->v[i].points.v[c->v[i].points.n - 1].step);
    return last;
}

static bool odd(const Curve *c)                             /* has it a value that is marked? */
{
    for (int i = 0; i < c->points.n; i++)
        if (!isfinite(c->points.v[i].value)) return true;
    return false;
}

static void add_name(Text *t, const Curve *c)
{
    chart_escaped(t, c->name);
    if (!c->kind) return;
    text_add(t, " <i>(");
    chart_escaped(t, c->kind);
    text_add(t, ")</i>");
}

static void add_last(Text *t, const Curve *c)
{
    char value[GAN_NUMBER_TEXT];
    gan_number_text(value, chart_last(c), 6);
    text_add(t, value);
}

static void add_once(Text *t, const Curves *curves)
{
    int n = 0;
    for (int i = 0; i < curves->n; i++) n += curves->v[i].points.n == 1;
    if (!n) return;
    text_add(t, "<table>\n");
    for (int i = 0; i < curves->n; i++) {
        const Curve *c = &curves->v[i];
        if (c->points.n > 1) continue;
        text_add(t, "<tr><td>");
        add_name(t, c);
        text_add(t, "<td><b>");
        add_last(t, c);
        text_add(t, "</b>\n");
    }
    text_add(t, "</table>\n");
}

static void add_curves(Text *t, const Curves *curves, double last)
{
    bool marks = false;
    text_add(t, "<section>\n");
    for (int i = 0; i < curves->n; i++) {
        const Curve *c = &curves->v[i];
        if (c->points.n < 2) continue;
        marks |= odd(c);
        text_add(t, "<figure><figcaption>");
        add_name(t, c);
        text_add(t, " <b>");
        add_last(t, c);
        text_add(t, "</b></figcaption>");
        chart_add(t, &c, 1, last);
        text_add(t, "</figure>\n");
    }
    text_add(t, "</section>\n");
    if (marks) text_add(t, "<p><span class=odd></span>a value that is not finite</p>\n");
}

GanStatus report_write(const char *folder, const ReportFacts *f, GanError *err)
{
    Arena    *a = arena_new();
    Curves    curves = {0};
    Text      page = text_in(a);
    GanStatus s = chart_read_log(a, arena_printf(a, "%s/log.jsonl", folder), &curves, err);
    if (!s) {
        Pictures pictures = pictures_of(a, folder);
        begin_page(&page, f);
        add_facts(&page, f, 0);
        add_expects(&page, f);
        add_once(&page, &curves);
        add_curves(&page, &curves, last_step(&curves, (double)f->step));
        text_add(&page, "<section>\n");
        add_pictures(&page, &pictures, PICTURES_A_NAME, NULL);
        text_add(&page, "</section>\n");
        end_page(&page, f);
        s = file_write(arena_printf(a, "%s/report.html", folder), page.s, page.n, false, err);
    }
    arena_free(a);
    return s;
}

/* ---- a page over seeds ------------------------------------------------------------------------------------------ */

typedef struct Games {
    const ReportGame *game;
    const char *folder;
    uint64_t    seed;                                       /* of the first */
    int         n;
    Curves     *log;                                        /* of each */
    const Curve ***curve;                                   /* of each name: of each game, or NULL */
    const Curve **any;                                      /* of each name: of some game */
    int         n_names;
} Games;

static const char *folder_of(Arena *a, const Games *g, int k) { return arena_printf(a, "%s/seed-%" PRIu64, g->folder, g->seed + (uint64_t)k); }

static int name_number(const Games *g, const char *name)
{
    for (int i = 0; i < g->n_names; i++)
        if (!strcmp(g->any[i]->name, name)) return i;
    return -1;
}

static void sort_games(Arena *a, Games *g)
{
    int most = 0;
    for (int k = 0; k < g->n; k++) most += g->log[k].n;
    g->curve = arena_array(a, const Curve **, most + 1);
    g->any = arena_array(a, const Curve *, most + 1);
    for (int k = 0; k < g->n; k++)
        for (int i = 0; i < g->log[k].n; i++) {
            const Curve *c = &g->log[k].v[i];
            int          at = name_number(g, c->name);
            if (at < 0) {
                at = g->n_names++;
                g->any[at] = c;
                g->curve[at] = arena_array(a, const Curve *, g->n);
            }
            g->curve[at][k] = c;
        }
}

static void add_spread(Text *t, const Games *g, int name)
{
    double *v = arena_array(t->arena, double, g->n);
    int     n = 0;
    for (int k = 0; k < g->n; k++)
        if (g->curve[name][k]) v[n++] = chart_last(g->curve[name][k]);
    double median = chart_median(v, n);
    text_printf(t, "median <b>%.6g</b>, from %.6g to %.6g over %d", median, v[0], v[n - 1], n);
}

static void add_charts(Text *t, const Games *g)
{
    double last = 0;
    for (int k = 0; k < g->n; k++) last = last_step(&g->log[k], last);
    text_add(t, "<p><span class=thin></span>a seed <span class=thick></span>median <span class=odd></span>a value that is not finite</p>\n<section>\n");
    for (int i = 0; i < g->n_names; i++) {
        text_add(t, "<figure><figcaption>");
        add_name(t, g->any[i]);
        text_add(t, " ");
        add_spread(t, g, i);
        text_add(t, "</figcaption>");
        chart_add(t, g->curve[i], g->n, last);
        text_add(t, "</figure>\n");
    }
    text_add(t, "</section>\n");
}

/* In how many games each expectation held, of those in which it was judged; and how many games failed. */
static void add_counts(Text *t, const Games *g)
{
    int failed = 0;
    for (int k = 0; k < g->n; k++) failed += g->game[k].failed;
    if (!failed && !g->game[0].n_expects) return;
    text_add(t, "<table>\n");
    if (failed) text_printf(t, "<tr><td>failed<td class=no>%d of %d\n", failed, g->n);
    for (int i = 0; i < g->game[0].n_expects; i++) {
        int judged = 0, held = 0;
        for (int k = 0; k < g->n; k++) {
            const ReportExpect *e = &g->game[k].expect[i];
            judged += e->judged;
            held += e->judged && e->held;
        }
        text_add(t, "<tr><td><code>expect ");
        chart_escaped(t, g->game[0].expect[i].text);
        text_printf(t, "</code><td class=%s>held in %d of %d\n", held == judged ? "yes" : "no", held, judged);
    }
    text_add(t, "</table>\n");
}

/* The last values, a game a row, which leads to its page; what became of it, and of what the file expects. */
static void add_table(Text *t, const Games *g)
{
    text_add(t, "<table>\n<tr><th>seed<th>run");
    for (int i = 0; i < g->n_names; i++) {
        text_add(t, "<th>");
        add_name(t, g->any[i]);
    }
    for (int i = 0; i < g->game[0].n_expects; i++) {
        text_add(t, "<th><code>expect ");
        chart_escaped(t, g->game[0].expect[i].text);
        text_add(t, "</code>");
    }
    for (int k = 0; k < g->n; k++) {
        unsigned long long seed = g->seed + (uint64_t)k;
        const ReportGame *one = &g->game[k];
        text_printf(t, "\n<tr><td><a href='seed-%llu/report.html'>%llu</a><td%s>%s at step %" PRId64, seed, seed, one->failed ? " class=no" : "", one->state, one->step);
        for (int i = 0; i < g->n_names; i++) {
            text_add(t, "<td>");
            if (g->curve[i][k]) add_last(t, g->curve[i][k]);
        }
        for (int i = 0; i < one->n_expects; i++) add_judgement(t, &one->expect[i]);
    }
    text_add(t, "\n</table>\n");
}

static void add_last_pictures(Text *t, const Games *g)
{
    text_add(t, "<section>\n");
    for (int k = 0; k < g->n && k < MOST_SEEDS_PICTURED; k++) {
        Pictures found = pictures_of(t->arena, folder_of(t->arena, g, k));
        add_pictures(t, &found, 1, arena_printf(t->arena, "seed %" PRIu64, g->seed + (uint64_t)k));
    }
    text_add(t, "</section>\n");
}

GanStatus report_write_seeds(const char *folder, const ReportFacts *f, const ReportGame *game, int n, GanError *err)
{
    Arena    *a = arena_new();
    Games     g = {.game = game, .folder = folder, .seed = f->seed, .n = n, .log = arena_array(a, Curves, n)};
    Text      page = text_in(a);
    GanStatus s = GAN_OK;
    for (int k = 0; k < n && !s; k++) s = chart_read_log(a, arena_printf(a, "%s/log.jsonl", folder_of(a, &g, k)), &g.log[k], err);
    if (!s) {
        sort_games(a, &g);
        begin_page(&page, f);
        add_facts(&page, f, n);
        add_counts(&page, &g);
        add_charts(&page, &g);
        add_table(&page, &g);
        add_last_pictures(&page, &g);
        end_page(&page, f);
        s = file_write(arena_printf(a, "%s/report.html", folder), page.s, page.n, false, err);
    }
    arena_free(a);
    return s;
}
