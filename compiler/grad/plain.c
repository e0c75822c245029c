/* plain.c - a scan without draws and without `until`. Start at plain_scan(), at the bottom. */
#include "compiler/grad/plain.h"
#include "compiler/grad/grad.h"

/* ---- bodies ----------------------------------------------------------------------------------------------------- */

void body_sweep(Arena *scratch, uint32_t n_ids, IrBlock *body)
{
    uint8_t *used = arena_alloc(scratch, n_ids);
    for (int y = 0; y < body->n_yields; y++) used[body->yield[y]->id] = 1;
    for (IrNode *n = body->last, *prev; n; n = prev) {
        prev = n->prev;
        bool wanted = (ir_op_info[n->op].flags & IR_EFFECT) != 0;
        for (int r = 0; r < n->n_results; r++) wanted |= used[n->result[r].id];
        if (!wanted) ir_remove(n);
        for (int i = 0; wanted && i < n->n_args; i++) used[n->arg[i]->id] = 1;
    }
}

void body_used_params(Arena *scratch, uint32_t n_ids, const IrBlock *body, bool *used)
{
    uint8_t *by_id = arena_alloc(scratch, n_ids);
    for (int y = 0; y < body->n_yields; y++) by_id[body->yield[y]->id] = 1;
    for (const IrNode *n = body->first; n; n = n->next)
        for (int i = 0; i < n->n_args; i++) by_id[n->arg[i]->id] = 1;
    for (int p = 0; p < body->n_params; p++) used[p] = by_id[body->param[p]->id];
}

void body_keep_params(IrBlock *body, const bool *keep)
{
    int n = 0;
    for (int p = 0; p < body->n_params; p++)
        if (keep[p]) {
            body->param[n] = body->param[p];
            body->param[n]->index = n;
            n++;
        }
    body->n_params = n;
}

/* ---- draws ------------------------------------------------------------------------------------------------------ */

typedef struct { IrVal **v; int n, cap; } Vals;

static bool is_draw(const IrNode *n) { return ir_op_info[n->op].klass == IR_CLASS_RAND; }

static int count_draws(const IrBlock *body)
{
    int count = 0;
    for (const IrNode *n = body->first; n; n = n->next) {
        count += is_draw(n);
        for (int k = 0; k < n->n_bodies; k++) count += count_draws(n->body[k]);
    }
    return count;
}

static int draws_in(const IrNode *n)
{
    int count = 0;
    for (int k = 0; k < n->n_bodies; k++) count += count_draws(n->body[k]);
    return count;
}

/* The draws of a body and nothing else, in its order; those of an inner scan stacked by an inner scan, so each keeps its iteration. */
static void draw_only(IrBuilder *b, Arena *scratch, const IrBlock *body, Vals *out);

static void draw_scan(IrBuilder *b, Arena *scratch, int64_t n, const IrBlock *body, Vals *out)
{
    IrBlock *only = ir_block(b->m);
    IrBuilder in = {.m = b->m, .block = only, .span = b->span, .why = b->why};
    Vals drawn = {0};
    draw_only(&in, scratch, body, &drawn);
    ir_block_yield(b->m, only, drawn.v, drawn.n);
    IrNode *scan = ir_scan_node(b, n, 0, 0, -1, NULL, 0, only);
    for (int r = 0; r < scan->n_results; r++) array_push(scratch, out, &scan->result[r]);
}

static void draw_only(IrBuilder *b, Arena *scratch, const IrBlock *body, Vals *out)
{
    for (const IrNode *n = body->first; n; n = n->next) {
        if (is_draw(n)) array_push(scratch, out, &ir_like(b, n, NULL)->result[0]);
        else if (n->op == IR_scan && draws_in(n)) draw_scan(b, scratch, n->attr->n, n->body[0], out);
        else
            for (int k = 0; k < n->n_bodies; k++) draw_only(b, scratch, n->body[k], out);
    }
}

/* ---- a body that is given its draws ----------------------------------------------------------------------------- */

typedef struct Copy {
    Arena  *scratch;
    IrVal **to;                                             /* by value id of the original */
    IrVal *const *draw;                                     /* values for the draws, in order */
    int     next;
} Copy;

static IrType without_lead(IrType t)
{
    for (int d = 1; d < t.rank; d++) t.dim[d - 1] = t.dim[d];
    t.rank--;
    return t;
}

static void copy_given(Copy *c, IrBuilder *b, const IrBlock *body, IrVal *const *args, IrVal **yields);

/* A new body: the old one's parameters with the draws' put in at `at`. Uses k draws from the parameters, from the skip-th on. */
static IrBlock *body_given(Copy *c, IrBuilder *b, const IrBlock *body, int at, const IrType *draw_type, int n_draws, int skip)
{
    IrBlock *made = ir_block(b->m);
    IrVal **args = arena_array(c->scratch, IrVal *, body->n_params + 1), **draws = arena_array(c->scratch, IrVal *, n_draws + 1);
    IrVal **yields = arena_array(c->scratch, IrVal *, body->n_yields + 1);
    for (int p = 0; p < at; p++) args[p] = ir_block_param(b->m, made, body->param[p]->type);
    for (int k = 0; k < n_draws; k++) draws[k] = ir_block_param(b->m, made, draw_type[k]);
    for (int p = at; p < body->n_params; p++) args[p] = ir_block_param(b->m, made, body->param[p]->type);
    IrBuilder in = {.m = b->m, .block = made, .span = b->span, .why = b->why};
    Copy inner = {c->scratch, c->to, draws + skip, 0};
    copy_given(&inner, &in, body, args, yields);
    ir_block_yield(b->m, made, yields, body->n_yields);
    return made;
}

static IrNode *scan_given(Copy *c, IrBuilder *b, const IrNode *n, IrVal *const *args, IrVal *const *draws, int k)
{
    int at = n->attr->carried + n->attr->stacked, m = 0;
    IrVal **all = arena_array(c->scratch, IrVal *, n->n_args + k + 1);
    IrType *types = arena_array(c->scratch, IrType, k + 1);
    for (int i = 0; i < at; i++) all[m++] = args[i];
    for (int i = 0; i < k; i++) all[m++] = draws[i], types[i] = without_lead(draws[i]->type);
    for (int i = at; i < n->n_args; i++) all[m++] = args[i];
    IrBlock *body = body_given(c, b, n->body[0], at, types, k, 0);
    return ir_scan_node(b, n->attr->n, n->attr->carried, n->attr->stacked + k, n->attr->until, all, m, body);
}

static IrNode *cond_given(Copy *c, IrBuilder *b, const IrNode *n, IrVal *const *args, IrVal *const *draws, int k)
{
    int first = count_draws(n->body[0]), params = n->n_args - 1;
    IrVal **all = arena_array(c->scratch, IrVal *, n->n_args + k + 1);
    IrType *types = arena_array(c->scratch, IrType, k + 1);
    for (int i = 0; i < n->n_args; i++) all[i] = args[i];
    for (int i = 0; i < k; i++) all[n->n_args + i] = draws[i], types[i] = draws[i]->type;
    IrBlock *yes = body_given(c, b, n->body[0], params, types, k, 0);
    IrBlock *no = body_given(c, b, n->body[1], params, types, k, first);
    return ir_cond_node(b, all, n->n_args + k, yes, no);
}

static IrNode *copy_node(Copy *c, IrBuilder *b, const IrNode *n, IrVal *const *args)
{
    int k = draws_in(n);
    IrVal *const *draws = c->draw + c->next;
    c->next += k;
    if (n->op == IR_scan) return scan_given(c, b, n, args, draws, k);
    if (n->op == IR_cond) return cond_given(c, b, n, args, draws, k);
    return ir_like(b, n, args);
}

static IrVal *copied(const Copy *c, IrVal *v) { return c->to[v->id] ? c->to[v->id] : v; }

static void copy_given(Copy *c, IrBuilder *b, const IrBlock *body, IrVal *const *args, IrVal **yields)
{
    for (int p = 0; p < body->n_params; p++) c->to[body->param[p]->id] = args[p];
    for (const IrNode *n = body->first; n; n = n->next) {
        if (is_draw(n)) {
            c->to[n->result[0].id] = c->draw[c->next++];
            continue;
        }
        IrVal **mapped = arena_array(c->scratch, IrVal *, n->n_args + 1);
        for (int i = 0; i < n->n_args; i++) mapped[i] = copied(c, n->arg[i]);
        b->span = n->span;
        IrNode *made = copy_node(c, b, n, mapped);
        for (int r = 0; r < n->n_results; r++) c->to[n->result[r].id] = &made->result[r];
    }
    for (int y = 0; y < body->n_yields; y++) yields[y] = copied(c, body->yield[y]);
}

/* ---- freeze ----------------------------------------------------------------------------------------------------- */

/* Where carried value `until` holds at the start, carried values stay and outputs are 0. */
static void freeze(IrBuilder *b, int carried, int until, IrBlock *body)
{
    IrVal *done = body->param[until];
    for (int y = 0; y < body->n_yields; y++) {
        IrVal *stays = y < carried ? body->param[y] : ir_const_like(b, body->yield[y], 0);
        body->yield[y] = ir_select(b, done, stays, body->yield[y]);
    }
}

bool scan_draws(const IrNode *scan) { return draws_in(scan) > 0; }

static void lift_draws(IrBuilder *b, Arena *scratch, const IrNode *scan, Vals *drawn)
{
    IrBuilder there = *b;
    if (scan->block != b->block) there.block = scan->block, there.before = scan->next;
    draw_scan(&there, scratch, scan->attr->n, scan->body[0], drawn);
}

const IrNode *plain_scan(IrBuilder *b, Arena *scratch, const IrNode *scan)
{
    bool draws = scan_draws(scan);
    if (!draws && scan->attr->until < 0) return scan;
    Copy c = {scratch, arena_array(scratch, IrVal *, b->m->next_id), NULL, 0};
    Vals drawn = {0};
    if (draws) lift_draws(b, scratch, scan, &drawn);
    IrNode *plain = scan_given(&c, b, scan, scan->arg, drawn.v, drawn.n);
    if (scan->attr->until >= 0) {
        IrBuilder in = {.m = b->m, .block = plain->body[0], .span = b->span, .why = b->why};
        freeze(&in, plain->attr->carried, plain->attr->until, plain->body[0]);
        IrAttrs at = *plain->attr;
        at.until = -1;
        ir_set_attrs(b->m, plain, &at);
    }
    return plain;
}
