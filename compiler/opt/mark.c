/* mark.c - which products go to BLAS (form blas): by shape alone, so that both engines and every run agree.
 *
 * runtime/blas.h says which products can be cut into plain matrix blocks. Of those, a block is marked when its three extents are at
 * least 1,024: below, the tiles of the compiled code are faster, measured over 256 shapes. A block's rows are the samples of one
 * shard times what else is free, so a batch has to be large, too. Start at opt_mark(). */
#include "compiler/opt/pass.h"

enum { LEAST = 1024 };

typedef struct { int64_t m, n, k; } Block;

static int64_t product(const IrType *t, int from, int to)
{
    int64_t size = 1;
    for (int i = from; i < to; i++) size *= t->dim[i];
    return size;
}

/* The dims are `from`, `from` + 1, ... in the order listed. */
static bool in_a_row(const uint8_t *dims, int n, int from)
{
    for (int i = 0; i < n; i++)
        if (dims[i] != from + i) return false;
    return true;
}

/* Samples of one shard of the first axis, times the other axes. */
static int64_t shard_samples(const IrModule *m, IrAxes axes)
{
    if (!axes.n) return 1;
    int64_t first = ir_extent(m, axes.id[0]);
    return first ? ir_shards(first).size * (ir_axes_size(m, axes) / first) : 0;
}

/* Without `over`: the samples and free dims of a are the rows, b is a plain matrix. */
static bool forward_block(const IrModule *m, const IrNode *n, Block *block)
{
    const IrType *a = &n->arg[0]->type, *b = &n->arg[1]->type;
    int k = n->attr->contract.n, free_a = a->rank - k, free_b = b->rank - k;
    if (n->n_args != 2 || n->attr->batch.n || b->axes.n || !in_a_row(n->attr->contract.a, k, free_a)) return false;
    if (!in_a_row(n->attr->contract.b, k, 0) && !in_a_row(n->attr->contract.b, k, free_b)) return false;
    bool b_first = in_a_row(n->attr->contract.b, k, 0);
    *block = (Block){.m = shard_samples(m, a->axes) * product(a, 0, free_a), .k = product(a, free_a, a->rank),
                     .n = b_first ? product(b, k, b->rank) : product(b, 0, free_b)};
    return true;
}

/* With `over`: the samples are what is contracted. */
static bool gradient_block(const IrModule *m, const IrNode *n, Block *block)
{
    if (n->attr->batch.n || n->attr->contract.n) return false;
    *block = (Block){.m = ir_dims_size(&n->arg[0]->type), .n = ir_dims_size(&n->arg[1]->type), .k = INT64_MAX};
    for (int i = 0; i < n->n_args / 2; i++) {
        IrAxes over = n->attr->pair_over[i];
        if (!ir_axes_equal(n->arg[2 * i]->type.axes, over) || !ir_axes_equal(n->arg[2 * i + 1]->type.axes, over)) return false;
        int64_t samples = shard_samples(m, over);
        if (samples < block->k) block->k = samples;
    }
    return true;
}

static bool is_large(const IrModule *m, const IrNode *n)
{
    Block b;
    bool plain = n->attr->pair_over ? gradient_block(m, n, &b) : forward_block(m, n, &b);
    return plain && b.m >= LEAST && b.n >= LEAST && b.k >= LEAST && b.m <= INT32_MAX && b.n <= INT32_MAX && b.k <= INT32_MAX;
}

void opt_mark(IrModule *m, IrFn *f)
{
    for (IrNode *n = f->body.first; n; n = ir_next(n)) {
        if (n->op != IR_dot || !is_large(m, n)) continue;
        IrAttrs at = *n->attr;
        at.form = IR_FORM_BLAS;
        ir_set_attrs(m, n, &at);
    }
}
