/* seeds.c - see seeds.h. A team whose members play one game after the other, until none is left; start at seeds_run(), at the bottom.
 *
 * Games share the program, its code and its data, which nothing changes. A member has an instance of the code, with a team of its own, and
 * each game a state, files and an arena; what they print goes through the chorus. */
#include "runtime/command/seeds.h"

#include "runtime/interrupt.h"
#include "runtime/parallel.h"
#include "runtime/report.h"
#include "runtime/state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { NOT_BEGUN = -1 };

typedef struct Seeds {
    Game          *g;
    const char    *folder;
    int            n, n_engines;
    GanEngine     *engine;                                  /* of each member */
    TrainerResult *result;                                  /* of each game */
    int           *status;
    double        *value;                                   /* of each game, of a report */
    _Atomic int    next;                                    /* the first game that nobody has taken */
    int            over;                                    /* games; whoever has the turn counts */
    GameChorus     chorus;
} Seeds;

/* ---- playing ---------------------------------------------------------------------------------------------------- */

static void count_over(Seeds *s, int k)
{
    if (s->status[k] >= EXIT_INTERRUPTED) return;
    pthread_mutex_lock(&s->chorus.turn);
    s->over++;
    progress_value(s->chorus.progress, "games over", GAN_I32, &s->over);
    pthread_mutex_unlock(&s->chorus.turn);
}

static void play(Seeds *s, const GanEngine *engine, int k)
{
    uint64_t           seed = s->g->o->seed + (uint64_t)k;
    unsigned long long shown = seed;
    Game               one = *s->g;
    GanError           err;
    one.arena = arena_new();
    one.engine = *engine;
    one.chorus = &s->chorus;
    one.name = arena_printf(one.arena, "seed %llu: ", shown);
    if (state_new(one.program, seed, &one.state, &err)) s->status[k] = game_complain(&one, &err);
    else s->status[k] = game_train(&one, arena_printf(one.arena, "%s/seed-%llu", s->folder, shown), &s->result[k]);
    count_over(s, k);
    state_free(&one.state);
    arena_free(one.arena);
}

static void play_some(void *arg, int member, int members)
{
    Seeds *s = arg;
    (void)members;
    for (int k; !interrupt_asked() && (k = atomic_fetch_add(&s->next, 1)) < s->n;) play(s, &s->engine[member], k);
}

/* ---- before ----------------------------------------------------------------------------------------------------- */

/* As many games at once as there are threads, which they share out. */
static GanStatus open_engines(Seeds *s, GanError *err)
{
    int cpus = parallel_cpus(), threads = s->g->o->threads > 0 && s->g->o->threads < cpus ? (int)s->g->o->threads : cpus;
    int at_once = threads < s->n ? threads : s->n;
    s->engine = calloc((size_t)s->n, sizeof *s->engine);
    if (!s->engine) return gan_error(err, GAN_WORLD, "no memory");
    for (; s->n_engines < at_once; s->n_engines++) {
        GanStatus st = s->g->engine.another(s->g->engine.self, (threads + s->n_engines) / at_once, &s->engine[s->n_engines], err);
        if (st) return st;
    }
    return GAN_OK;
}

static GanStatus begin(Seeds *s, GanError *err)
{
    s->result = calloc((size_t)s->n, sizeof *s->result);
    s->status = calloc((size_t)s->n, sizeof *s->status);
    s->value = calloc((size_t)s->n, sizeof *s->value);
    if (!s->result || !s->status || !s->value) return gan_error(err, GAN_WORLD, "no memory for %d games", s->n);
    for (int k = 0; k < s->n; k++) s->status[k] = NOT_BEGUN;
    GanStatus st = open_engines(s, err);
    if (st || s->g->o->quiet || !isatty(STDOUT_FILENO)) return st;
    int64_t rounds = s->g->o->resume ? -1 : s->n * trainer_rounds(s->g->program, s->g->o->steps);
    s->chorus.progress = progress_new(STDOUT_FILENO, true, s->g->o->color, 0, rounds);
    progress_value(s->chorus.progress, "games over", GAN_I32, &s->over);
    return GAN_OK;
}

/* ---- after ------------------------------------------------------------------------------------------------------ */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return isnan(x) ? !isnan(y) : x > y ? 1 : -(x < y);
}

static ReportGame game_of(const Seeds *s, int k)
{
    Arena               *a = s->g->arena;
    const TrainerResult *r = &s->result[k];
    ReportExpect        *expect = arena_array(a, ReportExpect, r->n_expects + 1);
    bool failed = s->status[k] != NOT_BEGUN && s->status[k] != EXIT_DONE && s->status[k] < EXIT_INTERRUPTED;
    for (int i = 0; i < r->n_expects; i++) expect[i] = (ReportExpect){r->expect[i].node->name, r->expect[i].unmade, r->expect[i].judged, r->expect[i].held};
    const char *state = s->status[k] == NOT_BEGUN ? "not begun" : failed ? "FAILED" : s->status[k] == EXIT_DONE ? "finished" : "interrupted";
    return (ReportGame){.state = state, .failed = failed, .step = r->rounds, .expect = expect, .n_expects = r->n_expects};
}

/* The page over all of them, whatever became of each. Of a game that has not begun the expectations are the program's, not judged. */
static void write_page(const Seeds *s)
{
    const GanProgram *p = s->g->program;
    GanError    err;
    ReportGame *game = arena_array(s->g->arena, ReportGame, s->n);
    int         known = 0;
    for (int k = 0; k < s->n; k++) {
        game[k] = game_of(s, k);
        if (game[k].n_expects > game[known].n_expects) known = k;
    }
    for (int k = 0; k < s->n; k++) {
        if (game[k].n_expects == game[known].n_expects) continue;
        ReportExpect *expect = arena_copy(s->g->arena, game[known].expect, sizeof *expect * (size_t)game[known].n_expects);
        for (int i = 0; i < game[known].n_expects; i++) expect[i].judged = false;
        game[k].expect = expect;
        game[k].n_expects = game[known].n_expects;
    }
    ReportFacts facts = {.title = p->name, .made_with = p->made_with, .sources = p->source_hash, .program = p->text, .seed = s->g->o->seed};
    if (report_write_seeds(s->folder, &facts, game, s->n, &err)) say_error(s->g->o, &err);
    else if (!s->g->o->quiet) printf("report in %s/report.html\n", GAN_SHOWN(s->folder));
}

/* Median and range of each report over the games that ended well. */
static void print_spread(const Seeds *s)
{
    double *v = s->value;
    int     first = 0, n = 0;
    while (first < s->n && s->status[first] != EXIT_DONE) first++;
    for (int i = 0; first < s->n && i < s->result[first].n_reports; i++, n = 0) {
        for (int k = first; k < s->n; k++)
            if (s->status[k] == EXIT_DONE) v[n++] = s->result[k].report[i].value;
        qsort(v, (size_t)n, sizeof *v, by_value);
        double median = n % 2 ? v[n / 2] : 0.5 * (v[n / 2 - 1] + v[n / 2]);
        printf("%s: median %.6g, from %.6g to %.6g over %d", s->result[first].report[i].name, median, v[0], v[n - 1], n);
        if (n < s->n) printf(" of %d", s->n);
        printf(" seeds\n");
    }
}

static int finish(Seeds *s)
{
    int worst = EXIT_DONE, left = 0;
    progress_end(s->chorus.progress);
    for (int k = 0; k < s->n; k++) {
        left += s->status[k] == NOT_BEGUN || s->status[k] >= EXIT_INTERRUPTED;
        if (s->status[k] > worst) worst = s->status[k];
    }
    if (left) {
        write_page(s);
        say_line((void *)s->g->o, arena_printf(s->g->arena, "interrupted with %d of %d games over%s", s->n - left, s->n, game_way_on(s->g)));
        return interrupt_status();
    }
    if (!s->g->o->quiet) print_spread(s);
    write_page(s);
    return worst;
}

static void seeds_free(Seeds *s)
{
    for (int i = 0; i < s->n_engines; i++) s->engine[i].free(s->engine[i].self);
    for (int k = 0; s->result && k < s->n; k++) trainer_result_free(&s->result[k]);
    free(s->engine);
    free(s->result);
    free(s->status);
    free(s->value);
}

int seeds_run(Game *g, const char *folder)
{
    Seeds    s = {.g = g, .folder = folder, .n = (int)g->o->seeds, .chorus.turn = PTHREAD_MUTEX_INITIALIZER};
    GanError err;
    int      status;
    state_free(&g->state);                                  /* each game has its own */
    GanStatus st = begin(&s, &err);
    Team     *team = st ? NULL : team_new(s.n_engines, false);
    if (!st && !team) st = gan_error(&err, GAN_WORLD, "not enough memory for threads");
    if (st) status = say_error(g->o, &err);
    else {
        team_run(team, play_some, &s);
        status = finish(&s);
    }
    team_free(team);
    seeds_free(&s);
    return status;
}
