/* cmd_test.c - `gan test`: runs programs and holds them to their own `expect` lines. A line that does not hold fails, and so
 * does a program that cannot run, or that promises nothing. The last line is "N passed, N failed". */
#include "compiler/session/nonfinite.h"
#include "compiler/session/session.h"
#include "runtime/interrupt.h"
#include "runtime/trainer.h"

#include <unistd.h>

typedef struct { int passed, failed; } Tally;

static void count_expects(const char *path, const TrainerResult *r, Tally *t)
{
    const char *file = GAN_SHOWN(path);
    for (int i = 0; i < r->n_expects; i++) {
        const TrainerExpect *e = &r->expect[i];
        printf("%s:%u: expect %s: %s\n", file, e->node->line, e->node->name, !e->judged ? "never judged" : e->held ? "held" : "NOT held");
        if (e->held) t->passed++;
        else t->failed++;
    }
    for (int i = 0; i < r->n_reports; i++)
        if (r->report[i].made) printf("%s: %s = %.9g\n", file, r->report[i].name, r->report[i].value);
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

static int run_one(Session *s, const char *file, Tally *t)
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
        status = say_error(&s->o->run, &err);
        game_say_notes(&s->game);
    } else if (r.end == TRAINER_INTERRUPTED) status = r.interrupt;
    else {
        count_expects(file, &r, t);
        printf("%s: %lld steps in %.1f s\n", GAN_SHOWN(file), (long long)r.rounds_here, r.seconds);
    }
    trainer_result_free(&r);
    return status;
}

int cmd_test(const Options *o)
{
    Tally t = {0};
    int   worst = EXIT_DONE;
    for (int i = 0; i < o->run.n_operands && worst < EXIT_INTERRUPTED; i++) {
        Session s;
        int     status = session_open(&s, o, o->run.operands[i]);
        if (status == EXIT_DONE) {
            session_optimise(&s);
            status = session_start(&s);
        }
        if (status == EXIT_DONE) status = run_one(&s, o->run.operands[i], &t);
        session_close(&s);
        if (status != EXIT_DONE) t.failed++;
        if (status > worst) worst = status;
    }
    printf("%d passed, %d failed\n", t.passed, t.failed);
    return worst != EXIT_DONE ? worst : t.failed ? EXIT_WRONG_PROGRAM : EXIT_DONE;
}
