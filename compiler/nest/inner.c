/* inner.c - products over samples with a narrow side: samples in the vector, rows of the one side by rows of the other. */
#include "compiler/nest/tile.h"

/* ---- INNER: 16 chains a result, lane = sample mod 16 ------------------------------------------------------------ */

/* A sum beside the product, of what a pair's wide side has. */
typedef struct InnerSum { int pair, to; LoopIndex from; } InnerSum;

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
    int        n_sums;
    InnerSum  *sum;
    int64_t    extent[K_MAX_COMP], out[K_MAX_COMP];
    int        last[2];                                     /* the component of either side's last free dim, -1: it has none */
    int        to;                                          /* what it adds to: 16 lanes a result */
    bool       ends;                                        /* a shard is one tile: it begins with +0, and its numbers go to the partial result */
    LoopReg   *valid;
} InnerCode;

static LoopReg *inner_chain(Nest *n, const InnerCode *c, const InnerPair *p, int depth, LoopIndex a, LoopIndex b, LoopReg *acc)
{
    if (depth == p->inner.n) {
        LoopReg *x = tile_load(n, p->mem[0], tile_plus_lanes(n, a), 64), *y = tile_load(n, p->mem[1], tile_plus_lanes(n, b), 64);
        return loop_fma(&n->b, x, y, acc);
    }
    const Dim *d = &p->inner.d[depth];
    LoopIns *l = nest_fold(n, loop_at(0), loop_at(d->extent), 1, acc);
    LoopIndex i = nest_counter(l);
    return nest_end_fold(n, l, inner_chain(n, c, p, depth + 1, tile_stepped(n, a, i, d->s[0]), tile_stepped(n, b, i, d->s[1]), &l->body->carry[0]));
}

/* Carries the product's chain, and those of the sums of side `wide`. */
static void inner_pair(Nest *n, const InnerCode *c, const InnerPair *p, const LoopIndex *off, int wide, LoopReg **acc, int n_acc, int64_t extent)
{
    LoopIndex from = loop_at(0), to = loop_of(c->valid);
    LoopIns *q = loop_for(&n->b, &from, &to, K_LANES, false, acc, n_acc);
    LoopIndex which = nest_quot(n, nest_counter(q), K_LANES), at[2];
    for (int s = 0; s < 2; s++) at[s] = tile_stepped(n, off[s], which, p->panel[s]);
    LoopReg *valid = NULL;
    if (extent % K_LANES) {                                 /* lanes beyond the extent keep what they have */
        LoopReg *left = loop_binary(&n->b, IR_sub, c->valid, q->body->counter);
        valid = loop_compare(&n->b, IR_LT, loop_dim(&n->b, LOOP_L), left);
    }
    for (int i = 0; i < n_acc; i++) {
        LoopReg *before = &q->body->carry[i];
        LoopReg *next = i ? nest_add(n, before, tile_load(n, p->mem[wide], tile_plus_lanes(n, at[wide]), 64)) : inner_chain(n, c, p, 0, at[0], at[1], before);
        acc[i] = valid ? loop_select(&n->b, valid, next, before) : next;
    }
    loop_end_for(&n->b, q, acc);
    for (int i = 0; i < n_acc; i++) acc[i] = &q->result[i];
}

typedef struct { LoopIndex side[2]; } InnerAt;

typedef struct InnerTile {
    const InnerCode *code;
    const InnerAt   *off;                                   /* of each pair */
    LoopIndex        out;
    int              few, many;                             /* components: the side with fewer results, the other; -1: none */
    int              wide;                                  /* the operand with the many */
    LoopIndex        from;                                  /* of `few`, */
    int              count;                                 /* side by side */
} InnerTile;

static int64_t inner_extent(const InnerCode *c, int comp) { return comp < 0 ? 1 : c->extent[comp]; }

/* Where a chain begins: at +0, or with what the tiles before have left. */
static LoopReg *inner_begin(Nest *n, const InnerCode *c, int to, const LoopIndex *at, uint32_t dims)
{
    return c->ends ? loop_over(&n->b, loop_zero(&n->b, c->elem), 1u << LOOP_L | dims) : loop_load(&n->b, to, at, 64);
}

static void inner_end(Nest *n, const InnerCode *c, int to, const LoopIndex *at, LoopReg *acc)
{
    if (c->ends) loop_store(&n->b, to, at, loop_lanes16(&n->b, acc), (unsigned)ir_elem_bytes(c->elem));
    else loop_store(&n->b, to, at, acc, 64);
}

/* `rows` results of the one side, from o on, by t->count of the other: each vector is loaded once. */
static void inner_tile(Nest *n, const void *code, Offsets o, int rows)
{
    const InnerTile *t = code;
    const InnerCode *c = t->code;
    LoopIns *few = loop_block(&n->b, t->count), *many = loop_block(&n->b, rows);
    const struct { int comp; LoopIndex at; } cell[2] = {{t->few, loop_plus(&n->b, t->from, tile_row_index(n, few))},
                                                        {t->many, loop_plus(&n->b, o.off[0], tile_row_index(n, many))}};
    LoopIndex out = c->ends ? t->out : tile_plus_lanes(n, t->out);
    for (int k = 0; k < 2; k++)
        if (cell[k].comp >= 0) out = tile_stepped(n, out, cell[k].at, c->out[cell[k].comp]);
    LoopReg **acc = arena_array(n->arena, LoopReg *, c->n_sums + 1);
    acc[0] = inner_begin(n, c, c->to, &out, 1u << few->n | 1u << many->n);
    LoopIndex *sum = arena_array(n->arena, LoopIndex, c->n_sums + 1);
    for (int i = 0; i < c->n_sums; i++) {
        sum[i] = loop_plus(&n->b, c->sum[i].from, loop_times(cell[1].at, c->ends ? 1 : K_LANES));
        if (!c->ends) sum[i] = tile_plus_lanes(n, sum[i]);
    }
    for (int i = 0; i < c->pairs; i++) {
        InnerAt at = t->off[i];
        for (int k = 0; k < 2; k++)
            for (int s = 0; s < 2; s++)
                if (cell[k].comp >= 0) at.side[s] = tile_stepped(n, at.side[s], cell[k].at, c->pair[i].stride[s][cell[k].comp]);
        int more = 0;
        for (int j = 0; j < c->n_sums; j++)
            if (c->sum[j].pair == i) acc[++more] = inner_begin(n, c, c->sum[j].to, &sum[j], 1u << many->n);
        inner_pair(n, c, &c->pair[i], at.side, t->wide, acc, 1 + more, ir_extent(n->m, n->k->lane_axis));
        for (int j = c->n_sums; j-- > 0;)
            if (c->sum[j].pair == i) inner_end(n, c, c->sum[j].to, &sum[j], acc[more--]);
    }
    inner_end(n, c, c->to, &out, acc[0]);
    loop_close(&n->b, many);
    loop_close(&n->b, few);
}

static void inner_tiles(Nest *n, const void *code, Offsets o, int count)
{
    InnerTile t = *(const InnerTile *)code;
    int most = tile_most_rows(n, t.code->elem), rows = t.code->n_sums ? most / (count + 1) : (most - (count > 1 ? count : 0)) / count;
    t.from = o.off[0];
    t.count = count;
    tile_row_blocks(n, &t, &(Dim){inner_extent(t.code, t.many), {1, 0, 0}, 0}, (Offsets){0}, rows < 1 ? 1 : rows, inner_tile);
}

static void inner_outer(Nest *n, const InnerCode *c, int depth, const InnerAt *off, LoopIndex out)
{
    if (depth == c->n) {
        int wide = kernel_inner_wide(inner_extent(c, c->last[0]), inner_extent(c, c->last[1]));
        InnerTile t = {.code = c, .off = off, .out = out, .few = c->last[!wide], .many = c->last[wide], .wide = wide};
        tile_row_blocks(n, &t, &(Dim){inner_extent(c, t.few), {1, 0, 0}, 0}, (Offsets){0}, tile_most_rows(n, c->elem), inner_tiles);
        return;
    }
    if (depth == c->last[0] || depth == c->last[1]) { inner_outer(n, c, depth + 1, off, out); return; }
    LoopIns *l = nest_par(n, c->extent[depth]);
    InnerAt *next = arena_array(n->arena, InnerAt, c->pairs);
    for (int i = 0; i < c->pairs; i++)
        for (int s = 0; s < 2; s++) next[i].side[s] = tile_stepped(n, off[i].side[s], nest_counter(l), c->pair[i].stride[s][depth]);
    inner_outer(n, c, depth + 1, next, tile_stepped(n, out, nest_counter(l), c->out[depth]));
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
        p->mem[s] = tile_panel_of(n, m, 0);
        p->panel[s] = m->panel;
        for (int j = 0; j < to->axes.n; j++) {
            int k = tile_axis_at(&v->type, to->axes.id[j]);
            p->stride[s][j] = k < 0 ? 0 : m->axis[k];
        }
        for (int j = 0; j < at->batch.n; j++) p->stride[s][to->axes.n + j] = m->dim[s ? at->batch.b[j] : at->batch.a[j]];
        Free fa = tile_free_dims(node, 0, node->arg[2 * i]->type.rank), f = tile_free_dims(node, s, v->type.rank);
        int start = to->axes.n + at->batch.n + (s ? fa.n : 0);
        for (int j = 0; j < f.n; j++) p->stride[s][start + j] = m->dim[f.dim[j]];
    }
    IrAxes over = at->pair_over[i];
    const IrType *ta = &node->arg[2 * i]->type, *tb = &node->arg[2 * i + 1]->type;
    for (int j = 1; j < over.n; j++) {
        int ja = tile_axis_at(ta, over.id[j]), jb = tile_axis_at(tb, over.id[j]);
        tile_add_dim(&p->inner, ir_extent(n->m, over.id[j]), ja < 0 ? 0 : mem[0]->axis[ja], jb < 0 ? 0 : mem[1]->axis[jb], 0);
    }
    for (int j = 0; j < at->contract.n; j++)
        tile_add_dim(&p->inner, ta->dim[at->contract.a[j]], mem[0]->dim[at->contract.a[j]], mem[1]->dim[at->contract.b[j]], 0);
}

/* Each belongs to the pair that multiplies what it adds up. */
static void inner_sums(Nest *n, InnerCode *c)
{
    const IrNode *node = n->k->nodes.v[0];
    int wide = kernel_inner_wide(inner_extent(c, c->last[0]), inner_extent(c, c->last[1]));
    c->sum = arena_array(n->arena, InnerSum, n->k->sinks.n);
    for (int i = 1; i < n->k->sinks.n; i++) {
        const KAccum *a = n->k->sinks.v[i];
        Memory to = a->lanes ? (Memory){nest_base(n, a->lanes), loop_at(0)} : tile_partial(n, a, 3);
        InnerSum *s = &c->sum[c->n_sums++];
        *s = (InnerSum){.to = to.buffer, .from = to.from};
        while (kernel_resolve(n->p, node->arg[2 * s->pair + wide]) != kernel_resolve(n->p, a->node->arg[0])) s->pair++;
    }
}

void nest_inner(Nest *n)
{
    const IrNode *node = n->k->nodes.v[0];
    const KAccum *acc = n->k->sinks.v[0];
    const IrType *to = &node->result[0].type;
    Free fa = tile_free_dims(node, 0, node->arg[0]->type.rank), fb = tile_free_dims(node, 1, node->arg[1]->type.rank);
    int first = to->axes.n + node->attr->batch.n;
    InnerCode c = {.elem = to->elem, .pairs = node->n_args / 2, .n = to->axes.n + to->rank, .last = {fa.n ? first + fa.n - 1 : -1, fb.n ? first + fa.n + fb.n - 1 : -1}};
    c.pair = arena_array(n->arena, InnerPair, c.pairs);
    tile_at_first_panel(n);
    c.valid = loop_arg(&n->b, 1);
    Memory shard = acc->lanes ? (Memory){nest_base(n, acc->lanes), loop_at(0)} : tile_partial(n, acc, 3);
    const KMem *of = acc->lanes ? acc->lanes : acc->partial;
    c.to = shard.buffer;
    c.ends = !acc->lanes;
    for (int j = 0; j < to->axes.n; j++) {
        c.extent[j] = ir_extent(n->m, to->axes.id[j]);
        c.out[j] = of->axis[j];
    }
    for (int j = 0; j < to->rank; j++) {
        c.extent[to->axes.n + j] = to->dim[j];
        c.out[to->axes.n + j] = of->dim[j];
    }
    for (int i = 0; i < c.pairs; i++) inner_operands(n, node, i, &c.pair[i]);
    inner_sums(n, &c);
    inner_outer(n, &c, 0, arena_array(n->arena, InnerAt, c.pairs), shard.from);
}

/* ---- FINISH: lanes to numbers at the end of a shard ------------------------------------------------------------- */

void nest_finish(Nest *n)
{
    const KAccum *a = n->k->sinks.v[0];
    int64_t size = a->lanes->bytes / (int64_t)ir_elem_bytes(a->elem) / K_LANES;
    Memory to = tile_partial(n, a, 0), from = tile_memory_at(n, nest_base(n, a->lanes), loop_at(0), 0);
    LoopIns *l = nest_par_from(n, loop_at(0), loop_of(loop_word(&n->b, size)), 1);
    LoopReg *v = tile_load(n, from, tile_plus_lanes(n, loop_times(nest_counter(l), K_LANES)), 64);
    LoopIndex at = loop_plus(&n->b, to.from, nest_counter(l));
    loop_store(&n->b, to.buffer, &at, loop_lanes16(&n->b, v), (unsigned)ir_elem_bytes(a->elem));
    nest_end(n, l);
}
