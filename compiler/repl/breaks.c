/* breaks.c - the commands for what stops a run, and for what is watched while it goes on. */
#include "compiler/repl/repl.h"

#include "runtime/trainer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- breakpoints ------------------------------------------------------------------------------------------------- */

static void say_break(const DebugBreakpoint *b)
{
    printf("%d: ", b->number);
    if (b->watched) printf("%s is watched\n", b->condition);
    else if (b->when == DEBUG_AT_STEP) printf("at step %" PRId64 "\n", b->at);
    else if (b->when == DEBUG_AT_LINE) printf("before line %" PRId64 "\n", b->at);
    else if (b->when == DEBUG_AT_CONDITION) printf("after a round where %s\n", b->condition);
    else puts("where a number is not finite");
}

static void say_breaks(const Repl *r)
{
    const DebugBreakpoint *b;
    int                    n = debug_breakpoints(r->d, &b);
    for (int i = 0; i < n; i++) say_break(&b[i]);
    if (!n) puts("nothing stops the run but its end, and nothing is watched");
}

static bool has_such_line(Repl *r, int64_t line)
{
    const GanSchedule *at = debug_session(r->d)->lowered.program->schedule, *stack[256];
    int                n = 0;
    for (stack[n++] = at; n;) {
        at = stack[--n];
        if (at->line == line && (at->fn >= 0 || !at->n_kids)) return true;
        for (int i = 0; i < at->n_kids && n < 256; i++) stack[n++] = at->kid[i];
    }
    repl_wrong(r, "no statement that is carried out stands on line %" PRId64 ": :list shows them with their lines", line);
    return false;
}

void do_break(Repl *r, const char *args)
{
    GanError  err = {0};
    int64_t   at = 0;
    DebugWhen when = !strcmp(args, "nan") ? DEBUG_AT_NONFINITE : repl_number(args, &at) ? DEBUG_AT_STEP :
                     *args == ':' && repl_number(args + 1, &at) ? DEBUG_AT_LINE : DEBUG_AT_CONDITION;
    if (!repl_has_run(r)) return;
    if (!*args) {
        say_breaks(r);
        return;
    }
    if (when == DEBUG_AT_LINE && !has_such_line(r, at)) return;
    int number = debug_break(r->d, when, at, when == DEBUG_AT_CONDITION ? args : NULL, &err);
    if (number < 0) {
        repl_failed(r, err.status ? err.status : GAN_WRONG, &err);
        return;
    }
    say_break(&(DebugBreakpoint){.number = number, .when = when, .at = at, .condition = args});
    int64_t last = trainer_rounds(debug_session(r->d)->lowered.program, r->o->run.steps);
    if (when == DEBUG_AT_STEP && at > last) printf("the run ends before that, after step %" PRId64 "\n", last);
}

void do_breaks(Repl *r, const char *args)
{
    if (repl_has_run(r) && repl_has_no_args(r, args, "breaks")) say_breaks(r);
}

static void forget_watch(Repl *r, int number)
{
    int kept = 0;
    for (int i = 0; i < r->watches.n; i++)
        if (r->watches.v[i]->number != number) r->watches.v[kept++] = r->watches.v[i];
    r->watches.n = kept;
}

void do_delete(Repl *r, const char *args)
{
    const char *word = repl_word(r, &args);
    int64_t     n;
    if (!repl_has_run(r) || !repl_has_no_args(r, args, "delete")) return;
    if (!repl_number(word, &n) || n > INT32_MAX || !debug_unbreak(r->d, (int)n)) {
        repl_wrong(r, "there is no breakpoint '%s': :breaks lists them by number", GAN_SHOWN(word));
        return;
    }
    forget_watch(r, (int)n);
}

/* ---- watching ---------------------------------------------------------------------------------------------------- */

static ReplWatch *find_watch(const Repl *r, int number)
{
    for (int i = 0; i < r->watches.n; i++)
        if (r->watches.v[i]->number == number) return r->watches.v[i];
    return NULL;
}

static void remember(ReplWatch *w, int64_t step, int history, double value)
{
    if (step != w->step + 1 || history != w->history) w->n = 0;
    w->step = step;
    w->history = history;
    w->seen = true;
    if (w->n == REPL_COURSE) memmove(w->course, w->course + 1, (size_t)--w->n * sizeof *w->course);
    w->course[w->n++] = value;
}

/* On a terminal one thing that is watched is drawn in place. */
void repl_watched(void *repl, int number, int64_t step, double value, const char *why)
{
    Repl      *r = repl;
    ReplWatch *w = find_watch(r, number);
    Arena     *a = arena_new();
    Text       t = text_in(a);
    if (!w || !r->ran) {
        arena_free(a);
        return;
    }
    remember(w, step, debug_history(r->d), value);
    bool in_place = prompt_on_terminal(r->prompt) && r->watches.n == 1;
    text_printf(&t, "%s  step %" PRId64 "  %s", in_place ? "\r\x1b[K" : "", step, w->text);
    if (why) text_printf(&t, " is not known: %s", why);
    else text_printf(&t, " = %.6g  ", value), show_sparkline(&t, w->course, w->n);
    printf(in_place ? "%s" : "%s\n", text_str(&t));
    if (in_place) fflush(stdout);
    arena_free(a);
}

void do_watch(Repl *r, const char *args)
{
    GanError err = {0};
    if (!repl_has_run(r)) return;
    if (!*args) {
        repl_wrong(r, ":watch wants an expression that is one number, as in :watch norm2(D)");
        return;
    }
    int number = debug_watch(r->d, args, repl_watched, r, &err);
    if (number < 0) {
        repl_failed(r, err.status ? err.status : GAN_WRONG, &err);
        return;
    }
    ReplWatch *w = arena_new_of(r->keep, ReplWatch);
    *w = (ReplWatch){.number = number, .text = arena_str(r->keep, args)};
    array_push(r->keep, &r->watches, w);
    printf("%d: %s is watched\n", number, w->text);
}
