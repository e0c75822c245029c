/* cmd_sample.c - `gan sample`: draws from a model, with a trained state, into a file. */
#include "compiler/session/session.h"
#include "runtime/command/outputs.h"

int cmd_sample(const Options *o)
{
    if (!o->run.output) {
        fputs("gan: sample wants a file to write: -o OUT.npy, OUT.npz, OUT.csv or OUT.png\n", stderr);
        return EXIT_WRONG_USAGE;
    }
    int status = outputs_can_write(&o->run, o->run.output);
    if (status != EXIT_DONE) return status;
    Session  s;
    GanModel m = {.name = o->run.operands[1], .fn = -1, .batch = o->run.number < SESSION_SAMPLES ? o->run.number : SESSION_SAMPLES};
    status = session_open(&s, o, o->run.operands[0]);
    if (status == EXIT_DONE && (m.fn = session_add(&s, m.name, m.batch)) < 0) status = EXIT_WRONG_PROGRAM;
    if (status == EXIT_DONE) {
        session_optimise(&s);
        status = session_start(&s);
    }
    if (status == EXIT_DONE) status = session_fill(&s, true, m.fn);
    if (status == EXIT_DONE) status = game_sample(&s.game, &m, m.name);
    session_close(&s);
    return status;
}
