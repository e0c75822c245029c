/* jit.c - from a module to an engine: the objects of object.h, linked into this process, and run. Every call of LLVM's ORC layer is here. */
#include "compiler/llvm/jit.h"
#include "compiler/ctext/cc.h"
#include "compiler/ctext/ctext.h"
#include "compiler/nest/steps.h"
#include "runtime/cpu.h"
#include "runtime/engine.h"
#include "runtime/symbols.h"

#include <llvm-c/Error.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Orc.h>
#include <stdio.h>

typedef struct Jit {
    Arena             *arena;
    const GanProgram  *program;
    LLVMOrcLLJITRef    orc;
    CtextFile          c;
    const KernelFn    *nest;                                /* in one of the two */
    Code               code;
    GanEngine          engine;                              /* that runs the code */
    Team              *team;                                /* while code is made; then the engine's */
} Jit;

/* ---- LLVM ------------------------------------------------------------------------------------------------------- */

static GanStatus orc_failed(LLVMErrorRef failure, GanError *err)
{
    char *text = LLVMGetErrorMessage(failure);
    GanStatus s = gan_error(err, GAN_WORLD, "the compiler failed: %s", text);
    LLVMDisposeErrorMessage(text);
    return s;
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

/* The table of one of the objects brings all of them. */
static GanStatus link_objects(Jit *j, LlvmObjects *o, GanError *err)
{
    LLVMErrorRef failure = NULL;
    LLVMOrcExecutorAddress at = 0;
    for (int i = 0; i < o->n && !failure; i++) {
        failure = LLVMOrcLLJITAddObjectFile(j->orc, LLVMOrcLLJITGetMainJITDylib(j->orc), o->object[i].buffer);
        o->object[i].buffer = NULL;                         /* the JIT's now */
    }
    if (!failure) failure = LLVMOrcLLJITLookup(j->orc, &at, "gan_nests");
    j->nest = (const KernelFn *)(uintptr_t)at;
    return failure ? orc_failed(failure, err) : GAN_OK;
}

static bool runs_here(const char *cpu)
{
    int level;
    return sscanf(cpu, "x86-64-v%d", &level) == 1 && level <= cpu_level();
}

static GanStatus compile_llvm(Jit *j, Arena *plans, const IrModule *m, const JitOptions *o, NestProgram *nests, GanError *err)
{
    LlvmWanted  w = {.prefix = "gan", .exported = true, .open = team_threads(j->team), .team = j->team};
    LlvmObjects objects;
    if (o) w.texts = o->texts, w.plan = o->plan, w.target.cpu = o->cpu;
    if (w.target.cpu && !runs_here(w.target.cpu)) return gan_error(err, GAN_WRONG, "code for the CPU %s does not run here", w.target.cpu);
    GanStatus s = llvm_objects(plans, m, j->program, &w, nests, &objects, err);
    if (s != GAN_OK) return s;
    s = open_orc(j, err);
    if (s == GAN_OK) s = link_objects(j, &objects, err);
    llvm_objects_free(&objects);
    return s;
}

/* ---- C text ----------------------------------------------------------------------------------------------------- */

enum { C_ROWS = 6 };                                        /* of a register tile */

typedef struct Writer { Arena *a; Text source; ARRAY(const char *) names; } Writer;

static void c_fresh(void *self, int code, const LoopNest *n, const char *text, Arena *scratch)
{
    Writer *w = self;
    char *name = arena_printf(w->a, "nest_%d", code);
    (void)text;
    (void)scratch;
    array_push(w->a, &w->names, name);
    ctext_nest(n, name, &w->source);
}

static GanStatus compile_c(Jit *j, Arena *plans, const IrModule *m, PlanOptions plan, NestProgram *nests, GanError *err)
{
    Writer   w = {.a = plans, .source = text_in(plans)};
    NestUser user = {.self = &w, .fresh = c_fresh};
    char     why[512];
    ctext_prelude(&w.source);
    if (!nest_program(nests, plans, m, j->program, plan, C_ROWS, &user, why)) return gan_error(err, GAN_WRONG, "%s", why);
    if (!w.names.n) return GAN_OK;
    ctext_table(w.names.v, w.names.n, &w.source);
    if (!ctext_open(&j->c, text_str(&w.source), why)) return gan_error(err, GAN_WORLD, "%s", why);
    j->nest = j->c.fn;
    return GAN_OK;
}

/* ---- the engine ------------------------------------------------------------------------------------------------- */

static GanStatus compile(Jit *j, const IrModule *m, const JitOptions *o, GanError *err)
{
    NestProgram nests;
    Arena      *plans = arena_new();
    GanStatus   s = o && o->c_text ? compile_c(j, plans, m, o->plan, &nests, err) : compile_llvm(j, plans, m, o, &nests, err);
    if (s == GAN_OK) j->code = steps_of(j->arena, &nests, m, j->program, j->nest);
    arena_free(plans);
    return s;
}

static GanStatus jit_run(void *self, int function, GanState *state, void *const *out, GanError *err)
{
    Jit *j = self;
    return j->engine.run(j->engine.self, function, state, out, err);
}

static GanStatus jit_another(void *self, int threads, GanEngine *out, GanError *err)
{
    Jit *j = self;
    return j->engine.another(j->engine.self, threads, out, err);
}

static void jit_free(void *self)
{
    Jit *j = self;
    if (j->engine.free) j->engine.free(j->engine.self);
    team_free(j->team);
    ctext_close(&j->c);
    if (j->orc) {
        LLVMErrorRef failure = LLVMOrcDisposeLLJIT(j->orc);
        if (failure) LLVMConsumeError(failure);
    }
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
    GanStatus s = j->team ? compile(j, m, options, err) : gan_error(err, GAN_WORLD, "no threads");
    if (s == GAN_OK) {
        s = engine_new(&j->code, p->n_data, j->team, &j->engine, err);
        j->team = NULL;
    }
    if (s != GAN_OK) {
        jit_free(j);
        return s;
    }
    *out = (GanEngine){j, "jit", jit_run, jit_free, jit_another};
    return GAN_OK;
}
