/* eval_map.c - element-wise rows: operands are spread to the result's shape, then one loop over all elements.
 *
 * The elementary functions are those of runtime/math; what stands here are IEEE operations and wrapping integers. */
#include "base/bug.h"
#include "compiler/interp/eval.h"
#include "runtime/math/scalar.h"

#include <math.h>
#include <string.h>

static bool no_loop(const IrNode *n, IrElem e)
{
    BUG("interp: no %s on %s", ir_op_info[n->op].name, ir_elem_name(e));
}

/* ---- leaves ----------------------------------------------------------------------------------------------------- */

bool eval_const(InterpRun *r, const IrNode *n)
{
    void *y = eval_result(r, n, 0);
    if (!y) return false;
    switch (n->result[0].type.elem) {
    case IR_BOOL: *(uint8_t *)y = n->attr.n != 0; break;
    case IR_I32: *(int32_t *)y = (int32_t)n->attr.n; break;
    case IR_I64: *(int64_t *)y = n->attr.n; break;
    case IR_F32: *(float *)y = (float)n->attr.value; break;
    case IR_F64: *(double *)y = n->attr.value; break;
    }
    return true;
}

bool eval_index(InterpRun *r, const IrNode *n)
{
    const IrType *t = &n->result[0].type;
    int64_t       extent[EVAL_MAX_RANK], at[EVAL_MAX_RANK] = {0};
    int           rank = eval_extents(eval_module(r), t, extent);
    int           place = n->attr.axis >= 0 ? eval_place_of_axis(t, n->attr.axis) : t->axes.n + n->attr.dim;
    int32_t      *y = eval_result(r, n, 0);
    if (!y) return false;
    int64_t size = eval_size(eval_module(r), t);
    for (int64_t i = 0; i < size; i++, eval_next(rank, extent, at)) y[i] = (int32_t)at[place];
    return true;
}

/* ---- one operand ------------------------------------------------------------------------------------------------ */

typedef struct Unary {
    void (*f32)(const float *x, float *y, size_t n);
    void (*f64)(const double *x, double *y, size_t n);
    void (*i32)(const int32_t *x, int32_t *y, size_t n);
    void (*i64)(const int64_t *x, int64_t *y, size_t n);
} Unary;

static bool unary(InterpRun *r, const IrNode *n, Unary f)
{
    const IrType *t = &n->result[0].type;
    const void   *x = eval_arg(r, n, 0);
    void         *y = eval_result(r, n, 0);
    if (!y) return false;
    size_t size = (size_t)eval_size(eval_module(r), t);
    if (t->elem == IR_F32 && f.f32) f.f32(x, y, size);
    else if (t->elem == IR_F64 && f.f64) f.f64(x, y, size);
    else if (t->elem == IR_I32 && f.i32) f.i32(x, y, size);
    else if (t->elem == IR_I64 && f.i64) f.i64(x, y, size);
    else return no_loop(n, t->elem);
    return true;
}

#define ELEMENTARY(name) \
    bool eval_##name(InterpRun *r, const IrNode *n) { return unary(r, n, (Unary){math_##name##_f32_n, math_##name##_f64_n, NULL, NULL}); }
MATH_UNARY(ELEMENTARY)

#define LOOP1(name, T, expr)                                       \
    static void name(const T *x, T *y, size_t n)                   \
    {                                                              \
        for (size_t i = 0; i < n; i++) {                           \
            T a = x[i];                                            \
            y[i] = (T)(expr);                                      \
        }                                                          \
    }
LOOP1(neg_f32, float, -a)
LOOP1(neg_f64, double, -a)
LOOP1(neg_i32, int32_t, 0u - (uint32_t)a)
LOOP1(neg_i64, int64_t, 0u - (uint64_t)a)
LOOP1(abs_f32, float, fabsf(a))
LOOP1(abs_f64, double, fabs(a))
LOOP1(abs_i32, int32_t, a < 0 ? 0u - (uint32_t)a : (uint32_t)a)
LOOP1(abs_i64, int64_t, a < 0 ? 0u - (uint64_t)a : (uint64_t)a)

bool eval_neg(InterpRun *r, const IrNode *n) { return unary(r, n, (Unary){neg_f32, neg_f64, neg_i32, neg_i64}); }
bool eval_abs(InterpRun *r, const IrNode *n) { return unary(r, n, (Unary){abs_f32, abs_f64, abs_i32, abs_i64}); }

bool eval_polygamma(InterpRun *r, const IrNode *n)
{
    const IrType *t = &n->result[0].type;
    const void   *x = eval_arg(r, n, 0);
    void         *y = eval_result(r, n, 0);
    if (!y) return false;
    int64_t size = eval_size(eval_module(r), t);
    for (int64_t i = 0; i < size; i++) {
        if (t->elem == IR_F32) ((float *)y)[i] = math_polygamma_f32((int32_t)n->attr.n, ((const float *)x)[i]);
        else ((double *)y)[i] = math_polygamma_f64((int32_t)n->attr.n, ((const double *)x)[i]);
    }
    return true;
}

bool eval_stop(InterpRun *r, const IrNode *n)
{
    eval_alias(r, &n->result[0], n->arg[0]);
    return true;
}

/* ---- convert ---------------------------------------------------------------------------------------------------- */

/* From real to integer toward zero, saturating, NaN to 0; between integers modulo 2^32; to bool: != 0. */
#define TO_I32_FROM_F32(a)  math_to_i32_f32(a)
#define TO_I32_FROM_F64(a)  math_to_i32_f64(a)
#define TO_I64_FROM_F32(a)  math_to_i64_f32(a)
#define TO_I64_FROM_F64(a)  math_to_i64_f64(a)
#define TO_I32_FROM_INT(a)  (int32_t)(uint32_t)(a)
#define TO_I64_FROM_INT(a)  (int64_t)(a)

#define CONVERT_FROM(S, T, TO_I32, TO_I64)                                                  \
    static void convert_from_##S(const T *x, IrElem to, void *y, int64_t n)                 \
    {                                                                                       \
        for (int64_t i = 0; i < n; i++)                                                     \
            switch (to) {                                                                   \
            case IR_BOOL: ((uint8_t *)y)[i] = x[i] != 0; break;                             \
            case IR_I32: ((int32_t *)y)[i] = TO_I32(x[i]); break;                           \
            case IR_I64: ((int64_t *)y)[i] = TO_I64(x[i]); break;                           \
            case IR_F32: ((float *)y)[i] = (float)x[i]; break;                              \
            case IR_F64: ((double *)y)[i] = (double)x[i]; break;                            \
            }                                                                               \
    }
CONVERT_FROM(bool, uint8_t, TO_I32_FROM_INT, TO_I64_FROM_INT)
CONVERT_FROM(i32, int32_t, TO_I32_FROM_INT, TO_I64_FROM_INT)
CONVERT_FROM(i64, int64_t, TO_I32_FROM_INT, TO_I64_FROM_INT)
CONVERT_FROM(f32, float, TO_I32_FROM_F32, TO_I64_FROM_F32)
CONVERT_FROM(f64, double, TO_I32_FROM_F64, TO_I64_FROM_F64)

bool eval_convert(InterpRun *r, const IrNode *n)
{
    const IrType *t = &n->result[0].type;
    const void   *x = eval_arg(r, n, 0);
    void         *y = eval_result(r, n, 0);
    if (!y) return false;
    int64_t size = eval_size(eval_module(r), t);
    switch (eval_arg_type(n, 0)->elem) {
    case IR_BOOL: convert_from_bool(x, t->elem, y, size); break;
    case IR_I32: convert_from_i32(x, t->elem, y, size); break;
    case IR_I64: convert_from_i64(x, t->elem, y, size); break;
    case IR_F32: convert_from_f32(x, t->elem, y, size); break;
    case IR_F64: convert_from_f64(x, t->elem, y, size); break;
    }
    return true;
}

/* ---- two operands ----------------------------------------------------------------------------------------------- */

typedef struct Binary {
    void (*f32)(const float *a, const float *b, float *y, size_t n);
    void (*f64)(const double *a, const double *b, double *y, size_t n);
    void (*i32)(const int32_t *a, const int32_t *b, int32_t *y, size_t n);
    void (*i64)(const int64_t *a, const int64_t *b, int64_t *y, size_t n);
} Binary;

static bool binary(InterpRun *r, const IrNode *n, Binary f)
{
    const IrType *t = &n->result[0].type;
    const void   *a = eval_aligned(r, n, 0, t), *b = a ? eval_aligned(r, n, 1, t) : NULL;
    void         *y = b ? eval_result(r, n, 0) : NULL;
    if (!y) return false;
    size_t size = (size_t)eval_size(eval_module(r), t);
    if (t->elem == IR_F32 && f.f32) f.f32(a, b, y, size);
    else if (t->elem == IR_F64 && f.f64) f.f64(a, b, y, size);
    else if (t->elem == IR_I32 && f.i32) f.i32(a, b, y, size);
    else if (t->elem == IR_I64 && f.i64) f.i64(a, b, y, size);
    else return no_loop(n, t->elem);
    return true;
}

#define LOOP2(name, T, expr)                                                    \
    static void name(const T *restrict x, const T *restrict z, T *restrict y, size_t n) \
    {                                                                           \
        for (size_t i = 0; i < n; i++) {                                        \
            T a = x[i], b = z[i];                                               \
            y[i] = (T)(expr);                                                   \
        }                                                                       \
    }
#define LOOP2_REAL(name, expr)          \
    LOOP2(name##_f32, float, expr)      \
    LOOP2(name##_f64, double, expr)
LOOP2_REAL(add, a + b)
LOOP2_REAL(sub, a - b)
LOOP2_REAL(mul, a * b)
LOOP2_REAL(div, a / b)

#define LOOP2_WRAP(name, op)                                            \
    LOOP2(name##_i32, int32_t, (uint32_t)a op (uint32_t)b)              \
    LOOP2(name##_i64, int64_t, (uint64_t)a op (uint64_t)b)
LOOP2_WRAP(add, +)
LOOP2_WRAP(sub, -)
LOOP2_WRAP(mul, *)

#define LOOP2_INT(name, expr32, expr64)     \
    LOOP2(name##_i32, int32_t, expr32)      \
    LOOP2(name##_i64, int64_t, expr64)
LOOP2_INT(div, math_div_i32(a, b), math_div_i64(a, b))
LOOP2_INT(rem, math_rem_i32(a, b), math_rem_i64(a, b))
LOOP2_INT(max, a >= b ? a : b, a >= b ? a : b)
LOOP2_INT(min, a <= b ? a : b, a <= b ? a : b)

#define OWN_LOOPS(name) \
    bool eval_##name(InterpRun *r, const IrNode *n) { return binary(r, n, (Binary){name##_f32, name##_f64, name##_i32, name##_i64}); }
OWN_LOOPS(add)
OWN_LOOPS(sub)
OWN_LOOPS(mul)
OWN_LOOPS(div)

bool eval_rem(InterpRun *r, const IrNode *n) { return binary(r, n, (Binary){math_rem_f32_n, math_rem_f64_n, rem_i32, rem_i64}); }
bool eval_max(InterpRun *r, const IrNode *n) { return binary(r, n, (Binary){math_max_f32_n, math_max_f64_n, max_i32, max_i64}); }
bool eval_min(InterpRun *r, const IrNode *n) { return binary(r, n, (Binary){math_min_f32_n, math_min_f64_n, min_i32, min_i64}); }
bool eval_pow(InterpRun *r, const IrNode *n) { return binary(r, n, (Binary){math_pow_f32_n, math_pow_f64_n, NULL, NULL}); }

/* ---- three operands --------------------------------------------------------------------------------------------- */

#define CPUS __attribute__((target_clones("arch=x86-64-v3", "default")))

CPUS static void fma_f32(const float *a, const float *b, const float *c, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++) y[i] = __builtin_fmaf(a[i], b[i], c[i]);
}

CPUS static void fma_f64(const double *a, const double *b, const double *c, double *y, size_t n)
{
    for (size_t i = 0; i < n; i++) y[i] = __builtin_fma(a[i], b[i], c[i]);
}

bool eval_fma(InterpRun *r, const IrNode *n)
{
    const IrType *t = &n->result[0].type;
    const void   *a = eval_aligned(r, n, 0, t), *b = a ? eval_aligned(r, n, 1, t) : NULL, *c = b ? eval_aligned(r, n, 2, t) : NULL;
    void         *y = c ? eval_result(r, n, 0) : NULL;
    if (!y) return false;
    size_t size = (size_t)eval_size(eval_module(r), t);
    if (t->elem == IR_F32) fma_f32(a, b, c, y, size);
    else if (t->elem == IR_F64) fma_f64(a, b, c, y, size);
    else return no_loop(n, t->elem);
    return true;
}

#define COMPARE(S, T)                                                                           \
    static void compare_##S(IrCompare how, const T *a, const T *b, uint8_t *y, int64_t n)       \
    {                                                                                           \
        switch (how) {                                                                          \
        case IR_EQ: for (int64_t i = 0; i < n; i++) y[i] = a[i] == b[i]; break;                 \
        case IR_NE: for (int64_t i = 0; i < n; i++) y[i] = a[i] != b[i]; break;                 \
        case IR_LT: for (int64_t i = 0; i < n; i++) y[i] = a[i] < b[i]; break;                  \
        case IR_LE: for (int64_t i = 0; i < n; i++) y[i] = a[i] <= b[i]; break;                 \
        case IR_GT: for (int64_t i = 0; i < n; i++) y[i] = a[i] > b[i]; break;                  \
        case IR_GE: for (int64_t i = 0; i < n; i++) y[i] = a[i] >= b[i]; break;                 \
        }                                                                                       \
    }
COMPARE(bool, uint8_t)
COMPARE(i32, int32_t)
COMPARE(i64, int64_t)
COMPARE(f32, float)
COMPARE(f64, double)

bool eval_compare(InterpRun *r, const IrNode *n)
{
    const IrType *t = &n->result[0].type;
    const void   *a = eval_aligned(r, n, 0, t), *b = a ? eval_aligned(r, n, 1, t) : NULL;
    void         *y = b ? eval_result(r, n, 0) : NULL;
    if (!y) return false;
    int64_t size = eval_size(eval_module(r), t);
    switch (eval_arg_type(n, 0)->elem) {
    case IR_BOOL: compare_bool(n->attr.compare, a, b, y, size); break;
    case IR_I32: compare_i32(n->attr.compare, a, b, y, size); break;
    case IR_I64: compare_i64(n->attr.compare, a, b, y, size); break;
    case IR_F32: compare_f32(n->attr.compare, a, b, y, size); break;
    case IR_F64: compare_f64(n->attr.compare, a, b, y, size); break;
    }
    return true;
}

#define SELECT(T)                                                                                                   \
    static void select_##T(const uint8_t *restrict c, const T *restrict a, const T *restrict b, T *restrict y, int64_t n) \
    {                                                                                                               \
        for (int64_t i = 0; i < n; i++) y[i] = c[i] ? a[i] : b[i];                                                  \
    }
SELECT(uint8_t)
SELECT(uint32_t)
SELECT(uint64_t)

bool eval_select(InterpRun *r, const IrNode *n)
{
    const IrType *t = &n->result[0].type;
    const void   *c = eval_aligned(r, n, 0, t), *a = c ? eval_aligned(r, n, 1, t) : NULL, *b = a ? eval_aligned(r, n, 2, t) : NULL;
    void         *y = b ? eval_result(r, n, 0) : NULL;
    if (!y) return false;
    int64_t size = eval_size(eval_module(r), t);
    switch (ir_elem_bytes(t->elem)) {
    case 1: select_uint8_t(c, a, b, y, size); break;
    case 4: select_uint32_t(c, a, b, y, size); break;
    default: select_uint64_t(c, a, b, y, size); break;
    }
    return true;
}
