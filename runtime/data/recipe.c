/* recipe.c - see recipe.h. Start at data_follow_all, at the bottom. */
#include "runtime/data/recipe.h"
#include "runtime/data/data.h"
#include "runtime/data/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* ---- steps ---------------------------------------------------------------------------------------------------------- */

GanStatus data_read(DataFormat format, const char *path, GanTensor **out, char **names, GanError *err)
{
    *names = NULL;
    switch (format) {
    case DATA_CSV: return data_read_csv_named(path, DATA_HEADER_AUTO, out, names, err);
    case DATA_CSV_NAMED: return data_read_csv_named(path, DATA_HEADER_YES, out, names, err);
    case DATA_CSV_BARE: return data_read_csv(path, DATA_HEADER_NO, out, err);
    default: break;
    }
    return format == DATA_NPY ? data_read_npy(path, out, err) : data_read_idx(path, out, err);
}

static GanStatus read_file(const DataRecipe *r, const char *path, GanTensor **out, char **names, GanError *err)
{
    *names = NULL;
    switch (r->format) {
    case DATA_BYTES: return data_read_text(path, TEXT_BYTES, NULL, r->dim[1] - 1, out, err);
    case DATA_CHARS: return data_read_text(path, TEXT_CHARS, r->symbols, r->dim[1] - 1, out, err);
    case DATA_WORDS: return data_read_text(path, TEXT_WORDS, r->symbols, r->dim[1] - 1, out, err);
    default: return data_read(r->format, path, out, names, err);
    }
}

GanTensor data_rows(const GanTensor *t, int64_t from, int64_t to)
{
    GanTensor view = *t;
    size_t row = t->dim[0] ? t->bytes / (size_t)t->dim[0] : 0;
    view.dim[0] = to - from;
    view.bytes = row * (size_t)(to - from);
    if (t->data) view.data = (char *)t->data + row * (size_t)from;      /* else it has not been read */
    return view;
}

GanStatus data_pick(const GanTensor *t, const int64_t *row, int64_t n, GanTensor **out, GanError *err)
{
    int64_t dim[GAN_MAX_RANK];
    size_t bytes = t->dim[0] ? t->bytes / (size_t)t->dim[0] : 0;
    memcpy(dim, t->dim, sizeof dim);
    dim[0] = n;
    GanStatus s = gan_tensor_new(t->elem, t->rank, dim, out, err);
    for (int64_t i = 0; i < n && !s && bytes; i++) memcpy((char *)(*out)->data + bytes * (size_t)i, (const char *)t->data + bytes * (size_t)row[i], bytes);
    return s;
}

GanStatus data_cut(const GanTensor *t, const DataRecipe *r, GanTensor **out, GanError *err)
{
    int64_t dim[GAN_MAX_RANK] = {t->dim[0]};
    size_t one = gan_elem_bytes(t->elem), from = one * (size_t)t->dim[1], to = one * (size_t)r->n_columns;
    memcpy(dim + 1, r->cut, sizeof *dim * (size_t)r->n_cut);
    GanStatus s = gan_tensor_new(t->elem, r->n_cut + 1, dim, out, err);
    for (int64_t i = 0; i < dim[0] && !s; i++)
        memcpy((char *)(*out)->data + to * (size_t)i, (const char *)t->data + from * (size_t)i + one * (size_t)r->column, to);
    return s;
}

int64_t data_row(const DataRecipe *r, int64_t i)
{
    if (!r) return i;
    return r->n_rows ? r->row[r->from + i] : r->from + i;
}

typedef char Place[64];

/* "row 3, column 2" */
static const char *place_of(const GanTensor *t, const DataRecipe *of, int64_t i, Place text)
{
    int64_t columns = t->rank ? gan_tensor_count(t) / t->dim[0] : 1, first = of ? of->column : 0;
    if (!t->rank) snprintf(text, sizeof(Place), "the number");
    else if (t->rank == 1 && !(of && of->n_columns)) snprintf(text, sizeof(Place), "row %" PRId64, data_row(of, i) + 1);
    else snprintf(text, sizeof(Place), "row %" PRId64 ", column %" PRId64, data_row(of, i / columns) + 1, first + i % columns + 1);
    return text;
}

GanStatus data_scale(const GanTensor *t, double least, double most, GanElem elem, GanTensor **out, GanError *err)
{
    double table[256];
    for (int i = 0; i < 256; i++) table[i] = least + (most - least) * i / 255;
    GanStatus s = gan_tensor_new(elem, t->rank, t->dim, out, err);
    if (s) return s;
    const uint8_t *x = t->data;
    int64_t n = gan_tensor_count(t);
    for (int64_t i = 0; i < n; i++) {
        if (elem == GAN_F64) ((double *)(*out)->data)[i] = table[x[i]];
        else ((float *)(*out)->data)[i] = (float)table[x[i]];
    }
    return GAN_OK;
}

GanStatus data_convert(const GanTensor *t, GanElem elem, const DataRecipe *of, GanTensor **out, GanError *err)
{
    Place place;
    GanStatus s = gan_tensor_convert(t, elem, out, err);
    if (s != GAN_WRONG) return s;
    int64_t i = 0;
    while (gan_tensor_fits(t, i, elem)) i++;
    const double x = gan_tensor_get(t, i);
    const bool   broken = elem != GAN_F32 && elem != GAN_F64 && x != floor(x);
    return gan_error(err, s, "%s is %.17g, which is no %s", place_of(t, of, i, place), x, broken ? "integer" : gan_elem_name(elem));
}

/* The first integer outside lo..hi; -1: none. */
static int64_t outside(const GanTensor *t, int64_t lo, int64_t hi)
{
    int64_t n = gan_tensor_count(t);
    for (int64_t i = 0; i < n; i++) {
        int64_t x = gan_tensor_whole(t, i);
        if (x < lo || x > hi) return i;
    }
    return -1;
}

GanStatus data_classes(const GanTensor *t, int64_t most, const DataRecipe *of, GanError *err)
{
    Place place;
    int64_t i = outside(t, 0, most);
    if (i < 0) return GAN_OK;
    return gan_error(err, GAN_WRONG, "%s holds class %" PRId64 ", and the type says 0 to %" PRId64, place_of(t, of, i, place),
                     gan_tensor_whole(t, i), most);
}

static GanStatus within(const GanTensor *t, int64_t lo, int64_t hi, const DataRecipe *of, GanError *err)
{
    Place place;
    int64_t i = outside(t, lo, hi);
    if (i < 0) return GAN_OK;
    return gan_error(err, GAN_WRONG, "%s is %" PRId64 ", and the program was compiled for integers from %" PRId64 " to %" PRId64,
                     place_of(t, of, i, place), gan_tensor_whole(t, i), lo, hi);
}

int64_t data_not_finite(const GanTensor *t, int64_t *first)
{
    int64_t n = gan_tensor_count(t), bad = 0;
    if (t->elem != GAN_F32 && t->elem != GAN_F64) return 0;
    for (int64_t i = n; i-- > 0;)
        if (!isfinite(gan_tensor_get(t, i))) bad++, *first = i;
    return bad;
}

void data_sum(const GanTensor *t, uint64_t sum[2])
{
    int64_t type[2 + GAN_MAX_RANK] = {t->elem, t->rank};
    memcpy(type + 2, t->dim, sizeof *t->dim * (size_t)t->rank);
    XXH128_hash_t h = XXH3_128bits_withSeed(t->data, t->bytes, XXH3_64bits(type, sizeof type));
    sum[0] = h.high64;
    sum[1] = h.low64;
}

void data_range(const GanTensor *t, int64_t *lo, int64_t *hi)
{
    int64_t n = gan_tensor_count(t);
    *lo = *hi = gan_tensor_whole(t, 0);
    for (int64_t i = 1; i < n; i++) {
        int64_t x = gan_tensor_whole(t, i);
        if (x < *lo) *lo = x;
        if (x > *hi) *hi = x;
    }
}

/* ---- what a recipe says --------------------------------------------------------------------------------------------- */

static bool same_text(const char *a, const char *b) { return a == b || (a && b && !strcmp(a, b)); }

static bool same_step(const DataStep *a, const DataStep *b)
{
    return a->what == b->what && a->elem == b->elem && a->lo == b->lo && a->hi == b->hi && !memcmp(&a->least, &b->least, sizeof a->least) &&
           !memcmp(&a->most, &b->most, sizeof a->most);
}

bool data_same_file(const DataRecipe *a, const DataRecipe *b)
{
    bool text = a->format >= DATA_BYTES;
    if (text && (!same_text(a->symbols, b->symbols) || a->dim[1] != b->dim[1])) return false;
    return a->format == b->format && a->relative == b->relative && same_text(a->path, b->path);
}

static bool same_rows(const DataRecipe *a, const DataRecipe *b)
{
    bool same = a->from == b->from && a->to == b->to && a->n_rows == b->n_rows && a->chosen == b->chosen && a->column == b->column &&
                a->n_columns == b->n_columns && a->n_cut == b->n_cut && !memcmp(a->cut, b->cut, sizeof a->cut[0] * (size_t)a->n_cut);
    if (same && a->chosen) same = a->sum[0] == b->sum[0] && a->sum[1] == b->sum[1];
    return same && (!a->n_rows || a->row == b->row || !memcmp(a->row, b->row, sizeof *a->row * (size_t)a->n_rows));
}

static bool same_names(const DataRecipe *a, const DataRecipe *b)
{
    bool same = same_text(a->name, b->name) && same_text(a->field, b->field) && a->n_of == b->n_of;
    for (int i = 0; same && i < a->n_of; i++) same = same_text(a->of[i].name, b->of[i].name) && same_text(a->of[i].field, b->of[i].field);
    return same;
}

bool data_same_recipe(const DataRecipe *a, const DataRecipe *b)
{
    bool same = data_same_file(a, b) && same_names(a, b) && a->by_name == b->by_name && a->elem == b->elem && a->rank == b->rank &&
                !memcmp(a->dim, b->dim, sizeof a->dim[0] * (size_t)a->rank) && a->finite == b->finite && same_rows(a, b) &&
                a->n_steps == b->n_steps;
    for (int i = 0; same && i < a->n_steps; i++) same = same_step(&a->step[i], &b->step[i]);
    return same;
}

char *data_called(const DataRecipe *r, char text[GAN_ERROR_TEXT])
{
    char raw[GAN_ERROR_TEXT];
    bool field = r->name && r->field;
    snprintf(raw, sizeof raw, "%s%s%s", r->name ? r->name : r->path, field ? "." : "", field ? r->field : "");
    return gan_shown(raw, text);
}

static bool is_elem(GanElem e) { return (unsigned)e <= GAN_U8; }

/* Of elements of type *e, which become what the step makes of them. */
static bool step_fits(const DataStep *s, int rank, GanElem *e)
{
    bool real = *e == GAN_F32 || *e == GAN_F64;
    GanElem was = *e;
    switch (s->what) {
    case DATA_SCALE: *e = s->elem; return was == GAN_U8 && rank > 1 && (s->elem == GAN_F32 || s->elem == GAN_F64);
    case DATA_CONVERT: *e = s->elem; return is_elem(s->elem);
    case DATA_CLASSES:
    case DATA_WITHIN: return !real;
    }
    return false;
}

/* Are the rows that are taken the file's, and as many as `rows`? */
static bool rows_fit(const DataRecipe *r, int64_t rows)
{
    bool fit = 0 <= r->from && r->from <= r->to && r->to <= (r->n_rows ? r->n_rows : r->dim[0]) && rows == r->to - r->from;
    for (int64_t i = 0; fit && i < r->n_rows; i++) fit = 0 <= r->row[i] && r->row[i] < r->dim[0];
    return fit;
}

/* Is the shape of a row what the recipe makes it? */
static bool row_fits(const DataRecipe *r, int rank, const int64_t *dim)
{
    bool whole = !r->n_columns, fits = rank == (whole ? r->rank : r->n_cut + 1);
    int64_t n = 1;
    for (int i = 1; fits && i < rank; i++) fits = dim[i] == (whole ? r->dim[i] : r->cut[i - 1]) && !__builtin_mul_overflow(n, dim[i], &n);
    if (whole || !fits) return fits;
    return r->rank == 2 && n == r->n_columns && r->column >= 0 && r->n_columns > 0 && r->column <= r->dim[1] - r->n_columns;
}

/* Text has rows of one symbol at least and their number, and a list of symbols where these are not bytes. */
static bool text_fits(const DataRecipe *r)
{
    if (r->format < DATA_BYTES) return true;
    return r->rank == 2 && r->dim[1] > 1 && r->elem == GAN_I32 && (r->format == DATA_BYTES || r->symbols);
}

bool data_makes(const DataRecipe *r, GanElem elem, int rank, const int64_t *dim)
{
    int64_t count;
    size_t bytes;
    GanElem e = r->elem;
    bool known = r->format > DATA_NONE && r->format < DATA_FORMATS && r->path && is_elem(e) && !gan_tensor_size(e, r->rank, r->dim, &count, &bytes, NULL);
    bool fits = known && (!r->by_name || r->header) && r->n_cut >= 0 && r->n_cut < GAN_MAX_RANK && text_fits(r) && row_fits(r, rank, dim) && (rank ? rows_fit(r, dim[0]) : !r->n_rows);
    for (int i = 0; fits && i < r->n_steps; i++) fits = step_fits(&r->step[i], rank, &e);
    return fits && e == elem;
}

/* ---- following one --------------------------------------------------------------------------------------------------- */

/* What a step has to say, with the file it is about. */
static GanStatus in_file(GanError *err, GanStatus s, const char *path)
{
    if (!err || !s) return s;
    GanError copy = *err;
    return gan_error_in(err, s, path, "%s", copy.message);
}

static GanStatus as_compiled(const DataRecipe *r, const GanTensor *t, const char *path, GanError *err)
{
    char is[160], was[160];
    bool rows = t->elem == r->elem && t->rank == r->rank && t->rank;
    for (int i = 1; rows && i < t->rank; i++) rows = t->dim[i] == r->dim[i];
    if (rows && t->dim[0] == r->dim[0]) return GAN_OK;
    if (rows)
        return gan_error_in(err, GAN_WRONG, path, "it has %" PRId64 " rows, and the program was compiled for %" PRId64, t->dim[0], r->dim[0]);
    if (t->elem == r->elem && !t->rank && !r->rank) return GAN_OK;
    GanTensor compiled = {.elem = r->elem, .rank = r->rank};
    memcpy(compiled.dim, r->dim, sizeof r->dim);
    return gan_error_in(err, GAN_WRONG, path, "it holds %s, and the program was compiled for %s", gan_tensor_text(t, is, sizeof is),
                        gan_tensor_text(&compiled, was, sizeof was));
}

static GanStatus still_chosen(const DataRecipe *r, const GanTensor *file, GanError *err)
{
    uint64_t sum[2];
    if (!r->chosen) return GAN_OK;
    data_sum(file, sum);
    if (sum[0] == r->sum[0] && sum[1] == r->sum[1]) return GAN_OK;
    return gan_error(err, GAN_WRONG, "it holds other numbers than when the program was compiled, where they have chosen rows (filter, per_class): compile it again");
}

static GanStatus still_finite(const DataRecipe *r, const GanTensor *t, GanError *err)
{
    Place place;
    int64_t i;
    if (!r->finite || !data_not_finite(t, &i)) return GAN_OK;
    return gan_error(err, GAN_WRONG, "%s is %s, and the file that the program was compiled with had finite numbers alone",
                     place_of(t, r, i, place), isnan(gan_tensor_get(t, i)) ? "nan" : "inf");
}

/* *made becomes the step's tensor if it makes one. */
static GanStatus do_step(const DataStep *s, const GanTensor *t, const DataRecipe *of, GanTensor **made, GanError *err)
{
    switch (s->what) {
    case DATA_SCALE: return data_scale(t, s->least, s->most, s->elem, made, err);
    case DATA_CONVERT: return data_convert(t, s->elem, of, made, err);
    case DATA_CLASSES: return data_classes(t, s->hi, of, err);
    case DATA_WITHIN: break;
    }
    return within(t, s->lo, s->hi, of, err);
}

static GanStatus copy_of(const GanTensor *t, GanTensor **out, GanError *err)
{
    GanStatus s = gan_tensor_new(t->elem, t->rank, t->dim, out, err);
    if (!s && t->bytes) memcpy((*out)->data, t->data, t->bytes);
    return s;
}

int64_t data_column(const char *names, const char *name, size_t n)
{
    int64_t at = 0;
    for (const char *s = names; s; at++) {
        const char *end = strchr(s, '\n');
        if ((end ? (size_t)(end - s) : strlen(s)) == n && !memcmp(s, name, n)) return at;
        s = end ? end + 1 : NULL;
    }
    return -1;
}

/* "height, weight" */
static const char *shown_names(const char *names, char text[GAN_ERROR_TEXT])
{
    char   raw[GAN_ERROR_TEXT / 2];
    size_t n = 0;
    for (const char *s = names; *s && n + 3 < sizeof raw; s++) {
        if (*s == '\n') raw[n++] = ',', raw[n++] = ' ';
        else raw[n++] = *s;
    }
    raw[n] = 0;
    return gan_shown(raw, text);
}

/* The columns of a file that are called `names`, in the order of the recipe's. */
static GanStatus in_order(const DataRecipe *r, const GanTensor *file, const char *names, GanTensor **out, GanError *err)
{
    char    has[GAN_ERROR_TEXT], wants[GAN_ERROR_TEXT];
    int64_t columns = file->rank == 2 ? file->dim[1] : 0, k = 0;
    if (!names) return gan_error(err, GAN_WRONG, "it has no header, and the program goes by the names of its columns: %.200s", shown_names(r->header, wants));
    GanStatus s = gan_tensor_new(file->elem, file->rank, file->dim, out, err);
    if (s) return s;
    size_t one = gan_elem_bytes(file->elem);
    bool same = true;
    for (const char *name = r->header; name && same; k++) {
        const char *end = strchr(name, '\n');
        int64_t at = data_column(names, name, end ? (size_t)(end - name) : strlen(name));
        same = at >= 0 && k < columns;
        for (int64_t i = 0; same && i < file->dim[0]; i++)
            memcpy((char *)(*out)->data + one * (size_t)(i * columns + k), (const char *)file->data + one * (size_t)(i * columns + at), one);
        name = end ? end + 1 : NULL;
    }
    if (same && k == columns) return GAN_OK;
    return gan_error(err, GAN_WRONG, "its columns are called %.200s, and those that the program was compiled with %.200s", shown_names(names, has), shown_names(r->header, wants));
}

/* Of a file that has been read, and stays, with its columns in the recipe's order. */
static GanStatus make_of_columns(const DataRecipe *r, const GanTensor *file, const char *path, GanTensor **out, GanError *err)
{
    GanStatus s = as_compiled(r, file, path, err);
    if (s) return s;
    GanTensor rows = r->rank && !r->n_rows ? data_rows(file, r->from, r->to) : *file;
    s = still_chosen(r, file, err);
    if (!s && r->n_rows) s = data_pick(file, r->row + r->from, r->to - r->from, out, err);
    if (!s && r->n_columns) {
        GanTensor *cut = NULL;
        s = data_cut(*out ? *out : &rows, r, &cut, err);
        gan_tensor_free(*out);
        *out = cut;
    }
    if (!s) s = still_finite(r, *out ? *out : &rows, err);
    for (int i = 0; i < r->n_steps && !s; i++) {
        GanTensor *made = NULL;
        s = do_step(&r->step[i], *out ? *out : &rows, r, &made, err);
        if (!made) continue;
        gan_tensor_free(*out);
        *out = made;
    }
    if (!s && !*out) s = copy_of(&rows, out, err);
    if (!s) return s;
    gan_tensor_free(*out);
    *out = NULL;
    return in_file(err, s, path);
}

static GanStatus make_of(const DataRecipe *r, const GanTensor *file, const char *names, const char *path, GanTensor **out, GanError *err)
{
    GanTensor *ordered = NULL;
    if (!r->by_name || (names && !strcmp(names, r->header))) return make_of_columns(r, file, path, out, err);
    GanStatus s = in_order(r, file, names, &ordered, err);
    s = s ? in_file(err, s, path) : make_of_columns(r, ordered, path, out, err);
    gan_tensor_free(ordered);
    return s;
}

/* Where the recipe's file is; the caller's to free. */
static char *path_of(const DataRecipe *r, const char *folder, const char *instead)
{
    bool inside = !instead && r->relative && folder && *folder;
    const char *path = instead ? instead : r->path;
    size_t n = strlen(path) + (inside ? strlen(folder) : 0) + 2;
    char *text = malloc(n);
    if (text) snprintf(text, n, "%s%s%s", inside ? folder : "", inside ? "/" : "", path);
    return text;
}

/* All recipes among r[0..n] that are of r[0]'s file and to be had from the same place. */
static GanStatus follow_file(const DataRecipe *r, int n, const char *folder, const char *const *instead, GanTensor **out, GanError *err)
{
    GanTensor *file = NULL;
    char *names = NULL, *path = path_of(r, folder, instead[0]);
    if (!path) return gan_error(err, GAN_WORLD, "not enough memory for the name of a file");
    GanStatus s = read_file(r, path, &file, &names, err);
    for (int i = 0; i < n && !s; i++)
        if (data_same_file(&r[i], r) && same_text(instead[i], instead[0])) s = make_of(&r[i], file, names, path, &out[i], err);
    gan_tensor_free(file);
    free(names);
    free(path);
    return s;
}

GanStatus data_follow(const DataRecipe *r, const char *folder, const char *instead, GanTensor **out, GanError *err)
{
    *out = NULL;
    return follow_file(r, 1, folder, &instead, out, err);
}

/* ---- following all ------------------------------------------------------------------------------------------------- */

static bool called(const char *data, const char *field, const char *name)
{
    size_t n = data ? strlen(data) : 0;
    if (!n || strncmp(data, name, n)) return false;
    return !name[n] || (name[n] == '.' && field && !strcmp(field, name + n + 1));
}

/* Is this what the recipe's data are called, or those that they are parts of: digits, digits.x, or their file? */
static bool is_called(const DataRecipe *r, const char *name)
{
    if (r->format == DATA_NONE) return false;
    if (!strcmp(r->path, name) || called(r->name, r->field, name)) return true;
    for (int i = 0; i < r->n_of; i++)
        if (called(r->of[i].name, r->of[i].field, name)) return true;
    return false;
}

static void add(char *text, size_t room, const char *more)
{
    size_t n = strlen(text);
    snprintf(text + n, room - n, "%s", more);
}

/* "digits.x (images.gz), digits.y (labels.gz)", of those that are called `name`; NULL: of all. */
static const char *list_of(const DataRecipe *r, int n, const char *name, char text[300])
{
    *text = 0;
    for (int i = 0; i < n; i++) {
        if (r[i].format == DATA_NONE || (name && !is_called(&r[i], name))) continue;
        if (*text) add(text, 300, ", ");
        if (r[i].name) add(text, 300, r[i].name);
        if (r[i].name && r[i].field) add(text, 300, "."), add(text, 300, r[i].field);
        if (r[i].name) add(text, 300, " (");
        add(text, 300, r[i].path);
        if (r[i].name) add(text, 300, ")");
    }
    return text;
}

/* instead[i] = where recipe i's file is to be had, if the choice says so. */
static GanStatus choose(const DataRecipe *r, int n, const DataChoice *c, const char **instead, GanError *err)
{
    char text[300];
    const DataRecipe *found = NULL;
    for (int i = 0; i < n; i++) {
        if (!is_called(&r[i], c->name)) continue;
        if (found && !data_same_file(found, &r[i]))
            return gan_error(err, GAN_WRONG, "--data %.60s stands for several files: %s; name a field or a file", c->name, list_of(r, n, c->name, text));
        if (instead[i] && strcmp(instead[i], c->path))
            return gan_error(err, GAN_WRONG, "--data %.60s says a second place for %.60s; the first is %.60s", c->name, r[i].path, instead[i]);
        found = &r[i];
        instead[i] = c->path;
    }
    if (found) return GAN_OK;
    list_of(r, n, NULL, text);
    return gan_error(err, GAN_WRONG, "--data %.60s: the program reads no data called so%s%s", c->name, *text ? "; it reads " : "", text);
}

static GanStatus follow_each(const DataRecipe *r, int n, const char *folder, const char *const *instead, GanTensor **out, int *own, GanError *err)
{
    for (int i = 0; i < n; i++) {
        GanStatus s = r[i].format == DATA_NONE || out[i] ? GAN_OK : follow_file(&r[i], n - i, folder, &instead[i], &out[i], err);
        if (!s) continue;
        if (!instead[i]) *own = i;
        return s;
    }
    return GAN_OK;
}

static void forget(const DataRecipe *r, int n, GanTensor **out)
{
    for (int i = 0; i < n; i++) {
        if (r[i].format == DATA_NONE) continue;
        gan_tensor_free(out[i]);
        out[i] = NULL;
    }
}

GanStatus data_follow_all(const DataRecipe *r, int n, const char *folder, const DataChoice *choice, int n_choices, GanTensor **out, int *own, GanError *err)
{
    const char **instead = calloc((size_t)n + 1, sizeof *instead);
    *own = -1;
    if (!instead) return gan_error(err, GAN_WORLD, "not enough memory for the names of %d files", n);
    GanStatus s = GAN_OK;
    for (int i = 0; i < n; i++)
        if (r[i].format != DATA_NONE) out[i] = NULL;
    for (int i = 0; i < n_choices && !s; i++) s = choose(r, n, &choice[i], instead, err);
    if (!s) s = follow_each(r, n, folder, instead, out, own, err);
    if (s) forget(r, n, out);
    free(instead);
    return s;
}
