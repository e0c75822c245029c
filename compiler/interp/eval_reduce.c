/* eval_reduce.c - sums, norms, maxima, running sums and sorting, in the orders that docs/ir.md fixes (runtime/reduce.h). */
#include "base/bug.h"
#include "compiler/interp/eval.h"
#include "runtime/reduce.h"
#include "runtime/sort.h"

#include <math.h>
#include <string.h>

/* An operand's places parted in two, each as a list of offsets in row-major order. */
typedef struct Split {
    int64_t  n_kept, n_gone;
    int64_t *kept, *gone;
} Split;

/* The offsets of all indices over the places with in[place] == which; NULL: run ends. */
static int64_t *offsets_of(InterpRun *r, const IrType *t, const bool *in, bool which, int64_t *count)
{
    int64_t extent[EVAL_MAX_RANK], stride[EVAL_MAX_RANK], e[EVAL_MAX_RANK], s[EVAL_MAX_RANK], at[EVAL_MAX_RANK] = {0};
    int     rank = eval_extents(eval_module(r), t, extent), k = 0;
    eval_strides(rank, extent, stride);
    *count = 1;
    for (int i = 0; i < rank; i++) {
        if (in[i] != which) continue;
        e[k] = extent[i];
        s[k++] = stride[i];
        *count *= extent[i];
    }
    int64_t *offset = eval_scratch(r, *count * (int64_t)sizeof *offset);
    for (int64_t i = 0; offset && i < *count; i++, eval_next(k, e, at)) offset[i] = eval_offset(k, at, s);
    return offset;
}

static bool split(InterpRun *r, const IrType *t, const bool *gone, Split *out)
{
    out->kept = offsets_of(r, t, gone, false, &out->n_kept);
    out->gone = out->kept ? offsets_of(r, t, gone, true, &out->n_gone) : NULL;
    return out->gone != NULL;
}

static bool split_dims(InterpRun *r, const IrNode *n, Split *out)
{
    const IrType *t = eval_arg_type(n, 0);
    bool          gone[EVAL_MAX_RANK] = {0};
    for (int i = 0; i < n->attr->dims.n; i++) gone[t->axes.n + n->attr->dims.v[i]] = true;
    return split(r, t, gone, out);
}

static bool is_one_number(const IrType *t) { return t->rank == 0 && t->axes.n == 0; }

/* ---- sum {dims} and norm ---------------------------------------------------------------------------------------- */

/* Y[i] = finish(sum over the chunked list of load(x)), one result a kept place. */
#define SUM_DIMS(name, X, A, S, Y, load, finish)                                                            \
    static void name(const X *x, const Split *s, Y *y)                                                      \
    {                                                                                                       \
        A chunk[REDUCE_CHUNK];                                                                              \
        for (int64_t i = 0; i < s->n_kept; i++) {                                                           \
            ReduceTree_##S tree = {0};                                                                      \
            for (int64_t at = 0; at < s->n_gone; at += REDUCE_CHUNK) {                                      \
                int64_t n = s->n_gone - at < REDUCE_CHUNK ? s->n_gone - at : REDUCE_CHUNK;                  \
                for (int64_t m = 0; m < n; m++) {                                                           \
                    A v = (A)x[s->kept[i] + s->gone[at + m]];                                               \
                    chunk[m] = load;                                                                        \
                }                                                                                           \
                reduce_put_##S(&tree, reduce_chunk_##S(chunk, n));                                          \
            }                                                                                               \
            A total = reduce_total_##S(&tree);                                                              \
            y[i] = (Y)(finish);                                                                             \
        }                                                                                                   \
    }
SUM_DIMS(sum_dims_f32, float, float, f32, float, v, total)
SUM_DIMS(sum_dims_f64, double, double, f64, double, v, total)
SUM_DIMS(sum_dims_i32, int32_t, int32_t, i32, int32_t, v, total)
SUM_DIMS(sum_dims_i64, int64_t, int64_t, i64, int64_t, v, total)
SUM_DIMS(sum_dims_whole, float, double, f64, float, v, total)
SUM_DIMS(norm_f32, float, double, f64, float, v * v, sqrt(total))
SUM_DIMS(norm_f64, double, double, f64, double, v * v, sqrt(total))

static bool sum_dims(InterpRun *r, const IrNode *n)
{
    const IrType *t = &n->result[0].type;
    Split         s;
    const void   *x = eval_arg(r, n, 0);
    void         *y = split_dims(r, n, &s) ? eval_result(r, n, 0) : NULL;
    if (!y) return false;
    switch (t->elem) {
    case IR_F32: (is_one_number(t) ? sum_dims_whole : sum_dims_f32)(x, &s, y); break;
    case IR_F64: sum_dims_f64(x, &s, y); break;
    case IR_I32: sum_dims_i32(x, &s, y); break;
    case IR_I64: sum_dims_i64(x, &s, y); break;
    default: BUG("interp: sum of bools");
    }
    return true;
}

bool eval_norm(InterpRun *r, const IrNode *n)
{
    Split       s;
    const void *x = eval_arg(r, n, 0);
    void       *y = split_dims(r, n, &s) ? eval_result(r, n, 0) : NULL;
    if (!y) return false;
    if (n->result[0].type.elem == IR_F32) norm_f32(x, &s, y);
    else norm_f64(x, &s, y);
    return true;
}

/* ---- sum {over} ------------------------------------------------------------------------------------------------- */

/* What is added up: the first axis, cut into shards, and the offsets of the other axes and of dims within one of its samples. A row is the dims that
 * stay, `cell` their offsets; `keep` lists the samples of the axes that stay. */
typedef struct Over {
    int64_t      n_keep, n_other, first_extent, first_stride, row;
    int64_t     *keep, *other, *cell;
    ReduceShards shards;
} Over;

static bool over_of(InterpRun *r, const IrNode *n, Over *o)
{
    const IrType *t = eval_arg_type(n, 0);
    int64_t       extent[EVAL_MAX_RANK], stride[EVAL_MAX_RANK];
    bool          keep[EVAL_MAX_RANK] = {0}, other[EVAL_MAX_RANK] = {0}, cell[EVAL_MAX_RANK] = {0};
    int           first = eval_place_of_axis(t, n->attr->over.id[0]);
    eval_strides(eval_extents(eval_module(r), t, extent), extent, stride);
    for (int i = 0; i < t->axes.n; i++) {
        keep[i] = !ir_axes_has(n->attr->over, t->axes.id[i]);
        other[i] = !keep[i] && i != first;
    }
    for (int i = 0; i < t->rank; i++) cell[t->axes.n + i] = true;
    for (int i = 0; i < n->attr->dims.n; i++) {
        int place = t->axes.n + (int)n->attr->dims.v[i];
        cell[place] = false;
        other[place] = true;
    }
    o->first_extent = extent[first];
    o->first_stride = stride[first];
    o->shards = reduce_shards(o->first_extent);
    o->keep = offsets_of(r, t, keep, true, &o->n_keep);
    o->other = o->keep ? offsets_of(r, t, other, true, &o->n_other) : NULL;
    o->cell = o->other ? offsets_of(r, t, cell, true, &o->row) : NULL;
    return o->cell != NULL;
}

/* lanes has 16 rows, parts as many as there are shards, and at least one. */
#define SUM_OVER(name, X, A, U, S, ADD, Y)                                                                              \
    static void name##_shard(const X *x, const Over *o, int64_t shard, A *lanes)                                        \
    {                                                                                                                   \
        int64_t from = shard * o->shards.size, to = from + o->shards.size < o->first_extent ? from + o->shards.size : o->first_extent; \
        memset(lanes, 0, (size_t)(REDUCE_LANES * o->row) * sizeof *lanes);                                              \
        for (int64_t block = from; block < to; block += REDUCE_LANES)                                                   \
            for (int64_t k = 0; k < o->n_other; k++)                                                                    \
                for (int64_t l = 0; l < REDUCE_LANES && block + l < to; l++) {                                          \
                    const X *p = x + (block + l) * o->first_stride + o->other[k];                                       \
                    for (int64_t j = 0; j < o->row; j++) lanes[l * o->row + j] = (A)ADD(U, lanes[l * o->row + j], (A)p[o->cell[j]]); \
                }                                                                                                       \
        reduce_lanes16_##S(lanes, o->row);                                                                              \
    }                                                                                                                   \
    static void name(const X *x, const Over *o, A *lanes, A *parts, Y *y)                                               \
    {                                                                                                                   \
        for (int64_t i = 0; i < o->n_keep; i++) {                                                                       \
            for (int64_t s = 0; s < o->shards.count; s++) {                                                             \
                name##_shard(x + o->keep[i], o, s, lanes);                                                              \
                memcpy(parts + s * o->row, lanes, (size_t)o->row * sizeof *parts);                                      \
            }                                                                                                           \
            reduce_tree_##S(parts, o->shards.count, o->row);                                                            \
            for (int64_t j = 0; j < o->row; j++) y[i * o->row + j] = (Y)parts[j];                                       \
        }                                                                                                               \
    }
SUM_OVER(sum_over_f32, float, float, float, f32, REDUCE_ADD_REAL, float)
SUM_OVER(sum_over_f64, double, double, double, f64, REDUCE_ADD_REAL, double)
SUM_OVER(sum_over_i32, int32_t, int32_t, uint32_t, i32, REDUCE_ADD_WRAP, int32_t)
SUM_OVER(sum_over_i64, int64_t, int64_t, uint64_t, i64, REDUCE_ADD_WRAP, int64_t)
SUM_OVER(sum_over_whole, float, double, double, f64, REDUCE_ADD_REAL, float)

static bool sum_over(InterpRun *r, const IrNode *n)
{
    const IrType *t = &n->result[0].type;
    Over          o;
    if (!over_of(r, n, &o)) return false;
    const void *x = eval_arg(r, n, 0);
    void       *lanes = eval_scratch(r, REDUCE_LANES * o.row * (int64_t)sizeof(double));
    void       *parts = lanes ? eval_scratch(r, (REDUCE_MAX_SHARDS + 1) * o.row * (int64_t)sizeof(double)) : NULL;
    void       *y = parts ? eval_result(r, n, 0) : NULL;
    if (!y) return false;
    switch (t->elem) {
    case IR_F32:
        if (is_one_number(t)) sum_over_whole(x, &o, lanes, parts, y);
        else sum_over_f32(x, &o, lanes, parts, y);
        break;
    case IR_F64: sum_over_f64(x, &o, lanes, parts, y); break;
    case IR_I32: sum_over_i32(x, &o, lanes, parts, y); break;
    case IR_I64: sum_over_i64(x, &o, lanes, parts, y); break;
    default: BUG("interp: sum of bools");
    }
    return true;
}

bool eval_sum(InterpRun *r, const IrNode *n) { return n->attr->over.n ? sum_over(r, n) : sum_dims(r, n); }

/* ---- along one dim or axis -------------------------------------------------------------------------------------- */

/* Lines along one place of the operand: `n` elements `stride` apart; `kept` in the split lists where they start. */
typedef struct Lines {
    Split   s;
    int64_t n, stride;
} Lines;

static bool lines_of(InterpRun *r, const IrNode *n, Lines *out)
{
    const IrType *t = eval_arg_type(n, 0);
    int64_t       extent[EVAL_MAX_RANK], stride[EVAL_MAX_RANK];
    bool          gone[EVAL_MAX_RANK] = {0};
    int           place = n->attr->axis >= 0 ? eval_place_of_axis(t, n->attr->axis) : t->axes.n + n->attr->dim;
    eval_strides(eval_extents(eval_module(r), t, extent), extent, stride);
    gone[place] = true;
    out->n = extent[place];
    out->stride = stride[place];
    return split(r, t, gone, &out->s);
}

/* Where the greatest element of a line is: the first NaN, else the first of the largest; -1 of nothing. */
#define ARGMAX(S, T)                                                                                \
    static int64_t argmax_##S(const T *x, int64_t n, int64_t stride)                                \
    {                                                                                               \
        int64_t best = n ? 0 : -1;                                                                  \
        for (int64_t i = 1; i < n; i++) {                                                           \
            T a = x[i * stride], b = x[best * stride];                                              \
            if (b == b && (a > b || a != a)) best = i;                                              \
        }                                                                                           \
        return best;                                                                                \
    }
ARGMAX(bool, uint8_t)
ARGMAX(i32, int32_t)
ARGMAX(i64, int64_t)
ARGMAX(f32, float)
ARGMAX(f64, double)

static int64_t argmax_any(IrElem e, const void *x, int64_t at, const Lines *l)
{
    switch (e) {
    case IR_BOOL: return argmax_bool((const uint8_t *)x + at, l->n, l->stride);
    case IR_I32: return argmax_i32((const int32_t *)x + at, l->n, l->stride);
    case IR_I64: return argmax_i64((const int64_t *)x + at, l->n, l->stride);
    case IR_F32: return argmax_f32((const float *)x + at, l->n, l->stride);
    case IR_F64: return argmax_f64((const double *)x + at, l->n, l->stride);
    }
    BUG("interp: element type %d", e);
}

bool eval_argmax(InterpRun *r, const IrNode *n)
{
    Lines       l;
    const void *x = eval_arg(r, n, 0);
    int32_t    *y = lines_of(r, n, &l) ? eval_result(r, n, 0) : NULL;
    if (!y) return false;
    for (int64_t i = 0; i < l.s.n_kept; i++) {
        int64_t best = argmax_any(eval_arg_type(n, 0)->elem, x, l.s.kept[i], &l);
        y[i] = best < 0 ? 0 : (int32_t)best;
    }
    return true;
}

/* The greatest element itself; adding 0 makes -0 to +0, so that no order of comparing shows. */
bool eval_reduce_max(InterpRun *r, const IrNode *n)
{
    Lines       l;
    IrElem      e = eval_arg_type(n, 0)->elem;
    const void *x = eval_arg(r, n, 0);
    void       *y = lines_of(r, n, &l) ? eval_result(r, n, 0) : NULL;
    if (!y) return false;
    for (int64_t i = 0; i < l.s.n_kept; i++) {
        int64_t best = argmax_any(e, x, l.s.kept[i], &l), at = l.s.kept[i] + best * l.stride;
        switch (e) {
        case IR_BOOL: ((uint8_t *)y)[i] = best < 0 ? 0 : ((const uint8_t *)x)[at]; break;
        case IR_I32: ((int32_t *)y)[i] = best < 0 ? INT32_MIN : ((const int32_t *)x)[at]; break;
        case IR_I64: ((int64_t *)y)[i] = best < 0 ? INT64_MIN : ((const int64_t *)x)[at]; break;
        case IR_F32: ((float *)y)[i] = best < 0 ? -INFINITY : ((const float *)x)[at] + 0.0f; break;
        case IR_F64: ((double *)y)[i] = best < 0 ? -INFINITY : ((const double *)x)[at] + 0.0; break;
        }
    }
    return true;
}

#define CUMSUM(S, T, U, ADD)                                                                        \
    static void cumsum_##S(const T *x, T *y, const Lines *l, bool reverse, bool exclusive)          \
    {                                                                                               \
        for (int64_t i = 0; i < l->s.n_kept; i++) {                                                 \
            T sum = 0;                                                                              \
            for (int64_t k = 0; k < l->n; k++) {                                                    \
                int64_t at = l->s.kept[i] + (reverse ? l->n - 1 - k : k) * l->stride;               \
                T       next = (T)ADD(U, sum, x[at]);                                               \
                y[at] = exclusive ? sum : next;                                                     \
                sum = next;                                                                         \
            }                                                                                       \
        }                                                                                           \
    }
REDUCE_TYPES(CUMSUM)

bool eval_cumsum(InterpRun *r, const IrNode *n)
{
    Lines       l;
    const void *x = eval_arg(r, n, 0);
    void       *y = lines_of(r, n, &l) ? eval_result(r, n, 0) : NULL;
    if (!y) return false;
    switch (n->result[0].type.elem) {
    case IR_F32: cumsum_f32(x, y, &l, n->attr->reverse, n->attr->exclusive); break;
    case IR_F64: cumsum_f64(x, y, &l, n->attr->reverse, n->attr->exclusive); break;
    case IR_I32: cumsum_i32(x, y, &l, n->attr->reverse, n->attr->exclusive); break;
    case IR_I64: cumsum_i64(x, y, &l, n->attr->reverse, n->attr->exclusive); break;
    default: BUG("interp: cumsum of bools");
    }
    return true;
}

/* ---- argsort ---------------------------------------------------------------------------------------------------- */

bool eval_argsort(InterpRun *r, const IrNode *n)
{
    const IrType *t = eval_arg_type(n, 0);
    int64_t       size = eval_size(eval_module(r), t), line = t->dim[t->rank - 1];
    int32_t      *spare = eval_scratch(r, line * (int64_t)sizeof *spare), *y = spare ? eval_result(r, n, 0) : NULL;
    if (!y) return false;
    const char *x = eval_arg(r, n, 0);
    for (int64_t at = 0; at < size; at += line) sort_order(t->elem, x + at * (int64_t)ir_elem_bytes(t->elem), line, y + at, spare);
    return true;
}
