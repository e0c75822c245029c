/* remake.c - values that cost less to make again than to keep: element-wise rows over a slot and numbers, without samples.
 *
 * Kept, such a value has a kernel and memory of its own, and a step: what reads it waits for the next one. (A position in an epoch, scaled,
 * would split the real and the fake half of a game into two steps; `-v` of an optimiser would be written and read for each parameter.)
 * Made again, it is a few instructions on what its readers load, like a row that moves an index. Only rows of MAP kernels make values again;
 * for all others it stays a value in memory. */
#include "compiler/kernel/place.h"

enum { MOST_ROWS = 4 };                                     /* one on another */

static bool cheap(IrOp op)
{
    switch (op) {
    case IR_neg: case IR_add: case IR_sub: case IR_mul: case IR_convert: case IR_compare: return true;
    default: return false;
    }
}

/* Behind rows that only move an index. */
static const IrVal *behind(const KPlan *p, const IrVal *v)
{
    for (;;) {
        v = kernel_resolve(p, v);
        const IrNode *n = v->def;
        if (!n || !kernel_inline(n) || n->op == IR_const || n->op == IR_index || n->op == IR_read) return v;
        v = n->arg[0];
    }
}

/* How many rows v would be made of, from a slot or numbers; beyond MOST_ROWS: too many, or of something else. */
static int rows_of(const KPlan *p, const IrVal *v)
{
    const IrVal *root = behind(p, v);
    if (root->def && (root->def->op == IR_read || root->def->op == IR_const)) return 0;
    return kernel_value(p, root)->remade ? kernel_value(p, root)->remade : MOST_ROWS + 1;
}

static bool is_number(const KPlan *p, const IrVal *v)
{
    const IrVal *root = behind(p, v);
    return root->def && root->def->op == IR_const;
}

static void consider(KPlan *p, const IrNode *n)
{
    int others = 0, rows = 1;
    if (!cheap(n->op) || n->result[0].type.axes.n) return;
    for (int i = 0; i < n->n_args; i++) {
        rows += rows_of(p, n->arg[i]);
        others += !is_number(p, n->arg[i]);
    }
    if (others == 1 && rows <= MOST_ROWS) kernel_value(p, &n->result[0])->remade = rows;
}

/* v is asked for in memory: nothing that it is made of is made again. */
static void keep(KPlan *p, const IrVal *v)
{
    const IrVal *root = behind(p, v);
    KValue *kv = kernel_value(p, root);
    if (!kv->remade) return;
    kv->remade = 0;
    for (int i = 0; i < root->def->n_args; i++) keep(p, root->def->arg[i]);
}

void kernel_remake(KPlan *p, const IrFn *f)
{
    if (!plan_takes(p, PLAN_remake)) return;
    for (const IrNode *n = f->body.first; n; n = n->next) consider(p, n);
    for (const IrNode *n = f->body.first; n; n = n->next)
        for (int i = 0; !kernel_inline(n) && !kernel_member(n) && i < n->n_args; i++) keep(p, n->arg[i]);
    for (int i = 0; i < f->commits.n; i++) keep(p, f->commits.v[i].val);
    for (int i = 0; i < f->reports.n; i++) keep(p, f->reports.v[i].val);
    for (const IrNode *n = f->body.first; n; n = n->next) {
        const KValue *v = n->n_results == 1 ? kernel_value(p, &n->result[0]) : NULL;
        if (v && v->live) plan_did(p, PLAN_remake, v->remade);
    }
}
