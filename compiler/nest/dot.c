/* dot.c - products of samples with a matrix, and convolutions with a kernel, as register tiles.
 *
 * DOT holds a block of rows by 16 samples, a row a feature of the result, and walks k: one load, `rows` broadcasts, `rows` fmas a turn; then an
 * epilogue finds the tile in registers. A conv is a DOT with loops over its taps around k. PACK lays a matrix in the order of the tiles.
 * Start at nest_dot(). */
#include "compiler/nest/tile.h"
#include "base/bug.h"

#include <string.h>

/* ---- DOT -------------------------------------------------------------------------------------------------------- */

typedef struct DotWindow {                                  /* of a conv */
    const IrWindow *of;
    int64_t  na, nb, x, w;                                  /* extents in a and b; strides in x and w */
    int      comp;                                          /* the place in the result's space */
    NestTaps taps;
} DotWindow;

/* What a tile has side by side besides rows: places of a window that meet the same taps, or the same numbers of x with other taps. From one to the
 * next the place in the result's space grows by `grow`; of the taps the first does, by `tap`. */
typedef struct DotSide { int64_t count, grow, tap, x, out; int window; } DotSide;

enum { DOT_SIDES = 5 };                                     /* of each window, and places of the last */

typedef struct DotCode {
    IrElem   elem;
    int      xs;                                            /* which operand is x */
    Dims     outer, inner;                                  /* strides in x, w and the result's running index; inner: x and w */
    Dim      row;                                           /* over the matrix' last free dims */
    int      n_windows;
    DotWindow window[4];                                    /* outside of `inner` */
    int      n_sides;
    DotSide  side[DOT_SIDES];
    bool     packed, across, apart;                         /* across: lanes are rows of the matrix, and a block samples; apart: an epilogue needs every component of the space, or windows do */
    LoopIndex next;                                         /* across: how far from a tile's row the next one's is */
    Memory   x, w;
    const KView *from;                                      /* x, at no panel yet */
    LoopReg *steps;                                         /* of the innermost loop */
    int      local;                                         /* where a rolled epilogue finds the tile */
    enum { DOT_ASKS_NOTHING, DOT_CLAIMS, DOT_ASKS } asks;   /* of lines that are wanted soon */
    int      shared;                                        /* the buffer that they are in */
    LoopReg *begin, *last, *first, *stride;                 /* of the value that a tile asks for, in lines: where it begins; how many but one; the tile's first; KAhead's stride. Claimed: `last` and `first` are blocks */
    LoopReg *behind;                                        /* tiles in front that ask for nothing, or NULL */
    int64_t  most;                                          /* tiles that may ask */
} DotCode;

/* ---- lines that the kernels behind it touch first: see compiler/kernel/ahead.c ----------------------------------- */

static LoopReg *line_index(Nest *n, LoopIndex x) { return loop_index(&n->b, &x); }
static LoopIndex product(Nest *n, LoopReg *x, LoopReg *y) { return loop_of(loop_binary(&n->b, IR_mul, x, y)); }

static int64_t tiles_for(const DotCode *c, const KAhead *a)
{
    int64_t turns = c->inner.d[0].extent;
    return (a->lines + turns - 1) / turns;
}

static int64_t block_lines(const DotCode *c) { return K_LANES * K_LANES * (int64_t)ir_elem_bytes(c->elem) / 64; }

/* Stores that wait for another core let those behind them wait, so each tile that asks for nothing claims some blocks of lines, as few as will do. */
static int64_t blocks_each(const Nest *n, const DotCode *c, int64_t most)
{
    int64_t room = most, blocks = 0;
    for (int i = 0; i < n->k->ahead.n; i++) {
        const KAhead *a = &n->k->ahead.v[i];
        if (a->claimed) blocks += a->lines / block_lines(c);
        else room -= tiles_for(c, a);
    }
    return room < 1 ? blocks : (blocks + room - 1) / room;
}

static int64_t tiles_that_claim(const Nest *n, const DotCode *c, const KAhead *a, int64_t most)
{
    int64_t each = blocks_each(n, c, most);
    return (a->lines / block_lines(c) + each - 1) / each;
}

static int64_t tiles_of(const Nest *n, const DotCode *c, const KAhead *a, int asks, int64_t most)
{
    return asks == DOT_CLAIMS ? tiles_that_claim(n, c, a, most) : tiles_for(c, a);
}

/* Of what is claimed, and of the rest. */
static int64_t asking_tiles(const Nest *n, const DotCode *c, int asks, bool claimed, int64_t most)
{
    int64_t tiles = 0;
    for (int i = 0; i < n->k->ahead.n; i++)
        if (n->k->ahead.v[i].claimed == claimed) tiles += tiles_of(n, c, &n->k->ahead.v[i], asks, most);
    return tiles < most ? tiles : most;
}

/* Each value is asked for by as many tiles as have a turn a line of it; or claimed by as many as take some blocks each. */
static void choose_lines(Nest *n, DotCode *c, LoopIndex row, int rows)
{
    int64_t tiles = 0;
    LoopReg *nth = line_index(n, c->behind ? loop_plus(&n->b, nest_quot(n, row, rows), loop_times(loop_of(c->behind), -1)) : nest_quot(n, row, rows));
    for (int i = 0; i < n->k->ahead.n; i++) {
        const KAhead *a = &n->k->ahead.v[i];
        if (c->asks == DOT_CLAIMS && !a->claimed) break;    /* they come first */
        LoopReg *before = loop_word(&n->b, tiles), *here = c->begin ? loop_compare(&n->b, IR_GE, nth, before) : NULL;
        int64_t from = a->mem->offset / 64 + (a->next ? a->panel : 0);
        LoopReg *begin = line_index(n, loop_plus(&n->b, loop_of(loop_word(&n->b, from)), product(n, loop_arg(&n->b, 0), loop_word(&n->b, a->panel))));
        LoopReg *each = c->asks == DOT_CLAIMS ? loop_word(&n->b, blocks_each(n, c, c->most)) : c->steps;
        LoopReg *first = line_index(n, product(n, line_index(n, loop_plus(&n->b, loop_of(nth), loop_times(loop_of(before), -1))), each));
        LoopReg *last = loop_word(&n->b, (c->asks == DOT_CLAIMS ? a->lines / block_lines(c) : a->lines) - 1), *stride = loop_word(&n->b, a->stride);
        c->begin = here ? loop_select(&n->b, here, begin, c->begin) : begin;
        c->last = here ? loop_select(&n->b, here, last, c->last) : last;
        c->first = here ? loop_select(&n->b, here, first, c->first) : first;
        c->stride = here ? loop_select(&n->b, here, stride, c->stride) : stride;
        tiles += tiles_of(n, c, a, c->asks, c->most);
    }
}

/* Of choose_lines(), in blocks. */
static void claim_blocks(Nest *n, const DotCode *c)
{
    LoopIndex from = loop_at(0), to = loop_of(loop_word(&n->b, blocks_each(n, c, c->most)));
    LoopIns *l = loop_for(&n->b, &from, &to, 1, false, NULL, 0), *block = loop_block(&n->b, (int)block_lines(c));
    LoopReg *nth = nest_min(n, line_index(n, loop_plus(&n->b, loop_of(c->first), nest_counter(l))), c->last);
    LoopIndex line = loop_plus(&n->b, loop_plus(&n->b, loop_of(c->begin), product(n, nth, c->stride)), tile_row_index(n, block));
    line = loop_times(line, 64 / (int64_t)ir_elem_bytes(c->elem));
    loop_claim(&n->b, c->shared, &line);
    loop_close(&n->b, block);
    loop_end_for(&n->b, l, NULL);
}

static void ask_for_line(Nest *n, const DotCode *c, LoopIndex turn)
{
    int64_t block = block_lines(c);
    LoopIndex line = loop_of(nest_min(n, line_index(n, loop_plus(&n->b, loop_of(c->first), turn)), c->last));
    LoopReg *blocks = line_index(n, nest_quot(n, line, block));
    LoopIndex at = loop_plus(&n->b, loop_of(c->begin), loop_plus(&n->b, product(n, blocks, c->stride), nest_rest(n, line, block)));
    at = loop_times(at, 64 / (int64_t)ir_elem_bytes(c->elem));
    loop_fetch(&n->b, c->shared, &at);
}

/* ---- the tile ----------------------------------------------------------------------------------------------------- */

/* Lanes along the matrix' row, samples one by one. What the next tile reads for this k comes to the second cache. */
static LoopReg *term_across(Nest *n, const DotCode *c, Offsets o, LoopIndex sample, LoopReg *acc)
{
    unsigned cell = (unsigned)ir_elem_bytes(c->elem);
    LoopIndex next = loop_plus(&n->b, c->w.from, loop_plus(&n->b, o.off[1], c->next));
    loop_fetch(&n->b, c->w.buffer, &next);
    LoopReg *w = tile_load(n, c->w, tile_plus_lanes(n, o.off[1]), cell), *x = tile_load(n, c->x, loop_plus(&n->b, o.off[0], sample), cell);
    return loop_fma(&n->b, w, x, acc);
}

static LoopReg *dot_chain(Nest *n, const DotCode *c, int depth, Offsets o, LoopIndex row, LoopReg *acc)
{
    if (depth == c->inner.n && c->across) return term_across(n, c, o, row, acc);
    if (depth == c->inner.n) {
        LoopReg *x = tile_load(n, c->x, tile_plus_lanes(n, o.off[0]), 64);
        LoopReg *w = tile_load(n, c->w, tile_stepped(n, o.off[1], row, c->row.s[1]), (unsigned)ir_elem_bytes(c->elem));
        return loop_fma(&n->b, w, x, acc);
    }
    const Dim *d = &c->inner.d[depth];
    bool last = d->extent > 1 && depth == c->inner.n - 1;
    LoopIndex from = loop_at(0), to = last ? loop_of(c->steps) : loop_at(d->extent);
    LoopIns *l = loop_for(&n->b, &from, &to, 1, last, &acc, 1);
    if (c->asks == DOT_ASKS) ask_for_line(n, c, nest_counter(l));
    return nest_end_fold(n, l, dot_chain(n, c, depth + 1, tile_advance(n, o, nest_counter(l), d), row, &l->body->carry[0]));
}

/* The taps of window `window` and those after it, and what is contracted at each. */
static LoopReg *dot_taps(Nest *n, const DotCode *c, int window, Offsets o, LoopIndex row, LoopReg *acc)
{
    if (window == c->n_windows) return dot_chain(n, c, 0, o, row, acc);
    const DotWindow *w = &c->window[window];
    const NestTaps *t = &w->taps;
    Dim step = {0, {(c->xs ? t->step_k : t->step_i) * w->x, (c->xs ? t->step_i : t->step_k) * w->w, 0}, 0};
    o.off[0] = tile_stepped(n, o.off[0], c->xs ? t->k : t->i, w->x);
    o.off[1] = tile_stepped(n, o.off[1], c->xs ? t->i : t->k, w->w);
    LoopIns *l = nest_fold(n, loop_at(0), loop_of(t->count), 1, acc);
    return nest_end_fold(n, l, dot_taps(n, c, window + 1, tile_advance(n, o, nest_counter(l), &step), row, &l->body->carry[0]));
}

typedef struct { const DotCode *code; Offsets at; Ix comp[K_MAX_COMP]; } DotTile;   /* comp: where the first of its places is */

typedef struct { LoopIndex side[DOT_SIDES], row; } DotCell; /* within a tile */

/* Row `cell.row`, of all, and place of the tile. */
static void stand_at(Nest *n, const DotTile *t, const DotCell *cell)
{
    const DotCode *c = t->code;
    n->flat = tile_stepped(n, t->at.off[2], cell->row, c->row.s[2]);
    if (c->row.extent > 1) n->comp[c->row.comp] = ix(cell->row);
    for (int i = 0; i < c->n_windows; i++) n->comp[c->window[i].comp] = t->comp[c->window[i].comp];
    for (int i = 0; i < c->n_sides; i++) {
        const DotSide *s = &c->side[i];
        Ix *comp = &n->comp[c->window[s->window].comp];
        n->flat = tile_stepped(n, n->flat, cell->side[i], s->out);
        *comp = ix(tile_stepped(n, comp->at, cell->side[i], s->grow));
    }
}

static void epilogue(Nest *n, LoopReg *tile) { nest_map_on(n, n->k->epilogue, kernel_resolve(n->p, &n->k->nodes.v[0]->result[0]), tile); }

static LoopIndex local_cell(Nest *n, const DotCode *c, const DotCell *cell, LoopIndex row, int rows)
{
    LoopIndex at = loop_at(0);
    for (int i = 0; i < c->n_sides; i++) at = loop_plus(&n->b, loop_times(at, c->side[i].count), cell->side[i]);
    return tile_plus_lanes(n, loop_times(loop_plus(&n->b, loop_times(at, rows), row), K_LANES));
}

/* The rows of a tile one by one: from memory, as registers have no numbers. */
static void rolled_epilogue(Nest *n, const DotTile *t, LoopIndex from, int rows)
{
    const DotCode *c = t->code;
    DotCell cell = {0};
    LoopIns *side[DOT_SIDES];
    for (int i = 0; i < c->n_sides; i++) {
        side[i] = nest_par(n, c->side[i].count);
        cell.side[i] = nest_counter(side[i]);
    }
    NestRows r = nest_rows(n, nest_in_step(n, n->k->epilogue, rows), loop_at(0), loop_at(rows), false);
    LoopIndex at = local_cell(n, c, &cell, r.row, rows);
    cell.row = loop_plus(&n->b, from, r.row);
    stand_at(n, t, &cell);
    epilogue(n, loop_load(&n->b, c->local, &at, 64));
    nest_end_rows(n, &r);
    for (int i = c->n_sides - 1; i >= 0; i--) nest_end(n, side[i]);
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

/* Rows that fill no vector are a tile of the other kind. */
static void stand_across(Nest *n, DotCode *c, LoopIndex from, int rows)
{
    c->across = rows == K_LANES;
    LoopIndex next = loop_plus(&n->b, from, loop_at(K_LANES)), last = loop_at(c->row.extent - K_LANES);
    if (c->across) c->next = loop_plus(&n->b, loop_of(nest_min(n, loop_index(&n->b, &next), loop_index(&n->b, &last))), loop_times(from, -1));
}

static void dot_panel(Nest *n, const DotTile *t, Offsets o, int rows)
{
    DotCode c = *t->code;
    LoopIndex from = o.off[0];
    Offsets at = tile_advance(n, t->at, from, &c.row);
    if (c.packed) stand_in_packed(&c, rows);
    if (c.across) stand_across(n, &c, from, rows);
    LoopIns *side[DOT_SIDES];
    DotCell cell = {0};
    uint32_t dims = 0;
    for (int i = 0; i < c.n_sides; i++) {
        const DotSide *d = &c.side[i];
        side[i] = loop_block(&n->b, (int)d->count);
        dims |= 1u << side[i]->n;
        cell.side[i] = tile_row_index(n, side[i]);
        at.off[0] = tile_stepped(n, at.off[0], cell.side[i], d->x);
        at.off[1] = tile_stepped(n, at.off[1], cell.side[i], d->tap * c.window[d->window].w);
    }
    if (c.asks) choose_lines(n, &c, from, rows);
    if (c.asks == DOT_CLAIMS) claim_blocks(n, &c);
    LoopIns *block = loop_block(&n->b, rows);
    LoopIndex row = tile_row_index(n, block), to = local_cell(n, &c, &cell, row, rows);
    LoopReg *zero = tile_zero(n, c.elem, block);
    LoopReg *acc = dot_taps(n, &c, 0, at, row, dims ? loop_over(&n->b, zero, zero->dims | dims) : zero);
    if (c.across) acc = loop_turn(&n->b, acc, (int)block->n);
    cell.row = loop_plus(&n->b, from, row);
    stand_at(n, t, &cell);
    n->is_flat = true;
    nest_results(n, 0, acc);
    n->is_flat = false;
    if (n->k->roll) loop_store(&n->b, c.local, &to, acc, 64);
    else if (n->k->epilogue) epilogue(n, acc);
    loop_close(&n->b, block);
    for (int i = c.n_sides - 1; i >= 0; i--) loop_close(&n->b, side[i]);
    if (n->k->roll) rolled_epilogue(n, t, from, rows);
}

static bool has_sums(const Nest *n) { return n->k->epilogue && n->k->epilogue->sinks.n; }

/* The rows of a matrix that is far are near when the tile's next panel asks for them. Sums over samples behind it are in the order of panels. */
static void dot_tile(Nest *n, const void *code, Offsets o, int rows)
{
    const DotTile *t = code;
    if (!n->k->split) { dot_panel(n, t, o, rows); return; }
    DotCode c = *t->code;
    LoopIns *l = nest_turns(n, !has_sums(n), loop_at(0), loop_of(loop_arg(&n->b, 2)), 1, true);
    n->panel = loop_plus(&n->b, loop_of(loop_arg(&n->b, 0)), nest_counter(l));
    n->slot = nest_counter(l);
    n->comp[n->k->space.lane] = (Ix){.at = tile_plus_lanes(n, loop_times(n->panel, K_LANES)), .lane = true};
    c.x = tile_panel_of(n, c.from->mem, c.from->offset);
    DotTile near = *t;
    near.code = &c;
    dot_panel(n, &near, o, rows);
    nest_end(n, l);
}

/* 32 registers hold 16 accumulators with what they multiply and what the rows behind them want, of f64 half as many: most layers are 16 rows times something. */
static int dot_most_rows(const Nest *n, IrElem t)
{
    return !nest_are_wide(n->rows) ? tile_most_rows(n, t) : t == IR_F64 ? K_LANES / 2 : K_LANES;
}

/* An epilogue is written once for each height of a tile: one height, if one of half the registers or more will do. */
static int dot_rows(const Nest *n, const DotCode *c)
{
    int most = dot_most_rows(n, c->elem), rows = most;
    if (c->across || !n->k->epilogue || c->packed) return most;
    while (2 * rows > most && c->row.extent % rows) rows--;
    return 2 * rows > most ? rows : most;
}

typedef struct { int64_t count; int rows; } Tiles;

/* The tiles that are alike, from the first on: but the last, so that another is left. */
static Tiles first_tiles(const DotCode *c, int64_t extent, int most)
{
    if (c->across) return (Tiles){extent / most - 1, most};
    int64_t count = (extent + most - 1) / most, higher = count ? extent % count : 0;
    return (Tiles){higher ? higher : count - 1, count ? (int)((extent + count - 1) / count) : most};
}

/* Tiles of at most `most` rows: across the matrix whole ones, and what is left; else as equal as can be, as a few rows have few chains. */
static void dot_tiles(Nest *n, const DotTile *t, const Dim *row, Offsets o, int most)
{
    if (t->code->across) tile_row_blocks(n, t, row, o, most, dot_tile);
    else if (row->extent) tile_even_rows(n, t, row, o, most, dot_tile);
}

/* The kernel stands at place o of component `comp`: if that is a window's, its taps are known. */
static void stand_at_window(Nest *n, DotCode *c, int comp, LoopIndex o)
{
    for (int i = 0; i < c->n_windows; i++) {
        DotWindow *w = &c->window[i];
        if (w->comp == comp) w->taps = nest_taps(n, w->of, w->na, w->nb, o);
    }
}

/* Of few rows a tile has several places side by side that meet the same taps: how many, by what one takes, a chain of fma being four long; `size`
 * chains a place, and one after the other where they are left over. */
static int64_t dot_places(const Nest *n, const DotCode *c, int64_t size, int64_t alike)
{
    enum { WAIT = 4 };
    int64_t most = tile_most_rows(n, c->elem), best = 1, alone = size > WAIT ? size : WAIT, least = alike * alone;
    for (int64_t p = 2; p * size <= most; p++) {
        int64_t blocks = alike / p, rest = alike % p, work = blocks * (p * size > WAIT ? p * size : WAIT) + rest * alone;
        if (work > least || !blocks) continue;
        least = work;
        best = p;
    }
    return best;
}

static int64_t tile_size(const DotCode *c)
{
    int64_t size = c->row.extent;
    for (int i = 0; i < c->n_sides; i++) size *= c->side[i].count;
    return size;
}

static void dot_outer(Nest *n, DotCode *c, int depth, Offsets o);

static void at_place(Nest *n, DotCode *c, int depth, Offsets o, LoopIndex at)
{
    const Dim *d = &c->outer.d[depth];
    n->comp[d->comp] = ix(at);
    stand_at_window(n, c, d->comp, at);
    dot_outer(n, c, depth + 1, tile_advance(n, o, at, d));
}

/* Places a.from + ... of `periods` periods each that follow one another from period `from` on, as tiles. */
static void side_by_side(Nest *n, DotCode *c, int depth, Offsets o, int window, const NestAlike *a, int64_t from, int64_t blocks, int64_t places)
{
    const Dim *d = &c->outer.d[depth];
    int before = c->n_sides;
    LoopIns *phase = a->together ? NULL : nest_par(n, a->period), *l = nest_par(n, blocks);
    LoopIndex p = loop_plus(&n->b, loop_times(nest_counter(l), places), loop_at(from));
    LoopIndex at = loop_plus(&n->b, loop_times(p, a->period), phase ? nest_counter(phase) : loop_at(a->first));
    if (!phase) c->side[c->n_sides++] = (DotSide){a->period, 1, a->tap, 0, d->s[2], window};
    if (places > 1) c->side[c->n_sides++] = (DotSide){places, a->period, 0, a->step * c->window[window].x, a->period * d->s[2], window};
    at_place(n, c, depth, o, at);
    c->n_sides = before;
    nest_end(n, l);
    if (phase) nest_end(n, phase);
}

/* Places that have the same taps, or meet the same numbers, as tiles; then those at the borders one by one. */
static bool by_places(Nest *n, DotCode *c, int depth, Offsets o, int window)
{
    const DotWindow *w = &c->window[window];
    const Dim *d = &c->outer.d[depth];
    int64_t most = tile_most_rows(n, c->elem), size = tile_size(c), places = 1, passed;
    bool last = depth == c->outer.n - 1;
    NestAlike a = nest_together(w->of, w->na, w->nb, d->extent);
    if (!size || !d->s[2] || 2 * size > most) return false;     /* !d->s[2]: the result has no elements */
    if (a.together && size * a.period > most) a.together = false;
    if (!a.together) a = nest_alike(w->of, w->na, w->nb, d->extent);
    int64_t alike = a.to - a.from;
    if (a.together) size *= a.period;
    if (last) places = dot_places(n, c, size, alike);
    if (!a.together && places == 1) return false;
    passed = (a.together ? alike : alike / places * places) * a.period;
    side_by_side(n, c, depth, o, window, &a, a.from, alike / places, places);
    if (a.together && alike % places) side_by_side(n, c, depth, o, window, &a, a.from + alike / places * places, alike % places, 1);
    LoopIns *rest = nest_par(n, d->extent - passed);
    LoopReg *i = rest->body->counter, *behind = loop_binary(&n->b, IR_add, i, loop_int(&n->b, IR_I64, passed));
    LoopReg *before = loop_compare(&n->b, IR_LT, i, loop_int(&n->b, IR_I64, a.from * a.period + a.first));
    at_place(n, c, depth, o, loop_of(loop_select(&n->b, before, i, behind)));
    nest_end(n, rest);
    return true;
}

static int64_t least(int64_t x, int64_t y) { return x < y ? x : y; }

/* Tiles that ask, or claim; returns where they end. */
static LoopIndex rows_that_ask(Nest *n, const DotTile *t, int asks, LoopIndex from, LoopIndex to, int rows)
{
    DotCode asking = *t->code;
    asking.asks = asks;
    DotTile tile = *t;
    tile.code = &asking;
    LoopIns *l = nest_par_from(n, from, to, rows);
    dot_tile(n, &tile, (Offsets){{nest_counter(l)}}, rows);
    nest_end(n, l);
    return to;
}

/* The first tiles ask for lines ahead, and the others need not. One thread alone claims nothing, but asks for that, too: what it writes has no other copy, and would only
 * push others out of the first cache. */
static void dot_rows_of(Nest *n, DotCode *c, const DotTile *t)
{
    Dim row = {c->row.extent, {1, 0, 0}, 0};
    int most_rows = dot_rows(n, c);
    const Tiles first = first_tiles(c, row.extent, most_rows);
    const int rows = first.rows;
    const int64_t most = c->most = first.count;
    if (!n->k->ahead.n || most < 1) { dot_tiles(n, t, &row, (Offsets){0}, most_rows); return; }
    c->behind = NULL;
    int64_t claims = asking_tiles(n, c, DOT_CLAIMS, true, most), alone = asking_tiles(n, c, DOT_ASKS, true, most), asks = asking_tiles(n, c, DOT_ASKS, false, most);
    LoopIndex from = loop_at(0), threads = loop_at(FRAME_THREADS);
    LoopReg *to = loop_word(&n->b, least(alone + asks, most) * rows);
    if (claims) {
        LoopReg *several = loop_compare(&n->b, IR_GT, loop_frame(&n->b, &threads), loop_int(&n->b, IR_I64, 1)), *none = loop_int(&n->b, IR_I64, 0);
        from = rows_that_ask(n, t, DOT_CLAIMS, from, loop_of(loop_select(&n->b, several, loop_word(&n->b, claims * rows), none)), rows);
        to = loop_select(&n->b, several, loop_word(&n->b, least(claims + asks, most) * rows), to);
        c->behind = loop_select(&n->b, several, loop_word(&n->b, claims - alone), none);
    }
    from = rows_that_ask(n, t, DOT_ASKS, from, loop_of(to), rows);
    LoopIns *l = nest_par_from(n, from, loop_at(most * rows), rows);
    dot_tile(n, t, (Offsets){{nest_counter(l)}}, rows);
    nest_end(n, l);
    row.extent -= most * rows;
    dot_tiles(n, t, &row, (Offsets){{loop_at(most * rows)}}, most_rows);
}

static void dot_outer(Nest *n, DotCode *c, int depth, Offsets o)
{
    if (depth == c->outer.n) {
        DotTile t = {.code = c, .at = o};
        memcpy(t.comp, n->comp, sizeof t.comp);
        dot_rows_of(n, c, &t);
        memcpy(n->comp, t.comp, sizeof t.comp);
        return;
    }
    const Dim *d = &c->outer.d[depth];
    for (int i = 0; i < c->n_windows && !c->xs; i++)
        if (d->comp == c->window[i].comp && by_places(n, c, depth, o, i)) return;
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
    if (c->apart) tile_plain_dim(l, extent, sx, sw, flat);
    else tile_add_dim(l, extent, sx, sw, flat);
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
        int jx = tile_axis_at(tx, to->axes.id[i]), jw = tile_axis_at(tw, to->axes.id[i]);
        dot_dim(n, c, &c->outer, i, jx < 0 ? 0 : x->axis[jx], jw < 0 ? 0 : w->axis[jw]);
    }
    int dims = to->axes.n;
    for (int i = 0; i < a->batch.n; i++) {
        int dx = xs ? a->batch.b[i] : a->batch.a[i], dw = xs ? a->batch.a[i] : a->batch.b[i];
        dot_dim(n, c, &c->outer, dims + i, x->dim[dx], w->dim[dw]);
    }
    dot_windows(n, node, x, w, c);
    Free fx = tile_free_dims(node, xs, tx->rank), fw = tile_free_dims(node, ws, tw->rank);
    int first = dims + a->batch.n + a->n_windows, ox = first + (xs ? fw.n : 0), ow = first + (xs ? 0 : fx.n);
    Dims rows = {0};
    for (int i = 0; i < fx.n; i++) dot_dim(n, c, &c->outer, ox + i, x->dim[fx.dim[i]], 0);
    for (int i = 0; i < fw.n; i++) dot_dim(n, c, &rows, ow + i, 0, w->dim[fw.dim[i]]);
    c->row = tile_take_last(&rows);
    for (int i = 0; i < rows.n; i++) c->outer.d[c->outer.n++] = rows.d[i];
    for (int i = 0; i < a->contract.n; i++) {
        int dx = xs ? a->contract.b[i] : a->contract.a[i], dw = xs ? a->contract.a[i] : a->contract.b[i];
        tile_add_dim(&c->inner, tx->dim[dx], x->dim[dx], w->dim[dw], 0);
    }
}

void nest_dot(Nest *n)
{
    const IrNode *node = n->k->nodes.v[0];
    const KKernel *then = n->k->epilogue;
    if (!n->k->stores.n && !then) return;
    int xs = tile_axis_at(&node->arg[0]->type, n->k->lane_axis) >= 0 ? 0 : 1;
    KView x, w;
    if (!kernel_view(n->p, node->arg[xs], &x) || !kernel_view(n->p, node->arg[1 - xs], &w)) BUG("nest: dot without views");
    nest_at_panel(n);
    n->tiled = !n->k->split;
    for (int i = 0; i < n->k->space.n; i++)
        if (i != n->k->space.lane) n->comp[i] = ix_int(0);
    DotCode c = {.elem = node->result[0].type.elem, .xs = xs, .from = &x, .packed = n->k->packed, .across = n->k->across, .apart = node->attr->n_windows || (then && !then->flat)};
    if (n->tiled) c.x = tile_panel_of(n, x.mem, x.offset);
    c.w = tile_memory_at(n, nest_base(n, c.packed ? n->k->packed : w.mem), loop_at(0), c.packed ? 0 : w.offset);
    dot_loops(n, node, &x, &w, &c);
    if (n->k->roll) c.local = loop_local(&n->b, c.elem, K_LANES * (c.across ? K_LANES : dot_most_rows(n, c.elem)));
    if (c.packed) c.row.s[1] = packed_steps(&c);
    if (n->k->ahead.n)
        c.shared = loop_buffer(&n->b, &(LoopBuffer){.elem = c.elem, .base = (int)loop_word(&n->b, BASE_FRAME)->n, .offset = (int)loop_word(&n->b, 0)->n, .panel = -1, .slot = -1});
    if (c.inner.n) c.steps = loop_word(&n->b, c.inner.d[c.inner.n - 1].extent);
    dot_outer(n, &c, 0, (Offsets){0});
}

/* ---- PACK ------------------------------------------------------------------------------------------------------- */

typedef struct { IrElem elem; Dim row; Dims steps; Memory from; int to; } PackCode;

static void pack_rows(Nest *n, const PackCode *c, int depth, Offsets o, int rows)
{
    if (depth < c->steps.n) {
        Dim step = c->steps.d[depth];
        step.s[1] *= rows;
        LoopIns *l = nest_par(n, step.extent);
        pack_rows(n, c, depth + 1, tile_advance(n, o, nest_counter(l), &step), rows);
        nest_end(n, l);
        return;
    }
    unsigned cell = (unsigned)ir_elem_bytes(c->elem);
    LoopIns *block = loop_block(&n->b, rows);
    LoopIndex row = tile_row_index(n, block), at = loop_plus(&n->b, o.off[1], row);
    loop_store(&n->b, c->to, &at, tile_load(n, c->from, tile_stepped(n, o.off[0], row, c->row.s[0]), cell), cell);
    loop_close(&n->b, block);
}

/* Of each row 16 k at once, since they are neighbours: a line is touched once, and those of `rows` rows may all want one place in the cache. */
static void pack_lines(Nest *n, const PackCode *c, Offsets o, int rows)
{
    unsigned cell = (unsigned)ir_elem_bytes(c->elem);
    Dim step = c->steps.d[0], lines = {step.extent / K_LANES, {K_LANES, (int64_t)K_LANES * rows, 0}, 0};
    LoopIns *l = nest_par(n, lines.extent);
    Offsets at = tile_advance(n, o, nest_counter(l), &lines);
    LoopIns *block = loop_block(&n->b, rows);
    LoopIndex row = tile_row_index(n, block), to = loop_plus(&n->b, loop_plus(&n->b, at.off[1], row), loop_times(nest_lanes(n), rows));
    loop_store(&n->b, c->to, &to, tile_load(n, c->from, tile_plus_lanes(n, tile_stepped(n, at.off[0], row, c->row.s[0])), cell), cell);
    loop_close(&n->b, block);
    nest_end(n, l);
    PackCode rest = *c;
    rest.steps.d[0].extent = step.extent % K_LANES;
    lines.s[0] = 1, lines.s[1] = rows;
    if (rest.steps.d[0].extent) pack_rows(n, &rest, 0, tile_advance(n, o, loop_at(step.extent - step.extent % K_LANES), &lines), rows);
}

/* `rows` neighbours of every k, one k behind the other: if the first of them is of the caller's units. */
static void pack_tile(Nest *n, const void *code, Offsets o, int rows)
{
    const PackCode *c = code;
    LoopIns *ours = NULL;
    if (n->k->split) {
        LoopIndex from = loop_plus(&n->b, o.off[2], loop_times(loop_of(n->lo), -K_UNIT_ROWS));
        LoopIndex all = loop_plus(&n->b, loop_times(loop_of(n->hi), K_UNIT_ROWS), loop_times(loop_of(n->lo), -K_UNIT_ROWS));
        ours = loop_when(&n->b, loop_op2(&n->b, LOOP_inside, loop_index(&n->b, &from), loop_index(&n->b, &all)));
    }
    bool lines = c->row.s[0] != 1 && c->steps.n == 1 && c->steps.d[0].s[0] == 1;
    if (lines) pack_lines(n, c, o, rows);
    else pack_rows(n, c, 0, o, rows);
    if (ours) loop_close(&n->b, ours);
}

void nest_pack(Nest *n)
{
    const IrNode *node = n->k->nodes.v[0];
    const IrAttrs *a = node->attr;
    int side = n->k->side, k = side ? a->contract.b[0] : a->contract.a[0];
    const IrType *t = &node->arg[side]->type;
    int row = tile_free_dims(node, side, t->rank).dim[0];
    KView w;
    if (!kernel_view(n->p, node->arg[side], &w)) BUG("nest: pack without a view");
    int64_t steps[5] = {t->dim[k]};                         /* of one tap, of those of the last window, and so on */
    for (int i = 0; i < a->n_windows; i++) steps[i + 1] = steps[i] * t->dim[ir_window_dim(a, side, a->n_windows - 1 - i)];
    PackCode c = {.elem = t->elem, .row = {t->dim[row], {w.dim[row], steps[a->n_windows], 1}, 0}};
    for (int i = 0; i < a->n_windows; i++) {
        int d = ir_window_dim(a, side, i);
        tile_add_dim(&c.steps, t->dim[d], w.dim[d], steps[a->n_windows - 1 - i], 0);
    }
    tile_add_dim(&c.steps, t->dim[k], w.dim[k], 1, 0);
    c.from = tile_memory_at(n, nest_base(n, w.mem), loop_at(0), w.offset);
    c.to = nest_base(n, n->k->mem);
    tile_even_rows(n, &c, &c.row, (Offsets){0}, dot_most_rows(n, c.elem), pack_tile);
}
