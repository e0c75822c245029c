/* file.h - opening what a program names, and putting files down so that nobody ever sees half of one.
 *
 * A new file is written beside its place under a temporary name and renamed when complete; a crash leaves the old file, or
 * none. Reading opens regular files only: a directory, a pipe or a device is refused before a byte is read. */
#pragma once
#include "runtime/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FILE_PATH_MAX = 4096 };

/* An open descriptor in *fd (yours to close) and its length. GAN_WRONG: missing (names the Debian package that would bring a
 * known data set), not a regular file, not readable; GAN_WORLD: the device failed, too many open files. */
GanStatus file_open(const char *path, int *fd, int64_t *bytes, GanError *err);

/* The whole file, NUL-terminated, in *data (yours to free); GAN_WRONG beyond `most` bytes. */
GanStatus file_read_all(const char *path, int64_t most, char **data, size_t *n, GanError *err);

/* The folder and those above it; fine when it exists. */
GanStatus file_make_folder(const char *path, GanError *err);

/* Where a new file of this name goes: there, or where a symbolic link leads, which stays a link. A new file takes the place of a regular one only:
 * a device, a pipe or a folder of the name is GAN_WRONG. Who works long before he writes asks this first. */
GanStatus file_place(const char *path, char place[FILE_PATH_MAX], GanError *err);

/* A file in the making. Begin, write, then end; abort instead of end (or after any failure) removes it. */
typedef struct FileNew {
    int  fd;                                                /* -1: not open */
    bool lasting;
    char path[FILE_PATH_MAX], temp[FILE_PATH_MAX];
} FileNew;

/* `expected` bytes are reserved so that a full disk is met here (0: not known). `lasting` files are synced to the disk
 * before and after the rename, as a checkpoint wants and a picture does not. */
GanStatus file_new_begin(FileNew *f, const char *path, int64_t expected, bool lasting, GanError *err);
GanStatus file_new_write(FileNew *f, const void *data, size_t n, GanError *err);
GanStatus file_new_end(FileNew *f, GanError *err);          /* takes the place of an older file of that name */
/* As file_new_end, but an older file stays: *taken says so, the new one is kept open for file_new_retry or abort. */
GanStatus file_new_end_unless_there(FileNew *f, bool *taken, GanError *err);
void      file_new_rename(FileNew *f, const char *path);    /* another final name in the same folder */
/* Gives the content, which is complete now, one more name, in place of an older file of it. GAN_WORLD where a file has only one name. */
GanStatus file_new_also(FileNew *f, const char *path, GanError *err);
void      file_new_abort(FileNew *f);                       /* fine at any time */

/* A temporary name of ours, of a process that is certainly no more. One of another machine, of another container or of a start of this
 * machine that cannot be told from another's is not: its number means nothing here. */
bool      file_is_leftover(const char *name);

/* All of the above at once. */
GanStatus file_write(const char *path, const void *data, size_t n, bool lasting, GanError *err);
/* The same of a file that is there, whose permissions and, where we may, owner it keeps. */
GanStatus file_rewrite(const char *path, const void *data, size_t n, GanError *err);
