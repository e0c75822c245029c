/* cmd_build.c - `gan build`: what a program is compiled to, as files. */
#include "compiler/driver/emit.h"
#include "compiler/driver/native.h"

#include <string.h>

int cmd_build(const Options *o)
{
    if (!o->run.output) {
        fputs("gan: build wants a file to write: gan build FILE -o NAME\n", stderr);
        return EXIT_WRONG_USAGE;
    }
    if (!o->emit && !strcmp(o->run.output, "-")) {
        fputs("gan: a program is a file: gan build FILE -o NAME\n", stderr);
        return EXIT_WRONG_USAGE;
    }
    if (!emit_possible(o)) return EXIT_WRONG_USAGE;
    if (o->python && !o->lib) {
        fputs("gan: --python writes a module around a library: it goes with --lib\n", stderr);
        return EXIT_WRONG_USAGE;
    }
    if (o->lib && o->emit) {
        fputs("gan: --lib makes a library and --emit the kernels alone: one of them\n", stderr);
        return EXIT_WRONG_USAGE;
    }
    Session s;
    int     status = session_open(&s, o, o->run.operands[0]);
    if (status == EXIT_DONE && !o->emit) status = native_build(&s);
    else if (status == EXIT_DONE) {
        session_optimise(&s);
        status = emit(&s);
    }
    session_close(&s);
    return status;
}
