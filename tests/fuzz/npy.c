/* npy.c - an array of NumPy's: what is read is written, and reads back the same. */
#include "target.h"

#include "runtime/data/data.h"
#include "runtime/data/npy.h"

#include <stdlib.h>
#include <string.h>

static void check_written(const GanTensor *t, const char *path)
{
    GanTensor *back;
    GanError   err;
    char       head[NPY_HEADER];
    size_t     n = npy_header(head, t);
    char      *bytes = malloc(n + t->bytes);
    TARGET_WANT(bytes, "no memory");
    memcpy(bytes, head, n);
    if (t->bytes) memcpy(bytes + n, t->data, t->bytes);
    target_file_again(bytes, n + t->bytes);
    free(bytes);
    TARGET_WANT(!data_read_npy(path, &back, &err), "what was written is not read: %s", err.message);
    bool same = back->elem == t->elem && back->rank == t->rank && back->bytes == t->bytes && !memcmp(back->data, t->data, t->bytes);
    TARGET_WANT(same, "it reads back as another");
    gan_tensor_free(back);
}

void target_try(const char *bytes, size_t n)
{
    GanTensor  *t;
    GanError    err;
    const char *path = target_file(bytes, n);
    if (data_read_npy(path, &t, &err)) return;
    check_written(t, path);
    gan_tensor_free(t);
}
