/* library.c - see library.h. Every function enters, does its work with a GanError of the runtime's, and leaves, which frees the instance for
 * other threads and hands the error to the caller. */
#include "runtime/native/library.h"

#include "runtime/engine.h"
#include "runtime/extern.h"
#include "runtime/file.h"
#include "runtime/image.h"
#include "runtime/state.h"
#include "runtime/trainer.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_THREADS = 1024, MOST_ARGUMENTS = 64 };

struct GanInstance {
    Image         image;
    GanEngine     engine;
    GanState      state;
    TrainerResult run;                                      /* where it is */
    int64_t       steps, limit;                             /* TrainerOptions.steps; rounds that this call of train may still begin, -1: any number */
    bool          begun, over, lost;                        /* it has run, or what has was loaded; to its end; there is no place to go on from */
    char          why_lost[512];
    atomic_bool   busy;
};

static int tell(const GanError *e, GanStatus st, LibraryError *err)
{
    char text[GAN_ERROR_TEXT];
    if (err) {
        *err = (LibraryError){.status = (int32_t)st};
        if (st) snprintf(err->message, sizeof err->message, "%s", gan_error_text(e, text));
    }
    return (int)st;
}

static GanStatus enter(GanInstance *it, GanError *e)
{
    if (!it) return gan_error(e, GAN_WRONG, "there is no instance: open one, and look whether that went well");
    if (atomic_exchange(&it->busy, true)) return gan_error(e, GAN_WRONG, "this instance is in use by another thread; open one for each");
    return GAN_OK;
}

static int leave(GanInstance *it, const GanError *e, GanStatus st, LibraryError *err)
{
    atomic_store(&it->busy, false);
    return tell(e, st, err);
}

/* ---- opening and closing --------------------------------------------------------------------------------------------- */

static const char *folder_given(Image *image, const char *folder)
{
    return folder ? arena_str(image->arena, folder) : image->program.folder;
}

static GanStatus read_data(GanInstance *it, const LibraryOptions *o, GanError *e)
{
    if (o->n_data < 0 || (o->n_data && !o->data)) return gan_error(e, GAN_WRONG, "n_data counts what data points to");
    DataChoice *choice = arena_array(it->image.arena, DataChoice, o->n_data + 1);
    for (int i = 0; i < o->n_data; i++) {
        choice[i] = (DataChoice){o->data[i].name, o->data[i].path};
        if (!choice[i].name || !choice[i].path) return gan_error(e, GAN_WRONG, "data[%d] lacks its name or its path", i);
    }
    int own;
    it->image.program.folder = folder_given(&it->image, o->folder);
    return image_read_data(&it->image, choice, o->n_data, &own, e);
}

static GanStatus start(GanInstance *it, const LibraryOptions *o, GanError *e)
{
    const GanProgram *p = &it->image.program;
    GanStatus         st = engine_new(&it->image.code, p->n_data, team_new(o->threads, false), &it->engine, e);
    if (!st) st = state_new(p, o->seed, &it->state, e);
    if (!st) st = trainer_result_new(p, &it->run, e);
    if (!st && p->init_fn >= 0) st = it->engine.run(it->engine.self, p->init_fn, &it->state, NULL, e);
    return st;
}

static GanStatus open_all(GanInstance *it, const NativeCode *program, const LibraryOptions *o, GanError *e)
{
    if (o->threads < 0 || o->threads > MOST_THREADS) return gan_error(e, GAN_WRONG, "threads are 0, for the CPUs allowed, to %d", MOST_THREADS);
    if (o->steps < 0) return gan_error(e, GAN_WRONG, "steps are 0, for the program's, or more");
    it->steps = o->steps ? o->steps : -1;
    int which;
    GanStatus st = native_open(program, &it->image, e);
    if (!st) st = native_can_run(program, &it->image, e);
    if (!st) st = read_data(it, o, e);
    if (!st) st = extern_open(&it->image.program, it->image.program.folder, &which, e);
    return st ? st : start(it, o, e);
}

int library_open(const NativeCode *program, const LibraryOptions *o, GanInstance **out, LibraryError *err)
{
    static const LibraryOptions none;
    GanError     e = {0};
    GanInstance *it = calloc(1, sizeof *it);
    GanStatus    st = out ? GAN_OK : gan_error(&e, GAN_WRONG, "there is no place for the instance");
    if (!st && !it) st = gan_error(&e, GAN_WORLD, "out of memory");
    if (!st) st = open_all(it, program, o ? o : &none, &e);
    if (st) library_close(it);
    if (out) *out = st ? NULL : it;
    return tell(&e, st, err);
}

void library_close(GanInstance *it)
{
    if (!it) return;
    if (it->engine.free) it->engine.free(it->engine.self);
    trainer_result_free(&it->run);
    state_free(&it->state);
    image_close(&it->image);
    free(it);
}

/* ---- training -------------------------------------------------------------------------------------------------------- */

static GanStatus has_place(const GanInstance *it, GanError *e)
{
    if (!it->lost) return GAN_OK;
    return gan_error(e, GAN_WRONG, "its training has failed (%s); load a checkpoint to go on from, or open another", it->why_lost);
}

static void lose_place(GanInstance *it, const GanError *e)
{
    char text[GAN_ERROR_TEXT];
    it->lost = true;
    snprintf(it->why_lost, sizeof it->why_lost, "%s", gan_error_text(e, text));
}

static bool one_more(void *instance)
{
    GanInstance *it = instance;
    if (it->limit > 0) it->limit--;
    else if (!it->limit) return false;
    return true;
}

static GanStatus train(GanInstance *it, int64_t rounds, int64_t *done, GanError *e)
{
    TrainerResult  result;
    TrainerOptions o = {.steps = it->steps, .from = &it->run, .progress_fd = -1, .hooks = {.user = it, .next = one_more}};
    it->limit = rounds < 0 ? -1 : rounds;
    it->begun = true;
    GanStatus st = trainer_run(&it->image.program, &it->engine, &it->state, &o, &result, e);
    *done = result.rounds_here;
    if (st) lose_place(it, e);
    it->over = !st && result.end == TRAINER_DONE;
    trainer_result_free(&it->run);
    it->run = result;
    return st;
}

int library_train(GanInstance *it, int64_t rounds, int64_t *done, LibraryError *err)
{
    GanError  e = {0};
    int64_t   unread;
    GanStatus st = enter(it, &e);
    if (!done) done = &unread;
    *done = 0;
    if (st) return tell(&e, st, err);
    st = has_place(it, &e);
    if (!st) st = train(it, rounds, done, &e);
    return leave(it, &e, st, err);
}

int64_t library_rounds(const GanInstance *it) { return it ? it->run.rounds : -1; }
int     library_over(const GanInstance *it) { return it && it->over; }

/* ---- checkpoints ----------------------------------------------------------------------------------------------------- */

static GanStatus named(const char *path, GanError *e) { return path && *path ? GAN_OK : gan_error(e, GAN_WRONG, "the file has no name"); }

int library_save(GanInstance *it, const char *path, LibraryError *err)
{
    GanError  e = {0};
    GanStatus st = enter(it, &e);
    if (st) return tell(&e, st, err);
    st = named(path, &e);
    if (!st) st = has_place(it, &e);
    if (!st) st = trainer_save(&it->image.program, &it->state, it->steps, &it->run, path, &e);
    return leave(it, &e, st, err);
}

/* What is in no checkpoint: values that one function of a round hands to another, and how much the models were drawn from. */
static void clear_scratch(GanInstance *it)
{
    const GanProgram *p = &it->image.program;
    for (int i = 0; i < p->n_slots; i++)
        if (p->slot[i].kind == GAN_SCRATCH) memset(state_slot(p, &it->state, i), 0, p->slot[i].bytes);
}

static GanStatus read_state(GanInstance *it, const char *path, GanError *e)
{
    SafeFile *f = NULL;
    GanStatus st = safetensors_read(path, false, &f, e);
    if (!st) st = state_load(&it->image.program, &it->state, f, path, STATE_LACKS_TICKS, e);
    safetensors_free(f);
    return st;
}

static GanStatus load(GanInstance *it, const char *path, bool place, GanError *e)
{
    const GanProgram *p = &it->image.program;
    TrainerResult     run = {0};
    GanStatus         st = named(path, e);
    if (!st) st = trainer_result_new(p, &run, e);
    if (!st) st = place ? trainer_load(p, &it->state, it->steps, path, &run, e) : read_state(it, path, e);
    if (st) {
        trainer_result_free(&run);
        return st;
    }
    clear_scratch(it);
    trainer_result_free(&it->run);
    it->run = run;
    it->over = run.was_over;
    it->lost = false;
    it->begun = true;
    return GAN_OK;
}

static int load_and_tell(GanInstance *it, const char *path, bool place, LibraryError *err)
{
    GanError  e = {0};
    GanStatus st = enter(it, &e);
    if (st) return tell(&e, st, err);
    st = load(it, path, place, &e);
    return leave(it, &e, st, err);
}

int library_load(GanInstance *it, const char *path, LibraryError *err) { return load_and_tell(it, path, true, err); }
int library_load_state(GanInstance *it, const char *path, LibraryError *err) { return load_and_tell(it, path, false, err); }

/* ---- samples ---------------------------------------------------------------------------------------------------------- */

static size_t row_bytes(const GanOutput *o)
{
    size_t bytes = gan_elem_bytes(o->elem);
    for (int i = 1; i < o->rank; i++) bytes *= (size_t)o->dim[i];
    return bytes;
}

static GanStatus can_sample(const GanInstance *it, int model, int64_t n, void *const *out, GanError *e)
{
    const GanProgram *p = &it->image.program;
    if (model < 0 || model >= p->n_models) return gan_error(e, GAN_WRONG, "there is no model %d", model);
    const GanModel *m = &p->model[model];
    if (n < 0) return gan_error(e, GAN_WRONG, "%lld rows are fewer than none", (long long)n);
    if (m->needs && !it->begun) return gan_error(e, GAN_WRONG, "%s is computed when the program runs: train, or load a checkpoint of a run", m->needs);
    for (int i = 0; i < p->function[m->fn].n_outputs; i++)
        if (n && !out[i]) return gan_error(e, GAN_WRONG, "there is no place for the results");
    return GAN_OK;
}

typedef struct Draw {                                       /* calls of a model's function, each of which makes `batch` rows of each field */
    int         n_fields, n_in;
    size_t     *row;
    void      **made;
    const void *const *in;                                  /* of a net: its arguments, and their slots */
    int         slot[MOST_ARGUMENTS];
} Draw;

static void draw_end(Draw *d)
{
    for (int i = 0; d->made && i < d->n_fields; i++) free(d->made[i]);
    free(d->made);
    free(d->row);
}

static GanStatus draw_begin(Draw *d, const GanFunction *f, int64_t batch, GanError *e)
{
    d->n_fields = f->n_outputs;
    d->row = calloc((size_t)f->n_outputs + 1, sizeof *d->row);
    d->made = calloc((size_t)f->n_outputs + 1, sizeof *d->made);
    bool ok = d->row && d->made;
    for (int i = 0; ok && i < f->n_outputs; i++) {
        d->row[i] = row_bytes(&f->output[i]);
        ok = (d->made[i] = malloc((size_t)batch * d->row[i] + 1)) != NULL;
    }
    return ok ? GAN_OK : gan_error(e, GAN_WORLD, "no memory for the results");
}

/* Rows of the arguments, to where the function reads them; what is left there beyond is for rows of results that nobody wants. */
static void give(const GanInstance *it, const Draw *d, int64_t batch, size_t at, size_t rows)
{
    const GanProgram *p = &it->image.program;
    for (int i = 0; i < d->n_in; i++) {
        size_t row = p->slot[d->slot[i]].bytes / (size_t)batch;
        memcpy(state_slot(p, &it->state, d->slot[i]), (const char *)d->in[i] + at * row, rows * row);
    }
}

/* The last rows of a call may be more than are wanted. */
static GanStatus draw(GanInstance *it, const GanModel *m, Draw *d, int64_t n, void *const *out, GanError *e)
{
    GanStatus st = draw_begin(d, &it->image.program.function[m->fn], m->batch, e);
    for (int64_t at = 0; at < n && !st; at += m->batch) {
        size_t rows = (size_t)(n - at < m->batch ? n - at : m->batch);
        give(it, d, m->batch, (size_t)at, rows);
        st = state_run(&it->image.program, &it->engine, m->fn, &it->state, d->made, e);
        for (int i = 0; i < d->n_fields && !st; i++) memcpy((char *)out[i] + (size_t)at * d->row[i], d->made[i], rows * d->row[i]);
    }
    draw_end(d);
    return st;
}

int library_sample(GanInstance *it, int model, int64_t n, void *const *out, LibraryError *err)
{
    GanError  e = {0};
    GanStatus st = enter(it, &e);
    if (st) return tell(&e, st, err);
    st = can_sample(it, model, n, out, &e);
    Draw d = {0};
    if (!st) st = draw(it, &it->image.program.model[model], &d, n, out, &e);
    return leave(it, &e, st, err);
}

/* ---- nets --------------------------------------------------------------------------------------------------------------- */

static GanStatus find_arguments(const GanInstance *it, const GanModel *net, int64_t n, Draw *d, GanError *e)
{
    const GanProgram *p = &it->image.program;
    d->n_in = gan_model_inputs(p, net, d->slot, MOST_ARGUMENTS);
    for (int i = 0; i < d->n_in; i++)
        if (n && !d->in[i]) return gan_error(e, GAN_WRONG, "there are no values of the net's argument %d", i + 1);
    return GAN_OK;
}

int library_evaluate(GanInstance *it, int net, int64_t n, const void *const *in, void *const *out, LibraryError *err)
{
    GanError  e = {0};
    Draw      d = {.in = in};
    GanStatus st = enter(it, &e);
    if (st) return tell(&e, st, err);
    st = can_sample(it, net, n, out, &e);
    if (!st) st = find_arguments(it, &it->image.program.model[net], n, &d, &e);
    if (!st) st = draw(it, &it->image.program.model[net], &d, n, out, &e);
    return leave(it, &e, st, err);
}

/* ---- reports ------------------------------------------------------------------------------------------------------------ */

static GanStatus find_report(const GanInstance *it, const char *name, double *value, GanError *e)
{
    char   names[300] = "";
    size_t used = 0;
    if (!name || !value) return gan_error(e, GAN_WRONG, "a report has a name, and its value a place");
    for (int i = 0; i < it->run.n_reports; i++) {
        const TrainerReport *r = &it->run.report[i];
        if (!strcmp(r->name, name)) return *value = r->value, GAN_OK;
        if (used < sizeof names) used += (size_t)snprintf(names + used, sizeof names - used, "%s %s", used ? "," : "; there are", r->name);
    }
    return gan_error(e, GAN_WRONG, "this program reports no %s%s", name, names);
}

int library_report(GanInstance *it, const char *name, double *value, LibraryError *err)
{
    GanError  e = {0};
    GanStatus st = enter(it, &e);
    if (value) *value = NAN;
    if (st) return tell(&e, st, err);
    st = find_report(it, name, value, &e);
    return leave(it, &e, st, err);
}
