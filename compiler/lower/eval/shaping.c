/* shaping.c - built-in functions that move elements about by dimensions that are named: concat, reverse, broadcast, pad, and what the
 * library needs to name dimensions with. */
#include "compiler/lower/eval/builtin.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"

#include <math.h>

IrVal *dim_moved(IrBuilder *b, IrVal *t, int from, int to)
{
    IrInts order = {.n = t->type.rank};
    for (int i = 0, next = 0; i < order.n; i++) {
        if (next == from) next++;
        order.v[i] = i == to ? from : next++;
    }
    return from == to ? t : ir_transpose(b, t, order);
}

static bool has(const IrInts *d, int64_t i)
{
    for (int k = 0; k < d->n; k++)
        if (d->v[k] == i) return true;
    return false;
}

/* ---- joined, reversed */

/* What concat joins: its arguments, or the items of the one list it is given. NULL after an error. */
static Value **parts_of(Ctx *c, const Call *k, int *n)
{
    enum { MOST = 16 };
    Value *only = k->v[1] || k->n > MOST + 1 ? NULL : as_settled(c, k->v[0], k->at);
    if (only && only->kind == V_LIST && only->list.n) return *n = only->list.n, only->list.v;
    if (only) return mistake(c, k, "concat", "two tensors or more, or a list of them", only), NULL;
    Value **part = arena_array(c->L->a, Value *, MOST);
    *n = 0;
    for (int i = 0; i < MOST; i++)
        if (k->v[i]) part[(*n)++] = k->v[i];
    return part;
}

static bool joins(Ctx *c, const Call *k, const IrVal *first, const IrVal *t, int64_t dim)
{
    bool fits = t->type.rank == first->type.rank && t->type.elem == first->type.elem;
    for (int d = 0; fits && d < t->type.rank; d++) fits = d == dim || t->type.dim[d] == first->type.dim[d];
    if (fits) return true;
    const char *which = dim ? strf(c->L, "dimension %lld", (long long)dim) : "the first dimension";
    diag_error(c->L->diags, k->at, E200, "concat joins along %s; %s and %s differ in the others", which, type_text(c->L, &first->type),
               type_text(c->L, &t->type));
    return false;
}

static Value *no_tensor(Ctx *c, const Call *k, const Value *part)
{
    Diag *d = diag_error(c->L->diags, k->at, E201, "concat takes tensors, and this is %s", val_text(c->L, part));
    if (part->kind == V_INT) diag_hint(d, "the dimension is given by its name: concat(a, b, dim: 1)");
    return val_error(c->L);
}

Value *builtin_concat(Ctx *c, const Call *k)
{
    int n;
    int64_t dim = 0, extent = 0;
    Value **part = parts_of(c, k, &n);
    if (!part) return val_error(c->L);
    IrVal **t = arena_array(c->L->a, IrVal *, n);
    bool real = false;
    IrElem elem = IR_BOOL;
    for (int i = 0; i < n; i++) {
        if (!(t[i] = as_tensor(c, part[i], k->at))) return val_error(c->L);
        real = real || ir_is_real(t[i]->type.elem);
    }
    for (int i = 0; i < n; i++) {
        if (real && !(t[i] = arith_reals(c, part[i], k->at, "concat"))) return val_error(c->L);
        if (t[i]->type.elem != IR_BOOL) elem = elem == IR_BOOL ? t[i]->type.elem : arith_elem(c, elem, t[i]->type.elem);
    }
    for (int i = 0; i < n; i++) {
        if (t[i]->type.elem != IR_BOOL) t[i] = arith_convert(c, t[i], elem);    /* whole numbers may have been wider, or f64 */
        if (!t[i]->type.rank) return no_tensor(c, k, part[i]);
        if (!i && k->v[16] && !one_dim(c, k, k->v[16], t[0], &dim)) return val_error(c->L);
        if (!joins(c, k, t[0], t[i], dim)) return val_error(c->L);
        if (__builtin_add_overflow(extent, t[i]->type.dim[dim], &extent)) extent = INT64_MAX;
    }
    IrInts d = ir_dims_of(&t[0]->type);
    d.v[dim] = extent;
    return dims_fit(c->L, &d, k->at) ? val_tensor(c->L, ir_concat(fn_builder(c), t, n, (int)dim)) : val_error(c->L);
}

Value *builtin_reverse(Ctx *c, const Call *k)
{
    IrVal *t = as_tensor(c, k->v[0], k->at);
    IrInts d = ir_ints(1, (int64_t[]){0});
    if (t && !t->type.rank) return mistake(c, k, "reverse", "a tensor", k->v[0]);
    if (!t || (k->v[1] && !dims_arg(c, k, k->v[1], t, &d))) return val_error(c->L);
    return val_tensor(c->L, d.n ? ir_reverse(fn_builder(c), t, d) : t);
}

/* ---- repeated, padded */

/* broadcast(x, dims, dim): x repeated along the dimensions `dim` of what is made, the leading ones if none are named. */
Value *builtin_broadcast(Ctx *c, const Call *k)
{
    IrVal *t = as_tensor(c, k->v[0], k->at);
    IrInts d, repeated = ir_ints(0, NULL), kept = repeated, left = repeated;
    if (!t || !as_dims(c, k->v[1], k->at, &d)) return val_error(c->L);
    IrVal made = {.type = ir_type(t->type.elem, ir_no_axes(), d)};
    for (int i = 0; i < d.n - t->type.rank; i++) repeated.v[repeated.n++] = i;
    if (k->v[2] && !dims_arg(c, k, k->v[2], &made, &repeated)) return val_error(c->L);
    for (int i = 0; i < d.n; i++)
        if (!has(&repeated, i)) kept.v[kept.n++] = i, left.v[left.n++] = d.v[i];
    made.type = ir_type(t->type.elem, ir_no_axes(), left);
    if (ir_dims_equal(&t->type, &made.type)) return val_tensor(c->L, repeated.n ? ir_broadcast(fn_builder(c), t, d, kept) : t);
    Diag *e = diag_error(c->L->diags, k->at, E200, "broadcast repeats %s, and %s has %s besides the repeated dimensions",
                         type_text(c->L, &t->type), dims_text(c->L, &d), dims_text(c->L, &left));
    diag_hint(e, "dim: names the dimensions of the result that are repeated, as broadcast(mean(x, dim: 1), shape(x), dim: 1)");
    return val_error(c->L);
}

/* One of the amounts of pad: for each dimension, at least 0. */
static bool amounts(Ctx *c, const Call *k, Value *v, const char *what, IrInts *out)
{
    if (v && !per_dim(c, k, v, what, out->n, out->v)) return false;
    for (int i = 0; v && i < out->n; i++) {
        if (out->v[i] >= 0 && out->v[i] <= INT32_MAX) continue;
        Diag *d = diag_error(c->L->diags, k->at, E204, "%s of pad is a number from 0 to %d, and this is %lld", what, INT32_MAX,
                             (long long)out->v[i]);
        if (out->v[i] < 0) diag_hint(d, "x[a..b] leaves elements out");
        return false;
    }
    return true;
}

static bool pad_constant(Ctx *c, const Call *k, const IrVal *t, Value *v, double *value)
{
    if (v && !as_number(c, v, k->at, "what pad fills with", value)) return false;
    bool whole = *value == (double)(int32_t)fmax(fmin(*value, INT32_MAX), INT32_MIN);
    if (ir_is_real(t->type.elem) || whole) return true;
    mistake(c, k, "pad", "a whole number of 32 bits to fill integers with", v);
    return false;
}

/* Filled with a number that is computed, or that a derivative goes back to. */
static Value *filled_with(Ctx *c, const Call *k, IrVal *t, IrInts lo, IrInts hi, IrInts between, Value *v)
{
    IrBuilder *b = fn_builder(c);
    IrVal *fill = arith_numbers(c, v, k->at, "pad");
    if (!fill) return val_error(c->L);
    if (fill->type.rank) return mistake(c, k, "pad", "one number to fill with", v);
    IrVal *ones = ir_fill(b, ir_const(b, IR_F32, 1), ir_dims_of(&t->type));
    IrVal *taken = ir_compare(b, IR_GT, ir_pad(b, ones, lo, hi, between, 0), ir_const(b, IR_F32, 0));
    return arith_select(c, val_tensor(c->L, taken), val_tensor(c->L, ir_pad(b, t, lo, hi, between, 0)), v, k->at);
}

/* pad(x, lo, hi, value, interior): so many elements before, behind and between those of each dimension; hi is lo where it is left out. */
Value *builtin_pad(Ctx *c, const Call *k)
{
    IrVal *t = arith_numbers(c, k->v[0], k->at, "pad");
    Value *v = k->v[3] ? as_settled(c, k->v[3], k->at) : NULL;
    double value = 0;
    if (!t || (v && val_bad(v))) return val_error(c->L);
    bool constant = !v || (val_static(v) && !v->face);
    IrInts d = ir_dims_of(&t->type), lo = {.n = d.n}, hi = lo, between = lo;
    if (!amounts(c, k, k->v[1], "lo", &lo) || !amounts(c, k, k->v[2] ? k->v[2] : k->v[1], "hi", &hi) ||
        !amounts(c, k, k->v[4], "interior", &between) || (constant && !pad_constant(c, k, t, v, &value)))
        return val_error(c->L);
    for (int i = 0; i < d.n; i++) {
        __int128 n = (__int128)lo.v[i] + hi.v[i] + (d.v[i] ? (__int128)(d.v[i] - 1) * (between.v[i] + 1) + 1 : 0);
        d.v[i] = n > INT64_MAX ? INT64_MAX : (int64_t)n;
    }
    if (!dims_fit(c->L, &d, k->at)) return val_error(c->L);
    return constant ? val_tensor(c->L, ir_pad(fn_builder(c), t, lo, hi, between, value)) : filled_with(c, k, t, lo, hi, between, v);
}

/* ---- named */

bool per_dim(Ctx *c, const Call *k, Value *v, const char *what, int n, int64_t *out)
{
    v = as_settled(c, v, k->at);
    bool list = v->kind == V_LIST;
    if (val_bad(v)) return false;
    if (list && v->list.n != n) {
        diag_error(c->L->diags, k->at, E205, "%s is one number, or a list of one for each of %d dimensions, and this is %s", what, n,
                   val_text(c->L, v));
        return false;
    }
    for (int i = 0; i < n; i++)
        if (!as_int(c, list ? v->list.v[i] : v, k->at, what, &out[i])) return false;
    return true;
}

static Value *list_of(Ctx *c, const int64_t *n, int count)
{
    Value *v[IR_MAX_RANK];
    for (int i = 0; i < count; i++) v[i] = val_int(c->L, n[i]);
    return val_list(c->L, v, count);
}

/* per_dim(k, n): [k, k] of a number and 2; a list of n as it is. */
Value *builtin_per_dim(Ctx *c, const Call *k)
{
    int64_t n, out[IR_MAX_RANK];
    if (!as_size(c, k->v[1], k->at, "how many dimensions", &n)) return val_error(c->L);
    if (n > IR_MAX_RANK) return mistake(c, k, "per_dim", "at most 8 dimensions", k->v[1]);
    return per_dim(c, k, k->v[0], "the first argument", (int)n, out) ? list_of(c, out, (int)n) : val_error(c->L);
}

/* The dimensions of x that an argument `dim` names, ascending; all without one. */
Value *builtin_dims(Ctx *c, const Call *k)
{
    IrInts d;
    IrVal *t = as_tensor(c, k->v[0], k->at);
    return t && dims_arg(c, k, k->v[1], t, &d) ? list_of(c, d.v, d.n) : val_error(c->L);
}

/* x with the dimensions `dim`, or all, made into one, which is the first. */
Value *builtin_front(Ctx *c, const Call *k)
{
    IrInts named, order, d = {.n = 1, .v = {1}};
    IrVal *t = as_tensor(c, k->v[0], k->at);
    if (!t || !dims_arg(c, k, k->v[1], t, &named)) return val_error(c->L);
    if (!named.n && t->type.rank == IR_MAX_RANK) return too_many_dims(c, k->at);
    order = named;
    for (int i = 0; i < named.n; i++) d.v[0] *= t->type.dim[named.v[i]];
    for (int i = 0; i < t->type.rank; i++)
        if (!has(&named, i)) order.v[order.n++] = i, d.v[d.n++] = t->type.dim[i];
    return val_tensor(c->L, ir_reshape(fn_builder(c), ir_transpose(fn_builder(c), t, order), d));
}
