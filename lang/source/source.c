/* source.c - see source.h. Reading, line tables, and the check that a text is text. */
#include "lang/source/source.h"

#include "base/array.h"
#include "lang/source/diag.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utf8proc.h>

struct Sources {
    Arena *arena;
    ARRAY(SourceFile *) files;
};

Sources *sources_new(Arena *a)
{
    Sources *s = arena_new_of(a, Sources);
    s->arena = a;
    return s;
}

Arena *sources_arena(Sources *s) { return s->arena; }

static uint32_t count_lines(const char *text, size_t n)
{
    uint32_t lines = 1;
    for (const char *p = text, *end = text + n; (p = memchr(p, '\n', (size_t)(end - p))); p++) lines++;
    return lines;
}

static void index_lines(Arena *a, SourceFile *f)
{
    f->n_lines = count_lines(f->text, f->n);
    uint32_t *start = arena_array(a, uint32_t, f->n_lines), line = 0;
    for (const char *p = f->text, *end = f->text + f->n; (p = memchr(p, '\n', (size_t)(end - p))); p++)
        start[++line] = (uint32_t)(p + 1 - f->text);
    f->line_start = start;
}

/* text: n bytes and a NUL, in the arena. */
static SourceFile *register_text(Sources *s, const char *name, const char *text, size_t n)
{
    SourceFile *f = arena_new_of(s->arena, SourceFile);
    f->name = arena_str(s->arena, name);
    f->text = text;
    f->n = (uint32_t)n;
    index_lines(s->arena, f);
    array_push(s->arena, &s->files, f);
    f->id = (uint32_t)s->files.n;
    return f;
}

const SourceFile *source_add(Sources *s, const char *name, const char *text, size_t n)
{
    if (n > SOURCE_MAX) return NULL;
    return register_text(s, name, arena_strn(s->arena, text, n), n);
}

const SourceFile *source_add_typed(Sources *s, const char *name, const char *text, size_t n, size_t from)
{
    if (n > SOURCE_MAX) return NULL;
    SourceFile *f = register_text(s, name, arena_strn(s->arena, text, n), n), *typed = register_text(s, "<typed>", f->text + from, n - from);
    typed->again = true;
    f->typed = typed;
    f->typed_from = (uint32_t)from;
    return f;
}

const SourceFile *source_add_library(Sources *s, const char *name, const char *text, size_t n)
{
    if (n > SOURCE_MAX) return NULL;
    SourceFile *f = register_text(s, name, arena_strn(s->arena, text, n), n);
    f->library = true;
    return f;
}

static const SourceFile *too_large(Span wanted_by, const char *name, Diags *diags)
{
    diag_error(diags, wanted_by, E002, "%s is larger than %d MiB", name, SOURCE_MAX >> 20);
    return NULL;
}

/* Reads until the end, in doubling steps, and looks at the bound after each. */
static const SourceFile *read_all(Sources *s, int fd, const char *name, size_t guess, Span wanted_by, Diags *diags)
{
    size_t cap = guess + 2, n = 0;
    char  *text = arena_alloc(s->arena, cap);
    for (;;) {
        ssize_t got = read(fd, text + n, cap - 1 - n);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            diag_error(diags, wanted_by, E001, "cannot read %s: %s", name, strerror(errno));
            return NULL;
        }
        if (got == 0) break;
        n += (size_t)got;
        if (n > SOURCE_MAX) return too_large(wanted_by, name, diags);
        if (n == cap - 1) {
            char *more = arena_alloc(s->arena, cap * 2);
            memcpy(more, text, n);
            text = more;
            cap *= 2;
        }
    }
    text[n] = 0;
    return register_text(s, name, text, n);
}

/* What keeps an open file from being a source, or NULL. */
static const char *not_readable(const struct stat *st)
{
    if (S_ISDIR(st->st_mode)) return "it is a directory";
    if (!S_ISREG(st->st_mode)) return "it is not a regular file";
    return NULL;
}

const SourceFile *source_read(Sources *s, const char *path, Span wanted_by, Diags *diags)
{
    if (strcmp(path, "-") == 0) return read_all(s, STDIN_FILENO, "<stdin>", 4096, wanted_by, diags);

    int         fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) {
        diag_error(diags, wanted_by, E001, "cannot read %s: %s", path, strerror(errno));
        if (fd >= 0) close(fd);
        return NULL;
    }
    const SourceFile *f = NULL;
    const char       *why = not_readable(&st);
    if (why)
        diag_error(diags, wanted_by, E001, "cannot read %s: %s", path, why);
    else if (st.st_size > SOURCE_MAX)
        too_large(wanted_by, path, diags);
    else
        f = read_all(s, fd, path, (size_t)st.st_size, wanted_by, diags);
    close(fd);
    return f;
}

/* Is what stands at p no code point in UTF-8? */
static bool bad_at(const char *p, const char *end)
{
    if (!(*p & 0x80)) return 0;
    utf8proc_int32_t  cp;
    utf8proc_ssize_t len = utf8proc_iterate((const utf8proc_uint8_t *)p, end - p, &cp);
    return len < 0;
}

bool source_check_bytes(const SourceFile *f, Diags *diags)
{
    const char *p = f->text, *end = f->text + f->n;
    bool        ok = true;
    while (p < end) {
        const char *start = p;
        if (*p == 0) {
            while (p < end && *p == 0) p++;
            diag_error(diags, span_of(f, (uint32_t)(start - f->text), (uint32_t)(p - f->text)), E004, "%s",
                       p - start == 1 ? "a NUL byte" : "NUL bytes");
            ok = false;
        } else if (bad_at(p, end)) {
            while (p < end && *p && bad_at(p, end)) p++;
            diag_error(diags, span_of(f, (uint32_t)(start - f->text), (uint32_t)(p - f->text)), E003,
                       "%s not UTF-8 (starting with 0x%02x)", p - start == 1 ? "a byte that is" : "bytes that are",
                       (unsigned char)*start);
            ok = false;
        } else if (!(*p & 0x80)) {
            p++;
        } else {
            utf8proc_int32_t cp;
            p += utf8proc_iterate((const utf8proc_uint8_t *)p, end - p, &cp);
        }
    }
    return ok;
}

const SourceFile *source_file(const Sources *s, uint32_t id)
{
    return id >= 1 && id <= (uint32_t)s->files.n ? s->files.v[id - 1] : NULL;
}

Place source_place(const SourceFile *f, uint32_t byte)
{
    if (byte > f->n) byte = f->n;
    if (f->typed && byte >= f->typed_from) return source_place(f->typed, byte - f->typed_from);
    uint32_t lo = 0, hi = f->n_lines;                        /* line_start[lo] <= byte < line_start[hi] */
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (f->line_start[mid] <= byte)
            lo = mid;
        else
            hi = mid;
    }
    uint32_t column = 1;
    for (uint32_t i = f->line_start[lo]; i < byte; i++) column += (f->text[i] & 0xC0) != 0x80;
    return (Place){f, lo + 1, column};
}

uint32_t source_line_end(const SourceFile *f, uint32_t line)
{
    uint32_t end = line < f->n_lines ? f->line_start[line] - 1 : f->n;
    if (end > f->line_start[line - 1] && f->text[end - 1] == '\r') end--;
    return end;
}
