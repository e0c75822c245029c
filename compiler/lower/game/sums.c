/* sums.c - see sums.h. */
#include "compiler/lower/game/sums.h"

#include "compiler/lower/own/graph.h"

/* What v is a multiple of, and by how much; NULL: it is none. */
static IrVal *multiple(const IrNode *n, double *by)
{
    double x;
    *by = 1;
    if (n->op == IR_neg) return *by = -1, n->arg[0];
    if (n->op == IR_convert && ir_is_real(n->arg[0]->type.elem)) return n->arg[0];
    if (n->op == IR_div && ir_is_const(n->arg[1], &x)) return *by = 1 / x, n->arg[0];
    if (n->op == IR_mul && ir_is_const(n->arg[1], &x)) return *by = x, n->arg[0];
    if (n->op == IR_mul && ir_is_const(n->arg[0], &x)) return *by = x, n->arg[1];
    return NULL;
}

Sum sum_of(Lower *L, IrVal *v, double scale, bool (*whole)(const Lower *L, const IrVal *v))
{
    enum { MOST = 64 };
    Sum out = {0};
    ARRAY(Term) todo = {0};
    array_push(L->work, &todo, ((Term){v, scale}));
    while (todo.n && out.term.n < MOST) {
        Term          t = todo.v[--todo.n];
        bool          one = version_of(L, t.v) || !t.v->def || (whole && whole(L, t.v));
        const IrNode *n = one ? NULL : t.v->def;
        double        by;
        IrVal        *of = n ? multiple(n, &by) : NULL;
        if (n && (n->op == IR_add || n->op == IR_sub)) {
            array_push(L->work, &todo, ((Term){n->arg[1], n->op == IR_sub ? -t.scale : t.scale}));
            array_push(L->work, &todo, ((Term){n->arg[0], t.scale}));
        } else if (of) array_push(L->work, &todo, ((Term){of, t.scale * by}));
        else array_push(L->work, &out.term, t);
    }
    out.more = todo.n > 0;
    return out;
}
