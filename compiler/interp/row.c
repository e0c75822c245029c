/* row.c - a loop a row and element type, and the table of them.
 *
 * The elementary functions are those of runtime/math; what stands here are IEEE operations and wrapping integers. Start at row_apply(),
 * at the end. */
#include "compiler/interp/row.h"
#include "base/bug.h"
#include "runtime/math/scalar.h"

#include <math.h>

static void no_loop(const Row *r)
{
    BUG("no %s on %s", ir_op_info[r->op].name, ir_elem_name(r->from));
}

/* ---- one operand ------------------------------------------------------------------------------------------------ */

typedef struct Unary {
    void (*f32)(const float *x, float *y, size_t n);
    void (*f64)(const double *x, double *y, size_t n);
    void (*i32)(const int32_t *x, int32_t *y, size_t n);
    void (*i64)(const int64_t *x, int64_t *y, size_t n);
} Unary;

static void unary(const Row *r, Unary f, const void *x, void *y, size_t n)
{
    if (r->to == IR_F32 && f.f32) f.f32(x, y, n);
    else if (r->to == IR_F64 && f.f64) f.f64(x, y, n);
    else if (r->to == IR_I32 && f.i32) f.i32(x, y, n);
    else if (r->to == IR_I64 && f.i64) f.i64(x, y, n);
    else no_loop(r);
}

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

static void polygamma(const Row *r, const void *x, void *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (r->to == IR_F32) ((float *)y)[i] = math_polygamma_f32((int32_t)r->n, ((const float *)x)[i]);
        else ((double *)y)[i] = math_polygamma_f64((int32_t)r->n, ((const double *)x)[i]);
    }
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
    static void convert_from_##S(const T *x, IrElem to, void *y, size_t n)                  \
    {                                                                                       \
        for (size_t i = 0; i < n; i++)                                                      \
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

static void convert(const Row *r, const void *x, void *y, size_t n)
{
    switch (r->from) {
    case IR_BOOL: convert_from_bool(x, r->to, y, n); break;
    case IR_I32: convert_from_i32(x, r->to, y, n); break;
    case IR_I64: convert_from_i64(x, r->to, y, n); break;
    case IR_F32: convert_from_f32(x, r->to, y, n); break;
    case IR_F64: convert_from_f64(x, r->to, y, n); break;
    }
}

/* ---- two operands ----------------------------------------------------------------------------------------------- */

typedef struct Binary {
    void (*f32)(const float *a, const float *b, float *y, size_t n);
    void (*f64)(const double *a, const double *b, double *y, size_t n);
    void (*i32)(const int32_t *a, const int32_t *b, int32_t *y, size_t n);
    void (*i64)(const int64_t *a, const int64_t *b, int64_t *y, size_t n);
} Binary;

static void binary(const Row *r, Binary f, const void *const *x, void *y, size_t n)
{
    if (r->to == IR_F32 && f.f32) f.f32(x[0], x[1], y, n);
    else if (r->to == IR_F64 && f.f64) f.f64(x[0], x[1], y, n);
    else if (r->to == IR_I32 && f.i32) f.i32(x[0], x[1], y, n);
    else if (r->to == IR_I64 && f.i64) f.i64(x[0], x[1], y, n);
    else no_loop(r);
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

#define COMPARE(S, T)                                                                           \
    static void compare_##S(IrCompare how, const T *a, const T *b, uint8_t *y, size_t n)        \
    {                                                                                           \
        switch (how) {                                                                          \
        case IR_EQ: for (size_t i = 0; i < n; i++) y[i] = a[i] == b[i]; break;                  \
        case IR_NE: for (size_t i = 0; i < n; i++) y[i] = a[i] != b[i]; break;                  \
        case IR_LT: for (size_t i = 0; i < n; i++) y[i] = a[i] < b[i]; break;                   \
        case IR_LE: for (size_t i = 0; i < n; i++) y[i] = a[i] <= b[i]; break;                  \
        case IR_GT: for (size_t i = 0; i < n; i++) y[i] = a[i] > b[i]; break;                   \
        case IR_GE: for (size_t i = 0; i < n; i++) y[i] = a[i] >= b[i]; break;                  \
        }                                                                                       \
    }
COMPARE(bool, uint8_t)
COMPARE(i32, int32_t)
COMPARE(i64, int64_t)
COMPARE(f32, float)
COMPARE(f64, double)

static void compare(const Row *r, const void *const *x, void *y, size_t n)
{
    switch (r->from) {
    case IR_BOOL: compare_bool(r->compare, x[0], x[1], y, n); break;
    case IR_I32: compare_i32(r->compare, x[0], x[1], y, n); break;
    case IR_I64: compare_i64(r->compare, x[0], x[1], y, n); break;
    case IR_F32: compare_f32(r->compare, x[0], x[1], y, n); break;
    case IR_F64: compare_f64(r->compare, x[0], x[1], y, n); break;
    }
}

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

#define SELECT(T)                                                                                                   \
    static void select_##T(const uint8_t *restrict c, const T *restrict a, const T *restrict b, T *restrict y, size_t n)  \
    {                                                                                                               \
        for (size_t i = 0; i < n; i++) y[i] = c[i] ? a[i] : b[i];                                                   \
    }
SELECT(uint8_t)
SELECT(uint32_t)
SELECT(uint64_t)

/* ---- the table -------------------------------------------------------------------------------------------------- */

#define UNARY(name)     case IR_##name: unary(r, (Unary){math_##name##_f32_n, math_##name##_f64_n, NULL, NULL}, arg[0], y, n); break;
#define UNARY_4(name)   case IR_##name: unary(r, (Unary){name##_f32, name##_f64, name##_i32, name##_i64}, arg[0], y, n); break;
#define BINARY_4(name)  case IR_##name: binary(r, (Binary){name##_f32, name##_f64, name##_i32, name##_i64}, arg, y, n); break;
#define BINARY_M(name)  case IR_##name: binary(r, (Binary){math_##name##_f32_n, math_##name##_f64_n, name##_i32, name##_i64}, arg, y, n); break;

void row_apply(const Row *r, const void *const *arg, void *y, size_t n)
{
    switch (r->op) {
    MATH_UNARY(UNARY)
    UNARY_4(neg)
    UNARY_4(abs)
    BINARY_4(add)
    BINARY_4(sub)
    BINARY_4(mul)
    BINARY_4(div)
    BINARY_M(rem)
    BINARY_M(max)
    BINARY_M(min)
    case IR_pow: binary(r, (Binary){math_pow_f32_n, math_pow_f64_n, NULL, NULL}, arg, y, n); break;
    case IR_polygamma: polygamma(r, arg[0], y, n); break;
    case IR_convert: convert(r, arg[0], y, n); break;
    case IR_compare: compare(r, arg, y, n); break;
    case IR_fma:
        if (r->to == IR_F32) fma_f32(arg[0], arg[1], arg[2], y, n);
        else if (r->to == IR_F64) fma_f64(arg[0], arg[1], arg[2], y, n);
        else no_loop(r);
        break;
    case IR_select:
        switch (ir_elem_bytes(r->to)) {
        case 1: select_uint8_t(arg[0], arg[1], arg[2], y, n); break;
        case 4: select_uint32_t(arg[0], arg[1], arg[2], y, n); break;
        default: select_uint64_t(arg[0], arg[1], arg[2], y, n); break;
        }
        break;
    default: no_loop(r);
    }
}
