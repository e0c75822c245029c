/* stop.c - stop(p): p, with no gradient through its draws, its density or its members. */
#include "compiler/lower/dist/dist.h"
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/value/value.h"

static Value *stop_leaf(Ctx *c, Value *leaf, void *at)
{
    return val_static(leaf) && leaf->kind != V_LIST && !leaf->face ? leaf : arith_map(c, IR_stop, leaf, *(Span *)at);
}

static Value *stopped(Ctx *c, Value *v, Span at) { return val_bad(v) ? v : map_fields(c, v, stop_leaf, &at); }

static Value *draw(Ctx *c, Dist *d, Span at) { return stopped(c, dist_draw(c, d->base, at), at); }
static Value *all(Ctx *c, Dist *d, int axis, Span at) { return stopped(c, dist_all(c, d->base, axis, at), at); }
static Value *log_prob(Ctx *c, Dist *d, Value *x, Span at) { return stopped(c, dist_log_prob(c, d->base, x, at), at); }
static bool is_finite(Lower *L, const Dist *d, int64_t *n) { return dist_finite(L, d->base, n); }
static DrawShape shape(const Dist *d) { return dist_shape(d->base); }
static const Ast *type(const Dist *d) { return dist_type(d->base); }
static const char *text(Lower *L, const Dist *d) { return strf(L, "stop(%s)", dist_text(L, d->base)); }

static Value *member(Ctx *c, Dist *d, const char *name, Span at)
{
    Value *v = dist_member(c, d->base, name, at);
    if (!v || v->kind == V_DIST) return v ? val_dist(c->L, dist_of_stop(c->L, v->dist)) : NULL;
    return v->kind == V_FUNCTION ? dist_function(c->L, d, v) : stopped(c, as_settled(c, v, at), at);
}

/* What is stopped is the value of a member, and so what the other distribution has to do with it, too. */
static Value *beside_another(Ctx *c, const Dist *d, const Closure *member, Span at)
{
    Diag *e = diag_error(c->L->diags, at, E304, "%s of %s and another distribution: whether a gradient goes by the other one is not said", member->name, dist_text(c->L, d));
    diag_hint(e, "stop what %s is made of, as in Normal(stop(mu), stop(sigma)), or the value, stop(p.%s(q))", dist_text(c->L, d->base), member->name);
    return val_error(c->L);
}

static Value *apply_member(Ctx *c, Dist *d, const Closure *member, Args *args, const void *site, Span at)
{
    Value *f = dist_member(c, d->base, member->name, at);
    for (int i = 0; i < args->n; i++)
        if (dist_is_drawn_from(args->v[i])) return beside_another(c, d, member, at);
    return stopped(c, as_settled(c, apply(c, f, args, site, at), at), at);
}

const DistKind dist_stop = {.draw = draw, .log_prob = log_prob, .finite = is_finite, .all = all, .member = member, .apply_member = apply_member, .shape = shape,
                            .type = type, .text = text};

Dist *dist_of_stop(Lower *L, Dist *base)
{
    Dist *d = dist_new(L, &dist_stop, base->name);
    d->base = base;
    return d;
}
