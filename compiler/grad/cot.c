/* cot.c - cotangents under masks. Start at cot_apply. */
#include "compiler/grad/cot.h"

#include "base/bug.h"

/* ---- masks ------------------------------------------------------------------------------------------------------ */

static bool is_zero(const IrVal *v) { return v->def && v->def->op == IR_const && ir_is_real(v->type.elem) && v->def->attr.value == 0; }

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

/* v under masks from..n of c. */
static IrVal *under(CotMaker *m, const Cot *c, int from, IrVal *v)
{
    for (int i = c->n_masks - 1; i >= from; i--) {
        IrVal *zero = ir_const_like(m->b, v, 0);
        v = c->mask[i].drop ? ir_select(m->b, c->mask[i].c, zero, v) : ir_select(m->b, c->mask[i].c, v, zero);
    }
    return v;
}

IrVal *cot_whole(CotMaker *m, Cot *c)
{
    if (!c->whole) c->whole = under(m, c, 0, c->inner);
    return c->whole;
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

static bool masks_align(const Cot *c, const IrType *t)
{
    for (int i = 0; i < c->n_masks; i++)
        if (!aligns(&c->mask[i].c->type, t)) return false;
    return aligns(&c->inner->type, t);
}

static bool exact(const Cot *c, const IrType *t) { return ir_type_equal(&c->inner->type, t) && masks_align(c, t); }

Cot *cot_fit(CotMaker *m, Cot *c, const IrType *t)
{
    if (exact(c, t)) return c;
    if (!masks_align(c, t)) return cot_of(m, fit(m->b, cot_whole(m, c), t));
    Cot *f = new_cot(m, fit(m->b, c->inner, t), c->n_masks);
    for (int i = 0; i < c->n_masks; i++) f->mask[i] = c->mask[i];
    return f;
}

/* ---- adding ----------------------------------------------------------------------------------------------------- */

static bool same_mask(Mask x, Mask y) { return x.c == y.c && x.drop == y.drop; }

/* The sum below the masks both share; where the next masks are the two sides of one condition, one select holds both. */
static IrVal *add_below(CotMaker *m, const Cot *x, const Cot *y, int shared)
{
    bool more = shared < x->n_masks && shared < y->n_masks;
    if (!more || x->mask[shared].c != y->mask[shared].c) return ir_add(m->b, under(m, x, shared, x->inner), under(m, y, shared, y->inner));
    IrVal *vx = under(m, x, shared + 1, x->inner), *vy = under(m, y, shared + 1, y->inner);
    return ir_select(m->b, x->mask[shared].c, x->mask[shared].drop ? vy : vx, x->mask[shared].drop ? vx : vy);
}

Cot *cot_add(CotMaker *m, Cot *x, Cot *y)
{
    if (!x) return y;
    if (!y) return x;
    int shared = 0;
    while (shared < x->n_masks && shared < y->n_masks && same_mask(x->mask[shared], y->mask[shared])) shared++;
    if (!shared && (!x->n_masks || !y->n_masks || x->mask[0].c != y->mask[0].c))
        return cot_of(m, ir_add(m->b, cot_whole(m, x), cot_whole(m, y)));
    Cot *s = new_cot(m, add_below(m, x, y, shared), shared);
    for (int i = 0; i < shared; i++) s->mask[i] = x->mask[i];
    return s;
}

/* ---- rules ------------------------------------------------------------------------------------------------------ */

static Cot *formula(CotMaker *m, GradFormula f, const IrNode *n, int i, int r, IrVal *g)
{
    return cot_of(m, f(m->b, n, i, r, &g));
}

/* What the rule makes of the inner value, under c's masks. */
static Cot *under_masks(CotMaker *m, Cot *c, const Mask *masks, Cot *inner)
{
    if (!inner || !c->n_masks) return inner;
    if (c->n_masks + inner->n_masks > COT_MASKS) {
        inner->inner = cot_whole(m, inner);
        inner->n_masks = 0;
    }
    Cot *v = new_cot(m, inner->inner, c->n_masks + inner->n_masks);
    for (int i = 0; i < c->n_masks; i++) v->mask[i] = masks[i];
    for (int i = 0; i < inner->n_masks; i++) v->mask[c->n_masks + i] = inner->mask[i];
    return v;
}

static const Mask *moved_masks(CotMaker *m, GradFormula f, const IrNode *n, int i, int r, const Cot *c)
{
    Mask *moved = arena_array(m->arena, Mask, c->n_masks);
    for (int k = 0; k < c->n_masks; k++) {
        IrVal *at = c->mask[k].c;
        moved[k] = (Mask){at->type.rank ? f(m->b, n, i, r, &at) : at, c->mask[k].drop};
    }
    return moved;
}

Cot *cot_apply(CotMaker *m, const GradRule *rule, GradFormula f, const IrNode *n, int i, int r, Cot *c, const IrType *t)
{
    Cot *v;
    if (!c->n_masks) v = formula(m, f, n, i, r, c->inner);
    else if (ir_op_info[n->op].klass == IR_CLASS_MAP) v = under_masks(m, c, c->mask, formula(m, f, n, i, r, c->inner));
    else if (rule->kind == GRAD_MOVE) v = under_masks(m, c, moved_masks(m, f, n, i, r, c), formula(m, f, n, i, r, c->inner));
    else v = formula(m, f, n, i, r, cot_whole(m, c));
    return v ? cot_fit(m, v, t) : NULL;
}
