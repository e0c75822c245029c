/* whole.c - products over samples whose result is larger than what it is made of: not a partial result a shard, but tile by tile.
 *
 * A gradient of a matrix is such a product, and the rows of the optimiser read it. In the step that makes its operands there would be a copy of the matrix
 * a shard, written once and read once. Instead the operands stay, and the MAP kernel that has the combining tree becomes one with the product: for each
 * tile of the result, each shard's chain runs over all of its samples, the tree adds them up, and the rows follow, while all of it is in registers and the
 * nearest cache. Threads share the tiles, whatever the number of shards. Chains and tree are as they were, so no bit changes. Start at kernel_whole(). */
#include "compiler/kernel/internal.h"

typedef struct Candidate { KStep *from; KKernel *outer; bool taken; } Candidate;
typedef struct Candidates { ARRAY(Candidate) v; } Candidates;

static KValue *sum_of(const KPlan *p, const KKernel *outer) { return kernel_value(p, &outer->nodes.v[0]->result[0]); }

/* Rows by columns, a row or a column a dim; each operand is in panels along the axis that is summed. */
static bool is_plain(const KPlan *p, const KKernel *outer)
{
    const IrNode *n = outer->nodes.v[0];
    const IrType *t = &n->result[0].type;
    bool plain = n->op == IR_dot && outer->side == 1 && t->rank == 2 && !t->axes.n && !n->attr->batch.n && !n->attr->contract.n;
    for (int i = 0; i < n->n_args && plain; i++) {
        const KMem *m = kernel_value(p, n->arg[i])->mem;
        IrAxes over = n->attr->pair_over[i / 2];
        plain = over.n == 1 && n->arg[i]->type.rank == 1 && n->arg[i]->type.axes.n == 1;
        plain = plain && (!m || (m->place == K_FRAME && !m->of && !m->n_iter && m->tile == over.id[0]));
    }
    return plain;
}

/* In numbers: what the partial results would take, and what stays instead. */
static bool is_smaller(const KPlan *p, const KKernel *outer)
{
    const IrNode *n = outer->nodes.v[0];
    const IrType *t = &n->result[0].type;
    int64_t samples = 0;
    for (int i = 0; i < n->n_args / 2; i++) samples += ir_extent(p->m, n->attr->pair_over[i].id[0]);
    return samples > 0 && samples * (t->dim[0] + t->dim[1]) <= outer->sinks.v[0]->shards.count * t->dim[0] * t->dim[1];
}

static bool fits(const KPlan *p, const KBlock *b, const KKernel *outer)
{
    const KValue *v = sum_of(p, outer);
    return v->block == b && v->accum == outer->sinks.v[0] && v->kernel->kind == K_MAP && v->step->kind == K_UNIFORM && !v->kernel->merged &&
           is_plain(p, outer) && is_smaller(p, outer);
}

static bool share_columns(const KKernel *a, const KKernel *b)
{
    for (int i = 0; i < a->columns.n; i++)
        for (int k = 0; k < b->columns.n; k++)
            if (a->columns.v[i] == b->columns.v[k]) return true;
    return false;
}

/* Columns lie in one order for all who read them; and a MAP kernel follows one product. */
static bool agree(const Candidates *c, Candidate *x, const KPlan *p)
{
    for (int i = 0; i < c->v.n; i++) {
        const Candidate *y = &c->v.v[i];
        if (y == x) continue;
        if (!y->taken && share_columns(x->outer, y->outer)) return false;
        if (y->taken && y < x && sum_of(p, x->outer)->kernel == sum_of(p, y->outer)->kernel) return false;
    }
    return true;
}

static void choose(const KPlan *p, const KBlock *b, Candidates *c)
{
    for (int i = 0; i < c->v.n; i++) c->v.v[i].taken = fits(p, b, c->v.v[i].outer);
    for (bool changed = true; changed;) {
        changed = false;
        for (int i = 0; i < c->v.n; i++) {
            Candidate *x = &c->v.v[i];
            if (x->taken && !agree(c, x, p)) { x->taken = false; changed = true; }
        }
    }
}

/* ---- taking one -------------------------------------------------------------------------------------------------- */

/* [block of 16 columns][all samples][16 columns] */
static void keep_columns(const KPlan *p, KMem *m, const IrVal *v)
{
    int64_t blocks = (v->type.dim[0] + K_LANES - 1) / K_LANES, panels = (ir_extent(p->m, v->type.axes.id[0]) + K_LANES - 1) / K_LANES;
    m->place = K_FRAME;
    m->bytes = blocks * panels * K_LANES * K_LANES * (int64_t)ir_elem_bytes(m->elem);
}

void kernel_remove(KKernel **v, int *n, const KKernel *k)
{
    int kept = 0;
    for (int i = 0; i < *n; i++)
        if (v[i] != k) v[kept++] = v[i];
    *n = kept;
}

static void remove_node(KKernel *k, const IrVal *v)
{
    int kept = 0;
    for (int i = 0; i < k->nodes.n; i++)
        if (&k->nodes.v[i]->result[0] != v) k->nodes.v[kept++] = k->nodes.v[i];
    k->nodes.n = kept;
}

static void take(KPlan *p, const Candidate *c)
{
    KKernel *k = c->outer, *map = sum_of(p, k)->kernel;
    KStep   *to = sum_of(p, k)->step;
    IrNode  *n = k->nodes.v[0];
    for (int i = 0; i < n->n_args; i += 2) {
        kernel_frame(p, kernel_resolve(p, n->arg[i]));
        keep_columns(p, k->columns.v[i / 2], n->arg[i + 1]);
    }
    kernel_remove(c->from->tile.v, &c->from->tile.n, k);
    remove_node(map, &n->result[0]);
    for (int i = 0; i < to->kernels.n; i++)
        if (to->kernels.v[i] == map) to->kernels.v[i] = k;
    k->kind = K_WHOLE;
    k->lane_axis = -1;
    k->space = map->space;
    k->epilogue = map;
    k->sum = k->sinks.v[0];
    k->sinks.n = 0;
    map->merged = k;
    plan_did(p, PLAN_whole, true);
}

/* About equally many blocks at a time: what their samples give stays in a cache of the core. A unit is UNIT rows of one block. */
void kernel_cut_whole(KPlan *p, KKernel *k)
{
    enum { NEAR = 1 << 16, LEAST = 4 };                     /* numbers */
    const IrNode *n = k->nodes.v[0];
    const IrType *t = &n->result[0].type;
    int64_t samples = ir_extent(p->m, n->attr->pair_over[0].id[0]), blocks = (t->dim[1] + K_LANES - 1) / K_LANES;
    int64_t most = NEAR / (samples * (n->n_args / 2) * K_LANES);
    if (most < LEAST) most = LEAST;
    int64_t groups = (blocks + most - 1) / most;
    if (groups == 1 && blocks >= 2 * LEAST) groups = 2;
    k->near = (blocks + groups - 1) / groups;
    k->units = blocks * ((t->dim[0] + K_UNIT_ROWS - 1) / K_UNIT_ROWS);
    k->split = plan_did(p, PLAN_split, k->units >= 2);
}

void kernel_whole(KPlan *p, KBlock *b)
{
    Candidates c = {0};
    for (int i = 0; i < b->steps.n; i++) {
        KStep *s = b->steps.v[i];
        for (int k = 0; k < 2; k++)
            if (s->body[k]) kernel_whole(p, s->body[k]);
        for (int k = 0; k < s->tile.n; k++)
            if (s->tile.v[k]->kind == K_OUTER) array_push(p->arena, &c.v, ((Candidate){s, s->tile.v[k], false}));
    }
    choose(p, b, &c);
    for (int i = 0; i < c.v.n; i++)
        if (c.v.v[i].taken) take(p, &c.v.v[i]);
}
