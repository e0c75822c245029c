/* data.c - data: files read into tensors, cut and scaled here, and handed to the program as read-only slots. */
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/eval/builtin.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/own/graph.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"
#include "runtime/data/data.h"
#include "runtime/data/recipe.h"

#include <math.h>
#include <stdlib.h>

/* ---- tensors */

static Value *data_failed(Ctx *c, Span at, const GanError *err)
{
    char text[GAN_ERROR_TEXT];
    diag_error(c->L->diags, at, E500, "%s", gan_error_text(err, text));
    return val_error(c->L);
}

/* ---- files */

static bool is_relative(const char *path) { return path[0] != '/'; }

static const char *file_path(Ctx *c, Value *v, Span at)
{
    if (v->kind != V_STRING) {
        if (!val_bad(v))
            diag_error(c->L->diags, at, E500, "the name of a file is a string, and this is %s", val_text(c->L, v));
        return NULL;
    }
    bool here = !is_relative(v->s) || !c->L->o.folder || !*c->L->o.folder;
    return here ? v->s : strf(c->L, "%s/%s", c->L->o.folder, v->s);
}

static Value *data_value(Lower *L, Data *d)
{
    return dist_of_data(L, d, false);
}

static Data *data_new(Lower *L, int n_fields)
{
    Data *d = arena_new_of(L->a, Data);
    d->name = "data";
    d->n_fields = n_fields;
    d->field = arena_array(L->a, DataField, n_fields);
    for (int i = 0; i < n_fields; i++) d->field[i].slot = -1;
    return d;
}

/* ---- recipes: what is done to a file's tensor here is noted, so that a compiled program can do it again */

static const DataRecipe *recipe_new(Ctx *c, DataFormat format, const char *path, const char *field, const GanTensor *t)
{
    int64_t first;
    DataRecipe r = {.format = format,
                    .relative = is_relative(path),
                    .path = path,
                    .name = c->declared,
                    .field = field ? field : c->declared ? c->field : NULL,
                    .elem = t->elem,
                    .rank = t->rank,
                    .finite = !data_not_finite(t, &first),
                    .to = t->rank ? t->dim[0] : 0};
    memcpy(r.dim, t->dim, sizeof r.dim);
    return arena_copy(c->L->a, &r, sizeof r);
}

static const DataRecipe *recipe_then(Lower *L, const DataRecipe *r, DataStep step)
{
    if (!r) return NULL;
    DataRecipe *all = arena_copy(L->a, r, sizeof *r);
    DataStep *steps = arena_array(L->a, DataStep, r->n_steps + 1);
    if (r->n_steps) memcpy(steps, r->step, sizeof *steps * (size_t)r->n_steps);
    steps[all->n_steps++] = step;
    all->step = steps;
    return all;
}

static const DataRecipe *recipe_rows(Lower *L, const DataRecipe *r, int64_t lo, int64_t hi)
{
    if (!r) return NULL;
    DataRecipe *part = arena_copy(L->a, r, sizeof *r);
    part->to = r->from + hi;
    part->from = r->from + lo;
    return part;
}

static const DataRecipe *recipe_named(Lower *L, const DataRecipe *r, const char *name, const char *field)
{
    if (!r) return NULL;
    DataRecipe *named = arena_copy(L->a, r, sizeof *r);
    named->name = name;
    named->field = field;
    return named;
}

/* The row of the file that the first of them is, for messages. */
static int64_t first_row(const DataRecipe *r) { return r ? r->from : 0; }

/* ---- what a reader of the file should know */

static void warn_not_finite(Ctx *c, const GanTensor *t, const char *path, Span at)
{
    int64_t n = gan_tensor_count(t), columns = t->rank > 1 ? n / (t->dim[0] ? t->dim[0] : 1) : 1, first, bad = data_not_finite(t, &first);
    if (!bad) return;
    Diag *d = diag_warning(c->L->diags, at, W500, "%s holds %s in row %lld, column %lld", path,
                           isnan(gan_tensor_get(t, first)) ? "nan" : "inf", (long long)(first / columns) + 1,
                           (long long)(first % columns) + 1);
    diag_label(d, "%lld of %lld numbers are not finite", (long long)bad, (long long)n);
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
    if (apart) {
        Diag *d = diag_warning(c->L->diags, at, W502, "the first row of %s, which begins with %s, lies far from all others and was taken as data", path,
                               val_text(c->L, val_real(c->L, gan_tensor_get(t, 0))));
        diag_hint(d, "if it is a header, remove the line, or name the columns by words; drop(d, 1) leaves one row out");
    }
    if (apart) return;
    Diag *d = diag_warning(c->L->diags, at, W502, "the first row of %s counts up from %s and was taken as data", path,
                           val_text(c->L, val_real(c->L, gan_tensor_get(t, 0))));
    diag_hint(d, "if it is a header, remove the line, or name the columns by words; drop(d, 1) leaves one row out");
}

/* idx("images.gz", "labels.gz"): a field for each file; bytes stay bytes until the declaration says what they are. */
Value *builtin_idx(Ctx *c, const Call *k)
{
    Lower *L = c->L;
    Data *d = data_new(L, k->n);
    for (int i = 0; i < k->n; i++) {
        GanError err;
        GanTensor *t;
        const char *path = file_path(c, k->v[i], k->at);
        if (!path) return val_error(L);
        if (data_read(DATA_IDX, path, &t, &err) != GAN_OK) return data_failed(c, k->at, &err);
        data_own(L, t);
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
    return data_value(L, d);
}

static Value *read_table(Ctx *c, const Call *k, DataFormat format)
{
    Lower *L = c->L;
    GanError err;
    GanTensor *t, *r;
    const char *path = file_path(c, k->v[0], k->at);
    if (!path) return val_error(L);
    if (data_read(format, path, &t, &err) != GAN_OK) return data_failed(c, k->at, &err);
    warn_not_finite(c, t, path, k->at);
    if (t->elem == GAN_F64) warn_rounded(c, t, path, k->at);
    if (format == DATA_CSV) warn_header(c, t, path, k->at);
    bool real = t->elem == GAN_F32 || t->elem == GAN_F64;
    GanElem want = real ? (GanElem)L->m->real : t->elem == GAN_U8 ? GAN_I32 : t->elem;
    const DataRecipe *recipe = recipe_new(c, format, k->v[0]->s, NULL, t);
    GanStatus s = data_convert(t, want, 0, &r, &err);
    gan_tensor_free(t);
    if (s != GAN_OK) return data_failed(c, k->at, &err);
    return val_slot(L, data_constant(L, r, recipe_then(L, recipe, (DataStep){.what = DATA_CONVERT, .elem = want})));
}

Value *builtin_npy(Ctx *c, const Call *k) { return read_table(c, k, DATA_NPY); }
Value *builtin_csv(Ctx *c, const Call *k) { return read_table(c, k, DATA_CSV); }

/* ---- words on data */

static Data *as_data(Ctx *c, Value *v, Span at, const char *word)
{
    if (v->kind == V_DIST && dist_table(v->dist)) return dist_table(v->dist);
    if (v->kind == V_SLOT && c->L->m->slots.v[v->slot.slot].kind == IR_SLOT_DATA) {     /* npy, csv: rows of a tensor */
        for (int i = 0; i < c->L->data.n; i++)
            if (c->L->data.v[i].slot == v->slot.slot && c->L->data.v[i].t->rank) {
                Data *d = data_new(c->L, 1);
                d->field[0].tensor = c->L->data.v[i].t;
                d->field[0].slot = v->slot.slot;
                d->field[0].recipe = c->L->data.v[i].recipe;
                d->rows = d->field[0].tensor->dim[0];
                return d;
            }
    }
    if (!val_bad(v)) diag_error(c->L->diags, at, E501, "%s takes data, and this is %s", word, val_text(c->L, v));
    return NULL;
}

/* Rows lo..hi: views of the same memory. */
static Data *data_part(Lower *L, const Data *d, int64_t lo, int64_t hi)
{
    Data *p = data_new(L, d->n_fields);
    p->name = d->name;
    p->rows = hi - lo;
    for (int i = 0; i < d->n_fields; i++) {
        GanTensor view = data_rows(d->field[i].tensor, lo, hi);
        p->field[i] = d->field[i];
        p->field[i].tensor = arena_copy(L->a, &view, sizeof view);
        p->field[i].recipe = recipe_rows(L, d->field[i].recipe, lo, hi);
        p->field[i].slot = -1;
    }
    return p;
}

static bool part_size(Ctx *c, const Call *k, int i, int64_t left, int64_t *n)
{
    if (!as_size(c, k->v[i], k->at, "the number of rows", n)) return false;
    if (*n > 0 && *n <= left) return true;
    diag_error(c->L->diags, k->at, E501, "%lld rows are asked for here, and %lld are there", (long long)*n,
               (long long)left);
    return false;
}

/* Parts are rows in the order of the file: where that is the order of the classes, each part knows others. */
static void warn_sorted(Ctx *c, const Data *d, Span at)
{
    for (int i = 0; i < d->n_fields; i++) {
        const DataField *f = &d->field[i];
        if (!f->classes || f->tensor->rank != 1 || d->rows < 2) continue;
        const int32_t *y = f->tensor->data;
        int64_t k = 1;
        while (k < d->rows && y[k] >= y[k - 1]) k++;
        if (k < d->rows || y[0] == y[d->rows - 1]) continue;
        Diag *w = diag_warning(c->L->diags, at, W503, "the rows are sorted by %s, so these parts hold different classes",
                               f->name ? f->name : "class");
        diag_hint(w, "split takes rows in the order of the file; shuffle them there");
    }
}

Value *builtin_split(Ctx *c, const Call *k)
{
    Data *d = as_data(c, k->v[0], k->at, "split");
    Value *part[MAX_ARGS];
    int64_t at = 0, n;
    for (int i = 1; i < k->n; i++) {
        if (!d || !part_size(c, k, i, d->rows - at, &n)) return val_error(c->L);
        part[i - 1] = data_value(c->L, data_part(c->L, d, at, at + n));
        at += n;
    }
    if (d) warn_sorted(c, d, k->at);
    return val_record(c->L, part, NULL, k->n - 1);
}

static Value *part_from(Ctx *c, const Call *k, const char *word, bool front)
{
    int64_t n;
    Data *d = as_data(c, k->v[0], k->at, word);
    if (!d || !part_size(c, k, 1, d->rows, &n)) return val_error(c->L);
    return data_value(c->L, data_part(c->L, d, front ? 0 : n, front ? n : d->rows));
}

Value *builtin_take(Ctx *c, const Call *k) { return part_from(c, k, "take", true); }
Value *builtin_drop(Ctx *c, const Call *k) { return part_from(c, k, "drop", false); }

Value *builtin_with_replacement(Ctx *c, const Call *k)
{
    Data *d = as_data(c, k->v[0], k->at, "with_replacement");
    return d ? dist_of_data(c->L, d, true) : val_error(c->L);
}

/* Bytes 0..255 become reals lo..hi; one-dimensional bytes are labels and stay. */
static bool scale_field(Ctx *c, DataField *f, double lo, double hi, Span at)
{
    GanTensor *t = f->tensor, *r;
    GanError err;
    if (t->rank < 2) return true;
    if (t->elem != GAN_U8) {
        diag_error(c->L->diags, at, E501, "scale maps bytes to reals, and these are %s already",
                   gan_elem_name(t->elem));
        return false;
    }
    GanElem real = (GanElem)c->L->m->real;
    if (data_scale(t, lo, hi, real, &r, &err) != GAN_OK) return data_failed(c, at, &err), false;
    data_own(c->L, r);
    f->tensor = r;
    f->slot = -1;
    f->recipe = recipe_then(c->L, f->recipe, (DataStep){.what = DATA_SCALE, .elem = real, .least = lo, .most = hi});
    return true;
}

Value *builtin_scale(Ctx *c, const Call *k)
{
    double lo, hi;
    Data *d = as_data(c, k->v[0], k->at, "scale");
    if (!d || !as_number(c, k->v[1], k->at, "the least value", &lo) ||
        !as_number(c, k->v[2], k->at, "the greatest value", &hi))
        return val_error(c->L);
    Data *s = data_part(c->L, d, 0, d->rows);
    for (int i = 0; i < s->n_fields; i++)
        if (!scale_field(c, &s->field[i], lo, hi, k->at)) return val_error(c->L);
    return data_value(c->L, s);
}

/* ---- declarations */

static bool convert_field(Ctx *c, DataField *f, GanElem want, Span at)
{
    GanError err;
    GanTensor *r;
    if (f->tensor->elem == want) return true;
    if (want == GAN_F32) warn_rounded(c, f->tensor, f->name ? f->name : "the data", at);
    if (data_convert(f->tensor, want, first_row(f->recipe), &r, &err) != GAN_OK) return data_failed(c, at, &err), false;
    data_own(c->L, r);
    f->tensor = r;
    f->slot = -1;
    f->recipe = recipe_then(c->L, f->recipe, (DataStep){.what = DATA_CONVERT, .elem = want});
    return true;
}

static bool classes_fit(Ctx *c, DataField *f, Span at)
{
    char text[GAN_ERROR_TEXT];
    GanError err;
    if (!f->classes) return true;
    if (data_classes(f->tensor, f->classes - 1, first_row(f->recipe), &err) != GAN_OK)
        return diag_error(c->L->diags, at, E501, "%s", gan_error_text(&err, text)), false;
    f->recipe = recipe_then(c->L, f->recipe, (DataStep){.what = DATA_CLASSES, .hi = f->classes - 1});
    return true;
}

/* A field made what its declared type says. */
static bool declare_field(Ctx *c, DataField *f, const Ast *type, const char *name)
{
    IrElem elem;
    bool reported = false;
    f->name = name;
    if (!type_elem(c, type, &elem, &f->classes)) return false;
    if (!type_unify_dims(c, type, f->tensor->rank - 1, f->tensor->dim + 1, &reported)) {
        if (reported) return false;
        IrInts has = ir_ints(0, NULL);
        for (int i = 1; i < f->tensor->rank; i++) has.v[has.n++] = f->tensor->dim[i];
        diag_error(c->L->diags, type->span, E501, "each row has the shape %s, and the type says %s", dims_text(c->L, &has), type_declared_text(c, type));
        return false;
    }
    return convert_field(c, f, (GanElem)elem, type->span) && classes_fit(c, f, type->span);
}

/* Without a type: reals and integers as they are, bytes as reals. */
static bool default_field(Ctx *c, DataField *f, Span at)
{
    GanElem e = f->tensor->elem;
    bool real = e == GAN_F32 || e == GAN_F64 || (e == GAN_U8 && f->tensor->rank > 1);
    return convert_field(c, f, real ? (GanElem)c->L->m->real : e == GAN_U8 || e == GAN_BOOL ? GAN_I32 : e, at);
}

/* The field that field i of a declared record stands for: of the same name, where the program has given names; else of the same place. NULL, reported: none. */
static const DataField *source_field(Ctx *c, const Data *from, int i, const Ast *field)
{
    if (!from->field[i].name || from->field[i].numbered) return &from->field[i];
    for (int k = 0; k < from->n_fields; k++)
        if (!strcmp(from->field[k].name, field->arg.name)) return &from->field[k];
    Diag *d = diag_error(c->L->diags, field->span, E112, "the data have no field %s, which their type declares", field->arg.name);
    diag_hint(d, "map(fn(r) (%s: r.%s, ..)) gives fields other names", field->arg.name, from->field[i].name);
    return NULL;
}

static Value *declare_data(Ctx *c, Value *v, const Ast *type, const char *name, Span at)
{
    Data *from = as_data(c, v, at, "data"), *d;
    if (!from) return val_error(c->L);
    if (!from->rows) return diag_error(c->L->diags, at, E501, "there are no rows here to draw from"), val_error(c->L);
    d = data_part(c->L, from, 0, from->rows);
    d->name = *c->index ? strf(c->L, "%s%s", name, c->index) : name;
    bool record = type && type->kind == AST_RECORD_TYPE;
    int n = record ? type->record_type.fields.n : 1;
    if (type && n != d->n_fields) {
        diag_error(c->L->diags, type->span, E501, "the type has %d fields, and the data %d", n, d->n_fields);
        return val_error(c->L);
    }
    for (int i = 0; i < d->n_fields; i++) {
        const Ast *t = record ? type->record_type.fields.v[i]->arg.value : type;
        const DataField *source = record ? source_field(c, from, i, type->record_type.fields.v[i]) : NULL;
        if (record && !source) return val_error(c->L);
        if (record) d->field[i].tensor = source->tensor, d->field[i].recipe = source->recipe, d->field[i].classes = source->classes;
        const char *field = record ? type->record_type.fields.v[i]->arg.name : d->field[i].name;
        d->field[i].numbered = !t && d->n_fields > 1 && (!field || d->field[i].numbered);
        if (!t && d->n_fields > 1 && !field) field = strf(c->L, "f%d", i);
        d->field[i].name = field;
        d->field[i].recipe = recipe_named(c->L, d->field[i].recipe, d->name, field);
        if (t ? !declare_field(c, &d->field[i], t, field) : !default_field(c, &d->field[i], at)) return val_error(c->L);
    }
    return data_value(c->L, d);
}

static bool is_data(Ctx *c, const Value *v)
{
    return (v->kind == V_DIST && dist_table(v->dist)) ||
           (v->kind == V_SLOT && c->L->m->slots.v[v->slot.slot].kind == IR_SLOT_DATA);
}

/* One draw, in a function that is dropped: is it what the declared type says? Dimensions that the type is the first to name get their numbers by it. */
static bool draws_fit(Ctx *c, Dist *d, const Ast *type, Span at)
{
    Ctx one = *c;
    one.axes = ir_no_axes();
    Trial t = trial_begin(c->L, false);
    bool fits = !val_bad(type_conform(&one, dist_sample(&one, d, NULL, at), type, at, d->name));
    trial_end(c->L, &t);
    return fits;
}

/* A name for a distribution, which is then also the name of its draws. */
static Value *named_dist(Ctx *c, Value *v, const Ast *type, const char *name, Span at)
{
    Dist *d = as_dist(c, v, at);
    if (!d) return val_error(c->L);
    d = dist_renamed(c->L, d, *c->index ? strf(c->L, "%s%s", name, c->index) : name);
    if (type) d = dist_of_type(c, d, type, d->name);
    return d && (!type || draws_fit(c, d, type, at)) ? val_dist(c->L, d) : val_error(c->L);
}

static Value *table_of(Ctx *c, Value *v, Span at)
{
    Value *table = v->kind == V_LIST ? arith_table(c, v, 1, at) : NULL;
    return table ? table : val_tensor(c->L, as_tensor(c, v, at));
}

Value *data_declare(Ctx *c, const Ast *decl, const char *name)
{
    AstList names = decl->data.names;
    Span at = decl->data.value->span;
    Ctx named = *c;
    named.name = named.declared = *c->index ? strf(c->L, "%s%s", name, c->index) : name;
    named.field = NULL;
    Value *v = eval(&named, decl->data.value);
    if (v->kind == V_LIST || v->kind == V_RANGE) v = table_of(c, v, at);
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
        if (!val_bad(part))
            part = is_data(c, part) ? declare_data(c, part, decl->data.type, n, at) : named_dist(c, part, decl->data.type, n, at);
        scope_bind(c->L, c->scope, names.v[i], part);
        if (!strcmp(n, name)) mine = part;
    }
    return mine;
}
