/* tensor.h - a plain tensor in host memory: what files are read into and pictures are drawn from.
 *
 * Row-major and dense. A tensor made by gan_tensor_new (or a reader) owns its elements and is freed by gan_tensor_free;
 * a struct filled in by hand is a view of someone else's memory and is not freed. Arguments are borrowed, results are yours. */
#pragma once
#include "runtime/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GAN_MAX_RANK = 8 };

typedef enum GanElem { GAN_BOOL, GAN_I32, GAN_I64, GAN_F32, GAN_F64, GAN_U8 } GanElem;   /* the first five in the IR's order */

typedef struct GanTensor {
    GanElem elem;
    int     rank;                                           /* 0: one element */
    int64_t dim[GAN_MAX_RANK];                              /* none negative; 0 is fine and means no elements */
    void   *data;                                           /* 64-byte aligned when owned; bool is one byte, 0 or 1 */
    size_t  bytes;
} GanTensor;

size_t      gan_elem_bytes(GanElem e);
bool        gan_elem_is_real(GanElem e);
const char *gan_elem_name(GanElem e);                       /* "f32" ... */

/* The number of elements and of bytes; GAN_WRONG when the rank or a dim is out of range or the bytes exceed 2^40. */
GanStatus gan_tensor_size(GanElem elem, int rank, const int64_t *dim, int64_t *count, size_t *bytes, GanError *err);

/* Zeroed. GAN_WRONG as above, GAN_WORLD when memory runs out; *out is NULL then. */
GanStatus gan_tensor_new(GanElem elem, int rank, const int64_t *dim, GanTensor **out, GanError *err);
void      gan_tensor_free(GanTensor *t);                    /* NULL is fine */
int64_t   gan_tensor_count(const GanTensor *t);

/* Element i in row-major order, as the nearest double (i64 may lose digits beyond 2^53). */
double gan_elem_get(GanElem e, const void *data, int64_t i);
double gan_tensor_get(const GanTensor *t, int64_t i);

/* Element i of integers or bools, exactly. */
int64_t gan_tensor_whole(const GanTensor *t, int64_t i);

/* A new tensor of the same shape with the elements converted. To f32 rounds to nearest; to an integer or bool wants whole
 * numbers in range. GAN_WRONG otherwise, and for a finite number beyond f32, naming the element. */
GanStatus gan_tensor_convert(const GanTensor *t, GanElem elem, GanTensor **out, GanError *err);
bool      gan_tensor_fits(const GanTensor *t, int64_t i, GanElem elem);    /* does element i convert? */

/* "f32[60000, 28, 28]" into `text`, cut to n bytes; returns `text`. */
char *gan_tensor_text(const GanTensor *t, char *text, size_t n);

/* A number for eyes, of so many digits, and of all of them where it is a whole one as counts are, below 1e12. A nan is without a sign. */
enum { GAN_NUMBER_TEXT = 40 };
void gan_number_text(char text[GAN_NUMBER_TEXT], double x, int digits);
