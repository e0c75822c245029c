/* builtin.c - the functions of builtins.def: each takes its arguments in order, NULL for one left out. */
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/eval/builtin.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/eval/watch.h"
#include "compiler/lower/own/graph.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"
#include "lang/source/habits.h"
#include "runtime/math/scalar.h"

#include <math.h>

typedef enum { PIPE_NO, PIPE_FIRST, PIPE_COUNT, PIPE_LAST } Pipe;

struct Builtin {
    const char *name;
    int         least, most;
    Pipe        pipe;
    const char *args;
    Value    *(*run)(Ctx *c, const Call *k);
    int         op;                                         /* of UNARY, else -1 */
};

const char *builtin_name(const Builtin *b) { return b->name; }
int builtin_most(const Builtin *b) { return b->most; }

/* ---- helpers */

Value *mistake(Ctx *c, const Call *k, const char *name, const char *wants, const Value *got)
{
    if (val_bad(got)) return val_error(c->L);
    Diag *d = diag_error(c->L->diags, k->at, E201, "%s takes %s, and this is %s", name, wants, val_text(c->L, got));
    if (got->kind == V_DIST && strstr(wants, "function")) diag_hint(d, "members of a distribution are functions of a number: Normal(0, 1).cdf");
    return val_error(c->L);
}

static bool static_numbers(const Value *v)
{
    if (v->kind != V_LIST || !v->list.n) return false;
    for (int i = 0; i < v->list.n; i++)
        if (!val_is_number(v->list.v[i])) return false;
    return true;
}

/* dim: 0 or [0, 1]; left out: all of them. */
bool dims_arg(Ctx *c, const Call *k, Value *v, const IrVal *t, IrInts *out)
{
    *out = ir_ints(0, NULL);
    if (!v) {
        for (int i = 0; i < t->type.rank; i++) out->v[out->n++] = i;
        return true;
    }
    IrInts d;
    if (!as_dims(c, v, k->at, &d)) return false;
    bool taken[IR_MAX_RANK] = {0};
    for (int i = 0; i < d.n; i++) {
        if (d.v[i] < t->type.rank && !taken[d.v[i]]) {
            taken[d.v[i]] = true;
            continue;
        }
        diag_error(c->L->diags, k->at, E205, "there is no dimension %lld of %s to take here", (long long)d.v[i],
                   type_text(c->L, &t->type));
        return false;
    }
    for (int i = 0; i < t->type.rank; i++)
        if (taken[i]) out->v[out->n++] = i;
    return true;
}

bool one_dim(Ctx *c, const Call *k, Value *v, const IrVal *t, int64_t *dim)
{
    if (!as_size(c, v, k->at, "dim", dim)) return false;
    if (*dim < t->type.rank) return true;
    diag_error(c->L->diags, k->at, E205, "%s has no dimension %lld", type_text(c->L, &t->type), (long long)*dim);
    return false;
}

/* sum and mean count conditions: those that hold, and their share. */
static IrVal *countable(Ctx *c, IrVal *t) { return t && t->type.elem == IR_BOOL ? arith_convert(c, t, IR_I32) : t; }

/* The sum over some dims, in an element type that holds it. */
static IrVal *sum_of(Ctx *c, IrVal *t, IrInts dims, Span at)
{
    int64_t n = 1;
    for (int i = 0; i < dims.n; i++) n *= t->type.dim[dims.v[i]];
    if (!ints_sum_fits(c, t, n, at)) return NULL;
    return dims.n ? ir_sum(fn_builder(c), ints_widen_sum(c, t, n), dims) : t;
}

/* ---- element by element */

static Value *stop_field(Ctx *c, Value *leaf, void *at)
{
    if (leaf->kind == V_BOOL) return val_bool(c->L, leaf->b);
    return val_static(leaf) && leaf->kind != V_LIST && !leaf->face ? leaf : arith_map(c, IR_stop, leaf, *(Span *)at);
}

static Value *builtin_stop(Ctx *c, const Call *k)
{
    Value *v = k->v[0]->kind == V_DIST && dist_is_value(c->L, k->v[0]->dist) ? as_settled(c, k->v[0], k->at) : k->v[0];
    bool model = v->kind == V_PLAYER && v->player->word != AST_DEFINE_NET;
    if (v->kind == V_DIST || model || v->kind == V_FUNCTION || dist_is_joint(v)) {
        Dist *d = as_dist(c, v, k->at);
        if (!d) return val_error(c->L);
        return val_dist(c->L, dist_of_stop(c->L, d));
    }
    return map_fields(c, as_numbers(c, v, k->at), stop_field, (Span *)&k->at);
}

static Value *polygamma(Ctx *c, const Call *k, int n)
{
    if (val_is_number(k->v[0]) && !k->v[0]->face) return val_real(c->L, math_polygamma_f64(n, val_number(k->v[0])));
    IrVal *x = arith_reals(c, k->v[0], k->at, n < 0 ? "lgamma" : "digamma");
    return x ? val_tensor(c->L, ir_polygamma(fn_builder(c), x, n)) : val_error(c->L);
}

static Value *builtin_lgamma(Ctx *c, const Call *k) { return polygamma(c, k, -1); }

/* It has a pole at 0 and at each whole number below. */
static Value *builtin_digamma(Ctx *c, const Call *k)
{
    static const char what[] = "digamma has no value at 0, -1, -2 ..";
    Value *v = k->v[0];
    if (val_is_number(v) && !v->face) {
        double x = val_number(v);
        if (x > 0 || x != floor(x)) return polygamma(c, k, 0);
    } else {
        IrBuilder *b = fn_builder(c);
        IrVal     *x = arith_reals(c, v, k->at, "digamma");
        if (!x) return val_error(c->L);
        IrVal *apart = ir_or(b, ir_compare(b, IR_GT, x, ir_const_like(b, x, 0)), ir_compare(b, IR_NE, x, ir_floor(b, x)));
        if (watch(c, apart, what, k->at)) return val_tensor(c->L, ir_polygamma(b, x, 0));
    }
    diag_error(c->L->diags, k->at, E208, "%s", what);
    return val_error(c->L);
}

static Value *builtin_where(Ctx *c, const Call *k) { return arith_select(c, k->v[0], k->v[1], k->v[2], k->at); }
bool builtin_picks(const Builtin *b) { return b->run == builtin_where; }

typedef struct Bounds {
    double least, most;
} Bounds;

/* The least and the most of numbers written in the program, as they became rows; false when one is not known. */
static bool known_bounds(const IrVal *v, Bounds *b)
{
    if (ir_is_const(v, &b->least)) {
        b->most = b->least;
        return true;
    }
    if (!v->def || v->def->n_args == 0) return false;
    switch (v->def->op) {
    case IR_convert:
    case IR_reshape:
    case IR_broadcast:
    case IR_spread:
    case IR_slice:
    case IR_as_sample:
    case IR_concat:
    case IR_reduce_max: break;
    default: return false;
    }
    *b = (Bounds){HUGE_VAL, -HUGE_VAL};
    for (int i = 0; i < v->def->n_args; i++) {
        Bounds part;
        if (!known_bounds(v->def->arg[i], &part)) return false;
        b->least = fmin(b->least, part.least);
        b->most = fmax(b->most, part.most);
    }
    if (v->def->op == IR_reduce_max && !v->type.rank) b->least = b->most;
    return v->def->op != IR_reduce_max || !v->type.rank;
}

/* Is the comparison wrong for some element, whatever runs? One side of it is one number. */
static bool known_false(const IrVal *cond)
{
    const IrNode *n = cond->def;
    Bounds a, b;
    if (!n || n->op != IR_compare || !known_bounds(n->arg[0], &a) || !known_bounds(n->arg[1], &b)) return false;
    if (a.least != a.most && b.least != b.most) return false;
    switch (n->attr->compare) {
    case IR_LT: return !(a.most < b.least);
    case IR_LE: return !(a.most <= b.least);
    case IR_GT: return !(a.least > b.most);
    case IR_GE: return !(a.least >= b.most);
    default: return false;
    }
}

/* Of a definition of the program: each application that does not meet what it requires is a mistake of its own. */
static void require_fails(Ctx *c, Span at, const char *what)
{
    Diags *said = c->L->diags;
    Diag  *before = diag_said(said, at, E208, what), *d = before ? before : diag_error(said, at, E208, "%s", what);
    const Applied *outermost = c->applied;
    while (outermost && outermost->up) outermost = outermost->up;
    if (outermost && !in_library(c->L, at) && !diag_has_note(d, outermost->at)) diag_note(d, outermost->at, before ? "and here" : "applied here");
}

static Value *builtin_require(Ctx *c, const Call *k)
{
    Value *cond = as_settled(c, k->v[0], k->at);
    if (val_bad(cond)) return val_error(c->L);
    if (k->v[2]->kind != V_STRING) return mistake(c, k, "require", "a message last", k->v[2]);
    bool holds = true;
    if (cond->kind == V_BOOL) {
        holds = cond->b;
    } else {
        IrVal *t = as_tensor(c, cond, k->at);
        if (!t) return val_error(c->L);
        if (t->type.elem != IR_BOOL) return mistake(c, k, "require", "a condition first", cond);
        holds = !known_false(t) && watch(c, t, k->v[2]->s, k->at);
    }
    if (holds) return k->v[1];
    if (c->L->unsure) return val_error(c->L);               /* said on purpose, for a case that the condition rules out */
    require_fails(c, k->at, k->v[2]->s);
    return val_error(c->L);
}

/* Not of a parameter whose argument is missing, and whose default is none. */
static Value *builtin_given(Ctx *c, const Call *k) { return val_bool(c->L, !val_is_absent(k->v[0])); }

bool builtin_asks_given(const Builtin *b) { return b->run == builtin_given; }

/* Of a parameter it is asked in eval_call(); as a function that stands for others it has none. */
static Value *builtin_named(Ctx *c, const Call *k) { return mistake(c, k, "named", "a parameter of the definition at hand", k->v[0]); }
bool builtin_asks_name(const Builtin *b) { return b->run == builtin_named; }

/* x; where a derivative by something goes through it, x depends on that through rows that have one alone, or the message says why it must. */
static Value *builtin_uncut(Ctx *c, const Call *k)
{
    Value *v = as_settled(c, k->v[0], k->at);
    if (val_bad(v)) return v;
    if (k->v[1]->kind != V_STRING) return mistake(c, k, "uncut", "a message last", k->v[1]);
    if (v->kind == V_TENSOR) array_push(c->L->work, &c->L->uncut, ((__typeof__(*c->L->uncut.v)){v->tensor.v, k->v[1]->s}));
    return v;
}

/* x, of which is noted what it is to the net, where that is one; else nobody knows. */
static Value *noted_limit(Ctx *c, const Call *k, const char *why)
{
    Value *v = as_settled(c, k->v[0], k->at), *net = k->v[1];
    if (val_bad(v) || v->kind != V_TENSOR || net->kind != V_PLAYER || c->L->trials) return v;
    array_push(c->L->work, &c->L->limits, ((Limit){v->tensor.v, player_self(net->player), why}));
    return v;
}

static Value *builtin_penalty(Ctx *c, const Call *k) { return noted_limit(c, k, NULL); }

static Value *builtin_unlimited(Ctx *c, const Call *k)
{
    Value *why = as_settled(c, k->v[2], k->at);
    return val_bad(why) ? why : why->kind == V_STRING ? noted_limit(c, k, why->s) : mistake(c, k, "unlimited", "a message last", why);
}

static Value *builtin_real(Ctx *c, const Call *k)
{
    Value *v = as_settled(c, k->v[0], k->at);
    if (val_is_number(v)) return v->kind == V_REAL ? v : val_same(c->L, v, val_number(v));
    if (v->kind == V_BOOL) return face_cut(c, v, v, val_real(c->L, v->b));
    return val_tensor(c->L, as_real(c, v, k->at));
}

static Value *whole_part(Ctx *c, double x, Span at)
{
    if (x > -0x1p63 && x < 0x1p63) return val_int(c->L, math_to_i64_f64(x));
    diag_error(c->L->diags, at, E207, "the whole part of %s does not fit in 64 bits", val_text(c->L, val_real(c->L, x)));
    return val_error(c->L);
}

static Value *builtin_int(Ctx *c, const Call *k)
{
    Value *v = as_settled(c, k->v[0], k->at);
    if (v->kind == V_INT) return v;
    if (v->kind == V_REAL) return face_cut(c, v, v, whole_part(c, v->r, k->at));
    if (v->kind == V_BOOL) return face_cut(c, v, v, val_int(c->L, v->b));
    IrVal *t = as_tensor(c, v, k->at);
    if (!t) return val_error(c->L);
    if (!ir_is_real(t->type.elem)) return val_tensor(c->L, countable(c, t));
    return watch_whole(c, t, k->at) ? val_tensor(c->L, arith_convert(c, t, IR_I64)) : val_error(c->L);
}

static Value *divided(Ctx *c, int64_t a, int64_t b, Span at)
{
    if (b && (a != INT64_MIN || b != -1)) return val_int(c->L, math_div_i64(a, b));
    diag_error(c->L->diags, at, E207, "div(%lld, %lld) is no integer of 64 bits", (long long)a, (long long)b);
    return val_error(c->L);
}

static Value *builtin_div(Ctx *c, const Call *k)
{
    Value *x = as_settled(c, k->v[0], k->at), *y = as_settled(c, k->v[1], k->at);
    if (x->kind == V_INT && y->kind == V_INT) return face_cut(c, x, y, divided(c, x->i, y->i, k->at));
    IrVal *a = arith_numbers(c, x, k->at, "div"), *b = a ? arith_numbers(c, y, k->at, "div") : NULL;
    if (!a || !b || !watch_divisor(c, a, b, k->at) || !arith_align(c, &a, &b, k->at, "div")) return val_error(c->L);
    ints_widen(c, IR_div, &a, &b);
    IrVal *q = ir_div(fn_builder(c), a, b);
    return val_tensor(c->L, ir_is_real(q->type.elem) ? ir_floor(fn_builder(c), q) : q);
}

/* ---- reductions */

/* tensors field by field, then added */
static Value *sum_fields(Ctx *c, Value *r, Value *(*leaf)(Ctx *c, Value *v, Span at), Span at)
{
    Value *total = val_int(c->L, 0);
    for (int i = 0; i < r->record.n; i++) {
        Value *f = r->record.v[i];
        f = f->kind == V_RECORD ? sum_fields(c, f, leaf, at) : leaf(c, f, at);
        total = i ? arith_binary(c, AST_OP_ADD, total, f, at) : f;
    }
    return total;
}

static Value *sum_leaf(Ctx *c, Value *v, Span at)
{
    IrVal *t = countable(c, as_tensor(c, v, at));
    IrInts all = ir_ints(0, NULL);
    for (int i = 0; t && i < t->type.rank; i++) all.v[all.n++] = i;
    return t ? val_tensor(c->L, sum_of(c, t, all, at)) : val_error(c->L);
}

static bool is_condition(const Lower *L, const Value *v)
{
    if (v->kind == V_TENSOR) return v->tensor.v->type.elem == IR_BOOL;
    return v->kind == V_BOOL || (v->kind == V_SLOT && L->m->slots.v[v->slot.slot].type.elem == IR_BOOL);
}

/* The sum of all in a list of integers known now. */
static Value *sum_known_ints(Ctx *c, Value *v, Span at)
{
    Value *total = NULL;
    if (v->kind != V_LIST) return v;
    for (int i = 0; i < v->list.n; i++) {
        Value *part = sum_known_ints(c, v->list.v[i], at);
        total = total ? arith_binary(c, AST_OP_ADD, total, part, at) : part;
    }
    return total;
}

static Value *builtin_sum(Ctx *c, const Call *k)
{
    Value *v = as_numbers(c, k->v[0], k->at);
    IrInts d;
    if (v->kind == V_RECORD) return sum_fields(c, v, sum_leaf, k->at);
    if (v->kind == V_LIST && !k->v[1] && v->list.n) {       /* a list may hold anything that adds up */
        Value *total = v->list.v[0];
        bool nested = total->kind == V_LIST || is_condition(c->L, total);
        for (int i = 1; i < v->list.n && !nested; i++) total = arith_binary(c, AST_OP_ADD, total, v->list.v[i], k->at);
        if (!nested && static_numbers(v)) return sum_of_list(c->L, v, total);
        if (!nested) return val_is_number(total) || val_bad(total) ? total : sum_leaf(c, total, k->at);
        if (val_known_ints(v)) return sum_known_ints(c, v, k->at);
    }
    IrVal *t = countable(c, as_tensor(c, v, k->at));
    if (!t || !dims_arg(c, k, k->v[1], t, &d)) return val_error(c->L);
    return val_tensor(c->L, sum_of(c, t, d, k->at));
}

static Value *builtin_mean(Ctx *c, const Call *k)
{
    Value *v = as_settled(c, k->v[0], k->at);
    IrInts d;
    if (static_numbers(v) && !k->v[1]) {
        Value *s = builtin_sum(c, k);
        return arith_binary(c, AST_OP_DIV, s, val_int(c->L, v->list.n), k->at);
    }
    IrVal *t = as_real(c, v, k->at);
    if (!t || !dims_arg(c, k, k->v[1], t, &d)) return val_error(c->L);
    double n = 1;
    for (int i = 0; i < d.n; i++) n *= (double)t->type.dim[d.v[i]];
    if (!n) return mistake(c, k, "mean", "at least one number", v);
    if (!d.n) return val_tensor(c->L, t);
    IrVal *s = ir_sum(fn_builder(c), t, d);
    return val_tensor(c->L, ir_div(fn_builder(c), s, ir_const_like(fn_builder(c), s, n)));
}

static Value *norm_leaf(Ctx *c, Value *v, Span at)
{
    IrVal *t = arith_reals(c, v, at, "norm");
    if (!t) return val_error(c->L);
    IrInts d = ir_ints(0, NULL);
    for (int i = 0; i < t->type.rank; i++) d.v[d.n++] = i;
    return val_tensor(c->L, d.n ? ir_norm(fn_builder(c), t, d) : ir_abs(fn_builder(c), t));
}

static void collect_norms(Ctx *c, Value *r, Value **out, int *n, int most, Span at)
{
    for (int i = 0; i < r->record.n && *n < most; i++) {
        if (r->record.v[i]->kind == V_RECORD) collect_norms(c, r->record.v[i], out, n, most, at);
        else out[(*n)++] = norm_leaf(c, r->record.v[i], at);
    }
}

static Value *builtin_norm(Ctx *c, const Call *k)
{
    Value *v = as_numbers(c, k->v[0], k->at);
    IrInts d;
    if (v->kind == V_RECORD) {
        enum { MOST = 1024 };
        Value **norms = arena_array(c->L->a, Value *, MOST);
        int n = 0;
        collect_norms(c, v, norms, &n, MOST, k->at);
        if (n == MOST) return too_many(c, k->at, "the norm of so many tensors", MOST);
        return norm_leaf(c, arith_stack(c, norms, n, k->at), k->at);
    }
    if (!k->v[1]) return norm_leaf(c, v, k->at);
    IrVal *t = arith_reals(c, v, k->at, "norm");
    return t && dims_arg(c, k, k->v[1], t, &d) ? val_tensor(c->L, ir_norm(fn_builder(c), t, d)) : val_error(c->L);
}

/* The sum of the products of all elements, of tensors or of records. */
static Value *inner_product(Ctx *c, Value *a, Value *b, Span at)
{
    if (a->kind == V_RECORD) {
        Value *p = arith_binary(c, AST_OP_MUL, a, b, at);
        return p->kind == V_RECORD ? sum_fields(c, p, sum_leaf, at) : p;
    }
    IrVal *x = arith_numbers(c, a, at, "dot"), *y = x ? arith_numbers(c, b, at, "dot") : NULL;
    if (!x || !y) return val_error(c->L);
    bool known = a->kind == V_LIST && b->kind == V_LIST && val_known_ints(a) && val_known_ints(b);
    bool whole = !ir_is_real(x->type.elem) && !ir_is_real(y->type.elem);
    if (!whole) x = arith_reals(c, a, at, "dot"), y = arith_reals(c, b, at, "dot");
    if (!arith_align(c, &x, &y, at, "dot")) return val_error(c->L);
    if (known || whole) {
        Value *p = arith_binary(c, AST_OP_MUL, a, b, at);
        return known ? val_bad(p) ? p : sum_known_ints(c, p, at) : sum_leaf(c, watch_products(c, p, at), at);
    }
    if (x->type.rank != 1 || y->type.rank != 1) return sum_leaf(c, val_tensor(c->L, ir_mul(fn_builder(c), x, y)), at);
    int zero = 0;
    return val_tensor(c->L, ir_dot(fn_builder(c), x, y, ir_no_pairs(), ir_pairs(1, &zero, &zero), ir_no_axes()));
}

static Value *builtin_dot(Ctx *c, const Call *k)
{
    return inner_product(c, as_numbers(c, k->v[0], k->at), as_numbers(c, k->v[1], k->at), k->at);
}

static Value *builtin_outer(Ctx *c, const Call *k)
{
    IrVal *a = arith_numbers(c, k->v[0], k->at, "outer"), *b = arith_numbers(c, k->v[1], k->at, "outer");
    if (!a || !b) return val_error(c->L);
    if (a->type.rank != 1 || b->type.rank != 1)
        return mistake(c, k, "outer", "two vectors", a->type.rank == 1 ? k->v[1] : k->v[0]);
    IrInts d = ir_ints(2, (int64_t[]){a->type.dim[0], b->type.dim[0]});
    if (!dims_fit(c->L, &d, k->at)) return val_error(c->L);
    IrVal *x = ir_broadcast(fn_builder(c), a, d, ir_ints(1, (int64_t[]){0}));
    IrVal *y = ir_broadcast(fn_builder(c), b, d, ir_ints(1, (int64_t[]){1}));
    return watch_products(c, arith_binary(c, AST_OP_MUL, val_tensor(c->L, x), val_tensor(c->L, y), k->at), k->at);
}

/* All elements in one row. */
static IrVal *flat(Ctx *c, IrVal *t)
{
    int64_t n = ir_dims_size(&t->type);
    return t->type.rank == 1 ? t : ir_reshape(fn_builder(c), t, ir_ints(1, &n));
}

/* Integers are exact, also beyond what a real tells apart. NaN is beyond all. */
static bool beyond(const Value *a, const Value *b, bool least)
{
    if (isnan(val_number(a)) || isnan(val_number(b))) return isnan(val_number(a));
    int order = a->kind == V_INT && b->kind == V_INT ? (a->i > b->i) - (a->i < b->i) : exact_compare(a, b);
    return least ? order < 0 : order > 0;
}

static Value *extreme_list(Ctx *c, Value *v, bool least)
{
    Value *best = v->list.v[0];
    for (int i = 1; i < v->list.n; i++)
        if (beyond(v->list.v[i], best, least)) best = v->list.v[i];
    (void)c;
    return best;
}

/* The order turned round. Of integers -1 - x, which every one of them has. */
static IrVal *turned(IrBuilder *b, IrVal *t)
{
    return ir_is_real(t->type.elem) ? ir_neg(b, t) : ir_sub(b, ir_const_int(b, t->type.elem, -1), t);
}

static Value *reduce_extreme(Ctx *c, const Call *k, bool least)
{
    Value *v = as_settled(c, k->v[0], k->at);
    IrBuilder *b = c->L->fn ? fn_builder(c) : NULL;
    int64_t dim = 0;
    if (static_numbers(v)) return extreme_list(c, v, least);
    IrVal *t = arith_numbers(c, v, k->at, least ? "min" : "max");
    if (!t) return val_error(c->L);
    if (k->v[2]) {
        if (!one_dim(c, k, k->v[2], t, &dim)) return val_error(c->L);
    } else {
        if (!t->type.rank) return val_tensor(c->L, t);
        t = flat(c, t);
    }
    if (!t->type.dim[dim]) return mistake(c, k, least ? "min" : "max", "at least one number", v);
    if (least) t = turned(b, t);
    t = ir_reduce_max(b, t, (int)dim);
    return val_tensor(c->L, least ? turned(b, t) : t);
}

static Value *field_extreme(Ctx *c, Value *a, Value *b, bool least, Span at);

static Value *pair_extreme(Ctx *c, Value *a, Value *b, bool least, Span at)
{
    a = val_stacked(c, as_settled(c, a, at), at), b = val_stacked(c, as_settled(c, b, at), at);
    if (val_bad(a) || val_bad(b)) return val_error(c->L);
    if (val_is_number(a) && val_is_number(b)) {
        bool   first = isnan(val_number(a)) || !(isnan(val_number(b)) || beyond(b, a, least));
        Value *v = first ? a : b;
        return face_pick(c, first, a, b, v->kind == V_REAL || a->kind == b->kind ? v : val_same(c->L, v, val_number(v)));
    }
    if (a->kind == V_RECORD || b->kind == V_RECORD) return field_extreme(c, a, b, least, at);
    IrVal *x, *y;
    const char *word = least ? "min" : "max";
    bool numbers = (val_is_number(a) || arith_numbers(c, a, at, word)) && (val_is_number(b) || arith_numbers(c, b, at, word));
    if (!numbers || !arith_operands(c, a, b, at, &x, &y) || !arith_align(c, &x, &y, at, word)) return val_error(c->L);
    return val_tensor(c->L, least ? ir_min(fn_builder(c), x, y) : ir_max(fn_builder(c), x, y));
}

static Value *field_extreme(Ctx *c, Value *a, Value *b, bool least, Span at)
{
    Value *r = a->kind == V_RECORD ? a : b;
    bool both = a->kind == b->kind;
    if (both && !(b = arith_like(c, a, b, at))) return val_error(c->L);
    Value **v = arena_array(c->L->a, Value *, r->record.n + 1);
    for (int i = 0; i < r->record.n; i++)
        v[i] = pair_extreme(c, a->kind == V_RECORD ? a->record.v[i] : a, b->kind == V_RECORD ? b->record.v[i] : b,
                            least, at);
    Value *out = val_record_like(c->L, r, v);
    return both ? val_record_of_both(c->L, out, a, b) : out;
}

static Value *builtin_max(Ctx *c, const Call *k)
{
    return k->v[1] ? pair_extreme(c, k->v[0], k->v[1], false, k->at) : reduce_extreme(c, k, false);
}
static Value *builtin_min(Ctx *c, const Call *k)
{
    return k->v[1] ? pair_extreme(c, k->v[0], k->v[1], true, k->at) : reduce_extreme(c, k, true);
}

/* Which element is the greatest, or the least: of a vector, or along a dimension. */
static Value *arg_extreme(Ctx *c, const Call *k, const char *word, bool least)
{
    IrVal *t = arith_numbers(c, k->v[0], k->at, word);
    int64_t dim = 0;
    if (!t || (k->v[1] && !one_dim(c, k, k->v[1], t, &dim))) return val_error(c->L);
    if (!k->v[1] && t->type.rank != 1) return mistake(c, k, word, "a vector, or dim: the dimension to look along", k->v[0]);
    if (!t->type.dim[dim]) return mistake(c, k, word, "at least one number", k->v[0]);
    int64_t n = t->type.dim[dim];
    Value *v = val_tensor(c->L, ir_argmax(fn_builder(c), least ? turned(fn_builder(c), t) : t, (int)dim));
    v->tensor.classes = n;
    return v;
}

static Value *builtin_argmax(Ctx *c, const Call *k) { return arg_extreme(c, k, "argmax", false); }
static Value *builtin_argmin(Ctx *c, const Call *k) { return arg_extreme(c, k, "argmin", true); }

/* The operand of sort and argsort with the dimension to sort along, the last one if none is named, as the last. NULL after an error. */
static IrVal *sorted_last(Ctx *c, const Call *k, const char *word, int *dim)
{
    IrVal *t = arith_numbers(c, k->v[0], k->at, word);
    if (t && !t->type.rank) mistake(c, k, word, "a tensor", k->v[0]);
    if (!t || !t->type.rank) return NULL;
    int64_t at = t->type.rank - 1;
    if (k->v[1] && !one_dim(c, k, k->v[1], t, &at)) return NULL;
    *dim = (int)at;
    return dim_moved(fn_builder(c), t, *dim, t->type.rank - 1);
}

static Value *builtin_argsort(Ctx *c, const Call *k)
{
    int dim;
    IrVal *t = sorted_last(c, k, "argsort", &dim);
    return t ? val_tensor(c->L, dim_moved(fn_builder(c), ir_argsort(fn_builder(c), t), t->type.rank - 1, dim)) : val_error(c->L);
}

static Value *builtin_sort(Ctx *c, const Call *k)
{
    int dim;
    IrVal *t = sorted_last(c, k, "sort", &dim);
    if (!t) return val_error(c->L);
    IrVal *sorted = ir_gather(fn_builder(c), t, ir_argsort(fn_builder(c), t), t->type.rank - 1);
    return val_tensor(c->L, dim_moved(fn_builder(c), sorted, t->type.rank - 1, dim));
}

static Value *builtin_cumsum(Ctx *c, const Call *k)
{
    IrVal *t = arith_numbers(c, k->v[0], k->at, "cumsum");
    int64_t dim = 0;
    if (!t) return val_error(c->L);
    if (!t->type.rank) return mistake(c, k, "cumsum", "a tensor", k->v[0]);
    if (k->v[1] ? !one_dim(c, k, k->v[1], t, &dim) : false) return val_error(c->L);
    if (!ints_sum_fits(c, t, t->type.dim[dim], k->at)) return val_error(c->L);
    return val_tensor(c->L, ir_cumsum(fn_builder(c), ints_widen_sum(c, t, t->type.dim[dim]), (int)dim, false, false));
}

/* ---- layout */

static Value *builtin_reshape(Ctx *c, const Call *k)
{
    IrInts d;
    IrVal *t = as_tensor(c, k->v[0], k->at);
    if (!t || !as_dims(c, k->v[1], k->at, &d)) return val_error(c->L);
    int64_t n = 1;
    for (int i = 0; i < d.n; i++) n *= d.v[i];
    if (n == ir_dims_size(&t->type)) return val_tensor(c->L, ir_reshape(fn_builder(c), t, d));
    Diag *e = diag_error(c->L->diags, k->at, E200, "%s has %lld elements and %s has %lld", type_text(c->L, &t->type),
                         (long long)ir_dims_size(&t->type), dims_text(c->L, &d), (long long)n);
    diag_label(e, "reshape keeps the number of elements");
    return val_error(c->L);
}

static Value *builtin_flatten(Ctx *c, const Call *k)
{
    IrVal *t = as_tensor(c, k->v[0], k->at);
    return t ? val_tensor(c->L, flat(c, t)) : val_error(c->L);
}

static Value *builtin_scalar(Ctx *c, const Call *k)
{
    IrVal *t = as_tensor(c, k->v[0], k->at);
    if (!t) return val_error(c->L);
    if (ir_dims_size(&t->type) != 1) return mistake(c, k, "scalar", "a tensor of one element", k->v[0]);
    return val_tensor(c->L, t->type.rank ? ir_reshape(fn_builder(c), t, ir_ints(0, NULL)) : t);
}

static Value *builtin_transpose(Ctx *c, const Call *k)
{
    IrVal *t = as_tensor(c, k->v[0], k->at);
    IrInts perm = ir_ints(0, NULL);
    if (!t) return val_error(c->L);
    if (!k->v[1]) {
        for (int i = t->type.rank; i-- > 0;) perm.v[perm.n++] = i;
        return val_tensor(c->L, ir_transpose(fn_builder(c), t, perm));
    }
    if (!as_dims(c, k->v[1], k->at, &perm)) return val_error(c->L);
    bool seen[IR_MAX_RANK] = {0}, ok = perm.n == t->type.rank;
    for (int i = 0; ok && i < perm.n; i++) {
        ok = perm.v[i] < perm.n && !seen[perm.v[i]];
        if (ok) seen[perm.v[i]] = true;
    }
    if (!ok) return mistake(c, k, "transpose", strf(c->L, "an order of the %d dimensions", t->type.rank), k->v[1]);
    return val_tensor(c->L, ir_transpose(fn_builder(c), t, perm));
}

/* How many numbers a tensor of this shape has; an index fits i64, so does the product (see ir_dims_size). */
static int64_t shape_size(const Value *shape)
{
    int64_t n = 1;
    for (int i = 0; i < shape->list.n; i++) n *= shape->list.v[i]->i;
    return n;
}

/* The shape of v, whoever computed it: what asks for no more than that needs no value. */
static bool shape_of(Ctx *c, Value *v, Span at, IrInts *d)
{
    IrVal *t = v->kind == V_TENSOR || v->kind == V_SLOT ? NULL : as_tensor(c, v, at);
    if (v->kind == V_TENSOR) *d = ir_dims_of(&v->tensor.v->type);
    else if (v->kind == V_SLOT) *d = ir_dims_of(&c->L->m->slots.v[v->slot.slot].type);
    else if (t) *d = ir_dims_of(&t->type);
    else return false;
    return true;
}

/* How many: the length of a list or range, the leading extent of a tensor, the numbers of a shape, the elements of finite
   data. */
static Value *builtin_count(Ctx *c, const Call *k)
{
    Value *v = as_settled(c, k->v[0], k->at);
    int64_t n;
    if (v->kind == V_LIST) return val_int(c->L, v->list.shape ? shape_size(v) : v->list.n);
    if (v->kind == V_RANGE) return val_int(c->L, v->range.to > v->range.from ? v->range.to - v->range.from : 0);
    if (v->kind == V_DIST && dist_finite(c->L, v->dist, &n)) return val_int(c->L, n);
    IrInts d;
    if (!shape_of(c, v, k->at, &d)) return val_error(c->L);
    return d.n ? val_int(c->L, d.v[0]) : mistake(c, k, "count", "a list or tensor", v);
}

static Value *builtin_shape(Ctx *c, const Call *k)
{
    Value *d[IR_MAX_RANK];
    IrInts dims;
    if (!shape_of(c, as_settled(c, k->v[0], k->at), k->at, &dims)) return val_error(c->L);
    for (int i = 0; i < dims.n; i++) d[i] = val_int(c->L, dims.v[i]);
    Value *shape = val_list(c->L, d, dims.n);
    shape->list.shape = true;
    return shape;
}

/* zeros([2, 3]), or zeros of a tensor or record: of its shape. */
static Value *filled_like(Ctx *c, const Call *k, Value *like, IrVal *value)
{
    if (like->kind == V_RECORD) {
        Value **v = arena_array(c->L->a, Value *, like->record.n + 1);
        for (int i = 0; i < like->record.n; i++) v[i] = filled_like(c, k, like->record.v[i], value);
        return val_record_like(c->L, like, v);
    }
    IrInts d;
    return shape_of(c, like, k->at, &d) ? val_tensor(c->L, ir_fill(fn_builder(c), value, d)) : val_error(c->L);
}

static Value *filled(Ctx *c, const Call *k, Value *like, IrVal *value)
{
    IrInts d;
    like = as_numbers(c, like, k->at);
    if (!value || val_bad(like)) return val_error(c->L);
    bool table = like->kind == V_LIST && like->list.n && like->list.v[0]->kind == V_LIST;
    bool size = like->kind == V_TENSOR && !like->tensor.v->type.rank && !ir_is_real(like->tensor.v->type.elem);    /* zeros(n) */
    if (size) return as_dims(c, like, k->at, &d), val_error(c->L);
    if (table || like->kind == V_TENSOR || like->kind == V_SLOT || like->kind == V_RECORD)
        return filled_like(c, k, like, value);
    return as_dims(c, like, k->at, &d) ? val_tensor(c->L, ir_fill(fn_builder(c), value, d)) : val_error(c->L);
}

static Value *builtin_zeros(Ctx *c, const Call *k)
{
    return filled(c, k, k->v[0], as_real(c, val_real(c->L, 0), k->at));
}
static Value *builtin_ones(Ctx *c, const Call *k)
{
    return filled(c, k, k->v[0], as_real(c, val_real(c->L, 1), k->at));
}

static Value *builtin_full(Ctx *c, const Call *k)
{
    IrVal *v = as_tensor(c, k->v[1], k->at);
    if (v && v->type.rank) return mistake(c, k, "full", "one number to fill with", k->v[1]);
    return filled(c, k, k->v[0], v);
}

static Value *builtin_eye(Ctx *c, const Call *k)
{
    int64_t n;
    if (!as_size(c, k->v[0], k->at, "the size", &n) || !fn_needed(c, k->at)) return val_error(c->L);
    IrInts d = ir_ints(2, (int64_t[]){n, n});
    if (!dims_fit(c->L, &d, k->at)) return val_error(c->L);
    IrBuilder *b = fn_builder(c);
    IrVal *same = ir_compare(b, IR_EQ, ir_index_dim(b, d, 0), ir_index_dim(b, d, 1));
    return val_tensor(c->L, ir_convert(b, same, c->L->m->real));
}

static Value *builtin_iota(Ctx *c, const Call *k)
{
    int64_t n;
    if (!as_size(c, k->v[0], k->at, "the length", &n) || !fn_needed(c, k->at)) return val_error(c->L);
    IrInts d = ir_ints(1, &n);
    if (!dims_fit(c->L, &d, k->at)) return val_error(c->L);
    return val_tensor(c->L, ir_index_dim(fn_builder(c), d, 0));
}

/* one_hot(y) of a class[n], or one_hot(k, n): real[..., n]. */
static Value *builtin_one_hot(Ctx *c, const Call *k)
{
    Value *v = as_settled(c, k->v[0], k->at);
    int64_t n = val_classes(v);
    if (k->v[1] ? !as_size(c, k->v[1], k->at, "the number of classes", &n) : false) return val_error(c->L);
    IrVal *t = as_tensor(c, v, k->at);
    if (!t) return val_error(c->L);
    if (ir_is_real(t->type.elem) || t->type.elem == IR_BOOL) return mistake(c, k, "one_hot", "an integer", v);
    if (!n) return mistake(c, k, "one_hot", "a class, or an integer and the number of classes", v);
    if (!type_class_fits(c, v, t, n, k->at, "the first argument of one_hot")) return val_error(c->L);
    IrInts d = ir_dims_of(&t->type), kept = d;
    if (d.n == IR_MAX_RANK) return too_many_dims(c, k->at);
    for (int i = 0; i < d.n; i++) kept.v[i] = i;
    d.v[d.n++] = n;
    if (!dims_fit(c->L, &d, k->at)) return val_error(c->L);
    IrBuilder *b = fn_builder(c);
    IrVal *spread = ir_broadcast(b, t, d, kept), *k_th = ir_convert(b, ir_index_dim(b, d, d.n - 1), t->type.elem);
    return val_tensor(c->L, ir_convert(b, ir_compare(b, IR_EQ, spread, k_th), c->L->m->real));
}

/* ---- matrices */

static IrVal *square(Ctx *c, const Call *k, const char *name, Value *v)
{
    IrVal *t = arith_reals(c, v, k->at, name);
    if (!t) return NULL;
    int r = t->type.rank;
    if (r >= 2 && t->type.dim[r - 1] == t->type.dim[r - 2]) return t;
    mistake(c, k, name, "a square matrix", v);
    return NULL;
}

/* Where the mathematics has no answer, what a whole matrix is made into is nan. */
static Value *answered(Ctx *c, const Call *k, IrVal *x, const char *what)
{
    if (watch(c, ir_compare(fn_builder(c), IR_EQ, x, x), what, k->at)) return val_tensor(c->L, x);
    diag_error(c->L->diags, k->at, E208, "%s", what);
    return val_error(c->L);
}

static Value *builtin_cholesky(Ctx *c, const Call *k)
{
    IrVal *a = square(c, k, "cholesky", k->v[0]);
    return a ? answered(c, k, ir_cholesky(fn_builder(c), a), "cholesky: the matrix is not positive definite, or not finite") : val_error(c->L);
}

/* The eigenvalues, ascending, and the eigenvectors as columns, of the symmetric part of a matrix. */
static Value *builtin_eigh(Ctx *c, const Call *k)
{
    static const char *const names[] = {"values", "vectors"};
    IrVal *a = square(c, k, "eigh", k->v[0]);
    if (!a) return val_error(c->L);
    IrNode *n = ir_eigh(fn_builder(c), a);
    Value *v[] = {val_tensor(c->L, &n->result[0]), val_tensor(c->L, &n->result[1])};
    const char **name = arena_copy(c->L->a, names, sizeof names);
    return val_record(c->L, arena_copy(c->L->a, v, sizeof v), name, 2);
}

/* A right-hand side that is a vector is a matrix of one column. */
static Value *solved(Ctx *c, const Call *k, const char *name, bool triangular, bool transpose)
{
    IrBuilder *b;
    IrVal *a = square(c, k, name, k->v[0]), *y = arith_reals(c, k->v[1], k->at, name);
    if (!a || !y) return val_error(c->L);
    b = fn_builder(c);
    int64_t n = a->type.dim[a->type.rank - 1];
    IrElem  e = arith_elem(c, a->type.elem, y->type.elem);  /* whole numbers are f64 */
    a = arith_convert(c, a, e), y = arith_convert(c, y, e);
    if (a->type.rank != 2 || y->type.rank < 1 || y->type.rank > 2 || y->type.dim[0] != n)
        return mistake(c, k, name, strf(c->L, "a right side with %lld rows", (long long)n), k->v[1]);
    bool vector = y->type.rank == 1;
    if (vector) y = ir_reshape(b, y, ir_ints(2, (int64_t[]){n, 1}));
    IrVal *x = triangular ? ir_trisolve(b, a, y, transpose) : ir_solve(b, a, y);
    if (vector) x = ir_reshape(b, x, ir_ints(1, &n));
    return answered(c, k, x, strf(c->L, "%s: the matrix is singular, or a number is not finite", name));
}

static Value *builtin_solve(Ctx *c, const Call *k) { return solved(c, k, "solve", false, false); }

static Value *builtin_trisolve(Ctx *c, const Call *k)
{
    if (k->v[2] && k->v[2]->kind != V_BOOL) return mistake(c, k, "trisolve", "transpose: true or false", k->v[2]);
    return solved(c, k, "trisolve", true, k->v[2] && k->v[2]->b);
}

/* ---- loops */

bool callable(const Value *v) { return v->kind == V_FUNCTION || v->kind == V_PLAYER || v->kind == V_LAYER || v->kind == V_BIJECTOR; }

static Value *map_dist(Ctx *c, Value *f, Value *v, const void *site, Span at)
{
    Dist *base = as_dist(c, v, at);
    return base ? val_dist(c->L, dist_of_map(c, base, f, site)) : val_error(c->L);
}

static Value *builtin_map(Ctx *c, const Call *k)
{
    if (!callable(k->v[0])) return mistake(c, k, "map", "a function first", k->v[0]);
    Value *v = k->v[1];
    bool dist =
        v->kind == V_DIST || (v->kind == V_PLAYER && v->player->word != AST_DEFINE_NET) || v->kind == V_FUNCTION || dist_is_joint(v);
    if (k->n == 2 && dist) return map_dist(c, k->v[0], v, k->site, k->at);
    Value *rows[MAX_ARGS];
    for (int i = 1; i < k->n; i++) rows[i - 1] = k->v[i];
    return eval_map(c, k->v[0], rows, k->n - 1, k->site, k->at);
}

static Value *builtin_tabulate(Ctx *c, const Call *k)
{
    int64_t n;
    if (!as_size(c, k->v[0], k->at, "the length", &n)) return val_error(c->L);
    if (!callable(k->v[1])) return mistake(c, k, "tabulate", "a function of the index", k->v[1]);
    return eval_tabulate(c, k->v[1], n, k->site, k->at);
}

static Value *loop(Ctx *c, const Call *k, bool scan)
{
    if (!callable(k->v[2]))
        return mistake(c, k, scan ? "scan" : "fold", "a function of the value and the round", k->v[2]);
    return eval_fold(c, k->v[0], k->v[1], k->v[2], k->v[3], scan, k->site, k->at);
}

static Value *builtin_fold(Ctx *c, const Call *k) { return loop(c, k, false); }
static Value *builtin_scan(Ctx *c, const Call *k) { return loop(c, k, true); }

static Value *builtin_replicate(Ctx *c, const Call *k)
{
    if (!callable(k->v[1])) return mistake(c, k, "replicate", "a function of nothing", k->v[1]);
    return eval_replicate(c, k->v[0], k->v[1], k->site, k->at);
}

/* ---- distributions */

static Value *builtin_random_int(Ctx *c, const Call *k)
{
    int64_t n;
    if (!as_size(c, k->v[0], k->at, "the number of values", &n)) return val_error(c->L);
    if (n < 1 || n > INT32_MAX) return mistake(c, k, "random_int", "a number from 1 to 2147483647", k->v[0]);
    return dist_of_int(c->L, n);
}

static Value *builtin_batch_of(Ctx *c, const Call *k)
{
    return dist_of_batch(c->L, as_settled(c, k->v[0], k->at));
}

static Value *builtin_rows(Ctx *c, const Call *k)
{
    return dist_of_rows(c, val_now(c, as_settled(c, k->v[0], k->at)), k->at);
}

static Value *builtin_log_prob(Ctx *c, const Call *k)
{
    Dist *d = as_dist(c, k->v[0], k->at);
    if (!d) return val_error(c->L);
    Value *x = as_settled(c, k->v[1], k->at), *l = dist_log_prob(c, d, x, k->at);
    densities_note(c, d, x, l);
    return l;
}

/* What draws of p are. */
static Value *builtin_support(Ctx *c, const Call *k)
{
    static const char *const word[] = {[MEASURE_UNKNOWN] = "unknown", [MEASURE_COUNTING] = "points", [MEASURE_LEBESGUE] = "intervals", [MEASURE_BOTH] = "both"};
    Dist *d = as_dist(c, k->v[0], k->at);
    if (!d) return val_error(c->L);
    DrawKind is = dist_draw_kind(c, d, k->at);
    return val_string(c->L, is.whole ? "integers" : word[is.measure]);
}

static Value *builtin_log_det_inverse(Ctx *c, const Call *k)
{
    Value *b = bijector_of(k->v[0]);
    return b ? bijector_log_det_inverse(c, b, k->v[1], k->site, k->at) : mistake(c, k, "log_det_inverse", "a bijector first", k->v[0]);
}

/* What kind of number an estimate is; the number itself is as it was. */
static Value *marked(Ctx *c, const Call *k, const char *kind)
{
    Value *v = as_settled(c, k->v[0], k->at);
    if (val_bad(v)) return v;
    v = arena_copy(c->L->a, v, sizeof *v);
    v->estimate = kind;
    return v;
}

static Value *builtin_bound(Ctx *c, const Call *k) { return marked(c, k, "bound"); }
static Value *builtin_unbiased(Ctx *c, const Call *k) { return marked(c, k, "unbiased"); }
static Value *builtin_biased(Ctx *c, const Call *k) { return marked(c, k, "biased"); }
static Value *builtin_plug_in(Ctx *c, const Call *k) { return marked(c, k, "plug_in"); }

/* ---- the table */

static const Builtin table[] = {
#define UNARY(name, row) {#name, 1, 1, PIPE_NO, "x", NULL, IR_##row},
#define BUILTIN(name, least, most, pipe, args) {#name, least, most, PIPE_##pipe, args, builtin_##name, -1},
#include "compiler/lower/eval/builtins.def"
#undef UNARY
#undef BUILTIN
};
enum { N_BUILTINS = sizeof table / sizeof *table };

static Value *primitive(Lower *L, const char *name)
{
    bool normal = !strcmp(name, "standard_normal");
    if (!normal && strcmp(name, "standard_uniform")) return NULL;
    return normal ? dist_of_normal(L) : dist_of_uniform(L);
}

Value *builtin_find(Lower *L, const char *name)
{
    for (int i = 0; i < N_BUILTINS; i++) {
        if (strcmp(table[i].name, name)) continue;
        Value *v = val_new(L, V_FUNCTION);
        v->fn.kind = F_BUILTIN;
        v->fn.builtin = &table[i];
        v->fn.builtin_name = (&table[i])->name;
        return v;
    }
    return primitive(L, name);
}

const char *builtin_nearest(Lower *L, const char *name, int *distance)
{
    const char *best = NULL;
    for (int i = 0; i < N_BUILTINS; i++) {
        int d = name_distance(table[i].name, name);
        if (d < *distance) *distance = d, best = table[i].name;
    }
    (void)L;
    return best;
}

const char *const *builtin_names(Lower *L)
{
    const char **n = arena_array(L->a, const char *, N_BUILTINS + 1);
    for (int i = 0; i < N_BUILTINS; i++) n[i] = table[i].name;
    return n;
}

static int arg_position(const char *args, const char *name)
{
    size_t n = strlen(name);
    for (int i = 0; *args; i++) {
        size_t k = strcspn(args, " ");
        if (k == n && !strncmp(args, name, n)) return i;
        args += k + (args[k] == ' ');
    }
    return -1;
}

static Value *wait_for_last(Ctx *c, const Builtin *b, const Args *args)
{
    Value *v = val_new(c->L, V_FUNCTION);
    v->fn.kind = F_PARTIAL;
    v->fn.builtin = b;
    v->fn.builtin_name = (b)->name;
    v->fn.given = arena_copy(c->L->a, args->v, sizeof(Value *) * (size_t)args->n);
    for (int i = 0; i < args->n; i++) v->fn.given[i] = val_now(c, args->v[i]);
    v->fn.given_name = arena_copy(c->L->a, args->name, sizeof(char *) * (size_t)args->n);
    v->fn.n_given = args->n;
    v->fn.order = b->pipe == PIPE_LAST;
    return v;
}

Value *builtin_partial(Lower *L, const char *name, Value *first)
{
    Value *v = arena_copy(L->a, builtin_find(L, name), sizeof *v);
    v->fn.kind = F_PARTIAL;
    v->fn.given = arena_copy(L->a, &first, sizeof first);
    v->fn.given_name = arena_array(L->a, const char *, 1);
    v->fn.n_given = 1;
    v->fn.order = 1;
    return v;
}

static bool any_names(const Builtin *b) { return !strcmp(b->args, "*"); }

/* "x, dim" */
static const char *args_text(Ctx *c, const Builtin *b)
{
    Text t = text_in(c->L->a);
    for (const char *name = b->args; *name; name++) {
        if (*name == ' ') text_add(&t, ", ");
        else text_addn(&t, name, 1);
    }
    return text_str(&t);
}

static bool place(Ctx *c, const Builtin *b, const Args *args, Value **v, int *n)
{
    if (any_names(b)) {
        memcpy(v, args->v, sizeof *v * (size_t)args->n);
        *n = args->n;
        return true;
    }
    for (int i = 0, position = 0; i < args->n; i++) {
        int k = args->name[i] ? arg_position(b->args, args->name[i]) : position++;
        if (k < 0) {
            Diag *d =
                diag_error(c->L->diags, args->at[i], E110, "%s has no argument called %s", b->name, args->name[i]);
            const Habit *h = habit_of(HABIT_ARG, args->name[i]);
            if (h && *b->args && !any_names(b)) diag_hint(d, "write %s; its arguments are %s", h->ours, args_text(c, b));
            else if (*b->args && !any_names(b)) diag_hint(d, "its arguments are %s", args_text(c, b));
            return false;
        }
        if (v[k])
            return diag_error(c->L->diags, args->at[i], E109, "%s gets its argument %d twice", b->name, k + 1), false;
        v[k] = args->v[i];
        if (k + 1 > *n) *n = k + 1;
    }
    return true;
}

static Value *wrong_number(Ctx *c, const Builtin *b, int n, Span at)
{
    Diag *d = b->least == b->most ? diag_error(c->L->diags, at, E109, "%s takes %d argument%s, and here are %d",
                                               b->name, b->least, b->least == 1 ? "" : "s", n)
                                  : diag_error(c->L->diags, at, E109, "%s takes %d to %d arguments, and here are %d",
                                               b->name, b->least, b->most, n);
    if (*b->args && !any_names(b)) diag_hint(d, "its arguments are %s", args_text(c, b));
    return val_error(c->L);
}

/* Its arguments are enough, and one that it must have is not among them: others have been named. */
static Value *lacks(Ctx *c, const Builtin *b, int i, Span at)
{
    const char *name = b->args;
    for (; i > 0 && strchr(name, ' '); i--) name = strchr(name, ' ') + 1;
    Diag *d = diag_error(c->L->diags, at, E111, "%s needs an argument %s", b->name, arena_strn(c->L->a, name, strcspn(name, " ")));
    diag_hint(d, "its arguments are %s; of what comes through a pipe it is |> fn(h) %s(h, ..)", args_text(c, b), b->name);
    return val_error(c->L);
}

/* scale(-1, 1) and split(9, 1) wait for the data, reshape([2]) for the tensor, one_hot(3) for the class, map(f) for what it goes
 * through. */
static bool waits(const Builtin *b, const Args *args)
{
    bool first = b->pipe == PIPE_FIRST || b->pipe == PIPE_COUNT;
    if (b->pipe == PIPE_NO || !args->n) return first && b->least == 1 && !args->n;
    if (b->pipe == PIPE_COUNT) return args->v[0]->kind == V_INT && !args->v[0]->classes && args->n < b->most;
    return args->n == b->least - 1;
}

/* Of arguments that are not all known: is their number right, whatever they are? */
static Value *of_unknown(Ctx *c, const Builtin *b, const Args *args, Span at)
{
    Value *v[MAX_ARGS + 4] = {0};
    int n = 0;
    bool many = args->n > b->most, few = args->n < b->least && b->pipe == PIPE_NO;
    if (many || few) return wrong_number(c, b, args->n, at);
    place(c, b, args, v, &n);
    return val_error(c->L);
}

Value *builtin_apply(Ctx *c, const Builtin *b, Args *args, const void *site, Span at)
{
    Value *v[MAX_ARGS + 4] = {0};
    int n = 0;
    for (int i = 0; i < args->n; i++)
        if (val_bad(args->v[i])) return c->L->guess ? of_unknown(c, b, args, at) : val_error(c->L);
    if (waits(b, args)) return wait_for_last(c, b, args);
    if (args->n < b->least || args->n > b->most) return wrong_number(c, b, args->n, at);
    if (!place(c, b, args, v, &n)) return val_error(c->L);
    for (int i = 0; i < b->least; i++)
        if (!v[i]) return lacks(c, b, i, at);
    if (b->op >= 0) return arith_map(c, (IrOp)b->op, v[0], at);
    return b->run(c, &(Call){v, n, args->name, site, at});
}
