/* jit.c - from a module to an engine: plan, nests, code, link. Every call of LLVM's ORC and target layers is here.
 *
 * Functions are planned; their kernels become nests. A nest whose text was met before is not compiled again; the others go in turn
 * into LLVM modules of bounded size. The team makes these units into objects, which are linked into one JIT and hand over their
 * kernels in a table. */
#include "compiler/llvm/jit.h"
#include "base/bug.h"
#include "compiler/ctext/cc.h"
#include "compiler/ctext/ctext.h"
#include "compiler/llvm/walk.h"
#include "compiler/nest/steps.h"
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

typedef struct Place { struct Unit *unit; int at; } Place; /* of a nest's code: in a unit's list of addresses; no unit: C text */

enum { UNIT_TEXT = 1 << 16 };                               /* bytes of the nests' text: a unit with more is full */

typedef struct Jit {
    Arena             *arena;                               /* plans */
    const GanProgram  *program;
    LLVMOrcLLJITRef    orc;
    LLVMTargetRef      target;
    LLVMTargetMachineRef machine;                           /* for layouts and texts; code is made by each thread's own */
    char              *triple, *cpu, *features;
    const JitOptions  *options;                             /* while code is made */
    NestProgram        nests;
    ARRAY(Place)       places;                              /* of the distinct nests */
    ARRAY(struct Unit *) units;
    struct Unit      **open;                                /* one a thread, by turns */
    int                turn;
    Text               source;                              /* of C text */
    ARRAY(const char *) names;
    CtextFile          c;
    Code               code;
    CodeInstance       run;
    Team              *team;                                /* the instance's, when that is open */
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

static void add_nest(Jit *j, Unit *u, int code, const LoopNest *n, const char *text, Arena *scratch)
{
    char name[32];
    snprintf(name, sizeof name, "nest_%d", code);
    array_push(j->arena, &j->places, ((Place){u, u->fresh.n}));
    u->text += strlen(text);
    array_push(j->arena, &u->fresh, llvm_nest(&u->llvm, scratch, n, name));
}

/* The addresses of what the unit brings, in a constant that others can find. */
static void close_unit(Unit *u)
{
    LLVMTypeRef t = LLVMArrayType2(u->llvm.ptr, (uint64_t)u->fresh.n);
    LLVMValueRef addresses = LLVMAddGlobal(u->llvm.module, t, u->table);
    LLVMSetInitializer(addresses, LLVMConstArray2(u->llvm.ptr, u->fresh.v, (uint64_t)u->fresh.n));
    LLVMSetGlobalConstant(addresses, true);
}

/* With texts wanted, a unit holds one function. */
static void show(Jit *j, Unit *u, const KPlan *p, const JitOptions *o)
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

/* ---- nests to code: every function in a unit of its own, for its texts ------------------------------------------ */

static Unit *last_unit(const Jit *j) { return j->units.v[j->units.n - 1]; }

static void apart_open(void *self, const KPlan *p)
{
    Jit  *j = self;
    Unit *u = unit_new(j, p->fn->name);
    Text  loops = text_in(j->arena);
    if (j->options->on_loops) u->loops = arena_copy(j->arena, &loops, sizeof loops);
}

static void apart_fresh(void *self, int code, const LoopNest *n, const char *text, Arena *scratch)
{
    add_nest(self, last_unit(self), code, n, text, scratch);
}

static void apart_kernel(void *self, int kernel, const NestKernel *k, const char *text)
{
    Text *out = last_unit(self)->loops;
    if (!out) return;
    text_printf(out, "# kernel %d, words:", kernel);
    for (int i = 0; i < k->n_words; i++) text_printf(out, " %lld", (long long)k->words[i]);
    text_printf(out, "\n%s\n", text);
}

static void apart_close(void *self, const KPlan *p)
{
    Jit *j = self;
    close_unit(last_unit(j));
    show(j, last_unit(j), p, j->options);
}

/* ---- or round the open units, one a thread, so that these are done at about the same time; a full one makes room for another ---- */

static void together_fresh(void *self, int code, const LoopNest *n, const char *text, Arena *scratch)
{
    Jit   *j = self;
    Unit **u = &j->open[j->turn++ % team_threads(j->team)];
    if (!*u || (*u)->text > UNIT_TEXT) *u = unit_new(j, "gan");
    add_nest(j, *u, code, n, text, scratch);
}

/* ---- or as C text ----------------------------------------------------------------------------------------------- */

static void c_fresh(void *self, int code, const LoopNest *n, const char *text, Arena *scratch)
{
    Jit  *j = self;
    char *name = arena_printf(j->arena, "nest_%d", code);
    (void)text;
    (void)scratch;
    array_push(j->arena, &j->places, ((Place){NULL, code}));
    array_push(j->arena, &j->names, name);
    ctext_nest(n, name, &j->source);
}

/* ---- all of it -------------------------------------------------------------------------------------------------- */

static GanStatus link_units(Jit *j, GanError *err)
{
    GanStatus s = GAN_OK;
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
    return s;
}

static GanStatus link_c(Jit *j, GanError *err)
{
    char why[256];
    if (!j->names.n) return GAN_OK;
    ctext_table(j->names.v, j->names.n, &j->source);
    return ctext_open(&j->c, text_str(&j->source), why) ? GAN_OK : gan_error(err, GAN_WORLD, "%s", why);
}

static KernelFn address_of(const Jit *j, int code)
{
    const Place *p = &j->places.v[code];
    return p->unit ? p->unit->address[p->at] : j->c.fn[p->at];
}

static const KernelFn *take_addresses(const Jit *j)
{
    KernelFn *nest = arena_array(j->arena, KernelFn, j->places.n + 1);
    for (int i = 0; i < j->places.n; i++) nest[i] = address_of(j, i);
    return nest;
}

static GanStatus compile_all(Jit *j, const IrModule *m, const JitOptions *o, GanError *err)
{
    static const NestUser apart = {NULL, apart_open, apart_fresh, apart_kernel, apart_close}, together = {.fresh = together_fresh},
                          c_text = {.fresh = c_fresh};
    bool      texts = o && (o->on_plan || o->on_loops || o->on_llvm || o->on_asm), c = o && o->c_text;
    NestUser  user = c ? c_text : texts ? apart : together;
    char      why[512];
    user.self = j;
    j->options = o;
    j->open = arena_array(j->arena, Unit *, team_threads(j->team));
    j->source = text_in(j->arena);
    if (c) ctext_prelude(&j->source);
    Arena *plans = arena_new();
    if (!nest_program(&j->nests, plans, m, j->program, o ? o->plan : (PlanOptions){0}, strstr(j->features, "+avx512f") ? 12 : 6, &user, why)) {
        arena_free(plans);
        return gan_error(err, GAN_WRONG, "%s", why);
    }
    for (int i = 0; !texts && i < j->units.n; i++) close_unit(j->units.v[i]);
    GanStatus s = c ? link_c(j, err) : link_units(j, err);
    if (s == GAN_OK) j->code = steps_of(j->arena, &j->nests, m, j->program, take_addresses(j));
    arena_free(plans);
    return s;
}

/* ---- the engine ------------------------------------------------------------------------------------------------- */

static GanStatus jit_run(void *self, int function, GanState *state, void *const *out, GanError *err)
{
    Jit *j = self;
    (void)err;
    code_run(&j->code, &j->run, function, state, j->program->n_data, out);
    return GAN_OK;
}

static void jit_free(void *self)
{
    Jit *j = self;
    if (j->run.team) code_close(&j->run);
    else team_free(j->team);
    ctext_close(&j->c);
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
    j->team = options ? team_new(options->threads, options->more_than_cpus) : team_new(0, false);
    GanStatus s = j->team ? open_machine(j, err) : gan_error(err, GAN_WORLD, "no threads");
    if (s == GAN_OK) s = open_orc(j, err);
    if (s == GAN_OK) s = compile_all(j, m, options, err);
    if (s == GAN_OK) s = code_open(&j->run, &j->code, p->n_data, j->team, err);
    if (s == GAN_OK && ir_has_form(m, IR_FORM_BLAS)) s = blas_open(team_threads(j->team), err);
    if (s != GAN_OK) {
        jit_free(j);
        return s;
    }
    *out = (GanEngine){j, "jit", jit_run, jit_free};
    return GAN_OK;
}
