/* checkpoint.h - a run's folder of checkpoints: writing them so that a crash never costs a good one, finding the newest.
 *
 * Files are named by step, "000012000.safetensors", and a name is never reused: saving the same bytes again is a success
 * that writes nothing, other bytes at the same step become "000012000-2.safetensors". There is no pointer to the latest;
 * the newest file that verifies is it. A file that the program names ("best.safetensors") stays until the program names the next.
 * One run at a time holds the folder. */
#pragma once
#include "runtime/file.h"
#include "runtime/safetensors.h"

typedef struct CheckpointFolder CheckpointFolder;

/* Makes the folder if needed, locks it and removes what dead runs left half-written. GAN_WRONG when another run holds it. */
GanStatus checkpoint_open(const char *folder, CheckpointFolder **out, GanError *err);
void      checkpoint_close(CheckpointFolder *c);            /* unlocks; NULL is fine */

typedef struct CheckpointSave {
    int64_t            step;
    const SafeTensor  *tensor;
    int                n_tensors;
    const SafeMeta    *meta;
    int                n_meta;
    int                keep;                                /* the newest good ones that stay, at least 2; 0: delete nothing */
    const char *const *named;                               /* the file gets these names too: "best" is best.safetensors, in place of an older one */
    int                n_named;
} CheckpointSave;

/* On return the file is on the disk. Then, once it has been read back and is what was written, older files are deleted so that the
 * `keep` newest good ones stay; files that do not verify are neither counted nor deleted, and those with a name of their own are none of
 * these. `path` (may be NULL) receives the file's path, FILE_PATH_MAX bytes. A failure leaves every older file in place. */
GanStatus checkpoint_save(CheckpointFolder *c, const CheckpointSave *save, char *path, GanError *err);

/* Who looks for a file, each with `arg`; any may be NULL. */
typedef struct CheckpointSearch {
    void (*warn)(void *arg, const GanError *bad);           /* called with one line about each file that does not verify */
    bool (*takes)(void *arg, const SafeFile *f);            /* false: an older one is looked for */
    void  *arg;
} CheckpointSearch;

/* The newest file that verifies and is taken, read; *out is NULL (and the status GAN_OK) when there is none, or no folder. GAN_WORLD where one
 * cannot be read: that is not said of the file, so no older one is taken in its place. Needs no lock. */
GanStatus checkpoint_newest(const char *folder, const CheckpointSearch *search, SafeFile **out, char *path, GanError *err);
/* One file by its path: safetensors_read(path, true, ...). Its step is in its metadata, as the writer put it. */
