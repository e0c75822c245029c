/* picture.c - grids of images (picture.h); those with axes are in plot.c. Start at picture_grid, at the bottom. */
#include "runtime/picture.h"

#include "runtime/canvas.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>

static const int64_t most_images = 1 << 26;

enum { GAP = 2, CELL = 64 };

typedef struct Layout {
    int64_t n, h, w, channels, columns, rows, scale;
} Layout;

static Layout images_of(const GanTensor *t)
{
    return (Layout){.n = t->dim[0], .h = t->dim[1], .w = t->dim[2], .channels = t->rank == 4 ? t->dim[3] : 1, .columns = 1, .scale = 1};
}

/* The first part's layout holds for all. */
static GanStatus lay_out(const char *path, const PicturePart *part, int parts, Layout *g, GanError *err)
{
    char text[128];
    for (int k = parts - 1; k >= 0; k--) {
        const GanTensor *t = part[k].t;
        *g = images_of(t);
        bool fits = (t->rank == 3 || t->rank == 4) && (g->channels == 1 || g->channels == 3) && g->n > 0 && g->h > 0 && g->w > 0;
        if (!fits)
            return gan_error_in(err, GAN_WRONG, path, "a grid wants images [n, h, w] or [n, h, w, 1 or 3], and this is %s", gan_tensor_text(t, text, sizeof text));
        if (g->n > most_images || g->h > most_images || g->w > most_images) return gan_error_in(err, GAN_WRONG, path, "the images are too many or too large");
        Layout first = images_of(part[0].t);
        if (g->n != first.n || g->h != first.h || g->w != first.w)
            return gan_error_in(err, GAN_WRONG, path, "the rows of a grid hold images of one size, as many in each; this is %s", gan_tensor_text(t, text, sizeof text));
    }
    if (parts > 1) g->columns = g->n;
    else while (g->columns * g->columns < g->n) g->columns++;
    g->rows = parts > 1 ? parts : (g->n + g->columns - 1) / g->columns;
    int64_t side = g->h > g->w ? g->h : g->w;
    if (side < CELL && g->n <= 1024) g->scale = CELL / side;
    return GAN_OK;
}

static uint8_t shade(double x, double lo, double hi)
{
    double share = (x - lo) / (hi - lo);
    return (uint8_t)((share < 0 ? 0 : share > 1 ? 1 : share) * 255 + 0.5);
}

static Colour pixel(const GanTensor *t, const Layout *g, int64_t at, double lo, double hi)
{
    uint32_t rgb = 0;
    for (int64_t k = 0; k < 3; k++) {
        double x = gan_tensor_get(t, at * g->channels + (g->channels == 3 ? k : 0));
        if (isnan(x)) return MAGENTA;
        rgb = rgb << 8 | shade(x, lo, hi);
    }
    return rgb;
}

/* Image i of t, at place `at` of the grid. */
static void draw_image(Canvas *c, const GanTensor *t, const Layout *g, int64_t i, int64_t at, double lo, double hi)
{
    int64_t x0 = GAP + at % g->columns * (g->w * g->scale + GAP), y0 = GAP + at / g->columns * (g->h * g->scale + GAP);
    for (int64_t y = 0; y < g->h; y++)
        for (int64_t x = 0; x < g->w; x++)
            canvas_box(c, x0 + x * g->scale, y0 + y * g->scale, g->scale, g->scale, pixel(t, g, (i * g->h + y) * g->w + x, lo, hi));
}

GanStatus picture_grid(const char *path, const PicturePart *part, int n, const PictureStyle *style, GanError *err)
{
    Canvas c;
    Layout g;
    double lo = style->lo, hi = style->hi;
    if (n < 1) return gan_error_in(err, GAN_WRONG, path, "a grid of no images");
    if (!(lo < hi) || !isfinite(hi - lo)) return gan_error_in(err, GAN_WRONG, path, "black (%g) must be less than white (%g)", lo, hi);
    GanStatus s = lay_out(path, part, n, &g, err);
    if (!s) s = canvas_new(&c, path, GAP + g.columns * (g.w * g.scale + GAP), GAP + g.rows * (g.h * g.scale + GAP), GAP_GREY, err);
    if (s) return s;
    for (int k = 0; k < n; k++) {
        g.channels = images_of(part[k].t).channels;
        for (int64_t i = 0; i < g.n; i++) draw_image(&c, part[k].t, &g, i, k * g.columns + i, lo, hi);
    }
    return canvas_write(&c, path, err);
}
