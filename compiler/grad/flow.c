/* flow.c - order and liveness. Start at flow_order and flow_mark. */
#include "compiler/grad/flow.h"

#include <math.h>

enum { FLOW_EXACT_DEPTH = 4 };

static bool is_control(const Flow *f, const IrNode *n) { return f->rules[n->op].kind == GRAD_CONTROL; }
static int  first_passed(const IrNode *n) { return n->op == IR_cond; }        /* cond's predicate is no parameter of its bodies */

/* ---- order ------------------------------------------------------------------------------------------------------ */

typedef struct { const IrNode *node; int next; } Frame;

/* A stop that is the value of a slot: what made the value lies in another time, and no path leads there. */
static int operands_before(const IrNode *n) { return n->op == IR_stop && n->attr->slot >= 0 ? 0 : n->n_args; }

Flow flow_order(const GradRule *rules, Arena *arena, uint32_t n_ids, IrVal *const *outputs, int n_out)
{
    Flow f = {.rules = rules, .arena = arena, .n_ids = n_ids, .live = arena_alloc(arena, n_ids)};
    uint8_t *seen = arena_alloc(arena, n_ids);
    ARRAY(Frame) stack = {0};
    for (int o = 0; o < n_out; o++) {
        const IrNode *root = outputs[o]->def;
        if (!root || seen[root->result[0].id]) continue;
        seen[root->result[0].id] = 1;
        array_push(arena, &stack, ((Frame){root, 0}));
        while (stack.n) {
            Frame *top = &stack.v[stack.n - 1];
            if (top->next == operands_before(top->node)) {
                array_push(arena, &f.order, top->node);
                stack.n--;
                continue;
            }
            const IrNode *d = top->node->arg[top->next++]->def;
            if (!d || seen[d->result[0].id]) continue;
            seen[d->result[0].id] = 1;
            array_push(arena, &stack, ((Frame){d, 0}));
        }
    }
    return f;
}

/* ---- liveness --------------------------------------------------------------------------------------------------- */

bool flow_live(const Flow *f, const IrVal *v) { return v->id < f->n_ids && f->live[v->id]; }

static bool any_live_arg(const Flow *f, const IrNode *n)
{
    for (int i = 0; i < n->n_args; i++)
        if (flow_live(f, n->arg[i])) return true;
    return false;
}

static bool any_live_result(const Flow *f, const IrNode *n)
{
    for (int r = 0; r < n->n_results; r++)
        if (flow_live(f, &n->result[r])) return true;
    return false;
}

static void mark_result(Flow *f, const IrNode *n, int r) { f->live[n->result[r].id] |= ir_is_real(n->result[r].type.elem); }

static bool has_poles(const IrNode *n)
{
    return (ir_op_info[n->op].flags & IR_POLES) || (n->op == IR_const && !isfinite(n->attr->value));
}

uint8_t *flow_poles(const Flow *f)
{
    uint8_t *poles = arena_alloc(f->arena, f->n_ids);
    for (int k = 0; k < f->order.n; k++) {
        const IrNode *n = f->order.v[k];
        bool any = has_poles(n);
        for (int i = 0; i < n->n_args; i++) any |= poles[n->arg[i]->id];
        for (int r = 0; r < n->n_results; r++) poles[n->result[r].id] = any;
    }
    return poles;
}

/* The flow of one body, its live parameters as roots. */
static Flow body_flow(const Flow *f, const IrBlock *body, const bool *live_params)
{
    Flow in = flow_order(f->rules, f->arena, f->n_ids, body->yield, body->n_yields);
    in.depth = f->depth + 1;
    for (int p = 0; p < body->n_params; p++) in.live[body->param[p]->id] = live_params[p];
    flow_mark(&in, NULL, 0);
    return in;
}

/* A carried value is live from the start if it becomes so in an iteration. Each new one costs a walk of the body, which deep inside other
 * bodies multiplies: there all real ones are taken for live at once. */
static void guess_carried(const Flow *f, const IrNode *scan, bool *live_params)
{
    bool any = false;
    for (int p = 0; p < scan->n_args; p++) any |= live_params[p];
    for (int c = 0; c < scan->attr->carried && any && f->depth >= FLOW_EXACT_DEPTH; c++)
        live_params[c] = ir_is_real(scan->body[0]->param[c]->type.elem);
}

static bool carries_more(const Flow *in, const IrNode *scan, bool *live_params)
{
    bool more = false;
    for (int c = 0; c < scan->attr->carried; c++)
        if (!live_params[c] && flow_live(in, scan->body[0]->yield[c])) more = live_params[c] = true;
    return more;
}

/* The flow of a scan's body once no more carried values become live. */
static Flow scan_flow(const Flow *f, const IrNode *scan, bool *live_params)
{
    guess_carried(f, scan, live_params);
    Flow in = body_flow(f, scan->body[0], live_params);
    while (carries_more(&in, scan, live_params)) in = body_flow(f, scan->body[0], live_params);
    return in;
}

/* Of body k of n, whose operands' liveness f knows. */
static Flow flow_of_body(const Flow *f, const IrNode *n, int k, bool **live_params)
{
    int from = first_passed(n);
    *live_params = arena_array(f->arena, bool, n->n_args + 1);
    for (int i = from; i < n->n_args; i++) (*live_params)[i - from] = flow_live(f, n->arg[i]);
    return n->op == IR_scan ? scan_flow(f, n, *live_params) : body_flow(f, n->body[k], *live_params);
}

static void mark_control(Flow *f, const IrNode *n)
{
    for (int k = 0; k < n->n_bodies; k++) {
        bool *params;
        Flow in = flow_of_body(f, n, k, &params);
        for (int r = 0; r < n->n_results; r++)
            if (flow_live(&in, n->body[k]->yield[r])) mark_result(f, n, r);
        for (int c = 0; n->op == IR_scan && c < n->attr->carried; c++)
            if (params[c]) mark_result(f, n, c);
    }
}

void flow_mark(Flow *f, IrVal *const *roots, int n_roots)
{
    for (int i = 0; i < n_roots; i++)
        if (ir_is_real(roots[i]->type.elem)) f->live[roots[i]->id] = 1;
    for (int k = 0; k < f->order.n; k++) {
        const IrNode *n = f->order.v[k];
        if (!any_live_arg(f, n)) continue;
        if (is_control(f, n)) mark_control(f, n);
        else if (f->rules[n->op].kind != GRAD_NONE)
            for (int r = 0; r < n->n_results; r++) mark_result(f, n, r);
    }
}

void flow_body_params(const GradRule *rules, Arena *arena, uint32_t n_ids, const IrNode *n, const bool *live_args, bool *live_params)
{
    Flow f = {.rules = rules, .arena = arena, .n_ids = n_ids};
    int from = first_passed(n);
    for (int i = from; i < n->n_args; i++) live_params[i - from] = live_args[i];
    if (n->op == IR_scan) scan_flow(&f, n, live_params);
}

/* ---- where cotangents go ---------------------------------------------------------------------------------------- */

uint8_t *flow_need(const Flow *f, IrVal *const *outputs, const bool *wanted, int n_out)
{
    uint8_t *need = arena_alloc(f->arena, f->n_ids);
    for (int o = 0; o < n_out; o++)
        if ((!wanted || wanted[o]) && flow_live(f, outputs[o])) need[outputs[o]->id] = 1;
    for (int k = f->order.n - 1; k >= 0; k--) {
        const IrNode *n = f->order.v[k];
        bool on_path = false;
        for (int r = 0; r < n->n_results; r++) on_path |= need[n->result[r].id];
        for (int i = 0; on_path && i < n->n_args; i++) need[n->arg[i]->id] |= flow_live(f, n->arg[i]);
    }
    return need;
}

void flow_scan_needs(const GradRule *rules, Arena *arena, uint32_t n_ids, const IrNode *scan, const bool *live_params, bool *needed)
{
    Flow f = {.rules = rules, .arena = arena, .n_ids = n_ids};
    const IrBlock *body = scan->body[0];
    Flow in = body_flow(&f, body, live_params);
    for (bool changed = true; changed;) {
        changed = false;
        const uint8_t *need = flow_need(&in, body->yield, needed, body->n_yields);
        for (int c = 0; c < scan->attr->carried; c++)
            if (!needed[c] && need[body->param[c]->id]) changed = needed[c] = true;
    }
}

/* ---- for reports ------------------------------------------------------------------------------------------------ */

const IrNode *flow_cut(const Flow *f)
{
    for (int k = f->order.n; k-- > 0;) {
        const IrNode *n = f->order.v[k];
        if (!any_live_arg(f, n) || any_live_result(f, n)) continue;
        for (int b = 0; b < n->n_bodies; b++) {
            bool *params;
            Flow in = flow_of_body(f, n, b, &params);
            const IrNode *inner = flow_cut(&in);
            if (inner) return inner;
        }
        return n;
    }
    return NULL;
}

/* What is looked for on the live paths to outputs, in order: at() tells of a node, where its bodies have none. */
typedef struct Search {
    bool (*at)(struct Search *s, const IrNode *n, const uint8_t *need);
    IrAxes axes;
} Search;

static const IrNode *first_on_path(const Flow *f, IrVal *const *outputs, int n_out, Search s)
{
    const uint8_t *need = flow_need(f, outputs, NULL, n_out);
    for (int k = 0; k < f->order.n; k++) {
        const IrNode *n = f->order.v[k];
        bool on_path = false;
        for (int r = 0; r < n->n_results; r++) on_path |= need[n->result[r].id];
        if (!on_path || !any_live_arg(f, n)) continue;
        for (int b = 0; b < n->n_bodies; b++) {
            bool *params;
            Flow in = flow_of_body(f, n, b, &params);
            const IrNode *inner = first_on_path(&in, n->body[b]->yield, n->body[b]->n_yields, s);
            if (inner) return inner;
        }
        if (s.at(&s, n, need)) return n;
    }
    return NULL;
}

static bool loses_axis(Search *s, const IrNode *n, const uint8_t *need)
{
    for (int i = 0; i < n->n_args; i++)
        for (int k = 0; k < s->axes.n && need[n->arg[i]->id]; k++) {
            bool lost = ir_axes_has(n->arg[i]->type.axes, s->axes.id[k]);
            for (int r = 0; r < n->n_results; r++) lost &= !ir_axes_has(n->result[r].type.axes, s->axes.id[k]);
            if (lost) return true;
        }
    return false;
}

const IrNode *flow_meet(const Flow *f, IrVal *const *outputs, int n_out, IrAxes axes) { return first_on_path(f, outputs, n_out, (Search){loses_axis, axes}); }

/* What the rounds of a scan put out, in the other order: for the way back through it. */
static bool turns_rounds(const IrNode *n)
{
    const IrVal *v = n->arg[0];
    return n->op == IR_reverse && n->attr->dims.n == 1 && !n->attr->dims.v[0] && v->def && v->def->op == IR_scan && v->index >= v->def->attr->carried;
}

/* Elements stay where they are, beside each other: as dims, or as samples of the axes that map has made of dims. */
static bool leaves_in_place(const IrNode *n, IrAxes made)
{
    switch (n->op) {
    case IR_spread: case IR_as_sample: case IR_scan: case IR_cond: return true;
    case IR_as_feature: return ir_axes_has(made, n->attr->axis);
    case IR_sum: return !n->attr->dims.n && ir_axes_equal(ir_axes_minus(n->attr->over, made), n->attr->over);
    default: return ir_op_info[n->op].klass == IR_CLASS_MAP || turns_rounds(n);
    }
}

static bool mixes(Search *s, const IrNode *n, const uint8_t *need)
{
    (void)need;
    if (!leaves_in_place(n, s->axes)) return true;
    if (n->op == IR_as_sample) s->axes = ir_axes_add(s->axes, n->attr->axis);
    return false;
}

const IrNode *flow_mix(const Flow *f, IrVal *const *outputs, int n_out, IrAxes made) { return first_on_path(f, outputs, n_out, (Search){mixes, made}); }
