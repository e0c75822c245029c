/* instance.c - instances: what can have members of its own (a player, a layer, a comparison, a distribution, the program), in a tree whose
 * path is the printed name. One is found again by identity: the place that makes it under its parent, and the round of the static loops
 * around; never by name. */
#include "compiler/lower/own/own.h"

uint64_t site_mix(uint64_t site, const void *what)
{
    uint64_t x = site ^ ((uint64_t)(uintptr_t)what + 0x9e3779b97f4a7c15u + (site << 6) + (site >> 2));
    x ^= x >> 31;
    x *= 0xbf58476d1ce4e5b9u;
    return x ^ (x >> 29);
}

static int next_number(Lower *L, Instance *in, const char *layer)
{
    int n = names_get(&in->counts, layer);
    in->counts.arena = L->a;
    n = n < 0 ? 1 : n + 1;
    names_put(&in->counts, layer, n);
    return n;
}

static Child **bucket_of(const Instance *in, uint64_t site) { return &in->bucket[site & (uint64_t)(in->n_buckets - 1)]; }

static Instance *find_child(const Instance *in, uint64_t site, const char *layer)
{
    for (const Child *c = in->n_buckets ? *bucket_of(in, site) : NULL; c; c = c->next)
        if (c->site == site && !strcmp(c->layer, layer)) return c->inst;
    return NULL;
}

static void more_buckets(Lower *L, Instance *in)
{
    Instance old = *in;
    in->n_buckets = old.n_buckets ? 2 * old.n_buckets : 4;
    in->bucket = arena_array(L->a, Child *, in->n_buckets);
    for (int i = 0; i < old.n_buckets; i++)
        for (Child *c = old.bucket[i], *next; c; c = next) {
            next = c->next;
            c->next = *bucket_of(in, c->site);
            *bucket_of(in, c->site) = c;
        }
}

static void add_child(Lower *L, Instance *in, Child child)
{
    if (in->n_children == in->n_buckets) more_buckets(L, in);
    child.next = *bucket_of(in, child.site);
    *bucket_of(in, child.site) = arena_copy(L->a, &child, sizeof child);
    in->n_children++;
}

Instance *inst_here(Ctx *c) { return c->inst ? c->inst : c->L->program; }

Instance *inst_tried(Lower *L, const Instance *in, bool fresh)
{
    Instance *own = arena_copy(L->a, in, sizeof *in);
    own->tried = in->tried || fresh;
    return own;
}

/* Where a body is only checked nothing is left behind: the instances that there are get no children. */
static Instance *child_tried(Lower *L, const Instance *parent, const char *name)
{
    Instance *in = arena_new_of(L->a, Instance);
    in->local = name;
    in->path = path_join(L, parent->path, name);
    in->owner = parent->owner;
    in->tried = true;
    return in;
}

Instance *inst_child(Ctx *c, const char *name, uint64_t key, bool numbered)
{
    Lower *L = c->L;
    Instance *parent = inst_here(c), *in = find_child(parent, key, name);
    if (L->guess) return in ? inst_tried(L, in, false) : child_tried(L, parent, name);
    if (in) return in;
    in = arena_new_of(L->a, Instance);
    int n = next_number(L, parent, name);
    in->local = numbered ? strf(L, "%s_%d", name, n) : n > 1 ? strf(L, "%s_%d", name, n) : name;
    if (parent == L->program) in->local = names_unique(&L->root_names, name);
    in->path = path_join(L, parent->path, in->local);
    in->owner = parent->owner;
    add_child(L, parent, (Child){.site = key, .layer = name, .inst = in});
    return in;
}

const char *inst_member(Ctx *c, const char *name, const Ast *decl)
{
    Lower *L = c->L;
    Instance *in = inst_here(c);
    uint64_t key = site_mix(c->scope->round, decl);
    for (int i = 0; i < in->members.n; i++)
        if (in->members.v[i].key == key) return in->members.v[i].path;
    if (L->guess) return path_join(L, in->path, name);
    const char *path = in == L->program ? names_unique(&L->root_names, name) : path_join(L, in->path, name);
    for (int i = 0, k = 2; i < in->members.n; i++)
        if (!strcmp(in->members.v[i].path, path)) path = path_join(L, in->path, strf(L, "%s_%d", name, k++)), i = -1;
    array_push(L->a, &in->members, ((__typeof__(*in->members.v)){key, path}));
    return path;
}

int slot_new(Lower *L, const char *path, IrType t, IrSlotKind kind, Player *owner)
{
    int slot = ir_slot(L->m, path, t, kind, owner ? owner->name : NULL);
    while (L->slot_owners.n <= slot) array_push(L->a, &L->slot_owners, NULL);
    L->slot_owners.v[slot] = owner;
    return slot;
}

Player *slot_owner(const Lower *L, int slot) { return slot < L->slot_owners.n ? L->slot_owners.v[slot] : NULL; }

void slot_is_class(Lower *L, int slot, int64_t classes)
{
    while (L->slot_classes.n <= slot) array_push(L->a, &L->slot_classes, 0);
    L->slot_classes.v[slot] = classes;
}

int64_t slot_classes(const Lower *L, int slot) { return slot < L->slot_classes.n ? L->slot_classes.v[slot] : 0; }

void state_of_program(Lower *L, int slot, StateOf changed_by)
{
    while (L->program_state.n <= slot) array_push(L->a, &L->program_state, STATE_OF_PLAYER);
    L->program_state.v[slot] = changed_by;
}

void states_of_program(Lower *L, const Value *v, StateOf changed_by)
{
    if (v->kind == V_SLOT) state_of_program(L, v->slot.slot, changed_by);
    for (int i = 0; v->kind == V_RECORD && i < v->record.n; i++) states_of_program(L, v->record.v[i], changed_by);
}

bool block_trains(const Block *b, const Player *p)
{
    for (int i = 0; b && p && i < b->players.n; i++)
        if (b->players.v[i] == p) return true;
    return false;
}
