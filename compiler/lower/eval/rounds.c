/* rounds.c - derivatives in the body of a loop of many rounds, where what is carried depends on what they are by: forward mode (Wengert 1964).
 *
 * A derivative by x in round t goes on in the rounds before through what is carried, s. So the loop carries ds/dx along, for each number of x on an axis
 * of its own: it begins as the derivative of what the loop begins with, and each round makes the next one of it (Williams and Zipser 1989). Slopes
 * are made when they are first asked for, in the body that is being built, and the end of the body says what the next ones are.
 *
 * A derivative that comes back into what it is the derivative of needs one of an order more in each round: that loop is unrolled (loop.c), or, of many
 * rounds, refused: E309. */
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/eval/paths.h"
#include "compiler/lower/eval/rounds.h"
#include "compiler/lower/own/graph.h"
#include "compiler/lower/own/own.h"

typedef struct Asked { const char *what; Span at; } Asked;

static IrAxes axes_of(int axis) { return axis < 0 ? ir_no_axes() : ir_one_axis(axis); }

/* What one number of x moves: x itself, or of a tensor the number that has the place along the axis. */
static IrVal *moved(IrBuilder *b, const IrVal *x, int axis)
{
    IrInts dims = ir_dims_of(&x->type);
    if (axis < 0) return ir_spread(b, ir_const(b, x->type.elem, 1), x->type.axes);
    IrVal *place = ir_fill(b, ir_const(b, IR_I32, 0), dims);
    for (int i = 0; i < dims.n; i++)
        place = ir_add(b, ir_mul(b, place, ir_const(b, IR_I32, (double)dims.v[i])), ir_index_dim(b, dims, i));
    return ir_spread(b, ir_convert(b, ir_compare(b, IR_EQ, place, ir_index_axis(b, axis)), x->type.elem), x->type.axes);
}

/* The axis for the numbers of x; -1 for one number. False, reported: there are too many. */
static bool numbers_of(Ctx *c, const IrVal *x, Span at, int *axis)
{
    const Fn *f = c->L->fn;
    int64_t n = 1;
    *axis = -1;
    if (!x->type.rank) return true;
    for (int i = 0; i < f->carried_slopes.n; i++)
        if (f->carried_slopes.v[i].by == x) return *axis = f->carried_slopes.v[i].axis, true;
    for (int i = 0; i < x->type.rank; i++) n *= x->type.dim[i];
    if (x->type.axes.n == IR_MAX_AXES) return too_many_axes(c, at), false;
    *axis = ir_axis(c->L->m, "by", n);
    return axes_fit(c, ir_axes_add(x->type.axes, *axis), at);
}

/* The loop that carries this is to be unrolled, as its slopes do not do. False: it has too many rounds. */
static bool unrolled_instead(Ctx *c, const IrVal *carried, const Asked *a)
{
    Fn *f = c->L->fn;
    const Carried *k = fn_carried(f, carried);
    if (k->n > MOST_UNROLLED) return false;
    if (!f->unroll.body) f->unroll = (Unroll){k->param->param_of, *k, a->what, a->at, false};
    return true;
}

/* Does the derivative of y not go on through slopes? A walk takes what goes into a loop for all that comes out of it; the derivative itself tells. */
static bool of_first_order(Ctx *c, IrVal *y, const PathsInto *to, const Asked *a)
{
    IrVal **g = arena_array(c->L->a, IrVal *, to->slopes.n + 1);
    int through = -1;
    if (to->slopes.n && grad_reverse(fn_builder(c), &y, NULL, 1, to->slopes.v, to->slopes.n, g, NULL))
        for (int i = 0; i < to->slopes.n && through < 0; i++) through = g[i] ? i : -1;
    if (through < 0) return true;
    if (unrolled_instead(c, to->slope_of.v[through], a)) return false;
    Diag *d = diag_error(c->L->diags, a->at, E309, "in a loop of so many rounds, this derivative by %s comes back into what it is the derivative of", a->what);
    diag_hint(d, "stop(..) around it, where a round makes the next value of it, says that it counts as a number there");
    return false;
}

static bool tangent(Ctx *c, IrVal *y, IrVal *x, int axis, const Asked *a, IrVal **out);

/* Each number of x takes a walk of its own through all that x goes into, in each round: of many that is time squared. */
static bool too_many_slopes(Ctx *c, int axis, const Asked *a)
{
    enum { MOST_SLOPES = 4096 };
    int64_t n = axis < 0 ? 1 : ir_extent(c->L->m, axis);
    if (n <= MOST_SLOPES) return false;
    Diag *d = diag_error(c->L->diags, a->at, E107, "this derivative by %s goes on in the rounds before, for each of its %lld numbers, and a loop carries at most %d", a->what, (long long)n, MOST_SLOPES);
    diag_hint(d, "stop(..) around what is carried says that it counts as a number");
    return true;
}

/* The slope of what is carried, by x, in its body. NULL after an error. */
static IrVal *slope_of(Ctx *c, IrVal *carried, IrVal *x, int axis, const Asked *a)
{
    Fn *f = c->L->fn;
    for (int i = 0; i < f->carried_slopes.n; i++)
        if (f->carried_slopes.v[i].of == carried && f->carried_slopes.v[i].by == x) return f->carried_slopes.v[i].param;
    const Carried k = *fn_carried(f, carried);
    IrBlock *here = f->b.block;
    IrType t = carried->type;
    IrVal *first;
    if (too_many_slopes(c, axis, a)) return NULL;
    if (t.axes.n + (axis >= 0) > IR_MAX_AXES) return too_many_axes(c, a->at), NULL;
    t.axes = ir_axes_union(t.axes, axes_of(axis));
    f->b.block = k.outside;
    bool ok = tangent(c, k.init, x, axis, a, &first);
    f->b.block = here;
    if (!ok) return NULL;
    IrVal *param = ir_block_param(c->L->m, carried->param_of, t);
    array_push(c->L->a, &f->carried_slopes, ((CarriedSlope){carried, x, axis, param, first, NULL, a->what, a->at}));
    return param;
}

/* x, and what of the carried values y depends on that is older than x, with what moves them. */
typedef struct Movers { IrVal **wrt, **by, **fresh; int n; } Movers;

static bool movers_of(Ctx *c, IrVal *y, IrVal *x, int axis, const Asked *a, Movers *m)
{
    PathsInto to;
    paths_into(c, y, x, &to);
    if (!of_first_order(c, y, &to, a)) return false;
    m->n = 1 + to.carried.n;
    m->wrt = arena_array(c->L->a, IrVal *, m->n);
    m->by = arena_array(c->L->a, IrVal *, m->n);
    m->fresh = arena_array(c->L->a, IrVal *, m->n);
    m->wrt[0] = x;
    m->by[0] = moved(fn_builder(c), x, axis);
    for (int i = 1; i < m->n; i++) {
        m->wrt[i] = to.carried.v[i - 1];
        if (!(m->by[i] = slope_of(c, m->wrt[i], x, axis, a))) return false;
    }
    return true;
}

/* Samples that meet on the way make it no derivative by one sample of x. */
static bool of_one_sample(Ctx *c, IrVal *y, const IrVal *x, const Movers *m, const Asked *a)
{
    GradReport r = {arena_array(c->L->a, const IrNode *, m->n), arena_array(c->L->a, const IrNode *, m->n), NULL};
    IrVal **g = arena_array(c->L->a, IrVal *, m->n);
    if (!x->type.axes.n || !grad_reverse(fn_builder(c), &y, NULL, 1, m->wrt, m->n, g, &r)) return true;
    for (int i = 0; i < m->n; i++) {
        if (!r.meet[i]) continue;
        if (m->n > 1 && unrolled_instead(c, m->wrt[1], a)) return false;
        Diag *d = diag_error(c->L->diags, a->at, E305, "this gradient is not one example's: samples meet on the way");
        diag_note(d, span_of_node(c->L, r.meet[i]), "they meet here");
        return false;
    }
    return true;
}

/* The derivative of y by each number of x, of the type of y and varying over the axis. False, reported. */
static bool tangent(Ctx *c, IrVal *y, IrVal *x, int axis, const Asked *a, IrVal **out)
{
    IrBuilder *b = fn_builder(c);
    IrType t = y->type;
    Movers m;
    PathsAgain again = {0};
    const IrNode *opaque = NULL;
    t.axes = ir_axes_union(t.axes, axes_of(axis));
    *out = NULL;
    if (ir_is_real(t.elem)) {
        if (!paths_open(c, y, x, a->what, a->at) || !movers_of(c, y, x, axis, a, &m) || !paths_whole(c, y, m.wrt, m.n, a->what, a->at) ||
            !of_one_sample(c, y, x, &m, a) || !(y = paths_over(c, y, m.wrt, m.n, axes_of(axis), m.fresh, &again, a->at)))
            return false;
        y = before_grad(c, y, m.fresh, m.n, false);
        if (!grad_forward(b, &y, 1, m.fresh, m.by, m.n, out, &opaque)) return opaque_path(c, a->at, opaque), false;
        paths_back(c, &again, out, 1);
    }
    if (!*out) *out = grad_zeros(b, &t);
    *out = ir_spread(b, *out, ir_axes_minus(t.axes, (*out)->type.axes));
    return true;
}

bool rounds_before(Ctx *c, const IrVal *y, IrVal *const *wrt, int n)
{
    PathsInto to = {0};
    for (int i = 0; i < n && !to.carried.n && !to.slopes.n; i++) paths_into(c, y, wrt[i], &to);
    return to.carried.n || to.slopes.n;
}

bool rounds_gradient(Ctx *c, IrVal *y, IrVal *const *wrt, int n, IrVal **g, const char *what, Span at)
{
    IrBuilder *b = fn_builder(c);
    const Asked a = {what, at};
    for (int i = 0; i < n; i++) {
        int axis;
        if (!numbers_of(c, wrt[i], at, &axis) || !tangent(c, y, wrt[i], axis, &a, &g[i])) return false;
        if (axis >= 0) g[i] = ir_reshape(b, ir_as_feature(b, g[i], axis), ir_dims_of(&wrt[i]->type));
        g[i] = ir_convert(b, g[i], wrt[i]->type.elem);
    }
    return true;
}

bool rounds_end(Ctx *c, const IrBlock *body, IrVal *const *next)
{
    Fn *f = c->L->fn;
    for (int i = 0; i < f->carried_slopes.n; i++) {         /* it may grow on the way */
        CarriedSlope s = f->carried_slopes.v[i];
        if (s.of->param_of != body) continue;
        By by = by_values(c->L, &s.by, 1, NULL, 0);
        const Asked a = {s.what, s.at};
        IrVal *made;
        if (!time_check(c, (IrVal *const *)&next[s.of->index], 1, &by, s.at) || !tangent(c, next[s.of->index], s.by, s.axis, &a, &made)) return false;
        f->carried_slopes.v[i].next = made;
    }
    return true;
}

/* ---- by what a value does not depend on */

static bool independent(Ctx *c, const Ast *e, const char *what)
{
    Diag *d = diag_error(c->L->diags, e->grad.body->span, E304, "this does not depend on %s, so there is no derivative by it", what);
    diag_hint(d, "a value that was computed before is not computed from it again; stop(%s) in it says on purpose that the derivative is 0", what);
    return false;
}

bool rounds_depends(Ctx *c, const Ast *e, bool depends, const char *what)
{
    Unrolled *u = c->L->unrolled;
    if (!u) return depends || independent(c, e, what);
    for (int i = 0; i < u->asked.n; i++)
        if (u->asked.v[i].e == e) return u->asked.v[i].depends |= depends, true;
    array_push(c->L->a, &u->asked, ((__typeof__(*u->asked.v)){e, what, depends}));
    return true;
}

void rounds_unroll(Lower *L, Unrolled *own)
{
    *own = (Unrolled){0};
    if (!L->unrolled) L->unrolled = own;
}

bool rounds_unrolled(Ctx *c, const Unrolled *own, bool made)
{
    bool fine = made;
    if (c->L->unrolled != own) return fine;
    c->L->unrolled = NULL;
    for (int i = 0; made && i < own->asked.n; i++)
        if (!own->asked.v[i].depends) fine = independent(c, own->asked.v[i].e, own->asked.v[i].what);
    return fine;
}
