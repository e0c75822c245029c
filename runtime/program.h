/* program.h - a compiled program as the runtime sees it: slots, functions, and the schedule tree the trainer walks.
 * Made by the compiler; the runtime knows nothing of how. Everything is owned by
 * whoever made the program and outlives the run. */
#pragma once
#include "runtime/data/recipe.h"
#include "runtime/error.h"
#include "runtime/tensor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- state ------------------------------------------------------------------------------------------------------ */

typedef enum { GAN_PARAM, GAN_OPTIMIZER, GAN_STATE, GAN_COUNTER, GAN_DATA, GAN_SCRATCH } GanSlotKind;

typedef struct GanSlot {
    const char *path;                                       /* "D.Dense_1.w"; a checkpoint's name for it */
    GanSlotKind kind;                                       /* DATA slots lie outside the arena; they and SCRATCH, which passes values between the functions of a round, outside checkpoints */
    GanElem     elem;
    int         rank;
    int64_t     dim[8];
    size_t      offset, bytes;                              /* in the arena, 64-byte aligned; DATA: offset is its index in GanState.data */
    const char *player;                                     /* the owner, or NULL */
} GanSlot;

typedef struct GanState {
    char        *base;                                      /* the arena: every slot but DATA, 64-byte aligned */
    size_t       bytes;
    const void **data;                                      /* DATA slots, read-only */
    uint64_t     seed;
} GanState;

/* ---- functions -------------------------------------------------------------------------------------------------- */

enum { GAN_MOST_SAMPLES = 4 };

typedef struct GanOutput {                                  /* row-major over sample axes, then feature dims: one shape here */
    const char *name;
    const char *kind;                                       /* of a report: what kind of estimate it is, "bound"; NULL: nothing is said */
    int64_t     samples[GAN_MOST_SAMPLES];                  /* with how many draws it was measured: each number of them once, the largest first, 0 behind them */
    int         slope_of;                                   /* 1 + the slot of the parameter by which it is a loss's gradient (LowerOptions.slopes); 0: it is none */
    GanElem     elem;
    int         rank;
    int64_t     dim[16];
} GanOutput;

typedef struct GanFunction {
    const char *name;
    const char *player;                                     /* of an update; NULL otherwise */
    int         n_outputs;
    GanOutput  *output;
    int         n_written;                                  /* slots that it sets: of players and states, which must stay finite; bools, which must hold (state_required) */
    int        *written;
    uint64_t    sum[2];                                     /* of what it computes: two functions of the same sum do the same, whatever else their programs do */
    int         n_asked;                                    /* slots of reports that it reads */
    int        *asked;
} GanFunction;

/* An engine runs functions on a state: the interpreter or the JIT. `out[i]` receives output i (dense, the
 * caller's memory). A run either commits everything or, on an error, nothing. */
typedef struct GanEngine {
    void       *self;
    const char *name;
    GanStatus (*run)(void *self, int function, GanState *state, void *const *out, GanError *err);
    void      (*free)(void *self);
    /* Another instance of the same code, on so many threads of its own (< 1: one a CPU); both may run at the same time. This one is freed last. */
    GanStatus (*another)(void *self, int threads, struct GanEngine *out, GanError *err);
} GanEngine;

/* ---- the schedule ----------------------------------------------------------------------------------------------- */

typedef enum {
    GAN_SEQUENCE,                                           /* kids in order */
    GAN_ALTERNATE,                                          /* `count` rounds of the kids; slot "step" is the round, from 0; --steps overrides the count */
    GAN_REPEAT,                                             /* the kids `count` times, or as often as function `fn` (one i64) says */
    GAN_EVERY,                                              /* the kids after rounds count, 2*count, ... of the enclosing alternate */
    GAN_IF,                                                 /* function `fn` (one bool): kid 0, else kid 1 if there */
    GAN_CALL,                                               /* run `fn`: update, simultaneous updates, draw, let, assign, copy, average, initialise; an output "loss", "loss_2 of G" is watched for NaN and inf */
    GAN_REPORT,                                             /* run `fn`; its outputs (numbers) are logged under their names and committed to slots "report.NAME" by itself */
    GAN_SCATTER,                                            /* run `fn`, outputs [n,2]: a picture `name` of point clouds, one colour an output, which its name says */
    GAN_HISTOGRAM,                                          /* the same of outputs [n], in `count` bins */
    GAN_CURVE,                                              /* the same of outputs [n], values of functions at even places from lo to hi */
    GAN_GRID,                                               /* run `fn`, outputs [n,h,w] or [n,h,w,c]: a picture `name`, of several outputs a row each */
    GAN_SAVE,                                               /* a checkpoint now */
    GAN_STOP,                                               /* leave the enclosing alternate when `fn` (one bool) says so */
    GAN_EXPECT,                                             /* `fn` (one bool) must hold; `name` is its source text */
} GanScheduleKind;

typedef struct GanSchedule {
    GanScheduleKind      kind;
    int                  fn;                                /* -1: none */
    int64_t              count;                             /* -1: none */
    bool                 implied;                           /* CALL: no statement of the program, but what a block does before its first round. Not known of an image */
    int64_t              by_step;                           /* EXPECT: judged at this step of the last alternate; -1: where it stands */
    const char          *name;
    uint32_t             file, line, col;                   /* of the statement; file indexes GanProgram.file */
    double               lo, hi;                            /* GRID: the values shown black and white; other pictures: ends of the axes, NaN: chosen */
    int                  n_kids;
    struct GanSchedule **kid;
} GanSchedule;

/* A model that can be drawn from without a compiler: a function with one output [batch, ..] a field. Its next run draws the next ones. Or a
 * net, whose arguments are slots "<input>.NAME.ARGUMENT". */
typedef struct GanModel {
    const char *name;
    int         fn;
    int64_t     batch;
    const char *needs;                                      /* a slot that it reads and only a run fills; or NULL */
} GanModel;

enum { GAN_MOST_PARAMS = 24 };                              /* as many as any function of the language may be given */

/* A function of C in a shared object that draws call (runtime/extern.h). */
typedef struct GanExtern {
    const char *name;                                       /* what the IR calls it: each has its own */
    const char *symbol, *path;                              /* the function's name; the file as the source writes it */
    uint32_t    file, line, col;                            /* of the declaration; file indexes GanProgram.file */
    int         n_params;
    int64_t     size[GAN_MOST_PARAMS];                      /* numbers of each parameter */
    int64_t     n_out;                                      /* numbers of a draw */
    bool        is_real;                                    /* of doubles; else of int64_t */
    bool        is_thread_safe;                             /* this and the next: when its shared object has been opened */
    void      (*function)(void);
} GanExtern;

/* What the compiler has read in a file and made the program for, by name what it is of a run that goes on: its shape, or its words. */
typedef struct GanFact {
    const char *file;                                       /* as the program says it */
    const char *held;                                       /* "f64[4, 2]" */
} GanFact;

typedef struct GanProgram {
    const char  *name;                                      /* the file's base name: names the run's folder */
    const char  *source_hash;                               /* of the source, every module it imports, and --set */
    const char  *text;                                      /* of the main file, for the run's page; NULL: it is not at hand */
    const char  *made_with;                                 /* flags that make another program of the same sources, "--set width=3 --f64"; or NULL */
    const char **file;      int n_files;
    GanSlot     *slot;      int n_slots;
    size_t       state_bytes;
    GanTensor  **data;      int n_data;                     /* the DATA slots' tensors, already of the slot's element type */
    const DataRecipe *recipe;                               /* how each is made of a file */
    GanFact     *fact;      int n_facts;                    /* of every file that was read when the program was compiled, also where nothing reads it later */
    const char  *folder;                                    /* where their relative paths begin; NULL: here */
    GanFunction *function;  int n_functions;
    GanSchedule *schedule;
    GanModel    *model;     int n_models;                   /* of native programs; 0 otherwise */
    GanExtern   *external;  int n_externs;
    int          init_fn;                                   /* fills parameters and states of a new run; run once at tick 0 */
} GanProgram;

/* The slots of a net's arguments, [batch, ..] each, which the caller fills before the function runs; at most `most`. 0: it is no net. */
int gan_model_inputs(const GanProgram *p, const GanModel *m, int *slot, int most);
