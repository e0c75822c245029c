/* cmd_check.c - `gan check`: reads, checks and lowers; prints every error found; nothing is executed but what --gradients asks for. */
#include "compiler/driver/cost.h"
#include "compiler/driver/gradients.h"

static int check_gradients(Session *s, const char *file)
{
    GradientsWorst worst = {0};
    int            status = session_start(s);
    if (status == EXIT_DONE) status = gradients_check(s, &worst);
    if (worst.path)
        printf("%s: %d of %d gradients are right; the worst relative error is %.1e, of %s\n", GAN_SHOWN(file), worst.n_compared - worst.n_failed, worst.n_compared,
               worst.error, worst.path);
    else if (status == EXIT_DONE) printf("%s: no update has a gradient to compare\n", GAN_SHOWN(file));
    return status;
}

static void show_cost(Session *s, const char *file)
{
    session_optimise(s);
    printf("%s:\n", GAN_SHOWN(file));
    cost_print(s);
}

static int check_one(const Options *given, const char *file)
{
    Session s;
    Options o = *given;
    o.shapes = !o.gradients;
    o.checked = o.shapes && !o.cost;
    o.interp = true;                                        /* values are watched, which compiled code does not show */
    int status = session_open(&s, &o, file);
    if (status == EXIT_DONE && o.cost) show_cost(&s, file);
    if (status == EXIT_DONE && o.gradients) status = check_gradients(&s, file);
    if (status == EXIT_DONE) printf("%s: ok\n", GAN_SHOWN(file));
    session_close(&s);
    return status;
}

int cmd_check(const Options *o)
{
    int worst = EXIT_DONE;
    if (o->cost && o->gradients) {                          /* one is of the passes' result, the other of what stands before them */
        fputs("gan: --cost and --gradients are asked for one at a time\n", stderr);
        return EXIT_WRONG_USAGE;
    }
    for (int i = 0; i < o->run.n_operands; i++) {
        int status = check_one(o, o->run.operands[i]);
        if (status > worst) worst = status;
    }
    return worst;
}
