/* update.c - updates: a loss, its gradient by the players' parameters as the environment has them, and the optimiser's rule applied to
 * them. An update reads the environment and says what it changes; who sets the changes is the statement's affair, so that several can
 * read one starting point. */
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/eval/paths.h"
#include "compiler/lower/eval/pending.h"
#include "compiler/lower/eval/watch.h"
#include "compiler/lower/game/limits.h"
#include "compiler/lower/game/schedule.h"
#include "compiler/lower/game/told.h"
#include "compiler/lower/own/graph.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"

typedef struct Wanted { Player *p[MAX_ARGS]; int n; Span at[MAX_ARGS]; } Wanted;

struct Decided { ARRAY(struct { const Ast *cond; Value *v; }) list; };

typedef struct Together {                                   /* of statements that read one starting point */
    Player *moved[MAX_ARGS];
    Span    where[MAX_ARGS];
    int     n_moved, n_losses;
    IrVal  *taken;                                          /* the condition under which they are done; NULL: always */
    bool    commits;                                        /* what they change is committed: it is not only looked ahead at */
    bool    reports;                                        /* their losses are */
    bool    at_once;                                        /* of a simultaneous */
    bool    looks_ahead;                                    /* one of the two times of an extragradient */
    struct Decided *decided;                                /* of an extragradient: conditions of ifs, which are decided before it looks ahead */
    Ahead  *there;                                          /* where the directions are taken, while they are applied in the environment around; NULL: both in one */
} Together;

/* ---- who */

/* Who trains in a block is known before its statements are lowered. */
static bool found_late(Ctx *c, const Player *p, Span at)
{
    diag_error(c->L->diags, at, E405, "that this updates %s shows only where it is done: an update names its player", p->name);
    return false;
}

static bool update_players(Ctx *c, const Ast *s, Wanted *w)
{
    for (int i = 0; i < s->update.players.n && i < MAX_ARGS; i++) {
        const Ast *e = s->update.players.v[i];
        Player *p = as_player(c, eval_raw(c, e), e->span);
        if (!p) return false;
        if (!block_trains(c->block, p)) return found_late(c, p, e->span);
        w->p[w->n] = p;
        w->at[w->n++] = e->span;
    }
    return true;
}

static bool moved_twice(Ctx *c, Together *t, const Wanted *w)
{
    for (int i = 0; i < w->n; i++) {
        for (int k = 0; k < t->n_moved; k++) {
            if (t->moved[k] != w->p[i]) continue;
            Diag *d = diag_error(c->L->diags, w->at[i], E402, "%s is updated twice from one starting point", w->p[i]->name);
            diag_note(d, t->where[k], "the first time");
            return true;
        }
        if (t->n_moved < MAX_ARGS) t->moved[t->n_moved] = w->p[i], t->where[t->n_moved++] = w->at[i];
    }
    return false;
}

static Value *update_optimizer(Ctx *c, const Ast *s)
{
    Value *o = eval_raw(c, s->update.optimizer);
    if (o->kind == V_FUNCTION && o->fn.kind == F_CLOSURE && o->fn.closure->def->kind == AST_DEFINE &&
        o->fn.closure->def->define.word == AST_DEFINE_OPTIMIZER)
        o = apply(c, o, &(Args){0}, s, s->update.optimizer->span);
    if (o->kind == V_OPTIMIZER || val_bad(o)) return o;
    diag_error(c->L->diags, s->update.optimizer->span, E201, "with takes an optimiser, and this is %s",
               val_text(c->L, o));
    return val_error(c->L);
}

/* ---- the loss */

/* By the program's names of them. */
static const char *axes_text(Ctx *c, IrAxes axes)
{
    Text t = text_in(c->L->a);
    for (int i = 0; i < axes.n; i++) {
        const IrAxis *a = &c->L->m->axes.v[axes.id[i]];
        text_printf(&t, "%s%s", i ? ", " : "", a->called ? a->called : a->name);
    }
    return text_str(&t);
}

/* A step ahead is one for all samples; whoever wants one for each unrolls them. */
static void still_varies(Ctx *c, Span at, IrAxes axes)
{
    const char *samples = axes_text(c, axes);
    Diag *d = diag_error(c->L->diags, at, E401, "a loss is one number, and this one still varies over the samples of %s", samples);
    if (c->L->g->ahead)
        diag_hint(d, "E[%s] ... averages over them; a step for each of a few is mean(for %s in [..] { after 1 { .. } .. }), whose losses hang on no sample", samples, samples);
    else diag_hint(d, "E[%s] ... averages over them", samples);
}

/* The loss as one real without sample axes, and what kind of estimate it says it is, or NULL. NULL after an error. */
static IrVal *loss_value(Ctx *c, const Ast *e, const char **estimate)
{
    Value *v = eval(c, e);
    *estimate = v->estimate;
    IrVal *y = val_bad(v) ? NULL : as_real(c, v, e->span);
    if (!y) return NULL;
    if (y->type.axes.n) {
        still_varies(c, e->span, y->type.axes);
        return NULL;
    }
    if (y->type.rank) {
        Diag *d = diag_error(c->L->diags, e->span, E401, "a loss is one number, and this is %s", type_text(c->L, &y->type));
        if (y->type.rank == 1 && y->type.dim[0] == 1) diag_hint(d, "scalar(v) is the number of a real[1]: a critic ends in Dense(1) |> scalar");
        else diag_hint(d, "sum and mean make one number of it; what a comparison takes as a critic gives one for an example");
        return NULL;
    }
    return y;
}

/* The comparison that a loss is of: c.generator, nonsaturating(c). NULL: none that has a name. */
static const Compare *comparison_of(Ctx *c, const Ast *e)
{
    const Ast *name = e->kind == AST_FIELD ? e->field.object : e->kind == AST_CALL && e->call.args.n ? e->call.args.v[0]->arg.value : NULL;
    Value     *v = name && name->kind == AST_NAME ? scope_find(c, name, false) : NULL;
    return v && v->kind == V_COMPARE ? v->compare : NULL;
}

/* compare c = class_probability(G, ring, D): what is trained stands where the data do. */
static void hint_of_sides(Ctx *c, Diag *d, const Ast *e, const Player *p)
{
    const Compare *k = comparison_of(c, e);
    AstList        params = k ? k->closure->def->define.params : (AstList){0};
    Value         *first = params.n > 1 ? scope_local(c, k->closure->scope, params.v[0]->param.name) : NULL;
    if (!first || first->kind != V_PLAYER || first->player != p) return;
    diag_hint(d, "%s is given to %s as %s, which stands for the data; what is trained to be like them comes second, as %s", p->name, k->closure->name,
              params.v[0]->param.name, params.v[1]->param.name);
}

static void no_dependence(Ctx *c, const Ast *e, Player *p, const IrNode *cut)
{
    Diag *d = cut ? diag_error(c->L->diags, e->span, E306, "no gradient of this loss reaches %s", p->name)
                  : diag_error(c->L->diags, e->span, E400,
                               "this loss does not depend on %s, so the update cannot move it", p->name);
    if (!cut) hint_of_sides(c, d, e, p);
    if (cut) {
        diag_note(d, span_of_node(c->L, cut), "the path is cut here: %s has no derivative", word_of_node(c->L, cut));
        diag_hint(d, "a relaxation that can be differentiated takes the place of what is cut");
    }
}

/* ---- moving a player */

static void project_one(Ctx *c, Value *f, int slot, Changes *out, Span at)
{
    IrVal *now = changes_get(out, slot);
    Value *v = now ? apply1(c, f, val_tensor(c->L, now), f, at) : val_error(c->L);
    IrVal *t = val_bad(v) ? NULL : as_tensor(c, v, at);
    if (!t) return;
    if (type_elem_becomes(t->type.elem, now->type.elem)) t = arith_convert(c, t, now->type.elem);
    if (ir_type_equal(&t->type, &now->type)) changes_put(c->L, out, slot, t);
    else
        diag_error(c->L->diags, at, E200, "project must keep what a parameter is, and makes %s of %s",
                   type_text(c->L, &now->type), type_text(c->L, &t->type));
}

static void project(Ctx *c, const Ast *s, Player *p, Changes *out)
{
    Value *f = s->update.project ? eval_raw(c, s->update.project) : NULL;
    for (int k = 0; f && !val_bad(f) && k < p->params.n; k++) project_one(c, f, p->params.v[k], out, s->update.project->span);
}

/* What is applied is read in the environment around where directions are taken ahead. */
static void leave(Lower *L, const Together *t)
{
    if (t->there) ahead_leave(L);
}

static void go_back(Lower *L, const Together *t)
{
    if (t->there) ahead_return(L, t->there);
}

static void commit_pendings(Ctx *c, const Together *t, int from, IrVal *const *value, int n, const Wanted *who, Span at, Changes *out)
{
    leave(c->L, t);
    pending_commit(c, from, value, n, who->p, who->n, at, out);
    go_back(c->L, t);
}

static void note_reached(Lower *L, Player *p, int slot)
{
    for (int i = 0; i < p->reached.n; i++)
        if (p->reached.v[i] == slot) return;
    array_push(L->a, &p->reached, slot);
}

/* One step of a player: its parameters, its optimiser's states, its count. */
static void move(Ctx *c, const Ast *s, const Together *t, Player *p, Value *opt, Value *g, Changes *out)
{
    Lower *L = c->L;
    Ctx inner = *c;
    inner.block = NULL;
    leave(L, t);
    int steps = player_steps(c, p);
    p->moves += t->reports;
    changes_put(L, out, steps, ir_add(fn_builder(c), fn_read(L, steps), ir_const(fn_builder(c), IR_I64, 1)));
    Span used_at = diags_used_at(L->diags, s->update.optimizer->span);
    if (optimizer_step(&inner, c->block, p, opt, player_record(c, p), g, s->update.optimizer->span, out)) project(&inner, s, p, out);
    diags_used_at(L->diags, used_at);
    go_back(L, t);
}

/* ---- minimize, maximize: the gradients of all players at once */

typedef struct Slopes {                                     /* of the loss, by every parameter of every player */
    IrVal **w, **g;
    int     n;
    GradReport report;
} Slopes;

static Slopes slopes_of(Ctx *c, const Wanted *who)
{
    Lower *L = c->L;
    Slopes s = {0};
    for (int i = 0; i < who->n; i++) s.n += who->p[i]->params.n;
    s.w = arena_array(L->a, IrVal *, s.n + 1);
    s.g = arena_array(L->a, IrVal *, s.n + 1);
    for (int i = 0, k = 0; i < who->n; i++)
        for (int j = 0; j < who->p[i]->params.n; j++) s.w[k++] = fn_read(L, who->p[i]->params.v[j]);
    return s;
}

/* Its name says whose loss it is where a statement has several. */
static void report_loss(Ctx *c, Together *t, const Wanted *who, IrVal *y)
{
    IrBuilder *b = fn_builder(c);
    if (!t->reports) return;
    IrVal *loss = ir_convert(b, y, IR_F64);
    if (t->taken) loss = ir_select(b, t->taken, loss, ir_const(b, IR_F64, 0));
    part_report(c->L, t->n_losses++ ? strf(c->L, "loss_%d of %s", t->n_losses, who->p[0]->name) : "loss", loss);
}

/* For who holds gradients against differences of the loss: if all that the loss depends on is computed here. */
static void report_slopes(Ctx *c, const Ast *s, const Together *t, const Wanted *who, const Slopes *d)
{
    IrBuilder *b = fn_builder(c);
    if (!c->L->o.slopes || !t->reports) return;
    c->L->part->whole = c->L->o.whole;
    for (int i = 0, k = 0; i < who->n; i++)
        for (int j = 0; j < who->p[i]->params.n; j++, k++) {
            IrVal *zero = grad_zeros(b, &d->w[k]->type), *g = d->g[k] ? d->g[k] : zero;
            if (!ir_is_real(g->type.elem)) continue;
            if (t->taken) g = ir_select(b, t->taken, g, zero);
            int slot = who->p[i]->params.v[j];
            part_report(c->L, strf(c->L, "slope %s", c->L->m->slots.v[slot].path), g);
            IrReport *r = &c->L->part->reports.v[c->L->part->reports.n - 1];
            r->slope_of = slot + 1;
            r->uphill = s->update.goal == AST_GOAL_MAXIMIZE;
        }
}

/* Those the loss does not reach have gradient zero. */
static Value *gradient_record(Ctx *c, Player *p, IrVal *const *g, IrVal *const *w)
{
    Lower *L = c->L;
    Value *like = player_record(c, p), **v = arena_array(L->a, Value *, p->params.n + 1);
    for (int i = 0; i < p->params.n; i++) v[i] = val_tensor(L, g[i] ? g[i] : grad_zeros(fn_builder(c), &w[i]->type));
    return val_record(L, v, like->record.name, p->params.n);
}

/* The loss of one that is learned by its slope alone, as a score is, has no gradient by what is added to its output: nothing is left out there. */
static void note_derived(Lower *L, const Wanted *who, const Slopes *d, IrVal *y)
{
    Arena      *scratch = arena_new();
    const bool *behind = graph_behind_derived(L, y, scratch);
    for (int i = 0, k = 0; i < who->n; i++)
        for (int j = 0; j < who->p[i]->params.n; j++, k++)
            if (behind[d->w[k]->id]) note_reached(L, who->p[i], who->p[i]->params.v[j]);
    arena_free(scratch);
}

static void move_by_slopes(Ctx *c, const Ast *s, const Together *t, Wanted *who, Value *opt, Slopes *d, Changes *out)
{
    for (int i = 0, k = 0; i < who->n; k += who->p[i++]->params.n) {
        Player *p = who->p[i];
        const IrNode *cut = NULL;
        bool reached = false;
        for (int j = 0; j < p->params.n; j++) {
            reached = reached || d->g[k + j];
            if (d->g[k + j] || d->report.cut[k + j]) note_reached(c->L, p, p->params.v[j]);
            if (!cut) cut = d->report.cut[k + j];
            if (s->update.goal == AST_GOAL_MAXIMIZE && d->g[k + j]) d->g[k + j] = ir_neg(fn_builder(c), d->g[k + j]);
        }
        bool lost = !reached && cut && cut->op != IR_stop;  /* a gradient that cancels, or is stopped on purpose, is zero */
        if (lost) no_dependence(c, s->update.value, p, cut);
        else move(c, s, t, p, opt, gradient_record(c, p, d->g + k, d->w + k), out);
    }
}

/* Whole numbers and conditions have no gradient. */
static bool has_reals(Ctx *c, const Player *p, Span at)
{
    bool has = !p->params.n;
    for (int i = 0; i < p->params.n; i++) has = has || ir_is_real(c->L->m->slots.v[p->params.v[i]].type.elem);
    if (!has) diag_error(c->L->diags, at, E304, "no parameter of %s is real, so no gradient can move it", p->name);
    return has;
}

/* For `gan explain`. y: the loss; NULL: it goes along a direction of its own. */
static void tell(Ctx *c, const Ast *s, const Together *t, const Wanted *who, IrVal *y, const char *estimate)
{
    const char *together = t->looks_ahead ? "extragradient" : t->at_once ? "simultaneous" : NULL;
    if (c->L->told && t->reports) told_move(c, s, together, who->p, who->n, y, estimate);
}

/* The comparison of the library whose member is asked for, c.critic or c.critic(n: 64), unless the program has put a loss of its own there. NULL: none. */
static const Compare *library_loss(Ctx *c, const Ast *loss, const char **member)
{
    const Ast *e = loss->kind == AST_CALL ? loss->call.callee : loss;
    if (e->kind != AST_FIELD || e->field.object->kind != AST_NAME) return NULL;
    const Value *v = scope_find(c, e->field.object, false);
    if (!v || v->kind != V_COMPARE || !in_library(c->L, v->compare->closure->def->span)) return NULL;
    *member = e->field.name;
    for (const Changed *w = v->compare->changed; w; w = w->before)
        for (int i = 0; i < w->decl->compare.changes.n; i++) {
            const Ast *k = w->decl->compare.changes.v[i];
            if (!strcmp(k->change.name, *member) && !k->change.adds) return NULL;
        }
    return v->compare;
}

/* The one net that the comparison is given, which is its critic; NULL: none, or several. is_model: is p among the models that it is given? */
static const Player *critic_of(Ctx *c, const Compare *k, const Player *p, bool *is_model)
{
    AstList params = k->closure->def->define.params;
    const Player *net = NULL;
    int nets = 0;
    *is_model = false;
    for (int i = 0; i < params.n; i++) {
        const Value *v = scope_local(c, k->closure->scope, params.v[i]->param.name);
        const Player *q = v && v->kind == V_PLAYER ? player_self(v->player) : NULL;
        if (q && q->word == AST_DEFINE_NET) nets++, net = q;
        else if (q == p) *is_model = true;
    }
    return nets == 1 ? net : NULL;
}

static bool has_member(const Compare *k, const char *name)
{
    AstList s = k->closure->def->define.body->block.stmts;
    for (int i = 0; i < s.n; i++)
        if (s.v[i]->kind == AST_MEMBER && !strcmp(s.v[i]->member.name, name)) return true;
    return false;
}

enum { MOST_LOOKS = 1000 };

typedef struct LibraryTerm { const Compare *of; const Ast *e; const char *member; bool up; } LibraryTerm;

/* The term of a loss that is the library's, behind signs, beside terms of the program's own, by the name of a loss or a let: of is NULL where there is none, or none of
 * the first *looks that are looked at. */
static LibraryTerm library_term(const Ctx *c, const Ast *e, bool up, int *looks)
{
    Ctx          in = *c;
    LibraryTerm  t = {.e = e, .up = up};
    if (--*looks < 0) return t;
    const Bound *b = e->kind == AST_NAME ? names_use(c->L->names, e) : NULL;
    const Value *v = b && !b->let ? scope_find(&in, e, false) : NULL;
    const Ast   *value = e->kind == AST_BLOCK ? ast_block_value(e) : b ? b->let : NULL;
    if (value) return library_term(c, value, up, looks);
    if (e->kind == AST_UNARY && e->unary.op == AST_OP_NEG) return library_term(c, e->unary.operand, !up, looks);
    if (e->kind == AST_BINARY && (e->binary.op == AST_OP_ADD || e->binary.op == AST_OP_SUB)) {
        LibraryTerm left = library_term(c, e->binary.left, up, looks);
        return left.of ? left : library_term(c, e->binary.right, up != (e->binary.op == AST_OP_SUB), looks);
    }
    if (v && v->kind == V_THUNK && !v->thunk.let && v->thunk.scope) {
        in.scope = v->thunk.scope;
        return library_term(&in, v->thunk.expr, up, looks);
    }
    t.of = library_loss(&in, e, &t.member);
    return t;
}

/* A critic that maximises what the library says is its loss, or minimises the model's, or an estimate that a good one makes large; a model that maximises its loss: was that
 * said? kind: of the estimate. */
static bool warn_uphill(Ctx *c, const Ast *s, const Wanted *who, const char *kind)
{
    const Ast  *whole = s->update.value;
    int         looks = MOST_LOOKS;
    LibraryTerm t = library_term(c, whole, s->update.goal == AST_GOAL_MAXIMIZE, &looks);
    bool        said = false;
    for (int i = 0; t.of && i < who->n; i++) {
        bool is_model, is_critic = critic_of(c, t.of, who->p[i], &is_model) == who->p[i];
        bool uphill = t.up && ((is_critic && !strcmp(t.member, "critic")) || (is_model && !strcmp(t.member, "generator")));
        bool small = !t.up && is_critic && t.e == whole && !strcmp(t.member, "estimate") && has_member(t.of, "critic") && !(kind && !strcmp(kind, "plug_in"));
        bool models = !t.up && is_critic && !strcmp(t.member, "generator") && has_member(t.of, "critic");
        const char *name = who->p[i]->name, *text = text_of_source(c->L, t.e->span);
        if (!uphill && !small && !models) continue;
        Diag *d = models ? diag_warning(c->L->diags, whole->span, W401, "%s is the model's loss, and %s helps the model by minimising it", text, name)
                         : diag_warning(c->L->diags, whole->span, W401, "%s is %s, and %s learns the opposite by %s it", text, small ? "large for a good critic" : "a loss", name,
                                        small ? "minimising" : "maximising");
        const char *right = small || models ? strf(c->L, "%s.critic", t.of->name) : text;
        if (models) diag_hint(d, "update %s minimize %s", name, right);
        else diag_hint(d, "update %s minimize %s; what is meant so is a function of the program's own: def opposite() = -%s", name, right, right);
        said = true;
    }
    return said;
}

/* Of an update that is done, each player by itself. */
static void look_at_limits(Ctx *c, const Ast *s, const Together *t, const Wanted *who, IrVal *y, const Slopes *d, const Changes *out)
{
    double sign = s->update.goal == AST_GOAL_MAXIMIZE ? -1 : 1;
    for (int i = 0, k = 0; t->reports && i < who->n; k += who->p[i++]->params.n) limits_step(c, &(Step){s, who->p[i], y, sign, d->w + k, d->g + k, out});
}

static void update_by_loss(Ctx *c, const Ast *s, Together *t, Wanted *who, Value *opt, Changes *out)
{
    Lower *L = c->L;
    int waiting = pending_count(L);
    Span at = s->update.value->span;
    const char *estimate;
    IrVal *y = loss_value(c, s->update.value, &estimate);
    if (!y || !time_check(c, &y, 1, &(By){.player = who->p, .n_players = who->n}, at)) return;
    bool   uphill = warn_uphill(c, s, who, estimate);
    Slopes d = slopes_of(c, who);
    report_loss(c, t, who, y);
    for (int i = 0, first = 0; i < who->n; first += who->p[i++]->params.n) {
        if (!has_reals(c, who->p[i], who->at[i])) return;
        const IrNode *cut = NULL;
        PathsFound found = paths_check(c, y, d.w + first, who->p[i]->params.n, false, &cut, who->p[i]->name, at);
        if (found == PATHS_NONE || found == PATHS_CUT) no_dependence(c, s->update.value, who->p[i], cut);
        if (found != PATHS_FINE) return;
    }
    IrVal *stable = before_grad(c, y, d.w, d.n, t->commits);    /* what is only looked ahead at may be differentiated through */
    if (!grad_reverse(fn_builder(c), &stable, NULL, 1, d.w, d.n, d.g, &d.report)) {
        diag_error(L->diags, at, E306, "the gradient's path runs through a black box, which has none");
        return;
    }
    report_slopes(c, s, t, who, &d);
    tell(c, s, t, who, y, estimate);
    note_derived(L, who, &d, y);
    move_by_slopes(c, s, t, who, opt, &d, out);
    if (!uphill) look_at_limits(c, s, t, who, y, &d, out);
    commit_pendings(c, t, waiting, &y, 1, who, at, out);
}

/* ---- along: a direction of one's own in place of a gradient; for several players a record by player */

/* What a value has for a player, in the order of its parameters, like; NULL: nothing that is its own. */
static Value *direction_of(Ctx *c, const Player *p, const Value *like, bool alone, Value *v)
{
    if (v->kind != V_RECORD || v->record.mixed) return NULL;
    Value *g = alone || v->record.of ? val_in_form(c->L, like, v) : NULL;
    for (int k = 0; !g && !v->record.of && k < v->record.n; k++)
        if (v->record.v[k]->kind == V_RECORD && v->record.v[k]->record.of == p) g = val_in_form(c->L, like, v->record.v[k]);
    return g && !g->record.mixed && (!g->record.of || g->record.of == p) ? g : NULL;
}

static void collect_tensors(Ctx *c, Value *v, Span at, IrVal **out, int *n, int most)
{
    for (int i = 0; i < v->record.n && *n < most; i++) {
        if (v->record.v[i]->kind == V_RECORD) collect_tensors(c, v->record.v[i], at, out, n, most);
        else if ((out[*n] = as_tensor(c, v->record.v[i], at))) ++*n;
    }
}

/* A part of it was wrong, and that was said. */
static bool part_bad(const Value *v)
{
    bool bad = val_bad(v);
    for (int i = 0; v->kind == V_RECORD && i < v->record.n && !bad; i++) bad = part_bad(v->record.v[i]);
    return bad;
}

/* The part of a record that is for the player, whoever's it is; the record itself where it is for one alone. */
static const Value *part_for(const Player *p, bool alone, const Value *v)
{
    const Value *part = v->kind == V_RECORD && v->record.name ? val_field(v, p->name) : NULL;
    return part && part->kind == V_RECORD ? part : alone && v->kind == V_RECORD ? v : NULL;
}

static Diag *no_direction(Ctx *c, const Player *p, Span at, const char *but)
{
    return diag_error(c->L->diags, at, E201, "along takes a direction for each parameter of %s, and %s", p->name, but);
}

/* What is wrong with it, in terms of the parameters: like has all of them. */
static Diag *lacks_or_has(Ctx *c, const Player *p, const Value *like, const Value *part, Span at)
{
    Lower *L = c->L;
    for (int i = 0; i < like->record.n; i++)
        if (!val_at_path(L, part, like->record.name[i])) return no_direction(c, p, at, strf(L, "this has none for %s", like->record.name[i]));
    for (int i = 0; i < part->record.n; i++)
        if (!val_part(L, like, part->record.name[i])) return no_direction(c, p, at, strf(L, "it has no parameter %s", part->record.name[i]));
    return no_direction(c, p, at, strf(L, "this is %s", val_text(L, part)));
}

/* Another player, whose direction it is, or a part of it. */
static const Player *of_another(const Value *v, const Player *p)
{
    const Player *of = v->record.of && v->record.of != p ? v->record.of : NULL;
    for (int i = 0; !of && i < v->record.n; i++)
        if (v->record.v[i]->kind == V_RECORD) of = of_another(v->record.v[i], p);
    return of;
}

static void wrong_direction(Ctx *c, const Player *p, const Value *like, bool alone, const Value *v, Span at)
{
    Lower *L = c->L;
    const Value *part = part_for(p, alone, v);
    const Player *of = part ? of_another(part, p) : NULL;
    Diag *d;
    if (!part) d = no_direction(c, p, at, strf(L, "this is %s", val_text(L, v)));
    else if (part->record.mixed) d = diag_error(L->diags, at, E201, "this is made of directions of several players, so it is none of %s", p->name);
    else if (of) d = diag_error(L->diags, at, E201, "this is a direction of %s, and %s is to be moved", of->name, p->name);
    else d = lacks_or_has(c, p, like, part, at);
    diag_hint(d, alone ? "grad[%s] e is one" : "(%s: grad[..] e, ...) has a record for each player", p->name);
}

/* Each tensor of a direction, in the order of the parameters, has the shape of its own, or is one number for all of it. */
static bool direction_fits(Ctx *c, const Player *p, const Value *g, Span at)
{
    for (int i = 0; i < p->params.n; i++) {
        const IrSlot *s = &c->L->m->slots.v[p->params.v[i]];
        const Value *v = g->record.v[i];
        const IrType *t = v->kind == V_TENSOR ? &v->tensor.v->type : v->kind == V_SLOT ? &c->L->m->slots.v[v->slot.slot].type : NULL;
        if (!t || !t->rank || ir_dims_equal(t, &s->type)) continue;
        diag_error(c->L->diags, at, E200, "%s is %s, and its direction is %s", s->path, type_text(c->L, &s->type), type_text(c->L, t));
        return false;
    }
    return true;
}

static void update_along(Ctx *c, const Ast *s, const Together *t, Wanted *who, Value *opt, Changes *out)
{
    Lower *L = c->L;
    int waiting = pending_count(L), n = 0, most = 0;
    Span at = s->update.value->span;
    tell(c, s, t, who, NULL, NULL);
    Value *v = as_numbers(c, eval(c, s->update.value), at);
    if (part_bad(v)) return;
    for (int i = 0; i < who->n; i++) {
        if (!who->p[i]->params.n && !player_find_params(c, who->p[i], who->at[i])) return;
        most += who->p[i]->params.n;
    }
    IrVal **tensor = arena_array(L->a, IrVal *, most + 1);
    for (int i = 0; i < who->n; i++) {
        Player *p = who->p[i];
        Value *g = direction_of(c, p, player_record(c, p), who->n == 1, v);
        if (!g && names_lack_parts(L->names)) return;             /* a param may stand in what could not be read */
        if (!g) {
            wrong_direction(c, p, player_record(c, p), who->n == 1, v, at);
            return;
        }
        if (!direction_fits(c, p, g, at)) return;
        collect_tensors(c, g, at, tensor, &n, most);
        for (int k = 0; k < p->params.n; k++) note_reached(L, p, p->params.v[k]);
        move(c, s, t, p, opt, g, out);
    }
    commit_pendings(c, t, waiting, tensor, n, who, at, out);
}

/* ---- the door */

static bool update_one(Ctx *c, const Ast *s, Together *t, Changes *out)
{
    Lower *L = c->L;
    Wanted who = {0};
    int errors = diags_count(L->diags, DIAG_ERROR);
    if (!update_players(c, s, &who) || moved_twice(c, t, &who)) return false;
    Value *opt = update_optimizer(c, s);
    if (val_bad(opt)) return false;
    for (int i = 0; i < who.n; i++) {
        *(t->commits ? &who.p[i]->updated : &who.p[i]->tried) = true;
        if (t->commits) array_push(L->a, &L->part->players, who.p[i]->name);
    }
    if (s->update.goal == AST_GOAL_ALONG) update_along(c, s, t, &who, opt, out);
    else update_by_loss(c, s, t, &who, opt, out);
    return diags_count(L->diags, DIAG_ERROR) == errors && !L->fn->unroll.body;
}

/* ---- sides of an if that only the running program decides: all is done on both, and what is taken is selected */

Side side_begin(Lower *L, int control, IrVal *cond, bool when)
{
    IrBuilder *b = &L->fn->b;
    Side s = {.arm = arm_begin(L, control, false), .here = when ? cond : ir_not(b, cond), .outer = L->g->taken};
    L->g->taken = s.outer ? ir_and(b, s.outer, s.here) : s.here;
    return s;
}

void side_end(Lower *L, const Side *s)
{
    Slots set = {0};
    L->g->taken = s->outer;
    arm_end(L, &s->arm, &set);
}

static bool update_any(Ctx *c, const Ast *s, Together *t, Changes *out);

static bool update_list(Ctx *c, const Ast *block, Together *t, Changes *out)
{
    bool ok = true;
    if (block->kind != AST_BLOCK) return update_any(c, block, t, out);
    for (int i = 0; i < block->block.stmts.n; i++) ok = update_any(c, block->block.stmts.v[i], t, out) && ok;
    return ok;
}

/* What one side changes is the old value where the condition picks the other. outside: how many means over applications there were before both. */
static void merge_side(Ctx *c, IrVal *cond, bool when, const Changes *side, int outside, Changes *out)
{
    Lower *L = c->L;
    IrVal *taken = when ? cond : ir_not(fn_builder(c), cond);
    for (int i = 0; i < side->list.n; i++) {
        const Change *k = &side->list.v[i];
        if (pending_side(c, side, k->slot, taken, outside, out)) continue;
        IrVal *other = changes_get(out, k->slot);
        if (!other) other = fn_read(L, k->slot);
        IrVal *mine = arith_convert(c, k->v, other->type.elem);
        changes_put(L, out, k->slot, ir_select(fn_builder(c), cond, when ? mine : other, when ? other : mine));
    }
}

/* Both times of an extragradient do the same updates: those that are to be done where it stands. */
static Value *condition_of(Ctx *c, const Ast *cond, Together *t)
{
    Ctx outside = *c;
    outside.block = NULL;
    for (int i = 0; t->decided && i < t->decided->list.n; i++)
        if (t->decided->list.v[i].cond == cond) return t->decided->list.v[i].v;
    Value *v = as_settled(c, eval(&outside, cond), cond->span);
    if (t->decided) array_push(c->L->a, &t->decided->list, ((__typeof__(*t->decided->list.v)){cond, v}));
    return v;
}

IrVal *update_condition(Ctx *c, Value *v, Span at)
{
    IrVal *cond = as_tensor(c, v, at);
    if (!cond || (cond->type.elem == IR_BOOL && !cond->type.rank && !cond->type.axes.n)) return cond;
    diag_error(c->L->diags, at, E201, "a condition is true or false, and this is %s", val_text(c->L, v));
    return NULL;
}

static bool update_if(Ctx *c, const Ast *s, Together *t, Changes *out)
{
    Lower *L = c->L;
    const Ast *side[2] = {s->if_.then, s->if_.otherwise};
    Value *v = condition_of(c, s->if_.cond, t);
    if (val_bad(v)) return false;
    if (v->kind == V_BOOL) return v->b ? update_list(c, side[0], t, out) : !side[1] || update_list(c, side[1], t, out);
    IrVal *cond = update_condition(c, v, s->if_.cond->span), *outer = t->taken;
    if (!cond) return false;
    bool ok = true;
    int moved = t->n_moved, most = moved, control = control_new(L), n_means = out->means.n;
    for (int k = 0; k < 2 && side[k]; k++) {
        Changes mine = {0};
        Side on = side_begin(L, control, cond, !k);             /* what one side takes up the other may, too */
        t->taken = outer ? ir_and(fn_builder(c), outer, on.here) : on.here;
        t->n_moved = moved;                                 /* one player may be moved on both sides */
        ok = update_list(c, side[k], t, &mine) && ok;
        side_end(L, &on);
        if (t->n_moved > most) most = t->n_moved;
        leave(L, t);
        if (ok) merge_side(c, cond, !k, &mine, n_means, out);
        go_back(L, t);
    }
    t->n_moved = most;
    t->taken = outer;
    return ok;
}

static bool update_any(Ctx *c, const Ast *s, Together *t, Changes *out)
{
    if (s->kind == AST_UPDATE) return update_one(c, s, t, out);
    if (s->kind == AST_IF) return update_if(c, s, t, out);
    if (s->kind == AST_BROKEN) return false;
    diag_error(c->L->diags, s->span, E403, "%s holds updates, and if around them, and nothing else",
               t->looks_ahead ? "extragradient" : "simultaneous");
    return false;
}

/* Korpelevich (1976): a step from here to see what the directions are there, and then the step along those, from here. Both times all updates
 * read one starting point. What the first one makes of optimisers' and layers' states is dropped with it; its losses are those that are reported. */
static bool update_extragradient(Ctx *c, const Ast *body, Changes *out)
{
    Lower *L = c->L;
    bool commits = !L->g->ahead;
    Ahead there;
    PendingMark before = pending_mark(L);
    Changes step = {0};
    struct Decided decided = {0};
    Together look = {.looks_ahead = true, .reports = commits, .decided = &decided};
    Together back = {.looks_ahead = true, .commits = commits, .decided = &decided, .there = &there};
    ahead_begin(L, &there);
    bool ok = update_list(c, body, &look, &step);
    pending_back(L, &before);
    if (ok) changes_set(L, &step, body->span);
    ok = ok && update_list(c, body, &back, out);
    ahead_end(L);
    return ok;
}

bool update_changes(Ctx *c, const Ast *s, Changes *out)
{
    bool commits = !c->L->g->ahead;
    Together t = {.commits = commits, .reports = commits, .at_once = s->kind == AST_SIMULTANEOUS};
    if (s->kind == AST_EXTRAGRADIENT) return update_extragradient(c, s->extragradient.body, out);
    return s->kind == AST_SIMULTANEOUS ? update_list(c, s->simultaneous.body, &t, out) : update_any(c, s, &t, out);
}

/* ---- average, copy: parameters and layer states */

static bool is_carried(const Lower *L, int slot, const Player *p)
{
    IrSlotKind k = L->m->slots.v[slot].kind;
    return slot_owner(L, slot) == p && (k == IR_SLOT_PARAM || k == IR_SLOT_STATE);
}

/* The slot of another player that is to it what this one is to its own. -1: it has none. */
static int slot_like(Lower *L, int slot, const Player *p)
{
    const IrSlot *s = &L->m->slots.v[slot];
    int other = ir_find_slot(L->m, strf(L, "%s%s", p->name, s->path + strlen(s->player)));
    return other >= 0 && is_carried(L, other, p) ? other : -1;
}

static void not_alike(Ctx *c, const Player *from, const Player *into, int slot, const Player *has, Span at)
{
    if (names_lack_parts(c->L->names)) return;                    /* a param may stand in what could not be read */
    const char *path = c->L->m->slots.v[slot].path;
    diag_error(c->L->diags, at, E405, "%s and %s do not have the same parameters: there is no %s%s like %s", from->name, into->name, has->name,
               path + strlen(c->L->m->slots.v[slot].player), path);
}

/* What the target has beyond the source would stay as it is. */
static bool has_all(Ctx *c, const Player *from, const Player *into, Span at)
{
    for (int i = 0; i < c->L->m->slots.n; i++)
        if (is_carried(c->L, i, into) && slot_like(c->L, i, from) < 0) return not_alike(c, from, into, i, from, at), false;
    return true;
}

static IrVal *blended(Ctx *c, IrVal *v, IrVal *old, IrVal *decay)
{
    IrBuilder *b = fn_builder(c);
    if (!decay || !ir_is_real(v->type.elem)) return v;
    IrVal *keep = ir_convert(b, decay, v->type.elem), *share = ir_sub(b, ir_const_like(b, keep, 1), keep);
    return ir_add(b, ir_mul(b, old, keep), ir_mul(b, v, share));
}

/* A class of fewer numbers than the other one would be given what is none of its. */
static bool holds_class(Ctx *c, int source, int slot, Span at)
{
    Lower *L = c->L;
    int64_t n = slot_classes(L, slot), has = slot_classes(L, source);
    if (!n || (has && has <= n)) return true;
    const IrSlot *s = L->m->slots.v;
    diag_error(L->diags, at, E405, "%s is %s, and what it is given, %s, is %s", s[slot].path, tensor_text(L, &s[slot].type, n), s[source].path,
               tensor_text(L, &s[source].type, has));
    return false;
}

static bool blend_slot(Ctx *c, Player *from, Player *into, int source, IrVal *decay, Span at)
{
    Lower *L = c->L;
    int slot = slot_like(L, source, into);
    IrVal *v = fn_read(L, source);
    if (slot >= 0 && !holds_class(c, source, slot, at)) return false;
    if (slot >= 0) note_reached(L, into, slot);
    if (slot >= 0 && ir_type_equal(&L->m->slots.v[slot].type, &v->type))
        return env_set(L, slot, blended(c, v, fn_read(L, slot), decay), at), true;
    return not_alike(c, from, into, source, into, at), false;
}

static IrVal *decay_value(Ctx *c, const Ast *e)
{
    Value *v = eval(c, e);
    IrVal *t = val_bad(v) ? NULL : as_real(c, v, e->span);
    if (!t) return NULL;
    if (val_is_number(v) && val_number(v) > 0 && val_number(v) < 0.5) {
        Diag *d = diag_warning(c->L->diags, e->span, W401, "%s of the old mean stays, so this is hardly one", text_of_source(c->L, e->span));
        diag_hint(d, "a decay is the share of the old mean: decay %.12g takes %s of the new one", 1 - val_number(v), text_of_source(c->L, e->span));
    }
    if (t->type.rank || t->type.axes.n) {
        diag_error(c->L->diags, e->span, E401, "a decay is one number, and this is %s", type_text(c->L, &t->type));
        return NULL;
    }
    static const char *const what = "a decay is the share of the old mean that stays, from 0 to 1";
    IrBuilder *b = fn_builder(c);
    if (watch(c, ir_compare(b, IR_GE, t, ir_const_like(b, t, 0)), what, e->span) && watch(c, ir_compare(b, IR_LE, t, ir_const_like(b, t, 1)), what, e->span)) return t;
    diag_error(c->L->diags, e->span, E208, "%s", what);
    return NULL;
}

static bool blend_players(Ctx *c, const Ast *source, const Ast *target, Player **from, Player **into)
{
    *from = as_player(c, eval_raw(c, source), source->span);
    *into = as_player(c, eval_raw(c, target), target->span);
    if (!*from || !*into) return false;
    return player_find_params(c, *from, source->span) && player_find_params(c, *into, target->span);
}

static bool blend(Ctx *c, Player *from, Player *into, const Ast *decay, Span at)
{
    Lower *L = c->L;
    IrVal *k = decay ? decay_value(c, decay) : NULL;
    bool ok = (k || !decay) && has_all(c, from, into, at);
    for (int i = 0, n = L->m->slots.n; ok && i < n; i++)
        if (is_carried(L, i, from)) ok = blend_slot(c, from, into, i, k, at);
    return ok;
}

bool update_blend(Ctx *c, const Ast *source, const Ast *target, const Ast *decay, Span at)
{
    Player *from, *into;
    return blend_players(c, source, target, &from, &into) && blend(c, from, into, decay, at);
}

void sched_blend(Ctx *c, const Ast *source, const Ast *target, const Ast *decay, Nodes *to, Span at)
{
    Lower *L = c->L;
    Player *from, *into;
    if (!blend_players(c, source, target, &from, &into)) return;
    const char *word = decay ? "average" : "copy";
    Part *p = part_begin(L, strf(L, "%s_%s", word, into->name), IR_FN_STATE, at);
    blend(c, from, into, decay, at);
    array_push(L->a, &p->players, into->name);
    into->updated = true;
    if (decay && !from->averaged.file) from->averaged = at;
    part_end(L);
    sched_call(c, to, p, GAN_CALL, NULL, at);
    sched_line(c, p, word, into->name, at);
}
