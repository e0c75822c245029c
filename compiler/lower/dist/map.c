/* map.c - p |> map(f): the distribution of f(x). f may draw, afresh at every draw. With a bijector the density comes along: of x it is that of
 * p at z = inverse(x), less the log-determinant there; of a discrete p, whose densities are probabilities, that alone. Where p draws integers, z is
 * the one that it is but for rounding, and an x that comes from none has the probability 0. */
#include "compiler/lower/dist/dist.h"
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"

#include <math.h>

/* The layers in f are those of the distribution, wherever it is drawn. */
static Value *mapped(Ctx *c, Dist *d, Value *v, Span at)
{
    Ctx own = *c;
    if (d->map.in) own.inst = d->map.in, own.site = d->map.within;
    return val_bad(v) ? v : as_settled(&own, apply1(&own, d->map.f, v, d->map.site, at), at);
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

/* ---- back to integers */

/* The real z as an integer, or a class: itself, and whether it is one. */
typedef struct Whole {
    Value *k;
    Value *is;                                              /* a condition, for all numbers of a draw together */
    Value *less;                                            /* the log density of what is none: -inf, or nan, where z is that */
} Whole;

/* What comes back as near as this, relative, or absolute below 1, has been rounded on the way: eight roundings. */
static double rounding(const Ctx *c) { return c->L->m->real == IR_F64 ? 0x1p-50 : 0x1p-21; }

static Whole whole_number(Ctx *c, const DrawKind *kind, double z)
{
    double top = kind->classes ? (double)kind->classes - 1 : INT32_MAX, bottom = kind->classes ? 0 : INT32_MIN;
    double k = z >= bottom ? fmin(round(z), top) : bottom;
    Whole w = {val_int(c->L, (int64_t)k), val_bool(c->L, fabs(z - k) <= fmin(rounding(c) * fmax(1, fabs(z)), 0.5)), val_real(c->L, isnan(z) ? NAN : -INFINITY)};
    w.k->classes = kind->classes;
    return w;
}

static IrVal *nearest(IrBuilder *b, const DrawKind *kind, IrVal *z)
{
    IrVal *k = ir_convert(b, ir_floor(b, ir_add(b, z, ir_const_like(b, z, 0.5))), IR_I32);
    if (!kind->classes) return k;
    return ir_min(b, ir_max(b, k, ir_const_like(b, k, 0)), ir_const_int(b, k->type.elem, kind->classes - 1));
}

/* A draw comes from its integer also where going back has lost digits. */
static IrVal *goes_there(Ctx *c, const Dist *d, Value *bijector, Value *k, Value *x, Span at)
{
    Args args = {.n = 1, .v = {k}, .at = {at}};
    Value *there = bijector_apply(c, bijector, "forward", &args, d->map.site, at);
    Value *same = val_bad(there) ? there : arith_binary(c, AST_OP_EQ, there, x, at);
    return val_bad(same) ? NULL : as_tensor(c, same, at);
}

static IrVal *in_some(IrBuilder *b, IrVal *condition, const IrVal *z)
{
    IrVal *one = ir_select(b, condition, ir_const_like(b, z, 1), ir_const_like(b, z, 0)), *n = ir_sum_all(b, one);
    return ir_compare(b, IR_NE, n, ir_const_like(b, n, 0));
}

static Whole whole_tensor(Ctx *c, const Dist *d, Value *bijector, const DrawKind *kind, IrVal *z, Value *x, Span at)
{
    IrBuilder *b = fn_builder(c);
    IrVal *k = nearest(b, kind, z), *back = ir_convert(b, k, z->type.elem), *one = ir_const_like(b, z, 1);
    IrVal *off = ir_abs(b, ir_sub(b, z, back)), *most = ir_mul(b, ir_max(b, ir_abs(b, z), one), ir_const_like(b, z, rounding(c)));
    most = ir_min(b, most, ir_const_like(b, z, 0.5));       /* what no integer is near to is none: inf, 1e30 */
    Value *whole = val_tensor(c->L, k);
    whole->tensor.classes = kind->classes;
    IrVal *is = ir_compare(b, IR_LE, off, most), *there = goes_there(c, d, bijector, whole, x, at);
    if (there && ir_dims_equal(&there->type, &is->type)) is = ir_or(b, is, there);
    IrVal *none = in_some(b, ir_not(b, is), z), *nan = in_some(b, ir_compare(b, IR_NE, z, z), z);
    IrVal *less = ir_select(b, nan, ir_const(b, z->type.elem, NAN), ir_const(b, z->type.elem, -INFINITY));
    return (Whole){whole, val_tensor(c->L, ir_not(b, none)), val_tensor(c->L, less)};
}

/* False, reported. w->is == NULL: the base draws other numbers than integers, or z is one as it stands. */
static bool back_to_whole(Ctx *c, Dist *d, Value *bijector, const DrawKind *kind, Value *z, Value *x, Whole *w, Span at)
{
    *w = (Whole){z, NULL, NULL};
    if (!kind->whole || z->kind == V_INT || z->kind == V_RECORD) return true;
    if (z->kind == V_REAL) return *w = whole_number(c, kind, z->r), true;
    IrVal *t = as_tensor(c, z, at);
    if (t && ir_is_real(t->type.elem)) *w = whole_tensor(c, d, bijector, kind, t, x, at);
    return t;
}

static Value *log_prob(Ctx *c, Dist *d, Value *x, Span at)
{
    Value *b = bijector_of(d->map.f), *z;
    if (!b) return not_invertible(c, d, at);
    x = as_settled(c, x, at);
    Args args = {.n = 1, .v = {x}, .at = {at}};
    z = val_bad(x) ? x : bijector_apply(c, b, "inverse", &args, d->map.site, at);
    if (val_bad(z) || !bijector_holds(c, b, d->map.base, z, at)) return val_error(c->L);
    DrawKind kind = dist_draw_kind(c, d->map.base, at);
    Whole w;
    if (!back_to_whole(c, d, b, &kind, z, x, &w, at)) return val_error(c->L);
    Value *before = dist_log_prob(c, d->map.base, w.k, at);
    if (val_bad(before)) return before;
    if (kind.measure == MEASURE_BOTH) return of_both(c, d, at);
    if (w.is) before = arith_select(c, w.is, before, w.less, at);
    if (kind.measure == MEASURE_COUNTING) return number_of_density(c, before, d, at);
    Value *more = bijector_log_det_inverse(c, b, x, d->map.site, at);
    return val_bad(more) ? more : number_of_density(c, arith_binary(c, AST_OP_ADD, before, more, at), d, at);
}

/* A bijector makes a number of a number. */
static DrawShape shape(const Dist *d) { return bijector_of(d->map.f) ? dist_shape(d->map.base) : DRAW_UNKNOWN; }

static const char *text(Lower *L, const Dist *d) { return strf(L, "%s |> map(...)", dist_text(L, d->map.base)); }

const DistKind dist_map = {.draw = draw, .made = mapped, .log_prob = log_prob, .shape = shape, .finite = is_finite, .all = all, .text = text};

Dist *dist_of_map(const Ctx *c, Dist *base, Value *f, const void *site)
{
    Dist *d = dist_new(c->L, &dist_map, base->name);
    d->map.base = base;
    d->map.f = f;
    d->map.site = site;
    d->map.in = c->inst && c->inst->owner ? c->inst : NULL;
    d->map.within = c->site;
    return d;
}
