/* idx.c - reads IDX files: two zero bytes, a type byte, the number of dimensions, each dimension as a big-endian word,
 * the elements big-endian. Start at data_read_idx, at the bottom. */
#include "runtime/data/data.h"
#include "runtime/data/stream.h"

#include <inttypes.h>
#include <string.h>

typedef struct IdxType {
    uint8_t code, bytes;                                    /* in the file */
    GanElem elem;
} IdxType;

static const IdxType types[] = {
    {0x08, 1, GAN_U8}, {0x09, 1, GAN_I32}, {0x0b, 2, GAN_I32}, {0x0c, 4, GAN_I32}, {0x0d, 4, GAN_F32}, {0x0e, 8, GAN_F64},
};

static uint64_t big_endian(const uint8_t *p, int bytes)
{
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++) v = v << 8 | p[i];
    return v;
}

static GanStatus read_header(Stream *s, const IdxType **type, int *rank, int64_t *dim, GanError *err)
{
    uint8_t   head[4], words[4 * GAN_MAX_RANK];
    GanStatus status = stream_read(s, head, sizeof head, "the IDX header", err);
    if (status) return status;
    *type = NULL;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].code == head[2]) *type = &types[i];
    if (head[0] || head[1] || !*type)
        return gan_error_in(err, GAN_WRONG, s->path, "this is no IDX file: it starts with the bytes %02x %02x %02x %02x", head[0], head[1], head[2], head[3]);
    *rank = head[3];
    if (*rank < 1 || *rank > GAN_MAX_RANK)
        return gan_error_in(err, GAN_WRONG, s->path, "the IDX header speaks of %d dimensions; 1 to %d can be read", *rank, GAN_MAX_RANK);
    status = stream_read(s, words, 4 * (size_t)*rank, "the IDX header", err);
    if (status) return status;
    for (int i = 0; i < *rank; i++) dim[i] = (int64_t)big_endian(words + 4 * i, 4);
    return GAN_OK;
}

static void put(GanTensor *t, int64_t i, const IdxType *type, uint64_t bits)
{
    switch (type->code) {
    case 0x09: ((int32_t *)t->data)[i] = (int8_t)bits; break;
    case 0x0b: ((int32_t *)t->data)[i] = (int16_t)bits; break;
    case 0x0e: memcpy((double *)t->data + i, &bits, 8); break;
    default: memcpy((uint32_t *)t->data + i, &(uint32_t){(uint32_t)bits}, 4); break;
    }
}

static GanStatus read_elements(Stream *s, const IdxType *type, GanTensor *t, GanError *err)
{
    if (type->elem == GAN_U8) return stream_read(s, t->data, t->bytes, "the elements", err);
    uint8_t buffer[8192];
    int64_t count = gan_tensor_count(t), most = (int64_t)sizeof buffer / type->bytes;
    for (int64_t at = 0; at < count; at += most) {
        int64_t   n = count - at < most ? count - at : most;
        GanStatus status = stream_read(s, buffer, (size_t)n * type->bytes, "the elements", err);
        if (status) return status;
        for (int64_t i = 0; i < n; i++) put(t, at + i, type, big_endian(buffer + i * type->bytes, type->bytes));
    }
    return GAN_OK;
}

static GanStatus in_file(GanError *err, GanStatus status, const char *path)
{
    if (status != GAN_WRONG || !err) return status;
    GanError copy = *err;
    return gan_error_in(err, status, path, "the IDX header is wrong: %s", copy.message);
}

/* `bytes` of elements in memory are at most four times those in the file, so the bound keeps memory in proportion. */
static GanStatus check_promise(const Stream *s, const IdxType *type, int64_t count, GanError *err)
{
    int64_t left = stream_bound(s) - s->at, wanted = count * type->bytes;
    if (wanted <= left) return GAN_OK;
    return gan_error_in(err, GAN_WRONG, s->path, "the IDX header promises %" PRId64 " bytes of elements and the file %s %" PRId64,
                        wanted, s->packed ? "can hold at most" : "has", left);
}

static GanStatus read_tensor(Stream *s, GanTensor **out, GanError *err)
{
    const IdxType *type;
    int            rank = 0;
    int64_t        dim[GAN_MAX_RANK], count = 0;
    size_t         bytes;
    GanStatus      status = read_header(s, &type, &rank, dim, err);
    if (status) return status;
    status = in_file(err, gan_tensor_size(type->elem, rank, dim, &count, &bytes, err), s->path);
    if (!status) status = check_promise(s, type, count, err);
    if (!status) status = gan_tensor_new(type->elem, rank, dim, out, err);
    if (!status) status = read_elements(s, type, *out, err);
    if (!status) status = stream_end(s, err);
    return status;
}

GanStatus data_read_idx(const char *path, GanTensor **out, GanError *err)
{
    Stream s;
    *out = NULL;
    GanStatus status = stream_open(&s, path, err);
    if (status) return status;
    status = read_tensor(&s, out, err);
    stream_close(&s);
    if (status) {
        gan_tensor_free(*out);
        *out = NULL;
    }
    return status;
}

static bool as_long_as(const Stream *s, const GanTensor *t, const IdxType *type)
{
    uint64_t says, wanted = (uint64_t)s->at + (uint64_t)gan_tensor_count(t) * type->bytes;
    return stream_says_length(s, &says) && says == (s->packed ? (uint32_t)wanted : wanted);
}

GanStatus data_idx_shape(const char *path, GanTensor *shape)
{
    Stream         s;
    GanError       err;
    const IdxType *type;
    int64_t        count;
    *shape = (GanTensor){0};
    GanStatus status = stream_open(&s, path, &err);
    if (status) return status;
    status = read_header(&s, &type, &shape->rank, shape->dim, &err);
    if (!status) shape->elem = type->elem, status = gan_tensor_size(shape->elem, shape->rank, shape->dim, &count, &shape->bytes, &err);
    if (!status) status = check_promise(&s, type, count, &err);
    if (!status && !as_long_as(&s, shape, type)) status = GAN_WRONG;
    stream_close(&s);
    return status;
}
