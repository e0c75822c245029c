/* csv.c - tables of numbers, read with libcsv and written plainly.
 *
 * libcsv calls cell_done and row_done; the reader feeds it one line at a time so that a complaint can name the line.
 * Start at data_read_csv and data_write_csv, at the bottom. */
#include "runtime/data/data.h"
#include "runtime/data/stream.h"
#include "runtime/file.h"

#include "base/text.h"

#include <csv.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { PIECE = 1 << 16, LONGEST_CELL = 1 << 16 };

typedef struct Table {
    const char *path;
    GanError   *err;
    GanStatus   status;                                     /* the first failure; the rest of the file is then not looked at */
    DataHeader   header;
    double     *value;
    size_t      n, cap;
    int64_t     line, column;                               /* where we are: the file's line, the cells of this row so far */
    int64_t     rows, columns;                              /* columns: those of the first row; 0 before it */
    int64_t     words;                                      /* cells of the first row that are no numbers */
    int64_t     word_line, word_column;                     /* the first of them, */
    char        word[40];                                   /* and what it says */
    char       *names;                                      /* the cells of the first row, one a line */
    size_t      n_names, names_cap;
} Table;

/* ---- a cell ----------------------------------------------------------------------------------------------------- */

static const char *digits(const char *s)
{
    while (*s >= '0' && *s <= '9') s++;
    return s;
}

/* Decimal digits, a point, an exponent; or nan, inf, infinity. Not strtod's hexadecimal, not its nan(...). */
static bool looks_like_number(const char *s)
{
    if (*s == '+' || *s == '-') s++;
    if (!strcasecmp(s, "nan") || !strcasecmp(s, "inf") || !strcasecmp(s, "infinity")) return true;
    const char *whole = s, *point = digits(s), *end = *point == '.' ? digits(point + 1) : point;
    if ((point - whole) + (end > point ? end - point - 1 : 0) == 0) return false;
    if (*end != 'e' && *end != 'E') return !*end;
    s = end + 1;
    if (*s == '+' || *s == '-') s++;
    return digits(s) > s && !*digits(s);
}

static bool number_in(const char *cell, double *x)
{
    if (!looks_like_number(cell)) return false;
    *x = strtod(cell, NULL);
    return !isinf(*x) || strpbrk(cell, "nN");               /* 1e999 is no number that can be had; inf is */
}

static char *trim(char *cell)
{
    while (*cell == ' ' || *cell == '\t') cell++;
    size_t n = strlen(cell);
    while (n && (cell[n - 1] == ' ' || cell[n - 1] == '\t')) cell[--n] = 0;
    return cell;
}

/* ---- rows ------------------------------------------------------------------------------------------------------- */

static void fail_at(Table *t, GanStatus status, int64_t line, int64_t column)
{
    t->status = gan_error_cell(t->err, status, line, column);
}

static void push(Table *t, double x)
{
    if (t->n == t->cap) {
        size_t  cap = t->cap ? t->cap * 2 : 1024;
        double *v = realloc(t->value, cap * sizeof *v);
        if (!v) {
            t->status = gan_error_in(t->err, GAN_WORLD, t->path, "not enough memory for its %zu numbers and more", t->n);
            return;
        }
        t->value = v;
        t->cap = cap;
    }
    t->value[t->n++] = x;
}

/* A way out for other tables' separators. */
static const char *separated(const char *word) { return strpbrk(word, ";\t") ? "; cells stand between commas" : ""; }

static void not_a_number(Table *t, const char *word, int64_t line, int64_t column)
{
    if (looks_like_number(word)) gan_error_in(t->err, GAN_WRONG, t->path, "'%.32s' is beyond any real", word);
    else if (*word) gan_error_in(t->err, GAN_WRONG, t->path, "'%.32s' is not a number%s", word, separated(word));
    else gan_error_in(t->err, GAN_WRONG, t->path, "an empty cell, where a number is wanted");
    fail_at(t, GAN_WRONG, line, column);
}

/* Words in the first row are judged when the row is complete: they may be a header. */
static void remember_word(Table *t, const char *cell)
{
    if (t->words++) return;
    t->word_line = t->line;
    t->word_column = t->column;
    strncpy(t->word, cell, sizeof t->word - 1);
}

static void remember_name(Table *t, const char *cell)
{
    size_t n = strlen(cell) + 1;
    if (t->n_names + n > t->names_cap) {
        size_t cap = 2 * t->names_cap + n + 256;
        char  *s = realloc(t->names, cap);
        if (!s) {
            t->status = gan_error_in(t->err, GAN_WORLD, t->path, "not enough memory for its header");
            return;
        }
        t->names = s;
        t->names_cap = cap;
    }
    for (size_t i = 0; i + 1 < n; i++) t->names[t->n_names + i] = cell[i] == '\n' ? ' ' : cell[i];
    t->names[t->n_names + n - 1] = '\n';
    t->n_names += n;
}

static void cell_done(void *text, size_t n, void *arg)
{
    Table *t = arg;
    double x = 0;
    if (t->status) return;
    t->column++;
    if (text && memchr(text, 0, n)) {
        gan_error_in(t->err, GAN_WRONG, t->path, "a NUL byte: this is no text in UTF-8, nor in ASCII");
        fail_at(t, GAN_WRONG, t->line, t->column);
        return;
    }
    char *cell = text ? trim(text) : (char[]){0};
    if (!t->columns) remember_name(t, cell);
    if (number_in(cell, &x)) push(t, x);
    else if (t->columns || (looks_like_number(cell) && t->header != DATA_HEADER_YES)) not_a_number(t, cell, t->line, t->column);
    else remember_word(t, cell);
}

static void first_row_done(Table *t)
{
    t->columns = t->column;
    bool header = t->header == DATA_HEADER_YES || (t->header == DATA_HEADER_AUTO && t->words == t->columns);
    if (!header || t->words != t->columns) t->n_names = 0;
    if (header) t->n = 0;
    else if (t->words) not_a_number(t, t->word, t->word_line, t->word_column);
    else t->rows++;
}

static void row_done(int end, void *arg)
{
    (void)end;
    Table *t = arg;
    if (t->status) return;
    if (!t->columns) {
        first_row_done(t);
    } else if (t->column != t->columns) {
        gan_error_in(t->err, GAN_WRONG, t->path, "this row has %" PRId64 " cells and the first has %" PRId64, t->column, t->columns);
        fail_at(t, GAN_WRONG, t->line, t->column < t->columns ? t->column + 1 : t->columns + 1);
    } else {
        t->rows++;
    }
    t->column = 0;
}

/* ---- the file --------------------------------------------------------------------------------------------------- */

/* Through the next line end, or all of it. */
static size_t line_length(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] == '\n' || s[i] == '\r') return i + 1;
    return n;
}

static void misquoted(Table *t, struct csv_parser *p)
{
    if (csv_error(p) != CSV_EPARSE) {
        t->status = gan_error_in(t->err, GAN_WORLD, t->path, "not enough memory for a cell");
        return;
    }
    gan_error_in(t->err, GAN_WRONG, t->path, "a quote stands where none may stand");
    fail_at(t, GAN_WRONG, t->line, t->column + 1);
}

static void parse(Table *t, struct csv_parser *p, const char *s, size_t n, char *before)
{
    while (n && !t->status) {
        size_t k = line_length(s, n);
        if (csv_parse(p, s, k, cell_done, row_done, t) != k && !t->status) misquoted(t, p);
        if (!t->status && p->entry_pos > LONGEST_CELL) {
            gan_error_in(t->err, GAN_WRONG, t->path, "a cell of more than %d bytes; is a quote not closed?", LONGEST_CELL);
            fail_at(t, GAN_WRONG, t->line, t->column + 1);
        }
        char last = s[k - 1];
        if (last == '\r' || (last == '\n' && !(*before == '\r' && k == 1))) t->line++;   /* \r\n is one end */
        *before = last;
        s += k;
        n -= k;
    }
}

static size_t mark_length(const char *s, size_t n) { return n >= 3 && !memcmp(s, "\xef\xbb\xbf", 3) ? 3 : 0; }

static void parse_all(Table *t, struct csv_parser *p, Stream *s, char *piece)
{
    size_t got = PIECE;
    char   before = 0;
    for (bool first = true; !t->status && got == PIECE; first = false) {
        t->status = stream_some(s, piece, PIECE, &got, t->err);
        size_t skip = first ? mark_length(piece, got) : 0;
        if (!t->status) parse(t, p, piece + skip, got - skip, &before);
    }
    if (!t->status && csv_fini(p, cell_done, row_done, t)) {
        gan_error_in(t->err, GAN_WRONG, t->path, "a quoted cell does not end");
        fail_at(t, GAN_WRONG, t->line, t->column + 1);
    }
    if (!t->status && !t->rows) t->status = gan_error_in(t->err, GAN_WRONG, t->path, "there is no row of numbers in it%s", separated(t->word));
}

static GanStatus read_table(Table *t, Stream *s)
{
    struct csv_parser p;
    char             *piece = malloc(PIECE);
    if (!piece || csv_init(&p, CSV_APPEND_NULL | CSV_STRICT | CSV_STRICT_FINI)) {
        free(piece);
        return gan_error_in(t->err, GAN_WORLD, t->path, "not enough memory to read it");
    }
    parse_all(t, &p, s, piece);
    csv_free(&p);
    free(piece);
    return t->status;
}

/* A point is a point, whatever the program around us has told the C library; its other threads notice nothing. */
static GanStatus read_in_c(Table *t, Stream *s)
{
    locale_t numbers = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
    if (!numbers) return gan_error_in(t->err, GAN_WORLD, t->path, "not enough memory to read it");
    locale_t  theirs = uselocale(numbers);
    GanStatus status = read_table(t, s);
    uselocale(theirs);
    freelocale(numbers);
    return status;
}

/* The caller's to free; NULL: no names, or no memory for them. */
static char *names_of(Table *t)
{
    if (!t->n_names) return NULL;
    t->names[t->n_names - 1] = 0;
    char *s = t->names;
    t->names = NULL;
    return s;
}

GanStatus data_read_csv_named(const char *path, DataHeader header, GanTensor **out, char **names, GanError *err)
{
    Table  t = {.path = path, .err = err, .header = header, .line = 1};
    Stream s;
    *out = NULL;
    *names = NULL;
    GanStatus status = stream_open(&s, path, err);
    if (status) return status;
    status = read_in_c(&t, &s);
    stream_close(&s);
    if (!status) status = gan_tensor_new(GAN_F64, 2, (int64_t[]){t.rows, t.columns}, out, err);
    if (!status) memcpy((*out)->data, t.value, (*out)->bytes);
    if (!status) *names = names_of(&t);
    free(t.value);
    free(t.names);
    return status;
}

GanStatus data_read_csv(const char *path, DataHeader header, GanTensor **out, GanError *err)
{
    char     *names;
    GanStatus status = data_read_csv_named(path, header, out, &names, err);
    free(names);
    return status;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static void add_number(Text *line, const GanTensor *t, int64_t i)
{
    switch (t->elem) {
    case GAN_F32: text_f32(line, ((const float *)t->data)[i]); break;
    case GAN_F64: text_f64(line, ((const double *)t->data)[i]); break;
    case GAN_I64: text_printf(line, "%" PRId64, ((const int64_t *)t->data)[i]); break;
    default: text_printf(line, "%.0f", gan_tensor_get(t, i)); break;
    }
}

static void add_name(Text *line, const char *name)
{
    if (!strpbrk(name, ",\"\r\n")) {
        text_add(line, name);
        return;
    }
    text_add(line, "\"");
    for (const char *c = name; *c; c++) text_addn(line, *c == '"' ? "\"\"" : c, *c == '"' ? 2 : 1);
    text_add(line, "\"");
}

static int64_t columns_of(const GanTensor *t)
{
    int64_t columns = 1;
    for (int d = 1; d < t->rank; d++) columns *= t->dim[d];
    return columns;
}

/* "x[1][2]" of column c. */
static void add_column_name(Text *line, Arena *a, const DataColumn *f, int64_t c)
{
    char       *name = arena_str(a, f->name);
    int64_t     each = columns_of(f->t);
    for (int d = 1; d < f->t->rank; d++) {
        each /= f->t->dim[d];
        name = arena_printf(a, "%s[%" PRId64 "]", name, c / each);
        c %= each;
    }
    add_name(line, name);
}

/* Rows are gathered and written in pieces; the text's room is used again for each. */
static GanStatus write_rows(FileNew *f, const GanTensor *t, const char *const *names, int64_t rows, int64_t columns, Arena *a, GanError *err)
{
    Text      text = text_in(a);
    GanStatus s = GAN_OK;
    for (int64_t c = 0; names && c < columns; c++) {
        if (c) text_add(&text, ",");
        add_name(&text, names[c]);
    }
    if (names) text_add(&text, "\n");
    for (int64_t r = 0; r < rows && !s; r++) {
        for (int64_t c = 0; c < columns; c++) {
            if (c) text_add(&text, ",");
            add_number(&text, t, r * columns + c);
        }
        text_add(&text, "\n");
        if (text.n < PIECE) continue;
        s = file_new_write(f, text.s, text.n, err);
        text.n = 0;
    }
    return s || !text.n ? s : file_new_write(f, text.s, text.n, err);
}

GanStatus data_write_csv(const char *path, const GanTensor *t, const char *const *names, GanError *err)
{
    FileNew f;
    int64_t rows = t->rank ? t->dim[0] : 1, columns = 1;
    for (int d = 1; d < t->rank; d++) columns *= t->dim[d];
    if (!gan_tensor_count(t)) rows = 0;
    GanStatus s = file_new_begin(&f, path, 0, true, err);
    if (s) return s;
    Arena *a = arena_new();
    s = write_rows(&f, t, names, rows, columns, a, err);
    arena_free(a);
    if (!s) s = file_new_end(&f, err);
    return s;
}

static void add_header(Text *text, Arena *a, const DataColumn *field, int n)
{
    for (int k = 0; k < n; k++)
        for (int64_t c = 0; c < columns_of(field[k].t); c++) {
            if (k || c) text_add(text, ",");
            add_column_name(text, a, &field[k], c);
        }
    text_add(text, "\n");
}

static void add_record(Text *text, const DataColumn *field, int n, int64_t row)
{
    for (int k = 0; k < n; k++) {
        int64_t columns = columns_of(field[k].t);
        for (int64_t c = 0; c < columns; c++) {
            if (k || c) text_add(text, ",");
            add_number(text, field[k].t, row * columns + c);
        }
    }
    text_add(text, "\n");
}

static GanStatus write_records(FileNew *f, const DataColumn *field, int n, int64_t rows, GanError *err)
{
    Arena    *a = arena_new();
    Text      text = text_in(a);
    GanStatus s = GAN_OK;
    add_header(&text, a, field, n);
    for (int64_t r = 0; r < rows && !s; r++) {
        add_record(&text, field, n, r);
        if (text.n < PIECE) continue;
        s = file_new_write(f, text.s, text.n, err);
        text.n = 0;
    }
    if (!s && text.n) s = file_new_write(f, text.s, text.n, err);
    arena_free(a);
    return s;
}

GanStatus data_write_csv_fields(const char *path, const DataColumn *field, int n, GanError *err)
{
    FileNew f;
    int64_t rows = n && field[0].t->rank ? field[0].t->dim[0] : 1;
    for (int k = 0; k < n; k++)
        if ((field[k].t->rank ? field[k].t->dim[0] : 1) != rows)
            return gan_error_in(err, GAN_WRONG, path, "the fields %s and %s have not as many rows as one another: a .npz file holds both", field[0].name, field[k].name);
    GanStatus s = file_new_begin(&f, path, 0, true, err);
    if (s) return s;
    s = write_records(&f, field, n, rows, err);
    return s ? s : file_new_end(&f, err);
}
