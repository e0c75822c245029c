/* origin.c - see origin.h: from call to call, and then the steps that are told.
 *
 * A search holds one call at a time: its function, the state before it, its record. path_find() goes back to a row, or to a slot that an
 * earlier call has set; then the state is put back to that call, and the search goes on there. Start at origin_find(), at the bottom. */
#include "compiler/origin/find.h"
#include "runtime/state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CALLS = 40 };                                   /* that are gone back */

typedef struct Search {
    const OriginAsk *ask;
    Arena           *a;
    Origin          *out;
    int              fn;
    int64_t          call;                                  /* of ask->past; -1: it is none of these */
    GanState         fresh;                                 /* before INIT, once that is looked at */
    Record          *r;
    int              from[MOST_CALLS + 1];                  /* by number of the leg: the slot that led to it */
    OriginStep       carried;                               /* sample and element of what a leg before has read */
} Search;

/* ---- one call ------------------------------------------------------------------------------------------------------- */

static const IrFn *fn_of(const Search *s) { return s->ask->m->fns.v[s->fn]; }

static bool record(Search *s, const RecordWish *wish, int n_wishes)
{
    const GanProgram *p = s->ask->p;
    const GanState   *state = s->fresh.base ? &s->fresh : s->ask->state;
    void            **slot = arena_array(s->a, void *, p->n_slots + 1);
    for (int i = 0; i < p->n_slots; i++) slot[i] = state_slot(p, state, i);
    InterpMemory memory = {.slot = slot, .seed = state->seed, .external = p->external, .n_externs = p->n_externs};
    record_free(s->r);
    s->r = record_new(s->ask->m, fn_of(s), &memory, wish, n_wishes);
    return s->r;
}

/* Again, with all that a look at p wants. */
static bool record_for(Search *s, Point p)
{
    int         n;
    RecordWish *wish = step_wishes(s->r, p, s->a, &n);
    return record(s, wish, n);
}

static Teller teller(const Search *s) { return (Teller){s->ask, s->r, s->fn, s->a}; }

static const IrVal *committed(const Search *s, int fn, int slot)
{
    const IrFn *f = s->ask->m->fns.v[fn];
    for (int i = 0; i < f->commits.n; i++)
        if (f->commits.v[i].slot == slot) return f->commits.v[i].val;
    return NULL;
}

/* ---- to the call that set a slot ------------------------------------------------------------------------------------ */

static bool go_to_init(Search *s, int slot)
{
    const GanProgram *p = s->ask->p;
    GanError          err;
    if (s->fresh.base || s->ask->checkpoint || p->init_fn < 0 || !committed(s, p->init_fn, slot)) return false;
    if (s->ask->past && !s->ask->past->from_start) return false;
    if (state_new(p, s->ask->state->seed, &s->fresh, &err)) return false;
    s->fn = p->init_fn;
    s->call = -1;
    s->out->first = s->ask->m->slots.v[slot].path;
    return record(s, NULL, 0);
}

/* The last call before the one at hand that set it; its record. */
static bool go_back(Search *s, int slot)
{
    const TrainerPast *past = s->ask->past;
    for (int64_t call = s->call - 1; past && call >= 0; call--) {
        if (!committed(s, past->fn[call], slot)) continue;
        s->fn = past->fn[call];
        s->call = call;
        return past->back(past->self, call) && record(s, NULL, 0);
    }
    return go_to_init(s, slot);
}

static bool is_bad(const Search *s, const IrVal *v, int64_t *element)
{
    int64_t n = ir_axes_size(s->ask->m, v->type.axes) * ir_dims_size(&v->type);
    for (*element = 0; ir_is_real(v->type.elem) && *element < n; ++*element) {
        Point p = {v, 0, *element};
        if (record_source(s->r, &p) && record_kind(s->r, p) != REAL_FINITE) return true;
    }
    return false;
}

static bool is_loss(const IrReport *r) { return !strncmp(r->name, "loss", 4) && !r->val->type.rank && !r->val->type.axes.n; }

/* ---- what must hold and does not */

typedef struct Nonzero { const Record *r; Point at; bool found; } Nonzero;

static bool see_nonzero(void *self, const PointTerm *t)
{
    Nonzero *n = self;
    double   x = 0;
    Point    p = t->p;
    if (t->is_zero || !record_source(n->r, &p) || !record_number(n->r, p, &x) || x == 0) return true;
    n->at = p;
    n->found = true;
    return false;
}

static bool is_count(const IrNode *n)
{
    return n && n->op == IR_compare && n->attr->compare == IR_EQ && n->arg[0]->type.elem == IR_I64 && n->arg[0]->def && ir_is_const(n->arg[1], NULL) &&
           (n->arg[0]->def->op == IR_sum || n->arg[0]->def->op == IR_convert);
}

/* The operand that a condition, or how often one does not hold, is what it is by; false: it is a comparison of the program, or nothing that is known. */
static bool condition_from(const Search *s, Point p, Point *from)
{
    const IrNode *n = p.v->def;
    Nonzero       some = {.r = s->r};
    double        x = 0;
    Point         c = {n->n_args ? n->arg[0] : NULL, p.turn, 0};
    if (is_count(n)) return *from = c, true;
    if (n->op == IR_compare || !n->n_args) return false;
    if (n->op == IR_select && p.v->type.elem == IR_BOOL) {
        point_terms(s->r, p, see_nonzero, &some);           /* the taken arm, where it is true */
        Point taken = some.at;
        if (some.found && taken.v->def->op != IR_const) return *from = taken, true;
        if (ir_dims_equal(&c.v->type, &p.v->type) && ir_axes_equal(c.v->type.axes, p.v->type.axes)) c.element = p.element;
        else if (c.v->type.rank || c.v->type.axes.n) return false;
        if (!record_source(s->r, &c) || !record_number(s->r, c, &x)) return false;
        Point arm = {n->arg[x ? 1 : 2], p.turn, c.element};
        *from = ir_is_const(arm.v, NULL) || !ir_type_equal(&arm.v->type, &p.v->type) ? c : arm;
        return true;
    }
    if (n->op != IR_sum && n->op != IR_convert && !tell_moves(n)) return false;
    point_terms(s->r, p, see_nonzero, &some);
    *from = some.at;
    return some.found;
}

/* From a condition that does not hold to the comparison in it that does not. False: it is none. */
static bool failed_comparison(const Search *s, Point *p)
{
    enum { MOST_ROWS = 200 };
    Point from;
    for (int i = 0; i < MOST_ROWS && record_source(s->r, p) && condition_from(s, *p, &from); i++) *p = from;
    return record_source(s->r, p) && p->v->def->op == IR_compare && !is_count(p->v->def);
}

/* A slot of what must hold, which the call leaves false. */
static bool requirement_missed(const Search *s, Point *at)
{
    const GanProgram  *p = s->ask->p;
    const GanFunction *f = &p->function[s->fn];
    for (int i = 0; i < f->n_written; i++) {
        double x = 1;
        if (p->slot[f->written[i]].elem != GAN_BOOL) continue;
        *at = (Point){committed(s, s->fn, f->written[i]), 0, 0};
        if (at->v && record_source(s->r, at) && record_number(s->r, *at, &x) && !x) return failed_comparison(s, at);
    }
    return false;
}

/* What the trainer holds a call to. */
static bool complaint(const Search *s, Point *root)
{
    const IrFn        *f = fn_of(s);
    const GanFunction *g = &s->ask->p->function[s->fn];
    *root = (Point){0};
    for (int i = 0; i < f->reports.n && !root->v; i++)
        if (is_loss(&f->reports.v[i]) && is_bad(s, f->reports.v[i].val, &root->element)) root->v = f->reports.v[i].val;
    for (int i = 0; i < g->n_written && !root->v; i++) {
        const IrVal *v = committed(s, s->fn, g->written[i]);
        if (v && is_bad(s, v, &root->element)) root->v = v;
    }
    return root->v;
}

static bool root_of(Search *s, Point *root)
{
    const IrVal *v;
    if (s->ask->slot < 0) return record(s, NULL, 0) && complaint(s, root);
    if (s->ask->fn < 0) {
        s->call++;
        if (!go_back(s, s->ask->slot)) return false;
    } else if (!record(s, NULL, 0)) return false;
    v = committed(s, s->fn, s->ask->slot);
    *root = (Point){.v = v};
    return v && is_bad(s, v, &root->element);
}

/* ---- the steps ------------------------------------------------------------------------------------------------------ */

/* Past what only moves, also into the call that left it in a slot of no player's. False: it came from nowhere that is known. */
static bool follow(Search *s, Point *p)
{
    for (int i = 0; i < MOST_CALLS; i++) {
        Teller t = teller(s);
        *p = tell_settle(&t, *p);
        if (p->v->def->op != IR_read) return true;
        int           slot = p->v->def->attr->slot;
        const IrSlot *from = &s->ask->m->slots.v[slot];
        if ((from->kind != IR_SLOT_SCRATCH && from->kind != IR_SLOT_STATE) || from->player || !go_back(s, slot)) return false;
        *p = (Point){committed(s, s->fn, slot), 0, p->element};
        if (!record_source(s->r, p) || !record_for(s, *p)) return false;
    }
    return false;
}

static bool is_end(const IrNode *n) { return n->op == IR_const || ir_op_info[n->op].klass == IR_CLASS_RAND || n->op == IR_index || n->op == IR_permute; }

static void tell_steps(Search *s, Point p)
{
    Origin *o = s->out;
    o->fn = s->fn;
    o->player = s->ask->p->function[s->fn].player;
    if (!record_for(s, p)) return;
    Teller        t = teller(s);
    const IrNode *last = p.v->def;
    const char   *first = o->first;                         /* of the birth; what made its operands so may lie further back */
    o->step[o->n_steps++] = tell_step(&t, p);
    while (o->n_steps < ORIGIN_STEPS && tell_blame(&t, p, &p) && follow(s, &p) && !is_end(p.v->def)) {
        t = teller(s);
        OriginStep step = tell_step(&t, p);
        if (!isfinite(step.value) || p.v->def == last) break;        /* the same row, a turn or a round before: it goes on like that */
        last = p.v->def;
        o->step[o->n_steps++] = step;
    }
    o->first = first;
}

/* Where an infinity of this path became nan: the first row from its end up that is. */
static void tell_turned(Search *s, const Path *path)
{
    for (int i = path->n - 1; i > 0 && !s->out->turned.op; i--) {
        if (record_kind(s->r, path->at[i]) == REAL_NAN || record_kind(s->r, path->at[i - 1]) != REAL_NAN) continue;
        if (!record_for(s, path->at[i - 1])) return;
        Teller t = teller(s);
        s->out->turned = tell_step(&t, path->at[i - 1]);
    }
}

/* ---- the search ----------------------------------------------------------------------------------------------------- */

static bool given(Search *s, OriginKind kind, int slot, int64_t element, double value)
{
    Teller t = teller(s);
    s->out->kind = kind;
    s->out->fn = -1;
    s->out->given = tell_slot(&t, slot, element, value);
    if (!s->out->given.name) s->out->given.name = "a value that another statement left";
    return true;
}

/* A call that is looked at, on the way back from the one that failed. */
typedef struct Leg {
    int      fn;
    int64_t  call;
    Point    root;
    ARRAY(int) written;                                     /* slots from which what the program writes was read */
} Leg;

/* Whose sample it is, where the rows below only move it: into a slot, say, which has no samples. */
static void note_sample(Search *s, const Path *path)
{
    Teller t = teller(s);
    int    i = path->n - 1;
    if (path->at[i].v->def->op != IR_read) return;
    while (i > 0 && tell_moves(path->at[i - 1].v->def)) i--;
    if (i > 0) s->carried = (OriginStep){0};
    for (int k = path->n - 1; k >= i; k--)
        if (path->at[k].v->type.axes.n) {
            tell_sample(&t, path->at[k], &s->carried);
            return;
        }
}

/* A path to a row: it stands there as it was carried on if nothing but moves is between. */
static void add_sample(Search *s, const Path *path, int end)
{
    OriginStep *first = &s->out->step[0];
    for (int i = 0; i < end; i++)
        if (!tell_moves(path->at[i].v->def)) return;
    if (first->sample || !s->carried.sample || !s->out->n_steps) return;
    first->sample = s->carried.sample;
    first->element = s->carried.element;
}

/* The end of a path at a slot: data, or what another call left there, which is the next leg. True: there is no more to find. */
static bool at_slot(Search *s, Point p, Leg *next, bool *found)
{
    int           slot = p.v->def->attr->slot;
    double        value = NAN;
    const IrSlot *from = &s->ask->m->slots.v[slot];
    record_number(s->r, p, &value);
    if (from->kind == IR_SLOT_DATA) return *found = given(s, ORIGIN_DATA, slot, p.element, value);
    Record *here = s->r;
    s->r = NULL;
    if (go_back(s, slot)) {
        record_free(here);
        *next = (Leg){.fn = s->fn, .call = s->call, .root = {committed(s, s->fn, slot), 0, p.element}};
        return false;
    }
    record_free(s->r);
    s->r = here;
    bool from_file = s->ask->checkpoint && from->kind != IR_SLOT_SCRATCH && (!s->ask->past || s->ask->past->from_start);
    return *found = given(s, from_file ? ORIGIN_CHECKPOINT : ORIGIN_BEFORE, slot, p.element, value);
}

/* Back to a leg, from one further back. */
static bool return_to(Search *s, const Leg *leg)
{
    state_free(&s->fresh);
    s->fresh = (GanState){0};
    s->fn = leg->fn;
    s->call = leg->call;
    s->out->first = NULL;
    if (s->ask->past && !s->ask->past->back(s->ask->past->self, leg->call)) return false;
    return record(s, NULL, 0);
}

/* The end of a leg at a row. What the program writes is no origin while a leg before can have made nan of it, or been made so by something else:
 * it is kept, and the leg before goes on without. True: the search is over. */
static bool at_row(Search *s, const Path *path, Leg *leg, int *n, Origin *kept)
{
    bool above = path->end == PATH_WRITTEN && path->n > 1;
    int  end = path->n - 1 - above;
    Point p = path->at[end];
    s->out->kind = path->end == PATH_WRITTEN ? ORIGIN_WRITTEN : ORIGIN_BORN;
    if (path->end == PATH_WRITTEN && kept->n_steps) *s->out = *kept;
    else {
        tell_steps(s, p);
        add_sample(s, path, end);
    }
    if (path->end == PATH_BORN || *n == 1) return true;
    if (!kept->n_steps) *kept = *s->out;
    --*n;
    int slot = s->from[*n];
    array_push(s->a, &leg[*n - 1].written, slot);
    *s->out = (Origin){.fn = -1};
    s->carried = (OriginStep){0};
    if (return_to(s, &leg[*n - 1])) return false;
    *s->out = *kept;
    return true;
}

static bool search(Search *s, Point root)
{
    Origin kept = {0};
    Leg   *leg = arena_array(s->a, Leg, MOST_CALLS + 1);
    int    n = 1;
    leg[0] = (Leg){.fn = s->fn, .call = s->call, .root = root};
    for (int i = 0; i < MOST_CALLS && n <= MOST_CALLS; i++) {
        Leg *here = &leg[n - 1];
        Path path = path_find(s->r, here->root, (PathWritten){here->written.v, here->written.n}, s->a);
        bool found = true;
        if (path.end == PATH_LOST) break;
        Point end = path.at[path.n - 1];
        tell_turned(s, &path);
        if (!s->r) break;
        if (path.end == PATH_READ) {
            note_sample(s, &path);
            s->from[n] = end.v->def->attr->slot;
            if (at_slot(s, end, &leg[n], &found)) return found;
            n++;
        } else if (at_row(s, &path, leg, &n, &kept)) return s->out->n_steps;
    }
    if (kept.n_steps) *s->out = kept;
    return kept.n_steps;
}

/* What the call was refused for before anybody looked at its numbers. */
static bool explain_requirement(Search *s)
{
    Point p;
    if (s->ask->slot >= 0 || !record(s, NULL, 0) || !requirement_missed(s, &p)) return false;
    for (int i = 0; i < p.v->def->n_args; i++) {            /* what is nan does not hold: why it is */
        Point         x = {p.v->def->arg[i], p.turn, p.element};
        const IrType *t = &x.v->type;
        if (!ir_is_real(t->elem) || !ir_dims_equal(t, &p.v->type) || !ir_axes_equal(t->axes, p.v->type.axes)) continue;
        if (record_source(s->r, &x) && record_kind(s->r, x) != REAL_FINITE) return search(s, x);
    }
    s->out->kind = ORIGIN_REQUIRED;
    tell_steps(s, p);
    return s->out->n_steps;
}

bool origin_find(const OriginAsk *ask, Arena *a, Origin *out)
{
    Search s = {.ask = ask, .a = a, .out = out, .fn = ask->fn, .call = ask->past ? ask->past->n - 1 : -1};
    Point  root;
    *out = (Origin){.fn = -1};
    bool found = explain_requirement(&s) || (root_of(&s, &root) && search(&s, root));
    if (found) out->hint = tell_hint(out);
    record_free(s.r);
    if (s.fresh.base) state_free(&s.fresh);
    if (ask->past && ask->past->n) ask->past->back(ask->past->self, ask->past->n - 1);
    return found;
}
