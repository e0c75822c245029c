/* watch.c - what is required of numbers that only a run knows.
 *
 * A condition that must hold becomes one bool of the statement that needs it, which the statement leaves in a slot of its own, and beside it a number that shows
 * what was wrong; whoever runs the statement looks (runtime/state.h). In an arm of a `where` it must hold where the arm is taken; in the body of a
 * loop each round puts it out, and behind the loop it is of all rounds. What is known to hold is not watched. Start at watch(). */
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/eval/watch.h"
#include "compiler/lower/own/graph.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"

#include <math.h>

/* ---- what is known to hold --------------------------------------------------------------------------------------- */

typedef struct Range { double least, most; } Range;         /* of all elements, were none nan: a nan makes what it comes to nan, too */

static const Range any = {-HUGE_VAL, HUGE_VAL};

static Range range_of(const IrVal *v, int depth);

static Range range_join(Range a, Range b) { return (Range){fmin(a.least, b.least), fmax(a.most, b.most)}; }

static Range range_sum(Range a, Range b)
{
    double least = a.least + b.least, most = a.most + b.most;
    return (Range){isnan(least) ? -HUGE_VAL : least, isnan(most) ? HUGE_VAL : most};
}

static double times(double a, double b) { return a == 0 || b == 0 ? 0 : a * b; }

static Range range_product(Range a, Range b)
{
    double p[] = {times(a.least, b.least), times(a.least, b.most), times(a.most, b.least), times(a.most, b.most)};
    Range  r = {p[0], p[0]};
    for (int i = 1; i < 4; i++) r = range_join(r, (Range){p[i], p[i]});
    return r;
}

/* Above 0 by what a function is, though its number may round to 0. */
#define ABOVE 1e-30

/* Of functions into a half line or an interval. */
static Range range_map(IrOp op, Range a)
{
    switch (op) {
    case IR_exp: return (Range){a.least >= 0 ? 1 : ABOVE, a.most <= 0 ? 1 : HUGE_VAL};
    case IR_expm1: return (Range){a.least >= 0 ? 0 : -1, a.most <= 0 ? 0 : HUGE_VAL};
    case IR_log: return (Range){a.least >= 1 ? 0 : -HUGE_VAL, a.least >= 0 && a.most <= 1 ? 0 : HUGE_VAL};
    case IR_log1p: return (Range){a.least >= 0 ? 0 : -HUGE_VAL, a.least >= -1 && a.most <= 0 ? 0 : HUGE_VAL};
    case IR_softplus: return (Range){ABOVE, HUGE_VAL};
    case IR_sqrt: return (Range){a.least > 0 ? sqrt(a.least) : 0, HUGE_VAL};
    case IR_norm: return (Range){0, HUGE_VAL};
    case IR_abs: return (Range){a.least > 0 ? a.least : 0, fmax(fabs(a.least), fabs(a.most))};
    case IR_neg: return (Range){-a.most, -a.least};
    case IR_floor: return (Range){floor(a.least), floor(a.most)};
    case IR_sigmoid: case IR_dsigmoid: return (Range){ABOVE, 1};
    case IR_tanh: case IR_erf: return (Range){a.least >= 0 ? 0 : -1, a.most <= 0 ? 0 : 1};
    case IR_sin: case IR_cos: return (Range){-1, 1};
    case IR_erfc: return (Range){0, 2};
    default: return any;
    }
}

static Range range_joined(const IrNode *n, int from, int depth)
{
    Range r = range_of(n->arg[from], depth);
    for (int i = from + 1; i < n->n_args; i++) r = range_join(r, range_of(n->arg[i], depth));
    return r;
}

/* Is b the sum of the elements of a, for each of them? Of numbers that are not below 0 the share of each in it is at most 1. */
static bool is_sum_of(const IrVal *b, const IrVal *a)
{
    const IrNode *n = b->def;
    while (n && (n->op == IR_broadcast || n->op == IR_reshape || n->op == IR_spread)) n = n->arg[0]->def;
    return n && n->op == IR_sum && n->arg[0] == a;
}

static Range range_quotient(const IrNode *n, Range a, Range b)
{
    if (!a.least && !a.most) return a;
    if (b.least < 0) return any;
    if (a.least >= 0) return (Range){a.least > 0 ? ABOVE : 0, is_sum_of(n->arg[1], n->arg[0]) || (a.most <= 1 && b.least >= 1) ? 1 : HUGE_VAL};
    return a.most <= 0 ? (Range){-HUGE_VAL, a.most < 0 ? -ABOVE : 0} : any;
}

static Range range_two(const IrNode *n, int depth)
{
    Range a = range_of(n->arg[0], depth), b = range_of(n->arg[1], depth);
    switch (n->op) {
    case IR_add: return range_sum(a, b);
    case IR_sub: return range_sum(a, (Range){-b.most, -b.least});
    case IR_mul: return n->arg[0] == n->arg[1] ? (Range){0, HUGE_VAL} : range_product(a, b);
    case IR_div: return range_quotient(n, a, b);
    case IR_pow: return a.least >= 0 ? (Range){a.least > 0 ? ABOVE : 0, a.most <= 1 && b.least >= 0 ? 1 : HUGE_VAL} : any;
    case IR_max: return (Range){fmax(a.least, b.least), fmax(a.most, b.most)};
    case IR_min: return (Range){fmin(a.least, b.least), fmin(a.most, b.most)};
    default: return any;
    }
}

/* Of whole numbers, which are cut to be that, and begin anew where they are too large. */
static Range range_cut(const IrVal *v, Range r)
{
    if (ir_is_real(v->type.elem)) return r;
    double most = v->type.elem == IR_I64 ? 0x1p62 : 0x1p30;
    return r.least < -most || r.most > most ? any : (Range){trunc(r.least), trunc(r.most)};
}

/* Of a count, a class, a round: integers that are known. */
static Range range_leaf(const IrVal *v)
{
    double x;
    if (ir_is_const(v, &x)) return (Range){x, x};
    if (v->def && v->def->op == IR_uniform) return (Range){0, 1};
    return v->def && v->def->op == IR_index ? (Range){0, HUGE_VAL} : any;
}

/* Of sums of products, pair by pair: what is of zeros is 0. */
static Range range_pairs(const IrNode *n, int depth)
{
    for (int i = 0; i + 1 < n->n_args; i += 2) {
        Range r = range_product(range_of(n->arg[i], depth), range_of(n->arg[i + 1], depth));
        if (r.least || r.most) return any;
    }
    return (Range){0, 0};
}

static Range range_of(const IrVal *v, int depth)
{
    const IrNode *n = v->def;
    if (!n || !n->n_args || !depth) return range_leaf(v);
    switch (n->op) {
    case IR_convert: return range_cut(v, range_of(n->arg[0], depth - 1));
    case IR_reshape: case IR_broadcast: case IR_transpose: case IR_spread: case IR_slice: case IR_as_sample: case IR_as_feature: case IR_concat:
    case IR_reduce_max: case IR_reverse: case IR_stop: return range_joined(n, 0, depth - 1);
    case IR_select: return range_joined(n, 1, depth - 1);
    case IR_gather: return range_of(n->arg[0], depth - 1);
    case IR_pad: return range_join(range_of(n->arg[0], depth - 1), (Range){n->attr->value, n->attr->value});
    case IR_sum: case IR_cumsum: {
        Range a = range_of(n->arg[0], depth - 1);
        return range_cut(v, (Range){a.least > 0 ? ABOVE : a.least >= 0 ? 0 : -HUGE_VAL, a.most <= 0 ? 0 : HUGE_VAL});
    }
    case IR_dot: case IR_conv: return range_pairs(n, depth - 1);
    case IR_max: case IR_min: return range_two(n, depth - 1);
    default: return range_cut(v, n->n_args == 2 ? range_two(n, depth - 1) : n->n_args == 1 ? range_map(n->op, range_of(n->arg[0], depth - 1)) : any);
    }
}

static Range range(const IrVal *v)
{
    enum { DEEP = 12 };
    return range_of(v, DEEP);
}

enum { DEEP_SIGN = 24 };

int watch_sign(const IrVal *v, bool strict)
{
    Range r = range_of(v, DEEP_SIGN);
    if (strict && r.least <= 0 && r.most >= 0) return 0;
    return r.least >= 0 ? 1 : r.most <= 0 ? -1 : 0;
}

bool watch_is_zero(const IrVal *v)
{
    Range r = range_of(v, DEEP_SIGN);
    return r.least == 0 && r.most == 0;
}

/* Whatever runs, were nothing nan. */
static bool holds_always(const IrVal *cond)
{
    const IrNode *n = cond->def;
    double        x;
    if (ir_is_const(cond, &x)) return x != 0;
    if (!n) return false;
    if (n->op == IR_select && ir_is_const(n->arg[2], &x) && !x) return holds_always(n->arg[0]) && holds_always(n->arg[1]);       /* and */
    if (n->op != IR_compare) return (n->op == IR_spread || n->op == IR_broadcast) && holds_always(n->arg[0]);
    Range a = range(n->arg[0]), b = range(n->arg[1]);
    switch (n->attr->compare) {
    case IR_LT: return a.most < b.least;
    case IR_LE: return a.most <= b.least;
    case IR_GT: return a.least > b.most;
    case IR_GE: return a.least >= b.most;
    case IR_NE: return a.most < b.least || a.least > b.most;
    default: return false;
    }
}

/* ---- one bool -------------------------------------------------------------------------------------------------------- */

static IrVal *count(IrBuilder *b, IrVal *bad)
{
    IrVal *n = ir_convert(b, bad, IR_I64);
    if (n->type.rank) n = ir_sum_all(b, n);
    return n->type.axes.n ? ir_sum_over(b, n, n->type.axes) : n;
}

/* A condition of where, for values of these dims: one element's where they are the same, else it is enough that some element holds. */
static IrVal *guard_for(IrBuilder *b, const Guard *g, const IrType *t)
{
    IrVal *is = g->holds ? (IrVal *)g->cond : ir_not(b, (IrVal *)g->cond);
    if (is->type.rank && !ir_dims_equal(&is->type, t)) {
        IrVal *some = ir_sum_all(b, ir_convert(b, is, IR_I64));
        is = ir_compare(b, IR_GT, some, ir_const_like(b, some, 0));
    }
    return t->rank && !is->type.rank ? ir_fill(b, is, ir_dims_of(t)) : is;
}

static IrVal *wrong(IrBuilder *b, IrVal *cond, const Guard *guards, IrVal *taken)
{
    IrVal *bad = ir_not(b, cond);
    for (const Guard *g = guards; g; g = g->up) bad = ir_and(b, guard_for(b, g, &bad->type), bad);
    return taken ? ir_and(b, guard_for(b, &(Guard){taken, true, NULL}, &bad->type), bad) : bad;
}

/* The largest of all, over dims and samples. */
static IrVal *largest(IrBuilder *b, IrVal *v)
{
    while (v->type.rank) v = ir_reduce_max(b, v, v->type.rank - 1);
    while (v->type.axes.n) v = ir_reduce_max_over(b, v, v->type.axes.id[v->type.axes.n - 1]);
    return v;
}

/* What a comparison that does not hold is about: of many numbers that which is furthest off. NULL: it is no comparison of one with a bound, or of many some
 * need not hold. */
static IrVal *offender(IrBuilder *b, IrVal *cond, const Guard *guards)
{
    const IrNode *n = cond->def;
    if (!n || n->op != IR_compare || n->arg[0]->type.elem == IR_BOOL) return NULL;
    IrVal *v = ir_convert(b, n->arg[0], IR_F64);
    bool   one = !v->type.rank && !v->type.axes.n;
    if (guards && !one) return NULL;
    switch (n->attr->compare) {
    case IR_LT: case IR_LE: return largest(b, v);
    case IR_GT: case IR_GE: return one ? v : ir_neg(b, largest(b, ir_neg(b, v)));
    default: return one ? v : NULL;
    }
}

/* ---- parts ------------------------------------------------------------------------------------------------------- */

static void keep(Lower *L, IrVal *v, const char *path)
{
    part_keep(L, L->part, v, path, IR_SLOT_SCRATCH);
    L->part->keeps.v[L->part->keeps.n - 1].required = true;
}

/* ":9" of the program, ":parts.gan:9" of another file, which of an expression that is asked beside it is none. */
static const char *place_text(Lower *L, IrSpan at)
{
    const SourceFile *f = at.line ? source_file(L->sources, at.file + 1) : NULL, *own = L->file && L->file->module ? L->file->module->file : NULL;
    if (!f || *f->name == '<' || strpbrk(f->name, " \t")) return "";
    return f == own ? strf(L, ":%u", at.line) : strf(L, ":%s:%u", f->name, at.line);
}

/* Which is said when it does not hold: the message, and the line that requires it. */
static void leave(Ctx *c, IrVal *bad, IrVal *about, const char *what, IrSpan at)
{
    Lower      *L = c->L;
    IrBuilder  *b = fn_builder(c);
    IrSpan      line = at.used ? L->m->places.v[at.used - 1] : at;
    const char *path = strf(L, "required.%d%s %s", ++L->n_watched, place_text(L, line), what);
    IrVal      *none = count(b, bad);
    keep(L, ir_compare(b, IR_EQ, none, ir_const_like(b, none, 0)), path);
    if (about) keep(L, about, strf(L, "required.%d value", L->n_watched));
}

static bool is_watched(const Fn *f, const IrVal *cond)
{
    for (int i = 0; i < f->watched.n; i++)
        if (f->watched.v[i].cond == cond) return true;
    return false;
}

/* `and` of two of the same shape: each is watched for itself, so that what is said is about one. */
static bool is_both(const IrVal *cond)
{
    const IrNode *n = cond->def;
    double        x;
    return n && n->op == IR_select && ir_is_const(n->arg[2], &x) && !x && n->arg[1]->type.elem == IR_BOOL && ir_dims_equal(&n->arg[0]->type, &n->arg[1]->type);
}

/* Made of numbers of the program alone, in a few rows. */
static bool is_fixed(const IrVal *v, int *left)
{
    const IrNode *n = v->def;
    if (!n || --*left < 0 || n->n_bodies || ir_op_info[n->op].klass == IR_CLASS_RAND || n->op == IR_read || n->op == IR_extern) return false;
    for (int i = 0; i < n->n_args; i++)
        if (!is_fixed(n->arg[i], left)) return false;
    return true;
}

enum { MOST_ROWS = 64 };

bool watch_is_share(const IrVal *v)
{
    int   left = MOST_ROWS;
    Range r = range_of(v, DEEP_SIGN);
    return r.least >= 0 && r.most <= 1 && r.least < r.most && !is_fixed(v, &left);
}

static bool fails_now(Ctx *c, IrVal *cond)
{
    int     left = MOST_ROWS;
    double *x;
    if (!is_fixed(cond, &left) || !now_numbers(c->L, &cond, 1, NULL, 0, NOW_FIXED, &x)) return false;
    for (int64_t i = 0; i < now_size(c->L, cond); i++)
        if (!x[i]) return true;
    return false;
}

bool watch_can(const Ctx *c)
{
    const Lower *L = c->L;
    return L->fn && L->fn == L->graph && L->part && !L->part->dropped && !L->guess && !L->trials;
}

bool watch(Ctx *c, IrVal *cond, const char *what, Span at)
{
    Lower *L = c->L;
    Fn    *f = L->fn;
    if (!watch_can(c) || holds_always(cond)) return true;
    if (is_both(cond)) return watch(c, cond->def->arg[0], what, at) && watch(c, cond->def->arg[1], what, at);
    if (!c->guards && fails_now(c, cond)) return false;
    IrBuilder *b = fn_builder(c);
    bool       inside = b->block != &f->ir->body;
    if (is_watched(f, cond) && !c->guards) return true;
    IrVal  *bad = wrong(b, cond, c->guards, L->g->taken);
    Watched w = {cond, bad, what, span_ir(L, at), inside};
    if (!inside) leave(c, bad, offender(b, cond, c->guards), what, w.at);
    array_push(L->a, &f->watched, w);
    return true;
}

static bool watch_or(Ctx *c, IrVal *cond, const char *what, Span at)
{
    if (watch(c, cond, what, at)) return true;
    diag_error(c->L->diags, at, E207, "%s", what);
    return false;
}

/* Made of draws, integers and known numbers that stay finite: an element is a number, whatever runs. */
static bool is_number(const IrVal *v, int depth)
{
    const IrNode *n = v->def;
    if (!ir_is_real(v->type.elem) || ir_is_const(v, NULL)) return true;
    if (!n || !depth || n->op == IR_read || (!n->n_args && ir_op_info[n->op].klass != IR_CLASS_RAND)) return false;
    Range r = range(v);
    if (r.least == -HUGE_VAL || r.most == HUGE_VAL) return false;
    for (int i = 0; i < n->n_args; i++)
        if (!is_number(n->arg[i], depth - 1)) return false;
    return true;
}

bool watch_whole(Ctx *c, IrVal *x, Span at)
{
    enum { DEEP = 8 };
    IrBuilder *b = fn_builder(c);
    IrVal     *fits = ir_compare(b, IR_LT, ir_abs(b, x), ir_const_like(b, x, 0x1p63));
    if (is_number(x, DEEP) && holds_always(fits)) return true;
    return watch_or(c, fits, "the whole part of a number that is not finite, or does not fit in 64 bits", at);
}

bool watch_divisor(Ctx *c, const IrVal *a, IrVal *b, Span at)
{
    if (ir_is_real(a->type.elem) || ir_is_real(b->type.elem) || ints_guarded(c, b, 1, INT64_MAX) || ints_guarded(c, b, INT64_MIN, -1)) return true;
    IrBuilder *f = fn_builder(c);
    return watch_or(c, ir_compare(f, IR_NE, b, ir_const_like(f, b, 0)), "an integer divided by 0", at);
}

/* |v| as a real, which no product leaves; of a product, the product of both. A power is a product of products. */
static IrVal *size_of(IrBuilder *b, IrVal *v, int depth)
{
    const IrNode *n = v->def;
    if (!n || n->op != IR_mul || !depth) return ir_abs(b, ir_convert(b, v, IR_F64));
    IrVal *left = size_of(b, n->arg[0], depth - 1);
    return ir_mul(b, left, n->arg[1] == n->arg[0] ? left : size_of(b, n->arg[1], depth - 1));
}

/* A product of matrices is a sum of products. What was a value before was watched where it was made. */
static bool products_fit(Ctx *c, IrVal *v, Span at)
{
    enum { DEEP = 7 };
    const IrNode *n = v->def;
    if (n && n->op == IR_sum) n = n->arg[0]->def;
    if (!n || n->op != IR_mul || ir_is_real(v->type.elem) || ints_product_stays(c->L, n->arg[0], n->arg[1])) return true;
    IrBuilder *b = fn_builder(c);
    IrVal     *size = size_of(b, (IrVal *)n->result, DEEP);
    return watch_or(c, ir_compare(b, IR_LT, size, ir_const_like(b, size, 0x1p63)), "a product of integers that does not fit in 64 bits: real(x) makes one a real", at);
}

Value *watch_products(Ctx *c, Value *v, Span at)
{
    if (v->kind == V_TENSOR) return products_fit(c, v->tensor.v, at) ? v : val_error(c->L);
    for (int i = 0; v->kind == V_RECORD && i < v->record.n; i++)
        if (val_bad(watch_products(c, v->record.v[i], at))) return val_error(c->L);
    return v;
}

/* One flag of a round: each is kept until the loop is over. */
static IrVal *any_element(IrBuilder *b, IrVal *bad)
{
    if (!bad->type.rank) return bad;
    IrVal *n = ir_sum_all(b, ir_convert(b, bad, IR_I64));
    return ir_compare(b, IR_GT, n, ir_const_like(b, n, 0));
}

/* ---- loops --------------------------------------------------------------------------------------------------------- */

int watch_yield(Ctx *c, int from, const IrVal *ended, IrVal **yield, int room)
{
    Fn        *f = c->L->fn;
    IrBuilder *b = fn_builder(c);
    int        n = 0;
    for (int i = from; i < f->watched.n; i++) {
        Watched *w = &f->watched.v[i];
        if (!w->inside) continue;
        if (n == room) BUG("watch: more requirements than were counted");
        IrVal *bad = ended ? ir_and(b, ir_not(b, (IrVal *)ended), w->bad) : w->bad;
        yield[n++] = any_element(b, bad);
    }
    return n;
}

void watch_rounds(Ctx *c, int from, const IrNode *loop, int at)
{
    Fn *f = c->L->fn;
    int made = f->watched.n;
    f->watched.n = from;
    for (int i = from; i < made; i++) {
        Watched w = f->watched.v[i];
        if (w.inside) {
            if (at == loop->n_results) continue;
            w.bad = (IrVal *)&loop->result[at++];
            w.inside = fn_builder(c)->block != &f->ir->body;
            if (!w.inside) leave(c, w.bad, NULL, w.what, w.at);
        }
        array_push(c->L->a, &f->watched, w);
    }
}
