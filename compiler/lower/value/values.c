/* values.c - values of compile time: making them, describing them, and turning them into tensors. */
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- making */

const char *strf(Lower *L, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const char *s = arena_vprintf(L->a, fmt, args);
    va_end(args);
    return s;
}

Value *val_new(Lower *L, ValueKind k)
{
    Value *v = arena_new_of(L->work, Value);
    v->kind = k;
    return v;
}

Value *val_error(Lower *L) { return val_new(L, V_ERROR); }
Value *val_none(Lower *L) { return val_new(L, V_NONE); }

Value *val_absent(Lower *L)
{
    Value *v = val_new(L, V_NONE);
    v->s = "none";
    return v;
}


Value *val_int(Lower *L, int64_t i)
{
    Value *v = val_new(L, V_INT);
    v->i = i;
    return v;
}

Value *val_real(Lower *L, double r)
{
    Value *v = val_new(L, V_REAL);
    v->r = r;
    return v;
}

Value *val_same(Lower *L, const Value *number, double r)
{
    Value *v = val_real(L, r);
    v->face = number->face;
    return v;
}

Value *val_bool(Lower *L, bool b)
{
    Value *v = val_new(L, V_BOOL);
    v->b = b;
    return v;
}

Value *val_string(Lower *L, const char *s)
{
    Value *v = val_new(L, V_STRING);
    v->s = s;
    return v;
}

static int64_t leaves_of(const Value *v) { return v->kind == V_LIST ? v->list.leaves : v->kind == V_RECORD ? v->record.leaves : 1; }

/* A list of lists that doubles in every line is small in memory and endless to walk through: it counts as too large. */
static int64_t count_leaves(Lower *L, Value **items, int n)
{
    int64_t sum = 0;
    for (int i = 0; i < n; i++) sum += leaves_of(items[i]);
    if (sum > MAX_LEAVES && !L->m->too_large[0])
        snprintf(L->m->too_large, sizeof L->m->too_large, "more than %d values in one list or record", MAX_LEAVES);
    return sum;
}

static int depth_of(const Value *v)
{
    switch (v->kind) {
    case V_LIST: return v->list.depth;
    case V_RECORD: return v->record.depth;
    case V_DIST: return v->dist->depth;
    case V_FUNCTION: return v->fn.kind == F_PRIME ? 1 + depth_of(v->fn.of) : 0;
    default: return 0;
    }
}

/* Everything that walks through a value nests as deeply as the value does. */
int val_nested(Lower *L, int depth)
{
    if (depth > MAX_NESTING && !L->m->too_large[0])
        snprintf(L->m->too_large, sizeof L->m->too_large, "values inside one another more than %d deep", MAX_NESTING);
    return depth;
}

static int count_nesting(Lower *L, Value **items, int n)
{
    int deepest = 0;
    for (int i = 0; i < n; i++) deepest = depth_of(items[i]) > deepest ? depth_of(items[i]) : deepest;
    return val_nested(L, deepest + 1);
}

static bool has_slots(const Value *v) { return v->kind == V_SLOT || (v->kind == V_LIST && v->list.slots) || (v->kind == V_RECORD && v->record.slots); }

static bool any_slots(Value *const *items, int n)
{
    for (int i = 0; i < n; i++)
        if (has_slots(items[i])) return true;
    return false;
}

Value *val_list(Lower *L, Value **items, int n)
{
    Value *v = val_new(L, V_LIST);
    v->list.v = arena_copy(L->work, items, sizeof *items * (size_t)n);
    v->list.n = n;
    v->list.leaves = count_leaves(L, items, n);
    v->list.depth = count_nesting(L, items, n);
    v->list.slots = any_slots(items, n);
    return v;
}

Value *val_range(Lower *L, int64_t from, int64_t to)
{
    Value *v = val_new(L, V_RANGE);
    v->range.from = from;
    v->range.to = to;
    return v;
}

Value *val_tensor(Lower *L, IrVal *t)
{
    if (!t) return val_error(L);
    Value *v = val_new(L, V_TENSOR);
    v->tensor.v = t;
    v->tensor.home = L->fn;
    v->tensor.own_axis = -1;
    return v;
}

Value *val_slot(Lower *L, int slot)
{
    Value *v = val_new(L, V_SLOT);
    v->slot.slot = slot;
    v->slot.classes = slot_classes(L, slot);
    return v;
}

Value *val_record(Lower *L, Value **items, const char **name, int n)
{
    Value *v = val_new(L, V_RECORD);
    v->record.v = arena_copy(L->work, items, sizeof *items * (size_t)n);
    v->record.name = name ? arena_copy(L->work, name, sizeof *name * (size_t)n) : NULL;
    v->record.n = n;
    v->record.leaves = count_leaves(L, items, n);
    v->record.depth = count_nesting(L, items, n);
    v->record.slots = any_slots(items, n);
    return v;
}

/* Fields mostly stand in the order of the form, so that is looked at first. */
static Value *field_near(const Value *v, const char *name, int i) { return strcmp(v->record.name[i], name) ? val_field(v, name) : v->record.v[i]; }

static int leaves_in(const Value *r)
{
    int n = 0;
    for (int i = 0; i < r->record.n; i++) n += r->record.v[i]->kind == V_RECORD ? leaves_in(r->record.v[i]) : 1;
    return n;
}

/* v's leaves in the fields of form, where the names of one are paths into the records of the other: Dense_1.w, and w of a record Dense_1. */
static Value *in_form_by_paths(Lower *L, const Value *form, Value *v)
{
    if (form->kind != V_RECORD || v->kind != V_RECORD || leaves_in(form) != leaves_in(v)) return NULL;
    Value **f = arena_array(L->a, Value *, form->record.n + 1);
    for (int i = 0; i < form->record.n; i++) {
        Value *part = val_at_path(L, v, form->record.name ? form->record.name[i] : strf(L, "%d", i));
        f[i] = part ? val_in_form(L, form->record.v[i], part) : NULL;
        if (!f[i]) return NULL;
    }
    Value *r = val_record_of_both(L, val_record(L, f, form->record.name, form->record.n), v, v);
    for (int i = 0; i < v->record.n; i++)
        if (v->record.v[i]->kind == V_RECORD) r = val_record_of_both(L, r, r, v->record.v[i]);
    return r;
}

Value *val_in_form(Lower *L, const Value *form, Value *v)
{
    if (val_bad(v) || (form->kind != V_RECORD && v->kind != V_RECORD)) return v;
    bool same = form->kind == v->kind && form->record.n == v->record.n && !form->record.name == !v->record.name;
    if (!same) return in_form_by_paths(L, form, v);
    Value **f = arena_array(L->a, Value *, v->record.n + 1);
    for (int i = 0; i < v->record.n; i++) {
        Value *field = form->record.name ? field_near(v, form->record.name[i], i) : v->record.v[i];
        f[i] = field ? val_in_form(L, form->record.v[i], field) : NULL;
        if (!f[i]) return field ? NULL : in_form_by_paths(L, form, v);
    }
    Value *r = val_record(L, f, form->record.name, v->record.n);
    r->record.of = v->record.of;
    r->record.mixed = v->record.mixed;
    return r;
}

Value *val_record_like(Lower *L, const Value *like, Value **v)
{
    Value *r = val_record(L, v, like->record.name, like->record.n);
    r->record.of = like->record.of;
    r->record.mixed = like->record.mixed;
    return r;
}

Value *val_record_of(Lower *L, const Value *v, Player *p)
{
    Value *r = val_record_like(L, v, v->record.v);
    r->record.mixed = v->record.mixed || (v->record.of && v->record.of != p);
    r->record.of = r->record.mixed ? NULL : p;
    return r;
}

Value *val_record_of_both(Lower *L, Value *r, const Value *a, const Value *b)
{
    r->record.of = a->record.of ? a->record.of : b->record.of;
    r->record.mixed = a->record.mixed || b->record.mixed;
    return b->record.of ? val_record_of(L, r, b->record.of) : r;
}

Value *val_closure(Lower *L, const Ast *def, Scope *scope, const char *name)
{
    Closure *k = arena_new_of(L->a, Closure);
    k->def = def;
    k->scope = scope;
    k->name = name;
    Value *v = val_new(L, V_FUNCTION);
    v->fn.kind = F_CLOSURE;
    v->fn.closure = k;
    return v;
}

Closure *closure_copy(Lower *L, const Closure *k, Scope *scope)
{
    Closure *copy = arena_copy(L->a, k, sizeof *k);
    copy->scope = scope;
    copy->axes_known = false;
    copy->axes_round = 0;
    return copy;
}

Value *val_prime(Lower *L, Value *of, int order)
{
    Value *v = val_new(L, V_FUNCTION);
    v->fn.kind = F_PRIME;
    v->fn.of = of;
    v->fn.order = order;
    val_nested(L, depth_of(v));
    return v;
}

/* ---- asking */

/* Of a value or of all in a list: the greatest n of its classes, and between which bounds its other known numbers lie. */
typedef struct { int64_t most, lo, hi; bool other; } Classes;

static int64_t class_of(const Value *v)
{
    return v->kind == V_TENSOR ? v->tensor.classes : v->kind == V_SLOT ? v->slot.classes : v->kind == V_INT ? v->classes : 0;
}

static void classes_in(const Value *v, Classes *k)
{
    int64_t n = class_of(v);
    if (v->kind == V_LIST) {
        for (int i = 0; i < v->list.n; i++) classes_in(v->list.v[i], k);
    } else if (n) {
        if (n > k->most) k->most = n;
    } else if (v->kind == V_INT) {
        if (v->i < k->lo) k->lo = v->i;
        if (v->i > k->hi) k->hi = v->i;
    } else {
        k->other = true;
    }
}

int64_t val_classes(const Value *v)
{
    if (v->kind != V_LIST) return class_of(v);
    Classes k = {0};
    classes_in(v, &k);
    return !k.other && k.lo >= 0 && k.hi < k.most ? k.most : 0;
}

bool val_static(const Value *v)
{
    switch (v->kind) {
    case V_INT: case V_REAL: case V_BOOL: case V_STRING: case V_RANGE: return true;
    case V_LIST:
        for (int i = 0; i < v->list.n; i++)
            if (!val_static(v->list.v[i])) return false;
        return true;
    default: return false;
    }
}

bool val_runs(Lower *L, const Value *v)
{
    if (v->kind == V_TENSOR) return true;
    if (v->kind == V_SLOT) return L->m->slots.v[v->slot.slot].kind != IR_SLOT_DATA;
    if (v->kind == V_LIST)
        for (int i = 0; i < v->list.n; i++)
            if (val_runs(L, v->list.v[i])) return true;
    if (v->kind == V_RECORD)
        for (int i = 0; i < v->record.n; i++)
            if (val_runs(L, v->record.v[i])) return true;
    return false;
}

Value *val_field(const Value *r, const char *name)
{
    for (int i = 0; r->record.name && i < r->record.n; i++)
        if (!strcmp(r->record.name[i], name)) return r->record.v[i];
    return NULL;
}

/* Where the names at i begin with the place `at` in a tuple, how many do; 0: none. */
static int of_place(const char *const *name, int n, int i, int at)
{
    char place[16];
    int size = snprintf(place, sizeof place, "%d", at), k = i;
    for (; k < n; k++)
        if (strncmp(name[k], place, (size_t)size) || (name[k][size] && name[k][size] != '.')) break;
    return k - i;
}

/* How many parts the tuple has whose parts' paths these are; 0: they are no tuple's. */
static int tuple_parts(const char *const *name, int n)
{
    int parts = 0;
    for (int i = 0, k; i < n; i += k, parts++)
        if (!(k = of_place(name, n, i, parts))) return 0;
    return parts;
}

Value *val_of_paths(Lower *L, Value **v, const char **name, int n)
{
    int parts = tuple_parts(name, n);
    Value *r = val_record(L, v, name, n), **part = arena_array(L->a, Value *, parts + 1);
    for (int i = 0; i < parts; i++) part[i] = val_part(L, r, strf(L, "%d", i));
    return parts ? val_record(L, part, NULL, parts) : r;
}

/* Of a list of records, the list of their fields: NULL where one has none. */
static Value *part_of_each(Lower *L, const Value *list, const char *name)
{
    Value **v = arena_array(L->a, Value *, list->list.n + 1);
    for (int i = 0; i < list->list.n; i++) {
        const Value *item = val_in_form(L, list->list.v[0], list->list.v[i]);
        if (!item || !(v[i] = val_part(L, item, name))) return NULL;
    }
    return list->list.n ? val_list(L, v, list->list.n) : NULL;
}

/* Names of a player's record are paths: a part of one stands for the record of what is below it. */
Value *val_part(Lower *L, const Value *r, const char *name)
{
    if (r->kind == V_LIST) return part_of_each(L, r, name);
    if (r->kind != V_RECORD) return NULL;
    Value *f = val_field(r, name);
    size_t n = strlen(name);
    int parts = 0;
    if (f || !r->record.name) return f;
    Value **v = arena_array(L->a, Value *, r->record.n + 1);
    const char **names = arena_array(L->a, const char *, r->record.n + 1);
    for (int i = 0; i < r->record.n; i++) {
        if (strncmp(r->record.name[i], name, n) || r->record.name[i][n] != '.') continue;
        v[parts] = r->record.v[i];
        names[parts++] = r->record.name[i] + n + 1;
    }
    if (!parts) return NULL;
    Value *part = val_of_paths(L, v, names, parts);
    part->record.of = r->record.of;
    part->record.mixed = r->record.mixed;
    return part;
}

Value *val_at_path(Lower *L, const Value *r, const char *path)
{
    char *end;
    long i = strtol(path, &end, 10);
    bool item = r->kind == V_RECORD && !r->record.name && end > path && !*end && i >= 0 && i < r->record.n;
    Value *f = item ? r->record.v[i] : val_part(L, r, path);
    for (const char *dot = strchr(path, '.'); !f && dot; dot = strchr(dot + 1, '.')) {
        const Value *part = val_at_path(L, r, arena_strn(L->a, path, (size_t)(dot - path)));
        f = part && part->kind == V_RECORD ? val_at_path(L, part, dot + 1) : NULL;
    }
    return f;
}

Value *map_fields(Ctx *c, Value *v, Value *(*f)(Ctx *c, Value *leaf, void *arg), void *arg)
{
    if (v->kind != V_RECORD) return f(c, v, arg);
    Value **out = arena_array(c->L->a, Value *, v->record.n + 1);
    for (int i = 0; i < v->record.n; i++) out[i] = map_fields(c, v->record.v[i], f, arg);
    return val_record_like(c->L, v, out);
}

/* ---- describing */

const char *dims_text(Lower *L, const IrInts *d)
{
    Text t = text_in(L->a);
    text_add(&t, "[");
    for (int i = 0; i < d->n; i++) text_printf(&t, "%s%lld", i ? ", " : "", (long long)d->v[i]);
    text_add(&t, "]");
    return text_str(&t);
}

const char *type_text(Lower *L, const IrType *t)
{
    const char *elem = ir_is_real(t->elem) ? "real" : t->elem == IR_BOOL ? "bool" : "int";
    IrInts d = ir_dims_of(t);
    return t->rank ? strf(L, "%s%s", elem, dims_text(L, &d)) : elem;
}

static const char *function_text(Lower *L, const Value *v)
{
    switch (v->fn.kind) {
    case F_BUILTIN: return strf(L, "the function %s", v->fn.builtin_name);
    case F_PARTIAL: return strf(L, "%s waiting for its last argument", v->fn.builtin_name);
    case F_PRIME: return "a derivative";
    case F_CLOSURE: case F_OF_EACH: break;
    }
    const Ast *d = v->fn.closure->def;
    if (d->kind == AST_DEFINE && d->define.word != AST_DEFINE_DEF)
        return strf(L, "the %s %s", AstDefine_name(d->define.word), d->define.name);
    return v->fn.closure->name ? strf(L, "the function %s", v->fn.closure->name) : "a function";
}

static const char *real_text(Lower *L, double r)
{
    Text t = text_in(L->a);
    text_f64(&t, r);
    return text_str(&t);
}

static const char *record_text(Lower *L, const Value *v)
{
    Text t = text_in(L->a);
    text_add(&t, "(");
    for (int i = 0; i < v->record.n; i++) {
        text_add(&t, i ? ", " : "");
        if (v->record.name) text_printf(&t, "%s: ", v->record.name[i]);
        text_add(&t, val_text(L, v->record.v[i]));
    }
    text_add(&t, ")");
    return text_str(&t);
}

const char *tensor_text(Lower *L, const IrType *type, int64_t classes)
{
    if (!classes) return type_text(L, type);
    IrInts d = ir_dims_of(type);
    return strf(L, "class[%lld]%s", (long long)classes, type->rank ? dims_text(L, &d) : "");
}

/* A list of numbers reads like the tensor it can be. */
static const char *list_text(Lower *L, const Value *v)
{
    IrInts d = ir_ints(0, NULL);
    bool ints = true;
    const Value *x = v;
    for (; x->kind == V_LIST && x->list.n && d.n < IR_MAX_RANK; x = x->list.v[0]) {
        d.v[d.n++] = x->list.n;
        for (int i = 0; i < x->list.n; i++) ints = ints && x->list.v[i]->kind != V_REAL;
    }
    if (x->kind == V_INT || x->kind == V_REAL) return strf(L, "%s%s", ints ? "int" : "real", dims_text(L, &d));
    return strf(L, "a list of %d", v->list.n);
}

const char *val_text(Lower *L, const Value *v)
{
    switch (v->kind) {
    case V_ERROR: return VAL_UNKNOWN;
    case V_NONE: return val_is_absent(v) ? v->s : "no value";
    case V_INT: return strf(L, "%lld", (long long)v->i);
    case V_REAL: return real_text(L, v->r);
    case V_BOOL: return v->b ? "true" : "false";
    case V_STRING: return strf(L, "\"%.40s\"", v->s);
    case V_LIST: return list_text(L, v);
    case V_RANGE: return strf(L, "%lld..%lld", (long long)v->range.from, (long long)v->range.to);
    case V_TENSOR: return tensor_text(L, &v->tensor.v->type, v->tensor.classes);
    case V_SLOT: return tensor_text(L, &L->m->slots.v[v->slot.slot].type, v->slot.classes);
    case V_RECORD: return record_text(L, v);
    case V_FUNCTION: return function_text(L, v);
    case V_LAYER: return strf(L, "the layer %s", v->layer.inst->path);
    case V_PLAYER: return strf(L, "the %s %s", AstDefine_name(v->player->word), v->player->name);
    case V_DIST: return strf(L, "the distribution %s", L->dist_text(L, v->dist));
    case V_COMPARE: return strf(L, "the comparison %s", v->compare->name);
    case V_BIJECTOR: return strf(L, "the bijector %s", v->bijector.closure->name);
    case V_OPTIMIZER: return strf(L, "the optimiser %s", v->optimizer.closure->name);
    case V_THUNK: return strf(L, "the loss %s", v->thunk.name);
    case V_MODULE: return strf(L, "the module %s", v->module->module->name);
    case V_REPORT: return strf(L, "the report %s", v->report);
    }
    return "nothing";
}

/* [64, 32]: of a short list, its items. */
static const char *list_key(Lower *L, const Value *v)
{
    enum { SHORT = 16 };
    Text t = text_in(L->a);
    if (v->list.n > SHORT || v->list.leaves > SHORT) return val_text(L, v);
    for (int i = 0; i < v->list.n; i++) text_printf(&t, "%s%s", i ? ", " : "[", val_key(L, v->list.v[i]));
    text_add(&t, v->list.n ? "]" : "[]");
    return text_str(&t);
}

const char *val_key(Lower *L, const Value *v)
{
    switch (v->kind) {
    case V_FUNCTION:
        if (v->fn.closure && v->fn.closure->name) return v->fn.closure->name;
        if (v->fn.kind == F_BUILTIN || v->fn.kind == F_PARTIAL) return v->fn.builtin_name;
        return "fn";
    case V_STRING: return v->s;
    case V_PLAYER: return v->player->name;
    case V_DIST: return v->dist->name;
    case V_LIST: return list_key(L, v);
    default: return val_text(L, v);
    }
}

/* ---- turning into tensors */

/* Rule of initial values: they are those of a new run, so they cannot follow what statements have done. */
static IrVal *slot_tensor(Ctx *c, const Value *v, Span at)
{
    Lower *L = c->L;
    int slot = v->slot.slot;
    if (L->fn == L->init && slots_changed(L, slot)) {
        Diag *d = diag_error(L->diags, at, E407, "an initial value belongs to a new run, and %s has been changed by statements above",
                             L->m->slots.v[slot].path);
        diag_hint(d, "start it at a number, and give it its value with := (or copy .. into) where that is known");
        return NULL;
    }
    return fn_read(L, slot);
}

static bool at_home(Ctx *c, const Value *v, Span at)
{
    if (v->tensor.home == c->L->fn) return true;
    if (c->L->fn->now) {
        diag_error(c->L->diags, at, E202, "each row is asked once, when the data are read, and this is computed while the program runs");
        return false;
    }
    if (c->L->guess) return false;                          /* a value of the schedule: known to be there, and no more */
    if (c->L->fn == c->L->init) {
        Diag *d = diag_error(c->L->diags, at, E407, "an initial value belongs to a new run, and this is computed by a statement of the schedule");
        diag_hint(d, "def f() = .. is computed where it is used, also there: f() instead of what a let keeps; or start a state at 0 and give it its value with :=");
        return false;
    }
    Diag *d =
        diag_error(c->L->diags, at, E113, "this value was computed for another statement and cannot be used here");
    diag_hint(d, "compute it where it is used, or bind it in the schedule with let");
    return false;
}

IrElem int_elem(int64_t i) { return i >= INT32_MIN && i <= INT32_MAX ? IR_I32 : IR_I64; }

static bool wants_value(Ctx *c, const Value *v, Span at)
{
    const char *what = val_text(c->L, v);
    Diag *d = diag_error(c->L->diags, at, E201, "a number or tensor is needed here, and this is %s", what);
    if (v->kind == V_DIST)
        diag_hint(d, "draw from it: E[x ~ %s] ..., or a statement x ~ %s", c->L->dist_text(c->L, v->dist),
                  c->L->dist_text(c->L, v->dist));
    const Ast *def = v->kind == V_FUNCTION && v->fn.kind == F_CLOSURE && v->fn.closure->name ? v->fn.closure->def : NULL;
    if (def && def->kind == AST_DEFINE && def->define.params.n)
        diag_hint(d, "apply it to an argument: %s(%s%s)", v->fn.closure->name, def->define.params.v[0]->param.name, def->define.params.n > 1 ? ", .." : "");
    else if (v->kind == V_PLAYER && v->player->word != AST_DEFINE_NET) diag_hint(d, "draw from it: E[x ~ %s : 1000] ..., or give it its arguments", v->player->name);
    else if (v->kind == V_FUNCTION || v->kind == V_PLAYER || v->kind == V_LAYER) diag_hint(d, "apply it to an argument");
    if (val_is_absent(v)) diag_hint(d, "none stands for an argument that was not given; given(x) says whether x was");
    else if (v->kind == V_NONE) diag_hint(d, "the last expression of a block is its value");
    return false;
}

bool number_fits(Lower *L, const Value *v, IrElem elem, Span at)
{
    double x = val_number(v);
    float  f = (float)x;
    if (elem != IR_F32 || !isfinite(x) || (isfinite(f) && (f != 0 || x == 0))) return true;
    Diag *d = diag_warning(L->diags, v->at.file ? v->at : at, W200, "%s is no number of f32: it is %s where it is computed with", val_text(L, v), f == 0 ? "0" : f > 0 ? "inf" : "-inf");
    diag_hint(d, "precision f64 holds it; f32 holds 1.4e-45 to 3.4e38");
    return false;
}

IrVal *real_const(Ctx *c, const Value *v, IrElem elem, Span at)
{
    if (exact_is_beyond(v, elem)) return c->L->beyond = true, exact_node(c->L, fn_builder(c), v, elem);
    number_fits(c->L, v, elem, at);
    return ir_const(fn_builder(c), elem, val_number(v));
}

static bool is_whole(const IrVal *v) { return !ir_is_real(v->type.elem); }

IrVal *as_tensor(Ctx *c, Value *v, Span at)
{
    v = as_settled(c, v, at);
    if (val_bad(v) || !fn_needed(c, at)) return NULL;
    IrBuilder *b = fn_builder(c);
    switch (v->kind) {
    case V_INT:                                             /* a derivative is by a real */
        return !v->face ? ir_const_int(b, int_elem(v->i), v->i) : is_whole(face_node(c, v)) ? face_node(c, v) : ir_convert(b, face_node(c, v), c->L->m->real);
    case V_REAL:
        if (v->face) return ir_convert(b, face_node(c, v), c->L->m->real);
        return real_const(c, v, c->L->m->real, at);
    case V_BOOL: return v->face ? face_condition(c, v) : ir_const(b, IR_BOOL, v->b);
    case V_TENSOR:
        if (c->L->fn->shapes && v->tensor.home != c->L->fn) return fn_given(c, v->tensor.v->type);
        return at_home(c, v, at) ? v->tensor.v : NULL;
    case V_SLOT: return slot_tensor(c, v, at);
    case V_LIST: {
        Value *t = arith_stacked(c, v, at);
        return val_bad(t) ? NULL : as_tensor(c, t, at);
    }
    case V_RANGE: {
        IrInts d = ir_ints(1, (int64_t[]){v->range.to > v->range.from ? v->range.to - v->range.from : 0});
        if (!dims_fit(c->L, &d, at)) return NULL;
        IrVal *from = ir_const_int(b, int_elem(v->range.from), v->range.from);
        IrElem e = int_elem(v->range.from) == IR_I32 ? int_elem(v->range.to) : IR_I64;
        return ir_add(b, ir_convert(b, ir_index_dim(b, d, 0), e), arith_convert(c, from, e));
    }
    default: wants_value(c, v, at); return NULL;
    }
}

/* A known real as it is, which the program's own element type may not hold. */
IrVal *as_shown(Ctx *c, Value *v, Span at)
{
    v = as_settled(c, v, at);
    return v->kind == V_REAL && fn_needed(c, at) ? ir_const(fn_builder(c), IR_F64, v->r) : as_tensor(c, v, at);
}

IrVal *as_real(Ctx *c, Value *v, Span at)
{
    if (v->kind == V_INT && fn_needed(c, at)) return as_tensor(c, val_same(c->L, v, (double)v->i), at);
    IrVal *t = as_tensor(c, v, at);
    if (!t || ir_is_real(t->type.elem)) return t;
    return ir_convert(fn_builder(c), t, t->type.elem == IR_I64 ? IR_F64 : c->L->m->real);
}

/* A value that is computed while the program runs is one mistake, wherever it would have to be known before. */
static bool not_known(Ctx *c, const Value *v, Span at, const char *what, const char *hint)
{
    Lower *L = c->L;
    const IrVal *t = v->kind == V_TENSOR ? v->tensor.v : NULL;
    for (int i = 0; t && i < L->asked.n; i++) {
        if (L->asked.v[i].v != t || L->asked.v[i].bag != L->diags) continue;
        diag_note(L->asked.v[i].d, at, "and here");
        return false;
    }
    Diag *d = diag_error(L->diags, at, E202, "%s must be known when the program is compiled, and this is computed while it runs", what);
    if (hint) diag_hint(d, "%s", hint);
    else if (t && !ir_is_real(t->type.elem) && t->type.elem != IR_BOOL && !t->type.rank)
        diag_hint(d, "count, sum, max and min of known numbers are known, and for n in dims, k = 1 { k * n } is their product");
    if (t) array_push(L->a, &L->asked, ((__typeof__(*L->asked.v)){t, L->diags, d}));
    return false;
}

static bool not_static(Ctx *c, const Value *v, Span at, const char *what, const char *kind, const char *hint)
{
    if (val_bad(v)) return false;
    if (v->kind == V_TENSOR || v->kind == V_SLOT || v->kind == V_REPORT) return not_known(c, v, at, what, hint);
    bool whole = v->kind == V_REAL && v->r == floor(v->r);  /* it reads like an int */
    Diag *d = diag_error(c->L->diags, at, E204, "%s must be %s, and this is %s%s", what, kind, whole ? "the real " : "", val_text(c->L, v));
    if (v->kind == V_REAL) diag_hint(d, "a number with a point or an exponent is a real: 10_000, not 1e4; div(a, b) divides integers, int(x) cuts a real to one");
    return false;
}

bool as_int_or(Ctx *c, Value *v, Span at, const char *what, const char *hint, int64_t *out)
{
    v = as_settled(c, v, at);
    if (v->kind == V_INT) return *out = v->i, true;
    return not_static(c, v, at, what, "an integer", hint);
}

bool as_int(Ctx *c, Value *v, Span at, const char *what, int64_t *out) { return as_int_or(c, v, at, what, NULL, out); }

bool as_size(Ctx *c, Value *v, Span at, const char *what, int64_t *out)
{
    if (!as_int(c, v, at, what, out)) return false;
    if (*out >= 0) return true;
    diag_error(c->L->diags, at, E204, "%s cannot be negative, and this is %lld", what, (long long)*out);
    return false;
}

bool as_number(Ctx *c, Value *v, Span at, const char *what, double *out)
{
    v = as_settled(c, v, at);
    if (v->kind == V_INT) return *out = (double)v->i, true;
    if (v->kind == V_REAL) return *out = v->r, true;
    return not_static(c, v, at, what, "a number", NULL);
}

bool dims_fit(Lower *L, const IrInts *d, Span at)
{
    int64_t n = 8;
    for (int i = 0; i < d->n; i++)
        if (__builtin_mul_overflow(n, d->v[i] ? d->v[i] : 1, &n) || n > MAX_BYTES) {
            diag_error(L->diags, at, E203, "a tensor of shape %s would not fit in memory", dims_text(L, d));
            return false;
        }
    return true;
}

bool as_dims(Ctx *c, Value *v, Span at, IrInts *out)
{
    *out = ir_ints(0, NULL);
    v = as_settled(c, v, at);
    Value *one[] = {v};
    Value **item = v->kind == V_LIST ? v->list.v : one;
    int n = v->kind == V_LIST ? v->list.n : 1;
    if (n > IR_MAX_RANK)
        return diag_error(c->L->diags, at, E205, "a tensor has at most %d dimensions, and this asks for %d",
                          IR_MAX_RANK, n),
               false;
    for (int i = 0; i < n; i++)
        if (!as_size(c, item[i], at, "a dimension", &out->v[i])) return false;
    out->n = (uint8_t)n;
    return dims_fit(c->L, out, at);
}

int64_t val_rows(Lower *L, const Value *v)
{
    switch (v->kind) {
    case V_TENSOR: return v->tensor.v->type.rank ? v->tensor.v->type.dim[0] : -1;
    case V_SLOT: return L->m->slots.v[v->slot.slot].type.rank ? L->m->slots.v[v->slot.slot].type.dim[0] : -1;
    case V_LIST: return v->list.n;
    case V_RECORD: return v->record.n ? val_rows(L, v->record.v[0]) : -1;
    default: return -1;
    }
}

bool as_rows(Ctx *c, Value *v, Span at, const char *what, int64_t *n)
{
    for (int i = 0; v->kind == V_RECORD && i < v->record.n; i++) {
        int64_t k = 0;
        if (!as_rows(c, v->record.v[i], at, what, &k)) return false;
        if (i && k != *n) {
            diag_error(c->L->diags, at, E200, "the fields have %lld and %lld rows", (long long)*n, (long long)k);
            return false;
        }
        *n = k;
    }
    if (v->kind == V_RECORD) return v->record.n > 0;
    IrVal *t = as_tensor(c, v, at);
    if (t && !t->type.rank) diag_error(c->L->diags, at, E205, "%s, and this is one number", what);
    return t && t->type.rank ? *n = t->type.dim[0], true : false;
}

/* ---- values that stand for others */

static bool report_slot(Ctx *c, Value *v, Span at, int *slot)
{
    const char *path = strf(c->L, "report.%s", v->report);
    *slot = ir_find_slot(c->L->m, path);
    if (*slot >= 0) return true;
    int known = names_get(&c->L->reports, v->report);
    bool own_line_wrong = known == REPORT_ITSELF;
    if (own_line_wrong || names_lack(c->L->names)) return false;
    Diag *d = diag_error(c->L->diags, at, E404, "nothing has been reported as %s before this line", v->report);
    if (known == REPORT_WITH_INDICES) diag_hint(d, "reports of this name have indices, %s[..], and are read with them", v->report);
    return false;
}

Value *as_settled(Ctx *c, Value *v, Span at)
{
    int slot;
    Value used;
    switch (v->kind) {
    case V_THUNK:
        used = *v;
        used.at = at;
        return c->L->settle(c, &used, at);
    case V_REPORT: return report_slot(c, v, at, &slot) ? val_slot(c->L, slot) : val_error(c->L);
    case V_DIST: return c->L->settle(c, v, at);
    default: return v;
    }
}

Value *as_numbers(Ctx *c, Value *v, Span at)
{
    v = as_settled(c, v, at);
    return v->kind == V_PLAYER ? c->L->settle(c, v, at) : val_stacked(c, v, at);
}

Value *too_many_dims(Ctx *c, Span at)
{
    Diag *d = diag_error(c->L->diags, at, E205, "a tensor has at most %d dimensions, and this would have more", IR_MAX_RANK);
    diag_hint(d, "reshape(x, [n * m, k]) makes one dimension of two");
    return val_error(c->L);
}

Value *too_many_axes(Ctx *c, Span at)
{
    Diag *d = diag_error(c->L->diags, at, E205, "a value varies over the samples of at most %d draws, and this would over more", IR_MAX_AXES);
    diag_hint(d, "E[x ~ p, y ~ q] draws both along one axis, where E[x ~ p] E[y ~ q] has two; p^[n, m] has none");
    return val_error(c->L);
}

Value *too_many(Ctx *c, Span at, const char *what, int64_t most)
{
    diag_error(c->L->diags, at, E107, "%s: at most %lld", what, (long long)most);
    return val_error(c->L);
}

static Value *now_leaf(Ctx *c, Value *leaf, void *arg)
{
    if (leaf->kind == V_LIST && leaf->list.slots) {
        Value **v = arena_array(c->L->a, Value *, leaf->list.n + 1);
        for (int i = 0; i < leaf->list.n; i++) v[i] = map_fields(c, leaf->list.v[i], now_leaf, arg);
        return val_list(c->L, v, leaf->list.n);
    }
    if (leaf->kind != V_SLOT || c->L->m->slots.v[leaf->slot.slot].kind == IR_SLOT_DATA) return leaf;
    IrVal *t = as_tensor(c, leaf, leaf->at);
    if (!t) return val_error(c->L);
    Value *v = val_tensor(c->L, t);
    v->tensor.classes = leaf->slot.classes;
    return v;
}

Value *val_now(Ctx *c, Value *v) { return c->L->fn && has_slots(v) ? map_fields(c, v, now_leaf, NULL) : v; }
