/* zip.c - zip of data of which something is made when they are drawn, by map or by a declared type: row with row. One table holds the fields of
 * all of them; of a row of it each part makes what it makes of its own. */
#include "compiler/lower/dist/dist.h"
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/value/value.h"

/* Of a row of the whole table, that of one part. */
static Value *own_row(Lower *L, const Value *row, const Data *own, int first)
{
    return data_row_of(L, own, row->record.v + first);
}

static bool taken(Ctx *c, const char **name, int n, const char *one, Span at)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(name[i], one)) return diag_error(c->L->diags, at, E501, "zip gets a field %s twice", one), true;
    return false;
}

static Value *one_field_only(Ctx *c, const char *name, const Value *v, Span at)
{
    Diag *e = diag_error(c->L->diags, at, E501, "%s would be one field, and this has %d", name, v->record.n);
    diag_hint(e, "zip(d, w: ..) takes the fields of d as they are called");
    return val_error(c->L);
}

/* The fields of what each part is: as they are called, or by the part's name, or by their place. */
static Value *joined(Ctx *c, const Dist *d, Value **part, Span at)
{
    int most = 0, n = 0;
    for (int i = 0; i < d->zip.n; i++) most += part[i]->kind == V_RECORD ? part[i]->record.n : 1;
    Value **v = arena_array(c->L->a, Value *, most + 1);
    const char **name = arena_array(c->L->a, const char *, most + 1);
    for (int i = 0; i < d->zip.n; i++) {
        bool record = part[i]->kind == V_RECORD;
        const char *own = d->zip.part[i].name;
        if (record && own && part[i]->record.n > 1) return one_field_only(c, own, part[i], at);
        for (int k = 0; k < (record ? part[i]->record.n : 1); k++, n++) {
            v[n] = record ? part[i]->record.v[k] : part[i];
            const char *called = own ? own : record && part[i]->record.name ? part[i]->record.name[k] : strf(c->L, "f%d", n);
            if (taken(c, name, n, called, at)) return val_error(c->L);
            name[n] = called;
        }
    }
    return val_record(c->L, v, name, n);
}

static Value *made(Ctx *c, Dist *d, Value *row, Span at)
{
    Value **part = arena_array(c->L->a, Value *, d->zip.n + 1);
    for (int i = 0; i < d->zip.n; i++) {
        Dist *p = d->zip.part[i].dist;
        part[i] = dist_made(c, p, own_row(c->L, row, dist_drawn_rows(p), d->zip.part[i].first), at);
        if (val_bad(part[i])) return part[i];
    }
    return joined(c, d, part, at);
}

static Value *draw(Ctx *c, Dist *d, Span at)
{
    Value *row = dist_draw(c, d->zip.rows, at);
    return val_bad(row) ? row : made(c, d, row, at);
}

static bool is_finite(Lower *L, const Dist *d, int64_t *n) { return dist_finite(L, d->zip.rows, n); }

static Value *all(Ctx *c, Dist *d, int axis, Span at)
{
    Ctx inner = *c;
    inner.axes = ir_axes_add(ir_axes_union(c->axes, dist_axes(c->L, d)), axis);
    Value *row = dist_all(c, d->zip.rows, axis, at);
    return val_bad(row) ? row : made(&inner, d, row, at);
}

static const char *text(Lower *L, const Dist *d) { (void)L, (void)d; return "zip(...)"; }

const DistKind dist_zip = {.draw = draw, .made = made, .finite = is_finite, .all = all, .text = text};

Value *dist_of_zip(Lower *L, Data *rows, const ZipPart *part, int n)
{
    Dist *d = dist_new(L, &dist_zip, rows->name);
    d->zip.rows = dist_of_data(L, rows, false)->dist;
    d->zip.part = arena_copy(L->a, part, sizeof *part * (size_t)n);
    d->zip.n = n;
    Value *v = val_dist(L, d);
    for (int i = 0; i < n; i++)
        if (part[i].dist->depth >= d->depth) d->depth = val_nested(L, part[i].dist->depth + 1);
    return v;
}
