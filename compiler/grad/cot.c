/* cot.c - cotangents under masks. Start at cot_apply. */
#include "compiler/grad/cot.h"

#include "base/bug.h"

/* ---- masks ------------------------------------------------------------------------------------------------------ */

static bool is_zero(const IrVal *v) { return v->def && v->def->op == IR_const && ir_is_real(v->type.elem) && v->def->attr->value == 0; }

/* The mask v carries outermost, and what is under it. */
static bool masked(const IrVal *v, Mask *m, IrVal **inner)
{
    if (!v->def || v->def->op != IR_select) return false;
    IrVal *const *arg = v->def->arg;
    if (!is_zero(arg[1]) && !is_zero(arg[2])) return false;
    bool drop = !is_zero(arg[2]);
    *m = (Mask){arg[0], drop};
    *inner = arg[drop ? 2 : 1];
    return true;
}

/* One compare may have been written twice. */
static bool same_operand(const IrVal *x, const IrVal *y)
{
    double p, q;
    return x == y || (x->type.elem == y->type.elem && ir_is_const(x, &p) && ir_is_const(y, &q) && p == q);
}

static bool same_condition(const IrVal *x, const IrVal *y)
{
    if (x == y) return true;
    if (!x->def || !y->def || x->def->op != IR_compare || y->def->op != IR_compare) return false;
    return x->def->attr->compare == y->def->attr->compare && same_operand(x->def->arg[0], y->def->arg[0]) && same_operand(x->def->arg[1], y->def->arg[1]);
}

static int find_mask(const Cot *c, const IrVal *condition, bool drop)
{
    for (int i = 0; i < c->n_masks; i++)
        if (c->mask[i].drop == drop && same_condition(c->mask[i].c, condition)) return i;
    return -1;
}

static Cot *new_cot(CotMaker *m, IrVal *inner, int n_masks)
{
    Cot *c = arena_new_of(m->arena, Cot);
    c->inner = inner;
    c->n_masks = n_masks;
    c->mask = arena_array(m->arena, Mask, n_masks ? n_masks : 1);
    return c;
}

Cot *cot_of(CotMaker *m, IrVal *v)
{
    if (!v) return NULL;
    int n = 0;
    Mask mask;
    IrVal *inner = v;
    while (n < COT_MASKS && masked(inner, &mask, &inner)) n++;
    Cot *c = new_cot(m, inner, n);
    c->whole = v;
    inner = v;
    for (int i = 0; i < n; i++) masked(inner, &c->mask[i], &inner);
    return c;
}

IrVal *cot_whole(CotMaker *m, Cot *c)
{
    if (c->whole) return c->whole;
    IrVal *v = c->inner;
    for (int i = c->n_masks - 1; i >= 0; i--) {
        IrVal *zero = ir_const_like(m->b, v, 0);
        v = c->mask[i].drop ? ir_select(m->b, c->mask[i].c, zero, v) : ir_select(m->b, c->mask[i].c, v, zero);
    }
    return c->whole = v;
}

/* The inner value under these masks. NULL, a known zero, where one lies on both sides of a condition. */
static Cot *under_masks(CotMaker *m, const Mask *masks, int n_masks, Cot *inner)
{
    if (!inner || !n_masks) return inner;
    Cot *v = new_cot(m, inner->inner, n_masks + inner->n_masks);
    for (int i = 0; i < n_masks; i++) v->mask[i] = masks[i];
    v->n_masks = n_masks;
    for (int i = 0; i < inner->n_masks; i++) {
        if (find_mask(v, inner->mask[i].c, !inner->mask[i].drop) >= 0) return NULL;
        if (find_mask(v, inner->mask[i].c, inner->mask[i].drop) < 0) v->mask[v->n_masks++] = inner->mask[i];
    }
    if (v->n_masks <= COT_MASKS) return v;
    v->inner = cot_whole(m, v);
    v->n_masks = 0;
    return v;
}

/* ---- fitting ---------------------------------------------------------------------------------------------------- */

static IrVal *fit(IrBuilder *b, IrVal *g, const IrType *t)
{
    if (g->type.rank == 0 && t->rank > 0) g = ir_fill(b, g, ir_dims_of(t));
    if (g->type.rank > 0 && t->rank == 0) g = ir_sum_all(b, g);
    IrAxes extra = ir_axes_minus(g->type.axes, t->axes), missing = ir_axes_minus(t->axes, g->type.axes);
    if (extra.n) g = ir_sum_over(b, g, extra);
    g = ir_spread(b, g, missing);
    if (!ir_type_equal(&g->type, t)) BUG("grad: a cotangent does not have the type of its value");
    return g;
}

/* No sum is needed to bring a value or a mask of type `from` to t. */
static bool aligns(const IrType *from, const IrType *t)
{
    return ir_axes_within(from->axes, t->axes) && (from->rank == 0 || t->rank > 0);
}

static bool exact(const Cot *c, const IrType *t)
{
    for (int i = 0; i < c->n_masks; i++)
        if (!aligns(&c->mask[i].c->type, t)) return false;
    return ir_type_equal(&c->inner->type, t);
}

/* What a mask does not tell apart is added up beneath it. */
Cot *cot_fit(CotMaker *m, Cot *c, const IrType *t)
{
    if (exact(c, t)) return c;
    Cot *f = new_cot(m, NULL, c->n_masks), *apart = new_cot(m, c->inner, c->n_masks);
    f->n_masks = apart->n_masks = 0;
    for (int i = 0; i < c->n_masks; i++) {
        Cot *to = aligns(&c->mask[i].c->type, t) ? f : apart;
        to->mask[to->n_masks++] = c->mask[i];
    }
    return under_masks(m, f->mask, f->n_masks, cot_of(m, fit(m->b, cot_whole(m, apart), t)));
}

/* ---- adding ----------------------------------------------------------------------------------------------------- */

/* Masks commute, so those that both have go outside in x's order; what is left of each is a cotangent of its own. */
static void split(CotMaker *m, const Cot *x, const Cot *other, Cot *shared, Cot **rest)
{
    *rest = new_cot(m, x->inner, x->n_masks);
    (*rest)->n_masks = 0;
    for (int i = 0; i < x->n_masks; i++) {
        Cot *to = find_mask(other, x->mask[i].c, x->mask[i].drop) >= 0 ? shared : *rest;
        if (to) to->mask[to->n_masks++] = x->mask[i];
    }
}

static Cot *without_mask(CotMaker *m, const Cot *c, int i)
{
    Cot *v = new_cot(m, c->inner, c->n_masks - 1);
    for (int k = 0; k < v->n_masks; k++) v->mask[k] = c->mask[k < i ? k : k + 1];
    return v;
}

/* The sum of two that share no mask; where they lie on the two sides of one condition, one select holds both. */
static IrVal *sum_of_rests(CotMaker *m, Cot *x, Cot *y)
{
    for (int i = 0; i < x->n_masks; i++) {
        bool drop = x->mask[i].drop;
        int k = find_mask(y, x->mask[i].c, !drop);
        if (k < 0) continue;
        IrVal *vx = cot_whole(m, without_mask(m, x, i)), *vy = cot_whole(m, without_mask(m, y, k));
        return ir_select(m->b, x->mask[i].c, drop ? vy : vx, drop ? vx : vy);
    }
    return ir_add(m->b, cot_whole(m, x), cot_whole(m, y));
}

/* One of them is there, whatever the condition. */
static bool on_two_sides(const Cot *x, const Cot *y)
{
    return x->n_masks == 1 && y->n_masks == 1 && find_mask(y, x->mask[0].c, !x->mask[0].drop) >= 0;
}

/* Where c is not known to be 0. */
static IrVal *where_there(CotMaker *m, const Cot *c)
{
    IrVal *all = NULL;
    for (int i = 0; i < c->n_masks; i++) {
        IrVal *there = c->mask[i].drop ? ir_not(m->b, c->mask[i].c) : c->mask[i].c;
        all = all ? ir_and(m->b, all, there) : there;
    }
    return all;
}

Cot *cot_add(CotMaker *m, Cot *x, Cot *y, bool poles)
{
    if (!x) return y;
    if (!y) return x;
    Cot *shared = new_cot(m, NULL, x->n_masks + 1), *rest_x, *rest_y;
    shared->n_masks = 0;
    split(m, x, y, shared, &rest_x);
    split(m, y, x, NULL, &rest_y);
    shared->inner = sum_of_rests(m, shared->n_masks ? rest_x : x, shared->n_masks ? rest_y : y);
    if (poles && rest_x->n_masks && rest_y->n_masks && shared->n_masks < COT_MASKS && !on_two_sides(rest_x, rest_y))
        shared->mask[shared->n_masks++] = (Mask){ir_or(m->b, where_there(m, rest_x), where_there(m, rest_y)), false};
    return shared;
}

/* ---- rules ------------------------------------------------------------------------------------------------------ */

static Cot *formula(CotMaker *m, GradFormula f, const IrNode *n, int i, int r, IrVal *g)
{
    return cot_of(m, f(m->b, n, i, r, &g));
}

/* A mask without dims is the same for all that a linear row adds up, and one over the elements that a row copies is copied with them: these
 * go around the row, if what comes of it has their axes. The others are written out, in *under. */
static Cot *around(CotMaker *m, GradFormula f, const IrNode *n, int i, int r, const Cot *c, const IrType *t, bool copies, Cot **under)
{
    bool map = ir_op_info[n->op].klass == IR_CLASS_MAP;
    Cot *v = new_cot(m, NULL, c->n_masks);
    v->n_masks = 0;
    *under = new_cot(m, c->inner, c->n_masks);
    (*under)->n_masks = 0;
    for (int k = 0; k < c->n_masks; k++) {
        IrVal *at = c->mask[k].c;
        if (map) v->mask[v->n_masks++] = c->mask[k];
        else if (!ir_axes_within(at->type.axes, t->axes) || (at->type.rank && !copies)) (*under)->mask[(*under)->n_masks++] = c->mask[k];
        else v->mask[v->n_masks++] = (Mask){at->type.rank ? f(m->b, n, i, r, &at) : at, c->mask[k].drop};
    }
    return v;
}

Cot *cot_apply(CotMaker *m, const GradRule *rule, bool on, const IrNode *n, int i, int r, Cot *c, const IrType *t)
{
    GradFormula f = on ? rule->jvp : rule->vjp;
    Cot *under, *masks = around(m, f, n, i, r, c, t, grad_copies(n->op, on), &under);
    Cot *v = under_masks(m, masks->mask, masks->n_masks, formula(m, f, n, i, r, cot_whole(m, under)));
    return v ? cot_fit(m, v, t) : NULL;
}

/* ---- rows with bodies -------------------------------------------------------------------------------------------- */

static bool all_under(Cot *const *c, int n, const Mask *mask)
{
    for (int i = 0; i < n; i++)
        if (c[i] && find_mask(c[i], mask->c, mask->drop) < 0) return false;
    return true;
}

static bool all_bear(const IrType *const *t, int n, const Mask *mask)
{
    for (int i = 0; i < n; i++)
        if (t[i] && !ir_axes_within(mask->c->type.axes, t[i]->axes)) return false;
    return true;
}

Cot *cot_shared(CotMaker *m, Cot *const *c, int n, const IrType *const *t, int n_types)
{
    const Cot *first = NULL;
    for (int i = 0; i < n && !first; i++) first = c[i];
    Cot *shared = new_cot(m, NULL, first->n_masks);
    shared->n_masks = 0;
    for (int k = 0; k < first->n_masks; k++) {
        const Mask *mask = &first->mask[k];
        if (!mask->c->type.rank && all_under(c, n, mask) && all_bear(t, n_types, mask)) shared->mask[shared->n_masks++] = *mask;
    }
    return shared;
}

IrVal *cot_beneath(CotMaker *m, Cot *c, const Cot *shared)
{
    for (int k = 0; k < shared->n_masks; k++) c = without_mask(m, c, find_mask(c, shared->mask[k].c, shared->mask[k].drop));
    return cot_whole(m, c);
}

Cot *cot_under(CotMaker *m, const Cot *shared, IrVal *v) { return under_masks(m, shared->mask, shared->n_masks, cot_of(m, v)); }
