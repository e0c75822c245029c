/* data.c - data as a distribution: in shuffled epochs, every ~ with its own shuffle; or drawn with replacement. */
#include "compiler/lower/dist/dist.h"
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/eval/table.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"

/* The number of the draw: executions, then rounds of the loops around, then samples. */
static IrVal *draw_position(Ctx *c)
{
    Lower *L = c->L;
    IrBuilder *b = fn_builder(c);
    IrVal *p = fn_tick(L);
    for (int i = 0; i < L->fn->loops.n; i++) {
        p = ir_mul(b, p, ir_const(b, IR_I64, (double)L->fn->loops.v[i].n));
        p = ir_add(b, p, ir_convert(b, L->fn->loops.v[i].index, IR_I64));
    }
    for (int i = 0; i < c->axes.n; i++) {
        p = ir_mul(b, p, ir_const(b, IR_I64, (double)ir_extent(L->m, c->axes.id[i])));
        p = ir_add(b, p, ir_convert(b, ir_index_axis(b, c->axes.id[i]), IR_I64));
    }
    return p;
}

/* Data that the program does not use get no slot because a body is checked. */
static IrVal *only_checked(Ctx *c, const GanTensor *t)
{
    IrType type = ir_scalar((IrElem)data_default(c->L, t));
    type.rank = (uint8_t)t->rank;
    memcpy(type.dim, t->dim, sizeof t->dim[0] * (size_t)t->rank);
    return fn_opaque(c, type);
}

static IrVal *field_tensor(Ctx *c, Data *d, DataField *f, Span at)
{
    GanError err;
    if (f->value) return as_tensor(c, f->value, SPAN_NONE);
    if (c->L->guess && f->slot < 0) return only_checked(c, f->tensor);
    int slot = data_slot(c->L, d, f, &err);
    if (slot >= 0) return fn_read(c->L, slot);
    data_failed(c, at, &err);
    return NULL;
}

/* Of names p.x, p.y, z the record (p: (x: .., y: ..), z: ..). */
static Value *by_names(Lower *L, const char *const *name, Value *const *v, int n)
{
    Value **f = arena_array(L->a, Value *, n + 1);
    const char **called = arena_array(L->a, const char *, n + 1), **rest = arena_array(L->a, const char *, n + 1);
    int fields = 0;
    for (int i = 0, same = 0; i < n; i += same) {
        size_t len = strcspn(name[i], ".");
        for (same = 1; name[i][len] && i + same < n && !strncmp(name[i + same], name[i], len + 1); same++) {}
        for (int k = 0; name[i][len] && k < same; k++) rest[k] = name[i + k] + len + 1;
        called[fields] = strf(L, "%.*s", (int)len, name[i]);
        f[fields++] = name[i][len] ? by_names(L, rest, v + i, same) : v[i];
    }
    return val_record(L, f, called, fields);
}

Value *data_row_of(Lower *L, const Data *d, Value *const *v)
{
    const char **name = arena_array(L->a, const char *, d->n_fields + 1);
    if (d->n_fields == 1 && !d->field[0].name) return v[0];
    for (int i = 0; i < d->n_fields; i++) name[i] = d->field[i].name;
    return by_names(L, name, v, d->n_fields);
}

static Value *rows(Ctx *c, Data *d, IrVal *index, int axis, Span at)
{
    Lower *L = c->L;
    Value **v = arena_array(L->a, Value *, d->n_fields);
    for (int i = 0; i < d->n_fields; i++) {
        IrVal *t = field_tensor(c, d, &d->field[i], at);
        if (!t) return val_error(L);
        t = index ? ir_gather(fn_builder(c), t, index, 0) : ir_as_sample(fn_builder(c), t, axis);
        v[i] = val_tensor(L, t);
        v[i]->tensor.classes = d->field[i].classes;
    }
    return data_row_of(L, d, v);
}

static Value *draw(Ctx *c, Dist *d, Span at)
{
    int s = fn_shuffle(c);
    c->L->n_draws++;
    return rows(c, d->data, ir_permute(fn_builder(c), draw_position(c), s, d->data->rows), -1, at);
}

static Value *draw_replace(Ctx *c, Dist *d, Span at)
{
    IrType t = ir_scalar(IR_I32);
    t.axes = c->axes;
    c->L->n_draws++;
    return rows(c, d->data, ir_randint(fn_builder(c), fn_stream(c, "shuffle"), d->data->rows, t), -1, at);
}

static bool is_finite(Lower *L, const Dist *d, int64_t *n) { (void)L; return *n = d->data->rows, true; }
static Value *all(Ctx *c, Dist *d, int axis, Span at) { return rows(c, d->data, NULL, axis, at); }

const DistKind dist_data = {.draw = draw, .finite = is_finite, .all = all, .names_draws = true, .in_table = true};
const DistKind dist_replace = {.draw = draw_replace, .finite = is_finite, .all = all, .names_draws = true, .in_table = true};

Value *dist_of_data(Lower *L, Data *data, bool replace)
{
    Dist *d = dist_new(L, replace ? &dist_replace : &dist_data, data->name);
    d->data = data;
    return val_dist(L, d);
}

Data *dist_table(const Dist *d) { return d->kind == &dist_data ? d->data : NULL; }

/* What is made of each draw: it is drawn from as the base is. NULL: it is none of that. */
static Dist **base_of(Dist *d)
{
    return d->kind == &dist_map ? &d->map.base : d->kind == &dist_field ? &d->field.base : d->kind == &dist_typed ? &d->typed.base
         : d->kind == &dist_zip ? &d->zip.rows : NULL;
}

Value *dist_made(Ctx *c, Dist *d, Value *row, Span at)
{
    if (!base_of(d) || val_bad(row)) return row;
    row = dist_made(c, *base_of(d), row, at);
    return val_bad(row) ? row : d->kind->made(c, d, row, at);
}

static Dist *leaf_of(Dist *d)
{
    while (base_of(d)) d = *base_of(d);
    return d;
}

bool dist_replaces(Dist *d) { return leaf_of(d)->kind == &dist_replace; }

Value *dist_replaced(Lower *L, Dist *d)
{
    if (!base_of(d)) return dist_of_data(L, d->data, true);
    Dist *same = arena_copy(L->a, d, sizeof *d);
    *base_of(same) = dist_replaced(L, *base_of(d))->dist;
    return val_dist(L, same);
}

Data *dist_drawn_rows(Dist *d)
{
    d = leaf_of(d);
    return d->kind == &dist_data || d->kind == &dist_replace ? d->data : NULL;
}

Value *dist_of_part(Lower *L, Dist *d, Data *part)
{
    if (!base_of(d)) return dist_of_data(L, part, d->kind == &dist_replace);
    Dist *same = arena_copy(L->a, d, sizeof *d);
    *base_of(same) = dist_of_part(L, *base_of(d), part)->dist;
    return val_dist(L, same);
}
