/* test_gradients.c - the comparison of a derivative with differences, on functions whose derivatives are known. */
#include "compiler/driver/gradients.h"

#include <criterion/criterion.h>
#include <math.h>

typedef double Function(double);

static bool at(void *self, double h, double *loss)
{
    *loss = (*(Function **)self)(h);
    return true;
}

static GradientsFound compared(Function *f, double claimed)
{
    GradientsFound found;
    cr_assert(gradients_compare(at, &f, claimed, 1e-4, &found));
    return found;
}

static double wave(double x) { return sin(3 * x + 1) * exp(x); }
static double bend(double x) { return x > 0 ? 2 * x : -x; }
static double jump(double x) { return x > 0 ? 1 + x : x; }
static double spike(double x) { return x == 0 ? 0 : NAN; }
static double flat(double x) { return x * 0 + 5; }
static double near_a_bend(double x) { return fabs(x + 1e-4); }           /* the long steps meet it */

/* A net of relu: 200,000 bends that lie densely, as those of a wide layer over a batch. Its slope at 0 is 1/2, but for those that a step meets. */
static double many_bends(double x)
{
    double sum = 0;
    for (int i = 0; i < 200000; i++) sum += fmax(0, x - ((i * 0.6180339887498949 - floor(i * 0.6180339887498949)) - 0.5));
    return sum / 200000;
}

Test(gradients, what_is_right)
{
    double slope = 3 * cos(1) + sin(1);                     /* (sin(3x + 1) exp(x))' at 0 */
    cr_assert_leq(compared(wave, slope).error, 1e-9);
    cr_assert_eq(compared(flat, 0).error, 0);
    cr_assert(compared(near_a_bend, 1).right);
    cr_assert_not(compared(near_a_bend, 1).kink);
    double exact = 0;
    for (int i = 0; i < 200000; i++) exact += 0 > (i * 0.6180339887498949 - floor(i * 0.6180339887498949)) - 0.5;
    cr_assert(compared(many_bends, exact / 200000).right);
    cr_assert_not(compared(many_bends, 1.0005 * exact / 200000).right);
}

Test(gradients, what_is_wrong)
{
    double slope = 3 * cos(1) + sin(1);
    cr_assert_not(compared(wave, 1.001 * slope).right);
    cr_assert_gt(compared(wave, 1.001 * slope).error, 5e-4);
    cr_assert_gt(compared(wave, -slope).error, 1);
    cr_assert_not(compared(flat, 0.01).right);
    cr_assert_not(compared(spike, 0).right);
    cr_assert_not(compared(wave, NAN).right);
}

Test(gradients, at_a_kink_all_between_both_slopes_is_right)
{
    for (double claimed = -1; claimed <= 2; claimed += 0.25) {
        GradientsFound f = compared(bend, claimed);
        cr_assert(f.right, "%g", claimed);
        cr_assert(f.kink || claimed == 0.5);                /* the mean of both is what the differences give */
    }
    cr_assert_not(compared(bend, 2.1).right);
    cr_assert_not(compared(bend, -1.1).right);
}

Test(gradients, a_jump_is_no_kink)
{
    cr_assert_not(compared(jump, 1).right);
    cr_assert_not(compared(jump, 1).kink);
}
