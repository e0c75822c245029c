/* code.h - compiled functions as plain data: which code is called on which part of the work, with which words, in which order.
 *
 * Rows refer to one another by number and to memory by offset, so nothing here points into a compiler, and have no padding: an image holds
 * them as they are. A block's number is above those of the blocks inside it. Code is made once and never changes; what a run changes
 * (frame, scratch, state) is an instance's. Every thread of a team walks the same steps, at its own pace, and does its part of each; it waits
 * for the others where the code says so (compiler/kernel/wait.c has the rule), which is all there is between them. Shards and ranges depend
 * on the code, never on the threads, so results do not either. */
#pragma once
#include "runtime/frame.h"
#include "runtime/parallel.h"
#include "runtime/program.h"

typedef struct CodeRange { int first, n; } CodeRange;       /* rows of the table that the field's name says */

typedef struct CodeCall {                                   /* of a nest */
    int     nest, words;                                    /* by number; its first word */
    int64_t units, split;                                   /* UNIFORM: of the work; split 0: all on one thread, else 1. TILED, by calls: 1 does all panels of a tile */
} CodeCall;

typedef struct CodePlace {                                  /* bytes of the frame */
    int64_t offset, bytes;
    int64_t n_iter;                                         /* of stacked values: + the counter of the enclosing scan of that depth * bytes */
    struct { int64_t depth, bytes; } iter[FRAME_MAX_DEPTH];
} CodePlace;

typedef struct CodeCopy {
    CodePlace to, from;
    int64_t   shards, shard;                                /* samples: each thread copies its shards, of so many bytes; shards 0: one copies all, */
    int64_t   thread;                                       /* this one, modulo the threads */
} CodeCopy;
typedef struct CodeStack { int64_t offset, bytes, turn; } CodeStack;    /* what a scan stacks up: [bytes / (turns * turn)][turns][turn] bytes of the frame */
typedef struct CodeCommit { int64_t state, frame, bytes; } CodeCommit;  /* of the frame to the state's arena, when all steps are done */

typedef enum {
    CODE_TILED,                                             /* a loop over shards, tiles of 64 samples, panels of 16: the kernels of each */
    CODE_UNIFORM,                                           /* kernels that do not depend on one another, cut by units */
    CODE_SCAN,                                              /* body[0], `turns` times, or until all flags at `predicate` (tile by tile: the tile's) are set before a turn */
    CODE_COND                                               /* body[0] if the byte at `predicate` is not 0, else body[1] */
} CodeStepKind;

typedef enum {                                              /* where a step waits for all threads: bits */
    CODE_WAIT_FIRST = 1,                                    /* before it */
    CODE_WAIT_COPIES = 2,                                   /* SCAN: before the copies after each turn */
    CODE_WAIT_TURN = 4,                                     /* SCAN: after them */
    CODE_WAIT_LAST = 8,                                     /* after it */
    CODE_WAITS = 15
} CodeWait;

typedef struct CodeStep {
    CodeStepKind kind;
    int          depth;                                     /* SCAN: how many enclose it */
    int64_t      extent, shards, shard;                     /* TILED: samples; how many shards of how many samples. SCAN: extent, samples that have flags; and */
                                                            /* if it has shards, all turns are run on a tile before the next: the body's steps are panels of these */
    CodeRange    once, panel, tile, finish;                 /* calls. TILED: on every thread that has shards; for each panel; tile; shard. UNIFORM: panel */
    int64_t      zero_from, zero_bytes;                     /* TILED: of scratch, cleared for each shard */
    int64_t      by_calls;                                  /* TILED: 1: each of `panel` on all panels of a tile before the next call; else 0 */
    int64_t      waits;                                     /* bits of CodeWait */
    int          body[2];                                   /* SCAN, COND: blocks */
    int64_t      turns;                                     /* SCAN */
    CodeRange    after;                                     /* SCAN: copies after each turn */
    CodeRange    stacks;                                    /* SCAN: 0 from the turn on that is not run */
    CodePlace    predicate;                                 /* COND: a byte. SCAN: [panels of `extent` samples][..][16] flags, or one; no bytes: none */
} CodeStep;

typedef struct CodeFunction {
    int64_t   top;                                          /* its block */
    int64_t   tick;                                         /* offset in the state's arena of how often it ran; below 0: it does not count */
    CodeRange outs, commits;                                /* outs: places, in the order of the reports */
} CodeFunction;

typedef struct Code {
    const CodeFunction *fn;      int n_fns;
    const CodeRange    *block;   int n_blocks;              /* of steps */
    const CodeStep     *step;    int n_steps;
    const CodeCall     *call;    int n_calls;
    const CodeCopy     *copy;    int n_copies;
    const CodeStack    *stack;   int n_stacks;
    const CodePlace    *out;     int n_outs;
    const CodeCommit   *commit;  int n_commits;
    const int64_t      *words;   int n_words;
    const int32_t      *wants;   int n_nests;               /* words of each nest */
    const GanExtern    *external;  int n_externs;           /* what its externs are, opened before it runs: whoever makes or opens the code sets it */
    const KernelFn     *nest;                               /* their addresses */
    const char *const  *stream;  int n_streams;             /* names */
    int64_t             frame_bytes, scratch_bytes;         /* the most that a function wants */
    bool                blas;                               /* calls products of OpenBLAS, to be opened first */
} Code;

typedef struct CodeMeter {                                  /* of runs on one thread; tables by row of Code.call, whoever asks owns them */
    int64_t  cost;                                          /* nanoseconds that asking for the time adds to each call */
    int64_t *now, *parts;                                   /* nanoseconds in the run under way, at least 1 a call; how much it did there: panels, shards or units */
    int64_t *whole;                                         /* panels, shards or units that its step has: parts / whole is how often it did all of its work */
    int64_t *least, *did;                                   /* of one run, of all that were made; parts of that run */
    int64_t *runs;                                          /* in which it was called; of the first nothing is kept, as it meets cold memory, unless there is no other */
} CodeMeter;

int64_t code_meter_cost(void);                             /* what CodeMeter.cost is here */

typedef struct CodeInstance {                               /* work space of one run at a time */
    Team   *team;
    char ***bases;                                          /* of each thread, as frame.h says, with room for the state's arena and for each DATA slot */
    int     threads;                                        /* that it is for: the team has no more */
    void  **blocks;                                         /* what is freed */
    bool    keyed;  uint64_t seed;                          /* are there keys of streams, and of which seed? */
    const CodeMeter *meter;                                 /* NULL: nobody asks what calls take */
    bool    given_up;                                       /* in the run under way */
    int     n_blocks;
} CodeInstance;

/* Takes the team, which code_close() frees. GAN_WORLD when memory runs out; close it in any case. */
GanStatus code_open(CodeInstance *in, const Code *c, int n_data, Team *team, GanError *err);
void      code_close(CodeInstance *in);
/* Runs a function on a state. Reports go to out (it or entries may be NULL). False: it was given up (interrupt.h), and the state holds a part of it. */
bool      code_run(const Code *c, CodeInstance *in, int function, GanState *state, int n_data, void *const *out);
