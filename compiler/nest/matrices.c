/* matrices.c - a product without samples, or of samples with samples, as register tiles: rows x blocks of 16 lanes, walked along the chain.
 *
 * In:  what compiler/kernel/matrices.c chose.   Out: a nest over units, a unit some blocks of lanes by some rows.
 * A block of 16 that would pass the end begins earlier instead, and so do the rows of a tile: what two of them have in common is
 * made twice, with the same bits, and by the same thread. So there is one tile, without a remainder. Start at nest_matrices(), nest_few(), nest_pairs() and nest_own(). */
#include "compiler/nest/nest.h"

typedef struct At { LoopIndex lane, row, out; } At;         /* in the operands and the result */

typedef struct Code {
    const KMatrices *m;
    IrElem  elem;
    int     x, w, out, panel;                               /* buffers: lanes, rows, result, panels */
    int     width, rows, flight;                            /* of a tile: 16 lanes or a number; rows; how many of those beside one another */
    bool    has_panel, own;                                 /* own: both operands have the lanes */
    unsigned align;                                         /* of what is read as it lies, and of the result */
    int64_t held;                                           /* k of a panel */
    const IrNode *conv;                                     /* or NULL */
    LoopIndex from, to;                                     /* of the chain, where it goes part by part */
    bool    goes_on;                                        /* its sums so far are in the result */
    NestTaps taps[4];                                       /* of each window, where the tile stands; of its first place */
} Code;

static LoopIndex plus(Nest *n, LoopIndex x, LoopIndex y) { return loop_plus(&n->b, x, y); }
static LoopReg *reg_of(Nest *n, LoopIndex x) { return loop_index(&n->b, &x); }
static LoopIndex least(Nest *n, LoopIndex x, int64_t most) { return loop_of(nest_min(n, reg_of(n, x), loop_int(&n->b, IR_I64, most))); }

static At moved(Nest *n, At at, const KLoop *l, LoopIndex by)
{
    return (At){plus(n, at.lane, loop_times(by, l->lane)), plus(n, at.row, loop_times(by, l->row)), plus(n, at.out, loop_times(by, l->out))};
}

static LoopIns *open(Nest *n, int64_t size, LoopIndex *at)
{
    LoopIns *block = loop_block(&n->b, size);
    *at = loop_of(loop_dim(&n->b, (int)block->n));
    return block;
}

/* ---- panels: [block of lanes][k][16] ---------------------------------------------------------------------------- */

/* One k: 16 numbers, wherever they lie. */
static void copy_one(Nest *n, const Code *c, LoopIndex from, LoopIndex to)
{
    unsigned cell = (unsigned)ir_elem_bytes(c->elem);
    LoopIndex l = nest_lanes(n), at = plus(n, from, loop_times(l, c->m->lanes.lane)), into = plus(n, to, l);
    loop_store(&n->b, c->panel, &into, loop_load(&n->b, c->x, &at, cell), 4 * cell);
}

/* 16 k of 16 lanes: a line of memory a lane, turned. */
static void turn_block(Nest *n, const Code *c, LoopIndex from, LoopIndex to)
{
    unsigned cell = (unsigned)ir_elem_bytes(c->elem);
    LoopIndex d;
    LoopIns *block = open(n, K_LANES, &d);
    LoopIndex at = plus(n, plus(n, from, loop_times(d, c->m->lanes.lane)), nest_lanes(n));
    LoopReg *v = loop_turn(&n->b, loop_load(&n->b, c->x, &at, cell), (int)block->n);
    LoopIndex into = plus(n, plus(n, to, loop_times(d, K_LANES)), nest_lanes(n));
    loop_store(&n->b, c->panel, &into, v, 4 * cell);
    loop_close(&n->b, block);
}

/* k from..to of the innermost loop of the chain. Sixteens that would pass its end begin earlier, perhaps before `from`. */
static void fill_line(Nest *n, const Code *c, LoopIndex lane, LoopIndex into, LoopIndex from, LoopIndex to)
{
    const KLoop *k = &c->m->chain.v[c->m->chain.n - 1];
    bool turned = c->m->how == K_TURNED, earlier = turned && k->extent % K_LANES;
    LoopIns *l = nest_turns(n, !earlier, from, to, turned ? K_LANES : 1, true);
    LoopIndex at = nest_counter(l);
    if (earlier) at = least(n, at, k->extent - K_LANES);
    LoopIndex off = plus(n, into, loop_times(plus(n, at, loop_times(from, -1)), K_LANES));
    (turned ? turn_block : copy_one)(n, c, plus(n, lane, loop_times(at, k->lane)), off);
    nest_end(n, l);
}

static void fill_lines(Nest *n, const Code *c, int depth, LoopIndex lane, LoopIndex into)
{
    const KLoops *chain = &c->m->chain;
    int64_t below = K_LANES;
    if (depth == chain->n - 1) { fill_line(n, c, lane, into, loop_at(0), loop_at(chain->v[depth].extent)); return; }
    for (int i = depth + 1; i < chain->n; i++) below *= chain->v[i].extent;
    LoopIns *l = nest_par(n, chain->v[depth].extent);
    fill_lines(n, c, depth + 1, plus(n, lane, loop_times(nest_counter(l), chain->v[depth].lane)), plus(n, into, loop_times(nest_counter(l), below)));
    nest_end(n, l);
}

/* The lanes of a tile, all of the chain or k from..to of it. */
static void fill(Nest *n, const Code *c, LoopIndex lane, const LoopIndex *from, const LoopIndex *to)
{
    LoopIns *l = nest_par(n, c->flight);
    LoopIndex block = nest_counter(l), at = plus(n, lane, loop_times(block, K_LANES * c->m->lanes.lane)), into = loop_times(block, K_LANES * c->held);
    if (from) fill_line(n, c, at, plus(n, into, loop_at(K_LANES * K_LANES)), *from, *to);
    else fill_lines(n, c, 0, at, into);
    nest_end(n, l);
}

/* ---- a tile ----------------------------------------------------------------------------------------------------- */

typedef struct Dims { LoopIndex row, block; } Dims;

static LoopReg *step(Nest *n, const Code *c, const Dims *d, LoopIndex row, LoopIndex lane, LoopReg *acc)
{
    unsigned cell = (unsigned)ir_elem_bytes(c->elem);
    bool lies = !c->has_panel;
    LoopIndex x = plus(n, plus(n, lane, nest_lanes(n)), loop_times(d->block, c->own ? c->m->columns.lane : lies ? c->width * c->m->lanes.lane : K_LANES * c->held));
    LoopIndex w = plus(n, row, loop_times(d->row, c->m->row.row));
    if (c->own) w = plus(n, w, nest_lanes(n));
    LoopReg *rows = loop_load(&n->b, c->w, &w, c->own ? c->align : cell);
    return loop_fma(&n->b, rows, loop_load(&n->b, lies ? c->x : c->panel, &x, lies ? c->align : 4 * cell), acc);
}

static LoopReg *chain(Nest *n, const Code *c, const Dims *d, int depth, LoopIndex row, LoopIndex lane, LoopReg *acc);

/* The taps of a window, and all of the chain at each. */
static LoopReg *taps(Nest *n, const Code *c, const Dims *d, int w, LoopIndex row, LoopIndex lane, int64_t by, LoopReg *acc)
{
    const NestTaps *t = &c->taps[w];
    const KLoop *k = &c->m->chain.v[w];
    bool kernel = c->m->side == 1;                          /* has the lanes */
    LoopIns *l = nest_fold(n, loop_at(0), loop_of(t->count), 1, acc);
    LoopIndex i = nest_counter(l), step_k = plus(n, t->k, loop_times(i, t->step_k)), step_i = plus(n, t->i, loop_times(i, t->step_i));
    row = plus(n, row, loop_times(kernel ? step_i : step_k, k->row));
    lane = plus(n, lane, loop_times(kernel ? step_k : step_i, by));
    return nest_end_fold(n, l, chain(n, c, d, w + 1, row, lane, &l->body->carry[0]));
}

/* All of the chain; lane: in the operand, or in the panel. */
static LoopReg *chain(Nest *n, const Code *c, const Dims *d, int depth, LoopIndex row, LoopIndex lane, LoopReg *acc)
{
    const KLoops *k = &c->m->chain;
    if (depth == k->n) return step(n, c, d, row, lane, acc);
    int64_t by = K_LANES;
    for (int i = depth + 1; i < k->n; i++) by *= k->v[i].extent;
    if (!c->has_panel) by = k->v[depth].lane;
    if (depth < c->m->n_windows) return taps(n, c, d, depth, row, lane, by, acc);
    LoopIndex from = loop_at(0), to = depth == k->n - 1 ? loop_of(loop_word(&n->b, k->v[depth].extent)) : loop_at(k->v[depth].extent);
    if (c->m->part) from = c->from, to = c->to;
    LoopIns *l = loop_for(&n->b, &from, &to, 1, true, &acc, 1);
    LoopIndex i = nest_counter(l), along = plus(n, row, loop_times(i, k->v[depth].row));
    return nest_end_fold(n, l, chain(n, c, d, depth + 1, along, plus(n, lane, loop_times(i, by)), &l->body->carry[0]));
}

/* Chunk by chunk, each as a panel of its own; 16 numbers of a lane before it are room for what begins earlier. */
static LoopReg *chunks(Nest *n, const Code *c, const Dims *d, At at, LoopReg *acc)
{
    const KLoop *k = &c->m->chain.v[0];
    LoopIns *l = nest_fold(n, loop_at(0), loop_at(k->extent), K_CHUNK, acc);
    LoopIndex from = nest_counter(l), to = least(n, plus(n, from, loop_at(K_CHUNK)), k->extent);
    fill(n, c, at.lane, &from, &to);
    LoopReg *sum = &l->body->carry[0];
    LoopIns *in = loop_for(&n->b, &from, &to, 1, true, &sum, 1);
    LoopIndex i = nest_counter(in), held = plus(n, plus(n, i, loop_times(from, -1)), loop_at(K_LANES));
    LoopReg *next = step(n, c, d, plus(n, at.row, loop_times(i, k->row)), loop_times(held, K_LANES), &in->body->carry[0]);
    return nest_end_fold(n, l, nest_end_fold(n, in, next));
}

static void tile(Nest *n, const Code *c, At at)
{
    const KMatrices *m = c->m;
    Dims d;
    LoopIns *rows = open(n, c->rows, &d.row), *blocks = open(n, c->flight, &d.block);
    LoopIndex lane = plus(n, loop_times(nest_lanes(n), m->lanes.out), loop_times(d.block, c->own ? m->columns.out : c->width * m->lanes.out));
    LoopIndex to = plus(n, plus(n, at.out, lane), loop_times(d.row, m->row.out));
    LoopReg *acc = c->goes_on ? loop_load(&n->b, c->out, &to, c->align) : loop_over(&n->b, nest_zero(n, c->elem), 1u << rows->n | 1u << blocks->n);
    if (c->has_panel && !m->whole) acc = chunks(n, c, &d, at, acc);
    else acc = chain(n, c, &d, 0, at.row, c->has_panel ? loop_at(0) : at.lane, acc);
    loop_store(&n->b, c->out, &to, acc, c->align);
    loop_close(&n->b, blocks);
    loop_close(&n->b, rows);
}

/* ---- the loops around it ---------------------------------------------------------------------------------------- */

typedef struct { LoopIndex from, to; } Span;

/* Part `which` of `parts`, each `size` of `all`, the last with what is left. */
static Span part_of(Nest *n, LoopIndex which, int64_t parts, int64_t size, int64_t all)
{
    if (parts == 1) return (Span){loop_at(0), loop_at(all)};
    LoopIndex from = loop_times(which, size);
    LoopReg *last = loop_compare(&n->b, IR_EQ, reg_of(n, which), loop_int(&n->b, IR_I64, parts - 1));
    LoopReg *to = loop_select(&n->b, last, loop_int(&n->b, IR_I64, all), reg_of(n, plus(n, from, loop_at(size))));
    return (Span){from, loop_of(to)};
}

/* Where `size` from x on would pass the end, the last of them. */
static LoopIndex before(Nest *n, LoopIndex x, LoopIndex end, int64_t size)
{
    return loop_of(nest_min(n, reg_of(n, x), reg_of(n, plus(n, end, loop_at(-size)))));
}

/* No panel is filled by each tile. */
static bool is_apart(const Code *c) { return !c->has_panel || c->m->whole; }

static At at_place(Nest *n, Code *c, int w, At at, LoopIndex place)
{
    const IrWindow *win = &c->conv->attr->windows[w];
    c->taps[w] = nest_taps(n, win, c->conv->arg[0]->type.dim[win->a], c->conv->arg[1]->type.dim[win->b], place);
    at.out = plus(n, at.out, loop_times(place, c->m->window[w].out));
    return at;
}

/* The places of the last window: those that have the same taps as tiles, then those at the borders one by one. */
static void all_places(Nest *n, const Code *c, At at)
{
    int w = c->m->n_windows - 1;
    const IrWindow *win = &c->conv->attr->windows[w];
    NestAlike a = nest_alike(win, c->conv->arg[0]->type.dim[win->a], c->conv->arg[1]->type.dim[win->b], c->m->row.extent);
    KMatrices m = *c->m;
    Code part = *c;
    int64_t alike = a.to - a.from, passed = alike * a.period;
    part.m = &m;
    m.row.row = a.step * m.chain.v[w].row;
    m.row.out *= a.period;
    if (alike) {
        LoopIns *r = nest_turns(n, is_apart(c), loop_at(0), loop_at(a.period), 1, false);
        part.rows = (int)(c->rows < alike ? c->rows : alike);
        bool earlier = alike % part.rows;
        LoopIns *l = nest_turns(n, is_apart(c) && !earlier, loop_at(a.from), loop_at(a.to), part.rows, true);
        LoopIndex first = nest_counter(l);
        if (earlier) first = before(n, first, loop_at(a.to), part.rows);
        tile(n, &part, at_place(n, &part, w, at, plus(n, loop_times(first, a.period), nest_counter(r))));
        nest_end(n, l);
        nest_end(n, r);
    }
    LoopIns *rest = nest_turns(n, is_apart(c), loop_at(0), loop_at(c->m->row.extent - passed), 1, false);
    LoopReg *i = rest->body->counter, *behind = loop_binary(&n->b, IR_add, i, loop_int(&n->b, IR_I64, passed));
    LoopReg *front = loop_compare(&n->b, IR_LT, i, loop_int(&n->b, IR_I64, a.from * a.period));
    part.rows = 1;
    tile(n, &part, at_place(n, &part, w, at, loop_of(loop_select(&n->b, front, i, behind))));
    nest_end(n, rest);
}

static void all_rows(Nest *n, const Code *c, int depth, At at, Span rows)
{
    const KMatrices *m = c->m;
    if (depth < m->rows.n) {
        LoopIns *l = nest_turns(n, is_apart(c), loop_at(0), loop_at(m->rows.v[depth].extent), 1, false);
        all_rows(n, c, depth + 1, moved(n, at, &m->rows.v[depth], nest_counter(l)), rows);
        nest_end(n, l);
        return;
    }
    if (m->places) { all_places(n, c, at); return; }
    bool earlier = m->row.extent % c->rows || m->row_units > 1;
    LoopIns *l = nest_turns(n, is_apart(c) && !earlier, rows.from, rows.to, c->rows, true);
    LoopIndex first = nest_counter(l);
    if (earlier) first = before(n, first, rows.to, c->rows);
    tile(n, c, moved(n, at, &m->row, first));
    nest_end(n, l);
}

/* All tiles of a unit take a part of the chain: the first begins with 0, the others go on with the result. */
static void parts(Nest *n, const Code *c, At at, Span lanes, Span rows)
{
    const KMatrices *m = c->m;
    int64_t all = m->chain.v[0].extent;
    for (int first = 1; first >= 0; first--) {
        Code own = *c;
        LoopIns *p = first ? NULL : nest_turns(n, false, loop_at(m->part), loop_at(all), m->part, false);
        own.goes_on = !first;
        own.from = first ? loop_at(0) : nest_counter(p);
        own.to = first ? loop_at(m->part) : least(n, plus(n, own.from, loop_at(m->part)), all);
        LoopIns *l = nest_turns(n, true, lanes.from, lanes.to, c->width * c->flight, true);
        all_rows(n, &own, 0, moved(n, at, &m->lanes, nest_counter(l)), rows);
        nest_end(n, l);
        if (p) nest_end(n, p);
    }
}

static void unit(Nest *n, const Code *code, At at, LoopIndex which)
{
    Code own = *code, *c = &own;
    const KMatrices *m = c->m;
    Span rows = part_of(n, nest_rest(n, which, m->row_units), m->row_units, K_ROW_UNIT, m->row.extent);
    which = nest_quot(n, which, m->row_units);
    Span lanes = part_of(n, nest_rest(n, which, m->lane_units), m->lane_units, K_LANES * m->group, m->lanes.extent);
    which = nest_quot(n, which, m->lane_units);
    Span places = {loop_at(0), loop_at(0)};
    if (m->window_units) {
        LoopIndex part = nest_rest(n, which, m->window_units);
        which = nest_quot(n, which, m->window_units);
        places = part_of(n, part, m->window_units, (m->window[0].extent + m->window_units - 1) / m->window_units, m->window[0].extent);
    }
    for (int i = m->n_windows - m->places - 1; i >= (m->window_units ? 1 : 0); i--) {
        bool last = !i && !m->outer.n;                      /* whatever is left of `which` */
        at = at_place(n, c, i, at, last ? which : nest_rest(n, which, m->window[i].extent));
        if (!last) which = nest_quot(n, which, m->window[i].extent);
    }
    for (int i = m->outer.n - 1; i >= 0; i--) {
        at = moved(n, at, &m->outer.v[i], i ? nest_rest(n, which, m->outer.v[i].extent) : which);
        if (i) which = nest_quot(n, which, m->outer.v[i].extent);
    }
    if (m->part) { parts(n, c, at, lanes, rows); return; }
    int64_t each = c->width * c->flight;
    bool earlier = m->lanes.extent % each || K_LANES * m->group % each;
    LoopIns *l = nest_turns(n, !c->has_panel && !earlier, lanes.from, lanes.to, each, true);
    LoopIndex first = nest_counter(l);
    if (earlier) first = before(n, first, lanes.to, each);
    at = moved(n, at, &m->lanes, first);
    if (c->has_panel && m->whole) fill(n, c, at.lane, NULL, NULL);
    LoopIns *w = m->window_units ? nest_turns(n, is_apart(c), places.from, places.to, 1, false) : NULL;
    all_rows(n, c, 0, w ? at_place(n, c, 0, at, nest_counter(w)) : at, rows);
    if (w) nest_end(n, w);
    nest_end(n, l);
}

/* As many rows as the target accumulates, all tiles alike; then more beside one another, as long as there is room. */
static void choose_tile(const Nest *n, Code *c)
{
    enum { NUMBERS = 12, ROWS = 3 };                        /* chains of numbers, and their rows where there are enough to go beside one another */
    const KMatrices *m = c->m;
    bool numbers = m->how == K_NUMBERS;
    int64_t room = numbers ? NUMBERS : c->elem == IR_F64 && n->rows > 1 ? n->rows / 2 : n->rows, most = room;
    if (numbers) most = m->lanes.extent * ROWS < NUMBERS ? NUMBERS / m->lanes.extent : ROWS;
    int64_t tiles = (m->row.extent + most - 1) / most, beside = numbers ? NUMBERS : m->group;
    c->width = numbers ? 1 : K_LANES;
    c->rows = (int)(m->row_units > 1 ? most : (m->row.extent + tiles - 1) / tiles);
    while (m->part && m->row.extent % c->rows) c->rows--;   /* sums that wait may not be made twice */
    while (beside > 1 && (beside * c->rows > room || beside * c->width > m->lanes.extent)) beside = numbers ? beside - 1 : beside / 2;
    c->flight = (int)beside;
    while (m->part && (m->group % c->flight || m->lanes.extent / K_LANES % c->flight)) c->flight--;       /* in the last unit, too */
    c->has_panel = m->how == K_COPIED || m->how == K_TURNED;
    c->held = m->whole ? 1 : K_CHUNK + K_LANES;
    for (int i = 0; i < m->chain.n && m->whole; i++) c->held *= m->chain.v[i].extent;
}

/* All but where rows and result are. */
static Code code_of(Nest *n)
{
    const KMatrices *m = n->k->matrices;
    Code c = {.m = m, .elem = n->k->nodes.v[0]->result[0].type.elem};
    choose_tile(n, &c);
    c.align = (unsigned)ir_elem_bytes(c.elem);
    n->lanes = c.width;
    c.conv = m->n_windows ? n->k->nodes.v[0] : NULL;
    c.x = nest_base(n, m->from[0]);
    if (c.has_panel) c.panel = nest_base(n, n->k->mem);
    return c;
}

void nest_matrices(Nest *n)
{
    Code c = code_of(n);
    c.w = nest_base(n, c.m->from[1]);
    c.out = nest_base(n, n->k->stores.v[0].mem);
    LoopIns *l = nest_turns(n, !c.has_panel, loop_of(n->lo), loop_of(n->hi), 1, false);
    unit(n, &c, (At){loop_at(c.m->at[0]), loop_at(c.m->at[1]), loop_at(0)}, nest_counter(l));
    nest_end(n, l);
}

void nest_few(Nest *n)
{
    At at;
    Code c = code_of(n);
    nest_at_panel(n);
    at.lane = loop_at(c.m->at[0]);
    c.w = nest_panel(n, c.m->from[1], &at.row);
    at.row = plus(n, at.row, loop_at(c.m->at[1]));
    c.out = nest_panel(n, n->k->stores.v[0].mem, &at.out);
    LoopIns *each = nest_turns(n, !c.has_panel, loop_at(0), loop_at(c.m->samples.extent), 1, false);
    LoopIns *l = nest_turns(n, !c.has_panel, loop_at(0), loop_at(n->k->units), 1, false);
    unit(n, &c, moved(n, at, &c.m->samples, nest_counter(each)), nest_counter(l));
    nest_end(n, l);
    nest_end(n, each);
}

/* ---- samples with samples: the other axis' panels, 16 rows each, and what is left of the last -------------------- */

void nest_pairs(Nest *n)
{
    KMatrices m = *n->k->matrices;
    Code c = {.m = &m, .elem = n->k->nodes.v[0]->result[0].type.elem, .align = 64};
    KLoop samples = m.row;
    int64_t panels = samples.extent / K_LANES, rest = samples.extent % K_LANES;
    At at = {.row = loop_at(m.at[1])};
    LoopIndex from;
    nest_at_panel(n);
    c.x = nest_panel(n, m.from[0], &from);
    at.lane = plus(n, from, loop_at(m.at[0]));
    c.out = nest_panel(n, n->k->stores.v[0].mem, &at.out);
    c.w = nest_base(n, m.from[1]);
    KLoop panel = {panels, 0, m.from[1]->panel, K_LANES * samples.out};
    m.row.extent = rest;
    if (rest) {
        choose_tile(n, &c);
        all_rows(n, &c, 0, moved(n, at, &panel, loop_at(panels)), (Span){loop_at(0), loop_at(rest)});
    }
    m.row.extent = K_LANES;
    m.rows.v[m.rows.n++] = panel;
    if (panels) {
        choose_tile(n, &c);
        all_rows(n, &c, 0, at, (Span){loop_at(0), loop_at(K_LANES)});
    }
}

/* ---- samples with their own: some places of either operand ------------------------------------------------------- */

/* As near to a square as there is room, as each number is loaded once for all of the other side's. */
static void choose_own(const Nest *n, Code *c)
{
    int64_t room = c->elem == IR_F64 && n->rows > 1 ? n->rows / 2 : n->rows, rows = c->m->row.extent, columns = c->m->columns.extent, side = 1;
    while ((side + 1) * (side + 1) <= room) side++;
    int64_t beside = columns < side ? columns : side, most = room / beside, tiles = (rows + most - 1) / most;
    c->rows = (int)((rows + tiles - 1) / tiles);
    most = room / c->rows;
    tiles = (columns + most - 1) / most;
    c->flight = (int)((columns + tiles - 1) / tiles);
}

void nest_own(Nest *n)
{
    const KMatrices *m = n->k->matrices;
    Code c = {.m = m, .elem = n->k->nodes.v[0]->result[0].type.elem, .own = true, .width = K_LANES, .align = 64};
    LoopIndex from;
    At at;
    choose_own(n, &c);
    nest_at_panel(n);
    c.x = nest_panel(n, m->from[0], &from);
    at.lane = plus(n, from, loop_at(m->at[0]));
    c.w = nest_panel(n, m->from[1], &from);
    at.row = plus(n, from, loop_at(m->at[1]));
    c.out = nest_panel(n, n->k->stores.v[0].mem, &at.out);
    bool earlier = m->columns.extent % c.flight;
    LoopIns *l = nest_turns(n, !earlier, loop_at(0), loop_at(m->columns.extent), c.flight, true);
    LoopIndex first = nest_counter(l);
    if (earlier) first = before(n, first, loop_at(m->columns.extent), c.flight);
    all_rows(n, &c, 0, moved(n, at, &m->columns, first), (Span){loop_at(0), loop_at(m->row.extent)});
    nest_end(n, l);
}
