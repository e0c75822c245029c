/* emit_dot.c - contractions as register tiles.
 *
 * A chain acc = fma(a, b, acc) in order of k is the exact meaning of a product, so tiling its rows and columns changes no
 * bit. DOT holds `rows` vectors of 16 samples, one a feature of the result, and walks k: one load, `rows` broadcasts, `rows`
 * fmas a turn. OUTER does the same over the samples of a tile, with 16 columns of b (transposed before) in the vector.
 * The loops around are lists of dims with a stride in each memory; neighbours that one stride walks become one loop. */
#include "compiler/llvm/emit.h"
#include "base/bug.h"

typedef struct { int64_t extent, s[3]; } Dim;               /* strides in up to three memories */
typedef struct { int n; Dim d[K_MAX_COMP + IR_MAX_RANK]; } Dims;

static void add_dim(Dims *l, int64_t extent, int64_t s0, int64_t s1, int64_t s2)
{
    if (extent == 1) return;
    Dim d = {extent, {s0, s1, s2}};
    if (l->n) {                                             /* does the last one continue in this one? */
        Dim *p = &l->d[l->n - 1];
        bool joined = extent > 0;
        for (int i = 0; i < 3; i++) joined &= p->s[i] == d.s[i] * extent;
        if (joined) {
            d.extent = p->extent * extent;
            *p = d;
            return;
        }
    }
    l->d[l->n++] = d;
}

/* The innermost loop of a list, taken out of it; extent 1 if there is none. */
static Dim take_last(Dims *l) { return l->n ? l->d[--l->n] : (Dim){1, {0, 0, 0}}; }

/* ---- which dim is what ------------------------------------------------------------------------------------------ */

typedef struct { int n; int dim[IR_MAX_RANK]; } Free;

static Free free_dims(const IrNode *n, int side, int rank)
{
    Free f = {0};
    bool taken[IR_MAX_RANK] = {0};
    const IrAttrs *a = &n->attr;
    for (int i = 0; i < a->batch.n; i++) taken[side ? a->batch.b[i] : a->batch.a[i]] = true;
    for (int i = 0; i < a->contract.n; i++) taken[side ? a->contract.b[i] : a->contract.a[i]] = true;
    for (int i = 0; i < rank; i++)
        if (!taken[i]) f.dim[f.n++] = i;
    return f;
}

static int axis_at(const IrType *t, int axis)
{
    for (int i = 0; i < t->axes.n; i++)
        if (t->axes.id[i] == axis) return i;
    return -1;
}

/* ---- DOT -------------------------------------------------------------------------------------------------------- */

typedef struct DotCode {
    IrElem       elem;
    Dims         outer, inner;                              /* strides in x, w, out; inner: x and w */
    Dim          row;                                       /* over the matrix' last free dims */
    bool         packed;
    LLVMValueRef x, w, out, steps;                          /* steps: of the innermost loop */
} DotCode;

typedef struct { LLVMValueRef off[3]; } Offsets;

static Offsets advance(Emit *e, Offsets o, LLVMValueRef i, const Dim *d)
{
    for (int k = 0; k < 3; k++) o.off[k] = emit_add(e, o.off[k], emit_mul(e, i, d->s[k]));
    return o;
}

static LLVMValueRef broadcast_load(Emit *e, IrElem t, LLVMValueRef base, LLVMValueRef off)
{
    return emit_splat(e, emit_load_raw(e, t, emit_at(e, t, base, off), 1, (unsigned)ir_elem_bytes(t)));
}

static void dot_chain(Emit *e, const DotCode *c, int depth, Offsets o, unsigned rows, LLVMValueRef *acc)
{
    if (depth == c->inner.n) {
        LLVMValueRef x = emit_load_raw(e, c->elem, emit_at(e, c->elem, c->x, o.off[0]), K_LANES, 64);
        for (unsigned r = 0; r < rows; r++) {
            LLVMValueRef w =
                broadcast_load(e, c->elem, c->w, emit_add(e, o.off[1], emit_i64(e, (int64_t)r * c->row.s[1])));
            acc[r] = emit_fma(e, w, x, acc[r]);
        }
        return;
    }
    const Dim *d = &c->inner.d[depth];
    Loop l = d->extent > 1 && depth == c->inner.n - 1
                 ? loop_sure(e, c->steps, (int)rows, acc)
                 : loop_begin(e, emit_i64(e, 0), emit_i64(e, d->extent), 1, (int)rows, acc);
    LLVMValueRef next[EMIT_MAX_CARRY];
    for (unsigned r = 0; r < rows; r++) next[r] = l.carry[r];
    dot_chain(e, c, depth + 1, advance(e, o, l.iv, d), rows, next);
    loop_end(e, &l, next);
    for (unsigned r = 0; r < rows; r++) acc[r] = l.carry[r];
}

static void dot_tile(Emit *e, const DotCode *c, Offsets o, unsigned rows)
{
    LLVMValueRef acc[EMIT_MAX_CARRY];
    for (unsigned r = 0; r < rows; r++) acc[r] = emit_zero(e, c->elem);
    dot_chain(e, c, 0, o, rows, acc);
    for (unsigned r = 0; r < rows; r++) {
        LLVMValueRef at = emit_at(e, c->elem, c->out, emit_add(e, o.off[2], emit_i64(e, (int64_t)r * c->row.s[2])));
        emit_store_raw(e, c->elem, acc[r], at, 64);
    }
}

typedef void (*TileFn)(Emit *e, const void *code, Offsets o, unsigned rows);

/* n rows as blocks of `most`, of 4, and the rest at once. */
static void row_blocks(Emit *e, const void *code, const Dim *row, Offsets o, unsigned most, TileFn tile)
{
    int64_t n = row->extent, at = 0;
    int64_t by_most = n / most, rest = n % most;
    if (most > 4 && by_most && rest && rest < 4 && (rest + most) % 4 == 0) { by_most--; rest += most; }
    int64_t by_four = most > 4 ? rest / 4 : 0;
    rest -= 4 * by_four;
    struct { int64_t count; unsigned rows; } part[3] = {{by_most, most}, {by_four, 4}, {rest ? 1 : 0, (unsigned)rest}};
    for (int i = 0; i < 3; i++) {
        if (!part[i].count) continue;
        int64_t end = at + part[i].count * part[i].rows;
        if (part[i].count == 1) {
            tile(e, code, advance(e, o, emit_i64(e, at), row), part[i].rows);
        } else {
            Loop l = loop_begin(e, emit_i64(e, at), emit_i64(e, end), part[i].rows, 0, NULL);
            tile(e, code, advance(e, o, l.iv, row), part[i].rows);
            loop_end(e, &l, NULL);
        }
        at = end;
    }
}

/* In a packed matrix the rows of a tile lie together, k by k, block behind block. */
static void dot_tile_fn(Emit *e, const void *code, Offsets o, unsigned rows)
{
    DotCode c = *(const DotCode *)code;
    if (c.packed) {
        c.inner.d[0].s[1] = rows;
        c.row.s[1] = 1;
    }
    dot_tile(e, &c, o, rows);
}

static unsigned most_rows(const Emit *e, IrElem t) { return t == IR_F64 ? e->rows / 2 : e->rows; }

static void dot_outer(Emit *e, const DotCode *c, int depth, Offsets o)
{
    if (depth == c->outer.n) {
        row_blocks(e, c, &c->row, o, most_rows(e, c->elem), dot_tile_fn);
        return;
    }
    Loop l = loop_to(e, c->outer.d[depth].extent);
    dot_outer(e, c, depth + 1, advance(e, o, l.iv, &c->outer.d[depth]));
    loop_end(e, &l, NULL);
}

void emit_dot(Emit *e)
{
    const IrNode *n = e->k->nodes.v[0];
    const IrAttrs *a = &n->attr;
    int lane = e->k->lane_axis;
    if (!e->k->stores.n) return;
    const KMem *out = e->k->stores.v[0].mem;
    int xs = axis_at(&n->arg[0]->type, lane) >= 0 ? 0 : 1, ws = 1 - xs;
    const IrType *tx = &n->arg[xs]->type, *tw = &n->arg[ws]->type, *to = &n->result[0].type;
    KView x, w;
    if (!kernel_view(e->p, n->arg[xs], &x) || !kernel_view(e->p, n->arg[ws], &w)) BUG("emit: dot without views");
    e->panel = e->arg[0];
    e->slot = e->arg[1];
    DotCode c = {.elem = to->elem};
    c.x = emit_at(e, c.elem, emit_panel(e, x.mem), emit_i64(e, x.offset));
    c.w = emit_at(e, c.elem, emit_base(e, w.mem), emit_i64(e, w.offset));
    c.out = emit_panel(e, out);
    for (int i = 0; i < to->axes.n; i++) {
        if (to->axes.id[i] == lane) continue;
        int ix_ = axis_at(tx, to->axes.id[i]), iw = axis_at(tw, to->axes.id[i]);
        add_dim(&c.outer, ir_extent(e->m, to->axes.id[i]), ix_ < 0 ? 0 : x.axis[ix_], iw < 0 ? 0 : w.axis[iw],
                out->axis[i]);
    }
    for (int i = 0; i < a->batch.n; i++) {
        int dx = xs ? a->batch.b[i] : a->batch.a[i], dw = xs ? a->batch.a[i] : a->batch.b[i];
        add_dim(&c.outer, to->dim[i], x.dim[dx], w.dim[dw], out->dim[i]);
    }
    Free fx = free_dims(n, xs, tx->rank), fw = free_dims(n, ws, tw->rank);
    int ox = a->batch.n + (xs ? fw.n : 0), ow = a->batch.n + (xs ? 0 : fx.n);
    Dims rows = {0};
    for (int i = 0; i < fx.n; i++) add_dim(&c.outer, tx->dim[fx.dim[i]], x.dim[fx.dim[i]], 0, out->dim[ox + i]);
    for (int i = 0; i < fw.n; i++) add_dim(&rows, tw->dim[fw.dim[i]], 0, w.dim[fw.dim[i]], out->dim[ow + i]);
    c.row = take_last(&rows);
    for (int i = 0; i < rows.n; i++) c.outer.d[c.outer.n++] = rows.d[i];
    for (int i = 0; i < a->contract.n; i++) {
        int dx = xs ? a->contract.b[i] : a->contract.a[i], dw = xs ? a->contract.a[i] : a->contract.b[i];
        add_dim(&c.inner, tx->dim[dx], x.dim[dx], w.dim[dw], 0);
    }
    if (e->k->packed) {
        c.packed = true;
        c.w = emit_base(e, e->k->packed);
        c.row.s[1] = c.inner.d[0].extent;
    }
    if (c.inner.n) c.steps = emit_entry(e, c.inner.d[c.inner.n - 1].extent);
    LLVMValueRef z = emit_i64(e, 0);
    dot_outer(e, &c, 0, (Offsets){{z, z, z}});
}

/* ---- PACK ------------------------------------------------------------------------------------------------------- */

typedef struct { IrElem elem; Dim row, step; LLVMValueRef from, to; } PackCode;

/* `rows` neighbours of every k, one k behind the other. */
static void pack_tile(Emit *e, const void *code, Offsets o, unsigned rows)
{
    const PackCode *c = code;
    unsigned cell = (unsigned)ir_elem_bytes(c->elem);
    Loop l = loop_to(e, c->step.extent);
    LLVMValueRef from = emit_add(e, o.off[0], emit_mul(e, l.iv, c->step.s[0])),
                 to = emit_add(e, o.off[1], emit_mul(e, l.iv, rows));
    for (unsigned r = 0; r < rows;) {
        unsigned n = rows - r >= 4 ? 4 : rows - r >= 2 ? 2 : 1;
        LLVMValueRef at = emit_i64(e, r);
        LLVMValueRef v = emit_load_raw(e, c->elem, emit_at(e, c->elem, c->from, emit_add(e, from, at)), n, cell);
        emit_store_raw(e, c->elem, v, emit_at(e, c->elem, c->to, emit_add(e, to, at)), cell);
        r += n;
    }
    loop_end(e, &l, NULL);
}

void emit_pack(Emit *e)
{
    const IrNode *n = e->k->nodes.v[0];
    int side = (int)e->k->units, k = side ? n->attr.contract.b[0] : n->attr.contract.a[0];
    const IrType *t = &n->arg[side]->type;
    KView w;
    if (!kernel_view(e->p, n->arg[side], &w)) BUG("emit: pack without a view");
    PackCode c = {.elem = t->elem, .row = {t->dim[1 - k], {1, t->dim[k], 0}}, .step = {t->dim[k], {w.dim[k], 0, 0}}};
    c.from = emit_at(e, c.elem, emit_base(e, w.mem), emit_i64(e, w.offset));
    c.to = emit_base(e, e->k->mem);
    LLVMValueRef z = emit_i64(e, 0);
    row_blocks(e, &c, &c.row, (Offsets){{z, z, z}}, most_rows(e, c.elem), pack_tile);
}

/* ---- TRANSPOSE -------------------------------------------------------------------------------------------------- */

/* 8x8 in three rounds (unpack, shuffle, exchange halves). */
static void transpose8(Emit *e, LLVMValueRef *r)
{
    static const int lo[8] = {0, 8, 1, 9, 4, 12, 5, 13}, hi[8] = {2, 10, 3, 11, 6, 14, 7, 15};
    static const int a01[8] = {0, 1, 8, 9, 4, 5, 12, 13}, a23[8] = {2, 3, 10, 11, 6, 7, 14, 15};
    static const int low[8] = {0, 1, 2, 3, 8, 9, 10, 11}, high[8] = {4, 5, 6, 7, 12, 13, 14, 15};
    LLVMValueRef t[8], u[8];
    for (int i = 0; i < 4; i++) {
        t[2 * i] = emit_shuffle(e, r[2 * i], r[2 * i + 1], lo, 8);
        t[2 * i + 1] = emit_shuffle(e, r[2 * i], r[2 * i + 1], hi, 8);
    }
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++) {
            u[4 * i + 2 * j] = emit_shuffle(e, t[4 * i + j], t[4 * i + 2 + j], a01, 8);
            u[4 * i + 2 * j + 1] = emit_shuffle(e, t[4 * i + j], t[4 * i + 2 + j], a23, 8);
        }
    for (int i = 0; i < 4; i++) {
        r[i] = emit_shuffle(e, u[i], u[4 + i], low, 8);
        r[4 + i] = emit_shuffle(e, u[i], u[4 + i], high, 8);
    }
}

typedef struct TransposeCode {
    IrElem       elem;
    Dims         outer;                                     /* strides: in, out */
    Dim          col;                                       /* the free dims: stride in */
    LLVMValueRef in, out;
} TransposeCode;

/* `cols` features from `in` on, of 16 samples each, to 16 rows of 16 columns, zeros beyond. */
static void transpose_block(Emit *e, const TransposeCode *c, LLVMValueRef in, LLVMValueRef out, int64_t cols)
{
    for (int half = 0; half < 2; half++)
        for (int part = 0; part < 2; part++) {
            LLVMValueRef r[8];
            for (int i = 0; i < 8; i++) {
                int64_t col = part * 8 + i;
                LLVMValueRef at = emit_add(e, in, emit_i64(e, col * c->col.s[0] + half * 8));
                r[i] = col < cols ? emit_load_raw(e, c->elem, emit_at(e, c->elem, c->in, at), 8, 32)
                                  : LLVMConstNull(LLVMVectorType(emit_scalar(e, c->elem), 8));
            }
            transpose8(e, r);
            for (int i = 0; i < 8; i++) {
                LLVMValueRef at = emit_add(e, out, emit_i64(e, (half * 8 + i) * K_LANES + part * 8));
                emit_store_raw(e, c->elem, r[i], emit_at(e, c->elem, c->out, at), 32);
            }
        }
}

static void transpose_outer(Emit *e, const TransposeCode *c, int depth, Offsets o)
{
    if (depth < c->outer.n) {
        Loop l = loop_to(e, c->outer.d[depth].extent);
        transpose_outer(e, c, depth + 1, advance(e, o, l.iv, &c->outer.d[depth]));
        loop_end(e, &l, NULL);
        return;
    }
    int64_t blocks = c->col.extent / K_LANES, rest = c->col.extent % K_LANES;
    if (blocks) {
        Loop l = loop_sure(e, emit_entry(e, blocks), 0, NULL);
        transpose_block(e, c, emit_add(e, o.off[0], emit_mul(e, l.iv, K_LANES * c->col.s[0])),
                        emit_add(e, o.off[1], emit_mul(e, l.iv, K_LANES * K_TILE)), K_LANES);
        loop_end(e, &l, NULL);
    }
    if (rest)
        transpose_block(e, c, emit_add(e, o.off[0], emit_i64(e, blocks * K_LANES * c->col.s[0])),
                        emit_add(e, o.off[1], emit_i64(e, blocks * K_LANES * K_TILE)), rest);
}

/* How b of an OUTER lies once transposed: [axes it shares with the result, batch][reduced axes, contract][block of 16
 * columns][64 samples][16 columns]. Strides of each outer part, in the order of the type. */
typedef struct Columns { int64_t axis[IR_MAX_AXES], dim[IR_MAX_RANK]; Dim col; } Columns;

static Columns columns_of(Emit *e, const IrNode *n, const IrType *t, const KMem *mem)
{
    Columns c = {.col = {1, {K_LANES, 0, 0}}};
    Free f = free_dims(n, 1, t->rank);
    bool isfree[IR_MAX_RANK] = {0};
    for (int i = 0; i < f.n; i++) {
        isfree[f.dim[i]] = true;
        c.col.extent *= t->dim[f.dim[i]];
    }
    if (f.n) c.col.s[0] = mem->dim[f.dim[f.n - 1]];
    int64_t stride = (c.col.extent + K_LANES - 1) / K_LANES * K_TILE * K_LANES;
    for (int i = t->rank - 1; i >= 0; i--)
        if (!isfree[i]) { c.dim[i] = stride; stride *= t->dim[i]; }
    for (int i = t->axes.n - 1; i >= 0; i--)
        if (t->axes.id[i] != mem->tile) { c.axis[i] = stride; stride *= ir_extent(e->m, t->axes.id[i]); }
    return c;
}

void emit_transpose(Emit *e)
{
    const IrVal *v = e->k->val;
    const KMem *in = kernel_value(e->p, v)->mem;
    const IrType *t = &v->type;
    const IrNode *n = e->k->nodes.v[0];
    Columns cols = columns_of(e, n, t, in);
    TransposeCode c = {.elem = t->elem, .col = cols.col};
    e->panel = e->arg[0];
    e->slot = e->arg[1];
    c.in = emit_panel(e, in);
    c.out = emit_at(e, t->elem, emit_base(e, e->k->mem), emit_mul(e, e->slot, K_LANES * K_LANES));
    Free f = free_dims(n, 1, t->rank);
    for (int i = 0; i < t->axes.n; i++)
        if (t->axes.id[i] != in->tile) add_dim(&c.outer, ir_extent(e->m, t->axes.id[i]), in->axis[i], cols.axis[i], 0);
    for (int i = 0; i < t->rank; i++) {
        bool isfree = false;
        for (int j = 0; j < f.n; j++) isfree |= f.dim[j] == i;
        if (!isfree) add_dim(&c.outer, t->dim[i], in->dim[i], cols.dim[i], 0);
    }
    LLVMValueRef z = emit_i64(e, 0);
    transpose_outer(e, &c, 0, (Offsets){{z, z, z}});
}

/* ---- OUTER ------------------------------------------------------------------------------------------------------ */

typedef struct OuterPair {
    LLVMValueRef a_base, b_base;
    int64_t      a_panel, row;                              /* strides of a: panel, row */
    Dims         inner;                                     /* within a sample: strides in a and b */
} OuterPair;

typedef struct OuterCode {
    IrElem       elem;
    int          pairs;
    OuterPair   *pair;
    Dims        *outer;                                     /* per pair: strides in a, b, out; the extents are the same */
    Dim          row;
    int64_t      blocks;                                    /* of 16 columns */
    LLVMValueRef out, valid, first, block;
} OuterCode;

static void outer_chain(Emit *e, const OuterCode *c, const OuterPair *p, int depth, LLVMValueRef a, LLVMValueRef b,
                        unsigned rows, LLVMValueRef *acc)
{
    if (depth == p->inner.n) {
        LLVMValueRef y = emit_load_raw(e, c->elem, emit_at(e, c->elem, p->b_base, b), K_LANES, 64);
        for (unsigned r = 0; r < rows; r++)
            acc[r] =
                emit_fma(e, broadcast_load(e, c->elem, p->a_base, emit_add(e, a, emit_i64(e, r * p->row))), y, acc[r]);
        return;
    }
    const Dim *d = &p->inner.d[depth];
    Loop l = loop_begin(e, emit_i64(e, 0), emit_i64(e, d->extent), 1, (int)rows, acc);
    LLVMValueRef next[EMIT_MAX_CARRY];
    for (unsigned r = 0; r < rows; r++) next[r] = l.carry[r];
    outer_chain(e, c, p, depth + 1, emit_add(e, a, emit_mul(e, l.iv, d->s[0])),
                emit_add(e, b, emit_mul(e, l.iv, d->s[1])), rows, next);
    loop_end(e, &l, next);
    for (unsigned r = 0; r < rows; r++) acc[r] = l.carry[r];
}

/* One pair's samples of this tile. */
static void outer_pair(Emit *e, const OuterCode *c, int i, LLVMValueRef a, LLVMValueRef b, unsigned rows,
                       LLVMValueRef *acc)
{
    const OuterPair *p = &c->pair[i];
    Loop q = loop_begin(e, emit_i64(e, 0), c->valid, K_LANES, (int)rows, acc);
    LLVMValueRef aq = emit_add(e, a, emit_mul(e, emit_div(e, q.iv, K_LANES), p->a_panel));
    LLVMValueRef bq = emit_add(e, b, emit_mul(e, q.iv, K_LANES));
    LLVMValueRef count = emit_min(e, LLVMBuildNSWSub(e->b, c->valid, q.iv, ""), emit_i64(e, K_LANES));
    Loop s = loop_begin(e, emit_i64(e, 0), count, 1, (int)rows, q.carry);
    LLVMValueRef next[EMIT_MAX_CARRY];
    for (unsigned r = 0; r < rows; r++) next[r] = s.carry[r];
    outer_chain(e, c, p, 0, emit_add(e, aq, s.iv), emit_add(e, bq, emit_mul(e, s.iv, K_LANES)), rows, next);
    loop_end(e, &s, next);
    loop_end(e, &q, s.carry);
    for (unsigned r = 0; r < rows; r++) acc[r] = q.carry[r];
}

typedef struct { const OuterCode *code; const Offsets *at; } OuterTile;       /* at: in a, b, out, of each pair */

static void outer_tile(Emit *e, const void *code, Offsets o, unsigned rows)
{
    const OuterTile *t = code;
    const OuterCode *c = t->code;
    LLVMValueRef acc[EMIT_MAX_CARRY], where[EMIT_MAX_CARRY], row = o.off[0];
    LLVMValueRef out =
        emit_add(e, t->at[0].off[2], emit_add(e, emit_mul(e, row, c->row.s[2]), emit_mul(e, c->block, K_LANES)));
    for (unsigned r = 0; r < rows; r++) {
        where[r] = emit_at(e, c->elem, c->out, emit_add(e, out, emit_i64(e, r * c->row.s[2])));
        LLVMValueRef old = emit_load_raw(e, c->elem, where[r], K_LANES, 64);
        acc[r] = LLVMBuildSelect(e->b, c->first, emit_zero(e, c->elem), old, "");
    }
    for (int i = 0; i < c->pairs; i++) {
        LLVMValueRef a = emit_add(e, t->at[i].off[0], emit_mul(e, row, c->pair[i].row));
        LLVMValueRef b = emit_add(e, t->at[i].off[1], emit_mul(e, c->block, K_TILE * K_LANES));
        outer_pair(e, c, i, a, b, rows, acc);
    }
    for (unsigned r = 0; r < rows; r++) emit_store_raw(e, c->elem, acc[r], where[r], 64);
}

static void outer_outer(Emit *e, OuterCode *c, int depth, const Offsets *at)
{
    if (depth < c->outer[0].n) {
        Loop l = loop_to(e, c->outer[0].d[depth].extent);
        Offsets *next = arena_array(e->arena, Offsets, c->pairs);
        for (int i = 0; i < c->pairs; i++) next[i] = advance(e, at[i], l.iv, &c->outer[i].d[depth]);
        outer_outer(e, c, depth + 1, next);
        loop_end(e, &l, NULL);
        return;
    }
    Loop l = loop_to(e, c->blocks);
    c->block = l.iv;
    OuterTile t = {c, at};
    LLVMValueRef z = emit_i64(e, 0);
    Dim row = {c->row.extent, {1, 0, 0}};
    row_blocks(e, &t, &row, (Offsets){{z, z, z}}, most_rows(e, c->elem), outer_tile);
    loop_end(e, &l, NULL);
}

/* Outer loops are kept apart (not joined), so that every pair has the same ones. */
static void plain_dim(Dims *l, int64_t extent, int64_t s0, int64_t s1, int64_t s2)
{
    l->d[l->n++] = (Dim){extent, {s0, s1, s2}};
}

void emit_outer(Emit *e)
{
    const IrNode *n = e->k->nodes.v[0];
    const IrAttrs *at = &n->attr;
    const KAccum *acc = e->k->sinks.v[0];
    const KMem *out = acc->partial;
    const IrType *to = &n->result[0].type;
    OuterCode c = {.elem = to->elem, .pairs = n->n_args / 2};
    c.pair = arena_array(e->arena, OuterPair, c.pairs);
    c.outer = arena_array(e->arena, Dims, c.pairs);
    e->panel = e->arg[0];
    e->slot = emit_i64(e, 0);
    c.valid = e->arg[1];
    c.first = LLVMBuildICmp(e->b, LLVMIntNE, e->arg[2], emit_i64(e, 0), "");
    c.out = emit_at(e, c.elem, emit_base(e, out), LLVMBuildMul(e->b, e->arg[3], emit_entry(e, acc->shard_stride), ""));
    c.blocks = acc->pad / K_LANES;
    for (int i = 0; i < c.pairs; i++) {
        const IrVal *va = kernel_resolve(e->p, n->arg[2 * i]), *vb = kernel_resolve(e->p, n->arg[2 * i + 1]);
        const IrType *ta = &va->type, *tb = &vb->type;
        const KMem *ma = kernel_value(e->p, va)->mem, *mb = kernel_value(e->p, vb)->mem;
        OuterPair *p = &c.pair[i];
        Columns cols = columns_of(e, n, tb, mb);
        p->a_panel = ma->panel;
        p->a_base = emit_panel(e, ma);
        p->b_base = emit_base(e, e->k->columns.v[i]);
        IrAxes over = at->pair_over[i];
        for (int j = 0; j < to->axes.n; j++) {
            int ja = axis_at(ta, to->axes.id[j]), jb = axis_at(tb, to->axes.id[j]);
            plain_dim(&c.outer[i], ir_extent(e->m, to->axes.id[j]), ja < 0 ? 0 : ma->axis[ja],
                      jb < 0 ? 0 : cols.axis[jb], out->axis[j]);
        }
        for (int j = 0; j < at->batch.n; j++)
            plain_dim(&c.outer[i], to->dim[j], ma->dim[at->batch.a[j]], cols.dim[at->batch.b[j]], out->dim[j]);
        for (int j = 1; j < over.n; j++) {
            int ja = axis_at(ta, over.id[j]), jb = axis_at(tb, over.id[j]);
            add_dim(&p->inner, ir_extent(e->m, over.id[j]), ja < 0 ? 0 : ma->axis[ja], jb < 0 ? 0 : cols.axis[jb], 0);
        }
        for (int j = 0; j < at->contract.n; j++)
            add_dim(&p->inner, ta->dim[at->contract.a[j]], ma->dim[at->contract.a[j]], cols.dim[at->contract.b[j]], 0);
        Free f = free_dims(n, 0, ta->rank);
        int64_t rows = 1;
        for (int j = 0; j < f.n; j++) rows *= ta->dim[f.dim[j]];
        p->row = f.n ? ma->dim[f.dim[f.n - 1]] : 0;
        c.row = (Dim){rows, {0, 0, f.n ? out->dim[at->batch.n + f.n - 1] : 0}};
    }
    LLVMValueRef z = emit_i64(e, 0);
    Offsets *zero = arena_array(e->arena, Offsets, c.pairs);
    for (int i = 0; i < c.pairs; i++) zero[i] = (Offsets){{z, z, z}};
    outer_outer(e, &c, 0, zero);
}

/* ---- INNER: 16 chains a result, lane = sample mod 16 ------------------------------------------------------------ */

typedef struct InnerPair {
    LLVMValueRef base[2];
    int64_t panel[2];
    int64_t stride[2][K_MAX_COMP];
    Dims inner;
} InnerPair;

typedef struct InnerCode {
    IrElem       elem;
    int          pairs, n;
    InnerPair   *pair;
    int64_t      extent[K_MAX_COMP], out[K_MAX_COMP];
    LLVMValueRef base, valid;
} InnerCode;

static LLVMValueRef inner_chain(Emit *e, const InnerCode *c, const InnerPair *p, int depth, LLVMValueRef a,
                                LLVMValueRef b, LLVMValueRef acc)
{
    if (depth == p->inner.n) {
        LLVMValueRef x = emit_load_raw(e, c->elem, emit_at(e, c->elem, p->base[0], a), K_LANES, 64);
        LLVMValueRef y = emit_load_raw(e, c->elem, emit_at(e, c->elem, p->base[1], b), K_LANES, 64);
        return emit_fma(e, x, y, acc);
    }
    const Dim *d = &p->inner.d[depth];
    Loop l = loop_begin(e, emit_i64(e, 0), emit_i64(e, d->extent), 1, 1, &acc);
    LLVMValueRef next = inner_chain(e, c, p, depth + 1, emit_add(e, a, emit_mul(e, l.iv, d->s[0])),
                                    emit_add(e, b, emit_mul(e, l.iv, d->s[1])), l.carry[0]);
    loop_end(e, &l, &next);
    return l.carry[0];
}

static LLVMValueRef inner_pair(Emit *e, const InnerCode *c, const InnerPair *p, LLVMValueRef const *off,
                               LLVMValueRef acc, int64_t extent)
{
    Loop q = loop_begin(e, emit_i64(e, 0), c->valid, K_LANES, 1, &acc);
    LLVMValueRef which = emit_div(e, q.iv, K_LANES);
    LLVMValueRef next = inner_chain(e, c, p, 0, emit_add(e, off[0], emit_mul(e, which, p->panel[0])),
                                    emit_add(e, off[1], emit_mul(e, which, p->panel[1])), q.carry[0]);
    if (extent % K_LANES) {                                 /* lanes beyond the extent keep what they have */
        LLVMValueRef left = emit_splat(e, LLVMBuildNSWSub(e->b, c->valid, q.iv, ""));
        next = LLVMBuildSelect(e->b, LLVMBuildICmp(e->b, LLVMIntSLT, emit_iota(e), left, ""), next, q.carry[0], "");
    }
    loop_end(e, &q, &next);
    return q.carry[0];
}

typedef struct { LLVMValueRef side[2]; } InnerAt;

static void inner_outer(Emit *e, const InnerCode *c, int depth, const InnerAt *off, LLVMValueRef out)
{
    if (depth == c->n) {
        LLVMValueRef at = emit_at(e, c->elem, c->base, out), acc = emit_load_raw(e, c->elem, at, K_LANES, 64);
        for (int i = 0; i < c->pairs; i++)
            acc = inner_pair(e, c, &c->pair[i], off[i].side, acc, ir_extent(e->m, e->k->lane_axis));
        emit_store_raw(e, c->elem, acc, at, 64);
        return;
    }
    Loop l = loop_to(e, c->extent[depth]);
    InnerAt *next = arena_array(e->arena, InnerAt, c->pairs);
    for (int i = 0; i < c->pairs; i++)
        for (int s = 0; s < 2; s++)
            next[i].side[s] = emit_add(e, off[i].side[s], emit_mul(e, l.iv, c->pair[i].stride[s][depth]));
    inner_outer(e, c, depth + 1, next, emit_add(e, out, emit_mul(e, l.iv, c->out[depth])));
    loop_end(e, &l, NULL);
}

void emit_inner(Emit *e)
{
    const IrNode *n = e->k->nodes.v[0];
    const IrAttrs *at = &n->attr;
    const KAccum *acc = e->k->sinks.v[0];
    const IrType *to = &n->result[0].type;
    InnerCode c = {.elem = to->elem, .pairs = n->n_args / 2, .n = to->axes.n + to->rank};
    c.pair = arena_array(e->arena, InnerPair, c.pairs);
    e->panel = e->arg[0];
    e->slot = emit_i64(e, 0);
    c.valid = e->arg[1];
    c.base = emit_base(e, acc->lanes);
    for (int j = 0; j < to->axes.n; j++) {
        c.extent[j] = ir_extent(e->m, to->axes.id[j]);
        c.out[j] = acc->lanes->axis[j];
    }
    for (int j = 0; j < to->rank; j++) {
        c.extent[to->axes.n + j] = to->dim[j];
        c.out[to->axes.n + j] = acc->lanes->dim[j];
    }
    for (int i = 0; i < c.pairs; i++) {
        InnerPair *p = &c.pair[i];
        const KMem *mem[2];
        for (int s = 0; s < 2; s++) {
            const IrVal *v = kernel_resolve(e->p, n->arg[2 * i + s]);
            const KMem *m = mem[s] = kernel_value(e->p, v)->mem;
            p->base[s] = emit_panel(e, m);
            p->panel[s] = m->panel;
            for (int j = 0; j < to->axes.n; j++) {
                int k = axis_at(&v->type, to->axes.id[j]);
                p->stride[s][j] = k < 0 ? 0 : m->axis[k];
            }
            for (int j = 0; j < at->batch.n; j++)
                p->stride[s][to->axes.n + j] = m->dim[s ? at->batch.b[j] : at->batch.a[j]];
            Free fa = free_dims(n, 0, n->arg[2 * i]->type.rank), f = free_dims(n, s, v->type.rank);
            int start = to->axes.n + at->batch.n + (s ? fa.n : 0);
            for (int j = 0; j < f.n; j++) p->stride[s][start + j] = m->dim[f.dim[j]];
        }
        IrAxes over = at->pair_over[i];
        const IrType *ta = &n->arg[2 * i]->type, *tb = &n->arg[2 * i + 1]->type;
        for (int j = 1; j < over.n; j++) {
            int ja = axis_at(ta, over.id[j]), jb = axis_at(tb, over.id[j]);
            add_dim(&p->inner, ir_extent(e->m, over.id[j]), ja < 0 ? 0 : mem[0]->axis[ja],
                    jb < 0 ? 0 : mem[1]->axis[jb], 0);
        }
        for (int j = 0; j < at->contract.n; j++)
            add_dim(&p->inner, ta->dim[at->contract.a[j]], mem[0]->dim[at->contract.a[j]],
                    mem[1]->dim[at->contract.b[j]], 0);
    }
    LLVMValueRef z = emit_i64(e, 0);
    InnerAt *off = arena_array(e->arena, InnerAt, c.pairs);
    for (int i = 0; i < c.pairs; i++) off[i] = (InnerAt){{z, z}};
    inner_outer(e, &c, 0, off, z);
}

/* ---- FINISH: lanes to numbers at the end of a shard ------------------------------------------------------------- */

void emit_finish(Emit *e)
{
    const KAccum *a = e->k->sinks.v[0];
    int64_t n = a->lanes->bytes / (int64_t)ir_elem_bytes(a->elem) / K_LANES;
    LLVMValueRef from = emit_base(e, a->lanes);
    LLVMValueRef to = emit_at(e, a->elem, emit_base(e, a->partial),
                              LLVMBuildMul(e->b, e->arg[0], emit_entry(e, a->shard_stride), ""));
    Loop l = loop_begin(e, emit_i64(e, 0), emit_entry(e, n), 1, 0, NULL);
    LLVMValueRef v = emit_load_raw(e, a->elem, emit_at(e, a->elem, from, emit_mul(e, l.iv, K_LANES)), K_LANES, 64);
    emit_store_raw(e, a->elem, emit_lanes16(e, v), emit_at(e, a->elem, to, l.iv), (unsigned)ir_elem_bytes(a->elem));
    loop_end(e, &l, NULL);
}
