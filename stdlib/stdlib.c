/* stdlib.c - see stdlib.h. The texts come from embed.awk. */
#include "stdlib/stdlib.h"

#include <string.h>

#include "stdlib_text.h"

const char *stdlib_find(const char *module, size_t *n)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (!strcmp(table[i].name, module)) {
            if (n) *n = table[i].n;
            return table[i].text;
        }
    return NULL;
}
