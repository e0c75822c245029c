/* model.c - models: `implicit` ones can be drawn from; `prescribed` ones end in a distribution, their tail, which is held to the
 * declared type of the model (the kind `typed`).
 *
 * A model with every argument given is a value if nothing random is left: no ~ in its own body, and no model drawn. A density
 * exists when nothing random at all stands before the tail, but for the noise of layers. */
#include "compiler/lower/dist/dist.h"
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/value/value.h"

/* ---- what is left random */

static void find_draw(void *found, const Ast *e)
{
    if (e->kind == AST_SAMPLE) *(bool *)found = true;
    if (e->kind != AST_DEFINE) ast_each_child(e, find_draw, found);
}

static bool body_draws(const Player *p)
{
    bool found = false;
    if (p->closure->def->define.body) find_draw(&found, p->closure->def->define.body);
    return found;
}

static Value *still_random(Ctx *c, const Dist *d, Span at, bool density)
{
    const char *name = d->name;
    if (density) {
        Diag *e = diag_error(c->L->diags, at, E301, "%s draws in its body before it ends in a distribution, so its density "
                             "is an integral that is not known", name);
        diag_hint(e, "make what it draws an argument, %s(z: real ~ Normal(0, 1)): log_prob(%s(z), x) is then known, and elbo(%s, prior, Q, x) "
                     "(import bounds) is below the integral's logarithm", name, name, name);
    } else {
        Diag *e = diag_error(c->L->diags, at, E301, "%s is still random here: its body draws", name);
        diag_hint(e, "draw from it, E[x ~ %s] ... or x ~ %s", name, name);
    }
    return val_error(c->L);
}

bool dist_is_value(Lower *L, const Dist *d)
{
    (void)L;
    if (d->kind != &dist_model || d->model.player->word == AST_DEFINE_PRESCRIBED) return false;
    const Closure *k = d->model.player->closure;
    AstList params = k->bound ? k->def->define.params2 : k->def->define.params;
    return d->model.args->n >= params.n && !body_draws(d->model.player);
}

Value *dist_settled(Ctx *c, Value *v, Span at)
{
    Dist *d = v->dist;
    if (d->kind != &dist_model || d->model.player->word == AST_DEFINE_PRESCRIBED) return v;
    int before = c->L->n_models;
    Value *out = player_body(c, d->model.player, d->model.args, false, d, at);
    bool random = body_draws(d->model.player) || c->L->n_models != before;
    dist_tell_drawn(c, d, out);
    return val_bad(out) || !random ? out : still_random(c, d, at, false);
}

/* ---- models */

static Value *draw(Ctx *c, Dist *d, Span at)
{
    Value *v = player_body(c, d->model.player, d->model.args, true, d, at);
    c->L->n_models++;
    if (d->model.player->word != AST_DEFINE_PRESCRIBED || val_bad(v)) return v;
    return v->kind == V_DIST ? dist_draw(c, v->dist, at) : val_error(c->L);
}

/* An argument that is drawn, as it is not given; NULL: none. */
static const Ast *latent(const Dist *d)
{
    const Closure *k = d->model.player->closure;
    const Args *args = d->model.args;
    AstList params = k->bound ? k->def->define.params2 : k->def->define.params;
    for (int i = 0; i < params.n; i++) {
        bool given = args->n == 1 && args->v[0]->kind == V_RECORD;      /* which may be all of them: applying it says it */
        for (int j = 0; j < args->n; j++) given = given || param_of(params, args, j) == params.v[i];
        if (params.v[i]->param.draw && !given) return params.v[i];
    }
    return NULL;
}

static Value *no_marginal(Ctx *c, const Dist *d, const Ast *z, Span at)
{
    const char *p = d->name, *name = z->param.name;
    Diag *e = diag_error(c->L->diags, at, E301, "%s draws its %s, so its density is an integral over %s that has no closed form", p, name, name);
    diag_note(e, z->span, "drawn here");
    diag_hint(e, "log_prob(%s(%s), x) is the density for a given %s; elbo(%s, prior, Q, x) and importance_bound(%s, prior, Q, x) (import bounds), "
                 "with a prescribed Q(x) that proposes %s, are below the logarithm of the integral", p, name, name, p, p, name);
    return val_error(c->L);
}

static bool has_tail(const Dist *d) { return d->kind == &dist_model && d->model.player->word == AST_DEFINE_PRESCRIBED && !latent(d); }

/* What a prescribed model with all of its arguments ends in. NULL, reported. */
static Dist *tail_of(Ctx *c, const Dist *d, Span at)
{
    int before = c->L->n_draws;
    Value *tail = player_body(c, d->model.player, d->model.args, false, d, at);
    if (val_bad(tail)) return NULL;
    if (c->L->n_draws != before) return still_random(c, d, at, true), NULL;
    return tail->dist;
}

static Value *log_prob(Ctx *c, Dist *d, Value *x, Span at)
{
    if (d->model.player->word != AST_DEFINE_PRESCRIBED) return dist_no_density(c, d, at);
    const Ast *z = latent(d);
    if (z) return no_marginal(c, d, z, at);
    Dist *tail = tail_of(c, d, at);
    return tail ? dist_log_prob(c, tail, x, at) : val_error(c->L);
}

/* What a prescribed model ends in has members, where all arguments are given. */
static Value *member(Ctx *c, Dist *d, const char *name, Span at)
{
    if (!has_tail(d)) return NULL;
    Dist *tail = tail_of(c, d, at);
    Value *v = tail ? dist_member(c, tail, name, at) : val_error(c->L);
    return v && v->kind == V_DIST ? NULL : v;               /* a field of its draws */
}

static const Ast *type(const Dist *d)
{
    const Player *p = d->model.player;
    return p->word == AST_DEFINE_IMPLICIT ? p->closure->def->define.result : NULL;
}

static DrawShape shape(const Dist *d)
{
    const Ast *t = d->model.player->closure->def->define.result;
    return !t ? DRAW_UNKNOWN : t->kind == AST_TYPE && !t->type.dims.n ? DRAW_NUMBER : DRAW_OTHER;
}

const DistKind dist_model = {.draw = draw, .log_prob = log_prob, .member = member, .shape = shape, .type = type, .in_table = true};

Dist *dist_of_model(Lower *L, Player *p, const Args *args)
{
    Dist *d = dist_new(L, &dist_model, p->name);
    d->model.player = p;
    d->model.args = arena_copy(L->a, args, sizeof *args);
    return d;
}

/* ---- the tail of a prescribed model */

static Value *conform(Ctx *c, const Dist *d, Value *v, Span at, const char *what)
{
    Ctx inner = *c;
    inner.scope = scope_new(c->L, d->typed.scope);
    return type_conform(&inner, v, d->typed.type, at, strf(c->L, "%s %s", what, d->name));
}

static Value *draw_typed(Ctx *c, Dist *d, Span at)
{
    return conform(c, d, dist_sample(c, d->typed.base, d->typed.known ? &d->typed.dims : NULL, at), at, "a draw of");
}

/* A declared shape is that of so many draws of one number. */
static Dist *typed_base(Lower *L, const Dist *d)
{
    bool many = d->typed.known && d->typed.dims.n && dist_shape(d->typed.base) == DRAW_NUMBER;
    return many ? dist_of_power(L, d->typed.base, &d->typed.dims) : d->typed.base;
}

static Value *log_prob_typed(Ctx *c, Dist *d, Value *x, Span at)
{
    x = conform(c, d, as_settled(c, x, at), at, ARGUMENT_OF_DENSITY);
    return val_bad(x) ? x : dist_log_prob(c, typed_base(c->L, d), x, at);
}

static bool finite_typed(Lower *L, const Dist *d, int64_t *n) { return dist_finite(L, d->typed.base, n); }
static Value *member_typed(Ctx *c, Dist *d, const char *name, Span at) { return dist_member(c, typed_base(c->L, d), name, at); }

static Value *all_typed(Ctx *c, Dist *d, int axis, Span at)
{
    return conform(c, d, dist_all(c, d->typed.base, axis, at), at, "an element of");
}

static Value *made_typed(Ctx *c, Dist *d, Value *v, Span at) { return conform(c, d, v, at, "an element of"); }

const DistKind dist_typed = {.draw = draw_typed, .made = made_typed, .log_prob = log_prob_typed, .finite = finite_typed, .all = all_typed, .member = member_typed};

static bool dims_known(Ctx *c, const Ast *type)
{
    if (type->kind != AST_TYPE) return false;
    for (int i = 0; i < type->type.dims.n; i++) {
        const Ast *d = type->type.dims.v[i];
        if (d->kind == AST_NAME && !scope_find(c, d, true)) return false;
    }
    return true;
}

Dist *dist_of_type(Ctx *c, Dist *base, const Ast *type, const char *name)
{
    Dist *d = dist_new(c->L, &dist_typed, name);
    d->typed.base = base;
    d->typed.type = type;
    d->typed.scope = c->scope;
    d->typed.known = dims_known(c, type);
    return !d->typed.known || type_dims(c, type, &d->typed.dims) ? d : NULL;
}

Dist *dist_ending(Ctx *c, Dist *d, Span at)
{
    if (d->kind == &dist_typed) return dist_ending(c, typed_base(c->L, d), at);
    if (!has_tail(d)) return d;
    Dist *tail = tail_of(c, d, at);
    return tail ? dist_ending(c, tail, at) : NULL;
}

Value *dist_tail(Ctx *c, Value *v, const Player *p, Span at)
{
    const Ast *type = p->closure->def->define.result;
    Dist *tail = val_bad(v) ? NULL : as_dist(c, v, at);
    if (tail && type) tail = dist_of_type(c, tail, type, p->name);
    return tail ? val_dist(c->L, tail) : val_error(c->L);
}
