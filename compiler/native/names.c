/* names.c - see names.h. */
#include "compiler/native/names.h"

#include <ctype.h>
#include <string.h>

const char *names_word(Arena *a, const char *name)
{
    char *word = arena_str(a, name);
    for (char *c = word; *c; c++)
        if ((unsigned char)*c > 127 || !isalnum((unsigned char)*c)) *c = '_';
    return word;
}

const NativeName *names_take(NativeNames *n, const char *word, const char *what)
{
    for (int i = 0; i < n->name.n; i++)
        if (!strcmp(n->name.v[i].word, word)) return &n->name.v[i];
    array_push(n->a, &n->name, ((NativeName){word, what}));
    return NULL;
}

const char *names_local(NativeNames *n, const char *word)
{
    const char *tried = word;
    for (int i = 2; names_take(n, tried, ""); i++) tried = arena_printf(n->a, "%s_%d", word, i);
    return tried;
}

/* Two _ begin what C keeps for itself, and what Python gives another name inside of a class. */
const char *names_argument(NativeNames *n, const char *path)
{
    const char *word = names_word(n->a, strrchr(path, '.') + 1);
    return names_local(n, arena_printf(n->a, "%s%s_in", strncmp(word, "__", 2) ? "" : "arg", word));
}
