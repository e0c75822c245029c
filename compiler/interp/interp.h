/* interp.h - the interpreter: one operation at a time, plain loops, the bits of docs/ir.md.
 *
 * It is the reference the compiled code is compared with, the engine of `--interp`, and what a debugger steps through: a
 * watcher sees the value of every result. It works on any verified function and needs no GanProgram.
 * Values live on the heap until their last use; slots are read where they lie and written when the run has succeeded. */
#pragma once
#include "compiler/ir/ir.h"
#include "runtime/program.h"

/* Memory of the module's slots, by index; row-major. Slots that no one reads or commits may be NULL. */
typedef struct InterpMemory {
    void   **slot;
    uint64_t seed;
    const GanExtern *external;                              /* opened; what extern rows call, found by their symbols */
    int      n_externs;
} InterpMemory;

/* ---- watching --------------------------------------------------------------------------------------------------- */

typedef struct InterpRun InterpRun;                         /* a run in progress */

/* Called for every result of every node, in order of execution, also within bodies of scan and cond. `iteration` is the
 * row-major index of the enclosing scans (0 outside). False ends the run there: GAN_OK, nothing committed or reported. */
typedef struct InterpWatch {
    bool (*see)(void *self, const InterpRun *run, const IrNode *node, int result, uint32_t iteration, const void *data);
    void  *self;
} InterpWatch;

/* The value of an operand of the node being watched (any value still alive), row-major over its axes, then dims; NULL: none. */
const void *interp_value(const InterpRun *run, const IrVal *v);

/* For a watcher: what uses the value that it sees takes `data` instead, which outlives the run. */
void interp_replace(const InterpRun *run, const IrVal *v, const void *data);

/* ---- running ---------------------------------------------------------------------------------------------------- */

/* Runs f on `memory`. reports[i] (or `reports`) may be NULL: not wanted. With `commits`, commit i is written there (NULL
 * entries: dropped) and the slots stay as they are; without, the slots are written, all at once, at the end.
 * GAN_WRONG for an extern that memory has not, GAN_WORLD when a value does not fit in memory; then nothing was written. */
GanStatus interp_fn(const IrModule *m, const IrFn *f, const InterpMemory *memory, void *const *reports, void *const *commits,
                    const InterpWatch *watch, GanError *err);

/* The bytes of a value of this type, or -1 when they exceed 2^40. */
int64_t interp_type_bytes(const IrModule *m, const IrType *t);
double  interp_number(IrElem e, const void *data, int64_t i);              /* element i; of 64 bits rounded */

/* An engine for a whole program: function i and slot i of `p` are those of `m`. Both must outlive it. */
GanStatus interp_engine_new(const IrModule *m, const GanProgram *p, GanEngine *out, GanError *err);
