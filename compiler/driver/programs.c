/* programs.c - see programs.h. */
#include "compiler/driver/programs.h"
#include "lang/source/diag.h"
#include "lang/syntax/parse.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void find_expect(void *found, const Ast *n)
{
    if (n->kind == AST_EXPECT) *(bool *)found = true;
    else ast_each_child(n, find_expect, found);
}

/* What cannot be parsed is one whose mistakes are to be said. */
static bool promises(const char *path)
{
    Arena            *a = arena_new();
    Sources          *s = sources_new(a);
    Diags            *d = diags_new(s);
    const SourceFile *f = source_read(s, path, SPAN_NONE, d);
    const Ast        *tree = f ? parse_file(a, f, d) : NULL;
    bool              found = !tree;
    if (tree) find_expect(&found, tree);
    arena_free(a);
    return found;
}

static int by_name(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

typedef ARRAY(const char *) Entries;

static GanStatus read_entries(Arena *a, const char *folder, Entries *to, GanError *err)
{
    DIR *d = opendir(folder);
    if (!d) return gan_error_in(err, GAN_WRONG, folder, "%s", strerror(errno));
    for (const struct dirent *e; (e = readdir(d));)
        if (*e->d_name != '.') array_push(a, to, arena_printf(a, "%s%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/", e->d_name));
    closedir(d);
    if (to->n) qsort(to->v, (size_t)to->n, sizeof *to->v, by_name);
    return GAN_OK;
}

static bool is_program(const char *path)
{
    size_t n = strlen(path);
    return n > 4 && !strcmp(path + n - 4, ".gan");
}

static GanStatus add_folder(Arena *a, const char *folder, Programs *to, GanError *err)
{
    Entries   entries = {0};
    GanStatus st = read_entries(a, folder, &entries, err);
    for (int i = 0; i < entries.n && !st; i++) {
        struct stat is;
        const char *path = entries.v[i];
        if (lstat(path, &is)) continue;
        if (S_ISDIR(is.st_mode)) st = add_folder(a, path, to, err);
        else if (is_program(path) && promises(path)) array_push(a, &to->list, path);
    }
    return st;
}

GanStatus programs_add(Arena *a, const char *path, Programs *to, GanError *err)
{
    struct stat is;
    if (stat(path, &is) || !S_ISDIR(is.st_mode)) {
        array_push(a, &to->list, path);
        return GAN_OK;
    }
    int       before = to->list.n;
    GanStatus st = add_folder(a, path, to, err);
    return st || to->list.n > before ? st : gan_error_in(err, GAN_WRONG, path, "no program in this folder has an `expect` line");
}
