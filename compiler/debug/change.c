/* change.c - other programs for a run, other states, and the histories that come of them.
 *
 * A change of the program begins a history of its own, at the start of the round under way: what was there before stays as it was, and can be gone back to. */
#include "compiler/debug/draws.h"
#include "compiler/debug/inside.h"
#include "compiler/debug/slots.h"

#include "runtime/checkpoint.h"
#include "runtime/clock.h"
#include "runtime/interrupt.h"
#include "runtime/state.h"
#include "stdlib/stdlib.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t USUAL_BUDGET = (size_t)256 << 20;
static const char   TYPED[] = "<typed>";

History          *run_history(const Debugger *d) { return d->history[d->at]; }
const GanProgram *run_program(const Debugger *d) { return run_history(d)->build->s.lowered.program; }
const Session    *debug_session(const Debugger *d) { return &run_history(d)->build->s; }
GanState         *debug_state(Debugger *d) { return &run_history(d)->build->s.game.state; }
void              debug_place(const Debugger *d, DebugPlace *out) { *out = d->place; }

void debug_listen(Debugger *d, void (*done)(void *self, const DebugDone *what), void *self)
{
    d->done = done;
    d->self = self;
}

/* ---- builds ----------------------------------------------------------------------------------------------------- */

static void build_drop(Build *b)
{
    if (!b || --b->users > 0) return;
    session_close(&b->s);
    free((char *)b->source.name);
    free((char *)b->source.text);
    free(b->o.settings.v);
    free(b);
}

static bool copy_settings(Build *b, const OptionPairs *from, int more)
{
    b->o.settings.v = calloc((size_t)(from->n + more) + 1, sizeof *from->v);
    if (!b->o.settings.v) return false;
    if (from->n) memcpy(b->o.settings.v, from->v, sizeof *from->v * (size_t)from->n);
    return true;
}

/* A program that is not lowered yet, with the options of `o`. */
static Build *build_new(const Options *o, const Source *source, GanError *err)
{
    Build *b = calloc(1, sizeof *b);
    if (b) {
        b->users = 1;
        b->o = *o;
        b->source = (Source){strdup(source->name), source->text ? strdup(source->text) : NULL, source->typed};
    }
    if (b && copy_settings(b, &o->settings, 1) && b->source.name && (b->source.text || !source->text)) return b;
    build_drop(b);
    gan_error(err, GAN_WORLD, "no memory for a program");
    return NULL;
}

/* GAN_WRONG with an empty message: it was printed. */
static GanStatus said(GanError *err)
{
    *err = (GanError){.status = GAN_WRONG};
    return GAN_WRONG;
}

/* Compiled, with a state as a run begins. */
static GanStatus build_start(Build *b, GanError *err)
{
    session_optimise(&b->s);
    if (session_start(&b->s) != EXIT_DONE) return said(err);
    GanStatus st = walk_new_state(b, err);
    if (!st && game_begin(&b->s.game, NULL) != EXIT_DONE) return said(err);
    return st;
}

static GanStatus build_make(Build *b, bool known, GanError *err)
{
    int status = b->source.text ? session_open_text(&b->s, &b->o, b->source.name, b->source.text, b->source.typed, known) : session_open(&b->s, &b->o, NULL);
    if (interrupt_gives_up()) return gan_error(err, GAN_WRONG, "interrupted");       /* what it holds may be for want of a value that was not computed */
    return status == EXIT_DONE ? build_start(b, err) : said(err);
}

/* ---- histories -------------------------------------------------------------------------------------------------- */

static void history_free(History *h)
{
    for (int i = 0; i < h->n_edits; i++) free(h->edit[i].bytes);
    free(h->edit);
    free(h->called.fn);
    free(h->called.tick);
    free(h->name);
    free(h->changes);
    timeline_free(h->past);
    build_drop(h->build);
    free(h);
}

static bool is_name(const Debugger *d, const char *name)
{
    for (int i = 0; i < d->n_histories; i++)
        if (!strcmp(d->history[i]->name, name)) return true;
    return false;
}

/* A name is one history's: the second `reloaded` is reloaded-2. */
static char *name_of_its_own(const Debugger *d, const char *name)
{
    char *own = malloc(strlen(name) + 24);
    if (own) strcpy(own, name);
    for (int k = 2; own && *name && is_name(d, own); k++) sprintf(own, "%s-%d", name, k);
    return own;
}

/* Takes the build over. It shares the memory for snapshots with those that are there. */
static int history_add(Debugger *d, const char *name, Build *b, GanError *err)
{
    History  *h = calloc(1, sizeof *h);
    History **more = realloc(d->history, sizeof *more * (size_t)(d->n_histories + 1));
    if (more) d->history = more;
    if (h) {
        *h = (History){.name = name_of_its_own(d, name), .changes = strdup(""), .parent = d->n_histories ? d->at : -1, .build = b,
                       .past = timeline_new(walk_state_bytes(b->s.lowered.program), d->budget / (size_t)(d->n_histories + 1))};
        h->forked_tick = h->tick = d->place.tick;
        h->forked_step = h->step = d->place.step;
        if (more && h->name && h->changes && h->past) {
            d->history[d->n_histories] = h;
            return d->n_histories++;
        }
        h->build = NULL;
        history_free(h);
    }
    build_drop(b);
    gan_error(err, GAN_WORLD, "no memory for another history");
    return -1;
}

static void note_change(History *h, const char *what)
{
    char  *all = NULL;
    size_t n = strlen(h->changes) + strlen(what) + 3;
    if (!(all = malloc(n))) return;
    snprintf(all, n, "%s%s%s", h->changes, *h->changes ? ", " : "", what);
    free(h->changes);
    h->changes = all;
}

static bool copy_edit(History *to, const Edit *e, size_t bytes)
{
    Edit *more = realloc(to->edit, sizeof *more * (size_t)(to->n_edits + 1));
    if (!more) return false;
    to->edit = more;
    Edit copy = *e;
    if (e->slot >= 0 && !(copy.bytes = malloc(bytes + 1))) return false;
    if (e->slot >= 0) memcpy(copy.bytes, e->bytes, bytes);
    to->edit[to->n_edits++] = copy;
    return true;
}

static bool copy_edits(const Debugger *d, History *to, const History *from, int64_t since)
{
    for (int i = 0; i < from->n_edits; i++) {
        const Edit *e = &from->edit[i];
        if (e->tick >= since && !copy_edit(to, e, e->slot >= 0 ? run_program(d)->slot[e->slot].bytes : 0)) return false;
    }
    return true;
}

int debug_fork(Debugger *d, const char *name, GanError *err)
{
    History *from = run_history(d);
    Moment   base;
    int64_t  tick = d->place.tick;
    walk_leave(d);
    if (!timeline_find(from->past, timeline_until_tick, tick, &base, debug_state(d)->base)) {
        gan_error(err, GAN_WORLD, "there is no snapshot left to fork from");
        return -1;
    }
    from->build->users++;
    int at = history_add(d, name, from->build, err);
    if (at < 0) {
        time_restore(d, tick, &(GanError){0});
        return -1;
    }
    timeline_keep(d->history[at]->past, &base, debug_state(d)->base);
    if (!copy_edits(d, d->history[at], from, base.tick)) {
        history_free(d->history[--d->n_histories]);
        gan_error(err, GAN_WORLD, "no memory for another history");
        at = -1;
    } else {
        d->at = at;
    }
    return time_restore(d, tick, err) ? -1 : at;
}

int debug_histories(const Debugger *d) { return d->n_histories; }
int debug_history(const Debugger *d) { return d->at; }

void debug_history_of(const Debugger *d, int i, DebugHistory *out)
{
    const History *h = d->history[i];
    *out = (DebugHistory){h->name, h->parent, h->forked_step, h->tick, h->step, h->changes};
}

GanStatus debug_switch(Debugger *d, int i, DebugPlace *out, GanError *err)
{
    if (i < 0 || i >= d->n_histories) return gan_error(err, GAN_WRONG, "there is no history %d: there are 0 to %d", i, d->n_histories - 1);
    walk_leave(d);
    d->at = i;
    GanStatus st = time_restore(d, run_history(d)->tick, err);
    *out = d->place;
    return st;
}

/* ---- another program for the run at hand ------------------------------------------------------------------------ */

static int block_number(const GanSchedule *root, int64_t kid)
{
    int n = 0;
    for (int64_t i = 0; i < kid && i < root->n_kids; i++) n += root->kid[i]->kind == GAN_ALTERNATE;
    return n;
}

static int block_at(const GanSchedule *root, int number)
{
    for (int i = 0; i < root->n_kids; i++)
        if (root->kid[i]->kind == GAN_ALTERNATE && !number--) return i;
    return -1;
}

/* The same place in another schedule: its start, or a round of the same block. */
static GanStatus find_place(const GanSchedule *old, const GanSchedule *new, TrainerPath *p, GanError *err)
{
    if (!p->n || (p->n == 1 && !p->at[0])) {
        p->n = 0;
        return GAN_OK;
    }
    bool in_block = p->n == 2 && p->at[0] < old->n_kids && old->kid[p->at[0]]->kind == GAN_ALTERNATE;
    int  kid = in_block ? block_at(new, block_number(old, p->at[0])) : -1;
    if (kid < 0)
        return gan_error(err, GAN_WRONG, "the run stands at a statement outside of its blocks, which the changed program may not have there: change it at "
                                         "step 0 (:goto 0), or in a round of a block");
    p->at[0] = kid;
    return GAN_OK;
}

static bool is_kept(const GanSlot *s) { return s->kind != GAN_DATA && s->kind != GAN_SCRATCH; }
static bool same(const GanSlot *a, const GanSlot *b) { return a->kind == b->kind && slot_alike(a, b); }

/* Statements behind the program's own: what was typed. They are carried out at once, and each time the run comes by. */
typedef struct Typed { int first, n; } Typed;               /* kids of the root */

static Typed typed_in(const GanSchedule *old, const GanSchedule *new) { return (Typed){old->n_kids, new->n_kids > old->n_kids ? new->n_kids - old->n_kids : 0}; }

static bool sets(const Build *b, int fn, int slot)
{
    const IrFn *f = fn >= 0 ? b->s.lowered.ir->fns.v[fn] : NULL;
    for (int i = 0; f && i < f->commits.n; i++)
        if (f->commits.v[i].slot == slot) return true;
    return false;
}

static bool is_typed(const Build *b, const Typed *t, int slot)
{
    const GanSchedule *root = b->s.lowered.program->schedule;
    for (int i = 0; i < t->n; i++)
        if (root->kid[t->first + i]->kind == GAN_CALL && sets(b, root->kid[t->first + i]->fn, slot)) return true;
    return false;
}

static GanStatus carry_out(Build *b, const Typed *t, GanError *err)
{
    const GanSchedule *root = b->s.lowered.program->schedule;
    Game              *g = &b->s.game;
    GanStatus          st = GAN_OK;
    for (int i = 0; i < t->n && !st; i++) {
        const GanSchedule *k = root->kid[t->first + i];
        if (k->kind == GAN_CALL) st = state_run(g->program, &g->engine, k->fn, &g->state, NULL, err);
    }
    return st;
}

/* What the program computed before this place, and the state at hand has not. */
static GanStatus check_fresh(const Build *from, const Build *to, bool begun, const Typed *typed, GanError *err)
{
    const GanProgram *a = from->s.lowered.program, *b = to->s.lowered.program;
    for (int i = 0; begun && i < b->n_slots; i++) {
        int old = state_find(a, b->slot[i].path);
        if (b->slot[i].kind != GAN_STATE || (old >= 0 && same(&a->slot[old], &b->slot[i]))) continue;
        if (session_starts(&to->s, i) || lower_is_report(&to->s.lowered, i) || is_typed(to, typed, i)) continue;
        return gan_error(err, GAN_WRONG, "%s is computed by a statement before this place, which this run has not carried out: change the program at step 0 "
                                         "(:goto 0) and go on from there", b->slot[i].path);
    }
    return GAN_OK;
}

static void keep_names(DebugKept *k, const GanSlot *s, bool fresh)
{
    static const char more[] = ", ..";
    char  *to = fresh ? k->fresh_names : k->gone_names;
    size_t used = strlen(to), room = sizeof k->fresh_names - sizeof more;
    bool   full = used >= sizeof more && !strcmp(to + used + 1 - sizeof more, more);
    *(fresh ? &k->fresh : &k->gone) += 1;
    if (!full && used + strlen(s->path) + 2 < room) sprintf(to + used, "%s%s", used ? ", " : "", s->path);
    else if (!full) strcpy(to + used, more);
}

static void carry_over(const Build *from, Build *to, DebugKept *k)
{
    const GanProgram *a = from->s.lowered.program, *b = to->s.lowered.program;
    *k = (DebugKept){0};
    for (int i = 0; i < b->n_slots; i++) {
        const GanSlot *s = &b->slot[i];
        int old = state_find(a, s->path);
        if (!is_kept(s)) continue;
        if (old >= 0 && same(&a->slot[old], s)) {
            memcpy(state_slot(b, &to->s.game.state, i), state_slot(a, &from->s.game.state, old), s->bytes);
            k->kept += slot_learns(s);
        } else if (slot_learns(s)) {
            keep_names(k, s, true);
        }
    }
    for (int i = 0; i < a->n_slots; i++)
        if (slot_learns(&a->slot[i]) && state_find(b, a->slot[i].path) < 0) keep_names(k, &a->slot[i], false);
}

/* The history at hand takes the program if it was forked for that; else it gets one of its own. */
static GanStatus take_program(Debugger *d, Build *b, const char *what, GanError *err)
{
    History *h = run_history(d);
    int      at = d->at;
    if (h->parent >= 0 && !h->moved) {
        Timeline *past = timeline_new(walk_state_bytes(b->s.lowered.program), d->budget / (size_t)d->n_histories);
        if (!past) {
            build_drop(b);
            return gan_error(err, GAN_WORLD, "no memory for snapshots");
        }
        look_disarm(d, h->build);
        timeline_free(h->past);
        build_drop(h->build);
        h->past = past;
        h->build = b;
        for (int i = 0; i < h->n_edits; i++) free(h->edit[i].bytes);
        h->n_edits = 0;
        h->called.n = 0;
    } else if ((at = history_add(d, what, b, err)) < 0) {
        return err->status;
    }
    d->at = at;
    note_change(run_history(d), what);
    return GAN_OK;
}

static GanStatus stand_at(Debugger *d, const Moment *m, GanError *err)
{
    Goal goal = {.kind = GO_ON_TO_TICK, .at = m->tick, .quiet = true};
    if (!timeline_keep(run_history(d)->past, m, debug_state(d)->base)) return gan_error(err, GAN_WORLD, "no memory for a snapshot");
    GanStatus st = walk_start(d, m, &goal, err);
    run_history(d)->tick = d->place.tick;
    run_history(d)->step = d->place.step;
    return st;
}

/* What a person has written since the round began, which the run that goes on from there would not come by. */
static void carry_edits(const History *h, const GanProgram *a, Build *to, Moment *m, int64_t tick)
{
    const GanProgram *b = to->s.lowered.program;
    for (int i = 0; i < h->n_edits; i++) {
        const Edit *e = &h->edit[i];
        int slot = e->slot < 0 || e->tick <= m->tick || e->tick > tick ? -1 : state_find(b, a->slot[e->slot].path);
        if (slot >= 0 && same(&a->slot[e->slot], &b->slot[slot])) memcpy(state_slot(b, &to->s.game.state, slot), e->bytes, b->slot[slot].bytes);
        if (e->slot < 0 && e->tick > m->tick && e->tick <= tick) m->seed = e->seed;
    }
}

/* `b` is a program that is not lowered yet; `declares`: the one at hand, with declarations behind it. */
static GanStatus change_to(Debugger *d, Build *b, bool declares, bool known, const char *what, DebugKept *kept, GanError *err)
{
    Typed      typed = {0};
    History   *old = run_history(d);
    int64_t    tick = d->place.tick, step = d->place.step;
    GanStatus  st = time_restore(d, d->here.tick, err);
    Moment     m = d->here;
    Build     *from = run_history(d)->build;
    if (!st) st = build_make(b, known, err);
    if (!st && declares) typed = typed_in(from->s.lowered.program->schedule, b->s.lowered.program->schedule);
    if (!st) st = find_place(from->s.lowered.program->schedule, b->s.lowered.program->schedule, &m.path, err);
    if (!st) st = check_fresh(from, b, m.path.n > 0, &typed, err);
    if (!st) carry_over(from, b, kept);
    if (!st) carry_edits(old, from->s.lowered.program, b, &m, tick);
    if (!st) st = carry_out(b, &typed, err);
    if (st) {
        build_drop(b);
        time_restore(d, tick, &(GanError){0});
        return st;
    }
    walk_leave(d);
    old->tick = tick;                                       /* where it is come back to */
    old->step = step;
    st = take_program(d, b, what, err);
    return st ? st : stand_at(d, &m, err);
}

GanStatus debug_set(Debugger *d, const char *name, const char *value, DebugKept *kept, GanError *err)
{
    const Build *old = run_history(d)->build;
    Build       *b = build_new(&old->o, &old->source, err);
    char         what[200];
    if (!b) return err->status;
    OptionPairs *s = &b->o.settings;
    int i = 0;
    while (i < s->n && strcmp(s->v[i].name, name)) i++;
    s->n += i == s->n;
    s->v[i] = (OptionPair){arena_str(d->arena, name), arena_str(d->arena, value)};
    snprintf(what, sizeof what, "%s = %s", name, value);
    return change_to(d, b, false, true, what, kept, err);
}

GanStatus debug_reload(Debugger *d, DebugKept *kept, GanError *err)
{
    const Build *old = run_history(d)->build;
    Sources     *read = sources_new(d->arena);
    Diags       *diags = diags_new(read);
    if (!old->source.text || !strcmp(old->source.name, TYPED) || old->source.name[0] == '<')
        return gan_error(err, GAN_WRONG, "there is no file to read again: this program was not read from one");
    const SourceFile *f = source_read(read, old->source.name, SPAN_NONE, diags);
    if (!f) {
        session_print(&old->o, diags);
        return said(err);
    }
    Build *b = build_new(&old->o, &(Source){.name = old->source.name, .text = f->text}, err);
    return b ? change_to(d, b, false, false, "reloaded", kept, err) : err->status;
}

/* What is typed without a program can use all of the library. */
static char *whole_library(Arena *a)
{
    Text t = text_in(a);
    for (int i = 0; stdlib_names[i]; i++)
        if (strcmp(stdlib_names[i], "prelude")) text_printf(&t, "%s%s", t.n ? ", " : "import ", stdlib_names[i]);
    return text_str(&t);
}

GanStatus debug_declare(Debugger *d, const char *text, DebugKept *kept, GanError *err)
{
    const Build *old = run_history(d)->build;
    const char  *before = old->source.text ? old->source.text : whole_library(d->arena);
    const char  *name = old->source.text ? old->source.name : TYPED;
    size_t       typed = old->source.typed ? old->source.typed : strlen(before) + 1;
    const char  *all = arena_printf(d->arena, "%s%s%s\n", before, old->source.typed ? "" : "\n", draws_written_out(&old->s, d->arena, text));
    Build       *b = build_new(&old->o, &(Source){name, all, typed}, err);
    return b ? change_to(d, b, true, false, text, kept, err) : err->status;
}

GanStatus debug_engine(Debugger *d, bool interp, GanError *err)
{
    History *h = run_history(d);
    if (h->build->o.interp == interp) return GAN_OK;
    int64_t  tick = d->place.tick;
    Build   *b = build_new(&h->build->o, &h->build->source, err);
    if (!b) return err->status;
    b->o.interp = interp;
    GanStatus st = build_make(b, true, err);
    if (st) {
        build_drop(b);
        return st;
    }
    walk_leave(d);
    look_disarm(d, h->build);
    build_drop(h->build);
    h->build = b;
    return time_restore(d, tick, err);
}

/* ---- another state ---------------------------------------------------------------------------------------------- */

/* From here on the run is another: what it has been beyond is forgotten. */
static GanStatus write_edit(Debugger *d, const Edit *e, GanError *err)
{
    History *h = run_history(d);
    for (int i = h->n_edits - 1; i >= 0; i--) {
        if (h->edit[i].tick <= e->tick) continue;
        free(h->edit[i].bytes);
        h->edit[i] = h->edit[--h->n_edits];
    }
    if (!copy_edit(h, e, e->slot >= 0 ? run_program(d)->slot[e->slot].bytes : 0)) return gan_error(err, GAN_WORLD, "no memory to keep what was written");
    timeline_cut(h->past, e->tick);
    why_forget(h, e->tick);
    for (int i = 0; i < d->n_histories; i++)
        if (d->history[i]->parent == d->at && d->history[i]->forked_tick > e->tick) d->history[i]->rootless = true;
    walk_apply_edits(d);
    h->moved = true;
    return GAN_OK;
}

GanStatus debug_seed(Debugger *d, uint64_t seed, GanError *err)
{
    return write_edit(d, &(Edit){.tick = d->place.tick, .slot = -1, .seed = seed}, err);
}

static GanStatus fit(const GanSlot *s, const GanTensor *t, GanTensor **out, GanError *err)
{
    char have[128], want[128];
    GanTensor like = {.elem = s->elem, .rank = s->rank};
    memcpy(like.dim, s->dim, sizeof like.dim);
    if (t->rank != s->rank || memcmp(t->dim, s->dim, sizeof *s->dim * (size_t)s->rank))
        return gan_error(err, GAN_WRONG, "%s is %s, and this value %s", s->path, gan_tensor_text(&like, want, sizeof want), gan_tensor_text(t, have, sizeof have));
    return gan_tensor_convert(t, s->elem, out, err);
}

GanStatus debug_assign(Debugger *d, const char *path, const char *expression, GanError *err)
{
    DebugValue v;
    GanTensor *t = NULL;
    int        slot = state_find(run_program(d), path);
    if (slot < 0 || !slot_learns(&run_program(d)->slot[slot])) return gan_error(err, GAN_WRONG, "%s is no parameter or state of this run", path);
    GanStatus st = debug_eval(d, expression, 0, &v, err);
    if (!st && v.n != 1) st = gan_error(err, GAN_WRONG, "%s is one tensor, and this value a record", path);
    if (!st) st = fit(&run_program(d)->slot[slot], v.value[0], &t, err);
    if (!st) st = write_edit(d, &(Edit){.tick = d->place.tick, .slot = slot, .bytes = t->data}, err);
    gan_tensor_free(t);
    debug_value_free(&v);
    return st;
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

GanStatus debug_save(Debugger *d, const char *path, GanError *err)
{
    TrainerResult r;
    int64_t       tick = d->place.tick;
    GanStatus     st = tick == d->here.tick ? GAN_OK : time_restore(d, d->here.tick, err);
    if (!st) st = trainer_result_new(run_program(d), &r, err);
    if (st) return st;
    r.path = d->here.path;
    r.rounds = d->here.rounds;
    st = trainer_save(run_program(d), debug_state(d), run_history(d)->build->o.run.steps, &r, path, err);
    trainer_result_free(&r);
    if (tick == d->place.tick) return st;
    GanError lost;
    return time_restore(d, tick, &lost) && !st ? (*err = lost, lost.status) : st;
}

GanStatus debug_record(Debugger *d, const char *folder, void (*say)(void *self, const char *line), void *self, GanError *err)
{
    const RunOptions *run = &d->o->run;
    TrainerResult     r;
    bool              resumed;
    d->folder = folder;
    d->say = say;
    d->sayer = self;
    walk_leave(d);                                          /* it begins anew, with files */
    TrainerOptions o = walk_options(d);
    o.log = run->log;
    o.resume = run->resume;
    o.seed = run->seed_given ? &run->seed : NULL;
    GanStatus st = trainer_result_new(run_program(d), &r, err);
    if (!st) st = trainer_files_new(run_program(d), debug_state(d), &o, &r, &resumed, &d->files, err);
    if (!st && resumed) {
        timeline_cut(run_history(d)->past, -1);             /* its past begins there */
        walk_keep_judged(d, &r);
        st = stand_at(d, &(Moment){.rounds = r.rounds, .path = r.path, .seed = debug_state(d)->seed}, err);
    } else if (!st) {
        st = time_restore(d, d->place.tick, err);
    }
    trainer_result_free(&r);
    return st;
}

static GanStatus cut_record(Debugger *d, GanError *err)
{
    TrainerOptions o = walk_options(d);
    GanStatus      st = time_restore(d, d->furthest, err);
    if (!st && d->here.tick < d->furthest) st = time_restore(d, d->here.tick, err);
    if (st || !d->alive) return st ? st : gan_error(err, GAN_WORLD, "the run cannot be come to any more");
    TrainerResult r = d->result;                            /* what is judged, too */
    r.path = d->here.path;
    r.rounds = d->here.rounds;
    return trainer_files_cut(run_program(d), debug_state(d), &o, &r, err);
}

GanStatus debug_record_end(Debugger *d, DebugPlace *out, GanError *err)
{
    GanError  lost;
    GanStatus st = d->closed ? GAN_OK : cut_record(d, err);
    *out = d->failure.why == DEBUG_FAILED ? d->failure : d->closed ? d->closing : d->place;
    walk_leave(d);                                          /* it has the files */
    GanStatus closed = trainer_files_free(d->files, &lost);
    d->files = NULL;
    if (!st && closed) *err = lost;
    return st ? st : closed;
}

int64_t debug_round_began(const Debugger *d) { return d->here.tick; }

/* Of this very program: its place is taken, too. */
static bool is_of(const Debugger *d, const SafeFile *f)
{
    const char *source = safetensors_meta(f, "source"), *position = safetensors_meta(f, "position");
    return source && position && !strcmp(source, run_program(d)->source_hash);
}

static GanStatus load(Debugger *d, const char *path, Moment *m, bool *placed, GanError *err)
{
    SafeFile     *f;
    TrainerResult r;
    GanState     *s = debug_state(d);
    GanStatus     st = safetensors_read(path, false, &f, err);
    if (st) return st;
    if ((*placed = is_of(d, f))) {
        st = trainer_result_new(run_program(d), &r, err);
        if (!st) st = trainer_load(run_program(d), s, run_history(d)->build->o.run.steps, path, &r, err);
        if (!st) walk_keep_judged(d, &r);
        *m = (Moment){.rounds = r.rounds, .path = r.path, .seed = s->seed};
        trainer_result_free(&r);
    } else {
        st = state_load(run_program(d), s, f, path, STATE_LACKS_COUNTERS, err);
    }
    safetensors_free(f);
    return st;
}

GanStatus debug_load(Debugger *d, const char *path, bool *placed, GanError *err)
{
    History  *old = run_history(d);
    int64_t   tick = d->place.tick, step = d->place.step;
    GanStatus st = time_restore(d, d->here.tick, err);
    Moment    m = d->here;
    char      what[300];
    walk_leave(d);
    old->tick = tick;
    old->step = step;
    if (!st) st = load(d, path, &m, placed, err);
    if (st) {
        time_restore(d, tick, &(GanError){0});
        return st;
    }
    snprintf(what, sizeof what, "loaded %s", path);
    run_history(d)->build->users++;
    int at = history_add(d, what, run_history(d)->build, err);
    if (at < 0) {
        time_restore(d, tick, &(GanError){0});
        return err->status;
    }
    d->at = at;
    run_history(d)->rootless = true;
    note_change(run_history(d), what);
    return stand_at(d, &m, err);
}

/* ---- beginning and end ------------------------------------------------------------------------------------------ */

static Build *first_build(const Options *o, const char *file, int *status)
{
    GanError err = {0};
    Build   *b = build_new(o, &(Source){.name = file ? file : TYPED}, &err);
    if (!b) {
        *status = say_error(&o->run, &err);
        return NULL;
    }
    *status = session_open(&b->s, &b->o, file);
    if (*status == EXIT_DONE && b->s.text && !(b->source.text = strdup(b->s.text))) *status = say_error(&o->run, &(GanError){GAN_WORLD, "no memory for a program", .offset = -1});
    if (*status == EXIT_DONE && build_start(b, &err)) *status = err.message[0] ? say_error(&o->run, &err) : EXIT_WRONG_PROGRAM;
    if (*status == EXIT_DONE && o->run.checkpoint) *status = game_load(&b->s.game, false, &(bool){false});
    if (*status == EXIT_DONE) return b;
    build_drop(b);
    return NULL;
}

Debugger *debug_open(const Options *o, const char *file, size_t budget, int *status)
{
    GanError err;
    Build   *b = first_build(o, file && !strcmp(file, "-") ? "/dev/stdin" : file, status);
    if (!b) return NULL;
    Debugger *d = calloc(1, sizeof *d);
    if (d) {
        *d = (Debugger){.o = o, .budget = budget ? budget : USUAL_BUDGET, .arena = arena_new(), .opened = clock_now()};
        pthread_mutex_init(&d->mutex, NULL);
        pthread_cond_init(&d->turn, NULL);
    } else {
        build_drop(b);
        gan_error(&err, GAN_WORLD, "no memory");
    }
    GanStatus st = !d || history_add(d, file ? "the program" : "what is typed", b, &err) < 0 ? GAN_WORLD : GAN_OK;
    if (!st) st = stand_at(d, &(Moment){.seed = o->run.seed}, &err);
    if (!st) return d;
    *status = say_error(&o->run, &err);
    debug_close(d);
    return NULL;
}

void debug_close(Debugger *d)
{
    if (!d) return;
    walk_leave(d);
    look_disarm(d, NULL);
    for (int i = 0; i < d->n_armed; i++) free(d->armed[i].text);
    for (int i = 0; i < d->n_histories; i++) history_free(d->history[i]);
    free(d->history);
    free(d->armed);
    free(d->shown);
    trainer_files_free(d->files, NULL);
    pthread_mutex_destroy(&d->mutex);
    pthread_cond_destroy(&d->turn);
    arena_free(d->arena);
    free(d);
}
