/* rows.c - rows(t), the empirical distribution over the leading dim of a tensor or of a record of tensors; and batch_of(h), over
 * the sample axes of a value, which E binds by itself (sample.c). */
#include "compiler/lower/dist/dist.h"
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/own/graph.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"

static Value *gather_leaf(Ctx *c, Value *leaf, void *index)
{
    IrVal *t = as_tensor(c, leaf, SPAN_NONE);
    if (!t) return val_error(c->L);
    Value *v = val_tensor(c->L, ir_gather(fn_builder(c), t, index, 0));
    v->tensor.classes = val_classes(leaf);
    return v;
}

/* A list of records is the record of their stacks. */
static Value *table_of(Ctx *c, const Dist *d, Span at)
{
    Value *v = d->value;
    return v->kind == V_LIST && v->list.n && v->list.v[0]->kind == V_RECORD ? arith_stack(c, v->list.v, v->list.n, at) : v;
}

static Value *draw(Ctx *c, Dist *d, Span at)
{
    int64_t n;
    Value *table = table_of(c, d, at);
    if (val_bad(table) || !as_rows(c, table, at, "rows(..) draws rows", &n)) return val_error(c->L);
    IrType t = ir_scalar(IR_I32);
    t.axes = c->axes;
    c->L->n_draws++;
    IrVal *index = ir_randint(fn_builder(c), fn_stream(c, d->name), n, t);
    return map_fields(c, table, gather_leaf, index);
}

static bool is_finite(Lower *L, const Dist *d, int64_t *n) { return (*n = val_rows(L, d->value)) > 0; }

static Value *all(Ctx *c, Dist *d, int axis, Span at)
{
    Value *table = table_of(c, d, at);
    return val_bad(table) ? table : sample_rows(c, table, axis, at);
}

static const char *text(Lower *L, const Dist *d) { (void)L, (void)d; return "rows(...)"; }
static const char *batch_text(Lower *L, const Dist *d) { (void)L, (void)d; return "batch_of(...)"; }

const DistKind dist_rows = {.draw = draw, .finite = is_finite, .all = all, .text = text};
const DistKind dist_batch = {.text = batch_text};

static Value *of_value(Lower *L, const DistKind *k, const char *name, Value *v)
{
    Dist *d = dist_new(L, k, name);
    d->value = v;
    return val_bad(v) ? v : val_dist(L, d);
}

/* Of numbers known now. */
static bool known_now(const Value *v)
{
    bool list = v->kind == V_LIST;
    if (!list && v->kind != V_RECORD) return val_static(v);
    for (int i = 0; i < (list ? v->list.n : v->record.n); i++)
        if (!known_now(list ? v->list.v[i] : v->record.v[i])) return false;
    return true;
}

/* A table that is known now is looked at where it is written, as nobody may draw from it; it is made for that in a graph that is dropped. */
static bool is_table(Ctx *c, Value *v, Span at)
{
    if (!known_now(v)) return true;
    int64_t n;
    Dist d = {.value = v};
    Trial t = trial_begin(c->L, false);
    Value *table = table_of(c, &d, at);
    bool ok = !val_bad(table) && as_rows(c, table, at, "rows(..) draws rows", &n);
    trial_end(c->L, &t);
    return ok;
}

Value *dist_of_rows(Ctx *c, Value *v, Span at) { return is_table(c, v, at) ? of_value(c->L, &dist_rows, "rows", v) : val_error(c->L); }
Value *dist_of_batch(Lower *L, Value *v) { return of_value(L, &dist_batch, "batch", v); }
Value *dist_batch_value(const Dist *d) { return d->kind == &dist_batch ? d->value : NULL; }
