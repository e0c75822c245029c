/* simplify.c - local rules: the same values for less. See pass.h for what is kept.
 *
 * One walk in order; each node asks its row's rules (simplify_map.c, simplify_layout.c, simplify_sum.c), and what they give takes its
 * place from there on. Walks repeat while something changes; what is left unused goes with dce. Start at opt_simplify(). */
#include "compiler/opt/simplify.h"

#include "compiler/opt/fold.h"
#include "compiler/opt/pass.h"

enum { MAX_WALKS = 12, MAX_CHAIN = 64 };

/* ---- the rules of the rows -------------------------------------------------------------------------------------- */

static SimplifyRule *const rule_of[IR_OP_COUNT] = {
    [IR_neg] = simplify_neg,             [IR_add] = simplify_add,             [IR_sub] = simplify_sub,
    [IR_mul] = simplify_mul,             [IR_div] = simplify_div,             [IR_pow] = simplify_pow,
    [IR_max] = simplify_max,             [IR_min] = simplify_min,             [IR_fma] = simplify_fma,
    [IR_select] = simplify_select,       [IR_convert] = simplify_convert,
    [IR_reshape] = simplify_reshape,     [IR_transpose] = simplify_transpose, [IR_broadcast] = simplify_broadcast,
    [IR_slice] = simplify_slice,         [IR_pad] = simplify_pad,             [IR_concat] = simplify_concat,
    [IR_spread] = simplify_spread,       [IR_as_feature] = simplify_as_feature, [IR_as_sample] = simplify_as_sample,
    [IR_sum] = simplify_sum,             [IR_dot] = simplify_dot,
};

static IrVal *by_class(IrBuilder *b, const IrNode *n)
{
    switch (ir_op_info[n->op].klass) {
    case IR_CLASS_MAP: return n->n_args ? simplify_any_map(b, n) : NULL;
    case IR_CLASS_LAYOUT: return simplify_any_layout(b, n);
    default: return NULL;
    }
}

static IrVal *better(IrBuilder *b, const IrNode *n)
{
    if (n->n_results != 1) return NULL;
    IrVal *v = opt_fold(b, n);
    if (!v && rule_of[n->op]) v = rule_of[n->op](b, n);
    return v ? v : by_class(b, n);
}

/* ---- the walk --------------------------------------------------------------------------------------------------- */

/* What takes v's place: kept in the mark of the node that made it. */
static IrVal *current(IrVal *v)
{
    while (v->def && v->def->mark) v = v->def->mark;
    return v;
}

static bool simplify_node(IrModule *m, IrNode *n)
{
    for (int i = 0; i < n->n_args; i++) n->arg[i] = current(n->arg[i]);
    IrBuilder b = {.m = m, .block = n->block, .before = n, .span = n->span, .why = n->why};
    IrVal *v = better(&b, n);
    if (!v) return false;
    if (v->def) ir_name_as(v, n->result);
    n->mark = v;
    return true;
}

static bool simplify_block(IrModule *m, IrBlock *block)
{
    bool changed = false;
    for (IrNode *n = block->first; n; n = n->next) {
        changed |= simplify_node(m, n);
        for (int i = 0; i < n->n_bodies; i++) changed |= simplify_block(m, n->body[i]);
    }
    for (int i = 0; i < block->n_yields; i++) block->yield[i] = current(block->yield[i]);
    return changed;
}

static void drop_replaced(IrFn *f)
{
    for (IrNode *n = f->body.first, *next; n; n = next) {
        next = ir_next(n);
        if (n->mark) ir_remove(n);
    }
}

void opt_simplify(IrModule *m, IrFn *f)
{
    bool changed = true;
    for (int walk = 0; walk < MAX_WALKS && changed; walk++) {
        for (IrNode *n = f->body.first; n; n = ir_next(n)) n->mark = NULL;
        changed = simplify_block(m, &f->body);
        for (int i = 0; i < f->commits.n; i++) f->commits.v[i].val = current(f->commits.v[i].val);
        for (int i = 0; i < f->reports.n; i++) f->reports.v[i].val = current(f->reports.v[i].val);
        drop_replaced(f);
    }
}

/* ---- shared by the rules ---------------------------------------------------------------------------------------- */

IrVal *simplify_stretch(IrBuilder *b, IrVal *v, const IrType *t)
{
    if (t->rank && !v->type.rank) v = ir_fill(b, v, ir_dims_of(t));
    return ir_spread(b, v, ir_axes_minus(t->axes, v->type.axes));
}

static bool only_moves(IrOp op)
{
    return ir_op_info[op].operands == 1 && (ir_op_info[op].klass == IR_CLASS_LAYOUT || op == IR_as_feature) && op != IR_pad;
}

IrVal *simplify_splat(IrVal *v)
{
    for (int i = 0; i < MAX_CHAIN; i++) {
        if (v->type.rank == 0 && v->type.axes.n == 0) return v;
        if (!v->def || !only_moves(v->def->op)) return NULL;
        v = v->def->arg[0];
    }
    return NULL;
}

bool simplify_number(IrVal *v, double *value)
{
    IrVal *s = simplify_splat(v);
    return s && ir_is_const(s, value);
}

bool simplify_gives(const IrBuilder *b, const IrNode *n, IrVal *const *args, const IrType *t)
{
    const IrType *types[8];
    IrType result;
    if (n->n_args > 8) return false;
    for (int i = 0; i < n->n_args; i++) types[i] = &args[i]->type;
    return ir_infer(b->m, n->op, types, n->n_args, n->attr, &result, NULL) && ir_type_equal(&result, t);
}

IrVal *simplify_like(IrBuilder *b, const IrNode *n, IrVal *const *args) { return &ir_like(b, n, args)->result[0]; }
