/* jit.c - from a module to an engine: plan, nests, code, link. Every call of LLVM's ORC and target layers is here.
 *
 * Functions are planned; their kernels become nests. A nest whose text was met before is not compiled again; the others go in turn
 * into LLVM modules of bounded size. The team makes these units into objects, which are linked into one JIT and hand over their
 * kernels in a table. */
#include "compiler/llvm/jit.h"
#include "base/bug.h"
#include "compiler/llvm/run.h"
#include "compiler/llvm/walk.h"
#include "compiler/nest/nest.h"
#include "runtime/blas.h"
#include "runtime/symbols.h"

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

typedef struct Code {                                       /* one compiled nest, for all kernels of its text */
    uint64_t     hash;
    const char  *text;
    struct Unit *unit;
    int          place;                                     /* in its list of addresses */
    struct Code *next;                                      /* in its bucket */
} Code;

enum { CODE_BUCKETS = 4096, UNIT_TEXT = 1 << 16 };         /* bytes of the nests' text: a unit with more is full */

typedef struct Jit {
    Arena             *arena;                               /* plans */
    const GanProgram  *program;
    LLVMOrcLLJITRef    orc;
    LLVMTargetRef      target;
    LLVMTargetMachineRef machine;                           /* for layouts and texts; code is made by each thread's own */
    char              *triple, *cpu, *features;
    Code             **codes;                               /* CODE_BUCKETS of them, by hash */
    KValues            values;                              /* of all plans */
    LoopReg          **reg;                                 /* by IrVal.id: the kernel's at hand */
    int                rows;                                /* of a register tile */
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
    LLVMOrcCSymbolMapPair pair[SYMBOL_COUNT];
    for (int i = 0; i < SYMBOL_COUNT; i++) {
        pair[i].Name = LLVMOrcLLJITMangleAndIntern(j->orc, runtime_symbol[i].name);
        pair[i].Sym = (LLVMJITEvaluatedSymbol){(LLVMOrcExecutorAddress)(uintptr_t)runtime_symbol[i].address,
                                               {LLVMJITSymbolGenericFlagsExported, 0}};
    }
    failure = LLVMOrcJITDylibDefine(lib, LLVMOrcAbsoluteSymbols(pair, SYMBOL_COUNT));
    if (failure) return orc_failed(failure, err);
    LLVMOrcDefinitionGeneratorRef process;                  /* memcpy and the like */
    failure =
        LLVMOrcCreateDynamicLibrarySearchGeneratorForProcess(&process, LLVMOrcLLJITGetGlobalPrefix(j->orc), NULL, NULL);
    if (failure) return orc_failed(failure, err);
    LLVMOrcJITDylibAddGenerator(lib, process);
    return GAN_OK;
}

/* ---- one function ----------------------------------------------------------------------------------------------- */

/* An LLVM module on its way to code. */
typedef struct Unit {
    Arena              *arena;                              /* the JIT's */
    LlvmUnit            llvm;
    ARRAY(LLVMValueRef) fresh;                              /* the functions it brings */
    size_t              text;                               /* bytes of their nests' text */
    Text               *loops;                              /* the nests, if they are to be shown */
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

static uint64_t hash_of(const char *text)
{
    uint64_t hash = 14695981039346656037u;                  /* FNV-1a */
    for (const char *c = text; *c; c++) hash = (hash ^ (unsigned char)*c) * 1099511628211u;
    return hash;
}

/* The code with this text, or a new one. */
static Code *code_of(Jit *j, const char *text, bool *is_new)
{
    uint64_t hash = hash_of(text);
    Code **bucket = &j->codes[hash % CODE_BUCKETS];
    *is_new = false;
    for (Code *c = *bucket; c; c = c->next)
        if (c->hash == hash && !strcmp(c->text, text)) return c;
    Code *c = arena_new_of(j->arena, Code);
    *c = (Code){.hash = hash, .text = arena_str(j->arena, text), .next = *bucket};
    *is_new = true;
    return *bucket = c;
}

static Unit *unit_new(Jit *j, const char *name)
{
    Unit *u = arena_new_of(j->arena, Unit);
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(j->machine);
    u->arena = j->arena;
    snprintf(u->table, sizeof u->table, "kernels_%d", j->units.n);
    u->llvm = llvm_unit_open(name, j->triple, layout);
    LLVMDisposeTargetData(layout);
    array_push(j->arena, &j->units, u);
    return u;
}

static void show_nest(Text *out, const KKernel *k, const Code *c, const LoopBuilder *b)
{
    text_printf(out, "# kernel %d, words:", k->id);
    for (int i = 0; i < b->words.n; i++) text_printf(out, " %lld", (long long)b->words.v[i]);
    text_printf(out, "\n%s\n", c->text);
}

static void check_nest(const LoopNest *n)
{
#ifndef NDEBUG
    char why[256];
    if (!loop_verify(n, why)) BUG("jit: a nest is wrong: %s", why);
#else
    (void)n;
#endif
}

static void emit_new(Unit *u, Arena *scratch, Code *c, const LoopNest *nest, const KKernel *k)
{
    char name[32];
    snprintf(name, sizeof name, "kernel_%d", k->id);
    c->unit = u;
    c->place = u->fresh.n;
    u->text += strlen(c->text);
    array_push(u->arena, &u->fresh, llvm_nest(&u->llvm, scratch, nest, name));
}

/* Makes a kernel's nest; one whose code exists already only adds a table, and leaves nothing else behind. */
static void emit_one(Jit *j, Unit *u, Build *b, KKernel *k)
{
    Arena *scratch = arena_new();
    Nest n = {.arena = scratch, .program = j->program, .p = b->plan, .m = b->plan->m, .reg = j->reg, .n_reg = j->values.next_id, .rows = j->rows};
    bool is_new;
    Text text = text_in(scratch);
    nest_kernel(&n, k);
    check_nest(n.b.nest);
    loop_print(n.b.nest, &text);
    Code *c = b->code[k->id] = code_of(j, text_str(&text), &is_new);
    if (n.b.words.n) b->kernel[k->id].table = arena_copy(j->arena, n.b.words.v, sizeof *n.b.words.v * (size_t)n.b.words.n);
    if (u->loops) show_nest(u->loops, k, c, &n.b);
    if (is_new) emit_new(u, scratch, c, n.b.nest, k);
    arena_free(scratch);
}

static bool is_merged(const KKernel *k) { return k->kind == K_MAP && !k->nodes.n && !k->stores.n && !k->sinks.n; }

/* The addresses of what the unit brings, in a constant that others can find. */
static void close_unit(Unit *u)
{
    LLVMTypeRef t = LLVMArrayType2(u->llvm.ptr, (uint64_t)u->fresh.n);
    LLVMValueRef addresses = LLVMAddGlobal(u->llvm.module, t, u->table);
    LLVMSetInitializer(addresses, LLVMConstArray2(u->llvm.ptr, u->fresh.v, (uint64_t)u->fresh.n));
    LLVMSetGlobalConstant(addresses, true);
}

/* With texts wanted, a unit holds one function. */
static void show(Jit *j, Unit *u, KPlan *p, const JitOptions *o)
{
    const char *name = p->fn->name;
    if (o->on_plan) {
        Text t = text_in(j->arena);
        kernel_print(p, &t);
        o->on_plan(o->self, name, text_str(&t));
    }
    if (o->on_loops) o->on_loops(o->self, name, text_str(u->loops));
    if (o->on_llvm) {
        char *text = LLVMPrintModuleToString(u->llvm.module);
        o->on_llvm(o->self, name, text);
        LLVMDisposeMessage(text);
    }
    LLVMMemoryBufferRef buffer;
    char *why = NULL;
    if (!o->on_asm) return;
    LLVMModuleRef copy = LLVMCloneModule(u->llvm.module);
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
            LLVMTargetMachineEmitToMemoryBuffer(machine, u->llvm.module, LLVMObjectFile, &u->why, &u->object))
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
        Unit *u = unit_new(j, m->fns.v[f]->name);
        Text loops = text_in(j->arena);
        u->loops = o->on_loops ? &loops : NULL;
        for (int i = 0; i < build[f].plan->kernels.n; i++)
            if (!is_merged(build[f].plan->kernels.v[i])) emit_one(j, u, &build[f], build[f].plan->kernels.v[i]);
        close_unit(u);
        show(j, u, build[f].plan, o);
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
            if (!*u || (*u)->text > UNIT_TEXT) *u = unit_new(j, "gan");
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
    j->reg = arena_array(j->arena, LoopReg *, j->values.next_id + 1);
    j->rows = strstr(j->features, "+avx512f") ? 12 : 6;
    if (o && (o->on_plan || o->on_loops || o->on_llvm || o->on_asm)) emit_apart(j, m, build, o);
    else emit_together(j, m, build);
    for (int i = 0; i < j->units.n; i++) check_module(j->units.v[i]->llvm.module);
    Generate g = {.j = j};
    team_run(j->team, generate, &g);
    for (int i = 0; i < j->units.n; i++) {
        Unit *u = j->units.v[i];
        if (s == GAN_OK) s = link_unit(j, u, err);
        if (u->object) LLVMDisposeMemoryBuffer(u->object);
        LLVMDisposeMessage(u->why);
        llvm_unit_close(&u->llvm);
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
        j->bases[i] = arena_array(j->arena, char *, BASE_DATA + j->program->n_data);
        j->bases[i][BASE_FRAME] = frame;
        j->bases[i][BASE_SCRATCH] = block(j, scratch_bytes);
        ok &= j->bases[i][BASE_SCRATCH] != NULL;
    }
    return ok ? GAN_OK
              : gan_error(err, GAN_WORLD, "out of memory for %lld bytes of work space",
                          (long long)(frame_bytes + threads * scratch_bytes));
}

static GanStatus jit_run(void *self, int function, GanState *state, void *const *out, GanError *err)
{
    Jit *j = self;
    (void)err;
    run_function(&j->fn[function], j->program, j->team, j->bases, state, out);
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
