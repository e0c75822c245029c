/* show_json.c - see show_json.h. */
#include "compiler/debug/show_json.h"

#include "runtime/command/outputs.h"

#include <math.h>
#include <string.h>

enum { MOST_POINTS = 400, MOST_IMAGES = 36, MOST_PIXELS = 128 * 128 * 3 };

static json_t *number(double x) { return isfinite(x) ? json_real(x) : json_null(); }

/* Of n things at most so many, evenly. */
static int64_t every(int64_t n, int64_t most) { return n > most ? (n + most - 1) / most : 1; }

static json_t *points(const GanTensor *t)
{
    json_t *all = json_array();
    for (int64_t i = 0; i < t->dim[0]; i += every(t->dim[0], MOST_POINTS))
        json_array_append_new(all, json_pack("[o, o]", number(gan_tensor_get(t, 2 * i)), number(gan_tensor_get(t, 2 * i + 1))));
    return all;
}

static json_t *values(const GanTensor *t)
{
    json_t *all = json_array();
    for (int64_t i = 0; i < t->dim[0]; i += every(t->dim[0], MOST_POINTS)) json_array_append_new(all, number(gan_tensor_get(t, i)));
    return all;
}

/* The share of the numbers in each bin, over its width. */
static json_t *bins(const GanTensor *t, double lo, double hi, int64_t n)
{
    double  count[256] = {0}, width;
    json_t *all = json_array();
    n = n < 1 ? 40 : n > 256 ? 256 : n;
    width = (hi - lo) / (double)n;
    for (int64_t i = 0; i < t->dim[0]; i++) {
        double x = (gan_tensor_get(t, i) - lo) / width;
        if (x >= 0 && x < (double)n) count[(int)x] += 1 / ((double)t->dim[0] * width);
    }
    for (int64_t i = 0; i < n; i++) json_array_append_new(all, number(count[i]));
    return all;
}

static void range_of(const DebugValue *v, double *lo, double *hi)
{
    double least = INFINITY, most = -INFINITY;
    for (int k = 0; k < v->n; k++)
        for (int64_t i = 0; i < gan_tensor_count(v->value[k]); i++) {
            double x = gan_tensor_get(v->value[k], i);
            if (isfinite(x)) least = fmin(least, x), most = fmax(most, x);
        }
    if (isnan(*lo)) *lo = isfinite(least) ? least : 0;
    if (isnan(*hi)) *hi = isfinite(most) && most > *lo ? most : *lo + 1;
}

static json_t *image(const GanTensor *t, int64_t i, int64_t pixels, double lo, double hi)
{
    json_t *all = json_array();
    for (int64_t k = 0; k < pixels; k++) {
        double x = (gan_tensor_get(t, i * pixels + k) - lo) / (hi - lo);
        json_array_append_new(all, json_integer(!(x > 0) ? 0 : x < 1 ? (json_int_t)(255 * x + 0.5) : 255));
    }
    return all;
}

static json_t *grid(const GanSchedule *n, const DebugValue *v)
{
    const GanTensor *t = v->value[0];
    int64_t h = t->dim[1], w = t->dim[2], channels = t->rank == 4 ? t->dim[3] : 1, pixels = h * w * channels;
    double  lo = n->lo, hi = n->hi;
    json_t *all = json_array();
    range_of(v, &lo, &hi);
    for (int k = 0; k < v->n && pixels <= MOST_PIXELS; k++)
        for (int64_t i = 0; i < v->value[k]->dim[0] && i < MOST_IMAGES / v->n; i++) json_array_append_new(all, image(v->value[k], i, pixels, lo, hi));
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:o}", "name", n->name, "kind", "grid", "width", (json_int_t)w, "height", (json_int_t)h, "channels",
                     (json_int_t)channels, "images", all);
}

static json_t *clouds(const GanSchedule *n, const GanFunction *f, const DebugValue *v)
{
    json_t *parts = json_array();
    for (int k = 0; k < v->n; k++) json_array_append_new(parts, json_pack("{s:s, s:o}", "name", f->output[k].name, "points", points(v->value[k])));
    return json_pack("{s:s, s:s, s:o}", "name", n->name, "kind", "scatter", "parts", parts);
}

static json_t *lines(const GanSchedule *n, const GanFunction *f, const DebugValue *v)
{
    json_t *parts = json_array();
    double  lo = n->lo, hi = n->hi;
    range_of(v, &lo, &hi);
    for (int k = 0; k < v->n; k++)
        json_array_append_new(parts, json_pack("{s:s, s:o}", "name", f->output[k].name, "values",
                                               n->kind == GAN_HISTOGRAM ? bins(v->value[k], lo, hi, n->count) : values(v->value[k])));
    return json_pack("{s:s, s:s, s:o}", "name", n->name, "kind", "lines", "parts", parts);
}

void show_pictures(Debugger *d, const GanSchedule *n, json_t *all)
{
    DebugValue v;
    GanError   err;
    bool       is_picture = n->kind >= GAN_SCATTER && n->kind <= GAN_GRID;
    for (int i = 0; i < n->n_kids; i++) show_pictures(d, n->kid[i], all);
    if (!is_picture || debug_statement(d, n->fn, &v, &err)) return;
    const GanFunction *f = &debug_session(d)->lowered.program->function[n->fn];
    json_array_append_new(all, n->kind == GAN_SCATTER ? clouds(n, f, &v) : n->kind == GAN_GRID ? grid(n, &v) : lines(n, f, &v));
    debug_value_free(&v);
}

/* ---- values ----------------------------------------------------------------------------------------------------- */

json_t *show_value(const DebugValue *v)
{
    Arena *a = arena_new();
    Text   t = text_in(a);
    for (int k = 0; k < v->n; k++) {
        if (k) text_add(&t, "\n");
        outputs_add(&t, v->name[k], v->value[k]);
    }
    json_t *j = json_string(text_str(&t));
    arena_free(a);
    return j;
}
