/* blas.h - the one door to OpenBLAS: a marked product on one block.
 *
 * A product is marked in the IR (form blas) and both engines call this with the same blocks in the same order, on one thread,
 * so its bits are the same on one machine. They are not those of a chain, and differ between machines; that is what
 * --portable avoids.
 *
 * Which products may be marked, and how they become blocks (both engines read it here):
 *   without `over`: one pair; every axis of the result is an axis of a, b has no axes; no batch dims; a's contract dims are its
 *     last dims, b's are its first dims (then b is K x N) or its last ones (then b is read transposed), both in the order listed.
 *     Per shard of the result's first axis (one block if it has none): C[rows, N] = A[rows, K] * B, rows = the shard's samples x
 *     the other axes x free of a.
 *   with `over`: no batch and no contract dims; a and b have exactly the axes `over`.
 *     Per shard, pair after pair: C[M, N] (+)= transpose(A[samples, M]) * B[samples, N]; then the tree over shards.
 * All extents are below 2^31. */
#pragma once
#include "runtime/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* OpenBLAS is loaded once a process, when the first program with a marked product gets its engine: a library of 30 MB that starts threads
 * as it is loaded is no part of a run that needs none of it. GAN_WORLD: it cannot be loaded, or there is no address space for the work space
 * that it takes for each of the threads that will call it: it would look for it for ever. */
GanStatus blas_open(int threads, GanError *err);
void      blas_about(char *text, size_t n);                 /* its version and kernel, for a person */

/* C = A * B, or C += A * B with `add`; everything dense and row-major: C is m x n; A is m x k, or k x m with transpose_a;
 * B is k x n, or n x k with transpose_b. k = 0 gives zeros. */
void blas_f32(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const float *a, const float *b, float *c, bool add);
void blas_f64(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const double *a, const double *b, double *c, bool add);

/* Eigenvalues of a real matrix of n x n, column-major, which is overwritten; `vectors` takes unit vectors by columns, a pair's as real and imaginary part (LAPACK's dgeev,
 * which OpenBLAS has). Not for programs: its bits are the machine's. GAN_WORLD: OpenBLAS cannot be loaded, or there is no memory; GAN_WRONG: it does not converge. */
GanStatus blas_geev(int n, double *a, double *re, double *im, double *vectors, GanError *err);
