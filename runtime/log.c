/* log.c - see log.h. Values are written by us, since jansson's numbers are not the shortest; strings are jansson's. */
#include "runtime/log.h"

#include "base/bug.h"
#include "base/text.h"

#include "runtime/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct Log {
    char    path[FILE_PATH_MAX];
    int     fd;
    bool    standard;                                       /* output, which is not ours to close */
    bool    reader_left, no_memory;                         /* for all of the line */
    int64_t lines;
    double  seconds;                                        /* of the last line that was kept of an earlier run */
    Arena  *arena;                                          /* of the line; its room is used again for the next */
    Text    line, key, kinds, samples;                      /* the last two: what the line ends in */
    uint64_t seed;                                          /* that of the samples */
};

/* ---- opening ---------------------------------------------------------------------------------------------------- */

static GanStatus failed(const Log *l, const char *what, GanError *err)
{
    bool theirs = errno == ENOENT || errno == ENOTDIR || errno == EACCES || errno == EISDIR;
    return gan_error_in(err, theirs ? GAN_WRONG : GAN_WORLD, l->path, "the log cannot be %s: %s", what, strerror(errno));
}

static GanStatus open_log(const char *path, int flags, Log **out, GanError *err)
{
    *out = NULL;
    if (strlen(path) >= FILE_PATH_MAX) return gan_error_in(err, GAN_WRONG, path, "the path is too long");
    Log *l = calloc(1, sizeof *l);
    if (!l) return gan_error(err, GAN_WORLD, "not enough memory");
    strcpy(l->path, path);
    l->standard = !strcmp(path, "-");
    l->fd = l->standard ? STDOUT_FILENO : open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_APPEND | O_NOCTTY | flags, 0644);
    bool closed = l->standard && write(l->fd, "", 0) < 0;
    if (l->fd < 0 || closed) {
        GanStatus s = failed(l, closed ? "written" : "opened", err);
        free(l);
        return s;
    }
    l->arena = arena_new();
    l->line = text_in(l->arena);
    l->key = text_in(l->arena);
    l->kinds = text_in(l->arena);
    l->samples = text_in(l->arena);
    *out = l;
    return GAN_OK;
}

GanStatus log_new(const char *path, Log **out, GanError *err) { return open_log(path, O_TRUNC, out, err); }

/* What a line says of its time. */
static GanStatus read_seconds(Log *l, const char *line, const char *stop, GanError *err)
{
    errno = 0;
    json_t *j = json_loadb(line, (size_t)(stop - line), 0, NULL);
    bool    no_memory = errno == ENOMEM;                    /* jansson does not say so */
    l->seconds = json_number_value(json_object_get(j, "seconds"));
    json_decref(j);
    return no_memory ? gan_error_in(err, GAN_WORLD, l->path, "not enough memory to read the log") : GAN_OK;
}

/* Where the first `lines` lines end, or all whole ones if there are fewer; *lines becomes how many that are. */
static GanStatus find_end(Log *l, int64_t *lines, int64_t *end, GanError *err)
{
    char     *text;
    size_t    n;
    int64_t   kept = 0, last = 0;
    GanStatus s = file_read_all(l->path, INT64_C(1) << 32, &text, &n, err);
    if (s) return s;
    *end = 0;
    for (char *line = text, *stop; kept < *lines && (stop = memchr(line, '\n', n - (size_t)(line - text))); line = stop + 1, kept++) {
        last = line - text;
        *end = stop + 1 - text;
    }
    s = read_seconds(l, text + last, text + *end, err);
    free(text);
    *lines = kept;
    return s;
}

GanStatus log_cut(Log *l, int64_t lines, GanError *err)
{
    struct stat st;
    int64_t     end;
    if (l->standard) return GAN_OK;
    if (fstat(l->fd, &st)) return failed(l, "looked at", err);
    if (!S_ISREG(st.st_mode)) return GAN_OK;                /* a pipe or a device: nothing to cut */
    GanStatus s = find_end(l, &lines, &end, err);
    if (s) return s;
    if (ftruncate(l->fd, end)) return failed(l, "cut", err);
    l->lines = lines;
    return GAN_OK;
}

GanStatus log_resume(const char *path, int64_t lines, Log **out, GanError *err)
{
    GanStatus s = open_log(path, 0, out, err);
    if (s) return s;
    (*out)->lines = lines;
    s = log_cut(*out, lines, err);
    if (s) {
        log_close(*out, NULL);
        *out = NULL;
    }
    return s;
}

int64_t log_lines(const Log *l) { return l->lines; }
double  log_seconds(const Log *l) { return l->seconds; }
bool    log_reader_left(const Log *l) { return l->reader_left; }

/* ---- a line ----------------------------------------------------------------------------------------------------- */

/* A line that memory ran out for is not written, and log_end() says so. */
static bool room(Log *l, Text *line, size_t n)
{
    if (!l->no_memory && text_reserve(line, n)) return true;
    l->no_memory = true;
    return false;
}

static void add(Log *l, Text *line, const char *s)
{
    if (room(l, line, strlen(s))) text_add(line, s);
}

/* UTF-8 that jansson takes, or with '?' for every byte beyond ASCII. */
static void add_string(Log *l, Text *line, const char *s)
{
    json_t *j = json_string(s);
    if (!j && arena_reserve(l->arena, strlen(s) + 1)) {
        char *plain = arena_str(l->arena, s);
        for (char *c = plain; *c; c++)
            if ((unsigned char)*c >= 0x80) *c = '?';
        j = json_string(plain);
    }
    char *text = j ? json_dumps(j, JSON_ENCODE_ANY) : NULL;
    json_decref(j);
    if (text) add(l, line, text);
    else l->no_memory = true;
    free(text);
}

bool log_has(Log *l, const char *name)
{
    l->key.n = 0;
    add_string(l, &l->key, name);
    add(l, &l->key, ": ");
    return l->line.n && strstr(text_str(&l->line), text_str(&l->key));
}

static void add_name(Log *l, const char *name)
{
    add(l, &l->line, l->line.n ? ", " : "{");
    add_string(l, &l->line, name);
    add(l, &l->line, ": ");
}

static void add_real(Text *line, double x, bool f32)
{
    if (!isfinite(x)) text_add(line, "\"");
    if (f32) text_f32(line, (float)x);
    else text_f64(line, x);
    if (!isfinite(x)) text_add(line, "\"");
}

static void add_value(Text *line, GanElem elem, const void *value)
{
    switch (elem) {
    case GAN_BOOL: text_add(line, *(const uint8_t *)value ? "true" : "false"); return;
    case GAN_U8: text_printf(line, "%d", *(const uint8_t *)value); return;
    case GAN_I32: text_printf(line, "%" PRId32, *(const int32_t *)value); return;
    case GAN_I64: text_printf(line, "%" PRId64, *(const int64_t *)value); return;
    case GAN_F32: add_real(line, (double)*(const float *)value, true); return;
    case GAN_F64: add_real(line, *(const double *)value, false); return;
    }
    BUG("element type %d", (int)elem);
}

void log_begin(Log *l, int64_t step, double seconds)
{
    seconds = round(seconds * 1000) / 1000;
    l->line.n = l->kinds.n = l->samples.n = 0;
    l->no_memory = false;
    log_value(l, "step", GAN_I64, &step);
    log_value(l, "seconds", GAN_F64, &seconds);
}

void log_value(Log *l, const char *name, GanElem elem, const void *value)
{
    enum { LONGEST = 64 };
    add_name(l, name);
    if (room(l, &l->line, LONGEST)) add_value(&l->line, elem, value);
}

void log_kind(Log *l, const char *name, const char *kind)
{
    add(l, &l->kinds, l->kinds.n ? ", " : ", \"kinds\": {");
    add_string(l, &l->kinds, name);
    add(l, &l->kinds, ": ");
    add_string(l, &l->kinds, kind);
}

void log_samples(Log *l, const char *name, const int64_t *samples, uint64_t seed)
{
    enum { LONGEST = 32 };
    add(l, &l->samples, l->samples.n ? ", " : "");
    add_string(l, &l->samples, name);
    for (int i = 0; i < GAN_MOST_SAMPLES && samples[i]; i++)
        if (room(l, &l->samples, LONGEST)) text_printf(&l->samples, "%s%" PRId64, i ? ", " : ": [", samples[i]);
    add(l, &l->samples, "]");
    l->seed = seed;
}

static void add_measured(Log *l)
{
    enum { LONGEST = 64 };
    if (!l->samples.n || !room(l, &l->line, LONGEST)) return;
    text_printf(&l->line, ", \"measured\": {\"seed\": %" PRIu64 ", \"samples\": {", l->seed);
    add(l, &l->line, l->samples.s);
    add(l, &l->line, "}}");
}

/* What was written of a line that could not be ended is taken back, where that can be done. */
static GanStatus lost_line(const Log *l, size_t written, GanError *err)
{
    GanStatus   s = failed(l, "written", err);
    struct stat st;
    if (written && !fstat(l->fd, &st) && S_ISREG(st.st_mode) && ftruncate(l->fd, st.st_size - (off_t)written))
        return failed(l, "cut back to whole lines", err);
    return s;
}

GanStatus log_end(Log *l, GanError *err)
{
    if (l->kinds.n) add(l, &l->line, l->kinds.s);
    if (l->kinds.n) add(l, &l->line, "}");
    add_measured(l);
    add(l, &l->line, "}\n");
    if (l->no_memory) return gan_error_in(err, GAN_WORLD, l->path, "not enough memory for a line of the log");
    for (size_t at = 0; at < l->line.n;) {
        ssize_t n = write(l->fd, l->line.s + at, l->line.n - at);
        if (n < 0 && errno == EINTR) continue;
        l->reader_left = n < 0 && errno == EPIPE;
        if (n < 0) return lost_line(l, at, err);
        at += (size_t)n;
    }
    l->lines++;
    l->line.n = 0;
    return GAN_OK;
}

GanStatus log_close(Log *l, GanError *err)
{
    if (!l) return GAN_OK;
    GanStatus s = GAN_OK;
    if (!l->standard && close(l->fd) && errno != EINTR) s = failed(l, "closed", err);
    arena_free(l->arena);
    free(l);
    return s;
}
