/* trainer.c - see trainer.h. One walker a kind of node, from a table; each returns how to go on.
 *
 * Position: on the way down a walker pushes where it is (a kid's index, a round, an iteration), so that the path from the
 * root can be written into a checkpoint; on resume each walker takes its number from that path instead of starting at 0.
 * Checkpoints are made between rounds only, so a path always ends at a round or at a kid of the top level. A block stands in a
 * sequence: one that was left is behind us, and the path is that of the statement after it.
 *
 * A loss that becomes NaN or infinite: the state of some recent round's start is kept, and the calls since then are counted;
 * the run is replayed from there to just before the call that failed, which costs nothing while nothing is wrong.
 * Start at trainer_run(), at the bottom. */
#include "runtime/trainer_parts.h"

#include "runtime/clock.h"
#include "runtime/interrupt.h"
#include "runtime/report.h"
#include "runtime/state.h"

#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double SNAPSHOT_SECONDS = 0.25;

static double seconds(const Trainer *t) { return t->files->seconds_before + clock_now() - t->files->start; }

/* Not where the run has come by before, which is written. */
static bool writes(const Trainer *t)
{
    const TrainerHooks *h = &t->o->hooks;
    return !trainer_is_replaying(t) && !(h->again && h->again(h->user));
}

void trainer_say(const Trainer *t, const char *fmt, ...)
{
    if (!t->o->hooks.say) return;
    char    line[GAN_ERROR_TEXT + 200];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    progress_clear(t->progress);
    t->o->hooks.say(t->o->hooks.user, line);
}

/* At a statement of the program; NULL: at none. */
static Flow fail(Trainer *t, GanStatus st, const GanSchedule *at, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
static Flow fail(Trainer *t, GanStatus st, const GanSchedule *at, const char *fmt, ...)
{
    char    message[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    bool placed = at && at->line && at->file < (uint32_t)t->program->n_files;
    gan_error_in(t->err, st, placed ? t->program->file[at->file] : "", "%s", message);
    if (placed) gan_error_cell(t->err, st, at->line, at->col);
    return FAILED;
}

/* ---- position ------------------------------------------------------------------------------------------------------- */

static void push(Trainer *t, int64_t at) { t->here.at[t->here.n++] = at; }
static void pop(Trainer *t) { t->here.n--; }

static bool resuming(const Trainer *t) { return t->resumed < t->resume.n; }
static int64_t take(Trainer *t) { return resuming(t) ? t->resume.at[t->resumed++] : 0; }

/* ---- calling functions ---------------------------------------------------------------------------------------------- */

static bool make_outputs(Trainer *t, int fn)
{
    const GanFunction *f = &t->program->function[fn];
    if (t->out[fn]) return true;
    void **out = calloc((size_t)f->n_outputs + 1, sizeof *out);
    if (!out) return false;
    t->out[fn] = out;
    for (int i = 0; i < f->n_outputs; i++) {
        size_t count = 1;
        for (int d = 0; d < f->output[i].rank; d++) count *= (size_t)f->output[i].dim[d];
        if (!(out[i] = calloc(count ? count : 1, gan_elem_bytes(f->output[i].elem)))) return false;
    }
    return true;
}

/* Of a function whose results or slots are not what they must be: the run is rewound to just before it. */
static Flow refuse(Trainer *t, const GanSchedule *n, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static Flow refuse(Trainer *t, const GanSchedule *n, const char *fmt, ...)
{
    char    what[GAN_ERROR_TEXT];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    t->result->failed_fn = n->fn;
    t->failed_round = t->rounds;
    if (!t->blocks) t->failed_at = t->here;
    return fail(t, GAN_WORLD, n, "%s at step %" PRId64, what, t->rounds);
}

/* A function of a statement; NULL: the first of all, which gives slots their values. */
static Flow run_fn(Trainer *t, const GanSchedule *n)
{
    char text[GAN_ERROR_TEXT];
    int  fn = n ? n->fn : t->program->init_fn;
    if (t->called && t->calls <= t->replay_to) t->called[t->calls] = fn;
    if (trainer_is_replaying(t) && t->calls == t->replay_to) return REACHED;
    t->calls++;
    if (!make_outputs(t, fn)) return fail(t, GAN_WORLD, NULL, "no memory for the results of %s", t->program->function[fn].name);
    if (!t->engine->run(t->engine->self, fn, t->state, t->out[fn], t->err)) {
        const char *missed = state_required(t->program, t->state, fn, text);
        return missed ? refuse(t, n, "%s", missed) : GO_ON;
    }
    if (t->blocks) t->failed_round = t->rounds;
    return FAILED;
}

static double output_number(const Trainer *t, int fn, int i) { return gan_elem_get(t->program->function[fn].output[i].elem, t->out[fn][i], 0); }

static void set_step(Trainer *t, int64_t round)
{
    if (t->step_slot < 0) return;
    memcpy(state_slot(t->program, t->state, t->step_slot), &round, sizeof round);
}

/* ---- the run's page ------------------------------------------------------------------------------------------------- */

static void write_page(Trainer *t, const char *run)
{
    const GanProgram *p = t->program;
    GanError     err;
    char         text[GAN_ERROR_TEXT];
    ReportExpect *expect = calloc((size_t)t->result->n_expects + 1, sizeof *expect);
    if (!t->o->out || !expect) {
        free(expect);
        return;
    }
    for (int i = 0; i < t->result->n_expects; i++) {
        const TrainerExpect *e = &t->result->expect[i];
        expect[i] = (ReportExpect){e->node->name, e->unmade, e->judged, e->held};
    }
    ReportFacts facts = {.title = p->name, .made_with = p->made_with, .sources = p->source_hash, .program = p->text, .seed = t->state->seed, .step = t->rounds,
                         .state = run, .expect = expect, .n_expects = t->result->n_expects};
    double begun = clock_now();
    t->result->page = !report_write(t->o->out, &facts, &err);
    if (!t->result->page) trainer_say(t, "warning: %s", gan_error_text(&err, text));
    t->files->last_page = clock_now();
    t->files->page_seconds = t->files->last_page - begun;
    free(expect);
}

/* With a checkpoint, unless pages would take more than a twentieth of the time. */
static void write_page_now_and_then(Trainer *t)
{
    if (clock_now() - t->files->last_page > 1 + 20 * t->files->page_seconds) write_page(t, "running");
}

/* A save that fails does not stop training: it is told, and the next one tries again under a new name. */
static void save_between_rounds(Trainer *t, const TrainerPath *path)
{
    GanError  err;
    char      text[GAN_ERROR_TEXT];
    GanStatus st = trainer_save_at(t, path, &err);
    if (st) trainer_say(t, "warning: no checkpoint at step %" PRId64 ": %s", t->rounds, gan_error_text(&err, text));
    if (!trainer_is_replaying(t)) write_page_now_and_then(t);
    t->files->last_save = clock_now();
    t->files->save_asked = false;
    t->files->n_named = 0;
}

/* ---- reports and pictures ------------------------------------------------------------------------------------------- */

static TrainerReport *report_of(Trainer *t, const char *name)
{
    for (int i = 0; i < t->result->n_reports; i++)
        if (!strcmp(t->result->report[i].name, name)) return &t->result->report[i];
    return NULL;
}

/* Rounds done, the one under way included: what a person calls the step. */
static int64_t shown_step(const Trainer *t) { return t->rounds + (t->blocks > 0); }

static void open_line(Trainer *t)
{
    if (t->files->line_open) return;
    t->files->line_open = true;
    if (t->files->log) log_begin(t->files->log, shown_step(t), seconds(t));
}

/* What became of this line and those before: a log that was lost ends the run, once the round is over, and the round is undone. */
static Flow close_line(Trainer *t)
{
    TrainerFiles *f = t->files;
    if (!f->line_open || !writes(t)) return f->lost;
    f->line_open = false;
    progress_block(t->progress, shown_step(t));
    if (f->log && f->lost == GO_ON && log_end(f->log, t->err)) f->lost = log_reader_left(f->log) && !t->o->files ? INTERRUPTED : FAILED;
    return f->lost;
}

/* A line was lost to a full disk, say: what wrote it, a round or a statement outside of rounds, is to be done again by a run that goes on. */
static Flow undo_line(Trainer *t)
{
    t->failed_round = t->rounds;
    if (!t->blocks) t->failed_at = t->here;
    return FAILED;
}

/* A nan in a report ends nothing, as none of what is trained hangs on it; but it is said, once for each. */
static void tell_nan(Trainer *t, const GanSchedule *n, const TrainerReport *r)
{
    bool  placed = n->line && n->file < (uint32_t)t->program->n_files;
    bool *told = &t->files->told_nan[r - t->result->report];
    if (!isnan(r->value) || *told || !writes(t)) return;
    *told = true;
    if (placed) trainer_say(t, "%s:%u:%u: warning: the report %s is nan at step %" PRId64, t->program->file[n->file], n->line, n->col, r->name, shown_step(t));
    else trainer_say(t, "warning: the report %s is nan at step %" PRId64, r->name, shown_step(t));
}

static Flow walk_report(Trainer *t, const GanSchedule *n)
{
    Flow flow = run_fn(t, n);
    if (flow != GO_ON) return flow;
    const GanFunction *f = &t->program->function[n->fn];
    for (int i = 0; i < f->n_outputs; i++) {
        TrainerReport *r = report_of(t, f->output[i].name);
        if (r) *r = (TrainerReport){.name = r->name, .kind = f->output[i].kind, .samples = f->output[i].samples, .made = true, .value = output_number(t, n->fn, i)};
        if (r) tell_nan(t, n, r);
        if (!writes(t)) continue;
        if (t->files->line_open && t->files->log && log_has(t->files->log, f->output[i].name)) close_line(t);
        open_line(t);
        if (t->files->log) log_value(t->files->log, f->output[i].name, f->output[i].elem, t->out[n->fn][i]);
        if (t->files->log && f->output[i].kind) log_kind(t->files->log, f->output[i].name, f->output[i].kind);
        if (t->files->log && *f->output[i].samples) log_samples(t->files->log, f->output[i].name, f->output[i].samples, t->state->seed);
        progress_value(t->progress, f->output[i].name, f->output[i].elem, t->out[n->fn][i]);
    }
    return GO_ON;
}

static void picture_path(const Trainer *t, const GanSchedule *n, char path[FILE_PATH_MAX])
{
    snprintf(path, FILE_PATH_MAX, "%s/pictures/%s-%09" PRId64 ".png", t->o->out, n->name, shown_step(t));
}

static GanTensor output_view(const Trainer *t, int fn, int i)
{
    const GanOutput *o = &t->program->function[fn].output[i];
    GanTensor        v = {.elem = o->elem, .rank = o->rank, .data = t->out[fn][i]};
    memcpy(v.dim, o->dim, sizeof v.dim);
    v.bytes = gan_elem_bytes(v.elem);
    for (int d = 0; d < v.rank; d++) v.bytes *= (size_t)v.dim[d];
    return v;
}

/* The node's; NULL: it is none of the program's pictures. */
static PictureAxes *axes_of(const Trainer *t, const GanSchedule *n)
{
    for (int i = 0; i < t->files->n_pictures; i++)
        if (t->files->picture[i] == n) return &t->files->axes[i];
    return NULL;
}

typedef GanStatus Draw(const char *path, const PicturePart *part, int n, const PictureStyle *style, GanError *err);

static Draw *const draw[] = {[GAN_SCATTER] = picture_scatter, [GAN_HISTOGRAM] = picture_histogram, [GAN_CURVE] = picture_curve, [GAN_GRID] = picture_grid};

static bool is_picture(const GanSchedule *n) { return n->kind >= GAN_SCATTER && n->kind <= GAN_GRID; }

static Flow walk_picture(Trainer *t, const GanSchedule *n)
{
    Flow flow = run_fn(t, n);
    if (flow != GO_ON || !writes(t) || !t->o->out) return flow;
    const GanFunction *f = &t->program->function[n->fn];
    GanTensor         *view = calloc((size_t)f->n_outputs + 1, sizeof *view);
    PicturePart       *part = calloc((size_t)f->n_outputs + 1, sizeof *part);
    char               path[FILE_PATH_MAX], text[GAN_ERROR_TEXT];
    GanError           err;
    PictureStyle       style = {n->lo, n->hi, n->count, axes_of(t, n)};
    for (int i = 0; view && part && i < f->n_outputs; i++) {
        view[i] = output_view(t, n->fn, i);
        part[i] = (PicturePart){&view[i], f->output[i].name};
    }
    picture_path(t, n, path);
    GanStatus st = view && part ? draw[n->kind](path, part, f->n_outputs, &style, &err) : gan_error_in(&err, GAN_WORLD, path, "not enough memory for a picture");
    if (st) trainer_say(t, "warning: %s", gan_error_text(&err, text));
    free(view);
    free(part);
    return GO_ON;
}

static TrainerExpect *expect_of(Trainer *t, const GanSchedule *n)
{
    for (int i = 0; i < t->result->n_expects; i++)
        if (t->result->expect[i].node == n) return &t->result->expect[i];
    return NULL;
}

static const char *const report_path = "report.";

/* Of the reports that an expectation asks, one that has not been made. NULL: all have. */
static const char *unmade_of(Trainer *t, const GanSchedule *n)
{
    const GanFunction *f = &t->program->function[n->fn];
    for (int i = 0; i < f->n_asked; i++) {
        const TrainerReport *r = report_of(t, t->program->slot[f->asked[i]].path + strlen(report_path));
        if (r && !r->made) return r->name;
    }
    return NULL;
}

static Flow judge(Trainer *t, const GanSchedule *n)
{
    TrainerExpect *e = expect_of(t, n);
    if (e->judged) return GO_ON;
    Flow flow = run_fn(t, n);
    if (flow != GO_ON) return flow;
    e->judged = true;
    e->held = output_number(t, n->fn, 0) != 0;
    e->unmade = unmade_of(t, n);
    for (int i = 0; i < e->n_sides; i++) e->side[i] = output_number(t, n->fn, i + 1);
    return GO_ON;
}

/* ---- the walk ------------------------------------------------------------------------------------------------------- */

static Flow walk(Trainer *t, const GanSchedule *n);

static Flow walk_kids(Trainer *t, const GanSchedule *n)      /* inside a round: no position to keep */
{
    Flow flow = GO_ON;
    for (int i = 0; i < n->n_kids && flow == GO_ON; i++) flow = walk(t, n->kid[i]);
    return flow;
}

static void keep_snapshot(Trainer *t)
{
    if (trainer_is_replaying(t) || (t->snapshot.bytes && clock_now() - t->snapshot.when < SNAPSHOT_SECONDS)) return;
    if (!t->snapshot.bytes && !(t->snapshot.bytes = malloc(t->state->bytes + 1))) return;
    memcpy(t->snapshot.bytes, t->state->base, t->state->bytes);
    t->snapshot.path = t->here;
    t->snapshot.rounds = t->rounds;
    t->snapshot.when = clock_now();
    t->snapshot.is_start = !t->begun;
    t->begun = true;
    t->calls = 0;
}

static void tell_place(Trainer *t)
{
    if (t->o->hooks.place && !trainer_is_replaying(t)) t->o->hooks.place(t->o->hooks.user, &t->here, t->rounds);
}

static void note_lines(Trainer *t)
{
    if (writes(t)) t->files->lines = t->files->log ? log_lines(t->files->log) : 0;
}

static Flow walk_sequence(Trainer *t, const GanSchedule *n)
{
    Flow flow = GO_ON;
    for (int64_t i = take(t); i < n->n_kids && flow == GO_ON; i++) {
        push(t, i);
        if (!t->blocks) note_lines(t);
        if (!t->blocks && !resuming(t)) {
            keep_snapshot(t);
            tell_place(t);
        }
        flow = walk(t, n->kid[i]);
        pop(t);
    }
    return flow;
}

/* Expectations with `by step` are judged in the block they follow. */
static Flow judge_by_step(Trainer *t, const GanSchedule *root, const GanSchedule *block)
{
    bool after = false;
    for (int i = 0; i < root->n_kids; i++) {
        const GanSchedule *k = root->kid[i];
        if (k->kind == GAN_ALTERNATE) after = k == block;
        if (!after || k->kind != GAN_EXPECT || k->by_step != t->round + 1) continue;
        Flow flow = judge(t, k);
        if (flow != GO_ON) return flow;
    }
    return GO_ON;
}

static Flow cut(Trainer *t, const TrainerPath *next)
{
    t->result->path = *next;
    return INTERRUPTED;
}

/* Where a run can be cut: saves when the program, the clock, a signal or a log that nobody reads any more (`flow`) asks for it. */
static Flow save_if_due(Trainer *t, const TrainerPath *next, Flow flow)
{
    bool due = t->o->save_seconds > 0 && clock_now() - t->files->last_save > t->o->save_seconds;
    if (flow == GO_ON && t->o->watch_signals && interrupt_asked()) flow = cut(t, next);
    if (writes(t) && (due || flow != GO_ON || t->files->save_asked)) save_between_rounds(t, next);
    return flow;
}

/* Where a run goes on that is cut after this round: at the block's next one, or behind a block that was left, with `step` as it is there. */
static TrainerPath after_round(Trainer *t, bool left)
{
    TrainerPath next = t->here;
    next.at[next.n - 1] = t->round + 1;
    if (!left) return next;
    set_step(t, t->round + 1);
    next.at[--next.n - 1]++;
    return next;
}

static Flow end_round(Trainer *t, const GanSchedule *block, bool left, Flow line)
{
    Flow flow = judge_by_step(t, t->program->schedule, block);
    if (flow != GO_ON) return flow;
    t->rounds++;
    if (trainer_is_replaying(t)) return GO_ON;
    t->rounds_here++;
    progress_step(t->progress, t->rounds);
    TrainerPath next = after_round(t, left);
    t->files->save_asked |= writes(t) && trainer_is_worth_keeping(t, block);
    if (t->o->hooks.round && !t->o->hooks.round(t->o->hooks.user)) return cut(t, &next);
    return save_if_due(t, &next, line);
}

static Flow one_round(Trainer *t, const GanSchedule *n)
{
    set_step(t, t->round);
    note_lines(t);
    if (!trainer_is_replaying(t)) keep_snapshot(t);
    else if (t->rounds == t->failed_round) save_between_rounds(t, &t->here);
    tell_place(t);
    Flow flow = walk_kids(t, n);
    if (flow != LEAVE_BLOCK && flow != GO_ON) return flow;
    Flow line = close_line(t);
    if (line == FAILED) return undo_line(t);
    Flow end = end_round(t, n, flow == LEAVE_BLOCK, line);
    return end == GO_ON ? flow : end;
}

static bool is_wanted(const Trainer *t) { return trainer_is_replaying(t) || t->blocks > 1 || !t->o->hooks.next || t->o->hooks.next(t->o->hooks.user); }

static Flow walk_alternate(Trainer *t, const GanSchedule *n)
{
    int64_t outer = t->round, count = trainer_rounds_of(n, t->o->steps);
    Flow    flow = GO_ON;
    int64_t first = take(t);
    push(t, first);
    t->blocks++;
    for (t->round = first; t->round < count && flow == GO_ON; t->round++) {
        t->here.at[t->here.n - 1] = t->round;
        if (!is_wanted(t)) {
            set_step(t, t->round);
            flow = cut(t, &t->here);
            break;
        }
        flow = one_round(t, n);
    }
    t->blocks--;
    pop(t);
    t->left = flow == LEAVE_BLOCK;
    if (flow == GO_ON || flow == LEAVE_BLOCK) {
        set_step(t, t->round);
        t->round = outer;
        flow = GO_ON;
    }
    return flow;
}

static Flow walk_repeat(Trainer *t, const GanSchedule *n)
{
    int64_t first = take(t), count = n->count;
    if (resuming(t) || first) count = take(t);
    else if (n->fn >= 0) {
        Flow flow = run_fn(t, n);
        if (flow != GO_ON) return flow;
        count = (int64_t)output_number(t, n->fn, 0);
        if (count < 0) return refuse(t, n, "the number of times cannot be negative, and this is %" PRId64, count);
    }
    Flow flow = GO_ON;
    for (int64_t i = first; i < count && flow == GO_ON; i++) {
        push(t, i);
        push(t, count);
        flow = walk_sequence(t, n);
        pop(t);
        pop(t);
    }
    return flow;
}

static Flow walk_every(Trainer *t, const GanSchedule *n) { return (t->round + 1) % n->count ? GO_ON : walk_kids(t, n); }

static Flow walk_if(Trainer *t, const GanSchedule *n)
{
    int64_t branch;
    if (resuming(t)) branch = take(t);
    else {
        Flow flow = run_fn(t, n);
        if (flow != GO_ON) return flow;
        branch = output_number(t, n->fn, 0) == 0;
    }
    if (branch >= n->n_kids) return GO_ON;
    push(t, branch);
    Flow flow = walk(t, n->kid[branch]);
    pop(t);
    return flow;
}

static const char *became(double x) { return isnan(x) ? "became nan" : x > 0 ? "became inf" : "became -inf"; }

static const char *owner_of(const GanFunction *f) { return f->player ? f->player : f->name; }

/* The first is the function's; others say whose they are: "loss_2 of G". */
static const char *owner_of_loss(const GanFunction *f, const char *loss)
{
    const char *of = strstr(loss, " of ");
    return of ? of + strlen(" of ") : owner_of(f);
}

/* Losses must be finite. */
static Flow check_results(Trainer *t, const GanSchedule *n)
{
    const GanFunction *f = &t->program->function[n->fn];
    for (int i = 0; i < f->n_outputs; i++) {
        if (f->output[i].rank) continue;
        double x = output_number(t, n->fn, i);
        if (!strncmp(f->output[i].name, "loss", 4) && !isfinite(x)) return refuse(t, n, "the loss of %s %s", owner_of_loss(f, f->output[i].name), became(x));
    }
    return GO_ON;
}

/* 0 * x is NaN for what is not finite, and a NaN stays. One sum for each of LANES numbers, as additions keep their order: a single one
 * would be a millisecond for a million numbers. */
enum { LANES = 16 };

#define ALL_FINITE(name, real)                                                          \
    static bool name(const real *x, size_t n)                                           \
    {                                                                                   \
        real   sum[LANES] = {0}, all = 0;                                               \
        size_t whole = n / LANES * LANES;                                               \
        for (size_t i = 0; i < whole; i += LANES)                                       \
            for (size_t j = 0; j < LANES; j++) sum[j] += 0 * x[i + j];                  \
        for (size_t i = whole; i < n; i++) all += 0 * x[i];                             \
        for (size_t j = 0; j < LANES; j++) all += sum[j];                               \
        return all == 0;                                                                \
    }

ALL_FINITE(all_finite_f32, float)
ALL_FINITE(all_finite_f64, double)

/* So must parameters and layers' states, also at the last step and where no loss is minimised. */
static Flow check_state(Trainer *t, const GanSchedule *n)
{
    const GanFunction *f = &t->program->function[n->fn];
    for (int i = 0; i < f->n_written; i++) {
        const GanSlot *s = &t->program->slot[f->written[i]];
        const void    *x = state_slot(t->program, t->state, f->written[i]);
        if (s->elem == GAN_BOOL || s->kind == GAN_SCRATCH) continue;      /* run_fn has looked */
        bool           ok = s->elem == GAN_F32 ? all_finite_f32(x, s->bytes / sizeof(float)) : all_finite_f64(x, s->bytes / sizeof(double));
        if (!ok) return refuse(t, n, "%s%s%s is not finite any more", s->path, s->player ? " of " : "", s->player ? s->player : "");
    }
    return GO_ON;
}

static Flow walk_call(Trainer *t, const GanSchedule *n)
{
    Flow flow = run_fn(t, n);
    if (flow == GO_ON) flow = check_results(t, n);
    return flow == GO_ON ? check_state(t, n) : flow;
}

static Flow walk_save(Trainer *t, const GanSchedule *n)
{
    if (!writes(t)) return GO_ON;
    t->files->save_asked = true;
    for (int i = 0; i < t->files->n_named; i++)
        if (n->name && !strcmp(t->files->named[i], n->name)) return GO_ON;
    if (n->name) t->files->named[t->files->n_named++] = n->name;
    return GO_ON;
}

static Flow walk_stop(Trainer *t, const GanSchedule *n)
{
    Flow flow = run_fn(t, n);
    if (flow != GO_ON) return flow;
    return output_number(t, n->fn, 0) != 0 ? LEAVE_BLOCK : GO_ON;
}

static Flow walk_expect(Trainer *t, const GanSchedule *n)    /* one with `by step` that its block never reached is judged here */
{
    return judge(t, n);
}

/* After a statement of the top level. One that could not be done has changed nothing: the state is saved as if it were the next to do. */
static Flow end_statement(Trainer *t, const GanSchedule *n, Flow flow)
{
    bool composed = n->kind == GAN_ALTERNATE || n->kind == GAN_REPEAT || n->kind == GAN_IF;
    if (flow == FAILED && !composed && writes(t) && t->failed_round < 0) save_between_rounds(t, &t->here);
    if (flow != GO_ON) return flow;
    flow = close_line(t);
    if (flow == FAILED) return undo_line(t);
    TrainerPath next = t->here;
    next.at[next.n - 1]++;
    return trainer_is_replaying(t) ? flow : save_if_due(t, &next, flow);
}

static bool holds_others(const GanSchedule *n) { return n->kind < GAN_CALL; }

static bool is_stopped_before(const Trainer *t, const GanSchedule *n)
{
    const TrainerHooks *h = &t->o->hooks;
    return h->before && !trainer_is_replaying(t) && !holds_others(n) && !h->before(h->user, n);
}

static bool is_stopped_after(const Trainer *t, const GanSchedule *n)
{
    const TrainerHooks *h = &t->o->hooks;
    return h->after && !trainer_is_replaying(t) && !holds_others(n) && !h->after(h->user, n, n->fn >= 0 ? t->out[n->fn] : NULL);
}

static Flow walk(Trainer *t, const GanSchedule *n)
{
    static Flow (*const walker[])(Trainer *, const GanSchedule *) = {
        [GAN_SEQUENCE] = walk_sequence, [GAN_ALTERNATE] = walk_alternate, [GAN_REPEAT] = walk_repeat, [GAN_EVERY] = walk_every,
        [GAN_IF] = walk_if,             [GAN_CALL] = walk_call,           [GAN_REPORT] = walk_report, [GAN_SCATTER] = walk_picture,
        [GAN_HISTOGRAM] = walk_picture, [GAN_CURVE] = walk_picture,       [GAN_GRID] = walk_picture,  [GAN_SAVE] = walk_save,
        [GAN_STOP] = walk_stop,         [GAN_EXPECT] = walk_expect,
    };
    if (t->here.n >= TRAINER_DEEPEST) return fail(t, GAN_WRONG, n, "the schedule is nested deeper than %d", TRAINER_DEEPEST);
    if (is_stopped_before(t, n)) return INTERRUPTED;
    Flow flow = walker[n->kind](t, n);
    if ((flow == GO_ON || flow == LEAVE_BLOCK) && is_stopped_after(t, n)) return INTERRUPTED;
    return t->blocks || n->kind == GAN_SEQUENCE || !t->here.n ? flow : end_statement(t, n, flow);
}

/* ---- beginning and end ---------------------------------------------------------------------------------------------- */

typedef struct Counts { int reports, expects, saves, pictures; } Counts;      /* of the program's statements */

static void count_nodes(const GanProgram *p, const GanSchedule *n, Counts *c)
{
    c->reports += n->kind == GAN_REPORT ? p->function[n->fn].n_outputs : 0;
    c->expects += n->kind == GAN_EXPECT;
    c->saves += n->kind == GAN_SAVE;
    c->pictures += is_picture(n);
    for (int i = 0; i < n->n_kids; i++) count_nodes(p, n->kid[i], c);
}

static void list_nodes(Trainer *t, const GanSchedule *n)
{
    TrainerResult *r = t->result;
    if (n->kind == GAN_EXPECT) r->expect[r->n_expects++] = (TrainerExpect){.node = n};
    for (int i = 0; n->kind == GAN_REPORT && i < t->program->function[n->fn].n_outputs; i++) {
        const char *name = t->program->function[n->fn].output[i].name;
        if (!report_of(t, name)) r->report[r->n_reports++] = (TrainerReport){.name = name, .value = NAN};
    }
    for (int i = 0; i < n->n_kids; i++) list_nodes(t, n->kid[i]);
}

static int64_t count_rounds(const GanSchedule *n, int64_t steps)
{
    if (n->kind == GAN_ALTERNATE) return trainer_rounds_of(n, steps);
    int64_t rounds = 0, times = n->kind == GAN_REPEAT && n->count > 0 ? n->count : 1;
    for (int i = 0; i < n->n_kids; i++) rounds += count_rounds(n->kid[i], steps);
    return rounds * times;
}

int64_t trainer_rounds(const GanProgram *p, int64_t steps) { return count_rounds(p->schedule, steps); }

static GanStatus begin_sides(Trainer *t)
{
    TrainerResult *r = t->result;
    int            n = 0;
    for (int i = 0; i < r->n_expects; i++) n += r->expect[i].n_sides = t->program->function[r->expect[i].node->fn].n_outputs - 1;
    if (!(r->sides = malloc(((size_t)n + 1) * sizeof *r->sides))) return gan_error(t->err, GAN_WORLD, "no memory");
    for (int i = 0; i < n; i++) r->sides[i] = NAN;
    for (int i = 0, at = 0; i < r->n_expects; at += r->expect[i++].n_sides) r->expect[i].side = r->sides + at;
    return GAN_OK;
}

static GanStatus begin_result(Trainer *t)
{
    Counts n = {0};
    count_nodes(t->program, t->program->schedule, &n);
    t->result->report = calloc((size_t)n.reports + 1, sizeof *t->result->report);
    t->result->expect = calloc((size_t)n.expects + 1, sizeof *t->result->expect);
    t->out = calloc((size_t)t->program->n_functions + 1, sizeof *t->out);
    if (!t->result->report || !t->result->expect || !t->out) return gan_error(t->err, GAN_WORLD, "no memory");
    list_nodes(t, t->program->schedule);
    return begin_sides(t);
}

static void list_pictures(TrainerFiles *f, const GanSchedule *n)
{
    if (is_picture(n)) f->picture[f->n_pictures++] = n;
    for (int i = 0; i < n->n_kids; i++) list_pictures(f, n->kid[i]);
}

static GanStatus begin_folder(TrainerFiles *f, const GanProgram *p, const char *out, GanError *err)
{
    char path[FILE_PATH_MAX];
    snprintf(path, sizeof path, "%s/pictures", out);
    GanStatus st = file_make_folder(path, err);
    snprintf(path, sizeof path, "%s/checkpoints", out);
    if (!st) st = checkpoint_open(path, &f->folder, err);
    return st ? st : data_sums(p, &f->data, err);
}

/* All but the log, of which it must be known where it goes on. */
static GanStatus begin_files(TrainerFiles *f, const GanProgram *p, const char *out, GanError *err)
{
    Counts n = {0};
    count_nodes(p, p->schedule, &n);
    f->named = calloc((size_t)n.saves + 1, sizeof *f->named);
    f->told_nan = calloc((size_t)n.reports + 1, sizeof *f->told_nan);
    f->picture = calloc((size_t)n.pictures + 1, sizeof *f->picture);
    f->axes = calloc((size_t)n.pictures + 1, sizeof *f->axes);
    if (!f->named || !f->told_nan || !f->picture || !f->axes) return gan_error(err, GAN_WORLD, "no memory");
    list_pictures(f, p->schedule);
    f->start = f->last_save = f->last_page = clock_now();
    return out ? begin_folder(f, p, out, err) : GAN_OK;
}

static GanStatus begin_log(TrainerFiles *f, const char *out, const char *log, bool resumed, int64_t lines, GanError *err)
{
    char path[FILE_PATH_MAX];
    if (!log && !out) return GAN_OK;
    if (!log) {
        snprintf(path, sizeof path, "%s/log.jsonl", out);
        log = path;
    }
    GanStatus st = resumed ? log_resume(log, lines, &f->log, err) : log_new(log, &f->log, err);
    if (!st && resumed) f->seconds_before = log_seconds(f->log);
    return st;
}

static GanStatus end_files(TrainerFiles *f, GanError *err)
{
    GanStatus st = log_close(f->log, err);
    checkpoint_close(f->folder);
    data_sums_free(&f->data);
    free(f->named);
    free(f->told_nan);
    free(f->picture);
    free(f->axes);
    *f = (TrainerFiles){0};
    return st;
}

static void reports_from_state(Trainer *t)
{
    for (int i = 0; i < t->result->n_reports; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s%s", report_path, t->result->report[i].name);
        int slot = state_find(t->program, path);
        if (slot < 0) continue;
        TrainerReport *r = &t->result->report[i];
        r->value = gan_elem_get(t->program->slot[slot].elem, state_slot(t->program, t->state, slot), 0);
        r->made = !isnan(r->value);
    }
    for (int i = 0; i < t->result->n_expects; i++) {
        TrainerExpect *e = &t->result->expect[i];
        if (e->judged) e->unmade = unmade_of(t, e->node);
    }
}

/* From a run that was in this memory. */
static void go_on(Trainer *t)
{
    const TrainerResult *from = t->o->from;
    t->resume = t->result->path = from->path;
    t->rounds = from->rounds;
    for (int i = 0; i < t->result->n_expects && i < from->n_expects; i++) {
        TrainerExpect *e = &t->result->expect[i];
        const TrainerExpect *before = &from->expect[i];
        e->judged = before->judged;
        e->held = before->held;
        for (int k = 0; k < e->n_sides && k < before->n_sides; k++) e->side[k] = before->side[k];
    }
    t->result->was_over = trainer_is_over(t, &t->resume);
}

static GanStatus begin(Trainer *t)
{
    bool      resumed = t->o->from != NULL;
    int64_t   lines = 0;
    GanStatus st = begin_result(t);
    if (!st && !t->o->files) st = begin_files(t->files, t->program, t->o->out, t->err);
    if (!st && resumed) go_on(t);
    if (!st && t->o->resume && t->o->out) st = trainer_load_newest(t, &lines, &resumed);
    if (!st && !resumed && t->program->init_fn >= 0) st = run_fn(t, NULL) == FAILED ? t->err->status : GAN_OK;
    if (!st && !resumed && t->o->checkpoint) st = trainer_load_named(t);
    if (!st && !t->o->files) st = begin_log(t->files, t->o->out, t->o->log, resumed, lines, t->err);
    if (!st && resumed) reports_from_state(t);
    t->begun = resumed;
    if (!st && t->o->progress_fd >= 0)
        t->progress = progress_new(t->o->progress_fd, t->o->progress_terminal, t->o->progress_colour, t->rounds,
                                   trainer_rounds(t->program, t->o->steps));
    return st;
}

/* The state just before call `to` since the last snapshot. */
static void replay(Trainer *t, int64_t to)
{
    memcpy(t->state->base, t->snapshot.bytes, t->state->bytes);
    t->replay_to = to;
    t->calls = 0;
    t->rounds = t->snapshot.rounds;
    t->resume = t->snapshot.path;
    t->resumed = 0;
    t->here.n = 0;
    t->files->line_open = false;
    t->files->lost = GO_ON;
    t->blocks = t->files->n_named = 0;
    walk(t, t->program->schedule);
}

/* The state just before the call that failed, or whose line was lost, by replaying from the last snapshot; its round's start is saved. */
static void rewind_to_failure(Trainer *t)
{
    GanError keep = *t->err;
    replay(t, t->calls - 1);
    if (t->failed_at.n) save_between_rounds(t, &t->failed_at);
    *t->err = keep;
}

static bool back_to(void *trainer, int64_t call)
{
    Trainer *t = trainer;
    GanError keep = *t->err;
    if (t->replay_to != call || t->calls != call) replay(t, call);
    *t->err = keep;
    return t->calls == call;
}

/* With the state before the call that failed. */
static void look_at_failure(Trainer *t)
{
    int64_t n = t->calls;
    t->called = calloc((size_t)n + 1, sizeof *t->called);
    rewind_to_failure(t);
    t->failed_round = -1;                                   /* its start has been saved */
    t->failed_at.n = 0;
    if (t->called && t->result->failed_fn >= 0 && t->o->hooks.failed) {
        TrainerPast past = {t, n, t->called, back_to, t->snapshot.is_start};
        t->o->hooks.failed(t->o->hooks.user, t->result->failed_fn, t->state, &past);
    }
    free(t->called);
    t->called = NULL;
}

/* The log of a run that has failed and can be gone on with is that of where it goes on, the start of the round. */
static GanStatus undo_round(TrainerFiles *f, GanError *err)
{
    f->line_open = f->save_asked = false;
    f->lost = GO_ON;
    f->n_named = 0;
    return f->log ? log_cut(f->log, f->lines, err) : GAN_OK;
}

/* What has become of the run, if it has not just been come to the end of again. */
static GanStatus finish(Trainer *t, Flow flow)
{
    bool      first = writes(t);
    GanStatus st = flow == FAILED ? t->err->status : GAN_OK;
    GanError  log_err;
    if (flow == FAILED && first && t->failed_round >= 0 && t->snapshot.bytes) look_at_failure(t);
    if (flow == GO_ON && first && !t->result->was_over) {
        t->result->path = trainer_end(t);
        st = trainer_save_at(t, &t->result->path, t->err);
    }
    if (t->o->files && flow == INTERRUPTED) return st;      /* it only stops looking */
    if (t->o->files && flow == FAILED && first) undo_round(t->files, &log_err);      /* the error that there is counts more */
    if (!t->o->files && t->files->line_open && t->files->log) log_end(t->files->log, &log_err);
    if (!t->o->files && log_close(t->files->log, &log_err) && !st) {
        *t->err = log_err;
        st = log_err.status;
    }
    if (!t->o->files) t->files->log = NULL;
    progress_end(t->progress);
    t->progress = NULL;
    if (first) write_page(t, flow == INTERRUPTED ? "interrupted" : st ? "failed" : "finished");
    return st;
}

static void free_trainer(Trainer *t)
{
    for (int f = 0; t->out && f < t->program->n_functions; f++) {
        for (int i = 0; t->out[f] && i < t->program->function[f].n_outputs; i++) free(t->out[f][i]);
        free(t->out[f]);
    }
    free(t->out);
    free(t->snapshot.bytes);
}

GanStatus trainer_run(const GanProgram *p, GanEngine *engine, GanState *state, const TrainerOptions *o, TrainerResult *result, GanError *err)
{
    GanError     unread;
    TrainerFiles own = {0};
    *result = (TrainerResult){.failed_fn = -1};
    Trainer   t = {.program = p, .engine = engine, .state = state, .o = o, .result = result, .err = err ? err : &unread, .files = o->files ? o->files : &own,
                   .step_slot = state_find(p, "step"), .replay_to = -1, .failed_round = -1};
    GanStatus st = begin(&t);
    t.start = clock_now();
    if (!o->files) own.start = own.last_save = t.start;
    if (!st) {
        Flow flow = walk(&t, p->schedule);
        result->seed = state->seed;
        result->seconds = clock_now() - t.start;
        result->rounds = t.rounds;
        result->rounds_here = t.rounds_here;
        st = finish(&t, flow);
        result->end = flow == INTERRUPTED ? TRAINER_INTERRUPTED : st ? TRAINER_FAILED : TRAINER_DONE;
        result->interrupt = flow != INTERRUPTED ? 0 : t.files->lost == INTERRUPTED ? 128 + SIGPIPE : interrupt_status();
    } else {
        progress_end(t.progress);
        result->end = TRAINER_FAILED;
    }
    free_trainer(&t);
    end_files(&own, NULL);
    return st;
}

void trainer_result_free(TrainerResult *r)
{
    free(r->report);
    free(r->expect);
    free(r->sides);
    *r = (TrainerResult){.failed_fn = -1};
}

/* ---- a run in memory -------------------------------------------------------------------------------------------------- */

GanStatus trainer_result_new(const GanProgram *p, TrainerResult *r, GanError *err)
{
    Trainer t = {.program = p, .result = r, .err = err};
    *r = (TrainerResult){.failed_fn = -1};
    GanStatus st = begin_result(&t);
    free_trainer(&t);
    return st;
}

/* Of the place that was read, and the state with it. */
static void result_of_place(Trainer *t)
{
    reports_from_state(t);
    t->result->path = t->resume;
    t->result->rounds = t->rounds;
    t->result->was_over = trainer_is_over(t, &t->resume);
}

GanStatus trainer_load(const GanProgram *p, GanState *state, int64_t steps, const char *path, TrainerResult *r, GanError *err)
{
    SafeFile      *f = NULL;
    TrainerFiles   none = {0};
    TrainerOptions o = {.steps = steps};
    Trainer        t = {.program = p, .state = state, .o = &o, .result = r, .files = &none, .err = err};
    GanStatus      st = safetensors_read(path, true, &f, err);
    if (!st) st = data_sums(p, &none.data, err);
    if (!st) st = trainer_check_place(&t, f, path);
    if (!st) st = state_load(p, state, f, path, STATE_LACKS_NOTHING, err);
    if (!st) st = trainer_take_place(&t, f, path);
    if (!st) result_of_place(&t);
    data_sums_free(&none.data);
    safetensors_free(f);
    return st;
}

/* ---- files that outlive a walk ----------------------------------------------------------------------------------------- */

GanStatus trainer_files_new(const GanProgram *p, GanState *state, const TrainerOptions *o, TrainerResult *r, bool *found, TrainerFiles **files, GanError *err)
{
    TrainerFiles *f = *files = calloc(1, sizeof *f);
    Trainer       t = {.program = p, .state = state, .o = o, .result = r, .files = f, .err = err};
    *found = false;
    if (!f) return gan_error(err, GAN_WORLD, "no memory");
    GanStatus st = begin_files(f, p, o->out, err);
    if (!st && o->resume) st = trainer_load_newest(&t, &f->lines, found);
    if (!st) st = begin_log(f, o->out, o->log, *found, f->lines, err);
    if (!st) {
        if (*found) result_of_place(&t);
        return GAN_OK;
    }
    trainer_files_free(f, NULL);
    *files = NULL;
    return st;
}

GanStatus trainer_files_cut(const GanProgram *p, GanState *state, const TrainerOptions *o, TrainerResult *r, GanError *err)
{
    Trainer t = {.program = p, .state = state, .o = o, .result = r, .files = o->files, .rounds = r->rounds, .err = err};      /* replay_to 0: the log is that of the round's start */
    GanStatus st = trainer_save_at(&t, &r->path, err);
    if (!st) write_page(&t, "interrupted");
    return st;
}

GanStatus trainer_files_free(TrainerFiles *f, GanError *err)
{
    GanStatus st = f ? end_files(f, err) : GAN_OK;
    free(f);
    return st;
}
