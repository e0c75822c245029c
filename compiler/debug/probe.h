/* probe.h - an expression in the scope of a program that runs: lowered in a session of its own, and computed on the run's state.
 *
 * The program is lowered once more, with a function for the expression behind all of its own, so that the slots of both have the same numbers
 * and places; what the expression needs beside them (the counter of its draws) lies in the PROBE_ROOM bytes behind the run's state and is set anew
 * each time. So looking leaves the run as it is, and looking twice in one state sees the same. */
#pragma once
#include "compiler/session/session.h"

enum { PROBE_ROOM = 4096 };

typedef struct Source { const char *name, *text; size_t typed; } Source;     /* of a program; text NULL: the library alone; typed: the byte from which on it was typed, 0: nothing was */

typedef struct Probe Probe;

/* Another state in place of a session's: with PROBE_ROOM bytes behind it, to whole cache lines, and `more` behind these. */
GanStatus probe_new_state(Session *s, size_t more, GanError *err);

/* `of` is the session of the running program, lowered of `source` with the options that it has. `compiled`: by the JIT, on one thread; else by the interpreter, unless it is large.
 * `n` as session_add takes it. `batch`: what an E without a size draws; 0: it must be given. NULL after its diagnostics were printed, or for what is in *err (GAN_OK: printed; GAN_WRONG without a message: printed,
 * and no name is missing). */
/* `place`: where it stands, as LowerResult.place. */
/* `unset` (NULL: none): by slot of the running program, has its statement not been carried out yet? What reads it is wrong. */
Probe *probe_open(const Session *of, const Source *source, const char *expression, int64_t n, int64_t batch, int place, const bool *unset, bool compiled, GanError *err);
void   probe_close(Probe *p);                               /* NULL is fine */
bool   probe_is_inner(const Probe *p);                      /* has it a name of a block? */
bool   probe_reads(const Probe *p, int slot);               /* of the running program */

const GanFunction *probe_function(const Probe *p);

/* Computes it on the run's state, which has PROBE_ROOM bytes behind that of the program; `step` chooses the draws. out[i] receives output i. */
GanStatus probe_run(Probe *p, const GanState *run, int64_t step, void *const *out, GanError *err);

/* The same with memory for the outputs: one tensor each. */
GanStatus probe_values(Probe *p, const GanState *run, int64_t step, GanTensor **out, GanError *err);
