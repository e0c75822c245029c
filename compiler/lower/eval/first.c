/* first.c - what a parameter or state starts at. It is computed once, where the slot is made; an application that finds the slot again must ask
 * for the same value. That is so if the names that stand in the initial value mean the same there as they did then. Values of the
 * schedule cannot be used in it, so of tensors only the shape counts. */
#include "compiler/lower/dist/dist.h"
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/own/own.h"

/* ---- nothing is assigned in it */

static void find_assignment(void *found, const Ast *e)
{
    const Ast **first = found;
    if (e->kind == AST_ASSIGN && !*first) *first = e;
    ast_each_child(e, find_assignment, found);
}

bool first_changes_nothing(Ctx *c, const Ast *draw, const Ast *value)
{
    const Ast *found = NULL;
    if (draw) find_assignment(&found, draw);
    if (value) find_assignment(&found, value);
    if (!found) return true;
    Diag *d = diag_error(c->L->diags, found->span, E403, "an initial value is computed before anything runs, and changes no state");
    diag_hint(d, "in the schedule := is a statement; in a body it is done when an update that contains it has been");
    return false;
}

/* ---- is it the same? */

enum { MOST_STEPS = 10000, MOST_DEPTH = 40 };               /* beyond, nothing is known */

typedef struct Pair {
    Lower *L;
    Scope *was, *now;
    bool   unknown;                                         /* the answer where nothing is known: taken to be the same, or not */
    int    steps, depth;
    const char *differs;                                    /* the name that does, in the initial value itself */
} Pair;

static bool same_value(Pair *p, const Value *a, const Value *b);

static bool same_binding(Pair *p, const Binding *a, const Binding *b, Scope *was, Scope *now);

static bool same_name(Pair *p, const Bound *b)
{
    Scope *was = p->was, *now = p->now;
    const Binding *x = b && b->body ? scope_binding(p->L, &was, b) : NULL, *y = x && x->bound ? scope_binding(p->L, &now, b) : NULL;
    if (x == y || (x && y ? same_binding(p, x, y, was, now) : p->unknown || !b || !b->body)) return true;
    if (!p->differs) p->differs = b->name;
    return false;
}

typedef struct Reading { Pair *p; bool same; } Reading;

static void visit(void *user, const Ast *n)
{
    Reading *t = user;
    if (n->kind == AST_NAME) t->same = t->same && same_name(t->p, names_use(t->p->L->names, n));
    if (t->same) ast_each_child(n, visit, t);
}

/* What the text means in two scopes. */
static bool same_text(Pair *p, const Ast *e, Scope *was, Scope *now)
{
    Pair in = {p->L, was, now, p->unknown, p->steps, p->depth + 1, NULL};
    Reading t = {&in, true};
    if (was == now) return true;
    if (in.depth > MOST_DEPTH) return p->unknown;
    visit(&t, e);
    p->steps = in.steps;
    return t.same;
}

static bool same_binding(Pair *p, const Binding *a, const Binding *b, Scope *was, Scope *now)
{
    if (++p->steps > MOST_STEPS) return p->unknown;
    if (a->value && b->value) return same_value(p, a->value, b->value);
    const Ast *decl = a->decl;
    return decl && decl == b->decl ? same_text(p, decl, was, now) : p->unknown;
}

static bool same_values(Pair *p, Value *const *a, Value *const *b, int n)
{
    for (int i = 0; i < n; i++)
        if (!same_value(p, a[i], b[i])) return false;
    return true;
}

static bool same_given(Pair *p, const Scope *a, const Scope *b)
{
    if (a->names.n != b->names.n) return false;
    for (int i = 0; i < a->names.n; i++) {
        const Value *x = a->names.v[i].value, *y = b->names.v[i].value;
        if (x && y ? !same_value(p, x, y) : !p->unknown && x != y) return false;
    }
    return true;
}

static bool same_closure(Pair *p, const Closure *a, const Closure *b)
{
    if (a == b) return true;
    if (a->def != b->def || a->bound != b->bound) return false;
    if (!a->bound) return same_text(p, a->def, a->scope, b->scope);
    return same_given(p, a->scope, b->scope) && same_text(p, a->def, a->scope->parent, b->scope->parent);
}

static bool same_args(Pair *p, const Args *a, const Args *b) { return a->n == b->n && same_values(p, a->v, b->v, a->n); }

static bool same_dims(const IrInts *a, const IrInts *b)
{
    for (int i = 0; a->n == b->n && i < a->n; i++)
        if (a->v[i] != b->v[i]) return false;
    return a->n == b->n;
}

static bool same_dist(Pair *p, const Dist *a, const Dist *b)
{
    const DistKind *k = a->kind;
    if (a == b) return true;
    if (k != b->kind) return false;
    const Dist *x = dist_base(a), *y = dist_base(b);
    if (x && y && !same_dist(p, x, y)) return false;
    if (k == &dist_declared || k == &dist_simulator) return same_closure(p, a->closure, b->closure);
    if (k == &dist_lifted) return same_closure(p, a->lifted.closure, b->lifted.closure) && same_args(p, a->lifted.args, b->lifted.args);
    if (k == &dist_model) return player_self(a->model.player) == player_self(b->model.player) && same_args(p, a->model.args, b->model.args);
    if (k == &dist_power) return same_dims(&a->power.dims, &b->power.dims);
    if (k == &dist_field) return !strcmp(a->field.name, b->field.name);
    if (k == &dist_map) return same_value(p, a->map.f, b->map.f);
    if (k == &dist_joint) return same_value(p, a->fields, b->fields);
    if (k == &dist_int) return a->classes == b->classes;
    if (k == &dist_data || k == &dist_replace) return a->data == b->data;
    for (int i = 0; k == &dist_zip && i < a->zip.n; i++)
        if (i >= b->zip.n || !same_dist(p, a->zip.part[i].dist, b->zip.part[i].dist)) return false;
    if (k == &dist_rows || k == &dist_batch) return same_value(p, a->value, b->value);
    return k == &dist_zip ? a->zip.n == b->zip.n : p->unknown;
}

static bool same_function(Pair *p, const Value *a, const Value *b)
{
    if (a->fn.kind != b->fn.kind || a->fn.builtin != b->fn.builtin || a->fn.n_given != b->fn.n_given || a->fn.order != b->fn.order) return false;
    if (!same_values(p, a->fn.given, b->fn.given, a->fn.n_given)) return false;
    if (a->fn.kind == F_PRIME) return same_value(p, a->fn.of, b->fn.of);
    if (a->fn.kind == F_OF_EACH) return a->fn.closure->def == b->fn.closure->def && same_value(p, a->fn.of, b->fn.of);
    return a->fn.kind != F_CLOSURE || same_closure(p, a->fn.closure, b->fn.closure);
}

static bool same_tensor(const Pair *p, const Value *a, const Value *b)
{
    return a->tensor.v == b->tensor.v || (p->unknown && ir_dims_equal(&a->tensor.v->type, &b->tensor.v->type));
}

static bool is_number(const Value *v) { return v->kind == V_INT || v->kind == V_REAL; }
static double number(const Value *v) { return v->kind == V_INT ? (double)v->i : v->r; }

static bool same_number(const Value *a, const Value *b)
{
    if (a->kind == V_INT && b->kind == V_INT) return a->i == b->i;
    return number(a) == number(b) || (number(a) != number(a) && number(b) != number(b));
}

static bool same_value(Pair *p, const Value *a, const Value *b)
{
    if (a == b) return true;
    if (++p->steps > MOST_STEPS || a->kind == V_ERROR || b->kind == V_ERROR) return p->unknown;
    if (is_number(a) && is_number(b)) return same_number(a, b);
    if (a->kind != b->kind) return false;
    bool own = a->kind == V_LAYER || a->kind == V_COMPARE || a->kind == V_BIJECTOR || a->kind == V_OPTIMIZER || a->kind == V_THUNK;   /* has what is its own */
    if (own && !p->unknown) return false;
    switch (a->kind) {
    case V_BOOL: return a->b == b->b;
    case V_STRING: return !strcmp(a->s, b->s);
    case V_LIST: return a->list.n == b->list.n && same_values(p, a->list.v, b->list.v, a->list.n);
    case V_RANGE: return a->range.from == b->range.from && a->range.to == b->range.to;
    case V_TENSOR: return same_tensor(p, a, b);
    case V_SLOT: return a->slot.slot == b->slot.slot;
    case V_RECORD: return a->record.n == b->record.n && same_values(p, a->record.v, b->record.v, a->record.n);
    case V_FUNCTION: return same_function(p, a, b);
    case V_LAYER: return same_closure(p, a->layer.closure, b->layer.closure);
    case V_PLAYER: return player_self(a->player) == player_self(b->player);
    case V_DIST: return same_dist(p, a->dist, b->dist);
    case V_COMPARE: return same_closure(p, a->compare->closure, b->compare->closure);
    case V_BIJECTOR: return same_closure(p, a->bijector.closure, b->bijector.closure);
    case V_OPTIMIZER: return same_closure(p, a->optimizer.closure, b->optimizer.closure);
    case V_THUNK: return a->thunk.expr == b->thunk.expr && a->thunk.leaf == b->thunk.leaf && same_text(p, a->thunk.expr, a->thunk.scope, b->thunk.scope);
    case V_NONE: return true;
    default: return p->unknown;
    }
}

bool first_equal(Lower *L, const Value *a, const Value *b)
{
    Pair p = {.L = L, .unknown = true};
    if (a->kind == V_TENSOR && b->kind == V_TENSOR) return a->tensor.v == b->tensor.v;
    return same_value(&p, a, b);
}

bool first_surely_equal(Lower *L, const Value *a, const Value *b)
{
    Pair p = {.L = L};
    return same_value(&p, a, b);
}

void first_begins(Ctx *c, int slot)
{
    Lower *L = c->L;
    while (L->begun.n <= slot) array_push(L->a, &L->begun, (Scope *)NULL);
    L->begun.v[slot] = c->scope;
}

bool first_same(Ctx *c, const Ast *draw, const Ast *value, Scope *was, Scope *now, const char *path, Span at, const char *hint)
{
    Pair p = {.L = c->L, .was = was, .now = now, .unknown = true};
    Reading t = {&p, true};
    if (!was || c->L->guess || was == now) return true;
    if (draw) visit(&t, draw);
    if (value) visit(&t, value);
    if (t.same) return true;
    Diag *d = diag_error(c->L->diags, at, E122, "%s is one, and starts at one value; here it would start at another, as %s is not what it was", path, p.differs);
    diag_hint(d, "%s", hint);
    return false;
}

bool first_agrees(Ctx *c, int slot, const Ast *draw, const Ast *value, Span at)
{
    Lower *L = c->L;
    Scope *was = slot < L->begun.n ? L->begun.v[slot] : NULL;
    return first_same(c, draw, value, was, c->scope, L->m->slots.v[slot].path, at,
                      "net D = N(3) and net E = N(4) of a net N(k)() start each for itself, and so does a layer wherever it is applied");
}
