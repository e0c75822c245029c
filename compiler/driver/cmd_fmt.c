/* cmd_fmt.c - `gan fmt`: programs in the one style (lang/syntax/format.h). A file that is in it already is not written. */
#include "compiler/session/session.h"
#include "lang/syntax/format.h"
#include "runtime/file.h"

#include <stdio.h>
#include <string.h>

/* The text as it should be, in the arena of `s`; NULL after an error, which was printed. */
static const SourceFile *read_and_format(const Options *o, Sources *s, const char *path, Text *out)
{
    Diags            *diags = diags_new(s);
    const SourceFile *f = source_read(s, path, SPAN_NONE, diags);
    bool              ok = f && format_text(sources_arena(s), f, diags, out);
    session_print(o, diags);
    return ok ? f : NULL;
}

static int settle(const Options *o, const char *path, const SourceFile *f, Text *styled)
{
    GanError err;
    bool     is_stdin = !strcmp(path, "-"), same = styled->n == f->n && !memcmp(text_str(styled), f->text, f->n);
    if (o->check) {
        if (!same) printf("%s\n", GAN_SHOWN(f->name));
        return same ? EXIT_DONE : EXIT_WRONG_PROGRAM;
    }
    if (is_stdin) return fputs(text_str(styled), stdout) < 0 ? EXIT_RUN_FAILED : EXIT_DONE;
    if (same) return EXIT_DONE;
    if (file_rewrite(path, text_str(styled), styled->n, &err)) return say_error(&o->run, &err);
    printf("%s: written\n", GAN_SHOWN(path));
    return EXIT_DONE;
}

int cmd_fmt(const Options *o)
{
    int worst = EXIT_DONE;
    for (int i = 0; i < o->run.n_operands; i++) {
        Arena            *a = arena_new();
        Text              styled = text_in(a);
        const SourceFile *f = read_and_format(o, sources_new(a), o->run.operands[i], &styled);
        int               status = f ? settle(o, o->run.operands[i], f, &styled) : EXIT_WRONG_PROGRAM;
        if (status > worst) worst = status;
        arena_free(a);
    }
    return worst;
}
