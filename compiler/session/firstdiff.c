/* firstdiff.c - see firstdiff.h. */
#include "compiler/session/firstdiff.h"

#include "compiler/interp/interp.h"
#include "compiler/jit/jit.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_nan(GanElem elem, const void *at) { return isnan(gan_elem_get(elem, at, 0)); }

int64_t firstdiff_element(GanElem elem, const void *a, const void *b, int64_t n)
{
    size_t each = gan_elem_bytes(elem);
    if (!memcmp(a, b, (size_t)n * each)) return -1;
    for (int64_t i = 0; i < n; i++) {
        const char *x = (const char *)a + (size_t)i * each, *y = (const char *)b + (size_t)i * each;
        if (memcmp(x, y, each) && !(is_nan(elem, x) && is_nan(elem, y))) return i;
    }
    return -1;
}

/* A copy of the function without its commits, with every value of its body as a report. */
static IrFn *probe_of(IrModule *m, const IrFn *f)
{
    IrFn    *probe = ir_fn(m, arena_printf(m->arena, "%s.probe", f->name), IR_FN_REPORT);
    IrBlock *copy = ir_copy_block(m, &f->body);
    probe->tick_slot = f->tick_slot;
    probe->body = *copy;
    int k = 0;
    for (IrNode *n = probe->body.first; n; n = n->next) {
        n->block = &probe->body;
        for (int i = 0; i < n->n_results; i++) ir_report(m, probe, arena_printf(m->arena, "%d", k++), &n->result[i]);
    }
    return probe;
}

static const GanElem elem_of[] = {[IR_BOOL] = GAN_BOOL, [IR_I32] = GAN_I32, [IR_I64] = GAN_I64, [IR_F32] = GAN_F32, [IR_F64] = GAN_F64};

static GanOutput output_of(const IrModule *m, const IrReport *r)
{
    const IrType *t = &r->val->type;
    GanOutput     o = {.name = r->name, .elem = elem_of[t->elem]};
    for (int i = 0; i < t->axes.n; i++) o.dim[o.rank++] = ir_extent(m, t->axes.id[i]);
    for (int i = 0; i < t->rank; i++) o.dim[o.rank++] = t->dim[i];
    return o;
}

static bool print_if_differs(const Session *s, const IrVal *v, const void *interp, const void *jit)
{
    const IrModule *m = s->lowered.ir;
    GanElem         elem = elem_of[v->type.elem];
    int64_t         n = ir_axes_size(m, v->type.axes) * ir_dims_size(&v->type), i = firstdiff_element(elem, interp, jit, n);
    if (i < 0) return false;
    const IrNode *d = v->def;
    bool          placed = d->span.line && d->span.file < (uint32_t)m->files.n;
    const char   *text = arena_printf(s->arena, "first difference: `%s`, element %" PRId64 ": interpreter %.17g, compiled %.17g", ir_op_info[d->op].name, i,
                                      interp_number(v->type.elem, interp, i), interp_number(v->type.elem, jit, i));
    say_note_at(&s->o->run, placed ? m->files.v[d->span.file] : "?", d->span.line, d->span.col, text);
    return true;
}

static void **buffers(const GanFunction *f)
{
    void **out = calloc((size_t)f->n_outputs + 1, sizeof *out);
    for (int i = 0; out && i < f->n_outputs; i++) {
        size_t n = gan_elem_bytes(f->output[i].elem);
        for (int d = 0; d < f->output[i].rank; d++) n *= (size_t)f->output[i].dim[d];
        out[i] = calloc(1, n + 1);
    }
    return out;
}

static GanStatus run_on(GanEngine *e, int fn, GanState *state, void **out, GanError *err)
{
    GanStatus st = e->run(e->self, fn, state, out, err);
    e->free(e->self);
    return st;
}

void firstdiff_print(Session *s, int fn, const GanState *before)
{
    IrModule   *m = s->lowered.ir;
    GanProgram  p = *s->lowered.program;
    IrFn       *probe = probe_of(m, m->fns.v[fn]);
    int         n = probe->reports.n, at = m->fns.n - 1;
    GanFunction *functions = arena_array(s->arena, GanFunction, m->fns.n);
    memcpy(functions, p.function, (size_t)p.n_functions * sizeof *functions);
    functions[at] = (GanFunction){.name = probe->name, .n_outputs = n, .output = arena_array(s->arena, GanOutput, n + 1)};
    for (int i = 0; i < n; i++) functions[at].output[i] = output_of(m, &probe->reports.v[i]);
    p.function = functions;
    p.n_functions = m->fns.n;
    void    **a = buffers(&functions[at]), **b = buffers(&functions[at]);
    GanEngine interp, jit;
    GanState  state = *before;
    GanError  err;
    JitOptions one = {.threads = (int)s->o->run.threads, .plan = s->o->plan};
    bool found = false;
    if (!interp_engine_new(m, &p, &interp, &err) && !run_on(&interp, at, &state, a, &err) && !jit_engine_new(m, &p, &one, &jit, &err) &&
        !run_on(&jit, at, &state, b, &err)) {
        for (int i = 0; i < n && !found; i++) found = print_if_differs(s, probe->reports.v[i].val, a[i], b[i]);
        if (!found) say_line((void *)&s->o->run, arena_printf(s->arena, "no single value differs when every one is kept: the defect lies in how %s is fused", m->fns.v[fn]->name));
    }
    for (int i = 0; i < n; i++) {
        free(a[i]);
        free(b[i]);
    }
    free(a);
    free(b);
}
