/* target.h - the machines that code is made for, by the names of targets.def. */
#pragma once
#include "runtime/error.h"

#include <stdbool.h>

typedef struct LlvmTarget { const char *machine, *cpu; } LlvmTarget;   /* NULL or "native": this one, with all that it has */

extern const char *const llvm_machine_names[], *const llvm_cpu_names[];    /* "native" first; NULL behind the last */

/* The N of x86-64-vN that code for a CPU of targets.def wants of the CPU it runs on; 0 for other machines. */
int llvm_cpu_level(const char *cpu);

typedef struct LlvmChoice {
    const char *triple, *cpu;                               /* LLVM's names; NULL: this machine's, which LLVM knows */
    int         rows;                                       /* of a register tile */
    bool        no_fma;                                     /* it has no such instruction */
} LlvmChoice;

/* GAN_WRONG for a name that is not in targets.def, and for a CPU of another machine. */
GanStatus llvm_choose(LlvmChoice *c, const LlvmTarget *t, GanError *err);
