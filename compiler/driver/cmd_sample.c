/* cmd_sample.c - `gan sample`: draws from a model, with a trained state, into a file. */
#include "compiler/driver/session.h"
#include "runtime/command/outputs.h"

static int draw(Session *s, int fn)
{
    const GanFunction *f = &s->lowered.program->function[fn];
    GanTensor        **out;
    int                status = game_outputs(&s->game, fn, &out);
    if (status != EXIT_DONE) return status;
    if (f->n_outputs == 1) status = outputs_write(&s->o->run, s->o->run.output, out[0]);
    else status = say_wrong(&s->o->run, "%s has %d fields; name one: 'd.x'", s->o->run.operands[1], f->n_outputs);
    game_free_outputs(&s->game, fn, out);
    return status;
}

int cmd_sample(const Options *o)
{
    if (!o->run.output) {
        fputs("gan: sample wants a file to write: -o OUT.npy, OUT.csv or OUT.png\n", stderr);
        return EXIT_WRONG_USAGE;
    }
    if (!outputs_can_write(&o->run, o->run.output)) return EXIT_WRONG_USAGE;
    Session s;
    int     status = session_open(&s, o, o->run.operands[0]), fn = -1;
    if (status == EXIT_DONE && (fn = session_add(&s, o->run.operands[1], o->run.number)) < 0) status = EXIT_WRONG_PROGRAM;
    if (status == EXIT_DONE) {
        session_optimise(&s);
        status = session_start(&s);
    }
    if (status == EXIT_DONE) status = session_fill(&s, true, fn);
    if (status == EXIT_DONE) status = draw(&s, fn);
    session_close(&s);
    return status;
}
