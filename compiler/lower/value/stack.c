/* stack.c - lists that become tensors: tables of numbers known now, and stacks of equal tensors. */
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"

/* ---- stacks: a list of equal tensors */

enum { CONST_TABLE_FROM = 8 };                              /* shorter lists are stacked from constants */

static int64_t count_numbers(const Ctx *c, const Value *v, IrInts *dims, int depth)
{
    if (val_is_number(v)) return v->face || exact_is_beyond(v, c->L->m->real) ? -1 : 1;
    if (v->kind != V_LIST || depth >= IR_MAX_RANK || !v->list.n) return -1;
    if (dims->n <= depth) dims->v[dims->n++] = v->list.n;
    if (dims->v[depth] != v->list.n) return -1;
    int64_t n = 0;
    for (int i = 0; i < v->list.n; i++) {
        int64_t k = count_numbers(c, v->list.v[i], dims, depth + 1);
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

static void fill_table(Ctx *c, const Value *v, GanTensor *t, int64_t *at, Span place)
{
    if (v->kind == V_LIST) {
        for (int i = 0; i < v->list.n; i++) fill_table(c, v->list.v[i], t, at, place);
        return;
    }
    switch (t->elem) {
    case GAN_I32: ((int32_t *)t->data)[(*at)++] = (int32_t)v->i; break;
    case GAN_I64: ((int64_t *)t->data)[(*at)++] = v->i; break;
    case GAN_F32: number_fits(c->L, v, IR_F32, place); ((float *)t->data)[(*at)++] = (float)val_number(v); break;
    default: ((double *)t->data)[(*at)++] = val_number(v); break;
    }
}

/* A table of numbers that is known now becomes a constant of its own. NULL: it is not one. */
Value *arith_table(Ctx *c, Value *list, int64_t least, Span at)
{
    IrInts dims = ir_ints(0, NULL);
    int64_t n = count_numbers(c, list, &dims, 0), i = 0;
    if (n < least || !dims_fit(c->L, &dims, at)) return NULL;
    GanElem elem = table_elem(c, list);
    GanTensor *t;
    GanError err;
    if (gan_tensor_new(elem, dims.n, dims.v, &t, &err) != GAN_OK) return NULL;
    fill_table(c, list, t, &i, at);
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

static Value *different_records(Ctx *c, const Value *a, const Value *b, Span at)
{
    Diag *d = diag_error(c->L->diags, at, E200, "a list of records is a record of tensors when all have the same fields, and these are %s and %s", val_text(c->L, a),
                         val_text(c->L, b));
    diag_hint(d, "a list goes on being one in for, and list[0] is one of its items");
    return val_error(c->L);
}

static Value *stack_records(Ctx *c, Value **v, int n, Span at)
{
    int k = v[0]->record.n;
    Value **out = arena_array(c->L->a, Value *, k + 1), **column = arena_array(c->L->a, Value *, n);
    for (int f = 0; f < k; f++) {
        for (int i = 0; i < n; i++) {
            if (val_bad(v[i])) return v[i];
            Value *row = val_in_form(c->L, v[0], v[i]);
            if (!row) return different_records(c, v[0], v[i], at);
            column[i] = row->record.v[f];
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

/* Lists of records, however deep. */
static bool holds_records(const Value *v)
{
    while (v->kind == V_LIST && v->list.n) v = v->list.v[0];
    return v->kind == V_RECORD;
}

Value *val_stacked(Ctx *c, Value *v, Span at)
{
    return v->kind == V_LIST && holds_records(v) ? arith_stack(c, v->list.v, v->list.n, at) : v;
}

static Value **stacked_items(Ctx *c, Value **v, int n, Span at)
{
    Value **item = arena_array(c->L->a, Value *, n);
    for (int i = 0; i < n; i++) item[i] = val_stacked(c, v[i], at);
    return item;
}

Value *arith_stacked(Ctx *c, const Value *list, Span at)
{
    Value *like = list->list.like;
    if (list->list.n || !like) return arith_stack(c, list->list.v, list->list.n, at);
    IrVal *row = as_tensor(c, like, at);
    if (!row) return val_error(c->L);
    if (row->type.rank == IR_MAX_RANK) return too_many_dims(c, at);
    IrVal *one = stack_row(c, row);
    IrInts lo = ir_dims_of(&one->type), hi = lo, step = lo;
    for (int i = 0; i < lo.n; i++) lo.v[i] = 0, step.v[i] = 1;
    hi.v[0] = 0;
    Value *none = val_tensor(c->L, ir_slice(fn_builder(c), one, lo, hi, step));
    none->tensor.classes = val_classes(like);
    return none;
}

Value *arith_stack(Ctx *c, Value **v, int n, Span at)
{
    if (!n) {
        diag_error(c->L->diags, at, E201, "an empty list is not a tensor");
        return val_error(c->L);
    }
    Value *list = val_list(c->L, v, n), *table = arith_table(c, list, CONST_TABLE_FROM, at);
    if (table) return table->slot.classes = val_classes(list), table;
    if (holds_records(v[0])) v = stacked_items(c, v, n, at);
    if (v[0]->kind == V_RECORD) return stack_records(c, v, n, at);
    IrVal **t = arena_array(c->L->a, IrVal *, n);
    for (int i = 0; i < n; i++)
        if (!(t[i] = as_tensor(c, v[i], at))) return val_error(c->L);
    if (t[0]->type.rank == IR_MAX_RANK) return too_many_dims(c, at);
    if (!rows_alike(c, t, n, at)) return val_error(c->L);
    Value *stack = val_tensor(c->L, n == 1 ? t[0] : ir_concat(fn_builder(c), t, n, 0));
    stack->tensor.classes = val_classes(list);
    return stack;
}
