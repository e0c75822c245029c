/* safetensors.c - see safetensors.h. Writing starts at safetensors_image, reading at safetensors_read. */
#include "runtime/safetensors.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

enum { LENGTH = 8, HASH = 32, PIECE = 1 << 20 };            /* bytes of the header's length, characters of a checksum, bytes read at once */
static const int64_t header_most = 100 << 20, file_most = INT64_C(1) << 40;
static const char    metadata[] = "__metadata__", own_hash[] = "xxh3", no_hash[] = "00000000000000000000000000000000";

typedef struct TypeName {
    GanElem     elem;
    const char *name;
} TypeName;

static const TypeName types[] = {
    {GAN_BOOL, "BOOL"}, {GAN_I32, "I32"}, {GAN_I64, "I64"}, {GAN_F32, "F32"}, {GAN_F64, "F64"}, {GAN_U8, "U8"},
};

static void hash_text(XXH128_hash_t h, char hex[HASH + 1])
{
    snprintf(hex, HASH + 1, "%016" PRIx64 "%016" PRIx64, (uint64_t)h.high64, (uint64_t)h.low64);
}

static void checksum(const void *data, size_t n, char hex[HASH + 1]) { hash_text(XXH3_128bits(data, n), hex); }

/* jansson does not say why it fails, and drops what it has no memory for; errno it clears where it reads a number. So its allocations are watched: those of a thread
 * since it began to. */
static _Thread_local bool starved;

static void *json_room(size_t n)
{
    void *p = malloc(n);
    if (!p) starved = true;
    return p;
}

static void watch_allocations(void) { json_set_alloc_funcs(json_room, free); }

static void watch_json(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_allocations);
    starved = false;
}

/* The caller's to free; NULL: no memory. */
static char *tensor_hash_key(const char *name)
{
    char *key;
    if (asprintf(&key, "%s:%s", own_hash, name) >= 0) return key;
    starved = true;
    return NULL;
}

static size_t padded(size_t header) { return (header + 7) & ~(size_t)7; }

/* Where the header's own checksum stands in its text: the 32 characters after "xxh3":" - or NULL. */
static char *find_own_hash(const char *header, size_t n)
{
    static const char needle[] = "\"xxh3\":\"";
    char *at = memmem(header, n, needle, sizeof needle - 1);
    if (!at || (size_t)(header + n - at) < sizeof needle - 1 + HASH) return NULL;
    return at + sizeof needle - 1;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static bool set_string(json_t *object, const char *key, const char *value)
{
    return !json_object_get(object, key) && !json_object_set_new(object, key, json_string(value));
}

static GanStatus add_metadata(json_t *root, const SafeMeta *meta, int n, GanError *err)
{
    json_t *m = json_object();
    if (json_object_set_new(root, metadata, m)) return gan_error(err, GAN_WORLD, "not enough memory");
    for (int i = 0; i < n; i++) {
        if (!strncmp(meta[i].key, own_hash, strlen(own_hash)))
            return gan_error(err, GAN_WRONG, "the metadata key '%s' is taken by checksums", meta[i].key);
        if (!set_string(m, meta[i].key, meta[i].value))
            return gan_error(err, GAN_WRONG, "the metadata '%s' stands twice, or is not UTF-8", meta[i].key);
    }
    return set_string(m, own_hash, no_hash) ? GAN_OK : gan_error(err, GAN_WORLD, "not enough memory");
}

static bool add_tensor_hash(json_t *meta, const SafeTensor *t, size_t bytes)
{
    char hash[HASH + 1], *key = tensor_hash_key(t->name);
    checksum(t->data, bytes, hash);
    bool ok = key && set_string(meta, key, hash);
    free(key);
    return ok;
}

static json_t *entry(const SafeTensor *t, int64_t from, int64_t to)
{
    const char *type = types[0].name;
    json_t     *shape = json_array();
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].elem == t->elem) type = types[i].name;
    for (int i = 0; i < t->rank; i++) json_array_append_new(shape, json_integer(t->dim[i]));
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", type, "shape", shape, "data_offsets", (json_int_t)from, (json_int_t)to);
}

static GanStatus add_tensor(json_t *root, const SafeTensor *t, int64_t *end, GanError *err)
{
    int64_t   count;
    size_t    bytes;
    GanError  why;
    GanStatus s = gan_tensor_size(t->elem, t->rank, t->dim, &count, &bytes, &why);
    if (s) return gan_error(err, s, "the tensor '%s' has %s", t->name, why.message);
    if (json_object_get(root, t->name) || json_object_set_new(root, t->name, entry(t, *end, *end + (int64_t)bytes)) ||
        !add_tensor_hash(json_object_get(root, metadata), t, bytes))
        return gan_error(err, GAN_WRONG, "the tensor name '%s' stands twice, is not UTF-8, or is reserved", t->name);
    *end += (int64_t)bytes;
    return *end > file_most ? gan_error(err, GAN_WRONG, "more than 2^40 bytes of tensors") : GAN_OK;
}

/* The header's length and its text, padded; its checksum is taken while the checksum's own place holds zeros. */
static GanStatus header_text(json_t *root, char **text, size_t *n, GanError *err)
{
    char  *compact = json_dumps(root, JSON_COMPACT), hash[HASH + 1];
    size_t used = compact ? strlen(compact) : 0;
    size_t room = padded(used);
    *n = LENGTH + room;
    *text = compact ? malloc(*n) : NULL;
    if (*text) {
        char *header = *text + LENGTH;
        for (int i = 0; i < LENGTH; i++) (*text)[i] = (char)(room >> 8 * i & 255);
        memset(header, ' ', room);
        memcpy(header, compact, used);
        checksum(header, room, hash);
        memcpy(find_own_hash(header, room), hash, HASH);
    }
    free(compact);
    return *text ? GAN_OK : gan_error(err, GAN_WORLD, "not enough memory");
}

static GanStatus describe(json_t *root, const SafeTensor *tensor, int n_tensors, const SafeMeta *meta, int n_meta,
                          int64_t *end, GanError *err)
{
    GanStatus s = add_metadata(root, meta, n_meta, err);
    *end = 0;
    for (int i = 0; i < n_tensors && !s; i++) s = add_tensor(root, &tensor[i], end, err);
    return s;
}

GanStatus safetensors_image(const SafeTensor *tensor, int n_tensors, const SafeMeta *meta, int n_meta, SafeImage *out, GanError *err)
{
    int64_t end;
    watch_json();
    json_t   *root = json_object();
    GanStatus s = describe(root, tensor, n_tensors, meta, n_meta, &end, err);
    *out = (SafeImage){.tensor = tensor, .n_tensors = n_tensors};
    if (!s) s = header_text(root, &out->header, &out->n_header, err);
    if (starved) {
        s = gan_error(err, GAN_WORLD, "not enough memory for the header of a checkpoint");
        safetensors_image_free(out);
    }
    json_decref(root);
    out->bytes = out->n_header + (size_t)end;
    return s;
}

void safetensors_image_free(SafeImage *image)
{
    free(image->header);
    *image = (SafeImage){0};
}

static size_t tensor_bytes(const SafeTensor *t)
{
    int64_t count;
    size_t  bytes;
    gan_tensor_size(t->elem, t->rank, t->dim, &count, &bytes, NULL);
    return bytes;
}

GanStatus safetensors_write(const SafeImage *image, FileNew *f, GanError *err)
{
    GanStatus s = file_new_write(f, image->header, image->n_header, err);
    for (int i = 0; i < image->n_tensors && !s; i++) s = file_new_write(f, image->tensor[i].data, tensor_bytes(&image->tensor[i]), err);
    return s;
}

/* Exactly n bytes from a place in the file. False: errno says why, or is 0 where the file ends. */
static bool read_at(int fd, int64_t at, void *to, size_t n)
{
    for (char *p = to; n;) {
        ssize_t got = pread(fd, p, n, at);
        if (got < 0 && errno == EINTR) continue;
        if (!got) errno = 0;
        if (got <= 0) return false;
        p += got;
        at += got;
        n -= (size_t)got;
    }
    return true;
}

static GanStatus cannot_read(const char *path, GanError *err)
{
    return gan_error_in(err, GAN_WORLD, path, "cannot be read: %s", errno ? strerror(errno) : "it is being made shorter");
}

/* A file under comparison: *same until other bytes are met. */
typedef struct Compared {
    const char *path;
    int         fd;
    char       *piece;
    bool        same;
} Compared;

static GanStatus compare_at(Compared *c, int64_t at, const char *want, size_t n, GanError *err)
{
    for (size_t now; n && c->same; n -= now, want += now, at += (int64_t)now) {
        now = n < PIECE ? n : PIECE;
        if (!read_at(c->fd, at, c->piece, now)) return cannot_read(c->path, err);
        c->same = !memcmp(c->piece, want, now);
    }
    return GAN_OK;
}

static GanStatus compare_all(Compared *c, const SafeImage *image, GanError *err)
{
    GanStatus s = compare_at(c, 0, image->header, image->n_header, err);
    int64_t   at = (int64_t)image->n_header;
    for (int i = 0; i < image->n_tensors && !s; i++) {
        size_t n = tensor_bytes(&image->tensor[i]);
        s = compare_at(c, at, image->tensor[i].data, n, err);
        at += (int64_t)n;
    }
    return s;
}

GanStatus safetensors_holds(const SafeImage *image, const char *path, bool *same, GanError *err)
{
    Compared c = {.path = path};
    int64_t  bytes;
    *same = false;
    GanStatus s = file_open(path, &c.fd, &bytes, err);
    if (s) return s == GAN_WRONG ? GAN_OK : s;              /* what cannot be opened by its name is another file */
    c.piece = malloc(PIECE);
    c.same = bytes == (int64_t)image->bytes;
    s = c.piece ? compare_all(&c, image, err) : gan_error_in(err, GAN_WORLD, path, "not enough memory to read it back");
    *same = c.same;
    free(c.piece);
    close(c.fd);
    return s;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

/* Of a file whose elements are not kept, `data` is where they would lie behind the header, and nothing is there. */
typedef struct Reader {
    const char *path;
    SafeFile   *file;
    int         fd;                                         /* to read the elements from; -1: they are behind the header */
    size_t      bytes, header;                              /* of the file, of its header */
    GanError   *err;
} Reader;

#define WRONG(r, ...) gan_error_in((r)->err, GAN_WRONG, (r)->path, __VA_ARGS__)

static GanStatus no_memory(const Reader *r) { return gan_error_in(r->err, GAN_WORLD, r->path, "not enough memory to read it"); }

static uintptr_t elements(const Reader *r) { return (uintptr_t)r->file->bytes + LENGTH + r->header; }
static size_t    elements_size(const Reader *r) { return r->bytes - LENGTH - r->header; }

static GanStatus read_length(Reader *r)
{
    uint64_t n = 0;
    if (r->bytes < LENGTH) return WRONG(r, "this is no safetensors file: it has only %zu bytes", r->bytes);
    for (int i = 0; i < LENGTH; i++) n |= (uint64_t)(uint8_t)r->file->bytes[i] << 8 * i;
    if (n > r->bytes - LENGTH || n > (uint64_t)header_most)
        return WRONG(r, "the header says it is %" PRIu64 " bytes long and the file has %zu; it is cut off, or no safetensors file", n, r->bytes);
    r->header = (size_t)n;
    return GAN_OK;
}

static GanStatus read_metadata(Reader *r, json_t *meta)
{
    SafeFile   *f = r->file;
    const char *key;
    json_t     *value;
    if (!meta) return GAN_OK;
    if (!json_is_object(meta)) return WRONG(r, "its metadata is no object");
    f->meta = arena_array(f->arena, SafeMeta, json_object_size(meta));
    json_object_foreach(meta, key, value) {
        if (!json_is_string(value)) return WRONG(r, "the metadata '%s' is no string", key);
        if (strncmp(key, own_hash, strlen(own_hash)))
            f->meta[f->n_meta++] = (SafeMeta){arena_str(f->arena, key), arena_str(f->arena, json_string_value(value))};
    }
    return GAN_OK;
}

static GanStatus read_type(Reader *r, SafeTensor *t, const json_t *type)
{
    const char *name = json_string_value(type);
    if (!name) return WRONG(r, "the tensor '%s' has no dtype", t->name);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(types[i].name, name)) continue;
        t->elem = types[i].elem;
        return GAN_OK;
    }
    return WRONG(r, "the tensor '%s' is of type %.16s, which cannot be read", t->name, name);
}

static GanStatus read_shape(Reader *r, SafeTensor *t, const json_t *shape)
{
    size_t rank = json_array_size(shape);
    if (!json_is_array(shape) || rank > GAN_MAX_RANK) return WRONG(r, "the tensor '%s' has no shape of at most 8 dimensions", t->name);
    t->rank = (int)rank;
    for (size_t i = 0; i < rank; i++) {
        const json_t *d = json_array_get(shape, i);
        if (!json_is_integer(d) || json_integer_value(d) < 0) return WRONG(r, "dimension %zu of the tensor '%s' is no whole number", i + 1, t->name);
        t->dim[i] = json_integer_value(d);
    }
    return GAN_OK;
}

static GanStatus read_range(Reader *r, SafeTensor *t, const json_t *offsets)
{
    const json_t *a = json_array_get(offsets, 0), *b = json_array_get(offsets, 1);
    int64_t       from = json_integer_value(a), to = json_integer_value(b), count;
    GanError      why;
    if (json_array_size(offsets) != 2 || !json_is_integer(a) || !json_is_integer(b))
        return WRONG(r, "the tensor '%s' has no data_offsets", t->name);
    if (gan_tensor_size(t->elem, t->rank, t->dim, &count, &t->bytes, &why)) return WRONG(r, "the tensor '%s': %s", t->name, why.message);
    if (from < 0 || to < from || (uint64_t)to > elements_size(r))
        return WRONG(r, "the tensor '%s' lies at bytes %" PRId64 " to %" PRId64 ", and the file has %zu", t->name, from, to, elements_size(r));
    if ((size_t)(to - from) != t->bytes)
        return WRONG(r, "the tensor '%s' has %" PRId64 " bytes and its shape wants %zu", t->name, to - from, t->bytes);
    t->data = (const void *)(elements(r) + (uintptr_t)from);
    return GAN_OK;
}

static GanStatus read_tensors(Reader *r, json_t *root)
{
    SafeFile   *f = r->file;
    const char *name;
    json_t     *e;
    GanStatus   s = GAN_OK;
    f->tensor = arena_array(f->arena, SafeTensor, json_object_size(root));
    json_object_foreach(root, name, e) {
        if (!strcmp(name, metadata)) continue;
        SafeTensor *t = &f->tensor[f->n_tensors++];
        t->name = arena_str(f->arena, name);
        if (!json_is_object(e) || json_object_size(e) != 3) return WRONG(r, "the tensor '%s' is not described by dtype, shape and data_offsets", name);
        if (!s) s = read_type(r, t, json_object_get(e, "dtype"));
        if (!s) s = read_shape(r, t, json_object_get(e, "shape"));
        if (!s) s = read_range(r, t, json_object_get(e, "data_offsets"));
        if (s) return s;
    }
    return GAN_OK;
}

static int by_place(const void *a, const void *b)
{
    const SafeTensor *x = *(SafeTensor *const *)a, *y = *(SafeTensor *const *)b;
    uintptr_t         p = (uintptr_t)x->data, q = (uintptr_t)y->data;
    if (p != q) return p < q ? -1 : 1;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? -1 : 1;
    return x < y ? -1 : x > y;
}

/* Tensors lie one behind the other, from the header to the file's end. */
static GanStatus check_cover(Reader *r)
{
    SafeFile    *f = r->file;
    SafeTensor **order = arena_array(f->arena, SafeTensor *, f->n_tensors);
    uintptr_t    end = elements(r);
    for (int i = 0; i < f->n_tensors; i++) order[i] = &f->tensor[i];
    if (f->n_tensors) qsort(order, (size_t)f->n_tensors, sizeof *order, by_place);
    for (int i = 0; i < f->n_tensors; i++) {
        uintptr_t from = (uintptr_t)order[i]->data;
        if (from < end) return WRONG(r, "the tensor '%s' overlaps another", order[i]->name);
        if (from > end) return WRONG(r, "there is a gap of %" PRIuPTR " bytes before the tensor '%s'", from - end, order[i]->name);
        end = from + order[i]->bytes;
    }
    size_t left = (uintptr_t)r->file->bytes + r->bytes - end;
    return left ? WRONG(r, "the file goes on for %zu bytes after its last tensor", left) : GAN_OK;
}

static GanStatus check_header(Reader *r, const char *want)
{
    char *header = r->file->bytes + LENGTH, *place = find_own_hash(header, r->header), hash[HASH + 1];
    if (strlen(want) != HASH || !place || memcmp(place, want, HASH)) return WRONG(r, "the header's checksum is not where it should be");
    memcpy(place, no_hash, HASH);
    checksum(header, r->header, hash);
    return memcmp(hash, want, HASH) ? WRONG(r, "the header is damaged or was changed: its checksum is another") : GAN_OK;
}

/* False: the file cannot be read. */
static bool read_checksum(const Reader *r, const SafeTensor *t, char hex[HASH + 1])
{
    char         *piece = malloc(PIECE);
    XXH3_state_t *h = XXH3_createState();
    int64_t       at = (int64_t)((uintptr_t)t->data - (uintptr_t)r->file->bytes);
    bool          ok = piece && h && XXH3_128bits_reset(h) == XXH_OK;
    for (size_t left = t->bytes, now; left && ok; left -= now, at += (int64_t)now) {
        now = left < PIECE ? left : PIECE;
        ok = read_at(r->fd, at, piece, now) && XXH3_128bits_update(h, piece, now) == XXH_OK;
    }
    if (ok) hash_text(XXH3_128bits_digest(h), hex);
    XXH3_freeState(h);
    free(piece);
    return ok;
}

static GanStatus check_tensor(Reader *r, const SafeTensor *t, const char *want)
{
    char hash[HASH + 1];
    if (r->fd < 0) checksum(t->data, t->bytes, hash);
    else if (!read_checksum(r, t, hash)) return cannot_read(r->path, r->err);
    return strcmp(hash, want) ? WRONG(r, "the tensor '%s' is damaged: its checksum is another", t->name) : GAN_OK;
}

static GanStatus check_sums(Reader *r, const json_t *meta, bool wanted)
{
    SafeFile   *f = r->file;
    const char *own = json_string_value(json_object_get(meta, own_hash));
    if (!own && wanted) return WRONG(r, "there are no checksums in it; it was not written as a checkpoint");
    GanStatus s = own ? check_header(r, own) : GAN_OK;
    f->checked = own;
    for (int i = 0; i < f->n_tensors && !s; i++) {
        const SafeTensor *t = &f->tensor[i];
        char             *key = tensor_hash_key(t->name);
        const char       *want = key ? json_string_value(json_object_get(meta, key)) : NULL;
        free(key);
        if (!key) return no_memory(r);
        if (!want) f->checked = false;
        if (!want && wanted) return WRONG(r, "the tensor '%s' has no checksum", t->name);
        if (want) s = check_tensor(r, t, want);
    }
    return s;
}

/* What the names, keys and values of a header, and the tables of them, take at most. */
static size_t room_for(json_t *root)
{
    enum { ROUNDED = 32 };                                  /* more than the zero of a text and what its end is rounded up by */
    size_t      room = 4 * ROUNDED;
    const char *key;
    json_t     *value;
    json_object_foreach(root, key, value) room += sizeof(SafeTensor) + sizeof(SafeTensor *) + strlen(key) + ROUNDED;
    json_object_foreach(json_object_get(root, metadata), key, value)
        room += sizeof(SafeMeta) + strlen(key) + json_string_length(value) + 2 * ROUNDED;
    return room;
}

static GanStatus read_json(Reader *r, json_t **root)
{
    json_error_t why;
    watch_json();
    *root = json_loadb(r->file->bytes + LENGTH, r->header, JSON_REJECT_DUPLICATES, &why);
    if (starved) return no_memory(r);
    if (!*root) return WRONG(r, "the header is no JSON (%s); the file is damaged, or no safetensors file", why.text);
    if (!json_is_object(*root)) return WRONG(r, "the header is no JSON object");
    return arena_reserve(r->file->arena, room_for(*root)) ? GAN_OK : no_memory(r);
}

static GanStatus read_header(Reader *r, bool wanted)
{
    json_t   *root;
    GanStatus s = read_json(r, &root);
    json_t   *meta = json_object_get(root, metadata);
    if (!s) s = read_metadata(r, meta);
    if (!s) s = read_tensors(r, root);
    if (!s) s = check_cover(r);
    if (!s) s = check_sums(r, meta, wanted);
    json_decref(root);
    return s;
}

/* NULL: no memory. Takes the bytes in any case. */
static SafeFile *new_file(char *bytes)
{
    Arena    *a = arena_holding(sizeof(SafeFile));
    SafeFile *f = a ? arena_new_of(a, SafeFile) : NULL;
    if (f) *f = (SafeFile){.arena = a, .bytes = bytes};
    else free(bytes);
    return f;
}

GanStatus safetensors_read(const char *path, bool want_checksums, SafeFile **out, GanError *err)
{
    char  *bytes;
    size_t n;
    *out = NULL;
    GanStatus s = file_read_all(path, file_most, &bytes, &n, err);
    if (s) return s;
    Reader r = {path, new_file(bytes), -1, n, 0, err};
    s = r.file ? read_length(&r) : no_memory(&r);
    if (!s) s = read_header(&r, want_checksums);
    if (s) safetensors_free(r.file);
    else *out = r.file;
    return s;
}

/* The file's first n bytes in place of those that are there. */
static GanStatus read_start(Reader *r, size_t n)
{
    free(r->file->bytes);
    r->file->bytes = malloc(n + 1);
    if (!r->file->bytes) return no_memory(r);
    return read_at(r->fd, 0, r->file->bytes, n) ? GAN_OK : cannot_read(r->path, r->err);
}

GanStatus safetensors_verify(const char *path, GanError *err)
{
    int     fd;
    int64_t bytes;
    GanStatus s = file_open(path, &fd, &bytes, err);
    if (s) return s;
    Reader r = {path, new_file(NULL), fd, (size_t)bytes, 0, err};
    s = r.file ? read_start(&r, bytes < LENGTH ? (size_t)bytes : LENGTH) : no_memory(&r);
    if (!s) s = read_length(&r);
    if (!s) s = read_start(&r, LENGTH + r.header);
    if (!s) s = read_header(&r, true);
    safetensors_free(r.file);
    close(fd);
    return s;
}

void safetensors_free(SafeFile *f)
{
    if (!f) return;
    free(f->bytes);
    arena_free(f->arena);
}

const SafeTensor *safetensors_find(const SafeFile *f, const char *name)
{
    for (int i = 0; i < f->n_tensors; i++)
        if (!strcmp(f->tensor[i].name, name)) return &f->tensor[i];
    return NULL;
}

const char *safetensors_meta(const SafeFile *f, const char *key)
{
    for (int i = 0; i < f->n_meta; i++)
        if (!strcmp(f->meta[i].key, key)) return f->meta[i].value;
    return NULL;
}
