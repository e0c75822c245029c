/* test_walk.c - the LLVM walk against the checker: every row, random nests (compiler/loop/check/cases.h). */
#include "compiler/llvm/walk.h"
#include "compiler/loop/check/cases.h"
#include "runtime/symbols.h"

#include <criterion/criterion.h>
#include <llvm-c/Analysis.h>
#include <llvm-c/Error.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Orc.h>
#include <llvm-c/TargetMachine.h>

typedef void Kernel(char *const *bases, const int64_t *words, int64_t u0, int64_t u1, int64_t u2, int64_t u3);

typedef struct Code {
    LLVMOrcLLJITRef orc;
    Kernel *const  *kernel;
} Code;

static void done(LLVMErrorRef failure) { cr_assert(!failure, "%s", LLVMGetErrorMessage(failure)); }

static void define_symbols(LLVMOrcLLJITRef orc)
{
    LLVMOrcCSymbolMapPair pair[SYMBOL_COUNT];
    LLVMOrcDefinitionGeneratorRef process;
    LLVMOrcJITDylibRef lib = LLVMOrcLLJITGetMainJITDylib(orc);
    for (int i = 0; i < SYMBOL_COUNT; i++) {
        pair[i].Name = LLVMOrcLLJITMangleAndIntern(orc, runtime_symbol[i].name);
        pair[i].Sym = (LLVMJITEvaluatedSymbol){(LLVMOrcExecutorAddress)(uintptr_t)runtime_symbol[i].address, {LLVMJITSymbolGenericFlagsExported, 0}};
    }
    done(LLVMOrcJITDylibDefine(lib, LLVMOrcAbsoluteSymbols(pair, SYMBOL_COUNT)));
    done(LLVMOrcCreateDynamicLibrarySearchGeneratorForProcess(&process, LLVMOrcLLJITGetGlobalPrefix(orc), NULL, NULL));
    LLVMOrcJITDylibAddGenerator(lib, process);
}

static LLVMTargetMachineRef machine_for(const char *cpu, const char *features)
{
    LLVMTargetRef target;
    char *why = NULL, *triple = LLVMGetDefaultTargetTriple();
    cr_assert(!LLVMGetTargetFromTriple(triple, &target, &why), "%s", why);
    LLVMTargetMachineRef m = LLVMCreateTargetMachine(target, triple, cpu, features, LLVMCodeGenLevelDefault, LLVMRelocPIC, LLVMCodeModelDefault);
    LLVMDisposeMessage(triple);
    return m;
}

static LLVMMemoryBufferRef object_of(Arena *a, LLVMTargetMachineRef machine, const LoopCase *c, int n)
{
    char *triple = LLVMGetTargetMachineTriple(machine), *why = NULL;
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(machine);
    LlvmUnit      u = llvm_unit_open("cases", triple, layout);
    LLVMValueRef *fn = arena_array(a, LLVMValueRef, n);
    for (int i = 0; i < n; i++) fn[i] = llvm_nest(&u, a, c[i].nest, arena_printf(a, "kernel_%d", i));
    LLVMValueRef table = LLVMAddGlobal(u.module, LLVMArrayType2(u.ptr, (uint64_t)n), "kernels");
    LLVMSetInitializer(table, LLVMConstArray2(u.ptr, fn, (uint64_t)n));
    LLVMSetGlobalConstant(table, true);
    cr_assert(!LLVMVerifyModule(u.module, LLVMReturnStatusAction, &why), "%s", why);
    LLVMDisposeMessage(why);
    LLVMMemoryBufferRef object;
    cr_assert(!LLVMTargetMachineEmitToMemoryBuffer(machine, u.module, LLVMObjectFile, &why, &object), "%s", why);
    llvm_unit_close(&u);
    LLVMDisposeTargetData(layout);
    LLVMDisposeMessage(triple);
    return object;
}

static Code compile(const LoopCase *c, int n, const char *cpu, const char *features)
{
    Arena *a = arena_new();
    Code   code;
    LLVMOrcExecutorAddress at;
    LLVMInitializeNativeTarget();
    LLVMInitializeNativeAsmPrinter();
    LLVMTargetMachineRef machine = machine_for(cpu, features);
    done(LLVMOrcCreateLLJIT(&code.orc, NULL));
    define_symbols(code.orc);
    done(LLVMOrcLLJITAddObjectFile(code.orc, LLVMOrcLLJITGetMainJITDylib(code.orc), object_of(a, machine, c, n)));
    done(LLVMOrcLLJITLookup(code.orc, &at, "kernels"));
    code.kernel = (Kernel *const *)(uintptr_t)at;
    LLVMDisposeTargetMachine(machine);
    arena_free(a);
    return code;
}

static void run_all(const LoopCase *c, int n, const char *cpu, const char *features)
{
    Code code = compile(c, n, cpu, features);
    for (int i = 0; i < n; i++)
        for (uint64_t seed = 1; seed <= 3; seed++) {
            Arena     *a = arena_new();
            LoopMemory right = loop_memory(a, seed), m = loop_memory(a, seed);
            char       why[256];
            bool       runs = loop_case_check(&c[i], &right, why);
            cr_expect(runs, "%s: %s", c[i].name, why);
            code.kernel[i](m.base, c[i].words, c[i].u[0], c[i].u[1], c[i].u[2], c[i].u[3]);
            const char *differs = loop_memory_differs(a, &right, &m);
            cr_expect(!differs, "%s: %s", c[i].name, differs);
            arena_free(a);
        }
    done(LLVMOrcDisposeLLJIT(code.orc));
}

static void run_random(uint64_t from, int n, const char *cpu, const char *features)
{
    Arena    *a = arena_new();
    LoopCase *c = arena_array(a, LoopCase, n);
    for (int i = 0; i < n; i++) c[i] = loop_case_random(a, from + (uint64_t)i);
    run_all(c, n, cpu, features);
    arena_free(a);
}

static void run_rows(const char *cpu, const char *features)
{
    Arena *a = arena_new();
    int n;
    LoopCase *c = loop_cases(a, &n);
    run_all(c, n, cpu, features);
    arena_free(a);
}

Test(walk, every_row_here)
{
    char *cpu = LLVMGetHostCPUName(), *features = LLVMGetHostCPUFeatures();
    run_rows(cpu, features);
    LLVMDisposeMessage(cpu);
    LLVMDisposeMessage(features);
}

Test(walk, random_nests_here)
{
    char *cpu = LLVMGetHostCPUName(), *features = LLVMGetHostCPUFeatures();
    run_random(5000, 60, cpu, features);
    LLVMDisposeMessage(cpu);
    LLVMDisposeMessage(features);
}

#ifdef __x86_64__
/* Without fma, which then is a call. */
Test(walk, every_row_on_any_machine) { run_rows("x86-64", ""); }
Test(walk, random_nests_on_any_machine) { run_random(7000, 30, "x86-64", ""); }
#endif
