/* player.c - nets and models: functions that own parameters. A model's arguments may be drawn; applied, it is a distribution. */
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/own/graph.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"

#include <inttypes.h>

/* One net for the place that declares it and the round of static loops around, however often that is evaluated: a body is, whenever it is
 * applied, and a block of the schedule is searched for who trains in it before it is lowered. In a net or model that one owns the parameters;
 * elsewhere it is a player of its own. */
static void join_instance(Ctx *c, Player *p, const Ast *d, const char *name)
{
    Instance *in = inst_child(c, name, site_mix(c->scope->round, d), inst_here(c)->owner && !inst_here(c)->bijector);
    if (in->player) *p = *in->player;
    p->inst = in;
    p->name = in->path;
    if (!in->player) in->player = p;
    if (!in->owner) in->owner = p;
}

static Player *player_new(Ctx *c, const Ast *d, const char *name, bool local)
{
    Lower *L = c->L;
    Player *p = arena_new_of(L->a, Player);
    p->steps_slot = -1;
    p->at = d->define.name_span;
    p->word = d->define.word;
    join_instance(c, p, d, !local && *c->index ? strf(L, "%s%s", name, c->index) : name);
    p->closure = val_closure(L, d, c->scope, name)->fn.closure;
    p->ahead = L->trials > 0;
    if (player_self(p) == p) array_push(L->a, &L->players, p);
    return p;
}

static bool is_copy(const Ast *e)
{
    return e->kind == AST_CALL && e->call.callee->kind == AST_NAME && !strcmp(e->call.callee->name.name, "copy");
}

/* The player's own: what it owns is made in p's instance. */
static bool own_bijector(Ctx *c, Player *p, const Ast *made, Scope *in)
{
    Ctx inner = *c;
    inner.scope = p->made_in = in;
    inner.inst = p->inst;
    inner.site = 0;
    inner.name = NULL;
    p->made = made;
    p->bijector = bijector_of(eval_raw(&inner, made));
    if (p->bijector) p->closure = p->bijector->bijector.closure;
    return p->bijector != NULL;
}

static bool alias_copy(Ctx *c, Player *p, const Ast *e)
{
    if (e->call.args.n != 1) return diag_error(c->L->diags, e->span, E109, "copy takes one net"), false;
    Player *of = as_player(c, eval_raw(c, e->call.args.v[0]->arg.value), e->span);
    if (!of) return false;
    p->copy_of = of;
    p->closure = of->closure;
    return !of->bijector || own_bijector(c, p, of->made, of->made_in);
}

/* net D = Critic([128, 128]): D owns what Critic's body makes. */
static bool alias_instance(Ctx *c, Player *p, const Ast *e)
{
    Ctx inner = *c;
    inner.inst = arena_new_of(c->L->a, Instance);           /* a bound layer's own path is not used */
    inner.inst->path = p->name;
    inner.inst->owner = p;
    Value *v = eval_raw(&inner, e);
    if (val_bad(v)) return false;
    if (v->kind == V_BIJECTOR) return own_bijector(c, p, e, c->scope);
    if (v->kind == V_LAYER) p->closure = v->layer.closure;
    else if (v->kind == V_FUNCTION && v->fn.kind == F_CLOSURE && v->fn.closure->bound) p->closure = v->fn.closure;
    else {
        Diag *d = diag_error(c->L->diags, e->span, E201, "%s must be made from a layer or a net with two lists of arguments, and this is %s",
                             p->name, val_text(c->L, v));
        if (v->kind == V_PLAYER)
            diag_hint(d, "copy(%s) has parameters of its own that start there; let %s = %s is the same net by another name", v->player->name, p->name, v->player->name);
        return false;
    }
    return true;
}

Value *player_declare(Ctx *c, const Ast *d, const char *name, bool local)
{
    Player *p = player_new(c, d, name, local);
    if (d->define.is_alias) {
        bool ok = is_copy(d->define.body) ? alias_copy(c, p, d->define.body) : alias_instance(c, p, d->define.body);
        if (!ok) return val_error(c->L);
    }
    Player *self = player_self(p);
    if (self->ahead && !p->ahead) self->closure = p->closure, self->bijector = p->bijector, self->copy_of = p->copy_of, self->ahead = false;
    Value *v = val_new(c->L, V_PLAYER);
    v->player = p;
    return v;
}

Player *as_player(Ctx *c, Value *v, Span at)
{
    if (v->kind == V_PLAYER) return player_self(v->player);
    if (val_bad(v)) return NULL;
    Diag *d = diag_error(c->L->diags, at, E405, "a net or model is needed here, and this is %s", val_text(c->L, v));
    if (val_is_number(v) || v->kind == V_TENSOR || v->kind == V_SLOT || v->kind == V_LIST)
        diag_hint(d, "what is learned is a param of a net: net W { param w: real = 1; w }, whose number is W()");
    if (v->kind == V_RECORD)
        diag_hint(d, "a layer moves with the net that it is of; a rule may move it apart, w.Dense_1 := w.Dense_1 - lr * g.Dense_1, and so may an update of a net of its own");
    return NULL;
}

/* ---- applying */

static AstList player_params(const Player *p)
{
    return p->closure->bound ? p->closure->def->define.params2 : p->closure->def->define.params;
}

typedef ARRAY(Given) GivenList;

static void given_to(Lower *L, const Value *v, GivenList *out)
{
    if (v->kind != V_RECORD) array_push(L->work, out, ((Given){v->kind == V_TENSOR ? v->tensor.v : NULL, val_is_number(v) ? val_key(L, v) : NULL}));
    for (int i = 0; v->kind == V_RECORD && i < v->record.n; i++) given_to(L, v->record.v[i], out);
}

/* For `gan explain`: the numbers and tensors that a net has given, and for what. part: the field that it is, "" for all of it. */
static void tell_numbers(Lower *L, Player *p, const Value *v, const char *part, const GivenList *given)
{
    if (v->kind == V_TENSOR && ir_is_real(v->tensor.v->type.elem))
        array_push(L->work, &L->answers, ((Answer){player_self(p), part, v->tensor.v, given->v, given->n}));
    for (int i = 0; v->kind == V_RECORD && i < v->record.n; i++) {
        const char *name = v->record.name ? v->record.name[i] : NULL;
        tell_numbers(L, p, v->record.v[i], name ? strf(L, "%s.%s", part, name) : strf(L, "%s[%d]", part, i), given);
    }
}

static bool is_given(const Args *args, AstList params, int i)
{
    for (int k = 0; k < args->n; k++)
        if (args->name[k] ? !strcmp(args->name[k], params.v[i]->param.name) : k == i) return true;
    return args->n == 1 && params.n > 1;                    /* a record or tuple, which fills them all */
}

/* scope: where its parameters are bound. */
static void tell_answer(Ctx *c, Player *p, const Args *args, Scope *scope, const Value *v)
{
    Lower    *L = c->L;
    GivenList given = {0};
    AstList   params = player_params(p);
    for (int i = 0; L->told && i < params.n; i++) {
        const Value *x = is_given(args, params, i) ? scope_local(c, scope, params.v[i]->param.name) : NULL;
        if (x) given_to(L, x, &given);
    }
    if (given.n) tell_numbers(L, p, v, "", &given);
}

Value *player_apply(Ctx *c, Player *p, Args *args, const void *site, Span at)
{
    if (p->word == AST_DEFINE_NET) return player_body(c, p, args, false, site, at);
    for (int i = 0; i < args->n; i++) args->v[i] = val_now(c, args->v[i]);
    return val_dist(c->L, dist_of_model(c->L, p, args));
}

bool player_draw(Ctx *c, Scope *scope, const Ast *q, const char *what)
{
    Ctx inner = *c;
    inner.scope = scope;
    inner.path = path_join(c->L, c->path, q->param.name);
    IrInts dims, *shape = NULL;
    if (q->param.type && q->param.type->kind == AST_TYPE) {
        if (!type_dims(&inner, q->param.type, &dims)) return false;
        shape = &dims;
    }
    Dist *d = as_dist(&inner, eval_raw(&inner, q->param.draw), q->param.draw->span);
    Value *v = d ? dist_sample(&inner, d, shape, q->param.draw->span) : val_error(c->L);
    v = type_conform(&inner, v, q->param.type, q->param.draw->span, strf(c->L, "%s of %s", q->param.name, what));
    scope_bind_param(&inner, scope, q, v);
    return !val_bad(v);
}

/* Draws what was not given: each such parameter has a distribution. */
static bool draw_open(Ctx *c, Scope *scope, Player *p, const bool *open, bool draw, Span at)
{
    AstList params = player_params(p);
    for (int i = 0; i < params.n; i++) {
        const Ast *q = params.v[i];
        if (!open[i]) continue;
        if (!draw) {
            Diag *d = diag_error(c->L->diags, at, E301, "%s is still random here: its %s is not given", p->name,
                                 q->param.name);
            diag_hint(d, "draw from it, E[x ~ %s] ... or x ~ %s, or give %s", p->name, p->name, q->param.name);
            return false;
        }
        if (!player_draw(c, scope, q, p->name)) return false;
    }
    return true;
}

/* net F = B(8) of a bijector B(n)(y): F(y) is a bijector, and what it owns is F's. */
static Value *conditioned(Ctx *c, Player *p, Args *given, Span at)
{
    Ctx inner = *c;
    inner.scope = p->closure->scope;
    inner.inst = c->L->guess ? inst_tried(c->L, p->inst, !p->params.n) : p->inst;
    inner.site = 0;
    inner.name = NULL;
    return bijector_bind(&inner, p->closure, given, p->closure->def, at);
}

Value *player_body(Ctx *c, Player *p, Args *given, bool draw, const void *site, Span at)
{
    Lower *L = c->L;
    const Ast *d = p->closure->def;
    if (!call_enter(c, at)) return val_error(L);
    if (p->bijector) return bijector_apply(c, p->bijector, "forward", given, site, at);
    if (d->define.word == AST_DEFINE_BIJECTOR) return conditioned(c, p, given, at);
    Args args = *given;
    for (int i = 0; L->told && p->word == AST_DEFINE_NET && i < args.n; i++)
        if (args.v[i]->kind == V_DIST && dist_is_value(L, args.v[i]->dist)) args.v[i] = as_settled(c, args.v[i], at);     /* once, so that it can be spoken of */
    bool open[MAX_ARGS] = {0};
    Scope *scope = scope_new(L, p->closure->scope);
    scope->inst = NULL;
    Ctx own = ctx_defaults(c, L->guess ? inst_tried(L, p->inst, !p->params.n) : p->inst, NULL);
    if (!bind_params(&own, scope, player_params(p), &args, p->name, at, open)) return val_error(L);
    Ctx inner = ctx_body(c, scope, &args, site, at);
    inner.path = path_join(L, c->path, p->inst->local);
    inner.axes = ir_axes_union(inner.axes, closure_axes(L, p->closure));
    inner.inst = own.inst;
    inner.site = 0;
    if (!draw_open(&inner, scope, p, open, draw, at)) return val_error(L);
    check_evaluated(L, d->define.body);
    Value *v = eval_block(&inner, d->define.body);
    if (p->word == AST_DEFINE_PRESCRIBED) return dist_tail(&inner, v, p, at);
    v = type_conform(&inner, v, d->define.result, d->define.body->span, strf(L, "the value of %s", p->name));
    if (p->word == AST_DEFINE_NET) tell_answer(c, p, given, scope, v);
    return v;
}

/* ---- parameters by path */

/* NULL: the type does not say all, as one with names of dimensions. */
static IrVal *dummy(Ctx *c, const Ast *type)
{
    IrElem e;
    IrInts dims;
    int64_t classes;
    if (!type || type->kind != AST_TYPE) return NULL;
    Trial t = trial_begin(c->L, true);
    bool known = type_elem(c, type, &e, &classes) && type_dims(c, type, &dims);
    trial_end(c->L, &t);
    if (!known) return NULL;
    return ir_spread(fn_builder(c), ir_fill(fn_builder(c), ir_const(fn_builder(c), e, 0), dims), c->axes);
}

/* What a bijector maps: of the type that it, or what it is a copy of, has been applied to, or that it declares. */
static IrVal *mapped(Ctx *c, const Player *p)
{
    const Player *from = p->copy_of ? p->copy_of : p;
    const Scope *own = p->bijector->bijector.closure->scope, *other = from->bijector->bijector.closure->scope;
    const IrType *t = own->inst && own->inst->maps ? own->inst->maps : other->inst ? other->inst->maps : NULL;
    if (!t) return dummy(c, p->bijector->bijector.closure->def->define.result);
    return ir_spread(fn_builder(c), ir_fill(fn_builder(c), ir_const(fn_builder(c), t->elem, 0), ir_dims_of(t)), c->axes);
}

/* Where nobody is listening the body is looked into again: what is wrong with it is to be said. */
static bool found_by(const Lower *L, Player *p, const Value *v)
{
    bool wrong = val_bad(v) && !L->guess;
    p->wrong = wrong && !L->trials;
    p->found = !wrong || p->wrong;
    return !wrong;
}

static bool find_in_bijector(Ctx *c, Player *p, Span at)
{
    const Closure *k = p->bijector->bijector.closure;
    Ctx own = {.L = c->L, .scope = k->scope, .batch = -1, .path = "", .calls = c->calls, .index = c->index};
    Trial t = trial_begin(c->L, false);
    own.axes = ir_one_axis(ir_axis(c->L->m, "example", 2));
    IrVal *z = mapped(&own, p);
    const Value *v = z ? apply1(&own, p->bijector, val_tensor(c->L, z), p, at) : NULL;
    trial_end(c->L, &t);
    if (v) return found_by(c->L, p, v);
    if (p->params.n) return true;
    if (names_lack(c->L->names)) return false;              /* the statement that applies it may be one that could not be read */
    Diag *d = diag_error(c->L->diags, at, E113, "the parameters of %s are not known before it has been applied", p->name);
    diag_hint(d, "declare the type of what it maps, bijector %s(..) -> real[2], or apply it in an earlier statement", k->name);
    return false;
}

/* The statement that applies it may be one that could not be read. */
static bool not_applied(Ctx *c, const Player *p, const Ast *param, Span at)
{
    if (names_lack(c->L->names)) return false;
    Diag *d = diag_error(c->L->diags, at, E113, "the parameters of %s are not known before it has been applied", p->name);
    diag_hint(d, "declare the type of its argument %s, or apply it in an earlier statement", param->param.name);
    return false;
}

/* Evaluates the body once, on zeros, in a function that is dropped: its parameters are made on the way. */
bool player_find_params(Ctx *c, Player *p, Span at)
{
    Lower *L = c->L;
    p = player_self(p);
    if (p->found) return !p->wrong;
    p->found = true;
    if (p->bijector) return find_in_bijector(c, p, at);
    Ctx own = {.L = L, .scope = p->closure->scope, .batch = -1, .path = "", .calls = c->calls, .index = c->index};
    AstList params = player_params(p);
    Args args = {0};
    Trial t = trial_begin(L, names_lack_parts(L->names));   /* what it is applied to may stand in a line that could not be read */
    own.axes = ir_one_axis(ir_axis(L->m, "example", 2));    /* a batch, for layers that look at theirs */
    for (int i = 0; i < params.n && i < MAX_ARGS; i++) {
        const Ast *q = params.v[i];
        if (q->param.draw || q->param.value) continue;
        IrVal *v = dummy(&own, q->param.type);
        args.v[args.n] = v ? val_tensor(L, v) : NULL;
        args.name[args.n] = q->param.name;
        args.at[args.n] = q->span;
        if (!v) {
            trial_end(L, &t);
            p->found = p->params.n > 0;                     /* those that an application above has made */
            return p->found || not_applied(c, p, q, at);
        }
        args.n++;
    }
    const Value *v = player_body(&own, p, &args, true, p, at);
    trial_end(L, &t);
    return found_by(L, p, v);
}

/* The record of those slots of p whose paths begin with `path`: of a layer its parameters, of a record its fields. NULL: there are none. */
static Value *part_below(Ctx *c, Player *p, const char *path, IrSlotKind kind)
{
    Lower *L = c->L;
    size_t n = strlen(path);
    ARRAY(Value *) v = {0};
    ARRAY(const char *) name = {0};
    for (int slot = 0; slot < L->m->slots.n; slot++) {
        const IrSlot *s = &L->m->slots.v[slot];
        if (s->kind != kind || slot_owner(L, slot) != p || strncmp(s->path, path, n) || s->path[n] != '.') continue;
        array_push(L->a, &v, val_slot(L, slot));
        array_push(L->a, &name, s->path + n + 1);
    }
    return v.n ? val_of_paths(L, v.v, name.v, v.n) : NULL;
}

/* D.steps, D.mu, D.Dense_1.w, D.Dense_1. NULL: D has none of that name. */
Value *player_field(Ctx *c, Player *p, const char *name, Span at)
{
    Lower *L = c->L;
    p = player_self(p);
    if (L->guess && !p->params.n) return val_error(L);      /* one that has not been applied */
    if (L->guess && p->steps_slot < 0 && !strcmp(name, "steps")) return val_error(L);
    if (!strcmp(name, "steps")) return val_slot(L, player_steps(c, p));
    Value *member = p->bijector ? bijector_member(c, p->bijector, name) : NULL;
    if (member) return member;
    const char *path = path_join(L, p->name, name);
    int slot = ir_find_slot(L->m, path);
    if (slot < 0) {
        if (!player_find_params(c, p, at)) return val_error(L);
        slot = ir_find_slot(L->m, path);
    }
    if (slot >= 0) return val_slot(L, slot);
    Value *part = part_below(c, p, path, IR_SLOT_PARAM);
    if (!part) part = part_below(c, p, path, IR_SLOT_STATE);
    if (part) return names_lack_parts(L->names) ? val_error(L) : part;     /* one of its may stand in a line that could not be read */
    if (names_may_lack(L->names, name)) return val_error(L);            /* its param may stand in a line that could not be read */
    if (p->word != AST_DEFINE_NET && p->closure->def->define.body) {    /* a model's field is the marginal of it */
        return val_dist(L, dist_of_field(L, dist_of_model(L, p, &(Args){0}), name, path));
    }
    return NULL;
}

int player_steps(Ctx *c, Player *p)
{
    IrType t = ir_scalar(IR_I64);
    if (p->steps_slot < 0)
        p->steps_slot = slot_new(c->L, path_join(c->L, p->name, "steps"), t, IR_SLOT_COUNTER, p);
    return p->steps_slot;
}

Value *player_record(Ctx *c, Player *p)
{
    Lower *L = c->L;
    int n = p->params.n;
    Value **v = arena_array(L->a, Value *, n + 1);
    const char **name = arena_array(L->a, const char *, n + 1);
    for (int i = 0; i < n; i++) {
        v[i] = val_slot(L, p->params.v[i]);
        name[i] = L->m->slots.v[p->params.v[i]].path + strlen(p->name) + 1;
    }
    Value *r = val_record(L, v, name, n);
    r->record.of = p;
    return r;
}

Value *player_numbers(Ctx *c, Player *p, Span at)
{
    p = player_self(p);
    if (!c->L->guess && !player_find_params(c, p, at)) return val_error(c->L);
    if (p->params.n) return player_record(c, p);
    if (!c->L->guess) diag_error(c->L->diags, at, E201, "%s has no parameters, and beside an operator a net stands for them", p->name);
    return val_error(c->L);
}
