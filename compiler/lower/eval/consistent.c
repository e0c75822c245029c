/* consistent.c - bijectors held to what they say: at points, inverse(forward(z)) is z, log_det(z) is the logarithm of |det| of forward's
 * derivative, and log_det_inverse(forward(z)) is less than nothing by as much.
 *
 * Forward, inverse, both log-determinants and the rows of the derivative (an axis of its own for them) become nodes of the graph at hand that
 * nothing uses, and are run by themselves (now.c), with z given as numbers: draws of the distribution that is mapped. So it may take along
 * whatever the program computes there. Start at bijector_holds(), at the bottom. */
#include "compiler/grad/grad.h"
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/own/graph.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"

#include <math.h>

enum { POINTS = 8, MOST_ROWS = 16, SHOWN = 4 };             /* MOST_ROWS: of a derivative whose determinant is computed */
static const double TOLERANCE = 1e-5;                       /* relative, and absolute below 1 */

typedef struct Trying {
    Ctx      in;                                            /* with the axes of points and rows */
    Value   *b;
    Dist    *base;
    Span     at;
    int      point, row;                                    /* axes */
    IrAxes   all;                                           /* of z: those that the bijector varies over, then points, then rows */
    int64_t  n, rows, samples;                              /* numbers in z; rows of the derivative (1: not computed); all axes but these */
    IrVal   *z, *out[5];                                    /* y, back, log_det, log_det_inverse, the rows */
    double  *given, *is[5];
} Trying;
enum { Y, BACK, LOG_DET, LOG_DET_INVERSE, ROWS };

/* ---- points */

/* Draws of the distribution that is mapped, one for each point; NULL: they cannot be had here. */
static double *drawn(Trying *t, const IrType *z)
{
    Lower *L = t->in.L;
    double *x = NULL;
    Trial trial = trial_begin(L, true);
    Ctx in = t->in;
    in.axes = ir_one_axis(t->point);
    in.path = "";
    Value *v = dist_sample(&in, t->base, NULL, t->at);
    IrVal *d = val_bad(v) || v->kind == V_RECORD ? NULL : as_real(&in, v, t->at);
    bool ok = d && ir_dims_equal(&d->type, z) && ir_axes_equal(d->type.axes, in.axes) && now_numbers(L, &d, 1, NULL, 0, NOW_FIRST, &x);
    trial_end(L, &trial);
    return ok ? x : NULL;
}

/* Numbers between -2 and 2, without a pattern (a step of the golden ratio). */
static double *scattered(const Trying *t)
{
    double *x = arena_array(t->in.L->work, double, POINTS * t->n);
    for (int64_t i = 0; i < POINTS * t->n; i++) x[i] = 4 * fmod(0.5 + 0.6180339887498949 * (double)(i + 1), 1) - 2;
    return x;
}

/* The same points for each sample of the other axes and each row. */
static void give(Trying *t, const double *x)
{
    t->given = arena_array(t->in.L->work, double, t->samples * t->rows * t->n);
    for (int64_t s = 0; s < t->samples; s++)
        for (int64_t r = 0; r < t->rows; r++)
            memcpy(t->given + (s * t->rows + r) * t->n, x + s % POINTS * t->n, sizeof *x * (size_t)t->n);
}

/* ---- the nodes */

static IrVal *applied(Trying *t, const char *member, IrVal *x)
{
    Args a = {.n = 1, .v = {val_tensor(t->in.L, x)}, .at = {t->at}};
    Value *v = !strcmp(member, "log_det_inverse") ? bijector_log_det_inverse(&t->in, t->b, a.v[0], t, t->at)
                                                  : bijector_apply(&t->in, t->b, member, &a, t->b, t->at);
    IrVal *y = val_bad(v) || v->kind == V_RECORD ? NULL : as_real(&t->in, v, t->at);
    return y ? ir_spread(fn_builder(&t->in), y, ir_axes_minus(t->all, y->type.axes)) : NULL;
}

/* Row i of the derivative, along the axis of rows: that of y[i]. */
static IrVal *rows_of(Trying *t)
{
    IrBuilder *b = fn_builder(&t->in);
    IrInts flat = ir_ints(1, &t->n);
    IrVal *y = ir_reshape(b, t->out[Y], flat), *g = NULL;
    IrVal *here = ir_compare(b, IR_EQ, ir_index_dim(b, flat, 0), ir_index_axis(b, t->row));
    IrVal *one = ir_sum_all(b, ir_select(b, here, y, ir_const_like(b, y, 0)));
    GradReport r = {arena_array(t->in.L->a, const IrNode *, 1), arena_array(t->in.L->a, const IrNode *, 1), NULL};
    if (!grad_reverse(b, &one, NULL, 1, &t->z, 1, &g, &r) || r.meet[0]) return NULL;
    return g ? g : grad_zeros(b, &t->z->type);
}

/* False, reported, when a member is none; *known: all of them can be looked at. */
static bool make_nodes(Trying *t, const IrType *z, bool *known)
{
    IrBuilder *b = fn_builder(&t->in);
    IrVal *zero = ir_fill(b, ir_const(b, t->in.L->m->real, 0), ir_dims_of(z));
    t->z = diff_leaf(&t->in, ir_spread(b, zero, t->all));
    *known = false;
    if (!(t->out[Y] = applied(t, "forward", t->z)) || !(t->out[BACK] = applied(t, "inverse", t->out[Y])) ||
        !(t->out[LOG_DET] = applied(t, "log_det", t->z)) || !(t->out[LOG_DET_INVERSE] = applied(t, "log_det_inverse", t->out[Y])))
        return false;
    bool fits = ir_dims_size(&t->out[Y]->type) == t->n && ir_dims_equal(&t->out[BACK]->type, z) && !t->out[LOG_DET]->type.rank;
    if (!fits) return true;                                 /* its own error, where it is used */
    t->out[ROWS] = t->rows == t->n ? rows_of(t) : ir_spread(b, ir_const(b, t->in.L->m->real, 0), t->all);
    *known = t->out[ROWS] && !t->out[LOG_DET_INVERSE]->type.rank;
    return true;
}

/* ---- the numbers */

/* log |det a| of [n, n], which is spoilt (Gauss, with pivots). */
static double log_abs_det(double *a, int64_t n)
{
    double sum = 0;
    for (int64_t k = 0; k < n; k++) {
        int64_t p = k;
        for (int64_t i = k + 1; i < n; i++)
            if (fabs(a[i * n + k]) > fabs(a[p * n + k])) p = i;
        for (int64_t j = 0; j < n && p != k; j++) {
            double was = a[k * n + j];
            a[k * n + j] = a[p * n + j];
            a[p * n + j] = was;
        }
        sum += log(fabs(a[k * n + k]));
        for (int64_t i = k + 1; i < n; i++)
            for (int64_t j = n; j-- > k;) a[i * n + j] -= a[i * n + k] / a[k * n + k] * a[k * n + j];
    }
    return sum;
}

static bool near(double a, double b) { return fabs(a - b) <= TOLERANCE * fmax(1, fmax(fabs(a), fabs(b))); }

static const char *number_text(Lower *L, double x) { return strf(L, "%.6g", x); }

static const char *point_text(Lower *L, const double *x, int64_t n, int rank)
{
    Text t = text_in(L->a);
    if (!rank) return number_text(L, x[0]);
    for (int64_t i = 0; i < n && i < SHOWN; i++) text_printf(&t, "%s%.6g", i ? ", " : "[", x[i]);
    text_add(&t, n > SHOWN ? ", ...]" : "]");
    return text_str(&t);
}

static const char *fault_at(Trying *t, int64_t s)
{
    Lower *L = t->in.L;
    int64_t n = t->n, at = s * t->rows;
    int rank = t->z->type.rank;
    const double *z = t->given + at * n, *back = t->is[BACK] + at * n;
    double det = t->is[LOG_DET][at], inverse = t->is[LOG_DET_INVERSE][at];
    const char *where = point_text(L, z, n, rank);
    for (int64_t i = 0; i < n; i++)
        if (!near(z[i], back[i]))
            return strf(L, "forward takes %s to %s, and inverse takes that to %s", where, point_text(L, t->is[Y] + at * n, n, t->out[Y]->type.rank),
                        point_text(L, back, n, rank));
    if (t->rows == n) {
        double is = log_abs_det(t->is[ROWS] + at * n, n);
        if (!near(is, det))
            return strf(L, "at %s its log_det is %s, and the logarithm of |det| of forward's derivative is %s", where, number_text(L, det),
                        number_text(L, is));
    }
    if (near(inverse, -det)) return NULL;
    return strf(L, "at forward(%s) its log_det_inverse is %s, and log_det there is %s", where, number_text(L, inverse), number_text(L, det));
}

static const char *fault_of(Trying *t)
{
    for (int64_t s = 0; s < t->samples; s++) {
        const char *fault = fault_at(t, s);
        if (fault) return fault;
    }
    return NULL;
}

/* ---- the whole */

static void open_axes(Trying *t, const IrType *z)
{
    IrModule *m = t->in.L->m;
    IrAxes own = val_axes(t->in.L, t->b);
    t->n = ir_dims_size(z);
    t->rows = t->n <= MOST_ROWS ? t->n : 1;
    t->point = ir_axis(m, "point", POINTS);
    t->row = ir_axis(m, "row", t->rows);
    t->samples = ir_axes_size(m, own) * POINTS;
    t->all = ir_axes_add(ir_axes_add(own, t->point), t->row);
    t->in.axes = t->all;
}

static bool can_look(Ctx *c, Value *b, const IrType *z)
{
    const Lower *L = c->L;
    bool here = L->fn && !L->guess && !L->trials;
    return here && ir_dims_size(z) && val_axes(c->L, b).n + 2 <= IR_MAX_AXES && z->rank + val_axes(c->L, b).n + 2 <= IR_MAX_RANK;
}

static const char *fault_here(Ctx *c, Value *b, Dist *base, const IrType *z, Span at)
{
    Lower *L = c->L;
    bool known;
    Trying t = {.in = *c, .b = b, .base = base, .at = at};
    int pendings = L->pendings.n, draws = L->n_draws;
    open_axes(&t, z);
    const double *x = drawn(&t, z);
    give(&t, x ? x : scattered(&t));
    bool made = make_nodes(&t, z, &known);
    L->pendings.n = pendings;
    L->n_draws = draws;
    int64_t n = made ? ir_dims_size(&t.out[Y]->type) : t.n;
    if (n != t.n)
        return strf(L, "forward takes %lld number%s to %lld, and what can be taken back keeps how many there are", (long long)t.n, t.n == 1 ? "" : "s", (long long)n);
    bool ok = made && known && now_numbers(L, t.out, 5, &(NowGiven){t.z, t.given}, 1, NOW_MOVED, t.is);
    return ok ? fault_of(&t) : NULL;
}

/* The body of a loop is left alone: there, what a bijector takes along of the loop is not known. */
const char *bijector_fault(Ctx *c, Value *b, Dist *base, const IrType *z, Span at)
{
    if (!can_look(c, b, z)) return NULL;
    if (!c->L->fn->loops.n) return fault_here(c, b, base, z, at);
    Trial apart = trial_begin(c->L, true);
    const char *fault = fault_here(c, b, base, z, at);
    trial_end(c->L, &apart);
    return fault;
}

static bool looked_at(Lower *L, const Value *b, const IrType *z)
{
    uint64_t key = site_mix(b->bijector.place, (const void *)(uintptr_t)ir_dims_size(z));
    for (int i = 0; i < L->consistent.n; i++)
        if (L->consistent.v[i] == key) return true;
    array_push(L->a, &L->consistent, key);
    return false;
}

bool bijector_holds(Ctx *c, Value *b, Dist *base, Value *z, Span at)
{
    Lower *L = c->L;
    IrVal *t = z->kind == V_RECORD ? NULL : as_real(c, z, at);
    if (!t || !can_look(c, b, &t->type) || looked_at(L, b, &t->type)) return true;
    const char *fault = bijector_fault(c, b, base, &t->type, at);
    if (!fault) return true;
    const Closure *k = b->bijector.closure;
    Diag *d = diag_error(L->diags, at, E321, "the members of the bijector %s do not fit together: %s", k->name, fault);
    diag_note(d, k->def->define.name_span, "declared here");
    diag_hint(d, "inverse(forward(z)) is z, and log_det(z) is the logarithm of |det| of forward's derivative at z");
    return false;
}
