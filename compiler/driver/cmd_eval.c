/* cmd_eval.c - `gan eval`: the value of an expression in a program's scope, or in the library's. */
#include "compiler/session/session.h"
#include "runtime/command/outputs.h"

static int write(Session *s, const GanFunction *f, GanTensor **out)
{
    DataColumn *field = arena_array(s->arena, DataColumn, f->n_outputs + 1);
    for (int i = 0; i < f->n_outputs; i++) field[i] = (DataColumn){f->output[i].name, out[i]};
    return outputs_write(&s->o->run, s->o->run.output, field, f->n_outputs, s->o->expression);
}

static int show(Session *s, int fn)
{
    const GanFunction *f = &s->lowered.program->function[fn];
    GanTensor        **out;
    int                status = game_outputs(&s->game, fn, &out);
    if (status != EXIT_DONE) return status;
    if (s->o->run.output) status = write(s, f, out);
    else
        for (int i = 0; i < f->n_outputs; i++) outputs_print(f->n_outputs > 1 ? f->output[i].name : NULL, out[i]);
    game_free_outputs(&s->game, fn, out);
    return status;
}

int cmd_eval(const Options *o)
{
    if (!o->expression) {
        fputs("gan: eval wants an expression: gan eval [FILE] -e EXPR\n", stderr);
        return EXIT_WRONG_USAGE;
    }
    int status = o->run.output ? outputs_can_write(&o->run, o->run.output) : EXIT_DONE, fn = -1;
    if (status != EXIT_DONE) return status;
    Session s;
    status = session_open(&s, o, o->run.n_operands ? o->run.operands[0] : NULL);
    if (status == EXIT_DONE && (fn = session_add(&s, o->expression, 0)) < 0) status = EXIT_WRONG_PROGRAM;
    if (status == EXIT_DONE) {
        session_optimise(&s);
        status = session_start(&s);
    }
    if (status == EXIT_DONE) status = session_fill(&s, o->run.n_operands > 0 && session_reads_state(&s, fn), fn);
    if (status == EXIT_DONE) status = show(&s, fn);
    session_close(&s);
    return status;
}
