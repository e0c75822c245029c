/* ir.c - the reader of the tensor IR's text: what it reads and the verifier takes is printed, and reads back to the same text. */
#include "target.h"

#include "compiler/ir/ir.h"

#include <string.h>

void target_try(const char *bytes, size_t n)
{
    char      why[512];
    Arena    *a = arena_new();
    IrModule *m = ir_read_text(a, bytes, n, why), *again;
    if (m && ir_verify_module(m, why)) {
        Text text = text_in(a), back = text_in(a);
        ir_print(m, &text);
        again = ir_read_text(a, text_str(&text), text.n, why);
        TARGET_WANT(again, "what was printed is not read: %s\n%s", why, text_str(&text));
        ir_print(again, &back);
        TARGET_WANT(!strcmp(text_str(&text), text_str(&back)), "it reads back as another:\n%s---\n%s", text_str(&text), text_str(&back));
    }
    arena_free(a);
}
