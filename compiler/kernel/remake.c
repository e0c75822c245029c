/* remake.c - values that cost less to make again than to keep, by whoever reads them.
 *
 * remake: element-wise rows over a slot and numbers, without samples. Kept, such a value has a kernel and memory of its own, and a step: what
 * reads it waits for the next one. (A position in an epoch, scaled, would split the real and the fake half of a game into two steps; `-v` of
 * an optimiser would be written and read for each parameter.) Rows of MAP kernels make these again, and sums of fewer numbers than lanes, which
 * are read one by one.
 *
 * stream: rows over all pairs of what two axes have (x - y, of which norm2 wants the sum of squares), where a reduction reads them: they move
 * into its loop. Kept, they are pairs times features, which no cache holds. Rows of MAP kernels make these again, too: the gradient's. What such rows read
 * is kept, as each of its elements is read for every other sample.
 *
 * again: rows on one value of the same size and others that are less (of a channel, of a sample), where a later step reads them: a value that is
 * normalised has its mean and scale from sums over all samples, so it would be written and read in each step in between, and so would all that is
 * made of it on the way (x + b, less its mean, times gain, over the spread). Made again, all of these read one value; so does the sum of its squares.
 * Likewise what is made of less alone (a slope a sample, times a matrix' row), and of two values of its size that later steps read anyway, as what a
 * derivative is differentiated to often is (`tanh'' x = -2 tanh x tanh' x`): it would be a third one in memory.
 * All of this goes for large matrices without samples, too, and for what is twice as large as what it is made of, f64 of f32.
 *
 * gaps: what is padded for one reader, an element-wise row: the derivative of a slice is a pad, so that of a pooling was four large values, mostly
 * zeros, which were added up.
 *
 * Made again, a value is a few instructions on what its readers load, like a row that moves an index. For all other readers it is a value
 * in memory. */
#include "compiler/kernel/place.h"

enum { FIRST_CACHE = 32 * 1024, LESS = 4, MATRIX = 4096 };  /* bytes; how much less is read than would be written; elements without samples */

static bool cheap(IrOp op)
{
    switch (op) {
    case IR_neg: case IR_add: case IR_sub: case IR_mul: case IR_convert: case IR_compare: case IR_select: return true;
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

static bool is_number(const KPlan *p, const IrVal *v)
{
    const IrVal *root = behind(p, v);
    return root->def && root->def->op == IR_const;
}

/* ---- remake: of a slot and numbers ------------------------------------------------------------------------------ */

/* How many rows v would be made of, from a slot or numbers; beyond K_MOST_REMADE: too many, or of something else. */
static int rows_of(const KPlan *p, const IrVal *v)
{
    const IrVal *root = behind(p, v);
    if (root->def && (root->def->op == IR_read || root->def->op == IR_const)) return 0;
    return kernel_value(p, root)->remade ? kernel_value(p, root)->remade : K_MOST_REMADE + 1;
}

static int remade_rows(const KPlan *p, const IrNode *n)
{
    int others = 0, rows = 1;
    for (int i = 0; i < n->n_args; i++) {
        if (kernel_met(n, i)) continue;
        rows += rows_of(p, n->arg[i]);
        others += !is_number(p, n->arg[i]);
    }
    return others == 1 && rows <= K_MOST_REMADE ? rows : 0;
}

/* ---- stream: of pairs ------------------------------------------------------------------------------------------- */

static int64_t elements(const KPlan *p, const IrType *t) { return ir_axes_size(p->m, t->axes) * ir_dims_size(t); }

/* What v would be read from, in elements. */
static int64_t read_from(const KPlan *p, const IrVal *v)
{
    const IrVal *root = behind(p, v);
    if (!kernel_value(p, root)->remade) return elements(p, &root->type);
    int64_t sum = 0;
    for (int i = 0; i < root->def->n_args; i++) sum += read_from(p, root->def->arg[i]);
    return sum;
}

static int streamed_rows(const KPlan *p, const IrNode *n)
{
    const IrType *t = &n->result[0].type;
    int rows = 1;
    int64_t from = 0, panel = kernel_rest(p->m, t, kernel_tile_axis(p->m, t->axes)) * K_LANES * (int64_t)ir_elem_bytes(t->elem);
    for (int i = 0; i < n->n_args; i++) {
        if (kernel_met(n, i)) continue;
        rows += kernel_value(p, behind(p, n->arg[i]))->remade;
        from += read_from(p, n->arg[i]);
    }
    return rows <= K_MOST_REMADE && panel >= FIRST_CACHE / 2 && from * LESS <= elements(p, t) ? rows : 0;
}

/* Sums and products of what one sample has, element by element. */
static bool reduces(const KPlan *p, const IrNode *n)
{
    if (n->op == IR_sum || n->op == IR_norm || n->op == IR_reduce_max || n->op == IR_argmax) return true;
    if (n->op != IR_dot || n->n_args != 2 || n->attr->form == IR_FORM_BLAS || place_first_axis(n, 0) >= 0) return false;
    return kernel_tile_axis(p->m, n->arg[0]->type.axes) == kernel_tile_axis(p->m, n->arg[1]->type.axes);
}

/* Is each number of operand i of a product met so often that it is to be made once, for a tile to read? */
static bool is_met_often(const KPlan *p, const IrNode *n, int i)
{
    enum { OFTEN = 8 };
    return n->op == IR_dot && kernel_flops(p->m, n) >= 2.0 * OFTEN * (double)elements(p, &n->arg[i]->type);
}

static bool is_few(const KPlan *p, const IrNode *n)
{
    return (n->op == IR_sum || n->op == IR_norm) && !n->arg[0]->type.axes.n && elements(p, &n->arg[0]->type) < K_LANES;
}

/* ---- again: for later steps ------------------------------------------------------------------------------------- */

static bool is_again_op(IrOp op) { return op == IR_neg || op == IR_add || op == IR_sub || op == IR_mul || op == IR_div; }

/* It is twice as large as what it is made of. */
static bool widens(const IrNode *n) { return n->op == IR_convert && n->result[0].type.elem == IR_F64 && n->arg[0]->type.elem == IR_F32; }

/* How many operands are as large as v, if the others are less; -1: v is not made again from these. */
static int large_operands(const KPlan *p, const IrNode *n)
{
    const IrVal *v = &n->result[0];
    int large = 0;
    if ((!is_again_op(n->op) && !widens(n)) || !ir_is_real(v->type.elem)) return -1;
    if (!v->type.axes.n && elements(p, &v->type) < MATRIX) return -1;
    for (int i = 0; i < n->n_args; i++) {
        const IrVal *root = behind(p, n->arg[i]);
        int64_t size = elements(p, &root->type);
        if (size * LESS <= elements(p, &v->type)) continue;
        if (size != elements(p, &v->type) || !ir_axes_equal(root->type.axes, v->type.axes) || !root->def) return -1;
        if (!v->type.axes.n && root->def->op == IR_read) return -1;         /* a slot that is read later cannot be written in place */
        large += !kernel_met(n, i);
    }
    return large;
}

/* Are all operands as large as v in memory for later steps, v or not? */
static bool are_there_later(const KPlan *p, const IrNode *n)
{
    for (int i = 0; i < n->n_args; i++) {
        const IrVal *root = behind(p, n->arg[i]);
        const KValue *v = kernel_value(p, root);
        if (elements(p, &root->type) == elements(p, &n->result[0].type) && (!v->later || v->remade)) return false;
    }
    return true;
}

static int again_rows(const KPlan *p, const IrNode *n)
{
    const KValue *v = kernel_value(p, &n->result[0]);
    int rows = 1, large = large_operands(p, n);
    bool summed = v->summed && v->asked == 1 && large == 1;
    if ((!v->later && !summed) || v->spread || large < 0 || large > 2 || (large == 2 && !are_there_later(p, n))) return 0;
    for (int i = 0; i < n->n_args; i++)
        if (!kernel_met(n, i)) rows += kernel_value(p, behind(p, n->arg[i]))->remade;
    return rows <= K_MOST_REMADE && (v->later || rows > 1) ? rows : 0;
}

static bool adds_over_samples(const IrNode *n)
{
    return n->attr->over.n || n->op == IR_as_feature || n->n_bodies || (n->attr->pair_over && n->attr->pair_over[0].n);
}

static int sums_before(const KPlan *p, const IrNode *n)
{
    int sums = 0;
    for (int i = 0; i < n->n_args; i++)
        if (kernel_value(p, n->arg[i])->sums > sums) sums = kernel_value(p, n->arg[i])->sums;
    return sums;
}

static void find_later(KPlan *p, const IrBlock *b)
{
    for (const IrNode *n = b->first; n; n = n->next)
        for (int i = 0; i < n->n_results; i++) kernel_value(p, &n->result[i])->sums = sums_before(p, n) + adds_over_samples(n);
    for (const IrNode *n = b->last; n; n = n->prev) {
        bool again = n->n_results == 1 && kernel_value(p, &n->result[0])->later && (large_operands(p, n) == 0 || large_operands(p, n) == 1);
        for (int i = 0; i < n->n_args && !kernel_inline(n); i++) {
            KValue *root = kernel_value(p, behind(p, n->arg[i]));
            root->asked++;
            root->summed |= (n->op == IR_sum || n->op == IR_norm) && !n->attr->over.n;
            root->later |= again || root->sums < sums_before(p, n);
            root->spread |= elements(p, &n->result[0].type) > LESS * elements(p, &root->val->type);
        }
    }
}

/* ---- gaps: of a value in a larger one --------------------------------------------------------------------------- */

static int gap_rows(const KPlan *p, const IrNode *n)
{
    if (n->op != IR_pad || !n->result[0].type.axes.n || kernel_value(p, &n->result[0])->asked != 1) return 0;
    int rows = 1 + kernel_value(p, behind(p, n->arg[0]))->remade;
    return rows <= K_MOST_REMADE ? rows : 0;
}

/* ---- who is kept ------------------------------------------------------------------------------------------------ */

static void keep(KPlan *p, const IrVal *v) { kernel_value(p, behind(p, v))->remade = 0; }       /* it is asked for in memory */

static void consider(KPlan *p, const IrNode *n)
{
    KValue *v = n->n_results == 1 ? kernel_value(p, &n->result[0]) : NULL;
    if (!v || !v->live) return;
    if (plan_takes(p, PLAN_again)) v->remade = again_rows(p, n);
    v->later |= v->remade > 0;
    if (!v->remade && plan_takes(p, PLAN_gaps)) v->remade = gap_rows(p, n);
    if (v->remade || !cheap(n->op)) return;
    v->later = false;
    bool pairs = n->result[0].type.axes.n;
    if (!plan_takes(p, pairs ? PLAN_stream : PLAN_remake)) return;
    v->remade = pairs ? streamed_rows(p, n) : remade_rows(p, n);
}

static void is_reduced(KPlan *p, const IrVal *v)
{
    const IrVal *root = behind(p, v);
    kernel_value(p, root)->reduced = true;
    for (int i = 0; kernel_value(p, root)->remade && i < root->def->n_args; i++) is_reduced(p, root->def->arg[i]);
}

static void read_by(KPlan *p, const IrNode *n)
{
    if (kernel_inline(n) || kernel_member(n) || is_few(p, n)) return;
    for (int i = 0; i < n->n_args; i++) {
        if (n->arg[i]->type.axes.n && reduces(p, n) && !is_met_often(p, n, i)) is_reduced(p, n->arg[i]);
        else keep(p, n->arg[i]);
    }
}

static KValue *remade_by(KPlan *p, const IrNode *n)
{
    KValue *v = n->n_results == 1 ? kernel_value(p, &n->result[0]) : NULL;
    return v && v->remade ? v : NULL;
}

static void decide(KPlan *p, const IrBlock *b)
{
    for (const IrNode *n = b->first; n; n = n->next) {
        consider(p, n);
        for (int i = 0; i < n->n_bodies; i++) decide(p, n->body[i]);
    }
    for (const IrNode *n = b->first; n; n = n->next) read_by(p, n);
    for (int i = 0; i < b->n_yields; i++) keep(p, b->yield[i]);
}

static void settle(KPlan *p, const IrBlock *b)
{
    for (const IrNode *n = b->first; n; n = n->next) {
        const KValue *v = remade_by(p, n);
        if (v && v->val->type.axes.n && (n->op == IR_pad ? v->reduced : !v->reduced && !v->later)) keep(p, v->val);
        for (int i = 0; i < n->n_bodies; i++) settle(p, n->body[i]);
    }
    for (const IrNode *n = b->first; n; n = n->next) {
        const KValue *v = remade_by(p, n);
        if (v) plan_did(p, n->op == IR_pad ? PLAN_gaps : v->later ? PLAN_again : v->val->type.axes.n ? PLAN_stream : PLAN_remake, true);
    }
}

void kernel_remake(KPlan *p, const IrFn *f)
{
    find_later(p, &f->body);
    decide(p, &f->body);
    for (int i = 0; i < f->commits.n; i++) keep(p, f->commits.v[i].val);
    for (int i = 0; i < f->reports.n; i++) keep(p, f->reports.v[i].val);
    settle(p, &f->body);
}
