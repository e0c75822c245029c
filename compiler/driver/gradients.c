/* gradients.c - see gradients.h. The trainer walks the schedule; the engine it is given stops at each update that it has not seen, and
 * compares there. One comparison is gradients_compare(); the rest says what is moved, and where. */
#include "compiler/driver/gradients.h"

#include "compiler/interp/interp.h"
#include "runtime/state.h"
#include "runtime/trainer.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- one comparison ---------------------------------------------------------------------------------------------------- */

static double relative(double a, double b, double floor)
{
    double size = fmax(fabs(a), fabs(b)) + floor;
    return a == b ? 0 : size > 0 ? fabs(a - b) / size : 0;
}

/* Of four points, so that what is left is of order h^4. */
static bool difference(GradientsLoss *loss, void *self, double h, double *out)
{
    double l[4];
    if (!loss(self, h, &l[0]) || !loss(self, -h, &l[1]) || !loss(self, 2 * h, &l[2]) || !loss(self, -2 * h, &l[3])) return false;
    *out = (8 * (l[0] - l[1]) - (l[2] - l[3])) / (12 * h);
    return true;
}

typedef struct Sides { double left, right; } Sides;

static bool slopes_beside(GradientsLoss *loss, void *self, double h, Sides *s)
{
    double here, above, below;
    if (!loss(self, 0, &here) || !loss(self, h, &above) || !loss(self, -h, &below)) return false;
    *s = (Sides){(here - below) / h, (above - here) / h};
    return true;
}

/* The slopes of both sides differ, and what is claimed lies between them. Where the loss jumps they are none: they grow as the step shrinks. */
static bool at_a_kink(GradientsLoss *loss, void *self, double claimed, double floor)
{
    Sides far, near;
    if (!slopes_beside(loss, self, 1e-5, &far) || !slopes_beside(loss, self, 1e-6, &near)) return false;
    double slack = 1e-3 * (fabs(near.left) + fabs(near.right) + floor), lo = fmin(near.left, near.right), hi = fmax(near.left, near.right);
    bool   steady = fabs(far.left - near.left) <= slack && fabs(far.right - near.right) <= slack;
    return steady && hi - lo > 2 * slack && claimed >= lo - slack && claimed <= hi + slack;
}

/* Where many units have kinks (a wide net of relu) a long step meets some of them and a short one none; what a short one has more of is rounding, which is allowed for. */
bool gradients_compare(GradientsLoss *loss, void *self, double claimed, double floor, GradientsFound *found)
{
    static const double steps[] = {3e-4, 3e-5, 3e-6, 3e-7, 3e-8};
    double              here, d;
    *found = (GradientsFound){.error = INFINITY};
    if (!loss(self, 0, &here)) return false;
    for (size_t i = 0; i < sizeof steps / sizeof *steps && !found->right; i++) {
        if (!difference(loss, self, steps[i], &d)) return false;
        if (!isfinite(d) || !isfinite(claimed)) continue;
        double error = relative(claimed, d, floor), size = fmax(fabs(claimed), fabs(d)) + floor;
        found->right = error <= GRADIENTS_TOLERANCE + 8 * DBL_EPSILON * fabs(here) / (steps[i] * size);
        if (found->right || error < found->error) found->error = error;
    }
    found->kink = !found->right && at_a_kink(loss, self, claimed, floor);
    if (found->kink) *found = (GradientsFound){.right = true, .kink = true};
    return true;
}

/* ---- the loss at a place ----------------------------------------------------------------------------------------------- */

typedef struct Held {                                       /* what stood under `stop`, in order of execution */
    ARRAY(void *) value;
    int     next;
    bool    replay;
} Held;

typedef struct Update {                                     /* under comparison */
    Session        *s;
    Arena          *a;
    int             fn;
    const GanState *at;                                     /* where it starts */
    GanState        moved;                                  /* the same, with a parameter moved */
    Held            held;
    void          **out;                                    /* its results there */
    int             loss;                                   /* which result is the loss */
    double          loss_here;                              /* where the parameter has been moved to */
    int             slot;
    const double   *direction;                              /* of the slot's elements */
    GanError       *err;
} Update;

static const IrFn *function_of(const Update *u) { return u->s->lowered.ir->fns.v[u->fn]; }

/* Keeps what stands under `stop` in the first run, and puts it back in those after it, which end where the loss is known. */
static bool watch(void *self, const InterpRun *run, const IrNode *n, int result, uint32_t iteration, const void *data)
{
    Update *u = self;
    Held   *h = &u->held;
    (void)iteration;
    if (n->op == IR_stop && !h->replay) {
        int64_t bytes = interp_type_bytes(u->s->lowered.ir, &n->result[result].type);
        array_push(u->a, &h->value, arena_copy(u->a, data, (size_t)(bytes > 0 ? bytes : 1)));
    } else if (n->op == IR_stop && h->next < h->value.n) {
        interp_replace(run, &n->result[result], data = h->value.v[h->next++]);
    }
    if (!h->replay || &n->result[result] != function_of(u)->reports.v[u->loss].val) return true;
    u->loss_here = *(const double *)data;
    return false;
}

static GanStatus run(Update *u, const GanState *state, void *const *out)
{
    const GanProgram *p = u->s->lowered.program;
    const IrFn       *f = function_of(u);
    void            **slot = arena_array(u->a, void *, p->n_slots + 1), **drop = arena_array(u->a, void *, f->commits.n + 1);
    InterpMemory      memory = {.slot = slot, .seed = state->seed, .external = p->external, .n_externs = p->n_externs};
    InterpWatch       w = {watch, u};
    for (int i = 0; i < p->n_slots; i++) slot[i] = state_slot(p, state, i);
    u->held.next = 0;
    return interp_fn(u->s->lowered.ir, f, &memory, out, drop, &w, u->err);
}

static int64_t elements(const GanSlot *s)
{
    int64_t n = 1;
    for (int d = 0; d < s->rank; d++) n *= s->dim[d];
    return n;
}

static bool loss_at(void *self, double h, double *loss)
{
    Update           *u = self;
    const GanProgram *p = u->s->lowered.program;
    const double     *from = state_slot(p, u->at, u->slot);
    double           *to = state_slot(p, &u->moved, u->slot);
    int64_t           n = elements(&p->slot[u->slot]);
    for (int64_t i = 0; i < n; i++) to[i] = from[i] + h * u->direction[i];
    bool ok = !run(u, &u->moved, NULL);
    memcpy(to, from, (size_t)n * sizeof *to);
    *loss = u->loss_here;
    return ok;
}

/* ---- a parameter ------------------------------------------------------------------------------------------------------- */

/* Along one direction; *worst is what was found to be furthest off so far. */
static bool compare_along(Update *u, const double *g, const double *direction, int64_t n, double floor, GradientsFound *worst)
{
    GradientsFound f;
    double         claimed = 0;
    for (int64_t i = 0; i < n; i++) claimed += direction[i] != 0 ? g[i] * direction[i] : 0;
    u->direction = direction;
    if (!gradients_compare(loss_at, u, claimed, floor, &f)) return false;
    f.kink |= worst->kink;
    if (worst->right && (!f.right || f.error >= worst->error)) *worst = f;
    worst->kink |= f.kink;
    return true;
}

/* Signs that follow no pattern that a gradient could have. */
static double sign_of(uint64_t i)
{
    i = (i + 1) * 0x9e3779b97f4a7c15;
    i ^= i >> 31;
    i *= 0xbf58476d1ce4e5b9;
    return i >> 63 ? 1 : -1;
}

static bool compare_parameter(Update *u, int output, double floor, GradientsFound *f)
{
    const GanProgram *p = u->s->lowered.program;
    int64_t           n = elements(&p->slot[u->slot]), every = n / GRADIENTS_ELEMENTS + 1;
    const double     *g = u->out[output];
    double           *v = arena_array(u->a, double, n + 1);
    *f = (GradientsFound){.right = true};
    for (int64_t i = n / 7 % every; i < n; i += every) {
        v[i] = 1;
        if (!compare_along(u, g, v, n, floor, f)) return false;
        v[i] = 0;
    }
    for (int64_t i = 0; i < n; i++) v[i] = sign_of((uint64_t)i) / sqrt((double)n);       /* of length 1: no unit is moved far */
    return n < 2 || compare_along(u, g, v, n, floor, f);
}

/* ---- an update --------------------------------------------------------------------------------------------------------- */

/* The largest element of all gradients of one loss: errors are small or large beside it. */
static double largest(const Update *u, int first)
{
    const GanFunction *f = &u->s->lowered.program->function[u->fn];
    double             most = 0;
    for (int i = first; i < f->n_outputs && f->output[i].slope_of; i++) {
        int64_t n = elements(&u->s->lowered.program->slot[f->output[i].slope_of - 1]);
        for (int64_t k = 0; k < n; k++) most = fmax(most, fabs(((const double *)u->out[i])[k]));
    }
    return most;
}

static void print_found(const GradientsFound *f, const char *path, GradientsWorst *worst)
{
    bool failed = !f->right;
    printf("  %-32s %.1e%s\n", path, f->error, failed ? "  WRONG" : f->kink ? "  (a kink: between the slopes of both sides)" : "");
    worst->n_compared++;
    worst->n_failed += failed;
    if (worst->path && !(f->error > worst->error) && !isnan(f->error)) return;
    worst->error = f->error;
    worst->path = path;
}

static GanStatus compare_update(Update *u, GradientsWorst *worst)
{
    const GanProgram  *p = u->s->lowered.program;
    const GanFunction *f = &p->function[u->fn];
    double             most = 0;
    if (run(u, u->at, u->out)) return u->err->status;
    u->held.replay = true;
    for (int i = 0; i < f->n_outputs; i++) {
        GradientsFound found;
        if (!f->output[i].slope_of) {
            u->loss = i;
            most = largest(u, i + 1);
            continue;
        }
        u->slot = f->output[i].slope_of - 1;
        if (!compare_parameter(u, i, 1e-4 * most + 1e-5 * fabs(*(const double *)u->out[u->loss]), &found)) return u->err->status;
        print_found(&found, p->slot[u->slot].path, worst);
    }
    return GAN_OK;
}

/* ---- the walk ---------------------------------------------------------------------------------------------------------- */

typedef struct Walk {
    Session        *s;
    GanEngine       interp;
    GanState        shadow;
    bool           *seen;                                   /* by function */
    GradientsWorst *worst;
} Walk;

static const GameLine *line_of(const LowerResult *r, int fn)
{
    for (int i = 0; i < r->n_lines; i++)
        if (r->line[i].fn == fn) return &r->line[i];
    return NULL;
}

static bool has_slopes(const GanFunction *f)
{
    for (int i = 0; i < f->n_outputs; i++)
        if (f->output[i].slope_of) return true;
    return false;
}

static void print_update(const Walk *w, const GameLine *l, const char *what)
{
    session_print_statement(w->s, l);
    puts(what);
}

static GanStatus compare_here(Walk *w, int fn, const GanState *state, void *const *out, GanError *err)
{
    Arena            *a = arena_new();
    Update            u = {.s = w->s, .fn = fn, .at = state, .moved = w->shadow, .a = a, .out = (void **)out, .err = err};
    memcpy(w->shadow.base, state->base, state->bytes);
    GanStatus st = compare_update(&u, w->worst);
    arena_free(a);
    return st;
}

static GanStatus run_and_compare(void *self, int fn, GanState *state, void *const *out, GanError *err)
{
    Walk           *w = self;
    const GameLine *l = w->seen[fn] ? NULL : line_of(&w->s->lowered, fn);
    GanStatus       st = GAN_OK;
    w->seen[fn] = true;
    if (l && !strcmp(l->what, "update")) {
        bool has = has_slopes(&w->s->lowered.program->function[fn]);
        print_update(w, l, has ? "" : ": along a direction, which is no loss's gradient: nothing to compare");
        if (has) st = compare_here(w, fn, state, out, err);
    }
    return st ? st : w->interp.run(w->interp.self, fn, state, out, err);
}

static void print_unreached(const Walk *w)
{
    const LowerResult *r = &w->s->lowered;
    for (int i = 0; i < r->n_lines; i++)
        if (!strcmp(r->line[i].what, "update") && r->line[i].fn >= 0 && !w->seen[r->line[i].fn])
            print_update(w, &r->line[i], ": not reached, so not compared; --steps N goes further");
}

static GanStatus walk(Walk *w, GanError *err)
{
    Session       *s = w->s;
    GanEngine      engine = {.self = w, .name = "gradients", .run = run_and_compare};
    TrainerOptions t = {.steps = s->o->run.steps >= 0 ? s->o->run.steps : 1, .progress_fd = -1, .hooks = {.user = (void *)&s->o->run, .say = say_line}};
    TrainerResult  r = {0};
    GanStatus      st = trainer_run(s->lowered.program, &engine, &s->game.state, &t, &r, err);
    trainer_result_free(&r);
    return st;
}

int gradients_check(Session *s, GradientsWorst *worst)
{
    GanError  err;
    Walk      w = {.s = s, .seen = arena_array(s->arena, bool, s->lowered.program->n_functions + 1), .worst = worst};
    GanStatus st = interp_engine_new(s->lowered.ir, s->lowered.program, &w.interp, &err);
    if (!st) st = state_new(s->lowered.program, s->o->run.seed, &w.shadow, &err);
    if (!st) st = walk(&w, &err);
    if (!st) print_unreached(&w);
    if (w.interp.free) w.interp.free(w.interp.self);
    state_free(&w.shadow);
    return st ? say_error(&s->o->run, &err) : worst->n_failed ? EXIT_WRONG_PROGRAM : EXIT_DONE;
}
