/* tree_local.c - rules of stabilise that look at a few rows instead of a form. See tree.h.
 *
 * R1 a sum of exponentials under a logarithm, or under one of them, is shifted by its largest. R2 sqrt of a sum of
 * squares is a norm; where no form helps, log(1 + x) is log1p(x), and exp(x) - 1 expm1(x). */
#include "compiler/opt/tree.h"

static IrNode *made_by(IrVal *v, IrOp op) { return v->def && v->def->op == op ? v->def : NULL; }

static bool in_block(const Walk *w, const IrNode *n) { return n && n->block == w->b->block; }

/* ---- R1 --------------------------------------------------------------------------------------------------------- */

static bool over_axis(const IrNode *total) { return total->attr.over.n == 1; }

/* sum over one dim or one axis of exp(x); NULL: something else */
static IrNode *sum_of_exp(IrVal *v)
{
    IrNode *total = made_by(v, IR_sum);
    return total && total->attr.dims.n + total->attr.over.n == 1 && made_by(total->arg[0], IR_exp) ? total : NULL;
}

/* x is already a difference to something that is not differentiated. */
static bool is_shifted(IrVal *x)
{
    if (!made_by(x, IR_sub)) return false;
    IrVal *by = x->def->arg[1];
    while (made_by(by, IR_broadcast) || made_by(by, IR_spread) || made_by(by, IR_select))
        by = by->def->op == IR_select ? by->def->arg[1] : by->def->arg[0];
    return made_by(by, IR_stop) || made_by(by, IR_reduce_max);
}

/* The largest x where that is finite, else 0: what to subtract. */
static IrVal *shift_of(IrBuilder *b, const IrNode *total, IrVal *x)
{
    IrVal *most = over_axis(total) ? ir_reduce_max_over(b, x, total->attr.over.id[0])
                                   : ir_reduce_max(b, x, (int)total->attr.dims.v[0]);
    IrVal *finite = ir_compare(b, IR_LT, ir_abs(b, most), ir_const_like(b, most, 3.0e38));
    return ir_stop(b, ir_select(b, finite, most, ir_const_like(b, most, 0)));
}

/* m as it stands beside each x */
static IrVal *beside(IrBuilder *b, const IrNode *total, IrVal *m, const IrVal *x)
{
    IrInts kept = {0};
    if (over_axis(total) || x->type.rank < 2) return m;
    for (int i = 0; i < x->type.rank; i++)
        if (i != total->attr.dims.v[0]) kept.v[kept.n++] = i;
    return ir_broadcast(b, m, ir_dims_of(&x->type), kept);
}

static IrVal *sum_again(IrBuilder *b, const IrNode *total, IrVal *e)
{
    return over_axis(total) ? ir_sum_over(b, e, total->attr.over) : ir_sum(b, e, total->attr.dims);
}

/* log(sum exp x) = m + log(sum exp(x - m)); also with the sum multiplied or divided by a number. */
static IrVal *shifted_log(Walk *w, IrVal *v)
{
    if (v->def->op != IR_log) return NULL;
    IrNode *mean = v->def->arg[0]->def, *total = sum_of_exp(v->def->arg[0]);
    bool scaled = !total && mean && (mean->op == IR_div || mean->op == IR_mul) && ir_is_const(mean->arg[1], NULL);
    if (scaled) total = sum_of_exp(mean->arg[0]);
    if (!total || !in_block(w, total) || is_shifted(total->arg[0]->def->arg[0])) return NULL;
    IrBuilder b = tree_before(w, v);
    IrVal *x = tree_best(w, total->arg[0]->def->arg[0]), *m = shift_of(&b, total, x);
    IrVal *s = sum_again(&b, total, ir_exp(&b, ir_sub(&b, x, beside(&b, total, m, x))));
    if (scaled) s = ir_like(&b, mean, (IrVal *[]){s, mean->arg[1]})->result;
    return ir_add(&b, m, ir_log(&b, s));
}

/* The sum below rows that only repeat its result. */
static IrNode *repeated_sum(IrVal *v)
{
    while (made_by(v, IR_broadcast) || made_by(v, IR_spread)) v = v->def->arg[0];
    return sum_of_exp(v);
}

static IrVal *repeat_again(IrBuilder *b, IrVal *old, IrVal *s)
{
    if (old->def->op == IR_sum) return s;
    IrVal *inner = repeat_again(b, old->def->arg[0], s);
    return ir_like(b, old->def, &inner)->result;
}

/* exp x / sum exp x = exp(x - m) / sum exp(x - m) */
static IrVal *shifted_share(Walk *w, IrVal *v)
{
    if (v->def->op != IR_div || !made_by(v->def->arg[0], IR_exp)) return NULL;
    IrNode *total = repeated_sum(v->def->arg[1]);
    IrVal *old = v->def->arg[0]->def->arg[0];
    if (!total || !in_block(w, total) || total->arg[0]->def->arg[0] != old || is_shifted(old)) return NULL;
    IrBuilder b = tree_before(w, v);
    IrVal *x = tree_best(w, old), *m = shift_of(&b, total, x);
    IrVal *e = ir_exp(&b, ir_sub(&b, x, beside(&b, total, m, x)));
    return ir_div(&b, e, repeat_again(&b, v->def->arg[1], sum_again(&b, total, e)));
}

/* ---- R2 --------------------------------------------------------------------------------------------------------- */

/* sqrt(sum(x*x)) is norm(x). */
static IrVal *as_norm(Walk *w, IrVal *v)
{
    IrNode *total = v->def->op == IR_sqrt ? made_by(v->def->arg[0], IR_sum) : NULL;
    if (!total || total->attr.over.n) return NULL;
    IrNode *square = made_by(total->arg[0], IR_mul);
    if (!square || square->arg[0] != square->arg[1]) return NULL;
    IrBuilder b = tree_before(w, v);
    return ir_norm(&b, tree_best(w, square->arg[0]), total->attr.dims);
}

IrVal *tree_local_rule(Walk *w, IrVal *v)
{
    if (v->def->n_results != 1 || !ir_is_real(v->type.elem)) return NULL;
    IrVal *r = shifted_log(w, v);
    if (!r) r = shifted_share(w, v);
    return r ? r : as_norm(w, v);
}

static bool is_one(const IrVal *v)
{
    double c;
    return ir_is_const(v, &c) && c == 1;
}

static IrVal *log_of_one_plus(Walk *w, IrVal *v)
{
    IrNode *s = v->def->op == IR_log ? made_by(v->def->arg[0], IR_add) : NULL;
    if (!s || !(is_one(s->arg[0]) || is_one(s->arg[1]))) return NULL;
    IrBuilder b = tree_before(w, v);
    return ir_log1p(&b, tree_best(w, s->arg[is_one(s->arg[0])]));
}

static IrVal *exp_less_one(Walk *w, IrVal *v)
{
    IrNode *e = v->def->op == IR_sub && is_one(v->def->arg[1]) ? made_by(v->def->arg[0], IR_exp) : NULL;
    if (!e) return NULL;
    IrBuilder b = tree_before(w, v);
    return ir_expm1(&b, tree_best(w, e->arg[0]));
}

IrVal *tree_small_rule(Walk *w, IrVal *v)
{
    IrVal *r = log_of_one_plus(w, v);
    return r ? r : exp_less_one(w, v);
}
