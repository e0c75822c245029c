/* machine.c - see machine.h. */
#include "compiler/llvm/machine.h"

#include <llvm-c/Core.h>
#include <llvm-c/Target.h>
#include <string.h>

/* LLVM's back ends, made known to it. */
static void know_machines(void)
{
    LLVMInitializeNativeTarget();
    LLVMInitializeNativeAsmPrinter();
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeAArch64TargetInfo();
    LLVMInitializeAArch64Target();
    LLVMInitializeAArch64TargetMC();
    LLVMInitializeAArch64AsmPrinter();
}

static void take_native(LlvmMachine *m)
{
    m->triple = LLVMGetDefaultTargetTriple();
    m->cpu = LLVMGetHostCPUName();
    m->features = LLVMGetHostCPUFeatures();
    m->no_fma = !strstr(m->features, "+fma") && !strstr(m->features, "+neon");
    m->rows = strstr(m->features, "+avx512f") ? 12 : strstr(m->features, "+avx2") || strstr(m->features, "+neon") ? 6 : 2;
}

static void take_named(LlvmMachine *m, const LlvmChoice *c)
{
    m->triple = LLVMCreateMessage(c->triple);
    m->cpu = LLVMCreateMessage(c->cpu);
    m->features = LLVMCreateMessage("");
    m->rows = c->rows;
    m->no_fma = c->no_fma;
}

GanStatus llvm_machine_open(LlvmMachine *m, const LlvmTarget *t, GanError *err)
{
    LlvmChoice c;
    char      *why = NULL;
    GanStatus  s = llvm_choose(&c, t, err);
    *m = (LlvmMachine){0};
    if (s) return s;
    know_machines();
    if (c.triple) take_named(m, &c);
    else take_native(m);
    if (LLVMGetTargetFromTriple(m->triple, &m->target, &why)) s = gan_error(err, GAN_WORLD, "no code can be made for %s: %s", m->triple, why);
    LLVMDisposeMessage(why);
    return s;
}

void llvm_machine_close(LlvmMachine *m)
{
    LLVMDisposeMessage(m->triple);
    LLVMDisposeMessage(m->cpu);
    LLVMDisposeMessage(m->features);
}

LLVMTargetMachineRef llvm_machine_generator(const LlvmMachine *m)
{
    return LLVMCreateTargetMachine(m->target, m->triple, m->cpu, m->features, LLVMCodeGenLevelDefault, LLVMRelocPIC, LLVMCodeModelDefault);
}
