/* nametable.c - see nametable.h. Chained buckets; an entry remembers which name it was made from, so that forgetting a name makes the
 * next one of that text the same again. */
#include "base/nametable.h"

#include <stdint.h>
#include <string.h>

struct NameEntry {
    const char *name;
    NameEntry  *next, *base;                                /* base: of name_2, the entry of name; else NULL */
    uint64_t    hash;
    int         number, asked;                              /* number: 2 of name_2; asked: the highest number given to this text */
    bool        taken;
    int         value;                                      /* what was put, or -1 */
};

static uint64_t hash_of(const char *s)                      /* FNV-1a (Fowler, Noll, Vo 1991) */
{
    uint64_t h = 0xcbf29ce484222325u;
    for (; *s; s++) h = (h ^ (unsigned char)*s) * 0x100000001b3u;
    return h;
}

static NameEntry *find(const NameTable *t, const char *name, uint64_t hash)
{
    NameEntry *e = t->n_buckets ? t->bucket[hash & (uint64_t)(t->n_buckets - 1)] : NULL;
    while (e && (e->hash != hash || strcmp(e->name, name))) e = e->next;
    return e;
}

static void grow(NameTable *t)
{
    int n = t->n_buckets ? 2 * t->n_buckets : 64;
    NameEntry **b = arena_array(t->arena, NameEntry *, n);
    for (int i = 0; i < t->n_buckets; i++)
        for (NameEntry *e = t->bucket[i], *next; e; e = next) {
            NameEntry **to = &b[e->hash & (uint64_t)(n - 1)];
            next = e->next;
            e->next = *to;
            *to = e;
        }
    t->bucket = b;
    t->n_buckets = n;
}

static NameEntry *entry(NameTable *t, const char *name)
{
    uint64_t hash = hash_of(name);
    NameEntry *e = find(t, name, hash);
    if (e) return e;
    if (t->n >= t->n_buckets) grow(t);
    e = arena_new_of(t->arena, NameEntry);
    *e = (NameEntry){.name = arena_str(t->arena, name), .hash = hash, .asked = 1, .value = -1};
    NameEntry **to = &t->bucket[hash & (uint64_t)(t->n_buckets - 1)];
    e->next = *to;
    *to = e;
    t->n++;
    return e;
}

const char *names_unique(NameTable *t, const char *name)
{
    NameEntry *base = entry(t, name), *e = base;
    while (e->taken) {
        int number = ++base->asked;
        e = entry(t, arena_printf(t->arena, "%s_%d", name, number));
        if (e->taken) continue;
        e->base = base;
        e->number = number;
    }
    e->taken = true;
    return e->name;
}

bool names_taken(const NameTable *t, const char *name)
{
    const NameEntry *e = find(t, name, hash_of(name));
    return e && e->taken;
}

void names_forget(NameTable *t, const char *name)
{
    NameEntry *e = find(t, name, hash_of(name));
    if (!e) return;
    e->taken = false;
    if (e->base && e->base->asked >= e->number) e->base->asked = e->number - 1;
}

void names_put(NameTable *t, const char *name, int value) { entry(t, name)->value = value; }

int names_get(const NameTable *t, const char *name)
{
    const NameEntry *e = find(t, name, hash_of(name));
    if (e && e->value >= 0) return e->value;
    return t->behind ? names_get(t->behind, name) : -1;
}
