/* schedule.c - the top level of the main file, and the blocks in it, become the schedule: a tree whose leaves call functions.
 * Each statement that computes is a function of its own. */
#include "compiler/lower/schedule.h"

GanSchedule *sched_node(Ctx *c, Nodes *to, GanScheduleKind kind, Span at)
{
    GanSchedule *n = arena_new_of(c->L->a, GanSchedule);
    IrSpan s = span_ir(c->L, at);
    n->kind = kind;
    n->fn = -1;
    n->count = n->by_step = -1;
    n->file = s.file, n->line = s.line, n->col = s.col;
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
static void inner_statements(Ctx *c, const Ast *b, Nodes *to)
{
    Ctx inner = *c;
    inner.scope = scope_new(c->L, c->scope);
    if (b->kind == AST_BLOCK) {
        declare_all(&inner, b->block.stmts);
        statements(&inner, b->block.stmts, to);
    } else {
        statements(&inner, (AstList){(Ast *[]){(Ast *)b}, 1}, to);
    }
}

static void block(Ctx *c, const Ast *b, GanSchedule *n)
{
    Nodes kids = {0};
    inner_statements(c, b, &kids);
    sched_kids(n, &kids);
}

/* ---- the game's table */

void sched_add_name(Lower *L, const char ***list, int *n, const char *name)
{
    for (int i = 0; i < *n; i++)
        if (!strcmp((*list)[i], name)) return;
    const char **more = arena_array(L->a, const char *, *n + 1);
    if (*n) memcpy(more, *list, sizeof *more * (size_t)*n);
    more[(*n)++] = name;
    *list = more;
}

void sched_line(Ctx *c, Fn *f, const char *what, const char *name, Span at)
{
    Lower *L = c->L;
    GameLine g = {.fn = fn_index(L, f), .at = at, .what = what, .name = name, .batch = c->batch > 0 ? c->batch : 0};
    for (int i = 0; i < f->ir->players.n; i++) sched_add_name(L, &g.moves, &g.n_moves, f->ir->players.v[i]);
    for (int i = 0; i < f->reads.n; i++) {
        const IrSlot *s = &L->m->slots.v[f->reads.v[i].slot];
        bool moved = false;
        for (int k = 0; s->player && k < g.n_moves; k++) moved = moved || !strcmp(g.moves[k], s->player);
        if (s->player && s->kind == IR_SLOT_PARAM && !moved) sched_add_name(L, &g.reads, &g.n_reads, s->player);
    }
    for (int i = 0; i < f->draws.n; i++) sched_add_name(L, &g.draws, &g.n_draws, f->draws.v[i]);
    array_push(L->a, &L->lines, g);
}

const char *sched_text(Lower *L, Span at)
{
    const SourceFile *f = source_file(L->sources, at.file);
    return f && at.end <= f->n ? arena_strn(L->a, f->text + at.begin, at.end - at.begin) : "";
}

void sched_call(Ctx *c, Nodes *to, Fn *f, GanScheduleKind kind, const char *name, Span at)
{
    GanSchedule *n = sched_node(c, to, kind, at);
    n->fn = fn_index(c->L, f);
    n->name = name;
}

const char *sched_indexed(Ctx *c, const char *name) { return *c->index ? strf(c->L, "%s%s", name, c->index) : name; }

/* ---- updates */

static bool named_twice(Ctx *c, Player **seen, Span *where, int *n, const Ast *u)
{
    bool twice = false;
    for (int i = 0; i < u->update.players.n; i++) {
        Value *v = eval_raw(c, u->update.players.v[i]);
        if (v->kind != V_PLAYER) continue;
        Span at = u->update.players.v[i]->span;
        for (int k = 0; k < *n; k++) {
            if (seen[k] != v->player) continue;
            Diag *d = diag_error(c->L->diags, at, E402, "%s is updated twice from one starting point", v->player->name);
            diag_note(d, where[k], "the first time");
            twice = true;
        }
        if (*n < MAX_ARGS) seen[*n] = v->player, where[(*n)++] = at;
    }
    return twice;
}

static const char *update_name(Ctx *c, const Ast *u, const char *so_far)
{
    Text t = text_in(c->L->a);
    text_add(&t, so_far);
    for (int i = 0; i < u->update.players.n; i++) {
        Value *v = eval_raw(c, u->update.players.v[i]);
        text_printf(&t, "_%s", v->kind == V_PLAYER ? v->player->name : "x");
    }
    return text_str(&t);
}

/* One update, or several that read the same starting point: one function. */
static void sched_updates(Ctx *c, AstList updates, Nodes *to, Span at)
{
    Lower *L = c->L;
    Player *seen[MAX_ARGS];
    Span where[MAX_ARGS];
    int n = 0;
    const char *name = "update";
    for (int i = 0; i < updates.n; i++) {
        const Ast *u = updates.v[i];
        if (u->kind != AST_UPDATE) {
            diag_error(L->diags, u->span, E403, "simultaneous holds updates and nothing else");
            return;
        }
        if (named_twice(c, seen, where, &n, u)) return;
        name = update_name(c, u, name);
    }
    Fn *f = fn_begin(L, name, IR_FN_UPDATE);
    for (int i = 0; i < updates.n; i++) eval_update(c, updates.v[i]);
    layer_commit_states(c);
    fn_end(L);
    sched_call(c, to, f, GAN_CALL, NULL, at);
    for (int i = 0; i < n; i++) seen[i]->time = ++L->time;
    sched_line(c, f, "update", updates.n == 1 ? sched_text(L, updates.v[0]->update.value->span) : "simultaneous", at);
}

static void find_updating(Ctx *c, const Ast *s)
{
    Lower *L = c->L;
    if (!s) return;
    switch (s->kind) {
    case AST_BLOCK:
        for (int i = 0; i < s->block.stmts.n; i++) find_updating(c, s->block.stmts.v[i]);
        return;
    case AST_REPEAT: find_updating(c, s->repeat.body); return;
    case AST_EVERY: find_updating(c, s->every.body); return;
    case AST_SIMULTANEOUS: find_updating(c, s->simultaneous.body); return;
    case AST_EXTRAGRADIENT: find_updating(c, s->extragradient.body); return;
    case AST_FOR: find_updating(c, s->for_.body); return;
    case AST_IF:
        find_updating(c, s->if_.then);
        find_updating(c, s->if_.otherwise);
        return;
    case AST_UPDATE:
        for (int i = 0; i < s->update.players.n; i++) {
            const Ast *e = s->update.players.v[i];
            Value *v = e->kind == AST_NAME ? scope_find(c, e->name.name, e->span, true) : NULL;
            if (v && v->kind == V_PLAYER) array_push(L->a, &L->updating, v->player);
        }
        return;
    default: return;
    }
}

/* ---- alternate */

/* The first value of an optimiser's slot, made again: zeros, or another constant. */
static IrVal *first_value(Lower *L, int slot)
{
    IrVal *v = NULL;
    for (int i = 0; i < L->init->ir->commits.n; i++)
        if (L->init->ir->commits.v[i].slot == slot) v = L->init->ir->commits.v[i].val;
    while (v && v->def && v->def->n_args == 1 &&
           (v->def->op == IR_broadcast || v->def->op == IR_convert || v->def->op == IR_reshape))
        v = v->def->arg[0];
    if (!v || !v->def || v->def->op != IR_const) return NULL;
    IrType t = L->m->slots.v[slot].type;
    IrBuilder *b = &L->fn->b;
    IrVal *k = ir_const(b, t.elem, v->def->attr.value);
    return t.rank ? ir_fill(b, k, ir_dims_of(&t)) : k;
}

static void restart(Ctx *c, Player *p, Nodes *before, Span at)
{
    Lower *L = c->L;
    Fn *f = fn_begin(L, strf(L, "restart_%s", p->name), IR_FN_STATE);
    for (int s = 0; s < L->m->slots.n; s++) {
        const IrSlot *slot = &L->m->slots.v[s];
        bool mine = slot->player && !strcmp(slot->player, p->name);
        if (mine && slot->kind == IR_SLOT_OPTIMIZER) {
            IrVal *v = first_value(L, s);
            if (v) ir_commit(L->m, f->ir, s, v);
            else
                unsupported(c, at,
                            "a second block of updates with an optimiser whose state does not start at a constant");
        }
    }
    if (p->steps_slot >= 0) ir_commit(L->m, f->ir, p->steps_slot, ir_const(&f->b, IR_I64, 0));
    fn_end(L);
    sched_call(c, before, f, GAN_CALL, NULL, at);
}

static void sched_alternate(Ctx *c, const Ast *s, Nodes *to)
{
    Lower *L = c->L;
    Ctx inner = *c;
    int64_t steps, batch = -1;
    if (!to->top) {
        diag_error(L->diags, s->span, E403, "alternate stands at the top level, not inside another block");
        return;
    }
    if (!as_size(c, eval(c, s->alternate.steps), s->alternate.steps->span, "the number of steps", &steps)) return;
    if (s->alternate.batch &&
        !as_size(c, eval(c, s->alternate.batch), s->alternate.batch->span, "the batch size", &batch))
        return;
    if (batch == 0) {
        diag_error(L->diags, s->alternate.batch->span, E302, "a batch has at least one sample");
        return;
    }
    if (batch > INT32_MAX) {
        diag_error(L->diags, s->alternate.batch->span, E203, "a batch has at most %d samples", INT32_MAX);
        return;
    }
    inner.batch = batch;
    L->updating.n = 0;
    find_updating(&inner, s->alternate.body);
    L->block++;
    Nodes restarts = {0};
    GanSchedule *n = sched_node(c, NULL, GAN_ALTERNATE, s->span);
    n->count = steps;
    block(&inner, s->alternate.body, n);
    for (int i = 0; i < L->updating.n; i++) {
        Player *p = L->updating.v[i];
        if (p->block >= 0 && p->block != L->block) restart(c, p, &restarts, s->span);
        p->block = L->block;
    }
    for (int i = 0; i < restarts.list.n; i++) array_push(L->a, &to->list, restarts.list.v[i]);
    array_push(L->a, &to->list, n);
    L->updating.n = 0;
}

/* ---- repeat, every, if, for */

/* A number that the schedule asks for while it runs. */
static int count_fn(Ctx *c, Value *v, Span at, Fn *f)
{
    IrVal *t = as_tensor(c, v, at);
    if (!t) return -1;
    if (t->type.rank || t->type.axes.n || t->type.elem == IR_BOOL) {
        diag_error(c->L->diags, at, E201, "a number of times is one integer, and this is %s",
                   type_text(c->L, &t->type));
        return -1;
    }
    ir_report(c->L->m, f->ir, "count", arith_convert(c, t, IR_I64));
    return 0;
}

static void sched_repeat(Ctx *c, const Ast *s, Nodes *to)
{
    Lower *L = c->L;
    Span at = s->repeat.count->span;
    GanSchedule *n = sched_node(c, to, GAN_REPEAT, s->span);
    Fn *f = fn_begin(L, "count", IR_FN_REPORT);
    Value *v = as_settled(c, eval(c, s->repeat.count), at);
    if (v->kind == V_TENSOR || v->kind == V_SLOT) {
        count_fn(c, v, at, f);
        fn_end(L);
        n->fn = fn_index(L, f);
    } else {
        fn_drop(L);
        as_size(c, v, at, "the number of times", &n->count);
    }
    block(c, s->repeat.body, n);
}

static void sched_every(Ctx *c, const Ast *s, Nodes *to)
{
    GanSchedule *n = sched_node(c, to, GAN_EVERY, s->span);
    if (!as_size(c, eval(c, s->every.count), s->every.count->span, "the number of rounds", &n->count)) return;
    if (!n->count) diag_error(c->L->diags, s->every.count->span, E403, "every 0 rounds would be never");
    block(c, s->every.body, n);
}

/* The condition as a function with one bool, or a static one: then NULL, and *now. */
Fn *sched_condition(Ctx *c, const Ast *e, const char *name, bool *now, bool *ok)
{
    Lower *L = c->L;
    Ctx inner = *c;
    Fn *f = fn_begin(L, name, IR_FN_REPORT);
    Value *v = as_settled(&inner, eval(&inner, e), e->span);
    *ok = !val_bad(v);
    if (v->kind == V_BOOL || val_bad(v)) {
        *now = v->kind == V_BOOL && v->b;
        fn_drop(L);
        return NULL;
    }
    IrVal *t = as_tensor(&inner, v, e->span);
    *ok = t && t->type.elem == IR_BOOL && !t->type.rank && !t->type.axes.n;
    if (*ok) ir_report(L->m, f->ir, name, t);
    else if (t) diag_error(L->diags, e->span, E201, "a condition is true or false, and this is %s", val_text(L, v));
    fn_end(L);
    return f;
}

static void sched_if(Ctx *c, const Ast *s, Nodes *to)
{
    bool now, ok;
    Fn *f = sched_condition(c, s->if_.cond, "condition", &now, &ok);
    if (!ok) return;
    const Ast *otherwise = s->if_.otherwise;
    if (!f) {                                               /* known now: one side is the program, and stands where the if does */
        if (now || otherwise) inner_statements(c, now ? s->if_.then : otherwise, to);
        return;
    }
    GanSchedule *n = sched_node(c, to, GAN_IF, s->span), *side[2] = {sched_node(c, NULL, GAN_SEQUENCE, s->if_.then->span), NULL};
    n->fn = fn_index(c->L, f);
    block(c, s->if_.then, side[0]);
    if (otherwise) {
        side[1] = sched_node(c, NULL, GAN_SEQUENCE, otherwise->span);
        block(c, otherwise, side[1]);
    }
    n->kid = arena_copy(c->L->a, side, sizeof side);
    n->n_kids = otherwise ? 2 : 1;
}

static const char *next_index(Ctx *c, const Value *item)
{
    const char *key = val_key(c->L, item);
    size_t n = strlen(c->index);
    return n ? strf(c->L, "%.*s,%s]", (int)n - 1, c->index, key) : strf(c->L, "[%s]", key);
}

/* Each round is a program of its own. */
static void sched_for(Ctx *c, const Ast *s, Nodes *to)
{
    Value **item;
    int64_t n;
    if (s->for_.carries.n) {
        unsupported(c, s->span, "a loop that carries values, among statements");
        return;
    }
    if (!for_items(c, s->for_.source, &item, &n)) return;
    for (int64_t i = 0; i < n && !c->L->too_large && !c->L->too_deep; i++) {
        Ctx round = *c;
        round.scope = scope_new(c->L, c->scope);
        round.index = next_index(c, item[i]);
        scope_bind_pattern(&round, round.scope, s->for_.var, item[i]);
        AstList stmts = s->for_.body->block.stmts;
        declare_all(&round, stmts);
        statements(&round, stmts, to);
    }
}

/* ---- average, copy */

static void blend(Ctx *c, const Ast *source, const Ast *target, const Ast *decay, Nodes *to, Span at)
{
    Lower *L = c->L;
    Player *from = as_player(c, eval_raw(c, source), source->span),
           *into = as_player(c, eval_raw(c, target), target->span);
    if (!from || !into) return;
    player_find_params(c, from, source->span);
    player_find_params(c, into, target->span);
    Fn *f = fn_begin(L, strf(L, "%s_%s", decay ? "average" : "copy", into->name), IR_FN_STATE);
    IrBuilder *b = &f->b;
    IrVal *k = decay ? as_real(c, eval(c, decay), decay->span) : NULL;
    for (int i = 0; i < from->params.n; i++) {
        const char *path = strf(L, "%s%s", into->name, L->m->slots.v[from->params.v[i]].path + strlen(from->name));
        int slot = ir_find_slot(L->m, path);
        IrVal *v = fn_read(L, from->params.v[i]);
        if (slot < 0 || !ir_type_equal(&L->m->slots.v[slot].type, &v->type)) {
            diag_error(L->diags, at, E405, "%s and %s do not have the same parameters: there is no %s like %s",
                       from->name, into->name, path, L->m->slots.v[from->params.v[i]].path);
            break;
        }
        if (decay && k) {
            IrVal *old = fn_read(L, slot), *keep = ir_convert(b, k, v->type.elem);
            IrVal *share = ir_sub(b, ir_const_like(b, keep, 1), keep);
            v = ir_add(b, ir_mul(b, old, keep), ir_mul(b, v, share));
        }
        ir_commit(L->m, f->ir, slot, v);
    }
    array_push(L->a, &f->ir->players, into->name);
    fn_end(L);
    into->updated = true;
    into->time = ++L->time;
    sched_call(c, to, f, GAN_CALL, NULL, at);
    sched_line(c, f, decay ? "average" : "copy", into->name, at);
}

/* ---- statements */

static void touch(Ctx *c, const char *name) { scope_local(c, c->scope, name); }

static void statement(Ctx *c, const Ast *s, Nodes *to)
{
    switch (s->kind) {
    case AST_IMPORT: return;
    case AST_DEFINE: touch(c, s->define.name); return;
    case AST_DATA:
        for (int i = 0; i < s->data.names.n; i++) touch(c, s->data.names.v[i]->name.name);
        return;
    case AST_LOSS: touch(c, s->loss.name); return;
    case AST_COMPARE: touch(c, s->compare.name); return;
    case AST_LET: sched_let(c, s, to); return;
    case AST_SAMPLE: sched_sample(c, s, to); return;
    case AST_STATE: sched_state(c, s); return;
    case AST_ASSIGN: sched_assign(c, s, to); return;
    case AST_ALTERNATE: sched_alternate(c, s, to); return;
    case AST_REPEAT: sched_repeat(c, s, to); return;
    case AST_EVERY: sched_every(c, s, to); return;
    case AST_SIMULTANEOUS: sched_updates(c, s->simultaneous.body->block.stmts, to, s->span); return;
    case AST_EXTRAGRADIENT: unsupported(c, s->span, "extragradient"); return;
    case AST_UPDATE: sched_updates(c, (AstList){(Ast *[]){(Ast *)s}, 1}, to, s->span); return;
    case AST_AVERAGE: blend(c, s->average.source, s->average.target, s->average.decay, to, s->span); return;
    case AST_COPY: blend(c, s->copy.source, s->copy.target, NULL, to, s->span); return;
    case AST_REPORT:
        if (s->report.what == AST_REPORT_REPORT) sched_report(c, s, to);
        else sched_picture(c, s, to);
        return;
    case AST_SAVE: sched_save(c, s, to); return;
    case AST_STOP: sched_stop(c, s, to); return;
    case AST_EXPECT: sched_expect(c, s, to); return;
    case AST_IF: sched_if(c, s, to); return;
    case AST_FOR: sched_for(c, s, to); return;
    case AST_BLOCK: {
        GanSchedule *n = sched_node(c, to, GAN_SEQUENCE, s->span);
        block(c, s, n);
        return;
    }
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
