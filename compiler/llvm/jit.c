/* jit.c - from a module to an engine: plan, emit, compile, link. Every call of LLVM's ORC and target layers is here.
 *
 * One LLVM module a function; each ends as an object that is linked into one JIT, and hands over its kernels in a table. */
#include "compiler/llvm/jit.h"
#include "base/bug.h"
#include "compiler/llvm/emit.h"
#include "compiler/llvm/run.h"

#include <llvm-c/Analysis.h>
#include <llvm-c/Error.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Orc.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Code {                                       /* one compiled function, for all kernels of its text */
    uint64_t    hash;
    const char *text;
    int         place;                                      /* in its module's list of addresses */
    KernelFn    fn;                                         /* NULL until its module is linked */
} Code;

typedef struct Jit {
    Arena             *arena;                               /* plans */
    const GanProgram  *program;
    LLVMOrcLLJITRef    orc;
    LLVMTargetMachineRef machine;
    char              *features;
    ARRAY(Code *)      codes;
    Compiled          *fn;
    int                n_fns;
    Team              *team;
    char              *frame, **scratch;                    /* one block each */
    void              *frame_block, **scratch_block;
} Jit;

/* ---- LLVM ------------------------------------------------------------------------------------------------------- */

static GanStatus orc_failed(LLVMErrorRef failure, GanError *err)
{
    char *text = LLVMGetErrorMessage(failure);
    GanStatus s = gan_error(err, GAN_WORLD, "the compiler failed: %s", text);
    LLVMDisposeErrorMessage(text);
    return s;
}

static GanStatus open_machine(Jit *j, GanError *err)
{
    LLVMInitializeNativeTarget();
    LLVMInitializeNativeAsmPrinter();
    char *triple = LLVMGetDefaultTargetTriple(), *cpu = LLVMGetHostCPUName(), *why = NULL;
    j->features = LLVMGetHostCPUFeatures();
    LLVMTargetRef target;
    GanStatus s = GAN_OK;
    if (LLVMGetTargetFromTriple(triple, &target, &why)) {
        s = gan_error(err, GAN_WORLD, "no code can be made for %s: %s", triple, why);
        LLVMDisposeMessage(why);
    } else {
        j->machine = LLVMCreateTargetMachine(target, triple, cpu, j->features, LLVMCodeGenLevelDefault, LLVMRelocPIC, LLVMCodeModelDefault);
    }
    LLVMDisposeMessage(triple);
    LLVMDisposeMessage(cpu);
    return s;
}

static GanStatus open_orc(Jit *j, GanError *err)
{
    LLVMErrorRef failure = LLVMOrcCreateLLJIT(&j->orc, NULL);
    if (failure) return orc_failed(failure, err);
    LLVMOrcJITDylibRef lib = LLVMOrcLLJITGetMainJITDylib(j->orc);
    LLVMOrcCSymbolMapPair pair[16];
    if (emit_symbols_n > 16) BUG("jit: too many symbols");
    for (int i = 0; i < emit_symbols_n; i++) {
        pair[i].Name = LLVMOrcLLJITMangleAndIntern(j->orc, emit_symbols[i].name);
        pair[i].Sym = (LLVMJITEvaluatedSymbol){(LLVMOrcExecutorAddress)(uintptr_t)emit_symbols[i].address, {LLVMJITSymbolGenericFlagsExported, 0}};
    }
    failure = LLVMOrcJITDylibDefine(lib, LLVMOrcAbsoluteSymbols(pair, (size_t)emit_symbols_n));
    if (failure) return orc_failed(failure, err);
    LLVMOrcDefinitionGeneratorRef process;                  /* memcpy and the like */
    failure = LLVMOrcCreateDynamicLibrarySearchGeneratorForProcess(&process, LLVMOrcLLJITGetGlobalPrefix(j->orc), NULL, NULL);
    if (failure) return orc_failed(failure, err);
    LLVMOrcJITDylibAddGenerator(lib, process);
    return GAN_OK;
}

/* ---- one function ----------------------------------------------------------------------------------------------- */

static void open_emit(Emit *e, Jit *j, KPlan *p)
{
    *e = (Emit){.arena = p->arena, .m = p->m, .program = j->program, .p = p};
    e->c = LLVMContextCreate();
    e->module = LLVMModuleCreateWithNameInContext(p->fn->name, e->c);
    e->b = LLVMCreateBuilderInContext(e->c);
    e->math = (MathEmit){e->module, e->b};
    char *triple = LLVMGetTargetMachineTriple(j->machine);
    LLVMSetTarget(e->module, triple);
    LLVMDisposeMessage(triple);
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(j->machine);
    LLVMSetModuleDataLayout(e->module, layout);
    LLVMDisposeTargetData(layout);
    e->i1 = LLVMInt1TypeInContext(e->c);
    e->i8 = LLVMInt8TypeInContext(e->c);
    e->i32 = LLVMInt32TypeInContext(e->c);
    e->i64 = LLVMInt64TypeInContext(e->c);
    e->f32 = LLVMFloatTypeInContext(e->c);
    e->f64 = LLVMDoubleTypeInContext(e->c);
    e->ptr = LLVMPointerTypeInContext(e->c, 0);
    LLVMTypeRef args[9] = {e->ptr, e->ptr, e->ptr, e->ptr, e->ptr, e->i64, e->i64, e->i64, e->i64};
    e->fn_type = LLVMFunctionType(LLVMVoidTypeInContext(e->c), args, 9, false);
    e->rows = strstr(j->features, "+avx512f") ? 12 : 6;
    e->n_reg = p->next_id;
    e->reg = arena_array(p->arena, LLVMValueRef, p->next_id + 1);
}

static void close_emit(Emit *e)
{
    LLVMDisposeBuilder(e->b);
    LLVMDisposeModule(e->module);
    LLVMContextDispose(e->c);
}

/* A function's text from its parameters on, and a number for it. */
static char *text_of(Jit *j, LLVMValueRef fn, uint64_t *hash)
{
    char *all = LLVMPrintValueToString(fn), *from = strchr(all, '('), *text = arena_str(j->arena, from ? from : all);
    LLVMDisposeMessage(all);
    *hash = 14695981039346656037u;                          /* FNV-1a */
    for (const char *c = text; *c; c++) *hash = (*hash ^ (unsigned char)*c) * 1099511628211u;
    return text;
}

/* The code with this text, or a new one. */
static Code *code_of(Jit *j, char *text, uint64_t hash, bool *is_new)
{
    for (int i = 0; i < j->codes.n; i++) {
        Code *c = j->codes.v[i];
        *is_new = false;
        if (c->hash == hash && !strcmp(c->text, text)) return c;
    }
    Code *c = arena_new_of(j->arena, Code);
    *c = (Code){.hash = hash, .text = text};
    array_push(j->arena, &j->codes, c);
    *is_new = true;
    return c;
}

/* Emits every kernel of the plan; those whose code exists already only add a table. `first`: the codes this module brings. */
static void emit_all(Jit *j, Emit *e, KPlan *p, Code **code, CompiledKernel *out, const char *table)
{
    LLVMValueRef *fresh = arena_array(p->arena, LLVMValueRef, p->kernels.n + 1);
    int n = 0;
    for (int i = 0; i < p->kernels.n; i++) {
        KKernel *k = p->kernels.v[i];
        if (k->kind == K_MAP && !k->nodes.n && !k->stores.n && !k->sinks.n) continue;      /* merged into another */
        emit_kernel(e, k);
        uint64_t hash;
        bool is_new;
        char *text = text_of(j, e->fn, &hash);
        code[i] = code_of(j, text, hash, &is_new);
        out[i].table = arena_copy(j->arena, e->entries.v, sizeof *e->entries.v * (size_t)(e->entries.n + 1));
        if (is_new) {
            code[i]->place = n;
            fresh[n++] = e->fn;
        } else {
            LLVMDeleteFunction(e->fn);
        }
    }
    LLVMTypeRef t = LLVMArrayType2(e->ptr, (uint64_t)n);
    LLVMValueRef addresses = LLVMAddGlobal(e->module, t, table);
    LLVMSetInitializer(addresses, LLVMConstArray2(e->ptr, fresh, (uint64_t)n));
    LLVMSetGlobalConstant(addresses, true);
}

static void show(Jit *j, Emit *e, const JitOptions *o)
{
    const char *name = e->p->fn->name;
    if (o->on_plan) {
        Text t = text_in(e->p->arena);
        kernel_print(e->p, &t);
        o->on_plan(o->self, name, text_str(&t));
    }
    if (o->on_llvm) {
        char *text = LLVMPrintModuleToString(e->module);
        o->on_llvm(o->self, name, text);
        LLVMDisposeMessage(text);
    }
    LLVMMemoryBufferRef buffer;
    char *why = NULL;
    if (!o->on_asm) return;
    LLVMModuleRef copy = LLVMCloneModule(e->module);
    if (!LLVMTargetMachineEmitToMemoryBuffer(j->machine, copy, LLVMAssemblyFile, &why, &buffer)) {
        o->on_asm(o->self, name, LLVMGetBufferStart(buffer));
        LLVMDisposeMemoryBuffer(buffer);
    }
    LLVMDisposeMessage(why);
    LLVMDisposeModule(copy);
}

static void check_module(LLVMModuleRef m)
{
#ifndef NDEBUG
    char *why = NULL;
    if (LLVMVerifyModule(m, LLVMReturnStatusAction, &why)) BUG("jit: LLVM refuses the code: %s", why);
    LLVMDisposeMessage(why);
#else
    (void)m;
#endif
}

static GanStatus compile(Jit *j, const IrModule *m, int index, const JitOptions *o, GanError *err)
{
    char why[512], table[32];
    KPlan *p = kernel_plan(j->arena, m, m->fns.v[index], why);
    if (!p) return gan_error(err, GAN_WRONG, "%s", why);
    snprintf(table, sizeof table, "kernels_%d", index);
    Emit e;
    open_emit(&e, j, p);
    CompiledKernel *kernel = arena_array(j->arena, CompiledKernel, p->kernels.n + 1);
    Code **code = arena_array(j->arena, Code *, p->kernels.n + 1);
    emit_all(j, &e, p, code, kernel, table);
    check_module(e.module);
    if (o) show(j, &e, o);
    LLVMMemoryBufferRef object;
    char *text = NULL;
    GanStatus s = GAN_OK;
    if (LLVMTargetMachineEmitToMemoryBuffer(j->machine, e.module, LLVMObjectFile, &text, &object)) {
        s = gan_error(err, GAN_WORLD, "the compiler failed: %s", text);
        LLVMDisposeMessage(text);
    } else {
        LLVMErrorRef failure = LLVMOrcLLJITAddObjectFile(j->orc, LLVMOrcLLJITGetMainJITDylib(j->orc), object);
        LLVMOrcExecutorAddress at = 0;
        if (!failure && p->kernels.n) failure = LLVMOrcLLJITLookup(j->orc, &at, table);
        if (failure) s = orc_failed(failure, err);
        for (int i = 0; !failure && i < p->kernels.n; i++) {
            if (!code[i]) continue;
            if (!code[i]->fn) code[i]->fn = ((const KernelFn *)(uintptr_t)at)[code[i]->place];
            kernel[i].fn = code[i]->fn;
        }
        j->fn[index] = (Compiled){p, kernel, m->fns.v[index]->tick_slot};
    }
    close_emit(&e);
    return s;
}

/* ---- the engine ------------------------------------------------------------------------------------------------- */

static void *block(int64_t bytes, char **aligned)
{
    void *b = calloc(1, (size_t)bytes + 64);
    *aligned = b ? (char *)(((uintptr_t)b + 63) / 64 * 64) : NULL;
    return b;
}

static GanStatus open_memory(Jit *j, GanError *err)
{
    int64_t frame = 64, scratch = 64;
    int threads = team_threads(j->team);
    for (int i = 0; i < j->n_fns; i++) {
        if (j->fn[i].plan->frame_bytes > frame) frame = j->fn[i].plan->frame_bytes;
        if (j->fn[i].plan->scratch_bytes > scratch) scratch = j->fn[i].plan->scratch_bytes;
    }
    j->frame_block = block(frame, &j->frame);
    j->scratch = calloc((size_t)threads, sizeof *j->scratch);
    j->scratch_block = calloc((size_t)threads, sizeof *j->scratch_block);
    bool ok = j->frame && j->scratch && j->scratch_block;
    for (int i = 0; ok && i < threads; i++) {
        j->scratch_block[i] = block(scratch, &j->scratch[i]);
        ok = j->scratch[i] != NULL;
    }
    return ok ? GAN_OK : gan_error(err, GAN_WORLD, "out of memory for %lld bytes of work space", (long long)(frame + threads * scratch));
}

static GanStatus jit_run(void *self, int function, GanState *state, void *const *out, GanError *err)
{
    Jit *j = self;
    (void)err;
    run_function(&j->fn[function], j->program, j->team, j->frame, j->scratch, state, out);
    return GAN_OK;
}

static void jit_free(void *self)
{
    Jit *j = self;
    for (int i = 0; j->scratch_block && i < team_threads(j->team); i++) free(j->scratch_block[i]);
    free(j->scratch_block);
    free(j->scratch);
    free(j->frame_block);
    team_free(j->team);
    if (j->orc) {
        LLVMErrorRef failure = LLVMOrcDisposeLLJIT(j->orc);
        if (failure) LLVMConsumeError(failure);
    }
    if (j->machine) LLVMDisposeTargetMachine(j->machine);
    if (j->features) LLVMDisposeMessage(j->features);
    arena_free(j->arena);
}

GanStatus jit_engine_new(const IrModule *m, const GanProgram *p, const JitOptions *options, GanEngine *out, GanError *err)
{
    Arena *arena = arena_new();
    Jit *j = arena_new_of(arena, Jit);
    j->arena = arena;
    j->program = p;
    j->n_fns = m->fns.n;
    j->fn = arena_array(arena, Compiled, m->fns.n + 1);
    j->team = team_new(options ? options->threads : 0, false);
    GanStatus s = j->team ? open_machine(j, err) : gan_error(err, GAN_WORLD, "no threads");
    if (s == GAN_OK) s = open_orc(j, err);
    for (int i = 0; s == GAN_OK && i < m->fns.n; i++) s = compile(j, m, i, options, err);
    if (s == GAN_OK) s = open_memory(j, err);
    if (s != GAN_OK) {
        jit_free(j);
        return s;
    }
    *out = (GanEngine){j, "jit", jit_run, jit_free};
    return GAN_OK;
}
