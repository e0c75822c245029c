/* cmd_test.c - `gan test`: runs programs and holds them to their own `expect` lines. A line that does not hold fails, and so
 * does a program that cannot run, or that promises nothing. The last line is "N passed, N failed". */
#include "compiler/driver/board.h"
#include "compiler/driver/programs.h"
#include "compiler/session/nonfinite.h"
#include "compiler/session/session.h"
#include "runtime/file.h"
#include "runtime/interrupt.h"
#include "runtime/state.h"
#include "runtime/trainer.h"
#include "runtime/verdict.h"

#include <inttypes.h>
#include <unistd.h>

typedef struct { int passed, failed; } Tally;

/* " (seed 3)" of several. */
static const char *of_seed(const Session *s, uint64_t seed) { return s->o->run.seeds > 1 ? arena_printf(s->arena, " (seed %" PRIu64 ")", seed) : ""; }

static void count_expects(const Session *s, const char *path, const TrainerResult *r, const char *seed, Tally *t)
{
    const char *file = GAN_SHOWN(path);
    for (int i = 0; i < r->n_expects; i++) {
        const TrainerExpect *e = &r->expect[i];
        Text verdict = text_in(s->arena);
        verdict_text(s->lowered.program, s->o->run.steps, e, &verdict);
        printf("%s:%u: expect %s: %s%s\n", file, e->node->line, e->node->name, text_str(&verdict), seed);
        if (e->held) t->passed++;
        else t->failed++;
    }
    for (int i = 0; i < r->n_reports; i++) {
        Text measured = text_in(s->arena);
        measured_text(&r->report[i], r->seed, &measured);
        if (r->report[i].made) printf("%s: %s = %.9g%s\n", file, r->report[i].name, r->report[i].value, measured.n ? text_str(&measured) : seed);
    }
    if (r->n_expects) return;
    printf("%s: has no `expect` line\n", file);
    t->failed++;
}

static void note_failure(void *session, int fn, GanState *state, const TrainerPast *past)
{
    Session *s = session;
    nonfinite_explain(&s->game, fn, state, past);
}

static void say(void *session, const char *line) { say_line((void *)&((Session *)session)->o->run, line); }

static int run_one(Session *s, const char *file, uint64_t seed, Board *board, Tally *t)
{
    TrainerOptions options = {.steps = s->o->run.steps, .watch_signals = true, .progress_fd = s->o->run.quiet || !isatty(STDERR_FILENO) ? -1 : STDERR_FILENO,
                              .progress_terminal = true, .progress_colour = s->o->run.color, .hooks = {.user = s, .say = say, .failed = note_failure}};
    TrainerResult  r;
    Interrupt      signals;
    GanError       err;
    int            status = EXIT_DONE;
    interrupt_begin(&signals, NULL);
    GanStatus st = trainer_run(s->lowered.program, &s->game.engine, &s->game.state, &options, &r, &err);
    interrupt_end(&signals);
    if (st) {
        char text[GAN_ERROR_TEXT];
        status = say_error(&s->o->run, &err);
        game_say_notes(&s->game);
        if (board) board_failure(board, arena_printf(s->arena, "the run fails%s: %s", of_seed(s, seed), gan_error_text(&err, text)));
    } else if (r.end == TRAINER_INTERRUPTED) status = r.interrupt;
    else {
        count_expects(s, file, &r, of_seed(s, seed), t);
        if (board) board_run(board, s, &r);
        printf("%s: %lld steps in %.1f s%s\n", GAN_SHOWN(file), (long long)r.rounds_here, r.seconds, of_seed(s, seed));
        fflush(stdout);                                       /* the next seed may take an hour */
    }
    trainer_result_free(&r);
    return status;
}

/* One game after the other, each from a fresh state. */
static int run_seeds(Session *s, const char *file, Board *board, Tally *t)
{
    GanError err;
    int      status = EXIT_DONE;
    for (int64_t k = 0; k < s->o->run.seeds && status == EXIT_DONE; k++) {
        uint64_t seed = s->o->run.seed + (uint64_t)k;
        if (k > 0) {
            state_free(&s->game.state);
            if (state_new(s->lowered.program, seed, &s->game.state, &err)) return say_error(&s->o->run, &err);
        }
        status = run_one(s, file, seed, board, t);
    }
    return status;
}

static int test_file(const Options *o, const char *file, Board *board, Tally *t)
{
    Session s;
    int     status = session_open(&s, o, file);
    if (board) board_program(board, file, s.text);
    if (status == EXIT_DONE) {
        session_optimise(&s);
        status = session_start(&s);
    }
    if (status != EXIT_DONE && board) board_failure(board, "cannot be read, or does not compile");
    if (status == EXIT_DONE) status = run_seeds(&s, file, board, t);
    session_close(&s);
    if (status != EXIT_DONE) t->failed++;
    return status;
}

/* What went wrong stands on the page, which is then what was asked for: a promise that is not kept. */
static int write_board(const Options *o, Board *board, int worst)
{
    GanError err;
    if (worst >= EXIT_INTERRUPTED) return worst;
    if (board_write(board, &err)) return say_error(&o->run, &err);
    return worst == EXIT_DONE ? EXIT_DONE : EXIT_WRONG_PROGRAM;
}

static int list_programs(const Options *o, Arena *a, Programs *programs, Tally *t)
{
    int worst = EXIT_DONE;
    for (int i = 0; i < o->run.n_operands; i++) {
        GanError err;
        if (!programs_add(a, o->run.operands[i], programs, &err)) continue;
        worst = say_error(&o->run, &err);
        t->failed++;
    }
    return worst;
}

int cmd_test(const Options *o)
{
    Tally    t = {0};
    Arena   *a = arena_new();
    Board   *board = o->board ? board_new(o, GAN_VERSION) : NULL;
    Programs programs = {0};
    GanError err;
    char     place[FILE_PATH_MAX];
    if (board && file_place(o->board, place, &err)) {       /* asked before hours of work */
        board_free(board);
        arena_free(a);
        return say_error(&o->run, &err);
    }
    int      worst = list_programs(o, a, &programs, &t);
    for (int i = 0; i < programs.list.n && worst < EXIT_INTERRUPTED; i++) {
        int status = test_file(o, programs.list.v[i], board, &t);
        if (status > worst) worst = status;
    }
    if (board) worst = write_board(o, board, worst);
    board_free(board);
    arena_free(a);
    printf("%d passed, %d failed\n", t.passed, t.failed);
    return worst != EXIT_DONE ? worst : t.failed ? EXIT_WRONG_PROGRAM : EXIT_DONE;
}
