/* draw.c - RANDOM kernels: uniform, normal, randint, a block of four elements at a time. */
#include "compiler/nest/nest.h"

typedef struct Draw {                                       /* what all draws of a kernel share */
    const IrNode *node;
    LoopReg      *key, *tick, *iteration;
    int           unit;                                     /* elements made at once: 4, 2 or 1, so that those of a sample lie in one block */
} Draw;

static LoopReg *frame_number(Nest *n, int64_t byte)
{
    LoopIndex at = loop_at(byte);
    return loop_frame(&n->b, &at);
}

/* The elements from `first` on of a sample whose own are counted from `sample`. */
static void draw_elements(Nest *n, const Draw *d, LoopIndex sample, LoopIndex first)
{
    const IrType *t = &d->node->result[0].type;
    LoopIndex element = loop_plus(&n->b, sample, first);
    LoopReg *out[4];
    loop_draw(&n->b, d->node->op, t->elem, d->node->attr->n, d->unit, d->key, loop_index(&n->b, &element), d->tick, d->iteration, out);
    for (int i = 0; i < d->unit; i++) {
        LoopIndex x = loop_plus(&n->b, first, loop_at(i));
        for (int k = t->rank - 1; k >= 0; k--) {
            n->comp[t->axes.n + k] = ix(k ? nest_rest(n, x, t->dim[k]) : x);
            if (k) x = nest_quot(n, x, t->dim[k]);
        }
        nest_results(n, 0, out[i]);
    }
}

/* Elements of a row, in order: 16 blocks at once, one a lane. How many are made so, by all who have a part of it. */
static int64_t draw_lanes(Nest *n, const Draw *d, int64_t size)
{
    const IrType *t = &d->node->result[0].type;
    int64_t turns = size / K_DRAWS;
    if (!turns || !kernel_draws_row(n->k)) return 0;
    LoopReg *out[4];
    LoopReg *to = n->k->split ? nest_min(n, n->hi, loop_int(&n->b, IR_I64, turns)) : NULL;
    LoopIns *l = to ? nest_par_from(n, loop_of(n->lo), loop_of(to), 1) : nest_par(n, turns);
    LoopIndex lane = loop_of(loop_dim(&n->b, LOOP_L)), first = loop_plus(&n->b, loop_times(nest_counter(l), K_DRAWS), loop_times(lane, 4));
    loop_draw(&n->b, d->node->op, t->elem, d->node->attr->n, 4, d->key, loop_index(&n->b, &first), d->tick, d->iteration, out);
    n->is_flat = true;
    for (int i = 0; i < 4; i++) {
        n->flat = loop_plus(&n->b, first, loop_at(i));
        nest_results(n, 0, out[i]);
    }
    n->is_flat = false;
    nest_end(n, l);
    return turns * K_DRAWS;
}

/* Ten rounds are a chain of dependent products: two in step wait less, four no less. */
static int turns_in_step(const Nest *n, IrElem t, int64_t turns)
{
    return t != IR_F64 && nest_has_wide_registers(n) && turns && turns % 2 == 0 ? 2 : 1;
}

static void draw_sample(Nest *n, Draw *d)
{
    const IrType *t = &d->node->result[0].type;
    LoopIndex sample = loop_at(0);
    int64_t size = ir_dims_size(t), stride = size;
    for (int i = t->axes.n - 1; i >= 0; i--) {
        sample = loop_plus(&n->b, sample, loop_times(n->comp[i].at, stride));
        stride *= ir_extent(n->m, t->axes.id[i]);
    }
    d->unit = t->axes.n == 0 || size % 4 == 0 ? 4 : size % 2 == 0 ? 2 : 1;
    int rest = (int)(size % d->unit);
    int64_t made = draw_lanes(n, d, size);
    if (made == size) return;
    LoopIns *last = n->k->split ? loop_when(&n->b, loop_compare(&n->b, IR_GE, n->hi, loop_int(&n->b, IR_I64, n->k->units))) : NULL;
    NestRows r = nest_rows(n, turns_in_step(n, t->elem, size / d->unit), loop_at(made / d->unit), loop_at(size / d->unit), false);
    draw_elements(n, d, sample, loop_times(r.row, d->unit));
    nest_end_rows(n, &r);
    d->unit = 1;                                            /* the last elements of a value without axes */
    for (int i = 0; i < rest; i++) draw_elements(n, d, sample, loop_at(size - rest + i));
    if (last) loop_close(&n->b, last);
}

static void draw_axes(Nest *n, Draw *d, int i)
{
    if (i == d->node->result[0].type.axes.n) { draw_sample(n, d); return; }
    if (i == n->k->space.lane && n->k->lane_axis >= 0) { draw_axes(n, d, i + 1); return; }
    LoopIns *l = nest_par(n, n->k->space.comp[i].extent);
    n->comp[i] = ix(nest_counter(l));
    draw_axes(n, d, i + 1);
    nest_end(n, l);
}

void nest_random(Nest *n)
{
    Draw d = {.node = n->k->nodes.v[0]};
    if (n->k->lane_axis >= 0) nest_at_panel(n);
    else n->lanes = 1;
    d.key = nest_key(n, d.node->attr->stream);
    d.tick = frame_number(n, FRAME_TICK);
    d.iteration = frame_number(n, FRAME_ITERATION);
    draw_axes(n, &d, 0);
}
