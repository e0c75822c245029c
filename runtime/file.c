/* file.c - see file.h. */
#include "runtime/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

/* The name that was given is to blame, not the device. */
static bool is_theirs(int why)
{
    return why == ENOENT || why == ENOTDIR || why == EACCES || why == EPERM || why == ENAMETOOLONG || why == EISDIR || why == EROFS || why == ELOOP;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

typedef struct Package {
    const char *folder, *name;
} Package;

static const Package packages[] = {
    {"/usr/share/datasets/fashion-mnist/", "dataset-fashion-mnist"},
};

static GanStatus missing(const char *path, GanError *err)
{
    for (size_t i = 0; i < sizeof packages / sizeof *packages; i++)
        if (!strncmp(path, packages[i].folder, strlen(packages[i].folder)))
            return gan_error_in(err, GAN_WRONG, path, "no such file; the Debian package %s brings it (apt-get install %s)",
                                packages[i].name, packages[i].name);
    return gan_error_in(err, GAN_WRONG, path, "no such file");
}

static GanStatus cannot_open(const char *path, int why, GanError *err)
{
    switch (why) {
    case ENOENT: return missing(path, err);
    case ENOTDIR: return gan_error_in(err, GAN_WRONG, path, "no such file: a part of its path is not a folder");
    case EACCES:
    case EPERM: return gan_error_in(err, GAN_WRONG, path, "this file may not be read (permission denied)");
    case ENAMETOOLONG:
    case ELOOP:
    case ENXIO: return gan_error_in(err, GAN_WRONG, path, "cannot be opened: %s", strerror(why));
    default: return gan_error_in(err, GAN_WORLD, path, "cannot be opened: %s", strerror(why));
    }
}

GanStatus file_open(const char *path, int *fd, int64_t *bytes, GanError *err)
{
    struct stat st;
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);     /* NONBLOCK: a pipe must not make us wait */
    if (*fd < 0) return cannot_open(path, errno, err);
    GanStatus s = GAN_OK;
    if (fstat(*fd, &st)) s = gan_error_in(err, GAN_WORLD, path, "cannot be looked at: %s", strerror(errno));
    else if (S_ISDIR(st.st_mode)) s = gan_error_in(err, GAN_WRONG, path, "this is a folder, and a file is wanted");
    else if (!S_ISREG(st.st_mode)) s = gan_error_in(err, GAN_WRONG, path, "this is not a regular file");
    if (s) {
        close(*fd);
        *fd = -1;
        return s;
    }
    *bytes = st.st_size;
    return GAN_OK;
}

static ssize_t read_fully(int fd, char *to, size_t n)
{
    size_t got = 0;
    while (got < n) {
        ssize_t r = read(fd, to + got, n - got);
        if (r < 0 && errno == EINTR) continue;
        if (r < 0) return -1;
        if (r == 0) break;
        got += (size_t)r;
    }
    return (ssize_t)got;
}

GanStatus file_read_all(const char *path, int64_t most, char **data, size_t *n, GanError *err)
{
    int     fd;
    int64_t bytes;
    *data = NULL;
    GanStatus s = file_open(path, &fd, &bytes, err);
    if (s) return s;
    if (bytes > most) {
        close(fd);
        return gan_error_in(err, GAN_WRONG, path, "the file has %" PRId64 " bytes; at most %" PRId64 " can be read", bytes, most);
    }
    char   *memory = malloc((size_t)bytes + 1);
    ssize_t got = memory ? read_fully(fd, memory, (size_t)bytes) : -1;
    int     why = memory ? errno : ENOMEM;
    close(fd);
    if (got < 0) {
        free(memory);
        return gan_error_in(err, GAN_WORLD, path, "cannot be read: %s", strerror(why));
    }
    memory[got] = 0;
    *data = memory;
    *n = (size_t)got;
    return GAN_OK;
}

/* ---- folders ---------------------------------------------------------------------------------------------------- */

static GanStatus make_one(const char *path, GanError *err)
{
    struct stat st;
    if (!mkdir(path, 0777)) return GAN_OK;
    int why = errno;
    if (!stat(path, &st)) {
        if (S_ISDIR(st.st_mode)) return GAN_OK;
        return gan_error_in(err, GAN_WRONG, path, "a folder is wanted here, and there is a file");
    }
    return gan_error_in(err, is_theirs(why) ? GAN_WRONG : GAN_WORLD, path, "the folder cannot be made: %s", strerror(why));
}

GanStatus file_make_folder(const char *path, GanError *err)
{
    char part[FILE_PATH_MAX];
    if (!*path || strlen(path) >= sizeof part) return gan_error_in(err, GAN_WRONG, path, "not a folder's name");
    strcpy(part, path);
    for (char *c = part + 1; *c; c++) {
        if (*c != '/') continue;
        *c = 0;
        GanStatus s = make_one(part, err);
        *c = '/';
        if (s) return s;
    }
    return make_one(part, err);
}

/* ---- a new file ------------------------------------------------------------------------------------------------- */

static GanStatus failed(const FileNew *f, const char *what, int why, GanError *err)
{
    return gan_error_in(err, is_theirs(why) ? GAN_WRONG : GAN_WORLD, f->path, "%s: %s", what, strerror(why));
}

static int folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (int)(slash - path) + 1 : 0;
}

/* What is there, and is no file that another may take the place of; NULL: nothing. */
static const char *in_the_way(const char *path)
{
    struct stat st;
    if (stat(path, &st) || S_ISREG(st.st_mode)) return NULL;
    return S_ISDIR(st.st_mode) ? "a folder" : S_ISFIFO(st.st_mode) ? "a pipe" : S_ISSOCK(st.st_mode) ? "a socket" : "a device";
}

/* One link further, if it is one; false: it cannot be followed. */
static bool follow_link(char place[FILE_PATH_MAX], bool *is_link)
{
    char        to[FILE_PATH_MAX], next[FILE_PATH_MAX];
    struct stat st;
    *is_link = !lstat(place, &st) && S_ISLNK(st.st_mode);
    if (!*is_link) return true;
    ssize_t n = readlink(place, to, sizeof to - 1);
    if (n < 0) return false;
    to[n] = 0;
    int folder = *to == '/' ? 0 : folder_length(place);
    if (snprintf(next, sizeof next, "%.*s%s", folder, place, to) >= (int)sizeof next) return false;
    strcpy(place, next);
    return true;
}

GanStatus file_place(const char *path, char place[FILE_PATH_MAX], GanError *err)
{
    enum { MOST_LINKS = 40 };                               /* as the kernel has it */
    const char *there = in_the_way(path);
    bool        more = true;
    if (strlen(path) >= FILE_PATH_MAX) return gan_error_in(err, GAN_WRONG, path, "the path is too long");
    if (there) return gan_error_in(err, GAN_WRONG, path, "cannot be put in its place: there is %s, and only a regular file is replaced", there);
    strcpy(place, path);
    for (int i = 0; more; i++) {
        if (!strncmp(place, "/proc/", 6)) return gan_error_in(err, GAN_WRONG, path, "stands for a file that is open, and the name of one is wanted");
        if (i > MOST_LINKS || !follow_link(place, &more)) return gan_error_in(err, GAN_WRONG, path, "the links of this name lead nowhere");
    }
    return GAN_OK;
}

/* Who writes: a process number is one only together with the machine (its name, its id and, as containers count for themselves, whose
 * numbers they are) and with its start. A machine without an id is known for as long as it is up. */
typedef struct Writer {
    char machine[9], start[9];
    bool has_id;
} Writer;

static uint64_t mixed(uint64_t h, const char *text, ssize_t n)          /* FNV-1a (Fowler, Noll and Vo) */
{
    for (ssize_t i = 0; i < n; i++) h = (h ^ (uint8_t)text[i]) * UINT64_C(0x100000001b3);
    return (h ^ 0xff) * UINT64_C(0x100000001b3);
}

static ssize_t read_small(const char *path, char *text, size_t n)
{
    int     fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? 0 : read_fully(fd, text, n);
    if (fd >= 0) close(fd);
    return got < 0 ? 0 : got;
}

static Writer this_writer(void)
{
    Writer         w;
    char           text[256];
    struct utsname host;
    const uint64_t basis = UINT64_C(0xcbf29ce484222325);
    uint64_t       start = mixed(basis, text, read_small("/proc/sys/kernel/random/boot_id", text, sizeof text));
    ssize_t        id = read_small("/etc/machine-id", text, sizeof text);
    uint64_t       machine = mixed(basis, text, id);
    machine = mixed(machine, host.nodename, uname(&host) ? 0 : (ssize_t)strlen(host.nodename));
    machine = mixed(machine, text, readlink("/proc/self/ns/pid", text, sizeof text));
    snprintf(w.machine, sizeof w.machine, "%08" PRIx32, (uint32_t)(machine ^ machine >> 32));
    snprintf(w.start, sizeof w.start, "%08" PRIx32, (uint32_t)(start ^ start >> 32));
    w.has_id = id > 1;
    return w;
}

/* The four words behind the last dashes: machine, start, process, random. */
bool file_is_leftover(const char *name)
{
    const char *word[4], *end = name + strlen(name);
    Writer      w = this_writer();
    if (strncmp(name, ".tmp-", 5)) return false;
    for (int i = 3; i >= 0; i--) {
        const char *at = end;
        while (at > name && at[-1] != '-') at--;
        if (at - name <= 5) return false;
        word[i] = at;
        end = at - 1;
    }
    long pid = strtol(word[2], NULL, 10);
    if (pid <= 0 || word[1] - word[0] != 9 || word[2] - word[1] != 9 || strncmp(word[0], w.machine, 8)) return false;
    if (strncmp(word[1], w.start, 8)) return w.has_id;
    return kill((pid_t)pid, 0) && errno == ESRCH;
}

/* ".tmp-NAME-MACHINE-START-PID-RANDOM" in the folder of the file itself: a rename must not cross file systems. */
static GanStatus temp_name(FileNew *f, GanError *err)
{
    Writer   w = this_writer();
    uint32_t random = 0;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) < 0) random = (uint32_t)(uintptr_t)f;      /* O_EXCL decides */
    int folder = folder_length(f->path), n;
    n = snprintf(f->temp, sizeof f->temp, "%.*s.tmp-%.180s-%s-%s-%ld-%08" PRIx32, folder, f->path, f->path + folder, w.machine, w.start,
                 (long)getpid(), random);
    if (n < 0 || (size_t)n >= sizeof f->temp) return failed(f, "cannot be written", ENAMETOOLONG, err);
    return GAN_OK;
}

GanStatus file_new_begin(FileNew *f, const char *path, int64_t expected, bool lasting, GanError *err)
{
    f->fd = -1;
    f->lasting = lasting;
    f->path[0] = f->temp[0] = 0;
    GanStatus there = file_place(path, f->path, err);
    if (there) return there;
    if (!path[folder_length(path)]) return gan_error_in(err, GAN_WRONG, path, "a file's name is wanted");
    for (int tries = 0; tries < 16; tries++) {
        GanStatus s = temp_name(f, err);
        if (s) return s;
        f->fd = open(f->temp, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (f->fd >= 0 || errno != EEXIST) break;
    }
    if (f->fd < 0) {
        f->temp[0] = 0;
        return failed(f, "cannot be written", errno, err);
    }
    if (expected > 0 && fallocate(f->fd, 0, 0, expected) && errno != EOPNOTSUPP && errno != ENOSYS && errno != EINTR) {
        GanStatus s = failed(f, "there is no room for it", errno, err);
        file_new_abort(f);
        return s;
    }
    return GAN_OK;
}

GanStatus file_new_write(FileNew *f, const void *data, size_t n, GanError *err)
{
    const char *at = data;
    while (n) {
        ssize_t w = write(f->fd, at, n);
        if (w < 0 && errno == EINTR) continue;
        if (w < 0) {
            GanStatus s = failed(f, "cannot be written", errno, err);
            file_new_abort(f);
            return s;
        }
        at += w;
        n -= (size_t)w;
    }
    return GAN_OK;
}

static int sync_folder(const char *path)
{
    char folder[FILE_PATH_MAX] = ".";
    int  n = folder_length(path), why = 0;
    if (n) memcpy(folder, path, (size_t)n), folder[n] = 0;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return errno;
    if (fsync(fd) && errno != EINVAL) why = errno;
    close(fd);
    return why;
}

/* A file whose fsync failed is never synced again: what was lost would then be reported as written (Rebello et al., 2020). */
static GanStatus finish_content(FileNew *f, GanError *err)
{
    if (f->fd < 0) return GAN_OK;
    int why = f->lasting && fsync(f->fd) ? errno : 0;
    if (close(f->fd) && !why && errno != EINTR) why = errno;
    f->fd = -1;
    if (!why) return GAN_OK;
    GanStatus s = failed(f, "cannot be written", why, err);
    file_new_abort(f);
    return s;
}

/* renameat2 is missing on some file systems; link has the same "only if the name is free" there. */
static int rename_if_free(const char *from, const char *to)
{
    if (!renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE)) return 0;
    if (errno != EINVAL && errno != ENOSYS) return errno;
    if (link(from, to)) return errno;
    unlink(from);
    return 0;
}

static GanStatus take_place(FileNew *f, bool replace, bool *taken, GanError *err)
{
    GanStatus s = finish_content(f, err);
    if (s) return s;
    int why = replace ? (rename(f->temp, f->path) ? errno : 0) : rename_if_free(f->temp, f->path);
    if (!replace && why == EEXIST) {
        *taken = true;
        return GAN_OK;
    }
    if (why) {
        s = failed(f, "cannot be put in its place", why, err);
        file_new_abort(f);
        return s;
    }
    f->temp[0] = 0;
    why = f->lasting ? sync_folder(f->path) : 0;
    return why ? failed(f, "its folder cannot be synced", why, err) : GAN_OK;
}

GanStatus file_new_end(FileNew *f, GanError *err) { return take_place(f, true, NULL, err); }

GanStatus file_new_end_unless_there(FileNew *f, bool *taken, GanError *err)
{
    *taken = false;
    return take_place(f, false, taken, err);
}

void file_new_rename(FileNew *f, const char *path) { snprintf(f->path, sizeof f->path, "%s", path); }

GanStatus file_new_also(FileNew *f, const char *path, GanError *err)
{
    FileNew also = {.fd = -1};
    GanStatus s = file_place(path, also.path, err);
    if (!s) s = finish_content(f, err);
    if (!s) s = temp_name(&also, err);
    if (s) return s;
    if (!link(f->temp, also.temp) && !rename(also.temp, also.path)) return GAN_OK;
    s = gan_error_in(err, GAN_WORLD, path, "cannot be put in its place: %s", strerror(errno));
    unlink(also.temp);
    return s;
}

void file_new_abort(FileNew *f)
{
    if (f->fd >= 0) close(f->fd);
    if (f->temp[0]) unlink(f->temp);
    f->fd = -1;
    f->temp[0] = 0;
}

GanStatus file_write(const char *path, const void *data, size_t n, bool lasting, GanError *err)
{
    FileNew   f;
    GanStatus s = file_new_begin(&f, path, (int64_t)n, lasting, err);
    if (!s) s = file_new_write(&f, data, n, err);
    if (!s) s = file_new_end(&f, err);
    return s;
}

GanStatus file_rewrite(const char *path, const void *data, size_t n, GanError *err)
{
    FileNew     f;
    struct stat st;
    bool        there = !stat(path, &st);
    GanStatus   s = file_new_begin(&f, path, (int64_t)n, false, err);
    if (!s && there && fchown(f.fd, st.st_uid, st.st_gid)) errno = 0;       /* it stays ours: fine */
    if (!s && there && fchmod(f.fd, st.st_mode & 07777)) {
        s = failed(&f, "cannot be given its permissions", errno, err);
        file_new_abort(&f);
    }
    if (!s) s = file_new_write(&f, data, n, err);
    if (!s) s = file_new_end(&f, err);
    return s;
}
