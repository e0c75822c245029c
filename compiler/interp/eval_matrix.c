/* eval_matrix.c - whole matrices: each is widened to f64, handed to runtime/linalg.h, and rounded once. */
#include "compiler/interp/eval.h"
#include "runtime/linalg.h"

#include <string.h>

/* Numbers from..from+n-1 of a value as f64, and back. */
static void widen(IrElem e, const void *x, int64_t from, int64_t n, double *y)
{
    for (int64_t i = 0; i < n; i++) y[i] = e == IR_F32 ? (double)((const float *)x)[from + i] : ((const double *)x)[from + i];
}

static void narrow(IrElem e, const double *x, int64_t n, void *y, int64_t to)
{
    for (int64_t i = 0; i < n; i++) {
        if (e == IR_F32) ((float *)y)[to + i] = (float)x[i];
        else ((double *)y)[to + i] = x[i];
    }
}

/* The matrices of a type: extents of one, and how many stand along the axes and leading dims. */
typedef struct Matrices {
    IrElem  elem;
    int64_t rows, columns, size, count;
} Matrices;

static Matrices matrices_of(const InterpRun *r, const IrType *t)
{
    Matrices m = {t->elem, t->dim[t->rank - 2], t->dim[t->rank - 1], 0, ir_axes_size(eval_module(r), t->axes)};
    for (int i = 0; i < t->rank - 2; i++) m.count *= t->dim[i];
    m.size = m.rows * m.columns;
    return m;
}

static double *doubles(InterpRun *r, int64_t n) { return eval_scratch(r, n * (int64_t)sizeof(double)); }

bool eval_cholesky(InterpRun *r, const IrNode *n)
{
    Matrices    m = matrices_of(r, eval_arg_type(n, 0));
    const void *a = eval_arg(r, n, 0);
    double     *wide = doubles(r, 2 * m.size);
    void       *y = wide ? eval_result(r, n, 0) : NULL;
    if (!y) return false;
    for (int64_t i = 0; i < m.count; i++) {
        widen(m.elem, a, i * m.size, m.size, wide);
        linalg_cholesky(m.rows, wide, wide + m.size);
        narrow(m.elem, wide + m.size, m.size, y, i * m.size);
    }
    return true;
}

bool eval_eigh(InterpRun *r, const IrNode *n)
{
    Matrices    m = matrices_of(r, eval_arg_type(n, 0));
    const void *a = eval_arg(r, n, 0);
    double     *wide = doubles(r, 3 * m.size + m.rows);
    void       *values = wide ? eval_result(r, n, 0) : NULL, *vectors = values ? eval_result(r, n, 1) : NULL;
    if (!vectors) return false;
    double *v = wide + m.size, *work = v + m.size, *lambda = work + m.size;
    for (int64_t i = 0; i < m.count; i++) {
        widen(m.elem, a, i * m.size, m.size, wide);
        linalg_eigh(m.rows, wide, lambda, v, work);
        narrow(m.elem, lambda, m.rows, values, i * m.rows);
        narrow(m.elem, v, m.size, vectors, i * m.size);
    }
    return true;
}

/* solve and trisolve: [.., n, n] and [.., n, k], either of which may lack axes of the result. */
static bool solve_all(InterpRun *r, const IrNode *n, bool triangular)
{
    const IrType *t = &n->result[0].type;
    IrType        a_type = *eval_arg_type(n, 0), b_type = *eval_arg_type(n, 1);
    a_type.axes = b_type.axes = t->axes;
    const void *a = eval_aligned(r, n, 0, &a_type), *b = a ? eval_aligned(r, n, 1, &b_type) : NULL;
    if (!b) return false;
    Matrices ma = matrices_of(r, &a_type), mb = matrices_of(r, t);
    double  *wide = doubles(r, 2 * ma.size + 2 * mb.size);
    void    *y = wide ? eval_result(r, n, 0) : NULL;
    if (!y) return false;
    double *work = wide + ma.size, *rhs = work + ma.size, *x = rhs + mb.size;
    for (int64_t i = 0; i < mb.count; i++) {
        widen(ma.elem, a, i * ma.size, ma.size, wide);
        widen(mb.elem, b, i * mb.size, mb.size, rhs);
        if (triangular) linalg_trisolve(mb.rows, mb.columns, n->attr->transpose, wide, rhs, x);
        else linalg_solve(mb.rows, mb.columns, wide, rhs, x, work);
        narrow(mb.elem, x, mb.size, y, i * mb.size);
    }
    return true;
}

bool eval_trisolve(InterpRun *r, const IrNode *n) { return solve_all(r, n, true); }
bool eval_solve(InterpRun *r, const IrNode *n) { return solve_all(r, n, false); }
