/* dist.c - distributions: what stands after ~. Each kind knows how it is drawn, one draw for each sample of c->axes, and
 * some have a density. */
#include "compiler/lower/paths.h"
#include "lang/check/walk.h"

Dist *dist_new(Lower *L, DistKind k, const char *name)
{
    Dist *d = arena_new_of(L->a, Dist);
    d->kind = k;
    d->name = name ? name : "draw";
    return d;
}

const char *dist_text(Lower *L, const Dist *d)
{
    switch (d->kind) {
    case D_POWER: return strf(L, "%s^%s", dist_text(L, d->base), dims_text(L, &d->power));
    case D_MAP: return strf(L, "%s |> map(...)", dist_text(L, d->base));
    case D_STOP: return strf(L, "stop(%s)", dist_text(L, d->base));
    case D_FIELD: return strf(L, "%s.%s", dist_text(L, d->base), d->field);
    case D_BATCH: return "batch_of(...)";
    case D_ROWS: return "rows(...)";
    default: return d->name;
    }
}

static void find_draw(void *found, const Ast *e)
{
    bool *any = found;
    *any = *any || e->kind == AST_SAMPLE;
    if (!*any && e->kind != AST_DEFINE && e->kind != AST_FN) ast_each_child(e, find_draw, any);
}

bool dist_is_value(Lower *L, const Dist *d)
{
    const Ast *def = d->player->closure->def;
    AstList params = d->player->closure->bound ? def->define.params2 : def->define.params;
    bool draws = false;
    (void)L;
    if (d->kind != D_MODEL || d->args->n < params.n) return false;
    if (def->define.body) find_draw(&draws, def->define.body);
    return !draws;
}

/* ---- what may stand after ~ */

static Dist *model_dist(Ctx *c, Player *p, Span at)
{
    if (p->word == AST_DEFINE_NET) {
        Diag *e = diag_error(c->L->diags, at, E300, "%s is a net, a function, not a distribution", p->name);
        diag_hint(e, "implicit %s(z: real[n] ~ Normal(0, 1)) ... is a distribution", p->name);
        return NULL;
    }
    Dist *d = dist_new(c->L, D_MODEL, p->name);
    d->player = p;
    d->args = arena_new_of(c->L->a, Args);
    return d;
}

Dist *as_dist(Ctx *c, Value *v, Span at)
{
    if (v->kind == V_THUNK) v = eval_thunk(c, v, -1);
    if (v->kind == V_DIST) return v->dist;
    if (v->kind == V_PLAYER) return model_dist(c, v->player, at);
    if (v->kind == V_FUNCTION && v->fn.kind == F_CLOSURE && v->fn.closure->def->kind == AST_DEFINE &&
        v->fn.closure->def->define.word == AST_DEFINE_DISTRIBUTION) {
        Args none = {0};
        Value *d = apply(c, v, &none, v, at);
        return d->kind == V_DIST ? d->dist : NULL;
    }
    if (val_bad(v)) return NULL;
    Diag *e = diag_error(c->L->diags, at, E300, "a distribution stands after ~, and this is %s", val_text(c->L, v));
    if (v->kind == V_TENSOR || v->kind == V_SLOT || v->kind == V_RECORD || v->kind == V_LIST)
        diag_hint(e, "let x = ... names a value; batch_of(h) is the distribution of a value over its batch, rows(t) "
                     "over its rows");
    return NULL;
}

/* ---- primitive draws */

static Value *draw_leaf(Ctx *c, const Dist *d, const IrInts *shape, Span at)
{
    Lower *L = c->L;
    if (!fn_needed(c, at)) return val_error(L);
    IrType t = ir_scalar(d->kind == D_INT ? IR_I32 : L->m->real);
    t.axes = c->axes;
    if (!shape) shape = c->draw_shape;
    for (int i = 0; shape && i < shape->n; i++) t.dim[t.rank++] = shape->v[i];
    int s = fn_stream(c, *c->path ? "" : d->name);
    IrBuilder *b = fn_builder(c);
    if (d->kind == D_NORMAL) return val_tensor(L, ir_normal(b, s, t));
    if (d->kind == D_UNIFORM) return val_tensor(L, ir_uniform(b, s, t));
    Value *v = val_tensor(L, ir_randint(b, s, d->n, t));
    v->tensor.classes = d->n;
    return v;
}

/* ---- declared distributions */

/* Element-wise: a scalar result of parameters without shapes of their own. Such a one takes the shape that is asked for. */
static bool elementwise(const Dist *d)
{
    if (d->type) return false;
    if (d->kind == D_NORMAL || d->kind == D_UNIFORM || d->kind == D_INT) return true;
    if (d->kind != D_DECLARED) return false;
    const Ast *def = d->closure->def;
    if (!type_is_static(def->define.result)) return false;
    for (int i = 0; i < def->define.params.n; i++) {
        const Ast *t = def->define.params.v[i]->param.type;
        if (t && (t->kind != AST_TYPE || t->type.dims.n)) return false;
    }
    return true;
}

/* The common shape of its parameters; false: they are all scalars. */
static bool params_shape(Ctx *c, const Dist *d, IrInts *out, Span at)
{
    AstList params = d->closure->def->define.params;
    for (int i = 0; i < params.n; i++) {
        Value *v = scope_local(c, d->closure->scope, params.v[i]->param.name);
        if (!v || val_static(v) != (v->kind == V_LIST) ||
            (v->kind != V_TENSOR && v->kind != V_SLOT && v->kind != V_LIST))
            continue;
        IrVal *t = as_tensor(c, v, at);
        if (t && t->type.rank) return *out = ir_dims_of(&t->type), true;
    }
    return false;
}

static Value *member_of(Ctx *c, const Dist *d, const char *name, Span at, bool must)
{
    Value *v = scope_local(c, d->closure->scope, name);
    if (!v && must) {
        Diag *e = diag_error(c->L->diags, at, E301, "%s has no %s", dist_text(c->L, d), name);
        diag_note(e, d->closure->def->define.name_span, "declared here");
    }
    return v;
}

static Value *fill_shape(Ctx *c, Value *v, const IrInts *shape, Span at)
{
    IrVal *t = as_tensor(c, v, at);
    if (!t || t->type.rank || !shape || !shape->n) return t ? v : val_error(c->L);
    return val_tensor(c->L, ir_fill(fn_builder(c), t, *shape));
}

/* A class or a count has no derivative by what decides it. */
static void note_cuts(Ctx *c, const Dist *d, uint32_t first, const Value *draw, Span at)
{
    if (draw->kind == V_RECORD) {
        for (int i = 0; i < draw->record.n; i++) note_cuts(c, d, first, draw->record.v[i], at);
        return;
    }
    AstList params = d->closure->def->define.params;
    for (int i = 0; draw->kind == V_TENSOR && i < params.n; i++) {
        Binding *b = scope_binding(d->closure->scope, params.v[i]->param.name);
        const Value *v = b ? b->value : NULL;
        bool runs = v && (v->kind == V_SLOT || (v->kind == V_TENSOR && v->tensor.home == c->L->fn));
        IrVal *input = runs ? as_tensor(c, b->value, at) : NULL;
        if (input) paths_note_draw(c, first, draw->tensor.v, input, d->name, at);
    }
}

static Value *sample_declared(Ctx *c, Dist *d, const IrInts *shape, Span at)
{
    IrInts own;
    Value *m = member_of(c, d, "sample", at, true);
    if (!m) return val_error(c->L);
    bool each = elementwise(d);
    if (each && !shape) shape = params_shape(c, d, &own, at) ? &own : c->draw_shape;
    Ctx inner = *c;
    inner.calls++;
    inner.inst = NULL;
    inner.draw_shape = each ? shape : NULL;
    if (!call_enter(c, at)) return val_error(c->L);
    if (m->kind != V_THUNK) return unsupported(c, at, "a sample member with arguments");
    inner.scope = m->thunk.scope;
    uint32_t first = c->L->m->next_id;
    Value *v = eval(&inner, m->thunk.expr);
    note_cuts(c, d, first, v, at);
    if (each) return val_bad(v) ? v : fill_shape(&inner, v, shape, at);
    inner.scope = d->closure->scope;
    return type_conform(&inner, v, d->closure->def->define.result, at, strf(c->L, "a draw of %s", dist_text(c->L, d)));
}

/* ---- data, rows */

/* The number of the draw: executions, then rounds of the loops around, then samples. */
static IrVal *draw_position(Ctx *c)
{
    Lower *L = c->L;
    IrBuilder *b = fn_builder(c);
    IrVal *p = fn_tick(L);
    for (int i = 0; i < L->fn->loops.n; i++) {
        p = ir_mul(b, p, ir_const(b, IR_I64, (double)L->fn->loops.v[i].n));
        p = ir_add(b, p, ir_convert(b, L->fn->loops.v[i].index, IR_I64));
    }
    for (int i = 0; i < c->axes.n; i++) {
        p = ir_mul(b, p, ir_const(b, IR_I64, (double)ir_extent(L->m, c->axes.id[i])));
        p = ir_add(b, p, ir_convert(b, ir_index_axis(b, c->axes.id[i]), IR_I64));
    }
    return p;
}

static Value *data_rows(Ctx *c, Data *d, IrVal *index, int axis)
{
    Lower *L = c->L;
    Value **v = arena_array(L->a, Value *, d->n_fields);
    const char **name = arena_array(L->a, const char *, d->n_fields);
    for (int i = 0; i < d->n_fields; i++) {
        IrVal *t = fn_read(L, data_slot(L, d, &d->field[i]));
        t = index ? ir_gather(fn_builder(c), t, index, 0) : ir_as_sample(fn_builder(c), t, axis);
        v[i] = val_tensor(L, t);
        v[i]->tensor.classes = d->field[i].classes;
        name[i] = d->field[i].name;
    }
    return d->n_fields == 1 && !name[0] ? v[0] : val_record(L, v, name, d->n_fields);
}

static Value *sample_data(Ctx *c, Dist *d, Span at)
{
    Lower *L = c->L;
    if (!fn_needed(c, at)) return val_error(L);
    IrVal *index;
    int s = fn_stream(c, "shuffle");
    if (d->kind == D_REPLACE) {
        IrType t = ir_scalar(IR_I32);
        t.axes = c->axes;
        index = ir_randint(fn_builder(c), s, d->data->rows, t);
    } else {
        index = ir_permute(fn_builder(c), draw_position(c), s, d->data->rows);
    }
    return data_rows(c, d->data, index, -1);
}

static Value *gather_leaf(Ctx *c, Value *leaf, void *index)
{
    IrVal *t = as_tensor(c, leaf, SPAN_NONE);
    return t ? val_tensor(c->L, ir_gather(fn_builder(c), t, index, 0)) : val_error(c->L);
}

static Value *sample_rows_of(Ctx *c, Dist *d, Span at)
{
    int64_t n;
    if (!as_rows(c, d->value, at, "rows(..) draws rows", &n)) return val_error(c->L);
    IrType t = ir_scalar(IR_I32);
    t.axes = c->axes;
    IrVal *index = ir_randint(fn_builder(c), fn_stream(c, d->name), n, t);
    return map_fields(c, d->value, gather_leaf, index);
}

/* ---- combinations */

static Value *take_field(Ctx *c, const Dist *d, Value *v, Span at)
{
    Value *f = v->kind == V_RECORD ? val_field(v, d->field) : NULL;
    if (!f && !val_bad(v))
        diag_error(c->L->diags, at, E112, "%s has no field %s; a draw of it is %s", dist_text(c->L, d->base), d->field,
                   val_text(c->L, v));
    return f ? f : val_error(c->L);
}

/* n independent draws stacked in front: drawn on an axis of their own, which then becomes dims. */
static Value *stacked(Ctx *c, Dist *base, const IrInts *dims, Span at)
{
    Lower *L = c->L;
    int64_t n = 1;
    if (!dims_fit(L, dims, at)) return val_error(L);
    for (int i = 0; i < dims->n; i++) n *= dims->v[i];
    if (c->axes.n == IR_MAX_AXES) return unsupported(c, at, "more than 8 sample axes");
    int axis = ir_axis(L->m, base->name, n);
    Ctx inner = *c;
    inner.axes = ir_axes_add(c->axes, axis);
    inner.draw_shape = NULL;
    if (!axes_fit(c, inner.axes, at)) return val_error(L);
    Value *v = dist_sample(&inner, base, NULL, at);
    if (val_bad(v)) return v;
    v = sample_stack(c, v, ir_one_axis(axis), at);
    if (dims->n == 1 || val_bad(v)) return v;
    IrVal *t = as_tensor(c, v, at);
    IrInts out = *dims;
    if (!t || t->type.rank - 1 + dims->n > IR_MAX_RANK) return unsupported(c, at, "more than 8 dimensions");
    for (int i = 1; i < t->type.rank; i++) out.v[out.n++] = t->type.dim[i];
    return val_tensor(L, ir_reshape(fn_builder(c), t, out));
}

static Value *stop_leaf(Ctx *c, Value *leaf, void *unused)
{
    (void)unused;
    return arith_map(c, IR_stop, leaf, SPAN_NONE);
}

static Value *sample_model(Ctx *c, Dist *d, Span at)
{
    Value *v = player_body(c, d->player, d->args, true, d, at);
    if (d->player->word != AST_DEFINE_PRESCRIBED || val_bad(v)) return v;
    IrInts dims, *shape = NULL;
    const Ast *type = d->player->closure->def->define.result;
    Ctx declared = *c;
    declared.scope = d->player->closure->scope;
    if (type && type->kind == AST_TYPE && type_dims(&declared, type, &dims)) shape = &dims;
    Dist *tail = as_dist(c, v, at);
    v = tail ? dist_sample(c, tail, shape, at) : val_error(c->L);
    return type_conform(&declared, v, type, at, strf(c->L, "a draw of %s", d->name));
}

static Value *sample_kind(Ctx *c, Dist *d, const IrInts *shape, Span at)
{
    Value *v;
    switch (d->kind) {
    case D_NORMAL: case D_UNIFORM: case D_INT: return draw_leaf(c, d, shape, at);
    case D_DECLARED: return sample_declared(c, d, shape, at);
    case D_MODEL: return sample_model(c, d, at);
    case D_POWER:
        return elementwise(d->base) && !c->draw_shape ? dist_sample(c, d->base, &d->power, at)
                                                      : stacked(c, d->base, &d->power, at);
    case D_FIELD: return take_field(c, d, dist_sample(c, d->base, NULL, at), at);
    case D_MAP:
        v = dist_sample(c, d->base, NULL, at);
        return val_bad(v) ? v : apply1(c, d->map, v, d, at);
    case D_ROWS: return sample_rows_of(c, d, at);
    case D_STOP:
        v = dist_sample(c, d->base, shape, at);
        return val_bad(v) ? v : map_fields(c, v, stop_leaf, NULL);
    case D_DATA: case D_REPLACE: return sample_data(c, d, at);
    case D_BATCH: break;
    }
    diag_error(c->L->diags, at, E300, "batch_of is drawn from in E[x ~ batch_of(h)]");
    return val_error(c->L);
}

/* A draw as data d: T = ... declares it. */
static Value *typed(Ctx *c, const Dist *d, Value *v, Span at)
{
    if (!d->type) return v;
    Ctx declared = *c;
    declared.scope = scope_new(c->L, d->type_scope);
    return type_conform(&declared, v, d->type, at, strf(c->L, "a draw of %s", d->name));
}

Value *dist_sample(Ctx *c, Dist *d, const IrInts *shape, Span at)
{
    Ctx inner = *c;
    bool named = d->kind == D_DATA || d->kind == D_REPLACE || d->kind == D_DECLARED;
    if (named) inner.path = path_join(c->L, c->path, d->name);
    bool of_program = d->kind == D_DECLARED && d->name != d->closure->name;     /* named by a data declaration */
    if (d->kind == D_DATA || d->kind == D_REPLACE || d->kind == D_MODEL || of_program) fn_draws_from(c->L, d->name);
    Value *v = typed(c, d, sample_kind(&inner, d, d->type ? NULL : shape, at), at);
    if (val_bad(v) || !shape || !shape->n || v->kind == V_RECORD || d->kind == D_POWER) return v;
    IrVal *t = as_tensor(c, v, at);
    return t && !t->type.rank ? stacked(c, d, shape, at) : v;
}

Value *dist_power(Ctx *c, Dist *d, Value *n, Span at)
{
    Dist *p = dist_new(c->L, D_POWER, d->name);
    p->base = d;
    return as_dims(c, n, at, &p->power) ? val_dist(c->L, p) : val_error(c->L);
}

Value *dist_member(Ctx *c, Dist *d, const char *name, Span at)
{
    if (d->kind == D_DECLARED) return member_of(c, d, name, at, false);
    return NULL;
}

/* ---- finite ones */

bool dist_finite(Lower *L, const Dist *d, int64_t *n)
{
    if (d->kind == D_ROWS) return (*n = val_rows(L, d->value)) > 0;
    if (d->kind == D_DATA || d->kind == D_REPLACE) return *n = d->data->rows, true;
    if (d->kind == D_FIELD || d->kind == D_MAP || d->kind == D_STOP) return dist_finite(L, d->base, n);
    return false;
}

static Value *all_of_kind(Ctx *c, Dist *d, int axis, Span at)
{
    Value *v;
    switch (d->kind) {
    case D_DATA: case D_REPLACE:
        fn_draws_from(c->L, d->name);
        return data_rows(c, d->data, NULL, axis);
    case D_ROWS: return sample_rows(c, d->value, axis, at);
    case D_FIELD: return take_field(c, d, dist_all(c, d->base, axis, at), at);
    case D_MAP:
        v = dist_all(c, d->base, axis, at);
        return val_bad(v) ? v : apply1(c, d->map, v, d, at);
    case D_STOP: return dist_all(c, d->base, axis, at);
    default: return unsupported(c, at, "every element of this distribution");
    }
}

Value *dist_all(Ctx *c, Dist *d, int axis, Span at) { return typed(c, d, all_of_kind(c, d, axis, at), at); }

/* ---- densities */

static Value *sum_leaf(Ctx *c, Value *v, Span at)
{
    IrVal *t = as_real(c, v, at);
    return t ? val_tensor(c->L, ir_sum_all(fn_builder(c), t)) : val_error(c->L);
}

static void no_density(Ctx *c, Dist *d, Span at)
{
    Diag *e = diag_error(c->L->diags, at, E301,
                         "%s can be drawn from but has no density, so there is no log_prob of it", dist_text(c->L, d));
    diag_hint(
        e, "compare it with data by its samples (class_probability, f_divergence, mmd), or make the model prescribed");
}

static Value *log_prob_declared(Ctx *c, Dist *d, Value *x, Span at)
{
    Value *f = member_of(c, d, "log_prob", at, true);
    if (!f) return val_error(c->L);
    Value *v = apply1(c, f, x, d, at);
    if (val_bad(v) || !elementwise(d) || val_static(v)) return v;
    return sum_leaf(c, v, at);
}

static Value *log_prob_model(Ctx *c, Dist *d, Value *x, Span at)
{
    if (d->player->word != AST_DEFINE_PRESCRIBED) return no_density(c, d, at), val_error(c->L);
    Value *v = player_body(c, d->player, d->args, false, d, at);
    Dist *tail = val_bad(v) ? NULL : as_dist(c, v, at);
    return tail ? dist_log_prob(c, tail, x, at) : val_error(c->L);
}

Value *dist_log_prob(Ctx *c, Dist *d, Value *x, Span at)
{
    if (!call_enter(c, at)) return val_error(c->L);
    Ctx inner = *c;
    inner.calls++;
    switch (d->kind) {
    case D_DECLARED: return log_prob_declared(&inner, d, x, at);
    case D_MODEL: return log_prob_model(&inner, d, x, at);
    case D_POWER:
        if (elementwise(d->base)) return dist_log_prob(&inner, d->base, x, at);
        return unsupported(c, at, strf(c->L, "log_prob of %s", dist_text(c->L, d)));
    case D_STOP: return arith_map(c, IR_stop, dist_log_prob(&inner, d->base, x, at), at);
    default: no_density(c, d, at); return val_error(c->L);
    }
}
