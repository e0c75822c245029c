/* cache.c - see cache.h. Cached code is code: what another could have written is not run. */
#include "compiler/jit/cache.h"
#include "base/array.h"
#include "compiler/image/write.h"
#include "compiler/jit/here.h"
#include "runtime/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

enum { MOST_BYTES = 512 << 20, DAY = 24 * 60 * 60 };        /* of all that is kept: above, the oldest half goes */
static const char ending[] = ".image";

/* ---- keys ------------------------------------------------------------------------------------------------------- */

/* All of a program that its code depends on, beside the module. */
static void add_layout(Text *t, const GanProgram *p)
{
    for (int i = 0; i < p->n_slots; i++) {
        int64_t row[] = {p->slot[i].kind, (int64_t)p->slot[i].offset};
        text_addn(t, (const char *)row, sizeof row);
    }
    for (int i = 0; i < p->n_externs; i++) text_printf(t, "%s\n", p->external[i].name);    /* code knows them by number */
}

CacheKey cache_key(const IrModule *m, const GanProgram *p, PlanOptions plan, const char *cpu)
{
    CacheKey key = {""};
    Arena   *a = arena_new();
    Text     t = text_in(a);
    if (here_add(&t)) {
        text_printf(&t, "\n%s %x\n", cpu ? cpu : "", plan.without);
        add_layout(&t, p);
        ir_print(m, &t);
        XXH128_hash_t h = XXH3_128bits(t.s, t.n);
        snprintf(key.text, sizeof key.text, "%016llx%016llx", (unsigned long long)h.high64, (unsigned long long)h.low64);
    }
    arena_free(a);
    return key;
}

/* ---- the folder ------------------------------------------------------------------------------------------------- */

/* NULL where there is none to be had: no home. */
static char *folder_name(Arena *a)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (cache && *cache == '/') return arena_printf(a, "%s/gan", cache);
    return home && *home == '/' ? arena_printf(a, "%s/.cache/gan", home) : NULL;
}

static const char *file_name(Arena *a, const char *folder, const CacheKey *key) { return arena_printf(a, "%s/%s%s", folder, key->text, ending); }

static bool is_ours_alone(const struct stat *s) { return s->st_uid == geteuid() && !(s->st_mode & (S_IWGRP | S_IWOTH)); }

static const char *why_not_ours(const struct stat *s)
{
    if (!S_ISDIR(s->st_mode)) return "it is no folder";
    return s->st_uid != geteuid() ? "it is another user's" : "others can write there";
}

static bool folder_is_ours(const char *folder, GanError *err)
{
    struct stat s;
    if (stat(folder, &s)) gan_error_in(err, GAN_WORLD, folder, "%s", strerror(errno));
    else if (S_ISDIR(s.st_mode) && is_ours_alone(&s)) return true;
    else gan_error_in(err, GAN_WORLD, folder, "%s", why_not_ours(&s));
    return false;
}

static bool make_folder(Arena *a, const char *folder, GanError *err)
{
    char *above = arena_strn(a, folder, (size_t)(strrchr(folder, '/') - folder));
    if (mkdir(folder, 0700) && errno != EEXIST && (file_make_folder(above, err) || (mkdir(folder, 0700) && errno != EEXIST))) {
        gan_error_in(err, GAN_WORLD, folder, "%s", strerror(errno));
        return false;
    }
    return folder_is_ours(folder, err);
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static bool read_all(int fd, char *to, size_t n)
{
    for (size_t at = 0; at < n;) {
        ssize_t got = read(fd, to + at, n - at);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        at += (size_t)got;
    }
    return true;
}

/* So that what is in use is not the oldest. */
static void mark_used(int fd, const struct stat *s)
{
    if (time(NULL) - s->st_mtime > DAY) (void)!futimens(fd, NULL);
}

static void read_file(CacheEntry *e, int fd, size_t *n)
{
    struct stat s;
    if (fstat(fd, &s) || !S_ISREG(s.st_mode) || !is_ours_alone(&s) || s.st_size <= 0 || s.st_size > MOST_BYTES) return;
    *n = (size_t)s.st_size;
    e->bytes = aligned_alloc(IMAGE_ALIGN, (*n + IMAGE_ALIGN - 1) / IMAGE_ALIGN * IMAGE_ALIGN);
    if (!e->bytes) return;
    if (read_all(fd, e->bytes, *n)) mark_used(fd, &s);
    else *n = 0;
}

/* Another program's file under this name would be right in itself. */
static bool is_it(const Image *i, const CacheKey *key) { return !strcmp(i->program.name, key->text) && (i->machine.n_entries || !i->code.n_nests); }

static bool open_file(CacheEntry *e, const char *path, const CacheKey *key)
{
    int    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    size_t n = 0;
    if (fd < 0) return false;
    read_file(e, fd, &n);
    close(fd);
    return e->bytes && !image_open(e->bytes, n, &e->image, NULL) && is_it(&e->image, key);
}

bool cache_open(CacheEntry *e, const CacheKey *key, GanError *why)
{
    Arena *a = arena_new();
    char  *folder = folder_name(a);
    bool   found = false;
    *e = (CacheEntry){0};
    *why = (GanError){0};
    if (*key->text && folder && !access(folder, F_OK) && folder_is_ours(folder, why)) found = open_file(e, file_name(a, folder, key), key);
    if (!found) cache_close(e);
    arena_free(a);
    return found;
}

void cache_close(CacheEntry *e)
{
    image_close(&e->image);
    free(e->bytes);
    e->bytes = NULL;
}

/* ---- keeping ---------------------------------------------------------------------------------------------------- */

typedef struct Kept { const char *path; int64_t bytes; struct timespec used; } Kept;
typedef ARRAY(Kept) Files;

static bool is_kept(const char *name)
{
    size_t n = strlen(name), e = sizeof ending - 1;
    return n == sizeof((CacheKey *)0)->text - 1 + e && !strcmp(name + n - e, ending);
}

static int older_first(const void *x, const void *y)
{
    const struct timespec *a = &((const Kept *)x)->used, *b = &((const Kept *)y)->used;
    return a->tv_sec != b->tv_sec ? (a->tv_sec < b->tv_sec ? -1 : 1) : (a->tv_nsec > b->tv_nsec) - (a->tv_nsec < b->tv_nsec);
}

/* Files in the making that were left by processes which are gone are removed on the way. */
static Files files_of(Arena *a, const char *folder, int64_t *bytes)
{
    Files files = {0};
    DIR  *d = opendir(folder);
    for (const struct dirent *f; d && (f = readdir(d));) {
        struct stat s;
        const char *path = arena_printf(a, "%s/%s", folder, f->d_name);
        if (file_is_leftover(f->d_name)) unlink(path);
        if (!is_kept(f->d_name) || lstat(path, &s)) continue;
        array_push(a, &files, ((Kept){path, s.st_size, s.st_mtim}));
        *bytes += s.st_size;
    }
    if (d) closedir(d);
    return files;
}

static void make_room(Arena *a, const char *folder)
{
    int64_t bytes = 0;
    Files   files = files_of(a, folder, &bytes);
    if (bytes <= MOST_BYTES) return;
    qsort(files.v, (size_t)files.n, sizeof *files.v, older_first);
    for (int i = 0; i < files.n && bytes > MOST_BYTES / 2; i++) {
        unlink(files.v[i].path);
        bytes -= files.v[i].bytes;
    }
}

/* What the code is checked against when it is read: its key, its functions' outputs and the state's size. */
static GanProgram shell_of(Arena *a, const CacheKey *key, const GanProgram *p)
{
    static const GanSchedule nothing = {.kind = GAN_SEQUENCE, .name = "", .fn = -1};
    GanFunction *f = arena_array(a, GanFunction, p->n_functions + 1);
    for (int i = 0; i < p->n_functions; i++) f[i] = (GanFunction){.name = "", .output = p->function[i].output, .n_outputs = p->function[i].n_outputs};
    return (GanProgram){.name = key->text, .source_hash = "", .function = f, .n_functions = p->n_functions, .state_bytes = p->state_bytes, .init_fn = p->init_fn,
                        .schedule = arena_copy(a, &nothing, sizeof nothing)};
}

GanStatus cache_keep(const CacheKey *key, const GanProgram *p, const Code *code, const MachineCode *machine, GanError *err)
{
    Arena    *a = arena_new();
    char     *folder = folder_name(a);
    GanStatus s = GAN_OK;
    if (*key->text && folder) {
        GanProgram shell = shell_of(a, key, p);
        Text       image = text_in(a);
        image_write(&image, &shell, code, machine);
        s = make_folder(a, folder, err) ? file_write(file_name(a, folder, key), image.s, image.n, false, err) : GAN_WORLD;
        if (!s) make_room(a, folder);
    }
    arena_free(a);
    return s;
}
