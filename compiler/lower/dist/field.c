/* field.c - d.x: the marginal of a field. A record of distributions (joint.c) has independent fields, so that theirs have densities. */
#include "compiler/lower/dist/dist.h"
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/value/value.h"
#include "lang/source/habits.h"

Value *dist_take_field(Ctx *c, const Dist *d, Value *v, Span at)
{
    Value *f = v->kind == V_RECORD ? val_field(v, d->field.name) : NULL;
    if (!f && !val_bad(v)) {
        Diag *e = diag_error(c->L->diags, at, E112, "%s has no field %s; a draw of it is %s", dist_text(c->L, d->field.base),
                             d->field.name, val_text(c->L, v));
        const Habit *h = habit_of(HABIT_MEMBER, d->field.name);
        if (h) habit_hint(e, h);
    }
    return f ? f : val_error(c->L);
}

static Value *draw(Ctx *c, Dist *d, Span at) { return dist_take_field(c, d, dist_draw(c, d->field.base, at), at); }
static bool is_finite(Lower *L, const Dist *d, int64_t *n) { return dist_finite(L, d->field.base, n); }
static Value *all(Ctx *c, Dist *d, int axis, Span at) { return dist_take_field(c, d, dist_all(c, d->field.base, axis, at), at); }
static const char *text(Lower *L, const Dist *d) { return strf(L, "%s.%s", dist_text(L, d->field.base), d->field.name); }

static Value *made(Ctx *c, Dist *d, Value *v, Span at) { return dist_take_field(c, d, v, at); }

const DistKind dist_field = {.draw = draw, .made = made, .finite = is_finite, .all = all, .text = text};

Dist *dist_of_field(Lower *L, Dist *base, const char *field, const char *name)
{
    Dist *d = dist_new(L, &dist_field, name);
    d->field.base = base;
    d->field.name = field;
    return d;
}
