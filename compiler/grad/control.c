/* control.c - scan and cond, backwards and forwards.
 *
 * Backwards a scan becomes two: the scan again, its carried-in values saved as stacked outputs, and a scan over the reversed stacks which
 * carries the cotangents of the carried values and the sums for the closed-over ones; its body is the body and, behind it, the body's
 * own reverse mode. What that body does not need is neither saved nor passed. Forwards a scan carries values and tangents side by side.
 * A cond becomes the cond of the two derivatives. Start at control_reverse() and control_forward(), at the bottom. */
#include "compiler/grad/control.h"
#include "compiler/grad/flow.h"
#include "compiler/grad/plain.h"

#define ALLOC(c, T, n) arena_array((c)->scratch, T, (n) + 1)

static IrBuilder inside(const ControlGrad *c, IrBlock *body)
{
    return (IrBuilder){.m = c->b->m, .block = body, .span = c->b->span, .why = c->b->why};
}

static IrVal *or_zeros(IrBuilder *b, IrVal *v, const IrType *t) { return v ? v : grad_zeros(b, t); }

/* Reverse mode of a body that has just been copied into `in`: cotangents of `at` given those of its yields, NULL where there is none. */
static bool reverse_body(ControlGrad *c, IrBuilder *in, IrVal *const *yields, IrVal *const *gs, int n_yields, IrVal *const *at, int n_at, IrVal **out)
{
    IrVal **outputs = ALLOC(c, IrVal *, n_yields), **seeds = ALLOC(c, IrVal *, n_yields);
    GradReport report = {0};
    int n = 0;
    for (int y = 0; y < n_yields; y++)
        if (gs[y]) outputs[n] = yields[y], seeds[n++] = gs[y];
    if (grad_reverse_by(c->rules, in, outputs, seeds, n, at, n_at, out, &report)) return true;
    c->opaque = report.opaque;
    return false;
}

/* The operands whose flag is set, in the order of the body's parameters. */
static int kept_args(IrVal *const *args, const bool *keep, int n, IrVal **out)
{
    int m = 0;
    for (int i = 0; i < n; i++)
        if (keep[i]) out[m++] = args[i];
    return m;
}

static int count_true(const bool *flag, int n)
{
    int m = 0;
    for (int i = 0; i < n; i++) m += flag[i];
    return m;
}

/* ---- cond ------------------------------------------------------------------------------------------------------- */

/* One side of a cond and what is made of it. */
typedef struct Branch {
    IrBlock  *body;
    IrBuilder in;
    IrVal   **param, **extra, **yield;                      /* its parameters, those added (cotangents or tangents), the copied yields */
} Branch;

static Branch copy_branch(ControlGrad *c, const IrNode *n, int side, IrVal *const *extra, int n_extra)
{
    const IrBlock *from = n->body[side];
    Branch br = {.body = ir_block(c->b->m), .param = ALLOC(c, IrVal *, from->n_params), .extra = ALLOC(c, IrVal *, n_extra), .yield = ALLOC(c, IrVal *, from->n_yields)};
    for (int p = 0; p < from->n_params; p++) br.param[p] = ir_block_param(c->b->m, br.body, from->param[p]->type);
    for (int k = 0; k < n_extra; k++)
        if (extra[k]) br.extra[k] = ir_block_param(c->b->m, br.body, extra[k]->type);
    br.in = inside(c, br.body);
    ir_inline_block(&br.in, from, br.param, br.yield);
    return br;
}

/* The cond of two finished sides; parameters neither side uses are dropped. args: the operands, then the extra ones. */
static IrNode *join_branches(ControlGrad *c, IrVal *predicate, IrVal *const *args, Branch *side)
{
    int n = side[0].body->n_params;
    bool *used[2] = {ALLOC(c, bool, n), ALLOC(c, bool, n)}, *keep = ALLOC(c, bool, n);
    IrVal **passed = ALLOC(c, IrVal *, n + 1);
    for (int s = 0; s < 2; s++) {
        body_sweep(c->scratch, c->b->m->next_id, side[s].body);
        body_used_params(c->scratch, c->b->m->next_id, side[s].body, used[s]);
    }
    for (int p = 0; p < n; p++) keep[p] = used[0][p] || used[1][p];
    for (int s = 0; s < 2; s++) body_keep_params(side[s].body, keep);
    passed[0] = predicate;
    int m = kept_args(args, keep, n, passed + 1);
    return ir_cond_node(c->b, passed, m + 1, side[0].body, side[1].body);
}

/* Yields results[s][k] of both sides where one of them has it; slot[k] is then the new cond's result, else NULL. */
static void cond_of(ControlGrad *c, const IrNode *n, IrVal *const *extra, int n_extra, Branch *side, IrVal **results[2], const IrType *const *types, int count, IrVal **slot)
{
    IrVal **args = ALLOC(c, IrVal *, n->n_args + n_extra), **yields[2] = {ALLOC(c, IrVal *, count), ALLOC(c, IrVal *, count)};
    int m = 0, n_args = 0;
    for (int k = 0; k < count; k++) {
        if (!results[0][k] && !results[1][k]) continue;
        for (int s = 0; s < 2; s++) yields[s][m] = or_zeros(&side[s].in, results[s][k], types[k]);
        m++;
    }
    if (!m) return;
    for (int s = 0; s < 2; s++) ir_block_yield(c->b->m, side[s].body, yields[s], m);
    for (int i = 1; i < n->n_args; i++) args[n_args++] = n->arg[i];
    for (int k = 0; k < n_extra; k++)
        if (extra[k]) args[n_args++] = extra[k];
    IrNode *cond = join_branches(c, n->arg[0], args, side);
    for (int k = 0, r = 0; k < count; k++)
        if (results[0][k] || results[1][k]) slot[k] = &cond->result[r++];
}

static bool cond_reverse(ControlGrad *c, const IrNode *n, IrVal *const *gs, const bool *live, IrVal **out)
{
    Branch side[2];
    int *which = ALLOC(c, int, n->n_args), n_wrt = 0;
    IrVal **grads[2], **slot = ALLOC(c, IrVal *, n->n_args), **at = ALLOC(c, IrVal *, n->n_args);
    const IrType **types = ALLOC(c, const IrType *, n->n_args);
    for (int i = 1; i < n->n_args; i++)
        if (live[i]) types[n_wrt] = &n->arg[i]->type, which[n_wrt++] = i;
    for (int s = 0; s < 2; s++) {
        side[s] = copy_branch(c, n, s, gs, n->n_results);
        grads[s] = ALLOC(c, IrVal *, n_wrt);
        for (int k = 0; k < n_wrt; k++) at[k] = side[s].param[which[k] - 1];
        if (!reverse_body(c, &side[s].in, side[s].yield, side[s].extra, n->n_results, at, n_wrt, grads[s])) return false;
    }
    cond_of(c, n, gs, n->n_results, side, grads, types, n_wrt, slot);
    for (int k = 0; k < n_wrt; k++) out[which[k]] = slot[k];
    return true;
}

static bool cond_forward(ControlGrad *c, const IrNode *n, IrVal *const *ts, IrVal **out)
{
    Branch side[2];
    IrVal **tangents[2];
    const IrType **types = ALLOC(c, const IrType *, n->n_results);
    for (int r = 0; r < n->n_results; r++) types[r] = &n->result[r].type;
    for (int s = 0; s < 2; s++) {
        side[s] = copy_branch(c, n, s, ts + 1, n->n_args - 1);
        tangents[s] = ALLOC(c, IrVal *, n->n_results);
        if (!grad_forward_by(c->rules, &side[s].in, side[s].yield, n->n_results, side[s].param, side[s].extra, n->n_args - 1, tangents[s], &c->opaque)) return false;
    }
    cond_of(c, n, ts + 1, n->n_args - 1, side, tangents, types, n->n_results, out);
    return true;
}

/* ---- scan, backwards -------------------------------------------------------------------------------------------- */

/* A plain scan under way: the numbers of its groups and the body of the reversed scan. The body's parameters are made group by group
 * and put in a scan's order at the end. */
typedef struct Back {
    const IrNode *scan;
    int           carried, stacked, closed, outs;
    bool         *live, *needed;                            /* by parameter; by yield: a cotangent reaches it */
    IrBlock      *body;
    IrBuilder     in;
    IrVal       **value;                                    /* by parameter of the scan's body: that iteration's value */
    IrVal       **g;                                        /* by yield: its cotangent, or NULL */
    IrVal       **grad;                                     /* by parameter: its cotangent, or NULL */
} Back;

static Back begin_back(ControlGrad *c, const IrNode *scan, IrVal *const *gs, const bool *live_args)
{
    const IrBlock *body = scan->body[0];
    Back k = {.scan = scan, .carried = scan->attr->carried, .stacked = scan->attr->stacked, .outs = body->n_yields - scan->attr->carried, .body = ir_block(c->b->m)};
    k.closed = scan->n_args - k.carried - k.stacked;
    k.in = inside(c, k.body);
    k.live = ALLOC(c, bool, body->n_params);
    k.needed = ALLOC(c, bool, body->n_yields);
    k.value = ALLOC(c, IrVal *, body->n_params);
    k.g = ALLOC(c, IrVal *, body->n_yields);
    k.grad = ALLOC(c, IrVal *, body->n_params);
    flow_body_params(c->rules, c->scratch, c->b->m->next_id, scan, live_args, k.live);
    for (int y = 0; y < body->n_yields; y++) k.needed[y] = gs[y] != NULL;
    flow_scan_needs(c->rules, c->scratch, c->b->m->next_id, scan, k.live, k.needed);
    for (int y = 0; y < k.carried; y++) k.needed[y] &= k.live[y];
    return k;
}

/* The body's own values, then its reverse mode. */
static bool fill_back(ControlGrad *c, Back *k)
{
    const IrBlock *from = k->scan->body[0];
    IrVal **yields = ALLOC(c, IrVal *, from->n_yields), **at = ALLOC(c, IrVal *, from->n_params), **grads = ALLOC(c, IrVal *, from->n_params);
    int n_at = 0;
    for (int p = 0; p < from->n_params; p++) k->value[p] = ir_block_param(c->b->m, k->body, from->param[p]->type);
    for (int y = 0; y < from->n_yields; y++)
        if (k->needed[y]) k->g[y] = ir_block_param(c->b->m, k->body, from->yield[y]->type);
    ir_inline_block(&k->in, from, k->value, yields);
    for (int p = 0; p < from->n_params; p++)
        if (k->live[p]) at[n_at++] = k->value[p];
    if (!reverse_body(c, &k->in, yields, k->g, from->n_yields, at, n_at, grads)) return false;
    for (int p = 0, i = 0; p < from->n_params; p++)
        if (k->live[p]) k->grad[p] = grads[i++];
    return true;
}

/* Accumulators of the closed-over values with a cotangent become parameters; yields: next cotangents, next sums, cotangents of the stacked. */
static void yield_back(ControlGrad *c, Back *k, IrVal **sum)
{
    const IrBlock *from = k->scan->body[0];
    IrVal **yields = ALLOC(c, IrVal *, from->n_params + k->carried);
    int first = k->carried + k->stacked, n = 0;
    for (int p = 0; p < k->carried; p++)
        if (k->needed[p]) yields[n++] = or_zeros(&k->in, k->grad[p], &from->param[p]->type);
    for (int p = first; p < from->n_params; p++)
        if (k->grad[p]) {
            sum[p] = ir_block_param(c->b->m, k->body, from->param[p]->type);
            yields[n++] = ir_add(&k->in, sum[p], k->grad[p]);
        }
    for (int p = k->carried; p < first; p++)
        if (k->grad[p]) yields[n++] = k->grad[p];
    ir_block_yield(c->b->m, k->body, yields, n);
}

/* The scan again, with the carried-in values whose flag is set as further outputs; saved[p] is then the stack. */
static void rerun(ControlGrad *c, const Back *k, const bool *used, IrVal **saved)
{
    int n_saved = count_true(used, k->carried), n = k->scan->body[0]->n_yields;
    if (!n_saved) return;
    IrBlock *body = ir_copy_block(c->b->m, k->scan->body[0]);
    IrVal **yields = ALLOC(c, IrVal *, n + n_saved);
    for (int y = 0; y < n; y++) yields[y] = body->yield[y];
    for (int p = 0; p < k->carried; p++)
        if (used[p]) yields[n++] = body->param[p];
    ir_block_yield(c->b->m, body, yields, n);
    IrNode *again = ir_scan_node(c->b, k->scan->attr->n, k->carried, k->stacked, -1, k->scan->arg, k->scan->n_args, body);
    for (int p = 0, r = n - n_saved; p < k->carried; p++)
        if (used[p]) saved[p] = &again->result[r++];
}

static IrVal *backwards(ControlGrad *c, IrVal *stack) { return ir_reverse(c->b, stack, ir_ints(1, &(int64_t){0})); }

/* Parameters and operands of the reversed scan, in a scan's order. */
typedef struct Order { IrVal **param, **arg; int n, carried, stacked; } Order;

static void place(Order *o, IrVal *param, IrVal *arg)
{
    o->param[o->n] = param;
    o->arg[o->n++] = arg;
}

static Order order_back(ControlGrad *c, Back *k, IrVal *const *gs, IrVal *const *sum)
{
    int n_params = k->scan->body[0]->n_params, first = k->carried + k->stacked;
    int most = k->body->n_params;
    Order o = {.param = ALLOC(c, IrVal *, most), .arg = ALLOC(c, IrVal *, most)};
    bool *used = ALLOC(c, bool, most);
    IrVal **saved = ALLOC(c, IrVal *, n_params);
    body_sweep(c->scratch, c->b->m->next_id, k->body);
    body_used_params(c->scratch, c->b->m->next_id, k->body, used);
    rerun(c, k, used, saved);

    for (int p = 0; p < k->carried; p++)
        if (k->needed[p]) place(&o, k->g[p], or_zeros(c->b, gs[p], &k->scan->arg[p]->type));
    for (int p = first; p < n_params; p++)
        if (sum[p]) place(&o, sum[p], grad_zeros(c->b, &k->scan->arg[p]->type));
    o.carried = o.n;
    for (int p = 0; p < first; p++)
        if (used[p]) place(&o, k->value[p], backwards(c, p < k->carried ? saved[p] : k->scan->arg[p]));
    for (int y = k->carried; y < k->carried + k->outs; y++)
        if (k->g[y] && used[k->g[y]->index]) place(&o, k->g[y], backwards(c, gs[y]));
    o.stacked = o.n - o.carried;
    for (int p = first; p < n_params; p++)
        if (used[p]) place(&o, k->value[p], k->scan->arg[p]);
    return o;
}

static void set_params(IrBlock *body, const Order *o)
{
    body->n_params = o->n;
    for (int p = 0; p < o->n; p++) {
        body->param[p] = o->param[p];
        body->param[p]->index = p;
    }
}

static bool scan_reverse(ControlGrad *c, const IrNode *n, IrVal *const *gs, const bool *live_args, IrVal **out)
{
    const IrNode *scan = plain_scan(c->b, c->scratch, n);
    int drawn = scan->n_args - n->n_args, old_first = n->attr->carried + n->attr->stacked;
    bool *live = ALLOC(c, bool, scan->n_args);
    for (int i = 0; i < n->n_args; i++) live[i < old_first ? i : i + drawn] = live_args[i];

    Back k = begin_back(c, scan, gs, live);
    IrVal **sum = ALLOC(c, IrVal *, scan->n_args);
    if (!fill_back(c, &k)) return false;
    yield_back(c, &k, sum);
    Order o = order_back(c, &k, gs, sum);
    if (!k.body->n_yields) return true;
    set_params(k.body, &o);
    IrNode *back = ir_scan_node(c->b, scan->attr->n, o.carried, o.stacked, -1, o.arg, o.n, k.body);

    int r = 0, first = k.carried + k.stacked;
    for (int p = 0; p < k.carried; p++)
        if (k.needed[p]) out[p] = live_args[p] ? &back->result[r] : NULL, r++;
    for (int p = first; p < scan->n_args; p++)
        if (sum[p]) out[p - drawn] = &back->result[r++];
    for (int p = k.carried; p < first; p++)
        if (k.grad[p]) out[p] = backwards(c, &back->result[r++]);
    return true;
}

/* ---- scan, forwards --------------------------------------------------------------------------------------------- */

/* The scan of values and tangents under way. Parameters stand in the order of the old ones, those of a group followed by its tangents. */
typedef struct Ahead {
    const IrNode *scan;
    bool         *live;                                     /* by parameter: has a tangent */
    IrBlock      *body;
    IrBuilder     in;
    IrVal       **value, **tangent;                         /* by parameter */
    IrVal       **arg;
    int           n_args;
} Ahead;

/* Parameters from..to of the old body, then their tangents; returns how many. */
static int add_group(ControlGrad *c, Ahead *k, IrVal *const *ts, int from, int to)
{
    IrBlock *old = k->scan->body[0];
    int begin = k->n_args;
    for (int p = from; p < to; p++) {
        k->value[p] = ir_block_param(c->b->m, k->body, old->param[p]->type);
        k->arg[k->n_args++] = k->scan->arg[p];
    }
    for (int p = from; p < to; p++)
        if (k->live[p]) {
            k->tangent[p] = ir_block_param(c->b->m, k->body, old->param[p]->type);
            k->arg[k->n_args++] = or_zeros(c->b, ts[p], &k->scan->arg[p]->type);
        }
    return k->n_args - begin;
}

/* Yields the next values and their tangents, then the tangents of the outputs; moved[y] is the tangent of old yield y, or NULL. */
static bool fill_ahead(ControlGrad *c, Ahead *k, IrVal **moved)
{
    const IrBlock *old = k->scan->body[0];
    int carried = k->scan->attr->carried, n = 0;
    IrVal **yields = ALLOC(c, IrVal *, old->n_yields), **all = ALLOC(c, IrVal *, 2 * old->n_yields);
    ir_inline_block(&k->in, old, k->value, yields);
    if (!grad_forward_by(c->rules, &k->in, yields, old->n_yields, k->value, k->tangent, k->scan->n_args, moved, &c->opaque)) return false;
    for (int y = 0; y < carried; y++) all[n++] = yields[y];
    for (int y = 0; y < carried; y++)
        if (k->live[y]) all[n++] = moved[y] = or_zeros(&k->in, moved[y], &old->yield[y]->type);
    for (int y = carried; y < old->n_yields; y++)
        if (moved[y]) all[n++] = moved[y];
    ir_block_yield(c->b->m, k->body, all, n);
    return true;
}

static bool scan_forward(ControlGrad *c, const IrNode *n, IrVal *const *ts, IrVal **out)
{
    int carried = n->attr->carried, first = carried + n->attr->stacked, n_yields = n->body[0]->n_yields;
    Ahead k = {.scan = n, .body = ir_block(c->b->m), .live = ALLOC(c, bool, n->n_args), .value = ALLOC(c, IrVal *, n->n_args),
               .tangent = ALLOC(c, IrVal *, n->n_args), .arg = ALLOC(c, IrVal *, 2 * n->n_args)};
    k.in = inside(c, k.body);
    bool *live_args = ALLOC(c, bool, n->n_args);
    IrVal **moved = ALLOC(c, IrVal *, n_yields);
    for (int i = 0; i < n->n_args; i++) live_args[i] = ts[i] != NULL;
    flow_body_params(c->rules, c->scratch, c->b->m->next_id, n, live_args, k.live);
    int all_carried = add_group(c, &k, ts, 0, carried), all_stacked = add_group(c, &k, ts, carried, first);
    add_group(c, &k, ts, first, n->n_args);
    if (!fill_ahead(c, &k, moved)) return false;
    IrNode *scan = ir_scan_node(c->b, n->attr->n, all_carried, all_stacked, n->attr->until, k.arg, k.n_args, k.body);
    for (int y = 0, r = carried; y < n_yields; y++)
        if (y < carried ? k.live[y] : moved[y] != NULL) out[y] = &scan->result[r++];
    return true;
}

/* ---- both ------------------------------------------------------------------------------------------------------- */

bool control_reverse(ControlGrad *c, const IrNode *n, IrVal *const *gs, const bool *live_args, IrVal **out)
{
    return n->op == IR_scan ? scan_reverse(c, n, gs, live_args, out) : cond_reverse(c, n, gs, live_args, out);
}

bool control_forward(ControlGrad *c, const IrNode *n, IrVal *const *ts, IrVal **out)
{
    return n->op == IR_scan ? scan_forward(c, n, ts, out) : cond_forward(c, n, ts, out);
}
