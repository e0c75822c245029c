/* text.c - see text.h. Start at data_read_text, at the bottom. */
#include "runtime/data/text.h"
#include "runtime/data/stream.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- alphabets and vocabularies --------------------------------------------------------------------------------- */

typedef struct Symbol {
    const char *s;
    size_t      n;
    int32_t     place;
} Symbol;

struct Symbols {
    TextKind kind;
    int64_t  n;
    Symbol  *sorted;
};

/* Bytes of the character at s, of n that are left; 0: it is no UTF-8. */
static size_t char_length(const char *s, size_t n)
{
    unsigned char c = (unsigned char)*s;
    size_t k = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
    if (k > n) return 0;
    for (size_t i = 1; i < k; i++)
        if (((unsigned char)s[i] & 0xc0) != 0x80) return 0;
    return k;
}

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

/* Of a vocabulary, words stand in lines. */
static size_t word_length(const char *s, size_t n)
{
    size_t k = 0;
    while (k < n && !is_blank(s[k]) && s[k] != '\n' && s[k] != '\r') k++;
    return k;
}

/* Bytes of the symbol at s; 0: it is none. */
static size_t symbol_length(TextKind kind, const char *s, size_t n)
{
    if (kind == TEXT_BYTES) return 1;
    return kind == TEXT_CHARS ? char_length(s, n) : word_length(s, n);
}

/* What parts one from the next. */
static size_t gap(TextKind kind, const char *s, size_t n)
{
    size_t k = 0;
    while (kind == TEXT_WORDS && k < n && (is_blank(s[k]) || s[k] == '\n' || s[k] == '\r')) k++;
    return k;
}

static int by_text(const void *a, const void *b)
{
    const Symbol *x = a, *y = b;
    int c = memcmp(x->s, y->s, x->n < y->n ? x->n : y->n);
    return c ? c : (x->n > y->n) - (x->n < y->n);
}

static GanStatus collect(Symbols *s, const char *text, size_t n, GanError *err)
{
    for (size_t at = gap(s->kind, text, n), k; at < n; at += k + gap(s->kind, text + at + k, n - at - k)) {
        k = symbol_length(s->kind, text + at, n - at);
        if (!k) return gan_error(err, GAN_WRONG, "byte %zu of the symbols is no UTF-8", at + 1);
        s->sorted[s->n] = (Symbol){text + at, k, (int32_t)s->n};
        s->n++;
    }
    if (!s->n) return gan_error(err, GAN_WRONG, "there are no symbols in it");
    qsort(s->sorted, (size_t)s->n, sizeof *s->sorted, by_text);
    for (int64_t i = 1; i < s->n; i++) {
        const Symbol *x = &s->sorted[i];
        if (!by_text(x - 1, x)) return gan_error(err, GAN_WRONG, "'%.*s' is in it twice", (int)(x->n < 40 ? x->n : 40), x->s);
    }
    return GAN_OK;
}

GanStatus symbols_new(TextKind kind, const char *text, Symbols **out, GanError *err)
{
    size_t n = kind == TEXT_BYTES ? 0 : strlen(text);
    Symbols *s = calloc(1, sizeof *s);
    *out = NULL;
    if (s) s->sorted = calloc(n + 1, sizeof *s->sorted);
    GanStatus status = s && s->sorted && n < INT32_MAX ? GAN_OK : gan_error(err, GAN_WORLD, "not enough memory for %zu bytes of symbols", n);
    if (s) s->kind = kind;
    if (!status && kind == TEXT_BYTES) s->n = 256;
    else if (!status) status = collect(s, text, n, err);
    if (status) symbols_free(s);
    else *out = s;
    return status;
}

int64_t symbols_count(const Symbols *s) { return s->n; }

void symbols_free(Symbols *s)
{
    if (s) free(s->sorted);
    free(s);
}

static GanStatus unknown(const Symbols *s, const char *text, size_t k, GanError *err)
{
    int shown = (int)(k < 40 ? k : 40);
    if (!k) return gan_error(err, GAN_WRONG, "a byte that is no UTF-8");
    return gan_error(err, GAN_WRONG, s->kind == TEXT_CHARS ? "'%.*s' is not in the alphabet" : "'%.*s' is not in the vocabulary", shown, text);
}

GanStatus symbols_encode(const Symbols *s, const char *text, size_t n, int64_t most, int32_t *to, int64_t *count, size_t *at, GanError *err)
{
    *count = 0;
    size_t k;
    for (*at = gap(s->kind, text, n); *at < n; *at += k + gap(s->kind, text + *at + k, n - *at - k)) {
        k = symbol_length(s->kind, text + *at, n - *at);
        Symbol wanted = {text + *at, k, 0}, *found = NULL;
        if (s->kind != TEXT_BYTES && k) found = bsearch(&wanted, s->sorted, (size_t)s->n, sizeof wanted, by_text);
        if (s->kind != TEXT_BYTES && !found) return unknown(s, text + *at, k, err);
        if (*count == most) return gan_error(err, GAN_WRONG, "more than %" PRId64 " symbols in a line", most);
        to[(*count)++] = found ? found->place : (unsigned char)text[*at];
    }
    return GAN_OK;
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

GanStatus text_read(const char *path, char **text, size_t *n, GanError *err)
{
    enum { PIECE = 1 << 16 };
    Stream s;
    size_t cap = 0, got = PIECE;
    *text = NULL;
    *n = 0;
    GanStatus status = stream_open(&s, path, err);
    if (status) return status;
    while (!status && got == PIECE) {
        char *more = *n + PIECE + 1 > cap ? realloc(*text, cap = 2 * cap + 2 * PIECE) : *text;
        if (more) *text = more;
        status = more ? stream_some(&s, *text + *n, PIECE, &got, err)
                      : gan_error_in(err, GAN_WORLD, path, "not enough memory for its %zu bytes and more", *n);
        *n += status ? 0 : got;
    }
    stream_close(&s);
    if (!status && memchr(*text, 0, *n)) status = gan_error_in(err, GAN_WRONG, path, "a NUL stands in it, so it is no text");
    if (!status) (*text)[*n] = 0;
    if (status) free(*text), *text = NULL;
    return status;
}

/* Without its end. */
static size_t line_length(const char *s, size_t n)
{
    size_t k = 0;
    while (k < n && s[k] != '\n') k++;
    return k && s[k - 1] == '\r' ? k - 1 : k;
}

static size_t next_line(const char *s, size_t n)
{
    const char *end = memchr(s, '\n', n);
    return end ? (size_t)(end - s) + 1 : n;
}

static int64_t count_lines(const char *text, size_t n)
{
    int64_t lines = 0;
    for (size_t at = 0; at < n; at += next_line(text + at, n - at)) lines += line_length(text + at, n - at) > 0;
    return lines;
}

static GanStatus encode_lines(const char *path, const Symbols *s, const char *text, size_t n, int64_t most, GanTensor *t, GanError *err)
{
    int32_t *row = t->data;
    int64_t line = 1, count;
    size_t where;
    for (size_t at = 0; at < n; at += next_line(text + at, n - at), line++) {
        size_t k = line_length(text + at, n - at);
        if (!k) continue;
        GanError copy;
        GanStatus status = symbols_encode(s, text + at, k, most, row, &count, &where, &copy);
        if (status) gan_error_in(err, status, path, "%s", copy.message);
        if (status) return gan_error_cell(err, status, line, (int64_t)where + 1);
        row[most] = (int32_t)count;
        row += most + 1;
    }
    return GAN_OK;
}

GanStatus data_read_text(const char *path, TextKind kind, const char *symbols, int64_t most, GanTensor **out, GanError *err)
{
    char *text = NULL;
    size_t n;
    Symbols *s = NULL;
    *out = NULL;
    GanStatus status = symbols_new(kind, symbols, &s, err);
    if (!status) status = text_read(path, &text, &n, err);
    int64_t lines = status ? 0 : count_lines(text, n);
    if (!status && !lines) status = gan_error_in(err, GAN_WRONG, path, "there is no line of text in it");
    if (!status) status = gan_tensor_new(GAN_I32, 2, (int64_t[]){lines, most + 1}, out, err);
    if (!status) status = encode_lines(path, s, text, n, most, *out, err);
    if (status) gan_tensor_free(*out), *out = NULL;
    symbols_free(s);
    free(text);
    return status;
}
