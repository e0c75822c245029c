/* report.c - see report.h. Reads what the run has left behind, draws curves as SVG, packs pictures as data URLs; the page
 * itself forbids every outside request. Start at report_write, at the bottom. */
#include "runtime/report.h"

#include "base/array.h"
#include "base/text.h"
#include "runtime/axis.h"
#include "runtime/file.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CURVES = 64, MOST_POINTS = 1200, PICTURES_A_NAME = 12, MOST_PICTURE = 8 << 20 };
static const int64_t most_log = INT64_C(1) << 31;

static void add_escaped(Text *t, const char *s)
{
    for (; *s; s++) {
        switch (*s) {
        case '<': text_add(t, "&lt;"); break;
        case '>': text_add(t, "&gt;"); break;
        case '&': text_add(t, "&amp;"); break;
        case '"': text_add(t, "&quot;"); break;
        default: text_addn(t, s, 1); break;
        }
    }
}

/* ---- curves: from the log --------------------------------------------------------------------------------------- */

typedef struct Point {
    double step, value;
} Point;

typedef struct Curve {
    const char *name;
    ARRAY(Point) points;
} Curve;

typedef ARRAY(Curve) Curves;

static bool number_of(const json_t *v, double *x)
{
    const char *word = json_string_value(v);
    if (json_is_number(v)) *x = json_number_value(v);
    else if (json_is_boolean(v)) *x = json_is_true(v);
    else if (word && !strcmp(word, "nan")) *x = NAN;
    else if (word && !strcmp(word, "inf")) *x = INFINITY;
    else if (word && !strcmp(word, "-inf")) *x = -INFINITY;
    else return false;
    return true;
}

static Curve *curve_named(Arena *a, Curves *curves, const char *name)
{
    for (int i = 0; i < curves->n; i++)
        if (!strcmp(curves->v[i].name, name)) return &curves->v[i];
    if (curves->n == MOST_CURVES) return NULL;
    Curve new = {.name = arena_str(a, name)};
    array_push(a, curves, new);
    return &curves->v[curves->n - 1];
}

static void read_line(Arena *a, Curves *curves, const char *line, size_t n)
{
    json_t     *root = json_loadb(line, n, 0, NULL), *value;
    const char *name;
    Point       p;
    if (json_is_object(root) && number_of(json_object_get(root, "step"), &p.step) && isfinite(p.step)) {
        json_object_foreach(root, name, value) {
            if (!strcmp(name, "step") || !strcmp(name, "seconds") || !number_of(value, &p.value)) continue;
            Curve *c = curve_named(a, curves, name);
            if (c) array_push(a, &c->points, p);
        }
    }
    json_decref(root);
}

static GanStatus read_log(Arena *a, const char *folder, Curves *curves, GanError *err)
{
    char  *text;
    size_t n;
    char  *path = arena_printf(a, "%s/log.jsonl", folder);
    GanStatus s = file_read_all(path, most_log, &text, &n, err);
    if (s) return s == GAN_WRONG ? GAN_OK : s;              /* a run with its log elsewhere has pictures still */
    errno = 0;
    for (char *line = text, *stop; (stop = memchr(line, '\n', n - (size_t)(line - text))); line = stop + 1)
        read_line(a, curves, line, (size_t)(stop - line));
    bool no_memory = errno == ENOMEM;                       /* jansson does not say so */
    free(text);
    return no_memory ? gan_error_in(err, GAN_WORLD, path, "not enough memory to read the log") : GAN_OK;
}

/* ---- curves: drawing -------------------------------------------------------------------------------------------- */

enum { WIDTH = 440, HEIGHT = 220, LEFT = 58, RIGHT = 24, TOP = 10, BOTTOM = 24 };

typedef struct Frame {
    double x0, x1, y0, y1;                                  /* values at the frame's edges */
} Frame;

static double frame_x(const Frame *f, double step) { return LEFT + (step - f->x0) / (f->x1 - f->x0) * (WIDTH - LEFT - RIGHT); }
static double frame_y(const Frame *f, double y) { return HEIGHT - BOTTOM - (y - f->y0) / (f->y1 - f->y0) * (HEIGHT - TOP - BOTTOM); }

static void widen(double *lo, double *hi)
{
    double least = fmax(fabs(*lo), fabs(*hi)) * 1e-4;
    if (*hi - *lo > least && *hi - *lo > 1e-300) return;
    if (least < 1e-300) least = 1;
    *lo -= least;
    *hi += least;
}

/* Values beyond 1e300 are drawn there: the span must be finite. */
static double drawable(double x) { return x > 1e300 ? 1e300 : x < -1e300 ? -1e300 : x; }

static Frame frame_of(const Curve *c)
{
    Frame f = {INFINITY, -INFINITY, INFINITY, -INFINITY};
    for (int i = 0; i < c->points.n; i++) {
        Point p = c->points.v[i];
        f.x0 = fmin(f.x0, drawable(p.step)), f.x1 = fmax(f.x1, drawable(p.step));
        if (isfinite(p.value)) f.y0 = fmin(f.y0, drawable(p.value)), f.y1 = fmax(f.y1, drawable(p.value));
    }
    if (f.y0 > f.y1) f.y0 = 0, f.y1 = 1;
    widen(&f.x0, &f.x1);
    widen(&f.y0, &f.y1);
    double room = 0.04 * (f.y1 - f.y0);
    f.y0 -= room, f.y1 += room;
    return f;
}

static void add_ticks(Text *t, const Frame *f)
{
    char   label[32];
    double step = axis_step(f->y1 - f->y0);
    for (double k = axis_first(f->y0, step); k * step <= f->y1; k++)
        text_printf(t, "<path class=g d='M%d %.1fH%d'/><text x=%d y=%.1f class=y>%s</text>", LEFT, frame_y(f, k * step), WIDTH - RIGHT,
                    LEFT - 6, frame_y(f, k * step) + 4, axis_label(label, k * step));
    step = axis_step(1.5 * (f->x1 - f->x0));                /* steps are long words */
    for (double k = axis_first(f->x0, step); k * step <= f->x1; k++)
        text_printf(t, "<text x=%.1f y=%d class=x>%s</text>", frame_x(f, k * step), HEIGHT - 6, axis_label(label, k * step));
}

/* A line goes on while values are finite; `pen` says whether one is under way. */
static void add_point(Text *t, const Frame *f, Point p, bool *pen)
{
    if (!isfinite(p.value)) {
        *pen = false;
        return;
    }
    text_printf(t, "%s%.1f %.1f", *pen ? "L" : "M", frame_x(f, drawable(p.step)), frame_y(f, drawable(p.value)));
    if (!*pen) text_add(t, "h0");                           /* a lone point is a dot */
    *pen = true;
}

/* Of many points, each bucket's lowest and highest, in their order, and one that is not finite if there is one. */
static void add_bucket(Text *t, const Frame *f, const Point *p, int n, bool *pen)
{
    int lo = 0, hi = 0;
    for (int i = 0; i < n; i++) {
        if (!isfinite(p[i].value)) {
            *pen = false;
            return;
        }
        if (p[i].value < p[lo].value) lo = i;
        if (p[i].value > p[hi].value) hi = i;
    }
    add_point(t, f, p[lo < hi ? lo : hi], pen);
    if (lo != hi) add_point(t, f, p[lo < hi ? hi : lo], pen);
}

static void add_line(Text *t, const Frame *f, const Curve *c)
{
    bool pen = false;
    int  n = c->points.n, each = (n + MOST_POINTS - 1) / MOST_POINTS;
    text_add(t, "<path class=c d='");
    for (int i = 0; i < n; i += each) add_bucket(t, f, c->points.v + i, n - i < each ? n - i : each, &pen);
    text_add(t, "'/>");
}

static void add_not_finite(Text *t, const Frame *f, const Curve *c)
{
    int marks = 0;
    for (int i = 0; i < c->points.n && marks < 200; i++) {
        Point p = c->points.v[i];
        if (isfinite(p.value)) continue;
        char label[32];
        text_printf(t, "<path class=n d='M%.1f %dl-4 -8h8z'><title>%s at step %s</title></path>", frame_x(f, drawable(p.step)), TOP + 8,
                    isnan(p.value) ? "nan" : p.value > 0 ? "inf" : "-inf", axis_label(label, p.step));
        marks++;
    }
}

static void add_curve(Text *t, const Curve *c)
{
    Frame  f = frame_of(c);
    double last = c->points.v[c->points.n - 1].value;
    text_add(t, "<figure><figcaption>");
    add_escaped(t, c->name);
    text_add(t, " <b>");
    text_printf(t, "%.6g</b></figcaption><svg viewBox='0 0 %d %d' role=img>", last, WIDTH, HEIGHT);
    add_ticks(t, &f);
    text_printf(t, "<path class=a d='M%d %dV%dH%d'/>", LEFT, TOP, HEIGHT - BOTTOM, WIDTH - RIGHT);
    add_line(t, &f, c);
    add_not_finite(t, &f, c);
    text_add(t, "</svg></figure>\n");
}

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

static void add_picture(Text *t, const Picture *p)
{
    char  *bytes;
    size_t n;
    if (file_read_all(p->path, MOST_PICTURE, &bytes, &n, NULL)) return;
    if (n > 8 && !memcmp(bytes, "\x89PNG\r\n\x1a\n", 8)) {
        text_add(t, "<figure><figcaption>");
        add_escaped(t, GAN_SHOWN(p->name));
        if (p->number >= 0) text_printf(t, " <b>%" PRId64 "</b>", p->number);
        text_add(t, "</figcaption><img alt='' src='data:image/png;base64,");
        add_base64(t, (const uint8_t *)bytes, n);
        text_add(t, "'></figure>\n");
    }
    free(bytes);
}

static void add_pictures(Text *t, Pictures *found)
{
    int same = 0;
    if (found->n) qsort(found->v, (size_t)found->n, sizeof *found->v, by_name_then_newest);
    for (int i = 0; i < found->n; i++) {
        same = i && !strcmp(found->v[i].name, found->v[i - 1].name) ? same + 1 : 0;
        if (same < PICTURES_A_NAME) add_picture(t, &found->v[i]);
    }
}

/* ---- the page --------------------------------------------------------------------------------------------------- */

static const char head[] =
    "<!doctype html>\n<html lang=en><meta charset=utf-8>\n"
    "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n"
    "<meta name=viewport content='width=device-width'>\n<style>\n"
    ":root{color-scheme:light dark;--ink:#222;--pale:#ddd;--back:#fff;--line:#0072b2;--bad:#d55e00}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#ddd;--pale:#444;--back:#181818;--line:#56b4e9}}\n"
    "body{font:15px system-ui,sans-serif;color:var(--ink);background:var(--back);margin:2em}\n"
    "section{display:flex;flex-wrap:wrap;gap:1.5em;margin-bottom:2em}figure{margin:0}svg{width:440px;max-width:100%}\n"
    "img{max-width:100%;min-width:220px;image-rendering:pixelated;background:#fff}figcaption{margin-bottom:.3em}\n"
    "text{font-size:11px;fill:var(--ink)}.x{text-anchor:middle}.y{text-anchor:end}path{fill:none}\n"
    ".g{stroke:var(--pale)}.a{stroke:var(--ink)}.c{stroke:var(--line);stroke-width:1.5;stroke-linecap:round;stroke-linejoin:round}\n"
    ".n{fill:var(--bad)}\n</style>\n";

static void add_page(Text *t, const char *title, const Curves *curves, Pictures *pictures)
{
    text_add(t, head);
    text_add(t, "<title>");
    add_escaped(t, GAN_SHOWN(title));
    text_add(t, "</title>\n<h1>");
    add_escaped(t, GAN_SHOWN(title));
    text_add(t, "</h1>\n<section>\n");
    for (int i = 0; i < curves->n; i++) add_curve(t, &curves->v[i]);
    text_add(t, "</section>\n<section>\n");
    add_pictures(t, pictures);
    text_add(t, "</section>\n</html>\n");
}

GanStatus report_write(const char *folder, const char *title, GanError *err)
{
    Arena    *a = arena_new();
    Curves    curves = {0};
    Pictures  pictures = {0};
    Text      page = text_in(a);
    GanStatus s = read_log(a, folder, &curves, err);
    if (!s) {
        find_pictures(a, folder, &pictures);
        find_pictures(a, arena_printf(a, "%s/pictures", folder), &pictures);
        add_page(&page, title, &curves, &pictures);
        s = file_write(arena_printf(a, "%s/report.html", folder), page.s, page.n, false, err);
    }
    arena_free(a);
    return s;
}
