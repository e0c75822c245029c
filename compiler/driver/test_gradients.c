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

static double compared(Function *f, double claimed, bool *kink) { return gradients_compare(at, &f, claimed, 1e-4, kink); }

static double wave(double x) { return sin(3 * x + 1) * exp(x); }
static double bend(double x) { return x > 0 ? 2 * x : -x; }
static double jump(double x) { return x > 0 ? 1 + x : x; }
static double spike(double x) { return x == 0 ? 0 : NAN; }
static double flat(double x) { return x * 0 + 5; }
static double near_a_bend(double x) { return fabs(x + 1e-4); }           /* the long steps meet it */

Test(gradients, what_is_right)
{
    bool   kink;
    double slope = 3 * cos(1) + sin(1);                     /* (sin(3x + 1) exp(x))' at 0 */
    cr_assert_leq(compared(wave, slope, &kink), 1e-9);
    cr_assert_leq(compared(flat, 0, &kink), 0);
    cr_assert_leq(compared(near_a_bend, 1, &kink), GRADIENTS_TOLERANCE);
    cr_assert_not(kink);
}

Test(gradients, what_is_wrong)
{
    bool   kink;
    double slope = 3 * cos(1) + sin(1);
    cr_assert_gt(compared(wave, 1.001 * slope, &kink), GRADIENTS_TOLERANCE);
    cr_assert_gt(compared(wave, -slope, &kink), 1);
    cr_assert_gt(compared(flat, 0.01, &kink), 0.9);
    cr_assert_gt(compared(spike, 0, &kink), GRADIENTS_TOLERANCE);
    cr_assert_gt(compared(wave, NAN, &kink), GRADIENTS_TOLERANCE);
}

Test(gradients, at_a_kink_all_between_both_slopes_is_right)
{
    bool kink;
    for (double claimed = -1; claimed <= 2; claimed += 0.25) {
        cr_assert_leq(compared(bend, claimed, &kink), GRADIENTS_TOLERANCE, "%g", claimed);
        cr_assert(kink || claimed == 0.5);                  /* the mean of both is what the differences give */
    }
    cr_assert_gt(compared(bend, 2.1, &kink), GRADIENTS_TOLERANCE);
    cr_assert_gt(compared(bend, -1.1, &kink), GRADIENTS_TOLERANCE);
}

Test(gradients, a_jump_is_no_kink)
{
    bool kink;
    cr_assert_gt(compared(jump, 1, &kink), GRADIENTS_TOLERANCE);
    cr_assert_not(kink);
}
