/* game.c - see game.h. */
#include "runtime/command/game.h"

#include "runtime/checkpoint.h"
#include "runtime/command/outputs.h"
#include "runtime/command/runfolder.h"
#include "runtime/file.h"
#include "runtime/interrupt.h"
#include "runtime/safetensors.h"
#include "runtime/state.h"
#include "runtime/trainer.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *game_folder(const Game *g) { return arena_printf(g->arena, "runs/%s", g->program->name); }

/* ---- training --------------------------------------------------------------------------------------------------- */

static const double SAVE_SECONDS = 10;

static void print_summary(FILE *to, const TrainerResult *r, const char *folder)
{
    if (r->was_over) fprintf(to, "finished before, at step %lld", (long long)r->rounds);
    else fprintf(to, "%lld steps in %.1f s", (long long)r->rounds_here, r->seconds);
    if (r->seconds > 0 && !r->was_over) fprintf(to, " (%.0f steps/s)", (double)r->rounds_here / r->seconds);
    const char *before = ";";
    for (int i = 0; i < r->n_reports; i++) {
        if (!r->report[i].made) continue;
        fprintf(to, "%s %s %.6g", before, r->report[i].name, r->report[i].value);
        before = ",";
    }
    fprintf(to, "\n");
    for (int i = 0; i < r->n_expects; i++)
        if (r->expect[i].judged) fprintf(to, "expect %s: %s\n", r->expect[i].node->name, r->expect[i].held ? "held" : "NOT held");
    fprintf(to, "files in %s\n", GAN_SHOWN(folder));
}

/* A word that a person cannot read is written in escapes, so that it can be copied all the same. */
static void add_escapes(Text *t, const char *word)
{
    text_add(t, " $'");
    for (; *word; word++) text_printf(t, *word == '\'' || *word == '\\' ? "\\%c" : *word >= ' ' && *word < 0x7f ? "%c" : "\\x%02x", (unsigned char)*word);
    text_add(t, "'");
}

static void add_word(Text *t, const char *word)               /* as a shell takes it */
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./=:,+@%";
    if (*word && strspn(word, plain) == strlen(word)) {
        text_printf(t, " %s", word);
        return;
    }
    if (strcmp(GAN_SHOWN(word), word)) {
        add_escapes(t, word);
        return;
    }
    text_add(t, " '");
    for (; *word; word++) text_printf(t, *word == '\'' ? "'\\''" : "%c", *word);
    text_add(t, "'");
}

static const char *how_to_go_on(const Game *g, int64_t rounds)
{
    Text t = text_in(g->arena);
    text_printf(&t, "interrupted at step %lld; `%s", (long long)rounds, g->o->program);
    for (int i = 1; i < g->o->n_words; i++) add_word(&t, g->o->word[i]);
    text_add(&t, g->o->resume ? "` goes on" : " --resume` goes on");
    return text_str(&t);
}

static int train(Game *g, const char *folder, TrainerResult *r)
{
    bool           log_to_stdout = g->o->log && !strcmp(g->o->log, "-");
    int            fd = log_to_stdout ? STDERR_FILENO : STDOUT_FILENO;
    uint64_t       seed = g->state.seed;
    TrainerOptions t = {.steps = g->o->steps, .out = folder, .log = g->o->log, .checkpoint = g->o->checkpoint, .resume = g->o->resume,
                        .seed = g->o->seed_given || g->o->seeds > 1 ? &seed : NULL,
                        .save_seconds = SAVE_SECONDS, .watch_signals = true, .progress_fd = g->o->quiet ? -1 : fd,
                        .progress_terminal = isatty(fd), .progress_colour = g->o->color && isatty(fd), .hooks = {.user = (void *)g->o, .say = say_line}};
    GanError  err;
    GanStatus st = trainer_run(g->program, &g->engine, &g->state, &t, r, &err);
    if (st) {
        int status = say_error(g->o, &err);
        if (r->failed_fn >= 0 && g->failed) g->failed(g->self, r->failed_fn);
        if (r->checkpoint[0]) say_line((void *)g->o, arena_printf(g->arena, "the last good state is in %s", r->checkpoint));
        return status;
    }
    if (r->end == TRAINER_INTERRUPTED) {
        if (r->interrupt != 128 + SIGPIPE) say_line((void *)g->o, how_to_go_on(g, r->rounds));
        return r->interrupt;
    }
    if (!g->o->quiet) print_summary(log_to_stdout ? stderr : stdout, r, folder);
    return EXIT_DONE;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return isnan(x) ? !isnan(y) : x > y ? 1 : -(x < y);
}

static void print_spread(const TrainerResult *r, int n)      /* median and range of each report over n games */
{
    double *v = calloc((size_t)n, sizeof *v);
    for (int i = 0; v && i < r[0].n_reports; i++) {
        for (int k = 0; k < n; k++) v[k] = r[k].report[i].value;
        qsort(v, (size_t)n, sizeof *v, by_value);
        double median = n % 2 ? v[n / 2] : 0.5 * (v[n / 2 - 1] + v[n / 2]);
        printf("%s: median %.6g, from %.6g to %.6g over %d seeds\n", r[0].report[i].name, median, v[0], v[n - 1], n);
    }
    free(v);
}

static int train_seeds(Game *g, const char *folder)
{
    int            n = (int)g->o->seeds, status = EXIT_DONE;
    TrainerResult *r = calloc((size_t)n, sizeof *r);
    for (int k = 0; k < n && status == EXIT_DONE; k++) {
        const char *sub = arena_printf(g->arena, "%s/seed-%llu", folder, (unsigned long long)(g->o->seed + (uint64_t)k));
        state_free(&g->state);
        GanError err;
        if (state_new(g->program, g->o->seed + (uint64_t)k, &g->state, &err)) status = say_error(g->o, &err);
        else status = train(g, sub, &r[k]);
    }
    if (status == EXIT_DONE && !g->o->quiet) print_spread(r, n);
    for (int k = 0; k < n; k++) trainer_result_free(&r[k]);
    free(r);
    return status;
}

bool game_can_run(const RunOptions *o)
{
    bool two_starts = o->resume && o->checkpoint;
    if (two_starts)
        fprintf(stderr, "%s: --resume goes on from the newest checkpoint of the run's folder, and --checkpoint begins a new run from a file: one of them\n", o->program);
    return !two_starts;
}

int game_run(Game *g)
{
    const char   *folder = g->o->out ? g->o->out : game_folder(g);
    TrainerResult r = {0};
    Interrupt     signals;
    int           status = g->o->resume ? EXIT_DONE : runfolder_make_room(g, folder);
    interrupt_begin(&signals, say_later(g->o, g->arena, "the step under way is ended and saved first; a second signal ends the run at once, and --resume goes on from its newest checkpoint"));
    if (status == EXIT_DONE) status = g->o->seeds > 1 ? train_seeds(g, folder) : train(g, folder, &r);
    interrupt_end(&signals);
    trainer_result_free(&r);
    return status;
}

/* ---- a state that is there -------------------------------------------------------------------------------------- */

int game_load(Game *g, bool trained, bool *found)
{
    GanError  err;
    char      path[FILE_PATH_MAX] = "", folder[FILE_PATH_MAX];
    SafeFile *f = NULL;
    GanStatus st = GAN_OK;
    snprintf(folder, sizeof folder, "%s/checkpoints", game_folder(g));
    if (g->o->checkpoint) {
        snprintf(path, sizeof path, "%s", g->o->checkpoint);
        st = safetensors_read(path, false, &f, &err);
    } else if (trained) {
        st = checkpoint_newest(folder, &(CheckpointSearch){0}, &f, path, &err);
        if (!st && f) say_line((void *)g->o, arena_printf(g->arena, "weights from %s", path));
        if (!st && !f) say_line((void *)g->o, arena_printf(g->arena, "no checkpoint in %s; weights are untrained (--checkpoint FILE takes others)", folder));
    }
    *found = f != NULL;
    if (!st && f) st = state_load(g->program, &g->state, f, path, true, &err);
    if (!st && f && !f->checked) say_line((void *)g->o, arena_printf(g->arena, STATE_UNCHECKED, path));
    safetensors_free(f);
    return st ? say_error(g->o, &err) : EXIT_DONE;
}

int game_begin(Game *g, const char *needs)
{
    GanError  err;
    GanStatus st = GAN_OK;
    if (needs)
        return say_wrong(g->o, "%s is computed when the program runs, and there is no checkpoint of a run: a run makes one, --checkpoint FILE takes one", needs);
    if (g->program->init_fn >= 0) st = g->engine.run(g->engine.self, g->program->init_fn, &g->state, NULL, &err);
    return st ? say_error(g->o, &err) : EXIT_DONE;
}

void game_close(Game *g)
{
    if (g->engine.free) g->engine.free(g->engine.self);
    state_free(&g->state);
}

/* ---- results ---------------------------------------------------------------------------------------------------- */

void game_free_outputs(const Game *g, int fn, GanTensor **out)
{
    for (int i = 0; out && i < g->program->function[fn].n_outputs; i++) gan_tensor_free(out[i]);
    free(out);
}

int game_outputs(Game *g, int fn, GanTensor ***result)
{
    const GanFunction *f = &g->program->function[fn];
    GanTensor        **out = calloc((size_t)f->n_outputs + 1, sizeof *out);
    void             **memory = calloc((size_t)f->n_outputs + 1, sizeof *memory);
    GanError           err = {0};
    GanStatus          st = out && memory ? GAN_OK : gan_error(&err, GAN_WORLD, "no memory for the results");
    for (int i = 0; i < f->n_outputs && !st; i++) {
        st = gan_tensor_new(f->output[i].elem, f->output[i].rank, f->output[i].dim, &out[i], &err);
        if (!st) memory[i] = out[i]->data;
    }
    if (!st) st = g->engine.run(g->engine.self, fn, &g->state, memory, &err);
    free(memory);
    *result = out;
    if (!st) return EXIT_DONE;
    game_free_outputs(g, fn, out);
    *result = NULL;
    return say_error(g->o, &err);
}

/* ---- samples ---------------------------------------------------------------------------------------------------- */

/* Each call of the model's function draws the next `batch` rows; the last ones may be more than are wanted. */
static int fill_samples(Game *g, const GanModel *m, GanTensor *all)
{
    GanTensor **some;
    for (int64_t at = 0; at < all->dim[0]; at += m->batch) {
        int status = game_outputs(g, m->fn, &some);
        if (status != EXIT_DONE) return status;
        int64_t rows = all->dim[0] - at < m->batch ? all->dim[0] - at : m->batch;
        size_t  row = some[0]->bytes / (size_t)m->batch;
        memcpy((char *)all->data + (size_t)at * row, some[0]->data, (size_t)rows * row);
        game_free_outputs(g, m->fn, some);
    }
    return EXIT_DONE;
}

int game_sample(Game *g, const GanModel *m, const char *what)
{
    const GanFunction *f = &g->program->function[m->fn];
    GanTensor         *all;
    GanError           err;
    int64_t            dim[GAN_MAX_RANK] = {g->o->number};
    if (f->n_outputs != 1) return say_wrong(g->o, "%s has %d fields; name one: 'd.x'", GAN_SHOWN(what), f->n_outputs);
    if (f->output[0].rank > GAN_MAX_RANK) return say_wrong(g->o, "%s has more than %d dimensions", GAN_SHOWN(what), GAN_MAX_RANK - 1);
    for (int i = 1; i < f->output[0].rank; i++) dim[i] = f->output[0].dim[i];
    if (gan_tensor_new(f->output[0].elem, f->output[0].rank, dim, &all, &err)) return say_error(g->o, &err);
    int status = fill_samples(g, m, all);
    if (status == EXIT_DONE) status = outputs_write(g->o, g->o->output, all);
    gan_tensor_free(all);
    return status;
}
