/* nonfinite.c - see nonfinite.h. Determinism makes the run that is watched the run that failed. */
#include "compiler/driver/nonfinite.h"

#include "compiler/interp/interp.h"
#include "runtime/state.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

typedef struct Search {
    const IrModule *m;
    const IrNode   *found;
    int64_t         element;
    double          value;
} Search;

static double element_at(IrElem e, const void *data, int64_t i)
{
    return e == IR_F64 ? ((const double *)data)[i] : ((const float *)data)[i];
}

/* The first element that is not finite, or -1. */
static int64_t first_bad(const IrModule *m, const IrType *t, const void *data)
{
    if (!data || !ir_is_real(t->elem)) return -1;
    int64_t n = ir_axes_size(m, t->axes) * ir_dims_size(t);
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(element_at(t->elem, data, i))) return i;
    return -1;
}

static bool operands_finite(const Search *s, const InterpRun *run, const IrNode *n)
{
    for (int i = 0; i < n->n_args; i++)
        if (first_bad(s->m, &n->arg[i]->type, interp_value(run, n->arg[i])) >= 0) return false;
    return true;
}

static bool see(void *self, const InterpRun *run, const IrNode *n, int result, uint32_t iteration, const void *data)
{
    Search *s = self;
    (void)iteration;
    if (n->op == IR_const || n->n_bodies) return true;       /* an infinity that was written, or a loop whose body was seen */
    const IrType *t = &n->result[result].type;
    int64_t       bad = first_bad(s->m, t, data);
    if (bad < 0 || !operands_finite(s, run, n)) return true;
    s->found = n;
    s->element = bad;
    s->value = element_at(t->elem, data, bad);
    return false;
}

static void print_found(const Session *session, const Search *s)
{
    const IrNode *n = s->found;
    Text          text = text_in(session->arena);
    text_printf(&text, "the first value that is not finite is %g, from `%s` : ", s->value, ir_op_info[n->op].name);
    ir_print_type(s->m, &n->result[0].type, &text);
    int64_t size = ir_dims_size(&n->result[0].type);
    if (n->result[0].type.axes.n && size) text_printf(&text, ", sample %" PRId64 ", element %" PRId64, s->element / size, s->element % size);
    bool placed = n->span.line && n->span.file < (uint32_t)s->m->files.n;
    say_note_at(&session->o->run, placed ? s->m->files.v[n->span.file] : "?", n->span.line, n->span.col, text_str(&text));
}

void nonfinite_explain(Session *session, int fn, const GanState *state)
{
    const IrModule   *m = session->lowered.ir;
    const GanProgram *p = session->lowered.program;
    const IrFn       *f = m->fns.v[fn];
    Search            s = {.m = m};
    InterpWatch       watch = {.see = see, .self = &s};
    GanError          err;
    void            **slot = calloc((size_t)p->n_slots + 1, sizeof(void *));
    InterpMemory      memory = {.slot = slot, .seed = state->seed, .external = p->external, .n_externs = p->n_externs};
    void            **reports = calloc((size_t)f->reports.n + 1, sizeof *reports), **commits = calloc((size_t)f->commits.n + 1, sizeof *commits);
    if (memory.slot && reports && commits) {
        for (int i = 0; i < p->n_slots; i++) memory.slot[i] = state_slot(p, state, i);
        if (!interp_fn(m, f, &memory, reports, commits, &watch, &err) && s.found) print_found(session, &s);
    }
    free(memory.slot);
    free(reports);
    free(commits);
}
