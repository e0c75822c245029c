/* object.c - see object.h.
 *
 * Nests go in turn into LLVM modules of bounded size, the units; the team makes these into objects. The first unit also gets the table. */
#include "compiler/llvm/object.h"
#include "base/bug.h"
#include "compiler/llvm/machine.h"
#include "compiler/llvm/walk.h"

#include <llvm-c/Analysis.h>
#include <llvm-c/Core.h>
#include <llvm-c/TargetMachine.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { UNIT_TEXT = 1 << 16 };                               /* bytes of the nests' text: a unit with more is full */

typedef struct Unit {                                       /* an LLVM module on its way to code */
    LlvmUnit            llvm;
    int                 nests;
    size_t              text;                               /* bytes of its nests' text */
    LLVMMemoryBufferRef object;
    char               *why;                                /* LLVM's, when there is no object */
} Unit;

typedef struct Maker {
    Arena            *a;
    const LlvmWanted *w;
    LlvmMachine       machine;
    LLVMTargetMachineRef generator;                         /* for layouts and texts; code is made by each thread's own */
    ARRAY(Unit *)     units;
    Unit            **open;                                 /* filled by turns */
    int               turn, n_nests;
    Text              loops;                                /* of the function at hand */
} Maker;

/* ---- units ------------------------------------------------------------------------------------------------------ */

static Unit *unit_new(Maker *k, const char *name)
{
    Unit *u = arena_new_of(k->a, Unit);
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(k->generator);
    u->llvm = llvm_unit_open(name, k->machine.triple, layout);
    LLVMDisposeTargetData(layout);
    u->llvm.no_fma = k->machine.no_fma;
    array_push(k->a, &k->units, u);
    return u;
}

static const char *nest_name(const Maker *k, int code) { return arena_printf(k->a, "%s_nest_%d", k->w->prefix, code); }

static void add_nest(Maker *k, Unit *u, int code, const LoopNest *n, const char *text, Arena *scratch)
{
    LLVMValueRef f = llvm_nest(&u->llvm, scratch, n, nest_name(k, code));
    LLVMSetLinkage(f, LLVMExternalLinkage);
    LLVMSetVisibility(f, LLVMHiddenVisibility);
    u->text += strlen(text);
    u->nests++;
    k->n_nests++;
}

static LLVMValueRef nest_in(const Maker *k, const LlvmUnit *u, int code)
{
    const char *name = nest_name(k, code);
    LLVMValueRef f = LLVMGetNamedFunction(u->module, name);
    if (f) return f;
    f = LLVMAddFunction(u->module, name, u->fn_type);
    LLVMSetVisibility(f, LLVMHiddenVisibility);
    return f;
}

/* The addresses of the nests; of none, a table of one that is NULL. */
static void add_table(Maker *k)
{
    Unit *first = k->units.n ? k->units.v[0] : unit_new(k, "gan");
    const LlvmUnit *u = &first->llvm;
    unsigned n = k->n_nests ? (unsigned)k->n_nests : 1;
    LLVMValueRef *nest = arena_array(k->a, LLVMValueRef, n);
    nest[0] = LLVMConstNull(u->ptr);
    for (int i = 0; i < k->n_nests; i++) nest[i] = nest_in(k, u, i);
    LLVMValueRef table = LLVMAddGlobal(u->module, LLVMArrayType2(u->ptr, n), arena_printf(k->a, "%s_nests", k->w->prefix));
    LLVMSetInitializer(table, LLVMConstArray2(u->ptr, nest, n));
    LLVMSetGlobalConstant(table, true);
    LLVMSetVisibility(table, LLVMHiddenVisibility);
}

/* ---- nests by turns, so that units are done at about the same time; a full one makes room for another ---------- */

static void together_fresh(void *self, int code, const LoopNest *n, const char *text, Arena *scratch)
{
    Maker *k = self;
    int    open = k->w->open;
    Unit **u = &k->open[open ? k->turn++ % open : 0];
    if (!*u || (open && (*u)->text > UNIT_TEXT)) *u = unit_new(k, "gan");
    add_nest(k, *u, code, n, text, scratch);
}

/* ---- or every function in a unit of its own, for its texts ------------------------------------------------------ */

static Unit *last_unit(const Maker *k) { return k->units.v[k->units.n - 1]; }

static void apart_open(void *self, const KPlan *p)
{
    Maker *k = self;
    unit_new(k, p->fn->name);
    k->loops = text_in(k->a);
}

static void apart_fresh(void *self, int code, const LoopNest *n, const char *text, Arena *scratch)
{
    add_nest(self, last_unit(self), code, n, text, scratch);
}

static void apart_kernel(void *self, int kernel, const NestKernel *n, const char *text)
{
    Maker *k = self;
    if (!k->w->texts.on_loops) return;
    text_printf(&k->loops, "# kernel %d, words:", kernel);
    for (int i = 0; i < n->n_words; i++) text_printf(&k->loops, " %lld", (long long)n->words[i]);
    text_printf(&k->loops, "\n%s\n", text);
}

static LLVMMemoryBufferRef assembly(const Maker *k, const Unit *u)
{
    LLVMMemoryBufferRef buffer = NULL;
    char *why = NULL;
    LLVMModuleRef copy = LLVMCloneModule(u->llvm.module);   /* the back end changes what it compiles */
    if (LLVMTargetMachineEmitToMemoryBuffer(k->generator, copy, LLVMAssemblyFile, &why, &buffer)) buffer = NULL;
    LLVMDisposeMessage(why);
    LLVMDisposeModule(copy);
    return buffer;
}

static void apart_close(void *self, const KPlan *p)
{
    Maker *k = self;
    const LlvmTexts *t = &k->w->texts;
    const char *name = p->fn->name;
    if (t->on_plan) {
        Text plan = text_in(k->a);
        kernel_print(p, &plan);
        t->on_plan(t->self, name, text_str(&plan));
    }
    if (t->on_loops) t->on_loops(t->self, name, text_str(&k->loops));
    if (t->on_llvm) {
        char *text = LLVMPrintModuleToString(last_unit(k)->llvm.module);
        t->on_llvm(t->self, name, text);
        LLVMDisposeMessage(text);
    }
    LLVMMemoryBufferRef text = t->on_asm ? assembly(k, last_unit(k)) : NULL;
    if (!text) return;
    t->on_asm(t->self, name, LLVMGetBufferStart(text));
    LLVMDisposeMemoryBuffer(text);
}

/* ---- code, by the whole team: units are taken in turn, each thread has a generator of its own ---------------------- */

static void check_module(LLVMModuleRef m)
{
#ifndef NDEBUG
    char *why = NULL;
    if (LLVMVerifyModule(m, LLVMReturnStatusAction, &why)) BUG("llvm: it refuses the code: %s", why);
    LLVMDisposeMessage(why);
#else
    (void)m;
#endif
}

static LLVMMemoryBufferRef text_of(LLVMModuleRef m)
{
    char *text = LLVMPrintModuleToString(m);
    LLVMMemoryBufferRef b = LLVMCreateMemoryBufferWithMemoryRangeCopy(text, strlen(text), "gan");
    LLVMDisposeMessage(text);
    return b;
}

static void make_unit(const Maker *k, LLVMTargetMachineRef generator, Unit *u)
{
    LLVMCodeGenFileType type = k->w->form == LLVM_ASM ? LLVMAssemblyFile : LLVMObjectFile;
    if (k->w->form == LLVM_TEXT) u->object = text_of(u->llvm.module);
    else if (LLVMTargetMachineEmitToMemoryBuffer(generator, u->llvm.module, type, &u->why, &u->object)) u->object = NULL;
}

typedef struct Generate { const Maker *k; atomic_int next; } Generate;

static void generate(void *arg, int thread, int threads)
{
    Generate *g = arg;
    LLVMTargetMachineRef generator = llvm_machine_generator(&g->k->machine);
    (void)thread;
    (void)threads;
    for (int i; (i = atomic_fetch_add(&g->next, 1)) < g->k->units.n;)
        if (i == 0 || g->k->units.v[i]->nests) make_unit(g->k, generator, g->k->units.v[i]);
    LLVMDisposeTargetMachine(generator);
}

static GanStatus take_object(Unit *u, LlvmObjects *out, GanError *err)
{
    if (u->why) return gan_error(err, GAN_WORLD, "the compiler failed: %s", u->why);
    if (!u->object) return GAN_OK;
    out->object[out->n++] = (LlvmObject){LLVMGetBufferStart(u->object), LLVMGetBufferSize(u->object), u->object};
    u->object = NULL;
    return GAN_OK;
}

static GanStatus make_objects(Maker *k, LlvmObjects *out, GanError *err)
{
    GanStatus s = GAN_OK;
    Generate g = {.k = k};
    if (!k->w->bare) add_table(k);
    for (int i = 0; i < k->units.n; i++) check_module(k->units.v[i]->llvm.module);
    if (k->w->team) team_run(k->w->team, generate, &g);
    else generate(&g, 0, 1);
    *out = (LlvmObjects){arena_array(k->a, LlvmObject, k->units.n), 0, k->n_nests};
    for (int i = 0; i < k->units.n && s == GAN_OK; i++) s = take_object(k->units.v[i], out, err);
    if (s != GAN_OK) llvm_objects_free(out);
    return s;
}

static void close_units(Maker *k)
{
    for (int i = 0; i < k->units.n; i++) {
        Unit *u = k->units.v[i];
        if (u->object) LLVMDisposeMemoryBuffer(u->object);
        LLVMDisposeMessage(u->why);
        llvm_unit_close(&u->llvm);
    }
}

/* ---- all of it -------------------------------------------------------------------------------------------------- */

static GanStatus fill_units(Maker *k, const IrModule *m, const GanProgram *p, NestProgram *nests, GanError *err)
{
    static const NestUser apart = {NULL, apart_open, apart_fresh, apart_kernel, apart_close}, together = {.fresh = together_fresh};
    const LlvmTexts *t = &k->w->texts;
    NestUser user = t->on_plan || t->on_loops || t->on_llvm || t->on_asm ? apart : together;
    char     why[512];
    user.self = k;
    k->open = arena_array(k->a, Unit *, k->w->open + 1);
    PlanOptions plan = k->w->plan;
    if (!plan.near) plan.near = llvm_cpu_near(k->machine.cpu);
    return nest_program(nests, k->a, m, p, plan, k->machine.rows, &user, why) ? GAN_OK : gan_error(err, GAN_WRONG, "%s", why);
}

GanStatus llvm_objects(Arena *a, const IrModule *m, const GanProgram *p, const LlvmWanted *w, NestProgram *nests, LlvmObjects *out, GanError *err)
{
    Maker k = {.a = a, .w = w};
    GanStatus s = llvm_machine_open(&k.machine, &w->target, err);
    if (s == GAN_OK) k.generator = llvm_machine_generator(&k.machine);
    if (s == GAN_OK) s = fill_units(&k, m, p, nests, err);
    if (s == GAN_OK) s = make_objects(&k, out, err);
    close_units(&k);
    if (k.generator) LLVMDisposeTargetMachine(k.generator);
    llvm_machine_close(&k.machine);
    return s;
}

void llvm_objects_free(LlvmObjects *o)
{
    for (int i = 0; i < o->n; i++)
        if (o->object[i].buffer) LLVMDisposeMemoryBuffer(o->object[i].buffer);
    *o = (LlvmObjects){0};
}

GanStatus llvm_about(char *out, size_t room, GanError *err)
{
    unsigned major, minor, patch;
    char    *cpu = LLVMGetHostCPUName();
    (void)err;
    LLVMGetVersion(&major, &minor, &patch);
    snprintf(out, room, "LLVM %u.%u.%u, CPU %s", major, minor, patch, cpu);
    LLVMDisposeMessage(cpu);
    return GAN_OK;
}
