/* block.c - who a block of statements updates, and which slots it may change: both are known before any of them is lowered, as losses in it
 * are evaluated in training, and its loops read anew what their bodies change.
 *
 * Players are named through aliases, members, loops over lists of players, lets and declarations of the block: these are evaluated here ahead
 * of time, as values of compile time, in a graph of their own and without a word; the statement itself says what is wrong with them. */
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/eval/target.h"
#include "compiler/lower/game/schedule.h"
#include "compiler/lower/own/graph.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"

typedef struct Search {
    Ctx   *c;
    Block *b;                                               /* players whose training this is; NULL: not asked for */
    ARRAY(Player *) changed;                                /* players that updates, copies and averages change */
    ARRAY(int) assigned;                                    /* slots of states that := changes */
    bool       updates, reports;                            /* are there any? */
} Search;

static void search(Search *s, const Ast *n);

static void add_once(Arena *a, Search *s, Player *p, bool trains)
{
    bool changed = false;
    for (int i = 0; i < s->changed.n; i++) changed = changed || s->changed.v[i] == p;
    if (!changed) array_push(a, &s->changed, p);
    if (s->b && trains && !block_trains(s->b, p)) array_push(a, &s->b->players, p);
}

static void add_named(Search *s, const Ast *e, bool trains)
{
    Value *v = eval(s->c, e);
    if (v->kind == V_PLAYER) add_once(s->c->L->a, s, player_self(v->player), trains);
}

static void add_slots(Search *s, const Value *v)
{
    for (int i = 0; v->kind == V_RECORD && i < v->record.n; i++) add_slots(s, v->record.v[i]);
    if (v->kind == V_SLOT) array_push(s->c->L->a, &s->assigned, v->slot.slot);
}

static void add_assigned(Search *s, const Ast *target)
{
    const Ast *name = target_root(target);
    Value *state = name ? scope_find(s->c, name, true) : NULL;
    Target to;
    if (state && target_find(s->c, target, state, &to)) add_slots(s, to.part);
}

static void search_list(Search *s, AstList stmts)
{
    for (int i = 0; i < stmts.n; i++) search(s, stmts.v[i]);
}

/* Never known now. */
static void look_for_samples(void *found, const Ast *n)
{
    if (n->kind == AST_EXPECTATION || n->kind == AST_GRAD || n->kind == AST_AFTER) *(bool *)found = true;
    if (!*(bool *)found) ast_each_child(n, look_for_samples, found);
}

/* A let may name a player or a list of them, or be what a net or a condition of the block is made from: it is evaluated when it is asked for. */
static void declare_let(Search *s, const Ast *let)
{
    const Ast *p = let->let.pattern;
    bool runs = false;
    look_for_samples(&runs, let->let.value);
    if (runs) return;
    if (p->kind == AST_NAME) scope_declare(s->c->L, s->c->scope, p, let);
    else if (let->let.value->kind == AST_TUPLE || let->let.value->kind == AST_LIST) scope_bind_pattern(s->c, s->c->scope, p, eval(s->c, let->let.value));
}

/* In the scope at hand. A net that is declared here is the one that the block declares then (eval/player.c). */
static void search_statements(Search *s, AstList stmts)
{
    declare_all(s->c, stmts);
    for (int i = 0; i < stmts.n; i++) {
        if (stmts.v[i]->kind == AST_LET) declare_let(s, stmts.v[i]);
        else search(s, stmts.v[i]);
    }
}

static void search_block(Search *s, const Ast *b)
{
    if (b->kind != AST_BLOCK) return search(s, b);
    Ctx inner = *s->c, *outer = s->c;
    inner.scope = scope_new(s->c->L, s->c->scope);
    s->c = &inner;
    search_statements(s, b->block.stmts);
    s->c = outer;
}

static void search_for(Search *s, const Ast *n)
{
    Value **item;
    int64_t count;
    if (!for_items(s->c, n->for_.source, &item, &count)) return;
    Ctx *outer = s->c;
    AstList carries = n->for_.carries, all = n->for_.body->block.stmts, stmts = sched_body(n);
    Value *carried[MAX_ARGS];
    for (int i = 0; i < carries.n && i < MAX_ARGS; i++) carried[i] = eval(outer, carries.v[i]->carry.value);
    int64_t outside = rounds_enter(outer->L, count);
    for (int64_t i = 0; i < count && carries.n <= MAX_ARGS && !outer->L->too_large; i++) {
        Ctx round = sched_round(outer, n, i, item[i]);
        s->c = &round;
        carries_bind(&round, round.scope, carries, carried);
        search_statements(s, stmts);
        if (stmts.n == all.n) continue;
        Value *v = eval(&round, all.v[stmts.n]);
        if (!carries_next(&round, n, v, carried))
            for (int k = 0; k < carries.n; k++) carried[k] = val_error(outer->L);
    }
    outer->L->rounds_around = outside;
    s->c = outer;
}

static void search(Search *s, const Ast *n)
{
    if (!n) return;
    switch (n->kind) {
    case AST_BLOCK: search_block(s, n); return;
    case AST_REPEAT: search_block(s, n->repeat.body); return;
    case AST_EVERY: search_block(s, n->every.body); return;
    case AST_SIMULTANEOUS: search_list(s, n->simultaneous.body->block.stmts); return;
    case AST_EXTRAGRADIENT: search_list(s, n->extragradient.body->block.stmts); return;
    case AST_FOR: search_for(s, n); return;
    case AST_IF: {
        Value *known = eval(s->c, n->if_.cond);
        if (known->kind != V_BOOL || known->b) search_block(s, n->if_.then);
        if ((known->kind != V_BOOL || !known->b) && n->if_.otherwise) search_block(s, n->if_.otherwise);
        return;
    }
    case AST_ASSIGN: add_assigned(s, n->assign.target); return;
    case AST_REPORT: s->reports = true; return;
    case AST_UPDATE:
        s->updates = true;
        for (int i = 0; i < n->update.players.n; i++) add_named(s, n->update.players.v[i], true);
        return;
    case AST_COPY: add_named(s, n->copy.target, false); return;
    case AST_AVERAGE: add_named(s, n->average.target, false); return;
    default: return;
    }
}

/* Ahead of time: nothing that it makes or says counts. */
static Search search_quietly(Ctx *c, const Ast *n, Block *b)
{
    Lower *L = c->L;
    Ctx quiet = *c;
    quiet.scope = scope_new(L, c->scope);
    Search s = {.c = &quiet, .b = b};
    Trial t = trial_begin(L, true);
    search(&s, n);
    trial_end(L, &t);
    return s;
}

void block_find_players(Ctx *c, const Ast *n, Block *b) { search_quietly(c, n, b); }

/* An update may take up whatever code assigns. */
static bool changes(const Lower *L, const Search *s, int slot)
{
    const Player *owner = slot_owner(L, slot);
    StateOf by = slot < L->program_state.n ? L->program_state.v[slot] : STATE_OF_PLAYER;
    if ((by == STATE_OF_UPDATES && s->updates) || (by == STATE_OF_REPORTS && s->reports)) return true;
    for (int i = 0; i < s->assigned.n; i++)
        if (s->assigned.v[i] == slot) return true;
    for (int i = 0; owner && i < s->changed.n; i++)
        if (s->changed.v[i] == owner) return true;
    return false;
}

void block_changes(Ctx *c, const Ast *n, Slots *out)
{
    Lower *L = c->L;
    Search s = search_quietly(c, n, NULL);
    for (int slot = 0; slot < L->m->slots.n; slot++)
        if (changes(L, &s, slot)) array_push(L->a, &out->v, slot);
}
