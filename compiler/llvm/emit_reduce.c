/* emit_reduce.c - reductions within what one lane sees: along dims, along axes other than the lane's, and any contraction.
 *
 * The general forms, an element of the result at a time with operands read wherever they lie. What training does most has
 * faster kernels (emit_dot.c); these carry the exact orders of docs/ir.md for everything else. */
#include "compiler/llvm/emit.h"
#include "base/bug.h"

#include <math.h>

enum { CHUNK = 4096 };

static LLVMValueRef add(Emit *e, IrElem t, LLVMValueRef a, LLVMValueRef b)
{
    return ir_is_real(t) ? LLVMBuildFAdd(e->b, a, b, "") : LLVMBuildAdd(e->b, a, b, "");
}

static LLVMValueRef widen(Emit *e, IrElem from, IrElem to, LLVMValueRef v)
{
    return from == to ? v : LLVMBuildFPCast(e->b, v, emit_type(e, to), "");
}

/* An array of values of e->lanes lanes on the stack. */
typedef struct { LLVMValueRef base; LLVMTypeRef type; } Array;

static Array array_of(Emit *e, IrElem t, int64_t n)
{
    return (Array){emit_alloca(e, emit_type(e, t), n), emit_type(e, t)};
}
static LLVMValueRef array_at(Emit *e, Array a, LLVMValueRef i)
{
    return LLVMBuildInBoundsGEP2(e->b, a.type, a.base, &i, 1, "");
}
static LLVMValueRef array_get(Emit *e, Array a, LLVMValueRef i)
{
    return LLVMBuildLoad2(e->b, a.type, array_at(e, a, i), "");
}
static void array_set(Emit *e, Array a, LLVMValueRef i, LLVMValueRef v) { LLVMBuildStore(e->b, v, array_at(e, a, i)); }

/* tree(v[0..n)), in place */
static LLVMValueRef tree(Emit *e, IrElem t, Array v, int64_t n)
{
    for (; n > 1; n = (n + 1) / 2) {
        Loop l = loop_to(e, n / 2);
        LLVMValueRef twice = emit_mul(e, l.iv, 2);
        array_set(e, v, l.iv, add(e, t, array_get(e, v, twice), array_get(e, v, emit_add(e, twice, emit_i64(e, 1)))));
        loop_end(e, &l, NULL);
        if (n % 2) array_set(e, v, emit_i64(e, n / 2), array_get(e, v, emit_i64(e, n - 1)));
    }
    return array_get(e, v, emit_i64(e, 0));
}

static LLVMValueRef lanes16(Emit *e, IrElem t, Array v)
{
    for (int half = K_LANES / 2; half; half /= 2) {
        Loop l = loop_to(e, half);
        array_set(e, v, l.iv, add(e, t, array_get(e, v, l.iv), array_get(e, v, emit_add(e, l.iv, emit_i64(e, half)))));
        loop_end(e, &l, NULL);
    }
    return array_get(e, v, emit_i64(e, 0));
}

/* The index of an operand: what it shares with the result, and components set by the loops of the reduction. */
static Index shared_axes(Emit *e, const IrNode *n, const IrType *arg)
{
    Index own = emit_own_index(e, &n->result[0]), at = emit_sub_index(&n->result[0].type, &own, arg);
    at.own = false;
    at.flat = NULL;
    return at;
}

static int axis_at(const IrType *t, int axis)
{
    for (int i = 0; i < t->axes.n; i++)
        if (t->axes.id[i] == axis) return i;
    return -1;
}

/* ---- sum and norm along dims ------------------------------------------------------------------------------------ */

typedef struct Along {                                      /* the reduced dims of an operand, row-major */
    int     n, dim[IR_MAX_RANK];
    int64_t size;
} Along;

static Along along_dims(const IrNode *n)
{
    const IrType *t = &n->arg[0]->type;
    bool gone[IR_MAX_RANK] = {0};
    Along a = {.size = 1};
    for (int i = 0; i < n->attr.dims.n; i++) gone[n->attr.dims.v[i]] = true;
    for (int i = 0; i < t->rank; i++)
        if (gone[i]) { a.dim[a.n++] = i; a.size *= t->dim[i]; }
    return a;
}

static Index at_kept_dims(Emit *e, const IrNode *n, const bool *gone)
{
    const IrType *t = &n->arg[0]->type;
    Index own = emit_own_index(e, &n->result[0]), at = shared_axes(e, n, t);
    for (int i = 0, k = 0; i < t->rank; i++)
        if (!gone[i]) at.dim[i] = own.dim[k++];
    return at;
}

static LLVMValueRef element(Emit *e, const IrNode *n, const Along *a, Index at, LLVMValueRef m, IrElem acc)
{
    const IrType *t = &n->arg[0]->type;
    for (int i = a->n - 1; i >= 0; i--) {
        at.dim[a->dim[i]] = ix(i ? emit_rem(e, m, t->dim[a->dim[i]]) : m);
        if (i) m = emit_div(e, m, t->dim[a->dim[i]]);
    }
    LLVMValueRef v = widen(e, t->elem, acc, emit_value(e, n->arg[0], &at));
    return n->op == IR_norm ? LLVMBuildFMul(e->b, v, v, "") : v;
}

/* All of a dense operand to one number: the lanes are a vector along memory. */
static bool dense_to_number(Emit *e, const IrNode *n, const Along *a)
{
    const IrVal *v = kernel_resolve(e->p, n->arg[0]);
    if (e->k->lane_axis >= 0 || n->result[0].type.rank || a->size < K_LANES || v->type.axes.n) return false;
    if (v->def && kernel_inline(v->def)) return v->def->op == IR_read;
    const KMem *m = kernel_value(e->p, v)->mem;
    return m && m->dense && m->tile < 0;
}

static LLVMValueRef vector_chunk(Emit *e, const IrNode *n, IrElem acc, LLVMValueRef from, LLVMValueRef to)
{
    unsigned before = e->lanes;
    e->lanes = K_LANES;
    Index at = {0};
    LLVMValueRef zero = emit_zero(e, acc), size = LLVMBuildNSWSub(e->b, to, from, "");
    LLVMValueRef whole = emit_add(e, from, emit_mul(e, emit_div(e, size, K_LANES), K_LANES));
    Loop l = loop_begin(e, from, whole, K_LANES, 1, &zero);
    at.flat = l.iv;
    LLVMValueRef v = widen(e, n->arg[0]->type.elem, acc, emit_value(e, n->arg[0], &at));
    if (n->op == IR_norm) v = LLVMBuildFMul(e->b, v, v, "");
    LLVMValueRef next = add(e, acc, l.carry[0], v);
    loop_end(e, &l, &next);
    e->lanes = 1;
    Loop r = loop_begin(e, whole, to, 1, 1, l.carry);
    at.flat = r.iv;
    v = widen(e, n->arg[0]->type.elem, acc, emit_value(e, n->arg[0], &at));
    if (n->op == IR_norm) v = LLVMBuildFMul(e->b, v, v, "");
    LLVMValueRef lane = LLVMBuildNSWSub(e->b, r.iv, whole, "");
    next = LLVMBuildInsertElement(e->b, r.carry[0], add(e, acc, LLVMBuildExtractElement(e->b, r.carry[0], lane, ""), v),
                                  lane, "");
    loop_end(e, &r, &next);
    e->lanes = before;
    return emit_lanes16(e, r.carry[0]);
}

static LLVMValueRef plain_chunk(Emit *e, const IrNode *n, const Along *a, const Index *at, IrElem acc,
                                LLVMValueRef from, LLVMValueRef to)
{
    Array lane = array_of(e, acc, K_LANES);
    for (int i = 0; i < K_LANES; i++) array_set(e, lane, emit_i64(e, i), emit_zero(e, acc));
    Loop l = loop_begin(e, from, to, 1, 0, NULL);
    LLVMValueRef which = emit_rem(e, l.iv, K_LANES);        /* chunks are whole multiples of 16 */
    array_set(e, lane, which, add(e, acc, array_get(e, lane, which), element(e, n, a, *at, l.iv, acc)));
    loop_end(e, &l, NULL);
    return lanes16(e, acc, lane);
}

/* The tree over chunks as they come: a binary counter of finished subtrees, level l of 2^l chunks. */
static void counter_put(Emit *e, IrElem t, Array level, LLVMValueRef chunk, LLVMValueRef v)
{
    LLVMValueRef next = emit_add(e, chunk, emit_i64(e, 1)), args[2] = {next, LLVMConstInt(e->i1, true, false)};
    LLVMValueRef full = emit_intrinsic(e, "llvm.cttz", args, 2);
    Loop l = loop_begin(e, emit_i64(e, 0), full, 1, 1, &v);
    LLVMValueRef sum = add(e, t, array_get(e, level, l.iv), l.carry[0]);
    loop_end(e, &l, &sum);
    array_set(e, level, full, l.carry[0]);
}

static LLVMValueRef counter_total(Emit *e, IrElem t, Array level, int64_t chunks)
{
    LLVMValueRef sum = NULL;
    for (int i = 0; chunks >> i; i++) {
        if (!(chunks >> i & 1)) continue;
        LLVMValueRef v = array_get(e, level, emit_i64(e, i));
        sum = sum ? add(e, t, v, sum) : v;
    }
    return sum;
}

static LLVMValueRef sum_dims(Emit *e, const IrNode *n)
{
    const IrType *to = &n->result[0].type;
    Along a = along_dims(n);
    bool number = to->rank == 0 && to->axes.n == 0 && ir_is_real(to->elem);
    IrElem acc = number || n->op == IR_norm ? IR_F64 : to->elem;
    bool gone[IR_MAX_RANK] = {0}, dense = dense_to_number(e, n, &a);
    for (int i = 0; i < a.n; i++) gone[a.dim[i]] = true;
    Index at = at_kept_dims(e, n, gone);
    int64_t chunks = (a.size + CHUNK - 1) / CHUNK;
    LLVMValueRef sum = emit_zero(e, acc);
    if (chunks) {
        Array level = array_of(e, acc, 64);
        Loop l = loop_to(e, chunks);
        LLVMValueRef from = emit_mul(e, l.iv, CHUNK),
                     end = emit_min(e, emit_add(e, from, emit_i64(e, CHUNK)), emit_i64(e, a.size));
        counter_put(e, acc, level, l.iv,
                    dense ? vector_chunk(e, n, acc, from, end) : plain_chunk(e, n, &a, &at, acc, from, end));
        loop_end(e, &l, NULL);
        sum = counter_total(e, acc, level, chunks);
    }
    if (n->op == IR_norm) sum = emit_intrinsic(e, "llvm.sqrt", &sum, 1);
    return widen(e, acc, to->elem, sum);
}

/* ---- along samples that are no lane ----------------------------------------------------------------------------- */

typedef struct Samples { IrAxes over; Ix at[IR_MAX_AXES]; } Samples;

static Index with_samples(Index at, const IrType *t, const Samples *s)
{
    for (int i = 0; i < s->over.n; i++) {
        int k = axis_at(t, s->over.id[i]);
        if (k >= 0) at.axis[k] = s->at[i];
    }
    return at;
}

/* Adds up what `term` gives for the samples from.. by step of the first axis, the other axes inside. */
typedef LLVMValueRef (*Term)(Emit *e, const IrNode *n, int pair, const Samples *s, LLVMValueRef acc);

static LLVMValueRef other_axes(Emit *e, const IrNode *n, int pair, Samples *s, int i, Term term, LLVMValueRef acc)
{
    if (i == s->over.n) return term(e, n, pair, s, acc);
    Loop l = loop_begin(e, emit_i64(e, 0), emit_i64(e, ir_extent(e->m, s->over.id[i])), 1, 1, &acc);
    s->at[i] = ix(l.iv);
    LLVMValueRef next = other_axes(e, n, pair, s, i + 1, term, l.carry[0]);
    loop_end(e, &l, &next);
    return l.carry[0];
}

static IrAxes over_of(const IrNode *n, int pair)
{
    return n->op == IR_dot ? n->attr.pair_over ? n->attr.pair_over[pair] : ir_no_axes() : n->attr.over;
}

/* One chain of a shard: samples offset, offset + step, ... of each block of 64, pair after pair. */
static LLVMValueRef shard_chain(Emit *e, const IrNode *n, int pairs, LLVMValueRef shard, LLVMValueRef offset,
                                int64_t step, Term term, LLVMValueRef acc)
{
    int64_t most = 0;
    for (int i = 0; i < pairs; i++) {
        int64_t size = ir_shards(ir_extent(e->m, over_of(n, i).id[0])).size;
        most = size > most ? size : most;
    }
    Loop block = loop_begin(e, emit_i64(e, 0), emit_i64(e, most), K_TILE, 1, &acc);
    LLVMValueRef sum = block.carry[0];
    for (int i = 0; i < pairs; i++) {
        Samples s = {.over = over_of(n, i)};
        int64_t extent = ir_extent(e->m, s.over.id[0]), size = ir_shards(extent).size;
        LLVMValueRef start = emit_mul(e, shard, size),
                     end = emit_min(e, emit_add(e, start, emit_i64(e, size)), emit_i64(e, extent));
        LLVMValueRef from = emit_add(e, start, block.iv), to = emit_min(e, emit_add(e, from, emit_i64(e, K_TILE)), end);
        Loop l = loop_begin(e, emit_add(e, from, offset), to, step, 1, &sum);
        s.at[0] = ix(l.iv);
        LLVMValueRef next = other_axes(e, n, i, &s, 1, term, l.carry[0]);
        loop_end(e, &l, &next);
        sum = l.carry[0];
    }
    loop_end(e, &block, &sum);
    return block.carry[0];
}

static LLVMValueRef over_samples(Emit *e, const IrNode *n, int pairs, IrElem acc, bool lanes, Term term)
{
    IrShards shards = ir_shards(ir_extent(e->m, over_of(n, 0).id[0]));
    if (!shards.count) return emit_zero(e, acc);
    Array part = array_of(e, acc, shards.count);
    Loop l = loop_to(e, shards.count);
    if (lanes) {
        Array lane = array_of(e, acc, K_LANES);
        Loop k = loop_to(e, K_LANES);
        array_set(e, lane, k.iv, shard_chain(e, n, pairs, l.iv, k.iv, K_LANES, term, emit_zero(e, acc)));
        loop_end(e, &k, NULL);
        array_set(e, part, l.iv, lanes16(e, acc, lane));
    } else {
        array_set(e, part, l.iv, shard_chain(e, n, pairs, l.iv, emit_i64(e, 0), 1, term, emit_zero(e, acc)));
    }
    loop_end(e, &l, NULL);
    return tree(e, acc, part, shards.count);
}

static IrElem sum_elem(const IrNode *n)
{
    const IrType *t = &n->result[0].type;
    return t->rank == 0 && t->axes.n == 0 && ir_is_real(t->elem) ? IR_F64 : t->elem;
}

static LLVMValueRef sum_term(Emit *e, const IrNode *n, int pair, const Samples *s, LLVMValueRef acc)
{
    const IrType *t = &n->arg[0]->type;
    Index own = emit_own_index(e, &n->result[0]), at = shared_axes(e, n, t);
    for (int i = 0; i < t->rank; i++) at.dim[i] = own.dim[i];
    at = with_samples(at, t, s);
    (void)pair;
    return add(e, sum_elem(n), acc, widen(e, t->elem, sum_elem(n), emit_value(e, n->arg[0], &at)));
}

/* ---- maxima ----------------------------------------------------------------------------------------------------- */

typedef struct Line { int axis, dim; int64_t n; } Line;     /* positions in the operand's type */

static Line line_of(Emit *e, const IrNode *n)
{
    const IrType *t = &n->arg[0]->type;
    if (n->attr.axis >= 0) return (Line){axis_at(t, n->attr.axis), -1, ir_extent(e->m, n->attr.axis)};
    return (Line){-1, n->attr.dim, t->dim[n->attr.dim]};
}

static LLVMValueRef on_line(Emit *e, const IrNode *n, const Line *l, LLVMValueRef i)
{
    bool gone[IR_MAX_RANK] = {0};
    if (l->dim >= 0) gone[l->dim] = true;
    Index at = at_kept_dims(e, n, gone);
    if (l->dim >= 0) at.dim[l->dim] = ix(i);
    else at.axis[l->axis] = ix(i);
    return emit_value(e, n->arg[0], &at);
}

static LLVMValueRef greater(Emit *e, IrElem t, LLVMValueRef a, LLVMValueRef b)
{
    if (t == IR_BOOL) return LLVMBuildICmp(e->b, LLVMIntUGT, a, b, "");
    if (!ir_is_real(t)) return LLVMBuildICmp(e->b, LLVMIntSGT, a, b, "");
    LLVMValueRef nan =
        LLVMBuildAnd(e->b, LLVMBuildFCmp(e->b, LLVMRealUNO, a, a, ""), LLVMBuildFCmp(e->b, LLVMRealORD, b, b, ""), "");
    return LLVMBuildOr(e->b, LLVMBuildFCmp(e->b, LLVMRealOGT, a, b, ""), nan, "");
}

static LLVMValueRef maximum(Emit *e, const IrNode *n)
{
    Line line = line_of(e, n);
    IrElem t = n->arg[0]->type.elem;
    bool arg = n->op == IR_argmax;
    if (!line.n) {
        if (arg) return emit_zero(e, IR_I32);
        if (ir_is_real(t)) return emit_const(e, t, -INFINITY);
        uint64_t least = t == IR_I32 ? (uint64_t)INT32_MIN : t == IR_I64 ? (uint64_t)INT64_MIN : 0;
        return emit_splat(e, LLVMConstInt(emit_scalar(e, t), least, true));
    }
    LLVMValueRef init[2] = {on_line(e, n, &line, emit_i64(e, 0)), emit_zero(e, IR_I32)};
    Loop l = loop_begin(e, emit_i64(e, 1), emit_i64(e, line.n), 1, 2, init);
    LLVMValueRef v = on_line(e, n, &line, l.iv), take = greater(e, t, v, l.carry[0]);
    LLVMValueRef i = emit_splat(e, LLVMBuildTrunc(e->b, l.iv, e->i32, ""));
    LLVMValueRef next[2] = {LLVMBuildSelect(e->b, take, v, l.carry[0], ""),
                            LLVMBuildSelect(e->b, take, i, l.carry[1], "")};
    loop_end(e, &l, next);
    if (arg) return l.carry[1];
    return ir_is_real(t) ? LLVMBuildFAdd(e->b, l.carry[0], emit_zero(e, t), "") : l.carry[0];
}

/* ---- REDUCE and CUMSUM ------------------------------------------------------------------------------------------ */

static void reduce_body(Emit *e)
{
    const IrNode *n = e->k->nodes.v[0];
    LLVMValueRef v;
    if (n->op == IR_reduce_max || n->op == IR_argmax) v = maximum(e, n);
    else if (n->op == IR_sum && n->attr.over.n)
        v = widen(e, sum_elem(n), n->result[0].type.elem, over_samples(e, n, 1, sum_elem(n), true, sum_term));
    else v = sum_dims(e, n);
    emit_results(e, 0, v);
}

void emit_reduce(Emit *e) { emit_over_space(e, reduce_body); }

static void cumsum_body(Emit *e)
{
    const IrNode *n = e->k->nodes.v[0];
    const IrType *t = &n->result[0].type;
    int d = n->attr.dim, c = t->axes.n + d;
    LLVMValueRef zero = emit_zero(e, t->elem);
    Loop l = loop_begin(e, emit_i64(e, 0), emit_i64(e, t->dim[d]), 1, 1, &zero);
    e->comp[c] = ix(n->attr.reverse ? LLVMBuildNSWSub(e->b, emit_i64(e, t->dim[d] - 1), l.iv, "") : l.iv);
    Index at = emit_own_index(e, n->arg[0]);
    at.own = false;
    LLVMValueRef next = add(e, t->elem, l.carry[0], emit_value(e, n->arg[0], &at));
    emit_results(e, 0, n->attr.exclusive ? l.carry[0] : next);
    loop_end(e, &l, &next);
}

void emit_cumsum(Emit *e) { emit_over_space(e, cumsum_body); }

/* ---- CONTRACT --------------------------------------------------------------------------------------------------- */

typedef struct Roles { Index a, b; } Roles;

static bool named(const uint8_t *dims, int n, int d)
{
    for (int i = 0; i < n; i++)
        if (dims[i] == d) return true;
    return false;
}

static bool windowed(const IrAttrs *a, int side, int d)
{
    for (int i = 0; i < a->n_windows; i++)
        if ((side ? a->windows[i].b : a->windows[i].a) == d) return true;
    return false;
}

/* Batch and free dims stand where the result does; samples where the loops do. */
static Roles roles_of(Emit *e, const IrNode *n, int pair, const Samples *s)
{
    const IrAttrs *at = &n->attr;
    const IrType *ta = &n->arg[2 * pair]->type, *tb = &n->arg[2 * pair + 1]->type;
    Index own = emit_own_index(e, &n->result[0]);
    Roles r = {shared_axes(e, n, ta), shared_axes(e, n, tb)};
    if (s) {
        r.a = with_samples(r.a, ta, s);
        r.b = with_samples(r.b, tb, s);
    }
    for (int i = 0; i < at->batch.n; i++) r.a.dim[at->batch.a[i]] = r.b.dim[at->batch.b[i]] = own.dim[i];
    int o = at->batch.n + at->n_windows;
    for (int i = 0; i < ta->rank; i++)
        if (!named(at->batch.a, at->batch.n, i) && !named(at->contract.a, at->contract.n, i) && !windowed(at, 0, i))
            r.a.dim[i] = own.dim[o++];
    for (int i = 0; i < tb->rank; i++)
        if (!named(at->batch.b, at->batch.n, i) && !named(at->contract.b, at->contract.n, i) && !windowed(at, 1, i))
            r.b.dim[i] = own.dim[o++];
    return r;
}

/* Contract dims i.. inside; `bound` limits the outermost loop: nothing is added when a tap falls beside the operand. */
static LLVMValueRef contract_dims(Emit *e, const IrNode *n, int pair, Roles *r, int i, LLVMValueRef valid,
                                  LLVMValueRef acc)
{
    const IrAttrs *at = &n->attr;
    if (i == at->contract.n) {
        if (valid) {                                        /* no dims: one turn or none */
            Loop l = loop_begin(e, emit_i64(e, 0), LLVMBuildZExt(e->b, valid, e->i64, ""), 1, 1, &acc);
            LLVMValueRef next = contract_dims(e, n, pair, r, i, NULL, l.carry[0]);
            loop_end(e, &l, &next);
            return l.carry[0];
        }
        return emit_fma(e, emit_value(e, n->arg[2 * pair], &r->a), emit_value(e, n->arg[2 * pair + 1], &r->b), acc);
    }
    LLVMValueRef hi = emit_i64(e, n->arg[2 * pair]->type.dim[at->contract.a[i]]);
    if (valid) hi = LLVMBuildSelect(e->b, valid, hi, emit_i64(e, 0), "");
    Loop l = loop_begin(e, emit_i64(e, 0), hi, 1, 1, &acc);
    r->a.dim[at->contract.a[i]] = r->b.dim[at->contract.b[i]] = ix(l.iv);
    LLVMValueRef next = contract_dims(e, n, pair, r, i + 1, NULL, l.carry[0]);
    loop_end(e, &l, &next);
    return l.carry[0];
}

static LLVMValueRef taps(Emit *e, const IrNode *n, Roles *r, int i, LLVMValueRef valid, LLVMValueRef acc)
{
    if (i == n->attr.n_windows) return contract_dims(e, n, 0, r, 0, valid, acc);
    const IrWindow *w = &n->attr.windows[i];
    int64_t na = n->arg[0]->type.dim[w->a];
    Index own = emit_own_index(e, &n->result[0]);
    Loop l = loop_begin(e, emit_i64(e, 0), emit_i64(e, n->arg[1]->type.dim[w->b]), 1, 1, &acc);
    LLVMValueRef t = emit_add(e, ix_add(e, ix_mul(e, own.dim[n->attr.batch.n + i], w->stride), -w->lo).v,
                              emit_mul(e, l.iv, w->dil_b));
    LLVMValueRef in = LLVMBuildICmp(e->b, LLVMIntULT, t, emit_i64(e, na ? (na - 1) * w->dil_a + 1 : 0), "");
    if (w->dil_a > 1)
        in = LLVMBuildAnd(e->b, in, LLVMBuildICmp(e->b, LLVMIntEQ, emit_rem(e, t, w->dil_a), emit_i64(e, 0), ""), "");
    if (valid) in = LLVMBuildAnd(e->b, in, valid, "");
    r->a.dim[w->a] = ix(emit_div(e, t, w->dil_a));
    r->b.dim[w->b] = ix(l.iv);
    LLVMValueRef next = taps(e, n, r, i + 1, in, l.carry[0]);
    loop_end(e, &l, &next);
    return l.carry[0];
}

static LLVMValueRef contract_term(Emit *e, const IrNode *n, int pair, const Samples *s, LLVMValueRef acc)
{
    Roles r = roles_of(e, n, pair, s);
    return n->op == IR_conv ? taps(e, n, &r, 0, NULL, acc) : contract_dims(e, n, pair, &r, 0, NULL, acc);
}

static void contract_body(Emit *e)
{
    const IrNode *n = e->k->nodes.v[0];
    IrElem t = n->result[0].type.elem;
    bool lanes = n->op == IR_dot && ir_dot_form(n) == IR_FORM_LANES;
    if (over_of(n, 0).n) emit_results(e, 0, over_samples(e, n, n->n_args / 2, t, lanes, contract_term));
    else emit_results(e, 0, contract_term(e, n, 0, NULL, emit_zero(e, t)));
}

void emit_contract(Emit *e)
{
    const IrNode *n = e->k->nodes.v[0];
    const IrType *t = &n->result[0].type;
    bool window_last = n->op == IR_conv && t->rank == n->attr.batch.n + n->attr.n_windows;
    if (e->k->lane_axis < 0 && window_last) emit_over_space_scalar(e, contract_body);
    else emit_over_space(e, contract_body);
}
