/* histories.c - the commands for runs beside one another: forked, listed, changed to, compared. */
#include "compiler/repl/repl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int find_name(const Repl *r, const char *word)
{
    for (int i = 0; i < debug_histories(r->d); i++) {
        DebugHistory h;
        debug_history_of(r->d, i, &h);
        if (!strcmp(h.name, word)) return i;
    }
    return -1;
}

/* By number or name; -1 after saying that there is none. */
static int find_history(Repl *r, const char *word)
{
    int64_t number;
    if (repl_number(word, &number) && number < debug_histories(r->d)) return (int)number;
    int at = *word ? find_name(r, word) : -1;
    if (at >= 0) return at;
    repl_wrong(r, "there is no run '%s': :histories lists them, by number and name", GAN_SHOWN(word));
    return -1;
}

const char *repl_called(Repl *r, int history)
{
    DebugHistory h;
    debug_history_of(r->d, history, &h);
    return *h.name ? arena_printf(r->arena, "%d (%s)", history, h.name) : arena_printf(r->arena, "%d", history);
}

void do_fork(Repl *r, const char *args)
{
    const char *name = repl_word(r, &args);
    GanError    err = {0};
    if (!repl_has_run(r) || !repl_has_no_args(r, args, "fork")) return;
    if (repl_number(name, &(int64_t){0}) || (*name && find_name(r, name) >= 0)) {
        repl_wrong(r, "a run is called %s already, or by that number: another name is wanted", GAN_SHOWN(name));
        return;
    }
    if (debug_fork(r->d, name, &err) < 0) repl_failed(r, err.status ? err.status : GAN_WRONG, &err);
}

static void say_history(Repl *r, int i)
{
    DebugHistory h;
    debug_history_of(r->d, i, &h);
    printf("%s %s: step %" PRId64 ", tick %" PRId64, i == debug_history(r->d) ? ">" : " ", repl_called(r, i), h.step, h.tick);
    if (h.parent >= 0) printf("; from run %d at step %" PRId64, h.parent, h.forked_step);
    printf(*h.changes ? "; %s\n" : "\n", h.changes);
}

void do_histories(Repl *r, const char *args)
{
    if (!repl_has_run(r) || !repl_has_no_args(r, args, "histories")) return;
    for (int i = 0; i < debug_histories(r->d); i++) say_history(r, i);
}

void do_switch(Repl *r, const char *args)
{
    const char *word = repl_word(r, &args);
    DebugPlace  place;
    GanError    err = {0};
    if (!repl_has_run(r) || !repl_has_no_args(r, args, "switch")) return;
    int history = find_history(r, word);
    if (history < 0) return;
    GanStatus st = debug_switch(r->d, history, &place, &err);
    if (st) {
        repl_failed(r, st, &err);
        return;
    }
    r->place = place;
    repl_say_place(r);
}

/* Up to a step that one of them stands at: nothing is known of it beyond. */
static void say_alike(Repl *r, const DebugParting *p, int a, int b)
{
    DebugHistory one, other;
    debug_history_of(r->d, a, &one);
    debug_history_of(r->d, b, &other);
    printf("the same, up to step %" PRId64, p->step);
    if (one.step != other.step) printf(", where %s stands: it goes on by :switch and :goto", repl_called(r, one.step < other.step ? a : b));
    printf("\n");
}

static void say_parting(const DebugParting *p)
{
    printf("they part at step %" PRId64 "; at step %" PRId64 ":\n", p->part, p->step);
    for (int i = 0; i < p->n; i++)
        printf("  %s is %.4g away, at a length of %.4g\n", p->player[i].player, p->player[i].distance, p->player[i].norm);
}

void do_compare(Repl *r, const char *args)
{
    const char *one = repl_word(r, &args), *other = repl_word(r, &args);
    if (!repl_has_run(r) || !repl_has_no_args(r, args, "compare")) return;
    if (!*other) {
        repl_wrong(r, ":compare wants two runs, as in :compare 0 1");
        return;
    }
    int          a = find_history(r, one), b = a < 0 ? -1 : find_history(r, other);
    DebugParting p = {0};
    GanError     err = {0};
    if (b < 0) return;
    GanStatus st = debug_compare(r->d, a, b, &p, &err);
    if (st) repl_failed(r, st, &err);
    else if (p.part < 0) say_alike(r, &p, a, b);
    else say_parting(&p);
    free(p.player);
}
