/* shape.c - the type of a row's results from the types of its operands: one rule a name in the last column of ops.def.
 *
 * A rule either fills s->out and returns true, or returns fail(s, ...) with a sentence. ir_infer() and ir_infer_results(),
 * at the bottom, look the rule up and check what holds for all rows: number of operands, and that the result's size fits. */
#include "compiler/ir/shape.h"

#include "base/bug.h"
#include "runtime/reduce.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- what a rule sees ------------------------------------------------------------------------------------------- */

typedef struct {
    const IrModule      *m;
    IrOp                 op;
    const IrType *const *arg;
    int                  n;
    const IrAttrs       *at;
    IrType              *out;                               /* room for IR_MAX_RESULTS */
    int                  n_out;
    char                *why;                               /* NULL, or room for 256 */
    bool                 large;                             /* what is wrong is the size of the result alone */
} Shape;

typedef bool Rule(Shape *s);

enum { TYPE_NAME = 96 };
typedef struct { char s[TYPE_NAME]; } TypeName;

static bool fail(Shape *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool fail(Shape *s, const char *fmt, ...)
{
    if (!s->why) return false;
    int n = snprintf(s->why, 256, "%s: ", ir_op_info[s->op].name);
    va_list args;
    va_start(args, fmt);
    vsnprintf(s->why + n, (size_t)(256 - n), fmt, args);
    va_end(args);
    return false;
}

static void name_add(TypeName *name, const char *text)
{
    size_t used = strlen(name->s);
    snprintf(name->s + used, sizeof name->s - used, "%s", text);
}

/* A type in words, cut where it is long: for messages. */
static TypeName type_name(const IrModule *m, const IrType *t)
{
    TypeName name = {{0}};
    char number[24];
    name_add(&name, ir_elem_name(t->elem));
    for (int i = 0; i < t->axes.n; i++) {
        name_add(&name, i ? "," : "<");
        name_add(&name, t->axes.id[i] < m->axes.n ? m->axes.v[t->axes.id[i]].name : "?");
    }
    name_add(&name, t->axes.n ? ">[" : "[");
    for (int i = 0; i < t->rank; i++) {
        snprintf(number, sizeof number, "%s%lld", i ? "," : "", (long long)t->dim[i]);
        name_add(&name, number);
    }
    name_add(&name, "]");
    return name;
}
#define NAME(t) type_name(s->m, (t)).s

/* ---- conditions several rules share ----------------------------------------------------------------------------- */

static bool is_number(IrElem e) { return e != IR_BOOL; }

static bool want_real(Shape *s, const IrType *t)
{
    return ir_is_real(t->elem) || fail(s, "%s is not of real numbers", NAME(t));
}

static bool want_number(Shape *s, const IrType *t)
{
    return is_number(t->elem) || fail(s, "%s is not of numbers", NAME(t));
}

static bool want_same_elem(Shape *s, const IrType *a, const IrType *b)
{
    return a->elem == b->elem || fail(s, "%s and %s differ in element type", NAME(a), NAME(b));
}

static bool want_dim(Shape *s, const IrType *t, int64_t dim)
{
    return (dim >= 0 && dim < t->rank) || fail(s, "%s has no dim %lld", NAME(t), (long long)dim);
}

static bool want_axis(Shape *s, int axis)
{
    return (axis >= 0 && axis < s->m->axes.n) || fail(s, "the module has no axis %d", axis);
}

static bool want_axis_of(Shape *s, const IrType *t, int axis)
{
    if (!want_axis(s, axis)) return false;
    return ir_axes_has(t->axes, axis) || fail(s, "%s lacks the axis %s", NAME(t), s->m->axes.v[axis].name);
}

/* A set in the one order there is. */
static bool want_axes(Shape *s, IrAxes set)
{
    if (set.n > IR_MAX_AXES) return fail(s, "more than %d axes", IR_MAX_AXES);
    for (int i = 0; i < set.n; i++) {
        if (!want_axis(s, set.id[i])) return false;
        if (i && set.id[i - 1] >= set.id[i]) return fail(s, "a set of axes out of order");
    }
    return true;
}

static bool want_axes_of(Shape *s, const IrType *t, IrAxes set)
{
    if (!want_axes(s, set)) return false;
    for (int i = 0; i < set.n; i++)
        if (!want_axis_of(s, t, set.id[i])) return false;
    return true;
}

static bool want_count(Shape *s, const char *what, const IrInts *list, int n)
{
    return list->n == n || fail(s, "%s has %d numbers, %s wants %d", what, list->n, NAME(s->arg[0]), n);
}

/* A strictly ascending list of dims of t. */
static bool want_dims(Shape *s, const IrType *t, const IrInts *dims)
{
    for (int i = 0; i < dims->n; i++) {
        if (!want_dim(s, t, dims->v[i])) return false;
        if (i && dims->v[i - 1] >= dims->v[i]) return fail(s, "the list of dims is not ascending");
    }
    return true;
}

/* Operands align: equal dims or rank 0; the union of their axes. Leaves elem to the caller. */
static bool align_into(Shape *s, IrType *into, const IrType *t)
{
    if (t->rank && into->rank && !ir_dims_equal(into, t)) return fail(s, "%s and %s differ in dims", NAME(into), NAME(t));
    if (!want_axes(s, t->axes)) return false;
    if (ir_axes_minus(t->axes, into->axes).n + into->axes.n > IR_MAX_AXES) return fail(s, "more than %d axes", IR_MAX_AXES);
    if (t->rank && !into->rank) {
        into->rank = t->rank;
        memcpy(into->dim, t->dim, sizeof t->dim);
    }
    into->axes = ir_axes_union(into->axes, t->axes);
    return true;
}

static bool align(Shape *s, int from)
{
    IrType t = *s->arg[from];
    for (int i = from + 1; i < s->n; i++)
        if (!want_same_elem(s, &t, s->arg[i]) || !align_into(s, &t, s->arg[i])) return false;
    *s->out = t;
    return true;
}

static bool union_axes(Shape *s, const IrType *a, const IrType *b, IrAxes *out)
{
    if (ir_axes_minus(b->axes, a->axes).n + a->axes.n > IR_MAX_AXES)
        return fail(s, "%s and %s have more than %d axes together", NAME(a), NAME(b), IR_MAX_AXES);
    *out = ir_axes_union(a->axes, b->axes);
    return true;
}

static bool out_dim(Shape *s, int64_t extent)
{
    if (s->out->rank == IR_MAX_RANK) return fail(s, "the result has more than %d dims", IR_MAX_RANK);
    s->out->dim[s->out->rank++] = extent;
    return true;
}

/* The dims of t from `from` up to `to`. */
static bool out_dims(Shape *s, const IrType *t, int from, int to)
{
    for (int i = from; i < to; i++)
        if (!out_dim(s, t->dim[i])) return false;
    return true;
}

static void out_without_dims(Shape *s) { s->out->rank = 0; }

/* ---- element-wise ----------------------------------------------------------------------------------------------- */

static bool shape_leaf(Shape *s) { return fail(s, "the type is declared, not inferred"); }
static bool shape_any(Shape *s) { return align(s, 0); }

static bool shape_map(Shape *s)
{
    if (s->op == IR_polygamma && (s->at->n < -1 || s->at->n > 1000)) return fail(s, "order %lld is outside -1..1000", (long long)s->at->n);
    return want_real(s, s->arg[0]) && align(s, 0);
}

static bool shape_number(Shape *s) { return want_number(s, s->arg[0]) && align(s, 0); }

static bool shape_convert(Shape *s)
{
    if (s->at->elem > IR_F64) return fail(s, "no such element type");
    *s->out = *s->arg[0];
    s->out->elem = s->at->elem;
    return true;
}

static bool shape_compare(Shape *s)
{
    if (s->at->compare > IR_GE) return fail(s, "no such comparison");
    if (!shape_number(s)) return false;
    s->out->elem = IR_BOOL;
    return true;
}

static bool shape_select(Shape *s)
{
    if (s->arg[0]->elem != IR_BOOL) return fail(s, "the condition %s is not bool", NAME(s->arg[0]));
    return align(s, 1) && align_into(s, s->out, s->arg[0]);
}

static bool shape_permute(Shape *s)
{
    if (s->arg[0]->elem != IR_I64) return fail(s, "the position %s is not i64", NAME(s->arg[0]));
    if (s->at->n < 1 || s->at->n > INT32_MAX) return fail(s, "n = %lld is outside 1..2^31-1", (long long)s->at->n);
    *s->out = *s->arg[0];
    s->out->elem = IR_I32;
    return true;
}

/* ---- reductions ------------------------------------------------------------------------------------------------- */

static bool dims_contain(const IrInts *dims, int64_t dim)
{
    for (int i = 0; i < dims->n; i++)
        if (dims->v[i] == dim) return true;
    return false;
}

static bool drop_dims(Shape *s)
{
    const IrType *a = s->arg[0];
    if (!want_dims(s, a, &s->at->dims)) return false;
    *s->out = *a;
    out_without_dims(s);
    for (int i = 0; i < a->rank; i++)
        if (!dims_contain(&s->at->dims, i)) out_dim(s, a->dim[i]);
    return true;
}

static bool shape_sum(Shape *s)
{
    const IrType *a = s->arg[0];
    if (!want_number(s, a)) return false;
    if (!s->at->dims.n && !s->at->over.n) return fail(s, "of %s wants dims or axes to sum over", NAME(a));
    *s->out = *a;
    if (s->at->dims.n && !drop_dims(s)) return false;
    if (s->at->over.n && !want_axes_of(s, a, s->at->over)) return false;
    s->out->axes = ir_axes_minus(a->axes, s->at->over);
    return true;
}

static bool shape_norm(Shape *s) { return want_real(s, s->arg[0]) && drop_dims(s); }

static bool shape_reduce(Shape *s)
{
    const IrType *a = s->arg[0];
    if (!want_number(s, a)) return false;
    if ((s->at->dim >= 0) == (s->at->axis >= 0)) return fail(s, "of %s wants one dim or one axis", NAME(a));
    *s->out = *a;
    if (s->at->axis >= 0) {
        if (!want_axis_of(s, a, s->at->axis)) return false;
        s->out->axes = ir_axes_minus(a->axes, ir_one_axis(s->at->axis));
        return true;
    }
    if (!want_dim(s, a, s->at->dim)) return false;
    out_without_dims(s);
    return out_dims(s, a, 0, s->at->dim) && out_dims(s, a, s->at->dim + 1, a->rank);
}

static bool shape_argmax(Shape *s)
{
    if (!shape_reduce(s)) return false;
    int64_t extent = s->at->axis >= 0 ? ir_extent(s->m, s->at->axis) : s->arg[0]->dim[s->at->dim];
    if (extent == 0) return fail(s, "of nothing: %s", NAME(s->arg[0]));
    if (extent > INT32_MAX) return fail(s, "%s has more than 2^31-1 positions", NAME(s->arg[0]));
    s->out->elem = IR_I32;
    return true;
}

static bool shape_cumsum(Shape *s)
{
    *s->out = *s->arg[0];
    return want_number(s, s->arg[0]) && want_dim(s, s->arg[0], s->at->dim);
}

static bool shape_argsort(Shape *s)
{
    const IrType *a = s->arg[0];
    if (!want_number(s, a)) return false;
    if (a->rank == 0) return fail(s, "%s has no last dim", NAME(a));
    if (a->dim[a->rank - 1] > INT32_MAX) return fail(s, "%s has more than 2^31-1 positions", NAME(a));
    *s->out = *a;
    s->out->elem = IR_I32;
    return true;
}

/* ---- contractions ----------------------------------------------------------------------------------------------- */

typedef struct { bool a[IR_MAX_RANK], b[IR_MAX_RANK]; } Taken;          /* dims of the two operands that are spoken for */

static bool take(Shape *s, Taken *taken, const IrType *a, const IrType *b, int da, int db)
{
    if (!want_dim(s, a, da) || !want_dim(s, b, db)) return false;
    if (taken->a[da] || taken->b[db]) return fail(s, "dim %d of %s or dim %d of %s is named twice", da, NAME(a), db, NAME(b));
    taken->a[da] = taken->b[db] = true;
    return true;
}

static bool take_pairs(Shape *s, Taken *taken, const IrType *a, const IrType *b, const IrPairs *p)
{
    for (int i = 0; i < p->n; i++) {
        if (!take(s, taken, a, b, p->a[i], p->b[i])) return false;
        if (a->dim[p->a[i]] != b->dim[p->b[i]])
            return fail(s, "dim %d of %s meets dim %d of %s", p->a[i], NAME(a), p->b[i], NAME(b));
    }
    return true;
}

static bool out_batch(Shape *s, const IrType *a)
{
    for (int i = 0; i < s->at->batch.n; i++)
        if (!out_dim(s, a->dim[s->at->batch.a[i]])) return false;
    return true;
}

static bool out_free(Shape *s, const IrType *t, const bool *taken)
{
    for (int i = 0; i < t->rank; i++)
        if (!taken[i] && !out_dim(s, t->dim[i])) return false;
    return true;
}

/* Element type and axes of a contraction of a and b over `over`. */
static bool contraction(Shape *s, const IrType *a, const IrType *b, IrAxes over)
{
    IrAxes both;
    if (!want_real(s, a) || !want_same_elem(s, a, b) || !union_axes(s, a, b, &both) || !want_axes(s, over)) return false;
    if (!ir_axes_within(over, both)) return fail(s, "an axis to sum over is in neither %s nor %s", NAME(a), NAME(b));
    *s->out = (IrType){.elem = a->elem, .axes = ir_axes_minus(both, over)};
    return true;
}

static bool dot_pair(Shape *s, const IrType *a, const IrType *b, IrAxes over)
{
    Taken taken = {{0}, {0}};
    return contraction(s, a, b, over) && take_pairs(s, &taken, a, b, &s->at->batch) &&
           take_pairs(s, &taken, a, b, &s->at->contract) && out_batch(s, a) && out_free(s, a, taken.a) && out_free(s, b, taken.b);
}

/* Several pairs are one chain through the shards of each: the same number of shards, the same result. */
static bool pair_agrees(Shape *s, int pair, const IrType *first)
{
    IrAxes over = s->at->pair_over[pair], over0 = s->at->pair_over[0];
    if (!over.n || !over0.n) return fail(s, "several pairs, of which one has no axis to sum over");
    int64_t shards = ir_shards(ir_extent(s->m, over.id[0])).count, shards0 = ir_shards(ir_extent(s->m, over0.id[0])).count;
    if (shards != shards0) return fail(s, "pair 1 has %lld shards, pair %d has %lld", (long long)shards0, pair + 1, (long long)shards);
    if (s->arg[2 * pair]->rank != s->arg[0]->rank) return fail(s, "%s and %s differ in rank", NAME(s->arg[0]), NAME(s->arg[2 * pair]));
    return ir_type_equal(s->out, first) || fail(s, "pair 1 gives %s, pair %d gives %s", NAME(first), pair + 1, NAME(s->out));
}

static bool shape_dot(Shape *s)
{
    if (s->n < 2 || s->n % 2) return fail(s, "%d operands are no pairs", s->n);
    if (s->n > 2 && !s->at->pair_over) return fail(s, "several pairs without an axis to sum over");
    if (s->at->form > IR_FORM_BLAS) return fail(s, "no such form");
    IrType first = {0};
    for (int i = 0; i < s->n / 2; i++) {
        IrAxes over = s->at->pair_over ? s->at->pair_over[i] : ir_no_axes();
        if (!dot_pair(s, s->arg[2 * i], s->arg[2 * i + 1], over)) return false;
        if (i == 0) first = *s->out;
        else if (!pair_agrees(s, i, &first)) return false;
    }
    return true;
}

static bool window_extent(Shape *s, const IrWindow *w, int64_t na, int64_t nb, int64_t *extent)
{
    const int64_t most = (int64_t)1 << 31;
    if (w->stride < 1 || w->dil_a < 1 || w->dil_b < 1) return fail(s, "a window's stride or dilation is below 1");
    if (w->stride > most || w->dil_a > most || w->dil_b > most || w->lo > most || w->lo < -most || w->hi > most || w->hi < -most ||
        na > most || nb > most)
        return fail(s, "a window beyond 2^31");
    __int128 room = (__int128)w->lo + w->hi + (__int128)(na - 1) * w->dil_a + 1 - ((__int128)(nb - 1) * w->dil_b + 1);
    __int128 n = (room >= 0 ? room / w->stride : -((-room + w->stride - 1) / w->stride)) + 1;
    *extent = n < 0 ? 0 : n > most * most / 2 ? most * most / 2 : (int64_t)n;
    return true;
}

int64_t ir_common_divisor(int64_t a, int64_t b)
{
    while (b) {
        int64_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t quot_up(int64_t a, int64_t b) { return a <= 0 ? 0 : (a + b - 1) / b; }

IrTaps ir_taps_at(const IrWindow *w, int64_t na, int64_t nb, int64_t o)
{
    int64_t g = ir_common_divisor(w->dil_a, w->dil_b), step_k = w->dil_a / g, step_i = w->dil_b / g;
    int64_t base = o * w->stride - w->lo, k = quot_up(-base, w->dil_b), most = least(k + step_k, nb);
    while (k < most && (base + k * w->dil_b) % w->dil_a) k++;
    if (k >= most) return (IrTaps){0, 0, 0};
    int64_t i = (base + k * w->dil_b) / w->dil_a;
    return (IrTaps){k, i, least(quot_up(nb - k, step_k), quot_up(na - i, step_i))};
}

double ir_taps(const IrNode *conv, int window)
{
    const IrWindow *w = &conv->attr->windows[window];
    int64_t places = conv->result[0].type.dim[conv->attr->batch.n + window], terms = 0;
    for (int64_t o = 0; o < places; o++) terms += ir_taps_at(w, conv->arg[0]->type.dim[w->a], conv->arg[1]->type.dim[w->b], o).count;
    return places ? (double)terms / (double)places : 0;
}

static bool out_windows(Shape *s, Taken *taken, const IrType *a, const IrType *b)
{
    if (s->at->n_windows > 4) return fail(s, "more than 4 windows");
    for (int i = 0; i < s->at->n_windows; i++) {
        const IrWindow *w = &s->at->windows[i];
        int64_t extent = 0;
        if (!take(s, taken, a, b, w->a, w->b) || !window_extent(s, w, a->dim[w->a], b->dim[w->b], &extent)) return false;
        if (!out_dim(s, extent)) return false;
    }
    return true;
}

static bool shape_conv(Shape *s)
{
    const IrType *a = s->arg[0], *b = s->arg[1];
    Taken taken = {{0}, {0}};
    return contraction(s, a, b, s->at->over) && take_pairs(s, &taken, a, b, &s->at->batch) &&
           take_pairs(s, &taken, a, b, &s->at->contract) && out_batch(s, a) && out_windows(s, &taken, a, b) &&
           out_free(s, a, taken.a) && out_free(s, b, taken.b);
}

/* ---- layout ----------------------------------------------------------------------------------------------------- */

/* The product of the extents, zeros taken as ones so that no part of a value overflows either; false if it does not fit. */
static bool fits(const IrModule *m, const IrType *t)
{
    const int64_t most = (int64_t)1 << 56;
    int64_t size = 1;
    for (int i = 0; i < t->rank; i++)
        if (t->dim[i] < 0 || (t->dim[i] > 1 && __builtin_mul_overflow(size, t->dim[i], &size)) || size > most) return false;
    for (int i = 0; i < t->axes.n; i++) {
        int64_t extent = ir_extent(m, t->axes.id[i]);
        if ((extent > 1 && __builtin_mul_overflow(size, extent, &size)) || size > most) return false;
    }
    return true;
}

static bool out_declared_dims(Shape *s)
{
    *s->out = ir_type(s->arg[0]->elem, s->arg[0]->axes, s->at->dims);
    if (fits(s->m, s->out)) return true;
    s->large = true;
    return fail(s, "the result %s is too large", NAME(s->out));
}

static bool shape_reshape(Shape *s)
{
    if (!out_declared_dims(s)) return false;
    return ir_dims_size(s->arg[0]) == ir_dims_size(s->out) ||
           fail(s, "%s and %s differ in number of elements", NAME(s->arg[0]), NAME(s->out));
}

static bool shape_transpose(Shape *s)
{
    const IrType *a = s->arg[0];
    bool seen[IR_MAX_RANK] = {0};
    if (!want_count(s, "the permutation", &s->at->dims, a->rank)) return false;
    *s->out = *a;
    out_without_dims(s);
    for (int i = 0; i < a->rank; i++) {
        int64_t from = s->at->dims.v[i];
        if (!want_dim(s, a, from)) return false;
        if (seen[from]) return fail(s, "dim %lld of %s is named twice", (long long)from, NAME(a));
        seen[from] = true;
        out_dim(s, a->dim[from]);
    }
    return true;
}

static bool shape_broadcast(Shape *s)
{
    const IrType *a = s->arg[0];
    if (!out_declared_dims(s) || !want_count(s, "kept", &s->at->kept, a->rank) || !want_dims(s, s->out, &s->at->kept)) return false;
    for (int i = 0; i < a->rank; i++)
        if (s->out->dim[s->at->kept.v[i]] != a->dim[i])
            return fail(s, "dim %d of %s meets dim %lld of %s", i, NAME(a), (long long)s->at->kept.v[i], NAME(s->out));
    return true;
}

static bool shape_slice(Shape *s)
{
    const IrType *a = s->arg[0];
    const IrInts *lo = &s->at->lo, *hi = &s->at->hi, *step = &s->at->step;
    if (!want_count(s, "lo", lo, a->rank) || !want_count(s, "hi", hi, a->rank) || !want_count(s, "step", step, a->rank)) return false;
    *s->out = *a;
    for (int i = 0; i < a->rank; i++) {
        if (lo->v[i] < 0 || lo->v[i] > hi->v[i] || hi->v[i] > a->dim[i])
            return fail(s, "%lld:%lld lies outside dim %d of %s", (long long)lo->v[i], (long long)hi->v[i], i, NAME(a));
        if (step->v[i] < 1) return fail(s, "step %lld of dim %d is below 1", (long long)step->v[i], i);
        int64_t n = hi->v[i] - lo->v[i];
        s->out->dim[i] = n / step->v[i] + (n % step->v[i] != 0);
    }
    return true;
}

static bool padded(Shape *s, int i, int64_t *dim)
{
    const int64_t most = (int64_t)1 << 48;
    int64_t lo = s->at->lo.v[i], hi = s->at->hi.v[i], between = s->at->interior.v[i], n = s->arg[0]->dim[i];
    if (lo < 0 || hi < 0 || between < 0) return fail(s, "negative padding of dim %d", i);
    s->large = lo > most || hi > most || between > most;
    if (s->large) return fail(s, "padding of dim %d is too large", i);
    __int128 extent = (__int128)lo + hi + (n ? (__int128)(n - 1) * (between + 1) + 1 : 0);
    s->large = extent > most;
    if (s->large) return fail(s, "dim %d becomes too large", i);
    *dim = (int64_t)extent;
    return true;
}

static bool shape_pad(Shape *s)
{
    const IrType *a = s->arg[0];
    if (!want_number(s, a) || !want_count(s, "lo", &s->at->lo, a->rank) || !want_count(s, "hi", &s->at->hi, a->rank) ||
        !want_count(s, "interior", &s->at->interior, a->rank))
        return false;
    double value = s->at->value, most = a->elem == IR_I32 ? 0x1p31 : 0x1p53;
    bool whole = value >= -most && value < most && value == (double)(int64_t)value;
    if (!ir_is_real(a->elem) && !whole) return fail(s, "of %s with %g", NAME(a), value);
    *s->out = *a;
    for (int i = 0; i < a->rank; i++)
        if (!padded(s, i, &s->out->dim[i])) return false;
    return true;
}

static bool joins(Shape *s, const IrType *a, const IrType *b)
{
    if (!want_same_elem(s, a, b) || !union_axes(s, a, b, &s->out->axes)) return false;
    bool same = a->rank == b->rank;
    for (int i = 0; same && i < a->rank; i++) same = i == s->at->dim || a->dim[i] == b->dim[i];
    return same || fail(s, "%s and %s differ beside dim %d", NAME(a), NAME(b), s->at->dim);
}

static bool shape_concat(Shape *s)
{
    if (s->n == 0) return fail(s, "of nothing");
    if (!want_dim(s, s->arg[0], s->at->dim)) return false;
    *s->out = *s->arg[0];
    for (int i = 1; i < s->n; i++) {
        if (!joins(s, s->out, s->arg[i])) return false;
        s->large = __builtin_add_overflow(s->out->dim[s->at->dim], s->arg[i]->dim[s->at->dim], &s->out->dim[s->at->dim]);
        if (s->large) return fail(s, "the result is too large");
    }
    return true;
}

static bool shape_reverse(Shape *s)
{
    *s->out = *s->arg[0];
    return want_dims(s, s->arg[0], &s->at->dims);
}

/* The first n_batch dims of a table and of its indices are the same ones. */
static bool shared_batch(Shape *s, const IrType *a, const IrType *index)
{
    int n = s->at->n_batch;
    if (index->elem != IR_I32) return fail(s, "the index %s is not i32", NAME(index));
    if (n < 0 || n >= a->rank || n > index->rank) return fail(s, "%d shared dims of %s and %s", n, NAME(a), NAME(index));
    for (int i = 0; i < n; i++)
        if (a->dim[i] != index->dim[i]) return fail(s, "%s and %s differ in shared dim %d", NAME(a), NAME(index), i);
    return true;
}

static bool shape_gather(Shape *s)
{
    const IrType *a = s->arg[0], *index = s->arg[1];
    IrAxes axes;
    if (!shared_batch(s, a, index) || !union_axes(s, a, index, &axes)) return false;
    *s->out = (IrType){.elem = a->elem, .axes = axes};
    return out_dims(s, index, 0, index->rank) && out_dims(s, a, s->at->n_batch + 1, a->rank);
}

static bool shape_scatter(Shape *s)
{
    const IrType *index = s->arg[0], *u = s->arg[1];
    IrAxes axes;
    int n = s->at->n_batch;
    if (index->elem != IR_I32) return fail(s, "the index %s is not i32", NAME(index));
    if (!want_real(s, u) || !union_axes(s, index, u, &axes) || !want_axes(s, s->at->over)) return false;
    if (n < 0 || n > index->rank || index->rank > u->rank) return fail(s, "%d shared dims of %s and %s", n, NAME(index), NAME(u));
    for (int i = 0; i < index->rank; i++)
        if (index->dim[i] != u->dim[i]) return fail(s, "%s and %s differ in dim %d", NAME(index), NAME(u), i);
    if (s->at->n < 0 || s->at->n > INT32_MAX) return fail(s, "extent %lld is outside 0..2^31-1", (long long)s->at->n);
    if (!ir_axes_within(s->at->over, axes)) return fail(s, "an axis to sum over is in neither %s nor %s", NAME(index), NAME(u));
    *s->out = (IrType){.elem = u->elem, .axes = ir_axes_minus(axes, s->at->over)};
    return out_dims(s, u, 0, n) && out_dim(s, s->at->n) && out_dims(s, u, index->rank, u->rank);
}

static bool shape_spread(Shape *s)
{
    const IrType *a = s->arg[0];
    IrAxes over = s->at->over;
    if (!want_axes(s, over)) return false;
    if (!over.n) return fail(s, "of %s along no axis", NAME(a));
    if (ir_axes_minus(over, a->axes).n != over.n) return fail(s, "%s has one of the axes already", NAME(a));
    if (over.n + a->axes.n > IR_MAX_AXES) return fail(s, "more than %d axes", IR_MAX_AXES);
    *s->out = *a;
    s->out->axes = ir_axes_union(a->axes, over);
    return true;
}

static bool shape_as_feature(Shape *s)
{
    const IrType *a = s->arg[0];
    if (!want_axis_of(s, a, s->at->axis)) return false;
    *s->out = (IrType){.elem = a->elem, .axes = ir_axes_minus(a->axes, ir_one_axis(s->at->axis))};
    return out_dim(s, ir_extent(s->m, s->at->axis)) && out_dims(s, a, 0, a->rank);
}

static bool shape_as_sample(Shape *s)
{
    const IrType *a = s->arg[0];
    if (!want_axis(s, s->at->axis)) return false;
    const IrAxis *axis = &s->m->axes.v[s->at->axis];
    if (ir_axes_has(a->axes, s->at->axis)) return fail(s, "%s has the axis %s already", NAME(a), axis->name);
    if (a->axes.n == IR_MAX_AXES) return fail(s, "more than %d axes", IR_MAX_AXES);
    if (a->rank == 0 || a->dim[0] != axis->extent)
        return fail(s, "dim 0 of %s is not the extent %lld of %s", NAME(a), (long long)axis->extent, axis->name);
    *s->out = (IrType){.elem = a->elem, .axes = ir_axes_add(a->axes, s->at->axis)};
    return out_dims(s, a, 1, a->rank);
}

/* ---- whole matrices --------------------------------------------------------------------------------------------- */

static bool want_square(Shape *s, const IrType *a)
{
    if (!want_real(s, a)) return false;
    return (a->rank >= 2 && a->dim[a->rank - 1] == a->dim[a->rank - 2]) || fail(s, "%s is not of square matrices", NAME(a));
}

static bool shape_square(Shape *s)
{
    *s->out = *s->arg[0];
    return want_square(s, s->arg[0]);
}

static bool shape_solve(Shape *s)
{
    const IrType *a = s->arg[0], *b = s->arg[1];
    if (!want_square(s, a) || !want_same_elem(s, a, b)) return false;
    bool same = a->rank == b->rank;
    for (int i = 0; same && i < a->rank - 1; i++) same = a->dim[i] == b->dim[i];
    if (!same) return fail(s, "%s and %s do not fit: [..., n, n] and [..., n, k]", NAME(a), NAME(b));
    *s->out = *b;
    return union_axes(s, a, b, &s->out->axes);
}

static bool shape_eigh(Shape *s)
{
    const IrType *a = s->arg[0];
    if (!want_square(s, a)) return false;
    s->out[0] = s->out[1] = *a;
    s->out[0].rank--;
    s->n_out = 2;
    return true;
}

/* ---- control ---------------------------------------------------------------------------------------------------- */

static bool shape_scan(Shape *s) { return fail(s, "the types come from its body"); }
static bool shape_cond(Shape *s) { return fail(s, "the types come from its bodies"); }

/* ---- the door --------------------------------------------------------------------------------------------------- */

static Rule *const rule_of[IR_OP_COUNT] = {
#define OP(name, operands, klass, flags, attrs, shape) [IR_##name] = shape_##shape,
#include "compiler/ir/ops.def"
#undef OP
};

bool ir_type_fits(const IrModule *m, const IrType *t)
{
    if (t->rank > IR_MAX_RANK || t->axes.n > IR_MAX_AXES || t->elem > IR_F64) return false;
    for (int i = 0; i < t->axes.n; i++)
        if (t->axes.id[i] >= m->axes.n || (i && t->axes.id[i - 1] >= t->axes.id[i])) return false;
    return fits(m, t);
}

int ir_infer_results(const IrModule *m, IrOp op, const IrType *const *args, int n_args, const IrAttrs *attrs,
                     IrType results[IR_MAX_RESULTS], char why[256])
{
    Shape s = {.m = m, .op = op, .arg = args, .n = n_args, .at = attrs, .out = results, .n_out = 1, .why = why};
    int want = ir_op_info[op].operands;
    if (want != IR_MANY && want != n_args) return fail(&s, "takes %d operands, not %d", want, n_args);
    if (!rule_of[op](&s)) return s.large ? IR_TOO_LARGE : 0;
    for (int i = 0; i < s.n_out; i++)
        if (!fits(m, &results[i])) return fail(&s, "the result %s is too large", type_name(m, &results[i]).s), IR_TOO_LARGE;
    return s.n_out;
}

bool ir_infer(const IrModule *m, IrOp op, const IrType *const *args, int n_args, const IrAttrs *attrs, IrType *result,
              char why[256])
{
    IrType results[IR_MAX_RESULTS];
    if (ir_infer_results(m, op, args, n_args, attrs, results, why) <= 0) return false;
    *result = results[0];
    return true;
}

/* ---- rows with bodies ------------------------------------------------------------------------------------------- */

static bool same_type(Shape *s, const char *what, int i, const IrType *a, const IrType *b)
{
    return ir_type_equal(a, b) || fail(s, "%s %d: %s meets %s", what, i, NAME(a), NAME(b));
}

/* What the body sees of operand i: one slice, if it is stacked. */
static bool scan_param(Shape *s, const IrNode *n, int i, IrType *t)
{
    *t = n->arg[i]->type;
    if (i < n->attr->carried || i >= n->attr->carried + n->attr->stacked) return true;
    if (t->rank == 0 || t->dim[0] != n->attr->n) return fail(s, "stacked operand %d, %s, does not have %lld slices", i, NAME(t), (long long)n->attr->n);
    t->rank--;
    memmove(t->dim, t->dim + 1, sizeof t->dim[0] * t->rank);
    t->dim[t->rank] = 0;
    return true;
}

static bool scan_params(Shape *s, const IrNode *n, const IrBlock *body)
{
    int carried = n->attr->carried, stacked = n->attr->stacked;
    if (carried < 0 || stacked < 0 || carried > n->n_args || stacked > n->n_args - carried)
        return fail(s, "%d carried and %d stacked of %d operands", carried, stacked, n->n_args);
    if (body->n_params != n->n_args) return fail(s, "%d operands meet %d parameters", n->n_args, body->n_params);
    if (body->n_yields < carried) return fail(s, "%d carried values, but %d yields", carried, body->n_yields);
    if (n->attr->n < 0) return fail(s, "n = %lld iterations", (long long)n->attr->n);
    for (int i = 0; i < n->n_args; i++) {
        IrType t;
        if (!scan_param(s, n, i, &t) || !same_type(s, "parameter", i, &t, &body->param[i]->type)) return false;
    }
    for (int i = 0; i < carried; i++)
        if (!same_type(s, "carried value", i, &n->arg[i]->type, &body->yield[i]->type)) return false;
    return true;
}

/* The carried bool freezes sample by sample, so what it freezes has its axes. */
static bool scan_until(Shape *s, const IrNode *n, const IrBlock *body)
{
    int u = n->attr->until;
    if (u == -1) return true;
    if (u < 0 || u >= n->attr->carried) return fail(s, "until %d is no carried value", u);
    const IrType *stop = &n->arg[u]->type;
    if (stop->elem != IR_BOOL || stop->rank) return fail(s, "until %d, %s, is not one bool per sample", u, NAME(stop));
    for (int i = 0; i < body->n_yields; i++)
        if (!ir_axes_within(stop->axes, body->yield[i]->type.axes))
            return fail(s, "until %s cannot freeze %s, which lacks an axis", NAME(stop), NAME(&body->yield[i]->type));
    return true;
}

static bool scan_results(Shape *s, const IrNode *n)
{
    const IrBlock *body = n->body[0];
    if (!scan_params(s, n, body) || !scan_until(s, n, body)) return false;
    IrType *types = arena_array(s->m->arena, IrType, body->n_yields);
    for (int i = 0; i < body->n_yields; i++) {
        types[i] = body->yield[i]->type;
        if (i < n->attr->carried) continue;
        if (types[i].rank == IR_MAX_RANK) return fail(s, "output %d, %s, cannot be stacked", i, NAME(&types[i]));
        memmove(types[i].dim + 1, types[i].dim, sizeof types[i].dim[0] * types[i].rank++);
        types[i].dim[0] = n->attr->n;
    }
    s->out = types;
    s->n_out = body->n_yields;
    return true;
}

static bool cond_params(Shape *s, const IrNode *n, const IrBlock *body)
{
    if (body->n_params != n->n_args - 1) return fail(s, "%d values meet %d parameters", n->n_args - 1, body->n_params);
    for (int i = 0; i < body->n_params; i++)
        if (!same_type(s, "parameter", i, &n->arg[i + 1]->type, &body->param[i]->type)) return false;
    return true;
}

static bool cond_results(Shape *s, const IrNode *n)
{
    const IrBlock *yes = n->body[0], *no = n->body[1];
    if (n->n_args < 1) return fail(s, "no condition");
    const IrType *c = &n->arg[0]->type;
    if (c->elem != IR_BOOL || c->rank || c->axes.n) return fail(s, "the condition %s is not bool[]", NAME(c));
    if (!cond_params(s, n, yes) || !cond_params(s, n, no)) return false;
    if (yes->n_yields != no->n_yields) return fail(s, "one body yields %d values, the other %d", yes->n_yields, no->n_yields);
    s->out = arena_array(s->m->arena, IrType, yes->n_yields);
    s->n_out = yes->n_yields;
    for (int i = 0; i < yes->n_yields; i++) {
        if (!same_type(s, "yield", i, &yes->yield[i]->type, &no->yield[i]->type)) return false;
        s->out[i] = yes->yield[i]->type;
    }
    return true;
}

IrType *ir_body_results(const IrModule *m, const IrNode *n, int *n_results, char why[256])
{
    Shape s = {.m = m, .op = n->op, .at = n->attr, .why = why};
    *n_results = 0;
    if (!(n->op == IR_scan ? scan_results(&s, n) : cond_results(&s, n))) return NULL;
    *n_results = IR_TOO_LARGE;
    for (int i = 0; i < s.n_out; i++)
        if (!fits(m, &s.out[i])) return fail(&s, "the result %s is too large", type_name(m, &s.out[i]).s), NULL;
    *n_results = s.n_out;
    return s.out;
}

/* ---- shapes of the exact meaning -------------------------------------------------------------------------------- */

IrShards ir_shards(int64_t extent)
{
    ReduceShards s = reduce_shards(extent);
    return (IrShards){s.count, s.size};
}

int ir_window_dim(const IrAttrs *a, int side, int window) { return side ? a->windows[window].b : a->windows[window].a; }

void ir_taken_dims(const IrAttrs *a, int side, bool taken[IR_MAX_RANK])
{
    memset(taken, 0, IR_MAX_RANK * sizeof *taken);
    for (int i = 0; i < a->batch.n; i++) taken[side ? a->batch.b[i] : a->batch.a[i]] = true;
    for (int i = 0; i < a->contract.n; i++) taken[side ? a->contract.b[i] : a->contract.a[i]] = true;
    for (int i = 0; i < a->n_windows; i++) taken[ir_window_dim(a, side, i)] = true;
}

static bool in_pairs(const uint8_t *dims, int n, int dim)
{
    for (int i = 0; i < n; i++)
        if (dims[i] == dim) return true;
    return false;
}

/* The product of the dims that are neither batch nor contracted; 16 stands for anything from 16 on. */
static int64_t free_size(const IrType *t, const IrPairs *batch, const IrPairs *contract, bool first)
{
    int64_t size = 1;
    for (int i = 0; i < t->rank; i++) {
        bool taken = in_pairs(first ? batch->a : batch->b, batch->n, i) || in_pairs(first ? contract->a : contract->b, contract->n, i);
        if (!taken) size *= t->dim[i] < 16 ? t->dim[i] : 16;
        if (size > 16) size = 16;
    }
    return size;
}

IrForm ir_dot_form(const IrNode *dot)
{
    const IrAttrs *at = dot->attr;
    if (dot->op != IR_dot) BUG("the form of a %s", ir_op_info[dot->op].name);
    if (!at->pair_over || !at->pair_over[0].n) return IR_FORM_CHAIN;
    bool narrow = free_size(&dot->arg[0]->type, &at->batch, &at->contract, true) < 16 ||
                  free_size(&dot->arg[1]->type, &at->batch, &at->contract, false) < 16;
    return narrow ? IR_FORM_LANES : IR_FORM_CHAIN;
}
