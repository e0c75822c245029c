/* dist.c - the doors to distributions: what stands after ~, drawing, densities, and every element of finite ones. What a kind
 * does stands in its own file; see dist.h. */
#include "compiler/lower/dist/dist.h"
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"

Dist *dist_new(Lower *L, const DistKind *k, const char *name)
{
    Dist *d = arena_new_of(L->a, Dist);
    d->kind = k;
    d->name = name ? name : "draw";
    return d;
}

Value *val_dist(Lower *L, Dist *d)
{
    Value *v = val_new(L, V_DIST);
    v->dist = d;
    d->depth = val_nested(L, dist_base(d) ? dist_base(d)->depth + 1 : 0);
    return v;
}

const char *dist_text(Lower *L, const Dist *d) { return d->kind->text ? d->kind->text(L, d) : d->name; }

const Dist *dist_base(const Dist *d)
{
    const DistKind *k = d->kind;
    return k == &dist_typed ? d->typed.base : k == &dist_power ? d->power.base : k == &dist_field ? d->field.base
         : k == &dist_map ? d->map.base : k == &dist_stop ? d->base : k == &dist_zip ? d->zip.rows : NULL;
}

DrawShape dist_shape(const Dist *d) { return d->kind->shape ? d->kind->shape(d) : DRAW_UNKNOWN; }

const Ast *dist_type(const Dist *d) { return d->kind->type ? d->kind->type(d) : NULL; }

Dist *dist_renamed(Lower *L, const Dist *d, const char *name)
{
    Dist *r = arena_copy(L->a, d, sizeof *d);
    if (d->kind == &dist_model) return r;
    r->name = name;
    r->called = true;
    r->named = d->kind == &dist_declared || d->kind == &dist_simulator || d->kind == &dist_lifted;
    return r;
}

/* ---- what may stand after ~ */

static Dist *whole_model(Ctx *c, Player *p, Span at)
{
    if (p->word == AST_DEFINE_NET) {
        Diag *e = diag_error(c->L->diags, at, E300, "%s is a net, a function, not a distribution", p->name);
        diag_hint(e, "implicit %s(z: real[n] ~ Normal(0, 1)) ... is a distribution", p->name);
        return NULL;
    }
    return dist_of_model(c->L, p, &(Args){0});
}

static bool is_distribution(const Value *v)
{
    return v->kind == V_FUNCTION && v->fn.kind == F_CLOSURE && v->fn.closure->def->kind == AST_DEFINE &&
           define_is_distribution(v->fn.closure->def);
}

bool dist_is_joint(const Value *v)
{
    if (v->kind != V_RECORD || !v->record.n) return false;
    for (int i = 0; i < v->record.n; i++)
        if (!dist_is_drawn_from(v->record.v[i])) return false;
    return true;
}

bool dist_is_drawn_from(const Value *v)
{
    bool model = v->kind == V_PLAYER && v->player->word != AST_DEFINE_NET;
    return v->kind == V_DIST || model || is_distribution(v) || dist_is_joint(v);
}

static Dist *not_dist(Ctx *c, const Value *v, Span at)
{
    if (val_bad(v)) return NULL;
    Diag *e = diag_error(c->L->diags, at, E300, "a distribution stands after ~, and this is %s", val_text(c->L, v));
    if (is_distribution(v)) diag_hint(e, "give it its arguments");
    if (v->kind == V_RECORD)
        diag_hint(e, "let x = ... names a value, as a model is one in which nothing random is left, and a net beside an operator, which is its parameters; rows(t) is the distribution of a "
                     "value over its rows, and implicit G(z: real[n] ~ Normal(0, 1)) ... a model to draw from");
    else if (v->kind == V_TENSOR || v->kind == V_SLOT || v->kind == V_LIST)
        diag_hint(e, "let x = ... names a value, as a model is one in which nothing random is left; batch_of(h) is the distribution of a value over its batch, "
                     "rows(t) over its rows, and rows([v]) always draws v");
    return NULL;
}

Dist *as_dist(Ctx *c, Value *v, Span at)
{
    if (v->kind == V_THUNK) v = eval_thunk(c, v, -1);
    if (is_distribution(v)) {
        Args none = {0};
        v = apply(c, v, &none, v->fn.closure->def, at);
    }
    if (v->kind == V_DIST) return v->dist;
    if (v->kind == V_PLAYER) return whole_model(c, v->player, at);
    return dist_is_joint(v) ? dist_of_fields(c, v, at) : not_dist(c, v, at);
}

/* ---- drawing */

bool dist_is_named(const Dist *d) { return d->kind->in_table || d->named; }

bool dist_is_called(const Dist *d) { return d->called || dist_is_named(d); }

/* The numbers that it is made of, where it is of nothing else: Normal(0, 1). */
static const char *told_declared(Ctx *c, const Dist *d)
{
    Text    t = text_in(c->L->a);
    AstList params = d->closure->def->define.params;
    for (int i = 0; i < params.n; i++) {
        const Value *v = scope_local(c, d->closure->scope, params.v[i]->param.name);
        if (!v || !val_is_number(v)) return d->name;
        text_printf(&t, "%s%s", i ? ", " : "", val_key(c->L, v));
    }
    return params.n ? strf(c->L, "%s(%s)", d->name, text_str(&t)) : d->name;
}

/* The same of the arguments that a model is given: G(y: 0). */
static const char *told_model(Ctx *c, const Dist *d)
{
    Text        t = text_in(c->L->a);
    const Args *a = d->model.args;
    for (int i = 0; a && i < a->n; i++) {
        if (!val_is_number(a->v[i])) return d->name;
        text_printf(&t, "%s%s%s%s", i ? ", " : "", a->name[i] ? a->name[i] : "", a->name[i] ? ": " : "", val_key(c->L, a->v[i]));
    }
    return t.n ? strf(c->L, "%s(%s)", d->name, text_str(&t)) : d->name;
}

/* Its own name, or what it is made of, down to what has a name. NULL: nothing there has one. */
static const char *told_name(Ctx *c, const Dist *d)
{
    if (d->kind == &dist_model) return told_model(c, d);
    if (dist_is_called(d)) return d->name;
    if (d->kind == &dist_declared) return told_declared(c, d);
    const char *base = d->kind == &dist_power || d->kind == &dist_map || d->kind == &dist_stop ? told_name(c, dist_base(d)) : NULL;
    if (!base || d->kind == &dist_stop) return base;
    if (d->kind == &dist_map) return strf(c->L, "%s |> map(...)", base);
    return d->power.dims.n == 1 ? strf(c->L, "%s^%lld", base, (long long)d->power.dims.v[0]) : strf(c->L, "%s^%s", base, dims_text(c->L, &d->power.dims));
}

/* For `gan explain`: a draw of what has a name; of a record each field. */
static void tell_fields(Lower *L, const char *of, const Value *v, const char *field)
{
    if (v->kind == V_TENSOR) array_push(L->work, &L->drawn, ((__typeof__(*L->drawn.v)){of, field, L->n_drawn, v->tensor.v}));
    for (int i = 0; v->kind == V_RECORD && i < v->record.n; i++) tell_fields(L, of, v->record.v[i], v->record.name ? v->record.name[i] : NULL);
}

void dist_tell_drawn(Ctx *c, const Dist *d, const Value *v)
{
    const char *of = c->L->told ? told_name(c, d) : NULL;
    if (of) c->L->n_drawn++, tell_fields(c->L, of, v, NULL);
}

Value *dist_draw(Ctx *c, Dist *d, Span at)
{
    Ctx inner = *c;
    if (!d->kind->draw) {
        diag_error(c->L->diags, at, E300, "%s is drawn from in E[x ~ %s]", dist_text(c->L, d), dist_text(c->L, d));
        return val_error(c->L);
    }
    if (!call_enter(c, at) || !fn_needed(c, at)) return val_error(c->L);
    inner.calls++;
    inner.axes = inner.each = ir_axes_union(c->axes, dist_axes(c->L, d));
    if (d->kind->names_draws) inner.path = path_join(c->L, c->path, d->name);
    bool named = dist_is_named(d);
    if (named) fn_draws_from(c->L, d->name);
    Value *v = d->kind->draw(&inner, d, at);
    dist_tell_drawn(c, d, v);
    return v;
}

/* A declared shape is that of the draw, or, of one number, the number of independent draws; the declaration checks the result. */
Value *dist_sample(Ctx *c, Dist *d, const IrInts *shape, Span at)
{
    bool many = shape && shape->n;
    if (many && dist_shape(d) == DRAW_NUMBER) return dist_draw(c, dist_of_power(c->L, d, shape), at);
    Value *v = dist_draw(c, d, at);
    if (!many || dist_shape(d) == DRAW_OTHER || val_bad(v) || v->kind == V_RECORD) return v;
    IrVal *t = as_tensor(c, v, at);
    return t && !t->type.rank ? dist_draw(c, dist_of_power(c->L, d, shape), at) : v;
}

Value *dist_member(Ctx *c, Dist *d, const char *name, Span at)
{
    if (d->kind->log_prob && !strcmp(name, "log_prob")) return builtin_partial(c->L, name, val_dist(c->L, d));
    return d->kind->member ? d->kind->member(c, d, name, at) : NULL;
}

Value *dist_function(Lower *L, Dist *d, const Value *f)
{
    const Closure *k = f->fn.closure;
    Value *own = val_closure(L, k->def, k->scope, k->name);
    own->fn.kind = F_OF_EACH;
    own->fn.of = val_dist(L, d);
    return own;
}

Value *dist_apply_member(Ctx *c, Dist *d, const Closure *member, Args *args, const void *site, Span at)
{
    return d->kind->apply_member(c, d, member, args, site, at);
}

bool dims_same(const IrInts *a, const IrInts *b)
{
    bool same = a->n == b->n;
    for (int i = 0; same && i < a->n; i++) same = a->v[i] == b->v[i];
    return same;
}

Value *dist_one_beside(Ctx *inner, const Dist *d, Dist *other, int axis, Span at)
{
    Lower *L = inner->L;
    other = dist_ending(inner, other, at);
    if (!other) return val_error(L);
    if (!other->kind->dims) return val_dist(L, other);
    const IrInts *dims = d->kind->dims(d), *there = other->kind->dims(other);
    if (!dims_same(dims, there)) {
        diag_error(L->diags, at, E200, "%s is of %s independent draws, and %s of %s", d->name, dims_text(L, dims), other->name, dims_text(L, there));
        return val_error(L);
    }
    Dist *one = other->kind->one(inner, other, axis, at);
    return one ? val_dist(L, one) : val_error(L);
}

/* ---- finite ones */

bool dist_finite(Lower *L, const Dist *d, int64_t *n) { return d->kind->finite && d->kind->finite(L, d, n); }

Value *dist_all(Ctx *c, Dist *d, int axis, Span at)
{
    if (d->kind->in_table || d->named) fn_draws_from(c->L, d->name);
    if (!d->kind->all) BUG("dist: the elements of %s, which is not finite", d->name);
    return d->kind->all(c, d, axis, at);
}

/* ---- densities */

Value *dist_log_prob(Ctx *c, Dist *d, Value *x, Span at)
{
    if (!call_enter(c, at) || !fn_needed(c, at)) return val_error(c->L);
    Ctx inner = *c;
    inner.calls++;
    if (d->kind->log_prob) return d->kind->log_prob(&inner, d, x, at);
    return dist_no_density(c, d, at);
}

Value *dist_no_density(Ctx *c, const Dist *d, Span at)
{
    Diag *e = diag_error(c->L->diags, at, E301,
                         "%s can be drawn from but has no density, so there is no log_prob of it", dist_text(c->L, d));
    if (d->kind == &dist_normal) diag_hint(e, "Normal(0, 1) is the same with a density, and with a mean, a variance ..");
    else if (d->kind == &dist_uniform) diag_hint(e, "Uniform(0, 1) is the same with a density, and with a mean, a variance ..");
    else if (d->kind == &dist_int) diag_hint(e, "Categorical(%lld) is the same with a density, and with a mean, a variance ..", (long long)d->classes);
    else if (d->kind == &dist_simulator) diag_hint(e, "a classifier that tells its draws from others learns the ratio of their densities");
    else diag_hint(
        e, "compare it with data by its samples (class_probability, f_divergence, mmd), or make the model prescribed");
    return val_error(c->L);
}

Value *number_of_density(Ctx *c, Value *v, const Dist *d, Span at)
{
    if (val_bad(v) || val_is_number(v)) return v;
    IrVal *t = as_real(c, v, at);
    if (!t) return val_error(c->L);
    if (!t->type.rank) return val_tensor(c->L, t);
    diag_error(c->L->diags, at, E200, "the log_prob of %s must be one number, and this is %s", dist_text(c->L, d),
               type_text(c->L, &t->type));
    return val_error(c->L);
}

/* ---- axes for several draws */

bool axis_open(Ctx *c, const char *name, int64_t n, Span at, Ctx *inner, int *axis)
{
    *inner = *c;
    if (!fn_needed(c, at)) return false;
    if (c->axes.n == IR_MAX_AXES) return too_many_axes(c, at), false;
    *axis = ir_axis(c->L->m, name, n);
    inner->axes = ir_axes_add(c->axes, *axis);
    return axes_fit(c, inner->axes, at);
}

typedef struct { const IrInts *dims; int axis; Span at; } ShapeArg;

void axis_drawn(Ctx *c, int axis, const IrInts *dims)
{
    if (!c->axes.n) c->L->m->axes.v[axis].samples = dims->v[0];
}

/* [n, ...] as [dims, ...] */
static Value *unfold_leaf(Ctx *c, Value *leaf, void *arg)
{
    ShapeArg *s = arg;
    IrVal *t = as_tensor(c, leaf, s->at);
    IrInts out = *s->dims;
    if (!t) return val_error(c->L);
    if (t->type.rank - 1 + out.n > IR_MAX_RANK) return too_many_dims(c, s->at);
    for (int i = 1; i < t->type.rank; i++) out.v[out.n++] = t->type.dim[i];
    Value *v = val_tensor(c->L, ir_reshape(fn_builder(c), t, out));
    v->tensor.classes = val_classes(leaf);
    return v;
}

Value *axis_close(Ctx *c, Value *v, int axis, const IrInts *dims, Span at)
{
    if (val_bad(v)) return v;
    v = sample_stack(c, v, ir_one_axis(axis), at);
    return dims->n == 1 || val_bad(v) ? v : map_fields(c, v, unfold_leaf, &(ShapeArg){dims, axis, at});
}

static bool leads_with(const IrType *t, const IrInts *dims)
{
    bool same = t->rank >= dims->n;
    for (int i = 0; same && i < dims->n; i++) same = t->dim[i] == dims->v[i];
    return same;
}

static Value *enter_leaf(Ctx *c, Value *leaf, void *arg)
{
    ShapeArg *s = arg;
    IrVal *t = as_tensor(c, leaf, s->at);
    if (!t) return val_error(c->L);
    if (!leads_with(&t->type, s->dims)) {
        diag_error(c->L->diags, s->at, E200, "%s independent values are needed here, and this is %s",
                   dims_text(c->L, s->dims), type_text(c->L, &t->type));
        return val_error(c->L);
    }
    IrInts rows = ir_ints(1, &(int64_t){ir_extent(c->L->m, s->axis)});
    for (int i = s->dims->n; i < t->type.rank; i++) rows.v[rows.n++] = t->type.dim[i];
    if (t->type.axes.n == IR_MAX_AXES) return too_many_axes(c, s->at);
    if (s->dims->n > 1) t = ir_reshape(fn_builder(c), t, rows);
    Value *v = val_tensor(c->L, ir_as_sample(fn_builder(c), t, s->axis));
    v->tensor.classes = val_classes(leaf);
    return v;
}

Value *axis_enter(Ctx *c, Value *v, int axis, const IrInts *dims, Span at)
{
    v = as_settled(c, v, at);
    return val_bad(v) ? v : map_fields(c, v, enter_leaf, &(ShapeArg){dims, axis, at});
}

Value *axis_sum(Ctx *c, Value *v, int axis, Span at)
{
    IrVal *t = val_bad(v) ? NULL : as_real(c, v, at);
    if (!t) return val_error(c->L);
    t = ir_spread(fn_builder(c), t, ir_axes_minus(ir_one_axis(axis), t->type.axes));
    return val_tensor(c->L, ir_sum_over(fn_builder(c), t, ir_one_axis(axis)));
}
