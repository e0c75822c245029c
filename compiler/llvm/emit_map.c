/* emit_map.c - element-wise rows, and the loops over a kernel's space that MAP kernels and others share. */
#include "compiler/llvm/emit.h"
#include "base/bug.h"

/* ---- rows ------------------------------------------------------------------------------------------------------- */

static LLVMValueRef arith(Emit *e, IrOp op, bool real, LLVMValueRef a, LLVMValueRef b)
{
    switch (op) {
    case IR_add: return real ? LLVMBuildFAdd(e->b, a, b, "") : LLVMBuildAdd(e->b, a, b, "");
    case IR_sub: return real ? LLVMBuildFSub(e->b, a, b, "") : LLVMBuildSub(e->b, a, b, "");
    case IR_mul: return real ? LLVMBuildFMul(e->b, a, b, "") : LLVMBuildMul(e->b, a, b, "");
    case IR_div: return real ? LLVMBuildFDiv(e->b, a, b, "") : math_emit_int_div(&e->math, a, b);
    case IR_rem: return real ? math_emit_rem(&e->math, a, b) : math_emit_int_rem(&e->math, a, b);
    case IR_max:
        if (real) return math_emit_max(&e->math, a, b);
        return LLVMBuildSelect(e->b, LLVMBuildICmp(e->b, LLVMIntSGE, a, b, ""), a, b, "");
    case IR_min:
        if (real) return math_emit_min(&e->math, a, b);
        return LLVMBuildSelect(e->b, LLVMBuildICmp(e->b, LLVMIntSLE, a, b, ""), a, b, "");
    case IR_pow: return math_emit_pow(&e->math, a, b);
    default:     BUG("emit: %s is no arithmetic", ir_op_info[op].name);
    }
}

static LLVMValueRef compare(Emit *e, IrCompare how, IrElem t, LLVMValueRef a, LLVMValueRef b)
{
    static const LLVMRealPredicate real[] = {LLVMRealOEQ, LLVMRealUNE, LLVMRealOLT,
                                             LLVMRealOLE, LLVMRealOGT, LLVMRealOGE};
    static const LLVMIntPredicate sign[] = {LLVMIntEQ, LLVMIntNE, LLVMIntSLT, LLVMIntSLE, LLVMIntSGT, LLVMIntSGE};
    static const LLVMIntPredicate bits[] = {LLVMIntEQ, LLVMIntNE, LLVMIntULT, LLVMIntULE, LLVMIntUGT, LLVMIntUGE};
    if (ir_is_real(t)) return LLVMBuildFCmp(e->b, real[how], a, b, "");
    return LLVMBuildICmp(e->b, t == IR_BOOL ? bits[how] : sign[how], a, b, "");
}

static LLVMValueRef convert(Emit *e, IrElem from, IrElem to, LLVMValueRef x)
{
    LLVMTypeRef t = emit_type(e, to);
    if (from == to) return x;
    if (to == IR_BOOL) return compare(e, IR_NE, from, x, LLVMConstNull(LLVMTypeOf(x)));
    if (from == IR_BOOL) return ir_is_real(to) ? LLVMBuildUIToFP(e->b, x, t, "") : LLVMBuildZExt(e->b, x, t, "");
    if (ir_is_real(from) && ir_is_real(to)) return LLVMBuildFPCast(e->b, x, t, "");
    if (ir_is_real(from)) return math_emit_to_int(&e->math, x, t);
    if (ir_is_real(to)) return LLVMBuildSIToFP(e->b, x, t, "");
    return LLVMBuildIntCast2(e->b, x, t, true, "");
}

static LLVMValueRef unary(Emit *e, IrOp op, bool real, LLVMValueRef x)
{
    switch (op) {
    case IR_neg: return real ? LLVMBuildFNeg(e->b, x, "") : LLVMBuildNeg(e->b, x, "");
    case IR_abs:
        if (real) return emit_intrinsic(e, "llvm.fabs", &x, 1);
        return LLVMBuildSelect(e->b, LLVMBuildICmp(e->b, LLVMIntSLT, x, LLVMConstNull(LLVMTypeOf(x)), ""),
                               LLVMBuildNeg(e->b, x, ""), x, "");
#define UNARY(name) case IR_##name: return math_emit_##name(&e->math, x);
    MATH_UNARY(UNARY)
#undef UNARY
    default: BUG("emit: no rule for %s", ir_op_info[op].name);
    }
}

/* A call of a C function for each lane. */
static LLVMValueRef each_lane(Emit *e, const char *name, LLVMTypeRef result, LLVMValueRef *args, int n, int which)
{
    LLVMValueRef x = args[which], v = LLVMGetPoison(emit_vec(result, e->lanes));
    for (unsigned i = 0; i < e->lanes; i++) {
        args[which] = emit_lane(e, x, i);
        LLVMValueRef y = emit_call(e, name, result, args, n);
        v = e->lanes == 1 ? y : emit_insert(e, v, y, i);
    }
    return v;
}

static LLVMValueRef stream_key(Emit *e, int stream)
{
    LLVMValueRef at = emit_at(e, IR_BOOL, emit_frame(e), emit_entry(e, K_FRAME_KEYS + 8 * stream));
    return LLVMBuildLoad2(e->b, e->i64, at, "");
}

static LLVMValueRef emit_node(Emit *e, const IrNode *n, LLVMValueRef const *arg)
{
    IrElem t = n->result[0].type.elem, ta = n->n_args ? n->arg[0]->type.elem : t;
    switch (n->op) {
    case IR_stop:    return arg[0];
    case IR_convert: return convert(e, ta, t, arg[0]);
    case IR_compare: return compare(e, n->attr.compare, ta, arg[0], arg[1]);
    case IR_select:  return LLVMBuildSelect(e->b, arg[0], arg[1], arg[2], "");
    case IR_fma:     return emit_fma(e, arg[0], arg[1], arg[2]);
    case IR_polygamma: {
        LLVMValueRef args[2] = {LLVMConstInt(e->i32, (unsigned long long)n->attr.n, true), arg[0]};
        return each_lane(e, t == IR_F32 ? "math_polygamma_f32" : "math_polygamma_f64", emit_scalar(e, t), args, 2, 1);
    }
    case IR_permute: {
        LLVMValueRef args[3] = {stream_key(e, n->attr.stream), emit_i64(e, n->attr.n),
                                LLVMBuildIntCast2(e->b, arg[0], emit_type(e, IR_I64), true, "")};
        return LLVMBuildIntCast2(e->b, each_lane(e, "random_permute", e->i64, args, 3, 2), emit_type(e, t), true, "");
    }
    default:
        if (n->n_args == 1) return unary(e, n->op, ir_is_real(ta), arg[0]);
        return arith(e, n->op, ir_is_real(ta), arg[0], arg[1]);
    }
}

/* Out of range: clamped for the load, then replaced. */
static LLVMValueRef emit_gather_row(Emit *e, const IrNode *n)
{
    const IrType *to = &n->result[0].type, *from = &n->arg[0]->type, *ti = &n->arg[1]->type;
    int batch = n->attr.n_batch, more = ti->rank - batch;
    Index own = emit_own_index(e, &n->result[0]);
    Index at_i = emit_sub_index(to, &own, ti), at = emit_sub_index(to, &own, from);
    at_i.own = false;
    at.own = false;
    at_i.flat = at.flat = NULL;
    LLVMValueRef i = emit_value(e, n->arg[1], &at_i);
    LLVMValueRef wide = LLVMBuildIntCast2(e->b, i, emit_type(e, IR_I64), true, "");
    LLVMValueRef top = emit_splat(e, emit_i64(e, from->dim[batch])), zero = LLVMConstNull(LLVMTypeOf(wide));
    LLVMValueRef in = LLVMBuildICmp(e->b, LLVMIntULT, wide, top, "");
    if (from->dim[batch] == 0)
        return ir_is_real(to->elem) ? emit_const(e, to->elem, __builtin_nan("")) : emit_zero(e, to->elem);
    at.dim[batch] = (Ix){.v = LLVMBuildSelect(e->b, in, wide, zero, ""), .vec = e->lanes > 1};
    for (int d = batch + 1; d < from->rank; d++) at.dim[d] = own.dim[d - 1 + more];
    LLVMValueRef x = emit_value(e, n->arg[0], &at);
    LLVMValueRef other = ir_is_real(to->elem) ? emit_const(e, to->elem, __builtin_nan("")) : emit_zero(e, to->elem);
    return LLVMBuildSelect(e->b, in, x, other, "");
}

static LLVMValueRef emit_pad_row(Emit *e, const IrNode *n)
{
    const IrType *to = &n->result[0].type, *from = &n->arg[0]->type;
    Index own = emit_own_index(e, &n->result[0]), at = emit_sub_index(to, &own, from);
    LLVMValueRef fill =
        ir_is_real(to->elem)
            ? emit_const(e, to->elem, n->attr.value)
            : emit_splat(e, LLVMConstInt(emit_scalar(e, to->elem), (unsigned long long)n->attr.n, true));
    at.own = false;
    at.flat = NULL;
    if (ir_dims_size(from) == 0) return fill;
    LLVMValueRef in = NULL, zero = emit_splat(e, emit_i64(e, 0));
    for (int d = 0; d < from->rank; d++) {
        Ix x = ix_add(e, own.dim[d], -n->attr.lo.v[d]);
        LLVMValueRef v = emit_ix_vector(e, x);
        int64_t gap = n->attr.interior.v[d] + 1;
        LLVMValueRef span = emit_splat(e, emit_i64(e, (from->dim[d] - 1) * gap + 1));
        LLVMValueRef ok = LLVMBuildICmp(e->b, LLVMIntULT, v, span, "");
        if (gap > 1) {
            LLVMValueRef g = emit_splat(e, emit_i64(e, gap));
            ok = LLVMBuildAnd(e->b, ok, LLVMBuildICmp(e->b, LLVMIntEQ, LLVMBuildSRem(e->b, v, g, ""), zero, ""), "");
            v = LLVMBuildSDiv(e->b, v, g, "");
        }
        v = LLVMBuildSelect(e->b, ok, v, zero, "");
        at.dim[d] = x.vec || x.step ? (Ix){.v = v, .vec = e->lanes > 1} : ix(emit_lane(e, v, 0));
        in = in ? LLVMBuildAnd(e->b, in, ok, "") : ok;
    }
    LLVMValueRef x = emit_value(e, n->arg[0], &at);
    return in ? LLVMBuildSelect(e->b, in, x, fill, "") : x;
}

/* ---- accumulators over samples ---------------------------------------------------------------------------------- */

/* A mask of the panel's samples that exist; NULL: all. */
static LLVMValueRef emit_valid(Emit *e)
{
    int64_t n = ir_extent(e->m, e->k->lane_axis);
    if (n % K_LANES == 0) return NULL;
    LLVMValueRef at = emit_ix_vector(e, (Ix){.v = emit_mul(e, e->panel, K_LANES), .step = 1});
    return LLVMBuildICmp(e->b, LLVMIntSLT, at, emit_splat(e, emit_i64(e, n)), "");
}

/* The shards' partial results by the tree. */
static LLVMValueRef emit_combine(Emit *e, const IrNode *n, const KAccum *a)
{
    IrElem t = n->result[0].type.elem;
    int64_t count = a->shards.count;
    if (!count) return emit_zero(e, t);
    LLVMValueRef v[8];
    Index own = emit_own_index(e, &n->result[0]);
    for (int64_t s = 0; s < count; s++) {
        KMem m = *a->partial;
        m.of = NULL;
        m.offset = a->partial->offset + s * a->shard_stride * (int64_t)ir_elem_bytes(a->elem);
        v[s] = emit_load(e, &m, &n->result[0].type, &own);
    }
    for (; count > 1; count = (count + 1) / 2)
        for (int64_t i = 0; i < (count + 1) / 2; i++)
            v[i] = 2 * i + 1 == count ? v[2 * i] : arith(e, IR_add, ir_is_real(a->elem), v[2 * i], v[2 * i + 1]);
    return convert(e, a->elem, t, v[0]);
}

static void emit_sink(Emit *e, const KAccum *a)
{
    const IrNode *n = a->node;
    const IrVal *x = n->arg[0];
    Index own = emit_own_index(e, x), at = emit_sub_index(&x->type, &own, &n->result[0].type);
    LLVMValueRef v = convert(e, x->type.elem, a->elem, emit_value(e, x, &own)),
                 off = e->flat ? emit_mul(e, e->flat, K_LANES) : NULL;
    if (!off) {
        off = emit_i64(e, 0);
        for (int i = 0; i < n->result[0].type.rank; i++)
            off = emit_add(e, off, emit_mul(e, at.dim[i].v, a->lanes->dim[i]));
        for (int i = 0; i < n->result[0].type.axes.n; i++)
            off = emit_add(e, off, emit_mul(e, at.axis[i].v, a->lanes->axis[i]));
    }
    LLVMValueRef p = emit_at(e, a->elem, emit_base(e, a->lanes), off);
    LLVMValueRef old = emit_load_raw(e, a->elem, p, K_LANES, 64), sum = arith(e, IR_add, ir_is_real(a->elem), old, v);
    LLVMValueRef valid = emit_valid(e);
    emit_store_raw(e, a->elem, valid ? LLVMBuildSelect(e->b, valid, sum, old, "") : sum, p, 64);
}

/* ---- loops ------------------------------------------------------------------------------------------------------ */

typedef void (*Body)(Emit *e);

/* Components i.. but the lane's, innermost the body. */
static void nest(Emit *e, int i, Body body)
{
    const KSpace *s = &e->k->space;
    if (i == s->n) { body(e); return; }
    if (i == s->lane) { nest(e, i + 1, body); return; }
    if (s->comp[i].extent == 1) {
        e->comp[i] = ix(emit_i64(e, 0));
        nest(e, i + 1, body);
        return;
    }
    Loop l = loop_to(e, s->comp[i].extent);
    e->comp[i] = ix(l.iv);
    nest(e, i + 1, body);
    loop_end(e, &l, NULL);
}

static void tiled(Emit *e, Body body)
{
    const KSpace *s = &e->k->space;
    e->panel = e->arg[0];
    e->slot = e->arg[1];
    e->comp[s->lane] = (Ix){.v = emit_mul(e, e->panel, K_LANES), .step = e->lanes > 1, .lane = true};
    if (e->sub) e->comp[s->lane].v = emit_add(e, e->comp[s->lane].v, e->sub);
    if (!e->k->flat || e->sub) { nest(e, 0, body); return; }
    int64_t rest = 1;
    for (int i = 0; i < s->n; i++)
        if (i != s->lane) rest *= s->comp[i].extent;
    if (rest == 1) {
        e->flat = emit_i64(e, 0);
        body(e);
    } else if (rest) {
        Loop l = loop_sure(e, emit_entry(e, rest), 0, NULL);
        e->flat = l.iv;
        body(e);
        loop_end(e, &l, NULL);
    }
    e->flat = NULL;
}

static void uniform_flat(Emit *e, Body body)
{
    int64_t all = 1;
    for (int i = 0; i < e->k->space.n; i++) all *= e->k->space.comp[i].extent;
    bool vectors = all >= K_LANES;
    LLVMValueRef whole = emit_entry(e, all / K_LANES);
    if (vectors) {
        Loop l = loop_begin(e, emit_mul(e, e->arg[0], K_LANES), emit_mul(e, emit_min(e, e->arg[1], whole), K_LANES),
                            K_LANES, 0, NULL);
        e->flat = l.iv;
        body(e);
        loop_end(e, &l, NULL);
    }
    if (all % K_LANES) {
        When w = when_begin(e, LLVMBuildICmp(e->b, LLVMIntSGT, e->arg[1], whole, ""));
        e->lanes = 1;
        Loop l = loop_begin(e, emit_mul(e, whole, K_LANES), emit_entry(e, all), 1, 0, NULL);
        e->flat = l.iv;
        body(e);
        loop_end(e, &l, NULL);
        e->lanes = K_LANES;
        when_end(e, &w);
    }
    e->flat = NULL;
}

static void along_last(Emit *e, int64_t lo, int64_t hi, unsigned lanes, Body body)
{
    if (lo >= hi) return;
    unsigned before = e->lanes;
    e->lanes = lanes;
    Loop l = loop_begin(e, emit_i64(e, lo), emit_i64(e, hi), lanes, 0, NULL);
    e->comp[e->k->space.n - 1] = (Ix){.v = l.iv, .step = lanes > 1};
    body(e);
    loop_end(e, &l, NULL);
    e->lanes = before;
}

static void uniform_rows(Emit *e, unsigned lanes, Body body)
{
    const KSpace *s = &e->k->space;
    Loop l = loop_begin(e, e->arg[0], e->arg[1], 1, 0, NULL);
    if (s->n == 0) {
        unsigned before = e->lanes;
        e->lanes = 1;
        body(e);
        e->lanes = before;
    } else {
        LLVMValueRef row = l.iv;
        for (int i = s->n - 2; i >= 0; i--) {
            e->comp[i] = ix(i ? emit_rem(e, row, s->comp[i].extent ? s->comp[i].extent : 1) : row);
            if (i) row = emit_div(e, row, s->comp[i].extent ? s->comp[i].extent : 1);
        }
        int64_t last = s->comp[s->n - 1].extent, whole = lanes > 1 ? last / K_LANES * K_LANES : 0;
        along_last(e, 0, whole, K_LANES, body);
        along_last(e, whole, last, 1, body);
    }
    loop_end(e, &l, NULL);
}

void emit_over_space(Emit *e, Body body)
{
    if (e->k->lane_axis >= 0) tiled(e, body);
    else if (e->k->flat) uniform_flat(e, body);
    else uniform_rows(e, K_LANES, body);
}

void emit_over_space_scalar(Emit *e, Body body)
{
    if (e->k->lane_axis < 0) { uniform_rows(e, 1, body); return; }
    int64_t n = ir_extent(e->m, e->k->lane_axis);
    LLVMValueRef left = LLVMBuildNSWSub(e->b, emit_i64(e, n), emit_mul(e, e->arg[0], K_LANES), "");
    Loop l = loop_begin(e, emit_i64(e, 0), emit_min(e, left, emit_i64(e, K_LANES)), 1, 0, NULL);
    e->sub = l.iv;
    e->lanes = 1;
    tiled(e, body);
    e->lanes = K_LANES;
    e->sub = NULL;
    loop_end(e, &l, NULL);
}

void emit_results(Emit *e, int result, LLVMValueRef v)
{
    const IrVal *r = &e->k->nodes.v[0]->result[result];
    Index own = emit_own_index(e, r);
    for (int i = 0; i < e->k->stores.n; i++)
        if (e->k->stores.v[i].val == r) emit_store(e, e->k->stores.v[i].mem, &r->type, &own, v);
}

/* ---- MAP kernels ------------------------------------------------------------------------------------------------ */

static LLVMValueRef member(Emit *e, const IrNode *n)
{
    const KValue *v = kernel_value(e->p, &n->result[0]);
    if (v->accum) return emit_combine(e, n, v->accum);
    if (n->op == IR_gather) return emit_gather_row(e, n);
    if (n->op == IR_pad) return emit_pad_row(e, n);
    Index own = emit_own_index(e, &n->result[0]);
    LLVMValueRef arg[3];
    for (int i = 0; i < n->n_args; i++) {
        Index at = emit_sub_index(&n->result[0].type, &own, &n->arg[i]->type);
        arg[i] = emit_value(e, n->arg[i], &at);
    }
    return emit_node(e, n, arg);
}

static void map_body(Emit *e)
{
    KKernel *k = e->k;
    for (int i = 0; i < k->nodes.n; i++) {
        const IrVal *r = &k->nodes.v[i]->result[0];
        e->reg[r->id] = member(e, k->nodes.v[i]);
    }
    for (int i = 0; i < k->stores.n; i++) {
        const IrVal *v = k->stores.v[i].val;
        Index own = emit_own_index(e, v);
        emit_store(e, k->stores.v[i].mem, &v->type, &own, emit_value(e, v, &own));
    }
    for (int i = 0; i < k->sinks.n; i++) emit_sink(e, k->sinks.v[i]);
    for (int i = 0; i < k->nodes.n; i++) e->reg[k->nodes.v[i]->result[0].id] = NULL;
}

void emit_map(Emit *e) { emit_over_space(e, map_body); }

/* ---- draws ------------------------------------------------------------------------------------------------------ */

static LLVMValueRef frame_i32(Emit *e, int64_t at)
{
    LLVMValueRef v = LLVMBuildLoad2(e->b, e->i64, emit_at(e, IR_BOOL, emit_frame(e), emit_i64(e, at)), "");
    return LLVMBuildTrunc(e->b, v, e->i32, "");
}

/* What all draws of a kernel share. */
typedef struct Draw {
    const IrNode *n;
    MathKeys      keys;
    LLVMValueRef  tick, iteration;
    int           unit;                                     /* elements made at once: 4, 2 or 1, so that those of a sample lie in one block */
} Draw;

/* Of two vectors, per lane, by a bit of the element's number. */
static LLVMValueRef by_bit(Emit *e, LLVMValueRef element, int bit, LLVMValueRef zero, LLVMValueRef one)
{
    LLVMValueRef mask = LLVMBuildAnd(e->b, element, emit_splat(e, emit_i64(e, 1 << bit)), "");
    return LLVMBuildSelect(e->b, LLVMBuildICmp(e->b, LLVMIntEQ, mask, LLVMConstNull(LLVMTypeOf(mask)), ""), zero, one, "");
}

/* d->unit numbers of words w, the block of `element`. A unit of less than a block begins at another word in each lane. */
static void draw_unit(Emit *e, const Draw *d, LLVMValueRef element, LLVMValueRef w[4], LLVMValueRef out[4])
{
    const IrNode *n = d->n;
    LLVMTypeRef real = emit_type(e, n->result[0].type.elem);
    if (d->unit < 4)
        for (int i = 0; i < 2; i++) w[i] = by_bit(e, element, 1, w[i], w[i + 2]);
    if (n->op == IR_normal) {
        for (int i = 0; i < (d->unit < 4 ? 2 : 4); i += 2) math_emit_normal_pair(&e->math, w[i], w[i + 1], real, out + i);
        if (d->unit == 1) out[0] = by_bit(e, element, 0, out[0], out[1]);
        return;
    }
    if (d->unit == 1) w[0] = by_bit(e, element, 0, w[0], w[1]);
    for (int i = 0; i < d->unit; i++)
        out[i] = n->op == IR_uniform ? math_emit_uniform(&e->math, w[i], real)
                                     : math_emit_randint_word(&e->math, w[i], (uint32_t)n->attr.n);
}

/* The elements from `first` on of a sample whose own are counted from `sample`: per lane `step` further. */
static void draw_elements(Emit *e, const Draw *d, LLVMValueRef sample, int64_t step, LLVMValueRef first)
{
    const IrType *type = &d->n->result[0].type;
    LLVMTypeRef i32 = emit_vec(e->i32, e->lanes);
    LLVMValueRef element = emit_ix_vector(e, (Ix){.v = emit_add(e, sample, first), .step = step}), w[4], out[4] = {0};
    LLVMValueRef low = LLVMBuildLShr(e->b, element, emit_splat(e, emit_i64(e, 2)), "");
    LLVMValueRef high = LLVMBuildLShr(e->b, element, emit_splat(e, emit_i64(e, 34)), "");
    LLVMValueRef c[4] = {LLVMBuildTrunc(e->b, low, i32, ""), LLVMBuildTrunc(e->b, high, i32, ""), d->tick, d->iteration};
    math_emit_philox(&e->math, &d->keys, c, w);
    draw_unit(e, d, element, w, out);
    for (int i = 0; i < d->unit; i++) {
        LLVMValueRef x = emit_add(e, first, emit_i64(e, i));
        for (int k = type->rank - 1; k >= 0; k--) {
            e->comp[type->axes.n + k] = ix(k ? emit_rem(e, x, type->dim[k]) : x);
            if (k) x = emit_div(e, x, type->dim[k]);
        }
        emit_results(e, 0, out[i]);
    }
}

static void draw_sample(Emit *e, Draw *d)
{
    const IrType *t = &d->n->result[0].type;
    LLVMValueRef sample = emit_i64(e, 0);
    int64_t size = ir_dims_size(t), step = 0, stride = size;
    for (int i = t->axes.n - 1; i >= 0; i--) {
        sample = emit_add(e, sample, emit_mul(e, e->comp[i].v, stride));
        if (i == e->k->space.lane && e->k->lane_axis >= 0) step = stride;
        stride *= ir_extent(e->m, t->axes.id[i]);
    }
    d->unit = t->axes.n == 0 || size % 4 == 0 ? 4 : size % 2 == 0 ? 2 : 1;
    int rest = (int)(size % d->unit);
    Loop l = loop_to(e, size / d->unit);
    draw_elements(e, d, sample, step, emit_mul(e, l.iv, d->unit));
    loop_end(e, &l, NULL);
    if (!rest) return;
    d->unit = 1;                                            /* the last elements of a value without axes */
    for (int i = 0; i < rest; i++) draw_elements(e, d, sample, step, emit_i64(e, size - rest + i));
}

static void draw_axes(Emit *e, Draw *d, int i)
{
    if (i == d->n->result[0].type.axes.n) { draw_sample(e, d); return; }
    if (i == e->k->space.lane && e->k->lane_axis >= 0) { draw_axes(e, d, i + 1); return; }
    Loop l = loop_to(e, e->k->space.comp[i].extent);
    e->comp[i] = ix(l.iv);
    draw_axes(e, d, i + 1);
    loop_end(e, &l, NULL);
}

void emit_random(Emit *e)
{
    Draw d = {.n = e->k->nodes.v[0]};
    bool tiled = e->k->lane_axis >= 0;
    if (tiled) {
        e->panel = e->arg[0];
        e->slot = e->arg[1];
        e->comp[e->k->space.lane] = (Ix){.v = emit_mul(e, e->panel, K_LANES), .step = 1, .lane = true};
    } else {
        e->lanes = 1;
    }
    d.keys = math_emit_philox_keys(&e->math, stream_key(e, d.n->attr.stream), tiled ? e->lanes : 0);
    d.tick = frame_i32(e, K_FRAME_TICK);
    d.iteration = frame_i32(e, K_FRAME_ITERATION);
    draw_axes(e, &d, 0);
    e->lanes = K_LANES;
}
