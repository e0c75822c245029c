/* test_picture.c - pictures by their pixels, the report by its text. */
#include "runtime/picture.h"
#include "runtime/report.h"
#include "runtime/testing.h"

#include <math.h>
#include <png.h>

typedef struct Image {
    png_image im;
    uint8_t  *rgb;
} Image;

static Image load(const char *path)
{
    Image i = {.im = {.version = PNG_IMAGE_VERSION}};
    cr_assert(png_image_begin_read_from_file(&i.im, path), "%s: %s", path, i.im.message);
    i.im.format = PNG_FORMAT_RGB;
    i.rgb = malloc(PNG_IMAGE_SIZE(i.im));
    cr_assert(png_image_finish_read(&i.im, NULL, i.rgb, 0, NULL));
    return i;
}

static uint32_t at(const Image *i, int x, int y)
{
    const uint8_t *p = i->rgb + 3 * (y * (int)i->im.width + x);
    return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static int count_colour(const Image *i, uint32_t colour)
{
    int n = 0;
    for (int k = 0; k < (int)(i->im.width * i->im.height); k++) n += at(i, k % (int)i->im.width, k / (int)i->im.width) == colour;
    return n;
}

static GanStatus grid(const char *path, const GanTensor *t, double lo, double hi, GanError *err)
{
    return picture_grid(path, &(PicturePart){t, NULL}, 1, &(PictureStyle){.lo = lo, .hi = hi}, err);
}

/* Without names; the axes are chosen. */
static GanStatus scatter(const char *path, const GanTensor *const *cloud, int n, GanError *err)
{
    PicturePart part[8] = {0};
    for (int k = 0; k < n; k++) part[k].t = cloud[k];
    return picture_scatter(path, part, n, &(PictureStyle){.lo = NAN, .hi = NAN}, err);
}

static GanTensor points(float (*p)[2], int64_t n) { return (GanTensor){GAN_F32, 2, {n, 2}, p, (size_t)n * 8}; }

Test(picture, grid)
{
    char     folder[256];
    GanError err;
    make_folder(folder);
    const char *path = in_folder(folder, "g.png");
    float       grey[3][1][2] = {{{-1, 1}}, {{0, NAN}}, {{9, -INFINITY}}};
    GanTensor   t = {GAN_F32, 3, {3, 1, 2}, grey, sizeof grey};
    cr_assert(grid(path, &t, -1, 1, &err) == GAN_OK, "%s", err.message);
    Image i = load(path);
    cr_expect(i.im.width == 2 + 2 * 66 && i.im.height == 2 + 2 * 34, "%u by %u", i.im.width, i.im.height);
    cr_expect(at(&i, 0, 0) == 0xd0d0d0 && at(&i, 2, 2) == 0x000000 && at(&i, 34, 33) == 0xffffff);
    cr_expect(at(&i, 68, 2) == 0x808080 && at(&i, 100, 2) == 0xff00ff, "%x %x", at(&i, 68, 2), at(&i, 100, 2));
    cr_expect(at(&i, 2, 36) == 0xffffff && at(&i, 34, 36) == 0x000000 && at(&i, 100, 36) == 0xd0d0d0);
    free(i.rgb);

    uint8_t   colour[1][1][1][3] = {{{{255, 128, 0}}}};
    GanTensor u = {GAN_U8, 4, {1, 1, 1, 3}, colour, 3};
    cr_assert(grid(path, &u, 0, 255, &err) == GAN_OK);
    i = load(path);
    cr_expect(i.im.width == 68 && at(&i, 5, 5) == 0xff8000);
    free(i.rgb);

    static const struct {
        int         rank;
        int64_t     dim[4];
        double      lo, hi;
        const char *error;
    } bad[] = {
        {2, {2, 2}, 0, 1, "f32[2, 2]"},
        {4, {1, 1, 1, 2}, 0, 1, "f32[1, 1, 1, 2]"},
        {3, {0, 1, 1}, 0, 1, "f32[0, 1, 1]"},
        {3, {1, 1, 1}, 1, 1, "black (1) must be less"},
        {3, {1, 1, 1}, 0, NAN, "black (0) must be less"},
        {3, {1, 1 << 20, 1 << 20}, 0, 1, "too large"},
        {3, {1, INT64_MAX, 1}, 0, 1, "too large"},
    };
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        GanTensor v = {GAN_F32, bad[k].rank, {bad[k].dim[0], bad[k].dim[1], bad[k].dim[2], bad[k].dim[3]}, grey, 4};
        expect_error("grid", grid(path, &v, bad[k].lo, bad[k].hi, &err), GAN_WRONG, &err, bad[k].error);
    }
    expect_error("no folder", grid(in_folder(folder, "no/x.png"), &u, 0, 1, &err), GAN_WRONG, &err, "No such file");
    cr_expect(count_files(folder) == 1);
    drop_folder(folder);
}

Test(picture, scatter)
{
    char     folder[256];
    GanError err;
    make_folder(folder);
    const char      *path = in_folder(folder, "s.png"), *again = in_folder(folder, "t.png");
    float            data[4][2] = {{-1, -1}, {1, 1}, {-1, 1}, {1, -1}}, model[3][2] = {{0, 0}, {NAN, 0}, {1e30f, 0}};
    GanTensor        a = points(data, 4), b = points(model, 3), none = points(model, 0);
    const GanTensor *both[] = {&a, &b};
    cr_assert(scatter(path, both, 2, &err) == GAN_OK, "%s", err.message);
    cr_assert(scatter(again, both, 2, &err) == GAN_OK);
    size_t n, m;
    char  *x = get_file(path, &n), *y = get_file(again, &m);
    cr_expect(n == m && !memcmp(x, y, n), "the same picture is the same bytes");
    free(x), free(y);
    Image i = load(path);
    cr_expect(count_colour(&i, 0xff00ff) > 30, "the NaN is counted in the corner");
    uint32_t edge = at(&i, 64 + 478, 28 + 240);
    cr_expect((edge >> 16) > (edge & 255) + 50, "a point far out sits on the frame, vermilion: %06x", edge);
    free(i.rgb);

    /* Whatever the values, a picture comes out. */
    float     odd[][2][2] = {{{0, 0}, {0, 0}}, {{1e38f, -1e38f}, {-1e38f, 1e38f}}, {{NAN, NAN}, {INFINITY, -INFINITY}}, {{1e-45f, 0}, {0, 0}}, {{1e6f, 1e6f}, {1e6f, 1e6f}}};
    double    wide[2][2] = {{-1.7e308, 1.7e308}, {1.7e308, -1.7e308}};
    for (size_t k = 0; k < sizeof odd / sizeof *odd; k++) {
        GanTensor        t = points(odd[k], 2);
        const GanTensor *one[] = {&t, &t, &none};
        cr_expect(scatter(path, one, 3, &err) == GAN_OK, "row %zu: %s", k, err.message);
    }
    GanTensor        w = {GAN_F64, 2, {2, 2}, wide, sizeof wide}, bad = {GAN_F32, 2, {2, 3}, data, 24};
    const GanTensor *one[] = {&w}, *empty[] = {&none}, *wrong[] = {&bad};
    cr_expect(scatter(path, one, 1, &err) == GAN_OK);
    cr_expect(scatter(path, empty, 1, &err) == GAN_OK);
    expect_error("shape", scatter(path, wrong, 1, &err), GAN_WRONG, &err, "this is f32[2, 3]");
    expect_error("none", scatter(path, one, 0, &err), GAN_WRONG, &err, "0 parts");
    drop_folder(folder);
}

/* The columns of the frame in which a colour is seen. */
static void columns_of(const Image *i, uint32_t colour, int *first, int *last)
{
    *first = *last = -1;
    for (int x = 64; x < 64 + 480; x++)
        for (int y = 28; y < (int)i->im.height - 32; y++)
            if (at(i, x, y) == colour) *first = *first < 0 ? x : *first, *last = x;
}

/* The axes of the first picture stay while the first part fits, and widen when it does not. */
Test(picture, axes_stay)
{
    char     folder[256];
    GanError err;
    make_folder(folder);
    float        near[4][2] = {{-1, -1}, {1, 1}, {-1, 1}, {1, -1}}, nearer[4][2] = {{-.5f, 0}, {.5f, 0}, {0, .5f}, {0, -.5f}}, far[2][2] = {{-9, 0}, {9, 0}};
    GanTensor    a = points(near, 4), b = points(nearer, 4), c = points(far, 2);
    PictureAxes  axes = {0};
    PictureStyle style = {NAN, NAN, 0, &axes};
    const char  *path = in_folder(folder, "s.png");
    cr_assert(picture_scatter(path, (PicturePart[]){{&a, NULL}, {&c, NULL}}, 2, &style, &err) == GAN_OK);
    PictureAxes first = axes;
    cr_expect(axes.x0 <= -1.2 && axes.x1 >= 1.2 && axes.x1 < 3 && axes.x1 - axes.x0 == axes.y1 - axes.y0, "%g to %g: the second part does not widen them", axes.x0, axes.x1);
    cr_assert(picture_scatter(path, &(PicturePart){&b, NULL}, 1, &style, &err) == GAN_OK);
    cr_expect(!memcmp(&axes, &first, sizeof axes));
    cr_assert(picture_scatter(path, &(PicturePart){&c, NULL}, 1, &style, &err) == GAN_OK);
    cr_expect(axes.x0 <= -9 && axes.x1 >= 9);
    style.lo = -2, style.hi = 6;                            /* what the program says */
    cr_assert(picture_scatter(path, &(PicturePart){&c, NULL}, 1, &style, &err) == GAN_OK);
    cr_expect(axes.x0 == -2 && axes.x1 == 6 && axes.y0 == -2 && axes.y1 == 6);
    drop_folder(folder);
}

Test(picture, histogram)
{
    char     folder[256];
    GanError err;
    make_folder(folder);
    const char *path = in_folder(folder, "h.png");
    float       x[8] = {0.1f, 0.2f, 0.3f, 0.4f, 1.5f, 1.6f, NAN, 7};     /* of eight, four in the first of two bins, two in the second */
    GanTensor   t = {GAN_F32, 1, {8}, x, sizeof x}, none = {GAN_F32, 1, {0}, x, 0};
    PictureAxes axes = {0};
    cr_assert(picture_histogram(path, &(PicturePart){&t, "mix"}, 1, &(PictureStyle){0, 2, 2, &axes}, &err) == GAN_OK, "%s", err.message);
    cr_expect(axes.x0 == 0 && axes.x1 == 2 && axes.y0 == 0 && axes.y1 >= 0.5 && axes.y1 <= 1, "a density of 4/8 fits: %g", axes.y1);
    Image i = load(path);
    int   high = 0, low = 0;                                /* pixels of the line's colour from above in the middle of each bin */
    while (at(&i, 64 + 120, 28 + high) != 0x0072b2 && high < 300) high++;
    while (at(&i, 64 + 360, 28 + low) != 0x0072b2 && low < 300) low++;
    double tall = (299 - high) / 299.0 * axes.y1, small = (299 - low) / 299.0 * axes.y1;
    cr_expect(fabs(tall - 0.5) < 0.01 && fabs(small - 0.25) < 0.01, "%g and %g", tall, small);
    cr_expect(count_colour(&i, 0xff00ff) > 30 && at(&i, 64, 10) == 0x0072b2, "the NaN is counted, the name has its colour");
    free(i.rgb);
    cr_expect(picture_histogram(path, (PicturePart[]){{&none, NULL}, {&t, NULL}}, 2, &(PictureStyle){NAN, NAN, 10, NULL}, &err) == GAN_OK);
    GanTensor plane = points((float[1][2]){{1, 2}}, 1);
    expect_error("shape", picture_histogram(path, &(PicturePart){&plane, NULL}, 1, &(PictureStyle){NAN, NAN, 10, NULL}, &err), GAN_WRONG, &err, "wants numbers [n], and this is f32[1, 2]");
    drop_folder(folder);
}

Test(picture, curve)
{
    char     folder[256];
    GanError err;
    make_folder(folder);
    const char *path = in_folder(folder, "c.png");
    double      up[3] = {0, 1, 2}, broken[3] = {2, NAN, 0};
    GanTensor   a = {GAN_F64, 1, {3}, up, sizeof up}, b = {GAN_F64, 1, {3}, broken, sizeof broken};
    PictureAxes axes = {0};
    cr_assert(picture_curve(path, (PicturePart[]){{&a, NULL}, {&b, NULL}}, 2, &(PictureStyle){-1, 1, 0, &axes}, &err) == GAN_OK, "%s", err.message);
    Image i = load(path);
    int   first, last;
    columns_of(&i, 0x0072b2, &first, &last);
    cr_expect(first <= 65 && last >= 64 + 478, "from end to end: %d to %d", first, last);
    int y = 0;                                              /* the middle of the first is at 1 */
    while (at(&i, 64 + 239, 28 + y) != 0x0072b2 && y < 300) y++;
    cr_expect(fabs(axes.y1 - y / 299.0 * (axes.y1 - axes.y0) - 1) < 0.03, "row %d, from %g to %g", y, axes.y0, axes.y1);
    columns_of(&i, 0xd55e00, &first, &last);
    int gap = 0;
    for (int x = 64 + 100; x < 64 + 380; x++)
        for (int k = 28; k < 328; k++) gap += at(&i, x, k) == 0xd55e00;
    cr_expect(gap == 0, "no line where a value is not finite");
    free(i.rgb);
    expect_error("no ends", picture_curve(path, &(PicturePart){&a, NULL}, 1, &(PictureStyle){NAN, 1, 0, NULL}, &err), GAN_WRONG, &err, "from a lower to a higher");
    drop_folder(folder);
}

/* Of several parts each is a row. */
Test(picture, rows)
{
    char     folder[256];
    GanError err;
    make_folder(folder);
    const char *path = in_folder(folder, "r.png");
    float       black[3][1][1] = {0}, white[3][1][1] = {{{1}}, {{1}}, {{1}}};
    GanTensor   a = {GAN_F32, 3, {3, 1, 1}, black, sizeof black}, b = {GAN_F32, 3, {3, 1, 1}, white, sizeof white}, two = {GAN_F32, 3, {2, 1, 1}, white, 8};
    cr_assert(picture_grid(path, (PicturePart[]){{&a, NULL}, {&b, NULL}}, 2, &(PictureStyle){.lo = 0, .hi = 1}, &err) == GAN_OK, "%s", err.message);
    Image i = load(path);
    cr_expect(i.im.width == 2 + 3 * 66 && i.im.height == 2 + 2 * 66, "%u by %u", i.im.width, i.im.height);
    cr_expect(at(&i, 2 + 2 * 66, 2) == 0 && at(&i, 2, 2 + 66) == 0xffffff);
    free(i.rgb);
    expect_error("rows", picture_grid(path, (PicturePart[]){{&a, NULL}, {&two, NULL}}, 2, &(PictureStyle){.lo = 0, .hi = 1}, &err), GAN_WRONG, &err, "as many in each");
    drop_folder(folder);
}

static GanStatus page_of(const char *folder, const char *title, GanError *err)
{
    static const ReportExpect expect[] = {{"w < 1", NULL, true, true}, {"modes >= 8", NULL, true, false}, {"a & b", NULL, false, false}};
    ReportFacts f = {.title = title, .made_with = "--set width=3", .sources = "0123abcd", .program = "let a = 1 < 2\n", .seed = 42, .step = 6000, .state = "running",
                     .expect = expect, .n_expects = 3};
    return report_write(folder, &f, err);
}

Test(report, page)
{
    char     folder[256], name[64];
    GanError err;
    make_folder(folder);
    cr_assert(page_of(folder, "empty", &err) == GAN_OK, "no log, no pictures: %s", err.message);
    FILE *log = fopen(in_folder(folder, "log.jsonl"), "w");
    fprintf(log, "not json\n[1]\n{\"w\": 1}\n{\"step\": \"nan\", \"w\": 1}\n");
    for (int i = 0; i < 5000; i++)
        fprintf(log, "{\"step\": %d, \"seconds\": 1, \"w<b>\": %s, \"modes\": %d, \"sort\": \"mmd\", \"on\": true, \"huge\": 1e308, \"kinds\": {\"w<b>\": \"bound\"}}\n", i,
                i == 70 ? "\"nan\"" : i == 80 ? "\"-inf\"" : "-0.25", i % 8);
    fprintf(log, "{\"step\": 9, \"w<b>\": 7");
    fclose(log);
    cr_assert(!mkdir(in_folder(folder, "pictures"), 0755));
    float     data[1][2] = {{1, 2}};
    GanTensor t = points(data, 1);
    for (int i = 0; i < 15; i++) {
        snprintf(name, sizeof name, "pictures/ring-%09d.png", i * 100);
        cr_assert(scatter(in_folder(folder, name), (const GanTensor *const[]){&t}, 1, &err) == GAN_OK);
    }
    put_file(in_folder(folder, "broken-1.png"), "x", 1);
    cr_assert(page_of(folder, "A & <B>", &err) == GAN_OK, "%s", err.message);
    size_t n;
    char  *page = get_file(in_folder(folder, "report.html"), &n);
    cr_expect(strstr(page, "<title>A &amp; &lt;B&gt;</title>") && strstr(page, " <b>-0.25</b>") && strstr(page, "modes <b>7</b>"));
    cr_expect(strstr(page, "<title>nan at step 70</title>") && strstr(page, "<title>-inf at step 80</title>"));
    cr_expect(strstr(page, "ring <b>1400</b>") && strstr(page, "ring <b>300</b>") && !strstr(page, "ring <b>200</b>"));
    cr_expect(strstr(page, "ring <b>1400</b>") < strstr(page, "ring <b>1300</b>"));
    cr_expect(strstr(page, "running at step 6000") && strstr(page, "<th>seed<td>42") && strstr(page, "--set width=3") && strstr(page, "gan " GAN_VERSION) && strstr(page, "0123abcd"));
    cr_expect(strstr(page, "expect w &lt; 1</code><td class=yes>held") && strstr(page, "modes &gt;= 8</code><td class=no>NOT held") && strstr(page, "a &amp; b</code><td>not judged"));
    cr_expect(strstr(page, "let a = 1 &lt; 2\n</pre>") && strstr(page, "w&lt;b&gt; <i>(bound)</i>") && strstr(page, ">5000</text>"));
    cr_expect(!strstr(page, "http:") && !strstr(page, "https:") && !strstr(page, "broken") && !strstr(page, "sort"));
    cr_expect(n < 2000000, "%zu bytes", n);
    free(page);
    expect_error("no folder", page_of(in_folder(folder, "none"), "x", &err), GAN_WRONG, &err, "No such file");
    drop_folder(folder);
}

/* Three games, of which one has reported nothing: medians by hand. */
Test(report, seeds)
{
    char     folder[256];
    GanError err;
    make_folder(folder);
    for (int k = 0; k < 3; k++) {
        char name[64];
        snprintf(name, sizeof name, "seed-%d", 7 + k);
        cr_assert(!mkdir(in_folder(folder, name), 0755));
        snprintf(name, sizeof name, "seed-%d/log.jsonl", 7 + k);
        FILE *log = fopen(in_folder(folder, name), "w");
        for (int step = 10; k < 2 && step <= 20; step += 10) fprintf(log, "{\"step\": %d, \"seconds\": 1, \"w\": %d}\n", step, step * (k + 1));
        fclose(log);
    }
    ReportFacts f = {.title = "games", .seed = 7, .program = "report w = 1"};
    const ReportExpect held[] = {{"w < 50", NULL, true, true}, {"w > 30", NULL, true, false}}, other[] = {{"w < 50", NULL, true, true}, {"w > 30", NULL, true, true}}, open[] = {{"w < 50", NULL, false, false}, {"w > 30", NULL, false, false}};
    const ReportGame game[] = {{"finished", false, 20, held, 2}, {"finished", false, 20, other, 2}, {"FAILED", true, 4, open, 2}};
    cr_assert(report_write_seeds(folder, &f, game, 3, &err) == GAN_OK, "%s", err.message);
    size_t n;
    char  *page = get_file(in_folder(folder, "report.html"), &n);
    cr_expect(strstr(page, "7 to 9") && strstr(page, "median <b>30</b>, from 20 to 40 over 2"), "%s", page);
    cr_expect(strstr(page, "<a href='seed-8/report.html'>8</a><td>finished at step 20<td>40<td class=yes>held<td class=yes>held\n"), "%s", page);
    cr_expect(strstr(page, "<a href='seed-7/report.html'>7</a><td>finished at step 20<td>20<td class=yes>held<td class=no>NOT held\n"), "%s", page);
    cr_expect(strstr(page, "<a href='seed-9/report.html'>9</a><td class=no>FAILED at step 4<td><td>not judged yet<td>not judged yet\n"), "%s", page);
    cr_expect(strstr(page, "<td>failed<td class=no>1 of 3\n") && strstr(page, "w &lt; 50</code><td class=yes>held in 2 of 2\n") && strstr(page, "w &gt; 30</code><td class=no>held in 1 of 2\n"), "%s", page);
    cr_expect(strstr(page, "class='c m'") && strstr(page, "report w = 1"));
    free(page);
    drop_folder(folder);
}
