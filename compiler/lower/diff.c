/* diff.c - derivatives in expressions: grad[x] e, grad[G] e, f'. The work is grad_reverse's; here is what to differentiate by what. */
#include "compiler/lower/graph.h"
#include "compiler/opt/stabilise.h"

/* The same value as a node of its own: only what is computed from this one depends on it. */
IrVal *diff_leaf(Ctx *c, IrVal *v)
{
    IrAttrs a = ir_attrs();
    a.dims = ir_dims_of(&v->type);
    return ir_node(fn_builder(c), IR_reshape, &v, 1, &a)->result;
}

/* The one place between a value and its derivative. */
IrVal *before_grad(Ctx *c, IrVal *v, IrVal *const *wrt, int n_wrt, bool last)
{
    return opt_stabilise_value(fn_builder(c), v, wrt, n_wrt, last);
}

/* Values bound to names that a grad[x] of the same definition differentiates by become leaves. */
bool diff_is_wrt(const Lower *L, const char *name, Span at)
{
    for (int i = 0; i < L->grad_names.n; i++) {
        Span in = L->grad_names.v[i].within;
        if (in.file == at.file && in.begin <= at.begin && at.end <= in.end && !strcmp(L->grad_names.v[i].name, name)) return true;
    }
    return false;
}

/* ---- grad[..] */

enum { MAX_WRT = 512 };

typedef struct Wrt {
    IrVal *v[MAX_WRT];
    int    n;
} Wrt;

/* What a value is differentiated by: its tensors, field by field. */
static bool collect(Ctx *c, Value *v, Span at, Wrt *w)
{
    if (v->kind == V_RECORD) {
        for (int i = 0; i < v->record.n; i++)
            if (!collect(c, v->record.v[i], at, w)) return false;
        return true;
    }
    IrVal *t = as_tensor(c, v, at);
    if (!t) return false;
    if (!ir_is_real(t->type.elem)) {
        diag_error(c->L->diags, at, E304, "a derivative is taken by a real, and this is %s", type_text(c->L, &t->type));
        return false;
    }
    if (w->n == MAX_WRT) return unsupported(c, at, "a derivative by so many tensors"), false;
    w->v[w->n++] = t;
    return true;
}

static Value *rebuild(Ctx *c, Value *v, IrVal **grad, IrVal **wrt, int *i)
{
    if (v->kind == V_RECORD) {
        Value **f = arena_array(c->L->a, Value *, v->record.n + 1);
        for (int k = 0; k < v->record.n; k++) f[k] = rebuild(c, v->record.v[k], grad, wrt, i);
        Value *r = val_record(c->L, f, v->record.name, v->record.n);
        r->record.of = v->record.of;
        return r;
    }
    int k = (*i)++;
    return val_tensor(c->L, grad[k] ? grad[k] : grad_zeros(fn_builder(c), &wrt[k]->type));
}

static Value *wrt_value(Ctx *c, const Ast *w)
{
    Value *v = scope_find(c, w->kind == AST_NAME ? w->name.name : "", w->span, false);
    if (w->kind != AST_NAME) v = eval_raw(c, w);
    if (v) return v;
    scope_unknown(c, w->name.name, w->span);
    return val_error(c->L);
}

static bool per_example(Ctx *c, const Ast *e, const GradReport *r, int n)
{
    for (int i = 0; i < n; i++) {
        if (!r->meet[i]) continue;
        Diag *d = diag_error(c->L->diags, e->span, E305, "this gradient is not one example's: samples meet on the way");
        diag_note(d, span_of_node(c->L, r->meet[i]), "they meet here");
        return false;
    }
    return true;
}

static void opaque_path(Ctx *c, Span at, const IrNode *n)
{
    Diag *d = diag_error(c->L->diags, at, E306, "the gradient's path runs through a black box, which has none");
    diag_note(d, span_of_node(c->L, n), "here");
    diag_hint(d, "score_function, evolution, or a surrogate net");
}

static bool grad_target(Ctx *c, const Ast *body, IrVal *y)
{
    if (!y->type.rank && ir_is_real(y->type.elem)) return true;
    Diag *d =
        diag_error(c->L->diags, body->span, E304,
                   "grad takes the gradient of one real for each example, and this is %s", type_text(c->L, &y->type));
    if (y->type.rank) diag_hint(d, "sum(...) makes one number of it");
    return false;
}

/* Numbers that are known now become tensors to differentiate by. */
static Value *static_leaves(Ctx *c, Value *v, Span at)
{
    if (v->kind == V_RECORD) {
        Value **f = arena_array(c->L->a, Value *, v->record.n + 1);
        for (int i = 0; i < v->record.n; i++) f[i] = static_leaves(c, v->record.v[i], at);
        return val_record(c->L, f, v->record.name, v->record.n);
    }
    if (!val_static(v) || v->kind == V_STRING || v->kind == V_BOOL) return v;
    IrVal *t = as_real(c, v, at);
    return t ? val_tensor(c->L, diff_leaf(c, t)) : val_error(c->L);
}

static void leaf_for_static(Ctx *c, Scope *scope, const Ast *w)
{
    Value *v = w->kind == AST_NAME ? scope_find(c, w->name.name, w->span, false) : NULL;
    if (v && (val_static(v) || v->kind == V_RECORD))
        scope_bind(c->L, scope, w->name.name, static_leaves(c, v, w->span), w->span);
}

/* Parameters exist once the expression has been evaluated, so players are collected after it. */
Value *eval_grad(Ctx *outside, const Ast *e)
{
    Lower *L = outside->L;
    AstList by = e->grad.wrt;
    Value *target[MAX_ARGS];
    const char *name[MAX_ARGS];
    if (by.n > MAX_ARGS || !fn_needed(outside, e->span)) return val_error(L);
    Ctx within = *outside, *c = &within;
    within.scope = scope_new(L, outside->scope);
    for (int i = 0; i < by.n; i++) leaf_for_static(outside, within.scope, by.v[i]);
    IrVal *y = as_real(c, eval(c, e->grad.body), e->grad.body->span);
    if (!y || !grad_target(c, e->grad.body, y)) return val_error(L);
    Wrt *w = arena_new_of(L->a, Wrt);
    bool players = false;
    Player *moved[MAX_ARGS];
    int n_moved = 0;
    for (int i = 0; i < by.n; i++) {
        target[i] = wrt_value(c, by.v[i]);
        players = players || target[i]->kind == V_PLAYER;
        if (target[i]->kind == V_PLAYER) moved[n_moved++] = player_self(target[i]->player);
        name[i] = by.v[i]->kind == AST_NAME ? by.v[i]->name.name : "value";
        if (target[i]->kind == V_PLAYER) target[i] = player_record(c, player_self(target[i]->player));
        if (val_bad(target[i]) || !collect(c, target[i], by.v[i]->span, w)) return val_error(L);
    }
    if (n_moved && !time_check(c, &y, 1, moved, n_moved, e->span)) return val_error(L);
    IrVal **g = arena_array(L->a, IrVal *, w->n + 1);
    GradReport r = {arena_array(L->a, const IrNode *, w->n + 1), arena_array(L->a, const IrNode *, w->n + 1), NULL};
    y = before_grad(c, y, w->v, w->n, false);
    if (!grad_reverse(fn_builder(c), &y, NULL, 1, w->v, w->n, g, &r))
        return opaque_path(c, e->span, r.opaque), val_error(L);
    if (!players && !per_example(c, e, &r, w->n)) return val_error(L);
    int k = 0;
    for (int i = 0; i < by.n; i++) target[i] = rebuild(c, target[i], g, w->v, &k);
    return by.n == 1 ? target[0] : val_record(L, target, name, by.n);
}

/* ---- f' */

static Value *function_of(Lower *L, Value *f, int order)
{
    if (!order) return f;
    Value *v = val_new(L, V_FUNCTION);
    v->fn.kind = F_PRIME;
    v->fn.of = f;
    v->fn.order = order;
    return v;
}

/* The derivative is made, so the leaf is its operand again: what stands after it in the block uses that. */
static IrVal *dissolve(IrVal *leaf, IrVal *result)
{
    IrVal *was = leaf->def->arg[0];
    for (IrNode *n = leaf->def->next; n; n = n->next)
        for (int i = 0; i < n->n_args; i++)
            if (n->arg[i] == leaf) n->arg[i] = was;
    ir_remove(leaf->def);
    return result == leaf ? was : result;
}

/* f at a fresh leaf, differentiated element by element. */
Value *apply_prime(Ctx *c, Value *f, int order, Args *args, const void *site, Span at)
{
    Lower *L = c->L;
    if (args->n != 1) return diag_error(L->diags, at, E109, "a derivative takes one argument"), val_error(L);
    IrVal *x = as_real(c, args->v[0], args->at[0]), *g = NULL;
    if (!x) return val_error(L);
    x = diff_leaf(c, x);
    Value *v = apply1(c, function_of(L, f, order - 1), val_tensor(L, x), site, at);
    if (val_bad(v)) return v;
    if (val_static(v)) return val_tensor(L, grad_zeros(fn_builder(c), &x->type));
    IrVal *y = as_real(c, v, at);
    if (!y) return val_error(L);
    if (!ir_dims_equal(&y->type, &x->type)) {
        diag_error(L->diags, at, E304, "f' is the derivative of a function of one number, and this one makes %s of %s",
                   type_text(L, &y->type), type_text(L, &x->type));
        return val_error(L);
    }
    GradReport r = {arena_array(L->a, const IrNode *, 1), arena_array(L->a, const IrNode *, 1), NULL};
    y = before_grad(c, y, &x, 1, false);
    if (!grad_reverse(fn_builder(c), &y, NULL, 1, &x, 1, &g, &r)) return opaque_path(c, at, r.opaque), val_error(L);
    return val_tensor(L, dissolve(x, g ? g : grad_zeros(fn_builder(c), &x->type)));
}
