/* rows.c - rows that are rare in a step: concat, sorting, scatter_add, whole matrices. Plain loops, one number at a time
 * where the order or a routine of the runtime asks for it. */
#include "compiler/nest/nest.h"
#include "base/bug.h"
#include "runtime/symbols.h"

#include <string.h>

static LoopReg *int_reg(Nest *n, int64_t v) { return loop_int(&n->b, IR_I64, v); }
static LoopReg *reg_of(Nest *n, LoopIndex x) { return loop_index(&n->b, &x); }
static LoopIndex plus(Nest *n, LoopIndex x, LoopIndex y) { return loop_plus(&n->b, x, y); }

/* ---- CONCAT: a copy a part -------------------------------------------------------------------------------------- */

static void concat_body(Nest *n)
{
    const IrNode *node = n->k->nodes.v[0];
    int64_t before = 0;
    for (int i = 0; i < n->part; i++) before += node->arg[i]->type.dim[node->attr->dim];
    const IrVal *v = node->arg[n->part];
    Index at = nest_own_index(n, v);
    at.own = false;
    LoopReg *x = nest_value(n, v, &at);
    int c = node->result[0].type.axes.n + node->attr->dim;
    Ix keep = n->comp[c];
    n->comp[c] = ix_add(n, keep, before);
    nest_results(n, 0, x);
    n->comp[c] = keep;
}

void nest_concat(Nest *n)
{
    KKernel *k = n->k, saved = *k;
    const IrNode *node = k->nodes.v[0];
    int c = node->result[0].type.axes.n + node->attr->dim;
    bool uniform = k->lane_axis < 0;
    LoopIns *w = uniform ? loop_when(&n->b, loop_compare(&n->b, IR_LT, n->lo, n->hi)) : NULL;
    for (int i = 0; i < node->n_args; i++) {
        k->space.comp[c].extent = node->arg[i]->type.dim[node->attr->dim];
        if (!k->space.comp[c].extent) continue;
        n->part = i;
        if (uniform) {
            int64_t rows = 1;
            for (int j = 0; j < k->space.n - 1; j++) rows *= k->space.comp[j].extent;
            n->lo = int_reg(n, 0);
            n->hi = int_reg(n, rows);
        }
        nest_over_space(n, concat_body);
    }
    if (w) loop_close(&n->b, w);
    *k = saved;
}

/* ---- memory of the kernel's own --------------------------------------------------------------------------------- */

/* The kernel's memory seen as cells of one type, from an element on. */
typedef struct { int buffer; IrElem elem; int64_t from; } Cells;

static Cells cells_at(Nest *n, IrElem t, int64_t byte)
{
    KMem m = *n->k->mem;
    while (m.of) m = *m.of;
    m.elem = t;
    m.n_iter = 0;
    return (Cells){nest_base(n, &m), t, byte / (int64_t)ir_elem_bytes(t)};
}

static LoopArg pass_cells(const Cells *c) { return (LoopArg){.kind = LOOP_PASS_BUFFER, .buffer = c->buffer, .at = loop_at(c->from)}; }
static LoopArg pass_reg(LoopReg *r) { return (LoopArg){.kind = LOOP_PASS_REG, .reg = r}; }

/* Copies of an operand's innermost `dims` dims to cells, and back. */
typedef void (*EachCell)(Nest *n, void *self, LoopIndex linear);

static void each_cell(Nest *n, const IrType *t, int dims, EachCell body, void *self)
{
    int64_t size = 1;
    for (int i = t->rank - dims; i < t->rank; i++) size *= t->dim[i];
    LoopIns *l = nest_par(n, size);
    LoopIndex x = nest_counter(l);
    for (int i = t->rank - 1; i >= t->rank - dims; i--) {
        bool first = i == t->rank - dims;
        n->comp[n->k->space.n - (t->rank - i)] = ix(first ? x : nest_rest(n, x, t->dim[i]));
        if (!first) x = nest_quot(n, x, t->dim[i]);
    }
    body(n, self, nest_counter(l));
    nest_end(n, l);
}

typedef struct { const IrVal *val; int result; Cells cells; } Copy;

static void cell_in(Nest *n, void *self, LoopIndex linear)
{
    Copy *c = self;
    /* the space has the result's rank; operands of these rows have the same leading dims */
    Index at = nest_own_index(n, c->val);
    at.own = false;
    LoopReg *v = loop_convert(&n->b, c->cells.elem, nest_value(n, c->val, &at));
    LoopIndex to = plus(n, linear, loop_at(c->cells.from));
    loop_store(&n->b, c->cells.buffer, &to, v, (unsigned)ir_elem_bytes(c->cells.elem));
}

static LoopReg *cell_value(Nest *n, const Copy *c, LoopIndex linear)
{
    LoopIndex from = plus(n, linear, loop_at(c->cells.from));
    LoopReg *v = loop_load(&n->b, c->cells.buffer, &from, (unsigned)ir_elem_bytes(c->cells.elem));
    return loop_convert(&n->b, c->val->type.elem, v);
}

static void cell_out(Nest *n, void *self, LoopIndex linear)
{
    Copy *c = self;
    nest_results(n, c->result, cell_value(n, c, linear));
}

/* ---- SORT ------------------------------------------------------------------------------------------------------- */

static void sort_body(Nest *n)
{
    const IrNode *node = n->k->nodes.v[0];
    const IrType *t = &node->arg[0]->type;
    int64_t size = t->dim[t->rank - 1], bytes = (size * (int64_t)ir_elem_bytes(t->elem) + 63) / 64 * 64;
    Cells keys = cells_at(n, t->elem, 0), order = cells_at(n, IR_I32, bytes), spare = cells_at(n, IR_I32, bytes + 4 * size);
    each_cell(n, t, 1, cell_in, &(Copy){.val = node->arg[0], .cells = keys});
    LoopArg pass[] = {pass_reg(loop_int(&n->b, IR_I32, t->elem)), pass_cells(&keys), pass_reg(int_reg(n, size)), pass_cells(&order),
                      pass_cells(&spare)};
    loop_call(&n->b, SYMBOL_sort_order, pass, 5);
    each_cell(n, t, 1, cell_out, &(Copy){.val = &node->result[0], .cells = order});
}

void nest_sort(Nest *n) { nest_over_space_scalar(n, sort_body); }

/* ---- whole matrices --------------------------------------------------------------------------------------------- */

static Cells matrix_after(Nest *n, const Cells *c, int64_t numbers) { return cells_at(n, IR_F64, 8 * (c->from + numbers)); }

static void cholesky(Nest *n, const IrNode *node, LoopReg *size, const Cells *a, const Cells *l)
{
    loop_call(&n->b, SYMBOL_linalg_cholesky, (LoopArg[]){pass_reg(size), pass_cells(a), pass_cells(l)}, 3);
    each_cell(n, &node->arg[0]->type, 2, cell_out, &(Copy){.val = &node->result[0], .cells = *l});
}

static void eigh(Nest *n, const IrNode *node, LoopReg *size, int64_t rows, const Cells *a, const Cells *vectors)
{
    Cells work = matrix_after(n, vectors, rows * rows), values = matrix_after(n, &work, rows * rows);
    LoopArg pass[] = {pass_reg(size), pass_cells(a), pass_cells(&values), pass_cells(vectors), pass_cells(&work)};
    loop_call(&n->b, SYMBOL_linalg_eigh, pass, 5);
    each_cell(n, &node->result[1].type, 2, cell_out, &(Copy){.val = &node->result[1], .result = 1, .cells = *vectors});
    LoopIns *l = nest_par(n, rows);                         /* the values lie one component earlier: place them by hand */
    n->comp[n->k->space.n - 2] = ix(nest_counter(l));
    nest_results(n, 0, cell_value(n, &(Copy){.val = &node->result[0], .cells = values}, nest_counter(l)));
    nest_end(n, l);
}

static void solve(Nest *n, const IrNode *node, LoopReg *size, int64_t rows, const Cells *a, const Cells *work)
{
    const IrType *tb = &node->arg[1]->type;
    int64_t cols = tb->dim[tb->rank - 1];
    LoopReg *k = int_reg(n, cols);
    Cells rhs = matrix_after(n, work, rows * rows), x = matrix_after(n, &rhs, rows * cols);
    each_cell(n, tb, 2, cell_in, &(Copy){.val = node->arg[1], .cells = rhs});
    if (node->op == IR_trisolve)
        loop_call(&n->b, SYMBOL_linalg_trisolve,
                  (LoopArg[]){pass_reg(size), pass_reg(k), pass_reg(loop_int(&n->b, IR_BOOL, node->attr->transpose)), pass_cells(a),
                              pass_cells(&rhs), pass_cells(&x)}, 6);
    else
        loop_call(&n->b, SYMBOL_linalg_solve,
                  (LoopArg[]){pass_reg(size), pass_reg(k), pass_cells(a), pass_cells(&rhs), pass_cells(&x), pass_cells(work)}, 6);
    each_cell(n, tb, 2, cell_out, &(Copy){.val = &node->result[0], .cells = x});
}

/* Operands and results in f64, one behind the other in the kernel's memory. */
static void opaque_body(Nest *n)
{
    const IrNode *node = n->k->nodes.v[0];
    const IrType *t = &node->arg[0]->type;
    int64_t rows = t->dim[t->rank - 1];
    LoopReg *size = int_reg(n, rows);
    Cells a = cells_at(n, IR_F64, 0), second = matrix_after(n, &a, rows * rows);
    each_cell(n, t, 2, cell_in, &(Copy){.val = node->arg[0], .cells = a});
    if (node->op == IR_cholesky) cholesky(n, node, size, &a, &second);
    else if (node->op == IR_eigh) eigh(n, node, size, rows, &a, &second);
    else solve(n, node, size, rows, &a, &second);
}

void nest_opaque(Nest *n) { nest_over_space_scalar(n, opaque_body); }

/* ---- EXTERN: a call for each sample ------------------------------------------------------------------------------- */

static IrElem cell_elem(IrElem t) { return ir_is_real(t) ? IR_F64 : IR_I64; }

static void numbers_in(Nest *n, const IrVal *v, const Cells *to)
{
    const IrType *t = &v->type;
    LoopIns *l = nest_loop(n, ir_dims_size(t));
    LoopIndex x = nest_counter(l), cell = plus(n, x, loop_at(to->from));
    Index at = nest_own_index(n, v);
    at.own = false;
    for (int i = t->rank - 1; i >= 0; i--) {
        at.dim[i] = ix(i ? nest_rest(n, x, t->dim[i]) : x);
        if (i) x = nest_quot(n, x, t->dim[i]);
    }
    loop_store(&n->b, to->buffer, &cell, loop_convert(&n->b, to->elem, nest_value(n, v, &at)), 8);
    nest_end(n, l);
}

static int64_t number_of_extern(const Nest *n, const char *name)
{
    for (int i = 0; i < n->program->n_externs; i++)
        if (!strcmp(n->program->external[i].name, name)) return i;
    BUG("nest: the program has no extern %s", name);
}

/* Arguments and result in cells of 8 bytes, one behind the other in the kernel's memory. */
static void extern_body(Nest *n)
{
    const IrNode *node = n->k->nodes.v[0];
    const IrType *t = &node->result[0].type;
    int64_t byte = 0;
    Index own = nest_own_index(n, node->arg[0]);
    own.own = false;
    LoopReg *seed = nest_value(n, node->arg[0], &own);
    for (int i = 1; i < node->n_args; i++) {
        Cells c = cells_at(n, cell_elem(node->arg[i]->type.elem), byte);
        numbers_in(n, node->arg[i], &c);
        byte += 8 * ir_dims_size(&node->arg[i]->type);
    }
    Cells in = cells_at(n, IR_I64, 0), out = cells_at(n, cell_elem(t->elem), byte);
    LoopIndex table = loop_at(FRAME_EXTERNS);
    LoopReg *which = loop_word(&n->b, number_of_extern(n, node->attr->symbol));
    LoopArg pass[] = {pass_reg(loop_frame(&n->b, &table)), pass_reg(which), pass_reg(seed), pass_cells(&in), pass_cells(&out)};
    loop_call(&n->b, SYMBOL_extern_call, pass, 5);
    each_cell(n, t, t->rank, cell_out, &(Copy){.val = &node->result[0], .cells = out});
}

void nest_extern(Nest *n) { nest_over_space_scalar(n, extern_body); }

/* ---- BLAS: see runtime/blas.h for the blocks --------------------------------------------------------------------- */

typedef struct Gemm { IrElem elem; bool transpose_a, transpose_b; int64_t n; } Gemm;
typedef struct { int buffer; LoopIndex at; } Block;

static LoopArg pass_block(Block b) { return (LoopArg){.kind = LOOP_PASS_BUFFER, .buffer = b.buffer, .at = b.at}; }
static LoopArg pass_bool(Nest *n, bool b) { return pass_reg(loop_int(&n->b, IR_BOOL, b)); }

static void gemm(Nest *n, const Gemm *g, LoopIndex m, LoopIndex k, Block a, Block b, Block c, bool add)
{
    LoopArg pass[] = {pass_bool(n, g->transpose_a), pass_bool(n, g->transpose_b), pass_reg(reg_of(n, m)), pass_reg(int_reg(n, g->n)),
                      pass_reg(reg_of(n, k)), pass_block(a), pass_block(b), pass_block(c), pass_bool(n, add)};
    loop_call(&n->b, g->elem == IR_F32 ? SYMBOL_blas_f32 : SYMBOL_blas_f64, pass, 9);
}

/* First sample of a shard and how many it has. */
static LoopIndex shard_range(Nest *n, LoopIndex shard, int64_t extent, LoopIndex *from)
{
    int64_t size = ir_shards(extent).size;
    *from = loop_times(shard, size);
    LoopReg *left = reg_of(n, plus(n, loop_at(extent), loop_times(*from, -1)));
    return loop_of(nest_min(n, int_reg(n, size), left));
}

static void blas_forward(Nest *n, const IrNode *node, LoopIndex shard)
{
    const IrType *a = &node->arg[0]->type, *b = &node->arg[1]->type, *t = &node->result[0].type;
    int64_t k = 1, all_b = ir_dims_size(b);
    for (int i = 0; i < node->attr->contract.n; i++) k *= a->dim[node->attr->contract.a[i]];
    bool turned = node->attr->contract.n > 0 && b->rank > node->attr->contract.n && node->attr->contract.b[0] != 0;
    Gemm g = {t->elem, false, turned, k ? all_b / k : 0};
    int64_t samples = t->axes.n ? ir_extent(n->m, t->axes.id[0]) : 1, rows = g.n ? ir_dims_size(t) / g.n : 0;
    for (int i = 1; i < t->axes.n; i++) rows *= ir_extent(n->m, t->axes.id[i]);
    LoopIndex from, len = shard_range(n, shard, samples, &from);
    gemm(n, &g, loop_times(len, rows), loop_at(k), (Block){nest_base(n, n->k->columns.v[0]), loop_times(from, rows * k)},
         (Block){nest_base(n, n->k->columns.v[1]), loop_at(0)},
         (Block){nest_base(n, n->k->sinks.v[0]->partial), loop_times(from, rows * g.n)}, false);
}

static void blas_gradient(Nest *n, const IrNode *node, LoopIndex shard)
{
    const KAccum *acc = n->k->sinks.v[0];
    int64_t rows = ir_dims_size(&node->arg[0]->type);
    Gemm g = {acc->elem, true, false, ir_dims_size(&node->arg[1]->type)};
    Block c = {nest_base(n, acc->partial), loop_times(shard, acc->shard_stride)};
    for (int i = 0; i < node->n_args / 2; i++) {
        IrAxes over = node->attr->pair_over[i];
        int64_t extent = ir_extent(n->m, over.id[0]), others = ir_axes_size(n->m, over) / extent;
        LoopIndex from, len = shard_range(n, shard, extent, &from);
        gemm(n, &g, loop_at(rows), loop_times(len, others), (Block){nest_base(n, n->k->columns.v[2 * i]), loop_times(from, others * rows)},
             (Block){nest_base(n, n->k->columns.v[2 * i + 1]), loop_times(from, others * g.n)}, c, i > 0);
    }
}

void nest_blas(Nest *n)
{
    const IrNode *node = n->k->nodes.v[0];
    LoopIns *l = nest_par_from(n, loop_of(n->lo), loop_of(n->hi), 1);
    if (node->attr->pair_over && node->attr->pair_over[0].n) blas_gradient(n, node, nest_counter(l));
    else blas_forward(n, node, nest_counter(l));
    nest_end(n, l);
}

/* ---- scatter_add ------------------------------------------------------------------------------------------------ */

/* Adds u's elements at the sample the components stand at (batch dims, picks, rest inside), into `to`. */
typedef struct Scatter {
    const IrNode *node;
    KMem          to;                                       /* result-shaped memory */
    bool          is_table;                                 /* it begins at `table` of its buffer; then `to` has no panels */
    LoopIndex     table;
    Index         at_i, at_u, at_r;
} Scatter;

static LoopIndex table_cell(Nest *n, Scatter *s)
{
    LoopIndex off = s->table;
    for (int i = 0; i < s->to.rank; i++) off = plus(n, off, loop_times(s->at_r.dim[i].at, s->to.dim[i]));
    for (int i = 0; i < s->to.axes.n; i++) off = plus(n, off, loop_times(s->at_r.axis[i].at, s->to.axis[i]));
    return off;
}

static void add_to(Nest *n, Scatter *s, LoopReg *u)
{
    const IrType *t = &s->node->result[0].type;
    if (!s->is_table) {
        nest_store(n, &s->to, t, &s->at_r, nest_add(n, nest_load(n, &s->to, t, &s->at_r), u));
        return;
    }
    unsigned align = (unsigned)ir_elem_bytes(s->to.elem);
    LoopIndex at = table_cell(n, s);
    int buffer = nest_base(n, &s->to);
    loop_store(&n->b, buffer, &at, nest_add(n, loop_load(&n->b, buffer, &at, align), u), align);
}

static void scatter_dims(Nest *n, Scatter *s, int d)
{
    const IrType *ti = &s->node->arg[0]->type, *tu = &s->node->arg[1]->type, *tr = &s->node->result[0].type;
    int batch = s->node->attr->n_batch;
    if (d < tu->rank) {
        LoopIns *l = nest_loop(n, tu->dim[d]);
        Ix i = ix(nest_counter(l));
        s->at_u.dim[d] = i;
        if (d < ti->rank) s->at_i.dim[d] = i;
        if (d < batch) s->at_r.dim[d] = i;
        if (d >= ti->rank) s->at_r.dim[d - ti->rank + batch + 1] = i;
        scatter_dims(n, s, d + 1);
        nest_end(n, l);
        return;
    }
    LoopReg *i = loop_convert(&n->b, IR_I64, nest_value(n, s->node->arg[0], &s->at_i));
    LoopIns *w = loop_when(&n->b, loop_op2(&n->b, LOOP_inside, i, int_reg(n, tr->dim[batch])));
    s->at_r.dim[batch] = ix(loop_of(i));
    add_to(n, s, nest_value(n, s->node->arg[1], &s->at_u));
    loop_close(&n->b, w);
}

static void each_result_dim(Nest *n, const IrType *t, int d, Index *at, void (*body)(Nest *n, void *self, const Index *at), void *self)
{
    if (d == t->rank) { body(n, self, at); return; }
    if (d >= IR_MAX_RANK) BUG("rank beyond %d", IR_MAX_RANK);
    LoopIns *l = nest_par(n, t->dim[d]);
    at->dim[d] = ix(nest_counter(l));
    each_result_dim(n, t, d + 1, at, body, self);
    nest_end(n, l);
}

static void put_zero(Nest *n, void *self, const Index *at)
{
    Scatter *s = self;
    nest_store(n, &s->to, &s->node->result[0].type, at, loop_zero(&n->b, s->to.elem));
}

typedef struct { Scatter *s; int64_t stride; int count; KMem *part; } Parts;

static void put_tree(Nest *n, void *self, const Index *at)
{
    Parts *p = self;
    const IrType *t = &p->s->node->result[0].type;
    LoopReg *v[8];
    int count = p->count;
    for (int i = 0; i < count; i++) {
        KMem m = *p->part;
        m.offset += i * p->stride * (int64_t)ir_elem_bytes(m.elem);
        v[i] = nest_load(n, &m, t, at);
    }
    for (; count > 1; count = (count + 1) / 2)
        for (int i = 0; i < (count + 1) / 2; i++) v[i] = 2 * i + 1 == count ? v[2 * i] : nest_add(n, v[2 * i], v[2 * i + 1]);
    for (int i = 0; i < n->k->stores.n; i++)
        nest_store(n, n->k->stores.v[i].mem, t, at, count ? v[0] : loop_zero(&n->b, t->elem));
}

static void at_sample(Scatter *s, int axis, Ix where)
{
    for (int side = 0; side < 2; side++) {
        const IrType *t = &s->node->arg[side]->type;
        for (int k = 0; k < t->axes.n; k++)
            if (t->axes.id[k] == axis) (side ? &s->at_u : &s->at_i)->axis[k] = where;
    }
}

/* Samples lo .. hi - 1 of the first axis, all of the others. */
static void scatter_samples(Nest *n, Scatter *s, IrAxes over, int i, int64_t lo, int64_t hi)
{
    if (i == over.n) { scatter_dims(n, s, 0); return; }
    LoopIndex from = loop_at(i ? 0 : lo), to = loop_at(i ? ir_extent(n->m, over.id[i]) : hi);
    LoopIns *l = loop_for(&n->b, &from, &to, 1, false, NULL, 0);
    at_sample(s, over.id[i], ix(nest_counter(l)));
    scatter_samples(n, s, over, i + 1, lo, hi);
    nest_end(n, l);
}

static Scatter scatter_at(Nest *n, const IrNode *node)
{
    Index own = nest_own_index(n, &node->result[0]);
    const IrType *t = &node->result[0].type;
    Scatter s = {.node = node,
                 .at_i = nest_sub_index(t, &own, &node->arg[0]->type),
                 .at_u = nest_sub_index(t, &own, &node->arg[1]->type),
                 .at_r = own};
    s.at_i.own = s.at_u.own = s.at_r.own = false;
    return s;
}

static void scatter_plain(Nest *n, Scatter *s)
{
    Index at = s->at_r;
    for (int i = 0; i < n->k->stores.n; i++) {
        s->to = *n->k->stores.v[i].mem;
        each_result_dim(n, &s->node->result[0].type, 0, &at, put_zero, s);
        scatter_dims(n, s, 0);
    }
}

/* A table of one shard, row-major, in the kernel's own memory. */
static KMem table_of(Nest *n, const IrType *t, int64_t *size)
{
    KMem part = *n->k->mem;
    *size = 1;
    part.axes = (IrAxes){0};
    part.tile = -1;
    part.elem = t->elem;
    part.dense = false;
    for (int i = t->rank - 1; i >= 0; i--) { part.dim[i] = *size; *size *= t->dim[i]; }
    for (int i = 0; i < IR_MAX_AXES; i++) part.axis[i] = 0;
    return part;
}

static void scatter_body(Nest *n)
{
    const IrNode *node = n->k->nodes.v[0];
    const IrType *t = &node->result[0].type;
    Scatter s = scatter_at(n, node);
    if (!node->attr->over.n) { scatter_plain(n, &s); return; }
    /* a table a shard, for the kept axes at hand; then the tree */
    Index at = s.at_r;
    int64_t extent = ir_extent(n->m, node->attr->over.id[0]), stride;
    IrShards shards = ir_shards(extent);
    KMem part = table_of(n, t, &stride);
    for (int64_t k = 0; k < shards.count; k++) {
        int64_t lo = k * shards.size, hi = lo + shards.size;
        s.to = part;
        s.to.offset += k * stride * (int64_t)ir_elem_bytes(t->elem);
        each_result_dim(n, t, 0, &at, put_zero, &s);
        scatter_samples(n, &s, node->attr->over, 0, lo, hi < extent ? hi : extent);
    }
    each_result_dim(n, t, 0, &at, put_tree, &(Parts){&s, stride, (int)shards.count, &part});
}

void nest_scatter(Nest *n) { nest_over_space_scalar(n, scatter_body); }

/* Over the tile axis: a shard's table is filled sample by sample; the first tile clears it. */
static void over_axes(Nest *n, Scatter *s, const IrType *t, int i)
{
    if (i == t->axes.n) {
        IrAxes rest = ir_axes_minus(s->node->attr->over, ir_one_axis(n->k->lane_axis));
        scatter_samples(n, s, rest, 0, 0, rest.n ? ir_extent(n->m, rest.id[0]) : 0);
        return;
    }
    LoopIns *l = nest_par(n, ir_extent(n->m, t->axes.id[i]));
    Ix where = ix(nest_counter(l));
    at_sample(s, t->axes.id[i], where);
    s->at_r.axis[i] = where;
    over_axes(n, s, t, i + 1);
    nest_end(n, l);
}

static void clear_table(Nest *n, const KAccum *a, int buffer, LoopIndex table)
{
    LoopIns *first = loop_when(&n->b, loop_compare(&n->b, IR_NE, loop_arg(&n->b, 2), int_reg(n, 0)));
    LoopIns *l = nest_par(n, a->shard_stride);
    LoopIndex at = plus(n, table, nest_counter(l));
    loop_store(&n->b, buffer, &at, loop_zero(&n->b, a->elem), (unsigned)ir_elem_bytes(a->elem));
    nest_end(n, l);
    loop_close(&n->b, first);
}

void nest_scatter_over(Nest *n)
{
    const IrNode *node = n->k->nodes.v[0];
    const KAccum *a = n->k->sinks.v[0];
    Scatter s = {.node = node, .to = *a->partial, .is_table = true};
    n->lanes = 1;
    s.table = loop_of(loop_binary(&n->b, IR_mul, loop_arg(&n->b, 3), int_reg(n, a->shard_stride)));
    clear_table(n, a, nest_base(n, a->partial), s.table);
    LoopIndex from = loop_at(0), to = loop_of(n->hi);
    LoopIns *l = loop_for(&n->b, &from, &to, 1, false, NULL, 0);
    n->slot = nest_quot(n, nest_counter(l), K_LANES);
    n->panel = plus(n, loop_of(loop_arg(&n->b, 0)), n->slot);
    n->is_sub = true;
    n->sub = nest_rest(n, nest_counter(l), K_LANES);
    Ix lane = {.at = plus(n, loop_times(n->panel, K_LANES), n->sub), .lane = true};
    at_sample(&s, n->k->lane_axis, lane);
    over_axes(n, &s, &node->result[0].type, 0);
    n->is_sub = false;
    nest_end(n, l);
}
