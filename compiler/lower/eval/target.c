/* target.c - what stands left of := : a state or a part of one, s.x, chain[step, 0], s.rows[2.., k].
 *
 * Fields, and parts of tuples, are taken from the state one after the other; the last pair of brackets may pick elements of a tensor: an integer of
 * each dimension, or a range. The others stay what they are, so for each element the new value or the old one is selected. Statements of the
 * schedule, bodies and rules share this. */
#include "compiler/lower/eval/target.h"
#include "compiler/lower/eval/eval.h"
#include "compiler/lower/own/own.h"
#include "compiler/lower/value/value.h"

/* ---- which part */

static const Ast *object_of(const Ast *t) { return t->kind == AST_FIELD ? t->field.object : t->kind == AST_INDEX ? t->index.object : NULL; }

const Ast *target_root(const Ast *t)
{
    while (object_of(t)) t = object_of(t);
    return t->kind == AST_NAME ? t : NULL;
}

static Value *field_part(Ctx *c, const Ast *t, const Value *whole)
{
    Value *f = whole->kind == V_RECORD ? val_part(c->L, whole, t->field.name) : NULL;
    if (!f) diag_error(c->L->diags, t->field.name_span, E112, "%s has no %s", val_text(c->L, whole), t->field.name);
    return f;
}

static void not_picked(Ctx *c, const Ast *t, const Value *whole)
{
    bool record = whole->kind == V_RECORD, named = record && whole->record.name && whole->record.n;
    const char *has = named ? "record has fields" : "tuple has parts, each with a number";
    Diag *d = record ? diag_error(c->L->diags, t->span, E201, "a %s, and this is %s", has, val_text(c->L, whole))
                     : diag_error(c->L->diags, t->span, E201, "a part of a state has one pair of brackets, the last thing in it");
    if (named) diag_hint(d, "write .%s[..] for a row of a field", whole->record.name[0]);
    else diag_hint(d, record ? "write t[0] for the first, and t[0][i] for a row of it" : "write t[i, j] for what is row i, and there j");
}

/* Part k of a tuple. */
static Value *tuple_part(Ctx *c, const Ast *t, const Value *whole)
{
    int64_t k;
    const Ast *item = t->index.items.v[0];
    if (whole->kind != V_RECORD || whole->record.name || t->index.items.n > 1 || item->kind == AST_RANGE) return not_picked(c, t, whole), NULL;
    if (!as_int(c, eval(c, item), item->span, "which part of a tuple", &k) || !index_bounds(c, k, whole->record.n, false, item->span)) return NULL;
    return whole->record.v[k];
}

/* NULL after an error, also one that was reported where the value was made. */
static Value *part_of_root(Ctx *c, const Ast *t, Value *root)
{
    if (t->kind == AST_NAME) return root;
    Value *whole = part_of_root(c, object_of(t), root);
    if (!whole || val_bad(whole)) return whole;
    return t->kind == AST_FIELD ? field_part(c, t, whole) : tuple_part(c, t, whole);
}

static bool has_elements(const Value *v) { return v->kind == V_SLOT || v->kind == V_TENSOR; }

bool target_find(Ctx *c, const Ast *t, Value *root, Target *out)
{
    Value *object = t->kind == AST_INDEX ? part_of_root(c, t->index.object, root) : NULL;
    bool picks = object && has_elements(object);
    *out = (Target){picks ? object : t->kind == AST_INDEX && !object ? NULL : part_of_root(c, t, root), picks ? t : NULL};
    return out->part && !val_bad(out->part);
}

/* ---- which elements */

typedef struct Pick { bool one; int64_t from, to; IrVal *computed; } Pick;      /* of a dimension: the index `computed`, or from; or all from..to */

static bool pick_range(Ctx *c, const Ast *item, int64_t extent, Pick *p)
{
    *p = (Pick){0};
    return index_range(c, item, extent, &p->from, &p->to);
}

static bool may_leave(Ctx *c, int64_t extent, Span at)
{
    Diag *d = diag_error(c->L->diags, at, E200, "this index may be any integer, and there are %lld rows", (long long)extent);
    if (extent) diag_hint(d, "min(max(k, 0), %lld) is one of them", (long long)extent - 1);
    return false;
}

/* An index that is computed while the program runs. */
static bool pick_computed(Ctx *c, const Value *v, IrVal *i, int64_t extent, Pick *p, IrVal **within, Span at)
{
    IrBuilder *b = fn_builder(c);
    if (i->type.rank || i->type.axes.n || ir_is_real(i->type.elem) || i->type.elem == IR_BOOL) {
        Diag *d = diag_error(c->L->diags, at, E204, "a part that is assigned has an integer or a range for each dimension, and this is %s%s",
                             type_text(c->L, &i->type), i->type.axes.n ? " for each sample" : "");
        diag_hint(d, "t := .. with a tensor of the whole shape gives all of them new values at once");
        return false;
    }
    int64_t classes = val_classes(v);
    bool fits = (classes && classes <= extent) || ints_within(c->L, i, 0, extent - 1);
    if (!fits && !within) return may_leave(c, extent, at);
    if (!fits) {
        IrVal *high = ir_compare(b, IR_LT, i, ir_const(b, i->type.elem, (double)extent));
        IrVal *in = ir_and(b, ir_compare(b, IR_GE, i, ir_const(b, i->type.elem, 0)), high);
        *within = *within ? ir_and(b, *within, in) : in;
    }
    *p = (Pick){.one = true, .computed = ir_convert(b, i, IR_I32)};
    return true;
}

static bool pick_one(Ctx *c, const Ast *item, int64_t extent, Pick *p, IrVal **within)
{
    Value *v = as_settled(c, eval(c, item), item->span);
    *p = (Pick){.one = true, .from = v->kind == V_INT ? v->i : 0};
    if (v->kind == V_INT) return index_bounds(c, v->i, extent, false, item->span);
    IrVal *i = val_bad(v) ? NULL : as_tensor(c, v, item->span);
    return i && pick_computed(c, v, i, extent, p, within, item->span);
}

/* For every dimension of t. */
static bool pick_all(Ctx *c, const Ast *index, const IrVal *t, Pick *p, IrVal **within)
{
    AstList items = index->index.items;
    if (!t->type.rank) return diag_error(c->L->diags, index->span, E205, "this is one number and has no rows"), false;
    if (items.n > t->type.rank) return diag_error(c->L->diags, index->span, E205, "%d indices for %s", items.n, type_text(c->L, &t->type)), false;
    for (int k = 0; k < t->type.rank; k++) {
        p[k] = (Pick){.to = t->type.dim[k]};
        if (k >= items.n) continue;
        bool range = items.v[k]->kind == AST_RANGE;
        if (range ? !pick_range(c, items.v[k], t->type.dim[k], &p[k]) : !pick_one(c, items.v[k], t->type.dim[k], &p[k], within)) return false;
    }
    return true;
}

/* ---- putting */

static IrType picked_type(const IrVal *t, const Pick *p)
{
    IrType part = ir_scalar(t->type.elem);
    for (int k = 0; k < t->type.rank; k++)
        if (!p[k].one) part.dim[part.rank++] = p[k].to - p[k].from;
    return part;
}

static bool part_fits(Ctx *c, const IrType *part, const IrVal *v, Span at, const char *what)
{
    IrType is = v->type;
    is.axes = ir_no_axes();
    bool elem = type_elem_becomes(v->type.elem, part->elem);
    if (elem && (!is.rank || ir_dims_equal(&is, part))) return true;
    if (elem) diag_error(c->L->diags, at, E200, "this part of %s is %s, and its new value is %s", what, type_text(c->L, part), type_text(c->L, &is));
    else {
        IrType one = ir_scalar(part->elem), other = ir_scalar(is.elem);
        diag_error(c->L->diags, at, E200, "an element of %s is %s, and this is %s", what, type_text(c->L, &one), type_text(c->L, &other));
    }
    return false;
}

/* Where the index picks an element, v's element for it; elsewhere anything. */
static IrVal *placed(IrBuilder *b, IrVal *v, const Pick *p, IrInts d)
{
    IrInts low = ir_ints(0, NULL), high = low, none = low, kept = low;
    bool part = false;
    if (!v->type.rank) return ir_fill(b, v, d);
    for (int k = 0; k < d.n; k++) {
        if (p[k].one) continue;
        low.v[low.n++] = p[k].from, high.v[high.n++] = d.v[k] - p[k].to, none.v[none.n++] = 0, kept.v[kept.n++] = k;
        part = part || p[k].from || p[k].to < d.v[k];
    }
    if (part && v->type.elem == IR_BOOL) {                  /* only numbers are padded */
        IrVal *number = ir_pad(b, ir_convert(b, v, IR_I32), low, high, none, 0);
        v = ir_compare(b, IR_NE, number, ir_const_like(b, number, 0));
    } else if (part) v = ir_pad(b, v, low, high, none, 0);
    return kept.n == d.n ? v : ir_broadcast(b, v, d, kept);
}

static IrVal *both(IrBuilder *b, IrVal *x, IrVal *y) { return x && y ? ir_and(b, x, y) : x ? x : y; }

/* NULL: all are. */
static IrVal *where_picked(IrBuilder *b, const Pick *p, IrInts d)
{
    IrVal *in = NULL;
    for (int k = 0; k < d.n; k++) {
        if (p[k].one) {
            IrVal *i = p[k].computed ? p[k].computed : ir_const_int(b, IR_I32, p[k].from);
            in = both(b, in, ir_compare(b, IR_EQ, ir_index_dim(b, d, k), i));
            continue;
        }
        if (p[k].from) in = both(b, in, ir_compare(b, IR_GE, ir_index_dim(b, d, k), ir_const_int(b, IR_I32, p[k].from)));
        if (p[k].to < d.v[k]) in = both(b, in, ir_compare(b, IR_LT, ir_index_dim(b, d, k), ir_const_int(b, IR_I32, p[k].to)));
    }
    return in;
}

IrVal *target_put(Ctx *c, const Ast *index, IrVal *old, IrVal *v, IrVal **picked, IrVal **within, Span at, const char *what)
{
    Pick p[IR_MAX_RANK];
    IrBuilder *b = fn_builder(c);
    IrInts d = ir_dims_of(&old->type);
    *picked = NULL;
    if (!pick_all(c, index, old, p, within)) return NULL;
    IrType part = picked_type(old, p);
    if (!part_fits(c, &part, v, at, what)) return NULL;
    v = placed(b, arith_convert(c, v, old->type.elem), p, d);
    *picked = where_picked(b, p, d);
    return *picked ? ir_select(b, *picked, v, old) : v;
}

/* ---- values that are no slots: what a rule has made by now */

/* r with v for a field, or for the fields whose paths begin with it. */
static Value *with_field(Ctx *c, const Ast *t, const Value *r, Value *v)
{
    size_t n = strlen(t->field.name);
    Value **f = arena_array(c->L->a, Value *, r->record.n + 1);
    for (int i = 0; i < r->record.n; i++) {
        const char *name = r->record.name[i];
        bool under = !strncmp(name, t->field.name, n) && name[n] == '.';
        f[i] = !strcmp(name, t->field.name) ? v : !under ? r->record.v[i] : v->kind == V_RECORD ? val_field(v, name + n + 1) : NULL;
        if (f[i]) continue;
        const char *part = val_text(c->L, val_part(c->L, r, t->field.name));
        diag_error(c->L->diags, t->span, E200, "this part is %s, and its new value is %s", part, val_text(c->L, v));
        return val_error(c->L);
    }
    return val_record_like(c->L, r, f);
}

static Value *with_tuple_part(Ctx *c, const Ast *t, const Value *r, Value *v)
{
    int64_t k;
    if (!as_int(c, eval(c, t->index.items.v[0]), t->span, "which part of a tuple", &k)) return val_error(c->L);
    Value **f = arena_copy(c->L->a, r->record.v, sizeof(Value *) * (size_t)r->record.n);
    f[k] = v;
    return val_record_like(c->L, r, f);
}

static Value *with_elements(Ctx *c, const Ast *t, Value *whole, Value *v, Span at)
{
    IrVal *picked, *x = as_tensor(c, v, at), *old = x ? as_tensor(c, whole, t->span) : NULL;
    return val_tensor(c->L, old ? target_put(c, t, old, x, &picked, NULL, at, "it") : NULL);
}

Value *target_with(Ctx *c, const Ast *t, Value *root, Value *v, Span at)
{
    Target to;
    while (t->kind != AST_NAME && !val_bad(v)) {
        Value *whole = part_of_root(c, object_of(t), root);
        if (!whole || val_bad(whole) || !target_find(c, t, root, &to)) return val_error(c->L);
        v = t->kind == AST_FIELD ? with_field(c, t, whole, v) : to.index ? with_elements(c, t, whole, v, at) : with_tuple_part(c, t, whole, v);
        t = object_of(t);
    }
    return v;
}
