/* forward.c - forward mode: tangents at the inputs, one walk in order, each row adding what its operands' tangents bring.
 *
 * Only rows on a path from a tangent to an output are walked. Start at grad_forward_by(), at the bottom. */
#include "compiler/grad/control.h"
#include "compiler/grad/cot.h"
#include "compiler/grad/flow.h"

#include "base/bug.h"

typedef struct Walk {
    CotMaker       m;
    Flow           flow;
    const uint8_t *need;                                    /* by value id: leads to an output */
    const uint8_t *input;                                   /* by value id: a wrt, its tangent is given */
    Cot          **tan;                                     /* by value id */
    const IrNode  *opaque;
} Walk;

static void forward_formula(Walk *w, const IrNode *n)
{
    const GradRule *rule = &w->flow.rules[n->op];
    for (int r = 0; r < n->n_results; r++) {
        IrVal *y = &n->result[r];
        for (int i = 0; i < n->n_args && w->need[y->id] && !w->input[y->id]; i++) {
            Cot *t = w->tan[n->arg[i]->id];
            if (t) w->tan[y->id] = cot_add(&w->m, w->tan[y->id], cot_apply(&w->m, rule, true, n, i, r, t, &y->type), true);
        }
    }
}

static bool forward_control(Walk *w, const IrNode *n)
{
    IrVal **ts = arena_array(w->m.arena, IrVal *, n->n_args + 1), **out = arena_array(w->m.arena, IrVal *, n->n_results);
    Cot **cots = arena_array(w->m.arena, Cot *, n->n_args);
    const IrType **types = arena_array(w->m.arena, const IrType *, n->n_results);
    for (int i = 0; i < n->n_args; i++) cots[i] = w->tan[n->arg[i]->id];
    for (int r = 0; r < n->n_results; r++) types[r] = &n->result[r].type;
    Cot *shared = cot_shared(&w->m, cots, n->n_args, types, n->n_results);
    for (int i = 0; i < n->n_args; i++) ts[i] = cots[i] ? cot_beneath(&w->m, cots[i], shared) : NULL;
    ControlGrad c = {w->flow.rules, w->m.b, w->m.arena, NULL};
    if (!control_forward(&c, n, ts, out)) {
        w->opaque = c.opaque;
        return false;
    }
    for (int r = 0; r < n->n_results; r++)
        if (!w->input[n->result[r].id]) w->tan[n->result[r].id] = cot_under(&w->m, shared, out[r]);
    return true;
}

static bool forward(Walk *w, const IrNode *n)
{
    bool wanted = false, moved = false;
    for (int r = 0; r < n->n_results; r++) wanted |= w->need[n->result[r].id] && !w->input[n->result[r].id];
    for (int i = 0; i < n->n_args; i++) moved |= w->tan[n->arg[i]->id] != NULL;
    if (!wanted || !moved) return true;
    w->m.b->span = n->span;
    switch (w->flow.rules[n->op].kind) {
    case GRAD_CONTROL: return forward_control(w, n);
    case GRAD_REFUSE:  w->opaque = n; return false;
    case GRAD_NONE:    return true;
    default:           forward_formula(w, n); return true;
    }
}

static void start(Walk *w, IrVal *const *wrt, IrVal *const *tangents, int n_wrt, uint8_t *input)
{
    for (int i = 0; i < n_wrt; i++) {
        input[wrt[i]->id] = 1;
        if (!tangents[i]) continue;
        if (!ir_type_equal(&tangents[i]->type, &wrt[i]->type)) BUG("grad: a tangent does not have the type of its value");
        w->tan[wrt[i]->id] = cot_of(&w->m, tangents[i]);
    }
}

static bool walk(Walk *w)
{
    for (int k = 0; k < w->flow.order.n; k++)
        if (!forward(w, w->flow.order.v[k])) return false;
    return true;
}

bool grad_forward_by(const GradRule *rules, IrBuilder *b, IrVal *const *outputs, int n_out, IrVal *const *wrt, IrVal *const *tangents, int n_wrt,
                     IrVal **tangents_out, const IrNode **opaque)
{
    Arena *scratch = arena_new();
    uint32_t n_ids = b->m->next_id;
    IrSpan span = b->span;
    IrWhy why = b->why;
    b->why = IR_WHY_TANGENT;

    uint8_t *input = arena_alloc(scratch, n_ids);
    Walk w = {.m = {b, scratch}, .flow = flow_order(rules, scratch, n_ids, outputs, n_out), .input = input, .tan = arena_array(scratch, Cot *, n_ids)};
    flow_mark(&w.flow, wrt, n_wrt);
    w.need = flow_need(&w.flow, outputs, NULL, n_out);
    start(&w, wrt, tangents, n_wrt, input);
    bool ok = walk(&w);
    for (int o = 0; o < n_out && ok; o++) {
        Cot *t = w.tan[outputs[o]->id];
        tangents_out[o] = t ? cot_whole(&w.m, t) : NULL;
    }
    if (opaque) *opaque = w.opaque;
    b->span = span;
    b->why = why;
    arena_free(scratch);
    return ok;
}

bool grad_forward(IrBuilder *b, IrVal *const *outputs, int n_out, IrVal *const *wrt, IrVal *const *tangents, int n_wrt,
                  IrVal **tangents_out, const IrNode **opaque)
{
    return grad_forward_by(grad_rules, b, outputs, n_out, wrt, tangents, n_wrt, tangents_out, opaque);
}
