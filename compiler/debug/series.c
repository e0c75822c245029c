/* series.c - see series.h. A curve that is full keeps every second of its points, and takes on only so many as fit then. */
#include "compiler/debug/series.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_POINTS = 1024, MOST_CURVES = 64 };

typedef struct Point { int64_t step; double value; } Point;
typedef struct Curve { char *name; Point point[MOST_POINTS]; int n; int64_t stride, seen; } Curve;

struct Series { Curve *curve[MOST_CURVES]; int n; };

Series *series_new(void) { return calloc(1, sizeof(Series)); }

void series_free(Series *s)
{
    for (int i = 0; s && i < s->n; i++) {
        free(s->curve[i]->name);
        free(s->curve[i]);
    }
    free(s);
}

static Curve *new_curve(Series *s, const char *name)
{
    Curve *c = s->n < MOST_CURVES ? calloc(1, sizeof *c) : NULL;
    if (!c || !(c->name = strdup(name))) {
        free(c);
        return NULL;
    }
    c->stride = 1;
    return s->curve[s->n++] = c;
}

static Curve *curve_of(Series *s, const char *name)
{
    for (int i = 0; i < s->n; i++)
        if (!strcmp(s->curve[i]->name, name)) return s->curve[i];
    return new_curve(s, name);
}

static void thin(Curve *c)
{
    for (int i = 0; i < MOST_POINTS / 2; i++) c->point[i] = c->point[2 * i];
    c->n = MOST_POINTS / 2;
    c->stride *= 2;
}

/* The newest point is always there; it gives way to the next unless it is one of those that stay. */
void series_add(Series *s, const char *name, int64_t step, double value)
{
    Curve *c = curve_of(s, name);
    if (!c) return;
    bool replaces = c->n && (c->point[c->n - 1].step == step || (c->seen - 1) % c->stride);
    if (!replaces && c->n == MOST_POINTS) thin(c);
    c->n += !replaces;
    c->point[c->n - 1] = (Point){step, value};
    c->seen++;
}

void series_cut(Series *s, int64_t step)
{
    for (int i = 0; i < s->n; i++)
        while (s->curve[i]->n && s->curve[i]->point[s->curve[i]->n - 1].step > step) s->curve[i]->n--;
}

json_t *series_json(const Series *s)
{
    json_t *all = json_array();
    for (int i = 0; i < s->n; i++) {
        const Curve *c = s->curve[i];
        json_t *step = json_array(), *value = json_array();
        for (int k = 0; k < c->n; k++) {
            json_array_append_new(step, json_integer(c->point[k].step));
            json_array_append_new(value, isfinite(c->point[k].value) ? json_real(c->point[k].value) : json_null());
        }
        json_array_append_new(all, json_pack("{s:s, s:o, s:o}", "name", c->name, "step", step, "value", value));
    }
    return all;
}
