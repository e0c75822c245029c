/* syntax.c - lexer, layout, grammar and `gan fmt`: what it formats, it formats once. */
#include "target.h"

#include "lang/syntax/format.h"
#include "lang/syntax/parse.h"

#include <string.h>

static void parse_part(const char *bytes, size_t n)
{
    Arena   *a = arena_new();
    Sources *s = sources_new(a);
    Diags   *d = diags_new(s);
    Text     said = text_in(a);
    bool     unfinished;
    const SourceFile *f = source_add(s, "input.gan", bytes, n);
    parse_what_fits(a, f, d);
    parse_expression(a, f, d);
    parse_entry(a, f, d, &unfinished);
    diags_print_text(d, &said, true);
    diags_print_json(d, &said);
    arena_free(a);
}

void target_try(const char *bytes, size_t n)
{
    Arena   *a = arena_new();
    Sources *s = sources_new(a);
    Diags   *d = diags_new(s);
    Text     once = text_in(a), twice = text_in(a);
    if (format_text(a, source_add(s, "input.gan", bytes, n), d, &once)) {
        TARGET_WANT(format_text(a, source_add(s, "once.gan", text_str(&once), once.n), d, &twice), "what was formatted is no program");
        TARGET_WANT(!strcmp(text_str(&once), text_str(&twice)), "formatting twice is not once:\n%s---\n%s", text_str(&once), text_str(&twice));
    }
    arena_free(a);
    parse_part(bytes, n);
}
