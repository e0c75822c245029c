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

/* At 45, tanh' is 4 exp(-90): below the smallest normal number of f32. A number by itself keeps it, a list has 0 in an update's gradient, and keeps it
 * where the program asks for the slope; at 43 all have it. */
Test(grad, a_list_has_no_subnormal_slopes)
{
    Fixture f = fixture(IR_F32);
    float at[2] = {43, 45};
    IrVal *list = input(&f, DIMS(2), at), *one = input(&f, DIMS(), &at[1]);
    output(&f, derivative(&f, ir_tanh(&f.b, list), list));
    output(&f, derivative(&f, ir_tanh(&f.b, one), one));
    f.b.why = IR_WHY_ASKED;
    output(&f, derivative(&f, ir_tanh(&f.b, list), list));
    const float *r = (float *)run(&f);
    cr_expect(ulps(r[0], exact(IR_tanh, 1, 43)) <= 4, "%g at 43", (double)r[0]);
    cr_expect(r[1] == 0, "%g at 45 in a list", (double)r[1]);
    for (int i = 2; i < 5; i += 2) cr_expect(r[i] > 0 && ulps(r[i], exact(IR_tanh, 1, 45)) <= 4, "%g at 45", (double)r[i]);
    arena_free(f.a);
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

/* ---- closed forms ----------------------------------------------------------------------------------------------- */

static IrVal *mean_over(IrBuilder *b, IrVal *v, int axis)
{
    return ir_div(b, ir_sum_over(b, v, ir_one_axis(axis)), ir_const_like(b, v, (double)ir_extent(b->m, axis)));
}

static IrVal *penalty_of_norm(IrBuilder *b, IrVal *g)                   /* (|g| - 1)^2, g of one vector a sample */
{
    IrVal *off = ir_sub(b, ir_norm(b, g, DIMS(0)), ir_const_like(b, g, 1));
    return ir_mul(b, off, off);
}

static IrVal *times(IrBuilder *b, IrVal *x, IrVal *w) { return ir_dot(b, x, w, ir_no_pairs(), ir_pairs(1, INTS(0), INTS(0)), ir_no_axes()); }

static void expect_numbers(const char *what, const double *got, const double *want, int n, double tolerance)
{
    for (int i = 0; i < n; i++) cr_expect(fabs(got[i] - want[i]) <= tolerance * fmax(1, fabs(want[i])), "%s, number %d: %.15g, not %.15g", what, i, got[i], want[i]);
}

/* D = w.x on three samples: the penalty is (|w| - 1)^2 and its gradient 2(|w| - 1) w/|w|, whatever x is. */
Test(grad, penalty_of_a_linear_critic)
{
    Fixture f = fixture(IR_F64);
    int axis = ir_axis(f.m, "b", 3);
    IrVal *w = input(&f, DIMS(2), (double[]){3, 4}), *x = ir_as_sample(&f.b, input(&f, DIMS(3, 2), (double[]){1, -1, 0, 2, 5, 7}), axis);
    IrVal *p = mean_over(&f.b, penalty_of_norm(&f.b, derivative(&f, times(&f.b, x, w), x)), axis);
    output(&f, p);
    output(&f, derivative(&f, p, w));
    expect_numbers("linear critic", run(&f), (double[]){16, 4.8, 6.4}, 3, 1e-15);
    arena_free(f.a);
}

/* D = x.A x / 2 with a symmetric A: the gradient is A x. */
Test(grad, gradient_of_a_quadratic)
{
    Fixture f = fixture(IR_F64);
    IrVal *A = input(&f, DIMS(2, 2), (double[]){2, 1, 1, 3}), *x = input(&f, DIMS(2), (double[]){5, -7});
    IrVal *d = ir_mul(&f.b, ir_const(&f.b, IR_F64, 0.5), times(&f.b, x, times(&f.b, A, x)));
    output(&f, derivative(&f, d, x));
    expect_numbers("quadratic", run(&f), (double[]){3, -16}, 2, 0);
    arena_free(f.a);
}

/* D = 1.5 tanh(0.7 x) at 0.3: value, D', (|D'| - 1)^2 and R1 = D'^2 / 2, each with its derivatives by the two weights. */
Test(grad, penalty_of_one_tanh)
{
    Fixture f = fixture(IR_F64);
    IrBuilder *b = &f.b;
    IrVal *w = input(&f, DIMS(2), (double[]){1.5, 0.7}), *x = input(&f, DIMS(1), (double[]){0.3});
    IrVal *scale = ir_slice(b, w, DIMS(0), DIMS(1), DIMS(1)), *rate = ir_slice(b, w, DIMS(1), DIMS(2), DIMS(1));
    IrVal *d = ir_mul(b, scale, ir_tanh(b, ir_mul(b, rate, x))), *d1 = derivative(&f, d, x);
    IrVal *off = ir_sub(b, ir_abs(b, d1), NUM(1)), *gp = ir_mul(b, off, off), *r1 = ir_mul(b, NUM(0.5), ir_mul(b, d1, d1));
    output(&f, d);
    output(&f, d1);
    output(&f, gp);
    output(&f, derivative(&f, gp, w));
    output(&f, r1);
    output(&f, derivative(&f, r1, w));
    double t = tanh(0.21), D1 = 1.05 * (1 - t * t), by_a = 0.7 * (1 - t * t), by_b = 1.5 * (1 - t * t) - 2 * 1.05 * t * (1 - t * t) * 0.3;
    expect_numbers("one tanh", run(&f), (double[]){1.5 * t, D1, (D1 - 1) * (D1 - 1), 2 * (D1 - 1) * by_a, 2 * (D1 - 1) * by_b, D1 * D1 / 2, D1 * by_a, D1 * by_b}, 8, 1e-14);
    arena_free(f.a);
}

/* A critic of one hidden layer of three tanh units; the numbers are central differences of 2^-20 in 60 digits. */
Test(grad, penalty_of_a_small_net)
{
    Fixture f = fixture(IR_F64);
    IrBuilder *b = &f.b;
    IrVal *w1 = input(&f, DIMS(3, 2), (double[]){0.5, -0.3, 0.8, 0.2, -0.4, 0.6}), *b1 = input(&f, DIMS(3), (double[]){0.1, -0.2, 0.05});
    IrVal *w2 = input(&f, DIMS(3), (double[]){1.2, -0.7, 0.9}), *x = input(&f, DIMS(2), (double[]){0.4, -1.1});
    IrVal *h = ir_tanh(b, ir_add(b, ir_dot(b, w1, x, ir_no_pairs(), ir_pairs(1, INTS(1), INTS(0)), ir_no_axes()), b1));
    IrVal *d = times(b, w2, h), *g = derivative(&f, d, x), *p = penalty_of_norm(b, g);
    output(&f, d);
    output(&f, g);
    output(&f, p);
    output(&f, ir_reshape(b, ir_slice(b, derivative(&f, p, w1), DIMS(0, 0), DIMS(1, 1), DIMS(1, 1)), DIMS()));
    output(&f, ir_slice(b, derivative(&f, p, b1), DIMS(1), DIMS(2), DIMS(1)));
    output(&f, ir_slice(b, derivative(&f, p, w2), DIMS(1), DIMS(2), DIMS(1)));
    expect_numbers("small net", run(&f), (double[]){0.1571937495, -0.3506241111, -0.0724968271, 0.4121118964, 0.835780, -0.146141, 1.047345}, 7, 6e-7);
    arena_free(f.a);
}

/* ---- how much is made ------------------------------------------------------------------------------------------- */

static bool same_node(const IrNode *x, const IrNode *y)
{
    return x->op == y->op && x->n_args == 2 && x->arg[0] == y->arg[0] && x->arg[1] == y->arg[1] && !memcmp(&x->attr->contract, &y->attr->contract, sizeof x->attr->contract);
}

/* Different dots that the reports need. */
static int count_dots(Fixture *f)
{
    int n = f->fn->reports.n, count = 0;
    IrVal **yield = arena_array(f->a, IrVal *, n);
    for (int i = 0; i < n; i++) yield[i] = f->fn->reports.v[i].val;
    ir_block_yield(f->m, &f->fn->body, yield, n);
    body_sweep(f->a, f->m->next_id, &f->fn->body);
    f->fn->body.n_yields = 0;
    for (const IrNode *x = f->fn->body.first; x; x = x->next) {
        bool seen = x->op != IR_dot;
        for (const IrNode *y = f->fn->body.first; y != x && !seen; y = y->next) seen = same_node(x, y);
        count += !seen;
    }
    return count;
}

typedef IrVal *Activation(IrBuilder *b, IrVal *v);
static IrVal *smooth(IrBuilder *b, IrVal *v) { return ir_tanh(b, v); }
static IrVal *ramp(IrBuilder *b, IrVal *v) { return ir_max(b, ir_const_like(b, v, 0), v); }

/* The penalty of a critic 4-8-8-1 and its gradient by all three weights: dots made. */
static int penalty_dots(Activation *act)
{
    static const double zeros[64];
    Fixture f = fixture(IR_F64);
    int axis = ir_axis(f.m, "b", 2);
    IrVal *w[3] = {input(&f, DIMS(4, 8), zeros), input(&f, DIMS(8, 8), zeros), input(&f, DIMS(8, 1), zeros)}, *g[3];
    IrVal *x = ir_as_sample(&f.b, input(&f, DIMS(2, 4), zeros), axis), *h = x;
    for (int i = 0; i < 3; i++) h = i < 2 ? act(&f.b, times(&f.b, h, w[i])) : times(&f.b, h, w[i]);
    IrVal *p = mean_over(&f.b, penalty_of_norm(&f.b, derivative(&f, h, x)), axis);
    cr_assert(grad_reverse(&f.b, &p, NULL, 1, w, 3, g, NULL));
    for (int i = 0; i < 3; i++) {
        cr_assert(g[i]);
        output(&f, g[i]);
    }
    int n = count_dots(&f);
    run(&f);
    arena_free(f.a);
    return n;
}

/* Forward 2 (the critic's own output is dead), its gradient 3; back through that 3 and 1 for w3; back through the forward pass 1;
 * weight gradients 2 + 2. Of a ramp, whose second derivative is a known zero, the last are 0 and 2. */
Test(grad, penalties_make_no_more_products_than_they_need)
{
    cr_expect_eq(penalty_dots(smooth), 13);
    cr_expect_eq(penalty_dots(ramp), 10);
}

Test(grad, known_zeros_are_dropped)
{
    Fixture f = fixture(IR_F64);
    IrBuilder *b = &f.b;
    IrVal *x = input(&f, DIMS(3), (double[]){1, -2, 3}), *d = derivative(&f, ramp(b, x), x), *g;
    const IrNode *last = f.fn->body.last;
    cr_assert(grad_reverse(b, &d, NULL, 1, &x, 1, &g, NULL));
    cr_expect(!g && f.fn->body.last == last, "the second derivative of a ramp is made of nodes");
    IrVal *t, *one = ir_fill(b, NUM(1), DIMS(3));
    last = f.fn->body.last;
    cr_assert(grad_forward(b, &d, 1, &x, &one, 1, &t, NULL));
    cr_expect(!t && f.fn->body.last == last, "the tangent of a ramp's derivative is made of nodes");
    arena_free(f.a);
}

/* Long chains: no recursion, no quadratic walk. */
Test(grad, long_chains)
{
    Fixture f = fixture(IR_F64);
    IrVal *x = input(&f, DIMS(), (double[]){0.5}), *y = x;
    for (int i = 0; i < 20000; i++) y = i % 2 ? ir_sin(&f.b, y) : ir_max(&f.b, y, ir_const(&f.b, IR_F64, -1));
    output(&f, derivative(&f, y, x));
    cr_expect(run(&f)[0] > 0);
    arena_free(f.a);
}

/* ---- values along the way --------------------------------------------------------------------------------------- */

Test(grad, seeds_repeated_outputs_and_values_in_between)
{
    Fixture f = fixture(IR_F64);
    IrBuilder *b = &f.b;
    IrVal *x = input(&f, DIMS(), (double[]){3}), *h = ir_mul(b, x, x), *y = ir_mul(b, h, x), *two = NUM(2), *g[3];
    cr_assert(grad_reverse(b, (IrVal *[]){y, y, h}, (IrVal *[]){two, NULL, NULL}, 3, (IrVal *[]){x, h, y}, 3, g, NULL));
    for (int i = 0; i < 3; i++) output(&f, g[i]);
    IrVal *t, *zero_moved;
    cr_assert(grad_forward(b, &y, 1, (IrVal *[]){x, h}, (IrVal *[]){two, NULL}, 2, &t, NULL));       /* h stands still */
    output(&f, t);
    cr_assert(grad_forward(b, &y, 1, &h, (IrVal *[]){NULL}, 1, &zero_moved, NULL));
    cr_expect(!zero_moved);
    /* by x: 3 of dy/dx = 3x^2 and once dh/dx = 2x; by h: 3 x and once 1; by y: its seeds */
    expect_numbers("in between", run(&f), (double[]){3 * 27 + 6, 3 * 3 + 1, 3, 18}, 4, 0);
    arena_free(f.a);
}

/* A derivative through f32 has the bits of f32 where they are exact. */
Test(grad, conversions)
{
    Fixture f = fixture(IR_F64);
    IrBuilder *b = &f.b;
    IrVal *x = input(&f, DIMS(2), (double[]){0.1, 1e-50}), *s = ir_convert(b, x, IR_F32), *y = ir_convert(b, ir_mul(b, s, s), IR_F64), *t;
    IrVal *one = ir_fill(b, NUM(1), DIMS(2)), *d = derivative(&f, y, x);
    cr_assert(grad_forward(b, &y, 1, &x, &one, 1, &t, NULL));
    output(&f, d);
    output(&f, derivative(&f, d, x));
    output(&f, t);
    expect_numbers("conversions", run(&f), (double[]){2 * 0.1f, 0, 2, 2, 2 * 0.1f, 0}, 6, 0);
    arena_free(f.a);
}

/* ---- the report ------------------------------------------------------------------------------------------------- */

typedef IrVal *Path(IrBuilder *b, IrVal *x, int axis);

static IrVal *by_stop(IrBuilder *b, IrVal *x, int axis)   { (void)axis; return ir_exp(b, ir_stop(b, ir_sin(b, x))); }
static IrVal *by_floor(IrBuilder *b, IrVal *x, int axis)  { (void)axis; return ir_mul(b, ir_floor(b, x), NUM(3)); }
static IrVal *by_order(IrBuilder *b, IrVal *x, int axis)  { (void)axis; return ir_select(b, GT(x, 0), NUM(1), NUM(2)); }
static IrVal *by_whole(IrBuilder *b, IrVal *x, int axis)  { (void)axis; return ir_convert(b, ir_convert(b, x, IR_I32), IR_F64); }
static IrVal *by_choice(IrBuilder *b, IrVal *x, int axis) { (void)axis; return ir_gather(b, ir_fill(b, NUM(2), DIMS(2)), ir_argmax(b, x, 0), 0); }
static IrVal *by_nothing(IrBuilder *b, IrVal *x, int axis){ (void)axis; (void)x; return NUM(1); }
static IrVal *by_body(IrBuilder *b, IrVal *x, int axis)
{
    (void)axis;
    IrBlock *body = ir_block(b->m);
    IrBuilder in = {.m = b->m, .block = body};
    IrVal *p = ir_block_param(b->m, body, x->type), *q = ir_block_param(b->m, body, x->type);
    ir_block_yield(b->m, body, (IrVal *[]){ir_floor(&in, ir_add(&in, p, q))}, 1);
    return &ir_scan_node(b, 2, 1, 0, -1, (IrVal *[]){ir_fill(b, NUM(0), ir_dims_of(&x->type)), x}, 2, body)->result[0];
}

typedef struct { const char *name; Path *path; int op; } Cut;
static const Cut cuts[] = {{"stop", by_stop, IR_stop}, {"floor", by_floor, IR_floor}, {"compare", by_order, IR_compare}, {"convert", by_whole, IR_convert}, {"argmax", by_choice, IR_argmax}, {"inside a body", by_body, IR_floor}, {"nothing", by_nothing, -1}};

Test(grad, the_report_says_where_a_path_is_cut)
{
    for (int i = 0; i < COUNT(cuts); i++) {
        Fixture f = fixture(IR_F64);
        IrVal *x = input(&f, DIMS(2), (double[]){1, 2}), *z = input(&f, DIMS(2), (double[]){1, 2});
        IrVal *y = ir_add(&f.b, cuts[i].path(&f.b, x, -1), ir_mul(&f.b, z, z)), *g[2];
        GradReport report;
        cr_assert(grad_reverse(&f.b, &y, NULL, 1, (IrVal *[]){x, z}, 2, g, &report));
        cr_expect(!g[0] && g[1] && !report.cut[1] && !report.opaque);
        cr_expect(cuts[i].op < 0 ? !report.cut[0] : report.cut[0] && (int)report.cut[0]->op == cuts[i].op, "%s", cuts[i].name);
        arena_free(f.a);
    }
}

static IrVal *spread_mean(IrBuilder *b, IrVal *x, int axis) { return ir_sub(b, x, mean_over(b, x, axis)); }
static IrVal *stopped_mean(IrBuilder *b, IrVal *x, int axis) { return ir_sub(b, x, ir_stop(b, mean_over(b, x, axis))); }
static IrVal *alone(IrBuilder *b, IrVal *x, int axis) { (void)axis; return ir_norm(b, ir_exp(b, x), DIMS(0)); }
static IrVal *transposed_batch(IrBuilder *b, IrVal *x, int axis) { return ir_as_sample(b, ir_reverse(b, ir_as_feature(b, x, axis), DIMS(0)), axis); }
static IrVal *greatest(IrBuilder *b, IrVal *x, int axis) { return ir_div(b, x, ir_reduce_max_over(b, x, axis)); }
static IrVal *gram(IrBuilder *b, IrVal *x, int axis) { return times(b, x, ir_dot(b, x, x, ir_no_pairs(), ir_no_pairs(), ir_one_axis(axis))); }
static IrVal *mean_in_body(IrBuilder *b, IrVal *x, int axis)
{
    IrBlock *body = ir_block(b->m);
    IrBuilder in = {.m = b->m, .block = body};
    IrVal *p = ir_block_param(b->m, body, x->type);
    ir_block_yield(b->m, body, (IrVal *[]){spread_mean(&in, p, axis)}, 1);
    return &ir_scan_node(b, 2, 1, 0, -1, &x, 1, body)->result[0];
}

typedef struct { const char *name; Path *path; int op; } Meeting;
static const Meeting meetings[] = {{"mean", spread_mean, IR_sum}, {"stopped mean", stopped_mean, -1}, {"alone", alone, -1}, {"as_feature", transposed_batch, IR_as_feature}, {"max", greatest, IR_reduce_max}, {"Gram", gram, IR_dot}, {"body", mean_in_body, IR_sum}};

Test(grad, the_report_says_where_samples_meet)
{
    for (int i = 0; i < COUNT(meetings); i++) {
        Fixture f = fixture(IR_F64);
        int axis = ir_axis(f.m, "b", 3);
        IrVal *w = input(&f, DIMS(2), (double[]){1, 2}), *x = ir_as_sample(&f.b, input(&f, DIMS(3, 2), (double[]){1, 2, 3, 4, 5, 6}), axis), *g[2];
        IrVal *y = ir_mul(&f.b, meetings[i].path(&f.b, x, axis), w);
        GradReport report;
        cr_assert(grad_reverse(&f.b, &y, NULL, 1, (IrVal *[]){x, w}, 2, g, &report));
        cr_expect(g[0] && g[1] && !report.meet[1]);
        cr_expect(meetings[i].op < 0 ? !report.meet[0] : report.meet[0] && (int)report.meet[0]->op == meetings[i].op, "%s", meetings[i].name);
        arena_free(f.a);
    }
}

static IrVal *outside(IrBuilder *b, IrVal *x)
{
    IrAttrs at = ir_attrs();
    at.symbol = "simulate";
    return &ir_leaf(b, IR_extern, (IrVal *[]){ir_const_int(b, IR_I64, 1), x}, 2, &at, &x->type, 1)->result[0];
}

Test(grad, a_path_through_an_extern_is_refused)
{
    Fixture f = fixture(IR_F64);
    IrBuilder *b = &f.b;
    IrVal *x = input(&f, DIMS(2), (double[]){1, 2}), *out = outside(b, x), *y = ir_mul(b, x, out), *z = ir_mul(b, x, ir_stop(b, out)), *g, *t;
    IrVal *one = ir_fill(b, NUM(1), DIMS(2));
    const IrNode *opaque = NULL;
    GradReport report;
    cr_expect(!grad_reverse(b, &y, NULL, 1, &x, 1, &g, &report) && report.opaque == out->def);
    cr_expect(!grad_forward(b, &y, 1, &x, &one, 1, &t, &opaque) && opaque == out->def);
    cr_expect(grad_reverse(b, &z, NULL, 1, &x, 1, &g, &report) && g && !report.opaque);
    cr_expect(grad_forward(b, &z, 1, &x, &one, 1, &t, &opaque) && t && !opaque);
    cr_expect(grad_reverse(b, &y, NULL, 1, &out, 1, &g, &report) && g, "an extern's result is a value like another");

    IrBlock *body = ir_block(f.m);
    IrBuilder in = {.m = f.m, .block = body};
    IrVal *p = ir_block_param(f.m, body, x->type);
    ir_block_yield(f.m, body, (IrVal *[]){outside(&in, p)}, 1);
    IrVal *s = &ir_scan_node(b, 2, 1, 0, -1, &x, 1, body)->result[0];
    cr_expect(!grad_reverse(b, &s, NULL, 1, &x, 1, &g, &report) && report.opaque && report.opaque->op == IR_extern);
    cr_expect(!grad_forward(b, &s, 1, &x, &one, 1, &t, &opaque) && opaque);
    arena_free(f.a);
}
