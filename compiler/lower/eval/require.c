/* require.c - what definitions require of what they are given, `require convex(f)`, and what they would rather have, `prefer near(f(1), 0)`.
 *
 * A condition is found out when the program is compiled, where the definition is applied. Numbers known then are compared as they are; what is
 * computed is run by itself, with parameters as they begin (now.c). Conditions on functions look at points, and give a counter-example along
 * (Value.why). A function that cannot be evaluated at numbers is taken at its word. Start at eval_require(), at the bottom. */
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/eval/builtin.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/eval/watch.h"
#include "compiler/lower/own/graph.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"

#include <math.h>

static Value *holds(Lower *L) { return val_bool(L, true); }

static Value *fails(Lower *L, const char *why)
{
    Value *v = val_bool(L, false);
    v->why = why;
    return v;
}

/* Why f cannot be applied to n arguments, as far as that is seen before it is; NULL: nothing is against it. */
static const char *wrong_arity(Lower *L, const Value *f, int n)
{
    if (f->kind != V_FUNCTION || f->fn.kind != F_CLOSURE) return NULL;
    AstList params = call_params(f);
    int needed = 0;
    for (int i = 0; i < params.n; i++) needed += !params.v[i]->param.value && !params.v[i]->param.draw;
    if (needed <= n && n <= params.n) return NULL;
    int takes = needed > n ? needed : params.n;
    return strf(L, "the function takes %d argument%s, and is given %d", takes, takes == 1 ? "" : "s", n);
}

/* ---- what held before: each use of a comparison asks again, mostly of the same functions ------------------------------ */

static bool same_span(Span a, Span b) { return a.file == b.file && a.begin == b.begin && a.end == b.end; }

static bool is_held(Lower *L, const Held *h, const Call *k)
{
    bool same = same_span(h->at, k->at);
    for (int i = 0; i < 4 && same; i++) same = h->v[i] && k->v[i] ? first_surely_equal(L, h->v[i], k->v[i]) : h->v[i] == k->v[i];
    return same;
}

static bool held_before(Lower *L, const Call *k)
{
    bool held = false;
    for (int i = 0; i < L->held.n && !held; i++) held = is_held(L, &L->held.v[i], k);
    return held;
}

/* It was looked at. */
static Value *seen_to_hold(Lower *L, const Call *k)
{
    Held h = {.at = k->at};
    for (int i = 0; i < 4; i++) h.v[i] = k->v[i];
    array_push(L->a, &L->held, h);
    return holds(L);
}

/* ---- functions at numbers ----------------------------------------------------------------------------------------- */

enum { MOST_POINTS = 64 };

typedef struct Computed { IrVal *v[MOST_POINTS]; int at[MOST_POINTS]; int n; } Computed;      /* values that must be run, and which they are */

static bool apply_at(Ctx *c, Value *f, Args *args, const Call *k, int i, double *y, Computed *run)
{
    Value *v = apply(c, f, args, k->site, k->at);
    v = val_bad(v) ? v : as_settled(c, v, k->at);
    if (val_is_number(v)) return y[i] = val_number(v), true;
    IrVal *t = v->kind == V_TENSOR || v->kind == V_SLOT || v->kind == V_LIST ? as_real(c, v, k->at) : NULL;
    if (!t || t->type.rank || t->type.axes.n) return false;
    run->v[run->n] = t;
    run->at[run->n++] = i;
    return true;
}

static bool run_computed(Lower *L, const Computed *run, double *y)
{
    double *out[MOST_POINTS];
    if (!run->n) return true;
    if (!now_numbers(L, run->v, run->n, NULL, 0, NOW_FIRST, out)) return false;
    for (int i = 0; i < run->n; i++) y[run->at[i]] = out[i][0];
    return true;
}

/* y[i] of the i-th arguments; false when one is not known now. What f computes is dropped, and its errors are not judged here. */
static bool known_of(Ctx *c, Value *f, Args *args, int n, const Call *k, double *y)
{
    Lower *L = c->L;
    Trial t = trial_begin(L, true);
    Computed run = {.n = 0};
    int pendings = L->pendings.n, draws = L->n_draws, evals = L->n_evals;
    bool ok = !L->guess;
    for (int i = 0; i < n && ok; i++) ok = apply_at(c, f, &args[i], k, i, y, &run);
    ok = ok && run_computed(L, &run, y);
    trial_end(L, &t);
    L->pendings.n = pendings;
    L->n_draws = draws;
    L->n_evals = evals;
    return ok;
}

/* The same; false, too, when one is not finite. */
static bool numbers_of(Ctx *c, Value *f, Args *args, int n, const Call *k, double *y)
{
    bool ok = known_of(c, f, args, n, k, y);
    for (int i = 0; i < n && ok; i++) ok = isfinite(y[i]);
    return ok;
}

static bool known_at(Ctx *c, Value *f, const double *x, int n, const Call *k, double *y)
{
    Args args[MOST_POINTS];
    for (int i = 0; i < n; i++) args[i] = (Args){.n = 1, .v = {val_real(c->L, x[i])}, .at = {k->at}};
    return known_of(c, f, args, n, k, y);
}

static bool numbers_at(Ctx *c, Value *f, const double *x, int n, const Call *k, double *y)
{
    bool ok = known_at(c, f, x, n, k, y);
    for (int i = 0; i < n && ok; i++) ok = isfinite(y[i]);
    return ok;
}

void forget_axes(IrModule *m, int n_axes, int n_slots)
{
    while (m->slots.n == n_slots && m->axes.n > n_axes) names_put(&m->axis_at, m->axes.v[--m->axes.n].name, -1);
}

/* The same of a derivative, which is worth making only once: of samples, which are given the numbers. */
static bool slopes_at_once(Ctx *c, Value *prime, const double *x, int n, const Call *k, double *y)
{
    Lower *L = c->L;
    Trial t = trial_begin(L, true);
    Ctx in = *c;
    int n_axes = L->m->axes.n, n_slots = L->m->slots.n, axis = ir_axis(L->m, "at", n), pendings = L->pendings.n, draws = L->n_draws, evals = L->n_evals;
    double *out = NULL;
    IrType number = ir_scalar(L->m->real);
    number.axes = in.axes = ir_one_axis(axis);
    IrVal *z = fn_opaque(&in, number);
    Value *v = as_settled(&in, apply1(&in, prime, val_tensor(L, z), k->site, k->at), k->at);
    IrVal *g = val_bad(v) || v->kind == V_RECORD ? NULL : as_real(&in, v, k->at);
    bool ok = !L->guess && g && !g->type.rank && ir_axes_within(g->type.axes, in.axes);
    if (ok) g = ir_spread(fn_builder(&in), g, ir_axes_minus(in.axes, g->type.axes));
    ok = ok && now_numbers(L, &g, 1, &(NowGiven){z, x}, 1, NOW_FIRST, &out);
    trial_end(L, &t);
    forget_axes(L->m, n_axes, n_slots);
    L->pendings.n = pendings;
    L->n_draws = draws;
    L->n_evals = evals;
    for (int i = 0; i < n && ok; i++) ok = isfinite(y[i] = out[i]);
    return ok;
}

/* A function that chooses by its number, `if u < 1 { .. }`, has a derivative at a number that is known alone. */
static bool slopes_at(Ctx *c, Value *f, int order, const double *x, int n, const Call *k, double *y)
{
    Value *prime = val_prime(c->L, f, order);
    return slopes_at_once(c, prime, x, n, k, y) || numbers_at(c, prime, x, n, k, y);
}

static const char *text_of(Lower *L, double x) { return isnan(x) ? "nan" : strf(L, "%.9g", x); }

/* ---- convexity: over the ratios 1e-4 to 1e4, and closer around 1, where p is like q, whether the chord between two points lies above f between them ---- */

enum { RATIOS = 49 };

static void ratios(double *x, double from, double to)
{
    for (int i = 0; i < RATIOS; i++) x[i] = from * pow(to / from, (double)i / (RATIOS - 1));
}

static const char *between(Lower *L, double a, double m, double b, double fm, double chord, const char *is)
{
    return strf(L, "at %s it is %s, %s the chord from %s to %s, which is %s there", text_of(L, m), text_of(L, fm), is, text_of(L, a),
                text_of(L, b), text_of(L, chord));
}

/* A chord that f lies on, to the last digits: is f straight there? Where it bends less and less towards an end, numbers end before it does, as those of exp(-u) + u do. A
 * straight piece begins at once, beside a chord that is seen to be above f; or is all of a range that is wide; or f bends on both sides of it, and it is wide: about 1,
 * (u - 1)^20 + u lies on short ones. bend: of each chord, how far it is above f, of f's size there. */
static int straight(const double *bend, int n, bool wide_range, bool wide)
{
    const double none = 1e-13, plain = 1e-4;
    int          on = -1, first = n, last = -1, zeros = 0;  /* first, last: that are above f */
    for (int i = 0; i < n; i++) {
        zeros += bend[i] <= none;
        if (bend[i] > none) first = i < first ? i : first, last = i;
    }
    for (int i = 0; i < n && on < 0; i++) {
        bool beside = (i && bend[i - 1] > plain) || (i + 1 < n && bend[i + 1] > plain), between = wide && first < i && i < last;
        if (bend[i] <= none && (beside || between)) on = i;
    }
    return zeros == n && wide_range ? 0 : on;
}

/* Of the chords over `step` intervals. NULL: none is at fault. */
static const char *chords(Ctx *c, const Call *k, const double *x, const double *y, int step, bool strictly, bool *known)
{
    double m[MOST_POINTS], fm[MOST_POINTS], chord[MOST_POINTS], bend[MOST_POINTS], most = 0;
    int n = RATIOS - step;
    for (int i = 0; i < n; i++) m[i] = (x[i] + x[i + step]) / 2;
    *known = numbers_at(c, k->v[0], m, n, k, fm);
    if (!*known) return NULL;
    for (int i = 0; i < RATIOS; i++) most = fmax(most, fabs(y[i]));
    for (int i = 0; i < n; i++) {
        double scale = fabs(y[i]) + fabs(fm[i]) + fabs(y[i + step]);
        chord[i] = (y[i] + y[i + step]) / 2;
        bend[i] = scale ? (chord[i] - fm[i]) / scale : 0;
        if (fm[i] - chord[i] > 1e-9 * scale) return between(c->L, x[i], m[i], x[i + step], fm[i], chord[i], "above");
        if (scale && scale < 1e-30 * most) bend[i] = NAN;           /* so far down 0 is near, and says nothing */
    }
    int i = strictly ? straight(bend, n, x[RATIOS - 1] > 1.5 * x[0], x[step] > 1.5 * x[0]) : -1;
    return i < 0 ? NULL : between(c->L, x[i], m[i], x[i + step], fm[i], chord[i], "on");
}

/* Of the chords between ratios of a range, from neighbours to those `most` apart. */
static const char *not_convex(Ctx *c, const Call *k, double from, double to, int most, bool strictly, bool *known)
{
    double x[RATIOS], y[RATIOS];
    const char *why = NULL;
    ratios(x, from, to);
    *known = numbers_at(c, k->v[0], x, RATIOS, k, y);
    for (int step = 1; step <= most && *known && !why; step *= 2) why = chords(c, k, x, y, step, strictly, known);
    return why;
}

static Value *seen_convex(Ctx *c, const Call *k, const char *name, bool strictly)
{
    bool far, near, close = true;
    if (!callable(k->v[0])) return mistake(c, k, name, "a function of one number", k->v[0]);
    const char *arity = wrong_arity(c->L, k->v[0], 1);
    if (arity) return fails(c->L, arity);
    if (held_before(c->L, k)) return holds(c->L);
    const char *why = not_convex(c, k, 1e-4, 1e4, RATIOS - 1, strictly, &far);
    if (!why) why = not_convex(c, k, 0.25, 4, strictly ? 8 : 2, strictly, &near);
    if (!why && strictly) why = not_convex(c, k, 0.9, 1.1, 1, strictly, &close);
    return why ? fails(c->L, why) : far && near && close ? seen_to_hold(c->L, k) : holds(c->L);
}

Value *builtin_convex(Ctx *c, const Call *k) { return seen_convex(c, k, "convex", false); }
Value *builtin_strictly_convex(Ctx *c, const Call *k) { return seen_convex(c, k, "strictly_convex", true); }

/* Is f'' above 0 somewhere? A function of straight pieces has no slope that a critic could learn from. */
Value *builtin_curved(Ctx *c, const Call *k)
{
    double x[RATIOS], y[RATIOS];
    if (k->v[0]->kind != V_FUNCTION) return mistake(c, k, "curved", "a function of one number", k->v[0]);
    if (held_before(c->L, k)) return holds(c->L);
    ratios(x, 1e-4, 1e4);
    if (!slopes_at(c, k->v[0], 2, x, RATIOS, k, y)) return holds(c->L);
    for (int i = 0; i < RATIOS; i++)
        if (y[i] > 0) return seen_to_hold(c->L, k);
    return fails(c->L, "its second derivative is above 0 nowhere from 0.0001 to 10000");
}

/* ---- slopes ------------------------------------------------------------------------------------------------------- */

Value *builtin_same_slope(Ctx *c, const Call *k)
{
    enum { N = 13 };
    double x[N], a[N], b[N];
    for (int i = 0; i < 2; i++)
        if (k->v[i]->kind != V_FUNCTION) return mistake(c, k, "same_slope", "two functions of one number", k->v[i]);
    if (held_before(c->L, k)) return holds(c->L);
    for (int i = 0; i < N; i++) x[i] = -3 + 0.5 * i + 0.01;
    if (!slopes_at(c, k->v[0], 1, x, N, k, a) || !slopes_at(c, k->v[1], 1, x, N, k, b)) return holds(c->L);
    for (int i = 0; i < N; i++)
        if (fabs(a[i] - b[i]) > 1e-6 * fmax(1, fabs(a[i]) + fabs(b[i])))
            return fails(c->L, strf(c->L, "at %s the slope of one is %s, and of the other %s", text_of(c->L, x[i]), text_of(c->L, a[i]),
                                    text_of(c->L, b[i])));
    return seen_to_hold(c->L, k);
}

/* ---- scores: what is true with probability p is told best by saying p --------------------------------------------- */

Value *builtin_proper(Ctx *c, const Call *k)
{
    enum { N = 19 };
    double p[N], yes[N], no[N];
    Args a[N], b[N];
    Lower *L = c->L;
    if (!callable(k->v[0])) return mistake(c, k, "proper", "a score(d, real): what saying d costs, when it is real and when it is not", k->v[0]);
    const char *arity = wrong_arity(L, k->v[0], 2);
    if (arity) return fails(L, arity);
    if (held_before(L, k)) return holds(L);
    for (int i = 0; i < N; i++) {
        p[i] = 0.05 * (i + 1);
        a[i] = b[i] = (Args){.n = 2, .v = {val_real(L, p[i]), val_bool(L, true)}, .at = {k->at, k->at}};
        b[i].v[1] = val_bool(L, false);
    }
    if (!numbers_of(c, k->v[0], a, N, k, yes) || !numbers_of(c, k->v[0], b, N, k, no)) return holds(L);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            double right = p[i] * yes[i] + (1 - p[i]) * no[i], other = p[i] * yes[j] + (1 - p[i]) * no[j];
            if (i == j || other - right > 1e-12 * (fabs(right) + fabs(other))) continue;
            return fails(L, strf(L, "where %s of the samples are real, saying %s costs %s, and saying %s no more than %s", text_of(L, p[i]),
                                 text_of(L, p[i]), text_of(L, right), text_of(L, p[j]), text_of(L, other)));
        }
    return seen_to_hold(L, k);
}

/* ---- kernels ------------------------------------------------------------------------------------------------------ */

enum { DRAWS = 12 };

/* Matrices of the kernel at n points, of which a matrix has room for MOST_SEEN. */
enum { MOST_SEEN = 64 };
typedef double Matrix[MOST_SEEN][MOST_SEEN];

/* The least eigenvalue of a symmetric matrix, which is spoilt (Jacobi's rotations), and the largest in size. */
static double least_eigenvalue(Matrix a, int n, double *largest)
{
    for (int sweep = 0; sweep < 30; sweep++)
        for (int p = 0; p < n; p++)
            for (int q = p + 1; q < n; q++) {
                if (a[p][q] == 0) continue;
                double theta = (a[q][q] - a[p][p]) / (2 * a[p][q]), t = (theta < 0 ? -1 : 1) / (fabs(theta) + hypot(theta, 1));
                double co = 1 / hypot(t, 1), si = t * co;
                for (int i = 0; i < n; i++) {
                    double x = a[i][p], y = a[i][q];
                    a[i][p] = co * x - si * y;
                    a[i][q] = si * x + co * y;
                }
                for (int i = 0; i < n; i++) {
                    double x = a[p][i], y = a[q][i];
                    a[p][i] = co * x - si * y;
                    a[q][i] = si * x + co * y;
                }
            }
    double least = a[0][0];
    *largest = 0;
    for (int i = 0; i < n; i++) least = fmin(least, a[i][i]), *largest = fmax(*largest, fabs(a[i][i]));
    return least;
}

/* Has it no eigenvalue below -shift? It has a triangular root with shift added to its diagonal, but for rounding (Cholesky). False: perhaps it has. */
static bool is_above(Matrix a, int n, double shift)
{
    Matrix root;
    for (int i = 0; i < n; i++)
        for (int j = 0; j <= i; j++) {
            double x = a[i][j] + (i == j ? shift : 0);
            for (int k = 0; k < j; k++) x -= root[i][k] * root[j][k];
            if (i == j && !(x > 0)) return false;
            root[i][j] = i == j ? sqrt(x) : x / root[j][j];
        }
    return true;
}

/* Draws of p, or n points of such a shape: numbers that stand for draws. */
typedef struct Points { Dist *p; IrType type; int n; int64_t each; const double *at; const char *said; } Points;

/* The values x[i] and y[j]; false: a draw is not known now. */
static bool both_points(Ctx *in, const Call *k, const Points *p, int one, int other, Value **x, Value **y, NowGiven given[2])
{
    IrType t = p->type;
    if (p->at) {
        t.axes = ir_one_axis(one);
        given[0] = (NowGiven){fn_opaque(in, t), p->at};
        t.axes = ir_one_axis(other);
        given[1] = (NowGiven){fn_opaque(in, t), p->at};
        *x = val_tensor(in->L, (IrVal *)given[0].v), *y = val_tensor(in->L, (IrVal *)given[1].v);
    } else {
        *x = dist_sample(in, p->p, NULL, k->at);
        *y = val_bad(*x) ? *x : sample_stack(in, *x, in->axes, k->at);
    }
    in->axes = ir_axes_add(in->axes, other);
    if (!p->at && !val_bad(*y)) *y = sample_rows(in, *y, other, k->at);
    return !val_bad(*x) && !val_bad(*y);
}

/* The kernel of each point with each, row by row; NULL: it is not known now, or something in it is wrong by itself, which is said where it is used. */
static double *gram(Ctx *c, const Call *k, const Points *p)
{
    Lower *L = c->L;
    Trial t = trial_begin(L, true);
    Ctx in = *c;
    int n_axes = L->m->axes.n, n_slots = L->m->slots.n;
    int one = ir_axis(L->m, "first", p->n), other = ir_axis(L->m, "second", p->n), draws = L->n_draws;
    double *out = NULL;
    NowGiven given[2];
    in.axes = ir_one_axis(one);
    in.path = "";
    Args args = {.n = 2, .at = {k->at, k->at}};
    bool   both = both_points(&in, k, p, one, other, &args.v[0], &args.v[1], given);
    Value *v = both ? as_settled(&in, apply(&in, k->v[0], &args, k->site, k->at), k->at) : NULL;
    IrVal *g = !v || val_bad(v) || v->kind == V_RECORD ? NULL : as_real(&in, v, k->at);
    if (g && !g->type.rank && ir_axes_within(g->type.axes, in.axes)) {
        g = ir_spread(fn_builder(&in), g, ir_axes_minus(in.axes, g->type.axes));
        if (!now_numbers(L, &g, 1, given, p->at ? 2 : 0, NOW_FIRST, &out)) out = NULL;
    }
    if (diags_failed(L->diags)) out = NULL;
    trial_end(L, &t);
    forget_axes(L->m, n_axes, n_slots);
    L->n_draws = draws;
    return out;
}

static void center(Matrix a, int n)
{
    double row[MOST_SEEN] = {0}, all = 0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) row[i] += a[i][j] / n, all += a[i][j] / (n * n);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) a[i][j] += all - row[i] - row[j];
}

/* NULL: nothing is against it. */
static const char *not_positive(Lower *L, const double *g, const Points *p, bool centered)
{
    Matrix a = {0};
    int    n = p->n;
    double largest, most = 0, rounding = 0;                 /* of the kernel's own numbers, of which centering leaves a difference */
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            double x = g[i * n + j], y = g[j * n + i];
            if (!isfinite(x)) return p->at ? NULL : strf(L, "of two %s it is %s", p->said, text_of(L, x));
            if (fabs(x - y) > 1e-9 * (fabs(x) + fabs(y)))
                return strf(L, "of two %s it is %s, and of the same two in the other order %s", p->said, text_of(L, x), text_of(L, y));
            a[i][j] = x;
            rounding = fmax(rounding, 1e-12 * fabs(x));
        }
    if (centered) center(a, n);
    for (int i = 0; i < n; i++) most = fmax(most, fabs(a[i][i]));
    if (is_above(a, n, 1e-9 * most + rounding)) return NULL;        /* most is not above the largest */
    double least = least_eigenvalue(a, n, &largest);
    if (least >= -1e-9 * largest - rounding) return NULL;
    return strf(L, "over %d %s there are weights w%s, of length 1, with which the sum of w[i] * w[j] * k(x[i], x[j]) is %s", n, p->said,
                centered ? " whose sum is 0" : "", text_of(L, least));
}

/* ---- points around draws, in a lattice: what no dozen of draws shows, a kernel of the line that is none of the plane, shows where they are near and many;
 * one that is none for slow waves, where they are far and many */

/* The numbers of a few draws, and what one is; NULL: they are no tensors of reals, or not known now. */
static const double *numbers_of_draws(Ctx *c, const Call *k, Dist *p, IrType *type)
{
    Lower *L = c->L;
    Trial t = trial_begin(L, true);
    Ctx in = *c;
    int n_axes = L->m->axes.n, n_slots = L->m->slots.n, draws = L->n_draws;
    double *out = NULL;
    in.axes = ir_one_axis(ir_axis(L->m, "first", DRAWS));
    in.path = "";
    Value *x = dist_sample(&in, p, NULL, k->at);
    bool   is = x->kind == V_TENSOR && ir_is_real(x->tensor.v->type.elem) && ir_axes_equal(x->tensor.v->type.axes, in.axes);
    if (is) *type = x->tensor.v->type;
    if (!is || !now_numbers(L, &x->tensor.v, 1, NULL, 0, NOW_FIRST, &out)) out = NULL;
    trial_end(L, &t);
    forget_axes(L->m, n_axes, n_slots);
    L->n_draws = draws;
    return out;
}

/* Directions from the first draw to others, each at right angles to those before, and the first one's length; how many there are. */
static int directions(const double *x, int64_t each, int most, double *out, double *length)
{
    int n = 0;
    for (int i = 1; i < DRAWS && n < most; i++) {
        double *d = out + n * each, squares = 0;
        for (int64_t e = 0; e < each; e++) d[e] = x[i * each + e] - x[e];
        for (int k = 0; k < n; k++) {
            double along = 0;
            for (int64_t e = 0; e < each; e++) along += d[e] * out[k * each + e];
            for (int64_t e = 0; e < each; e++) d[e] -= along * out[k * each + e];
        }
        for (int64_t e = 0; e < each; e++) squares += d[e] * d[e];
        if (!n) *length = sqrt(squares);
        if (!(sqrt(squares) > 1e-6 * *length)) continue;
        for (int64_t e = 0; e < each; e++) d[e] /= sqrt(squares);
        n++;
    }
    return n;
}

/* 64 points in a row, 8 by 8, or 4 by 4 by 4, so far apart. */
static void lattice(const double *x, int64_t each, const double *along, int n_along, double step, double *out)
{
    int side = n_along == 3 ? 4 : n_along == 2 ? 8 : MOST_SEEN;
    for (int i = 0; i < MOST_SEEN; i++)
        for (int64_t e = 0; e < each; e++) {
            double at = x[e];
            for (int k = 0, rest = i; k < n_along; k++, rest /= side) at += step * (rest % side - (side - 1) / 2.0) * along[k * each + e];
            out[i * each + e] = at;
        }
}

static const char *not_positive_around(Ctx *c, const Call *k, Dist *p, bool centered)
{
    enum { MOST_NUMBERS = 64, STEPS = 5 };
    Lower        *L = c->L;
    Points        at = {.p = p, .n = MOST_SEEN, .said = strf(L, "points around draws of %s", dist_text(L, p))};
    const double *x = numbers_of_draws(c, k, p, &at.type);
    double        length = 0;
    at.each = x ? ir_dims_size(&at.type) : 0;
    if (at.each < 1 || at.each > MOST_NUMBERS) return NULL;
    double *along = arena_array(L->work, double, 3 * at.each), *points = arena_array(L->work, double, MOST_SEEN * at.each);
    int     most = directions(x, at.each, 3, along, &length);
    at.at = points;
    for (int n = 1; n <= most; n++)
        for (int i = 0; i < STEPS; i++) {
            lattice(x, at.each, along, n, length * pow(10, -(double)i / STEPS), points);
            double     *g = gram(c, k, &at);
            const char *why = g ? not_positive(L, g, &at, centered) : NULL;
            if (why || !g) return why;
        }
    return NULL;
}

Value *builtin_positive_semidefinite(Ctx *c, const Call *k)
{
    if (!callable(k->v[0])) return mistake(c, k, "positive_semidefinite", "a function of two samples", k->v[0]);
    for (int i = 2; i < 4; i++)
        if (k->v[i] && k->v[i]->kind != V_BOOL) return mistake(c, k, "positive_semidefinite", i == 2 ? "centered: true or false" : "around: true or false", k->v[i]);
    const char *arity = wrong_arity(c->L, k->v[0], 2);
    if (arity) return fails(c->L, arity);
    Dist *p = as_dist(c, k->v[1], k->at);
    if (!p) return val_error(c->L);
    if (c->L->guess || held_before(c->L, k)) return holds(c->L);
    bool        centered = k->v[2] && k->v[2]->b;
    Points      drawn = {.p = p, .n = DRAWS, .said = strf(c->L, "draws of %s", dist_text(c->L, p))};
    double     *g = gram(c, k, &drawn);
    const char *why = g ? not_positive(c->L, g, &drawn, centered) : NULL;
    if (g && !why && k->v[3] && k->v[3]->b) why = not_positive_around(c, k, p, centered);
    return why ? fails(c->L, why) : g ? seen_to_hold(c->L, k) : holds(c->L);
}

/* ---- logits: what is a probability by how it is made is none ------------------------------------------------------- */

static bool is_share(Ctx *c, Value *v, Span at)
{
    IrVal *t = v->kind == V_TENSOR || (v->kind == V_LIST && !val_static(v)) ? as_real(c, v, at) : NULL;
    return t && watch_is_share(t);
}

/* f of a draw of p. */
static bool gives_share(Ctx *c, const Call *k, Dist *p)
{
    Lower *L = c->L;
    Trial t = trial_begin(L, true);
    Ctx in = *c;
    int n_axes = L->m->axes.n, n_slots = L->m->slots.n, draws = L->n_draws, pendings = L->pendings.n, evals = L->n_evals;
    in.axes = ir_one_axis(ir_axis(L->m, "first", 1));
    in.path = "";
    Value *x = dist_sample(&in, p, NULL, k->at), *y = val_bad(x) ? x : as_settled(&in, apply1(&in, k->v[0], x, k->site, k->at), k->at);
    bool share = !val_bad(y) && is_share(&in, y, k->at);
    trial_end(L, &t);
    forget_axes(L->m, n_axes, n_slots);
    L->n_draws = draws;
    L->pendings.n = pendings;
    L->n_evals = evals;
    return share;
}

Value *builtin_no_share(Ctx *c, const Call *k)
{
    Dist *p = k->v[1] && callable(k->v[0]) && !c->L->guess ? as_dist(c, k->v[1], k->at) : NULL;
    bool share = p ? gives_share(c, k, p) : !k->v[1] && is_share(c, k->v[0], k->at);
    return share ? fails(c->L, "it is from 0 to 1, whatever is drawn and learned") : holds(c->L);
}

/* ---- functions that have a value: none is nan or infinite ------------------------------------------------------------- */

/* Of one number. */
static Value *defined_at_numbers(Ctx *c, const Call *k)
{
    enum { N = 33 };
    double x[N], y[N];
    const char *arity = wrong_arity(c->L, k->v[0], 1);
    if (arity) return fails(c->L, arity);
    if (held_before(c->L, k)) return holds(c->L);
    for (int i = 0; i < N; i++) x[i] = 0.5 * i - 8 + 0.01;
    if (!known_at(c, k->v[0], x, N, k, y)) return holds(c->L);
    for (int i = 0; i < N; i++)
        if (!isfinite(y[i])) return fails(c->L, strf(c->L, "at %s it is %s", text_of(c->L, x[i]), text_of(c->L, y[i])));
    return seen_to_hold(c->L, k);
}

/* Of draws. */
static Value *defined_at_draws(Ctx *c, const Call *k, Dist *p)
{
    Lower *L = c->L;
    if (held_before(L, k)) return holds(L);
    Trial t = trial_begin(L, true);
    Ctx in = *c;
    int n_axes = L->m->axes.n, n_slots = L->m->slots.n, draws = L->n_draws, pendings = L->pendings.n, evals = L->n_evals;
    double *out = NULL;
    int64_t without = 0, n = 0;
    in.axes = ir_one_axis(ir_axis(L->m, "first", DRAWS));
    in.path = "";
    Value *x = dist_sample(&in, p, NULL, k->at), *y = val_bad(x) ? x : as_settled(&in, apply1(&in, k->v[0], x, k->site, k->at), k->at);
    IrVal *v = val_bad(y) || y->kind == V_RECORD ? NULL : as_real(&in, y, k->at);
    bool   known = v && ir_axes_within(v->type.axes, in.axes) && now_numbers(L, &v, 1, NULL, 0, NOW_FIRST, &out);
    if (known) n = now_size(L, v);
    for (int64_t i = 0; i < n; i++) without += !isfinite(out[i]);
    trial_end(L, &t);
    forget_axes(L->m, n_axes, n_slots);
    L->n_draws = draws;
    L->pendings.n = pendings;
    L->n_evals = evals;
    if (without) return fails(L, strf(L, "of %lld draws of %s it is not finite at %lld", (long long)n, dist_text(L, p), (long long)without));
    return known ? seen_to_hold(L, k) : holds(L);
}

Value *builtin_defined(Ctx *c, const Call *k)
{
    if (!callable(k->v[0])) return mistake(c, k, "defined", k->v[1] ? "a function of a sample" : "a function of one number", k->v[0]);
    if (c->L->guess) return holds(c->L);
    if (!k->v[1]) return defined_at_numbers(c, k);
    Dist *p = as_dist(c, k->v[1], k->at);
    return p ? defined_at_draws(c, k, p) : val_error(c->L);
}

/* ---- draws of two distributions --------------------------------------------------------------------------------------- */

/* The type of a draw; false: it is a record, or cannot be had here. */
static bool draw_type(Ctx *c, Dist *p, Span at, IrType *out)
{
    Lower *L = c->L;
    Trial t = trial_begin(L, true);
    int n_axes = L->m->axes.n, n_slots = L->m->slots.n, draws = L->n_draws, pendings = L->pendings.n, evals = L->n_evals;
    Value *v = dist_sample(c, p, NULL, at);
    IrVal *d = val_bad(v) || v->kind == V_RECORD ? NULL : as_real(c, v, at);
    if (d) *out = d->type;
    trial_end(L, &t);
    forget_axes(L->m, n_axes, n_slots);
    L->n_draws = draws;
    L->pendings.n = pendings;
    L->n_evals = evals;
    return d != NULL;
}

/* A number that is set against a vector is spread over it, and they say nothing of each other; as many numbers of another shape are told apart where they meet. Of records
 * who compares them says which of their parts. */
Value *builtin_same_size(Ctx *c, const Call *k)
{
    IrType a, b;
    Dist  *p = as_dist(c, k->v[0], k->at), *q = p ? as_dist(c, k->v[1], k->at) : NULL;
    if (!q) return val_error(c->L);
    if (c->L->guess || held_before(c->L, k)) return holds(c->L);
    if (!draw_type(c, p, k->at, &a) || !draw_type(c, q, k->at, &b)) return holds(c->L);
    if (ir_dims_size(&a) == ir_dims_size(&b)) return seen_to_hold(c->L, k);
    return fails(c->L, strf(c->L, "a draw of %s is %s, and one of %s is %s", dist_text(c->L, p), type_text(c->L, &a), dist_text(c->L, q), type_text(c->L, &b)));
}

/* ---- bijectors ---------------------------------------------------------------------------------------------------- */

Value *builtin_consistent(Ctx *c, const Call *k)
{
    IrType z;
    Value *b = bijector_of(k->v[0]);
    if (!b) return mistake(c, k, "consistent", "a bijector first", k->v[0]);
    Dist *p = as_dist(c, k->v[1], k->at);
    if (!p) return val_error(c->L);
    const char *fault = draw_type(c, p, k->at, &z) ? bijector_fault(c, b, p, &z, k->at) : NULL;
    return fault ? fails(c->L, fault) : holds(c->L);
}

/* ---- the statement ------------------------------------------------------------------------------------------------ */

/* Numbers of a value that is computed; false: they are not known now. */
static bool computed_now(Ctx *c, IrVal *t, double **out) { return now_numbers(c->L, &t, 1, NULL, 0, NOW_FIXED, out); }

/* "f(1) is -1.39", of a number that is not written as one; NULL: nothing to say. */
static const char *value_of(Ctx *c, const Ast *e)
{
    double *x = NULL;
    const char *text = NULL;
    if (e->kind == AST_NUMBER || e->kind == AST_STRING || e->kind == AST_BOOL) return NULL;
    Trial t = trial_begin(c->L, true);
    Value *v = as_settled(c, eval(c, e), e->span);
    if (val_is_number(v)) text = text_of(c->L, val_number(v));
    IrVal *r = v->kind == V_TENSOR ? as_tensor(c, v, e->span) : NULL;
    if (r && !r->type.rank && !r->type.axes.n && computed_now(c, r, &x)) text = text_of(c->L, x[0]);
    trial_end(c->L, &t);
    return text ? strf(c->L, "%s is %s", text_of_source(c->L, e->span), text) : NULL;
}

/* Of a condition on functions that does not hold: the counter-example. */
static const char *why_of(Ctx *c, const Ast *e)
{
    Trial t = trial_begin(c->L, true);
    const Value *v = as_settled(c, eval(c, e), e->span);
    trial_end(c->L, &t);
    return v->kind == V_BOOL ? v->why : NULL;
}

/* The numbers that a condition is about. */
static const char *values_in(Ctx *c, const Ast *e)
{
    if (e->kind == AST_BINARY && e->binary.op == AST_OP_OR) {              /* neither side holds */
        const char *left = why_of(c, e->binary.left), *right = why_of(c, e->binary.right);
        if (!left) left = values_in(c, e->binary.left);
        if (!right) right = values_in(c, e->binary.right);
        return left && right && strcmp(left, right) ? strf(c->L, "%s, and %s", left, right) : left ? left : right;
    }
    Text t = text_in(c->L->a);
    int n = e->kind == AST_CALL ? e->call.args.n : e->kind == AST_BINARY ? 2 : 0, shown = 0;
    for (int i = 0; i < n; i++) {
        const Ast *part = e->kind == AST_CALL ? e->call.args.v[i]->arg.value : i ? e->binary.right : e->binary.left;
        const char *is = value_of(c, part);
        if (is) text_printf(&t, "%s%s", shown++ ? ", and " : "", is);
    }
    return shown ? text_str(&t) : NULL;
}

/* A definition of the program is right or wrong by what it is given: where, and for which line in the end. (For one of the library that line is the place.) */
static void note_applications(Ctx *c, Diag *d, Span at)
{
    const Applied *first = c->applied, *last = first;
    if (!first || first->at.file != at.file) return;
    while (last->up && last->up->at.file == at.file) last = last->up;
    diag_note(d, first->at, "applied here");
    if (last != first) diag_note(d, last->at, "for this");
}

static void report(Ctx *c, const Ast *s, const Ast *e, const Value *v)
{
    const char *why = v->kind == V_BOOL && v->why ? v->why : values_in(c, e), *more = why ? strf(c->L, ": %s", why) : "";
    Diag *d = s->require.is_soft ? diag_warning(c->L->diags, e->span, W320, "%s does not hold%s", text_of_source(c->L, e->span), more)
                                 : diag_error(c->L->diags, e->span, E320, "%s is required here, and does not hold%s", text_of_source(c->L, e->span), more);
    if (s->require.hint) diag_hint(d, "%s", s->require.hint);
    note_applications(c, d, e->span);
}

static void not_known(Ctx *c, const Ast *e)
{
    Diag *d = diag_error(c->L->diags, e->span, E202, "what is required must be known when the program is compiled, and this is not");
    diag_hint(d, "require looks at definitions; expect holds a report to something when the program has run");
}

/* All elements and all samples of a computed condition. What only a run knows is watched in the statement that needs it. */
static bool all_hold(Ctx *c, IrVal *t, const Ast *s, const Ast *e, bool *known, bool *later)
{
    double *x;
    bool all = true;
    *known = computed_now(c, t, &x);
    if (!*known && !s->require.is_soft && watch_can(c) && watch(c, t, strf(c->L, "%s is required", text_of_source(c->L, e->span)), e->span)) return true;
    if (!*known && later) return *later = true;
    if (!*known && s->require.is_soft && !c->scope->module) return true;      /* nothing speaks against it */
    if (!*known) return not_known(c, e), false;
    for (int64_t i = 0; i < now_size(c->L, t); i++) all = all && x[i];
    return all;
}

static bool require_one(Ctx *c, const Ast *s, const Ast *e, bool *later)
{
    bool known = true, all = false;
    Value *v = as_settled(c, eval(c, e), e->span);
    if (val_bad(v) || c->L->guess) return !val_bad(v);
    IrVal *t = v->kind == V_BOOL ? NULL : as_tensor(c, v, e->span);
    if (!t && v->kind != V_BOOL) return false;
    if (t && t->type.elem != IR_BOOL) {
        diag_error(c->L->diags, e->span, E201, "a condition is required here, and this is %s", val_text(c->L, v));
        return false;
    }
    all = t ? all_hold(c, t, s, e, &known, later) : v->b;
    if (!all && known) report(c, s, e, v);
    return all;
}

/* What is required behind something that does not hold may follow from that. */
static bool require_each(Ctx *c, const Ast *s, const Ast *e, bool *later)
{
    bool both = e->kind == AST_BINARY && e->binary.op == AST_OP_AND;
    return both ? require_each(c, s, e->binary.left, later) && require_each(c, s, e->binary.right, later) : require_one(c, s, e, later);
}

bool eval_require(Ctx *c, const Ast *s, bool *later)
{
    Lower *L = c->L;
    bool declares = later && L->standing && L->standing->kind == AST_COMPARE;      /* a comparison, where it stands: who uses it holds it to that */
    bool alone = !L->fn || declares;                        /* nothing is computed around it */
    Trial t = {0};
    if (alone) t = trial_begin(L, false);
    if (alone && later) L->fn->shapes = true;               /* what the schedule computes is there, and no more */
    bool all = require_each(c, s, s->require.cond, alone ? later : NULL);
    if (alone) trial_end(L, &t);
    return all || s->require.is_soft;
}
