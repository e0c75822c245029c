/* decl.c - declarations become values when they are first asked for; and comparisons, whose members are losses. */
#include "compiler/lower/core.h"
#include "lang/syntax/parse.h"

static Value *thunk_new(Lower *L, const Ast *expr, Scope *scope, const char *name)
{
    Value *v = val_new(L, V_THUNK);
    v->thunk.expr = expr;
    v->thunk.scope = scope;
    v->thunk.name = name;
    return v;
}

static bool is_model(AstDefine w)
{
    return w == AST_DEFINE_NET || w == AST_DEFINE_IMPLICIT || w == AST_DEFINE_PRESCRIBED;
}

/* distribution d = Normal(0, 1): another name; of Normal itself, too. */
static Value *alias(Ctx *c, const Ast *d, const char *name)
{
    Value *v = eval_raw(c, d->define.body);
    if (v->kind == V_FUNCTION && v->fn.kind == F_CLOSURE && v->fn.closure->def->kind == AST_DEFINE &&
        v->fn.closure->def->define.word == AST_DEFINE_DISTRIBUTION)
        return v;
    Dist *p = as_dist(c, v, d->define.body->span);
    return p ? val_dist(c->L, dist_renamed(c->L, p, name)) : val_error(c->L);
}

static Value *declare_define(Ctx *c, const Ast *d, const char *name)
{
    AstDefine w = d->define.word;
    if (w == AST_DEFINE_BIJECTOR || w == AST_DEFINE_SIMULATOR)
        return unsupported(c, d->define.name_span, strf(c->L, "%s", AstDefine_name(w)));
    if (w == AST_DEFINE_DISTRIBUTION && d->define.is_alias) return alias(c, d, name);
    if (is_model(w) && d->define.n_lists < 2) return player_declare(c, d, name);
    if (w == AST_DEFINE_DEF && !d->define.n_lists) return thunk_new(c->L, d->define.body, c->scope, name);
    if (w == AST_DEFINE_METRIC && !d->define.n_lists) return thunk_new(c->L, d->define.body, c->scope, name);
    return val_closure(c->L, d, c->scope, name);
}

/* --set name=value, for a let of the main file. */
static const char *setting_of(Ctx *c, const char *name)
{
    for (int i = 0; c->scope == c->L->file && i < c->L->o.n_settings; i++)
        if (!strcmp(c->L->o.setting[i].name, name)) return c->L->o.setting[i].value;
    return NULL;
}

static Value *setting_value(Ctx *c, const char *text, const char *name)
{
    Lower *L = c->L;
    const SourceFile *f = source_add(L->sources, strf(L, "--set %s", name), text, strlen(text));
    const Ast *e = f ? parse_expression(L->a, f, L->diags) : NULL;
    return e ? eval(c, e) : val_error(L);
}

static Value *declare_let(Ctx *c, const Ast *d, const char *name)
{
    const char *set = d->let.pattern->kind == AST_NAME ? setting_of(c, name) : NULL;
    Value *v = set ? setting_value(c, set, name) : eval(c, d->let.value);
    if (d->let.type) v = type_conform(c, v, d->let.type, d->let.value->span, name);
    return v;
}

static Value *declare_compare(Ctx *c, const Ast *d, const char *name)
{
    Value *base = eval(c, d->compare.value);
    if (val_bad(base)) return base;
    if (base->kind == V_COMPARE) return compare_with(c, base->compare, d, name);
    diag_error(c->L->diags, d->compare.value->span, E201, "compare takes a comparison, and this is %s",
               val_text(c->L, base));
    return val_error(c->L);
}

Value *declare(Ctx *c, const Ast *d, const char *name)
{
    switch (d->kind) {
    case AST_DEFINE: return declare_define(c, d, name);
    case AST_DATA: return data_declare(c, d, name);
    case AST_LET: return declare_let(c, d, name);
    case AST_LOSS: return thunk_new(c->L, d->loss.value, c->scope, name);
    case AST_COMPARE: return declare_compare(c, d, name);
    case AST_MEMBER:
        if (d->member.has_params) return val_closure(c->L, d, c->scope, name);
        return thunk_new(c->L, d->member.value, c->scope, name);
    default: return val_error(c->L);
    }
}

void declare_all(Ctx *c, AstList stmts)
{
    Scope *s = c->scope;
    for (int i = 0; i < stmts.n; i++) {
        const Ast *d = stmts.v[i];
        switch (d->kind) {
        case AST_DEFINE:
            scope_declare(c->L, s, d->define.name, d, d->define.name_span);
            if (c->inst && is_model(d->define.word) &&
                d->define.n_lists < 2) /* it belongs to the net whose body this is */
                scope_rebind(s, d->define.name, player_declare(c, d, d->define.name), d->define.name_span);
            break;
        case AST_LOSS: scope_declare(c->L, s, d->loss.name, d, d->loss.name_span); break;
        case AST_COMPARE: scope_declare(c->L, s, d->compare.name, d, d->compare.name_span); break;
        case AST_MEMBER: scope_declare(c->L, s, d->member.name, d, d->member.name_span); break;
        case AST_DATA:
            for (int k = 0; k < d->data.names.n; k++)
                scope_declare(c->L, s, d->data.names.v[k]->name.name, d, d->data.names.v[k]->span);
            break;
        default: break;
        }
    }
}

void declare_members(Ctx *c, AstList stmts)
{
    for (int i = 0; i < stmts.n; i++) {
        if (stmts.v[i]->kind == AST_STATE) unsupported(c, stmts.v[i]->span, "a state in a comparison or distribution");
        if (stmts.v[i]->kind == AST_PARAMETER)
            unsupported(c, stmts.v[i]->span, "a param in a comparison or distribution");
    }
    declare_all(c, stmts);
}

/* ---- comparisons */

Value *compare_bind(Ctx *c, Closure *closure, Args *args, Span at)
{
    Compare *k = arena_new_of(c->L->a, Compare);
    k->closure = arena_copy(c->L->a, closure, sizeof *closure);
    k->name = closure->name;
    k->closure->scope = scope_new(c->L, closure->scope);
    if (!bind_params(c, k->closure->scope, closure->def->define.params, args, closure->name, at, NULL))
        return val_error(c->L);
    Ctx inner = *c;
    inner.scope = k->closure->scope;
    declare_members(&inner, closure->def->define.body->block.stmts);
    Value *v = val_new(c->L, V_COMPARE);
    v->compare = k;
    return v;
}

static const Ast *member_decl(const Compare *k, const char *name)
{
    AstList s = k->closure->def->define.body->block.stmts;
    for (int i = 0; i < s.n; i++)
        if (s.v[i]->kind == AST_MEMBER && !strcmp(s.v[i]->member.name, name)) return s.v[i];
    return NULL;
}

/* A copy with a name, in whose scope the changed members carry their changes. */
Value *compare_with(Ctx *c, Compare *base, const Ast *decl, const char *name)
{
    Lower *L = c->L;
    Compare *k = arena_copy(L->a, base, sizeof *base);
    k->name = name;
    if (decl->compare.changes.n && base->change)
        return unsupported(c, decl->span, "with on a comparison that has changes already");
    k->change = decl->compare.changes.n ? decl : base->change;
    k->change_scope = decl->compare.changes.n ? c->scope : base->change_scope;
    for (int i = 0; i < decl->compare.changes.n; i++) {
        const Ast *change = decl->compare.changes.v[i];
        const Ast *member = member_decl(k, change->change.name);
        if (member && !member->member.has_params) continue;
        Diag *d = diag_error(L->diags, change->change.name_span, E112, "%s has no loss called %s", base->name,
                             change->change.name);
        diag_note(d, base->closure->def->define.name_span, "its members are declared here");
        return val_error(L);
    }
    Value *v = val_new(L, V_COMPARE);
    v->compare = k;
    return v;
}

static bool changed(const Compare *k, const char *name)
{
    for (int i = 0; k->change && i < k->change->compare.changes.n; i++)
        if (!strcmp(k->change->compare.changes.v[i]->change.name, name)) return true;
    return false;
}

Value *compare_member(Ctx *c, Compare *k, const char *name, Span at)
{
    (void)at;
    Value *v = scope_local(c, k->closure->scope, name);
    if (!v || v->kind != V_THUNK || !member_decl(k, name)) return v;
    Value *t = arena_copy(c->L->a, v, sizeof *v);
    t->thunk.name = path_join(c->L, k->name, name);
    if (changed(k, name)) {
        t->thunk.own = k;
        t->thunk.name = name;
    }
    return t;
}
