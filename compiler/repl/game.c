/* game.c - the command for how the game moves near where it stands: shares, angle, eigenvalues (compiler/debug/spectrum.h). */
#include "compiler/repl/repl.h"

#include <math.h>
#include <stdio.h>

enum { SHOWN_VALUES = 8 };

static void say_shares(const Spectrum *s)
{
    printf("|gradient| %.4g:", s->norm);
    for (int i = 0; i < s->n_players; i++)
        printf("%s %s %.4g (%.0f %%)", i ? "," : "", s->player[i].player, s->player[i].norm, s->norm > 0 ? 100 * pow(s->player[i].norm / s->norm, 2) : 0);
    puts("");
    if (isnan(s->angle)) puts("it is zero: an equilibrium of the gradients");
    else printf("%.1f degrees from the direction in which all gradients together shrink fastest\n", s->angle);
}

/* One of a pair stands for both: a +- bi. What is nothing beside the largest is rounding. */
static void say_value(const Eigenvalue *v, double nothing)
{
    double      re = fabs(v->re) > nothing ? v->re : 0, im = fabs(v->im) > nothing ? fabs(v->im) : 0;
    const char *way = re > 0 ? "draws together" : re < 0 ? "drives apart" : "does neither";
    if (im == 0) printf("  %.4g  %s\n", re, way);
    else if (re == 0) printf("  +- %.4gi  only turns\n", im);
    else printf("  %.4g +- %.4gi  %s, and turns by %.2g radians on the way of a factor e\n", re, im, way, im / fabs(re));
}

static void say_values(const Spectrum *s)
{
    int    shown = 0;
    printf("the Jacobian of the gradients, of %lld parameters: %s%d eigenvalues%s\n", (long long)s->size, s->n == s->size || !s->n ? "" : "the largest ", s->n,
           s->n ? "" : " that the method tells apart: too many are of about the same size");
    for (int i = 0; i < s->n && shown < SHOWN_VALUES; i++) {
        if (s->value[i].im < 0) continue;                   /* the other of a pair */
        say_value(&s->value[i], spectrum_nothing(&s->value[0]));
        shown++;
    }
}

static void say_rate(const Spectrum *s)
{
    if (!s->n) return;
    if (s->rate > 0 && isfinite(s->rate)) printf("simultaneous steps along the gradients draw together at rates below %.4g%s\n", s->rate, s->n == s->size ? "" : ", by these eigenvalues");
    else if (s->rate == 0) puts("simultaneous steps along the gradients draw together at no rate: some direction only turns, or drives apart");
}

void do_game(Repl *r, const char *args)
{
    Spectrum s;
    GanError err = {0};
    if (!repl_has_run(r) || !repl_has_no_args(r, args, "game")) return;
    GanStatus st = debug_spectrum(r->d, &s, &err);
    if (st) {
        repl_failed(r, st, &err);
        return;
    }
    say_shares(&s);
    say_values(&s);
    say_rate(&s);
    spectrum_free(&s);
}
