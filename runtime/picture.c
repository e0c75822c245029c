/* picture.c - see picture.h. A canvas of RGB bytes, integer arithmetic once a point has its place, libpng at the end. */
#include "runtime/picture.h"

#include "runtime/axis.h"
#include "runtime/file.h"

#include <inttypes.h>
#include <math.h>
#include <png.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const int64_t most_pixels = 1 << 26;

typedef uint32_t Colour;                                    /* 0xrrggbb */

static const Colour white = 0xffffff, ink = 0x404040, pale = 0xe4e4e4, gap_grey = 0xd0d0d0, magenta = 0xff00ff;

/* ---- the canvas ------------------------------------------------------------------------------------------------- */

typedef struct Canvas {
    int64_t  w, h;
    uint8_t *rgb;
} Canvas;

static void put(Canvas *c, int64_t x, int64_t y, Colour colour)
{
    if (x < 0 || y < 0 || x >= c->w || y >= c->h) return;
    uint8_t *p = c->rgb + 3 * (y * c->w + x);
    p[0] = (uint8_t)(colour >> 16), p[1] = (uint8_t)(colour >> 8), p[2] = (uint8_t)colour;
}

static void box(Canvas *c, int64_t x, int64_t y, int64_t w, int64_t h, Colour colour)
{
    for (int64_t j = y; j < y + h; j++)
        for (int64_t i = x; i < x + w; i++) put(c, i, j, colour);
}

static GanStatus canvas_new(Canvas *c, const char *path, int64_t w, int64_t h, Colour colour, GanError *err)
{
    if (w > most_pixels / h) return gan_error_in(err, GAN_WRONG, path, "a picture of %" PRId64 " by %" PRId64 " pixels is too large", w, h);
    *c = (Canvas){w, h, malloc((size_t)(3 * w * h))};
    if (!c->rgb) return gan_error_in(err, GAN_WORLD, path, "not enough memory for a picture");
    box(c, 0, 0, w, h, colour);
    return GAN_OK;
}

/* alpha 0 to 255 */
static void blend(Canvas *c, int64_t x, int64_t y, Colour colour, int alpha)
{
    if (x < 0 || y < 0 || x >= c->w || y >= c->h) return;
    uint8_t *p = c->rgb + 3 * (y * c->w + x);
    for (int i = 0; i < 3; i++) {
        int to = (int)(colour >> (16 - 8 * i) & 255);
        p[i] = (uint8_t)((p[i] * (255 - alpha) + to * alpha + 127) / 255);
    }
}

static GanStatus canvas_write(Canvas *c, const char *path, GanError *err)
{
    char     *bytes = NULL;
    size_t    n = 0;
    png_image im = {.version = PNG_IMAGE_VERSION, .width = (png_uint_32)c->w, .height = (png_uint_32)c->h, .format = PNG_FORMAT_RGB};
    FILE     *f = open_memstream(&bytes, &n);
    GanStatus s = f ? GAN_OK : gan_error_in(err, GAN_WORLD, path, "not enough memory for a picture");
    if (!s && !png_image_write_to_stdio(&im, f, 0, c->rgb, 0, NULL)) s = gan_error_in(err, GAN_WORLD, path, "no picture could be made: %s", im.message);
    if (f && fclose(f) && !s) s = gan_error_in(err, GAN_WORLD, path, "not enough memory for a picture");
    if (!s) s = file_write(path, bytes, n, false, err);
    free(bytes);
    free(c->rgb);
    return s;
}

/* ---- small writing ---------------------------------------------------------------------------------------------- */

enum { GLYPH_W = 5, GLYPH_H = 7, PITCH = 6 };

typedef struct Glyph {
    char    c;
    uint8_t row[GLYPH_H];                                   /* five bits each, the left one high */
} Glyph;

static const Glyph font[] = {
    {'0', {0x0e, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0e}}, {'1', {0x04, 0x0c, 0x04, 0x04, 0x04, 0x04, 0x0e}},
    {'2', {0x0e, 0x11, 0x01, 0x02, 0x04, 0x08, 0x1f}}, {'3', {0x1f, 0x02, 0x04, 0x02, 0x01, 0x11, 0x0e}},
    {'4', {0x02, 0x06, 0x0a, 0x12, 0x1f, 0x02, 0x02}}, {'5', {0x1f, 0x10, 0x1e, 0x01, 0x01, 0x11, 0x0e}},
    {'6', {0x06, 0x08, 0x10, 0x1e, 0x11, 0x11, 0x0e}}, {'7', {0x1f, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08}},
    {'8', {0x0e, 0x11, 0x11, 0x0e, 0x11, 0x11, 0x0e}}, {'9', {0x0e, 0x11, 0x11, 0x0f, 0x01, 0x02, 0x0c}},
    {'-', {0x00, 0x00, 0x00, 0x1f, 0x00, 0x00, 0x00}}, {'+', {0x00, 0x04, 0x04, 0x1f, 0x04, 0x04, 0x00}},
    {'.', {0x00, 0x00, 0x00, 0x00, 0x00, 0x0c, 0x0c}}, {'e', {0x00, 0x00, 0x0e, 0x11, 0x1f, 0x10, 0x0e}},
    {'n', {0x00, 0x00, 0x16, 0x19, 0x11, 0x11, 0x11}}, {'a', {0x00, 0x00, 0x0e, 0x01, 0x0f, 0x11, 0x0f}},
};

static void write_glyph(Canvas *c, int64_t x, int64_t y, char letter, Colour colour)
{
    for (size_t g = 0; g < sizeof font / sizeof *font; g++) {
        if (font[g].c != letter) continue;
        for (int j = 0; j < GLYPH_H; j++)
            for (int i = 0; i < GLYPH_W; i++)
                if (font[g].row[j] >> (GLYPH_W - 1 - i) & 1) put(c, x + i, y + j, colour);
    }
}

static void write_text(Canvas *c, int64_t x, int64_t y, const char *text, Colour colour)
{
    for (; *text; text++, x += PITCH) write_glyph(c, x, y, *text, colour);
}

static int64_t text_width(const char *text) { return (int64_t)strlen(text) * PITCH - 1; }

/* ---- scatter ---------------------------------------------------------------------------------------------------- */

enum { SIDE = 480, LEFT = 64, TOP = 16, RIGHT = 16, BOTTOM = 32, EIGHTH = 8, RADIUS = 18 };     /* RADIUS in eighths of a pixel */

static const double huge = 1e300;                           /* further out is the same as infinity here */
static const Colour colours[] = {0x0072b2, 0xd55e00, 0x009e73, 0xcc79a7, 0xe69f00, 0x56b4e9};

typedef struct Range {
    double lo, hi;
} Range;

typedef struct Window {                                     /* square: x0 to x0 + span, y0 to y0 + span */
    double x0, y0, span;
} Window;

static double clamp(double x, double lo, double hi) { return x < lo ? lo : x > hi ? hi : x; }

static bool point(const GanTensor *cloud, int64_t i, double xy[2])
{
    for (int k = 0; k < 2; k++) xy[k] = clamp(gan_tensor_get(cloud, 2 * i + k), -huge, huge);
    return !isnan(xy[0]) && !isnan(xy[1]);
}

static const Range nowhere = {INFINITY, -INFINITY};

static Range cover(Range r, const GanTensor *cloud, int axis)
{
    double xy[2];
    for (int64_t i = 0; i < cloud->dim[0]; i++) {
        if (!point(cloud, i, xy) || fabs(xy[axis]) == huge) continue;
        r.lo = fmin(r.lo, xy[axis]);
        r.hi = fmax(r.hi, xy[axis]);
    }
    return r;
}

/* The first cloud says what matters: one that has run away must not shrink it to a dot. */
static Range choose(const GanTensor *const *cloud, int n, int axis)
{
    Range first = cover(nowhere, cloud[0], axis), all = first;
    for (int k = 1; k < n; k++) all = cover(all, cloud[k], axis);
    if (all.lo > all.hi) return (Range){-1, 1};
    if (first.lo >= first.hi) return all;
    double middle = first.lo / 2 + first.hi / 2, reach = 2 * (first.hi / 2 - first.lo / 2);
    return (Range){fmax(all.lo, middle - reach), fmin(all.hi, middle + reach)};
}

static Window window_of(const GanTensor *const *cloud, int n)
{
    Range  x = choose(cloud, n, 0), y = choose(cloud, n, 1);
    double mx = x.lo / 2 + x.hi / 2, my = y.lo / 2 + y.hi / 2;
    double span = 1.08 * fmax(x.hi - x.lo, y.hi - y.lo), least = 1e-4 * fmax(fabs(mx), fabs(my));
    if (span < least) span = least;                         /* so that six digits tell ticks apart */
    if (span < 1e-300) span = 2;
    return (Window){mx - span / 2, my - span / 2, span};
}

static void draw_frame(Canvas *c, Window w)
{
    char   text[32];
    double step = axis_step(w.span);
    for (int axis = 0; axis < 2; axis++) {
        double lo = axis ? w.y0 : w.x0;
        for (double k = axis_first(lo, step); k * step <= lo + w.span; k++) {
            int64_t at = (int64_t)((k * step - lo) / w.span * (SIDE - 1) + 0.5);
            axis_label(text, k * step);
            if (axis) {
                box(c, LEFT, TOP + SIDE - 1 - at, SIDE, 1, pale);
                write_text(c, LEFT - 8 - text_width(text), TOP + SIDE - 1 - at - GLYPH_H / 2, text, ink);
            } else {
                box(c, LEFT + at, TOP, 1, SIDE, pale);
                write_text(c, LEFT + at - text_width(text) / 2, TOP + SIDE + 8, text, ink);
            }
        }
    }
    box(c, LEFT - 1, TOP - 1, SIDE + 2, 1, ink);
    box(c, LEFT - 1, TOP + SIDE, SIDE + 2, 1, ink);
    box(c, LEFT - 1, TOP - 1, 1, SIDE + 2, ink);
    box(c, LEFT + SIDE, TOP - 1, 1, SIDE + 2, ink);
}

/* A disc around (x, y) in eighths of a pixel; a pixel's share is counted on four by four places. */
static void disc(Canvas *c, int64_t x, int64_t y, Colour colour, int alpha)
{
    for (int64_t j = (y - RADIUS) / EIGHTH; j <= (y + RADIUS) / EIGHTH; j++)
        for (int64_t i = (x - RADIUS) / EIGHTH; i <= (x + RADIUS) / EIGHTH; i++) {
            int inside = 0;
            for (int k = 0; k < 16; k++) {
                int64_t dx = i * EIGHTH + 2 * (k % 4) + 1 - x, dy = j * EIGHTH + 2 * (k / 4) + 1 - y;
                inside += dx * dx + dy * dy <= RADIUS * RADIUS;
            }
            if (inside) blend(c, i, j, colour, alpha * inside / 16);
        }
}

static int64_t place(double x, double lo, double span) { return (int64_t)(clamp((x - lo) / span, 0, 1) * (SIDE - 1) * EIGHTH + 0.5); }

/* Clouds take turns point by point, so that none lies under the other. */
static int64_t draw_points(Canvas *c, Window w, const GanTensor *const *cloud, int n)
{
    int64_t longest = 0, nans = 0;
    for (int k = 0; k < n; k++)
        if (cloud[k]->dim[0] > longest) longest = cloud[k]->dim[0];
    int alpha = longest <= 500 ? 190 : longest <= 2000 ? 130 : 80;
    for (int64_t i = 0; i < longest; i++)
        for (int k = 0; k < n; k++) {
            double xy[2];
            if (i >= cloud[k]->dim[0]) continue;
            if (!point(cloud[k], i, xy)) nans++;
            else disc(c, LEFT * EIGHTH + place(xy[0], w.x0, w.span), (TOP + SIDE - 1) * EIGHTH - place(xy[1], w.y0, w.span), colours[k], alpha);
        }
    return nans;
}

static GanStatus check_clouds(const char *path, const GanTensor *const *cloud, int n, GanError *err)
{
    char text[128];
    if (n < 1 || n > (int)(sizeof colours / sizeof *colours)) return gan_error_in(err, GAN_WRONG, path, "a scatter of %d clouds; 1 to 6 can be drawn", n);
    for (int k = 0; k < n; k++)
        if (cloud[k]->rank != 2 || cloud[k]->dim[1] != 2)
            return gan_error_in(err, GAN_WRONG, path, "a scatter wants points [n, 2], and this is %s", gan_tensor_text(cloud[k], text, sizeof text));
    return GAN_OK;
}

GanStatus picture_scatter(const char *path, const GanTensor *const *cloud, int n_clouds, GanError *err)
{
    Canvas    c;
    char      text[40];
    GanStatus s = check_clouds(path, cloud, n_clouds, err);
    if (!s) s = canvas_new(&c, path, LEFT + SIDE + RIGHT, TOP + SIDE + BOTTOM, white, err);
    if (s) return s;
    Window w = window_of(cloud, n_clouds);
    draw_frame(&c, w);
    int64_t nans = draw_points(&c, w, cloud, n_clouds);
    if (nans) {
        snprintf(text, sizeof text, "nan %" PRId64, nans);
        write_text(&c, LEFT + SIDE - 8 - text_width(text), TOP + 8, text, magenta);
    }
    return canvas_write(&c, path, err);
}

/* ---- grid ------------------------------------------------------------------------------------------------------- */

enum { GAP = 2, CELL = 64 };

typedef struct Layout {
    int64_t n, h, w, channels, columns, rows, scale;
} Layout;

static GanStatus lay_out(const char *path, const GanTensor *t, Layout *g, GanError *err)
{
    char text[128];
    *g = (Layout){.n = t->dim[0], .h = t->dim[1], .w = t->dim[2], .channels = t->rank == 4 ? t->dim[3] : 1, .columns = 1, .scale = 1};
    bool fits = (t->rank == 3 || t->rank == 4) && (g->channels == 1 || g->channels == 3) && g->n > 0 && g->h > 0 && g->w > 0;
    if (!fits)
        return gan_error_in(err, GAN_WRONG, path, "a grid wants images [n, h, w] or [n, h, w, 1 or 3], and this is %s", gan_tensor_text(t, text, sizeof text));
    if (g->n > most_pixels || g->h > most_pixels || g->w > most_pixels) return gan_error_in(err, GAN_WRONG, path, "the images are too many or too large");
    while (g->columns * g->columns < g->n) g->columns++;
    g->rows = (g->n + g->columns - 1) / g->columns;
    int64_t side = g->h > g->w ? g->h : g->w;
    if (side < CELL && g->n <= 1024) g->scale = CELL / side;
    return GAN_OK;
}

static uint8_t shade(double x, double lo, double hi) { return (uint8_t)(clamp((x - lo) / (hi - lo), 0, 1) * 255 + 0.5); }

static Colour pixel(const GanTensor *t, const Layout *g, int64_t at, double lo, double hi)
{
    uint32_t rgb = 0;
    for (int64_t k = 0; k < 3; k++) {
        double x = gan_tensor_get(t, at * g->channels + (g->channels == 3 ? k : 0));
        if (isnan(x)) return magenta;
        rgb = rgb << 8 | shade(x, lo, hi);
    }
    return rgb;
}

static void draw_image(Canvas *c, const GanTensor *t, const Layout *g, int64_t i, double lo, double hi)
{
    int64_t x0 = GAP + i % g->columns * (g->w * g->scale + GAP), y0 = GAP + i / g->columns * (g->h * g->scale + GAP);
    for (int64_t y = 0; y < g->h; y++)
        for (int64_t x = 0; x < g->w; x++)
            box(c, x0 + x * g->scale, y0 + y * g->scale, g->scale, g->scale, pixel(t, g, (i * g->h + y) * g->w + x, lo, hi));
}

GanStatus picture_grid(const char *path, const GanTensor *images, double lo, double hi, GanError *err)
{
    Canvas c;
    Layout g;
    if (!(lo < hi) || !isfinite(hi - lo)) return gan_error_in(err, GAN_WRONG, path, "black (%g) must be less than white (%g)", lo, hi);
    GanStatus s = lay_out(path, images, &g, err);
    if (!s) s = canvas_new(&c, path, GAP + g.columns * (g.w * g.scale + GAP), GAP + g.rows * (g.h * g.scale + GAP), gap_grey, err);
    if (s) return s;
    for (int64_t i = 0; i < g.n; i++) draw_image(&c, images, &g, i, lo, hi);
    return canvas_write(&c, path, err);
}
