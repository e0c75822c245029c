/* beyond.c - see beyond.h. A number known now that f32 makes 0 or infinite is no mistake where a logarithm or a quotient takes it, which are computed
 * another way (compiler/opt). What picks one by a condition that is computed gives it as f32 has it: so it is looked for among what is left when all that is done. */
#include "compiler/lower/game/beyond.h"

#include "compiler/lower/own/graph.h"
#include "compiler/lower/value/value.h"
#include "runtime/math/scalar.h"

#include <math.h>

/* Of a number that is written, W200 has been said where it met a tensor. */
static bool is_written(const IrVal *v)
{
    while (v->def && v->def->op == IR_convert) v = v->def->arg[0];
    return ir_is_const(v, NULL);
}

/* The number that v is, in double, by at most so many rows; NAN: it is none, or another function makes it. */
static double known(const IrVal *v, int rows)
{
    const IrNode *n = v->def;
    double x;
    if (ir_is_const(v, &x)) return x;
    if (!n || !rows || n->n_args < 1 || n->n_args > 2 || !ir_is_real(n->arg[0]->type.elem)) return NAN;
    double a = known(n->arg[0], rows - 1), b = n->n_args == 2 && !isnan(a) ? known(n->arg[1], rows - 1) : NAN;
    switch (n->op) {
    case IR_convert: return a;
    case IR_neg: return -a;
    case IR_exp: return math_exp_f64(a);
    case IR_add: return a + b;
    case IR_sub: return a - b;
    case IR_mul: return a * b;
    case IR_div: return a / b;
    default: return NAN;
    }
}

void beyond_warn(Lower *L)
{
    enum { ROWS = 8 };
    for (int i = 0; i < L->out->fns.n; i++)
        for (const IrNode *n = L->out->fns.v[i]->body.first; n; n = ir_next(n)) {
            bool picks = n->op == IR_select || n->op == IR_max || n->op == IR_min;
            for (int k = n->op == IR_select; picks && n->result->type.elem == IR_F32 && k < n->n_args; k++) {
                double x = is_written(n->arg[k]) ? NAN : known(n->arg[k], ROWS);
                if (!isnan(x)) number_fits(L, val_real(L, x), IR_F32, span_of_node(L, n));
            }
        }
}
