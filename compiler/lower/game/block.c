/* block.c - who a block of statements updates, and which slots it may change: both are known before any of them is lowered, as losses in it
 * are evaluated in training, and its loops read anew what their bodies change.
 *
 * Players are named through aliases, members, loops over lists of players and lets of the block: these are evaluated here ahead of time, as
 * values of compile time, in a graph of their own and without a word; the statement itself says what is wrong with them. */
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/game/schedule.h"
#include "compiler/lower/own/graph.h"
#include "compiler/lower/own/own.h"
#include "lang/check/walk.h"

typedef struct Search {
    Ctx   *c;
    Block *b;                                               /* players whose training this is; NULL: not asked for */
    ARRAY(Player *) changed;                                /* players that updates, copies and averages change */
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
    Value *v = eval_raw(s->c, e);
    if (v->kind == V_PLAYER) add_once(s->c->L->a, s, player_self(v->player), trains);
}

static void search_list(Search *s, AstList stmts)
{
    for (int i = 0; i < stmts.n; i++) search(s, stmts.v[i]);
}

static bool is_used_as_player(const Lower *L, const Ast *n, const Bound *name);

typedef struct Uses { const Lower *L; const Bound *name; bool found; } Uses;

static void look_for_use(void *user, const Ast *n)
{
    Uses *u = user;
    if (!u->found) u->found = is_used_as_player(u->L, n, u->name);
}

static bool mentions(const Lower *L, const Ast *e, const Bound *name)
{
    if (e->kind == AST_NAME) return names_use(L->names, e) == name;
    return e->kind == AST_FIELD ? mentions(L, e->field.object, name) : e->kind == AST_INDEX && mentions(L, e->index.object, name);
}

/* Is a player of an update, or what a loop goes through, called so in here? */
static bool is_used_as_player(const Lower *L, const Ast *n, const Bound *name)
{
    Uses u = {L, name, false};
    if (n->kind == AST_UPDATE)
        for (int i = 0; i < n->update.players.n; i++) u.found = u.found || mentions(L, n->update.players.v[i], name);
    if (n->kind == AST_FOR) u.found = mentions(L, n->for_.source, name);
    if (!u.found) ast_each_child(n, look_for_use, &u);
    return u.found;
}

/* What a player, or a list of them, can be called by. */
static bool may_be_player(const Ast *e)
{
    return e->kind == AST_NAME || e->kind == AST_FIELD || e->kind == AST_INDEX || e->kind == AST_LIST || e->kind == AST_TUPLE || e->kind == AST_IF;
}

static void bind_let(Search *s, const Ast *let, AstList rest)
{
    const Ast *p = let->let.pattern;
    if (!may_be_player(let->let.value)) return;
    const Lower *L = s->c->L;
    Uses u = {L, p->kind == AST_NAME ? names_bound(L->names, p) : NULL, false};
    for (int i = 0; u.name && i < rest.n && !u.found; i++) u.found = is_used_as_player(L, rest.v[i], u.name);
    if (u.found) scope_bind_pattern(s->c, s->c->scope, p, eval_raw(s->c, let->let.value));
}

/* In a scope of its own. Declarations of the block itself are not made here: what belongs to the block is made once. */
static void search_block(Search *s, const Ast *b)
{
    if (b->kind != AST_BLOCK) return search(s, b);
    Ctx inner = *s->c, *outer = s->c;
    inner.scope = scope_new(s->c->L, s->c->scope);
    s->c = &inner;
    for (int i = 0; i < b->block.stmts.n; i++) {
        const Ast *n = b->block.stmts.v[i];
        if (n->kind == AST_LET) bind_let(s, n, b->block.stmts);
        else search(s, n);
    }
    s->c = outer;
}

static void search_for(Search *s, const Ast *n)
{
    Value **item;
    int64_t count;
    if (!for_items(s->c, n->for_.source, &item, &count)) return;
    Ctx inner = *s->c, *outer = s->c;
    int64_t outside = rounds_enter(outer->L, count);
    for (int64_t i = 0; i < count && !outer->L->too_large; i++) {
        inner.scope = scope_new(outer->L, outer->scope);
        s->c = &inner;
        scope_bind_pattern(&inner, inner.scope, n->for_.var, item[i]);
        search_block(s, n->for_.body);
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
    case AST_UPDATE:
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

void block_changes(Ctx *c, const Ast *n, Slots *out)
{
    Lower *L = c->L;
    Search s = search_quietly(c, n, NULL);
    for (int slot = 0; slot < L->m->slots.n; slot++) {
        const IrSlot *k = &L->m->slots.v[slot];
        bool changes = slot < L->program_state.n && L->program_state.v[slot];
        for (int i = 0; k->player && i < s.changed.n; i++) changes = changes || !strcmp(k->player, s.changed.v[i]->name);
        if (changes) array_push(L->a, &out->v, slot);
    }
}
