/* time.c - going on, and to any tick: from the nearest snapshot before it, by doing again what came between. */
#include "compiler/debug/inside.h"

#include "runtime/interrupt.h"

#include <inttypes.h>
#include <string.h>

static void note_place(Debugger *d)
{
    History *h = run_history(d);
    h->tick = d->place.tick;
    h->step = d->place.step;
}

/* The run stands at the first tick for which the goal holds, counted from a snapshot. */
static GanStatus restart(Debugger *d, TimelineFits *fits, int64_t wanted, const Goal *goal, GanError *err)
{
    Moment m;
    walk_leave(d);
    if (!timeline_find(run_history(d)->past, fits, wanted, &m, debug_state(d)->base))
        return gan_error(err, GAN_WORLD, "there is no snapshot left to go back to");
    GanStatus st = walk_start(d, &m, goal, err);
    note_place(d);
    return st;
}

Moment time_beginning(const Debugger *d)
{
    Moment first = {0};
    timeline_find(run_history(d)->past, timeline_until_tick, 0, &first, NULL);
    return first;
}

GanStatus time_restore(Debugger *d, int64_t tick, GanError *err)
{
    Goal          goal = {.kind = GO_ON_TO_TICK, .at = tick, .quiet = true};
    InterruptRule rule = interrupt_rule(INTERRUPT_WAITS);
    GanStatus     st = restart(d, timeline_until_tick, tick, &goal, err);
    interrupt_rule(rule);
    return st;
}

/* ---- going on --------------------------------------------------------------------------------------------------- */

static Goal goal_of(const Debugger *d, DebugHow how, int64_t n, const char *player)
{
    switch (how) {
    case DEBUG_ROUNDS: return (Goal){.kind = GO_ON_TO_ROUND, .at = d->place.step + n};
    case DEBUG_UPDATE: return (Goal){.kind = GO_ON_TO_UPDATE, .at = n, .player = player};
    case DEBUG_NEXT: return (Goal){.kind = GO_ON_TO_TICK, .at = d->place.tick + n};
    case DEBUG_FINISH: return (Goal){.kind = GO_ON_TO_BLOCK, .at = d->here.path.n ? d->here.path.at[0] : 0};
    case DEBUG_ON: break;
    }
    return (Goal){.kind = GO_ON_FOR_EVER};
}

/* A walk has ended in a statement that failed or was given up: the run is put before it, so that it can be looked at. */
static void stand_before(Debugger *d)
{
    DebugPlace failed = d->place;
    GanError   err;
    if (time_restore(d, failed.tick, &err)) return;
    d->place.why = failed.why;
    d->place.error = failed.error;
    d->place.failed_fn = failed.failed_fn;
}

void debug_go(Debugger *d, DebugHow how, int64_t n, const char *player, DebugPlace *out)
{
    Goal goal = goal_of(d, how, n, player);
    if (d->place.why != DEBUG_OVER && d->alive) {
        look_arm(d);
        walk_go(d, &goal);
        run_history(d)->moved = true;
    }
    if (d->place.why != DEBUG_OVER && !d->alive) stand_before(d);
    note_place(d);
    *out = d->place;
}

/* ---- to and fro ------------------------------------------------------------------------------------------------- */

static bool is_there(const Debugger *d, const Goal *goal)
{
    return goal->kind == GO_ON_TO_TICK ? d->place.tick == goal->at : d->place.step >= goal->at;
}

/* Back where it was, with what was in the way. */
static GanStatus give_up(Debugger *d, int64_t from, GanStatus st, GanError *err)
{
    GanError lost;
    if (time_restore(d, from, &lost)) *err = lost;
    return st;
}

static GanStatus not_come_to(Debugger *d, const Goal *goal, int64_t from, GanError *err)
{
    const char *what = goal->kind == GO_ON_TO_TICK ? "statement" : "step";
    int64_t     last = goal->kind == GO_ON_TO_TICK ? d->place.tick : d->place.step;
    GanStatus   st;
    if (d->place.why == DEBUG_FAILED) {
        char text[GAN_ERROR_TEXT];
        st = gan_error(err, GAN_WRONG, "the run does not come to %s %" PRId64 ": %s", what, goal->at, gan_error_text(&d->place.error, text));
    } else if (d->place.why == DEBUG_INTERRUPTED) {
        st = gan_error(err, GAN_WRONG, "interrupted on the way to %s %" PRId64, what, goal->at);
    } else {
        st = gan_error(err, GAN_WRONG, "there is no %s %" PRId64 ": the run ends after %s %" PRId64, what, goal->at, what, last);
    }
    return give_up(d, from, st, err);
}

static GanStatus go_to(Debugger *d, TimelineFits *fits, int64_t wanted, const Goal *goal, DebugPlace *out, GanError *err)
{
    int64_t   from = d->place.tick;
    GanStatus st = restart(d, fits, wanted, goal, err);
    if (st) return give_up(d, from, st, err);
    if (!is_there(d, goal)) return not_come_to(d, goal, from, err);
    run_history(d)->moved = true;
    *out = d->place;
    return GAN_OK;
}

static const char *whose(const Debugger *d) { return d->at ? "this history" : "the run"; }

GanStatus debug_goto_tick(Debugger *d, int64_t tick, DebugPlace *out, GanError *err)
{
    Goal   goal = {.kind = GO_ON_TO_TICK, .at = tick, .quiet = true};
    Moment first = time_beginning(d);
    if (tick < first.tick)
        return gan_error(err, GAN_WRONG, "%s begins at step %" PRId64 ", %" PRId64 " statements ago", whose(d), first.rounds, d->place.tick - first.tick);
    return go_to(d, timeline_until_tick, tick, &goal, out, err);
}

GanStatus debug_goto_step(Debugger *d, int64_t step, DebugPlace *out, GanError *err)
{
    Goal   goal = {.kind = GO_ON_TO_STEP, .at = step, .quiet = true};
    Moment first = time_beginning(d);
    if (step < first.rounds) return gan_error(err, GAN_WRONG, "%s begins at step %" PRId64, whose(d), first.rounds);
    return go_to(d, timeline_before_round, step, &goal, out, err);
}

GanStatus debug_back(Debugger *d, int64_t n, DebugPlace *out, GanError *err) { return debug_goto_tick(d, d->place.tick - n, out, err); }

/* The tick of the last update of the player before `until`, looked for from one snapshot on to the other; -1: none. */
static int64_t last_update(Debugger *d, const char *player, int64_t until, GanError *err)
{
    for (int64_t end = until; end > time_beginning(d).tick;) {
        Moment m;
        Goal   goal = {.kind = GO_ON_TO_TICK, .at = end, .player = player, .quiet = true};
        if (!timeline_find(run_history(d)->past, timeline_until_tick, end - 1, &m, NULL)) return -1;
        if (restart(d, timeline_until_tick, end - 1, &goal, err)) return -1;
        if (d->place.why == DEBUG_INTERRUPTED) {
            gan_error(err, GAN_WRONG, "interrupted on the way to the last update of %s", player);
            return -1;
        }
        if (d->last_update >= 0) return d->last_update;
        end = m.tick;
    }
    return -1;
}

GanStatus debug_back_player(Debugger *d, const char *player, DebugPlace *out, GanError *err)
{
    int64_t from = d->place.tick;
    *err = (GanError){0};
    int64_t tick = last_update(d, player, from, err);
    if (tick >= 0) return debug_goto_tick(d, tick, out, err);
    GanStatus st = err->status ? err->status : gan_error(err, GAN_WRONG, "%s has not been updated yet", player);
    return give_up(d, from, st, err);
}

void debug_cost(const Debugger *d, DebugCost *out)
{
    TimelineUse u = timeline_use(run_history(d)->past);
    Moment      last = time_beginning(d);
    timeline_find(run_history(d)->past, timeline_until_tick, d->place.tick, &last, NULL);
    if (u.widest < d->place.tick - last.tick) u.widest = d->place.tick - last.tick;
    *out = (DebugCost){u.snapshots, u.in_memory, u.budget, u.in_file, u.widest, u.disk_full};
}
