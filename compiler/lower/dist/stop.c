/* stop.c - stop(p): p, with no gradient through its draws or its density. */
#include "compiler/lower/dist/dist.h"
#include "compiler/lower/dist/doors.h"
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
static Value *member(Ctx *c, Dist *d, const char *name, Span at) { return dist_member(c, d->base, name, at); }

const DistKind dist_stop = {.draw = draw, .log_prob = log_prob, .finite = is_finite, .all = all, .member = member, .shape = shape,
                            .type = type, .text = text};

Dist *dist_of_stop(Lower *L, Dist *base)
{
    Dist *d = dist_new(L, &dist_stop, base->name);
    d->base = base;
    return d;
}
