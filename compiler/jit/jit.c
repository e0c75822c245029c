/* jit.c - see jit.h. */
#include "compiler/jit/jit.h"
#include "compiler/ctext/cc.h"
#include "compiler/ctext/ctext.h"
#include "compiler/jit/cache.h"
#include "compiler/jit/flat.h"
#include "compiler/jit/machine.h"
#include "compiler/nest/steps.h"
#include "runtime/cpu.h"
#include "runtime/engine.h"

#include <stdio.h>

typedef struct Jit {
    Arena            *arena;
    const GanProgram *program;
    Machine           machine;
    CacheEntry        kept;
    CtextFile         c;
    Code              code;
    GanEngine         engine;                               /* that runs the code */
    Team             *team;                                 /* while code is made; then the engine's */
} Jit;

/* What the module becomes, until it is in place. */
typedef struct Compiled {
    Arena          *a;                                      /* of the machine's code */
    Arena          *plans;                                  /* of the nests: until the code's steps are made of them */
    NestProgram     nests;
    MachineCode     machine;
    const KernelFn *nest;                                   /* of C text, which the system has put in place */
} Compiled;

/* ---- LLVM ------------------------------------------------------------------------------------------------------- */

static bool runs_here(const char *cpu)
{
    int level;
    return sscanf(cpu, "x86-64-v%d", &level) == 1 && level <= cpu_level();
}

enum { OBJECTS = 8 };                                       /* made side by side; the same for every number of threads, so that a key's bytes are */

static GanStatus compile_llvm(Jit *j, const IrModule *m, const JitOptions *o, Compiled *made, GanError *err)
{
    LlvmWanted  w = {.target.cpu = o->cpu, .plan = o->plan, .texts = o->texts, .prefix = "gan", .bare = true, .open = OBJECTS, .team = j->team};
    LlvmObjects objects;
    if (w.target.cpu && !runs_here(w.target.cpu)) return gan_error(err, GAN_WRONG, "code for the CPU %s does not run here", w.target.cpu);
    GanStatus s = llvm_objects(made->plans, m, j->program, &w, &made->nests, &objects, err);
    if (s) return s;
    s = flat_lay(made->a, &objects, w.prefix, &made->machine, err);
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

static GanStatus compile_c(Jit *j, const IrModule *m, const JitOptions *o, Compiled *made, GanError *err)
{
    Writer   w = {.a = made->plans, .source = text_in(made->plans)};
    NestUser user = {.self = &w, .fresh = c_fresh};
    char     why[512];
    ctext_prelude(&w.source);
    if (!nest_program(&made->nests, made->plans, m, j->program, o->plan, C_ROWS, &user, why)) return gan_error(err, GAN_WRONG, "%s", why);
    if (!w.names.n) return GAN_OK;
    ctext_table(w.names.v, w.names.n, &w.source);
    if (!ctext_open(&j->c, text_str(&w.source), why)) return gan_error(err, GAN_WORLD, "%s", why);
    made->nest = j->c.fn;
    return GAN_OK;
}

/* ---- code in its place ------------------------------------------------------------------------------------------- */

static void say(const JitOptions *o, const GanError *why)
{
    if (why->status && o->say) o->say(o->self, why);
}

static bool may_be_cached(const JitOptions *o)
{
    const LlvmTexts *t = &o->texts;
    return o->cached && !o->c_text && !t->on_plan && !t->on_loops && !t->on_llvm && !t->on_asm;
}

static GanStatus take_kept(Jit *j, GanError *err)
{
    GanStatus s = machine_open(&j->machine, &j->kept.image.machine, err);
    j->code = j->kept.image.code;
    j->code.nest = j->machine.nest;
    j->code.external = j->program->external;
    j->code.n_externs = j->program->n_externs;
    return s;
}

static GanStatus take_made(Jit *j, const IrModule *m, const Compiled *made, GanError *err)
{
    GanStatus s = made->nest ? GAN_OK : machine_open(&j->machine, &made->machine, err);
    if (!s) j->code = steps_of(j->arena, &made->nests, m, j->program, made->nest ? made->nest : j->machine.nest);
    return s;
}

static GanStatus compile(Jit *j, const IrModule *m, const JitOptions *o, const CacheKey *key, GanError *err)
{
    Compiled  made = {.a = arena_new(), .plans = arena_new()};
    GanError  why = {0};
    GanStatus s = o->c_text ? compile_c(j, m, o, &made, err) : compile_llvm(j, m, o, &made, err);
    if (!s) s = take_made(j, m, &made, err);
    if (!s && o->on_code) o->on_code(o->meter_self, &made.nests, &j->code);
    arena_free(made.plans);
    if (!s && *key->text && cache_keep(key, j->program, &j->code, &made.machine, &why)) say(o, &why);
    arena_free(made.a);
    return s;
}

static GanStatus find_or_compile(Jit *j, const IrModule *m, const JitOptions *o, GanError *err)
{
    CacheKey key = {""};
    GanError why = {0};
    if (may_be_cached(o)) key = cache_key(m, j->program, o->plan, o->cpu);
    if (*key.text && cache_open(&j->kept, &key, &why)) return take_kept(j, err);
    say(o, &why);
    if (why.status) *key.text = 0;
    return compile(j, m, o, &key, err);
}

/* ---- the engine ------------------------------------------------------------------------------------------------- */

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
    machine_close(&j->machine);
    cache_close(&j->kept);
    arena_free(j->arena);
}

GanStatus jit_engine_new(const IrModule *m, const GanProgram *p, const JitOptions *options, GanEngine *out,
                         GanError *err)
{
    static const JitOptions usual = {0};
    const JitOptions *o = options ? options : &usual;
    Arena *arena = arena_new();
    Jit *j = arena_new_of(arena, Jit);
    j->arena = arena;
    j->program = p;
    j->team = team_new(o->threads, o->more_than_cpus);
    GanStatus s = find_or_compile(j, m, o, err);
    if (s == GAN_OK) {
        s = engine_new(&j->code, p->n_data, j->team, &j->engine, err);
        j->team = NULL;
        if (s == GAN_OK && o->meter) engine_meter(&j->engine, o->meter);
    }
    if (s != GAN_OK) {
        jit_free(j);
        return s;
    }
    *out = (GanEngine){j, "jit", jit_run, jit_free, jit_another};
    return GAN_OK;
}
