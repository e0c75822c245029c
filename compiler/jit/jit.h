/* jit.h - the compiling engine: an IR module becomes native code over the state arena.
 *
 * Its kernels are compiled for the host (object.h), laid into memory (flat.h, machine.h) and called from plain tables (runtime/code.h), or
 * taken from the cache (cache.h), where an earlier run has left them.
 * Its bits are the interpreter's, for every number of threads. A step allocates nothing. */
#pragma once
#include "compiler/llvm/object.h"
#include "runtime/code.h"

typedef struct JitOptions {
    int threads;                                            /* < 1: one per CPU this process may use */
    bool c_text;                                            /* kernels by the system's C compiler instead of LLVM: slow to start, for tests of the walks */
    const char *cpu;                                        /* of target.h, x86-64-vN: code for that, which this machine must have; NULL: for all that it has */
    bool more_than_cpus;                                    /* take as many as are asked for */
    PlanOptions plan;
    bool cached;                                            /* code is kept for the next run, and taken from there; not with c_text, nor with texts */
    void (*say)(void *self, const GanError *why);           /* code could not be kept, or what is kept may not be used: the run goes on. NULL: to nobody */
    void *self;                                             /* of say */
    void (*on_code)(void *meter_self, const NestProgram *nests, const Code *code);  /* what the tables are of, before plans are gone; not with what is kept */
    void *meter_self;
    const CodeMeter *meter;                                 /* runs, on one thread, say what calls take; NULL: they do not */
    LlvmTexts texts;                                        /* for `gan explain` */
} JitOptions;

/* Compiles every function of `m`. The module's functions and slots are the program's, by index; both must outlive the
 * call, the program the engine too. A run wants p's state layout. Options may be NULL.
 * Externs of p are opened before a run (runtime/extern.h).
 * GAN_WRONG for what cannot run here (code for another CPU), GAN_WORLD when memory runs out. */
GanStatus jit_engine_new(const IrModule *m, const GanProgram *p, const JitOptions *options, GanEngine *out,
                         GanError *err);
