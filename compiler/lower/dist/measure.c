/* measure.c - what the densities of a distribution are densities of: of mass at points, or of mass over a volume. Two densities are compared, and one
 * is taken through a map, by the same kind alone.
 *
 * One draw is made in a graph that is dropped. A number that hangs on what was drawn only through conditions, indices and whole numbers takes values
 * that stand apart: its distribution is discrete. One that has a path with a derivative fills an interval. Where one of a vector's numbers, or one
 * arm of a `where` that a draw decides, is of the other kind, it is both; but for one that keeps a number out of harm, where(c, log(where(c, u, 1)), ..):
 * of it only the arm counts that c chooses in the outer one, too. */
#include "compiler/lower/dist/dist.h"
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/own/graph.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"

enum { DRAWN = 1, SPREAD = 2, BOTH = 4 };                   /* hangs on a draw; with a path that has a derivative; and in part without */

/* What is known of a value. `but`: a value that is both is so by one condition alone, on one side of which it is SPREAD. */
typedef struct Kind { uint8_t of; const IrVal *but; bool side; } Kind;

static Kind side_by_side(Kind a, Kind b)
{
    Kind k = {.of = a.of | b.of};
    bool one = !(a.of & BOTH) || !(b.of & BOTH) || (a.but == b.but && a.side == b.side);
    if (one && k.of & BOTH) k.but = a.of & BOTH ? a.but : b.but, k.side = a.of & BOTH ? a.side : b.side;
    return k;
}

static Kind of_args(const Kind *is, const IrNode *n)
{
    Kind all = {0};
    for (int i = 0; i < n->n_args; i++) all = side_by_side(all, is[n->arg[i]->id]);
    return all;
}

/* Parts side by side: do they differ in kind? */
static Kind of_parts(const Kind *is, const IrNode *n)
{
    Kind all = of_args(is, n);
    bool still = false;
    for (int i = 0; i < n->n_args; i++) still |= !(is[n->arg[i]->id].of & SPREAD);
    return still && all.of & SPREAD ? (Kind){.of = all.of | BOTH} : all;
}

/* An arm that is looked at where `cond` is `side`. */
static Kind of_arm(Kind k, const IrVal *cond, bool side)
{
    return k.of & BOTH && k.but == cond && k.side == side ? (Kind){.of = k.of & ~BOTH} : k;
}

/* Arms that a draw chooses between. */
static Kind of_arms(const Kind *is, const IrNode *n)
{
    const IrVal *cond = n->arg[0];
    Kind yes = of_arm(is[n->arg[1]->id], cond, true), no = of_arm(is[n->arg[2]->id], cond, false), all = side_by_side(yes, no);
    if (!(yes.of & SPREAD) == !(no.of & SPREAD)) return all;
    return (Kind){.of = all.of | BOTH, .but = all.of & BOTH ? NULL : cond, .side = yes.of & SPREAD};
}

static bool draws(const IrNode *n)
{
    const IrOpInfo *op = &ir_op_info[n->op];
    return op->klass == IR_CLASS_RAND || (op->flags & IR_EFFECT && op->flags & IR_LEAF);
}

static bool body_draws(const IrNode *n)
{
    for (int i = 0; i < n->n_bodies; i++)
        for (const IrNode *k = n->body[i]->first; k; k = ir_next(k))
            if (draws(k) || body_draws(k)) return true;
    return false;
}

/* A product that adds up all numbers of an operand has something of each of them: what stood side by side there is of one kind. */
static Kind of_products(const Kind *is, const IrNode *n)
{
    Kind all = {0};
    for (int i = 0; i < n->n_args; i++) {
        Kind k = is[n->arg[i]->id];
        all = side_by_side(all, k.of & SPREAD && n->arg[i]->type.rank == n->attr->contract.n ? (Kind){.of = k.of & ~BOTH} : k);
    }
    return all;
}

static Kind of_node(const Kind *is, const IrNode *n)
{
    Kind args = n->op == IR_dot ? of_products(is, n) : of_args(is, n);
    if (draws(n) || body_draws(n)) return side_by_side(args, (Kind){.of = DRAWN | SPREAD});
    if (n->op == IR_concat) return of_parts(is, n);
    if (n->op == IR_select && is[n->arg[0]->id].of & DRAWN) return side_by_side(of_arms(is, n), (Kind){.of = DRAWN});
    bool apart = ir_op_info[n->op].flags & IR_NOGRAD && n->op != IR_stop;      /* which is the number itself */
    return apart ? (Kind){.of = args.of & DRAWN} : args;
}

/* Does it stand for a value of another graph? Then it was given, and not drawn. */
static bool is_given(const Fn *fn, const IrVal *v)
{
    for (int i = 0; i < fn->given.n; i++)
        if (fn->given.v[i] == v) return true;
    return false;
}

/* By value, of the graph's, in its order. */
static void mark(Kind *is, const Fn *fn)
{
    for (const IrNode *n = fn->ir->body.first; n; n = ir_next(n)) {
        Kind of = of_node(is, n);
        for (int r = 0; r < n->n_results; r++) {
            const IrVal *v = &n->result[r];
            is[v->id] = is_given(fn, v) ? (Kind){0} : ir_is_real(v->type.elem) ? of : (Kind){.of = of.of & DRAWN};
        }
    }
}

static Measure of_draw(const Kind *is, const Value *v)
{
    Measure m = MEASURE_UNKNOWN;
    for (int i = 0; v->kind == V_RECORD && i < v->record.n; i++) {
        Measure f = of_draw(is, v->record.v[i]);
        m = i && f != m ? MEASURE_BOTH : f;
        if (m == MEASURE_BOTH) return m;
    }
    if (v->kind != V_TENSOR) return v->kind == V_RECORD ? m : MEASURE_COUNTING;     /* a number known now is always the same */
    uint8_t of = is[v->tensor.v->id].of;
    return of & BOTH ? MEASURE_BOTH : of & SPREAD ? MEASURE_LEBESGUE : MEASURE_COUNTING;
}

/* One draw in a graph that is dropped. */
DrawKind dist_draw_kind(Ctx *c, Dist *d, Span at)
{
    Lower *L = c->L;
    DrawKind k = {0};
    int draws = L->n_draws, models = L->n_models;
    Trial t = trial_begin(L, true);
    L->fn->shapes = true;
    Value *v = d->kind->draw ? dist_draw(c, d, at) : NULL;
    if (v && !val_bad(v)) {
        Arena *scratch = arena_new();
        Kind *is = arena_array(scratch, Kind, L->m->next_id + 1);
        mark(is, L->fn);
        k.measure = of_draw(is, v);
        k.whole = v->kind == V_INT || (v->kind == V_TENSOR && (v->tensor.v->type.elem == IR_I32 || v->tensor.v->type.elem == IR_I64));
        k.classes = k.whole ? val_classes(v) : 0;
        arena_free(scratch);
    }
    trial_end(L, &t);
    L->n_draws = draws;
    L->n_models = models;
    return k;
}

Measure dist_measure(Ctx *c, Dist *d, Span at) { return dist_draw_kind(c, d, at).measure; }
