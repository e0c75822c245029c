/* test_trainer.c - the walk of the schedule, resume, and rewinding to a loss that is not finite, over an engine of a few lines. */
#include "runtime/interrupt.h"
#include "runtime/state.h"
#include "runtime/testing.h"
#include "runtime/trainer.h"

#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A program with an i64 "step", an f64 "x", an f64 "report.x" and these functions. */
enum { INIT, UPDATE, REPORT, COUNT, STOP_AT, HELD, N_FUNCTIONS };
enum { STEP, X, REPORTED, N_SLOTS };

typedef struct Toy { int calls[N_FUNCTIONS]; double nan_at, stop_at; } Toy;

static GanSlot slots[N_SLOTS] = {
    {.path = "step", .kind = GAN_COUNTER, .elem = GAN_I64, .offset = 0, .bytes = 8},
    {.path = "x", .kind = GAN_PARAM, .elem = GAN_F64, .offset = 64, .bytes = 8},
    {.path = "report.x", .kind = GAN_STATE, .elem = GAN_F64, .offset = 128, .bytes = 8},
};
static GanOutput loss = {.name = "loss", .elem = GAN_F64}, x_out = {.name = "x", .elem = GAN_F64}, count_out = {.name = "count", .elem = GAN_I64},
                 bool_out = {.name = "held", .elem = GAN_BOOL};
static GanFunction functions[N_FUNCTIONS] = {
    [INIT] = {.name = "init"}, [UPDATE] = {.name = "update_P", .player = "P", .n_outputs = 1, .output = &loss},
    [REPORT] = {.name = "report", .n_outputs = 1, .output = &x_out}, [COUNT] = {.name = "count", .n_outputs = 1, .output = &count_out},
    [STOP_AT] = {.name = "stop", .n_outputs = 1, .output = &bool_out}, [HELD] = {.name = "expect", .n_outputs = 1, .output = &bool_out},
};

static GanStatus toy_run(void *self, int fn, GanState *s, void *const *out, GanError *err)
{
    Toy    *t = self;
    double *x = (double *)(void *)(s->base + 64), *reported = (double *)(void *)(s->base + 128);
    (void)err;
    t->calls[fn]++;
    if (fn == INIT) *x = 1;
    if (fn == UPDATE) {
        *(double *)out[0] = *x == t->nan_at ? NAN : *x;
        *x = *x * 1.0 + 1;
    }
    if (fn == REPORT) *(double *)out[0] = *reported = *x;
    if (fn == COUNT) *(int64_t *)out[0] = *(int64_t *)(void *)s->base < 2 ? 3 : 1;
    if (fn == STOP_AT) *(bool *)out[0] = *x >= t->stop_at;
    if (fn == HELD) *(bool *)out[0] = *reported >= 5;
    return GAN_OK;
}

#define NODE(a_kind, a_fn, a_count, ...) (&(GanSchedule){.kind = a_kind, .fn = a_fn, .count = a_count, __VA_ARGS__})
#define KIDS(...) .kid = (GanSchedule *[]){__VA_ARGS__}, .n_kids = sizeof((GanSchedule *[]){__VA_ARGS__}) / sizeof(GanSchedule *)

typedef struct Run { Toy toy; TrainerResult r; GanState s; GanError err; GanStatus st; } Run;

static GanProgram toy_of(GanSchedule *root)
{
    return (GanProgram){.name = "toy", .source_hash = "1", .slot = slots, .n_slots = N_SLOTS, .state_bytes = 192, .function = functions,
                        .n_functions = N_FUNCTIONS, .schedule = root, .init_fn = INIT};
}

static void go_on_data(Run *run, GanProgram p, const char *out, bool resume, bool (*round)(void *))
{
    GanEngine      e = {.self = &run->toy, .name = "toy", .run = toy_run};
    TrainerOptions o = {.steps = -1, .out = out, .resume = resume, .watch_signals = true, .progress_fd = -1, .hooks = {.round = round, .user = &run->toy}};
    Interrupt      signals;
    cr_assert_eq(state_new(&p, 7, &run->s, &run->err), GAN_OK);
    interrupt_begin(&signals, NULL);
    run->st = trainer_run(&p, &e, &run->s, &o, &run->r, &run->err);
    interrupt_end(&signals);
}

static void go(Run *run, GanSchedule *root, const char *out, bool resume, bool (*round)(void *)) { go_on_data(run, toy_of(root), out, resume, round); }

static double x_of(const Run *run) { return *(double *)(void *)(run->s.base + 64); }

static void drop(Run *run)
{
    trainer_result_free(&run->r);
    state_free(&run->s);
}

Test(trainer, walks_every_kind)
{
    GanSchedule *update = NODE(GAN_CALL, UPDATE, -1, .name = ""), *report = NODE(GAN_REPORT, REPORT, -1, .name = "");
    GanSchedule *repeat = NODE(GAN_REPEAT, COUNT, -1, KIDS(update)), *every = NODE(GAN_EVERY, -1, 2, KIDS(report));
    GanSchedule *block = NODE(GAN_ALTERNATE, -1, 5, KIDS(repeat, every));
    GanSchedule *expect = NODE(GAN_EXPECT, HELD, -1, .name = "x >= 5"), *early = NODE(GAN_EXPECT, HELD, -1, .name = "x", .by_step = 2);
    Run run = {.toy = {.nan_at = -1, .stop_at = 100}};
    go(&run, NODE(GAN_SEQUENCE, -1, -1, KIDS(block, expect, early)), NULL, false, NULL);
    cr_expect(run.st == GAN_OK && run.r.end == TRAINER_DONE);
    cr_expect_eq(run.toy.calls[UPDATE], 3 + 3 + 1 + 1 + 1);
    cr_expect_eq(run.toy.calls[REPORT], 2, "after rounds 2 and 4");
    cr_expect_eq(run.r.rounds, 5);
    cr_expect_eq(x_of(&run), 10);
    cr_expect(run.r.report[0].value == 9 && run.r.n_reports == 1);
    cr_expect(run.r.n_expects == 2 && run.r.expect[0].held && run.r.expect[1].held);
    drop(&run);
}

Test(trainer, stops_a_block)
{
    GanSchedule *update = NODE(GAN_CALL, UPDATE, -1, .name = ""), *stop = NODE(GAN_STOP, STOP_AT, -1, .name = "");
    GanSchedule *yes = NODE(GAN_SEQUENCE, -1, -1, KIDS(update)), *no = NODE(GAN_SEQUENCE, -1, -1, KIDS(update, update));
    GanSchedule *branch = NODE(GAN_IF, STOP_AT, -1, KIDS(yes, no));
    Run run = {.toy = {.nan_at = -1, .stop_at = 4}};
    go(&run, NODE(GAN_SEQUENCE, -1, -1, KIDS(NODE(GAN_ALTERNATE, -1, 50, KIDS(update, stop)), branch)), NULL, false, NULL);
    cr_expect_eq(run.r.rounds, 3);
    cr_expect_eq(x_of(&run), 5, "three rounds, and one more update since the condition holds");
    drop(&run);
}

static bool until_round_7(void *toy) { return ((Toy *)toy)->calls[UPDATE] < 7; }

Test(trainer, goes_on_where_it_was_cut)
{
    char folder[256];
    make_folder(folder);
    GanSchedule *update = NODE(GAN_CALL, UPDATE, -1, .name = ""), *save = NODE(GAN_SAVE, -1, -1, .name = ""), *report = NODE(GAN_REPORT, REPORT, -1, .name = "");
    GanSchedule *block = NODE(GAN_ALTERNATE, -1, 10, KIDS(update, NODE(GAN_EVERY, -1, 3, KIDS(save, report))));
    GanSchedule *root = NODE(GAN_SEQUENCE, -1, -1, KIDS(report, NODE(GAN_SEQUENCE, -1, -1, KIDS(block, report))));
    Run cut = {.toy = {.nan_at = -1}}, rest = cut, whole = cut;
    go(&cut, root, in_folder(folder, "cut"), false, until_round_7);
    cr_expect(cut.r.end == TRAINER_INTERRUPTED && cut.r.rounds == 7, "cut after round 7, one round after the save of round 6");
    go(&rest, root, in_folder(folder, "cut"), true, NULL);
    cr_expect(rest.r.end == TRAINER_DONE && rest.r.rounds == 10 && rest.toy.calls[UPDATE] == 4 && rest.toy.calls[INIT] == 0);
    go(&whole, root, in_folder(folder, "whole"), false, NULL);
    cr_expect(!memcmp(rest.s.base, whole.s.base, whole.s.bytes));
    cr_expect_eq(whole.toy.calls[REPORT], 5);
    drop(&cut);
    drop(&rest);
    drop(&whole);
    drop_folder(folder);
}

/* A run with other data is another; nothing is known of one that an older gan has begun. */
Test(trainer, goes_on_with_its_own_data)
{
    double       number = 5;
    GanTensor    one = {.elem = GAN_F64, .rank = 1, .dim = {1}, .bytes = sizeof number, .data = &number}, *data[] = {&one, &one};
    DataRecipe   recipe[] = {{.format = DATA_CSV, .path = "d.csv", .name = "d", .field = "x"}, {.format = DATA_CSV, .path = "d.csv", .name = "d", .field = "x"}};
    GanSchedule *block = NODE(GAN_ALTERNATE, -1, 10, KIDS(NODE(GAN_CALL, UPDATE, -1, .name = ""), NODE(GAN_SAVE, -1, -1, .name = "")));
    GanProgram   p = toy_of(NODE(GAN_SEQUENCE, -1, -1, KIDS(block)));
    char         folder[256];
    for (int known = 0; known < 2; known++) {
        Run cut = {.toy = {.nan_at = -1}}, rest[2] = {cut, cut};
        make_folder(folder);
        p.data = data;
        p.n_data = 2;
        p.recipe = known ? recipe : NULL;
        number = 5;
        go_on_data(&cut, p, folder, false, until_round_7);
        cr_assert_eq(cut.st, GAN_OK);
        p.recipe = recipe;
        for (int i = 0; i < 2; i++) {
            number = i ? 5 : 6;
            go_on_data(&rest[i], p, folder, true, i ? NULL : until_round_7);
            if (known && !i) expect_error("others", rest[i].st, GAN_WRONG, &rest[i].err, "the data d.x are not those");
            else cr_expect_eq(rest[i].st, GAN_OK, "%s", rest[i].err.message);
            drop(&rest[i]);
            if (!known) break;
        }
        drop(&cut);
        drop_folder(folder);
    }
}

static bool at_most(void *left) { return (*(int *)left)-- > 0; }

/* In memory, in portions of 0, 1, 2 ... rounds: what stands before a block is done before its first round, what stands behind it after its last. */
Test(trainer, goes_on_from_a_run_in_memory)
{
    GanSchedule *update = NODE(GAN_CALL, UPDATE, -1, .name = ""), *report = NODE(GAN_REPORT, REPORT, -1, .name = ""), *held = NODE(GAN_EXPECT, HELD, -1, .name = "x");
    GanSchedule *two = NODE(GAN_REPEAT, -1, 2, KIDS(NODE(GAN_ALTERNATE, -1, 4, KIDS(update))));
    GanSchedule *root = NODE(GAN_SEQUENCE, -1, -1, KIDS(update, NODE(GAN_ALTERNATE, -1, 3, KIDS(update, report)), update, two, held, report));
    Run whole = {.toy = {.nan_at = -1}}, part = whole;
    GanProgram p = {.name = "toy", .source_hash = "1", .slot = slots, .n_slots = N_SLOTS, .state_bytes = 192, .function = functions,
                    .n_functions = N_FUNCTIONS, .schedule = root, .init_fn = INIT};
    GanEngine  e = {.self = &part.toy, .name = "toy", .run = toy_run};
    static const int updates[] = {1, 2, 4 + 1, 8, 12, 13};  /* behind portions of 0, 1, 2, ..: one stands before each block */
    go(&whole, root, NULL, false, NULL);
    cr_assert_eq(state_new(&p, 7, &part.s, &part.err), GAN_OK);
    cr_assert_eq(trainer_result_new(&p, &part.r, &part.err), GAN_OK);
    for (int i = 0; i < 6; i++) {
        int            left = i;
        TrainerResult  next;
        TrainerOptions o = {.steps = -1, .from = &part.r, .progress_fd = -1, .hooks = {.user = &left, .next = at_most}};
        if (!i) toy_run(&part.toy, INIT, &part.s, NULL, NULL);
        cr_assert_eq(trainer_run(&p, &e, &part.s, &o, &next, &part.err), GAN_OK);
        cr_expect_eq(part.toy.calls[UPDATE], updates[i], "portion %d: %d", i, part.toy.calls[UPDATE]);
        cr_expect_eq(next.end, i < 5 ? TRAINER_INTERRUPTED : TRAINER_DONE);
        trainer_result_free(&part.r);
        part.r = next;
    }
    cr_expect(part.toy.calls[INIT] == 1 && part.r.rounds == 11 && part.r.rounds_here == 1 && part.r.report[0].value == whole.r.report[0].value && part.r.expect[0].held);
    cr_expect(!memcmp(part.s.base, whole.s.base, whole.s.bytes));
    drop(&whole);
    drop(&part);
}

static bool interrupted_when_stopped(void *toy)
{
    if (((Toy *)toy)->calls[STOP_AT] == 3) raise(SIGINT);
    return true;
}

/* Cut in the very round that leaves the block, wherever in the round the stop stands, the run goes on behind the block. */
Test(trainer, a_block_that_was_left_stays_left)
{
    GanSchedule *update = NODE(GAN_CALL, UPDATE, -1, .name = ""), *stop = NODE(GAN_STOP, STOP_AT, -1, .name = ""), *report = NODE(GAN_REPORT, REPORT, -1, .name = "");
    GanSchedule *blocks[] = {NODE(GAN_ALTERNATE, -1, 50, KIDS(update, stop)), NODE(GAN_ALTERNATE, -1, 50, KIDS(update, NODE(GAN_REPEAT, -1, 1, KIDS(stop)), update)),
                             NODE(GAN_ALTERNATE, -1, 50, KIDS(update, NODE(GAN_EVERY, -1, 1, KIDS(NODE(GAN_SEQUENCE, -1, -1, KIDS(stop))))))};
    for (int i = 0; i < 3; i++)
        for (int last = 0; last < 2; last++) {
            char folder[256];
            make_folder(folder);
            GanSchedule *inner = last ? NODE(GAN_SEQUENCE, -1, -1, KIDS(blocks[i])) : NODE(GAN_SEQUENCE, -1, -1, KIDS(blocks[i], report, update));
            GanSchedule *root = NODE(GAN_SEQUENCE, -1, -1, KIDS(report, inner));
            Run whole = {.toy = {.nan_at = -1, .stop_at = i == 1 ? 6 : 4}}, cut = whole, rest = whole;
            go(&cut, root, in_folder(folder, "cut"), false, interrupted_when_stopped);
            cr_expect(cut.r.end == TRAINER_INTERRUPTED && cut.r.rounds == 3);
            go(&rest, root, in_folder(folder, "cut"), true, NULL);
            cr_expect(rest.r.end == TRAINER_DONE && rest.r.rounds == 3 && rest.r.rounds_here == 0, "case %d: %d rounds", i, (int)rest.r.rounds);
            go(&whole, root, in_folder(folder, "whole"), false, NULL);
            cr_expect(!memcmp(rest.s.base, whole.s.base, whole.s.bytes), "case %d", i);
            drop(&cut);
            drop(&rest);
            drop(&whole);
            drop_folder(folder);
        }
}

Test(trainer, rewinds_to_the_loss_that_is_not_finite)
{
    char folder[256];
    make_folder(folder);
    GanSchedule *update = NODE(GAN_CALL, UPDATE, -1, .line = 12);
    GanSchedule *block = NODE(GAN_ALTERNATE, -1, 1000, KIDS(update, update, update));
    Run run = {.toy = {.nan_at = 500}};
    go(&run, NODE(GAN_SEQUENCE, -1, -1, KIDS(block)), in_folder(folder, "nan"), false, NULL);
    cr_expect_eq(run.st, GAN_WORLD);
    cr_expect_eq(run.r.failed_fn, UPDATE);
    cr_expect_eq(x_of(&run), 500, "the state just before the call that failed");
    cr_expect(strstr(run.err.message, "loss of P became nan at step 166"), "%s", run.err.message);
    cr_expect(strstr(run.r.checkpoint, "000000166.safetensors"), "the start of its round is saved: %s", run.r.checkpoint);
    drop(&run);
    drop_folder(folder);
}

/* An engine whose first update leaves infinity in one of 37 numbers. */
typedef struct Spoiler { bool wide; int at; } Spoiler;

static GanStatus spoiler_run(void *self, int fn, GanState *s, void *const *out, GanError *err)
{
    const Spoiler *p = self;
    void          *x = s->base + 64;
    (void)err;
    if (fn != UPDATE) return GAN_OK;
    *(double *)out[0] = 0;
    if (p->wide) ((double *)x)[p->at] = INFINITY;
    else ((float *)x)[p->at] = INFINITY;
    return GAN_OK;
}

Test(trainer, sees_a_parameter_that_is_not_finite_wherever_it_is)
{
    int written[] = {1};
    for (int k = 0; k < 2 * 37; k++) {
        Spoiler     p = {.wide = k % 2, .at = k / 2};
        GanSlot     both[2], w = {.path = "w", .kind = GAN_PARAM, .elem = p.wide ? GAN_F64 : GAN_F32, .offset = 64, .rank = 1, .dim = {37}};
        GanFunction two[2];
        GanSchedule *block = NODE(GAN_ALTERNATE, -1, 5, KIDS(NODE(GAN_CALL, UPDATE, -1, .name = "")));
        GanProgram   program = {.name = "toy", .source_hash = "1", .slot = both, .n_slots = 2, .state_bytes = 384, .function = two, .n_functions = 2,
                                .schedule = NODE(GAN_SEQUENCE, -1, -1, KIDS(block)), .init_fn = INIT};
        GanEngine      e = {.self = &p, .name = "toy", .run = spoiler_run};
        TrainerOptions o = {.steps = -1, .progress_fd = -1};
        Run            run = {.toy = {.nan_at = 0}};
        w.bytes = 37 * (p.wide ? sizeof(double) : sizeof(float));
        both[0] = slots[STEP], both[1] = w;
        two[INIT] = functions[INIT], two[UPDATE] = functions[UPDATE];
        two[UPDATE].written = written;
        two[UPDATE].n_written = 1;
        cr_assert_eq(state_new(&program, 7, &run.s, &run.err), GAN_OK);
        cr_expect_eq(trainer_run(&program, &e, &run.s, &o, &run.r, &run.err), GAN_WORLD, "element %d", p.at);
        cr_expect(strstr(run.err.message, "is not finite any more"), "%s", run.err.message);
        drop(&run);
    }
}
