/* emit_index.c - values at an index: registers, the rules of inline rows, loads and stores.
 *
 * A row that moves elements never moves anything here: it turns the index of its result into the index of its operand. */
#include "compiler/llvm/emit.h"
#include "base/bug.h"

/* ---- index arithmetic ------------------------------------------------------------------------------------------- */

Ix ix(LLVMValueRef v) { return (Ix){.v = v}; }

static LLVMValueRef vector_of(Emit *e, LLVMValueRef scalar)
{
    return e->lanes == 1 ? scalar : emit_splat(e, scalar);
}

LLVMValueRef emit_ix_vector(Emit *e, Ix x)
{
    if (x.vec || e->lanes == 1) return x.v;
    LLVMValueRef base = vector_of(e, x.v);
    if (!x.step) return base;
    LLVMValueRef iota = emit_iota(e);
    if (x.step != 1) iota = LLVMBuildMul(e->b, iota, vector_of(e, emit_i64(e, x.step)), "");
    return LLVMBuildAdd(e->b, base, iota, "");
}

Ix ix_add(Emit *e, Ix x, int64_t c)
{
    if (!c) return x;
    x.lane = false;
    x.v = x.vec ? LLVMBuildAdd(e->b, x.v, vector_of(e, emit_i64(e, c)), "") : emit_add(e, x.v, emit_i64(e, c));
    return x;
}

Ix ix_mul(Emit *e, Ix x, int64_t c)
{
    if (c == 1) return x;
    x.lane = false;
    x.v = x.vec ? LLVMBuildMul(e->b, x.v, vector_of(e, emit_i64(e, c)), "") : emit_mul(e, x.v, c);
    x.step *= c;
    return x;
}

static Ix ix_plus(Emit *e, Ix a, Ix b)
{
    if (a.vec || b.vec)
        return (Ix){.v = LLVMBuildAdd(e->b, emit_ix_vector(e, a), emit_ix_vector(e, b), ""), .vec = true};
    return (Ix){.v = emit_add(e, a.v, b.v), .step = a.step + b.step};
}

static Ix ix_div(Emit *e, Ix a, int64_t c)
{
    if (c == 1) return a;
    if (!a.vec && !a.step) return ix(emit_div(e, a.v, c));
    return (Ix){.v = LLVMBuildUDiv(e->b, emit_ix_vector(e, a), vector_of(e, emit_i64(e, c)), ""), .vec = true};
}

static Ix ix_rem(Emit *e, Ix a, int64_t c)
{
    if (c == 1) return ix(emit_i64(e, 0));
    if (!a.vec && !a.step) return ix(emit_rem(e, a.v, c));
    return (Ix){.v = LLVMBuildURem(e->b, emit_ix_vector(e, a), vector_of(e, emit_i64(e, c)), ""), .vec = true};
}

/* c - x */
static Ix ix_from(Emit *e, int64_t c, Ix x)
{
    return ix_add(e, ix_mul(e, x, -1), c);
}

/* ---- whose index ------------------------------------------------------------------------------------------------ */

Index emit_own_index(Emit *e, const IrVal *v)
{
    Index at = {.own = true};
    const KSpace *s = &e->k->space;
    int dims = 0;
    while (dims < s->n && s->comp[dims].axis >= 0) dims++;
    for (int i = 0; i < v->type.axes.n; i++)
        for (int c = 0; c < dims; c++)
            if (s->comp[c].axis == v->type.axes.id[i]) at.axis[i] = e->comp[c];
    for (int i = 0; i < v->type.rank; i++) at.dim[i] = e->comp[dims + i];
    at.flat = e->flat;
    return at;
}

Index emit_sub_index(const IrType *from, const Index *at, const IrType *to)
{
    Index r = {.own = at->own, .flat = at->flat};
    for (int i = 0; i < to->axes.n; i++)
        for (int j = 0; j < from->axes.n; j++)
            if (from->axes.id[j] == to->axes.id[i]) r.axis[i] = at->axis[j];
    for (int i = 0; i < to->rank; i++) r.dim[i] = at->dim[i];
    return r;
}

/* ---- memory ----------------------------------------------------------------------------------------------------- */

static LLVMValueRef bytes_at(Emit *e, LLVMValueRef base, LLVMValueRef bytes)
{
    if (LLVMIsAConstantInt(bytes) && LLVMConstIntGetSExtValue(bytes) == 0) return base;
    return LLVMBuildInBoundsGEP2(e->b, e->i8, base, &bytes, 1, "");
}

LLVMValueRef emit_at(Emit *e, IrElem t, LLVMValueRef base, LLVMValueRef elements)
{
    if (LLVMIsAConstantInt(elements) && LLVMConstIntGetSExtValue(elements) == 0) return base;
    return LLVMBuildInBoundsGEP2(e->b, emit_cell(e, t), base, &elements, 1, "");
}

/* A buffer's first byte: which base and how far from it stand in the table. Called in the entry block. */
static LLVMValueRef in_place(Emit *e, const KMem *root)
{
    int64_t base = root->place == K_FRAME ? EMIT_FRAME : EMIT_SCRATCH, offset = root->offset;
    if (root->place == K_SLOT) {
        const GanSlot *s = &e->program->slot[root->slot];
        bool data = s->kind == GAN_DATA;
        base = data ? EMIT_DATA + (int64_t)s->offset : EMIT_STATE;
        offset = data ? 0 : (int64_t)s->offset;
    }
    LLVMValueRef index = emit_entry(e, base), at = LLVMBuildInBoundsGEP2(e->b, e->ptr, e->bases, &index, 1, "");
    return bytes_at(e, LLVMBuildLoad2(e->b, e->ptr, at, ""), emit_entry(e, offset));
}

static bool same_slice(const KMem *a, const KMem *b)
{
    bool same = a->n_iter == b->n_iter && a->elem == b->elem;
    for (int i = 0; same && i < a->n_iter; i++)
        same = a->iter[i].depth == b->iter[i].depth && a->iter[i].stride == b->iter[i].stride;
    return same;
}

static const KMem *root_of(const KMem *m)
{
    while (m->of) m = m->of;
    return m;
}

static EmitBase *known(Emit *e, const KMem *m)
{
    const KMem *root = root_of(m);
    for (int i = 0; i < e->known.n; i++) {
        const KMem *other = root_of(e->known.v[i].mem);
        if (other->place == root->place && other->slot == root->slot && e->known.v[i].offset == root->offset &&
            same_slice(e->known.v[i].mem, m))
            return &e->known.v[i];
    }
    LLVMBasicBlockRef back = emit_to_entry(e);
    LLVMValueRef base = in_place(e, root);
    for (int i = 0; i < m->n_iter; i++) {
        LLVMValueRef at = bytes_at(e, emit_frame(e), emit_i64(e, K_FRAME_COUNTER + 8 * m->iter[i].depth));
        base = emit_at(e, m->elem, base, emit_mul(e, LLVMBuildLoad2(e->b, e->i64, at, ""), m->iter[i].stride));
    }
    emit_from_entry(e, back);
    KMem *copy = arena_copy(e->arena, m, sizeof *m);        /* callers may pass one on their stack */
    array_push(e->arena, &e->known, ((EmitBase){copy, root->offset, base, NULL}));
    return &e->known.v[e->known.n - 1];
}

LLVMValueRef emit_base(Emit *e, const KMem *m) { return known(e, m)->base; }

LLVMValueRef emit_frame(Emit *e)
{
    if (e->frame) return e->frame;
    LLVMBasicBlockRef back = emit_to_entry(e);
    e->frame = LLVMBuildLoad2(e->b, e->ptr, e->bases, "");  /* EMIT_FRAME is the first */
    emit_from_entry(e, back);
    return e->frame;
}

LLVMValueRef emit_load_raw(Emit *e, IrElem t, LLVMValueRef at, unsigned lanes, unsigned align)
{
    LLVMValueRef v = LLVMBuildLoad2(e->b, emit_vec(emit_cell(e, t), lanes), at, "");
    LLVMSetAlignment(v, align);
    if (t == IR_BOOL) v = LLVMBuildICmp(e->b, LLVMIntNE, v, LLVMConstNull(LLVMTypeOf(v)), "");
    return v;
}

void emit_store_raw(Emit *e, IrElem t, LLVMValueRef v, LLVMValueRef at, unsigned align)
{
    if (t == IR_BOOL) {
        bool vec = LLVMGetTypeKind(LLVMTypeOf(v)) == LLVMVectorTypeKind;
        v = LLVMBuildZExt(e->b, v, vec ? LLVMVectorType(e->i8, LLVMGetVectorSize(LLVMTypeOf(v))) : e->i8, "");
    }
    LLVMSetAlignment(LLVMBuildStore(e->b, v, at), align);
}

/* Shared memory has all panels of the axis, scratch those of the tile or only one: two strides from the table tell them apart. */
LLVMValueRef emit_panel(Emit *e, const KMem *m)
{
    bool shared = root_of(m)->place != K_SCRATCH;
    EmitBase *k = known(e, m);
    if (e->panel == e->arg[0] && e->slot == e->arg[1]) {
        if (k->panel) return k->panel;
        LLVMBasicBlockRef back = emit_to_entry(e);
        LLVMValueRef of_panel = emit_entry(e, shared ? m->panel : 0), of_slot = emit_entry(e, shared ? 0 : m->panel);
        LLVMValueRef off = LLVMBuildAdd(e->b, LLVMBuildMul(e->b, e->panel, of_panel, ""),
                                        LLVMBuildMul(e->b, e->slot, of_slot, ""), "");
        LLVMValueRef at = emit_at(e, m->elem, k->base, off);
        emit_from_entry(e, back);
        return k->panel = at;
    }
    return emit_at(e, m->elem, k->base, emit_mul(e, shared ? e->panel : e->slot, m->panel));
}

/* Where an index points: a scalar offset, a step from lane to lane, or an offset for each lane. */
typedef struct { LLVMValueRef base; Ix off; unsigned align; } Place;

static unsigned vector_align(const KMem *m)
{
    if (m->tile < 0 && m->n_iter) return (unsigned)ir_elem_bytes(m->elem);      /* a slice begins anywhere */
    int64_t a = (int64_t)ir_elem_bytes(m->elem) * K_LANES;
    return a > 64 ? 64 : (unsigned)a;
}

static Place place_of(Emit *e, const KMem *m, const IrType *t, const Index *at)
{
    int tile = -1;
    for (int i = 0; i < t->axes.n; i++)
        if (t->axes.id[i] == m->tile) tile = i;
    unsigned cell = (unsigned)ir_elem_bytes(m->elem);
    Place p = {.align = cell};
    if (at->flat && (e->k->lane_axis >= 0) == (tile >= 0)) {
        p.base = tile >= 0 ? emit_panel(e, m) : emit_base(e, m);
        int64_t rest = 1;                                   /* a number among others stays at 0 */
        for (int i = 0; i < t->rank; i++) rest *= t->dim[i];
        for (int i = 0; i < t->axes.n; i++)
            if (i != tile) rest *= ir_extent(e->m, t->axes.id[i]);
        LLVMValueRef flat = rest == 1 ? emit_i64(e, 0) : at->flat;
        if (tile >= 0) {
            p.off = (Ix){.v = emit_mul(e, flat, K_LANES), .step = 1};
            if (e->sub) p.off.v = emit_add(e, p.off.v, e->sub);
            p.align = e->sub ? cell : vector_align(m);
        } else {
            p.off = (Ix){.v = flat, .step = rest != 1 && e->lanes > 1};
            p.align = rest != 1 && e->lanes > 1 ? vector_align(m) : cell;
        }
        return p;
    }
    if (at->flat && tile < 0 && e->k->lane_axis >= 0) {     /* a matrix or number without the lane */
        p.base = emit_base(e, m);
        int64_t rest = 1;
        for (int i = 0; i < t->rank; i++) rest *= t->dim[i];
        p.off = ix(rest == 1 ? emit_i64(e, 0) : at->flat);
        return p;
    }
    p.off = ix(emit_i64(e, 0));
    for (int i = 0; i < t->rank; i++) p.off = ix_plus(e, p.off, ix_mul(e, at->dim[i], m->dim[i]));
    for (int i = 0; i < t->axes.n; i++)
        if (i != tile) p.off = ix_plus(e, p.off, ix_mul(e, at->axis[i], m->axis[i]));
    if (tile < 0) {
        p.base = emit_base(e, m);
    } else if (at->axis[tile].lane) {
        p.base = emit_panel(e, m);
        bool aligned = !p.off.vec && !p.off.step;
        p.off = ix_plus(e, p.off, e->sub ? ix(e->sub) : (Ix){.v = emit_i64(e, 0), .step = e->lanes > 1});
        if (aligned && !e->sub && e->lanes > 1) p.align = vector_align(m);
    } else {
        p.base = emit_base(e, m);
        p.off = ix_plus(e, p.off, ix_mul(e, ix_div(e, at->axis[tile], K_LANES), m->panel));
        p.off = ix_plus(e, p.off, ix_rem(e, at->axis[tile], K_LANES));
    }
    return p;
}

static LLVMValueRef gather(Emit *e, const KMem *m, Place *p)
{
    LLVMValueRef off = emit_ix_vector(e, p->off), v = LLVMGetPoison(LLVMVectorType(emit_cell(e, m->elem), K_LANES));
    for (unsigned i = 0; i < K_LANES; i++) {
        LLVMValueRef x =
            LLVMBuildLoad2(e->b, emit_cell(e, m->elem), emit_at(e, m->elem, p->base, emit_lane(e, off, i)), "");
        v = emit_insert(e, v, x, i);
    }
    if (m->elem == IR_BOOL) v = LLVMBuildICmp(e->b, LLVMIntNE, v, LLVMConstNull(LLVMTypeOf(v)), "");
    return v;
}

LLVMValueRef emit_load(Emit *e, const KMem *m, const IrType *t, const Index *at)
{
    Place p = place_of(e, m, t, at);
    if (e->lanes > 1 && (p.off.vec || (p.off.step != 0 && p.off.step != 1))) return gather(e, m, &p);
    bool vector = e->lanes > 1 && p.off.step == 1;
    LLVMValueRef v = emit_load_raw(e, m->elem, emit_at(e, m->elem, p.base, p.off.v), vector ? e->lanes : 1, p.align);
    return vector ? v : emit_splat(e, v);
}

void emit_store(Emit *e, const KMem *m, const IrType *t, const Index *at, LLVMValueRef v)
{
    Place p = place_of(e, m, t, at);
    if (e->lanes == 1 || (!p.off.vec && p.off.step == 1)) {
        emit_store_raw(e, m->elem, v, emit_at(e, m->elem, p.base, p.off.v), p.align);
        return;
    }
    LLVMValueRef off = emit_ix_vector(e, p.off);
    for (unsigned i = 0; i < K_LANES; i++)
        emit_store_raw(e, m->elem, emit_lane(e, v, i), emit_at(e, m->elem, p.base, emit_lane(e, off, i)),
                       (unsigned)ir_elem_bytes(m->elem));
}

/* ---- inline rows ------------------------------------------------------------------------------------------------ */

static Ix linear(Emit *e, const IrType *t, const Ix *dim, int lo, int hi)
{
    Ix x = ix(emit_i64(e, 0));
    for (int i = lo; i < hi; i++) x = ix_plus(e, ix_mul(e, x, t->dim[i]), dim[i]);
    return x;
}

/* Equal dims at either end keep their component; what is between goes through the row-major number. */
static void through_reshape(Emit *e, const IrType *from, const IrType *to, const Index *at, Index *r)
{
    int lo = 0, hf = from->rank, ht = to->rank;
    while (lo < hf && lo < ht && from->dim[lo] == to->dim[lo]) { r->dim[lo] = at->dim[lo]; lo++; }
    while (hf > lo && ht > lo && from->dim[hf - 1] == to->dim[ht - 1]) r->dim[--hf] = at->dim[--ht];
    Ix x = linear(e, to, at->dim, lo, ht);
    for (int i = hf - 1; i >= lo; i--) {
        r->dim[i] = i > lo ? ix_rem(e, x, from->dim[i] ? from->dim[i] : 1) : x;
        if (i > lo) x = ix_div(e, x, from->dim[i] ? from->dim[i] : 1);
    }
}

/* Samples of the last panel beyond the extent read the last one: what comes of them is never used. */
static Ix within(Emit *e, Ix x, int64_t extent)
{
    if (!x.lane || extent % K_LANES == 0) { x.lane = false; return x; }
    LLVMValueRef v = emit_ix_vector(e, x), top = vector_of(e, emit_i64(e, extent - 1));
    LLVMValueRef less = LLVMBuildICmp(e->b, LLVMIntSLT, v, top, "");
    return (Ix){.v = LLVMBuildSelect(e->b, less, v, top, ""), .vec = e->lanes > 1};
}

static Index through(Emit *e, const IrNode *n, const Index *at)
{
    const IrType *from = &n->arg[0]->type, *to = &n->result[0].type;
    Index r = emit_sub_index(to, at, from);
    r.own = false;
    const IrAttrs *a = &n->attr;
    switch (n->op) {
    case IR_reshape:
        if (!at->flat) through_reshape(e, from, to, at, &r);
        return r;
    case IR_transpose:
        for (int i = 0; i < to->rank; i++) r.dim[a->dims.v[i]] = at->dim[i];
        return r;
    case IR_broadcast:
        for (int i = 0; i < from->rank; i++) r.dim[i] = at->dim[a->kept.v[i]];
        return r;
    case IR_slice:
        for (int i = 0; i < from->rank; i++) r.dim[i] = ix_add(e, ix_mul(e, at->dim[i], a->step.v[i]), a->lo.v[i]);
        return r;
    case IR_reverse:
        for (int k = 0; k < a->dims.n; k++)
            r.dim[a->dims.v[k]] = ix_from(e, from->dim[a->dims.v[k]] - 1, at->dim[a->dims.v[k]]);
        return r;
    case IR_as_feature:
        for (int i = 0; i < from->axes.n; i++)
            if (from->axes.id[i] == a->axis) r.axis[i] = at->dim[0];
        for (int i = 0; i < from->rank; i++) r.dim[i] = at->dim[i + 1];
        return r;
    case IR_as_sample:
        for (int i = 0; i < to->axes.n; i++)
            if (to->axes.id[i] == a->axis) r.dim[0] = within(e, at->axis[i], ir_extent(e->m, a->axis));
        for (int i = 1; i < from->rank; i++) r.dim[i] = at->dim[i - 1];
        return r;
    default:
        return r;                                           /* spread */
    }
}

static LLVMValueRef emit_index_row(Emit *e, const IrNode *n, const Index *at)
{
    Ix x;
    if (n->attr.axis >= 0) {
        int i = 0;
        while (n->result[0].type.axes.id[i] != n->attr.axis) i++;
        x = at->axis[i];
    } else {
        x = at->dim[n->attr.dim];
    }
    LLVMTypeRef t = emit_scalar(e, n->result[0].type.elem);
    if (!x.vec && !x.step) return emit_splat(e, LLVMBuildIntCast2(e->b, x.v, t, true, ""));
    return LLVMBuildIntCast2(e->b, emit_ix_vector(e, x), emit_vec(t, e->lanes), true, "");
}

static LLVMValueRef constant(Emit *e, IrElem t, const IrAttrs *a)
{
    LLVMTypeRef type = emit_scalar(e, t);
    if (t == IR_F32) return LLVMConstReal(type, (double)(float)a->value);
    if (t == IR_F64) return LLVMConstReal(type, a->value);
    return LLVMConstInt(type, t == IR_BOOL ? a->n != 0 : (unsigned long long)a->n, true);
}

LLVMValueRef emit_value(Emit *e, const IrVal *v, const Index *start)
{
    Index at = *start;
    for (;;) {
        v = kernel_resolve(e->p, v);
        if (at.own && v->id < e->n_reg && e->reg[v->id]) return e->reg[v->id];
        const IrNode *n = v->def;
        if (!n || !kernel_inline(n)) {
            const KMem *m = kernel_value(e->p, v)->mem;
            if (!m) BUG("emit: %%%u has no memory", v->id);
            return emit_load(e, m, &v->type, &at);
        }
        if (n->op == IR_const) return emit_splat(e, constant(e, v->type.elem, &n->attr));
        if (n->op == IR_index) return emit_index_row(e, n, &at);
        if (n->op == IR_read) {
            KMem m = {.place = K_SLOT, .elem = v->type.elem, .slot = n->attr.slot, .tile = -1, .dense = true};
            int64_t stride = 1;
            for (int i = v->type.rank - 1; i >= 0; i--) { m.dim[i] = stride; stride *= v->type.dim[i]; }
            return emit_load(e, &m, &v->type, &at);
        }
        at = through(e, n, &at);
        v = n->arg[0];
    }
}
