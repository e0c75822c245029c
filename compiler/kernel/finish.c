/* finish.c - when every node has its kernel: who needs memory, which contractions are register tiles, how loops are cut. */
#include "compiler/kernel/internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- after placing ---------------------------------------------------------------------------------------------- */

static int by_id(const void *a, const void *b)
{
    const KValue *const *x = a, *const *y = b;
    return ((*x)->val->id > (*y)->val->id) - ((*x)->val->id < (*y)->val->id);
}

static void give_memory(KPlan *p)
{
    if (p->own.n) qsort(p->own.v, (size_t)p->own.n, sizeof *p->own.v, by_id);
    for (int i = 0; i < p->own.n; i++) {
        KValue *v = p->own.v[i];
        if (v->stored && !v->frame && !v->mem)
            v->mem = kernel_mem(p, v->tile < 0 ? K_FRAME : K_SCRATCH, &v->val->type, v->full);
    }
    for (int i = 0; i < p->kernels.n; i++) {
        KKernel *k = p->kernels.v[i];
        if (k->kind == K_TRANSPOSE || k->kind == K_BLAS || k->kind >= K_OUTER) continue;
        for (int j = 0; j < k->nodes.n; j++)
            for (int r = 0; r < k->nodes.v[j]->n_results; r++) {
                KValue *v = kernel_value(p, &k->nodes.v[j]->result[r]);
                if (v->mem) array_push(p->arena, &k->stores, ((KStore){v->val, v->mem}));
            }
    }
}

static bool is_window(const IrNode *n, int side, int dim)
{
    for (int i = 0; i < n->attr->n_windows; i++)
        if (ir_window_dim(n->attr, side, i) == dim) return true;
    return false;
}

enum { FAR = 4 << 20 };                                     /* bytes of a matrix that comes from memory, or the last cache */

static int64_t bytes_of(const IrType *t) { return ir_dims_size(t) * (int64_t)ir_elem_bytes(t->elem); }
static int matrix_side(const KKernel *dot) { return ir_axes_has(dot->nodes.v[0]->arg[0]->type.axes, dot->lane_axis); }
static int contracted(const IrNode *n, int side) { return side ? n->attr->contract.b[0] : n->attr->contract.a[0]; }

/* Of a matrix with one free dim, that. */
static int pack_row(const IrNode *n, int side)
{
    int k = contracted(n, side), row = 0;
    while (row == k || is_window(n, side, row)) row++;
    return row;
}

/* The matrix of a DOT whose rows lie across memory: each step along k meets another line of the cache, and the lines of a block of rows fall into a few sets.
 * More than half of what the sets hold? */
enum { SETS = 4096, WAYS = 8 };                             /* bytes from a line of a set to the next, in caches near the core; lines of a set */

static bool lies_across(const IrNode *n, int side, const KView *w)
{
    const IrType *t = &n->arg[side]->type;
    int k = contracted(n, side), row = pack_row(n, side);
    int64_t far = n->attr->n_windows ? K_LANES * K_LANES : K_LANES;
    bool crowded = n->attr->n_windows || t->dim[k] * w->dim[k] * (int64_t)ir_elem_bytes(t->elem) > WAYS / 2 * SETS;
    return w->dim[row] == 1 && w->dim[k] >= far && t->dim[row] >= 4 && crowded;
}

/* Of a tile's rows, if they lie a power of two apart, or a multiple of one, all lines fall into one set. */
static bool lies_in_one_set(const IrNode *n, int side, const KView *w)
{
    const IrType *t = &n->arg[side]->type;
    int k = contracted(n, side), row = pack_row(n, side);
    return !n->attr->n_windows && w->dim[k] == 1 && w->dim[row] * (int64_t)ir_elem_bytes(t->elem) % SETS == 0 && t->dim[row] >= K_LANES;
}

static bool is_matrix(const IrNode *n, int side) { return n->attr->contract.n == 1 && !n->attr->batch.n && n->arg[side]->type.rank == 2 + n->attr->n_windows; }

/* A copy is worth it when enough panels follow. */
static bool worth_packing(const IrNode *n, int side, const KView *w, int64_t extent)
{
    for (int i = 0; i < n->attr->n_windows; i++) extent *= n->result[0].type.dim[i];      /* each place of the result reads it */
    if (extent < 2 * K_TILE || n->arg[side]->type.dim[contracted(n, side)] < 2 * K_LANES) return false;
    return lies_in_one_set(n, side, w) || lies_across(n, side, w);
}

static bool same_matrix(const KPlan *p, const KKernel *a, const KKernel *b, int sa, int sb)
{
    const IrNode *x = a->nodes.v[0], *y = b->nodes.v[0];
    if (contracted(x, sa) != contracted(y, sb) || kernel_resolve(p, x->arg[sa]) != kernel_resolve(p, y->arg[sb]) || x->attr->n_windows != y->attr->n_windows) return false;
    for (int i = 0; i < x->attr->n_windows; i++)
        if (ir_window_dim(x->attr, sa, i) != ir_window_dim(y->attr, sb, i)) return false;
    return true;
}

/* A body's surroundings: the scan or cond it belongs to, in which block, and what is around that. */
typedef struct Around { KBlock *block; KStep *step; const struct Around *out; } Around;

static bool changes_in(const KPlan *p, const IrVal *root, const KBlock *body, const KStep *owner)
{
    if (!root) return false;                                /* a slot */
    if (kernel_value(p, root)->block == body) return true;
    for (int k = 0; k < owner->node->n_bodies; k++)
        for (int i = 0; i < owner->node->body[k]->n_params; i++)
            if (owner->node->body[k]->param[i] == root) return true;
    return false;
}

/* The outermost loop in which a matrix stays the same, of those round its reader's block; NULL: it changes in each. */
static const Around *outermost_loop(const KPlan *p, const IrVal *matrix, const KBlock *body, const Around *around)
{
    const IrVal *root = kernel_source(p, matrix, -1).root;
    const Around *loop = NULL;
    for (const Around *a = around; a && !changes_in(p, root, body, a->step); body = a->block, a = a->out)
        if (a->step->kind == K_SCAN) loop = a;
    return loop;
}

/* The step of packs in front of a loop, found or made. */
static KStep *step_before(KPlan *p, const Around *loop)
{
    int i = 0;
    while (loop->block->steps.v[i] != loop->step) i++;
    KStep *before = i ? loop->block->steps.v[i - 1] : NULL;
    if (before && before->kind == K_UNIFORM && before->kernels.n && before->kernels.v[0]->kind == K_PACK) return before;
    KStep *s = arena_new_of(p->arena, KStep);
    s->kind = K_UNIFORM;
    s->level = loop->step->level;
    array_push(p->arena, &loop->block->steps, NULL);
    KStep **v = loop->block->steps.v;
    memmove(v + i + 1, v + i, sizeof *v * (size_t)(loop->block->steps.n - 1 - i));
    return v[i] = s;
}

/* Of many rows: by all threads, some rows each. */
static void cut_pack(KPlan *p, KKernel *k)
{
    const IrNode *n = k->nodes.v[0];
    k->units = (n->arg[k->side]->type.dim[pack_row(n, k->side)] + K_UNIT_ROWS - 1) / K_UNIT_ROWS;
    k->split = plan_did(p, PLAN_split, k->units >= 2);
}

static KMem *pack(KPlan *p, KKernel *dot, int side, KPlace place, KStep *to)
{
    IrNode *n = dot->nodes.v[0];
    KKernel *const *made = place == K_FRAME ? to->kernels.v : to->once.v;
    int n_made = place == K_FRAME ? to->kernels.n : to->once.n;
    for (int i = 0; i < n_made; i++)
        if (same_matrix(p, dot, made[i], side, made[i]->side)) return made[i]->mem;
    plan_did(p, PLAN_packs, true);
    KMem *m = arena_new_of(p->arena, KMem);
    *m = (KMem){.place = place, .elem = n->arg[side]->type.elem, .slot = -1, .tile = -1, .panel = 1, .made = p->n_mems++,
                .first = INT32_MAX, .last = -1};
    m->bytes = bytes_of(&n->arg[side]->type);
    KKernel *k = arena_new_of(p->arena, KKernel);
    *k = (KKernel){.kind = K_PACK, .id = p->kernels.n, .lane_axis = -1, .mem = m, .units = 1, .side = side};
    array_push(p->arena, &k->nodes, n);
    if (place == K_FRAME) cut_pack(p, k);
    array_push(p->arena, &p->kernels, k);
    if (place == K_FRAME) array_push(p->arena, &to->kernels, k);
    else array_push(p->arena, &to->once, k);
    return m;
}

/* Its copies, one a thread, would take longer than waiting for one that all have made. */
static bool is_large(const IrType *matrix)
{
    enum { LARGE = 1 << 18 };                               /* bytes */
    return bytes_of(matrix) >= LARGE;
}

/* Panels that a step multiplies by the matrix of `dot`. */
static int64_t panels_of(const KPlan *p, const KStep *s, const KKernel *dot)
{
    int64_t readers = 0;
    for (int i = 0; i < s->panel.n; i++) {
        const KKernel *k = s->panel.v[i];
        readers += k->kind == K_DOT && k->nodes.v[0]->attr->contract.n == 1 && same_matrix(p, dot, k, matrix_side(dot), matrix_side(k));
    }
    return readers * ((s->extent + K_LANES - 1) / K_LANES);
}

/* Of a tile across a matrix, a line with each k stays in the second cache until the tile's last panel has read it: do they find room, where rows lie a power of two apart, or a multiple of one? */
static bool fits_second_cache(int64_t k, int64_t apart)
{
    enum { SECOND_SETS = 128 << 10, SECOND_WAYS = 16 };     /* as SETS and WAYS */
    int64_t step = apart & -apart, sets = SECOND_SETS / (step < 64 ? 64 : step > SECOND_SETS ? SECOND_SETS : step);
    return k <= sets * SECOND_WAYS / 2;
}

/* A matrix whose rows lie across memory has them along the other dim, 16 in a vector: with that, and a panel's samples one by one, a tile needs no copy. It is to be
 * turned, which takes 50 to 100 clocks a tile, whatever k; a copy, which comes from afar, as long as a panel's product. One that is in no cache near the core is read
 * once for two panels at most, as more of them share what a tile reads of it. */
static bool goes_across(const KPlan *p, const KStep *s, const KKernel *dot, int side, const KView *w)
{
    enum { LEAST = 64, REST = 8, OFTEN = 8, OFTEN_NEAR = 12 };  /* rows, and k; one in so many may be beyond whole tiles; panels, by k; of a matrix whose copy is near */
    const IrNode *n = dot->nodes.v[0];
    const IrType *t = &n->arg[side]->type;
    int64_t k = t->dim[contracted(n, side)], rows = t->dim[pack_row(n, side)], apart = w->dim[contracted(n, side)] * (int64_t)ir_elem_bytes(t->elem);
    bool far = bytes_of(t) >= FAR && panels_of(p, s, dot) > 2;
    if (!p->options.wide || n->attr->n_windows || t->elem != IR_F32 || far) return false;
    if (s->by_kernels && worth_packing(n, side, w, s->extent) && !fits_second_cache(k, apart)) return false;
    return lies_across(n, side, w) && k >= LEAST && rows >= LEAST && rows % K_LANES * REST <= rows && panels_of(p, s, dot) * (is_large(t) ? OFTEN : OFTEN_NEAR) <= k;
}

/* By each thread at the start of the step, or by all before it; once for all turns where the matrix is none of the loop's. */
static void pack_matrices(KPlan *p, KBlock *block, const Around *around)
{
    for (int i = 0; i < block->steps.n; i++) {
        KStep *s = block->steps.v[i];
        for (int k = 0; k < 2; k++)
            if (s->body[k]) pack_matrices(p, s->body[k], &(Around){block, s, around});
        for (int j = 0; j < s->panel.n; j++) {
            KKernel *k = s->panel.v[j];
            if (k->kind != K_DOT || k->packed) continue;
            IrNode *n = k->nodes.v[0];
            int side = matrix_side(k);
            KView w;
            if (!is_matrix(n, side) || !kernel_view(p, n->arg[side], &w)) continue;
            const Around *loop = outermost_loop(p, n->arg[side], block, around);
            if (!loop && plan_takes(p, PLAN_across)) k->across = plan_did(p, PLAN_across, goes_across(p, s, k, side, &w));
            if (k->across || !worth_packing(n, side, &w, s->extent)) continue;
            const Around here = {block, s, NULL};
            bool together = loop || is_large(&n->arg[side]->type);
            k->packed = together ? pack(p, k, side, K_FRAME, step_before(p, loop ? loop : &here)) : pack(p, k, side, K_SCRATCH, s);
        }
    }
}

/* The matrix of a product of samples that is to be a DOT; NULL: it is none. */
static const IrVal *dot_matrix(const KPlan *p, const KKernel *k)
{
    const IrNode *n = k->kind == K_CONTRACT ? k->nodes.v[0] : NULL;
    if (!n || n->op != IR_dot || n->n_args != 2 || n->attr->form == IR_FORM_BLAS || !plan_takes(p, PLAN_tiles)) return NULL;
    const IrVal *w = n->arg[ir_axes_has(n->arg[0]->type.axes, k->lane_axis)];
    return w->type.axes.n ? NULL : w;
}

typedef ARRAY(const IrVal *) Met;

static bool is_new(const KPlan *p, Met *met, const IrVal *w)
{
    const IrVal *root = kernel_resolve(p, w);
    for (int i = 0; i < met->n; i++)
        if (met->v[i] == root) return false;
    array_push(p->arena, met, root);
    return true;
}

/* Does each panel of samples read a matrix from memory, or all matrices together from a cache that is too slow for that? */
static bool is_far(const KPlan *p, const KStep *s)
{
    Met     met = {0};
    int64_t all = 0;
    for (int i = 0; i < s->panel.n; i++) {
        const IrVal *w = dot_matrix(p, s->panel.v[i]);
        if (w && bytes_of(&w->type) >= FAR) return true;
        if (w && p->options.near && is_new(p, &met, w)) all += bytes_of(&w->type);
    }
    return p->options.near && all > p->options.near;
}

static void find_far(KPlan *p, const KBlock *b)
{
    for (int i = 0; i < b->steps.n; i++) {
        KStep *s = b->steps.v[i];
        for (int k = 0; k < 2; k++)
            if (s->body[k]) find_far(p, s->body[k]);
        s->by_kernels = plan_did(p, PLAN_far, is_far(p, s));
    }
    for (int i = 0; i < p->own.n; i++)
        if (p->own.v[i]->step && p->own.v[i]->step->by_kernels) p->own.v[i]->full = true;
}

static void products_by_tiles(const KBlock *b)
{
    for (int i = 0; i < b->steps.n; i++) {
        const KStep *s = b->steps.v[i];
        for (int k = 0; k < 2; k++)
            if (s->body[k]) products_by_tiles(s->body[k]);
        for (int k = 0; k < s->panel.n && s->by_kernels; k++) {
            KKernel *dot = s->panel.v[k];
            dot->split = dot->kind == K_DOT && dot->nodes.v[0]->op == IR_dot;
        }
    }
}

/* A dot or conv without `over` of a tiled value with a matrix, both plain strides, is a register tile. */
static void find_dots(KPlan *p)
{
    for (int i = 0; i < p->kernels.n; i++) {
        KKernel *k = p->kernels.v[i];
        if (k->kind != K_CONTRACT || k->lane_axis < 0) continue;
        IrNode *n = k->nodes.v[0];
        if (n->n_args != 2 || n->attr->form == IR_FORM_BLAS || n->attr->over.n || (n->attr->pair_over && n->attr->pair_over[0].n)) continue;
        KView a, c;
        bool ta = ir_axes_has(n->arg[0]->type.axes, k->lane_axis), tc = ir_axes_has(n->arg[1]->type.axes, k->lane_axis);
        if (ta == tc || !kernel_view(p, n->arg[0], &a) || !kernel_view(p, n->arg[1], &c)) continue;
        const KView *x = ta ? &a : &c, *w = ta ? &c : &a;
        if (plan_did(p, PLAN_tiles, x->tile == k->lane_axis && w->tile < 0)) k->kind = K_DOT;
    }
}

static void find_few(KPlan *p)
{
    for (int i = 0; i < p->kernels.n; i++) plan_did(p, PLAN_few, kernel_few(p, p->kernels.v[i]));
}

static void find_matrices(KPlan *p)
{
    for (int i = 0; i < p->kernels.n; i++) {
        if (plan_takes(p, PLAN_matrices)) plan_did(p, PLAN_matrices, kernel_matrices(p, p->kernels.v[i]));
        if (plan_takes(p, PLAN_pairs)) plan_did(p, PLAN_pairs, kernel_pairs(p, p->kernels.v[i]));
        if (plan_takes(p, PLAN_own)) plan_did(p, PLAN_own, kernel_own(p, p->kernels.v[i]));
    }
}

/* Rows whose innermost components are theirs to walk: the kernel's loops see them as 1. Their own memory is counted here. */
static void rows_of_lines(KPlan *p)
{
    for (int i = 0; i < p->kernels.n; i++) {
        KKernel *k = p->kernels.v[i];
        if (!k->nodes.n || k->kind == K_PACK || k->kind == K_BLAS) continue;
        IrNode *n = k->nodes.v[0];
        const IrType *t = &n->result[0].type, *a = n->n_args ? &n->arg[0]->type : NULL;
        int64_t bytes = 0, cell = (int64_t)ir_elem_bytes(t->elem);
        int inner = 0;
        if (k->kind == K_CUMSUM) {
            k->space.comp[t->axes.n + n->attr->dim].extent = 1;
        } else if (k->kind == K_SORT) {
            inner = 1;
            bytes =
                (t->dim[t->rank - 1] * (int64_t)ir_elem_bytes(a->elem) + 63) / 64 * 64 + 8 * t->dim[t->rank - 1] + 64;
        } else if (k->kind == K_OPAQUE) {
            int64_t rows = a->dim[a->rank - 1], cols = n->n_args > 1 ? t->dim[t->rank - 1] : 0;
            if (n->op == IR_eigh) k->space = kernel_space(p->m, &n->result[1].type, k->lane_axis);
            inner = 2;
            bytes = 8 * (3 * rows * rows + rows + 2 * rows * cols) + 64;
        } else if (k->kind == K_EXTERN) {
            inner = t->rank;
            bytes = 8 * ir_dims_size(t) + 64;
            for (int j = 1; j < n->n_args; j++) bytes += 8 * ir_dims_size(&n->arg[j]->type);
        } else if (k->kind == K_SCATTER) {
            inner = t->rank;
            if (n->attr->over.n) bytes = 8 * ir_dims_size(t) * cell + 64;
        }
        for (int c = 0; c < inner; c++) k->space.comp[k->space.n - 1 - c].extent = 1;
        if (!bytes) continue;
        k->mem = arena_new_of(p->arena, KMem);
        *k->mem = (KMem){.place = K_SCRATCH,
                         .elem = t->elem,
                         .slot = -1,
                         .bytes = bytes,
                         .tile = -1,
                         .rank = t->rank,
                         .made = p->n_mems++,
                         .first = INT32_MAX,
                         .last = -1};
    }
}

bool kernel_draws_row(const KKernel *k)
{
    bool row = k->lane_axis < 0 && k->nodes.v[0]->result[0].type.axes.n == 0;
    for (int i = 0; i < k->stores.n; i++) row &= k->stores.v[i].mem->dense && k->stores.v[i].mem->tile < 0;
    return row;
}

static void cut_draws(KPlan *p, KKernel *k, int64_t all)
{
    k->units = (all + K_DRAWS - 1) / K_DRAWS;
    k->split = plan_did(p, PLAN_split, all >= 4096 && kernel_draws_row(k));
}

static void finish_kernels(KPlan *p)
{
    for (int i = 0; i < p->kernels.n; i++) {
        KKernel *k = p->kernels.v[i];
        if (k->kind == K_BLAS) { k->split = plan_did(p, PLAN_split, true); k->flops = kernel_flops(p->m, k->nodes.v[0]); }
        if (k->kind == K_PACK || k->kind == K_BLAS) continue;
        k->flat = k->kind == K_MAP && !k->merged;
        for (int j = 0; j < k->nodes.n; j++) {
            IrNode *n = k->nodes.v[j];
            const KValue *v = kernel_value(p, &n->result[0]);
            bool tree = k->kind == K_MAP && v->accum;
            if (tree) k->flops += (double)ir_dims_size(&n->result[0].type) * (double)v->accum->shards.count;
            else if (k->kind != K_TRANSPOSE && k->kind != K_FINISH) k->flops += kernel_flops(p->m, n);
            if (tree) {
                k->flat &= v->accum->partial->dense && (k->lane_axis < 0);
                continue;
            }
            if (n->op == IR_gather || n->op == IR_pad) k->flat = false;
            for (int a = 0; a < n->n_args && k->kind == K_MAP; a++) k->flat &= kernel_flat_access(p, n->arg[a], k);
        }
        for (int j = 0; j < k->stores.n; j++)
            k->flat &= k->stores.v[j].mem->dense && kernel_flat_access(p, k->stores.v[j].val, k) &&
                       (k->lane_axis < 0 ? k->stores.v[j].mem->tile < 0 : k->stores.v[j].mem->tile == k->lane_axis);
        for (int j = 0; j < k->sinks.n && k->kind == K_MAP; j++)
            k->flat &= k->sinks.v[j]->node->attr->over.n == 1 && !k->sinks.v[j]->node->attr->dims.n && kernel_flat_access(p, k->sinks.v[j]->node->arg[0], k);
        plan_did(p, PLAN_cap, kernel_is_long(k));
        k->flat = plan_did(p, PLAN_flat, k->flat);
        if (k->lane_axis >= 0) continue;
        if (k->kind == K_WHOLE) { kernel_cut_whole(p, k); continue; }
        if (k->kind == K_MATRICES) { k->split = plan_did(p, PLAN_split, k->units >= 2); continue; }
        int64_t all = 1;
        for (int c = 0; c < k->space.n; c++) all *= k->space.comp[c].extent;
        if (k->kind == K_RANDOM) { cut_draws(p, k, all); continue; }
        int64_t last = k->space.n ? k->space.comp[k->space.n - 1].extent : 1;
        k->units = k->flat ? (all + K_LANES - 1) / K_LANES : last ? all / last : 0;
        bool rows = k->kind == K_CONTRACT || k->kind == K_REDUCE || k->kind == K_CUMSUM || k->kind == K_SORT ||
                    k->kind == K_OPAQUE || k->kind == K_EXTERN || k->kind == K_SCATTER;
        k->split = plan_did(p, PLAN_split, k->kind == K_MAP ? all >= 4096 : rows && k->units >= 2);
    }
}

void kernel_finish(KPlan *p)
{
    if (plan_takes(p, PLAN_whole)) kernel_whole(p, &p->top);
    if (p->options.wide && plan_takes(p, PLAN_beside)) kernel_beside(p, &p->top);
    find_far(p, &p->top);
    give_memory(p);
    if (plan_takes(p, PLAN_few)) find_few(p);
    find_dots(p);
    find_matrices(p);
    if (plan_takes(p, PLAN_packs)) pack_matrices(p, &p->top, NULL);
    rows_of_lines(p);
    finish_kernels(p);
    kernel_epilogues(p, &p->top);
    products_by_tiles(&p->top);
    if (plan_takes(p, PLAN_ahead)) kernel_ahead(p);
}
