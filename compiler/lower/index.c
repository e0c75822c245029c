/* index.c - lists that become tensors, and parts of lists and tensors: t[0, 1.., k]. */
#include "compiler/lower/core.h"

static bool is_number(const Value *v) { return v->kind == V_INT || v->kind == V_REAL; }
static double number(const Value *v) { return v->kind == V_INT ? (double)v->i : v->r; }

/* ---- stacks: a list of equal tensors */

enum { CONST_TABLE_FROM = 8 };

static int64_t count_numbers(const Value *v, IrInts *dims, int depth)
{
    if (is_number(v)) return v->face ? -1 : 1;
    if (v->kind != V_LIST || depth >= IR_MAX_RANK || !v->list.n) return -1;
    if (dims->n <= depth) dims->v[dims->n++] = v->list.n;
    if (dims->v[depth] != v->list.n) return -1;
    int64_t n = 0;
    for (int i = 0; i < v->list.n; i++) {
        int64_t k = count_numbers(v->list.v[i], dims, depth + 1);
        if (k < 0) return -1;
        n += k;
    }
    return n;
}

static bool all_ints(const Value *v)
{
    if (v->kind != V_LIST) return v->kind == V_INT && v->i >= INT32_MIN && v->i <= INT32_MAX;
    for (int i = 0; i < v->list.n; i++)
        if (!all_ints(v->list.v[i])) return false;
    return true;
}

static void fill_table(const Value *v, GanTensor *t, int64_t *at)
{
    if (v->kind == V_LIST) {
        for (int i = 0; i < v->list.n; i++) fill_table(v->list.v[i], t, at);
        return;
    }
    switch (t->elem) {
    case GAN_I32: ((int32_t *)t->data)[(*at)++] = (int32_t)v->i; break;
    case GAN_F32: ((float *)t->data)[(*at)++] = (float)number(v); break;
    default: ((double *)t->data)[(*at)++] = number(v); break;
    }
}

/* A table of numbers that is known now becomes a constant of its own. NULL: it is not one. */
static Value *number_table(Ctx *c, Value *list, Span at)
{
    IrInts dims = ir_ints(0, NULL);
    int64_t n = count_numbers(list, &dims, 0), i = 0;
    if (n < CONST_TABLE_FROM || !dims_fit(c->L, &dims, at)) return NULL;
    GanElem elem = all_ints(list) ? GAN_I32 : (GanElem)c->L->m->real;
    GanTensor *t;
    GanError err;
    if (gan_tensor_new(elem, dims.n, dims.v, &t, &err) != GAN_OK) return NULL;
    fill_table(list, t, &i);
    return val_slot(c->L, data_constant(c->L, t, NULL));
}

static IrVal *stack_row(Ctx *c, IrVal *v)
{
    IrInts d = ir_dims_of(&v->type), row = ir_ints(0, NULL);
    row.n = (uint8_t)(d.n + 1);
    row.v[0] = 1;
    for (int i = 0; i < d.n; i++) row.v[i + 1] = d.v[i];
    return ir_reshape(fn_builder(c), v, row);
}

static Value *stack_records(Ctx *c, Value **v, int n, Span at)
{
    int k = v[0]->record.n;
    Value **out = arena_array(c->L->a, Value *, k + 1), **column = arena_array(c->L->a, Value *, n);
    for (int f = 0; f < k; f++) {
        for (int i = 0; i < n; i++) {
            if (v[i]->kind != V_RECORD || v[i]->record.n != k)
                return unsupported(c, at, "a list of different records as a tensor");
            column[i] = v[i]->record.v[f];
        }
        out[f] = arith_stack(c, column, n, at);
    }
    return val_record(c->L, out, v[0]->record.name, k);
}

static bool rows_alike(Ctx *c, IrVal **t, int n, Span at)
{
    IrElem e = t[0]->type.elem;
    for (int i = 1; i < n; i++) {
        if (!ir_dims_equal(&t[i]->type, &t[0]->type)) {
            diag_error(c->L->diags, at, E200,
                       "a list is a tensor when its items have one shape, and these have %s and %s",
                       type_text(c->L, &t[0]->type), type_text(c->L, &t[i]->type));
            return false;
        }
        if (t[i]->type.elem != e) e = arith_elem(c, e, t[i]->type.elem);
    }
    for (int i = 0; i < n; i++) t[i] = stack_row(c, arith_convert(c, t[i], e));
    return true;
}

Value *arith_stack(Ctx *c, Value **v, int n, Span at)
{
    if (!n) {
        diag_error(c->L->diags, at, E201, "an empty list is not a tensor");
        return val_error(c->L);
    }
    Value *table = number_table(c, val_list(c->L, v, n), at);
    if (table) return table;
    if (v[0]->kind == V_RECORD) return stack_records(c, v, n, at);
    IrVal **t = arena_array(c->L->a, IrVal *, n);
    for (int i = 0; i < n; i++)
        if (!(t[i] = as_tensor(c, v[i], at))) return val_error(c->L);
    if (t[0]->type.rank == IR_MAX_RANK) return unsupported(c, at, "more than 8 dimensions");
    if (!rows_alike(c, t, n, at)) return val_error(c->L);
    return val_tensor(c->L, n == 1 ? t[0] : ir_concat(fn_builder(c), t, n, 0));
}

/* ---- indexing */

bool index_bounds(Ctx *c, int64_t i, int64_t extent, bool end, Span at)
{
    if (i >= 0 && (i < extent || (end && i == extent))) return true;
    diag_error(c->L->diags, at, E200, "index %lld is outside 0..%lld", (long long)i, (long long)extent);
    return false;
}

static Value *list_index(Ctx *c, Value *v, const Ast *e)
{
    const Ast *item = e->index.items.v[0];
    int64_t i;
    bool range = item->kind == AST_RANGE;
    Value *k = range ? NULL : eval(c, item);
    if ((k && k->kind != V_INT) ||
        (range && e->index.items.n > 1)) { /* beyond what a list can do: it becomes a tensor */
        Value *t = arith_stack(c, v->list.v, v->list.n, e->index.object->span);
        return val_bad(t) ? t : arith_index(c, t, e);
    }
    if (range) {
        int64_t from = 0, to = v->list.n;
        if (item->range.from && !as_int(c, eval(c, item->range.from), item->span, "an index", &from))
            return val_error(c->L);
        if (item->range.to && !as_int(c, eval(c, item->range.to), item->span, "an index", &to)) return val_error(c->L);
        if (!index_bounds(c, from, v->list.n, true, item->span) || !index_bounds(c, to, v->list.n, true, item->span))
            return val_error(c->L);
        return val_list(c->L, v->list.v + from, to > from ? (int)(to - from) : 0);
    }
    i = k->i;
    if (!index_bounds(c, i, v->list.n, false, item->span)) return val_error(c->L);
    Value *one = v->list.v[i];
    if (e->index.items.n == 1) return one;
    Ast rest = *e;
    rest.index.items = (AstList){e->index.items.v + 1, e->index.items.n - 1};
    return arith_index(c, one, &rest);
}

/* t[0] of a tuple is its first part; further indices are the part's. */
static Value *tuple_index(Ctx *c, Value *v, const Ast *e)
{
    const Ast *item = e->index.items.v[0];
    int64_t i;
    if (item->kind == AST_RANGE) return unsupported(c, item->span, "a range of a tuple's parts");
    if (!as_int(c, eval(c, item), item->span, "the index of a tuple", &i)) return val_error(c->L);
    if (!index_bounds(c, i, v->record.n, false, item->span)) return val_error(c->L);
    if (e->index.items.n == 1) return v->record.v[i];
    Ast rest = *e;
    rest.index.items = (AstList){e->index.items.v + 1, e->index.items.n - 1};
    return arith_index(c, v->record.v[i], &rest);
}

static Value *report_index(Ctx *c, Value *v, const Ast *e)
{
    Text t = text_in(c->L->a);
    text_printf(&t, "%s[", v->report);
    for (int i = 0; i < e->index.items.n; i++) {
        Value *k = eval_raw(c, e->index.items.v[i]);
        if (val_bad(k)) return k;
        text_printf(&t, "%s%s", i ? "," : "", val_key(c->L, k));
    }
    text_add(&t, "]");
    Value *r = val_new(c->L, V_REPORT);
    r->report = text_str(&t);
    return as_settled(c, r, e->span);
}

/* One item of t[...], at dimension *dim of *t: a whole number drops the dimension, a range keeps it, a tensor gathers. */
static bool index_item(Ctx *c, const Ast *item, IrVal **t, int *dim)
{
    IrBuilder *b = fn_builder(c);
    IrInts d = ir_dims_of(&(*t)->type), lo = d, hi = d, step = d;
    int64_t extent = d.v[*dim];
    for (int i = 0; i < d.n; i++) lo.v[i] = 0, step.v[i] = 1;
    if (item->kind == AST_RANGE) {
        if (item->range.from && !as_int(c, eval(c, item->range.from), item->span, "an index", &lo.v[*dim]))
            return false;
        if (item->range.to && !as_int(c, eval(c, item->range.to), item->span, "an index", &hi.v[*dim])) return false;
        if (!index_bounds(c, lo.v[*dim], extent, true, item->span) ||
            !index_bounds(c, hi.v[*dim], extent, true, item->span))
            return false;
        if (hi.v[*dim] < lo.v[*dim]) hi.v[*dim] = lo.v[*dim];
        *t = ir_slice(b, *t, lo, hi, step);
        ++*dim;
        return true;
    }
    Value *v = as_settled(c, eval(c, item), item->span);
    if (v->kind == V_INT) {
        if (!index_bounds(c, v->i, extent, false, item->span)) return false;
        lo.v[*dim] = v->i, hi.v[*dim] = v->i + 1;
        *t = ir_slice(b, *t, lo, hi, step);
        IrInts out = ir_ints(0, NULL);
        for (int i = 0; i < d.n; i++)
            if (i != *dim) out.v[out.n++] = d.v[i];
        *t = ir_reshape(b, *t, out);
        return true;
    }
    IrVal *k = as_tensor(c, v, item->span);
    if (!k) return false;
    if (ir_is_real(k->type.elem) || k->type.elem == IR_BOOL) {
        diag_error(c->L->diags, item->span, E204, "an index is an integer, and this is %s", type_text(c->L, &k->type));
        return false;
    }
    if (*dim) return unsupported(c, item->span, "indexing by a tensor after the first dimension"), false;
    if ((*t)->type.rank - 1 + k->type.rank > IR_MAX_RANK)
        return unsupported(c, item->span, "more than 8 dimensions"), false;
    int rank = k->type.rank;
    *t = ir_gather(b, *t, arith_convert(c, k, IR_I32), 0);
    *dim += rank;
    return true;
}

Value *arith_index(Ctx *c, Value *v, const Ast *e)
{
    if (v->kind == V_REPORT) return report_index(c, v, e);
    v = as_settled(c, v, e->span);
    if (val_bad(v)) return v;
    if (v->kind == V_LIST) return list_index(c, v, e);
    if (v->kind == V_RECORD && !v->record.name) return tuple_index(c, v, e);
    if (v->kind == V_RECORD) {
        Value **f = arena_array(c->L->a, Value *, v->record.n + 1);
        for (int i = 0; i < v->record.n; i++) f[i] = arith_index(c, v->record.v[i], e);
        return val_record(c->L, f, v->record.name, v->record.n);
    }
    IrVal *t = as_tensor(c, v, e->index.object->span);
    if (!t) return val_error(c->L);
    if (e->index.items.n > t->type.rank) {
        diag_error(c->L->diags, e->span, E205, "%d indices for %s", e->index.items.n, type_text(c->L, &t->type));
        return val_error(c->L);
    }
    int dim = 0;
    for (int i = 0; i < e->index.items.n; i++)
        if (!index_item(c, e->index.items.v[i], &t, &dim)) return val_error(c->L);
    Value *out = val_tensor(c->L, t);
    if (v->kind == V_TENSOR) out->tensor.classes = v->tensor.classes;
    if (v->kind == V_SLOT) out->tensor.classes = v->slot.classes;
    return out;
}
