/* game.c - see game.h. */
#include "runtime/command/game.h"

#include "runtime/checkpoint.h"
#include "runtime/command/outputs.h"
#include "runtime/command/runfolder.h"
#include "runtime/command/seeds.h"
#include "runtime/file.h"
#include "runtime/interrupt.h"
#include "runtime/safetensors.h"
#include "runtime/state.h"
#include "runtime/verdict.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *game_folder(const Game *g) { return arena_printf(g->arena, "runs/%s", g->program->name); }

/* ---- what a game says ------------------------------------------------------------------------------------------- */

static void take_turn(const Game *g)
{
    if (!g->chorus) return;
    pthread_mutex_lock(&g->chorus->turn);
    progress_clear(g->chorus->progress);
}

static void end_turn(const Game *g)
{
    if (g->chorus) pthread_mutex_unlock(&g->chorus->turn);
}

static const char *name_of(const Game *g) { return g->chorus ? g->name : ""; }

void game_say(void *game, const char *line)
{
    const Game *g = game;
    size_t      n = strncmp(line, "warning: ", 9) ? 0 : 9;
    take_turn(g);
    say_line((void *)g->o, arena_printf(g->arena, "%.*s%s%s", (int)n, line, name_of(g), line + n));
    end_turn(g);
}

static int complain(const Game *g, const GanError *err)
{
    GanError named = *err;
    snprintf(named.message, sizeof named.message, "%s%s", name_of(g), err->message);
    return say_error(g->o, &named);
}

int game_complain(Game *g, const GanError *err)
{
    take_turn(g);
    int status = complain(g, err);
    end_turn(g);
    return status;
}

void game_say_notes(const Game *g)
{
    for (int i = 0; i < g->notes.n; i++) {
        const GameNote *n = &g->notes.v[i];
        if (n->line) say_note_at(g->o, n->file, n->line, n->column, n->text);
        else say_line((void *)g->o, n->text);
        if (n->source && !g->o->json_diagnostics) say_source(n->line, n->column, n->source);
    }
}

static void note_failure(void *game, int fn, GanState *state, const TrainerPast *past)
{
    Game *g = game;
    if (g->failed) g->failed(g, fn, state, past);
}

static int say_failed(Game *g, const GanError *err, const TrainerResult *r)
{
    take_turn(g);
    int status = complain(g, err);
    game_say_notes(g);
    end_turn(g);
    if (r->checkpoint[0]) game_say(g, arena_printf(g->arena, "the last good state is in %s", r->checkpoint));
    return status;
}

/* ---- reports of a loop, modes[wgan], quality[wgan], modes[brier], .., as a table -------------------------------------- */

enum { FEWEST_ROWS = 4, NUMBER = 12 };

static int stem_of(const TrainerReport *r) { return (int)strcspn(r->name, "["); }

static bool same_index(const TrainerReport *a, const TrainerReport *b) { return a->name[stem_of(a)] && !strcmp(a->name + stem_of(a), b->name + stem_of(b)); }

static const char *how_measured(const Game *g, const TrainerResult *r, const TrainerReport *report)
{
    Text t = text_in(g->arena);
    measured_text(report, r->seed, &t);
    return text_str(&t);
}

static bool same_column(const Game *g, const TrainerResult *r, const TrainerReport *a, const TrainerReport *b)
{
    return b->made && stem_of(a) == stem_of(b) && !strncmp(a->name, b->name, (size_t)stem_of(a)) && !strcmp(how_measured(g, r, a), how_measured(g, r, b));
}

static bool is_row(const Game *g, const TrainerResult *r, const TrainerReport *first, const TrainerReport *row, int columns)
{
    for (int c = 0; c < columns; c++)
        if (!same_column(g, r, &first[c], &row[c]) || !same_index(row, &row[c])) return false;
    return true;
}

/* The rows of the table that begins at report i, all of the same columns, measured alike; 0: none begins there. */
static int table_rows(const Game *g, const TrainerResult *r, int i, int *columns)
{
    const TrainerReport *first = &r->report[i];
    int                  rows = 0, n = 1;
    while (i + n < r->n_reports && same_index(first, &first[n])) n++;
    while (i + (rows + 1) * n <= r->n_reports && is_row(g, r, first, &first[rows * n], n)) rows++;
    *columns = n;
    return n > 1 && rows >= FEWEST_ROWS ? rows : 0;
}

static void add_table(Text *t, const Game *g, const TrainerResult *r, int i, int rows, int columns)
{
    const TrainerReport *first = &r->report[i];
    int                  wide = 0;
    for (int k = 0; k < rows; k++) {
        int n = (int)strlen(first[k * columns].name) - stem_of(&first[k * columns]) - 2;
        wide = n > wide ? n : wide;
    }
    text_printf(t, "%*s", wide, "");
    for (int c = 0; c < columns; c++) text_printf(t, "  %*.*s", NUMBER, stem_of(&first[c]), first[c].name);
    for (int k = 0; k < rows; k++) {
        const TrainerReport *row = &first[k * columns];
        const char          *index = row->name + stem_of(row) + 1;
        text_printf(t, "\n%-*.*s", wide, (int)strlen(index) - 1, index);
        for (int c = 0; c < columns; c++) text_printf(t, "  %*.6g", NUMBER, isnan(row[c].value) ? NAN : row[c].value);
    }
    const char *before = "\nmeasured: ";
    for (int c = 0; c < columns; c++) {
        const char *how = how_measured(g, r, &first[c]);
        if (*how) text_printf(t, "%s%.*s%s", before, stem_of(&first[c]), first[c].name, how);
        before = *how ? ", " : before;
    }
    text_add(t, "\n");
}

static void add_summary(Text *t, const Game *g, const char *name, const TrainerResult *r, const char *folder)
{
    if (r->was_over) text_printf(t, "%sfinished before, at step %lld", name, (long long)r->rounds);
    else text_printf(t, "%s%lld steps in %.1f s", name, (long long)r->rounds_here, r->seconds);
    if (r->seconds > 0 && !r->was_over) text_printf(t, " (%.0f steps/s)", (double)r->rounds_here / r->seconds);
    const char *before = ";";
    Text        tables = text_in(g->arena);
    for (int i = 0; i < r->n_reports; i++) {
        const TrainerReport *report = &r->report[i];
        int                  columns, rows = table_rows(g, r, i, &columns);
        if (rows) add_table(&tables, g, r, i, rows, columns);
        i += rows ? rows * columns - 1 : 0;
        if (rows || !report->made) continue;
        char value[GAN_NUMBER_TEXT];
        gan_number_text(value, report->value, 6);
        text_printf(t, "%s %s %s", before, report->name, value);
        measured_text(report, r->seed, t);
        before = ",";
    }
    text_printf(t, "\n%s", text_str(&tables));
    for (int i = 0; i < r->n_expects; i++) {
        if (!r->expect[i].judged) continue;
        text_printf(t, "%sexpect %s: ", name, r->expect[i].node->name);
        verdict_text(g->program, g->o->steps, &r->expect[i], t);
        text_add(t, "\n");
    }
    if (r->page) text_printf(t, "%sreport in %s/report.html\n", name, GAN_SHOWN(folder));
}

static void print_summary(const Game *g, FILE *to, const TrainerResult *r, const char *folder)
{
    Text t = text_in(g->arena);
    add_summary(&t, g, name_of(g), r, folder);
    take_turn(g);
    fputs(text_str(&t), to);
    if (g->chorus) fflush(to);
    end_turn(g);
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

const char *game_way_on(const Game *g)
{
    Text t = text_in(g->arena);
    text_printf(&t, "; `%s", g->o->program);
    for (int i = 1; i < g->o->n_words; i++) add_word(&t, g->o->word[i]);
    text_add(&t, g->o->resume ? "` goes on" : " --resume` goes on");
    return text_str(&t);
}

/* ---- training --------------------------------------------------------------------------------------------------- */

static const double SAVE_SECONDS = 10;

/* What one of several has done counts for all. A line that another is drawing need not be drawn. */
static bool count_round(void *game)
{
    GameChorus *c = ((const Game *)game)->chorus;
    atomic_fetch_add(&c->rounds, 1);
    if (pthread_mutex_trylock(&c->turn)) return true;
    progress_step(c->progress, atomic_load(&c->rounds));
    pthread_mutex_unlock(&c->turn);
    return true;
}

static bool tell_round(void *game)
{
    const Game *g = game;
    return g->round(g->round_self);
}

int game_train(Game *g, const char *folder, TrainerResult *r)
{
    bool           log_to_stdout = g->o->log && !strcmp(g->o->log, "-");
    int            fd = log_to_stdout ? STDERR_FILENO : STDOUT_FILENO;
    uint64_t       seed = g->state.seed;
    TrainerOptions t = {.steps = g->o->steps, .out = folder, .log = g->o->log, .checkpoint = g->start, .resume = g->o->resume,
                        .seed = g->o->seed_given || g->chorus ? &seed : NULL,
                        .save_seconds = SAVE_SECONDS, .watch_signals = true, .progress_fd = g->o->quiet || g->chorus ? -1 : fd,
                        .progress_terminal = isatty(fd), .progress_colour = g->o->color && isatty(fd),
                        .hooks = {.user = g, .say = game_say, .round = g->chorus && g->chorus->progress ? count_round : g->round ? tell_round : NULL,
                                  .failed = note_failure}};
    GanError  err;
    if (trainer_run(g->program, &g->engine, &g->state, &t, r, &err)) return say_failed(g, &err, r);
    if (r->end == TRAINER_INTERRUPTED) return r->interrupt;
    if (!g->o->quiet) print_summary(g, log_to_stdout ? stderr : stdout, r, folder);
    return EXIT_DONE;
}

static int train(Game *g, const char *folder)
{
    TrainerResult r;
    int           status = game_train(g, folder, &r);
    const char   *page = r.page ? arena_printf(g->arena, "; report in %s/report.html", folder) : "";
    if (r.end == TRAINER_INTERRUPTED && status != 128 + SIGPIPE)
        game_say(g, arena_printf(g->arena, "interrupted at step %lld%s%s", (long long)r.rounds, game_way_on(g), page));
    trainer_result_free(&r);
    return status;
}

bool game_can_run(const RunOptions *o)
{
    const char *why = NULL;
    if (o->resume && o->checkpoint)
        why = "--resume goes on from the newest checkpoint of the run's folder, and --checkpoint begins a new run from a file: one of them";
    if (o->seeds > 1 && o->log) why = "each of several games has a log of its own, OUT/seed-S/log.jsonl: --log goes with a single one";
    if (why) fprintf(stderr, "%s: %s\n", o->program, why);
    return !why;
}

static const char patience[] = "the step under way is ended and saved first; a second signal ends the run at once, and --resume goes on from its "
                               "newest checkpoint";

/* What a run cannot start from is said before an earlier one moves aside for it. */
static int find_start(Game *g)
{
    GanError  err;
    SafeFile *f;
    g->start = g->o->checkpoint;
    if (!g->start) return EXIT_DONE;
    if (safetensors_read(g->start, false, &f, &err)) return say_error(g->o, &err);
    safetensors_free(f);
    return EXIT_DONE;
}

int game_run(Game *g)
{
    const char *folder = g->o->out ? g->o->out : game_folder(g);
    Interrupt   signals;
    int         status = find_start(g);
    if (status == EXIT_DONE) status = g->o->resume ? runfolder_can_resume(g, folder) : runfolder_make_room(g, folder);
    if (status != EXIT_DONE) return status;
    interrupt_begin(&signals, say_later(g->o, g->arena, patience));
    status = g->o->seeds > 1 ? seeds_run(g, folder) : train(g, folder);
    interrupt_end(&signals);
    return status;
}

/* ---- a state that is there -------------------------------------------------------------------------------------- */

/* What is to be said more of a folder where no checkpoint is. */
static const char *several_games(const Game *g, const char *folder)
{
    uint64_t seed;
    if (!runfolder_has_seeds(g, folder, &seed)) return "";
    return arena_printf(g->arena, "; it holds several games: --out %s/seed-%llu takes the first of them", folder, (unsigned long long)seed);
}

/* The folder of the only run of this program that --out has put somewhere else; NULL: there is none. False, after saying so: there are several. */
static bool run_elsewhere(const Game *g, const char **run)
{
    const char *which;
    int         n = runfolder_elsewhere(g, &which);
    *run = n == 1 ? which : NULL;
    if (n > 1) say_wrong(g->o, "no checkpoint in %s/checkpoints, and several runs of this program elsewhere: %s; --out says which", game_folder(g), which);
    return n <= 1;
}

/* A parameter that a command asks for and the schedule has no use for, so that its runs have none; NULL: there is no such one. */
static const GanSlot *unused_slot(const Game *g, const SafeFile *f)
{
    const char *source = safetensors_meta(f, "source");
    if (!g->n_run_slots || !source || strcmp(source, g->program->source_hash)) return NULL;
    for (int i = g->n_run_slots; i < g->program->n_slots; i++)
        if (g->program->slot[i].kind == GAN_PARAM && !safetensors_find(f, g->program->slot[i].path)) return &g->program->slot[i];
    return NULL;
}

/* What no run has is as it begins. */
static GanStatus load_state(Game *g, const SafeFile *f, const char *path, GanError *err)
{
    const GanSlot *unused = unused_slot(g, f);
    for (int i = 0; unused && i < g->n_run_slots; i++)
        if (g->program->slot[i].kind == GAN_PARAM && !safetensors_find(f, g->program->slot[i].path)) unused = NULL;
    if (!unused) return state_load(g->program, &g->state, f, path, STATE_LACKS_COUNTERS, err);
    say_line((void *)g->o, arena_printf(g->arena, "no statement has a use for %s, so %s is as it begins", unused->player, unused->path));
    GanStatus st = g->program->init_fn >= 0 ? g->engine.run(g->engine.self, g->program->init_fn, &g->state, NULL, err) : GAN_OK;
    return st ? st : state_load(g->program, &g->state, f, path, STATE_LACKS_UNUSED, err);
}

/* Is there anything to train? */
static bool has_weights(const GanProgram *p)
{
    for (int i = 0; i < p->n_slots; i++)
        if (p->slot[i].kind == GAN_PARAM) return true;
    return false;
}

int game_load(Game *g, bool trained, bool *found)
{
    GanError  err;
    char      path[FILE_PATH_MAX] = "", folder[FILE_PATH_MAX];
    SafeFile *f = NULL;
    GanStatus st = GAN_OK;
    const char *run = g->o->out ? g->o->out : game_folder(g);
    if (g->o->out && g->o->checkpoint) return say_wrong(g->o, "--out is the folder of a run, and --checkpoint a file of one: one of them");
    snprintf(folder, sizeof folder, "%s/checkpoints", run);
    if (g->o->checkpoint) {
        snprintf(path, sizeof path, "%s", g->o->checkpoint);
        st = safetensors_read(path, false, &f, &err);
    } else if (trained) {
        const char *elsewhere = NULL;
        st = checkpoint_newest(folder, &(CheckpointSearch){0}, &f, path, &err);
        if (!st && !f && !g->o->out && !run_elsewhere(g, &elsewhere)) return EXIT_WRONG_PROGRAM;
        if (elsewhere) st = checkpoint_newest(arena_printf(g->arena, "%s/checkpoints", elsewhere), &(CheckpointSearch){0}, &f, path, &err);
        if (!st && f) say_line((void *)g->o, arena_printf(g->arena, "weights from %s", path));
        if (!st && !f && g->o->out) return say_wrong(g->o, "no checkpoint in %s%s", folder, several_games(g, run));
        if (!st && !f && has_weights(g->program))
            say_line((void *)g->o, arena_printf(g->arena, "no checkpoint in %s; weights are untrained (--out DIR takes those of a run there, --checkpoint FILE others)%s",
                                                folder, several_games(g, run)));
    }
    *found = f != NULL;
    if (!st && f) st = load_state(g, f, path, &err);
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
    if (!st) st = state_run(g->program, &g->engine, fn, &g->state, memory, &err);
    free(memory);
    *result = out;
    if (!st) return EXIT_DONE;
    game_free_outputs(g, fn, out);
    *result = NULL;
    return say_error(g->o, &err);
}

/* ---- samples ---------------------------------------------------------------------------------------------------- */

/* Each call of the model's function draws the next `batch` rows of every field; the last ones may be more than are wanted. */
static int fill_samples(Game *g, const GanModel *m, GanTensor **all)
{
    GanTensor **some;
    int         n = g->program->function[m->fn].n_outputs;
    for (int64_t at = 0; at < g->o->number; at += m->batch) {
        int status = game_outputs(g, m->fn, &some);
        if (status != EXIT_DONE) return status;
        int64_t rows = g->o->number - at < m->batch ? g->o->number - at : m->batch;
        for (int i = 0; i < n; i++) {
            size_t row = some[i]->bytes / (size_t)m->batch;
            memcpy((char *)all[i]->data + (size_t)at * row, some[i]->data, (size_t)rows * row);
        }
        game_free_outputs(g, m->fn, some);
    }
    return EXIT_DONE;
}

/* Room for all draws of a field. */
static GanStatus new_field(const Game *g, const GanOutput *o, GanTensor **t, GanError *err)
{
    int64_t dim[GAN_MAX_RANK] = {g->o->number};
    if (o->rank > GAN_MAX_RANK) return gan_error(err, GAN_WRONG, "%s has more than %d dimensions", GAN_SHOWN(o->name), GAN_MAX_RANK - 1);
    for (int i = 1; i < o->rank; i++) dim[i] = o->dim[i];
    return gan_tensor_new(o->elem, o->rank, dim, t, err);
}

int game_sample(Game *g, const GanModel *m, const char *what)
{
    const GanFunction *f = &g->program->function[m->fn];
    GanTensor        **all = arena_array(g->arena, GanTensor *, f->n_outputs + 1);
    DataColumn         *field = arena_array(g->arena, DataColumn, f->n_outputs + 1);
    GanError           err;
    GanStatus          st = GAN_OK;
    for (int i = 0; i < f->n_outputs && !st; i++) {
        st = new_field(g, &f->output[i], &all[i], &err);
        field[i] = (DataColumn){f->output[i].name, all[i]};
    }
    int status = st ? say_error(g->o, &err) : fill_samples(g, m, all);
    if (status == EXIT_DONE) status = outputs_write(g->o, g->o->output, field, f->n_outputs, what);
    for (int i = 0; i < f->n_outputs; i++) gan_tensor_free(all[i]);
    return status;
}
