/* data.h - tensors from files and into files: IDX, NumPy's .npy, CSV.
 *
 * Every size in a file is checked against what the file holds, in 64 bits with overflow checks, before memory is asked
 * for. A file that is not what it says is GAN_WRONG with the path and the place; *out is NULL then. Results are yours. */
#pragma once
#include "runtime/tensor.h"

#include <stdbool.h>

/* IDX (LeCun, Cortes and Burges, 1998), plain or gzipped, all its element types: unsigned byte -> u8, signed byte and
 * short -> i32, int -> i32, float -> f32, double -> f64. At most 8 dimensions. */
GanStatus data_read_idx(const char *path, GanTensor **out, GanError *err);

/* What the header says that the file holds, with the file's word that it is as long as that; no element is read, and shape->data is NULL. Of anything
 * else GAN_WRONG without a message that is worth showing: data_read_idx has one. */
GanStatus data_idx_shape(const char *path, GanTensor *shape);

/* .npy, versions 1 to 3, little endian f4 f8 i4 i8, and u1 b1. Fortran order is turned into row-major. */
GanStatus data_read_npy(const char *path, GanTensor **out, GanError *err);
GanStatus data_write_npy(const char *path, const GanTensor *t, GanError *err);

typedef enum DataHeader {
    DATA_HEADER_AUTO,                                        /* the first line is a header when none of its cells is a number */
    DATA_HEADER_NO,
    DATA_HEADER_YES,
} DataHeader;

/* Numbers separated by commas, plain or gzipped -> f64[rows, columns]. Empty lines are skipped; cells may be quoted and have
 * blanks around them; nan, inf and -inf are numbers. Another cell, or a row of another length, is an error at its row (a
 * line of the file) and column (a cell), both from 1. Numbers are read in the C locale's form (LC_NUMERIC must be "C"). */
GanStatus data_read_csv(const char *path, DataHeader header, GanTensor **out, GanError *err);
/* The same, and the names in its header, one a line, for the caller to free; *names is NULL where there is no header, or one with numbers in it. */
GanStatus data_read_csv_named(const char *path, DataHeader header, GanTensor **out, char **names, GanError *err);

/* One row per index of the first dim, the rest flattened; a rank-0 tensor is one cell. Numbers read back the same.
 * `names` (one per column) makes a header line; NULL: none. */
GanStatus data_write_csv(const char *path, const GanTensor *t, const char *const *names, GanError *err);

typedef struct DataColumn { const char *name; const GanTensor *t; } DataColumn;

/* Records: a row for each index of the first dim, which all fields have, and a header. A field of one number for each row has the column `x`, others
 * `x[0]`, `x[1]`, or `x[0][0]` ... GAN_WRONG: the fields have other numbers of rows. */
GanStatus data_write_csv_fields(const char *path, const DataColumn *field, int n, GanError *err);

/* An archive of .npy files, one a field, as NumPy's savez writes them: a ZIP file (PKWARE's APPNOTE 6.3) whose entries are not compressed. GAN_WRONG: 4 GiB
 * or more, or more than 65,535 fields. */
GanStatus data_write_npz(const char *path, const DataColumn *field, int n, GanError *err);
