/* data.c - data: files read into tensors, scaled here, declared, and handed to the program as read-only slots. */
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/eval/table.h"
#include "compiler/lower/own/graph.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"
#include "runtime/data/data.h"

#include <math.h>
#include <stdlib.h>

/* ---- files */

const char *table_path(Ctx *c, Value *v, Span at)
{
    if (v->kind != V_STRING) {
        if (!val_bad(v))
            diag_error(c->L->diags, at, E500, "the name of a file is a string, and this is %s", val_text(c->L, v));
        return NULL;
    }
    bool here = v->s[0] == '/' || !c->L->o.folder || !*c->L->o.folder;
    return here ? v->s : strf(c->L, "%s/%s", c->L->o.folder, v->s);
}

/* ---- what a reader of the file should know */

static void warn_not_finite(Ctx *c, const GanTensor *t, const char *path, Span at)
{
    int64_t n = gan_tensor_count(t), columns = t->rank > 1 ? n / (t->dim[0] ? t->dim[0] : 1) : 1, first, bad = data_not_finite(t, &first);
    if (!bad) return;
    Diag *d = diag_warning(c->L->diags, at, W500, "%s holds %s in row %lld, column %lld", path,
                           isnan(gan_tensor_get(t, first)) ? "nan" : "inf", (long long)(first / columns) + 1,
                           (long long)(first % columns) + 1);
    diag_label(d, "%lld of %lld numbers are not finite", (long long)bad, (long long)n);
    if (t->rank == 2) diag_hint(d, "filter(fn(r) sum(where(abs(r) < inf, 0, 1)) == 0) leaves such rows out");
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Reports column k when f32 takes different numbers of it for one: whole numbers, or more than a tenth of them all. */
static bool column_rounded(Ctx *c, const GanTensor *t, int64_t k, double *x, const char *path, Span at)
{
    int64_t rows = t->dim[0], columns = gan_tensor_count(t) / rows, distinct = 1, lost = 0, whole = 0, example = -1;
    for (int64_t i = 0; i < rows; i++) x[i] = gan_tensor_get(t, i * columns + k);
    qsort(x, (size_t)rows, sizeof *x, by_size);
    for (int64_t i = 1; i < rows; i++) {
        if (x[i] == x[i - 1] || !isfinite(x[i])) continue;
        distinct++;
        if ((float)x[i] != (float)x[i - 1]) continue;
        lost++;
        bool w = x[i] == floor(x[i]) && x[i - 1] == floor(x[i - 1]);
        if (example < 0 || (w && !whole)) example = i;
        whole += w;
    }
    if (!whole && lost * 10 <= distinct) return false;
    Diag *d = diag_warning(c->L->diags, at, W501, "column %lld of %s holds numbers that f32 cannot tell apart: %s and %s",
                           (long long)k + 1, path, val_text(c->L, val_real(c->L, x[example - 1])),
                           val_text(c->L, val_real(c->L, x[example])));
    diag_hint(d, "--f64 keeps them apart; or write the file with the common part taken off");
    return true;
}

static void warn_rounded(Ctx *c, const GanTensor *t, const char *path, Span at)
{
    enum { MOST = 1 << 22 };                                /* numbers sorted, so that reading images stays quick */
    if (t->elem == GAN_F32 || t->elem == GAN_U8 || t->elem == GAN_BOOL) return;
    if (c->L->m->real == IR_F64 || !t->rank || t->dim[0] < 2) return;
    int64_t columns = gan_tensor_count(t) / t->dim[0];
    double *x = malloc(sizeof *x * (size_t)t->dim[0]);
    for (int64_t k = 0; x && k < columns && k * t->dim[0] < MOST; k++)
        if (column_rounded(c, t, k, x, path, at)) break;    /* one is enough to know */
    free(x);
}

/* Is row i, of two columns or more, a run of whole numbers: 0, 1, 2? */
static bool counts_up(const GanTensor *t, int64_t i)
{
    int64_t n = t->dim[1];
    double first = gan_tensor_get(t, i * n);
    for (int64_t k = 1; k < n; k++)
        if (gan_tensor_get(t, i * n + k) != first + (double)k) return false;
    return n > 1 && first == floor(first);
}

/* Is the first row, of whole numbers that differ, further from all others than these are from each other, in every column? Years are so
 * above most data, and hardly ever a row of the data themselves. */
static bool stands_apart(const GanTensor *t)
{
    int64_t rows = t->dim[0], n = t->dim[1];
    for (int64_t k = 0; k < n; k++) {
        double name = gan_tensor_get(t, k), least = INFINITY, most = -INFINITY;
        for (int64_t i = 1; i < rows; i++) least = fmin(least, gan_tensor_get(t, i * n + k)), most = fmax(most, gan_tensor_get(t, i * n + k));
        if (!(name > most ? name - most > most - least : least - name > most - least) || name != floor(name)) return false;
        for (int64_t other = 0; other < k; other++)
            if (gan_tensor_get(t, other) == name) return false;
    }
    return n > 1 && rows > 2;
}

static bool only_first_counts_up(const GanTensor *t)
{
    for (int64_t i = 1; i < t->dim[0]; i++)
        if (counts_up(t, i)) return false;
    return counts_up(t, 0);
}

/* Does the file begin with words? Then it is no table without them. */
static bool names_columns(const char *path)
{
    GanTensor *t;
    GanError err;
    bool numbers = data_read_csv(path, DATA_HEADER_NO, &t, &err) == GAN_OK;
    if (numbers) gan_tensor_free(t);
    return !numbers;
}

/* A first row 0, 1, 2 or 2019, 2020 above rows of another kind is likely the header that some programs write. */
static void warn_header(Ctx *c, const GanTensor *t, const char *path, Span at)
{
    if (t->rank != 2 || t->dim[0] < 2) return;
    bool counts = only_first_counts_up(t), apart = !counts && stands_apart(t);
    if ((!counts && !apart) || names_columns(path)) return;
    const char *first = val_text(c->L, val_real(c->L, gan_tensor_get(t, 0)));
    Diag *d = counts ? diag_warning(c->L->diags, at, W502, "the first row of %s counts up from %s and was taken as data: is it a header?", path, first)
                     : diag_warning(c->L->diags, at, W502, "the first row of %s, which begins with %s, lies far from all others and was taken as data: is it a header?", path, first);
    diag_hint(d, "csv(path, header: true) says that it is one, and header: false that it is data");
}

/* Bytes that have the shape of images, and mostly become reals, whatever they are. Small tables are looked through (ints.c), and read at once. */
static GanTensor *unread(Lower *L, const char *path)
{
    enum { MANY = 1 << 16 };
    GanTensor shape;
    bool images = L->o.shapes && data_idx_shape(path, &shape) == GAN_OK && shape.elem == GAN_U8 && shape.rank > 2 && shape.bytes > MANY;
    return images ? arena_copy(L->a, &shape, sizeof shape) : NULL;
}

/* idx("images.gz", "labels.gz"): a field for each file; bytes stay bytes until the declaration says what they are. */
Value *builtin_idx(Ctx *c, const Call *k)
{
    Lower *L = c->L;
    Data *d = table_new(L, k->n);
    for (int i = 0; i < k->n; i++) {
        GanError err;
        GanTensor *t;
        const char *path = table_path(c, k->v[i], k->at);
        if (!path) return val_error(L);
        if (!(t = unread(L, path))) {
            char *names;
            if (data_read(DATA_IDX, path, &t, &names, &err) != GAN_OK) return data_failed(c, k->at, &err);
            data_own(L, t);
        }
        if (!t->rank)
            return diag_error(L->diags, k->at, E500, "%s holds one number, not rows", path), val_error(L);
        d->field[i].tensor = t;
        d->field[i].recipe = recipe_new(c, DATA_IDX, k->v[i]->s, k->n > 1 ? strf(L, "f%d", i) : NULL, t);
        if (i && t->dim[0] != d->rows) {
            diag_error(L->diags, k->at, E500, "these files have %lld and %lld rows", (long long)d->rows,
                       (long long)t->dim[0]);
            return val_error(L);
        }
        d->rows = t->dim[0];
    }
    return dist_of_data(L, d, false);
}

/* The names in a file's header are kept with what was read of it, where the program may go by them. */
static const DataRecipe *with_header(Lower *L, const DataRecipe *r, char *names, bool wanted)
{
    DataRecipe *with = arena_copy(L->a, r, sizeof *r);
    if (names && wanted) with->header = arena_str(L->a, names);
    free(names);
    return with;
}

static Value *read_table(Ctx *c, const Call *k, DataFormat format, bool by_name)
{
    Lower *L = c->L;
    GanError err;
    GanTensor *t, *r;
    const char *path = table_path(c, k->v[0], k->at);
    if (!path) return val_error(L);
    char *names;
    if (data_read(format, path, &t, &names, &err) != GAN_OK) return data_failed(c, k->at, &err);
    warn_not_finite(c, t, path, k->at);
    if (t->elem == GAN_F64) warn_rounded(c, t, path, k->at);
    if (format == DATA_CSV) warn_header(c, t, path, k->at);
    bool real = t->elem == GAN_F32 || t->elem == GAN_F64;
    GanElem want = real ? (GanElem)L->m->real : t->elem == GAN_U8 ? GAN_I32 : t->elem;
    const DataRecipe *recipe = with_header(L, recipe_new(c, format, k->v[0]->s, NULL, t), names, by_name);
    GanStatus s = data_convert(t, want, NULL, &r, &err);
    gan_tensor_free(t);
    if (s != GAN_OK) return data_failed(c, k->at, &err);
    return val_slot(L, data_constant(L, r, data_then(L, recipe, (DataStep){.what = DATA_CONVERT, .elem = want})));
}

/* Each file is an array; several become one data set by zip. False, reported: there are several. */
static bool one_file(Ctx *c, const Call *k, const char *word)
{
    if (k->n < 2 || !k->v[1] || k->v[1]->kind != V_STRING) return true;
    Diag *d = diag_error(c->L->diags, k->at, E109, "%s reads one file, and here are %d", word, k->n);
    diag_hint(d, "zip(x: %s(\"%s\"), y: %s(\"%s\")) joins their rows", word, k->v[0]->kind == V_STRING ? k->v[0]->s : "..", word, k->v[1]->s);
    return false;
}

Value *builtin_npy(Ctx *c, const Call *k)
{
    if (!one_file(c, k, "npy")) return val_error(c->L);
    if (k->n == 1) return read_table(c, k, DATA_NPY, false);
    return diag_error(c->L->diags, k->at, E109, "npy takes 1 argument, and here are %d", k->n), val_error(c->L);
}

/* An answer of csv's, true or false; *is stays where there is none. False, reported: another. */
static bool answer(Ctx *c, const Call *k, const Value *v, const char *word, const char *hint, bool *is)
{
    if (!v) return true;
    if (v->kind == V_BOOL) return *is = v->b, true;
    Diag *d = diag_error(c->L->diags, k->at, E201, "%s is true or false, and this is %s", word, val_text(c->L, v));
    diag_hint(d, "%s", hint);
    return false;
}

Value *builtin_csv(Ctx *c, const Call *k)
{
    bool header = false, names = true;
    if (!one_file(c, k, "csv")) return val_error(c->L);
    if (k->n > 3) {
        Diag *d = diag_error(c->L->diags, k->at, E109, "csv takes 1 to 3 arguments, and here are %d", k->n);
        diag_hint(d, "csv(path, header: true): the first row is one, whatever it holds");
        return val_error(c->L);
    }
    if (!answer(c, k, k->v[1], "header", "csv(path, header: true): the first row is one, whatever it holds", &header) ||
        !answer(c, k, k->v[2], "names", "csv(path, names: false): fields take columns by their places, whatever the header calls them", &names))
        return val_error(c->L);
    return read_table(c, k, !k->v[1] ? DATA_CSV : header ? DATA_CSV_NAMED : DATA_CSV_BARE, names);
}

/* ---- words on data */

/* Bytes 0..255 become reals lo..hi; one-dimensional bytes are labels and stay. */
static bool scale_field(Ctx *c, DataField *f, double lo, double hi, Span at)
{
    GanTensor *t = f->tensor, *r;
    GanError err;
    if (f->value) return diag_error(c->L->diags, at, E501, "scale maps bytes of files to reals, and these are computed while the program runs"), false;
    if (t->rank < 2) return true;
    if (t->elem != GAN_U8) {
        diag_error(c->L->diags, at, E501, "scale maps bytes to reals, and these are %s already",
                   gan_elem_name(t->elem));
        return false;
    }
    GanElem real = (GanElem)c->L->m->real;
    if (!data_seen(t)) r = data_unread(c->L, t, real);
    else if (data_scale(t, lo, hi, real, &r, &err) != GAN_OK) return data_failed(c, at, &err), false;
    else data_own(c->L, r);
    f->tensor = r;
    f->slot = -1;
    f->recipe = data_then(c->L, f->recipe, (DataStep){.what = DATA_SCALE, .elem = real, .least = lo, .most = hi});
    return true;
}

Value *builtin_scale(Ctx *c, const Call *k)
{
    double lo, hi;
    Data *d = table_plain(c, k->v[0], k->at, "scale");
    if (!d || !as_number(c, k->v[1], k->at, "the least value", &lo) ||
        !as_number(c, k->v[2], k->at, "the greatest value", &hi))
        return val_error(c->L);
    Data *s = table_part(c, d, 0, d->rows);
    for (int i = 0; i < s->n_fields; i++)
        if (!scale_field(c, &s->field[i], lo, hi, k->at)) return val_error(c->L);
    return dist_of_data(c->L, s, false);
}

/* ---- declarations */

/* What is wrong with a field, with its file, in which the place is. */
static bool wrong_field(Ctx *c, const DataField *f, DiagCode code, const GanError *err, Span at)
{
    char text[GAN_ERROR_TEXT];
    Diag *d = diag_error(c->L->diags, at, code, "%s%s%s", f->recipe ? f->recipe->path : "", f->recipe ? ": " : "", gan_error_text(err, text));
    if (err->status == GAN_WORLD) diag_of_world(d);
    return false;
}

static bool convert_field(Ctx *c, DataField *f, GanElem want, Span at)
{
    GanError err;
    GanTensor *r;
    if (f->tensor->elem == want) return true;
    if (want == GAN_F32) warn_rounded(c, f->tensor, f->name ? f->name : "the data", at);
    bool real = want == GAN_F32 || want == GAN_F64;
    if (real && !data_seen(f->tensor)) r = data_unread(c->L, f->tensor, want);
    else if (!data_see(c->L, f->tensor, f->recipe, &err)) return data_failed(c, at, &err), false;
    else if (data_convert(f->tensor, want, f->recipe, &r, &err) != GAN_OK) return wrong_field(c, f, E500, &err, at);
    else data_own(c->L, r);
    f->tensor = r;
    f->slot = -1;
    f->recipe = data_then(c->L, f->recipe, (DataStep){.what = DATA_CONVERT, .elem = want});
    return true;
}

static bool classes_fit(Ctx *c, DataField *f, Span at)
{
    GanError err;
    if (!f->classes) return true;
    if (!data_see(c->L, f->tensor, f->recipe, &err)) return data_failed(c, at, &err), false;
    if (data_classes(f->tensor, f->classes - 1, f->recipe, &err) != GAN_OK) return wrong_field(c, f, E501, &err, at);
    f->recipe = data_then(c->L, f->recipe, (DataStep){.what = DATA_CLASSES, .hi = f->classes - 1});
    return true;
}

static bool rows_shaped(Ctx *c, const Ast *type, int rank, const int64_t *dim)
{
    bool reported = false;
    if (type_unify_dims(c, type, rank - 1, dim + 1, &reported)) return true;
    if (reported) return false;
    IrInts has = ir_ints(0, NULL);
    for (int i = 1; i < rank; i++) has.v[has.n++] = dim[i];
    diag_error(c->L->diags, type->span, E501, "each row has the shape %s, and the type says %s", dims_text(c->L, &has), type_declared_text(c, type));
    return false;
}

/* The same of one that is computed while the program runs. */
static bool declare_computed(Ctx *c, DataField *f, const Ast *type, IrElem elem)
{
    Value *v = f->value;
    IrVal *t = v->tensor.v;
    if (!rows_shaped(c, type, t->type.rank, t->type.dim) || !type_class_fits(c, v, t, f->classes, type->span, f->name ? f->name : "this table")) return false;
    if (!type_elem_becomes(t->type.elem, elem)) {
        IrType row = {.elem = t->type.elem, .rank = (uint8_t)(t->type.rank - 1)};
        memcpy(row.dim, t->type.dim + 1, sizeof row.dim[0] * row.rank);
        diag_error(c->L->diags, type->span, E501, "each row is %s, computed while the program runs, and the type says %s", type_text(c->L, &row), type_declared_text(c, type));
        return false;
    }
    f->value = val_tensor(c->L, arith_convert(c, t, elem));
    f->value->tensor.classes = f->classes;
    return true;
}

/* A field made what its declared type says. */
static bool declare_field(Ctx *c, DataField *f, const Ast *type, const char *name)
{
    IrElem elem;
    f->name = name;
    if (!type_elem(c, type, &elem, &f->classes)) return false;
    if (!table_number(c, f, type)) return false;
    if (f->value) return declare_computed(c, f, type, elem);
    return rows_shaped(c, type, f->tensor->rank, f->tensor->dim) && convert_field(c, f, (GanElem)elem, type->span) && classes_fit(c, f, type->span);
}

/* Without a type: reals and integers as they are, bytes as reals. */
static bool default_field(Ctx *c, DataField *f, Span at)
{
    return f->value || convert_field(c, f, data_default(c->L, f->tensor), at);
}

static const char *behind_point(const char *name) { return name + strcspn(name, "."); }

static bool in_one_record(const char *a, const char *b) { return behind_point(a) - a == behind_point(b) - b && !strncmp(a, b, (size_t)(behind_point(a) - a)); }

/* Is field k of the data the declared one? place, declared: the places of both, where the fields of a record in the row are one. */
static bool is_declared(const DataField *k, int place, const DeclaredField *to, int declared)
{
    if (!k->numbered) return !strcmp(k->name, to->name);
    return place == declared && !strcmp(behind_point(k->name), behind_point(to->name));
}

/* The field that field i of a declared record stands for: of the same name, where the program has given names; else of the same place. NULL, reported: none. */
static const DataField *source_field(Ctx *c, const Data *from, int i, const DeclaredFields *to)
{
    int declared = 0;
    if (!from->field[i].name) return &from->field[i];
    for (int k = 1; k <= i; k++) declared += !in_one_record(to->v[k - 1].name, to->v[k].name);
    for (int k = 0, place = 0; k < from->n_fields; k++) {
        place += k && !in_one_record(from->field[k - 1].name, from->field[k].name);
        if (is_declared(&from->field[k], place, &to->v[i], declared)) return &from->field[k];
    }
    const char *name = to->v[i].name;
    Diag *d = diag_error(c->L->diags, to->v[i].at, E112, "the data have no field %s, which their type declares", name);
    if (*behind_point(name)) diag_hint(d, "map(fn(r) (%.*s: (..), ..)) gives fields other names", (int)(behind_point(name) - name), name);
    else diag_hint(d, "map(fn(r) (%s: r.%s, ..)) gives fields other names", name, from->field[i].name);
    return NULL;
}

static Value *declare_data(Ctx *c, Value *v, const Ast *type, const char *name, Span at)
{
    Data *from = table_of(c, v, at, "data"), *d;
    if (!from) return val_error(c->L);
    DeclaredFields to = table_declared(c->L, type);
    if (!(from = table_columns(c, from, &to))) return val_error(c->L);
    if (!from->rows) return diag_error(c->L->diags, at, E501, "there are no rows here to draw from"), val_error(c->L);
    d = table_part(c, from, 0, from->rows);
    d->name = *c->index ? strf(c->L, "%s%s", name, c->index) : name;
    d->cut = false;
    bool record = to.n > 0;
    int n = record ? to.n : 1;
    if (type && n != d->n_fields) {
        diag_error(c->L->diags, type->span, E501, "the type has %d fields, and the data %d", n, d->n_fields);
        return val_error(c->L);
    }
    for (int i = 0; i < d->n_fields; i++) {
        const Ast *t = record ? to.v[i].type : type;
        const DataField *source = record ? source_field(c, from, i, &to) : NULL;
        if (record && !source) return val_error(c->L);
        if (record) d->field[i] = *source, d->field[i].slot = -1;
        const char *field = record ? to.v[i].name : d->field[i].name;
        d->field[i].numbered = !t && d->n_fields > 1 && (!field || d->field[i].numbered);
        if (!t && d->n_fields > 1 && !field) field = strf(c->L, "f%d", i);
        d->field[i].name = field;
        d->field[i].recipe = recipe_named(c->L, d->field[i].recipe, d->name, field);
        if (t ? !declare_field(c, &d->field[i], t, field) : !default_field(c, &d->field[i], at)) return val_error(c->L);
    }
    return dist_of_data(c->L, d, false);
}

/* Rows: of data, of arrays, of lists. Another distribution is one by another name. */
static bool is_table(const Value *v)
{
    return v->kind == V_DIST ? dist_table(v->dist) != NULL : v->kind == V_SLOT || v->kind == V_TENSOR || v->kind == V_LIST || v->kind == V_RANGE;
}

/* One draw, in a function that is dropped: is it what the declared type says? Dimensions that the type is the first to name get their numbers by it. */
static bool draws_fit(Ctx *c, Dist *d, const Ast *type, Span at)
{
    Ctx one = *c;
    one.axes = ir_no_axes();
    Trial t = trial_begin(c->L, false);
    c->L->fn->shapes = true;
    bool fits = !val_bad(type_conform(&one, dist_sample(&one, d, NULL, at), type, at, d->name));
    trial_end(c->L, &t);
    return fits;
}

/* Parts of data that are drawn through map get the name, too: it is they that are drawn from. */
static Dist *named_part(Ctx *c, Dist *d, const char *name)
{
    Data *rows = dist_drawn_rows(d);
    if (!rows || !rows->cut) return d;
    Data *own = arena_copy(c->L->a, rows, sizeof *rows);
    own->name = name;
    own->cut = false;
    return dist_of_part(c->L, d, own)->dist;
}

static Value *no_rows(Ctx *c, const Value *v, Span at)
{
    Diag *d = diag_error(c->L->diags, at, E300, "data are rows or a distribution, and this is %s", val_text(c->L, v));
    diag_hint(d, "[%s] is one row; let names a number", val_text(c->L, v));
    return val_error(c->L);
}

/* A name for a distribution, which is then also the name of its draws. */
static Value *named_dist(Ctx *c, Value *v, const Ast *type, const char *name, Span at)
{
    if (val_is_number(v)) return no_rows(c, v, at);
    Dist *d = as_dist(c, v, at);
    if (!d) return val_error(c->L);
    if (*c->index) name = strf(c->L, "%s%s", name, c->index);
    d = dist_renamed(c->L, named_part(c, d, name), name);
    if (type) d = dist_of_type(c, d, type, d->name);
    return d && (!type || draws_fit(c, d, type, at)) ? val_dist(c->L, d) : val_error(c->L);
}

/* What `data d = (x: a, y: b)` could mean is said: arrays are joined by zip. NULL: it may be a distribution. */
static Value *not_joined(Ctx *c, const Value *v, Span at)
{
    bool arrays = v->kind == V_RECORD && v->record.n > 0;
    for (int i = 0; arrays && i < v->record.n; i++) arrays = is_table(v->record.v[i]) && v->record.v[i]->kind != V_DIST;
    if (!arrays) return NULL;
    Text t = text_in(c->L->a);
    for (int i = 0; i < v->record.n; i++) text_printf(&t, "%s%s%s..", i ? ", " : "", v->record.name ? v->record.name[i] : "", v->record.name ? ": " : "");
    Diag *d = diag_error(c->L->diags, at, E501, "a record of arrays is no data set: nothing says that their rows belong together");
    diag_hint(d, "zip(%s) joins row with row", text_str(&t));
    return val_error(c->L);
}

static Value *declare_part(Ctx *c, Value *v, const Ast *type, const char *name, Span at)
{
    if (val_bad(v)) return v;
    if (is_table(v)) return declare_data(c, v, type, name, at);
    Value *wrong = not_joined(c, v, at);
    return wrong ? wrong : named_dist(c, v, type, name, at);
}

/* A table that is computed is computed where its statement stands, and there alone. */
static bool made_elsewhere(Ctx *c, const Ast *decl, const Value *v, uint32_t before)
{
    const Data *d = v->kind == V_DIST ? dist_drawn_rows(v->dist) : NULL;
    return d && decl != c->L->standing && table_made_since(d, before);
}

Value *data_declare(Ctx *c, const Ast *decl, const char *name)
{
    AstList names = decl->data.names;
    Span at = decl->data.value->span;
    Ctx named = *c;
    named.name = named.declared = *c->index ? strf(c->L, "%s%s", name, c->index) : name;
    named.field = NULL;
    uint32_t before = c->L->m->next_id;
    Value *v = eval(&named, decl->data.value);
    bool several = names.n > 1;
    if (several && (v->kind != V_RECORD || v->record.n != names.n)) {
        if (!val_bad(v))
            diag_error(c->L->diags, decl->span, E501, "%d names are declared, and this is %s", names.n,
                       val_text(c->L, v));
        v = val_error(c->L);
    }
    Value *mine = val_error(c->L);
    for (int i = 0; i < names.n; i++) {
        const char *n = names.v[i]->name.name;
        Value *part = !several || val_bad(v) ? v : v->record.v[i];
        part = declare_part(c, part, decl->data.type, n, at);
        if (made_elsewhere(c, decl, part, before)) part = scope_too_early(c, n, names.v[i]->span, c->asked);
        if (!c->L->trials || !val_bad(part)) scope_bind(c->L, c->scope, names.v[i], part);      /* what was said in a quiet trial must be said again */
        if (!strcmp(n, name)) mine = part;
    }
    return mine;
}
