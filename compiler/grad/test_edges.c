/* test_edges.c - derivatives where differences see nothing: far tails, kinks, branches not taken, closed forms, and what the report says. */
#include "compiler/grad/gradcheck.h"
#include "compiler/grad/plain.h"

#include "compiler/interp/interp.h"

#include <criterion/criterion.h>
#include <math.h>
#include <quadmath.h>
#include <string.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))
#define DIMS(...) ir_ints((int)(sizeof((int64_t[]){0, ##__VA_ARGS__}) / 8) - 1, (int64_t[]){0, ##__VA_ARGS__} + 1)
#define INTS(...) ((int[]){__VA_ARGS__})
#define NUM(x) ir_const(b, IR_F64, x)

/* One function over f64 (or f32) slots. */
typedef struct Fixture {
    Arena    *a;
    IrModule *m;
    IrFn     *fn;
    IrBuilder b;
    ARRAY(void *) slot;
} Fixture;

static Fixture fixture(IrElem real)
{
    Fixture f = {.a = arena_new()};
    f.m = ir_module(f.a, real);
    f.fn = ir_fn(f.m, "f", IR_FN_REPORT);
    f.fn->tick_slot = -1;
    f.b = (IrBuilder){.m = f.m, .block = &f.fn->body};
    return f;
}

static IrVal *input(Fixture *f, IrInts dims, const void *values)
{
    IrType t = ir_type(f->m->real, ir_no_axes(), dims);
    size_t bytes = (size_t)ir_dims_size(&t) * ir_elem_bytes(t.elem);
    int slot = ir_slot(f->m, arena_printf(f->a, "x%d", f->slot.n), t, IR_SLOT_PARAM, NULL);
    array_push(f->a, &f->slot, bytes ? arena_copy(f->a, values, bytes) : arena_alloc(f->a, 1));
    return ir_read(&f->b, slot);
}

static void output(Fixture *f, IrVal *v) { ir_report(f->m, f->fn, arena_printf(f->a, "r%d", f->fn->reports.n), v); }

static double *run(Fixture *f)
{
    char why[512];
    int n;
    cr_assert(ir_verify(f->m, f->fn, why), "%s", why);
    return check_run(f->a, f->m, f->fn, f->slot.v, &n);
}

/* Derivative of the sum of y by x; zeros where it is a known zero. */
static IrVal *derivative(Fixture *f, IrVal *y, IrVal *x)
{
    IrVal *g;
    cr_assert(grad_reverse(&f->b, &y, NULL, 1, &x, 1, &g, NULL));
    return g ? g : grad_zeros(&f->b, &x->type);
}

/* ---- tails ------------------------------------------------------------------------------------------------------ */

static __float128 bell(__float128 u) { __float128 e = expq(-fabsq(u)); return e / ((1 + e) * (1 + e)); }
static __float128 bell1(__float128 u) { return -bell(u) * tanhq(u / 2); }
static __float128 bell2(__float128 u) { __float128 f = bell(u), t = tanhq(u / 2); return f * t * t - 2 * f * f; }
static __float128 bell3(__float128 u) { __float128 f = bell(u), t = tanhq(u / 2); return -f * t * t * t + 8 * f * f * t; }
static __float128 gauss(__float128 x) { return M_2_SQRTPIq * expq(-x * x); }

static __float128 power_rule(__float128 x, double p, int k)             /* k-th derivative of x^p */
{
    __float128 c = 1;
    for (int i = 0; i < k; i++) c *= p - i;
    return c * powq(x, p - k);
}

static __float128 exact(IrOp op, int k, __float128 x)                   /* k-th derivative, k = 1, 2, 3 */
{
    static const int turn[4] = {0, 1, 2, 3};
    switch (op) {
    case IR_sqrt:     return power_rule(x, 0.5, k);
    case IR_exp: case IR_expm1: return expq(x);
    case IR_log:      return power_rule(x, -1, k - 1);
    case IR_log1p:    return power_rule(1 + x, -1, k - 1);
    case IR_sin:      return turn[k] == 1 ? cosq(x) : turn[k] == 2 ? -sinq(x) : -cosq(x);
    case IR_cos:      return k == 1 ? -sinq(x) : k == 2 ? -cosq(x) : sinq(x);
    case IR_tanh:     return k == 1 ? 4 * bell(2 * x) : k == 2 ? 8 * bell1(2 * x) : 16 * bell2(2 * x);
    case IR_sigmoid:  return k == 1 ? bell(x) : k == 2 ? bell1(x) : bell2(x);
    case IR_dsigmoid: return k == 1 ? bell1(x) : k == 2 ? bell2(x) : bell3(x);
    case IR_softplus: return k == 1 ? (x < 0 ? expq(x) / (1 + expq(x)) : 1 / (1 + expq(-x))) : k == 2 ? bell(x) : bell1(x);
    case IR_erf:      return k == 1 ? gauss(x) : k == 2 ? -2 * x * gauss(x) : (4 * x * x - 2) * gauss(x);
    default:          return k == 1 ? -gauss(x) : k == 2 ? 2 * x * gauss(x) : -(4 * x * x - 2) * gauss(x);
    }
}

/* Distance in units of the last f32 place; results below the smallest normal are measured in the smallest subnormal. */
static double ulps(double got, __float128 want)
{
    int e;
    frexp((double)want, &e);
    double unit = ldexp(1, (e < -125 ? -125 : e) - 24);
    return want == 0 ? fabs(got) / unit : (double)(fabsq(got - want) / unit);
}

static const float tails[] = {1e-3f, 1e-2f, 0.1f, 0.25f, 0.37f, 1, 1.7f, 3.3f, 4, 5.8f, 8, 8.6f, 9, 12, 16, 17, 20, 33.3f, 40, 60, 80, 85, 88};

/* worst: in f32; the rules in f64, rounded once, are held to 1 unit everywhere. Of erf, exp(-a*a) multiplies the rounding of a*a by a*a, up to
 * 50 where it underflows. The points keep away from zeros of the derivatives, beside which sums lose digits. */
typedef struct { IrOp op; bool negative; double worst[3]; } Tail;
static const Tail tail[] = {
    {IR_sqrt, false, {4, 4, 4}}, {IR_exp, true, {4, 4, 4}}, {IR_expm1, true, {4, 4, 4}}, {IR_log, false, {4, 4, 4}}, {IR_log1p, false, {4, 4, 4}}, {IR_sin, true, {4, 4, 4}}, {IR_cos, true, {4, 4, 4}},
    {IR_tanh, true, {4, 4, 4}}, {IR_sigmoid, true, {4, 4, 4}}, {IR_dsigmoid, true, {4, 4, 4}}, {IR_softplus, true, {4, 4, 4}}, {IR_erf, true, {60, 60, 60}}, {IR_erfc, true, {60, 60, 60}},
};

static void check_tail(const Tail *t, IrElem elem)
{
    Fixture f = fixture(elem);
    float  x32[2 * COUNT(tails)];
    double x64[2 * COUNT(tails)];
    int n = 0;
    for (int i = 0; i < COUNT(tails); i++) {
        x32[n++] = tails[i];
        if (t->negative) x32[n++] = -tails[i];
    }
    for (int i = 0; i < n; i++) x64[i] = x32[i];
    IrAttrs at = ir_attrs();
    IrVal *x = input(&f, DIMS(n), elem == IR_F32 ? (void *)x32 : (void *)x64), *y = &ir_node(&f.b, t->op, &x, 1, &at)->result[0];
    for (int k = 1; k <= 3; k++) output(&f, y = derivative(&f, y, x));
    double *r = run(&f);
    for (int k = 1; k <= 3; k++)
        for (int i = 0; i < n; i++) {
            double got = elem == IR_F32 ? ((float *)r)[(k - 1) * n + i] : (float)r[(k - 1) * n + i];
            __float128 want = exact(t->op, k, x32[i]);
            double off = ulps(got, want), bound = elem == IR_F32 ? t->worst[k - 1] : 1;
            bool overflows = fabsq(want) > 3.4e38Q;
            cr_expect(overflows || off <= bound, "%s, derivative %d at %g in %s: %.9g, off by %.3g units", ir_op_info[t->op].name, k, (double)x32[i], elem == IR_F32 ? "f32" : "f64", got, off);
        }
    arena_free(f.a);
}

Test(grad, tails_keep_their_digits)
{
    for (int i = 0; i < COUNT(tail); i++) {
        check_tail(&tail[i], IR_F32);
        check_tail(&tail[i], IR_F64);
    }
}

/* ---- kinks ------------------------------------------------------------------------------------------------------ */

typedef IrVal *Curve(IrBuilder *b, IrVal *x);
#define CURVE(name, expression) static IrVal *name(IrBuilder *b, IrVal *x) { return expression; }
#define GT(v, c) ir_compare(b, IR_GT, v, NUM(c))
#define LT(v, c) ir_compare(b, IR_LT, v, NUM(c))

CURVE(relu,          ir_max(b, NUM(0), x))
CURVE(relu_turned,   ir_max(b, x, NUM(0)))
CURVE(least,         ir_min(b, x, NUM(0)))
CURVE(absolute,      ir_abs(b, x))
CURVE(root,          ir_sqrt(b, x))
CURVE(logarithm,     ir_log(b, x))
CURVE(inverse,       ir_div(b, NUM(1), x))
CURVE(square,        ir_pow(b, x, NUM(2)))
CURVE(to_the_1,      ir_pow(b, x, NUM(1)))
CURVE(to_the_0,      ir_pow(b, x, NUM(0)))
CURVE(to_the_half,   ir_pow(b, x, NUM(0.5)))
CURVE(zero_to_the,   ir_pow(b, NUM(0), x))
CURVE(two_to_the,    ir_pow(b, NUM(2), x))
CURVE(guarded_root,  ir_select(b, GT(x, 0), ir_sqrt(b, x), NUM(0)))
CURVE(guarded_log,   ir_select(b, GT(x, 0), ir_log(b, x), NUM(0)))
CURVE(guarded_twice, ir_mul(b, ir_select(b, LT(x, 0), NUM(0), ir_sqrt(b, x)), ir_select(b, LT(x, 0), NUM(0), ir_log(b, x))))
CURVE(guarded_exp,   ir_select(b, LT(x, 80), ir_exp(b, ir_mul(b, x, x)), NUM(0)))
CURVE(clipped_log,   ir_max(b, ir_log(b, x), NUM(-5)))
CURVE(nested_guard,  ir_select(b, GT(x, -2), ir_neg(b, ir_select(b, GT(x, 0), ir_sqrt(b, ir_mul(b, x, x)), ir_log1p(b, x))), ir_sqrt(b, x)))
CURVE(moved_guard,   ir_reshape(b, ir_select(b, GT(x, 0), ir_reshape(b, ir_log(b, x), DIMS(1)), NUM(0)), DIMS()))
CURVE(both_sides,    ir_select(b, GT(x, 0), ir_mul(b, x, x), ir_neg(b, x)))
CURVE(norm_1,        ir_norm(b, ir_reshape(b, x, DIMS(1)), DIMS(0)))
CURVE(norm_squared,  ir_mul(b, norm_1(b, x), norm_1(b, x)))
CURVE(norm_less_1,   ir_mul(b, ir_sub(b, norm_1(b, x), NUM(1)), ir_sub(b, norm_1(b, x), NUM(1))))
CURVE(tie_of_max,    ir_reduce_max(b, ir_concat(b, (IrVal *[]){ir_reshape(b, ir_mul(b, NUM(2), x), DIMS(1)), ir_reshape(b, x, DIMS(1))}, 2, 0), 0))
CURVE(hyperbolic,    ir_tanh(b, x))
CURVE(remainder_3,   ir_rem(b, x, NUM(3)))
CURVE(dropped,       ir_sum_all(b, ir_scatter_add(b, ir_const(b, IR_I32, 9), x, 3, 0, ir_no_axes())))

typedef struct { const char *name; Curve *curve; double x, y, d1, d2; } Kink;
#define KINK(curve, ...) {#curve, curve, __VA_ARGS__}
static const Kink kinks[] = {
    KINK(relu, 0.0, 0, 0, 0), KINK(relu, -0.0, 0, 0, 0), KINK(relu, 3, 3, 1, 0), KINK(relu, -3, 0, 0, 0), KINK(relu, INFINITY, INFINITY, 1, 0), KINK(relu, -INFINITY, 0, 0, 0), KINK(relu, 5e-324, 5e-324, 1, 0),
    KINK(relu_turned, 0.0, 0, 1, 0), KINK(relu_turned, -1, 0, 0, 0), KINK(least, 0.0, 0, 1, 0), KINK(least, 2, 0, 0, 0), KINK(least, -2, -2, 1, 0),
    KINK(absolute, 0.0, 0, 0, 0), KINK(absolute, -0.0, 0, 0, 0), KINK(absolute, -2, 2, -1, 0), KINK(absolute, -INFINITY, INFINITY, -1, 0), KINK(absolute, 5e-324, 5e-324, 1, 0),
    KINK(root, 0.0, 0, INFINITY, -INFINITY), KINK(root, 4, 2, 0.25, -0.03125), KINK(root, INFINITY, INFINITY, 0, 0), KINK(root, NAN, NAN, NAN, NAN), KINK(logarithm, 0.0, -INFINITY, INFINITY, -INFINITY), KINK(inverse, 0.0, INFINITY, -INFINITY, INFINITY), KINK(inverse, 1e200, 1e-200, 0, 0),
    KINK(square, 0.0, 0, 0, 2), KINK(square, -3, 9, -6, 2), KINK(to_the_1, 0.0, 0, 1, 0), KINK(to_the_0, 0.0, 1, 0, 0), KINK(to_the_0, NAN, NAN, 0, 0), KINK(to_the_half, 0.0, 0, INFINITY, -INFINITY),
    KINK(zero_to_the, 2, 0, 0, 0), KINK(zero_to_the, 0.0, 1, 0, 0), KINK(two_to_the, 0.0, 1, 0.6931471805599453, 0.4804530139182014),
    KINK(guarded_root, 0.0, 0, 0, 0), KINK(guarded_root, -1, 0, 0, 0), KINK(guarded_root, NAN, 0, 0, 0), KINK(guarded_root, 4, 2, 0.25, -0.03125),
    KINK(guarded_log, 0.0, 0, 0, 0), KINK(guarded_log, -1, 0, 0, 0), KINK(guarded_log, 2, 0.6931471805599453, 0.5, -0.25), KINK(guarded_twice, -1, 0, 0, 0),
    KINK(guarded_exp, 100, 0, 0, 0), KINK(guarded_exp, 0.0, 1, 0, 2), KINK(clipped_log, 0.0, -5, 0, 0), KINK(clipped_log, 1, 0, 1, -1),
    KINK(nested_guard, 3, -3, -1, 0), KINK(nested_guard, -0.5, 0.6931471805599453, -2, 4), KINK(nested_guard, -3, NAN, NAN, NAN), KINK(moved_guard, -1, 0, 0, 0), KINK(moved_guard, 2, 0.6931471805599453, 0.5, -0.25),
    KINK(both_sides, 0.0, 0, -1, 0), KINK(both_sides, 2, 4, 4, 2), KINK(both_sides, -INFINITY, INFINITY, -1, 0),
    KINK(norm_1, 0.0, 0, 0, 0), KINK(norm_1, -2, 2, -1, 0), KINK(norm_squared, 0.0, 0, 0, 0), KINK(norm_less_1, 0.0, 1, 0, 0), KINK(norm_less_1, 3, 4, 4, 2), KINK(norm_1, 3e100, 3e100, 1, 0), KINK(norm_1, 3e-100, 3e-100, 1, 0),
    KINK(tie_of_max, 0.0, 0, 2, 0), KINK(tie_of_max, 1, 2, 2, 0), KINK(tie_of_max, -1, -1, 1, 0), KINK(hyperbolic, INFINITY, 1, 0, 0), KINK(hyperbolic, -800, -1, 0, 0), KINK(remainder_3, 3, 0, 1, 0), KINK(remainder_3, -1, 2, 1, 0), KINK(dropped, 1, 0, 0, 0),
};

static bool same(double got, double want)
{
    return isnan(want) ? isnan(got) : got == want || fabs(got - want) <= 4e-16 * fabs(want);
}

Test(grad, kinks_have_their_exact_values)
{
    for (int i = 0; i < COUNT(kinks); i++) {
        const Kink *k = &kinks[i];
        Fixture f = fixture(IR_F64);
        IrVal *x = input(&f, DIMS(), &k->x), *y = k->curve(&f.b, x), *d1 = derivative(&f, y, x), *one = ir_const(&f.b, IR_F64, 1), *t, *d2t;
        IrVal *d2 = derivative(&f, d1, x);
        cr_assert(grad_forward(&f.b, &y, 1, &x, &one, 1, &t, NULL));
        cr_assert(grad_forward(&f.b, &d1, 1, &x, &one, 1, &d2t, NULL));
        output(&f, y);
        output(&f, d1);
        output(&f, d2);
        output(&f, t ? t : ir_const(&f.b, IR_F64, 0));
        output(&f, d2t ? d2t : ir_const(&f.b, IR_F64, 0));
        double *r = run(&f), want[5] = {k->y, k->d1, k->d2, k->d1, k->d2};
        static const char *const what[5] = {"the value", "the derivative", "the second derivative", "the tangent", "the derivative's tangent"};
        for (int v = 0; v < 5; v++) cr_expect(same(r[v], want[v]), "%s at %g: %s is %.17g, not %.17g", k->name, k->x, what[v], r[v], want[v]);
        arena_free(f.a);
    }
}
