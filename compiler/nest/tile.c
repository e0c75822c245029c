/* tile.c - contractions as register tiles.
 *
 * A chain acc = fma(a, b, acc) in order of k is the exact meaning of a product, so tiling its rows and columns changes no
 * bit. DOT holds a block of rows by 16 samples, a row a feature of the result, and walks k: one load, `rows` broadcasts, `rows`
 * fmas a turn; then an epilogue finds the tile in registers. OUTER does the same over the samples of a tile, with 16 columns of
 * b (transposed before) in the vector, and INNER, where one side is narrow, with samples in the vector: rows of the one side by rows of the other.
 * The loops around are lists of dims with a stride in each memory; neighbours that one stride walks become one loop. */
#include "compiler/nest/nest.h"
#include "base/bug.h"

typedef struct { int64_t extent, s[3]; int comp; } Dim;     /* strides in up to three memories; DOT: the component of the space it walks */
typedef struct { int n; Dim d[K_MAX_COMP + IR_MAX_RANK]; } Dims;

/* Kept apart from its neighbours. */
static void plain_dim(Dims *l, int64_t extent, int64_t s0, int64_t s1, int64_t s2)
{
    l->d[l->n++] = (Dim){extent, {s0, s1, s2}, 0};
}

static void add_dim(Dims *l, int64_t extent, int64_t s0, int64_t s1, int64_t s2)
{
    if (extent == 1) return;
    Dim d = {extent, {s0, s1, s2}, 0};
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
    plain_dim(l, extent, s0, s1, s2);
}

/* The innermost loop of a list, taken out of it; extent 1 if there is none. */
static Dim take_last(Dims *l) { return l->n ? l->d[--l->n] : (Dim){1, {0, 0, 0}, 0}; }

/* ---- which dim is what ------------------------------------------------------------------------------------------ */

typedef struct { int n; int dim[IR_MAX_RANK]; } Free;

static int window_dim(const IrAttrs *a, int side, int i) { return side ? a->windows[i].b : a->windows[i].a; }

static Free free_dims(const IrNode *node, int side, int rank)
{
    Free f = {0};
    bool taken[IR_MAX_RANK] = {0};
    const IrAttrs *a = node->attr;
    for (int i = 0; i < a->batch.n; i++) taken[side ? a->batch.b[i] : a->batch.a[i]] = true;
    for (int i = 0; i < a->contract.n; i++) taken[side ? a->contract.b[i] : a->contract.a[i]] = true;
    for (int i = 0; i < a->n_windows; i++) taken[window_dim(a, side, i)] = true;
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

/* ---- offsets, rows ---------------------------------------------------------------------------------------------- */

typedef struct { LoopIndex off[3]; } Offsets;
typedef struct { int buffer; LoopIndex from; } Memory;

static Memory memory_at(Nest *n, int buffer, LoopIndex from, int64_t more)
{
    return (Memory){buffer, loop_plus(&n->b, from, loop_at(more))};
}

static Memory panel_of(Nest *n, const KMem *m, int64_t more)
{
    LoopIndex from;
    int buffer = nest_panel(n, m, &from);
    return memory_at(n, buffer, from, more);
}

static LoopReg *load_from(Nest *n, Memory m, LoopIndex off, unsigned align)
{
    LoopIndex at = loop_plus(&n->b, m.from, off);
    return loop_load(&n->b, m.buffer, &at, align);
}

static LoopIndex plus_lanes(Nest *n, LoopIndex x) { return loop_plus(&n->b, x, nest_lanes(n)); }

static LoopIndex stepped(Nest *n, LoopIndex x, LoopIndex i, int64_t by) { return loop_plus(&n->b, x, loop_times(i, by)); }

static Offsets advance(Nest *n, Offsets o, LoopIndex i, const Dim *d)
{
    for (int k = 0; k < 3; k++) o.off[k] = stepped(n, o.off[k], i, d->s[k]);
    return o;
}

typedef void (*TileFn)(Nest *n, const void *code, Offsets o, int rows);

/* `size` rows as blocks of `most`, of 4, and the rest at once. */
static void row_blocks(Nest *n, const void *code, const Dim *row, Offsets o, int most, TileFn tile)
{
    int64_t size = row->extent, at = 0;
    int64_t by_most = size / most, rest = size % most;
    if (most > 4 && by_most && rest && rest < 4 && (rest + most) % 4 == 0) { by_most--; rest += most; }
    int64_t by_four = most > 4 ? rest / 4 : 0;
    rest -= 4 * by_four;
    struct { int64_t count; int rows; } part[3] = {{by_most, most}, {by_four, 4}, {rest ? 1 : 0, (int)rest}};
    for (int i = 0; i < 3; i++) {
        if (!part[i].count) continue;
        int64_t end = at + part[i].count * part[i].rows;
        if (part[i].count == 1) {
            tile(n, code, advance(n, o, loop_at(at), row), part[i].rows);
        } else {
            LoopIns *l = nest_par_from(n, loop_at(at), loop_at(end), part[i].rows);
            tile(n, code, advance(n, o, nest_counter(l), row), part[i].rows);
            nest_end(n, l);
        }
        at = end;
    }
}

static int most_rows(const Nest *n, IrElem t) { return t == IR_F64 ? n->rows / 2 : n->rows; }

/* Zeros over lanes and the rows of a block. */
static LoopReg *tile_zero(Nest *n, IrElem t, const LoopIns *block)
{
    return loop_over(&n->b, loop_zero(&n->b, t), 1u << LOOP_L | 1u << block->n);
}

static LoopIndex row_index(Nest *n, const LoopIns *block) { return loop_of(loop_dim(&n->b, (int)block->n)); }

/* ---- DOT -------------------------------------------------------------------------------------------------------- */

typedef struct DotWindow {                                  /* of a conv */
    const IrWindow *of;
    int64_t  na, nb, x, w;                                  /* extents in a and b; strides in x and w */
    int      comp;                                          /* the place in the result's space */
    NestTaps taps;
} DotWindow;

typedef struct DotCode {
    IrElem   elem;
    int      xs;                                            /* which operand is x */
    Dims     outer, inner;                                  /* strides in x, w and the result's running index; inner: x and w */
    Dim      row;                                           /* over the matrix' last free dims */
    int      n_windows;
    DotWindow window[4];                                    /* outside of `inner` */
    int      places;                                        /* of the last window that a tile has side by side, */
    Dim      place;                                         /* from one to the next: strides in x and the result's running index; extent: what its component grows by */
    bool     packed, apart;                                 /* apart: an epilogue needs every component of the space, or windows do */
    Memory   x, w;
    const KView *from;                                      /* x, at no panel yet */
    LoopReg *steps;                                         /* of the innermost loop */
    int      local;                                         /* where a rolled epilogue finds the tile */
} DotCode;

static LoopReg *dot_chain(Nest *n, const DotCode *c, int depth, Offsets o, LoopIndex row, LoopReg *acc)
{
    if (depth == c->inner.n) {
        LoopReg *x = load_from(n, c->x, plus_lanes(n, o.off[0]), 64);
        LoopReg *w = load_from(n, c->w, stepped(n, o.off[1], row, c->row.s[1]), (unsigned)ir_elem_bytes(c->elem));
        return loop_fma(&n->b, w, x, acc);
    }
    const Dim *d = &c->inner.d[depth];
    bool last = d->extent > 1 && depth == c->inner.n - 1;
    LoopIndex from = loop_at(0), to = last ? loop_of(c->steps) : loop_at(d->extent);
    LoopIns *l = loop_for(&n->b, &from, &to, 1, last, &acc, 1);
    return nest_end_fold(n, l, dot_chain(n, c, depth + 1, advance(n, o, nest_counter(l), d), row, &l->body->carry[0]));
}

/* The taps of window `window` and those after it, and what is contracted at each. */
static LoopReg *dot_taps(Nest *n, const DotCode *c, int window, Offsets o, LoopIndex row, LoopReg *acc)
{
    if (window == c->n_windows) return dot_chain(n, c, 0, o, row, acc);
    const DotWindow *w = &c->window[window];
    const NestTaps *t = &w->taps;
    Dim step = {0, {(c->xs ? t->step_k : t->step_i) * w->x, (c->xs ? t->step_i : t->step_k) * w->w, 0}, 0};
    o.off[0] = stepped(n, o.off[0], c->xs ? t->k : t->i, w->x);
    o.off[1] = stepped(n, o.off[1], c->xs ? t->i : t->k, w->w);
    LoopIns *l = nest_fold(n, loop_at(0), loop_of(t->count), 1, acc);
    return nest_end_fold(n, l, dot_taps(n, c, window + 1, advance(n, o, nest_counter(l), &step), row, &l->body->carry[0]));
}

typedef struct { const DotCode *code; Offsets at; LoopIndex first; } DotTile;      /* first: of its places */

/* Row `row` of the rows that begin at t->at, at place `place` of the tile. */
static void stand_at(Nest *n, const DotTile *t, LoopIndex row, LoopIndex place)
{
    const DotCode *c = t->code;
    n->flat = stepped(n, stepped(n, t->at.off[2], row, c->row.s[2]), place, c->place.s[2]);
    if (c->row.extent > 1) n->comp[c->row.comp] = ix(row);
    if (c->places > 1) n->comp[c->place.comp] = ix(stepped(n, t->first, place, c->place.extent));
}

static void epilogue(Nest *n, LoopReg *tile) { nest_map_on(n, n->k->epilogue, kernel_resolve(n->p, &n->k->nodes.v[0]->result[0]), tile); }

static LoopIndex local_cell(Nest *n, LoopIndex row, LoopIndex place, int rows)
{
    return plus_lanes(n, loop_times(loop_plus(&n->b, row, loop_times(place, rows)), K_LANES));
}

/* The rows of a tile one by one: from memory, as registers have no numbers. */
static void rolled_epilogue(Nest *n, const DotTile *t, LoopIndex from, int rows)
{
    LoopIns *p = t->code->places > 1 ? nest_par(n, t->code->places) : NULL;
    LoopIns *l = nest_par(n, rows);
    LoopIndex row = nest_counter(l), place = p ? nest_counter(p) : loop_at(0), at = local_cell(n, row, place, rows);
    stand_at(n, t, loop_plus(&n->b, from, row), place);
    epilogue(n, loop_load(&n->b, t->code->local, &at, 64));
    nest_end(n, l);
    if (p) nest_end(n, p);
}

/* In a packed matrix the rows of a tile lie together, k by k (taps outside), block behind block. */
static void stand_in_packed(DotCode *c, int rows)
{
    int64_t stride = rows;
    c->row.s[1] = 1;
    c->inner.d[0].s[1] = stride;
    stride *= c->inner.d[0].extent;
    for (int i = c->n_windows - 1; i >= 0; i--) {
        c->window[i].w = stride;
        stride *= c->window[i].nb;
    }
}

static int64_t packed_steps(const DotCode *c)
{
    int64_t k = c->inner.d[0].extent;
    for (int i = 0; i < c->n_windows; i++) k *= c->window[i].nb;
    return k;
}

static void dot_panel(Nest *n, const DotTile *t, Offsets o, int rows)
{
    DotCode c = *t->code;
    LoopIndex from = o.off[0];
    Offsets at = advance(n, t->at, from, &c.row);
    if (c.packed) stand_in_packed(&c, rows);
    LoopIns *side = c.places > 1 ? loop_block(&n->b, c.places) : NULL;
    LoopIns *block = loop_block(&n->b, rows);
    LoopIndex row = row_index(n, block), place = side ? row_index(n, side) : loop_at(0), cell = local_cell(n, row, place, rows);
    at.off[0] = stepped(n, at.off[0], place, c.place.s[0]);
    LoopReg *zero = tile_zero(n, c.elem, block);
    LoopReg *acc = dot_taps(n, &c, 0, at, row, side ? loop_over(&n->b, zero, zero->dims | 1u << side->n) : zero);
    stand_at(n, t, loop_plus(&n->b, from, row), place);
    n->is_flat = true;
    nest_results(n, 0, acc);
    n->is_flat = false;
    if (n->k->roll) loop_store(&n->b, c.local, &cell, acc, 64);
    else if (n->k->epilogue) epilogue(n, acc);
    loop_close(&n->b, block);
    if (side) loop_close(&n->b, side);
    if (n->k->roll) rolled_epilogue(n, t, from, rows);
}

/* The rows of a matrix that is far are near when the tile's next panel asks for them. */
static void dot_tile(Nest *n, const void *code, Offsets o, int rows)
{
    const DotTile *t = code;
    if (!n->k->split) { dot_panel(n, t, o, rows); return; }
    DotCode c = *t->code;
    LoopIns *l = nest_par_to(n, loop_arg(&n->b, 2));
    n->panel = loop_plus(&n->b, loop_of(loop_arg(&n->b, 0)), nest_counter(l));
    n->slot = nest_counter(l);
    n->comp[n->k->space.lane] = (Ix){.at = plus_lanes(n, loop_times(n->panel, K_LANES)), .lane = true};
    c.x = panel_of(n, c.from->mem, c.from->offset);
    dot_panel(n, &(DotTile){&c, t->at, t->first}, o, rows);
    nest_end(n, l);
}

/* An epilogue is written once for each height of a tile: one height, if one of half the registers or more will do. */
static int dot_rows(const Nest *n, const DotCode *c)
{
    int most = most_rows(n, c->elem), rows = most;
    if (!n->k->epilogue || c->packed) return most;
    while (2 * rows > most && c->row.extent % rows) rows--;
    return 2 * rows > most ? rows : most;
}

/* The kernel stands at place o of component `comp`: if that is a window's, its taps are known. */
static void stand_at_window(Nest *n, DotCode *c, int comp, LoopIndex o)
{
    for (int i = 0; i < c->n_windows; i++) {
        DotWindow *w = &c->window[i];
        if (w->comp == comp) w->taps = nest_taps(n, w->of, w->na, w->nb, o);
    }
}

/* Of few rows a tile has several places side by side that meet the same taps: how many, by what a place takes, a chain of fma being four long. */
static int dot_places(const Nest *n, const DotCode *c, const NestAlike *a)
{
    enum { WAIT = 4 };
    int most = most_rows(n, c->elem), best = 1;
    int64_t row = c->row.extent, alone = row > WAIT ? row : WAIT, least = (a->to - a->from) * alone;
    if (!row || 2 * row > most) return 1;
    for (int p = 2; p * row <= most; p++) {
        int64_t blocks = (a->to - a->from) / p, rest = (a->to - a->from) % p, work = blocks * (p * row > WAIT ? p * row : WAIT) + rest * alone;
        if (work > least || !blocks) continue;
        least = work;
        best = p;
    }
    return best;
}

static void dot_outer(Nest *n, DotCode *c, int depth, Offsets o, LoopIndex first);

static void at_place(Nest *n, DotCode *c, int depth, Offsets o, LoopIndex at)
{
    const Dim *d = &c->outer.d[depth];
    n->comp[d->comp] = ix(at);
    stand_at_window(n, c, d->comp, at);
    dot_outer(n, c, depth + 1, advance(n, o, at, d), at);
}

/* Places that have the same taps as tiles, then those at the borders one by one. */
static void by_places(Nest *n, DotCode *c, int depth, Offsets o, const NestAlike *a, int places)
{
    const DotWindow *w = &c->window[c->n_windows - 1];
    const Dim *d = &c->outer.d[depth];
    int64_t blocks = (a->to - a->from) / places, before = a->from * a->period, passed = blocks * places * a->period;
    LoopIns *r = nest_par(n, a->period), *l = nest_par(n, blocks);
    LoopIndex p = loop_plus(&n->b, loop_times(nest_counter(l), places), loop_at(a->from));
    c->places = places;
    c->place = (Dim){a->period, {a->step * w->x, 0, a->period * d->s[2]}, d->comp};
    at_place(n, c, depth, o, stepped(n, nest_counter(r), p, a->period));
    c->places = 1;
    c->place = (Dim){0};
    nest_end(n, l);
    nest_end(n, r);
    LoopIns *rest = nest_par(n, d->extent - passed);
    LoopReg *i = rest->body->counter, *behind = loop_binary(&n->b, IR_add, i, loop_int(&n->b, IR_I64, passed));
    at_place(n, c, depth, o, loop_of(loop_select(&n->b, loop_compare(&n->b, IR_LT, i, loop_int(&n->b, IR_I64, before)), i, behind)));
    nest_end(n, rest);
}

static void dot_outer(Nest *n, DotCode *c, int depth, Offsets o, LoopIndex first)
{
    if (depth == c->outer.n) {
        DotTile t = {c, o, first};
        Dim row = {c->row.extent, {1, 0, 0}, 0};
        row_blocks(n, &t, &row, (Offsets){0}, dot_rows(n, c), dot_tile);
        return;
    }
    const Dim *d = &c->outer.d[depth];
    const DotWindow *w = c->n_windows ? &c->window[c->n_windows - 1] : NULL;
    if (w && depth == c->outer.n - 1 && d->comp == w->comp && !c->xs) {
        NestAlike a = nest_alike(w->of, w->na, w->nb, d->extent);
        int places = dot_places(n, c, &a);
        if (places > 1) {
            by_places(n, c, depth, o, &a, places);
            return;
        }
    }
    LoopIns *l = nest_component(n, d->comp, d->extent);
    at_place(n, c, depth, o, nest_counter(l));
    nest_end(n, l);
}

/* A loop over component `comp` of the result, or over several that one stride walks. */
static void dot_dim(Nest *n, const DotCode *c, Dims *l, int comp, int64_t sx, int64_t sw)
{
    const KSpace *s = &n->k->space;
    int64_t flat = 1, extent = s->comp[comp].extent;
    for (int i = comp + 1; i < s->n; i++)
        if (i != s->lane) flat *= s->comp[i].extent;
    if (extent == 1) return;
    if (c->apart) plain_dim(l, extent, sx, sw, flat);
    else add_dim(l, extent, sx, sw, flat);
    l->d[l->n - 1].comp = comp;
}

static void dot_windows(Nest *n, const IrNode *node, const KView *x, const KView *w, DotCode *c)
{
    const IrAttrs *a = node->attr;
    int first = node->result[0].type.axes.n + a->batch.n;
    for (int i = 0; i < a->n_windows; i++) {
        const IrWindow *of = &a->windows[i];
        c->window[c->n_windows++] = (DotWindow){
            .of = of, .na = node->arg[0]->type.dim[of->a], .nb = node->arg[1]->type.dim[of->b],
            .x = x->dim[c->xs ? of->b : of->a], .w = w->dim[c->xs ? of->a : of->b], .comp = first + i};
        dot_dim(n, c, &c->outer, first + i, 0, 0);
        if (n->k->space.comp[first + i].extent == 1) stand_at_window(n, c, first + i, loop_at(0));     /* it has no loop */
    }
}

/* The loops around a tile: the result's other axes, batch dims, windows, x's free dims, all but the last of w's. */
static void dot_loops(Nest *n, const IrNode *node, const KView *x, const KView *w, DotCode *c)
{
    const IrAttrs *a = node->attr;
    int xs = c->xs, ws = 1 - xs;
    const IrType *tx = &node->arg[xs]->type, *tw = &node->arg[ws]->type, *to = &node->result[0].type;
    for (int i = 0; i < to->axes.n; i++) {
        if (to->axes.id[i] == n->k->lane_axis) continue;
        int jx = axis_at(tx, to->axes.id[i]), jw = axis_at(tw, to->axes.id[i]);
        dot_dim(n, c, &c->outer, i, jx < 0 ? 0 : x->axis[jx], jw < 0 ? 0 : w->axis[jw]);
    }
    int dims = to->axes.n;
    for (int i = 0; i < a->batch.n; i++) {
        int dx = xs ? a->batch.b[i] : a->batch.a[i], dw = xs ? a->batch.a[i] : a->batch.b[i];
        dot_dim(n, c, &c->outer, dims + i, x->dim[dx], w->dim[dw]);
    }
    dot_windows(n, node, x, w, c);
    Free fx = free_dims(node, xs, tx->rank), fw = free_dims(node, ws, tw->rank);
    int first = dims + a->batch.n + a->n_windows, ox = first + (xs ? fw.n : 0), ow = first + (xs ? 0 : fx.n);
    Dims rows = {0};
    for (int i = 0; i < fx.n; i++) dot_dim(n, c, &c->outer, ox + i, x->dim[fx.dim[i]], 0);
    for (int i = 0; i < fw.n; i++) dot_dim(n, c, &rows, ow + i, 0, w->dim[fw.dim[i]]);
    c->row = take_last(&rows);
    for (int i = 0; i < rows.n; i++) c->outer.d[c->outer.n++] = rows.d[i];
    for (int i = 0; i < a->contract.n; i++) {
        int dx = xs ? a->contract.b[i] : a->contract.a[i], dw = xs ? a->contract.a[i] : a->contract.b[i];
        add_dim(&c->inner, tx->dim[dx], x->dim[dx], w->dim[dw], 0);
    }
}

void nest_dot(Nest *n)
{
    const IrNode *node = n->k->nodes.v[0];
    const KKernel *then = n->k->epilogue;
    if (!n->k->stores.n && !then) return;
    int xs = axis_at(&node->arg[0]->type, n->k->lane_axis) >= 0 ? 0 : 1;
    KView x, w;
    if (!kernel_view(n->p, node->arg[xs], &x) || !kernel_view(n->p, node->arg[1 - xs], &w)) BUG("nest: dot without views");
    nest_at_panel(n);
    n->tiled = !n->k->split;
    for (int i = 0; i < n->k->space.n; i++)
        if (i != n->k->space.lane) n->comp[i] = ix_int(0);
    DotCode c = {.elem = node->result[0].type.elem, .xs = xs, .places = 1, .from = &x, .packed = n->k->packed, .apart = node->attr->n_windows || (then && !then->flat)};
    if (n->tiled) c.x = panel_of(n, x.mem, x.offset);
    c.w = memory_at(n, nest_base(n, c.packed ? n->k->packed : w.mem), loop_at(0), c.packed ? 0 : w.offset);
    dot_loops(n, node, &x, &w, &c);
    if (n->k->roll) c.local = loop_local(&n->b, c.elem, K_LANES * most_rows(n, c.elem));
    if (c.packed) c.row.s[1] = packed_steps(&c);
    if (c.inner.n) c.steps = loop_word(&n->b, c.inner.d[c.inner.n - 1].extent);
    dot_outer(n, &c, 0, (Offsets){0}, loop_at(0));
}

/* ---- PACK ------------------------------------------------------------------------------------------------------- */

typedef struct { IrElem elem; Dim row; Dims steps; Memory from; int to; } PackCode;

static void pack_rows(Nest *n, const PackCode *c, int depth, Offsets o, int rows)
{
    if (depth < c->steps.n) {
        Dim step = c->steps.d[depth];
        step.s[1] *= rows;
        LoopIns *l = nest_par(n, step.extent);
        pack_rows(n, c, depth + 1, advance(n, o, nest_counter(l), &step), rows);
        nest_end(n, l);
        return;
    }
    unsigned cell = (unsigned)ir_elem_bytes(c->elem);
    LoopIns *block = loop_block(&n->b, rows);
    LoopIndex row = row_index(n, block), at = loop_plus(&n->b, o.off[1], row);
    loop_store(&n->b, c->to, &at, load_from(n, c->from, stepped(n, o.off[0], row, c->row.s[0]), cell), cell);
    loop_close(&n->b, block);
}

/* Of each row 16 k at once, since they are neighbours: a line is touched once, and those of `rows` rows may all want one place in the cache. */
static void pack_lines(Nest *n, const PackCode *c, Offsets o, int rows)
{
    unsigned cell = (unsigned)ir_elem_bytes(c->elem);
    Dim step = c->steps.d[0], lines = {step.extent / K_LANES, {K_LANES, (int64_t)K_LANES * rows, 0}, 0};
    LoopIns *l = nest_par(n, lines.extent);
    Offsets at = advance(n, o, nest_counter(l), &lines);
    LoopIns *block = loop_block(&n->b, rows);
    LoopIndex row = row_index(n, block), to = loop_plus(&n->b, loop_plus(&n->b, at.off[1], row), loop_times(nest_lanes(n), rows));
    loop_store(&n->b, c->to, &to, load_from(n, c->from, plus_lanes(n, stepped(n, at.off[0], row, c->row.s[0])), cell), cell);
    loop_close(&n->b, block);
    nest_end(n, l);
    PackCode rest = *c;
    rest.steps.d[0].extent = step.extent % K_LANES;
    lines.s[0] = 1, lines.s[1] = rows;
    if (rest.steps.d[0].extent) pack_rows(n, &rest, 0, advance(n, o, loop_at(step.extent - step.extent % K_LANES), &lines), rows);
}

/* `rows` neighbours of every k, one k behind the other. */
static void pack_tile(Nest *n, const void *code, Offsets o, int rows)
{
    const PackCode *c = code;
    bool lines = c->row.s[0] != 1 && c->steps.n == 1 && c->steps.d[0].s[0] == 1;
    if (lines) pack_lines(n, c, o, rows);
    else pack_rows(n, c, 0, o, rows);
}

void nest_pack(Nest *n)
{
    const IrNode *node = n->k->nodes.v[0];
    const IrAttrs *a = node->attr;
    int side = n->k->side, k = side ? a->contract.b[0] : a->contract.a[0];
    const IrType *t = &node->arg[side]->type;
    int row = free_dims(node, side, t->rank).dim[0];
    KView w;
    if (!kernel_view(n->p, node->arg[side], &w)) BUG("nest: pack without a view");
    int64_t steps[5] = {t->dim[k]};                         /* of one tap, of those of the last window, and so on */
    for (int i = 0; i < a->n_windows; i++) steps[i + 1] = steps[i] * t->dim[window_dim(a, side, a->n_windows - 1 - i)];
    PackCode c = {.elem = t->elem, .row = {t->dim[row], {w.dim[row], steps[a->n_windows], 0}, 0}};
    for (int i = 0; i < a->n_windows; i++) {
        int d = window_dim(a, side, i);
        add_dim(&c.steps, t->dim[d], w.dim[d], steps[a->n_windows - 1 - i], 0);
    }
    add_dim(&c.steps, t->dim[k], w.dim[k], 1, 0);
    c.from = memory_at(n, nest_base(n, w.mem), loop_at(0), w.offset);
    c.to = nest_base(n, n->k->mem);
    row_blocks(n, &c, &c.row, (Offsets){0}, most_rows(n, c.elem), pack_tile);
}

/* ---- TRANSPOSE -------------------------------------------------------------------------------------------------- */

typedef struct TransposeCode {
    IrElem elem;
    Dims   outer;                                           /* strides: in, out */
    Dim    col;                                             /* the free dims: stride in */
    int64_t samples;                                        /* of a block of columns: a panel's, or all */
    Memory in, out;
} TransposeCode;

/* `cols` features from `in` on, of 16 samples each, to 16 rows of 16 columns, zeros beyond. */
static void transpose_block(Nest *n, const TransposeCode *c, LoopIndex in, LoopIndex out, int64_t cols)
{
    LoopIns *block = loop_block(&n->b, K_LANES);
    LoopReg *col = loop_dim(&n->b, (int)block->n);
    bool part = cols < K_LANES;
    LoopIndex from = loop_of(part ? nest_min(n, col, loop_int(&n->b, IR_I64, cols - 1)) : col);
    LoopReg *v = load_from(n, c->in, plus_lanes(n, stepped(n, in, from, c->col.s[0])), 32);
    if (part) {
        LoopReg *is = loop_op2(&n->b, LOOP_inside, col, loop_int(&n->b, IR_I64, cols));
        v = loop_select(&n->b, is, v, loop_zero(&n->b, c->elem));
    }
    LoopIndex at = loop_plus(&n->b, c->out.from, plus_lanes(n, stepped(n, out, loop_of(col), K_LANES)));
    loop_store(&n->b, c->out.buffer, &at, loop_turn(&n->b, v, (int)block->n), 32);
    loop_close(&n->b, block);
}

static void transpose_outer(Nest *n, const TransposeCode *c, int depth, Offsets o)
{
    if (depth < c->outer.n) {
        LoopIns *l = nest_par(n, c->outer.d[depth].extent);
        transpose_outer(n, c, depth + 1, advance(n, o, nest_counter(l), &c->outer.d[depth]));
        nest_end(n, l);
        return;
    }
    int64_t blocks = c->col.extent / K_LANES, rest = c->col.extent % K_LANES;
    if (blocks) {
        LoopIns *l = nest_par_to(n, loop_word(&n->b, blocks));
        transpose_block(n, c, stepped(n, o.off[0], nest_counter(l), K_LANES * c->col.s[0]),
                        stepped(n, o.off[1], nest_counter(l), K_LANES * c->samples), K_LANES);
        nest_end(n, l);
    }
    if (rest)
        transpose_block(n, c, loop_plus(&n->b, o.off[0], loop_at(blocks * K_LANES * c->col.s[0])),
                        loop_plus(&n->b, o.off[1], loop_at(blocks * K_LANES * c->samples)), rest);
}

/* How b of an OUTER lies once transposed: [panel of the tile][axes it shares with the result, batch][reduced axes, windows, contract]
 * [block of 16 columns][16 samples][16 columns]. Strides of each outer part, in the order of the type. */
typedef struct Columns { int64_t panel, axis[IR_MAX_AXES], dim[IR_MAX_RANK]; Dim col; } Columns;

static Columns columns_of(Nest *n, const IrNode *node, const IrType *t, const KMem *mem)
{
    Columns c = {.col = {1, {K_LANES, 0, 0}}};
    Free f = free_dims(node, 1, t->rank);
    bool isfree[IR_MAX_RANK] = {0};
    for (int i = 0; i < f.n; i++) {
        isfree[f.dim[i]] = true;
        c.col.extent *= t->dim[f.dim[i]];
    }
    if (f.n) c.col.s[0] = mem->dim[f.dim[f.n - 1]];
    int64_t stride = (c.col.extent + K_LANES - 1) / K_LANES * K_LANES * K_LANES;
    for (int i = t->rank - 1; i >= 0; i--)
        if (!isfree[i]) { c.dim[i] = stride; stride *= t->dim[i]; }
    for (int i = t->axes.n - 1; i >= 0; i--)
        if (t->axes.id[i] != mem->tile) { c.axis[i] = stride; stride *= ir_extent(n->m, t->axes.id[i]); }
    c.panel = stride;
    return c;
}

void nest_transpose(Nest *n)
{
    const IrVal *v = n->k->val;
    const KMem *in = kernel_value(n->p, v)->mem;
    const IrType *t = &v->type;
    const IrNode *node = n->k->nodes.v[0];
    Columns cols = columns_of(n, node, t, in);
    bool all = n->k->mem->place == K_FRAME;
    TransposeCode c = {.elem = t->elem, .col = cols.col, .samples = all ? (ir_extent(n->m, in->tile) + K_LANES - 1) / K_LANES * K_LANES : K_LANES};
    nest_at_panel(n);
    c.in = panel_of(n, in, 0);
    c.out = memory_at(n, nest_base(n, n->k->mem), all ? loop_times(n->panel, K_LANES * K_LANES) : loop_times(n->slot, cols.panel), 0);
    Free f = free_dims(node, 1, t->rank);
    for (int i = 0; i < t->axes.n; i++)
        if (t->axes.id[i] != in->tile) add_dim(&c.outer, ir_extent(n->m, t->axes.id[i]), in->axis[i], cols.axis[i], 0);
    for (int i = 0; i < t->rank; i++) {
        bool isfree = false;
        for (int j = 0; j < f.n; j++) isfree |= f.dim[j] == i;
        if (!isfree) add_dim(&c.outer, t->dim[i], in->dim[i], cols.dim[i], 0);
    }
    transpose_outer(n, &c, 0, (Offsets){0});
}

/* ---- OUTER ------------------------------------------------------------------------------------------------------ */

/* A tile is rows of a by blocks of 16 columns of b: many rows, or where a has few, several blocks. What is innermost is a block of 16
 * samples, which both lie ready for: 16 numbers of each row, 16 times 16 columns. Around it are the other axes, taps and contract dims of
 * the chain. Where these are many, a panel's are cut into chunks, and all tiles take one chunk before the next, so that what they read
 * comes from near; the sums then wait in memory. A tile's rows of a chunk, which lie far apart, are laid together first. */
enum { OUTER_CHUNK = 8, OUTER_NEAR = 4096 };                /* of a chunk: about so many blocks of 16 samples; times columns, not many more than this */

typedef struct OuterStep { LoopIndex from, to; int64_t most, s[2]; } OuterStep;     /* a loop of the chain, of at most so many turns: strides in a and b */
typedef struct OuterSteps { int n; OuterStep v[K_MAX_COMP + IR_MAX_RANK]; } OuterSteps;

typedef struct OuterPair {
    Memory  a, b;
    int64_t panel[2], row;                                  /* strides: of both, a panel; of a, a row */
    int64_t window[2][4];                                   /* of both, a place along each window */
    Dims    others, contract;                               /* of the chain, around the taps and within: strides in a and b */
} OuterPair;

typedef struct OuterCode {
    const IrNode *node;
    IrElem     elem;
    int        pairs;
    OuterPair *pair;
    Dims      *outer;                                       /* per pair: strides in a, b, out; the extents are the same */
    Dim        window[4];                                   /* of the result: stride in out */
    Dim        row;
    int64_t    blocks;                                      /* of 16 columns */
    Memory     out;
    LoopReg   *valid;
    LoopReg   *sums;                                        /* how many sums there are already: 0 at a shard's first tile, then 1 */
    int        near;                                        /* chunks: a tile's rows of one, [place in the chain][row][16 samples] */
} OuterCode;

/* What a tile adds up: all pairs' samples of this tile of 64, or a chunk of one pair's panel, `count` samples. */
typedef struct OuterPart {
    const OuterCode *code;
    const OuterPair *chunk;                                 /* NULL: all */
    const Offsets   *at;                                    /* in a, b, out; all: of each pair */
    OuterSteps       steps;                                 /* chunk: the first begins with it */
    LoopReg         *count;
    LoopIndex        block;                                 /* the first of `cols` blocks of columns */
    int              cols;
} OuterPart;

typedef struct OuterCell { LoopIndex row, col; } OuterCell; /* within a tile */

static LoopReg *outer_samples(Nest *n, const OuterPart *t, const OuterPair *p, LoopIndex a, LoopIndex b, OuterCell cell, LoopReg *count, LoopReg *acc)
{
    LoopIndex from = loop_at(0), to = loop_of(count);
    LoopIns *l = loop_for(&n->b, &from, &to, 1, true, &acc, 1);
    LoopIndex i = nest_counter(l);
    LoopReg *y = load_from(n, p->b, plus_lanes(n, stepped(n, stepped(n, b, i, K_LANES), cell.col, K_LANES * K_LANES)), 64);
    LoopReg *x = load_from(n, p->a, stepped(n, loop_plus(&n->b, a, i), cell.row, p->row), (unsigned)ir_elem_bytes(t->code->elem));
    return nest_end_fold(n, l, loop_fma(&n->b, x, y, &l->body->carry[0]));
}

static LoopReg *outer_chain(Nest *n, const OuterPart *t, const OuterPair *p, const OuterSteps *s, int depth, LoopIndex a, LoopIndex b,
                            OuterCell cell, LoopReg *count, LoopReg *acc)
{
    if (depth == s->n) return outer_samples(n, t, p, a, b, cell, count, acc);
    const OuterStep *d = &s->v[depth];
    LoopIns *l = nest_fold(n, d->from, d->to, 1, acc);
    LoopIndex i = nest_counter(l);
    LoopReg *sum = outer_chain(n, t, p, s, depth + 1, stepped(n, a, i, d->s[0]), stepped(n, b, i, d->s[1]), cell, count, &l->body->carry[0]);
    return nest_end_fold(n, l, sum);
}

static LoopReg *samples_from(Nest *n, const OuterCode *c, const LoopIns *panels)
{
    LoopReg *left = loop_binary(&n->b, IR_sub, c->valid, panels->body->counter);
    return nest_min(n, left, loop_int(&n->b, IR_I64, K_LANES));
}

static void add_steps(OuterSteps *s, const Dims *l)
{
    for (int i = 0; i < l->n; i++) s->v[s->n++] = (OuterStep){loop_at(0), loop_at(l->d[i].extent), l->d[i].extent, {l->d[i].s[0], l->d[i].s[1]}};
}

/* One pair's samples of this tile. */
static LoopReg *outer_pair(Nest *n, const OuterPart *t, const OuterPair *p, LoopIndex a, LoopIndex b, OuterCell cell, LoopReg *acc)
{
    OuterSteps s = {0};
    add_steps(&s, &p->others);
    add_steps(&s, &p->contract);
    LoopIns *q = nest_fold(n, loop_at(0), loop_of(t->code->valid), K_LANES, acc);
    LoopIndex panel = nest_quot(n, nest_counter(q), K_LANES);
    LoopReg *count = samples_from(n, t->code, q);
    a = stepped(n, a, panel, p->panel[0]);
    b = stepped(n, b, panel, p->panel[1]);
    return nest_end_fold(n, q, outer_chain(n, t, p, &s, 0, a, b, cell, count, &q->body->carry[0]));
}

/* What the shard's tiles before this one gave. At the first nothing is read, as what is there is in no cache. */
static LoopReg *outer_so_far(Nest *n, const OuterPart *t, LoopReg *zero, LoopIndex out)
{
    if (t->chunk) return loop_load(&n->b, t->code->out.buffer, &out, 64);
    LoopIns *l = nest_fold(n, loop_at(0), loop_of(t->code->sums), 1, zero);
    return nest_end_fold(n, l, loop_load(&n->b, t->code->out.buffer, &out, 64));
}

/* One of `size` side by side: a block, whose dim comes into *dims; NULL of one. */
static LoopIns *side_by_side(Nest *n, int size, LoopIndex *at, uint32_t *dims)
{
    *at = loop_at(0);
    if (size == 1) return NULL;
    LoopIns *block = loop_block(&n->b, size);
    *at = row_index(n, block);
    *dims |= 1u << block->n;
    return block;
}

static void end_side_by_side(Nest *n, LoopIns *block)
{
    if (block) loop_close(&n->b, block);
}

static void outer_tile(Nest *n, const void *code, Offsets o, int rows)
{
    const OuterPart *t = code;
    const OuterCode *c = t->code;
    OuterCell cell;
    uint32_t dims = 1u << LOOP_L;
    LoopIns *row = side_by_side(n, rows, &cell.row, &dims), *col = side_by_side(n, t->cols, &cell.col, &dims);
    LoopIndex from = o.off[0], out = stepped(n, stepped(n, t->at[0].off[2], from, c->row.s[2]), t->block, K_LANES);
    out = stepped(n, stepped(n, out, cell.row, c->row.s[2]), cell.col, K_LANES);
    out = loop_plus(&n->b, c->out.from, plus_lanes(n, out));
    LoopReg *acc = outer_so_far(n, t, loop_over(&n->b, loop_zero(&n->b, c->elem), dims), out);
    for (int i = 0; i < (t->chunk ? 1 : c->pairs); i++) {
        const OuterPair *p = t->chunk ? t->chunk : &c->pair[i];
        LoopIndex a = stepped(n, t->at[i].off[0], from, p->row), b = stepped(n, t->at[i].off[1], t->block, K_LANES * K_LANES);
        acc = t->chunk ? outer_chain(n, t, p, &t->steps, 0, a, b, cell, t->count, acc) : outer_pair(n, t, p, a, b, cell, acc);
    }
    loop_store(&n->b, c->out.buffer, &out, acc, 64);
    end_side_by_side(n, col);
    end_side_by_side(n, row);
}

static int64_t cols_of(const OuterCode *c, const Nest *n)
{
    int64_t most = most_rows(n, c->elem) / c->row.extent;   /* blocks of columns side by side, where the rows do not fill a tile */
    return most < 1 ? 1 : most < c->blocks ? most : c->blocks;
}

/* Tiles of the rows from o on, or of all rows by `down`, one after the other across the columns. */
static void outer_across(Nest *n, const OuterPart *t, Offsets o, int rows, TileFn down)
{
    OuterPart part = *t;
    int64_t cols = cols_of(t->code, n), whole = t->code->blocks / cols;
    part.cols = (int)cols;
    LoopIns *l = nest_par(n, whole);
    part.block = loop_times(nest_counter(l), cols);
    down(n, &part, o, rows);
    nest_end(n, l);
    part.block = loop_at(whole * cols);
    part.cols = (int)(t->code->blocks % cols);
    if (part.cols) down(n, &part, o, rows);
}

static void outer_down(Nest *n, const void *code, Offsets o, int rows)
{
    const OuterPart *t = code;
    Dim row = {t->code->row.extent, {1, 0, 0}, 0};
    (void)rows;
    row_blocks(n, t, &row, o, most_rows(n, t->code->elem), outer_tile);
}

/* ---- chunks */

/* d, rounded down, of a number that may be negative: 0 then. */
static LoopReg *whole_part(Nest *n, LoopIndex x, int64_t d)
{
    LoopReg *least = loop_binary(&n->b, IR_max, loop_index(&n->b, &x), loop_int(&n->b, IR_I64, 0));
    LoopIndex q = d > 1 ? nest_quot(n, loop_of(least), d) : loop_of(least);
    return loop_index(&n->b, &q);
}

/* The taps of window w at place o of the result that fall on elements of a, o*stride + k*dil_b - lo = i*dil_a: a loop over k or, if a is
 * dilated, over i; the other goes with it. What it adds to the offsets at its first turn comes into *at. */
static OuterStep outer_taps(Nest *n, const OuterCode *c, const OuterPair *p, int w, LoopIndex o, Offsets *at)
{
    const IrWindow *win = &c->node->attr->windows[w];
    bool over_i = win->dil_a > 1;
    int64_t na = c->node->arg[0]->type.dim[win->a], nb = c->node->arg[1]->type.dim[win->b], d = over_i ? win->dil_a : win->dil_b;
    int sign = over_i ? -1 : 1;
    LoopIndex ahead = loop_plus(&n->b, loop_times(o, sign * win->stride), loop_at(-sign * win->lo));    /* of the one, where the other is 0 */
    LoopIndex first = loop_plus(&n->b, loop_times(ahead, -1), loop_at(d - 1)), end = loop_plus(&n->b, loop_times(ahead, -1), loop_at((over_i ? nb : na) - 1 + d));
    LoopReg *to = nest_min(n, whole_part(n, end, d), loop_int(&n->b, IR_I64, over_i ? na : nb));
    int64_t sa = p->window[0][w], sb = p->window[1][w];
    at->off[over_i] = stepped(n, at->off[over_i], ahead, over_i ? sb : sa);
    return (OuterStep){loop_of(whole_part(n, first, d)), loop_of(to), over_i ? na : nb, {over_i ? sa : d * sa, over_i ? d * sb : sb}};
}

static void near_steps(Nest *n, const OuterPart *t, int depth, LoopIndex from, LoopIndex to, const OuterSteps *near, LoopIndex row)
{
    if (depth == t->steps.n) {
        LoopReg *v = load_from(n, t->chunk->a, plus_lanes(n, stepped(n, from, row, t->chunk->row)), 64);
        to = plus_lanes(n, stepped(n, to, row, K_LANES));
        loop_store(&n->b, t->code->near, &to, v, 64);
        return;
    }
    const OuterStep *d = &t->steps.v[depth];
    LoopIns *l = nest_turns(n, false, d->from, d->to, 1, false);
    LoopIndex i = nest_counter(l);
    near_steps(n, t, depth + 1, stepped(n, from, i, d->s[0]), stepped(n, to, i, near->v[depth].s[0]), near, row);
    nest_end(n, l);
}

/* The rows from o on: laid together, then tile by tile. */
static void outer_near(Nest *n, const void *code, Offsets o, int rows)
{
    const OuterPart *t = code;
    OuterPart part = *t;
    OuterPair pair = *t->chunk;
    int64_t stride = rows * K_LANES;
    for (int i = t->steps.n - 1; i >= 0; stride *= t->steps.v[i--].most) part.steps.v[i].s[0] = stride;
    LoopIndex begin = loop_at(0);
    if (t->steps.n) begin = loop_times(t->steps.v[0].from, -part.steps.v[0].s[0]);
    LoopIndex row;
    uint32_t dims = 0;
    LoopIns *block = side_by_side(n, rows, &row, &dims);
    near_steps(n, t, 0, stepped(n, t->at->off[0], o.off[0], pair.row), begin, &part.steps, row);
    end_side_by_side(n, block);
    Offsets at = *t->at;
    pair.a = (Memory){t->code->near, loop_at(0)};
    pair.row = K_LANES;
    at.off[0] = begin;
    at.off[2] = stepped(n, at.off[2], o.off[0], t->code->row.s[2]);
    part.chunk = &pair;
    part.at = &at;
    outer_across(n, &part, (Offsets){0}, rows, outer_tile);
}

/* Places of the chain from step d on. */
static int64_t places(const OuterSteps *s, int d)
{
    int64_t all = 1;
    for (int i = d; i < s->n; i++) all *= s->v[i].most;
    return all;
}

static int64_t wanted(const OuterCode *c)
{
    int64_t near = OUTER_NEAR / (c->blocks * K_LANES);
    return near > OUTER_CHUNK ? OUTER_CHUNK : near < OUTER_CHUNK / 2 ? OUTER_CHUNK / 2 : near;
}

/* Turns of step d in a chunk, so that chunks are about equally long. */
static int64_t chunk_turns(const OuterCode *c, const OuterSteps *s, int d)
{
    int64_t most = s->v[d].most, chunks = places(s, d) / wanted(c);
    if (!most) return 1;
    chunks = chunks < 1 ? 1 : chunks > most ? most : chunks;
    return (most + chunks - 1) / chunks;
}

/* The chain's loops from step d on; those that are longer than a chunk in full, the next in chunks. */
static void outer_chunks(Nest *n, const OuterCode *c, OuterPart *t, int d, Offsets at)
{
    Dim row = {c->row.extent, {1, 0, 0}, 0};
    if (d == t->steps.n) {
        t->at = &at;
        t->steps.n = 0;
        row_blocks(n, t, &row, (Offsets){0}, most_rows(n, c->elem), outer_near);
        return;
    }
    OuterStep *step = &t->steps.v[d];
    bool longer = places(&t->steps, d + 1) >= wanted(c);
    int64_t size = longer ? 1 : chunk_turns(c, &t->steps, d);
    LoopIndex from = step->from, to = step->to;
    LoopIns *l = loop_for(&n->b, &from, &to, size, false, NULL, 0);
    LoopIndex i = nest_counter(l);
    if (longer) {
        for (int k = 0; k < 2; k++) at.off[k] = stepped(n, at.off[k], i, step->s[k]);
        outer_chunks(n, c, t, d + 1, at);
    } else {
        OuterPart part = *t;
        LoopIndex end = loop_plus(&n->b, i, loop_at(size));
        part.steps.n = 0;
        for (int k = d; k < t->steps.n; k++) part.steps.v[part.steps.n++] = t->steps.v[k];
        part.steps.v[0].from = i;
        part.steps.v[0].to = loop_of(nest_min(n, loop_index(&n->b, &end), loop_index(&n->b, &to)));
        part.steps.v[0].most = size;
        part.at = &at;
        row_blocks(n, &part, &row, (Offsets){0}, most_rows(n, c->elem), outer_near);
    }
    nest_end(n, l);
}

/* The result's windows, then the chain's loops, outermost first. */
static void outer_windows(Nest *n, const OuterCode *c, OuterPart *t, int w, Offsets at)
{
    if (w == c->node->attr->n_windows) {
        add_steps(&t->steps, &t->chunk->contract);
        outer_chunks(n, c, t, 0, at);
        return;
    }
    LoopIns *l = nest_par(n, c->window[w].extent);
    LoopIndex o = nest_counter(l);
    OuterPart next = *t;
    at.off[2] = stepped(n, at.off[2], o, c->window[w].s[2]);
    next.steps.v[next.steps.n++] = outer_taps(n, c, t->chunk, w, o, &at);
    outer_windows(n, c, &next, w + 1, at);
    nest_end(n, l);
}

static void outer_panels(Nest *n, const OuterCode *c, const OuterPair *p, Offsets at)
{
    LoopIndex from = loop_at(0), to = loop_of(c->valid);
    LoopIns *q = loop_for(&n->b, &from, &to, K_LANES, true, NULL, 0);
    LoopIndex panel = nest_quot(n, nest_counter(q), K_LANES);
    OuterPart t = {.code = c, .chunk = p, .count = samples_from(n, c, q)};
    for (int i = 0; i < 2; i++) at.off[i] = stepped(n, at.off[i], panel, p->panel[i]);
    add_steps(&t.steps, &p->others);
    outer_windows(n, c, &t, 0, at);
    nest_end(n, q);
}

/* Before a shard's first tile. */
static void outer_clear(Nest *n, const OuterCode *c, const KAccum *acc)
{
    LoopReg *to = loop_word(&n->b, acc->shard_stride), *none = loop_int(&n->b, IR_I64, 0);
    LoopReg *first = loop_compare(&n->b, IR_EQ, c->sums, none);
    LoopIns *l = nest_par_from(n, loop_at(0), loop_of(loop_select(&n->b, first, to, none)), K_LANES);
    LoopIndex at = loop_plus(&n->b, c->out.from, plus_lanes(n, nest_counter(l)));
    loop_store(&n->b, c->out.buffer, &at, nest_zero(n, c->elem), 64);
    nest_end(n, l);
}

static bool is_chunked(const OuterCode *c)
{
    int64_t most = 1;
    for (int i = 0; i < c->pairs; i++) {
        int64_t size = 1;
        for (int k = 0; k < c->pair[i].others.n; k++) size *= c->pair[i].others.d[k].extent;
        for (int k = 0; k < c->pair[i].contract.n; k++) size *= c->pair[i].contract.d[k].extent;
        most = size > most ? size : most;
    }
    return c->node->op == IR_conv || most >= OUTER_CHUNK;
}

static void outer_outer(Nest *n, const OuterCode *c, int depth, const Offsets *at, bool chunked)
{
    if (depth < c->outer[0].n) {
        LoopIns *l = nest_par(n, c->outer[0].d[depth].extent);
        Offsets *next = arena_array(n->arena, Offsets, c->pairs);
        for (int i = 0; i < c->pairs; i++) next[i] = advance(n, at[i], nest_counter(l), &c->outer[i].d[depth]);
        outer_outer(n, c, depth + 1, next, chunked);
        nest_end(n, l);
    } else if (chunked) {
        for (int i = 0; i < c->pairs; i++) outer_panels(n, c, &c->pair[i], at[i]);
    } else {
        outer_across(n, &(OuterPart){.code = c, .at = at}, (Offsets){0}, 0, outer_down);
    }
}

/* The outer loops are kept apart, so that every pair has the same ones. */
static void outer_operands(Nest *n, const IrNode *node, int i, const KMem *out, OuterCode *c)
{
    const IrAttrs *at = node->attr;
    const IrType *to = &node->result[0].type;
    const IrVal *va = kernel_resolve(n->p, node->arg[2 * i]), *vb = kernel_resolve(n->p, node->arg[2 * i + 1]);
    const IrType *ta = &va->type, *tb = &vb->type;
    const KMem *ma = kernel_value(n->p, va)->mem, *mb = kernel_value(n->p, vb)->mem;
    OuterPair *p = &c->pair[i];
    Columns cols = columns_of(n, node, tb, mb);
    p->panel[0] = ma->panel;
    p->panel[1] = cols.panel;
    p->a = panel_of(n, ma, 0);
    p->b = memory_at(n, nest_base(n, n->k->columns.v[i]), loop_at(0), 0);
    IrAxes over = node->op == IR_conv ? at->over : at->pair_over[i];
    for (int j = 0; j < to->axes.n; j++) {
        int ja = axis_at(ta, to->axes.id[j]), jb = axis_at(tb, to->axes.id[j]);
        plain_dim(&c->outer[i], ir_extent(n->m, to->axes.id[j]), ja < 0 ? 0 : ma->axis[ja], jb < 0 ? 0 : cols.axis[jb], out->axis[j]);
    }
    for (int j = 0; j < at->batch.n; j++)
        plain_dim(&c->outer[i], to->dim[j], ma->dim[at->batch.a[j]], cols.dim[at->batch.b[j]], out->dim[j]);
    for (int j = 1; j < over.n; j++) {
        int ja = axis_at(ta, over.id[j]), jb = axis_at(tb, over.id[j]);
        add_dim(&p->others, ir_extent(n->m, over.id[j]), ja < 0 ? 0 : ma->axis[ja], jb < 0 ? 0 : cols.axis[jb], 0);
    }
    for (int w = 0; w < at->n_windows; w++) {
        p->window[0][w] = ma->dim[at->windows[w].a];
        p->window[1][w] = cols.dim[at->windows[w].b];
        c->window[w] = (Dim){to->dim[at->batch.n + w], {0, 0, out->dim[at->batch.n + w]}, 0};
    }
    for (int j = 0; j < at->contract.n; j++)
        add_dim(&p->contract, ta->dim[at->contract.a[j]], ma->dim[at->contract.a[j]], cols.dim[at->contract.b[j]], 0);
    Free f = free_dims(node, 0, ta->rank);
    int64_t rows = 1;
    for (int j = 0; j < f.n; j++) rows *= ta->dim[f.dim[j]];
    p->row = f.n ? ma->dim[f.dim[f.n - 1]] : 0;
    c->row = (Dim){rows, {0, 0, f.n ? out->dim[at->batch.n + at->n_windows + f.n - 1] : 0}, 0};
}

/* A kernel of a tile stands at its first panel. */
static void at_tile(Nest *n)
{
    n->panel = loop_of(loop_arg(&n->b, 0));
    n->slot = loop_at(0);
}

/* Where shard u3's partial results begin. */
static Memory partial_of(Nest *n, const KAccum *acc, int arg)
{
    LoopReg *shard = loop_binary(&n->b, IR_mul, loop_arg(&n->b, arg), loop_word(&n->b, acc->shard_stride));
    return memory_at(n, nest_base(n, acc->partial), loop_of(shard), 0);
}

void nest_outer(Nest *n)
{
    const IrNode *node = n->k->nodes.v[0];
    const KAccum *acc = n->k->sinks.v[0];
    OuterCode c = {.node = node, .elem = node->result[0].type.elem, .pairs = node->n_args / 2};
    c.pair = arena_array(n->arena, OuterPair, c.pairs);
    c.outer = arena_array(n->arena, Dims, c.pairs);
    at_tile(n);
    c.valid = loop_arg(&n->b, 1);
    LoopReg *first = loop_compare(&n->b, IR_NE, loop_arg(&n->b, 2), loop_int(&n->b, IR_I64, 0));
    c.sums = loop_select(&n->b, first, loop_int(&n->b, IR_I64, 0), loop_int(&n->b, IR_I64, 1));
    c.out = partial_of(n, acc, 3);
    c.blocks = acc->pad / K_LANES;
    for (int i = 0; i < c.pairs; i++) outer_operands(n, node, i, acc->partial, &c);
    bool chunked = is_chunked(&c);
    if (!c.blocks || !c.row.extent) return;
    if (chunked) {
        c.near = loop_local(&n->b, c.elem, most_rows(n, c.elem) * K_LANES * 2 * OUTER_CHUNK);
        outer_clear(n, &c, acc);
    }
    outer_outer(n, &c, 0, arena_array(n->arena, Offsets, c.pairs), chunked);
}

/* ---- INNER: 16 chains a result, lane = sample mod 16 ------------------------------------------------------------ */

typedef struct InnerPair {
    Memory  mem[2];
    int64_t panel[2];
    int64_t stride[2][K_MAX_COMP];
    Dims    inner;
} InnerPair;

typedef struct InnerCode {
    IrElem     elem;
    int        pairs, n;
    InnerPair *pair;
    int64_t    extent[K_MAX_COMP], out[K_MAX_COMP];
    int        last[2];                                     /* the component of either side's last free dim, -1: it has none */
    int        lanes;
    LoopReg   *valid;
} InnerCode;

static LoopReg *inner_chain(Nest *n, const InnerCode *c, const InnerPair *p, int depth, LoopIndex a, LoopIndex b, LoopReg *acc)
{
    if (depth == p->inner.n) {
        LoopReg *x = load_from(n, p->mem[0], plus_lanes(n, a), 64), *y = load_from(n, p->mem[1], plus_lanes(n, b), 64);
        return loop_fma(&n->b, x, y, acc);
    }
    const Dim *d = &p->inner.d[depth];
    LoopIns *l = nest_fold(n, loop_at(0), loop_at(d->extent), 1, acc);
    LoopIndex i = nest_counter(l);
    return nest_end_fold(n, l, inner_chain(n, c, p, depth + 1, stepped(n, a, i, d->s[0]), stepped(n, b, i, d->s[1]), &l->body->carry[0]));
}

static LoopReg *inner_pair(Nest *n, const InnerCode *c, const InnerPair *p, const LoopIndex *off, LoopReg *acc, int64_t extent)
{
    LoopIns *q = nest_fold(n, loop_at(0), loop_of(c->valid), K_LANES, acc);
    LoopIndex which = nest_quot(n, nest_counter(q), K_LANES);
    LoopReg *before = &q->body->carry[0];
    LoopReg *next = inner_chain(n, c, p, 0, stepped(n, off[0], which, p->panel[0]), stepped(n, off[1], which, p->panel[1]), before);
    if (extent % K_LANES) {                                 /* lanes beyond the extent keep what they have */
        LoopReg *left = loop_binary(&n->b, IR_sub, c->valid, q->body->counter);
        next = loop_select(&n->b, loop_compare(&n->b, IR_LT, loop_dim(&n->b, LOOP_L), left), next, before);
    }
    return nest_end_fold(n, q, next);
}

typedef struct { LoopIndex side[2]; } InnerAt;

typedef struct InnerTile {
    const InnerCode *code;
    const InnerAt   *off;                                   /* of each pair */
    LoopIndex        out;
    int              few, many;                             /* components: the side with fewer results, the other; -1: none */
    LoopIndex        from;                                  /* of `few`, */
    int              count;                                 /* side by side */
} InnerTile;

static int64_t inner_extent(const InnerCode *c, int comp) { return comp < 0 ? 1 : c->extent[comp]; }

/* `rows` results of the one side, from o on, by t->count of the other: each vector is loaded once. */
static void inner_tile(Nest *n, const void *code, Offsets o, int rows)
{
    const InnerTile *t = code;
    const InnerCode *c = t->code;
    LoopIns *few = loop_block(&n->b, t->count), *many = loop_block(&n->b, rows);
    const struct { int comp; LoopIndex at; } cell[2] = {{t->few, loop_plus(&n->b, t->from, row_index(n, few))},
                                                        {t->many, loop_plus(&n->b, o.off[0], row_index(n, many))}};
    LoopIndex out = plus_lanes(n, t->out);
    for (int k = 0; k < 2; k++)
        if (cell[k].comp >= 0) out = stepped(n, out, cell[k].at, c->out[cell[k].comp]);
    LoopReg *acc = loop_load(&n->b, c->lanes, &out, 64);
    for (int i = 0; i < c->pairs; i++) {
        InnerAt at = t->off[i];
        for (int k = 0; k < 2; k++)
            for (int s = 0; s < 2; s++)
                if (cell[k].comp >= 0) at.side[s] = stepped(n, at.side[s], cell[k].at, c->pair[i].stride[s][cell[k].comp]);
        acc = inner_pair(n, c, &c->pair[i], at.side, acc, ir_extent(n->m, n->k->lane_axis));
    }
    loop_store(&n->b, c->lanes, &out, acc, 64);
    loop_close(&n->b, many);
    loop_close(&n->b, few);
}

static void inner_tiles(Nest *n, const void *code, Offsets o, int count)
{
    InnerTile t = *(const InnerTile *)code;
    int most = most_rows(n, t.code->elem), rows = (most - (count > 1 ? count : 0)) / count;
    t.from = o.off[0];
    t.count = count;
    row_blocks(n, &t, &(Dim){inner_extent(t.code, t.many), {1, 0, 0}, 0}, (Offsets){0}, rows < 1 ? 1 : rows, inner_tile);
}

static void inner_outer(Nest *n, const InnerCode *c, int depth, const InnerAt *off, LoopIndex out)
{
    if (depth == c->n) {
        bool swap = inner_extent(c, c->last[1]) > inner_extent(c, c->last[0]);
        InnerTile t = {.code = c, .off = off, .out = out, .few = c->last[!swap], .many = c->last[swap]};
        row_blocks(n, &t, &(Dim){inner_extent(c, t.few), {1, 0, 0}, 0}, (Offsets){0}, most_rows(n, c->elem), inner_tiles);
        return;
    }
    if (depth == c->last[0] || depth == c->last[1]) { inner_outer(n, c, depth + 1, off, out); return; }
    LoopIns *l = nest_par(n, c->extent[depth]);
    InnerAt *next = arena_array(n->arena, InnerAt, c->pairs);
    for (int i = 0; i < c->pairs; i++)
        for (int s = 0; s < 2; s++) next[i].side[s] = stepped(n, off[i].side[s], nest_counter(l), c->pair[i].stride[s][depth]);
    inner_outer(n, c, depth + 1, next, stepped(n, out, nest_counter(l), c->out[depth]));
    nest_end(n, l);
}

static void inner_operands(Nest *n, const IrNode *node, int i, InnerPair *p)
{
    const IrAttrs *at = node->attr;
    const IrType *to = &node->result[0].type;
    const KMem *mem[2];
    for (int s = 0; s < 2; s++) {
        const IrVal *v = kernel_resolve(n->p, node->arg[2 * i + s]);
        const KMem *m = mem[s] = kernel_value(n->p, v)->mem;
        p->mem[s] = panel_of(n, m, 0);
        p->panel[s] = m->panel;
        for (int j = 0; j < to->axes.n; j++) {
            int k = axis_at(&v->type, to->axes.id[j]);
            p->stride[s][j] = k < 0 ? 0 : m->axis[k];
        }
        for (int j = 0; j < at->batch.n; j++) p->stride[s][to->axes.n + j] = m->dim[s ? at->batch.b[j] : at->batch.a[j]];
        Free fa = free_dims(node, 0, node->arg[2 * i]->type.rank), f = free_dims(node, s, v->type.rank);
        int start = to->axes.n + at->batch.n + (s ? fa.n : 0);
        for (int j = 0; j < f.n; j++) p->stride[s][start + j] = m->dim[f.dim[j]];
    }
    IrAxes over = at->pair_over[i];
    const IrType *ta = &node->arg[2 * i]->type, *tb = &node->arg[2 * i + 1]->type;
    for (int j = 1; j < over.n; j++) {
        int ja = axis_at(ta, over.id[j]), jb = axis_at(tb, over.id[j]);
        add_dim(&p->inner, ir_extent(n->m, over.id[j]), ja < 0 ? 0 : mem[0]->axis[ja], jb < 0 ? 0 : mem[1]->axis[jb], 0);
    }
    for (int j = 0; j < at->contract.n; j++)
        add_dim(&p->inner, ta->dim[at->contract.a[j]], mem[0]->dim[at->contract.a[j]], mem[1]->dim[at->contract.b[j]], 0);
}

void nest_inner(Nest *n)
{
    const IrNode *node = n->k->nodes.v[0];
    const KAccum *acc = n->k->sinks.v[0];
    const IrType *to = &node->result[0].type;
    Free fa = free_dims(node, 0, node->arg[0]->type.rank), fb = free_dims(node, 1, node->arg[1]->type.rank);
    int first = to->axes.n + node->attr->batch.n;
    InnerCode c = {.elem = to->elem, .pairs = node->n_args / 2, .n = to->axes.n + to->rank, .last = {fa.n ? first + fa.n - 1 : -1, fb.n ? first + fa.n + fb.n - 1 : -1}};
    c.pair = arena_array(n->arena, InnerPair, c.pairs);
    at_tile(n);
    c.valid = loop_arg(&n->b, 1);
    c.lanes = nest_base(n, acc->lanes);
    for (int j = 0; j < to->axes.n; j++) {
        c.extent[j] = ir_extent(n->m, to->axes.id[j]);
        c.out[j] = acc->lanes->axis[j];
    }
    for (int j = 0; j < to->rank; j++) {
        c.extent[to->axes.n + j] = to->dim[j];
        c.out[to->axes.n + j] = acc->lanes->dim[j];
    }
    for (int i = 0; i < c.pairs; i++) inner_operands(n, node, i, &c.pair[i]);
    inner_outer(n, &c, 0, arena_array(n->arena, InnerAt, c.pairs), loop_at(0));
}

/* ---- FINISH: lanes to numbers at the end of a shard ------------------------------------------------------------- */

void nest_finish(Nest *n)
{
    const KAccum *a = n->k->sinks.v[0];
    int64_t size = a->lanes->bytes / (int64_t)ir_elem_bytes(a->elem) / K_LANES;
    Memory to = partial_of(n, a, 0), from = memory_at(n, nest_base(n, a->lanes), loop_at(0), 0);
    LoopIns *l = nest_par_from(n, loop_at(0), loop_of(loop_word(&n->b, size)), 1);
    LoopReg *v = load_from(n, from, plus_lanes(n, loop_times(nest_counter(l), K_LANES)), 64);
    LoopIndex at = loop_plus(&n->b, to.from, nest_counter(l));
    loop_store(&n->b, to.buffer, &at, loop_lanes16(&n->b, v), (unsigned)ir_elem_bytes(a->elem));
    nest_end(n, l);
}
