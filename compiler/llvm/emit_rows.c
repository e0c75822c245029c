/* emit_rows.c - rows that are rare in a step: concat, sorting, scatter_add, whole matrices. Plain loops, one number at a time
 * where the order or a routine of the runtime asks for it. */
#include "compiler/llvm/emit.h"
#include "compiler/llvm/helpers.h"
#include "base/bug.h"

/* ---- CONCAT: a copy a part -------------------------------------------------------------------------------------- */

static void concat_body(Emit *e)
{
    const IrNode *n = e->k->nodes.v[0];
    int part = e->part;
    int64_t before = 0;
    for (int i = 0; i < part; i++) before += n->arg[i]->type.dim[n->attr.dim];
    const IrVal *v = n->arg[part];
    Index at = emit_own_index(e, v);
    at.own = false;
    LLVMValueRef x = emit_value(e, v, &at);
    int c = n->result[0].type.axes.n + n->attr.dim;
    Ix keep = e->comp[c];
    e->comp[c] = ix_add(e, keep, before);
    emit_results(e, 0, x);
    e->comp[c] = keep;
}

void emit_concat(Emit *e)
{
    KKernel *k = e->k, saved = *k;
    const IrNode *n = k->nodes.v[0];
    int c = n->result[0].type.axes.n + n->attr.dim;
    bool uniform = k->lane_axis < 0;
    When w = {0};
    if (uniform) w = when_begin(e, LLVMBuildICmp(e->b, LLVMIntSLT, e->arg[0], e->arg[1], ""));
    for (int i = 0; i < n->n_args; i++) {
        k->space.comp[c].extent = n->arg[i]->type.dim[n->attr.dim];
        if (!k->space.comp[c].extent) continue;
        e->part = i;
        if (uniform) {
            int64_t rows = 1;
            for (int j = 0; j < k->space.n - 1; j++) rows *= k->space.comp[j].extent;
            e->arg[0] = emit_i64(e, 0);
            e->arg[1] = emit_i64(e, rows);
        }
        emit_over_space(e, concat_body);
    }
    if (uniform) when_end(e, &w);
    *k = saved;
}

/* ---- memory of the kernel's own --------------------------------------------------------------------------------- */

/* Copies of an operand's innermost `dims` dims to dense memory of type `to`, and back. */
typedef void (*EachCell)(Emit *e, void *self, LLVMValueRef linear);

static void each_cell(Emit *e, const IrType *t, int dims, EachCell body, void *self)
{
    int64_t n = 1;
    for (int i = t->rank - dims; i < t->rank; i++) n *= t->dim[i];
    Loop l = loop_to(e, n);
    LLVMValueRef x = l.iv;
    for (int i = t->rank - 1; i >= t->rank - dims; i--) {
        bool first = i == t->rank - dims;
        e->comp[e->k->space.n - (t->rank - i)] = ix(first ? x : emit_rem(e, x, t->dim[i]));
        if (!first) x = emit_div(e, x, t->dim[i]);
    }
    body(e, self, l.iv);
    loop_end(e, &l, NULL);
}

typedef struct { const IrVal *val; int result; IrElem elem; LLVMValueRef base; } Cell;

static LLVMValueRef cell_cast(Emit *e, LLVMValueRef v, IrElem from, IrElem to)
{
    return from == to ? v : LLVMBuildFPCast(e->b, v, emit_scalar(e, to), "");
}

static void cell_in(Emit *e, void *self, LLVMValueRef linear)
{
    Cell *c = self;
    /* the space has the result's rank; operands of these rows have the same leading dims */
    Index at = emit_own_index(e, c->val);
    at.own = false;
    LLVMValueRef v = cell_cast(e, emit_value(e, c->val, &at), c->val->type.elem, c->elem);
    emit_store_raw(e, c->elem, v, emit_at(e, c->elem, c->base, linear), (unsigned)ir_elem_bytes(c->elem));
}

static void cell_out(Emit *e, void *self, LLVMValueRef linear)
{
    Cell *c = self;
    LLVMValueRef v =
        emit_load_raw(e, c->elem, emit_at(e, c->elem, c->base, linear), 1, (unsigned)ir_elem_bytes(c->elem));
    emit_results(e, c->result, cell_cast(e, v, c->elem, c->val->type.elem));
}

/* ---- SORT ------------------------------------------------------------------------------------------------------- */

static void sort_body(Emit *e)
{
    const IrNode *n = e->k->nodes.v[0];
    const IrType *t = &n->arg[0]->type;
    int64_t size = t->dim[t->rank - 1], cell = (int64_t)ir_elem_bytes(t->elem);
    LLVMValueRef keys = emit_base(e, e->k->mem),
                 order = emit_at(e, IR_BOOL, keys, emit_i64(e, (size * cell + 63) / 64 * 64));
    LLVMValueRef spare = emit_at(e, IR_I32, order, emit_i64(e, size));
    each_cell(e, t, 1, cell_in, &(Cell){.val = n->arg[0], .elem = t->elem, .base = keys});
    LLVMValueRef args[] = {LLVMConstInt(e->i32, t->elem, false), keys, emit_i64(e, size), order, spare};
    emit_call(e, "helper_argsort", LLVMVoidTypeInContext(e->c), args, 5);
    each_cell(e, t, 1, cell_out, &(Cell){.val = &n->result[0], .elem = IR_I32, .base = order});
}

void emit_sort(Emit *e) { emit_over_space_scalar(e, sort_body); }

/* ---- whole matrices --------------------------------------------------------------------------------------------- */

/* Operands and results in f64, one behind the other in the kernel's memory. */
static void opaque_body(Emit *e)
{
    const IrNode *n = e->k->nodes.v[0];
    const IrType *t = &n->arg[0]->type;
    int64_t rows = t->dim[t->rank - 1];
    LLVMValueRef base = emit_base(e, e->k->mem), size = emit_i64(e, rows), sq = emit_i64(e, rows * rows);
    LLVMTypeRef nothing = LLVMVoidTypeInContext(e->c);
    LLVMValueRef a = base, second = emit_at(e, IR_F64, base, sq);
    each_cell(e, t, 2, cell_in, &(Cell){.val = n->arg[0], .elem = IR_F64, .base = a});
    if (n->op == IR_cholesky) {
        emit_call(e, "linalg_cholesky", nothing, (LLVMValueRef[]){size, a, second}, 3);
        each_cell(e, t, 2, cell_out, &(Cell){.val = &n->result[0], .elem = IR_F64, .base = second});
        return;
    }
    if (n->op == IR_eigh) {
        LLVMValueRef work = emit_at(e, IR_F64, second, sq), values = emit_at(e, IR_F64, work, sq);
        emit_call(e, "linalg_eigh", nothing, (LLVMValueRef[]){size, a, values, second, work}, 5);
        each_cell(e, &n->result[1].type, 2, cell_out,
                  &(Cell){.val = &n->result[1], .result = 1, .elem = IR_F64, .base = second});
        /* the values lie one component earlier: place them by hand */
        Loop l = loop_to(e, rows);
        e->comp[e->k->space.n - 2] = ix(l.iv);
        LLVMValueRef v = emit_load_raw(e, IR_F64, emit_at(e, IR_F64, values, l.iv), 1, 8);
        emit_results(e, 0, cell_cast(e, v, IR_F64, n->result[0].type.elem));
        loop_end(e, &l, NULL);
        return;
    }
    const IrType *tb = &n->arg[1]->type;
    int64_t cols = tb->dim[tb->rank - 1];
    LLVMValueRef k = emit_i64(e, cols), rhs = emit_at(e, IR_F64, second, sq),
                 x = emit_at(e, IR_F64, rhs, emit_i64(e, rows * cols));
    each_cell(e, tb, 2, cell_in, &(Cell){.val = n->arg[1], .elem = IR_F64, .base = rhs});
    if (n->op == IR_trisolve)
        emit_call(e, "linalg_trisolve", nothing,
                  (LLVMValueRef[]){size, k, LLVMConstInt(e->i1, n->attr.transpose, false), a, rhs, x}, 6);
    else
        emit_call(e, "linalg_solve", nothing, (LLVMValueRef[]){size, k, a, rhs, x, second}, 6);
    each_cell(e, tb, 2, cell_out, &(Cell){.val = &n->result[0], .elem = IR_F64, .base = x});
}

void emit_opaque(Emit *e) { emit_over_space_scalar(e, opaque_body); }

/* ---- BLAS: see runtime/blas.h for the blocks --------------------------------------------------------------------- */

typedef struct Gemm { IrElem elem; bool transpose_a, transpose_b; int64_t n; } Gemm;

static void gemm(Emit *e, const Gemm *g, LLVMValueRef m, LLVMValueRef k, LLVMValueRef a, LLVMValueRef b, LLVMValueRef c,
                 bool add)
{
    LLVMValueRef args[] = {LLVMConstInt(e->i1, g->transpose_a, false),
                           LLVMConstInt(e->i1, g->transpose_b, false),
                           m,
                           emit_i64(e, g->n),
                           k,
                           a,
                           b,
                           c,
                           LLVMConstInt(e->i1, add, false)};
    emit_call(e, g->elem == IR_F32 ? "blas_f32" : "blas_f64", LLVMVoidTypeInContext(e->c), args, 9);
}

/* First sample of a shard and how many it has. */
static LLVMValueRef shard_range(Emit *e, LLVMValueRef shard, int64_t extent, LLVMValueRef *from)
{
    int64_t size = ir_shards(extent).size;
    *from = emit_mul(e, shard, size);
    return emit_min(e, emit_i64(e, size), LLVMBuildNSWSub(e->b, emit_i64(e, extent), *from, ""));
}

static void blas_forward(Emit *e, const IrNode *n, LLVMValueRef shard)
{
    const IrType *a = &n->arg[0]->type, *b = &n->arg[1]->type, *t = &n->result[0].type;
    int64_t k = 1, all_b = ir_dims_size(b);
    for (int i = 0; i < n->attr.contract.n; i++) k *= a->dim[n->attr.contract.a[i]];
    Gemm g = {t->elem, false, n->attr.contract.n > 0 && b->rank > n->attr.contract.n && n->attr.contract.b[0] != 0,
              k ? all_b / k : 0};
    int64_t samples = t->axes.n ? ir_extent(e->m, t->axes.id[0]) : 1, rows = g.n ? ir_dims_size(t) / g.n : 0;
    for (int i = 1; i < t->axes.n; i++) rows *= ir_extent(e->m, t->axes.id[i]);
    LLVMValueRef from, len = shard_range(e, shard, samples, &from);
    gemm(e, &g, emit_mul(e, len, rows), emit_i64(e, k),
         emit_at(e, t->elem, emit_base(e, e->k->columns.v[0]), emit_mul(e, from, rows * k)),
         emit_base(e, e->k->columns.v[1]),
         emit_at(e, t->elem, emit_base(e, e->k->sinks.v[0]->partial), emit_mul(e, from, rows * g.n)), false);
}

static void blas_gradient(Emit *e, const IrNode *n, LLVMValueRef shard)
{
    const KAccum *acc = e->k->sinks.v[0];
    int64_t rows = ir_dims_size(&n->arg[0]->type);
    Gemm g = {acc->elem, true, false, ir_dims_size(&n->arg[1]->type)};
    LLVMValueRef c = emit_at(e, g.elem, emit_base(e, acc->partial), emit_mul(e, shard, acc->shard_stride));
    for (int i = 0; i < n->n_args / 2; i++) {
        IrAxes over = n->attr.pair_over[i];
        int64_t extent = ir_extent(e->m, over.id[0]), others = ir_axes_size(e->m, over) / extent;
        LLVMValueRef from, len = shard_range(e, shard, extent, &from);
        gemm(e, &g, emit_i64(e, rows), emit_mul(e, len, others),
             emit_at(e, g.elem, emit_base(e, e->k->columns.v[2 * i]), emit_mul(e, from, others * rows)),
             emit_at(e, g.elem, emit_base(e, e->k->columns.v[2 * i + 1]), emit_mul(e, from, others * g.n)), c, i > 0);
    }
}

void emit_blas(Emit *e)
{
    const IrNode *n = e->k->nodes.v[0];
    Loop l = loop_begin(e, e->arg[0], e->arg[1], 1, 0, NULL);
    if (n->attr.pair_over && n->attr.pair_over[0].n) blas_gradient(e, n, l.iv);
    else blas_forward(e, n, l.iv);
    loop_end(e, &l, NULL);
}

/* ---- scatter_add ------------------------------------------------------------------------------------------------ */

/* Adds u's elements at the sample the components stand at (batch dims, picks, rest inside), into `to`. */
typedef struct Scatter {
    const IrNode *n;
    KMem          to;                                       /* result-shaped memory */
    LLVMValueRef  table;                                    /* its first element, if it is not where `to` says; then `to` has no panels */
    Index         at_i, at_u, at_r;
} Scatter;

static LLVMValueRef table_cell(Emit *e, Scatter *s)
{
    LLVMValueRef off = emit_i64(e, 0);
    for (int i = 0; i < s->to.rank; i++) off = emit_add(e, off, emit_mul(e, s->at_r.dim[i].v, s->to.dim[i]));
    for (int i = 0; i < s->to.axes.n; i++) off = emit_add(e, off, emit_mul(e, s->at_r.axis[i].v, s->to.axis[i]));
    return emit_at(e, s->to.elem, s->table, off);
}

static void add_to(Emit *e, Scatter *s, LLVMValueRef u)
{
    const IrType *t = &s->n->result[0].type;
    if (!s->table) {
        emit_store(e, &s->to, t, &s->at_r, LLVMBuildFAdd(e->b, emit_load(e, &s->to, t, &s->at_r), u, ""));
        return;
    }
    unsigned align = (unsigned)ir_elem_bytes(s->to.elem);
    LLVMValueRef at = table_cell(e, s), old = emit_load_raw(e, s->to.elem, at, 1, align);
    emit_store_raw(e, s->to.elem, LLVMBuildFAdd(e->b, old, u, ""), at, align);
}

static void scatter_dims(Emit *e, Scatter *s, int d)
{
    const IrType *ti = &s->n->arg[0]->type, *tu = &s->n->arg[1]->type, *tr = &s->n->result[0].type;
    int batch = s->n->attr.n_batch;
    if (d < tu->rank) {
        Loop l = loop_to(e, tu->dim[d]);
        s->at_u.dim[d] = ix(l.iv);
        if (d < ti->rank) s->at_i.dim[d] = ix(l.iv);
        if (d < batch) s->at_r.dim[d] = ix(l.iv);
        if (d >= ti->rank) s->at_r.dim[d - ti->rank + batch + 1] = ix(l.iv);
        scatter_dims(e, s, d + 1);
        loop_end(e, &l, NULL);
        return;
    }
    LLVMValueRef i = LLVMBuildSExt(e->b, emit_value(e, s->n->arg[0], &s->at_i), e->i64, "");
    When w = when_begin(e, LLVMBuildICmp(e->b, LLVMIntULT, i, emit_i64(e, tr->dim[batch]), ""));
    s->at_r.dim[batch] = ix(i);
    add_to(e, s, emit_value(e, s->n->arg[1], &s->at_u));
    when_end(e, &w);
}

static void each_result_dim(Emit *e, const IrType *t, int d, Index *at,
                            void (*body)(Emit *e, void *self, const Index *at), void *self)
{
    if (d == t->rank) { body(e, self, at); return; }
    if (d >= IR_MAX_RANK) BUG("rank beyond %d", IR_MAX_RANK);
    Loop l = loop_to(e, t->dim[d]);
    at->dim[d] = ix(l.iv);
    each_result_dim(e, t, d + 1, at, body, self);
    loop_end(e, &l, NULL);
}

static void put_zero(Emit *e, void *self, const Index *at)
{
    Scatter *s = self;
    emit_store(e, &s->to, &s->n->result[0].type, at, emit_zero(e, s->to.elem));
}

typedef struct { Scatter *s; int64_t stride; int count; KMem *part; } Parts;

static void put_tree(Emit *e, void *self, const Index *at)
{
    Parts *p = self;
    const IrType *t = &p->s->n->result[0].type;
    LLVMValueRef v[8];
    int n = p->count;
    for (int i = 0; i < n; i++) {
        KMem m = *p->part;
        m.offset += i * p->stride * (int64_t)ir_elem_bytes(m.elem);
        v[i] = emit_load(e, &m, t, at);
    }
    for (; n > 1; n = (n + 1) / 2)
        for (int i = 0; i < (n + 1) / 2; i++)
            v[i] = 2 * i + 1 == n ? v[2 * i] : LLVMBuildFAdd(e->b, v[2 * i], v[2 * i + 1], "");
    for (int i = 0; i < e->k->stores.n; i++)
        emit_store(e, e->k->stores.v[i].mem, t, at, n ? v[0] : emit_zero(e, t->elem));
}

static void scatter_samples(Emit *e, Scatter *s, IrAxes over, int i, LLVMValueRef lo, LLVMValueRef hi)
{
    if (i == over.n) { scatter_dims(e, s, 0); return; }
    bool part = i == 0 && hi;
    Loop l =
        loop_begin(e, part ? lo : emit_i64(e, 0), part ? hi : emit_i64(e, ir_extent(e->m, over.id[i])), 1, 0, NULL);
    for (int side = 0; side < 2; side++) {
        const IrType *t = &s->n->arg[side]->type;
        Index *at = side ? &s->at_u : &s->at_i;
        for (int k = 0; k < t->axes.n; k++)
            if (t->axes.id[k] == over.id[i]) at->axis[k] = ix(l.iv);
    }
    scatter_samples(e, s, over, i + 1, lo, hi);
    loop_end(e, &l, NULL);
}

static Scatter scatter_at(Emit *e, const IrNode *n)
{
    Index own = emit_own_index(e, &n->result[0]);
    const IrType *t = &n->result[0].type;
    Scatter s = {.n = n,
                 .at_i = emit_sub_index(t, &own, &n->arg[0]->type),
                 .at_u = emit_sub_index(t, &own, &n->arg[1]->type),
                 .at_r = own};
    s.at_i.own = s.at_u.own = s.at_r.own = false;
    return s;
}

static void scatter_body(Emit *e)
{
    const IrNode *n = e->k->nodes.v[0];
    const IrType *t = &n->result[0].type;
    Scatter s = scatter_at(e, n);
    Index at = s.at_r;
    if (!n->attr.over.n) {
        for (int i = 0; i < e->k->stores.n; i++) {
            s.to = *e->k->stores.v[i].mem;
            each_result_dim(e, t, 0, &at, put_zero, &s);
            scatter_dims(e, &s, 0);
        }
        return;
    }
    /* a table a shard in the kernel's own memory, for the kept axes at hand; then the tree */
    IrShards shards = ir_shards(ir_extent(e->m, n->attr.over.id[0]));
    KMem part = *e->k->mem;
    int64_t stride = 1;
    part.axes = (IrAxes){0};
    part.tile = -1;
    part.elem = t->elem;
    part.dense = false;
    for (int i = t->rank - 1; i >= 0; i--) { part.dim[i] = stride; stride *= t->dim[i]; }
    for (int i = 0; i < IR_MAX_AXES; i++) part.axis[i] = 0;
    for (int64_t k = 0; k < shards.count; k++) {
        int64_t lo = k * shards.size, hi = lo + shards.size, extent = ir_extent(e->m, n->attr.over.id[0]);
        s.to = part;
        s.to.offset += k * stride * (int64_t)ir_elem_bytes(t->elem);
        each_result_dim(e, t, 0, &at, put_zero, &s);
        scatter_samples(e, &s, n->attr.over, 0, emit_i64(e, lo), emit_i64(e, hi < extent ? hi : extent));
    }
    each_result_dim(e, t, 0, &at, put_tree, &(Parts){&s, stride, (int)shards.count, &part});
}

void emit_scatter(Emit *e) { emit_over_space_scalar(e, scatter_body); }

/* Over the tile axis: a shard's table is filled sample by sample; the first tile clears it. */
static void over_axes(Emit *e, Scatter *s, const IrType *t, int i)
{
    if (i == t->axes.n) {
        scatter_samples(e, s, ir_axes_minus(s->n->attr.over, ir_one_axis(e->k->lane_axis)), 0, NULL, NULL);
        return;
    }
    Loop l = loop_to(e, ir_extent(e->m, t->axes.id[i]));
    for (int side = 0; side < 2; side++) {
        const IrType *ta = &s->n->arg[side]->type;
        for (int k = 0; k < ta->axes.n; k++)
            if (ta->axes.id[k] == t->axes.id[i]) (side ? &s->at_u : &s->at_i)->axis[k] = ix(l.iv);
    }
    s->at_r.axis[i] = ix(l.iv);
    over_axes(e, s, t, i + 1);
    loop_end(e, &l, NULL);
}

void emit_scatter_over(Emit *e)
{
    const IrNode *n = e->k->nodes.v[0];
    const KAccum *a = e->k->sinks.v[0];
    Scatter s = {.n = n, .to = *a->partial};
    e->lanes = 1;
    LLVMValueRef shard = emit_mul(e, e->arg[3], a->shard_stride);
    LLVMValueRef table = emit_at(e, a->elem, emit_base(e, a->partial), shard);
    When w = when_begin(e, LLVMBuildICmp(e->b, LLVMIntNE, e->arg[2], emit_i64(e, 0), ""));
    Loop z = loop_to(e, a->shard_stride);
    emit_store_raw(e, a->elem, emit_const(e, a->elem, 0), emit_at(e, a->elem, table, z.iv),
                   (unsigned)ir_elem_bytes(a->elem));
    loop_end(e, &z, NULL);
    when_end(e, &w);
    Loop l = loop_begin(e, emit_i64(e, 0), e->arg[1], 1, 0, NULL);
    e->slot = emit_div(e, l.iv, K_LANES);
    e->panel = emit_add(e, e->arg[0], e->slot);
    e->sub = emit_rem(e, l.iv, K_LANES);
    Ix lane = {.v = emit_add(e, emit_mul(e, e->panel, K_LANES), e->sub), .lane = true};
    for (int side = 0; side < 2; side++) {
        const IrType *t = &n->arg[side]->type;
        for (int k = 0; k < t->axes.n; k++)
            if (t->axes.id[k] == e->k->lane_axis) (side ? &s.at_u : &s.at_i)->axis[k] = lane;
    }
    s.table = table;
    over_axes(e, &s, &n->result[0].type, 0);
    e->sub = NULL;
    loop_end(e, &l, NULL);
}
