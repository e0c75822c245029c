/* map.c - p |> map(f): the distribution of f(x). f may draw, afresh at every draw. With a bijector the density comes along: of x it is that of
 * p at z = inverse(x), less the log-determinant there; of a discrete p, whose densities are probabilities, that alone. */
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

static Value *not_invertible(Ctx *c, const Dist *d, Span at)
{
    Diag *e = diag_error(c->L->diags, at, E301,
                         "%s can be drawn from, and its density is not known: map goes through %s, and nothing says how to go back",
                         dist_text(c->L, d), val_text(c->L, d->map.f));
    diag_hint(e, "a bijector has an inverse and a log-determinant, and the density comes along: p |> map(B(..))");
    return val_error(c->L);
}

/* Numbers that stand apart are carried along as they are, and an interval is stretched; one determinant for both would be neither. */
static Value *of_both(Ctx *c, const Dist *d, Span at)
{
    Diag *e = diag_error(c->L->diags, at, E301, "%s is discrete in one part and continuous in another, and the density of what a bijector makes of both is not known",
                         dist_text(c->L, d->map.base));
    diag_hint(e, "map each part by itself: (a: p.a |> map(B(..)), k: p.k) of a record, one distribution for the continuous numbers and one for the others");
    return val_error(c->L);
}

static Value *log_prob(Ctx *c, Dist *d, Value *x, Span at)
{
    Value *b = bijector_of(d->map.f), *z;
    if (!b) return not_invertible(c, d, at);
    x = as_settled(c, x, at);
    Args args = {.n = 1, .v = {x}, .at = {at}};
    z = val_bad(x) ? x : bijector_apply(c, b, "inverse", &args, d->map.site, at);
    if (val_bad(z) || !bijector_holds(c, b, d->map.base, z, at)) return val_error(c->L);
    Value *before = dist_log_prob(c, d->map.base, z, at);
    Measure m = val_bad(before) ? MEASURE_UNKNOWN : dist_measure(c, d->map.base, at);
    if (m == MEASURE_BOTH) return of_both(c, d, at);
    if (m == MEASURE_COUNTING) return number_of_density(c, before, d, at);
    Value *more = val_bad(before) ? before : bijector_log_det_inverse(c, b, x, d->map.site, at);
    return val_bad(more) ? more : number_of_density(c, arith_binary(c, AST_OP_ADD, before, more, at), d, at);
}

/* A bijector makes a number of a number. */
static DrawShape shape(const Dist *d) { return bijector_of(d->map.f) ? dist_shape(d->map.base) : DRAW_UNKNOWN; }

static const char *text(Lower *L, const Dist *d) { return strf(L, "%s |> map(...)", dist_text(L, d->map.base)); }

const DistKind dist_map = {.draw = draw, .made = mapped, .log_prob = log_prob, .shape = shape, .finite = is_finite, .all = all, .text = text};

Dist *dist_of_map(Lower *L, Dist *base, Value *f, const void *site)
{
    Dist *d = dist_new(L, &dist_map, base->name);
    d->map.base = base;
    d->map.f = f;
    d->map.site = site;
    return d;
}
