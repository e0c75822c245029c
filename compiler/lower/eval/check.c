/* check.c - what nothing has evaluated. A body is evaluated where it is applied, so a mistake in one that nothing applies would pass: these
 * are evaluated once the schedule is done, in trials that are dropped, and what is wrong with them whatever they are applied to is reported.
 *
 * An argument that is not known is V_ERROR, which everything accepts in silence and makes more of: what does not depend on it is checked
 * as usual. Where a condition is not known both of its sides are evaluated. That is the first trial. Arguments whose types are declared are
 * then tried as values of these types: a mistake counts only if it shows for every guess of what the types leave open, the extents of
 * dimension names, numbers known now or computed, with a batch or without. Its message must be the same for different extents, as one
 * that speaks of an extent may not hold for others. So `def f(x: real[3]) -> real[2] = x` is wrong, and `def f(x: real[n]) -> real[2] = x`
 * is right for two elements. Start at check_unused, at the bottom. */
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/own/graph.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"

enum { CHECK_EVALS = 100000, CHECK_BATCH = 64, LIST_MOST = 64 };

/* What is taken for the arguments of a body. */
typedef struct Guess {
    bool    typed;                                          /* values of the declared types; else nothing is known */
    bool    now;                                            /* numbers and lists of them that are known now; else tensors */
    bool    batch;                                          /* that vary over samples */
    int64_t extent, step;                                   /* of the first dimension name, and from one to the next */
    double  number;
} Guess;

static const Guess guesses[] = {
    {0},
    {.typed = true, .batch = true, .extent = 5, .step = 2},
    {.typed = true, .extent = 4},
    {.typed = true, .now = true, .extent = 3, .step = 1, .number = 2},
    {.typed = true, .now = true, .extent = 1, .number = 0.5},
};
enum { N_GUESSES = sizeof guesses / sizeof *guesses, SAME_TEXT = 3 };      /* before SAME_TEXT only the extents differ */

/* ---- which bodies have been evaluated */

static uint32_t place_of(const Lower *L, const Ast *body)
{
    uint32_t i = (uint32_t)site_mix(0, body) & (L->evaluated.cap - 1);
    while (L->evaluated.v[i] && L->evaluated.v[i] != body) i = (i + 1) & (L->evaluated.cap - 1);
    return i;
}

static bool is_evaluated(const Lower *L, const Ast *body) { return L->evaluated.cap && L->evaluated.v[place_of(L, body)]; }

static void grow(Lower *L)
{
    const Ast **old = L->evaluated.v;
    uint32_t n = L->evaluated.cap;
    L->evaluated.cap = n ? 2 * n : 256;
    L->evaluated.v = arena_array(L->a, const Ast *, L->evaluated.cap);
    for (uint32_t i = 0; i < n; i++)
        if (old[i]) L->evaluated.v[place_of(L, old[i])] = old[i];
}

void check_evaluated(Lower *L, const Ast *body)
{
    if (L->trials || L->guess || is_evaluated(L, body)) return;
    if (2 * ++L->evaluated.n > L->evaluated.cap) grow(L);
    L->evaluated.v[place_of(L, body)] = body;
}

static const Ast *body_of(const Ast *n)
{
    bool members = n->kind == AST_DEFINE && (n->define.word == AST_DEFINE_DISTRIBUTION || n->define.word == AST_DEFINE_COMPARISON ||
                                              n->define.word == AST_DEFINE_BIJECTOR);
    switch (n->kind) {
    case AST_DEFINE: return members || n->define.is_alias ? NULL : n->define.body;
    case AST_FN: return n->fn.body;
    case AST_MEMBER: return n->member.value;
    case AST_LOSS: return n->loss.value;
    case AST_CHANGE: return n->change.value;
    default: return NULL;
    }
}

typedef struct Search { const Lower *L; bool found; } Search;

/* Is there a body in here that nothing has evaluated? */
static void search(void *user, const Ast *n)
{
    Search *s = user;
    const Ast *body = body_of(n);
    if (body && !is_evaluated(s->L, body)) s->found = true;
    if (!s->found) ast_each_child(n, search, s);
}

static bool is_unused(const Lower *L, const Ast *n)
{
    Search s = {.L = L};
    search(&s, n);
    return s.found;
}

/* ---- guesses of arguments */

typedef struct Dims { Ctx *c; int n; Text tried; } Dims;                    /* tried: "n = 5, m = 7" */

/* Gives a number to the dimension names of a type. */
static void bind_dims(void *user, const Ast *n)
{
    Dims *d = user;
    const Guess *g = d->c->L->guess;
    const Bound *own = n->kind == AST_NAME ? names_use(d->c->L->names, n) : NULL;
    if (own && own->kind == NAME_DIM && !scope_own(d->c->L, d->c->scope, n)) {
        int64_t extent = g->extent + g->step * d->n;
        if (g->typed) text_printf(&d->tried, "%s%s = %lld", d->n++ ? ", " : "", own->name, (long long)extent);
        scope_bind_as(d->c->L, d->c->scope, own, g->typed ? val_int(d->c->L, extent) : val_error(d->c->L));
    }
    ast_each_child(n, bind_dims, d);
}

static Value *known_number(Ctx *c, IrElem elem, int64_t classes)
{
    double x = c->L->guess->number;
    if (elem == IR_BOOL) return val_bool(c->L, x > 1);
    if (ir_is_real(elem)) return val_real(c->L, x);
    Value *v = val_int(c->L, classes ? x > 1 && classes > 1 : (int64_t)(x + 0.5));
    v->classes = classes;
    return v;
}

static Value *known_list(Ctx *c, IrElem elem, int64_t classes, const IrInts *dims, int depth)
{
    if (depth == dims->n) return known_number(c, elem, classes);
    int n = (int)dims->v[depth];
    Value **v = arena_array(c->L->a, Value *, n + 1);
    for (int i = 0; i < n; i++) v[i] = known_list(c, elem, classes, dims, depth + 1);
    return val_list(c->L, v, n);
}

static Value *guess_of(Ctx *c, const Ast *type);

static Value *guess_fields(Ctx *c, const Ast *type)
{
    bool named = type->kind == AST_RECORD_TYPE;
    AstList f = named ? type->record_type.fields : type->tuple_type.items;
    Value **v = arena_array(c->L->a, Value *, f.n + 1);
    const char **name = arena_array(c->L->a, const char *, f.n + 1);
    for (int i = 0; i < f.n; i++) {
        v[i] = guess_of(c, named ? f.v[i]->arg.value : f.v[i]);
        name[i] = named ? f.v[i]->arg.name : NULL;
    }
    return c->L->guess->typed ? val_record(c->L, v, named ? name : NULL, f.n) : val_error(c->L);
}

static Value *guess_of(Ctx *c, const Ast *type)
{
    const Guess *g = c->L->guess;
    IrElem elem;
    IrInts dims;
    int64_t classes, n = 1;
    if (!type || (type->kind == AST_TYPE && !strcmp(type->type.name, "string"))) return val_error(c->L);
    if (type->kind != AST_TYPE) return guess_fields(c, type);
    if (!type_elem(c, type, &elem, &classes) || !type_dims(c, type, &dims) || !g->typed) return val_error(c->L);
    if (type->type.range && !classes) return val_error(c->L);
    for (int i = 0; i < dims.n && n <= LIST_MOST; i++) n *= dims.v[i];
    if (g->now && n > 0 && n <= LIST_MOST) return known_list(c, elem, classes, &dims, 0);
    IrType t = ir_scalar(elem);
    t.rank = dims.n;
    t.axes = c->axes;
    memcpy(t.dim, dims.v, sizeof dims.v[0] * dims.n);
    Value *v = val_tensor(c->L, fn_opaque(c, t));
    v->tensor.classes = classes;
    return v;
}

/* Gives every parameter a guess. A default is only looked at: other values may be given. */
static void guess_params(Ctx *c, AstList params, const char *what)
{
    Dims dims = {c, 0, text_in(c->L->a)};
    for (int i = 0; i < params.n; i++)
        if (params.v[i]->param.type) bind_dims(&dims, params.v[i]->param.type);
    if (dims.n) c->L->tried = text_str(&dims.tried);
    for (int i = 0; i < params.n; i++) {
        const Ast *p = params.v[i];
        if (p->param.value) param_default(c, p);
        if (p->param.draw) player_draw(c, c->scope, p, what);
        if (!scope_own(c->L, c->scope, p)) scope_bind_param(c, c->scope, p, guess_of(c, p->param.type));
    }
}

/* ---- bodies */

static void check_value(Ctx *c, const Ast *decl, Value *v);

/* A scope with the parameters of a definition, those of both lists. */
static Ctx enter_params(Ctx *c, const Closure *k)
{
    const Ast *d = k->def;
    Ctx in = *c;
    in.calls++;
    in.scope = scope_new(c->L, k->scope);
    AstList first = d->kind == AST_FN ? d->fn.params : d->kind == AST_MEMBER ? d->member.params : d->define.params;
    if (!k->bound) guess_params(&in, first, k->name);
    if (d->kind != AST_DEFINE || d->define.n_lists < 2 || d->define.word == AST_DEFINE_OPTIMIZER) return in;
    if (!k->bound) in.scope = scope_new(c->L, in.scope);
    guess_params(&in, d->define.params2, k->name);
    return in;
}

static Span value_span(const Ast *body) { return body->kind == AST_BLOCK && ast_block_value(body) ? ast_block_value(body)->span : body->span; }

static void check_body(Ctx *in, const Ast *body, const Ast *result, Span at, const char *what)
{
    type_conform(in, eval_block(in, body), result, at, what);
}

/* The nets among the members of a comparison are declared when they are asked for, all else like in a block. */
static void check_member(Ctx *in, const Ast *m, const Ast *draw)
{
    Lower *L = in->L;
    const char *name = m->kind == AST_MEMBER ? m->member.name : m->kind == AST_DEFINE ? m->define.name : m->kind == AST_LOSS ? m->loss.name
                     : m->kind == AST_STATE ? m->state.name : m->kind == AST_PARAMETER ? m->parameter.name
                     : m->kind == AST_LET && m->let.pattern->kind == AST_NAME ? m->let.pattern->name.name : NULL;
    Value *v = name ? scope_local(in, in->scope, name) : NULL;
    if (!v) return;
    if (draw && m->kind == AST_MEMBER && !m->member.has_params && !strcmp(name, "sample")) {
        Ctx inner = *in;
        inner.scope = scope_new(L, in->scope);
        type_conform(&inner, as_settled(&inner, eval(&inner, m->member.value), m->member.value->span), draw, m->member.value->span,
                     strf(L, "a draw of %s", in->path));
    } else if (draw && m->kind == AST_MEMBER && m->member.params.n == 1 && !strcmp(name, "log_prob")) {
        Ctx inner = *in;
        inner.scope = scope_new(L, in->scope);
        inner.calls++;
        scope_bind_param(&inner, inner.scope, m->member.params.v[0], guess_of(&inner, draw));
        Value *density = as_settled(&inner, eval_block(&inner, m->member.value), m->member.value->span);
        IrVal *t = val_bad(density) ? NULL : as_real(&inner, density, m->member.value->span);
        if (t && t->type.rank)
            diag_error(L->diags, m->member.value->span, E200, "the log_prob of %s must be one number, and this is %s", in->path, val_text(L, density));
    } else {
        check_value(in, m, v);
    }
}

static void check_members(Ctx *in, Closure *k, const void *site)
{
    const Ast *d = k->def;
    AstList members = d->define.body && d->define.body->kind == AST_BLOCK ? d->define.body->block.stmts : (AstList){0};
    bool distribution = d->define.word == AST_DEFINE_DISTRIBUTION;
    in->path = k->name;
    in->scope->inst = d->define.word == AST_DEFINE_BIJECTOR ? bijector_instance(in, k, site) : members_instance(in, k, site);
    if (in->scope->inst) in->inst = in->scope->inst;
    declare_members(in, members, NULL);
    for (int i = 0; i < members.n; i++) check_member(in, members.v[i], distribution ? d->define.result : NULL);
}

static void check_player(Ctx *c, Player *p)
{
    Lower *L = c->L;
    const Ast *d = p->closure->def;
    if (p->copy_of || d->kind != AST_DEFINE || !d->define.body || d->define.word == AST_DEFINE_BIJECTOR) return;
    Ctx in = *c;
    in.inst = inst_tried(L, p->inst, !p->params.n);
    in.site = 0;
    in.path = p->name;
    in.calls++;
    in.scope = scope_new(L, p->closure->scope);
    bool second = p->closure->bound;
    guess_params(&in, second ? d->define.params2 : d->define.params, p->name);
    Value *v = eval_block(&in, d->define.body);
    if (p->word != AST_DEFINE_PRESCRIBED) {
        type_conform(&in, v, d->define.result, d->define.body->span, strf(L, "the value of %s", p->name));
        return;
    }
    Value *tail = dist_tail(&in, v, p, value_span(d->define.body));
    if (tail->kind == V_DIST) dist_sample(&in, tail->dist, NULL, value_span(d->define.body));
}

static void check_closure(Ctx *c, Closure *k)
{
    Lower *L = c->L;
    const Ast *d = k->def;
    if (!call_enter(c, d->span)) return;
    Ctx in = enter_params(c, k);
    const char *what = strf(L, "the value of %s", k->name ? k->name : "this function");
    if (d->kind != AST_DEFINE) return check_body(&in, d->kind == AST_FN ? d->fn.body : d->member.value, NULL, d->span, what);
    if (!d->define.body) return;
    switch (d->define.word) {
    case AST_DEFINE_DEF: case AST_DEFINE_METRIC:
        return check_body(&in, d->define.body, d->define.result, value_span(d->define.body), what);
    case AST_DEFINE_LAYER: case AST_DEFINE_NET: case AST_DEFINE_IMPLICIT: case AST_DEFINE_PRESCRIBED:
        in.inst = inst_child(c, k->name, site_mix(c->site, d), false);
        in.path = k->name;
        return check_body(&in, d->define.body, d->define.word == AST_DEFINE_PRESCRIBED ? NULL : d->define.result, d->define.body->span, what);
    case AST_DEFINE_DISTRIBUTION: case AST_DEFINE_COMPARISON: case AST_DEFINE_BIJECTOR: return check_members(&in, k, d);
    case AST_DEFINE_OPTIMIZER: return optimizer_check(&in, k, in.scope);
    default: return;
    }
}

/* with critic += e: what is written there is evaluated outside of the comparison. */
static void check_changes(Ctx *c, const Ast *compare)
{
    for (int i = 0; i < compare->compare.changes.n; i++) eval(c, compare->compare.changes.v[i]->change.value);
}

static void check_loss(Ctx *c, const Ast *loss, Value *v)
{
    Value *l = as_settled(c, eval_thunk(c, v, -1), loss->loss.value->span);
    bool number = l->kind == V_TENSOR || l->kind == V_SLOT || l->kind == V_LIST;
    IrVal *t = number ? as_tensor(c, l, loss->loss.value->span) : NULL;
    if (t && t->type.rank) diag_error(c->L->diags, loss->loss.value->span, E401, "a loss is one number, and this is %s", val_text(c->L, l));
}

static void check_value(Ctx *c, const Ast *decl, Value *v)
{
    bool alias = decl->kind == AST_DEFINE && decl->define.is_alias && v->kind == V_FUNCTION;
    if (decl->kind == AST_COMPARE) check_changes(c, decl);
    else if (v->kind == V_THUNK && decl->kind == AST_LOSS) check_loss(c, decl, v);
    else if (v->kind == V_THUNK) eval_thunk(c, v, -1);
    else if (v->kind == V_PLAYER && decl->kind == AST_DEFINE) check_player(c, v->player);
    else if (v->kind == V_FUNCTION && v->fn.kind == F_CLOSURE && !alias) check_closure(c, v->fn.closure);
    else if (v->kind == V_BIJECTOR && decl->kind == AST_DEFINE && !decl->define.is_alias)
        check_closure(c, val_closure(c->L, decl, c->scope, decl->define.name)->fn.closure);
}

void check_function(Ctx *c, const Value *f) { check_closure(c, f->fn.closure); }

void check_local(Ctx *c, AstList stmts)
{
    for (int i = 0; i < stmts.n; i++) {
        const Ast *d = stmts.v[i];
        bool named = d->kind == AST_DEFINE || d->kind == AST_LOSS || d->kind == AST_COMPARE;
        Value *v = named ? scope_of_place(c, c->scope, d) : NULL;
        if (v) check_value(c, d, v);
    }
}

/* ---- places that may not be reached */

Value *check_both(Ctx *c, const Ast *e)
{
    c->L->unsure++;
    eval_block(c, e->if_.then);
    if (e->if_.otherwise) eval_block(c, e->if_.otherwise);
    c->L->unsure--;
    return val_error(c->L);
}

Value *check_round(Ctx *c, const Ast *e, Value **carried)
{
    (void)carried;
    Ctx round = *c;
    round.scope = scope_new(c->L, c->scope);
    round.site = site_mix(c->site, e);
    scope_bind_pattern(&round, round.scope, e->for_.var, val_error(c->L));
    for (int i = 0; i < e->for_.carries.n; i++) scope_bind_pattern(&round, round.scope, e->for_.carries.v[i]->carry.pattern, val_error(c->L));
    c->L->unsure++;
    eval_block(&round, e->for_.body);
    c->L->unsure--;
    return val_error(c->L);
}

/* ---- trials of one declaration */

/* Parameters of layers that stand in no net here: in the net that applies the definition, they may. */
static Instance *some_owner(Lower *L)
{
    Player *p = arena_new_of(L->a, Player);
    p->steps_slot = -1;
    p->inst = arena_new_of(L->a, Instance);
    p->name = p->inst->path = p->inst->local = "";
    p->inst->owner = p->inst->player = p;
    p->inst->tried = true;
    return p->inst;
}

/* A distribution that nothing uses is drawn from, if it can be. */
static void draw_once(Ctx *c, Value *v, Span at)
{
    Lower *L = c->L;
    const Diag *all[DIAGS_KEPT];
    if (v->kind != V_DIST || dist_batch_value(v->dist)) return;
    Diags *outside = L->diags;
    L->diags = diags_new(L->sources);
    diags_used_at(L->diags, at);
    dist_sample(c, v->dist, NULL, at);
    int n = diags_sorted(L->diags, all);
    for (int i = 0; i < n; i++)
        if (all[i]->code != E301) diags_take(outside, all[i]);       /* it may have a density alone */
    L->diags = outside;
}

/* How much there is in the module: what a trial adds to it is taken away again. */
typedef struct Mark { int axes, streams, slots, data, cuts; uint32_t nodes; } Mark;

static Mark mark(const Lower *L) { return (Mark){L->m->axes.n, L->m->streams.n, L->m->slots.n, L->data.n, L->draw_cuts.n, L->m->next_id}; }

static void back_to(Lower *L, const Mark *was)
{
    IrModule *m = L->m;
    while (m->axes.n > was->axes) names_put(&m->axis_at, m->axes.v[--m->axes.n].name, -1);
    while (m->streams.n > was->streams) names_put(&m->stream_at, m->streams.v[--m->streams.n], -1);
    while (m->slots.n > was->slots) names_put(&m->slot_at, m->slots.v[--m->slots.n].path, -1);
    L->data.n = was->data;
    L->draw_cuts.n = was->cuts;
    m->next_id = was->nodes;
    m->too_large[0] = 0;
}

static Diags *try_one(Ctx *c, const Ast *decl, const Guess *g)
{
    Lower *L = c->L;
    Ctx own = *c;
    int evals = L->n_evals;
    Mark before = mark(L);
    Trial t = trial_begin(L, true);
    Diags *said = L->diags;
    diags_used_at(said, decl->span);
    L->guess = g;
    L->n_evals = MAX_EVALS - CHECK_EVALS;
    own.inst = some_owner(L);
    own.block = own.around = NULL;
    if (own.batch < 0) own.batch = CHECK_BATCH;
    if (g->batch) own.axes = ir_axes_add(own.axes, ir_axis(L->m, "example", CHECK_BATCH));
    if (decl->kind == AST_LET) {
        draw_once(&own, eval_raw(&own, decl->let.value), decl->let.value->span);
    } else {
        Value *v = scope_of_place(&own, own.scope, decl);
        if (v) check_value(&own, decl, v);
        if (v && decl->kind == AST_DEFINE && decl->define.is_alias) draw_once(&own, v, decl->define.body->span);
    }
    L->n_evals = evals;
    L->guess = NULL;
    trial_end(L, &t);
    back_to(L, &before);
    return said;
}

/* What hangs on how large the program is, or on the time, is no mistake of the body. */
static bool is_certain(const Diag *d)
{
    bool outside = d->code == E107 || d->code == E203 || d->code == E113;
    bool unknown = strstr(d->text, VAL_UNKNOWN) || (d->label && strstr(d->label, VAL_UNKNOWN));
    return d->severity == DIAG_ERROR && !outside && !unknown;
}

/* Does it hold whatever the extents are? Of shapes of one rank if they are as far apart for all guesses: *apart, else 0. */
static bool of_all_extents(const Lower *L, const Diag *d, int64_t *apart)
{
    *apart = 0;
    for (int i = 0; i < L->shapes.n; i++)
        if (L->shapes.v[i].d == d) return *apart = L->shapes.v[i].apart, L->shapes.v[i].ranks;
    return d->code == E205 || d->code == E112 || d->code == E108;
}

/* Is the mistake among what was said? With the same text, or of shapes that are as far apart, where that is asked for. */
static bool says(const Lower *L, const Diags *said, const Diag *d, bool text, int64_t apart)
{
    const Diag *all[DIAGS_KEPT];
    int n = diags_sorted(said, all);
    for (int i = 0; i < n; i++) {
        const Diag *o = all[i];
        int64_t here;
        if (o->code != d->code || o->at.file != d->at.file || o->at.begin != d->at.begin || o->at.end != d->at.end) continue;
        bool shapes = !of_all_extents(L, o, &here) && apart && here == apart;
        if (!text || shapes || !strcmp(o->text, d->text)) return true;
    }
    return false;
}

static void check_declaration(Ctx *c, const Ast *decl)
{
    Diags *said[N_GUESSES];
    const char *tried = NULL;
    const Diag *all[DIAGS_KEPT];
    for (int g = 0; g < N_GUESSES; g++) {
        c->L->tried = NULL;
        said[g] = try_one(c, decl, &guesses[g]);
        if (g == 1) tried = c->L->tried;
        if (!g) {
            int n = diags_sorted(said[0], all);
            for (int i = 0; i < n; i++)
                if (is_certain(all[i])) diags_take(c->L->diags, all[i]);
        } else if (!diags_failed(said[g])) {
            return;                                         /* right for this guess */
        }
    }
    int n = diags_sorted(said[1], all);
    for (int i = 0; i < n; i++) {
        int64_t apart;
        bool always = is_certain(all[i]), any = of_all_extents(c->L, all[i], &apart);
        for (int g = 2; always && g < N_GUESSES; g++) always = says(c->L, said[g], all[i], g < SAME_TEXT && !any, apart);
        if (!always) continue;
        Diag *d = diags_take(c->L->diags, all[i]);
        if (tried && strpbrk(all[i]->text, "0123456789")) diag_note(d, decl->span, "nothing applies this, so it was tried with %s", tried);
    }
}

/* ---- the program */

void check_block(Ctx *c, AstList stmts)
{
    bool any = false;
    for (int i = 0; i < stmts.n; i++)
        any = any || stmts.v[i]->kind == AST_DEFINE || stmts.v[i]->kind == AST_LOSS || stmts.v[i]->kind == AST_COMPARE || stmts.v[i]->kind == AST_LET;
    if (any) array_push(c->L->a, &c->L->blocks, ((__typeof__(*c->L->blocks.v)){arena_copy(c->L->a, c, sizeof *c), stmts}));
}

static bool is_declaration(const Ast *s) { return s->kind == AST_DEFINE || s->kind == AST_LOSS || s->kind == AST_COMPARE || s->kind == AST_LET; }

/* A name for a distribution, which nothing uses. */
static bool is_idle(const Ctx *c, const Ast *s)
{
    bool let = s->kind == AST_LET && s->let.pattern->kind == AST_NAME, alias = s->kind == AST_DEFINE && s->define.is_alias;
    const Ast *place = let ? s->let.pattern : alias ? s : NULL;
    const Bound *b = place ? names_bound(c->L->names, place) : NULL;
    const Binding *is = b && !b->used ? scope_own(c->L, c->scope, place) : NULL;
    return is && is->value && is->value->kind == V_DIST;
}

static void check_statements(Ctx *c, AstList stmts)
{
    for (int i = 0; i < stmts.n; i++) {
        const Ast *s = stmts.v[i];
        const Binding *b = s->kind == AST_DEFINE ? scope_own(c->L, c->scope, s) : NULL;
        bool later = b && b->state == B_LATER;
        if (!is_declaration(s) || (!later && !is_unused(c->L, s) && !is_idle(c, s))) continue;
        check_declaration(c, s);
    }
}

void check_unused(Ctx *c)
{
    Lower *L = c->L;
    for (int i = 0; i < L->blocks.n; i++) check_statements(L->blocks.v[i].c, L->blocks.v[i].stmts);
    for (int i = 0; i < L->modules.all.n; i++) {
        const Module *m = L->modules.all.v[i];
        Ctx own = *c;
        own.scope = L->scopes.v[i];
        if (m->ast && !m->library) check_statements(&own, m->ast->file.stmts);
    }
}
