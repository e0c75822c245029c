/* table.c - see table.h: what data are made of, some of their rows, and how a compiled program makes the same of a file again. */
#include "compiler/lower/eval/table.h"
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"
#include "runtime/data/data.h"

Data *table_new(Lower *L, int n_fields)
{
    Data *d = arena_new_of(L->a, Data);
    d->name = "data";
    d->n_fields = n_fields;
    d->field = arena_array(L->a, DataField, n_fields);
    for (int i = 0; i < n_fields; i++) {
        d->field[i].slot = -1;
        if (n_fields > 1) d->field[i].name = strf(L, "f%d", i), d->field[i].numbered = true;
    }
    return d;
}

bool table_computed(const Data *d)
{
    for (int i = 0; i < d->n_fields; i++)
        if (d->field[i].value) return true;
    return false;
}

bool table_made_since(const Data *d, uint32_t id)
{
    for (int i = 0; i < d->n_fields; i++)
        if (d->field[i].value && d->field[i].value->tensor.v->id >= id) return true;
    return false;
}

Value *table_value(Lower *L, const Value *from, Data *d)
{
    return from->kind == V_DIST ? dist_of_part(L, from->dist, d) : dist_of_data(L, d, false);
}

Value *data_failed(Ctx *c, Span at, const GanError *err)
{
    char text[GAN_ERROR_TEXT];
    Diag *d = diag_error(c->L->diags, at, E500, "%s", gan_error_text(err, text));
    if (err->status == GAN_WORLD) diag_of_world(d);
    return val_error(c->L);
}

/* ---- what the program is made for */

void fact_note(Ctx *c, const char *file, int format, const char *held)
{
    Lower *L = c->L;
    for (int i = 0; i < L->facts.n; i++)
        if (L->facts.v[i].format == format && !strcmp(L->facts.v[i].is.file, file)) return;
    array_push(L->a, &L->facts, ((__typeof__(*L->facts.v)){{file, strf(L, "%s", held)}, format}));
}

static bool among(const int *v, int n, int x)
{
    for (int i = 0; i < n; i++)
        if (v[i] == x) return true;
    return false;
}

void chosen_by(Lower *L, const int *by, int n_by)
{
    for (int i = 0; i < n_by && !L->trials && !L->guess; i++)
        if (!among(L->choosers.v, L->choosers.n, by[i])) array_push(L->a, &L->choosers, by[i]);
}

/* ---- recipes */

const DataRecipe *recipe_new(Ctx *c, DataFormat format, const char *path, const char *field, const GanTensor *t)
{
    int64_t first;
    DataRecipe r = {.format = format,
                    .relative = path[0] != '/',
                    .path = path,
                    .name = c->declared,
                    .field = field ? field : c->declared ? c->field : NULL,
                    .elem = t->elem,
                    .rank = t->rank,
                    .finite = !data_seen(t) || !data_not_finite(t, &first),     /* what is not read are bytes */
                    .to = t->rank ? t->dim[0] : 0};
    char held[160];
    memcpy(r.dim, t->dim, sizeof r.dim);
    if (data_seen(t)) data_sum(t, r.sum);
    fact_note(c, path, format, gan_tensor_text(t, held, sizeof held));
    return arena_copy(c->L->a, &r, sizeof r);
}

static const DataRecipe *recipe_rows(Lower *L, const DataRecipe *r, int64_t lo, int64_t hi)
{
    if (!r) return NULL;
    DataRecipe *part = arena_copy(L->a, r, sizeof *r);
    part->to = r->from + hi;
    part->from = r->from + lo;
    return part;
}

const DataRecipe *recipe_named(Lower *L, const DataRecipe *r, const char *name, const char *field)
{
    if (!r) return NULL;
    DataRecipe *named = arena_copy(L->a, r, sizeof *r);
    bool other = r->name && strcmp(r->name, name);
    DataCalled *of = arena_array(L->a, DataCalled, r->n_of + 1);
    if (r->n_of) memcpy(of, r->of, sizeof *of * (size_t)r->n_of);
    if (other) of[named->n_of++] = (DataCalled){r->name, r->field};
    named->of = of;
    named->name = name;
    named->field = field;
    return named;
}

/* like: the recipe of the field before, chosen alike, or NULL: fields of the same rows share a list. */
static const DataRecipe *recipe_chosen(Lower *L, const DataRecipe *r, const int64_t *row, int64_t n, bool itself, const DataRecipe *was,
                                       const DataRecipe *like)
{
    if (!r) return NULL;
    DataRecipe *all = arena_copy(L->a, r, sizeof *r);
    bool shared = like && was && was->row == r->row && was->from == r->from;
    int64_t *list = shared ? NULL : arena_array(L->a, int64_t, n);
    for (int64_t i = 0; list && i < n; i++) list[i] = data_row(r, row[i]);
    all->row = shared ? like->row : list;
    all->n_rows = all->to = n;
    all->from = 0;
    all->chosen |= itself;
    return all;
}

/* ---- rows */

static Value *slice(Ctx *c, const Value *v, int64_t lo, int64_t hi)
{
    IrVal *t = v->tensor.v;
    IrInts from = ir_dims_of(&t->type), to = from, step = from;
    for (int i = 0; i < from.n; i++) from.v[i] = i ? 0 : lo, step.v[i] = 1;
    to.v[0] = hi;
    Value *s = val_tensor(c->L, ir_slice(fn_builder(c), t, from, to, step));
    s->tensor.classes = v->tensor.classes;
    return s;
}

Data *table_part(Ctx *c, const Data *d, int64_t lo, int64_t hi)
{
    Lower *L = c->L;
    Data *p = table_new(L, d->n_fields);
    p->name = d->name;
    p->rows = hi - lo;
    p->cut = p->rows != d->rows;
    for (int i = 0; i < d->n_fields; i++) {
        p->field[i] = d->field[i];
        p->field[i].slot = -1;
        if (d->field[i].value) {
            if (hi - lo != d->rows) p->field[i].value = slice(c, d->field[i].value, lo, hi);
            continue;
        }
        GanTensor view = data_rows(d->field[i].tensor, lo, hi);
        p->field[i].tensor = arena_copy(L->a, &view, sizeof view);
        p->field[i].recipe = recipe_rows(L, d->field[i].recipe, lo, hi);
    }
    return p;
}

/* Of a table that is computed: its rows are gathered when it is. */
static Value *gathered(Ctx *c, const Value *v, const int64_t *row, int64_t n, Span at)
{
    GanError err;
    GanTensor *index;
    if (gan_tensor_new(GAN_I32, 1, &n, &index, &err) != GAN_OK) return data_failed(c, at, &err);
    for (int64_t i = 0; i < n; i++) ((int32_t *)index->data)[i] = (int32_t)row[i];
    Value *g = val_tensor(c->L, ir_gather(fn_builder(c), v->tensor.v, fn_read(c->L, data_constant(c->L, index, NULL)), 0));
    g->tensor.classes = v->tensor.classes;
    return g;
}

/* Beside those that have chosen its rows before; its own numbers are its recipe's affair. */
static void add_choosers(Lower *L, DataField *f, const int *by, int n_by, int own)
{
    int *all = arena_array(L->a, int, f->n_by + n_by + 1), n = f->n_by;
    if (n) memcpy(all, f->by, sizeof *all * (size_t)n);
    for (int i = 0; i < n_by; i++)
        if (by[i] != own && !among(all, n, by[i])) all[n++] = by[i];
    f->by = all;
    f->n_by = n;
}

/* Have numbers of this field's own file chosen: itself, or other columns of its table? */
static bool own_file_chose(const Lower *L, const DataField *f, const int *by, int n_by)
{
    for (int i = 0; i < L->data.n && f->recipe; i++) {
        const DataRecipe *r = L->data.v[i].recipe;
        if (r && among(by, n_by, L->data.v[i].slot) && data_same_file(r, f->recipe)) return true;
    }
    return false;
}

/* The rows of a field that is of a file or a list. What nobody has read stays so, unless it has chosen them itself: then it is held to the sum of what
 * was read. NULL, reported: it cannot be read. */
static GanTensor *rows_of_field(Ctx *c, const DataField *was, const int64_t *row, int64_t n, bool itself, Span at)
{
    GanError err;
    GanTensor *rows;
    if (!itself && !data_seen(was->tensor)) {
        GanTensor view = data_rows(was->tensor, 0, n);
        return arena_copy(c->L->a, &view, sizeof view);
    }
    if (!data_see(c->L, was->tensor, was->recipe, &err) || data_pick(was->tensor, row, n, &rows, &err) != GAN_OK) return data_failed(c, at, &err), NULL;
    data_own(c->L, rows);
    return rows;
}

Data *table_chosen(Ctx *c, const Data *d, const int64_t *row, int64_t n, const int *by, int n_by, Span at)
{
    Lower *L = c->L;
    Data *p = table_part(c, d, 0, d->rows);
    p->rows = n;
    p->cut = true;
    for (int i = 0; i < d->n_fields; i++) {
        const DataField *was = &d->field[i];
        DataField *f = &p->field[i];
        if (was->value && val_bad(f->value = gathered(c, was->value, row, n, at))) return NULL;
        if (was->value) continue;
        bool itself = own_file_chose(L, was, by, n_by);
        if (!(f->tensor = rows_of_field(c, was, row, n, itself, at))) return NULL;
        f->recipe = recipe_chosen(L, was->recipe, row, n, itself, i ? was[-1].recipe : NULL, i ? f[-1].recipe : NULL);
        add_choosers(L, f, by, n_by, was->slot);
    }
    return p;
}

/* ---- columns */

/* Of numbers side by side, as in a file of text, how many, not cut yet; 0: it is none of that. */
static int64_t columns_of(const DataField *f)
{
    const IrVal *t = f->value ? f->value->tensor.v : NULL;
    if (t) return t->type.rank == 2 ? t->type.dim[1] : 0;
    return f->tensor->rank == 2 && !(f->recipe && f->recipe->n_columns) ? f->tensor->dim[1] : 0;
}

/* Of a table that is computed. */
static void cut_value(Ctx *c, const Value *v, int64_t column, int64_t n, const IrInts *dims, DataField *to)
{
    IrBuilder *b = fn_builder(c);
    int64_t rows = v->tensor.v->type.dim[0];
    IrInts lo = ir_ints(2, (int64_t[]){0, column}), hi = ir_ints(2, (int64_t[]){rows, column + n}), one = ir_ints(2, (int64_t[]){1, 1});
    IrInts shape = ir_ints(1, &rows);
    for (int i = 0; i < dims->n; i++) shape.v[shape.n++] = dims->v[i];
    to->value = val_tensor(c->L, ir_reshape(b, ir_slice(b, v->tensor.v, lo, hi, one), shape));
    to->classes = to->value->tensor.classes = v->tensor.classes;
}

bool table_cut(Ctx *c, const DataField *from, int64_t column, const IrInts *dims, DataField *to, Span at)
{
    GanError err;
    DataRecipe cut = from->recipe ? *from->recipe : (DataRecipe){0};
    cut.column = column;
    cut.n_columns = 1;
    for (int i = 0; i < dims->n; i++) cut.cut[cut.n_cut++] = dims->v[i], cut.n_columns *= dims->v[i];
    if (data_cut(from->tensor, &cut, &to->tensor, &err) != GAN_OK) return data_failed(c, at, &err), false;
    data_own(c->L, to->tensor);
    to->recipe = from->recipe ? arena_copy(c->L->a, &cut, sizeof cut) : NULL;
    to->by = from->by;
    to->n_by = from->n_by;
    return true;
}

/* The columns from *column on that a field's type takes, if there are so many; they are counted. False, reported: it does not say how many. */
static bool cut_field(Ctx *c, const DataField *from, int64_t *column, const Ast *type, DataField *to)
{
    IrInts dims;
    int64_t n = 1, first = *column;
    if (!type_dims(c, type, &dims)) return false;
    for (int i = 0; i < dims.n; i++) n *= dims.v[i];
    *column += n;
    if (*column > columns_of(from) || !n) return true;
    if (!from->value) return table_cut(c, from, first, &dims, to, type->span);
    if (dims.n == IR_MAX_RANK) return too_many_dims(c, type->span), false;
    return cut_value(c, from->value, first, n, &dims, to), true;
}

static Data *not_as_wide(Ctx *c, const DeclaredFields *to, int64_t wants, int64_t has)
{
    diag_error(c->L->diags, to->at, E501, "the fields of the type take %lld columns, and each row has %lld", (long long)wants, (long long)has);
    return NULL;
}

/* ---- columns by their names */

/* "height, weight" */
static const char *columns_text(Lower *L, const char *names)
{
    Text t = text_in(L->a);
    for (const char *s = names; *s; s++) text_printf(&t, *s == '\n' ? ", " : "%c", *s);
    return text_str(&t);
}

static const char *fields_text(Lower *L, const DeclaredFields *to)
{
    Text t = text_in(L->a);
    for (int i = 0; i < to->n; i++) text_printf(&t, "%s%s", i ? ", " : "", to->v[i].name);
    return text_str(&t);
}

static Data *names_differ(Ctx *c, const DataRecipe *r, const DeclaredFields *to)
{
    Diag *d = diag_error(c->L->diags, to->at, E501, "the columns of %s are called %s, and the fields of the type %s", r->path, columns_text(c->L, r->header), fields_text(c->L, to));
    diag_hint(d, "a field is called as its column is, x[0], x[1] .. where it has several, or the only one with several takes all that are left, side by side; "
                 "csv(path, names: false) takes the columns by their places");
    return NULL;
}

/* How many columns a field takes; 0, reported: its type does not say. */
static int64_t width_of(Ctx *c, const Ast *type, bool *several)
{
    IrInts dims;
    int64_t n = 1;
    if (!type_dims(c, type, &dims)) return 0;
    for (int i = 0; i < dims.n; i++) n *= dims.v[i];
    *several = dims.n > 0;
    return n;
}

typedef struct ByName { const char *names; int64_t columns; bool *taken; } ByName;

/* n columns from `at` on, which nobody has. */
static bool take_columns(ByName *b, int64_t at, int64_t n)
{
    for (int64_t i = at; i < at + n; i++) {
        if (i < 0 || i >= b->columns || b->taken[i]) return false;
        b->taken[i] = true;
    }
    return true;
}

static int64_t column_called(const ByName *b, const char *name) { return data_column(b->names, name, strlen(name)); }

/* x[0], x[1] .. side by side; of more dimensions x[0][0] .. */
static int64_t place_of(Lower *L, const ByName *b, const char *name, const Ast *type, int64_t n)
{
    const char *of = name;
    for (int i = 0; i < type->type.dims.n; i++) of = strf(L, "%s[0]", of);
    int64_t at = column_called(b, of);
    if (type->type.dims.n != 1) return at;
    for (int64_t i = 0; at >= 0 && i < n; i++)
        if (column_called(b, strf(L, "%s[%lld]", name, (long long)i)) != at + i) return -1;
    return at;
}

static int64_t first_left(const ByName *b)
{
    int64_t at = 0;
    while (at < b->columns && b->taken[at]) at++;
    return at;
}

static bool all_taken(const ByName *b) { return first_left(b) == b->columns; }

static bool twice(const ByName *b)
{
    int64_t at = 0;
    for (const char *s = b->names; s; at++) {
        const char *end = strchr(s, '\n');
        if (data_column(b->names, s, end ? (size_t)(end - s) : strlen(s)) != at) return true;
        s = end ? end + 1 : NULL;
    }
    return false;
}

/* Where each field's columns begin, by their names. False: they are called otherwise, or that was reported (*said). */
static bool places_by_name(Ctx *c, ByName *b, const DeclaredFields *to, int64_t *at, bool *said)
{
    int rest = -1;
    int64_t rest_width = 0;
    for (int i = 0; i < to->n; i++) {
        const DeclaredField *f = &to->v[i];
        bool several = false;
        int64_t width = width_of(c, f->type, &several);
        if (!width) return *said = true, false;
        at[i] = several ? place_of(c->L, b, f->name, f->type, width) : column_called(b, f->name);
        if (several && at[i] < 0) {
            if (rest >= 0) return false;
            rest = i;
            rest_width = width;
        } else if (at[i] < 0 || !take_columns(b, at[i], width)) {
            return false;
        }
    }
    if (rest >= 0) at[rest] = first_left(b);
    return (rest < 0 || take_columns(b, at[rest], rest_width)) && all_taken(b) && !twice(b);
}

/* A table with fields for those that are declared. */
static Data *table_to_cut(Lower *L, const Data *d, const DeclaredFields *to)
{
    Data *cut = table_new(L, to->n);
    cut->name = d->name;
    cut->rows = d->rows;
    return cut;
}

static bool cut_declared(Ctx *c, const DataField *from, int64_t *column, const DeclaredField *to, DataField *field)
{
    if (!cut_field(c, from, column, to->type, field)) return false;
    field->name = to->name;
    field->numbered = false;
    return true;
}

static Data *columns_by_name(Ctx *c, const Data *d, const DeclaredFields *to)
{
    const DataField *from = d->field;
    bool said = false;
    int64_t *at = arena_array(c->L->a, int64_t, to->n + 1);
    ByName b = {from->recipe->header, from->tensor->dim[1], arena_array(c->L->a, bool, from->tensor->dim[1] + 1)};
    if (!places_by_name(c, &b, to, at, &said)) return said ? NULL : names_differ(c, from->recipe, to);
    DataRecipe *named = arena_copy(c->L->a, from->recipe, sizeof *named);
    DataField by = *from;
    named->by_name = true;
    by.recipe = named;
    Data *cut = table_to_cut(c->L, d, to);
    for (int i = 0; i < to->n; i++)
        if (!cut_declared(c, &by, &at[i], &to->v[i], &cut->field[i])) return NULL;
    return cut;
}

static int leaves_of(const Ast *type)
{
    int n = 0;
    if (type->kind == AST_RECORD_TYPE)
        for (int i = 0; i < type->record_type.fields.n; i++) n += leaves_of(type->record_type.fields.v[i]->arg.value);
    else if (type->kind == AST_TUPLE_TYPE)
        for (int i = 0; i < type->tuple_type.items.n; i++) n += leaves_of(type->tuple_type.items.v[i]);
    else n = 1;
    return n;
}

static void add_declared(Lower *L, const Ast *type, const char *name, Span at, DeclaredFields *to)
{
    if (type->kind == AST_RECORD_TYPE)
        for (int i = 0; i < type->record_type.fields.n; i++) {
            const Ast *f = type->record_type.fields.v[i];
            add_declared(L, f->arg.value, path_join(L, name, f->arg.name), f->span, to);
        }
    else if (type->kind == AST_TUPLE_TYPE)
        for (int i = 0; i < type->tuple_type.items.n; i++)
            add_declared(L, type->tuple_type.items.v[i], path_join(L, name, strf(L, "f%d", i)), type->tuple_type.items.v[i]->span, to);
    else to->v[to->n++] = (DeclaredField){name, type, at};
}

DeclaredFields table_declared(Lower *L, const Ast *type)
{
    DeclaredFields to = {0};
    if (!type || type->kind == AST_TYPE) return to;
    to.v = arena_array(L->a, DeclaredField, leaves_of(type) + 1);
    to.at = type->span;
    add_declared(L, type, "", type->span, &to);
    return to;
}

Data *table_columns(Ctx *c, Data *d, const DeclaredFields *to)
{
    const DataField *from = d->field;
    if (!to->n || d->n_fields != 1 || !columns_of(from)) return d;
    if (from->tensor && from->recipe && from->recipe->header) return columns_by_name(c, d, to);
    int64_t at = 0;
    Data *cut = table_to_cut(c->L, d, to);
    bool fits = true;
    for (int i = 0; i < to->n; i++) {
        if (!cut_declared(c, from, &at, &to->v[i], &cut->field[i])) return NULL;
        fits = fits && (cut->field[i].tensor || cut->field[i].value);
    }
    return fits && at == columns_of(from) ? cut : not_as_wide(c, to, at, columns_of(from));
}

bool table_number(Ctx *c, DataField *f, const Ast *type)
{
    int64_t columns = 0;
    bool one = type->kind == AST_TYPE && !type->type.dims.n && columns_of(f) == 1;
    DataField from = *f;
    return !one || cut_field(c, &from, &columns, type, f);
}

/* ---- what is a table */

/* npy, csv: an array that is data of the program already. */
static Data *of_slot(Lower *L, const Value *v)
{
    for (int i = 0; i < L->data.n; i++)
        if (L->data.v[i].slot == v->slot.slot && L->data.v[i].t->rank) {
            Data *d = table_new(L, 1);
            d->field[0] = (DataField){.tensor = L->data.v[i].t, .slot = v->slot.slot, .recipe = L->data.v[i].recipe, .classes = v->slot.classes,
                                      .by = L->data.v[i].by, .n_by = L->data.v[i].n_by};
            d->rows = d->field[0].tensor->dim[0];
            return d;
        }
    return NULL;
}

static bool no_rows(Ctx *c, const IrVal *t, Span at, const char *word)
{
    if (t->type.axes.n) diag_error(c->L->diags, at, E501, "%s takes one table, and this has one for each sample", word);
    else if (!t->type.rank) diag_error(c->L->diags, at, E501, "%s takes data, and this is one number", word);
    return t->type.axes.n || !t->type.rank;
}

/* An array that went through a function's parameter is still the same one. */
static Data *of_read(Lower *L, const IrVal *t, int64_t classes)
{
    const IrNode *n = t->def;
    if (!n || n->op != IR_read || L->m->slots.v[n->attr->slot].kind != IR_SLOT_DATA) return NULL;
    Value *v = val_slot(L, n->attr->slot);
    v->slot.classes = classes;
    return of_slot(L, v);
}

static Data *of_tensor(Ctx *c, Value *v, Span at, const char *word)
{
    v = val_now(c, v);
    IrVal *t = val_bad(v) ? NULL : as_tensor(c, v, at);
    if (!t || no_rows(c, t, at, word)) return NULL;
    Data *read = of_read(c->L, t, val_classes(v));
    if (read) return read;
    Data *d = table_new(c->L, 1);
    d->field[0].value = val_tensor(c->L, t);
    d->field[0].classes = d->field[0].value->tensor.classes = val_classes(v);
    d->rows = t->type.dim[0];
    return d;
}

static Data *of_list(Ctx *c, Value *v, Span at, const char *word);

static Data *rows_differ(Ctx *c, const Value *a, const Value *b, Span at)
{
    diag_error(c->L->diags, at, E501, "the rows of data are alike, and these are %s and %s", val_text(c->L, a), val_text(c->L, b));
    return NULL;
}

/* A list of records is a table with their fields; of a record among them with its fields. */
static Data *of_records(Ctx *c, const Value *list, Span at, const char *word)
{
    Lower *L = c->L;
    const Value *first = list->list.v[0];
    ARRAY(DataField) field = {0};
    for (int i = 0; i < first->record.n; i++) {
        Value **item = arena_array(L->a, Value *, list->list.n);
        for (int k = 0; k < list->list.n; k++) {
            const Value *r = list->list.v[k]->kind == V_RECORD ? val_in_form(L, first, list->list.v[k]) : NULL;
            if (!r) return rows_differ(c, first, list->list.v[k], at);
            item[k] = r->record.v[i];
        }
        Data *column = of_list(c, val_list(L, item, list->list.n), at, word);
        if (!column) return NULL;
        const char *name = first->record.name ? first->record.name[i] : strf(L, "f%d", i);
        for (int k = 0; k < column->n_fields; k++) {
            DataField f = column->field[k];
            f.name = path_join(L, name, f.name ? f.name : "");
            f.numbered = !first->record.name;
            array_push(L->a, &field, f);
        }
    }
    Data *d = table_new(L, field.n);
    d->rows = list->list.n;
    if (field.n) memcpy(d->field, field.v, sizeof *d->field * (size_t)field.n);
    return d;
}

static Data *of_list(Ctx *c, Value *v, Span at, const char *word)
{
    bool empty = v->kind == V_LIST && !v->list.n;
    if (empty) return diag_error(c->L->diags, at, E501, "there are no rows here to draw from"), NULL;
    if (v->kind == V_LIST && v->list.v[0]->kind == V_RECORD) return of_records(c, v, at, word);
    Value *table = v->kind == V_LIST ? arith_table(c, v, 1, at) : NULL;
    if (!table) return of_tensor(c, v, at, word);
    table->slot.classes = val_classes(v);
    return of_slot(c->L, table);
}

static Data *no_table(Ctx *c, const Value *v, Span at, const char *word)
{
    if (val_bad(v)) return NULL;
    Diag *d = diag_error(c->L->diags, at, E501, "%s takes data, and this is %s", word, val_text(c->L, v));
    if (v->kind == V_RECORD) diag_hint(d, "zip(x: a, y: b) makes one data set of arrays with as many rows");
    if (v->kind == V_DIST || v->kind == V_PLAYER)
        diag_hint(d, "rows of its own has what is read from a file or listed; x ~ p^1000 draws a table, which data d = x names");
    return NULL;
}

Data *table_of(Ctx *c, Value *v, Span at, const char *word)
{
    Data *d = NULL;
    switch (v->kind) {
    case V_DIST: d = dist_drawn_rows(v->dist); break;
    case V_LIST: case V_RANGE: return of_list(c, v, at, word);
    case V_SLOT:
        if (c->L->m->slots.v[v->slot.slot].kind != IR_SLOT_DATA) return of_tensor(c, v, at, word);
        d = of_slot(c->L, v);
        break;
    case V_TENSOR: return of_tensor(c, v, at, word);
    default: break;
    }
    return d ? d : no_table(c, v, at, word);
}

Data *table_plain(Ctx *c, Value *v, Span at, const char *word)
{
    Data *d = table_of(c, v, at, word);
    if (!d || v->kind != V_DIST || dist_table(v->dist)) return d;
    Diag *e = diag_error(c->L->diags, at, E501, "%s takes rows as they were read, and this is %s", word, val_text(c->L, v));
    diag_hint(e, "%s comes first, what is made of each row or draw behind it", word);
    return NULL;
}
