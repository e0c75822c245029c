/* mass.c - densities of the program's own held to their draws: how much of exp(log_prob) lies where a share of the draws does.
 *
 * A distribution that says both how it is drawn and what its log_prob is is drawn a few thousand times, in double, with parameters as they begin, and
 * log_prob is added up over the stretches between some of these draws: over whole numbers, over a line, by midpoints that lie as near as the draws do, or over a plane; twice as
 * far apart for what that is worth, and of which no one point may have much. Where this cannot be computed, or what has been added up is not certain, nothing is said. Start at mass_look(), at the bottom. */
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/own/graph.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"

#include <math.h>
#include <stdlib.h>

enum { DRAWN = 4096, BINS = 64, IN_BIN = 64, ON_LINE = BINS * IN_BIN, ON_SIDE = 72, MOST_VALUES = 4096, MOST_LOOKS = 3, STRETCHES = 4 };
static const double OFF = 0.05;                             /* of a share of DRAWN draws, of which one deviation is 0.008 */

typedef struct Mass {
    Ctx        *c;
    Dist       *d;
    Span        at;
    int64_t     each;                                       /* numbers in a draw, 1 or 2 */
    bool        whole;
    IrElem      elem;
    int         rank;
    Args        args;                                       /* numbers */
    double     *draw;                                       /* [DRAWN, each] */
} Mass;

/* ---- what is computed */

/* Of a value that varies over `axis` and perhaps over others: what it is for each along it, of the first of the others. */
static double *along(Lower *L, const IrVal *v, int axis, const double *x)
{
    int64_t each = ir_dims_size(&v->type), n = ir_extent(L->m, axis), inner = each;
    double *out = arena_array(L->work, double, n * each + 1);
    for (int i = v->type.axes.n; i-- > 0 && v->type.axes.id[i] != axis;) inner *= ir_extent(L->m, v->type.axes.id[i]);
    for (int64_t i = 0; i < n; i++) memcpy(out + i * each, x + i * inner, sizeof *x * (size_t)each);
    return out;
}

typedef struct Apart { Trial t; Ctx in; int axis, n_axes, n_slots, draws, pendings, evals; } Apart;

static void begin(Apart *a, Ctx *c, int64_t n)
{
    Lower *L = c->L;
    *a = (Apart){trial_begin(L, true), *c, 0, L->m->axes.n, L->m->slots.n, L->n_draws, L->pendings.n, L->n_evals};
    a->axis = ir_axis(L->m, "mass", n);
    a->in.axes = ir_one_axis(a->axis);
    a->in.path = "";
}

static void end(Apart *a)
{
    Lower *L = a->in.L;
    trial_end(L, &a->t);
    forget_axes(L->m, a->n_axes, a->n_slots);
    L->n_draws = a->draws, L->pendings.n = a->pendings, L->n_evals = a->evals;
}

/* What is computed elsewhere is a number here: the first of all samples. NULL: not known now. */
static Value *number_here(Ctx *c, Value *v)
{
    double *x;
    IrVal  *t = v->kind == V_TENSOR ? v->tensor.v : NULL;
    if (!t) return v;
    if (t->type.rank > 1 || t->type.elem == IR_BOOL || !now_numbers(c->L, &t, 1, NULL, 0, NOW_FIRST, &x)) return NULL;
    int64_t n = t->type.rank ? t->type.dim[0] : 1;
    Value **of = arena_array(c->L->a, Value *, n + 1);
    for (int64_t i = 0; i < n; i++) of[i] = ir_is_real(t->type.elem) ? val_real(c->L, x[i]) : val_int(c->L, (int64_t)x[i]);
    return t->type.rank ? val_list(c->L, of, (int)n) : of[0];
}

/* The arguments of the distribution as numbers. False: one is not known now. */
static bool see_arguments(Mass *m)
{
    const Closure *k = m->d->closure;
    AstList        params = k->def->define.params;
    if (k->def->define.n_lists > 1 || params.n > MAX_ARGS) return false;
    for (int i = 0; i < params.n; i++) {
        Value *v = scope_local(m->c, k->scope, params.v[i]->param.name);
        if (!v || !(v = number_here(m->c, v))) return false;
        m->args.v[i] = v, m->args.name[i] = params.v[i]->param.name, m->args.at[i] = m->at;
    }
    m->args.n = params.n;
    return true;
}

static Value *sample_of(const Mass *m, Ctx *in)
{
    Dist *d = declared_again(in, m->d, &m->args, m->at);
    return d ? dist_sample(in, d, NULL, m->at) : val_error(in->L);
}

static bool see_draws(Mass *m)
{
    Lower  *L = m->c->L;
    Apart   a;
    double *x = NULL;
    begin(&a, m->c, DRAWN);
    Value *v = sample_of(m, &a.in);
    IrVal *t = v->kind == V_TENSOR ? v->tensor.v : NULL;
    bool   ok = t && t->type.rank <= 1 && t->type.elem != IR_BOOL && ir_axes_within(ir_one_axis(a.axis), t->type.axes);
    m->each = ok ? ir_dims_size(&t->type) : 0;
    m->whole = ok && !ir_is_real(t->type.elem);
    ok = ok && m->each >= 1 && m->each <= (m->whole ? 1 : 2) && now_numbers(L, &t, 1, NULL, 0, NOW_FIRST, &x);
    if (ok) m->elem = t->type.elem, m->rank = t->type.rank, m->draw = along(L, t, a.axis, x);
    end(&a);
    return ok;
}

/* exp(log_prob) at n points. False: not known, or no number somewhere. */
static bool densities_at(const Mass *m, const double *x, int64_t n, double *out)
{
    Lower  *L = m->c->L;
    Apart   a;
    double *y = NULL;
    begin(&a, m->c, n);
    IrType t = ir_scalar(m->elem);
    t.axes = ir_one_axis(a.axis);
    t.rank = m->rank;
    if (m->rank) t.dim[0] = m->each;
    IrVal *z = fn_opaque(&a.in, t);
    Dist  *d = declared_again(&a.in, m->d, &m->args, m->at);
    Value *v = d ? as_settled(&a.in, dist_log_prob(&a.in, d, val_tensor(L, z), m->at), m->at) : val_error(L);
    IrVal *g = val_bad(v) || v->kind == V_RECORD ? NULL : as_real(&a.in, v, m->at);
    bool   ok = g && !g->type.rank;
    if (ok) g = ir_spread(fn_builder(&a.in), g, ir_axes_minus(ir_one_axis(a.axis), g->type.axes));
    ok = ok && now_numbers(L, &g, 1, &(NowGiven){z, x}, 1, NOW_FIRST, &y);
    if (ok) y = along(L, g, a.axis, y);
    end(&a);
    for (int64_t i = 0; i < n && ok; i++) ok = !isnan(y[i]) && y[i] < HUGE_VAL, out[i] = exp(y[i]);
    return ok;
}

/* ---- how much lies there */

typedef struct Sum { double all, half, doubt, most; } Sum;  /* of all points, and of every other one; how far these are apart; the most of one point */

static void add_point(Sum *s, int i, double mass)
{
    s->all += mass;
    s->half += i % 2 ? 0 : 2 * mass;
    s->most = fmax(s->most, mass);
}

static bool is_certain(const Sum *s)
{
    enum { LEAST = 200 };                                   /* points that have a share each */
    return fabs(s->half - s->all) + s->doubt <= 0.01 * fmax(1, s->all) && LEAST * s->most <= s->all;
}

/* Whole numbers from lo to hi. */
static bool mass_of_numbers(const Mass *m, double lo, double hi, double *mass)
{
    double x[MOST_VALUES] = {0}, p[MOST_VALUES];
    int    n = (int)(hi - lo) + 1;
    for (int i = 0; i < n; i++) x[i] = lo + i;
    *mass = 0;
    if (!densities_at(m, x, n, p)) return false;
    for (int i = 0; i < n; i++) *mass += p[i];
    return true;
}

/* Between two of the draws, which are in order: in bins with as many of them each. */
static bool mass_on_line(const Mass *m, const double *draw, int from, int to, double *mass)
{
    double x[ON_LINE] = {0}, p[ON_LINE], step[BINS];
    Sum    sum = {0};
    for (int b = 0; b < BINS; b++) {
        double lo = draw[from + (to - from) * b / BINS];
        step[b] = (draw[from + (to - from) * (b + 1) / BINS] - lo) / IN_BIN;
        for (int i = 0; i < IN_BIN; i++) x[b * IN_BIN + i] = lo + (i + 0.5) * step[b];
    }
    if (!densities_at(m, x, ON_LINE, p)) return false;
    for (int b = 0; b < BINS; b++) {
        Sum bin = {0};
        for (int i = 0; i < IN_BIN; i++) add_point(&bin, i, p[b * IN_BIN + i] * step[b]);
        sum.all += bin.all, sum.half += bin.all, sum.doubt += fabs(bin.half - bin.all), sum.most = fmax(sum.most, bin.most);
    }
    *mass = sum.all;
    return is_certain(&sum);
}

/* Over [lo[0], hi[0]] by [lo[1], hi[1]]. */
static bool mass_on_plane(const Mass *m, const double lo[2], const double hi[2], double *mass)
{
    enum { N = ON_SIDE * ON_SIDE };
    double *x = arena_array(m->c->L->work, double, 2 * N), *p = arena_array(m->c->L->work, double, N);
    double  size = (hi[0] - lo[0]) * (hi[1] - lo[1]) / N;
    Sum     sum = {0};
    for (int i = 0; i < N; i++) {
        x[2 * i] = lo[0] + (i / ON_SIDE + 0.5) * (hi[0] - lo[0]) / ON_SIDE;
        x[2 * i + 1] = lo[1] + (i % ON_SIDE + 0.5) * (hi[1] - lo[1]) / ON_SIDE;
    }
    if (!densities_at(m, x, N, p)) return false;
    for (int i = 0; i < N; i++) add_point(&sum, i / ON_SIDE + i, p[i] * size);
    *mass = sum.all;
    return is_certain(&sum);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The draws' numbers in place k, ascending. */
static double *sorted(const Mass *m, int k)
{
    double *x = arena_array(m->c->L->work, double, DRAWN);
    for (int i = 0; i < DRAWN; i++) x[i] = m->draw[i * m->each + k];
    qsort(x, DRAWN, sizeof *x, by_size);
    return x;
}

/* The share of the draws within. */
static double share_within(const Mass *m, const double *lo, const double *hi)
{
    int n = 0;
    for (int i = 0; i < DRAWN; i++) {
        bool in = true;
        for (int k = 0; k < m->each; k++) in = in && m->draw[i * m->each + k] >= lo[k] && m->draw[i * m->each + k] <= hi[k];
        n += in;
    }
    return (double)n / DRAWN;
}

/* A value that comes again and again, as of max(0, x), has a probability of its own, and no density. (Draws of 24 bits meet now and then.) */
static bool has_atoms(const double *x)
{
    enum { AGAIN = 6 };
    for (int i = AGAIN; i < DRAWN; i++)
        if (x[i] == x[i - AGAIN]) return true;
    return false;
}

typedef struct Found { double lo[2], hi[2], share, mass; } Found;

static bool is_off(const Found *f) { return fabs(f->mass - f->share) > OFF * fmax(1, f->mass); }

/* All that are drawn. */
static bool look_at_numbers(const Mass *m, Found *f, int *n)
{
    const double *x = sorted(m, 0);
    if (!isfinite(x[0]) || !isfinite(x[DRAWN - 1]) || x[DRAWN - 1] - x[0] >= MOST_VALUES) return false;
    *n = 1;
    *f = (Found){.lo = {x[0]}, .hi = {x[DRAWN - 1]}, .share = 1};
    return mass_of_numbers(m, x[0], x[DRAWN - 1], &f->mass);
}

/* All of it, and its parts. */
static bool look_on_line(const Mass *m, Found *f, int *n)
{
    static const int ends[STRETCHES + 1] = {DRAWN / 100, DRAWN / 4, DRAWN / 2, 3 * DRAWN / 4, DRAWN - 1 - DRAWN / 100};
    const double *x = sorted(m, 0);
    if (!isfinite(x[0]) || !isfinite(x[DRAWN - 1]) || has_atoms(x)) return false;
    for (int i = 0; i <= STRETCHES; i++) {
        int from = ends[i ? i - 1 : 0], to = ends[i ? i : STRETCHES];
        Found *a = &f[(*n)++];
        *a = (Found){.lo = {x[from]}, .hi = {x[to]}};
        a->share = share_within(m, a->lo, a->hi);
        if (!mass_on_line(m, x, from, to, &a->mass)) return false;
    }
    return true;
}

static bool look_on_plane(const Mass *m, Found *f, int *n)
{
    const double *x = sorted(m, 0), *y = sorted(m, 1);
    if (!isfinite(x[0] + x[DRAWN - 1] + y[0] + y[DRAWN - 1]) || has_atoms(x) || has_atoms(y)) return false;
    int end = DRAWN / 50;
    Found *a = &f[(*n)++];
    *a = (Found){.lo = {x[end], y[end]}, .hi = {x[DRAWN - 1 - end], y[DRAWN - 1 - end]}};
    a->share = share_within(m, a->lo, a->hi);
    return mass_on_plane(m, a->lo, a->hi, &a->mass);
}

/* ---- what is said */

static const char *place_text(Lower *L, const Mass *m, const Found *f)
{
    if (m->each == 2) return strf(L, "between [%.4g, %.4g] and [%.4g, %.4g]", f->lo[0], f->lo[1], f->hi[0], f->hi[1]);
    return strf(L, "%s %.4g %s %.4g", m->whole ? "from" : "between", f->lo[0], m->whole ? "to" : "and", f->hi[0]);
}

/* By the same factor everywhere? */
static bool is_factor(const Found *f, int n)
{
    for (int i = 0; i < n; i++)
        if (!(fabs(f[i].mass / f[i].share * f[0].share / f[0].mass - 1) < 0.1)) return false;
    return true;
}

static void say(const Mass *m, const Found *f, int n, int i)
{
    Lower      *L = m->c->L;
    const Ast  *def = m->d->closure->def;
    AstList     s = def->define.body->block.stmts;
    Span        at = def->define.name_span;
    for (int k = 0; k < s.n; k++)
        if (s.v[k]->kind == AST_MEMBER && !strcmp(s.v[k]->member.name, "log_prob")) at = s.v[k]->member.name_span;
    Diag *d = diag_warning(L->diags, at, W321, "the log_prob of %s is not that of its draws: a share of %.3g of them lies %s, and the %s of exp(log_prob) over that is %.3g", m->d->closure->name,
                           f[i].share, place_text(L, m, &f[i]), m->whole ? "sum" : "integral", f[i].mass);
    diag_note(d, m->at, "seen where it is asked for here");
    if (is_factor(f, n) && f[0].mass > 0)
        diag_hint(d, "it is too %s by the same number everywhere, about %.3g: log_prob is the logarithm of a density whose integral is 1", f[0].mass > f[0].share ? "large" : "small", fabs(log(f[0].mass / f[0].share)));
    else diag_hint(d, "log_prob(x) is the logarithm of the density at x of what sample draws; what differs is the one or the other");
}

static bool may_look(Ctx *c, const Dist *d)
{
    Lower *L = c->L;
    int    looks = 0;
    if (!L->fn || L->trials || L->guess || in_library(L, d->closure->def->span) || !scope_local(c, d->closure->scope, "sample")) return false;
    for (int i = 0; i < L->weighed.n; i++) looks += L->weighed.v[i] == d->closure->def;
    if (looks >= MOST_LOOKS) return false;
    array_push(L->a, &L->weighed, d->closure->def);
    return true;
}

void mass_look(Ctx *c, Dist *d, Span at)
{
    Mass  m = {.c = c, .d = d, .at = at};
    Found f[STRETCHES + 1];
    int   n = 0;
    if (!may_look(c, d) || !see_arguments(&m) || !see_draws(&m) || dist_measure(c, d, at) != (m.whole ? MEASURE_COUNTING : MEASURE_LEBESGUE)) return;
    if (!(m.whole ? look_at_numbers(&m, f, &n) : m.each == 1 ? look_on_line(&m, f, &n) : look_on_plane(&m, f, &n))) return;
    for (int i = 0; i < n; i++) {
        if (!is_off(&f[i])) continue;
        say(&m, f, n, i);
        for (int k = 0; k < MOST_LOOKS; k++) array_push(c->L->a, &c->L->weighed, d->closure->def);      /* that is said once */
        return;
    }
}
