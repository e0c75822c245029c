/* stop.c - once derivatives are taken, stop(x) is x, and may meet what else uses x. */
#include "compiler/opt/pass.h"

static IrVal *behind(IrVal *v)
{
    while (v->def && v->def->op == IR_stop) v = v->def->arg[0];
    return v;
}

void opt_stop(IrModule *m, IrFn *f)
{
    (void)m;
    for (IrNode *n = f->body.first; n; n = ir_next(n)) {
        for (int i = 0; i < n->n_args; i++) n->arg[i] = behind(n->arg[i]);
        for (int b = 0; b < n->n_bodies; b++)
            for (int i = 0; i < n->body[b]->n_yields; i++) n->body[b]->yield[i] = behind(n->body[b]->yield[i]);
    }
    for (int i = 0; i < f->commits.n; i++) f->commits.v[i].val = behind(f->commits.v[i].val);
    for (int i = 0; i < f->reports.n; i++) f->reports.v[i].val = behind(f->reports.v[i].val);
}
