/* exact.c - numbers known now, computed as the graph would compute them, and without its bounds.
 *
 * 1 - sigmoid(200.0) is no difference of two numbers that are rounded, whether or not its operands are known: in a graph it is stabilised
 * (compiler/opt). So a number that an exponential or a logarithm has a part in carries the term that it was computed by, and where the plain
 * result has lost digits (it is a difference of nearly equal numbers) the term is computed once more, in two doubles (two.h), and as a graph
 * of its own where those are too few: 1 - sigmoid(200.0). Beside it stands
 * what the number is with an exponent of 64 bits (wide.h): exp(800) / exp(799) is e. Sums, products and roots of numbers alone carry a second double
 * along, and a difference that is within what this leaves open is 0: of known numbers, too, the mean of squares is nowhere below the square of the mean. Where a tensor meets a number that its element type
 * does not hold, the term becomes nodes of the tensor's graph, so that log(exp(x) + exp(1000)) is a number there. */
#include "compiler/interp/interp.h"
#include "compiler/lower/value/value.h"
#include "compiler/lower/value/wide.h"
#include "compiler/opt/stabilise.h"
#include "compiler/opt/two.h"

#include <math.h>

enum { TERM_MOST = 48 };                                    /* operations of a term; what is longer begins anew */

struct Term {
    IrOp   op;
    Wide   a, b;                                            /* operands; b of two */
    Term  *of_a, *of_b;                                     /* how they were computed; NULL: a number */
    int    n;                                               /* 1 or 2 operands; 0: a number that began anew, of which there is its value alone */
    int    size;
    Wide   value;
    bool   lost;                                            /* digits that no graph has brought back */
};

typedef struct Made { IrOp op; IrVal *a, *b, *v; } Made;

typedef struct Exact {
    Arena    *scratch;
    IrModule *m;
    IrBuilder b;
    IrElem    elem;
    bool      apart;                                        /* a module of its own, else nodes of the function being built */
    ARRAY(void *) memory;                                   /* apart, of the module's slots: the numbers that functions are of */
    ARRAY(IrVal *) read;                                    /* those slots' values */
    ARRAY(Made)   made;
} Exact;

static bool begins(IrOp op) { return ir_op_info[op].flags & IR_LOSSY; }

/* ---- the term as a graph ---------------------------------------------------------------------------------------- */

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

/* x = t + a number, t being what was asked for first; false: not to the bit. */
static bool beside_first(const Exact *e, double x, double *add)
{
    double first = *(const double *)e->memory.v[0];
    *add = x - first;
    return first + *add == x && x - *add == first && isfinite(*add);
}

/* What a function is of stays unknown to the passes, so that they keep the function. Of two it is known how far they are apart, as of t + 1
 * and t: sigmoid(41) - sigmoid(40) is what is left of two that are 1. */
static IrVal *argument(Exact *e, double x)
{
    double add;
    if (!e->apart) return ir_const(&e->b, e->elem, x);
    for (int i = 0; i < e->memory.n; i++)
        if (!memcmp(e->memory.v[i], &x, sizeof x)) return e->read.v[i];
    if (e->memory.n && beside_first(e, x, &add)) return node_of(e, IR_add, e->read.v[0], ir_const(&e->b, e->elem, add));
    int slot = ir_slot(e->m, arena_printf(e->scratch, "x%d", e->memory.n), ir_scalar(IR_F64), IR_SLOT_DATA, NULL);
    array_push(e->scratch, &e->memory, arena_copy(e->scratch, &x, sizeof x));
    array_push(e->scratch, &e->read, ir_read(&e->b, slot));
    return e->read.v[slot];
}

static IrVal *graph_of(Exact *e, const Term *t);

static IrVal *operand(Exact *e, const Term *t, const Term *of, Wide x)
{
    return of ? graph_of(e, of) : begins(t->op) ? argument(e, wide_f64(x)) : ir_const(&e->b, e->elem, wide_f64(x));
}

static IrVal *graph_of(Exact *e, const Term *t)
{
    if (!t->n) {
        IrVal *v = node_of(e, IR_exp, argument(e, wide_log(t->value)), NULL);
        return t->value.m < 0 ? node_of(e, IR_neg, v, NULL) : v;
    }
    IrVal *a = operand(e, t, t->of_a, t->a), *b = t->n < 2 ? NULL : operand(e, t, t->of_b, t->b);
    return node_of(e, t->op, a, b);
}

/* NAN: it could not be. */
static double by_graph(const Term *t)
{
    double  y = NAN;
    Exact   e = {.scratch = arena_new(), .elem = IR_F64, .apart = true};
    GanError err;
    e.m = ir_module(e.scratch, IR_F64);
    IrFn *f = ir_fn(e.m, "exact", IR_FN_REPORT);
    f->tick_slot = -1;
    e.b = (IrBuilder){.m = e.m, .block = &f->body};
    IrVal *v = opt_stabilise_value(&e.b, graph_of(&e, t), NULL, 0, true);
    ir_report(e.m, f, "y", ir_convert(&e.b, v, IR_F64));
    GanStatus s = interp_fn(e.m, f, &(InterpMemory){.slot = e.memory.v}, (void *[]){&y}, NULL, NULL, &err);
    arena_free(e.scratch);
    return s ? NAN : y;
}

/* ---- the term in two doubles ------------------------------------------------------------------------------------- */

typedef struct Near { Two v; double off; } Near;            /* within off of v */

static const double PLACE = 0x1p-102, NEAR_PLACE = 0x1p-90; /* of a sum or product, of what exp and log give */

static Two share_of(Two a)                                  /* sigmoid */
{
    Two e = two_exp(a.h < 0 ? a : two_neg(a)), all = two_add((Two){1, 0}, e);
    return two_div(a.h < 0 ? e : (Two){1, 0}, all);
}

static Two softplus_of(Two a)
{
    Two rest = two_log1p(two_exp(a.h < 0 ? a : two_neg(a)));
    return a.h < 0 ? rest : two_add(a, rest);
}

static bool near_map(IrOp op, Near a, Near *y)
{
    enum { MOST_EXPONENT = 700 };
    double x = a.v.h;
    if ((op == IR_log || op == IR_sqrt) && !(x > 2 * a.off)) return false;
    if (op != IR_log && op != IR_sqrt && op != IR_neg && op != IR_abs && !(fabs(x) < MOST_EXPONENT)) return false;
    switch (op) {
    case IR_neg: return *y = (Near){two_neg(a.v), a.off}, true;
    case IR_abs: return *y = (Near){x < 0 ? two_neg(a.v) : a.v, a.off}, true;
    case IR_exp: y->v = two_exp(a.v); return y->off = y->v.h * (NEAR_PLACE + 2 * a.off), a.off < 0.5;
    case IR_log: y->v = two_log(a.v); return y->off = NEAR_PLACE * (1 + fabs(y->v.h)) + 2 * a.off / x, true;
    case IR_sqrt: y->v = two_sqrt(a.v); return y->off = y->v.h * (NEAR_PLACE + a.off / x), true;
    case IR_sigmoid: y->v = share_of(a.v); return y->off = y->v.h * (PLACE + share_of(two_neg(a.v)).h * (NEAR_PLACE + 2 * a.off)), a.off < 0.5;
    case IR_softplus: y->v = softplus_of(a.v); return y->off = y->v.h * (NEAR_PLACE + 2 * a.off), a.off < 0.5;
    case IR_tanh:
        y->v = two_add((Two){-1, 0}, two_mul((Two){2, 0}, share_of(two_mul((Two){2, 0}, a.v))));
        return y->off = 4 * PLACE + two_exp((Two){-2 * fabs(x), 0}).h * (4 * NEAR_PLACE + 8 * a.off), a.off < 0.5;
    default: return false;
    }
}

static bool near_binary(IrOp op, Near a, Near b, Near *y)
{
    double x = fabs(a.v.h), z = fabs(b.v.h);
    switch (op) {
    case IR_add: y->v = two_add(a.v, b.v); return y->off = a.off + b.off + PLACE * fabs(y->v.h), true;
    case IR_sub: return near_binary(IR_add, a, (Near){two_neg(b.v), b.off}, y);
    case IR_mul: y->v = two_mul(a.v, b.v); return y->off = x * b.off + z * a.off + a.off * b.off + PLACE * x * z, true;
    case IR_div:
        if (!(z > 2 * b.off)) return false;
        y->v = two_div(a.v, b.v);
        return y->off = 2 * (a.off + x / z * b.off) / z + PLACE * x / z, true;
    case IR_pow: {
        Near l, p;
        return a.v.h > 0 && near_map(IR_log, a, &l) && near_binary(IR_mul, l, b, &p) && near_map(IR_exp, p, y);
    }
    default: return false;
    }
}

static bool near_term(const Term *t, Near *y);

static bool near_operand(const Term *of, Wide x, Near *y)
{
    *y = (Near){{wide_f64(x), 0}, 0};
    return of ? near_term(of, y) : isfinite(y->v.h);
}

static bool near_term(const Term *t, Near *y)
{
    Near a, b;
    if (!t->n || !near_operand(t->of_a, t->a, &a)) return false;
    bool ok = t->n == 1 ? near_map(t->op, a, y) : near_operand(t->of_b, t->b, &b) && near_binary(t->op, a, b, y);
    return ok && isfinite(y->v.h) && fabs(y->v.h) < 0x1p900;
}

/* Which of both: where two doubles have all digits of f64, or what the graph makes is not within them, theirs. NAN: neither could be. */
static double computed(const Term *t)
{
    static const double all = 0x1p-55;
    Near y;
    bool known = near_term(t, &y) && fabs(y.v.h) > 0x1p-900;
    double two = known ? y.v.h + y.v.l : NAN, graph = known && y.off <= all * fabs(two) ? two : by_graph(t);
    return known && !(fabs(graph - two) <= y.off) ? two : graph;
}

/* ---- when it is worth it ---------------------------------------------------------------------------------------- */

static bool is_sum(IrOp op) { return op == IR_add || op == IR_sub; }
static bool below(Wide a, Wide b) { return wide_compare(wide_map(IR_abs, a), wide_map(IR_abs, b)) < 0; }

/* A difference of nearly equal numbers, or the logarithm of one near 1. */
static bool cancels(const Term *t)
{
    enum { SHARE = 1 << 10 };
    if (is_sum(t->op)) return below(wide_scale(t->value, SHARE), t->a) || below(wide_scale(t->value, SHARE), t->b);
    return t->op == IR_log && below(wide_scale(t->value, SHARE), wide_of(1));
}

/* `plain` where doubles were enough. */
static void find_value(Term *t, double plain)
{
    bool apart = t->of_a || t->of_b, wide = (t->of_a && !isnormal(wide_f64(t->a))) || (t->of_b && !isnormal(wide_f64(t->b)));
    t->value = t->n == 1 ? wide_map(t->op, t->a) : wide_binary(t->op, t->a, t->b);
    if (isnormal(plain) && !wide) t->value = wide_of(plain);
    bool cancel = cancels(t);
    t->lost = apart && (cancel || (t->of_a && t->of_a->lost) || (t->of_b && t->of_b->lost) || !wide_holds(t->value));
    double y = t->lost ? computed(t) : NAN;
    if (!isfinite(y) || (y == 0 && !cancel)) return;
    t->value = wide_of(y);
    t->lost = y == 0;
}

static Value *as_computed(Lower *L, Term t, double plain)
{
    find_value(&t, plain);
    Value *v = val_real(L, wide_holds(t.value) ? wide_f64(t.value) : isnan(plain) ? t.value.m : plain);
    bool   beyond = wide_holds(t.value) && !isnormal(v->r), keeps = t.of_a || t.of_b || (begins(t.op) && isfinite(t.value.m));   /* log(0) is what it is */
    if (t.size > TERM_MOST) t = (Term){.size = 1, .value = t.value}, keeps = false;
    if (keeps || beyond) v->term = arena_copy(L->a, &t, sizeof t);
    return v;
}

static Wide wide_value(const Value *v) { return v->term ? v->term->value : wide_of(val_number(v)); }
static int size_of(const Value *v) { return v->term ? v->term->size : 0; }

/* ---- numbers alone, in two doubles ------------------------------------------------------------------------------- */

static const double OPEN = 0x1p-96;                         /* of what is added: many steps' PLACE */

static Two two_value(const Value *v) { return v->kind == V_INT ? two_whole(v->i) : (Two){v->r, v->rest}; }

static Two whole_power_of(Two a, int n)
{
    Two y = {1, 0};
    for (int i = 0; i < n; i++) y = two_mul(y, a);
    return y;
}

/* plain: what doubles make of it, for the sign of a zero. */
static bool in_two(AstOp op, Two a, Two b, double plain, Two *y)
{
    enum { MOST_POWER = 16 };
    double most = fabs(a.h) > fabs(b.h) ? fabs(a.h) : fabs(b.h);
    switch (op) {
    case AST_OP_SUB: return in_two(AST_OP_ADD, a, two_neg(b), plain, y);
    case AST_OP_ADD:
        *y = two_add(a, b);
        if (fabs(y->h) <= OPEN * most) *y = (Two){plain == 0 ? plain : 0, 0};
        return true;
    case AST_OP_MUL: return *y = two_mul(a, b), true;
    case AST_OP_DIV: return b.h != 0 && (*y = two_div(a, b), true);
    case AST_OP_POW: return b.h >= 0 && b.h <= MOST_POWER && b.h == floor(b.h) && !b.l && (*y = whole_power_of(a, (int)b.h), true);
    default: return false;
    }
}

static Value *number_of(Lower *L, Two y)
{
    Value *v = val_real(L, y.h);
    v->rest = y.l;
    return v;
}

static bool is_number(Two y) { return (isnormal(y.h) || y.h == 0) && isfinite(y.l); }

Value *exact_map(Lower *L, IrOp op, const Value *a, double plain)
{
    if (!a->term && a->kind == V_REAL && (op == IR_neg || (op == IR_abs && signbit(a->r)))) return number_of(L, two_neg(two_value(a)));
    if (!a->term && op == IR_abs) return number_of(L, two_value(a));
    if (!a->term && op == IR_sqrt && isnormal(plain)) return number_of(L, two_sqrt(two_value(a)));
    if (!a->term && !begins(op)) return val_real(L, plain);
    return as_computed(L, (Term){.op = op, .a = wide_value(a), .of_a = a->term, .n = 1, .size = size_of(a) + 1}, plain);
}

Value *exact_binary(Lower *L, AstOp op, const Value *a, const Value *b, double plain)
{
    static const IrOp row[AST_N_OPS] = {[AST_OP_ADD] = IR_add, [AST_OP_SUB] = IR_sub, [AST_OP_MUL] = IR_mul, [AST_OP_DIV] = IR_div, [AST_OP_POW] = IR_pow};
    Two y;
    bool alone = !a->term && !b->term;
    if (alone && isfinite(plain) && in_two(op, two_value(a), two_value(b), plain, &y) && is_number(y) && (y.h != 0 || is_sum(row[op]))) return number_of(L, y);
    if ((alone && isnormal(plain)) || op == AST_OP_MOD) return val_real(L, plain);
    Term t = {.op = row[op], .a = wide_value(a), .b = wide_value(b), .of_a = a->term, .of_b = b->term, .n = 2, .size = size_of(a) + size_of(b) + 1};
    return as_computed(L, t, plain);
}

int exact_compare(const Value *a, const Value *b) { return wide_compare(wide_value(a), wide_value(b)); }

/* ---- beside tensors --------------------------------------------------------------------------------------------- */

/* Is a function in it, which a graph may write another way? Products of numbers alone stay what they are. */
static bool has_function(const Term *t) { return !t->n || begins(t->op) || (t->of_a && has_function(t->of_a)) || (t->of_b && has_function(t->of_b)); }

bool exact_is_beyond(const Value *v, IrElem elem)
{
    return v->kind == V_REAL && v->term && has_function(v->term) && wide_holds(v->term->value) && !(elem == IR_F32 ? isnormal((float)v->r) : isnormal(v->r));
}

IrVal *exact_node(Lower *L, IrBuilder *b, const Value *v, IrElem elem)
{
    Exact e = {.scratch = arena_new(), .m = L->m, .b = *b, .elem = elem};
    IrVal *node = graph_of(&e, v->term);
    arena_free(e.scratch);
    *b = e.b;
    return node;
}
