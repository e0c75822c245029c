/* cmd_build.c - `gan build`: what a program is compiled to, as files. */
#include "compiler/driver/emit.h"
#include "compiler/driver/native.h"

#include <string.h>
#include <sys/stat.h>

static bool is_same_file(const char *a, const char *b)
{
    struct stat x, y;
    return !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Of NAME_game.py: what follows `import`. */
static bool python_can_import(const char *output)
{
    static const char letters[] = "_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const char *slash = strrchr(output, '/'), *name = slash ? slash + 1 : output;
    for (const char *c = name; *c; c++)
        if (!strchr(letters, *c) && (c == name || *c < '0' || *c > '9')) return false;
    return *name;
}

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
    if (!*o->run.output || o->run.output[strlen(o->run.output) - 1] == '/') {
        fprintf(stderr, "gan: -o '%s' names no file\n", GAN_SHOWN(o->run.output));
        return EXIT_WRONG_USAGE;
    }
    if (is_same_file(o->run.operands[0], o->run.output)) {
        fprintf(stderr, "gan: %s is the source: name another file to write\n", GAN_SHOWN(o->run.output));
        return EXIT_WRONG_USAGE;
    }
    if (!o->emit && o->portable && o->target_cpu) {
        fputs("gan: --portable has code for each level of x86-64, and --target-cpu names one: one of them\n", stderr);
        return EXIT_WRONG_USAGE;
    }
    if (!emit_possible(o)) return EXIT_WRONG_USAGE;
    if (o->python && !o->lib) {
        fputs("gan: --python writes a module around a library: it goes with --lib\n", stderr);
        return EXIT_WRONG_USAGE;
    }
    if (o->python && !python_can_import(o->run.output)) {
        fprintf(stderr, "gan: Python cannot import %s_game: the name after -o is of ASCII letters, digits and _ for --python, and begins with no digit\n",
                GAN_SHOWN(o->run.output));
        return EXIT_WRONG_USAGE;
    }
    if (o->lib && o->emit) {
        fputs("gan: --lib makes a library and --emit the kernels alone: one of them\n", stderr);
        return EXIT_WRONG_USAGE;
    }
    bool to_stdout = !strcmp(o->run.output, "-");           /* of what is emitted: others were refused above */
    int  status = to_stdout ? EXIT_DONE : native_can_write(o);
    if (status != EXIT_DONE) return status;
    Session s;
    status = session_open(&s, o, o->run.operands[0]);
    if (status == EXIT_DONE && !o->emit) status = native_build(&s);
    else if (status == EXIT_DONE) {
        session_optimise(&s);
        status = emit(&s);
    }
    session_close(&s);
    return status;
}
