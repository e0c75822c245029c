/* whole.c - a product over samples, tile by tile of its result: all shards' chains, their tree, and the rows that read it.
 *
 * In:  what compiler/kernel/whole.c chose.   Out: a nest over units, UNIT rows of a block of 16 columns each: those of the columns that are near at once,
 * down all rows, before those of the next. A tile is in the part where its first unit is.
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
static int64_t tiles_of(const Code *c) { return (c->rows + K_UNIT_ROWS - 1) / K_UNIT_ROWS; }    /* of a column, each UNIT rows */
static int64_t full_groups(const Code *c) { return (c->columns / K_LANES + c->group - 1) / c->group; }  /* of columns */
static LoopIndex least(Nest *n, LoopIndex x, LoopReg *most) { return loop_of(nest_min(n, reg_of(n, x), most)); }
static LoopReg *whole_number(Nest *n, int64_t x) { return loop_int(&n->b, IR_I64, x); }

typedef struct Tile {
    LoopIndex first, block, row, nth;                       /* its first row, its block of columns; its rows in registers; which of the group's blocks */
    LoopIndex sums;                                         /* of the local: what its shards gave, [shard][row][16 columns] */
    int64_t   columns;
    int       height;
    LoopReg  *below;                                        /* the first row that it asks for, of the next tiles; NULL: there are none */
} Tile;

typedef struct Waiting { LoopReg *first, *block, *sums, *blocks; } Waiting;    /* the tile whose rows come next; so many blocks of them, perhaps none */

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

/* At one row of the tile, or some side by side; 16 columns or one. */
static void at_row(Nest *n, const Code *c, const Tile *t, const Waiting *o, LoopIndex row, LoopIndex lane, unsigned align)
{
    LoopIndex cell = plus(n, loop_of(o->sums), plus(n, loop_times(row, K_LANES), lane));
    LoopReg *v = tree(n, c, cell, t->height, align);
    n->comp[0] = ix(plus(n, loop_of(o->first), row));
    n->comp[1] = ix(plus(n, loop_times(loop_of(o->block), K_LANES), lane));
    nest_results(n, 0, v);
    nest_map_on(n, n->k->epilogue, &n->k->nodes.v[0]->result[0], v);
}

/* Rows side by side: what one waits for, the others do, and while the oldest waits a processor's registers fill with what follows. */
static int together(const Nest *n, int height)
{
    return !nest_has_wide_registers(n) ? 1 : height % 3 == 0 ? 3 : height % 2 == 0 ? 2 : 1;
}

/* Rows in blocks of `by`, from .. to of these. */
static void rows_of(Nest *n, const Code *c, const Tile *t, const Waiting *o, LoopIndex from, LoopIndex to, int by)
{
    unsigned cell = (unsigned)ir_elem_bytes(c->elem);
    NestRows l = nest_rows(n, by, loop_times(from, by), loop_times(to, by), false);
    if (t->columns == K_LANES) {
        at_row(n, c, t, o, l.row, nest_lanes(n), 64);
    } else {
        n->lanes = 1;
        LoopIns *one = nest_par(n, t->columns);
        at_row(n, c, t, o, l.row, nest_counter(one), cell);
        nest_end(n, one);
        n->lanes = K_LANES;
    }
    nest_end_rows(n, &l);
}

/* Of the tile before, as many blocks of rows as come to one panel of this one. */
static void rows_before(Nest *n, const Code *c, const Tile *t, const Waiting *o, LoopIndex sample)
{
    int64_t panels = (c->samples + K_LANES - 1) / K_LANES;
    LoopReg *done = loop_binary(&n->b, IR_mul, reg_of(n, nest_quot(n, sample, K_LANES)), o->blocks);
    rows_of(n, c, t, o, nest_quot(n, loop_of(done), panels), nest_quot(n, plus(n, loop_of(done), loop_of(o->blocks)), panels), together(n, t->height));
}

/* ---- chains ------------------------------------------------------------------------------------------------------ */

typedef void AskFn(Nest *n, const KMem *m, const IrType *t, const Index *at);

/* For a row's lines, 16 columns of a value; one more where they do not begin where blocks do. */
static void ask_row(Nest *n, const Code *c, const Tile *t, AskFn *ask, const KMem *m, const IrVal *v)
{
    int64_t line = 64 / (int64_t)ir_elem_bytes(m->elem), end = c->columns % K_LANES ? K_LANES + line : K_LANES;
    for (int64_t at = 0; at < end; at += line) {
        n->comp[1] = ix(plus(n, loop_times(t->block, K_LANES), loop_at(at < K_LANES ? at : K_LANES - 1)));
        Index index = nest_own_index(n, v);
        ask(n, m, &v->type, &index);
    }
}

static bool is_read_as_it_lies(const Nest *n, const IrVal *v)
{
    const KValue *x = kernel_value(n->p, v);
    const IrType *own = &n->k->nodes.v[0]->result[0].type;
    return x->mem && x->mem->place == K_FRAME && x->mem->tile < 0 && x->kernel != n->k && v->type.rank == 2 && !v->type.axes.n &&
           v->type.dim[0] == own->dim[0] && v->type.dim[1] == own->dim[1];
}

/* Partial results of other products, and what earlier kernels left. What rows write, they often read there. */
static void ask_for_reads(Nest *n, const Code *c, const Tile *t)
{
    const KKernel *map = n->k;
    for (int i = 0; i < map->nodes.n; i++) {
        const IrNode *node = map->nodes.v[i];
        const KAccum *a = kernel_value(n->p, &node->result[0])->accum;
        for (int64_t s = 0; a && s < a->shards.count; s++) {
            KMem m = nest_shard(a, s);
            ask_row(n, c, t, nest_fetch, &m, &node->result[0]);
        }
        for (int k = 0; !a && k < node->n_args; k++) {
            const IrVal *v = kernel_resolve(n->p, node->arg[k]);
            if (is_read_as_it_lies(n, v)) ask_row(n, c, t, nest_fetch, kernel_value(n->p, v)->mem, v);
        }
    }
}

/* Row `row` of the tile, of the group's rows. */
static void ask_for_row(Nest *n, const Code *c, const Tile *t, LoopIndex row)
{
    KKernel *own = n->k, *map = n->k->epilogue;
    n->k = map;
    n->comp[0] = ix(plus(n, t->first, row));
    for (int i = 0; i < map->stores.n; i++) ask_row(n, c, t, nest_ahead, map->stores.v[i].mem, map->stores.v[i].val);
    ask_for_reads(n, c, t);
    n->k = own;
}

/* What the rows of the tile read and write comes while the chains run: some of it with each panel, so that the panel's own numbers find a way. Where panels are more than
 * rows some are asked for twice: nothing beside branches, which stand between multiply-adds. */
static void look_ahead(Nest *n, const Code *c, const Tile *t, LoopIndex sample)
{
    int64_t panels = (c->samples + K_LANES - 1) / K_LANES, each = (t->height + panels - 1) / panels;
    LoopIndex panel = nest_quot(n, sample, K_LANES), first = each == 1 ? nest_quot(n, loop_times(panel, t->height), panels) : least(n, loop_times(panel, each), whole_number(n, t->height - each));
    for (int64_t k = 0; k < each; k++) ask_for_row(n, c, t, plus(n, first, loop_at(k)));
}

static int64_t rows_below(const Code *c, const Tile *t) { return (t->height + c->group - 1) / c->group; }

/* What the tiles below read of the rows' operand comes to the second cache: each tile of the group asks for some rows of what the next ones want. */
static void fetch_below(Nest *n, const Code *c, const Pair *p, const Tile *t, LoopIndex sample)
{
    int64_t line = 64 / (int64_t)ir_elem_bytes(c->elem);
    for (int64_t k = 0; t->below && k < rows_below(c, t); k++) {
        LoopIndex from = plus(n, loop_times(sample, p->sample), loop_times(plus(n, loop_of(t->below), loop_at(k)), K_LANES));
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
    LoopIndex at = nest_counter(panels), count = loop_at(K_LANES);
    if (c->samples % K_LANES) count = least(n, plus(n, to, loop_times(at, -1)), whole_number(n, K_LANES));
    if (p == c->pair) look_ahead(n, c, t, at);
    fetch_below(n, c, p, t, at);
    LoopReg *sum = &panels->body->carry[0];
    LoopIndex a = plus(n, loop_times(at, p->sample), loop_times(t->first, K_LANES)), b = plus(n, loop_times(t->block, p->block), loop_times(at, K_LANES)), zero = loop_at(0);
    LoopIns *samples = loop_for(&n->b, &zero, &count, 1, true, &sum, 1);
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
    if (c->rows > t.height) t.below = reg_of(n, least(n, plus(n, plus(n, t.first, loop_at(t.height)), loop_times(t.nth, rows_below(c, &t))), whole_number(n, c->rows - rows_below(c, &t))));
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
    tile(n, c, t, NULL);
    rows_of(n, c, &t, &(Waiting){rows->body->counter, blocks->body->counter, zero, zero}, loop_at(0), loop_at(height), 1);
    nest_end(n, blocks);
    nest_end(n, rows);
}

/* The same, the rows of each tile with the next one's chains; the last one's behind all. */
static void blocks_in_turn(Nest *n, const Code *c, LoopIndex first, LoopIndex last, LoopIndex from, LoopIndex to, int height, int64_t columns)
{
    int64_t size = c->shards * height * K_LANES;
    int by = together(n, height);
    LoopReg *zero = whole_number(n, 0), *init[4] = {reg_of(n, first), reg_of(n, from), zero, zero}, *carry[4];
    LoopIns *rows = loop_for(&n->b, &first, &last, height, false, init, 4);
    for (int i = 0; i < 4; i++) carry[i] = &rows->body->carry[i];
    LoopIns *blocks = loop_for(&n->b, &from, &to, 1, true, carry, 4);
    for (int i = 0; i < 4; i++) carry[i] = &blocks->body->carry[i];
    Tile t = {.first = nest_counter(rows), .block = nest_counter(blocks), .nth = plus(n, nest_counter(blocks), loop_times(from, -1)), .height = height, .columns = columns};
    t.sums = plus(n, loop_at(size), loop_times(loop_of(carry[2]), -1));
    tile(n, c, t, &(Waiting){carry[0], carry[1], carry[2], carry[3]});
    LoopReg *next[4] = {rows->body->counter, blocks->body->counter, reg_of(n, t.sums), whole_number(n, height / by)};
    loop_end_for(&n->b, blocks, next);
    for (int i = 0; i < 4; i++) carry[i] = &blocks->result[i];
    loop_end_for(&n->b, rows, carry);
    for (int i = 0; i < 4; i++) carry[i] = &rows->result[i];
    rows_of(n, c, &t, &(Waiting){carry[0], carry[1], carry[2], carry[3]}, loop_at(0), loop_of(carry[3]), by);
}

static void blocks_of(Nest *n, const Code *c, LoopIndex first, LoopIndex last, LoopIndex from, LoopIndex to, int height, int64_t columns)
{
    (c->wait ? blocks_in_turn : blocks_at_once)(n, c, first, last, from, to, height, columns);
}

/* Rows first..last of the group's columns. The last group may be a block that is not full. */
static void columns_of(Nest *n, const Code *c, LoopIndex group, LoopIndex first, LoopIndex last, int height)
{
    int64_t blocks = c->columns / K_LANES, rest = c->columns % K_LANES;
    if (blocks) {
        LoopIns *is = rest ? loop_when(&n->b, loop_compare(&n->b, IR_LT, reg_of(n, group), whole_number(n, full_groups(c)))) : NULL;
        LoopIndex from = loop_times(group, c->group), to = least(n, plus(n, from, loop_at(c->group)), loop_word(&n->b, blocks));
        blocks_of(n, c, first, last, from, to, height, K_LANES);
        if (is) loop_close(&n->b, is);
    }
    if (rest) {
        LoopIns *is = blocks ? loop_when(&n->b, loop_compare(&n->b, IR_GE, reg_of(n, group), whole_number(n, full_groups(c)))) : NULL;
        LoopIndex from = loop_of(loop_word(&n->b, blocks));
        blocks_of(n, c, first, last, from, plus(n, from, loop_at(1)), height, rest);
        if (is) loop_close(&n->b, is);
    }
}

/* Of a group's tiles, those that begin before this unit. */
static LoopReg *tiles_before(Nest *n, const Code *c, LoopIndex group, LoopReg *unit)
{
    int64_t tiles = tiles_of(c), blocks = c->columns / K_LANES, groups = full_groups(c), last = blocks - (groups - 1) * c->group;
    LoopIndex first = loop_times(least(n, loop_times(group, c->group), whole_number(n, blocks)), -tiles);
    LoopReg *units = loop_binary(&n->b, IR_max, reg_of(n, plus(n, loop_of(unit), first)), whole_number(n, 0)), *is = units;
    if (blocks) is = reg_of(n, nest_quot(n, plus(n, loop_of(units), loop_at(c->group - 1)), c->group));
    if (blocks && last != c->group) {
        LoopReg *of_last = reg_of(n, nest_quot(n, plus(n, loop_of(units), loop_at(last - 1)), last));
        is = loop_select(&n->b, loop_compare(&n->b, IR_GE, reg_of(n, group), whole_number(n, groups - 1)), of_last, is);
    }
    if (blocks && c->columns % K_LANES) is = loop_select(&n->b, loop_compare(&n->b, IR_GE, reg_of(n, group), whole_number(n, groups)), units, is);
    return nest_min(n, is, whole_number(n, tiles));
}

/* Tiles from..to of a group. */
static void tiles_from(Nest *n, const Code *c, LoopIndex group, LoopReg *from, LoopReg *to)
{
    int64_t whole = c->rows / c->height * c->height, rest = c->rows % c->height;
    if (whole) {
        LoopReg *all = loop_word(&n->b, whole);
        columns_of(n, c, group, loop_times(loop_of(from), K_UNIT_ROWS), least(n, loop_times(loop_of(to), K_UNIT_ROWS), all), c->height);
    }
    if (rest) {
        LoopIns *last = loop_when(&n->b, loop_compare(&n->b, IR_GE, to, whole_number(n, tiles_of(c))));
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
    LoopIns *groups = nest_par(n, full_groups(&c) + (c.columns % K_LANES ? 1 : 0));
    LoopReg *from = tiles_before(n, &c, nest_counter(groups), n->lo), *to = tiles_before(n, &c, nest_counter(groups), n->hi);
    LoopIns *any = loop_when(&n->b, loop_compare(&n->b, IR_LT, from, to));
    tiles_from(n, &c, nest_counter(groups), from, to);
    loop_close(&n->b, any);
    nest_end(n, groups);
}
