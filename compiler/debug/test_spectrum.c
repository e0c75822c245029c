/* test_spectrum.c - eigenvalues of games whose Jacobians are known in closed form. */
#include "compiler/debug/debug.h"
#include "runtime/testing.h"

#include <math.h>

static void look(const char *text, int64_t steps, bool interp, Spectrum *out)
{
    char      folder[256];
    Options   o = {.run = {.program = "gan", .steps = -1, .threads = 1, .quiet = true}, .interp = interp, .no_cache = true};
    int       status;
    GanError  err;
    DebugPlace at;
    const char *file = in_folder(make_folder(folder), "game.gan");
    FILE       *f = fopen(file, "w");
    cr_assert(f && fputs(text, f) >= 0 && !fclose(f));
    Debugger *d = debug_open(&o, file, 0, &status);
    cr_assert(d);
    debug_go(d, DEBUG_ROUNDS, steps, NULL, &at);
    cr_assert_eq(debug_spectrum(d, out, &err), GAN_OK, "%s", err.message);
    debug_close(d);
    drop_folder(folder);
}

static bool has(const Spectrum *s, double re, double im)
{
    for (int i = 0; i < s->n; i++)
        if (hypot(s->value[i].re - re, s->value[i].im - im) < 1e-9 * (1 + hypot(re, im))) return true;
    return false;
}

#define HEAD "import optim, nn\n"
#define TWO "net A { param x: real = 0.5; x }\nnet B { param y: real = -0.25; y }\n"

/* min_x max_y x y: v = (y, -x), J = [0 1; -1 0]. No rate draws together; v and J'v are at right angles to nothing but stand so: J'v = (x, y), v.J'v = 0. */
Test(spectrum, a_bilinear_game_turns)
{
    for (int interp = 0; interp < 2; interp++) {
        Spectrum s;
        look(HEAD TWO "alternate 5 steps {\n  update B minimize -(A() * B()) with sgd(0.1)\n  update A minimize A() * B() with sgd(0.1)\n}\n", 2, interp, &s);
        cr_assert_eq(s.size, 2);
        cr_assert_eq(s.n, 2);
        cr_assert(has(&s, 0, 1) && has(&s, 0, -1), "%g%+gi %g%+gi", s.value[0].re, s.value[0].im, s.value[1].re, s.value[1].im);
        cr_assert_float_eq(s.angle, 90, 1e-9);
        cr_assert_eq(s.rate, 0);
        spectrum_free(&s);
    }
}

/* The same, where B maximises, and where both look ahead: what is differentiated is how each goes down. */
Test(spectrum, who_maximises_goes_the_other_way)
{
    static const char *const way[] = {"", "simultaneous {", "extragradient {"};
    for (int i = 0; i < 3; i++) {
        char     text[400];
        Spectrum s;
        snprintf(text, sizeof text, HEAD TWO "alternate 5 steps {\n  %s\n  update B maximize A() * B() with sgd(0.1)\n  update A minimize A() * B() with sgd(0.1)\n  %s\n}\n", way[i], *way[i] ? "}" : "");
        look(text, 1, true, &s);
        cr_assert(has(&s, 0, 1) && has(&s, 0, -1), "%s: %g%+gi", way[i], s.value[0].re, s.value[0].im);
        cr_assert_float_eq(s.angle, 90, 1e-9);
        spectrum_free(&s);
    }
}

/* With a penalty g/2 y^2 for B: J = [0 1; -1 g], eigenvalues (g +- sqrt(g^2 - 4)) / 2. g = 1: 1/2 +- i sqrt(3)/2, of modulus 1: rates below 1. */
Test(spectrum, a_penalty_draws_together)
{
    Spectrum s;
    look(HEAD TWO "alternate 5 steps {\n  update B minimize 0.5 * B()^2 - A() * B() with sgd(0.1)\n  update A minimize A() * B() with sgd(0.1)\n}\n", 1, true, &s);
    cr_assert(has(&s, 0.5, sqrt(0.75)) && has(&s, 0.5, -sqrt(0.75)));
    cr_assert_float_eq(s.rate, 1, 1e-9);
    spectrum_free(&s);
}

/* The Dirac-GAN (Mescheder et al. 2018): data at 0, model at theta, D(x) = psi x, f(t) = -log(1 + exp(-t)). At the equilibrium (0, 0) f'(0) = 1/2: eigenvalues
 * of J are +- i/2; with the penalty g/2 E|dD/dx|^2 of D they are (g +- sqrt(g^2 - 1)) / 2. */
#define DIRAC "net T { param t: real = 0; t }\nnet D(x: real) -> real { param w: real = 0; w * x }\n"

Test(spectrum, the_dirac_gan)
{
    Spectrum s;
    look(HEAD DIRAC "alternate 5 steps {\n  update D minimize softplus(-D(0)) + softplus(D(T())) with sgd(0.1)\n  update T minimize -softplus(D(T())) with sgd(0.1)\n}\n", 0, true, &s);
    cr_assert(has(&s, 0, 0.5) && has(&s, 0, -0.5), "%g%+gi", s.value[0].re, s.value[0].im);
    cr_assert(isnan(s.angle), "v is 0 at the equilibrium");
    spectrum_free(&s);
    look(HEAD DIRAC "let x0 = 0.0\nalternate 5 steps {\n  update D minimize softplus(-D(0)) + softplus(D(T())) + 0.5 * 0.6 * (grad[x0] D(x0))^2 with sgd(0.1)\n"
                    "  update T minimize -softplus(D(T())) with sgd(0.1)\n}\n", 0, true, &s);
    cr_assert(has(&s, 0.3, 0.4) && has(&s, 0.3, -0.4), "%g%+gi", s.value[0].re, s.value[0].im);      /* g = 0.6: (0.6 +- i 0.8) / 2 */
    spectrum_free(&s);
}

/* What stands under `stop` in a loss is a constant for its gradient, and not for how the steps depend on it: v = (x - s) with s = y, and (y): J = [1 -1; 0 1]. */
Test(spectrum, the_steps_depend_on_what_is_stopped)
{
    Spectrum s;
    look(HEAD TWO "alternate 5 steps {\n  update B minimize 0.5 * B()^2 + A() with sgd(0.1)\n  update A minimize 0.5 * (A() - stop(B()))^2 with sgd(0.1)\n}\n", 1, true, &s);
    cr_assert(has(&s, 1, 0));
    cr_assert(s.angle > 1);                                  /* J'v is no multiple of v, as J is not symmetric */
    spectrum_free(&s);
}

/* Eigenvalues of about one size, which no subspace tells apart: with a bilinear game of weights k and 0.025 (x^2 - y^2) they are 0.05 +- k i. */
Test(spectrum, many_of_one_size)
{
    Spectrum s;
    look(HEAD "let k = for i in 0..300 { 0.1 + i / 100 }\nnet A { param x: real[300] = 1; x }\nnet B { param y: real[300] = 1; y }\n"
              "alternate 5 steps {\n  update A minimize sum(k * A() * B()) + 0.025 * sum(A()^2) with sgd(0.001)\n"
              "  update B maximize sum(k * A() * B()) - 0.025 * sum(B()^2) with sgd(0.001)\n}\n", 0, true, &s);
    cr_assert(s.size == 600 && s.n == 600, "%d", s.n);
    for (int i = 0; i < 300; i++) {
        cr_assert_float_eq(s.value[2 * i].re, 0.05, 1e-6);
        cr_assert_float_eq(s.value[2 * i].im, 0.1 + (299 - i) / 100.0, 1e-6);
    }
    spectrum_free(&s);
}

/* Quadratics in 1000 dimensions, of 1/2 k x^2 with k = 2^9, 2^8, .. 1 and then again 1 for all the others: the largest eigenvalues come out of a subspace first. */
Test(spectrum, the_largest_of_many_come_first)
{
    Spectrum s;
    look(HEAD "net A { param x: real[1000] = 1; x }\nlet k = for i in 0..1000 { max(1.0, 2.0^(9 - i)) }\n"
              "alternate 5 steps { update A minimize 0.5 * sum(k * A()^2) with sgd(0.001) }\n", 0, true, &s);
    cr_assert_eq(s.size, 1000);
    cr_assert(s.n >= 9 && s.n < 1000, "%d", s.n);
    for (int i = 0; i < 9; i++) cr_assert_float_eq(s.value[i].re, pow(2, 9 - i), 1e-6 * pow(2, 9 - i));
    spectrum_free(&s);
}
