/* cmd_run.c - `gan run`: compiles in memory and trains; several seeds in turn with --seeds. */
#include "compiler/driver/nonfinite.h"
#include "compiler/driver/runfolder.h"
#include "compiler/driver/session.h"
#include "runtime/state.h"
#include "runtime/trainer.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static const char *how_to_go_on(const Session *s, int64_t rounds)
{
    Text t = text_in(s->arena);
    text_printf(&t, "interrupted at step %lld; `gan", (long long)rounds);
    for (int i = 1; i < s->o->n_words; i++) add_word(&t, s->o->word[i]);
    text_add(&t, s->o->resume ? "` goes on" : " --resume` goes on");
    return text_str(&t);
}

static int train(Session *s, const char *folder, TrainerResult *r)
{
    bool           log_to_stdout = s->o->log && !strcmp(s->o->log, "-");
    int            fd = log_to_stdout ? STDERR_FILENO : STDOUT_FILENO;
    TrainerOptions t = {.steps = s->o->steps, .out = folder, .log = s->o->log, .checkpoint = s->o->checkpoint, .resume = s->o->resume,
                        .save_seconds = SAVE_SECONDS, .watch_signals = true, .progress_fd = s->o->quiet ? -1 : fd,
                        .progress_terminal = isatty(fd), .progress_colour = s->o->color && isatty(fd), .hooks = {.user = (void *)s->o, .say = driver_say}};
    GanError  err;
    GanStatus st = trainer_run(s->lowered.program, &s->engine, &s->state, &t, r, &err);
    if (st) {
        int status = driver_error(s->o, &err);
        if (r->failed_fn >= 0) nonfinite_explain(s, r->failed_fn);
        if (r->checkpoint[0]) driver_say((void *)s->o, arena_printf(s->arena, "the last good state is in %s", r->checkpoint));
        return status;
    }
    if (r->end == TRAINER_INTERRUPTED) {
        if (r->interrupt != 128 + SIGPIPE) driver_say((void *)s->o, how_to_go_on(s, r->rounds));
        return r->interrupt;
    }
    if (!s->o->quiet) print_summary(log_to_stdout ? stderr : stdout, r, folder);
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

static int train_seeds(Session *s, const char *folder)
{
    int            n = (int)s->o->seeds, status = EXIT_DONE;
    TrainerResult *r = calloc((size_t)n, sizeof *r);
    for (int k = 0; k < n && status == EXIT_DONE; k++) {
        const char *sub = arena_printf(s->arena, "%s/seed-%llu", folder, (unsigned long long)(s->o->seed + (uint64_t)k));
        state_free(&s->state);
        GanError err;
        if (state_new(s->lowered.program, s->o->seed + (uint64_t)k, &s->state, &err)) status = driver_error(s->o, &err);
        else status = train(s, sub, &r[k]);
    }
    if (status == EXIT_DONE && !s->o->quiet) print_spread(r, n);
    for (int k = 0; k < n; k++) trainer_result_free(&r[k]);
    free(r);
    return status;
}

int cmd_run(const Options *o)
{
    Session s;
    int     status = session_open(&s, o, o->operands[0]);
    if (status == EXIT_DONE) {
        session_optimise(&s);
        status = session_start(&s);
    }
    if (status == EXIT_DONE) {
        const char   *folder = o->out ? o->out : session_folder(&s);
        TrainerResult r = {0};
        if (!o->resume) status = runfolder_make_room(&s, folder);
        if (status == EXIT_DONE) status = o->seeds > 1 ? train_seeds(&s, folder) : train(&s, folder, &r);
        trainer_result_free(&r);
    }
    session_close(&s);
    return status;
}
