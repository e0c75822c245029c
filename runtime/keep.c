/* keep.c - what is kept of a run, and how one goes on from it: a checkpoint's tensors and words, and which of them a run may take.
 * Start at trainer_save_at() and trainer_load_newest(). */
#include "runtime/trainer_parts.h"

#include "runtime/file.h"
#include "runtime/lineage.h"
#include "runtime/state.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEEP_CHECKPOINTS = 3 };

/* ---- checkpoints ---------------------------------------------------------------------------------------------------- */

static void expects_text(const TrainerResult *r, char *text)     /* one letter each: ? + - */
{
    for (int i = 0; i < r->n_expects; i++) text[i] = !r->expect[i].judged ? '?' : r->expect[i].held ? '+' : '-';
    text[r->n_expects] = 0;
}

static void expects_read(TrainerResult *r, const char *text)
{
    for (int i = 0; i < r->n_expects && text && text[i]; i++) {
        r->expect[i].judged = text[i] != '?';
        r->expect[i].held = text[i] == '+';
    }
}

enum { AXES_TEXT = 4 * 26 };                                /* of one picture */

static void axes_text(const Trainer *t, char *text)         /* of each picture, four numbers */
{
    for (int i = 0; i < t->files->n_pictures; i++)
        text += sprintf(text, "%.17g %.17g %.17g %.17g ", t->files->axes[i].x0, t->files->axes[i].x1, t->files->axes[i].y0, t->files->axes[i].y1);
}

static void axes_read(Trainer *t, const char *text)
{
    for (int i = 0; text && i < t->files->n_pictures; i++) {
        double at[4];
        for (int k = 0; k < 4; k++) {
            char *end;
            at[k] = strtod(text, &end);
            if (end == text || !isfinite(at[k])) return;
            text = end;
        }
        t->files->axes[i] = (PictureAxes){at[0], at[1], at[2], at[3]};
    }
}

typedef struct Content {                                    /* of a checkpoint */
    SafeTensor *view;
    char       *expects, *axes, *shown, game[LINEAGE_SUM], name[GAN_ERROR_TEXT], position[TRAINER_DEEPEST * 2 * 21], seed[32], rounds[32], lines[32], steps[32];
    SafeMeta   *meta;
    int         n_views, n_meta;
} Content;

static void content_free(Content *c)
{
    free(c->view);
    free(c->expects);
    free(c->axes);
    free(c->shown);
    free(c->meta);
}

static GanStatus content_of(const Trainer *t, const TrainerPath *path, Content *c, GanError *err)
{
    enum { WORDS = 12 };
    const GanProgram *p = t->program;
    c->view = calloc((size_t)p->n_slots + 1, sizeof *c->view);
    c->expects = calloc((size_t)t->result->n_expects + 1, 1);
    c->axes = calloc((size_t)t->files->n_pictures * AXES_TEXT + 1, 1);
    c->meta = calloc(WORDS + (size_t)t->files->data.n, sizeof *c->meta);
    c->shown = lineage_shown(p, path);
    if (!c->view || !c->expects || !c->axes || !c->shown || !c->meta) {
        content_free(c);
        return gan_error(err, GAN_WORLD, "no memory for a checkpoint");
    }
    expects_text(t->result, c->expects);
    axes_text(t, c->axes);
    trainer_path_text(path, c->position, sizeof c->position);
    lineage_sum(p, path, c->game);
    snprintf(c->seed, sizeof c->seed, "%" PRIu64, t->state->seed);
    snprintf(c->rounds, sizeof c->rounds, "%" PRId64, t->rounds);
    snprintf(c->lines, sizeof c->lines, "%" PRId64, !t->files->log ? 0 : trainer_is_replaying(t) ? t->files->lines : log_lines(t->files->log));
    snprintf(c->steps, sizeof c->steps, "%" PRId64, t->o->steps);
    const SafeMeta meta[WORDS] = {{"format", "gan checkpoint 1"}, {"program", gan_shown(p->name, c->name)}, {"source", p->source_hash}, {"seed", c->seed},
                             {"step", c->rounds}, {"steps", c->steps}, {"log", c->lines}, {"position", c->position}, {"expects", c->expects}, {"axes", c->axes},
                             {"game", c->game}, {"shown", c->shown}};
    memcpy(c->meta, meta, sizeof meta);
    c->n_meta = WORDS + t->files->data.n;
    for (int i = 0; i < t->files->data.n; i++) c->meta[WORDS + i] = (SafeMeta){t->files->data.v[i].key, t->files->data.v[i].sum};
    c->n_views = state_views(p, t->state, c->view);
    return GAN_OK;
}

GanStatus trainer_save_at(Trainer *t, const TrainerPath *path, GanError *err)
{
    Content c;
    if (!t->files->folder) return GAN_OK;
    GanStatus st = content_of(t, path, &c, err);
    if (st) return st;
    CheckpointSave save = {.step = t->rounds, .tensor = c.view, .n_tensors = c.n_views, .meta = c.meta, .n_meta = c.n_meta, .keep = KEEP_CHECKPOINTS,
                           .named = t->files->named, .n_named = t->files->n_named};
    st = checkpoint_save(t->files->folder, &save, t->result->checkpoint, err);
    content_free(&c);
    return st;
}
/* ---- where a run goes on ------------------------------------------------------------------------------------------ */

/* A run has the seed that it was begun with. */
static GanStatus check_seed(const Trainer *t, const SafeFile *f)
{
    const char *text = safetensors_meta(f, "seed");
    uint64_t    seed = text ? strtoull(text, NULL, 10) : 0;
    if (!text || !t->o->seed || *t->o->seed == seed) return GAN_OK;
    return gan_error_in(t->err, GAN_WRONG, t->o->out,
                        "this run was made with --seed %" PRIu64 ", and one with --seed %" PRIu64 " is another: without --seed it goes on; without "
                        "--resume a new run starts",
                        seed, *t->o->seed);
}

/* Which data are others than the run of that file had; NULL: none, also where the file, an old one, says nothing of them. */
static const DataSum *other_data(const Trainer *t, const SafeFile *f)
{
    for (int i = 0; i < t->files->data.n; i++) {
        const char *sum = safetensors_meta(f, t->files->data.v[i].key);
        if (sum && strcmp(sum, t->files->data.v[i].sum)) return &t->files->data.v[i];
    }
    return NULL;
}

/* " (f64[4, 2] then, f64[5, 2] now)", of what the program was compiled for; "" where the numbers alone are others. */
static const char *difference(const DataSum *d, const SafeFile *f, char text[3 * DATA_SUM])
{
    char was[GAN_ERROR_TEXT];
    *text = 0;
    if (d->is_fact) snprintf(text, 3 * DATA_SUM, " (%.*s then, %s now)", DATA_SUM, gan_shown(safetensors_meta(f, d->key), was), d->sum);
    return text;
}

static GanStatus check_data(const Trainer *t, const SafeFile *f)
{
    char           text[3 * DATA_SUM];
    const DataSum *other = other_data(t, f);
    if (!other) return GAN_OK;
    return gan_error_in(t->err, GAN_WRONG, t->o->out,
                        "the data %s are not those that this run was made with%s: with those it goes on; without --resume a new run starts, and with "
                        "--checkpoint FILE it starts from a state in checkpoints/",
                        other->name, difference(other, f, text));
}

static bool is_same_source(const Trainer *t, const SafeFile *f)
{
    const char *source = safetensors_meta(f, "source");
    return source && !strcmp(source, t->program->source_hash);
}

/* Of this program, or of a version that trains in the same way, whatever it reports. */
static bool is_same_game(const Trainer *t, const SafeFile *f)
{
    TrainerPath        at;
    char        ours[LINEAGE_SUM];
    const char *theirs = safetensors_meta(f, "game");
    if (is_same_source(t, f)) return true;
    if (!theirs || !safetensors_meta(f, "shown") || !trainer_path_read(safetensors_meta(f, "position"), &at)) return false;
    lineage_sum(t->program, &at, ours);
    return !strcmp(ours, theirs);
}

/* A state of a version that reports something else becomes that of a run that always had these reports. */
static GanStatus load_other(Trainer *t, const SafeFile *f, const char *path)
{
    TrainerPath        at;
    const char *which = NULL;
    GanStatus   st = state_load(t->program, t->state, f, path, STATE_LACKS_COUNTERS, t->err);
    trainer_path_read(safetensors_meta(f, "position"), &at);
    if (st || lineage_count(t->program, t->state, &at, safetensors_meta(f, "shown"), &which)) return st;
    return gan_error_in(t->err, GAN_WRONG, path,
                        "was made by another version of the program, and what %s would have come to by now is not known; --checkpoint with this file starts a new run "
                        "from its state",
                        which);
}

static GanStatus refuse_version(Trainer *t, const char *path)
{
    return gan_error_in(t->err, GAN_WRONG, path,
                        "was made by another version of the program, or with another --set; --checkpoint FILE starts a new run from a state in checkpoints/, "
                        "and --steps N makes a run of the same program longer");
}

static GanStatus load_into(Trainer *t, const SafeFile *f, const char *path)
{
    if (!t->o->resume) return state_load(t->program, t->state, f, path, STATE_LACKS_TICKS, t->err);
    if (!is_same_game(t, f)) return refuse_version(t, path);
    return is_same_source(t, f) ? state_load(t->program, t->state, f, path, STATE_LACKS_NOTHING, t->err) : load_other(t, f, path);
}

static void warn_bad_checkpoint(void *arg, const GanError *bad)
{
    Trainer *t = arg;
    char     text[GAN_ERROR_TEXT];
    t->bad_files++;
    trainer_say(t, "warning: %s; this checkpoint is passed over", gan_error_text(bad, text));
}

/* Not one of other steps that this run would not have come by; what is wrong with a file in other ways is said when it is loaded. */
static bool takes_checkpoint(void *arg, const SafeFile *f)
{
    Trainer    *t = arg;
    TrainerPath        p;
    const char *text = safetensors_meta(f, "steps"), *step = safetensors_meta(f, "step");
    int64_t     steps = text ? strtoll(text, NULL, 10) : -1;
    if (safetensors_meta(f, "source") && !is_same_game(t, f)) return t->of_others++, false;
    if (!trainer_path_read(safetensors_meta(f, "position"), &p)) return true;
    if (trainer_comes_by(t->program->schedule, &p, steps, t->o->steps)) return true;
    if (t->passed_over++) return false;
    t->past_steps = steps;
    t->past_rounds = step ? strtoll(step, NULL, 10) : 0;
    return false;
}

static GanStatus refuse_steps(Trainer *t)
{
    char then[48] = "the steps of its file", now[48] = "those of the file as it is";
    if (t->past_steps >= 0) snprintf(then, sizeof then, "--steps %" PRId64, t->past_steps);
    if (t->o->steps >= 0) snprintf(now, sizeof now, "--steps %" PRId64, t->o->steps);
    return gan_error_in(t->err, GAN_WRONG, t->o->out,
                        "this run was made with %s and has come to step %" PRId64 "; it is no part of a run with %s. Without --resume a new run starts, and with "
                        "--checkpoint FILE it starts from a state in checkpoints/",
                        then, t->past_rounds, now);
}

/* A start from the beginning would write over what there is of the run. */
static GanStatus refuse_bad_files(Trainer *t, const char *folder)
{
    return gan_error_in(t->err, GAN_WRONG, folder,
                        "none of the checkpoints here is good, so there is nothing to go on from. Without --resume a new run starts and this one moves "
                        "aside; --checkpoint FILE starts it from a file's tensors");
}

/* Where the run was that wrote the file, and with which seed. */
GanStatus trainer_take_place(Trainer *t, const SafeFile *f, const char *path)
{
    const char *seed = safetensors_meta(f, "seed"), *step = safetensors_meta(f, "step");
    if (!seed || !step || !safetensors_meta(f, "log") || !trainer_path_read(safetensors_meta(f, "position"), &t->resume))
        return gan_error_in(t->err, GAN_WRONG, path, "is a file of tensors but not a checkpoint of a run");
    t->state->seed = strtoull(seed, NULL, 10);
    t->rounds = strtoll(step, NULL, 10);
    expects_read(t->result, safetensors_meta(f, "expects"));
    axes_read(t, safetensors_meta(f, "axes"));
    return GAN_OK;
}

/* The newest good checkpoint of the run's folder: state, position, judged expectations. *found says whether there was one. */
GanStatus trainer_load_newest(Trainer *t, int64_t *lines, bool *found)
{
    char             folder[FILE_PATH_MAX], path[FILE_PATH_MAX];
    SafeFile        *f = NULL;
    CheckpointSearch search = {warn_bad_checkpoint, takes_checkpoint, t};
    snprintf(folder, sizeof folder, "%s/checkpoints", t->o->out);
    GanStatus st = checkpoint_newest(folder, &search, &f, path, t->err);
    *found = f != NULL;
    if (!st && !f && t->passed_over) return refuse_steps(t);
    if (!st && !f && t->of_others) return refuse_version(t, folder);
    if (!st && !f && t->bad_files) return refuse_bad_files(t, folder);
    if (!st && !f) trainer_say(t, "no checkpoint in %s: the run starts from the beginning", folder);
    if (st || !f) return st;
    st = load_into(t, f, path);
    if (!st) st = check_seed(t, f);
    if (!st) st = check_data(t, f);
    if (!st) st = trainer_take_place(t, f, path);
    if (!st) {
        *lines = strtoll(safetensors_meta(f, "log"), NULL, 10);
        trainer_say(t, "resuming at step %" PRId64 " from %s%s", t->rounds, path, is_same_source(t, f) ? "" : ", of a version of the program that trains in the same way");
        strcpy(t->result->checkpoint, path);
        if ((t->result->was_over = trainer_is_over(t, &t->resume)))
            trainer_say(t, "this run is finished: nothing is left to do (--resume with a larger --steps makes it longer)");
    }
    safetensors_free(f);
    return st;
}

GanStatus trainer_load_named(Trainer *t)
{
    SafeFile *f = NULL;
    GanStatus st = safetensors_read(t->o->checkpoint, false, &f, t->err);
    if (!st) st = load_into(t, f, t->o->checkpoint);
    if (!st && !f->checked) trainer_say(t, STATE_UNCHECKED, t->o->checkpoint);
    safetensors_free(f);
    return st;
}
/* Of the same program and steps: everything that can be wrong before something is changed. */
GanStatus trainer_check_place(Trainer *t, const SafeFile *f, const char *path)
{
    TrainerPath        where;
    const char *source = safetensors_meta(f, "source"), *steps = safetensors_meta(f, "steps");
    if (!source || !safetensors_meta(f, "seed") || !safetensors_meta(f, "step") || !trainer_path_read(safetensors_meta(f, "position"), &where))
        return gan_error_in(t->err, GAN_WRONG, path, "is a file of tensors but not a checkpoint of a run");
    if (strcmp(source, t->program->source_hash)) return gan_error_in(t->err, GAN_WRONG, path, "was made by another version of the program, or with another --set");
    if (!trainer_comes_by(t->program->schedule, &where, steps ? strtoll(steps, NULL, 10) : -1, t->o->steps))
        return gan_error_in(t->err, GAN_WRONG, path, "is of a run with other numbers of steps, and one with these does not come by there");
    char           text[3 * DATA_SUM];
    const DataSum *other = other_data(t, f);
    if (!other) return GAN_OK;
    return gan_error_in(t->err, GAN_WRONG, path, "is of a run whose data %s were others%s; its state alone can be taken", other->name, difference(other, f, text));
}

/* ---- a run in memory ---------------------------------------------------------------------------------------------- */

static GanStatus write_file(const Content *c, const char *path, GanError *err)
{
    SafeImage image;
    FileNew   f;
    GanStatus st = safetensors_image(c->view, c->n_views, c->meta, c->n_meta, &image, err);
    if (st) return st;
    st = file_new_begin(&f, path, (int64_t)image.bytes, true, err);
    if (!st) st = safetensors_write(&image, &f, err);
    if (!st) st = file_new_end(&f, err);
    if (st) file_new_abort(&f);
    safetensors_image_free(&image);
    return st;
}

GanStatus trainer_save(const GanProgram *p, const GanState *state, int64_t steps, const TrainerResult *r, const char *path, GanError *err)
{
    Content        c;
    TrainerResult  judged = *r;
    GanState       borrowed = *state;
    TrainerFiles   none = {0};
    TrainerOptions o = {.steps = steps};
    Trainer        t = {.program = p, .state = &borrowed, .o = &o, .result = &judged, .files = &none, .rounds = r->rounds, .err = err};
    GanStatus      st = data_sums(p, &none.data, err);
    if (st) return st;
    st = content_of(&t, &r->path, &c, err);
    if (!st) {
        st = write_file(&c, path, err);
        content_free(&c);
    }
    data_sums_free(&none.data);
    return st;
}
