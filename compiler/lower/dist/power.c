/* power.c - p^n: n independent draws stacked in front. They are drawn on an axis of their own, which then becomes the leading
 * dims; the density is the sum over that axis. p^[n, m] is one axis of n * m, row-major. Of p's members it has those whose meaning for
 * independent draws is known by their names. */
#include "compiler/lower/dist/dist.h"
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/own/own.h"
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

/* ---- members */

/* What is told of each draw stands side by side; what draws that know nothing of each other add up is summed. */
static const struct { const char *name; bool sums; } meant[] = {{"mean", false}, {"variance", false}, {"entropy", true}, {"kl", true}};

/* Over all draws, of one number or several that each of them adds. */
static Value *summed(Ctx *c, const Dist *d, Value *v, int axis, Span at)
{
    Value *n = val_int(c->L, extent(d));
    if (val_bad(v) || val_is_number(v)) return val_bad(v) ? v : arith_binary(c, AST_OP_MUL, n, v, at);
    IrVal *t = as_real(c, v, at);
    if (!t) return val_error(c->L);
    t = ir_sum_all(fn_builder(c), t);
    return ir_axes_has(t->type.axes, axis) ? axis_sum(c, val_tensor(c->L, t), axis, at) : arith_binary(c, AST_OP_MUL, n, val_tensor(c->L, t), at);
}

static Value *of_all(Ctx *c, Dist *d, Value *v, bool sums, Span at)
{
    Ctx inner;
    int axis;
    if (sums) return summed(c, d, v, -1, at);
    return open(c, d, at, &inner, &axis) ? axis_close(c, v, axis, &d->power.dims, at) : val_error(c->L);
}

static Value *member(Ctx *c, Dist *d, const char *name, Span at)
{
    bool known = false, sums = false;
    for (size_t i = 0; i < sizeof meant / sizeof *meant; i++)
        if (!strcmp(name, meant[i].name)) known = true, sums = meant[i].sums;
    Value *v = known ? dist_member(c, d->power.base, name, at) : NULL;
    if (!v || v->kind == V_DIST || !d->power.dims.n) return v && v->kind == V_DIST ? NULL : v;     /* a field of records has this name, too */
    return v->kind == V_FUNCTION ? dist_function(c->L, d, v) : of_all(c, d, as_settled(c, v, at), sums, at);
}

static Value *other_is_one(Ctx *c, const Dist *d, const Dist *other, Span at)
{
    Diag *e = diag_error(c->L->diags, at, E200, "%s is of %s independent draws, and %s is not made of several", dist_text(c->L, d), dims_text(c->L, &d->power.dims), dist_text(c->L, other));
    diag_hint(e, "as many draws of it are %s^%s", dist_text(c->L, other), dims_text(c->L, &d->power.dims));
    return val_error(c->L);
}

/* Another distribution is one of as many draws. */
static Value *apply_member(Ctx *c, Dist *d, const Closure *member, Args *args, const void *site, Span at)
{
    Ctx inner;
    int axis;
    if (!open(c, d, at, &inner, &axis)) return val_error(c->L);
    Args each = *args;
    for (int i = 0; i < each.n; i++) {
        Dist *other = dist_is_drawn_from(each.v[i]) ? as_dist(&inner, each.v[i], each.at[i]) : NULL;
        if (other) other = dist_ending(&inner, other, each.at[i]);
        if (other && !other->kind->dims) return other_is_one(c, d, other, each.at[i]);
        if (other && val_bad(each.v[i] = dist_one_beside(&inner, d, other, axis, each.at[i]))) return val_error(c->L);
    }
    Value *f = dist_member(&inner, d->power.base, member->name, at);
    return summed(c, d, as_settled(&inner, apply(&inner, f, &each, site, at), at), axis, at);
}

static const IrInts *dims(const Dist *d) { return &d->power.dims; }
static Dist *one(Ctx *inner, const Dist *d, int axis, Span at) { (void)inner, (void)axis, (void)at; return d->power.base; }

const DistKind dist_power = {.draw = draw, .log_prob = log_prob, .member = member, .apply_member = apply_member, .dims = dims, .one = one, .shape = shape, .text = text};

const Dist *dist_powered(const Dist *d) { return d->kind == &dist_power ? d->power.base : NULL; }

Dist *dist_of_power(Lower *L, Dist *base, const IrInts *dims)
{
    Dist *d = dist_new(L, &dist_power, base->name);
    d->power.base = base;
    d->power.dims = *dims;
    return d;
}

/* p^n of an n that is `all`: each row of data, once in every epoch. */
static Value *every_row(Ctx *c, Dist *base, Span at)
{
    int64_t n;
    if (dist_finite(c->L, base, &n)) return val_dist(c->L, dist_of_power(c->L, base, &(IrInts){.n = 1, .v = {n}}));
    diag_error(c->L->diags, at, E302, "n: all takes every row of data, and %s has none", dist_text(c->L, base));
    return val_error(c->L);
}

Value *dist_to_power(Ctx *c, Dist *base, Value *n, Span at)
{
    IrInts dims;
    if (n == c->L->every) return every_row(c, base, at);
    return as_dims(c, n, at, &dims) ? val_dist(c->L, dist_of_power(c->L, base, &dims)) : val_error(c->L);
}
