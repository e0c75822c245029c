/* call.c - applying: arguments meet parameters, and the body is evaluated where it was defined. Everything is inlined. */
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/own/graph.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"
#include "lang/source/habits.h"

bool call_enter(Ctx *c, Span at)
{
    if (c->calls < MAX_CALLS) return true;
    if (!c->L->too_deep && !c->L->unsure) {
        Diag *d = diag_error(c->L->diags, at, E106, "calls nest more than %d deep here; a definition is calling itself",
                             MAX_CALLS);
        diag_hint(d, "everything is inlined, so recursion needs an if on a static value that ends it; fold is a loop");
    }
    c->L->too_deep = true;
    return false;
}

const Applied *applied_at(const Ctx *c, Span at) { return arena_copy(c->L->work, &(Applied){at, c->applied}, sizeof(Applied)); }

Ctx ctx_body(Ctx *c, Scope *scope, const Args *args, const void *site, Span at)
{
    Ctx b = *c;
    b.scope = scope;
    b.calls++;
    b.applied = applied_at(c, at);
    b.application = ++c->L->n_applications;
    b.site = site_mix(c->site, site);
    b.name = NULL;
    for (int i = 0; args && i < args->n; i++) b.axes = ir_axes_union(b.axes, val_axes(c->L, args->v[i]));
    return b;
}

Ctx ctx_defaults(const Ctx *c, Instance *in, const void *site)
{
    Ctx own = *c;
    own.inst = in ? in : c->inst;
    own.site = site_mix(in ? 0 : c->site, site);
    return own;
}

/* ---- arguments */

static bool too_many_args(Ctx *c, AstList args, Span at)
{
    if (args.n <= MAX_ARGS) return false;
    diag_error(c->L->diags, at, E109, "more than %d arguments", MAX_ARGS);
    return true;
}

/* The arms of where(cond, yes, no), in this order, know whether its condition holds. */
static bool eval_arms(Ctx *c, AstList list, Args *out)
{
    Value *cond = eval_raw(c, list.v[0]->arg.value);
    bool ok = !val_bad(cond), computed = cond->kind == V_TENSOR && cond->tensor.v->type.elem == IR_BOOL;
    *out = (Args){.n = list.n, .v = {cond}, .at = {list.v[0]->arg.value->span}};
    for (int i = 1; i < list.n; i++) {
        const Ast *a = list.v[i]->arg.value;
        Ctx inner = *c;
        if (computed) inner.guards = arena_copy(c->L->a, &(Guard){cond->tensor.v, i == 1, c->guards}, sizeof(Guard));
        out->v[i] = eval_raw(&inner, a);
        out->at[i] = a->span;
        ok = ok && !val_bad(out->v[i]);
    }
    return ok;
}

static bool in_order(AstList args)
{
    for (int i = 0; i < args.n; i++)
        if (args.v[i]->arg.name) return false;
    return args.n > 0;
}

static Value *eval_arg(Ctx *c, const Ast *a)
{
    if (!a->arg.all) return eval_raw(c, a->arg.value);
    if (!c->L->every) c->L->every = val_string(c->L, "all");
    return c->L->every;
}

static bool eval_args(Ctx *c, AstList list, Args *out)
{
    bool ok = true;
    for (int i = 0; i < list.n; i++) {
        const Ast *a = list.v[i];
        out->v[out->n] = eval_arg(c, a);
        out->name[out->n] = a->arg.name;
        out->at[out->n] = a->arg.value->span;
        ok = ok && !val_bad(out->v[out->n]);
        out->n++;
    }
    return ok;
}

/* -1: none is called so; _ is no name. */
static int param_index(AstList params, const char *name)
{
    for (int i = 0; strcmp(name, "_") && i < params.n; i++)
        if (!strcmp(params.v[i]->param.name, name)) return i;
    return -1;
}

static int required(AstList params)
{
    int n = 0;
    for (int i = 0; i < params.n; i++) n += !params.v[i]->param.draw && !params.v[i]->param.value;
    return n;
}

static bool all_named(AstList params, const Value *r)
{
    for (int i = 0; r->record.name && i < r->record.n; i++)
        if (param_index(params, r->record.name[i]) < 0) return false;
    return true;
}

static const char *params_text(Ctx *c, AstList params)
{
    Text t = text_in(c->L->a);
    for (int i = 0; i < params.n; i++) text_printf(&t, "%s%s", i ? ", " : "", params.v[i]->param.name);
    return text_str(&t);
}

/* A record for several parameters names each of them. */
static void no_such_argument(Ctx *c, AstList params, const Value *r, Span at)
{
    int i = 0;
    while (param_index(params, r->record.name[i]) >= 0) i++;
    Diag *d = diag_error(c->L->diags, at, E110, "this record fills arguments by name, and none is called %s", r->record.name[i]);
    diag_label(d, "%s", val_text(c->L, r));
    diag_hint(d, "the arguments are %s; a field of the record is written as one of them, %s: s.%s", params_text(c, params),
              params.v[0]->param.name, r->record.name[i]);
}

/* Where one parameter at most must be given, the record may be that one, too: so a tuple is, and what belongs to a player. Of any other
 * record the declared type says it, or nothing does. */
static bool fills_parameters(Ctx *c, AstList params, const Value *r, Span at, bool *fits)
{
    const Ast *first = params.v[0], *type = first->param.type;
    *fits = all_named(params, r);
    if (required(params) >= 2 && !*fits && r->record.name) return no_such_argument(c, params, r, at), false;
    if (required(params) >= 2 || !*fits) return true;
    *fits = r->record.name && r->record.n > 1 && !r->record.of && !r->record.mixed && !(type && type->kind != AST_TYPE);
    if (!*fits || type) return true;
    Diag *d = diag_error(c->L->diags, at, E109, "this record can be %s, and its fields are called as parameters are", first->param.name);
    diag_hint(d, "%s: (..) gives it to that one; the fields written as arguments, without the record, fill each", first->param.name);
    return false;
}

/* A record as the only argument fills several parameters by name, a tuple by position. */
bool spread_record(Ctx *c, AstList params, Args *args)
{
    if (args->n != 1 || args->name[0] || params.n < 2) return true;
    Value *r = args->v[0];
    bool fits;
    if (r->kind != V_RECORD || r->record.n > params.n || r->record.n > MAX_ARGS) return true;
    if (!fills_parameters(c, params, r, args->at[0], &fits)) return false;
    if (!fits) return true;
    Span at = args->at[0];
    args->n = r->record.n;
    for (int i = 0; i < r->record.n; i++) {
        args->v[i] = r->record.v[i];
        args->name[i] = r->record.name ? r->record.name[i] : NULL;
        args->at[i] = at;
    }
    return true;
}

const Ast *param_of(AstList params, const Args *args, int i)
{
    int position = 0;
    for (int k = 0; k < i; k++) position += !args->name[k];
    int at = args->name[i] ? param_index(params, args->name[i]) : position;
    return at >= 0 && at < params.n ? params.v[at] : NULL;
}

static void arguments_hint(Ctx *c, Diag *d, AstList params, const char *name)
{
    const Habit *h = name ? habit_of(HABIT_ARG, name) : NULL;
    const char *best = NULL, *all = params_text(c, params);
    int distance = name && strlen(name) > 3 ? 3 : 1;
    for (int i = 0; name && i < params.n; i++) names_nearer(params.v[i]->param.name, name, &best, &distance);
    if (best && (!h || names_alike(best, name))) diag_hint(d, "did you mean %s? its arguments are %s", best, all);
    else if (h) diag_hint(d, "write %s; its arguments are %s", h->ours, all);
    else diag_hint(d, "its arguments are %s", all);
}

static int by_position(AstList params)
{
    int n = 0;
    while (n < params.n && !params.v[n]->param.named) n++;
    return n;
}

/* The call with the same numbers, and with names where they are needed; NULL where they are not all numbers, or too many. */
static const char *named_call(Ctx *c, AstList params, const Args *args, const char *what)
{
    Text call = text_in(c->L->a);
    text_printf(&call, "%s(", what);
    for (int i = 0; i < args->n; i++) {
        const char *name = args->name[i] ? args->name[i] : i < params.n ? params.v[i]->param.name : NULL;
        bool parted = i && args->at[i].begin == args->at[i - 1].begin;        /* of a record or tuple */
        if (!name || parted || !val_is_number(args->v[i])) return NULL;
        text_printf(&call, i ? ", " : "");
        if (args->name[i] || params.v[i]->param.named) text_printf(&call, "%s: ", name);
        text_printf(&call, "%s", text_of_source(c->L, args->at[i]));
    }
    text_printf(&call, ")");
    return text_str(&call);
}

/* One too many by position, where there is one that is given by name: the call as it could be meant. */
static void needs_name(Ctx *c, AstList params, const Args *args, int i, const char *what)
{
    int  n = by_position(params);
    Text names = text_in(c->L->a), call = text_in(c->L->a);
    for (int k = n; k < params.n; k++) text_printf(&names, "%s%s", k > n ? ", " : "", params.v[k]->param.name);
    for (int k = 0; k < n; k++) text_printf(&call, "%s%s", k ? ", " : "", params.v[k]->param.name);
    text_printf(&call, "%s%s: ..", n ? ", " : "", params.v[n]->param.name);
    Diag *d = n ? diag_error(c->L->diags, args->at[i], E109, "%s takes %d argument%s by position, %s, and this is one too many", what, n, n == 1 ? "" : "s",
                             params_text(c, (AstList){.v = params.v, .n = n}))
                : diag_error(c->L->diags, args->at[i], E109, "%s takes all of its arguments by name", what);
    const Habit *h = habit_of(HABIT_CALL, what);
    const char *meant = h ? NULL : named_call(c, params, args, what), *are = params.n - n == 1 ? " is" : " are";
    if (!h) h = habit_of(HABIT_RULE, what);
    if (meant) diag_hint(d, "write %s; %s%s given by name", meant, text_str(&names), are);
    else if (h) diag_hint(d, "write %s: %s; %s%s given by name", h->ours, h->remark, text_str(&names), are);
    else diag_hint(d, "%s%s given by name: %s(%s)", text_str(&names), are, what, text_str(&call));
}

static bool place_arg(Ctx *c, AstList params, const Args *args, int i, int position, const char *what, int *index)
{
    const char *name = args->name[i];
    *index = name ? param_index(params, name) : position;
    if (!name && position < params.n && params.v[position]->param.named) return needs_name(c, params, args, i, what), false;
    if (*index >= 0 && *index < params.n) return true;
    Diag *d = name ? diag_error(c->L->diags, args->at[i], E110, "%s has no argument called %s", what, name)
                   : diag_error(c->L->diags, args->at[i], E109, "%s takes %d argument%s, and this is one too many",
                                what, params.n, params.n == 1 ? "" : "s");
    if (params.n) arguments_hint(c, d, params, name);
    return false;
}

/* `= none`: an argument that may be absent, whatever it is declared to be. */
static bool may_be_absent(Ctx *c, const Ast *p)
{
    const Ast *d = p->param.value;
    return d && d->kind == AST_NAME && !names_use(c->L->names, d) && !strcmp(d->name.name, "none");
}

/* v, for the parameter p. */
static Value *fitting(Ctx *inner, Value *v, const Ast *p, Span at, const char *what)
{
    return val_is_absent(v) && may_be_absent(inner, p) ? v : type_conform(inner, v, p->param.type, at, what);
}

/* What does not fit the i-th parameter by its place may be meant for one that is given by name alone: "probs: .. or logits: ..". NULL: for none. */
static const char *meant_by_name(Ctx *inner, AstList params, Value **given, int i)
{
    Text names = text_in(inner->L->a);
    int n = 0;
    if (!params.v[i]->param.type || type_could_be(inner->L, params.v[i]->param.type, given[i])) return NULL;
    for (int k = i + 1; k < params.n; k++) {
        const Ast *p = params.v[k];
        bool fits = p->param.named && !given[k] && may_be_absent(inner, p) && type_could_be(inner->L, p->param.type, given[i]);
        if (fits) text_printf(&names, "%s%s: ..", n++ ? " or " : "", p->param.name);
    }
    return n ? text_str(&names) : NULL;
}

static Value *given_by_place(Ctx *inner, AstList params, Value **given, int i, Span at, const char *what)
{
    const Ast *p = params.v[i];
    const char *other = inner->L->guess ? NULL : meant_by_name(inner, params, given, i);
    if (!other) return fitting(inner, given[i], p, at, arena_join(inner->L->a, p->param.name, " of ", what));
    Diag *d = diag_error(inner->L->diags, at, E200, "by place, %s takes %s: %s; this is %s", what, p->param.name, type_declared_text(inner, p->param.type), val_text(inner->L, given[i]));
    diag_hint(d, "by its name it is given to another: %s(%s)", what, other);
    return val_error(inner->L);
}

Value *param_default(Ctx *inner, const Ast *p)
{
    return fitting(inner, eval_raw(inner, p->param.value), p, p->param.value->span, p->param.name);
}

bool place_args(Ctx *c, AstList params, const Args *args, const char *what, Value **given, Span *where)
{
    for (int i = 0, position = 0, k; i < args->n; i++) {
        if (!place_arg(c, params, args, i, args->name[i] ? -1 : position++, what, &k)) return false;
        if (given[k])
            return diag_error(c->L->diags, args->at[i], E109, "%s gets %s twice", what, params.v[k]->param.name), false;
        given[k] = args->v[i];
        where[k] = args->at[i];
    }
    return true;
}

/* Which of the parameters their names have given. */
static void bind_named(Ctx *c, Scope *scope, AstList params, const Args *args)
{
    for (int i = 0; i < args->n; i++) {
        int at = args->name[i] ? param_index(params, args->name[i]) : -1;
        Binding *b = at >= 0 ? scope_own(c->L, scope, params.v[at]) : NULL;
        if (b) b->named = true;
    }
}

/* y: class[3] ~ Categorical(3) */
static const char *drawn_param(Lower *L, const Ast *p)
{
    const Ast *t = p->param.type && p->param.type->kind == AST_TYPE ? p->param.type : NULL;
    const char *from = t && t->type.range ? strf(L, "Categorical(%s)", text_of_source(L, t->type.range->span)) : t && !strcmp(t->type.name, "real") ? "Normal(0, 1)" : "..";
    return strf(L, "%s ~ %s", text_of_source(L, p->span), from);
}

/* With ways out of what is met first: a model of which something is neither given nor drawn, and f(slope: 0.1) for a function of x. */
static void missing_argument(Ctx *c, const Ast *p, const Args *args, bool first, bool model, const char *what, Span at)
{
    Lower *L = c->L;
    const char *call = text_of_source(L, at), *paren = strchr(call, '(');
    bool by_name = args->n > 0;
    for (int i = 0; i < args->n; i++) by_name = by_name && args->name[i];
    Diag *d = diag_error(L->diags, at, E111, "%s needs an argument %s", what, p->param.name);
    diag_note(d, p->span, "declared here");
    if (model) diag_hint(d, "%s, where it is declared, has it drawn where it is not given", drawn_param(L, p));
    else if (first && by_name && paren) diag_hint(d, "the function of %s is fn(%s) %.*s(%s, %s", p->param.name, p->param.name, (int)(paren - call), call, p->param.name, paren + 1);
}

bool bind_params(Ctx *c, Scope *scope, AstList params, Args *args, const char *what, Span at, bool *open)
{
    Value *given[MAX_ARGS] = {0};
    Span   where[MAX_ARGS];
    bool   ok = true;
    if (too_many_args(c, params, at)) return false;
    if (!spread_record(c, params, args)) return false;
    if (c->L->guess && args->n == 1 && !args->name[0] && val_bad(args->v[0]) && params.n > 1) return false;    /* it may be a record of all of them */
    if (!place_args(c, params, args, what, given, where)) return false;
    Ctx inner = *c;
    inner.scope = scope;
    for (int i = 0; i < params.n; i++) {
        const Ast *p = params.v[i];
        Value *v = given[i];
        if (open) open[i] = !v && p->param.draw;
        if (open && open[i]) continue;
        if (!v && !p->param.value) {
            missing_argument(c, p, args, !i, open != NULL, what, at);
            return false;
        }
        v = v ? given_by_place(&inner, params, given, i, where[i], what) : param_default(&inner, p);
        ok = ok && !val_bad(v);
        scope_bind_param(&inner, scope, p, v);
    }
    bind_named(c, scope, params, args);
    return ok;
}

/* ---- closures */

AstList call_params(const Value *f)
{
    const Closure *k = f->kind == V_LAYER ? f->layer.closure : f->kind == V_PLAYER ? f->player->closure : f->fn.closure;
    const Ast *d = k->def;
    if (d->kind == AST_FN) return d->fn.params;
    if (d->kind == AST_MEMBER) return d->member.params;
    return d->define.n_lists == 2 && (k->bound || f->kind == V_LAYER) ? d->define.params2 : d->define.params;
}

static const char *closure_text(const Closure *k) { return k->name ? k->name : "this function"; }

static bool as_samples(Ctx *c, Value *v, Span at, int64_t *n)
{
    if (v == c->L->every) return *n = EVERY_ROW, true;
    return as_size(c, v, at, "n", n);
}

/* `n` of a def, metric, loss or member that has no parameter of that name: how many samples its expectations draw. */
static bool take_n(Ctx *c, AstList params, Args *args, int64_t *n)
{
    *n = -1;
    if (param_index(params, "n") >= 0) return true;
    for (int i = 0; i < args->n; i++) {
        if (!args->name[i] || strcmp(args->name[i], "n")) continue;
        if (!as_samples(c, args->v[i], args->at[i], n)) return false;
        for (int j = i; j + 1 < args->n; j++)
            args->v[j] = args->v[j + 1], args->name[j] = args->name[j + 1], args->at[j] = args->at[j + 1];
        args->n--;
        return true;
    }
    return true;
}

/* Of a def, whose `n` is a mistake where nothing has taken it. */
static Value *checked_size(Ctx *c, const Closure *k, Value *v, bool taken, Span at)
{
    if (taken || val_bad(v)) return v;
    diag_hint(diag_error(c->L->diags, at, E110, "%s has no argument called n", closure_text(k)), "nor is an expectation in it whose size n could be");
    return val_error(c->L);
}

static Value *apply_body(Ctx *c, Closure *k, AstList params, const Ast *body, const Ast *result, Args *args,
                         const void *site, Span at, bool counted)
{
    int64_t n = -1;
    bool def = k->def->kind == AST_DEFINE && k->def->define.word == AST_DEFINE_DEF, taken = false;
    if (!call_enter(c, at)) return val_error(c->L);
    if ((counted || def) && !take_n(c, params, args, &n)) return val_error(c->L);
    Scope *scope = scope_new(c->L, k->scope);
    Ctx own = ctx_defaults(c, k->scope->inst != c->inst ? k->scope->inst : NULL, site);
    scope->call = site_mix(site_mix(c->scope->call, (const void *)(uintptr_t)c->scope->round), site);
    if (!bind_params(&own, scope, params, args, closure_text(k), at, NULL)) return val_error(c->L);
    Ctx inner = ctx_body(c, scope, args, site, at);
    inner.inst = own.inst, inner.site = own.site;
    inner.axes = ir_axes_union(inner.axes, closure_axes(c->L, k));
    if (n != -1) inner.batch = n;
    if (n != -1 && def) inner.sized = &taken;
    if (counted && k->name) inner.path = path_join(c->L, c->path, k->name);
    check_evaluated(c->L, body);
    int assigned = assign_among(&inner, k->scope);
    Value *v = pending_result(c, assigned, eval_block(&inner, body));
    if (inner.sized == &taken) v = checked_size(c, k, v, taken, at);
    inner.sized = c->sized;
    if (!result) return v;
    inner.scope = scope;
    return type_conform(&inner, v, result,
                        body->kind == AST_BLOCK && ast_block_value(body) ? ast_block_value(body)->span : body->span,
                        strf(c->L, "the value of %s", closure_text(k)));
}

/* Arguments as one would write them: those that must be given. */
static const char *needed_text(Ctx *c, AstList params)
{
    Text t = text_in(c->L->a);
    for (int i = 0, n = 0; i < params.n; i++)
        if (!params.v[i]->param.draw && !params.v[i]->param.value) text_printf(&t, "%s%s", n++ ? ", " : "", params.v[i]->param.name);
    return text_str(&t);
}

/* x |> Dense, Dense(x): is the first list given what only the second takes? */
static bool skips_first(Ctx *c, const Closure *k, const Args *args)
{
    AstList params = k->def->define.params;
    Args    all = *args;
    ValueKind is = args->n >= 1 && !args->name[0] ? args->v[0]->kind : V_NONE;
    bool input = is == V_TENSOR || is == V_SLOT || is == V_LIST || is == V_RECORD;
    if (!input || k->def->define.params2.n != 1) return false;
    Trial t = trial_begin(c->L, true);
    bool fits = bind_params(c, scope_new(c->L, k->scope), params, &all, "it", args->at[0], NULL);
    trial_end(c->L, &t);
    return !fits;
}

static Value *no_first(Ctx *c, const Closure *k, Span at)
{
    const char *name = closure_text(k), *x = k->def->define.params2.v[0]->param.name, *first = needed_text(c, k->def->define.params);
    Diag *d = diag_error(c->L->diags, at, E111, "%s is applied to %s before it has its own arguments", name, x);
    diag_hint(d, "%s(%s) is what takes %s: %s |> %s(%s)", name, first, x, x, name, first);
    return val_error(c->L);
}

/* The first of two lists: what is left waits for the second. */
static Value *bind_first(Ctx *c, Closure *k, Args *args, const void *site, Span at)
{
    const Ast *d = k->def;
    if (skips_first(c, k, args)) return no_first(c, k, at);
    if (d->define.word == AST_DEFINE_LAYER) return layer_bind(c, k, args, site, at);
    Scope *scope = scope_new(c->L, k->scope);
    Ctx own = ctx_defaults(c, NULL, site);
    if (!bind_params(&own, scope, d->define.params, args, closure_text(k), at, NULL)) return val_error(c->L);
    Closure *bound = closure_copy(c->L, k, scope);
    bound->bound = true;
    Value *v = val_new(c->L, d->define.word == AST_DEFINE_OPTIMIZER ? V_OPTIMIZER : V_FUNCTION);
    if (v->kind == V_OPTIMIZER) v->optimizer.closure = bound;
    else v->fn.kind = F_CLOSURE, v->fn.closure = bound;
    return v;
}

static Value *apply_define(Ctx *c, Closure *k, Args *args, const void *site, Span at)
{
    const Ast *d = k->def;
    bool second = d->define.n_lists == 2 && k->bound;
    if (d->define.n_lists == 2 && !k->bound) return bind_first(c, k, args, site, at);
    AstList params = second ? d->define.params2 : d->define.params;
    switch (d->define.word) {
    case AST_DEFINE_DEF:
    case AST_DEFINE_METRIC:
        return apply_body(c, k, params, d->define.body, d->define.result, args, site, at,
                          d->define.word == AST_DEFINE_METRIC);
    case AST_DEFINE_LAYER: {
        Value *l = layer_bind(c, k, &(Args){0}, site, at);  /* a layer with one list is applied at once */
        return val_bad(l) ? l : layer_apply(c, l, args, site, at);
    }
    case AST_DEFINE_DISTRIBUTION: case AST_DEFINE_SIMULATOR: return dist_of_declared(c, k, args, site, at);
    case AST_DEFINE_COMPARISON: return compare_bind(c, k, args, site, at);
    case AST_DEFINE_BIJECTOR: return bijector_bind(c, k, args, site, at);
    case AST_DEFINE_NET:
        diag_error(c->L->diags, at, E120, "%s is a net to be given a name first: net D = %s(...)", k->name, k->name);
        return val_error(c->L);
    default: return diag_error(c->L->diags, at, E201, "%s is %s, which cannot be applied", k->name, AstDefine_name(d->define.word)), val_error(c->L);
    }
}

static Value *apply_closure(Ctx *c, Closure *k, Args *args, const void *site, Span at)
{
    const Ast *d = k->def;
    if (d->kind == AST_FN) return apply_body(c, k, d->fn.params, d->fn.body, NULL, args, site, at, false);
    if (d->kind == AST_MEMBER) return apply_body(c, k, d->member.params, d->member.value, NULL, args, site, at, true);
    return apply_define(c, k, args, site, at);
}

/* ---- the doors */

static Value *not_callable(Ctx *c, Value *f, Span at)
{
    diag_error(c->L->diags, at, E108, "%s cannot be applied to arguments", val_text(c->L, f));
    return val_error(c->L);
}

static Value *apply_partial(Ctx *c, Value *f, Args *args, const void *site, Span at)
{
    Args all = {0};
    bool last = f->fn.order;                                /* the piped value goes after the others */
    if (args->n + f->fn.n_given > MAX_ARGS) return not_callable(c, f, at);
    for (int round = 0; round < 2; round++) {
        bool given = (round == 0) == last;
        for (int i = 0; i < (given ? f->fn.n_given : args->n); i++) {
            all.v[all.n] = given ? f->fn.given[i] : args->v[i];
            all.name[all.n] = given ? f->fn.given_name[i] : args->name[i];
            all.at[all.n++] = given ? at : args->at[i];
        }
    }
    return builtin_apply(c, f->fn.builtin, &all, site, at);
}

static Value *apply_thunk(Ctx *c, Value *t, Args *args, const void *site, Span at)
{
    int64_t n = -1;
    if (args->n == 1 && args->name[0] && !strcmp(args->name[0], "n"))
        return as_samples(c, args->v[0], args->at[0], &n) ? eval_thunk(c, t, n) : val_error(c->L);
    if (!args->n) return eval_thunk(c, t, -1);
    Value *f = eval_thunk(c, t, -1);
    if (val_bad(f)) return f;
    if (f->kind != V_TENSOR && !val_is_number(f)) return apply(c, f, args, site, at);
    Diag *d = diag_error(c->L->diags, at, E108, "%s is a value, and takes no arguments but n, the number of samples", t->thunk.name ? t->thunk.name : "this");
    diag_hint(d, "%s(n: 1000) is that of 1000 samples", t->thunk.name ? t->thunk.name : "..");
    return val_error(c->L);
}

Value *apply(Ctx *c, Value *f, Args *args, const void *site, Span at)
{
    if (c->L->too_deep || c->L->too_large) return val_error(c->L);
    switch (f->kind) {
    case V_ERROR: return f;
    case V_FUNCTION:
        switch (f->fn.kind) {
        case F_CLOSURE: return apply_closure(c, f->fn.closure, args, site, at);
        case F_BUILTIN: return builtin_apply(c, f->fn.builtin, args, site, at);
        case F_PARTIAL: return apply_partial(c, f, args, site, at);
        case F_PRIME: return apply_prime(c, f->fn.of, f->fn.order, args, site, at);
        case F_OF_EACH: return dist_apply_member(c, f->fn.of->dist, f->fn.closure, args, site, at);
        }
        return not_callable(c, f, at);
    case V_LAYER: return layer_apply(c, f, args, site, at);
    case V_PLAYER: return player_apply(c, f->player, args, site, at);
    case V_BIJECTOR: return bijector_apply(c, f, "forward", args, site, at);
    case V_OPTIMIZER: return optimizer_apply(c, f, args, site, at);
    case V_THUNK: return apply_thunk(c, f, args, site, at);
    default: return not_callable(c, f, at);
    }
}

Value *apply1(Ctx *c, Value *f, Value *arg, const void *site, Span at)
{
    Args a = {.n = 1, .v = {arg}, .at = {at}};
    return apply(c, f, &a, site, at);
}

static Value *eval_callee(Ctx *c, const Ast *e)
{
    if (e->kind != AST_NAME) return eval_raw(c, e);
    Value *v = scope_find(c, e, true);
    return v ? v : eval_raw(c, e);
}

/* named(x): how x was given is known of the parameter, and not of its value. */
static Value *eval_named(Ctx *c, const Ast *e)
{
    const Ast *x = e->call.args.n == 1 && !e->call.args.v[0]->arg.name ? e->call.args.v[0]->arg.value : NULL;
    const Bound *b = x && x->kind == AST_NAME ? names_use(c->L->names, x) : NULL;
    Scope *s = c->scope;
    const Binding *of = b && b->kind == NAME_PARAM ? scope_binding(c->L, &s, b) : NULL;
    if (c->L->guess) return val_error(c->L);
    if (of) return val_bool(c->L, of->named);
    diag_error(c->L->diags, e->span, E201, "named takes a parameter of the definition at hand, and says whether its argument was given by name");
    return val_error(c->L);
}

Value *eval_call(Ctx *c, const Ast *e)
{
    Args args = {0};
    if (too_many_args(c, e->call.args, e->span)) return val_error(c->L);
    Ctx plain = *c;
    plain.name = NULL;
    Value *f = eval_callee(c, e->call.callee);
    bool number = f->kind == V_TENSOR || f->kind == V_SLOT || val_is_number(f) || (f->kind == V_THUNK && !f->thunk.own);
    const Habit *habit = e->call.callee->kind == AST_FIELD && number ? habit_of(HABIT_MEMBER, e->call.callee->field.name) : NULL;
    if (habit) {
        const char *what = f->kind == V_THUNK ? e->call.callee->field.name : val_text(c->L, f);
        habit_hint(diag_error(c->L->diags, e->span, E108, "%s cannot be applied to arguments", what), habit);
        return val_error(c->L);
    }
    bool builtin = f->kind == V_FUNCTION && f->fn.kind == F_BUILTIN, picks = builtin && builtin_picks(f->fn.builtin) && in_order(e->call.args);
    if (builtin && builtin_asks_name(f->fn.builtin)) return eval_named(c, e);
    const Ast *first = e->call.args.n ? e->call.args.v[0]->arg.value : NULL;
    if (builtin && builtin_asks_given(f->fn.builtin) && first && first->kind == AST_FIELD && field_is_lacking(c, first)) return val_bool(c->L, false);
    bool ok = picks ? eval_arms(&plain, e->call.args, &args) : eval_args(&plain, e->call.args, &args);
    return ok || c->L->guess ? apply(c, f, &args, e, e->span) : val_error(c->L);
}

static const char *text_of(Ctx *c, Span at)
{
    const SourceFile *f = source_file(c->L->sources, at.file);
    return f ? strf(c->L, "%.*s", (int)(at.end - at.begin), f->text + at.begin) : "f";
}

/* What was meant by x |> f(2), where f takes x as its first argument. */
static void call_hint(Ctx *c, Diag *d, const Ast *call)
{
    const char *f = text_of(c, call->call.callee->span);
    AstList args = call->call.args;
    if (!args.n) {
        diag_hint(d, "x |> f gives x to f, so it stands there without parentheses: |> %s", f);
        return;
    }
    Span all = {call->span.file, args.v[0]->span.begin, args.v[args.n - 1]->span.end};
    diag_hint(d, "x |> f(a) is f(a)(x); a function of what comes is |> fn(h) %s(h, %s)", f, text_of(c, all));
}

/* Is a function called in a pipe without what the pipe should bring? That call comes first. */
static bool called_too_early(Ctx *c, const Ast *call)
{
    const Value *f = call->kind == AST_CALL && call->call.callee->kind == AST_NAME ? scope_find(c, call->call.callee, true) : NULL;
    if (!f || f->kind != V_FUNCTION || f->fn.kind != F_CLOSURE || f->fn.closure->def->kind != AST_DEFINE) return false;
    const Ast *def = f->fn.closure->def;
    AstList params = def->define.params;
    if (def->define.word != AST_DEFINE_DEF || def->define.n_lists != 1 || call->call.args.n >= required(params)) return false;
    Diag *d = diag_error(c->L->diags, call->span, E111, "%s takes %d argument%s, and here are %d", f->fn.closure->name, params.n, params.n == 1 ? "" : "s", call->call.args.n);
    if (call->call.args.n + 1 < required(params)) diag_hint(d, "x |> f(a) is f(a)(x); its arguments are %s", params_text(c, params));
    else call_hint(c, d, call);
    return true;
}

/* x |> f(a): f(a) is made first, so a layer in it is named by this place. */
Value *eval_pipe(Ctx *c, const Ast *e)
{
    Value *x = eval_raw(c, e->pipe.left);
    const Ast *right = e->pipe.right;
    if (called_too_early(c, right)) return val_error(c->L);
    Value *f = right->kind == AST_NAME ? eval_callee(c, right) : eval_raw(c, right);
    if ((val_bad(x) && !c->L->guess) || val_bad(f)) return val_error(c->L);
    Args args = {.n = 1, .v = {x}, .at = {e->pipe.left->span}};
    bool callable = f->kind == V_PLAYER || f->kind == V_LAYER || f->kind == V_FUNCTION || f->kind == V_BIJECTOR ||
                    f->kind == V_OPTIMIZER;
    if (!callable) {
        Diag *d = diag_error(c->L->diags, right->span, E108, "%s cannot be applied to arguments", val_text(c->L, f));
        if (right->kind == AST_CALL) call_hint(c, d, right);
        return val_error(c->L);
    }
    Span around = diags_used_at(c->L->diags, right->span);  /* what goes wrong inside of it is its affair */
    if (around.file != right->span.file) diags_used_at(c->L->diags, around);
    Value *v = apply(c, f, &args, e, e->span);
    diags_used_at(c->L->diags, around);
    return v;
}
