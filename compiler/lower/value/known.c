/* known.c - a node that hangs on one number known now, as a number known now.
 *
 * f'(r) is made in the graph, as derivatives are. Where r is known, so is f'(r), and with all of its digits: r * f'(r) - f(r) of a large r is a
 * difference of nearly equal numbers, which is computed from terms (exact.c) or not at all. */
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"

#include <math.h>

enum { NODES_MOST = 512 };

typedef struct Known {
    Ctx         *c;
    const IrVal *leaf;                                      /* stands for `number` */
    Value       *number;
    ARRAY(struct { const IrVal *node; Value *v; }) made;
} Known;

static Value *value_of(Known *k, const IrVal *v);

static Value *both(Known *k, AstOp op, Value *a, Value *b) { return arith_binary(k->c, op, a, b, SPAN_NONE); }

static Value *compared(Known *k, IrCompare how, Value *a, Value *b)
{
    static const AstOp op[] = {[IR_EQ] = AST_OP_EQ, [IR_NE] = AST_OP_NE, [IR_LT] = AST_OP_LT, [IR_LE] = AST_OP_LE, [IR_GT] = AST_OP_GT, [IR_GE] = AST_OP_GE};
    return both(k, op[how], a, b);
}

/* The logistic density is sigmoid(x) sigmoid(-x). */
static Value *logistic_density(Known *k, Value *x)
{
    return both(k, AST_OP_MUL, arith_map(k->c, IR_sigmoid, x, SPAN_NONE), arith_map(k->c, IR_sigmoid, arith_map(k->c, IR_neg, x, SPAN_NONE), SPAN_NONE));
}

/* As the row of max and min has it: the first of equals, and the second is what no comparison holds for. */
static Value *extreme(Known *k, IrCompare how, Value *a, Value *b)
{
    return isnan(val_number(a)) || compared(k, how, a, b)->b ? a : b;
}

/* NULL: a row that is not known here. */
static Value *row(Known *k, const IrNode *n, Value **a)
{
    switch (n->op) {
    case IR_reshape: case IR_stop: case IR_convert: return a[0];
    case IR_neg: case IR_abs: case IR_floor: case IR_sqrt: case IR_exp: case IR_expm1: case IR_log: case IR_log1p: case IR_sin: case IR_cos:
    case IR_tanh: case IR_sigmoid: case IR_softplus: case IR_erf: case IR_erfc: return arith_map(k->c, n->op, a[0], SPAN_NONE);
    case IR_dsigmoid: return logistic_density(k, a[0]);
    case IR_add: return both(k, AST_OP_ADD, a[0], a[1]);
    case IR_sub: return both(k, AST_OP_SUB, a[0], a[1]);
    case IR_mul: return both(k, AST_OP_MUL, a[0], a[1]);
    case IR_div: return both(k, AST_OP_DIV, a[0], a[1]);
    case IR_pow: return both(k, AST_OP_POW, a[0], a[1]);
    case IR_max: return extreme(k, IR_GE, a[0], a[1]);
    case IR_min: return extreme(k, IR_LE, a[0], a[1]);
    case IR_compare: return compared(k, n->attr->compare, a[0], a[1]);
    case IR_select: return a[0]->b ? a[1] : a[2];
    default: return NULL;
    }
}

/* A number that another derivative is by: one that goes back to it would end where its node became a number. */
static bool is_leaf_of_another(const Fn *fn, const IrVal *v)
{
    for (int i = 0; i < fn->known.n; i++)
        if (fn->known.v[i] == v) return true;
    return false;
}

static bool is_single(const IrVal *v) { return !v->type.rank && !v->type.axes.n && (ir_is_real(v->type.elem) || v->type.elem == IR_BOOL); }

static Value *computed(Known *k, const IrVal *v)
{
    enum { OPERANDS = 3 };
    const IrNode *n = v->def;
    Value *a[OPERANDS];
    if (v == k->leaf) return k->number;
    if (is_leaf_of_another(k->c->L->fn, v)) return NULL;
    if (!n || !is_single(v) || n->n_args > OPERANDS || k->made.n > NODES_MOST) return NULL;
    if (n->op == IR_const) return v->type.elem == IR_BOOL ? val_bool(k->c->L, n->attr->n) : val_real(k->c->L, n->attr->value);
    for (int i = 0; i < n->n_args; i++) {
        IrElem wants = n->op == IR_select && !i ? IR_BOOL : IR_F64;
        if (!(a[i] = value_of(k, n->arg[i])) || a[i]->kind != (wants == IR_BOOL ? V_BOOL : V_REAL)) return NULL;
    }
    return row(k, n, a);
}

static Value *value_of(Known *k, const IrVal *v)
{
    for (int i = 0; i < k->made.n; i++)
        if (k->made.v[i].node == v) return k->made.v[i].v;
    Value *y = computed(k, v);
    array_push(k->c->L->a, &k->made, ((__typeof__(*k->made.v)){v, y}));
    return y;
}

Value *known_value(Ctx *c, const IrVal *v, const IrVal *leaf, Value *number)
{
    if ((number->kind != V_INT && number->kind != V_REAL) || number->face) return NULL;
    Known k = {.c = c, .leaf = leaf, .number = number->kind == V_REAL ? number : val_real(c->L, val_number(number))};
    Value *y = value_of(&k, v);
    return y && y->kind == V_REAL ? y : NULL;
}
