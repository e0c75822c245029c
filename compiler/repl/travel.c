/* travel.c - the commands of time: back, to a step, and what that costs. */
#include "compiler/repl/repl.h"

#include "runtime/interrupt.h"

#include <inttypes.h>
#include <stdio.h>

/* What was jumped over is not told: it was, when it was done. */
static void arrive(Repl *r, GanStatus st, const DebugPlace *place, const GanError *err)
{
    if (st) {
        repl_failed(r, st, err);
        return;
    }
    r->place = *place;
    repl_say_place(r);
}

void do_back(Repl *r, const char *args)
{
    const char *word = repl_word(r, &args);
    int64_t     n = 1;
    bool        count = !*word || repl_number(word, &n);
    DebugPlace  place;
    GanError    err = {0};
    if (!repl_has_run(r) || !repl_has_no_args(r, args, "back") || (!count && !repl_is_player(r, word))) return;
    interrupt_rule(INTERRUPT_STOPS);
    GanStatus st = count ? debug_back(r->d, n, &place, &err) : debug_back_player(r->d, word, &place, &err);
    arrive(r, st, &place, &err);
}

void do_goto(Repl *r, const char *args)
{
    const char *word = repl_word(r, &args);
    int64_t     step;
    DebugPlace  place;
    GanError    err = {0};
    if (!repl_has_run(r) || !repl_has_no_args(r, args, "goto")) return;
    if (!repl_number(word, &step)) {
        repl_wrong(r, "%s: :goto wants a step, how many rounds are done, as in :goto 100", *word ? GAN_SHOWN(word) : "nowhere");
        return;
    }
    interrupt_rule(INTERRUPT_STOPS);
    GanStatus st = debug_goto_step(r->d, step, &place, &err);
    arrive(r, st, &place, &err);
}

void do_cost(Repl *r, const char *args)
{
    DebugCost c;
    if (!repl_has_run(r) || !repl_has_no_args(r, args, "cost")) return;
    debug_cost(r->d, &c);
    printf("%d snapshots of the past take %.1f MiB of the %.0f MiB there are", c.snapshots, (double)c.bytes / 0x1p20, (double)c.budget / 0x1p20);
    if (c.spilled) printf(", and %.1f MiB on the disk", (double)c.spilled / 0x1p20);
    if (c.disk_full) printf(", which is full: the far past has fewer of them");
    printf("; at most %" PRId64 " statements are done again to come to any place of it\n", c.widest);
}
