/* paths.c - see paths.h. Every question is one walk over the nodes behind a value, operands first. */
#include "compiler/grad/plain.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/eval/paths.h"
#include "compiler/lower/own/graph.h"
#include "compiler/lower/own/own.h"

enum { DEPENDS = 1, OPEN = 2, STOPPED = 4, NEEDED = 8, SEEN = 16, TAKEN = 32, CUT = 64 };       /* CUT: an open path ended at a row behind it */

typedef struct Behind {
    Arena   *a;
    const Fn *fn;                                           /* what its loops carry is looked through, to the first value; NULL: it is not */
    uint32_t n_ids;
    uint8_t *is;                                            /* by value id */
    ARRAY(const IrNode *) order;                            /* operands before users */
} Behind;

typedef struct { const IrNode *node; int next; } Frame;

/* What it is called there: argmin(x) is made of the argmax of the opposite. */
const char *word_of_node(Lower *L, const IrNode *n)
{
    static const char opposite[] = "argmin";
    Span              at = span_of_node(L, n);
    at.end = at.begin + (uint32_t)sizeof opposite - 1;
    return at.file && !strcmp(text_of_source(L, at), opposite) ? opposite : ir_op_info[n->op].name;
}

/* A slot's value ends every path: what made it lies in another time. */
static int operands(const IrNode *n) { return n->op == IR_stop && n->attr->slot >= 0 ? 0 : n->n_args; }

/* What stands for v: of a value that a loop carries, the one it begins with. */
static const IrVal *behind(const Behind *g, const IrVal *v)
{
    for (const Carried *k; g->fn && (k = fn_carried(g->fn, v));) v = k->init;
    return v;
}

static Behind graph_of(Ctx *c, const IrVal *y, bool through_carried)
{
    Behind g = {.a = arena_new(), .fn = through_carried ? c->L->fn : NULL, .n_ids = c->L->m->next_id};
    uint8_t *seen = arena_alloc(g.a, g.n_ids + 1);
    ARRAY(Frame) stack = {0};
    g.is = arena_alloc(g.a, g.n_ids + 1);
    y = behind(&g, y);
    if (!y->def) return g;
    seen[y->def->result[0].id] = 1;
    array_push(g.a, &stack, ((Frame){y->def, 0}));
    while (stack.n) {
        Frame *top = &stack.v[stack.n - 1];
        if (top->next == operands(top->node)) {
            array_push(g.a, &g.order, top->node);
            stack.n--;
            continue;
        }
        const IrNode *d = behind(&g, top->node->arg[top->next++])->def;
        if (!d || seen[d->result[0].id]) continue;
        seen[d->result[0].id] = 1;
        array_push(g.a, &stack, ((Frame){d, 0}));
    }
    return g;
}

static bool no_derivative(const IrNode *n) { return ir_op_info[n->op].flags & IR_NOGRAD; }

static uint8_t of_args(const Behind *g, const IrNode *n)
{
    uint8_t is = 0;
    for (int i = 0; i < operands(n); i++) is |= g->is[behind(g, n->arg[i])->id];
    return is & (DEPENDS | OPEN | STOPPED | CUT);
}

static uint8_t closed(uint8_t is) { return is & OPEN ? (is & (uint8_t)~OPEN) | CUT : is; }

static void mark(Behind *g, IrVal *const *roots, int n_roots)
{
    for (int i = 0; i < n_roots; i++) g->is[roots[i]->id] = DEPENDS | OPEN;
    for (int k = 0; k < g->order.n; k++) {
        const IrNode *n = g->order.v[k];
        uint8_t is = of_args(g, n);
        if (n->op == IR_stop && is) is = STOPPED;
        if (no_derivative(n)) is = closed(is);
        for (int r = 0; r < n->n_results; r++) g->is[n->result[r].id] |= ir_is_real(n->result[r].type.elem) ? is : closed(is);
    }
}

/* What y is computed from, but for what is behind a stop. */
static void mark_needed(Behind *g, const IrVal *y)
{
    g->is[behind(g, y)->id] |= NEEDED;
    for (int k = g->order.n - 1; k >= 0; k--) {
        const IrNode *n = g->order.v[k];
        bool needed = false;
        for (int r = 0; r < n->n_results; r++) needed |= g->is[n->result[r].id] & NEEDED;
        for (int i = 0; needed && n->op != IR_stop && i < n->n_args; i++) g->is[behind(g, n->arg[i])->id] |= NEEDED;
    }
}

static void take(const Behind *g, const IrVal *v)
{
    const Carried *k = g->fn && ir_is_real(v->type.elem) ? fn_carried(g->fn, v) : NULL;
    g->is[v->id] |= TAKEN;
    if (k) take(g, k->init);
}

/* What the derivative of y comes through, by whatever it is. */
static void mark_taken(Behind *g, const IrVal *y)
{
    take(g, y);
    for (int k = g->order.n - 1; k >= 0; k--) {
        const IrNode *n = g->order.v[k];
        bool taken = false;
        for (int r = 0; r < n->n_results; r++) taken |= ir_is_real(n->result[r].type.elem) && g->is[n->result[r].id] & TAKEN;
        for (int i = 0; taken && !no_derivative(n) && i < n->n_args; i++) take(g, n->arg[i]);
    }
}

/* ---- draws that cut */

static bool cut_by_draw(Ctx *c, const Behind *g, const char *what, Span at)
{
    for (int i = 0; i < c->L->draw_cuts.n; i++) {
        const __typeof__(*c->L->draw_cuts.v) *k = &c->L->draw_cuts.v[i];
        if (k->draw->id >= g->n_ids || !(g->is[k->draw->id] & NEEDED) || !(g->is[behind(g, k->input)->id] & DEPENDS)) continue;
        Diag *d = diag_error(c->L->diags, at, E306, "a part of this depends on %s only through a draw of %s, which has no derivative%s",
                             what, k->name, k->black_box ? ": it is a black box" : "");
        diag_note(d, k->at, "drawn here");
        if (k->black_box) diag_hint(d, "evolution(f, theta, sigma) and score_function(p, f) (import estimators) need no derivative of it; a net that is trained on its "
                         "draws can stand for it; or stop(...) around the draw says that this is meant");
        else diag_hint(d, "score_function(p, f) (import estimators) needs no derivative of a draw; draw from a relaxation that can be differentiated, or "
                          "write stop(...) around the draw to say that this is meant");
        return true;
    }
    return false;
}

/* ---- what must not be cut */

/* The row behind v, of what is needed of it, at which a path ends though others be open; NULL: none. Not of what is stopped. */
static const IrNode *cut_within(const Behind *g, const IrVal *v)
{
    uint8_t *needed = arena_alloc(g->a, g->n_ids + 1);
    needed[behind(g, v)->id] = 1;
    for (int k = g->order.n - 1; k >= 0; k--) {
        const IrNode *n = g->order.v[k];
        bool used = false, real = true;
        for (int r = 0; r < n->n_results; r++) used |= needed[n->result[r].id], real = real && ir_is_real(n->result[r].type.elem);
        for (int i = 0; used && n->op != IR_stop && i < n->n_args; i++) {
            const IrVal *arg = behind(g, n->arg[i]);
            if (g->is[arg->id] & OPEN && (no_derivative(n) || !real)) return n;
            needed[arg->id] = 1;
        }
    }
    return NULL;
}

static bool cut_on_the_way(Ctx *c, const Behind *g, const char *what, Span at)
{
    for (int i = 0; i < c->L->uncut.n; i++) {
        const IrVal *v = c->L->uncut.v[i].v;
        const IrNode *cut = v->id < g->n_ids && g->is[v->id] & NEEDED ? cut_within(g, v) : NULL;
        if (!cut) continue;
        Diag *d = diag_error(c->L->diags, at, E306, "a derivative by %s would not be the whole one here: %s", what, c->L->uncut.v[i].why);
        diag_note(d, span_of_node(c->L, cut), "here it goes through %s, which has no derivative", word_of_node(c->L, cut));
        diag_hint(d, "a draw that has a derivative itself needs no score: E[u ~ Uniform(0, 1)] f(w * u) for Uniform(0, w); in a density of one's own stop(w) in the "
                     "condition says that nothing jumps there");
        return true;
    }
    return false;
}

/* ---- summands that lose every path */

/* The row at which the last path into v ends. */
static const IrNode *cut_behind(const Behind *g, const IrVal *v)
{
    for (const IrNode *n = v->def; n;) {
        const IrVal *next = NULL;
        for (int i = 0; i < n->n_args; i++) {
            uint8_t is = g->is[behind(g, n->arg[i])->id];
            if (is & OPEN) return n;
            if (is & DEPENDS) next = behind(g, n->arg[i]);
        }
        n = next ? next->def : NULL;
    }
    return NULL;
}

/* The first stop on a path from v down to what it depends on. */
static const IrNode *stop_behind(const Behind *g, const IrVal *v)
{
    const IrNode *n = v->def;
    while (n && n->op != IR_stop) {
        const IrVal *next = NULL;
        for (int i = 0; i < n->n_args && !next; i++)
            if (g->is[behind(g, n->arg[i])->id] & STOPPED) next = behind(g, n->arg[i]);
        n = next ? next->def : NULL;
    }
    return n;
}

/* An update by this would leave its player where it is. */
static void warn_stopped(Ctx *c, const Behind *g, const IrVal *y, const char *what, Span at)
{
    const IrNode *stop = stop_behind(g, y);
    Diag *d = diag_warning(c->L->diags, at, W303, "no gradient of this loss reaches %s: all that depends on it is stopped", what);
    if (stop) diag_note(d, span_of_node(c->L, stop), "it is stopped here");
    diag_hint(d, "an update moves the players that it names and holds all others, so that nothing needs a stop for their sake");
}

/* Which side of 0 T is, by which a stabilised derivative is written, is nothing that the program compares. */
static void warn_cut(Ctx *c, const Behind *g, const IrVal *term, const char *what, Span at)
{
    const IrNode *cut = cut_behind(g, term);
    if (cut && cut->why == IR_WHY_STABILISED) return;
    Diag *d = diag_warning(c->L->diags, at, W303, "a term of this depends on %s, and no derivative by it comes through", what);
    if (cut) diag_note(d, span_of_node(c->L, cut), "its path is cut here: %s has no derivative", word_of_node(c->L, cut));
    diag_hint(d, "stop(...) around the term says that this is meant");
}

/* Operands of a row that adds up: where the terms of its result are. 0: the result is a term itself. */
static int summands(const Behind *g, const IrNode *n, IrVal **out)
{
    bool a = n->n_args > 0 && g->is[behind(g, n->arg[0])->id] & DEPENDS, b = n->n_args > 1 && g->is[behind(g, n->arg[1])->id] & DEPENDS;
    switch (n->op) {
    case IR_add: case IR_sub: return out[0] = n->arg[0], out[1] = n->arg[1], 2;
    case IR_neg: case IR_sum: case IR_spread: case IR_reshape: case IR_broadcast: return out[0] = n->arg[0], 1;
    case IR_convert: return ir_is_real(n->arg[0]->type.elem) ? out[0] = n->arg[0], 1 : 0;
    case IR_mul: return a != b ? out[0] = n->arg[a ? 0 : 1], 1 : 0;
    case IR_div: return a && !b ? out[0] = n->arg[0], 1 : 0;
    default: return 0;
    }
}

static void look_at_terms(Ctx *c, Behind *g, const IrVal *y, const char *what, Span at)
{
    ARRAY(const IrVal *) stack = {0};
    array_push(g->a, &stack, y);
    while (stack.n) {
        const IrVal *v = behind(g, stack.v[--stack.n]);
        IrVal *part[2];
        uint8_t is = g->is[v->id];
        if (is & SEEN || !(is & DEPENDS)) continue;
        g->is[v->id] |= SEEN;
        int n = v->def ? summands(g, v->def, part) : 0;
        for (int i = 0; i < n; i++) array_push(g->a, &stack, part[i]);
        if (!n && is & CUT && !(is & OPEN)) warn_cut(c, g, v, what, at);
    }
}

/* ---- what loops carry
 *
 * In a body of a loop that runs, what it carries is a parameter of the body, on which a derivative in it does not go on: what it depends on lies
 * before the loop and in the rounds before. Where there is anything to go on to, the loop has to be unrolled (loop.c). */

static bool follow(Ctx *c, const Carried *k, const char *what, Span at)
{
    Fn *f = c->L->fn;
    if (!k->n) return true;                                 /* the body is never run */
    if (!f->unroll.body) f->unroll = (Unroll){k->param->param_of, *k, what, at, false};
    return false;
}

/* Was v made within the body that has this parameter, and so in this very round? */
static bool within(const Fn *f, const IrVal *v, const IrVal *param)
{
    const IrBlock *block = v->def ? v->def->block : v->param_of;
    bool in = false, found = false;
    for (int i = 0; i < f->carried.n && !found; i++) {
        const IrBlock *body = f->carried.v[i].param->param_of;
        in |= body == param->param_of;
        found = in && body == block;
    }
    return found;
}

static void ask_later(Ctx *c, const Carried *k, IrVal *const *wrt, int n, const char *what, Span at)
{
    Lower *L = c->L;
    CarriedAsk ask = {k->param, arena_array(L->a, IrVal *, n + 1), 0, NULL, what, at};
    IrVal **here = arena_array(L->a, IrVal *, n + 1);
    int n_here = 0;
    for (int i = 0; i < n; i++) {
        if (!within(L->fn, wrt[i], k->param)) ask.wrt[ask.n++] = wrt[i];
        else if (version_of(L, wrt[i])) here[n_here++] = wrt[i];
    }
    if (ask.n) array_push(L->a, &L->fn->carried_asks, ask);
    if (!n_here) return;
    By *by = arena_new_of(L->a, By);
    *by = by_values(L, here, n_here, NULL, 0);
    by->ahead = true;
    array_push(L->a, &L->fn->carried_asks, ((CarriedAsk){k->param, NULL, 0, by, what, at}));
}

/* False where the derivative of y would go on from a carried value; what cannot be told yet is asked for. onward: it does go on, where slopes are carried. */
static bool goes_on(Ctx *c, Behind *g, const IrVal *y, IrVal *const *wrt, int n, bool onward, const char *what, Span at)
{
    const Fn *f = c->L->fn;
    mark_taken(g, y);
    for (int i = 0; i < f->carried.n; i++) {
        const Carried *k = &f->carried.v[i];
        if (!(g->is[k->param->id] & TAKEN) || (onward && k->slopes)) continue;
        if (g->is[behind(g, k->init)->id] & OPEN) return follow(c, k, what, at);
        ask_later(c, k, wrt, n, what, at);
    }
    return true;
}

static bool carried_fine(Ctx *c, Behind *g, const IrVal *y, IrVal *const *wrt, int n, bool onward, const char *what, Span at)
{
    const Fn *f = c->L->fn;
    if (!f->carried.n) return true;
    int asks = f->carried_asks.n;
    if (!goes_on(c, g, y, wrt, n, onward, what, at)) return false;
    while (asks < f->carried_asks.n && f->carried_asks.v[asks].by) asks++;
    bool none = !(g->is[behind(g, y)->id] & (DEPENDS | OPEN | STOPPED));
    return none && f->carried_asks.n > asks ? follow(c, fn_carried(f, f->carried_asks.v[asks].param), what, at) : true;
}

/* One that is made anew in each round may be computed from others, and from what loops around carry. */
static bool round_fine(Ctx *c, const CarriedAsk *ask, IrVal *next, const Carried *k)
{
    Lower *L = c->L;
    By by = ask->by ? *ask->by : by_values(L, ask->wrt, ask->n, NULL, 0);
    if (!time_check(c, &next, 1, &by, ask->at)) return false;
    Behind g = graph_of(c, next, true);
    mark(&g, ask->wrt, ask->n);
    bool open = g.is[behind(&g, next)->id] & OPEN;
    mark_taken(&g, next);
    for (int i = 0; i < L->fn->carried.n && !open; i++) {
        const Carried *other = &L->fn->carried.v[i];
        bool known = !(g.is[other->param->id] & TAKEN);
        for (int a = 0; a < L->fn->carried_asks.n && !known; a++) {
            const CarriedAsk *asked = &L->fn->carried_asks.v[a];
            known = asked->param == other->param && asked->wrt == ask->wrt && asked->by == ask->by;
        }
        if (!known) array_push(L->a, &L->fn->carried_asks, ((CarriedAsk){other->param, ask->wrt, ask->n, ask->by, ask->what, ask->at}));
    }
    arena_free(g.a);
    return open ? follow(c, k, ask->what, ask->at) : true;
}

bool paths_round(Ctx *c, const IrBlock *body, IrVal *const *next)
{
    Fn *f = c->L->fn;
    for (int i = 0; i < f->carried_asks.n; i++) {           /* it may grow on the way */
        CarriedAsk ask = f->carried_asks.v[i];
        if (ask.param->param_of == body && !round_fine(c, &ask, next[ask.param->index], fn_carried(f, ask.param))) return false;
    }
    return true;
}

bool paths_open(Ctx *c, const IrVal *y, IrVal *x, const char *what, Span at)
{
    if (!c->L->fn->carried.n) return true;
    Behind g = graph_of(c, y, true);
    mark(&g, &x, 1);
    bool ok = goes_on(c, &g, y, &x, 1, true, what, at);
    arena_free(g.a);
    return ok;
}

void paths_into(Ctx *c, const IrVal *y, const IrVal *x, PathsInto *to)
{
    const Fn *f = c->L->fn;
    *to = (PathsInto){0};
    if (!f->carried.n) return;
    Behind g = graph_of(c, y, false);
    mark_taken(&g, y);
    for (int i = 0; i < f->carried.n; i++) {
        const Carried *k = &f->carried.v[i];
        if (k->slopes && g.is[k->param->id] & TAKEN && !within(f, x, k->param)) array_push(c->L->a, &to->carried, k->param);
    }
    for (int i = 0; i < f->carried_slopes.n; i++) {
        const CarriedSlope *s = &f->carried_slopes.v[i];
        if (s->param->id >= g.n_ids || !(g.is[s->param->id] & TAKEN) || within(f, x, s->of)) continue;
        array_push(c->L->a, &to->slopes, s->param);
        array_push(c->L->a, &to->slope_of, s->of);
    }
    arena_free(g.a);
}

bool paths_whole(Ctx *c, const IrVal *y, IrVal *const *wrt, int n, const char *what, Span at)
{
    Behind g = graph_of(c, y, false);
    mark(&g, wrt, n);
    mark_needed(&g, y);
    bool whole = !cut_by_draw(c, &g, what, at) && !cut_on_the_way(c, &g, what, at);
    arena_free(g.a);
    return whole;
}

static uint8_t paths_of(const Behind *g, const IrVal *y) { return g->is[behind(g, y)->id] & (CUT | OPEN | STOPPED); }

PathsFound paths_check(Ctx *c, IrVal *e, IrVal *const *wrt, int n, bool onward, const IrNode **cut, const char *what, Span at)
{
    Behind g = graph_of(c, e, true);
    mark(&g, wrt, n);
    mark_needed(&g, e);
    PathsFound found = g.is[behind(&g, e)->id] & (DEPENDS | OPEN | STOPPED) ? PATHS_FINE : PATHS_NONE;
    if (cut_by_draw(c, &g, what, at) || cut_on_the_way(c, &g, what, at) || !carried_fine(c, &g, e, wrt, n, onward, what, at)) found = PATHS_FAILED;
    else if (cut && paths_of(&g, e) == CUT && (*cut = cut_behind(&g, behind(&g, e)))) found = PATHS_CUT;
    else if (cut && paths_of(&g, e) == STOPPED) warn_stopped(c, &g, behind(&g, e), what, at);
    else look_at_terms(c, &g, e, what, at);
    arena_free(g.a);
    return found;
}

/* ---- one for each sample of more axes */

static bool on_path(const Behind *g, const IrNode *n)
{
    bool open = false;
    for (int r = 0; r < n->n_results; r++) open |= (g->is[n->result[r].id] & (OPEN | NEEDED)) == (OPEN | NEEDED);
    return open && of_args(g, n) & OPEN;
}

/* Would the row mix the samples of these axes, if its operands varied over them? */
static bool mixes(const IrNode *n, IrAxes axes)
{
    for (int k = 0; k < axes.n; k++) {
        int id = axes.id[k];
        if ((n->attr->axis == id && n->op != IR_as_sample) || (n->op != IR_spread && ir_axes_has(n->attr->over, id))) return true;
        for (int i = 0; n->attr->pair_over && i < n->n_args / 2; i++)
            if (ir_axes_has(n->attr->pair_over[i], id)) return true;
    }
    return false;
}

/* Rows that became the samples of an axis, of a tensor that now varies over it: each sample has its own row of its own tensor. */
static IrNode *own_row(IrBuilder *b, IrVal *t, int axis) { return ir_gather(b, t, ir_index_axis(b, axis), 0)->def; }

static IrNode *made_again(Ctx *c, const IrNode *n, IrVal **arg)
{
    IrAttrs at = *n->attr;
    IrBuilder *b = fn_builder(c);
    if (n->op == IR_spread) at.over = ir_axes_minus(at.over, arg[0]->type.axes);
    IrSpan before = b->span;
    b->span = n->span;
    bool rows = n->op == IR_as_sample && ir_axes_has(arg[0]->type.axes, n->attr->axis);
    IrNode *made = rows ? own_row(b, arg[0], n->attr->axis) : ir_node(b, n->op, arg, n->n_args, &at);
    b->span = before;
    return made;
}

static IrAxes axes_beyond(IrVal *const *arg, const IrNode *n)
{
    IrAxes more = ir_no_axes();
    for (int i = 0; i < n->n_args; i++) more = ir_axes_union(more, ir_axes_minus(arg[i]->type.axes, n->arg[i]->type.axes));
    return more;
}

static bool remake(Ctx *c, const IrNode *n, IrVal **arg, IrAxes axes, Span at, IrVal **result);

static void same_row(IrBuilder *b, const IrNode *n, IrVal **arg, IrVal **result)
{
    IrSpan before = b->span;
    IrBlock *body = n->n_bodies ? ir_copy_block(b->m, n->body[0]) : NULL;
    b->span = n->span;
    IrNode *same = body ? ir_scan_node(b, n->attr->n, n->attr->carried, n->attr->stacked, n->attr->until, arg, n->n_args, body) : ir_like(b, n, arg);
    b->span = before;
    for (int r = 0; r < n->n_results; r++) result[r] = &same->result[r];
}

/* The rows of a body, of parameters that vary over more axes. */
static bool rows_again(Ctx *c, const IrBlock *body, IrVal **now, IrAxes axes, Span at)
{
    IrBuilder *b = fn_builder(c);
    bool ok = true;
    for (const IrNode *n = body->first; n && ok; n = n->next) {
        IrVal **arg = arena_array(c->L->a, IrVal *, n->n_args + 1), **result = arena_array(c->L->a, IrVal *, n->n_results + 1);
        for (int i = 0; i < n->n_args; i++) arg[i] = now[n->arg[i]->id];
        if (axes_beyond(arg, n).n) ok = remake(c, n, arg, axes, at, result);
        else same_row(b, n, arg, result);
        for (int r = 0; r < n->n_results && ok; r++) now[n->result[r].id] = result[r];
    }
    return ok;
}

/* A loop that is given its draws, which stay those of the loop as it was; arg: its operands, in which the draws stand behind what is stacked. */
static const IrNode *without_draws(Ctx *c, const IrNode *n, IrVal ***arg, Arena *scratch)
{
    const IrNode *plain = scan_draws(n) ? plain_scan(fn_builder(c), scratch, n) : n;
    int before = n->attr->carried + n->attr->stacked, drawn = plain->n_args - n->n_args;
    IrVal **all = arena_array(scratch, IrVal *, plain->n_args + 1);
    for (int i = 0; i < plain->n_args; i++) all[i] = i < before ? (*arg)[i] : i < before + drawn ? plain->arg[i] : (*arg)[i - drawn];
    *arg = all;
    return plain;
}

/* A loop, as each sample of these axes goes through it: all that it carries and puts out varies over them. */
static bool scan_again(Ctx *c, const IrNode *n, IrVal **arg, IrAxes axes, Span at, IrVal **result)
{
    Lower *L = c->L;
    IrBuilder *b = fn_builder(c);
    IrBlock *outside = b->block, *body = ir_block(L->m);
    Arena *scratch = arena_new();
    n = without_draws(c, n, &arg, scratch);
    const IrBlock *was = n->body[0];
    IrAxes more = axes_beyond(arg, n);
    IrVal **now = arena_array(scratch, IrVal *, L->m->next_id + 1), **yield = arena_array(scratch, IrVal *, was->n_yields + 1);
    for (int i = 0; i < n->n_args; i++) {
        if (i < n->attr->carried) arg[i] = ir_spread(b, arg[i], ir_axes_minus(ir_axes_union(n->arg[i]->type.axes, more), arg[i]->type.axes));
        IrType t = was->param[i]->type;
        t.axes = arg[i]->type.axes;
        now[was->param[i]->id] = ir_block_param(L->m, body, t);
    }
    b->block = body;
    bool ok = rows_again(c, was, now, axes, at);
    for (int i = 0; i < was->n_yields && ok; i++) {
        IrVal *v = now[was->yield[i]->id];
        yield[i] = ir_spread(b, v, ir_axes_minus(ir_axes_union(was->yield[i]->type.axes, more), v->type.axes));
    }
    b->block = outside;
    if (ok) ir_block_yield(L->m, body, yield, was->n_yields);
    IrNode *made = ok ? ir_scan_node(b, n->attr->n, n->attr->carried, n->attr->stacked, n->attr->until, arg, n->n_args, body) : NULL;
    for (int r = 0; r < n->n_results && ok; r++) result[r] = &made->result[r];
    arena_free(scratch);
    return ok;
}

/* The results of the same row, of operands that vary over more axes. False, reported, where it mixes their samples. */
static bool remake(Ctx *c, const IrNode *n, IrVal **arg, IrAxes axes, Span at, IrVal **result)
{
    if (mixes(n, axes)) {
        Diag *d = diag_error(c->L->diags, at, E305, "this gradient is not one example's: samples meet on the way");
        diag_note(d, span_of_node(c->L, n), "they meet here");
        return false;
    }
    if (n->op == IR_scan) return scan_again(c, n, arg, axes, at, result);
    if (n->n_bodies) BUG("paths: %s in a graph that is lowered", ir_op_info[n->op].name);
    bool none = n->op == IR_spread && ir_axes_within(n->attr->over, arg[0]->type.axes);
    IrNode *made = none ? NULL : made_again(c, n, arg);
    for (int r = 0; r < n->n_results; r++) result[r] = none ? arg[0] : &made->result[r];
    return true;
}

static bool make_again(Ctx *c, const Behind *g, const IrNode *n, IrVal **now, IrAxes axes, Span at, PathsAgain *again)
{
    IrVal **arg = arena_array(g->a, IrVal *, n->n_args + 1), **result = arena_array(g->a, IrVal *, n->n_results + 1);
    for (int i = 0; i < n->n_args; i++) arg[i] = now[n->arg[i]->id] ? now[n->arg[i]->id] : n->arg[i];
    if (!remake(c, n, arg, axes, at, result)) return false;
    for (int r = 0; r < n->n_results; r++) {
        if (n->n_bodies && !(g->is[n->result[r].id] & OPEN)) continue;
        now[n->result[r].id] = result[r];
        if (result[r] != arg[0]) array_push(c->L->a, &again->v, ((__typeof__(*again->v.v)){result[r], (IrVal *)&n->result[r]}));
    }
    return true;
}

static IrAxes spread_roots(Ctx *c, IrAxes over, IrVal *const *wrt, int n, IrVal **fresh)
{
    IrAxes all = ir_no_axes();
    for (int i = 0; i < n; i++) {
        IrAxes more = ir_axes_minus(over, wrt[i]->type.axes);
        fresh[i] = more.n ? ir_spread(fn_builder(c), wrt[i], more) : wrt[i];
        all = ir_axes_union(all, more);
    }
    return all;
}

/* Is an operand made again, or spread? */
static bool moved(const IrNode *n, IrVal *const *now)
{
    for (int i = 0; i < operands(n); i++)
        if (now[n->arg[i]->id] && now[n->arg[i]->id] != n->arg[i]) return true;
    return false;
}

/* What is differentiated by may be computed from another one of them: the derivative by that one goes through it. */
static void root_again(Ctx *c, IrAxes over, IrVal *const *wrt, int n, IrVal **now, IrVal **fresh, const IrNode *node)
{
    for (int i = 0; i < n; i++) {
        IrVal *made = now[wrt[i]->id];
        if (wrt[i]->def != node || made == fresh[i]) continue;
        now[wrt[i]->id] = fresh[i] = ir_spread(fn_builder(c), made, ir_axes_minus(over, made->type.axes));
    }
}

IrVal *paths_over(Ctx *c, IrVal *y, IrVal *const *wrt, int n, IrAxes over, IrVal **fresh, PathsAgain *again, Span at)
{
    Behind g = graph_of(c, y, false);
    mark(&g, wrt, n);
    mark_needed(&g, y);
    IrVal **now = arena_array(g.a, IrVal *, g.n_ids + 1);
    IrAxes more = spread_roots(c, over, wrt, n, fresh);
    for (int i = 0; i < n; i++) now[wrt[i]->id] = fresh[i];
    bool ok = true;
    for (int k = 0; k < g.order.n && ok && more.n; k++) {
        const IrNode *node = g.order.v[k];
        if (!on_path(&g, node) || !moved(node, now)) continue;
        ok = make_again(c, &g, node, now, more, at, again);
        if (ok) root_again(c, over, wrt, n, now, fresh, node);
    }
    IrVal *out = !ok ? NULL : now[y->id] ? now[y->id] : y;
    arena_free(g.a);
    return out;
}

IrVal *paths_spread(Ctx *c, IrVal *y, IrVal *const *wrt, int n, IrVal **fresh, PathsAgain *again, Span at)
{
    return paths_over(c, y, wrt, n, y->type.axes, fresh, again, at);
}

/* ---- and back */

typedef struct Originals { IrBuilder b; const PathsAgain *again; uint32_t first, n; int *at; IrVal **known; } Originals;

/* What v was made of again, once for all its users: the same number for each sample of the axes that v has more. */
static IrVal *original(Originals *o, IrVal *v)
{
    int k = v->id >= o->first && v->id - o->first < o->n ? o->at[v->id - o->first] : 0;
    if (!k--) return v;
    if (o->known[k]) return o->known[k];
    IrVal *was = o->again->v.v[k].was;
    o->b.before = v->def;
    return o->known[k] = ir_spread(&o->b, was, ir_axes_minus(v->type.axes, was->type.axes));
}

void paths_back(Ctx *c, const PathsAgain *again, IrVal **g, int n)
{
    if (!again->v.n) return;
    Arena *scratch = arena_new();
    IrVal *first = again->v.v[0].made;
    Originals o = {.b = *fn_builder(c), .again = again, .first = first->id, .n = c->L->m->next_id - first->id};
    o.at = arena_array(scratch, int, o.n + 1);
    o.known = arena_array(scratch, IrVal *, again->v.n);
    for (int k = 0; k < again->v.n; k++) o.at[again->v.v[k].made->id - o.first] = k + 1;
    for (IrNode *user = first->def; user; user = user->next)
        for (int i = 0; i < user->n_args; i++) user->arg[i] = original(&o, user->arg[i]);
    for (int i = 0; i < n; i++)
        if (g[i]) g[i] = original(&o, g[i]);
    arena_free(scratch);
}
