/* owns.c - whether a comparison or distribution needs an instance: it has a state or net in its text, or something in it may make another
 * comparison or distribution that has. What a body can reach are its free names, as lang/check found them, and the arguments given. */
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/own/own.h"

typedef struct Walk {
    Lower   *L;
    unsigned round;                                         /* what has been visited in this one is done */
} Walk;

static bool has_members(const Ast *def)
{
    return def->kind == AST_DEFINE &&
           (def->define.word == AST_DEFINE_DISTRIBUTION || def->define.word == AST_DEFINE_COMPARISON || def->define.word == AST_DEFINE_BIJECTOR);
}

static void find_own(void *found, const Ast *n)
{
    if (n->kind == AST_STATE || has_parameters(n)) *(bool *)found = true;
    if (!*(bool *)found) ast_each_child(n, find_own, found);
}

static bool value_makes(Walk *w, const Value *v);
static bool body_makes(Walk *w, const Ast *node, Scope *scope);

/* Nets and layers have instances of their own for what they make. */
static bool definition_makes(Walk *w, const Ast *def, Scope *scope)
{
    bool found = false;
    if (has_parameters(def)) return false;
    if (has_members(def) && def->define.body) find_own(&found, def->define.body);
    return found || body_makes(w, def, scope);
}

static bool binding_makes(Walk *w, Binding *b, Scope *s)
{
    if (b->axes_round == w->round) return false;
    b->axes_round = w->round;
    return b->value ? value_makes(w, b->value) : b->decl && definition_makes(w, b->decl, s);
}

static bool body_makes(Walk *w, const Ast *node, Scope *scope)
{
    const NameBody *body = names_body(w->L->names, node);
    for (int i = 0; body && i < body->free.n; i++) {
        Scope *s = scope;
        Binding *b = scope_binding(w->L, &s, body->free.v[i]);
        if (b && binding_makes(w, b, s)) return true;
    }
    return false;
}

static bool closure_makes(Walk *w, Closure *k)
{
    if (k->axes_round == w->round) return false;
    k->axes_round = w->round;
    Scope *s = k->scope;
    if (!k->bound) return definition_makes(w, k->def, s);
    for (int i = 0; i < s->names.n; i++)
        if (s->names.v[i].value && value_makes(w, s->names.v[i].value)) return true;
    return definition_makes(w, k->def, s->parent);
}

static bool items_make(Walk *w, Value *const *v, int n)
{
    for (int i = 0; i < n; i++)
        if (value_makes(w, v[i])) return true;
    return false;
}

static bool value_makes(Walk *w, const Value *v)
{
    switch (v->kind) {
    case V_LIST: return items_make(w, v->list.v, v->list.n);
    case V_RECORD: return items_make(w, v->record.v, v->record.n);
    case V_THUNK: return body_makes(w, v->thunk.expr, v->thunk.scope);
    case V_FUNCTION:
        if (v->fn.kind == F_PRIME || v->fn.kind == F_OF_EACH) return value_makes(w, v->fn.of);
        return items_make(w, v->fn.given, v->fn.n_given) || (v->fn.kind == F_CLOSURE && closure_makes(w, v->fn.closure));
    default: return false;
    }
}

Instance *members_instance(Ctx *c, Closure *k, const void *site)
{
    Walk w = {c->L, ++c->L->axes_round};
    if (!closure_makes(&w, k)) return NULL;
    uint64_t place = site_mix(site_mix(c->scope->round, site), (const void *)(uintptr_t)c->scope->call);
    return inst_child(c, c->name ? c->name : k->name, place, false);
}
