/* eval_layout.c - rows that move elements: most are one call of eval_copy_box with other strides. */
#include "base/bug.h"
#include "compiler/interp/eval.h"
#include "runtime/reduce.h"

#include <math.h>
#include <string.h>

/* A box in memory: extents, and strides for walking it. */
typedef struct Box {
    int     rank;
    int64_t extent[EVAL_MAX_RANK], stride[EVAL_MAX_RANK];
} Box;

static Box box_of(const InterpRun *r, const IrType *t)
{
    Box b;
    b.rank = eval_extents(eval_module(r), t, b.extent);
    eval_strides(b.rank, b.extent, b.stride);
    return b;
}

static size_t elem_of(const IrNode *n) { return ir_elem_bytes(n->result[0].type.elem); }
static const char *at(const void *base, size_t elem, int64_t offset) { return (const char *)base + (int64_t)elem * offset; }

/* The result is dense; element `index` of it is the operand's at start + index * stride. */
static bool view(InterpRun *r, const IrNode *n, int64_t start, const int64_t *stride)
{
    Box         to = box_of(r, &n->result[0].type);
    const void *x = eval_arg(r, n, 0);
    void       *y = eval_result(r, n, 0);
    if (!y) return false;
    eval_copy_box(elem_of(n), to.rank, to.extent, y, to.stride, at(x, elem_of(n), start), stride);
    return true;
}

/* ---- views ------------------------------------------------------------------------------------------------------ */

bool eval_reshape(InterpRun *r, const IrNode *n)
{
    eval_alias(r, &n->result[0], n->arg[0]);
    return true;
}

bool eval_transpose(InterpRun *r, const IrNode *n)
{
    Box     from = box_of(r, eval_arg_type(n, 0));
    int     axes = eval_arg_type(n, 0)->axes.n;
    int64_t stride[EVAL_MAX_RANK];
    for (int i = 0; i < from.rank; i++) stride[i] = from.stride[i < axes ? i : axes + n->attr->dims.v[i - axes]];
    return view(r, n, 0, stride);
}

bool eval_broadcast(InterpRun *r, const IrNode *n)
{
    const IrType *t = eval_arg_type(n, 0);
    Box           from = box_of(r, t);
    int64_t       stride[EVAL_MAX_RANK] = {0};
    for (int i = 0; i < t->axes.n; i++) stride[i] = from.stride[i];
    for (int i = 0; i < t->rank; i++) stride[t->axes.n + n->attr->kept.v[i]] = from.stride[t->axes.n + i];
    return view(r, n, 0, stride);
}

bool eval_slice(InterpRun *r, const IrNode *n)
{
    const IrType *t = eval_arg_type(n, 0);
    Box           from = box_of(r, t);
    int64_t       start = 0;
    for (int i = 0; i < t->rank; i++) {
        start += n->attr->lo.v[i] * from.stride[t->axes.n + i];
        from.stride[t->axes.n + i] *= n->attr->step.v[i];
    }
    return view(r, n, start, from.stride);
}

bool eval_reverse(InterpRun *r, const IrNode *n)
{
    const IrType *t = eval_arg_type(n, 0);
    Box           from = box_of(r, t);
    int64_t       start = 0;
    for (int i = 0; i < n->attr->dims.n; i++) {
        int k = t->axes.n + (int)n->attr->dims.v[i];
        start += (from.extent[k] - 1) * from.stride[k];
        from.stride[k] = -from.stride[k];
    }
    return view(r, n, start, from.stride);
}

bool eval_spread(InterpRun *r, const IrNode *n)
{
    const IrType *from_t = eval_arg_type(n, 0), *to_t = &n->result[0].type;
    Box           from = box_of(r, from_t);
    int64_t       stride[EVAL_MAX_RANK];
    for (int i = 0; i < to_t->axes.n; i++) {
        int place = eval_place_of_axis(from_t, to_t->axes.id[i]);
        stride[i] = place < 0 ? 0 : from.stride[place];
    }
    for (int i = 0; i < to_t->rank; i++) stride[to_t->axes.n + i] = from.stride[from_t->axes.n + i];
    return view(r, n, 0, stride);
}

/* as_feature and as_sample: the axis of one side is dim 0 of the other; all else keeps its order. */
static bool trade(InterpRun *r, const IrNode *n, const IrType *with_axis, const IrType *with_dim, bool to_dim)
{
    Box     axis_side = box_of(r, with_axis), dim_side = box_of(r, with_dim);
    int     place = eval_place_of_axis(with_axis, n->attr->axis), dim0 = with_dim->axes.n;
    int64_t stride[EVAL_MAX_RANK];
    const int64_t *from = (to_dim ? &axis_side : &dim_side)->stride;
    for (int i = 0; i < dim_side.rank; i++) {               /* place i of the dim side, place p of the axis side */
        int p = i == dim0 ? place : i > dim0 ? i : i < place ? i : i + 1;
        if (to_dim) stride[i] = from[p];
        else stride[p] = from[i];
    }
    return view(r, n, 0, stride);
}

bool eval_as_feature(InterpRun *r, const IrNode *n) { return trade(r, n, eval_arg_type(n, 0), &n->result[0].type, true); }
bool eval_as_sample(InterpRun *r, const IrNode *n) { return trade(r, n, &n->result[0].type, eval_arg_type(n, 0), false); }

/* ---- pad, concat ------------------------------------------------------------------------------------------------ */

static void fill(const IrNode *n, void *y, int64_t size)
{
    for (int64_t i = 0; i < size; i++)
        switch (n->result[0].type.elem) {
        case IR_BOOL: ((uint8_t *)y)[i] = n->attr->n != 0; break;
        case IR_I32: ((int32_t *)y)[i] = (int32_t)n->attr->n; break;
        case IR_I64: ((int64_t *)y)[i] = n->attr->n; break;
        case IR_F32: ((float *)y)[i] = (float)n->attr->value; break;
        case IR_F64: ((double *)y)[i] = n->attr->value; break;
        }
}

/* Operand element i of a dim lands on lo + i*(1 + interior). */
bool eval_pad(InterpRun *r, const IrNode *n)
{
    const IrType *t = eval_arg_type(n, 0);
    Box           from = box_of(r, t), to = box_of(r, &n->result[0].type);
    const void   *x = eval_arg(r, n, 0);
    char         *y = eval_result(r, n, 0);
    if (!y) return false;
    fill(n, y, eval_size(eval_module(r), &n->result[0].type));
    int64_t start = 0;
    for (int i = 0; i < t->rank; i++) {
        int k = t->axes.n + i;
        start += n->attr->lo.v[i] * to.stride[k];
        to.stride[k] *= 1 + n->attr->interior.v[i];
    }
    eval_copy_box(elem_of(n), from.rank, from.extent, y + (int64_t)elem_of(n) * start, to.stride, x, from.stride);
    return true;
}

bool eval_concat(InterpRun *r, const IrNode *n)
{
    Box     to = box_of(r, &n->result[0].type);
    char   *y = eval_result(r, n, 0);
    int64_t done = 0;
    if (!y) return false;
    for (int i = 0; i < n->n_args; i++) {
        const IrType *t = eval_arg_type(n, i);
        IrType        spread = n->result[0].type;           /* the part's dims on the union of the axes */
        int           place = spread.axes.n + n->attr->dim;
        spread.dim[n->attr->dim] = t->dim[n->attr->dim];
        Box         from = box_of(r, &spread);
        const void *x = eval_aligned(r, n, i, &spread);
        if (!x) return false;
        eval_copy_box(elem_of(n), from.rank, from.extent, y + (int64_t)elem_of(n) * done * to.stride[place], to.stride, x, from.stride);
        done += from.extent[place];
    }
    return true;
}

/* ---- gather, scatter_add ---------------------------------------------------------------------------------------- */

/* The common geometry: a table `a` with dims [batch, extent, rest], indices [batch, picks], a list `u` with dims
 * [batch, picks, rest]; all on the axes of the list. */
typedef struct Picks {
    int64_t samples, batch, picks, rest, extent;
} Picks;

static Picks picks_of(const InterpRun *r, const IrType *u, const IrType *index, int n_batch, int64_t extent)
{
    Picks p = {ir_axes_size(eval_module(r), u->axes), 1, 1, 1, extent};
    for (int i = 0; i < n_batch; i++) p.batch *= u->dim[i];
    for (int i = n_batch; i < index->rank; i++) p.picks *= u->dim[i];
    for (int i = index->rank; i < u->rank; i++) p.rest *= u->dim[i];
    return p;
}

/* An operand spread over the axes of `u`, its dims as they are. */
static const void *on_axes_of(InterpRun *r, const IrNode *n, int i, const IrType *u)
{
    IrType t = *eval_arg_type(n, i);
    t.axes = u->axes;
    return eval_aligned(r, n, i, &t);
}

static void fill_missing(IrElem e, char *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        if (e == IR_F32) ((float *)y)[i] = NAN;
        else if (e == IR_F64) ((double *)y)[i] = NAN;
    }
    if (!ir_is_real(e)) memset(y, 0, (size_t)n * ir_elem_bytes(e));
}

/* Strides of a value along the axes of `on`, in its own samples; 0 for an axis it lacks. */
static void sample_strides(const InterpRun *r, const IrType *t, IrAxes on, int64_t *stride)
{
    Box own = box_of(r, &(IrType){.axes = t->axes});
    for (int i = 0; i < on.n; i++) {
        int place = eval_place_of_axis(t, on.id[i]);
        stride[i] = place < 0 ? 0 : own.stride[place];
    }
}

static void gather(const Picks *p, IrElem e, const char *a, const int32_t *index, char *y)
{
    int64_t elem = (int64_t)ir_elem_bytes(e);
    for (int64_t b = 0; b < p->batch; b++)
        for (int64_t k = 0; k < p->picks; k++) {
            int64_t i = index[b * p->picks + k];
            char   *to = y + (b * p->picks + k) * p->rest * elem;
            if (i < 0 || i >= p->extent) fill_missing(e, to, p->rest);
            else memcpy(to, a + (b * p->extent + i) * p->rest * elem, (size_t)(p->rest * elem));
        }
}

/* The table is read where it lies: a data set is not repeated for each sample that picks from it. */
bool eval_gather(InterpRun *r, const IrNode *n)
{
    const IrType  *t = &n->result[0].type, *a_type = eval_arg_type(n, 0), *index_type = eval_arg_type(n, 1);
    int64_t        elem = (int64_t)elem_of(n), a_stride[EVAL_MAX_RANK], index_stride[EVAL_MAX_RANK], here[EVAL_MAX_RANK] = {0};
    Picks          p = picks_of(r, t, index_type, n->attr->n_batch, a_type->dim[n->attr->n_batch]);
    Box            samples = box_of(r, &(IrType){.axes = t->axes});
    const char    *a = eval_arg(r, n, 0);
    const int32_t *index = eval_arg(r, n, 1);
    char          *y = eval_result(r, n, 0);
    if (!y) return false;
    sample_strides(r, a_type, t->axes, a_stride);
    sample_strides(r, index_type, t->axes, index_stride);
    for (int64_t s = 0; s < p.samples; s++, eval_next(samples.rank, samples.extent, here)) {
        int64_t table = eval_offset(samples.rank, here, a_stride), list = eval_offset(samples.rank, here, index_stride);
        gather(&p, t->elem, a + table * p.batch * p.extent * p.rest * elem, index + list * p.batch * p.picks,
               y + s * p.batch * p.picks * p.rest * elem);
    }
    return true;
}

/* One sample of u added to its table. */
#define SCATTER(S, T, U, ADD)                                                                                       \
    static void scatter_##S(const Picks *p, const int32_t *index, const T *u, T *y)                                 \
    {                                                                                                               \
        for (int64_t b = 0; b < p->batch; b++)                                                                      \
            for (int64_t k = 0; k < p->picks; k++) {                                                                \
                int64_t i = index[b * p->picks + k];                                                                \
                if (i < 0 || i >= p->extent) continue;                                                              \
                for (int64_t j = 0; j < p->rest; j++) {                                                             \
                    T *to = &y[(b * p->extent + i) * p->rest + j];                                                  \
                    *to = (T)ADD(U, *to, u[(b * p->picks + k) * p->rest + j]);                                      \
                }                                                                                                   \
            }                                                                                                       \
    }
REDUCE_TYPES(SCATTER)

static void scatter(IrElem e, const Picks *p, const int32_t *index, const void *u, void *y)
{
    switch (e) {
    case IR_F32: scatter_f32(p, index, u, y); return;
    case IR_F64: scatter_f64(p, index, u, y); return;
    case IR_I32: scatter_i32(p, index, u, y); return;
    case IR_I64: scatter_i64(p, index, u, y); return;
    case IR_BOOL: break;
    }
    BUG("interp: scatter_add of bools");
}

static void tree(IrElem e, void *v, int64_t count, int64_t n)
{
    switch (e) {
    case IR_F32: reduce_tree_f32(v, count, n); return;
    case IR_F64: reduce_tree_f64(v, count, n); return;
    case IR_I32: reduce_tree_i32(v, count, n); return;
    case IR_I64: reduce_tree_i64(v, count, n); return;
    case IR_BOOL: break;
    }
    BUG("interp: scatter_add of bools");
}

/* Samples of u in row-major order go to the table of their kept axes, one table a shard of the first axis of `over`. */
bool eval_scatter_add(InterpRun *r, const IrNode *n)
{
    const IrModule *m = eval_module(r);
    const IrType   *t = &n->result[0].type, *given = eval_arg_type(n, 1);
    IrType          u_type = *given;
    u_type.axes = ir_axes_union(given->axes, eval_arg_type(n, 0)->axes);
    Picks          p = picks_of(r, &u_type, eval_arg_type(n, 0), n->attr->n_batch, n->attr->n);
    const int32_t *index = on_axes_of(r, n, 0, &u_type);
    const char    *u = index ? on_axes_of(r, n, 1, &u_type) : NULL;
    char          *y = u ? eval_result(r, n, 0) : NULL;
    if (!y) return false;

    int64_t      elem = (int64_t)elem_of(n), table = p.batch * p.extent * p.rest, tables = ir_axes_size(m, t->axes);
    int64_t      list = p.batch * p.picks * p.rest;
    bool         sharded = n->attr->over.n > 0;
    ReduceShards shards = sharded ? reduce_shards(ir_extent(m, n->attr->over.id[0])) : (ReduceShards){1, 1};
    char        *part = eval_scratch(r, (shards.count + 1) * tables * table * elem);
    if (!part) return false;

    Box     samples = box_of(r, &(IrType){.axes = u_type.axes}), kept = box_of(r, &(IrType){.axes = t->axes});
    int64_t here[EVAL_MAX_RANK] = {0};
    for (int64_t s = 0; s < p.samples; s++, eval_next(samples.rank, samples.extent, here)) {
        int64_t to = 0, shard = 0;
        for (int i = 0; i < u_type.axes.n; i++) {
            int place = eval_place_of_axis(t, u_type.axes.id[i]);
            if (place >= 0) to += here[i] * kept.stride[place];
            else if (u_type.axes.id[i] == n->attr->over.id[0]) shard = here[i] / shards.size;
        }
        scatter(t->elem, &p, index + s * p.batch * p.picks, u + s * list * elem, part + (shard * tables + to) * table * elem);
    }
    tree(t->elem, part, shards.count, tables * table);
    memcpy(y, part, (size_t)(tables * table * elem));
    return true;
}
