/* index.c - parts of lists and tensors: t[0, 1.., k]. */
#include "compiler/lower/eval/builtin.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"

/* ---- indexing */

bool index_bounds(Ctx *c, int64_t i, int64_t extent, bool end, Span at)
{
    if (i >= 0 && (i < extent || (end && i == extent))) return true;
    Diag *d = diag_error(c->L->diags, at, E200, "index %lld is outside 0..%lld", (long long)i, (long long)extent);
    if (i < 0 && i >= -extent && !end) diag_hint(d, "indices count from 0, none from the end: %lld is that one", (long long)(i + extent));
    return false;
}

/* An end of a range: how many it takes is a shape, so both are known. */
static bool range_end(Ctx *c, const Ast *end, Span at, int64_t extent, int64_t *out)
{
    return as_int_or(c, eval(c, end), at, "an end of a range", "x[start + iota(n)] has n elements from a start that is computed", out) &&
           index_bounds(c, *out, extent, true, at);
}

bool index_range(Ctx *c, const Ast *item, int64_t extent, int64_t *from, int64_t *to)
{
    *from = 0;
    *to = extent;
    if (item->range.from && !range_end(c, item->range.from, item->span, extent, from)) return false;
    if (item->range.to && !range_end(c, item->range.to, item->span, extent, to)) return false;
    if (*to < *from) *to = *from;
    return true;
}

/* The items after the first, of what the first one gave. */
static Value *index_rest(Ctx *c, Value *one, const Ast *e)
{
    if (e->index.items.n == 1) return one;
    Ast rest = *e;
    rest.index.items = (AstList){e->index.items.v + 1, e->index.items.n - 1};
    return arith_index(c, one, &rest);
}

/* What is picked by a number that a derivative may be taken by hangs on it. */
static Value *by_index(Ctx *c, Value *k, Value *one)
{
    return k->face ? face_where(c, face_test(c, k, NULL, val_bool(c->L, true)), one, one) : one;
}

static Value *list_index(Ctx *c, Value *v, const Ast *e)
{
    const Ast *item = e->index.items.v[0];
    int64_t i;
    bool range = item->kind == AST_RANGE;
    Value *k = range ? NULL : eval(c, item);
    if (k && val_bad(k)) return k;
    if ((k && k->kind != V_INT) ||
        (range && e->index.items.n > 1)) { /* beyond what a list can do: it becomes a tensor */
        Value *t = arith_stacked(c, v, e->index.object->span);
        return val_bad(t) ? t : arith_index(c, t, e);
    }
    if (range) {
        int64_t from, to;
        if (!index_range(c, item, v->list.n, &from, &to)) return val_error(c->L);
        Value *piece = val_list(c->L, v->list.v + from, (int)(to - from));
        piece->list.like = v->list.n ? v->list.v[0] : v->list.like;
        return piece;
    }
    i = k->i;
    if (!index_bounds(c, i, v->list.n, false, item->span)) return val_error(c->L);
    return index_rest(c, by_index(c, k, v->list.v[i]), e);
}

/* ---- reports with indices: which one is meant is a matter of their values, of which the name is only the print */

static bool equal_indices(Lower *L, Value *const *a, Value *const *b, int n)
{
    for (int i = 0; i < n; i++)
        if (!first_equal(L, a[i], b[i])) return false;
    return true;
}

static const char *indexed_text(Lower *L, const char *name, Value *const *k, int n)
{
    Text t = text_in(L->a);
    text_add(&t, name);
    for (int i = 0; i < n; i++) text_printf(&t, "%s%s", i ? "," : "[", val_key(L, k[i]));
    if (n) text_add(&t, "]");
    return text_str(&t);
}

static bool is_first(Lower *L, int place, Value *const *k, int n)
{
    return L->indexed.v[place].n == n && equal_indices(L, L->indexed.v[place].index, k, n);
}

static void two_of_a_name(Ctx *c, DiagCode code, const char *what, Span at)
{
    Diag *d = diag_error(c->L->diags, at, code, "%s", what);
    diag_hint(d, "what stands between the brackets is part of the name, so give it texts or numbers that tell them apart");
}

const char *index_name(Ctx *c, const char *word, const char *name, AstList indices, Span at)
{
    Lower *L = c->L;
    Value **k = arena_array(L->a, Value *, indices.n + 1);
    bool bad = false;
    for (int i = 0; i < indices.n; i++) bad |= val_bad(k[i] = eval_raw(c, indices.v[i]));
    const char *text = indexed_text(L, name, k, indices.n), *key = strf(L, "%s %s", word, text);
    if (bad || !indices.n) return text;
    int place = names_get(&L->indexed_at, key);
    if (place < 0) names_put(&L->indexed_at, key, L->indexed.n);
    if (place < 0) array_push(L->a, &L->indexed, ((__typeof__(*L->indexed.v)){k, indices.n}));
    if (place < 0 || is_first(L, place, k, indices.n)) return text;
    two_of_a_name(c, E101, strf(L, "two %ss are called %s", word, text), at);
    return NULL;
}

static Value *report_index(Ctx *c, Value *v, const Ast *e)
{
    Lower *L = c->L;
    int n = e->index.items.n;
    Value **k = arena_array(L->a, Value *, n + 1);
    for (int i = 0; i < n; i++)
        if (val_bad(k[i] = eval_raw(c, e->index.items.v[i]))) return k[i];
    Value *r = val_new(L, V_REPORT);
    r->report = indexed_text(L, v->report, k, n);
    int place = names_get(&L->indexed_at, strf(L, "report %s", r->report));
    if (place < 0 || is_first(L, place, k, n)) return as_settled(c, r, e->span);
    two_of_a_name(c, E404, strf(L, "what was reported as %s has another index, which is printed like this one", r->report), e->span);
    return val_error(L);
}

static bool outside(Ctx *c, Span at, const char *may, int64_t extent)
{
    Diag *d = diag_error(c->L->diags, at, E200, "this index %s, and there are %lld rows", may, (long long)extent);
    if (extent) diag_hint(d, "min(max(k, 0), %lld) is one of them", (long long)extent - 1);
    return false;
}

/* A class, or an index whose range is known now, must fit. Of what is computed while the program runs, a row of reals out of range is NaN;
 * whole numbers and conditions have no such value, so there nothing may be out of range. */
static bool index_within(Ctx *c, const Value *v, const IrVal *k, const IrVal *t, int64_t extent, Span at)
{
    int64_t classes = val_static(v) ? 0 : val_classes(v), lo, hi;
    if (classes > extent) {
        Diag *d = diag_error(c->L->diags, at, E200, "this is a class from 0 to %lld, and there are %lld rows",
                             (long long)classes - 1, (long long)extent);
        diag_label(d, "class[%lld]", (long long)classes);
        return false;
    }
    if (classes || !ir_dims_size(&k->type) || ints_within(c->L, k, 0, extent - 1)) return true;
    if (ir_is_real(t->type.elem) && ints_guarded(c, k, 0, extent - 1)) return true;     /* NaN where the arm is not picked */
    bool known = ints_known(c->L, k, &lo, &hi);
    if (!known && ir_is_real(t->type.elem)) return true;
    if (c->L->guess) return false;                          /* it may fit, for other arguments */
    if (known && lo == hi) return index_bounds(c, lo, extent, false, at);
    return outside(c, at, known ? strf(c->L, "goes from %lld to %lld", (long long)lo, (long long)hi) : "may be any integer", extent);
}

/* An index in 32 bits: one that is out of range stays out of range. */
static IrVal *index_32(Ctx *c, IrVal *k)
{
    IrBuilder *b = fn_builder(c);
    if (k->type.elem != IR_I64) return k;
    k = ir_max(b, k, ir_const_int(b, IR_I64, -1));
    return ir_convert(b, ir_min(b, k, ir_const_int(b, IR_I64, INT32_MAX)), IR_I32);
}

/* What the index picks along a dimension: its own dimensions stand where that one stood. */
static IrVal *gathered(IrBuilder *b, IrVal *t, IrVal *k, int dim)
{
    int rank = k->type.rank;
    t = ir_gather(b, dim_moved(b, t, dim, 0), k, 0);
    IrInts order = {.n = t->type.rank};
    for (int i = 0; i < order.n; i++) order.v[i] = i < dim ? rank + i : i < dim + rank ? i - dim : i;
    return dim && rank ? ir_transpose(b, t, order) : t;
}

/* One item of t[...], at dimension *dim of *t: a whole number drops the dimension, a range keeps it, a tensor gathers. */
static bool index_item(Ctx *c, const Ast *item, IrVal **t, int *dim)
{
    IrBuilder *b = fn_builder(c);
    IrInts d = ir_dims_of(&(*t)->type), lo = d, hi = d, step = d;
    int64_t extent = d.v[*dim];
    for (int i = 0; i < d.n; i++) lo.v[i] = 0, step.v[i] = 1;
    if (item->kind == AST_RANGE) {
        if (!index_range(c, item, extent, &lo.v[*dim], &hi.v[*dim])) return false;
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
        if (v->face) *t = ir_select(b, face_condition(c, face_test(c, v, NULL, val_bool(c->L, true))), *t, *t);
        return true;
    }
    IrVal *k = as_tensor(c, v, item->span);
    if (!k) return false;
    if (ir_is_real(k->type.elem) || k->type.elem == IR_BOOL) {
        Diag *d = diag_error(c->L->diags, item->span, E204, "an index is an integer, and this is %s", type_text(c->L, &k->type));
        if (k->type.elem == IR_BOOL)
            diag_hint(d, "how many a condition chooses is not known now: where(cond, x, 0) leaves all in their places, data |> filter(f) chooses rows, and x[argsort(key)[0..n]] takes n");
        return false;
    }
    if (!index_within(c, v, k, *t, extent, item->span)) return false;
    if ((*t)->type.rank - 1 + k->type.rank > IR_MAX_RANK)
        return too_many_dims(c, item->span), false;
    int rank = k->type.rank;
    *t = gathered(b, *t, index_32(c, k), *dim);
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
    if (!as_int(c, k, item->span, "which part of a tuple", &i)) return val_error(c->L);
    return index_bounds(c, i, v->record.n, false, item->span) ? index_rest(c, by_index(c, k, v->record.v[i]), e) : val_error(c->L);
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
