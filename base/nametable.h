/* nametable.h - a table of names: names that are unique by construction, and numbers that are found by their names. */
#pragma once
#include "base/arena.h"

#include <stdbool.h>

typedef struct NameEntry NameEntry;

typedef struct NameTable {
    Arena      *arena;                                      /* of the names it makes */
    NameEntry **bucket;
    int         n, n_buckets;
    const struct NameTable *behind;                         /* numbers are looked for there, too; NULL: none */
} NameTable;

const char *names_unique(NameTable *t, const char *name);   /* name itself, or name_2, name_3 ...: not given before. Taken from now on */
bool        names_taken(const NameTable *t, const char *name);
void        names_forget(NameTable *t, const char *name);   /* the name may be given again */

void        names_put(NameTable *t, const char *name, int value);        /* a number that goes with a name */
int         names_get(const NameTable *t, const char *name);             /* -1: none was put */
