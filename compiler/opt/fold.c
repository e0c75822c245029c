/* fold.c - see fold.h. A constant is rounded to its element type first, as an engine would. */
#include "compiler/opt/fold.h"

#include "runtime/math/scalar.h"

#include <math.h>

typedef union Number {                                      /* of the element type at hand */
    float   f32;
    double  f64;
    int64_t whole;                                          /* i32, i64 and bool */
} Number;

static Number number_of(const IrVal *v)
{
    const IrAttrs *at = v->def->attr;
    switch (v->type.elem) {
    case IR_F32: return (Number){.f32 = (float)at->value};
    case IR_F64: return (Number){.f64 = at->value};
    default: return (Number){.whole = at->n};
    }
}

static IrVal *constant(IrBuilder *b, IrElem elem, Number x)
{
    if (!ir_is_real(elem)) return ir_const_int(b, elem, x.whole);
    double value = elem == IR_F32 ? (double)x.f32 : x.f64;
    return isnan(value) ? NULL : ir_const(b, elem, value);
}

/* ---- reals ------------------------------------------------------------------------------------------------------ */

#define NAMED(NAME) [IR_##NAME] = math_##NAME##_f32,
static float (*const unary_f32[IR_OP_COUNT])(float) = {MATH_UNARY(NAMED)};
static float (*const binary_f32[IR_OP_COUNT])(float, float) = {MATH_BINARY(NAMED)};
#undef NAMED
#define NAMED(NAME) [IR_##NAME] = math_##NAME##_f64,
static double (*const unary_f64[IR_OP_COUNT])(double) = {MATH_UNARY(NAMED)};
static double (*const binary_f64[IR_OP_COUNT])(double, double) = {MATH_BINARY(NAMED)};
#undef NAMED

static bool fold_f32(const IrNode *n, const Number *x, Number *y)
{
    float a = x[0].f32, b = x[1].f32;
    switch (n->op) {
    case IR_neg: y->f32 = -a; return true;
    case IR_abs: y->f32 = fabsf(a); return true;
    case IR_polygamma: y->f32 = math_polygamma_f32((int32_t)n->attr->n, a); return true;
    case IR_add: y->f32 = a + b; return true;
    case IR_sub: y->f32 = a - b; return true;
    case IR_mul: y->f32 = a * b; return true;
    case IR_div: y->f32 = a / b; return true;
    case IR_fma: y->f32 = fmaf(a, b, x[2].f32); return true;
    default: break;
    }
    if (unary_f32[n->op]) y->f32 = unary_f32[n->op](a);
    else if (binary_f32[n->op]) y->f32 = binary_f32[n->op](a, b);
    else return false;
    return true;
}

static bool fold_f64(const IrNode *n, const Number *x, Number *y)
{
    double a = x[0].f64, b = x[1].f64;
    switch (n->op) {
    case IR_neg: y->f64 = -a; return true;
    case IR_abs: y->f64 = fabs(a); return true;
    case IR_polygamma: y->f64 = math_polygamma_f64((int32_t)n->attr->n, a); return true;
    case IR_add: y->f64 = a + b; return true;
    case IR_sub: y->f64 = a - b; return true;
    case IR_mul: y->f64 = a * b; return true;
    case IR_div: y->f64 = a / b; return true;
    case IR_fma: y->f64 = fma(a, b, x[2].f64); return true;
    default: break;
    }
    if (unary_f64[n->op]) y->f64 = unary_f64[n->op](a);
    else if (binary_f64[n->op]) y->f64 = binary_f64[n->op](a, b);
    else return false;
    return true;
}

/* ---- whole numbers ---------------------------------------------------------------------------------------------- */

static bool fold_whole(const IrNode *n, const Number *x, Number *y)
{
    uint64_t a = (uint64_t)x[0].whole, b = (uint64_t)x[1].whole;        /* wraps; ir_const_int() narrows */
    bool narrow = n->arg[0]->type.elem == IR_I32;
    switch (n->op) {
    case IR_neg: y->whole = (int64_t)(0 - a); return true;
    case IR_abs: y->whole = x[0].whole < 0 ? (int64_t)(0 - a) : x[0].whole; return true;
    case IR_add: y->whole = (int64_t)(a + b); return true;
    case IR_sub: y->whole = (int64_t)(a - b); return true;
    case IR_mul: y->whole = (int64_t)(a * b); return true;
    case IR_div: y->whole = narrow ? math_div_i32((int32_t)a, (int32_t)b) : math_div_i64(x[0].whole, x[1].whole); return true;
    case IR_rem: y->whole = narrow ? math_rem_i32((int32_t)a, (int32_t)b) : math_rem_i64(x[0].whole, x[1].whole); return true;
    case IR_max: y->whole = x[0].whole >= x[1].whole ? x[0].whole : x[1].whole; return true;
    case IR_min: y->whole = x[0].whole <= x[1].whole ? x[0].whole : x[1].whole; return true;
    default: return false;
    }
}

/* ---- comparing and converting ----------------------------------------------------------------------------------- */

#define HOLDS(a, b)                                                                                              \
    (how == IR_EQ ? (a) == (b) : how == IR_NE ? (a) != (b) : how == IR_LT ? (a) < (b) : how == IR_LE ? (a) <= (b) \
                                              : how == IR_GT ? (a) > (b) : (a) >= (b))

static bool holds(IrCompare how, IrElem elem, const Number *x)
{
    if (elem == IR_F32) return HOLDS(x[0].f32, x[1].f32);
    if (elem == IR_F64) return HOLDS(x[0].f64, x[1].f64);
    return HOLDS(x[0].whole, x[1].whole);
}

static Number real_to(IrElem from, IrElem to, Number x)
{
    bool f32 = from == IR_F32;
    switch (to) {
    case IR_BOOL: return (Number){.whole = f32 ? x.f32 != 0 : x.f64 != 0};
    case IR_I32: return (Number){.whole = f32 ? math_to_i32_f32(x.f32) : math_to_i32_f64(x.f64)};
    case IR_I64: return (Number){.whole = f32 ? math_to_i64_f32(x.f32) : math_to_i64_f64(x.f64)};
    case IR_F32: return (Number){.f32 = f32 ? x.f32 : (float)x.f64};
    case IR_F64: return (Number){.f64 = f32 ? (double)x.f32 : x.f64};
    }
    return x;
}

static Number whole_to(IrElem to, Number x)
{
    if (to == IR_F32) return (Number){.f32 = (float)x.whole};
    if (to == IR_F64) return (Number){.f64 = (double)x.whole};
    return (Number){.whole = to == IR_BOOL ? x.whole != 0 : x.whole};
}

IrVal *opt_fold(IrBuilder *b, const IrNode *n)
{
    Number x[3] = {{0}}, y;
    if (n->n_args == 0 || n->n_args > 3 || ir_op_info[n->op].klass != IR_CLASS_MAP) return NULL;
    for (int i = 0; i < n->n_args; i++) {
        if (!ir_is_const(n->arg[i], NULL)) return NULL;
        x[i] = number_of(n->arg[i]);
    }
    IrElem elem = n->arg[0]->type.elem;
    if (n->op == IR_compare) return ir_const(b, IR_BOOL, holds(n->attr->compare, elem, x));
    if (n->op == IR_convert)
        return constant(b, n->attr->elem, ir_is_real(elem) ? real_to(elem, n->attr->elem, x[0]) : whole_to(n->attr->elem, x[0]));
    bool folds = elem == IR_F32 ? fold_f32(n, x, &y) : elem == IR_F64 ? fold_f64(n, x, &y) : fold_whole(n, x, &y);
    return folds ? constant(b, elem, y) : NULL;
}
