/* cmd_new.c - `gan new`: a folder to start from, with an example's program in it. */
#include "compiler/session/session.h"
#include "compiler/driver/texts.h"
#include "runtime/file.h"

#include <ctype.h>
#include <string.h>
#include <sys/stat.h>

static bool ends_in(const char *name, const char *ending)
{
    size_t n = strlen(name), k = strlen(ending);
    return n > k && !strcmp(name + n - k, ending);
}

static bool is_program(const char *name) { return ends_in(name, ".gan"); }

static int no_example(const Options *o, Arena *a, const char *name)
{
    Text all = text_in(a);
    for (int i = 0; texts_name(i); i++)
        if (is_program(texts_name(i))) text_printf(&all, "%s %.*s", all.n ? "," : "", (int)strlen(texts_name(i)) - 4, texts_name(i));
    return say_wrong(&o->run, "there is no example %s; there are%s", name, text_str(&all));
}

/* What a file's name and a folder's may be: letters, digits, '_' and '-'. The last part of a path. */
static const char *project_name(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    for (const char *s = name; *s; s++)
        if (!isalnum((unsigned char)*s) && *s != '_' && *s != '-') return NULL;
    return *name && *name != '-' ? name : NULL;
}

static GanStatus put(Arena *a, const char *folder, const char *name, const char *text, GanError *err)
{
    return file_write(arena_printf(a, "%s/%s", folder, name), text, strlen(text), false, err);
}

/* The tables that the program names. */
static GanStatus put_tables(Arena *a, const char *folder, const char *program, GanError *err)
{
    GanStatus st = GAN_OK;
    for (int i = 0; texts_name(i) && !st; i++)
        if (ends_in(texts_name(i), ".csv") && strstr(program, texts_name(i))) st = put(a, folder, texts_name(i), texts_find(texts_name(i)), err);
    return st;
}

static const char *about(Arena *a, const char *name)
{
    return arena_printf(a, "# %s\n\n    gan check %s.gan              # is it right?\n    gan run %s.gan                # train; curves and pictures: runs/%s/report.html\n"
                           "    gan test %s.gan               # are its `expect` lines held?\n    gan doc                       # the library\n", name, name, name, name, name);
}

static int make(const Options *o, Arena *a, const char *path, const char *name, const char *program)
{
    GanError  err;
    GanStatus st = file_make_folder(path, &err);
    if (!st) st = put(a, path, arena_printf(a, "%s.gan", name), program, &err);
    if (!st) st = put_tables(a, path, program, &err);
    if (!st) st = put(a, path, "README.md", about(a, name), &err);
    if (!st) st = put(a, path, ".gitignore", "runs/\n", &err);
    if (st) return say_error(&o->run, &err);
    printf("%s/%s.gan; `gan run %s.gan` there trains it\n", GAN_SHOWN(path), name, name);
    return EXIT_DONE;
}

int cmd_new(const Options *o)
{
    Arena      *a = arena_new();
    const char *path = o->run.operands[0], *name = project_name(path), *from = o->from ? o->from : "ring";
    const char *program = texts_find(arena_printf(a, "%s.gan", from));
    struct stat st;
    int         status;
    if (!program) status = no_example(o, a, from);
    else if (!name) status = say_wrong(&o->run, "a project's name has letters, digits, _ and -, not %s", path);
    else if (!lstat(path, &st)) status = say_wrong(&o->run, "%s is there already", path);
    else status = make(o, a, path, name, program);
    arena_free(a);
    return status;
}
