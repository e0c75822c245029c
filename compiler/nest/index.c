/* index.c - values at an index: registers, the rules of inline rows, loads and stores.
 *
 * A row that moves elements never moves anything here: it turns the index of its result into the index of its operand. */
#include "compiler/nest/nest.h"
#include "base/bug.h"

/* ---- index arithmetic ------------------------------------------------------------------------------------------- */

Ix ix(LoopIndex at) { return (Ix){.at = at}; }
Ix ix_int(int64_t c) { return ix(loop_at(c)); }

Ix ix_add(Nest *n, Ix x, int64_t c)
{
    return c ? ix(loop_plus(&n->b, x.at, loop_at(c))) : x;
}

Ix ix_mul(Ix x, int64_t c) { return c == 1 ? x : ix(loop_times(x.at, c)); }
Ix ix_plus(Nest *n, Ix a, Ix b) { return ix(loop_plus(&n->b, a.at, b.at)); }

static LoopIndex divided(Nest *n, LoopOp op, LoopIndex x, int64_t by)
{
    return loop_of(loop_op2(&n->b, op, loop_index(&n->b, &x), loop_int(&n->b, IR_I64, by)));
}

/* The largest value of a register that is never negative; -1: not known. */
static int64_t largest(const Nest *n, const LoopReg *r)
{
    int64_t from, to;
    if (r->kind == LOOP_REG_DIM) return n->b.nest->dim_size[r->n] - 1;
    if (r->kind != LOOP_REG_COUNTER || !loop_index_const(&r->def->from, &from) || !loop_index_const(&r->def->to, &to)) return -1;
    return from < 0 || to <= from ? -1 : from + (to - 1 - from) / r->def->step * r->def->step;
}

static void add_term(LoopIndex *x, LoopReg *r, int64_t by)
{
    x->term[x->n].reg = r;
    x->term[x->n++].by = by;
}

/* x as by * quot + rest, where its terms say that rest is within 0 .. by - 1. */
static bool divides(const Nest *n, const LoopIndex *x, int64_t by, LoopIndex *quot, LoopIndex *rest)
{
    if (x->c < 0) return false;
    *quot = loop_at(x->c / by);
    *rest = loop_at(x->c % by);
    int64_t most = rest->c;
    for (int i = 0; i < x->n && most < by; i++) {
        LoopReg *r = x->term[i].reg;
        int64_t each = x->term[i].by;
        if (each % by == 0) { add_term(quot, r, each / by); continue; }
        if (each < 0 || largest(n, r) < 0 || largest(n, r) >= by) return false;
        most += each * largest(n, r);
        add_term(rest, r, each);
    }
    return most < by;
}

/* An extent of 0: nobody stands there. */
LoopIndex nest_quot(Nest *n, LoopIndex x, int64_t by)
{
    LoopIndex quot, rest;
    if (by <= 1) return x;
    return divides(n, &x, by, &quot, &rest) ? quot : divided(n, LOOP_quot, x, by);
}

LoopIndex nest_rest(Nest *n, LoopIndex x, int64_t by)
{
    LoopIndex quot, rest;
    if (by <= 1) return loop_at(0);
    return divides(n, &x, by, &quot, &rest) ? rest : divided(n, LOOP_rest, x, by);
}

LoopIndex nest_lanes(Nest *n) { return n->lanes > 1 ? loop_of(loop_dim(&n->b, LOOP_L)) : loop_at(0); }

/* c - x */
static Ix ix_from(Nest *n, int64_t c, Ix x) { return ix_add(n, ix_mul(x, -1), c); }

/* ---- whose index ------------------------------------------------------------------------------------------------ */

Index nest_own_index(Nest *n, const IrVal *v)
{
    Index at = {.own = true, .is_flat = n->is_flat, .flat = n->flat};
    const KSpace *s = &n->k->space;
    int dims = 0;
    while (dims < s->n && s->comp[dims].axis >= 0) dims++;
    for (int i = 0; i < v->type.axes.n; i++)
        for (int c = 0; c < dims; c++)
            if (s->comp[c].axis == v->type.axes.id[i]) at.axis[i] = n->comp[c];
    for (int i = 0; i < v->type.rank; i++) at.dim[i] = n->comp[dims + i];
    return at;
}

Index nest_sub_index(const IrType *from, const Index *at, const IrType *to)
{
    Index r = {.own = at->own, .is_flat = at->is_flat, .flat = at->flat};
    for (int i = 0; i < to->axes.n; i++)
        for (int j = 0; j < from->axes.n; j++)
            if (from->axes.id[j] == to->axes.id[i]) r.axis[i] = at->axis[j];
    for (int i = 0; i < to->rank; i++) r.dim[i] = at->dim[i];
    return r;
}

/* ---- buffers ---------------------------------------------------------------------------------------------------- */

static const KMem *root_of(const KMem *m)
{
    while (m->of) m = m->of;
    return m;
}

static bool same_slice(const KMem *a, const KMem *b)
{
    bool same = a->n_iter == b->n_iter && a->elem == b->elem && a->at == b->at;
    for (int i = 0; same && i < a->n_iter; i++)
        same = a->iter[i].depth == b->iter[i].depth && a->iter[i].stride == b->iter[i].stride;
    return same;
}

static NestBuffer *known(Nest *n, const KMem *m)
{
    const KMem *root = root_of(m);
    for (int i = 0; i < n->known.n; i++) {
        NestBuffer *k = &n->known.v[i];
        const KMem *other = root_of(k->mem);
        if (other->place == root->place && other->slot == root->slot && k->offset == root->offset && same_slice(k->mem, m))
            return k;
    }
    KMem *copy = arena_copy(n->arena, m, sizeof *m);        /* callers may pass one on their stack */
    array_push(n->arena, &n->known, ((NestBuffer){copy, root->offset, -1, -1}));
    return &n->known.v[n->known.n - 1];
}

/* Which base and how far from it. */
static LoopBuffer in_place(Nest *n, const KMem *m)
{
    const KMem *root = root_of(m);
    int64_t base = root->place == K_FRAME ? BASE_FRAME : BASE_SCRATCH, offset = root->offset;
    if (root->place == K_SLOT) {
        const GanSlot *s = &n->program->slot[root->slot];
        bool data = s->kind == GAN_DATA;
        base = data ? BASE_DATA + (int64_t)s->offset : BASE_STATE;
        offset = data ? 0 : (int64_t)s->offset;
    }
    offset += m->at * (int64_t)ir_elem_bytes(m->elem);
    LoopBuffer b = {.elem = m->elem, .panel = -1, .slot = -1, .n_iter = m->n_iter};
    b.base = (int)loop_word(&n->b, base)->n;
    b.offset = (int)loop_word(&n->b, offset)->n;
    for (int i = 0; i < m->n_iter; i++) {
        b.iter[i].depth = m->iter[i].depth;
        b.iter[i].stride = m->iter[i].stride;
    }
    return b;
}

int nest_base(Nest *n, const KMem *m)
{
    NestBuffer *k = known(n, m);
    if (k->plain < 0) {
        LoopBuffer b = in_place(n, m);
        k->plain = loop_buffer(&n->b, &b);
    }
    return k->plain;
}

/* Shared memory has all panels of the axis, scratch those of the tile or only one: two strides among the words tell them apart. */
int nest_panel(Nest *n, const KMem *m, LoopIndex *off)
{
    bool shared = root_of(m)->place != K_SCRATCH;
    if (!n->tiled) {
        *off = loop_times(shared ? n->panel : n->slot, m->panel);
        return nest_base(n, m);
    }
    *off = loop_at(0);
    NestBuffer *k = known(n, m);
    if (k->panel < 0) {
        LoopBuffer b = in_place(n, m);
        b.panel = (int)loop_word(&n->b, shared ? m->panel : 0)->n;
        b.slot = (int)loop_word(&n->b, shared ? 0 : m->panel)->n;
        k->panel = loop_buffer(&n->b, &b);
    }
    return k->panel;
}

/* ---- loads and stores ------------------------------------------------------------------------------------------- */

typedef struct { int buffer; LoopIndex at; unsigned align; } Place;

static unsigned vector_align(const KMem *m)
{
    if (m->tile < 0 && m->n_iter) return (unsigned)ir_elem_bytes(m->elem);      /* a slice begins anywhere */
    int64_t a = (int64_t)ir_elem_bytes(m->elem) * K_LANES;
    return a > 64 ? 64 : (unsigned)a;
}

/* Elements of a type without its tile axis. */
static int64_t rest_of(const Nest *n, const IrType *t, int tile)
{
    int64_t rest = 1;
    for (int i = 0; i < t->rank; i++) rest *= t->dim[i];
    for (int i = 0; i < t->axes.n; i++)
        if (i != tile) rest *= ir_extent(n->m, t->axes.id[i]);
    return rest;
}

/* The lanes of a panel, or the one sample of it that the kernel stands at. */
static LoopIndex lane_index(Nest *n) { return n->is_sub ? n->sub : nest_lanes(n); }

static Place flat_place(Nest *n, const KMem *m, const IrType *t, const Index *at, int tile)
{
    unsigned cell = (unsigned)ir_elem_bytes(m->elem);
    int64_t rest = rest_of(n, t, tile);                     /* a number among others stays at 0 */
    LoopIndex flat = rest == 1 ? loop_at(0) : at->flat;
    if (tile >= 0) {
        Place p = {.align = n->is_sub ? cell : vector_align(m)};
        p.buffer = nest_panel(n, m, &p.at);
        p.at = loop_plus(&n->b, loop_plus(&n->b, p.at, loop_times(flat, K_LANES)), lane_index(n));
        return p;
    }
    Place p = {nest_base(n, m), flat, cell};
    if (n->k->lane_axis < 0 && rest != 1 && n->lanes > 1) {
        p.at = loop_plus(&n->b, flat, nest_lanes(n));
        p.align = vector_align(m);
    }
    return p;
}

static Place place_of(Nest *n, const KMem *m, const IrType *t, const Index *at)
{
    int tile = -1;
    for (int i = 0; i < t->axes.n; i++)
        if (t->axes.id[i] == m->tile) tile = i;
    if (at->is_flat && (tile < 0 || n->k->lane_axis >= 0)) return flat_place(n, m, t, at, tile);
    Place p = {.align = (unsigned)ir_elem_bytes(m->elem)};
    Ix off = ix_int(0);
    for (int i = 0; i < t->rank; i++) off = ix_plus(n, off, ix_mul(at->dim[i], m->dim[i]));
    for (int i = 0; i < t->axes.n; i++)
        if (i != tile) off = ix_plus(n, off, ix_mul(at->axis[i], m->axis[i]));
    if (tile < 0) {
        p.buffer = nest_base(n, m);
    } else if (at->axis[tile].lane) {
        LoopIndex panel;
        p.buffer = nest_panel(n, m, &panel);
        if (!(loop_index_dims(&off.at) >> LOOP_L & 1) && !n->is_sub && n->lanes > 1) p.align = vector_align(m);
        off.at = loop_plus(&n->b, off.at, loop_plus(&n->b, panel, lane_index(n)));
    } else {
        p.buffer = nest_base(n, m);
        off.at = loop_plus(&n->b, off.at, loop_times(nest_quot(n, at->axis[tile].at, K_LANES), m->panel));
        off.at = loop_plus(&n->b, off.at, nest_rest(n, at->axis[tile].at, K_LANES));
    }
    p.at = off.at;
    return p;
}

LoopReg *nest_load(Nest *n, const KMem *m, const IrType *t, const Index *at)
{
    Place p = place_of(n, m, t, at);
    return loop_load(&n->b, p.buffer, &p.at, p.align);
}

void nest_store(Nest *n, const KMem *m, const IrType *t, const Index *at, LoopReg *v)
{
    Place p = place_of(n, m, t, at);
    loop_store(&n->b, p.buffer, &p.at, v, p.align);
}

void nest_ahead(Nest *n, const KMem *m, const IrType *t, const Index *at)
{
    Place p = place_of(n, m, t, at);
    loop_ahead(&n->b, p.buffer, &p.at);
}

void nest_fetch(Nest *n, const KMem *m, const IrType *t, const Index *at)
{
    Place p = place_of(n, m, t, at);
    loop_fetch(&n->b, p.buffer, &p.at);
}

/* ---- inline rows ------------------------------------------------------------------------------------------------ */

/* The row-major number of dims lo .. hi - 1. */
static LoopIndex linear(Nest *n, const IrType *t, const Ix *dim, int lo, int hi)
{
    LoopIndex x = loop_at(0);
    for (int i = lo; i < hi; i++) x = loop_plus(&n->b, loop_times(x, t->dim[i]), dim[i].at);
    return x;
}

/* Equal dims at either end keep their component; what is between goes through the row-major number. */
static void through_reshape(Nest *n, const IrType *from, const IrType *to, const Index *at, Index *r)
{
    int lo = 0, hf = from->rank, ht = to->rank;
    while (lo < hf && lo < ht && from->dim[lo] == to->dim[lo]) { r->dim[lo] = at->dim[lo]; lo++; }
    while (hf > lo && ht > lo && from->dim[hf - 1] == to->dim[ht - 1]) r->dim[--hf] = at->dim[--ht];
    LoopIndex x = linear(n, to, at->dim, lo, ht);
    for (int i = hf - 1; i >= lo; i--) {
        r->dim[i] = ix(i > lo ? nest_rest(n, x, from->dim[i]) : x);
        if (i > lo) x = nest_quot(n, x, from->dim[i]);
    }
}

/* Samples of the last panel beyond the extent read the last one, or, where a panel is read as a vector, what lies behind it: what comes of
 * them is never used. */
static Ix within(Nest *n, Ix x, int64_t extent)
{
    if (!x.lane || extent % K_LANES == 0) return x;
    return (Ix){.at = loop_of(nest_min(n, loop_index(&n->b, &x.at), loop_int(&n->b, IR_I64, extent - 1))), .lane = true};
}

static Index through(Nest *n, const IrNode *node, const Index *at)
{
    const IrType *from = &node->arg[0]->type, *to = &node->result[0].type;
    Index r = nest_sub_index(to, at, from);
    r.own = false;
    const IrAttrs *a = node->attr;
    switch (node->op) {
    case IR_reshape:
        if (!at->is_flat) through_reshape(n, from, to, at, &r);
        return r;
    case IR_transpose:
        for (int i = 0; i < to->rank; i++) r.dim[a->dims.v[i]] = at->dim[i];
        return r;
    case IR_broadcast:
        for (int i = 0; i < from->rank; i++) r.dim[i] = at->dim[a->kept.v[i]];
        return r;
    case IR_slice:
        for (int i = 0; i < from->rank; i++) r.dim[i] = ix_add(n, ix_mul(at->dim[i], a->step.v[i]), a->lo.v[i]);
        return r;
    case IR_reverse:
        for (int k = 0; k < a->dims.n; k++)
            r.dim[a->dims.v[k]] = ix_from(n, from->dim[a->dims.v[k]] - 1, at->dim[a->dims.v[k]]);
        return r;
    case IR_as_feature:
        for (int i = 0; i < from->axes.n; i++)
            if (from->axes.id[i] == a->axis) r.axis[i] = at->dim[0];
        for (int i = 0; i < from->rank; i++) r.dim[i] = at->dim[i + 1];
        return r;
    case IR_as_sample:
        for (int i = 0; i < to->axes.n; i++)
            if (to->axes.id[i] == a->axis) r.dim[0] = within(n, at->axis[i], ir_extent(n->m, a->axis));
        for (int i = 1; i < from->rank; i++) r.dim[i] = at->dim[i - 1];
        return r;
    default:
        return r;                                           /* spread */
    }
}

static LoopReg *index_row(Nest *n, const IrNode *node, const Index *at)
{
    Ix x;
    if (node->attr->axis >= 0) {
        int i = 0;
        while (node->result[0].type.axes.id[i] != node->attr->axis) i++;
        x = at->axis[i];
    } else {
        x = at->dim[node->attr->dim];
    }
    return loop_convert(&n->b, node->result[0].type.elem, loop_index(&n->b, &x.at));
}

static LoopReg *constant(Nest *n, IrElem t, const IrAttrs *a)
{
    return ir_is_real(t) ? loop_const(&n->b, t, a->value) : loop_int(&n->b, t, a->n);
}

static LoopReg *read_slot(Nest *n, const IrNode *node, const Index *at)
{
    const IrType *t = &node->result[0].type;
    KMem m = {.place = K_SLOT, .elem = t->elem, .slot = node->attr->slot, .tile = -1, .dense = true};
    int64_t stride = 1;
    for (int i = t->rank - 1; i >= 0; i--) { m.dim[i] = stride; stride *= t->dim[i]; }
    return nest_load(n, &m, t, at);
}

static LoopReg *made_again(Nest *n, const IrVal *v, const Index *at)
{
    LoopReg *r = v->def->op == IR_pad ? nest_pad(n, v->def, at) : nest_row(n, v->def, at);
    if (!n->keeps || !at->own || v->id >= n->n_reg) return r;
    array_push(n->arena, &n->kept, v->id);
    return n->reg[v->id] = r;
}

LoopReg *nest_value(Nest *n, const IrVal *v, const Index *start)
{
    Index at = *start;
    for (;;) {
        v = kernel_resolve(n->p, v);
        if (at.own && v->id < n->n_reg && n->reg[v->id]) return n->reg[v->id];
        const IrNode *node = v->def;
        if (kernel_remade(n->p, v)) return made_again(n, v, &at);
        if (!node || !kernel_inline(node)) {
            const KMem *m = kernel_value(n->p, v)->mem;
            if (!m) BUG("nest: %%%u has no memory", v->id);
            return nest_load(n, m, &v->type, &at);
        }
        if (node->op == IR_const) return constant(n, v->type.elem, node->attr);
        if (node->op == IR_index) return index_row(n, node, &at);
        if (node->op == IR_read) return read_slot(n, node, &at);
        at = through(n, node, &at);
        v = node->arg[0];
    }
}

LoopReg *nest_key(Nest *n, int stream)
{
    LoopIndex byte = loop_of(loop_word(&n->b, FRAME_KEYS + 8 * stream));
    return loop_frame(&n->b, &byte);
}
