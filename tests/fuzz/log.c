/* log.c - the log of a run that goes on: its first lines are kept, and it stays a log of whole lines. */
#include "target.h"

#include "runtime/log.h"

void target_try(const char *bytes, size_t n)
{
    Log        *l;
    GanError    err;
    const char *path = target_file(bytes, n);
    int64_t     most = n ? bytes[0] & 7 : 0;
    if (log_resume(path, most, &l, &err)) return;
    TARGET_WANT(log_lines(l) <= most, "it keeps more lines than there were");
    double x = log_seconds(l);
    log_begin(l, 1, x);
    log_value(l, "x", GAN_F64, &x);
    log_end(l, &err);
    log_close(l, &err);
}
