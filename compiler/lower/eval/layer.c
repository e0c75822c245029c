/* layer.c - layers and what lives in them: parameters and states, made where a layer is applied and named by the path to it.
 *
 * A net is applied many times and its body is evaluated anew each time, so a layer must be found again: it is known by its
 * site, a hash of the calls and rounds between the body it stands in and the place that makes it. */
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/eval/pending.h"
#include "compiler/lower/eval/target.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"

/* Each member that applies a layer would have parameters of its own for it. */
static Instance *among_members(Ctx *c, const char *name, Span at)
{
    Diag *d = diag_error(c->L->diags, at, E120,
                         "the layer %s stands in a member of a bijector, and each member would have parameters of its own for it", name);
    diag_hint(d, "net s(h) { h |> Dense(8) } among the members is one net, whichever member applies it");
    return NULL;
}

Instance *layer_instance(Ctx *c, const char *name, const void *site, Span at)
{
    if (c->inst && c->inst->bijector) return among_members(c, name, at);
    if (c->inst && c->inst->owner) return inst_child(c, name, site_mix(c->site, site), true);
    Diag *d = diag_error(c->L->diags, at, E120, "the layer %s stands outside of any net, so nobody would own its parameters", name);
    diag_hint(d, "apply it in the body of a net, implicit or prescribed");
    return NULL;
}

Value *layer_bind(Ctx *c, Closure *k, Args *args, const void *site, Span at)
{
    const Ast *d = k->def;
    Instance *in = layer_instance(c, d->define.name, site, at);
    if (!in) return val_error(c->L);
    Closure *bound = closure_copy(c->L, k, k->scope);
    if (d->define.n_lists == 2) {
        bound->scope = scope_new(c->L, k->scope);
        bound->bound = true;
        Ctx own = ctx_defaults(c, in, NULL);
        if (!bind_params(&own, bound->scope, d->define.params, args, k->name, at, NULL)) return val_error(c->L);
    }
    Value *v = val_new(c->L, V_LAYER);
    v->layer.closure = bound;
    v->layer.inst = in;
    return v;
}

Value *layer_apply(Ctx *c, Value *layer, Args *args, const void *site, Span at)
{
    Lower *L = c->L;
    Closure *k = layer->layer.closure;
    const Ast *d = k->def;
    if (!call_enter(c, at)) return val_error(L);
    Scope *scope = scope_new(L, k->scope);
    scope->inst = NULL;
    AstList params = k->bound ? d->define.params2 : d->define.params;
    Ctx own = ctx_defaults(c, layer->layer.inst, NULL);
    if (!bind_params(&own, scope, params, args, k->name, at, NULL)) return val_error(L);
    Ctx inner = ctx_body(c, scope, args, site, at);
    inner.axes = ir_axes_union(inner.axes, closure_axes(L, k));
    inner.inst = layer->layer.inst;
    inner.site = 0;
    inner.path = path_join(L, c->path, layer->layer.inst->local);
    int draws = L->n_draws;                                 /* noise of a layer leaves a model its density */
    check_evaluated(L, d->define.body);
    Value *v = eval_block(&inner, d->define.body);
    L->n_draws = draws;
    return type_conform(&inner, v, d->define.result, d->define.body->span, strf(L, "the value of %s", k->name));
}

/* ---- parameters and states */

static void shape_changed(Ctx *c, const char *path, const char *was, const char *now, Span at)
{
    Diag *d = diag_error(c->L->diags, at, E121, "%s has the shape %s, and here it would be %s", path, was, now);
    diag_hint(d, "a net has one set of parameters, so every application must give it inputs of one shape");
}

/* What it starts at: draw or value as it is written; given: the field of a record that has been evaluated in INIT. */
typedef struct First { const Ast *draw, *value; Value *given; } First;

/* What a function of the shape (an initialiser) makes of it: a distribution, or the value itself. */
static Value *initialiser_of(Ctx *c, Value *f, const IrInts *dims, const Ast *draw)
{
    Value **d = arena_array(c->L->a, Value *, dims->n + 1);
    for (int i = 0; i < dims->n; i++) d[i] = val_int(c->L, dims->v[i]);
    return apply1(c, f, val_list(c->L, d, dims->n), draw, draw->span);
}

static Value *first_draw(Ctx *c, const Ast *draw, const IrInts *dims)
{
    Value *v = eval_raw(c, draw);
    bool function = v->kind == V_FUNCTION && !dist_is_drawn_from(v);
    if (function) v = initialiser_of(c, v, dims, draw);
    if (val_bad(v) || (function && !dist_is_drawn_from(v) && v->kind != V_FUNCTION)) return v;
    Dist *d = as_dist(c, v, draw->span);
    return d ? dist_sample(c, d, dims, draw->span) : val_error(c->L);
}

/* The value of a new run: a draw, or an expression. */
static IrVal *initial_value(Ctx *c, const First *first, const IrInts *dims, int64_t classes, Span at)
{
    Ctx inner = *c;
    inner.axes = ir_no_axes();
    inner.batch = -1;
    Value *v = first->draw ? first_draw(&inner, first->draw, dims) : first->given ? first->given : eval(&inner, first->value);
    IrVal *t = val_bad(v) ? NULL : as_tensor(&inner, v, at);
    return t && type_class_fits(&inner, v, t, classes, at, "the first value") ? t : NULL;
}

static bool initial_fits(Ctx *c, const IrVal *v, const IrType *t, bool drawn, Span at, const char *name)
{
    bool fits = (!v->type.rank || ir_dims_equal(&v->type, t)) && !v->type.axes.n && type_elem_becomes(v->type.elem, t->elem);
    if (!fits) {
        Diag *d = diag_error(c->L->diags, at, E200, "%s is declared %s, and its first value is %s", name, type_text(c->L, t), type_text(c->L, &v->type));
        if (drawn) diag_hint(d, "of a distribution of numbers, Normal(0, 1), each element has a draw of its own; a function of the shape gives one that is drawn as a whole");
    }
    return fits;
}

/* Gives a new slot its first value, in INIT. */
static bool initialise(Ctx *c, int slot, const First *first, const char *path, int64_t classes, Span at)
{
    Lower *L = c->L;
    IrType t = L->m->slots.v[slot].type;
    IrInts dims = ir_dims_of(&t);
    Ctx inner = *c;
    inner.path = path;
    Fn *before = fn_enter_init(L);
    IrVal *v = initial_value(&inner, first, &dims, classes, at);
    bool ok = v && initial_fits(c, v, &t, first->draw, at, path);
    if (ok) fn_initialise(L, slot, v);
    fn_leave_init(L, before);
    return ok;
}

/* param w: real[m, n] ~ init, or param s: real = 0. An int that changes may need 64 bits. */
static bool declared_type(Ctx *c, const Ast *type, Span at, IrType *t, int64_t *classes)
{
    IrInts dims;
    if (!type && c->rule)
        return diag_error(c->L->diags, at, E039, "the states of an optimiser stand in its body, not in a part of it: state m = zeros(w)"), false;
    if (!type_elem(c, type, &t->elem, classes) || !type_dims(c, type, &dims)) return false;
    *t = ir_scalar(t->elem == IR_I32 && !*classes ? IR_I64 : t->elem);
    t->rank = dims.n;
    for (int i = 0; i < dims.n; i++) t->dim[i] = dims.v[i];
    return true;
}

static bool owns_slot(const Lower *L, const Player *p, int slot)
{
    const Player *listed = slot < L->slot_listed.n ? L->slot_listed.v[slot] : NULL;
    for (int i = 0; listed && listed != p && i < p->params.n; i++)
        if (p->params.v[i] == slot) return true;
    return listed == p;
}

static void own_slot(Lower *L, Player *p, int slot)
{
    if (owns_slot(L, p, slot)) return;
    array_push(L->a, &p->params, slot);
    while (L->slot_listed.n <= slot) array_push(L->a, &L->slot_listed, NULL);
    L->slot_listed.v[slot] = p;
}

/* net E2 = copy(E1): starts at E1's parameter of the same path. False: it has none; or it is of another shape, which is reported. */
static bool copy_initial(Ctx *c, Player *p, int slot, const char *path, Span at)
{
    Lower *L = c->L;
    const char *from = strf(L, "%s%s", p->copy_of->name, path + strlen(p->name));
    player_find_params(c, p->copy_of, p->at);
    int other = ir_find_slot(L->m, from);
    if (other < 0) return false;
    const IrType *was = &L->m->slots.v[other].type, *now = &L->m->slots.v[slot].type;
    if (!ir_type_equal(was, now) || slot_classes(L, other) != slot_classes(L, slot)) {
        Diag *d = diag_error(L->diags, at, E121, "%s is a copy of %s, which has the shape %s, and here it would be %s", path, from,
                             tensor_text(L, was, slot_classes(L, other)), tensor_text(L, now, slot_classes(L, slot)));
        diag_hint(d, "a copy has the parameters of its original, so both must be given inputs of one shape");
        return true;
    }
    Fn *before = fn_enter_init(L);
    fn_initialise(L, slot, fn_read(L, other));
    fn_leave_init(L, before);
    return true;
}

/* Of a body that is only checked: no slot, but a value as one would have. */
static Value *only_checked(Ctx *c, const char *path, IrType t, const First *begins, int64_t classes, Span at)
{
    IrInts dims = ir_dims_of(&t);
    Ctx inner = *c;
    inner.path = path;
    IrVal *first = initial_value(&inner, begins, &dims, classes, at);
    if (first) initial_fits(c, first, &t, false, at, path);
    Value *v = val_tensor(c->L, fn_opaque(c, t));
    v->tensor.classes = classes;
    return v;
}

static Value *one_slot(Ctx *c, const char *path, const Ast *type, const First *first, IrSlotKind kind, Player *owner, Span at)
{
    Lower *L = c->L;
    IrType t = {0};
    int64_t classes = 0;
    if (!declared_type(c, type, at, &t, &classes)) return val_error(L);
    int slot = L->guess && inst_here(c)->tried ? -1 : ir_find_slot(L->m, path);
    if (slot >= 0 && (!ir_type_equal(&L->m->slots.v[slot].type, &t) || slot_classes(L, slot) != classes)) {
        shape_changed(c, path, tensor_text(L, &L->m->slots.v[slot].type, slot_classes(L, slot)), tensor_text(L, &t, classes), at);
        return val_error(L);
    }
    if (slot < 0 && L->guess) return only_checked(c, path, t, first, classes, at);
    if (slot < 0) {
        slot = slot_new(L, path, t, kind, owner);
        slot_is_class(L, slot, classes);
        bool copied = owner && owner->copy_of && copy_initial(c, owner, slot, path, at);
        if (!copied && !initialise(c, slot, first, path, classes, at)) return val_error(L);
        if (!copied && !first->given) first_begins(c, slot);
    } else if (!first->given && !first_agrees(c, slot, first->draw, first->value, at)) {
        return val_error(L);
    }
    if (kind == IR_SLOT_PARAM && owner) own_slot(L, owner, slot);
    return val_slot(L, slot);
}

/* ---- records: a slot for each field */

static AstList fields_of(const Ast *type) { return type->kind == AST_RECORD_TYPE ? type->record_type.fields : type->tuple_type.items; }

static const char *field_name(const Ast *type, int i) { return type->kind == AST_RECORD_TYPE ? fields_of(type).v[i]->arg.name : NULL; }

/* The field of a first value, which must have those that the type declares. NULL, reported, when it has not. */
static Value *first_field(Ctx *c, Value *v, const Ast *type, int i, Span at, const char *name)
{
    if (val_bad(v)) return v;
    bool like = v->kind == V_RECORD && v->record.n == fields_of(type).n && !v->record.name == !field_name(type, i);
    Value *f = like ? field_name(type, i) ? val_field(v, field_name(type, i)) : v->record.v[i] : NULL;
    if (!f) diag_error(c->L->diags, at, E200, "%s is declared a %s of %d values, and its first value is %s", name,
                       field_name(type, i) ? "record" : "tuple", fields_of(type).n, val_text(c->L, v));
    return f;
}

static Value *first_tensor(Ctx *c, Value *first, const Ast *type, Span at, const char *name)
{
    IrType t = {0};
    int64_t classes;
    IrVal *v = declared_type(c, type, at, &t, &classes) ? as_tensor(c, first, at) : NULL;
    if (!v || !type_class_fits(c, first, v, classes, at, "the first value") || !initial_fits(c, v, &t, false, at, name)) return val_error(c->L);
    v = arith_convert(c, v, t.elem);
    Value *out = val_tensor(c->L, t.rank && !v->type.rank ? ir_fill(fn_builder(c), v, ir_dims_of(&t)) : v);
    out->tensor.classes = classes;
    return out;
}

Value *declared_first(Ctx *c, Value *first, const Ast *type, Span at, const char *name)
{
    if (type->kind == AST_TYPE) return first_tensor(c, first, type, at, name);
    int n = fields_of(type).n;
    Value **v = arena_array(c->L->a, Value *, n + 1);
    const char **names = arena_array(c->L->a, const char *, n + 1);
    for (int i = 0; i < n; i++) {
        const Ast *field = fields_of(type).v[i];
        Value *f = first_field(c, first, type, i, at, name);
        names[i] = field_name(type, i);
        v[i] = f ? declared_first(c, f, names[i] ? field->arg.value : field, at, names[i] ? path_join(c->L, name, names[i]) : name) : val_error(c->L);
        if (val_bad(v[i])) return v[i];
    }
    return val_record(c->L, v, type->kind == AST_RECORD_TYPE ? names : NULL, n);
}

static Value *slots_of(Ctx *c, const char *path, const Ast *type, const First *first, IrSlotKind kind, Player *owner, Span at)
{
    Lower *L = c->L;
    if (!type || type->kind == AST_TYPE) return one_slot(c, path, type, first, kind, owner, at);
    int n = fields_of(type).n;
    Value **v = arena_array(L->a, Value *, n + 1);
    const char **name = arena_array(L->a, const char *, n + 1);
    for (int i = 0; i < n; i++) {
        const Ast *field = fields_of(type).v[i];
        First of = {.given = first_field(c, first->given, type, i, at, path)};
        if (!of.given) return val_error(L);
        name[i] = field_name(type, i);
        const char *below = path_join(L, path, name[i] ? name[i] : strf(L, "%d", i));
        v[i] = slots_of(c, below, name[i] ? field->arg.value : field, &of, kind, owner, at);
        if (val_bad(v[i])) return v[i];
    }
    return val_record(L, v, type->kind == AST_RECORD_TYPE ? name : NULL, n);
}

/* The slot of its first field, and so on down; -1: it has none yet. */
static int first_slot(Ctx *c, const char *path, const Ast *type)
{
    while (type->kind != AST_TYPE && fields_of(type).n) {
        const char *name = field_name(type, 0);
        path = path_join(c->L, path, name ? name : "0");
        type = name ? fields_of(type).v[0]->arg.value : fields_of(type).v[0];
    }
    return c->L->guess && inst_here(c)->tried ? -1 : ir_find_slot(c->L->m, path);
}

/* The first value of a record as a whole, in INIT; in a body that is only checked, there. */
static Value *first_record(Ctx *c, const char *path, const Ast *draw, const Ast *value)
{
    Ctx inner = *c;
    inner.path = path;
    inner.axes = ir_no_axes();
    inner.batch = -1;
    Fn *before = c->L->guess ? c->L->fn : fn_enter_init(c->L);
    Dist *d = draw ? as_dist(&inner, eval_raw(&inner, draw), draw->span) : NULL;
    Value *v = d ? dist_sample(&inner, d, NULL, draw->span) : draw ? val_error(c->L) : as_settled(&inner, eval(&inner, value), value->span);
    fn_leave_init(c->L, before);
    return v;
}

static Value *record_slots(Ctx *c, const char *path, const Ast *type, const Ast *draw, const Ast *value, IrSlotKind kind, Player *owner, Span at)
{
    Lower *L = c->L;
    int slot = first_slot(c, path, type);
    if (slot >= 0 && !first_agrees(c, slot, draw, value, at)) return val_error(L);
    First first = {.given = slot >= 0 ? val_error(L) : first_record(c, path, draw, value)};
    Value *v = slots_of(c, path, type, &first, kind, owner, at);
    if (slot < 0 && !L->guess && !val_bad(v)) first_begins(c, first_slot(c, path, type));
    return v;
}

/* The type of values like v, as one writes it; NULL: it has none. */
static const char *type_like(Ctx *c, const Value *v)
{
    Lower *L = c->L;
    if (val_is_number(v)) return "real";
    if (v->kind != V_RECORD) {
        IrVal *t = v->kind == V_TENSOR || v->kind == V_SLOT || v->kind == V_LIST ? as_real(c, (Value *)v, SPAN_NONE) : NULL;
        return t ? type_text(L, &t->type) : NULL;
    }
    Text t = text_in(L->a);
    for (int i = 0; i < v->record.n; i++) {
        const char *of = type_like(c, v->record.v[i]);
        if (!of) return NULL;
        text_printf(&t, "%s%s%s%s", i ? ", " : "(", v->record.name ? v->record.name[i] : "", v->record.name ? ": " : "", of);
    }
    text_add(&t, ")");
    return text_str(&t);
}

static Value *no_type(Ctx *c, const char *path, const Ast *draw, const Ast *value, IrSlotKind kind, Span at)
{
    const char *dot = strrchr(path, '.'), *name = dot ? dot + 1 : path;
    Diag *d = diag_error(c->L->diags, at, E039, "a parameter or state needs a type here: %s: real[...]", name);
    Trial t = trial_begin(c->L, true);
    Value *v = draw ? val_error(c->L) : as_settled(c, eval(c, value), value->span);
    const char *type = val_bad(v) ? NULL : type_like(c, v);
    trial_end(c->L, &t);
    if (draw) diag_hint(d, "what is drawn has the shape of the type: real for one number, real[3] for three draws of one");
    else if (type) diag_hint(d, "%s %s: %s = ..", kind == IR_SLOT_PARAM ? "param" : "state", name, type);
    return val_error(c->L);
}

/* A slot of the declared type, with its first value in INIT, or one for each field; those that have the path already, if there are. */
Value *layer_slot(Ctx *c, const char *path, const Ast *type, const Ast *draw, const Ast *value, IrSlotKind kind, Player *owner, Span at)
{
    if (!first_changes_nothing(c, draw, value)) return val_error(c->L);
    if (!type && !c->rule) return no_type(c, path, draw, value, kind, at);
    if (type && type->kind != AST_TYPE) return record_slots(c, path, type, draw, value, kind, owner, at);
    return one_slot(c, path, type, &(First){.draw = draw, .value = value}, kind, owner, at);
}

/* D.steps counts the updates of D. */
static bool is_counter(Ctx *c, const char *name, const char *what, Span at)
{
    const Instance *in = inst_here(c);
    if (!in->owner || in != in->owner->inst || strcmp(name, "steps")) return false;
    Diag *d = diag_error(c->L->diags, at, E101, "a %s of %s cannot be called steps, as %s.steps counts its updates", what, in->owner->name, in->owner->name);
    diag_hint(d, "give the %s another name", what);
    return true;
}

/* The definition, function, member ... in whose text a parameter or state stands; NULL: in none. */
static const Ast *body_around(const Lower *L, const Ast *s)
{
    const Bound *b = names_bound(L->names, s);
    return b && b->body ? b->body->node : NULL;
}

bool has_parameters(const Ast *body)
{
    AstDefine w = body && body->kind == AST_DEFINE ? body->define.word : AST_DEFINE_DEF;
    return w == AST_DEFINE_LAYER || w == AST_DEFINE_NET || w == AST_DEFINE_IMPLICIT || w == AST_DEFINE_PRESCRIBED;
}

/* In the body of a function a parameter would be one however often the function is applied: a layer has it anew. */
Value *eval_parameter(Ctx *c, const Ast *s)
{
    if (!c->inst || !c->inst->owner || !has_parameters(body_around(c->L, s))) {
        Diag *d = diag_error(c->L->diags, s->span, E120, "a param stands in a net, a model or a layer, which owns it");
        if (c->inst && c->inst->owner) diag_hint(d, "a layer has its own parameters wherever it is applied: layer p(k)() { param .. }");
        scope_bind(c->L, c->scope, s, val_error(c->L));
        return val_error(c->L);
    }
    Value *v = val_error(c->L);
    if (!is_counter(c, s->parameter.name, "parameter", s->parameter.name_span))
        v = layer_slot(c, inst_member(c, s->parameter.name, s), s->parameter.type, s->parameter.draw, s->parameter.value, IR_SLOT_PARAM,
                       c->inst->owner, s->span);
    scope_bind(c->L, c->scope, s, v);
    return v;
}

Value *member_parameter(Ctx *c, const Ast *s)
{
    if (c->inst && c->inst->owner)
        return layer_slot(c, inst_member(c, s->parameter.name, s), s->parameter.type, s->parameter.draw, s->parameter.value, IR_SLOT_PARAM,
                          c->inst->owner, s->span);
    Diag *d = diag_error(c->L->diags, s->span, E120, "this bijector is made outside of any net, so nobody would own its parameters");
    diag_hint(d, "net F = B(..) is a player that owns them, and so is a model that ends in p |> map(B(..))");
    return val_error(c->L);
}

Value *eval_state(Ctx *c, const Ast *s)
{
    Player *owner = inst_here(c)->owner;
    if (is_counter(c, s->state.name, "state", s->state.name_span)) return val_error(c->L);
    Value *v = layer_slot(c, inst_member(c, s->state.name, s), s->state.type, s->state.draw, s->state.value, IR_SLOT_STATE, owner, s->span);
    if (!owner) states_of_program(c->L, v, STATE_OF_UPDATES);
    return v;
}

/* ---- u := e: in an optimiser a name takes its new value at once; elsewhere the state's new value waits for an update */

static void wrong_target(Ctx *c, const Ast *target, const Value *old)
{
    const char *is = val_bad(old) ? "none" : val_text(c->L, old);
    Diag *d = diag_error(c->L->diags, target->span, E201, ":= changes a state, and %s is %s", target_root(target)->name.name, is);
    diag_hint(d, c->rule ? "an optimiser changes its w, its g and its own states" : "let gives a name to a value that does not change");
}

static void assign_slot(Ctx *c, const Ast *s, const Target *to, Value *v)
{
    Lower *L = c->L;
    Span at = s->assign.value->span;
    const Value *target = to->part;
    IrType t = L->m->slots.v[target->slot.slot].type;
    const char *path = L->m->slots.v[target->slot.slot].path;
    IrVal *x = as_tensor(c, v, at);
    if (x && L->fn == L->init) pending_idle(c, target->slot.slot, s);
    if (!x || L->fn != L->graph) return;                    /* only tried: nothing is assigned */
    if (x->type.axes.n) {
        Diag *d = diag_error(L->diags, at, E200, "%s is one value, and this is one for each sample", path);
        diag_hint(d, "E[o ~ batch_of(h)] o is the mean of h over its batch");
        return;
    }
    IrVal *picked = NULL;
    if (!type_class_fits(c, v, x, target->slot.classes, at, path)) return;
    if (to->index) {
        if (!(x = target_put(c, to->index, fn_read(L, target->slot.slot), x, &picked, NULL, at, path))) return;
    } else if (!initial_fits(c, x, &t, false, at, path)) {
        return;
    }
    x = arith_convert(c, x, t.elem);
    if (t.rank && !x->type.rank) x = ir_fill(fn_builder(c), x, ir_dims_of(&t));
    pending_add(c, target->slot.slot, x, picked, s);
}

/* Of a record, each field. */
static void assign_state(Ctx *c, const Ast *s, const Target *to, Value *v)
{
    if (to->part->kind == V_SLOT) return assign_slot(c, s, to, v);
    Value *same = val_in_form(c->L, to->part, v);
    if (!same) {
        const char *is = val_text(c->L, to->part);
        diag_error(c->L->diags, s->assign.value->span, E200, "this state is %s, and its new value is %s", is, val_text(c->L, v));
        return;
    }
    for (int i = 0; i < same->record.n; i++)
        if (!val_bad(same->record.v[i])) assign_state(c, s, &(Target){.part = to->part->record.v[i]}, same->record.v[i]);
}

static bool is_state(const Lower *L, const Value *v)
{
    bool all = v->kind == V_RECORD && v->record.n;
    for (int i = 0; all && i < v->record.n; i++) all = is_state(L, v->record.v[i]);
    return v->kind == V_SLOT ? L->m->slots.v[v->slot.slot].kind == IR_SLOT_STATE : all;
}

void eval_assign(Ctx *c, const Ast *s)
{
    Lower *L = c->L;
    const Ast *target = s->assign.target, *name = target_root(target);
    Value *v = eval(c, s->assign.value);
    if (!name) {
        diag_error(L->diags, target->span, E201, ":= changes a state or a part of one, and this is a part of no name");
        return;
    }
    Value *old = scope_find(c, name, true);
    if (!old) scope_unknown(c, name->name.name, name->span);
    if (!old || (c->rule && rule_assign(c, target, v, s->assign.value->span))) return;
    if (val_bad(old) && !(c->rule && L->guess)) return;     /* a rule changes what is its own, whatever the rest is */
    const Bound *bound = names_use(L->names, name);
    if (L->guess && !c->rule && bound && bound->kind == NAME_STATE) return;     /* it has no slot there */
    Target to;
    if (c->rule || !is_state(L, old)) wrong_target(c, target, old);
    else if (!val_bad(v) && target_find(c, target, old, &to)) assign_state(c, s, &to, v);
}
