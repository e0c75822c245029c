/* native.c - see native.h. */
#include "compiler/driver/native.h"

#include "compiler/image/write.h"
#include "compiler/llvm/object.h"
#include "compiler/native/header.h"
#include "compiler/native/link.h"
#include "compiler/native/python.h"
#include "compiler/llvm/target.h"
#include "compiler/nest/steps.h"
#include "runtime/cpu.h"

#include <stdlib.h>
#include <string.h>

/* ---- models -------------------------------------------------------------------------------------------------------- */

enum { EXAMPLES = 256 };                                    /* that a call of a net's function is for */

typedef struct Models {
    GanModel *model;
    int       n, slots;                                     /* slots: of the program without them */
} Models;

typedef int Adder(LowerResult *r, const SourceFile *expression, int64_t n, Diags *diags);

/* What cannot be had by its name alone stays out. */
static void add_model(Session *s, Models *m, Adder *add, const char *name, int64_t n)
{
    const SourceFile *source = source_add(s->sources, "<model>", name, strlen(name));
    int               fn = source ? add(&s->lowered, source, n, diags_new(s->sources)) : -1;
    if (fn >= 0) m->model[m->n++] = (GanModel){name, fn, n, session_needs(s, fn, m->slots)};
}

/* Their counters are no part of a run, so that its checkpoints are those of `gan run`. */
static void leave_out_of_checkpoints(GanProgram *p, int from)
{
    for (int i = from; i < p->n_slots; i++)
        if (p->slot[i].kind != GAN_DATA) p->slot[i].kind = GAN_SCRATCH;
}

static void add_models(Session *s)
{
    int          files = s->lowered.program->n_files, n_models = s->lowered.n_models, n_nets = s->o->lib ? s->lowered.n_nets : 0;
    const char **model = s->lowered.model, **net = s->lowered.net;      /* adding functions makes other tables of the result, of the same content */
    Models       m = {.model = arena_array(s->arena, GanModel, n_models + n_nets + 1), .slots = s->lowered.program->n_slots};
    for (int i = 0; i < n_models; i++) add_model(s, &m, lower_sampler, model[i], SESSION_SAMPLES);
    for (int i = 0; i < n_nets; i++) add_model(s, &m, lower_net, net[i], EXAMPLES);
    leave_out_of_checkpoints(s->lowered.program, m.slots);
    s->lowered.program->n_files = files;                    /* not the names of models as texts */
    s->lowered.program->model = m.model;
    s->lowered.program->n_models = m.n;
}

/* ---- the program --------------------------------------------------------------------------------------------------- */

/* Relative paths of the program begin where its source is now. */
static const char *source_folder(const Session *s)
{
    const char *file = s->o->run.operands[0], *slash = strrchr(file, '/');
    char       *full = realpath(slash ? arena_strn(s->arena, file, slash == file ? 1 : (size_t)(slash - file)) : ".", NULL);
    const char *folder = full ? arena_str(s->arena, full) : NULL;
    free(full);
    return folder;
}

/* The CPUs that are asked for: one, or with --portable every level there is. What is native here is a level, too, so that the program can
 * say what it lacks elsewhere. */
static int wanted_cpus(const Options *o, const char *cpu[3])
{
    static const char *const levels[] = {"x86-64-v2", "x86-64-v3", "x86-64-v4"};
    int  here = cpu_level();
    bool named = o->target_cpu && strcmp(o->target_cpu, "native");
    if (named || here < 2) return cpu[0] = named ? o->target_cpu : NULL, 1;
    if (!o->portable) return cpu[0] = levels[here - 2], 1;
    return memcpy(cpu, levels, sizeof levels), 3;
}

enum { NATIVE_OBJECTS = 4 };                                /* made side by side; the same on every machine that builds */

/* What is planned for a CPU (how a matrix is read, which kernels are one) is in the tables of its image and in its kernels, so each has its own. */
static GanStatus compile(Session *s, const char *cpu, NativeVariant *v, GanError *err)
{
    NestProgram nests;
    LlvmWanted  w = {.target.cpu = cpu, .prefix = v->prefix, .plan = s->o->plan, .open = NATIVE_OBJECTS, .team = team_new(0, false)};
    if (!w.team) return gan_error(err, GAN_WORLD, "not enough memory for threads");
    v->level = cpu ? llvm_cpu_level(cpu) : 0;
    GanStatus st = llvm_objects(s->arena, s->lowered.ir, s->lowered.program, &w, &nests, &v->objects, err);
    team_free(w.team);
    if (st) return st;
    Text image = text_in(s->arena);
    Code code = steps_of(s->arena, &nests, s->lowered.ir, s->lowered.program, NULL);
    image_write(&image, s->lowered.program, &code, NULL);
    v->image = image.s;
    v->image_bytes = image.n;
    return GAN_OK;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static GanStatus link_variants(Session *s, const NativeVariant *v, int n, GanError *err)
{
    Text          header = text_in(s->arena), source = header, python = header;
    NativeSymbols symbols = {0};
    NativeLibrary lib = {.symbols = &symbols};
    const char   *prefix = session_identifier(s, base_name(s->o->run.output));
    if (!s->o->lib) return native_link(v, n, s->o->run.output, err);
    GanStatus st = native_header(&header, &source, &symbols, s->lowered.program, prefix, arena_printf(s->arena, "%s.h", s->o->run.output), err);
    lib.header = text_str(&header);
    lib.source = text_str(&source);
    if (s->o->python) native_python(&python, s->lowered.program, prefix, arena_printf(s->arena, "%s.so", base_name(s->o->run.output)));
    lib.python = s->o->python ? text_str(&python) : NULL;
    return st ? st : native_link_library(&lib, v, n, s->o->run.output, err);
}

int native_can_write(const Options *o)
{
    GanError err;
    return native_places(o->run.output, o->lib, o->python, &err) ? say_error(&o->run, &err) : EXIT_DONE;
}

int native_build(Session *s)
{
    const char   *cpu[3];
    NativeVariant variant[3] = {{.prefix = "gan"}, {.prefix = "gan_3"}, {.prefix = "gan_4"}};
    int           n = wanted_cpus(s->o, cpu), made = 0;
    GanError      err;
    GanStatus     st = GAN_OK;
    add_models(s);
    if (!session_allows_externs(s)) return EXIT_WRONG_PROGRAM;
    session_optimise(s);
    s->lowered.program->folder = source_folder(s);
    while (made < n && !st)
        if (!(st = compile(s, cpu[made], &variant[made], &err))) made++;
    if (!st) st = link_variants(s, variant, n, &err);
    for (int i = 0; i < made; i++) llvm_objects_free(&variant[i].objects);
    return st ? say_error(&s->o->run, &err) : EXIT_DONE;
}
