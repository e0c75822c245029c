/* native.c - see native.h. */
#include "compiler/driver/native.h"

#include "compiler/image/write.h"
#include "compiler/llvm/object.h"
#include "compiler/native/link.h"
#include "compiler/nest/steps.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- models -------------------------------------------------------------------------------------------------------- */

static bool is_model(const GamePlayer *p) { return !strcmp(p->kind, "implicit") || !strcmp(p->kind, "prescribed"); }

/* A model that wants arguments is no distribution by its name alone, and stays out: its program cannot know them. */
static int sampler_of(Session *s, const char *name)
{
    const SourceFile *source = source_add(s->sources, "<model>", name, strlen(name));
    return source ? lower_sampler(&s->lowered, source, SESSION_SAMPLES, diags_new(s->sources)) : -1;
}

/* Their counters are no part of a run, so that its checkpoints are those of `gan run`. */
static void leave_out_of_checkpoints(GanProgram *p, int from)
{
    for (int i = from; i < p->n_slots; i++)
        if (p->slot[i].kind != GAN_DATA) p->slot[i].kind = GAN_SCRATCH;
}

static void add_models(Session *s)
{
    int                 slots = s->lowered.program->n_slots;
    ARRAY(const char *) name = {0};
    for (int i = 0; i < s->lowered.n_players; i++)
        if (is_model(&s->lowered.player[i])) array_push(s->arena, &name, s->lowered.player[i].name);
    GanModel *model = arena_array(s->arena, GanModel, name.n + 1);
    int       n = 0;
    for (int i = 0; i < name.n; i++) {
        int fn = sampler_of(s, name.v[i]);
        if (fn >= 0) model[n++] = (GanModel){name.v[i], fn, SESSION_SAMPLES, session_needs(s, fn)};
    }
    leave_out_of_checkpoints(s->lowered.program, slots);
    s->lowered.program->model = model;
    s->lowered.program->n_models = n;
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

int native_build(Session *s)
{
    const GanProgram *p;
    const IrModule   *m;
    LlvmWanted        w = {.target.cpu = s->o->target_cpu, .prefix = "gan", .plan = s->o->plan, .open = (int)sysconf(_SC_NPROCESSORS_ONLN)};
    LlvmObjects       objects;
    NestProgram       nests;
    GanError          err;
    add_models(s);
    session_optimise(s);
    s->lowered.program->folder = source_folder(s);
    p = s->lowered.program;
    m = s->lowered.ir;
    w.team = team_new(0, false);
    GanStatus st = w.team ? llvm_objects(s->arena, m, p, &w, &nests, &objects, &err) : gan_error(&err, GAN_WORLD, "no threads");
    team_free(w.team);
    if (st) return say_error(&s->o->run, &err);
    Code code = steps_of(s->arena, &nests, m, p, NULL);
    Text image = text_in(s->arena);
    image_write(&image, p, &code);
    st = native_link(&objects, image.s, image.n, s->o->run.output, &err);
    llvm_objects_free(&objects);
    return st ? say_error(&s->o->run, &err) : EXIT_DONE;
}
