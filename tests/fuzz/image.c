/* image.c - a compiled program as bytes, with sums that are right whatever it says, so that only the numbers are left to be checked. One that opens
 * is written again, which reads all of it, and opens again. */
#include "target.h"

#include "compiler/image/write.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static void mend_sums(char *bytes, size_t n)
{
    ImageHeader  *h = (ImageHeader *)(void *)bytes;
    ImageSection *s = (ImageSection *)(void *)(bytes + sizeof *h);
    if (n < sizeof *h + IMAGE_TAGS * sizeof *s) return;
    for (int t = 0; t < IMAGE_TAGS; t++)
        if (s[t].offset <= n && s[t].bytes <= n - s[t].offset) s[t].sum = XXH3_64bits(bytes + s[t].offset, s[t].bytes);
    h->bytes = n;
    h->sum = 0;
    h->sum = XXH3_64bits(bytes, sizeof *h + IMAGE_TAGS * sizeof *s);
}

static char *copy_of(const char *bytes, size_t n)
{
    void *copy;
    TARGET_WANT(!posix_memalign(&copy, IMAGE_ALIGN, n + !n), "no memory");
    return memcpy(copy, bytes, n);
}

static void write_again(const Image *i)
{
    Arena   *a = arena_new();
    Text     out = text_in(a);
    Image    again;
    GanError err;
    image_write(&out, &i->program, &i->code, i->machine.n_entries ? &i->machine : NULL);
    char *bytes = copy_of(out.s, out.n);
    TARGET_WANT(!image_open(bytes, out.n, &again, &err), "what was written again does not open: %s", err.message);
    image_close(&again);
    free(bytes);
    arena_free(a);
}

void target_try(const char *bytes, size_t n)
{
    Image    i;
    GanError err;
    char    *copy = copy_of(bytes, n);
    mend_sums(copy, n);
    if (!image_open(copy, n, &i, &err)) {
        write_again(&i);
        image_close(&i);
    }
    free(copy);
}
