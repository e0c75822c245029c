/* jit.h - the compiling engine: an IR module becomes native code over the state arena.
 *
 * Each function is planned by samples (compiler/kernel/plan.h), emitted as LLVM instructions and compiled for the host.
 * Its bits are the interpreter's, for every number of threads. A step allocates nothing. */
#pragma once
#include "compiler/kernel/plan.h"
#include "runtime/program.h"

typedef struct JitOptions {
    int threads;                                            /* < 1: one per CPU this process may use */
    bool c_text;                                            /* kernels by the system's C compiler instead of LLVM: slow to start, for tests of the walks */
    bool more_than_cpus;                                    /* take as many as are asked for */
    PlanOptions plan;
    /* Texts for `gan explain`, each given once a function while it is compiled; NULL: not wanted. `text` is borrowed. */
    void (*on_plan)(void *self, const char *fn, const char *text);      /* the kernels: regions, tiles, buffers, flops */
    void (*on_loops)(void *self, const char *fn, const char *text);     /* what they do: their nests, each behind its number and words */
    void (*on_llvm)(void *self, const char *fn, const char *text);      /* LLVM's text form */
    void (*on_asm)(void *self, const char *fn, const char *text);       /* the host's assembly */
    void *self;
} JitOptions;

/* Compiles every function of `m`. The module's functions and slots are the program's, by index; both must outlive the
 * call, the program the engine too. A run wants p's state layout. Options may be NULL.
 * GAN_WRONG for what cannot run here (an extern's symbol that is not found), GAN_WORLD when memory runs out. */
GanStatus jit_engine_new(const IrModule *m, const GanProgram *p, const JitOptions *options, GanEngine *out,
                         GanError *err);
