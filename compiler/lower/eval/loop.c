/* loop.c - map, tabulate, fold, scan. The first two open an axis for the rows and close it again; the others are real loops of
 * the IR, whose body is evaluated once. */
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/eval/paths.h"
#include "compiler/lower/eval/pending.h"
#include "compiler/lower/eval/rounds.h"
#include "compiler/lower/eval/watch.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"

/* ---- map, tabulate */

static bool new_axis(Ctx *c, const char *name, int64_t n, Span at, int *axis)
{
    if (c->axes.n + 1 >= IR_MAX_AXES) return too_many_axes(c, at), false;
    *axis = ir_axis(c->L->m, name, n);
    return axes_fit(c, ir_axes_add(c->axes, *axis), at);
}

Value *eval_map(Ctx *c, Value *f, Value **v, int n, const void *site, Span at)
{
    int64_t rows;
    int axis;
    Args args = {0};
    for (int i = 0; i < n; i++) {
        v[i] = as_settled(c, v[i], at);
        if (v[i]->kind == V_LIST) v[i] = arith_stacked(c, v[i], at);
        if (val_bad(v[i])) return val_error(c->L);
    }
    if (n < 1 || n > MAX_ARGS || !as_rows(c, v[0], at, "map goes through rows", &rows) || !new_axis(c, "row", rows, at, &axis))
        return val_error(c->L);
    Ctx inner = *c;
    inner.axes = ir_axes_add(c->axes, axis);
    for (int i = 0; i < n; i++) {
        args.v[i] = sample_rows(&inner, v[i], axis, at);
        args.at[i] = at;
        if (val_bad(args.v[i])) return val_error(c->L);
    }
    args.n = n;
    Value *out = as_settled(&inner, apply(&inner, f, &args, site, at), at);
    return val_bad(out) ? out : sample_stack(c, out, ir_one_axis(axis), at);
}

Value *eval_tabulate(Ctx *c, Value *f, int64_t n, const void *site, Span at)
{
    int axis;
    if (!fn_needed(c, at) || !new_axis(c, "index", n, at, &axis)) return val_error(c->L);
    Ctx inner = *c;
    inner.axes = ir_axes_add(c->axes, axis);
    Value *i = val_tensor(c->L, ir_index_axis(fn_builder(c), axis));
    i->tensor.classes = n;
    Value *out = as_settled(&inner, apply1(&inner, f, i, site, at), at);
    return val_bad(out) ? out : sample_stack(c, out, ir_one_axis(axis), at);
}

/* ---- fold, scan */

enum { MAX_CARRIED = 64, MAX_ASSIGNS = 64, MAX_LATE = 64 };                   /* tensors that a loop carries, states that its body assigns, requirements that their sums bring */

typedef struct Loop {
    Value   *shape;                                         /* a value of the carried form, for its fields */
    IrVal   *init[MAX_CARRIED + 1];
    int      n_state, n_carried, until;                     /* carried: the state's tensors, then the flags of `until` */
    int      apart;                                         /* the flag of each sample, where `until` is the one of all together; -1: there is one flag */
    int      assigns, moves, watched;                       /* of Fn.loop_assigns, Fn.ahead_moves and Fn.watched, those from there on are made in the body */
    int      watched_at;                                    /* the body's outputs from there on are of what is watched */
    int64_t  n;
    Value   *f, *stop_when;
    bool     scan, alone, slopes;                           /* alone: f takes neither the state nor the round; slopes: derivatives in the body go on in the rounds before, and are carried along (rounds.c) */
    int      n_slopes;                                      /* of Fn.carried_slopes, those of its body */
    const void *site;
    Span     at;
    IrBlock *body;
    Value   *result;                                        /* of one round, in terms of the body */
} Loop;

static bool flatten(Ctx *c, Value *v, Span at, IrVal **out, int *n)
{
    if (v->kind == V_RECORD) {
        for (int i = 0; i < v->record.n; i++)
            if (!flatten(c, v->record.v[i], at, out, n)) return false;
        return true;
    }
    if (*n == MAX_CARRIED - 1) return too_many(c, at, "a loop that carries so many tensors", MAX_CARRIED - 1), false;
    IrVal *t = as_tensor(c, v, at);
    return t ? out[(*n)++] = t, true : false;
}

static Value *unflatten(Ctx *c, Value *shape, IrVal **v, int *i)
{
    if (shape->kind != V_RECORD) return val_tensor(c->L, v[(*i)++]);
    Value **f = arena_array(c->L->a, Value *, shape->record.n + 1);
    for (int k = 0; k < shape->record.n; k++) f[k] = unflatten(c, shape->record.v[k], v, i);
    return val_record_like(c->L, shape, f);
}

/* Whose a carried record is: that of the first value and of what a round makes of it. */
static Value *owned_by_both(Lower *L, Value *v, const Value *a, const Value *b)
{
    if (v->kind != V_RECORD) return v;
    for (int i = 0; i < v->record.n; i++) v->record.v[i] = owned_by_both(L, v->record.v[i], a->record.v[i], b->record.v[i]);
    return val_record_of_both(L, v, a, b);
}

/* Values of outside that the body uses become its parameters, and operands of the scan: every block is closed. */
typedef struct Capture {
    ARRAY(IrVal *) outer;
    ARRAY(IrVal *) inner;
} Capture;

static bool inside(const IrVal *v, const IrBlock *b) { return v->def ? v->def->block == b : v->param_of == b; }

static IrVal *captured(Ctx *c, Capture *k, IrBlock *body, IrVal *v)
{
    if (inside(v, body)) return v;
    for (int i = 0; i < k->outer.n; i++)
        if (k->outer.v[i] == v) return k->inner.v[i];
    IrVal *p = ir_block_param(c->L->m, body, v->type);
    array_push(c->L->a, &k->outer, v);
    array_push(c->L->a, &k->inner, p);
    return p;
}

/* What nobody uses, as what was differentiated only: a loop is computed from what its values are computed from. */
static void drop_unused(Ctx *c, IrBlock *body)
{
    Arena *scratch = arena_new();
    bool *used = arena_array(scratch, bool, c->L->m->next_id + 1);
    for (int i = 0; i < body->n_yields; i++) used[body->yield[i]->id] = true;
    for (IrNode *n = body->last, *before; n; n = before) {
        bool keep = ir_op_info[n->op].flags & IR_EFFECT;
        before = n->prev;
        for (int r = 0; r < n->n_results; r++) keep |= used[n->result[r].id];
        for (int i = 0; keep && i < n->n_args; i++) used[n->arg[i]->id] = true;
        if (!keep) ir_remove(n);
    }
    arena_free(scratch);
}

static void capture_free(Ctx *c, Capture *k, IrBlock *body)
{
    for (IrNode *n = body->first; n; n = n->next)
        for (int i = 0; i < n->n_args; i++) n->arg[i] = captured(c, k, body, n->arg[i]);
    for (int i = 0; i < body->n_yields; i++) body->yield[i] = captured(c, k, body, body->yield[i]);
}

/* A function of the value alone, or of the value and the round. */
static bool takes_value_alone(const Value *f)
{
    if (f->kind == V_LAYER || f->kind == V_PLAYER) return call_params(f).n == 1;
    if (f->kind != V_FUNCTION) return false;
    switch (f->fn.kind) {
    case F_CLOSURE: case F_OF_EACH: return call_params(f).n == 1;
    case F_BUILTIN: return builtin_most(f->fn.builtin) == 1;
    case F_PARTIAL: case F_PRIME: return true;
    }
    return false;
}

static Value *one_round(Ctx *c, Loop *l, IrVal **param)
{
    Lower *L = c->L;
    int k = 0;
    Value *state = unflatten(c, l->shape, param, &k);
    Ctx inner = *c;
    inner.axes = ir_axes_union(c->axes, val_axes(L, state));
    Args args = {.n = 2, .v = {state, val_tensor(L, param[l->n_carried])}, .at = {l->at, l->at}};
    if (takes_value_alone(l->f)) args.n = 1;
    if (l->alone) args.n = 0;
    return as_settled(&inner, apply(&inner, l->f, &args, l->site, l->at), l->at);
}

/* until: fn(s) cond, of a state: one bool for each sample. Asked before the rounds and in each, it is one application, beside that of the round. */
static IrVal *ended(Ctx *c, Loop *l, Value *state)
{
    const void *site = (const char *)l->site + 1;
    Value *v = as_settled(c, apply1(c, l->stop_when, state, site, l->at), l->at);
    IrVal *t = val_bad(v) ? NULL : as_tensor(c, v, l->at);
    if (!t || (t->type.elem == IR_BOOL && !t->type.rank)) return t;
    diag_error(c->L->diags, l->at, E201, "until takes a function that says true or false, and this one gives %s",
               type_text(c->L, &t->type));
    return NULL;
}

/* ---- samples that end by themselves, in a loop that changes a state
 *
 * What a round makes of a state is one value, and the round is done as long as a sample goes on. So there the flag of `until` is one for all samples, and
 * those that have ended before are kept as they are by the body itself. */

/* Its slopes stand behind the values that it carries. */
static int all_carried(const Loop *l) { return l->n_carried + l->n_slopes; }

static const CarriedSlope *own_slope(const Ctx *c, const Loop *l, int i)
{
    const Fn *f = c->L->fn;
    for (int k = 0; k < f->carried_slopes.n; k++)
        if (f->carried_slopes.v[k].of->param_of == l->body && !i--) return &f->carried_slopes.v[k];
    BUG("loop: a slope that it does not carry");
}

static int count_slopes(const Ctx *c, const Loop *l)
{
    const Fn *f = c->L->fn;
    int n = 0;
    for (int k = 0; k < f->carried_slopes.n; k++) n += f->carried_slopes.v[k].of->param_of == l->body;
    return n;
}

/* The body is finished, or will be built anew. */
static void drop_slopes(Fn *f, const IrBlock *body)
{
    int n = 0;
    for (int k = 0; k < f->carried_slopes.n; k++)
        if (f->carried_slopes.v[k].of->param_of != body) f->carried_slopes.v[n++] = f->carried_slopes.v[k];
    f->carried_slopes.n = n;
}

static int flag_of(const Loop *l) { return l->apart >= 0 ? l->apart : l->until; }
static int n_apart(const Loop *l) { return l->apart >= 0 ? l->apart + 1 : l->n_carried; }      /* carried values that may vary over samples */

static IrVal *for_all(IrBuilder *b, IrVal *flag)
{
    IrVal *going_on = ir_sum_over(b, ir_convert(b, ir_not(b, flag), IR_I64), flag->type.axes);
    return ir_compare(b, IR_EQ, going_on, ir_const_like(b, going_on, 0));
}

static bool ends_apart(Ctx *c, const Loop *l)
{
    return l->until >= 0 && l->apart < 0 && c->L->fn->loop_assigns.n > l->assigns && l->init[l->until]->type.axes.n;
}

static void end_together(Ctx *c, Loop *l)
{
    l->apart = l->until;
    l->until = l->n_carried;
    l->init[l->n_carried++] = for_all(fn_builder(c), l->init[l->apart]);
}

/* `yield` has the outputs, too. */
static void keep_ended(Ctx *c, const Loop *l, IrVal **next, IrVal **yield)
{
    IrBuilder *b = fn_builder(c);
    if (l->apart < 0) return;
    IrVal *ended = l->body->param[l->apart];
    for (int i = 0; i <= l->apart; i++) {
        if (i < l->n_state) yield[all_carried(l) + i] = ir_select(b, ended, ir_const_like(b, next[i], 0), next[i]);
        yield[i] = next[i] = ir_select(b, ended, l->body->param[i], next[i]);
    }
    yield[l->until] = next[l->until] = for_all(b, next[l->apart]);
    for (int i = 0; i < l->n_slopes; i++) {
        const CarriedSlope *s = own_slope(c, l, i);
        yield[l->n_carried + i] = ir_select(b, ended, s->param, s->next);
    }
}

/* A round's value in the form of what is carried. */
static Value *round_result(Ctx *c, Loop *l, IrVal **param)
{
    Lower *L = c->L;
    Value *made = one_round(c, l, param), *result = val_in_form(L, l->shape, made);
    if (result) return result;
    Diag *d = diag_error(L->diags, l->at, E200, "the loop carries %s, and a round gives %s", val_text(L, l->shape), val_text(L, made));
    diag_hint(d, "a round gives back the fields that the loop begins with, in any order");
    return val_error(L);
}

/* The tensors of the round's value, and whether it has ended. False after an error. */
static bool round_next(Ctx *c, Loop *l, IrVal **next)
{
    int n = 0;
    bool ok = flatten(c, l->result, l->at, next, &n);
    if (ok && l->stop_when) ok = (next[n++] = ended(c, l, l->result)) != NULL;
    if (!ok || n == n_apart(l)) return ok;
    diag_error(c->L->diags, l->at, E200, "the loop carries %s, and a round gives %s", val_text(c->L, l->shape), val_text(c->L, l->result));
    return false;
}

/* The body with parameters of the types that init has now. False after an error. */
static bool build_body(Ctx *c, Loop *l)
{
    Lower *L = c->L;
    Fn *f = L->fn;
    IrVal *param[MAX_CARRIED + 2];
    IrBlock *before = f->b.block;
    l->body = ir_block(L->m);
    for (int i = 0; i < l->n_carried; i++) param[i] = ir_block_param(L->m, l->body, l->init[i]->type);
    for (int i = 0; i < l->n_carried; i++) array_push(L->a, &f->carried, ((Carried){param[i], l->init[i], l->at, l->n, before, l->slopes}));
    param[l->n_carried] = ir_block_param(L->m, l->body, ir_scalar(IR_I32));
    f->b.block = l->body;
    array_push(L->a, &f->loops, ((__typeof__(*f->loops.v)){param[l->n_carried], l->n}));
    l->result = round_result(c, l, param);
    f->loops.n--;
    f->b.block = before;
    return !val_bad(l->result);
}

/* init made to have what the body gives back: axes and elements may grow, shapes only from one number. */
static bool widen(Ctx *c, Loop *l, IrVal *const *next, bool *changed)
{
    IrBuilder *b = fn_builder(c);
    int ends = flag_of(l);
    for (int i = 0; i < n_apart(l); i++) {
        IrType *t = &l->init[i]->type;
        const IrType *u = &next[i]->type;
        IrAxes want = ends >= 0 ? ir_axes_union(u->axes, next[ends]->type.axes) : u->axes;      /* a sample ends by itself */
        IrAxes more = ir_axes_minus(want, t->axes);
        bool wider = t->elem == IR_I32 && u->elem == IR_I64;
        bool elem = wider || (t->elem != u->elem && ir_is_real(u->elem) && !ir_is_real(t->elem) && t->elem != IR_BOOL);
        bool fill = !t->rank && u->rank;
        bool other = (t->elem == IR_BOOL) != (u->elem == IR_BOOL);
        if (other || (!ir_dims_equal(t, u) && !fill)) {
            diag_error(c->L->diags, l->at, E200, "the loop starts with %s, and a round makes %s of it",
                       type_text(c->L, t), type_text(c->L, u));
            return false;
        }
        if (more.n || elem || fill) *changed = true;
        if (elem) l->init[i] = ir_convert(b, l->init[i], u->elem);
        if (fill) l->init[i] = ir_fill(b, l->init[i], ir_dims_of(u));
        l->init[i] = ir_spread(b, l->init[i], more);
    }
    return true;
}

/* A round's value with exactly the carried types. */
static bool settle_yield(Ctx *c, Loop *l, IrVal **next)
{
    for (int i = 0; i < n_apart(l); i++) {
        const IrType *t = &l->init[i]->type;
        next[i] = ir_convert(fn_builder(c), next[i], t->elem);
        if (t->rank && !next[i]->type.rank) next[i] = ir_fill(fn_builder(c), next[i], ir_dims_of(t));
        next[i] = ir_spread(fn_builder(c), next[i], ir_axes_minus(t->axes, next[i]->type.axes));
        if (!ir_type_equal(&next[i]->type, t)) {
            diag_error(c->L->diags, l->at, E200, "the loop carries %s, and a round makes %s of it", type_text(c->L, t),
                       type_text(c->L, &next[i]->type));
            return false;
        }
    }
    return true;
}

/* Is it known only while the loop runs how often an element is assigned? */
static bool counts(const Loop *l, const LoopAssign *a) { return l->until >= 0 || a->picked || a->count; }

/* What rounds assign to states is put out by each round: the values, and where not all rounds assign all elements, how often. Rounds that are not
 * done put out 0. */
static bool yield_assigns(Ctx *c, const Loop *l, IrVal **yield, int *n)
{
    Fn *f = c->L->fn;
    IrBuilder *b = &f->b;
    for (int i = l->assigns; i < f->loop_assigns.n; i++) {
        const LoopAssign *a = &f->loop_assigns.v[i];
        if (i - l->assigns == MAX_ASSIGNS) return too_many(c, a->assign->span, "so many states that change inside a loop that runs", MAX_ASSIGNS), false;
        yield[(*n)++] = pending_sum_of(b, a->v, a->picked);
        if (counts(l, a)) yield[(*n)++] = pending_count_of(b, a->v, a->picked, a->times, a->count);
    }
    return true;
}

static bool yield_round(Ctx *c, Loop *l, IrVal **next)
{
    Fn *f = c->L->fn;
    IrBlock *before = f->b.block;
    f->b.block = l->body;
    bool ok = settle_yield(c, l, next) && rounds_end(c, l->body, next);
    l->n_slopes = count_slopes(c, l);
    int room = f->watched.n - l->watched + MAX_LATE;
    IrVal **yield = arena_array(c->L->a, IrVal *, 2 * MAX_CARRIED + 2 * MAX_ASSIGNS + room + l->n_slopes);
    for (int i = 0; i < n_apart(l); i++) yield[i] = yield[all_carried(l) + i] = next[i];
    for (int i = 0; i < l->n_slopes; i++) yield[l->n_carried + i] = own_slope(c, l, i)->next;
    if (ok) keep_ended(c, l, next, yield);
    int n = l->scan ? all_carried(l) + l->n_state : all_carried(l);
    ok = ok && pending_round(c, l->body, l->moves, l->assigns) && yield_assigns(c, l, yield, &n);
    l->watched_at = n;
    if (ok) n += watch_yield(c, l->watched, l->apart >= 0 ? l->body->param[l->apart] : NULL, yield + n, room);
    f->b.block = before;
    if (ok) ir_block_yield(c->L->m, l->body, yield, n);
    return ok;
}

static bool too_often(Ctx *c, const Loop *l, const LoopAssign *a, int64_t *times)
{
    bool fits = !__builtin_mul_overflow(l->n, a->times ? a->times : 1, times) && *times <= (int64_t)1 << 53;
    if (!fits) diag_error(c->L->diags, a->assign->span, E107, "a state that changes so often: loops of more than 2^53 rounds");
    return !fits;
}

/* They wait behind the loop, as the mean over its rounds. */
static void assigns_wait(Ctx *c, const Loop *l, const IrNode *loop)
{
    Fn *f = c->L->fn;
    IrBuilder *b = &f->b;
    IrInts rounds = ir_ints(1, (int64_t[]){0});
    int at = l->scan ? all_carried(l) + l->n_state : all_carried(l), made = f->loop_assigns.n;
    if (made == l->assigns) return;
    LoopAssign *a = arena_copy(c->L->a, f->loop_assigns.v + l->assigns, sizeof *a * (size_t)(made - l->assigns));
    f->loop_assigns.n = l->assigns;
    for (int i = l->assigns; i < made && l->n; i++, a++) {
        LoopAssign sum = *a;
        if (too_often(c, l, a, &sum.times)) return;
        sum.v = ir_sum(b, (IrVal *)&loop->result[at++], rounds);
        if (counts(l, a)) sum.count = ir_sum(b, (IrVal *)&loop->result[at++], rounds);
        pending_add_rounds(c, sum);
    }
}

/* The body takes what is carried first, and then the round. */
static void slopes_before_round(const Loop *l)
{
    IrVal **p = l->body->param, *round = p[l->n_carried];
    for (int i = l->n_carried; i < all_carried(l); i++) p[i] = p[i + 1], p[i]->index = i;
    p[all_carried(l)] = round;
    round->index = all_carried(l);
}

static Value *finish(Ctx *c, Loop *l)
{
    Lower *L = c->L;
    Capture k = {0};
    drop_unused(c, l->body);
    slopes_before_round(l);
    capture_free(c, &k, l->body);
    int carried = all_carried(l), n_args = carried + 1 + k.outer.n;
    IrVal **args = arena_array(L->a, IrVal *, n_args);
    for (int i = 0; i < l->n_carried; i++) args[i] = l->init[i];
    for (int i = 0; i < l->n_slopes; i++) args[l->n_carried + i] = own_slope(c, l, i)->init;
    args[carried] = ir_index_dim(fn_builder(c), ir_ints(1, &l->n), 0);
    for (int i = 0; i < k.outer.n; i++) args[carried + 1 + i] = k.outer.v[i];
    IrNode *n = ir_scan_node(fn_builder(c), l->n, carried, 1, l->until, args, n_args, l->body);
    IrVal *out[MAX_CARRIED];
    for (int i = 0; i < l->n_state; i++) out[i] = &n->result[l->scan ? carried + i : i];
    drop_slopes(L->fn, l->body);
    int i = 0, assigned = pending_count(L);
    assigns_wait(c, l, n);
    watch_rounds(c, l->watched, n, l->watched_at);
    return pending_result_of_loop(c, assigned, owned_by_both(L, unflatten(c, l->shape, out, &i), l->shape, l->result));
}

static Value *keeps_changing(Ctx *c, Span at)
{
    diag_error(c->L->diags, at, E200, "the value of this loop keeps changing its type from round to round");
    return val_error(c->L);
}

/* The loop, once its body and what it carries have the types of each other. */
static Value *looped(Ctx *c, Loop *l)
{
    Lower *L = c->L;
    Fn *fn = L->fn;
    Span at = l->at;
    ShuffleMark shuffles = fn_shuffles(L);
    int streams = fn->streams.n, carried = fn->carried.n, asks = fn->carried_asks.n, assigns = fn->loop_assigns.n, moves = fn->ahead_moves.n, watched = fn->watched.n;
    for (int attempt = 0; attempt < 5; attempt++) {         /* types grow a few times at most: elements, shapes, axes */
        IrVal *next[MAX_CARRIED + 1];
        bool changed = false;
        fn_forget_streams(L, streams);
        fn_shuffles_back(L, shuffles);
        fn->carried.n = carried;
        fn->carried_asks.n = asks;
        drop_slopes(fn, l->body);
        fn->loop_assigns.n = l->assigns = assigns;
        fn->ahead_moves.n = l->moves = moves;
        fn->watched.n = l->watched = watched;
        if (!build_body(c, l)) return val_error(L);
        IrBlock *before = fn->b.block;
        fn->b.block = l->body;
        bool ok = round_next(c, l, next);
        fn->b.block = before;
        if (!ok || fn->unroll.body || !widen(c, l, next, &changed)) return val_error(L);
        if (!changed && ends_apart(c, l)) end_together(c, l), changed = true;
        if (changed) continue;
        return yield_round(c, l, next) && paths_round(c, l->body, next) ? finish(c, l) : val_error(L);
    }
    return keeps_changing(c, at);
}

/* ---- where a derivative in the body goes on in the rounds before
 *
 * Its slopes are carried along (rounds.c), or it is unrolled: where it has few rounds, and where a derivative is of ever higher order. Each round is evaluated for itself, as if `for i in 0..n, s = .. { .. }` had been written, but that all rounds share what a layer in them owns. */

static void begin_unrolled(Loop *l)
{
    if (l->apart < 0) return;
    l->until = l->apart;
    l->apart = -1;
    l->n_carried--;
}

/* Samples that have ended stay what they are; what a round puts out is 0 for them. */
static void keep_unrolled(Ctx *c, const Loop *l, IrVal *const *now, IrVal **next, IrVal **out)
{
    IrBuilder *b = fn_builder(c);
    for (int i = 0; i < l->n_carried; i++) {
        IrVal *ends = l->until >= 0 ? now[l->until] : NULL;
        if (i < l->n_state) out[i] = ends ? ir_select(b, ends, ir_const_like(b, next[i], 0), next[i]) : next[i];
        if (ends) next[i] = ir_select(b, ends, now[i], next[i]);
    }
}

/* A round is done as long as a sample goes on: else it assigns nothing. */
static void assign_while_going(Ctx *c, const Loop *l, IrVal *const *now, int pendings, int assigns)
{
    if (l->until < 0 || (pending_count(c->L) == pendings && c->L->fn->loop_assigns.n == assigns)) return;
    pending_where(c, pendings, assigns, ir_not(fn_builder(c), for_all(fn_builder(c), now[l->until])));
}

/* out: what each round puts out. False after an error, and where types had to grow. */
static bool all_rounds(Ctx *c, Loop *l, IrVal **now, IrVal **out, bool *changed)
{
    Lower *L = c->L;
    ShuffleMark shuffles = fn_shuffles(L);
    for (int64_t t = 0; t < l->n; t++) {
        IrVal *next[MAX_CARRIED + 1];
        int pendings = pending_count(L), assigns = L->fn->loop_assigns.n;
        Ctx round = *c;
        Guard going = {l->until >= 0 ? now[l->until] : NULL, false, c->guards};
        if (l->until >= 0) round.guards = &going;
        now[l->n_carried] = ir_const_int(fn_builder(c), IR_I32, t);
        fn_round(L, shuffles, now[l->n_carried], l->n);
        l->result = round_result(&round, l, now);
        fn_round_end(L);
        if (val_bad(l->result) || !round_next(c, l, next) || L->fn->unroll.body || !widen(c, l, next, changed) || *changed || !settle_yield(c, l, next)) return false;
        assign_while_going(c, l, now, pendings, assigns);
        keep_unrolled(c, l, now, next, out + t * l->n_state);
        memcpy(now, next, sizeof *now * (size_t)l->n_carried);
        if (L->too_large) return false;
    }
    fn_rounds_end(L, shuffles);
    return true;
}

static bool stack_rounds(Ctx *c, const Loop *l, IrVal **out, IrVal **stacked)
{
    Value **v = arena_array(c->L->a, Value *, l->n);
    for (int i = 0; i < l->n_state; i++) {
        for (int64_t t = 0; t < l->n; t++) v[t] = val_tensor(c->L, out[t * l->n_state + i]);
        Value *all = arith_stack(c, v, (int)l->n, l->at);
        if (val_bad(all) || !(stacked[i] = as_tensor(c, all, l->at))) return false;
    }
    return true;
}

static Value *round_by_round(Ctx *c, Loop *l)
{
    Lower *L = c->L;
    ShuffleMark shuffles = fn_shuffles(L);
    int streams = L->fn->streams.n, k = 0;
    IrVal *now[MAX_CARRIED + 2], **out = arena_array(L->a, IrVal *, l->n_state * l->n + 1);
    bool changed = true;
    begin_unrolled(l);
    int assigns = L->fn->loop_assigns.n, moves = L->fn->ahead_moves.n, watched = L->fn->watched.n;
    PendingMark before = pending_mark(L);
    for (int attempt = 0; attempt < 5 && changed; attempt++) {
        changed = false;
        fn_forget_streams(L, streams);
        fn_shuffles_back(L, shuffles);
        pending_back(L, &before);
        L->fn->loop_assigns.n = assigns;
        L->fn->ahead_moves.n = moves;
        L->fn->watched.n = watched;
        memcpy(now, l->init, sizeof *now * (size_t)l->n_carried);
        if (!all_rounds(c, l, now, out, &changed) && !changed) return val_error(L);
    }
    if (changed) return keeps_changing(c, l->at);
    if (l->scan && !stack_rounds(c, l, out, now)) return val_error(L);
    return owned_by_both(L, unflatten(c, l->shape, now, &k), l->shape, l->result);
}

static Value *unrolled(Ctx *c, Loop *l)
{
    Unrolled own;
    rounds_unroll(c->L, &own);
    Value *v = round_by_round(c, l);
    return rounds_unrolled(c, &own, !val_bad(v)) ? v : val_error(c->L);
}

/* Where it carries slopes along, and an update needs more than these. */
static Value *cannot_go_on(Ctx *c, const Unroll *u)
{
    Diag *d = diag_error(c->L->diags, u->at, E309, "in a loop of more than %d rounds, an update of after moves %s by a derivative that goes on in the rounds before", MOST_UNROLLED, u->what);
    diag_note(d, u->k.at, "this loop carries it");
    diag_hint(d, "stop(..) around what is carried says that there the derivative is 0");
    return val_error(c->L);
}

/* Is it this loop in which a derivative goes on in the rounds before? Nothing stays of the body in which that was found out. */
static bool goes_on(Ctx *c, const Loop *l, Unroll *u)
{
    Fn *fn = c->L->fn;
    *u = fn->unroll;
    if (!u->body || u->body != l->body) return false;
    fn->unroll.body = NULL;
    drop_slopes(fn, l->body);
    return true;
}

/* The loop, whose number of rounds is known, from init on. */
static Value *from_init(Ctx *c, Loop l, Value *init)
{
    Lower *L = c->L;
    Span at = l.at;
    l.shape = as_settled(c, init, at);
    if (val_bad(l.shape) || !flatten(c, l.shape, at, l.init, &l.n_state)) return val_error(L);
    l.n_carried = l.n_state;
    if (l.stop_when && !(l.init[l.n_carried++] = ended(c, &l, l.shape))) return val_error(L);
    if (l.stop_when) l.until = l.n_state;
    Fn *fn = L->fn;
    int carried = fn->carried.n, assigns = fn->loop_assigns.n, moves = fn->ahead_moves.n, watched = fn->watched.n;
    int asks = fn->carried_asks.n, errors = diags_count(L->diags, DIAG_ERROR);
    ShuffleMark shuffles = fn_shuffles(L);
    Value *v = NULL;
    Unroll u = {0};
    for (bool more = true; more;) {
        bool unroll = u.body && (l.slopes || u.rounds || l.n <= FEW_ROUNDS);
        if (unroll && l.n > MOST_UNROLLED) return cannot_go_on(c, &u);
        l.slopes = u.body && !unroll;
        fn_shuffles_back(L, shuffles);
        v = unroll ? unrolled(c, &l) : looped(c, &l);
        fn->carried.n = carried;
        if (val_bad(v)) fn->loop_assigns.n = assigns, fn->ahead_moves.n = moves, fn->watched.n = watched;
        more = !unroll && goes_on(c, &l, &u) && diags_count(L->diags, DIAG_ERROR) == errors;
        if (more) fn->carried_asks.n = asks, fn->watched.n = watched;
    }
    return v;
}

static bool rounds_known(Ctx *c, Loop *l, Value *n)
{
    if (!fn_needed(c, l->at) || !as_size(c, n, l->at, "the number of rounds", &l->n)) return false;
    if (l->n > INT32_MAX) return diag_error(c->L->diags, l->at, E107, "a loop of %lld rounds", (long long)l->n), false;
    return true;
}

Value *eval_fold(Ctx *c, Value *init, Value *n, Value *f, Value *until, bool scan, const void *site, Span at)
{
    Loop l = {.f = f, .stop_when = until, .scan = scan, .site = site, .at = at, .until = -1, .apart = -1};
    return rounds_known(c, &l, n) ? from_init(c, l, init) : val_error(c->L);
}

Value *eval_replicate(Ctx *c, Value *n, Value *f, const void *site, Span at)
{
    Loop l = {.f = f, .scan = true, .alone = true, .site = site, .at = at, .until = -1, .apart = -1};
    Args none = {.at = {at}};
    return rounds_known(c, &l, n) ? from_init(c, l, apply(c, f, &none, site, at)) : val_error(c->L);
}
