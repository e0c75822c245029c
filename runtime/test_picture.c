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

static GanTensor points(float (*p)[2], int64_t n) { return (GanTensor){GAN_F32, 2, {n, 2}, p, (size_t)n * 8}; }

Test(picture, grid)
{
    char     folder[256];
    GanError err;
    make_folder(folder);
    const char *path = in_folder(folder, "g.png");
    float       grey[3][1][2] = {{{-1, 1}}, {{0, NAN}}, {{9, -INFINITY}}};
    GanTensor   t = {GAN_F32, 3, {3, 1, 2}, grey, sizeof grey};
    cr_assert(picture_grid(path, &t, -1, 1, &err) == GAN_OK, "%s", err.message);
    Image i = load(path);
    cr_expect(i.im.width == 2 + 2 * 66 && i.im.height == 2 + 2 * 34, "%u by %u", i.im.width, i.im.height);
    cr_expect(at(&i, 0, 0) == 0xd0d0d0 && at(&i, 2, 2) == 0x000000 && at(&i, 34, 33) == 0xffffff);
    cr_expect(at(&i, 68, 2) == 0x808080 && at(&i, 100, 2) == 0xff00ff, "%x %x", at(&i, 68, 2), at(&i, 100, 2));
    cr_expect(at(&i, 2, 36) == 0xffffff && at(&i, 34, 36) == 0x000000 && at(&i, 100, 36) == 0xd0d0d0);
    free(i.rgb);

    uint8_t   colour[1][1][1][3] = {{{{255, 128, 0}}}};
    GanTensor u = {GAN_U8, 4, {1, 1, 1, 3}, colour, 3};
    cr_assert(picture_grid(path, &u, 0, 255, &err) == GAN_OK);
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
        expect_error("grid", picture_grid(path, &v, bad[k].lo, bad[k].hi, &err), GAN_WRONG, &err, bad[k].error);
    }
    expect_error("no folder", picture_grid(in_folder(folder, "no/x.png"), &u, 0, 1, &err), GAN_WRONG, &err, "No such file");
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
    cr_assert(picture_scatter(path, both, 2, &err) == GAN_OK, "%s", err.message);
    cr_assert(picture_scatter(again, both, 2, &err) == GAN_OK);
    size_t n, m;
    char  *x = get_file(path, &n), *y = get_file(again, &m);
    cr_expect(n == m && !memcmp(x, y, n), "the same picture is the same bytes");
    free(x), free(y);
    Image i = load(path);
    cr_expect(count_colour(&i, 0xff00ff) > 30, "the NaN is counted in the corner");
    uint32_t edge = at(&i, 64 + 478, 16 + 240);
    cr_expect((edge >> 16) > (edge & 255) + 50, "a point far out sits on the frame, vermilion: %06x", edge);
    free(i.rgb);

    /* Whatever the values, a picture comes out. */
    float     odd[][2][2] = {{{0, 0}, {0, 0}}, {{1e38f, -1e38f}, {-1e38f, 1e38f}}, {{NAN, NAN}, {INFINITY, -INFINITY}}, {{1e-45f, 0}, {0, 0}}, {{1e6f, 1e6f}, {1e6f, 1e6f}}};
    double    wide[2][2] = {{-1.7e308, 1.7e308}, {1.7e308, -1.7e308}};
    for (size_t k = 0; k < sizeof odd / sizeof *odd; k++) {
        GanTensor        t = points(odd[k], 2);
        const GanTensor *one[] = {&t, &t, &none};
        cr_expect(picture_scatter(path, one, 3, &err) == GAN_OK, "row %zu: %s", k, err.message);
    }
    GanTensor        w = {GAN_F64, 2, {2, 2}, wide, sizeof wide}, bad = {GAN_F32, 2, {2, 3}, data, 24};
    const GanTensor *one[] = {&w}, *empty[] = {&none}, *wrong[] = {&bad};
    cr_expect(picture_scatter(path, one, 1, &err) == GAN_OK);
    cr_expect(picture_scatter(path, empty, 1, &err) == GAN_OK);
    expect_error("shape", picture_scatter(path, wrong, 1, &err), GAN_WRONG, &err, "this is f32[2, 3]");
    expect_error("none", picture_scatter(path, one, 0, &err), GAN_WRONG, &err, "0 clouds");
    drop_folder(folder);
}

Test(report, page)
{
    char     folder[256], name[64];
    GanError err;
    make_folder(folder);
    cr_assert(report_write(folder, "empty", &err) == GAN_OK, "no log, no pictures: %s", err.message);
    FILE *log = fopen(in_folder(folder, "log.jsonl"), "w");
    fprintf(log, "not json\n[1]\n{\"w\": 1}\n{\"step\": \"nan\", \"w\": 1}\n");
    for (int i = 0; i < 5000; i++)
        fprintf(log, "{\"step\": %d, \"seconds\": 1, \"w<b>\": %s, \"modes\": %d, \"kind\": \"mmd\", \"on\": true, \"huge\": 1e308}\n", i,
                i == 70 ? "\"nan\"" : i == 80 ? "\"-inf\"" : "-0.25", i % 8);
    fprintf(log, "{\"step\": 9, \"w<b>\": 7");
    fclose(log);
    cr_assert(!mkdir(in_folder(folder, "pictures"), 0755));
    float     data[1][2] = {{1, 2}};
    GanTensor t = points(data, 1);
    for (int i = 0; i < 15; i++) {
        snprintf(name, sizeof name, "pictures/ring-%09d.png", i * 100);
        cr_assert(picture_scatter(in_folder(folder, name), (const GanTensor *const[]){&t}, 1, &err) == GAN_OK);
    }
    put_file(in_folder(folder, "broken-1.png"), "x", 1);
    cr_assert(report_write(folder, "A & <B>", &err) == GAN_OK, "%s", err.message);
    size_t n;
    char  *page = get_file(in_folder(folder, "report.html"), &n);
    cr_expect(strstr(page, "<title>A &amp; &lt;B&gt;</title>") && strstr(page, "w&lt;b&gt; <b>-0.25</b>") && strstr(page, "modes <b>7</b>"));
    cr_expect(strstr(page, "<title>nan at step 70</title>") && strstr(page, "<title>-inf at step 80</title>"));
    cr_expect(strstr(page, "ring <b>1400</b>") && strstr(page, "ring <b>300</b>") && !strstr(page, "ring <b>200</b>"));
    cr_expect(strstr(page, "ring <b>1400</b>") < strstr(page, "ring <b>1300</b>"));
    cr_expect(!strstr(page, "http:") && !strstr(page, "https:") && !strstr(page, "broken") && !strstr(page, "kind"));
    cr_expect(n < 2000000, "%zu bytes", n);
    free(page);
    expect_error("no folder", report_write(in_folder(folder, "none"), "x", &err), GAN_WRONG, &err, "No such file");
    drop_folder(folder);
}
