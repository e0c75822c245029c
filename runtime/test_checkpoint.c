/* test_checkpoint.c - checkpoints: every cut and every flipped bit is noticed, a failed save costs nothing that was good. */
#include "runtime/checkpoint.h"
#include "runtime/testing.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static const float    weights[] = {1, 2, 3, 4, 5, 6};
static const int64_t  counter[] = {-7};
static const SafeMeta meta[] = {{"step", "12"}, {"source", "abc\"\\\n\xc3\xa9"}};
static const SafeTensor tensors[] = {
    {"D.w", GAN_F32, 2, {2, 3}, weights, 0},
    {"nothing", GAN_F64, 1, {0}, NULL, 0},
    {"D.steps", GAN_I64, 0, {0}, counter, 0},
};

static GanStatus save(CheckpointFolder *c, int64_t step, const float *w, int keep, char *path, GanError *err)
{
    SafeTensor t[3];
    memcpy(t, tensors, sizeof t);
    if (w) t[0].data = w;
    return checkpoint_save(c, &(CheckpointSave){.step = step, .tensor = t, .n_tensors = 3, .meta = meta, .n_meta = 2, .keep = keep}, path, err);
}

/* The whole file of an image, yours to free. */
static char *bytes_of(const SafeTensor *t, int n_tensors, const SafeMeta *m, int n_meta, size_t *n)
{
    char      folder[256];
    SafeImage image;
    FileNew   f;
    make_folder(folder);
    const char *path = in_folder(folder, "x");
    cr_assert(safetensors_image(t, n_tensors, m, n_meta, &image, NULL) == GAN_OK);
    cr_assert(!file_new_begin(&f, path, 0, false, NULL) && !safetensors_write(&image, &f, NULL) && !file_new_end(&f, NULL));
    char *bytes = get_file(path, n);
    bool same;
    cr_assert_eq(safetensors_holds(&image, path, &same, NULL), GAN_OK);
    cr_assert(*n == image.bytes && same);
    safetensors_image_free(&image);
    drop_folder(folder);
    return bytes;
}

static void count_warning(void *arg, const GanError *bad)
{
    cr_expect(bad->status == GAN_WRONG && bad->path[0] && bad->message[0]);
    ++*(int *)arg;
}

Test(safetensors, there_and_back)
{
    char      folder[256], *bytes, *again;
    size_t    n, m;
    SafeFile *f;
    GanError  err;
    make_folder(folder);
    const char *path = in_folder(folder, "x");
    bytes = bytes_of(tensors, 3, meta, 2, &n);
    again = bytes_of(tensors, 3, meta, 2, &m);
    cr_expect(n == m && !memcmp(bytes, again, n) && n % 8 == 0);
    put_file(path, bytes, n);
    cr_assert(safetensors_read(path, true, &f, &err) == GAN_OK, "%s", err.message);
    cr_expect(safetensors_verify(path, &err) == GAN_OK, "%s", err.message);
    cr_expect(f->checked && f->n_tensors == 3 && f->n_meta == 2);
    for (int i = 0; i < 3; i++) {
        const SafeTensor *t = safetensors_find(f, tensors[i].name);
        cr_assert(t && t->elem == tensors[i].elem && t->rank == tensors[i].rank && !memcmp(t->dim, tensors[i].dim, sizeof t->dim));
        cr_expect(!t->bytes || !memcmp(t->data, tensors[i].data, t->bytes));
    }
    for (int i = 0; i < 2; i++) cr_expect_str_eq(safetensors_meta(f, meta[i].key), meta[i].value);
    cr_expect(!safetensors_find(f, "D") && !safetensors_meta(f, "xxh3"));
    safetensors_free(f);

    for (size_t k = 0; k < n; k++) {
        put_file(path, bytes, k);
        cr_expect(safetensors_read(path, true, &f, &err) == GAN_WRONG && !f, "cut at byte %zu", k);
        cr_expect(safetensors_verify(path, &err) == GAN_WRONG, "cut at byte %zu", k);
    }
    for (size_t bit = 0; bit < 8 * n; bit++) {
        bytes[bit / 8] ^= (char)(1 << bit % 8);
        put_file(path, bytes, n);
        cr_expect(safetensors_read(path, true, &f, &err) == GAN_WRONG && !f, "flipped bit %zu", bit);
        cr_expect(safetensors_verify(path, &err) == GAN_WRONG, "flipped bit %zu", bit);
        if (!safetensors_read(path, false, &f, &err)) safetensors_free(f);      /* no crash without the checksums either */
        bytes[bit / 8] ^= (char)(1 << bit % 8);
    }
    free(bytes), free(again);
    drop_folder(folder);
}

#define T(shape, from, to) "{\"dtype\":\"U8\",\"shape\":" shape ",\"data_offsets\":[" from "," to "]}"

Test(safetensors, hostile)
{
    static const struct {
        const char *what, *header;
        int         data;
        const char *error;                                  /* NULL: it reads */
    } cases[] = {
        {"fine", "{\"a\":" T("[2]", "0", "2") ",\"b\":" T("[1,1]", "2", "3") "}   ", 3, NULL},
        {"backwards", "{\"b\":" T("[1,1]", "2", "3") ",\"a\":" T("[2]", "0", "2") "}", 3, NULL},
        {"empty", "{}", 0, NULL},
        {"scalar", "{\"a\":" T("[]", "0", "1") "}", 1, NULL},
        {"no json", "{\"a\":", 0, "no JSON"},
        {"array", "[]", 0, "no JSON object"},
        {"twice", "{\"a\":" T("[1]", "0", "1") ",\"a\":" T("[1]", "1", "2") "}", 2, "no JSON (duplicate"},
        {"overlap", "{\"a\":" T("[2]", "0", "2") ",\"b\":" T("[2]", "1", "3") "}", 3, "'b' overlaps"},
        {"same place", "{\"a\":" T("[2]", "0", "2") ",\"b\":" T("[2]", "0", "2") "}", 2, "'b' overlaps"},
        {"gap", "{\"a\":" T("[1]", "0", "1") ",\"b\":" T("[1]", "2", "3") "}", 3, "gap of 1 bytes before the tensor 'b'"},
        {"gap in front", "{\"a\":" T("[1]", "1", "2") "}", 2, "gap of 1"},
        {"goes on", "{\"a\":" T("[1]", "0", "1") "}", 3, "goes on for 2 bytes"},
        {"beyond", "{\"a\":" T("[4]", "0", "4") "}", 3, "lies at bytes 0 to 4, and the file has 3"},
        {"negative", "{\"a\":" T("[1]", "-1", "0") "}", 3, "lies at bytes -1"},
        {"backwards range", "{\"a\":" T("[1]", "2", "1") "}", 3, "lies at bytes 2 to 1"},
        {"size", "{\"a\":" T("[2]", "0", "3") "}", 3, "has 3 bytes and its shape wants 2"},
        {"product", "{\"a\":" T("[4294967296,4294967296]", "0", "0") "}", 0, "2^40"},
        {"product around", "{\"a\":" T("[9223372036854775807,2]", "0", "0") "}", 0, "2^40"},
        {"negative dim", "{\"a\":" T("[-1]", "0", "0") "}", 0, "dimension 1"},
        {"fractional dim", "{\"a\":" T("[1.0]", "0", "1") "}", 1, "dimension 1"},
        {"nine dims", "{\"a\":" T("[1,1,1,1,1,1,1,1,1]", "0", "1") "}", 1, "at most 8"},
        {"huge number", "{\"a\":" T("[1]", "0", "99999999999999999999") "}", 1, "no JSON"},
        {"half", "{\"a\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,2]}}", 2, "type F16, which cannot be read"},
        {"no type", "{\"a\":{\"dtype\":7,\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "no dtype"},
        {"no shape", "{\"a\":{\"dtype\":\"U8\",\"shape\":7,\"data_offsets\":[0,1]}}", 1, "no shape"},
        {"three offsets", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1,2]}}", 1, "no data_offsets"},
        {"missing entry", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1, "not described"},
        {"not an entry", "{\"a\":7}", 0, "not described"},
        {"metadata", "{\"__metadata__\":[]}", 0, "metadata is no object"},
        {"metadata value", "{\"__metadata__\":{\"a\":1}}", 0, "'a' is no string"},
        {"short hash", "{\"__metadata__\":{\"xxh3\":\"\"}}", 0, "not where it should be"},
        {"wrong hash", "{\"__metadata__\":{\"xxh3\":\"00000000000000000000000000000000\"}}", 0, "header is damaged"},
    };
    char folder[256], file[1024];
    make_folder(folder);
    const char *path = in_folder(folder, "x");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t    n = strlen(cases[i].header);
        SafeFile *f;
        GanError  err;
        memset(file, 0, sizeof file);
        file[0] = (char)n, file[1] = (char)(n >> 8);
        memcpy(file + 8, cases[i].header, n);
        put_file(path, file, 8 + n + (size_t)cases[i].data);
        GanStatus s = safetensors_read(path, false, &f, &err);
        expect_error(cases[i].what, s, cases[i].error ? GAN_WRONG : GAN_OK, &err, cases[i].error);
        cr_expect(!f || !f->checked);
        safetensors_free(f);
        s = safetensors_read(path, true, &f, &err);
        expect_error(cases[i].what, s, GAN_WRONG, &err, cases[i].error ? cases[i].error : "no checksums");
        expect_error(cases[i].what, safetensors_verify(path, &err), GAN_WRONG, &err, cases[i].error ? cases[i].error : "no checksums");
    }
    memset(file, 0xff, 8);
    SafeFile *f;
    GanError  err;
    put_file(path, file, 100);
    expect_error("length", safetensors_read(path, false, &f, &err), GAN_WRONG, &err, "header says it is 18446744073709551615 bytes");
    char *deep = malloc(100000);
    memset(deep, '[', 100000);
    memcpy(deep, "\x98\x86\1\0\0\0\0\0", 8);
    put_file(path, deep, 100000);
    expect_error("deep", safetensors_read(path, false, &f, &err), GAN_WRONG, &err, "no JSON");
    free(deep);
    drop_folder(folder);
}

Test(safetensors, refuses_to_write)
{
    static const SafeTensor twice[] = {{"a", GAN_U8, 0, {0}, "x", 0}, {"a", GAN_U8, 0, {0}, "x", 0}};
    static const SafeTensor reserved = {"__metadata__", GAN_U8, 0, {0}, "x", 0}, bad = {"\xff", GAN_U8, 0, {0}, "x", 0};
    static const SafeTensor shape = {"a", GAN_U8, 1, {-1}, "x", 0};
    static const SafeMeta   ours = {"xxh3:a", ""}, not_utf8 = {"a", "\xff"};
    SafeImage               image;
    GanError                err;
    expect_error("twice", safetensors_image(twice, 2, NULL, 0, &image, &err), GAN_WRONG, &err, "'a' stands twice");
    expect_error("reserved", safetensors_image(&reserved, 1, NULL, 0, &image, &err), GAN_WRONG, &err, "reserved");
    expect_error("utf-8", safetensors_image(&bad, 1, NULL, 0, &image, &err), GAN_WRONG, &err, "not UTF-8");
    expect_error("shape", safetensors_image(&shape, 1, NULL, 0, &image, &err), GAN_WRONG, &err, "negative");
    expect_error("ours", safetensors_image(NULL, 0, &ours, 1, &image, &err), GAN_WRONG, &err, "taken by checksums");
    expect_error("value", safetensors_image(NULL, 0, &not_utf8, 1, &image, &err), GAN_WRONG, &err, "not UTF-8");
}

Test(checkpoint, newest_good_wins)
{
    char              folder[256], path[FILE_PATH_MAX];
    int               warnings = 0;
    CheckpointFolder *c;
    SafeFile         *f;
    GanError          err;
    make_folder(folder);
    const char *in = in_folder(folder, "run/checkpoints");
    cr_assert(checkpoint_newest(in, &(CheckpointSearch){0}, &f, path, &err) == GAN_OK && !f);
    cr_assert(checkpoint_open(in, &c, &err) == GAN_OK, "%s", err.message);
    cr_assert(checkpoint_newest(in, &(CheckpointSearch){0}, &f, path, &err) == GAN_OK && !f);
    for (int step = 1; step <= 6; step++)
        cr_assert(save(c, step * 1000, NULL, 3, path, &err) == GAN_OK, "%s", err.message);
    cr_expect(strstr(path, "/run/checkpoints/000006000.safetensors"), "%s", path);
    cr_expect(count_files(in) == 4, "three and the lock");
    cr_assert(!truncate(path, 100));
    put_file(in_folder(in, "000007000.safetensors"), "x", 1);
    put_file(in_folder(in, "000007000.safetensors.bak"), "x", 1);
    put_file(in_folder(in, "latest"), "x", 1);
    cr_assert(checkpoint_newest(in, &(CheckpointSearch){.warn = count_warning, .arg = &warnings}, &f, path, &err) == GAN_OK && f);
    cr_expect(warnings == 2 && strstr(path, "000005000."), "%d warnings, %s", warnings, path);
    safetensors_free(f);

    cr_assert(save(c, 12345678901, NULL, 1, path, &err) == GAN_OK);
    cr_expect(strstr(path, "/12345678901.safetensors"));
    cr_expect(access(in_folder(in, "000005000.safetensors"), F_OK) == 0, "two good ones are kept, at the least");
    cr_expect(access(in_folder(in, "000004000.safetensors"), F_OK) != 0);
    cr_expect(access(in_folder(in, "000006000.safetensors"), F_OK) == 0, "a bad one is not deleted");
    checkpoint_close(c);
    drop_folder(folder);
}

Test(checkpoint, names_are_not_reused)
{
    char              folder[256], path[FILE_PATH_MAX];
    float             other[6] = {9};
    CheckpointFolder *c;
    SafeFile         *f;
    GanError          err;
    make_folder(folder);
    cr_assert(checkpoint_open(folder, &c, &err) == GAN_OK);
    for (int i = 0; i < 3; i++) cr_assert(save(c, 5, NULL, 0, path, &err) == GAN_OK);
    cr_expect(strstr(path, "/000000005.safetensors") && count_files(folder) == 2);
    cr_assert(save(c, 5, other, 0, path, &err) == GAN_OK);
    cr_expect(strstr(path, "/000000005-2.safetensors") && count_files(folder) == 3);
    for (int i = 3; i <= 99; i++) {
        other[1] = (float)i;
        cr_assert(save(c, 5, other, 0, path, &err) == GAN_OK);
    }
    other[1] = 1000;
    expect_error("a hundred", save(c, 5, other, 0, path, &err), GAN_WRONG, &err, "99 checkpoints of this step");
    cr_expect(count_files(folder) == 100, "99 and the lock");
    cr_assert(checkpoint_newest(folder, &(CheckpointSearch){0}, &f, path, &err) == GAN_OK && f && strstr(path, "-99."));
    safetensors_free(f);
    cr_assert(save(c, 4, other, 2, path, &err) == GAN_OK);
    cr_expect(access(path, F_OK) == 0 && count_files(folder) == 3, "the new one stays, though it is the oldest");
    expect_error("negative", save(c, -1, NULL, 0, path, &err), GAN_WRONG, &err, "step -1");
    checkpoint_close(c);
    drop_folder(folder);
}

/* Under its own name a file stays, however many follow; the next of that name takes its place. */
Test(checkpoint, a_name_of_its_own)
{
    char              folder[256], path[FILE_PATH_MAX];
    const char       *names[] = {"best", "v1.5-final_"};
    float             w = 0, seen;
    CheckpointFolder *c;
    SafeFile         *f;
    GanError          err;
    make_folder(folder);
    cr_assert(checkpoint_open(folder, &c, &err) == GAN_OK);
    for (int step = 1; step <= 9; step++) {
        SafeTensor t = {"w", GAN_F32, 0, {0}, &w, 0};
        w = (float)step;
        CheckpointSave s = {.step = step, .tensor = &t, .n_tensors = 1, .keep = 2, .named = names, .n_named = step == 2 ? 2 : step == 4};
        cr_assert(checkpoint_save(c, &s, path, &err) == GAN_OK, "%s", err.message);
    }
    cr_expect(count_files(folder) == 2 + 2 + 1, "the newest two, the named two, and the lock");
    for (int i = 0; i < 2; i++) {
        cr_assert(safetensors_read(in_folder(folder, i ? "v1.5-final_.safetensors" : "best.safetensors"), true, &f, &err) == GAN_OK);
        memcpy(&seen, f->tensor[0].data, sizeof seen);
        cr_expect(seen == (i ? 2 : 4), "%g", (double)seen);
        safetensors_free(f);
    }
    cr_assert(checkpoint_newest(folder, &(CheckpointSearch){0}, &f, path, &err) == GAN_OK && f && strstr(path, "000000009"));
    safetensors_free(f);
    cr_assert(!unlink(in_folder(folder, "best.safetensors")) && !mkdir(in_folder(folder, "best.safetensors"), 0777));
    CheckpointSave s = {.step = 10, .keep = 2, .named = names, .n_named = 1};
    expect_error("a folder", checkpoint_save(c, &s, path, &err), GAN_WRONG, &err, "best.safetensors: cannot be put in its place");
    cr_expect(access(in_folder(folder, "000000010.safetensors"), F_OK) == 0, "the run can go on from it all the same");
    cr_expect(count_files(folder) == 3 + 2 + 1);
    checkpoint_close(c);
    drop_folder(folder);
}

/* A state of 64 MB is saved in the memory of its pieces; older files are read once, and not again while they are the same. */
Test(checkpoint, a_large_state)
{
    enum { N = 1 << 24 };
    char              folder[256], path[FILE_PATH_MAX], last[FILE_PATH_MAX] = "";
    float            *w = malloc(N * sizeof *w);
    CheckpointFolder *c;
    GanError          err;
    struct rusage     before, after;
    make_folder(folder);
    for (int i = 0; i < N; i++) w[i] = (float)i;
    for (int run = 0; run < 2; run++) {
        SafeTensor t = {"w", GAN_F32, 1, {N}, w, 0};
        cr_assert(checkpoint_open(folder, &c, &err) == GAN_OK);
        getrusage(RUSAGE_SELF, &before);
        for (int step = 1 + 10 * run; step <= 2 + 10 * run; step++, w[0]++) {
            CheckpointSave s = {.step = step, .tensor = &t, .n_tensors = 1, .keep = 2};
            cr_assert(checkpoint_save(c, &s, path, &err) == GAN_OK, "%s", err.message);
        }
        getrusage(RUSAGE_SELF, &after);
        cr_expect(after.ru_maxrss - before.ru_maxrss < 16 << 10, "%ld KB", after.ru_maxrss - before.ru_maxrss);
        if (!run) checkpoint_close(c);
    }
    struct stat st;                                         /* one of its bits has changed and nothing tells so: it is not read again */
    cr_assert(!stat(path, &st));
    int fd = open(path, O_WRONLY);
    cr_assert(fd >= 0 && pwrite(fd, "x", 1, st.st_size - 1) == 1 && !futimens(fd, (struct timespec[]){st.st_atim, st.st_mtim}) && !close(fd));
    strcpy(last, path);
    cr_assert(save(c, 13, NULL, 2, path, &err) == GAN_OK);
    cr_expect(count_files(folder) == 3 && !access(last, F_OK), "it counts as good");
    cr_assert(!utimensat(AT_FDCWD, last, (struct timespec[]){st.st_atim, {1, 0}}, 0));
    cr_assert(save(c, 14, NULL, 2, path, &err) == GAN_OK && save(c, 15, NULL, 2, path, &err) == GAN_OK);
    cr_expect(count_files(folder) == 4 && !access(last, F_OK), "now it is read, is bad, and stays");
    checkpoint_close(c);
    free(w);
    drop_folder(folder);
}

Test(checkpoint, one_run_at_a_time)
{
    char              folder[256], text[128];
    CheckpointFolder *c, *d;
    GanError          err;
    make_folder(folder);
    cr_assert(checkpoint_open(folder, &c, &err) == GAN_OK);
    snprintf(text, sizeof text, "another run (process %ld)", (long)getpid());
    expect_error("second", checkpoint_open(folder, &d, &err), GAN_WRONG, &err, text);
    checkpoint_close(c);

    put_file(in_folder(folder, "file"), "", 0);
    expect_error("file", checkpoint_open(in_folder(folder, "file"), &c, &err), GAN_WRONG, &err, "a folder is wanted here");
    expect_error("below", checkpoint_open(in_folder(folder, "file/x"), &c, &err), GAN_WRONG, &err, "a folder is wanted here");
    drop_folder(folder);
}

/* The name under which a process that is killed while it writes leaves its half file in the folder. */
static void leave_half(const char *folder, const char *file, char name[300], pid_t *pid)
{
    int     pipes[2];
    FileNew f;
    cr_assert(!pipe(pipes));
    *pid = fork();
    if (!*pid) {
        if (file_new_begin(&f, in_folder(folder, file), 0, false, NULL)) _exit(1);
        const char *base = strrchr(f.temp, '/') + 1;
        if (write(pipes[1], base, strlen(base) + 1) < 0) _exit(1);
        pause();
    }
    cr_assert(read(pipes[0], name, 300) > 0);
    close(pipes[0]), close(pipes[1]);
}

static bool stays(const char *folder, const char *name)     /* when a run opens the folder */
{
    CheckpointFolder *c;
    put_file(in_folder(folder, name), "half", 4);
    cr_assert(checkpoint_open(folder, &c, NULL) == GAN_OK);
    checkpoint_close(c);
    return !unlink(in_folder(folder, name));
}

Test(checkpoint, leftovers)
{
    char  folder[256], name[300], other[300];
    pid_t pid;
    make_folder(folder);
    leave_half(folder, "000000001.safetensors", name, &pid);
    cr_expect(stays(folder, name), "its process lives");
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    cr_expect(!stays(folder, name));
    size_t n = strlen(name);
    char  *process = memrchr(name, '-', n - 9) + 1, *start = process - 9, *machine = start - 9;
    strcpy(other, name);
    other[machine - name] = *machine == '0' ? '1' : '0';
    cr_expect(stays(folder, other), "of another machine: %s", other);
    strcpy(other, name);
    other[start - name] = *start == '0' ? '1' : '0';
    cr_expect(access("/etc/machine-id", R_OK) || !stays(folder, other), "of an earlier start of this one: %s", other);
    snprintf(other, sizeof other, ".tmp-000000001.safetensors-%ld-0123abcd", (long)pid);
    cr_expect(stays(folder, other), "a process number by itself is nobody's");
    cr_expect(stays(folder, ".tmp-a-b-c-d") && stays(folder, ".tmp-") && stays(folder, ".tmp-----") && stays(folder, "notes-1-2-3-4"));
    drop_folder(folder);
}

/* Files may not grow beyond a limit, at each limit up to the whole: what a full disk does. Nothing is left behind. */
Test(checkpoint, full_disk)
{
    char              folder[256], path[FILE_PATH_MAX], *bytes;
    size_t            n;
    CheckpointFolder *c;
    SafeFile         *f;
    GanError          err;
    make_folder(folder);
    signal(SIGXFSZ, SIG_IGN);
    cr_assert(checkpoint_open(folder, &c, &err) == GAN_OK);
    cr_assert(save(c, 1, NULL, 2, path, &err) == GAN_OK);
    bytes = get_file(path, &n);
    free(bytes);
    struct rlimit old, small;
    getrlimit(RLIMIT_FSIZE, &old);
    for (size_t most = 0; most < n; most += 7) {
        small = (struct rlimit){most, old.rlim_max};
        setrlimit(RLIMIT_FSIZE, &small);
        GanStatus s = save(c, 2, NULL, 2, path, &err);
        setrlimit(RLIMIT_FSIZE, &old);
        expect_error("full", s, GAN_WORLD, &err, "File too large");
        cr_assert(count_files(folder) == 2, "a failed save left something at %zu bytes", most);
    }
    cr_assert(checkpoint_newest(folder, &(CheckpointSearch){0}, &f, path, &err) == GAN_OK && f && strstr(path, "000000001"));
    safetensors_free(f);
    cr_assert(save(c, 2, NULL, 2, path, &err) == GAN_OK);
    checkpoint_close(c);
    drop_folder(folder);
}

static int half_files(const char *folder)
{
    int  n = 0;
    DIR *d = opendir(folder);
    for (struct dirent *e; (e = readdir(d));) n += !strncmp(e->d_name, ".tmp-", 5);
    closedir(d);
    return n;
}

/* Killed at any moment while saving, the folder opens again and its newest good state is there. */
Test(checkpoint, killed_while_saving)
{
    char   folder[256], path[FILE_PATH_MAX];
    float *large = calloc(1 << 18, sizeof *large);
    make_folder(folder);
    for (int round = 0; round < 12; round++) {
        pid_t child = fork();
        if (!child) {
            CheckpointFolder *c;
            SafeTensor        t = {"w", GAN_F32, 1, {1 << 18}, large, 0};
            if (checkpoint_open(folder, &c, NULL)) _exit(1);
            for (int step = 1 + 1000 * round;; step++) {
                large[0] = (float)step;
                if (checkpoint_save(c, &(CheckpointSave){.step = step, .tensor = &t, .n_tensors = 1, .keep = 2}, NULL, NULL)) _exit(1);
            }
        }
        usleep(4000 + 3700 * (unsigned)round);
        int status;
        cr_assert(waitpid(child, &status, WNOHANG) == 0, "the saver ended by itself");
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        CheckpointFolder *c;
        SafeFile         *f;
        GanError          err;
        int               warnings = 0;
        cr_assert(checkpoint_open(folder, &c, &err) == GAN_OK, "%s", err.message);
        cr_assert(checkpoint_newest(folder, &(CheckpointSearch){.warn = count_warning, .arg = &warnings}, &f, path, &err) == GAN_OK);
        cr_expect(warnings == 0, "a name stands before a half-written file");
        cr_expect(half_files(folder) == 0, "half-written files stay");
        safetensors_free(f);
        checkpoint_close(c);
    }
    free(large);
    drop_folder(folder);
}
