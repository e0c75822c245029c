/* texts.c - see texts.h. They come from texts.awk. */
#include "compiler/driver/texts.h"

#include <stddef.h>
#include <string.h>

#include "texts_table.h"

enum { N_TEXTS = sizeof table / sizeof *table };

const char *texts_name(int i) { return i < N_TEXTS ? table[i].name : NULL; }

const char *texts_find(const char *name)
{
    for (int i = 0; i < N_TEXTS; i++)
        if (!strcmp(table[i].name, name)) return table[i].text;
    return NULL;
}
