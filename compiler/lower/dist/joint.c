/* joint.c - a record (or tuple) of distributions: independent fields, so the density is the sum of theirs. */
#include "compiler/lower/dist/dist.h"
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/value/value.h"

static Dist *of(const Dist *d, int i) { return d->fields->record.v[i]->dist; }

static Value *draw(Ctx *c, Dist *d, Span at)
{
    int n = d->fields->record.n;
    Value **v = arena_array(c->L->a, Value *, n);
    for (int i = 0; i < n; i++) {
        Ctx inner = *c;
        if (d->fields->record.name) inner.path = path_join(c->L, c->path, d->fields->record.name[i]);
        v[i] = dist_draw(&inner, of(d, i), at);
        if (val_bad(v[i])) return v[i];
    }
    return val_record(c->L, v, d->fields->record.name, n);
}

static Value *field_of(Ctx *c, const Dist *d, Value *x, int i, Span at)
{
    const char **name = d->fields->record.name;
    Value *f = x->kind != V_RECORD || x->record.n != d->fields->record.n ? NULL
               : name                                                    ? val_field(x, name[i])
                                                                         : x->record.v[i];
    if (!f && !val_bad(x))
        diag_error(c->L->diags, at, E200, "the density of %s is that of a %s of %d values, and this is %s",
                   dist_text(c->L, d), name ? "record" : "tuple", d->fields->record.n, val_text(c->L, x));
    return f;
}

static Value *log_prob(Ctx *c, Dist *d, Value *x, Span at)
{
    Value *sum = NULL;
    x = as_settled(c, x, at);
    for (int i = 0; i < d->fields->record.n; i++) {
        Value *f = field_of(c, d, x, i, at);
        Value *l = f ? dist_log_prob(c, of(d, i), f, at) : val_error(c->L);
        if (val_bad(l)) return l;
        sum = sum ? arith_binary(c, AST_OP_ADD, sum, l, at) : l;
    }
    return sum;
}

static Value *member(Ctx *c, Dist *d, const char *name, Span at)
{
    (void)c, (void)at;
    return val_field(d->fields, name);
}

static DrawShape shape(const Dist *d) { (void)d; return DRAW_OTHER; }

const DistKind dist_joint = {.draw = draw, .log_prob = log_prob, .member = member, .shape = shape};

Dist *dist_of_fields(Ctx *c, Value *record, Span at)
{
    int n = record->record.n;
    Value **v = arena_array(c->L->a, Value *, n);
    for (int i = 0; i < n; i++) {
        Dist *f = as_dist(c, record->record.v[i], at);
        if (!f) return NULL;
        v[i] = val_dist(c->L, f);
    }
    Dist *d = dist_new(c->L, &dist_joint, "joint");
    d->fields = val_record(c->L, v, record->record.name, n);
    return d;
}
