/* safetensors.h - named tensors in one file, in the format other tools read, with checksums of our own in its metadata.
 *
 * Layout: 8 bytes little-endian header length; a JSON object, name -> {dtype, shape, data_offsets}, padded with spaces to
 * 8 bytes; the elements. "__metadata__" maps strings to strings; ours holds "xxh3" (XXH3-128 of the header with this value
 * zeroed) and "xxh3:NAME" for each tensor, so one changed bit anywhere is noticed. Written files are bit for bit a function
 * of what is passed. */
#pragma once
#include "base/arena.h"
#include "runtime/tensor.h"

#include <stdbool.h>

typedef struct SafeTensor {                                 /* a view: `data` belongs to someone else */
    const char *name;
    GanElem     elem;
    int         rank;
    int64_t     dim[GAN_MAX_RANK];
    const void *data;                                       /* of a read file: may be unaligned, so memcpy it */
    size_t      bytes;                                      /* ignored when writing */
} SafeTensor;

typedef struct SafeMeta {
    const char *key, *value;                                /* UTF-8 */
} SafeMeta;

/* The whole file, yours to free. Tensors lie in the order given. GAN_WRONG: a name or key twice, not UTF-8 or one of ours
 * ("__metadata__", "xxh3..."), a shape out of range; GAN_WORLD: memory. */
GanStatus safetensors_bytes(const SafeTensor *tensor, int n_tensors, const SafeMeta *meta, int n_meta, char **file,
                            size_t *bytes, GanError *err);

typedef struct SafeFile {
    SafeTensor *tensor;
    int         n_tensors;
    SafeMeta   *meta;                                       /* without the checksums */
    int         n_meta;
    bool        checked;                                    /* all checksums were there, and right */
    Arena      *arena;                                      /* of names, keys and these arrays */
    char       *bytes;                                      /* the file, which `data` points into */
} SafeFile;

/* Header length, JSON, names, types, shapes, ranges, gaps, overlaps and whatever checksums are there are all checked;
 * GAN_WRONG says which tensor failed. `want_checksums`: a file without them is GAN_WRONG too. */
GanStatus         safetensors_read(const char *path, bool want_checksums, SafeFile **out, GanError *err);
void              safetensors_free(SafeFile *f);            /* NULL is fine */
const SafeTensor *safetensors_find(const SafeFile *f, const char *name);     /* NULL: none */
const char       *safetensors_meta(const SafeFile *f, const char *key);     /* NULL: none */
