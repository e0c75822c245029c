/* fuse.c - rows with one use go into what uses them: a product into a sum (fma), a transpose of a dot into the dot, a sum over samples into one of dims.
 *
 * The fma rounds once where two rows rounded twice; both engines see it. In order, so that a product reaches its sum after its own operands
 * were fused. The rows left behind go with dce. */
#include "compiler/opt/pass.h"

typedef struct { const int *count; uint32_t n; } Uses;      /* by value id; values made here are not counted */

static bool is_only_use(Uses uses, const IrVal *v, IrOp op, const IrBlock *block)
{
    return v->def && v->def->op == op && v->def->block == block && v->id < uses.n && uses.count[v->id] == 1;
}

/* ---- a*b + c ---------------------------------------------------------------------------------------------------- */

/* Beside another product it is left as it is: rounding one of two alone makes a*b - c*d of equal products the error of one, which may be below
 * 0, and a*d - b*c is not the negative of b*c - a*d. */
static bool is_product(const IrVal *v)
{
    while (v->def && (v->def->op == IR_neg || v->def->op == IR_spread || v->def->op == IR_broadcast)) v = v->def->arg[0];
    return v->def && v->def->op == IR_mul;
}

static IrVal *minus(IrBuilder *b, IrVal *v)
{
    double c;
    return ir_is_const(v, &c) ? ir_const_like(b, v, -c) : ir_neg(b, v);
}

static IrVal *fused_add(IrBuilder *b, Uses uses, const IrNode *n)
{
    if (is_product(n->arg[0]) && is_product(n->arg[1])) return NULL;
    for (int i = 0; i < 2; i++) {
        if (!is_only_use(uses, n->arg[i], IR_mul, n->block)) continue;
        IrVal *const *p = n->arg[i]->def->arg;
        return ir_fma(b, p[0], p[1], n->arg[1 - i]);
    }
    return NULL;
}

/* a*b - c = fma(a, b, -c); c - a*b = fma(-a, b, c), with the sign at the constant if there is one. */
static IrVal *fused_sub(IrBuilder *b, Uses uses, const IrNode *n)
{
    if (is_product(n->arg[0]) && is_product(n->arg[1])) return NULL;
    if (is_only_use(uses, n->arg[0], IR_mul, n->block)) {
        IrVal *const *p = n->arg[0]->def->arg;
        return ir_fma(b, p[0], p[1], minus(b, n->arg[1]));
    }
    if (!is_only_use(uses, n->arg[1], IR_mul, n->block)) return NULL;
    IrVal *const *p = n->arg[1]->def->arg;
    int i = ir_is_const(p[1], NULL);
    return ir_fma(b, minus(b, p[i]), p[1 - i], n->arg[0]);
}

/* ---- transpose of a dot ----------------------------------------------------------------------------------------- */

/* The permutation that brings the n_b dims behind to the front. */
static bool swaps_sides(const IrInts *perm, int n_a, int n_b)
{
    if (perm->n != n_a + n_b) return false;
    for (int i = 0; i < n_b; i++)
        if (perm->v[i] != n_a + i) return false;
    for (int i = 0; i < n_a; i++)
        if (perm->v[n_b + i] != i) return false;
    return true;
}

static IrPairs swapped(IrPairs p)
{
    for (int i = 0; i < p.n; i++) {
        uint8_t a = p.a[i];
        p.a[i] = p.b[i];
        p.b[i] = a;
    }
    return p;
}

static IrVal *fused_transpose(IrBuilder *b, Uses uses, const IrNode *n)
{
    if (!is_only_use(uses, n->arg[0], IR_dot, n->block)) return NULL;
    const IrNode *dot = n->arg[0]->def;
    int taken = dot->attr->contract.n, n_a = dot->arg[0]->type.rank - taken, n_b = dot->arg[1]->type.rank - taken;
    if (dot->attr->batch.n || !swaps_sides(&n->attr->dims, n_a, n_b)) return NULL;
    IrVal **args = arena_array(b->m->arena, IrVal *, dot->n_args);
    for (int i = 0; i < dot->n_args; i++) args[i] = dot->arg[i ^ 1];
    IrAttrs at = *dot->attr;
    at.contract = swapped(at.contract);
    return &ir_node(b, IR_dot, args, dot->n_args, &at)->result[0];
}

/* ---- sums over samples, then of dims ---------------------------------------------------------------------------- */

/* As the gradient of what is the same at all places of all samples: one sum needs no memory for each place. Where the last dim is one of those
 * added up, neighbours would wait for one another. */
static IrVal *fused_sum(IrBuilder *b, Uses uses, const IrNode *n)
{
    if (n->attr->over.n || !is_only_use(uses, n->arg[0], IR_sum, n->block)) return NULL;
    const IrNode *inner = n->arg[0]->def;
    if (!inner->attr->over.n || inner->attr->dims.n || n->attr->dims.v[n->attr->dims.n - 1] == inner->result->type.rank - 1) return NULL;
    IrAttrs at = *n->attr;
    at.over = inner->attr->over;
    return &ir_node(b, IR_sum, inner->arg, 1, &at)->result[0];
}

/* ---- the walk --------------------------------------------------------------------------------------------------- */

static IrVal *fused(IrBuilder *b, Uses uses, const IrNode *n)
{
    bool real = n->n_results == 1 && ir_is_real(n->result->type.elem);
    switch (n->op) {
    case IR_add: return real ? fused_add(b, uses, n) : NULL;
    case IR_sub: return real ? fused_sub(b, uses, n) : NULL;
    case IR_sum: return real ? fused_sum(b, uses, n) : NULL;
    case IR_transpose: return fused_transpose(b, uses, n);
    default: return NULL;
    }
}

static IrVal *current(IrVal *v) { return v->def && v->def->mark ? v->def->mark : v; }

static void fuse_block(IrModule *m, Uses uses, IrBlock *block)
{
    for (IrNode *n = block->first; n; n = n->next) {
        for (int i = 0; i < n->n_args; i++) n->arg[i] = current(n->arg[i]);
        IrBuilder b = {.m = m, .block = block, .before = n, .span = n->span, .why = n->why};
        IrVal *v = fused(&b, uses, n);
        if (v) ir_name_as(v, n->result);
        n->mark = v;
        for (int i = 0; i < n->n_bodies; i++) fuse_block(m, uses, n->body[i]);
    }
    for (int i = 0; i < block->n_yields; i++) block->yield[i] = current(block->yield[i]);
}

void opt_fuse(IrModule *m, IrFn *f)
{
    Arena *scratch = arena_new();
    Uses uses = {ir_use_counts(m, f, scratch), m->next_id};
    fuse_block(m, uses, &f->body);
    for (int i = 0; i < f->commits.n; i++) f->commits.v[i].val = current(f->commits.v[i].val);
    for (int i = 0; i < f->reports.n; i++) f->reports.v[i].val = current(f->reports.v[i].val);
    arena_free(scratch);
}
