/* serve.c - a contender for race.py: the updates of a program's first `alternate` block, on request.
 *
 * usage: serve FILE.gan [flags of `gan run`: --threads T, --plan no-NAME, --backend interp, ..]
 *
 * Runs the calls that stand before the block (what a `let` keeps of a state is one), prints "ready COMPILE_SECONDS
 * FIRST_ROUND_SECONDS", then for each line N of standard input runs N rounds and answers "WALL CPU LOSS": seconds for all of
 * them, and the last loss of the first update. */
#include "compiler/driver/options.h"
#include "compiler/session/session.h"
#include "runtime/state.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct Updates {
    Session *s;
    int      fn[64], n, step_slot;
    void    *out[64];
    double   loss;
    int64_t  round;
} Updates;

static double clock_seconds(clockid_t which)
{
    struct timespec t;
    clock_gettime(which, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static const GanSchedule *first_block(const GanSchedule *n)
{
    if (n->kind == GAN_ALTERNATE) return n;
    for (int i = 0; i < n->n_kids; i++) {
        const GanSchedule *found = first_block(n->kid[i]);
        if (found) return found;
    }
    return NULL;
}

static void collect(Updates *u, const GanSchedule *n)        /* calls in order, `repeat` with a fixed count unrolled */
{
    int64_t times = n->kind == GAN_REPEAT && n->count > 0 ? n->count : 1;
    if (n->kind == GAN_CALL && u->n < 64) u->fn[u->n++] = n->fn;
    if (n->kind != GAN_SEQUENCE && n->kind != GAN_ALTERNATE && n->kind != GAN_REPEAT) return;
    for (int64_t k = 0; k < times; k++)
        for (int i = 0; i < n->n_kids; i++) collect(u, n->kid[i]);
}

static bool run_one(Updates *u, int fn)
{
    GanError err;
    Game    *g = &u->s->game;
    if (g->engine.run(g->engine.self, fn, &g->state, u->out, &err)) return say_error(g->o, &err), false;
    return true;
}

static bool run_before(Updates *u, const GanSchedule *n, const GanSchedule *block, bool *reached)
{
    *reached |= n == block;
    if (*reached) return true;
    if (n->kind == GAN_CALL) return run_one(u, n->fn);
    for (int i = 0; n->kind == GAN_SEQUENCE && i < n->n_kids; i++)
        if (!run_before(u, n->kid[i], block, reached)) return false;
    return true;
}

static bool run_rounds(Updates *u, int64_t rounds)
{
    Game *g = &u->s->game;
    for (int64_t r = 0; r < rounds; r++, u->round++) {
        if (u->step_slot >= 0) memcpy(state_slot(g->program, &g->state, u->step_slot), &u->round, sizeof u->round);
        bool lost = false;                                  /* draws and lets before the first update have no loss */
        for (int i = 0; i < u->n; i++) {
            if (!run_one(u, u->fn[i])) return false;
            if (!lost && g->program->function[u->fn[i]].n_outputs) u->loss = *(double *)u->out[0], lost = true;
        }
    }
    return true;
}

static int serve(Session *s, double compiled)
{
    static double out[64];                                   /* every call's outputs are numbers; of an update the loss is the first */
    Updates u = {.s = s, .step_slot = state_find(s->lowered.program, "step")};
    const GanSchedule *block = first_block(s->lowered.program->schedule);
    if (block) collect(&u, block);
    for (int i = 0; i < 64; i++) u.out[i] = &out[i];
    double t = clock_seconds(CLOCK_MONOTONIC);
    bool   reached = false;
    if (!u.n || game_begin(&s->game, NULL) || !run_before(&u, s->lowered.program->schedule, block, &reached)) return EXIT_RUN_FAILED;
    if (!run_rounds(&u, 1)) return EXIT_RUN_FAILED;
    printf("ready %.3f %.3f\n", compiled, clock_seconds(CLOCK_MONOTONIC) - t);
    fflush(stdout);
    int64_t rounds;
    while (scanf("%" SCNd64, &rounds) == 1) {
        double wall = clock_seconds(CLOCK_MONOTONIC), cpu = clock_seconds(CLOCK_PROCESS_CPUTIME_ID);
        if (!run_rounds(&u, rounds)) return EXIT_RUN_FAILED;
        printf("%.9f %.9f %.6g\n", clock_seconds(CLOCK_MONOTONIC) - wall, clock_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu, u.loss);
        fflush(stdout);
    }
    return EXIT_DONE;
}

int main(int argc, char **argv)
{
    char *words[64] = {"serve", "run"};
    if (argc < 2 || argc > 62) return fprintf(stderr, "usage: serve FILE.gan [flags of gan run]\n"), EXIT_WRONG_USAGE;
    for (int i = 1; i < argc; i++) words[i + 1] = argv[i];
    Options o = {0};
    int     status;
    if (options_read(&gan_options, argc + 1, words, &o.run, &status) < 0) return status;
    Session s;
    double  t = clock_seconds(CLOCK_MONOTONIC);
    status = session_open(&s, &o, o.run.operands[0]);
    if (status == EXIT_DONE) {
        session_optimise(&s);
        status = session_start(&s);
    }
    if (status == EXIT_DONE) status = serve(&s, clock_seconds(CLOCK_MONOTONIC) - t);
    session_close(&s);
    options_free(&gan_options, &o.run);
    return status;
}
