/* walk.c - the thread in which the run walks its schedule. It and its owner take turns: exactly one of them moves, the other waits for `turn`. */
#include "compiler/debug/inside.h"

#include "runtime/clock.h"
#include "runtime/interrupt.h"
#include "runtime/state.h"

#include <stdlib.h>
#include <string.h>

static const double SNAPSHOT_SHARE = 0.02;                  /* of the time, for taking them; */
static const double SAVE_SECONDS = 10;                      /* from one checkpoint to the next */
static const double LONG = 0.25, LONG_SHARE = 0.05;         /* but where so many seconds would be done again, more: this of the time since the last */

/* ---- a state, what probes need behind it, and what was judged ------------------------------------------------------ */

static size_t whole_lines(size_t n) { return (n + 63) / 64 * 64; }
static size_t judged_at(const GanProgram *p) { return whole_lines(p->state_bytes) + PROBE_ROOM; }

static int count_expects(const GanSchedule *n)
{
    int count = n->kind == GAN_EXPECT;
    for (int i = 0; i < n->n_kids; i++) count += count_expects(n->kid[i]);
    return count;
}

size_t walk_state_bytes(const GanProgram *p) { return judged_at(p) + (size_t)count_expects(p->schedule); }

GanStatus walk_new_state(Build *b, GanError *err) { return probe_new_state(&b->s, (size_t)count_expects(b->s.lowered.program->schedule), err); }

void walk_keep_judged(Debugger *d, const TrainerResult *r)
{
    char *to = debug_state(d)->base + judged_at(run_program(d));
    for (int i = 0; i < r->n_expects; i++) to[i] = (char)(r->expect[i].judged + 2 * r->expect[i].held);
}

static void take_judged(Debugger *d)
{
    const char *from = debug_state(d)->base + judged_at(run_program(d));
    for (int i = 0; i < d->from.n_expects; i++) {
        d->from.expect[i].judged = from[i] & 1;
        d->from.expect[i].held = from[i] & 2;
    }
}

/* ---- what a person has written ---------------------------------------------------------------------------------- */

void walk_apply_edits(Debugger *d)
{
    const History *h = run_history(d);
    GanState      *s = debug_state(d);
    for (int i = 0; i < h->n_edits; i++) {
        const Edit *e = &h->edit[i];
        if (e->tick != d->place.tick) continue;
        if (e->slot < 0) s->seed = e->seed;
        else memcpy(state_slot(run_program(d), s, e->slot), e->bytes, run_program(d)->slot[e->slot].bytes);
    }
}

/* ---- turns ------------------------------------------------------------------------------------------------------ */

static void hand_back(Debugger *d)
{
    d->running = false;
    pthread_cond_broadcast(&d->turn);
}

/* The walk stands here until it is let go. */
static void stand(Debugger *d, DebugWhy why)
{
    d->place.why = why;
    pthread_mutex_lock(&d->mutex);
    hand_back(d);
    while (!d->running) pthread_cond_wait(&d->turn, &d->mutex);
    pthread_mutex_unlock(&d->mutex);
}

static void let_go(Debugger *d)
{
    pthread_mutex_lock(&d->mutex);
    d->running = true;
    pthread_cond_broadcast(&d->turn);
    while (d->running) pthread_cond_wait(&d->turn, &d->mutex);
    pthread_mutex_unlock(&d->mutex);
}

/* ---- the trainer's hooks ---------------------------------------------------------------------------------------- */

static void keep_snapshot(Debugger *d)
{
    double begun = clock_now(), since = begun - d->kept;
    bool   is_long = since > LONG && d->copy < LONG_SHARE * since;
    if (d->here.tick && !is_long && d->copying > SNAPSHOT_SHARE * (begun - d->opened)) return;
    walk_keep_judged(d, &d->result);
    timeline_keep(run_history(d)->past, &d->here, debug_state(d)->base);
    d->kept = clock_now();
    d->copy = d->kept - begun;
    d->copying += d->copy;
}

static void on_place(void *debugger, const TrainerPath *here, int64_t rounds)
{
    Debugger *d = debugger;
    int64_t   began = d->here.tick;
    d->here = (Moment){.tick = d->place.tick, .rounds = rounds, .path = *here, .seed = debug_state(d)->seed};
    d->place.step = rounds;
    keep_snapshot(d);
    if (!d->goal.quiet && rounds > d->asked) look_ask(d, began);
    d->asked = rounds;
}

static bool is_reached(const Debugger *d)
{
    switch (d->goal.kind) {
    case GO_ON_TO_TICK: return d->place.tick >= d->goal.at;
    case GO_ON_TO_STEP:
    case GO_ON_TO_ROUND: return d->place.step >= d->goal.at;
    case GO_ON_TO_UPDATE: return d->updates >= d->goal.at;
    case GO_ON_TO_BLOCK: return d->here.path.n && d->here.path.at[0] != d->goal.at;
    case GO_ON_FOR_EVER: return false;
    }
    return false;
}

static int breakpoint_here(const Debugger *d, const GanSchedule *n)
{
    if (d->goal.quiet) return 0;
    if (d->hit) return d->hit;
    return d->place.tick > d->started ? look_line(d, n) : 0;
}

static bool on_before(void *debugger, const GanSchedule *n)
{
    Debugger *d = debugger;
    if (n->implied) return !d->leave;                       /* it goes with the statement that follows, and is no tick */
    d->place.next = n;
    if (d->leave) return false;
    walk_apply_edits(d);
    d->place.breakpoint = breakpoint_here(d, n);
    d->place.error = d->hit && d->place.breakpoint ? d->unknown : (GanError){0};
    d->hit = 0;
    if (d->place.breakpoint) stand(d, DEBUG_BREAK);
    else if (is_reached(d)) stand(d, DEBUG_STOPPED);
    else if (interrupt_asked()) stand(d, DEBUG_INTERRUPTED);
    return !d->leave;
}

static bool on_again(void *debugger)
{
    const Debugger *d = debugger;
    return d->place.tick < d->furthest;
}

static void on_say(void *debugger, const char *line)
{
    const Debugger *d = debugger;
    if (d->say) d->say(d->sayer, line);
}

static bool moves(const Debugger *d, int fn, const char *player)
{
    const LowerResult *r = &run_history(d)->build->s.lowered;
    for (int i = 0; i < r->n_lines; i++)
        for (int k = 0; r->line[i].fn == fn && k < r->line[i].n_moves; k++)
            if (!strcmp(r->line[i].moves[k], player)) return true;
    return false;
}

static bool on_after(void *debugger, const GanSchedule *n, void *const *out)
{
    Debugger          *d = debugger;
    if (n->implied) return !d->leave;
    const GanFunction *f = n->fn >= 0 && out ? &run_program(d)->function[n->fn] : NULL;
    DebugDone          done = {.tick = d->place.tick, .step = d->place.step, .node = n, .function = f, .out = out};
    if (!d->goal.quiet && d->done) d->done(d->self, &done);
    if (!d->goal.quiet && f) look_check_finite(d, n->fn, out);
    if (f) why_called(d, n->fn);
    if (d->goal.player && n->fn >= 0 && moves(d, n->fn, d->goal.player)) {
        d->updates++;
        d->last_update = d->place.tick;
    }
    d->place.tick++;
    if (d->place.tick > d->furthest) {
        d->furthest = d->place.tick;
        d->closed = false;
        if (d->furthest > d->failure.tick) d->failure.why = DEBUG_STOPPED;
    }
    return !d->leave;
}

TrainerOptions walk_options(Debugger *d)
{
    return (TrainerOptions){.steps = run_history(d)->build->o.run.steps, .from = &d->from, .files = d->files, .out = d->folder, .save_seconds = d->files ? SAVE_SECONDS : 0,
                            .progress_fd = -1, .hooks = {.user = d, .say = on_say, .place = on_place, .again = on_again, .before = on_before, .after = on_after}};
}

/* ---- the thread ------------------------------------------------------------------------------------------------- */

static void *walk(void *debugger)
{
    Debugger      *d = debugger;
    Build         *b = run_history(d)->build;
    TrainerOptions o = walk_options(d);
    d->status = trainer_run(b->s.lowered.program, &b->s.game.engine, &b->s.game.state, &o, &d->result, &d->place.error);
    pthread_mutex_lock(&d->mutex);
    d->ended = true;
    hand_back(d);
    pthread_mutex_unlock(&d->mutex);
    return NULL;
}

static void join(Debugger *d)
{
    pthread_join(d->thread, NULL);
    d->alive = false;
    d->place.failed_fn = d->result.failed_fn;
    trainer_result_free(&d->from);
}

void walk_leave(Debugger *d)
{
    if (!d->alive) return;
    d->leave = true;
    let_go(d);
    join(d);
    trainer_result_free(&d->result);
    d->leave = false;
}

/* The schedule has come to its end. Its last round is one after which conditions are asked; what hits says so, and there is nothing more to stop. */
static void end_of_schedule(Debugger *d)
{
    int64_t began = d->here.tick;
    d->place.step = d->result.rounds;
    d->here = (Moment){d->place.tick, d->result.rounds, d->result.path, debug_state(d)->seed};
    if (!d->goal.quiet && d->place.step > d->asked) look_ask(d, began);
    d->asked = d->place.step;
    d->place.breakpoint = d->hit;
    if (d->hit) d->place.error = d->unknown;
}

/* The walk has come to an end by itself. */
static void end(Debugger *d)
{
    join(d);
    d->place.next = NULL;
    d->place.breakpoint = 0;
    d->place.why = !d->status ? DEBUG_OVER : interrupt_gives_up() ? DEBUG_INTERRUPTED : DEBUG_FAILED;
    if (!d->status) end_of_schedule(d);
    if (d->place.why == DEBUG_FAILED) d->failure = d->place;
    if (d->place.tick >= d->furthest) {
        d->closed = true;
        d->closing = d->place;
        d->furthest = d->here.tick;                         /* a round that has failed is done again as if it never was */
    }
    trainer_result_free(&d->result);
    walk_apply_edits(d);
}

static void begin(Debugger *d, const Goal *goal)
{
    d->goal = *goal;
    d->started = d->place.tick;
    d->updates = 0;
    d->last_update = -1;
    d->hit = 0;
    d->bad_fn = -1;
}

GanStatus walk_start(Debugger *d, const Moment *from, const Goal *goal, GanError *err)
{
    GanStatus st = trainer_result_new(run_program(d), &d->from, err);
    if (st) return st;
    d->from.path = from->path;
    d->from.rounds = from->rounds;
    take_judged(d);
    debug_state(d)->seed = from->seed;
    d->here = *from;
    d->place = (DebugPlace){.tick = from->tick, .step = from->rounds, .failed_fn = -1};
    d->asked = from->rounds;
    d->ended = false;
    begin(d, goal);
    d->running = true;
    if (pthread_create(&d->thread, NULL, walk, d)) {
        d->running = false;
        trainer_result_free(&d->from);
        return gan_error(err, GAN_WORLD, "no thread for the run");
    }
    d->alive = true;
    pthread_mutex_lock(&d->mutex);
    while (d->running) pthread_cond_wait(&d->turn, &d->mutex);
    pthread_mutex_unlock(&d->mutex);
    if (d->ended) end(d);
    return GAN_OK;
}

void walk_go(Debugger *d, const Goal *goal)
{
    begin(d, goal);
    let_go(d);
    if (d->ended) end(d);
}
