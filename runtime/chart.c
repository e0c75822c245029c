/* chart.c - see chart.h. */
#include "runtime/chart.h"

#include "runtime/axis.h"
#include "runtime/file.h"
#include "runtime/verdict.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CURVES = 64, MOST_POINTS = 1200, LEAST_POINTS = 20, ALL_POINTS = 20000 };       /* of a curve, and of all in a chart */
static const int64_t most_log = INT64_C(1) << 31;

void chart_escaped(Text *t, const char *s)
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

/* ---- from the log ----------------------------------------------------------------------------------------------- */

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
    array_push(a, curves, ((Curve){.name = arena_str(a, name)}));
    return &curves->v[curves->n - 1];
}

/* "bound, 2500 samples"; NULL where nothing is said of it. */
static const char *measured(Arena *a, const json_t *line, const char *name)
{
    const char   *kind = json_string_value(json_object_get(json_object_get(line, "kinds"), name));
    const json_t *counts = json_object_get(json_object_get(json_object_get(line, "measured"), "samples"), name);
    int64_t       samples[GAN_MOST_SAMPLES] = {0};
    Text          t = text_in(a);
    for (size_t i = 0; i < json_array_size(counts) && i < GAN_MOST_SAMPLES; i++) samples[i] = json_integer_value(json_array_get(counts, i));
    if (kind) text_add(&t, kind);
    if (kind && *samples) text_add(&t, ", ");
    samples_text(samples, &t);
    return t.n ? text_str(&t) : NULL;
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
            if (!c) continue;
            array_push(a, &c->points, p);
            if (!c->kind) c->kind = measured(a, root, name);
        }
    }
    json_decref(root);
}

GanStatus chart_read_log(Arena *a, const char *path, Curves *curves, GanError *err)
{
    char  *text;
    size_t n;
    GanStatus s = file_read_all(path, most_log, &text, &n, err);
    if (s) return s == GAN_WRONG ? GAN_OK : s;              /* a run with its log elsewhere has pictures still */
    errno = 0;
    for (char *line = text, *stop; (stop = memchr(line, '\n', n - (size_t)(line - text))); line = stop + 1)
        read_line(a, curves, line, (size_t)(stop - line));
    bool no_memory = errno == ENOMEM;                       /* jansson does not say so */
    free(text);
    return no_memory ? gan_error_in(err, GAN_WORLD, path, "not enough memory to read the log") : GAN_OK;
}

double chart_last(const Curve *c) { return c && c->points.n ? c->points.v[c->points.n - 1].value : NAN; }

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return isnan(x) ? !isnan(y) : x > y ? 1 : -(x < y);
}

double chart_median(double *v, int n)
{
    if (!n) return NAN;
    qsort(v, (size_t)n, sizeof *v, by_value);
    return n % 2 ? v[n / 2] : 0.5 * (v[n / 2 - 1] + v[n / 2]);
}

/* ---- drawing ---------------------------------------------------------------------------------------------------- */

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

static Frame frame_of(const Curve *const *curve, int n, double last)
{
    Frame f = {0, drawable(last), INFINITY, -INFINITY};
    for (int k = 0; k < n; k++)
        for (int i = 0; curve[k] && i < curve[k]->points.n; i++) {
            Point p = curve[k]->points.v[i];
            f.x0 = fmin(f.x0, drawable(p.step));
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

/* Of as many points as are allowed, or their buckets. */
static void add_line(Text *t, const Frame *f, const Curve *c, const char *class, int most)
{
    bool pen = false;
    int  n = c->points.n, each = (n + most - 1) / most;
    text_printf(t, "<path class=%s d='", class);
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

/* At the steps of the longest curve, of the curves that have a value there. */
static Curve median_of(Arena *a, const Curve *const *curve, int n)
{
    const Curve *longest = NULL;
    Curve        m = {0};
    int         *at = arena_array(a, int, n);
    double      *v = arena_array(a, double, n);
    for (int k = 0; k < n; k++)
        if (curve[k] && (!longest || curve[k]->points.n > longest->points.n)) longest = curve[k];
    for (int i = 0; longest && i < longest->points.n; i++) {
        double step = longest->points.v[i].step;
        int    there = 0;
        for (int k = 0; k < n; k++) {
            while (curve[k] && at[k] < curve[k]->points.n && curve[k]->points.v[at[k]].step < step) at[k]++;
            if (curve[k] && at[k] < curve[k]->points.n && curve[k]->points.v[at[k]].step == step) v[there++] = curve[k]->points.v[at[k]].value;
        }
        array_push(a, &m.points, ((Point){step, chart_median(v, there)}));
    }
    return m;
}

void chart_add(Text *t, const Curve *const *curve, int n, double last)
{
    Frame f = frame_of(curve, n, last);
    int   most = ALL_POINTS / n < LEAST_POINTS ? LEAST_POINTS : ALL_POINTS / n < MOST_POINTS ? ALL_POINTS / n : MOST_POINTS;
    text_printf(t, "<svg viewBox='0 0 %d %d' role=img>", WIDTH, HEIGHT);
    add_ticks(t, &f);
    text_printf(t, "<path class=a d='M%d %dV%dH%d'/>", LEFT, TOP, HEIGHT - BOTTOM, WIDTH - RIGHT);
    for (int k = 0; k < n; k++) {
        if (!curve[k]) continue;
        add_line(t, &f, curve[k], n > 1 ? "'c s'" : "c", most);
        add_not_finite(t, &f, curve[k]);
    }
    if (n > 1) {
        Curve m = median_of(t->arena, curve, n);
        add_line(t, &f, &m, "'c m'", MOST_POINTS);
    }
    text_add(t, "</svg>");
}
