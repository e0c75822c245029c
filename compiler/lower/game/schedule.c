/* schedule.c - the top level of the main file, and the blocks in it, become the schedule: a tree whose leaves call functions. Each
 * statement that computes is a part of the graph. */
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/eval/pending.h"
#include "compiler/lower/game/schedule.h"
#include "compiler/lower/game/told.h"
#include "compiler/lower/own/graph.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"

GanSchedule *sched_node(Ctx *c, Nodes *to, GanScheduleKind kind, Span at)
{
    GanSchedule *n = arena_new_of(c->L->a, GanSchedule);
    IrSpan s = span_ir(c->L, at);
    n->kind = kind;
    n->fn = -1;
    n->count = n->by_step = -1;
    n->file = s.file, n->line = s.line, n->col = s.col;
    array_push(c->L->work, &c->L->stands, ((struct Stand){n, c->scope, c->L->g->parts.n - 1, at, false}));
    if (to) array_push(c->L->a, &to->list, n);
    return n;
}

static void sched_kids(GanSchedule *n, Nodes *kids)
{
    n->kid = kids->list.v;
    n->n_kids = kids->list.n;
}

static void statements(Ctx *c, AstList stmts, Nodes *to);

/* A block's statements, or the one statement of an `else if`, in a scope of their own. */
static Scope *inner_statements(Ctx *c, const Ast *b, Nodes *to)
{
    Ctx inner = *c;
    inner.scope = scope_new(c->L, c->scope);
    if (b->kind == AST_BLOCK) {
        declare_all(&inner, b->block.stmts);
        statements(&inner, b->block.stmts, to);
        check_block(&inner, b->block.stmts);
    } else {
        statements(&inner, (AstList){(Ast *[]){(Ast *)b}, 1}, to);
    }
    return inner.scope;
}

/* A part that does nothing, behind all others of a round: what they hide is hidden there. */
static void round_ends(Ctx *c, const Ast *b, Scope *scope, const GanSchedule *n)
{
    Lower *L = c->L;
    part_begin(L, "round", IR_FN_STATE, b->span);
    part_drop(L);
    array_push(L->work, &L->stands, ((struct Stand){n, scope, L->g->parts.n - 1, b->span, true}));
}

static void block(Ctx *c, const Ast *b, const GanSchedule *rounds, GanSchedule *n)
{
    Nodes kids = {.rounds = rounds};
    Scope *scope = inner_statements(c, b, &kids);
    if (n->kind == GAN_ALTERNATE) round_ends(c, b, scope, n);
    sched_kids(n, &kids);
}

/* ---- the game's table */

void sched_line(Ctx *c, Part *p, const char *what, const char *name, Span at)
{
    Lower *L = c->L;
    GameLine g = {.fn = -1, .at = at, .what = what, .name = name, .batch = c->batch > 0 ? c->batch : 0};
    array_push(L->a, &L->lines, g);
    array_push(L->a, &L->line_parts, p);
}

void sched_call(Ctx *c, Nodes *to, Part *p, GanScheduleKind kind, const char *name, Span at)
{
    GanSchedule *n = sched_node(c, to, kind, at);
    n->name = name;
    part_run_by(c->L, p, n);
}

const char *sched_indexed(Ctx *c, const char *name) { return *c->index ? strf(c->L, "%s%s", name, c->index) : name; }

/* ---- blocks that train, and control */

/* What stands before a control statement and keeps what will be hidden behind it. */
static Part *guard(Ctx *c, Nodes *to, Span at)
{
    Part *p = control_begin(c, at);
    sched_call(c, to, p, GAN_CALL, NULL, at);
    return p;
}

static void stand_before(Ctx *c, const Block *b, Part *p, Span at)
{
    GanSchedule *n = sched_node(c, b->before, GAN_CALL, at);
    n->implied = true;
    part_run_by(c->L, p, n);
}

static void open_block(Ctx *c, Block *b, Nodes *to)
{
    Lower *L = c->L;
    b->number = ++L->n_blocks;
    pending_begin_block(L);
    b->before = to;
    b->stand_before = stand_before;
    b->memory = arena_new();
    b->entry = (Env){arena_array(b->memory, IrVal *, L->graph->env.n + 1), L->graph->env.n};
    if (b->entry.n) memcpy(b->entry.v, L->graph->env.v, sizeof *b->entry.v * (size_t)b->entry.n);
    c->block = c->around = b;
}

static void leave_block(const Block *b) { arena_free(b->memory); }

/* The block that the statement is in; a statement of the top level that updates is one of its own, *b. */
static void enter_block(Ctx *c, const Ast *s, Block *b, Nodes *to)
{
    *b = (Block){0};
    if (c->block) return;
    block_find_players(c, s, b);
    if (b->players.n) open_block(c, b, to);
}

/* A loop's body: what it changes is read anew at its entry and behind it. */
static void loop_body(Ctx *c, const Ast *whole, const Ast *body, Part *before, const GanSchedule *rounds, GanSchedule *n)
{
    Lower *L = c->L;
    Slots entry = {0}, changed = {0};
    block_changes(c, body, &entry);
    if (whole->kind == AST_ALTERNATE) array_push(L->a, &entry.v, L->step_slot);
    control_changes(L, &entry, before, whole->span);
    Arm a = arm_begin(L, control_new(L), true);
    block(c, body, rounds, n);
    arm_end(L, &a, &changed);
    for (int i = 0; i < changed.v.n; i++) {
        bool foreseen = false;
        for (int k = 0; k < entry.v.n; k++) foreseen = foreseen || entry.v.v[k] == changed.v.v[i];
        if (foreseen || changed.v.v[i] >= a.entry.n || !a.entry.v[changed.v.v[i]]) continue;
        diag_error(L->diags, whole->span, E405, "that this loop changes %s shows only where it is done: an update names its player", L->m->slots.v[changed.v.v[i]].path);
    }
    control_changes(L, &entry, NULL, whole->span);
    control_changes(L, &changed, NULL, whole->span);
}

/* ---- updates */

static const char *update_name(Ctx *c, const Ast *s)
{
    if (s->kind != AST_UPDATE) return "update";
    Text t = text_in(c->L->a);
    text_add(&t, "update");
    for (int i = 0; i < s->update.players.n; i++) {
        Value *v = eval_raw(c, s->update.players.v[i]);
        text_printf(&t, "_%s", v->kind == V_PLAYER ? v->player->name : "x");
    }
    return text_str(&t);
}

static void sched_update(Ctx *c, const Ast *s, Nodes *to)
{
    Lower *L = c->L;
    Ctx inner = *c;
    Block own;
    Changes changes = {0};
    enter_block(&inner, s, &own, to);
    Part *p = part_begin(L, update_name(&inner, s), IR_FN_UPDATE, s->span);
    if (update_changes(&inner, s, &changes)) changes_set(L, &changes, s->span);
    part_end(L);
    sched_call(c, to, p, GAN_CALL, NULL, s->span);
    sched_line(c, p, "update", s->kind == AST_UPDATE ? text_of_source(L, s->update.value->span) : s->kind == AST_EXTRAGRADIENT ? "extragradient" : "simultaneous", s->span);
    leave_block(&own);
}

/* ---- what is never done: by a number that stands there. One with a name is a switch, which may be off; and of --steps few may be meant, to try the program. */

static void warn_no_times(Ctx *c, const Ast *count, int64_t n)
{
    if (count->kind == AST_NUMBER && !n) diag_warning(c->L->diags, count->span, W404, "0 times are never: nothing in this block is done");
}

static void warn_too_seldom(Ctx *c, const Ast *every, int64_t count, int64_t rounds)
{
    if (every->every.count->kind != AST_NUMBER || c->L->o.steps || !rounds || count <= rounds || diags_failed(c->L->diags)) return;
    Diag *d = diag_warning(c->L->diags, every->every.count->span, W404, "every %lld rounds of %lld is never", (long long)count, (long long)rounds);
    diag_hint(d, "every %lld is once, after the last round", (long long)rounds);
}

/* ---- alternate */

static bool alternate_sizes(Ctx *c, const Ast *s, int64_t *steps, int64_t *batch)
{
    Lower *L = c->L;
    *batch = -1;
    if (!as_size(c, eval(c, s->alternate.steps), s->alternate.steps->span, "the number of steps", steps)) return false;
    if (!L->o.steps) warn_no_times(c, s->alternate.steps, *steps);
    if (!s->alternate.batch) return true;
    Span at = s->alternate.batch->span;
    if (!as_size(c, eval(c, s->alternate.batch), at, "the batch size", batch)) return false;
    if (*batch == 0) return diag_error(L->diags, at, E302, "a batch has at least one sample"), false;
    if (*batch > INT32_MAX) return diag_error(L->diags, at, E203, "a batch has at most %d samples", INT32_MAX), false;
    return true;
}

enum { LOOKED_AT = 64 };                                    /* for a batch whose size is wrong */

static void sched_alternate(Ctx *c, const Ast *s, Nodes *to)
{
    Lower *L = c->L;
    Ctx inner = *c;
    Block b = {0};
    int64_t steps, batch;
    if (!to->top) {
        diag_error(L->diags, s->span, E403, "alternate stands at the top level, not inside another block");
        return;
    }
    if (!alternate_sizes(c, s, &steps, &batch)) steps = 1, batch = LOOKED_AT;       /* what else is wrong is to be found */
    inner.batch = batch;
    inner.unsized = batch < 0 ? s : NULL;
    block_find_players(&inner, s->alternate.body, &b);
    L->alternates++;
    Part *before = guard(c, to, s->span);
    open_block(&inner, &b, to);
    GanSchedule *n = sched_node(c, NULL, GAN_ALTERNATE, s->span);
    n->count = steps;
    L->inside++;
    loop_body(&inner, s, s->alternate.body, before, n, n);
    L->inside--;
    array_push(L->a, &to->list, n);
    leave_block(&b);
}

/* ---- repeat, every, if, for */

/* A number that the schedule asks for while it runs. */
static void count_of(Ctx *c, Value *v, Span at)
{
    IrVal *t = as_tensor(c, v, at);
    if (!t) return;
    if (t->type.rank || t->type.axes.n || ir_is_real(t->type.elem) || t->type.elem == IR_BOOL)
        diag_error(c->L->diags, at, E201, "a number of times is one integer, and this is %s", type_text(c->L, &t->type));
    else part_report(c->L, "count", arith_convert(c, t, IR_I64));
}

static void sched_repeat(Ctx *c, const Ast *s, Nodes *to)
{
    Lower *L = c->L;
    Ctx inner = *c;
    Block own;
    Span at = s->repeat.count->span;
    enter_block(&inner, s, &own, to);
    Part *before = guard(c, to, s->span);
    GanSchedule *n = sched_node(c, NULL, GAN_REPEAT, s->span);
    Ctx outside = *c;
    outside.block = NULL;
    Part *p = part_begin(L, "count", IR_FN_REPORT, at);
    Value *v = as_settled(&outside, eval(&outside, s->repeat.count), at);
    if (v->kind == V_TENSOR || v->kind == V_SLOT) {
        count_of(c, v, at);
        part_end(L);
        part_run_by(L, p, n);
        if (L->told) told_asked(c, s->span, s->repeat.count);
    } else {
        part_drop(L);
        if (as_size(c, v, at, "the number of times", &n->count)) warn_no_times(c, s->repeat.count, n->count);
    }
    loop_body(&inner, s, s->repeat.body, before, to->rounds, n);
    array_push(L->a, &to->list, n);
    leave_block(&own);
}

/* One side of a control statement. */
static void side(Ctx *c, const Ast *body, int control, const GanSchedule *rounds, GanSchedule *n, Slots *changed)
{
    Arm a = arm_begin(c->L, control, false);
    block(c, body, rounds, n);
    arm_end(c->L, &a, changed);
}

static void sched_every(Ctx *c, const Ast *s, Nodes *to)
{
    Slots changed = {0};
    if (!to->rounds) {
        Diag *d = diag_error(c->L->diags, s->span, E403, "every counts the rounds of an alternate block, and stands in one");
        diag_hint(d, "at the top level, report by itself reports once");
        return;
    }
    Part *before = guard(c, to, s->span);
    GanSchedule *n = sched_node(c, to, GAN_EVERY, s->span);
    bool known = as_size(c, eval(c, s->every.count), s->every.count->span, "the number of rounds", &n->count);
    if (known && !n->count) diag_error(c->L->diags, s->every.count->span, E403, "every 0 rounds would be never");
    else if (known) warn_too_seldom(c, s, n->count, to->rounds->count);
    side(c, s->every.body, control_new(c->L), to->rounds, n, &changed);
    control_changes(c->L, &changed, before, s->span);
}

/* The condition as a part with one bool, or a static one: then NULL, and *now. */
Part *sched_condition(Ctx *c, const Ast *e, const char *name, bool *now, bool *ok)
{
    Lower *L = c->L;
    Ctx inner = *c;
    inner.block = NULL;
    Part *p = part_begin(L, name, IR_FN_REPORT, e->span);
    Value *v = as_settled(&inner, eval(&inner, e), e->span);
    *ok = !val_bad(v);
    if (v->kind == V_BOOL || val_bad(v)) {
        *now = v->kind == V_BOOL && v->b;
        part_drop(L);
        return NULL;
    }
    IrVal *t = as_tensor(&inner, v, e->span);
    *ok = t && t->type.elem == IR_BOOL && !t->type.rank && !t->type.axes.n;
    if (*ok) {
        part_report(L, name, t);
        sched_report_watched(&inner);
    } else if (t) diag_error(L->diags, e->span, E201, "a condition is true or false, and this is %s", val_text(L, v));
    part_end(L);
    return p;
}

static void sched_if(Ctx *c, const Ast *s, Nodes *to)
{
    bool now, ok;
    Ctx inner = *c;
    Block own;
    Slots changed = {0};
    Part *p = sched_condition(c, s->if_.cond, "condition", &now, &ok);
    if (!ok) return;
    const Ast *otherwise = s->if_.otherwise;
    if (!p) {                                               /* known now: one side is the program, and stands where the if does */
        if (now || otherwise) inner_statements(c, now ? s->if_.then : otherwise, to);
        return;
    }
    enter_block(&inner, s, &own, to);
    Part *before = guard(c, to, s->span);
    GanSchedule *n = sched_node(c, NULL, GAN_IF, s->span), *arm[2] = {sched_node(c, NULL, GAN_SEQUENCE, s->if_.then->span), NULL};
    part_run_by(c->L, p, n);
    if (c->L->told) told_asked(c, s->span, s->if_.cond);
    int control = control_new(c->L);
    side(&inner, s->if_.then, control, to->rounds, arm[0], &changed);
    if (otherwise) {
        arm[1] = sched_node(c, NULL, GAN_SEQUENCE, otherwise->span);
        side(&inner, otherwise, control, to->rounds, arm[1], &changed);
    }
    control_changes(c->L, &changed, before, s->span);
    n->kid = arena_copy(c->L->a, arm, sizeof arm);
    n->n_kids = otherwise ? 2 : 1;
    array_push(c->L->a, &to->list, n);
    leave_block(&own);
}

static const char *next_index(Ctx *c, const Value *item)
{
    const char *key = val_key(c->L, item);
    size_t n = strlen(c->index);
    return n ? strf(c->L, "%.*s,%s]", (int)n - 1, c->index, key) : strf(c->L, "[%s]", key);
}

Ctx sched_round(Ctx *c, const Ast *s, int64_t i, Value *item)
{
    Ctx round = *c;
    round.scope = scope_new(c->L, c->scope);
    round.index = next_index(c, item);
    round.scope->round = site_mix(site_mix(c->scope->round, s), (const void *)(intptr_t)(i + 1));
    scope_bind_pattern(&round, round.scope, s->for_.var, item);
    return round;
}

AstList sched_body(const Ast *s)
{
    AstList stmts = s->for_.body->block.stmts;
    if (s->for_.carries.n && stmts.n && ast_is_expr(stmts.v[stmts.n - 1])) stmts.n--;
    return stmts;
}

/* Each round is a program of its own. */
static void sched_for(Ctx *c, const Ast *s, Nodes *to)
{
    Value **item, *carried[MAX_ARGS];
    int64_t n;
    bool carries = s->for_.carries.n > 0, ok = true;
    if (s->for_.carries.n > MAX_ARGS) {
        too_many(c, s->span, "a loop that carries so many values", MAX_ARGS);
        return;
    }
    if (!for_items(c, s->for_.source, &item, &n)) return;
    int64_t outside = rounds_enter(c->L, n);
    Ctx round = *c;
    for (int64_t i = 0; i < n && ok && !c->L->too_large && !c->L->too_deep; i++) {
        Ctx last = round;
        round = sched_round(c, s, i, item[i]);
        AstList stmts = sched_body(s);
        declare_all(&round, stmts);
        if (carries) ok = sched_carry(&last, s, carried, !i, &round, to);
        if (ok) statements(&round, stmts, to);
        check_block(&round, stmts);
    }
    if (carries && ok && n) sched_carry(&round, s, carried, false, NULL, to);       /* nobody has it; what is wrong in it is said */
    c->L->rounds_around = outside;
}

/* ---- statements */

static void touch(Ctx *c, const Ast *place) { scope_of_place(c, c->scope, place); }

/* Arguments of a comparison are computed where it stands. */
static void sched_compare(Ctx *c, const Ast *s, Nodes *to)
{
    Lower *L = c->L;
    uint32_t before = L->m->next_id;
    Part *p = part_begin(L, strf(L, "compare_%s", s->compare.name), IR_FN_STATE, s->span);
    p->binds = true;
    L->standing = s;
    touch(c, s);
    L->standing = NULL;
    if (L->m->next_id == before) {
        part_drop(L);
        return;
    }
    part_end(L);
    sched_call(c, to, p, GAN_CALL, NULL, s->span);
}

/* A copy starts at its original's first parameters; behind an update of that one, this is hardly what was meant. */
static void check_copy(Ctx *c, const Ast *s)
{
    Value *v = scope_of_place(c, c->scope, s);
    const Player *from = v && v->kind == V_PLAYER ? v->player->copy_of : NULL;
    for (int i = 0; from && i < from->params.n; i++) {
        if (!slots_changed(c->L, from->params.v[i])) continue;
        Diag *d = diag_error(c->L->diags, s->span, E407, "%s is declared as a copy of %s, which statements above have changed", s->define.name, from->name);
        diag_label(d, "a copy starts at the first parameters of a new run");
        diag_hint(d, "declare it above them; copy %s into %s brings it to where %s is", from->name, s->define.name, from->name);
        return;
    }
}

/* It was heeded before all statements (program.c). */
static void check_precision(Ctx *c, const Ast *s)
{
    if (c->scope != c->L->file) diag_error(c->L->diags, s->span, E403, "precision is the whole file's, and stands at its top level");
    else if (strcmp(s->precision.name, "f64"))
        diag_hint(diag_error(c->L->diags, s->span, E201, "precision takes f64, and this is %s", s->precision.name), "a file without it computes in f32");
}

/* What is required is found out now, and leaves nothing behind. */
static void sched_require(Ctx *c, const Ast *s)
{
    Ctx inner = *c;
    inner.block = NULL;
    part_begin(c->L, "require", IR_FN_REPORT, s->span)->dropped = true;
    eval_require(&inner, s, NULL);
    part_drop(c->L);
}

static void statement(Ctx *c, const Ast *s, Nodes *to)
{
    switch (s->kind) {
    case AST_IMPORT:
        if (c->scope == c->L->file) return;
        diag_hint(diag_error(c->L->diags, s->span, E403, "import stands at the top level, not inside a block"), "a file is read once, whatever the block decides");
        return;
    case AST_DEFINE: check_copy(c, s); return;
    case AST_DATA: sched_data(c, s, to); return;
    case AST_LOSS: touch(c, s); return;
    case AST_COMPARE: sched_compare(c, s, to); return;
    case AST_LET: sched_let(c, s, to); return;
    case AST_SAMPLE: sched_sample(c, s, to); return;
    case AST_STATE: sched_state(c, s); return;
    case AST_ASSIGN: sched_assign(c, s, to); return;
    case AST_ALTERNATE: sched_alternate(c, s, to); return;
    case AST_REPEAT: sched_repeat(c, s, to); return;
    case AST_EVERY: sched_every(c, s, to); return;
    case AST_SIMULTANEOUS: case AST_EXTRAGRADIENT: case AST_UPDATE: sched_update(c, s, to); return;
    case AST_AVERAGE: sched_blend(c, s->average.source, s->average.target, s->average.decay, to, s->span); return;
    case AST_COPY: sched_blend(c, s->copy.source, s->copy.target, NULL, to, s->span); return;
    case AST_REPORT:
        if (s->report.what == AST_REPORT_REPORT) sched_report(c, s, to);
        else sched_picture(c, s, to);
        return;
    case AST_SAVE: sched_save(c, s, to); return;
    case AST_PRECISION: check_precision(c, s); return;
    case AST_STOP: sched_stop(c, s, to); return;
    case AST_EXPECT: sched_expect(c, s, to); return;
    case AST_REQUIRE: sched_require(c, s); return;
    case AST_IF: sched_if(c, s, to); return;
    case AST_FOR: sched_for(c, s, to); return;
    case AST_BLOCK: {
        GanSchedule *n = sched_node(c, to, GAN_SEQUENCE, s->span);
        block(c, s, to->rounds, n);
        return;
    }
    case AST_BROKEN: return;
    default:
        if (ast_is_expr(s)) diag_error(c->L->diags, s->span, E030, "this value is dropped");
        else diag_error(c->L->diags, s->span, E403, "%s cannot stand here", ast_kind_name((AstKind)s->kind));
    }
}

static void statements(Ctx *c, AstList stmts, Nodes *to)
{
    for (int i = 0; i < stmts.n && !c->L->too_large; i++) {
        statement(c, stmts.v[i], to);
        fn_fits(c, stmts.v[i]->span);
    }
}

void schedule_program(Ctx *c)
{
    Nodes top = {.top = true};
    const Ast *file = c->L->modules.main->ast;
    if (file) statements(c, file->file.stmts, &top);
    c->L->root = sched_node(c, NULL, GAN_SEQUENCE, SPAN_NONE);
    sched_kids(c->L->root, &top);
}
