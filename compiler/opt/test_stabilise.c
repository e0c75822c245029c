/* test_stabilise.c - stabilise against references of 420 digits (stabilise_reference.h, made by
 * gen_stabilise_reference.py), in many spellings. */
#include "compiler/opt/stabilise.h"

#include "compiler/grad/grad.h"
#include "compiler/interp/interp.h"
#include "compiler/opt/pass.h"
#include "compiler/opt/stabilise_reference.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <math.h>
#include <quadmath.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof *(a)))

/* ---- a function of T, from text --------------------------------------------------------------------------------- */

typedef struct Fixture {
    Arena *a;
    IrModule *m;
    IrFn *fn;
    IrBuilder b;
    IrVal *x, *T, *u, *q; /* x: the variable, T unless said; u: the r of a divergence, exp(T); q: a second variable */
    const char *at;   /* what is left to read */
} Fixture;

/* T is one number per sample, or a vector of features. */
static Fixture fixture(bool per_sample, IrElem real)
{
    Fixture f = {.a = arena_new()};
    f.m = ir_module(f.a, real);
    f.fn = ir_fn(f.m, "f", IR_FN_REPORT);
    f.fn->tick_slot = -1;
    f.b = (IrBuilder){.m = f.m, .block = &f.fn->body};
    IrInts n = ir_ints(1, (int64_t[]){REFERENCE_POINTS});
    IrVal *t = ir_read(&f.b, ir_slot(f.m, "t", ir_type(real, ir_no_axes(), n), IR_SLOT_DATA, NULL));
    f.T = per_sample ? ir_as_sample(&f.b, t, ir_axis(f.m, "b", REFERENCE_POINTS)) : t;
    f.x = f.T;
    f.u = ir_exp(&f.b, f.T);
    return f;
}

static IrVal *parse_sum(Fixture *f);

static bool take(Fixture *f, char c) { return *f->at == c ? f->at++, true : false; }

static IrVal *call(Fixture *f, const char *name, IrVal *x)
{
    static const struct {
        const char *name;
        IrVal *(*make)(IrBuilder *b, IrVal *a);
    } calls[] = {{"exp", ir_exp},   {"expm1", ir_expm1},     {"log", ir_log},           {"log1p", ir_log1p},
                 {"tanh", ir_tanh}, {"sigmoid", ir_sigmoid}, {"dsigmoid", ir_dsigmoid}, {"softplus", ir_softplus},
                 {"sqrt", ir_sqrt}, {"abs", ir_abs}};
    for (int i = 0; i < COUNT(calls); i++)
        if (!strcmp(name, calls[i].name)) return calls[i].make(&f->b, x);
    cr_assert_fail("no function %s", name);
    return NULL;
}

static IrVal *parse_name(Fixture *f)
{
    char name[16] = {0};
    for (int i = 0; isalnum((unsigned char)*f->at) && i < 15; i++) name[i] = *f->at++;
    if (take(f, '(')) {
        IrVal *x = parse_sum(f);
        cr_assert(take(f, ')'));
        return call(f, name, x);
    }
    if (!strcmp(name, "T")) return f->T;
    if (!strcmp(name, "u")) return f->u;
    if (!strcmp(name, "q") && f->q) return f->q;
    cr_assert(!strcmp(name, "D"), "no name %s", name);
    return ir_sigmoid(&f->b, f->T);
}

static IrVal *parse_primary(Fixture *f)
{
    if (take(f, '-')) return ir_neg(&f->b, parse_primary(f));
    if (take(f, '(')) {
        IrVal *x = parse_sum(f);
        cr_assert(take(f, ')'), "no ) at %s", f->at);
        return x;
    }
    if (isalpha((unsigned char)*f->at)) return parse_name(f);
    char *end;
    double c = strtod(f->at, &end);
    cr_assert(end > f->at, "what is %s", f->at);
    f->at = end;
    return ir_const(&f->b, f->T->type.elem, c);
}

static IrVal *parse_power(Fixture *f) /* whole powers are products, as after lowering */
{
    bool minus = take(f, '-');
    IrVal *x = parse_primary(f), *y = x;
    if (take(f, '^')) {
        char *end;
        double k = strtod(f->at, &end);
        f->at = end;
        if (k == 2 || k == 3)
            for (int i = 1; i < k; i++) y = ir_mul(&f->b, y, x);
        else
            y = k == 0.5 ? ir_sqrt(&f->b, x) : ir_pow(&f->b, x, ir_const(&f->b, x->type.elem, k));
    }
    return minus ? ir_neg(&f->b, y) : y;
}

static IrVal *parse_product(Fixture *f)
{
    IrVal *x = parse_power(f);
    for (;;) {
        if (take(f, '*'))
            x = ir_mul(&f->b, x, parse_power(f));
        else if (take(f, '/'))
            x = ir_div(&f->b, x, parse_power(f));
        else
            return x;
    }
}

static IrVal *parse_sum(Fixture *f)
{
    IrVal *x = parse_product(f);
    for (;;) {
        if (take(f, '+'))
            x = ir_add(&f->b, x, parse_product(f));
        else if (take(f, '-'))
            x = ir_sub(&f->b, x, parse_product(f));
        else
            return x;
    }
}

static IrVal *parse(Fixture *f, const char *text)
{
    f->at = text;
    IrVal *x = parse_sum(f);
    cr_assert(!*f->at, "left over: %s", f->at);
    return x;
}

static IrVal *derivative(Fixture *f, IrVal *y, IrVal *x)
{
    IrVal *g;
    cr_assert(grad_reverse(&f->b, &y, NULL, 1, &x, 1, &g, NULL));
    return g ? g : grad_zeros(&f->b, &x->type);
}

/* f'(r) as lowering makes it: f at a leaf of its own, which is a reshape that changes nothing. */
static IrVal *prime(Fixture *f, const char *text)
{
    IrVal *r = f->u;
    IrAttrs at = ir_attrs();
    at.dims = ir_dims_of(&r->type);
    IrVal *leaf = f->u = ir_node(&f->b, IR_reshape, &r, 1, &at)->result;
    IrVal *y = opt_stabilise_value(&f->b, parse(f, text), &leaf, 1, false);
    f->u = r;
    return derivative(f, y, leaf);
}

typedef enum { PLAIN, OF_RATIO, PRIME, CONJ } Use;

static IrVal *make(Fixture *f, Use use, const char *text)
{
    if (use == PLAIN || use == OF_RATIO) return parse(f, text);
    if (use == PRIME) return prime(f, text);
    IrVal *rf = ir_mul(&f->b, f->u, prime(f, text));
    return ir_sub(&f->b, rf, parse(f, text));
}

static IrVal *stabilised(Fixture *f, IrVal *v) { return opt_stabilise_value(&f->b, v, &f->x, 1, true); }

/* ---- running ---------------------------------------------------------------------------------------------------- */

static void report(Fixture *f, const char *name, IrVal *v) { ir_report(f->m, f->fn, name, v); }

static void run(Fixture *f, const void *t, void *const *out)
{
    char why[512];
    GanError err = {0};
    cr_assert(ir_verify(f->m, f->fn, why), "%s", why);
    InterpMemory memory = {.slot = (void *[]){(void *)t}, .seed = 1};
    cr_assert_eq(interp_fn(f->m, f->fn, &memory, out, NULL, NULL, &err), GAN_OK, "%s", err.message);
}

/* Distance in units of the last f32 place. */
static double ulps(double got, double want)
{
    int e;
    if (fabs(want) > 3.4028234e38) return isinf(got) && (got > 0) == (want > 0) ? 0 : HUGE_VAL;
    if (!isfinite(got)) return HUGE_VAL;
    frexp(want, &e);
    return fabs(got - want) / ldexp(1, (e < -125 ? -125 : e) - 24);
}

static int reference_of(const char *name)
{
    for (int i = 0; i < COUNT(reference); i++)
        if (!strcmp(reference[i].name, name)) return i;
    cr_assert_fail("no reference for %s", name);
    return 0;
}

/* The value and two derivatives at each point, stabilised between; T is x + offset. */
static void evaluate(Use use, const char *text, bool per_sample, double offset, float y[3][REFERENCE_POINTS])
{
    Fixture f = fixture(per_sample, IR_F32);
    float x[REFERENCE_POINTS];
    for (int i = 0; i < REFERENCE_POINTS; i++) x[i] = (float)(reference_t[i] - offset);
    if (offset != 0) f.T = ir_add(&f.b, f.x, ir_const(&f.b, IR_F32, offset));
    f.u = ir_exp(&f.b, f.T);
    IrVal *v = stabilised(&f, make(&f, use, text));
    report(&f, "y0", v);
    for (int k = 1; k < 3; k++) {
        v = stabilised(&f, derivative(&f, v, f.x));
        report(&f, k == 1 ? "y1" : "y2", v);
    }
    run(&f, x, (void *[]){y[0], y[1], y[2]});
    arena_free(f.a);
}

/* ---- the terms, each in several spellings ----------------------------------------------------------------------- */

typedef struct {
    const char *name, *text;
} Spelling;

static const Spelling divergences[] = {
    {"kl", "u*log(u)"},
    {"kl1", "u*log(u)-(u-1)"},
    {"rkl", "-log(u)"},
    {"js", "u*log(u)-(u+1)*log((1+u)/2)"},
    {"js", "u*log(2*u/(1+u))+log(2/(1+u))"},
    {"gan", "u*log(u)-(u+1)*log(u+1)"},
    {"gan", "u*log(u/(u+1))-log(u+1)"},
    {"pearson", "(u-1)^2"},
    {"pearson", "u^2-2*u+1"},
    {"hellinger", "(sqrt(u)-1)^2"},
    {"neyman", "(1-u)^2/u"},
    {"jeffrey", "(u-1)*log(u)"},
    {"alpha_half", "(u^0.5-1-0.5*(u-1))/(0.5*(0.5-1))"},
    {"alpha_03", "(u^0.3-1-0.3*(u-1))/(0.3*(0.3-1))"},
    {"alpha_3", "(u^3-1-3*(u-1))/6"},
    {"wjs", "0.3*u*log(u)-(0.7+0.3*u)*log(0.7+0.3*u)"},
};
static const Spelling terms[] = {
    {"log_real", "-log(D)"},
    {"log_real", "log(1+exp(-T))"},
    {"log_real", "softplus(T)-T"},
    {"log_real", "-log(u/(1+u))"},
    {"log_fake", "-log(1-D)"},
    {"brier_real", "(1-D)^2"},
    {"brier_fake", "D^2"},
    {"boost_real", "sqrt((1-D)/D)"},
    {"boost_fake", "sqrt(D/(1-D))"},
    {"sphere_real", "-D/sqrt(D^2+(1-D)^2)"},
    {"sphere_fake", "-(1-D)/sqrt(D^2+(1-D)^2)"},
    {"product", "D*(1-D)"},
    {"entropy", "-D*log(D)-(1-D)*log(1-D)"},
    {"soft", "-(0.9*log(D)+0.1*log(1-D))"},
    {"soft", "softplus(T)-0.9*T"},
    {"focal", "(1-D)^2*log(D)"},
    {"log_sech2", "log(1-tanh(T)^2)"},
    {"logit", "log(D)-log(1-D)"},
    {"logit", "log(D/(1-D))"},
    {"log_cosh", "log((exp(T)+exp(-T))/2)"},
    {"brier_gap", "(1-D)^2-D^2"},
    {"brier_gap", "1-2*D"},
    {"ratio", "u/(0.1*u+0.9)"},
    {"log_mix", "log(0.1+0.9*D)"},
    {"d_log_d", "D*log(D)"},
    {"log_squared", "log(D)^2"},
    {"gap", "log(1+u)-log(2)"},
    {"gap", "log((1+u)/2)"},
    {"gap", "softplus(T)-0.6931471805599453"},
    {"tanh_half", "2*D-1"},
    {"tanh_half", "(u-1)/(u+1)"},
    {"shifted", "(1-D)^2+1"},
    {"shifted", "2-2*D+D^2"},
    {"bump", "exp(T)/(1+exp(T))^2*T"},
    {"bump", "T*dsigmoid(T)"},
};

static const char *const suffix[] = {[PLAIN] = "", [OF_RATIO] = ".f", [PRIME] = ".prime", [CONJ] = ".conj"};

/* ---- ulps ------------------------------------------------------------------------------------------------------- */

/* Where more than the usual is allowed, at T in lo .. hi, and why. */
typedef struct {
    bool per_sample;
    const char *name;
    int order;
    float lo, hi;
    double ulps;
} Exception;
static const Exception exceptions[] = {
    /* the square of a number that is rounded before it is squared: there is no exponential left in the product */
    {true, "log_squared", 0, -100, 100, 1.6},
    /* plug-in values, which are reported and not differentiated: exp(T) softplus(-T) loses its second derivative, then
       is inf * 0 */
    {true, "gan.f", 2, 20, 100, HUGE_VAL},
    {false, "gan.f", 2, -2, 2, 10},
    {false, "gan.f", 2, 2, 100, HUGE_VAL},
    /* beside a zero of the derivative, in f32 */
    {false, "brier_real", 2, -2, 2, 50},
    {false, "shifted", 2, -2, 2, 50},
    {false, "brier_fake", 2, -2, 2, 20},
    {false, "product", 2, -2, 2, 45},
    {false, "entropy", 2, -2, 2, 25},
    {false, "d_log_d", 1, -2, 2, 8},
    {false, "d_log_d", 2, -5, 2, 13},
    {false, "bump", 1, -2, 2, 25},
    {false, "sphere_real", 2, -2, 2, 8},
    {false, "sphere_fake", 2, -2, 2, 8},
    {false, "pearson.f", 2, -2, 2, 10},
    {false, "hellinger.f", 2, -2, 2, 10},
    {false, "alpha_half.f", 2, -2, 2, 10},
    {false, "js.f", 2, -2, 2, 5},
    /* double zeros of reported values at T = 0, in f32 */
    {false, "log_sech2", 0, -1, 1, 70},
    {false, "log_cosh", 0, -1, 1, 70},
    {false, "kl1.f", 0, -1, 1, 400},
    {false, "js.f", 0, -1, 1, 2500},
    {false, "alpha_03.f", 0, -0.5f, 0.5f, 5e6},
    /* a zero of the value at an argument that is not a tidy constant: one ulp of the terms is left */
    {false, "wjs.f", 0, -0.5f, 0.5f, 6e6},
    {false, "wjs.f", 1, -0.1f, 0.1f, 2500},
    {false, "wjs.prime", 0, -0.1f, 0.1f, 2500},
    {false, "wjs.conj", 0, -0.1f, 0.1f, 1e4},
    /* T plus a constant, 0.3 T, 3 T are rounded before exp, in f32 */
    {false, "ratio", 0, -100, 100, 65},
    {false, "ratio", 1, -100, 100, 65},
    {false, "ratio", 2, -100, 100, 65},
    {false, "log_mix", 0, -100, 100, 6},
    {false, "log_mix", 1, -100, 100, 65},
    {false, "log_mix", 2, -100, 100, 65},
    {false, "wjs.f", 0, -100, 100, 65},
    {false, "wjs.f", 1, -100, 100, 20},
    {false, "wjs.f", 2, -100, 100, 20},
    {false, "wjs.prime", 0, -100, 100, 20},
    {false, "wjs.prime", 2, -100, 100, 5},
    {false, "wjs.conj", 0, -100, 100, 80},
    {false, "wjs.conj", 1, -100, 100, 5},
    {false, "wjs.conj", 2, -100, 100, 5},
    {false, "alpha_03.f", 0, -100, 100, 40},
    {false, "alpha_03.f", 1, -100, 100, 40},
    {false, "alpha_03.f", 2, -100, 100, 40},
    {false, "alpha_03.prime", 0, -100, 100, 40},
    {false, "alpha_03.prime", 1, -100, 100, 40},
    {false, "alpha_03.prime", 2, -100, 100, 40},
    {false, "alpha_03.conj", 0, -100, 100, 40},
    {false, "alpha_03.conj", 1, -100, 100, 40},
    {false, "alpha_03.conj", 2, -100, 100, 40},
    {false, "alpha_3.f", 0, -100, 100, 65},
    {false, "alpha_3.f", 1, -100, 100, 65},
    {false, "alpha_3.f", 2, -100, 100, 65},
    {false, "alpha_3.conj", 0, -100, 100, 65},
    {false, "alpha_3.conj", 1, -100, 100, 65},
    {false, "alpha_3.conj", 2, -100, 100, 65},
};

static double allowed(bool per_sample, const char *name, int order, float t)
{
    double most = per_sample ? 0.501 : 4;
    for (int i = 0; i < COUNT(exceptions); i++) {
        const Exception *e = &exceptions[i];
        bool here =
            e->per_sample == per_sample && e->order == order && !strcmp(e->name, name) && t >= e->lo && t <= e->hi;
        if (here && e->ulps > most) most = e->ulps;
    }
    return most;
}

static void check_ulps(const Spelling *s, Use use, bool per_sample)
{
    char name[64];
    float y[3][REFERENCE_POINTS];
    snprintf(name, sizeof name, "%s%s", s->name, suffix[use]);
    int at = reference_of(name);
    evaluate(use, s->text, per_sample, 0, y);
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < REFERENCE_POINTS; i++) {
            double want = reference[at].y[i][k], off = ulps(y[k][i], want),
                   most = allowed(per_sample, name, k, reference_t[i]);
            cr_expect(off <= most, "%s as %s, %s, derivative %d at %g: %.9g, not %.9g, off by %.3g ulps", name, s->text,
                      per_sample ? "per sample" : "features", k, (double)reference_t[i], (double)y[k][i], want, off);
        }
}

Test(stabilise, terms_keep_their_digits)
{
    for (int per_sample = 0; per_sample < 2; per_sample++) {
        for (int i = 0; i < COUNT(terms); i++) check_ulps(&terms[i], PLAIN, per_sample);
        for (int i = 0; i < COUNT(divergences); i++)
            for (Use use = OF_RATIO; use <= CONJ; use++) check_ulps(&divergences[i], use, per_sample);
    }
}

/* ---- where T is far from 0 -------------------------------------------------------------------------------------- */

typedef struct {
    Use use;
    const char *text;
    double t, y[3]; /* mpmath, 300 digits and more */
} Far;
static const Far far_ones[] = {
    /* exp(-exp(T)) is below all powers of exp(-T), beside others and alone */
    {PLAIN, "(exp(-u)-1)/(1+u)-(exp(-u)-1)/u", 8.5, {4.1390955437656974e-8, -8.2773490838330448e-8, 1.6552172499143575e-7}},
    {PLAIN, "(exp(-u)-1)/(1+u)-(exp(-u)-1)/u", 16, {1.2664164123930253e-14, -2.5328326822696745e-14, 5.0656649369902524e-14}},
    {PLAIN, "(exp(-u)-1)/(1+u)-(exp(-u)-1)/u", 40, {1.8048513878454152e-35, -3.6097027756908303e-35, 7.2194055513816606e-35}},
    {PLAIN, "(exp(-u)-1)/(1+u)-(exp(-u)-1)/u", -8, {0.99949699355230062, -0.00050281901799342483, -0.00050244428743491552}},
    {PLAIN, "(u-1)^2*exp(-u)*log(1+u)*u*u*u", 8, {0, 0, 0}},
    {PLAIN, "(u-1)^2*exp(-u)*log(1+u)*u*u*u", 60, {0, 0, 0}},
    {PLAIN, "(u-1)^2*exp(-u)*log(1+u)*u*u*u", 88, {0, 0, 0}},
    /* functions that the form does not hold are asked for in f64 before their sum is computed */
    {PLAIN, "sigmoid(T-0.5)-sigmoid(T+0.5)+0.25*log(exp(T)+exp(-T))", 0.5, {-0.027743156750449171, 0.16891735607352059, 0.28746968091443026}},
    {PLAIN, "sigmoid(T-0.5)-sigmoid(T+0.5)+0.25*log(exp(T)+exp(-T))", -1, {0.086616857768954029, -0.27625579912020285, 0.14216700333593845}},
    {PLAIN, "sigmoid(T+1)-sigmoid(T)-1.5*(T*T*sigmoid(T))", 0.5, {-0.038307104208906367, -1.1076726490096414, -2.5879787500731588}},
    /* and so are those in exponents */
    {PLAIN, "exp(0.5*T)/(1+u)*tanh(T)^2*exp(-log(1+u))", 8, {6.1400893555712087e-6, -9.2060103460156525e-6, 1.3798704923358341e-5}},
    {PLAIN, "exp(0.5*T)/(1+u)*tanh(T)^2*exp(-log(1+u))", -8, {0.018303348405639893, 0.0091393816641042508, 0.0045512479182686713}},
    /* exponentials of what grows as one itself are nowhere a series */
    {PLAIN, "log(exp(u)+u)", 8, {2980.9579870417283, 2980.9579870417283, 2980.9579870417283}},
    {PLAIN, "log((exp(u-1)+exp(1-u))/2)", 40, {2.3538526683701998e+17, 2.3538526683701999e+17, 2.3538526683701999e+17}},
    {PLAIN, "u*exp(u)/(1+exp(u))", 40, {2.3538526683701999e+17, 2.3538526683701999e+17, 2.3538526683701999e+17}},
    /* what is below all powers is nothing beside low ones long before it is 0 */
    /* the series of the whole begins where that of a part does */
    {PRIME, "exp(-u)-1+0.1*((u-1)^2*(u-1)^2/(u+1)^3)", 8.5, {0.099999900735784093, 1.9843419589819089e-7, -3.9658579085447124e-7}},
    {PRIME, "exp(-u)-1+0.1*((u-1)^2*(u-1)^2/(u+1)^3)", 16.5, {0.099999999999988819, 2.2362642811796791e-14, -4.4725274938896776e-14}},
    {PRIME, "exp(-u)-1+0.1*((u-1)^2*(u-1)^2/(u+1)^3)", 7.25, {0.099998793569243406, 2.408865791626114e-6, -4.8057602183923899e-6}},
};

/* At these T, of the type's reals; y as f64. */
static IrFn *far_function(Fixture *f, const Far *one)
{
    IrVal *v = stabilised(f, make(f, one->use, one->text));
    for (int k = 0; k < 3; k++) {
        static const char *const name[] = {"y0", "y1", "y2"};
        report(f, name[k], ir_convert(&f->b, v, IR_F64));
        if (k < 2) v = stabilised(f, derivative(f, v, f->x));
    }
    return f->fn;
}

static void run_far(Fixture *f, IrElem real, const double *t, double y[3][REFERENCE_POINTS])
{
    float narrow[REFERENCE_POINTS];
    for (int i = 0; i < REFERENCE_POINTS; i++) narrow[i] = (float)t[i];
    run(f, real == IR_F32 ? (const void *)narrow : t, (void *[]){y[0], y[1], y[2]});
}

Test(stabilise, far_from_0)
{
    static const struct { bool per_sample; IrElem real; } as[] = {{true, IR_F32}, {false, IR_F32}, {true, IR_F64}, {false, IR_F64}};
    for (int i = 0; i < COUNT(far_ones); i++)
        for (int a = 0; a < COUNT(as); a++) {
            const Far *one = &far_ones[i];
            double t[REFERENCE_POINTS], y[3][REFERENCE_POINTS];
            Fixture f = fixture(as[a].per_sample, as[a].real);
            for (int k = 0; k < REFERENCE_POINTS; k++) t[k] = one->t;
            far_function(&f, one);
            run_far(&f, as[a].real, t, y);
            for (int k = 0; k < 3; k++)
                cr_expect(ulps(y[k][0], one->y[k]) <= 4, "%s, %s, derivative %d at %g: %.17g, not %.17g", one->text, as[a].real == IR_F32 ? "f32" : "f64", k, one->t,
                          y[k][0], one->y[k]);
            arena_free(f.a);
        }
}

/* Where a series begins, and where rows see T no further, the slopes have no corner: at that T itself, and beside it. */
Test(stabilise, no_corner_where_a_series_begins)
{
    int corners = 0;
    for (int i = 0; i < COUNT(far_ones); i++) {
        double t[REFERENCE_POINTS] = {0}, y[3][REFERENCE_POINTS], c;
        int n = 0;
        Fixture f = fixture(false, IR_F64);
        for (const IrNode *at = far_function(&f, &far_ones[i])->body.first; at; at = at->next) {
            bool bounds = (at->op == IR_compare || at->op == IR_min || at->op == IR_max) && ir_is_const(at->arg[1], &c) && fabs(c) < 80;
            for (int sign = -1; bounds && sign < 2 && n + 3 < REFERENCE_POINTS; sign += 2) {
                t[n++] = nextafter(sign * c, -HUGE_VAL);
                t[n++] = sign * c;
                t[n++] = nextafter(sign * c, HUGE_VAL);
            }
        }
        corners += n;
        run_far(&f, IR_F64, t, y);
        for (int at = 0; at < n; at += 3)
            for (int k = 0; k < 3; k++)
                for (int beside = 0; beside < 3; beside += 2)
                    cr_expect(fabs(y[k][at + 1] - y[k][at + beside]) <= 1e-7 * fabs(y[k][at + 1]) + 1e-300, "%s, derivative %d at %.17g: %.17g, and beside it %.17g",
                              far_ones[i].text, k, t[at + 1], y[k][at + 1], y[k][at + beside]);
        arena_free(f.a);
    }
    cr_expect(corners > 30);
}

/* A critic's offset costs no digits: T = x + offset, at points where x is exact. */
static void check_offset(const Spelling *s, Use use, double offset)
{
    char name[64];
    float y[3][REFERENCE_POINTS];
    snprintf(name, sizeof name, "%s%s", s->name, suffix[use]);
    int at = reference_of(name);
    evaluate(use, s->text, true, offset, y);
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < REFERENCE_POINTS; i++) {
            float t = reference_t[i];
            double want = reference[at].y[i][k], off = ulps(y[k][i], want);
            if ((double)(float)(t - offset) + offset != (double)t) continue;
            cr_expect(off <= allowed(true, name, k, t), "%s as %s at %g from %g, derivative %d: %.9g, not %.9g", name,
                      s->text, (double)t, t - offset, k, (double)y[k][i], want);
        }
}

Test(stabilise, an_offset_costs_no_digits)
{
    static const double offsets[] = {0.5, -3, 1.0 / 3, 1000};
    for (int o = 0; o < COUNT(offsets); o++) {
        for (int i = 0; i < COUNT(terms); i++) check_offset(&terms[i], PLAIN, offsets[o]);
        for (int i = 0; i < COUNT(divergences); i++)
            for (Use use = OF_RATIO; use <= CONJ; use++) check_offset(&divergences[i], use, offsets[o]);
    }
}

/* A critic that is a number, as at its beginning. */
Test(stabilise, a_number_for_a_critic)
{
    static const float numbers[] = {1000, -1000, 30, 0.5f};
    for (int i = 0; i < COUNT(numbers); i++) {
        Fixture f = fixture(true, IR_F32);
        double c = numbers[i], soft = fmax(c, 0) + log1p(exp(-fabs(c)));
        f.T = ir_add(&f.b, ir_const(&f.b, IR_F32, c), ir_mul(&f.b, ir_const(&f.b, IR_F32, 0), f.x));
        f.u = ir_exp(&f.b, f.T);
        report(&f, "js", make(&f, CONJ, "u*log(u)-(u+1)*log((1+u)/2)"));
        report(&f, "gan", make(&f, CONJ, "u*log(u)-(u+1)*log(u+1)"));
        report(&f, "hellinger", make(&f, PRIME, "(sqrt(u)-1)^2"));
        report(&f, "fake", parse(&f, "-log(1-D)"));
        opt_stabilise(f.m, f.fn);
        float y[4][REFERENCE_POINTS];
        run(&f, reference_t, (void *[]){y[0], y[1], y[2], y[3]});
        double want[4] = {soft - log(2), soft, -expm1(-c / 2), soft};
        for (int k = 0; k < 4; k++)
            cr_expect(ulps(y[k][0], want[k]) <= 1, "%d at %g: %.9g, not %.9g", k, c, (double)y[k][0], want[k]);
        arena_free(f.a);
    }
}

/* What stands before a tree does not count. */
Test(stabilise, reaches_the_end_of_a_long_program)
{
    Fixture f = fixture(false, IR_F32);
    IrVal *all = f.T;
    for (int i = 0; i < 5000; i++) {
        char text[64];
        snprintf(text, sizeof text, "log(3+exp(exp(T)+%d))", i);
        all = ir_max(&f.b, all, parse(&f, text));
    }
    report(&f, "all", all);
    report(&f, "last", parse(&f, "log(1+exp(200+T))"));
    opt_stabilise(f.m, f.fn);
    float y[2][REFERENCE_POINTS];
    run(&f, reference_t, (void *[]){y[0], y[1]});
    for (int i = 0; i < REFERENCE_POINTS; i++) cr_expect(ulps(y[1][i], 200.0 + reference_t[i]) <= 1);
    arena_free(f.a);
}

/* ---- one form, one text ----------------------------------------------------------------------------------------- */

static char *text_of(Fixture *f)
{
    Text t = text_in(f->a);
    opt_dce(f->m, f->fn); /* what was stabilised is not to merge with what was written */
    opt_cse(f->m, f->fn);
    ir_print_fn(f->m, f->fn, &t);
    return text_str(&t);
}

static Fixture stabilised_report(Use use, const char *text, bool per_sample)
{
    Fixture f = fixture(per_sample, IR_F32);
    report(&f, "y", stabilised(&f, make(&f, use, text)));
    return f;
}

static void check_same(const Spelling *s, int n, Use use)
{
    for (int i = 0; i + 1 < n; i++) {
        if (strcmp(s[i].name, s[i + 1].name)) continue;
        Fixture f = stabilised_report(use, s[i].text, i % 2), g = stabilised_report(use, s[i + 1].text, i % 2);
        cr_expect_str_eq(text_of(&f), text_of(&g), "%s and %s", s[i].text, s[i + 1].text);
        arena_free(f.a);
        arena_free(g.a);
    }
}

Test(stabilise, spellings_meet)
{
    check_same(terms, COUNT(terms), PLAIN);
    for (Use use = OF_RATIO; use <= CONJ; use++) check_same(divergences, COUNT(divergences), use);
}

/* Stabilised again, nothing changes: neither by asking for the value nor by the pass. */
static void check_twice(const Spelling *s, Use use, bool per_sample)
{
    Fixture f = stabilised_report(use, s->text, per_sample);
    char *once = text_of(&f);
    f.fn->reports.v[0].val = stabilised(&f, f.fn->reports.v[0].val);
    opt_stabilise(f.m, f.fn);
    cr_expect_str_eq(text_of(&f), once, "%s%s", s->name, suffix[use]);
    arena_free(f.a);
}

Test(stabilise, once_is_enough)
{
    for (int i = 0; i < COUNT(terms); i++) check_twice(&terms[i], PLAIN, i % 2);
    for (int i = 0; i < COUNT(divergences); i++) check_twice(&divergences[i], CONJ, i % 2);
}

/* ---- what the form does not hold -------------------------------------------------------------------------------- */

/* Left as written, to the text. */
Test(stabilise, leaves_other_trees_alone)
{
    static const char *const texts[] = {"T*tanh(softplus(T))", "T*sigmoid(T)", "exp(tanh(T))", "log(T*T-1)",
                                        "T*T+3*T-1",           "sqrt(T*T+1)",  "log(T)",      "(T-1)*(T-1)*T",
                                        "abs(T)*(1-T)",        "exp(T)",       "tanh(T)",     "softplus(T)",
                                        "(T+2)*sigmoid(3*T-1)", "T*(4*sigmoid(2*(T+1)))"};
    for (int i = 0; i < COUNT(texts); i++) {
        Fixture f = stabilised_report(PLAIN, texts[i], false), g = fixture(false, IR_F32);
        report(&g, "y", parse(&g, texts[i]));
        cr_expect_str_eq(text_of(&f), text_of(&g), "%s", texts[i]);
        arena_free(f.a);
        arena_free(g.a);
    }
}

/* The parts of such a tree are looked at all the same; a second direction gets a tree of its own. */
static Fixture two_inputs(const char *text, bool per_sample)
{
    Fixture f = fixture(per_sample, IR_F32);
    IrInts n = ir_ints(1, (int64_t[]){REFERENCE_POINTS});
    f.q = ir_read(&f.b, ir_slot(f.m, "q", ir_type(IR_F32, ir_no_axes(), n), IR_SLOT_DATA, NULL));
    if (per_sample) f.q = ir_as_sample(&f.b, f.q, 0);
    report(&f, "y", stabilised(&f, parse(&f, text)));
    return f;
}

typedef struct {
    const char *text;
    float t, q;
    double want;
} TwoInputs;
static const TwoInputs pairs[] = {
    {"-log(sigmoid(T))-log(1-sigmoid(q))", 50, -50, 2 * 1.9287498479639178e-22},
    {"-log(sigmoid(T))-log(1-sigmoid(q))", -100, 100, 200},
    {"log(1-sigmoid(q))*log(sigmoid(T))", 30, 30, 2.8072868906520524e-12},
    {"-log(sigmoid(T-q))", 60, 10, 1.9287498479639178e-22},
    {"-log(sigmoid(T-q))", -60, 60, 120},
    {"softplus(q-T)", 60, 10, 1.9287498479639178e-22},
    {"log(1+exp(-(T-q)))", 10, 60, 50},
    {"log(exp(T)/exp(q))", 100, 200, -100},
    {"-log(exp(T)/(exp(T)+exp(q)))", 1, 1, 0.69314718055994531},
    {"(exp(q)-1)*softplus(T)", 0, 1e-6f, 6.9314752712945e-7},
    {"softplus(T)+(exp(q)-1)", -20, 1e-9f, 3.0611536224384e-9},
    {"(T-q)*(T-q)*exp(T)", 10, 10.0009765625f, 0.021006074710},
    {"q*softplus(-T)+(1-q)*softplus(T)", 60, 1, 8.75651076269652e-27},
    {"q*softplus(-T)+(1-q)*softplus(T)", 100, 0.9f, 10.000002384185791},
};

static void check_pair(const TwoInputs *p, bool per_sample)
{
    Fixture f = two_inputs(p->text, per_sample);
    float t[REFERENCE_POINTS] = {p->t}, q[REFERENCE_POINTS] = {p->q}, y[REFERENCE_POINTS];
    char why[512];
    GanError err = {0};
    InterpMemory memory = {.slot = (void *[]){t, q}, .seed = 1};
    cr_assert(ir_verify(f.m, f.fn, why), "%s", why);
    cr_assert_eq(interp_fn(f.m, f.fn, &memory, (void *[]){y}, NULL, NULL, &err), GAN_OK);
    cr_expect(ulps(y[0], p->want) < 400 && (!strchr(p->text, '*') || ulps(y[0], p->want) < 3e3),
              "%s at %g, %g: %.9g, not %.9g", p->text, (double)p->t, (double)p->q, (double)y[0], p->want);
    arena_free(f.a);
}

Test(stabilise, two_directions)
{
    for (int i = 0; i < COUNT(pairs); i++)
        for (int per_sample = 0; per_sample < 2; per_sample++) check_pair(&pairs[i], per_sample);
}

/* What does not depend on T after all keeps its type. */
Test(stabilise, a_value_without_T)
{
    static const Spelling texts[] = {
        {"0", "log(D)-log(1-D)-T"}, {"1", "sigmoid(T)+sigmoid(-T)"}, {"3", "exp(T)*exp(-T)*3"}};
    for (int i = 0; i < COUNT(texts); i++)
        for (int per_sample = 0; per_sample < 2; per_sample++) {
            Fixture f = fixture(per_sample, IR_F32);
            float y[REFERENCE_POINTS];
            IrVal *v = parse(&f, texts[i].text), *w = stabilised(&f, v);
            cr_assert(ir_type_equal(&v->type, &w->type));
            report(&f, "y", w);
            run(&f, reference_t, (void *[]){y});
            for (int k = 0; k < REFERENCE_POINTS; k++)
                cr_expect_eq(y[k], (float)atof(texts[i].name), "%s", texts[i].text);
            arena_free(f.a);
        }
}

/* ---- rules that look at a few rows ------------------------------------------------------------------------------ */

typedef struct {
    Arena *a;
    IrModule *m;
} Loaded;

static Loaded load(const char *text)
{
    char why[512];
    Loaded l = {.a = arena_new()};
    l.m = ir_read_text(l.a, text, strlen(text), why);
    cr_assert(l.m, "%s", why);
    opt_stabilise(l.m, l.m->fns.v[0]);
    cr_assert(ir_verify_module(l.m, why), "%s", why);
    return l;
}

typedef struct {
    const char *body, *type;
    float x[3];
    double want;
} Local;
static const Local locals[] = {
    {"%e = exp %v : f32[3] %s = sum %e {dims [0]} : f32[] %r = log %s : f32[]",
     "f32[]",
     {1000, 1000, -1000},
     1000.693147180559945},
    {"%e = exp %v : f32[3] %s = sum %e {dims [0]} : f32[] %d = div %s, 3 : f32[] %r = log %d : f32[]",
     "f32[]",
     {-104, -104, -104},
     -104},
    {"%e = exp %v : f32[3] %s = sum %e {dims [0]} : f32[] %r = log %s : f32[]",
     "f32[]",
     {-HUGE_VALF, -HUGE_VALF, -HUGE_VALF},
     -HUGE_VAL},
    {"%e = exp %v : f32[3] %s = sum %e {dims [0]} : f32[] %r = div %e, %s : f32[3]",
     "f32[3]",
     {1000, 1001, 1002},
     0.09003057317038046},
    {"%e = exp %v : f32[3] %s = sum %e {dims [0]} : f32[] %d = div %e, %s : f32[3] %r = log %d : f32[3]",
     "f32[3]",
     {-1000, 0, 1000},
     -2000},
    {"%q = mul %v, %v : f32[3] %s = sum %q {dims [0]} : f32[] %r = sqrt %s : f32[]", "f32[]", {3e30f, 4e30f, 0}, 5e30},
    {"%e = exp %v : f32[3] %s = sum %e {dims [0]} : f32[] %r = log %s : f32[]",
     "f32[]",
     {3.2e38f, 3, 2},
     3.2e38},
    {"%c = compare %v, 5 {lt} : bool[3] %e = exp %v : f32[3] %w = select %c, %e, 0 : f32[3] %s = sum %w {dims [0]} : f32[] "
     "%r = log %s : f32[]",
     "f32[]",
     {1000, -900, -900},
     -899.30685281944},
    {"%e = exp %v : f32[3] %d = dot %e, %e {contract 0:0} : f32[] %r = log %d : f32[]",
     "f32[]",
     {1000, 1000, -1000},
     2000.693147180559945},
    {"%e = exp %v : f32[3] %s = sum %e {dims [0]} : f32[] %o = add 1, %s : f32[] %m = mul 0.5, %o : f32[] %r = log %m : "
     "f32[]",
     "f32[]",
     {1000, 1000, -1000},
     1000},
    {"%e = exp %v : f32[3] %o = add 1, %e : f32[3] %s = sum %o {dims [0]} : f32[] %r = log %s : f32[]",
     "f32[]",
     {1000, 1000, -1000},
     1000.693147180559945},
    {"%e = exp %v : f32[3] %o = sub %e, 1 : f32[3] %s = sum %o {dims [0]} : f32[] %r = log %s : f32[]",
     "f32[]",
     {1e-10f, 1e-10f, 2e-10f},
     -21.639556568820566},
    {"%e = sigmoid %v : f32[3] %s = sum %e {dims [0]} : f32[] %r = log %s : f32[]",
     "f32[]",
     {-200, -200, -300},
     -199.306852819440055},
    {"%e = sigmoid %v : f32[3] %o = sub 1, %e : f32[3] %s = sum %o {dims [0]} : f32[] %r = log %s : f32[]",
     "f32[]",
     {200, 200, 300},
     -199.306852819440055},
    {"%e = exp %v : f32[3] %c = slice %e {lo [0] hi [1] step [1]} : f32[1] "
     "%d = reshape %c {dims [1,1]} : f32[1,1] %k = reshape %e {dims [1,3]} : f32[1,3] "
     "%p = dot %d, %k {contract 0:0} : f32[1,3] %g = reshape %p {dims [3]} : f32[3] %r = log %g : f32[3]",
     "f32[3]",
     {1000, 1000, -1000},
     2000},
    {"%w = sub %v, 80 : f32[3] %e = exp %v : f32[3] %p = mul %w, %e : f32[3] "
     "%s = sum %p {dims [0]} : f32[] %r = log %s : f32[]",
     "f32[]",
     {80, 81, 82},
     82 + 0.86199480405},
    {"%z = const {value 0} : f32[] %l = scan %z ; %v ; {n 3} (%a: f32[], %b: f32[]) { %e = exp %b : f32[] %c = add %a, %e : f32[] yield %c } : f32[] "
     "%r = log %l : f32[]",
     "f32[]",
     {-1000, -1000, -2000},
     -999.306852819440055},
    {"%e = exp %v : f32[3] %m = max %e, 1 : f32[3] %r = log %m : f32[3]", "f32[3]", {200, 0, 0}, 200},
    {"%e = exp %v : f32[3] %m = min %e, 1 : f32[3] %r = log %m : f32[3]", "f32[3]", {-200, 0, 0}, -200},
    {"%e = exp %v : f32[3] %m = min %e, -1 : f32[3] %s = add %m, 3 : f32[3] %r = log %s : f32[3]", "f32[3]", {-200, 0, 0}, 0.6931471806},
    {"%e = exp %v : f32[3] %m = reduce_max %e {dim 0} : f32[] %r = log %m : f32[]", "f32[]", {-200, -300, -300}, -200},
    {"%e = exp %v : f32[3] %n = neg %e : f32[3] %m = reduce_max %n {dim 0} : f32[] %p = neg %m : f32[] %r = log %p : f32[]",
     "f32[]",
     {300, 200, 300},
     200},
    {"%e = exp %v : f32[3] %m = norm %e {dims [0]} : f32[] %r = log %m : f32[]", "f32[]", {200, 200, -300}, 200.34657359},
    {"%e = pow 2, %v : f32[3] %s = add %e, 1 : f32[3] %r = log %s : f32[3]", "f32[3]", {200, 0, 0}, 138.62943611},
    {"%t = stop 0 : f32[] %d = sub %v, %t : f32[3] %e = exp %d : f32[3] %s = sum %e {dims [0]} : f32[] %r = log %s : f32[]",
     "f32[]",
     {200, 200, -200},
     200.69314718},
    {"%e = exp %v : f32[3] %i = argsort %e : i32[3] %g = gather %e, %i {batch 0} : f32[3] %r = log %g : f32[3]", "f32[3]", {300, 200, 250}, 200},
    {"%e = sigmoid %v : f32[3] %t = reverse %e {dims [0]} : f32[3] %o = sub 1, %t : f32[3] %r = log %o : f32[3]", "f32[3]", {0, 0, 200}, -200},
    {"%e = tanh %v : f32[3] %t = reverse %e {dims [0]} : f32[3] %o = add 1, %t : f32[3] %r = log %o : f32[3]", "f32[3]", {0, 0, -200}, -399.306852819440055},
    {"%s = softplus %v : f32[3] %r = log %s : f32[3]", "f32[3]", {-102, 0, 0}, -102},
    {"%s = softplus %v : f32[3] %r = log %s : f32[3]", "f32[3]", {-16, 0, 0}, -16.00000005626758729},
    {"%s = softplus %v : f32[3] %t = sum %s {dims [0]} : f32[] %r = log %t : f32[]", "f32[]", {-200, -200, -300}, -199.306852819440055},
    {"%s = softplus %v : f32[3] %t = reverse %s {dims [0]} : f32[3] %p = mul %s, %t : f32[3] %r = log %p : f32[3]",
     "f32[3]",
     {-60, 0, -60},
     -120},
    {"%e = exp %v : f32[3] %o = add 1, %e : f32[3] %f = mul %e, %e : f32[3] %t = reverse %f {dims [0]} : f32[3] %m = max %t, %o : f32[3] "
     "%r = log %m : f32[3]",
     "f32[3]",
     {200, 0, -300},
     200},
    {"%s = softplus %v : f32[3] %q = sqrt %s : f32[3] %r = mul %q, 1e30 : f32[3]", "f32[3]", {-170, 0, 0}, 1.21609929925283e-07},
    {"%s = softplus %v : f32[3] %t = sum %s {dims [0]} : f32[] %q = pow %t, -0.5 : f32[] %r = mul %q, 1e-30 : f32[]",
     "f32[]",
     {-170, -200, -300},
     8223012.71462253},
    {"%e = exp %v : f32[3] %s = sum %e {dims [0]} : f32[] %b = broadcast %s {dims [3]} : f32[3] %p = div %e, %b : f32[3] "
     "%o = sub 1, %p : f32[3] %r = log %o : f32[3]",
     "f32[3]",
     {40, 0, -300},
     -40},
    {"%e = exp %v : f32[3] %s = sum %e {dims [0]} : f32[] %b = broadcast %s {dims [3]} : f32[3] %p = div %e, %b : f32[3] "
     "%o = sub 1, %p : f32[3] %r = log %o : f32[3]",
     "f32[3]",
     {0, 0, 0},
     -0.40546510810816444},
    {"%e = exp %v : f32[3] %t = reverse %e {dims [0]} : f32[3] %s = add %t, %e : f32[3] %p = div %e, %s : f32[3] "
     "%o = sub 1, %p : f32[3] %r = log %o : f32[3]",
     "f32[3]",
     {40, 0, -300},
     -340},
    {"%e = exp %v : f32[3] %s = sum %e {dims [0]} : f32[] %l = log %s : f32[] %r = sub %l, %v : f32[3]", "f32[3]", {60, 0, -300}, 8.75651076269652e-27},
    {"%e = exp %v : f32[3] %s = sum %e {dims [0]} : f32[] %l = log %s : f32[] %r = sub %l, %v : f32[3]", "f32[3]", {1, 60, 3}, 59},
    {"%e = exp %v : f32[3] %s = sum %e {dims [0]} : f32[] %l = log %s : f32[] %x = slice %v {lo [0] hi [1] step [1]} : f32[1] "
     "%k = reshape %x {dims []} : f32[] %r = sub %k, %l : f32[]",
     "f32[]",
     {20, 0, -300},
     -2.06115361819020e-9},
    {"%m = reshape %v {dims [1,3]} : f32[1,3] %e = exp %m : f32[1,3] %s = sum %e {dims [1]} : f32[1] %l = log %s : f32[1] "
     "%k = slice %m {lo [0,0] hi [1,1] step [1,1]} : f32[1,1] %x = reshape %k {dims [1]} : f32[1] %r = sub %l, %x : f32[1]",
     "f32[1]",
     {20, 0, -300},
     2.06115361819020e-9},
    {"%e = exp %v : f32[3] %s = sum %e {dims [0]} : f32[] %p = div %e, %s : f32[3] %r = sub 1, %p : f32[3]", "f32[3]", {60, 0, -300}, 8.75651076269652e-27},
    {"%e = exp %v : f32[3] %s = sum %e {dims [0]} : f32[] %p = div %e, %s : f32[3] %r = log %p : f32[3]", "f32[3]", {20, 0, -300}, -2.06115361819020e-9},
    {"%e = exp %v : f32[3] %c = cumsum %e {dim 0} : f32[3] %r = log %c : f32[3]", "f32[3]", {-200, 0, 400}, -200},
    {"%e = exp %v : f32[3] %c = cumsum %e {dim 0 reverse} : f32[3] %r = log %c : f32[3]", "f32[3]", {-200, 400, 400}, 400.693147180559945},
    {"%e = exp %v : f32[3] %c = cumsum %e {dim 0 exclusive} : f32[3] %r = log %c : f32[3]", "f32[3]", {-200, 400, 400}, -HUGE_VAL},
    {"%e = exp %v : f32[3] %c = cumsum %e {dim 0 reverse exclusive} : f32[3] %r = log %c : f32[3]", "f32[3]", {900, -400, -400}, -399.306852819440055},
    {"%q = mul %v, %v : f32[3] %r = sqrt %q : f32[3]", "f32[3]", {1e-30f, 0, 0}, 1e-30},
    {"%d = dot %v, %v {contract 0:0} : f32[] %r = sqrt %d : f32[]", "f32[]", {3e30f, 4e30f, 0}, 5e30},
    {"%q = mul %v, %v : f32[3] %s = sum %q {dims [0]} : f32[] %a = div %s, 3 : f32[] %t = sum %v {dims [0]} : f32[] "
     "%m = div %t, 3 : f32[] %p = mul %m, %m : f32[] %r = sub %a, %p : f32[]",
     "f32[]",
     {10000, 10001, 10002},
     2.0 / 3},
    {"%d = dot %v, %v {contract 0:0} : f32[] %t = sum %v {dims [0]} : f32[] %p = mul %t, %t : f32[] "
     "%n = div %p, 3 : f32[] %a = sub %d, %n : f32[] %r = div %a, 2 : f32[]",
     "f32[]",
     {10000, 10001, 10002},
     1},
    {"%w = sin %v : f32[3] %q = mul %v, %v : f32[3] %s = sum %q {dims [0]} : f32[] %t = sum %w {dims [0]} : f32[] "
     "%m = mul %t, %t : f32[] %n = div %m, 3 : f32[] %r = sub %s, %n : f32[]",
     "f32[]",
     {0, 2, 0},
     4 - 0.82682181 / 3},
    {"%q = mul %v, %v : f32[3] %m = mul -2, %v : f32[3] %a = add %q, %m : f32[3] %b = add %a, 1 : f32[3] "
     "%r = sqrt %b : f32[3]",
     "f32[3]",
     {1.0001f, 0, 0},
     1.0001f - 1.0},
    {"%q = mul %v, %v : f32[3] %m = mul -2, %v : f32[3] %a = add %q, %m : f32[3] %b = add %a, 2 : f32[3] "
     "%r = sqrt %b : f32[3]",
     "f32[3]",
     {1, 0, 0},
     1},
    {"%a = const {value 0.25} : f32[] %b = const {value 0.5} : f32[] %c = reshape %a {dims [1]} : f32[1] %d = reshape %b {dims [1]} : f32[1] "
     "%w = concat %c, %d, %c {dim 0} : f32[3] %q = mul %v, %v : f32[3] %u = mul %w, %q : f32[3] %s = sum %u {dims [0]} : f32[] "
     "%k = mul %w, %v : f32[3] %t = sum %k {dims [0]} : f32[] %m = mul %t, %t : f32[] %r = sub %s, %m : f32[]",
     "f32[]",
     {10000, 10001, 10002},
     0.5},
    {"%q = add 1, %v : f32[3] %r = log %q : f32[3]", "f32[3]", {1e-10f, 0, 0}, 1e-10},
    {"%q = exp %v : f32[3] %r = sub %q, 1 : f32[3]", "f32[3]", {1e-10f, 0, 0}, 1e-10},
};

Test(stabilise, local_rules)
{
    for (int i = 0; i < COUNT(locals); i++) {
        char text[1024];
        float y[3];
        snprintf(text, sizeof text,
                 "slot \"v\" data : f32[3]\nfn f {report} {\n%%v = read \"v\" : f32[3]\n%s\nreport \"r\", %%r\n}\n",
                 locals[i].body);
        for (char *c = strchr(text, '%'); c && (c = strstr(c + 1, " %"));) /* one row a line */
            if (c[-1] == ']' && strchr(c, '=')) *c = '\n';
        Loaded l = load(text);
        GanError err = {0};
        InterpMemory memory = {.slot = (void *[]){(void *)locals[i].x}, .seed = 1};
        cr_assert_eq(interp_fn(l.m, l.m->fns.v[0], &memory, (void *[]){y}, NULL, NULL, &err), GAN_OK);
        cr_expect(y[0] == (float)locals[i].want || ulps(y[0], locals[i].want) < 2, "%s: %.9g", locals[i].body,
                  (double)y[0]);
        arena_free(l.a);
    }
}

/* ---- random trees ----------------------------------------------------------------------------------------------- */

static uint64_t next_random(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s >> 11;
}

static void random_text(uint64_t *s, int depth, Text *t)
{
    static const char *const leaves[] = {"T", "T", "D", "u", "2", "0.5", "1", "3"};
    static const char *const calls[] = {"exp",   "log",   "softplus", "sigmoid", "tanh",
                                        "expm1", "log1p", "sqrt",     "dsigmoid"};
    static const char *const signs[] = {"+", "-", "*", "/"};
    if (depth == 0) {
        text_add(t, leaves[next_random(s) % COUNT(leaves)]);
    } else if (next_random(s) % 5 < 2) {
        text_printf(t, "%s(", calls[next_random(s) % COUNT(calls)]);
        random_text(s, depth - 1, t);
        text_add(t, ")");
    } else {
        text_add(t, "(");
        random_text(s, depth - 1, t);
        int sign = (int)(next_random(s) % 4), deep = (int)(next_random(s) % (unsigned)depth);
        text_add(t, signs[sign]);
        if (sign == 3 && deep == 0)
            text_add(t, "u"); /* T/T has a zero for derivative, as written by luck */
        else
            random_text(s, deep, t);
        text_add(t, ")");
    }
}

/* What a text, or its derivative, gives in f64 or f32, as written or stabilised; f32 results widened. */
static void values_of(const char *text, bool differentiate, IrElem real, bool per_sample, bool stabilise,
                      double y[REFERENCE_POINTS])
{
    Fixture f = fixture(per_sample, real);
    double t[REFERENCE_POINTS];
    float narrow[REFERENCE_POINTS];
    IrVal *v = parse(&f, text);
    if (stabilise) v = stabilised(&f, v);
    if (differentiate) v = derivative(&f, v, f.T);
    report(&f, "y", stabilise && differentiate && !per_sample ? stabilised(&f, v) : v);
    if (stabilise) opt_stabilise(f.m, f.fn);
    for (int i = 0; i < REFERENCE_POINTS; i++) t[i] = reference_t[i];
    run(&f, real == IR_F32 ? (void *)reference_t : (void *)t, (void *[]){real == IR_F32 ? (void *)narrow : (void *)y});
    for (int i = 0; i < REFERENCE_POINTS && real == IR_F32; i++) y[i] = narrow[i];
    arena_free(f.a);
}

/* The tree as written, or its derivative, in 113 bits. */
static __float128 exact(const Fixture *f, const IrVal *v, __float128 T)
{
    if (v == f->T) return T;
    IrNode *n = v->def;
    __float128 x[3] = {0}, e;
    for (int i = 0; i < n->n_args; i++) x[i] = exact(f, n->arg[i], T);
    switch (n->op) {
    case IR_const:
        return n->attr->value;
    case IR_spread:
    case IR_broadcast:
        return x[0];
    case IR_neg:
        return -x[0];
    case IR_add:
        return x[0] + x[1];
    case IR_sub:
        return x[0] - x[1];
    case IR_mul:
        return x[0] * x[1];
    case IR_div:
        return x[0] / x[1];
    case IR_exp:
        return expq(x[0]);
    case IR_expm1:
        return expm1q(x[0]);
    case IR_log:
        return logq(x[0]);
    case IR_log1p:
        return log1pq(x[0]);
    case IR_sqrt:
        return sqrtq(x[0]);
    case IR_tanh:
        return tanhq(x[0]);
    case IR_sigmoid:
        return 1 / (1 + expq(-x[0]));
    case IR_softplus:
        return fmaxq(x[0], 0) + log1pq(expq(-fabsq(x[0])));
    case IR_dsigmoid:
        e = expq(-fabsq(x[0]));
        return e / ((1 + e) * (1 + e));
    default:
        cr_assert_fail("%s", ir_op_info[n->op].name);
        return 0;
    }
}

static double error_of(double got, __float128 want)
{
    return want == 0 ? fabs(got) : isfinite(got) ? (double)fabsq((got - want) / want) : HUGE_VAL;
}

/* Where the tree as written is right, in f64, or in both f32 and f64, it is right when it has been stabilised. */
static int check_tree(const char *text, bool differentiate, bool per_sample, int *better)
{
    Fixture f = fixture(per_sample, IR_F64);
    IrVal *v = differentiate ? derivative(&f, parse(&f, text), f.T) : parse(&f, text);
    double y[4][REFERENCE_POINTS];
    int compared = 0;
    for (int i = 0; i < 4; i++) values_of(text, differentiate, i < 2 ? IR_F64 : IR_F32, per_sample, i % 2, y[i]);
    for (int i = 0; i < REFERENCE_POINTS; i++) {
        __float128 want = exact(&f, v, reference_t[i]);
        if (!finiteq(want) || fabsq(want) < 1e-20Q || fabsq(want) > 1e30Q || fabsf(reference_t[i]) > 60) continue;
        for (int narrow = 0; narrow < 2; narrow++) {
            double before = error_of(y[2 * narrow][i], want), after = error_of(y[2 * narrow + 1][i], want),
                   unit = narrow ? 1e-7 : 2e-16;
            compared += before < 8 * unit;
            *better += before > 1e4 * unit && after < 1e3 * unit;
            bool lucky = error_of(y[0][i], want) > 8 * 2e-16; /* 1 - 1 in f32 where f64 has its last place left */
            cr_expect(before > 8 * unit || lucky || after < 4e3 * unit, "%s%s at %g, %s: off by %.3g instead of %.3g",
                      differentiate ? "derivative of " : "", text, (double)reference_t[i], narrow ? "f32" : "f64",
                      after, before);
        }
    }
    arena_free(f.a);
    return compared;
}

Test(stabilise, random_trees_keep_their_values)
{
    uint64_t seed = 88172645463325252;
    int compared = 0, better = 0;
    for (int n = 0; n < 500; n++) {
        Arena *a = arena_new();
        Text t = text_in(a);
        random_text(&seed, 2 + n % 4, &t);
        for (int differentiate = 0; differentiate < 2; differentiate++)
            compared += check_tree(text_str(&t), differentiate, n % 2, &better);
        arena_free(a);
    }
    cr_assert(compared > 10000 && better > 100, "%d compared, %d better", compared, better);
}

/* ---- functions -------------------------------------------------------------------------------------------------- */

/* Draws stay one, loops are looked into, and a value that is used elsewhere is replaced there. */
Test(stabilise, a_function)
{
    Loaded l = load("axis b = 4\nslot \"h\" state : f32[4]\nfn f {report} {\n%h = read \"h\" : f32[4]\n%e = normal "
                    "{stream \"x\"} : f32<b>[4]\n%x = add %e, %h : f32<b>[4]\n"
                    "%a = exp %x : f32<b>[4]\n%c = add 1, %a : f32<b>[4]\n%d = log %c : f32<b>[4]\n%s = sum %d {dims "
                    "[0]} : f32<b>[]\n"
                    "%l = scan %h ; ; {n 3} (%v: f32[4]) {\n%p = exp %v : f32[4]\n%q = add %p, 1 : f32[4]\n%r = log %q "
                    ": f32[4]\nyield %r\n} : f32[4]\n"
                    "report \"s\", %s\nreport \"d\", %d\nreport \"l\", %l\n}\n");
    IrFn *f = l.m->fns.v[0];
    int count[IR_OP_COUNT] = {0};
    opt_dce(l.m, f);
    for (IrNode *n = f->body.first; n; n = ir_next(n)) count[n->op]++;
    cr_expect(count[IR_normal] == 1 && count[IR_softplus] == 2 && count[IR_log] == 0 && count[IR_exp] == 0);
    arena_free(l.a);
}

/* Kernels of pairs: a sum of what is positive has nothing to cancel, so it stays in f32. */
Test(stabilise, a_sum_of_one_sign_stays_narrow)
{
    Loaded l = load("axis a = 4\naxis b = 4\nslot \"h\" state : f32[4,4]\nfn f {report} {\n%h = read \"h\" : f32[4,4]\n%p = as_sample %h {axis a} : f32<a>[4]\n%d = as_sample %p {axis b} : f32<a,b>[]\n"
                    "%d0 = div %d, -0.020000000000000004 : f32<a,b>[]\n%e0 = exp %d0 : f32<a,b>[]\n"
                    "%d1 = div %d, -0.08000000000000002 : f32<a,b>[]\n%e1 = exp %d1 : f32<a,b>[]\n"
                    "%d2 = div %d, -0.5 : f32<a,b>[]\n%e2 = exp %d2 : f32<a,b>[]\n"
                    "%d3 = div %d, -2 : f32<a,b>[]\n%e3 = exp %d3 : f32<a,b>[]\n"
                    "%d4 = div %d, -8 : f32<a,b>[]\n%e4 = exp %d4 : f32<a,b>[]\n"
                    "%s1 = add %e0, %e1 : f32<a,b>[]\n%s2 = add %s1, %e2 : f32<a,b>[]\n%s3 = add %s2, %e3 : f32<a,b>[]\n%s4 = add %s3, %e4 : f32<a,b>[]\n"
                    "report \"s\", %s4\n}\n");
    opt_dce(l.m, l.m->fns.v[0]);
    int converts = 0;
    for (IrNode *n = l.m->fns.v[0]->body.first; n; n = ir_next(n)) converts += n->op == IR_convert;
    cr_expect_eq(converts, 0);
    arena_free(l.a);
}

/* What a value is differentiated by stays in its tree, though the tree could do without. */
Test(stabilise, what_it_is_differentiated_by)
{
    Fixture f = fixture(true, IR_F32);
    IrVal *y = ir_log(&f.b, f.u), *by_u = opt_stabilise_value(&f.b, y, &f.u, 1, true);
    cr_expect(ir_depends(&by_u, 1, &f.u, 1));
    Fixture g = fixture(true, IR_F32);
    IrVal *by_T = opt_stabilise_value(&g.b, ir_log(&g.b, g.u), &g.T, 1, true);
    cr_expect_eq(by_T, g.T);
    arena_free(f.a);
    arena_free(g.a);
}

/* ---- a value that others need ----------------------------------------------------------------------------------- */

static int node_count(const IrFn *f)
{
    int n = 0;
    for (const IrNode *at = f->body.first; at; at = ir_next(at)) n++;
    return n;
}

/* The first n rows of the function as text. */
static char *text_of_first(const Fixture *f, int n)
{
    Text t = text_in(f->a);
    const IrNode *at = f->fn->body.first;
    for (int i = 0; i < n && at; i++, at = ir_next(at)) {
        text_printf(&t, "%u %s %d:", at->result->id, ir_op_info[at->op].name, at->why);
        for (int k = 0; k < at->n_args; k++) text_printf(&t, " %u", at->arg[k]->id);
        text_add(&t, "\n");
    }
    return text_str(&t);
}

static IrVal *with_const(Fixture *f, IrVal *(*make)(IrBuilder *b, IrVal *a, IrVal *c), IrVal *v, double c)
{
    return make(&f->b, v, ir_const(&f->b, IR_F32, c));
}

/* What stands is neither changed nor moved; new rows come after it; only what lies between a rewritten row and the value
 * is made again, once. */
Test(stabilise, leaves_what_stands)
{
    Fixture f = fixture(true, IR_F32);
    IrVal *bad = parse(&f, "log(1+exp(T))"), *apart = ir_floor(&f.b, with_const(&f, ir_mul, f.T, 3));
    IrVal *path = ir_sin(&f.b, ir_floor(&f.b, bad)), *v = ir_max(&f.b, path, ir_max(&f.b, apart, path));
    report(&f, "other", ir_cos(&f.b, bad));
    int n = node_count(f.fn);
    char *was = text_of_first(&f, n);
    IrVal *made = stabilised(&f, v);
    cr_expect_str_eq(text_of_first(&f, n), was);
    int count[IR_OP_COUNT] = {0};
    IrNode *at = f.fn->body.first;
    for (int i = 0; i < n; i++) at = ir_next(at);
    for (; at; at = ir_next(at)) count[at->op]++;
    cr_expect(made != v && made->def == f.fn->body.last);
    cr_expect(count[IR_floor] == 1 && count[IR_sin] == 1 && count[IR_max] == 2 && count[IR_softplus] == 1);
    cr_expect(count[IR_mul] == 0 && count[IR_exp] == 0 && count[IR_log] == 0);
    report(&f, "y", made);
    char why[512];
    cr_expect(ir_verify(f.m, f.fn, why), "%s", why);
    arena_free(f.a);
}

/* Before a node that the builder stands at; and nothing at all is made where nothing is gained, though rows are equal. */
Test(stabilise, stands_where_the_builder_stands)
{
    Fixture f = fixture(true, IR_F32);
    IrVal *v = parse(&f, "log(1+exp(T))"), *plain = parse(&f, "(T+1)*abs(T+1)");
    IrVal *later = ir_floor(&f.b, f.T);
    int n = node_count(f.fn);
    uint32_t next_id = f.m->next_id;
    cr_expect_eq(stabilised(&f, plain), plain);
    cr_expect(node_count(f.fn) == n && f.m->next_id == next_id);
    IrBuilder before = f.b;
    before.before = later->def;
    IrVal *made = opt_stabilise_value(&before, v, &f.T, 1, true);
    cr_expect(made->def->next == later->def && later->def == f.fn->body.last);
    report(&f, "y", made);
    char why[512];
    cr_expect(ir_verify(f.m, f.fn, why), "%s", why);
    arena_free(f.a);
}

/* Loops on the path are copied whole. */
Test(stabilise, a_loop_on_the_path)
{
    Loaded l = {.a = arena_new()};
    char why[512];
    const char *text = "slot \"h\" state : f32[4]\nfn f {report} {\n%h = read \"h\" : f32[4]\n%a = exp %h : f32[4]\n"
                       "%c = add 1, %a : f32[4]\n%d = log %c : f32[4]\n%l = scan %d ; ; {n 3} (%v: f32[4]) {\n"
                       "%p = sin %v : f32[4]\nyield %p\n} : f32[4]\nreport \"l\", %l\n}\n";
    l.m = ir_read_text(l.a, text, strlen(text), why);
    cr_assert(l.m, "%s", why);
    IrFn *f = l.m->fns.v[0];
    IrBuilder b = {.m = l.m, .block = &f->body};
    IrVal *was = f->reports.v[0].val, *h = &f->body.first->result[0];
    IrVal *made = opt_stabilise_value(&b, was, &h, 1, true);
    cr_expect(made != was && made->def->op == IR_scan && made->def->body[0] != was->def->body[0]);
    cr_expect(made->def->arg[0]->def->op == IR_softplus && was->def->arg[0]->def->op == IR_log);
    ir_report(l.m, f, "made", made);
    cr_expect(ir_verify(l.m, f, why), "%s", why);
    arena_free(l.a);
}

/* A value's cost is that of what it depends on, whatever else stands in the block, and however deep it is. */
Test(stabilise, many_values_in_one_block)
{
    Fixture f = fixture(false, IR_F32);
    IrVal *deep = f.T;
    for (int i = 0; i < 200000; i++) deep = ir_sin(&f.b, deep);
    clock_t start = clock();
    for (int i = 0; i < 2000; i++) {
        IrVal *v = parse(&f, "log(1+exp(T))");
        cr_assert_eq(stabilised(&f, v)->def->op, IR_softplus);
    }
    cr_expect_eq(stabilised(&f, deep), deep);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    cr_expect(seconds < 5, "%g s", seconds);
    arena_free(f.a);
}

enum { CARRIED = 6, TREE_KINDS = 9 }; /* one number per sample, over a carrier */

static IrVal *mean_of(IrBuilder *b, IrVal *x)
{
    return ir_div(b, ir_sum_all(b, x), ir_const(b, IR_F32, (double)ir_dims_size(&x->type)));
}

static IrVal *small_tree(Fixture *f, int kind, IrVal *x)
{
    IrBuilder *b = &f->b;
    IrVal *one = ir_const(b, IR_F32, 1), *y = ir_sin(b, x), *m;
    switch (kind) {
    case 0:
        return ir_log(b, ir_add(b, ir_exp(b, x), one));
    case 1:
        return ir_log(b, ir_fill(b, ir_sum(b, ir_exp(b, x), ir_ints(1, (int64_t[]){0})), ir_dims_of(&x->type)));
    case 2:
        return ir_log(b, ir_sub(b, ir_exp(b, ir_exp(b, x)), ir_exp(b, ir_mul(b, x, x))));
    case 3:
        return ir_sqrt(b, ir_add(b, ir_mul(b, x, x), ir_mul(b, ir_sin(b, x), ir_sin(b, x))));
    case 4:
        m = ir_mul(b, ir_const(b, IR_F32, 2), ir_mul(b, x, y));
        return ir_sqrt(b, ir_add(b, ir_sub(b, ir_mul(b, x, x), m), ir_mul(b, y, y)));
    case 5:
        m = mean_of(b, x);
        return ir_fill(b, ir_sub(b, mean_of(b, ir_mul(b, x, x)), ir_mul(b, m, m)), ir_dims_of(&x->type));
    case CARRIED:
        y = ir_mul(b, ir_softplus(b, x), ir_exp(b, x));
        return ir_sub(b, ir_mul(b, y, ir_log(b, y)), ir_mul(b, ir_add(b, y, one), ir_log(b, ir_add(b, y, one))));
    case 7:
        return ir_sub(b, ir_log(b, ir_sum(b, ir_exp(b, x), ir_ints(1, (int64_t[]){0}))), x);
    default:
        return ir_div(b, ir_exp(b, x), ir_add(b, ir_exp(b, x), ir_exp(b, ir_sin(b, x))));
    }
}

/* In seconds: a pass over n trees, in a chain, each from the one before, or in a wide sum. */
static double time_of(void (*pass)(IrModule *m, IrFn *f), int n, int kind, bool chain)
{
    Fixture f = fixture(kind == CARRIED, IR_F32);
    IrVal *x = f.T, *all = f.T;
    for (int i = 0; i < n; i++) {
        IrVal *v = small_tree(&f, kind, chain ? x : ir_mul(&f.b, f.T, ir_const(&f.b, IR_F32, i)));
        if (chain) x = v;
        all = chain ? v : ir_add(&f.b, all, v);
    }
    report(&f, "y", all);
    clock_t start = clock();
    pass(f.m, f.fn);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    arena_free(f.a);
    return seconds;
}

/* Long chains, wide sums and many small trees take time in proportion. */
Test(stabilise, large_functions)
{
    for (int shape = 0; shape < 3; shape++) {
        Fixture f = fixture(false, IR_F32);
        IrVal *v = f.T, *all = f.T;
        for (int i = 0; i < 3000; i++) {
            IrVal *x = shape == 2 ? ir_floor(&f.b, v) : v;
            v = ir_log(&f.b, ir_add(&f.b, ir_exp(&f.b, x), ir_const(&f.b, IR_F32, 1)));
            all = shape ? ir_add(&f.b, all, v) : v;
        }
        report(&f, "y", all);
        clock_t start = clock();
        opt_stabilise(f.m, f.fn);
        double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
        cr_expect(seconds < 2, "shape %d: %g s", shape, seconds);
        arena_free(f.a);
    }
}

/* No pass takes more than in proportion: twice as much takes about twice as long, not four times. */
Test(stabilise, no_pass_is_superlinear)
{
    static void (*const passes[])(IrModule *, IrFn *) = {opt_stabilise, opt_simplify, opt_cse,   opt_stop,
                                                         opt_dce,       opt_scans,    opt_fuse, opt_join};
    for (int p = 0; p < COUNT(passes); p++)
        for (int kind = 0; kind < TREE_KINDS; kind++)
            for (int chain = 0; chain < 2; chain++) {
                double half = time_of(passes[p], 2500, kind, chain), whole = time_of(passes[p], 5000, kind, chain);
                cr_expect(whole < 3.2 * half + 0.5, "pass %d, trees %d, %s: %g s, and %g s for half as many", p, kind, chain ? "chain" : "sum", whole, half);
            }
}
