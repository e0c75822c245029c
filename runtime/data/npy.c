/* npy.c - reads and writes NumPy's .npy: "\x93NUMPY", two version bytes, the header's length, the header, the elements.
 *
 * The header is a Python dict, {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }; a scanner reads just that and
 * nothing it does not expect. Format: numpy.lib.format, versions 1.0 to 3.0. Start at data_read_npy and data_write_npy. */
#include "runtime/data/data.h"
#include "runtime/data/npy.h"
#include "runtime/data/stream.h"
#include "runtime/file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_MOST = 1 << 20, START = 6 };
static const char magic[] = "\x93NUMPY";

typedef struct NpyType {
    char    code[3];                                        /* kind and bytes of an element in the file */
    GanElem elem;
} NpyType;

static const NpyType types[] = {
    {"f4", GAN_F32}, {"f8", GAN_F64}, {"i4", GAN_I32}, {"i8", GAN_I64}, {"u1", GAN_U8}, {"b1", GAN_BOOL},      /* as in memory: what we write */
    {"f2", GAN_F32}, {"i1", GAN_I32}, {"i2", GAN_I32}, {"u2", GAN_I32}, {"u4", GAN_I64}, {"u8", GAN_I64},      /* widened */
};

static size_t each_bytes(const NpyType *type) { return (size_t)(type->code[1] - '0'); }

typedef struct Header {
    const NpyType *type;
    bool           big_endian, fortran;
    int            rank;
    int64_t        dim[GAN_MAX_RANK];
} Header;

/* ---- the header's text ------------------------------------------------------------------------------------------ */

typedef struct Scan {
    const char *text, *at, *end;
    const char *path;
    int64_t     start;                                      /* of the text, in the file */
    GanError   *err;
} Scan;

static GanStatus bad(Scan *s, const char *what)
{
    gan_error_in(s->err, GAN_WRONG, s->path, "the .npy header is wrong: %s", what);
    return gan_error_byte(s->err, GAN_WRONG, s->start + (s->at - s->text));
}

static void skip_blanks(Scan *s)
{
    while (s->at < s->end && strchr(" \t\r\n", *s->at) && *s->at) s->at++;
}

static bool next_is(Scan *s, char c)
{
    skip_blanks(s);
    if (s->at >= s->end || *s->at != c) return false;
    s->at++;
    return true;
}

static GanStatus scan_string(Scan *s, char *to, size_t room)
{
    char   quote = next_is(s, '\'') ? '\'' : next_is(s, '"') ? '"' : 0;
    size_t n = 0;
    if (!quote) return bad(s, "a string is expected");
    for (; s->at < s->end && *s->at != quote; s->at++) {
        if (n + 1 >= room || *s->at == '\\' || (unsigned char)*s->at < ' ') return bad(s, "a string that cannot be one of its own");
        to[n++] = *s->at;
    }
    to[n] = 0;
    return next_is(s, quote) ? GAN_OK : bad(s, "a string does not end");
}

static bool scan_word(Scan *s, const char *word)
{
    size_t n = strlen(word);
    skip_blanks(s);
    if ((size_t)(s->end - s->at) < n || memcmp(s->at, word, n)) return false;
    s->at += n;
    return true;
}

static GanStatus scan_bool(Scan *s, bool *to)
{
    *to = scan_word(s, "True");
    return *to || scan_word(s, "False") ? GAN_OK : bad(s, "True or False is expected");
}

static GanStatus scan_dim(Scan *s, int64_t *to)
{
    skip_blanks(s);
    if (s->at >= s->end || *s->at < '0' || *s->at > '9') return bad(s, "a dimension is expected, a whole number");
    for (*to = 0; s->at < s->end && *s->at >= '0' && *s->at <= '9'; s->at++)
        if (__builtin_mul_overflow(*to, 10, to) || __builtin_add_overflow(*to, *s->at - '0', to))
            return bad(s, "a dimension is too large");
    if (s->at < s->end && *s->at == 'L') s->at++;           /* Python 2 wrote long numbers so */
    return GAN_OK;
}

static GanStatus scan_shape(Scan *s, Header *h)
{
    if (!next_is(s, '(')) return bad(s, "a shape is expected, like (3, 4)");
    h->rank = 0;
    for (bool comma = true; !next_is(s, ')');) {
        if (!comma) return bad(s, "a comma or ) is expected in the shape");
        if (h->rank == GAN_MAX_RANK) return bad(s, "more than 8 dimensions");
        GanStatus status = scan_dim(s, &h->dim[h->rank++]);
        if (status) return status;
        comma = next_is(s, ',');
    }
    return GAN_OK;
}

static const NpyType *type_of(const char *code)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!strcmp(types[i].code, code)) return &types[i];
    return NULL;
}

static GanStatus scan_type(Scan *s, Header *h)
{
    char      code[32];
    GanStatus status;
    if (next_is(s, '[')) return bad(s, "records of several fields cannot be read");
    if ((status = scan_string(s, code, sizeof code))) return status;
    h->type = !strcmp(code, "?") ? type_of("b1") : strchr("<>|", *code) ? type_of(code + (*code != 0)) : NULL;
    h->big_endian = *code == '>';
    if (h->type && (*code != '|' || each_bytes(h->type) == 1)) return GAN_OK;
    gan_error_in(s->err, GAN_WRONG, s->path, "elements of type '%s' cannot be read; f2, f4, f8, i1 to i8, u1 to u8 and b1 can", code);
    return gan_error_byte(s->err, GAN_WRONG, s->start + (s->at - s->text));
}

static GanStatus scan_entry(Scan *s, Header *h, unsigned *seen)
{
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    char      key[32];
    unsigned  k = 0;
    GanStatus status = scan_string(s, key, sizeof key);
    if (status) return status;
    while (k < 3 && strcmp(keys[k], key)) k++;
    if (k == 3) return bad(s, "a key that is none of descr, fortran_order, shape");
    if (*seen & 1u << k) return bad(s, "a key stands twice");
    *seen |= 1u << k;
    if (!next_is(s, ':')) return bad(s, "a colon is expected");
    return k == 0 ? scan_type(s, h) : k == 1 ? scan_bool(s, &h->fortran) : scan_shape(s, h);
}

static GanStatus scan_header(Scan *s, Header *h)
{
    unsigned seen = 0;
    if (!next_is(s, '{')) return bad(s, "{ is expected");
    for (bool comma = true; !next_is(s, '}');) {
        if (!comma) return bad(s, "a comma or } is expected");
        GanStatus status = scan_entry(s, h, &seen);
        if (status) return status;
        comma = next_is(s, ',');
    }
    skip_blanks(s);
    if (s->at < s->end) return bad(s, "something stands behind the }");
    if (seen != 7) return bad(s, "descr, fortran_order and shape are wanted, and one is missing");
    return GAN_OK;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static GanStatus read_header(Stream *s, Header *h, GanError *err)
{
    uint8_t   start[START + 2], length[4] = {0};
    GanStatus status = stream_read(s, start, sizeof start, "the .npy header", err);
    if (status) return status;
    if (memcmp(start, magic, START)) return gan_error_in(err, GAN_WRONG, s->path, "this is no .npy file: it does not start with \\x93NUMPY");
    if (start[6] < 1 || start[6] > 3) return gan_error_in(err, GAN_WRONG, s->path, ".npy version %d.%d cannot be read; 1 to 3 can", start[6], start[7]);
    status = stream_read(s, length, start[6] == 1 ? 2 : 4, "the .npy header", err);
    if (status) return status;
    uint32_t n = length[0] | (uint32_t)length[1] << 8 | (uint32_t)length[2] << 16 | (uint32_t)length[3] << 24;
    if (n > HEADER_MOST || n > stream_bound(s) - s->at)
        return gan_error_in(err, GAN_WRONG, s->path, "the .npy header says it is %" PRIu32 " bytes long, which is more than there is", n);
    char *text = malloc((size_t)n + 1);
    if (!text) return gan_error_in(err, GAN_WORLD, s->path, "not enough memory for its header");
    Scan scan = {text, text, text + n, s->path, s->at, err};
    status = stream_read(s, text, n, "the .npy header", err);
    if (!status) status = scan_header(&scan, h);
    free(text);
    return status;
}

/* Column-major to row-major: walk the result in order, and keep the source's place by its strides. */
static void from_fortran(const GanTensor *from, GanTensor *to)
{
    size_t  each = gan_elem_bytes(from->elem);
    int64_t index[GAN_MAX_RANK] = {0}, stride[GAN_MAX_RANK], count = gan_tensor_count(from), at = 0;
    for (int d = 0; d < from->rank; d++) stride[d] = d ? stride[d - 1] * to->dim[d - 1] : 1;
    for (int64_t i = 0; i < count; i++) {
        memcpy((char *)to->data + (size_t)i * each, (const char *)from->data + (size_t)at * each, each);
        for (int d = from->rank - 1; d >= 0; d--) {
            at += stride[d];
            if (++index[d] < to->dim[d]) break;
            at -= stride[d] * to->dim[d];
            index[d] = 0;
        }
    }
}

static GanStatus check_bools(const Stream *s, const GanTensor *t, GanError *err)
{
    const uint8_t *v = t->data;
    if (t->elem != GAN_BOOL) return GAN_OK;
    for (size_t i = 0; i < t->bytes; i++)
        if (v[i] > 1) return gan_error_in(err, GAN_WRONG, s->path, "element %zu is the byte %d and should be a bool, 0 or 1", i, v[i]);
    return GAN_OK;
}

/* IEEE 754's binary16, all of whose numbers are f32. */
static float of_half(uint64_t bits)
{
    uint32_t exponent = bits >> 10 & 31, part = bits & 1023, sign = (uint32_t)(bits >> 15) << 31, word = sign | part << 13;
    float    x;
    if (!exponent) return (sign ? -1 : 1) * ((float)part * 0x1p-24F);
    word |= (exponent == 31 ? 255 : exponent + 112) << 23;
    memcpy(&x, &word, sizeof x);
    return x;
}

static int64_t signed_of(uint64_t bits, size_t bytes)
{
    unsigned unused = 64 - 8 * (unsigned)bytes;
    return (int64_t)(bits << unused) >> unused;
}

static void put(GanTensor *t, int64_t i, const NpyType *type, uint64_t bits)
{
    size_t bytes = each_bytes(type);
    if (t->elem == GAN_F32 && bytes == 2) ((float *)t->data)[i] = of_half(bits);
    else if (t->elem == GAN_I32) ((int32_t *)t->data)[i] = (int32_t)(*type->code == 'i' ? signed_of(bits, bytes) : (int64_t)bits);
    else if (gan_elem_bytes(t->elem) == 8) memcpy((uint64_t *)t->data + i, &bits, 8);
    else memcpy((uint32_t *)t->data + i, &(uint32_t){(uint32_t)bits}, 4);
}

static uint64_t bits_at(const uint8_t *p, size_t bytes, bool big_endian)
{
    uint64_t v = 0;
    for (size_t i = 0; i < bytes; i++) v = v << 8 | p[big_endian ? i : bytes - 1 - i];
    return v;
}

/* Of another width or order than in memory. */
static GanStatus read_widened(Stream *s, const Header *h, GanTensor *t, GanError *err)
{
    uint8_t buffer[8192];
    size_t  bytes = each_bytes(h->type);
    int64_t count = gan_tensor_count(t), most = (int64_t)(sizeof buffer / bytes);
    for (int64_t at = 0; at < count; at += most) {
        int64_t   n = count - at < most ? count - at : most;
        GanStatus status = stream_read(s, buffer, (size_t)n * bytes, "the elements", err);
        if (status) return status;
        for (int64_t i = 0; i < n; i++) {
            uint64_t bits = bits_at(buffer + (size_t)i * bytes, bytes, h->big_endian);
            if (*h->type->code == 'u' && bits > INT64_MAX)
                return gan_error_in(err, GAN_WRONG, s->path, "element %" PRId64 " is %" PRIu64 ", and integers have 63 bits and a sign", at + i, bits);
            put(t, at + i, h->type, bits);
        }
    }
    return GAN_OK;
}

/* A tensor in memory has at most four times the bytes of the file, so its bound keeps memory in proportion. */
static GanStatus read_elements(Stream *s, const Header *h, GanTensor **out, GanError *err)
{
    int64_t   count, left = stream_bound(s) - s->at;
    size_t    bytes, each = each_bytes(h->type);
    GanError  why;
    GanStatus status = gan_tensor_size(h->type->elem, h->rank, h->dim, &count, &bytes, &why);
    if (status) return gan_error_in(err, status, s->path, "the .npy header is wrong: %s", why.message);
    if (count * (int64_t)each > left)
        return gan_error_in(err, GAN_WRONG, s->path, "the .npy header promises %zu bytes of elements and the file %s %" PRId64, (size_t)count * each,
                            s->packed ? "can hold at most" : "has", left);
    status = gan_tensor_new(h->type->elem, h->rank, h->dim, out, err);
    bool as_it_is = each == gan_elem_bytes(h->type->elem) && (each == 1 || (!h->big_endian && *h->type->code != 'u'));
    if (!status) status = as_it_is ? stream_read(s, (*out)->data, bytes, "the elements", err) : read_widened(s, h, *out, err);
    if (!status) status = stream_end(s, err);
    if (!status) status = check_bools(s, *out, err);
    return status;
}

static GanStatus in_row_major(GanTensor **t, GanError *err)
{
    GanTensor *columns = *t;
    GanStatus  status = gan_tensor_new(columns->elem, columns->rank, columns->dim, t, err);
    if (!status) from_fortran(columns, *t);
    gan_tensor_free(columns);
    return status;
}

GanStatus data_read_npy(const char *path, GanTensor **out, GanError *err)
{
    Stream s;
    Header h = {0};
    *out = NULL;
    GanStatus status = stream_open(&s, path, err);
    if (status) return status;
    status = read_header(&s, &h, err);
    if (!status) status = read_elements(&s, &h, out, err);
    if (!status && h.fortran && h.rank > 1) status = in_row_major(out, err);
    stream_close(&s);
    if (status) {
        gan_tensor_free(*out);
        *out = NULL;
    }
    return status;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static const NpyType *type_to_write(GanElem e)
{
    size_t i = 0;
    while (types[i].elem != e) i++;
    return &types[i];
}

/* Version 1.0, padded so that the elements start at a multiple of 64. */
size_t npy_header(char head[NPY_HEADER], const GanTensor *t)
{
    size_t         n = START + 4, end;
    const NpyType *type = type_to_write(t->elem);
    n += (size_t)snprintf(head + n, NPY_HEADER - n, "{'descr': '%c%s', 'fortran_order': False, 'shape': (", each_bytes(type) > 1 ? '<' : '|', type->code);
    for (int i = 0; i < t->rank; i++) n += (size_t)snprintf(head + n, NPY_HEADER - n, i ? ", %" PRId64 : "%" PRId64, t->dim[i]);
    n += (size_t)snprintf(head + n, NPY_HEADER - n, "%s), }", t->rank == 1 ? "," : "");
    end = (n + 1 + 63) & ~(size_t)63;
    memset(head + n, ' ', end - 1 - n);
    head[end - 1] = '\n';
    memcpy(head, magic, START);
    memcpy(head + START, (char[]){1, 0, (char)((end - START - 4) & 255), (char)((end - START - 4) >> 8)}, 4);
    return end;
}

GanStatus data_write_npy(const char *path, const GanTensor *t, GanError *err)
{
    FileNew   f;
    char      head[NPY_HEADER];
    size_t    n = npy_header(head, t);
    GanStatus s = file_new_begin(&f, path, (int64_t)(n + t->bytes), true, err);
    if (!s) s = file_new_write(&f, head, n, err);
    if (!s) s = file_new_write(&f, t->data, t->bytes, err);
    if (!s) s = file_new_end(&f, err);
    return s;
}
