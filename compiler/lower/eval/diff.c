/* diff.c - derivatives in expressions: grad[x] e, grad[G] e, f'. The work is grad_reverse's; here is what to differentiate by what. */
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/eval/paths.h"
#include "compiler/lower/eval/rounds.h"
#include "compiler/lower/own/graph.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"
#include "compiler/opt/stabilise.h"

/* The one place between a value and its derivative. */
IrVal *before_grad(Ctx *c, IrVal *v, IrVal *const *wrt, int n_wrt, bool last)
{
    uint32_t from = c->L->m->next_id;
    IrVal *stable = opt_stabilise_value(fn_builder(c), v, wrt, n_wrt, last);
    if (stable->id >= from && c->L->fn == c->L->graph) graph_loops_home(c->L, stable, from);
    return stable;
}

/* The derivatives of y by wrt, as what a program computes with like with other values. */
static bool asked(Ctx *c, IrVal *y, IrVal *const *wrt, int n_wrt, IrVal **g, GradReport *r)
{
    IrBuilder *b = fn_builder(c);
    IrWhy why = b->why;
    b->why = IR_WHY_ASKED;
    bool ok = grad_reverse(b, &y, NULL, 1, wrt, n_wrt, g, r);
    b->why = why;
    return ok;
}

/* A differentiated binding's value is made of nodes of its own: only what is computed from this name depends on it, not what shares its
 * value. Fields and items are taken one by one. */
static Value *leaves(Ctx *c, Value *v)
{
    bool list = v->kind == V_LIST;
    if (list || v->kind == V_RECORD) {
        int n = list ? v->list.n : v->record.n;
        Value **f = arena_array(c->L->a, Value *, n + 1);
        for (int i = 0; i < n; i++) f[i] = leaves(c, list ? v->list.v[i] : v->record.v[i]);
        return list ? val_list(c->L, f, n) : val_record_like(c->L, v, f);
    }
    if (v->kind == V_INT || v->kind == V_REAL) return face_leaf(c->L, v);
    if (v->kind == V_DIST) {                                /* a model with every argument given is its value */
        Value *settled = as_settled(c, v, v->at);
        return settled->kind == V_DIST ? v : leaves(c, settled);
    }
    bool tensor = v->kind == V_TENSOR && v->tensor.home == c->L->fn, slot = v->kind == V_SLOT && c->L->fn;
    IrVal *t = tensor || slot ? as_tensor(c, v, v->at) : NULL;
    if (!t || !ir_is_real(t->type.elem)) return v;
    Value *leaf = val_tensor(c->L, diff_leaf(c, t));
    leaf->tensor.own_axis = tensor ? v->tensor.own_axis : -1;
    if (!t->type.rank) array_push(c->L->a, &c->L->fn->known, leaf->tensor.v);
    return leaf;
}

Value *diff_bound(Ctx *c, const Ast *binding, Value *v)
{
    const Bound *b = names_bound(c->L->names, binding);
    return b && b->differentiated ? leaves(c, v) : v;
}

/* Of a finished program a further expression may differentiate by a number that was none of this before. */
void diff_file(Ctx *c)
{
    for (int i = 0; i < c->L->file->names.n; i++) {
        Binding *b = &c->L->file->names.v[i];
        bool let = b->decl && b->decl->kind == AST_LET && b->state == B_READY && val_static(b->value);
        if (let) b->value = diff_bound(c, b->decl->let.pattern, b->value);
    }
}

/* ---- grad[..] */

enum { MAX_WRT = 512 };

typedef struct Wrt {
    IrVal *v[MAX_WRT];
    int    n;
} Wrt;

static bool add_tensor(Ctx *c, IrVal *t, Span at, Wrt *w)
{
    if (!ir_is_real(t->type.elem)) {
        diag_error(c->L->diags, at, E304, "a derivative is taken by a real, and this is %s", type_text(c->L, &t->type));
        return false;
    }
    if (w->n == MAX_WRT) return too_many(c, at, "a derivative by so many tensors", MAX_WRT), false;
    w->v[w->n++] = t;
    return true;
}

/* What a value is differentiated by: its tensors and numbers, field by field and item by item. */
static bool collect(Ctx *c, Value *v, Span at, Wrt *w)
{
    bool list = v->kind == V_LIST;
    if (list || v->kind == V_RECORD) {
        for (int i = 0; i < (list ? v->list.n : v->record.n); i++)
            if (!collect(c, list ? v->list.v[i] : v->record.v[i], at, w)) return false;
        return true;
    }
    bool face = (v->kind == V_INT || v->kind == V_REAL) && v->face;
    IrVal *t = face ? face_node(c, v) : as_tensor(c, v, at);
    return t && add_tensor(c, t, at, w);
}

/* The gradient by a list is a tensor, as the list is where it is computed with. */
static Value *rebuild(Ctx *c, Value *v, Span at, IrVal **grad, int *i)
{
    bool list = v->kind == V_LIST;
    if (list || v->kind == V_RECORD) {
        int n = list ? v->list.n : v->record.n;
        Value **f = arena_array(c->L->a, Value *, n + 1);
        for (int k = 0; k < n; k++) f[k] = rebuild(c, list ? v->list.v[k] : v->record.v[k], at, grad, i);
        return list ? arith_stack(c, f, n, at) : val_record_like(c->L, v, f);
    }
    int k = (*i)++;
    return val_tensor(c->L, v->kind == V_INT || v->kind == V_REAL ? arith_convert(c, grad[k], c->L->m->real) : grad[k]);
}

/* ---- grad[a.path] e is (grad[a] e).path */

typedef struct Target {
    Value     *v;                                           /* what is differentiated by */
    const Ast *path;                                        /* what is then taken of the gradient, down to ... */
    const Ast *from;                                        /* ... this expression, for which it stands */
} Target;

static const Ast *object_of(const Ast *e) { return e->kind == AST_FIELD ? e->field.object : e->kind == AST_INDEX ? e->index.object : NULL; }

/* The value a field or a known item has in `v`; NULL where it is no part of its own. */
static Value *part_at(Ctx *c, const Value *v, const Ast *e)
{
    if (e->kind == AST_FIELD) return val_part(c->L, v, e->field.name);
    bool tuple = v->kind == V_RECORD && !v->record.name;
    if ((v->kind != V_LIST && !tuple) || e->index.items.n != 1 || e->index.items.v[0]->kind == AST_RANGE) return NULL;
    Value *i = eval(c, e->index.items.v[0]);
    if (i->kind != V_INT || i->i < 0 || i->i >= (tuple ? v->record.n : v->list.n)) return NULL;
    return tuple ? v->record.v[i->i] : v->list.v[i->i];
}

static bool of_tensors(const Value *v)
{
    return v->kind == V_TENSOR || v->kind == V_SLOT || v->kind == V_LIST || v->kind == V_RECORD || v->kind == V_INT || v->kind == V_REAL;
}

static Value *named_value(Ctx *c, const Ast *w)
{
    Value *v = scope_find(c, w, false);
    return v && v->kind != V_THUNK ? v : eval(c, w);
}

/* Parts that are values of their own are differentiated by alone. In A.Lin_1.w, all that follows the player is one name: `end` is the last
 * of the fields that w is among, and path what they say from w on. */
static Target target_within(Ctx *c, const Ast *w, const Ast *end, const char *path)
{
    const Ast *object = object_of(w);
    if (!object) return (Target){w->kind == AST_NAME ? named_value(c, w) : eval_raw(c, w), w, w};
    bool field = w->kind == AST_FIELD;
    end = !field ? NULL : end ? end : w;
    path = !field ? NULL : path ? path_join(c->L, w->field.name, path) : w->field.name;
    Target t = target_within(c, object, end, path);
    if (val_bad(t.v) || (end && t.path == end)) return t;
    Value *parameter = end && end != w && t.v->kind == V_PLAYER ? player_field(c, t.v->player, path, end->span) : NULL;
    if (parameter) return (Target){parameter, end, end};
    if (!of_tensors(t.v)) return (Target){eval_raw(c, w), w, w};
    Value *part = t.from == object ? part_at(c, t.v, w) : NULL;
    return part ? (Target){part, w, w} : (Target){t.v, w, t.from};
}

static Target target_of(Ctx *c, const Ast *w) { return target_within(c, w, NULL, NULL); }

static Value *along_path(Ctx *c, const Target *t, Value *gradient, const Ast *e)
{
    if (e == t->from || val_bad(gradient)) return gradient;
    Value *object = along_path(c, t, gradient, object_of(e));
    if (val_bad(object)) return object;
    if (e->kind == AST_INDEX) return arith_index(c, object, e);
    Value *f = val_part(c->L, object, e->field.name);
    if (f) return f;
    diag_error(c->L->diags, e->field.name_span, E112, "%s has no %s", val_text(c->L, object), e->field.name);
    return val_error(c->L);
}

static bool per_example(Ctx *c, Span at, const GradReport *r, int n)
{
    for (int i = 0; i < n; i++) {
        if (!r->meet[i]) continue;
        Diag *d = diag_error(c->L->diags, at, E305, "this gradient is not one example's: samples meet on the way");
        diag_note(d, span_of_node(c->L, r->meet[i]), "they meet here");
        return false;
    }
    return true;
}

void opaque_path(Ctx *c, Span at, const IrNode *n)
{
    Diag *d = diag_error(c->L->diags, at, E306, "the gradient's path runs through a black box, which has none");
    diag_note(d, span_of_node(c->L, n), "here");
    diag_hint(d, "evolution(f, theta, sigma) (import estimators) needs no derivative of it; a net that is trained on what comes out of it can stand for it; "
                 "or stop(...) around it says that this is meant");
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

static const char *wrt_text(Ctx *c, AstList by)
{
    Text t = text_in(c->L->a);
    for (int i = 0; i < by.n; i++) {
        const SourceFile *f = source_file(c->L->sources, by.v[i]->span.file);
        text_add(&t, i ? ", " : "");
        if (f) text_addn(&t, f->text + by.v[i]->span.begin, by.v[i]->span.end - by.v[i]->span.begin);
    }
    return text_str(&t);
}

static bool depends(Ctx *c, const Ast *e, IrVal *y, const Wrt *w)
{
    const char *what = wrt_text(c, e->grad.wrt);
    PathsFound found = paths_check(c, y, w->v, w->n, true, NULL, what, e->grad.body->span);
    if (found == PATHS_FAILED) return false;
    bool before = found == PATHS_NONE && rounds_before(c, y, w->v, w->n);      /* by another round */
    return rounds_depends(c, e, found == PATHS_FINE || before, what);
}

/* The derivatives of y by w, for each sample of every axis that y varies over. */
static bool differentiate(Ctx *c, const Ast *e, IrVal *y, Wrt *w, IrVal **g)
{
    Lower *L = c->L;
    if (rounds_before(c, y, w->v, w->n)) return rounds_gradient(c, y, w->v, w->n, g, wrt_text(c, e->grad.wrt), e->span);
    Wrt *fresh = arena_new_of(L->a, Wrt);
    fresh->n = w->n;
    PathsAgain again = {0};
    y = paths_spread(c, y, w->v, w->n, fresh->v, &again, e->span);
    if (!y) return false;
    GradReport r = {arena_array(L->a, const IrNode *, w->n + 1), arena_array(L->a, const IrNode *, w->n + 1), NULL};
    y = before_grad(c, y, fresh->v, w->n, false);
    if (!asked(c, y, fresh->v, w->n, g, &r)) return opaque_path(c, e->span, r.opaque), false;
    paths_back(c, &again, g, w->n);
    *w = *fresh;
    return per_example(c, e->span, &r, w->n);
}

/* ---- by a member
 *
 * A member, a let among members and a loss are evaluated wherever they are used. Where a derivative is by one, it is evaluated once, before
 * the expression, and its name lent that value; so is an argument that is asked for from outside, d.mu. Of several members one may be computed
 * from another: that one is first. Which it is shows when it is asked for. */

typedef struct Lent {
    Scope      *scope;
    const char *name;
    Value      *before;
    Value      *value;                                      /* of a member: what its name is lent; NULL: not evaluated yet, or it keeps its name */
    bool        asked;                                      /* another one has asked for it since */
    bool        done;
} Lent;

Value *lent_value(Lent *l)
{
    l->asked = true;
    return l->value;
}

/* The scope and name that an expression finds a value by, without evaluating it. */
static Scope *place_of(Ctx *c, const Ast *e, const char **name)
{
    if (e->kind == AST_NAME) {
        Scope *s = c->scope;
        const Bound *b = names_use(c->L->names, e);
        *name = e->name.name;
        return b && scope_find(c, e, false) && scope_binding(c->L, &s, b) ? s : NULL;
    }
    const char *owner;
    Scope *s = e->kind == AST_FIELD ? place_of(c, e->field.object, &owner) : NULL;
    const Value *v = s ? scope_local(c, s, owner) : NULL;
    *name = e->kind == AST_FIELD ? e->field.name : NULL;
    if (!v || (v->kind != V_COMPARE && v->kind != V_DIST)) return NULL;
    s = v->kind == V_COMPARE ? v->compare->closure->scope : dist_scope(v->dist);
    return s && scope_local(c, s, *name) ? s : NULL;
}

/* The longest part of c.x[0] that is such a place. */
static Scope *place_in(Ctx *c, const Ast **w, const char **name)
{
    Scope *s = NULL;
    for (; *w && !(s = place_of(c, *w, name)); *w = object_of(*w)) {}
    return s;
}

typedef struct Lents { Lent v[MAX_ARGS]; int n; } Lents;

static Lent *lend(Scope *s, const char *name, Value *v, Lents *to)
{
    Lent *one = &to->v[to->n++];
    *one = (Lent){.scope = s, .name = name, .before = scope_lent(s, name, v)};
    return one;
}

/* An argument of a comparison or distribution that is asked for from outside. */
static void lend_argument(Ctx *c, const Ast *w, Lents *to)
{
    const char *name;
    Scope *s = w->kind == AST_NAME ? NULL : place_in(c, &w, &name);
    Value *v = s && w->kind != AST_NAME ? scope_local(c, s, name) : NULL;
    if (v && v->kind != V_THUNK && v->kind != V_SLOT && of_tensors(v)) lend(s, name, leaves(c, v), to);
}

static void lend_member(Ctx *c, const Ast *w, Lents *to)
{
    const char *name;
    Scope *s = place_in(c, &w, &name);
    Value *v = s ? scope_local(c, s, name) : NULL;
    if (!v || v->kind != V_THUNK || v->thunk.lent) return;
    const Value *asked = eval_raw(c, w);
    if (asked->kind == V_THUNK && asked->thunk.own) return; /* changed by `with` */
    Value *marked = arena_copy(c->L->a, v, sizeof *v);
    marked->thunk.lent = lend(s, name, marked, to);
}

/* Evaluates a member behind those that it asks for. One that draws is another value at each use: that one keeps its name, and there is no derivative by it. */
static void settle_member(Ctx *c, Lents *all, Lent *l)
{
    Lower *L = c->L;
    Value *v = NULL;
    int draws = 0, models = 0;
    for (bool again = true; again;) {
        again = false;
        for (int i = 0; i < all->n; i++) all->v[i].asked = false;
        draws = L->n_draws, models = L->n_models;
        v = eval_thunk(c, l->before, -1);
        for (int i = 0; i < all->n; i++) {
            Lent *other = &all->v[i];
            if (!other->asked || other->done || other == l) continue;
            other->done = again = true;
            settle_member(c, all, other);
        }
    }
    bool fixed = of_tensors(v) && draws == L->n_draws && models == L->n_models;
    if (fixed) l->value = leaves(c, v);
    scope_lent(l->scope, l->name, fixed ? l->value : l->before);
}

static Value *differentiated(Ctx *c, const Ast *e);

/* Arguments first, as members are computed from them. */
Value *eval_grad(Ctx *c, const Ast *e)
{
    AstList by = e->grad.wrt;
    Lents *lent = arena_new_of(c->L->work, Lents);
    for (int k = 0; k < by.n && by.n <= MAX_ARGS; k++) lend_argument(c, by.v[k], lent);
    int members = lent->n;
    for (int k = 0; k < by.n && lent->n < MAX_ARGS; k++) lend_member(c, by.v[k], lent);
    for (int i = members; i < lent->n; i++) {
        if (lent->v[i].done) continue;
        lent->v[i].done = true;
        settle_member(c, lent, &lent->v[i]);
    }
    Value *v = differentiated(c, e);
    for (int i = lent->n; i-- > 0;) scope_lent(lent->v[i].scope, lent->v[i].name, lent->v[i].before);
    return v;
}

/* By a.w and b.w is a tuple. */
static bool differ(const char *const *name, int n)
{
    for (int i = 1; i < n; i++)
        for (int k = 0; k < i; k++)
            if (!strcmp(name[i], name[k])) return false;
    return true;
}

static Value *differentiated(Ctx *c, const Ast *e)
{
    Lower *L = c->L;
    AstList by = e->grad.wrt;
    Target target[MAX_ARGS];
    Value *by_each[MAX_ARGS];
    const char *name[MAX_ARGS];
    if (by.n > MAX_ARGS || !fn_needed(c, e->span)) return val_error(L);
    IrVal *y = as_real(c, eval(c, e->grad.body), e->grad.body->span);
    if (!y || !grad_target(c, e->grad.body, y)) return val_error(L);
    Wrt *w = arena_new_of(L->a, Wrt);
    Player *moved[MAX_ARGS];
    int n_moved = 0;
    for (int i = 0; i < by.n; i++) {
        target[i] = target_of(c, by.v[i]);
        if (target[i].v->kind == V_PLAYER) moved[n_moved++] = player_self(target[i].v->player);
        name[i] = by.v[i]->kind == AST_NAME ? by.v[i]->name.name : by.v[i]->kind == AST_FIELD ? by.v[i]->field.name : "value";
        if (L->guess && target[i].v->kind == V_PLAYER && !moved[n_moved - 1]->params.n) return val_error(L);
        if (target[i].v->kind == V_PLAYER) target[i].v = player_record(c, player_self(target[i].v->player));
        if (val_bad(target[i].v) || !collect(c, target[i].v, by.v[i]->span, w)) return val_error(L);
    }
    By moving = by_values(L, w->v, w->n, moved, n_moved);
    if (!time_check(c, &y, 1, &moving, e->span)) return val_error(L);
    IrVal **g = arena_array(L->a, IrVal *, w->n + 1);
    if (!depends(c, e, y, w) || !differentiate(c, e, y, w, g)) return val_error(L);
    for (int i = 0; i < w->n; i++) {
        g[i] = graph_slope(c, g[i] ? g[i] : grad_zeros(fn_builder(c), &w->v[i]->type), y);
        graph_derived(L, g[i], y);
    }
    int k = 0;
    for (int i = 0; i < by.n; i++) {
        Value *all = rebuild(c, target[i].v, by.v[i]->span, g, &k);
        by_each[i] = along_path(c, &target[i], all, target[i].path);
    }
    if (by.n == 1) return by_each[0];
    return val_record(L, by_each, differ(name, by.n) ? name : NULL, by.n);
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

/* What f is applied to, of which *x is the node: a number that is known stays one, which f may choose by. Within a loop's body, where a derivative is one
 * round's, it is a leaf of that round. */
static Value *prime_at(Ctx *c, Value *v, IrVal **x)
{
    Fn *fn = c->L->fn;
    bool number = v->kind == V_INT || v->kind == V_REAL, body = fn->b.block != &fn->ir->body;
    Value *same = number ? val_same(c->L, v, val_number(v)) : NULL, *at = !number ? NULL : body ? face_leaf_here(c, same) : face_leaf(c->L, same);
    *x = at ? face_node(c, at) : diff_leaf(c, *x);
    return at ? at : val_tensor(c->L, *x);
}

/* Of a tensor the derivative is taken element by element. */
static bool of_one_number(Ctx *c, IrVal *y, IrVal *x, Span at)
{
    const IrNode *n = grad_mixes(c->L->m, y, x);
    if (!n) return true;
    Diag *d = diag_error(c->L->diags, at, E304, "f' is the derivative of a function of one number, and in this one elements of %s meet or change places", type_text(c->L, &x->type));
    diag_note(d, span_of_node(c->L, n), "here");
    diag_hint(d, "map(f', x) asks f of each element; grad[x] f(x)[0] is the slope of one element of the result");
    return false;
}

/* f at a fresh leaf, differentiated element by element. */
Value *apply_prime(Ctx *c, Value *f, int order, Args *args, const void *site, Span at)
{
    Lower *L = c->L;
    if (args->n != 1) return diag_error(L->diags, at, E109, "a derivative takes one argument"), val_error(L);
    IrVal *x = as_real(c, args->v[0], args->at[0]), *g = NULL;
    if (!x) return val_error(L);
    IrElem elem = x->type.elem;
    Value *where = prime_at(c, args->v[0], &x), *v = apply1(c, function_of(L, f, order - 1), where, site, at);
    if (val_bad(v)) return v;
    if (val_static(v) && !where->face) return val_tensor(L, grad_zeros(fn_builder(c), &x->type));
    IrVal *y = as_real(c, v, at);
    if (!y) return val_error(L);
    if (!ir_dims_equal(&y->type, &x->type)) {
        diag_error(L->diags, at, E304, "f' is the derivative of a function of one number, and this one makes %s of %s",
                   type_text(L, &y->type), type_text(L, &x->type));
        return val_error(L);
    }
    if (paths_check(c, y, &x, 1, false, NULL, "its argument", at) == PATHS_FAILED || !of_one_number(c, y, x, at)) return val_error(L);
    IrVal *leaf = x;
    PathsAgain again = {0};
    if (!(y = paths_spread(c, y, &leaf, 1, &x, &again, at))) return val_error(L);
    GradReport r = {arena_array(L->a, const IrNode *, 1), arena_array(L->a, const IrNode *, 1), NULL};
    y = before_grad(c, y, &x, 1, false);
    if (!asked(c, y, &x, 1, &g, &r)) return opaque_path(c, at, r.opaque), val_error(L);
    paths_back(c, &again, &g, 1);
    if (!per_example(c, at, &r, 1)) return val_error(L);
    if (!g) g = grad_zeros(fn_builder(c), &x->type);
    Value *known = known_value(c, g, leaf, args->v[0]);
    bool at_entry = where->face && leaf->def->block == &c->L->fn->ir->body;
    IrVal *slope = at_entry ? g : dissolve(leaf, g);
    if (where->face) slope = ir_convert(fn_builder(c), slope, elem);
    graph_derived(L, slope, y);
    return known ? known : val_tensor(L, slope);
}
