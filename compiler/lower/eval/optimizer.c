/* optimizer.c - optimisers: rules of the language, applied to a player's parameters and a direction.
 *
 * A rule reads what it has just written: its parameters w and g and its states are names whose values change as the body goes on, and what they
 * are at the end is what the update changes. A rule has an instance, one a player and optimiser, and one more for each place where it applies
 * another rule; the instance owns the states and a count of its own, and begins afresh with a block of updates. */
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/eval/pending.h"
#include "compiler/lower/eval/target.h"
#include "compiler/lower/own/graph.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"

struct RuleInstance {
    const Ast    *def;
    const struct RuleInstance *parent;
    uint64_t      site;                                     /* of the application in the parent's body */
    const char   *path;                                     /* of its slots: "D.opt", "D.opt.adam" */
    int           steps_slot;                               /* -1: it does not ask */
    int           block;                                    /* the last one it began in */
    Scope        *begun;                                    /* its arguments there: its states start with these */
    bool          constant;                                 /* its states begin at constants */
};

struct Rule {                                               /* being applied */
    struct RuleInstance *inst;
    Player      *player;
    const Block *block;
    Scope       *scope;                                     /* of w, g and the states */
    const Ast   *w;                                         /* its first parameter */
    Value       *g;
    Changes     *out;
    bool         moves;                                     /* w has been given a value */
};

/* ---- instances */

static struct RuleInstance *instance_of(Ctx *c, Player *p, const struct RuleInstance *parent, const Ast *def, uint64_t site)
{
    Lower *L = c->L;
    bool taken = false;
    for (int i = 0; i < p->rules.n; i++) {
        struct RuleInstance *in = p->rules.v[i];
        if (in->def == def && in->parent == parent && in->site == site) return in;
        taken = taken || in->parent == parent;
    }
    struct RuleInstance *in = arena_new_of(L->a, struct RuleInstance);
    const char *base = parent ? parent->path : strf(L, "%s.opt", p->name);
    *in = (struct RuleInstance){.def = def, .parent = parent, .site = site, .steps_slot = -1, .constant = true};
    in->path = names_unique(&L->root_names, parent || taken ? path_join(L, base, def->define.name) : base);
    array_push(L->a, &p->rules, in);
    return in;
}

/* Whom an `after` outside of any block looks ahead with begins there each time, so nothing of it is in a checkpoint, until a block has the same rule. */
static void state_is_of(Lower *L, const Rule *r, int slot, IrSlotKind kind)
{
    L->m->slots.v[slot].kind = r->block->stand_before || L->m->slots.v[slot].kind != IR_SLOT_SCRATCH ? kind : IR_SLOT_SCRATCH;
}

static int state_new(Lower *L, const Rule *r, const char *path, IrType t, IrSlotKind kind)
{
    return slot_new(L, path, t, r->block->stand_before ? kind : IR_SLOT_SCRATCH, r->player);
}

/* ---- states: made in INIT, from the shapes of w and g and the values of w */

/* In INIT nothing is known of a gradient but its shape. */
static Value *shape_leaf(Ctx *c, Value *leaf, void *list)
{
    const IrType *t = leaf->kind == V_TENSOR ? &leaf->tensor.v->type : leaf->kind == V_SLOT ? &c->L->m->slots.v[leaf->slot.slot].type : NULL;
    if (!t) return leaf;
    IrType plain = *t;
    plain.axes = ir_no_axes();
    IrVal *own = diff_leaf(c, grad_zeros(fn_builder(c), &plain));
    ARRAY(IrVal *) *to = list;
    array_push(c->L->a, to, own);
    return val_tensor(c->L, own);
}

typedef ARRAY(IrVal *) Leaves;

static Value *take_tensor(Ctx *c, Value *leaf, void *list)
{
    Leaves *to = list;
    if (leaf->kind == V_TENSOR) array_push(c->L->a, to, leaf->tensor.v);
    return leaf;
}

static bool depends_on(const Leaves *v, const Leaves *g) { return ir_depends(v->v, v->n, g->v, g->n); }

static const char *state_path(Ctx *c, const Rule *r, const Ast *s) { return path_join(c->L, r->inst->path, s->state.name); }

/* state u ~ p: of the declared shape, or of that of a draw. */
static Value *first_draw(Ctx *c, const Ast *s)
{
    IrInts dims;
    bool shaped = s->state.type && s->state.type->kind == AST_TYPE;
    if (shaped && !type_dims(c, s->state.type, &dims)) return val_error(c->L);
    Dist *d = as_dist(c, eval_raw(c, s->state.draw), s->state.draw->span);
    return d ? dist_sample(c, d, shaped ? &dims : NULL, s->state.draw->span) : val_error(c->L);
}

/* The first value of a state, in the graph at hand. The gradient's value is not known there; in INIT nor are the parameters', where they
 * make up the value: then the rule begins afresh with its first block, too. */
static Value *first_value(Ctx *c, Rule *r, const Ast *s)
{
    Lower *L = c->L;
    Leaves leaves = {0}, of_w = {0}, made = {0};
    Value *w = player_record(c, r->player);
    Ctx inner = *c;
    inner.scope = scope_new(L, r->scope->parent);
    const Ast *d = r->inst->def;
    if (L->fn == L->init) w = map_fields(c, w, shape_leaf, &of_w);
    scope_bind(L, inner.scope, d->define.params2.v[0], w);
    scope_bind(L, inner.scope, d->define.params2.v[1], map_fields(c, r->g, shape_leaf, &leaves));
    inner.path = state_path(c, r, s);
    inner.axes = inner.each = ir_no_axes();
    inner.batch = -1;
    Value *v = s->state.draw ? first_draw(&inner, s) : as_settled(&inner, eval(&inner, s->state.value), s->span);
    map_fields(c, v, take_tensor, &made);
    if (depends_on(&made, &of_w)) r->inst->constant = false;
    if (!depends_on(&made, &leaves)) return s->state.type && !val_bad(v) ? declared_first(&inner, v, s->state.type, s->span, s->state.name) : v;
    Diag *e = diag_error(L->diags, s->span, E202, "a state begins before there is a gradient, so it can have the shape of %s but not its value",
                         d->define.params2.v[1]->param.name);
    diag_hint(e, "zeros(%s) has its shape", d->define.params2.v[1]->param.name);
    return val_error(L);
}

static bool is_constant(const IrVal *v)
{
    while (v->def && v->def->n_args == 1 && (v->def->op == IR_broadcast || v->def->op == IR_convert || v->def->op == IR_reshape)) v = v->def->arg[0];
    return v->def && v->def->op == IR_const;
}

static Value *state_slots(Ctx *c, Rule *r, Value *first, const char *path, Span at)
{
    Lower *L = c->L;
    if (first->kind == V_RECORD) {
        Value **v = arena_array(L->a, Value *, first->record.n + 1);
        for (int i = 0; i < first->record.n; i++) {
            const char *field = first->record.name ? first->record.name[i] : strf(L, "%d", i);
            v[i] = state_slots(c, r, first->record.v[i], path_join(L, path, field), at);
        }
        return val_record(L, v, first->record.name, first->record.n);
    }
    IrVal *t = first->kind == V_INT || first->kind == V_REAL ? as_real(c, first, at) : as_tensor(c, first, at);
    if (!t) return val_error(L);
    if (t->type.axes.n) return diag_error(c->L->diags, at, E201, "a state of an optimiser is one for all samples, and this varies over them"), val_error(L);
    r->inst->constant = r->inst->constant && is_constant(t);
    int slot = ir_find_slot(L->m, path);
    if (slot < 0) {
        slot = state_new(L, r, path, t->type, IR_SLOT_OPTIMIZER);
        fn_initialise(L, slot, t);
    }
    state_is_of(L, r, slot, IR_SLOT_OPTIMIZER);
    Value *v = val_slot(L, slot);
    v->slot.classes = first->kind == V_TENSOR ? first->tensor.classes : 0;
    return v;
}

static void bind_state(Ctx *c, Rule *r, const Ast *s)
{
    Lower *L = c->L;
    if (!first_changes_nothing(c, s->state.draw, s->state.value)) {
        scope_bind(L, r->scope, s, val_error(L));
        return;
    }
    Fn *before = fn_enter_init(L);
    bool again = r->inst->block == r->block->number;
    bool agrees = !again || first_same(c, s->state.draw, s->state.value, r->inst->begun, r->scope->parent, state_path(c, r, s), s->span,
                                       "the states of an optimiser belong to the player in a block: all of its updates there share them");
    Value *first = agrees ? first_value(c, r, s) : val_error(L);
    Value *v = val_bad(first) ? first : state_slots(c, r, first, state_path(c, r, s), s->span);
    fn_leave_init(L, before);
    scope_bind(L, r->scope, s, v);
}

/* ---- beginning afresh */

/* By a part that stands before the block; p is NULL: while looking ahead. */
static void restart_value(Ctx *c, Part *p, Value *slots, Value *first, Span at)
{
    Lower *L = c->L;
    if (slots->kind == V_RECORD) {
        for (int i = 0; first->kind == V_RECORD && i < slots->record.n; i++) restart_value(c, p, slots->record.v[i], first->record.v[i], at);
        return;
    }
    if (slots->kind != V_SLOT) return;
    IrType t = L->m->slots.v[slots->slot.slot].type;
    IrVal *v = ir_is_real(t.elem) ? as_real(c, first, at) : as_tensor(c, first, at);
    if (!v) return;
    v = arith_convert(c, v, t.elem);
    if (t.rank && !v->type.rank) v = ir_fill(fn_builder(c), v, ir_dims_of(&t));
    if (p) array_push(L->a, &p->commits, ((IrCommit){slots->slot.slot, v}));
    else ahead_first(L, slots->slot.slot, v);
}

static void restart_states(Ctx *c, Rule *r, AstList stmts, Part *p)
{
    for (int i = 0; i < stmts.n; i++) {
        if (stmts.v[i]->kind != AST_STATE) continue;
        Value *slots = scope_of_place(c, r->scope, stmts.v[i]);
        if (slots && !val_bad(slots)) restart_value(c, p, slots, first_value(c, r, stmts.v[i]), r->inst->def->define.name_span);
    }
}

/* Of an `after` that stands in no block: its updates are one, which begins in the environment that is looked ahead in. The states are bound. */
static void restart_ahead(Ctx *c, Rule *r, AstList stmts)
{
    Lower *L = c->L;
    if (!ahead_begins(L, r->inst)) return;
    restart_states(c, r, stmts, NULL);
    if (r->inst->steps_slot >= 0) ahead_first(L, r->inst->steps_slot, ir_const(fn_builder(c), IR_I64, 0));
}

/* A statement before the block, in the environment there, which gives every state its first value. */
static void restart(Ctx *c, Rule *r, AstList stmts)
{
    Lower *L = c->L;
    Part *now = L->part;
    Env env = L->graph->env;
    Ahead *ahead = L->g->ahead;
    IrBlock *block = L->graph->b.block;
    L->g->ahead = NULL;
    L->graph->b.block = &L->graph->ir->body;
    Arena *scratch = arena_new();                           /* what is read there is not known here */
    L->graph->env = (Env){arena_copy(scratch, r->block->entry.v, sizeof(IrVal *) * (size_t)(r->block->entry.n + 1)), r->block->entry.n};
    Part *p = part_begin(L, strf(L, "restart_%s", r->player->name), IR_FN_STATE, now->at);
    p->inside = false;
    restart_states(c, r, stmts, p);
    if (r->inst->steps_slot >= 0) array_push(L->a, &p->commits, ((IrCommit){r->inst->steps_slot, ir_const(fn_builder(c), IR_I64, 0)}));
    part_back(L, now);
    L->graph->env = env;
    arena_free(scratch);
    L->graph->b.block = block;
    L->g->ahead = ahead;
    r->block->stand_before(c, r->block, p, now->at);
}

/* ---- the rule */

Value *rule_steps(Ctx *c)
{
    Lower *L = c->L;
    struct RuleInstance *in = c->rule->inst;
    bool first = in->steps_slot < 0;
    if (first)
        in->steps_slot = state_new(L, c->rule, path_join(L, in->path, "steps"), ir_scalar(IR_I64), IR_SLOT_COUNTER);
    state_is_of(L, c->rule, in->steps_slot, IR_SLOT_COUNTER);
    if (first && !c->rule->block->stand_before && L->fn == L->graph) ahead_first(L, in->steps_slot, ir_const(fn_builder(c), IR_I64, 0));
    return val_tensor(L, ir_add(fn_builder(c), fn_read(L, in->steps_slot), ir_const(fn_builder(c), IR_I64, 1)));
}

bool rule_assign(Ctx *c, const Ast *target, Value *v, Span at)
{
    const Ast *name = target_root(target);
    const Bound *b = names_use(c->L->names, name);
    bool own = b && (b->kind == NAME_PARAM || b->kind == NAME_STATE);      /* a let or a draw of the body is none */
    Value *now = own ? scope_of_place(c, c->rule->scope, name) : NULL;
    if (!now) return false;
    if (b->node == c->rule->w) c->rule->moves = true;
    scope_set(c->L, c->rule->scope, name, target_with(c, target, now, v, at));
    return true;
}

/* New values for slots that are in the order of these. */
static bool put_fields(Ctx *c, Value *slots, Value *now, Span at, Changes *out)
{
    Lower *L = c->L;
    if (slots->kind == V_RECORD && now->kind == V_RECORD && slots->record.n == now->record.n) {
        bool ok = true;
        for (int i = 0; i < slots->record.n; i++) ok = put_fields(c, slots->record.v[i], now->record.v[i], at, out) && ok;
        return ok;
    }
    if (val_bad(now)) return false;
    if (slots->kind != V_SLOT || now == slots) return true;
    IrType t = L->m->slots.v[slots->slot.slot].type;
    const char *path = L->m->slots.v[slots->slot.slot].path;
    IrVal *v = as_tensor(c, now, at);
    if (!v || !type_class_fits(c, now, v, slots->slot.classes, at, path)) return false;
    if (type_elem_becomes(v->type.elem, t.elem)) v = arith_convert(c, v, t.elem);
    if (t.rank && !v->type.rank) v = ir_fill(fn_builder(c), v, ir_dims_of(&t));
    if (ir_type_equal(&v->type, &t)) return changes_put(L, out, slots->slot.slot, v), true;
    const char *varies = v->type.axes.n ? ", and varies over samples" : "";
    diag_error(L->diags, at, E200, "%s is %s, and its new value is %s%s", path, type_text(L, &t), type_text(L, &v->type),
               varies);
    return false;
}

/* New values for slots, field by field of the same name. */
static bool put_value(Ctx *c, Value *slots, Value *now, Span at, Changes *out, const char *what)
{
    Lower *L = c->L;
    if (val_bad(slots)) return false;
    now = as_settled(c, now, at);
    Value *v = val_in_form(L, slots, now);
    if (v) return put_fields(c, slots, v, at, out);
    Diag *d = diag_error(L->diags, at, E200, "%s is %s, and its new value is %s", what, val_text(L, slots), val_text(L, now));
    diag_hint(d, "a new value has all of its fields, like %s - 0.1 * %s", what, what);
    return false;
}

static bool is_declared_twice(Ctx *c, AstList stmts, int i)
{
    for (int k = 0; k < i; k++) {
        if (stmts.v[k]->kind != AST_STATE || strcmp(stmts.v[k]->state.name, stmts.v[i]->state.name)) continue;
        Diag *d = diag_error(c->L->diags, stmts.v[i]->state.name_span, E101, "%s is already declared here", stmts.v[i]->state.name);
        diag_note(d, stmts.v[k]->state.name_span, "the first one");
        return true;
    }
    return false;
}

static void value_lost(Ctx *c, const Ast *lost, const Ast *def)
{
    AstList params = def->define.params2;
    Diag *d = diag_error(c->L->diags, lost->span, E030, "this value is dropped: what a rule sets is its result");
    diag_hint(d, "%s := ... moves the player, and inner(%s, %s) applies a rule", params.v[0]->param.name, params.v[0]->param.name, params.v[1]->param.name);
}

static void changes_nothing(Lower *L, const Ast *def, const Ast *w)
{
    if (names_lack(L->names)) return;                       /* the rule that it applies, or the line that moves it, may be one that could not be read */
    Diag *d = diag_error(L->diags, def->define.name_span, E201, "this rule changes nothing: it gives %s no new value", w->param.name);
    diag_hint(d, "%s := ... is what moves the player", w->param.name);
}

/* May it apply a rule? */
static bool may_apply(const Ast *s) { return s->kind == AST_CALL || s->kind == AST_IF || s->kind == AST_FOR || s->kind == AST_BLOCK; }

/* All statements but the states, which are bound by now. False: what one of them does is not known, or is wrong. A rule sets its names, and
 * applies other rules; it has no value: *lost is the statement whose value is lost, or NULL. */
static bool run_statements(Ctx *c, AstList stmts, const Ast **lost)
{
    *lost = NULL;
    bool known = true;
    for (int i = 0; i < stmts.n; i++) {
        if (stmts.v[i]->kind == AST_STATE) continue;
        Value *v = eval_stmts(c, (AstList){&stmts.v[i], 1});
        if (i + 1 < stmts.n) value_dropped(c, stmts.v[i], v);
        else if (gives_value(v)) *lost = stmts.v[i];
        known = known && !(may_apply(stmts.v[i]) && val_bad(v));
    }
    return known;
}

/* The body, from w and g to the new w; states and the count go to the rule's changes. */
static Value *run_rule(Ctx *c, Closure *k, Rule *r, Value *w, Span at)
{
    Lower *L = c->L;
    const Ast *def = k->def;
    AstList params = def->define.params2, stmts = def->define.body->block.stmts;
    if (params.n != 2) return diag_error(L->diags, def->define.name_span, E109, "an optimiser's second list is (w, g)"), val_error(L);
    Ctx inner = *c;
    r->scope = inner.scope = scope_new(L, k->scope);
    r->w = params.v[0];
    inner.rule = r;
    inner.calls++;
    Value *slots[MAX_ARGS] = {0};
    int n = 0;
    for (int i = 0; i < stmts.n; i++) {
        if (stmts.v[i]->kind != AST_STATE) continue;
        if (n == MAX_ARGS) return too_many(c, stmts.v[i]->span, "so many states of an optimiser", MAX_ARGS);
        if (is_declared_twice(&inner, stmts, i)) return val_error(L);
        bind_state(&inner, r, stmts.v[i]);
        slots[n++] = scope_of_place(&inner, r->scope, stmts.v[i]);
    }
    scope_bind(L, r->scope, r->w, w);
    scope_bind(L, r->scope, params.v[1], r->g);
    check_evaluated(L, def->define.body);
    bool begins = r->block->stand_before && r->inst->block != r->block->number, fresh = begins && r->inst->block;
    if (!r->block->stand_before) restart_ahead(&inner, r, stmts);
    int errors = diags_count(L->diags, DIAG_ERROR);
    const Ast *lost;
    run_statements(&inner, stmts, &lost);
    if (begins && (fresh || !r->inst->constant)) {
        Rule first = *r;
        first.scope = scope_new(L, k->scope);
        for (int i = 0, s = 0; i < stmts.n; i++)
            if (stmts.v[i]->kind == AST_STATE) scope_bind(L, first.scope, stmts.v[i], slots[s++]);
        restart(c, &first, stmts);
    }
    if (begins) r->inst->begun = k->scope, r->inst->block = r->block->number;
    bool ok = true;
    for (int i = 0, s = 0; i < stmts.n; i++)
        if (stmts.v[i]->kind == AST_STATE)
            ok = put_value(&inner, slots[s++], scope_of_place(&inner, r->scope, stmts.v[i]), stmts.v[i]->span, r->out, stmts.v[i]->state.name) && ok;
    if (r->inst->steps_slot >= 0) changes_put(L, r->out, r->inst->steps_slot, as_tensor(&inner, rule_steps(&inner), at));
    if (!r->moves && diags_count(L->diags, DIAG_ERROR) > errors) return val_error(L);
    if (!r->moves) {
        changes_nothing(L, def, r->w);
        return val_error(L);
    }
    if (lost) return value_lost(c, lost, def), val_error(L);
    return ok ? scope_of_place(&inner, r->scope, r->w) : val_error(L);
}

/* A rule applied inside another one: w is what it makes of it. */
Value *optimizer_apply(Ctx *c, Value *opt, Args *args, const void *site, Span at)
{
    Lower *L = c->L;
    Rule *outer = c->rule;
    Closure *k = opt->optimizer.closure;
    AstList params = k->def->define.params2;
    Value *given[MAX_ARGS] = {0};
    Span where[MAX_ARGS];
    if (!outer || args->n != 2) {
        diag_error(L->diags, at, E403, "an optimiser is applied by update ... with, or to (w, g) inside another one");
        return val_error(L);
    }
    if (L->guess) return outer->moves = true, val_none(L);
    if (!call_enter(c, at)) return val_error(L);
    if (params.n != 2) return diag_error(L->diags, k->def->define.name_span, E109, "an optimiser's second list is (w, g)"), val_error(L);
    outer->moves = true;
    if (!place_args(c, params, args, k->name, given, where)) return val_error(L);
    Rule inner = *outer;
    inner.inst = instance_of(c, outer->player, outer->inst, k->def, site_mix(c->site, site));
    inner.moves = false;
    inner.g = as_settled(c, given[1], where[1]);
    Value *w = val_bad(inner.g) ? inner.g : run_rule(c, k, &inner, as_settled(c, given[0], where[0]), at);
    if (!val_bad(w)) scope_set(L, outer->scope, outer->w, w);
    return val_bad(w) ? w : val_none(L);
}

bool optimizer_step(Ctx *c, const Block *b, Player *p, Value *opt, Value *w, Value *g, Span at, Changes *out)
{
    Closure *k = opt->optimizer.closure;
    Rule r = {.inst = instance_of(c, p, NULL, k->def, 0), .player = p, .block = b, .g = g, .out = out};
    Ctx inner = *c;
    inner.site = 0;
    Value *now = run_rule(&inner, k, &r, w, at);
    return !val_bad(now) && put_value(c, w, now, k->def->define.name_span, out, k->def->define.params2.v[0]->param.name);
}

void optimizer_check(Ctx *c, Closure *k, Scope *scope)
{
    Lower *L = c->L;
    const Ast *def = k->def;
    AstList params = def->define.params2, stmts = def->define.body->block.stmts;
    if (params.n != 2) {
        diag_error(L->diags, def->define.name_span, E109, "an optimiser's second list is (w, g)");
        return;
    }
    Rule r = {.scope = scope_new(L, scope), .w = params.v[0]};
    Ctx inner = *c;
    inner.scope = r.scope;
    inner.rule = &r;
    for (int i = 0; i < params.n; i++) scope_bind(L, r.scope, params.v[i], val_error(L));
    for (int i = 0; i < stmts.n; i++) {
        if (stmts.v[i]->kind != AST_STATE) continue;
        if (is_declared_twice(&inner, stmts, i)) return;
        const Ast *draw = stmts.v[i]->state.draw, *value = stmts.v[i]->state.value;
        if (first_changes_nothing(&inner, draw, value)) eval(&inner, draw ? draw : value);
        scope_bind(L, r.scope, stmts.v[i], val_error(L));
    }
    const Ast *lost;
    bool known = run_statements(&inner, stmts, &lost);
    if (known && !r.moves) changes_nothing(L, def, r.w);
    else if (lost) value_lost(c, lost, def);
}
