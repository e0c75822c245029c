/* shape.c - extents, strides, and the one loop that moves elements between boxes of memory. */
#include "base/bug.h"
#include "compiler/interp/eval.h"

#include <string.h>

int eval_extents(const IrModule *m, const IrType *t, int64_t extent[EVAL_MAX_RANK])
{
    for (int i = 0; i < t->axes.n; i++) extent[i] = ir_extent(m, t->axes.id[i]);
    for (int i = 0; i < t->rank; i++) extent[t->axes.n + i] = t->dim[i];
    return t->axes.n + t->rank;
}

int64_t eval_size(const IrModule *m, const IrType *t)
{
    return interp_type_bytes(m, t) / (int64_t)ir_elem_bytes(t->elem);
}

void eval_strides(int rank, const int64_t *extent, int64_t *stride)
{
    int64_t step = 1;
    for (int i = rank - 1; i >= 0; i--) {
        stride[i] = step;
        step *= extent[i];
    }
}

int eval_place_of_axis(const IrType *t, int axis)
{
    for (int i = 0; i < t->axes.n; i++)
        if (t->axes.id[i] == axis) return i;
    return -1;
}

bool eval_next(int rank, const int64_t *extent, int64_t *index)
{
    for (int i = rank - 1; i >= 0; i--) {
        if (++index[i] < extent[i]) return true;
        index[i] = 0;
    }
    return false;
}

/* ---- moving ----------------------------------------------------------------------------------------------------- */

static void copy_line(size_t elem, int64_t n, char *dst, int64_t ds, const char *src, int64_t ss)
{
    if (ds == 1 && ss == 1) {
        memcpy(dst, src, (size_t)n * elem);
        return;
    }
    switch (elem) {
    case 1:
        for (int64_t i = 0; i < n; i++) dst[i * ds] = src[i * ss];
        return;
    case 4:
        for (int64_t i = 0; i < n; i++) ((uint32_t *)dst)[i * ds] = ((const uint32_t *)src)[i * ss];
        return;
    case 8:
        for (int64_t i = 0; i < n; i++) ((uint64_t *)dst)[i * ds] = ((const uint64_t *)src)[i * ss];
        return;
    default: BUG("interp: elements of %zu bytes", elem);
    }
}

void eval_copy_box(size_t elem, int rank, const int64_t *extent, void *dst, const int64_t *dst_stride, const void *src, const int64_t *src_stride)
{
    int64_t index[EVAL_MAX_RANK] = {0}, one = 1;
    for (int i = 0; i < rank; i++)
        if (extent[i] <= 0) return;
    int     outer = rank ? rank - 1 : 0;
    int64_t n = rank ? extent[outer] : one, ds = rank ? dst_stride[outer] : 1, ss = rank ? src_stride[outer] : 1;
    do
        copy_line(elem, n, (char *)dst + (int64_t)elem * eval_offset(outer, index, dst_stride), ds,
                  (const char *)src + (int64_t)elem * eval_offset(outer, index, src_stride), ss);
    while (eval_next(outer, extent, index));
}

const void *eval_aligned(InterpRun *r, const IrNode *n, int i, const IrType *shape)
{
    const IrModule *m = eval_module(r);
    const IrType   *t = eval_arg_type(n, i);
    if (ir_axes_equal(t->axes, shape->axes) && t->rank == shape->rank) return eval_arg(r, n, i);
    int64_t extent[EVAL_MAX_RANK], dst[EVAL_MAX_RANK], own[EVAL_MAX_RANK], own_stride[EVAL_MAX_RANK], src[EVAL_MAX_RANK];
    int     rank = eval_extents(m, shape, extent);
    eval_strides(rank, extent, dst);
    eval_strides(eval_extents(m, t, own), own, own_stride);
    for (int k = 0; k < rank; k++) {
        bool is_axis = k < shape->axes.n;
        int  place = is_axis ? eval_place_of_axis(t, shape->axes.id[k]) : t->rank ? t->axes.n + k - shape->axes.n : -1;
        src[k] = place < 0 ? 0 : own_stride[place];
    }
    int64_t elem = (int64_t)ir_elem_bytes(t->elem);
    void   *out = eval_scratch(r, eval_size(m, shape) * elem);
    if (out) eval_copy_box((size_t)elem, rank, extent, out, dst, eval_arg(r, n, i), src);
    return out;
}
