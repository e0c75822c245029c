/* space.c - the loops over a kernel's space: samples in lanes, or elements along the last component. */
#include "compiler/nest/nest.h"
#include "compiler/loop/words.h"

typedef void (*Body)(Nest *n);

/* Memory of the kernel's own is used again by each element. */
static bool in_any_order(const Nest *n) { return !n->k->mem; }

/* Is component `comp` added up by a sum over samples in the kernel at hand? */
static bool is_summed(const KKernel *k, int comp)
{
    int axis = k->space.comp[comp].axis;
    for (int i = 0; i < k->sinks.n; i++) {
        const IrNode *sum = k->sinks.v[i]->node;
        if (axis >= 0 && ir_axes_has(sum->attr->over, axis)) return true;
        for (int d = 0; d < sum->attr->dims.n; d++)
            if (axis < 0 && sum->arg[0]->type.axes.n + sum->attr->dims.v[d] == comp) return true;
    }
    return false;
}

static bool is_par(const Nest *n, int comp)
{
    return in_any_order(n) && !is_summed(n->k, comp) && !(n->k->epilogue && is_summed(n->k->epilogue, comp));
}

LoopIns *nest_component(Nest *n, int comp, int64_t extent)
{
    return nest_turns(n, is_par(n, comp), loop_at(0), loop_at(extent), 1, false);
}

bool nest_are_wide(int rows) { return rows >= 12; }         /* see llvm/targets.def */
bool nest_has_wide_registers(const Nest *n) { return n->lanes > 1 && nest_are_wide(n->rows); }

/* An elementary function is a chain of dependent instructions, and a processor that looks ahead sees three or four rows of them. Four rows in step
 * wait less; more take more registers than there are. */
int nest_in_step(const Nest *n, const KKernel *k, int64_t extent)
{
    enum { MOST = 4, MOST_FUNCTIONS = 8, MOST_MEMBERS = 64 };
    int functions = 0;
    for (int i = 0; i < k->space.n; i++)
        if (!k->space.comp[i].extent) return 1;             /* no index knows a row of nothing */
    for (int i = 0; i < k->nodes.n; i++) functions += loop_is_short(k->nodes.v[i]->op, k->nodes.v[i]->result[0].type.elem);
    if (!functions || !nest_has_wide_registers(n)) return 1;
    int rows = MOST;
    while (rows > 1 && (extent % rows || rows * functions > MOST_FUNCTIONS || rows * k->nodes.n > MOST_MEMBERS)) rows /= 2;
    return rows;
}

NestRows nest_rows(Nest *n, int together, LoopIndex from, LoopIndex to, bool sure)
{
    NestRows r = {.loop = nest_turns(n, true, from, to, together, sure)};
    r.row = nest_counter(r.loop);
    if (together == 1) return r;
    r.block = loop_block(&n->b, together);
    n->block = 1u << r.block->n;
    r.row = loop_plus(&n->b, r.row, loop_of(loop_dim(&n->b, (int)r.block->n)));
    return r;
}

void nest_end_rows(Nest *n, const NestRows *r)
{
    n->block = 0;
    if (r->block) loop_close(&n->b, r->block);
    nest_end(n, r->loop);
}

/* Is there nothing to go through behind component i? */
static bool is_innermost(const KSpace *s, int i)
{
    for (int j = i + 1; j < s->n; j++)
        if (j != s->lane && s->comp[j].extent != 1) return false;
    return true;
}

/* Components i.. but the lane's, innermost the body. */
static void components(Nest *n, int i, Body body)
{
    const KSpace *s = &n->k->space;
    if (i == s->n) { body(n); return; }
    if (i == s->lane) { components(n, i + 1, body); return; }
    if (s->comp[i].extent == 1) {
        n->comp[i] = ix_int(0);
        components(n, i + 1, body);
        return;
    }
    int64_t extent = s->comp[i].extent;
    if (is_par(n, i) && is_innermost(s, i)) {
        NestRows r = nest_rows(n, nest_in_step(n, n->k, extent), loop_at(0), loop_at(extent), false);
        n->comp[i] = ix(r.row);
        components(n, i + 1, body);
        nest_end_rows(n, &r);
        return;
    }
    LoopIns *l = nest_component(n, i, extent);
    n->comp[i] = ix(nest_counter(l));
    components(n, i + 1, body);
    nest_end(n, l);
}

static void at_flat(Nest *n, LoopIndex flat, Body body)
{
    n->is_flat = true;
    n->flat = flat;
    body(n);
    n->is_flat = false;
}

void nest_at_panel(Nest *n)
{
    n->tiled = true;
    n->panel = loop_of(loop_arg(&n->b, 0));
    n->slot = loop_of(loop_arg(&n->b, 1));
    LoopIndex lane = n->is_sub ? n->sub : nest_lanes(n);
    n->comp[n->k->space.lane] = (Ix){.at = loop_plus(&n->b, loop_times(n->panel, K_LANES), lane), .lane = true};
}

static void tiled(Nest *n, Body body)
{
    const KSpace *s = &n->k->space;
    nest_at_panel(n);
    if (!n->k->flat || n->is_sub) { components(n, 0, body); return; }
    int64_t rest = 1;
    for (int i = 0; i < s->n; i++)
        if (i != s->lane) rest *= s->comp[i].extent;
    if (rest == 1) {
        at_flat(n, loop_at(0), body);
    } else if (rest) {
        NestRows r = nest_rows(n, nest_in_step(n, n->k, rest), loop_at(0), loop_of(loop_word(&n->b, rest)), true);
        at_flat(n, r.row, body);
        nest_end_rows(n, &r);
    }
}

/* ---- several of the last component side by side ------------------------------------------------------------------ */

typedef struct Blocks { int comp, rows; Body body; } Blocks;

/* All blocks alike: one that would pass the end begins earlier. */
static void in_blocks(Nest *n, const Blocks *b, LoopIndex start, int64_t extent, int64_t rows)
{
    LoopIndex from = loop_at(0), to = loop_at(extent);
    LoopIns *l = extent % rows ? loop_for(&n->b, &from, &to, rows, true, NULL, 0) : nest_par_from(n, from, to, rows);
    LoopIndex first = nest_counter(l);
    if (extent % rows) first = loop_of(nest_min(n, loop_index(&n->b, &first), loop_int(&n->b, IR_I64, extent - rows)));
    LoopIns *block = loop_block(&n->b, rows);
    LoopIndex row = loop_of(loop_dim(&n->b, (int)block->n));
    n->block = 1u << block->n;
    n->comp[b->comp] = ix(loop_plus(&n->b, start, loop_plus(&n->b, first, row)));
    b->body(n);
    n->block = 0;
    loop_close(&n->b, block);
    nest_end(n, l);
}

static int64_t balanced(int64_t extent, int64_t most)
{
    int64_t blocks = (extent + most - 1) / most;
    return (extent + blocks - 1) / blocks;
}

/* Blocks of samples do not straddle panels. */
static void all_blocks(Nest *n, const Blocks *b)
{
    int64_t extent = n->k->space.comp[b->comp].extent, panels = n->k->space.comp[b->comp].axis < 0 ? 0 : extent / K_LANES, rest = extent - panels * K_LANES;
    int64_t part = K_LANES;
    while (part > b->rows) part /= 2;
    if (panels) {
        LoopIns *l = nest_par(n, panels);
        in_blocks(n, b, loop_times(nest_counter(l), K_LANES), K_LANES, part);
        nest_end(n, l);
    }
    if (rest) in_blocks(n, b, loop_at(panels * K_LANES), rest, balanced(rest, b->rows));
}

static void outside_of_blocks(Nest *n, int i, const Blocks *b)
{
    if (i == b->comp) { all_blocks(n, b); return; }
    if (i == n->k->space.lane) { outside_of_blocks(n, i + 1, b); return; }
    LoopIns *l = nest_par(n, n->k->space.comp[i].extent);
    n->comp[i] = ix(nest_counter(l));
    outside_of_blocks(n, i + 1, b);
    nest_end(n, l);
}

void nest_over_blocks(Nest *n, int rows, Body body)
{
    const KSpace *s = &n->k->space;
    int last = s->n - 1;
    if (last == s->lane) last--;
    if (last < 0 || rows < 2 || s->comp[last].extent < 2) { tiled(n, body); return; }
    nest_at_panel(n);
    outside_of_blocks(n, 0, &(Blocks){last, rows, body});
}

static void flat_loop(Nest *n, LoopIndex from, LoopIndex to, int lanes, Body body)
{
    n->lanes = lanes;
    LoopIns *l = nest_par_from(n, from, to, lanes);
    at_flat(n, nest_counter(l), body);
    nest_end(n, l);
    n->lanes = K_LANES;
}

static void uniform_flat(Nest *n, Body body)
{
    int64_t all = 1;
    for (int i = 0; i < n->k->space.n; i++) all *= n->k->space.comp[i].extent;
    LoopReg *whole = loop_word(&n->b, all / K_LANES);
    if (all >= K_LANES)
        flat_loop(n, loop_times(loop_of(n->lo), K_LANES), loop_times(loop_of(nest_min(n, n->hi, whole)), K_LANES), K_LANES, body);
    if (all % K_LANES) {
        LoopIns *last = loop_when(&n->b, loop_compare(&n->b, IR_GT, n->hi, whole));
        flat_loop(n, loop_times(loop_of(whole), K_LANES), loop_of(loop_word(&n->b, all)), 1, body);
        loop_close(&n->b, last);
    }
}

static void along_last(Nest *n, int64_t lo, int64_t hi, int lanes, Body body)
{
    if (lo >= hi) return;
    int before = n->lanes;
    n->lanes = lanes;
    LoopIns *l = nest_turns(n, in_any_order(n), loop_at(lo), loop_at(hi), lanes, false);
    n->comp[n->k->space.n - 1] = ix(loop_plus(&n->b, nest_counter(l), nest_lanes(n)));
    body(n);
    nest_end(n, l);
    n->lanes = before;
}

static void uniform_rows(Nest *n, int lanes, Body body)
{
    const KSpace *s = &n->k->space;
    LoopIns *l = nest_turns(n, in_any_order(n), loop_of(n->lo), loop_of(n->hi), 1, false);
    if (s->n == 0) {
        int before = n->lanes;
        n->lanes = 1;
        body(n);
        n->lanes = before;
    } else {
        LoopIndex row = nest_counter(l);
        for (int i = s->n - 2; i >= 0; i--) {
            n->comp[i] = ix(i ? nest_rest(n, row, s->comp[i].extent) : row);
            if (i) row = nest_quot(n, row, s->comp[i].extent);
        }
        int64_t last = s->comp[s->n - 1].extent, whole = lanes > 1 ? last / K_LANES * K_LANES : 0;
        along_last(n, 0, whole, K_LANES, body);
        along_last(n, whole, last, 1, body);
    }
    nest_end(n, l);
}

void nest_over_space(Nest *n, Body body)
{
    if (n->k->lane_axis >= 0) tiled(n, body);
    else if (n->k->flat) uniform_flat(n, body);
    else uniform_rows(n, K_LANES, body);
}

void nest_over_space_scalar(Nest *n, Body body)
{
    if (n->k->lane_axis < 0) { uniform_rows(n, 1, body); return; }
    LoopReg *first = loop_binary(&n->b, IR_mul, loop_arg(&n->b, 0), loop_int(&n->b, IR_I64, K_LANES));
    LoopReg *left = loop_binary(&n->b, IR_sub, loop_int(&n->b, IR_I64, ir_extent(n->m, n->k->lane_axis)), first);
    LoopIndex to = loop_of(nest_min(n, left, loop_int(&n->b, IR_I64, K_LANES)));
    LoopIns *l = nest_turns(n, in_any_order(n), loop_at(0), to, 1, false);
    n->is_sub = true;
    n->sub = nest_counter(l);
    n->lanes = 1;
    tiled(n, body);
    n->lanes = K_LANES;
    n->is_sub = false;
    nest_end(n, l);
}

void nest_results(Nest *n, int result, LoopReg *v)
{
    const IrVal *r = &n->k->nodes.v[0]->result[result];
    Index own = nest_own_index(n, r);
    for (int i = 0; i < n->k->stores.n; i++)
        if (n->k->stores.v[i].val == r) nest_store(n, n->k->stores.v[i].mem, &r->type, &own, v);
}
