/* cut.c - which gradients end at a draw. A draw of a declared distribution may depend on a value without a derivative by it: a
 * class on its weights, a coin on its logits. Who reports a lost gradient asks here whether it was lost at a draw, and at which.
 *
 * The nodes that the draw has made are those with ids from `first` on; what they use from before are its inputs. */
#include "compiler/lower/dist/dist.h"
#include "compiler/lower/dist/doors.h"

typedef struct Reach {
    ARRAY(IrVal *) list;                                    /* values on the way, each once; inputs among them */
    uint32_t first;
    bool     derivative;                                    /* only through rows that have one */
} Reach;

static bool reached(const Reach *r, const IrVal *v)
{
    for (int i = 0; i < r->list.n; i++)
        if (r->list.v[i] == v) return true;
    return false;
}

static void reach(Arena *a, Reach *r, IrVal *v)
{
    if (!reached(r, v)) array_push(a, &r->list, v);
}

/* A condition or an index passes no derivative, whatever the row. What ends at a stop ends there on purpose, and is no cut. */
static bool passes(const IrNode *n, int i)
{
    if (n->op == IR_stop) return true;
    return !(ir_op_info[n->op].flags & IR_NOGRAD) && ir_is_real(n->arg[i]->type.elem) && ir_is_real(n->result[0].type.elem);
}

static void walk(Arena *a, Reach *r)
{
    for (int k = 0; k < r->list.n; k++) {
        const IrNode *n = r->list.v[k]->def;
        if (!n || r->list.v[k]->id < r->first) continue;
        for (int i = 0; i < n->n_args; i++)
            if (!r->derivative || n->n_bodies || passes(n, i)) reach(a, r, n->arg[i]);
    }
}

/* What was there before, what a slot holds, and a number that a derivative is by, whose node is made where it is first used. */
static bool is_input(const Fn *fn, const Reach *r, const IrVal *v)
{
    for (int i = 0; i < fn->known.n; i++)
        if (fn->known.v[i] == v) return true;
    return v->id < r->first || !v->def || v->def->op == IR_read;
}

static void note(Lower *L, const Dist *d, IrVal *result, const Reach *all, const Reach *open, Span at)
{
    for (int i = 0; i < all->list.n; i++) {
        IrVal *v = all->list.v[i];
        if (is_input(L->fn, all, v) && ir_is_real(v->type.elem) && !ir_is_const(v, NULL) && !reached(open, v))
            array_push(L->a, &L->draw_cuts, ((__typeof__(*L->draw_cuts.v)){result, v, d->name, at, d->kind == &dist_simulator}));
    }
}

void dist_note_cuts(Lower *L, const Dist *d, uint32_t first, const Value *draw, Span at)
{
    for (int i = 0; draw->kind == V_RECORD && i < draw->record.n; i++) dist_note_cuts(L, d, first, draw->record.v[i], at);
    if (draw->kind != V_TENSOR) return;
    Reach all = {.first = first}, open = {.first = first, .derivative = true};
    reach(L->a, &all, draw->tensor.v);
    reach(L->a, &open, draw->tensor.v);
    walk(L->a, &all);
    walk(L->a, &open);
    note(L, d, draw->tensor.v, &all, &open, at);
}
