/* tensor.c - see tensor.h. The struct and its elements are one allocation, so large tensors are zero pages until written. */
#include "runtime/tensor.h"

#include "base/bug.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 };
static const int64_t most_bytes = INT64_C(1) << 40;

size_t gan_elem_bytes(GanElem e)
{
    switch (e) {
    case GAN_BOOL:
    case GAN_U8: return 1;
    case GAN_I32:
    case GAN_F32: return 4;
    case GAN_I64:
    case GAN_F64: return 8;
    }
    BUG("element type %d", (int)e);
}

const char *gan_elem_name(GanElem e)
{
    static const char *const name[] = {"bool", "i32", "i64", "f32", "f64", "u8"};
    if ((unsigned)e > GAN_U8) BUG("element type %d", (int)e);
    return name[e];
}

GanStatus gan_tensor_size(GanElem elem, int rank, const int64_t *dim, int64_t *count, size_t *bytes, GanError *err)
{
    if (rank < 0 || rank > GAN_MAX_RANK)
        return gan_error(err, GAN_WRONG, "a tensor of %d dimensions; at most %d are possible", rank, GAN_MAX_RANK);
    int64_t each = (int64_t)gan_elem_bytes(elem), n = 1, b;
    bool    too_large = false, empty = false;
    for (int i = 0; i < rank; i++) {
        if (dim[i] < 0) return gan_error(err, GAN_WRONG, "dimension %d is negative (%" PRId64 ")", i + 1, dim[i]);
        if (dim[i] == 0) empty = true;
        else too_large |= __builtin_mul_overflow(n, dim[i], &n);
    }
    too_large |= __builtin_mul_overflow(n, each, &b) || b > most_bytes;
    if (too_large) return gan_error(err, GAN_WRONG, "the dimensions ask for more than 2^40 bytes");
    *count = empty ? 0 : n;
    *bytes = empty ? 0 : (size_t)b;
    return GAN_OK;
}

GanStatus gan_tensor_new(GanElem elem, int rank, const int64_t *dim, GanTensor **out, GanError *err)
{
    *out = NULL;
    int64_t   count;
    size_t    bytes;
    GanStatus s = gan_tensor_size(elem, rank, dim, &count, &bytes, err);
    if (s) return s;
    GanTensor *t = calloc(1, sizeof *t + ALIGN + bytes);
    if (!t) return gan_error(err, GAN_WORLD, "not enough memory for a tensor of %zu bytes", bytes);
    t->elem = elem;
    t->rank = rank;
    if (rank) memcpy(t->dim, dim, sizeof *dim * (size_t)rank);
    t->data = (void *)(((uintptr_t)(t + 1) + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1));
    t->bytes = bytes;
    *out = t;
    return GAN_OK;
}

void gan_tensor_free(GanTensor *t) { free(t); }

int64_t gan_tensor_count(const GanTensor *t) { return (int64_t)(t->bytes / gan_elem_bytes(t->elem)); }

static int64_t whole(GanElem e, const void *data, int64_t i)
{
    switch (e) {
    case GAN_BOOL:
    case GAN_U8: return ((const uint8_t *)data)[i];
    case GAN_I32: return ((const int32_t *)data)[i];
    case GAN_I64: return ((const int64_t *)data)[i];
    default: BUG("no integer: %s", gan_elem_name(e));
    }
}

int64_t gan_tensor_whole(const GanTensor *t, int64_t i) { return whole(t->elem, t->data, i); }

bool gan_elem_is_real(GanElem e) { return e == GAN_F32 || e == GAN_F64; }

double gan_elem_get(GanElem e, const void *data, int64_t i)
{
    if (e == GAN_F32) return (double)((const float *)data)[i];
    if (e == GAN_F64) return ((const double *)data)[i];
    return (double)whole(e, data, i);
}

double gan_tensor_get(const GanTensor *t, int64_t i) { return gan_elem_get(t->elem, t->data, i); }

/* From i64 to f32 in one rounding, as the conversion of C does it. False: finite, and beyond f32. */
static bool put_real(const GanTensor *to, int64_t at, const GanTensor *from, int64_t i)
{
    bool whole = !gan_elem_is_real(from->elem);
    double x = gan_tensor_get(from, i);
    if (to->elem == GAN_F64) return ((double *)to->data)[at] = x, true;
    float f = whole ? (float)gan_tensor_whole(from, i) : (float)x;
    ((float *)to->data)[at] = f;
    return isfinite(f) || !isfinite(x);
}

static bool whole_number(const GanTensor *from, int64_t i, int64_t *value)
{
    if (!gan_elem_is_real(from->elem)) {
        *value = gan_tensor_whole(from, i);
        return true;
    }
    double x = gan_tensor_get(from, i);
    if (!(x >= -0x1p63 && x < 0x1p63) || x != trunc(x)) return false;
    *value = (int64_t)x;
    return true;
}

static bool put_integer(const GanTensor *to, int64_t i, int64_t v)
{
    switch (to->elem) {
    case GAN_BOOL:
        if (v != 0 && v != 1) return false;
        ((uint8_t *)to->data)[i] = (uint8_t)v;
        return true;
    case GAN_U8:
        if (v < 0 || v > UINT8_MAX) return false;
        ((uint8_t *)to->data)[i] = (uint8_t)v;
        return true;
    case GAN_I32:
        if (v < INT32_MIN || v > INT32_MAX) return false;
        ((int32_t *)to->data)[i] = (int32_t)v;
        return true;
    case GAN_I64: ((int64_t *)to->data)[i] = v; return true;
    default: BUG("no integer: %s", gan_elem_name(to->elem));
    }
}

static bool put(const GanTensor *to, int64_t at, const GanTensor *from, int64_t i)
{
    int64_t v;
    return gan_elem_is_real(to->elem) ? put_real(to, at, from, i) : whole_number(from, i, &v) && put_integer(to, at, v);
}

bool gan_tensor_fits(const GanTensor *t, int64_t i, GanElem elem)
{
    double room;
    return put(&(GanTensor){.elem = elem, .data = &room, .bytes = gan_elem_bytes(elem)}, 0, t, i);
}

GanStatus gan_tensor_convert(const GanTensor *t, GanElem elem, GanTensor **out, GanError *err)
{
    GanTensor *to;
    GanStatus  s = gan_tensor_new(elem, t->rank, t->dim, &to, err);
    *out = to;
    if (s) return s;
    int64_t n = gan_tensor_count(t);
    for (int64_t i = 0; i < n; i++) {
        if (put(to, i, t, i)) continue;
        gan_tensor_free(to);
        *out = NULL;
        return gan_error(err, GAN_WRONG, "element %" PRId64 " is %.17g, which is no %s", i, gan_tensor_get(t, i), gan_elem_name(elem));
    }
    return GAN_OK;
}

char *gan_tensor_text(const GanTensor *t, char *text, size_t n)
{
    size_t used = (size_t)snprintf(text, n, "%s[", gan_elem_name(t->elem));
    for (int i = 0; i < t->rank && used < n; i++)
        used += (size_t)snprintf(text + used, n - used, "%s%" PRId64, i ? ", " : "", t->dim[i]);
    if (used < n) snprintf(text + used, n - used, "]");
    return text;
}

void gan_number_text(char text[GAN_NUMBER_TEXT], double x, int digits)
{
    bool whole = fabs(x) < 1e12 && x == floor(x);
    if (whole) snprintf(text, GAN_NUMBER_TEXT, "%.0f", x + 0.0);
    else snprintf(text, GAN_NUMBER_TEXT, "%.*g", digits, isnan(x) ? NAN : x);
}
