/* axes.c - which sample axes a value varies over.
 *
 * A tensor's type says it. What is evaluated elsewhere (a function, a bound layer, a model, a distribution, a comparison, a loss) varies over
 * the axes of what it takes along: its free names, as lang/check found them, and the arguments it has been given. Players, states, data
 * and counters count as themselves: they have none. The union is made once, when it is first asked for and all of it is bound. */
#include "compiler/lower/dist/dist.h"
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/eval/eval.h"

typedef struct Union {
    Lower   *L;
    IrAxes   axes;
    unsigned round;                                         /* what has been visited in this one is done */
    bool     open;                                          /* something that is taken along is not bound yet */
} Union;

static void add_value(Union *u, const Value *v);

static void add_binding(Union *u, Binding *b, Scope *s);

/* What the body of `node` takes along, seen from the scope it stands in. */
static void add_free(Union *u, const Ast *node, Scope *scope)
{
    const NameBody *body = names_body(u->L->names, node);
    for (int i = 0; body && i < body->free.n; i++) {
        const Bound *free = body->free.v[i];
        Scope *s = scope;
        Binding *b = scope_binding(u->L, &s, free);
        if (b) add_binding(u, b, s);
        else if (free->kind != NAME_REPORT) u->open = true;
    }
}

static void add_binding(Union *u, Binding *b, Scope *s)
{
    if (b->axes_round == u->round) return;
    b->axes_round = u->round;
    if (b->value) add_value(u, b->value);
    else if (b->decl && b->decl->kind == AST_LET) u->open = true;
    else if (b->decl) add_free(u, b->decl, s);
}

static void add_scope(Union *u, const Scope *s)
{
    for (int i = 0; i < s->names.n; i++)
        if (s->names.v[i].value) add_value(u, s->names.v[i].value);
}

static void add_closure(Union *u, Closure *k)
{
    if (k->axes_round == u->round) return;
    k->axes_round = u->round;
    if (k->axes_known) {
        u->axes = ir_axes_union(u->axes, k->axes);
        return;
    }
    Scope *s = k->scope;
    if (k->bound) add_scope(u, s), s = s->parent;
    add_free(u, k->def, s);
}

static void add_args(Union *u, const Args *a)
{
    for (int i = 0; a && i < a->n; i++) add_value(u, a->v[i]);
}

static void add_dist(Union *u, const Dist *d)
{
    const DistKind *k = d->kind;
    if (k == &dist_declared || k == &dist_simulator) add_closure(u, d->closure);
    if (k == &dist_lifted) add_closure(u, d->lifted.closure), add_args(u, d->lifted.args);
    if (k == &dist_model) add_closure(u, d->model.player->closure), add_args(u, d->model.args);
    if (k == &dist_map) add_value(u, d->map.f);
    if (dist_base(d)) add_dist(u, dist_base(d));
    if (k == &dist_rows) add_value(u, d->value);
    if (k == &dist_joint) add_value(u, d->fields);
    for (int i = 0; k == &dist_zip && i < d->zip.n; i++) add_dist(u, d->zip.part[i].dist);
    for (int i = 0; (k == &dist_data || k == &dist_replace) && i < d->data->n_fields; i++)
        if (d->data->field[i].value) add_value(u, d->data->field[i].value);
}

static void add_compare(Union *u, const Compare *k)
{
    add_closure(u, k->closure);
    for (const Changed *w = k->changed; w; w = w->before) add_free(u, w->decl, w->scope);
}

static void add_player(Union *u, const Player *p)
{
    if (p->bijector) add_closure(u, p->bijector->bijector.closure);
    else add_closure(u, p->closure);
}

static void add_items(Union *u, Value *const *v, int n)
{
    for (int i = 0; i < n; i++) add_value(u, v[i]);
}

static void add_value(Union *u, const Value *v)
{
    switch (v->kind) {
    case V_TENSOR: u->axes = ir_axes_union(u->axes, v->tensor.v->type.axes); return;
    case V_LIST: add_items(u, v->list.v, v->list.n); return;
    case V_RECORD: add_items(u, v->record.v, v->record.n); return;
    case V_DIST: add_dist(u, v->dist); return;
    case V_PLAYER: add_player(u, v->player); return;
    case V_LAYER: add_closure(u, v->layer.closure); return;
    case V_COMPARE: add_compare(u, v->compare); return;
    case V_BIJECTOR: add_closure(u, v->bijector.closure); return;
    case V_OPTIMIZER: add_closure(u, v->optimizer.closure); return;
    case V_FUNCTION:
        add_items(u, v->fn.given, v->fn.n_given);
        if (v->fn.kind == F_PRIME || v->fn.kind == F_OF_EACH) add_value(u, v->fn.of);
        if (v->fn.kind == F_CLOSURE) add_closure(u, v->fn.closure);
        return;
    case V_THUNK: add_free(u, v->thunk.expr, v->thunk.scope); return;
    default: return;
    }
}

static Union begin(Lower *L) { return (Union){.L = L, .axes = ir_no_axes(), .round = ++L->axes_round}; }

IrAxes val_axes(Lower *L, const Value *v)
{
    Union u = begin(L);
    add_value(&u, v);
    return u.axes;
}

IrAxes dist_axes(Lower *L, const Dist *d)
{
    Union u = begin(L);
    add_dist(&u, d);
    return u.axes;
}

IrAxes closure_axes(Lower *L, Closure *k)
{
    if (k->axes_known) return k->axes;
    Union u = begin(L);
    add_closure(&u, k);
    k->axes = u.axes;
    k->axes_known = !u.open;
    return u.axes;
}
