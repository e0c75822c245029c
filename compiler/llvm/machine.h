/* machine.h - a target as LLVM's generator of code. */
#pragma once
#include "compiler/llvm/target.h"

#include <llvm-c/TargetMachine.h>

typedef struct LlvmMachine {
    LLVMTargetRef target;
    char         *triple, *cpu, *features;
    int           rows;                                     /* of a register tile */
    bool          no_fma;                                   /* it has no such instruction */
} LlvmMachine;

/* GAN_WRONG as llvm_choose(); GAN_WORLD when this LLVM does not know it. Close it in any case. */
GanStatus llvm_machine_open(LlvmMachine *m, const LlvmTarget *t, GanError *err);
void      llvm_machine_close(LlvmMachine *m);
/* Makes position-independent code. Of one thread; the caller's. */
LLVMTargetMachineRef llvm_machine_generator(const LlvmMachine *m);
