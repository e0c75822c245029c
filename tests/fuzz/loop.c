/* loop.c - the reader of the loop IR's text: what it reads and the verifier takes is printed, and reads back to the same text. */
#include "target.h"

#include "base/text.h"
#include "compiler/loop/loop.h"

#include <string.h>

void target_try(const char *bytes, size_t n)
{
    char      why[256];
    Arena    *a = arena_new();
    LoopNest *nest = loop_read(a, arena_strn(a, bytes, n), why), *again;
    if (nest && loop_verify(nest, why)) {
        Text text = text_in(a), back = text_in(a);
        loop_print(nest, &text);
        again = loop_read(a, text_str(&text), why);
        TARGET_WANT(again, "what was printed is not read: %s\n%s", why, text_str(&text));
        loop_print(again, &back);
        TARGET_WANT(!strcmp(text_str(&text), text_str(&back)), "it reads back as another:\n%s---\n%s", text_str(&text), text_str(&back));
    }
    arena_free(a);
}
