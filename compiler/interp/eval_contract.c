/* eval_contract.c - dot and conv: every result is one chain of fma (or sixteen, or a marked product), in the order of docs/ir.md.
 *
 * A Pair holds the memory of both operands and, for each group of its places (result axes, samples, batch, windows, contract, free),
 * strides; b is copied once if its free dims are not last, so that the inner loop runs along them. For each place of the
 * result's windows a list of Terms says in which order samples and taps are met: up to 16 samples each, the contract dims
 * around them. chain_T then computes [rows][columns] for one list, rows being samples and free dims of a, columns the free dims of b:
 * the chain of each element is in the order of the list, and the loop over columns is what vectorises. Start at contract(). */
#include "base/bug.h"
#include "compiler/interp/eval.h"
#include "runtime/blas.h"
#include "runtime/reduce.h"

#include <string.h>

enum { TURN = 64, COLUMNS = 32, ROWS = 2 };                 /* pairs take turns by blocks of 64 samples; the tile of chain_T */

/* A group of extents with the strides of both operands: one loop nest. */
typedef struct Nest {
    int     rank;
    int64_t extent[EVAL_MAX_RANK], a[EVAL_MAX_RANK], b[EVAL_MAX_RANK];
} Nest;

static void nest_add(Nest *n, int64_t extent, int64_t a, int64_t b)
{
    n->extent[n->rank] = extent;
    n->a[n->rank] = a;
    n->b[n->rank++] = b;
}

static int64_t nest_size(const Nest *n)
{
    int64_t size = 1;
    for (int i = 0; i < n->rank; i++) size *= n->extent[i];
    return size;
}

typedef struct Pair {                                       /* one pair of operands; offsets are in elements */
    const char *a, *b;
    int64_t     first, first_a, first_b;                    /* the first axis of `over`: extent (1 without) and strides */
    Nest        others;                                     /* the other axes of `over` */
    Nest        outer;                                      /* axes of the result, then batch dims */
    Nest        contract, free_a, free_b;
    int64_t     window_a[4], window_b[4];
    int64_t    *contract_a, *contract_b;                    /* nest `contract` as a list */
} Pair;

typedef struct Term {                                       /* some samples and a tap: the contract dims from here, samples within them */
    int64_t a, b;
    int     pair, samples;
} Term;

typedef struct Contract {
    const IrNode *n;
    IrElem        elem;
    int           n_pairs;
    Pair         *pair;
    bool          over, lanes, swap;                        /* swap: a is the second operand of each pair, b the first */
    ReduceShards  shards;                                   /* of every pair: they agree in count, sizes are the pair's own */
    int64_t       fold;                                     /* places of result axes that b lacks: rows of one block */
    int64_t       rows, columns;                            /* fold x free of a, free of b */
    int64_t       n_windows, window[4], kernel[4];          /* extents of result and kernel along the windows */
    Term         *term;
    int64_t       n_terms;
    int64_t      *row_a;                                    /* nest free_a of each pair as a list, pair after pair */
    void         *packed;                                   /* columns of b in the order of the terms */
} Contract;

/* ---- setting up ------------------------------------------------------------------------------------------------- */

static int64_t *list_of(InterpRun *r, const Nest *n, const int64_t *stride)
{
    int64_t  at[EVAL_MAX_RANK] = {0}, size = nest_size(n);
    int64_t *list = eval_scratch(r, size * (int64_t)sizeof *list);
    for (int64_t i = 0; list && i < size; i++, eval_next(n->rank, n->extent, at)) list[i] = eval_offset(n->rank, at, stride);
    return list;
}

static bool named(const uint8_t *dims, int n, int dim)
{
    for (int i = 0; i < n; i++)
        if (dims[i] == dim) return true;
    return false;
}

static bool is_free(const IrNode *n, int dim, bool of_first)
{
    const IrAttrs *at = n->attr;
    if (named(of_first ? at->batch.a : at->batch.b, at->batch.n, dim)) return false;
    if (named(of_first ? at->contract.a : at->contract.b, at->contract.n, dim)) return false;
    for (int i = 0; i < at->n_windows; i++)
        if (dim == (of_first ? at->windows[i].a : at->windows[i].b)) return false;
    return true;
}

static int64_t free_size(const IrNode *n, bool of_first)
{
    const IrType *t = eval_arg_type(n, of_first ? 0 : 1);
    int64_t       size = 1;
    for (int i = 0; i < t->rank; i++) size *= is_free(n, i, of_first) ? t->dim[i] : 1;
    return size;
}

/* b with its free dims moved to the end: those of the copy are dense and row-major, so a list of columns is 0, 1, 2, ... */
static const void *free_dims_last(InterpRun *r, const IrNode *n, int arg, int64_t stride[EVAL_MAX_RANK])
{
    const IrType *t = eval_arg_type(n, arg);
    int64_t       extent[EVAL_MAX_RANK], from[EVAL_MAX_RANK], step = 1;
    int           rank = eval_extents(eval_module(r), t, extent);
    bool          same = true;
    eval_strides(rank, extent, from);
    for (int pass = 0; pass < 2; pass++)                    /* the free dims get the small strides, then all others */
        for (int i = rank - 1; i >= 0; i--)
            if ((i >= t->axes.n && is_free(n, i - t->axes.n, arg % 2 == 0)) == (pass == 0)) {
                stride[i] = step;
                step *= extent[i];
                same = same && stride[i] == from[i];
            }
    if (same) return eval_arg(r, n, arg);
    size_t elem = ir_elem_bytes(t->elem);
    void  *copy = eval_scratch(r, step * (int64_t)elem);
    if (copy) eval_copy_box(elem, rank, extent, copy, stride, eval_arg(r, n, arg), from);
    return copy;
}

static int64_t stride_of_axis(const IrType *t, const int64_t *stride, int axis)
{
    int place = eval_place_of_axis(t, axis);
    return place < 0 ? 0 : stride[place];
}

static bool pair_of(InterpRun *r, const IrNode *n, int i, IrAxes over, bool swap, Pair *p)
{
    const IrModule *m = eval_module(r);
    const IrAttrs  *at = n->attr;
    int             arg_a = 2 * i + swap, arg_b = 2 * i + !swap;
    const IrType   *a = eval_arg_type(n, arg_a), *b = eval_arg_type(n, arg_b);
    const uint8_t  *batch_a = swap ? at->batch.b : at->batch.a, *batch_b = swap ? at->batch.a : at->batch.b;
    const uint8_t  *contract_a = swap ? at->contract.b : at->contract.a, *contract_b = swap ? at->contract.a : at->contract.b;
    int64_t         extent[EVAL_MAX_RANK], sa[EVAL_MAX_RANK], sb[EVAL_MAX_RANK];
    *p = (Pair){.a = eval_arg(r, n, arg_a), .first = 1};
    eval_strides(eval_extents(m, a, extent), extent, sa);
    p->b = free_dims_last(r, n, arg_b, sb);
    if (!p->b) return false;
    for (int k = 0; k < over.n; k++) {
        int64_t xa = stride_of_axis(a, sa, over.id[k]), xb = stride_of_axis(b, sb, over.id[k]);
        if (k) nest_add(&p->others, ir_extent(m, over.id[k]), xa, xb);
        else p->first = ir_extent(m, over.id[0]), p->first_a = xa, p->first_b = xb;
    }
    IrAxes axes = n->result[0].type.axes;
    for (int k = 0; k < axes.n; k++)
        nest_add(&p->outer, ir_extent(m, axes.id[k]), stride_of_axis(a, sa, axes.id[k]), stride_of_axis(b, sb, axes.id[k]));
    const int64_t *da = sa + a->axes.n, *db = sb + b->axes.n;
    for (int k = 0; k < at->batch.n; k++) nest_add(&p->outer, a->dim[batch_a[k]], da[batch_a[k]], db[batch_b[k]]);
    for (int k = 0; k < at->contract.n; k++) nest_add(&p->contract, a->dim[contract_a[k]], da[contract_a[k]], db[contract_b[k]]);
    for (int k = 0; k < a->rank; k++)
        if (is_free(n, k, !swap)) nest_add(&p->free_a, a->dim[k], da[k], 0);
    for (int k = 0; k < b->rank; k++)
        if (is_free(n, k, swap)) nest_add(&p->free_b, b->dim[k], 0, db[k]);
    for (int k = 0; k < at->n_windows; k++) {
        p->window_a[k] = da[at->windows[k].a];
        p->window_b[k] = db[at->windows[k].b];
    }
    p->contract_a = list_of(r, &p->contract, p->contract.a);
    p->contract_b = p->contract_a ? list_of(r, &p->contract, p->contract.b) : NULL;
    return p->contract_b != NULL;
}

/* The last places of `outer` that no b has become rows: what one block of b is multiplied with grows. */
static int64_t fold_rows(Contract *c)
{
    int64_t fold = 1;
    for (int last; (last = c->pair[0].outer.rank - 1) >= 0;) {
        int64_t extent = c->pair[0].outer.extent[last];
        for (int i = 0; i < c->n_pairs; i++)
            if (c->pair[i].outer.b[last] != 0) return fold;
        for (int i = 0; i < c->n_pairs; i++) {
            Nest *outer = &c->pair[i].outer, rows = {0};
            nest_add(&rows, extent, outer->a[last], 0);
            for (int k = 0; k < c->pair[i].free_a.rank; k++) nest_add(&rows, c->pair[i].free_a.extent[k], c->pair[i].free_a.a[k], 0);
            c->pair[i].free_a = rows;
            outer->rank = last;
        }
        fold *= extent;
    }
    return fold;
}

static IrAxes over_of_pair(const IrNode *n, int i)
{
    if (n->op == IR_conv) return n->attr->over;
    return n->attr->pair_over ? n->attr->pair_over[i] : ir_no_axes();
}

static bool set_up(InterpRun *r, const IrNode *n, Contract *c)
{
    *c = (Contract){.n = n, .elem = n->result[0].type.elem, .n_pairs = n->n_args / 2, .over = over_of_pair(n, 0).n > 0};
    c->lanes = n->op == IR_dot && ir_dot_form(n) == IR_FORM_LANES;
    c->swap = n->op == IR_dot && free_size(n, false) == 1 && free_size(n, true) > 1;       /* one column: its rows become columns */
    c->pair = eval_scratch(r, c->n_pairs * (int64_t)sizeof *c->pair);
    int64_t terms = 0, taps = 1, steps = 0;
    for (int i = 0; i < c->n_pairs; i++) {
        if (!c->pair || !pair_of(r, n, i, over_of_pair(n, i), c->swap, &c->pair[i])) return false;
        ReduceShards s = reduce_shards(c->pair[i].first);
        int64_t samples = (c->over ? s.size : 1) * nest_size(&c->pair[i].others);
        terms += samples;
        steps += samples * nest_size(&c->pair[i].contract);
    }
    c->fold = fold_rows(c);
    c->shards = c->over ? reduce_shards(c->pair[0].first) : (ReduceShards){1, 1};
    c->rows = nest_size(&c->pair[0].free_a);
    c->columns = nest_size(&c->pair[0].free_b);
    c->n_windows = n->attr->n_windows;
    for (int k = 0; k < c->n_windows; k++) {
        c->kernel[k] = eval_arg_type(n, 1)->dim[n->attr->windows[k].b];
        c->window[k] = n->result[0].type.dim[n->attr->batch.n + k];
        taps *= c->kernel[k];
    }
    c->term = eval_scratch(r, terms * taps * (int64_t)sizeof *c->term);
    c->row_a = c->term ? eval_scratch(r, c->n_pairs * c->rows * (int64_t)sizeof *c->row_a) : NULL;
    c->packed = c->row_a ? eval_scratch(r, steps * taps * COLUMNS * (int64_t)ir_elem_bytes(c->elem)) : NULL;
    if (!c->packed) return false;
    for (int i = 0; i < c->n_pairs; i++) {
        int64_t *list = list_of(r, &c->pair[i].free_a, c->pair[i].free_a.a);
        if (!list) return false;
        memcpy(c->row_a + i * c->rows, list, (size_t)c->rows * sizeof *list);
    }
    return true;
}

/* ---- lists of terms --------------------------------------------------------------------------------------------- */

/* Where tap k of window w stands on the operand when the result is at o; -1: beside it or between its dilated elements. */
static int64_t tap(const Contract *c, int w, int64_t o, int64_t k)
{
    const IrWindow *win = &c->n->attr->windows[w];
    int64_t         x = o * win->stride + k * win->dil_b - win->lo;
    if (x < 0 || x % win->dil_a || x / win->dil_a >= eval_arg_type(c->n, 0)->dim[win->a]) return -1;
    return x / win->dil_a;
}

/* All taps that meet the operand, row-major over the kernel's window dims, of `samples` samples each. */
static void add_taps(Contract *c, const int64_t *o, int pair, int64_t a, int64_t b, int samples)
{
    const Pair *p = &c->pair[pair];
    int64_t     k[4] = {0};
    for (int w = 0; w < c->n_windows; w++)
        if (c->kernel[w] == 0) return;
    do {
        Term t = {a, b, pair, samples};
        bool inside = true;
        for (int w = 0; w < c->n_windows && inside; w++) {
            int64_t at = tap(c, w, o[w], k[w]);
            inside = at >= 0;
            t.a += at * p->window_a[w];
            t.b += k[w] * p->window_b[w];
        }
        if (inside) c->term[c->n_terms++] = t;
    } while (eval_next((int)c->n_windows, c->kernel, k));
}

/* Samples of the first axis from..to-1, which begin a block of 16: all others within each block. */
static void add_samples(Contract *c, const int64_t *o, int pair, int64_t from, int64_t to)
{
    const Pair *p = &c->pair[pair];
    if (nest_size(&p->others) == 0) return;
    for (int64_t i = from; i < to; i += REDUCE_LANES) {
        int64_t at[EVAL_MAX_RANK] = {0};
        int     samples = (int)(to - i < REDUCE_LANES ? to - i : REDUCE_LANES);
        do
            add_taps(c, o, pair, i * p->first_a + eval_offset(p->others.rank, at, p->others.a),
                     i * p->first_b + eval_offset(p->others.rank, at, p->others.b), samples);
        while (eval_next(p->others.rank, p->others.extent, at));
    }
}

/* The samples of one block of a shard; of one lane only, if lane >= 0. */
static void add_block(Contract *c, const int64_t *o, int pair, int64_t shard_from, int64_t from, int64_t to, int lane)
{
    if (lane < 0) add_samples(c, o, pair, from, to);
    else
        for (int64_t i = from; i < to; i++)
            if ((i - shard_from) % REDUCE_LANES == lane) add_samples(c, o, pair, i, i + 1);
}

static void list_terms(Contract *c, const int64_t *o, int64_t shard, int lane)
{
    c->n_terms = 0;
    bool more = true;
    for (int64_t turn = 0; more; turn++) {
        more = false;
        for (int i = 0; i < c->n_pairs; i++) {
            int64_t size = c->over ? reduce_shards(c->pair[i].first).size : 1;
            int64_t start = shard * size, end = start + size < c->pair[i].first ? start + size : c->pair[i].first;
            int64_t from = start + turn * TURN, to = from + TURN < end ? from + TURN : end;
            if (from >= end) continue;
            add_block(c, o, i, start, from, to, lane);
            more = more || to < end;
        }
    }
}

/* ---- chains ----------------------------------------------------------------------------------------------------- */

#define CPUS __attribute__((target_clones("arch=x86-64-v3", "default")))

/* pack_T: the columns from `column` on of b, in the order of the terms, COLUMNS apart.
 * strip_T: `rows` rows by `width` columns, both small and known where it is inlined, so the accumulators stay in registers.
 * chain_T: out[row][column] for one list of terms; base offsets of each pair in base_a, base_b. */
#define CHAIN(S, T, FMA)                                                                                                \
    static void pack_##S(const Contract *c, const int64_t *base_b, int64_t column, int64_t width, T *packed)            \
    {                                                                                                                   \
        for (int64_t t = 0; t < c->n_terms; t++) {                                                                      \
            const Term *term = &c->term[t];                                                                             \
            const Pair *p = &c->pair[term->pair];                                                                       \
            const T    *b = (const T *)p->b + base_b[term->pair] + term->b + column;                                    \
            for (int64_t k = 0, n = nest_size(&p->contract); k < n; k++)                                                \
                for (int64_t s = 0; s < term->samples; s++, packed += COLUMNS)                                          \
                    memcpy(packed, b + p->contract_b[k] + s * p->first_b, (size_t)width * sizeof *b);                   \
        }                                                                                                               \
    }                                                                                                                   \
    static inline __attribute__((always_inline)) void strip_##S(const Contract *c, const int64_t *base_a, int64_t row,  \
                                                                int64_t rows, int64_t width, const T *b, T *out)        \
    {                                                                                                                   \
        T acc[ROWS][COLUMNS] = {{0}};                                                                                   \
        for (int64_t t = 0; t < c->n_terms; t++) {                                                                      \
            const Term *term = &c->term[t];                                                                             \
            const Pair *p = &c->pair[term->pair];                                                                       \
            const T    *a[ROWS];                                                                                        \
            for (int64_t i = 0; i < rows; i++)                                                                          \
                a[i] = (const T *)p->a + base_a[term->pair] + term->a + c->row_a[term->pair * c->rows + row + i];       \
            for (int64_t k = 0, n = nest_size(&p->contract); k < n; k++)                                                \
                for (int64_t s = 0; s < term->samples; s++, b += COLUMNS)                                               \
                    for (int64_t i = 0; i < rows; i++) {                                                                \
                        T x = a[i][p->contract_a[k] + s * p->first_a];                                                  \
                        for (int64_t j = 0; j < width; j++) acc[i][j] = FMA(x, b[j], acc[i][j]);                        \
                    }                                                                                                   \
        }                                                                                                               \
        for (int64_t i = 0; i < rows; i++)                                                                              \
            for (int64_t j = 0; j < width; j++) out[i * c->columns + j] = acc[i][j];                                    \
    }                                                                                                                   \
    CPUS static void chain_##S(const Contract *c, const int64_t *base_a, const int64_t *base_b, T *packed, T *out)      \
    {                                                                                                                   \
        for (int64_t j = 0; j < c->columns; j += COLUMNS) {                                                             \
            int64_t width = c->columns - j < COLUMNS ? c->columns - j : COLUMNS, i = 0;                                 \
            pack_##S(c, base_b, j, width, packed);                                                                      \
            for (; i + ROWS <= c->rows && width == COLUMNS; i += ROWS)                                                  \
                strip_##S(c, base_a, i, ROWS, COLUMNS, packed, out + i * c->columns + j);                               \
            for (; i < c->rows; i++) strip_##S(c, base_a, i, 1, width, packed, out + i * c->columns + j);               \
        }                                                                                                               \
    }
CHAIN(f32, float, __builtin_fmaf)
CHAIN(f64, double, __builtin_fma)

static void chain(const Contract *c, const int64_t *base_a, const int64_t *base_b, void *out)
{
    if (c->elem == IR_F32) chain_f32(c, base_a, base_b, c->packed, out);
    else chain_f64(c, base_a, base_b, c->packed, out);
}

static void lanes16(IrElem e, void *lanes, int64_t n)
{
    if (e == IR_F32) reduce_lanes16_f32(lanes, n);
    else reduce_lanes16_f64(lanes, n);
}

static void tree(IrElem e, void *parts, int64_t count, int64_t n)
{
    if (e == IR_F32) reduce_tree_f32(parts, count, n);
    else reduce_tree_f64(parts, count, n);
}

/* Where each pair's operands stand at place `at` of the result's axes and batch dims. */
static void bases(const Contract *c, const int64_t *at, int64_t *base_a, int64_t *base_b)
{
    for (int i = 0; i < c->n_pairs; i++) {
        const Nest *o = &c->pair[i].outer;
        base_a[i] = eval_offset(o->rank, at, o->a);
        base_b[i] = eval_offset(o->rank, at, o->b);
    }
}

/* Blocks of a shard that are alive at once. */
static int lane_blocks(const Contract *c) { return c->lanes ? REDUCE_LANES : 1; }

/* One shard's part of all outer places at windows o goes to part[outer][shard][block]; `lane` memory has lane_blocks. */
static void shard_chains(Contract *c, const int64_t *o, int64_t shard, char *part, char *lane, int64_t *base)
{
    const Nest *outer = &c->pair[0].outer;
    int64_t     block = c->rows * c->columns, bytes = block * (int64_t)ir_elem_bytes(c->elem), at[EVAL_MAX_RANK] = {0}, i = 0;
    if (!c->lanes) list_terms(c, o, shard, -1);
    do {
        bases(c, at, base, base + c->n_pairs);
        for (int l = 0; l < lane_blocks(c); l++) {
            if (c->lanes) list_terms(c, o, shard, l);
            chain(c, base, base + c->n_pairs, lane + l * bytes);
        }
        if (c->lanes) lanes16(c->elem, lane, block);
        memcpy(part + (i++ * c->shards.count + shard) * bytes, lane, (size_t)bytes);
    } while (eval_next(outer->rank, outer->extent, at));
}

/* The result is [outer][fold][windows][free of a][free of b]: for windows at o, row block f of outer place i goes to [i][f][o]. */
static void place(const Contract *c, const char *sum, int64_t i, int64_t w, int64_t n_windows, char *y)
{
    int64_t bytes = c->rows / c->fold * c->columns * (int64_t)ir_elem_bytes(c->elem);
    for (int64_t f = 0; f < c->fold; f++) memcpy(y + ((i * c->fold + f) * n_windows + w) * bytes, sum + f * bytes, (size_t)bytes);
}

static bool chains(InterpRun *r, Contract *c, char *y)
{
    int64_t outer = nest_size(&c->pair[0].outer), bytes = c->rows * c->columns * (int64_t)ir_elem_bytes(c->elem), n_windows = 1;
    for (int w = 0; w < c->n_windows; w++) n_windows *= c->window[w];
    int64_t  shards = c->shards.count;
    char    *part = eval_scratch(r, outer * (shards + 1) * bytes), *lane = part ? eval_scratch(r, lane_blocks(c) * bytes) : NULL;
    int64_t *base = lane ? eval_scratch(r, 2 * c->n_pairs * (int64_t)sizeof *base) : NULL, o[4] = {0};
    if (!base) return false;
    if (outer * bytes * n_windows == 0) return true;
    for (int64_t w = 0; w < n_windows; w++, eval_next((int)c->n_windows, c->window, o)) {
        for (int64_t s = 0; s < shards && eval_may_go_on(r); s++) shard_chains(c, o, s, part, lane, base);
        if (!eval_may_go_on(r)) return false;
        for (int64_t i = 0; i < outer; i++) {
            char *sum = part + i * shards * bytes;
            if (shards == 0) memset(sum = lane, 0, (size_t)bytes);
            else if (c->over) tree(c->elem, sum, shards, c->rows * c->columns);
            place(c, sum, i, w, n_windows, y);
        }
    }
    return true;
}

/* ---- marked products -------------------------------------------------------------------------------------------- */

static void gemm(IrElem e, bool ta, bool tb, int64_t m, int64_t n, int64_t k, const void *a, const void *b, void *c, bool add)
{
    if (e == IR_F32) blas_f32(ta, tb, m, n, k, a, b, c, add);
    else blas_f64(ta, tb, m, n, k, a, b, c, add);
}

/* Without `over`: see runtime/blas.h. */
static bool blas_forward(InterpRun *r, const IrNode *n)
{
    const IrType *a = eval_arg_type(n, 0), *b = eval_arg_type(n, 1), *t = &n->result[0].type;
    int64_t       k = 1, columns = free_size(n, false), elem = (int64_t)ir_elem_bytes(t->elem);
    for (int i = 0; i < n->attr->contract.n; i++) k *= a->dim[n->attr->contract.a[i]];
    bool    transposed = n->attr->contract.n > 0 && b->rank > n->attr->contract.n && n->attr->contract.b[0] != 0;
    int64_t samples = t->axes.n ? ir_extent(eval_module(r), t->axes.id[0]) : 1, rows = ir_dims_size(t) / (columns ? columns : 1);
    for (int i = 1; i < t->axes.n; i++) rows *= ir_extent(eval_module(r), t->axes.id[i]);
    const char *x = eval_arg(r, n, 0), *w = eval_arg(r, n, 1);
    char       *y = eval_result(r, n, 0);
    if (!y) return false;
    ReduceShards s = reduce_shards(samples);
    for (int64_t i = 0; i < s.count; i++) {
        int64_t from = i * s.size, len = from + s.size < samples ? s.size : samples - from;
        gemm(t->elem, false, transposed, len * rows, columns, k, x + from * rows * k * elem, w, y + from * rows * columns * elem, false);
    }
    return true;
}

/* With `over`: per shard, pair after pair, transpose(a) * b. */
static bool blas_over(InterpRun *r, const IrNode *n)
{
    const IrModule *m = eval_module(r);
    const IrType   *t = &n->result[0].type;
    int64_t         elem = (int64_t)ir_elem_bytes(t->elem), rows = ir_dims_size(eval_arg_type(n, 0)), columns = ir_dims_size(eval_arg_type(n, 1));
    int64_t         shards = reduce_shards(ir_extent(m, n->attr->pair_over[0].id[0])).count;
    char           *part = eval_scratch(r, (shards + 1) * rows * columns * elem), *y = part ? eval_result(r, n, 0) : NULL;
    if (!y) return false;
    for (int64_t i = 0; i < shards; i++)
        for (int p = 0; p < n->n_args / 2; p++) {
            IrAxes  over = n->attr->pair_over[p];
            int64_t extent = ir_extent(m, over.id[0]), others = ir_axes_size(m, over) / extent;
            int64_t size = reduce_shards(extent).size, from = i * size, len = from + size < extent ? size : extent - from;
            gemm(t->elem, true, false, rows, columns, len * others, (const char *)eval_arg(r, n, 2 * p) + from * others * rows * elem,
                 (const char *)eval_arg(r, n, 2 * p + 1) + from * others * columns * elem, part + i * rows * columns * elem, p > 0);
        }
    tree(t->elem, part, shards, rows * columns);
    memcpy(y, part, (size_t)(rows * columns * elem));
    return true;
}

/* ---- the two rows ----------------------------------------------------------------------------------------------- */

static bool contract(InterpRun *r, const IrNode *n)
{
    Contract c;
    if (!set_up(r, n, &c)) return false;
    char *y = eval_result(r, n, 0);
    return y && chains(r, &c, y);
}

bool eval_dot(InterpRun *r, const IrNode *n)
{
    if (n->attr->form != IR_FORM_BLAS) return contract(r, n);
    return over_of_pair(n, 0).n ? blas_over(r, n) : blas_forward(r, n);
}

bool eval_conv(InterpRun *r, const IrNode *n) { return contract(r, n); }
