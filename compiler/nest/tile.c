/* tile.c - see tile.h.
 *
 * A chain acc = fma(a, b, acc) in order of k is the exact meaning of a product, so tiling its rows and columns changes no bit. */
#include "compiler/nest/tile.h"

void tile_plain_dim(Dims *l, int64_t extent, int64_t s0, int64_t s1, int64_t s2)
{
    l->d[l->n++] = (Dim){extent, {s0, s1, s2}, 0};
}

void tile_add_dim(Dims *l, int64_t extent, int64_t s0, int64_t s1, int64_t s2)
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
    tile_plain_dim(l, extent, s0, s1, s2);
}

Dim tile_take_last(Dims *l) { return l->n ? l->d[--l->n] : (Dim){1, {0, 0, 0}, 0}; }

Free tile_free_dims(const IrNode *node, int side, int rank)
{
    Free f = {0};
    bool taken[IR_MAX_RANK];
    ir_taken_dims(node->attr, side, taken);
    for (int i = 0; i < rank; i++)
        if (!taken[i]) f.dim[f.n++] = i;
    return f;
}

int tile_axis_at(const IrType *t, int axis)
{
    for (int i = 0; i < t->axes.n; i++)
        if (t->axes.id[i] == axis) return i;
    return -1;
}

Memory tile_memory_at(Nest *n, int buffer, LoopIndex from, int64_t more)
{
    return (Memory){buffer, loop_plus(&n->b, from, loop_at(more))};
}

Memory tile_panel_of(Nest *n, const KMem *m, int64_t more)
{
    LoopIndex from;
    int buffer = nest_panel(n, m, &from);
    return tile_memory_at(n, buffer, from, more);
}

LoopReg *tile_load(Nest *n, Memory m, LoopIndex off, unsigned align)
{
    LoopIndex at = loop_plus(&n->b, m.from, off);
    return loop_load(&n->b, m.buffer, &at, align);
}

LoopIndex tile_plus_lanes(Nest *n, LoopIndex x) { return loop_plus(&n->b, x, nest_lanes(n)); }

LoopIndex tile_stepped(Nest *n, LoopIndex x, LoopIndex i, int64_t by) { return loop_plus(&n->b, x, loop_times(i, by)); }

Offsets tile_advance(Nest *n, Offsets o, LoopIndex i, const Dim *d)
{
    for (int k = 0; k < 3; k++) o.off[k] = tile_stepped(n, o.off[k], i, d->s[k]);
    return o;
}

typedef struct RowParts { struct { int64_t count; int rows; } part[3]; } RowParts;

static void rows_in_parts(Nest *n, const void *code, const Dim *row, Offsets o, const RowParts *p, TileFn tile)
{
    int64_t at = 0;
    for (int i = 0; i < 3; i++) {
        int64_t count = p->part[i].count, end = at + count * p->part[i].rows;
        if (count == 1) {
            tile(n, code, tile_advance(n, o, loop_at(at), row), p->part[i].rows);
        } else if (count) {
            LoopIns *l = nest_par_from(n, loop_at(at), loop_at(end), p->part[i].rows);
            tile(n, code, tile_advance(n, o, nest_counter(l), row), p->part[i].rows);
            nest_end(n, l);
        }
        at = end;
    }
}

void tile_row_blocks(Nest *n, const void *code, const Dim *row, Offsets o, int most, TileFn tile)
{
    int64_t size = row->extent, by_most = size / most, rest = size % most;
    if (most > 4 && by_most && rest && rest < 4 && (rest + most) % 4 == 0) { by_most--; rest += most; }
    int64_t by_four = most > 4 ? rest / 4 : 0;
    rest -= 4 * by_four;
    RowParts p = {{{by_most, most}, {by_four, 4}, {rest ? 1 : 0, (int)rest}}};
    rows_in_parts(n, code, row, o, &p, tile);
}

void tile_even_rows(Nest *n, const void *code, const Dim *row, Offsets o, int most, TileFn tile)
{
    int64_t count = (row->extent + most - 1) / most, rows = row->extent / count, more = row->extent % count;
    RowParts p = {{{more, (int)rows + 1}, {count - more, (int)rows}}};
    rows_in_parts(n, code, row, o, &p, tile);
}

int tile_most_rows(const Nest *n, IrElem t) { return t == IR_F64 ? n->rows / 2 : n->rows; }

LoopReg *tile_zero(Nest *n, IrElem t, const LoopIns *block)
{
    return loop_over(&n->b, loop_zero(&n->b, t), 1u << LOOP_L | 1u << block->n);
}

LoopIndex tile_row_index(Nest *n, const LoopIns *block) { return loop_of(loop_dim(&n->b, (int)block->n)); }

void tile_at_first_panel(Nest *n)
{
    n->panel = loop_of(loop_arg(&n->b, 0));
    n->slot = loop_at(0);
}

Memory tile_partial(Nest *n, const KAccum *acc, int arg)
{
    LoopReg *shard = loop_binary(&n->b, IR_mul, loop_arg(&n->b, arg), loop_word(&n->b, acc->shard_stride));
    return tile_memory_at(n, nest_base(n, acc->partial), loop_of(shard), 0);
}
