/* chart.h - curves of a log, as SVG. For report.c. */
#pragma once
#include "base/array.h"
#include "base/text.h"
#include "runtime/error.h"

typedef struct Point {
    double step, value;
} Point;

typedef struct Curve {
    const char *name, *kind;                                /* kind: of an estimate, and with how many samples it was measured; NULL: neither is known */
    ARRAY(Point) points;                                    /* in the order of the log: steps never fall */
} Curve;

typedef ARRAY(Curve) Curves;

/* The numbers of each name of a log; no file: no curves. What is no JSON is left out, and so are names beyond the first 64. */
GanStatus chart_read_log(Arena *a, const char *path, Curves *curves, GanError *err);

/* One curve, or several of one name on the same axes with their median, from step 0 to `last`. Where there is no curve, NULL. */
void   chart_add(Text *t, const Curve *const *curve, int n, double last);
double chart_last(const Curve *c);                          /* its last value; NaN where there is none */
double chart_median(double *v, int n);                      /* of numbers, which it sorts; NaN is above all */

void   chart_escaped(Text *t, const char *s);               /* as the text of a page */
