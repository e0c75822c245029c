/* cells.c - see cells.h. A cell of braille is two dots wide and four high, a half block one pixel wide and two high: in most
 * terminals both are square. */
#include "compiler/repl/cells.h"

#include <inttypes.h>
#include <math.h>

enum { DOTS_WIDE = 2, DOTS_HIGH = 4, CELLS_WIDE = 60, CELLS_HIGH = 20, INDENT = 2, LEAST_SIDE = 5, ROWS_OF_IMAGES = 2 };

bool cells_are_points(const GanTensor *t) { return t->rank == 2 && t->dim[1] == 2; }

bool cells_are_images(const GanTensor *t)
{
    bool channels = t->rank == 3 || (t->rank == 4 && (t->dim[3] == 1 || t->dim[3] == 3));
    return channels && t->dim[0] > 0 && t->dim[1] >= LEAST_SIDE && t->dim[2] >= LEAST_SIDE;
}

static void add_utf8(Text *out, uint32_t c)                 /* of three bytes */
{
    char s[] = {(char)(0xe0 | c >> 12), (char)(0x80 | (c >> 6 & 0x3f)), (char)(0x80 | (c & 0x3f))};
    text_addn(out, s, sizeof s);
}

/* ---- points ------------------------------------------------------------------------------------------------------ */

typedef struct Range { double least, most; } Range;

static bool point(const GanTensor *t, int64_t i, double p[2])
{
    p[0] = gan_tensor_get(t, 2 * i);
    p[1] = gan_tensor_get(t, 2 * i + 1);
    return isfinite(p[0]) && isfinite(p[1]);
}

static int64_t ranges(const GanTensor *t, Range r[2])       /* how many points are finite */
{
    int64_t n = 0;
    double  p[2];
    for (int d = 0; d < 2; d++) r[d] = (Range){INFINITY, -INFINITY};
    for (int64_t i = 0; i < t->dim[0]; i++) {
        if (!point(t, i, p)) continue;
        n++;
        for (int d = 0; d < 2; d++) r[d] = (Range){fmin(r[d].least, p[d]), fmax(r[d].most, p[d])};
    }
    return n;
}

typedef struct Dots {
    uint8_t cell[CELLS_HIGH][CELLS_WIDE];                   /* the low byte of its character, U+2800 and on */
    int     wide, high;                                     /* in cells */
    double  scale;                                          /* dots a unit, of both axes */
} Dots;

static const uint8_t dot_bit[DOTS_HIGH][DOTS_WIDE] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};

static int cells_for(double extent, double scale, int per_cell, int most)
{
    int cells = (int)(extent * scale) / per_cell + 1;
    return cells < most ? cells : most;
}

static void lay_out(Dots *d, const Range r[2], int wide)
{
    double x = r[0].most - r[0].least, y = r[1].most - r[1].least;
    d->wide = wide < CELLS_WIDE ? wide : CELLS_WIDE;
    d->scale = fmin((d->wide * DOTS_WIDE - 1) / fmax(x, 1e-300), (CELLS_HIGH * DOTS_HIGH - 1) / fmax(y, 1e-300));
    d->wide = cells_for(x, d->scale, DOTS_WIDE, d->wide);
    d->high = cells_for(y, d->scale, DOTS_HIGH, CELLS_HIGH);
}

static void set_dots(Dots *d, const GanTensor *t, const Range r[2])
{
    double p[2];
    for (int64_t i = 0; i < t->dim[0]; i++) {
        if (!point(t, i, p)) continue;
        int x = (int)((p[0] - r[0].least) * d->scale), y = d->high * DOTS_HIGH - 1 - (int)((p[1] - r[1].least) * d->scale);
        d->cell[y / DOTS_HIGH][x / DOTS_WIDE] |= dot_bit[y % DOTS_HIGH][x % DOTS_WIDE];
    }
}

void cells_points(Text *out, const GanTensor *t, const ShowStyle *style)
{
    Range   r[2];
    Dots    d = {0};
    int64_t n = ranges(t, r);
    if (!n || !isfinite(r[0].most - r[0].least) || !isfinite(r[1].most - r[1].least)) return;
    lay_out(&d, r, style->width > INDENT + 1 ? style->width - INDENT : 1);
    set_dots(&d, t, r);
    for (int y = 0; y < d.high; y++) {
        int wide = d.wide;
        while (wide && !d.cell[y][wide - 1]) wide--;
        text_printf(out, "%*s%s", wide ? INDENT : 0, "", style->color ? "\x1b[36m" : "");
        for (int x = 0; x < wide; x++) add_utf8(out, 0x2800u + d.cell[y][x]);
        text_add(out, style->color ? "\x1b[0m\n" : "\n");
    }
    text_printf(out, "%*sx from %.4g to %.4g, y from %.4g to %.4g\n", INDENT, "", r[0].least, r[0].most, r[1].least, r[1].most);
}

/* ---- images ------------------------------------------------------------------------------------------------------ */

typedef struct Images {
    const GanTensor *t;
    int64_t          n, h, w, c;
    int64_t          shrink;                                /* pixels of the image a pixel of the picture, each way */
    double           black, white;
} Images;

typedef struct Pixel { int v[3]; } Pixel;                   /* 0 to 255 */

/* As PNG files are drawn: what has no negative number begins at 0, anything else at -1. */
static void find_ends(Images *m)
{
    double least = 0, most = 1;
    for (int64_t i = 0, n = gan_tensor_count(m->t); i < n; i++) {
        double v = gan_tensor_get(m->t, i);
        if (isfinite(v)) least = fmin(least, v), most = fmax(most, v);
    }
    m->black = least < 0 ? -1 : 0;
    m->white = most;
}

static int level(const Images *m, double v) { return (int)fmax(0, fmin(255, 256 * (v - m->black) / (m->white - m->black))); }

/* The mean over what the pixel stands for. */
static Pixel pixel(const Images *m, int64_t image, int64_t y, int64_t x)
{
    Pixel p;
    for (int64_t c = 0; c < 3; c++) {
        double  sum = 0;
        int64_t n = 0;
        for (int64_t i = y * m->shrink; i < (y + 1) * m->shrink && i < m->h; i++)
            for (int64_t j = x * m->shrink; j < (x + 1) * m->shrink && j < m->w; j++, n++)
                sum += gan_tensor_get(m->t, ((image * m->h + i) * m->w + j) * m->c + (m->c == 1 ? 0 : c));
        p.v[c] = isfinite(sum) ? level(m, n ? sum / (double)n : m->black) : c == 1 ? 0 : 255;
    }
    return p;
}

static int grey(const Pixel *p) { return (299 * p->v[0] + 587 * p->v[1] + 114 * p->v[2]) / 1000; }

/* Of the 256 colours that terminals have: 24 greys, else a cube with six steps a side. */
static int indexed(const Pixel *p)
{
    if (p->v[0] == p->v[1] && p->v[1] == p->v[2]) return 232 + p->v[0] * 24 / 256;
    return 16 + 36 * (p->v[0] * 6 / 256) + 6 * (p->v[1] * 6 / 256) + p->v[2] * 6 / 256;
}

static void add_color(Text *out, int ground, const Pixel *p, bool true_color)
{
    if (true_color) text_printf(out, "\x1b[%d;2;%d;%d;%dm", ground, p->v[0], p->v[1], p->v[2]);
    else text_printf(out, "\x1b[%d;5;%dm", ground, indexed(p));
}

static void add_cell(Text *out, const Pixel *upper, const Pixel *lower, const ShowStyle *style)
{
    static const char *const shade[] = {" ", "░", "▒", "▓", "█"};
    if (!style->color) {
        text_add(out, shade[(grey(upper) + grey(lower)) * 5 / 512]);
        return;
    }
    add_color(out, 38, upper, style->true_color);
    add_color(out, 48, lower, style->true_color);
    text_add(out, "▀");
}

static void add_line(Text *out, const Images *m, int64_t image, int64_t y, const ShowStyle *style)
{
    int64_t wide = (m->w + m->shrink - 1) / m->shrink, high = (m->h + m->shrink - 1) / m->shrink;
    for (int64_t x = 0; x < wide; x++) {
        Pixel upper = pixel(m, image, y, x), lower = y + 1 < high ? pixel(m, image, y + 1, x) : upper;
        add_cell(out, &upper, &lower, style);
    }
    if (style->color) text_add(out, "\x1b[0m");
}

/* Images side by side, from the first-th on. */
static void add_images(Text *out, const Images *m, int64_t first, int64_t beyond, const ShowStyle *style)
{
    int64_t high = (m->h + m->shrink - 1) / m->shrink;
    for (int64_t y = 0; y < high; y += 2) {
        text_printf(out, "%*s", INDENT, "");
        for (int64_t i = first; i < beyond; i++) {
            if (i > first) text_add(out, " ");
            add_line(out, m, i, y, style);
        }
        text_add(out, "\n");
    }
}

void cells_images(Text *out, const GanTensor *t, const ShowStyle *style)
{
    Images  m = {.t = t, .n = t->dim[0], .h = t->dim[1], .w = t->dim[2], .c = t->rank == 4 ? t->dim[3] : 1, .shrink = 1};
    int64_t room = style->width > INDENT + 1 ? style->width - INDENT : 1;
    while ((m.w + m.shrink - 1) / m.shrink > room || (m.h + m.shrink - 1) / m.shrink > 4 * CELLS_HIGH) m.shrink++;
    int64_t across = (room + 1) / ((m.w + m.shrink - 1) / m.shrink + 1), shown;
    if (across < 1) across = 1;
    shown = across * ROWS_OF_IMAGES < m.n ? across * ROWS_OF_IMAGES : m.n;
    find_ends(&m);
    for (int64_t i = 0; i < shown; i += across) add_images(out, &m, i, i + across < shown ? i + across : shown, style);
    text_printf(out, "%*sblack %.4g, white %.4g", INDENT, "", m.black, m.white);
    if (shown < m.n) text_printf(out, "; the first %" PRId64 " of %" PRId64, shown, m.n);
    text_add(out, "\n");
}
