/* map.c - p |> map(f): the distribution of f(x). f may draw, afresh at every draw. */
#include "compiler/lower/dist/dist.h"
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/value/value.h"

static Value *mapped(Ctx *c, Dist *d, Value *v, Span at)
{
    return val_bad(v) ? v : as_settled(c, apply1(c, d->map.f, v, d->map.site, at), at);
}

static Value *draw(Ctx *c, Dist *d, Span at) { return mapped(c, d, dist_draw(c, d->map.base, at), at); }
static bool is_finite(Lower *L, const Dist *d, int64_t *n) { return dist_finite(L, d->map.base, n); }

static Value *all(Ctx *c, Dist *d, int axis, Span at)
{
    Ctx inner = *c;
    inner.axes = ir_axes_add(ir_axes_union(c->axes, dist_axes(c->L, d)), axis);
    return mapped(&inner, d, dist_all(c, d->map.base, axis, at), at);
}

static const char *text(Lower *L, const Dist *d) { return strf(L, "%s |> map(...)", dist_text(L, d->map.base)); }

const DistKind dist_map = {.draw = draw, .finite = is_finite, .all = all, .text = text};

Dist *dist_of_map(Lower *L, Dist *base, Value *f, const void *site)
{
    Dist *d = dist_new(L, &dist_map, base->name);
    d->map.base = base;
    d->map.f = f;
    d->map.site = site;
    return d;
}
