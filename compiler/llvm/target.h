/* target.h - the machines that code is made for, by the names of targets.def. */
#pragma once
#include "runtime/error.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct LlvmTarget { const char *machine, *cpu; } LlvmTarget;   /* NULL or "native": this one, with all that it has */

extern const char *const llvm_machine_names[];             /* "native" first; NULL behind the last */

/* The N of x86-64-vN that code for a CPU of targets.def wants of the CPU it runs on; 0 for other machines. */
int llvm_cpu_level(const char *cpu);

/* Bytes of matrices beyond which a step reads each once a tile of samples, not once a panel (PlanOptions.near); 0: it does not matter, or the CPU is not in targets.def. */
int64_t llvm_cpu_near(const char *cpu);

typedef struct LlvmChoice {
    const char *triple, *cpu;                               /* LLVM's names; NULL: this machine's, which LLVM knows */
    int         rows;                                       /* of a register tile */
    bool        no_fma;                                     /* it has no such instruction */
} LlvmChoice;

/* GAN_WRONG for a name that is not in targets.def (the message lists the machine's), and for a CPU of another machine. */
GanStatus llvm_choose(LlvmChoice *c, const LlvmTarget *t, GanError *err);
