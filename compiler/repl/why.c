/* why.c - the command that asks where a number that is not finite was born. */
#include "compiler/repl/repl.h"

#include <stdio.h>

static void say_note(const OriginNote *n)
{
    if (n->line) printf("%s:%u:%u: ", n->file, n->line, n->column);
    puts(n->text);
    if (n->source) printf("%5u | %s\n", n->line, n->source);
}

void do_why(Repl *r, const char *args)
{
    OriginNote  note[ORIGIN_NOTES];
    int         n;
    GanError    err = {0};
    const char *name = repl_word(r, &args);
    if (!repl_has_run(r) || !repl_has_no_args(r, args, "why")) return;
    GanStatus st = debug_why(r->d, *name ? name : NULL, r->arena, note, &n, &err);
    debug_place(r->d, &r->place);
    if (st) {
        repl_failed(r, st, &err);
        return;
    }
    for (int i = 0; i < n; i++) say_note(&note[i]);
}
