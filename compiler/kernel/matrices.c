/* matrices.c - which products without samples, and of samples with samples, are register tiles, and along which operand the lanes lie.
 *
 * A chain acc = fma(a, b, acc) from +0 over the contract dims is the exact meaning of each element, so which elements are made together
 * changes no bit. The result's lanes are a free dim of one side; what would cost fewer vector instructions is taken. Where the lanes
 * do not lie along memory, panels of 16 of them are made first: by loads of 16 k and turns where the chain does, number by number where
 * nothing does. Panels that one or two rows read are not worth it, nor are vectors of less than 16: several chains of numbers at once are.
 * A convolution of one image is such a product with windows around the chain. Where the image has few free dims, the rows are places side by side.
 * One of few samples is that for each of them: as lanes they would leave most of a vector empty. Samples with matrices of their own are
 * multiplied lane by lane: a tile has some places of either. Start at kernel_matrices(), kernel_few(), kernel_pairs() and kernel_own(). */
#include "compiler/kernel/internal.h"

enum { MOST_PANEL = 8 << 20, TILE = 6, PLACES = 8 };        /* bytes; rows of a tile, about, whatever the target; of a window that one panel serves */

static void add_loop(KLoops *l, int64_t extent, int64_t lane, int64_t row, int64_t out)
{
    if (extent == 1) return;
    KLoop d = {extent, lane, row, out}, *p = l->n ? &l->v[l->n - 1] : NULL;
    if (p && p->lane == lane * extent && p->row == row * extent && p->out == out * extent) {
        d.extent *= p->extent;                              /* one stride walks both */
        *p = d;
    } else {
        l->v[l->n++] = d;
    }
}

static int64_t turns_of(const KLoops *l)
{
    int64_t n = 1;
    for (int i = 0; i < l->n; i++) n *= l->v[i].extent;
    return n;
}

static KLoop take_last(KLoops *l) { return l->n ? l->v[--l->n] : (KLoop){.extent = 1}; }

/* Free dims of a side, whose first is dim `first` of the result. */
static KLoops free_dims(const IrNode *n, int side, bool lanes, const KView *v, const KMem *out, int first)
{
    KLoops l = {0};
    const IrType *t = &n->arg[side]->type;
    bool taken[IR_MAX_RANK];
    ir_taken_dims(n->attr, side, taken);
    for (int i = 0; i < t->rank; i++)
        if (!taken[i]) { add_loop(&l, t->dim[i], lanes ? v->dim[i] : 0, lanes ? 0 : v->dim[i], out->dim[first]); first++; }
    return l;
}

/* The loops when operand `side` has the lanes. */
static KMatrices loops_of(const IrNode *n, int side, const KView *v, const KMem *out)
{
    const IrAttrs *a = n->attr;
    const KView *x = &v[side], *w = &v[1 - side];
    int windows = a->batch.n + a->n_windows, free_a = n->arg[0]->type.rank - windows - a->contract.n;
    int first[2] = {windows, windows + free_a};
    KMatrices m = {.side = side, .at = {x->offset, w->offset}, .from = {x->mem, w->mem}, .n_windows = a->n_windows};
    KLoops contract = {0};
    for (int i = 0; i < a->batch.n; i++) {
        int dx = side ? a->batch.b[i] : a->batch.a[i], dw = side ? a->batch.a[i] : a->batch.b[i];
        add_loop(&m.outer, n->result[0].type.dim[i], x->dim[dx], w->dim[dw], out->dim[i]);
    }
    for (int i = 0; i < a->contract.n; i++) {
        int dx = side ? a->contract.b[i] : a->contract.a[i], dw = side ? a->contract.a[i] : a->contract.b[i];
        add_loop(&contract, n->arg[side]->type.dim[dx], x->dim[dx], w->dim[dw], 0);
    }
    for (int i = 0; i < a->n_windows; i++) {
        int dx = ir_window_dim(a, side, i), dw = ir_window_dim(a, 1 - side, i), to = a->batch.n + i;
        m.chain.v[m.chain.n++] = (KLoop){n->arg[side]->type.dim[dx], x->dim[dx], w->dim[dw], 0};
        m.window[i] = (KLoop){n->result[0].type.dim[to], 0, 0, out->dim[to]};
    }
    for (int i = 0; i < contract.n; i++) m.chain.v[m.chain.n++] = contract.v[i];
    KLoops lanes = free_dims(n, side, true, x, out, first[side]);
    m.rows = free_dims(n, 1 - side, false, w, out, first[1 - side]);
    m.lanes = take_last(&lanes);
    m.row = take_last(&m.rows);
    for (int i = 0; i < lanes.n; i++) m.outer.v[m.outer.n++] = lanes.v[i];
    m.places = m.n_windows && side == 1 && m.row.extent < TILE;
    if (!m.places) return m;
    if (m.row.extent != 1) m.rows.v[m.rows.n++] = m.row;
    m.row = m.window[m.n_windows - 1];
    return m;
}

/* A panel whose lines of the cache fall into a few sets is worth a copy when enough tiles read it. */
static void choose_panel(const KPlan *p, KMatrices *m)
{
    const KLoop *k = &m->chain.v[m->chain.n - 1];
    bool far = k->lane >= 4 * K_LANES || k->lane <= -4 * K_LANES, often = m->row.extent * turns_of(&m->rows) >= 8 * TILE;
    m->whole = m->row.extent > 4 || m->rows.n || m->chain.n > 1 || m->n_windows;
    if (m->lanes.lane == 1)
        m->how = plan_takes(p, PLAN_packs) && !m->n_windows && far && often && k->extent >= 2 * K_LANES ? K_COPIED : K_AS_IT_LIES;
    else
        m->how = k->lane == 1 && k->extent >= K_LANES ? K_TURNED : K_COPIED;
}

static void choose_units(KMatrices *m)
{
    if (m->how != K_AS_IT_LIES && m->n_windows > m->places) m->window_units = (m->window[0].extent + PLACES - 1) / PLACES;
    int64_t blocks = m->lanes.extent / K_LANES;             /* whole ones: the last unit has the rest, too */
    m->group = m->row.extent == 1 ? 4 : m->row.extent == 2 ? 2 : 1;
    m->lane_units = blocks / m->group > 1 ? blocks / m->group : 1;
    m->row_units = !m->n_windows && m->lane_units * turns_of(&m->outer) < 16 && m->row.extent >= 2 * K_ROW_UNIT ? m->row.extent / K_ROW_UNIT : 1;
}

/* Places of the result that are none of the rows. */
static double places_apart(const KMatrices *m)
{
    double n = 1;
    for (int i = 0; i < m->n_windows - m->places; i++) n *= (double)m->window[i].extent;
    return n;
}

/* Instructions of a vector, about; two numbers take as long as one vector, and few at once wait for one another. Measured with AVX2. */
static double cost(const KMatrices *m)
{
    enum { COPY = 2, TURN = 20, GATHER = 24, WAIT = 4 };
    double k = (double)turns_of(&m->chain), outer = (double)turns_of(&m->outer) * places_apart(m), rows = (double)turns_of(&m->rows);
    double blocks = (double)((m->lanes.extent + K_LANES - 1) / K_LANES), row = (double)m->row.extent;
    double tiles = (double)((m->row.extent + TILE - 1) / TILE);
    if (m->how == K_NUMBERS) return outer * rows * row * k * ((double)m->lanes.extent + WAIT) / 2;
    double panel = m->how == K_AS_IT_LIES ? 0 : m->how == K_TURNED ? TURN : m->lanes.lane == 1 ? COPY : GATHER;
    return outer * blocks * (k * (rows * (row + tiles) + panel) + rows * row * (m->lanes.out == 1 ? 1 : GATHER));
}

static int64_t panel_bytes(const KMatrices *m, IrElem t)
{
    int64_t k = m->whole ? turns_of(&m->chain) : K_CHUNK + K_LANES;
    return m->group * k * K_LANES * (int64_t)ir_elem_bytes(t);
}

static void give_panel(KPlan *p, KKernel *k, IrElem t)
{
    k->mem = arena_new_of(p->arena, KMem);
    *k->mem = (KMem){.place = K_SCRATCH, .elem = t, .slot = -1, .bytes = panel_bytes(k->matrices, t), .tile = -1, .made = p->n_mems++,
                     .first = INT32_MAX, .last = -1};
}

/* A product of two values, and of none of their samples. */
static bool is_plain(const KKernel *k)
{
    const IrNode *n = k->nodes.v[0];
    if (k->kind != K_CONTRACT || k->stores.n != 1 || n->n_args != 2 || n->attr->form == IR_FORM_BLAS || n->attr->over.n) return false;
    return !n->attr->pair_over || !n->attr->pair_over[0].n;
}

/* What windows of a conv that are no rows make units of. */
static int64_t window_units(const KMatrices *m)
{
    int64_t places = m->window_units ? m->window_units : 1;
    for (int i = m->window_units ? 1 : 0; i < m->n_windows - m->places; i++) places *= m->window[i].extent;
    return places;
}

static bool has_turns(const KMatrices *m)
{
    return window_units(m) && m->lanes.extent && m->chain.n && turns_of(&m->chain) && turns_of(&m->outer) && turns_of(&m->rows) && m->row.extent;
}

/* Are there vectors of lanes, and room for a panel? */
static bool has_vectors(const KMatrices *m, IrElem t) { return m->lanes.extent >= K_LANES && (m->how == K_AS_IT_LIES || panel_bytes(m, t) <= MOST_PANEL); }

static void take_matrices(KPlan *p, KKernel *k, KKind kind, const KMatrices *m)
{
    k->kind = kind;
    k->matrices = arena_copy(p->arena, m, sizeof *m);
    k->units = m->lane_units * m->row_units * turns_of(&m->outer) * window_units(m);
    if (m->how == K_COPIED || m->how == K_TURNED) give_panel(p, k, k->nodes.v[0]->result[0].type.elem);
}

/* Operands that no near cache holds come from afar once for each tile, unless all tiles take a part of the chain before the next. */
static void part_chain(KMatrices *m, IrElem t)
{
    enum { FAR = 1 << 20, PART = 1 << 17, UNITS = 2 };      /* bytes: of both operands; of a part of them; two threads have one each */
    int64_t cell = (int64_t)ir_elem_bytes(t), each = (m->lanes.extent + m->row.extent) * cell, blocks = m->lanes.extent / K_LANES;
    bool lies = m->lanes.lane == 1 && m->row.row == 1 && (m->how == K_AS_IT_LIES || m->how == K_COPIED), one = m->chain.n == 1 && !m->rows.n && !m->n_windows;
    if (!lies || !one || m->lanes.extent % K_LANES || m->row.extent < K_LANES || m->chain.v[0].extent * each < FAR || each * K_CHUNK > PART) return;
    m->how = K_AS_IT_LIES;
    m->part = PART / each;
    m->lane_units = blocks < UNITS ? blocks : UNITS;
    m->group = (int)(blocks / m->lane_units);
    m->row_units = 1;
}

bool kernel_matrices(KPlan *p, KKernel *k)
{
    if (k->kind != K_CONTRACT || k->lane_axis >= 0 || !is_plain(k)) return false;
    const IrNode *n = k->nodes.v[0];
    KView v[2];
    KMatrices best = {.side = -1};
    IrElem t = n->result[0].type.elem;
    if (!kernel_view(p, n->arg[0], &v[0]) || !kernel_view(p, n->arg[1], &v[1])) return false;
    for (int side = 1; side >= 0; side--) {
        KMatrices m = loops_of(n, side, v, k->stores.v[0].mem);
        if (!has_turns(&m)) continue;
        choose_panel(p, &m);
        choose_units(&m);
        KMatrices numbers = m;
        numbers.how = K_NUMBERS;
        numbers.window_units = 0;
        if (!has_vectors(&m, t) || (!m.n_windows && cost(&numbers) < cost(&m))) m = numbers;
        if (best.side < 0 || cost(&m) < cost(&best)) best = m;
    }
    if (best.side < 0) return false;
    part_chain(&best, t);
    take_matrices(p, k, K_MATRICES, &best);
    return true;
}

/* ---- few samples ------------------------------------------------------------------------------------------------ */

/* Does a sample after the other, with filters in the lanes, take less than all at once in lanes of which most are empty? It goes at about half the pace, as each number
 * of an image lies in a line of memory of its own. */
static bool pays_one_by_one(const KMatrices *m)
{
    enum { SLOWER = 2 };
    int64_t filters = m->lanes.extent * turns_of(&m->outer);
    double  tile = (double)(filters * m->row.extent) * places_apart(m) * (double)turns_of(&m->chain) * (1 + 1.0 / TILE);
    KMatrices each = *m;
    each.outer.v[each.outer.n++] = m->samples;
    return SLOWER * cost(&each) < tile;
}

bool kernel_few(KPlan *p, KKernel *k)
{
    enum { KERNEL = 1 };                                    /* the side that has no samples */
    if (k->kind != K_CONTRACT || k->lane_axis < 0 || !is_plain(k)) return false;
    const IrNode *n = k->nodes.v[0];
    if (!n->attr->n_windows || n->result[0].type.axes.n != 1) return false;
    const KMem *out = k->stores.v[0].mem;
    int64_t samples = ir_extent(p->m, k->lane_axis);
    KView v[2];
    if (!samples || samples >= K_LANES || out->tile != k->lane_axis || !kernel_view(p, n->arg[0], &v[0]) || !kernel_view(p, n->arg[1], &v[1])) return false;
    if (v[!KERNEL].tile != k->lane_axis || v[KERNEL].tile >= 0) return false;
    KMatrices m = loops_of(n, KERNEL, v, out);
    m.samples = (KLoop){samples, 0, 1, 1};
    if (!has_turns(&m) || !m.places) return false;
    choose_panel(p, &m);
    choose_units(&m);
    if (!has_vectors(&m, n->result[0].type.elem) || !pays_one_by_one(&m)) return false;
    take_matrices(p, k, K_FEW, &m);
    return true;
}

/* ---- samples with samples --------------------------------------------------------------------------------------- */

static int64_t axis_stride(const IrType *t, const KView *v, int axis)
{
    for (int i = 0; i < t->axes.n; i++)
        if (t->axes.id[i] == axis) return v->axis[i];
    return 0;
}

/* x has the lanes; w lies in panels along another axis, which x does not know, and knows nothing of the lanes. */
static bool are_pairs(const IrNode *n, int side, const KView *v, int lane_axis)
{
    const KView *x = &v[side], *w = &v[1 - side];
    if (x->tile != lane_axis || w->tile < 0 || w->tile == lane_axis || w->mem->place != K_FRAME) return false;
    return !axis_stride(&n->arg[side]->type, x, w->tile) && !axis_stride(&n->arg[1 - side]->type, w, lane_axis);
}

/* The other axes are loops around the tiles, and so are w's panels, whose 16 samples are the rows. */
static KMatrices loops_of_pairs(const KPlan *p, const IrNode *n, int side, const KView *v, const KMem *out, int lane_axis)
{
    const IrType *t = &n->result[0].type;
    int other = v[1 - side].tile;
    KMatrices m = loops_of(n, side, v, out);
    KLoops around = m.outer;
    if (m.lanes.extent != 1) around.v[around.n++] = m.lanes;
    for (int i = 0; i < m.rows.n; i++) around.v[around.n++] = m.rows.v[i];
    if (m.row.extent != 1) around.v[around.n++] = m.row;
    for (int i = 0; i < t->axes.n; i++) {
        int a = t->axes.id[i];
        if (a == lane_axis || a == other) continue;
        int64_t x = axis_stride(&n->arg[side]->type, &v[side], a), w = axis_stride(&n->arg[1 - side]->type, &v[1 - side], a);
        around.v[around.n++] = (KLoop){ir_extent(p->m, a), x, w, out->axis[i]};
    }
    m.outer = (KLoops){0};
    m.rows = around;
    m.lanes = (KLoop){K_LANES, 1, 0, 1};
    for (int i = 0; i < t->axes.n; i++)
        if (t->axes.id[i] == other) m.row = (KLoop){ir_extent(p->m, other), 0, 1, out->axis[i]};
    m.how = K_AS_IT_LIES;
    m.group = 1;
    m.lane_units = m.row_units = 1;
    return m;
}

bool kernel_pairs(KPlan *p, KKernel *k)
{
    if (k->kind != K_CONTRACT || k->lane_axis < 0 || !is_plain(k) || k->nodes.v[0]->attr->n_windows || k->stores.v[0].mem->tile != k->lane_axis) return false;
    const IrNode *n = k->nodes.v[0];
    KView v[2];
    if (!kernel_view(p, n->arg[0], &v[0]) || !kernel_view(p, n->arg[1], &v[1])) return false;
    int side = are_pairs(n, 0, v, k->lane_axis) ? 0 : are_pairs(n, 1, v, k->lane_axis) ? 1 : -1;
    if (side < 0) return false;
    KMatrices m = loops_of_pairs(p, n, side, v, k->stores.v[0].mem, k->lane_axis);
    if (!turns_of(&m.chain) || !turns_of(&m.rows) || !m.row.extent) return false;
    k->kind = K_PAIRS;
    k->matrices = arena_copy(p->arena, &m, sizeof m);
    return true;
}

/* ---- samples with their own ------------------------------------------------------------------------------------- */

/* Its other axes are loops around the tiles, and so are all free dims but the last of either side. */
static KMatrices loops_of_own(const KPlan *p, const IrNode *n, const KView *v, const KMem *out, int lane_axis)
{
    const IrType *t = &n->result[0].type;
    KMatrices m = loops_of(n, 0, v, out);
    KLoops around = m.outer;
    for (int i = 0; i < m.rows.n; i++) around.v[around.n++] = m.rows.v[i];
    for (int i = 0; i < t->axes.n; i++) {
        int a = t->axes.id[i];
        if (a == lane_axis) continue;
        KLoop l = {ir_extent(p->m, a), axis_stride(&n->arg[0]->type, &v[0], a), axis_stride(&n->arg[1]->type, &v[1], a), out->axis[i]};
        around.v[around.n++] = l;
    }
    m.columns = m.lanes;
    m.outer = (KLoops){0};
    m.rows = around;
    m.lanes = (KLoop){K_LANES, 1, 1, 1};
    m.how = K_AS_IT_LIES;
    m.group = m.lane_units = m.row_units = 1;
    return m;
}

bool kernel_own(KPlan *p, KKernel *k)
{
    enum { LEAST = 4 };                                     /* places of a tile: of fewer, other samples stand beside one another (K_CONTRACT) */
    if (k->kind != K_CONTRACT || k->lane_axis < 0 || !is_plain(k) || k->nodes.v[0]->op != IR_dot || k->stores.v[0].mem->tile != k->lane_axis) return false;
    const IrNode *n = k->nodes.v[0];
    KView v[2];
    for (int i = 0; i < 2; i++)
        if (!kernel_view_across(p, n->arg[i], &v[i]) || v[i].tile != k->lane_axis) return false;
    KMatrices m = loops_of_own(p, n, v, k->stores.v[0].mem, k->lane_axis);
    if (!turns_of(&m.chain) || !turns_of(&m.rows) || m.row.extent * m.columns.extent < LEAST) return false;
    k->kind = K_OWN;
    k->matrices = arena_copy(p->arena, &m, sizeof m);
    return true;
}
