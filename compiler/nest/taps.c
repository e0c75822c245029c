/* taps.c - which taps of a kernel meet the operand, as a loop's first turn and how many there are.
 *
 * A window's terms are o*stride + k*dil_b - lo = i*dil_a with 0 <= k < nb and 0 <= i < na. With base = o*stride - lo and g the greatest
 * common divisor of the dilations, base must be a multiple of g; then k is the same modulo dil_a / g for all taps (k* below), so they are
 * `count` turns from (k, i) by (dil_a / g, dil_b / g). What falls outside, or between the operand's dilated elements, is never visited. */
#include "compiler/nest/nest.h"

/* x with a*x = 1 modulo n; 0 when n is 1. */
static int64_t inverse(int64_t a, int64_t n)
{
    int64_t r0 = n, r1 = a % n, x0 = 0, x1 = 1;
    while (r1) {
        int64_t q = r0 / r1, r = r0 - q * r1, x = x0 - q * x1;
        r0 = r1, r1 = r;
        x0 = x1, x1 = x;
    }
    return n == 1 ? 0 : (x0 % n + n) % n;
}

static LoopReg *whole(Nest *n, int64_t v) { return loop_int(&n->b, IR_I64, v); }
static LoopReg *plus(Nest *n, LoopReg *x, LoopReg *y) { return loop_binary(&n->b, IR_add, x, y); }
static LoopReg *minus(Nest *n, LoopReg *x, LoopReg *y) { return loop_binary(&n->b, IR_sub, x, y); }
static LoopReg *times(Nest *n, LoopReg *x, int64_t c) { return loop_binary(&n->b, IR_mul, x, whole(n, c)); }
static LoopReg *quot(Nest *n, LoopReg *x, int64_t by) { return loop_op2(&n->b, LOOP_quot, x, whole(n, by)); }
static LoopReg *rest(Nest *n, LoopReg *x, int64_t by) { return loop_op2(&n->b, LOOP_rest, x, whole(n, by)); }

/* max(x, 0) / by, rounded up */
static LoopReg *turns(Nest *n, LoopReg *x, int64_t by)
{
    LoopReg *some = loop_binary(&n->b, IR_max, x, whole(n, 0));
    return quot(n, plus(n, some, whole(n, by - 1)), by);
}

NestTaps nest_taps(Nest *n, const IrWindow *w, int64_t na, int64_t nb, LoopIndex o)
{
    int64_t g = ir_common_divisor(w->dil_a, w->dil_b), step_k = w->dil_a / g, step_i = w->dil_b / g;
    int64_t up = w->lo > 0 ? (w->lo + w->dil_a - 1) / w->dil_a * w->dil_a : 0;          /* so that base is not negative */
    LoopReg *base = plus(n, times(n, loop_index(&n->b, &o), w->stride), whole(n, -w->lo));
    LoopReg *phase = rest(n, plus(n, base, whole(n, up)), w->dil_a);
    LoopReg *star = rest(n, times(n, quot(n, phase, g), step_k - inverse(step_i, step_k)), step_k);
    LoopReg *least = turns(n, minus(n, whole(n, 0), base), w->dil_b);                   /* not in front of the operand */
    LoopReg *k = plus(n, star, times(n, turns(n, minus(n, least, star), step_k), step_k));
    LoopReg *i = quot(n, plus(n, base, times(n, k, w->dil_b)), w->dil_a);
    LoopReg *count = nest_min(n, turns(n, minus(n, whole(n, nb), k), step_k), turns(n, minus(n, whole(n, na), i), step_i));
    if (g > 1) {
        LoopReg *met = loop_compare(&n->b, IR_EQ, rest(n, phase, g), whole(n, 0));
        count = loop_select(&n->b, met, count, whole(n, 0));
    }
    return (NestTaps){loop_of(k), loop_of(i), count, step_k, step_i};
}

static IrTaps taps_of(const NestAlike *a, const IrWindow *w, int64_t na, int64_t nb, int64_t p, int64_t r)
{
    return ir_taps_at(w, na, nb, a->first + p * a->period + r);
}

static bool are_alike(const NestAlike *a, const IrWindow *w, int64_t na, int64_t nb, int64_t p, int64_t q)
{
    for (int64_t r = 0; r < a->period; r++) {
        IrTaps x = taps_of(a, w, na, nb, p, r), y = taps_of(a, w, na, nb, q, r);
        if (x.count != y.count || (x.count && (x.k != y.k || y.i - x.i != (q - p) * a->step))) return false;
    }
    return true;
}

/* The periods alike that are around the middle one. */
static void find_alike(NestAlike *a, const IrWindow *w, int64_t na, int64_t nb, int64_t places)
{
    int64_t periods = (places - a->first) / a->period, middle = periods / 2;
    a->from = a->to = middle;
    if (places - a->first < a->period) return;
    while (a->from > 0 && are_alike(a, w, na, nb, a->from - 1, middle)) a->from--;
    for (a->to++; a->to < periods && are_alike(a, w, na, nb, middle, a->to);) a->to++;
}

NestAlike nest_alike(const IrWindow *w, int64_t na, int64_t nb, int64_t places)
{
    int64_t g = ir_common_divisor(w->dil_a, w->stride);
    NestAlike a = {.period = w->dil_a / g, .step = w->stride / g};
    find_alike(&a, w, na, nb, places);
    return a;
}

/* Do the places of a period meet the same numbers, with taps that are so and so far apart? */
static bool meets_the_same(NestAlike *a, const IrWindow *w, int64_t na, int64_t nb)
{
    IrTaps x = taps_of(a, w, na, nb, a->from, 0);
    a->tap = taps_of(a, w, na, nb, a->from, 1).k - x.k;
    for (int64_t r = 1; r < a->period; r++) {
        IrTaps y = taps_of(a, w, na, nb, a->from, r);
        if (y.count != x.count || y.i != x.i || y.k != x.k + r * a->tap) return false;
    }
    return x.count > 0;
}

NestAlike nest_together(const IrWindow *w, int64_t na, int64_t nb, int64_t places)
{
    NestAlike best = {0}, a = nest_alike(w, na, nb, places);
    for (; a.period > 1 && a.first < a.period; a.first++) {
        find_alike(&a, w, na, nb, places);
        a.together = a.from < a.to && meets_the_same(&a, w, na, nb);
        if (a.together && a.to - a.from > best.to - best.from) best = a;
    }
    return best;
}
