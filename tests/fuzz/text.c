/* text.c - lines of text as numbers: a first line of symbols, an alphabet or a vocabulary of which the file is told to be. */
#include "target.h"

#include "runtime/data/text.h"

#include <stdlib.h>
#include <string.h>

static void read_all(const char *path, const char *symbols)
{
    for (int kind = TEXT_BYTES; kind <= TEXT_WORDS; kind++) {
        GanTensor *t;
        GanError   err;
        if (!data_read_text(path, (TextKind)kind, kind == TEXT_BYTES ? NULL : symbols, 16, &t, &err)) gan_tensor_free(t);
    }
}

void target_try(const char *bytes, size_t n)
{
    const char *end = memchr(bytes, '\n', n);
    size_t      line = end ? (size_t)(end - bytes) : n;
    char       *symbols = strndup(bytes, line);
    TARGET_WANT(symbols, "no memory");
    for (char *c = symbols; *c; c++)
        if (*c == ';') *c = '\n';                           /* of a vocabulary: one a line */
    read_all(target_file(bytes, n), symbols);
    free(symbols);
}
