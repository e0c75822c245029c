/* pick.c - the words on data that choose rows: take, drop, split, filter, per_class, zip. What the numbers of a file have chosen is noted with the
 * rows, so that a compiled program, which knows them by their places, takes no other file for it. */
#include "compiler/interp/interp.h"
#include "compiler/lower/dist/doors.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/eval/table.h"
#include "compiler/lower/own/graph.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"
#include "compiler/opt/pass.h"
#include "runtime/math/random.h"

/* ---- by their places */

static const char *rows_text(Ctx *c, int64_t n) { return strf(c->L, "%lld row%s", (long long)n, n == 1 ? "" : "s"); }

/* What `word` takes next, of the rows that are left. */
static bool part_size(Ctx *c, const Call *k, int i, const char *word, int64_t rows, int64_t left, int64_t *n)
{
    Diags *diags = c->L->diags;
    if (!as_size(c, k->v[i], k->at, "the number of rows", n)) return false;
    if (!*n) return diag_error(diags, k->at, E501, "%s takes at least one row, and 0 are asked for here", word), false;
    if (*n <= left) return true;
    if (left == rows) diag_error(diags, k->at, E501, "%s %s asked for here, and there %s %lld", rows_text(c, *n), *n == 1 ? "is" : "are", rows == 1 ? "is" : "are", (long long)rows);
    else diag_error(diags, k->at, E501, "the parts here have %s, and there %s %lld", rows_text(c, rows - left + *n), rows == 1 ? "is" : "are", (long long)rows);
    return false;
}

static Value *part_from(Ctx *c, const Call *k, const char *word, bool front)
{
    int64_t n;
    Data *d = table_of(c, k->v[0], k->at, word);
    if (!d || !part_size(c, k, 1, word, d->rows, d->rows, &n)) return val_error(c->L);
    if (!front && n == d->rows) return diag_error(c->L->diags, k->at, E501, "all rows are dropped here, and nothing is left to draw from"), val_error(c->L);
    return table_value(c->L, k->v[0], table_part(c, d, front ? 0 : n, front ? n : d->rows));
}

Value *builtin_take(Ctx *c, const Call *k) { return part_from(c, k, "take", true); }
Value *builtin_drop(Ctx *c, const Call *k) { return part_from(c, k, "drop", false); }

Value *builtin_with_replacement(Ctx *c, const Call *k)
{
    Data *d = table_of(c, k->v[0], k->at, "with_replacement");
    if (!d) return val_error(c->L);
    return k->v[0]->kind == V_DIST ? dist_replaced(c->L, k->v[0]->dist) : dist_of_data(c->L, d, true);
}

/* ---- split */

enum { SPLIT_PARTS = 8, SPLIT_SHUFFLE = SPLIT_PARTS + 1, SPLIT_SEED };      /* places of its arguments, behind the data */

/* Do the numbers x[0], x[step], ... never fall, or never rise, though they are not all one? */
static bool in_order(const GanTensor *t, int64_t first, int64_t step, int64_t rows)
{
    double last = gan_tensor_get(t, first);
    bool up = true, down = true, differ = false;
    for (int64_t i = 1; i < rows && (up || down); i++) {
        double x = gan_tensor_get(t, first + i * step);
        up = up && x >= last;
        down = down && x <= last;
        differ = differ || x != last;
        last = x;
    }
    return (up || down) && differ;
}

/* The column by which the rows are sorted, from 0; -1: none. Few rows are sorted by chance; many columns are an image or a text. */
static int64_t sorted_column(const DataField *f, int64_t rows)
{
    enum { CHANCE = 8, WIDE = 64 };
    if (!f->tensor || f->tensor->rank > 2 || rows < (f->classes ? 2 : CHANCE)) return -1;
    int64_t columns = f->tensor->rank == 2 ? f->tensor->dim[1] : 1;
    for (int64_t k = 0; k < columns && columns <= WIDE; k++)
        if (in_order(f->tensor, k, columns, rows)) return k;
    return -1;
}

/* Parts are rows by their order: where that is sorted, each part knows others. */
static void warn_sorted(Ctx *c, const Data *d, Span at)
{
    for (int i = 0; i < d->n_fields; i++) {
        const DataField *f = &d->field[i];
        int64_t k = sorted_column(f, d->rows);
        if (k < 0) continue;
        const char *by = f->name && !f->numbered ? f->name : f->classes ? "class" : d->n_fields > 1 ? f->name : "value";
        if (f->tensor->rank == 2) by = strf(c->L, "column %lld%s%s", (long long)k + 1, f->name ? " of " : "", f->name ? f->name : "");
        Diag *w = diag_warning(c->L->diags, at, W503, "the rows are sorted by %s, and split takes them by order: its parts differ in it", by);
        diag_hint(w, "split(.., shuffle: true) mixes the rows first; shuffle: false says that the order is meant");
        return;
    }
}

/* The rows in another order, which follows from their number and the seed alone. */
static Data *shuffled(Ctx *c, const Data *d, int64_t seed, Span at)
{
    int64_t *row = arena_array(c->L->a, int64_t, d->rows);
    uint64_t key = random_key((uint64_t)seed, "split");
    for (int64_t i = 0; i < d->rows; i++) row[i] = random_permute(key, d->rows, i);
    return table_chosen(c, d, row, d->rows, NULL, 0, at);
}

/* The data that are cut: as they are, or shuffled. NULL after an error. */
static Data *split_rows(Ctx *c, const Call *k)
{
    const Value *shuffle = k->v[SPLIT_SHUFFLE];
    int64_t seed = 0;
    Data *d = table_of(c, k->v[0], k->at, "split");
    if (!d) return NULL;
    if (k->v[SPLIT_SEED] && !as_int(c, k->v[SPLIT_SEED], k->at, "the seed", &seed)) return NULL;
    if (shuffle && shuffle->kind != V_BOOL)
        return diag_error(c->L->diags, k->at, E201, "shuffle is true or false, and this is %s", val_text(c->L, shuffle)), NULL;
    if (k->v[SPLIT_SEED] && (!shuffle || !shuffle->b))
        return diag_error(c->L->diags, k->at, E109, "a seed is for split(.., shuffle: true), and nothing is shuffled here"), NULL;
    if (shuffle && shuffle->b) return shuffled(c, d, seed, k->at);
    if (!shuffle) warn_sorted(c, d, k->at);
    return d;
}

Value *builtin_split(Ctx *c, const Call *k)
{
    Value *part[SPLIT_PARTS];
    int64_t at = 0, n;
    int parts = 0;
    Data *d = split_rows(c, k);
    for (int i = 1; i <= SPLIT_PARTS && k->v[i]; i++) {
        if (!d || !part_size(c, k, i, "split", d->rows, d->rows - at, &n)) return val_error(c->L);
        part[parts++] = table_value(c->L, k->v[0], table_part(c, d, at, at + n));
        at += n;
    }
    if (!d) return val_error(c->L);
    return parts == 1 ? part[0] : val_record(c->L, part, NULL, parts);
}

/* ---- by what is in them */

/* One value for each row, computed when the data are read. */
typedef struct Asked {
    const char *word, *what;                                /* who asks, and what of a row is not known where that is so */
    IrVal *(*of)(Ctx *c, Value *row, const Call *k, struct Asked *a);      /* the value; NULL, reported: there is none */
    const void *answer;                                     /* by row, of its element type */
    int64_t classes;                                        /* of the field that per_class has found */
    int *by, n_by;                                          /* the slots of files' data that it has looked at */
} Asked;

/* What of a node is not known when the data are read; NULL: nothing. */
static const char *not_known(Lower *L, const IrNode *n)
{
    if (ir_op_info[n->op].klass == IR_CLASS_RAND) return "draws";
    if (ir_op_info[n->op].flags & IR_EFFECT && ir_op_info[n->op].flags & IR_LEAF) return "calls a simulator";
    const IrSlot *s = n->op == IR_read ? &L->m->slots.v[n->attr->slot] : NULL;
    return s && s->kind != IR_SLOT_DATA ? strf(L, "reads %s, which changes while the program runs", s->path) : NULL;
}

/* Does the graph need data alone? */
static bool needs_data_alone(Ctx *c, const IrFn *f, const Asked *a, Span at)
{
    for (const IrNode *n = f->body.first; n; n = ir_next(n)) {
        const char *what = not_known(c->L, n);
        if (!what) continue;
        Diag *d = diag_error(c->L->diags, at, E501, "%s asks each row once, when the data are read, and %s %s", a->word, a->what, what);
        Span here = span_of_node(c->L, n);
        if (here.file == at.file) diag_note(d, here, "here");
        diag_hint(d, "E[x ~ d] where(cond, f(x), 0) looks again at each draw");
        return false;
    }
    return true;
}

static const GanTensor *tensor_of(Ctx *c, int slot, bool *of_file, Span at)
{
    GanError err;
    Lower *L = c->L;
    for (int i = 0; i < L->data.n; i++) {
        if (L->data.v[i].slot != slot) continue;
        *of_file = L->data.v[i].recipe != NULL;
        if (data_see(L, L->data.v[i].t, L->data.v[i].recipe, &err)) return L->data.v[i].t;
        return data_failed(c, at, &err), NULL;
    }
    BUG("a row is asked: slot %d has no data", slot);
}

/* Runs the graph, whose one report has an element for each row. */
static bool run_now(Ctx *c, const IrFn *f, void *answer, Asked *a, Span at)
{
    Lower *L = c->L;
    GanError err;
    void **slot = arena_array(L->work, void *, L->m->slots.n + 1), *report[] = {answer};
    a->by = arena_array(L->a, int, L->m->slots.n + 1);
    for (const IrNode *n = f->body.first; n; n = ir_next(n)) {
        if (n->op != IR_read || slot[n->attr->slot]) continue;
        bool of_file;
        const GanTensor *t = tensor_of(c, n->attr->slot, &of_file, at);
        if (!t) return false;
        slot[n->attr->slot] = t->data;
        if (of_file) a->by[a->n_by++] = n->attr->slot;
    }
    InterpMemory memory = {.slot = slot};
    if (interp_fn(L->m, f, &memory, report, NULL, NULL, &err) == GAN_OK) return true;
    data_failed(c, at, &err);
    return false;
}

/* What f says of a row, as a condition. NULL, reported: it says something else. */
static IrVal *condition_of(Ctx *c, Value *row, const Call *k, Asked *a)
{
    (void)a;
    Value *says = apply1(c, k->v[0], row, k->site, k->at);
    IrVal *t = val_bad(says) ? NULL : as_tensor(c, says, k->at);
    if (!t || (t->type.elem == IR_BOOL && !t->type.rank)) return t;
    Diag *d = diag_error(c->L->diags, k->at, E201, "filter takes a function that says true or false of a row, and this one gives %s",
                         type_text(c->L, &t->type));
    diag_hint(d, "filter(fn(r) r.y == 3) keeps the rows of which that holds");
    return NULL;
}

/* Asks every row once, now: a graph that is run and dropped. */
static bool ask(Ctx *c, Dist *rows, int64_t n, const Call *k, Asked *a)
{
    Lower *L = c->L;
    int errors = diags_count(L->diags, DIAG_ERROR);
    Trial t = trial_begin(L, false);
    L->fn->now = true;
    Ctx inner = *c;
    int axis = ir_axis(L->m, "row", n);
    inner.axes = ir_one_axis(axis);
    inner.block = NULL;
    inner.guards = NULL;
    Value *row = dist_all(&inner, rows, axis, k->at);
    IrVal *v = val_bad(row) ? NULL : a->of(&inner, row, k, a);
    bool ok = v && diags_count(L->diags, DIAG_ERROR) == errors;
    if (ok) {
        void *answer = arena_array(L->work, int64_t, n);    /* the widest element */
        IrFn *ir = L->fn->ir;
        ir->tick_slot = -1;
        v = ir_spread(fn_builder(c), v, ir_axes_minus(inner.axes, v->type.axes));
        array_push(L->work, &ir->reports, ((IrReport){.name = "answer", .val = ir_as_feature(fn_builder(c), v, axis)}));
        opt_dce(L->m, ir);
        ok = needs_data_alone(c, ir, a, k->at) && run_now(c, ir, answer, a, k->at);
        a->answer = answer;
    }
    trial_end(L, &t);
    return ok;
}

/* Data that can be looked at now. NULL, reported: others. */
static Data *known_now(Ctx *c, const Call *k, Data *d, const char *word)
{
    if (!d || !table_computed(d)) return d;
    Diag *e = diag_error(c->L->diags, k->at, E501, "%s looks at data when they are read, and these are computed while the program runs", word);
    diag_hint(e, "E[x ~ d] where(cond, f(x), 0) looks again at each draw");
    return NULL;
}

Value *builtin_filter(Ctx *c, const Call *k)
{
    Value *f = k->v[0], *v = k->v[1];
    Asked a = {.word = "filter", .what = "its function", .of = condition_of};
    int64_t n = 0;
    if (f->kind != V_FUNCTION && f->kind != V_PLAYER && f->kind != V_LAYER) {
        Diag *e = diag_error(c->L->diags, k->at, E201, "filter takes a function first, and this is %s", val_text(c->L, f));
        diag_hint(e, "d |> filter(fn(r) r.y == 3), or filter(fn(r) .., d)");
        return val_error(c->L);
    }
    Data *d = known_now(c, k, table_of(c, v, k->at, "filter"), "filter");
    if (!d || !ask(c, table_value(c->L, v, d)->dist, d->rows, k, &a)) return val_error(c->L);
    int64_t *row = arena_array(c->L->a, int64_t, d->rows);
    for (int64_t i = 0; i < d->rows; i++)
        if (((const uint8_t *)a.answer)[i]) row[n++] = i;
    chosen_by(c->L, a.by, a.n_by);
    if (!n) return diag_error(c->L->diags, k->at, E501, "filter keeps none of the %lld rows", (long long)d->rows), val_error(c->L);
    Data *kept = table_chosen(c, d, row, n, a.by, a.n_by, k->at);
    return kept ? table_value(c->L, v, kept) : val_error(c->L);
}

/* ---- per_class */

/* A class of one number: the value itself, without a name, or a field. */
static bool is_class(Ctx *c, Value *v, Span at)
{
    IrVal *t = val_classes(v) ? as_tensor(c, v, at) : NULL;
    return t && !t->type.rank;
}

static Value *no_class(Ctx *c, const char *by, Span at)
{
    Diag *e = by ? diag_error(c->L->diags, at, E501, "these data have no field %s of a class", by)
                 : diag_error(c->L->diags, at, E501, "per_class takes data with a class, and these have none");
    diag_hint(e, "data d: (x: real[2], y: class[3]) = .. declares one; then d |> per_class(10)");
    return NULL;
}

/* The field that `by` names, or the only one of a class. NULL, reported: there is none, or there are several. */
static Value *class_field(Ctx *c, Value *row, const Call *k)
{
    const char *by = k->v[2] ? k->v[2]->s : NULL, *first = NULL;
    Value *found = NULL;
    if (row->kind != V_RECORD) return !by && is_class(c, row, k->at) ? row : no_class(c, by, k->at);
    for (int i = 0; i < row->record.n; i++) {
        const char *name = row->record.name ? row->record.name[i] : "";
        if (!is_class(c, row->record.v[i], k->at) || (by && strcmp(name, by))) continue;
        if (found) {
            Diag *e = diag_error(c->L->diags, k->at, E501, "these data have more than one class, %s and %s", first, name);
            diag_hint(e, "per_class(n, by: \"%s\") says which", first);
            return NULL;
        }
        found = row->record.v[i], first = name;
    }
    return found ? found : no_class(c, by, k->at);
}

static IrVal *class_of_row(Ctx *c, Value *row, const Call *k, Asked *a)
{
    Value *y = class_field(c, row, k);
    if (!y) return NULL;
    a->classes = val_classes(y);
    return arith_convert(c, as_tensor(c, y, k->at), IR_I64);
}

/* The first `each` rows of every class, in the order of the data. False, reported: there are fewer of one. */
static bool first_of_each(Ctx *c, const Asked *a, int64_t rows, int64_t each, int64_t *row, Span at)
{
    const int64_t *y_of = a->answer;
    int64_t *have = arena_array(c->L->work, int64_t, a->classes), n = 0;
    for (int64_t i = 0; i < rows; i++) {
        if (y_of[i] < 0 || y_of[i] >= a->classes) BUG("per_class: row %lld is of class %lld of %lld", (long long)i, (long long)y_of[i], (long long)a->classes);
        if (have[y_of[i]]++ < each) row[n++] = i;
    }
    for (int64_t y = 0; y < a->classes; y++) {
        if (have[y] >= each) continue;
        diag_error(c->L->diags, at, E501, "%lld rows of each class are asked for here, and of class %lld there are %lld", (long long)each,
                   (long long)y, (long long)have[y]);
        return false;
    }
    return true;
}

Value *builtin_per_class(Ctx *c, const Call *k)
{
    int64_t each;
    Asked a = {.word = "per_class", .what = "what makes the class of it", .of = class_of_row};
    if (k->v[2] && k->v[2]->kind != V_STRING)
        return diag_error(c->L->diags, k->at, E201, "by is the name of a field, \"y\", and this is %s", val_text(c->L, k->v[2])), val_error(c->L);
    Data *d = known_now(c, k, table_of(c, k->v[0], k->at, "per_class"), "per_class");
    if (!d || !as_size(c, k->v[1], k->at, "the number of rows", &each) || !ask(c, table_value(c->L, k->v[0], d)->dist, d->rows, k, &a)) return val_error(c->L);
    if (each < 1 || each > d->rows) {
        diag_error(c->L->diags, k->at, E501, "%lld rows of each class are asked for here, of %lld rows in all", (long long)each, (long long)d->rows);
        return val_error(c->L);
    }
    int64_t *row = arena_array(c->L->a, int64_t, d->rows + each);
    if (!first_of_each(c, &a, d->rows, each, row, k->at)) return val_error(c->L);
    chosen_by(c->L, a.by, a.n_by);
    Data *kept = table_chosen(c, d, row, each * a.classes, a.by, a.n_by, k->at);
    return kept ? table_value(c->L, k->v[0], kept) : val_error(c->L);
}

/* ---- zip */

/* Is it a field of the same name, or in a record of the same name? */
static bool same_field(const char *a, const char *b)
{
    size_t n = strcspn(a, ".");
    return strcspn(b, ".") == n && !strncmp(a, b, n);
}

/* The fields of one argument, behind n of *to, where there are `places` of them. False, reported. */
static bool join(Ctx *c, const Call *k, int i, const Data *from, Data *to, int *n, int *places)
{
    int first = *n;
    const char *name = k->name[i];
    if (name && from->n_fields > 1) {
        Diag *e = diag_error(c->L->diags, k->at, E501, "%s would be one field, and %s has %d", name, val_text(c->L, k->v[i]), from->n_fields);
        diag_hint(e, "zip(d, w: ..) takes the fields of d as they are called");
        return false;
    }
    to->rows = from->rows;
    for (int j = 0; j < from->n_fields; j++) {
        DataField *f = &to->field[*n];
        const DataField *was = &from->field[j];
        bool named = name || (was->name && !was->numbered);
        const char *called = name ? name : was->name;
        for (int before = 0; named && before < first; before++) {
            if (!same_field(to->field[before].name, called)) continue;
            diag_error(c->L->diags, k->at, E501, "zip gets a field %.*s twice", (int)strcspn(called, "."), called);
            return false;
        }
        if (!j || !same_field(from->field[j - 1].name, was->name)) ++*places;
        *f = *was;
        f->name = named ? called : strf(c->L, "f%d%s", *places - 1, was->name ? was->name + strcspn(was->name, ".") : "");
        f->numbered = !named;
        ++*n;
    }
    return true;
}

/* What is made of the rows of each part when they are drawn is made of those of the whole: one table of all their fields. */
static Value *zip_made(Ctx *c, const Call *k, Data *const *from, int n)
{
    Lower *L = c->L;
    ZipPart part[MAX_ARGS];
    Data *all = table_new(L, n);
    all->cut = true;
    for (int i = 0, at = 0; i < k->n; at += from[i++]->n_fields) {
        part[i] = (ZipPart){k->v[i]->kind == V_DIST ? k->v[i]->dist : dist_of_data(L, from[i], false)->dist, k->name[i], at};
        all->rows = from[i]->rows;
        for (int j = 0; j < from[i]->n_fields; j++) {
            all->field[at + j] = from[i]->field[j];
            if (!all->field[at + j].name || strchr(all->field[at + j].name, '.')) all->field[at + j].name = strf(L, "f%d", at + j);
        }
    }
    Value *v = dist_of_zip(L, all, part, k->n);
    Ctx one = *c;
    one.axes = ir_no_axes();
    Trial t = trial_begin(L, false);                        /* one draw: do the fields go together? */
    L->fn->shapes = true;
    bool ok = !val_bad(dist_sample(&one, v->dist, NULL, k->at));
    trial_end(L, &t);
    return ok ? v : val_error(L);
}

/* The rows of an argument, drawn in epochs. NULL, reported: it has none. */
static Data *zip_rows(Ctx *c, const Call *k, int i)
{
    Data *d = table_of(c, k->v[i], k->at, "zip");
    if (!d || k->v[i]->kind != V_DIST || !dist_replaces(k->v[i]->dist)) return d;
    Diag *e = diag_error(c->L->diags, k->at, E501, "zip joins row with row, and %s is drawn with replacement", val_text(c->L, k->v[i]));
    diag_hint(e, "with_replacement(zip(..)) draws the joined rows so");
    return NULL;
}

static bool as_many_rows(Ctx *c, const Call *k, int64_t a, int64_t b)
{
    if (a == b) return true;
    diag_error(c->L->diags, k->at, E501, "zip joins row with row, and these have %lld and %lld rows", (long long)a, (long long)b);
    return false;
}

Value *builtin_zip(Ctx *c, const Call *k)
{
    Data *from[MAX_ARGS], *all;
    int n = 0;
    bool made = false;
    for (int i = 0; i < k->n; i++) {
        if (!(from[i] = zip_rows(c, k, i)) || !as_many_rows(c, k, from[0]->rows, from[i]->rows)) return val_error(c->L);
        n += from[i]->n_fields;
        made = made || (k->v[i]->kind == V_DIST && !dist_table(k->v[i]->dist));
    }
    if (made) return zip_made(c, k, from, n);
    all = table_new(c->L, n);
    n = 0;
    for (int i = 0, places = 0; i < k->n; i++)
        if (!join(c, k, i, from[i], all, &n, &places)) return val_error(c->L);
    return dist_of_data(c->L, all, false);
}
