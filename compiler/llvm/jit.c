/* jit.c - from a module to an engine: plan, emit, compile, link. Every call of LLVM's ORC and target layers is here.
 *
 * Functions are planned; their kernels are emitted in turn into LLVM modules of bounded size, whatever function they are of (for
 * the text of one function LLVM looks at its whole module). The team makes these units into objects, which are linked
 * into one JIT and hand over their kernels in a table. A kernel whose text was met before is not compiled again. */
#include "compiler/llvm/jit.h"
#include "base/bug.h"
#include "compiler/llvm/emit.h"
#include "compiler/llvm/run.h"
#include "runtime/blas.h"
#include "runtime/fpenv.h"

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
    uint64_t     hash;
    const char  *text;
    struct Unit *unit;
    int          place;                                     /* in its list of addresses */
    struct Code *next;                                      /* in its bucket */
} Code;

enum { CODE_BUCKETS = 4096, UNIT_TEXT = 1 << 18 };         /* bytes of text: a unit with more is full */

typedef struct Jit {
    Arena             *arena;                               /* plans */
    const GanProgram  *program;
    LLVMOrcLLJITRef    orc;
    LLVMTargetRef      target;
    LLVMTargetMachineRef machine;                           /* for layouts and texts; code is made by each thread's own */
    char              *triple, *cpu, *features;
    Code             **codes;                               /* CODE_BUCKETS of them, by hash */
    KValues            values;                              /* of all plans */
    LLVMValueRef      *reg;                                 /* by IrVal.id: the kernel's at hand */
    ARRAY(struct Unit *) units;
    Compiled          *fn;
    int                n_fns;
    Team              *team;
    char            ***bases;                               /* of each thread; see run.h */
    ARRAY(void *)      blocks;                              /* all memory of runs */
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
    return LLVMCreateTargetMachine(j->target, j->triple, j->cpu, j->features, LLVMCodeGenLevelDefault, LLVMRelocPIC,
                                   LLVMCodeModelDefault);
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
        pair[i].Sym = (LLVMJITEvaluatedSymbol){(LLVMOrcExecutorAddress)(uintptr_t)emit_symbols[i].address,
                                               {LLVMJITSymbolGenericFlagsExported, 0}};
    }
    failure = LLVMOrcJITDylibDefine(lib, LLVMOrcAbsoluteSymbols(pair, (size_t)emit_symbols_n));
    if (failure) return orc_failed(failure, err);
    LLVMOrcDefinitionGeneratorRef process;                  /* memcpy and the like */
    failure =
        LLVMOrcCreateDynamicLibrarySearchGeneratorForProcess(&process, LLVMOrcLLJITGetGlobalPrefix(j->orc), NULL, NULL);
    if (failure) return orc_failed(failure, err);
    LLVMOrcJITDylibAddGenerator(lib, process);
    return GAN_OK;
}

/* ---- one function ----------------------------------------------------------------------------------------------- */

static void open_emit(Emit *e, Jit *j, const IrModule *m, const char *name)
{
    *e = (Emit){.arena = j->arena, .m = m, .program = j->program, .reg = j->reg, .n_reg = j->values.next_id};
    e->c = LLVMContextCreate();
    e->module = LLVMModuleCreateWithNameInContext(name, e->c);
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
    LLVMTypeRef args[6] = {e->ptr, e->ptr, e->i64, e->i64, e->i64, e->i64};
    e->fn_type = LLVMFunctionType(LLVMVoidTypeInContext(e->c), args, 6, false);
    e->rows = strstr(j->features, "+avx512f") ? 12 : 6;
}

static void close_emit(Emit *e)
{
    LLVMDisposeBuilder(e->b);
    LLVMDisposeModule(e->module);
    LLVMContextDispose(e->c);
}

/* An LLVM module on its way to code. */
typedef struct Unit {
    Emit                e;
    ARRAY(LLVMValueRef) fresh;                              /* the functions it brings */
    size_t              text;                               /* bytes of their text */
    char                table[32];                          /* the name of their list of addresses */
    LLVMMemoryBufferRef object;
    char               *why;                                /* LLVM's, when there is no object */
    const KernelFn     *address;                            /* after linking */
} Unit;

typedef struct Build {                                      /* a function */
    KPlan          *plan;
    Code          **code;                                   /* by KKernel.id */
    CompiledKernel *kernel;
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
    Code **bucket = &j->codes[hash % CODE_BUCKETS];
    *is_new = false;
    for (Code *c = *bucket; c; c = c->next)
        if (c->hash == hash && !strcmp(c->text, text)) return c;
    Code *c = arena_new_of(j->arena, Code);
    *c = (Code){.hash = hash, .text = text, .next = *bucket};
    *is_new = true;
    return *bucket = c;
}

static Unit *unit_new(Jit *j, const IrModule *m, const char *name)
{
    Unit *u = arena_new_of(j->arena, Unit);
    snprintf(u->table, sizeof u->table, "kernels_%d", j->units.n);
    open_emit(&u->e, j, m, name);
    array_push(j->arena, &j->units, u);
    return u;
}

/* Emits a kernel; one whose code exists already only adds a table. */
static void emit_one(Jit *j, Unit *u, Build *b, KKernel *k)
{
    Emit *e = &u->e;
    uint64_t hash;
    bool is_new;
    e->p = b->plan;
    emit_kernel(e, k);
    char *text = text_of(j, e->fn, &hash);
    Code *c = b->code[k->id] = code_of(j, text, hash, &is_new);
    if (e->entries.n) b->kernel[k->id].table = arena_copy(j->arena, e->entries.v, sizeof *e->entries.v * (size_t)e->entries.n);
    if (is_new) {
        c->unit = u;
        c->place = u->fresh.n;
        u->text += strlen(text);
        array_push(j->arena, &u->fresh, e->fn);
    } else {
        LLVMDeleteFunction(e->fn);
    }
}

static bool is_merged(const KKernel *k) { return k->kind == K_MAP && !k->nodes.n && !k->stores.n && !k->sinks.n; }

/* The addresses of what the unit brings, in a constant that others can find. */
static void close_unit(Unit *u)
{
    LLVMTypeRef t = LLVMArrayType2(u->e.ptr, (uint64_t)u->fresh.n);
    LLVMValueRef addresses = LLVMAddGlobal(u->e.module, t, u->table);
    LLVMSetInitializer(addresses, LLVMConstArray2(u->e.ptr, u->fresh.v, (uint64_t)u->fresh.n));
    LLVMSetGlobalConstant(addresses, true);
}

/* With texts wanted, a unit holds one function. */
static void show(Jit *j, Unit *u, const JitOptions *o)
{
    KPlan *p = u->e.p;
    const char *name = p->fn->name;
    if (o->on_plan) {
        Text t = text_in(j->arena);
        kernel_print(p, &t);
        o->on_plan(o->self, name, text_str(&t));
    }
    if (o->on_llvm) {
        char *text = LLVMPrintModuleToString(u->e.module);
        o->on_llvm(o->self, name, text);
        LLVMDisposeMessage(text);
    }
    LLVMMemoryBufferRef buffer;
    char *why = NULL;
    if (!o->on_asm) return;
    LLVMModuleRef copy = LLVMCloneModule(u->e.module);
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

static GanStatus plan_one(Jit *j, const IrModule *m, int index, Build *b, GanError *err)
{
    char why[512];
    b->plan = kernel_plan(j->arena, m, m->fns.v[index], &j->values, why);
    if (!b->plan) return gan_error(err, GAN_WRONG, "%s", why);
    b->kernel = arena_array(j->arena, CompiledKernel, b->plan->kernels.n + 1);
    b->code = arena_array(j->arena, Code *, b->plan->kernels.n + 1);
    return GAN_OK;
}

/* Machine code, by the whole team: units are taken in turn, each thread has a machine of its own. */
typedef struct Generate { Jit *j; atomic_int next; } Generate;

static void generate(void *arg, int thread, int threads)
{
    Generate *g = arg;
    LLVMTargetMachineRef machine = machine_new(g->j);
    (void)thread;
    (void)threads;
    for (int i; (i = atomic_fetch_add(&g->next, 1)) < g->j->units.n;) {
        Unit *u = g->j->units.v[i];
        if (u->fresh.n &&
            LLVMTargetMachineEmitToMemoryBuffer(machine, u->e.module, LLVMObjectFile, &u->why, &u->object))
            u->object = NULL;
    }
    LLVMDisposeTargetMachine(machine);
}

static GanStatus link_unit(Jit *j, Unit *u, GanError *err)
{
    LLVMOrcExecutorAddress at = 0;
    if (!u->fresh.n) return GAN_OK;
    if (!u->object) return gan_error(err, GAN_WORLD, "the compiler failed: %s", u->why ? u->why : "no code");
    LLVMErrorRef failure = LLVMOrcLLJITAddObjectFile(j->orc, LLVMOrcLLJITGetMainJITDylib(j->orc), u->object);
    u->object = NULL;                                       /* the JIT's now */
    if (!failure) failure = LLVMOrcLLJITLookup(j->orc, &at, u->table);
    if (failure) return orc_failed(failure, err);
    u->address = (const KernelFn *)(uintptr_t)at;
    return GAN_OK;
}

/* Every function in units of its own, for its texts. */
static void emit_apart(Jit *j, const IrModule *m, Build *build, const JitOptions *o)
{
    for (int f = 0; f < m->fns.n; f++) {
        Unit *u = unit_new(j, m, m->fns.v[f]->name);
        u->e.p = build[f].plan;
        for (int i = 0; i < build[f].plan->kernels.n; i++)
            if (!is_merged(build[f].plan->kernels.v[i])) emit_one(j, u, &build[f], build[f].plan->kernels.v[i]);
        close_unit(u);
        show(j, u, o);
    }
}

/* Kernels go round the open units, one a thread, so that these are done at about the same time; a full one makes room for another. */
static void emit_together(Jit *j, const IrModule *m, Build *build)
{
    int    n = team_threads(j->team), turn = 0;
    Unit **open = arena_array(j->arena, Unit *, n);
    for (int f = 0; f < m->fns.n; f++) {
        for (int i = 0; i < build[f].plan->kernels.n; i++) {
            if (is_merged(build[f].plan->kernels.v[i])) continue;
            Unit **u = &open[turn++ % n];
            if (!*u || (*u)->text > UNIT_TEXT) *u = unit_new(j, m, "gan");
            emit_one(j, *u, &build[f], build[f].plan->kernels.v[i]);
        }
    }
    for (int i = 0; i < j->units.n; i++) close_unit(j->units.v[i]);
}

static void take_addresses(Jit *j, const IrModule *m, const Build *build)
{
    for (int f = 0; f < m->fns.n; f++) {
        const Build *b = &build[f];
        for (int i = 0; i < b->plan->kernels.n; i++)
            if (b->code[i]) b->kernel[i].fn = b->code[i]->unit->address[b->code[i]->place];
        j->fn[f] = (Compiled){b->plan, b->kernel, m->fns.v[f]->tick_slot};
    }
}

static GanStatus compile_all(Jit *j, const IrModule *m, const JitOptions *o, GanError *err)
{
    Build    *build = arena_array(j->arena, Build, m->fns.n + 1);
    GanStatus s = GAN_OK;
    j->codes = arena_array(j->arena, Code *, CODE_BUCKETS);
    for (int i = 0; s == GAN_OK && i < m->fns.n; i++) s = plan_one(j, m, i, &build[i], err);
    if (s != GAN_OK) return s;
    j->reg = arena_array(j->arena, LLVMValueRef, j->values.next_id + 1);
    if (o && (o->on_plan || o->on_llvm || o->on_asm)) emit_apart(j, m, build, o);
    else emit_together(j, m, build);
    for (int i = 0; i < j->units.n; i++) check_module(j->units.v[i]->e.module);
    Generate g = {.j = j};
    team_run(j->team, generate, &g);
    for (int i = 0; i < j->units.n; i++) {
        Unit *u = j->units.v[i];
        if (s == GAN_OK) s = link_unit(j, u, err);
        if (u->object) LLVMDisposeMemoryBuffer(u->object);
        LLVMDisposeMessage(u->why);
        close_emit(&u->e);
    }
    if (s == GAN_OK) take_addresses(j, m, build);
    return s;
}

/* ---- the engine ------------------------------------------------------------------------------------------------- */

/* Zeroed, 64-byte aligned, freed with the engine; NULL when memory runs out. */
static char *block(Jit *j, int64_t bytes)
{
    void *b = calloc(1, (size_t)bytes + 64);
    array_push(j->arena, &j->blocks, b);
    return b ? (char *)(((uintptr_t)b + 63) / 64 * 64) : NULL;
}

static GanStatus open_memory(Jit *j, GanError *err)
{
    int64_t frame_bytes = 64, scratch_bytes = 64;
    int threads = team_threads(j->team);
    for (int i = 0; i < j->n_fns; i++) {
        if (j->fn[i].plan->frame_bytes > frame_bytes) frame_bytes = j->fn[i].plan->frame_bytes;
        if (j->fn[i].plan->scratch_bytes > scratch_bytes) scratch_bytes = j->fn[i].plan->scratch_bytes;
    }
    char *frame = block(j, frame_bytes);
    bool ok = frame != NULL;
    j->bases = arena_array(j->arena, char **, threads);
    for (int i = 0; i < threads; i++) {
        j->bases[i] = arena_array(j->arena, char *, EMIT_DATA + j->program->n_data);
        j->bases[i][EMIT_FRAME] = frame;
        j->bases[i][EMIT_SCRATCH] = block(j, scratch_bytes);
        ok &= j->bases[i][EMIT_SCRATCH] != NULL;
    }
    return ok ? GAN_OK
              : gan_error(err, GAN_WORLD, "out of memory for %lld bytes of work space",
                          (long long)(frame_bytes + threads * scratch_bytes));
}

static GanStatus jit_run(void *self, int function, GanState *state, void *const *out, GanError *err)
{
    Jit *j = self;
    (void)err;
    uint64_t theirs = fpenv_enter();
    run_function(&j->fn[function], j->program, j->team, j->bases, state, out);
    fpenv_leave(theirs);
    return GAN_OK;
}

static void jit_free(void *self)
{
    Jit *j = self;
    for (int i = 0; i < j->blocks.n; i++) free(j->blocks.v[i]);
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

GanStatus jit_engine_new(const IrModule *m, const GanProgram *p, const JitOptions *options, GanEngine *out,
                         GanError *err)
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
    if (s == GAN_OK && ir_has_form(m, IR_FORM_BLAS)) s = blas_open(team_threads(j->team), err);
    if (s != GAN_OK) {
        jit_free(j);
        return s;
    }
    *out = (GanEngine){j, "jit", jit_run, jit_free};
    return GAN_OK;
}
