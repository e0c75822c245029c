/* reads.c - see reads.h. Each value's set is the union of its operands', found once, operands first; values that depend on the same players share
 * a set, so that all of a schedule takes time in proportion to its length. A set holds, of each player, the first version of a parameter that was met. */
#include "compiler/lower/game/reads.h"
#include "compiler/lower/own/graph.h"

#include <string.h>

struct ReadSet {
    int n;
    int version[];                                          /* places in Graph.versions, ascending, one a player */
};

typedef enum State { NEW, ENTERED, DONE } State;

struct Reads {
    Lower *L;
    Arena *scratch;
    const ReadSet **set;                                    /* by value id */
    unsigned char *state;
    ARRAY(IrVal *) todo;
};

Reads *reads_new(Lower *L, Arena *scratch)
{
    Reads *r = arena_new_of(scratch, Reads);
    *r = (Reads){.L = L, .scratch = scratch, .set = arena_array(scratch, const ReadSet *, L->m->next_id + 1), .state = arena_array(scratch, unsigned char, L->m->next_id + 1)};
    return r;
}

static const char *player_of(const Reads *r, int version) { return r->L->m->slots.v[r->L->g->versions.v[version]->slot].player; }

int reads_count(const ReadSet *set) { return set ? set->n : 0; }

const char *reads_player(const Reads *r, const ReadSet *set, int i) { return player_of(r, set->version[i]); }

static bool has_player(const Reads *r, const ReadSet *s, int version)
{
    for (int i = 0; i < s->n; i++)
        if (!strcmp(player_of(r, s->version[i]), player_of(r, version))) return true;
    return false;
}

static bool same(const ReadSet *a, const ReadSet *b) { return a->n == b->n && !memcmp(a->version, b->version, sizeof *a->version * (size_t)a->n); }

static const ReadSet *join(Reads *r, const ReadSet *a, const ReadSet *b)
{
    if (!a || !b || a == b) return a ? a : b;
    ReadSet *both = arena_alloc(r->scratch, sizeof *both + sizeof *both->version * (size_t)(a->n + b->n));
    for (int i = 0, k = 0; i < a->n || k < b->n;) {
        bool from_a = k == b->n || (i < a->n && a->version[i] <= b->version[k]);
        int version = from_a ? a->version[i++] : b->version[k++];
        if (!has_player(r, both, version)) both->version[both->n++] = version;
    }
    return same(both, a) ? a : same(both, b) ? b : both;
}

static const ReadSet *of_version(Reads *r, const Version *v)
{
    const IrSlot *s = &r->L->m->slots.v[v->slot];
    if (!s->player || s->kind != IR_SLOT_PARAM) return NULL;
    ReadSet *one = arena_alloc(r->scratch, sizeof *one + sizeof *one->version);
    one->version[one->n++] = r->L->g->version_at[v->v->id] - 1;
    return one;
}

static void enter(Reads *r, IrVal *v)
{
    if (v && r->state[v->id] == NEW) array_push(r->scratch, &r->todo, v);
}

static void enter_operands(Reads *r, const IrVal *v)
{
    r->state[v->id] = ENTERED;
    enter(r, graph_slope_of(r->L, v));
    for (int i = 0; v->def && i < v->def->n_args; i++) enter(r, v->def->arg[i]);
}

static void leave(Reads *r, const IrVal *v)
{
    const IrVal *slope = graph_slope_of(r->L, v);
    const ReadSet *set = slope ? r->set[slope->id] : NULL;
    for (int i = 0; v->def && i < v->def->n_args; i++) set = join(r, set, r->set[v->def->arg[i]->id]);
    r->set[v->id] = set;
    r->state[v->id] = DONE;
}

const ReadSet *reads_join(Reads *r, const ReadSet *set, IrVal *v)
{
    enter(r, v);
    while (r->todo.n) {
        IrVal *at = r->todo.v[r->todo.n - 1];
        const Version *version = version_of(r->L, at);
        if (version && r->state[at->id] == NEW) r->set[at->id] = of_version(r, version), r->state[at->id] = DONE;
        if (r->state[at->id] == NEW) {
            enter_operands(r, at);
            continue;
        }
        r->todo.n--;
        if (r->state[at->id] == ENTERED) leave(r, at);
    }
    return v ? join(r, set, r->set[v->id]) : set;
}
