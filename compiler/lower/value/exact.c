/* exact.c - numbers known now, computed as the graph would compute them.
 *
 * 1 - sigmoid(200.0) is no difference of two numbers that are rounded, whether or not its operands are known: in a graph it is stabilised
 * (compiler/opt). So a number that an exponential or a logarithm has a part in carries the term that it was computed by, and where the plain
 * result has lost digits (it is a difference of nearly equal numbers, 0, or not finite) the term is computed once more as a graph of its own. */
#include "compiler/interp/interp.h"
#include "compiler/lower/value/value.h"
#include "compiler/opt/stabilise.h"

#include <math.h>

enum { TERM_MOST = 48 };                                    /* operations of a term; what is longer begins anew */

struct Term {
    IrOp   op;
    double a, b;                                            /* operands; b of two */
    Term  *of_a, *of_b;                                     /* how they were computed; NULL: a number */
    int    n;                                               /* 1 or 2 operands */
    int    size;
};

typedef struct Made { IrOp op; IrVal *a, *b, *v; } Made;

typedef struct Exact {
    Arena    *scratch;
    IrModule *m;
    IrBuilder b;
    ARRAY(void *) memory;                                   /* of the module's slots: the numbers that functions are of */
    ARRAY(IrVal *) read;                                    /* the slots' values */
    ARRAY(Made)   made;
} Exact;

static bool begins(IrOp op) { return ir_op_info[op].flags & IR_LOSSY; }

/* ---- the term as a graph ---------------------------------------------------------------------------------------- */

/* What a function is of stays unknown to the passes, so that they keep the function. */
static IrVal *argument(Exact *e, double x)
{
    for (int i = 0; i < e->memory.n; i++)
        if (!memcmp(e->memory.v[i], &x, sizeof x)) return e->read.v[i];
    int slot = ir_slot(e->m, arena_printf(e->scratch, "x%d", e->memory.n), ir_scalar(IR_F64), IR_SLOT_DATA, NULL);
    array_push(e->scratch, &e->memory, arena_copy(e->scratch, &x, sizeof x));
    array_push(e->scratch, &e->read, ir_read(&e->b, slot));
    return e->read.v[slot];
}

/* Equal terms are one value. */
static IrVal *node_of(Exact *e, IrOp op, IrVal *a, IrVal *b)
{
    IrVal *args[] = {a, b};
    IrAttrs none = ir_attrs();
    for (int i = 0; i < e->made.n; i++)
        if (e->made.v[i].op == op && e->made.v[i].a == a && e->made.v[i].b == b) return e->made.v[i].v;
    IrVal *v = ir_node(&e->b, op, args, b ? 2 : 1, &none)->result;
    array_push(e->scratch, &e->made, ((Made){op, a, b, v}));
    return v;
}

static IrVal *graph_of(Exact *e, const Term *t)
{
    IrVal *a = t->of_a ? graph_of(e, t->of_a) : begins(t->op) ? argument(e, t->a) : ir_const(&e->b, IR_F64, t->a);
    IrVal *b = t->n < 2 ? NULL : t->of_b ? graph_of(e, t->of_b) : ir_const(&e->b, IR_F64, t->b);
    return node_of(e, t->op, a, b);
}

static double computed(const Term *t, double plain)
{
    double  y = NAN;
    Exact   e = {.scratch = arena_new()};
    GanError err;
    e.m = ir_module(e.scratch, IR_F64);
    IrFn *f = ir_fn(e.m, "exact", IR_FN_REPORT);
    f->tick_slot = -1;
    e.b = (IrBuilder){.m = e.m, .block = &f->body};
    IrVal *v = opt_stabilise_value(&e.b, graph_of(&e, t), NULL, 0, true);
    ir_report(e.m, f, "y", ir_convert(&e.b, v, IR_F64));
    GanStatus s = interp_fn(e.m, f, &(InterpMemory){.slot = e.memory.v}, (void *[]){&y}, NULL, NULL, &err);
    arena_free(e.scratch);
    return s || isnan(y) ? plain : y;
}

/* ---- when it is worth it ---------------------------------------------------------------------------------------- */

static bool has_lost(const Term *t, double y)
{
    enum { SHARE = 1 << 10 };
    double most = fmax(fabs(t->a), t->n == 2 ? fabs(t->b) : 0);
    if (!isfinite(y) || y == 0) return true;
    if (t->op == IR_add || t->op == IR_sub) return fabs(y) < most / SHARE;
    return t->op == IR_log && fabs(y) < 1.0 / SHARE;
}

static Value *as_computed(Lower *L, Term t, double plain)
{
    bool apart = t.of_a || t.of_b;
    if (t.size > TERM_MOST) return val_real(L, plain);
    Value *v = val_real(L, apart && has_lost(&t, plain) ? computed(&t, plain) : plain);
    if (apart || (isfinite(t.a) && isfinite(plain))) v->term = arena_copy(L->a, &t, sizeof t);      /* log(0) is what it is */
    return v;
}

static int size_of(const Value *v) { return v->term ? v->term->size : 0; }

Value *exact_map(Lower *L, IrOp op, const Value *a, double plain)
{
    if (!a->term && !begins(op)) return val_real(L, plain);
    return as_computed(L, (Term){.op = op, .a = val_number(a), .of_a = a->term, .n = 1, .size = size_of(a) + 1}, plain);
}

Value *exact_binary(Lower *L, AstOp op, const Value *a, const Value *b, double plain)
{
    static const IrOp row[AST_N_OPS] = {[AST_OP_ADD] = IR_add, [AST_OP_SUB] = IR_sub, [AST_OP_MUL] = IR_mul, [AST_OP_DIV] = IR_div, [AST_OP_POW] = IR_pow};
    if ((!a->term && !b->term) || op == AST_OP_MOD) return val_real(L, plain);
    return as_computed(L, (Term){row[op], val_number(a), val_number(b), a->term, b->term, 2, size_of(a) + size_of(b) + 1}, plain);
}
