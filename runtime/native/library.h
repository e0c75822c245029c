/* library.h - a compiled program inside of another one: what the functions of a library that `gan build --lib` makes are made of.
 *
 * Each of them calls one of these; NAME.h, which is written beside the library, declares and explains them to its users, and its structs are
 * these under other names (compiler/native/header.c). An instance is a game with a state of its own: nothing is shared between two, so
 * each may be on a thread of its own. One instance is used by one thread at a time; a second one that calls meanwhile gets an error.
 * In a forked process, an instance that no thread was using is a copy of the other's, and its team gets threads there (parallel.h).
 * Nothing here prints, exits, or touches the process: no signals, no locale. Functions return the status that is in the error as well. */
#pragma once
#include "runtime/native/variants.h"

typedef struct GanInstance GanInstance;

typedef struct LibraryError { int32_t status; char message[1020]; } LibraryError;   /* GanStatus; one line, "" without an error */
typedef struct LibraryData { const char *name, *path; } LibraryData;

typedef struct LibraryOptions {                             /* of zeros: as the program says */
    uint64_t           seed;
    int64_t            steps;                               /* rounds of every alternate block; 0: the program's */
    int32_t            threads, n_data;                     /* threads 0: the CPUs allowed */
    const LibraryData *data;                                /* other files for its data */
    const char        *folder;                              /* where relative paths of its data begin; NULL: where they did when it was built */
} LibraryOptions;

/* *out: a new run, initialised and ready to be sampled. NULL on an error. */
int  library_open(const NativeCode *program, const LibraryOptions *o, GanInstance **out, LibraryError *err);
void library_close(GanInstance *it);                        /* NULL is fine */

/* Goes on for so many rounds of the program's blocks (below 0: to its end) and up to where the next round would begin, or the end.
 * *done (NULL is fine): how many it were. An error in a round leaves the instance without a place to go on from: load one. */
int     library_train(GanInstance *it, int64_t rounds, int64_t *done, LibraryError *err);
int64_t library_rounds(const GanInstance *it);              /* of the run so far; -1: no instance */
int     library_over(const GanInstance *it);                /* 1: the program has come to its end */

/* A checkpoint: state and place of the run, as `gan run` writes them. load takes both; load_state the state alone, from any file of tensors with
 * the slots of this program, and the run is before its first round. An error changes nothing, nor does it an older file. */
int library_save(GanInstance *it, const char *path, LibraryError *err);
int library_load(GanInstance *it, const char *path, LibraryError *err);
int library_load_state(GanInstance *it, const char *path, LibraryError *err);

/* n rows of each field of model `model`, by its number, into out[field]. The first call's are those of `gan sample`; each call draws others. No run changes. */
int library_sample(GanInstance *it, int model, int64_t n, void *const *out, LibraryError *err);

/* A net, by its number among the models, of n examples: row i of out[field] is its value for the rows i of in[..], one for each of its arguments. */
int library_evaluate(GanInstance *it, int net, int64_t n, const void *const *in, void *const *out, LibraryError *err);

int library_report(GanInstance *it, const char *name, double *value, LibraryError *err);   /* the latest; NaN before there was one */
