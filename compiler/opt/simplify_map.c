/* simplify_map.c - rules of element-wise rows. x is any operand, c a constant; to the bit, the sign of zero included. */
#include "compiler/opt/simplify.h"

#include <math.h>

/* ---- looking ---------------------------------------------------------------------------------------------------- */

static bool is_real(const IrNode *n) { return ir_is_real(n->result->type.elem); }
static IrVal *made_by(IrVal *v, IrOp op) { return v->def && v->def->op == op ? v->def->arg[0] : NULL; }

/* Every element of operand i is c. */
static bool is_number(const IrNode *n, int i, double c)
{
    double value;
    return simplify_number(n->arg[i], &value) && value == c;
}

static IrVal *as_result(IrBuilder *b, const IrNode *n, IrVal *v) { return simplify_stretch(b, v, &n->result->type); }

/* ---- every row -------------------------------------------------------------------------------------------------- */

/* An operand without the repetition the row itself does by aligning. */
static IrVal *unrepeated(IrVal *v)
{
    IrVal *s = simplify_splat(v);
    if (s) return s;
    while (v->def && (v->def->op == IR_spread || (v->def->op == IR_broadcast && v->def->attr->kept.n == 0))) v = v->def->arg[0];
    return v;
}

/* f(repeated x, y) = f(x, y) where y gives the shape. */
static IrVal *align_instead(IrBuilder *b, const IrNode *n)
{
    bool changed = false;
    IrVal *args[3];
    for (int i = 0; i < n->n_args; i++) args[i] = n->arg[i];
    for (int i = 0; i < n->n_args; i++) {
        args[i] = unrepeated(n->arg[i]);
        if (args[i] != n->arg[i] && simplify_gives(b, n, args, &n->result->type)) changed = true;
        else args[i] = n->arg[i];
    }
    return changed ? simplify_like(b, n, args) : NULL;
}

/* f of numbers repeated is f of the numbers, repeated. */
static IrVal *repeat_after(IrBuilder *b, const IrNode *n)
{
    IrVal *args[3];
    bool repeats = false;
    for (int i = 0; i < n->n_args; i++) {
        args[i] = simplify_splat(n->arg[i]);
        if (!args[i]) return NULL;
        repeats |= args[i] != n->arg[i];
    }
    return repeats ? as_result(b, n, simplify_like(b, n, args)) : NULL;
}

IrVal *simplify_any_map(IrBuilder *b, const IrNode *n)
{
    if (n->n_args > 3) return NULL;
    IrVal *v = repeat_after(b, n);
    return v ? v : align_instead(b, n);
}

/* ---- sums and differences --------------------------------------------------------------------------------------- */

/* The number -c for a v that is c everywhere, else NULL. */
static IrVal *negated(IrBuilder *b, IrVal *v)
{
    double c;
    IrVal *s = simplify_splat(v);
    return s && ir_is_const(s, &c) ? ir_const_like(b, v, -c) : NULL;
}

IrVal *simplify_neg(IrBuilder *b, const IrNode *n)
{
    IrVal *x = made_by(n->arg[0], IR_neg);
    if (x || !made_by(n->arg[0], IR_mul) || !is_real(n)) return x;
    for (int i = 0; i < 2; i++) {
        IrVal *c = negated(b, n->arg[0]->def->arg[i]);
        if (c) return as_result(b, n, ir_mul(b, c, n->arg[0]->def->arg[1 - i]));
    }
    return NULL;
}

/* Is it 0, or -0, everywhere? */
static bool is_zero(IrVal *v, bool minus)
{
    double c;
    return simplify_number(v, &c) && c == 0 && !signbit(c) == !minus;
}

/* x + 0 is 0 where x is -0. */
static bool adds_nothing(IrVal *x, IrVal *zero)
{
    return is_zero(zero, true) || (is_zero(zero, false) && !ir_may_be_minus_zero(x));
}

/* select(c, x, 0) + select(c, y, 0) = select(c, x + y, 0), and likewise with the zeros first: masks of gradients meet. */
static IrVal *merge_masks(IrBuilder *b, const IrNode *n)
{
    if (!made_by(n->arg[0], IR_select) || !made_by(n->arg[1], IR_select)) return NULL;
    IrVal *const *p = n->arg[0]->def->arg, *const *q = n->arg[1]->def->arg;
    if (p[0] != q[0] || !ir_type_equal(&n->arg[0]->type, &n->arg[1]->type)) return NULL;
    for (int i = 1; i < 3; i++) {
        if (!is_zero(p[i], false) || !is_zero(q[i], false)) continue;
        IrVal *x = simplify_like(b, n, (IrVal *[]){p[3 - i], q[3 - i]});
        IrVal *v = i == 2 ? ir_select(b, p[0], x, p[i]) : ir_select(b, p[0], p[i], x);
        return as_result(b, n, v);
    }
    return NULL;
}

IrVal *simplify_add(IrBuilder *b, const IrNode *n)
{
    for (int i = 0; i < 2; i++) {
        if (adds_nothing(n->arg[1 - i], n->arg[i])) return as_result(b, n, n->arg[1 - i]);
        IrVal *minus = made_by(n->arg[i], IR_neg);
        if (minus) return ir_sub(b, n->arg[1 - i], minus);
    }
    return merge_masks(b, n);
}

IrVal *simplify_sub(IrBuilder *b, const IrNode *n)
{
    if (is_zero(n->arg[1], false)) return as_result(b, n, n->arg[0]);
    if (is_zero(n->arg[0], true) || (is_number(n, 0, 0) && !is_real(n))) return as_result(b, n, ir_neg(b, n->arg[1]));
    IrVal *minus = made_by(n->arg[1], IR_neg);
    if (minus) return ir_add(b, n->arg[0], minus);
    return merge_masks(b, n);
}

/* ---- products and quotients ------------------------------------------------------------------------------------- */

/* Multiplying by it is exact. */
static bool is_power_of_two(IrElem elem, double c)
{
    int e, most = elem == IR_F32 ? 120 : 1000;
    return ir_is_real(elem) && isfinite(c) && c != 0 && fabs(frexp(c, &e)) == 0.5 && e > -most && e < most;
}

/* c * (d * x) = cd * x, c or d a power of 2: both are rounded alike, where the left does not overflow or vanish on its way. */
static IrVal *scaled_twice(IrBuilder *b, const IrNode *n, double c, IrVal *other)
{
    double d;
    IrNode *m = made_by(other, IR_mul) ? other->def : NULL;
    IrElem elem = n->result->type.elem;
    for (int i = 0; m && i < 2; i++)
        if (simplify_number(m->arg[i], &d) && (is_power_of_two(elem, c) || is_power_of_two(elem, d)) && isnormal((float)(c * d)))
            return as_result(b, n, c * d == 1 ? m->arg[1 - i] : ir_mul(b, m->arg[1 - i], ir_const_like(b, m->arg[1 - i], c * d)));
    return NULL;
}

IrVal *simplify_mul(IrBuilder *b, const IrNode *n)
{
    IrVal *minus[2] = {made_by(n->arg[0], IR_neg), made_by(n->arg[1], IR_neg)};
    if (minus[0] && minus[1]) return ir_mul(b, minus[0], minus[1]);
    for (int i = 0; i < 2; i++) {
        IrVal *other = n->arg[1 - i];
        if (is_number(n, i, 1)) return as_result(b, n, other);
        if (is_number(n, i, -1)) return as_result(b, n, ir_neg(b, other));
        if (!is_real(n) && is_number(n, i, 0)) return as_result(b, n, ir_const_like(b, other, 0));
        IrVal *c = minus[1 - i] && is_real(n) ? negated(b, n->arg[i]) : NULL;
        if (c) return as_result(b, n, ir_mul(b, minus[1 - i], c));
        double k;
        IrVal *once = is_real(n) && simplify_number(n->arg[i], &k) ? scaled_twice(b, n, k, other) : NULL;
        if (once) return once;
    }
    return NULL;
}

/* x / 2^k = x * 2^-k. */
IrVal *simplify_div(IrBuilder *b, const IrNode *n)
{
    double c;
    if (!simplify_number(n->arg[1], &c)) return NULL;
    if (c == 1) return as_result(b, n, n->arg[0]);
    if (is_power_of_two(n->result->type.elem, c)) return as_result(b, n, ir_mul(b, n->arg[0], ir_const_like(b, n->arg[0], 1 / c)));
    IrVal *minus = made_by(n->arg[0], IR_neg);
    return minus && is_real(n) ? as_result(b, n, ir_div(b, minus, ir_const_like(b, minus, -c))) : NULL;
}

IrVal *simplify_pow(IrBuilder *b, const IrNode *n)
{
    double c;
    IrVal *x = n->arg[0], *y = NULL;
    if (!simplify_number(n->arg[1], &c)) return NULL;
    if (c == 1) y = x;
    if (c == 2) y = ir_mul(b, x, x);
    if (c == 3) y = ir_mul(b, ir_mul(b, x, x), x);
    if (c == 4) y = ir_mul(b, ir_mul(b, x, x), ir_mul(b, x, x));
    if (c == -1) y = ir_div(b, ir_const_like(b, x, 1), x);
    return y ? as_result(b, n, y) : NULL;
}

/* fma(1, x, y) = x + y; fma(x, y, -0) = x * y, and so with 0 where the product is a square. */
IrVal *simplify_fma(IrBuilder *b, const IrNode *n)
{
    for (int i = 0; i < 2; i++)
        if (is_number(n, i, 1)) return as_result(b, n, ir_add(b, n->arg[1 - i], n->arg[2]));
    bool product = is_zero(n->arg[2], true) || (is_zero(n->arg[2], false) && n->arg[0] == n->arg[1]);
    return product ? as_result(b, n, ir_mul(b, n->arg[0], n->arg[1])) : NULL;
}

/* ---- choices ---------------------------------------------------------------------------------------------------- */

IrVal *simplify_max(IrBuilder *b, const IrNode *n) { return n->arg[0] == n->arg[1] ? as_result(b, n, n->arg[0]) : NULL; }
IrVal *simplify_min(IrBuilder *b, const IrNode *n) { return simplify_max(b, n); }

/* The condition c of select(c, false, true). */
static IrVal *is_not(IrVal *v)
{
    double yes, no;
    bool is = v->type.elem == IR_BOOL && made_by(v, IR_select) && simplify_number(v->def->arg[1], &yes) &&
              simplify_number(v->def->arg[2], &no) && yes == 0 && no == 1;
    return is ? v->def->arg[0] : NULL;
}

/* An arm that is itself a select on the same condition is that select's arm. */
static IrVal *same_condition(IrBuilder *b, const IrNode *n)
{
    for (int i = 1; i < 3; i++) {
        IrVal *arm = n->arg[i];
        if (made_by(arm, IR_select) != n->arg[0]) continue;
        IrVal *args[3] = {n->arg[0], n->arg[1], n->arg[2]};
        args[i] = arm->def->arg[i];
        return as_result(b, n, simplify_like(b, n, args));
    }
    return NULL;
}

IrVal *simplify_select(IrBuilder *b, const IrNode *n)
{
    double c, yes, no;
    if (simplify_number(n->arg[0], &c)) return as_result(b, n, n->arg[c != 0 ? 1 : 2]);
    if (n->arg[1] == n->arg[2]) return as_result(b, n, n->arg[1]);
    bool numbers = simplify_number(n->arg[1], &yes) && simplify_number(n->arg[2], &no);
    if (numbers && n->result->type.elem == IR_BOOL && yes == no) return as_result(b, n, n->arg[1]);
    if (numbers && n->result->type.elem == IR_BOOL && yes == 1 && no == 0) return as_result(b, n, n->arg[0]);
    IrVal *opposite = is_not(n->arg[0]);
    if (opposite && numbers && n->result->type.elem == IR_BOOL) return as_result(b, n, opposite);
    if (opposite) return as_result(b, n, ir_select(b, opposite, n->arg[2], n->arg[1]));
    return same_condition(b, n);
}

/* ---- other ------------------------------------------------------------------------------------------------------ */

/* Every value of type `from` is one of type `to`. */
static bool holds_all(IrElem to, IrElem from)
{
    static const bool holds[5][5] = {
        [IR_BOOL] = {[IR_BOOL] = true},
        [IR_I32] = {[IR_BOOL] = true, [IR_I32] = true},
        [IR_I64] = {[IR_BOOL] = true, [IR_I32] = true, [IR_I64] = true},
        [IR_F32] = {[IR_BOOL] = true, [IR_F32] = true},
        [IR_F64] = {[IR_BOOL] = true, [IR_I32] = true, [IR_F32] = true, [IR_F64] = true},
    };
    return holds[to][from];
}

/* Through a wider type: once, or not at all. */
IrVal *simplify_convert(IrBuilder *b, const IrNode *n)
{
    IrVal *inner = n->arg[0], *x = made_by(inner, IR_convert);
    if (x && holds_all(inner->type.elem, x->type.elem)) return as_result(b, n, ir_convert(b, x, n->attr->elem));
    return n->arg[0]->type.elem == n->attr->elem ? n->arg[0] : NULL;
}
