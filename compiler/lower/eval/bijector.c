/* bijector.c - invertible maps: `bijector B(a) { net s(h) ..; forward(z) = ..; inverse(x) = ..; log_det(z) = .. }`.
 *
 * One that has its arguments is a value, applied by its forward; the others of its members are asked for by name. In a net or model it has an
 * instance there, which holds the nets and parameters among its members. What it takes along (a condition, a captured sample) it varies over, as
 * any closure does, so a conditional one is one with an argument that is computed.
 *
 * log_det(z) is the logarithm of |det| of forward's derivative at z. That of the inverse is -log_det(inverse(x)), or a member log_det_inverse(x)
 * where it can be had on the way. Distributions that it maps have a density (dist/map.c), for which it is held to what it says (consistent.c). */
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"

static uint64_t place_of(const Ctx *c, const void *site)
{
    return site_mix(site_mix(c->scope->round, site), (const void *)(uintptr_t)c->scope->call);
}

Instance *bijector_instance(Ctx *c, Closure *k, const void *site)
{
    Instance *in = inst_here(c)->owner ? inst_child(c, c->name ? c->name : k->name, place_of(c, site), false) : members_instance(c, k, site);
    if (in) in->bijector = true;
    return in;
}

Value *bijector_bind(Ctx *c, Closure *closure, Args *args, const void *site, Span at)
{
    const Ast *d = closure->def;
    AstList params = closure->bound ? d->define.params2 : d->define.params;
    Closure *k = closure_copy(c->L, closure, scope_new(c->L, closure->scope));
    k->bound = true;
    Ctx own = ctx_defaults(c, NULL, site);
    if (!bind_params(&own, k->scope, params, args, closure->name, at, NULL)) return val_error(c->L);
    Ctx inner = *c;
    inner.scope = k->scope;
    inner.applied = applied_at(c, at);
    k->scope->inst = bijector_instance(c, k, site);
    if (!declare_members(&inner, d->define.body->block.stmts, NULL)) return val_error(c->L);
    Value *v = val_new(c->L, V_BIJECTOR);
    v->bijector.closure = k;
    v->bijector.place = place_of(c, site);
    return v;
}

Value *bijector_of(const Value *v)
{
    if (v->kind == V_PLAYER) return v->player->bijector;
    return v->kind == V_BIJECTOR ? (Value *)v : NULL;
}

Value *bijector_member(Ctx *c, Value *b, const char *name)
{
    Value *m = scope_local(c, b->bijector.closure->scope, name);
    return m || strcmp(name, "log_det_inverse") ? m : builtin_partial(c->L, name, b);
}

static Value *has_none(Ctx *c, const Value *b, const char *name, Span at)
{
    const Closure *k = b->bijector.closure;
    Diag *d = diag_error(c->L->diags, at, E112, "the bijector %s has no %s", k->name, name);
    diag_note(d, k->def->define.name_span, "declared here");
    diag_hint(d, "its members are forward(z), inverse(x) and log_det(z), the logarithm of |det| of forward's derivative at z");
    return val_error(c->L);
}

/* For a copy that nothing applies. */
static void note_type(Ctx *c, const Value *b, const char *member, const Args *args)
{
    Instance *in = b->bijector.closure->scope->inst;
    bool forward = !strcmp(member, "forward") || !strcmp(member, "inverse");
    if (!in || in->maps || !forward || c->L->guess || args->n != 1 || args->v[0]->kind != V_TENSOR) return;
    in->maps = arena_copy(c->L->a, &args->v[0]->tensor.v->type, sizeof(IrType));
    in->maps->axes = ir_no_axes();
}

Value *bijector_apply(Ctx *c, Value *b, const char *member, Args *args, const void *site, Span at)
{
    Value *m = bijector_member(c, b, member);
    note_type(c, b, member, args);
    return m ? as_settled(c, apply(c, m, args, site, at), at) : has_none(c, b, member, at);
}

static Value *apply_member(Ctx *c, Value *b, const char *member, Value *x, const void *site, Span at)
{
    Args a = {.n = 1, .v = {x}, .at = {at}};
    return bijector_apply(c, b, member, &a, site, at);
}

Value *bijector_log_det_inverse(Ctx *c, Value *b, Value *x, const void *site, Span at)
{
    if (scope_local(c, b->bijector.closure->scope, "log_det_inverse")) return apply_member(c, b, "log_det_inverse", x, site, at);
    Value *z = apply_member(c, b, "inverse", x, site, at);
    Value *l = val_bad(z) ? z : apply_member(c, b, "log_det", z, site, at);
    return val_bad(l) ? l : arith_unary(c, AST_OP_NEG, l, at);
}
