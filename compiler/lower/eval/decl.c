/* decl.c - declarations become values when they are first asked for; and comparisons, whose members are losses. */
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/eval/watch.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"
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

/* comparison c = wasserstein(p, q, D), distribution d = Normal(0, 1): another name for what stands there, which must be of that kind. */
static Value *declare_alias(Ctx *c, const Ast *d, const char *name)
{
    AstDefine w = d->define.word;
    Value *v = eval(c, d->define.body);
    bool closure = v->kind == V_FUNCTION && v->fn.kind == F_CLOSURE && v->fn.closure->def->kind == AST_DEFINE &&
                   v->fn.closure->def->define.word == w;
    if (w == AST_DEFINE_COMPARISON && v->kind == V_COMPARE) return compare_with(c, v->compare, NULL, name);
    if (w == AST_DEFINE_BIJECTOR && bijector_of(v)) return v;
    if (closure || (w == AST_DEFINE_OPTIMIZER && v->kind == V_OPTIMIZER) || (w == AST_DEFINE_LAYER && v->kind == V_LAYER))
        return v;
    if (w == AST_DEFINE_DISTRIBUTION && (v->kind == V_DIST || v->kind == V_PLAYER || v->kind == V_RECORD)) {
        Dist *p = as_dist(c, v, d->define.body->span);
        return p ? val_dist(c->L, dist_renamed(c->L, p, name)) : val_error(c->L);
    }
    if (!val_bad(v))
        diag_error(c->L->diags, d->define.body->span, E201, "%s is declared a%s %s, and this is %s", name,
                   w == AST_DEFINE_OPTIMIZER ? "n" : "", AstDefine_name(w), val_text(c->L, v));
    return val_error(c->L);
}

/* Does a part of it that is asked for by name, or done in its turn, stand in a statement that could not be read? */
static bool lacks_part(const Ast *d)
{
    AstDefine w = d->define.word;
    bool parts = w == AST_DEFINE_DISTRIBUTION || w == AST_DEFINE_COMPARISON || w == AST_DEFINE_OPTIMIZER, lacks = false;
    const Ast *body = d->define.body;
    for (int i = 0; parts && body && body->kind == AST_BLOCK && i < body->block.stmts.n; i++) lacks |= body->block.stmts.v[i]->kind == AST_BROKEN;
    return lacks;
}

static Value *declare_define(Ctx *c, const Ast *d, const char *name)
{
    AstDefine w = d->define.word;
    if (lacks_part(d)) return val_error(c->L);
    if (w == AST_DEFINE_SIMULATOR) return simulator_declare(c, d, name);
    if (is_model(w) && d->define.n_lists < 2) return player_declare(c, d, name, c->inst != NULL);
    if (d->define.is_alias) return declare_alias(c, d, name);
    if (w == AST_DEFINE_DEF && !d->define.n_lists) return thunk_new(c->L, d->define.body, c->scope, name);
    if (w == AST_DEFINE_METRIC && !d->define.n_lists) return thunk_new(c->L, d->define.body, c->scope, name);
    Value *f = val_closure(c->L, d, c->scope, name);
    bool whole = w == AST_DEFINE_BIJECTOR && !d->define.n_lists;        /* it takes no arguments: it is one */
    return whole ? bijector_bind(c, f->fn.closure, &(Args){0}, d, d->define.name_span) : f;
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
    if (!e) return val_error(L);
    names_expression(L->names, e, NULL, 0, 0, L->diags);
    return eval(c, e);
}

static const Ast *leaf_called(const Ast *pattern, const char *name)
{
    if (pattern->kind == AST_NAME) return strcmp(pattern->name.name, name) ? NULL : pattern;
    const Ast *leaf = NULL;
    for (int i = 0; i < pattern->tuple.items.n && !leaf; i++) leaf = leaf_called(pattern->tuple.items.v[i], name);
    return leaf;
}

/* Among members, a let is evaluated where it is used, as they are: for each name of its pattern. */
static Value *member_let(Ctx *c, const Ast *d, const char *name)
{
    Value *v = thunk_new(c->L, d->let.value, c->scope, name);
    v->thunk.let = d;
    v->thunk.leaf = leaf_called(d->let.pattern, name);
    return v;
}

static Value *declare_let(Ctx *c, const Ast *d, const char *name)
{
    const char *set = d->let.pattern->kind == AST_NAME ? setting_of(c, name) : NULL;
    Ctx inner = *c;
    inner.declared = *c->index ? strf(c->L, "%s%s", name, c->index) : name;
    inner.field = NULL;
    Value *v = set ? setting_value(c, set, name) : eval(&inner, d->let.value);
    if (d->let.type) v = type_conform(c, v, d->let.type, d->let.value->span, name);
    return v;
}

/* compare c = a + penalty: what is added is added to a loss. */
static bool joins_comparison(Ctx *c, const Ast *d)
{
    const Ast *e = d->compare.value;
    if (e->kind != AST_BINARY || e->binary.left->kind != AST_NAME) return false;
    const Ast *left = e->binary.left;
    Value     *k = scope_find(c, left, false);
    if (!k || k->kind != V_COMPARE) return false;
    Diag *no = diag_error(c->L->diags, e->span, E201, "a comparison has several losses, and is no number that something is added to");
    diag_hint(no, "with adds to the one that is meant: compare %s = %s with critic += %s", d->compare.name, left->name.name, text_of_source(c->L, e->binary.right->span));
    return true;
}

static Value *declare_compare(Ctx *c, const Ast *d, const char *name)
{
    Ctx named = *c;
    named.name = *c->index ? strf(c->L, "%s%s", name, c->index) : name;
    if (joins_comparison(&named, d)) return val_error(c->L);
    Value *base = eval(&named, d->compare.value);
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
    case AST_LET: return c->scope->members ? member_let(c, d, name) : declare_let(c, d, name);
    case AST_STATE: return eval_state(c, d);
    case AST_PARAMETER: return member_parameter(c, d);
    case AST_LOSS: return thunk_new(c->L, d->loss.value, c->scope, name);
    case AST_COMPARE: return declare_compare(c, d, name);
    case AST_MEMBER:
        if (d->member.has_params) return val_closure(c->L, d, c->scope, name);
        return thunk_new(c->L, d->member.value, c->scope, name);
    default: return val_error(c->L);
    }
}

static void declare_names(Ctx *c, const Ast *pattern, const Ast *d)
{
    if (pattern->kind == AST_NAME) {
        if (names_bound(c->L->names, pattern)) scope_declare(c->L, c->scope, pattern, d);     /* _ binds nothing */
        return;
    }
    for (int i = 0; i < pattern->tuple.items.n; i++) declare_names(c, pattern->tuple.items.v[i], d);
}

static void declare_each(Ctx *c, AstList stmts, bool members)
{
    Scope *s = c->scope;
    for (int i = 0; i < stmts.n; i++) {
        const Ast *d = stmts.v[i];
        switch (d->kind) {
        case AST_DEFINE: case AST_LOSS: case AST_COMPARE: case AST_MEMBER: scope_declare(c->L, s, d, d); break;
        case AST_LET:
            if (members) declare_names(c, d->let.pattern, d);
            break;
        case AST_DATA:
            for (int k = 0; k < d->data.names.n; k++)
                scope_declare(c->L, s, d->data.names.v[k], d);
            break;
        default: break;
        }
    }
}

void declare_all(Ctx *c, AstList stmts) { declare_each(c, stmts, false); }

void declare_local(Ctx *c, AstList stmts)
{
    declare_all(c, stmts);
    for (int i = 0; i < stmts.n; i++) {
        const Ast *d = stmts.v[i];
        if (d->kind == AST_DEFINE && is_model(d->define.word) && d->define.n_lists < 2 && scope_binds(c->L, c->scope, d))
            scope_set(c->L, c->scope, d, player_declare(c, d, d->define.name, true));
    }
}

static AstList assigns_in(Lower *L, AstList stmts)
{
    AstList a = {arena_array(L->a, Ast *, stmts.n + 1), 0};
    for (int i = 0; i < stmts.n; i++)
        if (stmts.v[i]->kind == AST_ASSIGN) a.v[a.n++] = stmts.v[i];
    return a;
}

/* It is part of each member, as if it stood in its body, but of no sample that is at hand there. A member that asks for others has done it for them. */
int assign_among(Ctx *c, Scope *members)
{
    int before = pending_count(c->L);
    if (!members->assigns.n || c->assigned == members) return before;
    c->assigned = members;
    Ctx own = *c;
    own.scope = members;
    own.axes = own.each = ir_no_axes();
    own.guards = NULL;
    for (int i = 0; i < members->assigns.n; i++) eval_assign(&own, members->assigns.v[i]);
    return before;
}

/* Does the declaration stand among the members of one? */
static bool in_bijector(const Lower *L, const Ast *d)
{
    const Bound *b = names_bound(L->names, d);
    const Ast *around = b && b->body ? b->body->node : NULL;
    return around && around->kind == AST_DEFINE && around->define.word == AST_DEFINE_BIJECTOR;
}

static bool require_members(Ctx *c, AstList stmts, bool *later)
{
    bool holds = true;
    for (int i = 0; i < stmts.n && holds; i++)              /* what follows may hang on it */
        if (stmts.v[i]->kind == AST_REQUIRE) holds = eval_require(c, stmts.v[i], later);
    return holds;
}

/* Beside its members a comparison or distribution may hold lets, which are evaluated where they are used like members, and states. */
bool declare_members(Ctx *c, AstList stmts, bool *later)
{
    Lower *L = c->L;
    declare_each(c, stmts, true);
    c->scope->members = true;
    c->scope->assigns = assigns_in(L, stmts);
    for (int i = 0; i < stmts.n; i++) {
        const Ast *d = stmts.v[i];
        if (d->kind == AST_STATE) scope_declare(L, c->scope, d, d);
        if (d->kind == AST_PARAMETER && in_bijector(L, d)) scope_declare(L, c->scope, d, d);
        else if (d->kind == AST_PARAMETER) {
            Diag *e = diag_error(L->diags, d->span, E120, "a param stands in a net, a model or a layer, which owns it");
            diag_hint(e, "net P { param %s .. } among the members is a player of their own", d->parameter.name);
            scope_bind(L, c->scope, d, val_error(L));       /* nothing more is said of it */
        }
    }
    return require_members(c, stmts, later) || L->guess;
}

/* ---- comparisons */

static bool has_param(AstList stmts)
{
    for (int i = 0; i < stmts.n; i++)
        if (stmts.v[i]->kind == AST_PARAMETER) return true;
    return false;
}

Value *compare_bind(Ctx *c, Closure *closure, Args *args, const void *site, Span at)
{
    Compare *k = arena_new_of(c->L->a, Compare);
    k->closure = closure_copy(c->L, closure, scope_new(c->L, closure->scope));
    k->closure->bound = true;
    k->name = closure->name;
    Ctx own = ctx_defaults(c, NULL, site);
    if (!bind_params(&own, k->closure->scope, closure->def->define.params, args, closure->name, at, NULL))
        return val_error(c->L);
    Ctx inner = *c;
    inner.scope = k->closure->scope;
    inner.applied = applied_at(c, at);
    inner.scope->inst = members_instance(c, k->closure, site);
    if (!declare_members(&inner, closure->def->define.body->block.stmts, &k->owing)) return val_error(c->L);
    if (has_param(closure->def->define.body->block.stmts)) return val_error(c->L);     /* which was said: nothing more to say of it */
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

/* A copy with a name, in whose scope the members that decl (NULL: none) changes carry their changes. */
Value *compare_with(Ctx *c, Compare *base, const Ast *decl, const char *name)
{
    Lower *L = c->L;
    Compare *k = arena_copy(L->a, base, sizeof *base);
    k->name = name, k->index = c->index;
    Value *v = val_new(L, V_COMPARE);
    v->compare = k;
    if (!decl || !decl->compare.changes.n) return v;
    Changed *w = arena_new_of(L->a, Changed);
    *w = (Changed){decl, c->scope, base->changed};
    k->changed = w;
    for (int i = 0; i < decl->compare.changes.n; i++) {
        const Ast *change = decl->compare.changes.v[i];
        const Ast *member = member_decl(k, change->change.name);
        if (member && !member->member.has_params) continue;
        Diag *d = diag_error(L->diags, change->change.name_span, E112, "%s has no loss called %s", base->name,
                             change->change.name);
        diag_note(d, base->closure->def->define.name_span, "its members are declared here");
        return val_error(L);
    }
    return v;
}

static bool changed(const Compare *k, const char *name)
{
    for (const Changed *w = k->changed; w; w = w->before)
        for (int i = 0; i < w->decl->compare.changes.n; i++)
            if (!strcmp(w->decl->compare.changes.v[i]->change.name, name)) return true;
    return false;
}

/* Watches what the comparison requires in the statement at hand. */
static bool pays(Ctx *c, const Compare *k, Span at)
{
    if (!k->owing || !watch_can(c)) return true;
    Ctx inner = *c;
    inner.scope = k->closure->scope;
    inner.applied = applied_at(c, at);
    return require_members(&inner, k->closure->def->define.body->block.stmts, NULL);
}

Value *compare_member(Ctx *c, Compare *k, const char *name, Span at)
{
    if (!pays(c, k, at)) return val_error(c->L);
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
