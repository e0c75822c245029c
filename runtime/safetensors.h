/* safetensors.h - named tensors in one file, in the format other tools read, with checksums of our own in its metadata.
 *
 * Layout: 8 bytes little-endian header length; a JSON object, name -> {dtype, shape, data_offsets}, padded with spaces to
 * 8 bytes; the elements. "__metadata__" maps strings to strings; ours holds "xxh3" (XXH3-128 of the header with this value
 * zeroed) and "xxh3:NAME" for each tensor, so one changed bit anywhere is noticed. Written files are bit for bit a function
 * of what is passed. */
#pragma once
#include "base/arena.h"
#include "runtime/file.h"
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

/* A file to be: its header, then the elements of the tensors, one behind the other, which stay where they are. */
typedef struct SafeImage {
    char             *header;
    size_t            n_header, bytes;                      /* of the header, with its length; of the whole file */
    const SafeTensor *tensor;
    int               n_tensors;
} SafeImage;

/* Tensors lie in the order given, and stay as they are until safetensors_image_free. GAN_WRONG: a name or key twice, not UTF-8 or one
 * of ours ("__metadata__", "xxh3..."), a shape out of range; GAN_WORLD: memory. */
GanStatus safetensors_image(const SafeTensor *tensor, int n_tensors, const SafeMeta *meta, int n_meta, SafeImage *out, GanError *err);
void      safetensors_image_free(SafeImage *image);
GanStatus safetensors_write(const SafeImage *image, FileNew *f, GanError *err);    /* all of it, at the end of a file that was begun */
/* *same: the file there has these bytes and no others. GAN_WORLD: it cannot be read. */
GanStatus safetensors_holds(const SafeImage *image, const char *path, bool *same, GanError *err);

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
 * GAN_WRONG says which tensor failed. `want_checksums`: a file without them is GAN_WRONG too. GAN_WORLD, memory that ran out or a device
 * that failed, says nothing about the file. */
GanStatus         safetensors_read(const char *path, bool want_checksums, SafeFile **out, GanError *err);
/* As safetensors_read with checksums, without keeping the elements: a large file takes the memory of its header. */
GanStatus         safetensors_verify(const char *path, GanError *err);
void              safetensors_free(SafeFile *f);            /* NULL is fine */
const SafeTensor *safetensors_find(const SafeFile *f, const char *name);     /* NULL: none */
const char       *safetensors_meta(const SafeFile *f, const char *key);     /* NULL: none */
