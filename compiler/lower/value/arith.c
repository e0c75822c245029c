/* arith.c - operators: on static numbers now, on tensors as IR, on records field by field, on distributions as new ones. */
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"
#include "runtime/math/scalar.h"

#include <math.h>

/* ---- static numbers */

static Value *int_power(Lower *L, int64_t a, int64_t b)
{
    int64_t r = 1;
    for (int64_t i = 0; i < b && i < 64; i++)
        if (__builtin_mul_overflow(r, a, &r)) return NULL;
    return b < 64 || a == 0 || a == 1 ? val_int(L, r) : NULL;
}

/* NULL: not in 64 bits. */
static Value *fold_ints(Lower *L, AstOp op, int64_t a, int64_t b)
{
    int64_t r;
    switch (op) {
    case AST_OP_ADD: return __builtin_add_overflow(a, b, &r) ? NULL : val_int(L, r);
    case AST_OP_SUB: return __builtin_sub_overflow(a, b, &r) ? NULL : val_int(L, r);
    case AST_OP_MUL: return __builtin_mul_overflow(a, b, &r) ? NULL : val_int(L, r);
    case AST_OP_MOD: return val_int(L, math_rem_i64(a, b));
    default: return int_power(L, a, b);
    }
}

/* Operators that give an int of two ints. A quotient is a real, and so is a power with a negative exponent. */
static bool stays_int(AstOp op, int64_t b) { return op != AST_OP_DIV && (op != AST_OP_POW || b >= 0); }

static Value *fold_whole(Ctx *c, AstOp op, int64_t a, int64_t b, Span at)
{
    if (op == AST_OP_MOD && !b)
        return diag_error(c->L->diags, at, E204, "%lld %% 0 is not an integer", (long long)a), val_error(c->L);
    Value *exact = fold_ints(c->L, op, a, b);
    if (exact) return exact;
    Diag *d = diag_error(c->L->diags, at, E207, "%lld %s %lld does not fit in 64 bits", (long long)a, AstOp_name(op),
                         (long long)b);
    diag_hint(d, "real(x) makes an integer a real, which is rounded");
    return val_error(c->L);
}

static bool compares(AstOp op) { return op >= AST_OP_EQ && op <= AST_OP_GE; }

/* order: -1, 0, 1. */
static bool fold_compare(AstOp op, int order)
{
    switch (op) {
    case AST_OP_EQ: return order == 0;
    case AST_OP_NE: return order != 0;
    case AST_OP_LT: return order < 0;
    case AST_OP_LE: return order <= 0;
    case AST_OP_GT: return order > 0;
    default: return order >= 0;
    }
}

static double fold_reals(AstOp op, double a, double b)
{
    switch (op) {
    case AST_OP_ADD: return a + b;
    case AST_OP_SUB: return a - b;
    case AST_OP_MUL: return a * b;
    case AST_OP_DIV: return a / b;
    case AST_OP_MOD: return math_rem_f64(a, b);
    case AST_OP_POW: return b == 0.5 ? sqrt(a) : math_pow_f64(a, b);
    default: return NAN;
    }
}

static Value *fold_numbers(Ctx *c, AstOp op, const Value *a, const Value *b, Span at)
{
    Lower *L = c->L;
    if (compares(op)) {
        if (a->kind == V_INT && b->kind == V_INT) return val_bool(L, fold_compare(op, (a->i > b->i) - (a->i < b->i)));
        if (isnan(val_number(a)) || isnan(val_number(b))) return val_bool(L, op == AST_OP_NE);
        return val_bool(L, fold_compare(op, exact_compare(a, b)));
    }
    if (a->kind == V_INT && b->kind == V_INT && stays_int(op, b->i)) return fold_whole(c, op, a->i, b->i, at);
    return exact_binary(L, op, a, b, fold_reals(op, val_number(a), val_number(b)));
}

static Value *fold_binary(Ctx *c, AstOp op, Value *a, Value *b, Span at)
{
    Value *v = fold_numbers(c, op, a, b, at);
    return v->kind == V_BOOL ? face_test(c, a, b, v) : sum_binary(c->L, op, a, b, face_binary(c, op, a, b, v));
}

/* ---- tensors */

/* A constant stays one, rounded once: when it is used. */
IrVal *arith_convert(Ctx *c, IrVal *v, IrElem elem)
{
    bool number = v->def && v->def->op == IR_const && v->type.elem != IR_BOOL && elem != IR_BOOL && ir_is_real(elem);
    return number ? ir_const(fn_builder(c), elem, v->def->attr->value) : ir_convert(fn_builder(c), v, elem);
}

/* The element type of a result of two. */
IrElem arith_elem(const Ctx *c, IrElem x, IrElem y)
{
    IrElem real = c->L->m->real;
    if (x == y) return x;
    if (ir_is_real(x) && ir_is_real(y)) return real;        /* f64 beside f32: counters and rates meet weights */
    if (ir_is_real(x)) return y == IR_I64 && x == IR_F64 ? IR_F64 : real;
    if (ir_is_real(y)) return x == IR_I64 && y == IR_F64 ? IR_F64 : real;
    return x == IR_I64 || y == IR_I64 ? IR_I64 : IR_I32;
}

void shapes_noted(Ctx *c, const Diag *d, const IrInts *a, const IrInts *b)
{
    int64_t apart = 0;
    for (int i = 0; a->n == b->n && i < a->n && !apart; i++) apart = a->v[i] - b->v[i];
    if (c->L->guess) array_push(c->L->a, &c->L->shapes, ((__typeof__(*c->L->shapes.v)){d, a->n != b->n, apart}));
}

/* What other tools would repeat both to, silently: from the last dimension on they are equal, or one is 1. False: to nothing. */
static bool repeated_to(const IrInts *a, const IrInts *b, IrInts *out)
{
    *out = ir_ints(0, NULL);
    out->n = a->n > b->n ? a->n : b->n;
    for (int i = 1; i <= out->n; i++) {
        int64_t x = i <= a->n ? a->v[a->n - i] : 1, y = i <= b->n ? b->v[b->n - i] : 1;
        if (x != y && x != 1 && y != 1) return false;
        out->v[out->n - i] = x == 1 ? y : x;
    }
    return true;
}

/* How that is written of one of them; "" of one that has the shape already. */
static const char *repeat_text(Ctx *c, const char *which, const IrInts *of, const IrInts *all)
{
    IrInts kept = ir_ints(0, NULL), along = kept;
    for (int i = 0; i < all->n; i++) {
        int at = i - (all->n - of->n);
        if (at >= 0 && of->v[at] == all->v[i]) kept.v[kept.n++] = of->v[at];
        else along.v[along.n++] = i;
    }
    if (!along.n) return "";
    return strf(c->L, "%s broadcast(reshape(x, %s), %s, %s)", which, dims_text(c->L, &kept), dims_text(c->L, all), dims_text(c->L, &along));
}

static void shapes_differ(Ctx *c, const IrVal *a, const IrVal *b, Span at, const char *word)
{
    const char *x = type_text(c->L, &a->type), *y = type_text(c->L, &b->type);
    Diag *d = diag_error(c->L->diags, at, E200, "%s has %s on one side and %s on the other", word, x, y);
    diag_label(d, "%s and %s", x, y);
    IrInts of_a = ir_dims_of(&a->type), of_b = ir_dims_of(&b->type), all;
    shapes_noted(c, d, &of_a, &of_b);
    if (a->type.rank == b->type.rank + 1 || b->type.rank == a->type.rank + 1)
        diag_hint(d, "nothing is repeated silently; over the rows of a tensor: map(fn(row) ..., t)");
    else if (repeated_to(&of_a, &of_b, &all))
        diag_hint(d, "nothing is repeated silently%s%s", repeat_text(c, "; of the first,", &of_a, &all), repeat_text(c, "; of the second,", &of_b, &all));
    else if (ir_dims_size(&a->type) == ir_dims_size(&b->type))
        diag_hint(d, "reshape(x, [...]) gives one of them the other's shape");
}

/* ---- conditions: joined by and, or and not, compared with == and !=, selected, stacked, counted by sum and mean; else no numbers */

static void refuse_condition(Ctx *c, Span at, const char *word)
{
    Diag *d = diag_error(c->L->diags, at, E201, "%s takes numbers, and this is a condition", word);
    diag_hint(d, "where(cond, 1, 0) makes a number of it");
}

IrVal *arith_numbers(Ctx *c, Value *v, Span at, const char *word)
{
    IrVal *t = as_tensor(c, v, at);
    if (!t || t->type.elem != IR_BOOL) return t;
    return refuse_condition(c, at, word), NULL;
}

IrVal *arith_reals(Ctx *c, Value *v, Span at, const char *word)
{
    return arith_numbers(c, v, at, word) ? as_real(c, v, at) : NULL;
}

bool arith_align(Ctx *c, IrVal **a, IrVal **b, Span at, const char *word)
{
    if (((*a)->type.elem == IR_BOOL) != ((*b)->type.elem == IR_BOOL)) {
        Diag *d = diag_error(c->L->diags, at, E201, "%s has a condition on one side and a number on the other", word);
        diag_hint(d, "where(cond, 1, 0) makes a number of it");
        return false;
    }
    if ((*a)->type.rank && (*b)->type.rank && !ir_dims_equal(&(*a)->type, &(*b)->type)) {
        shapes_differ(c, *a, *b, at, word);
        return false;
    }
    IrElem e = arith_elem(c, (*a)->type.elem, (*b)->type.elem);
    *a = arith_convert(c, *a, e);
    *b = arith_convert(c, *b, e);
    return true;
}

/* A static number beside a tensor takes the tensor's element type where that loses nothing. */
static IrVal *constant_beside(Ctx *c, const Value *v, const IrVal *t, Span at)
{
    IrElem e = t->type.elem;
    if (v->face && !ir_is_real(e) && !ir_is_real(face_node(c, v)->type.elem)) return face_node(c, v);
    if (v->face) return ir_convert(fn_builder(c), face_node(c, v), ir_is_real(e) ? e : e == IR_I64 ? IR_F64 : c->L->m->real);
    if (v->kind == V_INT && !ir_is_real(e)) return ir_const_int(fn_builder(c), e == IR_I64 ? e : int_elem(v->i), v->i);
    if (!ir_is_real(e)) e = e == IR_I64 ? IR_F64 : c->L->m->real;
    return real_const(c, v, e, at);
}

bool arith_operands(Ctx *c, Value *a, Value *b, Span at, IrVal **x, IrVal **y)
{
    *x = val_is_number(a) ? NULL : as_tensor(c, a, at);
    *y = val_is_number(b) ? NULL : as_tensor(c, b, at);
    if ((!*x && !val_is_number(a)) || (!*y && !val_is_number(b))) return false;
    if (!*x && !*y) return *x = as_tensor(c, a, at), *y = as_tensor(c, b, at), *x && *y;
    if (!*x) *x = constant_beside(c, a, *y, at);
    if (!*y) *y = constant_beside(c, b, *x, at);
    return true;
}

static bool refuse_bools(Ctx *c, const IrVal *x, const IrVal *y, AstOp op, Span at)
{
    if (x->type.elem != IR_BOOL && y->type.elem != IR_BOOL) return false;
    refuse_condition(c, at, AstOp_name(op));
    return true;
}

static IrVal *real_of(Ctx *c, IrVal *v)
{
    if (ir_is_real(v->type.elem)) return v;
    return arith_convert(c, v, v->type.elem == IR_I64 ? IR_F64 : c->L->m->real);
}

/* NULL, reported: it may not fit. */
static IrVal *product(Ctx *c, IrVal *x, IrVal *y, Span at)
{
    if (!ints_fit(c, IR_mul, x, y, at)) return NULL;
    ints_widen(c, IR_mul, &x, &y);
    if (x->type.elem != y->type.elem) x = arith_convert(c, x, IR_I64), y = arith_convert(c, y, IR_I64);
    return ir_mul(fn_builder(c), x, y);
}

/* By squares; n is above 0. */
static IrVal *whole_power(Ctx *c, IrVal *x, int64_t n, Span at)
{
    if (n == 1) return x;
    IrVal *half = whole_power(c, x, n / 2, at), *square = half ? product(c, half, half, at) : NULL;
    return square && n % 2 ? product(c, square, x, at) : square;
}

/* Small whole powers are products, a half is a root: the rows that have exact derivatives. Of integers each whole power is a product, so that it is exact. */
static Value *power(Ctx *c, Value *a, Value *e, Span at)
{
    IrBuilder *b = fn_builder(c);
    IrVal *x, *y;
    if (val_is_number(e) && !e->face) {
        double n = val_number(e);
        bool whole = n == floor(n) && fabs(n) <= 4;
        if (!(x = arith_numbers(c, a, at, "^"))) return val_error(c->L);
        if (!ir_is_real(x->type.elem) && n > 0 && e->kind == V_INT) return val_tensor(c->L, whole_power(c, x, e->i, at));
        x = real_of(c, x);
        if (n == 0.5) return val_tensor(c->L, ir_sqrt(b, x));
        if (n == -0.5) return val_tensor(c->L, ir_div(b, ir_const_like(b, x, 1), ir_sqrt(b, x)));
        if (whole && n > 0) return val_tensor(c->L, whole_power(c, x, (int64_t)n, at));
        if (whole && n < 0) return val_tensor(c->L, ir_div(b, ir_const_like(b, x, 1), whole_power(c, x, (int64_t)-n, at)));
        return val_tensor(c->L, ir_pow(b, x, ir_const_like(b, x, n)));
    }
    if (!arith_operands(c, a, e, at, &x, &y) || refuse_bools(c, x, y, AST_OP_POW, at)) return val_error(c->L);
    x = real_of(c, x), y = real_of(c, y);
    if (!arith_align(c, &x, &y, at, "^")) return val_error(c->L);
    return val_tensor(c->L, ir_pow(b, x, y));
}

/* Of integers it is made of exact products and sums. */
static Value *whole_matmul(Ctx *c, IrVal *x, IrVal *y, Span at)
{
    int last = x->type.rank - 1, rank = last + y->type.rank;
    int64_t n = y->type.dim[0];
    if (rank > IR_MAX_RANK) return too_many_dims(c, at);
    IrInts d = {.n = (uint8_t)rank}, of_x = {.n = (uint8_t)(last + 1)}, of_y = {.n = (uint8_t)y->type.rank};
    for (int i = 0; i <= last; i++) d.v[i] = x->type.dim[i], of_x.v[i] = i;
    for (int i = 0; i < y->type.rank; i++) d.v[last + i] = y->type.dim[i], of_y.v[i] = last + i;
    if (!dims_fit(c->L, &d, at)) return val_error(c->L);
    IrBuilder *b = fn_builder(c);
    IrVal *t = product(c, ir_broadcast(b, x, d, of_x), ir_broadcast(b, y, d, of_y), at);
    if (!t || !ints_sum_fits(c, t, n, at)) return val_error(c->L);
    return val_tensor(c->L, ir_sum(b, ints_widen_sum(c, t, n), ir_ints(1, (int64_t[]){last})));
}

static Value *matmul(Ctx *c, Value *a, Value *w, Span at)
{
    IrVal *x = arith_numbers(c, a, at, "@"), *y = x ? arith_numbers(c, w, at, "@") : NULL;
    if (!x || !y) return val_error(c->L);
    bool whole = !ir_is_real(x->type.elem) && !ir_is_real(y->type.elem);
    if (!x->type.rank || !y->type.rank || x->type.dim[x->type.rank - 1] != y->type.dim[0]) {
        Diag *d = diag_error(
            c->L->diags, at, E200,
            "@ contracts the last dimension of its left side with the first of its right side, and these are %s and %s",
            type_text(c->L, &x->type), type_text(c->L, &y->type));
        diag_label(d, "%s @ %s", type_text(c->L, &x->type), type_text(c->L, &y->type));
        return val_error(c->L);
    }
    if (x->type.rank + y->type.rank - 2 > IR_MAX_RANK)
        return too_many_dims(c, at);
    if (whole) return whole_matmul(c, x, y, at);
    x = arith_reals(c, a, at, "@"), y = arith_reals(c, w, at, "@");
    IrElem e = arith_elem(c, x->type.elem, y->type.elem);
    int last = x->type.rank - 1, first = 0;
    IrPairs k = ir_pairs(1, &last, &first);
    return val_tensor(
        c->L, ir_dot(fn_builder(c), arith_convert(c, x, e), arith_convert(c, y, e), ir_no_pairs(), k, ir_no_axes()));
}

static Value *join_conditions_only(Ctx *c, AstOp op, Value *a, Value *b, Span at)
{
    diag_error(c->L->diags, at, E201, "%s joins conditions, and these are %s and %s", AstOp_name(op), val_text(c->L, a), val_text(c->L, b));
    return val_error(c->L);
}

static Value *logical(Ctx *c, AstOp op, Value *a, Value *b, Span at)
{
    if (a->kind == V_BOOL && b->kind == V_BOOL) return face_test(c, a, b, val_bool(c->L, op == AST_OP_AND ? a->b && b->b : a->b || b->b));
    IrVal *x = as_tensor(c, a, at), *y = as_tensor(c, b, at);
    if (!x || !y) return val_error(c->L);
    if (x->type.elem != IR_BOOL || y->type.elem != IR_BOOL) return join_conditions_only(c, op, a, b, at);
    if (!arith_align(c, &x, &y, at, AstOp_name(op))) return val_error(c->L);
    return val_tensor(c->L, op == AST_OP_AND ? ir_and(fn_builder(c), x, y) : ir_or(fn_builder(c), x, y));
}

static IrCompare compare_of(AstOp op)
{
    static const IrCompare how[] = {IR_EQ, IR_NE, IR_LT, IR_LE, IR_GT, IR_GE};
    return how[op - AST_OP_EQ];
}

/* x + 0, x - 0, 1 * x, x / 1 with a static number are x: a standard normal is not scaled and shifted. But -0 + 0 is 0. NULL: none of these. */
static Value *neutral(Ctx *c, AstOp op, Value *a, Value *b, Span at)
{
    bool left = val_is_number(a), sum = op == AST_OP_ADD || op == AST_OP_SUB,
         product = op == AST_OP_MUL || op == AST_OP_DIV;
    if (!val_is_number(left ? a : b) || (!sum && !product) || (left && (op == AST_OP_SUB || op == AST_OP_DIV))) return NULL;
    if ((left ? a : b)->face || val_number(left ? a : b) != (sum ? 0 : 1)) return NULL;
    IrVal *t = as_tensor(c, left ? b : a, at);
    if (!t) return val_error(c->L);
    bool adds = sum && !signbit(val_number(left ? a : b)) == (op == AST_OP_ADD);
    if (adds && ir_may_be_minus_zero(t)) return NULL;
    bool same =
        ir_is_real(t->type.elem) || (t->type.elem != IR_BOOL && op != AST_OP_DIV && (left ? a : b)->kind == V_INT);
    return same ? val_tensor(c->L, t) : NULL;
}

static IrVal *equal_conditions(IrBuilder *b, IrVal *x, IrVal *y, bool equal)
{
    return equal ? ir_select(b, x, y, ir_not(b, y)) : ir_select(b, x, ir_not(b, y), y);
}

/* A whole number is compared with a real as the numbers that they are: f32 does not hold each whole number. */
static void compare_exactly(Ctx *c, IrVal **x, IrVal **y)
{
    bool left = ir_is_real((*x)->type.elem), right = ir_is_real((*y)->type.elem), conditions = (*x)->type.elem == IR_BOOL || (*y)->type.elem == IR_BOOL;
    if (left != right && !conditions) *x = arith_convert(c, *x, IR_F64), *y = arith_convert(c, *y, IR_F64);
}

/* ---- lists of integers known now, item by item: what is exact stays known, so that it meets known reals as it is */

static bool same_extents(const Value *a, const Value *b)
{
    if (a->kind != V_LIST || b->kind != V_LIST) return a->kind == b->kind;
    if (a->list.n != b->list.n) return false;
    for (int i = 0; i < a->list.n; i++)
        if (!same_extents(a->list.v[i], b->list.v[i])) return false;
    return true;
}

bool val_known_ints(const Value *v)
{
    if (v->kind != V_LIST) return v->kind == V_INT;
    for (int i = 0; i < v->list.n; i++)
        if (!val_known_ints(v->list.v[i]) || !same_extents(v->list.v[0], v->list.v[i])) return false;
    return v->list.n > 0;
}

static bool none_negative(const Value *v)
{
    if (v->kind != V_LIST) return v->i >= 0;
    for (int i = 0; i < v->list.n; i++)
        if (!none_negative(v->list.v[i])) return false;
    return true;
}

static Value *fold_ints_listed(Ctx *c, AstOp op, Value *a, Value *b, Span at)
{
    bool left = a->kind == V_LIST, right = b->kind == V_LIST;
    if (!left && !right) return fold_binary(c, op, a, b, at);
    int n = (left ? a : b)->list.n;
    Value **v = arena_array(c->L->a, Value *, n);
    for (int i = 0; i < n; i++) {
        v[i] = fold_ints_listed(c, op, left ? a->list.v[i] : a, right ? b->list.v[i] : b, at);
        if (val_bad(v[i])) return v[i];
    }
    return val_list(c->L, v, n);
}

/* NULL: they are no such lists, or of other extents, or what op makes of them are no integers. */
static Value *whole_lists(Ctx *c, AstOp op, Value *a, Value *b, Span at)
{
    bool whole = op == AST_OP_ADD || op == AST_OP_SUB || op == AST_OP_MUL || op == AST_OP_MOD || op == AST_OP_POW;
    if (!whole || !val_known_ints(a) || !val_known_ints(b) || (op == AST_OP_POW && !none_negative(b))) return NULL;
    bool meet = a->kind != V_LIST || b->kind != V_LIST || same_extents(a, b);
    return meet ? fold_ints_listed(c, op, a, b, at) : NULL;
}

static Value *tensor_binary(Ctx *c, AstOp op, Value *a, Value *b, Span at)
{
    IrVal *x, *y;
    Value *known = whole_lists(c, op, a, b, at), *same = known ? known : neutral(c, op, a, b, at);
    if (same) return same;
    if (op == AST_OP_AND || op == AST_OP_OR) return logical(c, op, a, b, at);
    if (op == AST_OP_MATMUL) return matmul(c, a, b, at);
    if (op == AST_OP_POW) return power(c, a, b, at);
    if (!arith_operands(c, a, b, at, &x, &y)) return val_error(c->L);
    if (op == AST_OP_DIV) x = real_of(c, x), y = real_of(c, y);
    if (op == AST_OP_ADD || op == AST_OP_SUB) x = sum_square(c, a, x, y, at), y = sum_square(c, b, y, x, at);
    bool equality = op == AST_OP_EQ || op == AST_OP_NE;
    if (!equality && refuse_bools(c, x, y, op, at)) return val_error(c->L);
    if (compares(op)) compare_exactly(c, &x, &y);
    if (!arith_align(c, &x, &y, at, AstOp_name(op))) return val_error(c->L);
    IrBuilder *f = fn_builder(c);
    if (x->type.elem == IR_BOOL) return val_tensor(c->L, equal_conditions(f, x, y, op == AST_OP_EQ));
    if (op == AST_OP_ADD || op == AST_OP_SUB || op == AST_OP_MUL) {
        IrOp row = op == AST_OP_ADD ? IR_add : op == AST_OP_SUB ? IR_sub : IR_mul;
        if (!ints_fit(c, row, x, y, at)) return val_error(c->L);
        ints_widen(c, row, &x, &y);
    }
    switch (op) {
    case AST_OP_ADD: return val_tensor(c->L, ir_add(f, x, y));
    case AST_OP_SUB: return val_tensor(c->L, ir_sub(f, x, y));
    case AST_OP_MUL: return val_tensor(c->L, ir_mul(f, x, y));
    case AST_OP_DIV: return val_tensor(c->L, ir_div(f, x, y));
    case AST_OP_MOD: return val_tensor(c->L, ir_rem(f, x, y));
    default: return val_tensor(c->L, ir_compare(f, compare_of(op), x, y));
    }
}

/* ---- records, field by field */

Value *arith_like(Ctx *c, const Value *a, Value *b, Span at)
{
    bool same = a->record.n == b->record.n && !a->record.name == !b->record.name, ordered = true;
    Value **v = arena_array(c->L->a, Value *, b->record.n + 1);
    for (int i = 0; same && i < b->record.n; i++) {
        bool here = !a->record.name || !strcmp(a->record.name[i], b->record.name[i]);
        v[i] = here ? b->record.v[i] : val_field(b, a->record.name[i]);
        same = v[i] != NULL;
        ordered = ordered && here;
    }
    Value *by_paths = same ? NULL : val_in_form(c->L, a, b);
    if (by_paths) return by_paths;
    if (!same)
        return diag_error(c->L->diags, at, E200, "these records have different fields: %s and %s", val_text(c->L, a), val_text(c->L, b)), NULL;
    return ordered ? b : val_record_of_both(c->L, val_record(c->L, v, a->record.name, a->record.n), b, b);
}

static Value *record_binary(Ctx *c, AstOp op, Value *a, Value *b, Span at)
{
    bool left = a->kind == V_RECORD, right = b->kind == V_RECORD;
    if (left && right && !(b = arith_like(c, a, b, at))) return val_error(c->L);
    const Value *shape = left ? a : b;
    Value **v = arena_array(c->L->a, Value *, shape->record.n + 1);
    for (int i = 0; i < shape->record.n; i++)
        v[i] = arith_binary(c, op, left ? a->record.v[i] : a, right ? b->record.v[i] : b, at);
    Value *r = val_record_like(c->L, shape, v);
    return left && right ? val_record_of_both(c->L, r, a, b) : r;
}

/* ---- the doors */

static Value *add_functions(Ctx *c, Span at)
{
    diag_error(c->L->diags, at, E201, "functions cannot be added or compared; apply them first");
    return val_error(c->L);
}

static Value *refuse_strings(Ctx *c, AstOp op, Span at)
{
    diag_error(c->L->diags, at, E201, "%s takes numbers, and these are strings", AstOp_name(op));
    return val_error(c->L);
}

Value *arith_binary(Ctx *c, AstOp op, Value *a, Value *b, Span at)
{
    Lower *L = c->L;
    a = as_numbers(c, a, at), b = as_numbers(c, b, at);
    if (val_bad(a) || val_bad(b)) return val_error(L);
    bool joins = op == AST_OP_AND || op == AST_OP_OR;
    if (joins && val_is_number(a) && val_is_number(b)) return join_conditions_only(c, op, a, b, at);
    if (val_is_number(a) && val_is_number(b) && op != AST_OP_MATMUL) return fold_binary(c, op, a, b, at);
    if (a->kind == V_BOOL && b->kind == V_BOOL && (op == AST_OP_EQ || op == AST_OP_NE))
        return face_test(c, a, b, val_bool(L, (a->b == b->b) == (op == AST_OP_EQ)));
    if (a->kind == V_STRING && b->kind == V_STRING && (op == AST_OP_EQ || op == AST_OP_NE))
        return val_bool(L, !strcmp(a->s, b->s) == (op == AST_OP_EQ));
    if (a->kind == V_STRING && b->kind == V_STRING) return refuse_strings(c, op, at);
    if (a->kind == V_RECORD || b->kind == V_RECORD) return record_binary(c, op, a, b, at);
    if (a->kind == V_FUNCTION && b->kind == V_FUNCTION) return add_functions(c, at);
    return tensor_binary(c, op, a, b, at);
}

static Value *not_value(Ctx *c, Value *a, Span at)
{
    if (a->kind == V_BOOL) return face_test(c, a, NULL, val_bool(c->L, !a->b));
    if (a->kind == V_RECORD) {
        Value **v = arena_array(c->L->a, Value *, a->record.n + 1);
        for (int i = 0; i < a->record.n; i++) v[i] = arith_unary(c, AST_OP_NOT, a->record.v[i], at);
        return val_record_like(c->L, a, v);
    }
    IrVal *x = as_tensor(c, a, at);
    if (!x) return val_error(c->L);
    if (x->type.elem == IR_BOOL) return val_tensor(c->L, ir_not(fn_builder(c), x));
    diag_error(c->L->diags, at, E201, "not takes a condition, and this is %s", val_text(c->L, a));
    return val_error(c->L);
}

Value *arith_unary(Ctx *c, AstOp op, Value *a, Span at)
{
    a = as_numbers(c, a, at);
    if (val_bad(a)) return a;
    if (op == AST_OP_NOT) return not_value(c, a, at);
    if (a->kind == V_INT) return face_map(c, IR_neg, a, fold_whole(c, AST_OP_SUB, 0, a->i, at));
    if (a->kind == V_REAL) return sum_negated(c->L, a, face_map(c, IR_neg, a, exact_map(c->L, IR_neg, a, -a->r)));
    Value *known = whole_lists(c, AST_OP_SUB, val_int(c->L, 0), a, at);
    return known ? known : arith_map(c, IR_neg, a, at);
}

static double fold_map(IrOp op, double x)
{
    switch (op) {
    case IR_neg: return -x;
    case IR_abs: return fabs(x);
    case IR_floor: return floor(x);
    case IR_sqrt: return sqrt(x);
    case IR_exp: return math_exp_f64(x);
    case IR_expm1: return math_expm1_f64(x);
    case IR_log: return math_log_f64(x);
    case IR_log1p: return math_log1p_f64(x);
    case IR_sin: return math_sin_f64(x);
    case IR_cos: return math_cos_f64(x);
    case IR_tanh: return math_tanh_f64(x);
    case IR_sigmoid: return math_sigmoid_f64(x);
    case IR_softplus: return math_softplus_f64(x);
    case IR_erf: return math_erf_f64(x);
    case IR_erfc: return math_erfc_f64(x);
    default: return x;
    }
}

/* -x and |x| of the least 32-bit number are no 32-bit numbers. */
static void ints_widen_sign(Ctx *c, IrVal **x)
{
    if ((*x)->type.elem != IR_I32) return;
    IrVal *zero = ir_const_int(fn_builder(c), IR_I32, 0);
    ints_widen(c, IR_sub, &zero, x);
}

Value *arith_map(Ctx *c, IrOp op, Value *a, Span at)
{
    a = as_numbers(c, a, at);
    if (a->kind == V_INT && op == IR_abs)
        return face_map(c, op, a, a->i < 0 ? fold_whole(c, AST_OP_SUB, 0, a->i, at) : val_int(c->L, a->i));
    if (a->kind == V_INT && (op == IR_floor || op == IR_stop)) return face_map(c, op, a, val_int(c->L, a->i));
    if (val_is_number(a)) return face_map(c, op, a, exact_map(c->L, op, a, fold_map(op, val_number(a))));
    if (a->kind == V_RECORD) {
        Value **v = arena_array(c->L->a, Value *, a->record.n + 1);
        for (int i = 0; i < a->record.n; i++) v[i] = arith_map(c, op, a->record.v[i], at);
        return val_record_like(c->L, a, v);
    }
    const char *word = op == IR_neg ? "-" : ir_op_info[op].name;
    bool ints = op == IR_neg || op == IR_abs;
    IrVal *x = op == IR_stop ? as_tensor(c, a, at) : ints ? arith_numbers(c, a, at, word) : arith_reals(c, a, at, word);
    if (!x) return val_error(c->L);
    if (ints) ints_widen_sign(c, &x);
    IrAttrs none = ir_attrs();
    return val_tensor(c->L, ir_node(fn_builder(c), op, &x, 1, &none)->result);
}

static Value *select_records(Ctx *c, Value *cond, Value *yes, Value *no, Span at)
{
    if (yes->kind != V_RECORD || no->kind != V_RECORD)
        return diag_error(c->L->diags, at, E200, "where picks between %s and %s", val_text(c->L, yes), val_text(c->L, no)), val_error(c->L);
    if (!(no = arith_like(c, yes, no, at))) return val_error(c->L);
    Value **v = arena_array(c->L->a, Value *, yes->record.n + 1);
    for (int i = 0; i < yes->record.n; i++) v[i] = arith_select(c, cond, yes->record.v[i], no->record.v[i], at);
    return val_record_of_both(c->L, val_record_like(c->L, yes, v), yes, no);
}

/* Field by field: what is no record is the same for every field. */
static Value *select_by_fields(Ctx *c, Value *cond, Value *yes, Value *no, Span at)
{
    Value *of[] = {cond, yes, no}, **v = arena_array(c->L->a, Value *, cond->record.n + 1), *one[3];
    for (int k = 1; k < 3; k++)
        if (of[k]->kind == V_RECORD && !(of[k] = arith_like(c, cond, of[k], at))) return val_error(c->L);
    for (int i = 0; i < cond->record.n; i++) {
        for (int k = 0; k < 3; k++) one[k] = of[k]->kind == V_RECORD ? of[k]->record.v[i] : of[k];
        v[i] = arith_select(c, one[0], one[1], one[2], at);
    }
    Value *r = val_record_like(c->L, cond, v);
    for (int k = 1; k < 3; k++)
        if (of[k]->kind == V_RECORD) r = val_record_of_both(c->L, r, cond, of[k]);
    return r;
}

static bool is_table(const Value *v) { return v->kind == V_TENSOR || v->kind == V_SLOT || v->kind == V_LIST || v->kind == V_RANGE; }

/* The arms of a condition known now are held to the same as those of one that is computed. NULL: they can stay what they are. */
static Value *known_arms(Ctx *c, Value *cond, Value *yes, Value *no, Span at)
{
    IrVal *x, *y;
    if (yes->kind == V_RECORD || no->kind == V_RECORD) return select_records(c, cond, yes, no, at);
    bool numbers = is_table(yes) || is_table(no), same = yes->kind == no->kind || (val_is_number(yes) && val_is_number(no));
    if (!numbers && !same) {
        diag_error(c->L->diags, at, E200, "where picks between %s and %s", val_text(c->L, yes), val_text(c->L, no));
        return val_error(c->L);
    }
    if (!numbers || !c->L->fn) return NULL;
    if (!arith_operands(c, yes, no, at, &x, &y) || !arith_align(c, &x, &y, at, "where")) return val_error(c->L);
    IrVal *one = cond->b ? x : y, *other = cond->b ? y : x;
    if (one->type.rank || !other->type.rank) return NULL;
    Value *filled = val_tensor(c->L, ir_fill(fn_builder(c), one, ir_dims_of(&other->type)));
    return face_where(c, cond, filled, filled);
}

/* Beside a record, and where both are computed, a net stands for its parameters; of two nets a condition known now picks one. */
static void net_arms(Ctx *c, const Value *cond, Value **yes, Value **no, Span at)
{
    if (cond->kind == V_BOOL && (*yes)->kind != V_RECORD && (*no)->kind != V_RECORD) return;
    *yes = as_numbers(c, *yes, at);
    *no = as_numbers(c, *no, at);
}

Value *arith_select(Ctx *c, Value *cond, Value *yes, Value *no, Span at)
{
    cond = as_settled(c, cond, at), yes = val_stacked(c, as_settled(c, yes, at), at), no = val_stacked(c, as_settled(c, no, at), at);
    net_arms(c, cond, &yes, &no, at);
    if (cond->kind == V_BOOL && (val_bad(yes) || val_bad(no))) return val_error(c->L);
    Value *arm = cond->kind == V_BOOL ? known_arms(c, cond, yes, no, at) : NULL;
    if (arm) return arm;
    if (cond->kind == V_BOOL) return face_where(c, cond, yes, no);
    if (val_bad(cond) || val_bad(yes) || val_bad(no)) return val_error(c->L);
    if (cond->kind == V_RECORD) return select_by_fields(c, cond, yes, no, at);
    IrVal *k = as_tensor(c, cond, at), *x, *y;
    if (!k) return val_error(c->L);
    if (k->type.elem != IR_BOOL) {
        diag_error(c->L->diags, at, E201, "where takes a condition first, and this is %s", val_text(c->L, cond));
        return val_error(c->L);
    }
    if (yes->kind == V_RECORD || no->kind == V_RECORD) return select_records(c, val_tensor(c->L, k), yes, no, at);
    if (val_is_number(yes) && val_is_number(no) && (yes->kind == V_REAL || no->kind == V_REAL))
        x = as_real(c, yes, at), y = as_real(c, no, at);
    else if (!arith_operands(c, yes, no, at, &x, &y)) return val_error(c->L);
    if (!arith_align(c, &x, &y, at, "where")) return val_error(c->L);
    const IrType *t = x->type.rank ? &x->type : &y->type;
    if (k->type.rank && t->rank && !ir_dims_equal(&k->type, t)) {
        shapes_differ(c, k, x->type.rank ? x : y, at, "where");
        return val_error(c->L);
    }
    return val_tensor(c->L, ir_select(fn_builder(c), k, x, y));
}
