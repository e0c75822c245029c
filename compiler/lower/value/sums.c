/* sums.c - numbers known now that are made of a list's sum, beside what is computed of that list.
 *
 * The sum and mean of a list of known numbers are known, in f64, and what is done with the whole list is computed, in the program's
 * type. So in mean(v^2) - mean(v)^2 one side is rounded and the other is not, and of what is left few digits are right. A number that is some times a
 * list's sum, or the square of it, says so; where that square meets a sum of the list's squares, it is computed of the same list, so that the two are
 * seen to be moments of it (compiler/opt/tree_moments.c). */
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"

#include <math.h>

struct ListSum { Value *list; double times; int power; };   /* times * sum(list)^power */

static Value *with(Lower *L, Value *v, Value *list, double times, int power)
{
    if (!val_is_number(v) || power > 2 || !isfinite(times) || times == 0) return v;
    ListSum s = {list, times, power};
    Value *own = arena_copy(L->a, v, sizeof *v);            /* v may be the list's only element, which others have */
    own->sum = arena_copy(L->a, &s, sizeof s);
    return own;
}

Value *sum_of_list(Lower *L, Value *list, Value *total) { return with(L, total, list, 1, 1); }

Value *sum_binary(Lower *L, AstOp op, const Value *a, const Value *b, Value *result)
{
    const ListSum *s = a->sum, *t = b->sum;
    if ((s && !t && b->face) || (t && !s && a->face)) return result;        /* it is a factor that a derivative may be by */
    if (op == AST_OP_MUL && s && t && s->list == t->list) return with(L, result, s->list, s->times * t->times, s->power + t->power);
    if (op == AST_OP_MUL && s && !t) return with(L, result, s->list, s->times * val_number(b), s->power);
    if (op == AST_OP_MUL && t && !s) return with(L, result, t->list, val_number(a) * t->times, t->power);
    if (op == AST_OP_DIV && s && !t) return with(L, result, s->list, s->times / val_number(b), s->power);
    if (op == AST_OP_POW && s && !t && val_number(b) == 2) return with(L, result, s->list, s->times * s->times, 2 * s->power);
    return result;
}

Value *sum_negated(Lower *L, const Value *a, Value *result) { return a->sum ? with(L, result, a->sum->list, -a->sum->times, a->sum->power) : result; }

static const IrVal *as_it_is(const IrVal *v)
{
    while (v->def && (v->def->op == IR_convert || v->def->op == IR_reshape)) v = v->def->arg[0];
    return v;
}

static bool is_list(const IrVal *x, const Value *list)
{
    const IrNode *n = as_it_is(x)->def;
    double        number;
    if (!n || n->op != IR_concat || n->n_args != list->list.n) return false;
    for (int i = 0; i < n->n_args; i++)
        if (!ir_is_const(as_it_is(n->arg[i]), &number) || (float)number != (float)val_number(list->list.v[i])) return false;
    return true;
}

/* Is v some times a sum of the list's squares? */
static bool is_second_moment(const IrVal *v, const Value *list)
{
    const IrNode *n = as_it_is(v)->def;
    double        k;
    if (!n || !n->n_args) return false;
    bool last = n->n_args == 2 && ir_is_const(as_it_is(n->arg[1]), NULL), first = n->n_args == 2 && ir_is_const(as_it_is(n->arg[0]), NULL);
    if (n->op == IR_neg || n->op == IR_sum || ((n->op == IR_mul || n->op == IR_div) && last)) return is_second_moment(n->arg[0], list);
    if (n->op == IR_mul && first) return is_second_moment(n->arg[1], list);
    if (n->op == IR_pow) return ir_is_const(n->arg[1], &k) && k == 2 && is_list(n->arg[0], list);
    return (n->op == IR_mul || n->op == IR_dot) && n->n_args == 2 && is_list(n->arg[0], list) && is_list(n->arg[1], list);
}

/* c (sum / n)^2, of the list's n numbers. */
IrVal *sum_square(Ctx *c, const Value *v, IrVal *number, const IrVal *other, Span at)
{
    if (!val_is_number(v) || !v->sum || v->sum->power != 2 || number->type.elem != c->L->m->real || !is_second_moment(other, v->sum->list)) return number;
    IrBuilder *b = fn_builder(c);
    IrVal *list = as_real(c, v->sum->list, at);
    if (!list) return number;
    double n = v->sum->list->list.n, times = v->sum->times * n * n;
    IrVal *sum = ir_sum(b, list, ir_ints(1, (int64_t[]){0})), *mean = ir_div(b, sum, ir_const_like(b, sum, n));
    IrVal *square = ir_mul(b, mean, mean);
    return ir_mul(b, ir_const_like(b, square, times), square);
}
