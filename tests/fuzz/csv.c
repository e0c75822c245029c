/* csv.c - a table, with a header, without one, and where the first line decides. */
#include "target.h"

#include "runtime/data/data.h"
#include "runtime/data/recipe.h"

#include <stdlib.h>

void target_try(const char *bytes, size_t n)
{
    const char *path = target_file(bytes, n);
    for (int header = DATA_HEADER_AUTO; header <= DATA_HEADER_YES; header++) {
        GanTensor *t;
        GanError   err;
        int64_t    first;
        char      *names;
        if (data_read_csv_named(path, (DataHeader)header, &t, &names, &err)) continue;
        data_not_finite(t, &first);                         /* reads all of it */
        gan_tensor_free(t);
        free(names);
    }
}
