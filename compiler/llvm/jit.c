/* jit.c - from a module to an engine: plan, emit, compile, link. Every call of LLVM's ORC and target layers is here.
 *
 * One LLVM module a function. They are planned and emitted in turn, made into objects by the whole team, and linked into one
 * JIT; each hands over its kernels in a table. A kernel whose text was met before is not compiled again. */
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
#include <stdatomic.h>
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
    LLVMTargetRef      target;
    LLVMTargetMachineRef machine;                           /* for layouts and texts; code is made by each thread's own */
    char              *triple, *cpu, *features;
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

static LLVMTargetMachineRef machine_new(const Jit *j)
{
    return LLVMCreateTargetMachine(j->target, j->triple, j->cpu, j->features, LLVMCodeGenLevelDefault, LLVMRelocPIC, LLVMCodeModelDefault);
}

static GanStatus open_machine(Jit *j, GanError *err)
{
    LLVMInitializeNativeTarget();
    LLVMInitializeNativeAsmPrinter();
    char *why = NULL;
    j->triple = LLVMGetDefaultTargetTriple();
    j->cpu = LLVMGetHostCPUName();
    j->features = LLVMGetHostCPUFeatures();
    if (LLVMGetTargetFromTriple(j->triple, &j->target, &why)) {
        gan_error(err, GAN_WORLD, "no code can be made for %s: %s", j->triple, why);
        LLVMDisposeMessage(why);
        return GAN_WORLD;
    }
    j->machine = machine_new(j);
    return GAN_OK;
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
    LLVMSetTarget(e->module, j->triple);
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

/* A function on its way from plan to code. */
typedef struct Build {
    Emit                e;
    KPlan              *plan;
    Code              **code;                               /* by KKernel.id */
    CompiledKernel     *kernel;
    int                 n_new;                              /* functions that its module holds */
    char                table[32];
    LLVMMemoryBufferRef object;
    char               *why;                                /* LLVM's, when there is no object */
} Build;

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

/* Emits every kernel of the plan; those whose code exists already only add a table. */
static void emit_all(Jit *j, Build *b)
{
    Emit *e = &b->e;
    KPlan *p = b->plan;
    LLVMValueRef *fresh = arena_array(j->arena, LLVMValueRef, p->kernels.n + 1);
    for (int i = 0; i < p->kernels.n; i++) {
        KKernel *k = p->kernels.v[i];
        if (k->kind == K_MAP && !k->nodes.n && !k->stores.n && !k->sinks.n) continue;      /* merged into another */
        emit_kernel(e, k);
        uint64_t hash;
        bool is_new;
        char *text = text_of(j, e->fn, &hash);
        b->code[i] = code_of(j, text, hash, &is_new);
        b->kernel[i].table = arena_copy(j->arena, e->entries.v, sizeof *e->entries.v * (size_t)(e->entries.n + 1));
        if (is_new) {
            b->code[i]->place = b->n_new;
            fresh[b->n_new++] = e->fn;
        } else {
            LLVMDeleteFunction(e->fn);
        }
    }
    LLVMTypeRef t = LLVMArrayType2(e->ptr, (uint64_t)b->n_new);
    LLVMValueRef addresses = LLVMAddGlobal(e->module, t, b->table);
    LLVMSetInitializer(addresses, LLVMConstArray2(e->ptr, fresh, (uint64_t)b->n_new));
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

static GanStatus plan_and_emit(Jit *j, const IrModule *m, int index, const JitOptions *o, Build *b, GanError *err)
{
    char why[512];
    b->plan = kernel_plan(j->arena, m, m->fns.v[index], why);
    if (!b->plan) return gan_error(err, GAN_WRONG, "%s", why);
    snprintf(b->table, sizeof b->table, "kernels_%d", index);
    b->kernel = arena_array(j->arena, CompiledKernel, b->plan->kernels.n + 1);
    b->code = arena_array(j->arena, Code *, b->plan->kernels.n + 1);
    open_emit(&b->e, j, b->plan);
    emit_all(j, b);
    check_module(b->e.module);
    if (o) show(j, &b->e, o);
    return GAN_OK;
}

/* Machine code, by the whole team: functions are taken in turn, each thread has a machine of its own. */
typedef struct Generate { Jit *j; Build *build; int n; atomic_int next; } Generate;

static void generate(void *arg, int thread, int threads)
{
    Generate *g = arg;
    LLVMTargetMachineRef machine = machine_new(g->j);
    (void)thread;
    (void)threads;
    for (int i; (i = atomic_fetch_add(&g->next, 1)) < g->n;) {
        Build *b = &g->build[i];
        if (b->n_new && LLVMTargetMachineEmitToMemoryBuffer(machine, b->e.module, LLVMObjectFile, &b->why, &b->object)) b->object = NULL;
    }
    LLVMDisposeTargetMachine(machine);
}

static GanStatus link_code(Jit *j, Build *b, int index, int tick_slot, GanError *err)
{
    LLVMOrcExecutorAddress at = 0;
    if (b->n_new && !b->object) return gan_error(err, GAN_WORLD, "the compiler failed: %s", b->why ? b->why : "no code");
    if (b->n_new) {
        LLVMErrorRef failure = LLVMOrcLLJITAddObjectFile(j->orc, LLVMOrcLLJITGetMainJITDylib(j->orc), b->object);
        b->object = NULL;                                   /* the JIT's now */
        if (!failure) failure = LLVMOrcLLJITLookup(j->orc, &at, b->table);
        if (failure) return orc_failed(failure, err);
    }
    for (int i = 0; i < b->plan->kernels.n; i++) {
        Code *c = b->code[i];
        if (!c) continue;
        if (!c->fn) c->fn = ((const KernelFn *)(uintptr_t)at)[c->place];
        b->kernel[i].fn = c->fn;
    }
    j->fn[index] = (Compiled){b->plan, b->kernel, tick_slot};
    return GAN_OK;
}

static GanStatus compile_all(Jit *j, const IrModule *m, const JitOptions *o, GanError *err)
{
    Build *build = arena_array(j->arena, Build, m->fns.n + 1);
    GanStatus s = GAN_OK;
    int n = 0;
    while (s == GAN_OK && n < m->fns.n) {
        s = plan_and_emit(j, m, n, o, &build[n], err);
        if (s == GAN_OK) n++;
    }
    Generate g = {.j = j, .build = build, .n = n};
    if (s == GAN_OK) team_run(j->team, generate, &g);
    for (int i = 0; i < n; i++) {
        if (s == GAN_OK) s = link_code(j, &build[i], i, m->fns.v[i]->tick_slot, err);
        if (build[i].object) LLVMDisposeMemoryBuffer(build[i].object);
        LLVMDisposeMessage(build[i].why);
        close_emit(&build[i].e);
    }
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
    LLVMDisposeMessage(j->triple);
    LLVMDisposeMessage(j->cpu);
    LLVMDisposeMessage(j->features);
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
    j->team = options ? team_new(options->threads, options->more_than_cpus) : team_new(0, false);
    GanStatus s = j->team ? open_machine(j, err) : gan_error(err, GAN_WORLD, "no threads");
    if (s == GAN_OK) s = open_orc(j, err);
    if (s == GAN_OK) s = compile_all(j, m, options, err);
    if (s == GAN_OK) s = open_memory(j, err);
    if (s != GAN_OK) {
        jit_free(j);
        return s;
    }
    *out = (GanEngine){j, "jit", jit_run, jit_free};
    return GAN_OK;
}
