/* outer.c - products over samples as register tiles: rows of the one side by 16 columns of the other, which was transposed before.
 *
 * What is innermost is a block of 16 samples. Start at nest_outer(). */
#include "compiler/nest/tile.h"

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
    LoopReg *v = tile_load(n, c->in, tile_plus_lanes(n, tile_stepped(n, in, from, c->col.s[0])), 32);
    if (part) {
        LoopReg *is = loop_op2(&n->b, LOOP_inside, col, loop_int(&n->b, IR_I64, cols));
        v = loop_select(&n->b, is, v, loop_zero(&n->b, c->elem));
    }
    LoopIndex at = loop_plus(&n->b, c->out.from, tile_plus_lanes(n, tile_stepped(n, out, loop_of(col), K_LANES)));
    loop_store(&n->b, c->out.buffer, &at, loop_turn(&n->b, v, (int)block->n), 32);
    loop_close(&n->b, block);
}

static void transpose_outer(Nest *n, const TransposeCode *c, int depth, Offsets o)
{
    if (depth < c->outer.n) {
        LoopIns *l = nest_par(n, c->outer.d[depth].extent);
        transpose_outer(n, c, depth + 1, tile_advance(n, o, nest_counter(l), &c->outer.d[depth]));
        nest_end(n, l);
        return;
    }
    int64_t blocks = c->col.extent / K_LANES, rest = c->col.extent % K_LANES;
    if (blocks) {
        LoopIns *l = nest_par_to(n, loop_word(&n->b, blocks));
        transpose_block(n, c, tile_stepped(n, o.off[0], nest_counter(l), K_LANES * c->col.s[0]),
                        tile_stepped(n, o.off[1], nest_counter(l), K_LANES * c->samples), K_LANES);
        nest_end(n, l);
    }
    if (rest)
        transpose_block(n, c, loop_plus(&n->b, o.off[0], loop_at(blocks * K_LANES * c->col.s[0])),
                        loop_plus(&n->b, o.off[1], loop_at(blocks * K_LANES * c->samples)), rest);
}

/* How the columns' side of an OUTER lies once transposed: [panel of the tile][axes it shares with the result, batch][reduced axes, windows, contract]
 * [block of 16 columns][16 samples][16 columns]. Strides of each outer part, in the order of the type. */
typedef struct Columns { int64_t panel, axis[IR_MAX_AXES], dim[IR_MAX_RANK]; Dim col; } Columns;

static Free column_dims(const Nest *n, const IrNode *node, int side, int rank)
{
    if (n->k->batch) return (Free){1, {side ? node->attr->batch.b[0] : node->attr->batch.a[0]}};
    return tile_free_dims(node, side, rank);
}

static Columns columns_of(Nest *n, const IrNode *node, int side, const IrType *t, const KMem *mem)
{
    Columns c = {.col = {1, {K_LANES, 0, 0}}};
    Free f = column_dims(n, node, side, t->rank);
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
    Columns cols = columns_of(n, node, n->k->side, t, in);
    bool all = n->k->mem->place == K_FRAME;
    TransposeCode c = {.elem = t->elem, .col = cols.col, .samples = all ? (ir_extent(n->m, in->tile) + K_LANES - 1) / K_LANES * K_LANES : K_LANES};
    nest_at_panel(n);
    c.in = tile_panel_of(n, in, 0);
    c.out = tile_memory_at(n, nest_base(n, n->k->mem), all ? loop_times(n->panel, K_LANES * K_LANES) : loop_times(n->slot, cols.panel), 0);
    Free f = column_dims(n, node, n->k->side, t->rank);
    for (int i = 0; i < t->axes.n; i++)
        if (t->axes.id[i] != in->tile) tile_add_dim(&c.outer, ir_extent(n->m, t->axes.id[i]), in->axis[i], cols.axis[i], 0);
    for (int i = 0; i < t->rank; i++) {
        bool isfree = false;
        for (int j = 0; j < f.n; j++) isfree |= f.dim[j] == i;
        if (!isfree) tile_add_dim(&c.outer, t->dim[i], in->dim[i], cols.dim[i], 0);
    }
    transpose_outer(n, &c, 0, (Offsets){0});
}

/* ---- OUTER ------------------------------------------------------------------------------------------------------ */

/* `a` is the side of the rows here, `b` that of the columns. A tile is rows by blocks of 16 columns: many rows, or where there are few, several
 * blocks. What is innermost is a block of 16 samples, which both lie ready for: 16 numbers of each row, 16 times 16 columns. Around it are the
 * other axes, taps and contract dims of the chain. Where these are many, a panel's are cut into chunks, and all tiles take one chunk before the next, so that what they read
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
    bool       batch;                                       /* which are the batch, in both operands; then there is one row */
    Memory     out;
    bool       even;                                        /* all blocks have 16 samples */
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

static LoopIndex column_at(Nest *n, LoopIndex from, LoopIndex sample, LoopIndex block)
{
    return tile_plus_lanes(n, tile_stepped(n, tile_stepped(n, from, sample, K_LANES), block, K_LANES * K_LANES));
}

static LoopReg *outer_samples(Nest *n, const OuterPart *t, const OuterPair *p, LoopIndex a, LoopIndex b, OuterCell cell, LoopReg *count, LoopReg *acc)
{
    LoopIndex from = loop_at(0), to = loop_of(count);
    LoopIns *l = loop_for(&n->b, &from, &to, 1, true, &acc, 1);
    LoopIndex i = nest_counter(l);
    LoopReg *y = tile_load(n, p->b, column_at(n, b, i, cell.col), 64);
    LoopReg *x = t->code->batch ? tile_load(n, p->a, column_at(n, a, i, cell.col), 64)
                                : tile_load(n, p->a, tile_stepped(n, loop_plus(&n->b, a, i), cell.row, p->row), (unsigned)ir_elem_bytes(t->code->elem));
    return nest_end_fold(n, l, loop_fma(&n->b, x, y, &l->body->carry[0]));
}

static LoopReg *outer_chain(Nest *n, const OuterPart *t, const OuterPair *p, const OuterSteps *s, int depth, LoopIndex a, LoopIndex b,
                            OuterCell cell, LoopReg *count, LoopReg *acc)
{
    if (depth == s->n) return outer_samples(n, t, p, a, b, cell, count, acc);
    const OuterStep *d = &s->v[depth];
    LoopIns *l = nest_fold(n, d->from, d->to, 1, acc);
    LoopIndex i = nest_counter(l);
    LoopReg *sum = outer_chain(n, t, p, s, depth + 1, tile_stepped(n, a, i, d->s[0]), tile_stepped(n, b, i, d->s[1]), cell, count, &l->body->carry[0]);
    return nest_end_fold(n, l, sum);
}

static LoopReg *samples_from(Nest *n, const OuterCode *c, const LoopIns *panels)
{
    if (c->even) return loop_int(&n->b, IR_I64, K_LANES);
    LoopReg *left = loop_binary(&n->b, IR_sub, c->valid, panels->body->counter);
    return nest_min(n, left, loop_int(&n->b, IR_I64, K_LANES));
}

static void add_steps(OuterSteps *s, const Dims *l)
{
    for (int i = 0; i < l->n; i++) s->v[s->n++] = (OuterStep){loop_at(0), loop_at(l->d[i].extent), l->d[i].extent, {l->d[i].s[0], l->d[i].s[1]}};
}

/* The panel that begins with a sample: `by` numbers to a panel. */
static LoopIndex at_panel(Nest *n, LoopIndex x, const LoopIns *samples, int64_t by)
{
    LoopIndex sample = nest_counter(samples);
    return by % K_LANES ? tile_stepped(n, x, nest_quot(n, sample, K_LANES), by) : tile_stepped(n, x, sample, by / K_LANES);
}

/* One pair's samples of this tile. */
static LoopReg *outer_pair(Nest *n, const OuterPart *t, const OuterPair *p, LoopIndex a, LoopIndex b, OuterCell cell, LoopReg *acc)
{
    OuterSteps s = {0};
    add_steps(&s, &p->others);
    add_steps(&s, &p->contract);
    LoopIns *q = nest_fold(n, loop_at(0), loop_of(t->code->valid), K_LANES, acc);
    LoopReg *count = samples_from(n, t->code, q);
    a = at_panel(n, a, q, p->panel[0]);
    b = at_panel(n, b, q, p->panel[1]);
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
    *at = tile_row_index(n, block);
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
    LoopIndex from = o.off[0], out = tile_stepped(n, tile_stepped(n, t->at[0].off[2], from, c->row.s[2]), t->block, K_LANES);
    out = tile_stepped(n, tile_stepped(n, out, cell.row, c->row.s[2]), cell.col, K_LANES);
    out = loop_plus(&n->b, c->out.from, tile_plus_lanes(n, out));
    LoopReg *acc = outer_so_far(n, t, loop_over(&n->b, loop_zero(&n->b, c->elem), dims), out);
    for (int i = 0; i < (t->chunk ? 1 : c->pairs); i++) {
        const OuterPair *p = t->chunk ? t->chunk : &c->pair[i];
        LoopIndex a = tile_stepped(n, t->at[i].off[0], from, p->row), b = tile_stepped(n, t->at[i].off[1], t->block, K_LANES * K_LANES);
        if (c->batch) a = tile_stepped(n, a, t->block, K_LANES * K_LANES);
        acc = t->chunk ? outer_chain(n, t, p, &t->steps, 0, a, b, cell, t->count, acc) : outer_pair(n, t, p, a, b, cell, acc);
    }
    loop_store(&n->b, c->out.buffer, &out, acc, 64);
    end_side_by_side(n, col);
    end_side_by_side(n, row);
}

static int64_t cols_of(const OuterCode *c, const Nest *n)
{
    int64_t most = tile_most_rows(n, c->elem) / c->row.extent;   /* blocks of columns side by side, where the rows do not fill a tile */
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
    tile_even_rows(n, t, &row, o, tile_most_rows(n, t->code->elem), outer_tile);
}

/* ---- chunks: all tiles take one before the next ---------------------------------------------------------------- */

/* The taps of window w at place o of the result. Where the first stands comes into *at. */
static OuterStep outer_taps(Nest *n, const OuterCode *c, const OuterPair *p, int w, LoopIndex o, Offsets *at)
{
    const IrWindow *win = &c->node->attr->windows[w];
    int rows = 1 - n->k->side, cols = n->k->side;           /* operands 0 and 1: i and k */
    int64_t na = c->node->arg[0]->type.dim[win->a], nb = c->node->arg[1]->type.dim[win->b];
    NestTaps t = nest_taps(n, win, na, nb, o);
    int64_t by_a = (na + t.step_i - 1) / t.step_i, by_b = (nb + t.step_k - 1) / t.step_k, step[2] = {t.step_i, t.step_k};
    LoopIndex first[2] = {t.i, t.k};
    at->off[0] = tile_stepped(n, at->off[0], first[rows], p->window[0][w]);
    at->off[1] = tile_stepped(n, at->off[1], first[cols], p->window[1][w]);
    return (OuterStep){loop_at(0), loop_of(t.count), by_a < by_b ? by_a : by_b, {step[rows] * p->window[0][w], step[cols] * p->window[1][w]}};
}

static void near_steps(Nest *n, const OuterPart *t, int depth, LoopIndex from, LoopIndex to, const OuterSteps *near, LoopIndex row)
{
    if (depth == t->steps.n) {
        LoopReg *v = tile_load(n, t->chunk->a, tile_plus_lanes(n, tile_stepped(n, from, row, t->chunk->row)), 64);
        to = tile_plus_lanes(n, tile_stepped(n, to, row, K_LANES));
        loop_store(&n->b, t->code->near, &to, v, 64);
        return;
    }
    const OuterStep *d = &t->steps.v[depth];
    LoopIns *l = nest_turns(n, false, d->from, d->to, 1, false);
    LoopIndex i = nest_counter(l);
    near_steps(n, t, depth + 1, tile_stepped(n, from, i, d->s[0]), tile_stepped(n, to, i, near->v[depth].s[0]), near, row);
    nest_end(n, l);
}

/* The rows from o on: laid together, then tile by tile. Those of a batch lie together already. */
static void outer_near(Nest *n, const void *code, Offsets o, int rows)
{
    const OuterPart *t = code;
    if (t->code->batch) { outer_across(n, t, o, rows, outer_tile); return; }
    OuterPart part = *t;
    OuterPair pair = *t->chunk;
    int64_t stride = rows * K_LANES;
    for (int i = t->steps.n - 1; i >= 0; stride *= t->steps.v[i--].most) part.steps.v[i].s[0] = stride;
    LoopIndex begin = loop_at(0);
    if (t->steps.n) begin = loop_times(t->steps.v[0].from, -part.steps.v[0].s[0]);
    LoopIndex row;
    uint32_t dims = 0;
    LoopIns *block = side_by_side(n, rows, &row, &dims);
    near_steps(n, t, 0, tile_stepped(n, t->at->off[0], o.off[0], pair.row), begin, &part.steps, row);
    end_side_by_side(n, block);
    Offsets at = *t->at;
    pair.a = (Memory){t->code->near, loop_at(0)};
    pair.row = K_LANES;
    at.off[0] = begin;
    at.off[2] = tile_stepped(n, at.off[2], o.off[0], t->code->row.s[2]);
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
        tile_even_rows(n, t, &row, (Offsets){0}, tile_most_rows(n, c->elem), outer_near);
        return;
    }
    OuterStep *step = &t->steps.v[d];
    bool longer = places(&t->steps, d + 1) >= wanted(c);
    int64_t size = longer ? 1 : chunk_turns(c, &t->steps, d);
    LoopIndex from = step->from, to = step->to;
    LoopIns *l = loop_for(&n->b, &from, &to, size, false, NULL, 0);
    LoopIndex i = nest_counter(l);
    if (longer) {
        for (int k = 0; k < 2; k++) at.off[k] = tile_stepped(n, at.off[k], i, step->s[k]);
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
        tile_even_rows(n, &part, &row, (Offsets){0}, tile_most_rows(n, c->elem), outer_near);
    }
    nest_end(n, l);
}

static void outer_windows(Nest *n, const OuterCode *c, OuterPart *t, int w, Offsets at);

/* Along the first window one operand's places one by one, outside of the taps: what all taps read there comes from near. Each tap's sum is in its order. */
static void by_places(Nest *n, const OuterCode *c, const OuterPart *t, int w, int by, Offsets at)
{
    const IrWindow *win = &c->node->attr->windows[w];
    const OuterPair *p = t->chunk;
    int of[2] = {1 - n->k->side, n->k->side};               /* operands of rows and columns */
    int64_t size[2] = {c->node->arg[0]->type.dim[win->a], c->node->arg[1]->type.dim[win->b]};
    LoopIns *places = nest_loop(n, size[of[by]]), *taps = nest_par(n, c->window[w].extent);
    LoopIndex o = nest_counter(taps);
    NestTaps met = nest_taps(n, win, size[0], size[1], o);
    LoopIndex first[2] = {met.i, met.k}, turn = loop_plus(&n->b, nest_counter(places), loop_times(first[of[by]], -1));
    int64_t step[2] = {met.step_i, met.step_k};
    LoopIns *is = loop_when(&n->b, loop_op2(&n->b, LOOP_inside, loop_index(&n->b, &turn), met.count));
    for (int s = 0; s < 2; s++) at.off[s] = tile_stepped(n, tile_stepped(n, at.off[s], first[of[s]], p->window[s][w]), turn, step[of[s]] * p->window[s][w]);
    at.off[2] = tile_stepped(n, at.off[2], o, c->window[w].s[2]);
    OuterPart part = *t;
    outer_windows(n, c, &part, w + 1, at);
    loop_close(&n->b, is);
    nest_end(n, taps);
    nest_end(n, places);
}

/* Of which operand, 0 of the rows and 1 of the columns: one whose places taps meet one after the other. -1: of none, or the sums of all taps are not near. */
static int places_of(Nest *n, const OuterCode *c, int window)
{
    enum { NEAR = 1 << 13 };                                /* numbers */
    const IrAttrs *a = c->node->attr;
    const IrWindow *w = &a->windows[window];
    if (c->window[window].extent == 1 || ir_dims_size(&c->node->result[0].type) > NEAR) return -1;
    int64_t g = ir_common_divisor(w->dil_a, w->dil_b), step[2] = {w->dil_b / g, w->dil_a / g};
    return step[n->k->side] == 1 ? 1 : step[1 - n->k->side] == 1 ? 0 : -1;
}

/* The result's windows, then the chain's loops, outermost first. */
static void outer_windows(Nest *n, const OuterCode *c, OuterPart *t, int w, Offsets at)
{
    if (w == c->node->attr->n_windows) {
        add_steps(&t->steps, &t->chunk->contract);
        outer_chunks(n, c, t, 0, at);
        return;
    }
    int by = t->steps.n ? -1 : places_of(n, c, w);          /* other axes are outside of all places */
    if (by >= 0) {
        by_places(n, c, t, w, by, at);
        return;
    }
    LoopIns *l = nest_par(n, c->window[w].extent);
    LoopIndex o = nest_counter(l);
    OuterPart next = *t;
    at.off[2] = tile_stepped(n, at.off[2], o, c->window[w].s[2]);
    next.steps.v[next.steps.n++] = outer_taps(n, c, t->chunk, w, o, &at);
    outer_windows(n, c, &next, w + 1, at);
    nest_end(n, l);
}

static void outer_panels(Nest *n, const OuterCode *c, const OuterPair *p, Offsets at)
{
    LoopIndex from = loop_at(0), to = loop_of(c->valid);
    LoopIns *q = loop_for(&n->b, &from, &to, K_LANES, true, NULL, 0);
    OuterPart t = {.code = c, .chunk = p, .count = samples_from(n, c, q)};
    for (int i = 0; i < 2; i++) at.off[i] = at_panel(n, at.off[i], q, p->panel[i]);
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
    LoopIndex at = loop_plus(&n->b, c->out.from, tile_plus_lanes(n, nest_counter(l)));
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
        for (int i = 0; i < c->pairs; i++) next[i] = tile_advance(n, at[i], nest_counter(l), &c->outer[i].d[depth]);
        outer_outer(n, c, depth + 1, next, chunked);
        nest_end(n, l);
    } else if (chunked) {
        for (int i = 0; i < c->pairs; i++) outer_panels(n, c, &c->pair[i], at[i]);
    } else {
        outer_across(n, &(OuterPart){.code = c, .at = at}, (Offsets){0}, 0, outer_down);
    }
}

/* Of a batch, the few free dims of either side are loops around, and the tile has one row. */
static void free_loops(Nest *n, const IrNode *node, int i, const int64_t *dim_a, const int64_t *dim_b, const KMem *out, OuterCode *c)
{
    int to = node->attr->batch.n + node->attr->n_windows;
    for (int side = 0; side < 2; side++) {
        Free f = tile_free_dims(node, side, node->arg[2 * i + side]->type.rank);
        bool rows = side != n->k->side;
        for (int j = 0; j < f.n; j++, to++) {
            int d = f.dim[j];
            tile_plain_dim(&c->outer[i], node->result[0].type.dim[to], rows ? dim_a[d] : 0, rows ? 0 : dim_b[d], out->dim[to]);
        }
    }
    c->row = (Dim){1, {0, 0, 0}, 0};
}

/* The outer loops are kept apart, so that every pair has the same ones. */
static void outer_operands(Nest *n, const IrNode *node, int i, const KMem *out, OuterCode *c)
{
    const IrAttrs *at = node->attr;
    const IrType *to = &node->result[0].type;
    int side = n->k->side, first = at->batch.n + at->n_windows;
    const uint8_t *batch_a = side ? at->batch.a : at->batch.b, *batch_b = side ? at->batch.b : at->batch.a;
    const uint8_t *contract_a = side ? at->contract.a : at->contract.b, *contract_b = side ? at->contract.b : at->contract.a;
    const IrVal *va = kernel_resolve(n->p, node->arg[2 * i + 1 - side]), *vb = kernel_resolve(n->p, node->arg[2 * i + side]);
    const IrType *ta = &va->type, *tb = &vb->type;
    const KMem *ma = kernel_value(n->p, va)->mem, *mb = kernel_value(n->p, vb)->mem;
    OuterPair *p = &c->pair[i];
    Columns cols = columns_of(n, node, side, tb, mb), both = columns_of(n, node, 1 - side, ta, ma);
    const int64_t *axis_a = c->batch ? both.axis : ma->axis, *dim_a = c->batch ? both.dim : ma->dim;
    p->panel[0] = c->batch ? both.panel : ma->panel;
    p->panel[1] = cols.panel;
    p->a = c->batch ? tile_memory_at(n, nest_base(n, n->k->columns.v[1 - side]), loop_at(0), 0) : tile_panel_of(n, ma, 0);
    p->b = tile_memory_at(n, nest_base(n, n->k->columns.v[c->batch ? side : i]), loop_at(0), 0);
    IrAxes over = node->op == IR_conv ? at->over : at->pair_over[i];
    for (int j = 0; j < to->axes.n; j++) {
        int ja = tile_axis_at(ta, to->axes.id[j]), jb = tile_axis_at(tb, to->axes.id[j]);
        tile_plain_dim(&c->outer[i], ir_extent(n->m, to->axes.id[j]), ja < 0 ? 0 : axis_a[ja], jb < 0 ? 0 : cols.axis[jb], out->axis[j]);
    }
    for (int j = 0; j < at->batch.n && !c->batch; j++)
        tile_plain_dim(&c->outer[i], to->dim[j], dim_a[batch_a[j]], cols.dim[batch_b[j]], out->dim[j]);
    for (int j = 1; j < over.n; j++) {
        int ja = tile_axis_at(ta, over.id[j]), jb = tile_axis_at(tb, over.id[j]);
        tile_add_dim(&p->others, ir_extent(n->m, over.id[j]), ja < 0 ? 0 : axis_a[ja], jb < 0 ? 0 : cols.axis[jb], 0);
    }
    for (int w = 0; w < at->n_windows; w++) {
        p->window[0][w] = dim_a[ir_window_dim(at, 1 - side, w)];
        p->window[1][w] = cols.dim[ir_window_dim(at, side, w)];
        c->window[w] = (Dim){to->dim[at->batch.n + w], {0, 0, out->dim[at->batch.n + w]}, 0};
    }
    for (int j = 0; j < at->contract.n; j++)
        tile_add_dim(&p->contract, ta->dim[contract_a[j]], dim_a[contract_a[j]], cols.dim[contract_b[j]], 0);
    if (c->batch) {
        free_loops(n, node, i, dim_a, cols.dim, out, c);
        return;
    }
    Free f = tile_free_dims(node, 1 - side, ta->rank);
    int64_t rows = 1;
    for (int j = 0; j < f.n; j++) rows *= ta->dim[f.dim[j]];
    p->row = f.n ? ma->dim[f.dim[f.n - 1]] : 0;
    int last = side ? first + f.n - 1 : to->rank - 1;       /* in the result, whose free dims are those of operand 0, then of 1 */
    c->row = (Dim){rows, {0, 0, f.n ? out->dim[last] : 0}, 0};
}

void nest_outer(Nest *n)
{
    const IrNode *node = n->k->nodes.v[0];
    const KAccum *acc = n->k->sinks.v[0];
    OuterCode c = {.node = node, .elem = node->result[0].type.elem, .pairs = node->n_args / 2, .batch = n->k->batch};
    c.pair = arena_array(n->arena, OuterPair, c.pairs);
    c.outer = arena_array(n->arena, Dims, c.pairs);
    tile_at_first_panel(n);
    c.even = ir_extent(n->m, node->op == IR_conv ? node->attr->over.id[0] : node->attr->pair_over[0].id[0]) % K_LANES == 0;
    c.valid = loop_arg(&n->b, 1);
    LoopReg *first = loop_compare(&n->b, IR_NE, loop_arg(&n->b, 2), loop_int(&n->b, IR_I64, 0));
    c.sums = loop_select(&n->b, first, loop_int(&n->b, IR_I64, 0), loop_int(&n->b, IR_I64, 1));
    c.out = tile_partial(n, acc, 3);
    c.blocks = acc->pad / K_LANES;
    for (int i = 0; i < c.pairs; i++) outer_operands(n, node, i, acc->partial, &c);
    bool chunked = is_chunked(&c);
    if (!c.blocks || !c.row.extent) return;
    if (chunked) {
        if (!c.batch) c.near = loop_local(&n->b, c.elem, tile_most_rows(n, c.elem) * K_LANES * 2 * OUTER_CHUNK);
        outer_clear(n, &c, acc);
    }
    outer_outer(n, &c, 0, arena_array(n->arena, Offsets, c.pairs), chunked);
}
