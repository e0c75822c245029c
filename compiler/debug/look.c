/* look.c - the values of expressions in the present state, and breakpoints: expressions that are asked for again after each round. */
#include "compiler/debug/draws.h"
#include "compiler/debug/inside.h"
#include "lang/syntax/parse.h"
#include "runtime/state.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- values ----------------------------------------------------------------------------------------------------- */

static GanStatus said(GanError *err)                        /* diagnostics were printed, or the error says it */
{
    if (err->status) return err->status;
    err->status = GAN_WRONG;
    err->message[0] = 0;
    return GAN_WRONG;
}

static GanStatus copy_names(const GanFunction *f, DebugValue *out, GanError *err)
{
    out->n = f->n_outputs;
    out->value = calloc((size_t)f->n_outputs + 1, sizeof *out->value);
    out->name = calloc((size_t)f->n_outputs + 1, sizeof *out->name);
    if (!out->value || !out->name) return gan_error(err, GAN_WORLD, "no memory for a value");
    for (int i = 0; i < f->n_outputs; i++)
        if (f->n_outputs > 1 && !(out->name[i] = strdup(f->output[i].name))) return gan_error(err, GAN_WORLD, "no memory for a value");
    return GAN_OK;
}

static bool contains(const GanSchedule *n, const GanSchedule *wanted)
{
    bool does = n == wanted;
    for (int i = 0; i < n->n_kids && !does; i++) does = contains(n->kid[i], wanted);
    return does;
}

/* The block of rounds that the statement stands in, or behind, or else the first; NULL: there is none. At the end it is the last. */
static const GanSchedule *block_at(const GanSchedule *root, const GanSchedule *next)
{
    const GanSchedule *block = NULL;
    bool               beyond = false;
    for (int i = 0; i < root->n_kids; i++) {
        const GanSchedule *k = root->kid[i];
        bool               holds = next && contains(k, next);
        if (k->kind == GAN_ALTERNATE && (!block || !beyond)) block = k;
        beyond |= holds;
    }
    return block;
}

static bool calls(const GanSchedule *n, int fn)
{
    bool does = n->fn == fn;
    for (int i = 0; i < n->n_kids && !does; i++) does = calls(n->kid[i], fn);
    return does;
}

/* The batch of the block at hand before a statement: what a loss draws that is looked at there. 0: it has none. */
static int64_t batch_before(const Debugger *d, const GanSchedule *next)
{
    const LowerResult *r = &run_history(d)->build->s.lowered;
    const GanSchedule *block = block_at(r->program->schedule, next);
    for (int i = 0; i < r->n_lines; i++)
        if (block && r->line[i].fn >= 0 && calls(block, r->line[i].fn)) return r->line[i].batch;
    return 0;
}

static int64_t batch_at_hand(const Debugger *d) { return batch_before(d, d->place.next); }

/* The number of a statement of the schedule, as LowerResult.place has it; `n` counts those before it. 0: it is not there. */
static int number_of(const GanSchedule *from, const GanSchedule *wanted, int *n)
{
    ++*n;
    int found = from == wanted ? *n : 0;
    for (int i = 0; i < from->n_kids && !found; i++) found = number_of(from->kid[i], wanted, n);
    return found;
}

static int place_of(const Debugger *d, const GanSchedule *statement)
{
    int before = 0;
    return statement ? number_of(run_program(d)->schedule, statement, &before) : 0;
}

static bool was_typed(const Build *b, const GanSchedule *n)
{
    const SourceFile *f = source_file(b->s.sources, n->file + 1);
    return f && f->again;
}

/* By slot: is it made by a statement of the program's top that is still to come? What was typed was carried out at once; a checkpoint has it all. NULL: none is. */
static bool *unset_slots(const Debugger *d)
{
    const Build       *b = run_history(d)->build;
    const GanProgram  *p = b->s.lowered.program;
    const GanSchedule *root = p->schedule;
    bool              *unset = b->o.run.checkpoint || !d->place.next ? NULL : calloc((size_t)p->n_slots + 1, sizeof *unset);
    for (int i = root->n_kids - 1; unset && i >= 0; i--) {
        const GanSchedule *k = root->kid[i];
        const IrFn        *f = k->kind == GAN_CALL && !was_typed(b, k) ? b->s.lowered.ir->fns.v[k->fn] : NULL;
        bool               here = contains(k, d->place.next);
        for (int c = 0; f && c < f->commits.n; c++) {
            int slot = f->commits.v[c].slot;
            unset[slot] = p->slot[slot].kind == GAN_STATE && !session_starts(&b->s, slot) && !lower_is_report(&b->s.lowered, slot);
        }
        if (here) break;
    }
    return unset;
}

/* ---- names of blocks, which are not at hand ---- */

typedef struct Inner {                                      /* the statement of a block that declares a name of the expression */
    const Ast  *expression, *statement;
    const char *name;
    int         depth;
} Inner;

static void is_named(void *inner, const Ast *n)
{
    Inner *f = inner;
    if (n->kind == AST_FN || n->kind == AST_BLOCK || (n->kind == AST_BINDER && n->binder.dist)) f->depth = 0;       /* it has names of its own */
    if (n->kind == AST_NAME && draws_declares(f->statement, n->name.name)) f->name = n->name.name;
    if (!f->name) ast_each_child(n, is_named, f);
}

static void find_inner(void *inner, const Ast *n)
{
    Inner *f = inner;
    if (f->name) return;
    f->statement = n;
    if (f->depth && (n->kind == AST_LET || n->kind == AST_SAMPLE)) is_named(f, f->expression);
    bool opens = n->kind == AST_ALTERNATE;
    f->depth += opens;
    if (!f->name) ast_each_child(n, find_inner, f);
    if (!f->name) f->depth -= opens;
}

/* An expression that has no value, for all that is known because of a name that only a block of the program has. */
static void say_inner(const Build *b, const char *expression, GanError *err)
{
    Arena            *a = arena_new();
    Sources          *sources = sources_new(a);
    const SourceFile *e = source_add(sources, "<expression>", expression, strlen(expression)), *f = b->source.text ? source_add(sources, "", b->source.text, strlen(b->source.text)) : NULL;
    Inner             in = {.expression = e ? parse_expression(a, e, diags_new(sources)) : NULL};
    const Ast        *file = f && in.expression ? parse_what_fits(a, f, diags_new(sources)) : NULL;
    if (file) find_inner(&in, file);
    if (in.name && in.depth)
        gan_error(err, GAN_WRONG, "%s is made in each round of the block, line %u: it is at hand from there to the end of the statements that it stands among", in.name,
                  source_place(f, in.statement->span.begin).line);
    arena_free(a);
}

/* A slot that the expression reads and that was written at the prompt since: what the round computed before that cannot be computed again. NULL: there is none. */
static const char *written_since(const Debugger *d, const Probe *p, int64_t tick)
{
    const History *h = run_history(d);
    const char    *path = NULL;
    for (int i = 0; probe_is_inner(p) && i < h->n_edits && !path; i++) {
        const Edit *e = &h->edit[i];
        if (e->slot >= 0 && e->tick > tick && e->tick <= d->place.tick && probe_reads(p, e->slot)) path = run_program(d)->slot[e->slot].path;
    }
    return path;
}

GanStatus debug_eval(Debugger *d, const char *expression, int64_t n, DebugValue *out, GanError *err)
{
    const Build *b = run_history(d)->build;
    Arena       *a = arena_new();
    const char  *of = draws_alone(&b->s, a, expression, &n), *text = draws_written_out(&b->s, a, of ? of : expression);
    *out = (DebugValue){0};
    bool  *unset = unset_slots(d);
    Probe *p = probe_open(&b->s, &b->source, text, n ? n : -DEBUG_DRAWS, batch_at_hand(d), place_of(d, d->place.next), unset, false, err);
    free(unset);
    arena_free(a);
    if (!p && !err->status) say_inner(b, expression, err);
    if (!p) return said(err);
    const char *written = written_since(d, p, d->here.tick);
    GanStatus   st = written ? gan_error(err, GAN_WRONG, "%s was written in the middle of this round: what its block computed of it before is shown where a later statement needs it, and by itself", written) : GAN_OK;
    if (!st) st = copy_names(probe_function(p), out, err);
    if (!st) st = probe_values(p, debug_state(d), d->place.step, out->value, err);
    probe_close(p);
    if (st) debug_value_free(out);
    return st;
}

void debug_value_free(DebugValue *v)
{
    for (int i = 0; i < v->n; i++) {
        if (v->value) gan_tensor_free(v->value[i]);
        if (v->name) free((char *)v->name[i]);
    }
    free(v->value);
    free(v->name);
    *v = (DebugValue){0};
}

static GanStatus new_values(const GanFunction *f, DebugValue *out, void **memory, GanError *err)
{
    GanStatus st = memory ? copy_names(f, out, err) : gan_error(err, GAN_WORLD, "no memory for a value");
    for (int i = 0; i < f->n_outputs && !st; i++) {
        st = gan_tensor_new(f->output[i].elem, f->output[i].rank, f->output[i].dim, &out->value[i], err);
        if (!st) memory[i] = out->value[i]->data;
    }
    return st;
}

GanStatus debug_statement(Debugger *d, int fn, DebugValue *out, GanError *err)
{
    const Build       *b = run_history(d)->build;
    const GanFunction *f = &run_program(d)->function[fn];
    GanState           s = *debug_state(d);                 /* on a copy: it counts its draws, and sets what it reports */
    void             **memory = calloc((size_t)f->n_outputs + 1, sizeof *memory);
    size_t             bytes = (walk_state_bytes(run_program(d)) + 63) & ~(size_t)63;
    *out = (DebugValue){0};
    s.base = aligned_alloc(64, bytes);
    GanStatus st = s.base ? new_values(f, out, memory, err) : gan_error(err, GAN_WORLD, "no memory for a copy of the state");
    if (!st) memcpy(s.base, debug_state(d)->base, walk_state_bytes(run_program(d)));
    if (!st) st = state_run(run_program(d), &b->s.game.engine, fn, &s, memory, err);
    if (st) debug_value_free(out);
    free(s.base);
    free(memory);
    return st;
}

GanStatus debug_spectrum(Debugger *d, Spectrum *out, GanError *err)
{
    const Build *b = run_history(d)->build;
    Field *f = field_open(&b->s, &b->source, err);
    if (!f) return err->status;
    field_stand(f, debug_state(d));
    GanStatus st = spectrum_of(f, out, err);
    field_close(f);
    return st;
}

/* ---- breakpoints ------------------------------------------------------------------------------------------------ */

/* One bool of a condition, one number of what is watched. */
static bool is_one(const Probe *p, bool watched)
{
    const GanFunction *f = probe_function(p);
    if (f->n_outputs != 1 || f->output[0].rank) return false;
    return watched || f->output[0].elem == GAN_BOOL;
}

/* `place`: the block whose names it may have. */
static GanStatus compile(Debugger *d, Armed *a, int64_t batch, int place, GanError *err)
{
    Build *b = run_history(d)->build;
    Arena *words = arena_new();
    Probe *p = probe_open(&b->s, &b->source, draws_written_out(&b->s, words, a->text), 0, batch, place, NULL, !b->o.interp, err);
    arena_free(words);
    if (!p && !err->status) say_inner(b, a->text, err);
    if (!p) return said(err);
    if (!is_one(p, a->is.watched)) {
        probe_close(p);
        return gan_error(err, GAN_WRONG, a->is.watched ? "what is watched is one number: norm2(..), mean(..) or an index makes one of a tensor"
                                                    : "a condition is true or false: `w > 0.5`, `norm2(D) > 100`");
    }
    a->probe = p;
    a->build = b;
    a->batch = batch;
    a->block = probe_is_inner(p) ? place : 0;
    return GAN_OK;
}

static Armed *armed_of(const Debugger *d, int number)
{
    for (int i = 0; i < d->n_armed; i++)
        if (d->armed[i].is.number == number) return &d->armed[i];
    return NULL;
}

static void free_armed(Armed *a)
{
    probe_close(a->probe);
    free(a->text);
}

static int add(Debugger *d, Armed *a, GanError *err)
{
    Armed *more = realloc(d->armed, sizeof *more * (size_t)(d->n_armed + 1));
    if (!more) {
        free_armed(a);
        gan_error(err, GAN_WORLD, "no memory for a breakpoint");
        return -1;
    }
    d->armed = more;
    a->is.number = ++d->last_number;
    d->armed[d->n_armed++] = *a;
    return a->is.number;
}

static int arm(Debugger *d, Armed *a, const char *text, GanError *err)
{
    *err = (GanError){0};
    a->text = strdup(text);
    if (!a->text) {
        gan_error(err, GAN_WORLD, "no memory for a breakpoint");
        return -1;
    }
    a->is.condition = a->text;
    if (!compile(d, a, batch_at_hand(d), place_of(d, block_at(run_program(d)->schedule, d->place.next)), err)) return add(d, a, err);
    free_armed(a);
    return -1;
}

int debug_break(Debugger *d, DebugWhen when, int64_t at, const char *condition, GanError *err)
{
    Armed a = {.is = {.when = when, .at = at}};
    return when == DEBUG_AT_CONDITION ? arm(d, &a, condition, err) : add(d, &a, err);
}

int debug_watch(Debugger *d, const char *expression, DebugSee *see, void *self, GanError *err)
{
    Armed a = {.is = {.when = DEBUG_AT_CONDITION, .watched = true}, .see = see, .self = self};
    return arm(d, &a, expression, err);
}

bool debug_unbreak(Debugger *d, int number)
{
    Armed *a = armed_of(d, number);
    if (!a) return false;
    free_armed(a);
    int i = (int)(a - d->armed);
    memmove(a, a + 1, sizeof *a * (size_t)(d->n_armed - i - 1));
    d->n_armed--;
    return true;
}

int debug_breakpoints(Debugger *d, const DebugBreakpoint **out)
{
    DebugBreakpoint *list = realloc(d->shown, sizeof *list * (size_t)(d->n_armed + 1));
    *out = NULL;
    if (!list) return 0;
    d->shown = list;
    for (int i = 0; i < d->n_armed; i++) list[i] = d->armed[i].is;
    *out = list;
    return d->n_armed;
}

/* ---- while the run goes ----------------------------------------------------------------------------------------- */

static void arm_all(Debugger *d, int64_t batch)
{
    for (int i = 0; i < d->n_armed; i++) {
        Armed   *a = &d->armed[i];
        GanError err;
        int64_t  its = a->block ? a->batch : batch;         /* of a block's names: of that block, wherever the run is */
        if (!a->text || (a->build == run_history(d)->build && a->batch == its)) continue;
        probe_close(a->probe);
        a->probe = NULL;
        if (!compile(d, a, its, a->block, &err)) continue;
        a->build = run_history(d)->build;                   /* it was said why not; it is passed over in this program */
        a->batch = its;
    }
}

static int64_t kid_at_hand(const Debugger *d) { return d->here.path.n ? d->here.path.at[0] : 0; }

void look_arm(Debugger *d)
{
    d->asked_in = kid_at_hand(d);
    arm_all(d, batch_at_hand(d));
}

/* Of the statement of the top level that the run has come to. */
static int64_t batch_at_kid(const Debugger *d, int64_t kid)
{
    const GanSchedule *root = run_program(d)->schedule;
    while (kid < root->n_kids && root->kid[kid]->implied) kid++;
    return batch_before(d, kid < root->n_kids ? root->kid[kid] : NULL);
}

void look_disarm(Debugger *d, const Build *b)
{
    for (int i = 0; i < d->n_armed; i++) {
        Armed *a = &d->armed[i];
        if (b && a->build != b) continue;
        probe_close(a->probe);
        a->probe = NULL;
        a->build = NULL;
    }
}

/* A condition that cannot be known, as what it requires does not hold, stops the run: it might. */
static void ask(Debugger *d, Armed *a)
{
    char     memory[16];
    void    *out = memory;
    GanError err;
    if (probe_run(a->probe, debug_state(d), d->place.step, &out, &err)) {
        if (a->is.watched) a->see(a->self, a->is.number, d->place.step, NAN, err.message);
        else d->hit = a->is.number, d->unknown = err;
        return;
    }
    double x = gan_elem_get(probe_function(a->probe)->output[0].elem, memory, 0);
    if (a->is.watched) a->see(a->self, a->is.number, d->place.step, x, NULL);
    else if (x) d->hit = a->is.number, d->unknown = (GanError){0};
}

/* The block of which a round has just ended. */
static const GanSchedule *block_behind(const Debugger *d)
{
    const GanSchedule *root = run_program(d)->schedule, *block = NULL;
    const TrainerPath *at = &d->here.path;
    for (int64_t i = 0; i < root->n_kids && (!at->n || i <= at->at[0]); i++) {
        bool begun = !at->n || i < at->at[0] || (at->n > 1 && at->at[1] > 0);
        if (root->kid[i]->kind == GAN_ALTERNATE && begun) block = root->kid[i];
    }
    return block;
}

void look_ask(Debugger *d, int64_t began)
{
    int behind = place_of(d, block_behind(d));
    if (d->asked_in != kid_at_hand(d)) {                    /* another block may have another batch */
        d->asked_in = kid_at_hand(d);
        arm_all(d, batch_at_kid(d, d->asked_in));
    }
    for (int i = 0; i < d->n_armed; i++) {
        Armed *a = &d->armed[i];
        bool   is_there = a->probe && (!a->block || (a->block == behind && !written_since(d, a->probe, began)));
        if (is_there) ask(d, a);
        if (a->is.when == DEBUG_AT_STEP && d->place.step == a->is.at) d->hit = a->is.number, d->unknown = (GanError){0};
    }
}

static bool is_finite(const GanOutput *o, const void *data)
{
    GanTensor t = {.elem = o->elem, .data = (void *)data};
    int64_t   n = 1;
    if (o->elem != GAN_F32 && o->elem != GAN_F64) return true;
    for (int i = 0; i < o->rank; i++) n *= o->dim[i];
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(gan_tensor_get(&t, i))) return false;
    return true;
}

void look_check_finite(Debugger *d, int fn, void *const *out)
{
    const GanFunction *f = &run_program(d)->function[fn];
    int                number = 0;
    for (int i = 0; i < d->n_armed; i++)
        if (d->armed[i].is.when == DEBUG_AT_NONFINITE) number = d->armed[i].is.number;
    for (int i = 0; number && i < f->n_outputs; i++)
        if (!is_finite(&f->output[i], out[i])) {
            d->hit = number;
            d->bad_fn = fn;
        }
}

int look_line(const Debugger *d, const GanSchedule *n)
{
    const GanProgram *p = run_program(d);
    bool in_main = n->file < (uint32_t)p->n_files && !strcmp(p->file[n->file], run_history(d)->build->source.name);
    for (int i = 0; i < d->n_armed && in_main; i++)
        if (d->armed[i].is.when == DEBUG_AT_LINE && d->armed[i].is.at == (int64_t)n->line) return d->armed[i].is.number;
    return 0;
}
