/* keep.c - draws, lets and states of the schedule: computed where they stand, and used by later statements as the nodes they are. */
#include "compiler/lower/dist/dist.h"
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/eval/table.h"
#include "compiler/lower/eval/target.h"
#include "compiler/lower/eval/watch.h"
#include "compiler/lower/game/schedule.h"
#include "compiler/lower/game/told.h"
#include "compiler/lower/own/graph.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"

#include <math.h>

/* ---- draws and lets */

/* At the top level what has a name can be asked for when the program has run: it has a slot of that name. */
static void keep_named(Ctx *c, const Value *v, const char *path, Span at)
{
    if (v->kind == V_TENSOR && v->tensor.home == c->L->graph) part_keep_as(c, v->tensor.v, path, at);
    for (int i = 0; v->kind == V_LIST && i < v->list.n; i++) keep_named(c, v->list.v[i], strf(c->L, "%s.%d", path, i), at);
    for (int i = 0; v->kind == V_RECORD && i < v->record.n; i++)
        keep_named(c, v->record.v[i], strf(c->L, "%s.%s", path, v->record.name ? v->record.name[i] : strf(c->L, "%d", i)), at);
}

/* Messages about the time of a slot's value can say where it was bound. */
static void bound_here(const Lower *L, const Value *v)
{
    Version *of = v->kind == V_TENSOR ? version_of(L, v->tensor.v) : NULL;
    if (of && L->part && (!of->bound.n || of->bound.v[of->bound.n - 1].begin != L->part->at.begin)) array_push(L->work, &of->bound, L->part->at);
    for (int i = 0; v->kind == V_RECORD && i < v->record.n; i++) bound_here(L, v->record.v[i]);
}

/* Every name of a scope that was filled by one statement, bound where the statement stands. */
static void bind_names(Ctx *c, Scope *from, const Nodes *to)
{
    Lower *L = c->L;
    for (int i = 0; i < from->names.n; i++) {
        Binding *b = &from->names.v[i];
        Value *v = val_now(c, b->value);
        bound_here(L, v);
        if (val_runs(L, v) && to->top && c->scope == L->file) keep_named(c, v, names_unique(&L->root_names, b->name), b->at);
        scope_bind_as(L, c->scope, b->bound, v);
    }
}

/* ---- a draw that looks like one for each example */

static bool is_sample(const Value *v)
{
    for (int i = 0; v && v->kind == V_RECORD && i < v->record.n; i++)
        if (is_sample(v->record.v[i])) return true;
    return v && v->kind == V_TENSOR && v->tensor.own_axis >= 0;
}

static const Binding *bound_sample(const Scope *s)
{
    for (; s; s = s->parent)
        for (int i = s->names.n; i-- > 0;)
            if (is_sample(s->names.v[i].value)) return &s->names.v[i];
    return NULL;
}

/* Adds the draws of this part that the value is made of and that are one for all samples. */
static void add_single_draws(Ctx *c, IrVal *v, SingleDraw what)
{
    Lower *L = c->L;
    Arena *scratch = arena_new();
    const bool *behind = graph_behind(L, &v, 1, scratch);
    for (const IrNode *n = L->graph->ir->body.last; n && part_of(L, &n->result[0]) == L->part; n = n->prev) {
        if (!behind[n->result[0].id] || ir_op_info[n->op].klass != IR_CLASS_RAND || n->result[0].type.axes.n) continue;
        what.draw = n;
        array_push(L->a, &L->single_draws, what);
    }
    arena_free(scratch);
}

/* The same of a value, field by field; what a statement draws is a draw whatever is behind it. */
static void note_single_draws(Ctx *c, const Value *v, SingleDraw what)
{
    for (int i = 0; v->kind == V_RECORD && i < v->record.n; i++) note_single_draws(c, v->record.v[i], what);
    if (v->kind != V_TENSOR || v->tensor.home != c->L->graph) return;
    if (what.s->kind != AST_SAMPLE) return add_single_draws(c, v->tensor.v, what);      /* also beside what varies over the batch: x + noise() */
    what.draw = v->tensor.v->def;
    if (what.draw && !v->tensor.v->type.axes.n) array_push(c->L->a, &c->L->single_draws, what);
}

static int axis_of_sample(const Value *v)
{
    for (int i = 0; v->kind == V_RECORD && i < v->record.n; i++)
        if (is_sample(v->record.v[i])) return axis_of_sample(v->record.v[i]);
    return v->tensor.own_axis;
}

static void single_draws_of(Ctx *c, const Ast *s, const Value *v)
{
    const Binding *sample = c->L->part->tick_slot >= 0 && !c->L->trials ? bound_sample(c->scope) : NULL;
    if (sample) note_single_draws(c, v, (SingleDraw){.s = s, .sample = sample->name, .axis = axis_of_sample(sample->value)});
}

/* Does what varies over the samples of that axis hang on the draw? */
static bool meets_samples(const Lower *L, const SingleDraw *d)
{
    Arena *scratch = arena_new();
    bool *behind = arena_array(scratch, bool, L->m->next_id + 1), met = false;
    behind[d->draw->result[0].id] = true;
    for (const IrNode *n = d->draw->next; n && !met; n = n->next) {             /* a loop takes all that its body does as operands */
        bool takes = false;
        for (int i = 0; i < n->n_args; i++) takes = takes || behind[n->arg[i]->id];
        for (int r = 0; takes && r < n->n_results; r++) {
            behind[n->result[r].id] = true;
            met = met || ir_axes_has(n->result[r].type.axes, d->axis);
        }
    }
    arena_free(scratch);
    return met;
}

/* One draw is what a state may want; beside a sample of the batch it looks like one for each. */
void keep_check(Lower *L)
{
    const Ast *said = NULL;
    for (int i = 0; i < L->single_draws.n; i++) {
        const SingleDraw *w = &L->single_draws.v[i];
        if (w->s == said || !meets_samples(L, w)) continue;
        said = w->s;
        Diag *d = diag_warning(L->diags, said->span, W304, "this draws one value for the whole batch, not one for each %s", w->sample);
        if (said->kind == AST_LET) diag_note(d, span_of_node(L, w->draw), "drawn here");
        diag_hint(d, "a statement with a size, e ~ p : batch, draws one for each sample; E[%s] .. draws inside for each", w->sample);
    }
}

static bool has_size(const Ast *s)
{
    bool sized = s->sample.size || s->sample.all;
    for (int i = 0; i < s->sample.binders.n; i++) sized = sized || s->sample.binders.v[i]->binder.size || s->sample.binders.v[i]->binder.all;
    return sized;
}

void sched_sample(Ctx *c, const Ast *s, Nodes *to)
{
    Lower *L = c->L;
    const Ast *first = s->sample.binders.v[0]->binder.patterns.v[0];
    Ctx inner = *c;
    inner.scope = scope_new(L, c->scope);
    Part *p = part_begin(L, strf(L, "draw_%s", first->kind == AST_NAME ? first->name.name : "sample"), IR_FN_STATE, s->span);
    p->binds = true;
    eval_sample(&inner, s);
    for (int i = 0; !has_size(s) && i < inner.scope->names.n; i++) single_draws_of(c, s, inner.scope->names.v[i].value);
    bind_names(c, inner.scope, to);
    part_end(L);
    sched_call(c, to, p, GAN_CALL, NULL, s->span);
    sched_line(c, p, "draw", text_of_source(L, s->span), s->span);
}

/* ---- what is bound keeps its value
 *
 * A model with all its arguments is the value that it has here: bound, as a part of what is bound, and as an argument of what is applied later, let p = Normal(G(z), 1).
 * One that draws stays a distribution, and a loss that is an argument is evaluated where it is used. */

static Value *kept(Ctx *c, Value *v, Span at);

static void keep_each(Ctx *c, Value **v, int n, Span at)
{
    for (int i = 0; i < n; i++) v[i] = kept(c, v[i], at);
}

static void keep_arguments(Ctx *c, const Closure *k, Span at)
{
    for (int i = 0; k->bound && i < k->scope->names.n; i++) {
        Binding *b = &k->scope->names.v[i];
        if (b->value) b->value = kept(c, b->value, at);
    }
}

static void keep_parts(Ctx *c, Value *v, Span at)
{
    if (v->kind == V_LIST) keep_each(c, v->list.v, v->list.n, at);
    if (v->kind == V_RECORD) keep_each(c, v->record.v, v->record.n, at);
}

static void keep_behind(Ctx *c, const Value *v, Span at);

static void keep_behind_dist(Ctx *c, const Dist *d, Span at)
{
    const DistKind *k = d->kind;
    if (k == &dist_declared) keep_arguments(c, d->closure, at);
    if (k == &dist_lifted && d->lifted.args) keep_each(c, d->lifted.args->v, d->lifted.args->n, at);
    if (k == &dist_model && d->model.args) keep_each(c, d->model.args->v, d->model.args->n, at);
    if (k == &dist_map) keep_behind(c, d->map.f, at);
    if (k == &dist_rows) keep_parts(c, d->value, at);
    if (dist_base(d)) keep_behind_dist(c, dist_base(d), at);
}

static void keep_behind(Ctx *c, const Value *v, Span at)
{
    if (v->kind == V_DIST) keep_behind_dist(c, v->dist, at);
    if (v->kind == V_BIJECTOR) keep_arguments(c, v->bijector.closure, at);
    if (v->kind == V_OPTIMIZER) keep_arguments(c, v->optimizer.closure, at);
    if (v->kind == V_FUNCTION) keep_each(c, v->fn.given, v->fn.n_given, at);
    if (v->kind == V_FUNCTION && v->fn.kind == F_CLOSURE) keep_arguments(c, v->fn.closure, at);
}

/* An argument, or a part of one. */
static Value *kept(Ctx *c, Value *v, Span at)
{
    if (v->kind == V_DIST && dist_is_value(c->L, v->dist)) return as_settled(c, v, at);
    bound_here(c->L, v);
    bool list = v->kind == V_LIST;
    if (!list && v->kind != V_RECORD) return keep_behind(c, v, at), v;
    int     n = list ? v->list.n : v->record.n;
    Value **part = arena_array(c->L->a, Value *, n + 1);
    bool    same = true;
    for (int i = 0; i < n; i++) {
        Value *old = list ? v->list.v[i] : v->record.v[i];
        part[i] = kept(c, old, at);
        same = same && part[i] == old;
    }
    return same ? v : list ? val_list(c->L, part, n) : val_record_like(c->L, v, part);
}

static Value *let_settled(Ctx *c, Value *v, Span at)
{
    return kept(c, v->kind == V_DIST ? v : as_settled(c, v, at), at);
}

static void let_value(Ctx *c, const Ast *s, Scope *names)
{
    Ctx inner = *c;
    bool file = s->let.pattern->kind == AST_NAME && c->scope == c->L->file;
    Value *v = file ? declare(&inner, s, s->let.pattern->name.name) : eval(&inner, s->let.value);
    v = let_settled(&inner, v, s->let.value->span);
    if (s->let.type && !file) v = type_conform(&inner, v, s->let.type, s->let.value->span, "this value");
    inner.scope = names;
    scope_bind_pattern(&inner, names, s->let.pattern, v);
}

/* Asked for before it was reached: it was static. */
static bool is_known(const Ctx *c, const Ast *s)
{
    const Binding *b = s->let.pattern->kind == AST_NAME ? scope_own(c->L, c->scope, s->let.pattern) : NULL;
    return b && b->decl == s && b->state == B_READY;
}

/* A static value is a name for it; a tensor is computed once, where the let stands. */
void sched_let(Ctx *c, const Ast *s, Nodes *to)
{
    Lower *L = c->L;
    const char *name = s->let.pattern->kind == AST_NAME ? s->let.pattern->name.name : "values";
    Scope *names = scope_new(L, c->scope);
    if (is_known(c, s)) return;
    uint32_t before = L->m->next_id;
    Part *p = part_begin(L, strf(L, "let_%s", name), IR_FN_STATE, s->span);
    p->binds = true;
    let_value(c, s, names);
    for (int i = 0; i < names->names.n; i++) single_draws_of(c, s, names->names.v[i].value);
    bind_names(c, names, to);
    bool any = false;
    for (int i = 0; i < names->names.n; i++) any = any || val_runs(L, names->names.v[i].value);
    if (!any && L->m->next_id == before) {
        part_drop(L);
        return;
    }
    if (L->told) told_measure(c, s->let.value);
    part_end(L);
    sched_call(c, to, p, GAN_CALL, NULL, s->span);          /* also for what a function or distribution takes along */
    if (any) sched_line(c, p, "let", name, s->span);
}

/* ---- data */

/* Tables of the top level can be asked for when the program has run, as lets can. */
static void keep_tables(Ctx *c, const Ast *data)
{
    for (int i = 0; i < data->data.names.n; i++) {
        const Binding *b = scope_own(c->L, c->scope, data->data.names.v[i]);
        const Data *d = b && b->value && b->value->kind == V_DIST ? dist_drawn_rows(b->value->dist) : NULL;
        const char *path = d && table_computed(d) ? names_unique(&c->L->root_names, b->name) : NULL;
        for (int k = 0; path && k < d->n_fields; k++)
            if (d->field[k].value) keep_named(c, d->field[k].value, path_join(c->L, path, d->n_fields > 1 ? d->field[k].name : ""), b->at);
    }
}

/* Data of files and lists are known; a table that is computed is computed here. */
void sched_data(Ctx *c, const Ast *s, Nodes *to)
{
    Lower *L = c->L;
    uint32_t before = L->m->next_id;
    const char *name = s->data.names.v[0]->name.name;
    Part *p = part_begin(L, strf(L, "data_%s", name), IR_FN_STATE, s->span);
    L->standing = s;
    for (int i = 0; i < s->data.names.n; i++) scope_of_place(c, c->scope, s->data.names.v[i]);
    L->standing = NULL;
    if (L->m->next_id == before) {
        part_drop(L);
        return;
    }
    if (to->top && c->scope == L->file) keep_tables(c, s);
    part_end(L);
    sched_call(c, to, p, GAN_CALL, NULL, s->span);
}

/* ---- what a static loop carries from round to round */

/* The value of `e` as it is where it stands, for later statements. */
static Value *carried_value(Ctx *c, const Ast *e)
{
    Value *v = val_now(c, let_settled(c, eval(c, e), e->span));
    bound_here(c->L, v);
    return v;
}

/* The last line of a round says what the next one has. NULL, reported: it is no value. */
static const Ast *last_line(Ctx *c, const Ast *s)
{
    AstList stmts = s->for_.body->block.stmts;
    const Ast *last = stmts.n ? stmts.v[stmts.n - 1] : NULL;
    if (last && ast_is_expr(last)) return last;
    Diag *d = diag_error(c->L->diags, last ? last->span : s->for_.body->span, E201, "the loop carries %d value%s, and its body ends in none", s->for_.carries.n,
                         s->for_.carries.n == 1 ? "" : "s");
    diag_hint(d, "the last line of a round is what the next one has");
    return NULL;
}

static bool carry(Ctx *c, const Ast *s, const Ast *last, Value **carried, Ctx *next)
{
    AstList carries = s->for_.carries;
    bool ok = true;
    for (int i = 0; !last && i < carries.n; i++) carried[i] = carried_value(c, carries.v[i]->carry.value), ok = ok && !val_bad(carried[i]);
    if (last) ok = carries_next(c, s, carried_value(c, last), carried);
    if (ok && next) carries_bind(next, next->scope, carries, carried);
    return ok;
}

bool carry_here(Ctx *c, const Ast *s, Value **carried, bool first, Ctx *next)
{
    const Ast *last = first ? NULL : last_line(c, s);
    return (first || last) && carry(c, s, last, carried, next);
}

bool sched_carry(Ctx *c, const Ast *s, Value **carried, bool first, Ctx *next, Nodes *to)
{
    Lower *L = c->L;
    const Ast *last = first ? NULL : last_line(c, s);
    uint32_t before = L->m->next_id;
    Span at = last ? last->span : s->for_.carries.v[0]->span;
    Part *p = part_begin(L, "carry", IR_FN_STATE, at);
    p->binds = true;
    bool ok = (first || last) && carry(c, s, last, carried, next);
    if (L->m->next_id == before) return part_drop(L), ok;
    part_end(L);
    sched_call(c, to, p, GAN_CALL, NULL, at);
    return ok;
}

/* ---- states */

/* A slot for each tensor of a value of INIT, which is its first one. */
static Value *state_of(Ctx *c, Value *v, const char *path, StateOf by, Span at)
{
    Lower *L = c->L;
    if (v->kind == V_RECORD) {
        Value **f = arena_array(L->a, Value *, v->record.n + 1);
        for (int i = 0; i < v->record.n; i++) {
            f[i] = state_of(c, v->record.v[i], path_join(L, path, v->record.name ? v->record.name[i] : strf(L, "%d", i)), by, at);
            if (val_bad(f[i])) return f[i];
        }
        return val_record_like(L, v, f);
    }
    IrVal *t = val_bad(v) ? NULL : v->kind == V_INT ? as_real(c, v, at) : as_tensor(c, v, at);
    if (!t) return val_error(L);
    int slot = slot_new(L, path, t->type, IR_SLOT_STATE, NULL);
    fn_initialise(L, slot, t);
    state_of_program(L, slot, by);
    slot_is_class(L, slot, v->kind == V_TENSOR ? v->tensor.classes : 0);
    return val_slot(L, slot);
}

/* state pool ~ A^512, without a type: that of the draw or value. */
static Value *untyped_state(Ctx *c, const Ast *s, const char *path, StateOf by)
{
    Lower *L = c->L;
    Ctx inner = *c;
    inner.path = path;
    inner.batch = -1;
    if (!first_changes_nothing(c, s->state.draw, s->state.value)) return val_error(L);
    Fn *before = fn_enter_init(L);
    Value *v = val_error(L);
    Dist *d = s->state.draw ? as_dist(&inner, eval_raw(&inner, s->state.draw), s->state.draw->span) : NULL;
    if (d) v = dist_sample(&inner, d, NULL, s->span);
    else if (s->state.value) v = as_numbers(&inner, eval(&inner, s->state.value), s->state.value->span);
    v = state_of(&inner, v, path, by, s->span);
    fn_leave_init(L, before);
    return v;
}

void sched_state(Ctx *c, const Ast *s)
{
    Lower *L = c->L;
    const char *path = names_unique(&L->root_names, sched_indexed(c, s->state.name));
    const Bound *b = names_bound(L->names, s);
    StateOf by = b && b->assigned_by_code ? STATE_OF_UPDATES : STATE_OF_STATEMENTS;
    Value *v = s->state.type ? layer_slot(c, path, s->state.type, s->state.draw, s->state.value, IR_SLOT_STATE, NULL, s->span)
                             : untyped_state(c, s, path, by);
    states_of_program(L, v, by);
    scope_bind(L, c->scope, s, v);
}

/* ---- s := e */

/* A state that begins as a player's direction stays that one's. False, reported. */
static bool same_owner(Ctx *c, const Ast *s, const Value *state, const Value *v)
{
    const Player *of = state->record.of;
    if (!of || (!v->record.mixed && (!v->record.of || v->record.of == of))) return true;
    diag_error(c->L->diags, s->assign.value->span, E201, "%s is a direction of %s, and this is one of %s", text_of_source(c->L, s->assign.target->span), of->name,
               v->record.mixed ? "several players" : v->record.of->name);
    return false;
}

/* NaN, with all of its derivatives, where the index does not lie within. */
static IrVal *nan_unless(Ctx *c, IrVal *within, IrVal *v)
{
    IrBuilder *b = fn_builder(c);
    IrVal *one = ir_const_like(b, v, 1);
    return ir_mul(b, v, ir_select(b, within, one, ir_const_like(b, v, NAN)));
}

/* The elements that the index picks; the run ends where a computed one is outside. Where nothing is kept, and it may be a side of an if that is
 * not taken, the state is NaN then; one that cannot be must have an index that fits. NULL after an error. */
static IrVal *assign_elements(Ctx *c, const Ast *index, IrVal *old, IrVal *v, Span at)
{
    IrVal *within = NULL, *picked;
    bool ahead = c->L->g->ahead, fits = ahead && !ir_is_real(old->type.elem);
    const char *what = text_of_source(c->L, index->index.object->span);
    if (v->type.axes.n) {
        Diag *d = diag_error(c->L->diags, at, E200, "a part of %s has one value, and this is one for each sample", what);
        diag_hint(d, "E[x] .. is the mean over the samples of x; a draw by p^n has n rows instead of samples");
        return NULL;
    }
    IrVal *t = target_put(c, index, old, v, &picked, fits ? NULL : &within, at, what);
    if (t && within && ahead) return nan_unless(c, within, t);
    if (t && within) watch(c, within, strf(c->L, "the index of %s is out of range", what), at);
    return t;
}

static void assign_value(Ctx *c, const Ast *s, const Target *to, Value *v)
{
    Lower *L = c->L;
    const Ast *target = s->assign.target;
    const Value *state = to->part;
    Span at = s->assign.value->span;
    if (state->kind == V_RECORD) {
        bool same = v->kind == V_RECORD && v->record.n == state->record.n;
        for (int i = 0; same && state->record.name && i < v->record.n; i++) same = v->record.name && val_field(v, state->record.name[i]);
        if (!same) {
            if (!val_bad(v)) diag_error(L->diags, at, E200, "%s is %s, and this is %s", text_of_source(L, target->span), val_text(L, state), val_text(L, v));
            return;
        }
        if (!same_owner(c, s, state, v)) return;
        for (int i = 0; i < v->record.n; i++)
            assign_value(c, s, &(Target){.part = state->record.v[i]}, state->record.name ? val_field(v, state->record.name[i]) : v->record.v[i]);
        return;
    }
    IrVal *t = val_bad(v) ? NULL : as_tensor(c, v, at), *old = fn_read(L, state->slot.slot);
    if (t && !type_class_fits(c, v, t, state->slot.classes, at, text_of_source(L, target->span))) return;
    if (t && to->index) t = assign_elements(c, to->index, old, t, at);
    if (!t) return;
    IrType want = old->type;
    if (type_elem_becomes(t->type.elem, want.elem))
        t = arith_convert(c, t, want.elem);
    if (want.rank && !t->type.rank) t = ir_fill(fn_builder(c), t, ir_dims_of(&want));
    if (ir_type_equal(&t->type, &want)) env_set(L, state->slot.slot, t, s->span);
    else
        diag_error(L->diags, at, E200, "%s is %s, and this is %s%s", text_of_source(L, target->span), type_text(L, &want), type_text(L, &t->type),
                   t->type.axes.n ? " for each sample" : "");
}

static bool is_state(const Lower *L, const Value *v)
{
    if (v->kind == V_RECORD)
        for (int i = 0; i < v->record.n; i++)
            if (!is_state(L, v->record.v[i])) return false;
    return v->kind == V_RECORD ? v->record.n > 0 : v->kind == V_SLOT && L->m->slots.v[v->slot.slot].kind == IR_SLOT_STATE;
}

static void no_state(Ctx *c, const Ast *target, const char *name, const Value *v)
{
    if (val_bad(v)) return;
    Diag *d = diag_error(c->L->diags, target->span, E201, ":= changes a state, and %s is %s", name, val_text(c->L, v));
    bool inside = v->kind == V_PLAYER || v->kind == V_COMPARE;
    if (inside) diag_hint(d, "what is inside of it is changed in its own body, when an update that contains it has been done");
    else diag_hint(d, "state %s: real = 0 declares one; let gives a name to a value that does not change", name);
}

/* The state that is assigned to. NULL, reported, when it is none. */
static Value *assigned(Ctx *c, const Ast *s)
{
    const Ast *target = s->assign.target, *name = target_root(target);
    if (!name) {
        diag_error(c->L->diags, target->span, E201, ":= changes a state or a part of one, and this is a part of no name");
        return NULL;
    }
    Value *state = scope_find(c, name, true);
    if (!state) scope_unknown(c, name->name.name, name->span);
    else if (!is_state(c->L, state)) no_state(c, target, name->name.name, state);
    else return state;
    return NULL;
}

/* In the part and the environment at hand. */
static void assign(Ctx *c, const Ast *s, Value *state)
{
    Target part;
    Ctx outside = *c;
    outside.block = NULL;                                   /* nothing is trained by it */
    if (target_find(&outside, s->assign.target, state, &part))
        assign_value(&outside, s, &part, val_now(&outside, as_numbers(&outside, eval(&outside, s->assign.value), s->assign.value->span)));
}

bool keep_assign(Ctx *c, const Ast *s)
{
    int errors = diags_count(c->L->diags, DIAG_ERROR);
    Value *state = assigned(c, s);
    if (state) assign(c, s, state);
    return diags_count(c->L->diags, DIAG_ERROR) == errors;
}

void sched_assign(Ctx *c, const Ast *s, Nodes *to)
{
    Lower *L = c->L;
    Value *state = assigned(c, s);
    if (!state) return;
    const char *name = target_root(s->assign.target)->name.name;
    Part *p = part_begin(L, strf(L, "set_%s", name), IR_FN_STATE, s->span);
    assign(c, s, state);
    part_end(L);
    sched_call(c, to, p, GAN_CALL, NULL, s->span);
    sched_line(c, p, "set", name, s->span);
}
