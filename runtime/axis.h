/* axis.h - round numbers for the ticks of an axis. For picture.c and report.c. */
#pragma once
#include <math.h>
#include <stdio.h>

/* The step, 1, 2 or 5 times a power of ten, that puts some four to nine ticks on a finite `span` > 0. */
static inline double axis_step(double span)
{
    double p = 1;
    while (p < span / 10) p *= 10;
    while (p > span / 10) p /= 10;                          /* now span/100 < p <= span/10 */
    double left = span / p;                                 /* 10 to 100 */
    return left > 45 ? p * 10 : left > 22 ? p * 5 : left > 11 ? p * 2.5 : p * 2;
}

/* The first tick at or after lo, as a multiple of the step. */
static inline double axis_first(double lo, double step) { return ceil(lo / step); }

static inline char *axis_label(char text[32], double x)
{
    snprintf(text, 32, "%.6g", x == 0 ? 0.0 : x);           /* not "-0" */
    return text;
}
