/* ahead.c - the statements of `after`: what they change is set in the environment that is being looked ahead in, and nothing else comes of
 * them. They belong to the part whose expression the `after` stands in. Start at look_ahead(), at the bottom. */
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/game/schedule.h"
#include "compiler/lower/own/graph.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"

enum { MOST_TIMES = 10000 };                                /* of updates that are unrolled: each looks at all of the graph */

static bool statements(Ctx *c, AstList stmts);

static bool block(Ctx *c, const Ast *b)
{
    Ctx inner = *c;
    inner.scope = scope_new(c->L, c->scope);
    return statements(&inner, b->kind == AST_BLOCK ? b->block.stmts : (AstList){(Ast *[]){(Ast *)b}, 1});
}

static bool repeated(Ctx *c, const Ast *body, int64_t rounds, Span at)
{
    Lower *L = c->L;
    int64_t around = L->rounds_around ? L->rounds_around : 1;
    if (rounds > MOST_TIMES / around) {
        diag_error(L->diags, at, E107, "the updates of after are unrolled, and so many times are too many: more than %d", MOST_TIMES);
        return false;
    }
    int64_t outside = rounds_enter(L, rounds);
    bool ok = true;
    ShuffleMark shuffles = fn_shuffles(L);
    for (int64_t i = 0; i < rounds && ok && !L->too_large && !L->too_deep; i++) {
        fn_round(L, shuffles, ir_const_int(fn_builder(c), IR_I32, i), rounds);
        ok = block(c, body);
        fn_round_end(L);
    }
    fn_rounds_end(L, shuffles);
    L->rounds_around = outside;
    return ok;
}

static bool repeat(Ctx *c, const Ast *s)
{
    int64_t n;
    Span at = s->repeat.count->span;
    return as_size(c, eval(c, s->repeat.count), at, "the number of times", &n) && repeated(c, s->repeat.body, n, at);
}

/* What one side leaves in the environment, in which what stands behind the if has it where the condition picks that side. */
static void take_sides(Ctx *c, IrVal *cond, const Ahead *side, Span at)
{
    Lower *L = c->L;
    for (int slot = 0; slot < side[0].env.n || slot < side[1].env.n; slot++) {
        IrVal *made[2] = {NULL, NULL};
        for (int k = 0; k < 2; k++) made[k] = slot < side[k].env.n ? side[k].env.v[slot] : NULL;
        if (!made[0] && !made[1]) continue;
        IrVal *before = fn_read(L, slot);
        env_set(L, slot, ir_select(fn_builder(c), cond, made[0] ? made[0] : before, made[1] ? made[1] : before), at);
    }
}

/* Both sides are done, each in an environment of its own. */
static bool branches(Ctx *c, const Ast *s, Value *v)
{
    Lower *L = c->L;
    const Ast *body[2] = {s->if_.then, s->if_.otherwise};
    IrVal *cond = update_condition(c, v, s->if_.cond->span);
    Ahead side[2] = {{0}, {0}};
    bool ok = cond != NULL;
    int control = control_new(L);
    for (int k = 0; k < 2 && ok && body[k]; k++) {
        Side on = side_begin(L, control, cond, !k);
        ahead_begin(L, &side[k]);
        ok = block(c, body[k]);
        ahead_end(L);
        side_end(L, &on);
    }
    if (ok) take_sides(c, cond, side, s->span);
    return ok;
}

static bool branch(Ctx *c, const Ast *s)
{
    Ctx outside = *c;
    outside.block = NULL;
    Value *v = as_settled(c, eval(&outside, s->if_.cond), s->if_.cond->span);
    if (val_bad(v)) return false;
    if (v->kind != V_BOOL) return branches(c, s, v);
    return v->b ? block(c, s->if_.then) : !s->if_.otherwise || block(c, s->if_.otherwise);
}

static bool rounds_of(Ctx *c, const Ast *s)
{
    Value **item, *carried[MAX_ARGS];
    int64_t n;
    bool carries = s->for_.carries.n > 0, ok = true;
    if (s->for_.carries.n > MAX_ARGS) return too_many(c, s->span, "a loop that carries so many values", MAX_ARGS), false;
    if (!for_items(c, s->for_.source, &item, &n)) return false;
    int64_t outside = rounds_enter(c->L, n);
    Ctx round = *c;
    for (int64_t i = 0; i < n && ok && !c->L->too_large && !c->L->too_deep; i++) {
        Ctx last = round;
        round = sched_round(c, s, i, item[i]);
        if (carries) ok = carry_here(&last, s, carried, !i, &round);
        ok = ok && statements(&round, sched_body(s));
    }
    if (carries && ok && n) ok = carry_here(&round, s, carried, false, NULL);
    c->L->rounds_around = outside;
    return ok;
}

static bool update(Ctx *c, const Ast *s)
{
    Changes changes = {0};
    bool ok = update_changes(c, s, &changes);
    if (ok) changes_set(c->L, &changes, s->span);
    return ok;
}

static bool statement(Ctx *c, const Ast *s)
{
    Lower *L = c->L;
    switch (s->kind) {
    case AST_UPDATE: case AST_SIMULTANEOUS: case AST_EXTRAGRADIENT: return update(c, s);
    case AST_COPY: return update_blend(c, s->copy.source, s->copy.target, NULL, s->span);
    case AST_AVERAGE: return update_blend(c, s->average.source, s->average.target, s->average.decay, s->span);
    case AST_REPEAT: return repeat(c, s);
    case AST_IF: return branch(c, s);
    case AST_FOR: return rounds_of(c, s);
    case AST_BLOCK: return block(c, s);
    case AST_DEFINE: case AST_LOSS: case AST_COMPARE: return true;       /* declared when the block was entered */
    case AST_LET: case AST_SAMPLE: {
        int errors = diags_count(L->diags, DIAG_ERROR);
        eval_stmts(c, (AstList){(Ast *[]){(Ast *)s}, 1});
        return diags_count(L->diags, DIAG_ERROR) == errors;
    }
    case AST_ASSIGN: return keep_assign(c, s);
    default: break;
    }
    Diag *d = diag_error(L->diags, s->span, E403, "after holds updates, and %s is none", ast_kind_name((AstKind)s->kind));
    if (s->kind == AST_ALTERNATE || s->kind == AST_EVERY) diag_hint(d, "repeat n { .. } does its updates n times");
    else diag_hint(d, "nothing that after does is kept, so nothing of it can be reported or saved");
    return false;
}

static bool statements(Ctx *c, AstList stmts)
{
    int errors = diags_count(c->L->diags, DIAG_ERROR);
    declare_local(c, stmts);
    bool ok = diags_count(c->L->diags, DIAG_ERROR) == errors;
    for (int i = 0; i < stmts.n && ok && !c->L->too_large; i++) ok = statement(c, stmts.v[i]) && fn_fits(c, stmts.v[i]->span);
    return ok;
}

/* In the losses of the updates those train whom the updates move, and those who train around. Optimisers' states are those of the block of
 * statements around, so that they go on from where the block's own updates have brought them. */
static Block *updates_block(Ctx *c, const Ast *updates)
{
    Lower *L = c->L;
    Block *b = arena_new_of(L->a, Block);
    if (c->around) *b = *c->around;
    else b->number = ++L->n_blocks;
    b->players = (__typeof__(b->players)){0};
    for (int i = 0; c->block && i < c->block->players.n; i++) array_push(L->a, &b->players, c->block->players.v[i]);
    block_find_players(c, updates, b);
    return b;
}

bool look_ahead(Ctx *c, const Ast *after, int64_t rounds)
{
    Ctx inner = *c;
    inner.around = inner.block = updates_block(c, after->after.updates);
    inner.path = path_join(c->L, c->path, "after");
    inner.rule = NULL;
    int64_t outside = c->L->rounds_around;
    const IrBlock *block = c->L->g->updates_in;
    int from = c->L->g->updates_from;
    c->L->rounds_around = 0;
    c->L->g->updates_in = c->L->graph->b.block;
    c->L->g->updates_from = pending_count(c->L);
    bool ok = repeated(&inner, after->after.updates, rounds, after->after.count->span);
    c->L->g->updates_in = block;
    c->L->g->updates_from = from;
    c->L->rounds_around = outside;
    return ok;
}
