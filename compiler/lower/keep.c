/* keep.c - draws, lets and states of the schedule: computed once, where they stand, kept in slots, and read by later statements. */
#include "compiler/lower/schedule.h"

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

static Value *keep(Ctx *c, Value *v, Keep k)
{
    Lower *L = c->L;
    if (!val_runs(L, v)) return v;
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
        if (s->player && s->kind == IR_SLOT_PARAM) sched_add_name(L, &k->player, &k->n_players, s->player);
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
        bool now = val_runs(c->L, b->value);
        Value *v = keep(c, b->value, (Keep){sched_indexed(c, b->name), b->at});
        if (now && !val_bad(v)) v = kept(c, v, expr ? expr : s, b->name, s->span);
        *any = *any || now;
        scope_bind(c->L, c->scope, b->name, v, b->at);
    }
}

void sched_sample(Ctx *c, const Ast *s, Nodes *to)
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
    sched_call(c, to, f, GAN_CALL, NULL, s->span);
    sched_line(c, f, "draw", sched_text(L, s->span), s->span);
}

static void let_value(Ctx *c, const Ast *s, Scope *names)
{
    Ctx inner = *c;
    inner.scope = c->scope;
    bool declared = s->let.pattern->kind == AST_NAME && c->scope == c->L->file;    /* which looks at the type, too */
    Value *v = declared ? declare(&inner, s, s->let.pattern->name.name) : eval(&inner, s->let.value);
    if (s->let.type && !declared)
        v = type_conform(&inner, v, s->let.type, s->let.value->span, "this value");
    inner.scope = names;
    scope_bind_pattern(&inner, names, s->let.pattern, v);
}

/* A static value is a name for it; a tensor is computed once, where the let stands. */
void sched_let(Ctx *c, const Ast *s, Nodes *to)
{
    Lower *L = c->L;
    const char *name = s->let.pattern->kind == AST_NAME ? s->let.pattern->name.name : "values";
    Scope *names = scope_new(L, c->scope);
    bool any = false;
    for (int i = 0; i < c->scope->names.n; i++)             /* asked for before it was reached: it was static */
        if (!strcmp(c->scope->names.v[i].name, name) && c->scope->names.v[i].decl == s &&
            c->scope->names.v[i].state == B_READY)
            return;
    Fn *f = fn_begin(L, strf(L, "let_%s", name), IR_FN_STATE);
    let_value(c, s, names);
    keep_names(c, names, s->let.pattern->kind == AST_NAME ? s->let.value : NULL, s, &any);
    if (!any) {
        fn_drop(L);
        return;
    }
    fn_end(L);
    sched_call(c, to, f, GAN_CALL, NULL, s->span);
    sched_line(c, f, "let", name, s->span);
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

void sched_state(Ctx *c, const Ast *s)
{
    const char *path = free_path(c->L, sched_indexed(c, s->state.name));
    Value *v = s->state.type
                   ? layer_slot(c, path, s->state.type, s->state.draw, s->state.value, IR_SLOT_STATE, NULL, s->span)
                   : untyped_state(c, s, path);
    scope_bind(c->L, c->scope, s->state.name, v, s->state.name_span);
}

/* chain[step] := e: the other rows stay. */
static IrVal *assign_row(Ctx *c, const Ast *target, IrVal *old, IrVal *row)
{
    IrBuilder *b = fn_builder(c);
    if (target->index.items.n != 1 || target->index.items.v[0]->kind == AST_RANGE)
        return unsupported(c, target->span, "this target of :="), NULL;
    Span at = target->index.items.v[0]->span;
    Value *known = eval(c, target->index.items.v[0]);
    if (!old->type.rank) {
        diag_error(c->L->diags, target->span, E205, "this is one number and has no rows");
        return NULL;
    }
    if (known->kind == V_INT && !index_bounds(c, known->i, old->type.dim[0], false, at)) return NULL;
    IrVal *i = as_tensor(c, known, at);
    if (!i) return NULL;
    if (i->type.rank || ir_is_real(i->type.elem))
        return unsupported(c, target->span, "this index of a target of :="), NULL;
    IrInts d = ir_dims_of(&old->type), kept = ir_ints(0, NULL);
    for (int k = 1; k < d.n; k++) kept.v[kept.n++] = k;
    IrVal *here = ir_compare(b, IR_EQ, ir_index_dim(b, d, 0), ir_convert(b, i, IR_I32));
    if (row->type.rank && (row->type.rank + 1 != old->type.rank ||
                           memcmp(row->type.dim, old->type.dim + 1, sizeof(int64_t) * row->type.rank))) {
        diag_error(c->L->diags, target->span, E200, "a row of %s cannot be %s", type_text(c->L, &old->type),
                   type_text(c->L, &row->type));
        return NULL;
    }
    if (row->type.rank) row = ir_broadcast(b, row, d, kept);
    return ir_select(b, here, ir_convert(b, row, old->type.elem), old);
}

void sched_assign(Ctx *c, const Ast *s, Nodes *to)
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
        if (!val_bad(state))
            diag_error(L->diags, target->span, E201, ":= changes a state, and %s is %s", name->name.name,
                       val_text(L, state));
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
        else
            diag_error(L->diags, s->assign.value->span, E200, "%s is %s, and this is %s%s", name->name.name,
                       type_text(L, &want), type_text(L, &t->type), t->type.axes.n ? " for each sample" : "");
    }
    fn_end(L);
    sched_call(c, to, f, GAN_CALL, NULL, s->span);
}
