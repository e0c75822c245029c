/* testing.h - what the runtime's tests share: a folder of their own, small files in it, errors to look at. */
#pragma once
#include "runtime/error.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A fresh folder under the system's place for temporary files; remove it with drop_folder. */
static inline char *make_folder(char folder[256])
{
    const char *root = getenv("TMPDIR");
    snprintf(folder, 256, "%s/gan-test-XXXXXX", root ? root : "/tmp");
    cr_assert(mkdtemp(folder), "no temporary folder");
    return folder;
}

static inline int drop_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static inline void drop_folder(const char *folder) { nftw(folder, drop_one, 16, FTW_DEPTH | FTW_PHYS); }

/* "FOLDER/NAME", good until sixteen more were asked for. */
static inline const char *in_folder(const char *folder, const char *name)
{
    static char *turn[16];
    static int   n;
    char       **s = &turn[n++ % 16], *path;
    cr_assert(asprintf(&path, "%s/%s", folder, name) > 0);
    free(*s);
    return *s = path;
}

static inline void put_file(const char *path, const void *data, size_t n)
{
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0644);
    cr_assert(fd >= 0 && write(fd, data, n) == (ssize_t)n && !close(fd), "cannot write %s", path);
}

static inline char *get_file(const char *path, size_t *n)
{
    struct stat st;
    int         fd = open(path, O_RDONLY);
    cr_assert(fd >= 0 && !fstat(fd, &st), "cannot read %s", path);
    char *data = malloc((size_t)st.st_size + 1);
    cr_assert(read(fd, data, (size_t)st.st_size) == st.st_size, "cannot read %s", path);
    data[st.st_size] = 0;
    close(fd);
    *n = (size_t)st.st_size;
    return data;
}

static inline int count_files(const char *folder)
{
    char command[512];
    int  n = -1;
    snprintf(command, sizeof command, "ls -A '%.250s' | wc -l", folder);
    FILE *p = popen(command, "r");
    cr_assert(p && fscanf(p, "%d", &n) == 1);
    pclose(p);
    return n;
}

/* The error's text has `part` in it; `what` names the row of a table of cases. */
static inline void expect_error(const char *what, GanStatus got, GanStatus want, const GanError *err, const char *part)
{
    char text[GAN_ERROR_TEXT] = "";
    if (got) gan_error_text(err, text);
    cr_expect(got == want, "%s: status %d, not %d (%s)", what, got, want, text);
    cr_expect(!want || strstr(text, part), "%s: '%s' has no '%s' in it", what, text, part);
    cr_expect(!got || err->status == got, "%s: the error says status %d", what, err->status);
}
