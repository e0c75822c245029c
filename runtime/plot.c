/* plot.c - pictures with axes: scatter, histogram, curve (picture.h). Each finds its axes, draws the frame, then its parts in the frame. */
#include "runtime/canvas.h"
#include "runtime/picture.h"

#include "runtime/axis.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 480, LEFT = 64, TOP = 28, RIGHT = 16, BOTTOM = 32, EIGHTH = CANVAS_EIGHTH, RADIUS = 18 };     /* RADIUS in eighths of a pixel */
enum { PLOT_HEIGHT = 300, MOST_TICKS = 20 };                /* of histograms and curves; a scatter is a square */

static const double huge = 1e300;                           /* further out is the same as infinity here */
static const Colour colours[PICTURE_MOST_PARTS] = {0x0072b2, 0xd55e00, 0x009e73, 0xcc79a7, 0xe69f00, 0x56b4e9};

typedef struct Range {
    double lo, hi;
} Range;

typedef struct Plot {
    Canvas      c;
    PictureAxes at;
    int64_t     height;                                     /* of the frame */
} Plot;

static double clamp(double x, double lo, double hi) { return x < lo ? lo : x > hi ? hi : x; }
static double number(const GanTensor *t, int64_t i) { return clamp(gan_tensor_get(t, i), -huge, huge); }
static bool   is_drawable(double x) { return fabs(x) < huge; }

static GanStatus check_parts(const char *path, const PicturePart *part, int n, int64_t columns, const char *what, const char *wants, GanError *err)
{
    char text[128];
    if (n < 1 || n > PICTURE_MOST_PARTS) return gan_error_in(err, GAN_WRONG, path, "a %s of %d parts; 1 to %d can be drawn", what, n, PICTURE_MOST_PARTS);
    for (int k = 0; k < n; k++) {
        const GanTensor *t = part[k].t;
        bool             fits = columns ? t->rank == 2 && t->dim[1] == columns : t->rank == 1;
        if (!fits) return gan_error_in(err, GAN_WRONG, path, "a %s wants %s, and this is %s", what, wants, gan_tensor_text(t, text, sizeof text));
    }
    return GAN_OK;
}

/* ---- axes ------------------------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static const Range nowhere = {INFINITY, -INFINITY};

/* From where to where all but the outermost hundredths of the numbers are. lo > hi: there are none. */
static Range bulk_of(const GanTensor *t, int64_t first, int64_t stride)
{
    int64_t n = 0, count = gan_tensor_count(t);
    double *v = malloc(sizeof *v * (size_t)(count + 1));
    Range   r = nowhere;
    for (int64_t i = first; v && i < count; i += stride)
        if (is_drawable(number(t, i))) v[n++] = number(t, i);
    if (n) {
        qsort(v, (size_t)n, sizeof *v, by_value);
        r = (Range){v[n / 100], v[n - 1 - n / 100]};
    }
    free(v);
    return r;
}

static Range both(Range a, Range b) { return (Range){fmin(a.lo, b.lo), fmax(a.hi, b.hi)}; }

/* The first part says what matters: one that has run away must not shrink it to a dot. Where it is a point, all of them say. */
static Range wanted(const PicturePart *part, int n, int64_t first, int64_t stride)
{
    Range r = bulk_of(part[0].t, first, stride);
    for (int k = 1; k < n && r.lo >= r.hi; k++) r = both(r, bulk_of(part[k].t, first, stride));
    return r.lo > r.hi ? (Range){-1, 1} : r;
}

/* Round ends around a range, with room for as much of its span beside it. */
static Range round_ends(Range r, double room)
{
    double middle = r.lo / 2 + r.hi / 2, span = (1 + room) * (r.hi - r.lo), least = 1e-4 * fabs(middle);
    if (span < least) span = least;                         /* so that six digits tell ticks apart */
    if (span < 1e-290) span = 2;
    double half = axis_step(span) / 2, lo = middle - span / 2, hi = middle + span / 2;
    Range  round = {floor(lo / half) * half, ceil(hi / half) * half};
    return round.lo < round.hi && isfinite(round.hi - round.lo) ? round : (Range){lo, hi};
}

static bool given(const PictureStyle *s) { return !isnan(s->lo) && !isnan(s->hi); }

/* Those of before, if what is wanted lies within. */
static Range settle(Range before, Range want, double room)
{
    bool known = before.lo < before.hi;
    if (known && want.lo >= before.lo && want.hi <= before.hi) return before;
    return round_ends(known ? both(before, want) : want, room);
}

/* ---- the frame -------------------------------------------------------------------------------------------------- */

static int64_t place(double x, double lo, double hi, int64_t pixels) { return (int64_t)(clamp((x - lo) / (hi - lo), 0, 1) * (double)(pixels - 1) * EIGHTH + 0.5); }

static int64_t place_x(const Plot *p, double x) { return LEFT * EIGHTH + place(x, p->at.x0, p->at.x1, WIDTH); }
static int64_t place_y(const Plot *p, double y) { return (TOP + p->height - 1) * EIGHTH - place(y, p->at.y0, p->at.y1, p->height); }

static void draw_x_ticks(Plot *p)
{
    char   text[32];
    double step = axis_step(p->at.x1 - p->at.x0), first = axis_first(p->at.x0, step);
    for (double k = first; k * step <= p->at.x1 && k < first + MOST_TICKS && k + 1 > k; k++) {
        int64_t x = place_x(p, k * step) / EIGHTH;
        axis_label(text, k * step);
        canvas_box(&p->c, x, TOP, 1, p->height, PALE);
        canvas_text(&p->c, x - canvas_text_width(text) / 2, TOP + p->height + 8, text, INK);
    }
}

static void draw_y_ticks(Plot *p)
{
    char   text[32];
    double step = axis_step(p->at.y1 - p->at.y0), first = axis_first(p->at.y0, step);
    for (double k = first; k * step <= p->at.y1 && k < first + MOST_TICKS && k + 1 > k; k++) {
        int64_t y = place_y(p, k * step) / EIGHTH;
        axis_label(text, k * step);
        canvas_box(&p->c, LEFT, y, WIDTH, 1, PALE);
        canvas_text(&p->c, LEFT - 8 - canvas_text_width(text), y - CANVAS_GLYPH_H / 2, text, INK);
    }
}

static void draw_frame(Plot *p)
{
    draw_x_ticks(p);
    draw_y_ticks(p);
    canvas_box(&p->c, LEFT - 1, TOP - 1, WIDTH + 2, 1, INK);
    canvas_box(&p->c, LEFT - 1, TOP + p->height, WIDTH + 2, 1, INK);
    canvas_box(&p->c, LEFT - 1, TOP - 1, 1, p->height + 2, INK);
    canvas_box(&p->c, LEFT + WIDTH, TOP - 1, 1, p->height + 2, INK);
}

/* A square and the name, for each part that has one, as far as there is room. */
static void draw_legend(Plot *p, const PicturePart *part, int n)
{
    enum { SQUARE = 9, BETWEEN = 14 };
    int64_t x = LEFT, y = (TOP - SQUARE) / 2;
    for (int k = 0; k < n; k++) {
        if (!part[k].name || x + SQUARE + 5 + canvas_text_width(part[k].name) > LEFT + WIDTH) continue;
        canvas_box(&p->c, x, y, SQUARE, SQUARE, colours[k]);
        canvas_text(&p->c, x + SQUARE + 5, y + 1, part[k].name, INK);
        x += SQUARE + 5 + canvas_text_width(part[k].name) + BETWEEN;
    }
}

/* "nan 3", "outside 7" in the corner. */
static void draw_count(Plot *p, int line, const char *word, int64_t n, Colour colour)
{
    char text[40];
    if (!n) return;
    snprintf(text, sizeof text, "%s %" PRId64, word, n);
    canvas_text(&p->c, LEFT + WIDTH - 8 - canvas_text_width(text), TOP + 8 + 12 * line, text, colour);
}

static GanStatus plot_begin(Plot *p, const char *path, int64_t height, PictureAxes at, const PictureStyle *style, GanError *err)
{
    *p = (Plot){.at = at, .height = height};
    if (style->axes) *style->axes = at;
    GanStatus s = canvas_new(&p->c, path, LEFT + WIDTH + RIGHT, TOP + height + BOTTOM, WHITE, err);
    if (!s) draw_frame(p);
    return s;
}

/* ---- scatter ---------------------------------------------------------------------------------------------------- */

/* A square, whose sides are as long as the longer range wants. */
static PictureAxes window_of(const PicturePart *part, int n, const PictureStyle *style)
{
    if (given(style)) return (PictureAxes){style->lo, style->hi, style->lo, style->hi};
    PictureAxes before = style->axes ? *style->axes : (PictureAxes){0};
    Range       x = wanted(part, n, 0, 2), y = wanted(part, n, 1, 2);
    bool        fits = before.x0 < before.x1 && x.lo >= before.x0 && x.hi <= before.x1 && y.lo >= before.y0 && y.hi <= before.y1;
    if (fits) return before;
    if (before.x0 < before.x1) x = both(x, (Range){before.x0, before.x1}), y = both(y, (Range){before.y0, before.y1});
    double half = fmax(x.hi / 2 - x.lo / 2, y.hi / 2 - y.lo / 2), mx = x.lo / 2 + x.hi / 2, my = y.lo / 2 + y.hi / 2;
    double side = fmax(half, 0.5e-4 * fmax(fabs(mx), fabs(my)));
    x = round_ends((Range){mx - side, mx + side}, 0.4), y = round_ends((Range){my - side, my + side}, 0.4);
    double span = fmax(x.hi - x.lo, y.hi - y.lo);
    return (PictureAxes){x.lo, x.lo + span, y.lo, y.lo + span};
}

/* Clouds take turns point by point, so that none lies under the other. */
static int64_t draw_points(Plot *p, const PicturePart *part, int n)
{
    int64_t longest = 0, nans = 0;
    for (int k = 0; k < n; k++)
        if (part[k].t->dim[0] > longest) longest = part[k].t->dim[0];
    int alpha = longest <= 500 ? 190 : longest <= 2000 ? 130 : 80;
    for (int64_t i = 0; i < longest; i++)
        for (int k = 0; k < n; k++) {
            if (i >= part[k].t->dim[0]) continue;
            double x = number(part[k].t, 2 * i), y = number(part[k].t, 2 * i + 1);
            if (isnan(x) || isnan(y)) nans++;
            else canvas_disc(&p->c, place_x(p, x), place_y(p, y), RADIUS, colours[k], alpha);
        }
    return nans;
}

GanStatus picture_scatter(const char *path, const PicturePart *part, int n, const PictureStyle *style, GanError *err)
{
    Plot      p;
    GanStatus s = check_parts(path, part, n, 2, "scatter", "points [n, 2]", err);
    if (!s) s = plot_begin(&p, path, WIDTH, window_of(part, n, style), style, err);
    if (s) return s;
    draw_count(&p, 0, "nan", draw_points(&p, part, n), MAGENTA);
    draw_legend(&p, part, n);
    return canvas_write(&p.c, path, err);
}

/* ---- histogram -------------------------------------------------------------------------------------------------- */

typedef struct Bins {
    Range    x;
    int64_t  n;
    double  *density;                                       /* of each part, n numbers a part */
    int64_t  outside, nans;                                 /* of all parts */
} Bins;

static void count_into(Bins *b, const GanTensor *t, double *density)
{
    double each = (double)b->n / ((double)t->dim[0] * (b->x.hi - b->x.lo));
    for (int64_t i = 0; i < t->dim[0]; i++) {
        double x = gan_tensor_get(t, i), at = (x - b->x.lo) / (b->x.hi - b->x.lo) * (double)b->n;
        if (isnan(x)) b->nans++;
        else if (at < 0 || x > b->x.hi) b->outside++;
        else density[at < (double)b->n ? (int64_t)at : b->n - 1] += each;
    }
}

/* The first part's highest density, or any, where that one is nowhere. */
static double highest(const Bins *b, int n)
{
    double most = 0;
    for (int64_t i = 0; i < b->n * n && (i < b->n || most == 0); i++) most = fmax(most, b->density[i]);
    return most > 0 ? most : 1;
}

static void draw_bins(Plot *p, const Bins *b, int k)
{
    double width = (b->x.hi - b->x.lo) / (double)b->n;
    for (int64_t i = 0; i <= b->n; i++) {
        double  before = i ? b->density[k * b->n + i - 1] : 0, here = i < b->n ? b->density[k * b->n + i] : 0;
        int64_t x = place_x(p, b->x.lo + (double)i * width), next = place_x(p, b->x.lo + (double)(i + 1) * width), foot = place_y(p, 0), y = place_y(p, here);
        for (int64_t at = x / EIGHTH; i < b->n && at < next / EIGHTH; at++)
            for (int64_t up = y / EIGHTH; up <= foot / EIGHTH; up++) canvas_blend(&p->c, at, up, colours[k], 40);
        canvas_line(&p->c, x, place_y(p, before), x, y, colours[k]);
        if (i < b->n) canvas_line(&p->c, x, y, next, y, colours[k]);
    }
}

GanStatus picture_histogram(const char *path, const PicturePart *part, int n, const PictureStyle *style, GanError *err)
{
    Plot        p;
    GanStatus   s = check_parts(path, part, n, 0, "histogram", "numbers [n]", err);
    if (s) return s;
    PictureAxes before = style->axes ? *style->axes : (PictureAxes){0};
    Bins        b = {.n = style->bins, .density = calloc((size_t)(style->bins * n), sizeof *b.density)};
    if (!b.density) return gan_error_in(err, GAN_WORLD, path, "not enough memory for a picture");
    b.x = given(style) ? (Range){style->lo, style->hi} : settle((Range){before.x0, before.x1}, wanted(part, n, 0, 1), 0.5);
    for (int k = 0; k < n; k++) count_into(&b, part[k].t, b.density + k * b.n);
    double top = highest(&b, n);
    if (!(before.y0 < before.y1) || top > before.y1) before.y1 = round_ends((Range){0, top}, 0.5).hi;
    s = plot_begin(&p, path, PLOT_HEIGHT, (PictureAxes){b.x.lo, b.x.hi, 0, before.y1}, style, err);
    for (int k = 0; k < n && !s; k++) draw_bins(&p, &b, k);
    free(b.density);
    if (s) return s;
    draw_count(&p, 0, "nan", b.nans, MAGENTA);
    draw_count(&p, 1, "outside", b.outside, INK);
    draw_legend(&p, part, n);
    return canvas_write(&p.c, path, err);
}

/* ---- curve ------------------------------------------------------------------------------------------------------ */

static Range values_of(const PicturePart *part, int n)
{
    Range r = nowhere;
    for (int k = 0; k < n; k++)
        for (int64_t i = 0; i < part[k].t->dim[0]; i++) {
            double y = number(part[k].t, i);
            if (is_drawable(y)) r = both(r, (Range){y, y});
        }
    return r.lo > r.hi ? (Range){-1, 1} : r;
}

static void draw_curve(Plot *p, const GanTensor *t, Colour colour)
{
    double step = (p->at.x1 - p->at.x0) / (double)(t->dim[0] > 1 ? t->dim[0] - 1 : 1);
    for (int64_t i = 0; i < t->dim[0]; i++) {
        double y = number(t, i), last = number(t, i ? i - 1 : i);
        if (!is_drawable(y)) continue;
        int64_t from = is_drawable(last) && i ? i - 1 : i;
        canvas_line(&p->c, place_x(p, p->at.x0 + step * (double)from), place_y(p, from < i ? last : y), place_x(p, p->at.x0 + step * (double)i), place_y(p, y), colour);
    }
}

GanStatus picture_curve(const char *path, const PicturePart *part, int n, const PictureStyle *style, GanError *err)
{
    Plot        p;
    PictureAxes before = style->axes ? *style->axes : (PictureAxes){0};
    GanStatus   s = check_parts(path, part, n, 0, "curve", "values [n]", err);
    if (!s && !(style->lo < style->hi && isfinite(style->hi - style->lo)))
        s = gan_error_in(err, GAN_WRONG, path, "a curve goes from a lower to a higher number, and this goes from %g to %g", style->lo, style->hi);
    if (s) return s;
    Range y = settle((Range){before.y0, before.y1}, values_of(part, n), 0.1);
    s = plot_begin(&p, path, PLOT_HEIGHT, (PictureAxes){style->lo, style->hi, y.lo, y.hi}, style, err);
    if (s) return s;
    for (int k = 0; k < n; k++) draw_curve(&p, part[k].t, colours[k]);
    draw_legend(&p, part, n);
    return canvas_write(&p.c, path, err);
}
