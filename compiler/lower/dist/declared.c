/* declared.c - distributions of the language: `distribution d(a, b) -> real { sample = ..; log_prob(x) = .. }`. Members are looked
 * up in the scope of its arguments; those that are present are its capabilities.
 *
 * A parameter that is declared a number and is given a tensor lifts the distribution: it is drawn under an axis over the
 * elements of the tensor, which becomes the leading dims of the draw. The body never sees the tensor. */
#include "compiler/lower/dist/dist.h"
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/own/graph.h"
#include "compiler/lower/value/value.h"

/* ---- of numbers */

static AstList params_of(const Closure *k) { return k->bound ? k->def->define.params2 : k->def->define.params; }

static Value *member_of(Ctx *c, const Dist *d, const char *name, Span at, bool must)
{
    Value *v = scope_local(c, d->closure->scope, name);
    if (!v && must) {
        Diag *e = diag_error(c->L->diags, at, E301, "%s has no %s", dist_text(c->L, d), name);
        diag_note(e, d->closure->def->define.name_span, "declared here");
    }
    return v;
}

/* In a scope of its own: a name of a dimension that the draw is the first to fix is not fixed for the next one. */
static Value *conform(Ctx *c, const Dist *d, Value *v, Span at, const char *what)
{
    Ctx inner = *c;
    inner.scope = scope_new(c->L, d->closure->scope);
    return type_conform(&inner, v, d->closure->def->define.result, at, strf(c->L, "%s %s", what, dist_text(c->L, d)));
}

static Value *draw(Ctx *c, Dist *d, Span at)
{
    Value *m = member_of(c, d, "sample", at, true);
    if (!m) return val_error(c->L);
    if (m->kind != V_THUNK) {
        Diag *e = diag_error(c->L->diags, at, E201, "the member sample of %s takes arguments, and a draw gives it none", dist_text(c->L, d));
        diag_hint(e, "sample = { u ~ Uniform(0, 1); .. }; what it depends on is an argument of %s", d->closure->name);
        return val_error(c->L);
    }
    Ctx inner = *c;
    inner.inst = m->thunk.scope->inst;
    inner.scope = m->thunk.scope;
    inner.name = NULL;
    if (inner.inst) inner.site = 0;
    uint32_t before = c->L->m->next_id;
    check_evaluated(c->L, m->thunk.expr);
    int assigned = assign_among(&inner, m->thunk.scope);
    Value *made = pending_result(c, assigned, as_settled(&inner, eval(&inner, m->thunk.expr), at));
    Value *v = conform(c, d, made, at, "a draw of");
    dist_note_cuts(c->L, d, before, v, at);
    return v;
}

static bool same_dims(Ctx *c, const Dist *d, Value *x, Value *draw, Span at)
{
    if (draw->kind == V_RECORD) return x->kind == V_RECORD && x->record.n == draw->record.n;
    IrVal *a = x->kind == V_RECORD ? NULL : as_tensor(c, x, at), *b = as_tensor(c, draw, at);
    (void)d;
    return a && b && ir_dims_equal(&a->type, &b->type);
}

/* Where no type is declared, the shape of a draw is that of one. */
static Value *shaped_like_draw(Ctx *c, Dist *d, Value *x, Span at)
{
    if (d->closure->def->define.result) return conform(c, d, x, at, ARGUMENT_OF_DENSITY);
    if (!member_of(c, d, "sample", at, false) || val_bad(x)) return x;
    int draws = c->L->n_draws;
    Value *one = dist_draw(c, d, at);
    c->L->n_draws = draws;
    if (val_bad(one) || same_dims(c, d, x, one, at)) return val_bad(one) ? one : x;
    diag_error(c->L->diags, at, E200, "a draw of %s is %s, and this is %s", dist_text(c->L, d), val_text(c->L, one),
               val_text(c->L, x));
    return val_error(c->L);
}

static Value *log_prob(Ctx *c, Dist *d, Value *x, Span at)
{
    Value *f = member_of(c, d, "log_prob", at, true);
    if (f) mass_look(c, d, at);
    x = f ? shaped_like_draw(c, d, as_settled(c, x, at), at) : val_error(c->L);
    return val_bad(x) ? x : number_of_density(c, as_settled(c, apply1(c, f, x, d->closure->def, at), at), d, at);
}

static Value *member(Ctx *c, Dist *d, const char *name, Span at) { return member_of(c, d, name, at, false); }

static const Ast *type(const Dist *d) { return d->closure->def->define.result; }

static DrawShape shape(const Dist *d)
{
    const Ast *t = type(d);
    return !t ? DRAW_UNKNOWN : type_is_static(t) ? DRAW_NUMBER : t->kind == AST_TYPE && !t->type.dims.n ? DRAW_NUMBER : DRAW_OTHER;
}

const DistKind dist_declared = {.draw = draw, .log_prob = log_prob, .member = member, .shape = shape, .type = type, .names_draws = true};

Scope *dist_scope(const Dist *d) { return d->kind == &dist_declared ? d->closure->scope : NULL; }

Dist *declared_new(Ctx *c, Closure *k, Args *args, const void *site, Span at)
{
    Scope *scope = scope_new(c->L, k->scope);
    Ctx own = ctx_defaults(c, NULL, site);
    if (!bind_params(&own, scope, params_of(k), args, k->name, at, NULL)) return NULL;
    Dist *d = dist_new(c->L, k->def->define.word == AST_DEFINE_SIMULATOR ? &dist_simulator : &dist_declared, k->name);
    d->closure = closure_copy(c->L, k, scope);
    d->closure->bound = true;
    scope->inst = members_instance(c, d->closure, site);
    Ctx inner = *c;
    inner.scope = scope;
    inner.applied = applied_at(c, at);
    bool fits = !k->def->define.body || declare_members(&inner, k->def->define.body->block.stmts, NULL);
    return fits ? d : NULL;
}

Dist *declared_again(Ctx *c, const Dist *d, const Args *args, Span at)
{
    Closure k = *d->closure;
    Args    copy = *args;
    k.scope = d->closure->scope->parent;
    k.bound = false;
    return declared_new(c, &k, &copy, d->closure->def, at);
}

/* ---- of tensors where numbers are declared */

/* By its type, or by a default that is one number, however it is written. */
static bool is_number_param(Ctx *c, const Closure *k, const Ast *p)
{
    if (p->param.type) return p->param.type->kind == AST_TYPE && !p->param.type->type.dims.n && strcmp(p->param.type->type.name, "string");
    if (!p->param.value) return false;
    Ctx outside = *c;
    outside.scope = k->scope;
    Trial t = trial_begin(c->L, true);
    const Value *v = eval(&outside, p->param.value);
    bool number = val_is_number(v) || (val_bad(v) && names_lack(c->L->names));      /* what could not be read was one, it may be */
    trial_end(c->L, &t);
    return number;
}

/* The shape of a value before it is a tensor; false: it is one number, or none. */
static bool dims_of(Ctx *c, const Value *v, IrInts *out)
{
    *out = ir_ints(0, NULL);
    switch (v->kind) {
    case V_TENSOR: *out = ir_dims_of(&v->tensor.v->type); break;
    case V_SLOT:
        *out = ir_dims_of(&c->L->m->slots.v[v->slot.slot].type);
        break;
    case V_LIST:
        if (!v->list.n || (dims_of(c, v->list.v[0], out), out->n == IR_MAX_RANK)) return false;
        for (int i = out->n++; i > 0; i--) out->v[i] = out->v[i - 1];
        out->v[0] = v->list.n;
        break;
    default: break;
    }
    return out->n > 0;
}


/* Notes which arguments are lifted, and their common shape. False, reported, when they have several. */
static bool find_lifted(Ctx *c, Dist *d, AstList params)
{
    for (int i = 0; i < d->lifted.args->n; i++) {
        const Args *a = d->lifted.args;
        IrInts dims;
        const Ast *p = param_of(params, a, i);
        if (!p || !dims_of(c, a->v[i], &dims) || !is_number_param(c, d->lifted.closure, p) || !type_elements_fit(c->L, p->param.type, a->v[i])) continue;
        if (d->lifted.which && !dims_same(&dims, &d->lifted.dims)) {
            diag_error(c->L->diags, a->at[i], E200, "%s of %s has the shape %s, and another argument %s", p->param.name,
                       d->name, dims_text(c->L, &dims), dims_text(c->L, &d->lifted.dims));
            return false;
        }
        d->lifted.dims = dims;
        d->lifted.which |= (uint32_t)1 << i;
    }
    return true;
}

/* What is made for the element at hand of an axis over the elements. */
static Dist *lifted_at(Ctx *inner, const Dist *d, int axis, Span at)
{
    Args one = *d->lifted.args;
    for (int i = 0; i < one.n; i++) {
        if (!(d->lifted.which >> i & 1)) continue;
        one.v[i] = axis_enter(inner, one.v[i], axis, &d->lifted.dims, at);
        if (val_bad(one.v[i])) return NULL;
    }
    Ctx made = *inner;
    made.scope = d->lifted.scope;
    made.inst = d->lifted.inst;
    Dist *e = declared_new(&made, d->lifted.closure, &one, d->lifted.site, at);
    if (e) e->name = d->name;
    return e;
}

static Dist *open_lifted(Ctx *c, const Dist *d, Span at, Ctx *inner, int *axis)
{
    int64_t n = 1;
    for (int i = 0; i < d->lifted.dims.n; i++) n *= d->lifted.dims.v[i];
    return axis_open(c, d->name, n, at, inner, axis) ? lifted_at(inner, d, *axis, at) : NULL;
}

static Value *draw_lifted(Ctx *c, Dist *d, Span at)
{
    Ctx inner;
    int axis;
    Dist *one = open_lifted(c, d, at, &inner, &axis);
    if (one) axis_drawn(c, axis, &d->lifted.dims);
    return one ? axis_close(c, dist_draw(&inner, one, at), axis, &d->lifted.dims, at) : val_error(c->L);
}

static Value *log_prob_lifted(Ctx *c, Dist *d, Value *x, Span at)
{
    Ctx inner;
    int axis;
    Dist *one = open_lifted(c, d, at, &inner, &axis);
    if (!one) return val_error(c->L);
    x = axis_enter(&inner, x, axis, &d->lifted.dims, at);
    return val_bad(x) ? x : axis_sum(c, dist_log_prob(&inner, one, x, at), axis, at);
}

static DrawShape shape_lifted(const Dist *d) { (void)d; return DRAW_OTHER; }

/* ---- their members: that of each, stacked */

static Value *stacked(Ctx *c, const Dist *d, const char *name, Value *v, int axis, Span at)
{
    bool tensor = v->kind == V_TENSOR || v->kind == V_SLOT || v->kind == V_RECORD || v->kind == V_LIST || val_is_number(v) || v->kind == V_BOOL;
    if (v->kind == V_STRING) return v;                     /* no text hangs on an element */
    if (tensor || val_bad(v)) return axis_close(c, v, axis, &d->lifted.dims, at);
    Diag *e = diag_error(c->L->diags, at, E201, "%s is made for each element of a tensor of the shape %s, and %s of one is %s: these cannot be stacked", d->name,
                         dims_text(c->L, &d->lifted.dims), name, val_text(c->L, v));
    diag_hint(e, "what stands for numbers has a %s of its own for each: map(fn(m) .. %s(m).%s .., tensor)", name, d->lifted.closure->name, name);
    return val_error(c->L);
}

static Value *stacked_member(Ctx *c, Dist *d, const char *name, Span at)
{
    Ctx inner;
    int axis;
    Dist *one = open_lifted(c, d, at, &inner, &axis);
    return one ? stacked(c, d, name, as_settled(&inner, dist_member(&inner, one, name, at), at), axis, at) : val_error(c->L);
}

static Value *function_of_each(Lower *L, Dist *d, const Ast *member)
{
    Value *v = val_closure(L, member, d->lifted.closure->scope, member->member.name);
    v->fn.kind = F_OF_EACH;
    v->fn.of = val_dist(L, d);
    return v;
}

/* As beside an operator: one number, or what is no tensor, is the same for each, and a tensor, or a distribution of several draws, has a part for each. */
static Value *for_each(Ctx *inner, const Dist *d, Value *v, int axis, Span at)
{
    IrInts dims;
    v = as_settled(inner, v, at);
    if (v->kind == V_DIST) return dist_one_beside(inner, d, v->dist, axis, at);
    return v->kind == V_RECORD || dims_of(inner, v, &dims) ? axis_enter(inner, v, axis, &d->lifted.dims, at) : v;
}

static Value *apply_lifted(Ctx *c, Dist *d, const Closure *member, Args *args, const void *site, Span at)
{
    Ctx inner;
    int axis;
    if (!strcmp(member->name, "log_prob") && args->n == 1) return dist_log_prob(c, d, args->v[0], at);
    Dist *one = open_lifted(c, d, at, &inner, &axis);
    Value *f = one ? dist_member(&inner, one, member->name, at) : NULL;
    Args each = *args;
    for (int i = 0; f && i < each.n; i++)
        if (val_bad(each.v[i] = for_each(&inner, d, each.v[i], axis, each.at[i]))) f = NULL;
    return f ? stacked(c, d, member->name, as_settled(&inner, apply(&inner, f, &each, site, at), at), axis, at) : val_error(c->L);
}

AstList dist_members(const Dist *d)
{
    const Closure *k = d->kind == &dist_lifted ? d->lifted.closure : d->kind == &dist_declared ? d->closure : NULL;
    return k && k->def->define.body ? k->def->define.body->block.stmts : (AstList){0};
}

static Value *member_lifted(Ctx *c, Dist *d, const char *name, Span at)
{
    AstList m = dist_members(d);
    for (int i = 0; i < d->lifted.args->n; i++) {
        const Ast *p = param_of(params_of(d->lifted.closure), d->lifted.args, i);
        if (p && !strcmp(p->param.name, name)) return d->lifted.args->v[i];
    }
    for (int i = 0; i < m.n; i++)
        if (m.v[i]->kind == AST_MEMBER && !strcmp(m.v[i]->member.name, name))
            return m.v[i]->member.has_params ? function_of_each(c->L, d, m.v[i]) : stacked_member(c, d, name, at);
    return NULL;
}

static const IrInts *dims_lifted(const Dist *d) { return &d->lifted.dims; }

const DistKind dist_lifted = {.draw = draw_lifted, .log_prob = log_prob_lifted, .member = member_lifted, .apply_member = apply_lifted, .dims = dims_lifted, .one = lifted_at,
                              .shape = shape_lifted};

Value *dist_of_declared(Ctx *c, Closure *k, Args *args, const void *site, Span at)
{
    Dist *d = dist_new(c->L, &dist_lifted, k->name);
    if (!spread_record(c, params_of(k), args)) return val_error(c->L);
    d->lifted.closure = k;
    d->lifted.site = site;
    d->lifted.scope = c->scope;
    d->lifted.inst = c->inst;
    for (int i = 0; i < args->n; i++) args->v[i] = val_now(c, args->v[i]);
    d->lifted.args = arena_copy(c->L->a, args, sizeof *args);
    if (!find_lifted(c, d, params_of(k))) return val_error(c->L);
    if (!d->lifted.which) d = declared_new(c, k, args, site, at);
    return d ? val_dist(c->L, d) : val_error(c->L);
}
