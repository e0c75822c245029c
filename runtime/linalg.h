/* linalg.h - whole matrices in f64: plain loops in a fixed order, so the same bits everywhere.
 *
 * Matrices are dense and row-major, one a call; callers batch. Nothing fails: where the mathematics has no answer (not
 * positive definite, singular, not finite) every element of the result is NaN. Results may not overlap operands. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* Lower L with L Lᵀ = ½(a + aᵀ); zeros above the diagonal. n x n both. */
void linalg_cholesky(int64_t n, const double *a, double *l);

/* x with L x = b, or Lᵀ x = b with `transpose`; reads L's lower triangle only. L is n x n, b and x are n x k. */
void linalg_trisolve(int64_t n, int64_t k, bool transpose, const double *l, const double *b, double *x);

/* x with a x = b by LU with partial pivoting (of equally large pivots the first). `work` has n*n numbers. */
void linalg_solve(int64_t n, int64_t k, const double *a, const double *b, double *x, double *work);

/* Eigenvalues of ½(a + aᵀ), ascending, and vectors in the columns of v, each with its largest component (the first of equals)
 * positive. Cyclic Jacobi (Golub and Van Loan, Matrix Computations, 8.5). `work` has n*n numbers. */
void linalg_eigh(int64_t n, const double *a, double *values, double *v, double *work);
