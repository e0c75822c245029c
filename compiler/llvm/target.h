/* target.h - the machines that code is made for, by the names of targets.def, and LLVM's way to them. */
#pragma once
#include "runtime/error.h"

#include <llvm-c/TargetMachine.h>
#include <stdbool.h>

typedef struct LlvmTarget { const char *machine, *cpu; } LlvmTarget;   /* NULL or "native": this one, with all that it has */

extern const char *const llvm_machine_names[];             /* "native" first; NULL behind the last */

/* The N of x86-64-vN that code for a CPU of targets.def wants of the CPU it runs on; 0 for other machines. */
int llvm_cpu_level(const char *cpu);

typedef struct LlvmMachine {
    LLVMTargetRef target;
    char         *triple, *cpu, *features;
    int           rows;                                     /* of a register tile */
    bool          no_fma;                                   /* it has no such instruction */
} LlvmMachine;

/* GAN_WRONG for a name that is not in targets.def (the message lists the machine's), and for a CPU of another machine. Close it in any case. */
GanStatus llvm_machine_open(LlvmMachine *m, const LlvmTarget *t, GanError *err);
void      llvm_machine_close(LlvmMachine *m);
/* Makes position-independent code. Of one thread; the caller's. */
LLVMTargetMachineRef llvm_machine_generator(const LlvmMachine *m);
