/* runfolder.c - see runfolder.h. A run's folder is known by the lock in its checkpoints, or in those of its seeds. */
#include "runtime/command/runfolder.h"

#include "runtime/checkpoint.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef enum { ABSENT, UNKNOWN, A_FILE, EMPTY, A_RUN, SOMETHING_ELSE } Kind;

static bool exists(const char *path)
{
    struct stat seen;
    return !lstat(path, &seen);
}

static bool has_lock(const Game *g, const char *folder) { return exists(arena_printf(g->arena, "%s/checkpoints/.lock", folder)); }

/* Whether `folder` itself has been a run's, now perhaps `busy` with one. */
static bool is_run(const Game *g, const char *folder, bool *busy, GanError *err)
{
    const char       *checkpoints = arena_printf(g->arena, "%s/checkpoints", folder);
    CheckpointFolder *c;
    if (!has_lock(g, folder)) return false;
    *busy |= checkpoint_open(checkpoints, &c, err) != GAN_OK;
    checkpoint_close(c);
    return true;
}

static Kind unknown(const char *folder, int why, GanError *err)
{
    bool world = why == ENOMEM || why == EMFILE || why == ENFILE || why == EIO;
    gan_error_in(err, world ? GAN_WORLD : GAN_WRONG, folder, "cannot be listed: %s", strerror(why));
    return UNKNOWN;
}

static Kind look(const Game *g, const char *folder, bool *busy, GanError *err)
{
    DIR *d = opendir(folder);
    if (!d && errno == ENOTDIR) return A_FILE;
    if (!d) return errno == ENOENT && !exists(folder) ? ABSENT : errno == ENOENT ? A_FILE : unknown(folder, errno, err);
    Kind kind = EMPTY;
    for (struct dirent *e; (e = readdir(d));) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
        bool seed = !strncmp(e->d_name, "seed-", 5) && is_run(g, arena_printf(g->arena, "%s/%s", folder, e->d_name), busy, err);
        kind = seed || kind == A_RUN ? A_RUN : SOMETHING_ELSE;
    }
    closedir(d);
    return is_run(g, folder, busy, err) ? A_RUN : kind;
}

static const char *without_slashes(const Game *g, const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') n--;
    return arena_strn(g->arena, path, n);
}

/* The path of `file` from `folder`, or NULL: it is elsewhere. */
static const char *path_within(const Game *g, const char *folder, const char *file)
{
    char *outer = realpath(folder, NULL), *inner = file ? realpath(file, NULL) : NULL;
    size_t n = outer ? strlen(outer) : 0;
    bool   is = inner && n && !strncmp(inner, outer, n) && inner[n] == '/';
    const char *rest = is ? arena_str(g->arena, inner + n + 1) : NULL;
    free(outer);
    free(inner);
    return rest;
}

static int move_aside(Game *g, const char *folder)
{
    GanError    err;
    const char *start = path_within(g, folder, g->start);
    const char *from = without_slashes(g, folder), *aside;
    int         i = 1;
    while (exists(aside = arena_printf(g->arena, "%s.%d", from, i))) i++;
    if (rename(from, aside)) {
        gan_error_in(&err, GAN_WRONG, folder, "the earlier run here cannot be moved aside to %s: %s", aside, strerror(errno));
        return say_error(g->o, &err);
    }
    if (start) g->start = arena_printf(g->arena, "%s/%s", aside, start);
    if (!g->o->quiet) say_line((void *)g->o, arena_printf(g->arena, "the earlier run is now %s", aside));
    return EXIT_DONE;
}

int runfolder_make_room(Game *g, const char *folder)
{
    bool     busy = false;
    GanError err;
    Kind     kind = look(g, folder, &busy, &err);
    if (kind == A_FILE) gan_error_in(&err, GAN_WRONG, folder, "a folder for the run's files is wanted, and this is something else");
    else if (kind == SOMETHING_ELSE) gan_error_in(&err, GAN_WRONG, folder, "this folder holds other files than a run's; name another one with --out");
    else if (!busy && kind != UNKNOWN) return kind == A_RUN ? move_aside(g, folder) : EXIT_DONE;
    return say_error(g->o, &err);
}

/* Whether a game of several is in the folder, and the least seed of them. */
static bool find_seeds(const Game *g, const char *folder, bool *found, uint64_t *seed, GanError *err)
{
    DIR *d = opendir(folder);
    *found = false;
    if (!d && errno != ENOENT && errno != ENOTDIR) return unknown(folder, errno, err), false;
    for (struct dirent *e; d && (e = readdir(d));) {
        char    *end;
        uint64_t of = strncmp(e->d_name, "seed-", 5) ? 0 : strtoull(e->d_name + 5, &end, 10);
        if (strncmp(e->d_name, "seed-", 5) || *end || (*found && of >= *seed)) continue;
        if (!has_lock(g, arena_printf(g->arena, "%s/%s", folder, e->d_name))) continue;
        *found = true;
        *seed = of;
    }
    if (d) closedir(d);
    return true;
}

bool runfolder_has_seeds(const Game *g, const char *folder, uint64_t *seed)
{
    GanError err;
    bool     found;
    return find_seeds(g, folder, &found, seed, &err) && found;
}

static bool has_a_wanted_seed(const Game *g, const char *folder)
{
    for (int64_t k = 0; k < g->o->seeds; k++)
        if (has_lock(g, arena_printf(g->arena, "%s/seed-%llu", folder, (unsigned long long)(g->o->seed + (uint64_t)k)))) return true;
    return false;
}

static int refuse(const Game *g, const char *folder, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static int refuse(const Game *g, const char *folder, const char *fmt, ...)
{
    char     what[200];
    va_list  args;
    GanError err;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    gan_error_in(&err, GAN_WRONG, folder, "this folder is of %s", what);
    return say_error(g->o, &err);
}

int runfolder_can_resume(const Game *g, const char *folder)
{
    uint64_t seed = 0;
    GanError err;
    bool     one = has_lock(g, folder), many, several = g->o->seeds > 1;
    if (!find_seeds(g, folder, &many, &seed, &err)) return say_error(g->o, &err);
    if (!several && many && !one) return refuse(g, folder, "several games, the first of seed %" PRIu64 ": --resume and their --seeds go on with them", seed);
    if (several && one && !many) return refuse(g, folder, "a single game: --resume without --seeds goes on with it");
    if (several && many && !g->o->seed_given && !has_a_wanted_seed(g, folder))
        return refuse(g, folder, "games with other seeds, the first %" PRIu64 ": --seed with that one goes on with them", seed);
    return EXIT_DONE;
}

/* ---- runs elsewhere ---------------------------------------------------------------------------------------------- */

static bool of_program(void *game, const SafeFile *f)
{
    const char *source = safetensors_meta(f, "source");
    return source && !strcmp(source, ((const Game *)game)->program->source_hash);
}

static bool has_checkpoint(const Game *g, const char *run)
{
    GanError         err;
    char             path[FILE_PATH_MAX];
    SafeFile        *f = NULL;
    CheckpointSearch search = {.takes = of_program, .arg = (void *)g};
    return has_lock(g, run) && checkpoint_newest(arena_printf(g->arena, "%s/checkpoints", run), &search, &f, path, &err) == GAN_OK && f && (safetensors_free(f), true);
}

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* Those of the folder, ".", or "runs"; in the order of their names. */
static void runs_in(const Game *g, const char *folder, int *n, Text *which)
{
    enum { MOST = 1000 };
    const char   **name = arena_array(g->arena, const char *, MOST);
    int            entries = 0;
    DIR           *d = opendir(folder);
    const char    *before = !strcmp(folder, ".") ? "" : arena_printf(g->arena, "%s/", folder);
    for (struct dirent *e; d && entries < MOST && (e = readdir(d));)
        if (*e->d_name != '.') name[entries++] = arena_printf(g->arena, "%s%s", before, e->d_name);
    if (d) closedir(d);
    qsort(name, (size_t)entries, sizeof *name, by_text);
    for (int i = 0; i < entries; i++) {
        if (!has_checkpoint(g, name[i])) continue;
        text_printf(which, "%s%s", *n ? ", " : "", name[i]);
        ++*n;
    }
}

int runfolder_elsewhere(const Game *g, const char **which)
{
    Text t = text_in(g->arena);
    int  n = 0;
    runs_in(g, ".", &n, &t);
    runs_in(g, "runs", &n, &t);
    *which = n ? text_str(&t) : "";
    return n;
}
