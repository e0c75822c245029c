/* reverse.c - reverse mode: seeds at the outputs, one walk back, each row handing its operands what grads.def says.
 *
 * Cotangents that meet at one value are added in accumulate() and nowhere else. Start at grad_reverse_by(), at the bottom. */
#include "compiler/grad/control.h"
#include "compiler/grad/cot.h"
#include "compiler/grad/flow.h"

#include "base/bug.h"

static IrVal *filled(IrBuilder *b, const IrType *t, double value)
{
    IrVal *v = ir_const(b, t->elem, value);
    if (t->rank) v = ir_fill(b, v, ir_dims_of(t));
    return ir_spread(b, v, t->axes);
}

IrVal *grad_zeros(IrBuilder *b, const IrType *t) { return filled(b, t, 0); }

typedef struct Walk {
    CotMaker      m;
    Flow          flow;
    const uint8_t *poles;                                   /* by value id, of flow_poles */
    Cot         **cot;                                      /* by value id */
    const IrNode *opaque;
} Walk;

static void accumulate(Walk *w, const IrVal *v, Cot *c)
{
    if (c) w->cot[v->id] = cot_add(&w->m, w->cot[v->id], c, w->poles[v->id]);
}

static void seed(Walk *w, IrVal *output, IrVal *s)
{
    if (!flow_live(&w->flow, output)) return;
    if (s && !ir_type_equal(&s->type, &output->type)) BUG("grad: a seed does not have the type of its output");
    accumulate(w, output, cot_of(&w->m, s ? s : filled(w->m.b, &output->type, 1)));
}

static IrVal **whole_cots(Walk *w, const IrNode *n)
{
    IrVal **gs = arena_array(w->m.arena, IrVal *, n->n_results);
    for (int r = 0; r < n->n_results; r++) {
        Cot *c = w->cot[n->result[r].id];
        gs[r] = c ? cot_whole(&w->m, c) : NULL;
    }
    return gs;
}

static bool back_control(Walk *w, const IrNode *n)
{
    bool *live = arena_array(w->m.arena, bool, n->n_args + 1);
    IrVal **out = arena_array(w->m.arena, IrVal *, n->n_args + 1), **gs = arena_array(w->m.arena, IrVal *, n->n_results);
    const IrType **types = arena_array(w->m.arena, const IrType *, n->n_args + 1);
    Cot **cots = arena_array(w->m.arena, Cot *, n->n_results);
    for (int i = 0; i < n->n_args; i++) types[i] = (live[i] = flow_live(&w->flow, n->arg[i])) ? &n->arg[i]->type : NULL;
    for (int r = 0; r < n->n_results; r++) cots[r] = w->cot[n->result[r].id];
    Cot *shared = cot_shared(&w->m, cots, n->n_results, types, n->n_args);
    for (int r = 0; r < n->n_results; r++) gs[r] = cots[r] ? cot_beneath(&w->m, cots[r], shared) : NULL;
    ControlGrad c = {w->flow.rules, w->m.b, w->m.arena, NULL};
    if (!control_reverse(&c, n, gs, live, out)) {
        w->opaque = c.opaque;
        return false;
    }
    for (int i = 0; i < n->n_args; i++) accumulate(w, n->arg[i], cot_under(&w->m, shared, out[i]));
    return true;
}

static void back_formula(Walk *w, const IrNode *n)
{
    const GradRule *rule = &w->flow.rules[n->op];
    for (int i = 0; i < n->n_args; i++) {
        const IrType *t = &n->arg[i]->type;
        if (!flow_live(&w->flow, n->arg[i])) continue;
        if (n->n_results == 1) {
            accumulate(w, n->arg[i], cot_apply(&w->m, rule, false, n, i, 0, w->cot[n->result[0].id], t));
        } else {
            Cot *c = cot_of(&w->m, rule->vjp(w->m.b, n, i, 0, whole_cots(w, n)));
            if (c) accumulate(w, n->arg[i], cot_fit(&w->m, c, t));
        }
    }
}

/* True if it is a root itself, with nothing live behind it. */
static bool back_refused(Walk *w, const IrNode *n)
{
    for (int i = 0; i < n->n_args; i++)
        if (flow_live(&w->flow, n->arg[i])) w->opaque = n;
    return !w->opaque;
}

static bool back(Walk *w, const IrNode *n)
{
    bool reached = false;
    for (int r = 0; r < n->n_results; r++) reached |= w->cot[n->result[r].id] != NULL;
    if (!reached) return true;
    w->m.b->span = n->span;
    switch (w->flow.rules[n->op].kind) {
    case GRAD_CONTROL: return back_control(w, n);
    case GRAD_NONE:    return true;                         /* a root */
    case GRAD_REFUSE:  return back_refused(w, n);
    default:           back_formula(w, n); return true;
    }
}

/* ---- reports ---------------------------------------------------------------------------------------------------- */

/* Liveness from one wrt alone; the order of the nodes is shared. */
static Flow flow_from(const Flow *f, IrVal *wrt)
{
    Flow one = *f;
    one.live = arena_alloc(f->arena, f->n_ids);
    flow_mark(&one, &wrt, 1);
    return one;
}

static void report_paths(const Flow *f, IrVal *const *outputs, int n_out, IrVal *const *wrt, int n_wrt, IrVal *const *grads, Arena *a, GradReport *report)
{
    report->cut = arena_array(a, const IrNode *, n_wrt ? n_wrt : 1);
    report->meet = arena_array(a, const IrNode *, n_wrt ? n_wrt : 1);
    for (int i = 0; i < n_wrt; i++) {
        if (grads[i] && !wrt[i]->type.axes.n) continue;
        Flow one = flow_from(f, wrt[i]);
        if (!grads[i]) report->cut[i] = flow_cut(&one);
        else report->meet[i] = flow_meet(&one, outputs, n_out, wrt[i]->type.axes);
    }
}

const IrNode *grad_mixes(const IrModule *m, IrVal *y, IrVal *x)
{
    if (!x->type.rank) return NULL;
    Arena *scratch = arena_new();
    Flow f = flow_order(grad_rules, scratch, m->next_id, &y, 1);
    flow_mark(&f, &x, 1);
    const IrNode *n = flow_mix(&f, &y, 1, ir_no_axes());
    arena_free(scratch);
    return n;
}

/* ---- the walk --------------------------------------------------------------------------------------------------- */

static bool walk_back(Walk *w)
{
    for (int k = w->flow.order.n - 1; k >= 0; k--)
        if (!back(w, w->flow.order.v[k])) return false;
    return true;
}

bool grad_reverse_by(const GradRule *rules, IrBuilder *b, IrVal *const *outputs, IrVal *const *seeds, int n_out, IrVal *const *wrt, int n_wrt,
                     IrVal **grads_out, GradReport *report)
{
    Arena *scratch = arena_new();
    uint32_t n_ids = b->m->next_id;
    IrSpan span = b->span;
    IrWhy why = b->why;
    if (why != IR_WHY_ASKED) b->why = IR_WHY_ADJOINT;

    Walk w = {.m = {b, scratch}, .flow = flow_order(rules, scratch, n_ids, outputs, n_out), .cot = arena_array(scratch, Cot *, n_ids)};
    w.poles = flow_poles(&w.flow);
    flow_mark(&w.flow, wrt, n_wrt);
    for (int o = 0; o < n_out; o++) seed(&w, outputs[o], seeds ? seeds[o] : NULL);
    bool ok = walk_back(&w);
    for (int i = 0; i < n_wrt && ok; i++) {
        Cot *c = w.cot[wrt[i]->id];
        grads_out[i] = c ? cot_whole(&w.m, c) : NULL;
    }
    if (report) {
        *report = (GradReport){.opaque = w.opaque};
        if (ok) report_paths(&w.flow, outputs, n_out, wrt, n_wrt, grads_out, b->m->arena, report);
    }
    b->span = span;
    b->why = why;
    arena_free(scratch);
    return ok;
}

bool grad_reverse(IrBuilder *b, IrVal *const *outputs, IrVal *const *seeds, int n_out, IrVal *const *wrt, int n_wrt,
                  IrVal **grads_out, GradReport *report)
{
    return grad_reverse_by(grad_rules, b, outputs, seeds, n_out, wrt, n_wrt, grads_out, report);
}
