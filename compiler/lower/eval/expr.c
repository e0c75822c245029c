/* expr.c - expressions and blocks. eval() is the door; what is longer than a few lines has a file of its own. */
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/eval/watch.h"
#include "compiler/lower/own/graph.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"
#include "lang/source/habits.h"

#include <math.h>

static Value *eval_number(Ctx *c, const Ast *e)
{
    return e->number.is_int ? val_int(c->L, e->number.integer) : val_real(c->L, e->number.value);
}

/* ---- names and fields */

/* Who is in training, a net says that is applied. */
static Value *is_training(Ctx *c, Span at)
{
    if (c->inst && c->inst->owner) return val_bool(c->L, ctx_trains(c, c->inst->owner));
    Diag *d = diag_error(c->L->diags, at, E100, "training says whether the net at hand is being trained, and here is none");
    diag_hint(d, "ask in the body of a layer, net or model, or of a def that one of them calls; an argument carries it further");
    return val_error(c->L);
}

/* What a let outside of the schedule names is computed once, where the count stands still. */
static Value *step_of_once(Ctx *c, Span at)
{
    Diag *d = diag_error(c->L->diags, at, E308, "step counts the rounds of a block, and this is computed once, outside of any");
    diag_hint(d, "def f(x) = .. is evaluated where it is used, in each round; report s = step tells the count here");
    return val_error(c->L);
}

/* In an index of a report, a number of rounds, a type: nothing is computed there. */
static Value *step_of_nothing(Ctx *c, Span at)
{
    Diag *d = diag_error(c->L->diags, at, E202, "step is counted while the program runs, and what stands here is known when it is compiled");
    diag_hint(d, "each line of the log has its step: report a = .. in every 100 { .. } is a curve over it");
    return val_error(c->L);
}

/* Words that mean something by where they stand. */
static Value *eval_context_word(Ctx *c, const char *name, Span at)
{
    Lower *L = c->L;
    if (!strcmp(name, "none")) return names_may_lack(L->names, name) ? val_error(L) : val_absent(L);
    if (L->guess && strcmp(name, "step")) return val_error(L);
    if (!strcmp(name, "batch")) return sample_batch(c, at) ? val_int(L, c->batch) : val_error(L);
    if (!strcmp(name, "step") && L->part && L->part->binds && !L->part->inside) return step_of_once(c, at);
    if (!strcmp(name, "step")) return L->fn ? val_slot(L, L->step_slot) : step_of_nothing(c, at);
    if (!strcmp(name, "steps") && c->rule) return rule_steps(c);
    return strcmp(name, "training") ? NULL : is_training(c, at);
}

static Value *not_reported(Ctx *c, const Bound *report, Span at)
{
    if (names_lack(c->L->names)) return val_error(c->L);    /* what could not be read may have made it, or a loop around it */
    Diag *d = diag_error(c->L->diags, at, E404, "nothing has been reported as %s before this line", report->name);
    diag_note(d, report->at, "it is reported here");
    return val_error(c->L);
}

static Value *eval_name(Ctx *c, const Ast *e, bool callee)
{
    const char *name = e->name.name;
    Value *v = scope_find(c, e, callee);
    if (!v) v = eval_context_word(c, name, e->span);
    if (v) return v;
    if (c->L->guess) return val_error(c->L);                /* lang/check has reported names that are nowhere */
    const Bound *b = names_use(c->L->names, e);
    if (b && b->kind == NAME_BROKEN) return val_error(c->L);
    for (int i = 0; b && i < c->L->doubled.n; i++)
        if (c->L->doubled.v[i] == b) return val_error(c->L);
    if (b && b->kind != NAME_REPORT) return scope_too_early(c, name, b->at, e->span);
    if (b) return not_reported(c, b, e->span);
    scope_unknown(c, name, e->span);
    return val_error(c->L);
}

/* Of what has members or parameters, one may stand in a statement that could not be read. */
static bool may_lack_field(const Ctx *c, const Value *v) { return v->kind != V_RECORD && v->kind != V_TENSOR && names_lack_parts(c->L->names); }

static AstList members_of(const Compare *k) { return k->closure->def->define.body->block.stmts; }

/* Of a record's fields, a player's parameters, a comparison's members. NULL: none is near. */
static const char *nearest_field(Ctx *c, const Value *v, const char *name)
{
    const char *best = NULL;
    int distance = names_reach(name);
    const Value *r = v->kind == V_PLAYER ? player_record(c, player_self(v->player)) : v;
    for (int i = 0; r->kind == V_RECORD && r->record.name && i < r->record.n; i++) {
        const char *path = r->record.name[i];               /* of a parameter: "Dense_1.w" */
        names_nearer(arena_strn(c->L->a, path, strcspn(path, ".")), name, &best, &distance);
    }
    for (int i = 0; v->kind == V_COMPARE && i < members_of(v->compare).n; i++) {
        const Ast *m = members_of(v->compare).v[i];
        if (m->kind == AST_MEMBER) names_nearer(m->member.name, name, &best, &distance);
    }
    return best;
}

enum { MOST_NAMES = 8 };                                    /* in a list of what there is */

static void add_name(Text *t, int i, const char *name) { text_printf(t, "%s%s", i ? ", " : "", i < MOST_NAMES ? name : ".."); }

static const char *members_text(Ctx *c, AstList body)
{
    Text t = text_in(c->L->a);
    for (int i = 0, n = 0; i < body.n && n <= MOST_NAMES; i++)
        if (body.v[i]->kind == AST_MEMBER) add_name(&t, n++, body.v[i]->member.name);
    return text_str(&t);
}

static const char *fields_text(Ctx *c, const Value *r)
{
    Text t = text_in(c->L->a);
    for (int i = 0; i < r->record.n && i <= MOST_NAMES; i++) add_name(&t, i, r->record.name[i]);
    return text_str(&t);
}

static void no_field(Ctx *c, const Ast *e, const Value *v)
{
    if (may_lack_field(c, v)) return;
    Diag *d = diag_error(c->L->diags, e->field.name_span, E112, "%s has no %s", val_text(c->L, v), e->field.name);
    const char *best = nearest_field(c, v, e->field.name);
    const Habit *h = best ? NULL : habit_of(HABIT_MEMBER, e->field.name);
    if (best) diag_hint(d, "did you mean %s?", best);
    else if (h) habit_hint(d, h);
    else if (v->kind == V_COMPARE) diag_hint(d, "it has %s", members_text(c, members_of(v->compare)));
    else if (v->kind == V_RECORD && v->record.of) diag_hint(d, "the parameters of %s are called %s", v->record.of->name, fields_text(c, v));
}

static Value *module_field(Ctx *c, const Ast *e, Value *m)
{
    Value *v = scope_local(c, m->module, e->field.name);
    if (v || names_may_lack(c->L->names, e->field.name)) return v ? v : val_error(c->L);
    diag_error(c->L->diags, e->field.name_span, E100, "the module %s has no %s", m->module->module->name,
               e->field.name);
    return val_error(c->L);
}

static bool has_member(const Dist *d, const char *name)
{
    AstList body = dist_members(d);
    for (int i = 0; i < body.n; i++)
        if (body.v[i]->kind == AST_MEMBER && !strcmp(body.v[i]->member.name, name)) return true;
    return false;
}

/* p^n has few of the members of p: whether another is one number for all, or one for each, is its own matter. */
static Value *no_member_of_power(Ctx *c, const Ast *e, const Dist *d, const Dist *each)
{
    Diag *no = diag_error(c->L->diags, e->field.name_span, E112, "%s has no %s, but each of its draws has", dist_text(c->L, d), e->field.name);
    diag_hint(no, "ask %s without a power, for each number of a tensor by map; p^n itself has mean, variance, entropy and kl, where p has them", dist_text(c->L, each));
    return val_error(c->L);
}

/* An attribute of the distribution, or the marginal of a field. */
static Value *field_of_dist(Ctx *c, const Ast *e, Dist *d)
{
    Value *v = dist_member(c, d, e->field.name, e->span);
    if (v) return v;
    const Dist *each = dist_powered(d);
    if (each && has_member(each, e->field.name)) return no_member_of_power(c, e, d, each);
    const Ast *type = dist_type(d);
    if (type && type->kind == AST_TYPE) {
        Diag *no = diag_error(c->L->diags, e->field.name_span, E112, "%s has no %s", dist_text(c->L, d), e->field.name);
        AstList body = dist_members(d);
        if (body.n) diag_hint(no, "it has %s", members_text(c, body));
        else if (habit_of(HABIT_MEMBER, e->field.name)) habit_hint(no, habit_of(HABIT_MEMBER, e->field.name));
        return val_error(c->L);
    }
    return val_dist(c->L, dist_of_field(c->L, d, e->field.name, path_join(c->L, d->name, e->field.name)));
}

bool field_is_lacking(Ctx *c, const Ast *e)
{
    Value *p = as_settled(c, eval_raw(c, e->field.object), e->span);
    return p->kind == V_DIST && dist_members(p->dist).n && !dist_member(c, p->dist, e->field.name, e->span);
}

static Value *field_of(Ctx *c, const Ast *e, Value *v)
{
    Value *f = NULL;
    switch (v->kind) {
    case V_ERROR: return v;
    case V_MODULE: return module_field(c, e, v);
    case V_RECORD: f = val_part(c->L, v, e->field.name); break;
    case V_LIST:
        f = val_part(c->L, v, e->field.name);
        if (!f && !strcmp(e->field.name, "index")) f = builtin_partial(c->L, "index", v);
        break;
    case V_COMPARE: f = compare_member(c, v->compare, e->field.name, e->span); break;
    case V_BIJECTOR: f = bijector_member(c, v, e->field.name); break;
    case V_PLAYER: f = player_field(c, v->player, e->field.name, e->field.name_span); break;
    case V_DIST: return field_of_dist(c, e, v->dist);
    case V_FUNCTION:
        if (v->fn.kind == F_CLOSURE && v->fn.closure->def->kind == AST_DEFINE &&
            define_is_distribution(v->fn.closure->def)) {
            Dist *d = as_dist(c, v, e->span);
            return d ? field_of_dist(c, e, d) : val_error(c->L);
        }
        break;
    default: break;
    }
    if (!f) no_field(c, e, v);
    return f ? f : val_error(c->L);
}

/* D.Dense_1.w: what follows a player may go several levels deep, so all of it is tried as a path first. */
static Value *rest_of_path(Ctx *c, const Value *v, const Ast *const *field, int n)
{
    if (v->kind != V_PLAYER || n < 2) return NULL;
    const char *path = field[0]->field.name;
    for (int i = 1; i < n; i++) path = path_join(c->L, field[i]->field.name, path);
    return player_field(c, v->player, path, field[0]->span);
}

static Value *eval_field(Ctx *c, const Ast *e)
{
    ARRAY(const Ast *) field = {0};                         /* the last one first */
    const Ast *root = e;
    for (; root->kind == AST_FIELD; root = root->field.object) array_push(c->L->a, &field, root);
    Value *v = eval_raw(c, root);
    for (int n = field.n; n > 0; n--) {
        if (v->kind == V_THUNK) v = eval_thunk(c, v, -1);
        Value *found = rest_of_path(c, v, field.v, n);
        if (found) return found;
        v = field_of(c, field.v[n - 1], v);
    }
    return v;
}

/* ---- lists, records, functions */

static Value *eval_list(Ctx *c, const Ast *e)
{
    int n = e->list.items.n;
    Value **v = arena_array(c->L->a, Value *, n + 1);
    for (int i = 0; i < n; i++) v[i] = eval(c, e->list.items.v[i]);
    return val_list(c->L, v, n);
}

static Value *eval_tuple(Ctx *c, const Ast *e)
{
    int n = e->tuple.items.n;
    Value **v = arena_array(c->L->a, Value *, n);
    for (int i = 0; i < n; i++) v[i] = eval(c, e->tuple.items.v[i]);
    return val_record(c->L, v, NULL, n);
}

/* A field that is called as a player is that one's. */
static Value *eval_record(Ctx *c, const Ast *e)
{
    int n = e->record.fields.n;
    Value **v = arena_array(c->L->a, Value *, n);
    const char **name = arena_array(c->L->a, const char *, n);
    for (int i = 0; i < n; i++) {
        Ctx inner = *c;
        name[i] = e->record.fields.v[i]->arg.name;
        if (!c->field) inner.field = name[i];
        v[i] = eval(&inner, e->record.fields.v[i]->arg.value);
        const Bound *b = v[i]->kind == V_RECORD ? names_use(c->L->names, e->record.fields.v[i]) : NULL;
        const Value *called = b ? scope_value(c, b, SPAN_NONE) : NULL;
        if (called && called->kind == V_PLAYER) v[i] = val_record_of(c->L, v[i], player_self(called->player));
    }
    return val_record(c->L, v, name, n);
}

static Value *eval_range(Ctx *c, const Ast *e)
{
    int64_t from = 0, to = 0;
    if (!e->range.from || !e->range.to) return diag_error(c->L->diags, e->span, E201, "a range has both ends, but for one in an index"), val_error(c->L);
    if (!as_int(c, eval(c, e->range.from), e->range.from->span, "the start of a range", &from)) return val_error(c->L);
    if (!as_int(c, eval(c, e->range.to), e->range.to->span, "the end of a range", &to)) return val_error(c->L);
    return val_range(c->L, from, to);
}

static Value *eval_prime(Ctx *c, const Ast *e)
{
    Value *f = eval_raw(c, e->prime.function);
    if (val_bad(f)) return f;
    if (f->kind != V_FUNCTION && f->kind != V_PLAYER) {
        diag_error(c->L->diags, e->span, E304, "' gives the derivative of a function, and this is %s",
                   val_text(c->L, f));
        return val_error(c->L);
    }
    return val_prime(c->L, f, (int)e->prime.order);
}

/* ---- control */

static bool static_condition(Ctx *c, const Ast *cond, bool *out)
{
    Value *v = eval(c, cond);
    if (v->kind == V_BOOL) return *out = v->b, true;
    if (val_bad(v)) return false;
    bool runs = v->kind == V_TENSOR || v->kind == V_SLOT;
    Diag *d =
        diag_error(c->L->diags, cond->span, E206,
                   runs ? "if picks code when the program is compiled, and this condition is computed while it runs"
                        : "a condition is true or false, and this is %s",
                   val_text(c->L, v));
    if (runs) diag_hint(d, "where(cond, a, b) selects between values");
    return false;
}

static Value *eval_if(Ctx *c, const Ast *e)
{
    bool yes;
    if (!static_condition(c, e->if_.cond, &yes)) return c->L->guess ? check_both(c, e) : val_error(c->L);
    if (yes) return eval_block(c, e->if_.then);
    if (!e->if_.otherwise) return val_none(c->L);
    return e->if_.otherwise->kind == AST_BLOCK ? eval_block(c, e->if_.otherwise) : eval(c, e->if_.otherwise);
}

static bool range_items(Ctx *c, const Value *v, Span at, Value ***items, int64_t *n)
{
    *n = v->range.to > v->range.from ? v->range.to - v->range.from : 0;
    if (*n > MAX_ROUNDS) {
        Diag *d = diag_error(c->L->diags, at, E107, "for unrolls, and %lld rounds are too many", (long long)*n);
        diag_hint(d, "fold(init, n, fn(s, t) ...) is a loop that runs");
        return false;
    }
    *items = arena_array(c->L->a, Value *, *n + 1);
    for (int64_t i = 0; i < *n; i++) (*items)[i] = val_int(c->L, v->range.from + i);
    return true;
}

int64_t rounds_enter(Lower *L, int64_t n)
{
    int64_t outside = L->rounds_around;
    L->rounds_around = (outside ? outside : 1) * (n ? n : 1);
    return outside;
}

/* Loops in loops are refused where the innermost begins, before their rounds have taken any memory. */
static bool rounds_fit(Ctx *c, Span at, int64_t n)
{
    Lower *L = c->L;
    int64_t around = L->rounds_around ? L->rounds_around : 1;
    if (n <= MAX_EVALS / around) return true;
    if (!L->too_large && !L->guess) {
        Diag *d = diag_error(L->diags, at, E107, "for unrolls, and %lld rounds in loops of %lld are too many", (long long)n, (long long)around);
        diag_hint(d, "fold(init, n, fn(s, t) ...) is a loop that runs");
    }
    L->too_large = true;
    return false;
}

bool for_items(Ctx *c, const Ast *source, Value ***items, int64_t *n)
{
    Value *v = eval(c, source);
    if (v->kind == V_RANGE) return range_items(c, v, source->span, items, n) && rounds_fit(c, source->span, *n);
    if (v->kind == V_LIST) return *items = v->list.v, *n = v->list.n, rounds_fit(c, source->span, *n);
    if (v->kind == V_RECORD && !v->record.name) return *items = v->record.v, *n = v->record.n, rounds_fit(c, source->span, *n);
    if (val_bad(v)) return false;
    Diag *d =
        diag_error(c->L->diags, source->span, E202,
                   "for goes through a list or a range that is known when the program is compiled, and this is %s",
                   val_text(c->L, v));
    diag_hint(d, "map(f, a) goes through the rows of a tensor");
    return false;
}

void carries_bind(Ctx *c, Scope *s, AstList carries, Value **carried)
{
    for (int i = 0; i < carries.n; i++) scope_bind_pattern(c, s, carries.v[i]->carry.pattern, carried[i]);
}

/* What the body gives, by carry: a record by the names of the carries, where they are names, anything else by position. False, reported. */
static bool by_carry(Ctx *c, const Ast *e, const Value *v, Value **next)
{
    AstList carries = e->for_.carries;
    bool ok = v->kind == V_RECORD && v->record.n == carries.n;
    for (int i = 0; ok && i < carries.n; i++) {
        const Ast *p = carries.v[i]->carry.pattern;
        next[i] = !v->record.name ? v->record.v[i] : p->kind == AST_NAME ? val_field(v, p->name.name) : NULL;
        ok = next[i] != NULL;
    }
    if (ok || val_bad(v)) return ok;
    Diag *d = diag_error(c->L->diags, e->for_.body->span, E201, "the loop carries %d values, and its body gives %s", carries.n, val_text(c->L, v));
    diag_hint(d, "a round gives a tuple of them in their order, or a record that names each");
    return false;
}

/* A record keeps the order of its fields; one of other fields may be carried under a name, but not taken apart by position. */
static Value *carry_on(Ctx *c, const Ast *e, const Ast *pattern, const Value *before, Value *v)
{
    if (before->kind != V_RECORD || v->kind != V_RECORD) return v;
    Value *same = val_in_form(c->L, before, v);
    if (same || pattern->kind == AST_NAME) return same ? same : v;
    Diag *d = diag_error(c->L->diags, e->for_.body->span, E200, "the loop carries %s, and a round gives %s", val_text(c->L, before), val_text(c->L, v));
    diag_hint(d, "a round gives back the fields that the loop begins with, in any order");
    return val_error(c->L);
}

bool carries_next(Ctx *c, const Ast *e, Value *v, Value **carried)
{
    int n = e->for_.carries.n;
    Value *next[MAX_ARGS] = {v};
    if (n > 1 && !by_carry(c, e, v, next)) return false;
    for (int i = 0; i < n; i++) {
        carried[i] = carry_on(c, e, e->for_.carries.v[i]->carry.pattern, carried[i], next[i]);
        if (val_bad(carried[i])) return false;
    }
    return true;
}

/* Does the expression end in a record that is written there? It is so whether or not it is evaluated. */
static bool ends_named(const Ast *e)
{
    if (!e) return false;
    switch (e->kind) {
    case AST_RECORD: return true;
    case AST_BLOCK: return ends_named(ast_block_value(e));
    case AST_IF: return ends_named(e->if_.then) && ends_named(e->if_.otherwise);
    case AST_FOR: return e->for_.carries.n > 1 && ends_named(e->for_.body);
    default: return false;
    }
}

/* Of several carried values: a record where the body is written to give one, whose names are theirs, else a tuple; so of no rounds, too. */
static Value *carried_result(Ctx *c, const Ast *e, Value **carried)
{
    int n = e->for_.carries.n;
    const char *name[MAX_ARGS];
    bool named = ends_named(e->for_.body);
    for (int i = 0; named && i < n; i++) {
        const Ast *p = e->for_.carries.v[i]->carry.pattern;
        named = p->kind == AST_NAME;
        if (named) name[i] = p->name.name;
    }
    return val_record(c->L, carried, named ? name : NULL, n);
}

static Value *eval_for(Ctx *c, const Ast *e)
{
    Value **items;
    int64_t n;
    int n_carried = e->for_.carries.n;
    Value *carried[MAX_ARGS];
    if (n_carried > MAX_ARGS) return too_many(c, e->span, "a loop that carries so many values", MAX_ARGS);
    for (int i = 0; i < n_carried; i++) carried[i] = eval(c, e->for_.carries.v[i]->carry.value);
    if (!for_items(c, e->for_.source, &items, &n)) return c->L->guess ? check_round(c, e, carried) : val_error(c->L);
    Value **out = arena_array(c->L->a, Value *, n + 1);
    int64_t outside = rounds_enter(c->L, n);
    bool ok = true;
    for (int64_t i = 0; i < n && ok; i++) {
        Ctx round = *c;
        round.scope = scope_new(c->L, c->scope);
        round.scope->round = site_mix(site_mix(c->scope->round, e), (const void *)(intptr_t)(i + 1));
        round.site = site_mix(site_mix(c->site, e), (const void *)(intptr_t)(i + 1));
        scope_bind_pattern(&round, round.scope, e->for_.var, items[i]);
        carries_bind(&round, round.scope, e->for_.carries, carried);
        out[i] = eval_block(&round, e->for_.body);
        ok = !val_bad(out[i]) && (!n_carried || carries_next(&round, e, out[i], carried));     /* the other rounds would say the same again */
    }
    c->L->rounds_around = outside;
    if (!ok) return val_error(c->L);
    if (!n_carried) return val_list(c->L, out, (int)n);
    return n_carried == 1 ? carried[0] : carried_result(c, e, carried);
}

/* ---- losses and members: evaluated where they are used */

/* compare c = .. with critic += e, generator = g: what is changed last counts, and reads as if written outside. What `=` has replaced is not
 * evaluated, so that nothing in it is assigned. */
static Value *changed_member(Ctx *c, const Value *t, const Changed *w)
{
    if (!w) return check_evaluated(c->L, t->thunk.expr), eval(c, t->thunk.expr);
    AstList changes = w->decl->compare.changes;
    Ctx outside = *c;
    Value *v = NULL;
    int first = 0;
    outside.scope = w->scope;
    for (int i = 0; i < changes.n; i++)
        if (!strcmp(changes.v[i]->change.name, t->thunk.name) && !changes.v[i]->change.adds) first = i, v = val_none(c->L);
    if (!v) v = changed_member(c, t, w->before);
    for (int i = first; i < changes.n; i++) {
        const Ast *k = changes.v[i];
        if (strcmp(k->change.name, t->thunk.name)) continue;
        Value *more = eval(&outside, k->change.value);
        check_evaluated(c->L, k->change.value);
        v = k->change.adds ? arith_binary(&outside, AST_OP_ADD, v, more, k->span) : more;
    }
    return v;
}

/* Of a let among members: what its type makes of it, and what its pattern gives to the name at hand. */
static Value *let_part(Ctx *c, const Value *t, Value *v)
{
    const Ast *let = t->thunk.let;
    if (!let || val_bad(v)) return v;
    if (let->let.type) v = type_conform(c, v, let->let.type, let->let.value->span, "this value");
    return val_bad(v) ? v : scope_pattern_part(c, let->let.pattern, t->thunk.leaf, v);
}

bool in_library(const Lower *L, Span at)
{
    return at.file < (uint32_t)L->library.n && L->library.v[at.file];
}

/* A member belongs to its instance, whoever asks for it, and so does what is made there, by the member's name. */
static void enter_instance(Ctx *inner, const Value *t)
{
    const char *dot = strrchr(t->thunk.name, '.');
    inner->name = inner->scope->members ? (dot ? dot + 1 : t->thunk.name) : NULL;
    if (inner->scope->inst) inner->inst = inner->scope->inst, inner->site = 0;
}

Value *eval_thunk(Ctx *c, Value *t, int64_t n)
{
    Value *lent = t->thunk.lent ? lent_value(t->thunk.lent) : NULL;
    if (lent) return lent;
    if (!call_enter(c, t->thunk.expr->span)) return val_error(c->L);
    Ctx inner = *c;
    inner.calls++;
    inner.application = ++c->L->n_applications;
    inner.scope = t->thunk.scope;
    enter_instance(&inner, t);
    inner.path =
        path_join(c->L, c->path, t->thunk.own ? path_join(c->L, t->thunk.own->name, t->thunk.name) : t->thunk.name);
    inner.site = site_mix(inner.site, t->thunk.expr);
    inner.axes = ir_axes_union(inner.axes, val_axes(c->L, t));
    if (n != -1) inner.batch = n;
    bool user = t->at.file && !in_library(c->L, t->at);
    Span used_at = user ? diags_used_at(c->L->diags, t->at) : SPAN_NONE;
    int assigned = assign_among(&inner, t->thunk.scope);
    Value *v = pending_result(c, assigned, let_part(&inner, t, changed_member(&inner, t, t->thunk.own ? t->thunk.own->changed : NULL)));
    if (user) diags_used_at(c->L->diags, used_at);
    return v;
}

/* ---- blocks */

static void eval_let(Ctx *c, const Ast *s)
{
    Value *v = eval_raw(c, s->let.value);
    if (v->kind == V_THUNK) v = eval_thunk(c, v, -1);
    if (s->let.type) v = type_conform(c, v, s->let.type, s->let.value->span, "this value");
    scope_bind_pattern(c, c->scope, s->let.pattern, v);
}

/* false: not a statement of a block. */
static bool eval_statement(Ctx *c, const Ast *s)
{
    switch (s->kind) {
    case AST_LET: eval_let(c, s); return true;
    case AST_SAMPLE: eval_sample(c, s); return true;
    case AST_PARAMETER: eval_parameter(c, s); return true;
    case AST_STATE: scope_bind(c->L, c->scope, s, eval_state(c, s)); return true;
    case AST_ASSIGN: eval_assign(c, s); return true;
    case AST_REQUIRE: eval_require(c, s, NULL); return true;
    case AST_DEFINE: case AST_LOSS: case AST_COMPARE: return true;  /* declared when the block was entered */
    default: return false;
    }
}

static void statement_only_in_schedule(Ctx *c, const Ast *s)
{
    diag_error(c->L->diags, s->span, E403, "%s stands in a schedule, not in an expression",
               ast_kind_name((AstKind)s->kind));
}

/* Not what a statement gives, or an if or for that holds statements. */
bool gives_value(const Value *v)
{
    for (int i = 0; v->kind == V_LIST && i < v->list.n; i++)
        if (gives_value(v->list.v[i])) return true;
    return v->kind != V_NONE && v->kind != V_LIST && !val_bad(v);
}

void value_dropped(Ctx *c, const Ast *s, const Value *v)
{
    if (ast_is_expr(s) && gives_value(v)) diag_error(c->L->diags, s->span, E030, "this value is dropped");
}

Value *eval_stmts(Ctx *c, AstList stmts)
{
    declare_local(c, stmts);
    int assigned = pending_count(c->L);
    Value *last = val_none(c->L);
    bool broken = false;
    for (int i = 0; i < stmts.n; i++) {
        const Ast *s = stmts.v[i];
        last = val_none(c->L);
        if (s->kind == AST_BROKEN) {
            broken = true;
        } else if (ast_is_expr(s)) {
            last = eval(c, s);
            if (i + 1 < stmts.n) value_dropped(c, s, last);
        } else if (!eval_statement(c, s)) {
            statement_only_in_schedule(c, s);
        }
    }
    if (c->L->guess) check_local(c, stmts);
    return broken ? val_error(c->L) : pending_result(c, assigned, last);
}

Value *eval_block(Ctx *c, const Ast *block)
{
    if (block->kind != AST_BLOCK) return eval(c, block);
    Ctx inner = *c;
    inner.scope = scope_new(c->L, c->scope);
    return eval_stmts(&inner, block->block.stmts);
}

Value *eval_settled(Ctx *c, Value *v, Span at)
{
    if (v->kind == V_PLAYER) return player_numbers(c, v->player, at);
    return v->kind == V_THUNK ? eval_thunk(c, v, -1) : v->kind == V_DIST ? dist_settled(c, v, at) : v;
}

/* ---- the door */

static Value *eval_fn(Ctx *c, const Ast *e)
{
    Value *f = val_closure(c->L, e, c->scope, NULL);
    if (c->L->guess) check_function(c, f);
    return f;
}

static void note_watched(Ctx *c, const Ast *e, Value *v)
{
    for (int i = 0; i < c->watch->n; i++)
        if (c->watch->v[i].node == e) c->watch->v[i].value = v;
}

/* Beside an operator a function's name is that of a report, where there is one: functions have no arithmetic, but distributions a power. */
static Value *operand(Ctx *c, const Ast *e)
{
    Value *v = eval(c, e), *report = NULL;
    const Ast *def = v->kind == V_FUNCTION && v->fn.kind == F_CLOSURE ? v->fn.closure->def : NULL;
    bool dist = def && def->kind == AST_DEFINE && define_is_distribution(def);
    if (e->kind == AST_NAME && v->kind == V_FUNCTION && !dist) report = scope_report(c, e);
    if (report && c->watch) note_watched(c, e, report);
    return report ? report : v;
}

static Value *eval_kind(Ctx *c, const Ast *e)
{
    switch (e->kind) {
    case AST_NUMBER: return eval_number(c, e);
    case AST_STRING: return val_string(c->L, e->string.text);
    case AST_BOOL: return val_bool(c->L, e->boolean.value);
    case AST_NAME: return eval_name(c, e, false);
    case AST_FIELD: return eval_field(c, e);
    case AST_PRIME: return eval_prime(c, e);
    case AST_CALL: return eval_call(c, e);
    case AST_PIPE: return eval_pipe(c, e);
    case AST_INDEX: return arith_index(c, eval_raw(c, e->index.object), e);
    case AST_RANGE: return eval_range(c, e);
    case AST_LIST: return eval_list(c, e);
    case AST_TUPLE: return eval_tuple(c, e);
    case AST_RECORD: return eval_record(c, e);
    case AST_UNARY: return arith_unary(c, e->unary.op, operand(c, e->unary.operand), e->span);
    case AST_FN: return eval_fn(c, e);
    case AST_BLOCK: return eval_block(c, e);
    case AST_IF: return eval_if(c, e);
    case AST_FOR: return eval_for(c, e);
    case AST_EXPECTATION: return eval_expectation(c, e);
    case AST_GRAD: return eval_grad(c, e);
    case AST_AFTER: return eval_after(c, e);
    default: statement_only_in_schedule(c, e); return val_error(c->L);
    }
}

/* p^n of a distribution, a model, or the name of a distribution. */
static bool is_powered(Lower *L, const Value *a)
{
    if (a->kind == V_FUNCTION) return a->fn.kind == F_CLOSURE && a->fn.closure->def->kind == AST_DEFINE;
    return (a->kind == V_PLAYER && a->player->word != AST_DEFINE_NET) || dist_is_joint(a) || (a->kind == V_DIST && !dist_is_value(L, a->dist));
}

static bool op_orders(AstOp op) { return op == AST_OP_LT || op == AST_OP_LE || op == AST_OP_GT || op == AST_OP_GE; }

/* The remainder of integers is that by another number than 0. */
static bool remainder_exists(Ctx *c, Value *a, Value *b, Span at)
{
    a = as_numbers(c, a, at), b = as_numbers(c, b, at);
    if (val_bad(a) || val_bad(b) || (val_is_number(a) && val_is_number(b))) return true;
    bool left = a->kind == V_RECORD, right = b->kind == V_RECORD;
    if (left && right && !(b = arith_like(c, a, b, at))) return false;
    for (int i = 0; (left || right) && i < (left ? a : b)->record.n; i++)
        if (!remainder_exists(c, left ? a->record.v[i] : a, right ? b->record.v[i] : b, at)) return false;
    if (left || right) return true;
    IrVal *x = arith_numbers(c, a, at, "%"), *y = x ? arith_numbers(c, b, at, "%") : NULL;
    return y && watch_divisor(c, x, y, at);
}

/* false or true and nothing else to the right of `and`, `or` when the left side decides. */
static Value *eval_binary(Ctx *c, const Ast *e)
{
    Value *left = operand(c, e->binary.left);
    bool is_or = e->binary.op == AST_OP_OR;
    if (left->kind == V_BOOL && (is_or || e->binary.op == AST_OP_AND) && left->b == is_or) return left;
    Value *right = operand(c, e->binary.right);
    if (e->binary.op == AST_OP_POW && is_powered(c->L, left)) {
        Dist *d = as_dist(c, left, e->span);
        return d ? dist_to_power(c, d, right, e->span) : val_error(c->L);
    }
    bool compares = e->binary.op == AST_OP_SUB || op_orders(e->binary.op);
    if (compares && densities_differ(c, left, right, e->span)) return val_error(c->L);
    if (e->binary.op == AST_OP_MOD && !remainder_exists(c, left, right, e->span)) return val_error(c->L);
    Value *v = arith_binary(c, e->binary.op, left, right, e->span);
    bool multiplies = e->binary.op == AST_OP_MUL || e->binary.op == AST_OP_POW || e->binary.op == AST_OP_MATMUL;
    return multiplies ? watch_products(c, v, e->span) : v;
}

static bool too_deep(Ctx *c, const Ast *e)
{
    Lower *L = c->L;
    if (++L->n_evals > MAX_EVALS) {
        if (!L->too_large && !L->guess)
            diag_error(L->diags, e->span, E107,
                       "there is too much to evaluate while compiling: more than %d expressions", MAX_EVALS);
        L->too_large = true;
        return true;
    }
    if (L->depth < MAX_DEPTH) return false;
    if (!L->too_deep && !L->unsure)
        diag_error(L->diags, e->span, E106, "evaluation nests too deeply here; a definition may be calling itself");
    L->too_deep = true;
    return true;
}

Value *eval_raw(Ctx *c, const Ast *e)
{
    Lower *L = c->L;
    if (L->too_deep || L->too_large || too_deep(c, e)) return val_error(L);
    IrSpan before = {0};
    Fn *f = L->fn;
    if (f) {
        before = f->b.span;
        f->b.span = span_ir(L, e->span);
    }
    bool user = !in_library(L, e->span);
    Span used_at = user ? diags_used_at(L->diags, e->span) : SPAN_NONE;
    L->depth++;
    Value *v = e->kind == AST_BINARY ? eval_binary(c, e) : eval_kind(c, e);
    L->depth--;
    if (user) diags_used_at(L->diags, used_at);
    if (f) f->b.span = before;
    if (c->watch) note_watched(c, e, v);
    return fn_fits(c, e->span) ? v : val_error(L);
}

Value *eval(Ctx *c, const Ast *e)
{
    Value *v = eval_raw(c, e);
    if (v->kind != V_THUNK) return v;
    Value used = *v;
    used.at = e->span;
    return eval_thunk(c, &used, -1);
}
