/* outputs.c - see outputs.h. */
#include "runtime/command/outputs.h"

#include "base/text.h"
#include "runtime/data/data.h"
#include "runtime/file.h"
#include "runtime/picture.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SMALL = 64 };                                        /* elements printed in full */

static void add_number(Text *t, const GanTensor *x, int64_t i)
{
    double v = gan_tensor_get(x, i);
    if (x->elem == GAN_BOOL) text_add(t, v != 0 ? "true" : "false");
    else if (x->elem == GAN_F32) text_f32(t, (float)v);
    else if (x->elem == GAN_F64) text_f64(t, v);
    else text_printf(t, "%" PRId64, gan_tensor_whole(x, i));       /* a double does not hold each */
}

static void add_nested(Text *t, const GanTensor *x, int dim, int64_t *at)
{
    if (dim == x->rank) {
        add_number(t, x, (*at)++);
        return;
    }
    text_add(t, "[");
    for (int64_t i = 0; i < x->dim[dim]; i++) {
        if (i) text_add(t, dim + 1 < x->rank ? ",\n " : ", ");
        add_nested(t, x, dim + 1, at);
    }
    text_add(t, "]");
}

static void add_summary(Text *t, const GanTensor *x, int64_t n)
{
    double least = INFINITY, most = -INFINITY, sum = 0;
    int64_t bad = 0;
    for (int64_t i = 0; i < n; i++) {
        double v = gan_tensor_get(x, i);
        if (!isfinite(v)) {
            bad++;
            continue;
        }
        least = fmin(least, v);
        most = fmax(most, v);
        sum += v;
    }
    text_printf(t, gan_elem_is_real(x->elem) ? "from %.6g to %.6g" : "from %.0f to %.0f", least, most);
    text_printf(t, ", mean %.6g", sum / (double)(n - bad ? n - bad : 1));
    if (bad) text_printf(t, ", %lld not finite", (long long)bad);
}

void outputs_add(Text *t, const char *name, const GanTensor *x)
{
    char    shape[120];
    int64_t at = 0, n = gan_tensor_count(x);
    if (name) text_printf(t, "%s = ", name);
    if (n <= SMALL) add_nested(t, x, 0, &at);
    else add_summary(t, x, n);
    if (x->rank) text_printf(t, "  : %s", gan_tensor_text(x, shape, sizeof shape));
}

void outputs_print(const char *name, const GanTensor *x)
{
    Arena *a = arena_new();
    Text   t = text_in(a);
    outputs_add(&t, name, x);
    puts(text_str(&t));
    arena_free(a);
}

static bool ends_in(const char *path, const char *ending)
{
    size_t n = strlen(path), m = strlen(ending);
    return n > m && !strcmp(path + n - m, ending);
}

static GanStatus write_grid(const char *path, const PicturePart *part, GanError *err)
{
    double  least = INFINITY, most = -INFINITY;
    int64_t n = gan_tensor_count(part->t);
    for (int64_t i = 0; i < n; i++) {
        double v = gan_tensor_get(part->t, i);
        if (v < least) least = v;
        if (v > most) most = v;
    }
    return picture_grid(path, part, 1, &(PictureStyle){.lo = least < 0 ? -1 : 0, .hi = fmax(1, most)}, err);
}

static GanStatus write_png(const char *path, const GanTensor *t, GanError *err)
{
    PicturePart  part = {t, NULL};
    PictureStyle chosen = {.lo = NAN, .hi = NAN, .bins = 60};
    if (t->rank == 1) return picture_histogram(path, &part, 1, &chosen, err);
    if (t->rank == 2 && t->dim[1] == 2) return picture_scatter(path, &part, 1, &chosen, err);
    if (t->rank >= 3) return write_grid(path, &part, err);
    return gan_error(err, GAN_WRONG, "a picture wants numbers [n], points [n, 2] or images [n, h, w] or [n, h, w, c]");
}

static const char *const endings[] = {".npy", ".npz", ".csv", ".png"};

int outputs_can_write(const RunOptions *o, const char *path)
{
    char     place[FILE_PATH_MAX];
    GanError err;
    bool     known = false;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) known |= ends_in(path, endings[i]);
    if (known) return file_place(path, place, &err) ? say_error(o, &err) : EXIT_DONE;
    fprintf(stderr, "%s: a file is written whose name ends in .npy, .npz, .csv or .png, and not '%s'\n", o->program, GAN_SHOWN(path));
    return EXIT_WRONG_USAGE;
}

int outputs_write(const RunOptions *o, const char *path, const DataColumn *field, int n, const char *what)
{
    GanError  err;
    GanStatus st;
    if (ends_in(path, ".npz")) st = data_write_npz(path, field, n, &err);
    else if (ends_in(path, ".csv")) st = n == 1 ? data_write_csv(path, field->t, NULL, &err) : data_write_csv_fields(path, field, n, &err);
    else if (n != 1)
        return say_wrong(o, "%s has %d fields: a .npz file holds all of them, a .csv file as columns, and %s holds one of them, '%s.%s'", GAN_SHOWN(what), n,
                         strrchr(path, '.'), GAN_SHOWN(what), field->name);
    else if (ends_in(path, ".npy")) st = data_write_npy(path, field->t, &err);
    else st = write_png(path, field->t, &err);
    return st ? say_error(o, &err) : EXIT_DONE;
}
