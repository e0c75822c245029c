/* test_debug.c - time travel to the bit, forks, changes and breakpoints over a real program, by both engines. */
#include "compiler/debug/debug.h"
#include "compiler/debug/timeline.h"
#include "runtime/state.h"
#include "runtime/testing.h"

#include <math.h>
#include <signal.h>
#include <sys/resource.h>

/* Two players, two updates of D a round, noise in both, a report each second round. */
static const char game[] = "import nn, optim, compare\n"
                           "let rate = 0.05\n"
                           "implicit ring { u ~ Uniform(0, 6.28); e ~ Normal(0, 0.1)^2; [cos(u), sin(u)] + e }\n"
                           "implicit G(z: real[2] ~ Normal(0, 1)) -> real[2] { z |> Dense(2) }\n"
                           "net D(x: real[2]) -> real { x |> Dense(4) |> tanh |> Dense(1) |> scalar }\n"
                           "compare gan = class_probability(ring, G, D)\n"
                           "alternate 40 steps, batch 8 {\n"
                           "  repeat 2 { update D minimize gan.critic with sgd(rate) }\n"
                           "  update G minimize nonsaturating(gan) with adam(rate)\n"
                           "  every 2 { report size = norm2(D) }\n"
                           "}\n"
                           "report last = norm2(G)\n";
enum { A_ROUND = 3, TWO_ROUNDS = 2 * A_ROUND + 1, THE_END = 20 * TWO_ROUNDS + 1 };        /* statements */

typedef struct Opened { char folder[256]; const char *file; Options o; Debugger *d; DebugPlace at; GanError err; } Opened;

static void open_text(Opened *x, const char *text, bool interp)
{
    int   status;
    FILE *f;
    memset(x, 0, sizeof *x);
    x->o = (Options){.run = {.program = "gan", .steps = -1, .seed = 3, .threads = 2, .quiet = true}, .interp = interp, .no_cache = true};
    x->file = in_folder(make_folder(x->folder), "game.gan");
    f = fopen(x->file, "w");
    cr_assert(f && fputs(text, f) >= 0 && !fclose(f));
    x->d = debug_open(&x->o, x->file, 0, &status);
    cr_assert(x->d, "status %d", status);
}

static void close_all(Opened *x)
{
    debug_close(x->d);
    drop_folder(x->folder);
}

static char *copy_state(Opened *x)
{
    size_t n = debug_session(x->d)->lowered.program->state_bytes;
    char  *copy = malloc(n + 1);
    memcpy(copy, debug_state(x->d)->base, n);
    return copy;
}

static bool is_state(Opened *x, const char *copy)
{
    return !memcmp(copy, debug_state(x->d)->base, debug_session(x->d)->lowered.program->state_bytes);
}

static double number(Opened *x, const char *expression)
{
    DebugValue v;
    cr_assert_eq(debug_eval(x->d, expression, 0, &v, &x->err), GAN_OK, "%s: %s", expression, x->err.message);
    double y = gan_tensor_get(v.value[0], 0);
    debug_value_free(&v);
    return y;
}

#define OK(call) cr_assert_eq((call), GAN_OK, "%s", x.err.message)

static void walks(bool interp)
{
    Opened x;
    open_text(&x, game, interp);
    char *state[THE_END + 1];
    for (int i = 0; i <= THE_END; i++) {                    /* every state of the run, one statement after the other */
        debug_place(x.d, &x.at);
        cr_assert_eq(x.at.tick, i);
        state[i] = copy_state(&x);
        debug_go(x.d, DEBUG_NEXT, 1, NULL, &x.at);
    }
    cr_assert_eq(x.at.why, DEBUG_OVER);
    cr_assert_eq(x.at.tick, THE_END);
    cr_assert_eq(x.at.step, 40);
    static const int64_t tour[] = {0, 100, 99, 3, 4, 5, THE_END, 77, THE_END - 1, 1, 60};
    for (size_t i = 0; i < sizeof tour / sizeof *tour; i++) {
        OK(debug_goto_tick(x.d, tour[i], &x.at, &x.err));
        cr_assert(is_state(&x, state[tour[i]]), "tick %d", (int)tour[i]);
        cr_assert_eq(x.at.tick, tour[i]);
    }
    OK(debug_back(x.d, 1, &x.at, &x.err));
    cr_assert(is_state(&x, state[59]));
    debug_go(x.d, DEBUG_ON, 0, NULL, &x.at);
    cr_assert_eq(x.at.why, DEBUG_OVER);
    cr_assert(is_state(&x, state[THE_END]));
    for (int i = 0; i <= THE_END; i++) free(state[i]);
    close_all(&x);
}

Test(debug, every_tick_can_be_come_back_to_compiled) { walks(false); }
Test(debug, every_tick_can_be_come_back_to_interpreted) { walks(true); }

Test(debug, steps_are_rounds_updates_statements_and_blocks)
{
    Opened x;
    open_text(&x, game, true);
    debug_go(x.d, DEBUG_ROUNDS, 2, NULL, &x.at);
    cr_assert_eq(x.at.step, 2);
    cr_assert_eq(x.at.tick, TWO_ROUNDS);
    debug_go(x.d, DEBUG_UPDATE, 1, "G", &x.at);              /* stands behind it */
    cr_assert_eq(x.at.tick, TWO_ROUNDS + 3);
    debug_go(x.d, DEBUG_UPDATE, 3, "D", &x.at);
    cr_assert_eq(x.at.tick, TWO_ROUNDS + A_ROUND + 4 + 1);   /* one of them is in the round after the next, behind a report */
    OK(debug_back_player(x.d, "G", &x.at, &x.err));          /* before its last update */
    cr_assert_eq(x.at.tick, TWO_ROUNDS + 5);
    OK(debug_back_player(x.d, "G", &x.at, &x.err));
    cr_assert_eq(x.at.tick, TWO_ROUNDS + 2);
    OK(debug_goto_step(x.d, 30, &x.at, &x.err));
    cr_assert_eq(x.at.step, 30);
    cr_assert_eq(x.at.tick, 15 * TWO_ROUNDS);
    cr_assert_eq(debug_goto_step(x.d, 41, &x.at, &x.err), GAN_WRONG);
    cr_assert(strstr(x.err.message, "the run ends after step 40"), "%s", x.err.message);
    debug_place(x.d, &x.at);
    cr_assert_eq(x.at.tick, 15 * TWO_ROUNDS, "nothing has moved");
    cr_assert_eq(debug_goto_tick(x.d, -1, &x.at, &x.err), GAN_WRONG);
    debug_go(x.d, DEBUG_FINISH, 1, NULL, &x.at);
    cr_assert_eq(x.at.step, 40);
    cr_assert_eq(x.at.next->kind, GAN_REPORT);
    cr_assert_eq(debug_back_player(x.d, "nobody", &x.at, &x.err), GAN_WRONG);
    close_all(&x);
}

/* Two blocks with optimisers that begin anew: what the second does for that before its first round is no statement. */
static const char blocks[] = "import optim\n"
                             "net A { param w: real = 1; w }\n"
                             "net B { param w: real = 3; w }\n"
                             "alternate 3 steps, batch 16 { update A minimize A()^2 with adam(0.1) }\n"
                             "alternate 4 steps, batch 8 {\n"
                             "  update B minimize (B() - A())^2 with adam(0.1)\n"
                             "  update A minimize A()^2 with adam(0.1)\n"
                             "}\n";
enum { FIRST_BLOCK = 3, BLOCKS_END = FIRST_BLOCK + 2 * 4 };

Test(debug, what_a_block_does_before_its_first_round_is_no_statement)
{
    Opened x;
    char  *state[BLOCKS_END + 1];
    open_text(&x, blocks, true);
    for (int i = 0; i <= BLOCKS_END; i++) {
        debug_place(x.d, &x.at);
        cr_assert_eq(x.at.tick, i);
        state[i] = copy_state(&x);
        if (i >= FIRST_BLOCK && i < BLOCKS_END) cr_assert_eq(x.at.next->line, i % 2 ? 6 : 7);
        debug_go(x.d, DEBUG_NEXT, 1, NULL, &x.at);
    }
    cr_assert_eq(x.at.why, DEBUG_OVER);
    for (int i = BLOCKS_END; i >= 0; i--) {
        OK(debug_goto_tick(x.d, i, &x.at, &x.err));
        cr_assert(is_state(&x, state[i]), "tick %d", i);
        free(state[i]);
    }
    OK(debug_goto_step(x.d, 3, &x.at, &x.err));
    cr_assert_eq(x.at.tick, FIRST_BLOCK);
    int line = debug_break(x.d, DEBUG_AT_LINE, 6, NULL, &x.err);
    debug_go(x.d, DEBUG_ON, 0, NULL, &x.at);
    cr_assert_eq(x.at.breakpoint, line);
    cr_assert_eq(x.at.tick, FIRST_BLOCK + 2);
    close_all(&x);
}

Test(debug, looking_changes_nothing_and_sees_the_same_twice)
{
    Opened x;
    DebugValue v;
    open_text(&x, game, false);
    debug_go(x.d, DEBUG_ROUNDS, 5, NULL, &x.at);
    char *before = copy_state(&x);
    double a = number(&x, "norm2(D)"), loss = number(&x, "gan.critic(n: 64)");
    cr_assert_eq(number(&x, "gan.critic(n: 64)"), loss);
    cr_assert(number(&x, "norm2(grad[D] gan.critic(n: 64))") > 0);
    OK(debug_eval(x.d, "G", 5, &v, &x.err));                 /* draws of a distribution */
    cr_assert_eq(v.value[0]->dim[0], 5);
    debug_value_free(&v);
    cr_assert(is_state(&x, before));
    const GanProgram *p = debug_session(x.d)->lowered.program;
    double sum = 0;                                         /* norm2 is the sum of squares of all parameters, from the state's own bytes */
    for (int i = 0; i < p->n_slots; i++)
        for (size_t k = 0; p->slot[i].kind == GAN_PARAM && !strcmp(p->slot[i].player, "D") && k < p->slot[i].bytes / 4; k++)
            sum += pow(((const float *)state_slot(p, debug_state(x.d), i))[k], 2);
    cr_assert_float_eq(a, sum, 1e-5 * sum);
    cr_assert_eq(debug_eval(x.d, "norm2(", 0, &v, &x.err), GAN_WRONG);
    cr_assert_eq(debug_eval(x.d, "nothing + 1", 0, &v, &x.err), GAN_WRONG);
    cr_assert_eq(x.err.message[0], 0, "it was printed");
    cr_assert(is_state(&x, before));
    debug_go(x.d, DEBUG_ON, 0, NULL, &x.at);
    char *seen = copy_state(&x);
    OK(debug_goto_step(x.d, 0, &x.at, &x.err));
    debug_go(x.d, DEBUG_ON, 0, NULL, &x.at);
    cr_assert(is_state(&x, seen));
    free(before);
    free(seen);
    close_all(&x);
}

Test(debug, breakpoints)
{
    Opened x;
    open_text(&x, game, false);
    int line = debug_break(x.d, DEBUG_AT_LINE, 9, NULL, &x.err), step = debug_break(x.d, DEBUG_AT_STEP, 7, NULL, &x.err);
    debug_go(x.d, DEBUG_ON, 0, NULL, &x.at);
    cr_assert_eq(x.at.why, DEBUG_BREAK);
    cr_assert_eq(x.at.breakpoint, line);
    cr_assert_eq(x.at.next->line, 9);
    cr_assert_eq(x.at.tick, 2);
    debug_go(x.d, DEBUG_ON, 0, NULL, &x.at);                 /* not twice at one place */
    cr_assert_eq(x.at.tick, A_ROUND + 2);
    cr_assert(debug_unbreak(x.d, line));
    cr_assert(!debug_unbreak(x.d, line));
    debug_go(x.d, DEBUG_ON, 0, NULL, &x.at);
    cr_assert_eq(x.at.breakpoint, step);
    cr_assert_eq(x.at.step, 7);
    OK(debug_goto_step(x.d, 0, &x.at, &x.err));
    int far = debug_break(x.d, DEBUG_AT_CONDITION, 0, "step >= 11", &x.err);
    cr_assert(far > 0, "%s", x.err.message);
    cr_assert(debug_unbreak(x.d, step));
    debug_go(x.d, DEBUG_ON, 0, NULL, &x.at);
    cr_assert_eq(x.at.breakpoint, far);
    cr_assert(x.at.step == 11 || x.at.step == 12, "%d", (int)x.at.step);
    cr_assert_eq(debug_break(x.d, DEBUG_AT_CONDITION, 0, "norm2(D)", &x.err), -1, "no condition");
    cr_assert_eq(debug_break(x.d, DEBUG_AT_CONDITION, 0, "norm2(Q) > 1", &x.err), -1);
    close_all(&x);
}

static void see_batch(void *batches, int number, int64_t step, double value, const char *why)
{
    (void)why;
    ((double *)batches)[step] = value;
    (void)number;
}

Test(debug, the_last_round_is_asked_and_each_block_has_its_batch)
{
    Opened x;
    double batch[8] = {0};
    open_text(&x, blocks, false);
    cr_assert(debug_watch(x.d, "batch", see_batch, batch, &x.err) > 0);
    int end = debug_break(x.d, DEBUG_AT_CONDITION, 0, "A.w < 0.4", &x.err);     /* Adam goes down by about 0.1 a step: 0.7, then 0.3 at the end */
    debug_go(x.d, DEBUG_ON, 0, NULL, &x.at);
    cr_assert_eq(x.at.why, DEBUG_OVER);
    cr_assert_eq(x.at.breakpoint, end);
    for (int i = 1; i <= 7; i++) cr_assert_eq(batch[i], i < 3 ? 16 : 8, "%d", i);      /* as the next statement has it */
    OK(debug_back(x.d, 1, &x.at, &x.err));
    cr_assert_eq(number(&x, "batch"), 8);
    OK(debug_goto_step(x.d, 3, &x.at, &x.err));
    cr_assert_eq(number(&x, "batch"), 8);
    OK(debug_goto_step(x.d, 2, &x.at, &x.err));
    cr_assert_eq(number(&x, "batch"), 16);
    close_all(&x);
}

Test(debug, a_fork_goes_its_own_way_and_the_old_one_is_what_it_was)
{
    Opened       x;
    DebugKept    kept;
    DebugParting apart;
    open_text(&x, game, false);
    debug_go(x.d, DEBUG_ROUNDS, 10, NULL, &x.at);
    debug_go(x.d, DEBUG_NEXT, 1, NULL, &x.at);
    char *here = copy_state(&x);
    int   fork = debug_fork(x.d, "hotter", &x.err);
    cr_assert_eq(fork, 1, "%s", x.err.message);
    cr_assert(is_state(&x, here));
    OK(debug_set(x.d, "rate", "0.1", &kept, &x.err));        /* from the start of the round */
    cr_assert_eq(debug_history(x.d), 1, "the fork takes it");
    cr_assert_eq(kept.fresh + kept.gone, 0);
    cr_assert(kept.kept > 0);
    debug_place(x.d, &x.at);
    cr_assert_eq(x.at.step, 10);
    cr_assert_eq(x.at.tick, 5 * TWO_ROUNDS);
    debug_go(x.d, DEBUG_ROUNDS, 5, NULL, &x.at);
    char *hot = copy_state(&x);
    OK(debug_switch(x.d, 0, &x.at, &x.err));
    cr_assert(is_state(&x, here));
    debug_go(x.d, DEBUG_ROUNDS, 6, NULL, &x.at);
    cr_assert_eq(x.at.step, 16);
    OK(debug_compare(x.d, 0, 1, &apart, &x.err));
    cr_assert_eq(apart.part, 11, "%d", (int)apart.part);
    cr_assert_eq(apart.step, 15);
    cr_assert_eq(apart.n, 2);
    cr_assert(apart.player[0].distance > 0 && apart.player[1].distance > 0);
    free(apart.player);
    OK(debug_switch(x.d, 1, &x.at, &x.err));
    cr_assert(is_state(&x, hot));
    OK(debug_set(x.d, "rate", "0.05", &kept, &x.err));       /* it has moved: a third one */
    cr_assert_eq(debug_histories(x.d), 3);
    cr_assert_eq(debug_set(x.d, "rat", "1", &kept, &x.err), GAN_WRONG);
    cr_assert_eq(debug_histories(x.d), 3);
    free(here);
    free(hot);
    close_all(&x);
}

Test(debug, a_fork_of_a_fork_has_the_past_of_both)
{
    Opened       x;
    DebugKept    kept;
    DebugParting apart;
    open_text(&x, game, false);
    debug_go(x.d, DEBUG_ROUNDS, 4, NULL, &x.at);
    cr_assert_eq(debug_fork(x.d, "hotter", &x.err), 1);
    OK(debug_set(x.d, "rate", "0.1", &kept, &x.err));
    debug_go(x.d, DEBUG_ROUNDS, 10, NULL, &x.at);
    cr_assert_eq(debug_fork(x.d, "on", &x.err), 2);
    debug_go(x.d, DEBUG_ROUNDS, 3, NULL, &x.at);
    char *on = copy_state(&x);
    OK(debug_compare(x.d, 0, 2, &apart, &x.err));            /* run 0 stands before they part */
    cr_assert_eq(apart.part, -1);
    cr_assert_eq(apart.step, 4);
    free(apart.player);
    OK(debug_switch(x.d, 0, &x.at, &x.err));
    debug_go(x.d, DEBUG_ROUNDS, 16, NULL, &x.at);
    OK(debug_compare(x.d, 0, 2, &apart, &x.err));
    cr_assert_eq(apart.part, 5, "%d", (int)apart.part);
    cr_assert_eq(apart.step, 17);
    free(apart.player);
    OK(debug_compare(x.d, 1, 2, &apart, &x.err));
    cr_assert_eq(apart.part, -1);
    free(apart.player);
    debug_place(x.d, &x.at);
    cr_assert_eq(x.at.step, 20);
    OK(debug_switch(x.d, 1, &x.at, &x.err));
    cr_assert_eq(x.at.step, 14);
    OK(debug_goto_step(x.d, 6, &x.at, &x.err));              /* its past is changed, and is that of the third no more */
    OK(debug_assign(x.d, "G.Dense_1.b", "[7, -7]", &x.err));
    debug_go(x.d, DEBUG_ROUNDS, 9, NULL, &x.at);
    OK(debug_compare(x.d, 0, 2, &apart, &x.err));
    cr_assert_eq(apart.part, 14, "what is known of it begins there: %d", (int)apart.part);
    free(apart.player);
    OK(debug_switch(x.d, 2, &x.at, &x.err));
    cr_assert(is_state(&x, on));
    free(on);
    close_all(&x);
}

Test(debug, what_is_written_is_met_again_on_the_way)
{
    Opened x;
    open_text(&x, game, true);
    debug_go(x.d, DEBUG_ROUNDS, 4, NULL, &x.at);
    debug_go(x.d, DEBUG_NEXT, 2, NULL, &x.at);
    int64_t tick = x.at.tick;
    OK(debug_assign(x.d, "G.Dense_1.b", "[7, -7]", &x.err));
    cr_assert_eq(number(&x, "G.Dense_1.b[0]"), 7);
    cr_assert_eq(debug_assign(x.d, "G.Dense_1.b", "[7, -7, 1]", &x.err), GAN_WRONG);
    cr_assert_eq(debug_assign(x.d, "G.Dense_9.b", "[7, -7]", &x.err), GAN_WRONG);
    debug_go(x.d, DEBUG_ROUNDS, 3, NULL, &x.at);
    char *then = copy_state(&x);
    OK(debug_goto_step(x.d, 2, &x.at, &x.err));
    cr_assert(number(&x, "G.Dense_1.b[0]") < 1);
    OK(debug_goto_tick(x.d, tick, &x.at, &x.err));
    cr_assert_eq(number(&x, "G.Dense_1.b[0]"), 7);
    OK(debug_goto_step(x.d, 7, &x.at, &x.err));
    cr_assert(is_state(&x, then));
    free(then);
    close_all(&x);
}

Test(debug, a_changed_file_keeps_what_has_its_shape)
{
    Opened    x;
    DebugKept kept;
    open_text(&x, game, true);
    debug_go(x.d, DEBUG_ROUNDS, 4, NULL, &x.at);
    double norm = number(&x, "norm2(G)");
    char   wider[sizeof game + 8];
    strcpy(wider, game);
    memcpy(strstr(wider, "Dense(4)"), "Dense(6)", 8);
    FILE *f = fopen(x.file, "w");
    cr_assert(f && fputs(wider, f) >= 0 && !fclose(f));
    OK(debug_reload(x.d, &kept, &x.err));
    cr_assert_eq(number(&x, "norm2(G)"), norm);
    cr_assert_eq(kept.fresh, 3, "two weights and a bias of D are of another shape: %d, first %s", kept.fresh, kept.fresh_names);
    debug_place(x.d, &x.at);
    cr_assert_eq(x.at.step, 4);
    debug_go(x.d, DEBUG_ON, 0, NULL, &x.at);
    cr_assert_eq(x.at.step, 40);
    cr_assert_eq(debug_declare(x.d, "let = 3", &kept, &x.err), GAN_WRONG);
    OK(debug_goto_step(x.d, 5, &x.at, &x.err));
    OK(debug_declare(x.d, "let half = 0.5", &kept, &x.err));
    cr_assert_eq(number(&x, "half"), 0.5);
    close_all(&x);
}

Test(debug, one_engine_goes_on_where_the_other_stood)
{
    Opened x;
    open_text(&x, game, false);
    debug_go(x.d, DEBUG_ON, 0, NULL, &x.at);
    char *end = copy_state(&x);
    OK(debug_goto_tick(x.d, 50, &x.at, &x.err));
    OK(debug_engine(x.d, true, &x.err));
    debug_go(x.d, DEBUG_ON, 0, NULL, &x.at);
    cr_assert(is_state(&x, end));
    free(end);
    close_all(&x);
}

Test(debug, a_failure_stands_before_the_statement_that_failed)
{
    Opened x;
    open_text(&x, "import optim\nnet P { param w: real = 1; w }\nalternate 9 steps { update P minimize log(P()) with sgd(0.3) }\n", true);
    debug_go(x.d, DEBUG_ON, 0, NULL, &x.at);
    cr_assert_eq(x.at.why, DEBUG_FAILED);
    cr_assert(x.at.failed_fn >= 0 && x.at.next);
    cr_assert(number(&x, "P.w") <= 0);                       /* 1, 0.7, 0.27.., -0.83..: the loss of the fourth is not finite */
    cr_assert_eq(x.at.step, 3);
    OK(debug_back(x.d, 1, &x.at, &x.err));
    cr_assert(number(&x, "P.w") > 0);
    close_all(&x);
}

Test(debug, a_calculator)
{
    Options   o = {.run = {.program = "gan", .steps = -1, .threads = 1, .quiet = true}, .interp = true, .no_cache = true};
    int       status;
    Opened    x = {.d = debug_open(&o, NULL, 0, &status)};
    DebugKept kept;
    cr_assert(x.d);
    debug_place(x.d, &x.at);
    cr_assert_eq(x.at.why, DEBUG_OVER);
    cr_assert_eq(number(&x, "2 + 3"), 5);
    OK(debug_declare(x.d, "def twice(x) = 2 * x", &kept, &x.err));
    OK(debug_declare(x.d, "let y = twice(21)", &kept, &x.err));
    cr_assert_eq(number(&x, "y"), 42);
    debug_close(x.d);
}

/* ---- snapshots -------------------------------------------------------------------------------------------------- */

Test(timeline, a_small_budget_keeps_the_first_the_newest_and_gaps_that_grow)
{
    Timeline *t = timeline_new(sizeof(int64_t), 20 * sizeof(int64_t));
    Moment    m;
    int64_t   state;
    for (int64_t i = 0; i < 100000; i++) cr_assert(timeline_keep(t, &(Moment){.tick = i, .rounds = i / 2}, &i));
    TimelineUse u = timeline_use(t);
    cr_assert_eq(u.snapshots, 20 * (1 + TIMELINE_IN_FILE));
    cr_assert_eq(u.in_memory, 20 * sizeof(int64_t));
    for (int64_t tick = 0; tick < 100000; tick += 997) {
        cr_assert(timeline_find(t, timeline_until_tick, tick, &m, &state));
        cr_assert(m.tick <= tick && m.tick == state);
        cr_assert(tick - m.tick <= 9000, "%d is %d away", (int)tick, (int)(tick - m.tick));
    }
    cr_assert(timeline_find(t, timeline_until_tick, 99999, &m, &state) && m.tick == 99999);
    cr_assert(timeline_find(t, timeline_until_tick, 99990, &m, &state) && m.tick >= 99980, "what was just now is at hand");
    cr_assert(timeline_find(t, timeline_before_round, 0, &m, &state) && m.tick == 0, "where all begins");
    timeline_cut(t, 50);
    cr_assert(timeline_find(t, timeline_until_tick, 99999, &m, &state) && m.tick <= 50);
    timeline_free(t);
}

/* Boxes that cannot be written are lost; what was kept before, and what is kept in memory from then on, is as it was. */
static void keeps_what_fits(int64_t boxes_on_disk)
{
    struct rlimit old, few;
    Timeline     *t = timeline_new(sizeof(int64_t), 20 * sizeof(int64_t));
    Moment        m;
    int64_t       state, last = -1;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    few = (struct rlimit){(rlim_t)boxes_on_disk * sizeof state, old.rlim_max};
    cr_assert(!setrlimit(RLIMIT_FSIZE, &few));
    for (int64_t i = 0; i < 1000; i++) timeline_keep(t, &(Moment){.tick = i, .rounds = i}, &i);
    setrlimit(RLIMIT_FSIZE, &old);
    TimelineUse u = timeline_use(t);
    cr_assert(u.disk_full && u.in_memory == 20 * sizeof state && u.in_file <= (size_t)boxes_on_disk * sizeof state);
    for (int64_t tick = 0; tick < 1000; tick++) {
        cr_assert(timeline_find(t, timeline_until_tick, tick, &m, &state));
        cr_assert(m.tick <= tick && m.tick == state && m.tick >= last);
        last = m.tick;
    }
    cr_assert(last >= 998, "the newest is kept: %d", (int)last);
    timeline_free(t);
}

Test(timeline, a_full_disk_loses_nothing_that_was_kept)
{
    keeps_what_fits(0);
    keeps_what_fits(1);
    keeps_what_fits(30);
}
