/* power.c - p^n: n independent draws stacked in front. They are drawn on an axis of their own, which then becomes the leading
 * dims; the density is the sum over that axis. p^[n, m] is one axis of n * m, row-major. */
#include "compiler/lower/dist/dist.h"
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/value/value.h"

static int64_t extent(const Dist *d)
{
    int64_t n = 1;
    for (int i = 0; i < d->power.dims.n; i++) n *= d->power.dims.v[i];
    return n;
}

static bool open(Ctx *c, const Dist *d, Span at, Ctx *inner, int *axis)
{
    return dims_fit(c->L, &d->power.dims, at) && axis_open(c, d->name, extent(d), at, inner, axis);
}

static Value *draw(Ctx *c, Dist *d, Span at)
{
    Ctx inner;
    int axis;
    if (!d->power.dims.n) return dist_draw(c, d->power.base, at);
    if (!open(c, d, at, &inner, &axis)) return val_error(c->L);
    axis_drawn(c, axis, &d->power.dims);
    return axis_close(c, dist_draw(&inner, d->power.base, at), axis, &d->power.dims, at);
}

static Value *log_prob(Ctx *c, Dist *d, Value *x, Span at)
{
    Ctx inner;
    int axis;
    if (!d->power.dims.n) return dist_log_prob(c, d->power.base, x, at);
    if (!open(c, d, at, &inner, &axis)) return val_error(c->L);
    x = axis_enter(&inner, x, axis, &d->power.dims, at);
    return val_bad(x) ? x : axis_sum(c, dist_log_prob(&inner, d->power.base, x, at), axis, at);
}

static DrawShape shape(const Dist *d) { return d->power.dims.n ? DRAW_OTHER : dist_shape(d->power.base); }
static const char *text(Lower *L, const Dist *d)
{
    const IrInts *n = &d->power.dims;
    return n->n == 1 ? strf(L, "%s^%lld", dist_text(L, d->power.base), (long long)n->v[0])
                     : strf(L, "%s^%s", dist_text(L, d->power.base), dims_text(L, n));
}

const DistKind dist_power = {.draw = draw, .log_prob = log_prob, .shape = shape, .text = text};

const Dist *dist_powered(const Dist *d) { return d->kind == &dist_power ? d->power.base : NULL; }

Dist *dist_of_power(Lower *L, Dist *base, const IrInts *dims)
{
    Dist *d = dist_new(L, &dist_power, base->name);
    d->power.base = base;
    d->power.dims = *dims;
    return d;
}

Value *dist_to_power(Ctx *c, Dist *base, Value *n, Span at)
{
    IrInts dims;
    return as_dims(c, n, at, &dims) ? val_dist(c->L, dist_of_power(c->L, base, &dims)) : val_error(c->L);
}
