/* schedule.c - the top level of the main file, and the blocks in it, become the schedule: a tree whose leaves call functions.
 * Each statement that computes is a function of its own. */
#include "compiler/lower/core.h"

#include <math.h>

typedef struct Nodes { ARRAY(GanSchedule *) list; bool top; } Nodes;

static GanSchedule *node(Ctx *c, Nodes *to, GanScheduleKind kind, Span at)
{
    GanSchedule *n = arena_new_of(c->L->a, GanSchedule);
    IrSpan s = span_ir(c->L, at);
    n->kind = kind;
    n->fn = -1;
    n->count = n->by_step = -1;
    n->file = s.file, n->line = s.line, n->col = s.col;
    if (to) array_push(c->L->a, &to->list, n);
    return n;
}

static void take_kids(GanSchedule *n, Nodes *kids)
{
    n->kid = kids->list.v;
    n->n_kids = kids->list.n;
}

static void statements(Ctx *c, AstList stmts, Nodes *to);

/* A block's statements, or the one statement of an `else if`, in a scope of their own. */
static void inner_statements(Ctx *c, const Ast *b, Nodes *to)
{
    Ctx inner = *c;
    inner.scope = scope_new(c->L, c->scope);
    if (b->kind == AST_BLOCK) {
        declare_all(&inner, b->block.stmts);
        statements(&inner, b->block.stmts, to);
    } else {
        statements(&inner, (AstList){(Ast *[]){(Ast *)b}, 1}, to);
    }
}

static void block(Ctx *c, const Ast *b, GanSchedule *n)
{
    Nodes kids = {0};
    inner_statements(c, b, &kids);
    take_kids(n, &kids);
}

/* ---- the game's table */

static void add_name(Lower *L, const char ***list, int *n, const char *name)
{
    for (int i = 0; i < *n; i++)
        if (!strcmp((*list)[i], name)) return;
    const char **more = arena_array(L->a, const char *, *n + 1);
    if (*n) memcpy(more, *list, sizeof *more * (size_t)*n);
    more[(*n)++] = name;
    *list = more;
}

static void game_line(Ctx *c, Fn *f, const char *what, const char *name, Span at)
{
    Lower *L = c->L;
    GameLine g = {.fn = fn_index(L, f), .at = at, .what = what, .name = name, .batch = c->batch > 0 ? c->batch : 0};
    for (int i = 0; i < f->ir->players.n; i++) add_name(L, &g.moves, &g.n_moves, f->ir->players.v[i]);
    for (int i = 0; i < f->reads.n; i++) {
        const IrSlot *s = &L->m->slots.v[f->reads.v[i].slot];
        bool moved = false;
        for (int k = 0; s->player && k < g.n_moves; k++) moved = moved || !strcmp(g.moves[k], s->player);
        if (s->player && s->kind == IR_SLOT_PARAM && !moved) add_name(L, &g.reads, &g.n_reads, s->player);
    }
    for (int i = 0; i < f->draws.n; i++) add_name(L, &g.draws, &g.n_draws, f->draws.v[i]);
    array_push(L->a, &L->lines, g);
}

static const char *source_text(Lower *L, Span at)
{
    const SourceFile *f = source_file(L->sources, at.file);
    return f && at.end <= f->n ? arena_strn(L->a, f->text + at.begin, at.end - at.begin) : "";
}

static void call(Ctx *c, Nodes *to, Fn *f, GanScheduleKind kind, const char *name, Span at)
{
    GanSchedule *n = node(c, to, kind, at);
    n->fn = fn_index(c->L, f);
    n->name = name;
}

/* ---- values that are kept: draws, lets, states */

static const char *indexed(Ctx *c, const char *name) { return *c->index ? strf(c->L, "%s%s", name, c->index) : name; }

static const char *free_path(Lower *L, const char *path)
{
    const char *p = path;
    for (int i = 2; ir_find_slot(L->m, p) >= 0; i++) p = strf(L, "%s_%d", path, i);
    return p;
}

typedef struct Keep { const char *path; Span at; } Keep;

/* A tensor of the function being built goes to a slot of its own, sample axes first. */
static Value *keep_tensor(Ctx *c, Value *v, Keep *k)
{
    Lower *L = c->L;
    IrVal *t = as_tensor(c, v, k->at);
    if (!t) return val_error(L);
    IrAxes axes = t->type.axes;
    if (axes.n) t = as_tensor(c, sample_stack(c, val_tensor(L, t), axes, k->at), k->at);
    if (!t) return val_error(L);
    int slot = ir_slot(L->m, free_path(L, k->path), t->type, IR_SLOT_STATE, NULL);
    ir_commit(L->m, L->fn->ir, slot, t);
    Value *s = val_slot(L, slot);
    s->slot.axes = axes;
    s->slot.classes = v->kind == V_TENSOR ? v->tensor.classes : v->kind == V_SLOT ? v->slot.classes : 0;
    s->slot.own_axis = v->kind == V_TENSOR ? v->tensor.own_axis : -1;
    return s;
}

static bool runs(Lower *L, const Value *v)
{
    if (v->kind == V_TENSOR) return true;
    if (v->kind == V_SLOT) return L->m->slots.v[v->slot.slot].kind != IR_SLOT_DATA;
    if (v->kind == V_LIST)
        for (int i = 0; i < v->list.n; i++)
            if (runs(L, v->list.v[i])) return true;
    if (v->kind == V_RECORD)
        for (int i = 0; i < v->record.n; i++)
            if (runs(L, v->record.v[i])) return true;
    return false;
}

static Value *keep(Ctx *c, Value *v, Keep k)
{
    Lower *L = c->L;
    if (!runs(L, v)) return v;
    bool list = v->kind == V_LIST;
    if (!list && v->kind != V_RECORD) return keep_tensor(c, v, &k);
    int n = list ? v->list.n : v->record.n;
    Value **f = arena_array(L->a, Value *, n + 1);
    for (int i = 0; i < n; i++) {
        const char *field = !list && v->record.name ? v->record.name[i] : strf(L, "%d", i);
        f[i] = keep(c, list ? v->list.v[i] : v->record.v[i], (Keep){path_join(L, k.path, field), k.at});
    }
    return list ? val_list(L, f, n) : val_record(L, f, v->record.name, n);
}

/* What a statement computed, as it is known to later ones: see Kept. */
static Value *kept(Ctx *c, Value *slots, const Ast *expr, const char *name, Span at)
{
    Lower *L = c->L;
    Fn *f = L->fn;
    Kept *k = arena_new_of(L->a, Kept);
    k->slots = slots;
    k->draws = f->ticks;
    k->time = L->time;
    k->at = at;
    for (int i = 0; i < f->reads.n; i++) {
        const IrSlot *s = &L->m->slots.v[f->reads.v[i].slot];
        if (s->player && s->kind == IR_SLOT_PARAM) add_name(L, &k->player, &k->n_players, s->player);
    }
    if (!k->n_players) return slots;
    Value *v = val_new(L, V_THUNK);
    v->thunk.expr = expr;
    v->thunk.scope = c->scope;
    v->thunk.name = name;
    v->thunk.kept = k;
    return v;
}

/* Every name of a scope that was filled by one statement, kept, and bound where the statement stands. `expr` (NULL: none) is what
 * the only name stands for. */
static void keep_names(Ctx *c, Scope *from, const Ast *expr, const Ast *s, bool *any)
{
    for (int i = 0; i < from->names.n; i++) {
        Binding *b = &from->names.v[i];
        bool now = runs(c->L, b->value);
        Value *v = keep(c, b->value, (Keep){indexed(c, b->name), b->at});
        if (now && !val_bad(v)) v = kept(c, v, expr ? expr : s, b->name, s->span);
        *any = *any || now;
        scope_bind(c->L, c->scope, b->name, v, b->at);
    }
}

static void sched_sample(Ctx *c, const Ast *s, Nodes *to)
{
    Lower *L = c->L;
    const Ast *first = s->sample.binders.v[0]->binder.patterns.v[0];
    Ctx inner = *c;
    inner.scope = scope_new(L, c->scope);
    bool any = false;
    Fn *f = fn_begin(L, strf(L, "draw_%s", first->kind == AST_NAME ? first->name.name : "sample"), IR_FN_STATE);
    eval_sample(&inner, s);
    keep_names(c, inner.scope, NULL, s, &any);
    fn_end(L);
    call(c, to, f, GAN_CALL, NULL, s->span);
    game_line(c, f, "draw", source_text(L, s->span), s->span);
}

static void let_value(Ctx *c, const Ast *s, Scope *names)
{
    Ctx inner = *c;
    inner.scope = c->scope;
    Value *v = s->let.pattern->kind == AST_NAME && c->scope == c->L->file ? declare(&inner, s, s->let.pattern->name.name) : eval(&inner, s->let.value);
    if (s->let.type && c->scope != c->L->file) v = type_conform(&inner, v, s->let.type, s->let.value->span, "this value");
    inner.scope = names;
    scope_bind_pattern(&inner, names, s->let.pattern, v);
}

/* A static value is a name for it; a tensor is computed once, where the let stands. */
static void sched_let(Ctx *c, const Ast *s, Nodes *to)
{
    Lower *L = c->L;
    const char *name = s->let.pattern->kind == AST_NAME ? s->let.pattern->name.name : "values";
    Scope *names = scope_new(L, c->scope);
    bool any = false;
    for (int i = 0; i < c->scope->names.n; i++)             /* asked for before it was reached: it was static */
        if (!strcmp(c->scope->names.v[i].name, name) && c->scope->names.v[i].decl == s && c->scope->names.v[i].state == B_READY) return;
    Fn *f = fn_begin(L, strf(L, "let_%s", name), IR_FN_STATE);
    let_value(c, s, names);
    keep_names(c, names, s->let.pattern->kind == AST_NAME ? s->let.value : NULL, s, &any);
    if (!any) {
        fn_drop(L);
        return;
    }
    fn_end(L);
    call(c, to, f, GAN_CALL, NULL, s->span);
    game_line(c, f, "let", name, s->span);
}

/* state pool ~ A^512, without a type: that of the draw or value. */
static Value *untyped_state(Ctx *c, const Ast *s, const char *path)
{
    Lower *L = c->L;
    Ctx inner = *c;
    inner.path = path;
    inner.batch = -1;
    Fn *before = fn_enter_init(L);
    Value *v = val_error(L);
    Dist *d = s->state.draw ? as_dist(&inner, eval_raw(&inner, s->state.draw), s->state.draw->span) : NULL;
    if (d) v = dist_sample(&inner, d, NULL, s->span);
    else if (s->state.value) v = eval(&inner, s->state.value);
    IrVal *t = val_bad(v) ? NULL : v->kind == V_INT ? as_real(&inner, v, s->span) : as_tensor(&inner, v, s->span);
    int slot = t ? ir_slot(L->m, path, t->type, IR_SLOT_STATE, NULL) : -1;
    if (t) fn_initialise(L, slot, t);
    fn_leave_init(L, before);
    return t ? val_slot(L, slot) : val_error(L);
}

static void sched_state(Ctx *c, const Ast *s)
{
    const char *path = free_path(c->L, indexed(c, s->state.name));
    Value *v = s->state.type ? layer_slot(c, path, s->state.type, s->state.draw, s->state.value, IR_SLOT_STATE, NULL, s->span) : untyped_state(c, s, path);
    scope_bind(c->L, c->scope, s->state.name, v, s->state.name_span);
}

/* chain[step] := e: the other rows stay. */
static IrVal *assign_row(Ctx *c, const Ast *target, IrVal *old, IrVal *row)
{
    IrBuilder *b = fn_builder(c);
    if (target->index.items.n != 1 || target->index.items.v[0]->kind == AST_RANGE) return unsupported(c, target->span, "this target of :="), NULL;
    IrVal *i = as_tensor(c, eval(c, target->index.items.v[0]), target->index.items.v[0]->span);
    if (!i || !old->type.rank) return NULL;
    if (i->type.rank || ir_is_real(i->type.elem)) return unsupported(c, target->span, "this index of a target of :="), NULL;
    IrInts d = ir_dims_of(&old->type), kept = ir_ints(0, NULL);
    for (int k = 1; k < d.n; k++) kept.v[kept.n++] = k;
    IrVal *here = ir_compare(b, IR_EQ, ir_index_dim(b, d, 0), ir_convert(b, i, IR_I32));
    if (row->type.rank && (row->type.rank + 1 != old->type.rank || memcmp(row->type.dim, old->type.dim + 1, sizeof(int64_t) * row->type.rank))) {
        diag_error(c->L->diags, target->span, E200, "a row of %s cannot be %s", type_text(c->L, &old->type), type_text(c->L, &row->type));
        return NULL;
    }
    if (row->type.rank) row = ir_broadcast(b, row, d, kept);
    return ir_select(b, here, ir_convert(b, row, old->type.elem), old);
}

static void sched_assign(Ctx *c, const Ast *s, Nodes *to)
{
    Lower *L = c->L;
    const Ast *target = s->assign.target, *name = target->kind == AST_INDEX ? target->index.object : target;
    if (name->kind != AST_NAME) {
        unsupported(c, target->span, "this target of :=");
        return;
    }
    Value *state = scope_find(c, name->name.name, name->span, true);
    if (!state) {
        scope_unknown(c, name->name.name, name->span);
        return;
    }
    if (state->kind != V_SLOT || L->m->slots.v[state->slot.slot].kind != IR_SLOT_STATE) {
        if (!val_bad(state)) diag_error(L->diags, target->span, E201, ":= changes a state, and %s is %s", name->name.name, val_text(L, state));
        return;
    }
    Fn *f = fn_begin(L, strf(L, "set_%s", name->name.name), IR_FN_STATE);
    Value *v = eval(c, s->assign.value);
    IrVal *t = val_bad(v) ? NULL : as_tensor(c, v, s->assign.value->span), *old = fn_read(L, state->slot.slot);
    if (t && target->kind == AST_INDEX) t = assign_row(c, target, old, t);
    if (t) {
        IrType want = old->type;
        bool real = ir_is_real(want.elem);
        if (real || !ir_is_real(t->type.elem)) t = arith_convert(c, t, want.elem);
        if (want.rank && !t->type.rank) t = ir_fill(fn_builder(c), t, ir_dims_of(&want));
        if (ir_type_equal(&t->type, &want)) ir_commit(L->m, f->ir, state->slot.slot, t);
        else diag_error(L->diags, s->assign.value->span, E200, "%s is %s, and this is %s%s", name->name.name, type_text(L, &want), type_text(L, &t->type),
                        t->type.axes.n ? " for each sample" : "");
    }
    fn_end(L);
    call(c, to, f, GAN_CALL, NULL, s->span);
}

/* ---- updates */

static bool named_twice(Ctx *c, Player **seen, Span *where, int *n, const Ast *u)
{
    bool twice = false;
    for (int i = 0; i < u->update.players.n; i++) {
        Value *v = eval_raw(c, u->update.players.v[i]);
        if (v->kind != V_PLAYER) continue;
        Span at = u->update.players.v[i]->span;
        for (int k = 0; k < *n; k++) {
            if (seen[k] != v->player) continue;
            Diag *d = diag_error(c->L->diags, at, E402, "%s is updated twice from one starting point", v->player->name);
            diag_note(d, where[k], "the first time");
            twice = true;
        }
        if (*n < MAX_ARGS) seen[*n] = v->player, where[(*n)++] = at;
    }
    return twice;
}

static const char *update_name(Ctx *c, const Ast *u, const char *so_far)
{
    Text t = text_in(c->L->a);
    text_add(&t, so_far);
    for (int i = 0; i < u->update.players.n; i++) {
        Value *v = eval_raw(c, u->update.players.v[i]);
        text_printf(&t, "_%s", v->kind == V_PLAYER ? v->player->name : "x");
    }
    return text_str(&t);
}

/* One update, or several that read the same starting point: one function. */
static void sched_updates(Ctx *c, AstList updates, Nodes *to, Span at)
{
    Lower *L = c->L;
    Player *seen[MAX_ARGS];
    Span where[MAX_ARGS];
    int n = 0;
    const char *name = "update";
    for (int i = 0; i < updates.n; i++) {
        const Ast *u = updates.v[i];
        if (u->kind != AST_UPDATE) {
            diag_error(L->diags, u->span, E403, "simultaneous holds updates and nothing else");
            return;
        }
        if (named_twice(c, seen, where, &n, u)) return;
        name = update_name(c, u, name);
    }
    Fn *f = fn_begin(L, name, IR_FN_UPDATE);
    for (int i = 0; i < updates.n; i++) eval_update(c, updates.v[i]);
    layer_commit_states(c);
    fn_end(L);
    call(c, to, f, GAN_CALL, NULL, at);
    for (int i = 0; i < n; i++) seen[i]->time = ++L->time;
    game_line(c, f, "update", updates.n == 1 ? source_text(L, updates.v[0]->update.value->span) : "simultaneous", at);
}

static void find_updating(Ctx *c, const Ast *s)
{
    Lower *L = c->L;
    if (!s) return;
    switch (s->kind) {
    case AST_BLOCK:
        for (int i = 0; i < s->block.stmts.n; i++) find_updating(c, s->block.stmts.v[i]);
        return;
    case AST_REPEAT: find_updating(c, s->repeat.body); return;
    case AST_EVERY: find_updating(c, s->every.body); return;
    case AST_SIMULTANEOUS: find_updating(c, s->simultaneous.body); return;
    case AST_EXTRAGRADIENT: find_updating(c, s->extragradient.body); return;
    case AST_FOR: find_updating(c, s->for_.body); return;
    case AST_IF:
        find_updating(c, s->if_.then);
        find_updating(c, s->if_.otherwise);
        return;
    case AST_UPDATE:
        for (int i = 0; i < s->update.players.n; i++) {
            const Ast *e = s->update.players.v[i];
            Value *v = e->kind == AST_NAME ? scope_find(c, e->name.name, e->span, true) : NULL;
            if (v && v->kind == V_PLAYER) array_push(L->a, &L->updating, v->player);
        }
        return;
    default: return;
    }
}

/* ---- alternate */

/* The first value of an optimiser's slot, made again: zeros, or another constant. */
static IrVal *first_value(Lower *L, int slot)
{
    IrVal *v = NULL;
    for (int i = 0; i < L->init->ir->commits.n; i++)
        if (L->init->ir->commits.v[i].slot == slot) v = L->init->ir->commits.v[i].val;
    while (v && v->def && v->def->n_args == 1 && (v->def->op == IR_broadcast || v->def->op == IR_convert || v->def->op == IR_reshape)) v = v->def->arg[0];
    if (!v || !v->def || v->def->op != IR_const) return NULL;
    IrType t = L->m->slots.v[slot].type;
    IrBuilder *b = &L->fn->b;
    IrVal *k = ir_const(b, t.elem, v->def->attr.value);
    return t.rank ? ir_fill(b, k, ir_dims_of(&t)) : k;
}

static void restart(Ctx *c, Player *p, Nodes *before, Span at)
{
    Lower *L = c->L;
    Fn *f = fn_begin(L, strf(L, "restart_%s", p->name), IR_FN_STATE);
    for (int s = 0; s < L->m->slots.n; s++) {
        const IrSlot *slot = &L->m->slots.v[s];
        bool mine = slot->player && !strcmp(slot->player, p->name);
        if (mine && slot->kind == IR_SLOT_OPTIMIZER) {
            IrVal *v = first_value(L, s);
            if (v) ir_commit(L->m, f->ir, s, v);
            else unsupported(c, at, "a second block of updates with an optimiser whose state does not start at a constant");
        }
    }
    if (p->steps_slot >= 0) ir_commit(L->m, f->ir, p->steps_slot, ir_const(&f->b, IR_I64, 0));
    fn_end(L);
    call(c, before, f, GAN_CALL, NULL, at);
}

static void sched_alternate(Ctx *c, const Ast *s, Nodes *to)
{
    Lower *L = c->L;
    Ctx inner = *c;
    int64_t steps, batch = -1;
    if (!to->top) {
        diag_error(L->diags, s->span, E403, "alternate stands at the top level, not inside another block");
        return;
    }
    if (!as_size(c, eval(c, s->alternate.steps), s->alternate.steps->span, "the number of steps", &steps)) return;
    if (s->alternate.batch && !as_size(c, eval(c, s->alternate.batch), s->alternate.batch->span, "the batch size", &batch)) return;
    if (batch == 0) {
        diag_error(L->diags, s->alternate.batch->span, E302, "a batch has at least one sample");
        return;
    }
    inner.batch = batch;
    L->updating.n = 0;
    find_updating(&inner, s->alternate.body);
    L->block++;
    Nodes restarts = {0};
    GanSchedule *n = node(c, NULL, GAN_ALTERNATE, s->span);
    n->count = steps;
    block(&inner, s->alternate.body, n);
    for (int i = 0; i < L->updating.n; i++) {
        Player *p = L->updating.v[i];
        if (p->block >= 0 && p->block != L->block) restart(c, p, &restarts, s->span);
        p->block = L->block;
    }
    for (int i = 0; i < restarts.list.n; i++) array_push(L->a, &to->list, restarts.list.v[i]);
    array_push(L->a, &to->list, n);
    L->updating.n = 0;
}

/* ---- repeat, every, if, for */

/* A number that the schedule asks for while it runs. */
static int count_fn(Ctx *c, Value *v, Span at, Fn *f)
{
    IrVal *t = as_tensor(c, v, at);
    if (!t) return -1;
    if (t->type.rank || t->type.axes.n || t->type.elem == IR_BOOL) {
        diag_error(c->L->diags, at, E201, "a number of times is one integer, and this is %s", type_text(c->L, &t->type));
        return -1;
    }
    ir_report(c->L->m, f->ir, "count", arith_convert(c, t, IR_I64));
    return 0;
}

static void sched_repeat(Ctx *c, const Ast *s, Nodes *to)
{
    Lower *L = c->L;
    Span at = s->repeat.count->span;
    GanSchedule *n = node(c, to, GAN_REPEAT, s->span);
    Fn *f = fn_begin(L, "count", IR_FN_REPORT);
    Value *v = as_settled(c, eval(c, s->repeat.count), at);
    if (v->kind == V_TENSOR || v->kind == V_SLOT) {
        count_fn(c, v, at, f);
        fn_end(L);
        n->fn = fn_index(L, f);
    } else {
        fn_drop(L);
        as_size(c, v, at, "the number of times", &n->count);
    }
    block(c, s->repeat.body, n);
}

static void sched_every(Ctx *c, const Ast *s, Nodes *to)
{
    GanSchedule *n = node(c, to, GAN_EVERY, s->span);
    if (!as_size(c, eval(c, s->every.count), s->every.count->span, "the number of rounds", &n->count)) return;
    if (!n->count) diag_error(c->L->diags, s->every.count->span, E403, "every 0 rounds would be never");
    block(c, s->every.body, n);
}

/* The condition as a function with one bool, or a static one: then NULL, and *now. */
static Fn *condition(Ctx *c, const Ast *e, const char *name, bool *now, bool *ok)
{
    Lower *L = c->L;
    Ctx inner = *c;
    Fn *f = fn_begin(L, name, IR_FN_REPORT);
    Value *v = as_settled(&inner, eval(&inner, e), e->span);
    *ok = !val_bad(v);
    if (v->kind == V_BOOL || val_bad(v)) {
        *now = v->kind == V_BOOL && v->b;
        fn_drop(L);
        return NULL;
    }
    IrVal *t = as_tensor(&inner, v, e->span);
    *ok = t && t->type.elem == IR_BOOL && !t->type.rank && !t->type.axes.n;
    if (*ok) ir_report(L->m, f->ir, name, t);
    else if (t) diag_error(L->diags, e->span, E201, "a condition is true or false, and this is %s", val_text(L, v));
    fn_end(L);
    return f;
}

static void sched_if(Ctx *c, const Ast *s, Nodes *to)
{
    bool now, ok;
    Fn *f = condition(c, s->if_.cond, "condition", &now, &ok);
    if (!ok) return;
    const Ast *otherwise = s->if_.otherwise;
    if (!f) {                                               /* known now: one side is the program, and stands where the if does */
        if (now || otherwise) inner_statements(c, now ? s->if_.then : otherwise, to);
        return;
    }
    GanSchedule *n = node(c, to, GAN_IF, s->span), *side[2] = {node(c, NULL, GAN_SEQUENCE, s->if_.then->span), NULL};
    n->fn = fn_index(c->L, f);
    block(c, s->if_.then, side[0]);
    if (otherwise) {
        side[1] = node(c, NULL, GAN_SEQUENCE, otherwise->span);
        block(c, otherwise, side[1]);
    }
    n->kid = arena_copy(c->L->a, side, sizeof side);
    n->n_kids = otherwise ? 2 : 1;
}

static const char *next_index(Ctx *c, const Value *item)
{
    const char *key = val_key(c->L, item);
    size_t n = strlen(c->index);
    return n ? strf(c->L, "%.*s,%s]", (int)n - 1, c->index, key) : strf(c->L, "[%s]", key);
}

/* Each round is a program of its own. */
static void sched_for(Ctx *c, const Ast *s, Nodes *to)
{
    Value **item;
    int64_t n;
    if (s->for_.carries.n) {
        unsupported(c, s->span, "a loop that carries values, among statements");
        return;
    }
    if (!for_items(c, s->for_.source, &item, &n)) return;
    for (int64_t i = 0; i < n && !c->L->too_large && !c->L->too_deep; i++) {
        Ctx round = *c;
        round.scope = scope_new(c->L, c->scope);
        round.index = next_index(c, item[i]);
        scope_bind_pattern(&round, round.scope, s->for_.var, item[i]);
        AstList stmts = s->for_.body->block.stmts;
        declare_all(&round, stmts);
        statements(&round, stmts, to);
    }
}

/* ---- average, copy */

static void blend(Ctx *c, const Ast *source, const Ast *target, const Ast *decay, Nodes *to, Span at)
{
    Lower *L = c->L;
    Player *from = as_player(c, eval_raw(c, source), source->span), *into = as_player(c, eval_raw(c, target), target->span);
    if (!from || !into) return;
    player_find_params(c, from, source->span);
    player_find_params(c, into, target->span);
    Fn *f = fn_begin(L, strf(L, "%s_%s", decay ? "average" : "copy", into->name), IR_FN_STATE);
    IrBuilder *b = &f->b;
    IrVal *k = decay ? as_real(c, eval(c, decay), decay->span) : NULL;
    for (int i = 0; i < from->params.n; i++) {
        const char *path = strf(L, "%s%s", into->name, L->m->slots.v[from->params.v[i]].path + strlen(from->name));
        int slot = ir_find_slot(L->m, path);
        IrVal *v = fn_read(L, from->params.v[i]);
        if (slot < 0 || !ir_type_equal(&L->m->slots.v[slot].type, &v->type)) {
            diag_error(L->diags, at, E405, "%s and %s do not have the same parameters: there is no %s like %s", from->name, into->name, path, L->m->slots.v[from->params.v[i]].path);
            break;
        }
        if (decay && k) {
            IrVal *old = fn_read(L, slot), *keep = ir_convert(b, k, v->type.elem);
            IrVal *share = ir_sub(b, ir_const_like(b, keep, 1), keep);
            v = ir_add(b, ir_mul(b, old, keep), ir_mul(b, v, share));
        }
        ir_commit(L->m, f->ir, slot, v);
    }
    array_push(L->a, &f->ir->players, into->name);
    fn_end(L);
    into->updated = true;
    into->time = ++L->time;
    call(c, to, f, GAN_CALL, NULL, at);
    game_line(c, f, decay ? "average" : "copy", into->name, at);
}

/* ---- report, plot, image */

static const char *report_name(Ctx *c, const Ast *s)
{
    Text t = text_in(c->L->a);
    text_add(&t, s->report.name);
    for (int i = 0; i < s->report.indices.n; i++) {
        Value *k = eval_raw(c, s->report.indices.v[i]);
        text_printf(&t, "%s%s", i ? "," : "[", val_key(c->L, k));
    }
    if (s->report.indices.n) text_add(&t, "]");
    return text_str(&t);
}

static void remember_report(Lower *L, const char *name)
{
    for (int i = 0; i < L->reports.n; i++)
        if (!strcmp(L->reports.v[i], name)) return;
    array_push(L->a, &L->reports, name);
}

static IrVal *report_number(Ctx *c, const Ast *s)
{
    Value *v = eval(c, s->report.value);
    IrVal *t = val_bad(v) ? NULL : as_tensor(c, v, s->report.value->span);
    if (!t) return NULL;
    if (!t->type.rank && !t->type.axes.n) return arith_convert(c, t, IR_F64);
    Diag *d = diag_error(c->L->diags, s->report.value->span, E401, "a report is one number, and this is %s%s", type_text(c->L, &t->type), t->type.axes.n ? " for each sample" : "");
    if (t->type.axes.n) diag_hint(d, "E[x] ... averages over a sample");
    return NULL;
}

static void sched_report(Ctx *c, const Ast *s, Nodes *to)
{
    Lower *L = c->L;
    const char *name = report_name(c, s), *path = strf(L, "report.%s", name);
    IrType t = ir_scalar(IR_F64);
    Fn *f = fn_begin(L, strf(L, "report_%s", name), IR_FN_REPORT);
    Ctx inner = *c;
    IrVal *v = report_number(&inner, s);
    if (v) {
        int slot = ir_find_slot(L->m, path);
        if (slot < 0) {
            slot = ir_slot(L->m, path, t, IR_SLOT_STATE, NULL);
            Fn *before = fn_enter_init(L);
            fn_initialise(L, slot, ir_const(&L->fn->b, IR_F64, NAN));
            fn_leave_init(L, before);
        }
        ir_report(L->m, f->ir, name, v);
        ir_commit(L->m, f->ir, slot, v);
    }
    fn_end(L);
    remember_report(L, name);
    call(c, to, f, GAN_REPORT, name, s->span);
    game_line(c, f, "report", name, s->span);
}

typedef struct Picture { int64_t n; double lo, hi; const Ast *what[MAX_ARGS]; int n_what; } Picture;

/* scatter(p, q, n: 1000), grid(p, 64, lo: -1, hi: 1). */
static bool picture_args(Ctx *c, const Ast *s, bool grid, Picture *p)
{
    const Ast *e = s->report.value;
    const char *word = grid ? "grid" : "scatter";
    *p = (Picture){.n = grid ? 64 : 1000, .lo = -1, .hi = 1};
    bool is = e->kind == AST_CALL && e->call.callee->kind == AST_NAME && !strcmp(e->call.callee->name.name, word);
    if (!is || e->call.args.n > MAX_ARGS) {
        diag_error(c->L->diags, e->span, E403, "%s takes %s(...)", AstReport_name(s->report.what), word);
        return false;
    }
    for (int i = 0; i < e->call.args.n; i++) {
        const Ast *a = e->call.args.v[i];
        const char *name = a->arg.name ? a->arg.name : grid && i == 1 ? "n" : NULL;
        Span at = a->arg.value->span;
        if (!name) p->what[p->n_what++] = a->arg.value;
        else if (!strcmp(name, "n") ? !as_size(c, eval(c, a->arg.value), at, "n", &p->n)
                 : !strcmp(name, "lo") ? !as_number(c, eval(c, a->arg.value), at, "lo", &p->lo)
                 : !strcmp(name, "hi") ? !as_number(c, eval(c, a->arg.value), at, "hi", &p->hi) : true) {
            if (strcmp(name, "n") && strcmp(name, "lo") && strcmp(name, "hi")) diag_error(c->L->diags, at, E110, "%s has no argument called %s", word, name);
            return false;
        }
    }
    if (p->n_what >= 1 && p->n > 0 && (!grid || p->n_what == 1)) return true;
    diag_error(c->L->diags, e->span, E109, grid ? "grid takes one distribution of images" : "scatter takes distributions of points in the plane");
    return false;
}

static IrVal *picture_draw(Ctx *c, const Ast *e, int64_t n, bool grid)
{
    Lower *L = c->L;
    Dist *d = as_dist(c, eval_raw(c, e), e->span);
    if (!d) return NULL;
    int axis = ir_axis(L->m, "picture", n);
    Ctx inner = *c;
    inner.axes = ir_one_axis(axis);
    if (!axes_fit(c, inner.axes, e->span)) return NULL;
    Value *v = dist_sample(&inner, d, NULL, e->span);
    if (!val_bad(v)) v = sample_stack(c, v, inner.axes, e->span);
    IrVal *t = val_bad(v) ? NULL : as_real(c, v, e->span);
    if (!t) return NULL;
    bool plane = t->type.rank == 2 && t->type.dim[1] == 2, image = t->type.rank == 3 || (t->type.rank == 4 && (t->type.dim[3] == 1 || t->type.dim[3] == 3));
    if (grid ? image : plane) return t;
    IrInts each = ir_ints(t->type.rank - 1, t->type.dim + 1);
    diag_error(L->diags, e->span, E201, grid ? "grid draws images, [h, w] or [h, w, 3], and a draw of this has the shape %s" : "scatter draws points, [2], and a draw of this has the shape %s",
               dims_text(L, &each));
    return NULL;
}

static void sched_picture(Ctx *c, const Ast *s, Nodes *to)
{
    Lower *L = c->L;
    bool grid = s->report.what == AST_REPORT_IMAGE;
    Picture p;
    if (!picture_args(c, s, grid, &p)) return;
    const char *name = report_name(c, s);
    Fn *f = fn_begin(L, strf(L, "%s_%s", AstReport_name(s->report.what), name), IR_FN_REPORT);
    for (int i = 0; i < p.n_what; i++) {
        IrVal *t = picture_draw(c, p.what[i], p.n, grid);
        if (t) ir_report(L->m, f->ir, strf(L, "%d", i), t);
    }
    fn_end(L);
    call(c, to, f, grid ? GAN_GRID : GAN_SCATTER, name, s->span);
    GanSchedule *n = to->list.v[to->list.n - 1];
    n->lo = p.lo, n->hi = p.hi;
    game_line(c, f, AstReport_name(s->report.what), name, s->span);
}

/* ---- stop, expect, save */

static void sched_stop(Ctx *c, const Ast *s, Nodes *to)
{
    bool now, ok;
    Ctx inner = *c;
    inner.reports_first = true;
    Fn *f = condition(&inner, s->stop.cond, "stop", &now, &ok);
    if (!f && ok) diag_error(c->L->diags, s->stop.cond->span, E206, "this condition is %s from the start", now ? "true" : "false");
    if (f) call(c, to, f, GAN_STOP, "stop", s->span);
}

static void sched_expect(Ctx *c, const Ast *s, Nodes *to)
{
    bool now, ok;
    Ctx inner = *c;
    inner.reports_first = true;
    const char *text = source_text(c->L, s->expect.cond->span);
    Fn *f = condition(&inner, s->expect.cond, "expect", &now, &ok);
    if (!f && ok && !now) diag_error(c->L->diags, s->expect.cond->span, E206, "this can never hold");
    if (!f) return;
    call(c, to, f, GAN_EXPECT, text, s->span);
    GanSchedule *n = to->list.v[to->list.n - 1];
    if (s->expect.by) as_size(c, eval(c, s->expect.by), s->expect.by->span, "the step", &n->by_step);
}

static void sched_save(Ctx *c, const Ast *s, Nodes *to)
{
    GanSchedule *n = node(c, to, GAN_SAVE, s->span);
    if (!s->save.name) return;
    Value *v = eval(c, s->save.name);
    if (v->kind == V_STRING) n->name = v->s;
    else if (!val_bad(v)) diag_error(c->L->diags, s->save.name->span, E201, "save takes a name, and this is %s", val_text(c->L, v));
}

/* ---- statements */

static void touch(Ctx *c, const char *name) { scope_local(c, c->scope, name); }

static void statement(Ctx *c, const Ast *s, Nodes *to)
{
    switch (s->kind) {
    case AST_IMPORT: return;
    case AST_DEFINE: touch(c, s->define.name); return;
    case AST_DATA:
        for (int i = 0; i < s->data.names.n; i++) touch(c, s->data.names.v[i]->name.name);
        return;
    case AST_LOSS: touch(c, s->loss.name); return;
    case AST_COMPARE: touch(c, s->compare.name); return;
    case AST_LET: sched_let(c, s, to); return;
    case AST_SAMPLE: sched_sample(c, s, to); return;
    case AST_STATE: sched_state(c, s); return;
    case AST_ASSIGN: sched_assign(c, s, to); return;
    case AST_ALTERNATE: sched_alternate(c, s, to); return;
    case AST_REPEAT: sched_repeat(c, s, to); return;
    case AST_EVERY: sched_every(c, s, to); return;
    case AST_SIMULTANEOUS: sched_updates(c, s->simultaneous.body->block.stmts, to, s->span); return;
    case AST_EXTRAGRADIENT: unsupported(c, s->span, "extragradient"); return;
    case AST_UPDATE: sched_updates(c, (AstList){(Ast *[]){(Ast *)s}, 1}, to, s->span); return;
    case AST_AVERAGE: blend(c, s->average.source, s->average.target, s->average.decay, to, s->span); return;
    case AST_COPY: blend(c, s->copy.source, s->copy.target, NULL, to, s->span); return;
    case AST_REPORT:
        if (s->report.what == AST_REPORT_REPORT) sched_report(c, s, to);
        else sched_picture(c, s, to);
        return;
    case AST_SAVE: sched_save(c, s, to); return;
    case AST_STOP: sched_stop(c, s, to); return;
    case AST_EXPECT: sched_expect(c, s, to); return;
    case AST_IF: sched_if(c, s, to); return;
    case AST_FOR: sched_for(c, s, to); return;
    case AST_BLOCK: {
        GanSchedule *n = node(c, to, GAN_SEQUENCE, s->span);
        block(c, s, n);
        return;
    }
    default:
        if (ast_is_expr(s)) diag_error(c->L->diags, s->span, E030, "this value is dropped");
        else diag_error(c->L->diags, s->span, E403, "%s cannot stand here", ast_kind_name((AstKind)s->kind));
    }
}

static void statements(Ctx *c, AstList stmts, Nodes *to)
{
    for (int i = 0; i < stmts.n; i++) statement(c, stmts.v[i], to);
}

void schedule_program(Ctx *c)
{
    Nodes top = {.top = true};
    const Ast *file = c->L->modules.main->ast;
    if (file) statements(c, file->file.stmts, &top);
    c->L->root = node(c, NULL, GAN_SEQUENCE, SPAN_NONE);
    take_kids(c->L->root, &top);
}
