/* whole.c - a product over samples, tile by tile of its result: all shards' chains, their tree, and the rows that read it.
 *
 * In:  what compiler/kernel/whole.c chose.   Out: a nest over units: UNIT rows of the columns that are near at once, and so down all rows before the next columns.
 * A tile is rows by 16 columns. A chain runs over a shard's samples as OUTER's does, in registers; what the shards gave stays in a local until
 * the rows of the tile are taken one by one: the tree, then the MAP kernel's rows. That is while the chains of the next tile run, some with each panel of theirs:
 * roots and divisions take long, and leave what multiplies and adds idle. Rows that write many values follow their own chains, as what they want would not stay near.
 * All rows are walked for as many blocks of columns as stay in the cache near the core. Start at nest_whole(). */
#include "compiler/nest/nest.h"

typedef struct Pair {
    int     a, b;                                           /* buffers: [panel][row][16 samples]; [block of 16 columns][sample][16 columns] */
    int64_t sample, block;                                  /* numbers of a to a sample; of b to a block */
} Pair;

typedef struct Code {
    IrElem  elem;
    int64_t rows, columns, samples, shards, shard;          /* extents */
    int     pairs, height, local;
    int64_t group;                                          /* blocks of columns that are near at once */
    Pair   *pair;
    bool    wait;                                           /* do the rows of a tile come with the next one's chains? */
} Code;

static LoopIndex plus(Nest *n, LoopIndex x, LoopIndex y) { return loop_plus(&n->b, x, y); }
static LoopReg *reg_of(Nest *n, LoopIndex x) { return loop_index(&n->b, &x); }
static int64_t units_of(const Code *c) { return (c->rows + K_UNIT_ROWS - 1) / K_UNIT_ROWS; }    /* of the rows */
static LoopIndex least(Nest *n, LoopIndex x, LoopReg *most) { return loop_of(nest_min(n, reg_of(n, x), most)); }
static LoopReg *whole_number(Nest *n, int64_t x) { return loop_int(&n->b, IR_I64, x); }

typedef struct Tile {
    LoopIndex first, block, row, nth;                       /* its first row, its block of columns; its rows in registers; which of the group's blocks */
    LoopIndex sums;                                         /* of the local: what its shards gave, [shard][row][16 columns] */
    LoopReg  *count;                                        /* samples of a panel; 0: there is no tile, only the one before it */
    int64_t   columns;
    int       height;
} Tile;

typedef struct Waiting { LoopReg *first, *block, *sums, *rows; } Waiting;  /* the tile whose rows come next; `rows` of them, perhaps none */

/* ---- rows ------------------------------------------------------------------------------------------------------- */

static LoopReg *tree(Nest *n, const Code *c, LoopIndex cell, int height, unsigned align)
{
    LoopReg *v[8];
    int64_t count = c->shards;
    for (int64_t s = 0; s < count; s++) {
        LoopIndex at = plus(n, cell, loop_at(s * height * K_LANES));
        v[s] = loop_load(&n->b, c->local, &at, align);
    }
    for (; count > 1; count = (count + 1) / 2)
        for (int64_t i = 0; i < (count + 1) / 2; i++) v[i] = 2 * i + 1 == count ? v[2 * i] : nest_add(n, v[2 * i], v[2 * i + 1]);
    return v[0];
}

/* At one row of the tile, 16 columns or one. */
static void at_row(Nest *n, const Code *c, const Tile *t, const Waiting *o, LoopIndex row, LoopIndex lane, unsigned align)
{
    LoopIndex cell = plus(n, loop_of(o->sums), plus(n, loop_times(row, K_LANES), lane));
    LoopReg *v = tree(n, c, cell, t->height, align);
    n->comp[0] = ix(plus(n, loop_of(o->first), row));
    n->comp[1] = ix(plus(n, loop_times(loop_of(o->block), K_LANES), lane));
    nest_results(n, 0, v);
    nest_map_on(n, n->k->epilogue, &n->k->nodes.v[0]->result[0], v);
}

static void rows_of(Nest *n, const Code *c, const Tile *t, const Waiting *o, LoopIndex from, LoopIndex to)
{
    unsigned cell = (unsigned)ir_elem_bytes(c->elem);
    LoopIns *l = nest_par_from(n, from, to, 1);
    LoopIndex row = nest_counter(l);
    if (t->columns == K_LANES) {
        at_row(n, c, t, o, row, nest_lanes(n), 64);
    } else {
        n->lanes = 1;
        LoopIns *one = nest_par(n, t->columns);
        at_row(n, c, t, o, row, nest_counter(one), cell);
        nest_end(n, one);
        n->lanes = K_LANES;
    }
    nest_end(n, l);
}

/* Of the tile before, as many rows as come to one panel of this one. */
static void rows_before(Nest *n, const Code *c, const Tile *t, const Waiting *o, LoopIndex sample)
{
    int64_t panels = (c->samples + K_LANES - 1) / K_LANES;
    LoopReg *done = loop_binary(&n->b, IR_mul, reg_of(n, nest_quot(n, sample, K_LANES)), o->rows);
    rows_of(n, c, t, o, nest_quot(n, loop_of(done), panels), nest_quot(n, plus(n, loop_of(done), loop_of(o->rows)), panels));
}

/* ---- chains ------------------------------------------------------------------------------------------------------ */

/* What the rows of the tile read and write comes while the chains run: some of it with each panel, so that the panel's own numbers find a way. */
static void look_ahead(Nest *n, const Code *c, const Tile *t, LoopIndex sample)
{
    KKernel *own = n->k, *map = n->k->epilogue;
    int64_t panels = (c->samples + K_LANES - 1) / K_LANES, each = (t->height + panels - 1) / panels;
    LoopIndex first = loop_times(nest_quot(n, sample, K_LANES), each);
    n->k = map;
    for (int64_t k = 0; k < each; k++) {
        n->comp[0] = ix(plus(n, t->first, least(n, plus(n, first, loop_at(k)), whole_number(n, t->height - 1))));
        for (int i = 0; i < map->stores.n; i++) {
            const IrVal *v = map->stores.v[i].val;
            int64_t last = c->columns % K_LANES ? K_LANES - 1 : 0;  /* two lines, unless they begin where blocks do */
            for (int64_t at = 0; at <= last; at += K_LANES - 1) {
                n->comp[1] = ix(plus(n, loop_times(t->block, K_LANES), loop_at(at)));
                Index index = nest_own_index(n, v);
                nest_ahead(n, map->stores.v[i].mem, &v->type, &index);
            }
        }
    }
    n->k = own;
}

/* What the tiles below read of the rows' operand comes to the second cache: each tile of the group asks for some rows of what the next ones want. */
static void fetch_below(Nest *n, const Code *c, const Pair *p, const Tile *t, LoopIndex sample)
{
    if (c->rows <= t->height) return;
    int64_t each = (t->height + c->group - 1) / c->group, line = 64 / (int64_t)ir_elem_bytes(c->elem);
    for (int64_t k = 0; k < each; k++) {
        LoopIndex row = plus(n, plus(n, t->first, loop_at(t->height + k)), loop_times(t->nth, each));
        LoopIndex from = plus(n, loop_times(sample, p->sample), loop_times(least(n, row, whole_number(n, c->rows - 1)), K_LANES));
        for (int64_t at = 0; at < K_LANES; at += line) {
            LoopIndex x = plus(n, from, loop_at(at));
            loop_fetch(&n->b, p->a, &x);
        }
    }
}

/* Samples from..to of a pair; from is a panel's first. o: NULL, or the tile before. */
static LoopReg *chain(Nest *n, const Code *c, const Pair *p, const Tile *t, const Waiting *o, LoopIndex from, LoopIndex to, LoopReg *acc)
{
    unsigned cell = (unsigned)ir_elem_bytes(c->elem);
    LoopIns *panels = nest_fold(n, from, to, K_LANES, acc);
    LoopIndex at = nest_counter(panels), count = loop_of(t->count);
    if (c->samples % K_LANES) count = least(n, plus(n, to, loop_times(at, -1)), t->count);
    if (p == c->pair) look_ahead(n, c, t, at);
    fetch_below(n, c, p, t, at);
    LoopReg *sum = &panels->body->carry[0];
    LoopIndex a = plus(n, loop_times(at, p->sample), loop_times(t->first, K_LANES)), b = plus(n, loop_times(t->block, p->block), loop_times(at, K_LANES)), zero = loop_at(0);
    LoopIns *samples = loop_for(&n->b, &zero, &count, 1, false, &sum, 1);
    LoopIndex i = nest_counter(samples);
    LoopIndex column = plus(n, plus(n, b, loop_times(i, K_LANES)), nest_lanes(n)), row = plus(n, plus(n, a, i), loop_times(t->row, K_LANES));
    LoopReg *y = loop_load(&n->b, p->b, &column, 64), *x = loop_load(&n->b, p->a, &row, cell);
    sum = nest_end_fold(n, samples, loop_fma(&n->b, x, y, &samples->body->carry[0]));
    if (o && p == c->pair) rows_before(n, c, t, o, at);
    return nest_end_fold(n, panels, sum);
}

/* Pairs take turns by blocks of 64 samples. */
static LoopReg *shard(Nest *n, const Code *c, const Tile *t, const Waiting *o, LoopIndex from, LoopIndex to, LoopReg *acc)
{
    if (c->pairs == 1) return chain(n, c, &c->pair[0], t, o, from, to, acc);
    LoopIns *l = nest_fold(n, from, to, K_TILE, acc);
    LoopIndex at = nest_counter(l), end = least(n, plus(n, at, loop_at(K_TILE)), reg_of(n, to));
    LoopReg *sum = &l->body->carry[0];
    for (int i = 0; i < c->pairs; i++) sum = chain(n, c, &c->pair[i], t, o, at, end, sum);
    return nest_end_fold(n, l, sum);
}

static void tile(Nest *n, const Code *c, Tile t, const Waiting *o)
{
    LoopIns *block = loop_block(&n->b, t.height), *l = nest_loop(n, c->shards);
    t.row = loop_of(loop_dim(&n->b, (int)block->n));
    LoopIndex from = loop_times(nest_counter(l), c->shard), to = least(n, plus(n, from, loop_at(c->shard)), loop_word(&n->b, c->samples));
    LoopReg *zero = loop_over(&n->b, loop_zero(&n->b, c->elem), 1u << LOOP_L | 1u << block->n);
    LoopIndex cell = plus(n, loop_times(nest_counter(l), (int64_t)t.height * K_LANES), loop_times(t.row, K_LANES));
    cell = plus(n, t.sums, plus(n, cell, nest_lanes(n)));
    LoopReg *sum = shard(n, c, &t, o, from, to, zero);
    loop_store(&n->b, c->local, &cell, sum, 64);
    nest_end(n, l);
    loop_close(&n->b, block);
}

/* Blocks of columns from..to: of each tile's rows one after another, which is how the rows of the result lie in memory. */
static void blocks_at_once(Nest *n, const Code *c, LoopIndex first, LoopIndex last, LoopIndex from, LoopIndex to, int height, int64_t columns)
{
    LoopReg *zero = whole_number(n, 0);
    LoopIns *rows = nest_par_from(n, first, last, height), *blocks = nest_par_from(n, from, to, 1);
    Tile t = {.first = nest_counter(rows), .block = nest_counter(blocks), .nth = plus(n, nest_counter(blocks), loop_times(from, -1)), .height = height, .columns = columns};
    t.count = whole_number(n, K_LANES);
    tile(n, c, t, NULL);
    rows_of(n, c, &t, &(Waiting){rows->body->counter, blocks->body->counter, zero, zero}, loop_at(0), loop_at(height));
    nest_end(n, blocks);
    nest_end(n, rows);
}

/* The same, the rows of each tile with the next one's chains. The last turn has no tile of its own. */
static void blocks_in_turn(Nest *n, const Code *c, LoopIndex first, LoopIndex last, LoopIndex from, LoopIndex to, int height, int64_t columns)
{
    int64_t size = c->shards * height * K_LANES;
    LoopReg *zero = whole_number(n, 0), *init[4] = {reg_of(n, first), reg_of(n, from), zero, zero};
    LoopIndex beyond = plus(n, last, loop_at(1));
    LoopIns *rows = loop_for(&n->b, &first, &beyond, height, false, init, 4);
    LoopReg *is = loop_compare(&n->b, IR_LT, rows->body->counter, reg_of(n, last)), *carry[4];
    LoopIndex at = least(n, nest_counter(rows), reg_of(n, plus(n, last, loop_at(-height))));
    LoopIndex end = loop_of(loop_select(&n->b, is, reg_of(n, to), reg_of(n, plus(n, from, loop_at(1)))));
    for (int i = 0; i < 4; i++) carry[i] = &rows->body->carry[i];
    LoopIns *blocks = loop_for(&n->b, &from, &end, 1, true, carry, 4);
    for (int i = 0; i < 4; i++) carry[i] = &blocks->body->carry[i];
    Tile t = {.first = at, .block = nest_counter(blocks), .nth = plus(n, nest_counter(blocks), loop_times(from, -1)), .height = height, .columns = columns};
    t.count = loop_select(&n->b, is, whole_number(n, K_LANES), zero);
    t.sums = plus(n, loop_at(size), loop_times(loop_of(carry[2]), -1));
    tile(n, c, t, &(Waiting){carry[0], carry[1], carry[2], carry[3]});
    LoopReg *next[4] = {reg_of(n, at), blocks->body->counter, reg_of(n, t.sums), whole_number(n, height)};
    loop_end_for(&n->b, blocks, next);
    for (int i = 0; i < 4; i++) carry[i] = &blocks->result[i];
    loop_end_for(&n->b, rows, carry);
}

static void blocks_of(Nest *n, const Code *c, LoopIndex first, LoopIndex last, LoopIndex from, LoopIndex to, int height, int64_t columns)
{
    (c->wait ? blocks_in_turn : blocks_at_once)(n, c, first, last, from, to, height, columns);
}

/* Rows first..last of the group's columns. The last group may be one that is not full. */
static void columns_of(Nest *n, const Code *c, LoopIndex group, LoopIndex first, LoopIndex last, int height)
{
    int64_t blocks = c->columns / K_LANES, rest = c->columns % K_LANES;
    LoopReg *full = whole_number(n, (blocks + c->group - 1) / c->group);
    if (blocks) {
        LoopIns *is = rest ? loop_when(&n->b, loop_compare(&n->b, IR_LT, reg_of(n, group), full)) : NULL;
        LoopIndex from = loop_times(group, c->group), to = least(n, plus(n, from, loop_at(c->group)), loop_word(&n->b, blocks));
        blocks_of(n, c, first, last, from, to, height, K_LANES);
        if (is) loop_close(&n->b, is);
    }
    if (rest) {
        LoopIns *is = blocks ? loop_when(&n->b, loop_compare(&n->b, IR_GE, reg_of(n, group), full)) : NULL;
        LoopIndex from = loop_of(loop_word(&n->b, blocks));
        blocks_of(n, c, first, last, from, plus(n, from, loop_at(1)), height, rest);
        if (is) loop_close(&n->b, is);
    }
}

/* Units from..to of one group's rows. */
static void rows_from(Nest *n, const Code *c, LoopIndex group, LoopReg *from, LoopReg *to)
{
    int64_t whole = c->rows / c->height * c->height, rest = c->rows % c->height;
    if (whole) {
        LoopReg *all = loop_word(&n->b, whole);
        columns_of(n, c, group, loop_times(loop_of(from), K_UNIT_ROWS), least(n, loop_times(loop_of(to), K_UNIT_ROWS), all), c->height);
    }
    if (rest) {
        LoopIns *last = loop_when(&n->b, loop_compare(&n->b, IR_GE, to, whole_number(n, units_of(c))));
        columns_of(n, c, group, loop_of(loop_word(&n->b, whole)), loop_of(loop_word(&n->b, c->rows)), (int)rest);
        loop_close(&n->b, last);
    }
}

/* ---- the kernel -------------------------------------------------------------------------------------------------- */

static Pair pair_of(Nest *n, int i)
{
    const IrNode *node = n->k->nodes.v[0];
    const IrVal *v = kernel_resolve(n->p, node->arg[2 * i]);
    const KMem *m = kernel_value(n->p, v)->mem, *columns = n->k->columns.v[i];
    int64_t panels = (ir_extent(n->m, node->attr->pair_over[i].id[0]) + K_LANES - 1) / K_LANES;
    return (Pair){nest_base(n, m), nest_base(n, columns), m->panel / K_LANES, panels * K_LANES * K_LANES};
}

/* Rows of a tile: as many as the target accumulates, so that units are whole tiles. */
static int height_of(const Nest *n, IrElem t)
{
    int most = t == IR_F64 ? n->rows / 2 : n->rows, height = K_UNIT_ROWS;
    while (height > 1 && (height > most || K_UNIT_ROWS % height)) height--;
    return height;
}

enum { MOST_STORES = 4 };                                    /* of rows that wait */

void nest_whole(Nest *n)
{
    const IrNode *node = n->k->nodes.v[0];
    const IrType *t = &node->result[0].type;
    IrShards shards = n->k->sum->shards;
    Code c = {.elem = t->elem, .rows = t->dim[0], .columns = t->dim[1], .samples = ir_extent(n->m, node->attr->pair_over[0].id[0]), .shards = shards.count,
              .shard = shards.size, .pairs = node->n_args / 2, .height = height_of(n, t->elem)};
    c.pair = arena_array(n->arena, Pair, c.pairs);
    for (int i = 0; i < c.pairs; i++) c.pair[i] = pair_of(n, i);
    c.group = n->k->near;
    c.wait = n->k->epilogue->stores.n <= MOST_STORES;
    c.local = loop_local(&n->b, c.elem, (c.wait ? 2 : 1) * c.shards * c.height * K_LANES);
    int64_t units = units_of(&c);
    LoopIndex lo = loop_of(n->lo), hi = loop_of(n->hi);
    LoopIns *groups = nest_par_from(n, nest_quot(n, lo, units), nest_quot(n, plus(n, hi, loop_at(units - 1)), units), 1);
    LoopIndex before = loop_times(nest_counter(groups), -units);
    LoopReg *from = loop_binary(&n->b, IR_max, reg_of(n, plus(n, lo, before)), whole_number(n, 0));
    rows_from(n, &c, nest_counter(groups), from, reg_of(n, least(n, plus(n, hi, before), whole_number(n, units))));
    nest_end(n, groups);
}
