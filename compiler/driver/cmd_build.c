/* cmd_build.c - `gan build`: what a program is compiled to, as files. */
#include "compiler/ctext/program.h"
#include "compiler/driver/native.h"
#include "runtime/file.h"

#include <string.h>

static int write_text(const Options *o, const char *text)
{
    GanError err = {0};
    if (!strcmp(o->run.output, "-")) return fputs(text, stdout) >= 0 && fflush(stdout) == 0 ? EXIT_DONE : EXIT_RUN_FAILED;
    return file_write(o->run.output, text, strlen(text), false, &err) == GAN_OK ? EXIT_DONE : say_error(&o->run, &err);
}

static int build_c(Session *s)
{
    Text out = text_in(s->arena);
    char why[512];
    if (!ctext_program(s->lowered.ir, s->lowered.program, s->o->plan, &out, why)) return say_wrong(&s->o->run, "%s", why);
    return write_text(s->o, text_str(&out));
}

int cmd_build(const Options *o)
{
    if (!o->run.output) {
        fputs("gan: build wants a file to write: gan build FILE -o NAME\n", stderr);
        return EXIT_WRONG_USAGE;
    }
    Session s;
    int     status = session_open(&s, o, o->run.operands[0]);
    if (status == EXIT_DONE && !o->emit) status = native_build(&s);
    else if (status == EXIT_DONE) {
        session_optimise(&s);
        status = build_c(&s);
    }
    session_close(&s);
    return status;
}
