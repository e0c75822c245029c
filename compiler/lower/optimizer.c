/* optimizer.c - updates: a loss, its gradient by the player's parameters, and the optimiser's rule applied to them. */
#include "compiler/lower/paths.h"

/* ---- applying a rule: optimizer adam(lr)(w, g) { state m = zeros(w); ... w := ... } */

static const char *rule_prefix(Lower *L, Player *p, const char *optimizer)
{
    if (!p->optimizer) p->optimizer = optimizer;
    return strcmp(p->optimizer, optimizer) ? strf(L, "%s.opt.%s", p->name, optimizer) : strf(L, "%s.opt", p->name);
}

/* A slot for one tensor of an optimiser's state, started at `first`, which is a value of INIT. */
static Value *state_slot(Ctx *c, Rule *r, const char *path, IrVal *first, Span at)
{
    Lower *L = c->L;
    IrType t = first->type;
    if (t.axes.n) return unsupported(c, at, "an optimiser's state that varies over samples");
    int slot = ir_find_slot(L->m, path);
    if (slot < 0) {
        slot = ir_slot(L->m, path, t, IR_SLOT_OPTIMIZER, r->player->name);
        fn_initialise(L, slot, first);
    }
    return val_slot(L, slot);
}

static Value *state_slots(Ctx *c, Rule *r, Value *first, const char *path, Span at)
{
    Lower *L = c->L;
    if (first->kind != V_RECORD) {
        IrVal *t = first->kind == V_INT || first->kind == V_REAL ? as_real(c, first, at) : as_tensor(c, first, at);
        return t ? state_slot(c, r, path, t, at) : val_error(L);
    }
    Value **v = arena_array(L->a, Value *, first->record.n + 1);
    for (int i = 0; i < first->record.n; i++) {
        const char *field = first->record.name ? first->record.name[i] : strf(L, "%d", i);
        v[i] = state_slots(c, r, first->record.v[i], path_join(L, path, field), at);
    }
    return val_record(L, v, first->record.name, first->record.n);
}

static void rule_state(Ctx *c, Rule *r, const Ast *s)
{
    Lower *L = c->L;
    if (!s->state.value) {
        unsupported(c, s->span, "an optimiser's state that starts at a draw");
        return;
    }
    const char *path = path_join(L, r->prefix, s->state.name);
    Fn *before = fn_enter_init(L);
    Value *first = as_settled(c, eval(c, s->state.value), s->span);
    Value *v = val_bad(first) ? first : state_slots(c, r, first, path, s->span);
    fn_leave_init(L, before);
    scope_bind(L, c->scope, s->state.name, v, s->state.name_span);
}

/* New values go to the slots that a name stood for when the rule began. */
static void commit_value(Ctx *c, Value *slots, Value *now, Span at)
{
    Lower *L = c->L;
    if (slots->kind == V_RECORD && now->kind == V_RECORD && slots->record.n == now->record.n) {
        for (int i = 0; i < slots->record.n; i++) commit_value(c, slots->record.v[i], now->record.v[i], at);
        return;
    }
    if (slots->kind != V_SLOT || val_bad(now) || now == slots) return;
    IrType t = L->m->slots.v[slots->slot.slot].type;
    IrVal *v = as_real(c, now, at);
    if (!v) return;
    v = arith_convert(c, v, t.elem);
    if (t.rank && !v->type.rank) v = ir_fill(fn_builder(c), v, ir_dims_of(&t));
    if (!ir_type_equal(&v->type, &t)) {
        const char *varies = v->type.axes.n ? ", and varies over samples" : "";
        diag_error(L->diags, at, E200, "%s is %s, and its new value is %s%s", L->m->slots.v[slots->slot.slot].path,
                   type_text(L, &t), type_text(L, &v->type), varies);
        return;
    }
    for (int i = 0; i < L->fn->ir->commits.n; i++)
        if (L->fn->ir->commits.v[i].slot == slots->slot.slot) {
            L->fn->ir->commits.v[i].val = v;
            return;
        }
    ir_commit(L->m, L->fn->ir, slots->slot.slot, v);
}

static Value *bound_value(Scope *s, const char *name)
{
    for (int i = 0; i < s->names.n; i++)
        if (!strcmp(s->names.v[i].name, name)) return s->names.v[i].value;
    return NULL;
}

static void commit_states(Ctx *c, AstList stmts, Value **slots)
{
    for (int i = 0, k = 0; i < stmts.n; i++) {
        if (stmts.v[i]->kind != AST_STATE) continue;
        Value *now = bound_value(c->scope, stmts.v[i]->state.name);
        if (now && slots[k]) commit_value(c, slots[k], now, stmts.v[i]->span);
        k++;
    }
}

/* Rules apply other rules (clipped(10, adam(1e-3))), so w may already have been rebound by an outer one; what a rule makes of w
 * is its value: `inner(w, g)` as a statement of its own commits at once. */
static Value *run_rule(Ctx *c, Closure *k, Rule *r, Value *w, Value *g, Span at)
{
    Lower *L = c->L;
    AstList params = k->def->define.params2, stmts = k->def->define.body->block.stmts;
    if (params.n != 2)
        return diag_error(L->diags, k->def->define.name_span, E109, "an optimiser's second list is (w, g)"),
               val_error(L);
    Ctx inner = *c;
    inner.scope = scope_new(L, k->scope);
    inner.rule = r;
    inner.calls++;
    scope_bind(L, inner.scope, params.v[0]->param.name, w, at);
    scope_bind(L, inner.scope, params.v[1]->param.name, g, at);
    Value *slots[MAX_ARGS] = {0};
    int n_states = 0;
    for (int i = 0; i < stmts.n; i++) {
        const Ast *s = stmts.v[i];
        if (s->kind == AST_STATE) {
            if (n_states == MAX_ARGS) return unsupported(c, s->span, "so many states");
            rule_state(&inner, r, s);
            slots[n_states++] = bound_value(inner.scope, s->state.name);
        } else {
            Ctx at_statement = inner;
            eval_stmts(&at_statement, (AstList){&stmts.v[i], 1});
        }
    }
    commit_states(&inner, stmts, slots);
    Value *now = bound_value(inner.scope, params.v[0]->param.name);
    if (now != w) commit_value(&inner, w, now, k->def->define.name_span);
    return val_none(L);
}

/* An optimiser applied inside another one. */
Value *optimizer_apply(Ctx *c, Value *opt, Args *args, Span at)
{
    if (!c->rule || args->n != 2) {
        diag_error(c->L->diags, at, E403,
                   "an optimiser is applied by update ... with, or to (w, g) inside another one");
        return val_error(c->L);
    }
    if (!call_enter(c, at)) return val_error(c->L);
    Rule inner = *c->rule;
    inner.prefix = rule_prefix(c->L, inner.player, opt->optimizer.closure->name);
    return run_rule(c, opt->optimizer.closure, &inner, args->v[0], args->v[1], at);
}

/* ---- update D minimize loss with adam(..) */

typedef struct Wanted { Player *p[MAX_ARGS]; int n; Span at[MAX_ARGS]; } Wanted;

static bool update_players(Ctx *c, const Ast *s, Wanted *w)
{
    for (int i = 0; i < s->update.players.n && i < MAX_ARGS; i++) {
        const Ast *e = s->update.players.v[i];
        Player *p = as_player(c, eval_raw(c, e), e->span);
        if (!p) return false;
        w->p[w->n] = p;
        w->at[w->n++] = e->span;
    }
    return true;
}

static Value *update_optimizer(Ctx *c, const Ast *s)
{
    Value *o = eval_raw(c, s->update.optimizer);
    if (o->kind == V_FUNCTION && o->fn.kind == F_CLOSURE && o->fn.closure->def->kind == AST_DEFINE &&
        o->fn.closure->def->define.word == AST_DEFINE_OPTIMIZER)
        o = apply(c, o, &(Args){0}, s, s->update.optimizer->span);
    if (o->kind == V_OPTIMIZER || val_bad(o)) return o;
    diag_error(c->L->diags, s->update.optimizer->span, E201, "with takes an optimiser, and this is %s",
               val_text(c->L, o));
    return val_error(c->L);
}

static const char *axes_text(Ctx *c, IrAxes axes)
{
    Text t = text_in(c->L->a);
    for (int i = 0; i < axes.n; i++) text_printf(&t, "%s%s", i ? ", " : "", c->L->m->axes.v[axes.id[i]].name);
    return text_str(&t);
}

/* The loss as one real without sample axes. NULL after an error. */
static IrVal *loss_value(Ctx *c, const Ast *e)
{
    Value *v = eval(c, e);
    IrVal *y = val_bad(v) ? NULL : as_real(c, v, e->span);
    if (!y) return NULL;
    if (y->type.axes.n) {
        Diag *d = diag_error(c->L->diags, e->span, E401,
                             "a loss is one number, and this one still varies over the samples of %s",
                             axes_text(c, y->type.axes));
        diag_hint(d, "E[%s] ... averages over them", axes_text(c, y->type.axes));
        return NULL;
    }
    if (y->type.rank) {
        diag_error(c->L->diags, e->span, E401, "a loss is one number, and this is %s", type_text(c->L, &y->type));
        return NULL;
    }
    return y;
}

static void no_dependence(Ctx *c, const Ast *e, Player *p, const IrNode *cut)
{
    Diag *d = cut ? diag_error(c->L->diags, e->span, E306, "no gradient of this loss reaches %s", p->name)
                  : diag_error(c->L->diags, e->span, E400,
                               "this loss does not depend on %s, so the update cannot move it", p->name);
    if (cut) {
        diag_note(d, span_of_node(c->L, cut), "the path is cut here: %s has no derivative", ir_op_info[cut->op].name);
        diag_hint(d, "score_function(...), or a relaxation that can be differentiated");
    }
}

/* Its parameters that exist now, as a record by path; those the loss does not reach have gradient zero. */
static void player_records(Ctx *c, Player *p, IrVal **g, IrVal **w, Value **params, Value **grads)
{
    Lower *L = c->L;
    int n = p->params.n;
    Value **a = arena_array(L->a, Value *, n + 1), **b = arena_array(L->a, Value *, n + 1);
    const char **name = arena_array(L->a, const char *, n + 1);
    for (int i = 0; i < n; i++) {
        a[i] = val_slot(L, p->params.v[i]);
        b[i] = val_tensor(L, g[i] ? g[i] : grad_zeros(fn_builder(c), &w[i]->type));
        name[i] = L->m->slots.v[p->params.v[i]].path + strlen(p->name) + 1;
    }
    *params = val_record(L, a, name, n);
    *grads = val_record(L, b, name, n);
}

static void project_one(Ctx *c, Value *f, IrCommit *k, Span at)
{
    Value *v = apply1(c, f, val_tensor(c->L, k->val), f, at);
    IrVal *t = val_bad(v) ? NULL : as_real(c, v, at);
    if (!t) return;
    if (ir_type_equal(&t->type, &k->val->type)) k->val = t;
    else
        diag_error(c->L->diags, at, E200, "project must keep a parameter's shape, and makes %s of %s",
                   type_text(c->L, &t->type), type_text(c->L, &k->val->type));
}

static void project(Ctx *c, const Ast *s, Player *p)
{
    if (!s->update.project) return;
    Value *f = eval_raw(c, s->update.project);
    if (val_bad(f)) return;
    IrFn *fn = c->L->fn->ir;
    for (int i = 0; i < fn->commits.n; i++)
        for (int k = 0; k < p->params.n; k++)
            if (fn->commits.v[i].slot == p->params.v[k]) project_one(c, f, &fn->commits.v[i], s->update.project->span);
}

static void count_step(Ctx *c, Player *p)
{
    Lower *L = c->L;
    int slot = player_steps(c, p);
    IrVal *t = ir_add(fn_builder(c), fn_read(L, slot), ir_const(fn_builder(c), IR_I64, 1));
    ir_commit(L->m, L->fn->ir, slot, t);
}

static void apply_optimizer(Ctx *c, const Ast *s, Player *p, Value *opt, Value *w, Value *g)
{
    Lower *L = c->L;
    Rule r = {p, rule_prefix(L, p, opt->optimizer.closure->name)};
    count_step(c, p);
    Ctx inner = *c;
    inner.loss = false;
    run_rule(&inner, opt->optimizer.closure, &r, w, g, s->update.optimizer->span);
    project(c, s, p);
}

static IrVal *negated(Ctx *c, IrVal *g) { return g ? ir_neg(fn_builder(c), g) : NULL; }

/* minimize, maximize: the gradients of all players at once, at the values the function started from. */
static void update_by_loss(Ctx *c, const Ast *s, Wanted *who, Value *opt)
{
    Lower *L = c->L;
    Ctx inner = *c;
    inner.loss = true;
    IrVal *y = loss_value(&inner, s->update.value);
    if (!y) return;
    int n = 0, k = 0;
    for (int i = 0; i < who->n; i++) n += who->p[i]->params.n;
    IrVal **w = arena_array(L->a, IrVal *, n + 1), **g = arena_array(L->a, IrVal *, n + 1);
    for (int i = 0; i < who->n; i++)
        for (int j = 0; j < who->p[i]->params.n; j++) w[k++] = fn_read(L, who->p[i]->params.v[j]);
    GradReport r = {arena_array(L->a, const IrNode *, n + 1), arena_array(L->a, const IrNode *, n + 1), NULL};
    ir_report(L->m, L->fn->ir, L->fn->ir->reports.n ? strf(L, "loss_%d", L->fn->ir->reports.n + 1) : "loss",
              ir_convert(fn_builder(c), y, IR_F64));
    for (int i = 0, first = 0; i < who->n; first += who->p[i++]->params.n)
        if (paths_check(c, y, w + first, who->p[i]->params.n, who->p[i]->name, s->update.value->span) == PATHS_FAILED) return;
    y = before_grad(c, y, w, n, true);
    if (!grad_reverse(fn_builder(c), &y, NULL, 1, w, n, g, &r)) {
        diag_error(L->diags, s->update.value->span, E306,
                   "the gradient's path runs through a black box, which has none");
        return;
    }
    k = 0;
    for (int i = 0; i < who->n; i++) {
        Player *p = who->p[i];
        const IrNode *cut = NULL;
        bool reached = false;
        for (int j = 0; j < p->params.n; j++) {
            reached = reached || g[k + j];
            if (!cut) cut = r.cut[k + j];
            if (s->update.goal == AST_GOAL_MAXIMIZE) g[k + j] = negated(c, g[k + j]);
        }
        if (!reached) {
            no_dependence(c, s->update.value, p, cut);
        } else {
            Value *params, *grads;
            player_records(c, p, g + k, w + k, &params, &grads);
            apply_optimizer(c, s, p, opt, params, grads);
        }
        k += p->params.n;
    }
}

/* along v: a direction of one's own in place of a gradient; for several players a record by player. */
static void update_along(Ctx *c, const Ast *s, Wanted *who, Value *opt)
{
    Lower *L = c->L;
    Value *v = eval(c, s->update.value);
    if (val_bad(v)) return;
    for (int i = 0; i < who->n; i++) {
        Player *p = who->p[i];
        Value *g = who->n == 1 ? v : v->kind == V_RECORD ? val_field(v, p->closure->name) : NULL;
        int n = p->params.n;
        IrVal **w = arena_array(L->a, IrVal *, n + 1), **zero = arena_array(L->a, IrVal *, n + 1);
        for (int k = 0; k < n; k++) w[k] = fn_read(L, p->params.v[k]);
        Value *params, *unused;
        player_records(c, p, zero, w, &params, &unused);
        if (!g || g->kind != V_RECORD || g->record.n != n) {
            diag_error(L->diags, s->update.value->span, E201,
                       "along takes a record with a direction for each parameter of %s, and this is %s", p->name,
                       val_text(L, g ? g : v));
            return;
        }
        apply_optimizer(c, s, p, opt, params, g);
    }
}

void eval_update(Ctx *c, const Ast *s)
{
    Lower *L = c->L;
    Wanted who = {0};
    if (!update_players(c, s, &who)) return;
    Value *opt = update_optimizer(c, s);
    if (val_bad(opt)) return;
    for (int i = 0; i < who.n; i++) {
        array_push(L->a, &L->fn->ir->players, who.p[i]->name);
        who.p[i]->updated = true;
    }
    if (s->update.goal == AST_GOAL_ALONG) update_along(c, s, &who, opt);
    else update_by_loss(c, s, &who, opt);
}
