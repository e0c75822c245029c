/* index.c - lists that become tensors, and parts of lists and tensors: t[0, 1.., k]. */
#include "compiler/lower/core.h"

/* ---- stacks: a list of equal tensors */

enum { CONST_TABLE_FROM = 8 };                              /* shorter lists are stacked from constants */

static int64_t count_numbers(const Value *v, IrInts *dims, int depth)
{
    if (val_is_number(v)) return v->face ? -1 : 1;
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

/* I32 or I64 of whole numbers alone, else the element type of reals. */
static GanElem table_elem(const Ctx *c, const Value *v)
{
    GanElem real = (GanElem)c->L->m->real, e = GAN_I32;
    if (v->kind != V_LIST) return v->kind == V_INT ? (GanElem)int_elem(v->i) : real;
    for (int i = 0; i < v->list.n && e != real; i++) {
        GanElem item = table_elem(c, v->list.v[i]);
        if (item != GAN_I32) e = item;                      /* a real among them ends the search */
    }
    return e;
}

static void fill_table(const Value *v, GanTensor *t, int64_t *at)
{
    if (v->kind == V_LIST) {
        for (int i = 0; i < v->list.n; i++) fill_table(v->list.v[i], t, at);
        return;
    }
    switch (t->elem) {
    case GAN_I32: ((int32_t *)t->data)[(*at)++] = (int32_t)v->i; break;
    case GAN_I64: ((int64_t *)t->data)[(*at)++] = v->i; break;
    case GAN_F32: ((float *)t->data)[(*at)++] = (float)val_number(v); break;
    default: ((double *)t->data)[(*at)++] = val_number(v); break;
    }
}

/* A table of numbers that is known now becomes a constant of its own. NULL: it is not one. */
Value *arith_table(Ctx *c, Value *list, int64_t least, Span at)
{
    IrInts dims = ir_ints(0, NULL);
    int64_t n = count_numbers(list, &dims, 0), i = 0;
    if (n < least || !dims_fit(c->L, &dims, at)) return NULL;
    GanElem elem = table_elem(c, list);
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
        if ((t[i]->type.elem == IR_BOOL) != (e == IR_BOOL)) {
            diag_error(c->L->diags, at, E201, "a list of conditions and numbers is no tensor");
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
    Value *table = arith_table(c, val_list(c->L, v, n), CONST_TABLE_FROM, at);
    if (table) return table;
    if (v[0]->kind == V_RECORD) return stack_records(c, v, n, at);
    IrVal **t = arena_array(c->L->a, IrVal *, n);
    for (int i = 0; i < n; i++)
        if (!(t[i] = v[i]->face ? as_real(c, v[i], at) : as_tensor(c, v[i], at))) return val_error(c->L);
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

/* The items after the first, of what the first one gave. */
static Value *index_rest(Ctx *c, Value *one, const Ast *e)
{
    if (e->index.items.n == 1) return one;
    Ast rest = *e;
    rest.index.items = (AstList){e->index.items.v + 1, e->index.items.n - 1};
    return arith_index(c, one, &rest);
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
    return index_rest(c, one, e);
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

/* An index that is computed while the program runs gathers nothing (NaN, or 0) where it is out of range; one whose range is known
 * now must fit. */
static bool index_within(Ctx *c, const Value *v, const IrVal *k, int64_t extent, Span at)
{
    int64_t classes = v->kind == V_TENSOR ? v->tensor.classes : v->kind == V_SLOT ? v->slot.classes : 0, lo, hi;
    if (classes > extent) {
        Diag *d = diag_error(c->L->diags, at, E200, "this is a class from 0 to %lld, and there are %lld rows",
                             (long long)classes - 1, (long long)extent);
        diag_label(d, "class[%lld]", (long long)classes);
        return false;
    }
    if (!ints_table(c->L, k, &lo, &hi)) return true;
    return index_bounds(c, lo, extent, false, at) && index_bounds(c, hi, extent, false, at);
}

/* An index in 32 bits: one that is out of range stays out of range. */
static IrVal *index_32(Ctx *c, IrVal *k)
{
    IrBuilder *b = fn_builder(c);
    if (k->type.elem != IR_I64) return k;
    k = ir_max(b, k, ir_const_int(b, IR_I64, -1));
    return ir_convert(b, ir_min(b, k, ir_const_int(b, IR_I64, INT32_MAX)), IR_I32);
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
    if (!index_within(c, v, k, extent, item->span)) return false;
    if (ir_is_real(k->type.elem) || k->type.elem == IR_BOOL) {
        diag_error(c->L->diags, item->span, E204, "an index is an integer, and this is %s", type_text(c->L, &k->type));
        return false;
    }
    if (*dim) return unsupported(c, item->span, "indexing by a tensor after the first dimension"), false;
    if ((*t)->type.rank - 1 + k->type.rank > IR_MAX_RANK)
        return unsupported(c, item->span, "more than 8 dimensions"), false;
    int rank = k->type.rank;
    *t = ir_gather(b, *t, index_32(c, k), 0);
    *dim += rank;
    return true;
}

/* The parts of a tuple may differ, so which one is meant must be known now. */
static Value *tuple_index(Ctx *c, Value *v, const Ast *e)
{
    const Ast *item = e->index.items.v[0];
    if (item->kind == AST_RANGE) {
        Diag *d = diag_error(c->L->diags, item->span, E201, "a tuple has parts, not rows, and %s cannot be cut",
                             val_text(c->L, v));
        diag_hint(d, "take it apart, let (a, b) = ..., or name a part: t[0]");
        return val_error(c->L);
    }
    Value *k = as_settled(c, eval(c, item), item->span);
    int64_t i;
    if (k->kind == V_REAL || !as_int(c, k, item->span, "which part of a tuple", &i)) {
        if (k->kind == V_REAL)
            diag_error(c->L->diags, item->span, E204, "an index is an integer, and this is %s", val_text(c->L, k));
        return val_error(c->L);
    }
    return index_bounds(c, i, v->record.n, false, item->span) ? index_rest(c, v->record.v[i], e) : val_error(c->L);
}

static Value *no_index(Ctx *c, const Value *v, const Ast *e)
{
    Diag *d = diag_error(c->L->diags, e->span, E201, "a record has fields, and this is %s", val_text(c->L, v));
    diag_hint(d, "write .%s for a field, and map(fn(r) ..., t) to go through the rows of all of them",
              v->record.n ? v->record.name[0] : "name");
    return val_error(c->L);
}

Value *arith_index(Ctx *c, Value *v, const Ast *e)
{
    if (v->kind == V_REPORT) return report_index(c, v, e);
    v = as_settled(c, v, e->span);
    if (val_bad(v)) return v;
    if (v->kind == V_LIST) return list_index(c, v, e);
    if (v->kind == V_RECORD) return v->record.name ? no_index(c, v, e) : tuple_index(c, v, e);
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
