/* text.h - text as numbers: each line of a file a row of symbols, each by its place in an alphabet or a vocabulary. */
#pragma once
#include "runtime/tensor.h"

typedef enum TextKind {
    TEXT_BYTES,                                             /* symbols are bytes, by their value; there is no list of them */
    TEXT_CHARS,                                             /* characters of an alphabet, "abc " */
    TEXT_WORDS,                                             /* words, which blanks and tabs part, of a vocabulary, one a line */
} TextKind;

typedef struct Symbols Symbols;                             /* an alphabet or a vocabulary, for looking up */

/* Of UTF-8 text, which must stay. GAN_WRONG: it is none, is empty, or has one twice. */
GanStatus symbols_new(TextKind kind, const char *text, Symbols **out, GanError *err);
int64_t   symbols_count(const Symbols *s);
void      symbols_free(Symbols *s);                         /* NULL is fine */

/* The symbols of text[0..n) as numbers, `most` at the most. GAN_WRONG when one is not in the list, or there are more; *at is the byte where. */
GanStatus symbols_encode(const Symbols *s, const char *text, size_t n, int64_t most, int32_t *to, int64_t *count, size_t *at, GanError *err);

/* A file's bytes, unpacked, with a NUL behind them; the caller's to free. GAN_WRONG when there is a NUL in it. */
GanStatus text_read(const char *path, char **text, size_t *n, GanError *err);

/* i32[lines, most + 1]: the symbols of each line, then zeros, and in the last column how many there are. Empty lines are left out. An error names line and
 * column (a byte), both from 1. */
GanStatus data_read_text(const char *path, TextKind kind, const char *symbols, int64_t most, GanTensor **out, GanError *err);
