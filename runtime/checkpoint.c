/* checkpoint.c - see checkpoint.h. */
#include "runtime/checkpoint.h"

#include "base/array.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAMES_A_STEP = 99, FEWEST = 2, REMEMBERED = 16 };
static const char suffix[] = ".safetensors";

typedef struct Seen {                                      /* a file, and whether it is still the one that was read */
    dev_t           dev;
    ino_t           ino;
    off_t           size;
    struct timespec changed;
} Seen;

struct CheckpointFolder {
    char path[FILE_PATH_MAX];
    int  lock;
    Seen good[REMEMBERED];                                  /* the last files that were written or read, and were good */
    int  n_good;                                            /* so many were, in all */
};

/* ---- names ------------------------------------------------------------------------------------------------------ */

typedef struct Name {
    int64_t step;
    int     turn;                                           /* 1, or the number behind the dash */
} Name;

typedef ARRAY(Name) Names;

static GanStatus file_path(const char *folder, Name name, char path[FILE_PATH_MAX], GanError *err)
{
    char turn[16] = "";
    if (name.turn > 1) snprintf(turn, sizeof turn, "-%d", name.turn);
    int n = snprintf(path, FILE_PATH_MAX, "%s/%09" PRId64 "%s%s", folder, name.step, turn, suffix);
    return n < FILE_PATH_MAX ? GAN_OK : gan_error_in(err, GAN_WRONG, folder, "the path is too long");
}

static bool parse_name(const char *file, Name *name)
{
    char       *end;
    const char *digits = file;
    while (*digits >= '0' && *digits <= '9') digits++;
    if (digits - file < 9 || digits - file > 18) return false;
    name->step = strtoll(file, &end, 10);
    name->turn = 1;
    if (*end == '-' && end[1] >= '1' && end[1] <= '9') name->turn = (int)strtol(end + 1, &end, 10);
    return !strcmp(end, suffix) && name->turn <= NAMES_A_STEP;
}

static int newest_first(const void *a, const void *b)
{
    const Name *x = a, *y = b;
    if (x->step != y->step) return x->step < y->step ? 1 : -1;
    return y->turn - x->turn;
}

static GanStatus list(const char *folder, Arena *a, Names *names, GanError *err)
{
    Name name;
    DIR *d = opendir(folder);
    if (!d && errno == ENOENT) return GAN_OK;
    if (!d) return gan_error_in(err, errno == ENOTDIR ? GAN_WRONG : GAN_WORLD, folder, "cannot be listed: %s", strerror(errno));
    errno = 0;
    for (struct dirent *e; (e = readdir(d));)
        if (parse_name(e->d_name, &name)) array_push(a, names, name);
    int why = errno;
    closedir(d);
    if (why) return gan_error_in(err, GAN_WORLD, folder, "cannot be listed: %s", strerror(why));
    if (names->n) qsort(names->v, (size_t)names->n, sizeof *names->v, newest_first);
    return GAN_OK;
}

/* ---- the folder ------------------------------------------------------------------------------------------------- */

static void remove_leftovers(const char *folder)
{
    DIR *d = opendir(folder);
    if (!d) return;
    for (struct dirent *e; (e = readdir(d));)
        if (file_is_leftover(e->d_name)) unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
}

static GanStatus held(CheckpointFolder *c, GanError *err)
{
    char    pid[32] = "";
    ssize_t n = pread(c->lock, pid, sizeof pid - 1, 0);
    if (n > 0 && strtol(pid, NULL, 10) > 0)
        return gan_error_in(err, GAN_WRONG, c->path, "another run (process %ld) writes its checkpoints here", strtol(pid, NULL, 10));
    return gan_error_in(err, GAN_WRONG, c->path, "another run writes its checkpoints here");
}

static GanStatus lock(CheckpointFolder *c, GanError *err)
{
    char path[FILE_PATH_MAX + 8], pid[32];
    snprintf(path, sizeof path, "%s/.lock", c->path);
    c->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (c->lock < 0) return gan_error_in(err, GAN_WORLD, c->path, "its lock cannot be made: %s", strerror(errno));
    if (flock(c->lock, LOCK_EX | LOCK_NB)) {
        if (errno == EWOULDBLOCK) return held(c, err);
        return gan_error_in(err, GAN_WORLD, c->path, "cannot be locked: %s", strerror(errno));
    }
    int n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    if (ftruncate(c->lock, 0) || pwrite(c->lock, pid, (size_t)n, 0) != n)       /* only for the message above */
        return gan_error_in(err, GAN_WORLD, c->path, "its lock cannot be written: %s", strerror(errno));
    return GAN_OK;
}

GanStatus checkpoint_open(const char *folder, CheckpointFolder **out, GanError *err)
{
    *out = NULL;
    GanStatus s = file_make_folder(folder, err);
    if (s) return s;
    CheckpointFolder *c = calloc(1, sizeof *c);
    if (!c) return gan_error(err, GAN_WORLD, "not enough memory");
    strcpy(c->path, folder);                                /* file_make_folder has seen to its length */
    s = lock(c, err);
    if (s) {
        checkpoint_close(c);
        return s;
    }
    remove_leftovers(folder);
    *out = c;
    return GAN_OK;
}

void checkpoint_close(CheckpointFolder *c)
{
    if (!c) return;
    if (c->lock >= 0) close(c->lock);
    free(c);
}

/* ---- saving ----------------------------------------------------------------------------------------------------- */

/* Under the first name of this step that is free; one that holds these bytes already will do. */
static GanStatus settle(CheckpointFolder *c, FileNew *f, Name *name, const SafeImage *image, GanError *err)
{
    for (;; name->turn++) {
        bool      taken, same;
        GanStatus s = file_new_end_unless_there(f, &taken, err);
        if (s || !taken) return s;
        s = safetensors_holds(image, f->path, &same, err);
        if (s || same) {
            file_new_abort(f);
            return s;
        }
        char next[FILE_PATH_MAX];
        Name more = {name->step, name->turn + 1};
        s = more.turn > NAMES_A_STEP ? gan_error_in(err, GAN_WRONG, f->path, "%d checkpoints of this step are there already", NAMES_A_STEP)
                                     : file_path(c->path, more, next, err);
        if (s) {
            file_new_abort(f);
            return s;
        }
        file_new_rename(f, next);
    }
}

/* A copy under the name, where the file itself cannot have two. */
static GanStatus write_copy(const char *path, const SafeImage *image, GanError *err)
{
    FileNew   f;
    GanStatus s = file_new_begin(&f, path, (int64_t)image->bytes, true, err);
    if (!s) s = safetensors_write(image, &f, err);
    if (!s) s = file_new_end(&f, err);
    return s;
}

/* Before the file has the name that a run goes on from: a run that is killed in between names its file again. */
static GanStatus give_names(CheckpointFolder *c, FileNew *f, const CheckpointSave *save, const SafeImage *image, GanError *err)
{
    GanStatus bad = GAN_OK;
    for (int i = 0; i < save->n_named; i++) {
        char path[FILE_PATH_MAX];
        if (snprintf(path, sizeof path, "%s/%s%s", c->path, save->named[i], suffix) >= (int)sizeof path) bad = gan_error_in(err, GAN_WRONG, c->path, "the path is too long");
        else if (file_new_also(f, path, NULL)) bad = bad ? bad : write_copy(path, image, err);
    }
    return bad;
}

static GanStatus write_file(CheckpointFolder *c, Name *name, const CheckpointSave *save, const SafeImage *image, char path[FILE_PATH_MAX], GanError *err)
{
    FileNew   f;
    GanStatus s = file_path(c->path, *name, path, err);
    if (!s) s = file_new_begin(&f, path, (int64_t)image->bytes, true, err);
    if (s) return s;
    s = safetensors_write(image, &f, err);
    if (s) return s;
    GanError  unnamed;
    GanStatus names = give_names(c, &f, save, image, &unnamed);
    s = settle(c, &f, name, image, err);
    if (s) return s;
    strcpy(path, f.path);
    if (names && err) *err = unnamed;
    return names;
}

/* Where a file stands that was seen to be good, and what tells that it is still the same. */
static bool same_file(const Seen *a, const Seen *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

static bool look_at(const char *path, Seen *seen)
{
    struct stat st;
    if (stat(path, &st)) return false;
    *seen = (Seen){st.st_dev, st.st_ino, st.st_size, st.st_mtim};
    return true;
}

static void remember(CheckpointFolder *c, const char *path)
{
    Seen seen;
    if (!look_at(path, &seen)) return;
    c->good[c->n_good++ % REMEMBERED] = seen;
}

/* A file is read once, whoever wrote it: as long as it is the same, it is good. */
static bool is_good(CheckpointFolder *c, const char *path)
{
    Seen seen;
    if (!look_at(path, &seen)) return false;
    for (int i = 0; i < REMEMBERED && i < c->n_good; i++)
        if (same_file(&c->good[i], &seen)) return true;
    if (safetensors_verify(path, NULL)) return false;
    remember(c, path);
    return true;
}

/* The new one always stays, whatever its step. */
static GanStatus retain(CheckpointFolder *c, Name new, int keep, GanError *err)
{
    Arena    *a = arena_new();
    Names     names = {0};
    GanStatus s = list(c->path, a, &names, err);
    int       left = (keep < FEWEST ? FEWEST : keep) - 1;
    for (int i = 0; i < names.n; i++) {
        char old[FILE_PATH_MAX];
        if (!newest_first(&names.v[i], &new) || file_path(c->path, names.v[i], old, NULL) || !is_good(c, old)) continue;
        if (left-- <= 0) unlink(old);
    }
    arena_free(a);
    return s;
}

static GanStatus read_back(const SafeImage *image, const char *path, GanError *err)
{
    bool      same;
    GanStatus s = safetensors_holds(image, path, &same, err);
    return s || same ? s : gan_error_in(err, GAN_WORLD, path, "what was read back is not what was written");
}

GanStatus checkpoint_save(CheckpointFolder *c, const CheckpointSave *save, char *path, GanError *err)
{
    SafeImage image;
    char      place[FILE_PATH_MAX];
    Name      name = {save->step, 1};
    if (save->step < 0 || save->step > INT64_C(999999999999999999)) return gan_error(err, GAN_WRONG, "step %" PRId64 " cannot name a checkpoint", save->step);
    GanStatus s = safetensors_image(save->tensor, save->n_tensors, save->meta, save->n_meta, &image, err);
    if (!s) s = write_file(c, &name, save, &image, place, err);
    if (!s && save->keep > 0) s = read_back(&image, place, err);
    safetensors_image_free(&image);
    if (!s) remember(c, place);
    if (!s && save->keep > 0) s = retain(c, name, save->keep, err);
    if (!s && path) strcpy(path, place);
    return s;
}

/* ---- finding ---------------------------------------------------------------------------------------------------- */

static bool takes(const CheckpointSearch *search, const SafeFile *f) { return !search->takes || search->takes(search->arg, f); }

GanStatus checkpoint_newest(const char *folder, const CheckpointSearch *search, SafeFile **out, char *path, GanError *err)
{
    Arena    *a = arena_new();
    Names     names = {0};
    GanStatus s = list(folder, a, &names, err);
    *out = NULL;
    for (int i = 0; i < names.n && !s && !*out; i++) {
        char     place[FILE_PATH_MAX];
        GanError bad;
        s = file_path(folder, names.v[i], place, err);
        if (s) break;
        GanStatus read = safetensors_read(place, true, out, &bad);
        if (read == GAN_WORLD) {                            /* nothing was learnt about the file: an older one would be another run */
            s = read;
            if (err) *err = bad;
        } else if (read) {
            if (search->warn) search->warn(search->arg, &bad);
        } else if (!takes(search, *out)) {
            safetensors_free(*out);
            *out = NULL;
        } else if (path) {
            strcpy(path, place);
        }
    }
    arena_free(a);
    return s;
}
