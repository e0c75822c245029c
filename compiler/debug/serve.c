/* serve.c - see serve.h. One loop: what browsers ask is done between slices of the run, which are short enough that nobody waits, and what there is to see is published
 * now and then. Start at serve_run(), at the bottom. */
#include "compiler/debug/serve.h"

#include "compiler/debug/debug.h"
#include "compiler/debug/http.h"
#include "compiler/debug/series.h"
#include "compiler/debug/show_json.h"
#include "runtime/clock.h"
#include "runtime/command/runfolder.h"
#include "runtime/interrupt.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ROUNDS = 1 << 24 };                             /* of a slice */
static const double SLICE = 0.05, STATE_EVERY = 0.1, PICTURES_EVERY = 0.5, SOON = 1;      /* seconds */

typedef struct Serve {
    const Options *o;
    Debugger      *d;
    Http          *http;
    Series        *series;                                  /* written by the run's thread while it moves, read while it stands */
    DebugPlace     at;
    bool           running;
    double         speed;                                   /* rounds a second; 0: all it can */
    int64_t        slice;                                   /* rounds of the next slice */
    double         due;                                     /* when the next round is, at a given speed */
    int64_t        until;                                   /* the step where it stops; -1: where the program does */
    int64_t        failure_said;                            /* the tick of the one that was told last; -1: none */
    double         state_told, pictures_told;
    int64_t        pictures_of;                             /* the tick whose pictures were told */
    Interrupt      signals;
    FILE          *said;                                    /* where diagnostics go while an expression is computed */
} Serve;

/* ---- what there is to see ------------------------------------------------------------------------------------------ */

static void publish(Serve *s, HttpEvent kind, json_t *j)
{
    char *text = json_dumps(j, JSON_COMPACT);
    if (text) http_publish(s->http, kind, text);
    free(text);
    json_decref(j);
}

/* The curves of the run that is gone on with. */
static void read_log(Serve *s, const char *path)
{
    FILE  *f = fopen(path, "re");
    char  *line = NULL;
    size_t room = 0;
    while (f && getline(&line, &room, f) > 0) {
        json_t       *row = json_loads(line, 0, NULL);
        const json_t *step = json_object_get(row, "step");
        const char   *name;
        json_t       *x;
        json_object_foreach(row, name, x)
            if (json_is_number(x) && json_is_integer(step) && strcmp(name, "step") && strcmp(name, "seconds"))
                series_add(s->series, name, json_integer_value(step), json_number_value(x));
        json_decref(row);
    }
    free(line);
    if (f) fclose(f);
}

/* A number that a statement gave: a report under its name, a loss under its player's. */
static void on_done(void *serve, const DebugDone *what)
{
    Serve *s = serve;
    for (int i = 0; what->function && i < what->function->n_outputs; i++) {
        const GanOutput *o = &what->function->output[i];
        char             name[300];
        bool             is_loss = what->node->kind == GAN_CALL && !strncmp(o->name, "loss", 4);
        if (o->rank || (what->node->kind != GAN_REPORT && !is_loss)) continue;
        snprintf(name, sizeof name, is_loss ? "%s of %s" : "%s%.0s", o->name, what->function->player ? what->function->player : "");
        series_add(s->series, name, what->step + 1, gan_elem_get(o->elem, what->out[i], 0));
    }
}

static const char *why_text(const Serve *s)
{
    switch (s->at.why) {
    case DEBUG_OVER: return "over";
    case DEBUG_FAILED: return s->at.error.message;
    case DEBUG_BREAK: return "at a breakpoint";
    default: return "";
    }
}

static void tell_program(Serve *s)
{
    const Session *session = debug_session(s->d);
    json_t        *lines = json_array(), *players = json_array();
    for (const char *c = session->text ? session->text : ""; *c;) {
        size_t n = strcspn(c, "\n");
        json_array_append_new(lines, json_stringn(c, n));
        c += n + (c[n] != 0);
    }
    for (int i = 0; i < session->lowered.n_players; i++)
        if (session->lowered.player[i].updated) json_array_append_new(players, json_string(session->lowered.player[i].name));
    publish(s, HTTP_PROGRAM, json_pack("{s:s, s:o, s:o}", "name", session->lowered.program->name, "lines", lines, "players", players));
}

static void tell_state(Serve *s)
{
    const GanSchedule *n = s->at.next;
    publish(s, HTTP_STATE, json_pack("{s:I, s:I, s:i, s:b, s:s}", "step", (json_int_t)s->at.step, "tick", (json_int_t)s->at.tick, "line", n ? (int)n->line : 0, "running",
                                     s->running, "why", why_text(s)));
    publish(s, HTTP_CURVES, series_json(s->series));
    s->state_told = clock_now();
}

static void tell_pictures(Serve *s)
{
    json_t *all = json_array();
    show_pictures(s->d, debug_session(s->d)->lowered.program->schedule, all);
    publish(s, HTTP_PICTURES, all);
    s->pictures_told = clock_now();
    s->pictures_of = s->at.tick;
}

static void tell(Serve *s)
{
    double t = clock_now();
    if (!s->running || t - s->state_told > STATE_EVERY) tell_state(s);
    if (s->pictures_of != s->at.tick && (!s->running || t - s->pictures_told > PICTURES_EVERY)) tell_pictures(s);
}

/* ---- the run --------------------------------------------------------------------------------------------------------- */

/* What has stopped the run and cannot be done again, and where its first number that is not finite was born: in the terminal, once. */
static void say_failure(Serve *s)
{
    OriginNote note[ORIGIN_NOTES];
    int        n = 0;
    GanError   err;
    if (s->at.why != DEBUG_FAILED || s->failure_said == s->at.tick) return;
    s->failure_said = s->at.tick;
    say_error(&s->o->run, &s->at.error);
    if (debug_why(s->d, NULL, debug_session(s->d)->arena, note, &n, &err)) return;
    for (int i = 0; i < n; i++) {
        if (note[i].line) fprintf(stderr, "%s:%u:%u: ", note[i].file, note[i].line, note[i].column);
        fprintf(stderr, "%s\n", note[i].text);
    }
}

static void stop(Serve *s)
{
    s->running = false;
    s->until = -1;
}

/* As many rounds as fit into a slice; one, when it is due, at a given speed. */
static void run_slice(Serve *s)
{
    double  begun = clock_now();
    bool    paced = s->speed > 0 && s->until < 0;
    int64_t n = paced ? 1 : s->slice;
    if (paced && begun < s->due) return;
    if (s->until >= 0 && n > s->until - s->at.step) n = s->until - s->at.step;
    if (n > 0) debug_go(s->d, DEBUG_ROUNDS, n, NULL, &s->at);
    double took = clock_now() - begun;
    if (paced) s->due = fmax(s->due + 1 / s->speed, begun);
    else if (n == s->slice && took < SLICE / 2 && s->at.why == DEBUG_STOPPED && s->slice < MOST_ROUNDS) s->slice *= 2;      /* one that was cut says nothing of a whole one */
    else if (took > SLICE && s->slice > 1) s->slice /= 2;
    if (s->at.why != DEBUG_STOPPED || (s->until >= 0 && s->at.step >= s->until)) stop(s);
    say_failure(s);
    tell(s);
}

/* Forward to a step: who asks waits for it a moment, and is told of the rest as it comes. */
static void run_until(Serve *s, int64_t step)
{
    double begun = clock_now();
    s->until = step;
    s->running = true;
    while (s->running && clock_now() - begun < SOON) run_slice(s);
}

/* ---- what is asked -------------------------------------------------------------------------------------------------- */

static json_t *refuse(const char *why) { return json_pack("{s:s}", "error", why); }

static json_t *fine(void) { return json_object(); }

static json_t *done(Serve *s, GanStatus st, const GanError *err)
{
    char text[GAN_ERROR_TEXT];
    if (st) return refuse(gan_error_text(err, text));
    series_cut(s->series, s->at.step);
    return fine();
}

/* Who asks it to go on where it cannot is told why. */
static json_t *where_it_stands(const Serve *s)
{
    char text[GAN_ERROR_TEXT];
    return s->at.why == DEBUG_FAILED ? refuse(gan_error_text(&s->at.error, text)) : fine();
}

static json_t *go(Serve *s, DebugHow how, int64_t n, const char *player)
{
    if (how == DEBUG_ROUNDS) run_until(s, s->at.step + n);
    else debug_go(s->d, how, n, player, &s->at);
    say_failure(s);
    return where_it_stands(s);
}

/* Forward with its curves; back as it was. */
static json_t *go_to(Serve *s, double step)
{
    GanError err;
    if (!(step >= 0 && step <= 1e15 && step == floor(step))) return refuse("a step is a whole number from 0 on");
    if ((int64_t)step <= s->at.step) return done(s, debug_goto_step(s->d, (int64_t)step, &s->at, &err), &err);
    int64_t last = trainer_rounds(debug_session(s->d)->lowered.program, s->o->run.steps);
    if (step > (double)last) return json_pack("{s:o}", "error", json_sprintf("there is no step %.0f: the run has %" PRId64, step, last));
    run_until(s, (int64_t)step);
    return s->at.step < (int64_t)step && s->at.why == DEBUG_OVER ? refuse("the run ends before that step") : where_it_stands(s);
}

static bool is_player(const Serve *s, const char *name)
{
    const LowerResult *r = &debug_session(s->d)->lowered;
    for (int i = 0; name && i < r->n_players; i++)
        if (r->player[i].updated && !strcmp(r->player[i].name, name)) return true;
    return false;
}

/* Errors of expressions are printed: here for the page. */
static json_t *evaluate(Serve *s, const char *expression)
{
    DebugValue v;
    GanError   err;
    char      *said = NULL;
    size_t     n = 0;
    if (!expression || !*expression) return refuse("there is no expression");
    s->said = open_memstream(&said, &n);
    InterruptRule rule = interrupt_rule(INTERRUPT_GIVES_UP);
    http_computes(s->http, true);
    GanStatus st = debug_eval(s->d, expression, 0, &v, &err);
    http_computes(s->http, false);
    interrupt_rule(rule);
    if (s->said) fclose(s->said);
    s->said = NULL;
    json_t *answer = !st ? json_pack("{s:o}", "value", show_value(&v)) : refuse(*err.message ? err.message : said ? said : "it cannot be computed");
    if (!st) debug_value_free(&v);
    free(said);
    return answer;
}

/* What is there and is no number is nan. */
static double number_in(const json_t *j, const char *name, double otherwise)
{
    const json_t *x = json_object_get(j, name);
    return json_is_number(x) ? json_number_value(x) : x ? NAN : otherwise;
}

static bool is_count(double n) { return n >= 1 && n <= 1000000 && n == floor(n); }

static json_t *set_speed(Serve *s, const json_t *j, bool run)
{
    double speed = number_in(j, "speed", 0);
    if (!(speed >= 0) || speed > 1e6) return refuse("a speed is rounds a second, from 0 (all it can) to 1000000");
    s->speed = speed;
    s->due = clock_now();
    if (run) s->until = -1, s->running = s->at.why != DEBUG_OVER;
    return fine();
}

static json_t *act(Serve *s, const json_t *j)
{
    const char *what = json_string_value(json_object_get(j, "do"));
    double      times = number_in(j, "n", 1);
    int64_t     n = is_count(times) ? (int64_t)times : 0;
    GanError    err;
    if (!what) return refuse("what is asked is {\"do\": ..}");
    if (!n) return refuse("n is a whole number from 1 to 1000000");
    if (strcmp(what, "eval") && strcmp(what, "speed") && strcmp(what, "run")) stop(s);
    if (!strcmp(what, "step")) return go(s, DEBUG_ROUNDS, n, NULL);
    if (!strcmp(what, "next")) return go(s, DEBUG_NEXT, n, NULL);
    if (!strcmp(what, "update")) {
        const char *player = json_string_value(json_object_get(j, "player"));
        return is_player(s, player) ? go(s, DEBUG_UPDATE, n, player) : refuse("no update moves a player of that name");
    }
    if (!strcmp(what, "back")) return done(s, debug_back(s->d, n, &s->at, &err), &err);
    if (!strcmp(what, "goto")) return go_to(s, number_in(j, "step", -1));
    if (!strcmp(what, "run")) return set_speed(s, j, true);
    if (!strcmp(what, "speed")) return set_speed(s, j, false);
    if (!strcmp(what, "pause")) return fine();
    if (!strcmp(what, "eval")) return evaluate(s, json_string_value(json_object_get(j, "expression")));
    return refuse("there is no such thing to do");
}

static void answer(Serve *s, HttpRequest *r)
{
    json_t *j = json_loads(http_asked(r), 0, NULL), *a = json_is_object(j) ? act(s, j) : refuse("what is asked is an object of JSON");
    json_object_set_new(a, "step", json_integer(s->at.step));
    json_object_set_new(a, "tick", json_integer(s->at.tick));
    char *text = json_dumps(a, JSON_COMPACT);
    if (!s->running) tell(s);                               /* who has the answer finds the events */
    http_answer(s->http, r, text ? text : "{\"error\": \"no memory\"}");
    free(text);
    json_decref(a);
    json_decref(j);
}

/* ---- the loop -------------------------------------------------------------------------------------------------------- */

static int patience(const Serve *s)                         /* how long to wait for something that is asked, in milliseconds */
{
    if (!s->running) return 200;
    return s->speed > 0 ? (int)fmin(200, fmax(0, 1000 * (s->due - clock_now()))) : 0;
}

static void loop(Serve *s)
{
    while (!interrupt_asked() && s->at.why != DEBUG_INTERRUPTED) {
        HttpRequest *r = http_take(s->http, patience(s));
        if (r) answer(s, r);
        else if (s->running) run_slice(s);
    }
}

/* The run's files are those of the furthest it has come, wherever the page stands. */
static int end_files(Serve *s, const char *folder)
{
    GanError err;
    Game    *g = (Game *)&debug_session(s->d)->game;
    if (debug_record_end(s->d, &s->at, &err)) return say_error(&s->o->run, &err);
    if (!s->o->run.quiet) game_say(g, arena_printf(g->arena, "the run has come to step %" PRId64 "; report in %s/report.html", s->at.step, folder));
    if (s->at.why == DEBUG_FAILED) return EXIT_RUN_FAILED;
    return s->at.why == DEBUG_OVER ? EXIT_DONE : interrupt_status();
}

static int serve(Serve *s, const char *folder)
{
    debug_listen(s->d, on_done, s);
    debug_place(s->d, &s->at);
    s->running = s->at.why != DEBUG_OVER;
    s->slice = 1;
    s->until = -1;
    s->pictures_of = -1;
    s->failure_said = -1;
    printf("the run is shown at %s\nCtrl-C ends it\n", http_address(s->http));
    fflush(stdout);
    tell_program(s);
    loop(s);
    interrupt_end(&s->signals);
    return end_files(s, folder);
}

int serve_run(const Options *given)
{
    Serve    s = {.series = series_new()};
    Options  o = *given;
    GanError err = {0};
    int      status = EXIT_DONE;
    o.said = &s.said;
    s.o = &o;
    s.d = debug_open(&o, o.run.operands[0], 0, &status);
    if (s.d) {
        Game       *g = (Game *)&debug_session(s.d)->game;
        const char *folder = o.run.out ? o.run.out : game_folder(g);
        interrupt_begin(&s.signals, NULL);                  /* before anybody can know that it runs */
        status = o.run.resume ? runfolder_can_resume(g, folder) : runfolder_make_room(g, folder);
        if (status == EXIT_DONE && (!s.series || http_open((int)o.serve, &s.http, &err)))
            status = say_error(&o.run, s.series ? &err : (gan_error(&err, GAN_WORLD, "no memory for curves"), &err));
        if (status == EXIT_DONE && debug_record(s.d, folder, game_say, g, &err)) status = say_error(&o.run, &err);
        if (status == EXIT_DONE && o.run.resume) read_log(&s, o.run.log ? o.run.log : arena_printf(g->arena, "%s/log.jsonl", folder));
        if (status == EXIT_DONE) status = serve(&s, folder);
        interrupt_end(&s.signals);
    }
    http_close(s.http);
    debug_close(s.d);
    series_free(s.series);
    return status;
}
